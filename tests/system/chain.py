#!/usr/bin/env python3
"""The agent follows the chain of domains (doc/agent.md "The chain"): three hosts, what is cut, stopped and started anew.

usage: chain.py netinfod=PATH ni=PATH agent=PATH nss=PATH [unittest options]"""
import os
import shutil
import signal
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
import daemon  # noqa: E402
import fleet  # noqa: E402

OLD_FRONT = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib', 'old_front.py')
PATIENCE = 90  # seconds until something that must happen is given up; no figure is asserted
READS = ('-o', 'legacy_read_networks=10.9.0.0/24')


class Chain(unittest.TestCase):
    """vellum (local) below mid (harbor) below alpha (network): doc/resolution.md 4.4, with its low ids."""

    conf = 'min_id = 1\n'

    def setUp(self):
        why = fleet.missing()
        if why:
            self.skipTest(why)
        self.fleet = f = fleet.Fleet()
        self.addCleanup(self.leave)
        self.alpha, self.mid, self.vellum = f.host('alpha', '10.9.0.1'), f.host('mid', '10.9.0.2'), f.host('vellum', '10.9.0.3')
        for h, options in ((self.alpha, READS), (self.mid, READS), (self.vellum, ())):
            h.server = self.serve(h, options)
        for host, tag in ((self.alpha, 'network'), (self.mid, 'harbor')):
            self.must(host, 'domain', 'create', tag)
        for host, tag, records in (
                (self.alpha, 'network', ('/users', '/groups', '/machines/mid ip_address=10.9.0.2 serves=harbor/harbor',
                                         '/machines/alpha2 ip_address=10.9.0.1 serves=./network',
                                         '/machines/relay ip_address=10.9.9.9',
                                         '/users/cordelia uid=601 gid=20', '/users/amelia uid=901 gid=20',
                                         '/groups/staff gid=20 users=cordelia')),
                (self.mid, 'harbor', ('/users', '/groups', '/machines/vellum ip_address=10.9.0.3 serves=vellum/local',
                                      '/machines/mid2 ip_address=10.9.0.2 serves=./harbor',
                                      '/machines/alpha ip_address=10.9.0.1 serves=../network', '/machines/relay ip_address=10.1.1.9',
                                      '/users/amelia uid=501 gid=20', '/users/basil uid=502 gid=20',
                                      '/groups/staff gid=20 users=amelia users=basil', '/groups/crew gid=30 users=amelia')),
                (self.vellum, 'local', ('/users', '/groups', '/machines/mid ip_address=10.9.0.2 serves=../harbor',
                                        '/users/root uid=0 gid=0', '/users/basil uid=700 gid=30',
                                        '/groups/wheel gid=0 users=root users=amelia', '/groups/crew gid=30 users=basil'))):
            for record in records:
                self.must(host, 'add', '-d', tag, *record.split())
        self.write_conf()
        self.agent = self.vellum.agent()

    def serve(self, host, options):
        return host.daemon(*options)

    def write_conf(self, text=''):
        with open(os.path.join(self.vellum.server.folder, 'agent.conf'), 'w', encoding='ascii') as f:
            f.write(self.conf + text)

    def leave(self):
        ended = self.agent.process.poll() is not None or self.agent.stop() == 0
        self.fleet.close(show=not ended or bool(self._outcome.result.failures or self._outcome.result.errors))
        self.assertTrue(ended)

    def must(self, host, *words):
        done = host.ni(*words)
        self.assertEqual(done.returncode, 0, (host.name, words, done.stdout, done.stderr))
        return done.stdout

    def getent(self, *words):
        return self.vellum.ni('getent', *words).stdout

    def wait(self, test, what):
        until = time.monotonic() + PATIENCE
        while not test():
            self.assertLess(time.monotonic(), until, what)
            time.sleep(0.02)

    def becomes(self, want, *words):
        """The lookup gives this, sooner or later."""
        self.wait(lambda: self.getent(*words) == want, '%s: %r is not %r\n%s' % (words, self.getent(*words), want, self.agent.log()[-3000:]))

    def complete(self):
        """All three domains are in the images."""
        self.becomes('cordelia:*:601:20::/:/bin/sh\n', 'passwd', 'cordelia')
        self.becomes('amelia:*:501:20::/:/bin/sh\n', 'passwd', 'amelia')

    def everything(self):
        return [self.getent(what) for what in ('passwd', 'group')] + [
            self.getent(*q.split()) for q in ('initgroups amelia', 'initgroups basil', 'passwd 901', 'group 30')]


class Merging(Chain):
    def test_worked_example(self):
        """doc/resolution.md 18."""
        self.complete()
        self.assertEqual(self.getent('passwd', '901'), 'amelia:*:901:20::/:/bin/sh\n')
        self.assertEqual(self.getent('passwd', '502'), 'basil:*:502:20::/:/bin/sh\n')
        self.assertEqual([x.split(':')[:3] for x in self.getent('passwd').splitlines()],
                         [['root', '*', '0'], ['basil', '*', '700'], ['amelia', '*', '501'], ['cordelia', '*', '601']])
        self.assertEqual(self.getent('group', 'staff'), 'staff:*:20:amelia,basil,cordelia\n')
        self.assertEqual(self.getent('group', '30'), 'crew:*:30:basil,amelia\n')
        self.assertEqual(self.getent('initgroups', 'amelia').split(), ['amelia', '0', '30', '20'])
        self.assertEqual(self.getent('initgroups', 'basil').split(), ['basil', '30', '20'])
        self.must(self.alpha, 'rm', '-d', 'network', '/users/cordelia')
        self.must(self.alpha, 'add', '-d', 'network', '/users/toor', 'uid=0', 'gid=0')
        self.must(self.alpha, 'add', '-d', 'network', '/users/last', 'uid=999', 'gid=20')
        self.becomes('last:*:999:20::/:/bin/sh\n', 'passwd', 'last')
        self.assertEqual(self.getent('passwd', 'cordelia'), '')
        self.assertEqual(self.getent('passwd', 'toor'), '')
        self.assertEqual(self.getent('passwd', '0'), 'root:*:0:0::/:/bin/sh\n')


class Safety(Chain):
    conf = ''  # min_id 1000

    def own_file(self, name, text):
        """This machine's passwd or group file: another one from now on, as vipw and groupadd leave it."""
        folder = os.path.join(self.vellum.server.folder, 'etc')
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, name + '.new'), 'w', encoding='ascii') as f:
            f.write(text)
        os.rename(os.path.join(folder, name + '.new'), os.path.join(folder, name))

    def test_nobody_gets_the_names_of_the_machines_own_accounts(self):
        """sudo, sshd and polkit take the names of a process's numbers: sudo with gid 5000 is sudo for them."""
        self.own_file('passwd', 'root:x:0:0::/root:/bin/sh\nada:x:1000:1000::/home/ada:/bin/sh\n')
        self.own_file('group', 'root:x:0:\nsudo:x:27:ada\nada:x:1000:\n+\nbroken\n')
        for record in ('/users/root uid=5001 gid=5000', '/users/mallory uid=5001 gid=5000', '/users/twin uid=1000 gid=5000',
                       '/users/Ada uid=5002 gid=5000', '/users/Root uid=5003 gid=5000', '/groups/sudo gid=5000 users=mallory',
                       '/groups/SUDO gid=5001 users=mallory', '/groups/docker gid=5002 users=mallory', '/users/ada uid=1000 gid=5000',
                       '/groups/team gid=5003 users=mallory'):
            self.must(self.alpha, 'add', '-d', 'network', *record.split())
        self.becomes('team:*:5003:mallory\n', 'group', 'team')
        self.becomes('mallory:*:5001:5000::/:/bin/sh\n', 'passwd', '5001')
        self.assertEqual(self.getent('passwd', 'root'), 'root:*:0:0::/:/bin/sh\n')  # of the domain local
        self.assertEqual(self.getent('passwd', '1000'), 'ada:*:1000:5000::/:/bin/sh\n')
        self.assertEqual([self.getent('passwd', x) for x in ('5002', '5003', 'twin', 'Root')], [''] * 4)
        self.assertEqual([self.getent('group', x) for x in ('sudo', 'SUDO', '5000', '5001')], [''] * 4)
        self.assertEqual(self.getent('initgroups', 'mallory').split(), ['mallory', '5002', '5003'])
        # A package that comes later and brings a group of that name.
        self.own_file('group', 'root:x:0:\nsudo:x:27:ada\ndocker:x:998:\n')
        self.becomes('', 'group', '5002')
        self.assertEqual(self.getent('initgroups', 'mallory').split(), ['mallory', '5003'])
        self.own_file('group', 'root:x:0:\nsudo:x:27:ada\n')
        self.becomes('docker:*:5002:mallory\n', 'group', '5002')
        # Who is to have it nevertheless is named.
        self.write_conf('allow = sudo\n')
        os.kill(self.agent.process.pid, signal.SIGHUP)
        self.becomes('sudo:*:5000:mallory\n', 'group', '5000')

    def test_system_accounts_are_the_machines_own(self):
        for record in ('/users/toor uid=0 gid=0', '/users/low uid=999 gid=5000', '/users/high uid=5000 gid=5000',
                       '/users/sneaky uid=5001 gid=27', '/groups/sudo gid=27 users=high', '/groups/wheel gid=0 users=high',
                       '/groups/team gid=5000 users=high'):
            self.must(self.alpha, 'add', '-d', 'network', *record.split())
        self.must(self.vellum, 'add', '/groups/sudo', 'gid=27', 'users=basil')
        self.becomes('team:*:5000:high\n', 'group', 'team')
        self.becomes('sudo:*:27:basil\n', 'group', 'sudo')
        for name in ('toor', 'low', 'sneaky', 'amelia', 'cordelia'):
            self.assertEqual(self.getent('passwd', name), '', name)
        self.assertEqual(self.getent('group', '0'), 'wheel:*:0:root,amelia\n')
        self.assertEqual(self.getent('initgroups', 'high').split(), ['high', '5000'])


class Cuts(Chain):
    def change_at_root(self, shell):
        self.must(self.alpha, 'set', '-d', 'network', '/users/cordelia', 'shell=' + shell)

    def seen(self, shell):
        self.becomes('cordelia:*:601:20::/:%s\n' % shell, 'passwd', 'cordelia')

    def own_changes_go_on(self, shell):
        self.must(self.vellum, 'set', '/users/basil', 'shell=' + shell)
        self.becomes('basil:*:700:30::/:%s\n' % shell, 'passwd', 'basil')

    def test_root_to_third_level(self):
        self.complete()
        for i in range(5):
            self.change_at_root('/bin/%d' % i)
            self.seen('/bin/%d' % i)
        self.assertEqual(self.agent.log().count('event=snapshot'), 3)

    def test_parent_stopped(self):
        """SIGSTOP: connections stay, nobody answers. The root's changes come nevertheless."""
        self.complete()
        before = self.everything()
        self.mid.server.process.send_signal(signal.SIGSTOP)
        try:
            self.assertEqual(self.everything(), before)
            self.change_at_root('/bin/a')
            self.seen('/bin/a')
            self.own_changes_go_on('/bin/b')
            self.assertEqual(self.getent('passwd', 'amelia'), 'amelia:*:501:20::/:/bin/sh\n')
        finally:
            self.mid.server.process.send_signal(signal.SIGCONT)
        self.must(self.mid, 'set', '-d', 'harbor', '/users/amelia', 'shell=/bin/c')
        self.becomes('amelia:*:501:20::/:/bin/c\n', 'passwd', 'amelia')

    def test_parent_refuses(self):
        """Its server has ended: connecting is refused; started again it goes on from where it was."""
        self.complete()
        before = self.everything()
        self.mid.server.stop()
        self.wait(lambda: 'event=away domain="harbor' in self.agent.log(), 'harbor is away')
        self.assertEqual(self.everything(), before)
        self.change_at_root('/bin/a')
        self.seen('/bin/a')
        self.own_changes_go_on('/bin/b')
        self.mid.server.start()
        self.must(self.mid, 'set', '-d', 'harbor', '/users/amelia', 'shell=/bin/c')
        self.becomes('amelia:*:501:20::/:/bin/c\n', 'passwd', 'amelia')
        self.assertEqual(self.agent.log().count('event=snapshot'), 3)

    def test_partition_heals(self):
        """The root's packets vanish, and its server is another process afterwards: nobody told the agent."""
        self.complete()
        before = self.everything()
        self.fleet.cut(self.alpha)
        self.alpha.server.kill()
        self.own_changes_go_on('/bin/b')
        self.own_changes_go_on('/bin/sh')
        self.assertEqual(self.everything(), before)
        self.alpha.server.start()
        self.change_at_root('/bin/a')
        self.fleet.heal(self.alpha)
        self.seen('/bin/a')
        self.must(self.alpha, 'set', '-d', 'network', '/users/cordelia', 'shell=')
        self.seen('/bin/sh')
        self.assertEqual(self.everything(), before)

    def test_restart_during_the_cut(self):
        """What the agent knew is there again though nobody above answers; what came last, too."""
        self.complete()
        self.change_at_root('/bin/a')
        self.seen('/bin/a')
        self.fleet.cut(self.alpha, self.mid)
        before = self.everything()
        for end in (lambda: self.agent.stop(), lambda: self.agent.process.kill()):
            end()
            self.agent.process.wait()
            shutil.rmtree(os.path.join(self.vellum.server.folder, 'snapshots'))  # as after a reboot
            self.agent.start()
            self.assertEqual(self.everything(), before)
            self.own_changes_go_on('/bin/b')
            self.own_changes_go_on('/bin/sh')
            self.assertEqual(self.everything(), before)
        self.vellum.server.stop()  # not even the own server
        self.agent.stop()
        self.agent.start()
        self.assertEqual(self.everything(), before)
        self.vellum.server.start()
        self.fleet.heal(self.alpha, self.mid)
        self.change_at_root('/bin/c')
        self.seen('/bin/c')
        self.assertEqual(self.agent.log().count('event=snapshot'), 3)  # the journals were enough, each time

    def test_damaged_files(self):
        """A file of what was kept that is damaged is not believed, and made anew."""
        self.complete()
        before = self.everything()
        self.agent.stop()
        folder = os.path.join(self.vellum.server.folder, 'agent')
        self.assertEqual(sorted(os.listdir(folder)), ['domain.0', 'domain.1', 'domain.2'])
        self.assertEqual(os.stat(os.path.join(folder, 'domain.2')).st_mode & 0o777, 0o600)
        for name, edit in (('domain.0', lambda b: b[:len(b) // 2]), ('domain.1', lambda b: b.replace(b'amelia', b'wmelia')),
                           ('domain.2', lambda b: b'')):
            with open(os.path.join(folder, name), 'r+b') as f:
                content = f.read()
                f.seek(0)
                f.truncate()
                f.write(edit(content))
        self.agent.start()
        self.complete()
        self.assertEqual(self.everything(), before)
        self.assertEqual(self.agent.log().count('event=kept-not'), 4)  # domain.1 twice: by itself, and when harbor was named

    def test_disk_full(self):
        """No room for what is kept, nor for the durable images: lookups and following go on."""
        self.complete()
        self.agent.stop()
        small = os.path.join(self.vellum.server.folder, 'small')
        os.mkdir(small)
        self.vellum.must('mount', '-t', 'tmpfs', '-o', 'size=8k', 'tmpfs', small)
        self.write_conf('state = %s/agent\ndurable = %s/snapshots\n' % (small, small))
        self.agent.start()
        self.complete()
        self.change_at_root('/bin/a')
        self.seen('/bin/a')
        self.own_changes_go_on('/bin/b')
        self.assertIn('event=keep-failed', self.agent.log())
        self.assertIn('event=published-partly', self.agent.log())
        self.assertIn('No space left', self.agent.log())

    def test_link_down(self):
        """No network at all is no reason to forget the domains above, not even after a restart of server and agent."""
        self.complete()
        before = self.everything()
        self.vellum.must('ip', 'link', 'set', 'eth0', 'down')
        self.vellum.server.stop()
        self.vellum.server.start()
        self.agent.stop()
        self.agent.start()
        self.own_changes_go_on('/bin/b')
        self.own_changes_go_on('/bin/sh')
        time.sleep(6)  # the agent asks its own server every 5 s; were the answer wrong, it would have acted on it
        self.assertEqual(self.everything(), before)
        self.vellum.must('ip', 'link', 'set', 'eth0', 'up')
        self.change_at_root('/bin/c')
        self.seen('/bin/c')

    def test_chain_shrinks_and_grows(self):
        """Only who says that he is the root takes domains away."""
        self.complete()
        self.must(self.mid, 'set', '-d', 'harbor', '/machines/alpha', 'serves=')
        self.becomes('', 'passwd', 'cordelia')
        self.assertEqual(self.getent('group', 'staff'), 'staff:*:20:amelia,basil\n')
        self.must(self.mid, 'set', '-d', 'harbor', '/machines/alpha', 'serves=../network')
        self.complete()
        self.assertEqual(self.getent('group', 'staff'), 'staff:*:20:amelia,basil,cordelia\n')

    def test_list_in_the_configuration(self):
        self.complete()
        self.write_conf('domains = local, 10.9.0.1/network, 10.9.0.2/harbor\n')  # the root is nearer
        self.agent.process.send_signal(signal.SIGHUP)
        self.becomes('amelia:*:901:20::/:/bin/sh\n', 'passwd', 'amelia')
        self.write_conf('domains = local\n')
        self.agent.process.send_signal(signal.SIGHUP)
        self.becomes('', 'passwd', 'amelia')
        self.write_conf()
        self.agent.process.send_signal(signal.SIGHUP)
        self.complete()


class Historical(Chain):
    """mid is a historical server: no extension program, so no journal; its checksum is asked."""

    conf = 'min_id = 1\npoll_interval = 1\ndomains = local, 10.9.0.2/harbor, 10.9.0.1/network\n'

    def serve(self, host, options):
        if host is not self.mid:
            return super().serve(host, options)
        d = host.daemon(*options, '-o', 'tag_listen=10.9.0.2', listen='10.9.0.2:1987,127.0.0.1:1987')
        front = host.popen([sys.executable, OLD_FRONT, '10.9.0.2:987', '10.9.0.2:1987'], stdout=subprocess.PIPE, text=True)
        self.assertEqual(front.stdout.readline(), 'ready\n')
        front.stdout.close()
        return d

    def test_polled(self):
        self.complete()
        self.assertEqual(self.getent('group', 'staff'), 'staff:*:20:amelia,basil,cordelia\n')
        self.assertIn('historical=yes', self.agent.log())
        self.must(self.mid, 'set', '-d', 'harbor', '/users/amelia', 'shell=/bin/c')
        self.must(self.mid, 'add', '-d', 'harbor', '/users/edith', 'uid=503', 'gid=20')
        self.must(self.mid, 'rm', '-d', 'harbor', '/groups/crew')
        self.becomes('amelia:*:501:20::/:/bin/c\n', 'passwd', 'amelia')
        self.becomes('edith:*:503:20::/:/bin/sh\n', 'passwd', '503')
        self.becomes('crew:*:30:basil\n', 'group', 'crew')
        before = self.everything()
        self.fleet.cut(self.mid)
        self.agent.stop()
        self.agent.start()
        self.assertEqual(self.everything(), before)  # kept, too
        self.fleet.heal(self.mid)
        self.must(self.mid, 'rm', '-d', 'harbor', '/users/edith')
        self.becomes('', 'passwd', 'edith')


if __name__ == '__main__':
    daemon.main()
