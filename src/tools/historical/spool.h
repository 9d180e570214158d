/* Standard input in an unnamed file, so that it can be read twice without being in memory. */
#ifndef NETINFO_TOOLS_HISTORICAL_SPOOL_H
#define NETINFO_TOOLS_HISTORICAL_SPOOL_H

#include "base/bytes.h"

#include <stdio.h>

struct spool {
        struct bytes text; /* mapped, private to this process */
};

/* Copies all of f into a file without a name in $TMPDIR, else /var/tmp (not /tmp, which may be memory), and
 * maps it. 0, or an errno. */
int spool_take(struct spool *s, FILE *f);
/* What lies before `at` need not stay in memory for now (a raw_passed: flat/raw.h). */
void spool_passed(void *spool, size_t at);
void spool_done(struct spool *s);

#endif
