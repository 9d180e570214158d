/* Changes on their way to a domain, many in one durable step and, where the server can do that, many steps at
 * once on their way; else, and where one is refused, one call of the historical protocol for each. */
#ifndef NETINFO_TOOLS_HISTORICAL_SENDER_H
#define NETINFO_TOOLS_HISTORICAL_SENDER_H

#include "api/ahead.h"
#include "tools/historical/seen.h"

struct sender_batch {
        netinfo_change *v;
        unsigned n;
        size_t bytes; /* about what it takes in a call */
        uint32_t ticket;
};

struct sender {
        void *handle;      /* for nothing else while something is on its way */
        struct seen *seen; /* takes the numbers of what was written; NULL: nobody asks */
        const char *what;  /* for the journal */
        enum { SENDER_UNTRIED, SENDER_TOGETHER, SENDER_ALONE } way;
        struct sender_batch flight[AHEAD_MOST],
                refused[AHEAD_MOST]; /* in the order in which they were sent */
        unsigned flights, refusals;
        size_t flying;   /* bytes */
        ni_id parent;    /* of the last directory that was made alone, as it is now */
        char failed[64]; /* the name of the first record that is not stored */
};

void sender_init(struct sender *s, void *handle, const char *what, struct seen *seen);
/* Frees what is left. */
void sender_done(struct sender *s);
/* Takes the array (of malloc) and the lists in it over. The first failure of this or an earlier one, and
 * `failed`: what comes before that record is stored; behind it something may be. */
ni_status sender_send(struct sender *s, netinfo_change *changes, unsigned n, size_t bytes);
/* Waits until nothing is on its way. */
ni_status sender_drain(struct sender *s);
/* The name of the first record whose answer has not come, or else of `otherwise`; "": it has none. Borrowed.
 */
const char *sender_oldest(const struct sender *s, const netinfo_change *otherwise);
/* At once and each by itself, or all together; the ids of directories that were made are in `changes`
 * afterwards, which stay the caller's. Nothing may be on its way. */
ni_status sender_send_now(struct sender *s, netinfo_change *changes, unsigned n);

#endif
