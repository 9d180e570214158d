"""Clones that follow their master (doc/replication.md): two servers of this machine, every sequence number compared."""
import errno
import os
import random
import signal
import subprocess
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../lib'))
import daemon  # noqa: E402
import ports  # noqa: E402
import rpc  # noqa: E402
from daemon import until  # noqa: E402
from sized import sized  # noqa: E402

OK = rpc.OK
TAG = 'network'
STEPS = sized(200, 600, 6000, 'NI_TEST_STEPS')


def where(d, tag=TAG):
    return '127.0.0.1:%d/%s' % (d.tcp[1], tag)


def server(*options, **more):
    """With a port that stays its own: where it was found, it is found again after a restart."""
    return daemon.Daemon(*options, listen='127.0.0.1:%d' % ports.free(), redact=True, **more)


def show(d, tag=TAG):
    with d.admin() as c:
        status, shown = c.replica(tag)
    assert status == OK, status
    return shown


def status(d, tag=TAG):
    with d.admin() as c:
        return c.status(tag)


def equal(master, clone):
    """Waits until the clone is where the master is, and compares all that identifies content."""
    want = status(master)

    def there():
        s = status(clone)
        return s['epoch'] == want['epoch'] and s['seq'] >= want['seq']
    until(there)
    m, c = status(master), status(clone)
    for name in ('uuid', 'epoch', 'seq', 'checksum', 'digest', 'directories', 'highest'):
        assert m[name] == c[name], (name, m[name], c[name])


class Edits:
    """Random edits of any kind; what is refused changes nothing."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.known = [0]

    def one(self, c):
        r, pick = self.random, lambda: rpc.ref(self.random.choice(self.known))
        name = 'n%d' % r.randrange(50)
        kind = r.randrange(7)
        if kind < 3:
            props = [('name', [name]), ('passwd', ['secret%d' % r.randrange(9)]), ('uid', [str(r.randrange(99))])]
            ops = [rpc.op_create(pick(), props, r.choice([0, 1, rpc.APPEND]))]
        elif kind == 3:
            ops = [rpc.u32(2) + pick() + rpc.u32(1)]  # DESTROY, recursive
        elif kind == 4:
            ops = [rpc.u32(8) + pick() + pick() + rpc.u32(r.choice([0, 2, rpc.APPEND]))]  # MOVE
        else:
            ops = [rpc.op_set(pick(), r.choice(['realname', 'users', 'name']), [name] * r.randrange(3))
                   for _ in range(r.randrange(1, 4))]
        status, *rest = c.edit(TAG, ops)
        if status == OK and kind < 3:
            self.known.append(rest[1][0][0])
        if len(self.known) > 60:
            self.known = [0] + r.sample(self.known[1:], 20)
        return status


class Recorder(threading.Thread):
    """Notes (epoch, seq) -> (checksum, digest) of a server, as often as it can."""

    def __init__(self, d):
        super().__init__(daemon=True)
        self.d, self.seen, self.stop = d, {}, False
        self.start()

    def run(self):
        while not self.stop:
            try:
                with self.d.admin() as c:
                    while not self.stop:
                        s = c.status(TAG)
                        if s['status'] == OK:
                            self.seen[s['epoch'], s['seq']] = (s['checksum'], s['digest'])
            except (OSError, rpc.Closed):
                time.sleep(0.02)

    def end(self):
        self.stop = True
        self.join(30)
        return self.seen


class Pair(unittest.TestCase):
    options = ()

    def setUp(self):
        self.m = server(*self.options)
        self.addCleanup(self.m.__exit__, None)
        self.c = server(*self.options, host='beta')
        self.addCleanup(self.c.__exit__, None)
        with self.m.admin() as a:
            self.assertEqual(a.createmaster(TAG), OK)

    def clone(self, d=None, of=None):
        d, of = d or self.c, of or self.m
        with d.admin() as a:
            self.assertEqual(a.replica(TAG, 1, where(of))[0], OK)
        until(lambda: show(d)['state'] == 'following')

    def edit(self, n, seed=1, d=None):
        edits = Edits(seed)
        with (d or self.m).admin() as a:
            for _ in range(n):
                edits.one(a)

    def test_every_seq(self):
        """Both streams recorded while the master is edited: at every seq seen on both sides, the same digest."""
        self.clone()
        self.edit(20)
        records = Recorder(self.m), Recorder(self.c)
        edits = Edits(7)
        with self.m.admin() as a:
            for k in range(STEPS):
                edits.one(a)
                if k % 10 == 0:  # now and then both are seen at this very seq
                    s = a.status(TAG)
                    until(lambda: all((s['epoch'], s['seq']) in r.seen for r in records))
        equal(self.m, self.c)
        master, clone = (r.end() for r in records)
        common = set(master) & set(clone)
        self.assertGreaterEqual(len(common), STEPS // 20)
        for at in common:
            self.assertEqual(master[at], clone[at], at)
        self.c.stop()
        check(self, self.c)
        self.assertEqual(entries(self, self.m), entries(self, self.c, start=True))

    def test_reads_and_refusals(self):
        self.edit(50)
        self.clone()
        equal(self.m, self.c)
        with self.m.admin(TAG) as m, self.c.admin(TAG) as c:
            for _, object in [(0, 0)] + [(0, o) for o in m.children(0)[1]]:
                self.assertEqual(m.read(object), c.read(object))
                self.assertEqual(m.children(object), c.children(object))
            self.assertEqual(dict(c.statistics())[b'tag'], [TAG.encode(), b'clone'])
            self.assertEqual(c.create(c.root()[1], [('name', ['x'])])[0], rpc.RDONLY)
            self.assertEqual(c.edit(TAG, [rpc.op_create(rpc.ref(0), [('name', ['x'])])])[0], rpc.RDONLY)

    def test_kill_either(self):
        """kill -9 of the clone and of the master, in the middle of edits: equal afterwards, without a new copy."""
        self.edit(30)
        self.clone()
        for round in range(3):
            for victim in (self.c, self.m):
                stop = threading.Event()

                def go(seed=round):
                    edits = Edits(seed)
                    while not stop.is_set():
                        try:
                            with self.m.admin() as a:
                                while not stop.is_set():
                                    edits.one(a)
                        except (OSError, rpc.Closed):
                            time.sleep(0.01)
                worker = threading.Thread(target=go)
                worker.start()
                seq = status(self.m)['seq']
                until(lambda: status(self.m)['seq'] > seq + 20)
                victim.kill()
                if victim is self.m:
                    self.assertEqual(show(self.c)['role'], 1)
                    with self.c.admin(TAG) as c:  # reads go on
                        self.assertEqual(c.read(0)[0], OK)
                victim.start()
                seq = status(self.m)['seq']
                until(lambda: status(self.m)['seq'] > seq + 20)
                stop.set()
                worker.join()
                equal(self.m, self.c)
        self.assertEqual(self.c.log().count('event=replica-copied'), 1)
        self.c.stop()
        check(self, self.c)

    def test_restart_goes_on(self):
        self.clone()
        self.c.stop()
        self.edit(40)
        self.c.start()
        equal(self.m, self.c)
        self.assertEqual(self.c.log().count('event=replica-copied'), 1)

    def test_journal_too_short(self):
        """A clone's journal begins with its last copy: who follows it and is behind that copies, too."""
        third = server()
        self.addCleanup(third.__exit__, None)
        self.clone()
        self.clone(third, self.c)
        third.stop()
        self.c.stop()
        self.edit(50)
        self.damage(self.c)
        self.c.start()
        until(lambda: self.c.log().count('event=replica-copied') == 2)
        self.assertGreater(status(self.c)['first_seq'], 20)
        third.start()
        equal(self.m, third)
        until(lambda: third.log().count('event=replica-copied') == 2)

    def damage(self, d):
        """The same seq and epoch, another content: by the store's own door, as no server would do it."""
        subprocess.run([daemon.PROGRAMS['damage'], os.path.join(d.folder, 'domains', TAG)], check=True)

    def test_silent_damage(self):
        """A content that differs under the same number is found by the digest, and replaced."""
        self.edit(20)
        self.clone()
        self.c.stop()
        self.damage(self.c)
        self.c.start()
        until(lambda: status(self.c)['digest'] == status(self.m)['digest'])
        equal(self.m, self.c)
        until(lambda: self.c.log().count('event=replica-copied') == 2)

    def test_chain(self):
        """A clone of a clone: the same numbers at the third server."""
        third = server()
        self.addCleanup(third.__exit__, None)
        self.clone()
        self.clone(third, self.c)
        self.edit(100)
        equal(self.m, third)

    def test_agents_go_over(self):
        """What followed the master goes on at the clone: the same epoch, the same entries after the same number."""
        self.clone()
        before = status(self.m)
        self.edit(30)
        equal(self.m, self.c)
        with self.m.admin() as m, self.c.admin() as c:
            args = dict(epoch=before['epoch'], seq=before['seq'], flags=1)
            self.assertEqual(m.changes(TAG, **args), c.changes(TAG, **args))

    def test_promotion_and_the_old_master(self):
        self.clone()
        self.edit(30)
        equal(self.m, self.c)
        with self.m.admin(TAG) as a:  # every server of the domain stands in /machines
            machines = a.lookup(0, 'name', 'machines')[1][0]
            for name, port in (('beta', self.c), ('gamma', self.m)):
                self.assertEqual(a.edit(TAG, [rpc.op_create(rpc.ref(machines), [
                    ('name', [name]), ('ip_address', ['127.0.0.1']), ('serves', ['./' + TAG])])])[0], OK)
        equal(self.m, self.c)
        old = status(self.m)
        self.m.kill()
        with self.c.admin(TAG) as c:
            self.assertEqual(c.read(0)[0], OK)
            code, shown = c.replica(TAG, 2)
            self.assertEqual((code, shown['role'], shown['term']), (OK, 0, 1))
            self.assertEqual(c.replica(TAG, 2)[0], rpc.BADOP)
            self.assertEqual(dict(c.read(0)[2])[b'master'], [b'beta/' + TAG.encode()])
            new = c.status(TAG)
            self.assertEqual(new['uuid'], old['uuid'])
            self.assertNotEqual(new['epoch'], old['epoch'])
            self.assertEqual(c.edit(TAG, [rpc.op_create(rpc.ref(0), [('name', ['after'])])])[0], OK)
        self.m.start()
        with self.m.admin(TAG) as a:  # it comes back, and has a change that nobody else has
            a.edit(TAG, [rpc.op_create(rpc.ref(0), [('name', ['lost'])])])
            self.assertEqual(a.replica(TAG, 3, where(self.c))[0], OK)
        until(lambda: show(self.m)['state'] == 'following')
        equal(self.c, self.m)
        with self.m.admin(TAG) as a:
            self.assertEqual(a.lookup(0, 'name', 'after')[0], OK)
            self.assertEqual(a.lookup(0, 'name', 'lost')[0], rpc.NODIR)
        kept = os.listdir(os.path.join(self.m.folder, 'domains', '.destroyed'))
        self.assertEqual([k.rsplit('.', 1)[0] for k in kept], [TAG])
        text = subprocess.run([daemon.PROGRAMS['ni'], 'store', 'dump',
                               os.path.join(self.m.folder, 'domains', '.destroyed', kept[0], 'data.mdb')],
                              capture_output=True, check=True, text=True).stdout
        self.assertIn(' name lost\n', text)  # nothing is thrown away

    def test_another_domain_is_refused(self):
        """The master's domain is destroyed and made anew: the clone keeps what it has, and says why."""
        self.edit(20)
        self.clone()
        before = status(self.c)
        with self.m.admin() as a:
            self.assertEqual(a.destroydomain(TAG), OK)
            self.assertEqual(a.createmaster(TAG), OK)
        until(lambda: show(self.c)['state'] == 'refused')
        self.assertIn('another domain', show(self.c)['reason'])
        self.assertEqual(status(self.c)['digest'], before['digest'])

    def test_roles_are_the_superusers(self):
        with self.m.conn() as c:
            self.assertEqual(c.replica(TAG, 2)[0], rpc.PERM)
        with self.m.admin() as a:
            self.assertEqual(a.replica('local', 3, where(self.c))[0], rpc.BADOP)
            self.assertEqual(a.replica('local', 1, where(self.c))[0], rpc.BADOP)
            self.assertEqual(a.replica(TAG, 3, 'nowhere')[0], rpc.FAILED)
            self.assertEqual(a.replica(TAG, 3, 'a b/c')[0], rpc.FAILED)
            self.assertEqual(a.replica('none', 2)[0], rpc.NOTAG)

    def test_crash_between(self):
        """Killed at any moment of its first copy: it starts again and ends equal; no folder of a copy is left."""
        self.edit(400)
        with self.c.admin() as a:
            self.assertEqual(a.replica(TAG, 1, where(self.m))[0], OK)
        for k in range(8):
            time.sleep(0.003 * k)
            self.c.kill()
            self.c.start()
        equal(self.m, self.c)
        until(lambda: '.clone.' + TAG not in os.listdir(os.path.join(self.c.folder, 'domains')))
        self.c.stop()
        check(self, self.c)

    def test_failing_disk(self):
        """The n-th write or sync of the clone's databases fails while it follows, and while it copies: equal in the end."""
        self.clone()
        failed = 0
        for n in range(1, 28, 3):
            number = (errno.EIO, errno.ENOSPC)[n % 2]
            self.c.stop()
            if n > 14:  # with a copy to make first
                self.damage(self.c)
            env = dict(LD_PRELOAD=daemon.PROGRAMS['fault'], NI_FAULT_NTH=str(n), NI_FAULT_ERRNO=str(number), NI_FAULT_MODE='once',
                       ASAN_OPTIONS='verify_asan_link_order=0')
            before = len(self.c.log())
            os.environ.update(env)
            try:
                self.c.start()
            finally:
                for name in env:
                    del os.environ[name]
            self.edit(12, seed=n)
            until(lambda: status(self.c)['digest'] == status(self.m)['digest'])
            equal(self.m, self.c)
            failed += 'event=replica-away' in self.c.log()[before:] or 'event=store-reopen' in self.c.log()[before:]
        self.c.stop()
        check(self, self.c)
        self.assertGreater(failed, 3)

    def test_commands(self):
        """ni domain clone, replica, promote, demote."""
        ni = daemon.PROGRAMS['ni']

        def run(d, *words):
            return subprocess.run([ni, *words, '-s', d.socket], capture_output=True, text=True, timeout=120)
        self.edit(10)
        r = run(self.c, 'domain', 'clone', TAG, '--from', where(self.m), '--unlisted')
        self.assertEqual((r.returncode, r.stderr), (0, ''))
        equal(self.m, self.c)
        r = run(self.c, 'domain', 'clone', TAG, '--from', where(self.m), '--unlisted')
        self.assertEqual(r.returncode, 4)
        r = run(self.c, 'domain', 'replica', TAG)
        self.assertRegex(r.stdout, r'^network  clone of 127.0.0.1:\d+/network  following  seq=\d+\n$')
        r = run(self.c, 'domain', 'replica', '--json')
        self.assertIn('"kind": "follow"', r.stdout.replace('":"', '": "'))
        self.assertEqual(run(self.c, 'domain', 'promote', TAG).returncode, 2)  # no terminal, no --yes
        self.assertEqual(run(self.c, 'domain', 'promote', '--yes', TAG).returncode, 0)
        r = run(self.c, 'domain', 'promote', '--yes', TAG)
        self.assertEqual(r.returncode, 1)
        self.assertIn('its master already', r.stderr)
        r = run(self.m, 'domain', 'demote', '--yes', '--to', where(self.c), TAG)
        self.assertEqual((r.returncode, r.stderr), (0, ''))
        equal(self.c, self.m)
        self.assertIn('term=1', run(self.m, 'domain', 'replica', TAG).stdout)
        self.assertEqual(run(self.m, 'domain', 'clone', 'x').returncode, 2)
        self.assertEqual(run(self.m, 'domain', 'demote', '--yes', '--to', 'a b', TAG).returncode, 2)
        r = run(self.m, 'domain', 'clone', 'other', '--from', '127.0.0.1:1', '--wait', '1', '--unlisted')
        self.assertEqual(r.returncode, 6)
        self.assertIn('goes on trying', r.stderr)


def check(test, d):
    r = subprocess.run([daemon.PROGRAMS['ni'], 'store', 'check', os.path.join(d.folder, 'domains', TAG)],
                       capture_output=True, text=True, timeout=120)
    test.assertEqual(r.returncode, 0, r.stdout + r.stderr)


def entries(test, d, start=False):
    """The journal from the clone's first entry on, with what stood before."""
    if start:
        d.start()
    with d.admin() as c:
        return c.changes(TAG, seq=status(d)['seq'] - 50, flags=1)


if __name__ == '__main__':
    daemon.main()
