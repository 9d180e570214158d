# shellcheck shell=bash
# Measures: one question per program, each beside its physical floor and its peers, ratios within one run.
# shellcheck source=tools/dev/lib.sh
. "$NETINFO_TOP/tools/dev/lib.sh"
# In this order: what needs no peers first. A script of bench/peers runs in a Debian root of its own (bench/peers/root.sh).
order="nss maps server store wide visibility replica ports million lookups id reads edits import"
by_name="hostile chain" # minutes each, and many processes: only when they are named
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
  --quick  1,000 and 10,000 users only, short measurements, no million: some five minutes instead of 25
  benches: ${names[*]}; only by name: $by_name
  Each prints what it measures with its floor or its peers in the same run. In the end a table of all that was measured stands beside the
  aims of doc/peers.md, and in build-bench/results.md (rows: build-bench/results.tsv). Figures of this project's own machine: bench/RESULTS.md.
  Peers (slapd, etcd, ypserv, nscd, sssd, nslcd ...) are installed in a folder of their own, build-peers/, and run in namespaces: nothing
  of this machine is changed. They need root and debootstrap; without them their rows are left out.
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
        export BENCH_SIZES="1000 10000" BENCH_SECONDS=${BENCH_SECONDS:-0.1} VISIBILITY_USERS="1000 10000" VISIBILITY_CHANGES=50 PORT_RUNS=7
fi
# shellcheck disable=SC2086
need_packages no $packages_run $packages_bench
say "building (folder build-bench/) ..."
configure build-bench -Dtests=false
compile build-bench
compile build-bench bench
export NETINFO_BUILD=$NETINFO_TOP/build-bench
BENCH_WORK=$(mktemp -d "${TMPDIR:-/tmp}/netinfo-bench.XXXXXX")
trap 'rm -rf "$BENCH_WORK"' EXIT
trap 'exit 130' INT TERM
export BENCH_WORK BENCH_RESULTS=$BENCH_WORK/results.tsv
: >"$BENCH_RESULTS"
machine=$(printf '%s, %s cores, %s, kernel %s, %s' "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)" "$(nproc)" \
        "$(sed -n 's/^MemTotal: *//p' /proc/meminfo)" "$(uname -r)" "$(date -u +%Y-%m-%d)")
echo "machine: $machine; load before: $(cut -d' ' -f1-3 /proc/loadavg)"
failed=()
for n in "${wanted[@]}"; do
        say "bench $n"
        script=bench/$n.sh
        [ -f "$script" ] || script=bench/peers/$n.sh
        bash "$script"
        status=$?
        # 77: it says itself what it needs and does not have
        [ $status = 0 ] || [ $status = 77 ] || failed+=("$n")
done
cp "$BENCH_RESULTS" build-bench/results.tsv
{
        printf 'Machine: %s. Benches: %s. Load after: %s.\n\n' "$machine" "${wanted[*]}" "$(cut -d' ' -f1-3 /proc/loadavg)"
        python3 bench/table.py build-bench/results.tsv
} | tee build-bench/results.md
say "this table: build-bench/results.md"
[ ${#failed[@]} -eq 0 ] || die "failed: ${failed[*]}"
