#include "wire/record.h"

#include "base/limits.h"
#include "xdr/cursor.h"

#define MARK        4u          /* bytes of a fragment's header */
#define MARK_LAST   0x80000000u /* the record ends with this fragment */
#define MARK_LENGTH 0x7fffffffu

void record_reader_init(struct record_reader *r, size_t limit)
{
        *r = (struct record_reader){.limit = limit};
}

/* Is the fragment of `length` bytes that comes next within the limits? */
static bool admit(const struct record_reader *r, uint32_t length)
{
        return length <= r->limit - r->joined &&
               r->fragments < LIMIT_FRAGMENTS + (r->joined + length) / LIMIT_FRAGMENT_MEAN;
}

enum record_verdict record_next(struct record_reader *r, struct buf *in, size_t at, struct bytes *ret_record,
                                size_t *ret_used)
{
        for (;;) {
                const size_t from = at + r->scanned;
                if (from > in->len || in->len - from < MARK)
                        return RECORD_MORE;
                uint8_t *p = in->data + from;
                const uint32_t mark = xdr_load(p), length = mark & MARK_LENGTH;
                if (!admit(r, length))
                        return RECORD_REFUSED;
                if (in->len - from - MARK < length)
                        return RECORD_MORE;
                uint8_t *to = in->data + at + MARK + r->joined;
                if (to != p + MARK && length)
                        memmove(to, p + MARK, length);
                r->joined += length;
                r->scanned += MARK + (size_t)length;
                r->fragments++;
                if (mark & MARK_LAST) {
                        *ret_record = bytes_of(in->data + at + MARK, r->joined);
                        *ret_used = r->scanned;
                        record_reader_init(r, r->limit);
                        return RECORD_WHOLE;
                }
        }
}

size_t record_open(struct buf *out)
{
        const size_t mark = out->len;
        buf_add(out, MARK);
        return mark;
}

void record_close(struct buf *out, size_t mark)
{
        if (out->failed)
                return;
        const size_t length = out->len - mark - MARK;
        if (length > MARK_LENGTH) {
                out->failed = true;
                return;
        }
        xdr_store(out->data + mark, (uint32_t)length | MARK_LAST);
}
