#!/usr/bin/env python3
"""The units and the Debian packages where they are at home: on machines that boot systemd. Run by `./dev fresh units`.

usage: units.py base=FOLDER packages=FOLDER newer=FOLDER [unittest options]
  base      a Debian root with systemd and what the packages depend on
  packages  the packages; newer: the same with a higher version"""
import glob
import hashlib
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
import daemon  # noqa: E402
import fleet  # noqa: E402
import machine  # noqa: E402
import rpc  # noqa: E402

GIVEN = daemon.PROGRAMS
SERVER = ('netinfo-server', 'netinfo-tools')
CLIENT = ('netinfo-agent', 'libnss-netinfo')
ALL = SERVER + CLIENT + ('libnetinfo1', 'libnetinfo-dev')
UNITS = ('netinfod.service', 'netinfod.socket', 'netinfod-port.socket', 'netinfo-agent.service')
ADA = ('uid=5001', 'gid=5000', 'home=/tmp', 'shell=/bin/sh')
ADA_LINE = 'ada:*:5001:5000::/tmp:/bin/sh\n'
ACCOUNTS = {name + back for name in ('passwd', 'group', 'shadow', 'gshadow') for back in ('', '-')} | {'.pwd.lock'}


def tree(folder):
    """What is in a folder: {path: (kind and mode, owner, group, content)}."""
    found = {}
    for where, folders, files in os.walk(folder):
        for name in folders + files:
            path = os.path.join(where, name)
            st = os.lstat(path)
            content = os.readlink(path) if os.path.islink(path) else ''
            if os.path.isfile(path) and not content:
                with open(path, 'rb') as f:
                    content = hashlib.sha256(f.read()).hexdigest()
            found[os.path.relpath(path, folder)] = (oct(st.st_mode), st.st_uid, st.st_gid, content)
    return found


class Case(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        why = machine.missing()
        if why:
            self.skipTest(why)
        self.fleet = fleet.Fleet()
        self.addCleanup(self.fleet.close)
        self.machines = []

    def tearDown(self):
        for m in self.machines:
            if m.leader and not self._outcome.success:
                print(m.run('journalctl', '--no-pager', '-n', '60', '-u', 'netinfo*').stdout)

    def machine(self, name='alpha', address='10.9.0.1', install=()):
        """A machine that is off; with packages, as if they had been installed while it was built."""
        m = machine.Machine(self.fleet, name, address, GIVEN['base'])
        self.addCleanup(m.remove)
        self.machines.append(m)
        os.mkdir(m.root + '/packages')
        for kind in ('packages', 'newer'):
            shutil.copytree(GIVEN[kind], m.root + '/packages/' + kind)
        if install:
            done = m.chroot('dpkg', '--install', *self.debs(m, install))
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return m

    def debs(self, m, names, kind='packages'):
        names = list(dict.fromkeys(('libnetinfo1', *names)))  # all programs need it: TLS is in it
        found = [path for name in names for path in glob.glob('%s/packages/%s/%s_*.deb' % (m.root, kind, name))]
        self.assertEqual(len(found), len(names), names)
        return [path[len(m.root):] for path in found]

    def install(self, m, names, kind='packages'):
        m.must('apt-get', 'install', '-q', '-y', '--no-install-recommends', *self.debs(m, names, kind))

    def until(self, what, meaning):
        return daemon.until(what, meaning=meaning)

    def is_active(self, m, unit):
        return m.run('systemctl', 'is-active', unit).stdout.strip() == 'active'

    def wait_active(self, m, *units):
        for unit in units:
            self.until(lambda u=unit: self.is_active(m, u), unit)

    def wait_answer(self, m, command, wanted):
        """Until the command prints this."""
        last = []

        def asks():
            last[:] = [m.run('sh', '-c', command).stdout]
            return last[0] == wanted
        try:
            self.until(asks, command)
        except AssertionError:
            self.assertEqual(last[0], wanted)

    def write(self, m, path, text, mode=0o644):
        full = m.root + path
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, 'w', encoding='utf-8') as f:
            f.write(text)
        os.chmod(full, mode)

    def units_are_well(self, m):
        self.assertEqual(m.must('systemctl', 'list-units', '--failed', '--plain', '--no-legend'), '')
        self.assertNotRegex(m.journal('-u', 'netinfod.service', '-u', 'netinfo-agent.service'), 'Failed|Main process exited')

    def rights(self, m, pid):
        words = m.must('grep', '-E', '^(Uid|CapEff|NoNewPrivs|Seccomp):', '/proc/%s/status' % pid)
        return dict((line.split(':')[0], line.split()[1]) for line in words.splitlines())


class Packages(Case):
    def test_life_of_the_packages(self):
        m = self.machine()
        before = tree(m.root + '/etc')
        m.boot()
        self.install(m, SERVER)
        m.must('systemctl', 'is-enabled', *UNITS[:3])
        self.wait_active(m, *UNITS[:3])
        self.assertRegex(m.must('ni', 'status'), r'(?m)^domain +local\n(.*\n)*role +master\n(.*\n)*you +superuser$')
        listeners = m.must('ss', '-Hltn', 'src', '10.9.0.1')
        self.assertEqual(listeners, '')  # this machine only
        self.assertEqual(len(re.findall(r' (127\.0\.0\.1|\[::1\]):987 ', m.must('ss', '-Hltn'))), 2)
        self.assertNotIn('netinfo', m.must('cat', '/etc/nsswitch.conf'))
        self.install(m, CLIENT)
        self.wait_active(m, 'netinfo-agent.service')
        m.must('ni', 'add', '-p', '/users/ada', *ADA)
        self.wait_answer(m, 'getent passwd ada', ADA_LINE)
        self.wait_answer(m, 'ni doctor', '14 checks: 0 errors, 0 warnings, 0 notes\n')
        self.assertIn('uid=5001(ada)', m.must('id', 'ada'))
        self.units_are_well(m)
        self.upgrade(m)
        self.assertEqual(m.must('getent', 'passwd', 'ada'), ADA_LINE)
        m.must('apt-get', 'remove', '-q', '-y', *SERVER, *CLIENT, 'libnetinfo1')
        self.assertEqual(tree(m.root + '/etc')['nsswitch.conf'], before['nsswitch.conf'])
        self.assertEqual(m.run('getent', 'passwd', 'ada').returncode, 2)
        self.assertEqual(m.run('pgrep', '-x', 'netinfod|netinfo-agent').returncode, 1)
        m.must('apt-get', 'purge', '-q', '-y', *SERVER, *CLIENT, 'libnetinfo1')
        self.check_purged(m, before)
        self.install(m, SERVER)  # what was kept is found again
        self.assertIn('uid: 5001', m.must('ni', 'get', '/users/ada'))

    def upgrade(self, m):
        """Nobody is refused meanwhile, and what an administrator has changed stays."""
        old = m.show('netinfod.service', 'MainPID')
        m.must('sed', '-i', r's/^\(hosts:.*\) netinfo/\1/', '/etc/nsswitch.conf')
        m.must('sed', '-i', '$a# mine', '/etc/netinfo/netinfod.conf')
        chosen = m.must('cat', '/etc/nsswitch.conf')
        over, failed, asked = threading.Event(), [], [0]

        def ask():
            while not over.is_set():
                for words in (('ni', 'get', '/users/ada', 'uid'), ('ni', 'get', '-s', '127.0.0.1:987', '/users/ada', 'uid'),
                              ('getent', 'passwd', 'ada')):
                    done = m.run(*words)
                    asked[0] += 1
                    if done.returncode:
                        failed.append((words, done.stderr))
        asker = threading.Thread(target=ask)
        asker.start()
        try:
            self.install(m, SERVER + CLIENT, 'newer')
            self.wait_active(m, *UNITS)
        finally:
            over.set()
            asker.join()
        self.assertEqual(failed, [])
        self.assertGreater(asked[0], 3)
        self.assertNotEqual(m.show('netinfod.service', 'MainPID'), old)
        self.assertEqual(m.must('cat', '/etc/nsswitch.conf'), chosen)
        self.assertIn('# mine', m.must('cat', '/etc/netinfo/netinfod.conf'))
        m.must('sed', '-i', r's/^\(hosts: *files\)/\1 netinfo/', '/etc/nsswitch.conf')

    def check_purged(self, m, before):
        after = tree(m.root + '/etc')
        changed = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
        self.assertLessEqual(changed, ACCOUNTS | {'ld.so.cache', 'machine-id', 'hostname', 'resolv.conf', 'mtab'})
        for name in ('passwd', 'group'):  # the user stays, as Debian's packages keep theirs: files may be his
            with open('%s/etc/%s' % (m.root, name), encoding='utf-8') as f:
                self.assertIn('netinfo:', f.read())
        self.assertTrue(os.path.isdir(m.root + '/var/lib/netinfo/domains/local'))
        for gone in ('/etc/netinfo', '/var/lib/netinfo/snapshots', '/var/lib/netinfo/agent', '/var/lib/netinfo/nsswitch.before',
                     '/usr/sbin/netinfod', '/lib/systemd/system/netinfod.service'):
            self.assertFalse(os.path.exists(m.root + gone), gone)
        if m.leader:
            self.assertNotEqual(m.run('systemctl', 'cat', 'netinfod.service').returncode, 0)

    def test_where_systemd_does_not_run(self):
        """As an image is built: nothing is started, and what is installed first does not matter."""
        m = self.machine()
        before = tree(m.root + '/etc')
        for order in (CLIENT + SERVER, SERVER + CLIENT):
            for name in order:
                done = m.chroot('dpkg', '--force-depends', '--install', *self.debs(m, [name]))
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            with open(m.root + '/etc/nsswitch.conf', encoding='utf-8') as f:
                self.assertEqual(len(re.findall(' netinfo', f.read())), 11)
            self.assertEqual(m.chroot('getent', 'passwd', 'root').returncode, 0)
            done = m.chroot('dpkg', '--purge', *order)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            after = tree(m.root + '/etc')
            self.assertLessEqual({p for p in before.keys() | after.keys() if before.get(p) != after.get(p)}, ACCOUNTS | {'ld.so.cache'})

    def test_library(self):
        m = self.machine(install=ALL)
        said = m.chroot('ldconfig', '-p').stdout
        for name in ('libnetinfo.so.1', 'libnetinfo.so', 'libnss_netinfo.so.2'):
            self.assertRegex(said, r'(?m)^\s%s \(' % re.escape(name))


class Service(Case):
    def setUp(self):
        super().setUp()
        self.m = self.machine(install=SERVER + CLIENT)

    def start(self, *options):
        self.m.boot(*options)
        self.wait_active(self.m, *UNITS)
        return self.m

    def test_rights(self):
        m = self.start()
        monitor = m.show('netinfod.service', 'MainPID')
        server = m.must('pgrep', '-P', monitor).strip()
        user = m.must('id', '-u', 'netinfo').strip()
        self.assertEqual(self.rights(m, monitor), {'Uid': user, 'CapEff': '%016x' % (1 << 10), 'NoNewPrivs': '1', 'Seccomp': '2'})
        self.assertEqual(self.rights(m, server), {'Uid': user, 'CapEff': '0' * 16, 'NoNewPrivs': '1', 'Seccomp': '2'})
        agent = self.rights(m, m.show('netinfo-agent.service', 'MainPID'))
        self.assertEqual(agent, {'Uid': '0', 'CapEff': '%016x' % 1, 'NoNewPrivs': '1', 'Seccomp': '2'})
        for unit, most in (('netinfod.service', 2.0), ('netinfo-agent.service', 2.1)):
            said = m.must('systemd-analyze', 'security', '--no-pager', unit)
            print(*(line for line in said.splitlines() if line.startswith('✗') or 'Overall' in line), sep='\n')
            self.assertLessEqual(float(re.search(r'Overall exposure level for \S+: ([0-9.]+)', said)[1]), most, said)
        said = m.run('systemd-analyze', 'verify', '--man=no', *UNITS)
        self.assertEqual((said.returncode, said.stdout + said.stderr), (0, ''))
        self.assertRegex(m.journal('-u', 'netinfo-agent'), 'event=connected domain="local" peer=unix:/run/netinfo/netinfod.sock .* you=superuser')

    def test_journal(self):
        """Lines have the priority that they should have, and no time of their own."""
        m = self.start()
        self.write(m, '/etc/netinfo/netinfod.conf', 'nonsense = 1\n')
        m.must('systemctl', 'reload', 'netinfod')
        said = self.until(lambda: m.journal('-u', 'netinfod', '-p', 'warning'), 'a complaint in the journal')
        self.assertRegex(said, 'netinfod.conf')
        self.assertNotIn('event=ready', said)
        self.assertRegex(m.journal('-u', 'netinfod', '-p', 'notice'), '(?m)^level=notice event=ready ')

    def test_activation_stop_reload(self):
        m = self.start()
        m.must('systemctl', 'stop', 'netinfod.service')
        self.assertEqual(m.show('netinfod.service', 'Result'), 'success')
        self.assertFalse(self.is_active(m, 'netinfod.service'))
        self.assertTrue(self.is_active(m, 'netinfod.socket'))
        self.assertIn('superuser', m.must('ni', 'status'))  # the first connection starts it
        self.wait_active(m, 'netinfod.service')
        pid = m.show('netinfod.service', 'MainPID')
        self.write(m, '/etc/netinfo/netinfod.conf', 'listen = 127.0.0.1:987 10.9.0.1:987\nlegacy_read_networks = 10.9.0.0/24\n')
        m.must('systemctl', 'reload', 'netinfod')
        other = self.fleet.host('beta', '10.9.0.2')
        with other.inside():
            conn = self.until(lambda: self.reaches(('10.9.0.1', 987)), 'the new door')
            self.assertEqual(conn.root()[0], rpc.OK)
            conn.close()
        self.assertEqual(m.show('netinfod.service', 'MainPID'), pid)
        m.must('systemctl', 'stop', 'netinfod.service', 'netinfod.socket')
        self.assertEqual(m.run('ss', '-Hltn', 'sport = :987').stdout, '')
        self.assertFalse(os.path.exists('/proc/%d/root/run/netinfo/netinfod.sock' % m.leader))
        m.must('systemctl', 'start', 'netinfod.service')  # brings its sockets
        self.assertIn('superuser', m.must('ni', 'status'))

    def reaches(self, address):
        try:
            return rpc.Conn(address)
        except ConnectionRefusedError:
            return None

    def test_restarts_lose_nothing(self):
        """Writes go on while the service is restarted, killed, and hangs: each that was acknowledged is there at the end."""
        self.write(self.m, '/etc/systemd/system/netinfod.service.d/test.conf', '[Service]\nWatchdogSec=2\n')
        m = self.start()
        done, failed, over = [], [], threading.Event()

        def write():
            for i in range(100000):
                if over.is_set():
                    return
                (failed if m.run('ni', 'add', '-p', '/users/u%d' % i).returncode else done).append(i)
        writer = threading.Thread(target=write)
        writer.start()
        try:
            self.until(lambda: len(done) > 3, 'the first writes')
            m.must('systemctl', 'restart', 'netinfod.service')
            self.until(lambda n=len(done): len(done) > n + 3, 'writes after a restart')
            self.assertEqual(failed, [])  # callers waited
            for number, whom in (('KILL', 'monitor'), ('KILL', 'server'), ('STOP', 'server')):
                monitor = m.show('netinfod.service', 'MainPID')
                server = m.must('pgrep', '-P', monitor).strip()
                m.must('kill', '-' + number, monitor if whom == 'monitor' else server)
                self.until(lambda s=server: m.run('ps', '-o', 'stat=', s).stdout.strip()[:1] in ('', 'Z'), 'the end of the old server')
                self.wait_active(m, 'netinfod.service')
                self.until(lambda n=len(done): len(done) > n + 3, 'writes after %s of the %s' % (number, whom))
        finally:
            over.set()
            writer.join()
        there = set(re.findall(r'/users/(u\d+)', m.must('ni', 'find', '/users')))
        self.assertLessEqual({'u%d' % i for i in done}, there)
        self.assertIn('watchdog', m.journal('-u', 'netinfod.service').lower())

    def test_read_only_root(self):
        m = self.m
        m.boot()
        m.must('ni', 'add', '-p', '/users/ada', *ADA)
        self.wait_answer(m, 'getent passwd ada', ADA_LINE)
        m.halt()
        os.makedirs(self.fleet.folder + '/var', exist_ok=True)
        kept = self.fleet.folder + '/var/netinfo'
        shutil.copytree(m.root + '/var/lib/netinfo', kept)
        for where, folders, files in os.walk(m.root + '/var/lib/netinfo'):  # with their owners
            for name in folders + files:
                st = os.lstat(os.path.join(where, name))
                os.lchown(os.path.join(kept, os.path.relpath(os.path.join(where, name), m.root + '/var/lib/netinfo')), st.st_uid, st.st_gid)
        m.boot('--read-only', '--tmpfs=/var/log', '--tmpfs=/var/tmp', '--bind=%s:/var/lib/netinfo' % kept)
        self.assertNotEqual(m.run('touch', '/etc/x').returncode, 0)
        self.wait_active(m, *UNITS)
        self.assertEqual(m.must('getent', 'passwd', 'ada'), ADA_LINE)
        m.must('ni', 'set', '/users/ada', 'shell=/bin/bash')
        self.wait_answer(m, 'getent passwd ada', ADA_LINE.replace('/bin/sh', '/bin/bash'))

    def test_historical(self):
        """Port 111 for the binder, and 1033 for `local`: opened by the monitor."""
        self.write(self.m, '/etc/netinfo/netinfod.conf', 'historical = yes\nlegacy_read_networks = 127.0.0.0/8\n')
        m = self.start()
        ports = m.must('ss', '-Hlun', 'sport = :111')
        self.assertIn(':111', ports)
        self.assertIn(':1033', m.must('ss', '-Hltn', 'sport = :1033'))
        self.units_are_well(m)


EARLY = """[Unit]
DefaultDependencies=no
After=local-fs.target
Before=sysinit.target netinfo-agent.service netinfod.service netinfod.socket
[Service]
Type=oneshot
RemainAfterExit=yes
%s
ExecStart=/bin/sh -c 'id -un; getent passwd ada; ! test -e /run/netinfo/snapshots'
StandardOutput=file:/%s
[Install]
WantedBy=sysinit.target
"""
LATE = """[Unit]
After=nss-user-lookup.target
[Service]
Type=oneshot
RemainAfterExit=yes
User=ada
ExecStart=/usr/bin/id -un
StandardOutput=file:/late
[Install]
WantedBy=multi-user.target
"""


class Boot(Case):
    def setUp(self):
        super().setUp()
        self.m = self.machine(install=SERVER + CLIENT)
        self.m.boot()
        self.wait_active(self.m, *UNITS)
        self.m.must('ni', 'add', '-p', '/users/ada', *ADA)
        self.wait_answer(self.m, 'getent passwd ada', ADA_LINE)

    def read(self, path):
        with open(self.m.root + path, encoding='utf-8') as f:
            return f.read()

    def well(self, m, lookups=True):
        """What everybody needs, at once: a lookup that does not exist, root, logind, a program run as somebody."""
        self.assertEqual(m.must('id', '-un', 'root'), 'root\n')
        self.assertEqual(m.run('getent', 'passwd', 'nobody-such', timeout=60).returncode, 2)
        self.wait_active(m, 'systemd-logind', 'dbus')
        m.must('loginctl', 'list-sessions')
        m.must('systemd-run', '--quiet', '--wait', '--uid=nobody', 'true')
        if lookups:
            self.assertEqual(m.must('getent', 'passwd', 'ada'), ADA_LINE)
            m.must('systemd-run', '--quiet', '--wait', '--uid=ada', 'true')

    def test_lookups_before_the_agent(self):
        m = self.m
        self.write(m, '/etc/systemd/system/early.service', EARLY % ('', 'early'))
        self.write(m, '/etc/systemd/system/early-ada.service', EARLY % ('User=ada', 'early-ada'))
        self.write(m, '/etc/systemd/system/late.service', LATE)
        m.must('systemctl', 'enable', 'early.service', 'early-ada.service', 'late.service')
        m.halt()
        self.assertEqual(m.boot(), 'running')
        # from the durable copy: there were no live images yet, and no process of ours
        self.assertEqual(self.read('/early'), 'root\n' + ADA_LINE)
        self.assertEqual(self.read('/early-ada'), 'ada\n' + ADA_LINE)
        self.assertEqual(self.read('/late'), 'ada\n')
        self.well(m)
        m.must('systemctl', 'start', 'user@5001.service')
        # power cuts: the same
        m.cut()
        self.assertEqual(m.boot(), 'running')
        self.assertEqual(self.read('/early-ada'), 'ada\n' + ADA_LINE)
        self.well(m)

    def test_without_any_program(self):
        """The packages' programs do not start: lookups go on, and nobody waits."""
        m = self.m
        self.write(m, '/etc/systemd/system/late.service', LATE)
        m.must('systemctl', 'enable', 'late.service')
        m.halt()
        for program in ('netinfod', 'netinfo-agent'):
            self.write(m, '/usr/sbin/' + program, '#!/bin/false\n', 0o755)
        m.boot()
        self.assertEqual(self.read('/late'), 'ada\n')
        self.well(m)
        for unit in ('netinfod.service', 'netinfo-agent.service'):
            self.assertFalse(self.is_active(m, unit))
            self.until(lambda u=unit: m.show(u, 'NRestarts') != '0', 'tried again: ' + unit)

    def test_damaged_images(self):
        m = self.m
        m.must('systemctl', 'disable', *UNITS)
        m.halt()
        for path in glob.glob(m.root + '/var/lib/netinfo/snapshots/*'):
            with open(path, 'r+b') as f:
                size = os.fstat(f.fileno()).st_size
                f.write(b'\xff' * size)
        self.assertEqual(m.boot(), 'running')
        self.well(m, lookups=False)
        self.assertEqual(m.run('getent', 'passwd', 'ada').returncode, 2)
        m.must('systemctl', 'start', 'netinfo-agent.service')  # what it keeps beside them
        self.wait_answer(m, 'getent passwd ada', ADA_LINE)

    def test_server_that_cannot_be_reached(self):
        """Packets vanish: the machine boots, and keeps what it knows. It never had another server than its own before."""
        m = self.m
        m.must('systemctl', 'disable', *UNITS[:3])
        self.write(m, '/etc/netinfo/agent.conf', 'server = 10.9.0.99:987\n')
        m.halt()
        self.assertEqual(m.boot(), 'running')
        self.wait_active(m, 'netinfo-agent.service')
        self.well(m, lookups=False)

    def test_port_is_taken(self):
        """Somebody has the port before us: the machine is served all the same, log and doctor name the holder, and the port is
        opened when it is free."""
        m = self.m
        self.write(m, '/thief', 'import socket, time\ns = socket.create_server(("127.0.0.1", 987))\nwhile True:\n    time.sleep(1000)\n')
        self.write(m, '/etc/systemd/system/thief.service', '[Unit]\nDefaultDependencies=no\nBefore=netinfod-port.socket\n[Service]\nType=exec\n'
                   'ExecStart=/usr/bin/python3 /thief\nExecStartPost=/bin/sleep 1\n[Install]\nWantedBy=sysinit.target\n')
        m.must('systemctl', 'enable', 'thief.service')
        m.halt()
        m.boot()
        self.well(m)
        self.wait_active(m, 'netinfod.service', 'netinfod.socket', 'netinfo-agent.service')
        self.assertEqual(m.must('systemctl', 'list-units', '--failed', '--plain', '--no-legend').split()[:1], ['netinfod-port.socket'])
        self.assertRegex(m.journal('-u', 'netinfod-port.socket'), '127.0.0.1:987.*Address already in use')
        self.assertRegex(m.journal('-u', 'netinfod.service', '-p', 'err'), 'event=listen-held reason="tcp 127.0.0.1:987 is held by ')
        m.must('ni', 'set', '/users/ada', 'shell=/bin/bash')  # writes, too
        self.wait_answer(m, 'getent passwd ada', ADA_LINE.replace('/bin/sh', '/bin/bash'))
        m.must('ni', 'status', '-s', '[::1]:987')  # the other one was free
        self.assertRegex(m.run('ni', 'doctor').stdout, r'error +tcp 127\.0\.0\.1:987: it is held by pid \d+ \(python3\)')
        pid = m.show('netinfod.service', 'MainPID')
        m.must('systemctl', 'disable', '--now', 'thief.service')
        self.until(lambda: m.run('ni', 'status', '-s', '127.0.0.1:987').returncode == 0, 'the port is opened')
        self.assertEqual(m.show('netinfod.service', 'MainPID'), pid)
        self.wait_answer(m, 'ni doctor', '14 checks: 0 errors, 0 warnings, 0 notes\n')
        m.must('systemctl', 'restart', 'netinfod.service')
        self.wait_active(m, *UNITS)
        m.must('ni', 'status', '-s', '127.0.0.1:987')
        self.assertEqual(m.must('systemctl', 'list-units', '--failed', '--plain', '--no-legend'), '')
        m.halt()
        self.assertEqual(m.boot(), 'running')
        self.wait_active(m, *UNITS)


class Fleet(Case):
    def test_clone_below_the_units(self):
        """Master and clone on port 987, as doc/fleet.md says: netinfod.conf is all."""
        a, b = self.machine('alpha', '10.9.0.1', SERVER), self.machine('beta', '10.9.0.2', SERVER + CLIENT)
        for m, address in ((a, '10.9.0.1'), (b, '10.9.0.2')):
            self.write(m, '/etc/netinfo/netinfod.conf',
                       'listen = 127.0.0.1:987 %s:987\nlegacy_read_networks = 10.9.0.0/24\nlow_ports = yes\n' % address)
            m.boot()
            self.wait_active(m, 'netinfod.service')
        a.must('ni', 'domain', 'create', 'network')
        self.write(a, '/secret', 'secret-hash', 0o600)
        a.must('ni', 'add', '-d', 'network', '-p', '/users/ada', *ADA, '--file', 'passwd=/secret')
        a.must('ni', 'add', '-d', 'network', '-p', '/machines/beta', 'ip_address=10.9.0.2', 'serves=./network')
        b.must('ni', 'domain', 'clone', 'network', '--from', '10.9.0.1/network')
        self.until(lambda: 'following' in b.run('ni', 'domain', 'replica').stdout, 'the clone follows')
        self.until(lambda: 'secret-hash' in b.run('ni', 'get', '-d', 'network', '/users/ada').stdout, 'secrets too')
        b.must('ni', 'add', '/machines/alpha', 'ip_address=10.9.0.1', 'serves=../network')
        self.wait_answer(b, 'getent passwd ada', ADA_LINE)
        a.cut()
        b.must('ni', 'domain', 'promote', 'network', '--yes')
        b.must('ni', 'set', '-d', 'network', '/users/ada', 'shell=/bin/bash')
        self.units_are_well(b)

    def test_machines_that_know_each_other(self):
        """One command on the server, one on the client (doc/tls.md), below the units: netinfod has no right at all there."""
        a, b = self.machine('alpha', '10.9.0.1', SERVER), self.machine('beta', '10.9.0.2', SERVER + CLIENT)
        for m in (a, b):
            m.boot()
            self.wait_active(m, 'netinfod.service')
        a.must('ni', 'init')
        a.must('ni', 'add', '-d', 'network', '-p', '/users/ada', *ADA)
        self.write(b, '/line', a.must('ni', 'token', 'create', '--machine', 'beta'), 0o600)
        b.must('sh', '-c', 'ni join --name beta < /line')
        self.wait_answer(b, 'getent passwd ada', ADA_LINE)
        for m in (a, b):
            self.assertEqual(m.must('stat', '-c', '%A %U:%G', '/var/lib/netinfo/machine/machine.key'), '-rw-r----- root:netinfo\n')
        self.assertEqual(a.must('stat', '-c', '%A %U:%G', '/var/lib/netinfo/authority'), 'drwx------ netinfo:netinfo\n')
        self.until(lambda: 'tls-identity machine=beta' in b.journal('-u', 'netinfod.service'), 'its server knows who it is, too')
        a.must('systemctl', 'restart', 'netinfod')
        a.must('ni', 'set', '-d', 'network', '/users/ada', 'shell=/bin/bash')
        self.wait_answer(b, 'getent passwd ada', ADA_LINE.replace('/bin/sh', '/bin/bash'))
        b.must('ni', 'renew', '--now')
        self.assertIn('event=renewed', a.journal('-u', 'netinfod.service'))
        a.must('ni', 'machine', 'rm', '--yes', 'beta')
        self.until(lambda: 'certificate was withdrawn' in b.run('ni', 'get', '-s', '10.9.0.1', '-d', 'network', '/users/ada').stderr, 'beta is out')
        self.assertIn('ada:', b.must('getent', 'passwd', 'ada'))  # what it knew stays


if __name__ == '__main__':
    for word in sys.argv[1:]:
        name, equals, path = word.partition('=')
        if equals and name in ('base', 'packages', 'newer'):
            GIVEN[name] = os.path.abspath(path)
    unittest.main(argv=[sys.argv[0], *(w for w in sys.argv[1:] if '=' not in w)])
