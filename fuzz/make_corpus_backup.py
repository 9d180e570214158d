#!/usr/bin/env python3
"""Makes an input of fuzz/corpus/backup out of a real backup: its frames without the hashes (doc/backup-format.md).

usage: make_corpus_backup.py BACKUP NAME
"""
import os
import struct
import sys

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'corpus', 'backup')
with open(sys.argv[1], 'rb') as f:
    whole = f.read()
out, at = b'\0', 16
while at < len(whole):
    size = 8 + struct.unpack('>I', whole[at + 4:at + 8])[0]
    out += whole[at:at + size]
    at += size + 16
os.makedirs(FOLDER, exist_ok=True)
with open(os.path.join(FOLDER, sys.argv[2]), 'wb') as f:
    f.write(out)
with open(os.path.join(FOLDER, sys.argv[2] + '-file'), 'wb') as f:
    f.write(b'\1' + whole)
