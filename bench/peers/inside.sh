#!/usr/bin/env bash
# Runs a script of this folder in the peers' root, in mount, process, network, host-name and IPC namespaces of its own: only loopback is
# there, every daemon ends with the script, no file of this machine is touched.
#
#       inside.sh SCRIPT [ARGUMENT...]
#
# There: /netinfo is this repository (read only), /scratch the folder of this run (BENCH_WORK, on the disk that is judged), BENCH_RESULTS lies in it.
set -euo pipefail
here=$(cd "$(dirname "$(readlink -f "$0")")" && pwd)
top=$(cd "$here/../.." && pwd)
root=${NETINFO_PEERS:-$top/build-peers/root}
script=$(basename "${1:?usage: inside.sh SCRIPT [ARGUMENT...]}")
shift
if [ "$(id -u)" != 0 ]; then
        echo "bench: the peers need root (namespaces of their own); their rows are left out" >&2
        exit 77
fi
bash "$here/root.sh" "$root"
work=${BENCH_WORK:-}
if [ -z "$work" ]; then # called by itself
        work=$(mktemp -d "${TMPDIR:-/tmp}/netinfo-bench.XXXXXX")
        trap 'rm -rf "$work"' EXIT
fi
build=${NETINFO_BUILD:-$top/build-bench}
export top root work script build
# shellcheck disable=SC2016 # the inner shell expands it
unshare -m -n -p -i -u -f --kill-child --propagation private bash -c '
        set -eu
        mkdir -p "$root/netinfo" "$root/build" "$root/scratch" "$root/dev/shm"
        mount --bind -o ro "$top" "$root/netinfo"
        mount --bind -o ro "$build" "$root/build"
        mount --bind "$work" "$root/scratch"
        mount -t tmpfs -o size=75% tmpfs "$root/dev/shm"
        mount -t tmpfs tmpfs "$root/run"
        mount -t tmpfs tmpfs "$root/tmp"
        mount -t proc proc "$root/proc"
        ip link set lo up
        hostname peers
        exec chroot "$root" /usr/bin/env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C \
                BENCH_INSIDE=yes BENCH_RESULTS=/scratch/results.tsv BENCH_SIZES="${BENCH_SIZES:-}" BENCH_SECONDS="${BENCH_SECONDS:-}" BENCH_PATIENCE="${BENCH_PATIENCE:-}" \
                bash "/netinfo/bench/peers/$script" "$@"' inside.sh "$@"
