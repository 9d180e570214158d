#!/usr/bin/env python3
"""ni import nidb: databases of historical servers, into a running server and as a new domain.

usage: import_nidb.py netinfod=PATH ni=PATH [unittest options]"""
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
import daemon  # noqa: E402
import nidb  # noqa: E402

OK, FAILED, USAGE, NOT_FOUND, CONFLICT = range(5)


def ni(*words, socket=None):
    e = {k: v for k, v in os.environ.items() if not k.startswith('NETINFO_')}
    if socket:
        e['NETINFO_SOCKET'] = socket
    p = subprocess.run([daemon.PROGRAMS['ni'], *words], capture_output=True, timeout=300, env=e)
    return p.returncode, p.stdout.decode(), p.stderr.decode()


class Case(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix='netinfo-nidb-')
        self.addCleanup(self.folder.cleanup)
        self.nidb = os.path.join(self.folder.name, 'local.nidb')
        self.dir = os.path.join(self.folder.name, 'new')

    def good(self, *words, **more):
        code, out, err = ni(*words, **more)
        self.assertEqual(code, OK, (words, out, err))
        return out, err

    def write(self, files):
        for name in os.listdir(self.nidb) if os.path.isdir(self.nidb) else []:
            os.remove(os.path.join(self.nidb, name))
        nidb.write(self.nidb, files)


def users(n):
    """A database of n users."""
    return [nidb.Dir(0, 0, [1], [('master', 'quill/local')]), nidb.Dir(1, 0, list(range(2, n + 2)), [('name', 'users')])] + \
        [nidb.Dir(2 + i, 1, [], [('name', 'u%d' % i), ('uid', str(1000 + i)), ('gid', '20'), ('home', '/home/u%d' % i)]) for i in range(n)]


class Interrupted(Case):
    """Ctrl-C says how far it came; repeating goes on from there."""
    COUNT = 40000

    def interrupted(self, words, said):
        for _ in range(daemon.TRIES):
            added = self.interrupt(words, said)
            if added is not None:
                return added
        return self.fail('an import of %d was always quicker than the signal' % self.COUNT)

    def interrupt(self, words, said):
        """What was added and what was there; None when it was done before the signal came, or all of it was on its way."""
        with daemon.Daemon() as d:
            env = {**{k: v for k, v in os.environ.items() if not k.startswith('NETINFO_')}, 'NETINFO_SOCKET': d.socket}
            p = subprocess.Popen([daemon.PROGRAMS['ni'], 'import', *words], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=env)
            with d.admin() as c:
                while p.poll() is None and c.status('local')['directories'] < 1500:
                    time.sleep(0.002)
            p.send_signal(signal.SIGINT)
            err = p.stderr.read().decode()
            p.stderr.close()
            if p.wait(60) == OK:
                return None
            self.assertEqual(FAILED, p.returncode, err)
            done = re.search(said, err)
            self.assertTrue(done, err)
            _, err = self.good('import', *words, socket=d.socket)
            added, there = map(int, re.search(r'(\d+) added, .*?(\d+) as they were', err).groups())
            self.assertGreaterEqual(there, int(done.group(1)))
            with d.admin() as c:
                self.assertGreaterEqual(c.status('local')['directories'], self.COUNT + 1)
            return added + there if added else None

    def test_a_database(self):
        self.write(nidb.current(users(self.COUNT)))
        self.assertEqual(self.COUNT + 1, self.interrupted(['nidb', self.nidb], r'(\d+) of %d directories were brought; repeat' % (self.COUNT + 2)))

    def test_a_site(self):
        os.mkdir(self.nidb)
        with open(os.path.join(self.nidb, 'passwd'), 'w', encoding='ascii') as f:
            f.writelines('u%d:x:%d:20::/home/u%d:/bin/sh\n' % (i, 1000 + i, i) for i in range(self.COUNT))
        self.assertEqual(self.COUNT, self.interrupted(['nis', self.nidb], r'(\d+) of %d records are as the file says; repeat' % self.COUNT))

    def test_ldif(self):
        with open(self.nidb, 'w', encoding='ascii') as f:
            f.writelines('dn: uid=u%d,dc=x\nobjectClass: posixAccount\nuid: u%d\ncn: u%d\nuidNumber: %d\ngidNumber: 20\nhomeDirectory: /h\n\n'
                         % (i, i, i, 1000 + i) for i in range(self.COUNT))
        self.assertEqual(self.COUNT, self.interrupted(['ldif', self.nidb], r'(\d+) of %d records are as the file says; repeat' % self.COUNT))


class Offline(Case):
    def blocks(self, store):
        """{number: (instance, parent, [(property, [values])])} of a store, and children in order by parent."""
        text, _ = self.good('store', 'dump', store)
        dirs, order = {}, {}
        for block in text.split('\n\n')[1:]:
            head, *props = block.splitlines()
            if not head.startswith('dir '):
                continue
            w = head.split()
            number, parent = int(w[1]), int(w[5])
            words = [[bytes(x.replace('\\e', ''), 'ascii').decode('unicode_escape').encode('latin-1').decode()
                      for x in p.split()] for p in props]
            dirs[number] = (int(w[3]), parent, [(p[0], p[1:]) for p in words])
            if number:
                order.setdefault(parent, []).append((int(w[7]), number))
        return dirs, {p: [n for _, n in sorted(v)] for p, v in order.items()}

    def same(self, dirs, store):
        got, order = self.blocks(store)
        self.assertEqual(got, {d.number: (d.instance, d.parent, d.props) for d in dirs})
        self.assertEqual(order, {d.number: d.children for d in dirs if d.children})
        self.good('store', 'check', store)
        stat = json.loads(self.good('store', 'stat', '--json', store)[0])
        self.assertEqual(stat['checksum'], nidb.checksum(dirs))

    def test_all_generations(self):
        """Numbers, instances, order, properties: as they were."""
        dirs = nidb.office()
        for tag, files, word in (('current', nidb.current(dirs), 'current generation, sound'),
                                 ('old', nidb.old(dirs), 'old generation, sound'),
                                 ('oldest', nidb.old(dirs, 256), 'oldest generation, sound')):
            self.write(files)
            _, err = self.good('import', 'nidb', '--dir', self.dir, '-d', tag, self.nidb)
            self.assertIn('9 directories, ' + word, err)
            self.same(dirs, os.path.join(self.dir, 'domains', tag))
        self.assertEqual(sorted(os.listdir(os.path.join(self.dir, 'domains'))), ['current', 'old', 'oldest'])

    def test_many(self):
        """More than one commit, and a list of children in its own order."""
        numbers = list(range(2, 12002))
        dirs = [nidb.Dir(0, 0, [1], []), nidb.Dir(1, 0, numbers[::-1], [('name', 'users')])]
        dirs += [nidb.Dir(n, 1, [], [('name', 'u%d' % n), ('uid', str(n))], instance=n) for n in numbers]
        self.write(nidb.current(dirs))
        self.good('import', 'nidb', '--dir', self.dir, '-d', 'local', self.nidb)
        self.same(dirs, os.path.join(self.dir, 'domains', 'local'))

    def test_served(self):
        self.write(nidb.current(nidb.office()))
        self.good('import', 'nidb', '--dir', self.dir, '-d', 'local', self.nidb)
        with daemon.Daemon(folder=self.dir) as d:
            out, _ = self.good('get', '/users/joe', socket=d.socket)
            self.assertIn('realname: Joe Ødegård\n', out)
            with d.admin('local') as c:
                status, ident, props = c.read(4)
                self.assertEqual((status, ident[0], ident[1]), (OK, 4, 2))
                self.assertEqual([k for k, _ in props][:3], [b'name', b'_writers_passwd', b'uid'])

    def test_refusals(self):
        self.write(nidb.current(nidb.office()))
        new = os.path.join(self.dir, 'domains', 'local')
        self.good('import', 'nidb', '-n', '--dir', self.dir, '-d', 'local', self.nidb)
        self.assertFalse(os.path.exists(self.dir))
        self.good('import', 'nidb', '--dir', self.dir, '-d', 'local', self.nidb)
        before = ni('store', 'dump', new)
        code, _, err = ni('import', 'nidb', '--dir', self.dir, '-d', 'local', self.nidb)
        self.assertEqual((code, 'there is a domain of this tag' in err), (CONFLICT, True), err)
        self.assertEqual(ni('store', 'dump', new), before)
        for words in (['--dir', self.dir, self.nidb], ['--dir', self.dir, '-d', 'a/b', self.nidb], [],
                      ['--dir', self.dir, '-d', 'x', '--overwrite', self.nidb]):
            self.assertEqual(ni('import', 'nidb', *words)[0], USAGE, words)
        code, _, err = ni('import', 'nidb', '--dir', self.dir, '-d', 'x', self.folder.name)
        self.assertEqual((code, 'this is no NetInfo database' in err), (FAILED, True), err)
        code, _, err = ni('import', 'nidb', '--dir', self.dir, '-d', 'x', self.nidb + '-not-there')
        self.assertEqual((code, 'No such file' in err), (FAILED, True), err)
        os.mkfifo(os.path.join(self.nidb, 'Store.320'))
        code, _, err = ni('import', 'nidb', '--dir', self.dir, '-d', 'x', self.nidb)
        self.assertEqual((code, 'Store.320: it is no regular file' in err), (FAILED, True), err)
        self.assertEqual(os.listdir(os.path.join(self.dir, 'domains')), ['local'])

    def test_damage(self):
        """File, byte and reason; nothing is made."""
        files = nidb.current(nidb.office())
        name = max((n for n in files if n.startswith('Store.')), key=lambda n: len(files[n]))
        slot = int(name.split('.')[1])
        for place, change, reason in ((0, b'\0\0\0\7', 'slot type 7 is neither free (0) nor a record (256)'),
                                      (4, b'\0\0\0\1', 'does not belong into a slot of %d' % slot),
                                      (24, b'\xff\xff\xff\xff', 'the list of children does not fit in the record')):
            bad = bytearray(files[name])
            bad[place:place + 4] = change
            self.write(dict(files, **{name: bytes(bad)}))
            code, _, err = ni('import', 'nidb', '--dir', self.dir, '-d', 'x', self.nidb)
            self.assertEqual(code, FAILED, err)
            self.assertIn('ni import nidb: %s/%s, byte %d: ' % (self.nidb, name, place), err)
            self.assertIn(reason, err)
        self.write(dict(files, Config=nidb.u32(2)))
        code, _, err = ni('import', 'nidb', '--dir', self.dir, '-d', 'x', self.nidb)
        self.assertEqual((code, 'its format version is not 1' in err), (FAILED, True), err)
        self.write(dict(files, Clean=nidb.u32(1)))
        _, err = self.good('import', 'nidb', '-n', '--dir', self.dir, '-d', 'x', self.nidb)
        self.assertIn('is not the one of file Clean', err)
        self.assertFalse(os.path.exists(self.dir))

    def test_every_truncation(self):
        """A file cut anywhere inside a slot is refused, and a whole slot less is noticed."""
        files = nidb.current(nidb.office())
        for name in [n for n in files if n.startswith('Store.')]:
            slot = int(name.split('.')[1])
            for size in sorted({1, 7, slot - 1, len(files[name]) - 1, len(files[name]) - slot}):
                if not 0 < size < len(files[name]):
                    continue
                self.write(dict(files, **{name: files[name][:size]}))
                code, _, err = ni('import', 'nidb', '-n', '--dir', self.dir, '-d', 'x', self.nidb)
                if size % slot:
                    self.assertEqual((code, 'ends inside a slot' in err), (FAILED, True), (name, size, err))
                else:
                    self.assertIn('which does not exist' if code == OK else 'no root', err)

    def test_repairs_are_said(self):
        dirs = nidb.office()
        dirs[0].children.remove(5)
        dirs[3].children.append(99)
        made = nidb.Dir(8, 3, [], [('name', 'eve')], version=20).record()
        self.write(dict(nidb.current(dirs, clean=False), Create=nidb.u32(256, len(made)) + made, Delete=b'\7\0\0\0'))
        _, err = self.good('import', 'nidb', '--dir', self.dir, '-d', 'local', self.nidb)
        for words in ('directory 8: the write that was interrupted', 'directory 7: the removal that was interrupted',
                      'directory 3 lists 99, which does not exist', 'directory 3 lists 7, which does not exist',
                      'directory 5 was missing in the list of its parent 0: appended'):
            self.assertIn(words, err)
        got, order = self.blocks(os.path.join(self.dir, 'domains', 'local'))
        self.assertEqual(order[0], [1, 3, 5])
        self.assertEqual(order[3], [4, 8])
        self.assertNotIn(7, got)


class Online(Case):
    def setUp(self):
        super().setUp()
        self.d = daemon.Daemon(legacy=False)
        self.addCleanup(self.leave)
        self.write(nidb.current(nidb.office()))

    def leave(self):
        self.d.stop()
        self.d.remove()

    def imports(self, counts, *words):
        out, err = self.good('import', 'nidb', *words, self.nidb, socket=self.d.socket)
        self.assertIn('nidb: %d added, %d changed, %d as they were' % counts, err)
        return out, err

    def get(self, path):
        return self.good('get', path, socket=self.d.socket)[0]

    def test_import_and_repeat(self):
        root = self.get('/')
        before = self.good('ls', '/', socket=self.d.socket)[0]
        out, err = self.imports((7, 0, 1), '--dry-run')
        self.assertIn('+ /users/joe\n+   name: joe\n', out)
        self.assertIn('+   passwd: (changed)\n', out)
        self.assertNotIn('Xq8', out)
        self.assertEqual(self.good('ls', '/', socket=self.d.socket)[0], before)
        out, err = self.imports((7, 0, 1))
        self.assertEqual(out, '')
        self.assertIn('/: its master belongs to the old server: left out', err)
        self.assertEqual(self.get('/'), root)
        self.assertIn('passwd: Xq8.hash\n', self.get('/users/joe'))
        self.assertIn('_writers: admin\n', self.get('/users'))
        self.assertIn('serves: ./local\n', self.get('/machines/quill'))
        # Two services of one name stay two.
        out = self.good('find', '/services', 'port=53', socket=self.d.socket)[0]
        self.assertEqual(len(out.splitlines()), 2, out)
        self.imports((0, 0, 8))

    def test_order(self):
        self.imports((7, 0, 1))
        with self.d.admin('local') as c:
            users = c.lookup(0, 'name', 'users')[1][0]
            names = [dict(c.read(k)[2])[b'name'] for k in c.children(users)[1]]
            self.assertEqual(names, [[b'joe'], [b'ann']])
            joe = c.children(users)[1][0]
            self.assertEqual([k.decode() for k, _ in c.read(joe)[2]],
                             ['name', '_writers_passwd', 'uid', 'passwd', 'realname', 'shell', 'empty'])

    def test_what_is_there_stays(self):
        self.good('add', '/users', socket=self.d.socket)
        self.good('add', '/users/joe', 'uid=900', socket=self.d.socket)
        _, err = self.imports((5, 2, 1))
        self.assertIn('/users/joe: its uid says something else here: kept', err)
        got = self.get('/users/joe')
        self.assertIn('uid: 900\n', got)
        self.assertIn('shell: /bin/csh\n', got)
        out, _ = self.imports((0, 1, 7), '--dry-run', '--overwrite')
        self.assertEqual(out, '~ /users/joe\n-   uid: 900\n+   uid: 501\n')
        self.imports((0, 1, 7), '--overwrite')
        self.assertIn('uid: 501\n', self.get('/users/joe'))
        self.imports((0, 0, 8), '--overwrite')

    def test_edits_are_bounded(self):
        """2,500 directories below one that is new: three edits."""
        numbers = list(range(2, 2502))
        dirs = [nidb.Dir(0, 0, [1], []), nidb.Dir(1, 0, numbers, [('name', 'users')])]
        dirs += [nidb.Dir(n, 1, [], [('name', 'u%d' % n)]) for n in numbers]
        self.write(nidb.current(dirs))
        with self.d.admin() as c:
            before = c.status('local')['seq']
            self.imports((2501, 0, 0))
            self.assertEqual(c.status('local')['seq'] - before, 3)
        self.imports((0, 0, 2501))

    def test_no_server(self):
        code, _, err = ni('import', 'nidb', self.nidb, socket='/nonexistent/socket')
        self.assertEqual(code, 6, err)


if __name__ == '__main__':
    daemon.main()
