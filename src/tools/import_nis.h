/* `ni import nis`: the maps of a whole site. */
#ifndef NETINFO_TOOLS_IMPORT_NIS_H
#define NETINFO_TOOLS_IMPORT_NIS_H

#include "tools/import.h"

/* What a file of such a folder is called, without a suffix `.byname` and the like: the map. */
struct nis_name {
        const char *map;  /* "passwd"; the name of a flat format */
        unsigned quality; /* 0: the source itself or its first map; higher: the same records under another key
                           */
};
/* False: there is no format for a file of this name. */
bool nis_name(const char *file, struct nis_name *ret);

/* Lines as `ypcat -k` prints them (key, blank, value) become the map's source lines, in *out, one for one, so
 * that line numbers stay; a text that is source already is copied as it is. */
void nis_source(const char *map, struct bytes text, struct buf *out);

/* Numbers and addresses that two names claim, among the plans and against the domain: each is said. True:
 * users or groups are among them, who would get each other's files. `plans` have their files read; the client
 * is connected. False in *ret_ok: an error was said. */
bool nis_collide(struct talk *t, struct import_plan *plans, unsigned n, bool *ret_ok);

#endif
