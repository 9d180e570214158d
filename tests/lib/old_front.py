#!/usr/bin/env python3
"""Stands in front of a netinfod as if it were a historical server: it knows no extension program.

usage: old_front.py ADDRESS:PORT NETINFOD_ADDRESS:PORT

Records are passed on both ways; a call of the extension program is answered as unavailable (RFC 5531). Ends with the process
that started it."""
import ctypes
import signal
import socket
import socketserver
import struct
import sys
import threading

EXTENSION, PROG_UNAVAIL = 0x20000987, 1


def place(text):
    host, port = text.rsplit(':', 1)
    return host, int(port)


def record(sock):
    """The next record with its marks, or b''."""
    whole = b''
    while True:
        mark = sock.recv(4, socket.MSG_WAITALL)
        if len(mark) < 4:
            return b''
        n = struct.unpack('>I', mark)[0]
        body = sock.recv(n & 0x7fffffff, socket.MSG_WAITALL)
        whole += mark + body
        if n >> 31:
            return whole


class Front(socketserver.BaseRequestHandler):
    def handle(self):
        back = socket.create_connection(place(sys.argv[2]))
        lock = threading.Lock()

        def replies():
            try:
                while (r := record(back)):
                    with lock:
                        self.request.sendall(r)
            except OSError:
                pass

        threading.Thread(target=replies, daemon=True).start()
        while (r := record(self.request)):
            xid, _, _, program = struct.unpack('>4I', r[4:20])
            if program == EXTENSION:
                reply = struct.pack('>6I', xid, 1, 0, 0, 0, PROG_UNAVAIL)
                with lock:
                    self.request.sendall(struct.pack('>I', len(reply) | 1 << 31) + reply)
            else:
                back.sendall(r)
        back.close()


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True


ctypes.CDLL(None).prctl(1, signal.SIGKILL)
with Server(place(sys.argv[1]), Front) as server:
    print('ready', flush=True)
    server.serve_forever()
