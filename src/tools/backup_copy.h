/* The directories of a domain on the client's side, made exact by replaying changes over the pages of
 * SNAPSHOT (doc/extension-program.md 6.3). Properties lie in a file of their own, an index of them in memory.
 */
#ifndef NETINFO_TOOLS_BACKUP_COPY_H
#define NETINFO_TOOLS_BACKUP_COPY_H

#include "wire/ext.h"

struct backup_copy;
/* folder: where the unlinked file for the properties is made. NULL: errno. */
struct backup_copy *backup_copy_new(const char *folder);
void backup_copy_free(struct backup_copy *c); /* NULL is fine */

/* False: out of memory, or the file could not be written. */
bool backup_copy_page(struct backup_copy *c, const struct ext_snapshot_result *page);
bool backup_copy_entry(struct backup_copy *c, const struct ext_entry *e);

/* All directories in ascending order of object numbers, some at a time. The nodes live until each returns;
 * false: it said no, or the file could not be read. */
bool backup_copy_each(struct backup_copy *c, bool (*each)(void *context, struct ext_node *nodes, uint32_t n),
                      void *context);

#endif
