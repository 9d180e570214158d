#!/usr/bin/env python3
"""What the system looks like from outside: listening sockets of this network namespace, and a digest of every file in /etc. The test run compares
it before and after: tests leave no traces. Files that a package installation or the system's own clocks rewrite are left out, and so are listeners
on ports that tests lease or the kernel chose, unless a program of this clone holds them: other people's programs come and go."""
import glob
import hashlib
import os
import re

import ports

VOLATILE = re.compile(r"^/etc/(ld\.so\.cache|mtab|resolv\.conf|hostname|hosts|alternatives|apt|\.pwd\.lock|passwd-|group-|shadow-|gshadow-)")


def own_sockets():
    """Inodes of the sockets that programs and scripts of this clone hold."""
    top, found = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__)))), set()
    for process in glob.glob("/proc/[0-9]*"):
        try:
            with open(process + "/cmdline", "rb") as f:
                words = [os.readlink(process + "/exe").encode(), *f.read().split(b"\0")]
            if any(w.startswith(top.encode() + b"/") for w in words):
                found |= {os.readlink(fd) for fd in glob.glob(process + "/fd/*")}
        except OSError:
            continue
    return found


def listeners():
    rows, own = set(), own_sockets()
    leased, taken = ports.ranges()
    for table, wanted in (("tcp", {"0A"}), ("tcp6", {"0A"}), ("udp", {"07"}), ("udp6", {"07"})):
        try:
            with open(f"/proc/net/{table}", encoding="ascii") as f:
                for line in f.readlines()[1:]:
                    part = line.split()
                    port = int(part[1].split(":")[1], 16)
                    if part[3] in wanted and (port not in leased and port not in taken or f"socket:[{part[9]}]" in own):
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
