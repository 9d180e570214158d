#!/usr/bin/env python3
"""OpenSSL stays in one folder and one shared object (doc/decisions/0014-tls.md): no program loads it at its start.

apart.py SOURCE-FOLDER OBJECT PROGRAM-OR-LIBRARY...
"""
import os
import re
import subprocess
import sys

source, shared, programs = sys.argv[1], sys.argv[2], sys.argv[3:]
failures = []


def out(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def needed(path):
    return set(re.findall(r"\(NEEDED\).*\[(.*)\]", out("readelf", "-dW", path)))


names = [line.split()[-1] for line in out("nm", "-D", "--defined-only", shared).splitlines()]
names = [name for name in names if not re.match(r"_*(asan|ubsan|tsan|odr_asan|sancov|lsan)|__start_|__stop_|_init$|_fini$", name)]
if names != ["netinfo_tls_table"]:
    failures.append(f"{shared} exports {names}, and not netinfo_tls_table alone")
if not {"libssl.so.3", "libcrypto.so.3"} <= needed(shared):
    failures.append(f"{shared} is not what OpenSSL is behind: {needed(shared)}")
for program in programs:
    much = [name for name in needed(program) if re.match(r"libssl|libcrypto|netinfo-tls", name)]
    if much:
        failures.append(f"{program} loads {much} whenever it starts")
for folder, _, files in os.walk(source):
    for name in files:
        path = os.path.join(folder, name)
        if name.endswith((".c", ".h")) and os.path.relpath(folder, source) != os.path.join("tls", "openssl"):
            with open(path, encoding="utf-8") as f:
                if re.search(r"#include <openssl/", f.read()):
                    failures.append(f"{path} includes a header of OpenSSL: src/tls/openssl is the place for it")
for failure in failures:
    print(failure)
sys.exit(1 if failures else 0)
