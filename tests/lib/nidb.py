"""Databases of old servers, byte by byte as doc/protocol.md section 7 has them."""
import os
import struct


def u32(*words):
    return struct.pack('>%dI' % len(words), *(w & 0xFFFFFFFF for w in words))


def datum(value, kind=6):
    value = value if isinstance(value, bytes) else value.encode()
    if kind == 6:
        value += b'\0'
    return u32(kind, len(value)) + value


class Dir:
    """props: [(name, [values])] in the order of the list."""

    def __init__(self, number, parent, children, props, instance=1, version=1):
        self.number, self.parent, self.children, self.instance, self.version = number, parent, children, instance, version
        self.props = [(n, v if isinstance(v, list) else [v]) for n, v in props]

    def record(self):
        plain = [p for p in self.props if not p[0].startswith('_')]
        meta = [p for p in self.props if p[0].startswith('_')]
        out = u32(self.number, self.instance, self.version, self.parent, len(self.children), *self.children)
        out += u32(len(plain))
        for name, values in plain:
            out += datum(name) + u32(len(values)) + b''.join(map(datum, values))
        stored = plain + meta
        order = [] if stored == self.props else [next(i for i, p in enumerate(self.props) if p is q) for q in stored]
        out += u32(len(meta) + bool(order))
        for name, values in meta:
            out += datum(name[1:]) + u32(len(values)) + b''.join(map(datum, values))
        if order:
            out += datum('ni_attribute_order') + u32(len(order)) + b''.join(datum(u32(k), 3) for k in order)
        return out

    def object(self):
        def name(s):
            b = s.encode()
            return u32(len(b)) + b + bytes(-len(b) % 4)
        out = u32(self.number, self.instance, len(self.props))
        for key, values in self.props:
            out += name(key) + u32(len(values)) + b''.join(map(name, values))
        return out + u32(self.parent, len(self.children), *self.children)


def checksum(dirs):
    return sum((d.number + 1) * d.instance for d in dirs) & 0xFFFFFFFF


def current(dirs, clean=True):
    """{file name: bytes}"""
    slots = {}
    for d in dirs:
        r = d.record()
        size = (8 + len(r) + 31) // 32 * 32
        slots.setdefault('Store.%d' % size, []).append(u32(256, len(r)) + r + bytes(size - 8 - len(r)))
    files = {'Config': u32(1), **{name: b''.join(parts) for name, parts in slots.items()}}
    if clean:
        files['Clean'] = u32(checksum(dirs))
    return files


def old(dirs, slot_size=512):
    name = 'Collection' if slot_size == 512 else 'collection'
    slots = [b'\xff' * slot_size] * (max(d.number for d in dirs) + 1)
    files = {}
    for d in dirs:
        o = d.object()
        if len(o) > slot_size:
            files['extension_%d' % d.number] = o
            o = u32(d.number)
        slots[d.number] = o + b'\xa5' * (slot_size - len(o))
    files[name] = b''.join(slots)
    return files


def write(folder, files):
    os.makedirs(folder, exist_ok=True)
    for name, content in files.items():
        with open(os.path.join(folder, name), 'wb') as f:
            f.write(content)


def office():
    """A small domain as such a machine had it."""
    return [
        Dir(0, 0, [1, 3, 5], [('master', 'quill/local'), ('trusted_networks', ['10.1'])], instance=7, version=3),
        Dir(1, 0, [2], [('name', 'machines')], instance=2, version=4),
        Dir(2, 1, [], [('name', ['quill', 'q']), ('ip_address', '10.1.0.1'), ('serves', './local')], version=5),
        Dir(3, 0, [4, 7], [('name', 'users'), ('_writers', ['admin'])], instance=4, version=6),
        Dir(4, 3, [], [('name', 'joe'), ('_writers_passwd', 'joe'), ('uid', '501'), ('passwd', 'Xq8.hash'),
                       ('realname', 'Joe Ødegård'), ('shell', '/bin/csh'), ('empty', [])], instance=2, version=17),
        Dir(5, 0, [6, 9], [('name', 'services')], version=8),
        Dir(6, 5, [], [('name', 'domain'), ('port', '53'), ('protocol', 'tcp')], version=9),
        Dir(7, 3, [], [('name', 'ann'), ('uid', '502'), ('note', 'x' * 700)], version=10),
        Dir(9, 5, [], [('name', 'domain'), ('port', '53'), ('protocol', 'udp')], version=11),
    ]
