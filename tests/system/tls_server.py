#!/usr/bin/env python3
"""netinfod and TLS (doc/tls.md, doc/server.md 5.1), with a client that is Python's and certificates that are OpenSSL's: the probe byte by
byte, who may do what inside, LOGIN, another identity while it runs. Strangers from elsewhere: tls_strangers.py."""
import os
import signal
import socket
import ssl
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
import daemon  # noqa: E402
import rpc  # noqa: E402
import tls  # noqa: E402
from daemon import until  # noqa: E402
from rpc import AUTHERROR, BADCRED, NI, BINDER, EXT, OK, PERM, TOOWEAK, opaque, u32  # noqa: E402

SECRET = '$6$saltsalt$TVLlQcbpFVof5W3Yz4DTP6gRstiNuHwwTt6GLc1E5n0U0aDehy0S5knV8wiOQSpT0Y77vwPZN.Pq.H91p5hVO1'  # "secret"
DENIED_TOOWEAK = ('denied', (1, TOOWEAK))


def denied(what):
    """How it was refused at the level of RPC; None: it was not."""
    try:
        what()
    except rpc.RpcError as e:
        return e.kind, e.numbers
    return None


def closed(c):
    """Whether the server has ended it without another byte."""
    try:
        return c.sock.recv(65536) == b''
    except (ConnectionError, ssl.SSLError):
        return True


def fill(d):
    """Users with the password "secret", and something to read."""
    out = {}
    with d.admin() as c:
        assert c.createmaster('network') == OK
        assert c.createmaster('other') == OK
        assert c.select('network') == OK

        def make(parent, props):
            status, child, _ = c.create(c.self_(parent)[1], props)
            assert status == OK, status
            return child
        users = out['users'] = make(0, {'name': 'users'})
        for name, uid, passwd in (('ada', 2001, SECRET), ('adm', 2002, SECRET), ('star', 2003, '*'), ('locked', 2004, '!' + SECRET),
                                  ('empty', 2005, ''), ('null', 0, SECRET), ('grace', 2006, SECRET), ('joan', 2007, SECRET)):
            out[name] = make(users[0], {'name': name, 'uid': str(uid), 'passwd': passwd, '_writers_passwd': name, 'shell': '/bin/sh'})
        out['none'] = make(users[0], {'name': 'none', 'uid': '2010'})
        groups = make(0, {'name': 'groups'})
        make(groups[0], {'name': 'admin', 'users': 'adm'})
        out['hers'] = make(0, {'name': 'hers', '_writers': 'ada'})
        out['open'] = make(0, {'name': 'open', '_writers': '*'})
        out['machines'] = c.lookup(0, 'name', 'machines')[1][0]
        make(out['machines'], {'name': 'twin', 'ip_address': '192.0.2.77', 'serves': './network'})
    return {k: v[0] if isinstance(v, tuple) else v for k, v in out.items()}


@unittest.skipIf(tls.missing(), tls.missing())
class Case(unittest.TestCase):
    options = ()

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix='netinfo-tls-')
        cls.authority = tls.Authority(os.path.join(cls.folder.name, 'authority'))
        server = os.path.join(cls.folder.name, 'server')
        cls.authority.enrol(os.path.join(server, 'machine'), 'rome', server=True)
        cls.leaf = cls.authority.machine('leaf')
        cls.d = daemon.Daemon(*cls.options, folder=server, redact=True)
        cls.ids = fill(cls.d)

    @classmethod
    def tearDownClass(cls):
        cls.d.__exit__(None, None, None)
        cls.folder.cleanup()

    def inside(self, machine=None, address=None, tag='network', **more):
        c = tls.Conn(address or self.d.tcp, self.authority, machine, **more)
        self.addCleanup(c.close)
        if machine and tag:
            self.assertEqual(c.select(tag), OK)
        return c

    def user(self, name='ada', password='secret', tag='network', machine=None):
        c = self.inside(machine, tag=None)
        self.assertEqual(c.login(tag, name, password), OK)
        self.assertEqual(c.select(tag), OK)
        return c

    def current(self, name, c=None):
        with self.d.admin('network') as a:
            return a.self_(self.ids[name])[1]

    def value(self, name, key):
        with self.d.admin('network') as a:
            return dict(a.read(self.ids[name])[2]).get(key)

    def set(self, name, key, value):
        """By the superuser."""
        with self.d.admin('network') as a:
            status = a.edit('network', [rpc.op_set(rpc.ref(self.ids[name]), key, [value])])[0]
            self.assertEqual(status, OK)


class Probe(Case):
    def answer(self, record, address=None):
        with rpc.Conn(address or self.d.tcp) as c:
            c.send_raw(rpc.record(record))
            return c.recv_record()

    def test_every_program_and_port(self):
        for program in (NI, BINDER, EXT):
            self.assertEqual(self.answer(tls.probe(7, program)), bytes.fromhex(
                '00000007 00000001 00000000 00000000 00000008') + b'STARTTLS' + bytes(4))
        self.assertEqual(self.answer(tls.probe(8, NI), self.d.tag('network')[0]), tls.starttls(8))

    def test_what_is_no_probe(self):
        badcred = u32(9, 1, 1, 1, BADCRED)
        self.assertEqual(self.answer(tls.probe(9, proc=2)), badcred)
        self.assertEqual(self.answer(tls.probe(9, cred=u32(7, 4, 0))), badcred)
        self.assertEqual(self.answer(tls.probe(9, verifier=u32(0, 4, 0))), badcred)
        self.assertEqual(self.answer(tls.probe(9, verifier=u32(7, 0))), badcred)
        self.assertEqual(self.answer(tls.probe(9, program=EXT), self.d.tag('network')[0]),
                         u32(9, 1, 0, 0, 0, rpc.PROG_UNAVAIL))
        self.assertEqual(self.answer(tls.probe(9, version=3)), u32(9, 1, 0, 0, 0, rpc.PROG_MISMATCH, 2, 2))
        self.assertEqual(self.answer(tls.probe(9), self.d.socket), u32(9, 1, 1, 1, rpc.REJECTEDCRED))
        self.assertEqual(rpc.udp(self.d.udp, tls.probe(9)), u32(9, 1, 1, 1, rpc.REJECTEDCRED))

    def test_only_at_the_beginning(self):
        with self.d.conn() as c:
            c.ext('null')
            c.send_raw(rpc.record(tls.probe(5)))
            self.assertEqual(c.recv_record(), u32(5, 1, 1, 1, BADCRED))
            self.assertEqual(c.select('network'), OK)
        with self.d.conn() as c:  # a call that was refused was the first one
            c.send_raw(rpc.record(tls.probe(5, proc=1)) + rpc.record(tls.probe(6)))
            self.assertEqual([c.recv_record(), c.recv_record()], [u32(5, 1, 1, 1, BADCRED), u32(6, 1, 1, 1, BADCRED)])
        c = self.inside(self.leaf)
        for call in (tls.probe(5), tls.probe(5, EXT, 1)):
            c.send_raw(rpc.record(call))
            self.assertEqual(c.recv_record(), u32(5, 1, 1, 1, BADCRED))
        self.assertEqual(c.root()[0], OK)

    def test_bytes_with_the_probe(self):
        behind = rpc.record(rpc.call(2, EXT, 0))
        for more in (b'x', behind, b'\x16\x03\x01', rpc.record(tls.probe(2))):
            with self.d.conn() as c:
                c.send_raw(rpc.record(tls.probe(1)) + more)
                self.assertTrue(closed(c), more)

    def test_in_fragments(self):
        with self.d.conn() as c:
            for byte in rpc.record(tls.probe(3), fragment=7):
                c.send_raw(bytes([byte]))
            self.assertEqual(c.recv_record(), tls.starttls(3))

    def test_what_is_no_handshake(self):
        for what in (b'\x00' * 100, rpc.record(rpc.call(2, EXT, 0)), os.urandom(70000), b'\x16\x03\x01\xff\xff' + bytes(65535)):
            with self.d.conn() as c:
                c.send_raw(rpc.record(tls.probe(1)))
                self.assertEqual(c.recv_record(), tls.starttls())
                try:
                    c.send_raw(what)
                    while c.sock.recv(65536):  # an alert at most
                        pass
                except ConnectionError:
                    pass
        self.assertIn('event=tls-refused', self.d.log())

    def refused(self, machine=None, **more):
        """The handshake, or what comes first behind it, fails. (In TLS 1.3 a client has finished before the server has seen its
        certificate.)"""
        try:
            with tls.Conn(self.d.tcp, self.authority, context=self.authority.context(machine, **more)) as c:
                c.ext('null')
        except (ssl.SSLError, rpc.Closed, ConnectionError) as e:
            return e
        self.fail('it was let in')

    def test_what_a_client_hello_must_say(self):
        self.assertIn('APPLICATION_PROTOCOL', str(self.refused(alpn=())).upper().replace(' ', '_'))
        self.refused(alpn=('http/1.1',))
        self.refused(newest=ssl.TLSVersion.TLSv1_2)
        self.inside(self.leaf, context=self.authority.context(self.leaf, alpn=('h2', 'sunrpc')))

    def test_certificates_that_are_refused(self):
        other = tls.Authority(os.path.join(self.folder.name, 'other'))
        a = self.authority
        name = 'netinfo://%s/machines/leaf' % a.uuid
        for machine in (other.machine('leaf'), a.machine('leaf', signer=other), a.machine('leaf', uses=[tls.SERVER]),
                        a.machine('leaf', uses=['1.3.6.1.5.5.7.3.2']), a.machine('leaf', uri='netinfo://%s/machines/leaf' % other.uuid),
                        a.machine('leaf', uri=name + ',URI:' + name.replace('leaf', 'rome')), a.machine('leaf', uri='http://leaf/'),
                        a.machine('leaf', since=3600), a.machine('leaf', since=-500 * 86400, until=-400 * 86400)):
            self.refused(machine)
        self.assertIn('event=tls-refused', self.d.log())

    def test_a_giant_certificate(self):
        big = self.authority.machine('leaf', more=''.join('1.3.6.1.4.1.99999.%d=ASN1:UTF8String:%s\n' % (i, 'x' * 1000) for i in range(200)))
        self.refused(big)
        self.inside(self.leaf)


class Machine(Case):
    """What an enrolled machine may."""

    def test_reads(self):
        c = self.inside(self.leaf)
        self.assertEqual(c.status('network')['you'], b'')
        self.assertEqual(c.lookup(self.ids['users'], 'name', 'ada')[:2], (OK, [self.ids['ada']]))
        self.assertEqual(c.select('local'), OK)
        self.assertEqual(c.listreg()[0], OK)
        tagged = self.inside(self.leaf, self.d.tag('network')[0], tag=None, program=NI)
        self.assertEqual(dict(tagged.read(self.ids['ada'])[2])[b'shell'], [b'/bin/sh'])

    def test_sees_no_secrets(self):
        c = self.inside(self.leaf)
        self.assertEqual(dict(c.read(self.ids['ada'])[2])[b'passwd'], [b'*'])
        self.assertEqual({dict(n['props']).get(b'passwd', [b'*'])[0] for n in c.snapshot('network')['nodes']} - {b'*', b''}, set())
        self.assertEqual(c.status('network')['digest'], bytes(16))

    def test_writes_nothing(self):
        c = self.inside(self.leaf)
        self.assertEqual(c.write(self.current('open'), {'name': 'open', '_writers': '*', 'x': 'y'})[0], PERM)
        self.assertEqual(c.edit('network', [rpc.op_set(rpc.ref(self.ids['open']), 'x', ['y'])])[0], PERM)
        password = rpc.auth_unix('secret', 2001)  # a password in a credential is not looked at here
        self.assertEqual(c.write(self.current('hers'), {'name': 'hers', '_writers': 'ada'}, cred=password)[0], PERM)
        self.assertEqual(c.status('network', cred=password)['you'], b'')
        self.assertEqual(c.createmaster('mine'), PERM)
        self.assertEqual(c.register('mine', 1, 2), PERM)
        self.assertEqual(c.replica('network', 2)[0], PERM)
        self.assertEqual(c.readall()[0], PERM)

    @unittest.skipIf(os.getuid() != 0, 'only root may open a reserved port')
    def test_a_reserved_port_gives_nothing(self):
        """From this machine in clear text it would be the superuser (protocol.md 3.8 rule 1)."""
        with rpc.Conn(self.d.tcp, reserved=True) as c:
            self.assertEqual(c.status('network')['you'], b'superuser')
        c = self.inside(self.leaf, reserved=True)
        self.assertEqual(c.status('network')['you'], b'')
        self.assertEqual(c.edit('network', [rpc.op_set(rpc.ref(self.ids['open']), 'x', ['y'])])[0], PERM)

    def test_the_name_of_a_replica_is_not_enough(self):
        """A token for any machine lets its owner choose the name; that the machine may serve is the superuser's word."""
        c = self.inside(self.authority.machine('twin'))
        self.assertEqual({v for n in c.snapshot('network')['nodes'] for v in dict(n['props']).get(b'passwd', [])}, {b'*'})
        self.assertEqual(c.readall()[0], PERM)

    def test_a_listed_replica(self):
        c = self.inside(self.authority.machine('twin', server=True))
        self.assertEqual({dict(n['props'])[b'name'][0]: dict(n['props'])[b'passwd'][0] for n in c.snapshot('network')['nodes']
                          if b'passwd' in dict(n['props'])}[b'ada'], SECRET.encode())
        self.assertEqual(c.readall()[0], OK)
        self.assertEqual(dict(c.read(self.ids['ada'])[2])[b'passwd'], [b'*'])  # version 2: as in clear text
        self.assertEqual(c.edit('network', [rpc.op_set(rpc.ref(self.ids['open']), 'x', ['y'])])[0], PERM)
        self.assertEqual(c.select('other'), OK)  # of which it is none
        self.assertEqual(c.readall()[0], PERM)

    def test_who_it_is_in_the_log(self):
        c = self.inside(self.leaf)
        c.createmaster('mine')
        self.assertRegex(self.d.log(), r'event=binder-refused call=createmaster from="leaf 127\.0\.0\.1:\d+ tls"')

    def test_much_at_once(self):
        """Replies larger than all buffers, requests in one piece and byte by byte, and none is lost or mixed up."""
        big = 'x' * 60000
        with self.d.admin('network') as a:
            top = a.create(a.root()[1], {'name': 'big'})[1]
            for i in range(40):
                self.assertEqual(a.edit('network', [rpc.op_create(rpc.ref(top[0]), {'name': 'n%d' % i, 'v': big})])[0], OK)
        c = self.inside(self.leaf)
        nodes = c.children(top[0])[1]
        calls = b''
        for i, n in enumerate(nodes * 20):  # 48 MB of replies, and nobody reads while it is asked
            calls += rpc.record(rpc.call(10000 + i, NI, rpc.NI_PROCS.index('read'), u32(n, 0)))
        c.send_raw(calls)
        for i, n in enumerate(nodes * 20):
            r = rpc.result_of(c.recv_record(), 10000 + i)
            self.assertEqual(r.u32(), OK)
            self.assertEqual((r.u32(), dict(r.proplist() if r.u32() is not None else ())[b'v']), (n, [big.encode()]))
        for byte in rpc.record(rpc.call(77, NI, rpc.NI_PROCS.index('root')), fragment=9):
            c.send_raw(bytes([byte]))
        self.assertEqual(rpc.result_of(c.recv_record(), 77).u32(), OK)
        twin = self.inside(self.authority.machine('twin', server=True))
        status, _, _, objects = twin.readall()  # through a file
        self.assertEqual(status, OK)
        self.assertEqual(sum(dict(props).get(b'v') == [big.encode()] for _, props, _, _ in objects), 40)
        self.assertEqual(twin.root()[0], OK)

    def test_follows(self):
        c = self.inside(self.leaf)
        seq = c.status('network')['seq']
        xid = c.send_call(EXT, rpc.EXT_PROCS.index('changes'), rpc.changes_args('network', seq, wait_ms=30000))
        self.set('open', 'shell', 'news')
        got = rpc.changes_result(rpc.result_of(c.recv_record(), xid))
        self.assertEqual(got['entries'][0]['seq'], seq + 1)

    def test_ends_in_order(self):
        c = self.inside(self.leaf)
        c.bye()

    def test_half_closed(self):
        """Calls that came before the peer's close_notify are answered."""
        c = self.inside(self.leaf)
        c.send_raw(b''.join(rpc.record(rpc.call(i, NI, rpc.NI_PROCS.index('root'))) for i in range(50)))
        for i in range(50):
            self.assertEqual(rpc.result_of(c.recv_record(), i).u32(), OK)

    def test_one_that_has_run_out(self):
        """It may renew, and nothing else."""
        c = self.inside(self.authority.machine('leaf', since=-20 * 86400, until=-6 * 86400), tag=None)
        for what in (lambda: c.select('network'), c.root, c.listreg, lambda: c.status('network'),
                     lambda: c.login('network', 'ada', 'secret'), lambda: c.rpc(EXT, tls.JOIN)):
            self.assertEqual(denied(what), DENIED_TOOWEAK)
        self.assertNotEqual(denied(lambda: c.rpc(EXT, tls.RENEW)), DENIED_TOOWEAK)
        c.ext('null')

    def test_one_that_runs_out_meanwhile(self):
        c = self.inside(self.authority.machine('leaf', until=4))
        until(lambda: 'event=tls-refused' in self.d.log() and 'has run out on a standing connection' in self.d.log())
        self.assertTrue(closed(c))


class Login(Case):
    def write(self, c, name, key='x', value='y'):
        return c.edit('network', [rpc.op_set(rpc.ref(self.ids[name]), key, [value])])[0]

    def test_nobody(self):
        c = self.inside()
        for what in (lambda: c.select('network'), c.root, c.listreg, lambda: c.status('network'), lambda: c.rpc(EXT, tls.RENEW),
                     lambda: self.write(c, 'open'), lambda: c.ni('ping'), lambda: c.rpc(EXT, tls.AUTHORITY)):
            self.assertEqual(denied(what), DENIED_TOOWEAK)
        c.ext('null')
        self.assertNotEqual(denied(lambda: c.rpc(EXT, tls.JOIN)), DENIED_TOOWEAK)

    def test_nobody_says_little(self):
        c = self.inside()
        c.send_raw(u32(0x80000000 | 20000) + bytes(1000))
        self.assertTrue(closed(c))
        c = self.user()
        c.send_raw(rpc.record(rpc.call(1, EXT, 0, bytes(1 << 20))))
        rpc.result_of(c.recv_record(), 1)

    def test_a_user(self):
        c = self.user()
        self.assertEqual(c.status('network')['you'], b'ada')
        self.assertEqual(self.write(c, 'hers'), OK)
        self.assertEqual(self.write(c, 'open'), OK)
        self.assertEqual(self.write(c, 'users'), PERM)
        with self.d.admin('network') as a:
            e = a.changes('network', a.status('network')['seq'] - 1)['entries'][0]
        self.assertEqual(e['who'], b'ada')
        self.assertRegex(e['from'], rb'^127\.0\.0\.1:\d+ tls$')
        self.assertEqual(c.write(self.current('hers'), {'name': 'hers', '_writers': 'ada', 'v': '2'})[0], OK)  # version 2
        self.assertEqual(dict(c.read(self.ids['ada'])[2])[b'passwd'], [b'*'])

    def test_that_domain_only(self):
        c = self.user()
        self.assertEqual(c.select('other'), PERM)
        self.assertEqual(c.status('other')['status'], PERM)
        self.assertEqual(c.root()[0], OK)  # what was selected before
        m = self.user(machine=self.leaf)  # an enrolled machine reads the others as before
        self.assertEqual(m.status('other')['you'], b'')
        self.assertEqual(m.status('network')['you'], b'ada')
        self.assertEqual(m.edit('other', [rpc.op_create(rpc.ref(0), {'name': 'x'})])[0], PERM)

    def test_admin(self):
        for name in ('adm', 'null'):
            c = self.user(name)
            self.assertEqual(c.status('network')['you'], b'superuser')
            self.assertEqual(self.write(c, 'users'), OK)
            self.assertEqual(dict(c.read(self.ids['ada'])[2])[b'passwd'], [SECRET.encode()])
            self.assertEqual(c.createmaster('mine'), PERM)  # of that domain, not of the server
        c = self.user('adm')
        with self.d.admin('network') as a:
            group = a.lookup(a.lookup(0, 'name', 'groups')[1][0], 'name', 'admin')[1][0]
            self.assertEqual(a.edit('network', [rpc.op_set(rpc.ref(group), 'users', ['nobody'])])[0], OK)
            self.assertEqual(self.write(c, 'users'), PERM)
            self.assertEqual(a.edit('network', [rpc.op_set(rpc.ref(group), 'users', ['adm'])])[0], OK)
        self.assertEqual(self.write(c, 'users'), OK)

    def test_what_is_refused(self):
        c = self.inside()
        for tag, user, password in (('network', 'ada', 'wrong'), ('network', 'ada', ''), ('network', 'nobody', 'secret'),
                                    ('network', 'star', '*'), ('network', 'star', ''), ('network', 'locked', 'secret'),
                                    ('network', 'empty', ''), ('network', 'none', ''), ('other', 'ada', 'secret'), ('nothing', 'ada', 'secret'),
                                    ('network', '', 'secret'), ('network', 'ada', 'secret\0x'), ('network', 'x' * 255, 'x' * 512),
                                    ('', '', '')):
            self.assertEqual(c.login(tag, user, password), AUTHERROR, (tag, user, password))
            self.assertEqual(denied(lambda: c.select('network')), DENIED_TOOWEAK)
        for args in (b'', opaque('network') + opaque('ada'), opaque('network') + opaque('x' * 256) + opaque('x'),
                     opaque('network') + opaque('ada') + opaque('x' * 513), opaque('network') + opaque('ada') + u32(0xFFFFFFFF)):
            self.assertEqual(denied(lambda: c.rpc(EXT, tls.LOGIN, args)), ('accepted', (rpc.GARBAGE_ARGS,)))
        self.assertEqual(c.login('network', 'ada', 'secret'), OK)
        self.assertNotIn('secret', self.d.log())

    def test_what_comes_behind_it_waits(self):
        c = self.inside()
        edit = rpc.edit_args('network', [rpc.op_set(rpc.ref(self.ids['hers']), 'behind', ['1'])])
        c.send_raw(rpc.record(rpc.call(1, EXT, tls.LOGIN, opaque('network') + opaque('ada') + opaque('secret'))) +
                   rpc.record(rpc.call(2, EXT, 4, edit)) +
                   rpc.record(rpc.call(3, EXT, tls.LOGIN, opaque('network') + opaque('ada') + opaque('wrong'))) +
                   rpc.record(rpc.call(4, EXT, 4, edit)))
        got = {}
        for _ in range(4):
            reply = c.recv_record()
            xid = rpc.Reader(reply).u32()
            try:
                got[xid] = rpc.result_of(reply, xid).u32()
            except rpc.RpcError as e:
                got[xid] = e.kind, e.numbers
        self.assertEqual(got, {1: OK, 2: OK, 3: AUTHERROR, 4: DENIED_TOOWEAK})

    def test_a_later_one_takes_its_place(self):
        c = self.user('ada')
        self.assertEqual(c.login('network', 'adm', 'secret'), OK)
        self.assertEqual(c.status('network')['you'], b'superuser')
        self.assertEqual(c.login('network', 'ada', 'wrong'), AUTHERROR)
        self.assertEqual(denied(lambda: c.status('network')), DENIED_TOOWEAK)

    def test_ends_with_the_record(self):
        self.assertEqual(self.value('joan', b'shell'), [b'/bin/sh'])
        c = self.user('joan')
        version2 = self.user('joan')
        waits = self.user('joan')
        seq = waits.status('network')['seq']
        self.set('open', 'x', 'z')  # something else: it stays
        self.assertEqual(c.status('network')['you'], b'joan')
        self.assertEqual(waits.changes('network', seq)['entries'][0]['seq'], seq + 1)
        xid = waits.send_call(EXT, rpc.EXT_PROCS.index('changes'), rpc.changes_args('network', seq + 1, wait_ms=30000))
        self.set('joan', 'shell', '/bin/false')
        self.assertEqual(c.status('network')['status'], AUTHERROR)
        self.assertEqual(c.select('network'), AUTHERROR)
        self.assertEqual(self.write(c, 'open'), AUTHERROR)
        self.assertEqual(version2.read(self.ids['ada'])[0], AUTHERROR)
        self.assertEqual(version2.write(self.current('open'), {'name': 'open'})[0], AUTHERROR)
        self.assertEqual(denied(lambda: version2.ni('statistics')), DENIED_TOOWEAK)
        self.assertEqual(rpc.result_of(waits.recv_record(), xid).u32(), AUTHERROR)
        self.assertEqual(c.login('network', 'joan', 'secret'), OK)
        self.assertEqual(c.status('network')['you'], b'joan')

    def test_ends_when_the_record_is_gone(self):
        with self.d.admin('network') as a:
            status, child, _ = a.create(a.self_(self.ids['users'])[1], {'name': 'brief', 'uid': '2099', 'passwd': SECRET})
            self.assertEqual(status, OK)
            c = self.user('brief')
            self.assertEqual(a.destroy(a.self_(self.ids['users'])[1], child)[0], OK)
            self.assertEqual(c.status('network')['status'], AUTHERROR)
            # another one of that name is another user
            self.assertEqual(a.create(a.self_(self.ids['users'])[1], {'name': 'brief', 'uid': '2099', 'passwd': SECRET})[0], OK)
            self.assertEqual(c.status('network')['status'], AUTHERROR)


class Guessing(Case):
    def test_is_stopped(self):
        """Ten wrong ones for a name, be there such a user or not; then no password is looked at."""
        c = self.inside()
        for name in ('grace', 'nobody'):
            for i in range(10):
                self.assertEqual(c.login('network', name, 'wrong%d' % i), AUTHERROR)
            for _ in range(2):
                self.assertEqual(c.login('network', name, 'secret'), AUTHERROR)
        self.assertIn('event=password-refused', self.d.log())
        self.assertIn('event=password-wrong', self.d.log())
        self.assertEqual(c.login('network', 'ada', 'secret'), OK)  # another name


class Identity(Case):
    """Its files change while it runs."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix='netinfo-tls-')
        cls.authority = tls.Authority(os.path.join(cls.folder.name, 'authority'))
        cls.leaf = cls.authority.machine('leaf')

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def setUp(self):
        self.d = daemon.Daemon(folder=tempfile.mkdtemp(dir=self.folder.name))
        self.addCleanup(self.d.__exit__, None, None, None)
        self.machine = os.path.join(self.d.folder, 'machine')

    def reload(self, event):
        """SIGHUP, and until the log has one more line with this."""
        n = self.d.log().count(event)
        self.d.process.send_signal(signal.SIGHUP)
        until(lambda: self.d.log().count(event) > n, meaning=event)

    def speaks(self):
        with self.d.conn() as c:
            c.send_raw(rpc.record(tls.probe(1)))
            answer = c.recv_record()
            self.assertIn(answer, (tls.starttls(), u32(1, 1, 0, 0, 0, 0)))
            if answer != tls.starttls():  # no TLS: it goes on in clear text
                self.assertEqual(c.select('local'), OK)
            return answer == tls.starttls()

    def test_a_machine_that_joins(self):
        self.assertFalse(self.speaks())
        self.authority.enrol(self.machine, 'rome', server=True)
        self.reload('event=tls-identity machine=rome')
        until(self.speaks)
        with tls.Conn(self.d.tcp, self.authority, self.leaf) as old:
            self.authority.enrol(self.machine, 'milan', server=True)
            self.reload('event=tls-identity machine=milan')
            self.assertEqual(old.select('local'), OK)
            with tls.Conn(self.d.tcp, self.authority, self.leaf) as new:
                self.assertIn(b'milan', new.sock.getpeercert(binary_form=True))
                self.assertNotIn(b'milan', old.sock.getpeercert(binary_form=True))
        for name in os.listdir(self.machine):
            os.remove(os.path.join(self.machine, name))
        self.reload('event=tls-identity machine=none')
        self.assertFalse(self.speaks())

    def test_files_that_cannot_be_used(self):
        self.authority.enrol(self.machine, 'rome', server=True)
        self.reload('event=tls-identity machine=rome')
        self.assertTrue(self.speaks())
        with open(os.path.join(self.machine, 'machine.crt'), 'w', encoding='ascii') as f:
            f.write('no certificate\n')
        self.reload('event=tls-identity result=kept-the-old-one')
        self.assertTrue(self.speaks())
        with tls.Conn(self.d.tcp, self.authority, self.leaf) as c:
            self.assertEqual(c.select('local'), OK)

    def test_a_machine_that_may_not_serve(self):
        self.authority.enrol(self.machine, 'leaf')
        self.reload('event=tls-identity machine=leaf')
        self.assertFalse(self.speaks())

    def test_none(self):
        self.authority.enrol(self.machine, 'rome', server=True)
        with open(os.path.join(self.d.folder, 'netinfod.conf'), 'w', encoding='ascii') as f:
            f.write('machine = none\n')
        self.reload('event=reload result=ok')
        self.assertFalse(self.speaks())
        elsewhere = os.path.join(self.d.folder, 'elsewhere')
        self.authority.enrol(elsewhere, 'turin', server=True)
        with open(os.path.join(self.d.folder, 'netinfod.conf'), 'w', encoding='ascii') as f:
            f.write('machine = %s\n' % elsewhere)
        self.reload('event=tls-identity machine=turin')
        self.assertTrue(self.speaks())


if __name__ == '__main__':
    daemon.main()
