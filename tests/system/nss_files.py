#!/usr/bin/env python3
"""The same data through glibc's own `files` and through `netinfo`: every answer is the same (doc/resolution.md 11.4 has the exceptions, and why).

usage: nss_files.py netinfod=PATH ni=PATH agent=PATH nss=PATH ask=PATH [unittest options]

Random files are imported into a domain, the agent makes images, and nss_ask prints what the C library says in both sources, in a
mount namespace whose /etc holds those files and nothing else. NETINFO_TEST_LENGTH=long: larger files, more rounds."""
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
import daemon  # noqa: E402
import sized  # noqa: E402

LONG = sized.LENGTH == 'long'
SIZE = sized.sized(150, 150, 500)  # records of a map
SEED = int(os.environ.get('NETINFO_TEST_SEED', '4711'))
FILES = ('passwd', 'group', 'shadow', 'gshadow', 'hosts', 'networks', 'services', 'protocols', 'rpc', 'ethers', 'netgroup', 'aliases')
LETTERS = 'abcdefghijklmnopqrstuvwxyz'


def missing():
    """Why there is no private /etc here; None: there can be one."""
    tried = subprocess.run(['unshare', '--mount', '--net', 'sh', '-c', 'mount --bind /var /etc'], capture_output=True, text=True)
    return None if tried.returncode == 0 else 'no mount namespaces here: ' + tried.stderr.strip()


class Data:
    """Random text of every file. multi: hosts of two families, read with `multi on`; else names that several hosts have."""

    def __init__(self, seed, multi):
        self.r, self.multi = random.Random(seed), multi
        self.known = {}  # names in use, by kind

    def word(self, kind, extra='-_0123456789', most=14):
        while True:
            w = self.r.choice(LETTERS) + ''.join(self.r.choice(LETTERS + extra) for _ in range(self.r.randint(1, most)))
            if w not in self.known.setdefault(kind, set()):
                self.known[kind].add(w)
                return w

    def some(self, words, most):
        return self.r.sample(words, min(len(words), self.r.randint(0, most)))

    def cased(self, w):
        return ''.join(c.upper() if self.r.random() < 0.2 else c for c in w)

    def hosts(self):
        lines, used = ['10.0.0.1 alpha'], []  # the machine that netinfod itself made a record of
        for i in range(SIZE):
            names = [self.cased(self.word('host', '-0123456789')) for _ in range(self.r.randint(1, 4))]
            names = [n + self.r.choice(['', '', '.example.org', '.a.b']) for n in names]
            four = '10.%d.%d.%d' % (self.r.randint(0, 255), i // 250, i % 250)
            six = '2001:db8:%x::%x' % (self.r.randint(0, 0xffff), i + 1)
            addresses = self.r.choice([[four], [four], [six], [four, six] if self.multi else [four]])
            if not self.multi and addresses == [four]:
                if used and self.r.random() < 0.2:  # a further name that another host has, too: the first one wins
                    names.append(self.r.choice(used))
                used += names
            for address in addresses:
                lines.append(self.r.choice(['%s %s', '%s\t%s', '%s   %s # a comment']) % (address, ' '.join(names)))
        return lines

    def networks(self):
        lines = []
        for i in range(SIZE):
            names = [self.cased(self.word('net')) for _ in range(self.r.randint(1, 3))]
            parts = self.r.randint(1, 4)
            number = '.'.join(['%d' % (i % 223 + 1), '%d' % (i // 223), '%d' % self.r.randint(0, 255), '0'][:parts])
            lines.append('%s %s %s' % (names[0], number, ' '.join(names[1:])))
        return lines

    def services(self):
        lines, ports = [], self.r.sample(range(1, 65536), SIZE)
        for port in ports:
            names = [self.word('serv') for _ in range(self.r.randint(1, 3))]
            for proto in self.r.choice([['tcp'], ['udp'], ['tcp', 'udp'], ['udp', 'tcp'], ['sctp']]):
                lines.append('%s %d/%s %s' % (names[0], port, proto, ' '.join(names[1:])))
        return lines

    def numbered(self, kind, most):
        lines = []
        for number in self.r.sample(range(most), min(most, SIZE)):
            names = [self.cased(self.word(kind)) for _ in range(self.r.randint(1, 3))]
            lines.append('%s %d %s' % (names[0], number, ' '.join(names[1:])))
        return lines

    def ethers(self, hosts):
        names = [h.split()[1] for h in hosts]
        return ['%s %s' % (':'.join('%x' % self.r.randint(0, 255) for _ in range(6)), n) for n in dict.fromkeys(names)]

    def netgroup(self, hosts, users):
        lines, before = [], []
        for _ in range(SIZE // 3):
            name, members = self.word('netgroup'), []
            for _ in range(self.r.randint(0, 5)):
                host = self.r.choice([self.r.choice(hosts).split()[1], '', '-', ' '])
                user = self.r.choice([self.r.choice(users), '', '-'])
                members.append('(%s,%s,%s)' % (host, user, self.r.choice(['', '-', 'harbor', ' '])))
            members += self.some(before, 2)  # nested, and never in a circle
            if members:
                lines.append('%s %s' % (name, ' '.join(members)))
                before.append(name)
        return lines

    def aliases(self, users):
        lines = []
        for _ in range(SIZE):
            members = self.r.sample(users, self.r.randint(1, 4)) + self.some(['a@example.org', '|/usr/bin/filter', '/var/mail/file'], 2)
            lines.append('%s:%s' % (self.cased(self.word('alias')), ', '.join(members)))
        return lines

    def accounts(self):
        users = [self.word('user') for _ in range(SIZE)]
        passwd, shadow, group, gshadow = [], [], [], []
        for i, u in enumerate(users):
            passwd.append('%s:x:%d:%d:%s:/home/%s:%s' % (u, 2000 + i, self.r.randint(100, 400), self.r.choice(['', 'Full Name,,,', 'é']), u,
                                                        self.r.choice(['/bin/sh', '/bin/bash'])))
            shadow.append('%s:$6$s$%s:%s:%s:%s:%s:%s:%s:' % (u, self.word('hash'), *(self.r.choice(['', '%d' % self.r.randint(1, 99999)])
                                                                                for _ in range(6))))
        for i in range(SIZE // 2):
            name, members = self.word('group'), self.some(users, 8)
            group.append('%s:x:%d:%s' % (name, 3000 + i, ','.join(members)))
            gshadow.append('%s:$6$g$%s:%s:%s' % (name, self.word('hash'), ','.join(self.some(users, 3)), ','.join(members)))
        return users, {'passwd': passwd, 'shadow': shadow, 'group': group, 'gshadow': gshadow}

    def files(self):
        users, f = self.accounts()
        hosts = self.hosts()
        f['host.conf'] = ['multi ' + ('on' if self.multi else 'off')]
        f.update(hosts=hosts, networks=self.networks(), services=self.services(), protocols=self.numbered('proto', 256),
                 rpc=self.numbered('rpc', 500000), ethers=self.ethers(hosts), netgroup=self.netgroup(hosts, users),
                 aliases=self.aliases(users))
        return f


def words(line):
    return line.split('#')[0].split()


def variants(r, name):
    """The name, perhaps in other case, perhaps one that is not there."""
    return [name, r.choice([name.upper(), name.lower(), name.swapcase()]), r.choice([name + 'x', name[:-1] or 'q', 'no-such-name', '-'])]


def questions(f, seed):
    r = random.Random(seed + 1)
    q = ['all ' + k for k in ('hosts', 'networks', 'services', 'protocols', 'rpc', 'aliases', 'gshadow', 'passwd', 'group', 'shadow')]
    for line in f['hosts']:
        address, *names = words(line)
        for name in (n for w in names for n in variants(r, w)):
            q += ['%s %s' % (k, name) for k in ('host', 'host4', 'host6', 'ai', 'ai4', 'ai6', 'canon')]
        q += ['hostaddr ' + address, 'nameinfo ' + address, 'hostaddr 192.0.2.%d' % r.randint(0, 255)]
    for line in f['networks']:
        name, number, *more = words(line)
        q += ['net ' + n for w in [name, *more] for n in variants(r, w)]
        parts = [int(p) for p in number.split('.')]
        q += ['netaddr 0x%08x' % sum(p << (24 - 8 * i) for i, p in enumerate(parts)), 'netaddr 0x%08x' % r.getrandbits(32)]
    for line in f['services']:
        name, port, *more = words(line)
        number, proto = port.split('/')
        for asked in (proto, '-', 'tcp', 'udp', 'TCP'):
            q += ['serv %s %s' % (n, asked) for w in [name, *more] for n in variants(r, w)]
            q += ['port %s %s' % (number, asked), 'port %d %s' % (r.randint(0, 65535), asked)]
    for kind, file in (('proto', 'protocols'), ('rpc', 'rpc')):
        for line in f[file]:
            name, number, *more = words(line)
            q += ['%s %s' % (kind, n) for w in [name, *more] for n in variants(r, w)]
            q += ['%snum %s' % (kind, number), '%snum %d' % (kind, r.randint(0, 300))]
    further = {n.lower() for line in f['hosts'] for n in words(line)[2:]}  # by these, only netinfo finds
    for line in f['ethers']:
        address, name = words(line)
        q += ['ethername ' + n for n in variants(r, name) if n.lower() not in further] + ['etheraddr ' + a for a in (address, address.upper(), '1:2:3:4:5:6')]
    groups = [words(line)[0] for line in f['netgroup']]
    users = [line.split(':')[0] for line in f['passwd']]
    hosts = [words(line)[1] for line in f['hosts']]
    for name in groups:
        q += ['netgroup ' + n for n in variants(r, name)]
        q += ['innetgr %s %s %s %s' % (name, r.choice([r.choice(hosts), '-']), r.choice([r.choice(users), '-']),
                                       r.choice(['-', 'harbor', 'elsewhere'])) for _ in range(12)]
    q += ['alias ' + n for line in f['aliases'] for n in variants(r, line.split(':')[0])]
    for kind, number, file in (('pw', 'uid', 'passwd'), ('gr', 'gid', 'group'), ('sp', None, 'shadow'), ('sg', None, 'gshadow')):
        for line in f[file]:
            fields = line.split(':')
            q += ['%s %s' % (kind, n) for n in variants(r, fields[0])]
            if number:
                q += ['%s %s' % (number, fields[2]), '%s %d' % (number, r.randint(0, 9999))]
    q += ['groups ' + u for u in users]
    return q


class SameAnswers(unittest.TestCase):
    def setUp(self):
        why = missing()
        if why:
            self.skipTest(why)
        self.d = daemon.Daemon(legacy=False)
        self.addCleanup(self.leave)

    def leave(self):
        self.d.stop()
        self.d.remove()

    def import_all(self, folder):
        env = {**os.environ, 'NETINFO_SOCKET': self.d.socket}
        for name in FILES:
            a = subprocess.run([daemon.PROGRAMS['ni'], 'import', name, os.path.join(folder, name)], capture_output=True, text=True,
                               timeout=120, env=env, check=False)
            self.assertEqual(a.returncode, 0, (name, a.stdout, a.stderr))
        a = subprocess.run([daemon.PROGRAMS['agent'], '--dir', self.d.folder, '--once'], capture_output=True, text=True, timeout=120, check=False)
        self.assertEqual(a.returncode, 0, a.stderr)
        self.assertNotIn('left-out', a.stderr)

    def answers(self, folder, source, asked):
        env = {'NETINFO_SNAPSHOTS': os.path.join(self.d.folder, 'snapshots'), 'LD_LIBRARY_PATH': os.path.dirname(daemon.PROGRAMS['nss'])}
        script = 'ip link set lo up; mount --bind "$0" /etc && exec "$1" "$2"'
        a = subprocess.run(['unshare', '--mount', '--net', 'sh', '-c', script, folder, daemon.PROGRAMS['ask'], source], input='\n'.join(asked) + '\n',
                           capture_output=True, text=True, timeout=600, env=env, check=False)
        self.assertEqual(a.returncode, 0, a.stderr)
        return a.stdout.splitlines()

    def same(self, line):
        """Without what doc/resolution.md 11.4 lets differ: `files` knows no alias_local, and no NO_DATA."""
        line = re.sub('^((alias|all aliases|  ).*) local=[01] members=', r'\1 members=', line)
        return re.sub('^(host.*: none h_errno=)4$', r'\g<1>1', line)

    def compare(self, seed, multi):
        f = Data(seed, multi).files()
        with tempfile.TemporaryDirectory(prefix='netinfo-etc-') as folder:
            os.chmod(folder, 0o755)
            for name, lines in f.items():
                with open(os.path.join(folder, name), 'w', encoding='utf-8') as file:
                    file.write('\n'.join(lines) + '\n')
            self.import_all(folder)
            asked = questions(f, seed)
            theirs, ours = self.answers(folder, 'files', asked), self.answers(folder, 'netinfo', asked)
        self.assertGreater(len(theirs), len(asked))
        found = sum(': none' not in line for line in theirs)
        print('seed %d: %d questions, %d lines of answers, %d of them found' % (seed, len(asked), len(theirs), found))
        self.assertGreater(found, len(asked) // 4)
        differ = ['files:   %s\nnetinfo: %s' % pair for pair in zip(theirs, ours) if self.same(pair[0]) != self.same(pair[1])]
        self.assertEqual(differ[:20], [], '%d of %d lines differ' % (len(differ), len(theirs)))
        self.assertEqual(len(theirs), len(ours))

    def test_hosts_of_one_family_that_share_names(self):
        self.compare(SEED, multi=False)

    def test_hosts_of_two_families(self):
        self.compare(SEED, multi=True)

    @unittest.skipUnless(LONG, 'NETINFO_TEST_LENGTH=long')
    def test_many(self):
        for i in range(1, 12):
            self.compare(SEED + i, multi=i % 2 == 0)
            self.leave()
            self.d = daemon.Daemon(legacy=False)


if __name__ == '__main__':
    daemon.main()
