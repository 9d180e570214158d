/* Master or clone: the thread of a domain that keeps it in its role (doc/replication.md). Of a clone it is
 * the only writer: it talks to the master and takes over what that has. Of a master it looks whether another
 * server has taken its place. */
#ifndef NETINFO_SERVER_REPLICA_H
#define NETINFO_SERVER_REPLICA_H

#include "server/call.h"
#include "wire/ext_replica.h"

struct replica;

/* Of an open domain, which outlives it. NULL without memory or threads. */
struct replica *replica_start(struct domain *d, const struct config *c);
/* Ends what it does, at once where it waits; calls that were handed to it are refused. NULL is fine, as
 * below. */
void replica_stop(struct replica *r);
/* With the domain's gate held for writing. */
void replica_free(struct replica *r);

/* A REPLICA call that promotes or demotes: it comes home with its reply. False: the domain ends. Not inside a
 * read transaction of this thread; all that follow: inside one, or in the writer's thread. */
bool replica_submit(struct domain *d, struct call *c);
/* SHOW. all: with what only the superuser sees. Texts in the arena. */
void replica_show(struct domain *d, struct store_txn *t, bool all, struct arena *a,
                  struct ext_replica_result *ret);

/* Historical masters of this clone (doc/protocol.md 5.6, 5.7). */
void replica_resync(struct domain *d);
void replica_crashed(struct domain *d, uint32_t checksum);
/* A pushed call was executed (ok), or went wrong. */
void replica_pushed(struct domain *d, bool ok);
/* Is this the address of the historical master that this clone copies? */
bool replica_is_master(struct domain *d, const struct address *a);

/* client_options.low_socket for calls to masters and clones; the context is the domain. */
int replica_low_socket(void *domain, int family);
/* "server/tag", with words that can be a place: up to LIMIT_WHERE bytes, no control characters. */
bool replica_is_place(struct bytes where);
/* Milliseconds of a root's `cleanup_wait` (doc/protocol.md 1.4); 0: never. */
uint32_t replica_cleanup_ms(struct bytes value);

#endif
