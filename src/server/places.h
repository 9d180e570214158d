/* Places for full transfers: each may fill a file and take minutes to be sent, so there are a few, and nobody
 * gets them all. Thread-safe. */
#ifndef NETINFO_SERVER_PLACES_H
#define NETINFO_SERVER_PLACES_H

#include "base/limits.h"
#include "model/network.h"

#include <pthread.h>

struct places {
        pthread_mutex_t mutex;
        unsigned taken, by_others; /* of all; of those by callers that are no replicas */
        struct place {
                struct address source;
                bool replica, used;
        } place[LIMIT_SPOOLS];
};

void places_init(struct places *p);
void places_done(struct places *p);
/* A place for a caller from there; replica: one that sees secrets, the superuser or a listed replica. The
 * last places are kept for those, and another source gets LIMIT_SPOOLS_SOURCE at most. -1: there is none for
 * him. */
int places_enter(struct places *p, const struct address *source, bool replica);
void places_leave(struct places *p, int place); /* -1 is fine */
unsigned places_taken(struct places *p);

#endif
