/* Checks all of an image, which opening it does not (doc/snapshot-format.md 7): for publishing and for `ni
 * snapshot verify`. */
#ifndef NETINFO_SNAPSHOT_VERIFY_H
#define NETINFO_SNAPSHOT_VERIFY_H

#include "snapshot/pair.h"

struct snap_findings {
        uint64_t generation;
        uint32_t records, listed, users; /* as the header says */
        uint64_t keys;                   /* looked up: names, numbers, members */
        char what[160];                  /* the first fault, "" when there is none */
};

/* base: the whole file in memory, aligned to 8. Every key in every table is looked up with the reader and
 * must give its record; every record must be exact, reached, and listed as its flag says; every member of
 * every group must have the group in its list (lists above 1024 gids are taken on trust, or this would be
 * quadratic); the sum must be right. 0, EBADMSG with findings->what, or ENOMEM. */
int snap_verify(const void *base, uint64_t size, enum snap_kind kind, struct snap_findings *ret_findings);

/* The same for a delta upon the image `whole` (of whole_size bytes), of which only the header is judged: it
 * has to be the one that the delta names. A group's members are looked up in both together. */
int snap_verify_delta(const void *delta, uint64_t size, const void *whole, uint64_t whole_size,
                      enum snap_kind kind, struct snap_findings *ret_findings);

#endif
