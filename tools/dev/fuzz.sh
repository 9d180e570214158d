# shellcheck shell=bash
# libFuzzer on one target or on all, with ASan and UBSan; findings are kept in build-fuzz/findings/.
# shellcheck source=tools/dev/lib.sh
. "$NETINFO_TOP/tools/dev/lib.sh"
case "${1:-}" in -h | --help)
        cat <<'TEXT'
usage: ./dev fuzz [TARGET [EXECUTIONS]]
  without TARGET: every target, 10,000,000 executions each (hours); ./dev fuzz list names them
examples: ./dev fuzz list      ./dev fuzz record 2000000      ./dev fuzz all 100000
TEXT
        exit 0
        ;;
esac
# shellcheck disable=SC2086
need_packages no $packages_fuzz
say "building the fuzz targets (clang, ASan, UBSan, folder build-fuzz/) ..."
(export CC=clang-14; configure build-fuzz -Dtests=false -Dfuzzers=true -Db_sanitize=address,undefined -Db_lundef=false -Dbuildtype=debugoptimized && compile build-fuzz) || exit 1
targets=$(find build-fuzz/fuzz -maxdepth 2 -type f -name 'fuzz_*' -perm -u+x ! -name '*.*' | sort)
[ "${1:-}" = list ] && { for t in $targets; do n=${t##*/fuzz_}; echo "$n"; done; exit 0; }
wanted=${1:-all}
executions=${2:-10000000}
mkdir -p build-fuzz/findings
failed=0
for t in $targets; do
        n=${t##*/fuzz_}
        [ "$wanted" = all ] || [ "$wanted" = "$n" ] || continue
        found=yes
        mkdir -p "build-fuzz/corpus/$n"
        # Inputs as long as twice the longest of the corpus, 4 KiB at least: what is found in longer ones is found in these, sooner.
        longest=$(find "fuzz/corpus/$n" -type f -printf '%s\n' | sort -n | tail -n 1)
        longest=$((longest * 2 > 4096 ? longest * 2 : 4096))
        say "fuzzing $n: $executions executions"
        if ! "$t" -runs="$executions" -max_len="$longest" -entropic=0 -timeout=20 -rss_limit_mb=4096 -print_final_stats=1 -artifact_prefix="build-fuzz/findings/$n-" \
                "build-fuzz/corpus/$n" "fuzz/corpus/$n" >"build-fuzz/findings/$n.log" 2>&1; then
                failed=1
                say "FINDING in $n: see build-fuzz/findings/$n.log"
                tail -n 30 "build-fuzz/findings/$n.log" >&2
        else
                say "$n: $(grep -E 'stat::number_of_executed_units|stat::average_exec' "build-fuzz/findings/$n.log" | tr '\n' ' ')"
        fi
done
[ -n "${found:-}" ] || die "there is no target '$wanted'; ./dev fuzz list names them"
exit $failed
