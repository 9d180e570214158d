/* Listening sockets that a service manager opened before it started us: sd_listen_fds(3) without its library
 * (doc/server.md 2.1). What comes in is environment and descriptors of others: every one is looked at. */
#ifndef NETINFO_SERVER_INHERITED_H
#define NETINFO_SERVER_INHERITED_H

#include "base/limits.h"
#include "server/config.h"

struct inherited_socket {
        int fd;
        bool udp, local;    /* local: a UNIX socket; at is empty then */
        bool for_tags;      /* named "tag": kept for the domains' own ports */
        struct endpoint at; /* where it is bound */
};

struct inherited {
        struct inherited_socket v[LIMIT_INHERITED];
        unsigned n;
};

/* Takes LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES out of the environment, and the descriptors from 3 on that
 * they name when they are meant for this process; none otherwise. Each becomes non-blocking and is closed on
 * exec. False with *why when one of them is no listening stream socket and no datagram socket of the
 * Internet: serving less than the administrator asked for would not be noticed. */
bool inherited_take(struct inherited *ret, struct config_why *why);

#endif
