/* The journal: (seq, part) -> records. An entry is cut into parts that fit into leaf pages, so that long
 * entries need no run of free pages and short ones share a page; a record that is larger than a part has one
 * alone. */
#include "store/store-internal.h"

#include <errno.h>

#define JOURNAL_KEY 12u

static struct bytes journal_key(uint8_t to[JOURNAL_KEY], uint64_t seq, uint32_t part)
{
        put64(to, seq);
        xdr_store(to + 8, part);
        return bytes_of(to, JOURNAL_KEY);
}

static size_t encoded_size(const struct store_record *r)
{
        return RECORD_MIN + (r->has_before ? 4 + r->before.len : 0) + (r->has_after ? 4 + r->after.len : 0);
}

/* How many records from `from` on go into one part that has `used` bytes already. At least one. */
static uint32_t fitting(const struct store_record *r, uint32_t from, uint32_t n, size_t used)
{
        uint32_t i = from;
        while (i < n && (i == from || used + encoded_size(&r[i]) <= PART_MAX))
                used += encoded_size(&r[i++]);
        return i - from;
}

static size_t head_size(const struct store_entry_head *h)
{
        return 28 + xdr_padded(h->who.len) + xdr_padded(h->from.len) + xdr_padded(h->what.len);
}

enum ni_status store_journal_append(struct store_txn *t, uint64_t seq, const struct store_entry_head *head,
                                    const struct store_record *records)
{
        struct store_entry_head h = *head;
        uint8_t key[JOURNAL_KEY];
        enum ni_status st = NI_OK;
        h.parts = 0;
        for (uint32_t i = 0; i < h.record_count; h.parts++)
                i += fitting(records, i, h.record_count, h.parts ? 0 : head_size(&h));
        for (uint32_t i = 0, part = 0; st == NI_OK && part < h.parts; part++) {
                buf_clear(&t->scratch);
                if (part == 0)
                        store_head_encode(&h, &t->scratch);
                const uint32_t n = fitting(records, i, h.record_count, t->scratch.len);
                for (uint32_t k = 0; k < n; k++)
                        store_record_encode(&records[i + k], &t->scratch);
                i += n;
                if (t->scratch.failed)
                        return store_fail(t, ENOMEM);
                st = store_table_put(t, T_JOURNAL, journal_key(key, seq, part), buf_bytes(&t->scratch),
                                     MDB_APPEND);
        }
        if (st != NI_OK)
                return st == NI_ALIVE ? store_damaged(t) : st;
        t->state.seq = seq;
        t->state.last_when = h.when;
        return NI_OK;
}

/* -- reading
 * -------------------------------------------------------------------------------------------------- */

/* Decodes one part's records into to (room for `most`); gives how many, or -1 when damaged. */
static int64_t part_decode(struct xdr_in *in, struct store_record *to, uint32_t most)
{
        uint32_t n = 0;
        while (xdr_left(in)) {
                if (n == most || !store_record_decode(in, &to[n]))
                        return -1;
                n++;
        }
        return n;
}

/* All parts through one cursor. e->records has room for e->record_count. */
static enum ni_status parts_decode(struct store_txn *t, MDB_cursor *c, struct xdr_in in, uint32_t parts,
                                   struct store_entry *e)
{
        struct bytes key = BYTES_NONE, value;
        uint32_t got = 0;
        for (uint32_t part = 0; part < parts; part++) {
                if (part) {
                        if (store_cursor_move(t, c, MDB_NEXT, &key, &value) != NI_OK ||
                            key.len != JOURNAL_KEY || load64(key.data) != e->seq ||
                            xdr_load(key.data + 8) != part)
                                return NI_SYSTEMERR;
                        in = xdr_in(value);
                }
                const int64_t n = part_decode(&in, e->records + got, e->record_count - got);
                if (n < 0)
                        return NI_SYSTEMERR;
                got += (uint32_t)n;
        }
        return got == e->record_count ? NI_OK : NI_SYSTEMERR;
}

enum ni_status store_journal_get(struct store_txn *t, uint64_t seq, struct arena *a, struct store_entry *ret)
{
        uint8_t start[JOURNAL_KEY];
        struct bytes key = journal_key(start, seq, 0), value;
        struct store_entry_head h;
        MDB_cursor *c = store_cursor(t, T_JOURNAL);
        if (!c)
                return NI_SYSTEMERR;
        enum ni_status st = store_cursor_move(t, c, MDB_SET_KEY, &key, &value);
        struct xdr_in in = xdr_in(st == NI_OK ? value : BYTES_NONE);
        if (st == NI_OK && !store_head_decode(&in, &h))
                st = NI_SYSTEMERR;
        if (st == NI_OK) {
                struct store_entry e = {.seq = seq,
                                        .when = h.when,
                                        .who = h.who,
                                        .from = h.from,
                                        .what = h.what,
                                        .record_count = h.record_count};
                e.records = arena_zalloc(a, e.record_count, sizeof(*e.records));
                st = e.records ? parts_decode(t, c, in, h.parts, &e) : NI_SYSTEMERR;
                if (st == NI_OK)
                        *ret = e;
        }
        store_cursor_back(t, T_JOURNAL, c);
        return st;
}

enum ni_status store_by_version(struct store_txn *t, uint64_t version, uint32_t *ret_object)
{
        struct arena a;
        struct store_entry e;
        struct store_node n;
        arena_init(&a, LIMIT_ARENA);
        enum ni_status st = store_journal_get(t, version, &a, &e);
        bool found = false;
        for (uint32_t i = 0; st == NI_OK && !found && i < e.record_count; i++) {
                found = store_get(t, e.records[i].object, &n) == NI_OK && n.version == version;
                if (found)
                        *ret_object = n.id.object;
        }
        arena_done(&a);
        return st == NI_OK && !found ? NI_NODIR : st;
}

/* -- trimming
 * ------------------------------------------------------------------------------------------------- */

/* May the oldest entry go? Only its head is read. */
static enum ni_status expired(struct store_txn *t, uint64_t now_us, bool *ret)
{
        const struct store_options *o = &t->s->options;
        const uint64_t keep = o->journal_entries ? o->journal_entries : STORE_JOURNAL_ENTRIES;
        const uint64_t age = (o->journal_seconds ? o->journal_seconds : STORE_JOURNAL_SECONDS) * 1000000;
        uint8_t key[JOURNAL_KEY];
        struct bytes raw;
        struct store_entry_head h;
        if (t->state.seq - t->state.first_seq + 1 <= keep) {
                *ret = false;
                return NI_OK;
        }
        const enum ni_status st =
                store_table_get(t, T_JOURNAL, journal_key(key, t->state.first_seq, 0), &raw);
        struct xdr_in in = xdr_in(st == NI_OK ? raw : BYTES_NONE);
        if (st != NI_OK || !store_head_decode(&in, &h))
                return st == NI_OK || st == NI_NODIR ? store_damaged(t) : st;
        *ret = now_us > age && h.when < now_us - age;
        return NI_OK;
}

static enum ni_status drop_oldest(struct store_txn *t)
{
        uint8_t start[JOURNAL_KEY];
        const uint64_t seq = t->state.first_seq;
        enum ni_status st = NI_OK;
        for (uint32_t part = 0; st == NI_OK; part++)
                st = store_table_del(t, T_JOURNAL, journal_key(start, seq, part));
        if (st == NI_NODIR) {
                t->state.first_seq = seq + 1;
                st = NI_OK;
        }
        return st;
}

enum ni_status store_journal_trim(struct store_txn *t, uint64_t now_us, uint32_t most, uint32_t *ret_dropped)
{
        uint32_t n = 0;
        enum ni_status st = store_may_write(t);
        for (bool go = true; st == NI_OK && n < most;) {
                st = expired(t, now_us, &go);
                if (st != NI_OK || !go)
                        break;
                st = drop_oldest(t);
                n += st == NI_OK;
        }
        if (st == NI_OK && ret_dropped)
                *ret_dropped = n;
        return st;
}
