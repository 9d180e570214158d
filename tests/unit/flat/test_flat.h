/* What the tests of this room share. */
#ifndef NETINFO_TEST_FLAT_H
#define NETINFO_TEST_FLAT_H

#include "flat/flat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

static const struct flat_options strict = {.strict = true, .key = {1, 2}};
static const struct flat_options loose = {.strict = false, .key = {1, 2}};

/* A record from words: "name", "a", "b", NULL, "uid", "5", NULL, NULL. */
static inline struct proplist record_of(struct arena *a, ...)
{
        struct proplist l = {NULL, 0};
        const char *key, *value;
        va_list ap;
        va_start(ap, a);
        while ((key = va_arg(ap, const char *))) {
                struct bytes v[16];
                uint32_t n = 0;
                while ((value = va_arg(ap, const char *)))
                        v[n++] = bytes_str(value);
                struct bytes *kept = arena_zalloc(a, n, sizeof(*kept));
                assert_non_null(kept);
                if (n)
                        memcpy(kept, v, n * sizeof(*v));
                assert_true(proplist_add(&l, a, bytes_str(key), kept, n));
        }
        va_end(ap);
        return l;
}

/* "key: v1 v2\n" per property, as `niutil -read` prints it. */
static inline const char *shown(struct arena *a, const struct proplist *l)
{
        struct buf b;
        buf_init(&b, 0);
        for (uint32_t i = 0; i < l->n; i++) {
                buf_put(&b, l->v[i].name);
                buf_putc(&b, ':');
                for (uint32_t k = 0; k < l->v[i].values.n; k++) {
                        buf_putc(&b, ' ');
                        buf_put(&b, l->v[i].values.v[k]);
                }
                buf_putc(&b, '\n');
        }
        const char *s = arena_str(a, buf_bytes(&b));
        buf_done(&b);
        return s;
}

/* All records of a text as new directories, one after the other, "--" between them. */
static inline const char *loaded(struct arena *a, const char *format, const char *text,
                                 const struct flat_options *o)
{
        struct flat_file file;
        struct flat_why why;
        struct buf b;
        buf_init(&b, 0);
        if (!flat_file_read(&file, flat_format(format), bytes_str(text), o, &why)) {
                buf_printf(&b, "line %u: %s", why.line, why.text);
        } else {
                for (uint32_t i = 0; i < file.entry_count; i++) {
                        struct flat_item item;
                        struct proplist l;
                        assert_true(flat_file_item(&file, i, a, &item));
                        assert_true(flat_apply(flat_format(format), FLAT_OWNED, NULL, &item, a, &l));
                        buf_puts(&b, i ? "--\n" : "");
                        buf_puts(&b, shown(a, &l));
                }
                flat_file_done(&file);
        }
        const char *s = arena_str(a, buf_bytes(&b));
        buf_done(&b);
        return s;
}

/* What flat_print makes of a record; "!reason" when it refuses. */
static inline const char *printed(struct arena *a, const char *format, const struct proplist *l,
                                  bool faithful)
{
        struct flat_why why;
        struct buf b;
        buf_init(&b, 0);
        if (!flat_print(flat_format(format), l, faithful, a, &b, &why))
                buf_printf(&b, "!%s", why.text);
        const char *s = arena_str(a, buf_bytes(&b));
        buf_done(&b);
        return s;
}

#endif
