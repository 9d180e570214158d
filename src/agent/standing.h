/* How each followed domain stands, for `ni doctor`: a file of JSON in the folder of the images, replaced when
 * something changes (doc/agent.md "How the domains stand"). Lookups never look at it. */
#ifndef NETINFO_AGENT_STANDING_H
#define NETINFO_AGENT_STANDING_H

#include "agent/level.h"
#include "agent/renewer.h"
#include "base/buf.h"

#define STANDING_FILE "standing"         /* its name in the folder */
#define STANDING_MOST ((size_t)64 << 10) /* bytes: 32 levels with names and reasons */

struct standing {
        struct buf text;     /* as it shall be */
        struct buf written;  /* as the file is */
        uint64_t not_before; /* ms of clock_mono_ms: levels that come and go do not keep the disk busy */
};

void standing_init(struct standing *s);
void standing_done(struct standing *s);
/* Looks at the levels, with their lock held, and at the machine's certificate. */
void standing_look(struct standing *s, struct level *const *levels, unsigned n,
                   const struct renewer_standing *machine);
/* Replaces the file when it says something else; without the lock. How many ms to wait for that; 0: there is
 * nothing to write. What cannot be written is tried again with the next change: nobody but people misses it.
 */
uint32_t standing_write(struct standing *s, const char *folder, uint64_t now);
/* A string of JSON, in quotes. Bytes that are no UTF-8 become '?'. */
void standing_put_text(struct buf *out, const char *text);

#endif
