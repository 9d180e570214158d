/* Servers of some domains and the agent's tracks and schedule, in virtual time. Every call costs 1 ms, every
 * publication `publish_ms`; what happens is told in a trace that the tests compare word for word. */
#ifndef NETINFO_STORY_AGENT_WORLD_H
#define NETINFO_STORY_AGENT_WORLD_H

#include "agent/chain.h"
#include "agent/schedule.h"
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
#define WORLD_SITES   4u
#define WORLD_SERVERS 2u

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

/* One domain and its servers. */
struct site {
        struct world *w;
        unsigned index;          /* its uuid */
        bool up[WORLD_SERVERS];  /* server 0 is the master, */
        bool old;                /* historical: no journal, its seq is the checksum */
        uint64_t late;           /* server 1 a clone that does not have the last `late` changes yet */
        enum track_answer above; /* what they say of the domain above: */
        unsigned above_site;     /* that one, with TRACK_PARENT */
        uint64_t epoch, seq, first_seq;
        struct world_node node[WORLD_OBJECTS];
        struct ext_entry journal[WORLD_CHANGES]; /* by seq */
        struct world_said *said;                 /* what the domain said, newest first */
        uint32_t page_nodes;                     /* of one page */
        uint32_t entries_most;                   /* of one CHANGES */
        int lose_seq;                            /* leave this entry out once: a gap */
        bool repeat;                             /* send the entry before the first one, too */
        unsigned fail_next;                      /* so many calls fail */
};

/* One followed domain. */
struct post {
        struct track *track;
        struct track_action next;
        struct site *to; /* connected there; NULL: not */
        unsigned server;
        uint64_t asked; /* when the track asked for it */
        uint64_t heard; /* when there was something to answer; 0: not yet */
};

struct world {
        struct arena arena;
        struct buf trace;
        uint64_t now;  /* ms */
        int64_t today; /* days */
        struct site site[WORLD_SITES];
        /* -- the agent */
        struct track_options o;
        unsigned max_domains;
        struct post post[WORLD_SITES];
        unsigned posts;
        unsigned shown; /* domains in the last images */
        struct schedule schedule;
        uint64_t publish_ms;
        bool publish_fails;
        unsigned grown; /* what a publication that is not whole says of its deltas */
        unsigned publications;
        bool quiet; /* no trace */
        /* Called every millisecond; may change the domains. */
        void (*meanwhile)(struct world *w);
        unsigned calls;
};

/* With the server of one domain, site[0], and, with ask_ms, as many above as their answers tell of. */
void world_begin(struct world *w, uint32_t ask_ms);
void world_end(struct world *w);
void world_tell(struct world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Changes of a domain; each is one journal entry. Properties as "name=ada|uid=5". */
void world_create(struct site *s, uint32_t object, uint32_t parent, const char *props);
void world_change(struct site *s, uint32_t object, const char *props);
void world_destroy(struct site *s, uint32_t object);
void world_move(struct site *s, uint32_t object, uint32_t parent);
/* As after a restore: another epoch, the journal empty, the sequence number as given. */
void world_new_epoch(struct site *s, uint64_t seq);
/* site[i]'s parent is site[above] from now on. */
void world_bind(struct world *w, unsigned i, unsigned above);

/* What the domain that a track follows said at the track's (epoch, seq). */
const struct world_said *world_said(const struct world *w, const struct track *t);

/* Carries out what tracks and schedule ask for, until `until` ms; a wait goes on in the next run. */
void world_run(struct world *w, uint64_t until);
/* The same event for all tracks from outside. */
void world_reload(struct world *w);

#endif
