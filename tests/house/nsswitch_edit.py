#!/usr/bin/env python3
"""What the maintainer scripts of libnss-netinfo do to nsswitch.conf, and that they undo it.

usage: nsswitch_edit.py PROGRAM"""
import os
import subprocess
import sys
import tempfile
import unittest

PROGRAM = os.path.abspath(sys.argv.pop(1))
DEBIAN = """# /etc/nsswitch.conf
passwd:         files systemd
group:          files systemd
shadow:         files systemd
gshadow:        files systemd

hosts:          files dns
networks:       files

protocols:      db files
services:       db files
ethers:         db files
rpc:            db files

netgroup:       nis
"""
OURS = """# /etc/nsswitch.conf
passwd:         files netinfo systemd
group:          files [SUCCESS=merge] netinfo [SUCCESS=merge] systemd
shadow:         files netinfo systemd
gshadow:        files netinfo systemd

hosts:          files netinfo dns
networks:       files netinfo

protocols:      db files netinfo
services:       db files netinfo
ethers:         db files netinfo
rpc:            db files netinfo

netgroup:       nis netinfo
"""
# a line as it was -> what is made of it
LINES = {
    'group: files': 'group: files [SUCCESS=merge] netinfo',
    'group: files [SUCCESS=merge] systemd': 'group: files [SUCCESS=merge] netinfo [SUCCESS=merge] systemd',
    'group:\tfiles # old': 'group:\tfiles [SUCCESS=merge] netinfo # old',
    'hosts: files mdns4_minimal [NOTFOUND=return] dns  ': 'hosts: files netinfo mdns4_minimal [NOTFOUND=return] dns  ',
    'hosts: files [!UNAVAIL=return] dns': 'hosts: files [!UNAVAIL=return] netinfo dns',
    'passwd: compat': 'passwd: compat netinfo',
    'passwd:files': 'passwd:files netinfo',
    'passwd:': 'passwd: netinfo',
    'passwd: netinfo files': 'passwd: netinfo files',
    'passwd: files #netinfo': 'passwd: files netinfo #netinfo',
    '# passwd: files': '# passwd: files',
    'sudoers: files': 'sudoers: files',
    'shadow: myfiles': 'shadow: myfiles netinfo',
    'no database': 'no database',
    'hosts: files dns \\': 'hosts: files netinfo dns \\',
}
# a line after we made it and somebody changed it -> what is left of it when we go
CHANGED = {
    'passwd: files netinfo winbind': 'passwd: files winbind',
    'group: files [SUCCESS=merge] netinfo [SUCCESS=merge] winbind': 'group: files winbind',
    'hosts: netinfo [NOTFOUND=return] files': 'hosts: files',
    'services: netinfo netinfo files': 'services: files',
    'ethers: files # netinfo': 'ethers: files # netinfo',
    'extra: files netinfo': 'extra: files',
    'rpc: files mynetinfo netinfo2': 'rpc: files mynetinfo netinfo2',
}


class Edit(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix='netinfo-nsswitch-')
        self.addCleanup(folder.cleanup)
        self.root = folder.name
        self.conf = self.root + '/etc/nsswitch.conf'
        os.mkdir(self.root + '/etc')

    def write(self, text):
        with open(self.conf, 'w', encoding='utf-8') as f:
            f.write(text)

    def read(self):
        with open(self.conf, encoding='utf-8') as f:
            return f.read()

    def run_it(self, word):
        done = subprocess.run([PROGRAM, word], env={**os.environ, 'DPKG_ROOT': self.root}, capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, '', ''))

    def test_debians_own(self):
        self.write(DEBIAN)
        os.chmod(self.conf, 0o640)
        self.run_it('add')
        self.assertEqual(self.read(), OURS)
        self.assertEqual(os.stat(self.conf).st_mode & 0o777, 0o640)
        self.run_it('remove')
        self.assertEqual(self.read(), DEBIAN)
        self.assertEqual(sorted(os.listdir(self.root + '/etc')), ['nsswitch.conf'])
        self.assertEqual(os.listdir(self.root + '/var/lib'), [])

    def test_lines(self):
        for was, made in LINES.items():
            with self.subTest(line=was):
                self.write(was + '\n')
                self.run_it('add')
                self.assertEqual(self.read(), made + '\n')
                self.run_it('remove')
                if 'netinfo files' not in was:  # that one was not ours: it goes, since the module goes
                    self.assertEqual(self.read(), was + '\n')

    def test_changed_meanwhile(self):
        self.write(DEBIAN)
        self.run_it('add')
        self.write('\n'.join(CHANGED) + '\n')
        self.run_it('remove')
        self.assertEqual(self.read(), '\n'.join(CHANGED.values()) + '\n')

    def test_what_was_taken_out_stays_out(self):
        self.write(DEBIAN)
        self.run_it('add')
        self.write(OURS.replace('files netinfo dns', 'files dns'))
        self.run_it('add')  # an upgrade
        self.assertNotIn('netinfo dns', self.read())
        self.run_it('remove')
        self.assertEqual(self.read(), DEBIAN)

    def test_without_the_file_and_through_a_link(self):
        self.run_it('add')
        self.run_it('remove')
        self.assertFalse(os.path.exists(self.conf))
        os.mkdir(self.root + '/elsewhere')
        os.symlink('../elsewhere/real', self.conf)
        self.write(DEBIAN)
        self.run_it('add')
        self.assertTrue(os.path.islink(self.conf))
        self.assertEqual(self.read(), OURS)
        self.run_it('remove')
        self.assertEqual(self.read(), DEBIAN)

    def test_usage(self):
        self.assertEqual(subprocess.run([PROGRAM], capture_output=True, check=False).returncode, 2)


if __name__ == '__main__':
    unittest.main()
