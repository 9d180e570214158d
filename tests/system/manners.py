#!/usr/bin/env python3
"""How the commands behave where nobody looks: standard output that is closed or full, a reader that has gone, no server, no such
domain, wrong words, help (README "Manners", doc/tools.md 1).

usage: manners.py netinfod=PATH ni=PATH bin=FOLDER [unittest options]
"""
import fcntl
import json
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
import daemon  # noqa: E402

OK, FAILED, USAGE, NOT_FOUND, CONFLICT, DENIED, UNREACHABLE = range(7)
MANY = 3000
HISTORICAL = {'niutil': ['-list', '.', '/users'], 'nicl': ['.', '-list', '/users'], 'nidump': ['passwd', '.'], 'nigrep': ['shell', '.'],
              'nifind': ['/users/u1'], 'nireport': ['.', '/users', 'name', 'uid'], 'nidomain': ['-l'], 'niload': ['-v', 'group', '.']}
READS = (['ls', '/users'], ['ls', '-l', '/users'], ['get', '/users/u1'], ['find', '/users', 'uid'], ['log'], ['log', '--all'], ['export', 'passwd'], ['status'],
         ['domain', 'list'], ['domain', 'tree'], ['domain', 'name'], ['explain', 'user', 'u1'], ['doctor'], ['help'], ['version'], ['store', 'dump', 'STORE'],
         ['port', '987'], ['ports'], ['import', 'list'], ['ls', '--help'])


class Manners(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.d = daemon.Daemon()
        cls.addClassCleanup(cls.leave)
        lines = ''.join('u%d:x:%d:100::/home/u%d:/bin/sh\n' % (i, i + 1000, i) for i in range(MANY))
        cls.must('import', 'passwd', '-', stdin=lines)

    @classmethod
    def leave(cls):
        cls.d.stop()
        cls.d.remove()

    @classmethod
    def environment(cls, **more):
        e = {k: v for k, v in os.environ.items() if not k.startswith('NETINFO_')}
        e.update(NETINFO_SOCKET=cls.d.socket, NETINFO_SNAPSHOTS=os.path.join(cls.d.folder, 'none'), TZ='UTC', **more)
        return e

    @classmethod
    def run_it(cls, *words, stdin='', **more):
        more.setdefault('env', cls.environment())
        return subprocess.run(words, input=stdin.encode(), timeout=120, stderr=subprocess.PIPE, **more)

    @classmethod
    def ni(cls, *words, **more):
        more.setdefault('stdout', subprocess.PIPE)
        return cls.run_it(daemon.PROGRAMS['ni'], *words, **more)

    @classmethod
    def must(cls, *words, **more):
        done = cls.ni(*words, **more)
        if done.returncode != OK:
            raise AssertionError((words, done))
        return done.stdout

    def commands(self):
        store = os.path.join(self.d.folder, 'domains', 'local')
        for words in READS:
            yield [daemon.PROGRAMS['ni'], *(store if w == 'STORE' else w for w in words)]
        for name, words in HISTORICAL.items():
            if name != 'niload':
                yield [os.path.join(daemon.PROGRAMS['bin'], name), *words]

    def test_output_that_cannot_be_written(self):
        """Said, and never exit 0. What is printed goes into no connection when descriptor 1 is closed."""
        for words in self.commands():
            name = os.path.basename(words[0])
            with self.subTest(words=words, output='full'), open('/dev/full', 'wb') as full:
                done = self.run_it(*words, stdout=full)
                self.assertGreater(done.returncode, 0, done)
                self.assertRegex(done.stderr.decode(), r'(?m)^%s.*: standard output: No space left on device' % name)
            with self.subTest(words=words, output='closed'):
                done = self.run_it('sh', '-c', '"$@" >&-', 'sh', *words)
                self.assertIn(done.returncode, range(1, 126), done)
                self.assertRegex(done.stderr.decode(), r'(?m)^%s.*: standard output: Bad file descriptor' % name)
        for words in self.commands():  # and what is printed otherwise is all there
            self.assertTrue(self.run_it(*words, stdout=subprocess.PIPE).stdout, words)

    def test_everything_is_closed(self):
        """A write with no descriptor but those it opens itself reaches the server whole."""
        for n, closed in enumerate(('>&-', '2>&-', '<&-', '<&- >&- 2>&-')):
            done = self.run_it('sh', '-c', '"$@" ' + closed, 'sh', daemon.PROGRAMS['ni'], 'add', '/closed%d' % n, 'k=v')
            self.assertIn(done.returncode, (OK, FAILED), done)
            self.assertEqual(b'name: closed%d\nk: v\n' % n, self.must('get', '/closed%d' % n))

    def test_a_reader_that_has_gone(self):
        """`ni ... | head -1` ends by SIGPIPE, without a word."""
        for words in self.commands():
            with self.subTest(words=words):
                done = self.run_it('bash', '-c', '"$@" | head -c 1 >/dev/null; exit "${PIPESTATUS[0]}"', 'bash', *words)
                self.assertIn(done.returncode, (OK, FAILED, 141), done)
                self.assertNotIn(b'standard output', done.stderr)

    def test_nobody_there(self):
        env = self.environment()
        env['NETINFO_SOCKET'] = '/nonexistent/socket'
        for words in (['ls', '/'], ['get', '/users'], ['set', '/x', 'k=v'], ['log'], ['export', 'passwd'], ['status'], ['watch'], ['domain', 'list'], ['domain', 'tree'],
                      ['domain', 'name'], ['explain', 'user', 'ada'], ['aliases'], ['printers'], ['automount', 'home'], ['backup', '/nonexistent/file']):
            with self.subTest(words=words):
                done = self.ni(*words, env=env)
                self.assertEqual((UNREACHABLE, b''), (done.returncode, done.stdout), done)
                self.assertIn(b'/nonexistent/socket (No such file or directory)\n  is netinfod running there?\n', done.stderr)

    def test_no_such_domain(self):
        for words in (['ls', '/'], ['get', '/users'], ['set', '/x', 'k=v'], ['log'], ['status'], ['watch'], ['domain', 'tree'], ['domain', 'name'],
                      ['explain', 'user', 'ada'], ['aliases'], ['backup', '/nonexistent/file']):
            with self.subTest(words=words):
                done = self.ni(*words, '-d', 'nosuch')
                self.assertEqual(NOT_FOUND, done.returncode, done)
                self.assertIn(b'does not serve a domain with the tag nosuch', done.stderr)
                self.assertIn(b'`ni domain list` shows what is served', done.stderr)
        found = json.loads(self.ni('doctor', '-d', 'nosuch', '--json').stdout)['findings']
        self.assertIn('does not serve a domain with the tag nosuch', [f['reason'] for f in found if f['check'] == 'server'][0])
        # A tag that is served is taken everywhere.
        for words in (['domain', 'tree'], ['domain', 'name'], ['ls', '/users']):
            self.assertEqual(OK, self.ni(*words, '-d', 'local').returncode, words)

    def test_words_that_mean_nothing(self):
        """Exit 2 or another status of its own; the message names the thing, and a line below it says what helps."""
        for words, code, message in ((['ls', '-s', ''], USAGE, '--server : it is empty'), (['ls', '-d', ''], USAGE, '--domain : a tag has'),
                                     (['ls', '-d', '-x'], USAGE, '--domain -x: a tag has'), (['ls', '-s', 'a:b:c'], USAGE, '--server a:b:c: '),
                                     (['ls', '-d', 'local@', '/'], USAGE, 'domain local@: Invalid domain'),
                                     (['ls', '-d', '@host', '/'], USAGE, 'domain @host: Invalid domain'),
                                     (['ls', '-d', 'x@nosuch.invalid', '/'], UNREACHABLE, "domain x@nosuch.invalid: Can't find address of server"),
                                     (['ls', '--timeout', '0.5'], USAGE, 'whole seconds'), (['log', '-0'], USAGE, 'from 1'),
                                     (['backup', '-'], USAGE, 'give a file'), (['backup', '--verify', '-'], USAGE, 'give a file'),
                                     (['domain', 'destroy'], USAGE, 'destroy which domain'), (['domain', 'tree', 'x'], USAGE, '`x` is one operand too many'),
                                     (['domain', 'create', 'local'], CONFLICT, 'has a domain of this tag already'),
                                     (['mv', '/users', '/users/new'], CONFLICT, 'cannot be moved below itself'),
                                     (['store', 'stat', '/nope'], NOT_FOUND, 'ni store: /nope: No such file or directory')):
            with self.subTest(words=words):
                done = self.ni(*words)
                self.assertEqual((code, b''), (done.returncode, done.stdout), done)
                lines = done.stderr.decode().splitlines()
                self.assertIn(message, lines[0])
                self.assertRegex(lines[1], '^  ')
        self.assertFalse(os.path.exists('-'))

    def test_words_that_mean_nothing_to_the_historical_commands(self):
        long = 'x' * 65536
        self.must('add', '/kept', 'k=v')
        for name, words, stdin, code, message in (
                ('niutil', ['-createprop', '.', '/kept', 'k', long], '', 103, 'No space available for write operation'),
                ('niutil', ['-createprop', '.', '/kept', long, 'v'], '', 103, 'No space available for write operation'),
                ('nicl', ['.', '-search', '/', 'x', '1', 'k', 'v'], '', 1, 'search: a scope is a number, or -1 for all, found x'),
                ('nicl', ['.', '-search', '/', '0', '99999999999', 'k', 'v'], '', 1, 'found 99999999999'),
                ('nicl', ['.', '-source', '/'], '', 15, '/: Is a directory'),
                ('niload', ['-r', '/kept', '.'], '', 1, 'niload: standard input is empty: nothing was changed'),
                ('niload', ['-r', '/kept', '.'], ' \n\t\n', 1, 'standard input is empty'),
                ('nidomain', ['-m', 'bad/tag'], '', 1, 'nidomain: tag bad/tag: ')):
            with self.subTest(name=name, words=[w[:20] for w in words]):
                done = self.run_it(os.path.join(daemon.PROGRAMS['bin'], name), *words, stdin=stdin, stdout=subprocess.PIPE)
                self.assertEqual((code, b''), (done.returncode, done.stdout), done.stderr)
                self.assertIn(message, done.stderr.decode())
        self.assertEqual(b'name: kept\nk: v\n', self.must('get', '/kept'))
        done = self.run_it(os.path.join(daemon.PROGRAMS['bin'], 'niload'), '-r', '/kept', '.', stdin='{ }')
        self.assertEqual((OK, b'name: kept\n'), (done.returncode, self.must('get', '/kept')))

    def typed(self, keys, *words):
        """A command on a terminal of its own, and what is typed at the first prompt: what it shows, how it ends, and whether
        the terminal shows again what is typed."""
        master, slave = pty.openpty()
        child = subprocess.Popen(words, env={**self.environment(), 'TERM': 'dumb'}, stdin=slave, stdout=slave, stderr=slave,
                                 start_new_session=True, preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        shown, end = b'', time.monotonic() + 60
        while time.monotonic() < end:
            ended = child.poll() is not None
            if select.select([master], [], [], 0.05)[0]:
                shown += os.read(master, 4096)
                if keys and b': ' in shown:
                    os.write(master, keys)
                    keys = None
            elif ended:
                break
        child.kill()
        status = child.wait()
        echoes = bool(termios.tcgetattr(slave)[3] & termios.ECHO)
        os.close(slave)
        os.close(master)
        return shown.decode(), status, echoes

    def test_a_password_is_asked_for(self):
        niutil, nicl = (os.path.join(daemon.PROGRAMS['bin'], name) for name in ('niutil', 'nicl'))
        for words in ([daemon.PROGRAMS['ni'], 'ls', '--user', 'u1', '/'], [niutil, '-u', 'u1', '-list', '.', '/'], [nicl, '.', 'auth', 'u1']):
            with self.subTest(words=words):
                shown, status, echoes = self.typed(b'\x03', *words)
                self.assertEqual((-signal.SIGINT, True), (status, echoes), shown)
                self.assertEqual('Password: \r\n', shown)
                shown, status, echoes = self.typed(b'\x04', *words)
                self.assertGreater(status, 0, shown)
                self.assertIn('Password: \r\n%s' % os.path.basename(words[0]), shown)
                self.assertIn('no password was given', shown)
                shown, status, echoes = self.typed(b'secret\n', *words)
                self.assertNotIn('secret', shown)
                self.assertTrue(echoes)

    def test_a_bad_configuration_is_named_once(self):
        path = os.path.join(self.d.folder, 'bad.conf')
        with open(path, 'w', encoding='utf-8') as f:
            f.write('min_id = 5\nnonsense\n')
        for name, reason in ((path, 'line 2: `nonsense` is no'), ('/nonexistent.conf', 'No such file or directory')):
            found = json.loads(self.ni('doctor', '--files', '--json', '--config', name).stdout)['findings']
            self.assertEqual([name], [f['thing'] for f in found if f['check'] == 'configuration'])
            self.assertTrue([f for f in found if f['check'] == 'configuration'][0]['reason'].startswith(reason), found)

    def test_help_of_the_historical_commands(self):
        for name in HISTORICAL:
            done = self.run_it(os.path.join(daemon.PROGRAMS['bin'], name), '--help', stdout=subprocess.PIPE)
            text = done.stdout.decode()
            self.assertEqual((OK, b''), (done.returncode, done.stderr), name)
            self.assertRegex(text, r'\Ausage: %s ' % name)
            self.assertRegex(text, r'\nExample: %s .*\nman %s says more\.\n\Z' % (name, name))
            done = self.run_it(os.path.join(daemon.PROGRAMS['bin'], name), '--version', stdout=subprocess.PIPE)
            self.assertRegex(done.stdout.decode(), r'\A%s \(NetInfo [0-9.]+\)\n\Z' % name)
            done = self.run_it(os.path.join(daemon.PROGRAMS['bin'], name), '--nonsense', stdout=subprocess.PIPE)
            self.assertEqual((1, b''), (done.returncode, done.stdout), name)


if __name__ == '__main__':
    daemon.main()
