#!/usr/bin/env python3
"""ni import and ni export against a real netinfod: this machine's own files, merging and replacing, mistakes, interruption.

usage: import.py netinfod=PATH ni=PATH [unittest options]"""
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
import daemon  # noqa: E402
import rpc  # noqa: E402

OK, FAILED, USAGE, NOT_FOUND, CONFLICT, DENIED, UNREACHABLE = range(7)


class Answer:
    def __init__(self, done):
        self.code = done.returncode
        self.out = done.stdout.decode('utf-8', 'surrogateescape')
        self.err = done.stderr.decode('utf-8', 'surrogateescape')

    def __repr__(self):
        return 'exit %d\n%s\n%s' % (self.code, self.out[-2000:], self.err[-2000:])


def environment(d):
    e = {k: v for k, v in os.environ.items() if not k.startswith('NETINFO_')}
    e.update(NETINFO_SOCKET=d.socket, TZ='UTC')
    return e


def ni(d, *words, stdin=''):
    return Answer(subprocess.run([daemon.PROGRAMS['ni'], *words], input=stdin.encode('utf-8', 'surrogateescape'),
                                 capture_output=True, timeout=300, env=environment(d)))


def seq(d):
    with d.admin() as c:
        return c.status('local')['seq']


def lines_of(path):
    """The lines that say something."""
    with open(path, encoding='utf-8', errors='surrogateescape') as f:
        return [line for line in f.read().splitlines() if line.strip() and line[0] not in '#+-']


class Import(unittest.TestCase):
    def setUp(self):
        self.d = daemon.Daemon(legacy=False)
        self.addCleanup(self.leave)

    def leave(self):
        self.d.stop()
        self.d.remove()

    def imports(self, counts, *words, stdin=''):
        """The import ends well and says: added, changed, removed, unchanged."""
        a = ni(self.d, 'import', *words, stdin=stdin)
        self.assertEqual(a.code, OK, a)
        self.assertIn('%d added, %d changed, %d removed, %d as they were' % counts, a.err, a)
        return a

    def exported(self, what):
        a = ni(self.d, 'export', what)
        self.assertEqual(a.code, OK, a)
        return a.out

    def test_this_machine(self):
        """Real files in, the normal form out, and nothing changes the second time."""
        for what in ('passwd', 'group'):
            want = lines_of('/etc/' + what)
            self.imports((len(want), 0, 0, 0), what)
            if all(line.split(':')[1] == 'x' for line in want):
                self.assertEqual(self.exported(what).splitlines(), want)
        if os.access('/etc/shadow', os.R_OK):
            want = lines_of('/etc/shadow')
            self.imports((0, len(want), 0, 0), 'shadow')
            self.assertEqual(self.exported('shadow').splitlines(), want)
        for what in ('services', 'hosts', 'networks', 'protocols', 'rpc'):
            if os.path.exists('/etc/' + what):
                self.assertEqual(ni(self.d, 'import', what).code, OK)
        if os.path.exists('/etc/services'):
            want = sorted(tuple(line.split()[:2]) for line in lines_of('/etc/services'))
            self.assertEqual(sorted(tuple(line.split()[:2]) for line in self.exported('services').splitlines()), want)
        before = seq(self.d)
        for what in ('passwd', 'group', 'shadow', 'services', 'hosts', 'networks', 'protocols', 'rpc'):
            if os.access('/etc/' + what, os.R_OK):
                a = ni(self.d, 'import', what)
                self.assertIn('0 added, 0 changed, 0 removed', a.err, a)
                text = self.exported(what)
                self.assertIn('0 added, 0 changed, 0 removed', ni(self.d, 'import', what, '-', stdin=text).err)
        self.assertEqual(seq(self.d), before)

    def test_dry_run(self):
        self.imports((1, 0, 0, 0), 'passwd', '-', stdin='ada:$1$hash:5001:100:Ada:/home/ada:/bin/sh\n')
        before = seq(self.d)
        a = self.imports((1, 1, 0, 0), '--dry-run', 'passwd', '-',
                         stdin='ada:$1$other:5001:100:Ada:/home/ada:/bin/zsh\nbob:*:5002:100::/:/bin/sh\n')
        self.assertEqual(seq(self.d), before)
        self.assertIn('~ /users/ada\n+   passwd: (changed)\n-   shell: /bin/sh\n+   shell: /bin/zsh\n'
                      .replace('+   passwd: (changed)\n', ''), a.out.replace('+   passwd: (changed)\n', ''))
        self.assertIn('+   passwd: (changed)\n', a.out)
        self.assertIn('+ /users/bob\n', a.out)
        self.assertNotIn('$1$', a.out)
        self.assertNotIn('\x1b', a.out)

    def test_merge_keeps(self):
        """What the file does not say stays; lists grow."""
        self.imports((1, 0, 0, 0), 'passwd', '-', stdin='ada:$1$h:5001:100:Ada:/home/ada:/bin/sh\n')
        self.assertEqual(ni(self.d, 'set', '/users/ada', 'netgroups=staff').code, OK)
        self.imports((0, 1, 0, 0), 'passwd', '-', stdin='ada:x:5001:100:Ada:/home/ada:/bin/zsh\n')
        got = ni(self.d, 'get', '/users/ada').out
        self.assertIn('netgroups: staff\n', got)
        self.assertIn('passwd: $1$h\n', got)
        self.assertIn('shell: /bin/zsh\n', got)
        self.imports((1, 0, 0, 0), 'group', '-', stdin='crew:*:30:ada\n')
        self.imports((0, 1, 0, 0), 'group', '-', stdin='crew:*:30:bob\n')
        self.assertEqual(self.exported('group'), 'crew:x:30:ada,bob\n')

    def test_replace(self):
        self.imports((2, 0, 0, 0), 'group', '-', stdin='crew:*:30:ada,bob\nold:*:31:\n')
        a = ni(self.d, 'import', '--replace', 'group', '-', stdin='crew:*:30:bob\n')
        self.assertEqual(a.code, USAGE, a) # nobody there to ask
        self.assertIn('--yes', a.err)
        self.assertEqual(self.exported('group'), 'crew:x:30:ada,bob\nold:x:31:\n')
        self.imports((0, 1, 1, 0), '--replace', '--yes', 'group', '-', stdin='crew:*:30:bob\n')
        self.assertEqual(self.exported('group'), 'crew:x:30:bob\n')
        # The machine that serves the domain is not removed: it holds more than a hosts file knows.
        self.imports((1, 0, 0, 0), 'hosts', '-', stdin='10.9.9.9 ink\n')
        a = self.imports((1, 0, 1, 0), '--replace', '--yes', 'hosts', '-', stdin='10.9.9.8 relay\n')
        self.assertIn('kept', a.err)
        names = ni(self.d, 'ls', '/machines').out
        self.assertIn('alpha', names)
        self.assertIn('relay', names)
        self.assertNotIn('ink', names)
        self.assertIn('serves:', ni(self.d, 'get', '/machines/alpha').out)

    def test_services(self):
        text = 'shell\t514/tcp\tcmd\tsyslog\nsyslog\t514/udp\t\ndomain\t53/tcp\t\ndomain\t53/udp\t\nx\t1/tcp\t\nx\t2/tcp\t\n'
        self.imports((5, 0, 0, 0), 'services', '-', stdin=text)
        self.assertEqual(self.exported('services'), text)
        self.imports((0, 0, 0, 5), 'services', '-', stdin=text)
        self.imports((0, 1, 0, 0), 'services', '-', stdin='domain 53/sctp nameserver\n')
        self.assertIn('protocol: tcp\nprotocol: udp\nprotocol: sctp\n', ni(self.d, 'get', '/services/domain').out)

    def test_malformed(self):
        """File, line and reason; and nothing of that file is imported."""
        with tempfile.NamedTemporaryFile('w', suffix='.passwd') as f:
            f.write('good:x:1:1::/:/bin/sh\n# comment\nbad:x:many:1::/:/bin/sh\n')
            f.flush()
            before = seq(self.d)
            a = ni(self.d, 'import', 'passwd', f.name)
            self.assertEqual(a.code, FAILED, a)
            self.assertIn("%s:3: the uid of 'bad' is 'many'" % f.name, a.err)
            self.assertEqual(seq(self.d), before)
        a = ni(self.d, 'import', 'passwd', '/nonexistent/passwd')
        self.assertEqual((a.code, 'No such file' in a.err), (FAILED, True), a)
        a = ni(self.d, 'import', 'paswd')
        self.assertEqual((a.code, 'did you mean passwd?' in a.err), (USAGE, True), a)
        for words in (['import'], ['import', '--merge', '--replace', 'passwd'], ['export'], ['export', 'grup']):
            self.assertEqual(ni(self.d, *words).code, USAGE, words)

    def test_shadow_needs_users(self):
        self.imports((1, 0, 0, 0), 'passwd', '-', stdin='ada:x:5001:100::/:/bin/sh\n')
        a = ni(self.d, 'import', 'shadow', '-', stdin='ada:$y$h:19000:0:99999:7:::\neve:*:1::::::\n')
        self.assertEqual(a.code, NOT_FOUND, a)
        self.assertIn('line 2: there is no /users/eve', a.err)
        self.assertEqual(self.exported('shadow'), 'ada:$y$h:19000:0:99999:7:::\n')
        self.assertEqual(ni(self.d, 'get', '/users/eve').code, NOT_FOUND)

    def test_edits_are_bounded(self):
        """2,500 new users are three edits, beside the one that makes /users."""
        before = seq(self.d)
        text = ''.join('u%d:x:%d:100::/:/bin/sh\n' % (i, 10000 + i) for i in range(2500))
        self.imports((2500, 0, 0, 0), 'passwd', '-', stdin=text)
        self.assertEqual(seq(self.d) - before, 4)
        self.assertEqual(self.exported('passwd'), text)
        a = ni(self.d, 'log', '-1', '--json')
        self.assertIn('import passwd', a.out)

    def test_interrupted(self):
        """Ctrl-C says how far it came; repeating goes on from there."""
        users = 60000
        text = ''.join('u%d:x:%d:100::/:/bin/sh\n' % (i, 10000 + i) for i in range(users))
        for _ in range(daemon.TRIES):
            added = self.interrupt(users, text)
            if added:
                return
            self.assertEqual(ni(self.d, 'rm', '-r', '--yes', '/users').code, OK)
        self.fail('an import of %d was always quicker than the signal' % users)

    def interrupt(self, users, text):
        """How many the repetition added; 0 when the signal came too late."""
        p = subprocess.Popen([daemon.PROGRAMS['ni'], 'import', 'passwd', '-'], stdin=subprocess.PIPE,
                             stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment(self.d))
        p.stdin.write(text.encode())
        p.stdin.close()
        with self.d.admin() as c:
            while p.poll() is None and c.status('local')['directories'] < 2000:
                time.sleep(0.002)
        p.send_signal(signal.SIGINT)
        words = p.stderr.read().decode()
        p.stderr.close()
        if p.wait(60) == OK:
            return 0
        self.assertEqual(p.returncode, FAILED, words)
        done = re.search(r'(\d+) of 60000 records are as the file says; repeat the command to go on', words)
        self.assertTrue(done, words)
        a = ni(self.d, 'import', 'passwd', '-', stdin=text)
        added, changed, removed, there = map(int, re.search(
            r'(\d+) added, (\d+) changed, (\d+) removed, (\d+) as they were', a.err).groups())
        self.assertEqual((added + there, changed, removed), (users, 0, 0), a)
        self.assertGreaterEqual(there, int(done.group(1)))
        if added:
            self.assertEqual(there % 999, 0)  # whole edits only
        self.assertEqual(len(self.exported('passwd').splitlines()), users)
        return added

    def test_others_write_too(self):
        """An import beside a writer that changes the same records ends, and both are right."""
        text = ''.join('u%d:x:%d:100::/:/bin/sh\n' % (i, 10000 + i) for i in range(3000))
        self.imports((3000, 0, 0, 0), 'passwd', '-', stdin=text)
        p = subprocess.Popen([daemon.PROGRAMS['ni'], 'import', 'passwd', '-'], stdin=subprocess.PIPE,
                             stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment(self.d))
        p.stdin.write(text.replace('/bin/sh', '/bin/zsh').encode())
        with self.d.admin('local') as c:
            users = c.lookup(0, 'name', 'users')[1][0]
            kids = c.children(users)[1]
            p.stdin.close()
            for n in range(50):
                status = c.edit('local', [rpc.op_set(rpc.ref(kids[n * 50]), 'mark', ['%d' % n])])[0]
                self.assertEqual(status, rpc.OK)
            words = p.stderr.read().decode()
            p.stderr.close()
            self.assertEqual(p.wait(120), OK, words)
            for n in range(50):
                props = dict(c.read(kids[n * 50])[2])
                self.assertEqual((props[b'mark'], props[b'shell']), ([b'%d' % n], [b'/bin/zsh']))

    def test_export_refuses_what_would_lie(self):
        self.imports((2, 0, 0, 0), 'passwd', '-', stdin='ada:x:1:1::/:/bin/sh\neve:x:2:2::/:/bin/sh\n')
        with self.d.admin('local') as c:
            users = c.lookup(0, 'name', 'users')[1][0]
            eve = c.lookup(users, 'name', 'eve')[1][0]
            c.edit('local', [rpc.op_set(rpc.ref(eve), 'realname', ['x\nroot2::0:0::/:/bin/sh'])])
        a = ni(self.d, 'export', 'passwd')
        self.assertEqual((a.code, a.out), (FAILED, 'ada:x:1:1::/:/bin/sh\n'), a)
        self.assertIn('/users/eve: a value holds a line break', a.err)

    def test_json_and_empty(self):
        self.assertEqual(self.exported('group'), '')
        self.assertEqual(json.loads(ni(self.d, 'export', '--json', 'group').out), [])
        self.imports((1, 0, 0, 0), 'group', '-', stdin='crew:*:30:ada,bob\n')
        got = json.loads(ni(self.d, 'export', '--json', 'group').out)
        self.assertEqual({p['name']: p['values'] for p in got[0]['properties']},
                         {'name': ['crew'], 'passwd': ['*'], 'gid': ['30'], 'users': ['ada', 'bob']})

    def test_ten_fields(self):
        line = 'amelia:Qx9:501:20:staff:5:6:Amelia Pond-Ruiz:/home/amelia:/bin/zsh\n'
        self.imports((1, 0, 0, 0), 'passwd', '-', stdin=line)
        self.assertEqual(self.exported('passwd.10'), line)
        self.assertEqual(self.exported('passwd'), 'amelia:x:501:20:Amelia Pond-Ruiz:/home/amelia:/bin/zsh\n')


if __name__ == '__main__':
    daemon.main()
