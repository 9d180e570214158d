/* Ports below 1024, which tell an old server that root calls (doc/protocol.md 3.5). */
#ifndef NETINFO_SYS_RESERVED_H
#define NETINFO_SYS_RESERVED_H

#include <stdbool.h>

/* Binds a socket of AF_INET or AF_INET6 to any free one of 600 to 1023, at no particular address. False with
 * errno: EACCES without the right to, EADDRINUSE when all are taken. */
bool reserved_bind(int fd, int family);

#endif
