/* A store as text, and back (doc/store-format.md, Text form): one block a directory, any bytes exactly, the
 * same text for the same content. */
#ifndef NETINFO_TOOLS_STORE_TEXT_H
#define NETINFO_TOOLS_STORE_TEXT_H

#include "store/store.h"

#include <stdio.h>

/* Called now and then with the number of directories done; may be NULL. */
typedef void store_text_progress(void *context, uint64_t done);

/* Everything that r sees. Failures of `out` are the caller's to notice (ferror). */
enum ni_status store_text_dump(struct store_txn *r, FILE *out, store_text_progress *progress, void *context);

struct store_text_why {
        uint64_t line; /* of the text, from 1; 0: the store's fault, not the text's */
        char reason[160];
};
/* Reads a dump into a store that has just been made, in commits of some thousand directories, and compares
 * the number of directories and the digest that the dump ends with. Keeps the uuid, draws a new epoch; the
 * journal is empty. NI_SERIAL: the text is malformed or cut short. */
enum ni_status store_text_load(FILE *in, struct store *s, store_text_progress *progress, void *context,
                               struct store_text_why *why);

#endif
