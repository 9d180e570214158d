#!/usr/bin/env bash
# How soon does a change show in another process? Called by `./dev bench visibility`; NETINFO_BUILD names the build folder.
# VISIBILITY_USERS="1000 100000" changes the sizes of the domain, VISIBILITY_CHANGES the number of changes.
set -euo pipefail
build=${NETINFO_BUILD:?run me through ./dev bench visibility}
sizes=${VISIBILITY_USERS:-1000 10000 100000}
changes=${VISIBILITY_CHANGES:-200}
work=$(mktemp -d "${TMPDIR:-/tmp}/netinfo-bench-visibility.XXXXXX")
memory=/dev/shm # images are published in memory (doc/decisions.md 21)
[ -d $memory ] && [ -w $memory ] || memory=$work
images=$(mktemp -d "$memory/netinfo-bench-visibility.XXXXXX")
pids=
finish() {
        for p in $pids; do kill "$p" 2>/dev/null && wait "$p" 2>/dev/null || true; done
        rm -rf "$work" "$images"
}
trap finish EXIT

for n in $sizes; do
        d=$work/$n
        mkdir "$d"
        printf 'snapshots = %s/%s\nquarantine = 5\n' "$images" "$n" >"$d/agent.conf"
        "$build/src/server/netinfod" --dir "$d" --listen 127.0.0.1:0 --ready-fd 3 3>"$d/ready" 2>"$d/log" &
        server=$!
        for _ in $(seq 100); do [ -s "$d/ready" ] && break; sleep 0.1; done
        pids=$server
        seq "$n" | awk '{ printf "u%d:x:%d:100:User %d:/home/u%d:/bin/sh\n", $1, 10000 + $1, $1, $1 }' |
                NETINFO_SOCKET=$d/netinfod.sock "$build/src/tools/ni" import passwd - 2>/dev/null
        "$build/src/agent/netinfo-agent" --dir "$d" --ready-fd 3 3>"$d/agent.ready" 2>"$d/agent.log" &
        agent=$!
        pids="$server $agent"
        for _ in $(seq 100); do [ -s "$d/agent.ready" ] && break; sleep 0.1; done
        echo "== $n users, $changes single changes"
        "$build/bench/bench-visibility" "$d/netinfod.sock" "$images/$n" "$build/src/nss/libnss_netinfo.so.2" "$changes" "$n"
        # One figure of the agent's own: how long a publication takes it.
        sed -n 's/.*took_us=\([0-9]*\).*/\1/p' "$d/agent.log" | sort -n |
                awk '{ v[NR] = $1 } END { printf "a publication by the agent\tleast %d\tp50 %d\tp99 %d us\n", v[1], v[int((NR + 1) / 2)], v[int(NR * 0.99) ? int(NR * 0.99) : 1] }'
        kill "$agent" "$server"
        wait "$agent" "$server" || true
        pids=
done
