/* Historical servers, which know no journal: what changed is found by the checksum, and read (doc/agent.md
 * "Historical servers"). Calls block, each at most as long as the client's deadline. */
#ifndef NETINFO_AGENT_OLD_H
#define NETINFO_AGENT_OLD_H

#include "agent/keep.h"
#include "client/client.h"

/* The checksum of the domain (doc/protocol.md 2.8). Statuses as client_ni; NI_FAILED: there is none. */
enum ni_status old_checksum(struct client *c, uint32_t *ret);

/* Reads what images are made of: the root's children, and the children of those that matter. Repeated while
 * the domain changes meanwhile, a few times. NI_NOSPACE: over the limits; NI_MASTERBUSY: it did not hold
 * still; else as client_ni. The caller frees *ret_table. */
enum ni_status old_read(struct client *c, const struct keep_limits *l, struct table **ret_table,
                        uint32_t *ret_checksum);

#endif
