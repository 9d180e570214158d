/* A few threads and a bounded queue, for work that must not stand in a loop's way: password hashes, long
 * reads, names of uids. Sources take turns: one that asks for much waits for itself, not the others for it.
 * The threads step back behind the loops when there are too few processors. */
#ifndef NETINFO_SERVER_POOL_H
#define NETINFO_SERVER_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pool;

/* Embedded in what is worked on. `thread` is 0 .. threads-1. */
struct task {
        struct task *next;
        void (*run)(struct task *task, unsigned thread, void *context);
        uint64_t source; /* whose it is: any number that tells sources apart */
        size_t bytes;    /* memory that it holds while it waits */
};

/* NULL when threads cannot be had. context goes to every task. */
struct pool *pool_start(unsigned threads, unsigned most_waiting, void *context);
/* False when the queue is full, or the source's half of it (LIMIT_POOL_BYTES counts as well); the task is the
 * caller's then. */
bool pool_submit(struct pool *p, struct task *t);
/* Runs what waits, then ends the threads; NULL is fine. */
void pool_stop(struct pool *p);

#endif
