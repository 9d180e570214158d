#include "base/buf.h"
#include "base/memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void buf_init(struct buf *b, size_t limit)
{
        *b = (struct buf){.limit = limit};
}

void buf_done(struct buf *b)
{
        if (b->resize)
                b->resize(b->context, b->data, 0);
        else
                free(b->data);
        *b = (struct buf){.limit = b->limit};
}

void buf_clear(struct buf *b)
{
        b->len = 0;
        b->failed = false;
}

void buf_truncate(struct buf *b, size_t len)
{
        if (len < b->len)
                b->len = len;
}

static bool reserve(struct buf *b, size_t need)
{
        if (need <= b->cap)
                return true;
        size_t cap = b->cap ? b->cap : 256;
        while (cap < need)
                cap = cap > SIZE_MAX / 2 ? need : cap * 2;
        uint8_t *p = b->resize ? b->resize(b->context, b->data, cap) : realloc(b->data, cap);
        if (!p) {
                memory_note_refusal();
                return false;
        }
        b->data = p;
        b->cap = cap;
        return true;
}

/* Memory for n more bytes within the limit, and `beyond` more that never become content. */
static bool grow(struct buf *b, size_t n, size_t beyond)
{
        size_t need, room;
        if (!b->failed && !__builtin_add_overflow(b->len, n, &need) && (!b->limit || need <= b->limit) &&
            !__builtin_add_overflow(need, beyond, &room) && reserve(b, room ? room : 1))
                return true;
        b->failed = true;
        return false;
}

uint8_t *buf_add(struct buf *b, size_t n)
{
        const bool fits = n <= b->cap - b->len && b->cap && (!b->limit || b->len + n <= b->limit);
        if ((!fits || b->failed) && !grow(b, n, 0))
                return NULL;
        uint8_t *p = b->data + b->len;
        b->len += n;
        return p;
}

void buf_put(struct buf *b, struct bytes s)
{
        uint8_t *p = buf_add(b, s.len);
        if (p && s.len)
                memcpy(p, s.data, s.len);
}

void buf_puts(struct buf *b, const char *s)
{
        buf_put(b, bytes_str(s));
}

void buf_putc(struct buf *b, char c)
{
        uint8_t *p = buf_add(b, 1);
        if (p)
                *p = (uint8_t)c;
}

void buf_printf(struct buf *b, const char *format, ...)
{
        va_list ap;
        va_start(ap, format);
        const int n = vsnprintf(NULL, 0, format, ap);
        va_end(ap);
        if (n < 0) {
                b->failed = true;
                return;
        }
        if (!grow(b, (size_t)n, 1)) /* vsnprintf writes a NUL behind it */
                return;
        va_start(ap, format);
        vsnprintf((char *)b->data + b->len, (size_t)n + 1, format, ap);
        va_end(ap);
        b->len += (size_t)n;
}

void buf_consume(struct buf *b, size_t n)
{
        if (n >= b->len) {
                b->len = 0;
                return;
        }
        memmove(b->data, b->data + n, b->len - n);
        b->len -= n;
}
