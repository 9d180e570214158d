#!/usr/bin/env python3
"""Read your writes: what `ni` has written, the C library answers as soon as `ni` has ended (doc/snapshot-format.md "followed").

usage: written.py netinfod=PATH ni=PATH agent=PATH [unittest options]"""
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
import daemon  # noqa: E402
from sized import sized  # noqa: E402
import signal  # noqa: E402
import subprocess  # noqa: E402
import time  # noqa: E402

ROUNDS = sized(10, 40, 400)


class Written(unittest.TestCase):
    def setUp(self):
        self.d = daemon.Daemon(legacy=False)
        self.addCleanup(self.d.__exit__, None)
        # A long interval: without waiting, no second change could be visible at once.
        with open(os.path.join(self.d.folder, 'agent.conf'), 'w', encoding='utf-8') as f:
            f.write('publish_interval = 50\n')
        self.agent = daemon.Agent(self.d.folder)
        self.addCleanup(self.end_agent)

    def end_agent(self):
        if self.agent.process.poll() is None:
            self.agent.stop()

    def ni(self, *words):
        env = dict(os.environ, NETINFO_SOCKET=self.d.socket, NETINFO_SNAPSHOTS=os.path.join(self.d.folder, 'snapshots'))
        return subprocess.run([daemon.PROGRAMS['ni'], *words], env=env, capture_output=True, text=True, timeout=60, check=False)

    def test_every_write_is_seen(self):
        self.assertEqual(self.ni('add', '-p', '/users/ada', 'uid=5001', 'gid=100', 'home=/home/ada', 'shell=/bin/sh').returncode, 0)
        late = 0
        for i in range(ROUNDS):
            want = f'ada:*:5001:100::/home/ada:/bin/shell{i}\n'
            begin = time.monotonic()
            done = self.ni('set', '/users/ada', f'shell=/bin/shell{i}')
            took = time.monotonic() - begin
            self.assertEqual(done.returncode, 0, done.stderr)
            seen = self.ni('getent', 'passwd', 'ada')
            if seen.stdout != want:  # it waits for a second at most, in which a busy machine may not have come so far
                self.assertGreater(took, 0.9, seen.stdout)
                daemon.until(lambda: self.ni('getent', 'passwd', 'ada').stdout == want)
                late += 1
        self.assertLess(late, ROUNDS // 2)

    def test_a_dead_agent_is_not_waited_for(self):
        """What the wait is for: the lock says at once that nobody follows; a second would pass otherwise in every round."""
        self.agent.process.send_signal(signal.SIGKILL)
        self.agent.process.wait(30)
        self.assertEqual(self.ni('add', '-p', '/users/eve', 'uid=5002', 'gid=100').returncode, 0)
        takes = []
        for i in range(ROUNDS):
            begin = time.monotonic()
            self.assertEqual(self.ni('set', '/users/eve', f'shell=/bin/s{i}').returncode, 0)
            takes.append(time.monotonic() - begin)
        self.assertLess(min(takes), 1)  # the machine may be busy, but not in each of them


if __name__ == '__main__':
    daemon.main()
