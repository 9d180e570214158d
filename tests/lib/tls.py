"""An authority and machines for tests, made with the openssl command and so by nobody's code of ours (doc/tls.md 1, 2.3), and an RPC
client that speaks TLS with Python's ssl module (doc/tls.md 2.1, 2.2).

    a = tls.Authority(folder)
    a.enrol(os.path.join(d.folder, 'machine'), 'rome', server=True)  # the files of section 1
    leaf = a.machine('leaf')                                         # (certificate, key): two PEM files
    with tls.Conn(d.tcp, a, leaf) as c: ...                          # an rpc.Conn behind the probe and a handshake
"""
import os
import secrets
import shutil
import ssl
import subprocess
import time

import rpc
from rpc import u32

CLIENT, SERVER = '1.3.6.1.5.5.7.3.33', '1.3.6.1.5.5.7.3.34'
AUTH_TLS = u32(7, 0)
LOGIN, JOIN, RENEW, AUTHORITY = 16, 17, 18, 19


def missing():
    """Why none of this can be done here; None: it can."""
    return None if shutil.which('openssl') else 'there is no openssl command here'


def openssl(*words, **more):
    done = subprocess.run(['openssl', *words], capture_output=True, timeout=120, check=False, **more)
    if done.returncode != 0:
        raise RuntimeError('openssl %s: %s' % (' '.join(words), done.stderr.decode()))
    return done.stdout


class Authority:
    def __init__(self, folder):
        os.makedirs(folder, exist_ok=True)
        self.folder, self.uuid, self.made = folder, secrets.token_hex(16), 0
        self.key, self.certificate = os.path.join(folder, 'authority.key'), os.path.join(folder, 'authority.crt')
        self.new_key(self.key)
        openssl('req', '-x509', '-new', '-key', self.key, '-sha256', '-days', '3650', '-out', self.certificate,
                '-subj', '/CN=NetInfo authority/serialNumber=' + self.uuid, '-addext', 'basicConstraints=critical,CA:TRUE,pathlen:0',
                '-addext', 'keyUsage=critical,keyCertSign')

    @staticmethod
    def new_key(path):
        openssl('genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-out', path)
        os.chmod(path, 0o640)

    def machine(self, name, server=False, since=-3600, until=14 * 86400, uses=None, uri=None, signer=None, more=''):
        """(certificate, key). since, until: seconds from now; signer: another Authority that signs it; more: lines of
        extensions."""
        self.made += 1
        base = os.path.join(self.folder, '%s-%d' % (name, self.made))
        key, request, config, certificate = base + '.key', base + '.csr', base + '.conf', base + '.crt'
        self.new_key(key)
        openssl('req', '-new', '-key', key, '-subj', '/CN=' + name, '-out', request)
        uses = uses or ([CLIENT, SERVER] if server else [CLIENT])
        with open(config, 'w', encoding='ascii') as f:
            f.write('[ca]\ndefault_ca = it\n[it]\ndatabase = %s.db\nserial = %s.srl\ndefault_md = sha256\npolicy = any\n'
                    'new_certs_dir = %s\nunique_subject = no\nemail_in_dn = no\n[any]\ncommonName = supplied\n' % (base, base, self.folder))
            f.write('[machine]\nsubjectAltName = URI:%s,DNS:%s\nextendedKeyUsage = critical,%s\nkeyUsage = critical,digitalSignature\n'
                    'basicConstraints = critical,CA:FALSE\n%s' % (uri or 'netinfo://%s/machines/%s' % (self.uuid, name), name,
                                                                 ','.join(uses), more))
        with open(base + '.db', 'w', encoding='ascii'), open(base + '.srl', 'w', encoding='ascii') as number:
            number.write('%032x\n' % (secrets.randbits(127) | 1))
        by = signer or self
        openssl('ca', '-batch', '-notext', '-config', config, '-extensions', 'machine', '-cert', by.certificate, '-keyfile', by.key,
                '-in', request, '-out', certificate, '-startdate', when(since), '-enddate', when(until))
        return certificate, key

    def enrol(self, folder, name, server=False, **more):
        """Writes what a machine is into its folder, aside and renamed."""
        os.makedirs(folder, exist_ok=True)
        certificate, key = self.machine(name, server, **more)
        for path, as_name in ((self.certificate, 'authority.crt'), (key, 'machine.key'), (certificate, 'machine.crt')):
            aside = os.path.join(folder, '.' + as_name)
            shutil.copy(path, aside)
            os.chmod(aside, 0o640 if as_name == 'machine.key' else 0o644)
            os.rename(aside, os.path.join(folder, as_name))
        return certificate, key

    def context(self, machine=None, alpn=('sunrpc',), newest=ssl.TLSVersion.TLSv1_3):
        c = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        c.check_hostname = False
        c.verify_mode = ssl.CERT_NONE  # the uses of our certificates are not the web's; `believe` checks the signature
        c.maximum_version = newest
        c.minimum_version = ssl.TLSVersion.TLSv1_2 if newest == ssl.TLSVersion.TLSv1_2 else ssl.TLSVersion.TLSv1_3
        if alpn:
            c.set_alpn_protocols(list(alpn))
        if machine:
            c.load_cert_chain(*machine)
        return c


def when(seconds):
    return subprocess.run(['date', '-u', '-d', '@%d' % (int(time.time()) + seconds), '+%Y%m%d%H%M%SZ'],
                          capture_output=True, text=True, check=True).stdout.strip()


def serial(certificate):
    """16 bytes, as doc/tls.md 2.3 counts them."""
    text = openssl('x509', '-in', certificate, '-noout', '-serial').decode().strip().split('=')[1]
    return int(text, 16).to_bytes(16, 'big')


def probe(xid=1, program=rpc.NI, proc=0, cred=AUTH_TLS, verifier=u32(0, 0), version=None):
    version = rpc.VERSIONS.get(program, 1) if version is None else version
    return u32(xid, 0, 2, program, version, proc) + cred + verifier


def starttls(xid=1):
    return u32(xid, 1, 0, 0, 8) + b'STARTTLS' + u32(0)


class Conn(rpc.Conn):
    """program: of the probe. alpn, newest: what the ClientHello says."""

    def __init__(self, address, authority, machine=None, program=rpc.EXT, context=None, **more):
        super().__init__(address, **more)
        try:
            self.send_raw(rpc.record(probe(program=program)))
            answer = self.recv_record()
            if answer != starttls():
                raise AssertionError('no STARTTLS: ' + answer.hex())
            if self.buffer:
                raise AssertionError('more than the answer came')
            context = context or authority.context(machine)
            self.sock = context.wrap_socket(self.sock, suppress_ragged_eofs=False)
        except BaseException:
            self.sock.close()
            raise

    def login(self, tag, user, password):
        return self.rpc(rpc.EXT, LOGIN, rpc.opaque(tag) + rpc.opaque(user) + rpc.opaque(password)).u32()

    def bye(self):
        """Ends the session in order: the server's close_notify comes back."""
        self.sock.unwrap().close()
