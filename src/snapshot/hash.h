/* The keyed hash of image tables: doc/snapshot-format.md 6. */
#ifndef NETINFO_SNAPSHOT_HASH_H
#define NETINFO_SNAPSHOT_HASH_H

#include "snapshot/format.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define SNAP_HASH_ODD 0x9e3779b97f4a7c15u /* 2^64 / the golden ratio, odd */

/* Both halves of the 128-bit product, folded. */
static inline uint64_t snap_fold(uint64_t a, uint64_t b)
{
        __extension__ const unsigned __int128 product = (unsigned __int128)a * b;
        return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* One multiplication alone would do for random numbers; people count upwards, and consecutive numbers then
 * fall into step with the table. */
static inline uint64_t snap_hash_number(const uint64_t key[2], uint32_t number)
{
        uint64_t x = (key[0] ^ number) * (key[1] | 1);
        x ^= x >> 32;
        return x * SNAP_HASH_ODD;
}

static inline uint64_t snap_word8(const char *p)
{
        uint64_t w;
        memcpy(&w, p, sizeof(w));
        return w;
}

static inline uint64_t snap_word4(const char *p)
{
        uint32_t w;
        memcpy(&w, p, sizeof(w));
        return w;
}

static inline uint64_t snap_hash_name(const uint64_t key[2], const char *name, size_t len)
{
        uint64_t state = key[0], a, b;
        const char *p = name;
        size_t left = len;
        for (; left > 16; left -= 16, p += 16)
                state = snap_fold(snap_word8(p) ^ key[1], snap_word8(p + 8) ^ state);
        if (left >= 8) {
                a = snap_word8(p);
                b = snap_word8(p + left - 8); /* overlaps the first word when left < 16 */
        } else if (left >= 4) {
                a = snap_word4(p);
                b = snap_word4(p + left - 4);
        } else if (left > 0) {
                a = (uint64_t)(uint8_t)p[0] << 16 | (uint64_t)(uint8_t)p[left / 2] << 8 |
                    (uint8_t)p[left - 1];
                b = 0;
        } else {
                a = b = 0;
        }
        return snap_fold(snap_fold(a ^ key[1], b ^ state) ^ len, key[1]);
}

/* The bucket at which the search for a key with this hash begins, in a table of 2^bits slots. */
static inline uint32_t snap_home(uint64_t hash, uint32_t bits)
{
        return (uint32_t)(hash >> (64 - bits)) / SNAP_BUCKET;
}

#endif
