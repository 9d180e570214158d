/* REPLICA of the extension program (doc/extension-program.md 15): role and state of a domain as master or
 * clone, and changing it. Everything decoded borrows from the message and the arena. */
#ifndef NETINFO_WIRE_EXT_REPLICA_H
#define NETINFO_WIRE_EXT_REPLICA_H

#include "base/limits.h"
#include "wire/ext.h"

enum ext_replica_verb {
        EXT_REPLICA_SHOW = 0,
        EXT_REPLICA_CLONE = 1,   /* makes the domain `tag`, a clone of `where` */
        EXT_REPLICA_PROMOTE = 2, /* the clone becomes the master */
        EXT_REPLICA_DEMOTE = 3,  /* the domain becomes (or is, of another master) a clone of `where` */
};
#define EXT_REPLICA_HISTORICAL 1u /* flag: the master speaks version 2 only */
struct ext_replica_args {
        struct bytes tag;
        uint32_t verb, flags;
        struct bytes where; /* "host[:port]/tag"; "" for SHOW and PROMOTE */
};

struct ext_pushed {               /* a historical clone of this master */
        struct bytes name, state; /* "10.0.0.2/network", "in-step" ... */
        uint64_t behind;          /* calls that it has not executed yet */
};
struct ext_replica_result {
        uint32_t status;
        uint8_t uuid[16];
        uint64_t epoch, seq;
        uint32_t role; /* 0 master, 1 clone */
        uint32_t kind; /* of a clone: 0 not known yet, 1 follows, 2 copies a historical master */
        uint64_t term; /* how often the domain has changed its master */
        struct bytes where, state, reason;
        uint64_t head;         /* newest seq the master has told of */
        struct bytes conflict; /* "" when all is well */
        struct ext_pushed *pushed;
        uint32_t pushed_count; /* at most LIMIT_PUSHED */
};

/* As in wire/ext.h. */
bool ext_replica_args_decode(struct xdr_in *in, struct ext_replica_args *ret);
void ext_replica_args_encode(const struct ext_replica_args *a, struct buf *out);
bool ext_replica_decode(struct xdr_in *in, struct arena *a, struct ext_replica_result *ret);
void ext_replica_encode(const struct ext_replica_result *r, struct buf *out);

#endif
