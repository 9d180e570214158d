#!/usr/bin/env bash
# What does one read cost a server? slapd (search by uid, TCP) and ypserv (match, UDP), beside netinfod and an echo.
# Called by `./dev bench reads`. The load runs on the first CPU, the server on the last; 16 connections, 1 and 8 requests in flight on each.
set -uo pipefail
[ -n "${BENCH_INSIDE:-}" ] || exec bash "$(dirname "$0")/inside.sh" reads.sh "$@"
# shellcheck source=bench/peers/lib.sh
. /netinfo/bench/peers/lib.sh
trap stop_all EXIT
load() { /build/bench/bench-peer-load "$@" 2>>"$log" || say "$9: no figures: $(tail -n 1 "$log")"; }
took=${BENCH_SECONDS:-2}

with_slapd() { # USERS
        has slapd slapd || return 0
        ldap_load "$1"
        if ldap_start; then
                load ldap-search 3389 "$1" 16 1 "$took" "$slapd_pid" read.16x1 slapd
                load ldap-search 3389 "$1" 16 8 "$took" "$slapd_pid" read.16x8 slapd
                result memory.server "$1" slapd "$(private_kib "$slapd_pid")" KiB
        fi
        stop_all
        rm -rf "$ldap_folder"
}

with_ypserv() { # USERS
        local maps=/var/yp/lab.test pid
        has ypserv ypserv || return 0
        rm -rf $maps
        mkdir -p $maps /run/rpcbind
        awk -F: '{ print $1 " " $0 }' "/scratch/people/$1/passwd" | /usr/lib/yp/makedbm -m peers - $maps/passwd.byname
        domainname lab.test
        printf '255.0.0.0 127.0.0.0\n' >/etc/ypserv.securenets # in this root only
        start rpcbind -f
        wait_for 'timeout 2 rpcinfo -p 127.0.0.1' || { stop_all; return 0; }
        yp_port=$((${yp_port:-900} + 1))
        start ypserv -f -p $yp_port
        pid=$!
        if wait_for 'timeout 2 rpcinfo -t 127.0.0.1 ypserv 2'; then
                load yp-match $yp_port "$1" 16 1 "$took" "$pid" read.16x1 "ypserv, UDP"
                result memory.server "$1" ypserv "$(private_kib "$pid")" KiB
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
