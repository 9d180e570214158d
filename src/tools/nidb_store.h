/* The directories of a historical database, put into a store: numbers, instances, versions and order kept
 * (doc/protocol.md 7.7 step 7). */
#ifndef NETINFO_TOOLS_NIDB_STORE_H
#define NETINFO_TOOLS_NIDB_STORE_H

#include "nidb/nidb.h"
#include "store/store.h"

/* Into a new and empty store, by some commits; not journalled. A status of the store, NI_NOSPACE without
 * memory; then the store is of no use. */
enum ni_status nidb_store(struct store *s, const struct nidb *db);

#endif
