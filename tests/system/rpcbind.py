#!/usr/bin/env python3
"""The historical way in (doc/binding.md 8, doc/protocol.md 3.1, 3.6, 4.9): a client that knows nothing but port 111 finds the
binder, a tag's ports and the directory; with Debian's rpcbind, after its restart, and where nobody has port 111."""
import os
import shutil
import socket
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
import daemon  # noqa: E402
import fleet  # noqa: E402
import rpc  # noqa: E402
import side_by_side  # noqa: E402
from fleet import until  # noqa: E402
from rpc import OK, BINDER, u32  # noqa: E402

PMAP, NULL, SET, UNSET, GETPORT, DUMP, CALLIT = 100000, 0, 1, 2, 3, 4, 5
UDP, TCP = 17, 6
OPTIONS = ('-o', 'historical=yes', '-o', 'legacy_read_networks=10.9.0.0/24', '-o', 'tag_listen=0.0.0.0')
EVERYWHERE = '0.0.0.0:987'


def ask(address, program, proc, args=b'', version=2, tries=10, wait=1.0, cred=None):
    """A call over UDP; (reader at the result, who answered), or None when nobody does."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        s.settimeout(wait)
        for n in range(tries):
            s.sendto(rpc.call(77 + n, program, proc, args, cred, version), address)
            try:
                data, who = s.recvfrom(9000)
            except (TimeoutError, ConnectionError):
                continue
            return rpc.result_of(data), who[0]
    return None


def getport(host, protocol, program=BINDER, version=1):
    got = ask((host, 111), PMAP, GETPORT, u32(program, version, protocol, 0))
    return got and got[0].u32()


def callit(address, proc, args, surplus=b'', tries=10):
    """(port, result, who) of call-it for the binder, or None."""
    inner = u32(len(args) + len(surplus)) + args + surplus
    got = ask(address, PMAP, CALLIT, u32(BINDER, 1, proc) + inner, tries=tries, cred=rpc.auth_unix('gamma'))
    return got and (got[0].u32(), got[0].opaque(), got[1])


@unittest.skipIf(fleet.missing(), fleet.missing())
class PortMapper(unittest.TestCase):
    def setUp(self):
        self.fleet = fleet.Fleet()
        self.server, self.client = self.fleet.host('server', '10.9.0.1'), self.fleet.host('client', '10.9.0.2')

    def tearDown(self):
        outcome = getattr(self._outcome, 'result', None)
        self.fleet.close(show=bool(outcome and any(t is self for t, _ in outcome.failures + outcome.errors)))

    def rpcbind(self, *options):
        if not shutil.which('rpcbind'):
            self.skipTest('there is no rpcbind here')
        p = self.server.popen(['rpcbind', '-f', *options])

        def there():
            with self.server.inside():
                return ask(('127.0.0.1', 111), PMAP, NULL, tries=1)
        self.assertTrue(until(there))
        return p

    def listed(self):
        """What rpcbind lists of the binder: {(transport, port)}."""
        lines = self.server.run('rpcinfo', '-p', '127.0.0.1').stdout.splitlines()
        return {(w[2], int(w[3])) for w in (line.split() for line in lines) if w[:2] == [str(BINDER), '1']}

    def walk(self, tag=b'local'):
        """Port mapper -> binder -> the tag's port -> ROOT, from another machine."""
        with self.client.inside():
            port = getport('10.9.0.1', UDP)
            self.assertTrue(port)
            reply, _ = ask(('10.9.0.1', port), BINDER, 3, rpc.opaque(tag), version=1)
            self.assertEqual(reply.u32(), OK)
            _, tcp = reply.u32(), reply.u32()
            with rpc.Conn(('10.9.0.1', tcp)) as c:
                self.assertEqual(c.root()[0], OK)
            return port, tcp

    def bind_args(self, client='10.9.0.2', tag='local', server='network'):
        return socket.inet_aton(client) + rpc.opaque(tag) + rpc.opaque(server)

    def make_network(self, d):
        with d.admin() as c:
            self.assertEqual(c.createmaster('network'), OK)
            self.assertEqual(c.select('network'), OK)
            _, machines, _ = c.read(1)
            props = {'name': 'client', 'ip_address': '10.9.0.2', 'serves': ['client/local']}
            self.assertEqual(c.create(machines, props)[0], OK)

    def test_registered(self):
        first = self.rpcbind()
        d = self.server.daemon(*OPTIONS, listen=EVERYWHERE)
        both = {('udp', 987), ('tcp', 987)}
        self.assertTrue(until(lambda: self.listed() == both), self.listed())
        self.assertEqual(self.walk(), (987, 1033))  # old libraries expect tag local at 1033
        with self.client.inside():  # without -r nothing is forwarded
            self.assertIsNone(callit(('10.9.0.1', 111), 3, rpc.opaque('local'), tries=1))
        first.terminate()
        first.wait()
        self.rpcbind()  # it has forgotten everything, and is told within half a minute
        self.assertIn(self.listed(), (set(), both))
        self.assertTrue(until(lambda: self.listed() == both, 120), self.listed())
        self.walk()
        d.stop()
        self.assertTrue(until(lambda: self.listed() == set()))

    def test_registered_without_root(self):
        """The monitor opens the reserved port."""
        os.chmod(self.fleet.folder, 0o711)
        self.rpcbind()
        d = self.server.daemon(*OPTIONS, '-o', 'user=nobody', listen=EVERYWHERE)
        self.assertTrue(until(lambda: len(self.listed()) == 2), d.log())
        self.walk()
        d.stop()
        self.assertTrue(until(lambda: self.listed() == set()))

    def test_what_another_binder_left(self):
        """An old mapping goes at the start; a living one that came later is left alone, and said."""
        self.rpcbind()

        def set_mapping(proc, *entry):
            with self.server.inside():
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
                    s.bind(('127.0.0.1', 799))
                    s.settimeout(10)
                    s.sendto(rpc.call(5, PMAP, proc, u32(BINDER, 1, *entry), version=2), ('127.0.0.1', 111))
                    return rpc.result_of(s.recv(500)).u32()
        self.assertEqual(set_mapping(SET, UDP, 700), 1)
        d = self.server.daemon(*OPTIONS, listen=EVERYWHERE)
        self.assertTrue(until(lambda: self.listed() == {('udp', 987), ('tcp', 987)}), self.listed())
        set_mapping(UNSET, 0, 0)
        self.assertEqual(set_mapping(SET, UDP, 701), 1)
        self.assertTrue(until(lambda: 'another binder is registered' in d.log(), 120))
        self.assertEqual(self.listed(), {('udp', 701)})

    def test_not_historical(self):
        self.rpcbind()
        d = self.server.daemon('-o', 'legacy_read_networks=10.9.0.0/24', listen=EVERYWHERE)
        with self.server.inside():
            self.assertEqual(getport('127.0.0.1', UDP), 0)
        self.assertNotIn('event=portmap', d.log())

    def test_callit_through_rpcbind(self):
        """rpcbind -r forwards call-it where it was built for it; Debian 12's is asked here."""
        self.rpcbind('-r')
        d = self.server.daemon(*OPTIONS, listen=EVERYWHERE)
        self.make_network(d)
        self.assertTrue(until(lambda: len(self.listed()) == 2))
        with self.client.inside():
            got = callit(('10.9.0.1', 111), 8, self.bind_args(), tries=3)
            if got is None:
                self.skipTest('this rpcbind has no remote calls, even with -r')
            self.assertEqual(got, (987, b'', '10.9.0.1'))
            # The sender of old counts four bytes too many, and sends them.
            self.assertEqual(callit(('10.9.0.1', 111), 8, self.bind_args(), b'\1\2\3\4'), (987, b'', '10.9.0.1'))
            self.assertIsNone(callit(('10.9.0.1', 111), 8, self.bind_args(tag='other'), tries=1))
        leaf = self.client.daemon('-o', 'parent_servers=broadcast/network', '-o', 'legacy_read_networks=10.9.0.0/24')
        self.assertTrue(until(lambda: 'event=bound tag=local parent=10.9.0.1/network' in leaf.log()), leaf.log())

    def test_own_answers(self):
        """Nobody has port 111: netinfod answers there, for its binder alone."""
        d = self.server.daemon(*OPTIONS, listen=EVERYWHERE)
        self.make_network(d)
        self.assertEqual(self.walk(), (987, 1033))
        self.assertEqual(self.walk(b'network')[0], 987)
        at = ('10.9.0.1', 111)
        with self.client.inside():
            self.assertEqual(getport('10.9.0.1', TCP), 987)
            self.assertEqual(getport('10.9.0.1', UDP, program=100003), 0)
            self.assertEqual(getport('10.9.0.1', UDP, version=9), 0)
            self.assertEqual(getport('10.9.0.1', UDP, program=PMAP, version=2), 111)
            rows, reader = [], ask(at, PMAP, DUMP)[0]
            while reader.u32():
                rows.append(tuple(reader.u32() for _ in range(4)))
            self.assertEqual(set(rows), {(PMAP, 2, UDP, 111), (BINDER, 1, UDP, 987), (BINDER, 1, TCP, 987)})
            # nobody can register here, from wherever
            self.assertEqual(ask(at, PMAP, SET, u32(BINDER, 1, UDP, 666))[0].u32(), 0)
            self.assertEqual(ask(at, PMAP, UNSET, u32(BINDER, 1, 0, 0))[0].u32(), 0)
            self.assertEqual(getport('10.9.0.1', UDP), 987)
            for proc, version, program in ((9, 2, PMAP), (3, 4, PMAP), (0, 1, 100003)):
                with self.assertRaises(rpc.RpcError):
                    ask(at, program, proc, version=version)
            with self.assertRaises(rpc.RpcError):
                ask(at, PMAP, GETPORT, u32(BINDER))
            # call-it: the true length, and the historical one; to the machine and to everybody
            for to in (at, ('10.9.0.255', 111)):
                self.assertEqual(callit(to, 8, self.bind_args()), (987, b'', '10.9.0.1'))
                self.assertEqual(callit(to, 8, self.bind_args(), b'\1\2\3\4'), (987, b'', '10.9.0.1'))
            port, result, _ = callit(at, 3, rpc.opaque('local'))
            self.assertEqual((port, result[:4], result[8:]), (987, u32(OK), u32(1033)))
            # silence means no: an unknown child, tag, program, a call that is not for UDP, and what does not decode
            for args in (self.bind_args(tag='other'), self.bind_args(server='none'), self.bind_args(client='10.9.0.3')):
                self.assertIsNone(callit(at, 8, args, tries=1))
            self.assertIsNone(callit(at, 7, rpc.opaque('network'), tries=1))  # DESTROYDOMAIN
            self.assertIsNone(callit(at, 8, b'\0\0\0', tries=1))
            self.assertIsNone(ask(at, PMAP, CALLIT, u32(100003, 3, 0, 0), tries=1))
            self.assertIsNone(ask(at, PMAP, CALLIT, u32(BINDER, 1, 8, 0x7fffffff), tries=1))
        self.fleet.host('foreign', '10.9.0.77').must('ip', 'addr', 'add', '10.8.0.1/24', 'dev', 'eth0')
        leaf = self.client.daemon('-o', 'parent_servers=broadcast/network', '-o', 'legacy_read_networks=10.9.0.0/24')
        self.assertTrue(until(lambda: 'event=bound tag=local parent=10.9.0.1/network' in leaf.log()), leaf.log())

    def test_not_named_networks_hear_nothing(self):
        options = [o.replace('10.9.0.0/24', '10.9.0.3/32') for o in OPTIONS]
        self.server.daemon(*options, listen=EVERYWHERE)
        with self.client.inside():
            self.assertIsNone(ask(('10.9.0.1', 111), PMAP, NULL, tries=2))
        with self.server.inside():
            self.assertTrue(ask(('127.0.0.1', 111), PMAP, NULL))

    def test_never(self):
        self.server.daemon(*OPTIONS, '-o', 'answer_portmapper=no', listen=EVERYWHERE)
        with self.server.inside():
            self.assertIsNone(ask(('127.0.0.1', 111), PMAP, NULL, tries=2))


if __name__ == '__main__':
    side_by_side.main()
