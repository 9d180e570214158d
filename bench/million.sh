#!/usr/bin/env bash
# A million users on one machine: import, start to the first answer, private memory, sizes, one change until another process sees it. Called by
# `./dev bench million`; MILLION_USERS changes the number.
set -euo pipefail
build=${NETINFO_BUILD:?run me through ./dev bench million}
n=${MILLION_USERS:-1000000}
work=$(mktemp -d "${BENCH_WORK:-${TMPDIR:-/tmp}}/million.XXXXXX")
memory=/dev/shm # images are published in memory (doc/decisions.md 21)
[ -d $memory ] && [ -w $memory ] || memory=$work
images=$(mktemp -d "$memory/netinfo-bench-million.XXXXXX")
pids=()
stop() {
        local p
        for p in "${pids[@]}"; do kill "$p" 2>/dev/null || true; done
        for p in "${pids[@]}"; do wait "$p" 2>/dev/null || true; done
        pids=()
}
trap 'stop; rm -rf "$work" "$images"' EXIT
export NETINFO_SOCKET=$work/netinfod.sock NETINFO_SNAPSHOTS=$images/live
ni=$build/src/tools/ni

result() { # QUESTION WHO VALUE UNIT
        printf '%-34s%-20s%12s %s\n' "$@"
        [ -z "${BENCH_RESULTS:-}" ] || printf '%s\t%s\t%s\t%s\t%s\n' "$1" "$n" "$2" "$3" "$4" >>"$BENCH_RESULTS"
}
since() { awk -v a="$1" -v b="$(date +%s.%N)" 'BEGIN { printf "%.3f", b - a }'; }
ready() { # FILE: at most five minutes
        local i
        for ((i = 0; i < 6000; i++)); do
                [ -s "$1" ] && return 0
                sleep 0.05
        done
        echo "million.sh: $1 stays empty; see the end of the log:" >&2
        tail -n 5 "$work/log" >&2
        return 1
}
private() { sed -n 's/^RssAnon:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$1/status"; }
# Of a process and its children, until it ends: the most anonymous memory seen at once, pages that they share counted once.
watch_memory() { # PID FILE
        local most=0 now p
        while [ -d "/proc/$1" ]; do
                now=0
                for p in "$1" $(pgrep -P "$1"); do
                        now=$((now + $(sed -n 's/^Pss_Anon:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$p/smaps_rollup" 2>/dev/null || true) + 0))
                done
                if [ $now -gt $most ]; then
                        most=$now
                        echo $most >"$2"
                fi
                sleep 0.2
        done
}
start_server() {
        rm -f "$work/ready"
        "$build/src/server/netinfod" --dir "$work" --listen 127.0.0.1:0 --log-level warning --ready-fd 3 3>"$work/ready" 2>>"$work/log" &
        pids+=($!)
        server=$!
        ready "$work/ready"
}
start_agent() {
        rm -f "$work/agent.ready"
        "$build/src/agent/netinfo-agent" --dir "$work" --ready-fd 3 3>"$work/agent.ready" 2>>"$work/agent.log" &
        pids+=($!)
        agent=$!
        watch_memory "$agent" "$work/agent.most" & # ends with it
}

mkdir "$work/people"
"$build/bench/bench-people-files" "$n" "$work/people"
printf 'snapshots = %s\nquarantine = 5\n' "$NETINFO_SNAPSHOTS" >"$work/agent.conf"
start_server
begin=$(date +%s.%N)
"$ni" import passwd "$work/people/passwd" 2>>"$work/log"
result million.import netinfo "$(since "$begin")" s
result million.server_private netinfod "$(private "$server")" KiB
stop
result million.store_bytes netinfo "$(find "$work/domains" -name data.mdb -printf '%b\n' | awk '{ s += $1 * 512 } END { printf "%d", s }')" bytes

begin=$(date +%s.%N)
start_server
user=$(sed -n "$((n / 2))p" "$work/people/passwd" | cut -d: -f1)
"$ni" get "/users/$user" >/dev/null
result million.server_first_answer netinfod "$(since "$begin")" s
result million.server_private_fresh netinfod "$(private "$server")" KiB

begin=$(date +%s.%N)
start_agent
ready "$work/agent.ready"
"$build/bench/bench-nss" first "$build/src/nss/libnss_netinfo.so.2" "$user" >"$work/first"
result million.agent_first_answer netinfo-agent "$(since "$begin")" s
result million.agent_private netinfo-agent "$(private "$agent")" KiB
result million.image_bytes netinfo "$(du -b --max-depth=0 -L "$NETINFO_SNAPSHOTS" | cut -f1)" bytes
result million.first_lookup module "$(sort -n "$work/first" | head -n 1)" us

"$build/bench/bench-visibility" "$NETINFO_SOCKET" "$NETINFO_SNAPSHOTS" "$build/src/nss/libnss_netinfo.so.2" "${MILLION_CHANGES:-100}" "$n"
result million.agent_private_after netinfo-agent "$(private "$agent")" KiB
result million.agent_private_most netinfo-agent "$(cat "$work/agent.most")" KiB
