/* What the files of pushing share. */
#ifndef NETINFO_SERVER_PUSH_INTERNAL_H
#define NETINFO_SERVER_PUSH_INTERNAL_H

#include "replica/push.h"
#include "server/push.h"
#include "server/push_queue.h"

/* One clone, and its thread. */
struct pusher {
        struct pushing *p;
        char where[300]; /* "10.0.0.2/network" */
        struct address address;
        pthread_t thread;
        int wake_fd;      /* readable: something happened, for its waits */
        int stop_fd;      /* readable: its end, also in the middle of a call */
        struct push core; /* under the mutex of `p` for others to look at */
        bool resync, listed;
        _Atomic bool follows; /* a clone of our own kind */
        _Atomic bool stopping;
        unsigned begun, ended; /* transfers, for the core */
        uint64_t head;         /* what the core was told last */
        char said[200];
};

struct pushing {
        struct domain *d;
        struct push_queue queue;
        char addresses[16][16];
        unsigned address_count;
        pthread_t thread; /* keeps the list */
        pthread_mutex_t mutex;
        pthread_cond_t changed;
        bool stopping, resync, look;
        struct pusher *pusher[LIMIT_PUSHED];
        unsigned pushers;
        uint32_t latency_ms, cleanup_ms;
};

/* -- push_clone.c: the thread of one clone. Begin: with the mutex of p held; NULL without memory or threads.
 * End: without, since it waits for the thread, which takes it. */
struct pusher *pusher_begin(struct pushing *p, struct bytes server, uint32_t ipv4);
void pusher_end(struct pusher *c);
void pusher_wake(struct pusher *c);

#endif
