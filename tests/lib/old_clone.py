"""A clone of the 1990s, as far as doc/protocol.md 5 tells: it answers GETREGISTER, STATISTICS, CRASHED, RESYNC, executes the calls that
its master pushes, and reads everything when it is told to. Written from the page alone; nothing of it is netinfod's."""
import socket
import threading

import old_server
import rpc

NAMES = rpc.NI_PROCS


class Tree:
    """Directories with the numbers and instances of protocol.md 1.2: the smallest free number, always instance 0."""

    def __init__(self, objects=()):
        self.dirs = {id[0]: [id[1], parent, list(children), [(k, list(v)) for k, v in props]]
                     for id, props, parent, children in objects}

    @property
    def checksum(self):
        return sum((o + 1) * d[0] for o, d in self.dirs.items()) & 0xffffffff

    def new(self):
        o = 0
        while o in self.dirs:
            o += 1
        return o

    def at(self, id):
        if id[0] not in self.dirs:
            return rpc.NODIR, None
        d = self.dirs[id[0]]
        return (rpc.OK, d) if d[0] == id[1] else (rpc.STALE, None)

    def run(self, name, r):
        """The reply's bytes to one modifying call."""
        id = r.id()
        status, d = self.at(id)
        if status:
            return status, rpc.u32(status)
        o = id[0]

        def done():
            d[0] += 1
            return rpc.OK, rpc.u32(rpc.OK, o, d[0])
        if name == 'create':
            props, where = r.proplist(), r.u32()
            target = r.id() if r.u32() else None
            n = self.new()
            if target and target[0] != n:
                return rpc.ALIVE, rpc.u32(rpc.ALIVE)
            self.dirs[n] = [0, o, [], [(k, list(v)) for k, v in props]]
            d[2].insert(min(where, len(d[2])), n)
            d[0] += 1
            return rpc.OK, rpc.u32(rpc.OK, n, 0, o, d[0])
        if name == 'destroy':
            child = r.id()
            status, c = self.at(child)
            if not status and c[2]:
                status = rpc.NOTEMPTY
            if status:
                return status, rpc.u32(status)
            del self.dirs[child[0]]
            d[2].remove(child[0])
            return done()
        props = d[3]
        if name == 'write':
            d[3] = [(k, list(v)) for k, v in r.proplist()]
            return done()
        if name == 'createprop':
            key, values, where = r.opaque(), r.namelist(), r.u32()
            props.insert(min(where, len(props)), (key, list(values)))
            return done()
        index = r.u32()
        if index >= len(props):
            return rpc.NOPROP, rpc.u32(rpc.NOPROP)
        values = props[index][1]
        if name == 'destroyprop':
            del props[index]
        elif name == 'writeprop':
            values[:] = r.namelist()
        elif name == 'renameprop':
            props[index] = (r.opaque(), values)
        elif name == 'createname':
            value, where = r.opaque(), r.u32()
            values.insert(min(where, len(values)), value)
        else:
            k = r.u32()
            if k >= len(values):
                return rpc.NONAME, rpc.u32(rpc.NONAME)
            if name == 'destroyname':
                del values[k]
            else:
                values[k] = r.opaque()
        return done()


class OldClone:
    """host: of a fleet. Its binder has port 987 there, as a port mapper would say; the server one of its own."""

    def __init__(self, host, master, tag):
        self.host, self.master, self.tag = host, master, tag
        self.tree = Tree([((0, 1), [], 0, [])])
        self.lock = threading.RLock()
        self.pushed, self.sums, self.crashed, self.transfers, self.resyncs, self.refuse = [], [], 0, 0, 0, 0
        self.ports_seen = set()
        with host.inside():
            self.binder = socket.create_server((host.addresses[0], 987))
            self.server = socket.create_server((host.addresses[0], 0))
        for listener in (self.binder, self.server):
            threading.Thread(target=self.accept, args=(listener,), daemon=True).start()

    def close(self):
        for s in (self.binder, self.server):
            s.shutdown(socket.SHUT_RDWR)
            s.close()

    def accept(self, listener):
        while True:
            try:
                c, peer = listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(c, peer), daemon=True).start()

    def serve(self, c, peer):
        try:
            while True:
                call = old_server.record(c)
                if call is None:
                    return
                c.sendall(old_server.marked(self.answer(call, peer)))
        except OSError:
            pass
        finally:
            c.close()

    def answer(self, call, peer):
        r = rpc.Reader(call)
        xid, _, _, program, _, proc = (r.u32() for _ in range(6))
        flavor, _ = r.u32(), r.opaque()
        r.u32(), r.opaque()
        head = rpc.u32(xid, 1, 0, 0, 0)
        if program == rpc.BINDER and proc == 3:
            ours = r.opaque().decode() == self.tag
            return head + (rpc.u32(0, rpc.OK, 0, self.server.getsockname()[1]) if ours else rpc.u32(0, rpc.NOTAG))
        if program != rpc.NI:
            return head + rpc.u32(1)
        return head + rpc.u32(0) + self.ni(NAMES[proc], r, flavor, peer)

    def ni(self, name, r, flavor, peer):
        with self.lock:
            if name == 'ping':
                return b''
            if name == 'statistics':
                return rpc.proplist([('checksum', [str(self.tree.checksum)])])
            if name in ('crashed', 'resync'):
                self.crashed += name == 'crashed'
                self.resyncs += name == 'resync'
                if name == 'resync' or r.u32() != self.tree.checksum:
                    threading.Thread(target=self.read_all, daemon=True).start()
                return b'' if name == 'crashed' else rpc.u32(rpc.OK)
            # 5.7: from the master's address, a reserved port, and without AUTH_UNIX
            if peer[0] != self.master or peer[1] >= 1024 or flavor == 1:
                return rpc.u32(rpc.RDONLY)
            self.ports_seen.add(peer[1])
            if self.refuse:
                self.refuse -= 1
                return rpc.u32(rpc.SYSTEMERR)
            status, reply = self.tree.run(name, r)
            self.pushed.append((name, status))
            self.sums.append(self.tree.checksum)
            return reply

    def read_all(self):
        with self.host.inside(), rpc.Conn((self.master, 987), reserved=True) as c:
            assert c.select(self.tag) == rpc.OK
            with self.lock:
                status, checksum, _, objects = c.readall(self.tree.checksum)
                if status == rpc.OK and objects:
                    self.tree = Tree(objects)
                    assert self.tree.checksum == checksum
                    self.transfers += 1
