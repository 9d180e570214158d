/* What differs between two property lists, value by value. */
#ifndef NETINFO_TOOLS_LOG_DIFF_H
#define NETINFO_TOOLS_LOG_DIFF_H

#include "xdr/prop.h"

struct diff_line {
        struct bytes name, value; /* borrowed from the lists */
        bool has_value;           /* false: the property stands there without values */
        bool secret;              /* access_secret(name): the value is not to be shown */
        uint32_t place;           /* among all values of its list */
};
struct diff {
        struct diff_line *removed, *added; /* in the order of their list; a secret property once only */
        uint32_t removed_count, added_count;
        bool order;  /* nothing was removed or added, but the order differs */
        bool hidden; /* the lists look the same, and there is a secret property: a secret was changed */
};

/* Encoded lists; either may be empty (a directory that was not there). O(n log n) in their values. False: out
 * of memory, or damaged. */
bool diff_lists(struct bytes before, struct bytes after, struct arena *a, struct diff *ret);

#endif
