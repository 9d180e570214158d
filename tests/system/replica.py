"""Clones on machines of their own (doc/replication.md): who may follow, networks that are cut, a master that is gone and comes back."""
import crypt
import os
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../lib'))
import daemon  # noqa: E402
import fleet  # noqa: E402
import rpc  # noqa: E402
from daemon import until  # noqa: E402
from sized import sized  # noqa: E402

OK, TAG = rpc.OK, 'network'
TIMES = sized(2, 2, 10)
LEGACY = ('-o', 'legacy_read_networks=10.9.0.0/24')


def show(d):
    with d.admin() as c:
        status, shown = c.replica(TAG)
    assert status == OK, status
    return shown


def status(d):
    with d.admin() as c:
        return c.status(TAG)


def same(a, b):
    x, y = status(a), status(b)
    return all(x[k] == y[k] for k in ('uuid', 'epoch', 'seq', 'checksum', 'digest'))


def fill(d, n, name='u', wait=0):
    with d.admin(TAG) as c:
        found = c.lookup(0, 'name', 'users')
        users = found[1][0] if found[0] == OK else c.edit(TAG, [rpc.op_create(rpc.ref(0), [('name', ['users'])])])[2][0][0]
        for k in range(n):
            assert c.edit(TAG, [rpc.op_create(rpc.ref(users), [('name', ['%s%d' % (name, k)]), ('uid', [str(k)]),
                                                               ('passwd', ['$y$secret%d' % k])])])[0] == OK
            time.sleep(wait)


@unittest.skipIf(fleet.missing(), fleet.missing())
class Clones(unittest.TestCase):
    def setUp(self):
        self.f = fleet.Fleet()
        self.addCleanup(lambda: self.f.close(show=False))
        self.alpha = self.f.host('alpha', '10.9.0.1')
        self.beta = self.f.host('beta', '10.9.0.2')
        self.gamma = self.f.host('gamma', '10.9.0.3')
        self.m, self.b, self.c = (h.daemon(*LEGACY, redact=True) for h in (self.alpha, self.beta, self.gamma))
        with self.m.admin() as a:
            self.assertEqual(a.createmaster(TAG), OK)

    def list_in(self, *hosts):
        """As an administrator does, on the master."""
        for h in hosts:
            r = self.alpha.ni('add', '-d', TAG, '/machines/' + h.name, 'ip_address=' + h.addresses[0], 'serves=./' + TAG)
            self.assertEqual(r.returncode, 0, r.stderr)

    def clone(self, *hosts, of='10.9.0.1'):
        for h in hosts:
            r = h.ni('domain', 'clone', TAG, '--from', of)
            self.assertEqual(r.returncode, 0, r.stdout + r.stderr)

    def test_who_may_follow(self):
        fill(self.m, 5)
        r = self.beta.ni('domain', 'clone', TAG, '--from', '10.9.0.1', '--wait', '3')
        self.assertEqual(r.returncode, 6, r.stderr)  # not listed: secrets are hidden from it
        self.assertIn('ni add -d network /machines/beta ip_address=10.9.0.2 serves=./network', r.stderr)
        until(lambda: show(self.b)['state'] == 'refused')
        self.assertIn('/machines', show(self.b)['reason'])
        with self.b.admin(TAG) as c:
            self.assertEqual(c.lookup(0, 'name', 'users')[0], rpc.NODIR)
        self.list_in(self.beta)
        until(lambda: same(self.m, self.b))  # by itself
        with self.b.admin(TAG) as c:
            users = c.lookup(0, 'name', 'users')[1][0]
            self.assertIn(b'$y$secret3', str(c.listall(users)).encode())
        with self.beta.inside():  # the right address, but not root's port; and a port of root's at the wrong address
            with rpc.Conn(('10.9.0.1', 987)) as c:
                self.assertEqual(c.status(TAG)['digest'], bytes(16))
                self.assertNotIn(b'secret', str(c.snapshot(TAG)).encode())
                self.assertNotIn(b'secret', str(c.changes(TAG)).encode())
                self.assertEqual(c.replica(TAG, 2)[0], rpc.PERM)
                shown = c.replica(TAG)[1]
                self.assertEqual((shown['where'], shown['reason'], shown['conflict']), ('', '', ''))
        with self.gamma.inside():
            with rpc.Conn(('10.9.0.1', 987), reserved=True) as c:
                self.assertEqual(c.status(TAG)['digest'], bytes(16))
                self.assertNotIn(b'secret', str(c.snapshot(TAG)).encode())
        with self.beta.inside(), rpc.Conn(('10.9.0.1', 987), reserved=True) as c:
            self.assertEqual(c.status(TAG)['digest'], status(self.m)['digest'])

    def test_server_without_rights(self):
        """Started as root with `user`, the clone asks its monitor for a port below 1024; without leave it is a stranger."""
        fill(self.m, 5)
        delta = self.f.host('delta', '10.9.0.4')
        self.list_in(delta)
        for folder in (self.f.folder, delta.folder):
            os.chmod(folder, 0o755)
        d = delta.daemon(*LEGACY, '-o', 'user=nobody', redact=True)
        r = delta.ni('domain', 'clone', TAG, '--from', '10.9.0.1', '--unlisted', '--wait', '0')
        self.assertEqual(r.returncode, 0, r.stderr)
        until(lambda: show(d)['state'] == 'refused')
        d.stop()
        d.options += ['-o', 'low_ports=yes']
        d.start()
        until(lambda: same(self.m, d))

    def test_no_longer_listed(self):
        """Taken off the list while it follows: it takes nothing whose secrets are hidden; listed again, it goes on."""
        fill(self.m, 5)
        self.list_in(self.beta)
        self.clone(self.beta)
        until(lambda: same(self.m, self.b))
        r = self.alpha.ni('rm', '--yes', '-d', TAG, '/machines/beta')
        self.assertEqual(r.returncode, 0, r.stderr)
        fill(self.m, 5, 'later')
        until(lambda: show(self.b)['state'] == 'refused')
        with self.b.admin(TAG) as c:
            held = str(c.listall(c.lookup(0, 'name', 'users')[1][0]))
        self.assertIn('$y$secret3', held)
        self.assertNotIn("b'*'", held)
        self.list_in(self.beta)
        until(lambda: same(self.m, self.b))
        self.assertEqual(self.b.log().count('event=replica-copied'), 1)

    def test_cut_and_heal(self):
        self.list_in(self.beta, self.gamma)
        self.clone(self.beta, self.gamma)
        for k in range(TIMES):
            self.f.cut(self.beta)
            fill(self.m, 30, 'cut%d-' % k)
            until(lambda: same(self.m, self.c))
            self.assertFalse(same(self.m, self.b))
            with self.b.admin(TAG) as c:  # it serves what it has
                self.assertEqual(c.read(0)[0], OK)
            self.f.heal(self.beta)
            until(lambda: same(self.m, self.b))
        self.assertEqual(self.b.log().count('event=replica-copied'), 1)

    def test_master_gone_and_back(self):
        """Reads go on at the clones by ni; one is promoted, the other follows it; the old master is told apart, and ends."""
        self.list_in(self.beta, self.gamma)
        fill(self.m, 20)
        self.clone(self.beta, self.gamma)
        until(lambda: same(self.m, self.b) and same(self.m, self.c))
        self.f.cut(self.alpha)
        r = self.gamma.ni('ls', '-d', TAG, '/users')
        self.assertIn('u3', r.stdout, r.stderr)
        r = self.gamma.ni('set', '-d', TAG, '/users/u3', 'shell=/bin/sh')
        self.assertNotEqual(r.returncode, 0)
        r = self.beta.ni('domain', 'promote', '--yes', TAG)
        self.assertEqual(r.returncode, 0, r.stderr)
        r = self.gamma.ni('domain', 'demote', '--yes', '--to', '10.9.0.2', TAG)
        self.assertEqual(r.returncode, 0, r.stderr)
        r = self.beta.ni('set', '-d', TAG, '/users/u3', 'shell=/bin/new')
        self.assertEqual(r.returncode, 0, r.stderr)
        until(lambda: same(self.b, self.c))
        fill(self.m, 3, 'unseen')  # on the other side of the cut
        self.f.heal(self.alpha)
        self.m.stop()
        self.m.start()  # it looks at its start; else within a minute
        until(lambda: show(self.m)['state'] == 'superseded')
        self.assertIn('ni domain demote network --to 10.9.0.2/network', show(self.m)['conflict'])
        self.assertIn('event=replica-conflict', self.m.log())
        with self.m.admin(TAG) as c:
            self.assertEqual(c.create(c.root()[1], [('name', ['x'])])[0], rpc.RDONLY)
            self.assertEqual(c.edit(TAG, [rpc.op_create(rpc.ref(0), [('name', ['x'])])])[0], rpc.RDONLY)
            self.assertEqual(c.read(0)[0], OK)
        r = self.alpha.ni('status', '-d', TAG)
        self.assertRegex(r.stdout, r'(?m)^role +master: superseded$')
        self.assertRegex(r.stdout, r'(?m)^conflict +10.9.0.2/network has become master')
        r = self.gamma.ni('status', '-d', TAG)
        self.assertRegex(r.stdout, r'(?m)^role +clone of 10.9.0.2/network: following$')
        r = self.alpha.ni('domain', 'replica', TAG)
        self.assertIn('superseded', r.stdout)
        self.assertIn('10.9.0.2', r.stdout)
        r = self.alpha.ni('domain', 'demote', '--yes', '--to', '10.9.0.2', TAG)
        self.assertEqual(r.returncode, 0, r.stderr)
        until(lambda: same(self.b, self.m))
        with self.m.admin(TAG) as c:
            users = c.lookup(0, 'name', 'users')[1][0]
            self.assertEqual(c.lookup(users, 'name', 'unseen1')[0], rpc.NODIR)

    def test_contradictions_are_told(self):
        """Two promotions on two sides: nobody can decide, so both go on and say so; and a `master` that names somebody else."""
        self.list_in(self.beta, self.gamma)
        self.clone(self.beta, self.gamma)
        until(lambda: same(self.m, self.b) and same(self.m, self.c))
        self.f.cut(self.alpha)
        for h in (self.beta, self.gamma):
            self.assertEqual(h.ni('domain', 'promote', '--yes', TAG).returncode, 0)
        self.c.stop()
        self.c.start()
        until(lambda: '10.9.0.2/network is master of this domain too (term 1)' in show(self.c)['conflict'])
        self.assertEqual(show(self.c)['state'], 'master')
        self.assertEqual(self.gamma.ni('set', '-d', TAG, '/', 'note=x').returncode, 0)
        self.assertEqual(self.gamma.ni('domain', 'demote', '--yes', '--to', '10.9.0.2', TAG).returncode, 0)
        until(lambda: same(self.b, self.c))
        self.assertEqual(self.beta.ni('set', '-d', TAG, '/', 'master=zeta/network').returncode, 0)
        self.b.stop()
        self.b.start()
        until(lambda: "`master` says zeta/network" in show(self.b)['conflict'])
        self.assertEqual(self.beta.ni('set', '-d', TAG, '/', 'master=beta/network').returncode, 0)  # the role is stored

    def test_children_read_from_the_clone(self):
        """A machine below goes on when the master is gone: `ni`, and niutil through libnetinfo."""
        self.list_in(self.beta)
        fill(self.m, 20)
        r = self.alpha.ni('add', '-d', TAG, '/machines/delta', 'ip_address=10.9.0.4', 'serves=delta/local')
        self.assertEqual(r.returncode, 0, r.stderr)
        self.clone(self.beta)
        until(lambda: same(self.m, self.b))
        self.f.cut(self.beta)  # so that it is bound to the master
        delta = self.f.host('delta', '10.9.0.4')
        delta.daemon(*LEGACY, '-o', 'parent_servers=10.9.0.1/network 10.9.0.2/network')
        niutil = os.path.join(os.path.dirname(daemon.PROGRAMS['ni']), 'niutil')

        def asked(*words):
            r = delta.run(*words, env=delta.environment())
            return r.returncode == 0 and 'u7' in r.stdout
        until(lambda: asked(daemon.PROGRAMS['ni'], 'ls', '-d', '..', '/users'))
        until(lambda: asked(niutil, '-list', '..', '/users'))
        self.assertIn('10.9.0.1/network', delta.ni('status').stdout)
        self.f.heal(self.beta)
        until(lambda: same(self.m, self.b))
        self.f.cut(self.alpha)
        until(lambda: asked(daemon.PROGRAMS['ni'], 'ls', '-d', '..', '/users'))
        until(lambda: asked(niutil, '-list', '..', '/users'))

    def test_commands_list_themselves(self):
        """With write access to the master the clone is named in /machines by the command."""
        self.m.stop()
        self.m.options += ['-o', 'legacy_write_networks=10.9.0.0/24']
        self.m.start()
        with self.m.admin(TAG) as a:
            users = a.edit(TAG, [rpc.op_create(rpc.ref(0), [('name', ['users'])])])[2][0][0]
            self.assertEqual(a.edit(TAG, [rpc.op_create(rpc.ref(users), [
                ('name', ['root']), ('uid', ['0']), ('passwd', [crypt.crypt('right', crypt.METHOD_SHA256)])])])[0], OK)
        word = os.path.join(self.f.folder, 'password')
        for password, told in (('wrong', True), ('right', False)):
            with open(word, 'w', encoding='utf-8') as f:
                f.write(password + '\n')
            r = self.beta.ni('domain', 'clone', TAG, '--from', '10.9.0.1', '--user', 'root', '--password-file', word,
                             '--wait', '0' if told else '60')
            self.assertEqual((r.returncode, 'ni add' in r.stderr), (0, told), r.stderr)
            if told:
                self.assertEqual(self.beta.ni('domain', 'destroy', '--yes', TAG).returncode, 0)
        with self.m.admin(TAG) as a:
            machines = a.lookup(0, 'name', 'machines')[1][0]
            beta = a.lookup(machines, 'name', 'beta')[1][0]
            self.assertEqual(dict(a.read(beta)[2]), {b'name': [b'beta'], b'ip_address': [b'10.9.0.2'], b'serves': [b'./network']})
        until(lambda: same(self.m, self.b))


if __name__ == '__main__':
    daemon.main()
