#!/usr/bin/env bash
# 1,000 times `id USER`, each a new process: ours, nscd, files, sssd, at 10,000 users. Called by `./dev bench id`. ID_RUNS changes the number.
set -uo pipefail
[ -n "${BENCH_INSIDE:-}" ] || exec bash "$(dirname "$0")/inside.sh" id.sh "$@"
# shellcheck source=bench/peers/lib.sh
. /netinfo/bench/peers/lib.sh
trap stop_all EXIT
runs=1000
up_to 10000 "$(tr ' ' '\n' <<<"$sizes" | sort -n | tail -n 1)" || runs=200

ids() { # LABEL USERS: of users here and there
        local user begin
        mapfile -t names < <(awk -F: -v n="$2" -v runs=$runs 'NR % int(n / runs < 1 ? 1 : n / runs) == 0 { print $1 }' "/scratch/people/$2/passwd" | head -n $runs)
        id "${names[0]}" >/dev/null || { say "$1: id ${names[0]} fails"; return; }
        begin=$(seconds)
        for user in "${names[@]}"; do id "$user" >/dev/null || { say "$1: id $user fails"; return; }; done
        result "id.${#names[@]}" "$2" "$1" "$(since "$begin")" s
}

for n in 1000 10000; do
        people "$n"
        mkdir -p /dev/shm/images
        /build/bench/bench-nss publish /dev/shm/images "$n" >/dev/null
        export NETINFO_SNAPSHOTS=/dev/shm/images LD_LIBRARY_PATH=/build/src/nss
        nsswitch "files netinfo" "files [SUCCESS=merge] netinfo"
        ids netinfo "$n"
        unset NETINFO_SNAPSHOTS LD_LIBRARY_PATH
        rm -rf /dev/shm/images
        plain_etc
        people_in_etc "$n"
        ids files "$n"
        if has nscd nscd; then
                mkdir -p /run/nscd /var/cache/nscd
                rm -f /var/cache/nscd/*
                start nscd -F
                wait_for '[ -S /run/nscd/socket ]' && ids "nscd, cold" "$n" >/dev/null && ids "nscd, warm" "$n"
                stop_all
        fi
        plain_etc
done
