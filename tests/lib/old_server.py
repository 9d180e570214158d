"""A historical server as its clients see it: netinfod behind a proxy that does not know the extension program, nor anything
else that is not in doc/protocol.md. Every tag has ports of its own, and connections come from reserved ports, as those of old
machines do when root calls."""
import errno
import socket
import threading

NI, BINDER, EXTENSION, PROG_UNAVAIL = 200100000, 200100001, 0x20000987, 1
GETREGISTER, LISTREG = 3, 4


def record(s):
    """One RPC record without its marks; None at the end."""
    whole = b""
    while True:
        head = s.recv(4, socket.MSG_WAITALL)
        if len(head) < 4:
            return None
        mark = int.from_bytes(head, "big")
        whole += s.recv(mark & 0x7fffffff, socket.MSG_WAITALL)
        if mark >> 31:
            return whole


def marked(reply):
    return (len(reply) | 1 << 31).to_bytes(4, "big") + reply


def word(data, at):
    return int.from_bytes(data[at:at + 4], "big")


class OldServer:
    """target: netinfod's own address. `refused` counts the calls of the extension program, `seen` says which calls of the
    directory program came."""

    def __init__(self, target):
        self.target, self.refused, self.seen = target, 0, {}
        self.instead = {}  # procedure of the directory program -> the result that is sent without asking
        self.lock = threading.Lock()
        self.fronts = {}  # port of netinfod -> our listener
        self.port = self.front(target[1])

    def front(self, port):
        with self.lock:
            if port not in self.fronts:
                self.fronts[port] = socket.create_server(("127.0.0.1", 0))
                threading.Thread(target=self.receive, args=(self.fronts[port], port), daemon=True).start()
            return self.fronts[port].getsockname()[1]

    def close(self):
        with self.lock:
            listeners = list(self.fronts.values())
        for listener in listeners:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()

    def receive(self, listener, port):
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self.converse, args=(client, port), daemon=True).start()

    def connect(self, port):
        for own in range(1023, 511, -1):
            s = socket.socket()
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                s.bind(("127.0.0.1", own))
                s.connect((self.target[0], port))
                return s
            except PermissionError:
                s.close()
                return socket.create_connection((self.target[0], port))
            except OSError as e:
                s.close()
                if e.errno not in (errno.EADDRINUSE, errno.EADDRNOTAVAIL):
                    raise
        raise OSError("no reserved port is free")

    @staticmethod
    def ask(server, call):
        server.sendall(marked(call))
        return record(server)

    def extension(self, call, _ask):
        """What is answered to a call of the extension program; None ends the connection. _ask(call) gives netinfod's answer."""
        self.refused += 1
        return call[:4] + b"\0\0\0\1" + bytes(12) + PROG_UNAVAIL.to_bytes(4, "big")

    def converse(self, client, port):
        """Until one of the two sides is gone: then both are."""
        try:
            with client, self.connect(port) as server:
                self.pass_on(client, server)
        except (ConnectionError, TimeoutError):
            pass

    def pass_on(self, client, server):
        while (call := record(client)) is not None:
            program, procedure = word(call, 12), word(call, 20)
            if program == EXTENSION:
                answer = self.extension(call, lambda c: self.ask(server, c))
                if answer is None:
                    return
                client.sendall(marked(answer))
                continue
            if program == NI:
                with self.lock:
                    self.seen[procedure] = self.seen.get(procedure, 0) + 1
                if procedure in self.instead:
                    client.sendall(marked(call[:4] + b"\0\0\0\1" + bytes(16) + self.instead[procedure]))
                    continue
            answer = self.ask(server, call)
            if answer is None:
                return
            if (program, procedure) == (BINDER, GETREGISTER) and len(answer) == 36 and word(answer, 24) == 0:
                answer = answer[:32] + self.front(word(answer, 32)).to_bytes(4, "big")
            client.sendall(marked(answer))
