"""An RPC client of NetInfo's three programs, written from doc/protocol.md and doc/extension-program.md alone.

It shares no code with src/, so that a mistake there is not repeated here. Values are bytes; text is encoded as
UTF-8. Statuses are numbers. Nothing is retried and nothing is hidden: what a test wants to see, it sees.
"""
import socket
import struct

NI, BINDER, EXT = 200100000, 200100001, 0x20000987
VERSIONS = {NI: 2, BINDER: 1, EXT: 1}
APPEND = 0xFFFFFFFF

NI_PROCS = ('ping statistics root self parent create destroy read write children lookup list createprop destroyprop '
            'readprop writeprop renameprop listprops createname destroyname readname writename rparent listall bind '
            'readall crashed resync lookupread').split()
BINDER_PROCS = 'ping register unregister getregister listreg createmaster createclone destroydomain bind'.split()
EXT_PROCS = 'null status changes snapshot edit search history select replica'.split()

OK, BADID, STALE, NOSPACE, PERM, NODIR, NOPROP, NONAME, NOTEMPTY, UNRELATED = range(10)
BADOP = 24
FAILED = 9999
SERIAL, NETROOT, NORESPONSE, RDONLY, SYSTEMERR, ALIVE, NOTMASTER = range(10, 17)
CANTFINDADDRESS, DUPTAG, NOTAG, AUTHERROR, NOUSER, MASTERBUSY = range(17, 23)
TAKE_SNAPSHOT, ASSERTION, UNKNOWN_OUTCOME = 1001, 1002, 1003

# accept_stat and auth_stat
SUCCESS, PROG_UNAVAIL, PROG_MISMATCH, PROC_UNAVAIL, GARBAGE_ARGS, SYSTEM_ERR = range(6)
BADCRED, REJECTEDCRED, TOOWEAK = 1, 2, 5


class Closed(Exception):
    """The peer closed the connection."""


class RpcError(Exception):
    """A reply that is not accepted and successful: kind 'accepted' or 'denied', and its numbers."""

    def __init__(self, kind, *numbers):
        super().__init__(kind, *numbers)
        self.kind, self.numbers = kind, numbers


# -- XDR, RFC 4506 ------------------------------------------------------------------------------------------
def b(v):
    return v.encode() if isinstance(v, str) else bytes(v)


def u32(*values):
    return b''.join(struct.pack('>I', v & 0xFFFFFFFF) for v in values)


def u64(v):
    return struct.pack('>Q', v)


def opaque(v):
    v = b(v)
    return u32(len(v)) + v + bytes(-len(v) % 4)


def namelist(values):
    return u32(len(values)) + b''.join(opaque(v) for v in values)


def prop(name, values):
    return opaque(name) + namelist(values)


def proplist(props):
    """[(name, [values])] or a dict."""
    props = list(props.items()) if isinstance(props, dict) else list(props)
    return u32(len(props)) + b''.join(prop(n, [v] if isinstance(v, (str, bytes)) else v) for n, v in props)


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, n):
        if self.at + n > len(self.data):
            raise ValueError('reply too short at %d' % self.at)
        part = self.data[self.at:self.at + n]
        self.at += n
        return part

    def u32(self):
        return struct.unpack('>I', self.take(4))[0]

    def u64(self):
        return struct.unpack('>Q', self.take(8))[0]

    def opaque(self):
        n = self.u32()
        part = self.take(n)
        self.take(-n % 4)
        return part

    def list(self, one):
        return [one() for _ in range(self.u32())]

    def namelist(self):
        return self.list(self.opaque)

    def proplist(self):
        return self.list(lambda: (self.opaque(), self.namelist()))

    def id(self):
        return (self.u32(), self.u32())

    def end(self):
        if self.at != len(self.data):
            raise ValueError('%d bytes behind the result' % (len(self.data) - self.at))


# -- calls and replies, RFC 5531 ----------------------------------------------------------------------------
def auth_none():
    return u32(0, 0)


def auth_unix(password='', uid=0, gid=0, gids=(), stamp=0x386D4380):
    """doc/protocol.md 3.8: every byte of the password complemented, as the machine name."""
    body = u32(stamp) + opaque(bytes(255 - x for x in b(password))) + u32(uid, gid, len(gids), *gids)
    return u32(1) + opaque(body)


def call(xid, program, proc, args=b'', cred=None, version=None, rpc_version=2):
    version = VERSIONS.get(program, 1) if version is None else version
    return u32(xid, 0, rpc_version, program, version, proc) + (cred or auth_none()) + u32(0, 0) + args


def result_of(reply, xid=None):
    """The Reader at the result of an accepted, successful reply; RpcError otherwise."""
    r = Reader(reply)
    got = r.u32()
    if xid is not None and got != xid:
        raise ValueError('xid %x instead of %x' % (got, xid))
    if r.u32() != 1:
        raise ValueError('no reply')
    if r.u32() == 1:
        kind = r.u32()
        raise RpcError('denied', kind, *[r.u32() for _ in range(2 if kind == 0 else 1)])
    r.u32(), r.opaque()
    stat = r.u32()
    if stat == PROG_MISMATCH:
        raise RpcError('accepted', stat, r.u32(), r.u32())
    if stat != SUCCESS:
        raise RpcError('accepted', stat)
    return r


def record(data, fragment=None):
    """Record marking; fragment: bytes a fragment."""
    if fragment is None:
        return u32(0x80000000 | len(data)) + data
    out = b''
    for i in range(0, max(len(data), 1), fragment):
        part = data[i:i + fragment]
        last = 0x80000000 if i + fragment >= len(data) else 0
        out += u32(last | len(part)) + part
    return out


class Conn:
    """One TCP or UNIX connection. address: (host, port) or a path."""

    def __init__(self, address, timeout=60, cred=None, reserved=False):
        """reserved: from a port that only root can have."""
        unix = isinstance(address, str)
        self.sock = socket.socket(socket.AF_UNIX if unix else
                                  socket.AF_INET6 if ':' in address[0] else socket.AF_INET)
        self.sock.settimeout(timeout)
        for port in range(1023, 600, -1) if reserved else ():
            try:
                self.sock.bind(('', port))
                break
            except OSError:
                continue
        self.sock.connect(address)
        if not unix:
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b''
        self.xid = 0x1000
        self.cred = cred

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def send_raw(self, data):
        self.sock.sendall(data)

    def _need(self, n):
        while len(self.buffer) < n:
            part = self.sock.recv(1 << 18)
            if not part:
                raise Closed()
            self.buffer += part

    def recv_record(self):
        out = b''
        while True:
            self._need(4)
            mark = struct.unpack('>I', self.buffer[:4])[0]
            n = mark & 0x7FFFFFFF
            self._need(4 + n)
            out += self.buffer[4:4 + n]
            self.buffer = self.buffer[4 + n:]
            if mark & 0x80000000:
                return out

    def send_call(self, program, proc, args=b'', cred=None, **more):
        self.xid += 1
        self.send_raw(record(call(self.xid, program, proc, args, cred or self.cred, **more)))
        return self.xid

    def rpc(self, program, proc, args=b'', cred=None, **more):
        xid = self.send_call(program, proc, args, cred, **more)
        return result_of(self.recv_record(), xid)

    # -- program 200100000 ----------------------------------------------------------------------------------
    def ni(self, name, args=b'', cred=None):
        return self.rpc(NI, NI_PROCS.index(name), args, cred)

    def _id_result(self, name, args, cred=None):
        r = self.ni(name, args, cred)
        status = r.u32()
        out = (status, r.id()) if status == OK else (status, None)
        r.end()
        return out

    def ping(self):
        self.ni('ping').end()

    def statistics(self, cred=None):
        r = self.ni('statistics', cred=cred)
        out = r.proplist()
        r.end()
        return out

    def root(self):
        return self._id_result('root', b'')

    def self_(self, object, instance=0):
        return self._id_result('self', u32(object, instance))

    def parent(self, object):
        r = self.ni('parent', u32(object, 0))
        status = r.u32()
        return (status, r.u32(), r.id()) if status == OK else (status, None, None)

    def read(self, object, cred=None):
        r = self.ni('read', u32(object, 0), cred)
        status = r.u32()
        if status != OK:
            return status, None, None
        id, props = r.id(), r.proplist()
        r.end()
        return status, id, props

    def children(self, object):
        r = self.ni('children', u32(object, 0))
        status = r.u32()
        return (status, r.list(r.u32), r.id()) if status == OK else (status, None, None)

    def lookup(self, object, key, value):
        r = self.ni('lookup', u32(object, 0) + opaque(key) + opaque(value))
        status = r.u32()
        return (status, r.list(r.u32), r.id()) if status == OK else (status, None, None)

    def lookupread(self, object, key, value):
        r = self.ni('lookupread', u32(object, 0) + opaque(key) + opaque(value))
        status = r.u32()
        return (status, r.id(), r.proplist()) if status == OK else (status, None, None)

    def list(self, object, name='name'):
        r = self.ni('list', u32(object, 0) + opaque(name))
        status = r.u32()
        if status != OK:
            return status, None, None
        entries = r.list(lambda: (r.u32(), r.namelist() if r.u32() else None))
        return status, entries, r.id()

    def listall(self, object):
        r = self.ni('listall', u32(object, 0))
        status = r.u32()
        return (status, r.id(), r.list(r.proplist)) if status == OK else (status, None, None)

    def listprops(self, object):
        r = self.ni('listprops', u32(object, 0))
        status = r.u32()
        return (status, r.namelist(), r.id()) if status == OK else (status, None, None)

    def readprop(self, object, index):
        r = self.ni('readprop', u32(object, 0, index))
        status = r.u32()
        return (status, r.namelist(), r.id()) if status == OK else (status, None, None)

    def readname(self, object, index, name_index):
        r = self.ni('readname', u32(object, 0, index, name_index))
        status = r.u32()
        return (status, r.id(), r.opaque()) if status == OK else (status, None, None)

    def create(self, parent, props, where=APPEND, target=None, cred=None):
        """parent: (object, instance). Gives (status, child id, parent id)."""
        more = u32(0) if target is None else u32(1, *target)
        r = self.ni('create', u32(*parent) + proplist(props) + u32(where) + more, cred)
        status = r.u32()
        return (status, r.id(), r.id()) if status == OK else (status, None, None)

    def destroy(self, parent, child, cred=None):
        return self._id_result('destroy', u32(*parent) + u32(*child), cred)

    def write(self, id, props, cred=None):
        return self._id_result('write', u32(*id) + proplist(props), cred)

    def createprop(self, id, name, values, where=APPEND, cred=None):
        return self._id_result('createprop', u32(*id) + prop(name, values) + u32(where), cred)

    def destroyprop(self, id, index, cred=None):
        return self._id_result('destroyprop', u32(*id) + u32(index), cred)

    def renameprop(self, id, index, name, cred=None):
        return self._id_result('renameprop', u32(*id) + u32(index) + opaque(name), cred)

    def writeprop(self, id, index, values, cred=None):
        return self._id_result('writeprop', u32(*id) + u32(index) + namelist(values), cred)

    def createname(self, id, index, value, where=APPEND, cred=None):
        return self._id_result('createname', u32(*id) + u32(index) + opaque(value) + u32(where), cred)

    def destroyname(self, id, index, name_index, cred=None):
        return self._id_result('destroyname', u32(*id) + u32(index, name_index), cred)

    def writename(self, id, index, name_index, value, cred=None):
        return self._id_result('writename', u32(*id) + u32(index, name_index) + opaque(value), cred)

    def rparent(self):
        return self.ni('rparent').u32()

    def readall(self, checksum=0):
        """(status, checksum, highest id, [(id, props, parent, children)])"""
        r = self.ni('readall', u32(checksum))
        status = r.u32()
        if status != OK:
            return status, None, None, None
        checksum, highest, objects = r.u32(), r.u32(), []
        while r.u32():
            objects.append((r.id(), r.proplist(), r.u32(), r.list(r.u32)))
        r.end()
        return status, checksum, highest, objects

    def resync(self):
        return self.ni('resync').u32()

    # -- the binder -----------------------------------------------------------------------------------------
    def binder(self, name, args=b'', cred=None):
        return self.rpc(BINDER, BINDER_PROCS.index(name), args, cred)

    def getregister(self, tag):
        r = self.binder('getregister', opaque(tag))
        status = r.u32()
        return (status, r.u32(), r.u32()) if status == OK else (status, None, None)

    def listreg(self):
        r = self.binder('listreg')
        status = r.u32()
        return status, r.list(lambda: (r.opaque(), r.u32(), r.u32())) if status == OK else None

    def createmaster(self, tag):
        return self.binder('createmaster', opaque(tag)).u32()

    def destroydomain(self, tag):
        return self.binder('destroydomain', opaque(tag)).u32()

    def register(self, tag, udp, tcp):
        return self.binder('register', opaque(tag) + u32(udp, tcp)).u32()

    def unregister(self, tag):
        return self.binder('unregister', opaque(tag)).u32()

    # -- the extension program ------------------------------------------------------------------------------
    def ext(self, name, args=b'', cred=None):
        return self.rpc(EXT, EXT_PROCS.index(name), args, cred)

    def select(self, tag):
        return self.ext('select', opaque(tag)).u32()

    def status(self, tag, cred=None):
        return status_result(self.ext('status', opaque(tag), cred))

    def changes(self, tag, seq=0, epoch=0, most=0, wait_ms=0, flags=0):
        return changes_result(self.ext('changes', changes_args(tag, seq, epoch, most, wait_ms, flags)))

    def snapshot(self, tag, first=0, epoch=0, max_bytes=0):
        r = self.ext('snapshot', opaque(tag) + u64(epoch) + u32(first, max_bytes))
        status = r.u32()
        if status != OK:
            return {'status': status}
        out = {'status': status, 'epoch': r.u64(), 'seq': r.u64()}
        out['nodes'] = r.list(lambda: {'id': r.id(), 'parent': r.u32(), 'ordinal': r.u64(), 'born': r.u64(),
                                       'changed': r.u64(), 'props': r.proplist()})
        out['more'], out['next'] = r.u32(), r.u32()
        r.end()
        return out

    def search(self, tag, object, conditions=(), depth=0, flags=0, wanted=(), most=0, epoch=0, cursor=()):
        """conditions: [(kind, name, value, flags)]. cursor: that of the page before."""
        args = (opaque(tag) + u64(epoch) + u32(object, depth, flags, len(conditions)) +
                b''.join(u32(k, f) + opaque(n) + opaque(v) for k, n, v, f in conditions) +
                namelist(wanted) + u32(most, len(cursor)) +
                b''.join(u64(o) + u32(n) + u64(born) for o, n, born in cursor))
        r = self.ext('search', args)
        status = r.u32()
        if status != OK:
            return {'status': status}
        out = {'status': status, 'epoch': r.u64(), 'seq': r.u64()}
        out['hits'] = r.list(lambda: {'id': r.id(), 'parent': r.u32(), 'born': r.u64(), 'path': r.opaque(),
                                      'props': r.proplist()})
        out['more'] = r.u32()
        out['cursor'] = r.list(lambda: (r.u64(), r.u32(), r.u64()))
        r.end()
        return out

    def history(self, tag, object, kind=1, at=0, born=0, flags=0, most=0, first=0):
        """kind 1: the entries, newest first; 2: the properties as of change `at`."""
        r = self.ext('history', opaque(tag) + u64(0) + u32(kind, flags, object) + u64(born) + u64(at) + u64(first) +
                     u32(most))
        status = r.u32()
        if status != OK:
            return {'status': status}
        out = {'status': status, 'epoch': r.u64(), 'seq': r.u64(), 'more': r.u32(), 'next': r.u64()}
        if r.u32() == 1:
            out['entries'] = r.list(lambda: entry(r))
        else:
            out.update(at=r.u64(), born=r.u64(), until=r.u64(), id=r.id(), props=r.proplist())
        r.end()
        return out

    def replica(self, tag, verb=0, where='', flags=0, cred=None):
        """SHOW 0, CLONE 1, PROMOTE 2, DEMOTE 3: (status, dict or None)."""
        return replica_result(self.ext('replica', opaque(tag) + u32(verb, flags) + opaque(where), cred))

    def edit(self, tag, ops, what='', cred=None):
        """(status, seq, [ids]) or (status, failed operation)"""
        return edit_result(self.ext('edit', edit_args(tag, ops, what), cred))


def status_result(r):
    status = r.u32()
    if status != OK:
        return {'status': status}
    out = {'status': status, 'uuid': r.take(16), 'epoch': r.u64(), 'role': r.u32(), 'seq': r.u64(),
           'first_seq': r.u64(), 'checksum': r.u32(), 'digest': r.take(16), 'directories': r.u32(),
           'highest': r.u32(), 'now': r.u64(), 'server_version': r.opaque(), 'you': r.opaque()}
    r.end()
    return out


def replica_result(r):
    status = r.u32()
    if status:
        return status, None
    out = {'uuid': r.take(16), 'epoch': r.u64(), 'seq': r.u64(), 'role': r.u32(), 'kind': r.u32(), 'term': r.u64()}
    for name in ('where', 'state', 'reason'):
        out[name] = r.opaque().decode()
    out['head'] = r.u64()
    out['conflict'] = r.opaque().decode()
    out['pushed'] = r.list(lambda: {'name': r.opaque().decode(), 'state': r.opaque().decode(), 'behind': r.u64()})
    r.end()
    return status, out


def changes_args(tag, seq=0, epoch=0, most=0, wait_ms=0, flags=0):
    return opaque(tag) + u64(epoch) + u64(seq) + u32(most, wait_ms, flags)


def entry(r):
    def one_record():
        rec = {'kind': r.u32(), 'object': r.u32(), 'born': r.u64(), 'instance': r.u32(), 'parent': r.u32(),
               'ordinal': r.u64()}
        rec['before'] = r.proplist() if r.u32() else None
        rec['after'] = r.proplist() if r.u32() else None
        return rec

    return {'seq': r.u64(), 'when': r.u64(), 'who': r.opaque(), 'from': r.opaque(), 'what': r.opaque(),
            'records': r.list(one_record)}


def changes_result(r):
    status = r.u32()
    if status != OK:
        return {'status': status}
    out = {'status': status, 'epoch': r.u64(), 'seq': r.u64()}
    out['entries'] = r.list(lambda: entry(r))
    r.end()
    return out


def ref(object=None, op=None, instance=None):
    out = u32(1, op) if op is not None else u32(0, object)
    return out + (u32(0) if instance is None else u32(1, instance))


def op_create(parent, props, where=APPEND):
    return u32(1) + parent + proplist(props) + u32(where)


def op_set(target, name, values):
    return u32(4) + target + opaque(name) + namelist(values)


def edit_args(tag, ops, what=''):
    return opaque(tag) + opaque(what) + u32(len(ops)) + b''.join(ops)


def edit_result(r):
    status = r.u32()
    if status != OK:
        return status, r.u32()
    out = status, r.u64(), r.list(r.id)
    r.end()
    return out


# -- UDP ----------------------------------------------------------------------------------------------------
def udp(address, data, timeout=60.0):
    """One datagram there, one back."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(timeout)
        s.connect(address)
        s.send(data)
        return s.recv(65536)


def udp_silent(address, data, then):
    """Nothing comes back for `data`: the answer to `then`, sent behind it, is the first thing that arrives."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(60.0)
        s.connect(address)
        s.send(data)
        s.send(then)
        return s.recv(65536)
