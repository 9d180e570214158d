#!/usr/bin/env python3
"""Puts the table of the last `./dev bench` into bench/RESULTS.md, between the marks there: the aims with the machine in front of them, and every figure.

usage: keep.py [RESULTS.md of the run, default build-bench/results.md]
"""

import os
import sys

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
KEPT = os.path.join(TOP, "bench", "RESULTS.md")


def between(text, name, new):
    begin, end = f"<!-- {name}: begin -->\n", f"<!-- {name}: end -->\n"
    if text.count(begin) != 1 or text.count(end) != 1 or text.index(begin) > text.index(end):
        sys.exit(f"keep.py: {KEPT} does not have the marks of '{name}' once each, in their order; put them back: {begin.strip()} {end.strip()}")
    return text[: text.index(begin) + len(begin)] + new.strip() + "\n" + text[text.index(end) :]


def main():
    if len(sys.argv) > 2 or sys.argv[1:] in (["-h"], ["--help"]):
        sys.exit(__doc__)
    path = sys.argv[1] if len(sys.argv) == 2 else os.path.join(TOP, "build-bench", "results.md")
    try:
        with open(path, encoding="utf-8") as f:
            aims, mark, figures = f.read().partition("## Every figure\n")
    except OSError as e:
        sys.exit(f"keep.py: {path}: {e.strerror}; run ./dev bench first")
    if not mark or "| work |" not in aims:
        sys.exit(f"keep.py: {path} is not what ./dev bench writes")
    with open(KEPT, encoding="utf-8") as f:
        text = f.read()
    text = between(between(text, "aims", aims), "figures", figures)
    with open(KEPT + ".new", "w", encoding="utf-8") as f:
        f.write(text)
    os.replace(KEPT + ".new", KEPT)


if __name__ == "__main__":
    main()
