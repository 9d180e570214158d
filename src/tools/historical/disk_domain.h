/* A domain on disk without a server (nicl -raw, doc/tools.md 3): a store of netinfod, or, to be read only,
 * the folder of a historical server. All ni_* calls work on its handle; who may open the files may do
 * everything. */
#ifndef NETINFO_TOOLS_HISTORICAL_DISK_DOMAIN_H
#define NETINFO_TOOLS_HISTORICAL_DISK_DOMAIN_H

#include "tools/historical/nicl.h"

#include "nidb/nidb.h"
#include "store/store.h"

struct disk_options {
        bool create;                   /* there must be none yet */
        bool read_only;                /* also while a server has it open */
        struct nidb_reporter reporter; /* of what a historical database had to have repaired */
};

/* NICL_OK; or why not, with the reason in words: there is nothing, no database, one that a server serves
 * (NICL_LOCKED), damage. */
enum nicl_status disk_open(const char *folder, const struct disk_options *o, struct disk_domain **ret,
                           struct store_why *ret_why);
void disk_close(struct disk_domain *d); /* NULL is fine */
/* For the ni_* calls; freed by ni_free before disk_close. */
void *disk_handle(struct disk_domain *d);

/* Why NI_RDONLY: NICL_WRITE_ACCESS (opened to be read), NICL_CLONE, or NICL_WRITE_FAILED (`_locked`). */
enum nicl_status disk_read_only(const struct disk_domain *d);
/* Hangs a directory under another one, as its last child. NI_UNRELATED: that is below it, or it is the root.
 */
ni_status disk_move(struct disk_domain *d, ni_index object, ni_index parent);
/* Removes an entry of a list of children that has no record. NI_NOTEMPTY: it has one; NI_UNRELATED: it is no
 * child of this directory. */
ni_status disk_detach(struct disk_domain *d, ni_index parent, ni_index child);

struct disk_counts {
        uint32_t checksum, highest;
        uint64_t version;
        uint64_t fetched, saved, removed; /* directories, by this process */
};
ni_status disk_counts(struct disk_domain *d, struct disk_counts *ret);

#endif
