#!/usr/bin/env python3
"""niload of much: changes are sent many at a time and ahead of their answers (doc/flat-files.md "Streams").

usage: niload.py BIN_FOLDER NETINFOD [unittest options]
"""
import json
import os
import re
import signal
import subprocess
import sys
import threading
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import historical  # noqa: E402
from historical import WithService, environment  # noqa: E402
import old_server  # noqa: E402

MANY = 4500


class Ahead(WithService):
    fixture = False

    def load(self, form, text, *options, code=0, err=""):
        self.gives("", "niload", *options, form, ".", stdin=text, code=code, err=err)

    def state(self):
        out = subprocess.run([historical.NI, "status", "--json"], env=self.env, capture_output=True, check=True).stdout
        return json.loads(out)

    def test_few_steps(self):
        text = "".join(f"g{i}:*:{i}:a,b\n" for i in range(MANY))
        self.load("group", "other:*:1:\n")
        self.gives("", "niutil", "-destroy", ".", "/groups")
        before = self.state()["seq"]
        self.load("group", text)
        self.assertLessEqual(self.state()["seq"] - before, 2 + MANY // 1000 + 1)
        self.gives(text, "nidump", "group", ".")
        before = self.state()["seq"]
        self.load("group", text)  # nothing differs: nothing is written
        self.assertEqual(before, self.state()["seq"])

    def test_a_name_that_is_on_its_way(self):
        """A later line of a group whose first one was sent long ago, and is perhaps not there yet; an alias likewise."""
        lines = [f"h{i}:*:{i}:a\n" for i in range(MANY)]
        self.load("group", "".join(lines) + "h7:*:7:late\n" + "".join(f"i{i}:*:{i}:a\n" for i in range(MANY)) + f"h{MANY - 1}:*:{MANY - 1}:last\n", "-d")
        out = self.run_tool("nidump", "group", ".")[1].splitlines()
        self.assertEqual(2 * MANY, len(out))
        self.assertEqual(("h7:*:7:a,late", f"h{MANY - 1}:*:{MANY - 1}:a,last"), (out[7], out[MANY - 1]))
        self.load("hosts", "".join(f"10.1.{i // 250}.{i % 250} m{i} alias{i}\n" for i in range(MANY)) +
                  "".join(f"10.9.9.9 alias{i}\n" for i in (MANY - 1, MANY - 700, 5)))
        # The entry that was found by its alias is the one that the later line is about, not another one.
        for i in (MANY - 1, MANY - 700, 5):
            self.gives("10.9.9.9\n", "niutil", "-readprop", ".", f"/machines/alias{i}", "ip_address")
            self.gives("", "niutil", "-read", ".", f"/machines/m{i}", code=105, err=re.compile("No such directory"))

    def test_a_name_that_an_entry_had(self):
        """Under the alias that a line takes from an entry, the next line finds no entry, or waits until it does not."""
        for between in (0, MANY):
            self.load("hosts", "10.0.0.1 x y\n", "-d")
            self.load("hosts", "10.0.0.1 x\n" + "".join(f"10.1.{i // 250}.{i % 250} m{i}\n" for i in range(between)) + "10.0.0.2 y\n")
            out = self.run_tool("nidump", "hosts", ".")[1].splitlines()
            self.assertEqual((between + 2, "10.0.0.1\tx", "10.0.0.2\ty"), (len(out), out[0], out[-1]))

    def test_one_is_refused(self):
        """Of records that ada may write, one is not hers: what is before it is stored, and it is named."""
        props = "\n".join('{ "name" = ( "k%d" ); "members" = ( "x" ); "_writers" = ( "%s" ); },' % (i, "ada" if i != 3500 else "root")
                          for i in range(MANY))
        hashed = subprocess.run(["perl", "-e", "print crypt('right', '$6$saltsalt$')"], capture_output=True, check=True).stdout.decode()
        self.gives("", "niload", "-r", "/aliases", ".", stdin='{ "name" = ( "aliases" ); CHILDREN = (\n%s\n) }\n' % props[:-1])
        self.gives("", "niload", "-r", "/users", ".", stdin='{ "name" = ( "users" ); CHILDREN = ( { "name" = ( "ada" ); "uid" = ( "501" ); '
                   '"passwd" = ( "%s" ); } ) }' % hashed)
        secret = os.path.join(self.service.folder, "secret")
        with open(secret, "w", encoding="utf-8") as f:
            f.write("right\n")
        where = f"127.0.0.1:{self.service.port}/local"
        code, out, err = self.run_tool("niload", "-u", "ada", "--password-file", secret, "-m", "-t", "aliases", where,
                                       stdin="".join(f"k{i}: y\n" for i in range(MANY)), env=environment())
        self.assertEqual((1, "", "niload: can't update NetInfo /aliases/k3500: Permission denied\n"), (code, out, err))
        table = dict(line.split(": ") for line in self.run_tool("nidump", "aliases", ".")[1].splitlines())
        self.assertEqual({"y,x"}, {table[f"k{i}"] for i in range(3500)})
        self.assertEqual("x", table["k3500"])

    def test_what_is_too_large(self):
        """A line that is larger than what is taken is not lost in silence; one call carries 4 MiB of a record."""
        many = "many:*:7:" + ",".join(f"m{i}" for i in range(65536))
        self.load("group", f"x1:*:1:a\n{many}\nx2:*:2:\n", "-d", code=1, err="niload: line 2: more than 65535 values of 'users': not loaded\n")
        self.gives("x1:*:1:a\nx2:*:2:\n", "nidump", "group", ".")
        wide = "wide:*:7:" + ",".join("m" * 74 + f"{i:06}" for i in range(60000))
        for options in ([], ["--strict"]):
            self.load("group", f"y1:*:1:a\n{wide}\n", *options, code=1,
                      err=re.compile(r"\Aniload: can't update NetInfo /groups/wide: No space available for write operation \(.*4 MiB.*\)\n\Z"))
        self.load("group", "z1:*:1:a\nz2:*:2\nno line\n", "--strict", code=1, err=re.compile("niload: line [23]: "))
        self.gives("", "niutil", "-read", ".", "/groups/z1", code=105, err=re.compile("No such directory"))
        done = self.run_tool("ni", "import", "group", "-", stdin=f"w1:*:1:\n{wide}\nw2:*:2:\n")
        self.assertEqual(1, done[0])
        self.assertRegex(done[2], r"/groups/wide: the record is \d+ KiB, and one call carries at most \d+ KiB.*\n.*\n1 of 3 records")
        self.gives("w1\n", "niutil", "-readprop", ".", "/groups/w1", "name")

    def test_raw_of_all_shapes(self):
        """More children than one step carries, leaves and others mixed, three levels."""
        def entry(name, below=""):
            return '{ "name" = ( "%s" ); %s }' % (name, "CHILDREN = ( %s )" % below if below else "")
        rows = [entry(f"r{i}", ",".join(entry(f"s{k}", entry("t") if k == 3 else "") for k in range(1500 if i == 700 else 5)) if i % 100 == 0 else "")
                for i in range(2500)]
        self.gives("", "niload", "-r", "/tree", ".", stdin=entry("tree", ",\n".join(rows)))
        dump = self.run_tool("nidump", "-r", "/tree", ".")[1]
        self.assertEqual([f"r{i}" for i in range(2500)], re.findall(r'^      "name" = \( "(r\d+)" \);$', dump, re.M))
        self.assertEqual(24 * 5 + 1500, len(re.findall(r'^ {10}"name" = \( "s\d+" \);$', dump, re.M)))
        self.assertEqual(25, dump.count('"t"'))
        self.gives("", "niload", "-r", "/again", ".", stdin=dump)
        self.assertEqual(dump, self.run_tool("nidump", "-r", "/tree", ".")[1].replace('"again"', '"tree"'))
        self.gives("", "niload", "-r", "/tree", ".", stdin=dump)  # over what is there
        self.assertEqual(dump, self.run_tool("nidump", "-r", "/tree", ".")[1])


class Proxy(old_server.OldServer):
    """Between niload and netinfod; `edit` says what becomes of the n-th EDIT."""
    EDIT, PERM, UNKNOWN_OUTCOME = 4, 10, 1003
    edits = 0
    edit = None

    def extension(self, call, ask):
        if old_server.word(call, 20) != self.EDIT:
            return ask(call)
        self.edits += 1
        return self.edit(self.edits, call, ask)

    @staticmethod
    def refusal(call, status):
        return call[:4] + b"\0\0\0\1" + bytes(16) + status.to_bytes(4, "big") + bytes(4)


class Trouble(WithService):
    """A thousand groups go in the first EDIT, a thousand in the second, 500 in the third."""
    fixture = False

    def load_through(self, edit, after=lambda: None):
        proxy = Proxy(("127.0.0.1", self.service.port))
        proxy.edit = edit
        self.addCleanup(proxy.close)
        self.run_tool("niutil", "-destroy", ".", "/groups")
        text = "".join(f"g{i}:*:{i}:a\n" for i in range(2500))
        where = environment(NETINFO_SERVER=f"127.0.0.1:{proxy.port}", XDG_STATE_HOME=self.service.folder)
        code, out, err = self.run_tool("niload", "group", ".", stdin=text, env=where)
        after()
        self.assertEqual((1, ""), (code, out))
        return err, self.run_tool("nidump", "group", ".")[1].splitlines()

    def test_the_outcome_is_unknown(self):
        """An EDIT that perhaps stands is not made again, entry by entry."""
        def edit(n, call, ask):
            answer = ask(call)
            return Proxy.refusal(call, Proxy.UNKNOWN_OUTCOME) if n == self.at else answer
        for self.at in (1, 2):
            err, lines = self.load_through(edit)
            self.assertEqual(f"niload: can't update NetInfo /groups/g{1000 * (self.at - 1)}: Remote system error\n", err)
            self.assertEqual(len(set(lines)), len(lines))
            self.assertIn(f"g{1000 * self.at - 1}:*:{1000 * self.at - 1}:a", lines)

    def test_refused_and_then_gone(self):
        """The second EDIT is refused, and before its entries can be sent one by one the server is gone."""
        err, lines = self.load_through(lambda n, call, ask: None if n == 3 else ask(call) if n != 2 else Proxy.refusal(call, Proxy.PERM))
        self.assertEqual("niload: can't update NetInfo /groups/g1000: Communication failure\n", err)
        self.assertEqual(1000, len(lines))

    def test_gone_while_looking(self):
        """The server dies when the second EDIT comes: the look-up that fails then is one of the third thousand."""
        gone = threading.Event()

        def edit(n, call, ask):
            if n == 1:
                return ask(call)
            self.service.end(signal.SIGKILL)
            gone.set()
            return None

        def start():  # niload sees the end of netinfod, and ends, perhaps before end() does
            self.assertTrue(gone.wait(60), "netinfod was not ended")
            self.service.start()
        err, lines = self.load_through(edit, start)
        self.assertEqual("niload: can't update NetInfo /groups/g1000: Communication failure\n", err)
        self.assertEqual(1000, len(lines))


@unittest.skipUnless(os.geteuid() == 0, "a reserved port is root's")
class Old(WithService):
    """At a historical server each record is a call, and no more calls than are needed."""
    fixture = False
    SELF, CREATE = 3, 5

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.become_old()

    def test_calls(self):
        self.gives("", "niload", "group", ".", stdin="a:*:1:\n")
        before = dict(self.old.seen)
        text = "".join(f"g{i}:*:{i}:a\n" for i in range(300))
        self.gives("", "niload", "group", ".", stdin=text)
        calls = {p: n - before.get(p, 0) for p, n in self.old.seen.items()}
        self.assertEqual(300, calls[self.CREATE])
        self.assertLess(calls[self.SELF], 10)  # not one for each
        self.gives("a:*:1:\n" + text, "nidump", "group", ".")


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    historical.BIN, historical.NETINFOD = (os.path.abspath(p) for p in sys.argv[1:3])
    historical.NI = os.path.join(historical.BIN, "ni")
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])


if __name__ == "__main__":
    main()
