#!/usr/bin/env python3
"""The RPC level on UDP and TCP (doc/protocol.md 2.10, 3.3, 3.4): what is answered where, in which order things are checked,
what is dropped; and the order of replies on one connection."""
import os
import struct
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', 'lib'))
import daemon  # noqa: E402
import rpc  # noqa: E402
from rpc import OK, u32, opaque  # noqa: E402

ODD_CRED = u32(6) + opaque(b'whatever')           # RPCSEC_GSS
BAD_CRED = u32(1) + opaque(u32(1) + opaque('x'))  # AUTH_SYS that ends after the machine name
LONG_CRED = u32(1) + opaque(bytes(404))
MANY_GIDS = u32(1) + opaque(u32(1) + opaque('x') + u32(0, 0, 17, *range(17)))
TOO_MANY_GIDS = u32(1) + opaque(u32(1) + opaque('x') + u32(0, 0, 18, *range(18)))
NONE_WITH_BODY = u32(0) + opaque(b'12345')

DENIED = lambda stat: ('denied', (1, stat))         # noqa: E731
ACCEPTED = lambda *stat: ('accepted', stat)         # noqa: E731
SUCCESS = ('accepted', (rpc.SUCCESS,))
DROPPED = 'dropped'
MISMATCH = ('denied', (0, 2, 2))


def outcome(reply, xid):
    try:
        rpc.result_of(reply, xid)
        return SUCCESS
    except rpc.RpcError as e:
        return e.kind, e.numbers


class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.d = daemon.Daemon()
        with cls.d.admin() as c:
            assert c.createmaster('network') == OK
        cls.own_tcp, cls.own_udp = cls.d.tag('network')

    @classmethod
    def tearDownClass(cls):
        cls.d.__exit__(None, None, None)

    def over_tcp(self, address, data, xid=77):
        """DROPPED: the connection stays, and the next call is the first one answered."""
        with rpc.Conn(address) as c:
            c.send_raw(rpc.record(data))
            c.send_raw(rpc.record(rpc.call(78, rpc.NI, 0)))
            reply = c.recv_record()
            if struct.unpack('>I', reply[:4])[0] == 78:
                return DROPPED
            self.assertEqual(outcome(c.recv_record(), 78), SUCCESS)
            return outcome(reply, xid)

    def over_udp(self, address, data, xid=77):
        reply = rpc.udp_silent(address, data, rpc.call(78, rpc.NI, 0))
        return DROPPED if struct.unpack('>I', reply[:4])[0] == 78 else outcome(reply, xid)


class Tcp(Case):
    def check(self, expected, *args, **more):
        for address in (self.own_tcp, self.d.tcp, self.d.socket):
            self.assertEqual(self.over_tcp(address, rpc.call(77, *args, **more)), expected)

    def test_credentials(self):
        self.check(SUCCESS, rpc.NI, 2, cred=NONE_WITH_BODY)
        self.check(SUCCESS, rpc.NI, 2, cred=MANY_GIDS)
        self.check(DENIED(rpc.BADCRED), rpc.NI, 2, cred=TOO_MANY_GIDS)
        self.check(DENIED(rpc.BADCRED), rpc.NI, 2, cred=BAD_CRED)
        self.check(DENIED(rpc.REJECTEDCRED), rpc.NI, 2, cred=ODD_CRED)
        self.check(DROPPED, rpc.NI, 2, cred=LONG_CRED)

    def test_credentials_come_before_the_program(self):
        for cred, stat in ((ODD_CRED, rpc.REJECTEDCRED), (BAD_CRED, rpc.BADCRED)):
            self.check(DENIED(stat), 4711, 0, cred=cred)
            self.check(DENIED(stat), rpc.NI, 2, cred=cred, version=9)
            self.check(DENIED(stat), rpc.NI, 99, cred=cred)

    def test_program_version_procedure_arguments(self):
        self.check(ACCEPTED(rpc.PROG_UNAVAIL), 4711, 0, version=9)
        self.check(ACCEPTED(rpc.PROG_UNAVAIL), 100000, 3, version=2)
        self.check(ACCEPTED(rpc.PROG_MISMATCH, 2, 2), rpc.NI, 99, version=1)
        self.check(ACCEPTED(rpc.PROC_UNAVAIL), rpc.NI, 29)
        self.check(ACCEPTED(rpc.GARBAGE_ARGS), rpc.NI, 7, b'\0\0\0')
        self.check(SUCCESS, rpc.NI, 7, u32(0, 0) + b'trailing bytes')

    def test_every_argument_truncated(self):
        """A word less than it needs: GARBAGE_ARGS, for every procedure that has arguments."""
        props = rpc.proplist({'a': 'b'})
        args = {3: u32(0, 0), 4: u32(0, 0), 5: u32(0, 0) + props + u32(0, 0), 6: u32(0, 0, 0, 0), 7: u32(0, 0),
                8: u32(0, 0) + props, 9: u32(0, 0), 10: u32(0, 0) + opaque('a') + opaque('b'),
                11: u32(0, 0) + opaque('a'), 12: u32(0, 0) + rpc.prop('a', ['b']) + u32(0), 13: u32(0, 0, 0),
                14: u32(0, 0, 0), 15: u32(0, 0, 0) + rpc.namelist(['a']), 16: u32(0, 0, 0) + opaque('a'),
                17: u32(0, 0), 18: u32(0, 0, 0) + opaque('a') + u32(0), 19: u32(0, 0, 0, 0), 20: u32(0, 0, 0, 0),
                21: u32(0, 0, 0, 0) + opaque('a'), 23: u32(0, 0), 24: opaque('a') + u32(0), 25: u32(0), 26: u32(0),
                28: u32(0, 0) + opaque('a') + opaque('b')}
        self.assertEqual(set(range(29)) - set(args), {0, 1, 2, 22, 27})
        for proc, whole in args.items():
            with self.subTest(rpc.NI_PROCS[proc]):
                self.check(ACCEPTED(rpc.GARBAGE_ARGS), rpc.NI, proc, whole[:-4])

    def test_target_id_is_read_loosely(self):
        with self.d.admin('network') as c:
            for word in (1, 2, 0xFFFFFFFF):
                args = u32(*c.root()[1]) + rpc.proplist({'name': 'loose'}) + u32(rpc.APPEND, word, 3, 4)
                self.assertEqual(c.ni('create', args).u32(), OK)

    def test_binder_and_extension_only_on_the_main_port(self):
        for program in (rpc.BINDER, rpc.EXT):
            self.assertEqual(self.over_tcp(self.own_tcp, rpc.call(77, program, 0)), ACCEPTED(rpc.PROG_UNAVAIL))
            for address in (self.d.tcp, self.d.socket):
                self.assertEqual(self.over_tcp(address, rpc.call(77, program, 0)), SUCCESS)
        self.assertEqual(self.over_tcp(self.d.tcp, rpc.call(77, rpc.BINDER, 9)), ACCEPTED(rpc.PROC_UNAVAIL))
        self.assertEqual(self.over_tcp(self.d.tcp, rpc.call(77, rpc.BINDER, 0, version=2)),
                         ACCEPTED(rpc.PROG_MISMATCH, 1, 1))
        self.assertEqual(self.over_tcp(self.d.tcp, rpc.call(77, rpc.EXT, 0, version=2)),
                         ACCEPTED(rpc.PROG_MISMATCH, 1, 1))
        self.assertEqual(self.over_tcp(self.d.tcp, rpc.call(77, rpc.BINDER, 3)), ACCEPTED(rpc.GARBAGE_ARGS))

    def test_rpc_version(self):
        self.check(MISMATCH, rpc.NI, 2, rpc_version=3)
        self.check(MISMATCH, 4711, 2, cred=ODD_CRED, rpc_version=1)

    def test_dropped(self):
        call = rpc.call(77, rpc.NI, 2)
        for what in (b'', call[:8], call[:-1], u32(77, 1) + call[8:], b'\xff' * 40):
            with self.subTest(what.hex()):
                self.assertEqual(self.over_tcp(self.own_tcp, what), DROPPED)


class Udp(Case):
    def test_what_is_answered(self):
        for address in (self.own_udp, self.d.udp):
            for proc in list(range(29)) + [29, 1000, 0xFFFFFFFF]:
                expected = {0: SUCCESS, 24: ACCEPTED(rpc.GARBAGE_ARGS)}.get(proc, DENIED(rpc.TOOWEAK))
                self.assertEqual(self.over_udp(address, rpc.call(77, rpc.NI, proc)), expected, proc)
        for proc in list(range(9)) + [9, 1000]:
            expected = {0: SUCCESS, 3: ACCEPTED(rpc.GARBAGE_ARGS), 4: SUCCESS,
                        8: ACCEPTED(rpc.GARBAGE_ARGS)}.get(proc, DENIED(rpc.TOOWEAK))
            self.assertEqual(self.over_udp(self.d.udp, rpc.call(77, rpc.BINDER, proc)), expected, proc)
        for proc in range(9):
            self.assertEqual(self.over_udp(self.d.udp, rpc.call(77, rpc.EXT, proc)), DENIED(rpc.TOOWEAK))

    def test_order(self):
        """Unknown flavour, wrong program or version come before TOOWEAK; it comes before the arguments."""
        udp = lambda *args, **more: self.over_udp(self.d.udp, rpc.call(77, *args, **more))  # noqa: E731
        self.assertEqual(udp(rpc.NI, 2, cred=ODD_CRED), DENIED(rpc.REJECTEDCRED))
        self.assertEqual(udp(rpc.NI, 2, cred=BAD_CRED), DENIED(rpc.BADCRED))
        self.assertEqual(udp(4711, 2), ACCEPTED(rpc.PROG_UNAVAIL))
        self.assertEqual(udp(rpc.NI, 2, version=3), ACCEPTED(rpc.PROG_MISMATCH, 2, 2))
        self.assertEqual(udp(rpc.NI, 5, b'\0'), DENIED(rpc.TOOWEAK))
        self.assertEqual(udp(rpc.NI, 0, rpc_version=3), MISMATCH)
        for cred in (rpc.auth_unix('secret', 0), rpc.auth_none()):  # no matter what the credentials are
            self.assertEqual(udp(rpc.NI, 2, cred=cred), DENIED(rpc.TOOWEAK))

    def test_dropped_and_counted(self):
        call = rpc.call(77, rpc.NI, 0)
        noise = (b'', b'x', b'SRCH * HTTP/1.1\ndevice-discovery-protocol-version:00030010\n', call[:12], call[:-1],
                 u32(77, 1) + call[8:], bytes(9000), rpc.call(77, rpc.NI, 0, cred=LONG_CRED))
        for what in noise:
            with self.subTest(len(what)):
                self.assertEqual(self.over_udp(self.d.udp, what), DROPPED)

    def test_listreg_and_getregister(self):
        with self.d.admin() as c:
            for tag in ('local', 'network'):
                r = rpc.result_of(rpc.udp(self.d.udp, rpc.call(5, rpc.BINDER, 3, opaque(tag))), 5)
                self.assertEqual((r.u32(), r.u32(), r.u32()), c.getregister(tag))


class Order(Case):
    def test_pipelined_reads_and_writes(self):
        """A hundred calls in one segment: answered in order, a read behind a write sees it."""
        with self.d.admin('network') as a:
            status, id, _ = a.create(a.root()[1], {'name': 'order', 'n': '0'})
            self.assertEqual(status, OK)
            out = b''
            for n in range(100):
                if n % 4 == 3:
                    out += rpc.record(rpc.call(n, rpc.NI, 7, u32(id[0], 0)))
                else:
                    args = u32(id[0], id[1] + n - n // 4, 1) + rpc.namelist([str(n)])
                    out += rpc.record(rpc.call(n, rpc.NI, 15, args))
            a.send_raw(out)
            for n in range(100):
                r = rpc.result_of(a.recv_record(), n)
                self.assertEqual(r.u32(), OK)
                self.assertEqual(r.id()[1], id[1] + n + 1 - (n + 1) // 4)
                if n % 4 == 3:
                    self.assertEqual(r.proplist()[1], (b'n', [b'%d' % (n - 1)]))

    def test_refusals_keep_their_place(self):
        with self.d.conn('network') as c, self.d.admin('network') as a:
            status, id, _ = a.create(a.root()[1], {'name': 'place', '_writers': '*'})
            ok = lambda n: u32(id[0], id[1] + n) + rpc.prop('p', []) + u32(rpc.APPEND)  # noqa: E731
            calls = [(12, ok(0)), (12, b'\0'), (12, ok(1)), (99, b''), (2, b''), (12, ok(2)), (12, u32(0, 0)), (0, b'')]
            c.send_raw(b''.join(rpc.record(rpc.call(n, rpc.NI, p, args)) for n, (p, args) in enumerate(calls)))
            got = [outcome(c.recv_record(), n) for n in range(len(calls))]
            garbage = ACCEPTED(rpc.GARBAGE_ARGS)
            self.assertEqual(got, [SUCCESS, garbage, SUCCESS, ACCEPTED(rpc.PROC_UNAVAIL), SUCCESS, SUCCESS, garbage,
                                   SUCCESS])

    def test_many_calls_beyond_one_slice(self):
        with self.d.conn('network') as c:
            n = 5000
            c.send_raw(b''.join(rpc.record(rpc.call(i, rpc.NI, 2)) for i in range(n)))
            for i in range(n):
                self.assertEqual(rpc.result_of(c.recv_record(), i).u32(), OK)

    def test_binder_changes_keep_their_place(self):
        with self.d.admin() as c:
            names = ['in-order-%d' % i for i in range(3)]
            calls = []
            for name in names:
                calls += [(5, opaque(name)), (3, opaque(name)), (7, opaque(name)), (3, opaque(name))]
            c.send_raw(b''.join(rpc.record(rpc.call(n, rpc.BINDER, p, a)) for n, (p, a) in enumerate(calls)))
            got = [rpc.result_of(c.recv_record(), n).u32() for n in range(len(calls))]
            self.assertEqual(got, [OK, OK, OK, rpc.NOTAG] * 3)

    def test_two_domains_on_one_connection(self):
        """Writes of two writers, replies in the order of the calls."""
        with self.d.admin() as c, self.d.admin('local') as a, self.d.admin('network') as b:
            ids = {'local': a.create(a.root()[1], {'name': 'two'})[1], 'network': b.create(b.root()[1], {'name': 'two'})[1]}
            out, xid = b'', 0
            for n in range(20):
                for tag in ('local', 'network'):
                    out += rpc.record(rpc.call(1000 + xid, rpc.EXT, 7, opaque(tag)))
                    args = u32(ids[tag][0], ids[tag][1] + n) + rpc.prop('p', []) + u32(rpc.APPEND)
                    out += rpc.record(rpc.call(xid, rpc.NI, 12, args))
                    xid += 1
            c.send_raw(out)
            seen = []
            for _ in range(2 * xid):
                reply = c.recv_record()
                self.assertEqual(rpc.result_of(reply).u32(), OK)
                seen.append(struct.unpack('>I', reply[:4])[0])
            self.assertEqual([x for x in seen if x < 1000], list(range(xid)))


if __name__ == '__main__':
    daemon.main()
