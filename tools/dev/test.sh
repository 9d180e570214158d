# shellcheck shell=bash
# Builds four ways and runs every suite. The last line is "N passed, N failed".
# shellcheck source=tools/dev/lib.sh
. "$NETINFO_TOP/tools/dev/lib.sh"
length=normal
suites=()
for word in "$@"; do
        case "$word" in
        -h | --help)
                cat <<'TEXT'
usage: ./dev test [--quick|--long] [SUITE...]
  (nothing)  everything, sized for CI (two cores, well under an hour)
  --quick    the plain build only, fewer rounds: a minute or two
  --long     the counts of a release: 1,000 kills of the store's writer and 2,000 cuts of its power, 200 kills of netinfod, each
             refused call of refused.py, tens of thousands of random stories. Processor time of the tests: gcc 17 min, ASan+UBSan
             some 30, TSan some 4, clang some 10; with building about three quarters of an hour on two cores that do nothing else.
suites: unit story system guest fuzz-replay house man
examples: ./dev test          ./dev test --quick unit          ./dev test --long system
TEXT
                exit 0
                ;;
        --quick) length=quick ;;
        --long) length=long ;;
        -*) die "there is no option $word; see ./dev test --help" ;;
        *) suites+=("$word") ;;
        esac
done
# shellcheck disable=SC2086
need_packages no $packages_test
export NETINFO_TEST_LENGTH=$length
# Each test says itself what that means for it (tests/lib/sized.h).
# Time limits are for what hangs: those of meson.build are for a machine that does nothing else, and a busy one is no failure.
multiplier=4
[ "$length" = long ] && multiplier=24
results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT
failed_builds=0

select_suites() { # FOLDER SUITE...: options for meson test
        local s
        for s in "$@"; do printf -- '--suite %s ' "$s"; done
}

running() { # the tests that run, each with its seconds
        ps --ppid "$(pgrep -P $$ meson)" -o etimes=,args= 2>/dev/null | while read -r seconds program first _; do
                case "$program" in *python*) program=$first ;; esac # most system tests are scripts
                printf ' %s (%s s)' "${program##*/}" "$seconds"
        done
}

tell_now_and_then() { # FILE: every two minutes what is done and what runs, so that a test that hangs has a name
        local second
        for ((second = 1; ; second++)); do
                sleep 1
                kill -0 $$ 2>/dev/null || return 0
                [ $((second % 120)) = 0 ] && say "  $(grep -cE '^ *[0-9]+/[0-9]+ ' "$1") done; running:$(running)"
        done
}

run_tests() { # LABEL FOLDER SUITE...
        local label=$1 folder=$2
        shift 2
        local begin
        begin=$(date +%s)
        # Two more than cores: many of the tests that start daemons mostly wait.
        say "testing $label: ${*:-all suites} ..."
        tell_now_and_then "$results/$label.out" &
        local teller=$!
        # shellcheck disable=SC2046
        meson test -C "$folder" --no-rebuild --print-errorlogs --num-processes $(($(nproc) + 2)) --timeout-multiplier "$multiplier" --logbase "log-$label" $(select_suites "$@") >"$results/$label.out" 2>&1
        local status=$?
        { kill $teller && wait $teller; } 2>/dev/null
        grep -E '^ *[0-9]+/[0-9]+ .*(FAIL|TIMEOUT|ERROR)' "$results/$label.out" >&2
        [ $status -ne 0 ] && grep -vE '^ *[0-9]+/[0-9]+ .* (OK|SKIP) ' "$results/$label.out" | head -n 400 >&2
        if ! cp "$folder/meson-logs/log-$label.json" "$results/$label.json" 2>/dev/null; then
                say "no test of these suites is there in $folder: that is a failure"
                failed_builds=$((failed_builds + 1))
                return
        fi
        say "tested $label ($(($(date +%s) - begin)) s): $(python3 tools/dev/count.py "$results/$label.json" 2>&1 | tail -n 1)"
}

variant() { # LABEL FOLDER COMPILER SUITES OPTIONS...: configure, build, test; a build that fails is one failure
        local label=$1 folder=$2 compiler=$3 wanted=$4
        shift 4
        say "building $label (folder $folder) ..."
        if ! (export CC=$compiler; configure "$folder" -Dwerror=true "$@" && compile "$folder"); then
                failed_builds=$((failed_builds + 1))
                return
        fi
        [ -z "$wanted" ] && return
        # shellcheck disable=SC2086
        run_tests "$label" "$folder" $wanted
}

all="unit story system guest fuzz-replay house man"
if [ ${#suites[@]} -gt 0 ]; then all="${suites[*]}"; fi
only() { # of the suites wanted, those in the words given
        local s out=
        for s in $all; do case " $* " in *" $s "*) out="$out $s" ;; esac; done
        printf '%s' "$out"
}

before=$(mktemp)
python3 tests/lib/footprint.py >"$before"
variant gcc build-test gcc "$all"
if [ "$length" != quick ]; then
        export ASAN_OPTIONS=detect_leaks=1:abort_on_error=0:detect_stack_use_after_return=0 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
        variant asan build-asan gcc "$(only unit story system fuzz-replay)" -Db_sanitize=address,undefined -Db_lundef=false
        export TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1
        variant tsan build-tsan gcc "$([ -n "$(only unit system)" ] && echo threads)" -Db_sanitize=thread -Db_lundef=false
        variant clang build-clang clang-14 "$(only unit)"
fi
# Nothing of the system may have changed: listeners, and /etc (package files apart).
if python3 tests/lib/footprint.py | diff "$before" - >"$results/footprint.diff"; then
        footprint=0
        say "the system is as it was: same listeners, same /etc"
else
        footprint=1
        say "the tests left traces on the system:"
        cat "$results/footprint.diff" >&2
fi
rm -f "$before"
shopt -s nullglob
python3 tools/dev/count.py --total --extra-failed $((failed_builds + footprint)) --extra-passed $((1 - footprint)) "$results"/*.json
