#include "base/arena.h"
#include "base/memory.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define ARENA_BLOCK ((size_t)16 << 10) /* first block; most requests fit */

struct arena_block {
        struct arena_block *next;
        size_t size, used;
        alignas(max_align_t) unsigned char data[];
};

void arena_init(struct arena *a, size_t limit)
{
        *a = (struct arena){.limit = limit};
}

static void free_blocks(struct arena_block *b)
{
        while (b) {
                struct arena_block *next = b->next;
                free(b);
                b = next;
        }
}

void arena_done(struct arena *a)
{
        free_blocks(a->head);
        *a = (struct arena){.limit = a->limit};
}

void arena_reset(struct arena *a)
{
        struct arena_block *keep = a->head;
        if (keep) {
                free_blocks(keep->next);
                keep->next = NULL;
                keep->used = 0;
                if (keep->size > 16 * ARENA_BLOCK) { /* do not keep what one giant request needed */
                        free(keep);
                        keep = NULL;
                }
        }
        a->head = keep;
        a->used = 0;
        a->failed = false;
}

struct arena_mark arena_mark(const struct arena *a)
{
        return (struct arena_mark){.head = a->head,
                                   .head_used = a->head ? a->head->used : 0,
                                   .used = a->used,
                                   .failed = a->failed};
}

void arena_rewind(struct arena *a, struct arena_mark to)
{
        while (a->head != to.head) {
                struct arena_block *next = a->head->next;
                free(a->head);
                a->head = next;
        }
        if (a->head)
                a->head->used = to.head_used;
        a->used = to.used;
        a->failed = to.failed;
}

void *arena_alloc(struct arena *a, size_t n)
{
        const size_t align = alignof(max_align_t);
        if (n > SIZE_MAX / 2 || (a->limit && n > a->limit - (a->used < a->limit ? a->used : a->limit))) {
                a->failed = true;
                return NULL;
        }
        const size_t need = (n + align - 1) / align * align;
        if (!a->head || a->head->size - a->head->used < need) {
                size_t size = a->head ? a->head->size * 2 : ARENA_BLOCK;
                if (size > (size_t)1 << 22)
                        size = (size_t)1 << 22;
                if (size < need)
                        size = need;
                struct arena_block *b = malloc(sizeof(*b) + size);
                if (!b) {
                        memory_note_refusal();
                        a->failed = true;
                        return NULL;
                }
                *b = (struct arena_block){.next = a->head, .size = size};
                a->head = b;
        }
        void *p = a->head->data + a->head->used;
        a->head->used += need;
        a->used += need;
        return p;
}

void *arena_zalloc(struct arena *a, size_t count, size_t size)
{
        size_t n;
        if (__builtin_mul_overflow(count, size, &n)) {
                a->failed = true;
                return NULL;
        }
        void *p = arena_alloc(a, n);
        return p ? memset(p, 0, n) : NULL;
}

struct bytes arena_bytes(struct arena *a, struct bytes b)
{
        char *p = arena_str(a, b);
        return p ? bytes_of(p, b.len) : BYTES_NONE;
}

char *arena_str(struct arena *a, struct bytes b)
{
        char *p = arena_alloc(a, b.len + 1);
        if (!p)
                return NULL;
        if (b.len)
                memcpy(p, b.data, b.len);
        p[b.len] = '\0';
        return p;
}

char *arena_printf(struct arena *a, const char *format, ...)
{
        va_list ap;
        va_start(ap, format);
        const int n = vsnprintf(NULL, 0, format, ap);
        va_end(ap);
        char *p = n < 0 ? NULL : arena_alloc(a, (size_t)n + 1);
        if (!p)
                return NULL;
        va_start(ap, format);
        vsnprintf(p, (size_t)n + 1, format, ap);
        va_end(ap);
        return p;
}
