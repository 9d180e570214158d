#!/usr/bin/env python3
"""Makes inputs of fuzz/corpus/agent_keep out of a file that an agent kept (doc/agent.md): as it is, and its frames without sums.

usage: make_corpus_agent.py FILE NAME
"""
import os
import struct
import sys

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'corpus', 'agent_keep')
with open(sys.argv[1], 'rb') as f:
    whole = f.read()
out, at = b'\0', 8
while at < len(whole):
    size = 8 + struct.unpack('>I', whole[at + 4:at + 8])[0]
    out += whole[at:at + size]
    at += size + 8
os.makedirs(FOLDER, exist_ok=True)
for name, content in ((sys.argv[2], out), (sys.argv[2] + '-file', b'\1' + whole)):
    with open(os.path.join(FOLDER, name), 'wb') as f:
        f.write(content)
