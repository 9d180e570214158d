/* SipHash (Aumasson and Bernstein, 2012): a keyed hash, so that nobody who chooses names can choose
 * collisions. 2-4 with 128 bits of output for what is stored on disk, 1-3 with 64 bits for tables in memory
 * and images. Test vectors: the reference paper's key 00..0f, messages 00, 00 01, ... (tests/unit/base). */
#ifndef NETINFO_BASE_SIPHASH_H
#define NETINFO_BASE_SIPHASH_H

#include "base/bytes.h"

struct siphash_key {
        uint64_t k0, k1; /* the 16 key bytes read as two little-endian words */
};

struct hash128 {
        uint64_t lo, hi; /* the 16 output bytes read as two little-endian words */
};

struct siphash_key siphash_key_from(const uint8_t bytes[16]);
uint64_t siphash13(struct siphash_key key, const void *data, size_t len);
uint64_t siphash24(struct siphash_key key, const void *data, size_t len);
struct hash128 siphash24_128(struct siphash_key key, const void *data, size_t len);

#endif
