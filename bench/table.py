#!/usr/bin/env python3
"""Sets the rows of a `./dev bench` run beside each other: what doc/peers.md aims at with its ratios, then every figure. Markdown on standard output.

usage: table.py [--whole] RESULTS.tsv
  rows: question, size, who, value, unit; the last of equal ones counts. A value of - says that it was not run, and the unit why.
  --whole: aims of which nothing was run have rows, too.
"""

import collections
import sys

SIZES = (1000, 10000, 100000, 1000000)

# What no service can be cheaper than through the C library: an empty module in our place (bench/peers/nss_empty.c).
FLOORS = {"libc: netinfo files": "floor: empty files", "libc: files netinfo": "floor: files empty"}

# Text, question, who of ours, whom beside, aim, sizes. An aim is (kind, limit): "<=" ours at most limit x theirs; ">=" at least; "abs" ours at most
# limit itself, "abs>=" at least; "-": only shown.
AIMS = []


def aim(text, question, ours, theirs, kind, limit, sizes=SIZES):
    AIMS.append((text, question, ours, theirs, kind, limit, sizes))


KINDS = ("name_hit", "name_miss", "uid_hit", "uid_miss")
for what in KINDS:
    aim(f"module, {what.replace('_', ' ')}", f"lookup.{what}", "module", "floor", "<=", 1.3)
for what in KINDS:
    aim(f"module upon a delta, {what.replace('_', ' ')}", f"lookup.{what}", "module, one user's delta", "floor, one user's delta", "<=", 1.3)
for what in ("name_hit", "uid_hit"):
    aim(f"module, {what.replace('_', ' ')}", f"lookup.{what}", "netinfo", "nscd, warm", "<=", 1.0, (10000, 100000, 1000000))
for line in ("netinfo files", "files netinfo"):
    for what in ("name_hit", "uid_hit"):
        aim(f"through libc, `{line}`, {what.replace('_', ' ')}", f"lookup.{what}", f"libc: {line}", "nscd, warm", "<=", 1.0)
aim("first lookup of a fresh process", "first", "module", None, "abs", 100)
for peer in ("nscd, warm", "nscd, cold", "sssd, warm", "sssd, cold", "files"):
    aim("1,000 x `id USER`", "id.1000", "netinfo", peer, "-", 0, (10000,))
aim("group list", "lookup.group_list", "module", None, "abs", 150, (10000,))
aim("group list among 100,000 groups, beside 1,000", "groups.flat", "among many", "among few", "<=", 1.5, (10000,))
aim("a group of 10,000 by gid, copied", "group.bytes", "module", "floor: its text and pointers", "<=", 1.0, (10000,))
for what in KINDS:
    what = what.replace("_", " ")
    aim(f"two threads, {what}, x one thread, by the clock", "threads", what, None, "abs>=", 1.9)
    aim(f"two threads, {what}, x one thread, by CPU per call", "threads.cpu", what, None, "abs>=", 1.9)
aim("LOOKUPREAD, 16 x 1, CPU", "read.16x1.cpu", "netinfod", "floor: echo", "<=", 1.6, (1000, 10000, 100000))
aim("LOOKUPREAD, 16 x 1, CPU", "read.16x1.cpu", "netinfod", "slapd", "<=", 0.25, (10000, 100000))
aim("LOOKUPREAD, 16 x 1, CPU", "read.16x1.cpu", "netinfod", "ypserv, UDP", "<=", 1.0, (10000, 100000))
aim("LOOKUPREAD, 16 x 8, CPU", "read.16x8.cpu", "netinfod", None, "abs", 3.0, (1000, 10000, 100000))
aim("LOOKUPREAD, 16 x 8, CPU", "read.16x8.cpu", "netinfod", "slapd", "-", 0, (10000, 100000))
EDITED = (1000, 100000, 1000000)
for kind in ("shell", "realname"):
    for batch in (1, 16, 100):
        aim(f"edits of {kind}, {batch} a commit", f"store.{kind}.{batch}", "store", "floor: bare LMDB", ">=", 0.6, EDITED)
for writers in (1, 16):
    for peer, limit in (("etcd", 2), ("slapd", 10)):
        aim(f"durable edits, {writers} writer{'s' if writers > 1 else ''}", f"edit.{writers}.rate", "netinfod", peer, ">=", limit, EDITED)
aim("import", "import", "netinfo", None, "abs", 1.0, (100000,))
aim("import", "import", "netinfo", None, "abs", 12.0, (1000000,))
aim("import", "import", "netinfo", "slapadd", "-", 0, (100000, 1000000))
aim("private memory of netinfod", "million.server_private_fresh", "netinfod", None, "abs", 65536, (1000000,))
aim("private memory of netinfod, right after the import", "million.server_private", "netinfod", None, "abs", 65536, (1000000,))
aim("private memory of the agent", "million.agent_private_after", "netinfo-agent", None, "abs", 65536, (1000000,))
aim("private memory of the agent, the most at once", "million.agent_private_most", "netinfo-agent", None, "abs", 65536, (1000000,))
aim("change to visible elsewhere, p50", "visible.p50", "netinfo", None, "abs", 2)
aim("change to visible elsewhere, p99", "visible.p99", "netinfo", None, "abs", 20)
aim("change to visible elsewhere, p50", "visible.p50", "netinfo", "etcd watch", "-", 0, (1000,))
aim("port N among listeners, no process", "port.listeners", "ni", "ss -tln", "<=", 1 / 3, (20000,))
aim("port N among established, no process", "port.established", "ni", "ss -tln", "<=", 1 / 3, (20000,))
aim("port N among established, no process", "port.established", "ni", "ss -tln", "<=", 1 / 10, (100000,))
for kind, sizes in (("listeners", (20000,)), ("established", (20000, 100000))):
    aim(f"port N among {kind}, its process by the full walk", f"port.{kind}.process", "ni", "ss -tlnp", "<=", 1 / 6, sizes)
    aim(f"port N among {kind}, its process by control group", f"port.{kind}.group", "ni", "ss -tlnp", "<=", 1 / 20, sizes)
for mode, text in (("hostile", ""), ("hostile.first", ", server and client first on the CPUs")):
    aim(f"honest client beside attacks{text}: p99, largest x", f"{mode}.p99", "netinfod", None, "abs", 2, (10000,))
    aim(f"beside 5,000 idle connections{text}: p99, x", f"{mode}.idle.p99", "netinfod", None, "abs", 2, (10000,))
aim("what an attack makes netinfod hold, most", "hostile.memory", "netinfod", None, "abs", 65536, (10000,))
aim("an idle connection of 5,000", "hostile.idle.memory", "netinfod", None, "abs", 16, (10000,))


class Run:
    """The rows of a run: figures, and what was not run and why."""

    def __init__(self, path):
        self.values, self.units, self.reasons = {}, {}, {}
        with open(path, encoding="utf-8") as f:
            for line in f:
                question, size, who, value, unit = line.rstrip("\n").split("\t")
                key = question, int(size), who
                if value == "-":
                    self.reasons[key] = unit
                else:
                    self.values[key] = float(value)
                    self.units[question] = unit

    def why_not(self, question, size, who):
        for (q, s, peer), reason in self.reasons.items():
            if who.startswith(peer) and ((q, s) == (question, size) or q == "missing"):
                return reason
        return None

    def floor(self, question, size, ours):
        if question.startswith("threads"):
            return "floor", self.values.get((question, size, f"floor: {ours}"))
        if ours in FLOORS:
            return FLOORS[ours], self.values.get((question, size, FLOORS[ours]))
        for (q, s, who), value in self.values.items():
            if q == question and s == size and (who == "floor" or who.startswith("floor: ")) and who not in FLOORS.values():
                return who, value
        return None


def figure(v, unit=""):
    text = f"{v:,.0f}" if v >= 1000 else f"{v:.3g}"
    return f"{text} {unit}".rstrip()


def judge(kind, limit, ours, theirs):
    """Ratio, the aim in words, met or not (None: there is none)."""
    if kind == "abs":
        return "", f"<= {figure(limit)}", ours <= limit
    if kind == "abs>=":
        return "", f">= {figure(limit)}", ours >= limit
    ratio = ours / theirs if theirs else float("inf")
    shown = f"{ratio:.2f}" if ratio >= 0.1 else f"{ratio:.2g}"
    if kind == "-":
        return shown, "", None
    return shown, f"{kind} {limit:.3g} x", ratio <= limit if kind == "<=" else ratio >= limit


def aim_row(run, whole, entry, size):
    """The cells of a row, and met (True, False, None); or None when nothing of it was run."""
    text, question, ours, theirs, kind, limit, _ = entry
    a, b = run.values.get((question, size, ours)), run.values.get((question, size, theirs)) if theirs else None
    unit = run.units.get(question, "")
    floor, peer = None, None
    if theirs and theirs.startswith("floor"):
        floor = theirs, b
    elif theirs:
        peer = theirs, b
        floor = run.floor(question, size, ours)
    else:
        floor = run.floor(question, size, ours)
    cell = {"floor": "", "peer": ""}
    for name, what in (("floor", floor), ("peer", peer)):
        if what:
            label = "" if what[0] == "floor" else what[0].removeprefix("floor: ") + " "
            cell[name] = f"{label}{figure(what[1]) if what[1] is not None else '-'}"
    if a is None or (theirs and b is None):
        why = run.why_not(question, size, ours if a is None else theirs)
        if why is None and not whole:
            return None
        words = judge(kind, limit, 1, 1)[1]
        return [text, f"{size:,}", figure(a, unit) if a is not None else "-", cell["floor"], cell["peer"], "", words, f"not run: {why or 'no figure came'}"], None
    ratio, words, good = judge(kind, limit, a, b)
    return [text, f"{size:,}", figure(a, unit), cell["floor"], cell["peer"], ratio, words, {True: "met", False: "**missed**", None: ""}[good]], good


def print_aims(run, whole):
    print("| work | size | ours | floor | peer | ratio | aim | |\n|---|---|---|---|---|---|---|---|")
    count = collections.Counter()
    for entry in AIMS:
        for size in entry[6]:
            row = aim_row(run, whole, entry, size)
            if not row:
                continue
            cells, good = row
            count["not run" if cells[-1].startswith("not run") else good] += 1
            print("| " + " | ".join(cells) + " |")
    print(f"\n{count[True]} met, {count[False]} missed, {count['not run']} not run; the others have no aim and are only shown."
          + ("" if whole else " Rows of which nothing was run are left out."))


def print_all(run):
    by_question = collections.defaultdict(lambda: collections.defaultdict(dict))
    for (question, size, who), value in run.values.items():
        by_question[question][who][size] = value
    print("| figure | who | " + " | ".join(f"{s:,}" for s in SIZES) + " | other sizes |\n|---|---|" + "---|" * (len(SIZES) + 1))
    for question, rows in by_question.items():
        for who, row in rows.items():
            others = ", ".join(f"{size:,}: {figure(v)}" for size, v in sorted(row.items()) if size not in SIZES)
            print(f"| {question}, {run.units[question]} | {who} | " + " | ".join(figure(row[s]) if s in row else "" for s in SIZES) + f" | {others} |")
    if run.reasons:
        print("\nNot run:\n")
        for (question, size, who), reason in run.reasons.items():
            print(f"- {who}{'' if question == 'missing' else ', ' + question}{f', {size:,}' if size else ''}: {reason}")


def main():
    words = [w for w in sys.argv[1:] if w != "--whole"]
    if len(words) != 1:
        sys.exit(__doc__)
    run = Run(words[0])
    print_aims(run, len(words) < len(sys.argv) - 1)
    print("\n## Every figure\n")
    print_all(run)


if __name__ == "__main__":
    main()
