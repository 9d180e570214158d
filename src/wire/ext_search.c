#include "wire/ext_search.h"

#include "wire/ext-internal.h"

enum { CONDITION_LEAST = 16, HIT_LEAST = 28, PLACE_SIZE = 20 };

static struct ext_place *cursor_decode(struct xdr_in *in, struct arena *a, uint32_t *ret_count)
{
        *ret_count = xdr_count(in, LIMIT_SEARCH_DEPTH, PLACE_SIZE);
        struct ext_place *v = array(in, a, *ret_count, sizeof(*v));
        for (uint32_t i = 0; i < *ret_count && !in->bad; i++) {
                v[i].ordinal = xdr_u64(in);
                v[i].object = xdr_u32(in);
                v[i].born = xdr_u64(in);
        }
        return v;
}

static void cursor_encode(const struct ext_place *v, uint32_t n, struct buf *out)
{
        xdr_put_u32(out, n);
        for (uint32_t i = 0; i < n; i++) {
                xdr_put_u64(out, v[i].ordinal);
                xdr_put_u32(out, v[i].object);
                xdr_put_u64(out, v[i].born);
        }
}

static void condition_decode(struct xdr_in *in, struct ext_condition *c)
{
        c->kind = xdr_u32(in);
        if (c->kind < EXT_COND_PRESENT || c->kind > EXT_COND_SUBSTRING)
                xdr_fail(in);
        c->flags = xdr_u32(in);
        flags_check(in, c->flags, EXT_COND_NOT);
        c->name = name_decode(in, NI_NAME_MAX);
        c->value = name_decode(in, NI_NAME_MAX);
}

bool ext_search_args_decode(struct xdr_in *in, struct arena *a, struct ext_search_args *ret)
{
        struct ext_search_args r = {.tag = name_decode(in, LIMIT_TAG)};
        r.epoch = xdr_u64(in);
        r.object = xdr_u32(in);
        r.depth = xdr_u32(in);
        r.flags = xdr_u32(in);
        flags_check(in, r.flags, EXT_SEARCH_NO_PROPS);
        r.condition_count = xdr_count(in, LIMIT_SEARCH_CONDITIONS, CONDITION_LEAST);
        r.conditions = array(in, a, r.condition_count, sizeof(*r.conditions));
        for (uint32_t i = 0; i < r.condition_count && !in->bad; i++)
                condition_decode(in, &r.conditions[i]);
        r.wanted = values_decode(in, a);
        r.max_entries = xdr_u32(in);
        r.cursor = cursor_decode(in, a, &r.cursor_count);
        if (!xdr_ok(in))
                return false;
        *ret = r;
        return true;
}

void ext_search_args_encode(const struct ext_search_args *args, struct buf *out)
{
        xdr_put_opaque(out, args->tag);
        xdr_put_u64(out, args->epoch);
        xdr_put_u32(out, args->object);
        xdr_put_u32(out, args->depth);
        xdr_put_u32(out, args->flags);
        xdr_put_u32(out, args->condition_count);
        for (uint32_t i = 0; i < args->condition_count; i++) {
                xdr_put_u32(out, args->conditions[i].kind);
                xdr_put_u32(out, args->conditions[i].flags);
                xdr_put_opaque(out, args->conditions[i].name);
                xdr_put_opaque(out, args->conditions[i].value);
        }
        xdr_put_namelist(out, args->wanted);
        xdr_put_u32(out, args->max_entries);
        cursor_encode(args->cursor, args->cursor_count, out);
}

static void hit_decode(struct xdr_in *in, struct ext_hit *h)
{
        h->id = xdr_id(in);
        h->parent = xdr_u32(in);
        h->born = xdr_u64(in);
        h->path = name_decode(in, LIMIT_PATH);
        h->props = xdr_proplist_exact(in);
}

bool ext_search_decode(struct xdr_in *in, struct arena *a, struct ext_search_result *ret)
{
        struct ext_search_result r = {.status = xdr_u32(in)};
        if (r.status == NI_OK) {
                r.epoch = xdr_u64(in);
                r.seq = xdr_u64(in);
                r.hit_count = xdr_count(in, UINT32_MAX, HIT_LEAST);
                r.hits = array(in, a, r.hit_count, sizeof(*r.hits));
                for (uint32_t i = 0; i < r.hit_count && !in->bad; i++)
                        hit_decode(in, &r.hits[i]);
                r.more = xdr_bool(in);
                r.cursor = cursor_decode(in, a, &r.cursor_count);
        }
        if (!xdr_ok(in))
                return false;
        *ret = r;
        return true;
}

void ext_search_encode(const struct ext_search_result *r, struct buf *out)
{
        xdr_put_u32(out, r->status);
        if (r->status != NI_OK)
                return;
        xdr_put_u64(out, r->epoch);
        xdr_put_u64(out, r->seq);
        xdr_put_u32(out, r->hit_count);
        for (uint32_t i = 0; i < r->hit_count; i++) {
                xdr_put_id(out, r->hits[i].id);
                xdr_put_u32(out, r->hits[i].parent);
                xdr_put_u64(out, r->hits[i].born);
                xdr_put_opaque(out, r->hits[i].path);
                buf_put(out, r->hits[i].props);
        }
        xdr_put_bool(out, r->more);
        cursor_encode(r->cursor, r->cursor_count, out);
}

static void history_kind_check(struct xdr_in *in, uint32_t kind)
{
        if (kind != EXT_HISTORY_LIST && kind != EXT_HISTORY_AT)
                xdr_fail(in);
}

bool ext_history_args_decode(struct xdr_in *in, struct ext_history_args *ret)
{
        struct ext_history_args r = {.tag = name_decode(in, LIMIT_TAG)};
        r.epoch = xdr_u64(in);
        r.kind = xdr_u32(in);
        history_kind_check(in, r.kind);
        r.flags = xdr_u32(in);
        flags_check(in, r.flags, EXT_HISTORY_TIME | EXT_HISTORY_BEFORE);
        r.object = xdr_u32(in);
        r.born = xdr_u64(in);
        r.at = xdr_u64(in);
        r.from = xdr_u64(in);
        r.max_entries = xdr_u32(in);
        if (!xdr_ok(in))
                return false;
        *ret = r;
        return true;
}

void ext_history_args_encode(const struct ext_history_args *args, struct buf *out)
{
        xdr_put_opaque(out, args->tag);
        xdr_put_u64(out, args->epoch);
        xdr_put_u32(out, args->kind);
        xdr_put_u32(out, args->flags);
        xdr_put_u32(out, args->object);
        xdr_put_u64(out, args->born);
        xdr_put_u64(out, args->at);
        xdr_put_u64(out, args->from);
        xdr_put_u32(out, args->max_entries);
}

bool ext_history_decode(struct xdr_in *in, struct arena *a, struct ext_history_result *ret)
{
        struct ext_history_result r = {.status = xdr_u32(in)};
        if (r.status == NI_OK) {
                r.epoch = xdr_u64(in);
                r.seq = xdr_u64(in);
                r.more = xdr_bool(in);
                r.next = xdr_u64(in);
                r.kind = xdr_u32(in);
                history_kind_check(in, r.kind);
        }
        if (r.kind == EXT_HISTORY_LIST) {
                r.entry_count = xdr_count(in, UINT32_MAX, EXT_ENTRY_LEAST);
                r.entries = array(in, a, r.entry_count, sizeof(*r.entries));
                for (uint32_t i = 0; i < r.entry_count && !in->bad; i++)
                        ext_entry_decode(in, a, &r.entries[i]);
        } else if (r.kind == EXT_HISTORY_AT) {
                r.at = xdr_u64(in);
                r.born = xdr_u64(in);
                r.until = xdr_u64(in);
                r.id = xdr_id(in);
                r.props = xdr_proplist_exact(in);
        }
        if (!xdr_ok(in))
                return false;
        *ret = r;
        return true;
}

void ext_history_encode(const struct ext_history_result *r, struct buf *out)
{
        static const uint8_t empty[4];
        xdr_put_u32(out, r->status);
        if (r->status != NI_OK)
                return;
        xdr_put_u64(out, r->epoch);
        xdr_put_u64(out, r->seq);
        xdr_put_bool(out, r->more);
        xdr_put_u64(out, r->next);
        xdr_put_u32(out, r->kind);
        if (r->kind == EXT_HISTORY_LIST) {
                xdr_put_u32(out, r->entry_count);
                for (uint32_t i = 0; i < r->entry_count; i++)
                        ext_entry_encode(&r->entries[i], out);
                return;
        }
        xdr_put_u64(out, r->at);
        xdr_put_u64(out, r->born);
        xdr_put_u64(out, r->until);
        xdr_put_id(out, r->id);
        buf_put(out, r->props.len ? r->props : bytes_of(empty, sizeof(empty)));
}
