/* The machine's port mapper and our binder (doc/binding.md 8): registered with rpcbind, or, where nobody has
 * UDP port 111, answered for by ourselves. In the main loop. */
#ifndef NETINFO_SERVER_PORTMAP_H
#define NETINFO_SERVER_PORTMAP_H

#include "server/listener.h"
#include "server/peer.h"

struct server;
struct portmap;

/* After the main doors are open. NULL: not wanted, or not possible, which is logged. */
struct portmap *portmap_start(struct server *s);
/* Takes the registration back; NULL is fine. */
void portmap_stop(struct portmap *p);
void portmap_free(struct portmap *p);

/* A datagram that came to port 111: appends a whole reply, or nothing. */
struct datagram_origin;
void portmap_datagram(struct server *s, const struct peer *from, struct bytes datagram,
                      const struct datagram_origin *origin, struct arena *a, struct buf *out);

#endif
