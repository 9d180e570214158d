/* decode -> encode -> decode -> encode: the second encoding must be the first, and no longer than what was
 * read. */
#ifndef NETINFO_FUZZ_STABLE_H
#define NETINFO_FUZZ_STABLE_H

#include "base/arena.h"
#include "check.h"
#include "xdr/cursor.h"

/* Decodes with procedure `proc` from in and writes what it found to out; false when it does not decode. */
typedef bool recode_fn(unsigned proc, struct xdr_in *in, struct arena *a, struct buf *out);

/* exact: names are never cut, so the encoding is as long as what was read. */
static inline void check_stable(recode_fn *recode, unsigned proc, struct bytes message, bool exact)
{
        struct arena a;
        struct buf first, second;
        struct xdr_in in = xdr_in(message);
        arena_init(&a, (size_t)64 << 20);
        buf_init(&first, 0);
        buf_init(&second, 0);
        if (recode(proc, &in, &a, &first)) {
                const size_t used = message.len - xdr_left(&in);
                CHECK(!first.failed && !a.failed);
                CHECK(exact ? first.len == used : first.len <= used);
                struct xdr_in again = xdr_in(buf_bytes(&first));
                CHECK(recode(proc, &again, &a, &second) && xdr_end(&again));
                CHECK(bytes_eq(buf_bytes(&first), buf_bytes(&second)));
        }
        buf_done(&first);
        buf_done(&second);
        arena_done(&a);
}

#endif
