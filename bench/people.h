/* A synthetic directory, the same in every benchmark: user i of n has a name, uid PEOPLE_UID + i and the
 * primary gid PEOPLE_GID + i / 10; group g of n / 10 has 20 members: its ten primary users and ten others.
 * Names with i >= n are well formed and absent: they are the misses. */
#ifndef NETINFO_BENCH_PEOPLE_H
#define NETINFO_BENCH_PEOPLE_H

#include <stdint.h>
#include <stdio.h>

#define PEOPLE_UID     100000u
#define PEOPLE_GID     5000000u
#define PEOPLE_MEMBERS 20u

static inline uint64_t people_mix(uint64_t x)
{
        x ^= x >> 30;
        x *= 0xbf58476d1ce4e5b9u;
        x ^= x >> 27;
        x *= 0x94d049bb133111ebu;
        return x ^ x >> 31;
}

/* Syllables drawn from h, then i in base 36, so that names are unlike each other but never equal. Returns the
 * length. */
static inline size_t people_word(char *to, uint64_t h, uint32_t i, unsigned syllables)
{
        static const char consonants[] = "bdfghjklmnprstvz", vowels[] = "aeiou",
                          digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";
        char reversed[8];
        size_t n = 0, r = 0;
        for (unsigned k = 0; k < syllables; k++, h >>= 7) {
                to[n++] = consonants[h & 15];
                to[n++] = vowels[(h >> 4) % 5];
        }
        do
                reversed[r++] = digits[i % 36];
        while (i /= 36);
        while (r)
                to[n++] = reversed[--r];
        to[n] = '\0';
        return n;
}

static inline size_t people_user(char to[32], uint32_t i)
{
        const uint64_t h = people_mix(0x1000000000u + i);
        return people_word(to, h, i, 2 + (unsigned)(h >> 60 & 3) % 3);
}

static inline size_t people_group(char to[32], uint32_t g)
{
        const uint64_t h = people_mix(0x2000000000u + g);
        to[0] = 'g';
        return 1 + people_word(to + 1, h, g, 2 + (unsigned)(h >> 60 & 1));
}

/* The k-th member of group g in a directory of n users. */
static inline uint32_t people_member(uint32_t n, uint32_t g, uint32_t k)
{
        if (k < PEOPLE_MEMBERS / 2)
                return (g * (PEOPLE_MEMBERS / 2) + k) % n;
        return (uint32_t)(people_mix(0x3000000000u + (uint64_t)g * PEOPLE_MEMBERS + k) % n);
}

static inline size_t people_gecos(char to[64], uint32_t i)
{
        const uint64_t h = people_mix(0x4000000000u + i);
        size_t n = people_word(to, h, i % 97, 3);
        to[n++] = ' ';
        n += people_word(to + n, h >> 20, i % 89, 4);
        return n;
}

static inline size_t people_passwd_line(char to[256], uint32_t i)
{
        char user[32], gecos[64];
        people_user(user, i);
        people_gecos(gecos, i);
        return (size_t)snprintf(to, 256, "%s:x:%u:%u:%s:/home/%s:/bin/bash", user, PEOPLE_UID + i,
                                PEOPLE_GID + i / 10, gecos, user);
}

#endif
