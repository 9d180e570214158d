/* A server of one domain and an agent's core, in virtual time. Every call costs 1 ms, every publication
 * `publish_ms`; what happens is told in a trace that the tests compare word for word. */
#ifndef NETINFO_STORY_AGENT_WORLD_H
#define NETINFO_STORY_AGENT_WORLD_H

#include "agent/core.h"
#include "base/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#define WORLD_OBJECTS 48u
#define WORLD_CHANGES 4096u

struct world_node {
        bool used;
        uint32_t parent;
        uint64_t ordinal, born;
        struct bytes props;
};

struct world_said {
        struct world_said *before;
        uint64_t epoch, seq;
        const char *users, *groups;
};

struct world {
        struct arena arena;
        struct buf trace;
        uint64_t now;  /* ms */
        int64_t today; /* days */
        /* -- the server */
        bool up;
        uint64_t epoch, seq, first_seq;
        struct world_node node[WORLD_OBJECTS];
        struct ext_entry journal[WORLD_CHANGES]; /* by seq */
        struct world_said *said;                 /* what the domain said, newest first */
        uint32_t page_nodes;                     /* of one page */
        uint32_t entries_most;                   /* of one CHANGES */
        int lose_seq;                            /* leave this entry out once: a gap */
        bool repeat;                             /* send the entry before the first one, too */
        unsigned fail_next;                      /* so many calls fail */
        /* -- the agent */
        struct core *core;
        struct core_action next;
        uint64_t asked; /* when the core asked for it */
        uint64_t publish_ms;
        bool publish_fails;
        unsigned grown; /* what a publication that is not whole says of its deltas */
        unsigned publications;
        bool quiet; /* no trace */
        /* Called every millisecond; may change the domain. */
        void (*meanwhile)(struct world *w);
        unsigned calls;
};

void world_begin(struct world *w);
void world_end(struct world *w);
void world_tell(struct world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Changes of the domain; each is one journal entry. Properties as "name=ada|uid=5". */
void world_create(struct world *w, uint32_t object, uint32_t parent, const char *props);
void world_change(struct world *w, uint32_t object, const char *props);
void world_destroy(struct world *w, uint32_t object);
void world_move(struct world *w, uint32_t object, uint32_t parent);
/* As after a restore: another epoch, the journal empty, the sequence number as given. */
void world_new_epoch(struct world *w, uint64_t seq);

/* What the domain said at the core's (epoch, seq). */
const struct world_said *world_said(const struct world *w);

/* Carries out what the core asks for, until `until` ms; a wait goes on in the next run. */
void world_run(struct world *w, uint64_t until);
/* The same event for the core from outside. */
void world_reload(struct world *w);

#endif
