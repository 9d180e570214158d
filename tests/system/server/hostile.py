#!/usr/bin/env python3
"""Clients that mean harm, beside an honest one that must not notice: fragments of one byte, huge record marks, garbage, a
reader that never reads, hundreds of idle connections, UDP noise, half records."""
import os
import random
import socket
import struct
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', 'lib'))
import daemon  # noqa: E402
import rpc  # noqa: E402
from rpc import OK, u32, opaque  # noqa: E402

SEED = int(os.environ.get('NETINFO_SEED', str(random.randrange(1 << 32))))


def wait_for(what, seconds=60):
    """Until what() is true: for things that happen by themselves, with a deadline far beyond them."""
    end = time.monotonic() + seconds
    while not what():
        if time.monotonic() > end:
            raise AssertionError('it did not happen')
        time.sleep(0.02)


class Case(unittest.TestCase):
    options = ()

    @classmethod
    def setUpClass(cls):
        cls.d = daemon.Daemon(*cls.options)
        with cls.d.admin() as c:
            assert c.createmaster('network') == OK

    @classmethod
    def tearDownClass(cls):
        cls.d.__exit__(None, None, None)

    def honest(self, address=None):
        with rpc.Conn(address or self.d.tcp) as c:
            self.assertEqual(c.root()[0], OK)

    def memory(self):
        """Private bytes of the server."""
        total = 0
        with open('/proc/%d/smaps_rollup' % self.d.process.pid, encoding='ascii') as f:
            for line in f:
                if line.startswith(('Private_Clean', 'Private_Dirty')):
                    total += int(line.split()[1]) * 1024
        return total

    def descriptors(self):
        return len(os.listdir('/proc/%d/fd' % self.d.process.pid))

    def gone(self, c):
        """The server has closed it."""
        try:
            while c.sock.recv(65536):
                pass
            return True
        except ConnectionError:
            return True
        except socket.timeout:
            return False


class Records(Case):
    def test_huge_marks(self):
        for mark in (0x7FFFFFFF, 0xFFFFFFFF, 0x80000000 | (4 << 20) + 1, 5 << 20):
            with rpc.Conn(self.d.tcp) as c:
                c.send_raw(u32(mark) + b'x' * 100)
                self.assertTrue(self.gone(c))
        self.honest()

    def test_the_largest_call_is_taken(self):
        with self.d.admin('network') as c:
            c.send_raw(u32(0x80000000 | (4 << 20)) + (rpc.call(1, rpc.NI, 2) + bytes(4 << 20))[:4 << 20])
            self.assertEqual(rpc.result_of(c.recv_record(), 1).u32(), OK)

    def test_empty_fragments(self):
        with rpc.Conn(self.d.tcp) as c:
            c.send_raw(u32(0) * 1000 + rpc.record(rpc.call(1, rpc.NI, 2)))
            self.assertEqual(rpc.result_of(c.recv_record(), 1).u32(), OK)
        with rpc.Conn(self.d.tcp) as c:
            try:
                c.send_raw(u32(0) * 5000)
            except ConnectionError:
                pass
            self.assertTrue(self.gone(c))
        self.honest()

    def test_one_byte_fragments(self):
        with rpc.Conn(self.d.tcp) as c:
            call = rpc.call(1, rpc.NI, 10, u32(0, 0) + opaque('name') + opaque('m' * 400))
            c.send_raw(rpc.record(call, 1))
            self.assertEqual(rpc.result_of(c.recv_record(), 1).u32(), rpc.NODIR)

    def test_garbage(self):
        rng = random.Random(SEED)
        print('garbage: NETINFO_SEED=%d' % SEED, flush=True)
        for _ in range(200):
            with rpc.Conn(self.d.tcp) as c:
                data = rng.randbytes(rng.randrange(1, 3000))
                if rng.random() < 0.7:  # a proper mark before it
                    data = rpc.record(data, rng.choice((None, 3, 500)))
                if rng.random() < 0.5:  # a proper header, rubbish as arguments
                    data = rpc.record(rpc.call(7, rng.choice((rpc.NI, rpc.BINDER, rpc.EXT)), rng.randrange(30),
                                               rng.randbytes(rng.randrange(200))))
                try:
                    c.send_raw(data)
                    c.sock.shutdown(socket.SHUT_WR)
                    while c.sock.recv(65536):
                        pass
                except ConnectionError:
                    pass
        self.honest()

    def test_counts_that_lie(self):
        """Huge counts in short messages: GARBAGE_ARGS, without the memory they ask for."""
        before = self.memory()
        many = u32(0xFFFFFFFF)
        calls = [(rpc.NI, 5, u32(0, 0) + many), (rpc.NI, 8, u32(0, 0) + many), (rpc.NI, 12, u32(0, 0) + many),
                 (rpc.NI, 15, u32(0, 0, 0) + many), (rpc.NI, 10, u32(0, 0) + many), (rpc.BINDER, 3, many),
                 (rpc.EXT, 1, many), (rpc.EXT, 4, opaque('network') + opaque('') + many)]
        with self.d.conn() as c:
            for _ in range(50):
                for program, proc, args in calls:
                    with self.assertRaises(rpc.RpcError) as e:
                        c.rpc(program, proc, args)
                    self.assertEqual(e.exception.numbers, (rpc.GARBAGE_ARGS,))
        self.assertLess(self.memory(), before + (32 << 20))


class Readers(Case):
    def test_never_reads_its_replies(self):
        """It stops being served: what the server holds for it is bounded, and the others do not notice."""
        with self.d.admin('network') as a:
            top = a.create(a.root()[1], {'name': 'big'})[1][0]
            for i in range(8):
                a.edit('network', [rpc.op_create(rpc.ref(top), {'name': 'b%d' % i, 'blob': 'x' * 60000})])
        before = self.memory()
        greedy = []
        call = rpc.record(rpc.call(1, rpc.NI, 23, u32(top, 0)))  # LISTALL: half a megabyte
        for _ in range(20):
            c = rpc.Conn(self.d.tcp, timeout=0.2)
            c.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            try:
                for _ in range(2000):
                    c.send_raw(call)
            except (socket.timeout, TimeoutError):
                pass  # it takes no more: served no longer
            greedy.append(c)
        self.assertLess(self.memory(), before + 20 * (3 << 20))
        for _ in range(20):
            self.honest()
        for c in greedy:
            c.close()

    def test_every_reply_arrives_when_it_reads_at_last(self):
        n = 3000
        with self.d.conn('network') as c:
            def send():
                for i in range(n):
                    c.sock.sendall(rpc.record(rpc.call(i, rpc.NI, 7, u32(2, 0))))
            t = threading.Thread(target=send)
            t.start()
            time.sleep(0.3)
            for i in range(n):
                self.assertEqual(rpc.result_of(c.recv_record(), i).u32(), OK)
            t.join()


class Stalls(Case):
    options = ('-o', 'stall_timeout=1', '-o', 'idle_timeout=2', '--log-level', 'debug')

    def test_half_records_unread_replies_idle(self):
        half, quarter, idle = (rpc.Conn(self.d.tcp, timeout=60) for _ in range(3))
        half.send_raw(rpc.record(rpc.call(1, rpc.NI, 2))[:30])
        quarter.send_raw(u32(0)[:2])
        waiting = rpc.Conn(self.d.tcp, timeout=60)
        seq = waiting.status('local')['seq']
        xid = waiting.send_call(rpc.EXT, 2, rpc.changes_args('local', seq, wait_ms=6000))
        for c in (half, quarter, idle):
            self.assertTrue(self.gone(c))
        # the one that waits for changes is no idler
        self.assertEqual(rpc.changes_result(rpc.result_of(waiting.recv_record(), xid))['entries'], [])
        for c in (half, quarter, idle, waiting):
            c.close()

    def test_slow_reader_is_dropped(self):
        with self.d.admin('network') as a:
            for i in range(40):
                a.edit('network', [rpc.op_create(rpc.ref(1), {'name': 's%d' % i, 'blob': 'x' * 60000})])
        c = rpc.Conn(self.d.tcp, timeout=0.5)
        c.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        try:
            for _ in range(200):
                c.send_raw(rpc.record(rpc.call(1, rpc.NI, 23, u32(1, 0))))
        except (socket.timeout, TimeoutError):
            pass
        wait_for(lambda: 'reason=unread-replies' in self.d.log())
        c.close()


class Transfers(Case):
    @unittest.skipIf(os.geteuid() != 0, 'only root may be somebody else')
    def test_slow_transfers_do_not_keep_others_out(self):
        """Twenty full transfers of another user that nobody reads: he gets four, and the superuser still gets his."""
        with self.d.admin('network') as a:
            for i in range(60):
                a.edit('network', [rpc.op_create(rpc.ref(1), {'name': 't%d' % i, 'blob': 'x' * 60000})])
        ready, hold = os.pipe(), os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                os.setgroups([])
                os.setgid(64001)
                os.setuid(64001)
                hogs = []
                for _ in range(20):
                    c = self.d.conn('network')
                    c.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                    c.send_call(rpc.NI, rpc.NI_PROCS.index('readall'), u32(0))
                    hogs.append(c)
                first = [c.sock.recv(64) for c in hogs]  # each is answered: with a status, or a transfer's beginning
                os.write(ready[1], bytes([sum(len(b) == 64 for b in first)]))
                os.read(hold[0], 1)
                os._exit(0)
            finally:
                os._exit(1)  # whatever happens, only one process goes on with the tests
        os.close(ready[1])
        self.assertEqual(os.read(ready[0], 1), bytes([4]))
        for _ in range(3):
            with self.d.admin('network') as a:
                status, _, _, objects = a.readall(0)
                self.assertEqual(status, OK)
                self.assertGreater(len(objects), 60)
        self.assertIn('event=readall-refused', self.d.log())
        os.write(hold[1], b'x')
        os.waitpid(pid, 0)
        for fd in (ready[0], *hold):
            os.close(fd)


class Crowds(Case):
    options = ('-o', 'connections=200', '-o', 'connections_per_source=100')

    def test_at_the_limit_the_longest_idle_goes(self):
        fds = self.descriptors()
        crowd = []
        for _ in range(100):
            crowd.append(rpc.Conn(self.d.tcp))
            crowd[-1].ping()
        time.sleep(1.2)  # they count as idle after a second
        with rpc.Conn(self.d.tcp) as c:
            self.assertEqual(c.root()[0], OK)
            self.assertTrue(self.gone(crowd[0]))
            crowd[1].ping()  # the others stay
        with self.d.admin() as a:  # another source
            self.assertEqual(a.status('network')['you'], b'superuser')
            stats = dict(rpc.Conn(self.d.socket).statistics())
            self.assertEqual(stats[b'connections'][2], b'200')
            self.assertGreaterEqual(int(stats[b'connections'][3]), 1)
        for c in crowd:
            c.close()
        wait_for(lambda: self.descriptors() <= fds + 3)

    def test_nobody_idle_the_new_one_is_refused(self):
        crowd = [rpc.Conn(self.d.tcp) for _ in range(100)]
        for c in crowd:
            seq = c.status('network')['seq']
            c.send_call(rpc.EXT, 2, rpc.changes_args('network', seq, wait_ms=30000))
            c.ping()
        late = rpc.Conn(self.d.tcp)
        self.assertTrue(self.gone(late))
        with self.d.admin('network') as a:  # everybody is woken by one change
            self.assertEqual(a.create(a.root()[1], {'name': 'wake'})[0], OK)
        for c in crowd:
            self.assertEqual(len(rpc.changes_result(rpc.result_of(c.recv_record()))['entries']), 1)
            c.close()


class Idle(Case):
    def test_five_hundred_idle_and_noise(self):
        before = self.memory()
        crowd = [rpc.Conn(self.d.tcp) for _ in range(500)]
        for c in crowd:
            c.ping()
        stop = threading.Event()

        def noise():
            rng = random.Random(SEED)
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
                while not stop.is_set():
                    for _ in range(50):
                        s.sendto(rng.randbytes(rng.randrange(200)), self.d.udp)
                    time.sleep(0.001)
        t = threading.Thread(target=noise)
        t.start()
        with self.d.conn('network') as c:
            for _ in range(500):
                self.assertEqual(c.root()[0], OK)

        def answered():
            """One of them: a flood fills the queue of the socket, and what comes then is lost, as a datagram may be."""
            try:
                return rpc.result_of(rpc.udp(self.d.udp, rpc.call(3, rpc.NI, 0), timeout=1), 3).at == 24
            except TimeoutError:
                return False
        wait_for(answered)
        stop.set()
        t.join()
        self.assertLess(self.memory() - before, 500 * 16384)  # an idle connection owns no buffers
        for c in crowd:
            c.ping()
            c.close()

    def test_replayed_calls(self):
        """The same xid again is executed again: there is no cache to fill."""
        with self.d.conn('network') as c:
            data = rpc.record(rpc.call(9, rpc.NI, 2))
            c.send_raw(data * 2000)
            for _ in range(2000):
                self.assertEqual(rpc.result_of(c.recv_record(), 9).u32(), OK)

    def test_connect_and_go(self):
        fds = self.descriptors()
        for i in range(300):
            s = socket.create_connection(self.d.tcp)
            if i % 3 == 0:
                s.sendall(rpc.record(rpc.call(1, rpc.NI, 2)))
            if i % 3 == 1:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
            s.close()
        wait_for(lambda: self.descriptors() <= fds + 2)
        self.honest()

    def test_goes_away_with_calls_under_way(self):
        """Writes, long reads and waits of connections that are closed meanwhile."""
        with self.d.admin('network') as a:
            top = a.create(a.root()[1], {'name': 'leaving', '_writers': '*'})[1][0]
            for at in range(3):
                a.edit('network', [rpc.op_create(rpc.ref(top), {'name': 'x%d' % i}) for i in range(600)])
        fds = self.descriptors()
        for i in range(100):
            c = self.d.conn('network')
            id = c.self_(top)[1]
            c.send_call(rpc.NI, 12, u32(*id) + rpc.prop('p', []) + u32(rpc.APPEND))
            c.send_call(rpc.NI, 23, u32(top, 0))
            c.send_call(rpc.EXT, 2, rpc.changes_args('network', 1 << 40, wait_ms=1000))
            if i % 2:
                c.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
            c.close()
        wait_for(lambda: self.descriptors() <= fds + 2)
        self.honest()


if __name__ == '__main__':
    daemon.main()
