#!/usr/bin/env python3
"""Makes fuzz/corpus/nidb: small databases of all generations, with what a crash leaves."""
import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, 'tests', 'lib'))
import nidb  # noqa: E402


def put(name, files):
    folder = os.path.join(ROOT, 'fuzz', 'corpus', 'nidb')
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name), 'wb') as f:
        for file_name, content in files.items():
            f.write(file_name.encode() + b'\0' + nidb.u32(len(content)) + content)


dirs = nidb.office()
put('current', nidb.current(dirs))
put('old', nidb.old(dirs))
put('oldest', nidb.old(dirs, 256))
made = nidb.Dir(8, 3, [], [('name', 'eve')]).record()
put('crashed', dict(nidb.current(dirs, clean=False), Create=nidb.u32(256, len(made)) + made, Delete=b'\2\0\0\0'))
ring = [nidb.Dir(0, 0, [1], []), nidb.Dir(1, 2, [2], []), nidb.Dir(2, 1, [1, 1, 9], []), nidb.Dir(3, 7, [], [])]
put('ring', nidb.current(ring))
