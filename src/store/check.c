/* Walks everything and compares every table with every other. */
#include "store/store-internal.h"

#include "model/edit.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define MISSING_MOST 1000u /* changes reported as missing, then the journal is given up */

struct check {
        struct store_txn *t;
        struct store_check_report report;
        void (*say)(void *context, const char *problem);
        void *context;
        uint8_t *reached; /* a bit per object number: leads up to the root */
        uint64_t reached_bits;
        uint64_t index_expected, child_sum, touched_nodes, matched_nodes, freed_numbers;
        uint64_t born_nodes, born_records; /* directories that live, by the journal's span */
        uint64_t lives; /* of those that died: births minus deaths told by the journal, as a sum of hashes */
        uint32_t checksum, highest;
        struct hash128 digest;
        enum ni_status status; /* LMDB or memory failed: the check cannot go on */
};

__attribute__((format(printf, 2, 3))) static void problem(struct check *c, const char *format, ...)
{
        char text[320];
        va_list ap;
        va_start(ap, format);
        vsnprintf(text, sizeof(text), format, ap);
        va_end(ap);
        c->report.problems++;
        if (c->say)
                c->say(c->context, text);
}

/* Calls `each` for every entry of a table, and checks that keys ascend (a damaged page may break the order on
 * which every search relies, or lead back to where we were). */
static void walk_table(struct check *c, enum store_table table, const char *name,
                       void (*each)(struct check *, struct bytes key, struct bytes value))
{
        struct bytes key = BYTES_NONE, value;
        uint8_t last[64];
        size_t last_len = 0;
        MDB_cursor *cursor = store_cursor(c->t, table);
        enum ni_status st = cursor ? NI_OK : NI_SYSTEMERR;
        for (MDB_cursor_op op = MDB_FIRST; st == NI_OK; op = MDB_NEXT) {
                st = store_cursor_move(c->t, cursor, op, &key, &value);
                if (st != NI_OK)
                        break;
                if (last_len && (key.len != last_len || memcmp(last, key.data, last_len) >= 0)) {
                        problem(c, "%s: keys out of order", name); /* going on might never end */
                        c->status = NI_SYSTEMERR;
                        break;
                }
                last_len = key.len < sizeof(last) ? key.len : sizeof(last);
                memcpy(last, key.data, last_len);
                each(c, key, value);
                if (c->status != NI_OK)
                        st = c->status;
        }
        store_cursor_back(c->t, table, cursor);
        if (st != NI_NODIR && c->status == NI_OK) {
                problem(c, "%s: the table cannot be read to its end", name);
                c->status = NI_SYSTEMERR;
        }
}

static bool get_node(struct check *c, uint32_t object, struct store_node *ret)
{
        c->t->cached = false;
        return store_get(c->t, object, ret) == NI_OK;
}

/* -- nodes
 * ---------------------------------------------------------------------------------------------------- */

static bool entry_is(struct check *c, enum store_table table, struct bytes key, uint32_t child)
{
        struct bytes raw;
        return store_table_get(c->t, table, key, &raw) == NI_OK && raw.len == 4 &&
               xdr_load(raw.data) == child;
}

static void check_node_index(struct check *c, const struct store_node *n)
{
        if (!store_index_expected(c->t, n->props)) {
                c->status = NI_SYSTEMERR;
                return;
        }
        for (size_t i = 0; i < c->t->new_hashes.n; i++) {
                const struct hash128 h = c->t->new_hashes.v[i];
                uint8_t key[INDEX_KEY];
                xdr_store(key, n->parent);
                put64(key + 4, h.hi);
                put64(key + 12, h.lo);
                put64(key + 20, n->ordinal);
                c->index_expected++;
                if (!entry_is(c, T_INDEX, bytes_of(key, sizeof(key)), n->id.object))
                        problem(c, "index: directory %" PRIu32 " is missing under one of its values",
                                n->id.object);
        }
}

static void check_node(struct check *c, struct bytes key, struct bytes value)
{
        struct store_node n;
        if (key.len != 4 || !store_node_decode(value, xdr_load(key.data), &n)) {
                problem(c, "nodes: a record does not decode (object %" PRIu32 ")",
                        key.len == 4 ? xdr_load(key.data) : 0);
                return;
        }
        struct xdr_in in = xdr_in(n.props);
        c->report.directories++;
        c->highest = n.id.object;
        c->checksum += checksum_term(n.id);
        c->digest = hash_add(c->digest, store_node_sum(value));
        c->child_sum += n.child_count;
        c->touched_nodes += n.version >= c->t->state.first_seq;
        c->born_nodes += n.born >= c->t->state.first_seq;
        xdr_proplist_exact(&in);
        if (!xdr_end(&in)) {
                problem(c, "nodes: the properties of directory %" PRIu32 " do not decode", n.id.object);
                return;
        }
        if (n.id.object >= c->t->state.ceiling)
                problem(c, "nodes: directory %" PRIu32 " is above the highest number ever used", n.id.object);
        if (n.born > n.version || n.version > c->t->state.seq)
                problem(c, "nodes: directory %" PRIu32 " is newer than the newest change", n.id.object);
        if (n.id.object == 0 && (n.parent != 0 || n.ordinal != 0))
                problem(c, "nodes: the root has a parent");
        if (n.id.object == 0)
                return;
        uint8_t place[12];
        xdr_store(place, n.parent);
        put64(place + 4, n.ordinal);
        if (!entry_is(c, T_CHILDREN, bytes_of(place, sizeof(place)), n.id.object))
                problem(c, "children: directory %" PRIu32 " is missing in the list of its parent %" PRIu32,
                        n.id.object, n.parent);
        check_node_index(c, &n);
}

/* -- children
 * ------------------------------------------------------------------------------------------------- */

static void check_child(struct check *c, struct bytes key, struct bytes value)
{
        struct store_node n;
        if (key.len != 12 || value.len != 4) {
                problem(c, "children: an entry does not decode");
                return;
        }
        const uint32_t parent = xdr_load(key.data), child = xdr_load(value.data);
        if (!get_node(c, child, &n))
                problem(c, "children: directory %" PRIu32 " lists %" PRIu32 ", which does not exist", parent,
                        child);
        else if (child == 0 || n.parent != parent || n.ordinal != load64(key.data + 4))
                problem(c, "children: directory %" PRIu32 " lists %" PRIu32 ", which belongs to %" PRIu32,
                        parent, child, n.parent);
}

/* Each directory's own count against its list. */
static void check_count(struct check *c, struct bytes key, struct bytes value)
{
        struct store_node n;
        struct store_walk w;
        if (key.len != 4 || !store_node_decode(value, xdr_load(key.data), &n))
                return;
        store_children(c->t, n.id.object, STORE_FROM_START, &w);
        while (store_next(&w))
                ;
        store_end(&w);
        if (w.status != NI_OK || w.visited != n.child_count)
                problem(c, "children: directory %" PRIu32 " counts %" PRIu32 " children and lists %" PRIu64,
                        n.id.object, n.child_count, w.visited);
}

static bool is_reached(const struct check *c, uint32_t object)
{
        return object < c->reached_bits && (c->reached[object / 8] >> (object % 8) & 1);
}

/* Climbs until a directory whose way is known, and marks the way. Who comes to a missing parent, or round a
 * ring, is reported once; those below it are not climbed again. */
static void check_reach(struct check *c, struct bytes key, struct bytes value)
{
        struct store_node n;
        (void)value;
        if (key.len != 4)
                return;
        const uint32_t start = xdr_load(key.data);
        bool lost = false;
        uint64_t steps = 0;
        uint32_t at;
        for (at = start; !lost && !is_reached(c, at); at = n.parent)
                lost = steps++ > c->report.directories || !get_node(c, at, &n);
        if (lost)
                problem(c, "nodes: directory %" PRIu32 " does not lead up to the root", start);
        for (at = start; !is_reached(c, at) && get_node(c, at, &n); at = n.parent)
                c->reached[at / 8] = (uint8_t)(c->reached[at / 8] | 1u << (at % 8));
}

static void check_tree(struct check *c)
{
        c->reached_bits = (uint64_t)c->highest + 1;
        c->reached = calloc(c->reached_bits / 8 + 1, 1);
        if (!c->reached) {
                c->status = NI_SYSTEMERR;
                return;
        }
        c->reached[0] = 1;
        walk_table(c, T_NODES, "nodes", check_reach);
}

/* -- index, numbers
 * ------------------------------------------------------------------------------------------- */

static void check_hit(struct check *c, struct bytes key, struct bytes value)
{
        struct store_node n;
        c->report.index_entries++;
        if (key.len != INDEX_KEY || value.len != 4) {
                problem(c, "index: an entry does not decode");
                return;
        }
        const uint32_t parent = xdr_load(key.data), child = xdr_load(value.data);
        if (!get_node(c, child, &n) || n.parent != parent || n.ordinal != load64(key.data + 20))
                problem(c,
                        "index: an entry of directory %" PRIu32 " points at %" PRIu32 ", which is not there",
                        parent, child);
}

static void check_freed(struct check *c, struct bytes key, struct bytes value)
{
        struct store_freed f;
        struct store_walk w;
        struct store_node n;
        if (key.len != 4 || !store_freed_decode(value, xdr_load(key.data), &f)) {
                problem(c, "freed: an entry does not decode");
                return;
        }
        const uint32_t first = xdr_load(key.data);
        c->freed_numbers += (uint64_t)f.last - first + 1;
        c->t->cached = false;
        store_each(c->t, first, &w);
        if (store_each_next(&w, &n) && n.id.object <= f.last)
                problem(c, "freed: object number %" PRIu32 " is in use", n.id.object);
        store_end(&w);
        if (f.last >= c->t->state.ceiling)
                problem(c, "freed: object number %" PRIu32 " was never used", f.last);
}

/* -- journal
 * -------------------------------------------------------------------------------------------------- */

static bool record_agrees(const struct store_record *r, const struct store_node *n)
{
        if (r->instance != n->id.instance || r->parent != n->parent)
                return false;
        return r->ordinal == n->ordinal && (!r->has_after || bytes_eq(r->after, n->props));
}

static bool record_decodes(const struct store_record *r)
{
        struct xdr_in a = xdr_in(r->before), b = xdr_in(r->after);
        if (r->has_before)
                xdr_proplist_exact(&a);
        if (r->has_after)
                xdr_proplist_exact(&b);
        return xdr_end(&a) && xdr_end(&b);
}

/* A birth that the journal tells ends in a death that it tells, or the directory lives. */
static void check_life(struct check *c, const struct store_record *r, bool alive)
{
        uint8_t name[12];
        xdr_store(name, r->object);
        put64(name + 4, r->born);
        if (r->kind == STORE_CREATED && alive)
                c->born_records++;
        else if (r->kind == STORE_CREATED)
                c->lives += siphash13((struct siphash_key){0, 0}, name, sizeof(name));
        else if (r->kind == STORE_DESTROYED && r->born >= c->t->state.first_seq)
                c->lives -= siphash13((struct siphash_key){0, 0}, name, sizeof(name));
}

/* A record of a living directory: the directory knows it or a newer change. */
static void check_record(struct check *c, uint64_t seq, const struct store_record *r, bool again)
{
        struct store_node n;
        if (!record_decodes(r))
                problem(c, "journal: change %" PRIu64 ": properties do not decode", seq);
        const bool alive = get_node(c, r->object, &n) && n.born == r->born;
        check_life(c, r, alive);
        if (!alive) {
                if (r->born > seq)
                        problem(c, "journal: change %" PRIu64 ": directory %" PRIu32 " is not born yet", seq,
                                r->object);
                return;
        }
        if (r->kind == STORE_DESTROYED)
                problem(c, "journal: directory %" PRIu32 " was destroyed by change %" PRIu64 " and exists",
                        r->object, seq);
        else if (n.version < seq)
                problem(c, "journal: directory %" PRIu32 " does not know change %" PRIu64, r->object, seq);
        else if (n.version == seq && !record_agrees(r, &n))
                problem(c, "journal: directory %" PRIu32 " differs from change %" PRIu64, r->object, seq);
        else if (n.version == seq && !again)
                c->matched_nodes++;
}

static void check_journal(struct check *c)
{
        struct arena a;
        uint64_t last_when = 0;
        uint32_t missing = 0;
        arena_init(&a, 0);
        for (uint64_t seq = c->t->state.first_seq; seq <= c->t->state.seq && c->status == NI_OK; seq++) {
                struct store_entry e;
                arena_reset(&a);
                if (store_journal_get(c->t, seq, &a, &e) != NI_OK) {
                        problem(c, "journal: change %" PRIu64 " is missing or does not decode", seq);
                        if (++missing == MISSING_MOST)
                                break; /* the head itself may be damaged, and count to 2^63 */
                        continue;
                }
                c->report.journal_entries++;
                if (e.when < last_when)
                        problem(c, "journal: change %" PRIu64 " is older than the one before it", seq);
                last_when = e.when;
                for (uint32_t i = 0; i < e.record_count; i++)
                        check_record(c, seq, &e.records[i],
                                     i > 0 && e.records[i - 1].object == e.records[i].object &&
                                             e.records[i - 1].born == e.records[i].born);
        }
        if (last_when > c->t->state.last_when)
                problem(c, "journal: the newest change is newer than the head says");
        if (c->matched_nodes != c->touched_nodes)
                problem(c, "journal: %" PRIu64 " directories changed since its beginning, it knows %" PRIu64,
                        c->touched_nodes, c->matched_nodes);
        if (c->born_records != c->born_nodes || c->lives != 0)
                problem(c, "journal: the directories that came and went differ from those that are there");
        arena_done(&a);
}

static uint64_t entries_of(struct check *c, enum store_table table)
{
        MDB_stat stat;
        return mdb_stat(c->t->txn, c->t->s->dbi[table], &stat) == 0 ? stat.ms_entries : 0;
}

static void check_first_journal_key(struct check *c)
{
        struct bytes key = BYTES_NONE, value;
        MDB_cursor *cursor = store_cursor(c->t, T_JOURNAL);
        const struct store_state *s = &c->t->state;
        if (!cursor)
                return;
        if (store_cursor_move(c->t, cursor, MDB_FIRST, &key, &value) == NI_OK &&
            (key.len != 12 || load64(key.data) < s->first_seq))
                problem(c, "journal: something stands before change %" PRIu64, s->first_seq);
        key = BYTES_NONE;
        if (store_cursor_move(c->t, cursor, MDB_LAST, &key, &value) == NI_OK &&
            (key.len != 12 || load64(key.data) > s->seq))
                problem(c, "journal: something stands behind change %" PRIu64, s->seq);
        store_cursor_back(c->t, T_JOURNAL, cursor);
}

static void check_sums(struct check *c)
{
        const struct store_state *s = &c->t->state;
        if (c->report.directories != s->directories)
                problem(c, "state: %" PRIu32 " directories counted, %" PRIu64 " found", s->directories,
                        c->report.directories);
        if (c->checksum != s->checksum)
                problem(c, "state: checksum %" PRIu32 ", computed %" PRIu32, s->checksum, c->checksum);
        if (c->digest.lo != s->digest.lo || c->digest.hi != s->digest.hi)
                problem(c, "state: the digest differs from the computed one");
        if (entries_of(c, T_CHILDREN) + 1 != c->report.directories ||
            c->child_sum + 1 != c->report.directories)
                problem(c, "children: %" PRIu64 " entries for %" PRIu64 " directories",
                        entries_of(c, T_CHILDREN), c->report.directories);
        if (c->index_expected != c->report.index_entries)
                problem(c, "index: %" PRIu64 " entries, %" PRIu64 " expected", c->report.index_entries,
                        c->index_expected);
        if (c->freed_numbers + c->report.directories != s->ceiling)
                problem(c, "freed: %" PRIu64 " numbers free and %" PRIu64 " in use, of %" PRIu64,
                        c->freed_numbers, c->report.directories, s->ceiling);
}

enum ni_status store_check(struct store_txn *t, struct store_check_report *ret,
                           void (*say)(void *context, const char *problem), void *context)
{
        struct check c = {.t = t, .say = say, .context = context, .status = NI_OK};
        if (t->writer)
                return NI_SYSTEMERR; /* a reader looks at what is committed */
        enum ni_status st = store_state_load(t);
        if (st != NI_OK) {
                t->failed = NI_OK;
                problem(&c, "state: the record does not decode");
                *ret = c.report;
                return NI_OK;
        }
        walk_table(&c, T_NODES, "nodes", check_node);
        if (c.status == NI_OK)
                walk_table(&c, T_CHILDREN, "children", check_child);
        if (c.status == NI_OK)
                walk_table(&c, T_NODES, "nodes", check_count);
        if (c.status == NI_OK)
                check_tree(&c);
        if (c.status == NI_OK)
                walk_table(&c, T_INDEX, "index", check_hit);
        if (c.status == NI_OK)
                walk_table(&c, T_FREED, "freed", check_freed);
        if (c.status == NI_OK)
                check_first_journal_key(&c);
        if (c.status == NI_OK)
                check_journal(&c);
        if (c.status == NI_OK)
                check_sums(&c);
        free(c.reached);
        free(t->new_hashes.v);
        t->new_hashes = (struct store_hashes){0};
        *ret = c.report;
        return c.report.problems || c.status == NI_OK ? NI_OK : c.status;
}
