#!/usr/bin/env python3
"""A machine whose nsswitch.conf has the lines of doc/resolution.md 11.2: server, agent and the system's own programs, for every map.

usage: maps.py netinfod=PATH ni=PATH agent=PATH nss=PATH [unittest options]"""
import json
import os
import re
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
import chain  # noqa: E402
import daemon  # noqa: E402
import fleet  # noqa: E402

PATIENCE = 90  # seconds until something that must happen is given up; no figure is asserted
INNETGR = 'import ctypes, sys; w = [None if x == "-" else x.encode() for x in sys.argv[1:]]; print(ctypes.CDLL(None).innetgr(*w))'
AGENT_CONF = 'snapshots = /run/netinfo/snapshots\ndurable = /var/lib/netinfo/snapshots\n'


def nsswitch():
    """The lines that the documentation recommends."""
    page = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', 'doc', 'resolution.md')
    with open(page, encoding='utf-8') as f:
        return re.search(r'### 11\.2 nsswitch\.conf\n```\n(.*?)```', f.read(), re.S).group(1)


class Machine(unittest.TestCase):
    def setUp(self):
        why = fleet.missing()
        if why:
            self.skipTest(why)
        self.fleet = fleet.Fleet()
        self.addCleanup(self.fleet.close)
        self.host = self.fleet.host('vellum', '10.9.0.1', etc={'/etc/nsswitch.conf': nsswitch(), '/etc/resolv.conf': ''})
        self.host.must('mount', '-t', 'tmpfs', 'tmpfs', '/var/lib')
        self.d = self.host.daemon(legacy=False)
        with open(os.path.join(self.d.folder, 'agent.conf'), 'w', encoding='ascii') as f:
            f.write(AGENT_CONF)
        self.g = self.host.agent()
        self.env = {k: v for k, v in os.environ.items() if not k.startswith('NETINFO_')}
        self.env['LD_LIBRARY_PATH'] = os.path.dirname(daemon.PROGRAMS['nss'])

    def ni(self, *words):
        env = {**self.env, 'NETINFO_SOCKET': self.d.socket}
        self.host.must(daemon.PROGRAMS['ni'], *words, env=env, input='$6$x$y')

    def ask(self, *words):
        return self.host.run(*words, env=self.env).stdout

    def becomes(self, want, *words):
        until = time.monotonic() + PATIENCE
        while self.ask(*words) != want:
            if time.monotonic() > until:
                self.fail('%r gives %r instead of %r\n%s' % (words, self.ask(*words), want, self.g.log()[-2000:]))
            time.sleep(0.01)

    def innetgr(self, *words):
        return self.ask(sys.executable, '-c', INNETGR, *words).strip()

    def fill(self):
        for words in (('/machines/relay', 'name=r', 'ip_address=10.1.1.9', 'ip_address=10.1.1.10', 'ipv6_address=2001:db8::9',
                       'en_address=2:0:0:a:b:ff', 'netgroups=trusted'),
                      ('/users/ada', 'uid=5001', 'gid=100', 'home=/home/ada', 'netgroups=trusted'),
                      ('/groups/crew', 'gid=4300', 'users=ada', 'admins=ada', '--file', 'passwd=-'),
                      ('/networks/harbor', 'address=10.7'), ('/services/ledger', 'port=7777', 'protocol=tcp', 'protocol=udp'),
                      ('/protocols/quay', 'number=253'), ('/rpcs/tide', 'number=536880000'),
                      ('/aliases/pilots', 'members=ada', 'members=bob@example.org'),
                      ('/netgroups/night', 'members=(relay,eve,)', 'members=trusted')):
            self.ni('add', '-p', *words)

    def test_every_map(self):
        self.fill()
        self.becomes('night                 (relay,eve,) (relay,-,-) (r,-,-) (-,ada,-)\n', 'getent', 'netgroup', 'night')
        for want, *words in (
                ('10.1.1.9        STREAM relay\n10.1.1.9        DGRAM  \n10.1.1.9        RAW    \n', 'ahostsv4', 'relay'),
                ('10.1.1.9        relay r\n10.1.1.10       relay r\n', 'hosts', '10.1.1.10'), ('2001:db8::9     relay r\n', 'hosts', '2001:db8::9'),
                ('harbor                10.7.0.0\n', 'networks', 'harbor'), ('harbor                10.7.0.0\n', 'networks', '10.7.0.0'),
                ('ledger                7777/tcp\n', 'services', 'ledger'), ('ledger                7777/udp\n', 'services', '7777/udp'),
                ('quay                  253\n', 'protocols', '253'), ('tide            536880000\n', 'rpc', 'tide'),
                ('2:0:0:a:b:ff relay\n', 'ethers', 'relay'), ('2:0:0:a:b:ff relay\n', 'ethers', '2:0:0:a:b:ff'),
                ('pilots:         ada, bob@example.org\n', 'aliases', 'PILOTS'), ('crew:$6$x$y:ada:ada\n', 'gshadow', 'crew'),
                ('ada:*:5001:100::/home/ada:/bin/sh\n', 'passwd', 'ada'), ('crew:x:4300:ada\n', 'group', 'crew')):
            got = self.ask('getent', *words)
            self.assertTrue(got.startswith(want), (words, got))
        self.assertEqual(sorted({line.split()[0] for line in self.ask('getent', 'ahosts', 'R').splitlines()}),
                         ['10.1.1.10', '10.1.1.9', '2001:db8::9'])
        self.assertEqual(self.ask('id', '-nG', 'ada').split()[-1], 'crew')
        self.assertEqual(self.ask('id', '-u', 'ada'), '5001\n')

    def test_ni_getent_says_what_getent_says(self):
        self.fill()
        self.becomes('crew:$6$x$y:ada:ada\n', 'getent', 'gshadow', 'crew')
        self.becomes('2:0:0:a:b:ff relay\n', 'getent', 'ethers', 'relay')
        self.becomes('night                 (relay,eve,) (relay,-,-) (r,-,-) (-,ada,-)\n', 'getent', 'netgroup', 'night')
        env = {**self.env, 'NETINFO_SNAPSHOTS': '/run/netinfo/snapshots'}
        for words in ('hosts', 'hosts R', 'hosts 10.1.1.9 2001:db8::9 nobody', 'networks', 'networks harbor 10.7.0.0', 'services',
                      'services ledger 7777 7777/udp ledger/udp', 'protocols', 'protocols quay 253', 'rpc', 'rpc tide 536880000',
                      'ethers relay 2:0:0:a:b:ff', 'netgroup night', 'netgroup trusted', 'aliases', 'aliases PILOTS', 'gshadow', 'gshadow crew'):
            theirs = self.host.run('getent', '-s', 'netinfo', *words.split(), env=env)
            ours = self.host.run(daemon.PROGRAMS['ni'], 'getent', *words.split(), env=env)
            self.assertEqual(ours.stdout, theirs.stdout, words)
            self.assertEqual(ours.returncode, 0 if theirs.returncode == 0 else 3, (words, ours.stderr))
        for words in ('netgroup nobody', 'hosts nobody', 'services nobody', 'ethers nobody', 'ahosts nobody'):
            self.assertEqual(self.host.run(daemon.PROGRAMS['ni'], 'getent', *words.split(), env=env).returncode, 3, words)
        said = self.host.must(daemon.PROGRAMS['ni'], 'getent', '--json', 'ahosts', 'r', env=env)
        self.assertEqual(json.loads(said)[0]['name'], 'relay')
        self.assertEqual(sorted(json.loads(said)[0]['addresses']), ['10.1.1.10', '10.1.1.9', '2001:db8::9'])
        empty = {**env, 'NETINFO_SNAPSHOTS': '/run'}
        for words in ('netgroup night', 'hosts relay', 'hosts', 'aliases'):
            self.assertEqual(self.host.run(daemon.PROGRAMS['ni'], 'getent', *words.split(), env=empty).returncode, 6, words)

    def test_netgroups_decide_as_they_should(self):
        self.fill()
        self.becomes('1\n', sys.executable, '-c', INNETGR, 'night', 'relay', 'eve', '-')
        for want, *words in (('1', 'trusted', 'relay', '-', '-'), ('1', 'trusted', 'r', '-', '-'), ('1', 'trusted', '-', 'ada', '-'),
                             ('0', 'trusted', '-', 'eve', '-'),  # a host in it makes nobody a member as user
                             ('0', 'trusted', 'ada', '-', '-'), ('1', 'night', '-', 'ada', '-'), ('0', 'night', 'relay', 'bob', '-'),
                             ('0', 'nobody', '-', '-', '-')):
            self.assertEqual(self.innetgr(*words), want, words)

    def test_large_answers(self):
        """Larger than the buffer the C library begins with, several times over."""
        addresses = ['10.3.%d.%d' % (i // 200, i % 200) for i in range(300)]
        names = ['n%d-%s' % (i, 'x' * 100) for i in range(100)]
        members = ['member%d-%s@example.org' % (i, 'y' * 50) for i in range(1000)]
        triples = ['(%s,user%d,domain)' % ('h' * 200, i) for i in range(300)]
        self.ni('add', '-p', '/machines/many', *['ip_address=' + x for x in addresses], *['name=' + x for x in names])
        self.ni('add', '-p', '/aliases/many', *['members=' + x for x in members])
        self.ni('add', '-p', '/services/many', 'port=9', 'protocol=tcp', *['name=' + x for x in names])
        self.ni('add', '-p', '/netgroups/many', *['members=' + x for x in triples])
        self.becomes('many                  %s\n' % ' '.join(triples), 'getent', 'netgroup', 'many')
        self.assertEqual(self.innetgr('many', 'h' * 200, 'user299', 'domain'), '1')
        self.assertEqual(self.innetgr('many', 'h' * 200, 'user300', 'domain'), '0')
        self.assertEqual(self.ask('getent', 'aliases', 'many'), 'many:           %s\n' % ', '.join(members))
        self.assertEqual(self.ask('getent', 'services', names[99]), 'many                  9/tcp %s\n' % ' '.join(names))
        self.assertEqual(self.ask('getent', 'hosts', names[99]), ''.join('%-15s many %s\n' % (a, ' '.join(names)) for a in addresses))
        self.assertEqual({line.split()[0] for line in self.ask('getent', 'ahosts', names[50]).splitlines()}, set(addresses))

    def test_a_change_is_seen_and_what_is_seen_stays(self):
        self.fill()
        self.becomes('10.1.1.9        relay r\n10.1.1.10       relay r\n', 'getent', 'hosts', '10.1.1.9')
        self.ni('set', '/machines/relay', 'ip_address=10.1.1.77')
        self.becomes('10.1.1.77       relay r\n', 'getent', 'hosts', '10.1.1.77')
        self.becomes('', 'getent', 'hosts', '10.1.1.9')
        self.g.stop()
        self.d.kill()
        self.assertEqual(self.ask('getent', 'hosts', '10.1.1.77'), '10.1.1.77       relay r\n')
        # As after a start of the machine, before the agent is there: only the durable copy.
        self.host.must('rm', '-r', '/run/netinfo')
        self.assertEqual(self.ask('getent', 'hosts', '10.1.1.77'), '10.1.1.77       relay r\n')
        self.assertEqual(self.ask('getent', 'services', 'ledger'), 'ledger                7777/tcp\n')
        self.assertEqual(self.innetgr('trusted', 'relay', '-', '-'), '1')
        # And without any: the other sources answer.
        self.host.must('rm', '-r', '/var/lib/netinfo')
        self.assertEqual(self.ask('getent', 'services', 'http').split()[1], '80/tcp')
        self.assertEqual(self.ask('getent', 'services', 'ledger'), '')

    def test_modes_of_images(self):
        self.fill()
        self.becomes('crew:$6$x$y:ada:ada\n', 'getent', 'gshadow', 'crew')
        modes = dict(reversed(line.split()) for line in self.ask('sh', '-c', 'cd /run/netinfo/snapshots; stat -c "%a %n" *').splitlines())
        newest = {}
        for name, mode in modes.items():
            kind, _, generation = name.partition('.')
            if generation.isdigit() and int(generation) >= newest.get(kind, (0, ''))[0]:
                newest[kind] = (int(generation), mode)
        self.assertEqual({kind: mode for kind, (_, mode) in newest.items()},
                         {'passwd': '444', 'group': '444', 'shadow': '640', 'hosts': '444', 'networks': '444', 'services': '444', 'protocols': '444',
                          'rpc': '444', 'ethers': '444', 'netgroup': '444', 'aliases': '444', 'gshadow': '640'})
        unprivileged = self.host.run('setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', 'getent', '-s', 'netinfo', 'gshadow', 'crew',
                                     env=self.env)
        self.assertEqual((unprivileged.returncode, unprivileged.stdout), (2, ''))


class Levels(chain.Chain):
    """Three domains: the nearest wins by every key, netgroups are united, and a parent cannot do everything."""

    def test_maps_of_three_domains(self):
        for host, tag, *records in (
                (self.alpha, 'network', '/services/ledger port=7777 protocol=tcp', '/users/cordelia2 uid=602 gid=20 netgroups=trusted',
                 '/machines/localhost ip_address=10.66.6.6', '/machines/evil ip_address=127.0.0.1 ip_address=10.66.6.7',
                 '/aliases/list members=cordelia members=|/bin/sh members=/etc/passwd members=:include:/etc/shadow',
                 '/aliases/pipe members=|/bin/sh', '/netgroups/near members=(,cordelia,)', '/groups/team gid=5000 admins=cordelia passwd=*'),
                (self.mid, 'harbor', '/services/ledger port=8888 protocol=udp', '/machines/quill ip_address=10.1.1.10 netgroups=trusted',
                 '/netgroups/near members=(,amelia,)'),
                (self.vellum, 'local', '/users/basil2 uid=701 gid=30 netgroups=trusted', '/aliases/own members=|/usr/bin/filter')):
            for record in records:
                self.must(host, 'add', '-p', '-d', tag, *record.split())
        self.complete()
        self.becomes('list:           cordelia\n', 'aliases', 'list')
        self.becomes('trusted               (-,basil2,-) (quill,-,-) (-,cordelia2,-)\n', 'netgroup', 'trusted')
        self.becomes('team:*:cordelia:\n', 'gshadow', 'team')
        for want, *words in (('10.1.1.9        relay\n', 'hosts', 'relay'), ('10.9.9.9        relay\n', 'hosts', '10.9.9.9'),  # 4.4, 18
                             ('10.66.6.7       evil\n', 'hosts', 'evil'), ('', 'hosts', '10.66.6.6'), ('', 'hosts', '127.0.0.1'),
                             ('', 'aliases', 'pipe'), ('own:            |/usr/bin/filter\n', 'aliases', 'own'),
                             ('near                  (,amelia,)\n'.replace('(,', '( ,'), 'netgroup', 'near'),
                             ('ledger                8888/udp\n', 'services', 'ledger'), ('ledger                7777/tcp\n', 'services', 'ledger/tcp')):
            self.assertEqual(self.getent(*words), want, words)
        self.assertEqual(self.getent('hosts').count('relay'), 1)  # each first name once
        # What is known of the domains above stays when they are out of reach, and this machine's own changes are seen.
        self.fleet.cut(self.mid)
        self.must(self.vellum, 'add', '/machines/near', 'ip_address=10.2.2.2')
        self.becomes('10.2.2.2        near\n', 'hosts', 'near')
        self.assertEqual(self.getent('hosts', 'relay'), '10.1.1.9        relay\n')
        self.fleet.heal(self.mid)
        self.must(self.mid, 'set', '-d', 'harbor', '/machines/relay', 'ip_address=10.1.1.99')
        self.becomes('10.1.1.99       relay\n', 'hosts', 'relay')


if __name__ == '__main__':
    daemon.main()
