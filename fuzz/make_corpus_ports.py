#!/usr/bin/env python3
"""Makes fuzz/corpus/port_*: small files with the quirks of doc/ports.md 1.4, and a small table.

usage: make_corpus_ports.py MKTABLE   (the build tool, BUILD/src/portdb/mktable)
"""
import os
import struct
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.abspath(__file__))
HEADER = ("Service Name,Port Number,Transport Protocol,Description,Assignee,Contact,Registration Date,Modification Date,"
          "Reference,Service Code,{},Assignment Notes\r\n")


def put(target, name, data):
    folder = os.path.join(ROOT, "corpus", "port_" + target)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name), "wb") as f:
        f.write(data if isinstance(data, bytes) else data.encode())


CSV = (HEADER.format("Unauthorized Use Reported") + "zz,,tcp,name only,,,,,,,,\r\n,4,tcp,Unassigned,,,,,,,,\r\n"
       ",81,,Unassigned (Removed on 2007-09-06),,,,,,,,\r\nx11,6000-6063,tcp,X,[A],[A],2007-11,2008-02-01,[RFC1],,some,n\r\n"
       ',8474-8449,,Unassigned,,,,,,,,\r\na,63,udp,"says ""hi"",\ntwice",,,,,,,,\r\n')
put("csv", "quirks", CSV)
put("csv", "old-header", HEADER.format("Known Unauthorized Uses") + "a,1,tcp,d,,,,,,,,\n")
put("csv", "open-quote", HEADER.format("Unauthorized Use Reported") + 'a,1,tcp,"d,,,,\r\n')
XML = ("<?xml version='1.0'?>\n<registry id=\"s\"><title>T</title><updated>2026-08-17</updated><note>r &amp; <xref type=\"rfc\" data=\"x\"/></note>"
       "<record date=\"2025-09-26\" updated=\"2026-01\"><name>ollama</name><protocol>tcp</protocol><xref type=\"person\" data=\"P\"/>"
       "<description>R&#x41;<br/>x</description><number>11434</number><unauthorized>u</unauthorized><note>n <xref type=\"uri\" data=\"u\"/></note></record>"
       "<!-- c --><record><description>Unassigned</description><number>954-988</number></record>"
       "<record><name>c</name><protocol>udp</protocol><description><![CDATA[<raw>]]></description><number>7</number></record></registry>")
put("xml", "quirks", XML)
put("xml", "doctype", "<!DOCTYPE a [<!ENTITY b \"c\">]><registry/>")
put("xml", "cut", XML[:300])
put("services", "plain", "# c\nssh\t22/tcp\t# SSH\nhttp 80/tcp www www-http\nrtmp 1/ddp\n")
put("services", "bad", "ssh 22/tcp,udp\n")
NUMBERS = ("PORT NUMBERS\n\n(last updated 2008-02-29)\n\nThe port numbers are divided.\n\nKeyword         Decimal    Description        References\n-------\n"
           "                  0/tcp    Reserved\n#                          Jon Postel\ntcpmux            1/tcp    Multiplexer [RFC1078]\n"
           "#                 4/udp    Unassigned\n                 24/tcp    any private mail system\n#                81   Unassigned (Removed on 2007-09-06)\n"
           "cl/1            172/tcp    Network\n#               914-988    Unassigned\n#    8474-8449  Unassigned\nx11  6000-6063/tcp  X\n")
put("numbers", "quirks", NUMBERS)
put("numbers", "month", NUMBERS.replace("2008-02-29", "08 January 2004"))
put("numbers", "bad", NUMBERS + "a 70000/tcp x\n")
RPC = struct.pack(">IIIIII", 1, 1, 0, 0, 0, 0)
ROWS = [(100000, 2, 6, 111), (100005, 3, 6, 20048), (100005, 1, 17, 20048), (100003, 3, 6, 0), (300019, 1, 99, 70000)]
put("rpc", "list", RPC + b"".join(struct.pack(">IIIII", 1, *row) for row in ROWS) + struct.pack(">I", 0))
put("rpc", "empty", RPC + struct.pack(">I", 0))
put("rpc", "cut", RPC + struct.pack(">III", 1, 100000, 2))
put("rpc", "denied", struct.pack(">IIIII", 1, 1, 1, 1, 1))
EDITION = "# Edition x, date 2013-02-18\nport\tend\ttransport\tstatus\tname\tdescription\n8\t9\t\tunassigned\t\t\n24\t\ttcp\tassigned-unnamed\t\tany\n987\t\ttcp\tassigned\tn\td\n"
put("edition", "plain", EDITION)
HAND = ("port\tend\ttransport\tstatus\tname\tsource\tclaim\tfirst_seen\tlast_seen\treference\tconfidence\n"
        "987\t\ttcp,udp\tvendor-use\tn\tk\tc\t2014\t2026-01\tr\thigh for the text\n600\t1023\t\tdynamic\tm\tk\tc\t\t2026\tr\tFALSE against it\n")
RUNS = ("port\tend\ttransport\tstatus\tname\tfirst_seen\tlast_seen\tabsent_before\tabsent_after\tdescription\n"
        "2\t\ttcp\tassigned\ta\t2013-03-17\t2023-07-20\t\t2025-07-16\td\n2\t\ttcp\treserved\t\t2025-07-16\t2026-09-17\t2023-07-20\t\t\n"
        "954\t988\t\tunassigned\t\t2013-03-17\t2013-03-17\t\t2015-01-24\t\n")
put("claims", "hand", "\0" + HAND)
put("claims", "runs", "\1" + RUNS)
put("claims", "sources", "\2key\ttitle\tkind\tlicence\treference\nx\tX\tregistry\tl\tr\n")
put("claims", "editions", "\3date\torigin\tloses\n2013-03-17\to\tnames,any,ranges\n")
put("listing", "windows", "\1  Proto  Local Address  Foreign Address  State  PID\r\n  TCP    0.0.0.0:135  0.0.0.0:0  LISTENING  4\r\n  UDP    [fe80::1%12]:1900  *:*  4321\r\n")
put("listing", "macos", "\1Proto Recv-Q Send-Q  Local Address  Foreign Address  (state)  rhiwat shiwat  process:pid  state\n"
    "tcp46  0  0  *.987  *.*  LISTEN  131072 131072  netinfod:812  0x0100\nudp4  0  0  *.5353  *.*  786896  9216  230  0\n")
put("listing", "linux", "\1tcp        0      0 0.0.0.0:22  0.0.0.0:*  LISTEN  812/sshd\ntcp6  0  0 ::1:22  ::1:5000  TIME_WAIT  -\n")
put("listing", "lsof", "\1COMMAND PID USER FD TYPE DEVICE SIZE/OFF NODE NAME\nG\\x20C 400 ada 23u IPv4 0x12 0t0 TCP 10.0.0.2:50000->1.2.3.4:443 (ESTABLISHED)\nn 812 root 5u IPv6 0xabc 0t0 TCP *:987 (LISTEN)\n")
with tempfile.TemporaryDirectory() as folder:
    def file(name, text):
        path = os.path.join(folder, name)
        with open(path, "w", newline="") as f:
            f.write(text)
        return path
    table = os.path.join(folder, "t")
    subprocess.run([sys.argv[1], "-o", table, "--sources", file("s", "key\ttitle\tkind\tlicence\treference\nk\tK\tregistry\tl\tr\nv\tV\tencyclopaedia\tl\tr\n"),
                    "--editions", "k=" + file("e", "date\torigin\tloses\n2013-03-17\to\tnames,any,ranges\n"), "--claims", "k=" + file("r", RUNS),
                    "--claims", file("h", HAND.replace("\tk\t", "\tv\t"))], check=True)
    with open(table, "rb") as f:
        small = f.read()
put("table", "two", b"\x02\x00\x23\x10" + small)
put("table", "nine-eight-seven", b"\xdb\x03\x24\x01" + small)
put("table", "cut", b"\xdb\x03\x24\x01" + small[:200])
