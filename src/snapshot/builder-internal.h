/* What the files of the writer share. */
#ifndef NETINFO_SNAPSHOT_BUILDER_INTERNAL_H
#define NETINFO_SNAPSHOT_BUILDER_INTERNAL_H

#include "base/buf.h"
#include "snapshot/hash.h"
#include "snapshot/writer.h"

struct snap_builder {
        enum snap_kind kind;
        bool built;
        struct buf image;                   /* header, records; lists and tables once it is built */
        uint64_t name_count;                /* keys of all records added, winners or not */
        uint64_t record_count;              /* added */
        uint64_t member_count;              /* of all groups */
        uint64_t base_generation, base_sum; /* of a delta; 0: a whole image */
        struct buf gids; /* of a delta: its member records; of a map: its keys, as in the image */
        uint32_t gids_count;
        uint64_t contested[SNAP_CONTESTED_MAX];
        size_t contested_count;
        bool contested_more; /* than there is room for */
        struct snap_counts counts;
};

/* A record in the builder's buffer, whatever its kind. */
struct snap_raw {
        uint8_t *at;
        uint64_t size; /* with the gap behind it */
        uint32_t number;
        uint16_t *flags16; /* one of the two, by kind */
        uint32_t *flags32;
        const char *first; /* names: this one, then those in aliases */
        const char *aliases;
        uint32_t aliases_len;
};

struct snap_raw snap_raw_at(enum snap_kind kind, uint8_t *at);

/* A table that is being filled. */
struct snap_filling {
        struct snap_bucket *buckets;
        uint32_t bits;
};

/* Room for n keys at half load. 0 or ENOMEM. */
int snap_filling_init(struct snap_filling *t, uint64_t n);
void snap_filling_done(struct snap_filling *t);
/* Slots of a walk: i = snap_filling_home, then snap_filling_next until *snap_filling_at is 0. */
static inline uint32_t snap_filling_home(const struct snap_filling *t, uint64_t hash)
{
        return snap_home(hash, t->bits) * SNAP_BUCKET;
}

static inline uint32_t snap_filling_next(const struct snap_filling *t, uint32_t i)
{
        return (i + 1) & (uint32_t)(((uint64_t)1 << t->bits) - 1);
}

static inline uint32_t *snap_filling_at(const struct snap_filling *t, uint32_t i)
{
        return &t->buckets[i / SNAP_BUCKET].at[i % SNAP_BUCKET];
}

static inline uint32_t *snap_filling_hash(const struct snap_filling *t, uint32_t i)
{
        return &t->buckets[i / SNAP_BUCKET].hash[i % SNAP_BUCKET];
}

static inline void snap_filling_set(const struct snap_filling *t, uint32_t i, uint32_t hash, uint32_t at)
{
        *snap_filling_hash(t, i) = hash;
        *snap_filling_at(t, i) = at;
}

/* The members of all groups in the buffer, turned round: member records for doc/snapshot-format.md 4, one
 * after the other, in order of first appearance. 0 or ENOMEM. */
int snap_index_members(const struct snap_builder *b, struct buf *ret_entries, uint32_t *ret_users);

/* Length of the longest row of used slots, around the end. */
uint64_t snap_longest_run(const struct snap_filling *t);
/* Zeros up to a multiple of `align`. False: no memory. */
bool snap_append_aligned(struct buf *image, uint64_t align);
/* Behind what is there, on a cache line, so that no bucket lies on two. False: no memory. */
bool snap_append_table(struct buf *image, const struct snap_filling *t, struct snap_table *ret_table);
/* Bytes that the strings take with their NULs; SIZE_MAX when they are more than max. */
size_t snap_packed(const struct bytes *strings, size_t n, size_t max);
/* Copies the string and its NUL; where the next one goes. */
uint8_t *snap_pack(uint8_t *to, struct bytes s);

/* snap_build of a map image. */
int snap_build_map(struct snap_builder *b);

/* Keys drawn before we give up: with random keys the second is not needed in a lifetime. */
#define SNAP_KEY_TRIES 64u
#define SNAP_KEYS_MAX  (1ull << 29) /* half of the largest table */

/* One member record behind what is there; gids are copied. False: no memory. */
bool snap_put_member(struct buf *out, struct bytes name, const uint32_t *gids, size_t n);

static inline uint64_t snap_round(uint64_t n, uint64_t to)
{
        return (n + to - 1) / to * to;
}

#endif
