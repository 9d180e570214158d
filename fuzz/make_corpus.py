#!/usr/bin/env python3
"""Makes fuzz/corpus/ from the messages in doc/protocol.md section 10 and doc/extension-program.md.

Run it again when a document gains a vector; what other targets keep in their corpora is not touched.
"""
import os
import re
import struct
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PROGRAMS = {200100000: "ni", 200100001: "binder", 0x20000987: "ext"}


def blocks(path):
    """(number, label, bytes) of every hex dump under a heading `== N`."""
    number, label, data = None, None, b""
    for line in open(path, encoding="utf-8"):
        if re.match(r"^[0-9a-f]{4}  [0-9a-f ]+$", line):
            data += bytes.fromhex(line[4:])
            continue
        if data:
            yield number, label, data
            data = b""
        head = re.match(r"^== *(\d+)", line)
        if head:
            number = int(head.group(1))
        label = line.strip()


def put(target, name, data):
    folder = os.path.join(ROOT, "fuzz", "corpus", target)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name), "wb") as f:
        f.write(data)


def call_body(data):
    """(program, procedure, arguments) of a call without record mark."""
    program, _, procedure = struct.unpack(">III", data[12:24])
    at = 24
    for _ in range(2):
        length = struct.unpack(">I", data[at + 4:at + 8])[0]
        at += 8 + (length + 3) // 4 * 4
    return PROGRAMS.get(program), procedure, data[at:]


def messages(path, prefix):
    """Splits every dump of a document into the corpora it belongs to; gives the TCP streams."""
    streams, last = [], None
    for index, (number, label, data) in enumerate(blocks(path)):
        if number is None or (prefix == "p" and number > 15):
            continue
        name = "%s%02d-%03d" % (prefix, number, index)
        if data[0] & 0x80 and struct.unpack(">I", data[:4])[0] & 0x7FFFFFFF == len(data) - 4:
            streams.append(data)
            data = data[4:]
        if data[4:8] == b"\0\0\0\0":
            put("call", name, data)
            last = call_body(data)
            if last[0] == "binder":
                put("binder", name, bytes([last[1]]) + last[2])
            elif last[0]:
                put(last[0] + "_args", name, bytes([last[1]]) + last[2])
        else:
            put("reply", name, data)
            if data[8:12] != b"\0\0\0\0":
                continue
            program, procedure = (last[0], last[1]) if number != 15 or prefix != "p" else ("binder", 4)
            if program == "binder":
                put("binder", "reply-" + name, bytes([128 + procedure]) + data[24:])
            elif program:
                put(program + "_results", name, bytes([procedure]) + data[24:])
    return streams


def fragments(data, size):
    """The record of `data` (which begins with its mark) in fragments of `size` bytes."""
    body, out = data[4:], b""
    for at in range(0, len(body), size):
        piece = body[at:at + size]
        last = 0x80000000 if at + size >= len(body) else 0
        out += struct.pack(">I", last | len(piece)) + piece
    return out


def lists():
    """Property lists and texts that no message holds."""
    def name(s):
        return struct.pack(">I", len(s)) + s + b"\0" * (-len(s) % 4)

    def props(*all_props):
        out = struct.pack(">I", len(all_props))
        for key, values in all_props:
            out += name(key) + struct.pack(">I", len(values)) + b"".join(name(v) for v in values)
        return out

    put("proplist", "empty", props())
    put("proplist", "user", props((b"name", [b"ada", b"lovelace"]), (b"uid", [b"5001"]), (b"passwd", [b"*"])))
    put("proplist", "odd", props((b"", [b""]), (b"a", []), (b"a", [b"x"]), (b"abcd", [b"12345", b"", b"12"])))
    put("proplist", "padding", props((b"a", [b"b"])).replace(b"a\0\0\0", b"a\0\0\1"))
    put("proplist", "nul", props((b"a\0b", [b"c"])))
    put("proplist", "short", props((b"name", [b"value"]))[:-3])
    put("ext_args", "select", b"\7" + name(b"network"))
    put("ext_results", "no-tag", b"\1" + struct.pack(">I", 19))

    def words(form, *values):
        return struct.pack(">" + form, *values)

    place = words("QIQ", 1 << 32, 3, 4)
    put("ext_args", "search", b"\5" + name(b"network") + words("QIIII", 0, 0, 1, 1, 2) +
        words("II", 2, 0) + name(b"name") + name(b"ada") + words("II", 1, 1) + name(b"x") + name(b"") +
        words("I", 1) + name(b"uid") + words("II", 10, 1) + place)
    put("ext_args", "history", b"\6" + name(b"network") + words("QIIIQQQI", 0, 1, 2, 3, 0, 0, 0, 10))
    put("ext_results", "search", b"\5" + words("IQQIIIIQ", 0, 7, 9, 1, 3, 0, 1, 4) + name(b"/users/ada") +
        props((b"name", [b"ada"])) + words("II", 1, 1) + place)
    put("ext_results", "history-list", b"\6" + words("IQQIQI", 0, 7, 9, 0, 0, 1) + words("IQQ", 1, 9, 5) + name(b"ada") +
        name(b"unix") + name(b"write") + words("IIIQIIQII", 1, 3, 3, 4, 1, 1, 1 << 32, 0, 0))
    put("ext_results", "history-at", b"\6" + words("IQQIQI", 0, 7, 9, 0, 0, 2) + words("QQQII", 5, 4, 0, 3, 1) +
        props((b"name", [b"ada"])))
    for number, text in enumerate([b"/", b"0", b"4294967296", b"/users/ada", b"users//ada/", b"/uid=5001", b"/a\\/b/c\\=d=e",
                                   b"/users\\", b"host/tag", b"10.0.0.1:987/network", b"[::1]:987/local", b"[::1]/local",
                                   b"[::1", b":1/x", b"host:0/t", b"host:65536/t", b"host", b"/machines/10.0.0.1\\/8"]):
        put("path", "t%02d" % number, text)
    for title, record in (
            ("host", ((b"name", [b"relay", b"r"]), (b"ip_address", [b"10.1", b"127.0.0.1", b"10.0.0.300"]),
                      (b"ipv6_address", [b"::1", b"2001:db8::9"]), (b"en_address", [b"1:2:3:4:5:6"]))),
            ("network", ((b"name", [b"ten"]), (b"address", [b"10", b"192.168.7"]))),
            ("service", ((b"name", [b"domain", b"dns"]), (b"port", [b"53"]), (b"protocol", [b"tcp", b"udp"]))),
            ("number", ((b"name", [b"tcp", b"TCP"]), (b"number", [b"6"]))),
            ("alias", ((b"name", [b"list"]), (b"members", [b"ada", b"|/bin/sh", b'"|x"', b"a@b", b":include:/x"]), (b"alias_local", [b"1"]))),
            ("netgroup", ((b"name", [b"trusted", b"t"]), (b"members", [b"(a,b,c)", b"(,,)", b"other", b"(a,b)"]))),
            ("member", ((b"name", [b"ada"]), (b"netgroups", [b"trusted", b"near"]), (b"uid", [b"5"]), (b"gid", [b"500"]))),
            ("group", ((b"name", [b"staff", b"crew"]), (b"gid", [b"500"]), (b"passwd", [b"$6$x"]), (b"users", [b"ada", b"bob"]),
                       (b"admins", [b"ada"])))):
        put("maps", title, props(*record))


def main():
    streams = messages(os.path.join(ROOT, "doc", "protocol.md"), "p")
    streams += messages(os.path.join(ROOT, "doc", "extension-program.md"), "e")
    put("record", "pipelined", b"\1" + b"".join(streams[:12]))
    put("record", "fragments-1", b"\2" + fragments(streams[2], 1))
    put("record", "fragments-20", b"\3" + b"".join(fragments(s, 20) for s in streams[:4]))
    put("record", "empty-fragments", b"\4" + b"\0\0\0\0" * 30 + streams[0])
    put("record", "too-many-fragments", b"\5" + b"\0\0\0\0" * 1030 + streams[0])
    put("record", "too-long", b"\6" + streams[0] + b"\x7f\xff\xff\xff" + b"x" * 64)
    put("record", "limit", b"\7\x80\0\x10\0" + b"y" * 4096 + b"\x80\0\x10\1" + b"z" * 4097)
    lists()
    return 0


if __name__ == "__main__":
    sys.exit(main())
