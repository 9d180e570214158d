#!/usr/bin/env python3
"""netinfod started as root with `user`, or by a user who may open low ports: a monitor that opens, and a server without rights
(doc/server.md 2.2)."""
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', 'lib'))
import daemon  # noqa: E402
import fleet  # noqa: E402
import ports  # noqa: E402
import rpc  # noqa: E402
from rpc import OK  # noqa: E402

USER = 'nobody'
BIND, SETGID, SETUID, KILL = 10, 6, 7, 5  # capabilities(7)


def wait_for(what, seconds=60):
    end = time.monotonic() + seconds
    while not what():
        if time.monotonic() > end:
            raise AssertionError('it did not happen')
        time.sleep(0.02)


def status(pid):
    with open('/proc/%d/status' % pid, encoding='ascii') as f:
        return dict(line.rstrip('\n').split(':\t', 1) for line in f if ':\t' in line)


def alive(pid):
    try:
        with open('/proc/%d/stat' % pid, encoding='ascii') as f:
            return f.read().rsplit(')', 1)[1].split()[0] != 'Z'
    except FileNotFoundError:
        return False


@unittest.skipUnless(os.geteuid() == 0, 'only root can give rights up')
class Monitor(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix='netinfo-monitor-')
        os.chmod(self.folder, 0o755)
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    options, prefix = ('-o', 'user=' + USER), ()

    def daemon(self, *options, listen='127.0.0.1:0', **more):
        d = daemon.Daemon(*self.options, *options, folder=self.folder, listen=listen, prefix=self.prefix, **more)
        self.addCleanup(lambda: d.process.poll() is None and d.kill())
        self.server = d.ready['server_pid']
        self.assertEqual(d.ready['pid'], d.process.pid)
        self.assertNotEqual(self.server, d.process.pid)
        return d

    def configure(self, text):
        with open(os.path.join(self.folder, 'netinfod.conf'), 'w', encoding='ascii') as f:
            os.fchmod(f.fileno(), 0o600)  # the server's user cannot read it: the monitor does
            f.write(text)

    def test_rights(self):
        d = self.daemon()
        uid, gid = pwd.getpwnam(USER)[2:4]
        s = status(self.server)
        self.assertEqual(s['Uid'].split(), [str(uid)] * 4)
        self.assertEqual(s['Gid'].split(), [str(gid)] * 4)
        self.assertLessEqual(set(s['Groups'].split()), set(map(str, os.getgrouplist(USER, gid))))
        for name in ('CapEff', 'CapPrm', 'CapInh', 'CapAmb'):
            self.assertEqual(int(s[name], 16), 0, name)
        self.assertEqual(s['NoNewPrivs'], '1')
        if 'event=sandbox off' not in d.log():  # a build with sanitizers has no filter
            self.assertEqual(s['Seccomp'], '2')
            self.assertIn('event=sandbox calls=', d.log())
        m = status(d.process.pid)
        most = 1 << BIND | 1 << SETGID | 1 << SETUID | 1 << KILL
        for name in ('CapEff', 'CapPrm', 'CapInh', 'CapAmb', 'CapBnd'):
            self.assertEqual(int(m[name], 16) & ~most, 0, name)
        self.assertEqual(m['NoNewPrivs'], '1')
        self.assertEqual(m['Threads'], '1')
        with d.admin() as c:  # root is still superuser on the socket
            self.assertEqual(c.status('local')['you'], b'superuser')
            self.assertEqual(c.createmaster('network'), OK)
        for where, folders, files in os.walk(os.path.join(self.folder, 'domains')):
            for name in [where, *(os.path.join(where, f) for f in folders + files)]:
                self.assertEqual(os.stat(name).st_uid, uid, name)
        # the monitor has no store open
        opened = [os.readlink('/proc/%d/fd/%s' % (d.process.pid, fd)) for fd in os.listdir('/proc/%d/fd' % d.process.pid)]
        self.assertEqual([name for name in opened if '/domains' in name], [])
        self.assertEqual(d.stop(), 0)
        self.assertFalse(alive(self.server))
        self.assertFalse(os.path.exists(os.path.join(self.folder, 'netinfod.sock')))

    def test_reload_opens_low_ports(self):
        """What SIGHUP brings: a port that the server itself could not open; and the ones that are gone are closed."""
        first, second, udp = ports.low(3)
        self.configure('listen = 127.0.0.1:%d\n' % first)
        d = self.daemon(listen=None, legacy=False)
        with rpc.Conn(('127.0.0.1', first)) as c:
            self.assertEqual(c.root()[0], OK)
        self.configure('listen = 127.0.0.1:%d 127.0.0.1:%d\nlegacy_read_networks = 127.0.0.0/8\n' % (second, udp))
        d.process.send_signal(signal.SIGHUP)
        wait_for(lambda: 'event=reload result=ok' in d.log())
        for port in (second, udp):
            with rpc.Conn(('127.0.0.1', port)) as c:
                self.assertEqual(c.root()[0], OK)
            rpc.result_of(rpc.udp(('127.0.0.1', port), rpc.call(3, rpc.NI, 0)), 3)
        with self.assertRaises(ConnectionRefusedError):
            rpc.Conn(('127.0.0.1', first))
        self.configure('listen = nonsense\n')  # a mistake: both keep what they have
        d.process.send_signal(signal.SIGHUP)
        wait_for(lambda: 'kept-the-old-one' in d.log())
        self.assertIn('netinfod.conf:1:', d.log())
        with rpc.Conn(('127.0.0.1', second)) as c:
            self.assertEqual(c.root()[0], OK)
        d.stop()

    def test_low_port_of_a_domain(self):
        """Opened when `tag_ports` names it, and only then."""
        good, bad = ports.low(2)
        d = self.daemon('-o', 'tag_ports=%d' % good)
        with d.admin() as c:
            for tag, port in (('good', good), ('bad', bad)):
                self.assertEqual(c.createmaster(tag), OK)
                self.assertEqual(c.select(tag), OK)
                self.assertEqual(c.createprop(c.root()[1], 'tcp_port', [str(port)])[0], OK)
        d.stop()
        d = self.daemon('-o', 'tag_ports=%d' % good)
        self.assertEqual(d.tag('good')[0][1], good)
        self.assertNotEqual(d.tag('bad')[0][1], bad)
        self.assertIn('event=monitor-refused', d.log())
        with rpc.Conn(('127.0.0.1', good)) as c:
            self.assertEqual(c.root()[0], OK)
        d.stop()

    def test_server_dies(self):
        """A crash: the same doors, and what was acknowledged, after a moment; callers wait meanwhile."""
        d = self.daemon()
        with d.admin() as c:
            self.assertEqual(c.createmaster('network'), OK)
            self.assertEqual(c.select('network'), OK)
            self.assertEqual(c.create(c.root()[1], {'name': 'kept'})[0], OK)
        os.kill(self.server, signal.SIGKILL)
        wait_for(lambda: 'event=server-crashed signal=9' in d.log())
        with rpc.Conn(d.tcp, timeout=60) as c:  # taken by the door that the monitor keeps
            self.assertEqual(c.root()[0], OK)
        with d.admin('network') as c:
            self.assertEqual(c.lookup(0, 'name', 'kept')[0], OK)
        self.assertEqual(d.log().count('event=ready'), 2)
        self.assertEqual(d.stop(), 0)

    def test_server_is_told_to_stop(self):
        d = self.daemon()
        os.kill(self.server, signal.SIGTERM)
        self.assertEqual(d.process.wait(60), 0)

    def test_monitor_dies(self):
        d = self.daemon()
        d.process.kill()
        d.process.wait(60)
        wait_for(lambda: not alive(self.server))
        self.assertIn('event=stopped result=ok', d.log())  # in order, not by force
        again = self.daemon()  # the lock is free
        again.stop()

    def test_starts_that_fail(self):
        held = socket.create_server(('127.0.0.1', 0))
        with held:
            for options, reason in ((('-o', 'user=there-is-none'), 'no such user'), (('-o', 'user=root'), 'it is root'),
                                    (('--listen', '127.0.0.1:%d' % held.getsockname()[1]), 'is held by pid %d' % os.getpid())):
                if '--listen' in options:
                    options = ('-o', 'user=' + USER, *options)
                done = subprocess.run([daemon.PROGRAMS['netinfod'], '--dir', self.folder, *options], capture_output=True, text=True,
                                      timeout=60, check=False)
                self.assertEqual(done.returncode, 1, done.stderr)
                self.assertIn('event=start-failed', done.stderr)
                self.assertIn(reason, done.stderr)
        strange = os.path.join(self.folder, 'domains')
        shutil.rmtree(strange, ignore_errors=True)
        os.mkdir(strange)
        os.chown(strange, 12345, 12345)
        done = subprocess.run([daemon.PROGRAMS['netinfod'], '--dir', self.folder, '--listen', '127.0.0.1:0', '-o', 'user=' + USER],
                              capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn('cannot be given to user', done.stderr)

    def test_create_as_root_is_the_users(self):
        done = subprocess.run([daemon.PROGRAMS['netinfod'], '--dir', self.folder, '-o', 'user=' + USER, '--create', 'network'],
                              capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        d = self.daemon()
        with d.admin('network') as c:
            self.assertEqual(c.root()[0], OK)
        d.stop()

    def test_inherited_sockets_survive_the_server(self):
        """A service manager's socket belongs to the monitor, and outlives a crash."""
        script = ('import os,sys\nos.dup2(int(sys.argv[1]), 3, inheritable=True)\nos.environ.update(LISTEN_FDS="1", '
                  'LISTEN_PID=str(os.getpid()))\nos.execv(sys.argv[2], sys.argv[2:])')
        log_path = os.path.join(self.folder, 'log')
        with socket.create_server(('127.0.0.1', 0)) as s, open(log_path, 'wb') as log:
            p = subprocess.Popen([sys.executable, '-c', script, str(s.fileno()), daemon.PROGRAMS['netinfod'], '--dir', self.folder,
                                  '-o', 'user=' + USER], pass_fds=[s.fileno()], stderr=log)
            self.addCleanup(lambda: p.poll() is None and p.kill())
            for _ in range(2):
                with rpc.Conn(s.getsockname(), timeout=60) as c:
                    self.assertEqual(c.root()[0], OK)
                with open('/proc/%d/task/%d/children' % (p.pid, p.pid), encoding='ascii') as f:
                    os.kill(int(f.read().split()[0]), signal.SIGKILL)
            with rpc.Conn(s.getsockname(), timeout=60) as c:
                self.assertEqual(c.root()[0], OK)
            p.terminate()
            self.assertEqual(p.wait(60), 0)

    def test_listen_may_name_what_the_manager_holds(self):
        script = ('import os,sys\nos.dup2(int(sys.argv[1]), 3, inheritable=True)\nos.environ.update(LISTEN_FDS="1", '
                  'LISTEN_PID=str(os.getpid()))\nos.execv(sys.argv[2], sys.argv[2:])')
        other, = ports.low(1)
        with socket.create_server(('127.0.0.1', 0)) as s:
            port = s.getsockname()[1]
            for listen, result in (('127.0.0.1:%d 127.0.0.1:%d' % (port, other), None), ('0.0.0.0:%d' % port, 'netinfod-port.socket')):
                p = subprocess.Popen([sys.executable, '-c', script, str(s.fileno()), daemon.PROGRAMS['netinfod'], '--dir', self.folder,
                                      '-o', 'user=' + USER, '--listen', listen.split()[0],
                                      *[w for more in listen.split()[1:] for w in ('--listen', more)], '--ready-fd', '1'],
                                     pass_fds=[s.fileno()], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
                self.addCleanup(lambda p=p: p.poll() is None and p.kill())
                if result:  # an address that includes the manager's: it cannot be had, and the reason says where to go
                    self.assertIn(result, p.communicate(timeout=60)[1])
                    self.assertEqual(p.returncode, 1)
                    continue
                self.assertTrue(p.stdout.readline())
                for at in (port, other):
                    with rpc.Conn(('127.0.0.1', at)) as c:
                        self.assertEqual(c.root()[0], OK)
                p.terminate()
                p.communicate(timeout=60)
                self.assertEqual(p.returncode, 0)


@unittest.skipUnless(os.geteuid() == 0 and shutil.which('setpriv'), 'only root can start a program as another user')
class UsersMonitor(Monitor):
    """As below a service manager: another user, with one capability. What the server asks for and gets is the same."""

    def setUp(self):
        super().setUp()
        self.options = ()
        uid, gid = pwd.getpwnam(USER)[2:4]
        os.chown(self.folder, uid, gid)
        self.prefix = ['setpriv', '--reuid', str(uid), '--regid', str(gid), '--clear-groups', '--inh-caps', '-all,+net_bind_service',
                       '--ambient-caps', '-all,+net_bind_service', '--bounding-set', '-all,+net_bind_service']

    def configure(self, text):
        super().configure(text)
        os.chmod(os.path.join(self.folder, 'netinfod.conf'), 0o644)

    def test_rights(self):
        d = self.daemon()
        uid, gid = pwd.getpwnam(USER)[2:4]
        for pid, most in ((self.server, 0), (d.process.pid, 1 << BIND)):
            s = status(pid)
            self.assertEqual((s['Uid'].split(), s['Gid'].split()), ([str(uid)] * 4, [str(gid)] * 4))
            self.assertEqual(s['NoNewPrivs'], '1')
            for name in ('CapEff', 'CapPrm', 'CapInh', 'CapAmb'):
                self.assertEqual(int(s[name], 16) & ~most, 0, name)
        self.assertEqual(int(status(d.process.pid)['CapEff'], 16), 1 << BIND)
        self.assertEqual(d.stop(), 0)
        self.assertFalse(alive(self.server))

    # These are about root, or start netinfod by themselves.
    test_starts_that_fail = test_create_as_root_is_the_users = test_inherited_sockets_survive_the_server = None
    test_listen_may_name_what_the_manager_holds = None


class LateNetwork(unittest.TestCase):
    def test_an_address_that_comes_later(self):
        """At boot: the door of an address that is not there yet is open once it is, and the others are open meanwhile."""
        why = fleet.missing()
        if why:
            self.skipTest(why)
        with fleet.Fleet() as f:
            os.chmod(f.folder, 0o755)  # the server's user has to reach it
            a, b = f.host('alpha', '10.9.0.1'), f.host('beta', '10.9.0.2')
            for options in ((), ('-o', 'user=' + USER)):
                d = a.daemon('-o', 'legacy_read_networks=10.9.0.0/24', *options, listen='10.9.0.7:987,127.0.0.1:987')
                self.assertIn('event=listen-absent tcp=10.9.0.7:987', d.log())
                self.assertNotIn('absent tcp=127', d.log())
                with a.inside(), rpc.Conn(('127.0.0.1', 987)) as c:
                    self.assertEqual(c.root()[0], OK)
                a.must('ip', 'addr', 'add', '10.9.0.7/24', 'dev', 'eth0')
                with b.inside(), rpc.Conn(('10.9.0.7', 987)) as c:
                    self.assertEqual(c.root()[0], OK)
                a.must('ip', 'addr', 'del', '10.9.0.7/24', 'dev', 'eth0')
                self.assertEqual(d.stop(), 0)


if __name__ == '__main__':
    daemon.main()
