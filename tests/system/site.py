#!/usr/bin/env python3
"""`ni port` and `ni ports` with a site's own directory: a real netinfod, claims, sources, expected programs, silenced claims; a server that hangs,
and none at all.

usage: site.py netinfod=PATH ni=PATH     Runs in a network namespace of its own (root; exit 77 says why not)."""
import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import daemon  # noqa: E402

SKIP = 77
SHAREPOINT = "microsoft:987/tcp:vendor-use:SharePoint (company web) of Windows Small Business Server"


def listener(port):
    s = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("::", port))
    s.listen(8)
    return s


class Site(unittest.TestCase):
    def setUp(self):
        self.daemon = daemon.Daemon()
        self.addCleanup(self.daemon.__exit__, None, None, None)
        self.env = dict(os.environ, NETINFO_SOCKET=self.daemon.socket)

    def ni(self, *args, status=0, named=True):
        """named: the server is named for an answer about ports, too, which waits 200 ms for one that is not: short on a busy machine."""
        if named and args[0] in ("port", "ports") and not {"claim", "--no-directory"} & set(args):
            args = (*args, "--server", self.daemon.socket)
        done = subprocess.run([daemon.PROGRAMS["ni"], *args], capture_output=True, text=True, env=self.env, timeout=60)
        if status is not None:
            self.assertEqual(done.returncode, status, (args, done.stderr))
        return done

    def port(self, *args, named=True):
        return json.loads(self.ni("port", *args, "--json", "--no-live", named=named).stdout)

    def ours(self, answer):
        return [c for c in answer["claims"] if "domain" in c]

    def test_claims_add_up_and_come_first(self):
        before = self.port("987")
        made = self.ni("port", "claim", "987/tcp", "--name", "netinfo", "--owner", "ada", "--note", "the directory itself")
        self.assertIn("/ports/987/1", made.stderr)
        self.ni("port", "claim", "987/udp", "--name", "consoles", "--status", "unofficial", "--source", "book", "--confidence", "medium")
        self.ni("add", "-p", "/port_sources/book", "title=The yard book", "kind=vendor document", "reference=page 12")
        self.ni("port", "claim", "900-990", "--name", "yard", "--status", "dynamic")
        self.ni("add", "/ports/987/named", "transport=udp", "status=vendor-use", "asserted_until=2020-01-01")
        answer = self.port("987")
        self.assertEqual(len(answer["claims"]), len(before["claims"]) + 4)
        ours = self.ours(answer)
        self.assertEqual(answer["claims"][:4], ours)
        self.assertEqual([(c["name"], c["source_title"], c["domain"], c["standing"]) for c in ours],
                         [("netinfo", "this site", "local", "stands"), ("named", "this site", "local", "ended"),
                          ("consoles", "The yard book", "local", "stands"), ("yard", "this site", "local", "stands")])
        self.assertEqual((ours[0]["owner"], ours[0]["note"]), ("ada", "the directory itself"))
        text = self.ni("port", "987", "--no-live").stdout
        self.assertLess(text.index("this site, domain local, tcp"), text.index("Microsoft documents"))
        self.assertIn("the directory itself  ask ada", text)
        self.assertEqual(len(self.ours(self.port("950"))), 1)  # the range alone
        self.assertEqual(self.ours(self.port("991")), [])
        self.assertEqual(self.port("987", "--no-directory"), before)
        self.assertIn("987 ", self.ni("port", "NetInfo").stdout)
        self.assertIn("987 ", self.ni("port", "/directory itself").stdout)
        self.assertIn("The yard book", self.ni("port", "--list-sources").stdout)
        self.assertIn("consoles", self.ni("port", "987", "--source", "book", "--no-live").stdout)
        self.assertNotIn("SharePoint (company web) of Windows Small Business Server (vendor-use)",
                         self.ni("port", "987", "--source", "book", "--no-live").stdout)
        self.assertEqual([len(self.ours(a)) for a in self.port("986-988")], [1, 4, 1])

    def test_not_named(self):
        """The server that NETINFO_SOCKET names is asked all the same, if not for long."""
        self.ni("port", "claim", "987/tcp", "--name", "netinfo")
        daemon.until(lambda: [c["name"] for c in self.ours(self.port("987", named=False))] == ["netinfo"])

    def test_silenced(self):
        before = self.port("987")
        self.assertIn(SHAREPOINT, [c.get("id") for c in before["claims"]])
        self.assertIn("id " + SHAREPOINT, self.ni("port", "987", "--history", "-v").stdout)
        self.ni("port", "claim", "987", "--hide", SHAREPOINT)
        after = self.port("987")
        self.assertEqual(after["silenced"], 1)
        self.assertEqual([c for c in before["claims"] if c["id"] != SHAREPOINT], after["claims"])
        self.assertEqual(before["registry"]["udp"], after["registry"]["udp"])
        self.assertIn("1 claim that this site silences", self.ni("port", "987", "--no-live").stdout)
        self.assertEqual(self.port("987", "--no-directory"), before)
        self.ni("rm", "/ports/987/1")
        self.assertEqual(self.port("987"), before)

    def test_programs_and_expected(self):
        self.ni("add", "-p", "/services/ssh", "port=22", "protocol=tcp", "program=sshd")
        self.ni("add", "/services/http", "name=www", "port=80", "protocol=tcp", "program=nginx", "program=" + os.path.basename(os.readlink("/proc/self/exe")))
        self.ni("port", "claim", "987/tcp", "--name", "netinfo")
        self.ni("port", "claim", "6500/tcp", "--name", "intranet")
        self.ni("port", "claim", "6501/tcp", "--name", "old", "--until", "2020-01-01")
        self.ni("port", "claim", "6502/tcp", "--name", "hearsay", "--status", "unofficial")
        with listener(22), listener(80), listener(987):
            found = json.loads(self.ni("ports", "--json", "--tcp").stdout)
            verdicts = {s["port"]: s["verdict"] for s in found["sockets"] if s["port"] < 1024}
            self.assertEqual(verdicts, {22: "other-than-registered", 80: "as-registered", 987: "site-expected"})
            self.assertEqual([(m["port"], m["name"]) for m in found["missing"]], [(6500, "intranet")])
            self.assertIn("expected sshd by site", self.ni("port", "22").stdout)
            without = json.loads(self.ni("ports", "--json", "--tcp", "--no-directory").stdout)
            self.assertEqual(without["missing"], [])
            self.assertEqual({s["verdict"] for s in without["sockets"] if s["port"] in (22, 80)}, {"registered"})
        self.assertIn("site-expected-missing: domain local expects netinfo", self.ni("ports").stdout)
        self.assertIn("but  domain local keeps it for intranet", self.ni("port", "6500", "--free").stdout)
        self.assertNotIn("keeps it", self.ni("port", "6501", "--free").stdout)

    def test_what_is_not_understood_is_said(self):
        self.ni("add", "-p", "/ports/987/1", "service=x", "status=perhaps")
        self.ni("add", "/ports/987/2", "service=y", "transport=carrier-pigeon")
        self.ni("add", "/ports/987/3", "service=z\x1b[2J")
        answer = self.port("987")
        self.assertEqual([c["name"] for c in self.ours(answer)], ["z\x1b[2J"])
        self.assertIn("/ports/987/1: `perhaps' is no status, and 1 more", answer["site_silence"])
        text = self.ni("port", "987", "--no-live").stdout
        self.assertIn("hid  the site's own claims: /ports/987/1", text)
        self.assertNotIn("\x1b", text)

    def test_page_escapes_what_a_site_says(self):
        self.ni("port", "claim", "987", "--name", "<script>alert(1)</script>", "--note", "a & \"b\"")
        page = self.ni("port", "987", "--html").stdout
        self.assertIn("&lt;script&gt;alert(1)&lt;/script&gt;", page)
        self.assertNotIn("<script", page)
        latin = b"caf\xe9 \xc2\x9b".decode("utf-8", "surrogateescape")
        self.ni("port", "claim", "987", "--name", latin)
        page = subprocess.run([daemon.PROGRAMS["ni"], "port", "987", "--html"], capture_output=True, env=self.env, timeout=60).stdout.decode()
        self.assertIn("caf\ufffd ", page)
        self.assertNotIn("\x9b", page)
        self.ni("port", "claim", "987", "--hide", SHAREPOINT)
        self.assertIn("This site does not show 1 of the claims", self.ni("port", "987", "--html").stdout)

    def test_claims_refused(self):
        for words in (["987x", "--name", "a"], ["70000", "--name", "a"], ["987/foo", "--name", "a"], ["987"], [], ["987", "--name", "a", "--status", "assigned"],
                      ["987", "--name", "a", "--until", "soon"]):
            self.ni("port", "claim", *words, status=2)
        self.assertEqual(self.ni("ls", "/").stdout.find("ports"), -1)

    def test_server_that_hangs(self):
        self.ni("port", "claim", "987", "--name", "netinfo")
        self.daemon.process.send_signal(signal.SIGSTOP)
        try:
            answer = self.port("987", named=False)
        finally:
            self.daemon.process.send_signal(signal.SIGCONT)
        self.assertEqual(self.ours(answer), [])
        self.assertIn("no answer in time", answer["site_silence"])
        self.assertIn("SharePoint", json.dumps(answer))

    def test_nobody_there(self):
        def ask(*args, **env):
            clean = {k: v for k, v in os.environ.items() if not k.startswith("NETINFO_S")}
            return subprocess.run([daemon.PROGRAMS["ni"], "port", "987", "--no-live", *args], capture_output=True, text=True, env=dict(clean, **env), timeout=60)
        if not os.path.exists("/run/netinfo/netinfod.sock"):
            quiet = ask()
            self.assertEqual((quiet.stderr, quiet.returncode), ("", 0))
            self.assertNotIn("hid ", quiet.stdout)
            self.assertIn("no site's own claims", ask("-v").stderr)
            self.assertEqual(ask("-v").stdout, quiet.stdout)
        # one that was named is missed
        self.assertIn("hid  the site's own claims", ask(NETINFO_SOCKET="/nonexistent/socket").stdout)
        self.assertIn("give the same to --server", ask(NETINFO_SERVER="directory.example.org").stdout)
        self.assertNotIn("hid ", ask("--no-directory", NETINFO_SOCKET="/nonexistent/socket").stdout)
        self.ni("port", "claim", "987", "--name", "netinfo")
        self.assertIn("this site", ask("--server", self.daemon.socket).stdout)
        self.assertIn("hid ", ask("--server", self.daemon.socket, "--domain", "nowhere").stdout)


if __name__ == "__main__":
    if os.geteuid() != 0 or ctypes.CDLL(None, use_errno=True).unshare(0x40000000) != 0:
        print("skipped: needs root and a network namespace of its own")
        sys.exit(SKIP)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    os.environ["NETINFO_PORTS_DIR"] = "/nonexistent"
    daemon.main()
