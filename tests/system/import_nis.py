#!/usr/bin/env python3
"""ni import nis: the map sources of a site, and what ypcat -k prints of them.

usage: import_nis.py netinfod=PATH ni=PATH [unittest options]"""
import os
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
import daemon  # noqa: E402

OK, FAILED, USAGE, NOT_FOUND, CONFLICT = range(5)

# Sources as a master has them.
SOURCES = {
    'passwd': 'ada:$1$a$hash:5001:100:Ada Love, Room 7:/home/ada:/bin/sh\nbob:*:5002:100:Bob: /home/bob:/bin/zsh\n',
    'group': 'crew:*:100:ada,bob\nempty:*:101:\n',
    'hosts': '10.1.0.1 quill.example quill q\n10.1.0.2 ink\nfe80::2 ink\n',
    'ethers': '0:0:f:0:7:5a quill.example\n8:0:20:1:2:3 ink\n',
    'networks': 'loop 127\noffice 10.1 desk\n',
    'services': 'domain 53/tcp nameserver\ndomain 53/udp nameserver\nsmtp 25/tcp mail\n',
    'protocols': 'tcp 6 TCP\nudp 17 UDP\n',
    'rpc': 'portmapper 100000 portmap sunrpc\n',
    'netgroup': 'trusted (ink,,) (quill,,)\nall trusted \\\n  (pen,-,)\n',
    'aliases': 'staff: ada, bob\npostmaster: ada\n',
    'bootparams': 'ink root=quill:/export/ink swap=quill:/swap/ink\n',
}


def keyed():
    """The same as `ypcat -k` prints it: one line a key."""
    def lines(name):
        return SOURCES[name].replace('\\\n', '').splitlines()
    out = {
        'passwd.byname': [(s.split(':')[0], s) for s in lines('passwd')],
        'group.bygid': [(s.split(':')[2], s) for s in lines('group')],
        'hosts.byname': [(n, s) for s in lines('hosts') for n in s.split()[1:]],
        'ethers.byaddr': [(s.split()[0], s) for s in lines('ethers')],
        'networks.byname': [(n, s) for s in lines('networks') for n in s.split()[::2]],
        'services.byname': [(s.split()[1], s) for s in lines('services')],
        'protocols.bynumber': [(s.split()[1], s) for s in lines('protocols')],
        'rpc.bynumber': [(s.split()[1], s) for s in lines('rpc')],
        'netgroup': [s.split(None, 1) for s in lines('netgroup')],
        'mail.aliases': [[w.strip() for w in s.split(':', 1)] for s in lines('aliases')],
        'bootparams': [s.split(None, 1) for s in lines('bootparams')],
    }
    return {name: ''.join('%s %s\n' % tuple(pair) for pair in v) for name, v in out.items()}


class Nis(unittest.TestCase):
    def setUp(self):
        self.d = daemon.Daemon(legacy=False)
        self.addCleanup(self.leave)
        self.temporary = tempfile.TemporaryDirectory(prefix='netinfo-nis-')
        self.addCleanup(self.temporary.cleanup)
        self.site = self.temporary.name

    def leave(self):
        self.d.stop()
        self.d.remove()

    def ni(self, *words):
        e = {k: v for k, v in os.environ.items() if not k.startswith('NETINFO_')}
        e['NETINFO_SOCKET'] = self.d.socket
        p = subprocess.run([daemon.PROGRAMS['ni'], *words], capture_output=True, timeout=300, env=e)
        return p.returncode, p.stdout.decode(), p.stderr.decode()

    def write(self, files):
        for name in os.listdir(self.site):
            os.remove(os.path.join(self.site, name))
        for name, text in files.items():
            with open(os.path.join(self.site, name), 'w', encoding='utf-8') as f:
                f.write(text)

    def seq(self):
        with self.d.admin() as c:
            return c.status('local')['seq']

    def exported(self):
        got = {}
        for what in ('passwd.10', 'group', 'hosts', 'ethers', 'networks', 'services', 'protocols', 'rpc', 'netgroup',
                     'aliases', 'bootparams'):
            code, out, err = self.ni('export', what)
            self.assertEqual(code, OK, err)
            got[what] = sorted(out.splitlines())
        return got

    def imports(self, *words, code=OK):
        got, out, err = self.ni('import', 'nis', *words, self.site)
        self.assertEqual(got, code, (out, err))
        return out, err

    def test_sources(self):
        self.write(SOURCES)
        before = self.seq()
        out, err = self.imports('--dry-run')
        self.assertIn('+ /users/ada\n', out)
        self.assertNotIn('hash', out)
        self.assertEqual(self.seq(), before)
        out, err = self.imports()
        for words in ('passwd: 2 added', 'group: 2 added', 'services: 2 added', 'netgroup: 2 added',
                      'aliases: 2 added'):
            self.assertIn(words, err)
        self.assertNotIn('passed over', err)
        got = self.exported()
        self.assertEqual(got['group'], ['crew:x:100:ada,bob', 'empty:x:101:'])
        self.assertIn('10.1.0.2\tink', got['hosts'])
        self.assertIn('fe80::2\tink', got['hosts'])
        self.assertEqual(len(got['services']), 3)
        before = self.seq()
        _, err = self.imports()
        self.assertEqual(self.seq(), before)
        self.assertEqual(err.count(': 0 added, 0 changed, 0 removed'), len(SOURCES), err)

    def test_ypcat(self):
        """What ypcat -k prints of every map gives the same directories as the sources do."""
        self.write(keyed())
        self.imports()
        got = self.exported()
        before = self.seq()
        self.write(SOURCES)
        _, err = self.imports()
        self.assertEqual(self.exported(), got)
        self.assertEqual(self.seq(), before, err)

    def test_passed_over(self):
        self.write(dict(keyed(), **{'passwd.byuid': 'rubbish\n', 'auto.master': '/home auto.home\n', 'netid.byname': '\n'}))
        os.mkdir(os.path.join(self.site, 'folder'))
        self.addCleanup(os.rmdir, os.path.join(self.site, 'folder'))
        _, err = self.imports()
        self.assertIn('%s/auto.master: passed over: there is no format for it' % self.site, err)
        self.assertIn('%s/netid.byname: passed over' % self.site, err)
        self.assertIn('%s/passwd.byuid: passed over: passwd.byname has the same records' % self.site, err)

    def test_malformed(self):
        """Every bad file is named with its line; nothing of any file is imported."""
        self.write(dict(keyed(), **{'passwd.byname': 'ada ada:x:5001:100::/:/bin/sh\nbob bob:x:many:1::/:/bin/sh\n',
                                    'group.bygid': '9 crew:*:\n'}))
        before = self.seq()
        _, err = self.imports(code=FAILED)
        self.assertIn("%s/passwd.byname:2: the uid of 'bob' is 'many'" % self.site, err)
        self.assertIn('%s/group.bygid:1: ' % self.site, err)
        self.assertEqual(self.seq(), before)

    def test_collisions(self):
        self.write({'passwd': 'ada:*:5001:100::/:/bin/sh\neve:*:5001:100::/:/bin/sh\n',
                    'hosts': '10.1.0.1 ink\n10.1.0.1 pen\n'})
        before = self.seq()
        _, err = self.imports(code=CONFLICT)
        self.assertIn('passwd: uid 5001 belongs to ada in the file and to eve in the file', err)
        self.assertIn('hosts: address 10.1.0.1 belongs to ink in the file and to pen in the file', err)
        self.assertEqual(self.seq(), before)
        self.write({'hosts': '10.1.0.1 ink\n10.1.0.1 pen\n'})  # names of one address harm nobody
        self.imports()
        self.write({'passwd': 'ada:*:5001:100::/:/bin/sh\n', 'group': 'crew:*:100:\n'})
        self.imports()
        self.write({'passwd': 'ada:*:5009:100::/:/bin/sh\nbob:*:5001:100::/:/bin/sh\n', 'group': 'crew:*:101:\n'})
        _, err = self.imports('--dry-run', code=CONFLICT)
        _, err = self.imports(code=CONFLICT)
        self.assertIn('passwd: ada has uid 5001 in the domain and 5009 in the file', err)
        self.assertIn('passwd: uid 5001 belongs to ada in the domain and to bob in the file', err)
        self.assertIn('group: crew has gid 100 in the domain and 101 in the file', err)
        self.imports('--accept')
        self.assertIn('uid: 5009\n', self.ni('get', '/users/ada')[1])
        self.imports()

    def test_shadow(self):
        self.write({'passwd': 'ada:x:5001:100::/:/bin/sh\n', 'shadow': 'ada:$y$h:19000:0:99999:7:::\n'})
        _, err = self.imports('--dry-run')
        self.assertIn('shadow: read', err)
        _, err = self.imports()
        self.assertIn('shadow: 0 added, 1 changed', err)
        self.assertIn('passwd: $y$h\n', self.ni('get', '/users/ada')[1])

    def test_usage(self):
        self.assertEqual(self.ni('import', 'nis')[0], USAGE)
        self.write({'readme': 'x\n'})
        _, err = self.imports(code=FAILED)
        self.assertIn('none of its files has the name of a map', err)
        self.assertEqual(self.ni('import', 'nis', self.site + '-not')[0], FAILED)


if __name__ == '__main__':
    daemon.main()
