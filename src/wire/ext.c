#include "wire/ext.h"

#include "wire/ext-internal.h"

/* Least bytes of one element, so that a count is checked before anything is allocated. */
enum { RECORD_LEAST = 40, NODE_LEAST = 40, OP_LEAST = 16, ID_SIZE = 8 };

static struct proplist props_decode(struct xdr_in *in, struct arena *a)
{
        struct xdr_in ahead = *in;
        xdr_proplist_exact(&ahead);
        if (ahead.bad)
                xdr_fail(in);
        return xdr_proplist(in, a);
}

static void uuid_decode(struct xdr_in *in, uint8_t to[16])
{
        const struct bytes b = xdr_fixed(in, 16);
        if (b.len)
                memcpy(to, b.data, 16);
}

/* -- STATUS, SELECT */

bool ext_tag_decode(struct xdr_in *in, struct bytes *ret_tag)
{
        const struct bytes tag = name_decode(in, LIMIT_TAG);
        if (!xdr_ok(in))
                return false;
        *ret_tag = tag;
        return true;
}

void ext_tag_encode(struct bytes tag, struct buf *out)
{
        xdr_put_opaque(out, tag);
}

bool ext_status_decode(struct xdr_in *in, struct ext_status_result *ret)
{
        struct ext_status_result r = {.status = xdr_u32(in)};
        if (r.status == NI_OK) {
                uuid_decode(in, r.uuid);
                r.epoch = xdr_u64(in);
                r.role = xdr_u32(in);
                r.seq = xdr_u64(in);
                r.first_seq = xdr_u64(in);
                r.checksum = xdr_u32(in);
                uuid_decode(in, r.digest);
                r.directories = xdr_u32(in);
                r.highest = xdr_u32(in);
                r.now = xdr_u64(in);
                r.server_version = name_decode(in, LIMIT_WHO);
                r.you = name_decode(in, LIMIT_WHO);
        }
        if (!xdr_ok(in))
                return false;
        *ret = r;
        return true;
}

void ext_status_encode(const struct ext_status_result *r, struct buf *out)
{
        xdr_put_u32(out, r->status);
        if (r->status != NI_OK)
                return;
        xdr_put_fixed(out, bytes_of(r->uuid, 16));
        xdr_put_u64(out, r->epoch);
        xdr_put_u32(out, r->role);
        xdr_put_u64(out, r->seq);
        xdr_put_u64(out, r->first_seq);
        xdr_put_u32(out, r->checksum);
        xdr_put_fixed(out, bytes_of(r->digest, 16));
        xdr_put_u32(out, r->directories);
        xdr_put_u32(out, r->highest);
        xdr_put_u64(out, r->now);
        xdr_put_opaque(out, r->server_version);
        xdr_put_opaque(out, r->you);
}

/* -- CHANGES */

bool ext_changes_args_decode(struct xdr_in *in, struct ext_changes_args *ret)
{
        struct ext_changes_args r = {.tag = name_decode(in, LIMIT_TAG)};
        r.epoch = xdr_u64(in);
        r.seq = xdr_u64(in);
        r.max_entries = xdr_u32(in);
        r.wait_ms = xdr_u32(in);
        r.flags = xdr_u32(in);
        flags_check(in, r.flags, EXT_CHANGES_BEFORE | EXT_CHANGES_NEWEST | EXT_CHANGES_WHOLE);
        if (!xdr_ok(in))
                return false;
        *ret = r;
        return true;
}

void ext_changes_args_encode(const struct ext_changes_args *a, struct buf *out)
{
        xdr_put_opaque(out, a->tag);
        xdr_put_u64(out, a->epoch);
        xdr_put_u64(out, a->seq);
        xdr_put_u32(out, a->max_entries);
        xdr_put_u32(out, a->wait_ms);
        xdr_put_u32(out, a->flags);
}

static void record_decode(struct xdr_in *in, struct ext_record *r)
{
        r->kind = xdr_u32(in);
        if (r->kind < EXT_CREATED || r->kind > EXT_MOVED)
                xdr_fail(in);
        r->object = xdr_u32(in);
        r->born = xdr_u64(in);
        r->instance = xdr_u32(in);
        r->parent = xdr_u32(in);
        r->ordinal = xdr_u64(in);
        r->has_before = xdr_bool(in);
        if (r->has_before)
                r->before = xdr_proplist_exact(in);
        r->has_after = xdr_bool(in);
        if (r->has_after)
                r->after = xdr_proplist_exact(in);
}

static void record_encode(const struct ext_record *r, struct buf *out)
{
        xdr_put_u32(out, r->kind);
        xdr_put_u32(out, r->object);
        xdr_put_u64(out, r->born);
        xdr_put_u32(out, r->instance);
        xdr_put_u32(out, r->parent);
        xdr_put_u64(out, r->ordinal);
        xdr_put_bool(out, r->has_before);
        if (r->has_before)
                buf_put(out, r->before);
        xdr_put_bool(out, r->has_after);
        if (r->has_after)
                buf_put(out, r->after);
}

void ext_entry_decode(struct xdr_in *in, struct arena *a, struct ext_entry *e)
{
        e->seq = xdr_u64(in);
        e->when = xdr_u64(in);
        e->who = name_decode(in, LIMIT_WHO);
        e->from = name_decode(in, LIMIT_WHO);
        e->what = name_decode(in, LIMIT_WHO);
        e->record_count = xdr_count(in, UINT32_MAX, RECORD_LEAST);
        e->records = array(in, a, e->record_count, sizeof(*e->records));
        for (uint32_t i = 0; i < e->record_count && !in->bad; i++)
                record_decode(in, &e->records[i]);
}

void ext_entry_encode(const struct ext_entry *e, struct buf *out)
{
        xdr_put_u64(out, e->seq);
        xdr_put_u64(out, e->when);
        xdr_put_opaque(out, e->who);
        xdr_put_opaque(out, e->from);
        xdr_put_opaque(out, e->what);
        xdr_put_u32(out, e->record_count);
        for (uint32_t i = 0; i < e->record_count; i++)
                record_encode(&e->records[i], out);
}

bool ext_changes_decode(struct xdr_in *in, struct arena *a, struct ext_changes_result *ret)
{
        struct ext_changes_result r = {.status = xdr_u32(in)};
        if (r.status == NI_OK) {
                r.epoch = xdr_u64(in);
                r.seq = xdr_u64(in);
                r.entry_count = xdr_count(in, UINT32_MAX, EXT_ENTRY_LEAST);
                r.entries = array(in, a, r.entry_count, sizeof(*r.entries));
                for (uint32_t i = 0; i < r.entry_count && !in->bad; i++)
                        ext_entry_decode(in, a, &r.entries[i]);
        }
        if (!xdr_ok(in))
                return false;
        *ret = r;
        return true;
}

void ext_changes_encode(const struct ext_changes_result *r, struct buf *out)
{
        xdr_put_u32(out, r->status);
        if (r->status != NI_OK)
                return;
        xdr_put_u64(out, r->epoch);
        xdr_put_u64(out, r->seq);
        xdr_put_u32(out, r->entry_count);
        for (uint32_t i = 0; i < r->entry_count; i++)
                ext_entry_encode(&r->entries[i], out);
}

/* -- SNAPSHOT */

bool ext_snapshot_args_decode(struct xdr_in *in, struct ext_snapshot_args *ret)
{
        struct ext_snapshot_args r = {.tag = name_decode(in, LIMIT_TAG)};
        r.epoch = xdr_u64(in);
        r.from = xdr_u32(in);
        r.max_bytes = xdr_u32(in);
        if (!xdr_ok(in))
                return false;
        *ret = r;
        return true;
}

void ext_snapshot_args_encode(const struct ext_snapshot_args *a, struct buf *out)
{
        xdr_put_opaque(out, a->tag);
        xdr_put_u64(out, a->epoch);
        xdr_put_u32(out, a->from);
        xdr_put_u32(out, a->max_bytes);
}

static void node_decode(struct xdr_in *in, struct ext_node *n)
{
        n->id = xdr_id(in);
        n->parent = xdr_u32(in);
        n->ordinal = xdr_u64(in);
        n->born = xdr_u64(in);
        n->version = xdr_u64(in);
        n->props = xdr_proplist_exact(in);
}

static void node_encode(const struct ext_node *n, struct buf *out)
{
        xdr_put_id(out, n->id);
        xdr_put_u32(out, n->parent);
        xdr_put_u64(out, n->ordinal);
        xdr_put_u64(out, n->born);
        xdr_put_u64(out, n->version);
        buf_put(out, n->props);
}

bool ext_snapshot_decode(struct xdr_in *in, struct arena *a, struct ext_snapshot_result *ret)
{
        struct ext_snapshot_result r = {.status = xdr_u32(in)};
        if (r.status == NI_OK) {
                r.epoch = xdr_u64(in);
                r.seq = xdr_u64(in);
                r.node_count = xdr_count(in, UINT32_MAX, NODE_LEAST);
                r.nodes = array(in, a, r.node_count, sizeof(*r.nodes));
                for (uint32_t i = 0; i < r.node_count && !in->bad; i++)
                        node_decode(in, &r.nodes[i]);
                r.more = xdr_bool(in);
                r.next = xdr_u32(in);
        }
        if (!xdr_ok(in))
                return false;
        *ret = r;
        return true;
}

void ext_snapshot_encode(const struct ext_snapshot_result *r, struct buf *out)
{
        xdr_put_u32(out, r->status);
        if (r->status != NI_OK)
                return;
        xdr_put_u64(out, r->epoch);
        xdr_put_u64(out, r->seq);
        xdr_put_u32(out, r->node_count);
        for (uint32_t i = 0; i < r->node_count; i++)
                node_encode(&r->nodes[i], out);
        xdr_put_bool(out, r->more);
        xdr_put_u32(out, r->next);
}

/* -- EDIT: which fields of struct ext_op a kind carries, in wire order */

enum op_field { O_END, O_REF, O_TARGET, O_FLAGS, O_WHERE, O_PROPS, O_NAME, O_VALUES, O_NEW_NAME };

static const uint8_t op_fields[][4] = {
        [EXT_OP_CREATE] = {O_REF, O_PROPS, O_WHERE},
        [EXT_OP_DESTROY] = {O_REF, O_FLAGS},
        [EXT_OP_WRITE] = {O_REF, O_PROPS},
        [EXT_OP_SET] = {O_REF, O_NAME, O_VALUES},
        [EXT_OP_ADD] = {O_REF, O_NAME, O_VALUES},
        [EXT_OP_REMOVE] = {O_REF, O_NAME, O_VALUES},
        [EXT_OP_RENAME] = {O_REF, O_NAME, O_NEW_NAME},
        [EXT_OP_MOVE] = {O_REF, O_TARGET, O_WHERE},
        [EXT_OP_ASSERT_NONE] = {O_REF, O_NAME, O_VALUES},
        [EXT_OP_ASSERT_SAME] = {O_REF},
};

static struct ext_ref ref_decode(struct xdr_in *in)
{
        struct ext_ref r = {.by_op = xdr_bool(in)};
        r.value = xdr_u32(in);
        r.has_instance = xdr_bool(in);
        if (r.has_instance)
                r.instance = xdr_u32(in);
        return r;
}

static void ref_encode(const struct ext_ref *r, struct buf *out)
{
        xdr_put_bool(out, r->by_op);
        xdr_put_u32(out, r->value);
        xdr_put_bool(out, r->has_instance);
        if (r->has_instance)
                xdr_put_u32(out, r->instance);
}

static void op_field_decode(enum op_field field, struct xdr_in *in, struct arena *a, struct ext_op *op)
{
        switch (field) {
        case O_END:
                break;
        case O_REF:
                op->ref = ref_decode(in);
                break;
        case O_TARGET:
                op->target = ref_decode(in);
                break;
        case O_FLAGS:
                op->flags = xdr_u32(in);
                flags_check(in, op->flags, EXT_OP_RECURSIVE);
                break;
        case O_WHERE:
                op->where = xdr_u32(in);
                break;
        case O_PROPS:
                op->props = props_decode(in, a);
                break;
        case O_NAME:
                op->name = name_decode(in, NI_NAME_MAX);
                break;
        case O_VALUES:
                op->values = values_decode(in, a);
                break;
        case O_NEW_NAME:
                op->values = (struct namelist){array(in, a, 1, sizeof(*op->values.v)), 1};
                if (!in->bad)
                        op->values.v[0] = name_decode(in, NI_NAME_MAX);
                break;
        }
}

static void op_field_encode(enum op_field field, const struct ext_op *op, struct buf *out)
{
        switch (field) {
        case O_END:
                break;
        case O_REF:
                ref_encode(&op->ref, out);
                break;
        case O_TARGET:
                ref_encode(&op->target, out);
                break;
        case O_FLAGS:
                xdr_put_u32(out, op->flags);
                break;
        case O_WHERE:
                xdr_put_u32(out, op->where);
                break;
        case O_PROPS:
                xdr_put_proplist(out, op->props);
                break;
        case O_NAME:
                xdr_put_opaque(out, op->name);
                break;
        case O_VALUES:
                xdr_put_namelist(out, op->values);
                break;
        case O_NEW_NAME:
                xdr_put_opaque(out, op->values.n ? op->values.v[0] : BYTES_NONE);
                break;
        }
}

static bool op_known(uint32_t kind)
{
        return kind >= EXT_OP_CREATE && kind <= EXT_OP_ASSERT_SAME;
}

static void op_decode(struct xdr_in *in, struct arena *a, struct ext_op *op)
{
        op->kind = xdr_u32(in);
        if (!op_known(op->kind)) {
                xdr_fail(in);
                return;
        }
        for (const uint8_t *f = op_fields[op->kind], *end = f + 4; f < end && *f; f++)
                op_field_decode((enum op_field) * f, in, a, op);
        if (op->kind == EXT_OP_ASSERT_SAME && !op->ref.has_instance)
                xdr_fail(in); /* it would assert nothing */
}

static void op_encode(const struct ext_op *op, struct buf *out)
{
        if (!op_known(op->kind)) {
                out->failed = true;
                return;
        }
        xdr_put_u32(out, op->kind);
        for (const uint8_t *f = op_fields[op->kind], *end = f + 4; f < end && *f; f++)
                op_field_encode((enum op_field) * f, op, out);
}

bool ext_edit_args_decode(struct xdr_in *in, struct arena *a, struct ext_edit_args *ret)
{
        struct ext_edit_args r = {.tag = name_decode(in, LIMIT_TAG)};
        r.what = name_decode(in, LIMIT_WHO);
        r.op_count = xdr_count(in, LIMIT_EDIT_OPS, OP_LEAST);
        r.ops = array(in, a, r.op_count, sizeof(*r.ops));
        for (uint32_t i = 0; i < r.op_count && !in->bad; i++)
                op_decode(in, a, &r.ops[i]);
        if (!xdr_ok(in))
                return false;
        *ret = r;
        return true;
}

void ext_edit_args_encode(const struct ext_edit_args *args, struct buf *out)
{
        xdr_put_opaque(out, args->tag);
        xdr_put_opaque(out, args->what);
        xdr_put_u32(out, args->op_count);
        for (uint32_t i = 0; i < args->op_count; i++)
                op_encode(&args->ops[i], out);
}

bool ext_edit_decode(struct xdr_in *in, struct arena *a, struct ext_edit_result *ret)
{
        struct ext_edit_result r = {.status = xdr_u32(in)};
        if (r.status == NI_OK) {
                r.seq = xdr_u64(in);
                r.id_count = xdr_count(in, LIMIT_EDIT_OPS, ID_SIZE);
                r.ids = array(in, a, r.id_count, sizeof(*r.ids));
                for (uint32_t i = 0; i < r.id_count && !in->bad; i++)
                        r.ids[i] = xdr_id(in);
        } else
                r.failed_op = xdr_u32(in);
        if (!xdr_ok(in))
                return false;
        *ret = r;
        return true;
}

void ext_edit_encode(const struct ext_edit_result *r, struct buf *out)
{
        xdr_put_u32(out, r->status);
        if (r->status != NI_OK) {
                xdr_put_u32(out, r->failed_op);
                return;
        }
        xdr_put_u64(out, r->seq);
        xdr_put_u32(out, r->id_count);
        for (uint32_t i = 0; i < r->id_count; i++)
                xdr_put_id(out, r->ids[i]);
}
