"""A netinfod of its own for a test: a folder that goes away, free ports, and what it logged when something is wrong."""
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import rpc  # noqa: E402

PROGRAMS = {}  # 'netinfod' and what else the command line of the test names
TRIES = 8  # to be in the middle of something that is quick, on a machine that is busy with other things


def until(what, seconds=90, meaning='it'):
    """Waits for it; generous, and no test passes by the time it takes."""
    end = time.monotonic() + seconds
    while True:
        got = what()
        if got:
            return got
        if time.monotonic() > end:
            raise AssertionError('%s: it did not happen for %d s' % (meaning, seconds))
        time.sleep(0.02)


class Daemon:
    """legacy: historical reads and writes from loopback, and UDP, as in a scratch service."""

    def __init__(self, *options, legacy=True, redact=False, folder=None, listen='127.0.0.1:0', host='alpha', address='10.0.0.1',
                 prefix=()):
        """prefix: words before the command (fleet.py: the host it runs on)."""
        self.folder = folder or tempfile.mkdtemp(prefix='netinfo-server-')
        self.keep = folder is not None
        os.makedirs(self.folder, exist_ok=True)
        self.prefix = prefix
        self.options = ['--dir', self.folder, '-o', 'sandbox=strict', '--host', host, '--address', address]
        if listen:
            self.options += ['--listen', listen]
        if legacy:
            self.options += ['-o', 'legacy_read_networks=127.0.0.0/8', '-o', 'legacy_write_networks=127.0.0.0/8']
        if not redact:
            self.options += ['-o', 'redact=no']
        self.options += list(options)
        self.log_path = os.path.join(self.folder, 'log')
        self.start()

    def start(self):
        read_end, write_end = os.pipe()
        with open(self.log_path, 'ab') as log:
            self.process = subprocess.Popen([*self.prefix, PROGRAMS['netinfod'], *self.options, '--ready-fd', str(write_end)],
                                            pass_fds=[write_end], stdout=subprocess.DEVNULL, stderr=log)
        os.close(write_end)
        with os.fdopen(read_end) as ready:
            line = ready.readline()
        if not line:
            self.process.wait(30)
            raise RuntimeError('netinfod did not start:\n' + self.log())
        self.ready = json.loads(line)

    @property
    def tcp(self):
        return ('127.0.0.1', self.ready['binder_tcp'])

    @property
    def udp(self):
        return ('127.0.0.1', self.ready['binder_udp'])

    @property
    def socket(self):
        return self.ready['socket']

    def tag(self, tag):
        """TCP and UDP address of a tag's own ports."""
        with self.admin() as c:
            status, udp, tcp = c.getregister(tag)
            assert status == rpc.OK, status
            return ('127.0.0.1', tcp), ('127.0.0.1', udp)

    def admin(self, tag=None):
        """The superuser: over the UNIX socket."""
        c = rpc.Conn(self.socket)
        if tag:
            assert c.select(tag) == rpc.OK
        return c

    def conn(self, tag=None, **more):
        c = rpc.Conn(self.tcp, **more)
        if tag:
            assert c.select(tag) == rpc.OK
        return c

    def log(self):
        with open(self.log_path, encoding='utf-8', errors='replace') as f:
            return f.read()

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        code = self.process.wait(60)
        text = self.log()
        if number != signal.SIGKILL:
            for word in ('Sanitizer', 'runtime error:'):
                assert word not in text, text
            assert code == 0, (code, text)
        return code

    def kill(self):
        self.stop(signal.SIGKILL)

    def remove(self):
        if not self.keep:
            shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if self.process.poll() is None:
            self.stop(signal.SIGKILL if kind else signal.SIGTERM)
        if kind:
            sys.stderr.write('\n'.join(self.log().splitlines()[-40:]) + '\n')
        self.remove()


class Agent:
    """netinfo-agent beside the server of a folder."""

    def __init__(self, folder, *options, prefix=()):
        self.folder = folder
        self.options = options
        self.prefix = prefix
        self.log_path = os.path.join(folder, 'agent.log')
        self.start()

    def start(self):
        read_end, write_end = os.pipe()
        with open(self.log_path, 'ab') as log:
            self.process = subprocess.Popen([*self.prefix, PROGRAMS['agent'], '--dir', self.folder, '--ready-fd', str(write_end),
                                             *self.options], pass_fds=[write_end], stdout=subprocess.DEVNULL, stderr=log)
        os.close(write_end)
        with os.fdopen(read_end) as ready:
            line = ready.readline()
        self.ready = json.loads(line) if line else None

    def log(self):
        with open(self.log_path, encoding='utf-8', errors='replace') as f:
            return f.read()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(60)
        for word in ('Sanitizer', 'runtime error:'):
            assert word not in self.log(), self.log()
        return code


def wait_until(test, what):
    """The same, with a word for what is waited for."""
    return until(test, meaning=what)


def main():
    """NAME=PATH words of the command line name programs; the rest is unittest's."""
    rest = [sys.argv[0]]
    for word in sys.argv[1:]:
        name, equals, path = word.partition('=')
        if equals and '/' in path:
            PROGRAMS[name] = os.path.abspath(path)
        else:
            rest.append(word)
    if 'netinfod' not in PROGRAMS:
        sys.exit('usage: %s netinfod=PATH [check=PATH] [fault=PATH] [unittest options]' % sys.argv[0])
    unittest.main(argv=rest, module='__main__')
