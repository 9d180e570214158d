#!/usr/bin/env python3
"""Writes the first inputs of fuzz_directory and fuzz_ext_search: calls as fuzz_directory.c reads them."""
import os
import struct

HERE = os.path.dirname(os.path.abspath(__file__))
END = 0xFFFFFFFF


def word(*v):
    return b"".join(struct.pack(">I", x) for x in v)


def hyper(*v):
    return b"".join(struct.pack(">Q", x) for x in v)


def name(s):
    b = s.encode()
    return word(len(b)) + b + b"\0" * (-len(b) % 4)


def names(*v):
    return word(len(v)) + b"".join(map(name, v))


def props(*pairs):
    return word(len(pairs)) + b"".join(name(p[0]) + names(*p[1:]) for p in pairs)


def call(which, args, right=True):
    return bytes([which | (128 if right else 0)]) + args


def edit(*ops):
    return call(29, name("network") + name("") + word(len(ops)) + b"".join(ops))


def ref(obj, by_op=0):
    return word(by_op, obj, 0)


USERS, ADA, BOB = 3, 4, 5
search = (name("network") + hyper(0) + word(0, 0, 0, 1, 4, 0) + name("name") + name("a") + names("name", "passwd") +
          word(0) + word(1) + hyper(1) + word(1) + hyper(1))
history = [name("network") + hyper(0) + word(kind, flags, ADA) + hyper(0, at, 0) + word(0)
           for kind, flags, at in ((1, 2, 0), (2, 0, 1), (2, 1, 1 << 62))]
reads = b"".join(call(p, word(ADA, 0)) for p in (3, 4, 7, 9, 17)) + b"".join([
    call(2, b""), call(10, word(USERS, 0) + name("passwd") + name("*")), call(11, word(USERS, 0) + name("passwd")),
    call(14, word(ADA, 0, 1)), call(20, word(ADA, 0, 1, 0)), call(23, word(USERS, 0)),
    call(28, word(USERS, 0) + name("name") + name("ada"))])
writes = b"".join([
    call(5, word(USERS, 0) + props(("name", "eve")) + word(END, 0)), call(6, word(USERS, 0, 6, 0)),
    call(8, word(ADA, 0) + props(("name", "ada"), ("passwd", "*"))), call(12, word(ADA, 0) + name("x") + names("y") + word(0)),
    call(13, word(ADA, 0, 0)), call(15, word(ADA, 0, 1) + names("*")), call(16, word(ADA, 0, 1) + name("note")),
    call(18, word(ADA, 0, 1) + name("z") + word(0)), call(19, word(ADA, 0, 1, 0)), call(21, word(ADA, 0, 1, 0) + name("*"))])
edits = edit(
    word(1) + ref(0) + props(("name", "g")) + word(END), word(4) + ref(0, 1) + name("users") + names("ada"),
    word(5) + ref(0, 1) + name("users") + names("bob", "ada"), word(6) + ref(0, 1) + name("users") + names("ada"),
    word(3) + ref(ADA) + props(("passwd", "*")), word(8) + ref(BOB) + ref(0, 1) + word(0),
    word(9) + ref(USERS) + name("name") + names("zoe"), word(2) + ref(USERS) + word(1))
rename = edit(word(7) + ref(ADA) + name("passwd") + name("note"))
feeds = b"".join([
    call(30, name("network") + hyper(0, 0) + word(0, 0, 1)), call(30, name("network") + hyper(0, 0) + word(1, 0, 3)),
    call(31, name("network") + hyper(0) + word(0, 50)), call(32, search)] + [call(33, h) for h in history])
whole = call(34, word(0, 1)) + call(34, word(0, 4000)) + call(34, word(5, 0))

CORPUS = {
    "directory": {"reads": reads, "writes": writes, "edits": edits, "rename": rename, "feeds": feeds, "whole": writes + edits + whole,
                  "all": reads + writes + rename + edits + feeds + reads},
    "ext_search": {
        "search": b"\0" + search,
        "found": b"\1" + word(0) + hyper(5, 6) + word(1, 4, 2, 3) + hyper(2) + name("/users/ada") +
                 props(("name", "ada")) + word(1, 1) + hyper(7) + word(4) + hyper(2),
        "list": b"\2" + history[0], "at": b"\2" + history[1],
        "listed": b"\3" + word(0) + hyper(5, 6) + word(1) + hyper(3) + word(1, 1) + hyper(6, 7) + name("ada") +
                  name("here") + name("edit") + word(1, 2, 4) + hyper(2) + word(1, 3) + hyper(9) + word(0, 1) +
                  props(("name", "ada")),
        "was": b"\3" + word(0) + hyper(5, 6) + word(0) + hyper(0) + word(2) + hyper(3, 2, 5) + word(4, 0) +
               props(("name", "ada")),
    },
}

for target, inputs in CORPUS.items():
    folder = os.path.join(HERE, "corpus", target)
    os.makedirs(folder, exist_ok=True)
    for file, data in inputs.items():
        with open(os.path.join(folder, file), "wb") as f:
            f.write(data)
