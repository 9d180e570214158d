#!/usr/bin/env bash
# What does a lookup cost with the other name services, and with ours through the C library? Called by `./dev bench lookups`. Each service is called directly
# (libnss_X.so.2), but nscd, whose reader is in the C library. Figures: CPU of the caller and of the daemons it asks, per call.
set -uo pipefail
[ -n "${BENCH_INSIDE:-}" ] || exec bash "$(dirname "$0")/inside.sh" lookups.sh "$@"
# shellcheck source=bench/peers/lib.sh
. /netinfo/bench/peers/lib.sh
trap stop_all EXIT
all=name_hit,name_miss,uid_hit,group_name,group_list
call() { # as bench-nss-call: SERVICE LABEL USERS SECONDS QUESTION,QUESTION... [HOT [PIDS]]
        local questions="lookup.${5//,/,lookup.}"
        measured "${questions/lookup.warm/lookup.warming}" "$3" "$2" "${limit:-120}" /build/bench/bench-nss-call "$@"
}

makedb_of() { # USERS: Berkeley databases of libnss-db
        local map
        rm -f /var/lib/misc/*.db
        for map in passwd group; do
                awk -F: '{ printf "0%u %s\n.%s %s\n=%s %s\n", n++, $0, $1, $0, $3, $0 }' "/scratch/people/$1/$map" |
                        timeout -k 5 "$patience" makedb --quiet -o "/var/lib/misc/$map.db" - 2>>"$log" || return
        done
}

cache_index() { # FILE FIELD: libnss-cache looks keys up in lines of one length, sorted by bytes
        perl -e 'my ($file, $field, $out) = @ARGV; my (%at, $p, $w); $p = $w = 0; open F, "<", $file;
                 while (<F>) { my $k = (split /:/)[$field]; $at{$k} = $p; $p += length; my $n = length($k) + length($at{$k}); $w = $n if $n > $w }
                 open O, ">", $out; print O $_, "\0", $at{$_}, "\0", "\0" x ($w - length($_) - length($at{$_})), "\n" for sort keys %at' "$1" "$2" "$3"
}

netinfo() { # through the C library, with the line that README recommends and this root's own /etc/passwd, and the other way round
        local folder=/dev/shm/images-$1
        mkdir -p "$folder"
        /build/bench/bench-nss publish "$folder" "$1" >/dev/null || return
        export NETINFO_SNAPSHOTS=$folder LD_LIBRARY_PATH=/build/src/nss:/build/bench
        nsswitch "files netinfo" "files [SUCCESS=merge] netinfo"
        call libc "libc: files netinfo" "$1" "$duration" name_hit,uid_hit
        nsswitch "netinfo files" "netinfo files"
        call libc "libc: netinfo files" "$1" "$duration" name_hit,uid_hit,group_list
        # What no service can be cheaper than there: nss_empty.c in our place.
        nsswitch "files empty" "files empty"
        call libc-empty "floor: files empty" "$1" "$duration" name_hit,uid_hit
        nsswitch "empty files" "empty files"
        call libc-empty "floor: empty files" "$1" "$duration" name_hit,uid_hit
        call libc "libc: one stat of nsswitch.conf" "$1" "$duration" stat
        plain_etc
        call netinfo netinfo "$1" "$duration" $all
        unset NETINFO_SNAPSHOTS LD_LIBRARY_PATH
        rm -rf "$folder"
}

files() {
        people_in_etc "$1"
        call files files "$1" "$duration" name_hit,uid_hit,group_list
        plain_etc
}

db() {
        has nss-db makedb || return 0
        makedb_of "$1" || { not_run lookup.name_hit,lookup.uid_hit "$1" nss-db "makedb did not end well within $patience s"; return; }
        call db nss-db "$1" "$duration" name_hit,name_miss,uid_hit,group_name
}

cache() {
        cp "/scratch/people/$1/passwd" /run/passwd.cache
        cp "/scratch/people/$1/group" /run/group.cache
        cache_index /run/passwd.cache 0 /run/passwd.cache.ixname
        cache_index /run/passwd.cache 2 /run/passwd.cache.ixuid
        cache_index /run/group.cache 0 /run/group.cache.ixname
        cache_index /run/group.cache 2 /run/group.cache.ixgid
        for f in passwd.cache passwd.cache.ixname passwd.cache.ixuid group.cache group.cache.ixname group.cache.ixgid; do
                ln -sf "/run/$f" "/etc/$f" # in this root only
        done
        call cache nss-cache "$1" "$duration" name_hit,name_miss,uid_hit,group_name
        rm -f /run/*.cache* /etc/*.cache*
}

nscd_tuned() { # everything in its memory before it is asked; in front of our own module, the quickest to warm it from
        local map pid folder=/dev/shm/images-$1 buckets=400009
        has nscd nscd || return 0
        up_to "$1" 100000 || buckets=2000003
        mkdir -p "$folder" /run/nscd /var/cache/nscd
        /build/bench/bench-nss publish "$folder" "$1" >/dev/null || return
        nsswitch netinfo
        rm -f /var/cache/nscd/*
        {
                for map in passwd group; do
                        printf 'enable-cache %s yes\npositive-time-to-live %s 36000\nnegative-time-to-live %s 3600\nsuggested-size %s %s\n' $map $map $map $map $buckets
                        printf 'check-files %s no\npersistent %s no\nshared %s yes\nmax-db-size %s 2147483648\n' $map $map $map $map
                done
                printf 'enable-cache hosts no\nenable-cache services no\nenable-cache netgroup no\n'
        } >/run/nscd.conf
        # Only nscd finds our module, so that an answer which does not come from nscd is none.
        start env NETINFO_SNAPSHOTS="$folder" LD_LIBRARY_PATH=/build/src/nss nscd -F -f /run/nscd.conf
        pid=$!
        if ! wait_for '[ -S /run/nscd/socket ]'; then
                not_run lookup.name_hit,lookup.uid_hit "$1" "nscd, warm" "it did not start"
        elif limit=$patience call libc "nscd, warm" "$1" 1 warm; then
                call libc "nscd, warm" "$1" "$duration" name_hit,uid_hit "$1" "$pid"
                result memory.lookup "$1" "nscd, warm, its tables too" "$(resident_kib "$pid")" KiB
        else
                not_run lookup.name_hit,lookup.uid_hit "$1" "nscd, warm" "not warm after $patience s"
        fi
        stop_all
        plain_etc
        rm -rf "$folder"
}

directory_services() { # nslcd and sssd, with slapd behind them
        local n=$1 nslcd user
        has slapd slapd || return 0
        if ! ldap_load "$n" || ! ldap_start; then
                not_run lookup.name_hit,lookup.uid_hit,lookup.group_list "$n" "nslcd and slapd" "slapd did not start"
                stop_all
                return
        fi
        user=$(sed -n 2p "/scratch/people/$n/passwd" | cut -d: -f1)
        if has nslcd nslcd; then
                mkdir -p /run/nslcd
                printf 'uid root\ngid root\nuri ldap://127.0.0.1:3389/\nbase dc=lab,dc=test\n' >/run/nslcd.conf
                mount_over /run/nslcd.conf /etc/nslcd.conf
                start nslcd -n
                nslcd=$!
                if wait_for "getent -s ldap passwd $user"; then
                        call ldap "nslcd and slapd" "$n" "$duration" $all 0 "$nslcd,$slapd_pid"
                else
                        not_run lookup.name_hit,lookup.uid_hit,lookup.group_list "$n" "nslcd and slapd" "it did not answer within 60 s"
                fi
                kill "$nslcd"
        fi
        if has sssd sssd; then
                if sssd_start "$user"; then
                        timeout 60 /build/bench/bench-nss-call sss "sssd, 500 hot" "$n" 1 warm 500 >/dev/null 2>>"$log"
                        call sss "sssd, 500 hot" "$n" "$duration" name_hit,uid_hit,group_list 500 "$(pgrep -d, sssd)"
                        result memory.lookup "$n" sssd "$(private_kib $(pgrep sssd))" KiB
                else
                        not_run lookup.name_hit,lookup.uid_hit,lookup.group_list "$n" "sssd, 500 hot" "it did not answer within 60 s"
                fi
        fi
        stop_all
        umount /etc/nslcd.conf 2>/dev/null
        rm -rf "$ldap_folder"
}

for n in $sizes; do
        people "$n"
        netinfo "$n"
        files "$n"
        db "$n"
        cache "$n"
        nscd_tuned "$n"
        if [ "$n" = 10000 ]; then directory_services "$n"; fi
done
rm -f /var/lib/misc/*.db
