/* A thread that serves connections: one event loop, one read transaction at a time, two scratch buffers. */
#ifndef NETINFO_SERVER_WORKER_H
#define NETINFO_SERVER_WORKER_H

#include "server/call.h"
#include "server/loop.h"

struct server;

struct worker {
        struct loop loop;
        struct server *server;
        unsigned slot; /* SLOT_WORKERS + number */
        pthread_t thread;
        struct config *config; /* a reference; replaced by a note */
        struct buf in, out;    /* of the slice at hand: an idle connection owns no memory */
        struct arena arena;    /* of the call at hand */
        struct domain *open;   /* whose read transaction this slice holds; NULL for none */
        struct store_txn *txn;
        struct conn *first;   /* all its connections */
        struct conn *touched; /* got replies from notes of this round */
        struct conn *runnable,
                *last_runnable; /* have whole records left when their slice was over; in turns */
        struct call *parked;    /* wait for changes */
        struct event tick, resume;
        _Atomic uint64_t turned_ms;      /* when its loop was last seen to turn */
        _Atomic unsigned conns, waiting; /* connections; parked calls */
        unsigned zombies;                /* closed connections with calls still away */
        uint64_t clock_us;               /* end of the last call */
        bool stopping, hurry;
        struct note stop;  /* its own: to be told to stop may not need memory */
        struct note ended; /* to the main loop, when its own is over */
        uint64_t stop_ms;
};

/* 0 or an errno. */
int worker_start(struct worker *w, struct server *s, unsigned number, struct config *c);
/* From the main loop: no new connections come any more; finish what is there, then end. server_worker_ended
 * is told in the main loop. */
void worker_ask_stop(struct worker *w);
void worker_join(struct worker *w);
/* Frees it. Writers and pools have ended before: nobody posts to its loop any more. */
void worker_done(struct worker *w);

/* From the main loop: a connection for this worker (server/conn.h), another configuration (takes over the
 * reference), and "close this one if it is idle". */
void worker_adopt(struct worker *w, struct conn *c);
void worker_reconfigure(struct worker *w, struct config *c);
void worker_evict(struct worker *w, uint64_t visitor_id);

/* From a writer: every call of the chain (by `next`) goes to its own worker. */
void worker_send_home(struct call *chain);
/* One call, from anywhere. */
void call_send_home(struct call *c);
/* domain_committed: wakes those that wait for changes. context: the server. */
void workers_wake(struct domain *d, void *context);

/* The read transaction of this slice on d; NULL when the domain is gone. Ends the one on another domain. */
struct store_txn *worker_txn(struct worker *w, struct domain *d);
void worker_txn_end(struct worker *w);

/* Out of the queue of those to be resumed; it need not be in it. */
void worker_take_runnable(struct worker *w, struct conn *c);

#endif
