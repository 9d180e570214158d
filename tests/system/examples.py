#!/usr/bin/env python3
"""The scripts of doc/examples, each run as its first lines say, against a real server.

usage: examples.py netinfod=PATH ni=PATH [unittest options]"""
import os
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
import daemon  # noqa: E402
import nidb  # noqa: E402
import rpc  # noqa: E402

EXAMPLES = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', 'doc', 'examples')

YPCAT = '''#!/bin/sh
case $2 in
passwd.byname) echo 'zoe zoe:$1$z$h:7001:100:Zoe:/home/zoe:/bin/sh' ;;
group.byname) echo 'crew crew:*:100:zoe' ;;
*) exit 1 ;;
esac
'''


class Examples(unittest.TestCase):
    def setUp(self):
        self.d = daemon.Daemon(legacy=False)
        self.addCleanup(self.leave)
        self.temporary = tempfile.TemporaryDirectory(prefix='netinfo-examples-')
        self.addCleanup(self.temporary.cleanup)
        self.bin = self.temporary.name
        for words in (['/users'], ['/groups'], ['/users/ada', 'uid=10000', 'gid=100', 'shell=/bin/sh'],
                      ['/users/bob', 'uid=10001', 'gid=100', 'shell=/no/such/shell'], ['/users/eve', 'uid=10003', 'gid=101'],
                      ['/groups/crew', 'gid=100', 'users=ada', 'users=bob'], ['/groups/guests', 'gid=101', 'users=ada'],
                      ['/machines/ink', 'ip_address=10.1.0.2'], ['/machines/pen', 'ip_address=10.1.0.3']):
            self.ni('add', *words)

    def leave(self):
        self.d.stop()
        self.d.remove()

    def environment(self):
        e = {k: v for k, v in os.environ.items() if not k.startswith('NETINFO_') and k != 'GID'}
        e['NETINFO_SOCKET'] = self.d.socket
        e['PATH'] = self.bin + ':' + os.path.dirname(daemon.PROGRAMS['ni']) + ':' + e['PATH']
        e.update(HOME=self.bin, LC_ALL='C.UTF-8')
        return e

    def ni(self, *words, code=0):
        p = subprocess.run([daemon.PROGRAMS['ni'], *words], capture_output=True, text=True, env=self.environment(), timeout=60)
        self.assertEqual(p.returncode, code, (words, p.stderr))
        return p.stdout

    def run_script(self, name, *words, code=0):
        p = subprocess.run([os.path.join(EXAMPLES, name + '.sh'), *words], capture_output=True, text=True,
                           env=self.environment(), timeout=120)
        self.assertEqual(p.returncode, code, (name, p.stdout, p.stderr))
        self.err = p.stderr
        return p.stdout

    def test_next_free_uid(self):
        self.assertEqual(self.run_script('next-free-uid'), '10002\n')
        self.assertEqual(self.run_script('next-free-uid', '10003'), '10004\n')
        self.run_script('next-free-uid', '10000', '10001', code=1)
        self.assertIn('every uid from 10000 to 10001 is taken', self.err)

    def test_add_user(self):
        self.assertEqual(self.run_script('add-user', 'new', 'New One'), 'new has uid 10002\n')
        self.assertEqual(self.ni('get', '/users/new', 'realname', 'home'), 'realname: New One\nhome: /home/new\n')
        self.assertEqual(self.run_script('add-user', 'newer'), 'newer has uid 10004\n')
        self.run_script('add-user', 'new', code=4)

    def test_new_staff(self):
        path = os.path.join(self.bin, 'staff')
        with open(path, 'w', encoding='utf-8') as f:
            f.write('# name,Real Name\nfay,Fay Wray\nada,Ada\ngus,Gus, the second\n')
        self.assertEqual(self.run_script('new-staff', path), 'fay has uid 10002\nada is there\ngus has uid 10004\n')
        self.assertEqual(self.run_script('new-staff', path), 'fay is there\nada is there\ngus is there\n')
        self.assertEqual(self.ni('get', '/users/gus', 'realname'), 'Gus, the second\n')

    def test_rename_group(self):
        self.run_script('rename-group', 'crew', 'sailors')
        self.assertEqual(self.ni('get', '/groups/sailors', 'users'), 'ada\nbob\n')
        self.ni('get', '/groups/crew', code=3)
        self.run_script('rename-group', 'sailors', 'guests', code=1)
        self.assertEqual(self.ni('get', '/groups/sailors', 'gid'), '100\n')

    def test_move_machine(self):
        self.assertEqual(self.run_script('move-machine', 'ink', '10.1.0.9'), 'ink: 10.1.0.2 -> 10.1.0.9\n')
        self.assertEqual(self.ni('get', '/machines/ink', 'ip_address'), '10.1.0.9\n')
        self.run_script('move-machine', 'ink', '10.1.0.3', code=1)
        self.assertIn('10.1.0.3 is the address of /machines/pen', self.err)

    def test_users_without_shell(self):
        self.assertEqual(self.run_script('users-without-shell'), 'eve: no shell\nbob: there is no /no/such/shell here\n')

    def test_duplicate_ids(self):
        self.assertEqual(self.run_script('duplicate-ids'), '')
        self.ni('set', '/users/eve', 'uid=10000')
        self.assertEqual(self.run_script('duplicate-ids', code=1), 'uid 10000: ada eve\n')

    def test_groups_of(self):
        self.assertEqual(self.run_script('groups-of', 'ada'), 'crew\nguests\n')
        self.assertEqual(self.run_script('groups-of', 'eve'), 'guests\n')

    def test_remove_user(self):
        self.assertEqual(self.run_script('remove-user', 'ada'), 'ada has left crew\nada has left guests\n')
        self.ni('get', '/users/ada', code=3)
        self.assertEqual(self.ni('get', '/groups/crew', 'users'), 'bob\n')
        self.run_script('remove-user', 'ada', code=3)

    def test_lock_user(self):
        with self.d.admin('local') as c:
            users = c.lookup(0, 'name', 'users')[1][0]
            ada = c.lookup(users, 'name', 'ada')[1][0]
            c.edit('local', [rpc.op_set(rpc.ref(ada), 'passwd', ['$6$salt$hash'])])
        for words, want in ((['ada'], '!$6$salt$hash\n'), (['ada'], '!$6$salt$hash\n'), (['-u', 'ada'], '$6$salt$hash\n')):
            self.run_script('lock-user', *words)
            self.assertEqual(self.ni('get', '/users/ada', 'passwd'), want)

    def test_nightly_git(self):
        repository = os.path.join(self.bin, 'repository')

        def commits():
            return subprocess.run(['git', '-C', repository, 'rev-list', '--count', 'HEAD'], capture_output=True, text=True,
                                  check=True, env=self.environment()).stdout
        self.ni('set', '/users/eve', 'shell=/bin/sh')
        self.run_script('nightly-git', repository)
        self.assertEqual(commits(), '1\n')
        self.run_script('nightly-git', repository)
        self.assertEqual(commits(), '1\n')
        self.ni('set', '/groups/crew', 'users=eve')
        self.run_script('nightly-git', repository)
        self.assertEqual(commits(), '2\n')
        with open(os.path.join(repository, 'group'), encoding='utf-8') as f:
            self.assertEqual(f.read(), 'crew:x:100:eve\nguests:x:101:ada\n')

    def test_weekly_backup(self):
        folder = os.path.join(self.bin, 'backups')
        os.mkdir(folder)
        for n in range(3):
            with open(os.path.join(folder, 'netinfo-2020010%dT000000Z' % n), 'w', encoding='utf-8'):
                pass
        self.run_script('weekly-backup', folder, '2')
        left = sorted(os.listdir(folder))
        self.assertEqual((len(left), left[0]), (2, 'netinfo-20200102T000000Z'))
        self.ni('backup', '--verify', os.path.join(folder, left[1]))
        self.assertEqual(os.stat(os.path.join(folder, left[1])).st_mode & 0o77, 0)

    def test_leave_nis(self):
        with open(os.path.join(self.bin, 'ypcat'), 'w', encoding='utf-8') as f:
            f.write(YPCAT)
        os.chmod(f.name, 0o755)
        site = os.path.join(self.bin, 'site')
        out = self.run_script('leave-nis', site)
        self.assertIn('passwd.byname: 1 lines\n', out)
        self.assertIn('netgroup: the site has no such map\n', out)
        self.assertIn('+ /users/zoe\n', out)
        self.ni('get', '/users/zoe', code=3)
        self.ni('import', 'nis', site)
        self.assertEqual(self.ni('get', '/users/zoe', 'uid'), '7001\n')

    def test_old_machine(self):
        disk = os.path.join(self.bin, 'disk')
        nidb.write(os.path.join(disk, 'var/db/netinfo/local.nidb'), nidb.current(nidb.office()))
        nidb.write(os.path.join(disk, 'etc/netinfo/network.nidb'), nidb.old(nidb.office()))
        self.run_script('old-machine', disk)
        self.run_script('old-machine', disk)
        for tag in ('local', 'network'):
            self.assertEqual(self.ni('get', '-d', tag, '/users/joe', 'uid'), '501\n')

    def test_all_are_here(self):
        """Each script has a test, a line in the list, and says first what it is for."""
        with open(os.path.join(EXAMPLES, 'README.md'), encoding='utf-8') as f:
            listed = f.read()
        for name in os.listdir(EXAMPLES):
            if name == 'README.md':
                continue
            self.assertTrue(name.endswith('.sh'), name)
            self.assertTrue(hasattr(self, 'test_' + name[:-3].replace('-', '_')), name)
            self.assertIn('`%s`' % name, listed)
            with open(os.path.join(EXAMPLES, name), encoding='utf-8') as f:
                first, second = f.readline(), f.readline()
            self.assertEqual(first, '#!/bin/sh\n')
            self.assertTrue(second.startswith('# ' + name), name)


if __name__ == '__main__':
    daemon.main()
