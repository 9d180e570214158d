#!/usr/bin/env python3
"""Sets the rows of a `./dev bench` run beside each other: what doc/peers.md aims at with its ratios, then every figure. Markdown on standard output.

usage: table.py RESULTS.tsv      rows: question, size, who, value, unit; the last of equal ones counts
"""

import collections
import sys

SIZES = (1000, 10000, 100000, 1000000)

# Text, question, who of ours, whom beside, aim, sizes. An aim is (kind, limit): "<=" ours at most limit x theirs; ">=" at least; "abs" ours at most limit itself.
AIMS = []


def aim(text, question, ours, theirs, kind, limit, sizes=SIZES):
    AIMS.append((text, question, ours, theirs, kind, limit, sizes))


for what in ("name_hit", "name_miss", "uid_hit", "uid_miss"):
    aim(f"module, {what.replace('_', ' ')}", f"lookup.{what}", "module", "floor", "<=", 1.3)
    aim(f"module with a delta, {what.replace('_', ' ')}", f"lookup.{what}", "module, one user's delta", "floor", "<=", 1.3)
for what in ("name_hit", "uid_hit"):
    aim(f"module, {what.replace('_', ' ')}, beside warm nscd", f"lookup.{what}", "netinfo", "nscd, warm", "<=", 1.0, (10000, 100000))
    aim(f"through the C library, files first, {what.replace('_', ' ')}", f"lookup.{what}", "libc: files netinfo", "nscd, warm", "<=", 1.0, (10000, 100000))
    aim(f"through the C library, netinfo first, {what.replace('_', ' ')}", f"lookup.{what}", "libc: netinfo files", "nscd, warm", "<=", 1.0, (10000, 100000))
aim("first lookup of a fresh process, us", "first", "module", None, "abs", 100)
aim("group list, ns", "lookup.group_list", "module", None, "abs", 150)
for what in ("name hit", "name miss", "uid hit", "uid miss"):
    aim(f"two threads, {what}, x one", "threads", what, None, "abs>=", 1.9)
aim("LOOKUPREAD, 16 x 1, CPU beside an echo", "read.16x1.cpu", "netinfod", "floor: echo", "<=", 1.6)
aim("LOOKUPREAD, 16 x 1, CPU beside slapd", "read.16x1.cpu", "netinfod", "slapd", "<=", 0.25)
aim("LOOKUPREAD, 16 x 1, CPU beside ypserv (UDP)", "read.16x1.cpu", "netinfod", "ypserv, UDP", "<=", 1.0)
aim("LOOKUPREAD, 16 x 8, CPU, us", "read.16x8.cpu", "netinfod", None, "abs", 3.0)
for kind in ("shell", "realname"):
    for batch in (1, 16, 100):
        aim(f"durable edits of {kind}, {batch} a commit, beside bare LMDB", f"store.{kind}.{batch}", "store", "floor: bare LMDB", ">=", 0.6)
for writers in (1, 16):
    aim(f"durable edits, {writers} writer{'s' if writers > 1 else ''}, beside etcd", f"edit.{writers}.rate", "netinfod", "etcd", ">=", 2)
    aim(f"durable edits, {writers} writer{'s' if writers > 1 else ''}, beside slapd", f"edit.{writers}.rate", "netinfod", "slapd", ">=", 10)
aim("import, s", "import", "netinfo", None, "abs", 1.0, (100000,))
aim("import, s", "import", "netinfo", None, "abs", 12.0, (1000000,))
aim("import beside slapadd", "import", "netinfo", "slapadd", "<=", 1.0)
aim("private memory of netinfod, KiB", "million.server_private_fresh", "netinfod", None, "abs", 65536)
aim("private memory of the agent, KiB", "million.agent_private_after", "netinfo-agent", None, "abs", 65536)
aim("change to visible elsewhere, p50, ms", "visible.p50", "netinfo", None, "abs", 2)
aim("change to visible elsewhere, p99, ms", "visible.p99", "netinfo", None, "abs", 20)
aim("who holds port N among listeners, no process, beside ss", "port.listeners", "ni", "ss -tln", "<=", 1 / 3, (20000,))
aim("who holds port N among established, no process, beside ss", "port.established", "ni", "ss -tln", "<=", 1 / 10, (100000,))
for kind in ("listeners", "established"):
    for size in (20000, 100000):
        aim(f"who holds port N among {kind}, full walk, beside ss -p", f"port.{kind}.process", "ni", "ss -tlnp", "<=", 1 / 6, (size,))
        aim(f"who holds port N among {kind}, control group, beside ss -p", f"port.{kind}.group", "ni", "ss -tlnp", "<=", 1 / 20, (size,))


def read(path):
    values, units = {}, {}
    with open(path) as f:
        for line in f:
            question, size, who, value, unit = line.rstrip("\n").split("\t")
            values[question, int(size), who] = float(value)
            units[question] = unit
    return values, units


def figure(v):
    if v >= 1000:
        return f"{v:,.0f}"
    return f"{v:.3g}"


def judge(kind, limit, ours, theirs):
    """Ratio (or the figure), the aim in words, met or not."""
    if kind == "abs":
        return figure(ours), f"<= {figure(limit)}", ours <= limit
    if kind == "abs>=":
        return figure(ours), f">= {figure(limit)}", ours >= limit
    ratio = ours / theirs if theirs else float("inf")
    return f"{ratio:.2f}", f"{kind} {limit:.3g}", ratio <= limit if kind == "<=" else ratio >= limit


def print_aims(values):
    print("| work | size | ours | beside | its figure | ratio or figure | aim | |\n|---|---|---|---|---|---|---|---|")
    met = missed = 0
    for text, question, ours, theirs, kind, limit, sizes in AIMS:
        for size in sizes:
            a, b = values.get((question, size, ours)), values.get((question, size, theirs)) if theirs else None
            if a is None or (theirs and b is None):
                continue
            shown, words, good = judge(kind, limit, a, b)
            met, missed = met + good, missed + (not good)
            print(f"| {text} | {size:,} | {figure(a)} | {theirs or '-'} | {figure(b) if theirs else '-'} | {shown} | {words} | {'met' if good else '**missed**'} |")
    print(f"\n{met} met, {missed} missed. Rows whose peer or size was not run are not here.")


def print_all(values, units):
    by_question = collections.defaultdict(lambda: collections.defaultdict(dict))
    for (question, size, who), value in values.items():
        by_question[question][who][size] = value
    for question, rows in by_question.items():
        if question == "missing":
            continue
        sizes = sorted({s for row in rows.values() for s in row})
        print(f"\n{question}, {units[question]}\n\n| | " + " | ".join(f"{s:,}" for s in sizes) + " |\n|---|" + "---|" * len(sizes))
        for who, row in rows.items():
            print(f"| {who} | " + " | ".join(figure(row[s]) if s in row else "" for s in sizes) + " |")
    missing = sorted({who for question, _, who in values if question == "missing"})
    if missing:
        print(f"\nNot to be had here: {', '.join(missing)}.")


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    values, units = read(sys.argv[1])
    print("## What doc/peers.md aims at\n")
    print_aims(values)
    print("\n## Every figure")
    print_all(values, units)


if __name__ == "__main__":
    main()
