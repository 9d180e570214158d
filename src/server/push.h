/* Pushing to historical clones (doc/replication.md 6, doc/protocol.md 5.3): a queue of calls, one thread that
 * knows the list of clones, and one thread a clone. Only where `historical_clones` is on. */
#ifndef NETINFO_SERVER_PUSH_H
#define NETINFO_SERVER_PUSH_H

#include "server/call.h"

struct pushing;

/* NULL without memory or threads. The domain outlives it. */
struct pushing *pushing_start(struct domain *d, const struct config *c);
void pushing_stop(struct pushing *p); /* NULL is fine, as below */
/* With the domain's gate held for writing. */
void pushing_free(struct pushing *p);

/* What one batch of writes is for the clones, collected in the writer's thread while it runs. Empty where
 * nobody pushes. */
struct push_batch;
struct push_batch *push_batch_new(struct domain *d);
/* The call is about to run in this transaction; then it stands in it (true) or was undone. */
void push_batch_begin(struct push_batch *b, struct store_txn *t);
void push_batch_end(struct push_batch *b, struct store_txn *t, const struct call *c, bool stands);
/* The batch is durable (true) or nothing of it stands. Frees it. */
void push_batch_done(struct push_batch *b, bool durable);

/* Options and the list of clones are read again, and every clone is told (doc/protocol.md 5.6, RESYNC).
 * Inside a read transaction. */
void pushing_resync(struct domain *d);
/* The role has changed, in the replica's thread: what is queued means nothing any more. */
void pushing_restart(struct domain *d, uint32_t checksum);
/* A full transfer to this address begins, or has ended. With the gate held for reading. */
void pushing_reading(struct domain *d, const struct address *a, bool begins);
/* For REPLICA and STATISTICS; inside a read transaction. */
void pushing_show(struct domain *d, struct arena *a, struct ext_replica_result *ret);
struct pushing_figures {
        uint32_t running, latency_s;
        uint64_t pending;
        uint32_t cleanup_minutes; /* 0: never */
};
struct pushing_figures pushing_figures(const struct domain *d);

#endif
