/* The records of one directory in every domain from the local one to the root, for what other programs take
 * from NetInfo (doc/consumers.md). */
#ifndef NETINFO_TOOLS_CHAIN_H
#define NETINFO_TOOLS_CHAIN_H

#include "tools/talk.h"

struct chain_record {
        struct proplist props;
        const char *domain; /* its absolute name, or its path from here, for people */
        bool trusted;       /* of this machine's own domain: decision 25 does not limit it */
};
struct chain {
        struct chain_record *v; /* nearest domain first, in each its order of children */
        uint32_t n, room;
        bool complete; /* every domain up to the root answered */
        struct arena arena;
};

/* With --domain it is that domain alone; it is trusted when it is the local one. A domain without the
 * directory has no records. False: said why, not even the nearest domain answers. Not complete: said why,
 * too; who replaces something by the result must not do it then, since a domain that does not answer is not
 * an empty one. */
bool chain_read(struct talk *t, const char *directory, struct chain *ret);
void chain_done(struct chain *c);

/* Writes a file that other programs read, 0644, by renaming, unless it says the same already. `path` NULL:
 * standard output. False: said why. */
bool chain_put(struct talk *t, const char *path, struct bytes text);

#endif
