#!/usr/bin/env python3
"""ni against a real netinfod: what each command prints, its JSON, its exit status, its errors.

usage: ni.py NI NETINFOD MAKE_IMAGES [unittest options]
"""

import concurrent.futures
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

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
import others  # noqa: E402

NI = NETINFOD = MAKE_IMAGES = None
OK, FAILED, USAGE, NOT_FOUND, CONFLICT, DENIED, UNREACHABLE = range(7)


class Service:
    """netinfod in a folder of its own, on a UNIX socket and a free port of loopback."""

    def __init__(self, *options):
        self.folder = tempfile.mkdtemp(prefix="netinfo-ni-")
        os.chmod(self.folder, 0o755)
        self.socket = os.path.join(self.folder, "s")
        read_end, write_end = os.pipe()
        command = [NETINFOD, "--dir", self.folder, "--socket", self.socket, "--listen", "127.0.0.1:0",
                   "--ready-fd", str(write_end), *options]
        self.log = open(os.path.join(self.folder, "log"), "w+b")
        self.process = subprocess.Popen(command, pass_fds=[write_end], stdout=subprocess.DEVNULL, stderr=self.log)
        os.close(write_end)
        with os.fdopen(read_end) as ready:
            line = ready.readline()
        if not line:
            self.log.seek(0)
            raise RuntimeError("netinfod did not start: " + self.log.read().decode(errors="replace"))
        self.ready = json.loads(line)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=30)
        self.log.seek(0)
        words = self.log.read().decode(errors="replace")
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)
        if code != 0:
            raise RuntimeError(f"netinfod ended with {code}: {words}")


class Answer:
    def __init__(self, done):
        self.code, self.raw = done.returncode, done.stdout
        self.out = done.stdout.decode("utf-8", "surrogateescape")
        self.err = done.stderr.decode("utf-8", "surrogateescape")

    def __repr__(self):
        return f"exit {self.code}\n{self.out}\n{self.err}"

    @property
    def json(self):
        return json.loads(self.out)


def clean_environment(**more):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("NETINFO_")}
    environment.update({"TZ": "UTC", "TERM": "xterm", **more})
    environment.pop("NO_COLOR", None)
    return environment


def run(*words, stdin=b"", environment=None, **options):
    if "user" in options and not others.others_reach(NI):
        raise unittest.SkipTest("others than root cannot reach this build folder")
    return Answer(subprocess.run([NI, *words], input=stdin, capture_output=True, timeout=120,
                                 env=environment or clean_environment(), **options))


def on_terminal(words, environment, typed=b"", after=b""):
    """Runs ni on a terminal; types when `after` was printed. Gives exit status and all that was printed."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(NI, ["ni", *words], environment)
    printed = b""
    while True:
        ready, _, _ = select.select([terminal], [], [], 60)
        if not ready:
            os.kill(pid, signal.SIGKILL)
            break
        try:
            piece = os.read(terminal, 4096)
        except OSError:  # the other side is closed
            piece = b""
        if not piece:
            break
        printed += piece
        if typed and after in printed:
            os.write(terminal, typed)
            typed = b""
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), printed.replace(b"\r\n", b"\n")


class WithService(unittest.TestCase):
    options = ()

    @classmethod
    def setUpClass(cls):
        cls.service = Service(*cls.options)
        cls.environment = clean_environment(NETINFO_SOCKET=cls.service.socket)

    @classmethod
    def tearDownClass(cls):
        cls.service.stop()

    def ni(self, *words, code=OK, **options):
        answer = run(*words, environment=self.environment, **options)
        self.assertEqual(code, answer.code, f"ni {words}: {answer!r}")
        if code != OK:
            self.assertTrue(answer.err.startswith(f"ni {words[0]}: "), answer.err)
        return answer

    def fresh(self, name):
        """A new directory /NAME for one test."""
        self.ni("add", f"/{name}")
        return f"/{name}"


class Directories(WithService):
    def test_add_get_ls(self):
        top = self.fresh("first")
        self.ni("add", top + "/ada", "uid=5001", "gid=100", "realname=Ada L", "users=a", "users=b", "empty=", "none")
        self.ni("add", top + "/bob", "name=robert", "uid=5002")
        want = "name: ada\nuid: 5001\ngid: 100\nrealname: Ada L\nusers: a\nusers: b\nempty: \nnone:\n"
        self.assertEqual(want, self.ni("get", top + "/ada").out)
        self.assertEqual("a\nb\n", self.ni("get", top + "/ada", "users").out)
        self.assertEqual("", self.ni("get", top + "/ada", "none").out)
        self.assertEqual("gid: 100\nuid: 5001\n", self.ni("get", top + "/uid=5001", "gid", "uid").out)
        found = self.ni("get", "--json", top + "/ada", "name", "users", "none").json
        self.assertEqual("local", found["domain"])
        self.assertEqual([{"name": "name", "values": ["ada"]}, {"name": "users", "values": ["a", "b"]},
                          {"name": "none", "values": []}], found["properties"])
        ada = found["id"]
        self.assertEqual(want, self.ni("get", str(ada)).out)
        listed = self.ni("ls", top).out.splitlines()
        self.assertEqual([f"{ada}  ada", f"{ada + 1}  bob robert"], [line.strip() for line in listed])
        listed = self.ni("ls", "-l", top).out.splitlines()
        self.assertEqual([f"{ada}  ada  uid=5001 gid=100 realname='Ada L' users=a users=b empty= none",
                          f"{ada + 1}  bob robert  uid=5002"], [line.strip() for line in listed])
        found = self.ni("ls", "--json", top).json
        self.assertEqual([{"id": ada, "names": ["ada"]}, {"id": ada + 1, "names": ["bob", "robert"]}], found["children"])
        found = self.ni("ls", "--json", "-l", top).json
        self.assertEqual({"name": "uid", "values": ["5002"]}, found["children"][1]["properties"][1])

    def test_ls_of_the_root_is_the_default(self):
        self.fresh("default")
        self.assertEqual(self.ni("ls", "/").out, self.ni("ls").out)
        self.assertIn("default", self.ni("ls").out)

    def test_bytes_that_are_no_text(self):
        top = self.fresh("bytes")
        self.ni("add", os.fsencode(top) + b"/\xff", b"k=\x1b[31m\xfe")
        self.assertEqual(b"name: \xff\nk: \x1b[31m\xfe\n", self.ni("get", os.fsencode(top) + b"/\xff").raw)
        found = self.ni("get", "--json", os.fsencode(top) + b"/\xff").json
        self.assertEqual([{"hex": "ff"}], found["properties"][0]["values"])
        self.assertEqual([{"hex": "1b5b33316dfe"}], found["properties"][1]["values"])

    def test_names_that_need_escapes(self):
        top = self.fresh("escapes")
        self.ni("add", top + r"/\/srv\/a\=b", r"x\=y=1")
        self.assertEqual("name: /srv/a=b\nx=y: 1\n", self.ni("get", top + r"/\/srv\/a\=b").out)
        record = self.ni("log", "-1", "--json").json[0]["records"]
        self.assertIn(top + r"/\/srv\/a\=b", [r["path"] for r in record])

    def test_parents(self):
        answer = self.ni("add", "/deep/er/est", "k=v", code=NOT_FOUND)
        self.assertIn("No such directory", answer.err)
        self.assertIn("-p", answer.err)
        before = self.ni("status", "--json").json["seq"]
        self.ni("add", "-p", "/deep/er/est", "k=v")
        self.assertEqual(before + 1, self.ni("status", "--json").json["seq"])  # one step
        self.assertEqual("name: est\nk: v\n", self.ni("get", "/deep/er/est").out)
        self.ni("add", "-p", "/deep/er/other")
        self.assertEqual(2, len(self.ni("ls", "/deep/er").out.splitlines()))
        self.ni("add", "-p", "/deep/er/est", code=CONFLICT)

    def test_first_property_of_another_key(self):
        top = self.fresh("keys")
        self.ni("add", top + "/uid=9", "name=nine")
        self.assertEqual("uid: 9\nname: nine\n", self.ni("get", top + "/nine").out)
        self.ni("add", top + "/uid=9", code=CONFLICT)

    def test_set(self):
        top = self.fresh("set")
        self.ni("set", top, "a=1", "b=2", "b=3", "c=")
        self.assertEqual("name: set\na: 1\nb: 2\nb: 3\nc: \n", self.ni("get", top).out)
        self.ni("set", top, "b=4", "a", "d=x=y")
        self.assertEqual("name: set\na:\nb: 4\nc: \nd: x=y\n", self.ni("get", top).out)
        self.ni("set", top, code=USAGE)
        self.ni("set", code=USAGE)
        self.ni("set", top + "/nobody", "a=1", code=NOT_FOUND)

    def test_rm(self):
        top = self.fresh("rm")
        self.ni("add", top + "/x", "a=1", "a=2", "b=3")
        self.ni("rm", top + "/x", "a=1")
        self.assertEqual("name: x\na: 2\nb: 3\n", self.ni("get", top + "/x").out)
        self.assertIn("No such name", self.ni("rm", top + "/x", "a=1", code=NOT_FOUND).err)
        self.assertIn("No such property", self.ni("rm", top + "/x", "b", "zz", code=NOT_FOUND).err)
        self.assertIn("b: 3", self.ni("get", top + "/x").out)  # nothing of it was done
        self.ni("rm", top + "/x", "b", "a")
        self.assertEqual("name: x\n", self.ni("get", top + "/x").out)
        self.assertIn("use -r", self.ni("rm", top, code=CONFLICT).err)
        self.assertIn("--yes", self.ni("rm", "-r", top, code=USAGE).err)
        self.ni("rm", "-r", "--yes", top)
        self.ni("get", top, code=NOT_FOUND)
        self.ni("rm", top, code=NOT_FOUND)
        self.ni("rm", "/", code=USAGE)
        self.ni("rm", "-r", "--yes", "/", code=USAGE)

    def test_secrets_come_from_files(self):
        top = self.fresh("secrets")
        answer = self.ni("set", top, "passwd=$6$a$b", code=USAGE)
        self.assertIn("--file passwd=FILE", answer.err)
        self.assertNotIn("$6$", answer.err)
        self.ni("set", top, "--file", "passwd=-", stdin=b"$6$a$b\n")
        self.assertEqual("$6$a$b\n", self.ni("get", top, "passwd").out)  # we are the superuser
        self.ni("set", top, "passwd=*")
        log = self.ni("log", top).out
        self.assertNotIn("$6$", log)
        self.assertIn("~ passwd: (changed)", log)
        self.assertIn("+ passwd: (changed)", log)
        log = self.ni("log", "--json", top).out
        self.assertNotIn("$6$", log)

    def test_many_writers_of_one_directory(self):
        top = self.fresh("writers")
        before = self.ni("status", "--json").json["seq"]
        with concurrent.futures.ThreadPoolExecutor(12) as pool:
            list(pool.map(lambda i: self.ni("add", f"{top}/u{i}", f"uid={i}"), range(36)))
            list(pool.map(lambda i: self.ni("set", top, f"k{i}={i}"), range(36)))
        names = {child["names"][0] for child in self.ni("ls", "--json", top).json["children"]}
        self.assertEqual({f"u{i}" for i in range(36)}, names)
        self.assertEqual(37, len(self.ni("get", top).out.splitlines()))
        self.assertEqual(before + 72, self.ni("status", "--json").json["seq"])  # each exactly once


class Errors(WithService):
    def test_did_you_mean(self):
        top = self.fresh("people")
        self.ni("add", top + "/margaret")
        answer = self.ni("get", top + "/margarte", code=NOT_FOUND)
        self.assertEqual(f"ni get: {top}/margarte: No such directory\n  did you mean {top}/margaret?\n", answer.err)
        answer = self.ni("ls", "/peopel", code=NOT_FOUND)
        self.assertIn("did you mean /people?", answer.err)
        answer = self.ni("get", top + "/zzzzzz", code=NOT_FOUND)
        self.assertIn(f"`ni ls {top}`", answer.err)
        answer = self.ni("ls", "/people/uid=1/x", code=NOT_FOUND)
        self.assertIn("No such directory", answer.err)
        self.ni("ls", "99999", code=NOT_FOUND)

    def test_usage(self):
        for words in (["ls", "--jsn"], ["ls", "-x"], ["ls", "a", "b"], ["get"], ["add"], ["add", "/"], ["add", "17"],
                      ["rm"], ["set", "/", "=x"], ["log", "--last", "x"], ["log", "a", "b"], ["status", "x"],
                      ["domain"], ["domain", "list", "x"], ["domain", "create"], ["domain", "create", ".x"],
                      ["ls", "--timeout", "0"], ["ls", "--timeout"], ["ls", "--password-file", "/etc/hostname"],
                      ["getent"], ["getent", "host"], ["getent", "netgroup"], ["getent", "initgroups"], ["ls", ""], ["get", "/a\\"]):
            with self.subTest(words=words):
                self.ni(*words, code=USAGE)
        self.assertIn("did you mean --json?", self.ni("ls", "--jsn", code=USAGE).err)

    def test_missing_property(self):
        top = self.fresh("missing")
        answer = self.ni("get", top, "nothing", "name", code=NOT_FOUND)
        self.assertEqual("name: missing\n", answer.out)
        self.assertIn(f"{top}: nothing: No such property", answer.err)

    def test_conflict(self):
        top = self.fresh("conflict")
        answer = self.ni("add", top, code=CONFLICT)
        self.assertIn("exists already", answer.err)
        self.assertIn("ni set", answer.err)

    def test_full_standard_output(self):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([NI, "ls"], stdout=full, stderr=subprocess.PIPE, env=self.environment, timeout=60)
        self.assertEqual(FAILED, done.returncode)
        self.assertIn(b"No space left", done.stderr)

    def test_other_domain(self):
        answer = self.ni("ls", "--domain", "nowhere", code=NOT_FOUND)
        self.assertIn("nowhere", answer.err)
        self.assertIn("ni domain list", answer.err)

    @unittest.skipUnless(os.geteuid() == 0, "needs root to become somebody else")
    def test_denied(self):
        top = self.fresh("denied")
        self.ni("set", top, "--file", "passwd=-", stdin=b"secret")
        for words in (["add", top + "/x"], ["set", top, "a=1"], ["rm", top]):
            answer = self.ni(*words, code=DENIED, user="nobody", group="nogroup", extra_groups=[])
            self.assertIn("Permission denied", answer.err)
        self.ni("domain", "create", "mine", code=DENIED, user="nobody", group="nogroup", extra_groups=[])
        self.assertEqual("*\n", self.ni("get", top, "passwd", user="nobody", group="nogroup", extra_groups=[]).out)
        log = self.ni("log", top, user="nobody", group="nogroup", extra_groups=[]).out
        self.assertNotIn("secret", log)
        self.assertIn("passwd: (changed)", log)


class SetUserId(WithService):
    """A set-user-id ni must not follow its caller's variables to another server."""

    @unittest.skipUnless(os.geteuid() == 0, "needs root to make a set-user-id program")
    def test_variables_are_ignored(self):
        self.fresh("marker-of-this-service")
        copy = os.path.join(self.service.folder, "ni")
        shutil.copy(NI, copy)
        who = {"user": "nobody", "group": "nogroup", "extra_groups": []}
        plain = subprocess.run([copy, "ls"], capture_output=True, env=self.environment, timeout=60, **who)
        self.assertIn(b"marker-of-this-service", plain.stdout)
        os.chmod(copy, 0o4755)
        if os.statvfs(copy).f_flag & os.ST_NOSUID:
            self.skipTest("set-user-id does not count on this file system")
        raised = subprocess.run([copy, "ls"], capture_output=True, env=self.environment, timeout=60, **who)
        self.assertNotIn(b"marker-of-this-service", raised.stdout)
        self.assertNotIn(self.service.socket.encode(), raised.stderr)


class Unreachable(unittest.TestCase):
    def test_nobody_there(self):
        answer = run("ls", environment=clean_environment(NETINFO_SOCKET="/nowhere/s"))
        self.assertEqual(UNREACHABLE, answer.code)
        self.assertEqual("ni ls: no server found: unix:/nowhere/s (No such file or directory)\n  "
                         "is netinfod running there?\n", answer.err)
        answer = run("status", "--server", "nobody.invalid:1")
        self.assertEqual(UNREACHABLE, answer.code)

    def test_silence_ends_with_the_timeout(self):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            answer = run("ls", "--timeout", "1", "--server", f"127.0.0.1:{silent.getsockname()[1]}")
        self.assertEqual(UNREACHABLE, answer.code)
        self.assertIn("no answer in time", answer.err)

    def test_something_else_listens(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            def greet():
                with listener.accept()[0] as visitor:
                    visitor.sendall(b"220 mail ESMTP\r\n")
                    visitor.recv(1000)
            thread = threading.Thread(target=greet)
            thread.start()
            answer = run("ls", "--server", f"127.0.0.1:{listener.getsockname()[1]}")
            thread.join()
        self.assertEqual(UNREACHABLE, answer.code)
        self.assertIn("not as NetInfo does", answer.err)


class Log(WithService):
    def test_one_change(self):
        top = self.fresh("log")
        self.ni("add", top + "/ada", "uid=1", "shell=/bin/sh")
        self.ni("set", top + "/ada", "shell=/bin/zsh", "uid=1")
        lines = self.ni("log", "-1").out.splitlines()
        self.assertRegex(lines[0], r"^#\d+  \d{4}-\d\d-\d\d \d\d:\d\d:\d\d \+0000  superuser  \(unix .*\)  set$")
        self.assertEqual([f"  changed {top}/ada", "    - shell: /bin/sh", "    + shell: /bin/zsh"], lines[1:])
        entry, = self.ni("log", "-1", "--json").json
        self.assertEqual(self.ni("status", "--json").json["seq"], entry["seq"])
        self.assertEqual("set", entry["what"])
        self.assertRegex(entry["when"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$")
        record, = entry["records"]
        self.assertEqual(("changed", f"{top}/ada"), (record["kind"], record["path"]))
        self.assertEqual([{"name": "shell", "value": "/bin/sh"}], record["removed"])
        self.assertEqual([{"name": "shell", "value": "/bin/zsh"}], record["added"])

    def test_newest_first_and_how_many(self):
        top = self.fresh("many")
        for i in range(25):
            self.ni("set", top, f"n={i}")
        numbers = [entry["seq"] for entry in self.ni("log", "-3", "--json").json]
        self.assertEqual([numbers[0], numbers[0] - 1, numbers[0] - 2], numbers)
        self.assertEqual(20, len(self.ni("log", "--json").json))
        self.assertEqual(26, len(self.ni("log", "--json", "-n", "1000", top).json))
        every = [entry["seq"] for entry in self.ni("log", "--all", "--json").json]
        self.assertEqual(list(range(every[0], 0, -1)), every)
        self.assertEqual(7, self.ni("log", "-7").out.count("\n#") + 1)

    def test_paths_of_the_past(self):
        self.ni("add", "/old")
        self.ni("add", "/old/ada", "uid=1")
        self.ni("set", "/old", "name=new")
        self.ni("add", "/new/bob")
        self.ni("rm", "-r", "--yes", "/new")
        self.ni("add", "/usurper")  # takes the number of a directory that is gone
        self.ni("add", "/usurper/x")
        paths = [[(r["kind"], r["path"]) for r in e["records"] if r["kind"] != "touched"]
                 for e in self.ni("log", "-7", "--json").json]
        self.assertEqual([("created", "/usurper/x")], paths[0])
        self.assertEqual([("created", "/usurper")], paths[1])
        self.assertEqual({("destroyed", "/new"), ("destroyed", "/new/ada"), ("destroyed", "/new/bob")}, set(paths[2]))
        self.assertEqual([[("created", "/new/bob")], [("changed", "/new")], [("created", "/old/ada")],
                          [("created", "/old")]], paths[3:])
        seen = [e["what"] for e in self.ni("log", "--json", "/new/bob").json]
        self.assertEqual(["remove", "add"], seen)  # though it is gone
        self.assertEqual([], self.ni("log", "--json", "/never").json)
        self.assertIn("nothing happened there", self.ni("log", "/never").err)

    def test_nothing_is_lost_while_others_write(self):
        """Pages are counted from the end, which moves: each change is shown once, in order, without a gap."""
        top = self.fresh("moving")
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            for i in range(450):
                pool.submit(self.ni, "set", top, f"n={i}")
            for _ in range(10):
                seen = [entry["seq"] for entry in self.ni("log", "--all", "--json").json]
                self.assertEqual(list(range(seen[0], 0, -1)), seen)
        self.assertGreater(len(self.ni("log", "--all", "--json", top).json), 450)

    def test_filter_by_number_and_by_other_key(self):
        top = self.fresh("filter")
        self.ni("add", top + "/x", "uid=77001")
        self.ni("add", top + "/y", "uid=77002")
        number = self.ni("get", "--json", top + "/x").json["id"]
        for path in (top + "/uid=77001", str(number), top + "/x"):
            found = self.ni("log", "--json", path).json
            self.assertEqual([top + "/x"], [r["path"] for e in found for r in e["records"]])


class Domains(WithService):
    def test_life_of_a_domain(self):
        tags = lambda: [row["tag"] for row in self.ni("domain", "list", "--json").json]
        self.assertEqual(["local"], tags())
        self.ni("domain", "create", "scratch")
        self.assertEqual({"local", "scratch"}, set(tags()))
        self.assertIn("scratch  udp=", self.ni("domain", "list").out)
        answer = self.ni("domain", "create", "scratch", code=CONFLICT)
        self.assertIn("scratch: the server has a domain of this tag already", answer.err)
        self.ni("add", "--domain", "scratch", "/here")
        self.ni("get", "/here", code=NOT_FOUND)
        self.assertEqual("name: here\n", self.ni("get", "-d", "scratch", "/here").out)
        self.assertEqual("name: here\n", self.ni("get", "-s", "127.0.0.1/scratch", "/here").out)
        self.ni("domain", "destroy", "scratch", code=USAGE)  # nobody to ask
        self.ni("domain", "destroy", "--yes", "scratch")
        self.assertEqual(["local"], tags())
        self.ni("domain", "destroy", "--yes", "scratch", code=NOT_FOUND)
        self.ni("get", "-d", "scratch", "/here", code=NOT_FOUND)

    def test_status(self):
        status = self.ni("status", "--json").json
        self.assertEqual(("local", "master", "superuser"), (status["domain"], status["role"], status["you"]))
        self.assertEqual("unix:" + self.service.socket, status["server"])
        self.assertRegex(status["uuid"], r"^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$")
        self.assertEqual(32, len(status["digest"]))
        stranger = clean_environment(NETINFO_SERVER="127.0.0.1:%d" % self.service.ready["binder_tcp"])
        seen = run("status", "--json", environment=stranger).json
        self.assertEqual((None, "", status["checksum"]), (seen["digest"], seen["you"], seen["checksum"]))
        before = status
        self.ni("add", "/counted")
        status = self.ni("status", "--json").json
        self.assertEqual(before["seq"] + 1, status["seq"])
        self.assertEqual(before["directories"] + 1, status["directories"])
        self.assertNotEqual(before["checksum"], status["checksum"])
        self.assertEqual((before["uuid"], before["epoch"]), (status["uuid"], status["epoch"]))
        self.assertRegex(status["epoch"], "^[0-9a-f]{16}$")
        text = self.ni("status").out
        self.assertRegex(text, r"(?m)^role +master$")
        self.assertRegex(text, rf"(?m)^change +#{status['seq']} ")
        self.assertRegex(text, rf"(?m)^checksum +{status['checksum']}$")


class Terminal(WithService):
    def test_control_bytes_are_escaped(self):
        top = self.fresh("control")
        self.ni("set", top, "k=\x1b[31mred\nname: forged")
        code, printed = on_terminal(["get", top], {**self.environment, "NO_COLOR": "1"})
        self.assertEqual((OK, b"name: control\nk: \\x1B[31mred\\x0Aname: forged\n"), (code, printed))

    def test_colours(self):
        top = self.fresh("colours")
        _, printed = on_terminal(["ls", "/"], self.environment)
        self.assertIn(b"\x1b[1mcolours\x1b[m", printed)
        for extra in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
            _, printed = on_terminal(["ls", "/"], {**self.environment, **extra})
            self.assertIn(b"colours", printed)
            self.assertNotIn(b"\x1b", printed)
        self.assertNotIn("\x1b", self.ni("get", top).out)

    def test_asks_before_removing_a_tree(self):
        top = self.fresh("tree")
        self.ni("add", top + "/leaf")
        code, printed = on_terminal(["rm", "-r", top], self.environment, b"n\n", b"[y/N]")
        self.assertEqual(FAILED, code)
        self.assertIn(b"Remove /tree and all below it?", printed)
        self.ni("get", top + "/leaf")
        code, _ = on_terminal(["rm", "-r", top], self.environment, b"y\n", b"[y/N]")
        self.assertEqual(OK, code)
        self.ni("get", top, code=NOT_FOUND)


class Users(WithService):
    """Passwords over TCP, where the server takes them."""

    @classmethod
    def setUpClass(cls):
        folder = tempfile.mkdtemp(prefix="netinfo-ni-conf-")
        cls.config = os.path.join(folder, "netinfod.conf")
        with open(cls.config, "w") as f:
            f.write("legacy_read_networks = 127.0.0.0/8\nlegacy_write_networks = 127.0.0.0/8\n")
        cls.options = ("--config", cls.config)
        super().setUpClass()

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(os.path.dirname(cls.config))
        super().tearDownClass()

    def test_acting_as_a_user(self):
        hashed = subprocess.run(["perl", "-e", 'print crypt("open sesame", q($6$saltsalt$))'],
                                capture_output=True, check=True).stdout
        self.ni("add", "-p", "/users/ada", "uid=5001", "_writers_shell=ada", "shell=/bin/sh", "--file", "passwd=-",
                stdin=hashed)
        port = self.service.ready["binder_tcp"]
        server = ["--server", f"127.0.0.1:{port}/local", "--user"]
        with tempfile.NamedTemporaryFile() as right, tempfile.NamedTemporaryFile() as wrong:
            right.write(b"open sesame\n")
            right.flush()
            wrong.write(b"open barley\n")
            wrong.flush()
            self.ni("set", *server, "ada", "--password-file", right.name, "/users/ada", "shell=/bin/zsh")
            self.assertEqual("/bin/zsh\n", self.ni("get", "/users/ada", "shell").out)
            self.assertEqual("ada", self.ni("log", "-1", "--json").json[0]["who"])
            answer = self.ni("set", *server, "ada", "--password-file", right.name, "/users/ada", "uid=0", code=DENIED)
            self.assertIn("Permission denied", answer.err)
            answer = self.ni("set", *server, "ada", "--password-file", wrong.name, "/users/ada", "shell=/x",
                             code=DENIED)
            self.assertIn("Authentication error", answer.err)
            answer = self.ni("set", *server, "eve", "--password-file", right.name, "/users/ada", "shell=/x",
                             code=DENIED)
            self.assertIn("eve", answer.err)
        self.ni("set", *server, "ada", "--password-file", "-", "/users/ada", "shell=/bin/ksh", stdin=b"open sesame\n")
        code, printed = on_terminal(["set", *server, "ada", "/users/ada", "shell=/bin/csh"], self.environment,
                                    b"open sesame\n", b"Password: ")
        self.assertEqual((OK, b"Password: \n"), (code, printed))  # no echo
        self.assertEqual("/bin/csh\n", self.ni("get", "/users/ada", "shell").out)


class Getent(unittest.TestCase):
    """Through the C library and the module of this build; the same words as getent(1)."""

    ADA = "ada:x:5001:100:Ada L:/home/ada:/bin/zsh\n"
    GRACE = "grace:*:5002:100::/home/grace:/bin/sh\n"

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="netinfo-images-")
        os.chmod(cls.folder, 0o755)
        subprocess.run([MAKE_IMAGES, cls.folder], check=True)
        cls.environment = clean_environment(NETINFO_SNAPSHOTS=cls.folder)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder)

    def getent(self, *words, code=OK):
        answer = run("getent", *words, environment=self.environment)
        self.assertEqual(code, answer.code, answer)
        return answer

    def test_passwd(self):
        for key in ("ada", "5001", "lovelace"):
            self.assertEqual(self.ADA, self.getent("passwd", key).out)
        self.assertEqual(self.ADA + self.GRACE, self.getent("passwd").out)
        answer = self.getent("passwd", "nobody-here", "grace", "77", code=NOT_FOUND)
        self.assertEqual(self.GRACE, answer.out)
        self.assertIn("passwd nobody-here: not found", answer.err)
        self.assertIn("passwd 77: not found", answer.err)
        self.getent("passwd", "root", code=NOT_FOUND)  # nothing but our module is asked
        found = self.getent("--json", "passwd", "ada").json
        self.assertEqual([{"name": "ada", "passwd": "x", "uid": 5001, "gid": 100, "gecos": "Ada L",
                           "dir": "/home/ada", "shell": "/bin/zsh"}], found)

    def test_group_and_membership(self):
        self.assertEqual("staff:*:50:ada,grace\ncrew:*:60:ada\n", self.getent("group").out)
        self.assertEqual("crew:*:60:ada\n", self.getent("group", "60").out)
        self.assertEqual("ada                   50 60\n", self.getent("initgroups", "ada").out)
        self.assertEqual([{"name": "grace", "groups": [50]}], self.getent("--json", "initgroups", "grace").json)

    def test_shadow(self):
        self.assertEqual("ada:$6$a$b:19000:0:99999:7:::\n", self.getent("shadow", "ada").out)
        self.getent("shadow", "grace", code=NOT_FOUND)

    def test_as_getent_says_it(self):
        module = os.path.join(os.path.dirname(NI), "..", "nss")
        with open(os.path.join(module, "libnss_netinfo.so.2"), "rb") as image:
            if re.search(rb"lib[at]san\.so", image.read()):
                self.skipTest("a program without the sanitizer cannot load a module with it")
        environment = {**self.environment, "LD_LIBRARY_PATH": module}
        for words in (["passwd", "ada"], ["passwd"], ["group", "staff"], ["shadow", "ada"]):
            theirs = subprocess.run(["getent", "-s", "netinfo", *words], capture_output=True, env=environment,
                                    timeout=60)
            self.assertEqual(theirs.stdout, self.getent(*words).raw)

    def test_without_images(self):
        with tempfile.TemporaryDirectory() as empty:
            for words in (["passwd", "ada"], ["group"], ["shadow", "ada"]):
                answer = run("getent", *words, environment=clean_environment(NETINFO_SNAPSHOTS=empty))
                self.assertEqual((UNREACHABLE, ""), (answer.code, answer.out))
                self.assertIn("netinfo-agent", answer.err)

    def test_images_that_are_not_to_be_trusted(self):
        """Damaged, or writable by others: said so, and not that there were none."""
        for spoil in (lambda path: os.truncate(path, 100), lambda path: os.chmod(path, 0o666)):
            with tempfile.TemporaryDirectory() as folder:
                subprocess.run([MAKE_IMAGES, folder], check=True)
                for name in os.listdir(folder):
                    if name.startswith("passwd."):
                        spoil(os.path.join(folder, name))
                answer = run("getent", "passwd", "ada", environment=clean_environment(NETINFO_SNAPSHOTS=folder))
                self.assertEqual((UNREACHABLE, ""), (answer.code, answer.out))
                self.assertIn("the images are damaged, or others", answer.err)
                self.assertIn("ni snapshot verify", answer.err)


class Help(unittest.TestCase):
    def commands(self):
        listed = run("help").out
        return re.findall(r"(?m)^  (\w+) ", listed.split("Examples")[0])

    def test_every_command_helps(self):
        commands = self.commands()
        self.assertLessEqual({"ls", "get", "set", "add", "rm", "log", "status", "domain", "getent"}, set(commands))
        for name in set(commands) - {"help", "version"}:
            with self.subTest(command=name):
                for words in ([name, "--help"], [name, "-h"], ["help", name]):
                    answer = run(*words)
                    self.assertEqual(OK, answer.code, answer)
                    self.assertTrue(answer.out.startswith(f"usage: ni {name}"), answer.out)
                    self.assertIn("xamples:", answer.out)
                    self.assertEqual("", answer.err)

    def test_the_manual_names_every_command(self):
        with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../doc/man/ni.1")) as page:
            manual = page.read()
        for name in set(self.commands()) - {"help", "version"}:
            self.assertIn(f"\n.It Cm {name}\n", manual)

    def test_without_a_command(self):
        self.assertEqual(USAGE, run().code)
        answer = run("sl")
        self.assertEqual(USAGE, answer.code)
        self.assertIn("did you mean `ls`?", answer.err)
        self.assertEqual(USAGE, run("--json", "ls").code)
        self.assertEqual(USAGE, run("help", "nothing").code)
        for words in (["--help"], ["-h"], ["help"]):
            self.assertIn("usage: ni COMMAND", run(*words).out)
        for words in (["--version"], ["version"]):
            self.assertRegex(run(*words).out, r"^NetInfo \d+\.\d+\.\d+\n$")


if __name__ == "__main__":
    NI, NETINFOD, MAKE_IMAGES = map(os.path.abspath, sys.argv[1:4])
    unittest.main(argv=[sys.argv[0], *sys.argv[4:]])
