#!/usr/bin/env python3
"""ni find, mv, watch, log PATH, --at, backup and restore against a real netinfod.

usage: find.py netinfod=PATH ni=PATH [unittest options]
"""
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
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

    def test_secrets(self):
        self.ni('set', '/people/u00', 'passwd=!')
        self.assertEqual(['/people/u00'], self.lines('find', 'passwd=!'))  # as the superuser
        nobody = ['-s', f"127.0.0.1:{self.server.ready['binder_tcp']}/local"]
        self.assertIn('secret', self.ni('find', *nobody, 'passwd=!', code=DENIED).err)
        self.assertIn('secret', self.ni('find', *nobody, '!passwd=!', code=DENIED).err)
        self.assertEqual(10, len(self.lines('find', *nobody, '/people', 'passwd')))
        self.assertEqual(["/people/u00 passwd='*'"], self.lines('find', *nobody, 'uid=5000', '-p', 'passwd'))

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

    def test_property_without_values(self):
        self.ni('add', '/a', 'empty')
        added = [line for r in self.ni('log', '-1', '--json').json[0]['records'] for line in r['added']]
        self.assertIn({'name': 'empty', 'value': None}, added)

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


class Past(WithServer):
    """--at against a recorded sequence of states."""

    def state(self, c):
        """{object: (children in order, properties)} of all that is there."""
        states, todo = {}, [0]
        while todo:
            object = todo.pop()
            children = [o for o, _ in c.list(object)[1]]
            states[object] = (children, [(n.decode(), [v.decode() for v in vs]) for n, vs in c.read(object)[2]])
            todo += children
        return states

    @staticmethod
    def paths(state):
        found, todo = {}, [('', 0)]
        while todo:
            path, object = todo.pop()
            if found.setdefault(path or '/', object) != object:
                continue  # a sibling of the same name stands before it
            for child in reversed(state[object][0]):
                todo.append((f"{path}/{dict(state[child][1])['name'][0]}", child))
        return found

    def step(self, c, rnd, state, n):
        """One random change: its operations."""
        objects = list(state)
        some = rnd.choice(objects)
        below = {some}
        for _ in objects:
            below |= {o for b in below for o in state.get(b, ((), ()))[0]}
        kind = rnd.random()
        ref = rpc.u32(0, some, 0)
        if kind < 0.35 or len(objects) < 8:
            where = rnd.choice([0, 1, rpc.APPEND, rpc.APPEND])
            return [rpc.u32(1) + ref + rpc.proplist({'name': rnd.choice(['x', 'y', f'n{n}']), 'k': str(n)}) +
                    rpc.u32(where)]
        if kind < 0.6:
            key = rnd.choice(['name', 'k', 'z']) if some else 'z'
            value = rnd.choice(['x', 'y', f'm{n}'])
            return [rpc.u32(4) + ref + rpc.opaque(key) + rpc.namelist([value])]
        if kind < 0.85:
            targets = [o for o in objects if o not in below]
            if not some or not targets:
                return []
            target = rpc.u32(0, rnd.choice(targets), 0)
            ops = [rpc.u32(8) + ref + target + rpc.u32(rnd.choice([0, rpc.APPEND]))]
            if rnd.random() < 0.5:
                ops.append(rpc.u32(4) + ref + rpc.opaque('k') + rpc.namelist([f'moved{n}']))
            return ops
        if not some or len(below) > 6:
            return []
        ops = [rpc.u32(2) + ref + rpc.u32(1)]
        if rnd.random() < 0.3:  # within one change the number is taken again
            ops.append(c_op(0, {'name': f'again{n}', 'k': str(n)}))
        return ops

    def build(self, rnd, steps):
        states = {}
        with self.server.admin() as c:
            for n in range(steps):
                ops = self.step(c, rnd, self.state(c), n)
                if ops:
                    seq = edit(c, 'local', ops)
                    states[seq] = self.state(c)
        return states

    def compare(self, seq, state, rnd, samples=2):
        at = rnd.choice([str(seq), f'#{seq}'])
        paths = self.paths(state)
        for path in rnd.sample(sorted(paths), min(samples, len(paths))):
            object = paths[path]
            got = self.ni('get', '--json', '--at', at, path).json
            self.assertEqual((object, None, seq), (got['id'], got['instance'], got['at']), path)
            self.assertEqual([list(p) for p in state[object][1]],
                             [[p['name'], p['values']] for p in got['properties']])
            listed = self.ni('ls', '-l', '--json', '--at', at, path).json
            self.assertEqual(state[object][0], [child['id'] for child in listed['children']], (seq, path))
            for child in listed['children']:
                self.assertEqual([list(p) for p in state[child['id']][1]],
                                 [[p['name'], p['values']] for p in child['properties']])
        missing = '/nothing-of-the-kind'
        self.ni('get', '--at', at, missing, code=NOT_FOUND)

    def test_every_state(self):
        for seed in range(3):
            rnd = random.Random(seed)
            states = self.build(rnd, 120)
            for seq in rnd.sample(sorted(states), 40):
                self.compare(seq, states[seq], rnd)

    def test_while_others_write(self):
        rnd = random.Random(9)
        states = self.build(rnd, 60)
        stop, errors = threading.Event(), []

        def write():
            other = random.Random(10)
            try:
                with self.server.admin() as c:
                    for n in range(1000, 100000):
                        if stop.is_set():
                            return
                        ops = self.step(c, other, self.state(c), n)
                        if ops:
                            edit(c, 'local', ops)
            except Exception as e:  # noqa: BLE001: shown by the test
                errors.append(e)

        writer = threading.Thread(target=write)
        writer.start()
        try:
            for seq in rnd.sample(sorted(states), 25):
                self.compare(seq, states[seq], rnd)
        finally:
            stop.set()
            writer.join()
        self.assertEqual([], errors)

    def test_times(self):
        self.ni('add', '/a', 'k=1')
        first = self.ni('log', '-1', '--json').json[0]
        time.sleep(1.1)  # times are named in seconds
        self.ni('set', '/a', 'k=2')
        second = self.ni('log', '-1', '--json').json[0]
        self.ni('mv', '/a', '/b')
        for when, want in ((first['when'][:19] + 'Z', '1'), (first['when'][:19].replace('T', ' '), '1'),
                           (str(second['seq']), '2')):
            self.assertEqual(want + '\n', self.ni('get', '--at', when, '/a', 'k').out)
        self.assertEqual('2\n', self.ni('get', '--at', '0s', '/b', 'k').out)
        self.ni('get', '--at', '0s', '/a', code=NOT_FOUND)
        self.assertEqual(self.ni('ls').out, self.ni('ls', '--at', '0s').out)
        self.ni('get', '--at', '2001-02-03', '/a', code=NOT_FOUND)
        self.ni('get', '--at', '99999', '/a', code=NOT_FOUND)
        for nonsense in ('', 'yesterday', '2026-13-01', '5x', '2026-11-24 25:00'):
            self.ni('get', '--at', nonsense, '/a', code=USAGE)
        self.ni('rm', '/b')
        self.assertIn('k=2', self.ni('ls', '-l', '--at', str(second['seq']), '/').out)


def tool(*words, code=OK, **more):
    done = Answer(subprocess.run([daemon.PROGRAMS['ni'], *words], env=environment(), stdin=subprocess.DEVNULL,
                                 capture_output=True, timeout=120, **more))
    assert done.code == code, (words, done)
    return done


def content(folder):
    """What a store holds, but for its epoch."""
    assert 'sound' in tool('store', 'check', folder).out
    return [line for line in tool('store', 'dump', folder).out.splitlines() if not line.startswith('epoch ')]


def epoch(folder):
    return tool('store', 'stat', folder, '--json').json['epoch']


class Backup(WithServer):
    def setUp(self):
        super().setUp()
        self.folder = tempfile.mkdtemp(prefix='netinfo-backup-')
        self.addCleanup(shutil.rmtree, self.folder, True)
        self.file = os.path.join(self.folder, 'saved')
        self.domain = os.path.join(self.server.folder, 'domains', 'local')

    def fill(self, n=50):
        with self.server.admin() as c:
            for first in range(0, n, 25):
                edit(c, 'local', [c_op(0, {'name': f'd{first + i}', 'passwd': f'secret{i}', 'users': ['a', 'b']})
                                  for i in range(25)])
        for i in range(0, 6):
            self.ni('set', f'/d{i}', f'k={i}')
        number = self.ni('get', '--json', '/d7').json['id']
        self.ni('rm', '/d7')
        self.ni('mv', '/d8', '/d9')
        self.ni('set', '/d3', 'k=again')
        return number

    def test_there_and_back(self):
        number = self.fill()
        before, log = self.ni('ls', '-l', '--json').json, self.ni('log', '--all', '--json').out
        said = self.ni('backup', self.file).err
        self.assertIn('directories, changes #1 to #', said)
        self.assertEqual(0o600, os.stat(self.file).st_mode & 0o777)
        self.assertEqual(['saved'], os.listdir(self.folder))
        seen = tool('backup', '--verify', '--json', self.file).json
        self.assertEqual(('local', True, 1), (seen['tag'], seen['sound'], seen['first_seq']))
        self.assertIn('sound', tool('backup', '--verify', self.file).out)
        self.server.stop()
        other = os.path.join(self.folder, 'other')
        tool('restore', '--dir', other, self.file)
        made = os.path.join(other, 'domains', 'local')
        self.assertEqual(content(self.domain), content(made))
        self.assertNotEqual(epoch(self.domain), epoch(made))
        self.assertEqual(seen['epoch'], epoch(self.domain))
        shutil.rmtree(self.domain)
        shutil.move(made, self.domain)
        self.server.start()
        self.assertEqual(before, self.ni('ls', '-l', '--json').json)
        self.assertEqual(log, self.ni('log', '--all', '--json').out)
        self.assertIn('secret1', self.ni('get', '/d1', 'passwd').out)
        self.ni('get', '/d7', code=NOT_FOUND)
        self.ni('add', '/again')  # it gets the number of /d7, and goes on from its last instance
        made = self.ni('get', '--json', '/again').json
        self.assertEqual((number, 1), (made['id'], made['instance']))

    def test_exact_under_writers(self):
        self.fill(500)
        stop, errors = threading.Event(), []

        def write(number):
            try:
                with self.server.admin() as c:
                    for i in range(100000):
                        if stop.is_set():
                            return
                        object = self.target[(i * 7 + number) % len(self.target)]
                        ref = rpc.u32(0, object, 0)
                        edit(c, 'local', [rpc.u32(4) + ref + rpc.opaque('k') + rpc.namelist([f'{number}.{i}']),
                                          c_op(object, {'name': f'n{number}.{i}'})])
            except Exception as e:  # noqa: BLE001: shown by the test
                errors.append(e)

        with self.server.admin() as c:
            self.target = [c.lookup(0, 'name', f'd{i}')[1][0] for i in range(10, 60)]
        threads = [threading.Thread(target=write, args=(i,)) for i in range(3)]
        for t in threads:
            t.start()
        try:
            for i in range(4):
                self.ni('backup', f'{self.file}{i}')
                head = self.ni('status', '--json').json['seq']
                daemon.until(lambda: self.ni('status', '--json').json['seq'] > head)  # so that no two are of the same moment
        finally:
            stop.set()
            for t in threads:
                t.join()
        self.assertEqual([], errors)
        log = {e['seq']: e for e in self.ni('log', '--all', '--json').json}
        seqs = []
        for i in range(4):
            seen = tool('backup', '--verify', '--json', f'{self.file}{i}').json
            seqs.append(seen['seq'])
            tool('restore', '--dir', os.path.join(self.folder, f'other{i}'), f'{self.file}{i}')
            content(os.path.join(self.folder, f'other{i}', 'domains', 'local'))
        self.assertEqual(sorted(set(seqs)), seqs)
        self.server.stop()
        shutil.rmtree(self.domain)
        shutil.move(os.path.join(self.folder, 'other2', 'domains', 'local'), self.domain)
        self.server.start()
        restored = self.ni('log', '--all', '--json').json
        self.assertEqual([log[s] for s in range(seqs[2], 0, -1)], restored)

    def test_damage_is_found(self):
        self.fill()
        self.ni('backup', self.file)
        with open(self.file, 'rb') as f:
            whole = f.read()
        random.seed(4)
        bad = os.path.join(self.folder, 'bad')
        other = os.path.join(self.folder, 'other')
        for n in range(60):
            at = random.randrange(len(whole))
            broken = (whole[:at] if n % 3 == 0 else whole + b'\0' if n == 1 else
                      whole[:at] + bytes([whole[at] ^ 1 << random.randrange(8)]) + whole[at + 1:])
            with open(bad, 'wb') as f:
                f.write(broken)
            tool('backup', '--verify', bad, code=FAILED)
            if n % 10 < 2:
                tool('restore', '--dir', other, bad, code=FAILED)
                self.assertEqual(['.lock'], os.listdir(os.path.join(other, 'domains')))
        tool('backup', '--verify', self.file)
        tool('backup', '--verify', os.path.join(self.folder, 'none'), code=NOT_FOUND)

    def test_refusals(self):
        self.ni('backup', self.file)
        tool('restore', '--dir', self.server.folder, self.file, code=CONFLICT)  # it runs
        port = self.server.ready['binder_tcp']
        denied = tool('backup', '-s', f'127.0.0.1:{port}/local', self.file + '2', code=DENIED)
        self.assertIn('superuser', denied.err)
        self.assertFalse(os.path.exists(self.file + '2'))
        self.ni('backup', self.folder, code=FAILED)
        self.ni('backup', os.path.join(self.folder, 'no', 'folder'), code=FAILED)
        self.ni('backup', code=USAGE)
        self.ni('backup', '--json', self.file, code=USAGE)
        self.ni('add', '/later')
        self.server.stop()
        old = content(self.domain)
        done = tool('restore', '--dir', self.server.folder, self.file, code=CONFLICT)
        self.assertIn('--replace', done.err)
        self.assertEqual(old, content(self.domain))
        tool('restore', '--dir', self.server.folder, '-d', '../x', self.file, code=USAGE)
        tool('restore', '--dir', self.server.folder, '-d', 'two', self.file)
        tool('restore', '--dir', self.server.folder, '--replace', self.file)
        kept = os.path.join(self.server.folder, 'domains', '.destroyed')
        self.assertEqual(old, content(os.path.join(kept, os.listdir(kept)[0])))
        self.assertEqual(content(os.path.join(self.server.folder, 'domains', 'two')), content(self.domain))
        self.server.start()
        self.ni('get', '/later', code=NOT_FOUND)
        self.ni('get', '-d', 'two', '/machines')

    def killed(self, words, after):
        """kill -9 after so many seconds; True when it had ended by itself."""
        process = subprocess.Popen([daemon.PROGRAMS['ni'], *words], env=environment(self.server),
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            process.wait(after)
            return True
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            return False

    def test_killed_restore_loses_nothing(self):
        self.fill(2000)
        self.ni('backup', self.file)
        seen = tool('backup', '--verify', '--json', self.file).json
        self.ni('add', '/later')
        self.server.stop()
        old, old_epoch = content(self.domain), epoch(self.domain)
        domains = os.path.dirname(self.domain)
        words = ('restore', '--dir', self.server.folder, '--replace', self.file)
        probe = os.path.join(self.folder, 'probe')
        began = time.monotonic()
        tool('restore', '--dir', probe, self.file)
        takes = time.monotonic() - began
        new = content(os.path.join(probe, 'domains', 'local'))
        random.seed(5)
        kills = ends = replaced = rounds = 0
        while kills < 50 and rounds < 500:
            # Anywhere, and every other time near the end as we have learnt it: there folders change places.
            moment = takes * (random.uniform(0.0, 1.0) if rounds % 2 else random.uniform(0.9, 1.1))
            rounds += 1
            done = self.killed(words, moment)
            takes *= 0.97 if done else 1.01
            kills += not done
            ends += done
            self.assertIn('local', os.listdir(domains))
            now = content(self.domain)
            if epoch(self.domain) == old_epoch:
                self.assertFalse(done)
                self.assertEqual(old, now)
            else:
                replaced += 1
                self.assertEqual(new, now)
                kept = [os.path.join(domains, '.destroyed', d) for d in os.listdir(os.path.join(domains, '.destroyed'))]
                back = [d for d in kept if epoch(d) == old_epoch]
                self.assertEqual(1, len(back), 'the old domain is kept')
                self.assertEqual(old, content(back[0]))
                shutil.rmtree(self.domain)
                shutil.move(back[0], self.domain)
                shutil.rmtree(os.path.join(domains, '.destroyed'))
        self.assertGreaterEqual(kills, 50)
        self.server.start()
        self.assertEqual([], [d for d in os.listdir(domains) if d.startswith('.new.')])
        self.ni('get', '/later')
        self.assertEqual(seen['seq'] + 1, self.ni('log', '-1', '--json').json[0]['seq'])
        print(f'restore: {kills} killed, {ends} ended, {replaced} had replaced', file=sys.stderr)

    def test_killed_backup_leaves_the_old_file(self):
        self.fill(2000)
        self.ni('backup', self.file)
        began = time.monotonic()
        self.ni('backup', self.file)
        takes = time.monotonic() - began
        random.seed(6)
        kills = rounds = 0
        while kills < 20 and rounds < 400:
            rounds += 1
            done = self.killed(('backup', self.file), random.uniform(0, 1.1) * takes)
            takes *= 0.95 if done else 1.01
            kills += not done
            tool('backup', '--verify', self.file)
        self.assertGreaterEqual(kills, 20)
        self.assertLessEqual(len(os.listdir(self.folder)), 2)


if __name__ == '__main__':
    daemon.main()
