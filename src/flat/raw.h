/* The raw format of `nidump -r` and `niload -r` (doc/tools.md 7): a directory with all below it as text.
 * Pure. */
#ifndef NETINFO_FLAT_RAW_H
#define NETINFO_FLAT_RAW_H

#include "flat/flat.h"

#define RAW_DEPTH_MAX 256u /* levels of CHILDREN: each costs a stack frame; real domains have four */

/* Told now and then how far the text is read, so that who maps a file can let go of what lies before. */
typedef void raw_passed(void *context, size_t at);
/* Is all of the text well-formed? Nothing is kept of it. False: no, in the words of doc/tools.md 7.2 with the
 * line in *ret_why (text and line): a syntax error, too many values, properties, children or levels. `passed`
 * may be NULL. */
bool raw_check(struct bytes text, raw_passed *passed, void *context, struct flat_why *ret_why);

/* A text that raw_check found well-formed, directory by directory, whatever its length. A cursor is a place
 * in it: inside of a directory, where the search for its next child goes on. */
struct raw_cursor {
        struct bytes text; /* borrowed */
        raw_passed *passed;
        void *context;
        size_t at, said; /* `passed` was told last of this place */
        uint32_t line;
        bool in_list, parens; /* of CHILDREN */
};
/* The top directory's properties, wherever they stand in it, into the arena; and a cursor for its children.
 * False: the arena is full, or the text is not the one that was checked; likewise below. */
bool raw_top(struct bytes text, raw_passed *passed, void *context, struct arena *a,
             struct proplist *ret_props, struct raw_cursor *ret_children);
/* The next child: its properties, and a cursor for its own children. *ret_end: there is no other one. */
bool raw_next(struct raw_cursor *c, struct arena *a, bool *ret_end, struct proplist *ret_props,
              struct raw_cursor *ret_children);

/* Prints exactly the bytes of doc/tools.md 7.1, `"` and `\` escaped. For trees that are walked record by
 * record: open, props, then for children: children_open, (child, separated by raw_next) ..., children_close;
 * close. `indent` is in blanks, 0 at the top, +4 for a child. */
void raw_open(struct buf *out, unsigned indent);
void raw_props(struct buf *out, unsigned indent, const struct proplist *l);
void raw_children_open(struct buf *out, unsigned indent);
void raw_children_close(struct buf *out, unsigned indent);
/* comma: another child follows. The top directory has none. */
void raw_close(struct buf *out, unsigned indent, bool comma);

#endif
