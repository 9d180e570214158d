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

BIN = NETINFOD = None

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

    def __init__(self, *options):
        self.folder = tempfile.mkdtemp(prefix="netinfo-historical-")
        os.chmod(self.folder, 0o755)
        self.socket = os.path.join(self.folder, "s")
        self.options = options
        self.start()

    def start(self):
        read_end, write_end = os.pipe()
        command = [NETINFOD, "--dir", self.folder, "--socket", self.socket, "--listen", "127.0.0.1:0",
                   "-o", "legacy_read_networks=127.0.0.0/8", "-o", "legacy_write_networks=127.0.0.0/8", "-o", "redact=no",
                   "--ready-fd", str(write_end), *self.options]
        self.log = open(os.path.join(self.folder, "log"), "w+b")
        self.process = subprocess.Popen(command, pass_fds=[write_end], stdout=subprocess.DEVNULL, stderr=self.log)
        os.close(write_end)
        with os.fdopen(read_end) as ready:
            line = ready.readline()
        if not line:
            self.log.seek(0)
            raise RuntimeError("netinfod did not start: " + self.log.read().decode(errors="replace"))
        self.ready = json.loads(line)
        self.port = self.ready["binder_tcp"]

    def end(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        code = self.process.wait(timeout=30)
        self.log.close()
        return code

    def stop(self):
        self.log.flush()
        code = self.process.poll()
        if code is None:
            code = self.end()
        with open(os.path.join(self.folder, "log"), errors="replace") as f:
            words = f.read()
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

    @classmethod
    def setUpClass(cls):
        cls.service = Service(*cls.options)
        cls.env = environment(NETINFO_SOCKET=cls.service.socket, XDG_STATE_HOME=cls.service.folder)

    @classmethod
    def tearDownClass(cls):
        cls.service.stop()

    def setUp(self):
        if self.fixture:
            self.load_fixture()

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
        """The object number of a directory, found by listing its parent."""
        parent, _, name = path.rpartition("/")
        _, out, _ = self.run_tool("niutil", "-list", ".", parent or "/")
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
        ni = subprocess.run([os.path.join(BIN, "..", "ni"), "domain", "create", "harbor"], capture_output=True, env=self.env, timeout=60)
        self.assertEqual(0, ni.returncode, ni.stderr)
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
                              ("name = \"x;\n\n", 'Expecting quote """ at line 1')):
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


def main():
    global BIN, NETINFOD
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    BIN, NETINFOD = (os.path.abspath(p) for p in sys.argv[1:3])
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])


if __name__ == "__main__":
    main()
