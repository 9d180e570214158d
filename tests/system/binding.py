#!/usr/bin/env python3
"""Servers that find their parents on a network (doc/binding.md): a hierarchy with two servers for one parent, dead ones, cut
cables, broadcast, DHCP values, loops, and strangers' datagrams."""
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
import daemon  # noqa: E402
import fleet  # noqa: E402
import rpc  # noqa: E402
import side_by_side  # noqa: E402
from fleet import until  # noqa: E402
from rpc import NETROOT, NORESPONSE, OK  # noqa: E402

HOOK = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', 'packaging', 'dhcp', 'netinfo')
LEGACY = ('-o', 'legacy_read_networks=10.9.0.0/16', '-o', 'legacy_write_networks=127.0.0.0/8')


def rparent(d, tag='local'):
    """(status, 'address/tag') of NI_RPARENT, over the UNIX socket."""
    with d.admin(tag) as c:
        r = c.ni('rparent')
        status = r.u32()
        if status != OK:
            return status, None
        name = r.opaque().decode()
        return status, '%s/%s' % (socket.inet_ntoa(rpc.u32(r.u32())), name)


def binding(d, tag='local'):
    with d.admin(tag) as c:
        return dict(c.statistics())[b'binding'][0].decode()


def make_domain(d, tag):
    with d.admin() as c:
        assert c.createmaster(tag) == OK


def add_machine(d, tag, **props):
    with d.admin(tag) as c:
        _, ids, _ = c.lookup(0, 'name', 'machines')
        status, machines, _ = c.read(ids[0])
        assert status == OK
        status = c.create(machines, {k: v for k, v in props.items()})[0]
        assert status == OK, status


@unittest.skipIf(fleet.missing(), fleet.missing())
class Binding(unittest.TestCase):
    def setUp(self):
        self.fleet = fleet.Fleet()

    def tearDown(self):
        outcome = getattr(self._outcome, 'result', None)
        bad = outcome and any(t is self for t, _ in outcome.failures + outcome.errors)
        self.fleet.close(show=bool(bad))

    def assertBound(self, d, want, tag='local', seconds=60):
        want = {want} if isinstance(want, str) else set(want)
        got = until(lambda: rparent(d, tag)[1] in want and rparent(d, tag), seconds)
        self.assertTrue(got, '%s: %s %s, wanted %s' % (tag, rparent(d, tag), binding(d, tag), want))
        return got[1]

    def test_hierarchy(self):
        """local -> department, which has two servers -> root."""
        root, d1, d2, a = (self.fleet.host(name, '10.9.0.%d' % (i + 1)) for i, name in enumerate(('root', 'd1', 'd2', 'a')))
        r = root.daemon(*LEGACY)
        make_domain(r, 'network')
        depts = [h.daemon(*LEGACY) for h in (d1, d2)]
        for d in depts:
            make_domain(d, 'dept')
            self.assertEqual(rparent(d, 'dept'), (NETROOT, None))
            add_machine(d, 'dept', name='root', ip_address='10.9.0.1', serves=['../network'])
        leaf = a.daemon(*LEGACY, '-o', 'parent_servers=10.9.0.2/dept 10.9.0.3/dept')
        both = ('10.9.0.2/dept', '10.9.0.3/dept')
        for d in depts:  # a candidate that is added to /machines is noticed without a restart
            self.assertBound(d, '10.9.0.1/network', 'dept')
        self.assertEqual(rparent(r, 'network'), (NETROOT, None))
        self.assertEqual(binding(r, 'network'), 'root')
        bound = self.assertBound(leaf, both)
        self.assertEqual(binding(leaf), bound)
        self.assertIn('event=bound tag=local parent=' + bound, leaf.log())
        self.assertEqual(json.loads(a.ni('status', '--json').stdout)['parent'], bound)
        self.assertIn('parent       %s\n' % bound, a.ni('status').stdout)
        self.assertIn('parent       (none: this domain is the root)\n', root.ni('status', '--domain', 'network').stdout)

        lost = both.index(bound)
        depts[lost].kill()
        seen = set()

        def other():
            status, now = rparent(leaf)
            seen.add((status, now))
            return now == both[1 - lost]
        self.assertTrue(until(other))
        self.assertEqual(seen, {(OK, both[0]), (OK, both[1])})  # never the root in between
        self.assertIn('event=unbound tag=local parent=' + bound, leaf.log())

        depts[1 - lost].kill()
        self.assertTrue(until(lambda: rparent(leaf) == (NETROOT, None)))
        self.assertEqual(binding(leaf), 'notResponding')
        depts[lost].start()
        self.assertBound(leaf, bound)

    def test_cut(self):
        """A cable that is out: nobody waits, and it heals by itself."""
        root, a = self.fleet.host('root', '10.9.0.1'), self.fleet.host('a', '10.9.0.2')
        r = root.daemon(*LEGACY)
        make_domain(r, 'network')
        leaf = a.daemon(*LEGACY, '-o', 'parent_servers=10.9.0.1/network', '-o', 'wait_for_parent=yes')
        self.assertBound(leaf, '10.9.0.1/network')
        self.fleet.cut(a)
        answers = 0

        def gone():
            nonlocal answers
            answers += 1
            return rparent(leaf)[0] == NORESPONSE
        self.assertTrue(until(gone))
        self.assertGreater(answers, 10)  # if an answer waited for a probe, which takes 4 s, there were two or three until then
        self.fleet.heal(a)
        self.assertBound(leaf, '10.9.0.1/network')
        a.must('ip', 'link', 'set', 'eth0', 'down')  # this is told, and known at once
        self.assertTrue(until(lambda: rparent(leaf)[0] == NORESPONSE))
        a.must('ip', 'link', 'set', 'eth0', 'up')
        self.assertBound(leaf, '10.9.0.1/network')

    def test_broadcast(self):
        """Who knows this machine answers; a server of another tag, and one that does not know it, do not."""
        hosts = [self.fleet.host(name, '10.9.0.%d' % (i + 1)) for i, name in enumerate(('a', 'stranger', 'other', 'parent'))]
        tags = [None, 'network', 'elsewhere', 'network']
        servers = []
        for h, tag in list(zip(hosts, tags))[1:]:
            servers.append(h.daemon(*LEGACY, listen='0.0.0.0:987'))
            make_domain(servers[-1], tag)
            if h.name != 'stranger':
                add_machine(servers[-1], tag, name='a', ip_address='10.9.0.1', serves=['a/local'])
        leaf = hosts[0].daemon(*LEGACY)
        self.assertTrue(until(lambda: binding(leaf) == 'root'))
        add_machine(leaf, 'local', name='broadcasthost', ip_address='255.255.255.255', serves=['../network'])
        self.assertBound(leaf, '10.9.0.4/network')
        servers[2].kill()
        self.assertTrue(until(lambda: rparent(leaf)[0] == NETROOT))
        self.assertEqual(binding(leaf), 'notResponding')

    def test_same_server(self):
        """The parent is served by the same process, without a door for datagrams."""
        a = self.fleet.host('a', '10.9.0.1')
        d = a.daemon()
        make_domain(d, 'network')
        add_machine(d, 'local', name='a', ip_address='10.9.0.1', serves=['./local', '../network'])
        self.assertBound(d, '10.9.0.1/network')
        with d.admin() as c:
            self.assertEqual(c.destroydomain('network'), OK)
        self.assertTrue(until(lambda: rparent(d)[0] == NETROOT))

    def test_dhcp(self):
        root, a = self.fleet.host('root', '10.9.0.1'), self.fleet.host('a', '10.9.0.2')
        r = root.daemon(*LEGACY)
        make_domain(r, 'network')
        make_domain(r, 'site')
        leaf = a.daemon(*LEGACY)
        self.assertTrue(until(lambda: binding(leaf) == 'root'))
        path = os.path.join(leaf.folder, 'dhcp-parent')
        with open(path, 'w', encoding='utf-8') as f:
            f.write('# from a lease\ndhcp_parent_addresses = 10.9.0.99 10.9.0.1\ndhcp_parent_tag = site\n')
        self.assertBound(leaf, '10.9.0.1/site')  # it is seen without being told
        with open(path, 'w', encoding='utf-8') as f:
            f.write('dhcp_parent_addresses = 10.9.0.1; rm -rf /\n')
        self.assertTrue(until(lambda: binding(leaf) == 'root'))
        self.assertIn('event=dhcp-file', leaf.log())

    def test_dhclient(self):
        """Options 112 and 113 of a real lease, by Debian's dhclient and dnsmasq, and the hook that we install."""
        for program in ('dnsmasq', 'dhclient'):
            if not shutil.which(program):
                self.skipTest('there is no %s here' % program)
        root, a = self.fleet.host('root', '10.9.0.1'), self.fleet.host('a', '10.9.0.2')
        r = root.daemon(*LEGACY)
        make_domain(r, 'site')
        leaf = a.daemon(*LEGACY)
        self.assertTrue(until(lambda: binding(leaf) == 'root'))
        path = os.path.join(leaf.folder, 'dhcp-parent')
        files = {name: os.path.join(a.folder, name) for name in ('script', 'conf', 'lease', 'pid', 'dnsmasq.leases')}
        with open(files['conf'], 'w', encoding='utf-8') as f:
            f.write('request subnet-mask;\nalso request netinfo-server-address, netinfo-server-tag;\ntimeout 20;\n')
        with open(files['script'], 'w', encoding='utf-8') as f:  # what dhclient-script does for hooks, and nothing to the host
            f.write('#!/bin/sh\nNETINFO_DHCP_FILE=%s\n. %s\n' % (path, HOOK))
        os.chmod(files['script'], 0o755)
        root.popen(['dnsmasq', '--keep-in-foreground', '--conf-file=/dev/null', '--port=0', '--interface=eth0', '--user=root',
                    '--pid-file', '--dhcp-leasefile=' + files['dnsmasq.leases'], '--dhcp-range=10.9.0.50,10.9.0.60,1h',
                    '--dhcp-option=112,10.9.0.99,10.9.0.1', '--dhcp-option=113,site'], stderr=subprocess.DEVNULL)
        words = ['dhclient', '-d', '-sf', files['script'], '-cf', files['conf'], '-lf', files['lease'], '-pf', files['pid']]
        client = a.popen([*words, 'eth0'], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.assertBound(leaf, '10.9.0.1/site')
        with open(path, encoding='utf-8') as f:
            self.assertEqual(f.read(), 'dhcp_parent_addresses = 10.9.0.99 10.9.0.1\ndhcp_parent_tag = site\n')
        client.terminate()
        client.wait()
        a.must(*words, '-r', 'eth0')  # released: no parent any more
        self.assertFalse(os.path.exists(path))
        self.assertTrue(until(lambda: binding(leaf) == 'root'))

    def test_forced(self):
        root, a = self.fleet.host('root', '10.9.0.1'), self.fleet.host('a', '10.9.0.2')
        r = root.daemon(*LEGACY)
        make_domain(r, 'network')
        leaf = a.daemon(*LEGACY)
        add_machine(leaf, 'local', name='root', ip_address='10.9.0.1', serves=['../network'])
        self.assertBound(leaf, '10.9.0.1/network')
        with leaf.admin('local') as c:
            self.assertEqual(c.createprop(c.root()[1], 'isRoot', ['YES'])[0], OK)
        leaf.process.send_signal(signal.SIGHUP)
        self.assertTrue(until(lambda: binding(leaf) == 'forcedRoot'))
        self.assertEqual(rparent(leaf), (NETROOT, None))

    def test_loop(self):
        """Two domains that name each other; and a third way round."""
        a, b, c = (self.fleet.host(name, '10.9.0.%d' % (i + 1)) for i, name in enumerate('abc'))
        da = a.daemon(*LEGACY, '-o', 'parent_servers.one=10.9.0.2/two')
        db = b.daemon(*LEGACY, '-o', 'parent_servers.two=10.9.0.3/three')
        dc = c.daemon(*LEGACY, '-o', 'parent_servers.three=10.9.0.1/one')
        make_domain(db, 'two')
        make_domain(dc, 'three')
        db.process.send_signal(signal.SIGHUP)
        self.assertBound(db, '10.9.0.3/three', 'two')
        make_domain(da, 'one')  # binds to two, whose parent is three, which is not bound yet
        self.assertBound(da, '10.9.0.2/two', 'one')
        dc.process.send_signal(signal.SIGHUP)  # now three would close the circle
        self.assertTrue(until(lambda: 'event=parent-loop' in dc.log() + da.log() + db.log()))

        def open_again():
            chain = [rparent(d, t)[0] for d, t in ((da, 'one'), (db, 'two'), (dc, 'three'))]
            return NETROOT in chain
        self.assertTrue(until(open_again))
        time.sleep(1)
        self.assertTrue(open_again())
        self.assertIn('way_out=', dc.log() + da.log() + db.log())

    def both_bind_at_once(self, one, two):
        """Both are told of each other at the same moment; true when neither has seen the other's binding before its own."""
        for d, line in ((one, ''), (two, '')):  # as before
            self.configure(d, line)
        for d, tag in ((one, 'one'), (two, 'two')):
            self.assertTrue(until(lambda d=d, tag=tag: binding(d, tag) == 'root'))
        before = [d.log().count('event=bound') + d.log().count('event=parent-loop') for d in (one, two)]
        self.configure(one, 'parent_servers.one = 10.9.0.2/two\n', told=False)
        self.configure(two, 'parent_servers.two = 10.9.0.1/one\n', told=False)
        one.process.send_signal(signal.SIGHUP)
        two.process.send_signal(signal.SIGHUP)
        for d, n in zip((one, two), before):
            self.assertTrue(until(lambda d=d, n=n: d.log().count('event=bound') + d.log().count('event=parent-loop') > n))
        return rparent(one, 'one')[0] == rparent(two, 'two')[0] == OK

    def configure(self, d, text, told=True):
        with open(os.path.join(d.folder, 'netinfod.conf'), 'w', encoding='ascii') as f:
            f.write(text)
        if told:
            n = d.log().count('event=reload result=ok')
            d.process.send_signal(signal.SIGHUP)
            self.assertTrue(until(lambda: d.log().count('event=reload result=ok') > n))

    def test_loop_at_once(self):
        """Two servers that bind to each other at the same moment: the one with the lower address lets go, the other one keeps it."""
        a, b = self.fleet.host('a', '10.9.0.1'), self.fleet.host('b', '10.9.0.2')
        one, two = a.daemon(*LEGACY), b.daemon(*LEGACY)
        make_domain(one, 'one')
        make_domain(two, 'two')
        if not any(self.both_bind_at_once(one, two) for _ in range(30)):
            self.skipTest('in 30 times one of them was always first')
        self.assertTrue(until(lambda: rparent(one, 'one')[0] == NETROOT))
        self.assertEqual((OK, '10.9.0.1/one'), rparent(two, 'two'))
        log = one.log()
        self.assertIn('event=parent-loop tag=one server=10.9.0.2/two', log[log.rindex('event=bound tag=one'):])
        log = two.log()
        self.assertNotIn('event=unbound', log[log.rindex('event=bound tag=two'):])

    def test_strangers(self):
        """Datagrams with foreign ids, garbage, and calls to the socket that waits for answers: dropped, and nothing changes."""
        root, a, evil = (self.fleet.host(n, '10.9.0.%d' % (i + 1)) for i, n in enumerate(('root', 'a', 'evil')))
        r = root.daemon(*LEGACY)
        make_domain(r, 'network')
        leaf = a.daemon(*LEGACY, '-o', 'parent_servers=10.9.0.1/network 10.9.0.9/network')
        self.assertBound(leaf, '10.9.0.1/network')
        listening = {987}
        with leaf.admin() as c:
            for _, udp, _ in c.listreg()[1]:
                listening.add(udp)
        lines = a.must('cat', '/proc/net/udp').splitlines()[1:]
        ports = [int(line.split()[1].split(':')[1], 16) for line in lines]
        ports = [p for p in ports if p not in listening]
        self.assertTrue(ports, lines)
        with evil.inside():
            s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            for port in ports:
                for n in range(3000):
                    body = rpc.u32(n * 2654435761, 1, 0, 0, 0, 0, 0, 9, 9)
                    s.sendto((body, os.urandom(n % 200), body[:n % 37], bytes(9000))[n % 4], ('10.9.0.2', port))
            s.close()
        self.assertEqual(rparent(leaf), (OK, '10.9.0.1/network'))
        root.daemons[0].kill()
        self.assertTrue(until(lambda: rparent(leaf)[0] == NETROOT))
        self.assertEqual(leaf.process.poll(), None)
        leaf.stop()


if __name__ == '__main__':
    side_by_side.main()
