/* `ni import nidb`: the two ways of a historical database into a domain. */
#ifndef NETINFO_TOOLS_IMPORT_NIDB_H
#define NETINFO_TOOLS_IMPORT_NIDB_H

#include "nidb/nidb.h"
#include "tools/talk.h"

/* Into the domain of a running server, by edits, with new object numbers. Directories are recognised by their
 * place and first name; what is there stays as it is, except that properties it lacks are added, and, with
 * `overwrite`, properties that say something else take the database's values. The root's properties are left
 * alone. Repeating it changes nothing more. */
struct nidb_merge {
        const struct nidb *db;
        bool dry_run; /* only print what would change */
        bool overwrite;
};
void nidb_merge(struct talk *t, const struct nidb_merge *m);

/* A new store as DIR/domains/TAG, object numbers and instances as in the database; built aside, checked, then
 * renamed. Refuses when there is one already. */
void nidb_build(struct talk *t, const struct nidb *db, const char *dir, const char *tag);

#endif
