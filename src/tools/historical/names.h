/* A set of names, for those that are about to be written: somebody who looks for one must wait. */
#ifndef NETINFO_TOOLS_HISTORICAL_NAMES_H
#define NETINFO_TOOLS_HISTORICAL_NAMES_H

#include "base/arena.h"
#include "base/siphash.h"

struct names {
        struct arena arena;
        struct siphash_key key;
        struct bytes *slot; /* open addressing; data NULL: free */
        uint32_t n, room;
        size_t bytes; /* of all names */
};

void names_init(struct names *s);
void names_done(struct names *s);
/* A copy is kept. False: no memory. */
bool names_add(struct names *s, struct bytes name);
bool names_has(const struct names *s, struct bytes name);
void names_clear(struct names *s);

#endif
