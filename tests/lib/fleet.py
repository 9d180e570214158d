"""Several machines on one: each host a network, mount and host-name namespace of its own, joined by a switch.

    with fleet.Fleet() as f:                        # needs root; fleet.missing() tells why it cannot be, or None
        a = f.host('alpha', '10.9.0.1')             # /24 on the switch 'lan'; name resolution knows nothing of it
        b = f.host('beta', '10.9.0.2', '10.9.1.1', switches=['lan', 'far'])   # two networks; b forwards nothing
        a.run('ip', 'addr')                         # subprocess.run with the output captured
        p = a.popen(['rpcbind', '-f'])              # ends with the fleet at the latest
        d = a.daemon('-o', 'legacy_read_networks=10.9.0.0/24')   # daemon.Daemon on port 987 of all its addresses
        g = a.agent()                               # agent of the same folder; g.ready, g.log(), g.stop()
        with b.inside():                            # sockets made by this thread here belong to beta
            c = rpc.Conn(('10.9.0.1', 987))
        f.cut(a)                                    # the cable is out: packets vanish, nobody is told
        f.heal(a)
        a.ni('status')                              # ni of that host, beside its server and images

/run is private to a host, and so is every file named in `etc` ({'/etc/nsswitch.conf': 'passwd: netinfo\n'}). The UNIX
sockets of daemons lie in shared folders, so d.admin() works from anywhere.
"""
import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import tempfile
import time

import daemon

LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET, PR_SET_PDEATHSIG = 0x40000000, 1


def die_with_parent():
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def missing():
    """Why there can be no fleet here; None: there can."""
    if os.geteuid() != 0:
        return 'only root can make hosts of namespaces'
    for program in ('ip', 'unshare', 'nsenter'):
        if not shutil.which(program):
            return 'there is no %s here' % program
    script = 'mount -t tmpfs tmpfs /run && ip link add name v0 type veth peer name v1 && ip link add name br0 type bridge'
    tried = subprocess.run(['unshare', '--net', '--mount', '--uts', 'sh', '-c', script], capture_output=True, text=True)
    return None if tried.returncode == 0 else 'no namespaces here: ' + tried.stderr.strip()


def until(what, seconds=60):
    """Asks again and again; gives what came at last."""
    end = time.monotonic() + seconds
    while True:
        got = what()
        if got or time.monotonic() > end:
            return got
        time.sleep(0.1)


CRASHES = [-n for n in (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGILL, signal.SIGFPE, signal.SIGSYS)]


class Host:
    def __init__(self, fleet, name, addresses, etc):
        self.fleet, self.name, self.addresses = fleet, name, addresses
        self.folder = os.path.join(fleet.folder, name)
        os.makedirs(self.folder)
        self.processes, self.daemons, self.agents = [], [], []
        script = 'mount -t tmpfs -o mode=755 tmpfs /run && hostname %s && ip link set lo up && ' % name
        for path, text in etc.items():
            mine = os.path.join(self.folder, 'etc-' + os.path.basename(path))
            with open(mine, 'w', encoding='utf-8') as f:
                f.write(text)
            script += 'mount --bind %s %s && ' % (mine, path)
        read_end, write_end = os.pipe()
        self.holder = subprocess.Popen(['unshare', '--net', '--mount', '--uts', '--propagation', 'private', 'sh', '-c',
                                        script + 'echo ready >&%d && exec sleep 100000' % write_end],
                                       pass_fds=[write_end], preexec_fn=die_with_parent)
        os.close(write_end)
        with os.fdopen(read_end) as ready:
            if ready.readline() != 'ready\n':
                raise RuntimeError('host %s could not be made' % name)

    @property
    def prefix(self):
        """Words before a command that is to run on this host."""
        return ['nsenter', '-t', str(self.holder.pid), '-n', '-m', '-u', '-r', '--wd=' + os.getcwd(), '--']

    def run(self, *words, **more):
        """subprocess.run: text output captured, two minutes at most; look at returncode."""
        more.setdefault('timeout', 120)
        if not {'stdout', 'stderr', 'capture_output'} & set(more):
            more['capture_output'] = True
        return subprocess.run([*self.prefix, *words], text=True, **more)

    def must(self, *words, **more):
        """What the command prints; anything but exit 0 is an error."""
        done = self.run(*words, **more)
        if done.returncode != 0:
            raise AssertionError('%s: %s: exit %d\n%s%s' % (self.name, ' '.join(words), done.returncode, done.stdout, done.stderr))
        return done.stdout

    def popen(self, words, **more):
        p = subprocess.Popen([*self.prefix, *words], preexec_fn=die_with_parent, **more)
        self.processes.append(p)
        return p

    @contextlib.contextmanager
    def inside(self):
        """This thread is on the host's network meanwhile; sockets it makes stay there."""
        home = os.open('/proc/thread-self/ns/net', os.O_RDONLY)
        there = os.open('/proc/%d/ns/net' % self.holder.pid, os.O_RDONLY)
        try:
            if LIBC.setns(there, CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), 'setns')
            try:
                yield self
            finally:
                if LIBC.setns(home, CLONE_NEWNET) != 0:
                    os._exit(99)  # in the wrong network everything that follows would lie
        finally:
            os.close(home)
            os.close(there)

    def daemon(self, *options, folder=None, listen=None, **more):
        """A daemon.Daemon on this host: port 987 of all its addresses and loopback unless `listen` says otherwise."""
        if listen is None:
            listen = ','.join('%s:987' % x for x in ['127.0.0.1', *self.addresses])
        more.setdefault('legacy', False)
        d = daemon.Daemon(*options, folder=folder or os.path.join(self.folder, 'server%d' % len(self.daemons)), listen=listen,
                          host=self.name, address=self.addresses[0], prefix=self.prefix, **more)
        self.daemons.append(d)
        return d

    def agent(self, *options, folder=None):
        g = daemon.Agent(folder or self.daemons[-1].folder, *options, prefix=self.prefix)
        self.agents.append(g)
        return g

    def environment(self, d=None):
        e = {k: v for k, v in os.environ.items() if not k.startswith('NETINFO_')}
        d = d or (self.daemons[-1] if self.daemons else None)
        if d:
            e.update(NETINFO_SOCKET=d.socket, NETINFO_SNAPSHOTS=os.path.join(d.folder, 'snapshots'))
        return e

    def ni(self, *words, d=None, **more):
        return self.run(daemon.PROGRAMS['ni'], *words, env=self.environment(d), **more)

    def end(self):
        """Servers and agents end in order, as on a machine that is shut down: what is wrong with that shows."""
        running = [x.process for x in self.agents + self.daemons if x.process.poll() is None]
        for p in running:
            p.send_signal(signal.SIGCONT)
            p.send_signal(signal.SIGTERM)
        for p in running:
            with contextlib.suppress(subprocess.TimeoutExpired):
                p.wait(20)

    def stop(self):
        self.end()
        for p in [x.process for x in self.agents + self.daemons] + self.processes:
            if p.poll() is None:
                p.kill()
            p.wait()
        self.holder.kill()
        self.holder.wait()


class Fleet:
    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix='netinfo-fleet-')
        self.hosts, self.switches, self.links = [], {}, {}

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.close(show=kind is not None)

    def switch(self, name='lan'):
        if name not in self.switches:
            s = Host(self, 'switch-' + name, [], {})
            s.must('ip', 'link', 'add', 'br0', 'type', 'bridge')
            s.must('ip', 'link', 'set', 'br0', 'up')
            self.switches[name] = s
        return self.switches[name]

    def host(self, name, *addresses, switches=('lan',), etc=None):
        """Address i (text; /24) is on switches[i], the last switch repeated."""
        h = Host(self, name, list(addresses), etc or {})
        self.hosts.append(h)
        for i, address in enumerate(addresses):
            s = self.switch(switches[min(i, len(switches) - 1)])
            port = 'p%d-%d' % (len(self.hosts), i)
            s.must('ip', 'link', 'add', port, 'type', 'veth', 'peer', 'name', 'eth%d' % i, 'netns', str(h.holder.pid))
            s.must('ip', 'link', 'set', port, 'master', 'br0', 'up')
            h.must('ip', 'addr', 'add', address + '/24', 'broadcast', '+', 'dev', 'eth%d' % i)
            h.must('ip', 'link', 'set', 'eth%d' % i, 'up')
            self.links.setdefault(name, []).append((s, port))
        return h

    def cut(self, *hosts):
        """Their frames vanish in the switch; their own links stay up, so nothing tells them."""
        for h in hosts:
            for s, port in self.links[h.name]:
                s.must('ip', 'link', 'set', port, 'nomaster')

    def heal(self, *hosts):
        for h in hosts:
            for s, port in self.links[h.name]:
                s.must('ip', 'link', 'set', port, 'master', 'br0')

    def close(self, show=False):
        """Ends everything. With `show` the logs of the servers and agents are printed: something was wrong."""
        for h in self.hosts + list(self.switches.values()):
            h.stop()
            for x in h.daemons + h.agents if show else []:
                print('-- %s, %s\n%s' % (h.name, x.log_path, '\n'.join(x.log().splitlines()[-40:])), flush=True)
        bad = [x.log_path + '\n' + x.log() for h in self.hosts for x in h.daemons + h.agents
               if x.process.returncode in CRASHES or any(word in x.log() for word in ('Sanitizer', 'runtime error:'))]
        shutil.rmtree(self.folder, ignore_errors=True)
        assert not bad, 'crashed, or a sanitizer spoke: ' + ' '.join(bad)
