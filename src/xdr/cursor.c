#include "xdr/cursor.h"

uint32_t xdr_count(struct xdr_in *in, uint32_t max, uint32_t least)
{
        const uint32_t n = xdr_u32(in);
        if (n > max || (uint64_t)n * least > xdr_left(in))
                return xdr_fail(in);
        return n;
}

bool xdr_bool(struct xdr_in *in)
{
        const uint32_t v = xdr_u32(in);
        return v > 1 ? xdr_fail(in) : v;
}

bool xdr_loose_bool(struct xdr_in *in)
{
        return xdr_u32(in) != 0;
}

struct bytes xdr_fixed(struct xdr_in *in, size_t n)
{
        if (in->bad || n > (size_t)(in->end - in->at) || xdr_padded(n) > (size_t)(in->end - in->at)) {
                xdr_fail(in);
                return BYTES_NONE;
        }
        const struct bytes b = bytes_of(in->at, n);
        in->at += xdr_padded(n);
        return b;
}

struct bytes xdr_opaque(struct xdr_in *in, uint32_t max)
{
        const uint32_t n = xdr_u32(in);
        if (n > max)
                xdr_fail(in);
        return xdr_fixed(in, n);
}

struct bytes xdr_name(struct xdr_in *in)
{
        struct bytes b = xdr_opaque(in, 65535);
        b.len = bytes_find(b, 0);
        return b;
}

bool xdr_ok(const struct xdr_in *in)
{
        return !in->bad;
}

bool xdr_end(const struct xdr_in *in)
{
        return !in->bad && in->at == in->end;
}

void xdr_put_u32(struct buf *out, uint32_t v)
{
        uint8_t *p = buf_add(out, 4);
        if (p)
                xdr_store(p, v);
}

void xdr_put_u64(struct buf *out, uint64_t v)
{
        xdr_put_u32(out, (uint32_t)(v >> 32));
        xdr_put_u32(out, (uint32_t)v);
}

void xdr_put_bool(struct buf *out, bool v)
{
        xdr_put_u32(out, v);
}

/* b and its padding to p. */
static void put_padded(uint8_t *p, struct bytes b)
{
        if (!b.len)
                return;
        memset(p + xdr_padded(b.len) - 4, 0, 4);
        memcpy(p, b.data, b.len);
}

void xdr_put_fixed(struct buf *out, struct bytes b)
{
        uint8_t *p = buf_add(out, xdr_padded(b.len));
        if (p)
                put_padded(p, b);
}

void xdr_put_opaque(struct buf *out, struct bytes b)
{
        uint8_t *p = b.len <= UINT32_MAX - 3 ? buf_add(out, 4 + xdr_padded(b.len)) : NULL;
        if (!p) {
                out->failed = true;
                return;
        }
        xdr_store(p, (uint32_t)b.len);
        put_padded(p + 4, b);
}
