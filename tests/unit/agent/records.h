/* Encoded records from words. */
#ifndef NETINFO_TEST_RECORDS_H
#define NETINFO_TEST_RECORDS_H

#include "base/arena.h"
#include "xdr/prop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

/* "name=ada alias|uid=5001": values of one property are separated by blanks, "_" stands for a blank in one.
 */
static inline struct bytes encoded(struct arena *a, const char *text)
{
        struct proplist l = {NULL, 0};
        struct buf b;
        char *copy = arena_str(a, bytes_str(text)), *rest = copy;
        for (char *part; (part = strsep(&rest, "|"));) {
                struct bytes v[16];
                uint32_t n = 0;
                char *values = strchr(part, '=');
                *values++ = 0;
                for (char *word; (word = strsep(&values, " "));) {
                        for (char *p = word; *p; p++)
                                if (*p == '_' && p > word)
                                        *p = ' ';
                        v[n++] = bytes_str(word);
                }
                struct bytes *kept = arena_zalloc(a, n, sizeof(*kept));
                assert_non_null(kept);
                memcpy(kept, v, n * sizeof(*v));
                assert_true(proplist_add(&l, a, bytes_str(part), kept, n));
        }
        buf_init(&b, 0);
        xdr_put_proplist(&b, l);
        const struct bytes kept = arena_bytes(a, buf_bytes(&b));
        buf_done(&b);
        return kept;
}

#endif
