/* What the decoders of the extension program share. */
#ifndef NETINFO_WIRE_EXT_INTERNAL_H
#define NETINFO_WIRE_EXT_INTERNAL_H

#include "wire/ext.h"

#define EXT_ENTRY_LEAST 32u /* bytes of an ext_entry */
void ext_entry_decode(struct xdr_in *in, struct arena *a, struct ext_entry *e);
void ext_entry_encode(const struct ext_entry *e, struct buf *out);

static inline void *array(struct xdr_in *in, struct arena *a, uint32_t n, size_t size)
{
        void *p = in->bad ? NULL : arena_zalloc(a, n, size);
        if (!p)
                xdr_fail(in);
        return p;
}

/* Unlike the historical programs this one does not cut at a NUL: it refuses it, because the sender would
 * never learn what was stored. */
static inline struct bytes name_decode(struct xdr_in *in, uint32_t max)
{
        const struct bytes b = xdr_opaque(in, max);
        if (bytes_find(b, 0) != b.len)
                xdr_fail(in);
        return b;
}

static inline struct namelist values_decode(struct xdr_in *in, struct arena *a)
{
        struct namelist l = {.n = xdr_count(in, NI_VALUES_MAX, 4)};
        l.v = array(in, a, l.n, sizeof(*l.v));
        for (uint32_t i = 0; i < l.n && !in->bad; i++)
                l.v[i] = name_decode(in, NI_NAME_MAX);
        return l;
}

static inline void flags_check(struct xdr_in *in, uint32_t flags, uint32_t known)
{
        if (flags & ~known)
                xdr_fail(in);
}

#endif
