/* What the files of a raw domain share. */
#ifndef NETINFO_TOOLS_HISTORICAL_DISK_INTERNAL_H
#define NETINFO_TOOLS_HISTORICAL_DISK_INTERNAL_H

#include "api/api-internal.h"
#include "directory/directory.h"

struct disk_version {
        uint64_t version;
        uint32_t object;
};

struct disk_domain {
        struct store *store;
        struct store_txn *reader;
        struct dir_policy policy;
        struct caller caller;
        bool read_only;
        struct buf reply;   /* of the last call */
        struct arena arena; /* likewise */
        uint64_t fetched, saved, removed;
        struct api_local local;
        struct disk_version *versions; /* of all directories, ascending; NULL: to be made */
        uint32_t version_count;
};

enum ni_status disk_call(void *domain, enum ni_proc proc, const struct ni_args *args, struct ni_result *ret);
enum ni_status disk_edit(void *domain, const struct ext_edit_args *args, struct ext_edit_result *ret);

#endif
