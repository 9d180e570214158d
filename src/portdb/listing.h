/* What other systems print about their sockets: `netstat -ano` (Windows), `netstat -anv` (macOS, Linux),
 * `lsof -nP -i` (macOS, Linux). Hostile input; lines that are no socket are headings or damage, and a file
 * without any socket line is refused. */
#ifndef NETINFO_PORTDB_LISTING_H
#define NETINFO_PORTDB_LISTING_H

#include "portdb/import.h"
#include "portdb/live.h"

/* Sockets as port_live has them; pid and command where the listing has them (else held is PORT_HELD_HIDDEN).
 * connections: keep those, too. Memory from the arena. False: *why. */
bool port_listing_read(struct bytes content, bool connections, struct arena *a, struct port_live *ret,
                       struct port_problem *why);

#endif
