#!/usr/bin/env python3
"""netinfod, netinfo-agent and lookups through libnss_netinfo together (doc/agent.md).

usage: agent.py netinfod=PATH ni=PATH agent=PATH nss=PATH [unittest options]"""
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
import daemon  # noqa: E402
import rpc  # noqa: E402

PATIENCE = 90  # seconds until something that must happen is given up; no figure is asserted


class Together(unittest.TestCase):
    def setUp(self):
        self.d = daemon.Daemon(legacy=False)
        self.addCleanup(self.leave)
        self.agent = None

    def leave(self):
        if self.agent and self.agent.process.poll() is None:
            self.assertEqual(self.agent.stop(), 0)
        if self.d.process.poll() is None:
            self.d.stop()
        self.d.remove()

    def run_ni(self, *words, stdin=''):
        e = {k: v for k, v in os.environ.items() if not k.startswith('NETINFO_')}
        e.update(NETINFO_SOCKET=self.d.socket, NETINFO_SNAPSHOTS=os.path.join(self.d.folder, 'snapshots'))
        return subprocess.run([daemon.PROGRAMS['ni'], *words], input=stdin, capture_output=True, text=True, timeout=60, env=e)

    def ni(self, *words, stdin=''):
        a = self.run_ni(*words, stdin=stdin)
        self.assertEqual(a.returncode, 0, (words, a.stdout, a.stderr))
        return a.stdout

    def getent(self, *words):
        return self.run_ni('getent', *words).stdout

    def becomes(self, want, *words):
        """The lookup gives this, sooner or later."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            got = self.getent(*words)
            if got == want:
                return
            time.sleep(0.005)
        self.fail('getent %r gives %r instead of %r\n%s' % (words, got, want, self.agent.log()[-2000:]))

    def ada(self, shell='/bin/bash'):
        return 'ada:*:5001:100::/home/ada:%s\n' % shell

    def add_ada(self):
        self.ni('add', '-p', '/users/ada', 'uid=5001', 'gid=100', 'home=/home/ada', 'shell=/bin/bash')

    def logged(self, word):
        until = time.monotonic() + PATIENCE
        while word not in self.agent.log():
            self.assertLess(time.monotonic(), until, (word, self.agent.log()))
            time.sleep(0.005)

    def test_first_minute(self):
        """This machine's own users and groups, and a new one, through the module."""
        self.ni('import', 'passwd')
        self.ni('import', 'group')
        self.agent = daemon.Agent(self.d.folder)
        self.assertGreater(self.agent.ready['users'], 0)
        self.assertEqual(self.agent.ready['snapshots'], os.path.join(self.d.folder, 'snapshots'))
        with open('/etc/passwd') as f:
            want = {line.split(':')[0]: line.split(':')[2:4] for line in f if line[0] not in '#+-\n'}
        got = {line.split(':')[0]: line.split(':')[2:4] for line in self.getent('passwd').splitlines()}
        self.assertEqual(got, want)
        self.add_ada()
        self.becomes(self.ada(), 'passwd', 'ada')
        self.becomes(self.ada(), 'passwd', '5001')
        self.ni('add', '/groups/crew', 'gid=300', 'users=ada')
        self.becomes('crew:*:300:ada\n', 'group', 'crew')
        self.becomes('ada                   300\n', 'initgroups', 'ada')
        self.ni('set', '/users/ada', 'shell=/bin/zsh')
        self.becomes(self.ada('/bin/zsh'), 'passwd', 'ada')
        self.ni('rm', '/users/ada')
        self.becomes('', 'passwd', 'ada')

    def test_server_restarts(self):
        """The images stay while the server is away, and follow it again afterwards."""
        self.add_ada()
        self.agent = daemon.Agent(self.d.folder)
        self.becomes(self.ada(), 'passwd', 'ada')
        for end in (self.d.stop, self.d.kill):
            end()
            self.logged('event=away')
            self.assertEqual(self.getent('passwd', 'ada'), self.ada())
            self.d.start()
            self.ni('set', '/users/ada', 'shell=/bin/zsh')
            self.becomes(self.ada('/bin/zsh'), 'passwd', 'ada')
            self.ni('set', '/users/ada', 'shell=/bin/bash')
            self.becomes(self.ada(), 'passwd', 'ada')
        self.assertEqual(self.agent.log().count('event=snapshot'), 1)  # the journal was enough

    def test_another_folder(self):
        """A reload that names another folder: what is published there first has the accounts, too, although they are made beside."""
        conf = os.path.join(self.d.folder, 'agent.conf')
        with open(conf, 'w', encoding='ascii') as f:
            f.write('beside = 1\n')
        self.add_ada()
        self.ni('add', '-p', '/machines/host', 'ip_address=10.1.1.1')
        self.agent = daemon.Agent(self.d.folder)
        other = os.path.join(self.d.folder, 'other')
        for turn, line in enumerate(('snapshots = %s\n' % other, 'snapshots = %s\ndurable = %s\n' % (other, other + '2'))):
            with open(conf, 'a', encoding='ascii') as f:
                f.truncate(0)
                f.write('beside = 1\n' + line)
            self.agent.process.send_signal(signal.SIGHUP)
            daemon.until(lambda n=turn: self.agent.log().count('event=reloaded') > n, meaning='the reload')
            reloaded = len(self.agent.log()[:self.agent.log().rindex('event=reloaded')])
            daemon.until(lambda at=reloaded: 'event=published' in self.agent.log()[at:], meaning='the first images there')
            first = next(line for line in self.agent.log()[reloaded:].splitlines() if 'event=published' in line)
            self.assertEqual(7, int(first.split(' images=')[1].split()[0]) & 7, first)  # passwd, shadow, group
        there = os.listdir(other)  # of the last generations, be the first one among them or not
        for generation in {name.split('.')[1] for name in there if name.rpartition('.')[2].isdigit()}:
            self.assertLessEqual({'%s.%s' % (kind, generation) for kind in ('passwd', 'group', 'shadow')}, set(there))

    def break_records(self):
        """The agent's file of records cannot be read any more, as when the disk below it fails."""
        broken = 0
        folder = '/proc/%d/fd/' % self.agent.process.pid
        for fd in os.listdir(folder):
            if os.readlink(folder + fd).endswith(' (deleted)') and os.stat(folder + fd).st_size > 1 << 20:
                os.truncate(folder + fd, 0)
                broken += 1
        self.assertEqual(1, broken)

    def check_records_lost(self, conf, change, *lookups):
        """The agent goes on, no lookup sees anything else than the domain, and changes come."""
        with open(os.path.join(self.d.folder, 'agent.conf'), 'w', encoding='ascii') as f:
            f.write(conf)
        self.ni('import', 'passwd', '-', stdin=''.join(
            'u%d:*:%d:100:%0900d:/home/u%d:/bin/sh\n' % (i, 10000 + i, i, i) for i in range(3000)))
        self.agent = daemon.Agent(self.d.folder)
        pid = self.agent.process.pid
        before = set(self.getent('passwd').splitlines())
        self.assertEqual(3000, len(before))
        self.break_records()
        change()
        self.logged('event=records-lost')
        for want, words in lookups:
            self.becomes(want, *words)
        self.assertLessEqual(len(before - set(self.getent('passwd').splitlines())), 1)
        self.assertLessEqual(self.agent.log().count('event=snapshot'), 3)  # a change that did not fit may have asked for one, too
        self.ni('set', '/users/u2999', 'shell=/bin/zsh')
        self.becomes('u2999:*:12999:100:%0900d:/home/u2999:/bin/zsh\n' % 2999, 'passwd', 'u2999')
        self.assertEqual(1, self.agent.log().count('event=records-lost'))
        self.assertEqual(pid, self.agent.process.pid)
        self.assertIsNone(self.agent.process.poll())

    def test_disk_below_the_records(self):
        """A change of a user whose record is in the file: the agent itself reads it."""
        self.check_records_lost('', lambda: self.ni('set', '/users/u1', 'shell=/bin/zsh'),
                                ('u1:*:10001:100:%0900d:/home/u1:/bin/zsh\n' % 1, ('passwd', 'u1')))

    def test_disk_below_the_records_of_the_process_beside(self):
        """A user with a contested number: whole images are made, by a process beside where there is one."""
        self.check_records_lost('beside = 1\n', lambda: self.ni('add', '/users/new', 'uid=10005', 'gid=100'),
                                ('new:*:10005:100::/:/bin/sh\n', ('passwd', 'new')),
                                ('u5:*:10005:100:%0900d:/home/u5:/bin/sh\n' % 5, ('passwd', '10005')))

    def test_another_domain(self):
        """Another epoch: what the new domain, read completely, does not have is gone."""
        self.add_ada()
        self.agent = daemon.Agent(self.d.folder)
        self.becomes(self.ada(), 'passwd', 'ada')
        self.d.stop()
        shutil.rmtree(os.path.join(self.d.folder, 'domains'))
        self.assertEqual(self.getent('passwd', 'ada'), self.ada())
        self.d.start()
        self.becomes('', 'passwd', 'ada')
        self.ni('add', '-p', '/users/eve', 'uid=5002', 'gid=100')
        self.becomes('eve:*:5002:100::/:/bin/sh\n', 'passwd', 'eve')

    def test_burst(self):
        """Many changes, few generations, and the last state in the end."""
        self.add_ada()
        self.agent = daemon.Agent(self.d.folder)
        with self.d.admin('local') as c:
            users = c.lookup(0, 'name', 'users')[1][0]
            ada = c.lookup(users, 'name', 'ada')[1][0]
            for n in range(500):
                self.assertEqual(c.edit('local', [rpc.op_set(rpc.ref(ada), 'shell', ['/bin/%d' % n])])[0], rpc.OK)
        self.becomes(self.ada('/bin/499'), 'passwd', 'ada')
        self.assertLess(self.agent.log().count('event=published'), 500)
        with self.d.admin() as c:
            self.logged(' seq=%d ' % c.status('local')['seq'])
        before = self.agent.log().count('event=published')
        self.ni('set', '/users/ada', 'picture=none')  # in nobody's image
        self.ni('set', '/users/ada', 'home=/home/ada2')
        self.becomes('ada:*:5001:100::/home/ada2:/bin/499\n', 'passwd', 'ada')
        with self.d.admin() as c:
            self.logged(' seq=%d ' % c.status('local')['seq'])
        self.assertEqual(self.agent.log().count('event=published'), before + 1)

    def test_secrets(self):
        """Hashes are in the shadow image only, and that is not for everybody."""
        self.add_ada()
        self.ni('import', 'shadow', '-', stdin='ada:$y$j9T$secret$hash:19000:0:99999:7:::\n')
        self.agent = daemon.Agent(self.d.folder)
        self.becomes('ada:x:5001:100::/home/ada:/bin/bash\n', 'passwd', 'ada')
        self.becomes('ada:$y$j9T$secret$hash:19000:0:99999:7:::\n', 'shadow', 'ada')
        with open('/proc/%d/limits' % self.agent.process.pid, encoding='ascii') as f:
            self.assertRegex(f.read(), r'Max core file size +0 +')
        folder = self.agent.ready['snapshots']
        for name in os.listdir(folder):
            with open(os.path.join(folder, name), 'rb') as f:
                self.assertEqual(b'secret' in f.read(), name.startswith('shadow.'), name)
            mode = stat.S_IMODE(os.stat(os.path.join(folder, name)).st_mode)
            if name.startswith(('shadow.', 'gshadow.')):
                self.assertEqual(mode & 0o7, 0, name)
            elif name not in ('control', 'followed'):
                self.assertEqual(mode, 0o444, name)

    def test_left_out(self):
        self.add_ada()
        self.ni('add', '/users/bad', 'uid=none', 'gid=100')
        self.agent = daemon.Agent(self.d.folder)
        self.becomes('', 'passwd', 'bad')
        self.assertIn('event=left-out count=1 first="user bad of local: uid is missing or no decimal number"', self.agent.log())

    def test_configuration(self):
        conf = os.path.join(self.d.folder, 'agent.conf')
        self.add_ada()
        with open(conf, 'w') as f:
            f.write('# mine\nmin_idd = 5\n')
        self.agent = daemon.Agent(self.d.folder)
        self.assertIsNone(self.agent.ready)
        self.assertEqual(self.agent.process.wait(30), 1)
        self.assertIn('agent.conf:2: `min_idd` is no key; did you mean min_id?', self.agent.log())
        with open(conf, 'w') as f:
            f.write('publish_interval = 1\n')
        self.agent.start()
        self.becomes(self.ada(), 'passwd', 'ada')
        with open(conf, 'w') as f:  # a mistake changes nothing
            f.write('publish_interval = never\n')
        self.agent.process.send_signal(signal.SIGHUP)
        self.logged('`publish_interval` must be a number')
        self.ni('set', '/users/ada', 'shell=/bin/zsh')
        self.becomes(self.ada('/bin/zsh'), 'passwd', 'ada')
        elsewhere = os.path.join(self.d.folder, 'elsewhere')
        with open(conf, 'w') as f:
            f.write('snapshots = %s\n' % elsewhere)
        self.agent.process.send_signal(signal.SIGHUP)
        self.logged('event=reloaded')
        until = time.monotonic() + PATIENCE
        while not os.path.exists(os.path.join(elsewhere, 'passwd.1')):
            self.assertLess(time.monotonic(), until, self.agent.log())
            time.sleep(0.005)

    def test_once_and_stop(self):
        self.add_ada()
        self.agent = daemon.Agent(self.d.folder, '--once')
        self.assertEqual(self.agent.process.wait(30), 0)
        self.assertEqual(self.agent.ready['users'], 1)
        self.assertEqual(self.getent('passwd', 'ada'), self.ada())
        self.agent = daemon.Agent(self.d.folder)
        self.assertEqual(self.agent.stop(), 0)
        self.assertEqual(self.getent('passwd', 'ada'), self.ada())  # images stay
        self.agent = None
        done = subprocess.run([daemon.PROGRAMS['agent'], '--no-such'], capture_output=True, text=True)
        self.assertEqual((done.returncode, 'usage:' in done.stderr), (2, True))

    def test_without_a_server(self):
        """It waits, and begins when there is one."""
        self.d.stop()
        read_end, write_end = os.pipe()
        with open(os.path.join(self.d.folder, 'agent.log'), 'ab') as log:
            p = subprocess.Popen([daemon.PROGRAMS['agent'], '--dir', self.d.folder, '--ready-fd', str(write_end)],
                                 pass_fds=[write_end], stderr=log)
        os.close(write_end)
        self.d.start()
        self.add_ada()
        with os.fdopen(read_end) as ready:
            self.assertTrue(ready.readline())
        p.send_signal(signal.SIGTERM)
        self.assertEqual(p.wait(30), 0)


if __name__ == '__main__':
    daemon.main()
