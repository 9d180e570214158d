#!/usr/bin/env python3
"""Who may do what (doc/protocol.md 3.8, 3.9; doc/decisions.md 4 - 7): the socket's uid, reserved ports, passwords, networks,
redaction."""
import ctypes
import os
import socket
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', 'lib'))
import daemon  # noqa: E402
import ports  # noqa: E402
import rpc  # noqa: E402
from rpc import OK, PERM, AUTHERROR, NOUSER  # noqa: E402

# crypt("secret"): traditional DES, yescrypt, SHA-512, MD5
HASHES = {
    'des': 'abNANd1rDfiNc',
    'yescrypt': '$y$j9T$F5Jx5fExrKuPp53xLKQ..1$GmcwIgvdUC9qLWcKCi6gklUa1dM3ziD43YxYNURLKy0',
    'sha512': '$6$saltsalt$TVLlQcbpFVof5W3Yz4DTP6gRstiNuHwwTt6GLc1E5n0U0aDehy0S5knV8wiOQSpT0Y77vwPZN.Pq.H91p5hVO1',
    'md5': '$1$saltsalt$9xy1btjgzLYfb7hivXtC//',
}


def users(c, parent=None):
    """/users and /groups of the tests; gives {name: id}."""
    out = {}

    def make(parent, props):
        status, child, _ = c.create(c.self_(parent)[1], props)
        assert status == OK, status
        return child
    out['/users'] = top = make(0, {'name': 'users'})
    for i, (kind, value) in enumerate(HASHES.items()):
        out[kind] = make(top[0], {'name': kind, 'uid': str(2000 + i), 'passwd': value, '_writers_passwd': kind,
                                  'shell': '/bin/sh'})
    out['boss'] = make(top[0], {'name': 'boss', 'uid': '0', 'passwd': HASHES['des']})
    out['root'] = make(top[0], {'name': 'root', 'uid': '3000', 'passwd': HASHES['des']})
    out['adm'] = make(top[0], {'name': 'adm', 'uid': '3001', 'passwd': HASHES['des']})
    out['star'] = make(top[0], {'name': 'star', 'uid': '3002', 'passwd': '*'})
    out['locked'] = make(top[0], {'name': 'locked', 'uid': '3003', 'passwd': '!' + HASHES['des']})
    out['empty'] = make(top[0], {'name': 'empty', 'uid': '3004', 'passwd': ''})
    out['none'] = make(top[0], {'name': 'none', 'uid': '3005'})
    out['other'] = make(top[0], {'name': 'other', 'uid': '3006', 'passwd': HASHES['des'],
                                 'authentication_authority': '1.0;ShadowHash;'})
    out['twin1'] = make(top[0], {'name': 'twin1', 'uid': '3007', 'passwd': '*'})
    out['twin2'] = make(top[0], {'name': 'twin2', 'uid': '3007', 'passwd': HASHES['des']})
    groups = make(0, {'name': 'groups'})
    make(groups[0], {'name': 'admin', 'users': 'adm'})
    out['open'] = make(0, {'name': 'open', '_writers': '*'})
    out['private'] = make(0, {'name': 'private', '_writers': 'root'})
    return out


class Case(unittest.TestCase):
    options = ()
    redact = False

    @classmethod
    def setUpClass(cls):
        cls.d = daemon.Daemon(*cls.options, redact=cls.redact)
        with cls.d.admin() as c:
            assert c.createmaster('network') == OK
            assert c.select('network') == OK
            cls.ids = users(c)

    @classmethod
    def tearDownClass(cls):
        cls.d.__exit__(None, None, None)

    def current(self, name):
        with self.d.admin('network') as c:
            return c.self_(self.ids[name][0])[1]

    def try_write(self, c, name='boss', cred=None):
        return c.createprop(self.current(name), 'note', ['x'], cred=cred)[0]


class Passwords(Case):
    def test_every_hash(self):
        with self.d.conn('network') as c:
            for i, kind in enumerate(HASHES):
                with self.subTest(kind):
                    right, wrong = rpc.auth_unix('secret', 2000 + i), rpc.auth_unix('secreT', 2000 + i)
                    id = self.current(kind)
                    self.assertEqual(c.writeprop(id, 2, [HASHES[kind]], cred=wrong)[0], AUTHERROR)
                    self.assertEqual(c.writeprop(id, 4, ['/bin/zsh'], cred=right)[0], PERM)  # only its passwd
                    status, id = c.writeprop(id, 2, [HASHES[kind]], cred=right)
                    self.assertEqual(status, OK)
                    with self.d.admin() as a:
                        last = a.changes('network', 0, flags=2, most=1)['entries'][0]
                    self.assertEqual(last['who'].decode(), kind)
                    self.assertRegex(last['from'].decode(), r'^127\.0\.0\.1:\d+$')

    def test_superuser_by_uid_and_by_group_not_by_name(self):
        with self.d.conn('network') as c:
            self.assertEqual(self.try_write(c, cred=rpc.auth_unix('secret', 0)), OK)
            self.assertEqual(self.try_write(c, cred=rpc.auth_unix('secret', 3001)), OK)
            self.assertEqual(self.try_write(c, cred=rpc.auth_unix('secret', 3000)), PERM)  # named root, uid 3000
            # but where root is listed as a writer, its name counts as any other does
            self.assertEqual(self.try_write(c, 'private', rpc.auth_unix('secret', 3000)), OK)

    def test_promote_admins_off(self):
        with self.d.admin('network') as a, self.d.conn('network') as c:
            root = a.createprop(a.root()[1], 'promote_admins', ['no'])[1]
            self.assertEqual(self.try_write(c, cred=rpc.auth_unix('secret', 3001)), PERM)
            self.assertEqual(a.destroyprop(root, 1)[0], OK)

    def test_what_never_matches(self):
        with self.d.conn('network') as c:
            for uid in (3002, 3003, 3005, 3006):
                for password in ('secret', '', '*', '!'):
                    self.assertEqual(self.try_write(c, cred=rpc.auth_unix(password, uid)), AUTHERROR, (uid, password))
            self.assertEqual(self.try_write(c, cred=rpc.auth_unix('', 3004)), AUTHERROR)  # empty: not without the option
            self.assertEqual(self.try_write(c, cred=rpc.auth_unix('secret', 9999)), NOUSER)

    def test_second_user_of_a_uid(self):
        with self.d.conn('network') as c:
            self.assertEqual(self.try_write(c, cred=rpc.auth_unix('secret', 3007)), PERM)  # known, not allowed

    def test_no_users_directory(self):
        with self.d.conn('local') as c:
            self.assertEqual(c.write(c.root()[1], {}, cred=rpc.auth_unix('secret', 0))[0], NOUSER)

    def test_a_changed_password_counts_at_once(self):
        """The memory of right passwords is bound to the user's instance."""
        with self.d.admin('network') as a, self.d.conn('network') as c:
            right = rpc.auth_unix('secret', 0)
            self.assertEqual(self.try_write(c, cred=right), OK)
            id = self.current('boss')
            status, id = a.writeprop(id, 2, ['*'])
            self.assertEqual(status, OK)
            self.assertEqual(self.try_write(c, cred=right), AUTHERROR)
            self.assertEqual(a.writeprop(id, 2, [HASHES['des']])[0], OK)
            self.assertEqual(self.try_write(c, cred=right), OK)

    def test_anonymous_matches_only_a_star(self):
        with self.d.conn('network') as c:
            self.assertEqual(self.try_write(c, 'open'), OK)
            self.assertEqual(self.try_write(c, 'private'), PERM)
            self.assertEqual(self.try_write(c), PERM)
            with self.d.admin() as a:
                self.assertEqual(a.changes('network', 0, flags=2, most=1)['entries'][0]['who'], b'')

    def test_reads_never_fail_because_of_credentials(self):
        with self.d.conn('network', cred=rpc.auth_unix('wrong', 12345)) as c:
            self.assertEqual(c.read(2)[0], OK)
            c.statistics()

    def test_order_of_checks(self):
        """2.6: authentication before the directory, the directory before the index, the index before permission."""
        with self.d.conn('network') as c:
            wrong, right = rpc.auth_unix('wrong', 2001), rpc.auth_unix('secret', 2001)
            id = self.current('boss')
            self.assertEqual(c.writeprop((4711, 0), 99, ['x'], cred=wrong)[0], AUTHERROR)
            self.assertEqual(c.writeprop((4711, 0), 99, ['x'], cred=right)[0], rpc.NODIR)
            self.assertEqual(c.writeprop((id[0], id[1] + 1), 99, ['x'], cred=right)[0], rpc.STALE)
            self.assertEqual(c.writeprop(id, 99, ['x'], cred=right)[0], rpc.NOPROP)
            self.assertEqual(c.writename(id, 0, 99, 'x', cred=right)[0], rpc.NONAME)
            self.assertEqual(c.writeprop(id, 0, ['x'], cred=right)[0], PERM)

    def test_order_of_replies_with_passwords(self):
        """Slow checks, quick reads, writes without a password: still in the order of the calls."""
        with self.d.conn('network') as c:
            id = self.current('open')
            first = c.xid + 1
            for n in range(5):
                args = rpc.u32(id[0], id[1] + n) + rpc.prop('n', [str(n)]) + rpc.u32(rpc.APPEND)
                c.send_call(rpc.NI, 12, args, rpc.auth_unix('wrong%d' % n, 2001) if n == 2 else None)
                c.send_call(rpc.NI, 3, rpc.u32(id[0], 0))
            seen = []
            for n in range(5):
                seen.append(rpc.result_of(c.recv_record(), first + 2 * n).u32())
                r = rpc.result_of(c.recv_record(), first + 2 * n + 1)
                self.assertEqual(r.u32(), OK)
                self.assertEqual(r.id()[1], id[1] + min(n + 1, 2))
            self.assertEqual(seen, [OK, OK, AUTHERROR, rpc.STALE, rpc.STALE])

    def test_ext_identity(self):
        with self.d.conn() as c:
            self.assertEqual(c.status('network')['you'], b'')
            self.assertEqual(c.status('network', rpc.auth_unix('secret', 0))['you'], b'superuser')
            self.assertEqual(c.status('network', rpc.auth_unix('secret', 2001))['you'], b'yescrypt')
            self.assertEqual(c.status('network', rpc.auth_unix('no', 2001))['you'], b'')
            ops = [rpc.op_create(rpc.ref(0), {'name': 'e'})]
            xid = c.send_call(rpc.EXT, 6, rpc.opaque('network') + rpc.u64(0) + rpc.u32(1, 0, 0) + rpc.u64(0) * 3 +
                              rpc.u32(0), rpc.auth_unix('no', 2002))  # a slow check, then the pool of long reads
            self.assertEqual(rpc.result_of(c.recv_record(), xid).u32(), OK)
            self.assertEqual(c.edit('network', ops), (PERM, 0))
            self.assertEqual(c.edit('network', ops, cred=rpc.auth_unix('no', 0))[0], AUTHERROR)
            self.assertEqual(c.edit('network', ops, cred=rpc.auth_unix('secret', 77))[0], NOUSER)
            self.assertEqual(c.edit('network', ops, cred=rpc.auth_unix('secret', 0))[0], OK)

    def test_counters(self):
        with self.d.conn('network') as c:
            before = [int(v) for v in dict(c.statistics())[b'authentications']]
            self.try_write(c, cred=rpc.auth_unix('secret', 0))
            self.try_write(c, cred=rpc.auth_unix('nonsense', 3004))
            self.try_write(c)
            after = [int(v) for v in dict(c.statistics())[b'authentications']]
            self.assertEqual([a - b for a, b in zip(after, before)], [1, 1, 1, 1])


class Throttle(Case):
    def test_guessing_is_stopped(self):
        with self.d.conn('network') as c:
            for i in range(12):
                self.assertEqual(self.try_write(c, cred=rpc.auth_unix('guess%d' % i, 0)), AUTHERROR)
            # the right one is not even looked at now; another user of the same source still is
            self.assertEqual(self.try_write(c, cred=rpc.auth_unix('secret', 0)), AUTHERROR)
            self.assertEqual(self.try_write(c, cred=rpc.auth_unix('secret', 3001)), OK)
        self.assertIn('reason=throttled', self.d.log())


    def test_the_log_is_not_flooded(self):
        before = len(self.d.log())
        with self.d.conn('network') as c:
            for i in range(300):
                self.try_write(c, cred=rpc.auth_unix('guess%d' % i, 3002))
            time.sleep(1.1)
            self.try_write(c, cred=rpc.auth_unix('guess', 3002))
        text = self.d.log()[before:]
        lines = [line for line in text.splitlines() if 'event=password-' in line]
        self.assertLess(len(lines), 60, text)
        self.assertIn(' left_out=', text)


class EmptyPasswords(Case):
    options = ('-o', 'allow_empty_passwords=yes')

    def test_option(self):
        with self.d.conn('network') as c:
            self.assertEqual(self.try_write(c, cred=rpc.auth_unix('', 3004)), PERM)  # accepted, and not allowed here
            self.assertEqual(self.try_write(c, cred=rpc.auth_unix('anything', 3004)), PERM)
            self.assertEqual(self.try_write(c, cred=rpc.auth_unix('', 3005)), AUTHERROR)  # no passwd at all


@unittest.skipIf(os.getuid() != 0, 'only root may be somebody else and open reserved ports')
class AsRoot(Case):
    redact = True

    def test_one_users_guesses_do_not_hinder_another(self):
        """Both by TCP from 127.0.0.1: the kernel says whose the other end is."""
        id = self.current('boss')  # the child cannot reach the socket

        def try_as(password):
            with self.d.conn('network') as c:
                return c.createprop(id, 'note', ['x'], cred=rpc.auth_unix(password, 3001))[0]

        def guess():
            for i in range(60):  # more than a whole source may
                try_as('guess%d' % i)
            return 0 if try_as('secret') == AUTHERROR else 1

        def right():
            return 0 if try_as('secret') == OK else 1
        self.assertEqual(self.as_uid(64001, guess), 0)
        self.assertEqual(self.as_uid(64002, right), 0)

    def as_uid(self, uid, what):
        """Runs what() in a child with that uid; gives its exit status."""
        pid = os.fork()
        if pid == 0:
            code = 99
            try:
                os.setgroups([])
                os.setgid(uid)
                os.setuid(uid)
                code = what()
            finally:
                os._exit(code)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    def test_socket_of_another_uid(self):
        """A user of the domain only where machine and domain agree on the name of the uid."""
        with self.d.admin('network') as a:
            top = a.self_(self.ids['/users'][0])[1]
            _, agreed, top = a.create(top, {'name': 'daemon', 'uid': '1', '_writers': 'daemon'})
            _, disagreed, top = a.create(top, {'name': 'sys', 'uid': '2', '_writers': 'sys'})
        os.chmod(self.d.folder, 0o755)

        def write(id):
            c = rpc.Conn(self.d.socket)
            if c.select('network') != OK:
                return 98
            return c.createprop(id, 'x', ['1'])[0]

        def who():
            return len(rpc.Conn(self.d.socket).status('network')['you'])
        self.assertEqual(self.as_uid(1, lambda: write(agreed)), OK)
        self.assertEqual(self.as_uid(2, lambda: write(disagreed)), PERM)  # this machine calls uid 2 "bin"
        self.assertEqual(self.as_uid(1, who), len('daemon'))
        self.assertEqual(self.as_uid(2, who), 0)
        self.assertEqual(self.as_uid(1, lambda: rpc.Conn(self.d.socket).createmaster('evil')), PERM)

    def test_secrets(self):
        """Decision 6: counts, order, instances unchanged; not to be found by their value."""
        props = [(b'name', [b'boss']), (b'uid', [b'0'])]
        with self.d.admin('network') as a, self.d.conn('network') as c:
            id = self.current('boss')
            self.assertEqual(a.read(id[0])[2][:3], props + [(b'passwd', [HASHES['des'].encode()])])
            status, got, seen = c.read(id[0])
            self.assertEqual((status, got), (OK, id))
            self.assertEqual(seen[:3], props + [(b'passwd', [b'*'])])
            self.assertEqual(c.readprop(id[0], 2)[1], [b'*'])
            self.assertEqual(c.readname(id[0], 2, 0)[2], b'*')
            self.assertEqual(c.lookup(self.ids['/users'][0], 'passwd', HASHES['des'])[0], rpc.NODIR)
            self.assertNotEqual(a.lookup(self.ids['/users'][0], 'passwd', HASHES['des'])[1], [])
            for call in (lambda w: repr(w.listall(self.ids['/users'][0])), lambda w: repr(w.readall(0)),
                         lambda w: repr(w.list(self.ids['/users'][0], 'passwd')), lambda w: repr(w.snapshot('network')),
                         lambda w: repr(w.changes('network')),
                         lambda w: repr(w.lookupread(self.ids['/users'][0], 'name', 'boss'))):
                self.assertNotIn(HASHES['des'], call(c))
                self.assertIn(HASHES['des'], call(a))
            self.assertEqual(c.readall(0)[1], a.readall(0)[1])
            # the digest covers the hash: who knows all the rest could try guesses of a password on it
            self.assertEqual(c.status('network')['digest'], bytes(16))
            self.assertNotEqual(a.status('network')['digest'], bytes(16))
            self.assertEqual(dict(c.statistics())[b'digest'], [b'*'])
            self.assertEqual(dict(a.statistics())[b'digest'], [a.status('network')['digest'].hex().encode()])

    def reserved(self, source='127.0.0.1'):
        c = rpc.Conn.__new__(rpc.Conn)
        c.buffer, c.xid, c.cred = b'', 0x2000, None
        for port in range(1023, 600, -1):
            c.sock = socket.socket()
            c.sock.settimeout(30)
            try:
                c.sock.bind((source, port))
                c.sock.connect(self.d.tcp)
                break
            except OSError:
                c.sock.close()
        assert c.select('network') == OK
        return c

    def test_reserved_port_is_root_on_this_machine(self):
        c = self.reserved()
        self.assertEqual(self.try_write(c), OK)
        self.assertEqual(self.try_write(c, cred=rpc.auth_unix('wrong', 2001)), OK)  # credentials are not looked at
        self.assertEqual(c.createmaster('by-port'), OK)
        self.assertEqual(c.destroydomain('by-port'), OK)
        self.assertIn(HASHES['des'].encode(), repr(c.read(self.ids['boss'][0])[2]).encode())
        c.close()
        with self.d.conn() as other:
            self.assertEqual(other.createmaster('by-nobody'), PERM)
            self.assertEqual(other.destroydomain('network'), PERM)
            self.assertEqual(other.register('x', 1, 2), PERM)


class ClosedByDefault(unittest.TestCase):
    """Without legacy networks: no UDP, no passwords, no reserved port; the socket and anonymous reads."""

    def test_defaults(self):
        with daemon.Daemon(legacy=False) as d:
            with d.admin() as a:
                self.assertEqual(a.createmaster('network'), OK)
                self.assertEqual(a.select('network'), OK)
                users(a)
                self.assertEqual(a.getregister('network')[1], 0)
            self.assertEqual(d.ready['binder_udp'], 0)
            with d.conn('network') as c:
                self.assertEqual(c.root()[0], OK)
                self.assertEqual(c.createprop(c.root()[1], 'x', ['1'], cred=rpc.auth_unix('secret', 0))[0], PERM)
                self.assertEqual(c.createmaster('x'), PERM)

    @unittest.skipIf(os.getuid() != 0, 'only root may open reserved ports')
    def test_reserved_port_means_nothing(self):
        with daemon.Daemon(legacy=False) as d:
            c = rpc.Conn.__new__(rpc.Conn)
            c.buffer, c.xid, c.cred, c.sock = b'', 0x2000, None, socket.socket()
            for port in range(1023, 600, -1):
                try:
                    c.sock.bind(('127.0.0.1', port))
                    break
                except OSError:
                    continue
            c.sock.connect(d.tcp)
            self.assertEqual(c.createmaster('x'), PERM)
            c.close()

    @unittest.skipIf(os.getuid() != 0, 'only root may change the setting, in a network of its own')
    def test_a_port_that_anybody_can_open_is_not_root(self):
        """Where net.ipv4.ip_unprivileged_port_start was lowered, ports from there on say nothing."""
        name = 'nip%d' % os.getpid()
        words = ['ip', 'netns', 'exec', name]
        if os.spawnvp(os.P_WAIT, 'ip', ['ip', 'netns', 'add', name]) != 0:
            self.skipTest('no network namespaces here')
        self.addCleanup(os.spawnvp, os.P_WAIT, 'ip', ['ip', 'netns', 'del', name])
        for setting in (['ip', 'link', 'set', 'lo', 'up'], ['sysctl', '-q', '-w', 'net.ipv4.ip_unprivileged_port_start=700']):
            if os.spawnvp(os.P_WAIT, 'ip', [*words, *setting]) != 0:
                self.skipTest('network namespaces cannot be entered here (a chroot, say)')
        code = os.fork()
        if code == 0:
            try:
                fd = os.open('/run/netns/' + name, os.O_RDONLY)
                if ctypes.CDLL(None).setns(fd, 0) != 0:
                    os._exit(77)
                answers = []
                with daemon.Daemon() as d:
                    for port in (699, 700, 1023):
                        c = rpc.Conn.__new__(rpc.Conn)
                        c.buffer, c.xid, c.cred, c.sock = b'', 0x2000, None, socket.socket()
                        c.sock.bind(('127.0.0.1', port))
                        c.sock.connect(d.tcp)
                        answers.append(c.createmaster('by-%d' % port))
                        c.close()
                print(answers, flush=True)
                os._exit(0 if answers == [OK, PERM, PERM] else 1)
            finally:
                os._exit(99)
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(code, 0)[1]), 0)


@unittest.skipIf(os.getuid() != 0, 'needs addresses of its own on the loopback interface')
class Networks(unittest.TestCase):
    """Sources other than this machine: played by 127/8 addresses would be loopback, so by a network namespace."""

    @classmethod
    def setUpClass(cls):
        number = ports.lease('network', range(2, 254))  # its link is in everybody's network
        cls.net, cls.beside = '198.18.%d' % number, '198.18.%d' % (number ^ 1)
        cls.here, cls.there_address = cls.net + '.1', cls.net + '.2'
        name = 'ni%d' % os.getpid()
        near, far = name + 'a', name + 'b'
        run = lambda *words: os.spawnvp(os.P_WAIT, 'ip', ['ip', *words])  # noqa: E731
        if run('netns', 'add', name) != 0:
            raise unittest.SkipTest('no network namespaces here')
        cls.name = name
        if (run('link', 'add', near, 'type', 'veth', 'peer', 'name', far, 'netns', name) or
                run('addr', 'add', cls.here + '/24', 'dev', near) or run('link', 'set', near, 'up') or
                run('-n', name, 'addr', 'add', cls.there_address + '/24', 'dev', far) or
                run('-n', name, 'link', 'set', far, 'up')):
            run('netns', 'del', name)
            raise unittest.SkipTest('no virtual links here')

    @classmethod
    def tearDownClass(cls):
        os.spawnvp(os.P_WAIT, 'ip', ['ip', 'netns', 'del', cls.name])

    def there(self, what):
        """Runs what() in the other namespace; gives its exit status."""
        pid = os.fork()
        if pid == 0:
            code = 99
            try:
                fd = os.open('/run/netns/' + self.name, os.O_RDONLY)
                if ctypes.CDLL(None).setns(fd, 0) == 0:
                    code = what()
            finally:
                os._exit(code)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    def from_there(self, d):
        address = (self.here, d.ready['binder_tcp'])

        def read():
            try:
                with rpc.Conn(address) as c:
                    return c.root()[0]
            except (rpc.Closed, ConnectionError):
                return 50
            except rpc.RpcError as e:
                return 60 + e.numbers[-1]
        return self.there(read)

    def listen_both(self, *options, **more):
        return daemon.Daemon(*options, legacy=False, listen=self.here + ':0', **more)

    def test_nobody_but_this_machine(self):
        with self.listen_both() as d:
            self.assertEqual(self.from_there(d), 50)  # accepted and closed at once
            with rpc.Conn((self.here, d.ready['binder_tcp'])) as c:  # its own address, not loopback
                self.assertEqual(c.root()[0], OK)

    def test_read_networks_and_trusted_networks(self):
        with self.listen_both('-o', 'legacy_read_networks=%s.0/24' % self.net, '-o', 'default_domain=local') as d:
            self.assertEqual(self.from_there(d), OK)
            with d.admin('local') as a:
                for value, expected in ((self.net, OK), (self.beside, 60 + rpc.TOOWEAK), ('198', OK), ('0', 60 + rpc.TOOWEAK),
                                        (self.net + '.99', OK), (self.net + '.99/32', 60 + rpc.TOOWEAK),
                                        (self.there_address + '/32', OK), ('lab', 60 + rpc.TOOWEAK)):
                    with self.subTest(value):
                        status, root = a.createprop(a.root()[1], 'trusted_networks', ['10.9.9', value])
                        self.assertEqual(status, OK)
                        self.assertEqual(self.from_there(d), expected)
                        self.assertEqual(a.destroyprop(root, 1)[0], OK)
                status, networks, root = a.create(a.root()[1], {'name': 'networks'})
                self.assertEqual(a.create(networks, {'name': 'lab', 'address': self.net})[0], OK)
                status, root = a.createprop(root, 'trusted_networks', ['lab'])
                self.assertEqual(self.from_there(d), OK)
                status, root = a.writeprop(root, 1, [])
                self.assertEqual(self.from_there(d), 60 + rpc.TOOWEAK)  # no value: own addresses only
                self.assertEqual(a.root()[0], OK)

    def test_readers_may_not_write(self):
        with self.listen_both('-o', 'legacy_read_networks=%s.0/24' % self.net, '-o', 'default_domain=local') as d:
            with d.admin('local') as a:
                ids = users(a)
                boss, everybody = a.self_(ids['boss'][0])[1], a.self_(ids['open'][0])[1]
            address = (self.here, d.ready['binder_tcp'])

            def write(id, cred):
                with rpc.Conn(address) as c:
                    return c.createprop(id, 'x', ['1'], cred=cred)[0]
            self.assertEqual(self.there(lambda: write(boss, rpc.auth_unix('secret', 0))), PERM)
            self.assertEqual(self.there(lambda: write(everybody, None)), PERM)
            self.assertEqual(self.there(lambda: rpc.Conn(address).readall(0)[0]), PERM)  # decision 7
        with self.listen_both('-o', 'legacy_write_networks=%s.0/24' % self.net, '-o', 'default_domain=local') as d:
            with d.admin('local') as a:
                boss = a.self_(users(a)['boss'][0])[1]
            address = (self.here, d.ready['binder_tcp'])
            self.assertEqual(self.there(lambda: write(boss, rpc.auth_unix('secret', 0))), OK)
            self.assertEqual(self.there(lambda: rpc.Conn(address).readall(0)[0]), OK)

    def test_listed_replicas_see_everything(self):
        with self.listen_both('-o', 'legacy_read_networks=%s.0/24' % self.net, '-o', 'default_domain=local',
                              redact=True) as d:
            with d.admin('local') as a:
                users(a)
                a.create(a.self_(1)[1], {'name': 'replica', 'ip_address': self.there_address, 'serves': './copy'})
            address = (self.here, d.ready['binder_tcp'])

            def transfer(port):
                c = rpc.Conn.__new__(rpc.Conn)
                c.buffer, c.xid, c.cred, c.sock = b'', 1, None, socket.socket()
                c.sock.bind((self.there_address, port))
                c.sock.connect(address)
                status, _, _, objects = c.readall(0)
                return status if status != OK else 70 + (HASHES['des'] in repr(objects))
            self.assertEqual(self.there(lambda: transfer(0)), PERM)
            self.assertEqual(self.there(lambda: transfer(1001)), 71)


if __name__ == '__main__':
    daemon.main()
