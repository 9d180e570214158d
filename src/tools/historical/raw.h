/* The raw format of nidump -r and niload -r (doc/tools.md 7): a directory and all below it as text. */
#ifndef NETINFO_TOOLS_HISTORICAL_RAW_H
#define NETINFO_TOOLS_HISTORICAL_RAW_H

#include "base/arena.h"
#include "base/buf.h"
#include "xdr/prop.h"

#define RAW_DEPTH 256u /* levels of CHILDREN that are read or written: the recursion ends somewhere */

struct raw_dir {
        struct proplist props;
        struct raw_dir *child;
        uint32_t n;
};

/* Reads text into the arena; values borrow from it. False: a syntax error, in the words of 7.2, or the arena
 * is full. */
bool raw_parse(struct bytes text, struct arena *a, struct raw_dir *ret, char why[160]);

/* Appends one property's line; `indent` is the column of its directory's brace. */
void raw_put_property(struct buf *out, unsigned indent, struct bytes key, struct namelist values);

#endif
