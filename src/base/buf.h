/* A growing byte buffer with a sticky failure: append as often as you like, ask once at the end. */
#ifndef NETINFO_BASE_BUF_H
#define NETINFO_BASE_BUF_H

#include "base/bytes.h"

struct buf {
        uint8_t *data;
        size_t len, cap; /* bytes */
        size_t limit;    /* 0 = none; growing beyond it fails */
        bool failed;     /* sticky: out of memory or over the limit; nothing is appended any more */
        /* Where the memory is from when it is not malloc's: `cap` bytes that begin with what data has, which
         * is worth nothing any more; NULL: none, and data is as it was. With cap 0 data is given back. */
        uint8_t *(*resize)(void *context, uint8_t *data, size_t cap);
        void *context;
};

/* No allocation happens here. limit: see above. */
void buf_init(struct buf *b, size_t limit);
/* Frees the memory; the buffer may be used again (its limit is kept). */
void buf_done(struct buf *b);
/* Empties it, keeps the memory, forgets the failure. */
void buf_clear(struct buf *b);
/* Shortens to len; no effect when it is shorter. A failure stays. */
void buf_truncate(struct buf *b, size_t len);
/* Room for n more bytes, which become part of the content, not cleared; NULL and failed when there is none. n
 * == 0 is fine. */
uint8_t *buf_add(struct buf *b, size_t n);
void buf_put(struct buf *b, struct bytes s);
void buf_puts(struct buf *b, const char *s);
void buf_putc(struct buf *b, char c);
void buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Removes n bytes from the front (n <= len). */
void buf_consume(struct buf *b, size_t n);

static inline struct bytes buf_bytes(const struct buf *b)
{
        return bytes_of(b->data, b->len);
}

#endif
