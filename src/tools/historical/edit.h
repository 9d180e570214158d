/* What the commands do to directories over the historical calls: paths, missing components, whole subtrees,
 * values (doc/protocol.md 8.5, doc/tools.md 1.4 and 2.3). An id goes in and comes back current. */
#ifndef NETINFO_TOOLS_HISTORICAL_EDIT_H
#define NETINFO_TOOLS_HISTORICAL_EDIT_H

#include "base/arena.h"

#include <netinfo/netinfo.h>
#include <stdbool.h>

/* Where a path begins that does not begin with a slash. */
enum { FROM_ROOT = 0 };

/* The directory a path names. A path of digits is an object number. With `dots`, "." and ".." are this
 * directory and its parent. NI_NODIR: a step has no hit; NI_BADID: a number nobody has, or no path. */
ni_status dir_find(void *handle, ni_index from, bool dots, const char *path, ni_id *ret);
/* The same, creating what is missing at the end of its parent's children. */
ni_status dir_make(void *handle, ni_index from, bool dots, const char *path, ni_id *ret);
/* Destroys a directory with all below it, children first, in more than one step. The root is refused:
 * NI_PERM. */
ni_status dir_destroy(void *handle, ni_index object);
/* Destroys all that is below it. */
ni_status dir_clear(void *handle, ni_index object);
/* Copies it with all below it as last child of `parent`. NI_UNRELATED: that is inside of it. */
ni_status dir_copy(void *handle, ni_index object, ni_index parent, ni_index *ret_copy);

enum edit {
        EDIT_SET,       /* these values, or a new property */
        EDIT_APPEND,    /* behind the present ones */
        EDIT_MERGE,     /* those that are not there yet, each once */
        EDIT_INSERT,    /* before `where` */
        EDIT_TAKE_ALL,  /* every occurrence of each value goes */
        EDIT_TAKE_FIRST /* the first occurrence goes; without the property: NI_NOPROP */
};
/* Changes the first property `key` of a directory; it is created when missing (not by EDIT_TAKE_*). */
ni_status prop_edit(void *handle, ni_id *id, enum edit edit, const char *key, ni_namelist values,
                    ni_index where);
/* Removes every property of that name; none is fine. */
ni_status prop_destroy(void *handle, ni_id *id, const char *key);
/* NI_NOPROP: there is none. */
ni_status prop_rename(void *handle, ni_id *id, const char *key, const char *name);

/* Words of a command line as a list; borrowed, not to be freed. */
ni_namelist words_list(char **word, int n);

#endif
