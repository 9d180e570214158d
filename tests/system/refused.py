#!/usr/bin/env python3
"""The n-th allocation, open, map, sync or write is refused, for all n of a scenario (tests/lib/refuse.c): a clear refusal or a right
answer, never a crash, never something acknowledged that is lost; and what comes next is served.

usage: refused.py netinfod=PATH ni=PATH agent=PATH nss=PATH check=PATH refuse=PATH
NETINFO_TEST_LENGTH=quick, long, or NETINFO_REFUSE_POINTS: so many n of each kind and scenario (5); 0, and long, is all."""
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
import daemon  # noqa: E402
import rpc  # noqa: E402
from rpc import OK  # noqa: E402
from sized import sized  # noqa: E402

POINTS = sized(2, 5, 0, 'NETINFO_REFUSE_POINTS')
NOT_FOUND = 3  # exit status of ni
NAMES = ('NI_REFUSE', 'NI_REFUSE_BELOW', 'NI_REFUSE_COUNT', 'LD_PRELOAD')


def points(total):
    """All n up to total, or some of them: another choice each time, spread over all."""
    if POINTS == 0 or total <= POINTS:
        return list(range(1, total + 1))
    return sorted({1 + int((i + random.random()) * total / POINTS) for i in range(POINTS)})


class Refusing:
    """Programs that are started inside are refused the n-th call of that kind."""

    def __init__(self, kind, n, below=None, count=None):
        self.env = {'NI_REFUSE': '%s:%d' % (kind, n), 'LD_PRELOAD': daemon.PROGRAMS['refuse'],
                    **({'NI_REFUSE_BELOW': below} if below else {}), **({'NI_REFUSE_COUNT': count} if count else {})}

    def __enter__(self):
        os.environ.update(self.env)

    def __exit__(self, *_):
        for name in NAMES:
            os.environ.pop(name, None)


class Case(unittest.TestCase):
    every = False

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix='netinfo-refused-')
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.count = os.path.join(self.folder, 'count')

    def counted(self):
        with open(self.count, encoding='ascii') as f:
            return int(f.read())

    def sweep(self, kind, once, below=None):
        """once(n): the scenario; n 0 counts its calls."""
        once(kind, 0)
        total = self.counted()
        chosen = range(1, total + 1) if self.every else points(total)
        for n in chosen:
            with self.subTest(kind=kind, n=n):
                once(kind, n)
        print('%s %s: %d of %d points' % (type(self).__name__, kind, len(chosen), total), flush=True)
        self.assertGreater(total, 0)


class Server(Case):
    def daemon(self):
        return daemon.Daemon(folder=self.folder, legacy=False, listen='127.0.0.1:0')

    def setUp(self):
        super().setUp()
        self.number = 0
        self.acked = []
        with self.daemon() as d:
            with d.admin() as c:
                self.assertEqual(c.createmaster('network'), OK)

    def ask(self, d, call):
        """What a call gives on a connection of its own; None when it is refused by closing, or by an RPC error."""
        try:
            with rpc.Conn(d.socket) as c:
                self.assertEqual(c.select('network'), OK)
                return call(c)
        except (rpc.Closed, rpc.RpcError, ConnectionError, AssertionError):
            return None

    def create(self, d):
        self.number += 1
        name = b'c%d' % self.number
        got = self.ask(d, lambda c: c.create(c.root()[1], {'name': name})[0])
        if got == OK:
            self.acked.append(name)
        return got

    def calls(self, d):
        self.create(d)
        top = self.ask(d, lambda c: [e[1][0] for e in c.list(0)[1] or ()])
        if top is not None and top != []:
            self.assertTrue(set(self.acked) <= set(top), 'an acknowledged directory is not seen')
        self.ask(d, lambda c: c.lookup(0, 'name', 'machines'))
        self.ask(d, lambda c: c.statistics())
        self.ask(d, lambda c: c.readall(0))
        self.ask(d, lambda c: c.snapshot('network'))
        self.ask(d, lambda c: c.edit('network', [rpc.op_create(rpc.ref(1), {'name': 'e%d' % self.number})]))
        self.ask(d, lambda c: (c.createmaster('extra'), c.destroydomain('extra')))
        self.create(d)

    def served_again(self, d):
        """One refusal may still be to come; the next call is answered. A domain that could not be opened is, after a reload."""
        d.process.send_signal(signal.SIGHUP)
        for _ in range(50):
            if self.create(d) == OK:
                return True
            time.sleep(0.1)
        return False

    def once(self, kind, n):
        log_at = 0
        d = None
        with Refusing(kind, n, count=self.count):
            try:
                d = self.daemon()
            except RuntimeError as e:  # it did not start: then it says so, and ends in order
                self.assertIn('event=start-failed', str(e).rsplit('event=ready', 1)[-1])
        if d:
            try:
                log_at = len(d.log())
                self.calls(d)
                self.assertTrue(self.served_again(d), d.log()[log_at:])
                d.process.terminate()
                self.assertIn(d.process.wait(60), (0, 1), d.log()[-3000:])
            finally:
                if d.process.poll() is None:
                    d.kill()
        for tag in ('local', 'network'):
            done = subprocess.run([daemon.PROGRAMS['check'], os.path.join(self.folder, 'domains', tag)], capture_output=True, text=True,
                                  check=False)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        with self.daemon() as d:
            with d.admin('network') as c:
                self.assertTrue(set(self.acked) <= {e[1][0] for e in c.list(0)[1] if e[1]})

    def test_allocations(self):
        self.sweep('alloc', self.once)

    def test_opens(self):
        self.sweep('open', self.once)

    def test_maps(self):
        self.sweep('map', self.once)

    def test_syncs(self):
        self.sweep('sync', self.once)

    def test_writes(self):
        self.sweep('write', self.once)


class Import(Case):
    """ni import of a few users, new ones and others with another shell: all is as it says when it says so; repeated it is complete."""
    every = True  # its points are few, and each is quick

    def test_all(self):
        file, before = (os.path.join(self.folder, name) for name in ('passwd', 'before'))
        text = {path: ''.join('p%d:*:%d:100::/home/p%d:/bin/%s\n' % (i, 5000 + i, i, shell) for i in range(20))
                for path, shell in ((file, 'zsh'), (before, 'sh'))}
        for path, lines in text.items():
            with open(path, 'w', encoding='ascii') as f:
                f.write(lines)
        with daemon.Daemon(legacy=False) as d:
            env = {'NETINFO_SOCKET': d.socket}

            def ni(*words):
                return subprocess.run([daemon.PROGRAMS['ni'], *words], env={**os.environ, **env}, capture_output=True, text=True,
                                      timeout=60, check=False)

            def must(*words):
                done = ni(*words)
                self.assertEqual(done.returncode, 0, (words, done.stderr))
                return done.stdout

            def once(kind, n):
                with Refusing(kind, n, count=self.count):
                    done = ni('import', 'passwd', file)
                if done.returncode != 0:
                    self.assertGreater(done.returncode, 0, 'it crashed')
                    self.assertNotEqual(done.stderr, '')
                    must('import', 'passwd', file)
                self.assertEqual(must('export', 'passwd'), text[file].replace('*', 'x'), done.stderr)

            def new(kind, n):
                self.assertIn(ni('rm', '-r', '--yes', '/users').returncode, (0, NOT_FOUND))
                once(kind, n)

            def changed(kind, n):
                must('import', 'passwd', before)
                once(kind, n)
            for scenario in (new, changed):
                for kind in ('alloc', 'open'):
                    self.sweep(kind, scenario)


class Reads(Case):
    """What ni prints for want of memory is not called complete."""

    def test_all(self):
        with daemon.Daemon(legacy=False) as d:
            env = {'NETINFO_SOCKET': d.socket}

            def ni(*words, stdin=''):
                return subprocess.run([daemon.PROGRAMS['ni'], *words], env={**os.environ, **env}, capture_output=True, text=True,
                                      timeout=60, check=False, input=stdin)
            lines = ''.join('p%d:*:%d:100::/home/p%d:/bin/sh\n' % (i, 5000 + i, i) for i in range(20))
            self.assertEqual(ni('import', 'passwd', '-', stdin=lines).returncode, 0)
            for words in (('get', '--json', '/users/p1'), ('find', '/users', 'uid'), ('find', '--json', 'uid'), ('log',), ('log', '--json'),
                          ('watch', '--from', '1', '-n', '3'), ('export', 'ldif'), ('explain', 'may', 'p1', 'read', '/users/p1'),
                          ('import', '--dry-run', 'passwd', '-')):
                whole = ni(*words, stdin=lines)
                self.assertEqual(whole.returncode, 0, whole.stderr)

                def once(kind, n):
                    with Refusing(kind, n, count=self.count):
                        done = ni(*words, stdin=lines)
                    self.assertGreaterEqual(done.returncode, 0, (words, 'it crashed'))
                    if done.returncode == 0:
                        self.assertEqual(done.stdout, whole.stdout, words)
                    else:
                        self.assertNotEqual(done.stderr, '', words)
                self.sweep('alloc', once)


class Agent(Case):
    """netinfo-agent --once: the images are the old ones or the new ones, and the next run makes them new."""

    def test_all(self):
        with daemon.Daemon(folder=self.folder, legacy=False) as d:
            with d.admin('local') as c:
                top = c.create(c.root()[1], {'name': 'users'})[1][0]
                user = c.create(c.self_(top)[1], {'name': 'ada', 'passwd': '*', 'uid': '5001', 'gid': '100', 'home': '/h/0',
                                                  'shell': '/bin/sh'})[1][0]
            words = [daemon.PROGRAMS['agent'], '--dir', self.folder, '--once']
            snapshots = os.path.join(self.folder, 'snapshots')

            def run():
                return subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)

            def home():
                done = subprocess.run([daemon.PROGRAMS['ni'], 'getent', 'passwd', 'ada'], capture_output=True, text=True, timeout=60, check=False,
                                      env={**os.environ, 'NETINFO_SNAPSHOTS': snapshots})
                return done.stdout.split(':')[5] if done.returncode == 0 else done.returncode
            self.assertEqual(run().returncode, 0)
            self.turn = 0

            def once(kind, n):
                before = home()
                self.turn += 1
                now = '/h/%d' % self.turn
                with d.admin('local') as c:
                    self.assertEqual(c.writeprop(c.self_(user)[1], 4, [now])[0], OK)
                with Refusing(kind, n, count=self.count):
                    done = run()
                self.assertIn(done.returncode, (0, 1), done.stderr)
                kept = 'event=away' in done.stderr  # the server could not be asked: what was known of it stands
                self.assertIn(home(), (before, now) if done.returncode or kept else (now,), done.stderr)
                if done.returncode or kept:
                    self.assertNotEqual(done.stderr, '')
                    again = run()
                    self.assertEqual((again.returncode, home()), (0, now), again.stderr)
            for kind in ('alloc', 'open', 'map', 'sync', 'write'):
                self.sweep(kind, once)


LOOK_UP = '''
import ctypes, sys
class Passwd(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("passwd", ctypes.c_char_p), ("uid", ctypes.c_uint), ("gid", ctypes.c_uint),
                ("gecos", ctypes.c_char_p), ("dir", ctypes.c_char_p), ("shell", ctypes.c_char_p)]
module = ctypes.CDLL(sys.argv[1])
room, error = ctypes.create_string_buffer(4096), ctypes.c_int(0)
for i in range(4):
    p = Passwd()
    status = module._nss_netinfo_getpwnam_r(b"ada", ctypes.byref(p), room, len(room), ctypes.byref(error))
    print(status, p.uid if status == 1 else "-")
'''
SUCCESS, UNAVAIL, TRYAGAIN = '1', '-1', '-2'


class Module(Case):
    """The module in somebody's process: its files cannot be opened or mapped once. It says so, and finds them the next time."""

    def test_all(self):
        with daemon.Daemon(folder=self.folder, legacy=False) as d:
            with d.admin('local') as c:
                top = c.create(c.root()[1], {'name': 'users'})[1][0]
                c.create(c.self_(top)[1], {'name': 'ada', 'passwd': '*', 'uid': '5001', 'gid': '100', 'home': '/h', 'shell': '/bin/sh'})
            done = subprocess.run([daemon.PROGRAMS['agent'], '--dir', self.folder, '--once'], capture_output=True, text=True, timeout=60,
                                  check=False)
            self.assertEqual(done.returncode, 0, done.stderr)
        snapshots = os.path.join(self.folder, 'snapshots')

        def once(kind, n):
            with Refusing(kind, n, below=snapshots, count=self.count):
                done = subprocess.run([sys.executable, '-c', LOOK_UP, daemon.PROGRAMS['nss']], capture_output=True, text=True, timeout=60,
                                      check=False, env={**os.environ, 'NETINFO_SNAPSHOTS': snapshots})
            self.assertEqual(done.returncode, 0, done.stderr)
            answers = [line.split() for line in done.stdout.splitlines()]
            self.assertEqual(len(answers), 4)
            for status, uid in answers:  # never "there is no such user"
                self.assertIn((status, uid), ((SUCCESS, '5001'), (UNAVAIL, '-'), (TRYAGAIN, '-')))
            self.assertEqual(answers[-1][0], SUCCESS, answers)
            if n == 0:
                self.assertEqual({a[0] for a in answers}, {SUCCESS})
        for kind in ('open', 'map'):
            self.sweep(kind, once)


if __name__ == '__main__':
    daemon.main()
