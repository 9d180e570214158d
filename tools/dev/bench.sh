# shellcheck shell=bash
# Measures: one question per program, ratios within one run.
# shellcheck source=tools/dev/lib.sh
. "$NETINFO_TOP/tools/dev/lib.sh"
names=()
for f in bench/*.sh; do names+=("$(basename "$f" .sh)"); done
case "${1:-}" in -h | --help)
        cat <<TEXT
usage: ./dev bench [NAME...]
  benches: ${names[*]}
  Each prints a table with its peer or physical floor in the same run; figures of this project's own machine are in bench/RESULTS.md.
example: ./dev bench nss
TEXT
        exit 0
        ;;
esac
wanted=("$@")
[ ${#wanted[@]} -gt 0 ] || wanted=("${names[@]}")
for n in "${wanted[@]}"; do
        [ -f "bench/$n.sh" ] || die "there is no bench '$n'; the benches are: ${names[*]}"
done
# shellcheck disable=SC2086
need_packages no $packages_run $packages_bench
say "building (folder build-bench/) ..."
configure build-bench -Dtests=false
compile build-bench
compile build-bench bench
export NETINFO_BUILD=$NETINFO_TOP/build-bench
printf 'machine: %s, %s cores, %s, kernel %s, %s\n' "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)" "$(nproc)" \
        "$(sed -n 's/^MemTotal: *//p' /proc/meminfo)" "$(uname -r)" "$(date -u +%Y-%m-%d)"
for n in "${wanted[@]}"; do
        say "bench $n"
        bash "bench/$n.sh" || die "bench $n failed"
done
