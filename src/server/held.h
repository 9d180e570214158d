/* Main doors that somebody else has: they are tried again until they are ours (doc/server.md 2). The list is
 * the main loop's; others read it. */
#ifndef NETINFO_SERVER_HELD_H
#define NETINFO_SERVER_HELD_H

#include "base/limits.h"
#include "server/config.h"

#include <pthread.h>

struct held_door {
        struct endpoint at;
        bool udp;
};

struct held {
        pthread_mutex_t lock; /* the main loop changes it under this; it reads without */
        struct held_door v[LIMIT_INHERITED];
        unsigned n;
};

void held_init(struct held *h);
void held_done(struct held *h);
#define HELD_NOTE "the other doors serve; this one is tried again every second" /* in the log */

/* Does a held door let a start go on, when another main door serves? managed: a service manager
 * started us. */
bool held_may_wait(const struct config *c, bool managed);
/* In the main loop. Adding one that is there changes nothing; false: the list is full. */
bool held_add(struct held *h, const struct endpoint *at, bool udp);
void held_remove(struct held *h, const struct endpoint *at, bool udp);
/* From any thread: the i-th in words, "tcp 127.0.0.1:987"; false behind the last one. */
bool held_text(struct held *h, unsigned i, char *to, size_t cap);

#endif
