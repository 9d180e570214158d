#!/usr/bin/env python3
"""Draws the include arrows between the rooms of src/ and marks those that climb or run along a floor (doc/tour.md).
A mirror: arrows with a reason stand in doc/decisions/include-arrows.txt (lines `from to`); --check fails on any other."""
import collections
import os
import re
import sys

FLOORS = {"base": 0, "sys": 1, "xdr": 1, "model": 2, "binding": 2, "replica": 2, "wire": 3, "tls": 3, "store": 3, "snapshot": 3, "flat": 3, "nidb": 3, "directory": 4,
          "client": 4, "portdb": 4, "api": 5, "nss": 5, "agent": 5, "server": 5, "tools": 6}
top = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
arrows = collections.Counter()
unknown = set()
for folder, _, names in os.walk(os.path.join(top, "src")):
    room = os.path.relpath(folder, os.path.join(top, "src")).split(os.sep)[0]
    for name in names:
        if not name.endswith((".c", ".h")):
            continue
        if room not in FLOORS:
            unknown.add(room)
            continue
        with open(os.path.join(folder, name), encoding="utf-8") as f:
            for target in re.findall(r'^#include "([a-z0-9]+)/', f.read(), re.M):
                if target in FLOORS and target != room:
                    arrows[room, target] += 1
reasons = os.path.join(top, "doc", "decisions", "include-arrows.txt")
allowed = set()
if os.path.exists(reasons):
    with open(reasons, encoding="utf-8") as f:
        allowed = {tuple(line.split()[:2]) for line in f if line.strip() and not line.startswith("#")}
climbing = 0
for room in sorted(FLOORS, key=lambda r: (FLOORS[r], r)):
    targets = sorted((t for r, t in arrows if r == room), key=lambda t: (FLOORS[t], t))
    words = []
    for t in targets:
        bad = FLOORS[t] >= FLOORS[room]
        if bad and (room, t) not in allowed:
            climbing += 1
        words.append(f"{t}{'  <-- climbs' if bad else ''}")
    print(f"{FLOORS[room]} {room:10} -> {' '.join(words)}")
for room in sorted(unknown):
    print(f"? {room}: not in the house (tools/house.py, doc/tour.md)")
if "--check" in sys.argv and (climbing or unknown):
    print(f"{climbing} arrows climb without a reason, {len(unknown)} unknown rooms", file=sys.stderr)
    sys.exit(1)
