"""bench/chain.sh: figures of agents that follow three domains, on hosts made of namespaces (tests/lib/fleet.py)."""
import ctypes
import json
import os
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'tests', 'lib'))
import daemon  # noqa: E402
import fleet  # noqa: E402
import rpc  # noqa: E402

USERS = int(os.environ.get('CHAIN_USERS', 100000))
AGENTS = int(os.environ.get('CHAIN_AGENTS', 20))
CHANGES = int(os.environ.get('CHAIN_CHANGES', 300))
READS = ('-o', 'legacy_read_networks=10.9.0.0/24')


class Passwd(ctypes.Structure):
    _fields_ = [('name', ctypes.c_char_p), ('passwd', ctypes.c_char_p), ('uid', ctypes.c_uint), ('gid', ctypes.c_uint),
                ('gecos', ctypes.c_char_p), ('dir', ctypes.c_char_p), ('shell', ctypes.c_char_p)]


class Lookup:
    """The module's own function, called in this process."""

    def __init__(self, snapshots):
        os.environ['NETINFO_SNAPSHOTS'] = snapshots
        self.call = ctypes.CDLL(daemon.PROGRAMS['nss'])._nss_netinfo_getpwnam_r
        self.pw, self.text, self.err = Passwd(), ctypes.create_string_buffer(4096), ctypes.c_int()

    def shell(self, name):
        ok = self.call(name, ctypes.byref(self.pw), self.text, 4096, ctypes.byref(self.err))
        return self.pw.shell if ok == 1 else None

    def times(self, seconds):
        """us of single lookups of a user of the root, for so long."""
        all_us, until = [], time.monotonic() + seconds
        while time.monotonic() < until:
            for _ in range(1000):
                before = time.perf_counter_ns()
                found = self.shell(b'u7')
                all_us.append((time.perf_counter_ns() - before) / 1000)
                assert found
        return all_us


def spread(values, unit='us', digits=2):
    v = sorted(values)
    return 'p50 %.*f  p99 %.*f  most %.*f %s' % (digits, v[len(v) // 2], digits, v[int(len(v) * 0.99)], digits, v[-1], unit)


def wait(test, seconds=300):
    until = time.monotonic() + seconds
    while not test():
        if time.monotonic() > until:
            raise SystemExit('chain: something never came')
        time.sleep(0.005)


def memory(pid):
    with open('/proc/%d/smaps_rollup' % pid, encoding='ascii') as f:
        v = {line.split(':')[0]: int(line.split()[1]) for line in f if line.endswith(' kB\n')}
    return v['Private_Clean'] + v['Private_Dirty'], v['Rss']


def cpu(pid):
    with open('/proc/%d/stat' % pid, encoding='ascii') as f:
        w = f.read().rsplit(')', 1)[1].split()
    return (int(w[11]) + int(w[12])) / os.sysconf('SC_CLK_TCK')


def received(host):
    return json.loads(host.must('ip', '-s', '-j', 'link', 'show', 'dev', 'eth0'))[0]['stats64']['rx']['bytes']


def records(n):
    return ''.join('u%d:x:%d:5000:User %d:/home/u%d:/bin/sh\n' % (i, 10000 + i, i, i) for i in range(1, n + 1))


class Chain:
    def __init__(self, f, users):
        self.fleet = f
        self.alpha, self.mid, self.vellum = f.host('alpha', '10.9.0.1'), f.host('mid', '10.9.0.2'), f.host('vellum', '10.9.0.3')
        for h, options in ((self.alpha, READS), (self.mid, READS), (self.vellum, ())):
            h.server = h.daemon(*options)
        self.alpha.must_ni = lambda *w: self.ni(self.alpha, *w)
        self.ni(self.alpha, 'domain', 'create', 'network')
        self.ni(self.mid, 'domain', 'create', 'harbor')
        self.ni(self.alpha, 'import', '-d', 'network', 'passwd', '-', text=records(users))
        for host, tag, record in ((self.alpha, 'network', '/machines/mid ip_address=10.9.0.2 serves=harbor/harbor'),
                                  (self.mid, 'harbor', '/machines/alpha ip_address=10.9.0.1 serves=../network'),
                                  (self.mid, 'harbor', '/machines/vellum ip_address=10.9.0.3 serves=vellum/local'),
                                  (self.vellum, 'local', '/machines/mid ip_address=10.9.0.2 serves=../harbor')):
            self.ni(host, 'add', '-d', tag, *record.split())
        self.admin = self.alpha.server.admin()
        assert self.admin.select('network') == rpc.OK
        users_dir = self.admin.lookup(0, 'name', 'users')[1][0]
        self.u7 = self.admin.lookup(users_dir, 'name', 'u7')[1][0]

    def ni(self, host, *words, text=None):
        done = host.ni(*words, input=text)
        if done.returncode:
            raise SystemExit('ni %s: %s' % (words, done.stderr))

    def set_shell(self, shell):
        assert self.admin.edit('network', [rpc.op_set(rpc.ref(self.u7), 'shell', [shell])])[0] == rpc.OK

    def agent(self, i=0, text=''):
        folder = os.path.join(self.vellum.server.folder, 'agent%d' % i)
        os.makedirs(folder)
        with open(os.path.join(folder, 'agent.conf'), 'w', encoding='ascii') as f:
            f.write('server = %s\nsnapshots = %s/agent%d\nquarantine = 1\n%s' % (self.vellum.server.socket, self.images, i, text))
        return self.vellum.agent(folder=folder)


def visible(c, lookup):
    """From the call that changes it at the root to the lookup that shows it on the third level."""
    sent = []
    for i in range(CHANGES):
        shell = '/bin/%d' % i
        before = time.perf_counter_ns()
        c.set_shell(shell)
        while lookup.shell(b'u7') != shell.encode():
            pass
        sent.append((time.perf_counter_ns() - before) / 1e6)
        time.sleep(0.02)
    print('root change until visible on the third level, %d changes: %s' % (CHANGES, spread(sent, 'ms')))


def dead_parents(c, lookup, agent):
    print('lookups of a user of the root (through ctypes), everything up:     ' + spread(lookup.times(3)))
    c.mid.server.process.send_signal(signal.SIGSTOP)
    c.alpha.server.process.send_signal(signal.SIGSTOP)
    print('both parents stopped (SIGSTOP, connections half open):             ' + spread(lookup.times(8)))
    c.mid.server.process.send_signal(signal.SIGCONT)
    c.alpha.server.process.send_signal(signal.SIGCONT)
    c.fleet.cut(c.mid, c.alpha)
    print('both parents cut off (packets vanish):                             ' + spread(lookup.times(8)))
    c.alpha.server.kill()
    c.mid.server.kill()
    c.fleet.heal(c.mid, c.alpha)
    print('both parents refuse (no server):                                   ' + spread(lookup.times(8)))
    c.alpha.server.start()
    c.mid.server.start()
    before = time.monotonic()
    c.admin = c.alpha.server.admin()
    c.set_shell('/bin/again')
    wait(lambda: lookup.shell(b'u7') == b'/bin/again')
    print('servers started again; a change there is visible after %.1f s; %d snapshots were taken in all' %
          (time.monotonic() - before, agent.log().count('event=snapshot')))


def many(c):
    """AGENTS agents at the same root."""
    before_bytes, before_cpu, start = received(c.vellum), cpu(c.alpha.server.process.pid), time.monotonic()
    processes = []
    for i in range(1, AGENTS + 1):
        folder = os.path.join(c.vellum.server.folder, 'agent%d' % i)
        os.makedirs(folder)
        with open(os.path.join(folder, 'agent.conf'), 'w', encoding='ascii') as f:
            f.write('server = %s\nsnapshots = %s/agent%d\nquarantine = 1\n' % (c.vellum.server.socket, c.images, i))
        with open(os.path.join(folder, 'agent.log'), 'wb') as log:
            processes.append((folder, c.vellum.popen([daemon.PROGRAMS['agent'], '--dir', folder], stdout=subprocess.DEVNULL, stderr=log)))

    def log(folder):
        with open(os.path.join(folder, 'agent.log'), encoding='utf-8') as f:
            return f.read()

    wait(lambda: all(' domains=3 ' in log(folder) for folder, _ in processes))
    took = time.monotonic() - start
    print('%d agents begin at once, %d users at the root: all have all images after %.1f s; %.1f MB over the net each, %.2f s CPU of '
          'the root\'s server' % (AGENTS, USERS, took, (received(c.vellum) - before_bytes) / 1e6 / AGENTS,
                                  cpu(c.alpha.server.process.pid) - before_cpu))
    pids = [p.pid for _, p in processes]
    time.sleep(8)  # a quiet moment
    private, rss = zip(*[memory(pid) for pid in pids])
    print('memory of an agent: private %s; with its images %s' % (spread([x / 1024 for x in private], 'MB', 1),
                                                                  spread([x / 1024 for x in rss], 'MB', 1)))
    before_bytes, before_cpu, server = received(c.vellum), sum(cpu(p) for p in pids), cpu(c.alpha.server.process.pid)
    n = 100
    for i in range(n):
        c.set_shell('/bin/m%d' % i)
        time.sleep(0.1)
    time.sleep(2)
    print('a change: %.0f bytes over the net and %.2f ms CPU for each agent, %.2f ms CPU of the root\'s server for all' % (
        (received(c.vellum) - before_bytes) / n / AGENTS, (sum(cpu(p) for p in pids) - before_cpu) / n / AGENTS * 1000,
        (cpu(c.alpha.server.process.pid) - server) / n * 1000))
    storm(c, processes, log)
    for _, p in processes:
        p.terminate()
        p.wait()


def storm(c, processes, log):
    """All of them come back at once after a cut in which the server was started anew and changed."""
    c.fleet.cut(c.alpha)
    c.alpha.server.kill()
    wait(lambda: all('event=away domain="network' in log(folder) for folder, _ in processes), 120)
    c.alpha.server.start()
    c.admin = c.alpha.server.admin()
    for i in range(100):
        c.set_shell('/bin/s%d' % i)
    seq = c.admin.status('network')['seq']
    before_bytes, server = received(c.vellum), cpu(c.alpha.server.process.pid)
    c.fleet.heal(c.alpha)
    start = time.monotonic()
    lookups = [Other(os.path.join(c.images, os.path.basename(folder))) for folder, _ in processes]
    wait(lambda: all(x.shell() == '/bin/s99' for x in lookups))
    print('after a cut, with 100 changes meanwhile (seq %d): all %d show the last one after %.1f s; %.1f kB over the net each, %.2f s CPU of '
          'the root\'s server, %d snapshots' % (seq, AGENTS, time.monotonic() - start, (received(c.vellum) - before_bytes) / 1e3 / AGENTS,
                                                cpu(c.alpha.server.process.pid) - server,
                                                sum(log(folder).count('event=snapshot') for folder, _ in processes) - 3 * AGENTS))


class Other:
    """Another folder of images: asked by ni, because this process has the module with one folder."""

    def __init__(self, folder):
        self.env = dict(os.environ, NETINFO_SNAPSHOTS=folder)

    def shell(self):
        out = subprocess.run([daemon.PROGRAMS['ni'], 'getent', 'passwd', 'u7'], env=self.env, capture_output=True, text=True, check=False)
        return out.stdout.strip().split(':')[-1]


def main():
    for word in sys.argv[1:]:
        name, _, path = word.partition('=')
        daemon.PROGRAMS[name] = os.path.abspath(path)
    os.environ['LD_LIBRARY_PATH'] = os.path.dirname(daemon.PROGRAMS['nss'])
    why = fleet.missing()
    if why:
        raise SystemExit('chain: ' + why)
    with fleet.Fleet() as f:
        c = Chain(f, USERS)
        c.images = os.path.join(f.folder, 'images')
        os.makedirs(c.images)
        agent = c.agent()
        lookup = Lookup(os.path.join(c.images, 'agent0'))
        wait(lambda: lookup.shell(b'u7'))
        time.sleep(1)
        visible(c, lookup)
        dead_parents(c, lookup, agent)
        many(c)
        assert agent.stop() == 0


main()
