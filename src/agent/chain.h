/* Which domains are followed: from the machine's own to the root, as far as each one's servers name the next
 * (doc/agent.md "The chain"). Pure. */
#ifndef NETINFO_AGENT_CHAIN_H
#define NETINFO_AGENT_CHAIN_H

#include "agent/track.h"

enum chain_verdict {
        CHAIN_STAY,  /* nothing new: whatever is above stays as it is */
        CHAIN_END,   /* nothing is above */
        CHAIN_CLIMB, /* *ret_server serves the domain above */
};

/* What level i of n says of the level above it. A server that is silent, or cannot reach its own parent,
 * takes nothing away. */
enum chain_verdict chain_judge(struct track *const *levels, unsigned n, unsigned i,
                               struct server *ret_server);
/* How many of the levels count: a domain that stands below itself ends the chain. */
unsigned chain_length(struct track *const *levels, unsigned n);
/* Has each level told what it is, or been tried without success? `most`: so many levels are followed. */
bool chain_is_settled(struct track *const *levels, unsigned n, bool climb, unsigned most);

#endif
