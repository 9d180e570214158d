#!/usr/bin/env bash
# What do hosts, services and netgroups cost: to publish, to look up, through the C library beside its own `files`? Called by `./dev bench maps`;
# NETINFO_BUILD names the build folder. MAPS_HOSTS="100 10000" changes the sizes, NSS_SECONDS=0.5 the time of each measurement.
set -euo pipefail
build=${NETINFO_BUILD:?run me through ./dev bench maps}
bench=$build/bench/bench-maps
module=$build/src/nss/libnss_netinfo.so.2
sizes=${MAPS_HOSTS:-100 10000}
duration=${NSS_SECONDS:-${BENCH_SECONDS:-0.1}}
base=/dev/shm # images are published in memory (doc/decisions.md 21)
[ -d $base ] && [ -w $base ] || base=${TMPDIR:-/tmp}
work=$(mktemp -d "$base/netinfo-bench-maps.XXXXXX")
trap 'rm -rf "$work"' EXIT

echo "== images made whole, and published; the module called directly (CPU per call)"
for n in $sizes; do
        "$bench" publish "$work/$n" "$n"
        "$bench" direct "$module" "$work/$n" "$n" "$duration"
done

echo "== first lookup of a host in a fresh process (microseconds, 21 processes: least, median, most)"
for n in $sizes; do
        for _ in $(seq 21); do NETINFO_SNAPSHOTS=$work/$n "$bench" first "$module" host17.example.org; done | sort -n >"$work/first"
        awk -v n="$n" '{ v[NR] = $1 } END { printf "%s hosts\t%s\t%s\t%s\n", n, v[1], v[int((NR + 1) / 2)], v[NR] }' "$work/first"
        [ -z "${BENCH_RESULTS:-}" ] || printf 'first.host\t%s\tmodule\t%s\tus\n' "$n" "$(sed -n 11p "$work/first")" >>"$BENCH_RESULTS"
done

if [ "$(id -u)" = 0 ] && unshare -m true 2>/dev/null; then
        echo "== a host by name through the C library: netinfo, and its own files with as many lines"
        for n in $sizes; do
                "$bench" lines "$n" >"$work/hosts"
                # The mount is private to this command: the machine's own file is not touched.
                # shellcheck disable=SC2016 # the inner shell expands it
                unshare -m sh -c 'mount --bind "$1" /etc/hosts && shift && exec "$@"' sh "$work/hosts" "$bench" libc files "$n" 500
                NETINFO_SNAPSHOTS=$work/$n LD_LIBRARY_PATH=$(dirname "$module") "$bench" libc netinfo "$n" 20000
        done
fi
