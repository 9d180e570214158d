#!/usr/bin/env python3
"""The calling side of TLS (doc/tls.md 2.5) with real daemons: agent, clone, binding and ni between enrolled machines that take no
clear text from each other; cuts, other certificates, other authorities.

usage: tls_client.py netinfod=PATH ni=PATH agent=PATH [unittest options]"""
import json
import os
import re
import ssl
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
import daemon  # noqa: E402
import fleet  # noqa: E402
import tls  # noqa: E402
from daemon import until  # noqa: E402


@unittest.skipIf(fleet.missing() or tls.missing(), fleet.missing() or tls.missing())
class Enrolled(unittest.TestCase):
    """rome is master of the domain network, carthage is to have a clone, leaf has an agent. None lets a legacy network in."""

    def setUp(self):
        self.f = fleet.Fleet()
        self.addCleanup(lambda: self.f.close(show=not self._outcome.success))
        self.authority = tls.Authority(os.path.join(self.f.folder, 'authority'))
        self.rome, self.carthage, self.leaf = (
            self.f.host(name, '10.9.0.%d' % i) for i, name in enumerate(('rome', 'carthage', 'leaf'), 1))
        self.enrol(self.rome, server=True)
        self.r = self.rome.daemon(redact=True)
        self.must(self.rome, 'domain', 'create', 'network')
        self.add('/machines/carthage', 'ip_address=10.9.0.99', 'serves=./network')  # another address: it is known by its name
        self.must(self.rome, 'add', '-p', '-d', 'network', '/users/ada', 'uid=5001', 'gid=5000', '--file', 'passwd=-', input='hash-of-ada')

    def machine(self, host):
        return os.path.join(host.folder, 'server0', 'machine')

    def enrol(self, host, authority=None, **more):
        return (authority or self.authority).enrol(self.machine(host), host.name, **more)

    def must(self, host, *words, **more):
        done = host.ni(*words, **more)
        self.assertEqual(done.returncode, 0, (host.name, words, done.stdout, done.stderr))
        return done.stdout

    def add(self, *words):
        self.must(self.rome, 'add', '-p', '-d', 'network', *words)

    def follow(self):
        """An agent on leaf."""
        self.l = self.leaf.daemon()
        with open(os.path.join(self.l.folder, 'agent.conf'), 'w', encoding='ascii') as f:
            f.write('domains = local, 10.9.0.1/network\n')
        self.agent = self.leaf.agent()

    def has(self, name):
        return self.leaf.ni('getent', 'passwd', name).returncode == 0

    def is_seen(self, name, uid):
        self.add('/users/' + name, 'uid=%d' % uid, 'gid=5000')
        until(lambda: self.has(name), meaning='the images on leaf have ' + name)

    def standing(self):
        with open(os.path.join(self.l.folder, 'snapshots', 'standing'), encoding='utf-8') as f:
            return json.load(f)

    def away(self):
        return [d.get('why', '') for d in self.standing()['domains'] if d['domain'].startswith('network') and d['state'] == 'away']

    def test_agent(self):
        self.enrol(self.leaf)
        self.follow()
        until(lambda: self.has('ada'), meaning='the images on leaf have ada')
        self.is_seen('bob', 5002)
        until(lambda: 'machine' in self.standing(), meaning='the agent says how the machine stands')
        machine = self.standing()['machine']
        self.assertEqual(machine['name'], 'leaf')
        self.assertNotIn('why', machine)
        # Another certificate, while it runs: the connection that stands goes on, the next one shows the new one.
        self.enrol(self.leaf, until=10 * 86400)
        self.is_seen('cid', 5003)
        self.r.stop()
        self.r.start()
        self.is_seen('dee', 5004)
        # A cut, and back.
        self.f.cut(self.leaf)
        self.add('/users/eve', 'uid=5005', 'gid=5000')
        until(lambda: self.away(), meaning='the agent knows that rome is away')
        self.f.heal(self.leaf)
        until(lambda: self.has('eve'), meaning='and catches up')
        self.assertEqual(self.agent.log().count('event=snapshot domain="network'), 1)

    def test_not_enrolled(self):
        self.follow()
        until(lambda: any('ni join' in why for why in self.away()), meaning='the agent says what to do')
        done = self.leaf.ni('ls', '-s', '10.9.0.1', '-d', 'network', '/users')
        self.assertNotEqual(done.returncode, 0)
        self.assertIn('ni join', done.stderr)
        # Enrolled now; nothing is restarted.
        self.enrol(self.leaf)
        until(lambda: self.has('ada'), meaning='the images on leaf have ada')

    def test_another_authority(self):
        other = tls.Authority(os.path.join(self.f.folder, 'other'))
        self.enrol(self.leaf, other)
        self.follow()
        until(lambda: any('authority' in why for why in self.away()), meaning='the agent says whom it does not believe')
        self.assertFalse(self.has('ada'))

    def test_no_clear_text(self):
        """A server without TLS hears nothing of an enrolled machine but the probe, unless its network is a plain one."""
        self.enrol(self.leaf)
        self.carthage.daemon('-o', 'legacy_read_networks=10.9.0.0/24')
        environment = self.leaf.environment()
        environment['NETINFO_MACHINE'] = self.machine(self.leaf)
        words = [daemon.PROGRAMS['ni'], 'ls', '-s', '10.9.0.2', '-d', 'local', '/']
        done = self.leaf.run(*words, env=environment)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn('has no TLS', done.stderr)
        self.assertIn('plain_networks', done.stderr)
        environment['NETINFO_PLAIN_NETWORKS'] = '10.9.0.2'
        done = self.leaf.run(*words, env=environment)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_clone(self):
        """carthage calls from an address that the master does not know, and from any port: its certificate says who it is."""
        self.enrol(self.carthage, server=True)
        c = self.carthage.daemon('-o', 'low_ports=no')
        self.must(self.carthage, 'domain', 'clone', 'network', '--from', '10.9.0.1')
        until(lambda: self.carthage.ni('get', '-d', 'network', '/users/ada').returncode == 0, meaning='carthage has ada')
        self.assertIn('hash-of-ada', self.must(self.carthage, 'get', '-d', 'network', '/users/ada', 'passwd'))
        self.add('/users/bob', 'uid=5002', 'gid=5000')
        until(lambda: self.carthage.ni('get', '-d', 'network', '/users/bob').returncode == 0, meaning='carthage has bob')
        self.f.cut(self.carthage)
        self.add('/users/cid', 'uid=5003', 'gid=5000')
        self.f.heal(self.carthage)
        until(lambda: self.carthage.ni('get', '-d', 'network', '/users/cid').returncode == 0, meaning='carthage has cid')
        self.assertEqual(c.log().count('event=replica-copied'), 1)

    def test_binding(self):
        """leaf's domain local finds its parent over TLS; the agent climbs there; a wrong certificate is nobody's parent."""
        self.enrol(self.leaf)
        self.l = self.leaf.daemon('-o', 'parent_servers=10.9.0.1/network')
        until(lambda: 'event=bound tag=local parent=10.9.0.1/network' in self.l.log(), meaning='local is bound')
        self.agent = self.leaf.agent()
        until(lambda: self.has('ada'), meaning='the agent found the domain above')
        self.r.stop()
        self.enrol(self.rome, tls.Authority(os.path.join(self.f.folder, 'other')), server=True)
        self.r.start()
        until(lambda: 'event=unbound tag=local' in self.l.log(), 120, 'local gives up a parent that it does not believe')
        self.r.stop()
        self.enrol(self.rome, server=True)
        self.r.start()
        until(lambda: self.l.log().count('event=bound tag=local') == 2, 120, 'and finds it again')


@unittest.skipIf(fleet.missing() or tls.missing(), fleet.missing() or tls.missing())
class Renewed(unittest.TestCase):
    """rome has an authority that `ni init` made, leaf has joined; then leaf is given a certificate that is nearly over, or is, as its
    authority would have signed it."""

    def setUp(self):
        self.f = fleet.Fleet()
        self.addCleanup(lambda: self.f.close(show=not self._outcome.success))
        self.rome, self.leaf = self.f.host('rome', '10.9.0.1'), self.f.host('leaf', '10.9.0.2')
        self.r, self.l = (h.daemon() for h in (self.rome, self.leaf))
        self.must(self.rome, self.r, 'init', '--no-config')
        self.must(self.leaf, self.l, 'join', input=self.must(self.rome, self.r, 'token', 'create', '--machine', 'leaf', '--at', '10.9.0.1'))

    def must(self, host, d, *words, **more):
        done = host.ni(*words, '--dir', d.folder, **more)
        self.assertEqual(done.returncode, 0, (host.name, words, done.stdout, done.stderr))
        return done.stdout

    def age(self, since, until_then):
        """leaf's certificate was signed then; the ledger knows of it."""
        folder = os.path.join(self.r.folder, 'authority')
        a = tls.Authority.__new__(tls.Authority)
        a.folder, a.made = os.path.join(self.f.folder, 'signed'), 0
        os.makedirs(a.folder)
        a.key, a.certificate = os.path.join(folder, 'authority.key'), os.path.join(folder, 'authority.crt')
        subject = tls.openssl('x509', '-in', a.certificate, '-noout', '-subject', '-nameopt', 'multiline').decode()
        a.uuid = re.search(r'serialNumber *= *([0-9a-f]{32})', subject).group(1)
        self.r.stop()
        certificate, _ = a.enrol(os.path.join(self.l.folder, 'machine'), 'leaf', since=since, until=until_then)
        with open(os.path.join(folder, 'ledger'), 'r+', encoding='ascii') as f:
            text = f.read()
            text, n = re.subn(r'(?m)^(machine=leaf serial=)[0-9a-f]+', r'\g<1>' + tls.serial(certificate).hex(), text)
            self.assertEqual(n, 1, text)
            f.seek(0)
            f.truncate()
            f.write(text)
        self.r.start()

    def ends(self):
        out = tls.openssl('x509', '-in', os.path.join(self.l.folder, 'machine', 'machine.crt'), '-noout', '-enddate').decode()
        return ssl.cert_time_to_seconds(out.strip().split('=', 1)[1]) - time.time()

    def standing(self):
        with open(os.path.join(self.l.folder, 'snapshots', 'standing'), encoding='utf-8') as f:
            return json.load(f).get('machine', {})

    def is_renewed(self):
        agent = self.leaf.agent()
        until(lambda: 'event=renewed machine=leaf' in agent.log(), meaning='the agent has a new certificate')
        self.assertGreater(self.ends(), 13 * 86400)
        until(lambda: self.standing().get('until', 0) > time.time() + 13 * 86400, meaning='and says so')
        self.assertNotIn('why', self.standing())
        until(lambda: 'peer=10.9.0.1:987' in agent.log(), meaning='and follows with it')

    def test_before_the_end(self):
        self.age(-13 * 86400, 86400)
        self.is_renewed()

    def test_after_the_end(self):
        self.age(-100 * 86400, -86 * 86400)
        self.is_renewed()

    def test_nobody_there(self):
        """It says why, and until when the old one is good; the doctor says it, too."""
        self.age(-13 * 86400, 86400)
        self.r.stop()
        agent = self.leaf.agent()
        until(lambda: 'event=renew-failed' in agent.log(), meaning='the agent could not renew')
        until(lambda: 'why' in self.standing(), meaning='and says so')
        self.assertLess(self.standing()['until'], time.time() + 2 * 86400)
        done = self.leaf.ni('doctor')
        self.assertIn('machine leaf', done.stdout)
        self.assertIn('was not renewed', done.stdout)
        self.assertLess(self.ends(), 2 * 86400)


if __name__ == '__main__':
    daemon.main()
