/* The bytes of snapshot images and of their control file: doc/snapshot-format.md is the text, this is the
 * same in C. Numbers are in the machine's own byte order; a word in the header tells. Offsets count units of
 * 8 bytes from the first byte of the file. */
#ifndef NETINFO_SNAPSHOT_FORMAT_H
#define NETINFO_SNAPSHOT_FORMAT_H

#include <stdint.h>

enum snap_kind {
        SNAP_PASSWD,
        SNAP_GROUP,
        SNAP_SHADOW,
        SNAP_HOSTS, /* from here on map images: one layout for all (doc/snapshot-format.md 12) */
        SNAP_NETWORKS,
        SNAP_SERVICES,
        SNAP_PROTOCOLS,
        SNAP_RPC,
        SNAP_ETHERS,
        SNAP_NETGROUP,
        SNAP_ALIASES,
        SNAP_GSHADOW,
};
#define SNAP_KINDS    12
#define SNAP_ACCOUNTS 3 /* the first ones: a layout each, and deltas */

#define SNAP_MAGIC            "NISNAP\r\n"
#define SNAP_CONTROL_MAGIC    "NICTRL\r\n"
#define SNAP_VERSION          1u
#define SNAP_BYTE_ORDER       0x01020304u
#define SNAP_GENERATION_NONE  0u         /* nothing was published yet */
#define SNAP_GENERATION_MOVED UINT64_MAX /* this control file was replaced: open the folder's new one */

/* Records begin on multiples of 8 bytes, so that a 32-bit offset reaches 32 GiB. */
#define SNAP_UNIT     8u
#define SNAP_SIZE_MAX ((uint64_t)32 << 30)
/* Bytes of a delta: each process reads all of it when it maps it. What a writer should stop at is less. */
#define SNAP_DELTA_MAX ((uint64_t)16 << 20)
/* Bytes of text of one user or shadow record (16-bit offsets inside), and of one group (1,048,576 members of
 * 63 bytes). */
#define SNAP_TEXT_MAX  65535u
#define SNAP_GROUP_MAX (64u << 20)
/* Occupied slots in a row in any table. The writer draws another key before it writes a longer run and the
 * reader stops there, so no choice of names makes a lookup slow. At half load the longest run of 2^24 keys is
 * expected near 90. */
#define SNAP_RUN_MAX  256u
#define SNAP_DELTA    1u                           /* bit 0 of the header's flags */
#define SNAP_BASE     ".base"                      /* "passwd.N.base": what the delta "passwd.N" lies upon */
#define SNAP_CONTROL  "control"                    /* its name in the folder */
#define SNAP_LIVE     "/run/netinfo/snapshots"     /* in memory (doc/decisions.md 21) */
#define SNAP_DURABLE  "/var/lib/netinfo/snapshots" /* for early boot */
#define SNAP_VARIABLE "NETINFO_SNAPSHOTS"          /* names another folder; ignored in set-user-id programs */

struct snap_control {
        char magic[8];
        uint32_t version, byte_order;
        uint64_t reserved[6];
        uint64_t generation; /* the only word that ever changes; offset 64 */
        uint64_t reserved_too[7];
};

/* Four slots of a table: half a cache line, which readers compare at a glance. at[i] 0 marks an empty slot
 * (no record lies at offset 0). */
#define SNAP_BUCKET 4u
struct snap_bucket {
        uint32_t
                hash[SNAP_BUCKET]; /* low half of the key's hash; in the table of numbers the number itself */
        uint32_t at[SNAP_BUCKET];  /* offset of the record */
};

/* An open-addressing table with 2^bits slots, half empty at least. */
struct snap_table {
        uint32_t at;   /* offset of bucket 0; 0 when the kind has no such table */
        uint32_t bits; /* 3..30 */
};

struct snap_header {
        char magic[8];
        uint32_t version, byte_order;
        uint32_t kind;  /* enum snap_kind */
        uint32_t flags; /* SNAP_DELTA, or 0: a whole image */
        uint64_t size;  /* of the file */
        uint64_t generation;
        uint64_t base_generation; /* of a delta: what its base was written for; 0: a whole image */
        uint64_t hash_key[2];
        uint64_t sum;     /* SipHash-1-3, key 0, over the file with this word 0; asked by `verify`, and of a
                             delta when it is opened; never by lookups */
        uint32_t records; /* in the file */
        uint32_t listed;  /* entries of the enumeration */
        uint32_t list;    /* offset of the enumeration: `listed` record offsets, in rank order */
        uint32_t users;   /* group image: entries of the membership index; map image: keys */
        struct snap_table names, numbers, members;
        uint64_t base_sum; /* of a delta: the sum of its base */
        uint64_t reserved[17];
};

/* Text of a record: strings one after the other, each with its NUL, in the form a caller's buffer needs: one
 * copy and the pointers are moved. Right behind it `aliases` bytes of further names, each with its NUL, which
 * are keys but not copied. */
struct snap_user_bytes {
        uint32_t uid, gid;
        uint16_t text;                        /* bytes: name, password, gecos, dir, shell */
        uint16_t password, gecos, dir, shell; /* where each begins in the text; the name at 0 */
        uint16_t flags;
        uint32_t aliases;
};

struct snap_group_bytes {
        uint32_t gid;
        uint32_t text;     /* bytes: name, password, members */
        uint32_t password; /* where it begins */
        uint32_t members;  /* `members` words lie between this header and the text: where each begins */
        uint32_t aliases;
        uint32_t flags;
};

struct snap_shadow_bytes {
        int64_t last_change, min, max, warn, inactive, expire; /* days; -1: none */
        uint64_t flag;
        uint16_t text, hash, flags, reserved; /* name, hash */
        uint32_t aliases, reserved_too;
};

#define SNAP_RECORD_LISTED 1u /* bit 0 of a record's flags: it is in the enumeration */
#define SNAP_RECORD_GONE   2u /* bit 1, only in a delta: its keys lead nowhere, whatever the base says */

/* Membership index: one entry per user name that any group lists. */
struct snap_member_bytes {
        uint32_t gids; /* words that follow this header, distinct, in rank order */
        uint32_t name; /* bytes behind them, the NUL not counted */
};

/* Map images (doc/snapshot-format.md 12). A slot of the one table leads to a key, the key to its record. */
#define SNAP_KEY_MAX     1024u /* bytes of a key: asking copies it to the stack */
#define SNAP_KEY_NAME    'n'   /* the spaces: first byte of a key */
#define SNAP_KEY_ADDRESS 'a'
#define SNAP_KEY_NUMBER  '#'

struct snap_key_bytes {
        uint32_t record; /* offset */
        uint32_t len;    /* bytes that follow */
};

struct snap_map_bytes {
        uint32_t number;
        uint32_t flags;
        uint32_t text;                    /* bytes: name, extra, first list, second list */
        uint32_t first, second;           /* strings in the lists */
        uint16_t addresses4, addresses16; /* 4 and 16 bytes each; they lie before the text */
};

_Static_assert(sizeof(struct snap_control) == 128, "control");
_Static_assert(sizeof(struct snap_bucket) == 32, "bucket");
_Static_assert(sizeof(struct snap_header) == 256, "header");
_Static_assert(sizeof(struct snap_user_bytes) == 24, "user");
_Static_assert(sizeof(struct snap_group_bytes) == 24, "group");
_Static_assert(sizeof(struct snap_shadow_bytes) == 72, "shadow");
_Static_assert(sizeof(struct snap_map_bytes) == 24, "map");

#endif
