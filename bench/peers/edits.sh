#!/usr/bin/env bash
# How many durable changes a second, of 1 and of 16 writers? slapd (modify) and etcd (put), beside netinfod and an fdatasync on the same disk. And etcd's watch: from a put to the event. Called by `./dev bench edits`.
set -uo pipefail
[ -n "${BENCH_INSIDE:-}" ] || exec bash "$(dirname "$0")/inside.sh" edits.sh "$@"
# shellcheck source=bench/peers/lib.sh
. /netinfo/bench/peers/lib.sh
trap stop_all EXIT
took=${BENCH_SECONDS:-2}
load() { /build/bench/bench-peer-load "$@" 2>>"$log" || say "$9: no figures: $(tail -n 1 "$log")"; }
etcd() { /build/bench/bench-etcd-load "$@" 2>>"$log" || say "etcd: no figures: $(tail -n 1 "$log")"; }

with_slapd() { # USERS
        has slapd slapd || return 0
        ldap_load "$1"
        if ldap_start; then
                load ldap-modify 3389 "$1" 1 1 "$took" "$slapd_pid" edit.1 slapd
                load ldap-modify 3389 "$1" 16 1 "$took" "$slapd_pid" edit.16 slapd
        fi
        stop_all
        rm -rf "$ldap_folder"
}

with_etcd() { # USERS
        has etcd etcd || return 0
        [ -x /build/bench/bench-etcd-load ] || { say "etcd: libnghttp2-dev was not there to build its load with"; return 0; }
        if etcd_start; then
                etcd load 23790 "$1" 4 64 600 load
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
        if up_to "$n" 100000; then netinfod_too "$n" writes; fi
        with_slapd "$n"
        if up_to "$n" 100000; then with_etcd "$n"; fi
done
