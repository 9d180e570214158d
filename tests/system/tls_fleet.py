#!/usr/bin/env python3
"""A fleet whose machines know each other, end to end (doc/tls.md): the first server, a machine that joins through somebody who
records every byte between them, what that one learns (nothing), and a machine that is taken out. On hosts made of namespaces.

usage: tls_fleet.py netinfod=PATH ni=PATH agent=PATH nss=PATH [unittest options]"""
import json
import os
import signal
import socket
import sys
import threading
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
import daemon  # noqa: E402
import fleet  # noqa: E402

ROME, BETWEEN, LEAF = '10.9.0.1', '10.9.0.9', '10.9.0.3'
USER, HASH, REAL = 'adalovelace', '$6$saltsaltsalt$' + 'Q7hXy3nB' * 10 + '/.', 'Augusta Ada Byron'
NSSWITCH = 'passwd: files netinfo\ngroup: files netinfo\nshadow: files netinfo\n'


class Recorder:
    """Passes streams from one address to another, and keeps all that it sees."""

    def __init__(self, host, at, to):
        self.host, self.to, self.seen, self.lock = host, to, bytearray(), threading.Lock()
        self.streams = []
        with host.inside():
            self.listener = socket.create_server(at)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with self.host.inside():
            while True:
                try:
                    near, _ = self.listener.accept()
                    far = socket.create_connection(self.to, timeout=60)
                except OSError:
                    return
                far.settimeout(None)
                self.streams += [near, far]
                for a, b in ((near, far), (far, near)):
                    threading.Thread(target=self.pass_on, args=(a, b), daemon=True).start()

    def pass_on(self, source, sink):
        try:
            while True:
                data = source.recv(65536)
                if not data:
                    break
                with self.lock:
                    self.seen += data
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def close(self):
        self.listener.close()
        for s in self.streams:
            s.close()


class TlsFleet(unittest.TestCase):
    def setUp(self):
        why = fleet.missing()
        if why:
            self.skipTest(why)
        self.f = fleet.Fleet()
        self.addCleanup(self.f.__exit__, None, None, None)

    def machine(self, name, address):
        h = self.f.host(name, address, etc={'/etc/nsswitch.conf': NSSWITCH})
        h.daemon(folder=os.path.join(h.folder, 'server'), listen=False, redact=True)
        h.env = h.environment()
        h.env.update(NETINFO_MACHINE=os.path.join(h.daemons[0].folder, 'machine'), LD_LIBRARY_PATH=os.path.dirname(daemon.PROGRAMS['nss']))
        return h

    def enrolment(self, h, *words, **more):
        return h.run(daemon.PROGRAMS['ni'], *words, '--dir', h.daemons[0].folder, env=h.env, **more)

    def must(self, h, *words, **more):
        done = self.enrolment(h, *words, **more)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def ni(self, h, *words, **more):
        env = dict(h.env, **more)
        return h.run(daemon.PROGRAMS['ni'], *words, env=env)

    def until_getent(self, h, name, wanted):
        def ask():
            return h.run('getent', 'passwd', name, env=h.env).stdout == wanted
        if not fleet.until(ask):
            self.fail('getent passwd %s on %s: %s\n%s' % (name, h.name, h.run('getent', 'passwd', name, env=h.env).stdout, h.agents[0].log()))

    def first_server(self):
        rome = self.machine('rome', ROME)
        self.must(rome, 'init')
        with open(os.path.join(rome.daemons[0].folder, 'netinfod.conf'), encoding='ascii') as f:
            self.assertEqual(f.read(), 'listen = 127.0.0.1:987 [::1]:987 %s:987\n' % ROME)
        daemon.until(lambda: 'tcp=%s:987' % ROME in rome.daemons[0].log() and 'event=tls-identity' in rome.daemons[0].log(), meaning='the door')
        done = rome.ni('add', '-d', 'network', '-p', '/users/' + USER, 'uid=5001', 'gid=5000', 'realname=' + REAL, 'home=/home/ada',
                       'shell=/bin/sh', '--file', 'passwd=-', input=HASH)
        self.assertEqual(done.returncode, 0, done.stderr)
        return rome

    def leaf(self, rome, at):
        leaf = self.machine('leaf', LEAF)
        agent = leaf.agent()
        text = self.must(rome, 'token', 'create', '--machine', 'leaf', '--at', at)
        self.must(leaf, 'join', input=text)
        agent.process.send_signal(signal.SIGHUP)
        return leaf, text

    def test_nothing_readable_crosses(self):
        rome = self.first_server()
        between = self.f.host('between', BETWEEN)
        recorder = Recorder(between, (BETWEEN, 987), (ROME, 987))
        self.addCleanup(recorder.close)
        leaf, text = self.leaf(rome, BETWEEN + ':987')
        self.until_getent(leaf, USER, '%s:*:5001:5000:%s:/home/ada:/bin/sh\n' % (USER, REAL))
        self.assertEqual(rome.ni('set', '-d', 'network', '/users/' + USER, 'shell=/bin/bash').returncode, 0)
        self.until_getent(leaf, USER, '%s:*:5001:5000:%s:/home/ada:/bin/bash\n' % (USER, REAL))
        with recorder.lock:
            seen = bytes(recorder.seen)
        self.assertGreater(len(seen), 4000)
        self.assertIn(b'STARTTLS', seen)
        for readable in (USER, REAL, HASH, 'saltsalt', '/home/ada', 'leaf', 'rome', text.split(';')[4]):
            self.assertNotIn(readable.encode(), seen)

    def test_who_is_let_in(self):
        rome = self.first_server()
        leaf, _ = self.leaf(rome, ROME + ':987')
        self.until_getent(leaf, USER, '%s:*:5001:5000:%s:/home/ada:/bin/sh\n' % (USER, REAL))
        words = ('get', '-s', ROME, '-d', 'network', '/users/' + USER)
        done = self.ni(leaf, *words)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(REAL, done.stdout)
        self.assertNotIn(HASH, done.stdout)
        self.assertNotEqual(self.ni(leaf, 'set', '-s', ROME, '-d', 'network', '/users/' + USER, 'shell=/x').returncode, 0)
        stranger = self.ni(leaf, *words, NETINFO_MACHINE='')
        self.assertNotEqual(stranger.returncode, 0)
        self.assertNotIn(REAL, stranger.stdout)
        # renewed by the authority's server, through TLS, with the same key
        machine = os.path.join(leaf.daemons[0].folder, 'machine')
        before = self.serials(rome)
        self.must(leaf, 'renew', '--now')
        self.assertEqual(len(self.serials(rome)), len(before) + 1)
        self.assertIn('event=renewed', rome.daemons[0].log())
        # taken out
        self.must(rome, 'machine', 'rm', '--yes', 'leaf')
        daemon.until(lambda: 'event=away' in leaf.agents[0].log(), meaning='the end of the connection on which the agent waits for changes')
        for done in (self.ni(leaf, *words), self.enrolment(leaf, 'renew', '--now')):
            self.assertNotEqual(done.returncode, 0)
            self.assertIn("this machine's certificate was withdrawn", done.stderr)
            self.assertNotIn('is netinfod running there?', done.stderr)
        self.assertEqual(set(os.listdir(machine)), {'authority.crt', 'machine.crt', 'machine.key'})
        # what it knew stays known; and it may come back
        self.until_getent(leaf, USER, '%s:*:5001:5000:%s:/home/ada:/bin/sh\n' % (USER, REAL))
        self.must(leaf, 'join', '--again', input=self.must(rome, 'token', 'create'))
        self.assertEqual(self.ni(leaf, *words).returncode, 0)

    def test_the_server_ends_while_somebody_withdrawn_waits(self):
        rome = self.first_server()
        leaf, _ = self.leaf(rome, ROME + ':987')
        self.until_getent(leaf, USER, '%s:*:5001:5000:%s:/home/ada:/bin/sh\n' % (USER, REAL))
        self.must(rome, 'machine', 'rm', '--yes', 'leaf')
        self.assertEqual(rome.daemons[0].stop(), 0)

    def serials(self, rome):
        found = json.loads(self.must(rome, 'machine', 'list', '--all', '--json'))
        return {m['serial'] for m in found if m['machine'] == 'leaf' and m['state'] == 'enrolled'}


if __name__ == '__main__':
    daemon.main()
