/* The three LDAP messages that bench-peer-load sends (RFC 4511): bind, search and modify. BER is written
 * backwards, from the end of a buffer, because lengths stand before what they count. */
#ifndef NETINFO_BENCH_LDAP_H
#define NETINFO_BENCH_LDAP_H

#include <stdint.h>
#include <string.h>

#define LDAP_ROOM     1024u
#define LDAP_SUFFIX   "dc=lab,dc=test"
#define LDAP_PEOPLE   "ou=people," LDAP_SUFFIX
#define LDAP_ADMIN    "cn=admin," LDAP_SUFFIX
#define LDAP_PASSWORD "secret"

struct ldap_message {
        uint8_t room[LDAP_ROOM];
        size_t at; /* the message is room + at to the end */
};

static inline void ldap_put(struct ldap_message *m, const void *p, size_t n)
{
        m->at -= n;
        memcpy(m->room + m->at, p, n);
}

/* Tag and length of what lies between here and `end`; at most 65535 bytes. */
static inline void ldap_wrap(struct ldap_message *m, uint8_t tag, size_t end)
{
        const size_t n = end - m->at;
        const uint8_t longer[] = {tag, 0x82, (uint8_t)(n >> 8), (uint8_t)n}, shorter[] = {tag, (uint8_t)n};
        if (n < 128)
                ldap_put(m, shorter, 2);
        else
                ldap_put(m, longer, 4);
}

static inline void ldap_text(struct ldap_message *m, uint8_t tag, const char *s)
{
        const size_t end = m->at;
        ldap_put(m, s, strlen(s));
        ldap_wrap(m, tag, end);
}

static inline void ldap_number(struct ldap_message *m, uint8_t tag, uint32_t v)
{
        const size_t end = m->at;
        const uint8_t bytes[] = {0, (uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v};
        unsigned k = 0;
        while (k < 4 && bytes[k] == 0 && !(bytes[k + 1] & 0x80))
                k++;
        ldap_put(m, bytes + k, 5 - k);
        ldap_wrap(m, tag, end);
}

static inline void ldap_finish(struct ldap_message *m, uint8_t operation, uint32_t id)
{
        ldap_wrap(m, operation, LDAP_ROOM);
        ldap_number(m, 2, id);
        ldap_wrap(m, 0x30, LDAP_ROOM);
}

static inline void ldap_bind(struct ldap_message *m, uint32_t id)
{
        m->at = LDAP_ROOM;
        ldap_text(m, 0x80, LDAP_PASSWORD);
        ldap_text(m, 4, LDAP_ADMIN);
        ldap_number(m, 2, 3);
        ldap_finish(m, 0x60, id);
}

/* (uid=name) below ou=people, with the seven attributes of a passwd line. */
static inline void ldap_search_uid(struct ldap_message *m, uint32_t id, const char *name)
{
        static const char *const wanted[] = {
                "loginShell", "homeDirectory", "gecos", "gidNumber", "uidNumber", "cn", "uid"};
        size_t end = m->at = LDAP_ROOM;
        for (unsigned i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
                ldap_text(m, 4, wanted[i]);
        ldap_wrap(m, 0x30, end);
        end = m->at;
        ldap_text(m, 4, name);
        ldap_text(m, 4, "uid");
        ldap_wrap(m, 0xa3, end);        /* equalityMatch */
        ldap_put(m, "\x01\x01\x00", 3); /* typesOnly: no */
        ldap_number(m, 2, 0);           /* no time limit */
        ldap_number(m, 2, 0);           /* no size limit */
        ldap_number(m, 10, 0);          /* never dereference */
        ldap_number(m, 10, 2);          /* whole subtree */
        ldap_text(m, 4, LDAP_PEOPLE);
        ldap_finish(m, 0x63, id);
}

/* Replaces one attribute of a user. */
static inline void ldap_modify(struct ldap_message *m, uint32_t id, const char *dn, const char *attribute,
                               const char *value)
{
        m->at = LDAP_ROOM;
        ldap_text(m, 4, value);
        ldap_wrap(m, 0x31, LDAP_ROOM);
        ldap_text(m, 4, attribute);
        ldap_wrap(m, 0x30, LDAP_ROOM);
        ldap_number(m, 10, 2); /* replace */
        ldap_wrap(m, 0x30, LDAP_ROOM);
        ldap_wrap(m, 0x30, LDAP_ROOM);
        ldap_text(m, 4, dn);
        ldap_finish(m, 0x66, id);
}

/* Tag and length at p: how many bytes they take, 0 when they are not all there. */
static inline size_t ldap_head(const uint8_t *p, size_t n, size_t *ret_len)
{
        size_t len = 0;
        if (n < 2)
                return 0;
        if (p[1] < 0x80) {
                *ret_len = p[1];
                return 2;
        }
        const size_t k = p[1] & 0x7f;
        if (k > 4 || n < 2 + k)
                return 0;
        for (size_t i = 0; i < k; i++)
                len = len << 8 | p[2 + i];
        *ret_len = len;
        return 2 + k;
}

struct ldap_reply {
        size_t size; /* of the whole message; 0: not all there yet */
        uint32_t id;
        uint8_t operation; /* 0x61 bind, 0x64 entry, 0x65 search done, 0x67 modify done */
        int code;          /* of those that end a request; else -1 */
};

static inline struct ldap_reply ldap_reply(const uint8_t *p, size_t n)
{
        struct ldap_reply r = {.code = -1};
        size_t len, inner;
        const size_t head = ldap_head(p, n, &len);
        if (!head || n < head + len || len < 7)
                return r;
        const uint8_t *m = p + head; /* messageID INTEGER, operation */
        if (m[1] > 4 || (size_t)m[1] + 4 > len)
                return r;
        for (unsigned i = 0; i < m[1]; i++)
                r.id = r.id << 8 | m[2 + i];
        const uint8_t *operation = m + 2 + m[1];
        r.operation = operation[0];
        const size_t skip = ldap_head(operation, len - 2 - m[1], &inner);
        if (r.operation != 0x64 && skip && inner >= 3 && operation[skip] == 0x0a)
                r.code = operation[skip + 2];
        r.size = head + len;
        return r;
}

#endif
