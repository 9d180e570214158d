"""Machines that boot Debian's systemd as process 1, in containers: what units and packages do can be seen nowhere else.

    with fleet.Fleet() as f:                       # the network is the fleet's: namespaces of its own, nothing reaches outside
        m = machine.Machine(f, 'alpha', '10.9.0.1', base='/var/tmp/debian')    # base: a Debian root with systemd; not changed
        m.boot()                                   # until systemd says that it is up
        m.must('systemctl', 'start', 'netinfod')   # as root on the machine
        m.halt()                                   # in order; m.cut() is a power cut
        m.boot()                                   # again, with what was on its disk

missing() says why there can be none here, or None. What is written lies in a layer above the base, on the disk of the fleet's folder."""
import os
import shutil
import subprocess

import fleet

PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
ENVIRONMENT = ['/usr/bin/env', '-i', 'HOME=/root', 'LANG=C.UTF-8', 'DEBIAN_FRONTEND=noninteractive', 'PATH=' + PATH]
BOOT_SECONDS = 180


def missing():
    if not shutil.which('systemd-nspawn'):
        return 'there is no systemd-nspawn here (Debian package systemd-container)'
    return fleet.missing()


def children(pid):
    try:
        with open('/proc/%d/task/%d/children' % (pid, pid), encoding='ascii') as f:
            return [int(word) for word in f.read().split()]
    except OSError:
        return []


def is_first(pid):
    """Whether it is process 1 of a namespace of its own."""
    try:
        with open('/proc/%d/status' % pid, encoding='ascii') as f:
            numbers = next(line.split()[1:] for line in f if line.startswith('NSpid:'))
    except (OSError, StopIteration):
        return False
    return len(numbers) > 1 and numbers[-1] == '1'


class Machine:
    def __init__(self, f, name, address, base):
        self.name = name
        self.host = f.host(name, address)
        self.folder = os.path.join(self.host.folder, 'machine')
        self.root = os.path.join(self.folder, 'root')
        for part in ('upper', 'work', 'root'):
            os.makedirs(os.path.join(self.folder, part), mode=0o755)
        subprocess.run(['mount', '-t', 'overlay', 'overlay', '-o', 'lowerdir=%s,upperdir=%s/upper,workdir=%s/work' %
                        (base, self.folder, self.folder), self.root], check=True)
        self.nspawn, self.leader = None, None
        self.console = os.path.join(self.folder, 'console')

    def boot(self, *options):
        """options: more words for systemd-nspawn. Returns what systemd says of itself: running, or degraded."""
        with open(self.console, 'ab') as log:
            self.nspawn = subprocess.Popen(['systemd-nspawn', '--quiet', '--boot', '--register=no', '--keep-unit', '--directory=' + self.root,
                                            '--machine=' + self.name, '--hostname=' + self.name, '--console=pipe',
                                            '--network-namespace-path=/proc/%d/ns/net' % self.host.holder.pid, *options],
                                           stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.leader = fleet.until(self.find_leader, BOOT_SECONDS)
        if self.leader in (None, 'ended'):
            self.leader = None
            raise AssertionError('%s does not boot:\n%s' % (self.name, self.said()))
        state = fleet.until(self.up, BOOT_SECONDS)
        if not state:
            raise AssertionError('%s is not up:\n%s' % (self.name, self.said()))
        return state

    def find_leader(self):
        if self.nspawn.poll() is not None:
            return 'ended'
        below = children(self.nspawn.pid)
        below += [pid for child in below for pid in children(child)]
        return next((pid for pid in below if is_first(pid)), None)

    def up(self):
        done = self.run('systemctl', 'is-system-running')
        return done.stdout.strip() if done.stdout.strip() in ('running', 'degraded') else None

    def said(self):
        with open(self.console, encoding='utf-8', errors='replace') as f:
            return f.read()[-4000:]

    def words(self, *words):
        return ['nsenter', '-t', str(self.leader), '-m', '-u', '-i', '-n', '-p', '-r', '-w', '--', *ENVIRONMENT, *words]

    def run(self, *words, **more):
        """subprocess.run on the machine, as root: text output captured; look at returncode."""
        more.setdefault('timeout', 300)
        return subprocess.run(self.words(*words), text=True, capture_output=True, stdin=subprocess.DEVNULL, **more)

    def must(self, *words):
        done = self.run(*words)
        if done.returncode != 0:
            raise AssertionError('%s: %s: exit %d\n%s%s' % (self.name, ' '.join(words), done.returncode, done.stdout, done.stderr))
        return done.stdout

    def chroot(self, *words):
        """The same while the machine is off."""
        return subprocess.run(['chroot', self.root, *ENVIRONMENT, *words], text=True, capture_output=True, stdin=subprocess.DEVNULL,
                              timeout=300)

    def show(self, unit, name):
        """A property of a unit, as `systemctl show` has it."""
        return self.must('systemctl', 'show', '--value', '--property', name, unit).strip()

    def journal(self, *words):
        return self.must('journalctl', '--no-pager', '--boot', '-o', 'cat', *words)

    def halt(self):
        self.run('systemctl', 'poweroff')
        self.nspawn.wait(BOOT_SECONDS)
        self.leader = None

    def cut(self):
        """The power goes: nothing is stopped in order."""
        for pid in (self.leader, self.nspawn.pid):
            try:
                os.kill(pid, 9)
            except ProcessLookupError:
                pass
        self.nspawn.wait(60)
        self.leader = None

    def remove(self):
        if self.leader:
            self.cut()
        subprocess.run(['umount', '-l', self.root], check=False)
