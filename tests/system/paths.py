#!/usr/bin/env python3
"""A path that is cut without a word, and a server that is there and says nothing: who waits for its news notices, and goes on
elsewhere (doc/agent.md "Following", doc/replication.md 2).

usage: paths.py netinfod=PATH ni=PATH agent=PATH [unittest options]"""
import os
import signal
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
import daemon  # noqa: E402
import fleet  # noqa: E402
import sized  # noqa: E402
from daemon import until  # noqa: E402

READS = ('-o', 'legacy_read_networks=10.9.0.0/24')
# A call for changes waits 30 s, and 5 s more for its answer. TCP notices after 11 s that nobody is there; so this is enough for a
# slow machine, and would not be if only the call's own end were waited for.
BEFORE_THE_CALL_ENDS = 28


@unittest.skipIf(fleet.missing(), fleet.missing())
class Paths(unittest.TestCase):
    """alpha is master of the domain network, beta and gamma have clones; an agent on vellum follows alpha, and knows beta, too."""

    def setUp(self):
        self.f = fleet.Fleet()
        self.addCleanup(lambda: self.f.close(show=not self._outcome.success))
        self.alpha, self.beta, self.gamma = (self.f.host(name, '10.9.0.%d' % i) for i, name in enumerate(('alpha', 'beta', 'gamma'), 1))
        self.vellum = self.f.host('vellum', '10.9.0.4')
        self.m, self.b, self.g, self.v = (h.daemon(*READS) for h in (self.alpha, self.beta, self.gamma, self.vellum))
        self.must(self.alpha, 'domain', 'create', 'network')
        for h in (self.beta, self.gamma):
            self.add('/machines/' + h.name, 'ip_address=' + h.addresses[0], 'serves=./network')
            self.must(h, 'domain', 'clone', 'network', '--from', '10.9.0.1')
        with open(os.path.join(self.v.folder, 'agent.conf'), 'w', encoding='ascii') as f:
            f.write('domains = local, 10.9.0.1/network 10.9.0.2/network\n')
        self.agent = self.vellum.agent()
        until(lambda: 'peer=10.9.0.1:987' in self.agent.log(), meaning='the agent follows alpha')
        self.is_everywhere('first')  # each has just asked for changes anew

    def must(self, host, *words):
        done = host.ni(*words)
        self.assertEqual(done.returncode, 0, (host.name, words, done.stdout, done.stderr))
        return done.stdout

    def add(self, *words):
        self.must(self.alpha, 'add', '-p', '-d', 'network', *words)

    def is_everywhere(self, name):
        self.add('/users/' + name, 'uid=5001', 'gid=5000')
        for h in (self.beta, self.gamma):
            until(lambda h=h: h.ni('get', '-d', 'network', '/users/' + name).returncode == 0, meaning='%s has %s' % (h.name, name))
        until(lambda: self.vellum.ni('getent', 'passwd', name).returncode == 0, meaning='the images have ' + name)

    def others_notice(self, seconds):
        until(lambda: 'peer=10.9.0.2:987' in self.agent.log(), seconds, 'the agent goes on at beta')
        until(lambda: 'event=replica-away' in self.g.log(), seconds, 'the clone on gamma knows that alpha is away')
        until(lambda: 'event=replica-away' in self.b.log(), seconds, 'the clone on beta, too')
        self.assertEqual(self.vellum.ni('getent', 'passwd', 'first').returncode, 0)

    def and_back(self):
        """All go on where they were."""
        self.is_everywhere('second')
        self.assertNotIn('event=snapshot domain="network', self.agent.log().split('peer=10.9.0.2:987', 1)[1])
        self.assertEqual(1, self.g.log().count('event=replica-copied'))

    def test_cut(self):
        self.f.cut(self.alpha)
        self.others_notice(BEFORE_THE_CALL_ENDS)
        self.f.heal(self.alpha)
        self.and_back()

    @unittest.skipUnless(sized.LENGTH == 'long', 'it takes the 35 s of a call: NETINFO_TEST_LENGTH=long')
    def test_silent(self):
        """TCP goes on answering for a process that is stopped: the call's own time ends."""
        self.m.process.send_signal(signal.SIGSTOP)
        self.addCleanup(self.m.process.send_signal, signal.SIGCONT)
        self.others_notice(90)
        self.m.process.send_signal(signal.SIGCONT)
        self.and_back()


if __name__ == '__main__':
    daemon.main()
