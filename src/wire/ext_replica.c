#include "wire/ext_replica.h"

#include "wire/ext-internal.h"

enum { PUSHED_LEAST = 16 };

bool ext_replica_args_decode(struct xdr_in *in, struct ext_replica_args *ret)
{
        struct ext_replica_args r = {.tag = name_decode(in, LIMIT_TAG)};
        r.verb = xdr_u32(in);
        if (r.verb > EXT_REPLICA_DEMOTE)
                xdr_fail(in);
        r.flags = xdr_u32(in);
        flags_check(in, r.flags, EXT_REPLICA_HISTORICAL);
        r.where = name_decode(in, LIMIT_WHERE);
        if (!xdr_ok(in))
                return false;
        *ret = r;
        return true;
}

void ext_replica_args_encode(const struct ext_replica_args *a, struct buf *out)
{
        xdr_put_opaque(out, a->tag);
        xdr_put_u32(out, a->verb);
        xdr_put_u32(out, a->flags);
        xdr_put_opaque(out, a->where);
}

static void pushed_decode(struct xdr_in *in, struct arena *a, struct ext_replica_result *r)
{
        r->pushed_count = xdr_count(in, LIMIT_PUSHED, PUSHED_LEAST);
        r->pushed = array(in, a, r->pushed_count, sizeof(*r->pushed));
        for (uint32_t i = 0; i < r->pushed_count && !in->bad; i++) {
                r->pushed[i].name = name_decode(in, LIMIT_WHERE);
                r->pushed[i].state = name_decode(in, LIMIT_WHO);
                r->pushed[i].behind = xdr_u64(in);
        }
}

bool ext_replica_decode(struct xdr_in *in, struct arena *a, struct ext_replica_result *ret)
{
        struct ext_replica_result r = {.status = xdr_u32(in)};
        if (r.status == NI_OK) {
                const struct bytes uuid = xdr_fixed(in, sizeof(r.uuid));
                if (!in->bad)
                        memcpy(r.uuid, uuid.data, sizeof(r.uuid));
                r.epoch = xdr_u64(in);
                r.seq = xdr_u64(in);
                r.role = xdr_u32(in);
                r.kind = xdr_u32(in);
                r.term = xdr_u64(in);
                r.where = name_decode(in, LIMIT_WHERE);
                r.state = name_decode(in, LIMIT_WHO);
                r.reason = name_decode(in, LIMIT_WHERE);
                r.head = xdr_u64(in);
                r.conflict = name_decode(in, LIMIT_WHERE);
                pushed_decode(in, a, &r);
        }
        if (!xdr_ok(in))
                return false;
        *ret = r;
        return true;
}

void ext_replica_encode(const struct ext_replica_result *r, struct buf *out)
{
        xdr_put_u32(out, r->status);
        if (r->status != NI_OK)
                return;
        xdr_put_fixed(out, bytes_of(r->uuid, sizeof(r->uuid)));
        xdr_put_u64(out, r->epoch);
        xdr_put_u64(out, r->seq);
        xdr_put_u32(out, r->role);
        xdr_put_u32(out, r->kind);
        xdr_put_u64(out, r->term);
        xdr_put_opaque(out, r->where);
        xdr_put_opaque(out, r->state);
        xdr_put_opaque(out, r->reason);
        xdr_put_u64(out, r->head);
        xdr_put_opaque(out, r->conflict);
        xdr_put_u32(out, r->pushed_count);
        for (uint32_t i = 0; i < r->pushed_count; i++) {
                xdr_put_opaque(out, r->pushed[i].name);
                xdr_put_opaque(out, r->pushed[i].state);
                xdr_put_u64(out, r->pushed[i].behind);
        }
}
