# shellcheck shell=bash
# Formatting (must), include arrows (must), man pages (must); clang-tidy, cppcheck, codespell, shellcheck (advice).
# shellcheck source=tools/dev/lib.sh
. "$NETINFO_TOP/tools/dev/lib.sh"
case "${1:-}" in -h | --help)
        echo "usage: ./dev lint [--fix]    --fix formats the C files in place"
        exit 0
        ;;
esac
# shellcheck disable=SC2086
need_packages no $packages_lint
mapfile -t sources < <(git ls-files '*.c' '*.h')
status=0
if [ "${1:-}" = --fix ]; then
        clang-format-14 -i "${sources[@]}" 2>/dev/null || clang-format -i "${sources[@]}"
fi
say "format ..."
clang-format --dry-run -Werror "${sources[@]}" 2>&1 | grep -E 'error' | head -n 20 && status=1
say "include arrows ..."
python3 tools/house.py --check || status=1
say "man pages ..."
pages=(doc/man/*.[1-9])
[ -e "${pages[0]}" ] && { mandoc -Tlint -W warning "${pages[@]}" || status=1; }
say "shell scripts (advice) ..."
shellcheck -x dev tools/dev/*.sh .ci/run || true
say "spelling (advice) ..."
git ls-files | grep -vE '^data/|^fuzz/corpus/' | xargs codespell -q 3 || true
say "cppcheck (advice) ..."
cppcheck --quiet --std=c11 --enable=warning,portability --inline-suppr -Isrc -Iinclude src 2>&1 | tail -n 40 || true
say "clang-tidy (advice) ..."
[ -f build/compile_commands.json ] || build_plain
git ls-files 'src/*.c' | xargs -r clang-tidy -p build --quiet --checks='-*,bugprone-*,cert-*,clang-analyzer-*,-bugprone-easily-swappable-parameters,-cert-err33-c,-bugprone-narrowing-conversions' 2>/dev/null | tail -n 60 || true
exit $status
