#!/usr/bin/env bash
# 1,000 times `id USER` (200 in a quick run), each a new process: ours, files, nscd, sssd, at 1,000 and 10,000 users. Called by `./dev bench id`.
set -uo pipefail
[ -n "${BENCH_INSIDE:-}" ] || exec bash "$(dirname "$0")/inside.sh" id.sh "$@"
# shellcheck source=bench/peers/lib.sh
. /netinfo/bench/peers/lib.sh
trap stop_all EXIT
runs=1000
up_to 100000 "$(tr ' ' '\n' <<<"$sizes" | sort -n | tail -n 1)" || runs=200

ids() { # LABEL USERS: of users here and there
        local user begin from=$SECONDS
        mapfile -t names < <(awk -F: -v n="$2" -v runs=$runs 'NR % int(n / runs < 1 ? 1 : n / runs) == 0 { print $1 }' "/scratch/people/$2/passwd" | head -n $runs)
        begin=$(seconds)
        for user in "${names[@]}"; do
                timeout 10 id "$user" >/dev/null 2>>"$log" || { not_run "id.$runs" "$2" "$1" "id $user fails"; return; }
                ((SECONDS - from < 120)) || { not_run "id.$runs" "$2" "$1" "not through after 120 s"; return; }
        done
        result "id.$runs" "$2" "$1" "$(since "$begin")" s
}

ours() { # USERS
        mkdir -p /dev/shm/images
        /build/bench/bench-nss publish /dev/shm/images "$1" >/dev/null
        export NETINFO_SNAPSHOTS=/dev/shm/images LD_LIBRARY_PATH=/build/src/nss
        nsswitch "files netinfo" "files [SUCCESS=merge] netinfo"
        ids netinfo "$1"
        unset NETINFO_SNAPSHOTS LD_LIBRARY_PATH
        rm -rf /dev/shm/images
        plain_etc
}

nscd_too() { # USERS: in front of files
        has nscd nscd || return 0
        mkdir -p /run/nscd /var/cache/nscd
        rm -f /var/cache/nscd/*
        start nscd -F
        if wait_for '[ -S /run/nscd/socket ]'; then
                ids "nscd, cold" "$1"
                ids "nscd, warm" "$1"
        else
                not_run "id.$runs" "$1" "nscd" "it did not start"
        fi
        stop_all
}

sssd_too() { # USERS: with slapd behind it
        has slapd slapd || return 0
        has sssd sssd || return 0
        if ldap_load "$1" && ldap_start && sssd_start "$(sed -n 2p "/scratch/people/$1/passwd" | cut -d: -f1)"; then
                nsswitch "files sss" "files [SUCCESS=merge] sss"
                ids "sssd, cold" "$1"
                ids "sssd, warm" "$1"
                plain_etc
        else
                not_run "id.$runs" "$1" sssd "it, or slapd behind it, did not start"
        fi
        stop_all
        rm -rf "$ldap_folder"
}

for n in 1000 10000; do
        people "$n"
        ours "$n"
        people_in_etc "$n"
        ids files "$n"
        nscd_too "$n"
        plain_etc
        if [ "$n" = 10000 ]; then sssd_too "$n"; fi
done
