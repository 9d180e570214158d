/* Whose is the other end of a connection of this machine with itself? */
#ifndef NETINFO_PORTDB_OWNER_H
#define NETINFO_PORTDB_OWNER_H

#include <stdbool.h>
#include <stdint.h>

struct sockaddr;

/* near, far: the two ends of a TCP connection as the process with the near one sees them, both addresses of
 * this machine (AF_INET or AF_INET6). One question to the kernel (sock_diag(7), about the far end alone),
 * answered without waiting. False when the kernel does not tell: the far end is closed already, or in another
 * network name space. */
bool port_owner_of_peer(const struct sockaddr *near, const struct sockaddr *far, uint32_t *ret_uid);

#endif
