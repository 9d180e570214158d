/* The bytes of the store's values (doc/store-format.md): encoders and decoders without LMDB. What is read
 * back from a file is untrusted, even when we wrote it: every decoder checks and says no. All numbers are
 * big-endian, so that keys sort by value. */
#ifndef NETINFO_STORE_RECORD_H
#define NETINFO_STORE_RECORD_H

#include "base/siphash.h"
#include "store/store.h"

/* -- table `meta`, key "state" */
struct store_state {
        enum store_role role;
        uint32_t flags; /* STORE_STATE_* */
        uint8_t uuid[16];
        uint64_t epoch, seq, first_seq, last_when;
        uint32_t checksum, directories;
        uint64_t ceiling;      /* every object number below it has been used or stands in `freed` */
        struct hash128 digest; /* sum modulo 2^128 */
};
#define STORE_STATE_COPY 1u /* a copy: the next opening for writing draws a new epoch */
#define STATE_SIZE       88u
void store_state_encode(const struct store_state *st, uint8_t to[STATE_SIZE]);
bool store_state_decode(struct bytes raw, struct store_state *ret);

/* -- table `meta`, key "format" */
#define FORMAT_SIZE 16u
#define FORMAT      1u
void store_format_encode(uint8_t to[FORMAT_SIZE]);
/* *ret: the number written there, when the magic is right. */
bool store_format_decode(struct bytes raw, uint32_t *ret);

/* -- table `meta`, key "index": the hash key and the names of indexed properties */
#define INDEX_ROWS 64u /* names: a walk over a node's properties compares each with all of them */
struct store_row {
        struct bytes name;
        struct siphash_key key; /* of its values' hashes */
        uint16_t tag;           /* keeps the entries of different properties apart */
};
void store_rows_encode(const uint8_t key[16], const struct bytes *names, uint32_t n, struct buf *out);
/* Names are borrowed from raw; rows has room for INDEX_ROWS. */
bool store_rows_decode(struct bytes raw, struct store_row *rows, uint32_t *ret_n);

/* -- table `nodes` */
#define NODE_HEADER 40u
#define NODE_SUMMED 28u /* the digest covers the value from here on: object, instance, parent, properties */
void store_node_encode(const struct store_node *n, struct buf *out);
/* Props are borrowed from raw and not looked into. */
bool store_node_decode(struct bytes raw, uint32_t object, struct store_node *ret);
/* The node's term of the digest, from its encoded value. */
struct hash128 store_node_sum(struct bytes raw);

/* -- table `freed`: a number that was in use, or a run of numbers that never were */
struct store_freed {
        bool never;        /* then last is valid, else instance */
        uint32_t last;     /* last number of the run; its first is the key */
        uint32_t instance; /* the last one it had */
};
struct bytes store_freed_encode(const struct store_freed *f, uint8_t to[8]);
bool store_freed_decode(struct bytes raw, uint32_t object, struct store_freed *ret);

/* -- table `journal` */
#define PART_MAX                                                                                        \
        1984u /* bytes of a part that holds more than one record: stays in a leaf page, needs no run of \
                 pages */
#define RECORD_MIN 40u /* encoded bytes of the smallest record */
struct store_entry_head {
        uint64_t when;
        uint32_t record_count, parts;
        struct bytes who, from, what;
};
void store_head_encode(const struct store_entry_head *h, struct buf *out);
bool store_head_decode(struct xdr_in *in, struct store_entry_head *ret);
void store_record_encode(const struct store_record *r, struct buf *out);
bool store_record_decode(struct xdr_in *in, struct store_record *ret);

static inline void put64(uint8_t *p, uint64_t v)
{
        xdr_store(p, (uint32_t)(v >> 32));
        xdr_store(p + 4, (uint32_t)v);
}

static inline uint64_t load64(const uint8_t *p)
{
        return (uint64_t)xdr_load(p) << 32 | xdr_load(p + 4);
}

#endif
