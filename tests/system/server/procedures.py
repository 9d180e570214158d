#!/usr/bin/env python3
"""Every procedure of the three programs on a live netinfod: results and statuses of doc/protocol.md 2.4 - 2.9 and of
doc/extension-program.md."""
import os
import select
import socket
import sys
import threading
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', 'lib'))
import daemon  # noqa: E402
import ports  # noqa: E402
import rpc  # noqa: E402
from rpc import OK  # noqa: E402


class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.d = daemon.Daemon()
        with cls.d.admin() as c:
            assert c.createmaster('network') == OK

    @classmethod
    def tearDownClass(cls):
        cls.d.__exit__(None, None, None)

    def setUp(self):
        self.c = self.d.admin('network')

    def tearDown(self):
        self.c.close()

    def make(self, props, parent=0):
        status, child, _ = self.c.create(self.c.self_(parent)[1], props)
        self.assertEqual(status, OK)
        return child


class Reads(Case):
    def test_root_self_parent(self):
        status, root = self.c.root()
        self.assertEqual((status, root[0]), (OK, 0))
        self.assertEqual(self.c.self_(0, 99), (OK, root))  # the instance of the argument is ignored
        self.assertEqual(self.c.parent(2)[:2], (OK, 1))
        self.assertEqual(self.c.parent(0)[:2], (OK, 0))
        self.assertEqual(self.c.self_(4711)[0], rpc.NODIR)

    def test_self_versions(self):
        """2.7: the two pseudo objects."""
        child = self.make({'name': 'versioned'})
        version = self.c.self_(0xFFFFFFFE, child[0])[1][1]
        self.assertEqual(self.c.self_(0xFFFFFFFE, child[0]), (OK, (child[0], version)))
        self.assertEqual(self.c.self_(0xFFFFFFFE, 99999)[1][1], 0xFFFFFFFF)
        self.assertEqual(self.c.self_(0xFFFFFFFF, 0x7FFFFFFF)[0], rpc.NODIR)
        status, newest = self.c.self_(0xFFFFFFFF, 0xFFFFFFFF)
        self.assertEqual((status, newest[1]), (OK, version))

    def test_read_children_list(self):
        top = self.make({'name': 'reading'})
        a = self.make({'name': ['a', 'alias'], 'x': []}, top[0])
        b = self.make([('y', ['1'])], top[0])
        self.assertEqual(self.c.read(a[0])[2], [(b'name', [b'a', b'alias']), (b'x', [])])
        self.assertEqual(self.c.children(top[0])[1], [a[0], b[0]])
        self.assertEqual(self.c.list(top[0])[1], [(a[0], [b'a', b'alias']), (b[0], None)])
        self.assertEqual(self.c.list(top[0], 'x')[1], [(a[0], None), (b[0], None)])  # no values: absent, always
        self.assertEqual(self.c.listall(top[0])[2], [[(b'name', [b'a', b'alias']), (b'x', [])], [(b'y', [b'1'])]])
        for got in (self.c.read(4711), self.c.children(4711), self.c.list(4711), self.c.listall(4711)):
            self.assertEqual(got[0], rpc.NODIR)

    def test_lookups(self):
        top = self.make({'name': 'looking'})
        first = self.make([('name', ['one']), ('colour', ['red', 'blue'])], top[0])
        second = self.make([('name', ['two']), ('colour', ['blue']), ('name', ['one'])], top[0])
        searched = self.c.self_(top[0])[1]
        self.assertEqual(self.c.lookup(top[0], 'colour', 'blue'), (OK, [first[0], second[0]], searched))
        self.assertEqual(self.c.lookup(top[0], 'name', 'one')[1], [first[0]])  # only the first property of a name
        self.assertEqual(self.c.lookupread(top[0], 'colour', 'blue'),
                         (OK, searched, [(b'name', [b'one']), (b'colour', [b'red', b'blue'])]))
        self.assertEqual(self.c.lookup(top[0], 'colour', 'green')[0], rpc.NODIR)
        self.assertEqual(self.c.lookupread(top[0], 'taste', 'sweet')[0], rpc.NODIR)

    def test_properties_by_index(self):
        d = self.make([('name', ['p']), ('x', ['1', '2'])])
        self.assertEqual(self.c.listprops(d[0])[1], [b'name', b'x'])
        self.assertEqual(self.c.readprop(d[0], 1)[1], [b'1', b'2'])
        self.assertEqual(self.c.readname(d[0], 1, 1)[2], b'2')
        self.assertEqual(self.c.readprop(d[0], 2)[0], rpc.NOPROP)
        self.assertEqual(self.c.readname(d[0], 2, 0)[0], rpc.NOPROP)
        self.assertEqual(self.c.readname(d[0], 1, 2)[0], rpc.NONAME)

    def test_statistics_rows(self):
        """2.8: names and order; real counters; the digest behind them."""
        with self.d.conn('network') as c:
            before = dict(c.statistics())
            for _ in range(7):
                c.root()
            rows = c.statistics()
        names = [n.decode() for n, _ in rows]
        head = ('checksum server_version tag ip_address hostname domain_servers write_locked notify_threads '
                'notifications_pending authentications readall_proxies cleanup_wait total_calls binding '
                'connections').split()
        self.assertEqual(names, head + rpc.NI_PROCS + ['digest'])
        after = dict(rows)
        self.assertEqual(int(after[b'root'][1]) - int(before[b'root'][1]), 7)
        self.assertEqual([int(v[0]) for n, v in rows[len(head):-1]], list(range(29)))
        self.assertEqual(int(after[b'total_calls'][0]), sum(int(v[1]) for n, v in rows[len(head):-1]))
        self.assertEqual(after[b'tag'], [b'network', b'master', b'0'])
        self.assertEqual(after[b'domain_servers'], [b'10.0.0.1/network'])
        self.assertEqual(after[b'binding'], [b'root'])
        self.assertEqual(int(after[b'checksum'][0]), self.c.status('network')['checksum'])

    def test_control(self):
        self.c.ping()
        self.assertEqual(self.c.rparent(), rpc.NETROOT)
        self.assertEqual(self.c.resync(), OK)
        self.c.ni('crashed', rpc.u32(17)).end()
        with self.assertRaises(rpc.RpcError) as e:
            self.c.ni('bind', rpc.opaque('local') + rpc.u32(0x01020304))
        self.assertEqual((e.exception.kind, e.exception.numbers), ('accepted', (rpc.SYSTEM_ERR,)))

    def test_readall_is_the_whole_domain(self):
        self.make({'name': 'whole'})
        status, checksum, highest, objects = self.c.readall(0)
        self.assertEqual(status, OK)
        self.assertEqual(checksum, sum((o[0][0] + 1) * o[0][1] for o in objects) & 0xFFFFFFFF)
        self.assertEqual(highest, max(o[0][0] for o in objects))
        by_id = {o[0][0]: o for o in objects}
        order = []

        def walk(object):
            order.append(object)
            for child in by_id[object][3]:
                self.assertEqual(by_id[child][2], object)
                walk(child)
        walk(0)
        self.assertEqual(order, [o[0][0] for o in objects])  # depth first, children in order
        for id, props, _, _ in objects:
            self.assertEqual(self.c.read(id[0])[2], props)
        self.assertEqual(self.c.readall(checksum)[1], 0)

    def test_long_lists_leave_the_loop_and_come_back_in_order(self):
        """More children than LIMIT_LONG_READ: answered from another thread, in the order of the calls."""
        top = self.make({'name': 'many'})[0]
        n, step = 2600, 650
        for at in range(0, n, step):
            ops = [rpc.op_create(rpc.ref(top), {'name': 'c%d' % i, 'kind': 'x'}) for i in range(at, at + step)]
            self.assertEqual(self.c.edit('network', ops)[0], OK)
        for call in ('children', 'list', 'root', 'listall', 'lookup', 'root'):
            args = {'children': rpc.u32(top, 0), 'list': rpc.u32(top, 0) + rpc.opaque('name'), 'root': b'',
                    'listall': rpc.u32(top, 0), 'lookup': rpc.u32(top, 0) + rpc.opaque('kind') + rpc.opaque('x')}
            self.c.send_call(rpc.NI, rpc.NI_PROCS.index(call), args[call])
        first = self.c.xid - 5
        replies = [rpc.result_of(self.c.recv_record(), first + i) for i in range(6)]
        self.assertEqual([r.u32() for r in replies], [OK] * 6)
        children = replies[0].list(replies[0].u32)
        self.assertEqual(len(children), n)
        entries = replies[1].list(lambda: (replies[1].u32(), replies[1].u32(), replies[1].namelist()))
        self.assertEqual([e[0] for e in entries], children)
        self.assertEqual([e[2] for e in entries], [[b'c%d' % i] for i in range(n)])
        replies[3].id()
        self.assertEqual(len(replies[3].list(replies[3].proplist)), n)
        self.assertEqual(replies[4].list(replies[4].u32), children)

    def test_large_transfer_through_a_file(self):
        """More than one piece of READALL: several fragments, exactly the domain; a slow reader does not stop
        others."""
        top = self.make({'name': 'large'})[0]
        for i in range(40):
            self.assertEqual(self.c.edit('network', [rpc.op_create(rpc.ref(top), {'name': 'l%d' % i, 'blob': 'x' * 65000})])[0],
                             OK)
        with self.d.conn('network') as slow:
            slow.send_call(rpc.NI, rpc.NI_PROCS.index('readall'), rpc.u32(0))
            slow.send_call(rpc.NI, rpc.NI_PROCS.index('root'))
            status, child, _ = self.c.create(self.c.self_(top)[1], {'name': 'meanwhile'})  # never MASTERBUSY
            self.assertEqual(status, OK)
            r = rpc.result_of(slow.recv_record())
            self.assertEqual(r.u32(), OK)
            checksum, _, objects = r.u32(), r.u32(), []
            while r.u32():
                objects.append((r.id(), r.proplist(), r.u32(), r.list(r.u32)))
            r.end()
            self.assertEqual(checksum, sum((o[0][0] + 1) * o[0][1] for o in objects) & 0xFFFFFFFF)
            self.assertGreaterEqual(sum(len(p[1][1][0]) for _, p, _, _ in objects if len(p) > 1 and p[1][0] == b'blob'),
                                    40 * 65000)
            self.assertEqual(rpc.result_of(slow.recv_record()).u32(), OK)  # what was asked behind it


class Writes(Case):
    def test_statuses_of_create_and_destroy(self):
        top = self.make({'name': 'writing'})
        self.assertEqual(self.c.create((4711, 0), {})[0], rpc.NODIR)
        self.assertEqual(self.c.create((top[0], 7), {})[0], rpc.STALE)
        status, child, parent = self.c.create(top, {'name': 'a'}, target=(500, 0))  # the wish is not heard
        self.assertEqual((status, parent), (OK, (top[0], top[1] + 1)))
        self.assertNotEqual(child[0], 500)
        self.assertEqual(self.c.destroy((0, self.c.root()[1][1]), parent)[0], rpc.NOTEMPTY)
        self.assertEqual(self.c.destroy((0, self.c.root()[1][1]), child)[0], rpc.UNRELATED)
        self.assertEqual(self.c.destroy(parent, (child[0], 3))[0], rpc.STALE)
        self.assertEqual(self.c.destroy((top[0], 0), child)[0], rpc.STALE)
        self.assertEqual(self.c.destroy(parent, (4711, 0))[0], rpc.NODIR)
        self.assertEqual(self.c.destroy(parent, child), (OK, (top[0], top[1] + 2)))
        self.assertEqual(self.c.read(child[0])[0], rpc.NODIR)

    def test_where(self):
        top = self.make({'name': 'where'})
        a = self.c.create(top, {'name': 'a'})
        b = self.c.create(a[2], {'name': 'b'}, where=0)
        c = self.c.create(b[2], {'name': 'c'}, where=1)
        d = self.c.create(c[2], {'name': 'd'}, where=77)
        self.assertEqual(self.c.children(top[0])[1], [b[1][0], c[1][0], a[1][0], d[1][0]])

    def test_properties_and_values(self):
        id = self.make([('name', ['v']), ('x', ['1'])])
        steps = [
            (self.c.createprop, ('y', ['a', 'b'], 1), [('name', ['v']), ('y', ['a', 'b']), ('x', ['1'])]),
            (self.c.renameprop, (1, 'z'), [('name', ['v']), ('z', ['a', 'b']), ('x', ['1'])]),
            (self.c.writeprop, (2, ['2', '3']), [('name', ['v']), ('z', ['a', 'b']), ('x', ['2', '3'])]),
            (self.c.createname, (1, 'c', 1), [('name', ['v']), ('z', ['a', 'c', 'b']), ('x', ['2', '3'])]),
            (self.c.writename, (1, 0, 'A'), [('name', ['v']), ('z', ['A', 'c', 'b']), ('x', ['2', '3'])]),
            (self.c.destroyname, (1, 1), [('name', ['v']), ('z', ['A', 'b']), ('x', ['2', '3'])]),
            (self.c.destroyprop, (0,), [('z', ['A', 'b']), ('x', ['2', '3'])]),
            (self.c.write, ([('name', ['v']), ('q', [])],), [('name', ['v']), ('q', [])]),
        ]
        for call, args, expected in steps:
            with self.subTest(call.__name__):
                self.assertEqual(call((id[0], id[1] + 1), *args)[0], rpc.STALE)
                status, id = call(id, *args)
                self.assertEqual(status, OK)
                expected = [(rpc.b(n), [rpc.b(v) for v in values]) for n, values in expected]
                self.assertEqual(self.c.read(id[0]), (OK, id, expected))
        self.assertEqual(id[1], len(steps))
        for call, args, status in ((self.c.destroyprop, (2,), rpc.NOPROP), (self.c.renameprop, (2, 'n'), rpc.NOPROP),
                                   (self.c.writeprop, (2, []), rpc.NOPROP), (self.c.createname, (2, 'n'), rpc.NOPROP),
                                   (self.c.destroyname, (1, 0), rpc.NONAME), (self.c.writename, (1, 0, 'n'), rpc.NONAME),
                                   (self.c.destroyname, (2, 0), rpc.NOPROP)):
            self.assertEqual(call(id, *args)[0], status)
            self.assertEqual(call((4711, 0), *args)[0], rpc.NODIR)
        self.assertEqual(self.c.self_(id[0])[1], id)  # nothing of the refused calls stands

    def test_a_refusal_undoes_only_itself(self):
        """Sixteen clients write at once, every third call is stale: each gets its own status."""
        top = self.make({'name': 'batch'})[0]
        ids = [self.make({'name': 'w%d' % i, 'n': '0'}, top) for i in range(16)]
        failures = []

        def work(i):
            with self.d.admin('network') as c:
                id = ids[i]
                for n in range(1, 31):
                    stale = n % 3 == 0
                    status, new = c.writeprop((id[0], id[1] + 5) if stale else id, 1, ['%d' % n])
                    if status != (rpc.STALE if stale else OK):
                        failures.append((i, n, status))
                    id = new or id
                ids[i] = id
        threads = [threading.Thread(target=work, args=(i,)) for i in range(16)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual(failures, [])
        for i in range(16):
            self.assertEqual(ids[i][1], 20)
            self.assertEqual(self.c.read(ids[i][0])[1:], (ids[i], [(b'name', [b'w%d' % i]), (b'n', [b'29'])]))

    def test_journal_says_who_and_what(self):
        self.make({'name': 'logged'})
        entry = self.c.changes('network', 0, flags=2, most=1)['entries'][0]
        self.assertEqual((entry['who'], entry['what']), (b'superuser', b'create'))
        self.assertRegex(entry['from'].decode(), r'^unix uid %d pid %d$' % (os.getuid(), os.getpid()))


class Extension(Case):
    def test_status_counts(self):
        before = self.c.status('network')
        self.make({'name': 'counted'})
        after = self.c.status('network')
        self.assertEqual(after['seq'], before['seq'] + 1)
        self.assertEqual(after['directories'], before['directories'] + 1)
        self.assertEqual(after['you'], b'superuser')
        self.assertNotEqual(after['digest'], before['digest'])
        self.assertEqual(self.c.status('nothing')['status'], rpc.NOTAG)

    def test_null_and_unknown(self):
        self.c.ext('null').end()
        for proc in (9, 15, 20, 31, 1000):
            with self.assertRaises(rpc.RpcError) as e:
                self.c.rpc(rpc.EXT, proc, rpc.opaque('network'))
            self.assertEqual(e.exception.numbers, (rpc.PROC_UNAVAIL,))
        with self.assertRaises(rpc.RpcError) as e:  # LOGIN: a password is for inside TLS only
            self.c.rpc(rpc.EXT, 16, rpc.opaque('network') + rpc.opaque('ada') + rpc.opaque('secret'))
        self.assertEqual((e.exception.kind, e.exception.numbers), ('denied', (1, rpc.TOOWEAK)))
        with self.assertRaises(rpc.RpcError) as e:
            self.c.ext('status', b'')
        self.assertEqual(e.exception.numbers, (rpc.GARBAGE_ARGS,))

    def test_select(self):
        self.assertEqual(self.c.select('local'), OK)
        self.assertEqual(self.c.read(0)[2], [(b'master', [b'alpha/local'])])
        self.assertEqual(self.c.select('nothing'), rpc.NOTAG)
        self.assertEqual(self.c.read(0)[2], [(b'master', [b'alpha/local'])])  # as it was
        self.assertEqual(self.c.select('network'), OK)
        self.assertEqual(self.c.read(0)[2], [(b'master', [b'alpha/network'])])

    def test_edit_is_all_or_nothing(self):
        before = self.c.status('network')
        bad = [rpc.op_create(rpc.ref(0), {'name': 'half'}), rpc.op_set(rpc.ref(4711), 'x', ['1'])]
        self.assertEqual(self.c.edit('network', bad), (rpc.NODIR, 1))
        self.assertEqual(self.c.status('network')['digest'], before['digest'])
        good = [rpc.op_create(rpc.ref(0), {'name': 'whole'}), rpc.op_create(rpc.ref(op=0), {'name': 'below'})]
        status, seq, ids = self.c.edit('network', good, 'a test')
        self.assertEqual((status, seq), (OK, before['seq'] + 1))
        self.assertEqual(self.c.parent(ids[1][0])[1], ids[0][0])
        self.assertEqual(self.c.changes('network', before['seq'])['entries'][0]['what'], b'a test')
        self.assertEqual(self.c.edit('nothing', good)[0], rpc.NOTAG)

    def test_snapshot_pages(self):
        first = self.c.snapshot('network', max_bytes=1)
        nodes, at = first['nodes'], first
        while at['more']:
            at = self.c.snapshot('network', at['next'], first['epoch'], 1)
            nodes += at['nodes']
        self.assertEqual(len(nodes), self.c.status('network')['directories'])
        self.assertEqual(self.c.snapshot('network', 0, first['epoch'] ^ 1)['status'], rpc.TAKE_SNAPSHOT)

    def test_search_pages(self):
        top = self.make({'name': 'searched'})[0]
        n = 300
        self.assertEqual(self.c.edit('network', [rpc.op_create(rpc.ref(top), {'name': 's%d' % i, 'shell': '/bin/%s' % ('zsh', 'sh')[i % 2]})
                                                 for i in range(n)])[0], OK)
        found, page = [], {'more': 1, 'cursor': (), 'epoch': 0}
        while page['more']:
            page = self.c.search('network', top, [(3, 'shell', '/bin/z', 0)], wanted=['name'], most=100,
                                 epoch=page['epoch'], cursor=page['cursor'])
            self.assertEqual(page['status'], OK)
            found += page['hits']
        self.assertEqual([h['props'] for h in found], [[(b'name', [b's%d' % i])] for i in range(0, n, 2)])
        self.assertEqual(found[1]['path'], b'/searched/s2')
        self.assertEqual(self.c.search('network', 4711)['status'], rpc.NODIR)
        self.assertEqual(self.c.search('nothing', 0)['status'], rpc.NOTAG)

    def test_history(self):
        id = self.make([('name', ['past']), ('n', ['0'])])
        first = self.c.status('network')['seq']
        for i in range(1, 4):
            status, id = self.c.writeprop(id, 1, [str(i)])
        got = self.c.history('network', id[0])
        self.assertEqual([e['seq'] for e in got['entries']], [first + 3, first + 2, first + 1, first])
        self.assertEqual([e['records'][0]['after'][1][1] for e in got['entries']], [[b'3'], [b'2'], [b'1'], [b'0']])
        then = self.c.history('network', id[0], kind=2, at=first + 1)
        self.assertEqual((then['props'], then['until']), ([(b'name', [b'past']), (b'n', [b'1'])], first + 2))
        self.assertEqual(self.c.history('network', id[0], kind=2, at=first - 1)['status'], rpc.NODIR)

    def test_changes_wakes_when_something_happens(self):
        seq = self.c.status('network')['seq']
        with self.d.conn() as w:
            xid = w.send_call(rpc.EXT, 2, rpc.changes_args('network', seq, wait_ms=30000))
            w.ping()  # others overtake it; it was looked at before them
            second = w.changes('network', seq, wait_ms=30000)  # one may wait; the second is answered at once
            self.assertEqual((second['status'], second['entries']), (OK, []))
            child = self.make({'name': 'news'})
            got = rpc.changes_result(rpc.result_of(w.recv_record(), xid))
            self.assertEqual([e['seq'] for e in got['entries']], [seq + 1])
            self.assertIn(child[0], [r['object'] for r in got['entries'][0]['records']])

    def test_changes_waits_no_longer_than_asked(self):
        seq = self.c.status('network')['seq']
        self.assertEqual(self.c.changes('network', seq, wait_ms=1)['entries'], [])
        self.assertEqual(self.c.changes('network', seq + 10)['status'], rpc.TAKE_SNAPSHOT)
        self.assertEqual(self.c.changes('network', 0, epoch=12345)['status'], rpc.TAKE_SNAPSHOT)

    def test_many_followers_see_every_change_once(self):
        start = self.c.status('network')['seq']
        n, seen = 60, [[] for _ in range(6)]

        def follow(i):
            with self.d.conn() as w:
                at = start
                while at < start + n:
                    got = w.changes('network', at, wait_ms=30000)
                    seen[i] += [e['seq'] for e in got['entries']]
                    at = seen[i][-1] if seen[i] else at
        threads = [threading.Thread(target=follow, args=(i,)) for i in range(6)]
        for t in threads:
            t.start()
        for i in range(n):
            self.make({'name': 'f%d' % i})
        for t in threads:
            t.join()
        for one in seen:
            self.assertEqual(one, list(range(start + 1, start + n + 1)))


class Binder(Case):
    def test_ping_and_lists(self):
        self.c.binder('ping').end()
        status, regs = self.c.listreg()
        self.assertEqual([r[0] for r in regs][:2], [b'local', b'network'])
        self.assertEqual(self.c.getregister('network')[1:], regs[1][1:])
        self.assertEqual(self.c.getregister('nothing')[0], rpc.NOTAG)

    def test_create_and_destroy(self):
        self.assertEqual(self.c.createmaster('second'), OK)
        self.assertEqual(self.c.createmaster('second'), rpc.DUPTAG)
        _, udp, tcp = self.c.getregister('second')
        with rpc.Conn(('127.0.0.1', tcp)) as c:
            self.assertEqual(c.root(), (OK, (0, 3)))
            self.assertEqual(c.read(2)[2], [(b'name', [b'alpha']), (b'ip_address', [b'10.0.0.1']),
                                            (b'serves', [b'./second'])])
            waiting = self.d.conn()
            xid = waiting.send_call(rpc.EXT, 2, rpc.changes_args('second', 1, wait_ms=30000))
            waiting.ping()
            self.assertEqual(self.c.destroydomain('second'), OK)
            self.assertEqual(rpc.result_of(waiting.recv_record(), xid).u32(), rpc.NOTAG)
            waiting.close()
            with self.assertRaises((rpc.Closed, ConnectionError)):
                c.root()
        with self.assertRaises(ConnectionRefusedError):
            rpc.Conn(('127.0.0.1', tcp))
        self.assertEqual(self.c.destroydomain('second'), rpc.NOTAG)
        self.assertEqual(self.c.getregister('second')[0], rpc.NOTAG)
        kept = os.listdir(os.path.join(self.d.folder, 'domains', '.destroyed'))
        self.assertEqual([k.rsplit('.', 1)[0] for k in kept], ['second'])
        self.assertEqual(self.c.createmaster('second'), OK)  # and once more
        self.assertEqual(self.c.destroydomain('second'), OK)

    def test_bad_tags(self):
        for tag in ('', '.', '..', '../x', 'a/b', '-x', '.hidden', 'a\nb', 'x' * 65):
            with self.subTest(tag):
                self.assertEqual(self.c.createmaster(tag), rpc.SYSTEMERR)
                self.assertEqual(self.c.register(tag, 1, 2), rpc.SYSTEMERR)

    def test_createclone(self):
        """protocol.md 6.5: until its first copy it names its master and no more; nobody is there to be copied."""
        args = rpc.opaque('copy') + rpc.opaque('beta') + rpc.u32(0x7F000001) + rpc.opaque('nothing')
        self.assertEqual(self.c.binder('createclone', args).u32(), OK)
        self.assertEqual(self.c.binder('createclone', args).u32(), rpc.DUPTAG)
        with self.d.admin('copy') as c:
            self.assertEqual(c.read(0)[2], [(b'master', [b'beta/nothing'])])
            _, hits, _ = c.lookup(0, 'name', 'machines')
            _, hosts, _ = c.lookup(hits[0], 'name', 'beta')
            self.assertEqual(dict(c.read(hosts[0])[2]),
                             {b'name': [b'beta'], b'ip_address': [b'127.0.0.1'], b'serves': [b'./nothing']})
            self.assertEqual(dict(c.statistics())[b'tag'], [b'copy', b'clone'])
            self.assertEqual(c.write(c.root()[1], [])[0], rpc.RDONLY)
            status, shown = c.replica('copy')
            self.assertEqual((status, shown['role'], shown['where']), (OK, 1, '127.0.0.1/nothing'))
        with self.d.conn() as stranger:  # a password-less stranger may look, but neither learn where, nor change it
            self.assertEqual(stranger.replica('network')[0], OK)
        bad = rpc.opaque('copy2') + rpc.opaque('beta') + rpc.u32(0x7F000001) + rpc.opaque('no/tag')
        self.assertEqual(self.c.binder('createclone', bad).u32(), rpc.SYSTEMERR)
        self.assertEqual(self.c.destroydomain('copy'), OK)

    def test_foreign_registrations(self):
        dead, other = ports.free(), ports.free()
        self.assertEqual(self.c.register('theirs', dead, other), OK)
        self.assertEqual(self.c.getregister('theirs')[0], rpc.NORESPONSE)  # nobody is alive there
        self.assertEqual(self.c.register('theirs', other, dead), OK)
        self.assertIn((b'theirs', other, dead), self.c.listreg()[1])
        self.assertEqual(self.c.register('network', 1, 2), rpc.DUPTAG)  # ours is not to be taken over
        self.assertEqual(self.c.unregister('network'), rpc.PERM)
        self.assertEqual(self.c.createmaster('theirs'), rpc.DUPTAG)
        self.assertEqual(self.c.destroydomain('theirs'), rpc.PERM)
        self.assertEqual(self.c.unregister('theirs'), OK)
        self.assertEqual(self.c.unregister('theirs'), OK)  # even if unknown
        self.assertEqual(self.c.getregister('theirs')[0], rpc.NOTAG)

    def udp(self, proc, args):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.settimeout(30)
            s.sendto(rpc.call(5, rpc.BINDER, proc, args), self.d.udp)
            return rpc.result_of(s.recv(9000), 5)

    def test_foreign_servers_are_asked(self):
        """protocol.md 2.9, 4.4: NI_PING before GETREGISTER, NI_BIND for NIBIND_BIND; and nobody else waits."""
        seen = []

        def answer(s):
            while True:
                data, who = s.recvfrom(9000)
                if not data:
                    return
                r = rpc.Reader(data)
                xid, _, _, program, version, proc = (r.u32() for _ in range(6))
                seen.append((who[0], program, version, proc, data[40:]))
                if proc == 24 and b'silent' in data:
                    continue
                s.sendto(rpc.u32(xid ^ 1, 1, 0, 0, 0, 0), who)  # a stranger's number comes first
                s.sendto(rpc.u32(xid, 1, 0, 0, 0, 5 if b'refused' in data else 0), who)

        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.bind(('127.0.0.1', 0))
            thread = threading.Thread(target=answer, args=(s,), daemon=True)
            thread.start()
            port = s.getsockname()[1]
            self.assertEqual(self.c.register('theirs', port, 701), OK)
            self.assertEqual(self.c.getregister('theirs'), (OK, port, 701))
            self.assertEqual(seen[-1], ('127.0.0.1', rpc.NI, 2, 0, b''))
            r = self.udp(3, rpc.opaque('theirs'))
            self.assertEqual((r.u32(), r.u32(), r.u32()), (OK, port, 701))

            def bind(child):
                return rpc.u32(0x0A000007) + rpc.opaque(child) + rpc.opaque('theirs')
            self.c.binder('bind', bind('local')).end()
            self.assertEqual(seen[-1], ('127.0.0.1', rpc.NI, 2, 24, rpc.opaque('local') + rpc.u32(0x0A000007)))
            self.udp(8, bind('local')).end()
            for ask in (lambda a: self.c.binder('bind', a), lambda a: self.udp(8, a)):
                with self.assertRaises(rpc.RpcError) as no:
                    ask(bind('refused'))
                self.assertEqual(no.exception.numbers, (rpc.SYSTEM_ERR,))

            def others_are_answered():
                """How often, at both doors, while one waits for a server that says nothing: for two seconds, of which others
                on this machine may take a part. If they waited, too, it would be once at most."""
                with self.d.admin() as slow:
                    del seen[:]
                    slow.send_call(rpc.BINDER, 8, bind('silent'))
                    daemon.until(lambda: any(b'silent' in body for *_, body in seen))
                    n = 0
                    while n < 20 and not select.select([slow.sock], [], [], 0)[0]:
                        self.udp(0, b'').end()
                        self.c.binder('ping').end()
                        n += 1
                    with self.assertRaises(rpc.RpcError):
                        rpc.result_of(slow.recv_record())
                return n
            daemon.until(lambda: others_are_answered() == 20)
            self.assertEqual(self.c.unregister('theirs'), OK)
            s.sendto(b'', ('127.0.0.1', port))
            thread.join(10)

    def test_aliases(self):
        """protocol.md 6.6: another tag for some clients."""
        status, udp, tcp = self.c.getregister('network')
        self.assertEqual(status, OK)
        root = self.c.root()[1]
        for prop in (('alias_name', ['lab']), ('alias_addrs', ['rubbish', '10.1.0.0/255.255.0.0', '127.0.0.1&255.0.0.255'])):
            status, root = self.c.createprop(root, *prop)[:2]
            self.assertEqual(status, OK)
        try:
            self.make({'name': 'child', 'ip_address': ['10.1.0.9', '10.2.0.9'], 'serves': ['child/local']}, 1)
            with self.d.conn() as here:  # by TCP from 127.0.0.1
                self.assertEqual(here.getregister('lab'), (OK, udp, tcp))
                self.assertEqual(here.getregister('other')[0], rpc.NOTAG)
            r = self.udp(3, rpc.opaque('lab'))
            self.assertEqual((r.u32(), r.u32(), r.u32()), (OK, udp, tcp))
            # BIND goes by the address in its argument
            self.c.binder('bind', rpc.u32(0x0A010009) + rpc.opaque('local') + rpc.opaque('lab')).end()
            with self.assertRaises(rpc.RpcError):
                self.c.binder('bind', rpc.u32(0x0A020009) + rpc.opaque('local') + rpc.opaque('lab'))
            self.assertNotIn(b'lab', [tag for tag, *_ in self.c.listreg()[1]])
        finally:
            for _ in range(2):
                root = self.c.root()[1]
                names = self.c.listprops(0)[1]
                self.c.destroyprop(root, [n.startswith(b'alias_') for n in names].index(True))
        self.assertEqual(self.c.getregister('lab')[0], rpc.NOTAG)

    def test_listreg_is_cut_at_32(self):
        for i in range(64):
            self.assertEqual(self.c.register('f%d' % i, i, i), OK)
        self.assertEqual(self.c.register('one-more', 1, 1), rpc.NOSPACE)
        self.assertEqual(len(self.c.listreg()[1]), 32)
        for i in range(64):
            self.assertEqual(self.c.unregister('f%d' % i), OK)

    def test_bind_over_tcp(self):
        self.make({'name': 'child', 'ip_address': ['10.0.0.9', '10.0.0.10'], 'serves': ['child/local', 'x/other']}, 1)
        ok = rpc.opaque('local') + rpc.u32(0x0A00000A)
        self.c.ni('bind', ok).end()
        self.c.binder('bind', rpc.u32(0x0A000009) + rpc.opaque('other') + rpc.opaque('network')).end()
        for args in (rpc.opaque('network') + rpc.u32(0x0A000001),  # "./network" is no child
                     rpc.opaque('locale') + rpc.u32(0x0A000009)):
            with self.assertRaises(rpc.RpcError) as e:
                self.c.ni('bind', args)
            self.assertEqual(e.exception.numbers, (rpc.SYSTEM_ERR,))


if __name__ == '__main__':
    daemon.main()
