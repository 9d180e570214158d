#!/usr/bin/env python3
"""Domains above domains as people see them: paths, `ni domain tree`, `ni explain`, `ni doctor`, on three hosts.

usage: hierarchy.py netinfod=PATH ni=PATH agent=PATH nss=PATH bin=FOLDER [unittest options]
"""
import calendar
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
import daemon  # noqa: E402
import fleet  # noqa: E402
import old_server  # noqa: E402
import rpc  # noqa: E402

OK, FAILED, USAGE, NOT_FOUND, CONFLICT, DENIED, UNREACHABLE = range(7)
wait_until = daemon.wait_until
NSSWITCH = 'passwd: files netinfo\ngroup: files [SUCCESS=merge] netinfo\nhosts: files netinfo\nservices: files netinfo\n'
SECRETS = 'shadow: files netinfo\ngshadow: files netinfo\nnetgroup: netinfo\nethers: files netinfo\n'
PASSWD = 'root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1::/:/bin/false\neve:x:1602:1602::/:/bin/sh\n'
GROUP = 'root:x:0:\ndaemon:x:1:\nsudo:x:27:\n'


class Three(unittest.TestCase):
    """vellum (domain local) below mid (domain harbor) below alpha (domain network): doc/resolution.md 4.4, ids above 1000."""

    @classmethod
    def setUpClass(cls):
        why = fleet.missing()
        if why:
            raise unittest.SkipTest(why)
        cls.fleet = fleet.Fleet()
        cls.addClassCleanup(cls.fleet.close)
        etc = {'/etc/nsswitch.conf': NSSWITCH, '/etc/passwd': PASSWD, '/etc/group': GROUP}
        cls.alpha = cls.fleet.host('alpha', '10.9.0.1', etc=etc)
        cls.mid = cls.fleet.host('mid', '10.9.0.2', etc=etc)
        cls.vellum = cls.fleet.host('vellum', '10.9.0.3', etc=etc)
        reads = ('-o', 'legacy_read_networks=10.9.0.0/24')
        for h in (cls.alpha, cls.mid, cls.vellum):
            h.server = h.daemon(*(reads if h is not cls.vellum else ()))
        cls.fill()
        wait_until(lambda: cls.vellum.ni('domain', 'name').stdout == '/harbor/vellum\n', 'vellum has a name')

    @classmethod
    def must(cls, host, *words):
        done = host.ni(*words)
        if done.returncode != 0:
            raise AssertionError('%s: ni %s: %d %s' % (host.name, words, done.returncode, done.stderr))
        return done.stdout

    @classmethod
    def fill(cls):
        cls.must(cls.alpha, 'domain', 'create', 'network')
        cls.must(cls.mid, 'domain', 'create', 'harbor')
        top, middle, low = ['-d', 'network'], ['-d', 'harbor'], []
        for host, where, words in (
                (cls.alpha, top, ['/machines/mid', 'ip_address=10.9.0.2', 'serves=harbor/harbor']),
                (cls.alpha, top, ['/machines/relay', 'ip_address=10.9.9.9']),
                (cls.alpha, top, ['/users']), (cls.alpha, top, ['/groups']), (cls.alpha, top, ['/services']),
                (cls.alpha, top, ['/users/cordelia', 'uid=1601', 'gid=1020']),
                (cls.alpha, top, ['/users/spare', 'uid=1602', 'gid=1020']),
                (cls.alpha, top, ['/users/amelia', 'uid=1901', 'gid=1020']),
                (cls.alpha, top, ['/users/toor', 'uid=0', 'gid=0']),
                (cls.alpha, top, ['/users/lowly', 'uid=77', 'gid=1020']),
                (cls.alpha, top, ['/groups/staff', 'gid=1020', 'users=cordelia']),
                (cls.alpha, top, ['/groups/sudo', 'gid=27', 'users=amelia']),
                (cls.alpha, top, ['/services/quux', 'port=5555', 'protocol=tcp']),
                (cls.mid, middle, ['/machines/vellum', 'ip_address=10.9.0.3', 'serves=vellum/local']),
                (cls.mid, middle, ['/machines/alpha', 'ip_address=10.9.0.1', 'serves=../network']),
                (cls.mid, middle, ['/machines/relay', 'ip_address=10.1.1.9']),
                (cls.mid, middle, ['/users']), (cls.mid, middle, ['/groups']),
                (cls.mid, middle, ['/users/amelia', 'uid=1501', 'gid=1020', 'home=/home/amelia']),
                (cls.mid, middle, ['/users/basil', 'uid=1502', 'gid=1020']),
                (cls.mid, middle, ['/groups/staff', 'gid=1020', 'users=amelia', 'users=basil']),
                (cls.mid, middle, ['/groups/crew', 'gid=1030', 'users=amelia']),
                (cls.vellum, low, ['/machines/mid', 'ip_address=10.9.0.2', 'serves=../harbor']),
                (cls.vellum, low, ['/users']), (cls.vellum, low, ['/groups']),
                (cls.vellum, low, ['/users/basil', 'uid=1700', 'gid=1030']),
                (cls.vellum, low, ['/groups/wheel', 'gid=1000', 'users=root', 'users=amelia']),
                (cls.vellum, low, ['/groups/crew', 'gid=1030', 'users=basil']),
                (cls.vellum, low, ['/groups/crew2', 'name=crew2', 'gid=1030', 'users=amelia'])):
            cls.must(host, 'add', *where, *words)

    def ni(self, *words, host=None, code=OK):
        done = (host or self.vellum).ni(*words)
        self.assertEqual(code, done.returncode, 'ni %s\n%s%s' % (words, done.stdout, done.stderr))
        return done

    def json(self, *words, **more):
        return json.loads(self.ni(*words, '--json', **more).stdout)


class Paths(Three):
    def test_a_domain_by_its_path(self):
        for path, user in (('.', 'basil'), ('..', 'amelia'), ('../..', 'cordelia'), ('/', 'cordelia'), ('/harbor', 'amelia'),
                           ('/harbor/..', 'cordelia'), ('../../harbor', 'amelia'), ('network@10.9.0.1', 'cordelia'),
                           ('10.9.0.2/harbor', 'amelia'), ('10.9.0.2:987/harbor', 'amelia')):
            with self.subTest(path):
                self.assertIn('name: %s\n' % user, self.ni('get', '-d', path, '/users/' + user).stdout)

    def test_names(self):
        for words, name in (([], '/harbor/vellum'), (['..'], '/harbor'), (['/'], '/'), (['harbor@10.9.0.2'], '/harbor')):
            self.assertEqual(name + '\n', self.ni('domain', 'name', *words).stdout)
        self.assertEqual({'name': '/harbor'}, self.json('domain', 'name', '..'))

    def test_from_another_server(self):
        self.assertIn('cordelia', self.ni('ls', '-s', '10.9.0.2/harbor', '-d', '..', '/users').stdout)
        self.assertIn('amelia', self.ni('ls', '-s', '10.9.0.1/network', '-d', './harbor', '/users').stdout)

    def test_what_is_not_there(self):
        for path, code, words in (('../../..', NOT_FOUND, 'nothing above the root'), ('/nope', NOT_FOUND, 'no machine of the domain'),
                                  ('/harbor/nope/deeper', NOT_FOUND, 'at `nope`'), ('network@10.9.0.77', UNREACHABLE, None)):
            with self.subTest(path):
                done = self.ni('ls', '-d', path, '--timeout', '1', '/users', code=code)
                self.assertIn(words or 'ni ls: ', done.stderr)


class Tree(Three):
    def test_tree(self):
        # mid's and alpha's domains answer; a local domain listens on its own machine only.
        text = re.sub(r'#\d+', '#N', self.ni('domain', 'tree').stdout)
        version = re.search(r'netinfod \S+', text).group()
        self.assertEqual('/  network@10.9.0.1 (alpha)  master, change #N, %s\n'
                         '`-- harbor  harbor@10.9.0.2 (mid)  master, change #N, %s\n'
                         '    `-- vellum  (this machine)  local@10.9.0.3 (vellum)  master, change #N, %s\n' % (version, version, version), text)
        above = self.json('domain', 'tree', host=self.alpha, code=OK)
        self.assertEqual((True, False), (above['complete'], above['cut']))

    def test_json_and_depth(self):
        j = self.json('domain', 'tree')
        root, harbor = j['tree'], j['tree']['domains'][0]
        vellum = harbor['domains'][0]
        self.assertEqual(['/', 'harbor', 'vellum'], [d['name'] for d in (root, harbor, vellum)])
        self.assertEqual([False, False, True], [d['here'] for d in (root, harbor, vellum)])
        server = harbor['servers'][0]
        self.assertEqual(('10.9.0.2', 'harbor', 'answers', 'master', None),
                         tuple(server[k] for k in ('address', 'tag', 'state', 'role', 'trouble')))
        state = self.json('status', '-d', '/harbor')
        self.assertEqual((state['checksum'], state['seq'], state['epoch']), tuple(server[k] for k in ('checksum', 'seq', 'epoch')))
        shallow = self.json('domain', 'tree', '--depth', '0')['tree']
        self.assertEqual(('not asked', []), (shallow['domains'][0]['servers'][0]['state'], shallow['domains'][0]['domains']))
        self.ni('domain', 'tree', '--depth', 'x', code=USAGE)

    def test_a_loop_is_drawn_once(self):
        self.must(self.mid, 'add', '-d', 'harbor', '/machines/again', 'ip_address=10.9.0.1', 'serves=again/network')
        self.addCleanup(self.must, self.mid, 'rm', '-d', 'harbor', '/machines/again')
        harbor = self.json('domain', 'tree')['tree']['domains'][0]
        again = [d for d in harbor['domains'] if d['name'] == 'again'][0]
        self.assertIn('a loop', again['note'])
        self.assertEqual(([], 'not asked'), (again['domains'], again['servers'][0]['state']))

    def await_states(self, **states):
        """What the tree says of the first servers of these domains; a second may be short for one that answers."""
        def seen():
            names = {d['name']: d for d in self.json('domain', 'tree', '--timeout', '1')['tree']['domains']}
            return {name: names[name]['servers'][0]['state'] for name in states}
        wait_until(lambda: seen() == states, 'the tree shows %s' % states)

    def test_a_server_that_says_nothing(self):
        """It takes connections and never answers; another one answers nonsense. Neither keeps the tree from its end."""
        hung = self.fleet.host('hung', '10.9.0.8')
        for port, reply in ((987, 'b""'), (986, 'b"\\x80\\x00\\x00\\x10" + bytes(16)')):
            hung.popen([sys.executable, '-c', 'import socket\ns, kept = socket.create_server(("10.9.0.8", %d)), []\n'
                        'while True:\n kept.append(s.accept()[0])\n kept[-1].sendall(%s)' % (port, reply)])
        wait_until(lambda: self.vellum.run(sys.executable, '-c', 'import socket\nfor p in 987, 986: socket.create_connection(("10.9.0.8", p))'
                                           ).returncode == 0, 'it takes connections')
        self.must(self.alpha, 'add', '-d', 'network', '/machines/hung', 'ip_address=10.9.0.8', 'serves=hung/hung')
        self.addCleanup(self.must, self.alpha, 'rm', '-d', 'network', '/machines/hung')
        self.await_states(hung='silent', harbor='answers')
        for address in ('10.9.0.8/hung', '10.9.0.8:986/hung'):
            self.ni('ls', '-d', address, '--timeout', '1', '/', code=UNREACHABLE)
            self.ni('domain', 'name', address, '--timeout', '1', code=UNREACHABLE)
            self.ni('ls', '-s', address, '-d', '..', '--timeout', '1', '/', code=UNREACHABLE)

    def test_a_dead_branch(self):
        self.must(self.alpha, 'add', '-d', 'network', '/machines/gone', 'ip_address=10.9.0.99', 'serves=gone/gone')
        self.addCleanup(self.must, self.alpha, 'rm', '-d', 'network', '/machines/gone')
        self.await_states(gone='silent', harbor='answers')


class Servers(Three):
    """A second server of harbor, a clone (doc/protocol.md 4.6, 4.9)."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.spare = cls.fleet.host('spare', '10.9.0.4', etc={'/etc/nsswitch.conf': NSSWITCH})
        cls.spare.server = cls.spare.daemon('-o', 'legacy_read_networks=10.9.0.0/24')
        cls.must(cls.mid, 'add', '-d', 'harbor', '/machines/spare', 'ip_address=10.9.0.4', 'serves=./harbor')
        cls.must(cls.alpha, 'add', '-d', 'network', '/machines/spare', 'ip_address=10.9.0.4', 'serves=harbor/harbor')
        cls.must(cls.vellum, 'add', '/machines/spare', 'ip_address=10.9.0.4', 'serves=../harbor')
        cls.must(cls.spare, 'domain', 'clone', '--unlisted', '--from', '10.9.0.2/harbor', 'harbor')

    def harbor(self):
        return self.json('domain', 'tree', '--timeout', '2')['tree']['domains'][0]

    def test_1_the_tree_and_the_doctor_compare(self):
        wait_until(lambda: [s['trouble'] for s in self.harbor()['servers']] == [None, None], 'master and clone are equal')
        roles = {s['machine']: (s['role'], s['address']) for s in self.harbor()['servers']}
        self.assertEqual({'mid': ('master', '10.9.0.2'), 'spare': ('clone', '10.9.0.4')}, roles)
        text = self.ni('domain', 'tree').stdout
        self.assertRegex(text, r'(?m)^`-- harbor\n    \|   harbor@10\.9\.0\.[24] .*\n    \|   harbor@10\.9\.0\.[24] .*\n    `-- vellum  \(this machine\)')

    def test_2_a_command_that_writes_asks_the_master(self):
        """Begun at the clone; only at the master is root of mid the superuser."""
        for n in range(3):
            self.ni('set', '-s', '10.9.0.4/harbor', '-d', '.', '/users/amelia', 'n=%d' % n, host=self.mid)
            self.assertEqual('%d\n' % n, self.ni('get', '-d', 'harbor', '/users/amelia', 'n', host=self.mid).stdout)

    def test_3_a_dead_master_is_replaced_for_reads_only(self):
        self.fleet.cut(self.mid)
        try:
            for path in ('/harbor', '..'):
                wait_until(lambda: self.vellum.ni('get', '-d', path, '--timeout', '2', '/users/amelia').returncode == OK,
                           'the clone answers for ' + path)
            done = self.vellum.ni('set', '-d', '/harbor', '--timeout', '2', '/users/amelia', 'k=v')
            self.assertNotEqual(OK, done.returncode)
            states = {s['machine']: s['state'] for s in self.harbor()['servers']}
            self.assertEqual({'mid': 'silent', 'spare': 'answers'}, states)
        finally:
            self.fleet.heal(self.mid)
        wait_until(lambda: {s['machine']: s['state'] for s in self.harbor()['servers']} == {'mid': 'answers', 'spare': 'answers'},
                   'both answer again')

    def test_4_a_server_that_its_own_domain_does_not_know(self):
        """RPARENT names alpha, whose domain `rogue` says that mid serves it: alpha is left, mid is asked."""
        for host in (self.alpha, self.mid):
            self.must(host, 'domain', 'create', 'rogue')
        self.must(self.mid, 'add', '-d', 'rogue', '/who-mid')
        self.must(self.alpha, 'add', '-d', 'rogue', '/who-alpha')
        self.must(self.alpha, 'set', '-d', 'rogue', '/machines/alpha', 'ip_address=10.9.0.2')
        self.must(self.vellum, 'domain', 'create', 'below')
        self.must(self.vellum, 'add', '-d', 'below', '/machines/up', 'ip_address=10.9.0.1', 'serves=../rogue')
        wait_until(lambda: 'who-mid' in self.vellum.ni('ls', '-s', self.vellum.server.socket, '-d', '../../below@10.9.0.3', '/').stdout or
                   'who-mid' in self.vellum.ni('ls', '-s', '10.9.0.3/below', '-d', '..', '/').stdout, 'below has a parent')
        out = self.ni('ls', '-s', '10.9.0.3/below', '-d', '..', '/').stdout
        self.assertIn('who-mid', out)
        self.assertNotIn('who-alpha', out)


class Explain(Three):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.agent = cls.vellum.agent()

    def items(self, j, part='by_name'):
        return [(i['domain'], i['name'], i['verdict']) for i in j[part]]

    def explain(self, *words, code=(OK, FAILED)):
        done = self.vellum.ni('explain', *words, '--json')
        self.assertIn(done.returncode, code, done.stdout + done.stderr)
        return json.loads(done.stdout)

    def test_nearest_wins(self):
        j = self.explain('user', 'amelia')
        self.assertEqual(['local', '/harbor', '/'], [d['name'] for d in j['domains']])
        self.assertEqual([('/harbor', 'amelia', 'answers'), ('/', 'amelia', 'hidden')], self.items(j))
        self.assertEqual((1501, [('/harbor', 'amelia', 'answers')]), (j['number'], self.items(j, 'by_number')))
        self.assertEqual('amelia:*:1501:1020::/home/amelia:/bin/sh', j['expected'])

    def test_by_number(self):
        j = self.explain('user', '1901')  # hidden by name, found by number
        self.assertEqual([('/', 'amelia', 'answers')], self.items(j, 'by_number'))
        j = self.explain('user', '1502')
        self.assertEqual([('/harbor', 'basil', 'answers')], self.items(j, 'by_number'))

    def test_group_list(self):
        j = self.explain('user', 'amelia')
        self.assertEqual([(1020, '/harbor', 'counts', "gid of the user's record"), (1000, 'local', 'counts', 'lists the user'),
                          (1030, 'local', 'counts', 'lists the user'), (1020, '/harbor', 'there already', 'lists the user'),
                          (1030, '/harbor', 'there already', 'lists the user'), (None, '/', 'left out', 'gid below min_id')],
                         [(g['gid'], g['domain'], g['verdict'], g['reason']) for g in j['groups']])

    def test_left_out(self):
        for name, reason in (('toor', 'uid 0 of another domain'), ('lowly', 'uid below min_id')):
            j = self.explain('user', name)
            self.assertEqual([('/', name, 'left out')], self.items(j))
            self.assertEqual((reason, None, True), (j['by_name'][0]['reason'], j['expected'], j['agree']))
            self.assertTrue(j['conclusion'].startswith('the record of / is left out (%s: ' % reason), j['conclusion'])
            self.assertTrue(j['conclusion'].endswith('), and the C library agrees'), j['conclusion'])
        self.assertIn('`allow` of agent.conf', self.explain('user', '77')['conclusion'])
        self.assertEqual('no domain has it, and the C library agrees', self.explain('user', 'nobody-at-all')['conclusion'])
        self.assertEqual([], self.explain('user', 'nobody-at-all')['by_name'])

    def test_groups(self):
        j = self.explain('group', 'staff')
        self.assertEqual([('/harbor', 'staff', 'answers'), ('/', 'staff', 'united')], self.items(j))
        self.assertEqual('staff:*:1020:amelia,basil,cordelia', j['expected'])
        j = self.explain('group', 'crew')
        self.assertEqual('crew:*:1030:basil,amelia', j['expected'])
        self.assertEqual([('local', 'crew', 'answers'), ('local', 'crew2', 'hidden'), ('/harbor', 'crew', 'united')],
                         self.items(j, 'by_number'))
        j = self.explain('group', 'sudo')
        self.assertEqual([('/', 'sudo', 'left out')], self.items(j))

    def test_maps(self):
        j = self.explain('host', 'relay')
        self.assertEqual([('/harbor', 'relay', 'answers'), ('/', 'relay', 'hidden')], self.items(j))
        self.assertEqual({'ip_address': ['10.1.1.9']}, j['by_name'][0]['values'])
        self.assertEqual([('/', 'relay', 'answers')], self.items(self.explain('host', '10.9.9.9')))
        self.assertEqual([('/', 'quux', 'answers')], self.items(self.explain('service', 'quux')))
        self.assertEqual([('/', 'quux', 'answers')], self.items(self.explain('service', '5555')))
        for path in (['/aliases'], ['/aliases/mixed', 'members=ada@example.org', 'members=|/bin/sh'], ['/aliases/evil', 'members=|/bin/sh'],
                     ['/machines/localhost', 'ip_address=10.9.0.66']):
            self.must(self.alpha, 'add', '-d', 'network', *path)
        for words, verdict, reason in ((['alias', 'mixed'], 'answers', 'without a part of it: '), (['alias', 'evil'], 'left out', ''),
                                       (['host', 'localhost'], 'left out', '')):
            item = [i for i in self.explain(*words)['by_name'] if i['domain'] == '/'][0]
            self.assertEqual(verdict, item['verdict'], item)
            self.assertIn(reason, item['reason'])

    def all_sources(self):
        """Every database of NetInfo is on its line, for one test."""
        path = '/proc/%d/root/etc/nsswitch.conf' % self.vellum.holder.pid

        def write(text):
            with open(path, 'w', encoding='utf-8') as f:
                f.write(text)
        write(NSSWITCH + SECRETS)
        self.addCleanup(write, NSSWITCH)

    def agreed(self, *words):
        wait_until(lambda: self.explain(*words)['agree'], 'the C library agrees about %s' % (words,))
        return self.explain(*words, code=(OK,))

    def test_shadow(self):
        self.all_sources()
        def hashed(command, host, where, path, *words, passwd):
            name = os.path.join(self.fleet.folder, 'hash')
            with open(name, 'w', encoding='utf-8') as f:
                f.write(passwd)
            self.must(host, command, *where, path, *words, '--file', 'passwd=' + name)

        for host, where, path, words, passwd in ((self.vellum, [], '/users/lena', ['uid=1710', 'gid=1030', 'shadow_max=90'], '$6$salt$secret'),
                                                 (self.vellum, [], '/users/lars', ['uid=1711', 'gid=1030'], '!'),
                                                 (self.mid, ['-d', 'harbor'], '/users/lena', ['uid=1712', 'gid=1030'], '$6$other$one')):
            hashed('add', host, where, path, *words, passwd=passwd)
            self.addCleanup(self.must, host, 'rm', *where, path)
        j = self.agreed('shadow', 'lena')
        self.assertEqual([('local', 'lena', 'answers'), ('/harbor', 'lena', 'hidden')], self.items(j))
        self.assertEqual(('lena:(a hash):::90::::',) * 2, (j['expected'], j['nss']['answer']))
        self.assertNotIn('secret', json.dumps(j) + self.ni('explain', 'shadow', 'lena').stdout)
        self.assertEqual('lars:!:::::::', self.agreed('shadow', 'lars')['expected'])
        self.assertIn('left out (uid below min_id', self.explain('shadow', 'lowly')['conclusion'])
        # Another hash than the one in the images is noticed, though none is shown.
        self.agent.stop()
        try:
            hashed('set', self.vellum, [], '/users/lena', passwd='$6$salt$another')
            self.assertFalse(self.explain('shadow', 'lena', code=(FAILED,))['agree'])
        finally:
            self.agent.start()
        self.agreed('shadow', 'lena')
        os.chmod(self.fleet.folder, 0o755)  # who is not root begins where he may read: copies beside each other
        os.makedirs(os.path.join(self.fleet.folder, 'copy/tools'))
        ni = shutil.copy(daemon.PROGRAMS['ni'], os.path.join(self.fleet.folder, 'copy/tools'))
        os.makedirs(os.path.join(self.fleet.folder, 'copy/nss'))
        shutil.copy(os.path.join(os.path.dirname(daemon.PROGRAMS['ni']), '../nss/libnss_netinfo.so.2'), os.path.join(self.fleet.folder, 'copy/nss'))
        done = self.vellum.run(sys.executable, '-c', 'import os, sys; os.setgroups([]); os.setgid(1701); os.setuid(1701); os.execv(sys.argv[1], sys.argv[1:])',
                               ni, 'explain', 'shadow', 'lena', env=self.vellum.environment(), cwd='/')
        self.assertEqual(FAILED, done.returncode)
        self.assertIn('ask as root', done.stdout, done.stderr)

    def test_gshadow(self):
        self.all_sources()
        self.must(self.mid, 'set', '-d', 'harbor', '/groups/crew', 'admins=amelia')
        self.must(self.vellum, 'set', '/groups/crew', 'admins=basil')
        j = self.agreed('gshadow', 'crew')
        self.assertEqual([('local', 'crew', 'answers'), ('/harbor', 'crew', 'united')], self.items(j))
        self.assertEqual('crew:*:basil,amelia:basil,amelia', j['nss']['answer'])
        j = self.agreed('gshadow', 'staff')
        self.assertEqual({('/harbor', 'staff', 'left out'), ('/', 'staff', 'left out')}, set(self.items(j)))
        self.assertIn('it has neither passwd nor admins', j['conclusion'])

    def test_ethers(self):
        self.all_sources()
        self.must(self.mid, 'add', '-d', 'harbor', '/machines/ink', 'en_address=0:5:2:fe:ef:4b')
        self.addCleanup(self.must, self.mid, 'rm', '-d', 'harbor', '/machines/ink')
        for key in ('ink', '00:05:02:FE:EF:4B', '0:5:2:fe:ef:4b'):
            j = self.agreed('ethers', key)
            self.assertEqual([('/harbor', 'ink', 'answers')], self.items(j))
            self.assertEqual('00:05:02:fe:ef:4b ink', j['nss']['answer'])
        self.assertEqual([], self.explain('ethers', 'nobody-at-all')['by_name'])

    def test_netgroups(self):
        self.all_sources()
        for host, where, words in ((self.mid, ['-d', 'harbor'], ['/netgroups']), (self.mid, ['-d', 'harbor'], ['/netgroups/said', 'members=(relay,,)', 'members=bad one', 'members=inner']),
                                   (self.mid, ['-d', 'harbor'], ['/netgroups/inner', 'members=(,amelia,)'])):
            self.must(host, 'add', *where, *words)
        self.must(self.mid, 'set', '-d', 'harbor', '/users/amelia', 'netgroups=all', 'netgroups=said')
        self.must(self.alpha, 'set', '-d', 'network', '/machines/relay', 'netgroups=all')
        j = self.agreed('netgroup', 'all')
        self.assertEqual([('/', 'relay', 'united'), ('/harbor', 'amelia', 'united')], self.items(j))
        self.assertEqual('(-,amelia,-) (relay,-,-)', j['expected'])
        self.assertEqual(set(j['expected'].split()), set(j['nss']['answer'].split()))
        j = self.agreed('netgroup', 'said')
        self.assertEqual([('/harbor', 'said', 'answers'), ('/harbor', 'amelia', 'hidden')], self.items(j))
        self.assertIn('without a part of it: ', j['by_name'][0]['reason'])
        self.assertEqual({'(relay,,)', '(,amelia,)'}, set(j['nss']['answer'].split()))
        self.assertEqual([], self.explain('netgroup', 'nobody-at-all')['by_name'])
        self.agent.stop()
        try:
            self.must(self.alpha, 'set', '-d', 'network', '/machines/mid', 'netgroups=all')
            self.assertFalse(self.explain('netgroup', 'all', code=(FAILED,))['agree'])
        finally:
            self.must(self.alpha, 'rm', '-d', 'network', '/machines/mid', 'netgroups')
            self.agent.start()

    def test_parent_port(self):
        """mid's second service: the domains above are looked for at the port that the agent's configuration names."""
        config = os.path.join(self.vellum.folder, 'port.conf')
        with open(config, 'w', encoding='utf-8') as f:
            f.write('parent_port = 1987\n')
        second = self.mid.daemon('-o', 'legacy_read_networks=10.9.0.0/24', listen='10.9.0.2:1987')
        self.addCleanup(second.stop)
        self.mid.daemons.remove(second)  # `ni` of mid speaks to the first one as before
        for words in (['domain', 'create', 'harbor'], ['add', '-d', 'harbor', '/users'],
                      ['add', '-d', 'harbor', '/users/porter', 'uid=1777', 'gid=1020']):
            done = self.mid.ni(*words, d=second)
            self.assertEqual(OK, done.returncode, done.stderr)
        j = self.explain('user', 'porter', '--config', config)
        self.assertEqual(('harbor@10.9.0.2:1987', 'answers'), (j['domains'][1]['address'], j['domains'][1]['state']))
        self.assertEqual(['porter'], [i['name'] for i in j['by_name']])
        self.assertEqual([], self.explain('user', 'porter')['by_name'])
        found = json.loads(self.vellum.ni('doctor', '--json', '--config', config, '--timeout', '2').stdout)['findings']
        self.assertIn('porter', json.dumps(found))

    def test_the_c_library(self):
        j = self.explain('user', 'root')
        self.assertEqual([('files', 'found'), ('netinfo', 'not found')], [(s['source'], s['result']) for s in j['nss']['sources']])
        self.assertEqual(('files netinfo', 'root:x:0:0:root:/root:/bin/sh'), (j['nss']['line'], j['nss']['answer']))
        self.assertEqual((True, 'no domain has it; the answer is from files'), (j['agree'], j['conclusion']))
        wait_until(lambda: self.explain('user', 'basil')['agree'], 'the images show basil')
        j = self.explain('user', 'basil', code=(OK,))
        self.assertEqual('basil:*:1700:1030::/:/bin/sh', j['nss']['answer'])
        self.assertEqual('the C library says what the domains say', j['conclusion'])

    def test_the_worked_example(self):
        """doc/resolution.md 4.4 through the C library of vellum, whose agent follows all three domains."""
        for words in (['user', 'amelia'], ['user', 'basil'], ['user', 'cordelia'], ['user', '1901'], ['user', '1502'], ['user', 'toor'],
                      ['user', 'lowly'], ['group', 'staff'], ['group', '1030'], ['group', 'wheel'], ['host', 'relay'],
                      ['host', '10.9.9.9'], ['service', 'quux'], ['service', '5555'], ['user', 'nobody-at-all']):
            with self.subTest(words):
                wait_until(lambda: self.explain(*words)['agree'], 'the C library agrees about %s' % words)
        self.assertEqual('staff:*:1020:amelia,basil,cordelia', self.explain('group', 'staff')['nss']['answer'])
        self.assertEqual('10.1.1.9 relay', self.explain('host', 'relay')['nss']['answer'])
        # sudo of the root domain is not published; that of /etc/group stays alone.
        self.assertEqual('sudo:x:27:', self.explain('group', 'sudo')['nss']['answer'])

    def test_not_on_the_line(self):
        wait_until(lambda: self.explain('user', 'amelia')['agree'], 'the C library agrees about amelia')
        path = '/proc/%d/root/etc/nsswitch.conf' % self.vellum.holder.pid
        with open(path, 'w', encoding='utf-8') as f:
            f.write('passwd: files\n')
        try:
            j = self.explain('user', 'amelia', code=(FAILED,))
        finally:
            with open(path, 'w', encoding='utf-8') as f:
                f.write(NSSWITCH)
        self.assertEqual([('files', True, 'not found'), ('netinfo', False, 'found')],
                         [(s['source'], s['on_line'], s['result']) for s in j['nss']['sources']])
        self.assertIn('`netinfo` is not on the passwd line', j['conclusion'])
        self.assertIsNone(j['nss']['answer'])

    def test_an_initgroups_line(self):
        wait_until(lambda: self.explain('user', 'amelia')['agree'], 'the C library agrees about amelia')
        path = '/proc/%d/root/etc/nsswitch.conf' % self.vellum.holder.pid
        with open(path, 'w', encoding='utf-8') as f:  # the host's own, bound over the machine's
            f.write(NSSWITCH + 'initgroups: files\n')
        try:
            j = self.explain('user', 'amelia', code=(FAILED,))
        finally:
            with open(path, 'w', encoding='utf-8') as f:
                f.write(NSSWITCH)
        self.assertEqual({'expected': '1000 1020 1030', 'module': '1000 1020 1030', 'answer': ''}, j['group_list'])
        self.assertIn('does not give all of these groups', j['conclusion'])

    def test_another_source_is_first(self):
        self.must(self.vellum, 'add', '/users/daemon', 'uid=1234', 'gid=1030')
        self.addCleanup(self.must, self.vellum, 'rm', '/users/daemon')
        wait_until(lambda: self.explain('user', 'daemon')['nss']['sources'][1]['result'] == 'found', 'the images show daemon')
        j = self.explain('user', 'daemon', code=(FAILED,))
        self.assertFalse(j['agree'])
        self.assertIn('files stands before netinfo on the passwd line', j['conclusion'])

    def test_text(self):
        wait_until(lambda: self.explain('user', 'basil')['agree'], 'the images show basil')
        text = re.sub(r'#\d+ +', '#N ', self.ni('explain', 'user', 'basil').stdout)
        self.assertEqual('''user basil

Domains, nearest first
  local    local@this machine  answers
  /harbor  harbor@10.9.0.2     answers
  /        network@10.9.0.1    answers

Records with this name
  local    #N basil uid 1700 gid 1030   answers
  /harbor  #N basil uid 1502 gid 1020   hidden: local is nearer, or its record comes first

Records with uid 1700
  local  #N basil uid 1700 gid 1030   answers

Groups
  local    #N gid 1030   counts: gid of the user's record
  local    #N crew gid 1030   there already: lists the user
  /harbor  #N staff gid 1020   counts: lists the user

The C library (/etc/nsswitch.conf: passwd: files netinfo)
  files    not found
  netinfo  basil:*:1700:1030::/:/bin/sh
  answer   basil:*:1700:1030::/:/bin/sh
  groups   1020 1030

the C library says what the domains say
''', text)

    def test_the_agents_own_list(self):
        config = os.path.join(self.vellum.folder, 'other.conf')
        for text, names, verdicts in (('domains = local\n', ['local'], []),
                                      ('domains = local, 10.9.0.1/network\nmin_id = 50\n', ['local', 'network@10.9.0.1'], ['answers'])):
            with open(config, 'w', encoding='utf-8') as f:
                f.write(text)
            j = self.explain('user', 'lowly', '--config', config)
            self.assertEqual((names, verdicts), ([d['name'] for d in j['domains']], [i['verdict'] for i in j['by_name']]))
        with open(config, 'w', encoding='utf-8') as f:
            f.write('min_id = no\n')
        self.assertIn('min_id', self.ni('explain', 'user', 'lowly', '--config', config, code=FAILED).stderr)

    def test_usage(self):
        for words in ([], ['user'], ['user', 'a', 'b'], ['thing', 'x'], ['may', 'a', 'eat', '/'], ['user', '']):
            self.ni('explain', *words, code=USAGE)


class May(Three):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for words in (['/users/ada', 'uid=1800', 'gid=1030', 'passwd=x', '_writers_passwd=ada'], ['/users/zero', 'uid=0', 'gid=0'],
                      ['/users/boss', 'uid=1801', 'gid=1030', 'passwd=x'], ['/groups/admin', 'gid=1080', 'users=boss'],
                      ['/open', '_writers=*'], ['/hers', '_writers=ada'], ['/shut', '_writers=*', '_locked=yes']):
            cls.must(cls.vellum, 'add', *words)

    def may(self, *words, code):
        return self.json('explain', 'may', *words, code=code)

    def test_rights(self):
        for user, what, where, allowed, words in (
                ('ada', 'write', '/users/ada:passwd', True, '_writers_passwd lists him'),
                ('ada', 'write', '/users/ada:uid', False, 'no rule'), ('ada', 'write', '/users/ada', False, 'no rule'),
                ('ada', 'write', '/open', True, 'lists \\*'), ('stranger', 'write', '/open', True, 'lists \\*'),
                ('ada', 'write', '/hers:anything', True, '_writers of the directory lists him'),
                ('stranger', 'write', '/hers', False, 'no rule'), ('zero', 'write', '/users/ada:uid', True, 'superuser'),
                ('zero', 'write', '/shut', False, '_locked'), ('0', 'write', '/hers', True, 'superuser'),
                ('stranger', 'read', '/users/ada', True, 'open'), ('ada', 'read', '/users/ada:passwd', False, 'secret'),
                ('zero', 'read', '/users/ada:passwd', True, 'superuser')):
            with self.subTest((user, what, where)):
                j = self.may(user, what, where, code=OK if allowed else DENIED)
                self.assertEqual(allowed, j['allowed'])
                self.assertRegex(j['conclusion'], words)

    def test_identity(self):
        ways = {w['way']: w for w in self.may('boss', 'write', '/hers', code=DENIED)['identity']}
        self.assertEqual('superuser', ways['password']['becomes'])
        self.assertIn('/groups/admin', ways['password']['why'])
        ways = {w['way']: w for w in self.may('ada', 'write', '/hers', code=OK)['identity']}
        self.assertEqual('anonymous', ways['UNIX socket of the server']['becomes'])  # vellum's passwd does not know ada
        self.assertEqual('ada', ways['password']['becomes'])

    def test_not_there(self):
        done = self.ni('explain', 'may', 'ada', 'write', '/nope', code=NOT_FOUND)
        self.assertIn('No such directory', done.stderr)


class Doctor(Three):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.agent = cls.vellum.agent()
        # The agent of this test publishes below a folder; ni finds it by NETINFO_SNAPSHOTS, as the module does.

    def doctor(self, *words, host=None):
        done = (host or self.vellum).ni('doctor', '--json', '--timeout', '2', *words)
        self.assertIn(done.returncode, (OK, FAILED), done.stderr)
        j = json.loads(done.stdout)
        self.assertEqual(done.returncode == OK, j['healthy'])
        for severity in ('error', 'warning', 'note'):
            self.assertEqual(j[severity + 's'], len([f for f in j['findings'] if f['severity'] == severity]))
        return j

    def found(self, j, check, severity=None):
        return [(f['thing'], f['reason']) for f in j['findings'] if f['check'] == check and severity in (None, f['severity'])]

    def test_what_collides(self):
        self.must(self.vellum, 'add', '/users/eva', 'uid=1602', 'gid=1030')
        self.addCleanup(self.must, self.vellum, 'rm', '/users/eva')
        j = self.doctor()
        left_out = dict(self.found(j, 'left-out'))
        self.assertEqual({'users of /', 'groups of /'}, set(left_out))
        self.assertIn('1 not published: gid below min_id (sudo)', left_out['groups of /'])
        reasons = {r for _, r in self.found(j, 'left-out')}
        self.assertLessEqual({'1 not published: uid 0 of another domain (toor)', '1 not published: uid below min_id (lowly)'}, reasons)
        collisions = ' '.join(r for _, r in self.found(j, 'collision'))
        self.assertIn('the same name with different uids: 2 (amelia 1501 in /harbor, amelia 1901 in /; basil 1700 in local, '
                      'basil 1502 in /harbor)', collisions)
        self.assertIn('the same gid under different names', collisions)
        self.assertIn('crew2 1030 in local', collisions)
        self.assertIn('the same uid under different names: 1 (eve 1602 in /etc, eva 1602 in local)', collisions)
        # What the agent guards against (own_files) does not collide, since it is not published.
        self.assertIn("1 not published: this machine's passwd file has the uid with another name (spare)", reasons)
        self.assertEqual([], self.found(j, 'duplicate'))

    def test_healthy_but_for_warnings(self):
        wait_until(lambda: self.doctor()['healthy'], 'nothing but warnings')
        j = self.doctor()
        self.assertEqual(([], [], []), tuple(self.found(j, c) for c in ('agent', 'server', 'replication')))
        text = self.ni('doctor').stdout
        self.assertRegex(text, r'(?m)^\d+ checks: 0 errors, \d+ warnings, \d+ notes$')

    def test_duplicates_and_nowhere(self):
        self.must(self.mid, 'add', '-d', 'harbor', '/machines/lost', 'serves=lost/local')
        self.must(self.mid, 'add', '-d', 'harbor', '/machines/double', 'ip_address=10.1.1.9')
        with self.mid.server.admin('harbor') as c:  # ni does not make a second one
            users = c.lookup(0, 'name', 'users')[1][0]
            made = [c.create(c.self_(users)[1], {'name': 'two', 'uid': uid, 'gid': '1020'})[1] for uid in ('1510', '1511')]
            try:
                j = self.doctor()
            finally:
                for id in made:
                    self.assertEqual(rpc.OK, c.destroy(c.self_(users)[1], id)[0])
                for name in ('lost', 'double'):
                    self.must(self.mid, 'rm', '-d', 'harbor', '/machines/' + name)
        self.assertIn(('machines', 'the same address under different names in one domain: 1 (relay and double of /harbor: 10.1.1.9)'),
                      self.found(j, 'collision'))
        self.assertEqual([('users', 'the same name twice in one domain: 1 (two 1510 in /harbor, two 1511 in /harbor)')],
                         self.found(j, 'duplicate'))
        self.assertEqual([('/machines of /harbor', '1 values of serves belong to machines without ip_address (lost: lost/local)')],
                         self.found(j, 'serves'))

    def test_the_top_is_gone(self):
        wait_until(lambda: self.vellum.ni('explain', 'user', 'cordelia').returncode == OK, 'cordelia is published')
        self.fleet.cut(self.alpha)
        try:
            wait_until(lambda: self.found(self.doctor(), 'parent'), 'the cut is noticed')
            self.assertEqual(('above ..', 'domain ../..: its server network@10.9.0.1 does not answer'), self.found(self.doctor(), 'parent')[0])
            done = self.vellum.ni('explain', 'user', 'cordelia', '--timeout', '2', '--json')  # lookups go on, from the images
            j = json.loads(done.stdout)
            self.assertEqual((FAILED, 'cordelia:*:1601:1020::/:/bin/sh'), (done.returncode, j['nss']['answer']))
            self.assertEqual('a domain does not answer now; the images keep what it said last', j['conclusion'])
            done = self.vellum.ni('domain', 'tree', '--timeout', '2')
            self.assertEqual(UNREACHABLE, done.returncode)
            self.assertRegex(done.stdout, r'^\.\.  harbor@10\.9\.0\.2 .*\n`-- vellum  \(this machine\)')
        finally:
            self.fleet.heal(self.alpha)
        wait_until(lambda: self.doctor()['healthy'], 'all is well again')

    def test_how_long_a_domain_is_away(self):
        """The agent says it; a doctor that asks no server knows it, too."""
        wait_until(lambda: self.vellum.ni('explain', 'user', 'cordelia').returncode == OK, 'cordelia is published')
        self.assertEqual([], self.found(self.doctor('--files'), 'away'))
        before = int(time.time())
        self.alpha.server.stop()
        try:
            wait_until(lambda: self.found(self.doctor('--files'), 'away'), 'the agent notices')
            (thing, reason), = self.found(self.doctor('--files'), 'away', 'warning')
            self.assertEqual('domain network at 10.9.0.1', thing)
            since = re.search(r'no server of it for \d+ s, since (\S+Z) \(.*(refused|closed|no server).*\); lookups keep', reason)
            self.assertIsNotNone(since, reason)
            self.assertIn(calendar.timegm(time.strptime(since.group(1), '%Y-%m-%dT%H:%M:%SZ')), range(before, int(time.time()) + 1))
        finally:
            self.alpha.server.start()
        wait_until(lambda: not self.found(self.doctor('--files'), 'away'), 'the agent has caught up')

    def test_the_agent_is_gone(self):
        wait_until(lambda: self.doctor()['healthy'], 'nothing but warnings')
        self.agent.stop()
        try:
            self.must(self.mid, 'add', '-d', 'harbor', '/users/aaron', 'uid=1555', 'gid=1020')
            self.addCleanup(self.must, self.mid, 'rm', '-d', 'harbor', '/users/aaron')
            self.assertEqual([('users of /harbor', 'the images do not show them as they are (aaron, uid 1555)')],
                             self.found(self.doctor(), 'images', 'error'))
            j = self.doctor()
            self.assertEqual('netinfo-agent', self.found(j, 'agent', 'error')[0][0])
            self.assertIn('it is not running', self.found(j, 'agent')[0][1])
        finally:
            self.agent.start()
        self.assertEqual([], self.found(self.doctor(), 'agent', 'error'))
        wait_until(lambda: not self.found(self.doctor(), 'images', 'error'), 'the images show aaron')

    def test_a_second_server(self):
        """Somebody names alpha as a server of harbor, whose harbor is another domain."""
        self.must(self.alpha, 'domain', 'create', 'harbor')
        self.must(self.mid, 'add', '-d', 'harbor', '/machines/wrong', 'ip_address=10.9.0.1', 'serves=./harbor')
        try:
            j = self.doctor()
            self.assertIn('is another domain (its uuid differs)', [r for _, r in self.found(j, 'replication')])
        finally:
            self.must(self.mid, 'rm', '-d', 'harbor', '/machines/wrong')
            self.must(self.alpha, 'domain', 'destroy', '--yes', 'harbor')

    def test_port(self):
        other = self.fleet.host('other', '10.9.0.9')
        other.popen([sys.executable, '-c', 'import socket\ns = socket.create_server(("127.0.0.1", 987))\n'
                     'while True:\n c, _ = s.accept()\n c.sendall(b"220 hello\\r\\n")\n c.close()'])
        wait_until(lambda: self.found(self.doctor(host=other), 'port'), 'somebody else is noticed')

    def test_port_held(self):
        """By somebody who says nothing: netinfod waits for it, and the doctor says for whom."""
        other = self.fleet.host('held', '10.9.0.10')
        thief = other.popen([sys.executable, '-c', 'import socket, time\ns = socket.create_server(("127.0.0.1", 987))\n'
                             'print(flush=True)\ntime.sleep(100000)'], stdout=subprocess.PIPE)
        thief.stdout.readline()
        server = other.daemon('-o', 'wait_for_ports=yes', listen='127.0.0.1:987')
        self.assertIn('is held by pid %d ' % thief.pid, server.log())
        (thing, reason), = self.found(self.doctor(host=other), 'port', 'error')
        self.assertEqual(thing, 'tcp 127.0.0.1:987')
        self.assertIn('it is held by pid %d (python' % thief.pid, reason)
        thief.kill()
        thief.wait()
        wait_until(lambda: not self.found(self.doctor(host=other), 'port'), 'the port is taken')
        with other.inside(), rpc.Conn(('127.0.0.1', 987)) as c:
            self.assertEqual(c.root()[0], rpc.OK)


class Retouched(unittest.TestCase):
    """A server whose STATUS says something else than it is: a proxy changes bytes of the reply."""

    NOW = 4 + 16 + 8 + 4 + 8 + 8 + 4 + 16 + 4 + 4  # where they stand (doc/extension-program.md 6.1)

    def setUp(self):
        self.d = daemon.Daemon(legacy=False)
        self.addCleanup(self.d.__exit__, None)
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.addCleanup(self.listener.close)
        self.seconds = 0
        threading.Thread(target=self.receive, daemon=True).start()

    def receive(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.converse, args=(client,), daemon=True).start()

    def converse(self, client):
        with client, socket.create_connection(self.d.tcp) as server:
            while (call := old_server.record(client)) is not None:
                server.sendall(old_server.marked(call))
                reply = old_server.record(server)
                if reply is None:
                    return
                if (old_server.word(call, 12), old_server.word(call, 20)) == (rpc.EXT, rpc.EXT_PROCS.index('status')):
                    at = 24 + self.NOW
                    now = int.from_bytes(reply[at:at + 8], 'big') + self.seconds * 1000000
                    reply = reply[:at] + now.to_bytes(8, 'big') + reply[at + 8:]
                client.sendall(old_server.marked(reply))

    def clocks(self):
        done = subprocess.run([daemon.PROGRAMS['ni'], 'doctor', '--json', '-s', '127.0.0.1:%d' % self.listener.getsockname()[1]],
                              capture_output=True, text=True, timeout=60)
        return [(f['severity'], f['reason']) for f in json.loads(done.stdout)['findings'] if f['check'] == 'clock']

    def test_clocks(self):
        self.assertEqual([], self.clocks())
        for seconds, severity, words in ((30, 'warning', 'ahead of'), (-30, 'warning', 'behind'), (7200, 'error', 'ahead of')):
            self.seconds = seconds
            found = self.clocks()
            self.assertEqual([severity], [s for s, _ in found])
            number, direction = re.fullmatch(r'its clock is (\d+) s (behind|ahead of) ours', found[0][1]).groups()
            self.assertEqual(words, direction)
            self.assertTrue(abs(seconds) - 10 <= abs(int(number)) <= abs(seconds) + 10, number)


class Files(unittest.TestCase):
    """A folder that stands for the root of a machine."""

    def setUp(self):
        self.root = tempfile.mkdtemp(prefix='netinfo-doctor-')
        self.addCleanup(shutil.rmtree, self.root)
        for folder in ('etc/netinfo', 'run/netinfo', 'var/lib/netinfo/domains', 'usr/lib/x86_64-linux-gnu'):
            os.makedirs(os.path.join(self.root, folder))
        os.chmod(os.path.join(self.root, 'var/lib/netinfo/domains'), 0o700)

    def write(self, path, text):
        with open(os.path.join(self.root, path), 'w', encoding='utf-8') as f:
            f.write(text)

    def findings(self, check):
        done = subprocess.run([daemon.PROGRAMS['ni'], 'doctor', '--files', '--from', self.root, '--json'], capture_output=True, text=True,
                              timeout=60, env={k: v for k, v in os.environ.items() if not k.startswith('NETINFO_')})
        self.assertIn(done.returncode, (OK, FAILED), done.stderr)
        return [(f['severity'], f['thing'].replace(self.root, ''), f['reason']) for f in json.loads(done.stdout)['findings']
                if f['check'] == check]

    def lines(self, **lines):
        good = {'passwd': 'files netinfo systemd', 'group': 'files [SUCCESS=merge] netinfo [SUCCESS=merge] systemd',
                'shadow': 'files netinfo', 'hosts': 'files mdns4_minimal [NOTFOUND=return] netinfo dns', 'services': 'netinfo files',
                'netgroup': 'netinfo'}
        good.update(lines)
        self.write('etc/nsswitch.conf', '# comment: netinfo\n' + ''.join('%s:\t%s # more\n' % x for x in good.items() if x[1] is not None))
        return self.findings('nsswitch')

    def test_nsswitch(self):
        self.assertEqual([], self.lines())
        for lines, severity, place, words in (
                ({'passwd': 'files systemd'}, 'error', '/etc/nsswitch.conf: passwd', 'netinfo is not on the line'),
                ({'passwd': None}, 'error', '/etc/nsswitch.conf: passwd', 'netinfo is not on the line'),
                ({'passwd': 'files systemd netinfo'}, 'warning', '/etc/nsswitch.conf:2: passwd', 'behind systemd'),
                ({'passwd': 'netinfo files'}, 'warning', '/etc/nsswitch.conf:2: passwd', 'before files'),
                ({'passwd': 'files netinfo netinfo'}, 'warning', '/etc/nsswitch.conf:2: passwd', 'twice'),
                ({'passwd': 'files [notfound=Return] netinfo'}, 'error', '/etc/nsswitch.conf:2: passwd', 'ends every search'),
                ({'passwd': 'files [UNAVAIL=return NOTFOUND=return] netinfo'}, 'error', '/etc/nsswitch.conf:2: passwd', 'ends every'),
                ({'group': 'files netinfo'}, 'note', '/etc/nsswitch.conf:3: group', 'SUCCESS=merge'),
                ({'hosts': 'files dns netinfo'}, 'warning', '/etc/nsswitch.conf:5: hosts', 'behind dns'),
                ({'shadow': 'files'}, 'note', '/etc/nsswitch.conf: shadow', 'not on the line'),
                ({'initgroups': 'files'}, 'error', '/etc/nsswitch.conf:8: initgroups', 'does not name netinfo'),
                ({'initgroups': 'files netinfo'}, 'warning', '/etc/nsswitch.conf:8: initgroups', 'gets none from NetInfo')):
            with self.subTest(lines):
                found = self.lines(**lines)
                self.assertEqual([(severity, place)], [f[:2] for f in found])
                self.assertIn(words, found[0][2])
        self.assertEqual([], self.lines(initgroups='files [SUCCESS=continue] netinfo'))
        os.remove(os.path.join(self.root, 'etc/nsswitch.conf'))
        self.assertEqual([('error', '/etc/nsswitch.conf', 'No such file or directory')], self.findings('nsswitch'))

    def test_module(self):
        self.assertEqual('error', self.findings('module')[0][0])
        path = os.path.join(self.root, 'usr/lib/x86_64-linux-gnu/libnss_netinfo.so.2')
        shutil.copy(daemon.PROGRAMS['ni'], path)  # an ELF file of this machine's kind
        self.assertEqual([], self.findings('module'))
        with open(path, 'r+b') as f:  # of another: e_machine is at 18
            f.seek(18)
            f.write(b'\x28\x00')
        self.assertIn('another architecture', self.findings('module')[0][2])

    def test_images_and_permissions(self):
        self.assertIn('no images were published', self.findings('images')[0][2])
        self.assertEqual([], self.findings('permissions'))
        self.write('etc/netinfo/agent.conf', 'min_id = 500\n')
        os.chmod(os.path.join(self.root, 'etc/netinfo/agent.conf'), 0o666)
        os.chmod(os.path.join(self.root, 'var/lib/netinfo/domains'), 0o755)
        self.assertEqual(['/etc/netinfo/agent.conf', '/var/lib/netinfo/domains'], sorted(f[1] for f in self.findings('permissions')))
        self.write('etc/netinfo/agent.conf', 'min_idd = 500\n')
        self.assertIn('did you mean min_id', self.findings('configuration')[0][2])

    def test_usage(self):
        for words in (['--from', '/nowhere/at/all'], ['operand'], ['--nope']):
            done = subprocess.run([daemon.PROGRAMS['ni'], 'doctor', *words], capture_output=True, text=True, timeout=60)
            self.assertEqual(USAGE, done.returncode, done)


class AsItSays(unittest.TestCase):
    """What `ni explain may` says of a user, the server does."""

    def test_writes(self):
        users = {'ada': 1800, 'boss': 1801, 'zero': 0, 'plain': 1803}
        folders = {'open': {'_writers': '*'}, 'hers': {'_writers': 'ada'}, 'shut': {'_writers': '*', '_locked': 'yes'},
                   'part': {'_writers_k': 'ada'}, 'nobodys': {}, 'all-of-k': {'_writers_k': '*'}}
        with daemon.Daemon('-o', 'allow_empty_passwords=yes') as d, d.admin('local') as root:
            top = {name: self.make(root, 0, name) for name in ('users', 'groups')}
            for name, uid in users.items():
                self.make(root, top['users'], name, uid=str(uid), passwd='')
            self.make(root, top['groups'], 'admin', users='boss')
            ids = {name: self.make(root, 0, name, k='v', **props) for name, props in folders.items()}
            seen = set()
            for name, uid in users.items():
                for folder, object in ids.items():
                    with self.subTest((name, folder)), d.conn('local') as c:
                        said = subprocess.run([daemon.PROGRAMS['ni'], 'explain', 'may', name, 'write', '/%s:k' % folder, '--json'],
                                              capture_output=True, text=True, timeout=60, env={**os.environ, 'NETINFO_SOCKET': d.socket})
                        j = json.loads(said.stdout)
                        way = [w for w in j['identity'] if w['way'] == 'password'][0]
                        allowed = j['allowed'] or (way['becomes'] == 'superuser' and folder != 'shut')
                        id = c.self_(object)[1]
                        names = [p.decode() for p in c.listprops(object)[1]]
                        status = c.writeprop(id, names.index('k'), ['new'], cred=rpc.auth_unix('', uid))[0]
                        self.assertEqual(allowed, status == rpc.OK, (j, status))
                        seen.add(allowed)
            self.assertEqual({True, False}, seen)

    @staticmethod
    def make(c, parent, name, **props):
        status, id = c.create(c.self_(parent)[1], {'name': name, **props})[:2]
        assert status == rpc.OK, status
        return id[0]


if __name__ == '__main__':
    daemon.main()
