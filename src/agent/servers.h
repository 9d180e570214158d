/* Servers of one domain: where they are, and what the domain's /machines says of them (doc/protocol.md 4.1,
 * 4.9; doc/agent.md "The chain"). Pure. */
#ifndef NETINFO_AGENT_SERVERS_H
#define NETINFO_AGENT_SERVERS_H

#include "agent/table.h"
#include "base/limits.h"

struct server {
        char address[264]; /* as client_options.server: "10.0.0.1:987", "host", a socket's path; "": this
                              machine's, found as every client finds it */
        char tag[LIMIT_TAG + 1];
};

#define SERVERS_MOST 32u /* of one domain: a large one has a handful */
struct servers {
        struct server v[SERVERS_MOST];
        unsigned n;
};

/* Appends it if it is not there and there is room. */
void servers_add(struct servers *l, const struct server *s);
bool servers_have(const struct servers *l, const struct server *s);
/* The place of a server by its address in host byte order, as RPARENT tells it; port 0: none named. False:
 * the tag is none. */
bool server_at(uint32_t address, uint16_t port, struct bytes tag, struct server *ret);
/* Appends the servers that `./tag` in `serves` of the children of /machines name, each with every
 * ip_address. False: no memory. */
bool servers_of_table(const struct table *t, uint16_t port, struct servers *l);

#endif
