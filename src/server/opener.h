/* Opens what may take more rights than the server has: listening sockets. Three ways, in this order: a socket
 * that a service manager handed over; the monitor, a parent with root's rights (server/monitor.h); this
 * process itself. What is refused comes with the address, the reason, who holds it, and the way out. */
#ifndef NETINFO_SERVER_OPENER_H
#define NETINFO_SERVER_OPENER_H

#include "server/inherited.h"
#include "server/monitor_message.h"

struct opener {
        int monitor;    /* the channel to it; -1: there is none */
        pid_t main_pid; /* whom a service manager started, and whom to send signals: the monitor, or this
                           process */
        struct inherited inherited; /* none where there is a monitor: it has them */
        bool managed; /* a service manager started us: nobody stands by who could choose another port */
};

enum opener_use {
        OPENER_MAIN, /* a door of `listen` */
        OPENER_TAG,  /* a domain's own port at an address of `tag_listen` */
};

/* A socket bound to *e, not blocking, listening or a datagram one. -1 with errno (EADDRINUSE: somebody has
 * it, who may let it go), and *why, unless that is NULL: looking for the holder takes time. */
int opener_port(const struct opener *o, const struct endpoint *e, bool udp, enum opener_use use,
                struct config_why *why);
/* The same for the UNIX socket: makes its folder, takes the place of one that nobody answers at. */
int opener_local(const struct opener *o, const char *path, struct config_why *why);
/* UDP port 111 of all IPv4 addresses; a datagram socket on loopback at some free port below 1024. -1 with
 * errno, and *why. */
int opener_mapper(const struct opener *o, struct config_why *why);
int opener_reserved(const struct opener *o, struct config_why *why);
/* A stream socket of this family from a port below 1024, not blocking, for calling a server that trusts it.
 * From any thread. -1 with errno, and *why. */
int opener_caller(const struct opener *o, int family, struct config_why *why);
/* The i-th socket that a service manager handed over for the main doors, as a descriptor of the caller's own;
 * false behind the last one. */
bool opener_inherited(const struct opener *o, unsigned i, struct inherited_socket *ret);
/* The UNIX socket was closed: its file goes. */
void opener_local_done(const struct opener *o, const char *path);

/* The configuration: read here, or by the monitor, which sees what the server's user may not. */
struct config *opener_config(const struct opener *o, const struct config_source *source,
                             struct config_why *why);
/* Tells the service manager: the process that it listens to does. */
void opener_state(const struct opener *o, enum monitor_state state);

#endif
