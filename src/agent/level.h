/* One followed domain: a thread that does what its track says, over one connection (doc/agent.md). */
#ifndef NETINFO_AGENT_LEVEL_H
#define NETINFO_AGENT_LEVEL_H

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
        bool gave_up;  /* memory is out */
        bool ended;    /* the thread is at its end: level_stop does not wait */
        uint16_t port; /* of servers that a parent's address is told of; 0: found as every client finds one */
        /* -- private */
        pthread_t thread;
        int poke_fd; /* readable: the call under way ends */
        bool stop, reload, poked;
        struct client *client;
        bool away; /* its reason was logged */
};

/* NULL: no memory, no thread, no descriptor (errno). Call with the lock held. */
struct level *level_start(struct levels *all, const struct track_options *o, const struct servers *first,
                          const char *name);
/* Ends the call under way; with the lock held. */
void level_poke(struct level *l);
/* Everything of the domain is to be read again. With the lock held. */
void level_reload(struct level *l);
/* The thread is to end, which it does soon: `ended` says when. With the lock held. */
void level_leave(struct level *l);
/* Waits for the end of the thread, and frees the level. Without the lock. */
void level_stop(struct level *l);

#endif
