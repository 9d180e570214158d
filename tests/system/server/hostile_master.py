"""A master that lies (doc/replication.md 2, 4): whatever it sends, its clone lives, serves what it had or something that is whole, and says why."""
import os
import random
import socket
import struct
import subprocess
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../lib'))
import daemon  # noqa: E402
import rpc  # noqa: E402
from daemon import until  # noqa: E402
from old_server import marked, record  # noqa: E402
from rpc import opaque, proplist, u32, u64  # noqa: E402
from sized import sized  # noqa: E402

TAG, OK = 'network', rpc.OK
STEPS = sized(20, 40, 1000, 'NI_TEST_STEPS')
UUID = b'one of a kind...'
HOUR = 3600 * 10 ** 6


def node(object, parent, ordinal, props, instance=0, born=1):
    return u32(object, instance, parent) + u64(ordinal) + u64(born) + u64(born) + proplist(props)


def record_of(kind, object, parent, ordinal, after=None, instance=0, born=1):
    return (u32(kind, object) + u64(born) + u32(instance, parent) + u64(ordinal) + u32(0) +
            (u32(1) + proplist(after) if after is not None else u32(0)))


def entry(seq, *records, when=HOUR):
    return u64(seq) + u64(when) + opaque('who') + opaque('from') + opaque('what') + u32(len(records)) + b''.join(records)


def siphash_128(key, data):
    """SipHash-2-4 with 128 bits, as its authors publish it."""
    mask = 2 ** 64 - 1
    k0, k1 = struct.unpack('<QQ', key)
    v = [k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d ^ 0xee, k0 ^ 0x6c7967656e657261, k1 ^ 0x7465646279746573]

    def turn(x, n):
        return (x << n | x >> 64 - n) & mask

    def rounds(n):
        for _ in range(n):
            v[0] = (v[0] + v[1]) & mask
            v[1] = turn(v[1], 13) ^ v[0]
            v[0] = turn(v[0], 32)
            v[2] = (v[2] + v[3]) & mask
            v[3] = turn(v[3], 16) ^ v[2]
            v[0] = (v[0] + v[3]) & mask
            v[3] = turn(v[3], 21) ^ v[0]
            v[2] = (v[2] + v[1]) & mask
            v[1] = turn(v[1], 17) ^ v[2]
            v[2] = turn(v[2], 32)
    data += bytes(-(len(data) + 1) % 8) + bytes([len(data) & 255])
    for (word,) in struct.iter_unpack('<Q', data):
        v[3] ^= word
        rounds(2)
        v[0] ^= word
    v[2] ^= 0xee
    rounds(4)
    low = v[0] ^ v[1] ^ v[2] ^ v[3]
    v[1] ^= 0xdd
    rounds(4)
    return (v[0] ^ v[1] ^ v[2] ^ v[3]) << 64 | low


def sums(nodes):
    """Checksum and digest (doc/store-format.md) of nodes as SNAPSHOT sends them."""
    checksum = digest = 0
    for n in nodes:
        object, instance = struct.unpack('>II', n[:8])
        checksum += (object + 1) * instance
        digest += siphash_128(b'NetInfo digest 1', n[:12] + n[36:])
    return checksum & 0xffffffff, (digest & 2 ** 128 - 1).to_bytes(16, 'big')


HONEST = [node(0, 0, 0, [('master', ['alpha/network'])], 3), node(1, 0, 1 << 40, [('name', ['machines'])]),
          node(2, 0, 2 << 40, [('name', ['users'])]), node(3, 2, 1 << 40, [('name', ['amelia']), ('passwd', ['$y$kept'])])]


class Master:
    """Answers STATUS, SNAPSHOT, CHANGES and REPLICA with what stands in its fields."""

    def __init__(self):
        self.epoch, self.seq, self.first_seq, self.term = 7, 10, 1, 0
        self.checksum, self.digest = sums(HONEST)
        self.pages, self.entries = [(HONEST, 0, 0)], []
        self.hide_after_pages = False
        self.served = {'status': 0, 'snapshot': 0, 'changes': 0}
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.where = '127.0.0.1:%d/%s' % (self.listener.getsockname()[1], TAG)
        threading.Thread(target=self.listen, daemon=True).start()

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def listen(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.talk, args=(client,), daemon=True).start()

    def talk(self, client):
        with client:
            try:
                while True:
                    call = record(client)
                    if call is None:
                        return
                    client.sendall(marked(call[:4] + u32(1, 0, 0, 0, 0) + self.result(rpc.Reader(call[4:]))))
            except OSError:
                return

    def result(self, r):
        r.take(8)
        program, _, procedure = r.u32(), r.u32(), r.u32()
        for _ in range(2):
            r.u32()
            r.opaque()
        name = rpc.EXT_PROCS[procedure] if program == rpc.EXT else 'other'
        self.served[name] = self.served.get(name, 0) + 1
        if name == 'status':
            return (u32(0) + UUID + u64(self.epoch) + u32(0) + u64(self.seq) + u64(self.first_seq) + u32(self.checksum) + self.digest +
                    u32(4, 3) + u64(HOUR) + opaque('fake') + opaque(''))
        if name == 'replica':
            return (u32(0) + UUID + u64(self.epoch) + u64(self.seq) + u32(0, 0) + u64(self.term) + 3 * opaque('') + u64(0) +
                    opaque('') + u32(0))
        if name == 'snapshot':
            r.opaque()
            r.u64()
            start = r.u32()
            nodes, more, after = self.pages[min(start, len(self.pages) - 1)]
            if self.hide_after_pages and not more:
                self.digest = bytes(16)
            return u32(0) + u64(self.epoch) + u64(self.seq) + u32(len(nodes)) + b''.join(nodes) + u32(more, after)
        if name == 'changes':
            if not self.entries:
                time.sleep(0.02)
            return u32(0) + u64(self.epoch) + u64(self.seq) + u32(len(self.entries)) + b''.join(self.entries)
        return u32(0)


class Hostile(unittest.TestCase):
    def setUp(self):
        self.m = Master()
        self.addCleanup(self.m.close)
        self.c = daemon.Daemon(host='beta', redact=True)
        self.addCleanup(self.c.__exit__, None)

    def clone(self):
        with self.c.admin() as a:
            self.assertEqual(a.replica(TAG, 1, self.m.where)[0], OK)

    def show(self):
        with self.c.admin() as a:
            status, shown = a.replica(TAG)
        self.assertEqual(status, OK)
        return shown

    def status(self):
        with self.c.admin() as a:
            return a.status(TAG)

    def serves(self):
        with self.c.admin(TAG) as a:
            return str(a.listall(2))

    def reached(self, a):
        """How many directories are reached from the root, each once and from the parent that it names; None: not now."""
        left, seen = [0], {0}
        while left:
            at = left.pop()
            status, children, _ = a.children(at)
            if status != OK or any(c in seen or a.parent(c)[1] != at for c in children):
                return None
            seen.update(children)
            left += children
        return len(seen)

    def whole(self):
        """What the clone serves is a tree of all its directories, at some moment at which nothing changes."""
        def is_whole():
            with self.c.admin(TAG) as a:
                before, n = a.status(TAG), self.reached(a)
                same = all(before[k] == a.status(TAG)[k] for k in ('epoch', 'seq', 'digest'))
            return same and n == before['directories']
        until(is_whole)

    def check(self):
        self.c.stop()
        r = subprocess.run([daemon.PROGRAMS['ni'], 'store', 'check', os.path.join(self.c.folder, 'domains', TAG)], capture_output=True,
                           text=True, check=False)
        self.assertEqual(r.returncode, 0, r.stdout + r.stderr)

    def test_hidden_at_the_end_of_a_copy(self):
        """Secrets are hidden from the clone while it copies: that copy is not put in place."""
        self.clone()
        until(lambda: self.m.served['snapshot'] > 0 and '$y$kept' in self.serves())
        hidden = [n.replace(b'$y$kept', b'*\0\0\0\0\0\0') for n in HONEST[:3]] + [node(3, 2, 1 << 40, [('name', ['amelia']), ('passwd', ['*'])])]
        self.m.hide_after_pages, self.m.epoch, self.m.pages = True, 8, [(hidden, 0, 0)]
        until(lambda: self.show()['state'] == 'refused')
        self.assertIn('$y$kept', self.serves())
        self.assertNotIn("b'*'", self.serves())

    def test_a_term_without_end(self):
        """A number that no count of promotions reaches is not kept: one more would be 0."""
        self.m.term = 2 ** 64 - 1
        self.clone()
        until(lambda: '$y$kept' in self.serves())
        with self.c.admin() as a:
            self.assertEqual(a.replica(TAG, 2)[0], OK)
        self.assertEqual(self.show()['term'], 1)

    def test_forged_pages(self):
        """Rings, two of one number or place, children of nobody, numbers beyond all bounds: nothing of it is served."""
        big = 2 ** 32 - 1
        root, name = HONEST[0], [('name', ['x'])]
        forged = {
            'a ring': [root, node(1, 2, 9, name), node(2, 1, 9, name)], 'its own parent': [root, node(1, 1, 9, name)],
            'no parent': [root, node(1, 77, 9, name)], 'no root': [node(1, 0, 9, name)], 'two roots': [root, node(0, 1, 9, name), node(1, 0, 9, name)],
            'one place': [root, node(1, 0, 9, name), node(2, 0, 9, name)], 'number': [root, node(big, 0, 9, name)],
            'parent number': [root, node(1, big, 9, name)], 'ordinal 0': [root, node(1, 0, 0, name)], 'last ordinal': [root, node(1, 0, 2 ** 64 - 1, name)],
            'root with a place': [node(0, 0, 5, name)], 'nothing': [],
            'cut': [root[:-3]], 'counted': [struct.pack('>III', 1, 0, 0) + u64(1) * 3 + u32(big)],
        }
        self.clone()
        until(lambda: '$y$kept' in self.serves())
        for k, (what, nodes) in enumerate(forged.items()):
            with self.subTest(what):
                before = self.m.served['snapshot']
                self.m.checksum, self.m.digest = sums(nodes) if what not in ('cut', 'counted', 'nothing') else (5, b'd' * 16)
                self.m.pages, self.m.epoch = [(nodes, 0, 0)], 100 + k
                with self.c.admin() as a:  # now, not after its pause
                    self.assertEqual(a.replica(TAG, 3, self.m.where)[0], OK)
                until(lambda: self.m.served['snapshot'] > before + 1)
                self.assertIn('$y$kept', self.serves())
                self.assertNotEqual(self.show()['state'], 'following')
        self.whole()
        self.check()

    def test_forged_heads(self):
        self.clone()
        until(lambda: '$y$kept' in self.serves())
        for seq, first in ((2 ** 64 - 1, 1), (2 ** 63 + 1, 2 ** 64 - 1), (2 ** 64 - 1, 0)):
            before = self.m.served['snapshot']
            self.m.epoch, self.m.seq, self.m.first_seq = self.m.epoch + 1, seq, first
            with self.c.admin() as a:
                self.assertEqual(a.replica(TAG, 3, self.m.where)[0], OK)
            until(lambda: self.m.served['snapshot'] > before)
            self.assertIn('$y$kept', self.serves())

    def test_touched_elsewhere(self):
        """A record that says its directory's child list has changed, and names another parent: one that is not there, itself, a child."""
        self.clone()
        until(lambda: '$y$kept' in self.serves())
        for parent in (2 ** 31, 2, 3):
            seq = self.m.seq + 1
            self.m.entries = [entry(seq, record_of(3, 2, parent, 1 << 40))]
            self.m.seq = seq
            until(lambda: self.status()['seq'] == seq)  # taken over, or copied anew
            self.whole()
            self.assertIn('$y$kept', self.serves())
        self.check()

    def test_forged_changes(self):
        """Random entries: what fits is taken over, what does not leads to a copy; the clone stays whole."""
        dice = random.Random(3)
        self.clone()
        until(lambda: '$y$kept' in self.serves())
        for _ in range(STEPS):
            objects, kinds = [0, 1, 2, 3, 4, 5, 2 ** 31, 2 ** 32 - 1], [1, 2, 3, 4, 5]
            places = [0, 1, 1 << 40, 2 << 40, 3 << 40, 2 ** 64 - 1]
            with self.c.admin() as a:
                here = a.status(TAG)
            self.m.epoch, self.m.seq = here['epoch'], here['seq'] + dice.randrange(3)
            self.m.entries = [entry(here['seq'] + dice.choice([1, 1, 1, 1, 0, 2, 2 ** 40]),
                                    *[record_of(dice.choice(kinds), dice.choice(objects), dice.choice(objects), dice.choice(places),
                                                dice.choice([None, [('name', ['new%d' % dice.randrange(9)])]]), born=dice.choice([1, here['seq'] + 1]))
                                      for _ in range(dice.randrange(4))])]
            before = self.m.served['changes'] + self.m.served['snapshot']
            with self.c.admin() as a:
                self.assertEqual(a.replica(TAG, 3, self.m.where)[0], OK)
            until(lambda: self.m.served['changes'] + self.m.served['snapshot'] > before)
            self.m.entries = []
            self.whole()
        self.assertIsNone(self.c.process.poll())
        self.check()


if __name__ == '__main__':
    daemon.main()
