"""Ports, and other numbers, that no other test has at the same time.

A port that bind(0) gave, and that is closed before its owner opens it, goes to whoever asks next: another test, or a connection. Those that are
given here lie where the kernel takes none by itself, and are leased: an abstract UNIX socket says so, which belongs to the network namespace as
ports do, and ends with this process."""
import random
import socket

LEASES = []


def lease(kind, numbers):
    """One of the numbers, until this process ends; None: all are taken."""
    for number in random.sample(list(numbers), len(numbers)):
        s = socket.socket(socket.AF_UNIX)
        try:
            s.bind('\0netinfo-test-%s-%d' % (kind, number))
        except OSError:
            s.close()
            continue
        LEASES.append(s)
        return number
    return None


def is_open(port):
    """Whether somebody has it, on whatever address of IPv4."""
    with socket.socket() as t, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as u:
        try:
            t.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # what is left of a connection is in nobody's way
            t.bind(('', port))
            u.bind(('', port))
        except OSError:
            return True
    return False


def one_of(numbers):
    numbers = list(numbers)
    while True:
        port = lease('port', numbers)
        if port is None:
            raise OSError('every port is taken')
        if not is_open(port):
            return port
        numbers.remove(port)


def ranges():
    """(ports of tests, ports that the kernel takes by itself)."""
    with open('/proc/sys/net/ipv4/ip_local_port_range', encoding='ascii') as f:
        first, last = map(int, f.read().split())
    return range(max(first - 8000, 2000), first) if first > 4000 else range(last + 1, 65536), range(first, last + 1)


def free():
    """A port that nobody listens at, TCP and UDP, and that nobody else opens while this process lives."""
    return one_of(ranges()[0])


def low(n):
    """So many that only root opens, and from which no tool makes connections (those of root's begin at 512)."""
    return [one_of(range(200, 512)) for _ in range(n)]
