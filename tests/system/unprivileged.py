#!/usr/bin/env python3
"""Everything works for somebody who is not root, on a high port, with images of his own (doc/agent.md, shadow_group).

usage: unprivileged.py netinfod=PATH ni=PATH agent=PATH nss=PATH"""
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
import daemon  # noqa: E402

NOBODY = 65534


class Unprivileged(unittest.TestCase):
    def test_whole_way(self):
        self.assertNotEqual(os.geteuid(), 0)
        d = daemon.Daemon(legacy=False, redact=True)
        self.addCleanup(d.__exit__, None)
        a = daemon.Agent(d.folder)
        self.addCleanup(lambda: a.process.poll() is None and a.stop())
        self.assertIsNotNone(a.ready, a.log())
        env = dict(os.environ, NETINFO_SOCKET=d.socket, NETINFO_SNAPSHOTS=a.ready['snapshots'])

        def ni(*words, stdin=None):
            return subprocess.run([daemon.PROGRAMS['ni'], *words], env=env, input=stdin, capture_output=True, text=True,
                                  timeout=60, check=False)
        done = ni('import', 'passwd', '-', stdin='ada:x:5001:100:Ada:/home/ada:/bin/sh\n')
        self.assertEqual(done.returncode, 0, done.stderr)
        done = ni('import', 'shadow', '-', stdin='ada:$y$j9T$salt$hash:19000:0:99999:7:::\n')
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(ni('getent', 'passwd', 'ada').stdout, 'ada:x:5001:100:Ada:/home/ada:/bin/sh\n')
        for name in os.listdir(a.ready['snapshots']):
            if name.startswith('shadow.'):
                self.assertEqual(os.stat(os.path.join(a.ready['snapshots'], name)).st_mode & 0o777, 0o600)


def become_nobody():
    """The programs move to where nobody can reach them; then so do we."""
    if os.geteuid() != 0:
        return None
    folder = tempfile.mkdtemp(prefix='netinfo-unprivileged-')
    tree = os.path.join(folder, 'src', 'tools')
    os.makedirs(tree)
    os.makedirs(os.path.join(folder, 'src', 'nss'))
    for i, word in enumerate(sys.argv):
        name, equals, path = word.partition('=')
        if equals and os.path.isfile(path):
            to = os.path.join(folder, 'src', 'nss' if name == 'nss' else 'tools', os.path.basename(path))
            shutil.copy(os.path.realpath(path), to)
            sys.argv[i] = f'{name}={to}'
    for where, _, files in os.walk(folder):
        os.chmod(where, 0o755)
        for f in files:
            os.chmod(os.path.join(where, f), 0o755)
    return folder


if __name__ == '__main__':
    made = become_nobody()
    if made:
        child = os.fork()
        if child:
            code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            shutil.rmtree(made, ignore_errors=True)
            sys.exit(code if code >= 0 else 1)
        tempfile.tempdir = os.path.join(made, 'tmp')  # TMPDIR may be root's own
        os.mkdir(tempfile.tempdir)
        os.chown(tempfile.tempdir, NOBODY, NOBODY)
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    daemon.main()
