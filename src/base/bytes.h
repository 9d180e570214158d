/* Byte strings that somebody else owns. NetInfo names and values are opaque NUL-free bytes
 * (doc/protocol.md 1.3), compared byte for byte; a `struct bytes` borrows them from a buffer, a page of the
 * store, or an arena. */
#ifndef NETINFO_BASE_BYTES_H
#define NETINFO_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct bytes {
        const uint8_t *data; /* borrowed; may be NULL only when len is 0 */
        size_t len;          /* bytes */
};

#define BYTES_LIT(s) ((struct bytes){(const uint8_t *)(s), sizeof(s) - 1})
#define BYTES_NONE   ((struct bytes){NULL, 0})
/* For printf("%.*s"): cuts at INT_MAX, which no NetInfo name reaches. */
#define BYTES_FMT(b) (int)((b).len), (const char *)((b).len ? (b).data : (const uint8_t *)"")

static inline struct bytes bytes_of(const void *data, size_t len)
{
        return (struct bytes){(const uint8_t *)data, len};
}

/* Borrows s up to its NUL; NULL gives the empty string. */
static inline struct bytes bytes_str(const char *s)
{
        return s ? bytes_of(s, strlen(s)) : BYTES_NONE;
}

static inline bool bytes_eq(struct bytes a, struct bytes b)
{
        return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static inline bool bytes_eq_str(struct bytes a, const char *s)
{
        return bytes_eq(a, bytes_str(s));
}

static inline bool bytes_starts(struct bytes a, const char *prefix)
{
        const size_t n = strlen(prefix);
        return a.len >= n && memcmp(a.data, prefix, n) == 0;
}

/* Position of the first byte c, or b.len when there is none. */
static inline size_t bytes_find(struct bytes b, uint8_t c)
{
        const uint8_t *p = b.len ? memchr(b.data, c, b.len) : NULL;
        return p ? (size_t)(p - b.data) : b.len;
}

/* The part from `from` on, `len` bytes at most; never leaves b. */
static inline struct bytes bytes_sub(struct bytes b, size_t from, size_t len)
{
        if (from > b.len)
                from = b.len;
        if (len > b.len - from)
                len = b.len - from;
        return (struct bytes){b.len ? b.data + from : NULL, len};
}

#endif
