#!/usr/bin/env python3
"""The bash completion of ni, asked as readline asks it, with a live server and without.

usage: completion.py netinfod=PATH ni=PATH [unittest options]"""
import os
import re
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
import daemon  # noqa: E402

SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', 'packaging', 'completion', 'ni.bash')
# Asks for the completion of a line as bash does it for <TAB>; compopt, which only exists during a real one, says what it
# was asked for.
ASK = r'''
source "$1"
shift
COMP_LINE=$1 COMP_POINT=${#1}
shift
COMP_WORDS=("$@")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
compopt() { printf 'option %s\n' "$2"; }
_ni
for word in "${COMPREPLY[@]}"; do printf 'reply %s\n' "$word"; done
complete -p ni
'''


def split(line):
    """The words of a line as readline cuts them: blanks outside of quotes, `=` and `:` are words."""
    words = re.findall(r"""'[^']*'?|"[^"]*"?|[=:]+|(?:\\.|[^\s=:])+""", line)
    return words + ([''] if line[-1:].isspace() else [])


class Completion(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.d = daemon.Daemon(legacy=False)
        for words in (['/users'], ['/users/ada', 'uid=501', 'shell=/bin/sh'], ['/users/adele', 'uid=502'], ['/users/bob'],
                      ['/users/odd name'], ['/users/a\\/b'], ['/users/$(touch x)'], ['/locations'], ['/locations/mars'],
                      ['/locations/mars/dome']):
            cls.ni('add', *words)

    @classmethod
    def tearDownClass(cls):
        cls.d.stop()
        cls.d.remove()

    @classmethod
    def environment(cls, socket=None):
        e = {k: v for k, v in os.environ.items() if not k.startswith('NETINFO_')}
        e['NETINFO_SOCKET'] = socket or cls.d.socket
        e['PATH'] = os.path.dirname(daemon.PROGRAMS['ni']) + ':' + e['PATH']
        return e

    @classmethod
    def ni(cls, *words):
        subprocess.run([daemon.PROGRAMS['ni'], *words], check=True, capture_output=True, env=cls.environment())

    def ask(self, line, socket=None):
        """(replies, options)"""
        p = subprocess.run(['bash', '--norc', '-c', ASK, 'bash', SCRIPT, line, *split(line)], capture_output=True, timeout=60,
                           env=self.environment(socket), text=True, cwd=self.d.folder)
        self.assertEqual((p.returncode, p.stderr), (0, ''), line)
        lines = p.stdout.splitlines()
        self.assertEqual(lines.pop(), 'complete -F _ni ni')
        return (sorted(w[6:] for w in lines if w.startswith('reply ')),
                sorted(w[7:] for w in lines if w.startswith('option ')))

    def replies(self, line):
        return self.ask(line)[0]

    def test_commands(self):
        self.assertEqual(self.replies('ni sn'), ['snapshot'])
        got = self.replies('ni ')
        for word in ('ls', 'get', 'import', 'export', 'store'):
            self.assertIn(word, got)
        self.assertEqual(self.replies('ni nonsense'), [])
        self.assertIn('watch', self.replies('ni help w'))

    def test_options(self):
        self.assertEqual(self.replies('ni ls --lo'), ['--long'])
        self.assertIn('--dry-run', self.replies('ni import --'))
        self.assertIn('--overwrite', self.replies('ni import nidb --'))
        self.assertIn('--accept', self.replies('ni import nis --'))

    def test_formats_and_words(self):
        self.assertEqual(self.replies('ni export passw'), ['passwd'])
        self.assertEqual(self.replies('ni import ni'), ['nidb', 'nis'])
        self.assertEqual(self.ask('ni import passwd '), ([], ['default']))
        self.assertEqual(self.replies('ni domain '), ['clone', 'create', 'demote', 'destroy', 'list', 'name', 'promote', 'replica', 'tree'])
        self.assertEqual(self.replies('ni token '), ['create', 'list', 'rm'])
        self.assertEqual(self.replies('ni machine '), ['list', 'rm'])
        self.assertIn('may', self.replies('ni explain '))
        self.assertEqual(self.replies('ni explain user ad'), ['ada', 'adele'])
        self.assertEqual(self.replies('ni explain may ada '), ['read', 'write'])
        self.assertEqual(self.replies('ni store c'), ['check', 'copy'])
        self.assertEqual(self.replies('ni ls -d lo'), ['local'])
        self.assertEqual(self.replies('ni ls -d .'), ['.', '..'])

    def test_paths(self):
        self.assertEqual(self.replies('ni get /users/ad'), ['/users/ada', '/users/adele'])
        self.assertEqual(self.replies('ni ls -l /users/ad'), ['/users/ada', '/users/adele'])
        self.assertEqual(self.ask('ni ls /loc'), (['/locations/'], ['nospace']))
        self.assertEqual(self.ask('ni ls /locations/'), (['/locations/mars/'], ['nospace']))
        self.assertEqual(self.ask('ni ls /locations/mars/'), (['/locations/mars/dome'], []))
        self.assertEqual(self.replies('ni mv /users/bob /loc'), ['/locations/'])
        self.assertEqual(self.replies('ni get /nonsense/'), [])
        self.assertEqual(self.replies('ni get users'), [])
        self.assertEqual(self.replies('ni ls -d nosuchdomain /us'), [])

    def test_quoting(self):
        self.assertEqual(self.replies('ni get /users/odd'), ['/users/odd\\ name'])
        self.assertEqual(self.replies("ni get '/users/odd"), ['/users/odd name'])
        self.assertEqual(self.replies('ni get /users/odd\\ n'), ['/users/odd\\ name'])
        self.assertEqual(self.replies('ni get /users/a\\\\/'), ['/users/a\\\\/b'])
        self.assertEqual(self.replies('ni get "/users/\\$'), ['/users/$(touch x)'])
        self.assertEqual(self.replies('ni get /users/\\$'), ['/users/\\$\\(touch\\ x\\)'])
        self.replies('ni get /users/$(touch y)')
        self.replies('ni get "/users/$(touch z)"')
        self.assertEqual([n for n in 'xyz' if os.path.exists(os.path.join(self.d.folder, n))], [])

    def test_properties(self):
        self.assertEqual(self.ask('ni set /users/ada sh'), (['shell='], ['nospace']))
        self.assertEqual(self.replies('ni set /users/ada shell='), ['/bin/sh'])
        self.assertEqual(self.replies('ni set /users/ada uid=501 shell=/b'), ['/bin/sh'])
        self.assertEqual(self.replies('ni get /users/ada '), ['name', 'shell', 'uid'])
        self.assertEqual(self.replies('ni rm /users/ada u'), ['uid'])
        self.assertEqual(self.replies('ni add /users/new sh'), ['shell='])
        self.assertEqual(self.replies('ni find /users u'), ['uid'])

    def test_no_server(self):
        for line in ('ni get /us', 'ni set /users/ada sh', 'ni ls -d lo'):
            self.assertEqual(self.ask(line, '/nonexistent/socket')[0], [], line)


if __name__ == '__main__':
    daemon.main()
