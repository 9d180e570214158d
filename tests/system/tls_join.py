#!/usr/bin/env python3
"""An authority and machines that enrol (doc/tls.md 3 to 7): `ni init`, `ni token`, `ni join`, `ni renew`, `ni machine` against a real
netinfod, on one host; what is refused, and that a crash on either side loses nothing and gives nothing twice.

usage: tls_join.py netinfod=PATH ni=PATH [unittest options]"""
import concurrent.futures
import json
import os
import re
import shutil
import signal
import ssl
import stat
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
import daemon  # noqa: E402
import ports  # noqa: E402
import rpc  # noqa: E402
import tls  # noqa: E402
from rpc import u32  # noqa: E402

EXT, JOIN, RENEW, AUTHORITY = 0x20000987, 17, 18, 19
DENIED, CONFLICT, USAGE, NOT_FOUND, UNREACHABLE = 5, 4, 2, 3, 6
MANY = int(os.environ.get('NI_TEST_STEPS', 40))


class Base(unittest.TestCase):
    def setUp(self):
        self.d = daemon.Daemon(legacy=False, listen='127.0.0.1:%d' % ports.free())  # join strings name it: the same after a restart
        self.addCleanup(self.d.__exit__, None, None, None)
        self.folder = tempfile.mkdtemp(prefix='netinfo-join-')
        self.addCleanup(shutil.rmtree, self.folder)
        self.at = '127.0.0.1:%d' % self.d.tcp[1]

    def command(self, *words, text=None, user=None):
        env = {k: v for k, v in os.environ.items() if not k.startswith('NETINFO_')}
        env['NETINFO_MACHINE'] = os.path.join(self.folder, 'nobody')
        return subprocess.run([daemon.PROGRAMS['ni'], *words], input=text if text is not None else '', capture_output=True, text=True,
                              env=env, timeout=120, check=False, user=user)

    def must(self, *words, text=None):
        done = self.command(*words, text=text)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def init(self):
        self.must('init', '--dir', self.d.folder, '--name', 'rome', '--no-config')
        daemon.until(lambda: 'event=tls-identity' in self.d.log(), meaning='TLS')  # the server looks at its files a moment later

    def token(self, *more):
        text = self.must('token', 'create', '--dir', self.d.folder, '--at', self.at, *more)
        self.assertRegex(text, r'^ni1;[^;]+;network;[0-9a-f]{16};[\w-]{43};[\w-]{43}\n$')
        return text

    def home(self, name):
        path = os.path.join(self.folder, name)
        os.makedirs(path, exist_ok=True)
        return path

    def join(self, name, text, *more):
        return self.command('join', '--dir', self.home(name), '--name', name, *more, text=text)

    def joins(self, name, text, *more):
        done = self.join(name, text, *more)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def refused(self, name, text, reason, *more, told=True):
        done = self.join(name, text, *more)
        self.assertEqual(done.returncode, DENIED, done.stdout + done.stderr)
        if told:  # the token's holder hears which reason it was; who has proved nothing does not
            self.assertIn(reason if told is True else told, done.stderr)
        else:
            self.assertIn('the token is wrong, was removed', done.stderr)
        self.assertIn('event=join-refused', self.d.log())
        last = [x for x in self.d.log().splitlines() if 'event=join-refused' in x][-1]
        self.assertIn(reason, last)
        self.assertNotIn('authority.crt', os.listdir(os.path.join(self.home(name), 'machine')))

    def machines(self):
        """{name: line} of those that are enrolled."""
        found = json.loads(self.must('machine', 'list', '--dir', self.d.folder, '--json'))
        return {m['machine']: m for m in found if m['state'] == 'enrolled'}

    def tokens(self):
        return {t['token']: t for t in json.loads(self.must('token', 'list', '--dir', self.d.folder, '--json'))}

    def ledger(self):
        return os.path.join(self.d.folder, 'authority', 'ledger')

    def edit_ledger(self, change):
        self.d.stop()
        with open(self.ledger(), encoding='ascii') as f:
            text = f.read()
        with open(self.ledger(), 'w', encoding='ascii') as f:
            f.write(change(text))
        self.d.start()

    def read(self, *parts):
        with open(os.path.join(*parts), 'rb') as f:
            return f.read()


class Books(Base):
    def test_the_authority_is_made_once(self):
        self.init()
        self.assertIn('event=authority-made', self.d.log())
        authority, machine = os.path.join(self.d.folder, 'authority'), os.path.join(self.d.folder, 'machine')
        before = self.read(authority, 'authority.crt'), self.read(machine, 'machine.crt')
        modes = {n: stat.S_IMODE(os.stat(os.path.join(f, n)).st_mode)
                 for f, n in ((authority, ''), (authority, 'authority.key'), (authority, 'ledger'), (machine, 'machine.key'), (machine, 'machine.crt'))}
        self.assertEqual(modes, {'': 0o700, 'authority.key': 0o600, 'ledger': 0o600, 'machine.key': 0o640, 'machine.crt': 0o644})
        self.init()  # again: nothing changes
        self.assertEqual((self.read(authority, 'authority.crt'), self.read(machine, 'machine.crt')), before)
        self.assertEqual(list(self.machines()), ['rome'])
        self.assertTrue(self.machines()['rome']['server'])
        self.assertEqual(self.read(authority, 'authority.crt').count(b'BEGIN'), 1)
        with self.d.admin() as c:
            self.assertEqual(c.getregister('network')[0], rpc.OK)
        self.must('init', '--dir', self.d.folder, '--name', 'rome', '--no-config', '--new-authority', '--yes')
        self.assertNotEqual(self.read(authority, 'authority.crt'), before[0])
        self.assertEqual(self.read(authority, 'authority.crt.old'), before[0])

    def test_what_a_crash_leaves_is_no_authority(self):
        self.init()
        authority, machine = os.path.join(self.d.folder, 'authority'), os.path.join(self.d.folder, 'machine')
        for left in (['authority.key'], ['authority.key', 'ledger'], []):  # where `ni init` may be cut off
            self.d.stop()
            for name in os.listdir(authority):
                if name not in left:
                    os.remove(os.path.join(authority, name))
            shutil.rmtree(machine)
            self.d.start()
            self.assertEqual(self.command('token', 'create', '--dir', self.d.folder, '--at', self.at).returncode, NOT_FOUND)
            self.init()
            self.assertEqual(list(self.machines()), ['rome'])
        for name in ('machine.key', 'machine.crt', 'authority.crt'):
            os.remove(os.path.join(machine, name))
            self.init()
            self.assertEqual(set(os.listdir(machine)), {'authority.crt', 'machine.crt', 'machine.key'})

    def test_an_authority_that_cannot_be_read_is_kept(self):
        """A slip with a mode, or a copy that came back after the start, must not cost a fleet its trust."""
        self.init()
        key = os.path.join(self.d.folder, 'authority', 'authority.key')
        before = self.read(key)
        self.d.stop()
        os.chmod(key, 0o644)
        self.d.start()
        done = self.command('init', '--dir', self.d.folder, '--name', 'rome', '--no-config')
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertIn('event=authority-unusable', self.d.log())
        os.chmod(key, 0o600)
        self.init()  # it is found
        self.assertEqual(self.read(key), before)
        self.assertEqual(list(self.machines()), ['rome'])

    def test_doors_are_written_down(self):
        conf = os.path.join(self.d.folder, 'netinfod.conf')
        with open(conf, 'w', encoding='ascii') as f:
            f.write('# mine\nredact = yes\n')
        self.must('init', '--dir', self.d.folder, '--name', 'rome', '--listen', '127.0.0.1:0 127.0.0.2:0')
        self.assertEqual(self.read(conf).decode(), '# mine\nredact = yes\nlisten = 127.0.0.1:0 127.0.0.2:0\n')
        self.must('init', '--dir', self.d.folder, '--name', 'rome')
        self.assertEqual(self.read(conf).decode().count('listen'), 1)

    def test_tokens_come_and_go(self):
        self.init()
        first, second = self.token('--machine', 'Leaf', '--ttl', '90s'), self.token('--count', '40', '--from', '10.9.0.0/24', '--may-serve')
        ids = [x.split(';')[3] for x in (first, second)]
        listed = self.tokens()
        self.assertEqual(set(listed), set(ids))
        self.assertEqual((listed[ids[0]]['name'], listed[ids[0]]['uses'], listed[ids[0]]['server']), ('leaf', 1, False))
        self.assertEqual((listed[ids[1]]['name'], listed[ids[1]]['uses'], listed[ids[1]]['from'], listed[ids[1]]['server']), ('*', 40, '10.9.0.0/24', True))
        self.assertEqual(listed[ids[0]]['until'] - listed[ids[0]]['when'], 90)
        self.assertEqual(listed[ids[1]]['domains'], self.at + '/network')
        self.assertNotIn('secret', self.must('token', 'list', '--dir', self.d.folder, '--json'))
        for text in (first, second):
            self.assertNotIn(text.split(';')[4], self.d.log())
        self.must('token', 'rm', '--dir', self.d.folder, ids[0])
        self.assertEqual(set(self.tokens()), {ids[1]})
        self.assertEqual(self.command('token', 'rm', '--dir', self.d.folder, ids[0]).returncode, NOT_FOUND)
        self.refused('leaf', first, 'no such token', told=False)

    def test_words_that_are_wrong(self):
        self.init()
        for words in (['token'], ['token', 'creat'], ['token', 'rm'], ['token', 'rm', 'xyz'], ['token', 'create', '--ttl', '5s'],
                      ['token', 'create', '--ttl', '1y'], ['token', 'create', '--count', '0'], ['token', 'create', '--machine', '-x'],
                      ['token', 'create', '--machine', 'leaf', '--count', '2'], ['token', 'create', '--from', '10.9.0.1/24'],
                      ['token', 'create', '--at', 'a b'], ['machine', 'lst'], ['machine', 'rm', '--yes'], ['join', 'ni1;x'], ['join', '--name', 'a_b'],
                      ['renew', 'x'], ['init', 'x']):
            done = self.command(*words, '--dir', self.d.folder)
            self.assertEqual(done.returncode, USAGE, (words, done.stdout, done.stderr))
        self.assertIn('did you mean `create`', self.command('token', 'creat').stderr)
        self.assertEqual(self.tokens(), {})

    def test_a_damaged_ledger_enrols_nobody_and_is_left_alone(self):
        self.init()
        text = self.token()
        self.edit_ledger(lambda old: old + 'token=12\n')
        self.assertIn('event=authority-broken', self.d.log())
        self.assertNotEqual(self.join('leaf', text).returncode, 0)
        self.assertNotEqual(self.command('token', 'create', '--dir', self.d.folder, '--at', self.at).returncode, 0)
        self.assertTrue(self.read(self.ledger()).endswith(b'token=12\n'))
        self.edit_ledger(lambda old: old.replace('token=12\n', ''))
        self.joins('leaf', text)

    def test_the_books_are_the_superusers(self):
        self.init()
        with self.d.conn() as c:
            r = c.rpc(EXT, AUTHORITY, u32(0, 0) + rpc.opaque('') * 2 + u32(0) + u32(0, 0) + rpc.opaque('') * 2 + u32(0, 0))
            self.assertEqual(r.u32(), 4)  # NI_PERM
            for procedure, arguments in ((JOIN, bytes(8) + rpc.opaque('leaf') + rpc.opaque('x') + bytes(32)), (RENEW, rpc.opaque('x'))):
                with self.assertRaises(rpc.RpcError) as denied:
                    c.rpc(EXT, procedure, arguments)
                self.assertIn('5', str(denied.exception))  # AUTH_TOOWEAK
        if os.geteuid() == 0:
            os.chmod(self.d.folder, 0o755)
            os.chmod(self.folder, 0o755)
            done = self.command('token', 'list', '--dir', self.d.folder, user=65534)
            self.assertEqual(done.returncode, DENIED, done.stdout + done.stderr)


class Joining(Base):
    def setUp(self):
        super().setUp()
        self.init()

    def test_a_machine_joins_renews_and_is_taken_out(self):
        self.joins('leaf', self.token())
        machine = os.path.join(self.home('leaf'), 'machine')
        self.assertEqual(set(os.listdir(machine)), {'authority.crt', 'machine.crt', 'machine.key'})
        self.assertEqual(stat.S_IMODE(os.stat(os.path.join(machine, 'machine.key')).st_mode), 0o640)
        self.assertEqual(self.read(machine, 'authority.crt'), self.read(self.d.folder, 'authority', 'authority.crt'))
        self.assertEqual(self.read(self.home('leaf'), 'agent.conf').decode(), 'domains = local, %s/network\n' % self.at)
        entry = self.machines()['leaf']
        self.assertEqual((entry['server'], entry['from']), (False, '127.0.0.1'))
        self.assertAlmostEqual(entry['until'] - entry['when'], 14 * 86400, delta=3700)
        self.assertNotIn(b'PRIVATE', self.read(self.ledger()))
        first, key = self.read(machine, 'machine.crt'), self.read(machine, 'machine.key')
        self.assertEqual(self.command('renew', '--dir', self.home('leaf')).returncode, 0)
        self.assertEqual(self.read(machine, 'machine.crt'), first)  # not due
        # over loopback an enrolled machine speaks clear text (2.5); tls_fleet.py renews
        self.assertEqual(self.command('renew', '--now', '--dir', self.home('leaf'), '-s', self.at).returncode, UNREACHABLE)
        self.assertEqual(self.read(machine, 'machine.key'), key)
        self.must('machine', 'rm', '--yes', '--dir', self.d.folder, 'leaf')
        self.assertNotIn('leaf', self.machines())
        self.assertEqual(self.command('machine', 'rm', '--yes', '--dir', self.d.folder, 'leaf').returncode, NOT_FOUND)
        self.joins('leaf', self.token(), '--again')  # a name that is free again
        self.assertNotEqual(self.read(machine, 'machine.key'), key)

    def test_the_authoritys_server_renews_itself(self):
        machine = os.path.join(self.d.folder, 'machine')
        before, key = self.read(machine, 'machine.crt'), self.read(machine, 'machine.key')
        self.must('renew', '--now', '--dir', self.d.folder)
        self.assertNotEqual(self.read(machine, 'machine.crt'), before)
        self.assertEqual(self.read(machine, 'machine.key'), key)
        self.assertTrue(self.machines()['rome']['server'])

    def test_what_is_refused(self):
        text = self.token()
        self.joins('leaf', text)
        self.refused('oak', text, 'used up')
        self.refused('oak', self.token('--machine', 'elm'), 'for another machine', told='for a machine of another name')
        self.refused('oak', self.token('--from', '10.9.0.0/24'), 'for another network', told="not for this machine's network")
        self.joins('ash', self.token('--from', '127.0.0.0/8'))
        other = self.folder + '/twin'
        os.makedirs(other)
        done = self.command('join', '--dir', other, '--name', 'leaf', text=self.token())
        self.assertEqual(done.returncode, CONFLICT, done.stderr)
        self.assertIn('a machine of this name is enrolled already', done.stderr)
        self.assertIn('enrolled already', self.d.log())
        before = self.machines()['leaf']['serial']
        done = self.command('join', '--dir', other, '--name', 'leaf', text=self.token('--again'))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotEqual(self.machines()['leaf']['serial'], before)
        self.assertIn('serial=%s' % before, self.read(self.ledger()).decode())
        self.assertIn('state=withdrawn', self.read(self.ledger()).decode())
        rome = self.machines()['rome']
        self.refused('rome', self.token('--again'), 'is a server, and the token is for none')
        self.assertEqual(self.machines()['rome'], rome)
        self.joins('rome', self.token('--again', '--may-serve'))
        self.assertNotEqual(self.machines()['rome']['serial'], rome['serial'])

    def test_a_name_is_no_words_of_the_log(self):
        """What anybody may send, before he has proved anything."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_alpn_protocols(['sunrpc'])
        with tls.Conn(self.d.tcp, None, context=context) as c:
            r = c.rpc(EXT, JOIN, bytes(8) + rpc.opaque('x" from="forged') + rpc.opaque('x') + bytes(32))
            self.assertEqual(r.u32(), rpc.AUTHERROR)
        line = next(x for x in self.d.log().splitlines() if 'event=join-refused' in x)
        self.assertNotIn('forged', line)
        self.assertIn('machine="?"', line)

    def test_a_token_runs_out(self):
        text = self.token()
        self.edit_ledger(lambda old: re.sub(r'until=\d+( server=no again)', r'until=%d\1' % (time.time() - 1), old))
        self.refused('leaf', text, 'run out')
        self.token()  # the next change of the ledger
        self.assertNotIn('secret=%s' % '', re.sub(r'token=(?!%s).*' % text.split(';')[3], '', self.read(self.ledger()).decode()))

    def test_strings_that_are_wrong(self):
        text = self.token()
        parts = text.strip().split(';')
        done = self.join('leaf', ';'.join(parts[:4] + ['A' * 43, parts[5]]))
        self.assertEqual(done.returncode, DENIED, done.stderr)
        self.assertIn('the secret is wrong', self.d.log())
        before = self.d.log().count('join-refused')
        done = self.join('leaf', ';'.join(parts[:5] + ['A' * 43]))  # another authority: nothing is said to its servers
        self.assertEqual(done.returncode, UNREACHABLE, done.stderr)
        self.assertEqual(self.d.log().count('join-refused'), before)
        for wrong in ('', 'hello', text[:50], 'ni2' + text[3:], text * 40):
            self.assertEqual(self.join('leaf', wrong).returncode, USAGE, wrong)
        self.assertEqual(self.join('leaf', ';'.join([parts[0], '127.0.0.1:1'] + parts[2:])).returncode, UNREACHABLE)
        self.assertNotIn('machine.crt', os.listdir(os.path.join(self.home('leaf'), 'machine')))
        self.joins('leaf', ';'.join([parts[0], '127.0.0.1:1,' + parts[1]] + parts[2:]))  # the second server
        self.assertEqual(self.join('leaf', text).returncode, CONFLICT)
        with open(os.path.join(self.folder, 'file'), 'w', encoding='ascii') as f:
            f.write(self.token())
        self.assertEqual(self.join('oak', None, '--file', f.name).returncode, 0)
        self.assertEqual(self.join('elm', None, '--file', f.name + 'x').returncode, NOT_FOUND)

    def test_guessing_ends(self):
        parts = self.token().strip().split(';')
        wrong = ';'.join(parts[:4] + ['A' * 43, parts[5]])
        for _ in range(daemon.TRIES):  # one in ten seconds is looked at
            for _ in range(11):
                done = self.join('leaf', wrong)
                self.assertEqual(done.returncode, DENIED, done.stderr + self.d.log()[-3000:])
            if self.join('oak', ';'.join(parts)).returncode == DENIED:  # the right one is not looked at either
                return
            parts = self.token().strip().split(';')
            wrong = ';'.join(parts[:4] + ['A' * 43, parts[5]])
            shutil.rmtree(self.home('oak'))
        self.fail('guessing goes on and on')

    def test_a_join_that_was_cut_off_goes_on(self):
        text = self.token()
        self.joins('leaf', text)
        home, machine = self.home('leaf'), os.path.join(self.home('leaf'), 'machine')
        whole = {n: self.read(machine, n) for n in os.listdir(machine)}
        uses = lambda: self.tokens()[text.split(';')[3]]['uses']  # noqa: E731
        self.assertEqual(uses(), 0)
        for left in (set(), {'machine.key'}, {'machine.key', 'machine.crt'}, set(whole)):  # behind each step of writing
            shutil.rmtree(machine)
            os.makedirs(machine, 0o750)
            if os.path.exists(os.path.join(home, 'agent.conf')):
                os.remove(os.path.join(home, 'agent.conf'))
            for name in left | {'join.key'}:
                path = os.path.join(machine, name)
                with open(path, 'wb') as f:
                    f.write(whole['machine.key' if name == 'join.key' else name])
                os.chmod(path, {'join.key': 0o600, 'machine.key': 0o640}.get(name, 0o644))
            self.joins('leaf', text)
            self.assertEqual(set(os.listdir(machine)), set(whole))
            self.assertEqual(self.read(machine, 'machine.key'), whole['machine.key'])
            self.assertIn(b'domains = local', self.read(home, 'agent.conf'))
        self.assertEqual(uses(), 0)
        self.refused('oak', text, 'used up')
        self.must('machine', 'rm', '--yes', '--dir', self.d.folder, 'leaf')
        shutil.copy(os.path.join(machine, 'machine.key'), os.path.join(machine, 'join.key'))
        os.remove(os.path.join(machine, 'authority.crt'))
        self.refused('leaf', text, 'used up')  # withdrawn is withdrawn

    def test_a_join_that_is_killed_goes_on(self):
        for i in range(MANY // 4):
            text, name = self.token(), 'leaf%d' % i
            p = subprocess.Popen([daemon.PROGRAMS['ni'], 'join', '--dir', self.home(name), '--name', name], stdin=subprocess.PIPE,
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            p.stdin.write(text.encode())
            p.stdin.close()
            time.sleep(0.002 * i)
            p.kill()
            p.wait()
            done = self.join(name, text)
            self.assertIn(done.returncode, (0, CONFLICT), done.stderr)  # CONFLICT: it had come to its end
            self.assertEqual(set(os.listdir(os.path.join(self.home(name), 'machine'))), {'authority.crt', 'machine.crt', 'machine.key'})
            self.assertIn(name, self.machines())

    def test_one_string_for_many(self):
        text = self.token('--count', str(MANY))
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            done = list(pool.map(lambda i: self.join('m%d' % i, text), range(MANY)))
        self.assertEqual([x.returncode for x in done], [0] * MANY)
        self.refused('late', text, 'used up')
        self.assertEqual(set(self.machines()), {'rome'} | {'m%d' % i for i in range(MANY)})
        keys = {self.read(self.home('m%d' % i), 'machine', 'machine.key') for i in range(MANY)}
        self.assertEqual(len(keys), MANY)

    def test_of_two_at_once_one_wins(self):
        for i in range(MANY // 5):
            text = self.token()
            with concurrent.futures.ThreadPoolExecutor(2) as pool:
                codes = sorted(x.returncode for x in pool.map(lambda n: self.join(n, text), ['a%d' % i, 'b%d' % i]))
            self.assertEqual(codes, [0, DENIED])

    def test_a_server_that_is_killed_gives_nothing_twice(self):
        for round_ in range(max(2, MANY // 20)):
            text = self.token('--count', '6')
            names = ['r%dn%d' % (round_, i) for i in range(6)]
            with concurrent.futures.ThreadPoolExecutor(3) as pool:
                running = [pool.submit(self.join, n, text) for n in names]
                time.sleep(0.03 * (1 + round_ % 4))
                self.d.process.send_signal(signal.SIGKILL)
                self.d.process.wait()
                first = [x.result() for x in running]
            self.d.start()
            acknowledged = {n for n, x in zip(names, first) if x.returncode == 0}
            self.assertLessEqual(acknowledged, set(self.machines()))
            for n in names:
                if n not in acknowledged:
                    self.joins(n, text)
            self.assertLessEqual(set(names), set(self.machines()))
            self.assertEqual(self.tokens()[text.split(';')[3]]['uses'], 0)
            self.refused('extra%d' % round_, text, 'used up')


if __name__ == '__main__':
    daemon.main()
