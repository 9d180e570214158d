#!/usr/bin/env bash
# How much later do an honest client's answers come beside clients that mean harm, and what memory do those cost? Called by
# `./dev bench hostile`; HOSTILE_USERS, HOSTILE_MS and HOSTILE_ROUNDS change the sizes. Measured twice: as it is, where the attackers' own
# processes, which would have machines of their own, take CPU from the server and from the honest client; and with those two before
# everything else on the machine (SCHED_RR; needs root), so that the queues of the server are seen and not those for the processors.
# HOSTILE_REALTIME=yes or no measures only the one or the other.
set -euo pipefail
build=${NETINFO_BUILD:?run me through ./dev bench hostile}
users=${HOSTILE_USERS:-10000} ms=${HOSTILE_MS:-500} rounds=${HOSTILE_ROUNDS:-5}
attack=$build/bench/bench-attack
first=() before_all=() mode=
folder=$(mktemp -d)
pid=
finish() {
        if [ -n "$pid" ]; then
                kill "$pid" || true
                wait "$pid" || true
        fi
        rm -rf "$folder"
}
trap finish EXIT
awk -v n="$users" 'BEGIN { for (i = 0; i < n; i++) printf "u%d:*:%d:100:User %d:/home/u%d:/bin/sh\n", i, 10000 + i, i, i }' >"$folder/passwd"

serve() { # options
        "$build/src/server/netinfod" --dir "$folder" --create network >/dev/null
        mkfifo "$folder/ready"
        "${first[@]}" "$build/src/server/netinfod" --dir "$folder" --listen 127.0.0.1:0 --ready-fd 3 --log-level warning \
                -o legacy_read_networks=127.0.0.0/8 -o legacy_write_networks=127.0.0.0/8 -o connections=8192 "$@" \
                3>"$folder/ready" 2>"$folder/log" &
        pid=$!
        read -r line <"$folder/ready"
        NETINFO_SOCKET=$folder/netinfod.sock "$build/src/tools/ni" import passwd "$folder/passwd" --domain network >/dev/null 2>&1
        tcp=${line#*\"binder_tcp\":} udp=${line#*\"binder_udp\":}
        tcp=${tcp%%[!0-9]*} udp=${udp%%[!0-9]*}
}
stop() {
        kill "$pid"
        wait "$pid"
        pid=
        rm -rf "$folder/domains" "$folder/ready"
}
attacks() { # [NAME]
        "${before_all[@]}" "$attack" "$tcp" "$udp" "$pid" "$users" "$ms" "$rounds" "$@"
}
rows() { # for bench/table.py: each attack's ratio, the largest, and the most memory that one of them took
        [ -n "${BENCH_RESULTS:-}" ] || return 0
        awk -v n="$users" -v q="hostile$mode" -v OFS='\t' '{ print q ".ratio", n, $1, $6, "x"; if ($6 > ratio) ratio = $6; if ($8 - $7 > most) most = $8 - $7 }
                END { print q ".p99", n, "netinfod", ratio, "x"; print q ".memory", n, "netinfod", most + 0, "KiB" }' "$folder/all" >>"$BENCH_RESULTS"
        awk -v n="$users" -v q="hostile$mode.idle" -v OFS='\t' '{ print q ".p99", n, "netinfod", $6, "x"
                print q ".memory", n, "netinfod", ($8 - $7) / 5000, "KiB" }' "$folder/idle" >>"$BENCH_RESULTS"
}
both() {
        printf '%-15s %6s %6s %6s %6s %6s %8s %8s %8s\n' attack p50 p99 p50+ p99+ p99x before beside after
        serve
        attacks | tee "$folder/all"
        stop
        serve -o connections_per_source=8192
        echo "# 5,000 idle connections of one source"
        attacks idle | tee "$folder/idle"
        stop
        rows
}

echo "# $users users; $rounds rounds of $ms ms; p50 and p99 in microseconds, alone and beside the attack; memory of the server in KiB before, beside, after"
if [ "${HOSTILE_REALTIME:-no}" = no ]; then both; fi
if [ "${HOSTILE_REALTIME:-yes}" = yes ]; then
        if ! chrt -r 2 true 2>/dev/null; then
                echo "# without root: not with the server and the honest client before everything else"
                exit 0
        fi
        echo "# the server and the honest client before everything else on the machine"
        first=(chrt -r 1) before_all=(chrt -r 2) mode=.first
        both
fi
