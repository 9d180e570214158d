/* A call that is worked on away from its connection: at a writer, in a pool, in the main loop, or waiting for
 * changes. Made and freed by the connection's worker; in between it belongs to whoever has it in hand. */
#ifndef NETINFO_SERVER_CALL_H
#define NETINFO_SERVER_CALL_H

#include "server/authority.h"
#include "server/domain.h"
#include "server/peer.h"
#include "server/pool.h"
#include "wire/binder.h"
#include "wire/call.h"
#include "wire/ext_replica.h"
#include "wire/ext_search.h"
#include "wire/ext_trust.h"

struct conn;
struct worker;

enum call_kind {
        CALL_WRITE,     /* version 2, kind WRITE */
        CALL_EDIT,      /* extension program */
        CALL_READ,      /* version 2, kind READ, too long for a loop */
        CALL_READALL,   /* full transfer */
        CALL_EXT,       /* extension program, its reads; CHANGES may wait for a commit */
        CALL_BINDER,    /* something that changes the set of domains: the main loop's work */
        CALL_REPLICA,   /* promotes or demotes: work of the domain's replica; creates: of the main loop */
        CALL_LOGIN,     /* looks at a password (server/login.h) */
        CALL_AUTHORITY, /* JOIN, RENEW, AUTHORITY (server/authority.h) */
        CALL_NAME,      /* no call of the peer's: asks the system for the name of its uid */
};

struct call {
        struct note note; /* brings it home */
        struct task task; /* while in a pool */
        struct conn *conn;
        struct worker *worker; /* home */
        struct domain *domain; /* a reference; NULL for CALL_BINDER, CALL_NAME, and a LOGIN to nowhere */
        struct call *next;     /* in a writer's queue or a batch */
        struct call *behind;   /* in its connection's order of replies */
        enum call_kind kind;
        bool pushed;            /* a write that a historical master pushes to this clone */
        enum ni_status outcome; /* of a write: what its batch made of it */
        bool ordered;           /* of a historical program: replies keep the order of calls */
        bool barrier;           /* nothing historical may be looked at before it is back */
        bool done;
        uint32_t xid, proc;
        size_t bytes;       /* of arguments: what it counts for in queues */
        struct arena arena; /* arguments (a copy of the message) and all that the work needs */
        union {
                struct ni_args ni;
                struct ext_edit_args edit;
                struct ext_changes_args changes;
                struct ext_snapshot_args snapshot;
                struct ext_search_args search;
                struct ext_history_args history;
                struct ext_replica_args replica;
                struct authority_call authority;
                struct bytes tag; /* STATUS */
                struct ext_login_args login;
                struct binder_args binder;
        } args;
        struct caller caller; /* its name is in the arena */
        struct dir_policy policy;
        char from[PEER_TEXT]; /* peer.text */
        struct buf reply;     /* a whole record, with its mark */
        int spool;            /* the rest of the reply is in this file; -1 */
        uint64_t spool_bytes;
        int place; /* of a full transfer (server/places.h); -1 */
        /* password check (server/secret.h) */
        struct dir_user *users;          /* whose password it may be; in the arena */
        uint32_t user_count, user_found; /* user_found: index, or user_count when none */
        struct bytes password;           /* in the arena, wiped after the check */
        uint32_t uid;                    /* for LOGIN: of the name, for counting */
        int64_t user_uid;                /* LOGIN: of the user found */
        uint64_t user_seq;               /* and in which state of the domain */
        struct address source;
        bool checking; /* in the password pool */
        bool busy;     /* the pool had no room */
        bool late;     /* LOGIN: its refusal has waited for its time */
        bool by_login; /* its caller is who he is by LOGIN */
        /* CHANGES */
        struct call *parked_next, **parked_at;
        struct event timer;
        uint64_t began_us;
};

/* A copy of the arguments goes into the arena: *ret_in reads the copy. NULL without memory. */
struct call *call_new(enum call_kind kind, const struct rpc_call *rpc, struct bytes arguments,
                      struct xdr_in *ret_in);
void call_free(struct call *c);
/* Whose it is, for a pool and for places. */
void call_set_source(struct call *c, const struct address *source);

/* Empties the reply and begins a record with an accepted, successful reply; gives the offset of the result.
 */
size_t call_reply_begin(struct call *c);
void call_reply_end(struct call *c);
/* The whole reply is this status (for EDIT with the number of its failed operation: none in particular). */
void call_refuse(struct call *c, uint32_t status);
/* The whole reply is an RPC-level answer. */
void call_refuse_rpc(struct call *c, enum accept_stat stat);

#endif
