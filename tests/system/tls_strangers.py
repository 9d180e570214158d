#!/usr/bin/env python3
"""Connections from elsewhere (doc/tls.md 2.4, doc/server.md 5.1), on several hosts: what a stranger is told, what the networks still decide,
and thousands of connections that mean harm while somebody honest is served."""
import os
import resource
import socket
import ssl
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
import daemon  # noqa: E402
import fleet  # noqa: E402
import rpc  # noqa: E402
import tls  # noqa: E402
from daemon import until  # noqa: E402
from rpc import AUTHERROR, BINDER, EXT, NI, OK, PERM, TOOWEAK, u32  # noqa: E402
from sized import sized  # noqa: E402

SECRET = '$6$saltsalt$TVLlQcbpFVof5W3Yz4DTP6gRstiNuHwwTt6GLc1E5n0U0aDehy0S5knV8wiOQSpT0Y77vwPZN.Pq.H91p5hVO1'  # "secret"
ROME = '10.9.0.1'
SHARE, SHARE_OF_ONE = 256, 32  # connections of strangers: LIMIT_STRANGERS, LIMIT_STRANGERS_SOURCE
MANY = sized(400, 600, 5000)


@unittest.skipIf(fleet.missing() or tls.missing(), fleet.missing() or tls.missing())
class Case(unittest.TestCase):
    """rome serves; leaf is honest; mallory has many addresses."""

    @classmethod
    def setUpClass(cls):
        cls.fleet = fleet.Fleet()
        try:
            cls.rome, cls.leaf = cls.fleet.host('rome', ROME), cls.fleet.host('leaf', '10.9.0.2')
            cls.mallory = cls.fleet.host('mallory', '10.9.0.3')
            for i in range(20):
                cls.mallory.must('ip', 'addr', 'add', '10.9.0.%d/24' % (100 + i), 'dev', 'eth0')
            cls.authority = tls.Authority(os.path.join(cls.fleet.folder, 'authority'))
            folder = os.path.join(cls.fleet.folder, 'server')
            cls.authority.enrol(os.path.join(folder, 'machine'), 'rome', server=True)
            cls.card = cls.authority.machine('leaf')
            cls.d = cls.rome.daemon('-o', 'tag_listen=' + ROME, folder=folder)
            with cls.d.admin() as c:
                assert c.createmaster('network') == OK
                assert c.select('network') == OK
                status, users, _ = c.create(c.root()[1], {'name': 'users'})
                assert status == OK
                assert c.create(users, {'name': 'ada', 'uid': '2001', 'passwd': SECRET})[0] == OK
                machines = c.lookup(0, 'name', 'machines')[1][0]
                assert c.create(c.self_(machines)[1], {'name': 'twin', 'ip_address': '192.0.2.77', 'serves': './network'})[0] == OK
                cls.tag_port = c.getregister('network')[2]
        except BaseException:
            cls.fleet.close(show=True)
            raise

    @classmethod
    def tearDownClass(cls):
        cls.d.stop()
        cls.fleet.close()

    def dial(self, host, port=987, source=None, timeout=30):
        with host.inside():
            s = socket.create_connection((ROME, port), timeout, (source, 0) if source else None)
        self.addCleanup(s.close)
        return s

    def inside(self, host, machine=None, port=987, **more):
        with host.inside():
            c = tls.Conn((ROME, port), self.authority, machine, **more)
        self.addCleanup(c.close)
        return c

    def ask(self, host, data, port=987):
        """All that comes back until the server ends the connection."""
        s = self.dial(host, port)
        out = b''
        try:
            s.sendall(data)
            while True:
                part = s.recv(65536)
                if not part:
                    return out
                out += part
        except ConnectionError:
            return out

    def root_property(self, name, values):
        with self.d.admin('network') as a:
            self.assertEqual(a.edit('network', [rpc.op_set(rpc.ref(0), name, values)])[0], OK)


class Manners(Case):
    def test_clear_text_is_too_weak(self):
        weak = rpc.record(u32(5, 1, 1, 1, TOOWEAK))
        for program in (NI, BINDER, EXT, 4711):
            for port in (987, self.tag_port):
                for proc in (0, 1, 2, 1000):
                    self.assertEqual(self.ask(self.leaf, rpc.record(rpc.call(5, program, proc)), port), weak)
        for call in (rpc.call(5, NI, 2, cred=rpc.auth_unix('secret', 0)), rpc.call(5, EXT, 1, bytes(3000)), tls.probe(5, proc=1),
                     tls.probe(5, program=4711), tls.probe(5, cred=u32(7, 4, 0)), rpc.call(5, EXT, 0, rpc_version=3),
                     rpc.call(5, EXT, 0, cred=u32(6, 0))):
            self.assertEqual(self.ask(self.leaf, rpc.record(call)), weak)
        one = rpc.record(rpc.call(5, EXT, 0))
        self.assertEqual(self.ask(self.leaf, one * 50), weak)  # the first one alone is answered
        self.assertEqual(self.ask(self.leaf, rpc.record(rpc.call(5, EXT, 0), fragment=5)), weak)

    def test_what_is_not_answered(self):
        for data in (rpc.record(b''), rpc.record(b'x' * 100), u32(0x80000000 | 5000) + bytes(5000), rpc.record(tls.probe(5)) + b'x',
                     rpc.record(tls.probe(5)) * 2, rpc.record(u32(5, 1, 0, 0, 0, 0))):
            self.assertEqual(self.ask(self.leaf, data), b'', data[:60])

    def test_enrolled(self):
        c = self.inside(self.leaf, self.card)
        self.assertEqual(c.select('network'), OK)
        self.assertEqual(c.status('network')['you'], b'')
        self.assertEqual(self.inside(self.leaf, self.card, self.tag_port, program=NI).root()[0], OK)
        self.assertEqual(c.edit('network', [rpc.op_set(rpc.ref(0), 'x', ['y'])])[0], PERM)
        with self.leaf.inside():
            twin = tls.Conn((ROME, 987), self.authority, self.authority.machine('twin', server=True))
        self.addCleanup(twin.close)
        self.assertEqual(twin.select('network'), OK)
        self.assertEqual(twin.readall()[0], OK)

    def test_a_user(self):
        c = self.inside(self.leaf)
        self.assertEqual(c.login('network', 'ada', 'wrong'), AUTHERROR)
        self.assertEqual(c.login('network', 'ada', 'secret'), OK)
        self.assertEqual(c.status('network')['you'], b'ada')

    def test_trusted_networks(self):
        """They narrow by address, whatever the certificate or the password."""
        c, user = self.inside(self.leaf, self.card), self.inside(self.leaf)
        self.assertEqual(c.select('network'), OK)
        self.assertEqual(user.login('network', 'ada', 'secret'), OK)
        try:
            self.root_property('trusted_networks', ['10.9.0.3/32'])
            self.assertEqual(c.status('network')['status'], PERM)
            self.assertEqual(user.status('network')['status'], PERM)
            with self.assertRaises(rpc.RpcError) as e:
                c.root()
            self.assertEqual(e.exception.numbers, (1, TOOWEAK))
            self.assertEqual(self.inside(self.leaf).login('network', 'ada', 'secret'), AUTHERROR)
            self.assertEqual(self.inside(self.mallory).login('network', 'ada', 'secret'), OK)
        finally:
            self.root_property('trusted_networks', ['10.9'])
        self.assertEqual(c.root()[0], OK)

    def test_reload_to_a_legacy_network(self):
        """Named networks come in in clear text as ever, and may speak TLS."""
        with open(os.path.join(self.d.folder, 'netinfod.conf'), 'w', encoding='ascii') as f:
            f.write('legacy_read_networks = 10.9.0.3/32\n')
        n = self.d.log().count('event=reload result=ok')
        os.kill(daemon_pid(self.d), 1)
        until(lambda: self.d.log().count('event=reload result=ok') > n)
        with self.mallory.inside():
            c = rpc.Conn((ROME, 987))
        self.addCleanup(c.close)
        self.assertEqual(c.select('network'), OK)
        self.assertEqual(self.inside(self.mallory, self.card).select('network'), OK)
        self.assertEqual(self.ask(self.leaf, rpc.record(rpc.call(5, NI, 2))), rpc.record(u32(5, 1, 1, 1, TOOWEAK)))
        os.remove(os.path.join(self.d.folder, 'netinfod.conf'))
        os.kill(daemon_pid(self.d), 1)
        until(lambda: self.d.log().count('event=reload result=ok') > n + 1)

    def test_without_an_identity_nobody_comes_in(self):
        bare = self.rome.daemon(folder=os.path.join(self.fleet.folder, 'bare'), listen=ROME + ':988')
        try:
            self.assertEqual(self.ask(self.leaf, rpc.record(tls.probe(5)), 988), b'')
        finally:
            bare.stop()


def daemon_pid(d):
    return d.ready['server_pid']


class Flood(Case):
    def setUp(self):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if hard != resource.RLIM_INFINITY and hard < 2 * MANY + 500:
            self.skipTest('only %d descriptors' % hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (2 * MANY + 500, hard))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        self.open = []
        self.addCleanup(lambda: [s.close() for s in self.open])

    def descriptors(self):
        return len(os.listdir('/proc/%d/fd' % daemon_pid(self.d)))

    def memory(self):
        with open('/proc/%d/smaps_rollup' % daemon_pid(self.d), encoding='ascii') as f:
            return sum(int(line.split()[1]) for line in f if line.startswith(('Private_Clean', 'Private_Dirty'))) << 10

    def sanitized(self):
        """Then what was freed is kept for a while, and its size says nothing."""
        with open('/proc/%d/maps' % daemon_pid(self.d), encoding='ascii', errors='replace') as f:
            return any(word in line for line in f for word in ('libasan', 'libtsan', 'libubsan'))

    def honest(self):
        """It may have to try again while the share of strangers is full of those that came this second."""
        def once():
            try:
                with self.leaf.inside():
                    c = tls.Conn((ROME, 987), self.authority, self.card)
                with c:
                    return c.select('network') == OK and c.root()[0] == OK
            except (rpc.Closed, OSError):
                return False
        self.assertTrue(until(once, meaning='an honest machine is served'))

    def sources(self, n):
        return ['10.9.0.%d' % (100 + i) for i in range(n)]

    def flood(self, what, sources, many=MANY):
        """what(socket): what each connection does at first; then it is left alone."""
        n = 0
        with self.mallory.inside():
            for i in range(many):
                try:
                    s = socket.create_connection((ROME, 987), 30, (sources[i % len(sources)], 0))
                except OSError:
                    continue
                self.open.append(s)
                n += 1
                try:
                    what(s)
                except OSError:  # closed already
                    pass
                if i % (many // 4) == many // 8:
                    self.honest()
        return n

    def check(self, what, before):
        """From one source, then from many; an honest machine is served in between, and all of it goes away by itself."""
        kept = self.inside(self.leaf, self.card)  # one that came before
        self.assertEqual(kept.select('network'), OK)
        for sources, share in ((self.sources(1), SHARE_OF_ONE), (self.sources(20), SHARE)):
            self.flood(what, sources)
            self.assertLess(self.descriptors(), before + share + 40)  # those that are evicted may overlap with 32 new ones
            self.assertEqual(kept.root()[0], OK)
            self.honest()
        if not self.sanitized():
            self.assertLess(self.memory(), 64 << 20)
        until(lambda: self.descriptors() <= before + 3, meaning='the strangers are gone')
        self.assertEqual(kept.root()[0], OK)

    def begin(self, s):
        s.sendall(rpc.record(tls.probe()))
        got = b''
        while len(got) < 36:
            part = s.recv(36 - len(got))
            if not part:
                raise OSError('closed')
            got += part

    def hello(self):
        """The first bytes of an honest client."""
        out, context = ssl.MemoryBIO(), self.authority.context(self.card)
        o = context.wrap_bio(ssl.MemoryBIO(), out)
        try:
            o.do_handshake()
        except ssl.SSLWantReadError:
            pass
        return out.read()

    def test_silence(self):
        self.check(lambda s: None, self.descriptors())

    def test_half_a_probe(self):
        self.check(lambda s: s.sendall(rpc.record(tls.probe())[:-1]), self.descriptors())

    def test_a_probe_and_silence(self):
        self.check(self.begin, self.descriptors())

    def test_half_a_hello(self):
        hello = self.hello()

        def what(s):
            self.begin(s)
            s.sendall(hello[:len(hello) // 2])
        self.check(what, self.descriptors())

    def test_no_certificate_follows(self):
        """The server has done its part of the work, and waits."""
        hello = self.hello()

        def what(s):
            self.begin(s)
            s.sendall(hello)
        self.check(what, self.descriptors())

    def test_garbage(self):
        def what(s):
            self.begin(s)
            s.sendall(os.urandom(1000))
        self.check(what, self.descriptors())

    def test_inside_and_silence(self):
        """As nobody: LOGIN never comes."""
        before = self.descriptors()
        context = self.authority.context()

        def what(s):
            self.begin(s)
            self.open.append(context.wrap_socket(s))
        self.flood(what, self.sources(20), min(MANY, 600))
        self.assertLess(self.descriptors(), before + SHARE + 40)
        self.honest()
        for s in self.open:
            s.close()
        until(lambda: self.descriptors() <= before + 3, meaning='the strangers are gone')

    def test_drop_by_drop(self):
        """A handshake that never stands still ends, too."""
        hello, before, stop = self.hello(), self.descriptors(), threading.Event()
        slow = [self.dial(self.mallory, source=x) for x in self.sources(20)]
        for s in slow:
            self.begin(s)

        def drip():
            at = 0
            while not stop.wait(0.2) and at < len(hello) - 1:
                for s in slow:
                    try:
                        s.sendall(hello[at:at + 1])
                    except OSError:
                        pass
                at += 1
        t = threading.Thread(target=drip)
        t.start()
        try:
            until(lambda: self.descriptors() <= before + 3, meaning='the slow ones are gone')
            self.honest()
        finally:
            stop.set()
            t.join()

    def test_many_handshakes_of_one_source(self):
        """It waits when it has had its share; others do not wait behind it."""
        def rush():
            end = time.monotonic() + 5
            with self.mallory.inside():
                while time.monotonic() < end:
                    try:
                        with tls.Conn((ROME, 987), self.authority, timeout=5):
                            count[0] += 1
                    except (rpc.Closed, OSError):
                        pass
        count = [0]
        threads = [threading.Thread(target=rush) for _ in range(4)]
        for t in threads:
            t.start()
        for _ in range(3):
            self.honest()
        for t in threads:
            t.join()
        self.assertGreater(count[0], 0)


if __name__ == '__main__':
    daemon.main()
