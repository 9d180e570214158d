#!/usr/bin/env python3
"""libnetinfo as other people's programs use it: pkg-config's words, the headers, the shared library, a real server.

usage: api.py LIBRARY UNINSTALLED_PKG_CONFIG_FOLDER NETINFOD PROGRAM.c MANUAL_PAGES [unittest options]
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import historical  # noqa: E402
import ports  # noqa: E402

LIBRARY = PC = SOURCE = PAGES = None


def words(*options):
    env = {**os.environ, "PKG_CONFIG_PATH": PC}
    return subprocess.run(["pkg-config", *options, "netinfo"], capture_output=True, check=True, text=True, env=env).stdout.split()


def environment(**more):
    return historical.environment(LD_LIBRARY_PATH=os.path.dirname(LIBRARY), **more)


class Library(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="netinfo-api-")
        cls.program = os.path.join(cls.folder.name, "client")
        subprocess.run(["cc", "-std=c17", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", *words("--cflags"), SOURCE, "-o", cls.program,
                        *words("--libs"), "-pthread"], check=True)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def test_program(self):
        service = historical.Service()
        try:
            for domain in (".", f"local@127.0.0.1:{service.port}"):
                done = subprocess.run([self.program, domain], capture_output=True, text=True, timeout=120,
                                      env=environment(NETINFO_SOCKET=service.socket))
                self.assertEqual((0, "ok\n", ""), (done.returncode, done.stdout, done.stderr)) if domain == "." else \
                    self.assertIn("Permission denied", done.stderr)  # over TCP nobody writes without a password
        finally:
            service.stop()

    def test_headers_alone(self):
        """Each header is complete, in C and in C++."""
        for language, compiler in (("c", "cc"), ("c++", "c++")):
            if not shutil.which(compiler):
                continue
            for header in ("ni.h", "ni_prot.h", "ni_util.h", "nibind_prot.h", "netinfo.h", "status.h"):
                with self.subTest(f"{language} {header}"):
                    subprocess.run([compiler, "-x", language, "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only",
                                    *words("--cflags"), "-"], input=f"#include <netinfo/{header}>\n", text=True, check=True)

    def test_symbols(self):
        """What the manual pages declare is exported, with a version, and nothing else is but what is known to be."""
        out = subprocess.run(["nm", "-D", "--defined-only", "--with-symbol-versions", LIBRARY], capture_output=True, check=True, text=True).stdout
        exported = {line.split()[2] for line in out.splitlines() if line.split()[1] == "T"}
        self.assertTrue(all(name.endswith("@@NETINFO_1.0") for name in exported), exported)
        exported = {name.partition("@")[0] for name in exported}
        declared = set()
        for page in ("netinfo.3", "ni_open.3", "ni_read.3", "ni_lists.3"):
            with open(os.path.join(PAGES, page), encoding="utf-8") as f:
                declared |= set(re.findall(r"^\.Fn \"?[a-z_ ]*?\*?((?:ni|netinfo)_\w+)", f.read(), re.M))
        self.assertEqual(exported - {"ni_parse_url", "ni_host_domain"}, declared)

    def test_dead_server(self):
        """With the abort flag a call ends; the program says why."""
        closed = ports.free()
        source = os.path.join(self.folder.name, "dead.c")
        with open(source, "w", encoding="utf-8") as f:
            f.write('#include <netinfo/netinfo.h>\n#include <stdio.h>\nint main(int n, char **v)\n{\n        void *h;\n        ni_id id;\n'
                    '        (void)n;\n        if (netinfo_connect(v[1], "local", &h) != NI_OK)\n                return 2;\n'
                    '        ni_setabort(h, 1);\n        puts(ni_error(ni_root(h, &id)));\n        ni_free(h);\n        return 0;\n}\n')
        program = os.path.join(self.folder.name, "dead")
        subprocess.run(["cc", *words("--cflags"), source, "-o", program, *words("--libs")], check=True)
        done = subprocess.run([program, f"127.0.0.1:{closed}"], capture_output=True, text=True, timeout=60, env=environment())
        self.assertEqual((0, "Communication failure\n"), (done.returncode, done.stdout))

    def compiled(self, name, body):
        source, program = (os.path.join(self.folder.name, name + end) for end in (".c", ""))
        with open(source, "w", encoding="utf-8") as f:
            f.write("#include <netinfo/netinfo.h>\n#include <arpa/inet.h>\n#include <stdio.h>\n#include <stdlib.h>\n"
                    "int main(int n, char **v)\n{\n        void *h;\n        ni_id id;\n        (void)n;\n"
                    f"        if (netinfo_connect(v[1], \"local\", &h) != NI_OK)\n                return 2;\n{body}        ni_free(h);\n        return 0;\n}}\n")
        subprocess.run(["cc", "-Wall", "-Wextra", "-Werror", *words("--cflags"), source, "-o", program, *words("--libs")], check=True)
        return program

    def test_patience(self):
        """A handle that does not abort goes on, with pauses, as long as NETINFO_RETRY_SECONDS says."""
        program = self.compiled("patience", "        puts(ni_error(ni_root(h, &id)));\n")
        for seconds, least, most in (("0", 1, 3), ("1", 2, 6)):
            with historical.socket.create_server(("127.0.0.1", 0)) as s:  # takes connections and closes them
                with subprocess.Popen([program, f"127.0.0.1:{s.getsockname()[1]}"], stdout=subprocess.PIPE, text=True,
                                      env=environment(NETINFO_RETRY_SECONDS=seconds)) as p:
                    s.settimeout(0.05)
                    taken = 0
                    while p.poll() is None:
                        try:
                            s.accept()[0].close()
                            taken += 1
                        except historical.socket.timeout:
                            pass
                    self.assertEqual((0, "Communication failure\n"), (p.returncode, p.stdout.read()))
                    self.assertTrue(least <= taken <= most, f"{taken} connections with {seconds} s")

    def test_local_port(self):
        """ni_addrtag tells the port of our own end (doc/protocol.md 8.2)."""
        program = self.compiled("port", "        struct sockaddr_in a;\n        ni_name tag;\n        if (ni_root(h, &id) != NI_OK || ni_addrtag(h, &a, &tag) != NI_OK)\n"
                                "                return 3;\n        printf(\"%s %u\\n\", tag, ntohs(a.sin_port));\n        fflush(stdout);\n        getchar();\n")
        service = historical.Service()
        try:
            with subprocess.Popen([program, f"127.0.0.1:{service.port}"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                  env=environment()) as p:
                tag, port = p.stdout.readline().split()
                with open("/proc/net/tcp", encoding="ascii") as f:
                    ends = {tuple(int(end.split(":")[1], 16) for end in line.split()[1:3]) for line in f.readlines()[1:]}
                self.assertEqual("local", tag)
                self.assertIn((int(port), service.port), ends)
                p.communicate("\n")
            done = subprocess.run([program, service.socket], input="\n", capture_output=True, text=True, timeout=60, env=environment())
            self.assertEqual("local 0\n", done.stdout)
        finally:
            service.stop()


def main():
    global LIBRARY, PC, SOURCE, PAGES
    if len(sys.argv) < 6:
        sys.exit(__doc__)
    LIBRARY, PC, historical.NETINFOD, SOURCE, PAGES = (os.path.abspath(p) for p in sys.argv[1:6])
    unittest.main(argv=[sys.argv[0], *sys.argv[6:]])


if __name__ == "__main__":
    main()
