#!/usr/bin/env python3
"""The manual pages: mandoc finds nothing to warn of, every command of `ni --help` has a page, and every page's examples name commands that exist.

usage: pages.py FOLDER NI"""
import os
import re
import shutil
import subprocess
import sys

folder, ni = sys.argv[1:3]
pages = sorted(p for p in os.listdir(folder) if re.search(r"\.[1-9]$", p))
problems = []
if not pages:
    problems.append(f"{folder}: no manual pages")

mandoc = shutil.which("mandoc")
if mandoc:
    done = subprocess.run([mandoc, "-Tlint", "-W", "warning", *(os.path.join(folder, p) for p in pages)], capture_output=True, text=True)
    problems += done.stdout.splitlines() + done.stderr.splitlines()
    if done.returncode and not problems:
        problems.append(f"mandoc ended with {done.returncode}")

told = subprocess.run([ni, "--help"], capture_output=True, text=True, check=True).stdout
commands = re.findall(r"^  ([a-z]+)  +\S", told, re.M)
if len(commands) < 10:
    problems.append(f"ni --help lists only {commands}")
texts = {}
for p in pages:
    with open(os.path.join(folder, p), encoding="utf-8") as f:
        texts[p] = f.read()
named = set()  # a page may be of two commands: .Nm gives both
for p, text in texts.items():
    named |= set(re.findall(r"^\.Nm ni[ -]([a-z]+)", text.split(".Sh SYNOPSIS")[0], re.M))
for c in commands:
    if c not in ("help", "version") and f"ni-{c}.1" not in texts and c not in named:
        problems.append(f"ni {c}: no manual page")
    if c != "version" and c not in texts.get("ni.1", ""):
        problems.append(f"ni.1 does not mention ni {c}")
for p, text in texts.items():  # lines of examples: "$ ni COMMAND ..." or "# ni COMMAND ..."
    for c in re.findall(r"^[$#] ni ([a-z]+)", text, re.M):
        if c not in commands:
            problems.append(f"{p}: an example uses ni {c}, which does not exist")

print("\n".join(problems) or f"{len(pages)} pages, {len(commands)} commands")
if problems:
    sys.exit(1)
if not mandoc:
    print("mandoc is not installed: the pages were not checked by it")
    sys.exit(77)
