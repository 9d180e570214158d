/* What this machine's C library says, from one source or from all of the nsswitch.conf line: asked in a child
 * process, because a process that has chosen a source keeps it, and because some sources wait for a network.
 */
#ifndef NETINFO_TOOLS_LIBC_ASK_H
#define NETINFO_TOOLS_LIBC_ASK_H

#include "base/arena.h"

#define LIBC_SECONDS 5u /* then a source is given up */

enum libc_result {
        LIBC_FOUND,
        LIBC_ABSENT,
        LIBC_UNAVAILABLE, /* the source itself says it cannot answer: `error` */
        LIBC_LATE,        /* no answer in LIBC_SECONDS */
};
struct libc_answer {
        enum libc_result result;
        int error;        /* errno; 0: none */
        const char *text; /* FOUND: as getent(1) prints it */
};

/* database: passwd group initgroups shadow gshadow hosts services protocols rpc networks aliases ethers
 * netgroup. key: a name, or a number or address where the database has them. source NULL: the line as it is.
 * Strings live in the arena. False: the database is unknown, or no child could be made. */
bool libc_ask(struct arena *a, const char *database, const char *source, const char *key,
              struct libc_answer *ret);
/* Can the C library load NetInfo's module? NULL: yes; else the loader's words, in the arena. */
const char *libc_module_trouble(struct arena *a);

#endif
