/* Hosts on a network, in virtual time: each may serve a domain and look for its parent. Datagrams take a
 * millisecond or more, and may be lost, late, double or foreign; what host 0 does is told in a trace. */
#ifndef NETINFO_STORY_BINDING_WORLD_H
#define NETINFO_STORY_BINDING_WORLD_H

#include "base/arena.h"
#include "base/buf.h"
#include "binding/binding.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#define WORLD_HOSTS  12u
#define WORLD_EVENTS 4096u
#define WORLD_LEVELS 8u

#define IP(a, b, c, d) ((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (uint32_t)(d))

struct world;

struct host {
        uint32_t addr;
        char tag[LIMIT_TAG + 1]; /* served */
        bool up;
        bool ours;       /* a binder at UDP 987 */
        bool mapper;     /* a port mapper at 111 that knows the binder at 660 */
        bool callit;     /* and forwards */
        bool broadcast;  /* hears broadcasts */
        bool knows;      /* says yes to NIBIND_BIND */
        bool slow_climb; /* nobody can climb it */
        uint16_t udp_port;
        /* what it looks for itself; no core: what is above it does not change */
        struct binding *core;
        uint64_t wake;
        bool forced;
        struct binding_candidate candidate[8];
        struct binding_server own[4];
        unsigned candidates, owns;
        bool no_network; /* only loopback is left */
        struct binding_answer before;
        unsigned bounds; /* times it was told to be bound */
};

enum message_kind { LOOKED, QUERY, REPLY, CLIMBED };
struct message {
        uint64_t due, order;
        enum message_kind kind;
        unsigned host; /* whom it reaches */
        unsigned from;
        struct binding_action a; /* QUERY */
        bool broadcast;
        struct binding_reply reply;
        unsigned climb, length;
        struct binding_server chain[WORLD_LEVELS];
};

struct world {
        struct arena arena;
        struct buf trace;
        uint64_t now, order, random;
        struct host host[WORLD_HOSTS];
        unsigned hosts;
        struct message message[WORLD_EVENTS];
        unsigned messages;
        unsigned lose_percent, late_percent, double_percent; /* of datagrams */
        unsigned foreign_percent;                            /* a wrong copy comes first */
        bool quiet;
        uint64_t sent;                      /* datagrams of host 0 */
        void (*meanwhile)(struct world *w); /* every 100 ms */
};

void world_begin(struct world *w, uint64_t seed);
void world_end(struct world *w);
uint32_t world_below(struct world *w, uint32_t n);
/* A host at 10.0.0.(n + 1), up, our kind; n is its number. */
struct host *world_host(struct world *w, const char *tag);
void world_candidate(struct host *h, uint32_t addr, const char *tag);
/* Gives it a core, which starts at once. */
void world_start(struct world *w, struct host *h);
void world_tell(struct world *w, struct host *h, enum binding_event_kind kind);
void world_run(struct world *w, uint64_t until);
struct binding_answer world_answer(const struct host *h);

#endif
