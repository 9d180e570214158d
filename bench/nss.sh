#!/usr/bin/env bash
# What does one lookup cost beside its floor? Called by `./dev bench nss`; NETINFO_BUILD names the build folder. NSS_USERS="1000 10000" changes the sizes,
# NSS_SECONDS=0.5 the time of each measurement. Other services, and the way through the C library: bench/peers/lookups.sh.
set -euo pipefail
build=${NETINFO_BUILD:?run me through ./dev bench nss}
bench=$build/bench/bench-nss
module=$build/src/nss/libnss_netinfo.so.2
sizes=${NSS_USERS:-${BENCH_SIZES:-1000 10000 100000 1000000}}
duration=${NSS_SECONDS:-${BENCH_SECONDS:-0.1}}
base=/dev/shm # images are published in memory (doc/decisions.md 21)
[ -d $base ] && [ -w $base ] || base=${TMPDIR:-/tmp}
work=$(mktemp -d "$base/netinfo-bench-nss.XXXXXX")
trap 'rm -rf "$work"' EXIT

echo "== the module called directly, beside its floor (CPU per call; the floor: a table in a mapped file, the passwd line copied out)"
for n in $sizes; do
        mkdir "$work/$n"
        "$bench" publish "$work/$n" "$n"
        "$bench" direct "$module" "$work/$n" "$n" "$duration"
done

echo "== first lookup of a fresh process (microseconds, 21 processes: least, median, most; system calls)"
name=$("$bench" name 17)
for n in $sizes; do
        for _ in $(seq 21); do NETINFO_SNAPSHOTS=$work/$n "$bench" first "$module" "$name"; done | sort -n >"$work/first"
        awk -v n="$n" '{ v[NR] = $1 } END { printf "%s users\t%s\t%s\t%s\n", n, v[1], v[int((NR + 1) / 2)], v[NR] }' "$work/first"
        [ -z "${BENCH_RESULTS:-}" ] || printf 'first\t%s\tmodule\t%s\tus\n' "$n" "$(sed -n 11p "$work/first")" >>"$BENCH_RESULTS"
done
if command -v strace >/dev/null; then
        NETINFO_SNAPSHOTS=$work/${sizes%% *} strace -f -o "$work/trace" "$bench" first "$module" "$name" >/dev/null
        # The first lookup lies between the two marks that it makes (a write of nothing to descriptor -1).
        awk '/write\(-1/ { on = !on; next } on { sub(/\(.*/, ""); sub(/^[0-9]+ +/, ""); n++; c[$1]++ }
             END { printf "system calls of the first lookup\t%d (", n; for (k in c) printf " %s x%d", k, c[k]; print " )" }' "$work/trace"
fi

echo "== the module called directly, with a delta of one user upon the image"
for n in $sizes; do
        "$bench" delta "$work/$n"
        NSS_LABEL="one user's delta" "$bench" direct "$module" "$work/$n" "$n" "$duration"
done

echo "== a group of 10,000 members by gid: bytes written to the caller against the group's own text and pointers"
mkdir "$work/wide"
"$bench" wide "$module" "$work/wide"

echo "== the group list of a user among 1,000 and among 100,000 groups, 10,000 users whose own groups stay the same"
for n in 1000 100000; do
        mkdir "$work/groups-$n"
        "$bench" groups "$module" "$work/groups-$n" "$n" "$duration"
done

if command -v strace >/dev/null && [ "$(id -u)" = 0 ] && unshare -m true 2>/dev/null; then
        echo "== system calls of 1000 lookups through the C library, passwd: files netinfo systemd, and this machine's /etc/passwd ($(wc -l </etc/passwd) lines)"
        sed -E 's/^(passwd|initgroups):.*/passwd: files netinfo systemd/; s/^group:.*/group: files [SUCCESS=merge] netinfo [SUCCESS=merge] systemd/' \
                /etc/nsswitch.conf >"$work/nsswitch.conf"
        grep -q '^passwd:' "$work/nsswitch.conf" || echo 'passwd: files netinfo systemd' >>"$work/nsswitch.conf"
        n=${sizes%% *}
        # The mount is private to this command: the machine's own file is not touched.
        # shellcheck disable=SC2016 # the inner shell expands it
        unshare -m sh -c 'mount --bind "$1" /etc/nsswitch.conf && shift && exec "$@"' sh "$work/nsswitch.conf" \
                env NETINFO_SNAPSHOTS="$work/$n" LD_LIBRARY_PATH="$(dirname "$module")" strace -c -o "$work/count" "$bench" libc "$n" 1000 >/dev/null
        awk 'NR > 2 && $4 >= 100 { print "  " $NF, $4 }' "$work/count"
fi
