/* niload (doc/tools.md 5, 7.3): what its files share. Input of any length is read as it comes, or from a
 * spool file, so that memory does not grow with it. */
#ifndef NETINFO_TOOLS_HISTORICAL_NILOAD_H
#define NETINFO_TOOLS_HISTORICAL_NILOAD_H

#include "tools/historical/edit.h"
#include "tools/historical/names.h"
#include "tools/historical/sender.h"
#include "tools/historical/spool.h"
#include "tools/historical/tool.h"

#include "flat/flat.h"

#include <stdio.h>

#define QUEUE_MOST  1000u             /* as many as one call may change */
#define QUEUE_BYTES ((size_t)1 << 20) /* of property lists; far below what one call may carry */

/* Then all answers are waited for, so that their names need not be kept. */
#define NAMES_MOST  65536u
#define NAMES_BYTES ((size_t)1 << 20)

struct niload {
        struct tool t;
        bool lost; /* a line was larger than what is taken */
        bool raw, destroy, merge, verbose, replace_all, strict, force;
        const char *what, *domain, *shadow_file;
        const struct flat_format *format;
        struct spool input;     /* of what must be seen whole before any of it is loaded: -r, --strict */
        struct buf shadow_text; /* in memory only: it holds hashes */
        struct flat_file file, shadow;
        struct arena arena;      /* of one item, or of some directories of a raw text */
        netinfo_change *waiting; /* room for QUEUE_MOST of them, or NULL; sent together */
        unsigned queued;
        size_t queued_bytes;
        struct seen *seen;  /* objects that this run has written */
        struct names names; /* of a flat file: of what may not be there yet for who looks */
        struct sender sender;
};

/* Standard input into l->input. False: said why. */
bool niload_spool(struct niload *l);
/* About the bytes that the list takes in a call. */
size_t niload_size_of(const struct proplist *p);
/* What waits is not sent any more. */
void niload_forget(struct niload *l);
/* The exit status. */
int niload_flat(struct niload *l);
int niload_raw(struct niload *l);

#endif
