/* Who is in: how many connections there are, and how many of each source. At a limit the longest idle
 * connection goes (of that source, or of all), as historical servers do (protocol.md 3.4); only when nobody
 * is idle is the new one refused. Thread-safe. */
#ifndef NETINFO_SERVER_ADMISSION_H
#define NETINFO_SERVER_ADMISSION_H

#include "server/peer.h"

struct worker;
struct admission;

/* Embedded in a connection. */
struct visitor {
        struct visitor *next, *before; /* under the admission's mutex, as all but the two atomics */
        uint64_t id;
        struct address source; /* IPv6: the /64; a uid of this machine */
        struct worker *worker;
        bool exempt;                /* the superuser on the socket: some room is kept for him */
        bool stranger;              /* from elsewhere, and has not shown yet who it is */
        bool leaving;               /* was asked to go */
        _Atomic uint64_t active_ms; /* of the last call; written by the worker */
        _Atomic bool busy;          /* something is still to be answered or sent */
};

struct admission *admission_new(void);
void admission_free(struct admission *a); /* NULL is fine; empty by then */

enum admitted { ADMITTED, ADMITTED_FULL /* refused */ };
/* v->stranger is set by the caller: such visitors have a share of their own, and go before all others.
 * *ret_evict_worker and _id: who must go for it; worker NULL for nobody. */
enum admitted admission_enter(struct admission *a, struct visitor *v, const struct peer *p,
                              const struct config *c, unsigned most, uint64_t now_ms,
                              struct worker **ret_evict_worker, uint64_t *ret_evict_id);
void admission_leave(struct admission *a, struct visitor *v);
/* It has shown who it is: a stranger no more. */
void admission_settle(struct admission *a, struct visitor *v);
/* It was to be evicted, and is not idle any more. */
void admission_stay(struct admission *a, struct visitor *v);

struct admission_counts {
        unsigned now, peak, strangers; /* strangers: of those now */
        uint64_t accepted, evicted, refused;
};
struct admission_counts admission_count(struct admission *a);

#endif
