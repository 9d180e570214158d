/* One served domain: its store, the readers of all threads, its writer, its ports and counters. Shared by
 * threads; whoever keeps a pointer beyond one note holds a reference. */
#ifndef NETINFO_SERVER_DOMAIN_H
#define NETINFO_SERVER_DOMAIN_H

#include "binding/binding.h"
#include "directory/directory.h"
#include "server/config.h"
#include "server/loop.h"

#include <limits.h>

/* Every thread that reads has a slot of its own: one reader of the store, one row of counters. */
enum {
        SLOT_WORKERS = 0, /* 8 of them */
        SLOT_MAIN = 8,
        SLOT_LONG = 9, /* 2 threads for long reads */
        SLOT_WRITER = 11,
        SLOT_REPLICA = 12,
        SLOT_PUSH = 13,
        SLOT_TRANSFER = 14, /* 2 threads for full transfers */
        SLOT_COUNT = 16,
};

enum domain_state {
        DOMAIN_SERVING,
        DOMAIN_READ_ONLY, /* a commit failed, and so did the repair: reads go on */
        DOMAIN_BROKEN,    /* could not be opened at start */
        DOMAIN_GONE,      /* destroyed, or the server ends */
};

struct domain_counter {
        _Atomic uint64_t calls, us;
};

struct call;
struct domain;
struct writer;
struct replica;
struct pushing;

/* Told in the writer's thread after each commit. */
typedef void domain_committed(struct domain *d, void *context);

struct wake {
        struct note note;
        struct domain *domain;
        _Atomic bool posted;
};

/* What is known of the parent domain (server/parent.h). */
struct domain_parent {
        pthread_mutex_t mutex;
        struct binding_answer answer;
        struct note asked; /* to the main loop: somebody called NI_RPARENT */
        _Atomic bool posted;
};

struct domain {
        char tag[LIMIT_TAG + 1];
        char folder[PATH_MAX];
        _Atomic unsigned holders;
        _Atomic int state; /* enum domain_state */
        pthread_rwlock_t
                gate; /* read: somebody stands inside a read transaction; write: the store is swapped */
        struct store *store; /* NULL while there is none */
        struct store_txn *reader[SLOT_COUNT];
        struct store_options options;
        _Atomic int role;      /* enum store_role */
        _Atomic uint64_t seq;  /* of the newest durable change */
        _Atomic bool swapping; /* somebody waits for the gate: long readers leave soon */
        struct domain_counter counter[SLOT_COUNT][NI_PROC_COUNT];
        _Atomic uint64_t user_ok, user_failed, granted, refused; /* authentications (protocol.md 2.8) */
        struct writer *writer;                                   /* read under the gate */
        struct replica *replica;                                 /* likewise (server/replica.h) */
        struct pushing *pushing;     /* likewise (server/push.h); NULL: to nobody */
        _Atomic bool superseded;     /* another server is master of this domain, by a later promotion */
        pthread_mutex_t batch;       /* held while a batch of writes runs. A reader that cannot finish in one
                                        transaction holds it, for seconds at most, and sees one state over several.
                                        Taken before the gate, never inside it */
        uint16_t tcp_port, udp_port; /* of version 2; 0: none. Set before others see the domain */
        domain_committed *committed;
        void *context;
        struct wake wake[8]; /* one a worker: calls that wait for changes */
        struct domain_parent parent;
        pthread_mutex_t servers_mutex;
        uint64_t servers_seq; /* of the cached `domain_servers`; UINT64_MAX: none */
        struct arena servers_arena;
        struct namelist servers;
};

/* Where the domains live: FOLDER/TAG. Makes the folder of `tag` aside, fills it as CREATEMASTER does
 * (protocol.md 6.5), and renames it into place. NI_DUPTAG when something is there. */
enum ni_status domain_create(const char *folder, const char *tag, const struct config *c,
                             struct store_why *why);
/* The same for a clone that knows nothing but its master, as CREATECLONE does: host and address of the master
 * ("0.0.0.0": not known), and its tag there. */
struct domain_first {
        const struct store_origin *origin;
        const char *host, *address, *tag;
};
enum ni_status domain_create_clone(const char *folder, const char *tag, const struct config *c,
                                   const struct domain_first *first, struct store_why *why);
/* Opens what is there and starts its writer. A domain that cannot be opened is returned too, in state
 * DOMAIN_BROKEN with *why filled; NULL only without memory. */
struct domain *domain_open(const char *folder, const char *tag, const struct config *c,
                           domain_committed *committed, void *context, struct store_why *why);
/* Drains the writer and closes the store; the struct stays until the last reference goes. */
void domain_close(struct domain *d);
/* Renames the folder of a closed domain to .destroyed/TAG.SECONDS, where it is kept for seven days. */
enum ni_status domain_set_aside(const struct domain *d, const char *folder, struct store_why *why);
/* Removes what domain_set_aside kept long enough, and what a domain_create left half-made. */
void domain_tidy(const char *folder);

struct domain *domain_hold(struct domain *d);
void domain_release(struct domain *d); /* NULL is fine */

/* A read transaction of this thread's slot, at the newest state; NULL when the domain is gone or broken. No
 * call may wait between the two. */
struct store_txn *domain_read_begin(struct domain *d, unsigned slot);
void domain_read_end(struct domain *d, unsigned slot);

/* writer_submit (server/writer.h). Not inside a read transaction of this thread. */
bool domain_submit(struct domain *d, struct call *c);

/* In the replica's thread: the store in the folder `aside`, which nobody has open, takes the place of the one
 * that serves, by one rename (doc/replication.md 4). keep: what served is kept for seven days when the new
 * one may lack some of it. On failure what served goes on, unless it cannot be opened again: then the state
 * says so. */
enum ni_status domain_swap(struct domain *d, const char *aside, bool keep, struct store_why *why);
/* A clone, or a master whose place another one has taken. */
bool domain_refuses_writes(const struct domain *d);

/* After a failed commit, in the writer's thread: close, open, check. The state says how it went. */
void domain_repair(struct domain *d);

void domain_count(struct domain *d, unsigned slot, enum ni_proc proc, uint64_t us);

/* The host part of `master`, and the addresses of the host's entry: the configuration's, else the machine's
 * name up to the first dot and its active non-loopback IPv4 addresses, else 127.0.0.1 (decision 8). Arena. */
const char *domain_host(const struct config *c, struct arena *a);
unsigned domain_addresses(const struct config *c, struct arena *a, const char *const **ret);

#endif
