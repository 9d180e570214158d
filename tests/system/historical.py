#!/usr/bin/env python3
"""The historical commands against a real netinfod: output byte for byte, exit statuses, messages (doc/tools.md).

usage: historical.py BIN_FOLDER NETINFOD [unittest options]
"""

import json
import os
import pty
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import daemon  # noqa: E402
import fleet  # noqa: E402
import nidb  # noqa: E402
import old_server  # noqa: E402
import ports  # noqa: E402

BIN = NETINFOD = NI = None

# doc/tools.md 14
FIXTURE = r'''
{ "master" = ( "quill/network" ); CHILDREN = (
  { "name" = ( "users" ); CHILDREN = (
    { "name" = ( "root" ); "uid" = ( "0" ); "gid" = ( "0" ); "passwd" = ( "*" ); "home" = ( "/root" ); "shell" = ( "/bin/sh" ); },
    { "name" = ( "amelia" ); "uid" = ( "501" ); "gid" = ( "20" ); "passwd" = ( "Qx9" ); "realname" = ( "Amelia Pond-Ruiz" );
      "home" = ( "/home/amelia" ); "shell" = ( "/bin/zsh" ); "netgroups" = ( "staff", "planners" ); "_writers_passwd" = ( "amelia" ); } ) },
  { "name" = ( "groups" ); CHILDREN = (
    { "name" = ( "wheel" ); "gid" = ( "0" ); "passwd" = ( "*" ); "users" = ( "root", "amelia" ); },
    { "name" = ( "staff" ); "gid" = ( "20" ); "users" = ( ); } ) },
  { "name" = ( "machines" ); CHILDREN = (
    { "name" = ( "quill", "quill.example.org" ); "ip_address" = ( "10.1.1.7", "10.1.2.7" );
      "en_address" = ( "0:5:2:fe:ef:4b" ); "serves" = ( "./network", "quill/local" ); },
    { "name" = ( "vellum" ); "ip_address" = ( "10.1.1.8" );
      "bootparams" = ( "root=quill:/export/vellum", "swap=quill:/export/swap/vellum" ); } ) },
  { "name" = ( "services" ); CHILDREN = (
    { "name" = ( "domain", "nameserver" ); "port" = ( "53" ); "protocol" = ( "tcp", "udp" ); } ) },
  { "name" = ( "mounts" ); CHILDREN = (
    { "name" = ( "quill:/srv/home" ); "dir" = ( "/Net" ); "opts" = ( "rw", "net" ); } ) } ) }
'''


class Service:
    """netinfod in a folder of its own, on a UNIX socket and a free port of loopback."""

    def __init__(self, *options, listen="127.0.0.1:0", network="127.0.0.0/8"):
        self.listen, self.network = listen, network
        self.folder = tempfile.mkdtemp(prefix="netinfo-historical-")
        os.chmod(self.folder, 0o755)
        self.socket = os.path.join(self.folder, "s")
        self.options = options
        self.log_path = os.path.join(self.folder, "log")
        self.process = None
        self.start()

    def start(self):
        """After end(), too; it has come back by then, in whatever thread it was called."""
        if self.process and self.process.poll() is None:
            raise RuntimeError("netinfod is started a second time before the first one has ended")
        read_end, write_end = os.pipe()
        command = [NETINFOD, "--dir", self.folder, "--socket", self.socket, "--listen", self.listen,
                   "-o", f"legacy_read_networks={self.network}", "-o", f"legacy_write_networks={self.network}", "-o", "redact=no",
                   "--ready-fd", str(write_end), *self.options]
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(command, pass_fds=[write_end], stdout=subprocess.DEVNULL, stderr=log)
        os.close(write_end)
        with os.fdopen(read_end) as ready:
            line = ready.readline()
        if not line:
            raise RuntimeError(f"netinfod did not start, it ended with {self.process.wait(30)}: {self.words()}")
        self.ready = json.loads(line)
        self.port = self.ready["binder_tcp"]

    def end(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        return self.process.wait(timeout=60)

    def words(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as f:
            return f.read()

    def stop(self):
        code = self.process.poll()
        if code is None:
            code = self.end()
        words = self.words()
        shutil.rmtree(self.folder, ignore_errors=True)
        if code != 0:
            raise RuntimeError(f"netinfod ended with {code}: {words}")


def environment(**more):
    e = {k: v for k, v in os.environ.items() if not k.startswith("NETINFO_")}
    e.update({"TZ": "UTC", "TERM": "xterm", "LC_ALL": "C", **more})
    return e


def tool(name):
    return os.path.join(BIN, name)


class WithService(unittest.TestCase):
    options = ()
    fixture = True
    old = None  # the server behind which netinfod hides what historical servers do not know
    gone = None  # the test that lost netinfod

    @classmethod
    def setUpClass(cls):
        cls.gone = None  # and not what a class above this one found
        cls.service = Service(*cls.options)
        cls.env = environment(NETINFO_SOCKET=cls.service.socket, XDG_STATE_HOME=cls.service.folder)

    @classmethod
    def tearDownClass(cls):
        if cls.old:
            cls.old.close()
        if cls.gone:
            shutil.rmtree(cls.service.folder, ignore_errors=True)
        else:
            cls.service.stop()

    @classmethod
    def become_old(cls):
        cls.old = old_server.OldServer(("127.0.0.1", cls.service.port))
        cls.env = environment(NETINFO_SERVER=f"127.0.0.1:{cls.old.port}", XDG_STATE_HOME=cls.service.folder)

    def setUp(self):
        if self.gone:  # that test has failed; what this one said would only hide it
            self.skipTest(f"netinfod is gone since {self.gone}")
        self.addCleanup(self.is_there)
        if self.fixture:
            self.load_fixture()

    def is_there(self):
        """The server of the whole class lives on after each test: the one that loses it fails, and those behind it do not run."""
        code = self.service.process.poll()
        if code is not None:
            type(self).gone = self.id()
            self.fail(f"netinfod is gone, it ended with {code}: {self.service.words()}")

    def load_fixture(self, text=FIXTURE):
        done = self.run_tool("niload", "-r", "/", "--force", ".", stdin=text)
        self.assertEqual((0, "", ""), done, "the fixture")

    def run_tool(self, name, *words, stdin="", env=None):
        """(exit status, stdout, stderr)"""
        done = subprocess.run([tool(name), *words], input=stdin.encode("utf-8", "surrogateescape"), capture_output=True,
                              timeout=60, env=env or self.env)
        return (done.returncode, done.stdout.decode("utf-8", "surrogateescape"),
                done.stderr.decode("utf-8", "surrogateescape"))

    def gives(self, out, name, *words, code=0, err="", stdin=""):
        """Exact stdout, exit status and stderr (a compiled expression is searched for in it)."""
        c, o, e = self.run_tool(name, *words, stdin=stdin)
        self.assertEqual(out, o, f"{name} {words}: stderr {e!r}")
        self.assertEqual(code, c, f"{name} {words}: stderr {e!r}")
        if isinstance(err, str):
            self.assertEqual(err, e)
        else:
            self.assertRegex(e, err)

    def id_of(self, path):
        """The object number of a directory two levels down at most, found by listing its parent."""
        parent, _, name = path[1:].partition("/") if "/" in path[1:] else ("", "", path[1:])
        parent = "/" + parent
        _, out, _ = self.run_tool("niutil", "-list", ".", parent)
        for line in out.splitlines():
            number, _, names = line.partition("\t")
            if name in names.split(" "):
                return int(number)
        raise AssertionError(f"no {path} in {out}")


class Niutil(WithService):
    def ok(self, *words):
        self.gives("", "niutil", *words)

    def read(self, path):
        return self.run_tool("niutil", "-read", ".", path)[1]

    def test_vectors(self):
        self.gives("staff planners\n", "niutil", "-readprop", ".", "/users/amelia", "netgroups")
        self.gives("planners\n", "niutil", "-readval", ".", "/users/amelia", "netgroups", "1")
        self.gives("", "niutil", "-readval", ".", "/users/amelia", "netgroups", "2", code=107,
                   err="niutil: property netgroups in directory /users/amelia has no value at index 2\n")
        self.gives("name: staff\ngid: 20\nusers:\n", "niutil", "-read", ".", "/groups/gid=20")
        self.gives("", "niutil", "-read", ".", "/users/basil", code=105,
                   err="niutil: can't open directory /users/basil: No such directory\n")
        self.gives("", "niutil", "-renameprop", ".", "/users/amelia", "nope", "x", code=106,
                   err="niutil: can't rename nope in directory /users/amelia: No such property\n")
        self.gives("", "niutil", "-destroyprop", ".", "/users/amelia", "nope")
        self.gives("", "niutil", "-read", "-t", "quill", "/", code=201,
                   err=re.compile(r"\Aniutil: incorrect format for domain quill \(Bad format\)\n.*-t <host>/<tag>.*\n.*\n\Z"))

    def test_create_and_paths(self):
        self.ok("-create", ".", "/a/b=1/c")
        self.assertEqual("name: a\n", self.read("/a"))
        self.assertEqual("b: 1\n", self.read("/a/b=1"))
        self.assertEqual("name: c\n", self.read("//a//b=1/c/"))
        self.assertEqual("name: c\n", self.read("a/b=1/c"))
        self.ok("-create", ".", "/a/b=1/c")  # it is there: nothing changes
        number = self.id_of("/a")
        self.ok("-create", ".", str(number))
        self.gives("", "niutil", "-create", ".", "99999", code=101, err="niutil: can't create directory 99999: ID is invalid\n")
        self.gives("", "niutil", "-create", ".", "", code=101, err="niutil: can't create directory : ID is invalid\n")
        self.ok("-create", ".", r"/exports/\/srv\/ho\=me\\")
        self.assertEqual("name: /srv/ho=me\\\n", self.read(r"/exports/\/srv\/ho\=me\\"))
        self.assertEqual("name: a\n", self.read(str(number)))

    def test_destroy(self):
        self.ok("-create", ".", "/gone/x/y")
        self.ok("-create", ".", "/gone/z")
        self.ok("-destroy", ".", "/gone")
        self.assertEqual(105, self.run_tool("niutil", "-read", ".", "/gone")[0])
        self.gives("", "niutil", "-destroy", ".", "/", code=104, err="niutil: can't destroy directory /: Permission denied\n")
        self.gives("", "niutil", "-destroy", ".", "0", code=104, err="niutil: can't destroy directory 0: Permission denied\n")
        self.gives("", "niutil", "-destroy", ".", "/gone", code=105, err="niutil: can't destroy directory /gone: No such directory\n")
        self.assertNotEqual("", self.read("/users/amelia"))

    def test_properties(self):
        self.ok("-create", ".", "/p")
        self.ok("-createprop", ".", "/p", "k", "a", "b")
        self.ok("-createprop", ".", "/p", "last", "-5")
        self.ok("-createprop", ".", "/p", "none")
        self.ok("-createprop", ".", "/p", "k", "c", "c")  # replaced, at its place
        self.assertEqual("name: p\nk: c c\nlast: -5\nnone:\n", self.read("/p"))
        self.ok("-appendprop", ".", "/p", "k", "c", "d")
        self.ok("-appendprop", ".", "/p", "new", "1", "1")
        self.ok("-mergeprop", ".", "/p", "k", "d", "e", "e")
        self.ok("-mergeprop", ".", "/p", "merged", "1", "1", "2")
        self.assertEqual("name: p\nk: c c c d e\nlast: -5\nnone:\nnew: 1 1\nmerged: 1 2\n", self.read("/p"))
        self.ok("-insertval", ".", "/p", "k", "first", "0")
        self.ok("-insertval", ".", "/p", "k", "second", "1")
        self.ok("-insertval", ".", "/p", "k", "end", "-1")
        self.ok("-insertval", ".", "/p", "k", "beyond", "99")
        self.ok("-insertval", ".", "/p", "fresh", "v", "7")
        self.gives("first second c c c d e end beyond\n", "niutil", "-readprop", ".", "/p", "k")
        self.gives("v\n", "niutil", "-readprop", ".", "/p", "fresh")
        self.gives("\n", "niutil", "-readprop", ".", "/p", "none")
        self.ok("-destroyval", ".", "/p", "k", "c", "end", "not there")
        self.gives("first second d e beyond\n", "niutil", "-readprop", ".", "/p", "k")
        self.ok("-destroyval", ".", "/p", "nothing", "x")
        self.ok("-destroyval", ".", "/p", "last", "-5")
        self.ok("-renameprop", ".", "/p", "new", "newer")
        self.ok("-destroyprop", ".", "/p", "k", "fresh", "nothing", "merged")
        self.assertEqual("name: p\nlast:\nnone:\nnewer: 1 1\n", self.read("/p"))
        self.gives("", "niutil", "-insertval", ".", "/p", "k", "v", "one", code=3, err=re.compile(r"\Aniutil: .*integer.*\nfound one\n\Z"))
        self.gives("", "niutil", "-createprop", ".", "/nope", "k", code=105,
                   err="niutil: can't modify k in directory /nope: No such directory\n")
        self.gives("", "niutil", "-destroyprop", ".", "/nope", "k", "l", code=105,
                   err="niutil: can't destroy k in directory /nope: No such directory\n")
        self.gives("", "niutil", "-readprop", ".", "/p", "k", code=106,
                   err="niutil: can't get property k in directory /p: No such property\n")

    def test_every_property_of_a_name_goes(self):
        self.load_fixture('{ k = (1); x = (y); k = (2); CHILDREN = ( { name = d; k = 1; k = 2; l = 3; } ) }')
        self.ok("-destroyprop", ".", "/d", "k")
        self.assertEqual("name: d\nl: 3\n", self.read("/d"))

    def test_list(self):
        quill, vellum = self.id_of("/machines/quill"), self.id_of("/machines/vellum")
        self.ok("-create", ".", "/machines/ip_address=10.9.9.9")
        _, out, _ = self.run_tool("niutil", "-list", ".", "/machines", "ip_address")
        third = int(out.splitlines()[2].partition("\t")[0])
        self.assertEqual(f"{quill}\t 10.1.1.7 10.1.2.7\n{vellum}\t 10.1.1.8\n{third}\t 10.9.9.9\n", out)
        self.gives(f"{quill}\t quill quill.example.org\n{vellum}\t vellum\n{third}\t\n", "niutil", "-list", ".", "/machines")
        self.gives("", "niutil", "-list", ".", "/nope", code=105, err="niutil: can't open directory /nope: No such directory\n")

    def test_domains(self):
        port = self.service.port
        want = "name: staff\ngid: 20\nusers:\n"
        for words in (["-t", "127.0.0.1/local"], ["-t", f"127.0.0.1:{port}/local"], ["-t", f"localhost:{port}/local"],
                      ["/"], ["./."], ["anything/local@127.0.0.1"], [f"local@127.0.0.1:{port}"], ["/./"],
                      ["netinfo:///"], ["netinfo://127.0.0.1/local"], [f"netinfo://127.0.0.1:{port}/local"], ["netinfo://"]):
            self.gives(want, "niutil", "-read", *words, "/groups/staff")
        for word in ("harbor", "", "..", "a/b", ".x", "/nochild"):
            self.gives("", "niutil", "-read", word, "/", code=199, err=f"niutil: can't connect to server for domain {word}\n")
        for word, reason, code in (("/tag", "No host", 202), ("host/", "No tag", 203), ("nohost.invalid/x", "Host not found", 205)):
            c, o, e = self.run_tool("niutil", "-read", "-t", word, "/")
            self.assertEqual((code, ""), (c, o))
            lines = e.splitlines()
            if code == 205:
                self.assertEqual("Can't find address for nohost.invalid", lines.pop(0))
            self.assertEqual(f"niutil: incorrect format for domain {word} ({reason})", lines[0])
            self.assertEqual(3, len(lines))
        self.gives("", "niutil", "-read", "-t", "127.0.0.1/nope", "/", code=199,
                   err="niutil: can't connect to server 127.0.0.1/nope: Communication failure\n")

    def test_child_domains(self):
        """/machines of the root names another domain of the same server as its child."""
        self.gives("", "nidomain", "-m", "harbor")
        self.ok("-create", ".", "/machines/here")
        self.ok("-createprop", ".", "/machines/here", "ip_address", "127.0.0.1")
        self.ok("-createprop", ".", "/machines/here", "serves", r"har/bor/harbor", "bay/harbor")
        self.ok("-create", "-t", "127.0.0.1/harbor", "/marker")
        for domain in ("/bay", "./bay", "//bay/", "/bay/."):
            self.gives("name: marker\n", "niutil", "-read", domain, "/marker")
        self.assertEqual(105, self.run_tool("niutil", "-read", ".", "/marker")[0])

    def test_domain_questions(self):
        self.gives("root domain: no parent\n", "niutil", "-rparent", ".", code=111)
        self.gives("/\n", "niutil", "-domainname", ".")
        self.gives("", "niutil", "-resync", ".")
        code, out, err = self.run_tool("niutil", "-statistics", ".")
        self.assertEqual((0, ""), (code, err))
        keys = [line.partition(":")[0] for line in out.splitlines()]
        self.assertEqual(["checksum", "server_version", "tag"], keys[:3])
        self.assertIn("lookupread", keys)
        self.assertEqual([line for line in self.run_tool("niutil", "-stat", ".")[1].splitlines() if line.startswith("tag:")],
                         [line for line in out.splitlines() if line.startswith("tag:")])

    def test_arguments(self):
        usage = re.compile(r"\Ausage: niutil -create ")
        self.gives("", "niutil", code=1, err=usage)
        self.gives("", "niutil", "-t", code=1, err=usage)
        self.gives("", "niutil", "-frob", "-read", ".", "/", code=1, err=usage)
        for words in (["-read", "."], ["-createprop", ".", "/x"], ["-appendprop", ".", "/x", "k"], ["-rparent"], ["-read", "-T"]):
            word = "-T" if words[-1] == "-T" else words[0]
            self.gives("", "niutil", *words, code=1,
                       err=re.compile(rf"\Aniutil: insufficient number of arguments for {word}\nusage: "))
        # After the operation word an unknown word is left alone; the last operation wins; -- ends the options.
        self.gives("name: staff\ngid: 20\nusers:\n", "niutil", "-list", "-read", "-frob", "-T", "5", "--", ".", "/groups/staff")
        self.ok("-createprop", ".", "/groups/staff", "offset", "-p", "-t")
        self.gives("-p -t\n", "niutil", "-readprop", ".", "/groups/staff", "offset")
        self.gives("", "niutil", "-T", "x", "-read", ".", "/", code=1, err=re.compile("-T takes a number of seconds, found x"))

    def test_the_name_of_a_link(self):
        link = os.path.join(self.service.folder, "mytool")
        os.symlink(tool("niutil"), link)
        done = subprocess.run([link, "-read", ".", "/nope"], capture_output=True, env=self.env, timeout=60)
        self.assertEqual(b"mytool: can't open directory /nope: No such directory\n", done.stderr)
        os.unlink(link)

    def test_control_bytes(self):
        """A terminal gets no control bytes, a pipe gets every byte."""
        self.ok("-createprop", ".", "/groups/staff", "evil", "a\x1b[2Jb\x7f\tc")
        self.gives("a\x1b[2Jb\x7f\tc\n", "niutil", "-readprop", ".", "/groups/staff", "evil")
        t = Terminal([tool("niutil"), "-readprop", ".", "/groups/staff", "evil"], self.env)
        self.assertIn("a\\x1B[2Jb\\x7F", t.until("c\r\n"))
        self.assertEqual(0, t.end())

    def test_over_ipv6(self):
        service = Service(listen="[::1]:0", network="::1/128")
        try:
            self.gives("name: machines\n", "niutil", "-read", "-t", f"[::1]:{service.port}/local", "/machines")
            self.gives("name: machines\n", "niutil", "-read", f"local@[::1]:{service.port}", "/machines")
        finally:
            service.stop()

    def test_stdout_that_is_full(self):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([tool("niutil"), "-read", ".", "/users/amelia"], stdout=full, stderr=subprocess.PIPE,
                                  env=self.env, timeout=60)
        self.assertEqual(1, done.returncode)
        self.assertIn(b"niutil: standard output: No space left", done.stderr)


class Flat(WithService):
    def test_dump_vectors(self):
        for words, out in (
                ("passwd", "root:*:0:0::0:0::/root:/bin/sh\namelia:Qx9:501:20::0:0:Amelia Pond-Ruiz:/home/amelia:/bin/zsh\n"),
                ("passwd.43", "root:*:0:0::/root:/bin/sh\namelia:Qx9:501:20:Amelia Pond-Ruiz:/home/amelia:/bin/zsh\n"),
                ("group", "wheel:*:0:root,amelia\nstaff::20:\n"),
                ("hosts", "10.1.1.7\tquill quill.example.org\n10.1.2.7\tquill quill.example.org\n10.1.1.8\tvellum\n"),
                ("ethers", "0:5:2:fe:ef:4b\tquill quill.example.org\n"),
                ("bootparams", "vellum root=quill:/export/vellum \\\n\tswap=quill:/export/swap/vellum\n"),
                ("fstab", "quill:/srv/home /Net nfs rw,net 0 0\n"),
                ("services", "domain\t53/tcp\tnameserver\ndomain\t53/udp\tnameserver\n"),
                ("rpc", ""), ("resolv.conf", ""),
                ("bootptab", "/private/tftpboot:/\nmach\n%%\nquill\t1\t0:5:2:fe:ef:4b\t10.1.1.7\tmach\n"),
                ("netgroup", "staff (,amelia,)\nplanners (,amelia,)\n")):
            with self.subTest(words):
                self.gives(out, "nidump", words, ".")
        self.gives("", "nidump", "printers", ".", code=1, err=re.compile("unknown format: printers\nusage: nidump"))
        self.gives("wheel:*:0:root,amelia\nstaff::20:\n", "nidump", "-T", "5", "group", "-t", "127.0.0.1/local")
        self.gives("wheel:*:0:root,amelia\nstaff::20:\n", "nidump", "-t", "127.0.0.1/local", "group")
        self.gives('{\n  "name" = ( "staff" );\n  "gid" = ( "20" );\n  "users" = ( );\n}\n',
                   "nidump", "-t", "-r", "/groups/staff", "127.0.0.1/local")
        self.gives("", "nidump", "group", "harbor", code=1,
                   err=re.compile(r"\Anidump: can't connect to server for domain harbor\nusage: nidump "))
        self.gives("", "nidump", "-r", "/nope", ".", code=105, err="nidump: can't open directory /nope: No such directory\n")
        self.gives("/srv/tftp:/\nkernel\n%%\nquill\t1\t0:5:2:fe:ef:4b\t10.1.1.7\tmach\n", "nidump", "--bootdir", "/srv/tftp",
                   "--bootfile", "kernel", "bootptab", ".")

    def test_load_1_shared_entries(self):
        line = "amelia:NEW:501:20::0:0:A. Pond:/home/amelia:/bin/sh\n"
        self.gives("", "niload", "passwd", ".", stdin=line)
        self.gives("staff planners\n", "niutil", "-readprop", ".", "/users/amelia", "netgroups")
        self.gives("NEW\n", "niutil", "-readprop", ".", "/users/amelia", "passwd")
        self.gives("", "niload", "--replace-all", "passwd", ".", stdin=line)
        self.assertEqual(106, self.run_tool("niutil", "-readprop", ".", "/users/amelia", "netgroups")[0])
        self.gives("_writers_passwd: amelia\nchange: 0\nclass: \nexpire: 0\ngid: 20\nhome: /home/amelia\nname: amelia\n"
                   "passwd: NEW\nrealname: A. Pond\nshell: /bin/sh\nuid: 501\n", "niutil", "-read", ".", "/users/amelia")

    def test_load_2_merge(self):
        self.gives("", "niload", "-m", "passwd", ".", stdin="amelia:NEW:501:20::0:0:A. Pond:/home/amelia:/bin/sh\n")
        self.gives("NEW Qx9\n", "niutil", "-readprop", ".", "/users/amelia", "passwd")

    def test_load_3_services(self):
        self.gives("", "niload", "services", ".", stdin="smtp 25/tcp mail\nsmtp 25/udp\nsmtp 26/tcp\n")
        self.gives("smtp mail\n", "niutil", "-readprop", ".", "/services/port=25", "name")
        self.gives("tcp udp\n", "niutil", "-readprop", ".", "/services/port=25", "protocol")
        self.gives("tcp\n", "niutil", "-readprop", ".", "/services/port=26", "protocol")
        self.gives("", "niload", "services", ".", stdin="smtp 26/udp\n")
        self.gives("udp\n", "niutil", "-readprop", ".", "/services/port=26", "protocol")
        self.gives("tcp udp\n", "niutil", "-readprop", ".", "/services/port=25", "protocol")

    def test_load_4_hosts(self):
        self.gives("", "niload", "hosts", ".", stdin="# c\n\n  # c2\n10.1.1.9\tink ink2 # tail\n2001:DB8::1 ink")
        self.gives("ip_address: 10.1.1.9\nipv6_address: 2001:db8::1\nname: ink ink2\n", "niutil", "-read", ".", "/machines/ink")
        self.assertEqual(3, len(self.run_tool("niutil", "-list", ".", "/machines")[1].splitlines()))
        self.gives("", "niload", "hosts", ".", stdin="10.1.1.77 quill\n")
        self.gives("./network quill/local\n", "niutil", "-readprop", ".", "/machines/quill", "serves")

    def test_load_5_nothing(self):
        before = self.run_tool("nidump", "-r", "/", ".")
        self.gives("", "niload", "-d", "group", ".", stdin="")
        self.gives("", "niload", "-d", "-v", "group", ".", stdin="# only\n", err=re.compile("0 items read from input"))
        self.assertEqual(before, self.run_tool("nidump", "-r", "/", "."))

    def test_load_6_raw_round_trip(self):
        self.gives("", "niutil", "-createprop", ".", "/users/amelia", "odd", 'a"b', "back\\slash", "line\nbreak", "", "{(;,)} = ")
        code, dump, _ = self.run_tool("nidump", "-r", "/", ".")
        self.assertEqual(0, code)
        self.assertIn(r'"odd" = ( "a\"b", "back\\slash", "line' + "\n" + r'break", "", "{(;,)} = " );', dump)
        self.gives("", "niload", "-r", "/", "--force", ".", stdin=dump)
        self.gives(dump, "nidump", "-r", "/", ".")

    def test_load_7_raw_errors(self):
        for text, message in (("name = x; a = (b, c; \n", 'Expecting right paren ")" at line 1'),
                              ("name x;", 'Expecting equal "=" at line 1'),
                              ("\nname = x y", 'Expecting semicolon ";" at line 2'),
                              ("name = x; }", 'Unexpected right brace "}" at line 1'),
                              ("{ name = x; } y", 'Unexpected token "y" at line 1'),
                              ("name = \"x;\n\n", 'A quoted word does not end at line 3')):
            self.gives("", "niload", "-r", "/x", ".", stdin=text, code=1, err=message + "\n")
            self.assertEqual(105, self.run_tool("niutil", "-read", ".", "/x")[0])

    def test_raw_grammar(self):
        text = 'name = printers;\nCHILDREN = ({\n    name = inkwell; lp = ""; mx = "#0"; a\\ b = x\\;y z w; none = ; k = a=b;\n}, {\n' \
               '    name = plotter; "CHILDREN" = rm ; rp = plot, ;\n});\n'
        self.gives("", "niload", "-r", "/printers", ".", stdin=text)
        self.gives("name: inkwell\nlp: \nmx: #0\na b: x;y z w\nnone:\nk: a=b\n", "niutil", "-read", ".", "/printers/inkwell")
        self.gives("name: plotter\nCHILDREN: rm\nrp: plot\n", "niutil", "-read", ".", "/printers/plotter")
        self.gives("", "niload", "-r", "/printers", ".", stdin="x = y;")  # the old name stays, the children go
        self.gives("name: printers\nx: y\n", "niutil", "-read", ".", "/printers")
        self.gives("", "niutil", "-list", ".", "/printers")
        self.gives("", "niload", "-r", "printers", ".", stdin="x = y;", code=1, err=re.compile("must begin with /"))
        self.gives("", "niload", "-r", "//", ".", stdin="x = y;", code=1, err=re.compile("--force"))
        self.gives("", "niload", "-r", "/deep/er", ".", stdin="x = y;")
        self.gives("name: er\nx: y\n", "niutil", "-read", ".", "/deep/er")

    def test_load_8_aliases(self):
        self.gives("", "niload", "aliases", ".", stdin='list: a, "b, c" d\n e,\n :include:/f\n')
        self.gives('a "b, c" de :include:/f\n', "niutil", "-readprop", ".", "/aliases/list", "members")
        self.gives("", "niload", "aliases", ".",
                   stdin="planning: amelia@crew.example.org,basil@crew.example.org,\n\tcordelia@crew.example.org,dunstan@crew.example.org\n")
        self.assertIn("planning: amelia@crew.example.org,basil@crew.example.org,\n\tcordelia@crew.example.org,dunstan@crew.example.org\n",
                      self.run_tool("nidump", "aliases", ".")[1])

    def test_every_format_comes_back(self):
        """What a load stored a dump prints; loading that changes nothing."""
        texts = {
            "passwd": "ada:x1:600:20:staff:0:0:Ada:/home/ada:/bin/sh\n", "passwd.43": "bob:y:601:20:Bob:/home/bob:/bin/sh\n",
            "group": "crew:*:700:ada,bob\nnone:*:701:\n", "networks": "loop\t127\t\nwide\t192.168.7\tw1\tw2\n",
            "protocols": "tcp\t6\tTCP\n", "rpc": "portmapper\t100000\tportmap\tsunrpc\n",
            "services": "ssh\t22/tcp\t\n", "fstab": "fs:/a /b nfs ro,soft 1 2\n",
            "printcap": "ink|lobby printer: \\\n\t:lp=:mx#0:rm=quill.example.org:sd=/var/spool/ink:sh:\n",
            "bootparams": "vellum root=q:/e/v\n", "ethers": "1:2:3:4:5:ff\tvellum\n",
            "exports": "/srv -ro -root=quill quill vellum\n",
            "resolv.conf": "domain example.org\nsearch example.org example.com\nnameserver 10.1.1.1\nnameserver 10.1.1.2\n",
            "aliases": "root: ada,bob\n"}
        for name, text in texts.items():
            with self.subTest(name):
                self.load_fixture()
                self.gives("", "niload", name, ".", stdin=text)
                code, dump, err = self.run_tool("nidump", name, ".")
                self.assertEqual((0, ""), (code, err))
                self.assertIn(text, dump)
                self.gives("", "niload", name, ".", stdin=dump)
                self.gives(dump, "nidump", name, ".")
                self.gives("", "niload", name, ".", stdin=text)
                again = self.run_tool("nidump", "-r", "/", ".")[1]
                self.assertEqual(self.run_tool("nidump", name, ".")[1], dump)
                self.gives("", "niload", name, ".", stdin=dump)
                self.assertEqual(again, self.run_tool("nidump", "-r", "/", ".")[1])

    def test_netgroup(self):
        self.gives("", "niload", "netgroup", ".", stdin="ops (quill,amelia,harbor) (-,root,) others (nohost,,)\n",
                   err="niload: netgroup ops: no nohost in /machines - ignored\n")
        self.gives("ops\n", "niutil", "-readprop", ".", "/machines/quill", "netgroups")
        self.gives("staff planners ops\n", "niutil", "-readprop", ".", "/users/amelia", "netgroups")
        self.gives("ops\n", "niutil", "-readprop", ".", "/users/root", "netgroups")
        self.gives("name: harbor\nnetgroups: ops\n", "niutil", "-read", ".", "/netdomains/harbor")
        self.assertIn("ops (quill,amelia,harbor)", self.run_tool("nidump", "netgroup", ".")[1])

    def test_destroy_keeps_the_directory(self):
        self.gives("", "niutil", "-createprop", ".", "/groups", "note", "kept")
        self.gives("", "niload", "-d", "group", ".", stdin="only:*:1:\n")
        self.gives("only:*:1:\n", "nidump", "group", ".")
        self.gives("name: groups\nnote: kept\n", "niutil", "-read", ".", "/groups")
        self.gives("", "niload", "-d", "rpc", ".", stdin="portmapper 100000\n")  # there was no /rpcs
        self.gives("portmapper\t100000\t\n", "nidump", "rpc", ".")
        self.gives("", "niload", "-d", "shadow", ".", stdin="amelia:h:1:::::: \n", code=1, err=re.compile("-d would remove"))

    def test_shadow(self):
        with tempfile.NamedTemporaryFile("w") as shadow:
            shadow.write("ada:$6$hash:1::::::\n")
            shadow.flush()
            self.gives("", "niload", "--shadow", shadow.name, "passwd.43", ".",
                       stdin="ada:x:600:20:Ada:/home/ada:/bin/sh\nbob:open:601:20:Bob:/home/bob:/bin/sh\n")
        self.gives("$6$hash\n", "niutil", "-readprop", ".", "/users/ada", "passwd")
        self.gives("open\n", "niutil", "-readprop", ".", "/users/bob", "passwd")
        self.gives("", "niload", "passwd.43", ".", stdin="amelia:x:501:20:A:/home/amelia:/bin/sh\n")
        self.gives("Qx9\n", "niutil", "-readprop", ".", "/users/amelia", "passwd")

    def test_aliases_of_entries_that_wait(self):
        """The second line means the entry that the first one makes: its alias is the name."""
        self.gives("", "niload", "hosts", ".", stdin="10.5.0.1 first second\n10.5.0.2 second\n")
        self.gives("10.5.0.2\n", "niutil", "-readprop", ".", "/machines/second", "ip_address")
        self.assertEqual(105, self.run_tool("niutil", "-read", ".", "/machines/first")[0])

    def test_many(self):
        """More than one call carries, in order, and one entry of the journal for many lines."""
        text = "".join(f"g{i}:*:{i}:a,b\n" for i in range(1000))
        self.gives("", "niload", "-d", "group", ".", stdin=text)
        self.gives(text, "nidump", "group", ".")
        self.gives("", "niload", "group", ".", stdin=text.replace("a,b", "b"))
        self.gives(text.replace("a,b", "b"), "nidump", "group", ".")
        long = "big:*:1:" + ",".join(f"user{i:05}" for i in range(60000)) + "\n"  # values one property may hold
        self.gives("", "niload", "group", ".", stdin=long + long.replace("big", "huge"))
        self.assertTrue(self.run_tool("nidump", "group", ".")[1].endswith(long + long.replace("big", "huge")))

    def test_an_entry_that_fails(self):
        """What comes before the entry that cannot be stored stays loaded; it is named."""
        self.gives("", "niutil", "-createprop", ".", "/groups/staff", "_locked", "yes")
        code, out, err = self.run_tool("niload", "group", ".", stdin="one:*:1:\nstaff:*:2:\ntwo:*:3:\n")
        self.assertEqual((1, "", "niload: can't update NetInfo /groups/staff: No writes allowed: all objects are read-only\n"), (code, out, err))
        self.assertIn("one:*:1:\n", self.run_tool("nidump", "group", ".")[1])
        self.assertNotIn("two:", self.run_tool("nidump", "group", ".")[1])

    def test_niload_arguments(self):
        self.gives("", "niload", "-x", "group", ".", code=1, err=re.compile(r"\Aniload unknown option: -x\nusage: niload"))
        self.gives("", "niload", "-t", "-t", "group", ".", code=1, err=re.compile(r"\Aniload unknown option: -t\n"))
        self.gives("", "niload", "group", ".", "more", code=1, err=re.compile(r"\Aniload: unknown argument: more\nusage: niload"))
        self.gives("", "niload", "gruop", ".", code=1, err=re.compile(r"\Aniload: unknown format: gruop\nusage: niload"))
        self.gives("", "niload", "group", code=1, err=re.compile(r"\Ausage: niload"))
        self.gives("", "niload", "group", "harbor", stdin="a:b:1:\n", code=199, err="niload: can't connect to server for domain harbor\n")
        self.gives("", "niload", "-v", "group", ".", stdin="bad\na:b:1:\n", err=re.compile(r"line 1: ignored\n.*1 items read", re.S))
        before = self.run_tool("nidump", "group", ".")
        self.gives("", "niload", "--strict", "group", ".", stdin="ok:*:9:\na:b:x:\n", code=1, err=re.compile("niload: line 2: "))
        self.assertEqual(before, self.run_tool("nidump", "group", "."))


class Streams(WithService):
    """Input and output of any length: memory does not grow with them (doc/flat-files.md "Streams")."""

    PIECE = 1 << 20

    def filler(self, count, line):
        return "".join(line % i for i in range(count))

    def test_a_record_in_two_pieces(self):
        """Lines of one record that are far apart are one record all the same."""
        text = "smtp 25/tcp mail\n" + self.filler(300, f"s%d 11/udp {'a' * 4000}\n") + "smtp 25/udp submit\n"
        self.assertGreater(len(text), self.PIECE)
        self.gives("", "niload", "services", ".", stdin=text)
        self.gives("smtp mail submit\n", "niutil", "-readprop", ".", "/services/port=25", "name")
        self.gives("tcp udp\n", "niutil", "-readprop", ".", "/services/port=25", "protocol")
        again = self.run_tool("nidump", "-r", "/services", ".")
        self.gives("", "niload", "services", ".", stdin=text)  # and once more: replaced, then united
        self.assertEqual(again, self.run_tool("nidump", "-r", "/services", "."))
        self.gives("", "niload", "services", ".", stdin="smtp 25/tcp mail\n")
        self.gives("tcp\n", "niutil", "-readprop", ".", "/services/port=25", "protocol")

    def test_lines_are_counted_through(self):
        text = self.filler(3000, "g%d:*:1:" + "x" * 500 + "\n") + "bad\n"
        self.assertGreater(len(text), self.PIECE)
        code, _, err = self.run_tool("niload", "-v", "group", ".", stdin=text)
        self.assertEqual(0, code)
        self.assertIn("niload: line 3001: ignored\n", err)
        self.assertIn("niload: 3000 items read from input\n", err)

    # A process begins with the peak of the one that it was before exec: a small one starts the command.
    STARTER = "import os, sys; p = os.posix_spawn(sys.argv[2], sys.argv[2:], os.environ); _, s, u = os.wait4(p, 0);" \
              "open(sys.argv[1], 'w').write(str(u.ru_maxrss)); sys.exit(os.waitstatus_to_exitcode(s))"

    def peak(self, name, *words, stdin="", stdout=subprocess.DEVNULL):
        """The most memory that the command held, in KiB, or that of the interpreter that starts it."""
        with tempfile.TemporaryFile() as f, tempfile.NamedTemporaryFile("r") as answer:
            f.write(stdin.encode())
            f.seek(0)
            done = subprocess.run([sys.executable, "-c", self.STARTER, answer.name, tool(name), *words], stdin=f, stdout=stdout,
                                  stderr=subprocess.PIPE, env=self.env, timeout=120)
            self.assertEqual((0, b""), (done.returncode, done.stderr))
            return int(answer.read())

    def skip_sanitized(self):
        with open(tool("niload"), "rb") as f:
            if b"__asan_init" in f.read():
                self.skipTest("the sanitizer keeps what is freed")

    def test_memory_of_names(self):
        """Aliases that are on their way are kept, for those who look for one, and not without end."""
        self.skip_sanitized()
        def hosts(n):
            return "".join(f"10.0.{i // 250}.{i % 250} m{i} {' '.join(f'a{i}-{k}-' + 'z' * 90 for k in range(60))}\n" for i in range(n))
        few, many = (self.peak("niload", "-d", "hosts", ".", stdin=hosts(n)) for n in (500, 3000))
        self.assertLess(many - few, 3072)

    def test_memory(self):
        self.skip_sanitized()
        small, large = (self.filler(n, f"g%d:*:1:{','.join(['member'] + ['x' * 1500] * 2)}\n") for n in (100, 12000))
        self.assertGreater(len(large) - len(small), 32 * self.PIECE)
        few, many = self.peak("niload", "-d", "group", ".", stdin=small), self.peak("niload", "-d", "group", ".", stdin=large)
        self.assertLess(many - few, 8192)  # what is on its way: 4 MiB in calls, as lists of strings
        dumped, raw = tempfile.TemporaryFile(), tempfile.TemporaryFile()
        with dumped, raw:
            self.assertLess(self.peak("nidump", "group", ".", stdout=dumped) - few, 4096)
            self.assertLess(self.peak("nidump", "-r", "/groups", ".", stdout=raw) - few, 4096)
            for f, least in ((dumped, len(large)), (raw, len(large))):
                self.assertGreaterEqual(f.seek(0, os.SEEK_END), least)
            raw.seek(0)
            text = raw.read().decode()
        self.assertLess(self.peak("niload", "-r", "/groups", ".", stdin=text) - few, 8192)
        self.assertEqual((0, text, ""), self.run_tool("nidump", "-r", "/groups", "."))

    def test_a_folder_that_cannot_spool(self):
        code, out, err = self.run_tool("niload", "-r", "/x", ".", stdin="a = b;", env={**self.env, "TMPDIR": "/nonexistent"})
        self.assertEqual((1, "", "niload: standard input cannot be kept in TMPDIR or /var/tmp: No such file or directory\n"), (code, out, err))
        self.assertEqual(105, self.run_tool("niutil", "-read", ".", "/x")[0])


class Terminal:
    """A program on a terminal of its own; what it prints is read until an expected text comes."""

    def __init__(self, words, env):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execve(words[0], words, env)
        self.seen = b""

    def until(self, text):
        """Reads on until `text` comes; gives what came before and with it."""
        want = text.encode()
        while want not in self.seen:
            ready, _, _ = select.select([self.fd], [], [], 60)
            piece = b""
            if ready:
                try:
                    piece = os.read(self.fd, 4096)
                except OSError:  # the program has ended
                    pass
            if not piece:
                raise AssertionError(f"waited for {want!r}, seen {self.seen!r}")
            self.seen += piece
        before, _, self.seen = self.seen.partition(want)
        return (before + want).decode("utf-8", "replace").replace("\r", "")

    def type(self, text):
        os.write(self.fd, text.encode())

    def end(self):
        try:
            while select.select([self.fd], [], [], 60)[0]:
                piece = os.read(self.fd, 4096)
                if not piece:
                    break
                self.seen += piece
        except OSError:
            pass
        os.close(self.fd)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


class Nicl(WithService):
    def nicl(self, *words, out="", code=0, err="", stdin=""):
        self.gives(out, "nicl", ".", *words, code=code, err=err, stdin=stdin)

    def test_read(self):
        self.nicl("-read", "/users/basil", code=212, err="read: Invalid Path\n")
        self.nicl("cat", "/users/amelia", "uid", "nope", "name", out="uid: 501\nname: amelia\n", err="No such key: nope\n")
        self.nicl(".", "/groups/gid=20", out="name: staff\ngid: 20\nusers:\n")
        self.gives("", "niutil", "-createprop", ".", "/users/amelia", "zz", "1")
        self.nicl("read", "/users/amelia", out="name: amelia\nuid: 501\ngid: 20\npasswd: Qx9\nrealname: Amelia Pond-Ruiz\n"
                  "home: /home/amelia\nshell: /bin/zsh\nnetgroups: staff planners\nzz: 1\n_writers_passwd: amelia\n")
        self.nicl("read", "99999", code=212, err="Fetch record 99999 failed: Invalid Path\n")
        self.nicl("read", str(self.id_of("/groups/staff")), out="name: staff\ngid: 20\nusers:\n")

    def test_verbose(self):
        groups, staff, wheel = self.id_of("/groups"), self.id_of("/groups/staff"), self.id_of("/groups/wheel")
        self.gives("", "niutil", "-createprop", ".", "/groups/staff", "_meta", "m")
        code, out, _ = self.run_tool("nicl", "-v", ".", "read", "/groups/staff")
        version, serial = re.search(r"Version: (\d+)   Serial: (\d+)", out).groups()
        self.assertEqual(f"Record: {staff}   Version: {version}   Serial: {serial}\nParent: {groups}\nAttributes:\n    name: staff\n"
                         "    gid: 20\n    users:\nMeta-attributes:\n    _meta: m\n", out)
        _, out, _ = self.run_tool("nicl", "-vv", ".", "read", "/groups")
        self.assertRegex(out, rf"\ARecord: {groups}   Version: \d+   Serial: \d+\nParent: 0\nChildren \(2\): {wheel} {staff}\nAttributes:\n    name: groups\n\Z")

    def test_list(self):
        quill, vellum = self.id_of("/machines/quill"), self.id_of("/machines/vellum")
        self.nicl("-ls", "/machines", out=f"{quill:<10} quill quill.example.org\n{vellum:<10} vellum\n")
        self.nicl("list", "/machines", "serves", out=f"{quill:<10} ./network quill/local\n")
        self.nicl("ls", "/users/root")
        self.nicl("ls", "/nope", code=212, err="ls: Invalid Path\n")

    def test_search(self):
        amelia = "name: amelia\nuid: 501\ngid: 20\npasswd: Qx9\nrealname: Amelia Pond-Ruiz\nhome: /home/amelia\nshell: /bin/zsh\n" \
                 "netgroups: staff planners\n_writers_passwd: amelia\n"
        self.nicl("-search", "/", "0", "-1", "gid", "20", out="Search found 2 matches\n\n" + amelia + "\nname: staff\ngid: 20\nusers:\n")
        self.nicl("search", "/users", "1", "1", "gid", "20", "netgroups", "staff", "netgroups", "planners", out="Search found 1 match\n\n" + amelia)
        self.nicl("search", "/", "0", "1", "gid", "20", out="Search found 0 matches\n")
        self.nicl("search", "/users/amelia", "0", "0", "uid", "501", out="Search found 1 match\n\n" + amelia)
        self.nicl("search", "/users/amelia", "1", "-1", "uid", "501", out="Search found 0 matches\n")
        self.nicl("search", "/", "2", "1", "uid", "501", out="Search found 0 matches\n",
                  err="Scope minimum (2) > maximum (1) precludes search\n")

    def test_path(self):
        self.nicl("path", "/groups/staff", out="name: staff\ngid: 20\nusers:\n\nname: groups\n\nmaster: quill/network\n")

    def test_writes(self):
        self.nicl("create", "/t/u")
        self.nicl("mk", "/t/u", "k", "a", "b")
        self.nicl("append", "/t/u", "k", "a")
        self.nicl("merge", "/t/u", "k", "b", "c")
        self.nicl("insert", "/t/u", "k", "z", "0")
        self.nicl("insert", "/t/u", "fresh", "z", "0")
        self.nicl("read", "/t/u", out="name: u\nk: z a b a c\nfresh: z\n")
        self.nicl("delete", "/t/u", "k", "a", "not there")
        self.nicl("delete", "/t/u", "nope", "a", code=213, err="No such key: nope\n")
        self.nicl("rm", "/t/u", "fresh")
        self.nicl("rm", "/t/u", "fresh")
        self.nicl("rename", "/t/u", "k", "_l")
        self.nicl("create", "/t/u", "_m", "1")
        self.nicl("rename", "/t/u", "_m", "n")
        self.nicl("rename", "/t/u", "k", "x", code=213, err="No such key: k\n")
        self.nicl("read", "/t/u", out="name: u\nl: z b a c\n_n: 1\n")
        self.nicl("create", "/t/u", "l")
        self.nicl("read", "/t/u", "l", out="l:\n")
        self.nicl("delete", "/", code=211, err="Can't delete root!\n")
        self.nicl("delete", "/t")
        self.nicl("read", "/t", code=212, err="read: Invalid Path\n")

    def test_copy_and_move(self):
        self.nicl("create", "/a/b/c", "k", "v")
        self.nicl("create", "/d")
        self.nicl("copy", "/a/b", "/d")
        self.nicl("read", "/d/b/c", out="name: c\nk: v\n")
        self.nicl("copy", "/a", "/a/b", code=216, err="Copy failed: Constraint Violation\n")
        self.nicl("cp", "/a", "/a", code=216, err="Copy failed: Constraint Violation\n")
        self.nicl("mv", "/a/b/c", "/d")
        self.nicl("read", "/a/b/c", code=212, err="read: Invalid Path\n")
        self.nicl("read", "/d/c", out="name: c\nk: v\n")
        self.nicl("move", "/d", "/d/b", code=216, err="Move failed: Constraint Violation\n")
        number = self.id_of("/d/c")
        self.nicl("move", "/d/c", "/d")
        self.assertEqual(number, self.id_of("/d/c"))
        self.nicl("move", "/nope", "/d", code=212, err="move: Invalid Path\n")

    def test_load(self):
        self.nicl("load", "+", "name", "cups", "+", "port", "631", "+", "protocol", "tcp", "udp")
        self.nicl("read", "/cups", out="name: cups\nport: 631\nprotocol: tcp udp\n")
        self.nicl("load", ":name", "odd", ":", "-m", "writers", "ada", ":k", "1", ":k", "\\:2", "3")
        self.nicl("read", "/odd", out="name: odd\nk: :2 3\n_writers: ada\n")

    def test_others(self):
        self.nicl("echo", "a", "b c", out="a b c\n")
        self.nicl("pwd", out="/\n")
        self.nicl("domainname", out="/\n")
        self.nicl("rparent", code=15, err="Hit network root domain\n")
        self.nicl("resync")
        self.nicl("flush")
        self.nicl("setrdn", "/groups/staff", "gid")
        self.nicl("read", "/groups/staff", "_rdn", out="_rdn: gid\n")
        self.nicl("setrdn", "/groups/staff", "name")
        self.nicl("read", "/groups/staff", "_rdn", err="No such key: _rdn\n")
        self.assertEqual([line.partition(":")[0] for line in self.run_tool("niutil", "-statistics", ".")[1].splitlines()],
                         [line.partition(":")[0] for line in self.run_tool("nicl", ".", "stats")[1].splitlines()])

    def test_arguments(self):
        usage = re.compile(r"\Ausage: nicl ")
        self.gives("", "nicl", code=0, err=usage)
        self.gives("", "nicl", "-frob", ".", code=1, err=usage)
        self.nicl("frob", code=1, err=usage)
        self.nicl("-append", "/x", "k", code=1, err=re.compile(r"\AToo few parameters for append operation\nusage: "))
        self.nicl("read", code=1, err=re.compile("Too few parameters for read operation"))
        self.gives("", "nicl", ".", "x", "create", code=1, err="Can't create a NetInfo domain\n")
        self.gives("", "nicl", "harbor", "read", "/", code=233,
                   err="nicl: can't connect to server for domain harbor\nopen(harbor): Invalid Datastore\n")
        self.gives("", "nicl", "-t", "quill", "read", "/", code=233, err=re.compile(r"\nopen\(quill\): Invalid Datastore\n\Z"))
        self.gives("name: staff\ngid: 20\nusers:\n", "nicl", "-t", "127.0.0.1/local", "read", "/groups/staff")
        self.gives("name: staff\ngid: 20\nusers:\n", "nicl", "netinfo://127.0.0.1/local:/groups", "read", "staff")

    def test_lines_of_a_pipe(self):
        with tempfile.NamedTemporaryFile("w", suffix=".nicl") as script:
            script.write("cd staff\npwd\nquit\necho not reached\n")
            script.flush()
            text = ('# a comment\n\n   \n  # another\ncd users\npwd\nread amelia uid\ncd ../groups\nread staff gid\n'
                    'mk "a b" k "x \\" y"z \\"w\nread a\\ b\npwd extra\nrm\nnonsense\n'
                    f'source {script.name}\npwd\nsource /no/such\ncd /nope\nread /users/root uid\nquit\necho never\n')
            self.gives('/users\nuid: 501\ngid: 20\nname: a b\nk: x " y z "w\n/groups\n/groups/staff\n/groups/staff\nuid: 0\n',
                       "nicl", ".", stdin=text,
                       err=re.compile(r"Too few parameters for rm operation\n.*\n/no/such: No such file or directory\ncd: Invalid Path\n\Z", re.S))

    def test_pwd_of_nameless(self):
        self.gives("", "niutil", "-create", ".", r"/x\/y/k=1")
        out = self.run_tool("nicl", ".", stdin="cd x\\\\/y/k=1\npwd\n")
        self.assertRegex(out[1], r"\A/x\\/y/dir:\d+\n\Z")

    def test_current_directory_that_goes(self):
        self.gives("/users\n", "nicl", ".", stdin="cd /users/amelia\nrm /users/amelia\npwd\n")
        self.gives("/\n", "nicl", ".", stdin="mk /a/b/c\ncd /a/b/c\nrm /a\npwd\n")

    def test_a_session(self):
        root, amelia = self.id_of("/users/root"), self.id_of("/users/amelia")
        history = os.path.join(self.service.folder, "netinfo", "nicl_history")
        t = Terminal([tool("nicl"), "."], {**self.env, "TERM": "dumb"})
        t.until("/ > ")
        t.type("cd users\n")
        t.until("/users > ")
        t.type("ls\n")
        self.assertIn(f"{root:<10} root\n{amelia:<10} amelia\n", t.until("/users > "))
        t.type("rm nobody\n")
        self.assertIn("rm: Invalid Path\n", t.until("/users > "))
        t.type("read ame\t uid\n")  # completion of a path
        t.until("uid: 501\r\n")
        t.until("/users > ")
        t.type("ech\tdone\n")  # and of a command
        t.until("\r\ndone\r\n")
        t.until("/users > ")
        t.type("read /gro\t/st\t gid\n")
        t.until("gid: 20\r\n")
        t.until("/users > ")
        t.type("\x10\x10\n")  # control-P: the line before the last
        t.until("\r\ndone\r\n")
        t.until("/users > ")
        t.type("su nobody secretword\n")
        t.until("/users > ")
        t.type("q\n")
        t.until("Goodbye\n".replace("\n", "\r\n"))
        self.assertEqual(0, t.end())
        with open(history, encoding="utf-8") as f:
            kept = f.read()
        self.assertIn("rm", kept)
        self.assertNotIn("secretword", kept)
        self.assertEqual(0o600, os.stat(history).st_mode & 0o777)
        t = Terminal([tool("nicl"), "."], {**self.env, "TERM": "vt100"})
        t.until("\x1b[1m/\x1b[0m > ")
        t.type("\x10\n")  # the history of the session before
        t.until(" > ")
        t.type("\x04")
        t.until("Goodbye")
        self.assertEqual(0, t.end())


class Passwords(WithService):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.port = cls.service.port

    def test_prompt(self):
        t = Terminal([tool("niutil"), "-p", "-read", ".", "/groups/staff"], self.env)
        t.until("Password: ")
        t.type("any\n")
        shown = t.until("users:")
        self.assertNotIn("any", shown)
        self.assertEqual(0, t.end())

    def test_user_and_password(self):
        """Over TCP a password decides who writes: the right one may, a wrong one and none may not."""
        hashed = subprocess.run(["perl", "-e", "print crypt('right', '$6$saltsalt$')"], capture_output=True, check=True).stdout.decode()
        self.gives("", "niutil", "-createprop", ".", "/users/amelia", "passwd", hashed)
        self.gives("", "niutil", "-createprop", ".", "/groups/staff", "_writers", "amelia")
        target = ["-t", f"127.0.0.1:{self.port}/local", "/groups/staff"]
        secret = os.path.join(self.service.folder, "secret")
        with open(secret, "w", encoding="utf-8") as f:
            f.write("right\nnot this\n")
        env = environment()
        run = lambda *words, stdin="": self.run_tool("niutil", *words, stdin=stdin, env=env)  # noqa: E731
        self.assertEqual((0, "", ""), run("-createprop", "-u", "amelia", "--password-file", secret, *target, "k", "1"))
        self.assertEqual((0, "", ""), run("-createprop", "-u", "amelia", "-P", "-", *target, "k", "2", stdin="right\n"))
        code, out, err = run("-createprop", "-u", "amelia", "-P", "right", *target, "k", "3")
        self.assertEqual((0, ""), (code, out))
        self.assertRegex(err, r"\Aniutil: warning: .*\n\Z")
        self.gives("3\n", "niutil", "-readprop", ".", "/groups/staff", "k")
        code, out, err = run("-createprop", "-u", "amelia", "-P", "-", *target, "k", "4", stdin="wrong\n")
        self.assertIn(code, (104, 120))
        self.assertEqual("", out)
        code, out, err = run("-createprop", "-u", "nobody", "-P", "-", *target, "k", "4", stdin="right\n")
        self.assertEqual((121, "", f"niutil: no such user nobody in domain {target[1]}\n"), (code, out, err))
        code, out, err = self.run_tool("nicl", "-u", "amelia", "-P", "-", "-t", target[1], "create", "/groups/staff", "k", "5",
                                       stdin="right\n", env=env)
        self.assertEqual((0, "", ""), (code, out, err))
        self.gives("5\n", "niutil", "-readprop", ".", "/groups/staff", "k")
        self.assertEqual(1, run("-read", "--password-file", "/no/such", *target)[0])

    def test_command_lines_show_no_password(self):
        """The words of -u and -P are gone from /proc while the tool waits for a server that does not answer."""
        with socket.create_server(("127.0.0.1", 0)) as silent:
            where = f"127.0.0.1:{silent.getsockname()[1]}/local"
            for words in ([tool("niutil"), "-u", "someuser", "-P", "hunter2", "-T", "20", "-t", "-read", where, "/"],
                          [tool("nicl"), "-u", "someuser", "-P", "hunter2", "-t", where, "read", "/"],
                          [tool("niload"), "-u", "someuser", "-P", "hunter2", "-t", "group", where]):
                with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=self.env) as p:
                    p.stdin.write(b"a:*:1:\n")
                    p.stdin.close()
                    self.assertIn(b"warning", p.stderr.readline())
                    with silent.accept()[0]:  # it waits for an answer now
                        with open(f"/proc/{p.pid}/cmdline", "rb") as f:
                            line = f.read()
                        p.kill()
                    self.assertIn(where.encode(), line)
                    self.assertNotIn(b"hunter2", line)
                    self.assertNotIn(b"someuser", line)


class Gone(WithService):
    """The server goes away."""

    def test_between_calls(self):
        t = Terminal([tool("nicl"), "."], {**self.env, "TERM": "dumb"})
        t.until("/ > ")
        self.service.end(signal.SIGKILL)
        try:
            t.type("read /groups/staff\n")
            self.assertIn("read: Operation Failed\n", t.until(" > "))
            self.gives("", "niutil", "-read", ".", "/", code=199,
                       err="niutil: can't connect to server for domain .: Communication failure\n")
            self.gives("", "nidump", "group", ".", code=1,
                       err=re.compile(r"\Anidump: can't connect to server for domain \.: Communication failure\nusage: "))
            self.gives("", "niload", "group", ".", stdin="a:*:1:\n", code=199,
                       err="niload: can't connect to server for domain .: Communication failure\n")
            self.gives("", "nicl", ".", "read", "/", code=233,
                       err="nicl: can't connect to server for domain .: Communication failure\nopen(.): Invalid Datastore\n")
        finally:
            self.service.start()
        t.type("read /groups/staff gid\n")  # and comes back: the session goes on
        self.assertIn("gid: 20\n", t.until(" > "))
        t.type("q\n")
        t.until("Goodbye")
        self.assertEqual(0, t.end())

    def test_in_the_middle(self):
        """niload is stopped half-way by the death of the server: it says where, and exits 1."""
        many = "".join(f"g{i}:*:{i}:\n" for i in range(100000))
        for _ in range(daemon.TRIES):
            with subprocess.Popen([tool("niload"), "group", "."], stdin=subprocess.PIPE, stderr=subprocess.PIPE, env=self.env) as p:
                p.stdin.write(many.encode())
                p.stdin.close()
                while p.poll() is None and self.run_tool("niutil", "-read", ".", "/groups/g20")[0] != 0:
                    pass
                self.service.end(signal.SIGKILL)
                try:
                    err = p.stderr.read().decode()
                    p.wait(60)
                finally:
                    self.service.start()
            if p.returncode != 0:
                break
            self.gives("", "niutil", "-destroy", ".", "/groups")  # it was quicker than we
        self.assertEqual(1, p.returncode)
        self.assertRegex(err, r"\Aniload: can't update NetInfo /groups/g\d+: Communication failure\n\Z")


class Reports(WithService):
    def test_nireport(self):
        self.gives("root\t0\t/bin/sh\t\namelia\t501\t/bin/zsh\t\n", "nireport", ".", "/users", "name", "uid", "shell")
        want = "root\t0\t#NoValue#\t\namelia\t501\tstaff,planners\t\n"
        self.gives(want, "nireport", ".", "/users", "name", "uid", "netgroups")
        self.gives(want, "nireport", "-T", "5", "-t", "127.0.0.1/local", "users", "name", "uid", "netgroups")
        self.gives("wheel\troot,amelia\t\nstaff\t#NoValue#\t\n", "nireport", ".", "/groups", "name", "users")
        self.gives("", "nireport", ".", "/users", code=1, err=re.compile(r"\Ano properties\nusage: nireport"))
        self.gives("", "nireport", ".", code=1, err=re.compile(r"\Ausage: nireport"))
        self.gives("", "nireport", ".", "/nope", "name", code=105, err="ni_pathsearch: No such directory\n")
        self.gives("", "nireport", "harbor", "/users", "name", code=199, err="nireport: can't connect to server for domain harbor\n")

    def test_nigrep(self):
        quill, mount = self.id_of("/machines/quill"), self.id_of("/mounts/quill:/srv/home")
        self.gives(f"{mount} /mounts/quill:/srv/home:  opts rw net\n", "nigrep", "^net$", ".")
        self.gives(f"{quill} /machines/quill:  name quill quill.example.org\n{quill} /machines/quill:  serves ./network quill/local\n",
                   "nigrep", "quill", ".", "/machines/quill")
        self.gives(f"{quill} machines/quill:  serves ./network quill/local\n", "nigrep", "-T", "5", "serve(s|d)", "-t", "127.0.0.1/local", "machines")
        self.gives("0 /:  master quill/network\n", "nigrep", "^quill/n", ".")
        self.gives("", "niutil", "-create", ".", "/groups/k=unique7")
        _, out, _ = self.run_tool("nigrep", "unique7", ".")
        self.assertRegex(out, r"\A(\d+) /groups/dir: \1:  k unique7\n\Z")
        self.gives("", "nigrep", "UNIQUE7", ".")
        self.gives("", "nigrep", "-q", "unique7", ".")
        self.gives("", "nigrep", "-q", "unique8", ".", code=1)
        self.gives("", "nigrep", "(", ".", code=1, err=re.compile(r"\ABad expression: \(\nusage: nigrep"))
        self.gives("", "nigrep", "-T", "-3", "x", ".", code=1, err="can't use negative timeout value.\n")
        self.gives("", "nigrep", "x", code=1, err=re.compile(r"\Ausage: nigrep"))
        self.gives("", "nigrep", "x", ".", "/nope", code=105, err="ni_pathsearch: No such directory\n")
        self.gives("", "nigrep", "x", "harbor", code=1, err=re.compile(r"\Anigrep: can't connect to server for domain harbor\nusage: nigrep"))

    def test_nifind_single(self):
        number = self.id_of("/users/amelia")
        self.gives(f"/users/amelia found in /, id = {number}\n", "nifind", "/users/amelia")
        self.gives("", "nifind", "/users/basil")
        self.gives("/users/basil not found in /\n", "nifind", "-v", "/users/basil")
        self.gives("/users/basil not found in /\n", "nifind", "-v", "-t", "5", "/users/basil")  # as its manual called -T
        self.gives("", "nifind", "-T", "x", "/users/basil", code=1, err=re.compile("-T takes a number"))
        self.gives(f"/groups/staff found in /, id = {self.id_of('/groups/staff')}\nname: staff\ngid: 20\nusers:\n\n", "nifind", "-pv", "/groups/staff", "/")
        self.gives("", "nifind", "-x", "/users", code=1, err=re.compile(r"\Aunknown option: x\nusage: nifind"))
        self.gives("", "nifind", code=1, err=re.compile(r"\Ausage: nifind"))
        self.gives("", "nifind", "/users", "harbor", code=1, err="error: can't open root domain\n")
        self.gives("", "nifind", "-a", "/users", "harbor", code=1, err="error: can't open domain harbor\n")

    def test_nifind_below(self):
        """harbor and its child vellum are domains of the same server; nobody answers for gone."""
        for tag in ("harbor", "vellum", "away"):
            if tag not in self.run_tool("nidomain", "-l")[1]:
                self.gives("", "nidomain", "-m", tag)
        def serve(domain, *values):
            self.gives("", "niutil", "-create", *domain, "/machines/here")
            self.gives("", "niutil", "-createprop", *domain, "/machines/here", "ip_address", "127.0.0.1")
            self.gives("", "niutil", "-createprop", *domain, "/machines/here", "serves", *values)
        serve(["."], "./local", "harbor/harbor", "harbor/other", "gone/gone", "self/local")
        serve(["-t", "127.0.0.1/harbor"], "../local", "vellum/vellum")
        for tag in ("harbor", "vellum"):
            self.gives("", "niutil", "-create", "-t", f"127.0.0.1/{tag}", f"/marks/{tag}")
            self.gives("", "niutil", "-create", "-t", f"127.0.0.1/{tag}", "/marks/all")
        code, out, err = self.run_tool("nifind", "-avn", "-T", "5", "/marks/all")
        self.assertEqual(0, code, err)
        self.assertRegex(out, r"\A/marks/all not found in /\n/marks/all found in /harbor, id = \d+\n/marks/all found in /harbor/vellum, id = \d+\n\Z")
        self.assertEqual(["/: quill serves quill/local - ignoring local domain",
                          "/: here serves harbor/harbor - new child domain",
                          "/: here serves harbor/other - already have this child",
                          "/: here serves gone/gone - new child domain",
                          "/: here serves self/local - ignoring local domain",
                          "/harbor: here serves vellum/vellum - new child domain",
                          "No response from /gone"], err.splitlines())
        code, out, err = self.run_tool("nifind", "-a", "/marks/vellum", "/harbor")
        self.assertEqual((0, ""), (code, err))
        self.assertRegex(out, r"\A/marks/vellum found in /harbor/vellum, id = \d+\n\Z")
        code, out, err = self.run_tool("nifind", "-v", "/users/amelia", "/harbor")
        self.assertEqual((0, "nifind: warning: domain /harbor is not above the local one\n"), (code, err))


class Raw(unittest.TestCase):
    """nicl -raw: databases on disk, without a server (doc/tools.md 3)."""

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="netinfo-raw-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.env = environment(TMPDIR=self.folder)
        self.store = os.path.join(self.folder, "local")

    def nicl(self, *words, out="", err="", code=0, options=("-raw",), place=None, stdin=""):
        done = subprocess.run([tool("nicl"), *options, place or self.store, *words], input=stdin, capture_output=True, text=True,
                              env=self.env, timeout=60)
        (self.assertEqual if isinstance(out, str) else self.assertRegex)(done.stdout, out)
        (self.assertEqual if isinstance(err, str) else self.assertRegex)(done.stderr, err)
        self.assertEqual(code, done.returncode, words)
        return done.stdout

    def made(self):
        self.nicl("create")
        self.nicl("mk", "/users/ada", "uid", "501")
        self.nicl("mk", "/groups/staff", "_writers", "ada")

    def test_a_new_one(self):
        self.nicl("read", "/", code=234, err=f"nicl: {self.store}: No such file or directory\nopen({self.store}): No Such File\n")
        self.nicl("-create")
        self.nicl("read", "/", options=("-raw", "-v"), out="Record: 0   Version: 0   Serial: 1\nParent: 0\n")
        self.nicl("create", code=236, err=re.compile(rf"\ncreate\({self.store}\): Write Failed\n\Z"))
        other = os.path.join(self.folder, "other")
        self.nicl("mk", "/a/b", "k", "v", options=("-raw", "-c"), place=other)  # make it, and go on
        self.nicl("read", "/a/b", place=other, out="name: b\nk: v\n")
        self.nicl("x", "create", options=(), place=".", code=1, err="Can't create a NetInfo domain\n")

    def test_commands(self):
        self.made()
        self.nicl("read", "/users/ada", out="name: ada\nuid: 501\n")
        self.nicl("list", "/", out="1          users\n3          groups\n")
        self.nicl("append", "/users/ada", "uid", "x")
        self.nicl("merge", "/users/ada", "uid", "x", "y")
        self.nicl("insert", "/users/ada", "uid", "first", "0")
        self.nicl("rename", "/users/ada", "uid", "ids")
        self.nicl("read", "2", out="name: ada\nids: first 501 x y\n")
        self.nicl("delete", "/users/ada", "ids", "x")
        self.nicl("copy", "/users/ada", "/groups")
        self.nicl("search", "/", "0", "-1", "name", "ada",
                  out="Search found 2 matches\n\nname: ada\nids: first 501 y\n\nname: ada\nids: first 501 y\n")
        self.nicl("path", "/users/ada", out="name: ada\nids: first 501 y\n\nname: users\n\n")
        self.nicl("delete", "/groups/ada")
        self.nicl("read", "/groups/ada", code=212, err="read: Invalid Path\n")
        self.nicl("delete", "/", code=211, err="Can't delete root!\n")
        self.nicl("flush")
        for words, text in ((["rparent"], "get rparent"), (["resync"], "resync"), (["domainname"], "get domain name"), (["auth"], "authenticate")):
            self.nicl(*words, *(["root"] if words == ["auth"] else []), code=15, err=f"Can't {text} in raw mode\n")
        out = self.nicl("stats", out=re.compile(r"\Achecksum: \d+\nversion: \d+\nmax_dsid: 4\nfetch_count: 0\nsave_count: 0\nremove_count: 0\n\Z"))
        self.nicl(out=re.compile(r"save_count: 3\nremove_count: 1\n"), stdin="mk /n k v\nrm /n\nmk /x\nstats\n")
        self.assertEqual(0, subprocess.run([NI, "store", "check", self.store], stdout=subprocess.DEVNULL).returncode)
        self.assertNotEqual("", out)

    def test_move_and_repairs(self):
        self.made()
        self.nicl("move", "/users/ada", "/groups")
        self.nicl("read", "2", options=("-raw", "-v"), out=re.compile(r"\ARecord: 2   Version: \d+   Serial: \d+\nParent: 3\n"))  # its number stays
        self.nicl("move", "/groups/ada", "/groups")
        self.nicl("move", "/groups", "/groups/ada", code=216, err="Move failed: Constraint Violation\n")
        self.nicl("move", "/", "/users", code=216, err="Move failed: Constraint Violation\n")
        self.nicl("attach", "/users", "2")
        self.nicl("list", "/users", out="2          ada\n")
        self.nicl("parent", "2", "3")
        self.nicl("list", "/groups", out="4          staff\n2          ada\n")
        self.nicl("parent", "3", "2", code=216, err="parent: Constraint Violation\n")
        self.nicl("detach", "/groups", "2", code=216, err=re.compile(r"\Adetach: Constraint Violation: .*delete"))
        self.nicl("detach", "/groups", "1", code=212, err="detach: Invalid Path\n")
        self.nicl("detach", "/groups", "99", code=209 + 3, err="detach: Invalid Path\n")
        self.nicl("attach", "/users", "x", code=1, err="attach: ID is the number of a record, found x\n")

    def test_history(self):
        self.made()  # 1: /users, 2: ada, 3: her uid; 4: /groups, 5: staff, 6: _writers
        self.nicl("history", out="Maximum version: 6\nRecord: 0   Version: 4   Serial: 3\n")
        self.nicl("history", "3", out="Record: 2   Version: 3\n")
        self.nicl("hist", "=", "6", out="Record: 4   Version: 6\n")
        self.nicl("hist", "eq", "1", out="No record with version 1\n", code=211)
        self.nicl("hist", "<", "6", out="Record: 3            Version: 5\nRecord: 0            Version: 4\nRecord: 2            Version: 3\n"
                  "Record: 1            Version: 2\n")
        self.nicl("hist", "gt", "3", out="Record: 0            Version: 4\nRecord: 3            Version: 5\nRecord: 4            Version: 6\n")
        self.nicl("hist", ">", "6", out="Maximum version number is 6\n")
        self.nicl("hist", ">", "six", code=1, err="hist: a version is a number, found six\n")
        self.nicl("hist", "=", out="Record: 0   Version: 4\n")
        self.nicl("hist", "lt", "0")
        self.nicl("hist", ">", stdin="", out=re.compile(r"\ARecord: 3 "))

    def test_a_database_that_is_served(self):
        service = Service()
        self.addCleanup(service.stop)
        place = os.path.join(service.folder, "domains", "local")
        self.nicl("read", "/", place=place, code=240, err=re.compile(rf"\nopen\({place}\): Datastore Locked\n\Z"))
        self.nicl("read", "/machines", options=("-raw", "-ro"), place=place, out="name: machines\n")
        self.nicl("mk", "/x", options=("-raw", "-ro"), place=place, code=4003 % 256, err="mk: Write Access Restricted\n")
        self.assertEqual(0, service.end())
        self.nicl("mk", "/x", place=place)
        service.start()
        done = subprocess.run([tool("niutil"), "-read", ".", "/x"], capture_output=True, text=True, timeout=60,
                              env=environment(NETINFO_SOCKET=service.socket))
        self.assertEqual("name: x\n", done.stdout)

    def test_a_historical_database(self):
        place = os.path.join(self.folder, "old.nidb")
        nidb.write(place, nidb.current(nidb.office()))
        self.nicl("read", "/users/joe", "uid", place=place, out="uid: 501\n")
        self.nicl("read", "/users/joe", options=("-raw", "-v"), place=place, out=re.compile(r"\ARecord: 4   Version: 17   Serial: 2\nParent: 3\n"))
        self.nicl("hist", ">", "10", place=place, out="Record: 9            Version: 11\nRecord: 4            Version: 17\n")
        self.nicl("mk", "/x", place=place, code=4003 % 256, err="mk: Write Access Restricted\n")
        self.assertEqual(["old.nidb"], os.listdir(self.folder))  # the copy aside is gone
        with open(os.path.join(place, "Config"), "wb") as f:
            f.write(b"damaged")
        self.nicl("read", "/", place=place, code=235, err=re.compile(rf"\Anicl: {place}/Config.*\nopen\({place}\): Read Failed\n\Z", re.S))

    def test_what_is_no_database(self):
        self.nicl("read", "/", place=self.folder, code=233, err=re.compile(r"Invalid Datastore\n\Z"))
        name = os.path.join(self.folder, "file")
        open(name, "w").close()
        self.nicl("read", "/", place=name, code=233, err=re.compile(r"Invalid Datastore\n\Z"))
        self.nicl("read", "/", place=name, options=("-raw", "-ro"), code=235, err=re.compile(r"Read Failed\n\Z"))

    @unittest.skipUnless(os.geteuid() == 0, "chown is root's")
    def test_whose_it_is(self):
        """What root makes among netinfod's files is netinfod's."""
        os.chown(self.folder, 12345, 23456)
        self.nicl("create")
        for name in ("", "data.mdb", "lock.mdb"):
            st = os.stat(os.path.join(self.store, name))
            self.assertEqual((12345, 23456), (st.st_uid, st.st_gid), name)


class Versions(WithService):
    """Versions are asked of servers by SELF (doc/protocol.md 2.7)."""

    def test_history(self):
        newest = int(self.run_tool("nicl", ".", "history")[1].split()[2])
        self.gives("", "nicl", ".", "mk", "/users/amelia", "k", "v")
        number = self.id_of("/users/amelia")
        self.gives(f"Record: {number}   Version: {newest + 1}\n", "nicl", ".", "history", str(newest + 1))
        self.gives(f"Record: {number:<10}   Version: {newest + 1}\n", "nicl", ".", "history", ">", str(newest))
        code, out, _ = self.run_tool("nicl", "-v", ".", "read", "/users/amelia")
        self.assertRegex(out, rf"\ARecord: {number}   Version: {newest + 1}   Serial: \d+\n")
        below = [int(line.split()[3]) for line in self.run_tool("nicl", ".", "history", "<")[1].splitlines()]  # than the root's own
        self.assertEqual(sorted(below, reverse=True), below)


class Names(WithService):
    """nicl -x500: distinguished names, leaf first (doc/tools.md 3.9)."""

    def x500(self, *words, out="", code=0, err="", stdin=""):
        self.gives(out, "nicl", "-x500", ".", *words, code=code, err=err, stdin=stdin)

    def test_paths(self):
        self.x500("read", "name=amelia,name=users", "uid", out="uid: 501\n")
        self.x500("read", "uid=501,name=users", "name", out="name: amelia\n")
        self.x500("read", f"DSID={self.id_of('/users/amelia')},name=users", "uid", out="uid: 501\n")
        self.x500("read", "/users/amelia", "uid", out="uid: 501\n")
        self.x500("read", "rootDSE", out="master: quill/network\n")
        self.x500("read", "name=nobody,name=users", code=212, err="read: Invalid Path\n")
        self.x500("create", r"name=a\,b\=c\\d/e,name=made", "k", "v")
        self.x500("read", r"name=a\,b\=c\\d/e,name=made", out="name: a,b=c\\d/e\nk: v\n")
        self.gives("k: v\n", "nicl", ".", "read", r"/made/a,b\=c\\d\/e", "k")

    def test_where_one_is(self):
        self.x500(out="rootDSE\nname=users\nname=amelia,name=users\nuid=501,name=users\nDSID=%d\n" % (self.id_of("/users") + 0),
                  stdin=f"pwd\ncd name=users\npwd\ncd name=amelia,name=users\npwd\nsetrdn . uid\npwd\ncd ..\nrename . name label\npwd\n")
        t = Terminal([tool("nicl"), "-x500", "-nobold", "."], {**self.env, "TERM": "dumb"})
        t.until("rootDSE > ")
        t.type("cd name=groups\n")
        t.until("name=groups > ")
        t.type("q\n")
        t.until("Goodbye")
        self.assertEqual(0, t.end())

    def test_refs(self):
        self.gives("Parent referrals:\nChild referrals:\ndn: ou=quill\n  ref: ldap://10.1.1.7/ou=quill\n", "nicl", ".", "refs")


class Nidomain(WithService):
    fixture = False

    def test_life_of_a_tag(self):
        tags = lambda: [line.split()[0] for line in self.run_tool("nidomain", "-l")[1].splitlines()]  # noqa: E731
        self.assertEqual(["tag=local"], tags())
        self.gives("", "nidomain", "-m", "harbor")
        code, out, err = self.run_tool("nidomain", "-l", f"127.0.0.1:{self.service.port}")
        self.assertEqual((0, ""), (code, err))
        self.assertRegex(out, r"\Atag=local udp=\d+ tcp=\d+\ntag=harbor udp=\d+ tcp=\d+\n\Z")
        code, shown, _ = self.run_tool("nidomain", "-g", "harbor")
        self.assertEqual((0, out.splitlines()[1] + "\n"), (code, shown))
        self.gives("", "nidomain", "-m", "harbor", code=1, err="nidomain: operation failed - Duplicate domain tag: can't serve it\n")
        self.gives("", "nidomain", "-g", "nope", code=1, err="nidomain: operation failed - No such tag\n")
        self.gives("", "nidomain", "-a", "nope", "alias", code=1, err="nidomain: unknown tag nope\n")
        self.gives("", "nidomain", "-a", "harbor", "port")  # a second tag for the same ports
        self.gives(shown.replace("harbor", "port"), "nidomain", "-g", "port")
        self.assertEqual(["tag=local", "tag=harbor", "tag=port"], tags())
        self.gives("", "nidomain", "-u", "port")
        self.gives("", "nidomain", "-u", "port")  # the historical binder says OK to what is not there, too
        self.assertEqual(["tag=local", "tag=harbor"], tags())
        self.gives("", "nidomain", "-d", "harbor")
        self.gives("", "nidomain", "-d", "harbor", code=1, err="nidomain: operation failed - No such tag\n")
        self.assertEqual(["tag=local"], tags())

    def test_errors(self):
        usage = re.compile(r"\Ausage: nidomain -l")
        for words in ([], ["-x"], ["-g"], ["-l", "a", "b"], ["-c", "tag"], ["local", "-g"]):
            self.gives("", "nidomain", *words, code=1, err=usage)
        self.gives("", "nidomain", "-l", "nohost.invalid", code=1, err="nidomain: unknown host - nohost.invalid\n")
        self.gives("", "nidomain", "-c", "copy", "quill", code=1, err="nidomain: missing '/' in quill\n")
        closed = ports.free()
        self.gives("", "nidomain", "-l", f"127.0.0.1:{closed}", code=1, err=f"nidomain: cannot connect to server 127.0.0.1:{closed}\n")

    @unittest.skipIf(os.path.exists("/run/netinfo"), "a service runs on this machine")
    def test_no_binder(self):
        for words, code in ((["-l"], 0), (["-g", "x"], 0), (["-m", "x"], 1), (["-a", "x", "y"], 1), (["-d", "x"], 1), (["-u", "x"], 1)):
            c, out, err = self.run_tool("nidomain", *words, env=environment())
            self.assertEqual((code, ""), (c, out))
            self.assertIn("the binder is not running", err)


class Clone(unittest.TestCase):
    """nidomain -c makes a clone by the binder of another host; master and clone are equal afterwards."""

    def test_create_clone(self):
        why = fleet.missing()
        if why:
            self.skipTest(why)
        daemon.PROGRAMS.update({"netinfod": NETINFOD, "ni": NI})
        with fleet.Fleet() as f:
            quill, vellum = f.host("quill", "10.9.0.1"), f.host("vellum", "10.9.0.2")
            quill.daemon("-o", "legacy_read_networks=10.9.0.0/24")
            vellum.daemon()

            def run(host, name, *words):
                done = host.run(tool(name), *words, env=host.environment())
                self.assertEqual((0, ""), (done.returncode, done.stderr), f"{name} {words}")
                return done.stdout
            run(quill, "nidomain", "-m", "network")
            for words in (["-create", "/machines/vellum"], ["-createprop", "/machines/vellum", "ip_address", "10.9.0.2"],
                          ["-createprop", "/machines/vellum", "serves", "./copy"], ["-create", "/users/amelia"]):
                run(quill, "niutil", words[0], "-t", "127.0.0.1/network", *words[1:])
            run(vellum, "nidomain", "-c", "copy", "10.9.0.1/network")
            self.assertRegex(run(vellum, "nidomain", "-l"), r"(?m)^tag=copy udp=\d+ tcp=\d+$")
            whole = lambda host, tag: host.run(tool("nidump"), "-r", "/", "-t", f"127.0.0.1/{tag}", env=host.environment()).stdout  # noqa: E731
            for change in ((), ("-createprop", "/users/amelia", "uid", "501"), ("-destroy", "/users")):
                if change:
                    run(quill, "niutil", change[0], "-t", "127.0.0.1/network", *change[1:])
                for _ in range(600):
                    if whole(quill, "network") == whole(vellum, "copy"):
                        break
                    time.sleep(0.1)
                self.assertEqual(whole(quill, "network"), whole(vellum, "copy"))
            done = vellum.run(tool("niutil"), "-create", "-t", "127.0.0.1/copy", "/x", env=vellum.environment())
            self.assertEqual((113, "niutil: can't create directory /x: No writes allowed: all objects are read-only\n"), (done.returncode, done.stderr))
            run(vellum, "nidomain", "-d", "copy")
            self.assertNotIn("copy", run(vellum, "nidomain", "-l"))


class Proxy:
    """Stands before netinfod on several addresses of loopback, one for each host of an invented network, and answers
    RPARENT, which netinfod does not know. Everything else passes. `dead` addresses close their connections."""

    NI, NIEXT, RPARENT, SELECT = 200100000, 0x20000987, 22, 7

    def __init__(self, target, addresses, parents):
        self.target, self.parents, self.dead, self.seen = target, parents, set(), []
        self.busy = 0  # so many CREATEPROPs are answered NI_MASTERBUSY
        self.port = ports.free()
        self.listeners = [socket.create_server((a, self.port)) for a in addresses]
        self.variable = ",".join(f"{a}:{self.port}" for a in addresses)
        for listener in self.listeners:
            threading.Thread(target=self.receive, args=(listener,), daemon=True).start()

    def close(self):
        for listener in self.listeners:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()

    def receive(self, listener):
        while True:
            try:
                client, _ = listener.accept()
                address = client.getsockname()[0]
            except OSError:
                return
            threading.Thread(target=self.converse, args=(client, address), daemon=True).start()

    record, mark = staticmethod(old_server.record), staticmethod(old_server.marked)

    @staticmethod
    def text(data):
        return len(data).to_bytes(4, "big") + data + bytes(-len(data) % 4)

    def arguments(self, record):
        """What is behind credentials and verifier."""
        at = 24
        for _ in range(2):
            length = int.from_bytes(record[at + 4:at + 8], "big")
            at += 8 + length + -length % 4
        return record[at:]

    def converse(self, client, address):
        tag = None
        with client, socket.create_connection(self.target) as server:
            while (call := self.record(client)) is not None:
                if address in self.dead:
                    return
                program, _, procedure = (int.from_bytes(call[i:i + 4], "big") for i in (12, 16, 20))
                if (program, procedure) == (self.NIEXT, self.SELECT):
                    words = self.arguments(call)
                    tag = words[4:4 + int.from_bytes(words[:4], "big")].decode()
                self.seen.append((address, tag, program, procedure))
                if (program, procedure) == (self.NI, self.RPARENT) and tag in self.parents:
                    status, host, name = self.parents[tag]
                    body = status.to_bytes(4, "big")
                    if status == 0:
                        body += self.text(name.encode()) + socket.inet_aton(host)
                    client.sendall(self.mark(call[:4] + b"\0\0\0\1" + bytes(16) + body))
                    continue
                if (program, procedure) == (self.NI, 12) and self.busy > 0:
                    self.busy -= 1
                    client.sendall(self.mark(call[:4] + b"\0\0\0\1" + bytes(16) + (22).to_bytes(4, "big")))
                    continue
                server.sendall(self.mark(call))
                answer = self.record(server)
                if answer is None:
                    return
                client.sendall(self.mark(answer))


class Hierarchy(WithService):
    """local below harbor below top: three domains of one netinfod, each on an address of its own."""

    WRITE = 12  # CREATEPROP

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.proxy = Proxy(("127.0.0.1", cls.service.port), ["127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4"],
                          {"local": (0, "127.0.0.2", "harbor"), "harbor": (0, "127.0.0.3", "top"), "lost": (12, "", "")})
        cls.socket_env, cls.env = cls.env, environment(NETINFO_SERVER=cls.proxy.variable)

    @classmethod
    def tearDownClass(cls):
        cls.proxy.close()
        super().tearDownClass()

    def setUp(self):
        tree = {"local": ("2", [("here", ["127.0.0.1"], ["./local"])]),
                "harbor": ("3", [("here", ["127.0.0.1"], ["vel/lum/local"]), ("mid", ["127.0.0.2"], ["./harbor"]),
                                 ("spare", ["127.0.0.4"], ["./harbor"])]),
                "top": ("4", [("mid", ["127.0.0.2"], ["harbor/harbor"]), ("spare", ["127.0.0.4"], ["harbor/harbor"]),
                              ("up", ["127.0.0.3"], ["./top"])])}
        served = [line.split()[0][4:] for line in self.with_socket("nidomain", "-l").splitlines()]
        for tag, (_, machines) in tree.items():
            if tag not in served:
                self.with_socket("nidomain", "-m", tag)
            children = ",".join(f'{{ name = {n}; ip_address = ({" ".join(a)}); serves = ({" ".join(s)}); }}' for n, a, s in machines)
            master = {"local": "here", "harbor": "mid", "top": "up"}[tag]
            text = f"master = {master}/{tag}; CHILDREN = ( {{ name = machines; CHILDREN = ( {children} ); }}, {{ name = marks; CHILDREN = ( " \
                   f"{{ name = {tag}; }} ); }} );"
            self.with_socket("niload", "-r", "/", "--force", "-t", f"127.0.0.1/{tag}", stdin=text)
        self.proxy.dead.clear()
        self.proxy.seen.clear()

    def with_socket(self, name, *words, stdin=""):
        code, out, err = self.run_tool(name, *words, stdin=stdin, env=self.socket_env)
        self.assertEqual((0, ""), (code, err), f"{name} {words}")
        return out

    def test_opening_by_name(self):
        for domain, tag in ((".", "local"), ("..", "harbor"), ("../..", "top"), ("/", "top"), ("/harbor", "harbor"),
                            ("../../harbor", "harbor"), ("/harbor/..", "top")):
            self.gives(f"name: {tag}\n", "niutil", "-read", domain, f"/marks/{tag}")
        self.gives("", "niutil", "-read", "../../..", "/", code=199, err="niutil: can't connect to server for domain ../../..\n")
        self.gives("", "niutil", "-read", "/nope", "/", code=199, err="niutil: can't connect to server for domain /nope\n")

    def test_names_and_parents(self):
        self.gives("/harbor/vel\\/lum\n", "niutil", "-domainname", ".")
        self.gives("/harbor\n", "niutil", "-domainname", "..")
        self.gives("/\n", "niutil", "-domainname", "/")
        self.gives("127.0.0.2/harbor\n", "niutil", "-rparent", "-n", ".")
        self.gives("127.0.0.3/top\n", "nicl", "..", "rparent")
        self.gives("root domain: no parent\n", "niutil", "-rparent", "/", code=111)

    def test_refs(self):
        """Components of a domain's DN may have another name: the machine's `suffix` at the place of the `serves` value."""
        self.gives("Parent referrals:\ndn: ou=harbor\n  ref: ldap://127.0.0.2/ou=harbor\nChild referrals:\n", "nicl", "-x500", ".", "refs")
        self.gives("Parent referrals:\ndn: rootDSE\n  ref: ldap://127.0.0.3/\nChild referrals:\n"
                   "dn: ou=vel/lum,ou=harbor\n  ref: ldap://127.0.0.1/ou=vel/lum,ou=harbor\n", "nicl", "-x500", "..", "refs")
        self.with_socket("niutil", "-createprop", "-t", "127.0.0.1/top", "/machines/mid", "suffix", "dc=harbor,dc=example")
        self.gives("Parent referrals:\ndn: dc=harbor,dc=example\n  ref: ldap://127.0.0.2/dc=harbor,dc=example\nChild referrals:\n",
                   "nicl", "-x500", ".", "refs")

    def test_nifind_upwards(self):
        code, out, err = self.run_tool("nifind", "-v", "/marks/harbor")
        self.assertEqual((0, ""), (code, err))
        self.assertRegex(out, r"\A/marks/harbor not found in /harbor/vel\\/lum\n/marks/harbor found in /harbor, id = \d+\n/marks/harbor not found in /\n\Z")
        code, out, err = self.run_tool("nifind", "-v", "/marks/top", "..")  # as far as harbor
        self.assertEqual((0, ""), (code, err))
        self.assertEqual(2, len(out.splitlines()))

    def test_a_loop(self):
        self.proxy.parents["top"] = (0, "127.0.0.2", "harbor")
        try:
            code, _, _ = self.run_tool("niutil", "-read", "/", "/marks")
            self.assertEqual(0, code)
            self.assertEqual(0, self.run_tool("niutil", "-domainname", ".")[0])
        finally:
            del self.proxy.parents["top"]

    def test_ni_takes_no_domain_of_a_loop_for_the_root(self):
        self.proxy.parents["top"] = (0, "127.0.0.2", "harbor")
        try:
            code, out, err = self.run_tool("ni", "ls", "-d", "/", "/")
            self.assertEqual((1, ""), (code, out))
            self.assertIn("name each other as parents", err)
        finally:
            del self.proxy.parents["top"]
        self.gives("name: top\n", "niutil", "-read", "127.0.0.3/top", "/marks/top")  # host/tag without -t

    def test_an_answer_of_old_servers_means_the_root(self):
        self.proxy.parents["harbor"] = (9999, "", "")  # doc/protocol.md 4.5
        try:
            for domain, tag in (("/", "harbor"), ("..", "harbor")):
                self.gives(f"name: {tag}\n", "niutil", "-read", domain, f"/marks/{tag}")
            self.gives("/\n", "niutil", "-domainname", "..")
        finally:
            self.proxy.parents["harbor"] = (0, "127.0.0.3", "top")

    def test_a_parent_that_is_searched_for(self):
        self.with_socket("nidomain", "-m", "lost") if "tag=lost" not in self.with_socket("nidomain", "-l") else None
        self.gives("", "niutil", "-T", "1", "-read", f"lost@127.0.0.1:{self.proxy.port}", "/nope", code=105, err=re.compile("No such directory"))
        self.gives("", "niutil", "-T", "1", "-domainname", f"lost@127.0.0.1:{self.proxy.port}", code=112,
                   err=f"niutil: can't get name for domain lost@127.0.0.1:{self.proxy.port}: No response from remote parent\n")
        self.proxy.parents["local"] = (12, "", "")
        try:
            for domain in ("..", "/"):
                self.gives("", "niutil", "-T", "1", "-read", domain, "/", code=112, err=f"niutil: can't connect to server for domain {domain}\n")
        finally:
            self.proxy.parents["local"] = (0, "127.0.0.2", "harbor")

    def test_a_busy_master(self):
        words = ["-createprop", "/", "/marks/top", "k", "v"]
        line = "niutil: can't modify k in directory /marks/top: Master server is busy\n"
        self.with_socket("niutil", "-createprop", "-t", "127.0.0.1/top", "/marks/top", "_writers", "*")
        self.proxy.busy = 1
        self.gives("", "niutil", *words, code=122, err=line)
        self.proxy.busy = 2
        self.gives("", "niutil", "-R", *words, err=line)  # said once
        self.assertEqual(0, self.proxy.busy)
        self.gives("v\n", "niutil", "-readprop", "/", "/marks/top", "k")

    def test_failover_and_master(self):
        self.proxy.dead.add("127.0.0.4")
        self.gives("name: harbor\n", "niutil", "-read", "/harbor", "/marks/harbor")
        self.proxy.dead.add("127.0.0.2")
        self.proxy.dead.remove("127.0.0.4")
        # The parent that is known is dead: the root cannot be reached, and nothing below it is taken for it.
        self.gives("", "niutil", "-read", "/", "/", code=199, err="niutil: can't connect to server for domain /\n")
        self.proxy.parents["local"] = (0, "127.0.0.4", "harbor")  # netinfod would find the other one by itself
        self.addCleanup(self.proxy.parents.update, {"local": (0, "127.0.0.2", "harbor")})
        self.gives("name: harbor\n", "niutil", "-read", "/harbor", "/marks/harbor")
        # A write goes to the master or nowhere.
        code, out, err = self.run_tool("niutil", "-create", "/harbor", "/new")
        self.assertEqual((199, ""), (code, out), err)
        self.proxy.dead.clear()
        for _ in range(4):  # chance decides which server is asked first
            self.proxy.seen.clear()
            self.run_tool("niutil", "-createprop", "/harbor", "/marks/harbor", "k", "v")
            writes = {(address, tag) for address, tag, program, procedure in self.proxy.seen
                      if program == Proxy.NI and procedure == self.WRITE}
            self.assertEqual({("127.0.0.2", "harbor")}, writes)


class AtAnOldServer:
    """The tests of another class once more, with a server that has the historical programs only (doc/protocol.md)."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.become_old()

    def tearDown(self):
        super().tearDown()
        self.assertGreater(self.old.refused, 0)  # it was asked, and did not know


@unittest.skipUnless(os.geteuid() == 0, "a reserved port is root's")
class OldNiutil(AtAnOldServer, Niutil):
    pass


@unittest.skipUnless(os.geteuid() == 0, "a reserved port is root's")
class OldFlat(AtAnOldServer, Flat):
    CREATE = 5

    def test_many(self):
        """Without EDIT each entry is a call of its own, and durable by itself."""
        text = "".join(f"g{i}:*:{i}:a,b\n" for i in range(60))
        before = self.old.seen.get(self.CREATE, 0)
        self.gives("", "niload", "-d", "group", ".", stdin=text)
        self.gives(text, "nidump", "group", ".")
        self.assertEqual(60, self.old.seen[self.CREATE] - before)


@unittest.skipUnless(os.geteuid() == 0, "a reserved port is root's")
class OldNicl(AtAnOldServer, Nicl):
    pass


@unittest.skipUnless(os.geteuid() == 0, "a reserved port is root's")
class OldReports(AtAnOldServer, Reports):
    pass


@unittest.skipUnless(os.geteuid() == 0, "a reserved port is root's")
class OldNi(AtAnOldServer, WithService):
    """`ni` reads historical servers; to change something there it sends its user to the tools of old."""

    def ni(self, *words, code=0, stdin=""):
        c, out, err = self.run_tool("ni", *words, stdin=stdin)
        self.assertEqual(code, c, err)
        return out if code == 0 else err

    def test_reading(self):
        self.assertIn("(historical)", self.ni("status"))
        self.assertRegex(self.ni("ls", "/users"), r"\A\d+  root\n\d+  amelia\n\Z")
        self.assertEqual("501\n", self.ni("get", "/users/amelia", "uid"))
        self.assertEqual("root:x:0:0::/root:/bin/sh\namelia:x:501:20:Amelia Pond-Ruiz:/home/amelia:/bin/zsh\n", self.ni("export", "passwd"))
        self.assertEqual("domain\t53/tcp\tnameserver\ndomain\t53/udp\tnameserver\n", self.ni("export", "services"))
        self.assertEqual("", self.ni("export", "rpc"))
        ldif = self.ni("export", "ldif")
        self.assertIn("uid: amelia\n", ldif)
        self.assertIn("cn: wheel\n", ldif)
        self.assertIn("crew", self.ni("import", "--dry-run", "group", "-", stdin="crew:*:9:amelia\n"))

    def test_asking_why(self):
        self.assertRegex(self.ni("domain", "tree"), r"\A/  \(this machine\)  local@this machine  historical server, checksum \d+\n")
        code, out, err = self.run_tool("ni", "explain", "user", "amelia", "--json")
        self.assertIn((code, err), ((0, ""), (1, "")))
        j = json.loads(out)
        self.assertEqual([("local", "amelia", 501, "answers")], [(r["domain"], r["name"], r["uid"], r["verdict"]) for r in j["by_name"]])
        self.assertEqual([20, 0], [g["gid"] for g in j["groups"]])
        j = json.loads(self.ni("explain", "may", "amelia", "write", "/users/amelia:passwd", "--json"))
        self.assertEqual((True, "unknown"), (j["allowed"], j["role"]))
        code, out, err = self.run_tool("ni", "doctor", "--json")
        self.assertIn("it is a historical server: changes are noticed by polling only", [f["reason"] for f in json.loads(out)["findings"]])

    def test_writing(self):
        for words in (["set", "/users/amelia", "shell=/bin/sh"], ["add", "/users/zed"], ["mv", "/users/amelia", "/groups"],
                      ["rm", "--yes", "/users/amelia"], ["import", "group", "-"]):
            err = self.ni(*words, code=1, stdin="crew:*:9:amelia\n")
            self.assertIn("does not know the extension program", err)
            self.assertIn("use niutil for historical servers", err)
        self.gives("/bin/zsh\n", "niutil", "-readprop", ".", "/users/amelia", "shell")


def main():
    global BIN, NETINFOD, NI
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    BIN, NETINFOD = (os.path.abspath(p) for p in sys.argv[1:3])
    NI = os.path.join(BIN, "ni")
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])


if __name__ == "__main__":
    main()
