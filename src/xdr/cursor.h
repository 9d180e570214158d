/* XDR (RFC 4506) over bytes in memory: sticky cursors. Read or write field after field and ask once at the
 * end. There is one codec in NetInfo, this one; `model`, `wire` and `store` use it (doc/decisions/). */
#ifndef NETINFO_XDR_CURSOR_H
#define NETINFO_XDR_CURSOR_H

#include "base/buf.h"
#include "base/bytes.h"

struct xdr_in {
        const uint8_t *at, *end; /* what is left; borrowed */
        bool bad;                /* sticky: something did not fit; every later read gives 0 or empty */
};

static inline struct xdr_in xdr_in(struct bytes b)
{
        static const uint8_t nothing[1];
        const uint8_t *p = b.len ? b.data : nothing;
        return (struct xdr_in){p, p + b.len, false};
}

static inline size_t xdr_left(const struct xdr_in *in)
{
        return in->bad ? 0 : (size_t)(in->end - in->at);
}

/* Marks the input as bad and gives 0: for values that decode but are not allowed. */
static inline uint32_t xdr_fail(struct xdr_in *in)
{
        in->bad = true;
        return 0;
}

static inline uint32_t xdr_load(const uint8_t *p)
{
        return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline void xdr_store(uint8_t *p, uint32_t v)
{
        p[0] = (uint8_t)(v >> 24);
        p[1] = (uint8_t)(v >> 16);
        p[2] = (uint8_t)(v >> 8);
        p[3] = (uint8_t)v;
}

static inline uint32_t xdr_u32(struct xdr_in *in)
{
        if (in->bad || in->end - in->at < 4)
                return xdr_fail(in);
        const uint32_t v = xdr_load(in->at);
        in->at += 4;
        return v;
}

static inline uint64_t xdr_u64(struct xdr_in *in)
{
        const uint64_t hi = xdr_u32(in);
        return hi << 32 | xdr_u32(in);
}

/* A count that must not exceed max, and of whose elements each takes at least `least` bytes (>= 1), so that a
 * huge count in a short message fails before anything is allocated. */
uint32_t xdr_count(struct xdr_in *in, uint32_t max, uint32_t least);
/* XDR bool. Strict: only 0 and 1. (CREATE's target_id is read loosely, protocol.md 2.10: see xdr_loose_bool.)
 */
bool xdr_bool(struct xdr_in *in);
/* Any non-zero word is true, as historical peers read an XDR "optional". */
bool xdr_loose_bool(struct xdr_in *in);
/* Exactly n bytes and their padding; borrowed from the input. Padding bytes are not looked at (RFC 4506
 * section 3: historical peers leave rubbish there). */
struct bytes xdr_fixed(struct xdr_in *in, size_t n);
/* Counted bytes of at most max; borrowed. */
struct bytes xdr_opaque(struct xdr_in *in, uint32_t max);
/* A NetInfo name: counted bytes; what follows an embedded NUL is cut off, as historical peers do
 * (protocol.md 1.3). Borrowed. */
struct bytes xdr_name(struct xdr_in *in);
/* True when every read so far fitted. Trailing bytes are allowed (call arguments, protocol.md 2.10). */
bool xdr_ok(const struct xdr_in *in);
/* True when every read fitted and nothing is left (stored nodes, images, replies of our own). */
bool xdr_end(const struct xdr_in *in);

void xdr_put_u32(struct buf *out, uint32_t v);
void xdr_put_u64(struct buf *out, uint64_t v);
void xdr_put_bool(struct buf *out, bool v);
/* Bytes and zero padding, without a count. */
void xdr_put_fixed(struct buf *out, struct bytes b);
/* Count, bytes, zero padding. Fails (sticky, in out) over UINT32_MAX bytes. */
void xdr_put_opaque(struct buf *out, struct bytes b);

/* Size of n bytes with their padding. */
static inline size_t xdr_padded(size_t n)
{
        return (n + 3) & ~(size_t)3;
}

#endif
