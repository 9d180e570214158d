#!/usr/bin/env python3
"""The service files of systemd: `systemd-analyze verify` has nothing to say, and the exposure that it computes is low.

usage: units.py NETINFOD AGENT SOURCE"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

SERVER, AGENT, SOURCE = (os.path.abspath(p) for p in sys.argv[1:4])
MOST = {'netinfod.service': 2.0, 'netinfo-agent.service': 2.1}  # "OK" begins at 4.4; the agent has to be root

tool = shutil.which('systemd-analyze')
if not tool:
    print('systemd-analyze is not installed')
    sys.exit(77)
failed = False
with tempfile.TemporaryDirectory(prefix='netinfo-units-') as folder:
    for name in sorted(os.listdir(SOURCE)):
        with open(os.path.join(SOURCE, name), encoding='utf-8') as f:
            text = f.read()
        if not re.match(r'.*\.(service\.in|socket)$', name):
            continue
        text = text.replace('@sbindir@/netinfod', SERVER).replace('@sbindir@/netinfo-agent', AGENT)
        if '@' in re.sub(r'@[a-z-]+(?=[ \n])', '', re.sub(r'^#.*', '', text, flags=re.M)):
            print('%s: a word between @ signs is left' % name)
            failed = True
        with open(os.path.join(folder, name.removesuffix('.in')), 'w', encoding='utf-8') as f:
            f.write(text)
    units = [os.path.join(folder, name) for name in sorted(os.listdir(folder))]
    assert len(units) == 4, units
    done = subprocess.run([tool, 'verify', '--man=no', '--recursive-errors=no', *units], capture_output=True, text=True, check=False,
                          env={**os.environ, 'SYSTEMD_UNIT_PATH': folder + ':', 'SYSTEMD_LOG_LEVEL': 'notice'})
    # what is said of other units of this machine is not ours
    said = [line for line in (done.stdout + done.stderr).splitlines() if 'netinfo' in line]
    if done.returncode or said:
        print('\n'.join(said) or done.stdout + done.stderr)
        failed = True
    for name, most in MOST.items():
        done = subprocess.run([tool, 'security', '--offline=true', '--no-pager', os.path.join(folder, name)], capture_output=True, text=True,
                              check=False)
        level = re.search(r'Overall exposure level for \S+: ([0-9.]+)', done.stdout)
        print('%s: %s' % (name, level.group(0) if level else done.stdout + done.stderr))
        failed |= not level or float(level.group(1)) > most

# The user and the folders, below a root of their own.
with tempfile.TemporaryDirectory(prefix='netinfo-root-') as root:
    os.makedirs(os.path.join(root, 'etc'))
    for name in ('passwd', 'group', 'shadow', 'gshadow'):
        open(os.path.join(root, 'etc', name), 'w', encoding='ascii').close()
    for program, words in (('systemd-sysusers', ['sysusers.conf']), ('systemd-tmpfiles', ['--create', 'tmpfiles.conf'])):
        if not shutil.which(program):
            continue
        done = subprocess.run([program, '--root=' + root, *words[:-1], os.path.join(SOURCE, words[-1])], capture_output=True, text=True,
                              check=False)
        if done.returncode and os.geteuid() == 0:
            print(program, done.stdout + done.stderr)
            failed = True
    if os.geteuid() == 0 and shutil.which('systemd-sysusers'):
        with open(os.path.join(root, 'etc', 'passwd'), encoding='ascii') as f:
            user = f.read().strip().split(':')
        print(':'.join(user))
        failed |= user[0] != 'netinfo' or not 0 < int(user[2]) < 1000 or not user[6].endswith('nologin')
        for path in ('run/netinfo', 'var/lib/netinfo', 'etc/netinfo'):
            st = os.stat(os.path.join(root, path))
            failed |= (st.st_uid, st.st_mode & 0o7777) != (0, 0o755)
sys.exit(failed)
