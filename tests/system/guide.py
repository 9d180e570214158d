#!/usr/bin/env python3
"""doc/fleet.md, run: its configuration and commands on machines made of namespaces (its first part on two of them), its outputs compared. What a lookup or a
view is to show may take a moment to arrive, so those commands are repeated until they print what the page says; commands that
change something run once. Nothing may be said on stderr, but by commands that enrol: what those say there is compared, too.

usage: guide.py netinfod=PATH ni=PATH agent=PATH nss=PATH [unittest options]"""
import os
import re
import signal
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
import daemon  # noqa: E402
import fleet  # noqa: E402

PAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', 'doc', 'fleet.md')
ADDRESSES = {'rome': '10.9.0.1', 'delphi': '10.9.0.2', 'leaf': '10.9.0.3', 'corinth': '10.9.0.4'}
REPEATED = r'(getent|id|ni (status|explain|domain (name|tree|replica))) '
PATIENCE = 90
SECOND = '\n# The same in clear text'  # where the second part begins
ENROLS = r'ni (init|token|join|machine|renew)\b'


def read_page(part):
    """Files ({(host, path): text}) and steps ([(host, command, output)]; command None: what happens to the host)."""
    with open(PAGE, encoding='utf-8') as f:
        text = f.read().split(SECOND)[part]
    files = {(m[1], m[2]): m[3] for m in re.finditer(r'^`(\w+)` `(/\S+)`\n```\n(.*?)^```$', text, re.M | re.S)}
    steps = []
    for block in re.findall(r'^\n```\n(.*?)^```$', text, re.M | re.S):
        for line in block.splitlines():
            m = re.match(r'(\w+)(# |: )(.*)', line)
            if m and m[1] in ADDRESSES:
                steps.append((m[1], m[3] if m[2] == '# ' else None, [m[3]] if m[2] == ': ' else []))
            else:
                steps[-1][2].append(line)
    return files, steps


def matches(wanted, got):
    pattern = ''.join('.*' if part == '[...]' else re.escape(part) for part in re.split(r'(\[\.\.\.\])', '\n'.join(wanted)))
    return re.fullmatch(pattern, got.rstrip('\n'), re.S) is not None


class Guide(unittest.TestCase):
    def setUp(self):
        why = fleet.missing()
        if why:
            self.skipTest(why)

    def machine(self, f, name, files):
        etc = {path: text for (host, path), text in files.items() if host == name and 'netinfo' not in path}
        h = f.host(name, ADDRESSES[name], etc=etc)
        folder = os.path.join(h.folder, 'server')
        os.makedirs(folder)
        with open(os.path.join(folder, 'netinfod.conf'), 'w', encoding='utf-8') as conf:
            conf.write(files.get((name, '/etc/netinfo/netinfod.conf'), ''))
        h.daemon(folder=folder, listen=False, redact=True)
        h.agent()
        bin_folder = os.path.join(h.folder, 'bin')
        os.makedirs(bin_folder)
        script = os.path.join(bin_folder, 'ni')
        with open(script, 'w', encoding='ascii') as f:  # the files of this machine are below a folder
            f.write('#!/bin/sh\ncase $1 in init|token|join|machine|renew) exec %s "$@" --dir %s ;; *) exec %s "$@" ;; esac\n' %
                    (daemon.PROGRAMS['ni'], folder, daemon.PROGRAMS['ni']))
        os.chmod(script, 0o755)
        env = h.environment()
        env.update(NETINFO_MACHINE=os.path.join(folder, 'machine'))
        env.update(PATH=bin_folder + ':' + os.environ['PATH'], LD_LIBRARY_PATH=os.path.dirname(daemon.PROGRAMS['nss']))
        return h, env

    def step(self, h, env, command, wanted):
        until = time.monotonic() + (PATIENCE if re.match(REPEATED, command + ' ') else 0)
        while True:
            done = h.run('sh', '-c', command, env=env)
            said = done.stdout + done.stderr if re.match(ENROLS, command) else done.stdout
            if done.returncode == 0 and (said != done.stdout or not done.stderr) and matches(wanted, said):
                return
            if time.monotonic() >= until:
                self.fail('%s# %s\nexit %d, printed:\n%s%s\nthe page says:\n%s' %
                          (h.name, command, done.returncode, done.stdout, done.stderr, '\n'.join(wanted)))
            time.sleep(0.1)

    def test_machines_that_know_each_other(self):
        files, steps = read_page(0)
        switch = {(name, path): text for (_, path), text in read_page(1)[0].items() for name in ADDRESSES if 'nsswitch' in path}
        self.assertEqual((len(files), len(steps)), (0, 6))
        home = os.getcwd()
        with fleet.Fleet() as f:
            os.chdir(f.folder)
            try:
                machines = {name: self.machine(f, name, switch) for name in ('rome', 'leaf')}
                for name, command, wanted in steps:
                    h, env = machines[name]
                    self.step(h, env, command, wanted)
                    if command.startswith('ni join'):  # as systemctl reload does where the agent is a service
                        h.agents[0].process.send_signal(signal.SIGHUP)
            finally:
                os.chdir(home)

    def test_the_page_does_what_it_says(self):
        files, steps = read_page(1)
        self.assertGreater(len(steps), 25)
        self.assertEqual(len(files), 4)
        with fleet.Fleet() as f:
            machines = {name: self.machine(f, name, files) for name in ADDRESSES}
            for name, command, wanted in steps:
                h, env = machines[name]
                if command:
                    self.step(h, env, command, wanted)
                else:
                    self.assertEqual(wanted, ['the cable is pulled out'])
                    f.cut(h)


if __name__ == '__main__':
    daemon.main()
