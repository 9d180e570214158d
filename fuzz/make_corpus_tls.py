#!/usr/bin/env python3
"""Makes first inputs of join_string, tls_request and tls_certificate in fuzz/corpus/ with the `openssl` command.

Keys are new at each run, so the files are others each time; those in the repository were made once.
"""
import os
import subprocess
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
UUID = "00112233445566778899aabbccddeeff"
SECRET = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
PIN = "_" * 42 + "8"
JOINS = {
    "plain": f"ni1;rome;network;0123456789abcdef;{SECRET};{PIN}",
    "servers": f"ni1;rome,10.0.0.7:1987,[fe80::1%eth0]:987,[::1];local;0123456789abcdef;{SECRET};{PIN}",
    "blanks": f"  ni1;a:1;t;ffffffffffffffff;{PIN};{SECRET}\r\n",
    "cut": f"ni1;rome;network;0123456789abcdef;{SECRET}",
    "many": f"ni1;1,2,3,4,5,6,7,8,9;t;0123456789abcdef;{SECRET};{PIN}",
    "slash": f"ni1;a/b;t;0123456789abcdef;{SECRET};{PIN}",
}
NAMES = f"URI:netinfo://{UUID}/machines/rome,DNS:rome"
# What each differs from a right one in.
CERTIFICATES = {
    "right": {},
    "calls": {"uses": "1.3.6.1.5.5.7.3.33"},
    "authority": {"constraints": "critical,CA:TRUE,pathlen:0", "usage": "critical,keyCertSign"},
    "two_uris": {"names": NAMES + f",URI:netinfo://{UUID}/machines/milan"},
    "wildcard": {"names": f"URI:netinfo://{UUID}/machines/rome,DNS:*.example.org"},
    "other_kinds": {"names": NAMES + ",email:root@rome,IP:10.0.0.1,RID:1.2.3,dirName:dir"},
    "no_uses": {"uses": None},
    "rsa": {"key": ["rsa:1024"]},
    "curve": {"key": ["ec", "-pkeyopt", "ec_paramgen_curve:P-384"]},
    "spelled_out": {"key": ["ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-pkeyopt", "ec_param_enc:explicit"]},
}
P256 = ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]


def put(target, name, data):
    folder = os.path.join(ROOT, "fuzz", "corpus", target)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name), "wb") as f:
        f.write(data)


def make(folder, command, key, subject, extensions=()):
    config = os.path.join(folder, "config")
    with open(config, "w", encoding="ascii") as f:
        f.write("[req]\ndistinguished_name=dn\nprompt=no\nx509_extensions=ext\n[dn]\n" + subject + "\n[ext]\n" +
                "".join(f"{k}={v}\n" for k, v in extensions) + "[dir]\nCN=dir\n")
    return subprocess.run(["openssl", "req", "-new", *command, "-newkey", *key, "-nodes", "-keyout", os.devnull, "-config",
                           config, "-outform", "DER"], check=True, capture_output=True).stdout


def certificate(folder, key=None, names=NAMES, uses="1.3.6.1.5.5.7.3.33,1.3.6.1.5.5.7.3.34",
                constraints="critical,CA:FALSE", usage="critical,digitalSignature"):
    extensions = [("basicConstraints", constraints), ("keyUsage", usage), ("subjectAltName", names)]
    if uses:
        extensions.append(("extendedKeyUsage", uses))
    return make(folder, ["-x509", "-days", "14", "-set_serial", "0x4711"], key or P256, "CN=rome", extensions)


def main():
    for name, line in JOINS.items():
        put("join_string", name, line.encode())
    with tempfile.TemporaryDirectory() as folder:
        for name, how in CERTIFICATES.items():
            put("tls_certificate", name, certificate(folder, **how))
        put("tls_request", "right", make(folder, [], P256, "CN=leaf"))
        put("tls_request", "rsa", make(folder, [], ["rsa:1024"], "CN=leaf"))
        put("tls_request", "curve", make(folder, [], CERTIFICATES["curve"]["key"], "CN=leaf"))
        put("tls_request", "spelled_out", make(folder, [], CERTIFICATES["spelled_out"]["key"], "CN=leaf"))
        put("tls_request", "certificate", certificate(folder))


if __name__ == "__main__":
    main()
