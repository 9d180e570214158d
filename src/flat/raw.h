/* The raw format of `nidump -r` and `niload -r` (doc/tools.md 7): a directory with all below it as text.
 * Pure. */
#ifndef NETINFO_FLAT_RAW_H
#define NETINFO_FLAT_RAW_H

#include "flat/flat.h"

#define RAW_DEPTH_MAX 256u /* levels of CHILDREN: each costs a stack frame; real domains have four */

struct raw_dir {
        struct proplist props;
        struct raw_dir **child; /* n of them, in order */
        uint32_t n;
};

/* Parses a whole text. Lists live in the arena; words without escapes are borrowed from the text. False: a
 * syntax error, in the words of doc/tools.md 7.2 with the line in *ret_why (text and line), too many values
 * or levels, or the arena is full; then nothing of it may be used. */
bool raw_parse(struct bytes text, struct arena *a, struct raw_dir *ret, struct flat_why *ret_why);

/* Prints exactly the bytes of doc/tools.md 7.1, `"` and `\` escaped. For trees that are walked record by
 * record: open, props, then for children: children_open, (child, separated by raw_next) ..., children_close;
 * close. `indent` is in blanks, 0 at the top, +4 for a child. */
void raw_open(struct buf *out, unsigned indent);
void raw_props(struct buf *out, unsigned indent, const struct proplist *l);
void raw_children_open(struct buf *out, unsigned indent);
void raw_children_close(struct buf *out, unsigned indent);
/* comma: another child follows. The top directory has none. */
void raw_close(struct buf *out, unsigned indent, bool comma);
/* A whole tree at once; at most RAW_DEPTH_MAX levels. */
void raw_print(const struct raw_dir *d, struct buf *out);

#endif
