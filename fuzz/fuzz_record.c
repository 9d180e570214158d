/* Record marking: what the reader finds in a stream that arrives in pieces must be what a plain reading of
 * RFC 5531 section 11 finds in the whole. Input: one byte that seeds the sizes of the pieces, then the
 * stream. */
#include "check.h"
#include "base/limits.h"
#include "wire/record.h"
#include "xdr/cursor.h"

#define LIMIT 4096u

/* Records one after the other, each with its length in front; `refused` when a limit is passed. */
static void plainly(struct bytes stream, struct buf *out, bool *ret_refused)
{
        struct buf record;
        unsigned fragments = 0;
        buf_init(&record, 0);
        *ret_refused = false;
        while (stream.len >= 4) {
                const uint32_t mark = xdr_load(stream.data), length = mark & 0x7fffffffu;
                if (record.len + length > LIMIT ||
                    fragments >= LIMIT_FRAGMENTS + (record.len + length) / LIMIT_FRAGMENT_MEAN) {
                        *ret_refused = true;
                        break;
                }
                if (stream.len - 4 < length)
                        break;
                buf_put(&record, bytes_sub(stream, 4, length));
                fragments++;
                stream = bytes_sub(stream, 4 + (size_t)length, stream.len);
                if (mark >> 31) {
                        xdr_put_opaque(out, buf_bytes(&record));
                        buf_clear(&record);
                        fragments = 0;
                }
        }
        buf_done(&record);
}

static void in_pieces(struct bytes stream, uint32_t seed, struct buf *out, bool *ret_refused)
{
        struct record_reader r;
        struct buf in;
        size_t at = 0, used;
        struct bytes record;
        record_reader_init(&r, LIMIT);
        buf_init(&in, 0);
        *ret_refused = false;
        for (size_t fed = 0; fed < stream.len && !*ret_refused;) {
                seed = seed * 1103515245u + 12345u;
                const struct bytes piece = bytes_sub(stream, fed, 1 + (seed >> 16) % (seed & 1024 ? 7 : 700));
                buf_put(&in, piece);
                fed += piece.len;
                for (;;) {
                        const enum record_verdict v = record_next(&r, &in, at, &record, &used);
                        *ret_refused = v == RECORD_REFUSED;
                        if (v != RECORD_WHOLE)
                                break;
                        CHECK(used >= 4 && used <= in.len - at);
                        xdr_put_opaque(out, record);
                        at += used;
                }
                if (seed & 2048) { /* now and then the caller moves the rest to the front */
                        buf_consume(&in, at);
                        at = 0;
                }
        }
        buf_done(&in);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct buf a, b;
        bool refused_a, refused_b;
        if (size == 0)
                return 0;
        buf_init(&a, 0);
        buf_init(&b, 0);
        plainly(bytes_of(data + 1, size - 1), &a, &refused_a);
        in_pieces(bytes_of(data + 1, size - 1), data[0], &b, &refused_b);
        CHECK(refused_a == refused_b);
        CHECK(bytes_eq(buf_bytes(&a), buf_bytes(&b)));
        buf_done(&a);
        buf_done(&b);
        return 0;
}
