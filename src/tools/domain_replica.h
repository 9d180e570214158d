/* `ni domain clone`, `promote`, `demote`, `replica` (ni_domain.c has the command; doc/replication.md). */
#ifndef NETINFO_TOOLS_DOMAIN_REPLICA_H
#define NETINFO_TOOLS_DOMAIN_REPLICA_H

#include "tools/talk.h"

struct domain_replica {
        const char *where; /* --from, --to: "host[:port][/tag]"; NULL: not given */
        bool historical;
        bool unlisted; /* leave /machines of the master alone */
        unsigned wait; /* seconds for the first copy */
};

void domain_clone(struct talk *t, const char *tag, const struct domain_replica *o);
void domain_promote(struct talk *t, const char *tag);
void domain_demote(struct talk *t, const char *tag, const struct domain_replica *o);
/* Roles and how they are: of one domain, or (NULL) of all that the server serves. */
void domain_roles(struct talk *t, const char *tag);

#endif
