/* An event loop that other threads may hand work to: a libevent base of one thread, a list of notes, and an
 * eventfd that wakes it. */
#ifndef NETINFO_SERVER_LOOP_H
#define NETINFO_SERVER_LOOP_H

#include <event2/event.h>
#include <event2/event_struct.h>
#include <pthread.h>
#include <stdbool.h>

/* Embedded in what is handed over; run() is called once, in the loop's thread, and owns it from then on. */
struct note {
        struct note *next;
        void (*run)(struct note *note, void *context);
};

struct loop {
        struct event_base *base;
        void *context;                /* handed to every note */
        void (*after)(void *context); /* called after each round of notes; may be NULL */
        int wake_fd;
        struct event wake;
        pthread_mutex_t mutex;
        struct note *first, *last; /* under the mutex */
};

/* 0 or an errno. */
int loop_init(struct loop *l, void *context, void (*after)(void *context));
/* Runs what was posted and not yet run, then frees. Nobody may post any more. */
void loop_done(struct loop *l);
/* From any thread; never fails, never blocks for long. */
void loop_post(struct loop *l, struct note *n);
/* Until loop_stop. */
void loop_run(struct loop *l);
/* From the loop's own thread. */
void loop_stop(struct loop *l);

#endif
