/* How a domain finds its parent and keeps it (doc/binding.md): something happened, and the core says what to
 * do and when to wake it. No socket, no clock, no thread; time comes with every event, chance from a seed.
 * Addresses are numbers as in protocol.md 0.1. */
#ifndef NETINFO_BINDING_BINDING_H
#define NETINFO_BINDING_BINDING_H

#include "base/bytes.h"
#include "base/limits.h"

#define BINDING_BROADCAST 0xFFFFFFFFu /* a candidate's address: every interface's broadcast address */
#define BINDING_PORT      987u        /* of our own kind's binder */
#define BINDING_MAPPER    111u

#define BINDING_TRIES       4u      /* of each step of a probe, and of each round of asking */
#define BINDING_TRY_MS      500u    /* between two of a probe's */
#define BINDING_STAGGER_MS  500u    /* after which the next candidate's probe begins */
#define BINDING_CHECK_MS    30000u  /* between checks of a parent, on average */
#define BINDING_FRESH_MS    5000u   /* a parent that answered so lately is not checked for a caller */
#define BINDING_RETRY_LEAST 5000u   /* wait after a failed attempt */
#define BINDING_RETRY_MOST  300000u /* where it stops doubling */
#define BINDING_RETRY_ASKED 30000u  /* a caller brings the next attempt forward to so long after the last */
#define BINDING_CLIMB_FIRST 10000u  /* after binding, on average */
#define BINDING_CLIMB_AGAIN \
        20000u /* after one that found a loop which another server is to open: it has looked by then */
#define BINDING_CLIMB_MS     300000u /* between climbs */
#define BINDING_CLIMB_GIVEUP 15000u  /* whoever climbs promises an answer in less */
#define BINDING_REFUSE_MS    600000u /* for so long a server that would make a loop is no candidate */

struct binding_server { /* of a domain */
        uint32_t addr;
        char tag[LIMIT_TAG + 1];
};

struct binding_candidate {
        uint32_t addr; /* BINDING_BROADCAST: see above */
        uint16_t port; /* of its binder; 0: BINDING_PORT, and the port mapper is asked, too */
        bool here;     /* this process serves the tag, at an own address */
        char tag[LIMIT_TAG + 1];
};

struct binding_interface { /* active ones only */
        uint32_t addr, mask, broadcast;
        bool loopback;
};

/* What an attempt begins with; copied by the core, what is over its limits is left out. */
struct binding_world {
        bool forced;
        const struct binding_candidate *candidate;
        const struct binding_interface *interface;
        const struct binding_server *own; /* servers of this domain, as /machines lists them */
        unsigned candidates, interfaces, owns;
};

enum binding_query {
        BINDING_GETPORT,     /* of the binder over UDP; to a port mapper */
        BINDING_GETREGISTER, /* of `tag`; to a binder */
        BINDING_PING,        /* to the server */
        BINDING_CALLIT,      /* NIBIND_BIND in a port mapper's call-it */
        BINDING_BIND,        /* NIBIND_BIND to a binder of our kind */
};

struct binding_reply {
        uint32_t xid, from;
        uint16_t from_port;
        bool accepted;     /* and successful; else nothing below counts */
        uint32_t status;   /* GETREGISTER */
        uint32_t udp_port; /* GETREGISTER */
        uint32_t port;     /* GETPORT */
};

enum binding_event_kind {
        BINDING_START,
        BINDING_LOOKED,  /* world */
        BINDING_REPLIED, /* reply */
        BINDING_CLIMBED, /* climb, chain: what is above the server climbed, nearest first; as far as it came
                          */
        BINDING_TIME,    /* time passed */
        BINDING_ASKED,   /* somebody called NI_RPARENT */
        BINDING_CHANGED, /* configuration, network or /machines may be different now */
        BINDING_FORGET,  /* SIGHUP: begin anew */
};
struct binding_event {
        enum binding_event_kind kind;
        uint64_t now; /* ms, never goes back */
        const struct binding_world *world;
        const struct binding_reply *reply;
        const struct binding_server *chain;
        unsigned chain_length, climb;
};

enum binding_action_kind {
        BINDING_LOOK,  /* -> LOOKED, always */
        BINDING_SEND,  /* a datagram */
        BINDING_CLIMB, /* climb, server, port (0: the usual places) -> CLIMBED */
        BINDING_TELL,  /* for the log */
};
enum binding_news {
        BINDING_NOW_BOUND,
        BINDING_NOW_UNBOUND,
        BINDING_NOW_ROOT,
        BINDING_NOW_SILENT,
        BINDING_NOW_LOOP
};
struct binding_action {
        enum binding_action_kind kind;
        enum binding_query query; /* SEND */
        uint32_t xid, to;
        uint16_t port;
        unsigned climb;               /* number of it, to be given back */
        uint32_t client;              /* CALLIT, BIND: address of ours */
        enum binding_news news;       /* TELL */
        const char *reason;           /* TELL; static text */
        struct binding_server server; /* CLIMB, TELL; SEND: its tag */
};

/* All of one step: each target of a round twice, and a few. */
#define BINDING_ACTIONS (2 * LIMIT_PARENT_TARGETS + 3 * LIMIT_PARENTS + 8)
struct binding_actions {
        struct binding_action v[BINDING_ACTIONS];
        unsigned n;
        uint64_t wake; /* TIME is wanted then; UINT64_MAX: never */
};

enum binding_state {
        BINDING_IS_UNKNOWN,
        BINDING_IS_ROOT,
        BINDING_IS_FORCED,
        BINDING_IS_BOUND,
        BINDING_IS_SILENT,
        BINDING_IS_LOOPED,
};
struct binding_answer {
        enum binding_state state;
        struct binding_server parent; /* bound */
};

struct binding;

/* tag: of the domain that looks for its parent. NULL: no memory. */
struct binding *binding_new(const char *tag, uint64_t seed);
void binding_free(struct binding *b); /* NULL is fine */
/* *ret is filled anew; what it borrows stands until the next step. */
void binding_step(struct binding *b, const struct binding_event *e, struct binding_actions *ret);
/* Is a reply with this id from there wanted, and to which question? */
bool binding_wants(const struct binding *b, uint32_t xid, uint32_t from, uint16_t from_port,
                   enum binding_query *ret);
struct binding_answer binding_answer(const struct binding *b);

#endif
