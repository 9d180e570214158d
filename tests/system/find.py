#!/usr/bin/env python3
"""ni find, mv, watch, log PATH, --at, backup and restore against a real netinfod.

usage: find.py netinfod=PATH ni=PATH [unittest options]
"""
import json
import os
import signal
import subprocess
import sys
import threading
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, 'lib'))
import daemon  # noqa: E402
import rpc  # noqa: E402

OK, FAILED, USAGE, NOT_FOUND, CONFLICT, DENIED, UNREACHABLE = range(7)


def environment(server=None):
    env = {k: v for k, v in os.environ.items() if not k.startswith('NETINFO_')}
    env.update(TZ='UTC')
    if server:
        env['NETINFO_SOCKET'] = server.socket
    return env


class Answer:
    def __init__(self, done):
        self.code = done.returncode
        self.out = done.stdout.decode('utf-8', 'surrogateescape')
        self.err = done.stderr.decode('utf-8', 'surrogateescape')

    def __repr__(self):
        return f'exit {self.code}\n{self.out}\n{self.err}'

    @property
    def json(self):
        return json.loads(self.out)


class WithServer(unittest.TestCase):
    options = ()
    redact = True

    def setUp(self):
        self.server = daemon.Daemon(*self.options, legacy=False, redact=self.redact)
        self.addCleanup(self.stop)

    def stop(self):
        if self.server.process.poll() is None:
            self.server.stop()
        self.server.remove()

    def ni(self, *words, code=OK):
        done = Answer(subprocess.run([daemon.PROGRAMS['ni'], *words], env=environment(self.server),
                                     stdin=subprocess.DEVNULL, capture_output=True, timeout=120))
        self.assertEqual(code, done.code, f'ni {words}: {done!r}')
        if code not in (OK, NOT_FOUND):
            self.assertTrue(done.err.startswith(f'ni {words[0]}: '), done.err)
        return done

    def lines(self, *words, **more):
        return self.ni(*words, **more).out.splitlines()


class Find(WithServer):
    def setUp(self):
        super().setUp()
        self.ni('add', '/people')
        for i in range(30):
            more = ['shell=/bin/bash'] if i % 3 else ['passwd=*']
            self.ni('add', f'/people/u{i:02}', f'uid={5000 + i}', f'realname=Ann Love {i}', *more)
        self.ni('add', '/people/u07/mail', 'address=a=b/c')
        self.ni('add', '/people/u07/mail/deep', 'shell=/bin/bash')

    def test_conditions(self):
        names = [f'/people/u{i:02}' for i in range(30)]
        self.assertEqual(['/people/u07'], self.lines('find', '/people', 'uid=5007'))
        self.assertEqual(['/people/u07'], self.lines('find', 'uid=5007'))
        self.assertEqual([n for i, n in enumerate(names) if i % 3],
                         [p for p in self.lines('find', '/people', 'shell') if 'mail' not in p])
        self.assertEqual([n for i, n in enumerate(names) if i % 3 == 0],
                         self.lines('find', '--depth', '1', '/people', '!shell'))
        self.assertEqual(names[10:20], self.lines('find', '/people', 'name^=u1'))
        self.assertEqual(['/people/u12'], self.lines('find', '/people', 'realname~=Love 12'))
        self.assertEqual(names[11:20], self.lines('find', '/people', 'name^=u1', 'uid!=5010'))
        self.assertEqual(names[:10] + names[20:], self.lines('find', '--depth', '1', '/people', '!name^=u1'))
        self.assertEqual(['/people/u07/mail'], self.lines('find', 'address=a=b/c'))
        self.assertEqual(['/people/u07/mail/deep'], self.lines('find', '/people/u07', 'shell=/bin/bash'))
        self.assertEqual([], self.lines('find', '--depth', '1', '/people/u07', 'shell=/bin/bash', code=NOT_FOUND))

    def test_output(self):
        self.assertEqual(["/people/u01 uid=5001 realname='Ann Love 1'"],
                         self.lines('find', 'uid=5001', '-p', 'uid', '-p', 'realname'))
        self.assertEqual(["/people/u01 name=u01 uid=5001 realname='Ann Love 1' shell=/bin/bash"],
                         self.lines('find', 'uid=5001', '-l'))
        found = self.ni('find', '--json', '/people', 'name^=u0').json
        self.assertEqual([f'/people/u{i:02}' for i in range(10)], [h['path'] for h in found])
        self.assertEqual(['name', 'uid', 'realname', 'shell'], [p['name'] for p in found[1]['properties']])
        self.assertEqual(str(found[1]['id']), self.lines('ls', '/people')[1].split()[0])
        self.assertEqual([], self.ni('find', '--json', 'uid=1', code=NOT_FOUND).json)

    def test_pages(self):
        every = self.lines('find', '/people')
        self.assertEqual(32, len(every))
        self.assertEqual(every[:7], self.lines('find', '-n', '7', '/people'))
        with self.server.admin() as c:  # many small directories: more than one page of hits
            _, people, _ = c.lookup(0, 'name', 'people')
            for first in range(0, 70000, 1000):
                ops = [c_op(people[0], {'name': f'x{first + i}', 'k': str((first + i) % 1000)}) for i in range(1000)]
                edit(c, 'local', ops)
        found = self.lines('find', '/people', 'k=7')
        self.assertEqual([f'/people/x{i}' for i in range(7, 70000, 1000)], found)

    def test_mistakes(self):
        self.assertIn('did you mean /people?', self.ni('find', '/peopel', 'uid', code=NOT_FOUND).err)
        self.ni('find', '=5', code=USAGE)
        self.ni('find', '/people', '/people', code=USAGE)
        self.ni('find', '--depth', '0', code=USAGE)
        self.ni('find', '-n', 'x', code=USAGE)
        self.ni('find', *['a=b'] * 17, code=USAGE)
        self.assertIn('did you mean --depth', self.ni('find', '--detph', '1', code=USAGE).err)


def c_op(parent, props):
    """CREATE of EDIT, appended."""
    return rpc.u32(1, 0, parent, 0) + rpc.proplist(props) + rpc.u32(rpc.APPEND)


def edit(c, tag, ops, what='test'):
    r = c.rpc(rpc.EXT, 4, rpc.opaque(tag) + rpc.opaque(what) + rpc.u32(len(ops)) + b''.join(ops))
    status = r.u32()
    assert status == rpc.OK, (status, r.u32())
    return r.u64()


class Move(WithServer):
    def setUp(self):
        super().setUp()
        for path in ('/a', '/a/one', '/a/one/below', '/a/two', '/b'):
            self.ni('add', path)

    def id(self, path):
        return self.ni('get', '--json', path).json['id']

    def test_move(self):
        one, below = self.id('/a/one'), self.id('/a/one/below')
        self.ni('mv', '/a/one', '/b')
        self.assertEqual((one, below), (self.id('/b/one'), self.id('/b/one/below')))
        self.ni('get', '/a/one', code=NOT_FOUND)
        self.assertEqual(['moved'], [r['kind'] for r in self.ni('log', '-1', '--json').json[0]['records']
                                     if r['kind'] != 'touched'])

    def test_rename(self):
        two = self.id('/a/two')
        self.ni('set', '/a/two', 'name=two', 'name=zwei')
        self.ni('mv', '/a/two', '/a/deux')
        self.assertEqual(two, self.id('/a/deux'))
        self.assertEqual('deux\nzwei\n', self.ni('get', '/a/deux', 'name').out)
        self.ni('mv', '/a/deux', '/b/one')  # both at once: one change
        self.assertEqual(two, self.id('/b/one'))
        self.assertEqual({'moved', 'changed'}, {r['kind'] for r in self.ni('log', '-1', '--json').json[0]['records']
                                                if r['kind'] != 'touched'})

    def test_refusals(self):
        self.ni('add', '/b/one')
        self.assertIn('exists already', self.ni('mv', '/a/one', '/b', code=CONFLICT).err)
        self.assertIn('below /a/one itself', self.ni('mv', '/a/one', '/a/one/below', code=CONFLICT).err)
        self.assertIn('where it is already', self.ni('mv', '/a/one', '/a', code=CONFLICT).err)
        self.assertIn('where it is already', self.ni('mv', '/a/one', '/a/one', code=CONFLICT).err)
        self.ni('mv', '/', '/a', code=USAGE)
        self.ni('mv', '/a', code=USAGE)
        self.ni('mv', '/a/one', '/nowhere/one', code=NOT_FOUND)
        self.assertIn('did you mean', self.ni('mv', '/a/ones', '/b', code=NOT_FOUND).err)
        self.assertEqual(['/a', '/a/one', '/a/one/below', '/a/two', '/b', '/b/one'],
                         [p for p in self.lines('find') if p.startswith(('/a', '/b'))])


class Watch(WithServer):
    def watch(self, *words):
        """A running `ni watch --json`; begun: it has said where it begins, which --from makes exact."""
        process = subprocess.Popen([daemon.PROGRAMS['ni'], 'watch', '--json', *words], env=environment(self.server),
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(self.end, process)
        return process

    @staticmethod
    def end(process):
        if process.poll() is None:
            process.kill()
        process.communicate()

    def head(self):
        with self.server.admin() as c:
            r = c.rpc(rpc.EXT, 1, rpc.opaque('local'))
            self.assertEqual(rpc.OK, r.u32())
            r.take(16), r.u64(), r.u32()
            return r.u64()

    def test_everything_once_in_order_under_four_writers(self):
        for i in range(4):
            self.ni('add', f'/w{i}')
        first = self.head() + 1
        process = self.watch('--from', str(first), '-n', '800')
        wrote = [[] for _ in range(4)]

        def write(number):
            with self.server.admin() as c:
                parent = c.lookup(0, 'name', f'w{number}')[1][0]
                for i in range(200):
                    wrote[number].append(edit(c, 'local', [c_op(parent, {'name': f'n{i}'})], what=f'{number}.{i}'))

        threads = [threading.Thread(target=write, args=(i,)) for i in range(4)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        out, err = process.communicate(timeout=60)
        self.assertEqual(0, process.returncode, err)
        seen = [json.loads(line) for line in out.splitlines()]
        self.assertEqual(list(range(first, first + 800)), [e['seq'] for e in seen])
        self.assertEqual(sorted(sum(wrote, [])), [e['seq'] for e in seen])
        for number in range(4):
            mine = [e for e in seen if e['what'].startswith(f'{number}.')]
            self.assertEqual(wrote[number], [e['seq'] for e in mine])
            self.assertEqual([f'/w{number}/n{i}' for i in range(200)],
                             [r['path'] for e in mine for r in e['records'] if r['kind'] == 'created'])

    def test_path_and_moves(self):
        first = self.head() + 1
        for words in (('add', '/a'), ('add', '/a/x'), ('add', '/b'), ('add', '/b/y'), ('mv', '/a/x', '/b'),
                      ('mv', '/b', '/a'), ('set', '/a/b/x', 'k=1'), ('rm', '/a/b/y'), ('mv', '/a/b/x', '/a/b/z')):
            self.ni(*words)
        want = [('created', '/a', None), ('created', '/a/x', None), ('moved', '/b/x', '/a/x'), ('moved', '/a/b', '/b'),
                ('changed', '/a/b/x', None), ('destroyed', '/a/b/y', None), ('changed', '/a/b/z', '/a/b/x')]
        process = self.watch('--from', str(first), '-n', '7', '/a')
        out, err = process.communicate(timeout=60)
        self.assertEqual(0, process.returncode, err)

        def told(entries):
            return [(r['kind'], r['path'], r.get('was')) for e in entries for r in e['records']
                    if r['kind'] != 'touched']
        self.assertEqual(want, told([json.loads(line) for line in out.splitlines()]))
        back = self.ni('log', '--all', '--json', '/a').json
        self.assertEqual(want, told(reversed(back)))
        self.assertEqual([('created', '/b/y', None)], told(self.ni('log', '--all', '--json', '/b/y').json))
        text = self.ni('log', '--all', '/a/x').out
        self.assertIn('moved /b/x (was /a/x)', text)
        self.assertIn('created /a/x', text)

    def test_interrupt_and_restart(self):
        process = self.watch('--from', '1')
        first = json.loads(process.stdout.readline())
        self.assertEqual(1, first['seq'])
        head = self.head()
        for _ in range(2, head + 1):
            process.stdout.readline()
        self.server.stop()
        self.server.start()
        self.ni('add', '/later')
        self.assertEqual(head + 1, json.loads(process.stdout.readline())['seq'])
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
        self.assertEqual((0, b'', b''), (process.returncode, out, err))

    def test_mistakes(self):
        self.ni('watch', '--from', '0', code=USAGE)
        self.ni('watch', '-n', '0', code=USAGE)
        self.ni('watch', '/a', '/b', code=USAGE)
        self.assertIn('the journal holds', self.ni('watch', '--from', '1000', code=CONFLICT).err)


if __name__ == '__main__':
    daemon.main()
