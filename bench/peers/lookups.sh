#!/usr/bin/env bash
# What does a lookup cost with the other name services, and with ours through the C library? Called by `./dev bench lookups`. Each service is called directly
# (libnss_X.so.2), but nscd, whose reader is in the C library. Figures: CPU of the caller and of the daemons it asks, per call.
set -uo pipefail
[ -n "${BENCH_INSIDE:-}" ] || exec bash "$(dirname "$0")/inside.sh" lookups.sh "$@"
# shellcheck source=bench/peers/lib.sh
. /netinfo/bench/peers/lib.sh
trap stop_all EXIT
all=name_hit,name_miss,uid_hit,group_name,group_list
call() { /build/bench/bench-nss-call "$@" 2>>"$log" || say "$2, $3 users: no figures, see the end of its log: $(tail -n 1 "$log")"; }

makedb_of() { # USERS: Berkeley databases of libnss-db
        local map
        rm -f /var/lib/misc/*.db
        for map in passwd group; do
                awk -F: '{ printf "0%u %s\n.%s %s\n=%s %s\n", n++, $0, $1, $0, $3, $0 }' "/scratch/people/$1/$map" |
                        makedb --quiet -o "/var/lib/misc/$map.db" -
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
        export NETINFO_SNAPSHOTS=$folder LD_LIBRARY_PATH=/build/src/nss
        nsswitch "files netinfo" "files [SUCCESS=merge] netinfo"
        call libc "libc: files netinfo" "$1" "$duration" name_hit,uid_hit
        nsswitch "netinfo files" "netinfo files"
        call libc "libc: netinfo files" "$1" "$duration" name_hit,uid_hit,group_list
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
        makedb_of "$1"
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

nscd_tuned() { # in front of nss-db, so that it can be warmed in a bearable time; everything in its memory before it is asked
        local map pid
        has nscd nscd || return 0
        makedb_of "$1"
        nsswitch db
        mkdir -p /run/nscd /var/cache/nscd
        rm -f /var/cache/nscd/*
        {
                for map in passwd group; do
                        printf 'enable-cache %s yes\npositive-time-to-live %s 36000\nnegative-time-to-live %s 3600\nsuggested-size %s 400009\n' $map $map $map $map
                        printf 'check-files %s no\npersistent %s no\nshared %s yes\nmax-db-size %s 1073741824\n' $map $map $map $map
                done
                printf 'enable-cache hosts no\nenable-cache services no\nenable-cache netgroup no\n'
        } >/run/nscd.conf
        start nscd -F -f /run/nscd.conf
        pid=$!
        if wait_for '[ -S /run/nscd/socket ]'; then
                call libc "nscd, warm" "$1" 1 warm
                call libc "nscd, warm" "$1" "$duration" name_hit,uid_hit "$1" "$pid"
                result memory.lookup "$1" "nscd, warm" "$(private_kib "$pid")" KiB
        fi
        stop_all
        plain_etc
}

directory_services() { # nslcd and sssd, with slapd behind them
        local n=$1 nslcd user
        has slapd slapd || return 0
        ldap_load "$n"
        ldap_start || return 0
        user=$(sed -n 2p "/scratch/people/$n/passwd" | cut -d: -f1)
        if has nslcd nslcd; then
                mkdir -p /run/nslcd
                printf 'uid root\ngid root\nuri ldap://127.0.0.1:3389/\nbase dc=lab,dc=test\n' >/run/nslcd.conf
                mount_over /run/nslcd.conf /etc/nslcd.conf
                start nslcd -n
                nslcd=$!
                if wait_for "getent -s ldap passwd $user"; then call ldap "nslcd and slapd" "$n" "$duration" $all 0 "$nslcd,$slapd_pid"; fi
                kill "$nslcd"
        fi
        if has sssd sssd; then
                mkdir -p /var/lib/sss/{db,mc,pipes/private,pubconf,gpo_cache} /var/log/sssd /etc/sssd /run/sssd
                rm -rf /var/lib/sss/{db,mc,pipes}/*
                mkdir -p /var/lib/sss/pipes/private
                cat >/etc/sssd/sssd.conf <<'TEXT'
[sssd]
services = nss
domains = lab
[nss]
memcache_timeout = 3600
[domain/lab]
id_provider = ldap
auth_provider = none
access_provider = permit
ldap_uri = ldap://127.0.0.1:3389
ldap_search_base = dc=lab,dc=test
ldap_schema = rfc2307
ldap_id_use_start_tls = false
ldap_tls_reqcert = never
entry_cache_timeout = 86400
cache_credentials = false
ldap_referrals = false
TEXT
                chmod 600 /etc/sssd/sssd.conf
                start sssd -i --logger=files
                if wait_for "getent -s sss passwd $user"; then
                        timeout 60 /build/bench/bench-nss-call sss "sssd, 500 hot" "$n" 1 warm 500 >/dev/null 2>>"$log"
                        call sss "sssd, 500 hot" "$n" "$duration" name_hit,uid_hit,group_list 500 "$(pgrep -d, sssd)"
                        result memory.lookup "$n" sssd "$(private_kib $(pgrep sssd))" KiB
                fi
                rm -f /etc/sssd/sssd.conf
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
        if up_to "$n" 100000; then nscd_tuned "$n"; fi
        if [ "$n" = 10000 ]; then directory_services "$n"; fi
done
rm -f /var/lib/misc/*.db
