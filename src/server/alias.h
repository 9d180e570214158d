/* Aliases of tags (doc/protocol.md 6.6): `alias_name` and `alias_addrs` in the root directory of a domain of
 * ours make it known under another tag to some clients. Read when they are asked for: nothing is remembered.
 */
#ifndef NETINFO_SERVER_ALIAS_H
#define NETINFO_SERVER_ALIAS_H

#include "server/registry.h"

/* The domain that is `tag` for this client; a reference, or NULL. slot: of the calling thread, which stands
 * in no read transaction. */
struct domain *alias_find(struct registry *r, unsigned slot, struct bytes tag, uint32_t client,
                          struct arena *a);
/* One value of alias_addrs: address/mask or address&mask, both dotted. Pure. */
bool alias_matches(struct bytes value, uint32_t client);

#endif
