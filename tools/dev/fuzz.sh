# shellcheck shell=bash
# libFuzzer on one target or on all, with ASan and UBSan; findings are kept in build-fuzz/findings/.
# shellcheck source=tools/dev/lib.sh
. "$NETINFO_TOP/tools/dev/lib.sh"
case "${1:-}" in -h | --help)
        cat <<'TEXT'
usage: ./dev fuzz [TARGET|all [EXECUTIONS]]      ./dev fuzz keep TARGET|all
  without TARGET: every target, 10,000,000 executions each (hours); ./dev fuzz list names them
  keep: brings the few short inputs that reach new code from build-fuzz/corpus into fuzz/corpus (doc/fuzzing.md)
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
keep=
if [ "${1:-}" = keep ]; then
        keep=yes
        shift
        [ $# -eq 1 ] || die "keep what? ./dev fuzz keep TARGET, or all"
fi
wanted=${1:-all}
executions=${2:-10000000}
kept_bytes=200 # of an input that goes into the repository
kept_inputs=60 # found by the fuzzer, of one target: the shortest
mkdir -p build-fuzz/findings
# A small quarantine stays in the processor's caches, and half a call stack names an allocation: a third more executions for the same CPU.
export ASAN_OPTIONS=${ASAN_OPTIONS:-quarantine_size_mb=8:malloc_context_size=2}
failed=0
for t in $targets; do
        n=${t##*/fuzz_}
        [ "$wanted" = all ] || [ "$wanted" = "$n" ] || continue
        found=yes
        if [ -n "$keep" ]; then
                [ -d "build-fuzz/corpus/$n" ] || continue
                chosen=$(mktemp -d)
                cp "fuzz/corpus/$n"/* "$chosen/"
                "$t" -set_cover_merge=1 -max_len=$kept_bytes "$chosen" "build-fuzz/corpus/$n" >"build-fuzz/findings/$n.keep.log" 2>&1 || die "see build-fuzz/findings/$n.keep.log"
                before=$(find "fuzz/corpus/$n" -type f | wc -l)
                find "$chosen" -type f -printf '%s %p\n' | grep -E '/[0-9a-f]{40}$' | sort -n | head -n $kept_inputs | cut -d' ' -f2- | xargs -r cp -t "fuzz/corpus/$n"
                rm -rf "$chosen"
                say "$n: $before inputs, now $(find "fuzz/corpus/$n" -type f | wc -l)"
                continue
        fi
        mkdir -p "build-fuzz/corpus/$n"
        # Inputs as long as the longest of the corpus, 1 KiB at least: what is found in longer ones is found in these, sooner.
        longest=$(find "fuzz/corpus/$n" -type f -printf '%s\n' | sort -n | tail -n 1)
        longest=$((longest > 1024 ? longest : 1024))
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
