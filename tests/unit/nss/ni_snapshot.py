#!/usr/bin/env python3
"""`ni snapshot show` and `verify`: ni_snapshot.py NI PUBLISH_FILES"""
import json
import os
import shutil
import subprocess
import sys
import tempfile

ni, publish = sys.argv[1:3]


def run(*words, code=0, **env):
    p = subprocess.run([ni, "snapshot", *words], env={**os.environ, **env}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                       check=False)
    assert p.returncode == code, (words, p.returncode, p.stdout, p.stderr)
    return p.stdout if code == 0 or p.stdout else p.stderr


work = tempfile.mkdtemp(prefix="netinfo-snapshot.")
try:
    folder = os.path.join(work, "images")
    os.mkdir(folder)
    for name, text in (("passwd", "ada:x:5001:100:Ada:/home/ada:/bin/sh\nbob:*:5002:100::/:\n"), ("group", "staff:*:50:ada,bob\n")):
        with open(os.path.join(work, name), "w", encoding="ascii") as f:
            f.write(text)
    assert "publishes images there" in run("show", folder, code=3)
    for _ in range(2):
        subprocess.run([publish, folder, os.path.join(work, "passwd"), os.path.join(work, "group")], check=True)

    shown = json.loads(run("show", "--json", NETINFO_SNAPSHOTS=folder))
    assert shown["folder"] == folder and shown["generation"] == 2
    assert [(m["map"], m["records"], m["listed"], m.get("members")) for m in shown["maps"]] == [("passwd", 2, 2, None), ("group", 1, 1, 2)]
    image = os.path.join(folder, "passwd.2")
    assert shown["maps"][0]["file"] == image and shown["maps"][0]["bytes"] == os.path.getsize(image)
    verified = json.loads(run("verify", "--json", folder))
    assert [(m["sound"], m["keys"]) for m in verified["maps"]] == [(True, 4), (True, 4)]
    assert "generation 2" in run("show", folder) and "sound: 4 keys" in run("verify", folder)
    assert "passwd" in run("verify", os.path.join(folder, "passwd.1"))

    with open(image, "rb") as f:
        data = bytearray(f.read())
    data[300] ^= 1
    os.unlink(image)
    with open(image, "wb") as f:
        f.write(data)
    assert "sum" in run("verify", folder, code=1)
    assert json.loads(run("verify", "--json", image, code=1))["sound"] is False
    run("show", folder)  # shows what the header says, and does not judge
    with open(image, "wb") as f:
        f.write(b"no image")
    assert "not an image" in run("show", folder, code=1)
    with open(os.path.join(folder, "control"), "wb") as f:
        f.write(b"short")
    assert "control file is damaged" in run("show", folder, code=1)
    assert "did you mean `verify`" in run("verfy", code=2)
    run(code=2)
finally:
    shutil.rmtree(work)
