#!/usr/bin/env python3
"""Whole images are made by a process beside the agent, which goes on publishing (doc/agent.md "Publishing"): what is seen while that
process is stopped, killed, or its agent dies.

usage: beside.py netinfod=PATH ni=PATH agent=PATH [unittest options]
NETINFO_TEST_LENGTH=quick, long: users of the domain, and times that somebody is killed."""
import os
import shutil
import signal
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
import daemon  # noqa: E402
from daemon import until  # noqa: E402
from sized import sized  # noqa: E402

USERS = sized(2000, 5000, 50000)  # the more, the longer the process beside lives
KILLS = sized(2, 4, 30)
TRIES = 200  # to stop the process beside before it is at its end
GROWN = 256  # touched records that the next quiet moment makes whole (doc/agent.md)


class Beside(unittest.TestCase):
    def setUp(self):
        self.d = daemon.Daemon(legacy=False)
        self.addCleanup(self.leave)
        self.durable = os.path.join(self.d.folder, 'durable')
        self.live = os.path.join(self.d.folder, 'snapshots')
        with open(os.path.join(self.d.folder, 'agent.conf'), 'w', encoding='utf-8') as f:
            f.write('beside = 0\ndurable = %s\n' % self.durable)
        lines = ''.join('u%d:x:%d:100::/home/u%d:/bin/sh\n' % (i, 10000 + i, i) for i in range(USERS))
        self.ni('import', 'passwd', '-', stdin=lines)
        self.running = None
        self.turn = 0
        self.agent = daemon.Agent(self.d.folder)

    def leave(self):
        if self.agent.process.poll() is None:
            self.assertEqual(self.agent.stop(), 0)
        self.d.stop()
        self.d.remove()

    def later(self, *words):
        """The same, without waiting: `ni` itself waits until what it wrote is seen."""
        env = dict(os.environ, NETINFO_SOCKET=self.d.socket, NETINFO_SNAPSHOTS=self.live)
        self.running = subprocess.Popen([daemon.PROGRAMS['ni'], *words], env=env)

    def ni(self, *words, stdin=''):
        env = dict(os.environ, NETINFO_SOCKET=self.d.socket, NETINFO_SNAPSHOTS=self.live)
        done = subprocess.run([daemon.PROGRAMS['ni'], *words], input=stdin, env=env, capture_output=True, text=True, timeout=120, check=False)
        self.assertIn(done.returncode, (0, 3), (words, done.stdout, done.stderr))
        return done.stdout

    def is_answered(self, *words):
        """Found or not found, and not: there are no images."""
        env = dict(os.environ, NETINFO_SNAPSHOTS=self.live)
        return subprocess.run([daemon.PROGRAMS['ni'], 'getent', *words], env=env, capture_output=True, timeout=60, check=False).returncode in (0, 3)

    def shell(self, user):
        line = self.ni('getent', 'passwd', user)
        return line.strip().split(':')[-1] if line else None

    def becomes(self, user, shell):
        until(lambda: self.shell(user) == shell, meaning='%s has %s' % (user, shell))

    def set(self, user, shell):
        self.ni('set', '/users/' + user, 'shell=' + shell)

    def child(self):
        pid = self.agent.process.pid
        try:
            with open('/proc/%d/task/%d/children' % (pid, pid), encoding='ascii') as f:
                children = f.read().split()
        except FileNotFoundError:
            return None
        return int(children[0]) if children else None

    def is_there(self, pid):
        try:
            with open('/proc/%d/stat' % pid, encoding='ascii') as f:
                return f.read().rpartition(')')[2].split()[0] != 'Z'
        except FileNotFoundError:
            return False

    def stopped(self, begin):
        """begin(i) makes whole images due; the process that makes them, stopped before its end."""
        for _ in range(TRIES):
            i = self.turn
            self.turn += 1
            finished = self.agent.log().count('event=making')
            begin(i)
            pid = self.await_child(finished)
            if pid and self.stop_child(pid):
                if self.running:
                    self.assertEqual(self.running.wait(60), 0)
                return pid
            if self.running:
                self.assertEqual(self.running.wait(60), 0)
        self.fail('%d processes were too fast for the test' % TRIES)

    def await_child(self, finished):
        end = time.monotonic() + 90
        while time.monotonic() < end:
            for _ in range(100):
                pid = self.child()
                if pid:
                    return pid
            if self.agent.log().count('event=making') > finished:
                return None
        return self.fail('no process beside')

    def stop_child(self, pid):
        try:
            os.kill(pid, signal.SIGSTOP)
        except ProcessLookupError:
            return False
        return self.is_stopped(pid)

    def is_stopped(self, pid):
        def state():
            try:
                with open('/proc/%d/stat' % pid, encoding='ascii') as f:
                    return f.read().rpartition(')')[2].split()[0]
            except FileNotFoundError:
                return 'gone'
        return until(lambda: state() in 'TtZX' or state() == 'gone') and state() in 'Tt'

    def contested(self, i):
        """Two users with one uid: no delta can say that."""
        if i % 2 == 0:
            self.later('add', '/users/twin', 'uid=10001', 'gid=100', 'home=/', 'shell=/bin/twin')
        else:
            self.later('rm', '/users/twin')

    def asides(self):
        return [n for folder in (self.live, self.durable) for n in os.listdir(folder) if n.startswith('aside')]

    def check(self):
        """Every image is sound, and nothing is left of what was made aside."""
        done = self.ni('snapshot', 'verify')
        self.assertNotIn('damaged', done)
        self.assertEqual(self.asides(), [])

    def test_changes_show_while_images_are_made(self):
        """Deltas have grown, a quiet moment makes them whole; what comes meanwhile is seen at once, and is seen afterwards."""
        lines = ''.join('u%d:x:%d:100::/home/u%d:/bin/grown\n' % (i, 10000 + i, i) for i in range(GROWN + 50))

        def grow(i):
            self.ni('import', 'passwd', '-', stdin=lines.replace('grown', 'grown%d' % i))
        pid = self.stopped(grow)
        for n in range(5):
            self.set('u7', '/bin/s%d' % n)
            self.becomes('u7', '/bin/s%d' % n)
            self.ni('add', '/users/new%d' % n, 'uid=%d' % (900000 + n), 'gid=100', 'home=/', 'shell=/bin/new')
            self.becomes('new%d' % n, '/bin/new')
        self.ni('rm', '/users/new0')
        self.becomes('new0', None)
        self.assertTrue(self.is_stopped(pid))  # all that was seen before it was done
        os.kill(pid, signal.SIGCONT)
        until(lambda: not self.child(), meaning='the end of the process beside')
        self.set('u8', '/bin/after')
        self.becomes('u8', '/bin/after')
        self.assertEqual([self.shell(u) for u in ('u7', 'new0', 'new4', 'u9')][:3], ['/bin/s4', None, '/bin/new'])
        until(lambda: not self.asides())
        self.check()

    def test_what_no_delta_can_say(self):
        """It is seen when the new images are there, with all that came meanwhile."""
        pid = self.stopped(self.contested)
        there = self.ni('get', '/users/twin') != ''
        self.set('u1', '/bin/later')
        self.ni('add', '-p', '/groups/crew', 'gid=300', 'users=u2')
        os.kill(pid, signal.SIGCONT)
        self.becomes('twin', '/bin/twin' if there else None)
        self.becomes('u1', '/bin/later')
        until(lambda: self.ni('getent', 'group', 'crew') == 'crew:*:300:u2\n')
        self.assertEqual(self.shell('10001'), '/bin/later')  # u1 was first
        until(lambda: not self.asides())
        self.check()

    def test_killed(self):
        """The process beside dies: the old images stay, changes go on, and another one makes them."""
        for n in range(KILLS):
            pid = self.stopped(self.contested)
            os.kill(pid, signal.SIGKILL)
            self.set('u3', '/bin/k%d' % n)
            self.becomes('u3', '/bin/k%d' % n)
            self.becomes('twin', '/bin/twin' if self.ni('get', '/users/twin') else None)
        self.assertIn('event=publish-failed', self.agent.log())
        self.assertIn('ended before it was done', self.agent.log())
        until(lambda: not self.asides())
        self.check()

    def test_ready_means_everything(self):
        """Not the small maps alone, which are out before the process beside has made the large ones."""
        self.assertEqual(self.agent.stop(), 0)
        with open(os.path.join(self.d.folder, 'agent.conf'), 'w', encoding='utf-8') as f:
            f.write('beside = %d\ndurable = %s\n' % (USERS // 2, self.durable))
        for options in ((), ('--once',)):
            for folder in (self.live, self.durable):
                shutil.rmtree(folder)
            self.agent = daemon.Agent(self.d.folder, *options)
            self.assertEqual(self.agent.ready['users'], USERS)
            self.assertEqual(self.agent.process.wait(30) if options else self.agent.stop(), 0)
            self.assertEqual(self.shell('u1'), '/bin/sh')

    def test_images_are_removed(self):
        """Whoever changes next brings all of them back, not his own alone."""
        self.ni('add', '-p', '/groups/crew', 'gid=300', 'users=u2')
        until(lambda: self.ni('getent', 'group', 'crew') == 'crew:*:300:u2\n')
        for name in os.listdir(self.live):
            if name != 'followed':
                os.unlink(os.path.join(self.live, name))
        self.set('u2', '/bin/back')
        for words in (('passwd', 'u2'), ('group', 'crew'), ('hosts', 'nobody')):
            until(lambda w=words: self.is_answered(*w), meaning='an answer from %s' % words[0])
        self.becomes('u2', '/bin/back')
        self.assertEqual(self.ni('getent', 'group', 'crew'), 'crew:*:300:u2\n')
        until(lambda: not self.asides())
        self.check()

    def test_the_agent_is_killed(self):
        """Lookups go on as they were, nobody is left, and the next agent makes everything anew."""
        for n in range(KILLS):
            old = self.shell('u4')
            pid = self.stopped(self.contested)
            self.set('u4', '/bin/a%d' % n)
            self.agent.process.kill()
            self.agent.process.wait(30)
            try:  # it may have been stopped before it had asked to be ended with its agent
                os.kill(pid, signal.SIGCONT)
            except ProcessLookupError:
                pass
            until(lambda: not self.is_there(pid), meaning='the end of the process beside')
            self.assertIn(self.shell('u4'), (old, '/bin/a%d' % n))
            self.ni('snapshot', 'verify')
            self.agent.start()
            self.becomes('u4', '/bin/a%d' % n)
            self.becomes('twin', '/bin/twin' if self.ni('get', '/users/twin') else None)
            until(lambda: not self.child() and not self.asides())
        self.check()

    def test_the_agent_is_stopped(self):
        pid = self.stopped(self.contested)
        self.assertEqual(self.agent.stop(), 0)
        self.assertFalse(self.is_there(pid))
        self.assertEqual(self.asides(), [])
        self.ni('snapshot', 'verify')

    def test_reload(self):
        """SIGHUP, and other folders: what was being made for the old ones goes."""
        pid = self.stopped(self.contested)
        elsewhere = os.path.join(self.d.folder, 'elsewhere')
        with open(os.path.join(self.d.folder, 'agent.conf'), 'w', encoding='utf-8') as f:
            f.write('beside = 0\nsnapshots = %s\n' % elsewhere)
        self.agent.process.send_signal(signal.SIGHUP)
        until(lambda: not self.is_there(pid), meaning='the end of the process beside')
        until(lambda: os.path.exists(os.path.join(elsewhere, 'control')))
        until(lambda: not self.asides())
        self.live = elsewhere
        self.becomes('u1', '/bin/sh')


if __name__ == '__main__':
    daemon.main()
