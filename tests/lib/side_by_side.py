"""Tests that mostly wait, run side by side: each in a process of its own."""
import concurrent.futures
import subprocess
import sys
import unittest

import daemon


def main(at_once=6):
    """As daemon.main; without test names on the command line every test of the file runs, `at_once` of them together."""
    if [w for w in sys.argv[1:] if '/' not in w]:
        daemon.main()
        return
    names = []
    for suite in unittest.defaultTestLoader.loadTestsFromModule(sys.modules['__main__']):
        names += [t.id().split('.', 1)[1] for t in suite]
    assert names

    def run(name):
        return name, subprocess.run([sys.executable, *sys.argv, name], capture_output=True, text=True)
    bad = []
    with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
        for name, done in pool.map(run, names):
            skipped = 'skipped' in done.stderr
            print('%s %s' % ('ok' if done.returncode == 0 else 'FAILED', name) + (' (skipped)' if skipped else ''), flush=True)
            if done.returncode != 0:
                bad.append(name)
                print(done.stdout + done.stderr, flush=True)
    sys.exit('failed: ' + ' '.join(bad) if bad else 0)
