#include "agent/keep.h"

#include "base/siphash.h"

#define FRAME_LEAST 16u /* bytes of one without payload */

static uint64_t sum_of(uint64_t before, const uint8_t *frame, size_t n)
{
        return siphash24((struct siphash_key){before, KEEP_FIRST}, frame, n);
}

uint64_t keep_frame(struct buf *out, uint64_t before, uint32_t kind, struct bytes payload)
{
        const size_t at = out->len;
        xdr_put_u32(out, kind);
        xdr_put_u32(out, (uint32_t)payload.len);
        buf_put(out, payload);
        const uint64_t sum = out->failed ? 0 : sum_of(before, out->data + at, out->len - at);
        xdr_put_u64(out, sum);
        return sum;
}

/* Cuts the next frame off the front; false: there is no sound one. */
static bool next_frame(struct bytes *rest, uint64_t *sum, uint32_t *ret_kind, struct bytes *ret_payload)
{
        struct xdr_in in = xdr_in(*rest);
        const uint32_t kind = xdr_u32(&in), n = xdr_u32(&in);
        if (in.bad || n > LIMIT_REPLY || n % 4 || rest->len < FRAME_LEAST || rest->len - FRAME_LEAST < n)
                return false;
        in = xdr_in(bytes_sub(*rest, 8 + n, 8));
        const uint64_t said = xdr_u64(&in);
        if (said != sum_of(*sum, rest->data, 8 + n))
                return false;
        *sum = said;
        *ret_kind = kind;
        *ret_payload = bytes_sub(*rest, 8, n);
        *rest = bytes_sub(*rest, FRAME_LEAST + n, rest->len);
        return true;
}

static bool read_text(struct xdr_in *in, char *to, size_t size)
{
        const struct bytes text = xdr_opaque(in, (uint32_t)size - 1);
        if (in->bad || bytes_find(text, 0) != text.len)
                return false;
        memcpy(to, text.data, text.len);
        to[text.len] = '\0';
        return true;
}

static bool read_head(struct bytes payload, struct keep_head *ret)
{
        struct xdr_in in = xdr_in(payload);
        struct keep_head h = {.epoch = 0};
        const struct bytes uuid = xdr_fixed(&in, sizeof(h.uuid));
        if (!in.bad)
                memcpy(h.uuid, uuid.data, sizeof(h.uuid));
        h.epoch = xdr_u64(&in);
        h.seq = xdr_u64(&in);
        if (!read_text(&in, h.server.address, sizeof(h.server.address)) ||
            !read_text(&in, h.server.tag, sizeof(h.server.tag)) || xdr_left(&in))
                return false;
        *ret = h;
        return true;
}

static bool fits(const struct table *t, const struct keep_limits *l)
{
        return table_count(t) <= l->directories && table_bytes(t) <= l->bytes;
}

static bool read_nodes(struct bytes payload, struct arena *a, const struct keep_limits *l, struct table *t)
{
        struct xdr_in in = xdr_in(payload);
        struct ext_snapshot_result r;
        if (!ext_snapshot_decode(&in, a, &r) || r.status != NI_OK)
                return false;
        for (uint32_t i = 0; i < r.node_count; i++)
                if (table_put(t, &r.nodes[i]) != TABLE_OK)
                        return false;
        if (table_write_out(t)) /* nobody else has it yet */
                table_written_out(t);
        return fits(t, l);
}

/* The whole table: one or more frames of nodes, and the end. */
static bool read_table(struct bytes *rest, uint64_t *sum, struct arena *a, const struct keep_limits *l,
                       struct table *t)
{
        uint32_t kind;
        struct bytes payload;
        while (next_frame(rest, sum, &kind, &payload)) {
                arena_reset(a);
                if (kind == KEEP_END && payload.len == 4)
                        return xdr_load(payload.data) == table_count(t);
                if (kind != KEEP_NODES || !read_nodes(payload, a, l, t))
                        return false;
        }
        return false;
}

/* False: it does not follow. A table that took a part of it is of no use any more. */
static bool read_changes(struct bytes payload, struct arena *a, const struct keep_limits *l, uint64_t *seq,
                         struct table *t, bool *ret_torn)
{
        struct xdr_in in = xdr_in(payload);
        struct ext_changes_result r;
        unsigned ignored = 0;
        bool taken = false;
        if (!ext_changes_decode(&in, a, &r) || r.status != NI_OK)
                return false;
        for (uint32_t i = 0; i < r.entry_count; i++) {
                if (r.entries[i].seq <= *seq)
                        continue;
                if (r.entries[i].seq != *seq + 1) { /* a gap behind what was taken: the table is of no file */
                        *ret_torn = taken;
                        return false;
                }
                for (uint32_t k = 0; k < r.entries[i].record_count; k++)
                        if (table_apply(t, &r.entries[i].records[k], false, &ignored) != TABLE_OK) {
                                *ret_torn = true;
                                return false;
                        }
                *seq = r.entries[i].seq;
                taken = true;
        }
        table_listed(t);
        if (table_write_out(t))
                table_written_out(t);
        *ret_torn = !fits(t, l);
        return !*ret_torn;
}

static bool read_all(struct bytes file, const struct keep_limits *l, struct arena *a, struct table *t,
                     struct keep_head *head, size_t *good, uint64_t *sum)
{
        struct bytes rest = bytes_sub(file, strlen(KEEP_MAGIC), file.len), payload;
        uint32_t kind;
        bool torn = false;
        *sum = KEEP_FIRST;
        if (!bytes_starts(file, KEEP_MAGIC) || !next_frame(&rest, sum, &kind, &payload) ||
            kind != KEEP_HEAD || !read_head(payload, head) || !read_table(&rest, sum, a, l, t))
                return false;
        table_settle(t);
        for (;;) {
                uint64_t next = *sum;
                *good = file.len - rest.len;
                arena_reset(a);
                if (!next_frame(&rest, &next, &kind, &payload) || kind != KEEP_CHANGES ||
                    !read_changes(payload, a, l, &head->seq, t, &torn))
                        return !torn;
                *sum = next;
        }
}

bool keep_parse(struct bytes file, const struct keep_limits *l, struct keep_head *ret_head,
                struct table **ret_table, size_t *ret_good, uint64_t *ret_sum)
{
        struct arena a;
        struct keep_head head;
        size_t good = 0;
        uint64_t sum;
        struct table *t = table_new(l->folder);
        if (!t)
                return false;
        arena_init(&a, LIMIT_ARENA);
        const bool ok = read_all(file, l, &a, t, &head, &good, &sum);
        arena_done(&a);
        if (!ok) {
                table_free(t);
                return false;
        }
        *ret_head = head;
        *ret_table = t;
        *ret_good = good;
        *ret_sum = sum;
        return true;
}
