/* A text of the raw format read by its cursors and printed again, for tests and fuzzing. */
#ifndef NETINFO_TESTS_RAW_AGAIN_H
#define NETINFO_TESTS_RAW_AGAIN_H

#include "flat/raw.h"

/* Prints a directory whose properties and cursor are given, with all below it. False: reading failed. */
static inline bool raw_again_below(const struct proplist *props, struct raw_cursor c, unsigned indent,
                                   bool comma, struct arena *a, struct buf *out)
{
        struct proplist next;
        struct raw_cursor below;
        bool end;
        raw_open(out, indent);
        raw_props(out, indent, props);
        if (!raw_next(&c, a, &end, &next, &below))
                return false;
        if (!end)
                raw_children_open(out, indent);
        const bool any = !end;
        while (!end) {
                const struct proplist child = next;
                const struct raw_cursor in_child = below;
                if (!raw_next(&c, a, &end, &next, &below) ||
                    !raw_again_below(&child, in_child, indent + 4, !end, a, out))
                        return false;
        }
        if (any)
                raw_children_close(out, indent);
        raw_close(out, indent, comma);
        return true;
}

/* Checks and prints the text. False: it is no such text, *ret_why says why; or the cursors failed, and
 * ret_why->text is empty. */
static inline bool raw_again(struct bytes text, struct arena *a, struct buf *out, struct flat_why *ret_why)
{
        struct proplist top;
        struct raw_cursor c;
        if (!raw_check(text, NULL, NULL, ret_why))
                return false;
        *ret_why = (struct flat_why){.line = 0};
        return raw_top(text, NULL, NULL, a, &top, &c) && raw_again_below(&top, c, 0, false, a, out);
}

#endif
