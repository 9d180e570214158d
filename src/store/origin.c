/* Where the master of a clone is: the key `origin` of `meta` (doc/store-format.md); and taking a master's
 * place. */
#include "store/store-internal.h"

#include "sys/random.h"

enum ni_status store_get_origin(struct store_txn *t, struct store_origin *ret)
{
        struct bytes raw;
        struct store_origin o = {0};
        const enum ni_status st = store_table_get(t, T_META, BYTES_LIT("origin"), &raw);
        if (st == NI_NODIR) {
                *ret = o;
                return NI_OK;
        }
        if (st != NI_OK)
                return st;
        struct xdr_in in = xdr_in(raw);
        o.term = xdr_u64(&in);
        const uint32_t kind = xdr_u32(&in), filled = xdr_u32(&in);
        const struct bytes where = xdr_opaque(&in, STORE_ORIGIN_MAX);
        if (!xdr_end(&in) || kind > STORE_ORIGIN_COPY || filled > 1 || bytes_find(where, '\0') < where.len)
                return store_damaged(t);
        o.kind = (enum store_origin_kind)kind;
        o.filled = filled;
        memcpy(o.where, where.data, where.len);
        *ret = o;
        return NI_OK;
}

enum ni_status store_set_origin(struct store_txn *t, const struct store_origin *o)
{
        struct buf raw;
        enum ni_status st = store_may_write(t);
        if (st != NI_OK)
                return st;
        buf_init(&raw, 0);
        xdr_put_u64(&raw, o->term);
        xdr_put_u32(&raw, o->kind);
        xdr_put_u32(&raw, o->filled);
        xdr_put_opaque(&raw, bytes_str(o->where));
        st = raw.failed ? NI_SYSTEMERR : store_table_put(t, T_META, BYTES_LIT("origin"), buf_bytes(&raw), 0);
        buf_done(&raw);
        t->dirty = true;
        return st;
}

enum ni_status store_begin_epoch(struct store_txn *t)
{
        const enum ni_status st = store_may_write(t);
        if (st != NI_OK)
                return st;
        const uint64_t before = t->state.epoch;
        do
                random_bytes(&t->state.epoch, sizeof(t->state.epoch));
        while (t->state.epoch == 0 || t->state.epoch == before);
        t->dirty = true;
        return NI_OK;
}
