#!/usr/bin/env python3
"""Counts test cases in meson's JSON test logs: the cases of a cmocka or unittest program one by one, any other program as one.
The last line is 'N passed, N failed[, N skipped]'; the exit status is 1 when anything failed or nothing ran."""
import argparse
import json
import re
import sys


def cases(test):
    """(passed, failed, skipped) of one test program."""
    text = (test.get("stdout") or "") + "\n" + (test.get("stderr") or "")
    good = test["result"] in ("OK", "EXPECTEDFAIL")
    if test["result"] == "SKIP":
        return 0, 0, 1
    passed = sum(int(n) for n in re.findall(r"\[  PASSED  \] (\d+) test", text))
    failed = sum(int(n) for n in re.findall(r"\[  FAILED  \] .*?(\d+) test", text))
    skipped = sum(int(n) for n in re.findall(r"\[  SKIPPED \] .*?(\d+) test", text))
    for ran, verdict in re.findall(r"^Ran (\d+) tests? in .*?$\s*^(OK.*|FAILED.*)$", text, re.M | re.S):
        verdict = verdict.split("\n")[0]
        bad = sum(int(n) for n in re.findall(r"(?:failures|errors)=(\d+)", verdict))
        skip = sum(int(n) for n in re.findall(r"skipped=(\d+)", verdict))
        passed += int(ran) - bad - skip
        failed += bad
        skipped += skip
    if not good and failed == 0:
        failed = 1
    if good and passed == 0 and skipped == 0:
        passed = 1
    return passed, failed, skipped


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--total", action="store_true", help="one line for all files")
    p.add_argument("--extra-passed", type=int, default=0)
    p.add_argument("--extra-failed", type=int, default=0)
    p.add_argument("logs", nargs="*")
    args = p.parse_args()
    total = [args.extra_passed, args.extra_failed, 0]
    programs = 0
    for name in args.logs:
        with open(name, encoding="utf-8", errors="replace") as f:
            for line in f:
                test = json.loads(line)
                programs += 1
                one = cases(test)
                for i in range(3):
                    total[i] += one[i]
                if one[1]:
                    print(f"FAILED {test['name']} ({test['result']})", file=sys.stderr)
    if programs == 0 and args.logs:
        print("no test program ran", file=sys.stderr)
        total[1] += 1
    line = f"{total[0]} passed, {total[1]} failed"
    if total[2]:
        line += f", {total[2]} skipped"
    print(line)
    return 1 if total[1] or total[0] == 0 else 0


sys.exit(main())
