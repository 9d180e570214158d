#!/usr/bin/env python3
"""The n-th write or sync of a database fails, for all n of a run of writes (doc/decisions.md 15): the batch is refused with a
clear status, the domain repairs itself and goes on, and after a restart exactly what was acknowledged is there.

NETINFO_FAULT_STEP: take every so-many-th n only (4 when it is not set; 1 is all)."""
import errno
import os
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', 'lib'))
import daemon  # noqa: E402
import rpc  # noqa: E402
from rpc import OK  # noqa: E402

STEP = int(os.environ.get('NETINFO_FAULT_STEP', '4'))
REFUSED = (rpc.NOSPACE, rpc.SYSTEMERR, rpc.UNKNOWN_OUTCOME)


def start_with_faults(d, number, **faults):
    faults.update(LD_PRELOAD=daemon.PROGRAMS['fault'], NI_FAULT_ERRNO=str(number), ASAN_OPTIONS='verify_asan_link_order=0')
    os.environ.update(faults)
    try:
        d.start()
    finally:
        for name in faults:
            del os.environ[name]


class Faults(unittest.TestCase):
    def writes(self, c):
        """Batches of four pipelined writes, an EDIT between them. Gives [(name, status)]."""
        out = []
        for batch in range(5):
            root = c.root()[1]
            names = ['b%d-%d' % (batch, i) for i in range(4)]
            for i, name in enumerate(names):
                args = rpc.u32(0, root[1] + i) + rpc.proplist({'name': name}) + rpc.u32(rpc.APPEND, 0)
                c.send_call(rpc.NI, 5, args)
            for name in names:
                out.append((name, rpc.result_of(c.recv_record()).u32()))
            name = 'edit-%d' % batch
            out.append((name, c.edit('network', [rpc.op_create(rpc.ref(1), {'name': name})])[0]))
        return out

    def names(self, c):
        return {e[1][0].decode() for object in (0, 1) for e in c.list(object)[1]} - {'machines', 'alpha'}

    def sweep(self, number, mode):
        hits = reopened = 0
        with daemon.Daemon() as d:
            with d.admin() as c:
                self.assertEqual(c.createmaster('network'), OK)
            for n in range(1, 1000, STEP):
                d.stop()
                before = len(d.log())
                start_with_faults(d, number, NI_FAULT_NTH=str(n), NI_FAULT_MODE=mode)
                with d.admin('network') as c:
                    old = self.names(c)
                    done = self.writes(c)
                    live = self.names(c) - old
                failed = 'commit-failed' in d.log()[before:]
                divided = 'commit-divided' in d.log()[before:]  # no room for all of a batch: its halves are tried
                self.assertTrue(not divided or number == errno.ENOSPC)
                hits += failed or divided
                statuses = {s for _, s in done}
                # STALE: the refused ones of a batch had counted on one that was refused before them
                self.assertTrue(statuses <= {OK, rpc.STALE, *REFUSED}, statuses)
                self.assertEqual(failed, bool(statuses - {OK, rpc.STALE}))
                if failed:
                    again = 'store-resumed' in d.log()[before:]
                    # for want of space nothing is opened anew, unless it was the meta page that could not be written
                    self.assertTrue(again or number == errno.ENOSPC)
                    self.assertTrue(not again or number != errno.ENOSPC or mode == 'short'  # the disk is not full: EIO
                                    or 'unknown=yes' in d.log()[before:])
                    reopened += again
                    first = next(i for i, (_, s) in enumerate(done) if s in REFUSED)
                    self.assertEqual({s for _, s in done[(first // 5 + 1) * 5:]} - {OK}, set())  # it goes on
                acked = {name for name, s in done if s == OK}
                unknown = {name for name, s in done if s in (rpc.UNKNOWN_OUTCOME, rpc.SYSTEMERR)}
                d.stop()
                check = subprocess.run([daemon.PROGRAMS['check'], os.path.join(d.folder, 'domains', 'network')],
                                       capture_output=True, text=True)
                self.assertEqual(check.returncode, 0, check.stdout + check.stderr)
                d.start()
                with d.admin('network') as c:
                    kept = self.names(c) - old
                    self.assertEqual(kept, live)  # what was to be seen before is there after
                    self.assertTrue(acked <= kept, (n, acked - kept))
                    self.assertTrue(kept <= acked | unknown, (n, kept - acked - unknown))
                    for name in kept:  # clean up for the next round
                        for parent in (0, 1):
                            status, found, _ = c.lookup(parent, 'name', name)
                            if status == OK:
                                self.assertEqual(c.destroy(c.self_(parent)[1], c.self_(found[0])[1])[0], OK)
                if not (failed or divided):
                    break
        print('faults: errno %d, %s: %d points, %d times opened anew' % (number, mode, hits, reopened), flush=True)
        if number == errno.EIO or STEP == 1:  # of a full disk's points only the few that hit a meta page
            self.assertGreater(reopened, 0)
        self.assertGreater(hits * STEP, 40)

    def test_disk_full_once(self):
        self.sweep(errno.ENOSPC, 'once')

    def test_io_error_once(self):
        self.sweep(errno.EIO, 'once')

    def test_short_write(self):
        self.sweep(errno.ENOSPC, 'short')


class Neighbours(unittest.TestCase):
    """There is no room for what some requests of a batch write: those are refused, and nobody else."""

    def edits(self, c, names, large):
        """All in one go, so that they share batches. {name: status}."""
        words = b''
        xids = {}
        for name in names:
            c.xid += 1
            props = {'name': name, 'blob': ['x' * 50000] * 20} if large(name) else {'name': name}
            words += rpc.record(rpc.call(c.xid, rpc.EXT, rpc.EXT_PROCS.index('edit'),
                                         rpc.edit_args('network', [rpc.op_create(rpc.ref(1), props)]), c.cred))
            xids[c.xid] = name
        c.send_raw(words)
        out = {}
        for _ in names:
            reply = c.recv_record()
            out[xids.pop(int.from_bytes(reply[:4], 'big'))] = rpc.edit_result(rpc.result_of(reply))[0]
        return out

    def test_only_the_large_ones(self):
        with daemon.Daemon() as d:
            with d.admin() as c:
                self.assertEqual(c.createmaster('network'), OK)
            d.stop()
            start_with_faults(d, errno.ENOSPC, NI_FAULT_LARGER='600000')
            for turn, is_large in enumerate((lambda i: i == 17, lambda i: i % 7 == 3, lambda i: i >= 30, lambda i: True, lambda i: i < 5)):
                names = ['t%d-%d' % (turn, i) for i in range(35)]
                large = {name for i, name in enumerate(names) if is_large(i)}
                with d.admin('network') as c:
                    before = c.status('network')['seq']
                    done = self.edits(c, names, lambda name, large=large: name in large)
                    self.assertEqual({name: rpc.NOSPACE if name in large else OK for name in names}, done)
                    self.assertEqual(before + len(names) - len(large), c.status('network')['seq'])
                    there = {e[1][0].decode() for e in c.list(1)[1]}
                    self.assertEqual(set(names) - large, there & set(names))
            self.assertIn('event=commit-divided', d.log())
            self.assertNotIn('event=store-reopen', d.log())
            d.stop()
            check = subprocess.run([daemon.PROGRAMS['check'], os.path.join(d.folder, 'domains', 'network')], capture_output=True, text=True)
            self.assertEqual(check.returncode, 0, check.stdout + check.stderr)
            d.start()


class FullDisk(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix='netinfo-full-')
        self.addCleanup(os.rmdir, self.folder)
        if subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', self.folder], capture_output=True).returncode:
            self.skipTest('only root can mount a small file system, and not everywhere')
        self.addCleanup(subprocess.run, ['umount', '-l', self.folder])

    def test_no_space_is_said(self):
        """A real full disk, which takes half of a write first; reads go on, and nothing that was acknowledged is lost."""
        with daemon.Daemon(folder=self.folder) as d:
            with d.admin() as c:
                self.assertEqual(c.createmaster('network'), OK)
                self.assertEqual(c.select('network'), OK)
                acked, status = [], OK
                while status == OK and len(acked) < 2000:
                    name = b'n%d' % len(acked)
                    status = c.create(c.root()[1], {'name': name, 'blob': 'x' * 3000})[0]
                    if status == OK:
                        acked.append(name)
                self.assertEqual(status, rpc.NOSPACE)
                self.assertGreater(len(acked), 20)
                for _ in range(50):  # it stays so, without looking through the store each time
                    self.assertEqual(c.create(c.root()[1], {'name': 'more', 'blob': 'x' * 3000})[0], rpc.NOSPACE)
                self.assertNotIn('event=store-reopen', d.log())
                self.assertLess(d.log().count('event=commit-failed'), 10)
                names = [e[1][0] for e in c.list(0)[1]]
                self.assertEqual(names[1:], acked)  # behind machines
            d.stop()
            check = subprocess.run([daemon.PROGRAMS['check'], os.path.join(self.folder, 'domains', 'network')], capture_output=True, text=True)
            self.assertEqual(check.returncode, 0, check.stdout + check.stderr)
            d.start()
            with d.admin('network') as c:
                self.assertEqual([e[1][0] for e in c.list(0)[1]], names)


if __name__ == '__main__':
    daemon.main()
