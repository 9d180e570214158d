#!/usr/bin/env python3
"""What other programs take from the domains (doc/consumers.md): mail aliases, printers, mounts, each with the real program.

usage: consumers.py netinfod=PATH ni=PATH agent=PATH [unittest options]
"""
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
import daemon  # noqa: E402
import fleet  # noqa: E402

OK, FAILED, USAGE, NOT_FOUND, CONFLICT, DENIED, UNREACHABLE = range(7)
wait_until = daemon.wait_until
PASSWD = 'root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1::/:/bin/false\n'


def read(path):
    try:
        with open(path, encoding='utf-8') as f:
            return f.read()
    except FileNotFoundError:
        return ''


class Pair(unittest.TestCase):
    """low (domain local) below top (domain network)."""
    etc = {}

    @classmethod
    def setUpClass(cls):
        why = fleet.missing()
        if why:
            raise unittest.SkipTest(why)
        cls.fleet = fleet.Fleet()
        cls.addClassCleanup(cls.fleet.close)
        cls.top = cls.fleet.host('top', '10.9.0.1')
        cls.low = cls.fleet.host('low', '10.9.0.2', etc=cls.etc)
        cls.top.daemon('-o', 'legacy_read_networks=10.9.0.0/24')
        cls.low.daemon()
        cls.must(cls.top, 'domain', 'create', 'network')
        cls.must(cls.top, 'add', '-d', 'network', '/machines/low', 'ip_address=10.9.0.2', 'serves=low/local')
        cls.must(cls.low, 'add', '/machines/top', 'ip_address=10.9.0.1', 'serves=../network')
        wait_until(lambda: cls.low.ni('domain', 'name').stdout == '/low\n', 'low is bound to top')

    @classmethod
    def must(cls, host, *words, stdin=None):
        done = host.ni(*words, **({'input': stdin} if stdin is not None else {}))
        if done.returncode != 0:
            raise AssertionError('%s: ni %s: %d %s' % (host.name, words, done.returncode, done.stderr))
        return done.stdout

    def ni(self, *words, code=OK, err=''):
        done = self.low.ni(*words)
        self.assertEqual((code, err), (done.returncode, done.stderr), 'ni %s\n%s' % (words, done.stdout))
        return done.stdout

    def both(self, directory, here, there):
        """Makes the records {name: {key: values}} of a directory new, in both domains."""
        for host, where, records in ((self.low, [], here), (self.top, ['-d', 'network'], there)):
            host.ni('rm', '--yes', '-r', *where, directory)
            self.must(host, 'add', *where, directory)
            for name, props in records.items():
                words = ['%s=%s' % (k, v) for k, values in props.items() for v in (values if isinstance(values, list) else [values])]
                self.must(host, 'add', *where, directory + '/' + name.replace('/', '\\/'), *words)


class Aliases(Pair):
    etc = {'/etc/passwd': PASSWD}

    def test_nearest_and_trust(self):
        """Programs, files and lists, and the mail of this machine's accounts, are its own domain's affair."""
        self.both('/aliases',
                  {'crew': {'name': ['crew', 'team'], 'members': ['ada', 'grace']}, 'vacation': {'members': ['|/usr/bin/vacation ada', '/var/spool/x', ':include:/etc/l']},
                   'nobody-here': {}, 'Mixed': {'members': 'ada'}},
                  {'crew': {'name': ['crew', 'gang'], 'members': 'evil@example.org'}, 'planning': {'members': ['basil@crew.example.org', 'ada', 'x+y@a.b']},
                   'mixed': {'members': 'evil'}, 'vacation': {'members': 'evil'}, 'nobody-here': {'members': 'evil'},
                   'root': {'members': 'evil@example.org'}, 'Daemon': {'members': 'evil@example.org'},
                   'bad': {'members': ['|/bin/sh', '"|/bin/sh"', '/etc/passwd', ':include:/etc/shadow', '-bs', '\\root', 'a b', 'good', 'u@h|x', '"/x"@h']},
                   'all bad': {'members': 'ada'}, 'worse': {'members': '|/bin/sh'}})
        done = self.low.ni('aliases')
        self.assertEqual(OK, done.returncode)
        self.assertEqual('crew: ada,grace\nteam: ada,grace\nvacation: |/usr/bin/vacation ada,/var/spool/x,:include:/etc/l\nMixed: ada\n'
                         'gang: evil@example.org\nplanning: basil@crew.example.org,ada,x+y@a.b\nbad: good\n', done.stdout)
        for words in ('/: root: left out: mail for accounts in /etc/passwd', '/: Daemon: left out', '/: bad: |/bin/sh: left out', '/: bad: "|/bin/sh": left out',
                      '/: bad: /etc/passwd: left out', '/: bad: :include:/etc/shadow: left out', '/: bad: -bs: left out', '/: bad: \\root: left out',
                      '/: bad: a b: left out', '/: bad: u@h|x: left out', '/: bad: "/x"@h: left out', '/: all bad: left out', '/: worse: |/bin/sh: left out'):
            self.assertIn('ni aliases: ' + words, done.stderr)
        self.assertEqual(13, done.stderr.count('\n'))
        data = json.loads(self.low.ni('aliases', '--json').stdout)
        self.assertIn({'name': 'gang', 'members': ['evil@example.org'], 'domain': '/'}, data)
        self.assertIn({'name': 'team', 'members': ['ada', 'grace'], 'domain': '/low'}, data)
        one = self.low.ni('aliases', '-d', '..')  # just that domain, and still not this machine's own
        self.assertIn('crew: evil@example.org\n', one.stdout)
        self.assertIn('/bin/sh: left out', one.stderr)
        self.assertIn('vacation: |/usr/bin/vacation ada', self.ni('aliases', '-d', 'local'))

    def test_a_file(self):
        self.both('/aliases', {'crew': {'members': 'ada'}}, {'planning': {'members': 'basil'}})
        path = os.path.join(self.low.folder, 'aliases')
        self.ni('aliases', '-o', path)
        self.assertEqual('crew: ada\nplanning: basil\n', read(path))
        self.assertEqual(0o644, stat.S_IMODE(os.stat(path).st_mode))
        before = os.stat(path)
        self.ni('aliases', '-o', path)
        self.assertEqual(before.st_ino, os.stat(path).st_ino)  # it says the same: it is not touched
        self.fleet.cut(self.top)
        try:  # a domain that does not answer is not an empty one
            done = self.low.ni('aliases', '-o', path, '--timeout', '1')
            self.assertEqual(UNREACHABLE, done.returncode, done.stderr)
            self.assertEqual('crew: ada\nplanning: basil\n', read(path))
        finally:
            self.fleet.heal(self.top)
        self.ni('aliases', '-o', '/nonexistent/x', code=FAILED,
                err='ni aliases: /nonexistent/x: No such file or directory\n  the file is as it was\n')
        self.assertEqual(USAGE, self.low.ni('aliases', 'x').returncode)
        self.assertEqual(USAGE, self.low.ni('aliases', '--json', '-o', path).returncode)
        self.low.ni('rm', '--yes', '-r', '/aliases')
        self.assertEqual('planning: basil\n', self.ni('aliases'))


class Watch(Pair):
    """ni watch --run keeps something in step with the domain."""

    def start(self, *words, command='exit 0'):
        place = os.path.join(self.low.folder, 'runs')
        if os.path.exists(place):
            os.remove(place)
        with open(os.path.join(self.low.folder, 'words'), 'w', encoding='utf-8') as err:
            p = self.low.popen([daemon.PROGRAMS['ni'], 'watch', *words, '--run', 'echo run >> %s; %s' % (place, command)], env=self.low.environment(),
                               stdout=subprocess.DEVNULL, stderr=err)
        self.addCleanup(lambda: p.poll() is None and p.kill())
        return p, lambda: read(place).count('run')

    def end(self, p, code=OK):
        p.send_signal(signal.SIGTERM)
        self.assertEqual(code, p.wait(60))
        return read(os.path.join(self.low.folder, 'words'))

    def test_runs(self):
        self.both('/watched', {'a': {}}, {})
        p, runs = self.start('/watched', '-n', '3')
        wait_until(lambda: runs() == 1, 'it ran at the start')
        self.must(self.low, 'set', '/watched/a', 'k=1')
        wait_until(lambda: runs() == 2, 'it ran after a change')
        self.must(self.low, 'add', '/elsewhere')  # not there or below: the next run is of the change after it
        self.must(self.low, 'add', '/watched/b')
        wait_until(lambda: runs() == 3, 'it ran once more')
        self.must(self.low, 'rm', '/watched/b')
        self.assertEqual(OK, p.wait(60))  # the third change that counts
        self.assertEqual(4, runs())
        self.low.ni('rm', '/elsewhere')

    def test_a_command_that_fails(self):
        self.both('/watched', {'a': {}}, {})
        p, runs = self.start('/watched', command='exit 7')
        wait_until(lambda: runs() == 1, 'it ran')
        self.must(self.low, 'set', '/watched/a', 'k=1')
        wait_until(lambda: runs() == 2, 'it ran again')
        self.assertIn('ni watch: the command ended with exit status 7; it runs again after the next change\n', self.end(p))

    def test_a_domain_that_is_replaced(self):
        """Without --run that is the end of a watch; a command that reads anew just runs again."""
        server = self.top.daemons[0]
        store, dump = os.path.join(server.folder, 'domains', 'network'), os.path.join(self.top.folder, 'dump')
        self.both('/watched', {}, {'a': {}})
        p, runs = self.start('-d', '..', '/watched')
        wait_until(lambda: runs() == 1, 'it ran at the start')
        server.stop()
        with open(dump, 'w', encoding='utf-8') as f:
            self.top.must(daemon.PROGRAMS['ni'], 'store', 'dump', store, stdout=f, stderr=subprocess.PIPE)
        shutil.rmtree(store)
        self.top.must(daemon.PROGRAMS['ni'], 'store', 'load', dump, store)  # another epoch: nothing tells what changed
        server.start()
        wait_until(lambda: runs() >= 2, 'it ran for the new domain')
        before = runs()
        self.must(self.top, 'add', '-d', 'network', '/watched/b')
        wait_until(lambda: runs() > before, 'and follows it')
        self.end(p)

    def test_usage(self):
        for words in (['--json'], ['--from', '1']):
            self.assertEqual(USAGE, self.low.ni('watch', '--run', 'true', *words).returncode)


@unittest.skipUnless(shutil.which('postfix') and shutil.which('postalias'), 'there is no Postfix here')
class Postfix(Pair):
    """A message to an alias lands in the mailbox of whom the domains say."""
    MAIN = '''compatibility_level = 3.6
queue_directory = {0}/queue
data_directory = {0}/data
mail_owner = postfix
setgid_group = postdrop
myhostname = low.example
mydestination = low.example
inet_interfaces = loopback-only
mail_spool_directory = {0}/mail
alias_maps = hash:{0}/aliases
alias_database =
maillog_file = {0}/log
maillog_file_prefixes = {0}
biff = no
'''
    MASTER = '\n'.join('%s unix %s - n - %s %s' % row for row in (
        ('pickup', 'n', '1', 'pickup'), ('cleanup', 'n', '0', 'cleanup'), ('qmgr', 'n', '1', 'qmgr'), ('rewrite', '-', '-', 'trivial-rewrite'),
        ('bounce', '-', '0', 'bounce'), ('defer', '-', '0', 'bounce'), ('trace', '-', '0', 'bounce'), ('showq', 'n', '-', 'showq'),
        ('error', '-', '-', 'error'), ('retry', '-', '-', 'error'))) + \
        '\nlocal unix - n n - - local\npostlog unix-dgram n - n - 1 postlogd\n'

    def setUp(self):
        self.place = os.path.join(self.low.folder, 'postfix')
        shutil.rmtree(self.place, ignore_errors=True)
        for folder in self.low.folder, self.fleet.folder:
            os.chmod(folder, 0o755)
        for name in ('', 'etc', 'queue', 'data', 'mail'):
            os.mkdir(os.path.join(self.place, name))
        os.chmod(os.path.join(self.place, 'mail'), 0o1777)
        shutil.chown(os.path.join(self.place, 'data'), 'postfix')
        for name, text in (('main.cf', self.MAIN.format(self.place)), ('master.cf', self.MASTER)):
            with open(os.path.join(self.place, 'etc', name), 'w', encoding='utf-8') as f:
                f.write(text)

    def postfix(self, word):
        # Its own copy of the log descriptor lives on in the daemon: nothing of ours may wait for its end.
        with open(os.path.join(self.place, 'words'), 'w+', encoding='utf-8') as f:
            done = self.low.run('postfix', '-c', os.path.join(self.place, 'etc'), word, stdout=f, stderr=subprocess.STDOUT,
                                stdin=subprocess.DEVNULL)
            f.seek(0)
            return done.returncode, f.read()

    def stop(self):
        if self.postfix('stop')[0] != 0:
            self.postfix('abort')

    def send(self, to, text):
        done = self.low.run('sendmail', '-C', os.path.join(self.place, 'etc'), '-f', 'root@low.example', to + '@low.example',
                            input='Subject: test\n\n%s\n' % text)
        self.assertEqual(0, done.returncode, done.stderr)

    def arrives(self, user, text):
        box = os.path.join(self.place, 'mail', user)
        wait_until(lambda: text + '\n' in read(box), '%s in the mailbox of %s\n%s' % (text, user, read(os.path.join(self.place, 'log'))))

    def test_delivery(self):
        aliases = os.path.join(self.place, 'aliases')
        self.both('/aliases', {'crew': {'members': 'games'}}, {'planning': {'members': 'man'}, 'evil': {'members': ['|touch %s/ran' % self.place, 'man']}})
        command = 'ni aliases -o %s && postalias -c %s/etc hash:%s && echo done >> %s/runs' % (aliases, self.place, aliases, self.place)
        command = command.replace('ni ', daemon.PROGRAMS['ni'] + ' ', 1)
        watches = [self.low.popen([daemon.PROGRAMS['ni'], 'watch', *where, '/aliases', '--run', command], env=self.low.environment(),
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for where in ([], ['-d', '..'])]
        runs = lambda: read(os.path.join(self.place, 'runs')).count('done')  # noqa: E731
        wait_until(lambda: runs() >= 2, 'both watches ran the command once')
        self.addCleanup(self.stop)
        code, words = self.postfix('start')
        self.assertEqual(0, code, words)
        self.send('crew', 'first')
        self.arrives('games', 'first')
        self.send('planning', 'second')
        self.arrives('man', 'second')
        # Changed here, and changed above: the next message goes elsewhere.
        before = runs()
        self.must(self.low, 'set', '/aliases/crew', 'members=news')
        self.must(self.top, 'set', '-d', 'network', '/aliases/planning', 'members=backup')
        wait_until(lambda: 'crew: news' in read(aliases) and 'planning: backup' in read(aliases) and runs() >= before + 2, 'the file follows')
        self.send('crew', 'third')
        self.arrives('news', 'third')
        self.send('planning', 'fourth')
        self.arrives('backup', 'fourth')
        # What another domain wants to have run is not run.
        self.send('evil', 'fifth')
        self.arrives('man', 'fifth')
        self.assertFalse(os.path.exists(os.path.join(self.place, 'ran')))
        self.assertNotIn('third', read(os.path.join(self.place, 'mail', 'games')))
        for w in watches:
            w.send_signal(signal.SIGTERM)
            self.assertEqual(0, w.wait(60))


class Printers(Pair):
    HERE = {'ink': {'name': ['ink', 'lobby printer'], 'rm': 'quill.example.org', 'rp': 'ink jet', 'note': "Amelia's lobby", 'sh': ''},
            'local': {'lp': '/dev/lp0'}, 'serial': {'lp': '/dev/ttyS1'}, 'odd/name': {'rm': 'quill'}, 'none': {'lp': ''}}
    THERE = {'ink': {'rm': 'evil'}, 'plot': {'rm': 'quill'}, 'steal': {'lp': '/dev/sda'}, '-x': {'rm': 'q'},
             'host': {'rm': 'a b'}}
    INK = "lpadmin -p ink -E -v lpd://quill.example.org/ink%20jet -m raw -D 'NetInfo: Amelia'\\''s lobby' -o printer-is-shared=false " \
          '-o job-sheets-default=none,none\n'
    PLOT = 'lpadmin -p plot -E -v lpd://quill/lp -m raw -D NetInfo -o printer-is-shared=false\n'

    def setUp(self):
        self.both('/printers', self.HERE, self.THERE)

    def test_queues(self):
        done = self.low.ni('printers')
        self.assertEqual(OK, done.returncode)
        self.assertEqual("ink  lpd://quill.example.org/ink%20jet  /low  Amelia's lobby\nlocal  parallel:/dev/lp0  /low\nserial  serial:/dev/ttyS1  /low\n"
                         'plot  lpd://quill/lp  /\n', done.stdout)
        for words in ('/low: odd/name: left out: CUPS', '/low: none: left out: it has neither', '/: steal: left out: devices of this machine',
                      '/: -x: left out: CUPS', '/: host: left out: `rm`'):
            self.assertIn('ni printers: ' + words, done.stderr)
        self.assertEqual(5, done.stderr.count('\n'))
        data = json.loads(self.low.ni('printers', '--json').stdout)
        self.assertEqual({'queue': 'ink', 'uri': 'lpd://quill.example.org/ink%20jet', 'note': "Amelia's lobby", 'domain': '/low', 'no_banner': True}, data[0])
        commands = self.low.ni('export', 'cups').stdout
        self.assertIn(self.INK, commands)
        self.assertIn(self.PLOT, commands)
        self.assertEqual(4, commands.count('lpadmin -p '))
        self.assertEqual(USAGE, self.low.ni('printers', '--dry-run').returncode)
        self.assertEqual(USAGE, self.low.ni('printers', '--apply', '--json').returncode)
        printcap = self.ni('export', '-d', '..', 'printcap')
        self.assertIn('plot: \\\n\t:rm=quill:\n', printcap)

    @unittest.skipUnless(shutil.which('cupsd') and shutil.which('lpstat'), 'there is no CUPS here')
    def test_a_real_cupsd(self):
        place = os.path.join(self.low.folder, 'cups')
        for name in ('root', 'spool', 'cache', 'state', 'bin/backend'):
            os.makedirs(os.path.join(place, name))
        for name in os.listdir('/usr/lib/cups'):
            if name != 'backend':
                os.symlink(os.path.join('/usr/lib/cups', name), os.path.join(place, 'bin', name))
        backend = os.path.join(place, 'bin/backend/lpd')  # writes down what would go to the remote host
        with open(backend, 'w', encoding='utf-8') as f:
            f.write('#!/bin/sh\n[ $# = 0 ] && exit 0\necho "$DEVICE_URI" >> %s/printed\ncat ${6:+"$6"} >> %s/printed\n' % (place, place))
        os.chmod(backend, 0o755)
        for scheme in ('parallel', 'serial'):
            os.symlink(backend, os.path.join(place, 'bin/backend', scheme))
        allow = 'Order allow,deny\nAllow all\n'
        for name, text in (('cupsd.conf', 'Listen %s/sock\nBrowsing No\nDefaultAuthType None\nWebInterface No\n<Location />\n%s</Location>\n'
                            '<Location /admin>\n%s</Location>\n<Policy default>\n<Limit All>\n%s</Limit>\n</Policy>\n' % (place, allow, allow, allow)),
                           ('cups-files.conf', 'ServerRoot {0}/root\nServerBin {0}/bin\nRequestRoot {0}/spool\nCacheDir {0}/cache\nStateDir {0}/state\n'
                            'ErrorLog {0}/error\nAccessLog {0}/access\nPageLog {0}/page\nTempDir {0}/spool\nSystemGroup root\n'
                            'User root\n'.format(place))):
            with open(os.path.join(place, 'root', name), 'w', encoding='utf-8') as f:
                f.write(text.replace('User root\n', ''))
        os.chmod(self.fleet.folder, 0o755)
        os.chmod(self.low.folder, 0o755)
        os.chmod(place, 0o777)
        cupsd = self.low.popen([shutil.which('cupsd'), '-f', '-c', place + '/root/cupsd.conf', '-s', place + '/root/cups-files.conf'])
        env = {**self.low.environment(), 'CUPS_SERVER': place + '/sock', 'LC_ALL': 'C'}
        wait_until(lambda: os.path.exists(place + '/sock') and self.low.run('lpstat', '-r', env=env).stdout == 'scheduler is running\n', 'cupsd runs')

        def apply(*words, code=OK):
            done = self.low.run(daemon.PROGRAMS['ni'], 'printers', '--apply', *words, env=env)
            self.assertEqual(code, done.returncode, done.stderr)
            return done

        def devices():
            return sorted(self.low.run('lpstat', '-v', env=env).stdout.splitlines())
        self.low.must('lpadmin', '-p', 'mine', '-E', '-v', 'lpd://elsewhere/q', '-m', 'raw', env=env)
        dry = apply('--dry-run').stdout
        self.assertIn(self.INK, dry)
        self.assertEqual(['device for mine: lpd://elsewhere/q'], devices())
        self.assertIn('ni printers: ink: made\n', apply().stderr)
        ours = ['device for ink: lpd://quill.example.org/ink%20jet', 'device for local: parallel:/dev/lp0', 'device for mine: lpd://elsewhere/q',
                'device for plot: lpd://quill/lp', 'device for serial: serial:/dev/ttyS1']
        self.assertEqual(ours, devices())
        self.assertIn("Description: NetInfo: Amelia's lobby\n", self.low.run('lpstat', '-l', '-p', 'ink', env=env).stdout)
        self.assertEqual('', apply('--dry-run').stdout)  # nothing is left to do
        self.assertNotIn('made', apply().stderr)
        # A job goes where the domain says.
        self.low.must('lp', '-d', 'plot', input='the plotter prints\n', env=env)
        wait_until(lambda: read(place + '/printed') == 'lpd://quill/lp\nthe plotter prints\n', 'the job is printed\n' + read(place + '/error'))
        # Changed, and gone; what is not ours stays.
        self.must(self.low, 'set', '/printers/ink', 'rp=other')
        self.must(self.top, 'rm', '-d', 'network', '/printers/plot')
        self.must(self.low, 'add', '/printers/mine', 'rm=quill')
        done = apply(code=CONFLICT)
        self.assertIn('ni printers: ink: changed\n', done.stderr)
        self.assertIn('ni printers: plot: removed\n', done.stderr)
        self.assertIn("ni printers: mine: there is a queue of this name that is not NetInfo's\n", done.stderr)
        self.assertEqual(['device for ink: lpd://quill.example.org/other', 'device for local: parallel:/dev/lp0', 'device for mine: lpd://elsewhere/q',
                          'device for serial: serial:/dev/ttyS1'], devices())
        self.fleet.cut(self.top)
        try:  # a domain that does not answer keeps its queues
            apply('--timeout', '1', code=UNREACHABLE)
        finally:
            self.fleet.heal(self.top)
        cupsd.terminate()
        cupsd.wait(60)
        self.assertEqual(UNREACHABLE, self.low.run(daemon.PROGRAMS['ni'], 'printers', '--apply', env=env).returncode)


class Mounts(Pair):
    HERE = {'quill:/srv/home': {'dir': '/Net', 'opts': ['rw', 'net', 'bg', '-s']}, 'quill:/srv/proj/': {'opts': ['net', 'rw', 'soft']},
            '/dev/sdb1': {'dir': '/opt/data', 'vfstype': 'ext4', 'opts': ['ro', 'suid']}, 'quill:/other': {'dir': '/Elsewhere', 'opts': 'net'},
            'quill:/a b': {'opts': 'net'}, 'nothing': {'opts': 'net'}, '[fd00::1]:/six': {'dir': '/six', 'vfstype': 'nfs4', 'opts': 'intr'},
            'quill:/up/../etc': {'opts': 'net'}, 'quill:/x&y': {'opts': 'net'}}
    THERE = {'quill:/srv/home': {'opts': ['net', 'ro']}, 'quill:/srv/more': {'opts': ['net', 'ro', 'suid', 'dev', 'exec', 'vers=4', 'remount']},
             'far:/pub': {'dir': '/srv/pub', 'opts': ['ro']}, 'far:/etc': {'dir': '/etc'}, 'far:/up': {'dir': '/srv/../usr'}, 'far:/srv': {'dir': '/srv'},
             'far:/fuse': {'dir': '/srv/fuse', 'vfstype': 'fuse'}, '/dev/sda': {'dir': '/srv/disk', 'vfstype': 'ext4'}, 'far:/data': {'dir': '/opt/data'},
             'far:/usr': {'dir': '/usr/share/far'}, '+auto.direct:/far': {'opts': 'net'}}

    def setUp(self):
        self.both('/mounts', self.HERE, self.THERE)

    def out(self, *words, code=OK):
        done = self.low.ni('automount', *words)
        self.assertEqual(code, done.returncode, done.stderr)
        return done.stdout, done.stderr

    QUILL = '/srv/home -fstype=nfs,rw,soft  quill:/srv/home  /srv/proj -fstype=nfs,rw,soft  quill:/srv/proj  ' \
            '/srv/more -fstype=nfs,ro,vers=4,nosuid,nodev,nobind  quill:/srv/more\n'

    def test_keys(self):
        out, err = self.out('quill')
        self.assertEqual(self.QUILL, out)
        for words in ('/low: quill:/a b: left out: its name', '/low: quill:/up/../etc: left out: its name', '/low: quill:/x&y: left out',
                      '/: quill:/srv/more: option suid is left out', '/: quill:/srv/more: option dev is left out', 'option exec is left out',
                      'option remount is left out'):
            self.assertIn('ni automount: ' + words if words[0] == '/' else words, err)
        self.assertEqual(('', ''), self.out('nope', code=NOT_FOUND))
        self.assertEqual(('', ''), self.out('qui', code=NOT_FOUND))
        self.assertEqual(('', ''), self.out('--', '-o' + self.id().rsplit('.', 1)[1], code=NOT_FOUND))  # whatever people look for below /Net
        self.assertFalse(os.path.exists(self.id().rsplit('.', 1)[1]))
        self.assertEqual('-fstype=nfs  /other  quill:/other\n', self.out('--dir', '/Elsewhere', 'quill')[0])
        self.assertIn('/srv/more -fstype=nfs,ro,suid,dev,exec,vers=4,remount  quill:/srv/more', self.out('--trust', '/', 'quill')[0])
        self.assertEqual(USAGE, self.low.ni('automount', '--direct', 'quill').returncode)
        self.assertEqual(USAGE, self.low.ni('automount', 'quill', 'far').returncode)

    def test_maps(self):
        out, err = self.out()
        self.assertEqual('quill ' + self.QUILL, out)
        self.assertIn('ni automount: /: +auto.direct:/far: left out: its name is not HOST:/PATH\n', err)  # it would be a line that names another map
        out, err = self.out('--direct')
        self.assertEqual('/opt/data -fstype=ext4,ro,suid :/dev/sdb1\n/six -fstype=nfs4 [fd00::1]:/six\n'
                         '/srv/pub -fstype=nfs,ro,nosuid,nodev,nobind far:/pub\n', out)
        for words in ('far:/etc: left out: another domain may not mount there', 'far:/up: left out: its `dir`', 'far:/srv: left out: another',
                      'far:/fuse: left out: only nfs', '/dev/sda: left out', 'far:/data: left out: another', 'far:/usr: left out: another'):
            self.assertIn('ni automount: /: ' + words, err)
        self.assertIn('/usr/share/far -fstype=nfs,nosuid,nodev,nobind far:/usr\n', self.out('--direct', '--below', '/usr/share')[0])
        data = json.loads(self.out('--direct', '--json')[0])
        self.assertIn({'host': 'far', 'place': '/srv/pub', 'options': 'fstype=nfs,ro,nosuid,nodev,nobind', 'location': 'far:/pub', 'domain': '/'}, data)
        path = os.path.join(self.low.folder, 'auto')
        self.out('-o', path)
        self.assertEqual('quill ' + self.QUILL, read(path))
        self.fleet.cut(self.top)
        try:
            self.out('-o', path, '--timeout', '1', code=UNREACHABLE)
            self.assertEqual('quill ' + self.QUILL, read(path))
            # A key is answered by what is within reach: somebody waits for it.
            self.assertEqual('-fstype=nfs,rw,soft  /srv/home  quill:/srv/home  /srv/proj  quill:/srv/proj\n', self.out('--timeout', '1', 'quill')[0])
            self.out('--timeout', '1', 'nope', code=UNREACHABLE)
        finally:
            self.fleet.heal(self.top)

    @unittest.skipUnless(shutil.which('automount') and os.path.exists('/dev/autofs'), 'there is no automounter here')
    def test_a_real_automounter(self):
        """NFS from one of the own addresses is a bind mount for autofs: no NFS server is needed."""
        place = os.path.join(self.low.folder, 'mounts')
        for name in ('src/home', 'src/proj', 'net', 'direct/here'):
            os.makedirs(os.path.join(place, name))
        for name in 'home', 'proj':
            with open(os.path.join(place, 'src', name, 'file'), 'w', encoding='utf-8') as f:
                f.write(name)
        net, direct, src = place + '/net', place + '/direct/here', place + '/src'
        self.both('/mounts', {'10.9.0.2:%s/home' % src: {'dir': net, 'opts': ['net', 'rw']}, src + '/proj': {'dir': direct, 'vfstype': 'bind'}},
                  {'10.9.0.2:%s/proj' % src: {'dir': net, 'opts': ['net', 'rw', 'suid']}, '10.9.0.2:/etc': {'dir': '/etc'}})
        program = os.path.join(place, 'auto.netinfo')
        with open(program, 'w', encoding='utf-8') as f:
            f.write('#!/bin/sh\nNETINFO_SOCKET=%s exec %s automount --dir %s -- "$1"\n' % (self.low.environment()['NETINFO_SOCKET'], daemon.PROGRAMS['ni'], net))
        os.chmod(program, 0o755)
        self.out('--direct', '-o', place + '/auto.direct')
        with open(place + '/auto.master', 'w', encoding='utf-8') as f:
            f.write('%s program:%s --timeout=300\n/- file:%s/auto.direct\n' % (net, program, place))
        with open(place + '/log', 'w', encoding='utf-8') as log:
            # In a session of its own: what its own processes touch does not trigger a mount.
            automount = self.low.popen(['setsid', 'automount', '-f', '-d', '-p', place + '/pid', place + '/auto.master'], stdout=log, stderr=log)
        try:
            wait_until(lambda: read(place + '/log').count('mounted ') >= 2, 'the automounter runs')
            look = lambda path: self.low.run('cat', path)  # noqa: E731
            self.assertEqual('home', look('%s/10.9.0.2%s/home/file' % (net, src)).stdout, read(place + '/log'))
            # Of another domain: no bind mount, and without NFS none at all; but the automounter has understood the options.
            self.assertEqual(1, look('%s/10.9.0.2%s/proj/file' % (net, src)).returncode)
            self.assertRegex(read(place + '/log'), 'options="rw,nosuid,nodev,*", nobind=1')
            self.assertEqual('proj', look(direct + '/file').stdout, read(place + '/log'))
            self.assertEqual(1, look(net + '/nobody/file').returncode)
            self.assertNotIn('/etc', read(place + '/auto.direct'))
        finally:
            pid = read(place + '/pid').strip()
            if pid:
                os.kill(int(pid), signal.SIGTERM)
            automount.wait(60)


if __name__ == '__main__':
    daemon.main()
