# What the scripts of this folder share, in the peers' root. Sourced, after inside.sh.
# shellcheck shell=bash
# shellcheck disable=SC2034 # used where it is sourced
log=/scratch/peers.log
duration=${BENCH_SECONDS:-0.3}
sizes=${BENCH_SIZES:-1000 10000 100000 1000000}
patience=${BENCH_PATIENCE:-300} # seconds for a step that loads a peer; then it is given up
last_cpu=$(($(nproc) - 1)) # servers run there, the load on the first
pids=()

say() { printf '%s\n' "$*"; }

result() { # QUESTION SIZE WHO VALUE UNIT: as bench/result.h
        printf '%-24s%9s  %-22s%12s %s\n' "$@"
        printf '%s\t%s\t%s\t%s\t%s\n' "$@" >>"$BENCH_RESULTS"
}

# What was not run is a row, too: bench/table.py says so where the figure would stand.
not_run() { # QUESTION,QUESTION... SIZE WHO REASON
        local q
        say "$3, $2: not run: $4"
        for q in ${1//,/ }; do printf '%s\t%s\t%s\t-\t%s\n' "$q" "$2" "$3" "$4" >>"$BENCH_RESULTS"; done
}

# A measurement that may hang or fail, and takes nothing else with it: at most so many seconds.
measured() { # QUESTION,QUESTION... SIZE WHO SECONDS COMMAND...
        local questions=$1 size=$2 who=$3 most=$4 status why
        shift 4
        timeout -k 5 "$most" "$@" 2>/run/said
        status=$?
        cat /run/said >>"$log"
        [ $status != 0 ] || return 0
        why=$(tail -n 1 /run/said | tr -cd '[:print:]' | cut -c 1-120)
        why=${why:-status $status}
        [ $status != 124 ] || why="no end after $most s"
        not_run "$questions" "$size" "$who" "$why"
        return 1
}

has() { # WHO COMMAND-OR-FILE
        command -v "$2" >/dev/null || [ -e "$2" ] && return 0
        not_run missing 0 "$1" "not installed here"
        return 1
}

up_to() { [ "$1" -le "$2" ]; }

wait_for() { # COMMAND: until it succeeds, at most 60 s
        local begin=$SECONDS
        while ((SECONDS - begin < 60)); do
                timeout -k 1 10 bash -c "$1" >/dev/null 2>&1 </dev/null && return 0
                sleep 0.2
        done
        say "not there after 60 s: $1; the end of its log:"
        tail -n 5 "$log"
        return 1
}

start() { # COMMAND...: a daemon in the foreground; its pid in $!
        taskset -c "$last_cpu" "$@" >>"$log" 2>&1 </dev/null &
        pids+=($!)
}

stop_all() { # at most ten seconds for all of them; then they are killed
        local p i
        for p in "${pids[@]}"; do kill "$p" 2>/dev/null; done
        for ((i = 0; i < 100; i++)); do
                kill -0 "${pids[@]}" 2>/dev/null || break
                sleep 0.1
        done
        for p in "${pids[@]}"; do
                kill -9 "$p" 2>/dev/null && say "process $p did not end by itself"
                wait "$p" 2>/dev/null
        done
        pids=()
}

seconds() { date +%s.%N; }
since() { awk -v a="$1" -v b="$(seconds)" 'BEGIN { printf "%.2f", b - a }'; }

people() { # USERS: /scratch/people/USERS/{passwd,group,base.ldif,data.ldif}, made once in a run
        [ -d "/scratch/people/$1" ] && return 0
        mkdir -p "/scratch/people/$1"
        /build/bench/bench-people-files "$1" "/scratch/people/$1"
}

# Files of /etc for this namespace alone: bind mounts that go away with it.
mount_over() { # FILE OVER
        umount "$2" 2>/dev/null
        mount --bind "$1" "$2"
}

nsswitch() { # LINE [GROUP-LINE]
        printf 'passwd: %s\ngroup: %s\nshadow: files\nhosts: files\n' "$1" "${2:-$1}" >/run/nsswitch
        mount_over /run/nsswitch /etc/nsswitch.conf
}

plain_etc() { umount /etc/passwd /etc/group /etc/nsswitch.conf 2>/dev/null || true; }

people_in_etc() { # USERS: this root's own accounts, and those
        cat /etc/passwd "/scratch/people/$1/passwd" >/run/passwd
        cat /etc/group "/scratch/people/$1/group" >/run/group
        mount_over /run/passwd /etc/passwd
        mount_over /run/group /etc/group
}

private_kib() { # PIDS: anonymous memory
        local p sum=0
        for p in "$@"; do sum=$((sum + $(sed -n 's/^RssAnon:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$p/status"))); done
        echo $sum
}

resident_kib() { sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$1/status"; } # PID: what it maps and shares, too

# Ours, in the same minutes on the same disk: rows of netinfod and its floor.
netinfod_too() { # USERS reads|writes
        local rows=read.16x1.cpu,read.16x8.cpu
        [ "$2" = reads ] || rows=edit.1.rate,edit.16.rate
        measured "$rows" "$1" netinfod "$patience" env TMPDIR=/scratch /build/bench/bench-server /build/src/server/netinfod "$1" "$2"
}

# -- slapd: port 3389
ldap_folder=/scratch/ldap
ldap_config() {
        mkdir -p $ldap_folder
        cat >/run/slapd.conf <<TEXT
modulepath /usr/lib/ldap
moduleload back_mdb
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/nis.schema
pidfile /run/slapd.pid
loglevel 0
sizelimit unlimited
tool-threads 2
database mdb
suffix "dc=lab,dc=test"
rootdn "cn=admin,dc=lab,dc=test"
rootpw secret
directory $ldap_folder
maxsize 8589934592
index objectClass eq
index uid,uidNumber,gidNumber,cn,memberUid eq
TEXT
}

ldap_load() { # USERS: into an empty folder
        rm -rf $ldap_folder
        ldap_config
        cat "/scratch/people/$1/base.ldif" "/scratch/people/$1/data.ldif" | timeout -k 5 "$patience" slapadd -q -f /run/slapd.conf >>"$log" 2>&1
}

slapd_pid=
ldap_start() {
        start slapd -f /run/slapd.conf -h ldap://127.0.0.1:3389/ -d 0
        slapd_pid=$!
        wait_for "ldapsearch -x -H ldap://127.0.0.1:3389/ -s base -b '' -LLL dn"
}

# -- sssd, with that slapd behind it
sssd_start() { # USER: until it knows that one
        mkdir -p /var/lib/sss/{db,mc,pipes/private,pubconf,gpo_cache} /var/log/sssd /etc/sssd /run/sssd
        rm -rf /var/lib/sss/{db,mc,pipes}/*
        mkdir -p /var/lib/sss/pipes/private
        cat >/etc/sssd/sssd.conf <<'TEXT' # in this root only
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
        wait_for "getent -s sss passwd $1"
}

# -- etcd: port 23790
etcd_pid=
etcd_start() {
        rm -rf /scratch/etcd
        start etcd --data-dir /scratch/etcd --listen-client-urls http://127.0.0.1:23790 --advertise-client-urls http://127.0.0.1:23790 \
                --listen-peer-urls http://127.0.0.1:23800 --initial-advertise-peer-urls http://127.0.0.1:23800 \
                --initial-cluster default=http://127.0.0.1:23800 --log-level error
        etcd_pid=$!
        wait_for 'ETCDCTL_API=3 etcdctl --endpoints=127.0.0.1:23790 endpoint health'
}
