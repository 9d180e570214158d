"""The historical pair (doc/protocol.md 5, doc/replication.md 6, 7): our master with a clone of the 1990s played by the test, our clone
with a master of the 1990s, and our own two with each other. The checksum is compared after every pushed call."""
import os
import random
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../lib'))
import daemon  # noqa: E402
import fleet  # noqa: E402
import old_clone  # noqa: E402
import old_server  # noqa: E402
import rpc  # noqa: E402
from daemon import until  # noqa: E402
from sized import sized  # noqa: E402

OK, TAG = rpc.OK, 'network'
STEPS = sized(60, 120, 1200, 'NI_TEST_STEPS')
READ = ('-o', 'legacy_read_networks=10.9.0.0/24')
QUICK = 'update_latency', ['1']


def show(d):
    with d.admin() as c:
        return c.replica(TAG)[1]


def checksum(d):
    with d.admin() as c:
        return c.status(TAG)['checksum']


class Writer:
    """Random calls of version 2 at a master; the checksum after each that was accepted."""

    def __init__(self, c, seed):
        self.c, self.random, self.sums, self.calls = c, random.Random(seed), [], []
        self.dirs = {0: c.root()[1]}

    def refresh(self, o):
        status, id = self.c.self_(o)
        if status == OK:
            self.dirs[o] = id
        else:
            self.dirs.pop(o, None)

    def one(self):
        r, c = self.random, self.c
        o = r.choice(list(self.dirs))
        id, kind = self.dirs[o], r.randrange(9)
        status = None
        if kind < 3 or (kind == 3 and len(self.dirs) < 4):
            status, child, _ = c.create(id, [('name', ['d%d' % r.randrange(30)]), ('uid', ['1', '2'])], r.choice([0, 1, rpc.APPEND]))
            if status == OK:
                self.dirs[child[0]] = child
        elif kind == 3:
            child = r.choice([d for d in self.dirs if d])
            parent = c.parent(child)[1]
            status = c.destroy(c.self_(parent)[1], self.dirs[child])[0]
            self.refresh(child)
            if parent in self.dirs:
                self.refresh(parent)
        elif kind == 4:
            status = c.write(id, [('name', ['w']), ('x', [])])[0]
        elif kind == 5:
            status = c.createprop(id, 'p%d' % r.randrange(5), ['a', 'b'], r.choice([0, rpc.APPEND]))[0]
        elif kind == 6:
            status = c.writeprop(id, 0, ['v%d' % r.randrange(9)])[0]
        elif kind == 7:
            status = c.createname(id, 0, 'n', 0)[0]
        else:
            status = r.choice([lambda: c.renameprop(id, 0, 'name')[0], lambda: c.writename(id, 0, 0, 'z')[0],
                               lambda: c.destroyname(id, 0, 0)[0]])()
        self.refresh(o)
        if status == OK:
            with_sum = self.c.statistics(rpc.auth_unix('checksum'))
            self.sums.append(int(dict(with_sum)[b'checksum'][0]))
        return status


@unittest.skipIf(fleet.missing(), fleet.missing())
class OldCloneOfOurs(unittest.TestCase):
    """Our master; the clone is tests/lib/old_clone.py."""

    def setUp(self):
        self.f = fleet.Fleet()
        self.addCleanup(lambda: self.f.close(show=False))
        self.alpha, self.beta = self.f.host('alpha', '10.9.0.1'), self.f.host('beta', '10.9.0.2')
        self.m = self.alpha.daemon(*READ, '-o', 'historical_clones=yes', redact=False)
        with self.m.admin() as a:
            self.assertEqual(a.createmaster(TAG), OK)
        with self.m.admin(TAG) as c:
            self.assertEqual(c.createprop(c.root()[1], *QUICK)[0], OK)
        self.old = old_clone.OldClone(self.beta, '10.9.0.1', TAG)
        self.addCleanup(self.old.close)

    def list_in(self):
        with self.m.admin(TAG) as c:
            machines = c.lookup(0, 'name', 'machines')[1][0]
            status = c.create(c.self_(machines)[1], [('name', ['beta']), ('ip_address', ['10.9.0.2']), ('serves', ['./' + TAG])])[0]
        self.assertEqual(status, OK)

    def in_step(self):
        with self.m.admin() as c:
            pushed = c.replica(TAG)[1]['pushed']
        return pushed and pushed[0]['state'] == 'in-step' and pushed[0]['behind'] == 0

    def equal(self):
        until(lambda: self.old.tree.checksum == checksum(self.m))
        until(self.in_step)
        with self.m.admin(TAG) as c:
            theirs = old_clone.Tree(c.readall()[3])
        self.assertEqual(self.old.tree.dirs, theirs.dirs)

    def test_every_call(self):
        self.list_in()  # is itself pushed, or read: nothing else has to happen
        self.equal()
        transfers = self.old.transfers
        with self.m.admin(TAG) as c:
            w = Writer(c, 11)
            del self.old.sums[:], self.old.pushed[:]
            for _ in range(STEPS):
                w.one()
        until(lambda: len(self.old.sums) >= len(w.sums))
        self.assertEqual(self.old.sums, w.sums)  # the checksum after every call
        self.assertEqual([s for _, s in self.old.pushed], [OK] * len(w.sums))
        self.equal()
        self.assertEqual(self.old.transfers, transfers)
        self.assertTrue(all(p < 1024 for p in self.old.ports_seen))

    def test_edits_too(self):
        """EDIT is told in calls of version 2; moving cannot be told, and costs a transfer."""
        self.list_in()
        self.equal()
        transfers = self.old.transfers
        with self.m.admin() as c:
            ref = rpc.ref
            status, _, ids = c.edit(TAG, [rpc.op_create(ref(0), [('name', ['a'])]), rpc.op_create(ref(op=0), [('name', ['b'])]),
                                          rpc.op_set(ref(op=1), 'shell', ['/bin/sh'])])
            self.assertEqual(status, OK)
            self.equal()
            self.assertEqual(c.edit(TAG, [rpc.u32(2) + ref(ids[0][0]) + rpc.u32(1)])[0], OK)  # recursive
            self.equal()
            self.assertEqual(self.old.transfers, transfers, self.old.pushed)
            status, _, ids = c.edit(TAG, [rpc.op_create(ref(0), [('name', ['c'])]), rpc.op_create(ref(0), [('name', ['d'])])])
            self.assertEqual(c.edit(TAG, [rpc.u32(8) + ref(ids[0][0]) + ref(ids[1][0]) + rpc.u32(0)])[0], OK)
            self.equal()
            self.assertGreater(self.old.transfers, transfers)

    def test_refusals_restarts_and_resync(self):
        self.list_in()
        self.equal()
        self.old.refuse = 1
        with self.m.admin(TAG) as c:
            w = Writer(c, 5)
            for _ in range(20):
                w.one()
        self.equal()  # told, and read again
        crashed = self.old.crashed
        self.m.stop()
        self.m.start()
        until(lambda: self.old.crashed > crashed)  # at the start of the master
        self.equal()
        with self.m.admin(TAG) as c:
            w = Writer(c, 6)
            for _ in range(20):
                w.one()
            before = self.old.resyncs
            self.assertEqual(c.resync(), OK)
        until(lambda: self.old.resyncs > before)
        self.equal()
        self.f.cut(self.beta)
        with self.m.admin(TAG) as c:
            w = Writer(c, 7)
            for _ in range(20):
                self.assertNotEqual(w.one(), rpc.MASTERBUSY)  # never (decision 7)
        self.f.heal(self.beta)
        self.equal()
        with self.m.admin(TAG) as c:
            figures = dict(c.statistics())
        self.assertEqual(figures[b'tag'], [TAG.encode(), b'master', b'1'])
        self.assertEqual(figures[b'notify_threads'][0], b'1')
        self.assertEqual(figures[b'notifications_pending'], [b'0'])


class OurCloneOfOld(unittest.TestCase):
    """A server that knows nothing of ours (tests/lib/old_server.py), and calls that the test pushes as such a master does."""

    def setUp(self):
        self.m = daemon.Daemon('-o', 'historical_clones=yes', redact=False)
        self.addCleanup(self.m.__exit__, None)
        self.c = daemon.Daemon(host='beta', redact=False)
        self.addCleanup(self.c.__exit__, None)
        with self.m.admin() as a:
            self.assertEqual(a.createmaster(TAG), OK)
        self.old = old_server.OldServer(self.m.tcp)
        self.addCleanup(self.old.close)
        with self.m.admin(TAG) as c:
            w = Writer(c, 1)
            for _ in range(30):
                w.one()

    def clone(self, flags=0):
        with self.c.admin() as a:
            self.assertEqual(a.replica(TAG, 1, '127.0.0.1:%d/%s' % (self.old.port, TAG), flags)[0], OK)
        self.equal()
        self.assertEqual(show(self.c)['kind'], 2)  # it was found out

    def equal(self):
        until(lambda: checksum(self.c) == checksum(self.m))
        until(lambda: show(self.c)['state'] == 'following')
        with self.m.admin(TAG) as m, self.c.admin(TAG) as c:
            self.assertEqual(old_clone.Tree(m.readall()[3]).dirs, tree_of(c))

    def change_master(self, n, seed):
        with self.m.admin(TAG) as c:
            w = Writer(c, seed)
            for _ in range(n):
                w.one()

    def test_first_transfer_and_crashed(self):
        self.clone()
        self.change_master(20, 2)
        with self.c.conn(TAG) as c:
            c.ni('crashed', rpc.u32(checksum(self.c)))  # equal: nothing to do
            self.assertNotEqual(checksum(self.c), checksum(self.m))
            c.ni('crashed', rpc.u32(checksum(self.m)))
        self.equal()
        self.change_master(20, 3)
        with self.c.conn(TAG) as c:
            self.assertEqual(c.resync(), OK)  # from anyone
        self.equal()
        self.c.stop()
        self.change_master(5, 4)
        self.c.start()  # a check at the start
        self.equal()
        with self.c.admin(TAG) as c:
            self.assertEqual(c.create(c.root()[1], [('name', ['x'])])[0], rpc.RDONLY)
            self.assertEqual(dict(c.statistics())[b'tag'], [TAG.encode(), b'clone'])

    @unittest.skipUnless(os.geteuid() == 0, 'a master calls from ports of root')
    def test_pushed_calls(self):
        """Executed one by one as they come; the master's checksum after each. Numbers that are used again start at 0."""
        self.clone()
        with self.m.admin(TAG) as m, rpc.Conn(self.c.tcp, reserved=True) as push:
            self.assertEqual(push.select(TAG), OK)
            mirror, w = Mirror(push), Writer(m, 9)
            w.c = Both(m, mirror)
            for _ in range(STEPS):
                if w.one() == OK:
                    self.assertEqual(checksum(self.c), w.sums[-1])
        self.assertTrue(mirror.calls)
        self.equal()
        self.assertEqual(self.c.log().count('event=replica-copied'), 1)

    @unittest.skipUnless(os.geteuid() == 0, 'a master calls from ports of root')
    def test_who_may_push(self):
        self.clone()
        with self.c.conn(TAG) as c:  # the address, but no port of root's
            self.assertEqual(c.create(c.root()[1], [('name', ['x'])])[0], rpc.RDONLY)
        with rpc.Conn(self.c.tcp, reserved=True) as c:
            self.assertEqual(c.select(TAG), OK)
            self.assertEqual(c.create(c.root()[1], [('name', ['x'])], cred=rpc.auth_unix('', 0))[0], rpc.RDONLY)
            # what does not fit is refused, and makes it read everything
            copied = self.c.log().count('event=replica-copied')
            self.assertEqual(c.create((0, 99999), [('name', ['x'])])[0], rpc.STALE)
            self.assertEqual(c.create(c.root()[1], [('name', ['x'])], target=(0, 0))[0], rpc.ALIVE)
            self.assertEqual(c.create(c.root()[1], [('name', ['y'])], target=(700, 0))[:2], (OK, (700, 0)))  # honoured
            c.ni('crashed', rpc.u32(1))
        until(lambda: self.c.log().count('event=replica-copied') > copied)
        self.equal()

    def test_lies_are_not_swapped_in(self):
        """A transfer that contradicts itself: what is there stays, and the reason is told."""
        self.clone()
        before = checksum(self.c)
        objects = None
        with self.m.admin(TAG) as m:
            _, total, _, objects = m.readall()

        def reply(sum, objects):
            body = rpc.u32(OK, sum, 99)
            for id, props, parent, children in objects:
                body += rpc.u32(1, *id) + rpc.proplist(props) + rpc.u32(parent, len(children), *children)
            return body + rpc.u32(0)
        child = next(o for o in objects if o[0][0])
        lies = {
            'checksum': reply(total + 1, objects),
            'no root': reply(total - objects[0][0][1], objects[1:]),
            'in two': reply(total + 2 * (child[0][0] + 1) * child[0][1] - (child[0][0] + 1) * child[0][1], objects + [child]),
            'contradict': reply(total, [(o[0], o[1], o[2] if o is not child else child[0][0] + 1, o[3]) for o in objects]),
            'decode': reply(total, objects)[:-8],
        }
        for what, body in lies.items():
            with self.subTest(what):
                self.old.instead = {25: body}
                with self.c.conn(TAG) as c:
                    c.resync()
                until(lambda: show(self.c)['state'] == 'away' and show(self.c)['reason'])
                self.assertEqual(checksum(self.c), before)
                if what == 'checksum':
                    self.old.instead = {25: rpc.u32(rpc.MASTERBUSY)}
                    until(lambda: 'busy' in show(self.c)['reason'])
                self.old.instead = {}
                self.change_master(2, len(what))
                with self.c.conn(TAG) as c:
                    c.resync()
                self.equal()
                before = checksum(self.c)


class Mirror:
    """Pushes what a writer did to its master, as the master would have received it."""

    def __init__(self, c):
        self.c, self.calls = c, 0


class Both:
    """The master's connection; every call that is accepted is pushed at once."""

    def __init__(self, master, mirror):
        self.master, self.mirror = master, mirror

    def __getattr__(self, name):
        real = getattr(self.master, name)
        if name not in ('create', 'destroy', 'write', 'createprop', 'destroyprop', 'renameprop', 'writeprop', 'createname',
                        'destroyname', 'writename'):
            return real

        def call(*args):
            result = real(*args)
            if result[0] == OK:
                more = {'target': result[1]} if name == 'create' else {}
                pushed = getattr(self.mirror.c, name)(*args, **more)
                assert pushed == result, (name, args, pushed, result)
                self.mirror.calls += 1
            return result
        return call


def tree_of(c):
    """A clone does not answer READALL: by its other reads."""
    out, todo = {}, [(0, 0)]
    while todo:
        o, parent = todo.pop()
        _, id, props = c.read(o)
        children = c.children(o)[1]
        out[o] = [id[1], parent, list(children), [(k, list(v)) for k, v in props]]
        todo += [(k, o) for k in children]
    return out


@unittest.skipIf(fleet.missing(), fleet.missing())
class OurPair(unittest.TestCase):
    """Our master and our clone, both as in the 1990s."""

    def test_in_step(self):
        with fleet.Fleet() as f:
            alpha, beta = f.host('alpha', '10.9.0.1'), f.host('beta', '10.9.0.2')
            m = alpha.daemon(*READ, '-o', 'historical_clones=yes', redact=True)
            c = beta.daemon(*READ, redact=True)
            with m.admin() as a:
                self.assertEqual(a.createmaster(TAG), OK)
            with m.admin(TAG) as a:
                self.assertEqual(a.createprop(a.root()[1], *QUICK)[0], OK)
                machines = a.lookup(0, 'name', 'machines')[1][0]
                self.assertEqual(a.create(a.self_(machines)[1], [('name', ['beta']), ('ip_address', ['10.9.0.2']),
                                                                 ('serves', ['./' + TAG])])[0], OK)
            r = beta.ni('domain', 'clone', TAG, '--from', '10.9.0.1', '--historical', '--unlisted')
            self.assertEqual(r.returncode, 0, r.stderr)
            until(lambda: checksum(m) == checksum(c))
            until(lambda: [p['state'] for p in show(m)['pushed']] == ['in-step'])
            with m.admin(TAG) as a:
                w = Writer(a, 21)
                for k in range(STEPS // 2):
                    w.one()
                    a.edit(TAG, [rpc.op_create(rpc.ref(0), [('name', ['e%d' % k]), ('passwd', ['secret'])])])
            until(lambda: checksum(m) == checksum(c))
            with m.admin(TAG) as a, c.admin(TAG) as b:
                self.assertEqual(old_clone.Tree(a.readall()[3]).dirs, tree_of(b))
            self.assertEqual(c.log().count('event=replica-copied'), 1)
            r = alpha.ni('domain', 'replica', TAG)
            self.assertIn('pushed to 10.9.0.2/network  in-step  behind=0', r.stdout)


if __name__ == '__main__':
    daemon.main()
