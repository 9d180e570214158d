#include "base/siphash.h"

struct sip {
        uint64_t v0, v1, v2, v3;
};

static inline uint64_t rotl(uint64_t x, int b)
{
        return (x << b) | (x >> (64 - b));
}

static inline uint64_t le64(const uint8_t *p)
{
        uint64_t w;
        memcpy(&w, p, sizeof(w));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
        w = __builtin_bswap64(w);
#endif
        return w;
}

static inline void round_of(struct sip *s)
{
        s->v0 += s->v1;
        s->v1 = rotl(s->v1, 13) ^ s->v0;
        s->v0 = rotl(s->v0, 32);
        s->v2 += s->v3;
        s->v3 = rotl(s->v3, 16) ^ s->v2;
        s->v0 += s->v3;
        s->v3 = rotl(s->v3, 21) ^ s->v0;
        s->v2 += s->v1;
        s->v1 = rotl(s->v1, 17) ^ s->v2;
        s->v2 = rotl(s->v2, 32);
}

static inline __attribute__((always_inline)) struct sip absorb(struct siphash_key key, const uint8_t *p,
                                                               size_t len, int rounds, uint64_t tweak)
{
        struct sip s = {key.k0 ^ 0x736f6d6570736575u, key.k1 ^ 0x646f72616e646f6du ^ tweak,
                        key.k0 ^ 0x6c7967656e657261u, key.k1 ^ 0x7465646279746573u};
        const size_t whole = len & ~(size_t)7;
        for (size_t i = 0; i < whole; i += 8) {
                const uint64_t m = le64(p + i);
                s.v3 ^= m;
                for (int r = 0; r < rounds; r++)
                        round_of(&s);
                s.v0 ^= m;
        }
        uint64_t last = (uint64_t)len << 56;
        for (size_t i = whole; i < len; i++)
                last |= (uint64_t)p[i] << (8 * (i - whole));
        s.v3 ^= last;
        for (int r = 0; r < rounds; r++)
                round_of(&s);
        s.v0 ^= last;
        return s;
}

struct siphash_key siphash_key_from(const uint8_t bytes[16])
{
        return (struct siphash_key){le64(bytes), le64(bytes + 8)};
}

uint64_t siphash13(struct siphash_key key, const void *data, size_t len)
{
        struct sip s = absorb(key, data, len, 1, 0);
        s.v2 ^= 0xff;
        for (int r = 0; r < 3; r++)
                round_of(&s);
        return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

uint64_t siphash24(struct siphash_key key, const void *data, size_t len)
{
        struct sip s = absorb(key, data, len, 2, 0);
        s.v2 ^= 0xff;
        for (int r = 0; r < 4; r++)
                round_of(&s);
        return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

struct hash128 siphash24_128(struct siphash_key key, const void *data, size_t len)
{
        struct sip s = absorb(key, data, len, 2, 0xee);
        s.v2 ^= 0xee;
        for (int r = 0; r < 4; r++)
                round_of(&s);
        const uint64_t lo = s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
        s.v1 ^= 0xdd;
        for (int r = 0; r < 4; r++)
                round_of(&s);
        return (struct hash128){lo, s.v0 ^ s.v1 ^ s.v2 ^ s.v3};
}
