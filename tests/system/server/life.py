#!/usr/bin/env python3
"""Start, stop, reload, damage: netinfod as its administrator meets it."""
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', 'lib'))
import daemon  # noqa: E402
import ports  # noqa: E402
import rpc  # noqa: E402
from rpc import OK  # noqa: E402


def run(*words, **more):
    return subprocess.run([daemon.PROGRAMS['netinfod'], *words], capture_output=True, text=True, timeout=60, **more)


class Stop(unittest.TestCase):
    def test_graceful_under_load(self):
        """SIGTERM under sixteen pipelining writers: what was acknowledged is there after the next start."""
        acked, failures = {}, []
        with daemon.Daemon() as d:
            with d.admin() as c:
                self.assertEqual(c.createmaster('network'), OK)
                self.assertEqual(c.select('network'), OK)
                ids = [c.create(c.root()[1], {'name': 'w%d' % i, 'n': '0'})[1] for i in range(16)]
            ready = threading.Barrier(17, timeout=90)

            def work(i):
                id = ids[i]
                with d.admin('network') as c:
                    ready.wait()
                    n = 0
                    try:
                        while True:
                            for k in range(8):
                                args = rpc.u32(id[0], id[1] + n + k, 1) + rpc.namelist(['%d' % (n + k + 1)])
                                c.send_call(rpc.NI, 15, args)
                            for k in range(8):
                                status = rpc.result_of(c.recv_record()).u32()
                                if status != OK:
                                    failures.append((i, n + k, status))
                                    return
                                acked[i] = n + k + 1
                            n += 8
                    except (rpc.Closed, ConnectionError):
                        pass
            threads = [threading.Thread(target=work, args=(i,)) for i in range(16)]
            for t in threads:
                t.start()
            waiting = d.conn()
            xid = waiting.send_call(rpc.EXT, 2, rpc.changes_args('local', 1, wait_ms=30000))
            waiting.ping()
            ready.wait()
            daemon.until(lambda: len(acked) == 16 or failures, meaning='every writer has its first answer')
            d.stop()
            self.assertEqual(rpc.changes_result(rpc.result_of(waiting.recv_record(), xid))['entries'], [])
            for t in threads:
                t.join(60)
                self.assertFalse(t.is_alive())
            self.assertEqual(failures, [])
            self.assertFalse(os.path.exists(d.socket))
            d.start()
            with d.admin('network') as c:
                for i in range(16):
                    _, id, props = c.read(ids[i][0])
                    self.assertGreaterEqual(int(props[1][1][0]), acked[i])
                    self.assertEqual(id[1] - ids[i][1], int(props[1][1][0]))

    def test_sigint(self):
        with daemon.Daemon() as d:
            self.assertEqual(d.stop(signal.SIGINT), 0)


class Start(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix='netinfo-life-')

    def tearDown(self):
        shutil.rmtree(self.folder, ignore_errors=True)

    def test_help_version_usage(self):
        done = run('--help')
        self.assertEqual(done.returncode, 0)
        self.assertIn('examples:', done.stdout)
        self.assertRegex(run('--version').stdout, r'^netinfod \d')
        self.assertEqual(run('--nonsense').returncode, 2)
        self.assertEqual(run('word').returncode, 2)

    def test_mistakes_in_the_configuration(self):
        path = os.path.join(self.folder, 'netinfod.conf')
        with open(path, 'w', encoding='utf-8') as f:
            f.write('# ours\n\nlisten = 127.0.0.1:0\nlegacy_raed_networks = 10.0.0.0/8\n')
        done = run('--dir', self.folder)
        self.assertEqual(done.returncode, 1)
        self.assertIn('%s:4: unknown key' % path, done.stderr)
        self.assertIn('did you mean \\"legacy_read_networks\\"' if '\\"legacy' in done.stderr else
                      'did you mean "legacy_read_networks"', done.stderr)
        self.assertIn('cannot be read', run('--config', path + '.none').stderr)
        self.assertIn('command line: ', run('--dir', self.folder + '/x', '-o', 'redact=perhaps').stderr)

    def test_port_in_use_names_the_holder(self):
        with socket.socket() as s:
            s.bind(('127.0.0.1', 0))
            s.listen(1)
            port = s.getsockname()[1]
            done = run('--dir', self.folder, '--listen', '127.0.0.1:%d' % port)
            self.assertEqual(done.returncode, 1)
            self.assertIn('tcp 127.0.0.1:%d is held by pid %d' % (port, os.getpid()), done.stderr)
            self.assertIn('choose another port', done.stderr)

    def test_two_servers(self):
        with daemon.Daemon() as d:
            done = run('--dir', d.folder, '--listen', '127.0.0.1:0', '--socket', 'none')
            self.assertEqual(done.returncode, 1)
            self.assertIn('another netinfod serves this folder', done.stderr)
            done = run('--dir', d.folder, '--create', 'x')
            self.assertEqual(done.returncode, 1)
            self.assertIn('ni domain create x', done.stderr)
            other = run('--dir', self.folder, '--listen', '127.0.0.1:0', '--socket', d.socket)
            self.assertIn('another server answers there', other.stderr)

    def test_create_before_the_start(self):
        done = run('--create', 'network', '--dir', self.folder, '--host', 'alpha', '--address', '10.0.0.1')
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, '', ''))
        self.assertNotEqual(run('--create', 'network', '--dir', self.folder).returncode, 0)
        self.assertIn('no domain\'s tag', run('--create', '../x', '--dir', self.folder).stderr)
        made = os.path.join(self.folder, 'made')
        self.assertEqual(run('--create', 'x', '--dir', made).returncode, 0)
        modes = [os.stat(os.path.join(made, *p)).st_mode & 0o777 for p in ((), ('domains',), ('domains', 'x'))]
        self.assertEqual(modes, [0o755, 0o700, 0o700])  # the socket is for all, the databases are not
        with daemon.Daemon(folder=self.folder) as d:
            self.assertEqual(sorted(d.ready['domains']), ['local', 'network'])
            with d.admin('network') as c:
                self.assertEqual(c.readall(0)[1], 5)

    def test_first_start_makes_local_and_says_so(self):
        with daemon.Daemon() as d:
            self.assertEqual(list(d.ready['domains']), ['local'])
            self.assertIn('event=first-start tag=local', d.log())
            mode = os.stat(os.path.join(d.folder, 'domains', 'local')).st_mode & 0o777
            self.assertEqual(mode, 0o700)
            before = d.log().count('first-start')
            d.stop()
            d.start()
            self.assertEqual(d.log().count('first-start'), before)

    def test_a_damaged_domain_does_not_stop_the_others(self):
        with daemon.Daemon() as d:
            with d.admin() as c:
                self.assertEqual(c.createmaster('network'), OK)
            d.stop()
            data = os.path.join(d.folder, 'domains', 'network', 'data.mdb')
            whole = data + '.whole'
            os.rename(data, whole)
            with open(data, 'wb') as f:
                f.write(os.urandom(65536))
            d.start()
            self.assertFalse(d.ready['domains']['network']['serving'])
            self.assertIn('event=domain-broken tag=network', d.log())
            with d.admin() as c:
                self.assertEqual(c.select('local'), OK)
                self.assertEqual(c.root()[0], OK)
                self.assertEqual(c.select('network'), rpc.SYSTEMERR)
                self.assertEqual(c.status('network')['status'], rpc.SYSTEMERR)
                self.assertEqual(c.getregister('network')[0], rpc.NORESPONSE)
                self.assertEqual(c.createmaster('network'), rpc.DUPTAG)
                os.rename(whole, data)  # repaired: a reload looks again
                d.process.send_signal(signal.SIGHUP)
                daemon.until(lambda: c.select('network') == OK, meaning='network is served')
                self.assertEqual(c.readall(0)[1], 5)

    def test_every_repaired_domain_comes_back_at_a_reload(self):
        with daemon.Daemon() as d:
            with d.admin() as c:
                for tag in ('a', 'b', 'c'):
                    self.assertEqual(c.createmaster(tag), OK)
            d.stop()
            files = [os.path.join(d.folder, 'domains', tag, 'data.mdb') for tag in ('a', 'b', 'c')]
            for path in files:
                os.rename(path, path + '.away')
                with open(path, 'wb') as f:
                    f.write(b'x' * 100000)
            d.start()
            with d.admin() as c:
                for tag, path in zip('abc', files):
                    self.assertEqual(c.status(tag)['status'], rpc.SYSTEMERR)
                    os.rename(path + '.away', path)
                d.process.send_signal(signal.SIGHUP)
                daemon.until(lambda: 'event=reload result=ok' in d.log(), meaning='the reload')
                self.assertEqual([c.status(tag)['status'] for tag in 'abc'], [OK] * 3)

    def test_no_core_with_secrets(self):
        """What is in memory are other people's password hashes."""
        with daemon.Daemon() as d:
            with open('/proc/%d/limits' % d.process.pid, encoding='ascii') as f:
                self.assertRegex(f.read(), r'Max core file size +0 +')

    def test_ports_of_the_domain_and_of_old_libraries(self):
        with daemon.Daemon('-o', 'historical=yes') as d:
            (tcp, udp) = d.tag('local')
            if tcp[1] != 1033:
                self.assertIn('tag-port', d.log())  # somebody else has it: said, and another one taken
            free = ports.free()
            with d.admin('local') as c:
                self.assertEqual(c.createprop(c.root()[1], 'tcp_port', [str(free)])[0], OK)
            d.stop()
            d.start()
            self.assertEqual(d.tag('local')[0][1], free)
            d.stop()
            with socket.create_server(('127.0.0.1', free)):
                d.start()  # taken: another one, and the log says by whom
                self.assertNotEqual(d.tag('local')[0][1], free)
                self.assertIn('127.0.0.1:%d is held by pid %d ' % (free, os.getpid()), d.log())

    def test_manager_is_told(self):
        path = os.path.join(self.folder, 'notify')
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
            s.bind(path)
            s.settimeout(30)
            os.environ['NOTIFY_SOCKET'] = path
            try:
                with daemon.Daemon() as d:
                    self.assertEqual(s.recv(100), b'READY=1')
                    d.stop()
                    self.assertEqual(s.recv(100), b'STOPPING=1')
            finally:
                del os.environ['NOTIFY_SOCKET']

    def test_ready_line(self):
        with daemon.Daemon() as d:
            self.assertEqual(set(d.ready), {'pid', 'server_pid', 'binder_tcp', 'binder_udp', 'socket', 'folder', 'domains'})
            self.assertEqual(d.ready['pid'], d.process.pid)


class Reload(unittest.TestCase):
    def test_networks_ports_and_mistakes(self):
        folder = tempfile.mkdtemp(prefix='netinfo-life-')
        conf = os.path.join(folder, 'netinfod.conf')
        second = ports.free()
        with open(conf, 'w', encoding='utf-8') as f:
            f.write('listen = 127.0.0.1:0\n')
        try:
            with daemon.Daemon(folder=folder, legacy=False, listen=None) as d:
                def reload(text, result):
                    with open(conf, 'w', encoding='utf-8') as f:
                        f.write(text)
                    def results():
                        return [line for line in d.log().split('\n')[:-1] if 'event=reload result=' in line]  # lines that are whole
                    n = len(results())
                    d.process.send_signal(signal.SIGHUP)
                    daemon.until(lambda: len(results()) > n, meaning='the reload')
                    self.assertIn('event=reload result=' + result, results()[-1])
                old = d.conn()
                args = rpc.proplist({'name': 'x'}) + rpc.u32(rpc.APPEND, 0)
                anonymous = lambda c: c.ni('create', rpc.u32(*c.root()[1]) + args,  # noqa: E731
                                           rpc.auth_unix('x', 0)).u32()
                self.assertEqual(anonymous(old), rpc.PERM)  # credentials mean nothing yet
                reload('listen = 127.0.0.1:0, 127.0.0.1:%d\nlegacy_write_networks = 127.0.0.0/8\n' % second, 'ok')
                self.assertEqual(anonymous(old), rpc.NOUSER)  # now they are looked at, also on this connection
                with rpc.Conn(('127.0.0.1', second)) as c:
                    self.assertEqual(c.root()[0], OK)
                self.assertEqual(old.root()[0], OK)
                reload('listen = 127.0.0.1:0\nlisten twice\n', 'kept-the-old-one')
                with rpc.Conn(('127.0.0.1', second)) as c:
                    self.assertEqual(c.root()[0], OK)
                reload('listen = 127.0.0.1:0\n', 'ok')
                with self.assertRaises(ConnectionRefusedError):
                    rpc.Conn(('127.0.0.1', second))
                self.assertEqual(anonymous(old), rpc.PERM)
                old.close()
        finally:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == '__main__':
    daemon.main()
