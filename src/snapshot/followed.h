/* How far the images of a folder are: the last change of the local domain that they show. The agent writes
 * it, `ni` waits for it after a write, so that who changes something and then asks the C library gets what he
 * wrote. Lookups never look at it (doc/snapshot-format.md 9). */
#ifndef NETINFO_SNAPSHOT_FOLLOWED_H
#define NETINFO_SNAPSHOT_FOLLOWED_H

#include <stdbool.h>
#include <stdint.h>

#define SNAP_FOLLOWED "followed" /* its name in the folder */

struct followed;

/* Makes or takes over the folder's file, and holds a lock on it as long as it is open: the sign that somebody
 * follows. NULL: cannot (errno); then nobody waits, which is no harm. */
struct followed *followed_open(const char *folder);
/* The images show everything up to change `seq` of the domain's `epoch`. */
void followed_set(struct followed *f, uint64_t epoch, uint64_t seq);
/* NULL is fine. */
void followed_close(struct followed *f);

/* What the folder's file says, for those who look (`ni doctor`). */
struct followed_state {
        bool held; /* a living process follows */
        uint64_t epoch, seq;
};
/* False: there is no such file, or it is none of ours. */
bool followed_look(const char *folder, struct followed_state *ret);

/* Waits until the images in the folder show change `seq` of `epoch`, at most `most_ms`. False: they do not;
 * at once when nobody follows there, or another domain. */
bool followed_wait(const char *folder, uint64_t epoch, uint64_t seq, unsigned most_ms);

#endif
