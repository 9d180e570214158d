"""What following costs: a first copy, the delay of a change, catching up after an absence. Two hosts of namespaces (root)."""
import json
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../tests/lib'))
import daemon  # noqa: E402
import fleet  # noqa: E402
import rpc  # noqa: E402

TAG = 'network'
USERS, CHANGES, MISSED = (int(x) for x in sys.argv[3:6])
daemon.PROGRAMS.update(netinfod=sys.argv[1], ni=sys.argv[2])


def received(host):
    return json.loads(host.must('ip', '-s', '-j', 'link', 'show', 'eth0'))[0]['stats64']['rx']['bytes']


def user(k):
    return rpc.op_create(rpc.ref(users), [
        ('name', ['user%06d' % k]), ('passwd', ['$y$j9T$%022d$abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG' % k]), ('uid', [str(1000 + k)]),
        ('gid', ['100']), ('realname', ['User Number %d' % k]), ('home', ['/home/user%06d' % k]), ('shell', ['/bin/bash'])])


def pipelined(c, edits, window=64):
    """Many EDITs on one connection; replies are counted, not matched."""
    waiting = 0
    for ops in edits:
        c.send_call(rpc.EXT, 4, rpc.edit_args(TAG, ops))
        waiting += 1
        if waiting >= window:
            c.recv_record()
            waiting -= 1
    for _ in range(waiting):
        c.recv_record()


def status(d):
    with d.admin() as c:
        return c.status(TAG)


def until_equal():
    want = status(m)
    while True:
        s = status(b)
        if s['epoch'] == want['epoch'] and s['seq'] >= want['seq']:
            assert s['digest'] == want['digest'], 'not equal'
            return
        time.sleep(0.005)


with fleet.Fleet() as f:
    alpha, beta = f.host('alpha', '10.9.0.1'), f.host('beta', '10.9.0.2')
    m, b = (h.daemon('-o', 'legacy_read_networks=10.9.0.0/24', redact=True) for h in (alpha, beta))
    with m.admin() as a:
        assert a.createmaster(TAG) == rpc.OK
        machines = 1
        assert a.edit(TAG, [rpc.op_create(rpc.ref(machines), [('name', ['beta']), ('ip_address', ['10.9.0.2']),
                                                              ('serves', ['./' + TAG])])])[0] == rpc.OK
        users = a.edit(TAG, [rpc.op_create(rpc.ref(0), [('name', ['users'])])])[2][0][0]
        for first in range(0, USERS, 1000):
            assert a.edit(TAG, [user(k) for k in range(first, min(first + 1000, USERS))])[0] == rpc.OK
    size = os.path.getsize(os.path.join(m.folder, 'domains', TAG, 'data.mdb'))
    before, start = received(beta), time.monotonic()
    with b.admin() as c:
        assert c.replica(TAG, 1, '10.9.0.1/' + TAG)[0] == rpc.OK
    until_equal()
    took = time.monotonic() - start
    print('first copy of %d users        %.2f s, %.1f MB received (the master\'s file: %.1f MB)' %
          (USERS, took, (received(beta) - before) / 1e6, size / 1e6))

    delays, own = [], []
    with m.admin() as a, b.admin() as c:
        for k in range(CHANGES):
            seq = a.status(TAG)['seq']
            c.send_call(rpc.EXT, 2, rpc.changes_args(TAG, seq=seq, wait_ms=30000))
            time.sleep(0.002)
            t0 = time.monotonic()
            assert a.edit(TAG, [rpc.op_set(rpc.ref(users), 'note', [str(k)])])[0] == rpc.OK
            t1 = time.monotonic()
            c.recv_record()
            own.append(t1 - t0)
            delays.append(time.monotonic() - t0)
    for name, v in (('the master\'s own reply', own), ('visible on the clone', delays)):
        v.sort()
        print('a change until: %-24s p50 %.2f ms, p99 %.2f ms, most %.2f ms' %
              (name, v[len(v) // 2] * 1e3, v[len(v) * 99 // 100] * 1e3, v[-1] * 1e3))

    b.stop()
    with m.admin() as a:
        pipelined(a, ([user(USERS + k)] for k in range(MISSED)))
    before, start = received(beta), time.monotonic()
    b.start()
    until_equal()
    took = time.monotonic() - start
    print('catching up after %d changes   %.2f s from the start of the server: %.0f changes/s, %.0f bytes each' %
          (MISSED, took, MISSED / took, (received(beta) - before) / MISSED))
