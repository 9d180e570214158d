#!/usr/bin/env python3
"""Does a write or a lookup cost more because the directory has many children? The same calls below a directory of few and of many,
one at a time over the socket, each write durable; CPU of netinfod per call from /proc. Called by bench/wide.sh.

usage: wide.py NETINFOD NI CALLS CHILDREN..."""
import os
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'tests', 'lib'))
import daemon  # noqa: E402

netinfod, ni, calls, sizes = sys.argv[1], sys.argv[2], int(sys.argv[3]), [int(x) for x in sys.argv[4:]]
daemon.PROGRAMS.update(netinfod=os.path.abspath(netinfod), ni=os.path.abspath(ni))
TICK = os.sysconf('SC_CLK_TCK')


def cpu(pid):
    with open('/proc/%d/stat' % pid, encoding='ascii') as f:
        fields = f.read().rsplit(')', 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def measure(d, what, call, times=1):
    before, took, count = cpu(d.process.pid), [], calls * times
    for i in range(count):
        begin = time.perf_counter()
        call(i)
        took.append(time.perf_counter() - begin)
    took.sort()
    return what, took[len(took) // 2] * 1e3, took[len(took) * 99 // 100] * 1e3, (cpu(d.process.pid) - before) / count * 1e6


def sized(n):
    with daemon.Daemon(legacy=False) as d, tempfile.NamedTemporaryFile('w', suffix='.passwd') as file:
        file.writelines('u%d:*:%d:5000::/home/u%d:/bin/sh\n' % (i, 10000 + i, i) for i in range(n))
        file.flush()
        subprocess.run([daemon.PROGRAMS['ni'], 'import', 'passwd', file.name], env={**os.environ, 'NETINFO_SOCKET': d.socket}, check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        with d.admin('local') as c:
            users = c.lookup(c.root()[1][0], 'name', 'users')[1][0]
            made = []

            def add(where):
                status, child, _ = c.create(c.self_(users)[1], {'name': 'new%d' % len(made), 'uid': str(5000000 + len(made))}, where=where)
                assert status == 0, status
                made.append(child)

            def remove(_):
                assert c.destroy(c.self_(users)[1], made.pop())[0] == 0

            def look_up(i):
                assert c.lookupread(users, 'name', 'u%d' % (i * 7919 % n))[0] == 0
            rows = [measure(d, 'added at the end', lambda i: add(0xffffffff)), measure(d, 'put in the middle', lambda i: add(n // 2)),
                    measure(d, 'removed', remove), measure(d, 'looked up by name', look_up, 20)]
        return rows


results = {n: sized(n) for n in sizes}
if 'BENCH_RESULTS' in os.environ:
    with open(os.environ['BENCH_RESULTS'], 'a', encoding='ascii') as rows:
        for n in sizes:
            rows.writelines('wide.cpu\t%d\t%s\t%.4g\tus\n' % (n, row[0], row[3]) for row in results[n])
print('%-20s %s' % ('children', ''.join('%28d' % n for n in sizes)))
for k in range(4):
    print('%-20s %s' % (results[sizes[0]][k][0], ''.join('%9.2f %7.2f ms %6.0f us' % results[n][k][1:] for n in sizes)))
print('p50 and p99 until the reply, CPU of netinfod per call (an instance read before each write included); CPU, many beside few:')
print(', '.join('%s %.2f' % (results[sizes[0]][k][0], results[sizes[-1]][k][3] / max(results[sizes[0]][k][3], 1)) for k in range(4)))
