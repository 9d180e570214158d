/* Old NetInfo databases: the files of a `TAG.nidb` folder (doc/protocol.md 7) become a list of directories
 * whose links agree. All three generations are read, none is written. Every byte is hostile: what contradicts
 * the format is refused with file, offset and reason; what a crash of the old server may have left is
 * repaired as that server would have done it, and each repair is reported. */
#ifndef NETINFO_NIDB_NIDB_H
#define NETINFO_NIDB_NIDB_H

#include "xdr/prop.h"

enum nidb_generation {
        NIDB_CURRENT, /* Config and Store.<n> */
        NIDB_OLD,     /* Collection, slots of 512 bytes */
        NIDB_OLDEST,  /* collection, slots of 256 bytes */
};

struct nidb_dir {
        struct ni_id id;
        uint32_t version; /* counter of the database when it was saved; 0 in the old generations */
        uint32_t parent;  /* object number; the root's is 0 */
        uint32_t *child;  /* object numbers in order, each of a directory that is there */
        uint32_t child_count;
        struct bytes props; /* encoded ni_proplist, exact, at most LIMIT_NODE bytes */
};

struct nidb {
        enum nidb_generation generation;
        struct nidb_dir *dir; /* in ascending order of object numbers; dir[0] is the root */
        uint32_t count;
        uint32_t checksum; /* of protocol.md 5.4 */
        uint32_t highest_version;
        uint32_t reports;   /* how often `report` was called */
        struct arena arena; /* children and properties */
};

struct nidb_why {
        char file[64];   /* name inside the folder; empty: the folder itself */
        uint64_t offset; /* of the byte that does not fit; UINT64_MAX: no place in particular */
        char text[200];  /* the reason */
};

struct nidb_reporter {
        void (*report)(void *context, const char *text); /* one repair or oddity in words; may be NULL */
        void *context;
};

/* One file of such a folder. */
struct nidb_file {
        const char *name;
        struct bytes content; /* borrowed */
};

/* Decodes the files of one folder (in any order; names that mean nothing here are passed over). Pure. False,
 * with the reason and nothing in *ret: damaged, no database at all, over a limit of base/limits.h, or out of
 * memory. */
bool nidb_decode(const struct nidb_file *files, uint32_t n, const struct nidb_reporter *r, struct nidb *ret,
                 struct nidb_why *ret_why);
/* Reads the files of a folder and decodes them. The folder is only read. */
bool nidb_read(const char *folder, const struct nidb_reporter *r, struct nidb *ret, struct nidb_why *ret_why);
void nidb_done(struct nidb *db);

/* The directory of this number, or NULL. */
const struct nidb_dir *nidb_find(const struct nidb *db, uint32_t object);

#endif
