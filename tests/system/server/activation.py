#!/usr/bin/env python3
"""Sockets that a service manager opened (doc/server.md 2.1), handed over by a small one in this file; and what the server tells
the manager (sd_notify)."""
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', 'lib'))
import daemon  # noqa: E402
import rpc  # noqa: E402
from rpc import OK  # noqa: E402

# Puts the descriptors it is given at 3, 4, ... and becomes the program: argv is FDS NAMES PID PROGRAM ...
# Descriptor 3 may be one of those to move: all go out of the way first.
MANAGER = '''
import fcntl, os, sys
fds = [int(n) for n in sys.argv[1].split(",") if n]
away = [fcntl.fcntl(n, fcntl.F_DUPFD, 100) for n in fds]
for i, n in enumerate(away):
    os.dup2(n, 3 + i, inheritable=True)
os.environ["LISTEN_FDS"] = sys.argv[2] or str(len(fds))
os.environ["LISTEN_FDNAMES"] = sys.argv[3]
os.environ["LISTEN_PID"] = sys.argv[4] or str(os.getpid())
os.execv(sys.argv[5], sys.argv[5:])
'''


def tcp(address='127.0.0.1', port=0, listen=True):
    s = socket.create_server((address, port)) if listen else socket.socket()
    if not listen:
        s.bind((address, port))
    return s


class Case(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix='netinfo-activation-')
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.process = None

    def start(self, sockets, *options, names='', count='', pid='', env=()):
        """The line of --ready-fd, or None when it did not start."""
        read_end, write_end = os.pipe()
        self.addCleanup(self.end)
        self.log_path = os.path.join(self.folder, 'log')
        fds = [s if isinstance(s, int) else s.fileno() for s in sockets]
        high = os.dup2(write_end, 200, inheritable=True)
        os.close(write_end)
        with open(self.log_path, 'wb') as log:
            self.process = subprocess.Popen(
                [sys.executable, '-c', MANAGER, ','.join(map(str, fds)), count, names, pid, daemon.PROGRAMS['netinfod'],
                 '--dir', self.folder, '--ready-fd', str(high), *options],
                pass_fds=[high, *fds], stdout=subprocess.DEVNULL, stderr=log, env={**os.environ, **dict(env)})
        os.close(high)
        with os.fdopen(read_end) as ready:
            line = ready.readline()
        if not line:
            self.code = self.process.wait(60)
        return json.loads(line) if line else None

    def log(self):
        with open(self.log_path, encoding='utf-8', errors='replace') as f:
            return f.read()

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(60)

    def stop(self):
        self.process.terminate()
        self.assertEqual(self.process.wait(60), 0, self.log())
        self.assertNotIn('Sanitizer', self.log())


class Sockets(Case):
    def test_they_are_the_doors(self):
        """Two TCP sockets and a UNIX socket: nothing else is opened, and the files of the manager stay."""
        path = os.path.join(self.folder, 'manager.sock')
        local = socket.socket(socket.AF_UNIX)
        local.bind(path)
        local.listen(8)
        one, two = tcp(), tcp()
        with one, two, local:
            early = rpc.Conn(one.getsockname())  # before the server is there: it waits in the queue
            early.send_call(rpc.NI, 0)
            ready = self.start([one, local, two], names='netinfod.socket:netinfod.socket:netinfod.socket')
            self.assertIsNotNone(ready, self.log())
            self.assertEqual(ready['binder_tcp'], one.getsockname()[1])
            self.assertFalse(os.path.exists(os.path.join(self.folder, 'netinfod.sock')))
            rpc.result_of(early.recv_record())
            for at in (one.getsockname(), two.getsockname(), path):
                with rpc.Conn(at) as c:
                    self.assertEqual(c.root()[0], OK)
            self.process.send_signal(signal.SIGHUP)  # a reload keeps them
            with rpc.Conn(path) as c:
                self.assertEqual(c.createmaster('network'), OK)
            with rpc.Conn(two.getsockname()) as c:
                self.assertEqual(c.root()[0], OK)
            self.stop()
        self.assertTrue(os.path.exists(path))

    def test_beside_configured_ones(self):
        with tcp() as one:
            ready = self.start([one], '--listen', '127.0.0.1:0')
            self.assertIsNotNone(ready, self.log())
            ports = {int(line.rsplit(':', 1)[1]) for line in self.log().splitlines() if 'event=listen tcp=' in line}
            self.assertEqual(len(ports), 2)
            self.assertIn(one.getsockname()[1], ports)
            for port in ports:
                with rpc.Conn(('127.0.0.1', port)) as c:
                    self.assertEqual(c.root()[0], OK)
            self.stop()

    def test_a_port_for_a_domain(self):
        """Named "tag": it waits for the domain whose port it is, and is no main door."""
        with tcp() as main, tcp() as mine:
            self.assertIsNotNone(self.start([main, mine], names='x:tag'), self.log())
            port = mine.getsockname()[1]
            with rpc.Conn(os.path.join(self.folder, 'netinfod.sock')) as c:
                self.assertEqual(c.getregister('local')[0], OK)
                self.assertNotEqual(c.getregister('local')[2], port)
                self.assertEqual(c.createmaster('network'), OK)
                self.assertEqual(c.select('network'), OK)
                self.assertEqual(c.createprop(c.root()[1], 'tcp_port', [str(port)])[0], OK)
            self.stop()
            self.assertIsNotNone(self.start([main, mine], names='x:tag'), self.log())
            with rpc.Conn(os.path.join(self.folder, 'netinfod.sock')) as c:
                self.assertEqual(c.getregister('network')[2], port)
            with rpc.Conn(mine.getsockname()) as c:
                self.assertEqual(c.root()[0], OK)
            self.stop()

    def test_for_somebody_else(self):
        """LISTEN_PID of another process: they are not ours."""
        with tcp() as one:
            ready = self.start([one], '--listen', '127.0.0.1:0', pid='1')
            self.assertIsNotNone(ready, self.log())
            self.assertEqual(self.log().count('event=listen tcp='), 1)
            self.assertNotIn(':%d\n' % one.getsockname()[1], self.log())
            self.stop()

    def test_what_is_no_door_stops_the_start(self):
        read_end, write_end = os.pipe()
        self.addCleanup(os.close, read_end)
        self.addCleanup(os.close, write_end)
        unheard = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        with tcp(listen=False) as mute, tcp() as good, unheard:
            for bad in (mute, read_end, unheard):
                self.assertIsNone(self.start([good, bad]))
                self.assertEqual(self.code, 1)
                self.assertIn('event=start-failed', self.log())
                self.assertIn('descriptor 4', self.log())
            for count in ('65', '-1', '1x', '99999999999999999999'):
                self.assertIsNone(self.start([good], count=count))
                self.assertIn('LISTEN_FDS', self.log())


def local(path):
    s = socket.socket(socket.AF_UNIX)
    s.bind(path)
    s.listen(8)
    return s


class Held(Case):
    """A main door that somebody else has (doc/server.md 2)."""

    def setUp(self):
        super().setUp()
        self.path = os.path.join(self.folder, 'manager.sock')

    def reaches(self, at):
        try:
            with rpc.Conn(at) as c:
                return c.root()[0] == OK
        except OSError:
            return False

    def check_comes_later(self, held, free, *options):
        """The sockets serve, the held port is named with its holder, and opened when that has gone."""
        at = held.getsockname()
        with local(self.path) as mine, held:
            ready = self.start([mine], '--listen', '127.0.0.1:%d' % at[1], '--listen', '127.0.0.1:%d' % free, *options)
            self.assertIsNotNone(ready, self.log())
            for door in (self.path, ('127.0.0.1', free)):
                self.assertTrue(self.reaches(door))
            said = [line for line in self.log().splitlines() if 'event=listen-held' in line]
            self.assertEqual(len(said), 1, self.log())
            self.assertIn('level=error', said[0])
            self.assertIn('tcp 127.0.0.1:%d is held by pid %d (' % (at[1], os.getpid()), said[0])
            with rpc.Conn(self.path) as c:
                self.assertEqual(self.row(c, 'doors_held'), [b'tcp 127.0.0.1:%d' % at[1]])
            self.process.send_signal(signal.SIGHUP)  # says it again
            daemon.until(lambda: self.log().count('event=listen-held') == 2, meaning='the holder is named at a reload')
        daemon.until(lambda: self.reaches(at), meaning='the port is opened when it is free')
        with rpc.Conn(self.path) as c:
            self.assertIsNone(self.row(c, 'doors_held'))
        self.assertEqual(self.log().count('event=listen tcp=127.0.0.1:%d' % at[1]), 1)
        self.stop()
        self.assertFalse(self.reaches(at))

    def row(self, c, name):
        return dict(c.statistics()).get(name.encode())

    def free_port(self):
        with tcp() as s:
            return s.getsockname()[1]

    def test_it_comes_later(self):
        self.check_comes_later(tcp(), self.free_port())

    @unittest.skipUnless(os.geteuid() == 0, 'only root can give rights up')
    def test_it_comes_later_through_the_monitor(self):
        os.chmod(self.folder, 0o755)
        self.check_comes_later(tcp(), self.free_port(), '-o', 'user=nobody')

    def test_reload_takes_it_back(self):
        """`listen` names it no more: it stays closed when its holder has gone."""
        held = tcp()
        at = held.getsockname()
        conf = os.path.join(self.folder, 'netinfod.conf')
        with open(conf, 'w', encoding='ascii') as f:
            f.write('listen = 127.0.0.1:%d\n' % at[1])
        with local(self.path) as mine, held:
            self.assertIsNotNone(self.start([mine]), self.log())
            with open(conf, 'w', encoding='ascii') as f:
                f.write('listen = 127.0.0.1:%d\n' % self.free_port())
            self.process.send_signal(signal.SIGHUP)
            daemon.until(lambda: 'event=reload result=ok' in self.log(), meaning='the reload')
            with rpc.Conn(self.path) as c:
                self.assertIsNone(self.row(c, 'doors_held'))
        self.stop()

    def test_nothing_would_serve(self):
        with tcp() as held:
            for options in ((), ('-o', 'user=nobody') if os.geteuid() == 0 else ()):
                os.chmod(self.folder, 0o755)
                self.assertIsNone(self.start([], '--listen', '127.0.0.1:%d' % held.getsockname()[1], '--socket', 'none', *options,
                                             env=(('NOTIFY_SOCKET', '/nowhere'),)))
                self.assertEqual(self.code, 1)
                self.assertIn('event=start-failed', self.log())
                self.assertIn('is held by pid %d (' % os.getpid(), self.log())

    def test_who_decides(self):
        """Somebody who starts it by hand hears no; below a manager it goes on; `wait_for_ports` says otherwise."""
        with tcp() as held:
            for managed, key, goes_on in ((False, 'auto', False), (False, 'yes', True), (True, 'auto', True), (True, 'no', False)):
                env = (('NOTIFY_SOCKET', '/nowhere'),) if managed else ()
                with self.subTest(managed=managed, key=key):
                    ready = self.start([], '--listen', '127.0.0.1:%d' % held.getsockname()[1], '-o', 'wait_for_ports=' + key, env=env)
                    if goes_on:
                        self.assertIsNotNone(ready, self.log())
                        self.assertEqual(ready['binder_tcp'], 0)
                        self.assertTrue(self.reaches(os.path.join(self.folder, 'netinfod.sock')))
                        self.stop()
                    else:
                        self.assertIsNone(ready)
                        self.assertEqual(self.code, 1)
                        self.assertIn('event=start-failed', self.log())


class Notify(Case):
    def messages(self, sock, until):
        got = []
        sock.settimeout(60)
        while not got or until not in got[-1]:
            got.append(sock.recv(4096).decode())
        return got

    def test_states(self):
        path = os.path.join(self.folder, 'notify')
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock, tcp() as one:
            sock.bind(path)
            self.assertIsNotNone(self.start([one], env=(('NOTIFY_SOCKET', path),)), self.log())
            self.assertEqual(self.messages(sock, 'READY'), ['READY=1'])
            self.process.send_signal(signal.SIGHUP)
            reloading, ready = self.messages(sock, 'READY')
            self.assertRegex(reloading, r'^RELOADING=1\nMONOTONIC_USEC=[0-9]+$')
            self.assertEqual(ready, 'READY=1')
            self.process.terminate()
            self.messages(sock, 'STOPPING=1')
            self.assertEqual(self.process.wait(60), 0)

    def test_watchdog(self):
        """The keep-alive comes as long as the loops turn; to nobody who did not ask."""
        path = os.path.join(self.folder, 'notify')
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock, tcp() as one:
            sock.bind(path)
            self.assertIsNotNone(self.start([one], env=(('NOTIFY_SOCKET', path), ('WATCHDOG_USEC', '3000000'))), self.log())
            self.messages(sock, 'WATCHDOG=1')
            self.messages(sock, 'WATCHDOG=1')
            self.stop()


if __name__ == '__main__':
    daemon.main()
