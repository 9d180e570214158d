/* The doors: listening sockets and datagram sockets of the main loop. */
#ifndef NETINFO_SERVER_LISTENER_H
#define NETINFO_SERVER_LISTENER_H

#include "server/config.h"
#include "server/domain.h"
#include "server/held.h"

struct server;
struct door;

struct listeners {
        struct door *first;
        struct held held; /* main doors that are to be opened, and cannot be yet */
};

/* Opens the main port, the UNIX socket and, when UDP is on, the binder's datagram sockets. False with *why:
 * the address, the reason, who holds it, and the way out. A door that somebody else has is no failure where
 * that may be waited for, and another main door is open. */
bool listeners_open(struct server *s, struct config_why *why);
/* The tag's own TCP and UDP pair; sets d's ports. A port that cannot be had is logged, and another one
 * taken. */
void listeners_open_tag(struct server *s, struct domain *d);
void listeners_close_tag(struct server *s, const struct domain *d);
void listeners_close(struct server *s);
/* Tries the held doors again. */
void listeners_tick(struct server *s);
/* After a reload: opens what is new in `listen`, closes what is gone; false and logged when one cannot be
 * opened (the others stay; one that somebody else has is tried again from then on). */
bool listeners_reload(struct server *s, const struct config *c);
/* UDP port 111, for a machine without a port mapper (server/portmap.h). False with *why: somebody has it. */
bool listeners_open_mapper(struct server *s, struct config_why *why);
/* Ports of the main doors; 0: none. */
uint16_t listeners_main_port(const struct server *s, bool udp);
/* Starts and stops listening: for the time without descriptors. */
void listeners_pause(struct server *s, bool pause);

#endif
