/* Looking at published folders and image files, for tools; lookups use snapshot/live.h. */
#ifndef NETINFO_SNAPSHOT_INSPECT_H
#define NETINFO_SNAPSHOT_INSPECT_H

#include "snapshot/format.h"

#include <stddef.h>

/* "passwd", "group", ... "gshadow": also the names of the files. */
const char *snap_map_name(enum snap_kind kind);

/* Folder i of the order in which readers look (doc/snapshot-format.md 1); NULL behind the last. Borrowed from
 * the environment or static. */
const char *snap_folder_choice(unsigned i);

/* The generation word of a folder. 0; EBADMSG: its control file is none; or an errno. */
int snap_folder_generation(const char *folder, uint64_t *ret_generation);

/* Maps a whole regular file for reading; give it back with munmap. 0, EBADMSG (no regular file, or empty), or
 * an errno. */
int snap_map_file(const char *path, void **ret_base, size_t *ret_size);

/* The header at base, when it is one of ours at all: magic, version, byte order, kind; nothing else is
 * checked. NULL if not. */
const struct snap_header *snap_header_of(const void *base, size_t size);

#endif
