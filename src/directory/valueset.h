/* A set of values, so that an edit of many values on a long list costs their sum and not their product. */
#ifndef NETINFO_DIRECTORY_VALUESET_H
#define NETINFO_DIRECTORY_VALUESET_H

#include "base/arena.h"
#include "base/siphash.h"

struct valueset {
        const struct bytes **slot; /* open addressing; in the arena */
        size_t mask;
        struct siphash_key key; /* random: nobody chooses collisions */
};

/* Room for `most` values. False: arena full. */
bool valueset_init(struct valueset *s, struct arena *a, size_t most);
/* False when it is in already. `v` must stay where it is. */
bool valueset_add(struct valueset *s, const struct bytes *v);
bool valueset_has(const struct valueset *s, struct bytes v);

#endif
