/* /etc/nsswitch.conf as nsswitch.conf(5) has it: which sources a database asks, in which order. Pure. */
#ifndef NETINFO_TOOLS_NSSWITCH_H
#define NETINFO_TOOLS_NSSWITCH_H

#include "base/arena.h"

#define NSSWITCH_FILE         "/etc/nsswitch.conf"
#define NSSWITCH_LINES_MOST   64u /* glibc knows 16 databases */
#define NSSWITCH_SOURCES_MOST 32u /* of one line */

struct nsswitch_source {
        const char *name;
        const char *actions; /* "SUCCESS=merge NOTFOUND=return", "" when there are none */
};
struct nsswitch_line {
        const char *database;
        const char *text; /* what stands behind the colon, without comment */
        struct nsswitch_source v[NSSWITCH_SOURCES_MOST];
        unsigned n, number; /* number: of the line, from 1 */
};
struct nsswitch {
        struct nsswitch_line v[NSSWITCH_LINES_MOST];
        unsigned n;
};

/* What it does not understand it leaves out, as the C library does. Strings live in the arena. False: the
 * arena is full. */
bool nsswitch_parse(struct bytes text, struct arena *a, struct nsswitch *ret);
/* The line of a database (the first one counts), or NULL. */
const struct nsswitch_line *nsswitch_find(const struct nsswitch *s, const char *database);
/* Position of a source in a line, or -1. line may be NULL. */
int nsswitch_position(const struct nsswitch_line *line, const char *source);
/* Does the list of actions say `condition` (such as "NOTFOUND") is `action` ("return")? Letters of any case.
 */
bool nsswitch_acts(const struct nsswitch_source *s, const char *condition, const char *action);

#endif
