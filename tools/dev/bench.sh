# shellcheck shell=bash
# Measures: one question per program, each beside its physical floor and its peers, ratios within one run.
# shellcheck source=tools/dev/lib.sh
. "$NETINFO_TOP/tools/dev/lib.sh"
# In this order: what needs no peers first. A script of bench/peers runs in a Debian root of its own (bench/peers/root.sh).
order="nss maps server store wide visibility replica ports million hostile lookups id reads edits import"
by_name="chain" # minutes, and many processes: only when it is named
limit=${BENCH_LIMIT:-900} # seconds for one of them; then it is ended, the others go on, and the table says so
names=()
for word in $order; do
        if [ -f "bench/$word.sh" ] || [ -f "bench/peers/$word.sh" ]; then names+=("$word"); fi
done
quick=
wanted=()
for word in "$@"; do
        case "$word" in
        -h | --help)
                cat <<TEXT
usage: ./dev bench [--quick] [NAME...]
  --quick  1,000 and 10,000 users only, short measurements, no million: some seven minutes instead of 30
  benches: ${names[*]}; only by name: $by_name
  Each prints what it measures with its floor or its peers in the same run. In the end a table of all that was measured stands beside the
  aims of doc/peers.md, and in build-bench/results.md (rows: build-bench/results.tsv). Figures of this project's own machine: bench/RESULTS.md.
  Peers (slapd, etcd, ypserv, nscd, sssd, nslcd ...) are installed in a folder of their own, build-peers/, and run in namespaces: nothing
  of this machine is changed. They need root and debootstrap; without them their rows are left out.
  What fails or hangs is ended (BENCH_LIMIT, 900 seconds for each bench; BENCH_PATIENCE, 300 for loading a peer), the rest goes on, and the table says what was not run and why.
examples: ./dev bench      ./dev bench --quick      ./dev bench nss lookups
TEXT
                exit 0
                ;;
        --quick) quick=yes ;;
        -*) die "there is no option $word; see ./dev bench --help" ;;
        *)
                [ -f "bench/$word.sh" ] || [ -f "bench/peers/$word.sh" ] || die "there is no bench '$word'; the benches are: ${names[*]} $by_name"
                wanted+=("$word")
                ;;
        esac
done
if [ ${#wanted[@]} -eq 0 ]; then
        wanted=("${names[@]}")
        if [ -n "$quick" ]; then mapfile -t wanted < <(printf '%s\n' "${names[@]}" | grep -v '^million$'); fi
fi
if [ -n "$quick" ]; then
        export BENCH_SIZES="1000 10000" BENCH_SECONDS=${BENCH_SECONDS:-0.1} VISIBILITY_USERS="1000 10000" VISIBILITY_CHANGES=50 PORT_RUNS=7 \
                WIDE_CALLS=100 REPLICA_USERS=1000 REPLICA_CHANGES=100 REPLICA_MISSED=2000 HOSTILE_MS=150 HOSTILE_ROUNDS=1
fi
whole=
if [ ${#wanted[@]} -eq ${#names[@]} ]; then whole=--whole; fi
# shellcheck disable=SC2086
need_packages no $packages_run $packages_bench
say "building (folder build-bench/) ..."
configure build-bench -Dtests=false
compile build-bench
compile build-bench bench
export NETINFO_BUILD=$NETINFO_TOP/build-bench
BENCH_WORK=$(mktemp -d "${TMPDIR:-/tmp}/netinfo-bench.XXXXXX")
running=
finish() {
        if [ -n "$running" ]; then
                kill "$running" 2>/dev/null # timeout hands it on to the bench and all that it started
                wait "$running" 2>/dev/null
        fi
        rm -rf "$BENCH_WORK"
}
trap finish EXIT
trap 'exit 130' INT TERM
export BENCH_WORK BENCH_RESULTS=$BENCH_WORK/results.tsv
: >"$BENCH_RESULTS"

sync_us() { # median of an fdatasync of one page, on the disk that is judged
        python3 - "$BENCH_WORK" <<'PYTHON'
import os, sys, time
fd = os.open(sys.argv[1] + "/page", os.O_RDWR | os.O_CREAT, 0o600)
took = []
for i in range(200):
    os.pwrite(fd, bytes([i]) * 4096, 0)
    begin = time.perf_counter()
    os.fdatasync(fd)
    took.append(time.perf_counter() - begin)
print(round(sorted(took)[100] * 1e6))
PYTHON
}

load() { cut -d' ' -f1-3 /proc/loadavg; }
machine=$(printf '%s, %s CPUs, %s memory, Linux %s, %s; fdatasync of a page %s us; %s' "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)" "$(nproc)" \
        "$(awk '/^MemTotal/ { printf "%.0f GB", $2 / 1e6 }' /proc/meminfo)" "$(uname -r)" "$(sed -n 's/^PRETTY_NAME="\(.*\)"/\1/p' /etc/os-release)" \
        "$(sync_us)" "$(date -u '+%Y-%m-%d %H:%M UTC')")
before=$(load)
echo "machine: $machine; load before: $before"
failed=()
no_peers=
for n in "${wanted[@]}"; do
        say "bench $n"
        script=bench/$n.sh
        if [ ! -f "$script" ]; then
                script=bench/peers/$n.sh
                # Once, and bounded: without it every one of them would try again.
                if [ -z "$no_peers" ] && [ "$(id -u)" = 0 ] && ! timeout -k 20 900 bash bench/peers/root.sh "${NETINFO_PEERS:-$NETINFO_TOP/build-peers/root}"; then
                        no_peers=yes
                fi
                if [ -n "$no_peers" ]; then
                        failed+=("$n (the peers could not be installed)")
                        continue
                fi
        fi
        timeout -k 20 "$limit" bash "$script" </dev/null &
        running=$!
        wait "$running"
        status=$?
        running=
        case $status in
        0 | 77) ;; # 77: it says itself what it needs and does not have
        124 | 137)
                failed+=("$n (no end after $limit s)")
                ;;
        *) failed+=("$n (status $status)") ;;
        esac
        cp "$BENCH_RESULTS" build-bench/results.tsv
done
{
        # shellcheck disable=SC2016 # Markdown's quotes
        printf 'Machine: %s. Load (1, 5, 15 minutes) before %s, after %s. `./dev bench%s`, %s s: %s.\n' "$machine" "$before" "$(load)" "${quick:+ --quick}" \
                "$(seconds)" "${wanted[*]}"
        [ ${#failed[@]} -eq 0 ] || printf '\n**Failed**: %s.\n' "$(printf '%s, ' "${failed[@]}" | sed 's/, $//')"
        echo
        python3 bench/table.py $whole build-bench/results.tsv
} | tee build-bench/results.md
say "this table: build-bench/results.md"
[ ${#failed[@]} -eq 0 ] || die "failed: ${failed[*]}"
