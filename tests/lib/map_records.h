/* Records of map images for tests, in few words. */
#ifndef NETINFO_TESTS_MAP_RECORDS_H
#define NETINFO_TESTS_MAP_RECORDS_H

#include "images.h"

#include <arpa/inet.h>

/* A record under construction; texts are the caller's. */
struct map_record {
        struct snap_map_record r;
        struct bytes first[64], second[64], keys[64];
        uint8_t key_text[64][256], four[16][4], six[16][16];
};

static inline void map_key(struct map_record *m, char space, const void *bytes, size_t len)
{
        uint8_t *to = m->key_text[m->r.key_count];
        to[0] = (uint8_t)space;
        memcpy(to + 1, bytes, len);
        m->keys[m->r.key_count++] = bytes_of(to, len + 1);
}

/* names "relay,r", addresses "10.0.0.1,2001:db8::1", lists "a,b". */
static inline struct map_record *map_record(struct map_record *m, const char *names, const char *extra)
{
        struct bytes words[64];
        const size_t n = images_words(names, words, 64);
        memset(m, 0, sizeof(*m));
        m->r = (struct snap_map_record){.name = n ? words[0] : BYTES_NONE,
                                        .extra = bytes_str(extra),
                                        .first = m->first,
                                        .second = m->second,
                                        .addresses4 = m->four[0],
                                        .addresses16 = m->six[0],
                                        .keys = m->keys};
        for (size_t i = 0; i < n; i++)
                map_key(m, SNAP_KEY_NAME, words[i].data, words[i].len);
        for (size_t i = 1; i < n; i++)
                m->first[m->r.first_count++] = words[i];
        return m;
}

static inline void map_address(struct map_record *m, const char *address)
{
        if (strchr(address, ':')) {
                assert_int_equal(inet_pton(AF_INET6, address, m->six[m->r.addresses16_count]), 1);
                map_key(m, SNAP_KEY_ADDRESS, m->six[m->r.addresses16_count++], 16);
        } else {
                assert_int_equal(inet_pton(AF_INET, address, m->four[m->r.addresses4_count]), 1);
                map_key(m, SNAP_KEY_ADDRESS, m->four[m->r.addresses4_count++], 4);
        }
}

static inline int images_host(struct snap_builder *b, const char *names, const char *addresses)
{
        struct map_record m;
        struct bytes words[32];
        const size_t n = images_words(addresses, words, 32);
        map_record(&m, names, "");
        for (size_t i = 0; i < n; i++) {
                char text[64];
                snprintf(text, sizeof(text), "%.*s", BYTES_FMT(words[i]));
                map_address(&m, text);
        }
        return snap_add_map(b, &m.r);
}

/* protocols, rpc, networks; services with a protocol. */
static inline int images_numbered(struct snap_builder *b, const char *names, uint32_t number,
                                  const char *protocol)
{
        struct map_record m;
        struct bytes words[16];
        const size_t n = images_words(names, words, 16);
        const uint32_t wire = htonl(number);
        uint8_t text[128];
        map_record(&m, names, protocol);
        m.r.number = number;
        memcpy(text, &wire, 4);
        memcpy(text + 4, protocol, strlen(protocol));
        if (*protocol) { /* names with the protocol first, then without */
                m.r.key_count = 0;
                for (size_t i = 0; i < n; i++) {
                        char both[128];
                        const int len =
                                snprintf(both, sizeof(both), "%.*s%c%s", BYTES_FMT(words[i]), 0, protocol);
                        map_key(&m, SNAP_KEY_NAME, both, (size_t)len);
                        map_key(&m, SNAP_KEY_NAME, both, words[i].len + 1);
                }
                map_key(&m, SNAP_KEY_NUMBER, text, 4 + strlen(protocol));
        }
        map_key(&m, SNAP_KEY_NUMBER, text, 4);
        return snap_add_map(b, &m.r);
}

/* Both lists are given: aliases (members), gshadow (admins, members), netgroup ("h,u,d" triples, groups). An
 * empty string in a triple is written as "*". */
static inline int images_lists(struct snap_builder *b, const char *names, const char *extra,
                               const char *first, const char *second)
{
        struct map_record m;
        map_record(&m, names, extra);
        m.r.first_count = images_words(first, m.first, 64);
        m.r.second_count = images_words(second, m.second, 64);
        for (size_t i = 0; i < m.r.first_count; i++)
                if (bytes_eq_str(m.first[i], "*"))
                        m.first[i] = BYTES_LIT("");
        return snap_add_map(b, &m.r);
}

static inline int images_ether(struct snap_builder *b, const char *name, const uint8_t address[6])
{
        struct map_record m;
        map_record(&m, name, "");
        m.r.first_count = 0;
        memcpy(m.four[0], address, 6);
        m.r.addresses4_count = 2;
        map_key(&m, SNAP_KEY_ADDRESS, address, 6);
        return snap_add_map(b, &m.r);
}

#endif
