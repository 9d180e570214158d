/* One followed domain: a thread that does what its track says, over one connection (doc/agent.md). */
#ifndef NETINFO_AGENT_LEVEL_H
#define NETINFO_AGENT_LEVEL_H

#include "agent/keep.h"
#include "agent/track.h"

#include <pthread.h>

struct client;

/* What all levels share. Tracks and tables are touched with the lock held only. */
struct levels {
        pthread_mutex_t lock;
        int wake_fd; /* an eventfd: gains 1 when a level has done a step */
};

struct level {
        struct levels *all;
        char name[400]; /* for logs: "local", "network at 10.0.0.1:987" */
        uint64_t id;    /* never used again */
        struct track *track;
        bool gave_up;       /* memory is out */
        int64_t away_since; /* seconds since 1970 UTC; 0: a server answers, or none was asked yet */
        char away_why[256]; /* the last reason */
        bool ended;         /* the thread is at its end: level_stop does not wait */
        uint16_t port; /* of servers that a parent's address is told of; 0: found as every client finds one */
        struct keep_limits limits;
        /* -- private */
        pthread_t thread;
        int poke_fd; /* readable: the call under way ends */
        bool stop, reload, poked;
        const struct table *lost; /* the one that is being read again, because its file could not be read */
        struct keep *keep;
        struct keep_head kept; /* what the file would be headed with now */
        uint64_t kept_tables;  /* track_tables of the file */
        uint64_t keep_at;      /* not before */
        bool keep_failed;      /* was logged */
        uint64_t pack_at;      /* the table is packed not before */
        int write_error;       /* of its file, as it was logged */
        bool forget;           /* at the end, the file is removed */
        struct client *client;
        bool away; /* its reason was logged */
};

/* Takes over `keep`, and what it holds, if the server that told of it is one of `first`; `first` without
 * servers: that one is the first. NULL: nothing to begin with (errno 0), no memory, no thread, no descriptor;
 * keep is closed then. Call with the lock held. */
struct level *level_start(struct levels *all, const struct track_options *o, const struct servers *first,
                          struct keep *keep);
/* Ends the call under way; with the lock held. */
void level_poke(struct level *l);
/* Everything of the domain is to be read again. With the lock held. */
void level_reload(struct level *l);
/* The same when the file of its table cannot be read any more (mapped.h): nothing of it may be used until
 * another one has taken its place. True while that is so. With the lock held. */
bool level_is_lost(struct level *l);
/* The thread is to end, which it does soon: `ended` says when. `forget`: the domain is followed no more, and
 * its file goes, too. With the lock held. */
void level_leave(struct level *l, bool forget);
/* Waits for the end of the thread, and frees the level. Without the lock. */
void level_stop(struct level *l);

#endif
