#!/usr/bin/env python3
"""ni import ldif and ni export ldif: RFC 2849 with the classes of RFC 2307, in and out.

usage: ldif.py netinfod=PATH ni=PATH [unittest options]"""
import base64
import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
import daemon  # noqa: E402

OK, FAILED, USAGE, NOT_FOUND = range(4)

PEOPLE = '''version: 1
# what slapcat prints

dn: ou=people,dc=example,dc=org
objectClass: organizationalUnit
ou: people

dn: uid=ada,ou=people,dc=example,dc=org
objectclass: account
objectClass: posixAccount
objectClass: shadowAccount
uid: countess
uid: ada
cn:: QWRhIEzDtnZlbGFjZQ==
uidNumber: 5001
gidNumber: 100
homeDirectory: /home/
 ada
loginShell: /bin/sh
userPassword:: e0NSWVBUfSQ2JHMkaGFzaA==
shadowLastChange: 19000
shadowMax: 99999
shadowExpire: 20000
mail: ada@example.org

dn: CN=crew,ou=groups,dc=example,dc=org
objectClass: posixGroup
cn: crew
gidNumber: 100
memberUid: ada
memberUid: bob
userPassword: {SSHA}onlyforldap

dn: cn=ink,ou=hosts,dc=example,dc=org
objectClass: device
objectClass: ipHost
objectClass: ieee802Device
cn: ink
cn: ink.example.org
ipHostNumber: 10.1.0.2
ipHostNumber: FE80::2
macAddress: 08:00:20:01:02:03

dn: cn=domain,ou=services,dc=example,dc=org
objectClass: ipService
cn: domain
cn: nameserver
ipServicePort: 53
ipServiceProtocol: tcp
ipServiceProtocol: udp

dn: cn=trusted,ou=netgroup,dc=example,dc=org
objectClass: nisNetgroup
cn: trusted
nisNetgroupTriple: (ink,,)
memberNisNetgroup: others

dn: cn=staff,ou=aliases,dc=example,dc=org
objectClass: nisMailAlias
cn: staff
rfc822MailMember: ada
rfc822MailMember: bob@example.org
'''


class Ldif(unittest.TestCase):
    def setUp(self):
        self.d = daemon.Daemon(legacy=False)
        self.addCleanup(self.leave)

    def leave(self):
        self.d.stop()
        self.d.remove()

    def ni(self, *words, stdin='', code=OK):
        e = {k: v for k, v in os.environ.items() if not k.startswith('NETINFO_')}
        e['NETINFO_SOCKET'] = self.d.socket
        p = subprocess.run([daemon.PROGRAMS['ni'], *words], input=stdin.encode(), capture_output=True, timeout=120, env=e)
        self.err = p.stderr.decode()
        self.assertEqual(p.returncode, code, (words, self.err))
        return p.stdout.decode()

    def seq(self):
        with self.d.admin() as c:
            return c.status('local')['seq']

    def get(self, path, *keys):
        return self.ni('get', path, *keys)

    def test_import(self):
        before = self.seq()
        out = self.ni('import', 'ldif', '--dry-run', '-', stdin=PEOPLE)
        self.assertIn('+ /users/ada\n', out)
        self.assertNotIn('hash', out)
        self.assertEqual(self.seq(), before)
        self.ni('import', 'ldif', '-', stdin=PEOPLE)
        self.assertIn('mail: passed over, in 1 entries', self.err)
        self.assertIn('1 entries of other classes', self.err)
        self.assertEqual(self.get('/users/ada', 'uid', 'realname', 'home', 'passwd', 'shadow_max', 'expire'),
                         'uid: 5001\nrealname: Ada Lövelace\nhome: /home/ada\npasswd: $6$s$hash\nshadow_max: 99999\n'
                         'expire: 1728000000\n')
        self.assertEqual(self.ni('export', 'group'), 'crew:x:100:ada,bob\n')
        self.assertNotIn('SSHA', self.get('/groups/crew'))
        self.assertIn('10.1.0.2\tink ink.example.org\nfe80::2\tink ink.example.org\n', self.ni('export', 'hosts'))
        self.assertEqual(self.ni('export', 'ethers'), '8:0:20:1:2:3\tink ink.example.org\n')
        self.assertEqual(self.ni('export', 'services'), 'domain\t53/tcp\tnameserver\ndomain\t53/udp\tnameserver\n')
        self.assertEqual(self.get('/netgroups/trusted', 'members'), '(ink,,)\nothers\n')
        self.assertEqual(self.get('/aliases/staff', 'members'), 'ada\nbob@example.org\n')
        before = self.seq()
        self.ni('import', 'ldif', '-', stdin=PEOPLE)
        self.assertEqual(self.seq(), before)

    def test_round_trip(self):
        """Out, into an empty domain, out again: the same bytes."""
        self.ni('import', 'ldif', '-', stdin=PEOPLE)
        for words in (['/users/odd', 'uid=7', 'gid=7', 'home=/', 'realname= begins with a blank', 'shell=/' + 'x' * 200],
                      ['/groups/a+b,c', 'gid=7'], ['/networks/net', 'address=10.1'],
                      ['/protocols/tcp', 'number=6'], ['/rpcs/portmapper', 'number=100000']):
            self.ni('add', '-p', *words)
        first = self.ni('export', 'ldif', '--base', 'dc=example,dc=org')
        self.assertNotIn('userPassword', first)
        self.assertNotIn('hash', first)
        self.assertTrue(all(len(line) <= 76 for line in first.splitlines()))
        self.assertIn('dn: cn=a\\+b\\,c,ou=groups,dc=example,dc=org\n', first)
        self.assertIn('macAddress: 08:00:20:01:02:03\n', first)
        self.assertIn('cn:: ' + base64.b64encode('Ada Lövelace'.encode()).decode() + '\n', first)
        self.assertIn('shadowExpire: 20000\n', first)
        self.assertIn('nisNetgroupTriple: (ink,,)\nmemberNisNetgroup: others\n', first)
        self.assertTrue(self.ni('export', 'ldif').splitlines()[2].endswith(',dc=local'))
        self.ni('domain', 'create', 'second')
        self.ni('import', 'ldif', '-d', 'second', '-', stdin=first.replace('cn:: ' + base64.b64encode(
            b' begins with a blank').decode(), 'cn: trimmed'))
        self.ni('set', '-d', 'second', '/users/odd', 'realname= begins with a blank')
        again = self.ni('export', 'ldif', '-d', 'second', '--base', 'dc=example,dc=org')

        def entries(text):  # alpha serves both domains; it came in as a machine of its own
            return sorted(e for e in text.split('\n\n') if 'alpha' not in e)
        self.assertEqual(entries(again), entries(first))

    def refused(self, text, line, reason):
        before = self.seq()
        self.ni('import', 'ldif', '-', stdin=text, code=FAILED)
        self.assertIn('standard input:%d: ' % line, self.err)
        self.assertIn(reason, self.err)
        self.assertEqual(self.seq(), before)

    def test_refusals(self):
        group = 'dn: cn=x,dc=y\nobjectClass: posixGroup\ncn: x\ngidNumber: 5\n'
        self.refused(group + 'memberUid:< file:///etc/shadow\n', 5, 'is not fetched')
        self.refused(group + 'description:: a*b=\n', 5, 'no base64')
        self.refused(group + 'description:: YQ\n', 5, 'no base64')
        self.refused(group + 'description:: YQBi\n', 5, 'NUL')
        self.refused(group + 'nonsense\n', 5, 'expected `attribute: value`')
        self.refused(group + group, 5, 'an empty line is missing')
        self.refused('cn: x\n', 1, 'begins with `dn:`')
        self.refused('version: 2\n', 1, 'only version 1')
        self.refused('dn: cn=x\nchangetype: delete\n', 2, 'changes other than `add`')
        self.refused(group + '\n' + 'dn: cn=z\nobjectClass: posixGroup\ngidNumber: 5\n', 6, 'has no name')
        self.refused(group + '\n' + group.replace('cn: x', 'cn: a:b'), 6, "'a:b' holds ':'")
        self.refused(group.replace('5', 'five'), 1, 'must be a decimal number')
        self.ni('import', 'ldif', '-', stdin='dn: ou=x\nobjectClass: organizationalUnit\n', code=FAILED)
        self.assertIn('none of its entries', self.err)
        self.ni('import', 'ldif', code=USAGE)
        self.ni('export', 'ldif', '--base', 'example', code=USAGE)

    def test_what_the_class_demands(self):
        self.ni('add', '-p', '/users/bare', 'uid=7')
        out = self.ni('export', 'ldif', code=FAILED)
        self.assertIn('/users/bare: it has no `gid`, which posixAccount demands', self.err)
        self.assertNotIn('bare', out)

    def test_collision_inside(self):
        """Two entries of one name that contradict each other import nothing."""
        group = 'dn: cn=x,dc=y\nobjectClass: posixGroup\ncn: x\ngidNumber: 5\n'
        before = self.seq()
        self.ni('import', 'ldif', '-', stdin=group + '\n' + group.replace('5', '6'), code=FAILED)
        self.assertEqual(self.seq(), before)


if __name__ == '__main__':
    daemon.main()
