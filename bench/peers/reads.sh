#!/usr/bin/env bash
# What does one read cost a server? slapd (search by uid, TCP) and ypserv (match, UDP), beside netinfod and an echo.
# Called by `./dev bench reads`. The load runs on the first CPU, the server on the last; 16 connections, 1 and 8 requests in flight on each.
set -uo pipefail
[ -n "${BENCH_INSIDE:-}" ] || exec bash "$(dirname "$0")/inside.sh" reads.sh "$@"
# shellcheck source=bench/peers/lib.sh
. /netinfo/bench/peers/lib.sh
trap stop_all EXIT
load() { measured "$8.cpu" "$3" "$9" 30 /build/bench/bench-peer-load "$@"; }
took=${BENCH_SECONDS:-2}

with_slapd() { # USERS
        has slapd slapd || return 0
        if ldap_load "$1" && ldap_start; then
                load ldap-search 3389 "$1" 16 1 "$took" "$slapd_pid" read.16x1 slapd
                load ldap-search 3389 "$1" 16 8 "$took" "$slapd_pid" read.16x8 slapd
                result memory.server "$1" slapd "$(private_kib "$slapd_pid")" KiB
        else
                not_run read.16x1.cpu,read.16x8.cpu "$1" slapd "it did not load or start"
        fi
        stop_all
        rm -rf "$ldap_folder"
}

with_ypserv() { # USERS
        local maps=/var/yp/lab.test pid
        has ypserv ypserv || return 0
        rm -rf $maps
        mkdir -p $maps /run/rpcbind
        awk -F: '{ print $1 " " $0 }' "/scratch/people/$1/passwd" | timeout -k 5 "$patience" /usr/lib/yp/makedbm -m peers - $maps/passwd.byname 2>>"$log"
        domainname lab.test
        printf '255.0.0.0 127.0.0.0\n' >/etc/ypserv.securenets # in this root only
        start rpcbind -f
        wait_for 'timeout 2 rpcinfo -p 127.0.0.1' || say "rpcbind did not start"
        yp_port=$((${yp_port:-900} + 1))
        start ypserv -f -p $yp_port
        pid=$!
        if wait_for 'timeout 2 rpcinfo -t 127.0.0.1 ypserv 2'; then
                load yp-match $yp_port "$1" 16 1 "$took" "$pid" read.16x1 "ypserv, UDP"
                result memory.server "$1" ypserv "$(private_kib "$pid")" KiB
        else
                not_run read.16x1.cpu "$1" "ypserv, UDP" "it did not start"
        fi
        stop_all
        rm -rf $maps
}

for n in $sizes; do
        [ "$n" = 10000 ] || [ "$n" = 100000 ] || continue
        people "$n"
        netinfod_too "$n" reads
        with_slapd "$n"
        with_ypserv "$n"
done
