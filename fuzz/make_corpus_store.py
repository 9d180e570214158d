#!/usr/bin/env python3
"""Makes fuzz/corpus/store_record: one well-formed value of each table (doc/store-format.md), first byte = kind."""
import os
import struct

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "corpus", "store_record")


def opaque(b):
    return struct.pack(">I", len(b)) + b + bytes(-len(b) % 4)


def props(**values):
    out = struct.pack(">I", len(values))
    for name, value in values.items():
        out += opaque(name.encode()) + struct.pack(">I", len(value)) + b"".join(opaque(v) for v in value)
    return out


def record(kind, obj, born, instance, parent, ordinal, before=None, after=None):
    out = struct.pack(">IIQIIQII", kind, obj, born, instance, parent, ordinal,
                      (before is not None) + 2 * (after is not None), 0)
    return out + b"".join(opaque(p) for p in (before, after) if p is not None)


def entry(*records):
    return struct.pack(">QII", 1, len(records), 1) + opaque(b"superuser") + opaque(b"unix uid 0") + opaque(b"edit") + b"".join(records)


P = props(name=[b"ada"], uid=[b"5001"], shell=[])
STEP, FIRST = 1 << 32, 1 << 62
files = {
    "node": b"\0" + struct.pack(">QQQIIII", FIRST, 1, 2, 3, 7, 4, 0) + P,
    "state": b"\1" + struct.pack(">II16sQQQQIIQQQ", 0, 0, bytes(16), 9, 5, 1, 77, 5, 3, 4, 1, 2),
    "freed": b"\2" + struct.pack(">II", 5, 9),
    "freed-run": b"\2" + struct.pack(">III", 5, 9, 0),
    "format": b"\3" + b"NetInfoStore" + struct.pack(">I", 1),
    "rows": b"\3" + bytes(16) + struct.pack(">I", 2) + opaque(b"name") + opaque(b"uid"),
    "created": b"\4" + entry(record(1, 7, 2, 0, 0, FIRST + 9 * STEP, after=P), record(3, 0, 0, 9, 0, 0)),
    "changed": b"\4" + entry(record(2, 1, 1, 5, 0, FIRST, before=P, after=P)),
    "destroyed": b"\4" + entry(record(4, 6, 1, 0, 1, FIRST + 2 * STEP, before=P), record(3, 1, 1, 6, 0, FIRST)),
    "moved": b"\4" + entry(record(5, 6, 1, 0, 0, FIRST - STEP), record(3, 0, 0, 9, 0, 0)),
    "swapped": b"\4" + entry(record(5, 1, 1, 3, 0, FIRST + STEP), record(5, 2, 1, 0, 0, FIRST)),
    "ring": b"\4" + entry(record(5, 1, 1, 3, 4, FIRST + STEP)),
}
os.makedirs(FOLDER, exist_ok=True)
for name, data in files.items():
    with open(os.path.join(FOLDER, name), "wb") as f:
        f.write(data)
