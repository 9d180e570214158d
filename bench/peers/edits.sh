#!/usr/bin/env bash
# How many durable changes a second, of 1 and of 16 writers, at 1,000, 100,000 and 1,000,000 users? slapd (modify) and etcd (put), beside netinfod and an fdatasync
# on the same disk. And etcd's watch: from a put to the event. Called by `./dev bench edits`.
set -uo pipefail
[ -n "${BENCH_INSIDE:-}" ] || exec bash "$(dirname "$0")/inside.sh" edits.sh "$@"
# shellcheck source=bench/peers/lib.sh
. /netinfo/bench/peers/lib.sh
trap stop_all EXIT
took=${BENCH_SECONDS:-2}
load() { measured "$8.rate" "$3" "$9" 30 /build/bench/bench-peer-load "$@"; }
etcd() { measured "$7" "$3" etcd "${limit:-30}" /build/bench/bench-etcd-load "$@"; }

with_slapd() { # USERS
        has slapd slapd || return 0
        if ldap_load "$1" && ldap_start; then
                load ldap-modify 3389 "$1" 1 1 "$took" "$slapd_pid" edit.1 slapd
                load ldap-modify 3389 "$1" 16 1 "$took" "$slapd_pid" edit.16 slapd
        else
                not_run edit.1.rate,edit.16.rate "$1" slapd "it did not load or start"
        fi
        stop_all
        rm -rf "$ldap_folder"
}

with_etcd() { # USERS
        has etcd etcd || return 0
        [ -x /build/bench/bench-etcd-load ] || { not_run missing 0 etcd "libnghttp2-dev was not there to build its load with"; return 0; }
        if ! etcd_start; then
                not_run edit.1.rate,edit.16.rate "$1" etcd "it did not start"
        elif ! limit=$patience etcd load 23790 "$1" 4 64 "$patience" load; then
                not_run edit.1.rate,edit.16.rate "$1" etcd "it did not take so many in $patience s"
        else
                etcd put 23790 "$1" 1 1 "$took" edit.1.rate
                etcd put 23790 "$1" 16 1 "$took" edit.16.rate
                if up_to "$1" 10000; then etcd watch 23790 "$1" 2 1 "$took" visible; fi
                result memory.server "$1" etcd "$(private_kib "$etcd_pid")" KiB
        fi
        stop_all
        rm -rf /scratch/etcd
}

for n in $sizes; do
        [ "$n" = 1000 ] || [ "$n" = 100000 ] || [ "$n" = 1000000 ] || continue
        people "$n"
        netinfod_too "$n" writes
        with_slapd "$n"
        with_etcd "$n"
done
