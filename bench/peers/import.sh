#!/usr/bin/env bash
# How long does a directory of so many users take to load, durably and with its journal? `ni import passwd` beside slapadd -q on the same disk; a plain
# write and fsync of the same store's bytes as the floor. Called by `./dev bench import`.
set -uo pipefail
[ -n "${BENCH_INSIDE:-}" ] || exec bash "$(dirname "$0")/inside.sh" import.sh "$@"
# shellcheck source=bench/peers/lib.sh
. /netinfo/bench/peers/lib.sh
trap stop_all EXIT
folder=/scratch/import

cpu_of() { awk '{ print ($14 + $15) / 100 }' "/proc/$1/stat"; }

netinfo() { # USERS
        local begin server bytes
        rm -rf $folder
        mkdir -p $folder
        # Both CPUs, as an administrator's machine would: the reader of the file and the writer of the store take one each.
        /build/src/server/netinfod --dir $folder --listen 127.0.0.1:0 --log-level warning --ready-fd 3 3>$folder/ready >>"$log" 2>&1 </dev/null &
        server=$!
        pids+=("$server")
        wait_for "[ -s $folder/ready ]" || { not_run import "$1" netinfo "netinfod did not start"; stop_all; return; }
        begin=$(seconds)
        measured import "$1" netinfo "$patience" env NETINFO_SOCKET=$folder/netinfod.sock /build/src/tools/ni import passwd "/scratch/people/$1/passwd" >>"$log" || { stop_all; return; }
        result import "$1" netinfo "$(since "$begin")" s
        result import.cpu "$1" netinfo "$(cpu_of "$server")" s
        result memory.server "$1" netinfod "$(private_kib "$server")" KiB
        stop_all
        bytes=$(find $folder -name data.mdb -printf '%b\n' | awk '{ n += $1 * 512 } END { printf "%d", n }')
        result store.bytes "$1" netinfo "$bytes" bytes
        begin=$(seconds)
        dd if=/dev/zero of=/scratch/floor bs=1M count=$((bytes / 1048576 + 1)) conv=fsync status=none
        result import "$1" "floor: its bytes" "$(since "$begin")" s
        rm -rf $folder /scratch/floor
}

slapd() { # USERS
        local begin
        has slapd slapadd || return 0
        begin=$(seconds)
        ldap_load "$1" || { not_run import "$1" slapadd "it failed, or did not end within $patience s"; return; }
        result import "$1" slapadd "$(since "$begin")" s
        result store.bytes "$1" slapd "$(($(du -k $ldap_folder/data.mdb | cut -f1) * 1024))" bytes
        rm -rf $ldap_folder
}

for n in $sizes; do
        up_to 100000 "$n" || [ "$sizes" = "$n" ] || [ "$n" = "${sizes##* }" ] || continue
        people "$n"
        netinfo "$n"
        slapd "$n"
done
