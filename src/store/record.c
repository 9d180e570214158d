#include "store/record.h"

static const char magic[] = "NetInfoStore";
/* Fixed and published: two stores with the same content have the same digest (doc/store-format.md, Digest).
 */
static const uint8_t digest_key[16] = "NetInfo digest 1";

void store_state_encode(const struct store_state *st, uint8_t to[STATE_SIZE])
{
        xdr_store(to, st->role);
        xdr_store(to + 4, st->flags);
        memcpy(to + 8, st->uuid, 16);
        put64(to + 24, st->epoch);
        put64(to + 32, st->seq);
        put64(to + 40, st->first_seq);
        put64(to + 48, st->last_when);
        xdr_store(to + 56, st->checksum);
        xdr_store(to + 60, st->directories);
        put64(to + 64, st->ceiling);
        put64(to + 72, st->digest.hi);
        put64(to + 80, st->digest.lo);
}

bool store_state_decode(struct bytes raw, struct store_state *ret)
{
        const uint8_t *p = raw.data;
        if (raw.len != STATE_SIZE || xdr_load(p) > STORE_CLONE)
                return false;
        struct store_state st = {
                .role = xdr_load(p) == STORE_CLONE ? STORE_CLONE : STORE_MASTER,
                .flags = xdr_load(p + 4),
                .epoch = load64(p + 24),
                .seq = load64(p + 32),
                .first_seq = load64(p + 40),
                .last_when = load64(p + 48),
                .checksum = xdr_load(p + 56),
                .directories = xdr_load(p + 60),
                .ceiling = load64(p + 64),
                .digest = {.hi = load64(p + 72), .lo = load64(p + 80)},
        };
        memcpy(st.uuid, p + 8, 16);
        if (st.flags > STORE_STATE_COPY || st.epoch == 0 || st.first_seq == 0 || st.seq > UINT64_MAX / 2 ||
            st.first_seq > st.seq + 1 || st.ceiling == 0 || st.ceiling > (uint64_t)STORE_OBJECT_MAX + 1 ||
            st.directories == 0 || st.directories > st.ceiling)
                return false;
        *ret = st;
        return true;
}

void store_format_encode(uint8_t to[FORMAT_SIZE])
{
        memcpy(to, magic, 12);
        xdr_store(to + 12, FORMAT);
}

bool store_format_decode(struct bytes raw, uint32_t *ret)
{
        if (raw.len != FORMAT_SIZE || memcmp(raw.data, magic, 12) != 0)
                return false;
        *ret = xdr_load(raw.data + 12);
        return true;
}

void store_rows_encode(const uint8_t key[16], const struct bytes *names, uint32_t n, struct buf *out)
{
        xdr_put_fixed(out, bytes_of(key, 16));
        xdr_put_u32(out, n);
        for (uint32_t i = 0; i < n; i++)
                xdr_put_opaque(out, names[i]);
}

bool store_rows_decode(struct bytes raw, struct store_row *rows, uint32_t *ret_n)
{
        struct xdr_in in = xdr_in(raw);
        const struct bytes key = xdr_fixed(&in, 16);
        const uint32_t n = xdr_count(&in, INDEX_ROWS, 4);
        if (in.bad)
                return false;
        const struct siphash_key master = siphash_key_from(key.data);
        for (uint32_t i = 0; i < n; i++) {
                rows[i].name = xdr_opaque(&in, NI_NAME_MAX);
                const struct hash128 h = siphash24_128(master, rows[i].name.data, rows[i].name.len);
                rows[i].key = (struct siphash_key){h.lo, h.hi};
                rows[i].tag = (uint16_t)(h.lo ^ h.hi);
        }
        if (!xdr_end(&in))
                return false;
        *ret_n = n;
        return true;
}

void store_node_encode(const struct store_node *n, struct buf *out)
{
        uint8_t *p = buf_add(out, NODE_HEADER + n->props.len);
        if (!p)
                return;
        put64(p, n->ordinal);
        put64(p + 8, n->born);
        put64(p + 16, n->version);
        xdr_store(p + 24, n->child_count);
        xdr_store(p + 28, n->id.object);
        xdr_store(p + 32, n->id.instance);
        xdr_store(p + 36, n->parent);
        if (n->props.len)
                memcpy(p + NODE_HEADER, n->props.data, n->props.len);
}

bool store_node_decode(struct bytes raw, uint32_t object, struct store_node *ret)
{
        const uint8_t *p = raw.data;
        if (raw.len < NODE_HEADER + 4 || raw.len % 4 || raw.len - NODE_HEADER > LIMIT_NODE ||
            xdr_load(p + 28) != object || xdr_load(p + 24) > NI_CHILDREN_MAX)
                return false;
        *ret = (struct store_node){
                .id = {object, xdr_load(p + 32)},
                .parent = xdr_load(p + 36),
                .child_count = xdr_load(p + 24),
                .ordinal = load64(p),
                .born = load64(p + 8),
                .version = load64(p + 16),
                .props = bytes_of(p + NODE_HEADER, raw.len - NODE_HEADER),
        };
        return true;
}

struct hash128 store_node_sum(struct bytes raw)
{
        return siphash24_128(siphash_key_from(digest_key), raw.data + NODE_SUMMED, raw.len - NODE_SUMMED);
}

struct bytes store_freed_encode(const struct store_freed *f, uint8_t to[8])
{
        xdr_store(to, f->never ? f->last : f->instance);
        xdr_store(to + 4, 0);
        return bytes_of(to, f->never ? 8 : 4);
}

bool store_freed_decode(struct bytes raw, uint32_t object, struct store_freed *ret)
{
        if (raw.len != 4 && raw.len != 8)
                return false;
        const uint32_t v = xdr_load(raw.data);
        if (raw.len == 8 && (v < object || v > STORE_OBJECT_MAX))
                return false;
        *ret = raw.len == 8 ? (struct store_freed){.never = true, .last = v}
                            : (struct store_freed){.last = object, .instance = v};
        return true;
}

void store_head_encode(const struct store_entry_head *h, struct buf *out)
{
        xdr_put_u64(out, h->when);
        xdr_put_u32(out, h->record_count);
        xdr_put_u32(out, h->parts);
        xdr_put_opaque(out, h->who);
        xdr_put_opaque(out, h->from);
        xdr_put_opaque(out, h->what);
}

bool store_head_decode(struct xdr_in *in, struct store_entry_head *ret)
{
        struct store_entry_head h;
        h.when = xdr_u64(in);
        h.record_count = xdr_u32(in);
        h.parts = xdr_u32(in);
        h.who = xdr_opaque(in, LIMIT_WHO);
        h.from = xdr_opaque(in, LIMIT_WHO);
        h.what = xdr_opaque(in, LIMIT_WHO);
        if (!xdr_ok(in) || h.record_count > LIMIT_ENTRY_RECORDS || h.parts == 0 ||
            h.parts > LIMIT_ENTRY_RECORDS)
                return false;
        *ret = h;
        return true;
}

void store_record_encode(const struct store_record *r, struct buf *out)
{
        xdr_put_u32(out, r->kind);
        xdr_put_u32(out, r->object);
        xdr_put_u64(out, r->born);
        xdr_put_u32(out, r->instance);
        xdr_put_u32(out, r->parent);
        xdr_put_u64(out, r->ordinal);
        xdr_put_u32(out, (r->has_before ? 1u : 0u) | (r->has_after ? 2u : 0u));
        xdr_put_u32(out, 0);
        if (r->has_before)
                xdr_put_opaque(out, r->before);
        if (r->has_after)
                xdr_put_opaque(out, r->after);
}

bool store_record_decode(struct xdr_in *in, struct store_record *ret)
{
        struct store_record r = {.kind = xdr_u32(in)};
        r.object = xdr_u32(in);
        r.born = xdr_u64(in);
        r.instance = xdr_u32(in);
        r.parent = xdr_u32(in);
        r.ordinal = xdr_u64(in);
        const uint32_t flags = xdr_u32(in);
        if (xdr_u32(in) != 0 || flags > 3 || r.kind < STORE_CREATED || r.kind > STORE_MOVED)
                return false;
        r.has_before = flags & 1;
        r.has_after = flags & 2;
        if (r.has_before)
                r.before = xdr_opaque(in, LIMIT_NODE);
        if (r.has_after)
                r.after = xdr_opaque(in, LIMIT_NODE);
        if (!xdr_ok(in))
                return false;
        *ret = r;
        return true;
}
