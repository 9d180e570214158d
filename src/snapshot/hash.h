/* The keyed hash of image tables: doc/snapshot-format.md 6. */
#ifndef NETINFO_SNAPSHOT_HASH_H
#define NETINFO_SNAPSHOT_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Both halves of the 128-bit product, folded. */
static inline uint64_t snap_fold(uint64_t a, uint64_t b)
{
        __extension__ const unsigned __int128 product = (unsigned __int128)a * b;
        return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint64_t snap_hash_number(const uint64_t key[2], uint32_t number)
{
        return snap_fold(key[0] ^ number, key[1]);
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

#endif
