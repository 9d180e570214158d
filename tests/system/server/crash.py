#!/usr/bin/env python3
"""kill -9 under sixteen writers: every acknowledged write is there, nothing half-done is, and journal and nodes agree.

NETINFO_CRASH_ROUNDS: how many kills."""
import os
import random
import subprocess
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', 'lib'))
import daemon  # noqa: E402
import rpc  # noqa: E402
from rpc import OK  # noqa: E402
from sized import sized  # noqa: E402

ROUNDS = sized(5, 20, 200, 'NETINFO_CRASH_ROUNDS')
SEED = int(os.environ.get('NETINFO_SEED', str(random.randrange(1 << 32))))
WRITERS = 16


class Writer:
    """Owns one directory. Sets its property n to 1, 2, 3 ... and makes a child with an EDIT in between."""

    def __init__(self, name, object):
        self.name, self.object = name, object
        self.sent = self.acked = 0    # values of n
        self.children_sent = []       # names, in order
        self.children_acked = set()
        self.wrong = None             # what it met and should not have

    def run(self, d, stop):
        try:
            with d.admin('network') as c:
                id = c.self_(self.object)[1]
                while not stop.is_set():
                    n = self.sent + 1
                    self.sent = n
                    status, id = c.writeprop(id, 1, ['%d' % n])
                    if status != OK:
                        self.wrong = 'status %d' % status
                        return
                    self.acked = n
                    if n % 3 == 0:
                        name = '%s-%d' % (self.name, n)
                        self.children_sent.append(name)
                        ops = [rpc.op_create(rpc.ref(self.object), {'name': name}),
                               rpc.op_create(rpc.ref(op=0), {'name': 'inner'})]
                        status = c.edit('network', ops)[0]
                        if status != OK:
                            self.wrong = 'status %d of an EDIT' % status
                            return
                        self.children_acked.add(name)
                        id = c.self_(self.object)[1]
        except (rpc.Closed, OSError):
            pass


class Crash(unittest.TestCase):
    def check_store(self, d):
        folder = os.path.join(d.folder, 'domains', 'network')
        done = subprocess.run([daemon.PROGRAMS['check'], folder], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def check_ledger(self, d, writers):
        with d.admin('network') as c:
            for w in writers:
                status, _, props = c.read(w.object)
                self.assertEqual(status, OK)
                n = int(dict(props)[b'n'][0])
                self.assertTrue(w.acked <= n <= w.sent, (w.name, w.acked, n, w.sent))
                status, entries, _ = c.list(w.object)
                have = [e[1][0].decode() for e in entries]
                self.assertEqual(len(have), len(set(have)))
                self.assertTrue(w.children_acked <= set(have), (w.name, w.children_acked - set(have)))
                self.assertTrue(set(have) <= set(w.children_sent))
                for object, _ in entries:  # an EDIT is whole or not there
                    self.assertEqual(c.list(object)[1][0][1], [b'inner'])
                w.sent = w.acked = n
                w.children_sent = have
                w.children_acked = set(have)

    def check_journal(self, d):
        """Every directory's state follows from the journal: replayed from the start it gives the snapshot."""
        with d.admin() as c:
            nodes, seq = {}, 0
            while True:
                got = c.changes('network', seq)
                self.assertEqual(got['status'], OK)
                if not got['entries']:
                    break
                for e in got['entries']:
                    self.assertEqual(e['seq'], seq + 1)
                    seq = e['seq']
                    for r in e['records']:
                        if r['kind'] == 4:
                            del nodes[r['object']]
                            continue
                        old = nodes.get(r['object'], (None,) * 4)
                        props = r['after'] if r['after'] is not None else old[3]
                        nodes[r['object']] = (r['instance'], r['parent'], r['born'], props)
            at, have = {'more': 1, 'next': 0, 'epoch': 0}, {}
            while at['more']:
                at = c.snapshot('network', at['next'], at['epoch'])
                for n in at['nodes']:
                    have[n['id'][0]] = (n['id'][1], n['parent'], n['born'], n['props'])
            self.assertEqual(at['seq'], seq)
            self.assertEqual(have, nodes)

    def test_kill(self):
        rng = random.Random(SEED)
        print('crash: %d rounds, NETINFO_SEED=%d' % (ROUNDS, SEED), flush=True)
        acked = 0
        with daemon.Daemon() as d:
            with d.admin() as c:
                self.assertEqual(c.createmaster('network'), OK)
                self.assertEqual(c.select('network'), OK)
                writers = []
                for i in range(WRITERS):
                    status, id, _ = c.create(c.root()[1], [('name', ['w%d' % i]), ('n', ['0'])])
                    self.assertEqual(status, OK)
                    writers.append(Writer('w%d' % i, id[0]))
            for number in range(ROUNDS):
                stop = threading.Event()
                before = sum(w.acked for w in writers)
                threads = [threading.Thread(target=w.run, args=(d, stop)) for w in writers]
                for t in threads:
                    t.start()
                time.sleep(rng.uniform(0.0, 0.25))
                d.kill()
                stop.set()
                for t in threads:
                    t.join(60)
                    self.assertFalse(t.is_alive())
                self.assertEqual([(w.name, w.wrong) for w in writers if w.wrong], [])
                acked += sum(w.acked for w in writers) - before
                self.check_store(d)  # as the crash left it
                d.start()
                self.check_ledger(d, writers)
                if number % 10 == 9 or number == ROUNDS - 1:
                    self.check_journal(d)
        print('crash: %d acknowledged writes, none lost' % acked, flush=True)
        self.assertGreater(acked, 0)


if __name__ == '__main__':
    daemon.main()
