/* What the tests of the store share: a store in a folder that goes away, properties from text, steps that
 * must succeed. */
#ifndef NETINFO_TESTS_STORE_FIXTURE_H
#define NETINFO_TESTS_STORE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/store.h"

struct fixture {
        char folder[64]; /* temporary */
        char path[80];   /* of the store in it */
        struct store *s;
        struct store_options options;
        struct store_txn *w; /* between begin and commit */
        struct store_txn *r; /* while reading */
        struct buf props;
};

/* cmocka setup and teardown: an empty store without syncs. */
int fixture_setup(void **state);
int fixture_teardown(void **state);
/* Closes and opens again with f->options. */
void fixture_reopen(struct fixture *f);

/* "name=ada,countess uid=5001 shell=" -> encoded list: "x=" has no values, "x=," two empty ones. Borrowed
 * until the next call. */
struct bytes props_of(struct fixture *f, const char *text);

void begin(struct fixture *f);      /* a write transaction and a change */
uint64_t commit(struct fixture *f); /* ends both; gives the change's seq */
void reading(struct fixture *f);    /* a read transaction in f->r */
void read_done(struct fixture *f);
uint32_t add(struct fixture *f, uint32_t parent, const char *props); /* within begin; gives the object */
/* Children of a directory as "1 5 2", borrowed until the next call. t: f->w or f->r. */
const char *children_of(struct store_txn *t, uint32_t parent);
const char *hits_of(struct store_txn *t, uint32_t parent, const char *key, const char *value);
/* The hits of a look-up of a name by index are those of a walk over all children. How many children there
 * are. */
uint32_t expect_hits(struct store_txn *t, uint32_t parent, const char *name);
/* store_check finds nothing (problems are printed). */
void check_clean(struct fixture *f);
/* Number of problems that store_check finds, not printed. */
uint64_t problems_of(struct fixture *f);

extern const struct store_actor nobody;

#endif
