#!/usr/bin/env python3
"""Real listeners, asked by `ni port` and `ni ports`: IPv4 only, IPv6 only, dual, UDP, passed and inherited sockets, other users' processes, silent
sockets, other namespaces, control groups; and a comparison with ss and lsof over generated sockets.

usage: ports.py NI PORT-TOOL     e.g. ports.py build/src/tools/ni build/tests/unit/portdb/port-tool
Runs in a network namespace of its own, so that nothing of the machine is in the way: needs root (exit 77 says why not)."""
import ctypes
import json
import os
import random
import re
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
import others  # noqa: E402

COMMAND = []
TOOL = []
SKIP = 77
CHILDREN = []


def run(*args, user=None, env=None):
    if user and '/' in args[0] and not others.others_reach(args[0]):
        raise unittest.SkipTest('others than root cannot reach this build folder')
    def become():
        if user is not None:
            os.setgroups([])
            os.setgid(user)
            os.setuid(user)
    done = subprocess.run(list(args), capture_output=True, text=True, preexec_fn=become if user is not None else None,
                          env=env, timeout=120)
    return done


def ni(*args, user=None, env=None, directory=False):
    return run(*COMMAND, *args, *([] if directory else ["--no-directory"]), user=user, env=env)


def sockets(*args, user=None, status=None):
    done = ni(*args, "--json", user=user)
    if status is not None:
        assert done.returncode == status, (done.returncode, done.stderr)
    return json.loads(done.stdout)


class Holder:
    """A child that holds what `make` returns until told to end."""

    def __init__(self, make, user=None):
        ready, told = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                held = make()
                if user is not None:
                    os.setgroups([])
                    os.setgid(user)
                    os.setuid(user)
                    ctypes.CDLL(None).prctl(4, 1)  # PR_SET_DUMPABLE: changing the user hid its own /proc files from it
                os.write(told, b"x")
                signal.pause()
            finally:
                os._exit(1)
        os.close(told)
        assert os.read(ready, 1) == b"x", "the child could not hold its socket"
        os.close(ready)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


def tcp(family, address, port, listen=True, only6=None, reuse=False):
    s = socket.socket(family, socket.SOCK_STREAM)
    if only6 is not None:
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, only6)
    if reuse:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    s.bind((address, port))
    if listen:
        s.listen(8)
    return s


def udp(family, address, port):
    s = socket.socket(family, socket.SOCK_DGRAM)
    s.bind((address, port))
    return s


def only(test, found):
    test.assertEqual(len(found["sockets"]), 1, found["sockets"])
    return found["sockets"][0]


class OnePort(unittest.TestCase):
    def held_by(self, s, pid):
        self.assertEqual(s["held_by"], "process")
        self.assertIn(pid, [p["pid"] for p in s["processes"]])

    def test_ipv4_only(self):
        with Holder(lambda: tcp(socket.AF_INET, "127.0.0.1", 987)) as h:
            s = only(self, sockets("port", "987"))
            self.assertEqual((s["transport"], s["state"], s["family"], s["address"]), ("tcp", "listen", 4, "127.0.0.1"))
            self.assertEqual(s["verdict"], "unregistered-use")
            self.assertEqual(s["backlog"], 8)
            self.held_by(s, h.pid)

    def test_ipv6_only_and_dual(self):
        with Holder(lambda: tcp(socket.AF_INET6, "::", 987, only6=1)):
            s = only(self, sockets("port", "987"))
            self.assertEqual((s["family"], s["v6_only"], s["address"]), (6, True, "[::]"))
        with Holder(lambda: tcp(socket.AF_INET6, "::", 987, only6=0)):
            s = only(self, sockets("port", "987"))
            self.assertEqual((s["family"], s["v6_only"]), (6, False))

    def test_udp(self):
        with Holder(lambda: udp(socket.AF_INET, "0.0.0.0", 987)) as h:
            s = only(self, sockets("port", "987"))
            self.assertEqual((s["transport"], s["state"]), ("udp", "open"))
            self.held_by(s, h.pid)
            self.assertEqual(sockets("port", "987/tcp")["sockets"], [])

    def test_registered_and_ghost(self):
        with Holder(lambda: [tcp(socket.AF_INET, "0.0.0.0", 22), tcp(socket.AF_INET, "0.0.0.0", 81), tcp(socket.AF_INET, "0.0.0.0", 994)]):
            self.assertEqual(only(self, sockets("port", "22"))["verdict"], "registered")
            self.assertEqual(only(self, sockets("port", "81"))["verdict"], "ghost-in-use")
            self.assertEqual(only(self, sockets("port", "994"))["verdict"], "ghost-in-use")
            self.assertIn("registered as ssh, the program is python", ni("ports").stdout)

    def test_reuseport_and_inherited(self):
        with Holder(lambda: [tcp(socket.AF_INET, "0.0.0.0", 987, reuse=True) for _ in range(2)]):
            self.assertEqual(len(sockets("port", "987")["sockets"]), 2)

        def twice():
            s = tcp(socket.AF_INET, "0.0.0.0", 987)
            bound, told = os.pipe()
            if os.fork() == 0:
                ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: with its parent, once it has said so
                os.write(told, b"x")
                signal.pause()
            os.read(bound, 1)
            return s
        with Holder(twice):
            s = only(self, sockets("port", "987", "--all-holders"))
            self.assertEqual(len(s["processes"]), 2)

    def test_passed_socket(self):
        """As with socket activation: made by one process, held by another."""
        here, there = socket.socketpair(socket.AF_UNIX)
        s = tcp(socket.AF_INET, "0.0.0.0", 987)

        def take():
            _, fds, _, _ = socket.recv_fds(there, 1, 1)
            return fds
        pid_holder = None
        socket.send_fds(here, [b"x"], [s.fileno()])
        with Holder(take) as h:
            s.close()
            found = only(self, sockets("port", "987"))
            self.held_by(found, h.pid)
            pid_holder = h.pid
        self.assertIsNotNone(pid_holder)

    def test_bound_silent(self):
        major, minor = (int(x) for x in os.uname().release.split(".")[:2])
        if (major, minor) < (6, 8):
            self.skipTest("Linux before 6.8 does not show bound silent sockets")
        with Holder(lambda: tcp(socket.AF_INET, "0.0.0.0", 987, listen=False)) as h:
            s = only(self, sockets("port", "987"))
            self.assertEqual((s["state"], s["verdict"]), ("bound-silent", "bound-silent"))
            self.held_by(s, h.pid)
            self.assertEqual(ni("port", "987", "--free").returncode, 4)
            self.assertEqual(ni("port", "987", "--listening").returncode, 3)
            self.assertIn("bound-silent", ni("ports").stdout)

    def test_connection_holds_the_port(self):
        def connected():
            s = tcp(socket.AF_INET, "127.0.0.1", 7001)
            c = socket.socket()
            c.bind(("127.0.0.1", 986))
            c.connect(("127.0.0.1", 7001))
            return s, c, s.accept()
        with Holder(connected):
            s = only(self, sockets("port", "986"))
            self.assertEqual((s["state"], s["peer_port"], s["verdict"]), ("connected", 7001, "ephemeral"))
            self.assertEqual(ni("port", "986", "--free").returncode, 4)

    def test_exit_statuses(self):
        self.assertEqual(ni("port", "987", "--free").returncode, 0)
        self.assertEqual(ni("port", "987", "--listening").returncode, 3)
        self.assertIn("NFS mounts", ni("port", "987", "--free").stdout)
        with Holder(lambda: tcp(socket.AF_INET, "0.0.0.0", 987)):
            self.assertEqual(ni("port", "987", "--free").returncode, 4)
            self.assertEqual(ni("port", "987", "--listening").returncode, 0)
            self.assertEqual(ni("port", "987/udp", "--free").returncode, 0)
        for bad in ("70000", "10-5", "987/pigeon", "--frobnicate"):
            self.assertEqual(ni("port", bad).returncode, 2, bad)
        self.assertEqual(ni("port").returncode, 2)
        self.assertEqual(ni("port", "no-such-name").returncode, 3)
        self.assertEqual(ni("port", "/no such text at all").returncode, 3)

    def test_ordinary_user(self):
        nobody = 65534
        with Holder(lambda: tcp(socket.AF_INET, "0.0.0.0", 987)):
            s = only(self, sockets("port", "987", user=nobody))
            self.assertEqual((s["held_by"], s["processes"], s["uid"]), ("hidden", [], 0))
            self.assertNotEqual(s["verdict"], "free")
            self.assertEqual(ni("port", "987", "--free", user=nobody).returncode, 4)
            self.assertIn("ask as root", ni("port", "987", user=nobody).stdout)
            silent = run("lsof", "-nP", "-i", ":987", user=nobody)
            self.assertEqual((silent.returncode, silent.stdout), (1, ""), "lsof has learned to speak: change the documents")
        with Holder(lambda: tcp(socket.AF_INET, "0.0.0.0", 987), user=nobody):
            s = only(self, sockets("port", "987", user=nobody))
            self.assertEqual(s["held_by"], "process", "a user sees the own processes")

    def test_control_group(self):
        mount = next((m for m in ("/sys/fs/cgroup/unified", "/sys/fs/cgroup") if os.path.exists(m + "/cgroup.procs")), None)
        group = f"{mount}/netinfo-test-{os.getpid()}.service"
        try:
            os.mkdir(group)
        except (OSError, TypeError):
            self.skipTest("no control groups of version 2 can be made here")

        def member():
            with open(group + "/cgroup.procs", "w") as f:
                f.write("0")
            return tcp(socket.AF_INET, "0.0.0.0", 987)
        try:
            with Holder(member) as h:
                for user in (None, 65534):
                    s = only(self, sockets("port", "987", user=user))
                    self.assertEqual(s["unit"], os.path.basename(group), f"as {user}")
                self.held_by(only(self, sockets("port", "987")), h.pid)
        finally:
            for _ in range(50):
                try:
                    os.rmdir(group)
                    break
                except OSError:
                    time.sleep(0.02)

    def test_other_namespace(self):
        libc = ctypes.CDLL(None, use_errno=True)

        def elsewhere():
            assert libc.unshare(0x40000000) == 0  # CLONE_NEWNET
            return tcp(socket.AF_INET, "0.0.0.0", 987)
        with Holder(elsewhere) as h:
            self.assertEqual(sockets("port", "987")["sockets"], [])
            found = [s for s in sockets("port", "987", "--all-netns")["sockets"] if h.pid in [p["pid"] for p in s["processes"]]]
            self.assertEqual(len(found), 1)
            self.assertEqual(found[0]["netns"], os.stat(f"/proc/{h.pid}/ns/net").st_ino)

    def test_hostile_process_name(self):
        def named():
            ctypes.CDLL(None).prctl(15, b"\x1b[31m\xc2\x9b\nred", 0, 0, 0)  # PR_SET_NAME
            return tcp(socket.AF_INET, "0.0.0.0", 987)
        with Holder(named):
            text = subprocess.run([*COMMAND, "port", "987"], capture_output=True).stdout
            self.assertNotIn(b"\x1b", text)
            self.assertNotIn(b"\xc2\x9b", text)
            only(self, sockets("port", "987"))


def parse_ss(flag):
    rows = set()
    out = run("ss", "-Hnp", "-a", "-O", flag).stdout
    for line in out.splitlines():
        f = line.split()
        state, local, peer = f[0], f[3], f[4]
        address, port = local.rsplit(":", 1)
        address = address.strip("[]").split("%")[0]
        pids = tuple(sorted(int(p) for p in set(re.findall(r"pid=(\d+)", line))))
        rows.add((flag[1:], state, address, port, peer.rsplit(":", 1)[1], pids))
    return rows


class Differential(unittest.TestCase):
    """Generated sockets: the same rows and the same processes as ss, the same listeners as lsof."""

    def make(self, seed):
        rng = random.Random(seed)

        def build():
            held = []
            for _ in range(60):
                port = rng.randrange(1024, 30000)
                kind = rng.randrange(6)
                try:
                    if kind == 0:
                        held.append(tcp(socket.AF_INET, rng.choice(["0.0.0.0", "127.0.0.1", "127.0.0.9"]), port))
                    elif kind == 1:
                        held.append(tcp(socket.AF_INET6, rng.choice(["::", "::1"]), port, only6=rng.randrange(2)))
                    elif kind == 2:
                        held.append(udp(socket.AF_INET, rng.choice(["0.0.0.0", "127.0.0.1"]), port))
                    elif kind == 3:
                        held.append(udp(socket.AF_INET6, "::1", port))
                    elif kind == 4:
                        s = tcp(socket.AF_INET, "127.0.0.1", port)
                        c = socket.create_connection(("127.0.0.1", port))
                        held += [s, c, s.accept()[0]]
                    else:
                        u = udp(socket.AF_INET, "127.0.0.1", port)
                        u.connect(("127.0.0.1", 9))
                        held.append(u)
                except OSError:
                    continue  # the port is taken already: fewer sockets
            return held
        return build

    def rows_of_ni(self):
        words = {"listen": "LISTEN", "open": "UNCONN", "connected": "ESTAB"}
        rows = {"t": set(), "u": set()}
        for s in sockets("ports", "--connections", "--all-holders")["sockets"]:
            if s["state"] not in words:
                continue
            address = s["address"].strip("[]")
            if s["state"] == "listen" and s["family"] == 6 and address == "::" and not s["v6_only"]:
                address = "*"  # ss's word for a dual-stack wildcard
            pids = tuple(sorted(p["pid"] for p in s["processes"]))
            flag = s["transport"][0]
            rows[flag].add((flag, words[s["state"]], address, str(s["port"]), str(s.get("peer_port", "*")), pids))
        return rows

    def test_against_ss(self):
        for seed in range(5):
            with Holder(self.make(seed)), Holder(self.make(seed + 1000)):
                mine = self.rows_of_ni()
                for flag in "tu":
                    theirs = {r for r in parse_ss("-" + flag) if r[1] in ("LISTEN", "UNCONN", "ESTAB")}
                    self.assertGreater(len(theirs), 10)
                    self.assertEqual(mine[flag] ^ theirs, set(), f"seed {seed}")

    def test_against_lsof(self):
        with Holder(self.make(77)):
            theirs = set()
            for line in run("lsof", "-nP", "-iTCP", "-sTCP:LISTEN").stdout.splitlines()[1:]:
                f = line.split()
                theirs.add((int(f[1]), f[8].rsplit(":", 1)[1], f[4]))
            mine = {(p["pid"], str(s["port"]), f"IPv{s['family']}") for s in sockets("ports", "--tcp", "--all-holders")["sockets"]
                    if s["state"] == "listen" for p in s["processes"]}
            self.assertGreater(len(theirs), 5)
            self.assertEqual(mine, theirs)

    def test_listings_of_this_machine(self):
        """--from reads what lsof and netstat print here, and finds the same listeners."""
        with Holder(self.make(5)), tempfile.TemporaryDirectory() as folder:
            mine = {(s["transport"], s["port"]) for s in sockets("ports")["sockets"] if s["state"] in ("listen", "open")}
            for words in (("lsof", "-nP", "-i"), ("netstat", "-anv"), ("netstat", "-tulnp")):
                path = os.path.join(folder, "listing")
                with open(path, "w") as f:
                    f.write(run(*words).stdout)
                theirs = {(s["transport"], s["port"]) for s in sockets("ports", "--from", path)["sockets"]}
                self.assertEqual(theirs ^ mine, set(), words)


class Editions(unittest.TestCase):
    """Importing, as a user does it."""
    HEADER = ("Service Name,Port Number,Transport Protocol,Description,Assignee,Contact,Registration Date,Modification Date,"
              "Reference,Service Code,Unauthorized Use Reported,Assignment Notes\r\n")

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.dir = os.path.join(self.folder.name, "own")

    def tearDown(self):
        self.folder.cleanup()

    def write(self, name, text):
        path = os.path.join(self.folder.name, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", newline="") as f:
            f.write(text)
        return path

    def update(self, *args):
        return ni("port", "--update", *args, "--dir", self.dir)

    def state(self, port, day):
        done = ni("port", str(port), "--dir", self.dir, "--as-of", day, "--json")
        return json.loads(done.stdout)["registry"]["tcp"]

    def test_history_grows(self):
        first = self.write("a.csv", self.HEADER + "novel,987,tcp,N,,,2026-10-01,,,,,\r\n")
        second = self.write("b.csv", self.HEADER + "other,987,tcp,N,,,2026-11-01,,,,,\r\n")
        dry = self.update(first, "--dry-run")
        self.assertEqual(dry.returncode, 0, dry.stderr)
        self.assertFalse(os.path.exists(self.dir))
        self.assertIn("edition of 2026-10-01", dry.stdout)
        self.assertEqual(self.update(first).returncode, 0)
        out = self.update(second).stdout
        self.assertIn("- 987/tcp assigned novel", out)
        self.assertIn("+ 987/tcp assigned other", out)
        self.assertEqual(self.state(987, "2026-10-15")["name"], "novel")
        self.assertTrue(self.state(987, "2026-10-15")["changed_in_between"] or self.state(987, "2026-10-15")["decided_by_date"])
        self.assertEqual(self.state(987, "2026-11-02")["name"], "other")
        self.assertIn("nothing new", self.update(second).stdout)
        self.assertEqual(ni("port", "--check", "--dir", self.dir).returncode, 0)

    def test_damaged_file_changes_nothing(self):
        good = self.write("in/2026-10-01.csv", self.HEADER + "novel,987,tcp,N,,,2026-10-01,,,,,\r\n")
        self.assertEqual(self.update(good).returncode, 0)
        with open(os.path.join(self.dir, "own.table"), "rb") as f:
            before = f.read()
        bad = self.write("in/2026-11-01.csv", self.HEADER + "x,1,tcp,N,,,2026-11-01,,,,,\r\nbroken\r\n")
        for what in (bad, os.path.dirname(bad)):
            done = self.update(what)
            self.assertEqual(done.returncode, 1)
            self.assertIn("2026-11-01.csv:3:", done.stderr)
            self.assertIn("nothing was imported", done.stderr)
            self.assertEqual(done.stdout, "")
        with open(os.path.join(self.dir, "own.table"), "rb") as f:
            self.assertEqual(f.read(), before)
        self.assertEqual(sorted(os.listdir(self.dir)), ["own.table"])

    def test_folder_and_services(self):
        for day, name in (("2001-01-01", "one"), ("2003-01-01", "three"), ("2002-01-01", "two")):
            self.write(f"lists/services-{day}", f"{name} 987/tcp\n")
        done = self.update(os.path.join(self.folder.name, "lists"))
        self.assertEqual(done.returncode, 0, done.stderr)
        history = ni("port", "987", "--history", "--source", "etc-services", "--dir", self.dir).stdout
        self.assertEqual([w for w in re.findall(r"\b(one|two|three)\b", history)], ["one", "two", "three"])
        self.assertEqual(self.state(987, "2002-06-01")["status"], "unknown")  # a distribution's list is no registry

    def test_damaged_own_table(self):
        os.makedirs(self.dir)
        with open(os.path.join(self.dir, "own.table"), "wb") as f:
            f.write(b"NIPORTS\n" + bytes(500))
        done = ni("port", "987", "--no-live", "--dir", self.dir)
        self.assertIn("left out", done.stderr)
        self.assertIn("unassigned", done.stdout)

    def test_full_history(self):
        check = os.environ.get("NETINFO_PORT_CHECK")
        if not check:
            self.skipTest("NETINFO_PORT_CHECK does not name the full history")
        done = self.update(os.path.join(check, "iana-claims.tsv"))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.state(81, "2008-03-01")["status"], "unassigned")
        self.assertEqual(self.state(11434, "2026-02-02")["name"], "ollama")
        self.assertEqual(self.state(11434, "2026-01-23")["status"], "unassigned")
        ghosts = json.loads(ni("ports", "--ghosts", "--json", "--dir", self.dir).stdout)
        lost = {g["port"] for g in ghosts["lost"] if g["tcp"]}
        self.assertTrue({2, 3, 47, 51, 61, 81, 100, 114, 258, 359, 585, 786, 831, 832, 833, 994} <= {p for p in lost if p < 1024})
        # 0: the edition of 2008-02-29 alone named two services there beside "reserved"
        self.assertEqual({p for p in lost if p < 1024} - {0, 2, 3, 47, 51, 61, 81, 100, 114, 258, 359, 585, 786, 831, 832, 833, 994}, set())


class Page(unittest.TestCase):
    def test_html_is_self_contained(self):
        page = ni("port", "987", "--html").stdout
        self.assertTrue(page.startswith("<!DOCTYPE html>"))
        for word in ("<script", "http-equiv", "src=", "<link", "url("):
            self.assertNotIn(word, page)
        self.assertIn("<title>Port 987</title>", page)
        self.assertNotIn("pid", page.lower().replace("npid", ""))

    def test_ghost_groups(self):
        ghosts = json.loads(ni("ports", "--ghosts", "--json").stdout)
        self.assertIn(1033, [g["port"] for g in ghosts["retired"]])
        self.assertIn(987, [g["port"] for g in ghosts["never_assigned"]])
        self.assertNotIn(987, [g["port"] for g in ghosts["lost"]])


class Site(unittest.TestCase):
    """What a site says, handed in by port-tool (the directory itself is not needed)."""

    def ask(self, *args, site="1"):
        return run(*TOOL, *args, env=dict(os.environ, PORT_TOOL_SITE=site))

    def test_expected_and_missing(self):
        with Holder(lambda: [tcp(socket.AF_INET, "0.0.0.0", 987), tcp(socket.AF_INET, "0.0.0.0", 22), tcp(socket.AF_INET, "0.0.0.0", 80)]):
            found = json.loads(self.ask("ports", "--json").stdout)
            verdict = {s["port"]: s["verdict"] for s in found["sockets"]}
            self.assertEqual(verdict, {987: "site-expected", 22: "other-than-registered", 80: "as-registered"})
            self.assertEqual([(m["port"], m["verdict"]) for m in found["missing"]], [(6500, "site-expected-missing")])
            text = self.ask("ports").stdout
            self.assertIn("expected sshd by site", text)
            self.assertIn("domain local expects intranet", text)
            one = self.ask("port", "987").stdout
            self.assertIn("this site, domain /", one)
            self.assertLess(one.index("this site"), one.index("Microsoft"))

    def test_silent_site(self):
        self.assertIn("the server does not answer", self.ask("port", "987", site="silent").stdout)


def mapper_reply(xid, rows, tail=b"\0\0\0\0"):
    body = struct.pack(">IIIIII", xid, 1, 0, 0, 0, 0)
    return body + b"".join(struct.pack(">IIIII", 1, *row) for row in rows) + tail


class PortMapper:
    """Answers one caller after the other on 127.0.0.1:111 as `answer(xid)` says: bytes of a stream, or None for silence."""

    def __init__(self, answer):
        self.answer, self.calls = answer, []
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(("127.0.0.1", 111))
        self.socket.listen(8)
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while True:
            try:
                c = self.socket.accept()[0]
            except OSError:
                return
            with c:
                call = c.recv(4096)
                self.calls.append(call)
                out = self.answer(struct.unpack(">I", call[4:8])[0])
                try:
                    if out is None:
                        c.recv(1)  # until the caller gives up
                    else:
                        c.sendall(out)
                except OSError:
                    pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        self.thread.join(10)


def record(*fragments):
    return b"".join(struct.pack(">I", len(f) | (0x80000000 if i + 1 == len(fragments) else 0)) + f for i, f in enumerate(fragments))


class Rpc(unittest.TestCase):
    ROWS = [(100005, 3, 6, 20048), (100005, 1, 6, 20048), (100021, 4, 17, 20048), (300019, 1, 6, 987), (100003, 3, 6, 0), (100003, 3, 6, 70000),
            (100000, 2, 6, 111)]

    def ask(self, answer, *words):
        with PortMapper(answer) as mapper, Holder(lambda: [tcp(socket.AF_INET, "0.0.0.0", 20048), tcp(socket.AF_INET6, "::", 987)]):
            done = ni(*words)
            self.assertEqual(done.returncode, 0, done.stderr)
            return done.stdout, mapper.calls

    def asked(self, answer, *words):
        """The same where an answer is to be seen: `ni` waits 200 ms for it, which is short on a busy machine."""
        for _ in range(50):
            out, calls = self.ask(answer, *words)
            if "mountd" in out:
                break
        return out, calls

    def test_joined(self):
        whole = lambda xid: record(mapper_reply(xid, self.ROWS))  # noqa: E731
        out, calls = self.asked(whole, "ports")
        self.assertRegex(out, r"0\.0\.0\.0:20048 .*  rpc mountd 1 3  ")
        self.assertRegex(out, r"\[::\]:987 .*  rpc program 300019 1  ")
        self.assertRegex(out, r"127\.0\.0\.1:111 .*  rpc portmapper 2  ")
        self.assertNotIn("nlockmgr", out)  # udp: nobody holds it
        self.assertEqual(struct.unpack(">IIIIIII", calls[0][4 + 4:4 + 32]), (0, 2, 100000, 2, 4, 0, 0))
        cut = lambda xid: record(*[bytes([b]) for b in mapper_reply(xid, self.ROWS)])  # noqa: E731
        found = json.loads(self.asked(cut, "port", "20048", "--json")[0])
        self.assertEqual([(r["program"], r["version"], r["name"]) for r in only(self, found)["rpc"]], [(100005, 1, "mountd"), (100005, 3, "mountd")])

    def test_hostile_or_silent(self):
        plain = re.sub(r"pid \d+", "", self.ask(lambda xid: b"", "ports")[0])
        endless = [(100005, 3, 6, 20048)] * 5000
        for answer in (lambda xid: None, lambda xid: record(mapper_reply(xid + 1, self.ROWS)), lambda xid: record(mapper_reply(xid, self.ROWS, tail=b"")),
                       lambda xid: record(mapper_reply(xid, self.ROWS, tail=b"\0\0\0\2")), lambda xid: record(mapper_reply(xid, endless)),
                       lambda xid: b"\xff\xff\xff\xff" + bytes(100), lambda xid: b"\0\0\0\0" * 5000, lambda xid: record(b"")):
            self.assertEqual(re.sub(r"pid \d+", "", self.ask(answer, "ports")[0]), plain)

    def test_not_asked_for_a_free_port(self):
        with PortMapper(lambda xid: record(mapper_reply(xid, self.ROWS))) as mapper:
            self.assertEqual(sockets("port", "20048")["sockets"], [])
            self.assertEqual(mapper.calls, [])


class Watch(unittest.TestCase):
    def watch(self, *words):
        return subprocess.Popen([*COMMAND, *words, "--watch", "--no-directory"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def test_came_and_went(self):
        with Holder(lambda: tcp(socket.AF_INET, "127.0.0.1", 987)) as first:
            w = self.watch("ports", "--tcp")
            self.assertRegex(w.stdout.readline(), rf"^\d\d:\d\d:\d\d = tcp  listen       127\.0\.0\.1:987 .*pid {first.pid}.*unregistered-use$")
            with Holder(lambda: tcp(socket.AF_INET6, "::1", 80)):
                self.assertRegex(w.stdout.readline(), r" \+ tcp  listen       \[::1\]:80 ")
            self.assertRegex(w.stdout.readline(), r" - tcp  listen       \[::1\]:80 ")
        self.assertRegex(w.stdout.readline(), r" - tcp  listen       127\.0\.0\.1:987 ")
        w.stdout.close()  # nobody reads any more: it ends by itself
        self.assertEqual(w.wait(60), 1)
        self.assertEqual(w.stderr.read(), "")
        w.stderr.close()

    def test_json_of_one_port(self):
        with Holder(lambda: [tcp(socket.AF_INET, "127.0.0.1", 987), tcp(socket.AF_INET, "127.0.0.1", 988)]):
            w = self.watch("port", "987", "--json")
            there = json.loads(w.stdout.readline())
            self.assertEqual((there["event"], there["socket"]["port"]), ("there", 987))
        went = json.loads(w.stdout.readline())
        self.assertEqual((went["event"], went["socket"]["port"]), ("went", 987))
        w.terminate()
        self.assertEqual(w.wait(60), -signal.SIGTERM)
        w.stdout.close()
        w.stderr.close()

    def test_refused(self):
        for words in (["ports", "--ghosts"], ["ports", "--from", "x"], ["port", "ssh"], ["port", "987", "--as-of", "2020"], ["port", "987", "--free"],
                      ["port", "--list-sources"]):
            self.assertEqual(ni(*words, "--watch").returncode, 2, words)


class AsOf(unittest.TestCase):
    """Golden headlines on both sides of a change."""
    GOLDEN = {
        ("11434", "2025-07-15"): "tcp,udp unassigned (listed so 2013-03-17, range 11372-11488; later editions at hand cannot show it).",
        ("11434", "2026-02-04"): "tcp,udp unassigned (listed so 2013-03-17, range 11372-11488; later editions at hand cannot show it) by 2025-07-16, "
                                 "assigned to ollama by 2026-02-05; changed in between.",
        ("11434", "2026-02-05"): "tcp assigned to ollama (listed so 2026-02-05 .. 2026-09-17); udp reserved (listed so 2026-02-05 .. 2026-09-17).",
        ("2", "2025-02-12"): "tcp,udp assigned to compressnet (listed so 1994-10 .. 2025-01-23), until 2025-02-13 by the registry's own date.",
        ("2", "2025-02-13"): "tcp,udp reserved (listed so 2025-07-16 .. 2026-09-17), since 2025-02-13 by the registry's own date.",
        ("81", "2007-09-05"): "tcp,udp assigned to hosts2-ns (listed so 1994-10 .. 2006-11-13).",
        ("81", "2007-09-06"): "tcp,udp unassigned (listed so 2013-03-17), since 2007-09-06 by the registry's own date.",
        ("953", "2017-06-05"): "tcp,udp unassigned (listed so 2004-01-08 .. 2017-06-05, range 914-988).",
        ("953", "2017-06-09"): "tcp,udp unassigned (listed so 2004-01-08 .. 2017-06-05, range 914-988; nothing newer at hand) by 2017-05-20, "
                               "assigned to rndc by 2017-06-10; changed in between.",
        ("953", "2017-06-10"): "tcp assigned to rndc (listed so 2017-06-10 .. 2026-09-17); udp reserved (listed so 2017-06-10 .. 2026-09-17).",
    }

    def test_headlines(self):
        for (port, day), golden in self.GOLDEN.items():
            first = ni("port", port, "--as-of", day).stdout.splitlines()[0]
            self.assertEqual(first.partition(f"IANA, as of {day}: ")[2], golden, (port, day))

    def test_retired(self):
        self.assertNotIn("retired", ni("port", "1033", "--as-of", "2007-10-25").stdout.splitlines()[2])
        self.assertIn("retired", ni("port", "1033", "--as-of", "2007-10-26").stdout.splitlines()[2])

    def test_free_warns(self):
        done = ni("port", "987/tcp", "--free")
        self.assertIn("but  only root and CAP_NET_BIND_SERVICE may bind ports below 1024", done.stdout)
        self.assertRegex(done.stdout, r"but  NFS mounts take source ports from \d+-1023")
        self.assertEqual(len(json.loads(ni("port", "987/tcp", "--free", "--json").stdout)["warnings"]), 2)
        self.assertIn("hands out 32768-60999 to connections", ni("port", "40000", "--free").stdout)
        self.assertNotIn("warnings", ni("port", "6500", "--free", "--json").stdout)


class Story(unittest.TestCase):
    """doc/port-987.md is what the program prints."""

    def test_every_block(self):
        page = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "doc", "port-987.md")
        with open(page, encoding="utf-8") as f:
            blocks = re.findall(r"^```\n\$ ni (.*)\n((?:.*\n)*?)```$", f.read(), re.M)
        checked = 0
        for words, printed in blocks:
            if "--no-registry" in words:
                continue  # about a machine, not about a day
            self.assertEqual(ni(*words.split()).stdout, printed, words)
            checked += 1
        self.assertGreaterEqual(checked, 8)


def main():
    global COMMAND, TOOL
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    COMMAND = [os.path.abspath(sys.argv[1])]
    TOOL = [os.path.abspath(sys.argv[2])]
    if os.geteuid() != 0:
        print("skipped: needs root for a network namespace of its own and for other users' processes")
        sys.exit(SKIP)
    for tool in ("ss", "lsof", "netstat", "ip"):
        if subprocess.run(["sh", "-c", f"command -v {tool}"], capture_output=True).returncode:
            print(f"skipped: {tool} is not installed")
            sys.exit(SKIP)
    if ctypes.CDLL(None, use_errno=True).unshare(0x40000000) != 0:
        print("skipped: no network namespace can be made here")
        sys.exit(SKIP)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    os.environ["NETINFO_PORTS_DIR"] = "/nonexistent"
    unittest.main(argv=sys.argv[:1] + sys.argv[3:], verbosity=1, warnings="ignore")


if __name__ == "__main__":
    main()
