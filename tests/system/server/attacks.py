#!/usr/bin/env python3
"""Every attack of attack.c for a moment: the honest client beside it gets right answers, memory stays bounded, nothing crashes, and
afterwards the server is as it was. The figures are those of `./dev bench hostile`.

NETINFO_TEST_LENGTH: quick or long attacks."""
import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', 'lib'))
import daemon  # noqa: E402
import rpc  # noqa: E402
from rpc import OK  # noqa: E402
from sized import sized  # noqa: E402

USERS = 2000
MILLISECONDS = str(sized(150, 300, 2000))
# An attack may not make the server hold more than this beside what it had; the largest is what twenty clients are sent and do
# not take: 256 KiB each and the reply that passed it, which is a list of all users, in each of four processes.
MOST_KIB = 800 * 1024  # a build with sanitizers counts everything several times; 30 MiB is usual


class Attacks(unittest.TestCase):
    def serve(self, *options):
        d = daemon.Daemon('-o', 'connections=8192', *options)
        self.addCleanup(d.__exit__, None, None, None)
        with d.admin() as c:
            self.assertEqual(c.createmaster('network'), OK)
            self.assertEqual(c.select('network'), OK)
            self.top = c.create(c.root()[1], {'name': 'users'})[1][0]
            for at in range(0, USERS, 500):
                ops = [rpc.op_create(rpc.ref(self.top), {'name': 'u%d' % i, 'passwd': '*', 'uid': str(10000 + i), 'gid': '100',
                                                         'shell': '/bin/sh', 'home': '/home/u%d' % i}) for i in range(at, at + 500)]
                self.assertEqual(c.edit('network', ops)[0], OK)
        return d

    def attack(self, d, *which):
        done = subprocess.run([daemon.PROGRAMS['attack'], str(d.tcp[1]), str(d.udp[1]), str(d.process.pid), str(USERS), MILLISECONDS, '1',
                               *which], capture_output=True, text=True, timeout=500, check=False)
        print(done.stdout, flush=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        return [line.split() for line in done.stdout.splitlines()]

    def test_all(self):
        d = self.serve()
        rows = self.attack(d)
        self.assertEqual(len(rows), 12)
        for row in rows:
            before, most = map(int, row[6:8])
            self.assertLess(most - before, MOST_KIB, row)
        with d.conn('network') as c:
            self.assertEqual(len(c.children(self.top)[1]), USERS)
        with d.admin('network') as c:
            self.assertEqual(c.create(c.root()[1], {'name': 'after'})[0], OK)
        self.assertLess(os.path.getsize(d.log_path), 1 << 20)  # nobody filled the log

    def test_five_thousand_idle(self):
        """All of one source, where that is allowed: each costs its own small state and no buffers."""
        d = self.serve('-o', 'connections_per_source=8192')
        with d.admin() as c:
            before = int(dict(c.statistics())[b'connections'][3])
        row = self.attack(d, 'idle')[0]
        with d.admin() as c:
            connections = dict(c.statistics())[b'connections']
        self.assertEqual(int(connections[3]), before, connections)  # nobody was evicted
        self.assertLess(int(row[7]) - int(row[6]), 5000 * 16, row)  # KiB: 16 KiB each, with sanitizers too


if __name__ == '__main__':
    daemon.main()
