#!/usr/bin/env python3
"""The messages of doc/protocol.md section 10 against a live netinfod, byte for byte. They are read from that page; only
port numbers are put in, since ours are dynamic."""
import os
import re
import socket
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', '..', 'lib'))
import daemon  # noqa: E402
import rpc  # noqa: E402

DOC = os.path.join(HERE, '..', '..', '..', 'doc', 'protocol.md')


def vectors():
    """{number: [(label, bytes)]}"""
    out, number, data = {}, None, None
    with open(DOC, encoding='utf-8') as f:
        text = f.read().split('\n## 10.')[1].split('\n## 11.')[0]
    for line in text.splitlines():
        if m := re.match(r'== (\d+) ', line):
            number = int(m.group(1))
            out[number] = []
        elif m := re.match(r'([0-9a-f]{4})  ([0-9a-f ]+)$', line):
            assert int(m.group(1), 16) == len(data)
            data += bytes.fromhex(m.group(2))
        elif m := re.match(r'(.*) \((\d+) bytes\)$', line):
            data = bytearray()
            out[number].append((m.group(1), int(m.group(2)), data))
    for number, messages in out.items():
        for label, size, data in messages:
            assert len(data) == size, (number, label, len(data), size)
    return {n: [(label, bytes(data)) for label, _, data in messages] for n, messages in out.items()}


V = vectors()


def tcp_exchange(address, data):
    """The bytes of one whole record that come back, mark included."""
    with rpc.Conn(address) as c:
        c.send_raw(data)
        return rpc.record(c.recv_record())


class Vectors(unittest.TestCase):
    """One scenario: the methods run in the order of their names, on one server."""

    @classmethod
    def setUpClass(cls):
        cls.d = daemon.Daemon()
        with cls.d.admin() as c:
            assert c.createmaster('network') == rpc.OK
        cls.own_tcp, cls.own_udp = cls.d.tag('network')

    @classmethod
    def tearDownClass(cls):
        cls.d.__exit__(None, None, None)

    def exact(self, number, address, call=0, reply=1):
        got = tcp_exchange(address, V[number][call][1])
        self.assertEqual(got.hex(), V[number][reply][1].hex())

    def test_01_ping_udp(self):
        for address in (self.own_udp, self.d.udp):
            self.assertEqual(rpc.udp(address, V[1][0][1]).hex(), V[1][1][1].hex())

    def test_02_root_udp_is_too_weak(self):
        for address in (self.own_udp, self.d.udp):
            self.assertEqual(rpc.udp(address, V[2][0][1]).hex(), V[2][1][1].hex())

    def test_03_root(self):
        for address in (self.own_tcp, self.d.tcp):  # the default domain of the main port is network
            self.exact(3, address)

    def test_04_lookup(self):
        self.exact(4, self.own_tcp)
        other = V[4][0][1].replace(b'machines', b'machinez')
        self.assertEqual(tcp_exchange(self.own_tcp, other).hex(), V[4][2][1].hex())

    def test_05_read(self):
        self.exact(5, self.own_tcp)

    def test_05a_readall_fresh(self):  # vector 12, before anything is changed
        self.exact(12, self.own_tcp)
        got = tcp_exchange(self.own_tcp, V[12][2][1])
        expected = V[12][3][1]
        self.assertEqual(got[:36].hex(), expected[:36].hex())
        self.assertEqual(got[40:].hex(), expected[40:].hex())  # the word between is unspecified

    def test_05b_statistics_checksum_only(self):  # vector 14
        self.exact(14, self.own_tcp)

    def test_06_create(self):
        with self.d.admin('network') as c:
            c.send_raw(V[6][0][1])
            self.assertEqual(rpc.record(c.recv_record()).hex(), V[6][1][1].hex())

    def test_07_list(self):
        with self.d.admin('network') as c:
            status, child, _ = c.create((1, 2), {'name': 'gamma'})
            self.assertEqual((status, child), (rpc.OK, (4, 0)))
        self.exact(7, self.own_tcp)

    def test_08_stale(self):
        with self.d.admin('network') as c:
            self.assertEqual(c.writeprop((3, 0), 1, ['10.0.0.2']), (rpc.OK, (3, 1)))
            c.send_raw(V[8][0][1])
            self.assertEqual(rpc.record(c.recv_record()).hex(), V[8][1][1].hex())

    def test_09_getregister_udp(self):
        ports = rpc.u32(self.own_udp[1], self.own_tcp[1])
        expected = V[9][1][1].replace(rpc.u32(1011, 1012), ports)
        self.assertEqual(rpc.udp(self.d.udp, V[9][0][1]).hex(), expected.hex())
        unknown = V[9][0][1].replace(b'network', b'netwerk')
        self.assertEqual(rpc.udp(self.d.udp, unknown).hex(), V[9][2][1].hex())

    def test_10_bind(self):
        inner, to_server = V[10][3], V[10][4]
        self.assertIn('inner NIBIND_BIND', inner[0])
        refused, ok = rpc.u32(5), rpc.u32(0)
        self.assertEqual(rpc.udp(self.own_udp, to_server[1])[20:], refused)
        self.assertEqual(rpc.udp(self.d.udp, inner[1])[20:], refused)
        with self.d.admin('network') as c:
            status, _, _ = c.create(c.self_(1)[1], {'name': 'delta', 'ip_address': '10.0.0.7',
                                                   'serves': 'delta/local'})
            self.assertEqual(status, rpc.OK)
        self.assertEqual(rpc.udp(self.own_udp, to_server[1])[20:], ok)
        self.assertEqual(rpc.udp(self.d.udp, inner[1])[20:], ok)
        surplus = inner[1] + bytes(4)  # 3.6: historical portmappers pass four bytes too many on
        self.assertEqual(rpc.udp(self.d.udp, surplus)[20:], ok)

    def test_11_rparent_root(self):
        self.exact(11, self.own_tcp, reply=2)

    def test_15_listreg_udp(self):
        with self.d.admin() as c:
            ports = {tag: c.getregister(tag)[1:] for tag in ('local', 'network')}
        call = rpc.call(0x31, rpc.BINDER, 4)
        expected = (V[15][0][1].replace(rpc.u32(1033, 1033), rpc.u32(*ports['local']))
                    .replace(rpc.u32(1011, 1012), rpc.u32(*ports['network'])))
        self.assertEqual(rpc.udp(self.d.udp, call).hex(), expected.hex())

    def test_20_fragments(self):
        """3.4: any fragment size is taken."""
        body = V[3][0][1][4:]
        for size in (1, 3, 7, 39, 40):
            with rpc.Conn(self.own_tcp) as c:
                c.send_raw(rpc.record(body, size))
                self.assertEqual(c.recv_record()[:24].hex(), V[3][1][1][4:28].hex())

    def test_21_bytes_one_at_a_time(self):
        with rpc.Conn(self.own_tcp) as c:
            for byte in V[3][0][1]:
                c.sock.send(bytes([byte]))
            self.assertEqual(c.recv_record()[:24].hex(), V[3][1][1][4:28].hex())

    def test_22_half_closed(self):
        """A client that has said all it wants to say still gets its answers."""
        with rpc.Conn(self.own_tcp) as c:
            c.send_raw(V[3][0][1] * 3)
            c.sock.shutdown(socket.SHUT_WR)
            for _ in range(3):
                self.assertEqual(len(c.recv_record()), 36)
            with self.assertRaises(rpc.Closed):
                c.recv_record()


if __name__ == '__main__':
    daemon.main()
