/* The server's own system calls, and nothing else (doc/server.md 2.3). */
#ifndef NETINFO_SERVER_CONFINE_H
#define NETINFO_SERVER_CONFINE_H

#include "server/config.h"

/* Before the first thread is started. Says in the log what is on; where the system has no such filter the
 * server goes on without. */
void confine(const struct config *c);

#endif
