#!/usr/bin/env python3
"""First inputs of the targets binding, parent_reply, parent_config and portmap, made by hand from doc/protocol.md 3.6, 4.3
and doc/binding.md."""
import os
import struct

CORPUS = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'corpus')


def u32(*values):
    return struct.pack('>%dI' % len(values), *values)


def put(target, name, data):
    os.makedirs(os.path.join(CORPUS, target), exist_ok=True)
    with open(os.path.join(CORPUS, target, name), 'wb') as f:
        f.write(data)


def opaque(b):
    return u32(len(b)) + b + bytes(-len(b) % 4)


ok = u32(0x30, 1, 0, 0, 0, 0)
put('parent_reply', 'getport', b'\0' + ok + u32(660))
put('parent_reply', 'getregister', b'\1' + ok + u32(0, 1011, 1012))
put('parent_reply', 'notag', b'\1' + ok + u32(19))
put('parent_reply', 'ping', b'\2' + ok)
put('parent_reply', 'callit', b'\3' + ok + u32(1011, 0))
put('parent_reply', 'bind', b'\4' + ok)
put('parent_reply', 'system-err', b'\4' + u32(0x30, 1, 0, 0, 0, 5))
put('parent_reply', 'too-weak', b'\1' + u32(0x30, 1, 1, 1, 5))

look = bytes([0, 2, 0x12, 0x13, 0x17, 0x16])  # two candidates with the tag network
put('binding', 'direct', look + bytes([1, 0, 4, 1]) + bytes([3, 0]) + bytes([4]) * 20)
put('binding', 'mapper', look + bytes([1, 1, 4, 0]) + bytes([1, 2, 4, 1, 1, 3, 4, 0, 3, 0]) + bytes([4]) * 30)
put('binding', 'loop', look + bytes([1, 0, 4, 1]) + bytes([3, 6]) + bytes([4]) * 40)
put('binding', 'silent', look + bytes([4]) * 200)
put('binding', 'broadcast', bytes([0, 1, 0x17, 0, 0, 0, 1, 0, 4, 0, 3, 0]) + bytes([4]) * 30)
put('binding', 'changes', look + bytes([0x16, 0x0e, 6, 4, 0, 0x80, 0, 0, 0, 0, 4, 6, 0, 0x42, 1, 2, 3, 4, 4]))

put('parent_config', 'lease', b'# eth0\ndhcp_parent_addresses = 10.0.0.1 10.0.0.2\ndhcp_parent_tag = network\n')
put('parent_config', 'broken', b'dhcp_parent_addresses = 10.0.0.1; reboot\n')
for n, word in enumerate([b'10.0.0.1', b'10.0.0.1/network', b'10.0.0.1:10987/network', b'broadcast/network', b'10.0.0.1:0/x', b'/']):
    put('parent_config', 'word-%d' % n, word)

call = u32(0x40, 0, 2, 100000, 2)
none = u32(0, 0, 0, 0)
inner = u32(0x0a000007) + opaque(b'local') + opaque(b'network')
put('portmap', 'null', call + u32(0) + none)
put('portmap', 'getport', call + u32(3) + none + u32(200100001, 1, 17, 0))
put('portmap', 'set', call + u32(1) + none + u32(200100001, 1, 17, 987))
put('portmap', 'dump', call + u32(4) + none)
put('portmap', 'callit', call + u32(5) + none + u32(200100001, 1, 8) + opaque(inner))
put('portmap', 'callit-surplus', call + u32(5) + none + u32(200100001, 1, 8, len(inner) + 4) + inner + bytes(4))
put('portmap', 'reply', u32(1, 1, 0, 0, 0, 0, 987))
