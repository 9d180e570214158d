#!/usr/bin/env python3
"""What the system looks like from outside: listening sockets of this network namespace, and a digest of every file in /etc. The test run compares
it before and after: tests leave no traces. Files that a package installation or the system's own clocks rewrite are left out."""
import hashlib
import os
import re

VOLATILE = re.compile(r"^/etc/(ld\.so\.cache|mtab|resolv\.conf|hostname|hosts|alternatives|apt|\.pwd\.lock|passwd-|group-|shadow-|gshadow-)")


def listeners():
    rows = set()
    for table, wanted in (("tcp", {"0A"}), ("tcp6", {"0A"}), ("udp", {"07"}), ("udp6", {"07"})):
        try:
            with open(f"/proc/net/{table}", encoding="ascii") as f:
                for line in f.readlines()[1:]:
                    part = line.split()
                    if part[3] in wanted:
                        rows.add(f"{table} {part[1]}")
        except OSError:
            pass
    return sorted(rows)


def files():
    for folder, _, names in sorted(os.walk("/etc")):
        for name in sorted(names):
            path = os.path.join(folder, name)
            if VOLATILE.match(path) or os.path.islink(path):
                continue
            try:
                with open(path, "rb") as f:
                    yield f"{path} {hashlib.sha256(f.read()).hexdigest()[:16]}"
            except OSError:
                continue


print("\n".join(listeners()))
print("\n".join(files()))
