"""ni store, from outside: load, dump, stat, check, copy; what they refuse; damage. Usage: tool.py NI"""
import json
import os
import re
import subprocess
import sys
import tempfile

NI = sys.argv[1]

HEAD = "netinfo-store 1\nuuid 000102030405060708090a0b0c0d0e0f\nepoch 77\nseq 42\nrole master\n"
BODY = r"""
dir 0 instance 3 parent 0 ordinal 0 born 0 version 42
 master galley/network
 \e
 \x5cback\x20slash \x00\x01\xff-not-here
dir 1 instance 1 parent 0 ordinal 4611686018427387904 born 2 version 3
 name machines
dir 7 instance 0 parent 1 ordinal 9 born 3 version 3
 name galley g\xc3\xbcnther \e galley
 ip_address
 serves ./network
""".replace(r"\x00", r"\x02")


def ni(*words, stdin=None):
    r = subprocess.run([NI, "store", *words], input=stdin, capture_output=True, timeout=120,
                       text=False if isinstance(stdin, bytes) else True)
    return r.returncode, r.stdout, r.stderr


def expect(got, want, what):
    if got != want:
        sys.exit(f"{what}: got {got!r}, wanted {want!r}")


def refused(text, reason, folder):
    code, _, err = ni("load", "-", folder, stdin=text)
    expect(code, 1, text)
    if reason not in err:
        sys.exit(f"{text!r}: {err!r} does not say {reason!r}")
    expect(os.path.exists(folder), False, "folder of a refused load")


def main(tmp):
    first, second = os.path.join(tmp, "first"), os.path.join(tmp, "second")
    dumped = os.path.join(tmp, "dump.txt")

    # Text -> store -> text -> store -> text: any bytes come back, and the digest knows them.
    expect(ni("load", "-", first, stdin=HEAD + BODY + "\nend 3\n"), (0, "", ""), "load")
    code, text, err = ni("dump", first)
    expect((code, err), (0, ""), "dump")
    same = re.sub(r"epoch \d+", "epoch 77", text)
    lines = [l for l in same.splitlines() if l]
    expect(lines[:-1], [l for l in (HEAD + BODY).splitlines() if l], "dump of what was loaded")
    expect(bool(re.fullmatch(r"end 3 digest [0-9a-f]{32}", lines[-1])), True, "last line")
    with open(dumped, "w") as f:
        f.write(text)
    expect(ni("load", dumped, second)[0], 0, "load with digest")
    again = ni("dump", second)[1]
    expect(re.sub(r"epoch \d+", "", again), re.sub(r"epoch \d+", "", text), "second dump")
    expect(again == text, False, "a new epoch")

    # stat and check, by folder, by file.
    code, out, _ = ni("stat", "--json", first)
    stat = json.loads(out)
    expect([stat[k] for k in ("directories", "highest", "seq", "first_seq", "role", "checksum", "uuid")],
           [3, 7, 42, 43, "master", 1 * 3 + 2 * 1 + 8 * 0, "000102030405060708090a0b0c0d0e0f"], "stat")
    expect(stat["digest"], lines[-1].split()[-1], "digest")
    code, out, _ = ni("check", first)
    expect((code, "3 directories" in out, out.endswith("sound\n")), (0, True, True), "check")
    expect(json.loads(ni("check", "--json", os.path.join(first, "data.mdb"))[1])["sound"], True, "check of the file")

    # copy, also from a copy's file; a copy is read without a lock file.
    copy = os.path.join(tmp, "copy")
    expect(ni("copy", first, copy), (0, "", ""), "copy")
    expect(os.listdir(copy), ["data.mdb"], "files of a copy")
    expect(ni("dump", copy)[1], text, "dump of a copy")
    expect(os.listdir(copy), ["data.mdb"], "files of a copy that was read")
    expect(ni("copy", first, copy)[0], 4, "copy onto something")

    # What is refused, and that nothing is left of it.
    expect(ni("load", dumped, second)[0], 4, "load onto something")
    expect(ni("stat", os.path.join(tmp, "nowhere"))[0], 3, "stat of nothing")
    expect(ni("stat", tmp)[0], 3, "stat of a folder without store")
    expect(ni("frob", first)[0], 2, "unknown action")
    expect(ni("stat")[0], 2, "no operand")
    expect(ni()[0], 2, "no action")
    expect(ni("dump", "--json", first)[0], 2, "dump knows no JSON")
    third = os.path.join(tmp, "third")
    end = "\nend 3\n"
    refused("", "not a dump", third)
    refused("something else\n", "not a dump", third)
    refused(HEAD + BODY, "cut short", third)
    refused(HEAD + BODY + "\nend 3", "cut short", third)
    refused(HEAD + BODY + "\nend 4\n", "3", third)
    refused(HEAD + "\nend 0\n", "root", third)
    refused(HEAD + BODY + "\nend 3 digest " + "0" * 32 + "\n", "digest", third)
    refused(HEAD + BODY.replace("machines", "mach\x7fines") + end, "line 12", third)
    refused(HEAD + BODY.replace("machines", "\\x4g") + end, "line 12", third)
    refused(HEAD + BODY.replace("machines", "\\") + end, "line 12", third)
    refused(HEAD + BODY.replace("machines", "\\x00") + end, "impossible", third)
    refused(HEAD + BODY.replace("name machines", "x" * 65536) + end, "line 12", third)
    refused(HEAD + BODY.replace("parent 1", "parent 7") + end, "impossible", third)
    refused(HEAD + BODY.replace("parent 1", "parent 5") + end, "tree", third)
    refused(HEAD + BODY.replace("ordinal 9", "ordinal 0") + end, "impossible", third)
    refused(HEAD + BODY.replace("version 3", "version 43") + end, "tree", third)
    refused(HEAD + BODY.replace("dir 7", "dir 1") + end, "ascending", third)
    refused(HEAD + BODY.replace("dir 7", "dir 4294967294") + end, "expected", third)
    refused(HEAD.replace("uuid 00", "uuid 0g") + BODY + end, "uuid", third)
    refused(HEAD + " name x\n" + end, "without directory", third)
    ring = BODY.replace("dir 1 instance 1 parent 0", "dir 1 instance 1 parent 7")
    refused(HEAD + ring + end, "tree", third)
    expect([n for n in os.listdir(tmp) if "loading" in n], [], "leftovers of refused loads")

    # Damage: found when it can be read, reported when reading kills.
    many = HEAD + "\ndir 0 instance 401 parent 0 ordinal 0 born 0 version 42\n" + "".join(
        f"\ndir {i} instance 0 parent 0 ordinal {i * 1000} born 1 version 1\n name u{i}\n uid {i}\n" for i in range(1, 401))
    full, copy = os.path.join(tmp, "full"), os.path.join(tmp, "full-copy")
    expect(ni("load", "-", full, stdin=many + "\nend 401\n")[0], 0, "load of many")
    expect(ni("copy", full, copy)[0], 0, "copy of many")
    data = os.path.join(copy, "data.mdb")
    with open(data, "rb") as f:
        whole = f.read()
    damaged = found = 0
    for at in range(8192, len(whole), 331):
        with open(data, "wb") as f:
            f.write(whole[:at] + bytes([whole[at] ^ 0x5a]) + whole[at + 1:])
        code, out, err = ni("check", copy)
        expect(code in (0, 1), True, f"check of damage at {at}: {code} {err}")
        damaged += 1
        found += code == 1
        if code == 1:
            expect(bool(out or err), True, "words about damage")
    print(f"{found} of {damaged} single damaged bytes were seen (the others lie in unused parts of pages)", flush=True)
    expect(found > damaged // 3, True, "damage is seen")
    with open(data, "wb") as f:
        f.write(whole[:len(whole) // 2])
    code, out, err = ni("check", copy)
    expect((code, bool(err or out)), (1, True), "check of half a file")


with tempfile.TemporaryDirectory() as t:
    main(t)
