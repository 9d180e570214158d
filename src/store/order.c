/* Places among siblings: the table `children`, (parent, ordinal) -> child. Ordinals are sparse, so adding a
 * child anywhere writes one entry; when a gap closes, a few neighbours get new ordinals (rebalance). */
#include "store/store-internal.h"

#include <errno.h>
#include <stdlib.h>

#define ORDER_KEY 12u
#define ORDER_FIRST                                                                                        \
        ((uint64_t)1 << 62)            /* of an only child: room for 2^30 steps before it, 3 * 2^30 behind \
                                        */
#define ORDER_STEP ((uint64_t)1 << 32) /* 32 insertions between two neighbours before a gap closes */
#define ORDER_END  UINT64_MAX          /* no child has it, nor 0 */
/* Least gap after spreading n children: grows with n, so that after a wide spread many narrow ones are
 * possible within it before the next wide one. A run of insertions at one place costs O(log n) moves each. */
#define ORDER_ROOMY(n) ((uint64_t)(n) << 10)

static struct bytes order_key(uint8_t to[ORDER_KEY], uint32_t parent, uint64_t ordinal)
{
        xdr_store(to, parent);
        put64(to + 4, ordinal);
        return bytes_of(to, ORDER_KEY);
}

/* One entry of the table, decoded. False: damaged. */
struct place {
        uint32_t parent, child;
        uint64_t ordinal;
};
static bool place_decode(struct bytes key, struct bytes value, struct place *ret)
{
        if (key.len != ORDER_KEY || value.len != 4)
                return false;
        *ret = (struct place){xdr_load(key.data), xdr_load(value.data), load64(key.data + 4)};
        return true;
}

/* Moves to the next or previous entry; NI_NODIR when it belongs to another parent. */
static enum ni_status step(struct store_txn *t, MDB_cursor *c, MDB_cursor_op op, uint32_t parent,
                           uint64_t from, struct place *ret)
{
        uint8_t start[ORDER_KEY];
        struct bytes key = order_key(start, parent, from), value;
        const enum ni_status st = store_cursor_move(t, c, op, &key, &value);
        struct place p;
        if (st != NI_OK)
                return st;
        if (!place_decode(key, value, &p))
                return t->writer ? store_damaged(t) : NI_SYSTEMERR;
        if (p.parent != parent)
                return NI_NODIR;
        *ret = p;
        return NI_OK;
}

/* The last child: the entry before the first one that lies behind this parent. */
static enum ni_status last_place(struct store_txn *t, MDB_cursor *c, uint32_t parent, struct place *ret)
{
        uint8_t start[ORDER_KEY];
        struct bytes key = order_key(start, parent, ORDER_END), value;
        const enum ni_status st = store_cursor_move(t, c, MDB_SET_RANGE, &key, &value);
        if (st != NI_OK && st != NI_NODIR)
                return st;
        return step(t, c, st == NI_OK ? MDB_PREV : MDB_LAST, parent, 0, ret);
}

/* The places between which a new child at position `where` (< count) goes. Walks from the nearer end, or, in
 * a long list, within the run that has it (counted.c). */
static enum ni_status neighbours(struct store_txn *t, MDB_cursor *c, const struct store_node *parent,
                                 uint32_t where, uint64_t *ret_before, uint64_t *ret_behind)
{
        const uint32_t id = parent->id.object, count = parent->child_count;
        struct place p;
        enum ni_status st;
        uint64_t from = 0;
        uint32_t skip = 0;
        if (store_counted_find(t, parent, where, &from, &skip)) {
                st = step(t, c, MDB_SET_RANGE, id, from, &p);
                for (; st == NI_OK && skip; skip--)
                        st = step(t, c, MDB_NEXT, id, 0, &p);
        } else if (where <= count / 2) {
                st = step(t, c, MDB_SET_RANGE, id, 0, &p);
                for (uint32_t i = 0; st == NI_OK && i < where; i++)
                        st = step(t, c, MDB_NEXT, id, 0, &p);
        } else {
                st = last_place(t, c, id, &p);
                for (uint32_t i = count - 1; st == NI_OK && i > where; i--)
                        st = step(t, c, MDB_PREV, id, 0, &p);
        }
        if (st != NI_OK)
                return st == NI_NODIR ? store_damaged(t) : st; /* child_count promised more */
        *ret_behind = p.ordinal;
        st = step(t, c, MDB_PREV, id, 0, &p);
        *ret_before = st == NI_OK ? p.ordinal : 0;
        return st == NI_NODIR ? NI_OK : st;
}

/* An ordinal between two; 0 when there is no room. */
static uint64_t between(uint64_t before, uint64_t behind)
{
        if (before == 0 && behind == ORDER_END)
                return ORDER_FIRST;
        if (behind == ORDER_END && ORDER_END - before > ORDER_STEP)
                return before + ORDER_STEP;
        if (before == 0 && behind > ORDER_STEP)
                return behind - ORDER_STEP;
        const uint64_t middle = before + (behind - before) / 2;
        return middle == before ? 0 : middle;
}

/* -- rebalance
 * ------------------------------------------------------------------------------------------------ */

struct window {
        struct place *v; /* the children whose ordinals change, in order */
        size_t n;
        size_t behind;        /* how many of them stand before the gap */
        uint64_t left, right; /* ordinals of the neighbours that stay, or the ends */
};

/* Up to `most` children on one side of the gap, nearest first, and the ordinal of the one after them. */
static enum ni_status side(struct store_txn *t, uint32_t parent, uint64_t from, bool down, struct place *v,
                           size_t most, size_t *ret_n, uint64_t *ret_limit)
{
        MDB_cursor *c = store_cursor(t, T_CHILDREN);
        struct place p;
        size_t n = 0;
        if (!c)
                return NI_SYSTEMERR;
        enum ni_status st = step(t, c, MDB_SET_RANGE, parent, from, &p);
        if (down && st == NI_NODIR) /* nobody of ours at or behind it */
                st = last_place(t, c, parent, &p);
        else if (down && st == NI_OK && p.ordinal > from)
                st = step(t, c, MDB_PREV, parent, 0, &p);
        while (st == NI_OK && n < most) {
                v[n++] = p;
                st = step(t, c, down ? MDB_PREV : MDB_NEXT, parent, 0, &p);
        }
        store_cursor_back(t, T_CHILDREN, c);
        *ret_n = n;
        *ret_limit = st == NI_OK ? p.ordinal : down ? 0 : ORDER_END;
        return st == NI_NODIR ? NI_OK : st;
}

/* Gathers children around the gap (before, behind) until they can be spread with room between them. */
static enum ni_status window_open(struct store_txn *t, uint32_t parent, uint64_t before, uint64_t behind,
                                  struct window *w)
{
        enum ni_status st = NI_OK;
        for (size_t half = 8; st == NI_OK; half *= 2) {
                size_t n = 0, m = 0;
                free(w->v);
                w->v = calloc(2 * half, sizeof(*w->v));
                if (!w->v)
                        return store_fail(t, ENOMEM);
                w->left = 0;
                w->right = ORDER_END;
                if (before)
                        st = side(t, parent, before, true, w->v, half, &n, &w->left);
                for (size_t i = 0; i < n / 2; i++) { /* nearest first -> in order */
                        const struct place p = w->v[i];
                        w->v[i] = w->v[n - 1 - i];
                        w->v[n - 1 - i] = p;
                }
                if (st == NI_OK && behind != ORDER_END)
                        st = side(t, parent, behind, false, w->v + n, half, &m, &w->right);
                w->behind = n;
                w->n = n + m;
                if (st == NI_OK && (w->right - w->left) / (w->n + 2) >= ORDER_ROOMY(w->n))
                        break;
        }
        return st;
}

/* Takes a child out of the list and of the index; its properties, copied, into *ret. */
static enum ni_status lift(struct store_txn *t, const struct place *p, struct bytes *ret)
{
        struct store_node n;
        enum ni_status st = store_get(t, p->child, &n);
        if (st != NI_OK)
                return st == NI_NODIR ? store_damaged(t) : st;
        *ret = arena_bytes(&t->change.arena, n.props); /* the page goes away with the next write */
        if (!ret->data)
                return store_fail(t, ENOMEM);
        st = store_index_change(t, p->parent, p->ordinal, p->child, *ret, BYTES_NONE);
        return st == NI_OK ? store_order_unlink(t, p->parent, p->ordinal) : st;
}

static enum ni_status put_down(struct store_txn *t, const struct place *p, struct bytes props,
                               uint64_t ordinal)
{
        struct store_node n;
        enum ni_status st = store_get(t, p->child, &n);
        if (st != NI_OK)
                return st == NI_NODIR ? store_damaged(t) : st;
        n.props = props;
        n.ordinal = ordinal;
        n.version = t->change.seq;
        st = store_node_put(t, &n, true);
        if (st == NI_OK)
                st = store_order_link(t, p->parent, ordinal, p->child);
        if (st == NI_OK)
                st = store_index_change(t, p->parent, ordinal, p->child, BYTES_NONE, props);
        t->moved++;
        return st == NI_OK ? store_note_moved(t, &n) : st;
}

/* Spreads the children around a closed gap evenly and gives the ordinal of the new one. All are lifted before
 * any is put down, because a new place may be somebody else's old one. */
static enum ni_status rebalance(struct store_txn *t, uint32_t parent, uint64_t before, uint64_t behind,
                                uint64_t *ret)
{
        struct window w = {0};
        enum ni_status st = window_open(t, parent, before, behind, &w);
        struct bytes *props = st == NI_OK ? calloc(w.n, sizeof(*props)) : NULL;
        if (st == NI_OK && !props)
                st = store_fail(t, ENOMEM);
        const uint64_t gap = st == NI_OK ? (w.right - w.left) / (w.n + 2) : 0;
        for (size_t i = 0; st == NI_OK && i < w.n; i++)
                st = lift(t, &w.v[i], &props[i]);
        for (size_t i = 0; st == NI_OK && i < w.n; i++)
                st = put_down(t, &w.v[i], props[i], w.left + gap * (i + 1 + (i >= w.behind)));
        if (st == NI_OK)
                *ret = w.left + gap * (w.behind + 1);
        free(props);
        free(w.v);
        return st;
}

enum ni_status store_order_place(struct store_txn *t, const struct store_node *parent, uint32_t where,
                                 uint64_t *ret_ordinal)
{
        uint64_t before = 0, behind = ORDER_END;
        enum ni_status st = NI_OK;
        const bool append = where >= parent->child_count;
        if (append && t->change.tail && t->change.tail_of == parent->id.object) {
                before = t->change.tail;
        } else if (parent->child_count) {
                struct place p;
                MDB_cursor *c = store_cursor(t, T_CHILDREN);
                if (!c)
                        return NI_SYSTEMERR;
                if (!append) {
                        st = neighbours(t, c, parent, where, &before, &behind);
                } else {
                        st = last_place(t, c, parent->id.object, &p);
                        before = st == NI_OK ? p.ordinal : 0;
                        st = st == NI_NODIR ? store_damaged(t) : st;
                }
                store_cursor_back(t, T_CHILDREN, c);
        }
        if (st != NI_OK)
                return st;
        if (append) {
                t->change.tail_of = parent->id.object;
                t->change.tail = before;
        }
        *ret_ordinal = between(before, behind);
        return *ret_ordinal ? NI_OK : rebalance(t, parent->id.object, before, behind, ret_ordinal);
}

enum ni_status store_order_link(struct store_txn *t, uint32_t parent, uint64_t ordinal, uint32_t child)
{
        uint8_t key[ORDER_KEY], value[4];
        if (t->change.tail_of == parent && t->change.tail && ordinal > t->change.tail)
                t->change.tail = ordinal;
        xdr_store(value, child);
        const enum ni_status st = store_table_put(t, T_CHILDREN, order_key(key, parent, ordinal),
                                                  bytes_of(value, 4), MDB_NOOVERWRITE);
        if (st == NI_OK)
                store_counted_step(&t->s->counts, parent, ordinal, 1);
        return st;
}

enum ni_status store_order_unlink(struct store_txn *t, uint32_t parent, uint64_t ordinal)
{
        uint8_t key[ORDER_KEY];
        if (t->change.tail_of == parent && ordinal == t->change.tail)
                t->change.tail = 0;
        const enum ni_status st = store_table_del(t, T_CHILDREN, order_key(key, parent, ordinal));
        if (st == NI_OK)
                store_counted_step(&t->s->counts, parent, ordinal, -1);
        return st;
}

/* -- walking
 * -------------------------------------------------------------------------------------------------- */

static void walk_init(struct store_txn *t, uint32_t parent, uint64_t after, struct store_walk *w)
{
        *w = (struct store_walk){.txn = t,
                                 .parent = parent,
                                 .ordinal = after == STORE_FROM_START ? 0 : after,
                                 .status = t->active ? t->failed : NI_SYSTEMERR};
}

void store_children(struct store_txn *t, uint32_t parent, uint64_t after, struct store_walk *w)
{
        walk_init(t, parent, after, w);
}

void store_lookup(struct store_txn *t, uint32_t parent, struct bytes key, struct bytes value, uint64_t after,
                  struct store_walk *w)
{
        walk_init(t, parent, after, w);
        w->key = key;
        w->value = value;
        w->row = store_row_of(t->s, key);
        w->indexed = w->row != NULL;
        w->next_object = 1; /* a lookup, no plain walk */
}

/* Where the walk goes on: one entry further, or, at its beginning and after writes, looked up again. */
static enum ni_status advance(struct store_walk *w)
{
        struct store_txn *t = w->txn;
        const enum store_table table = w->indexed ? T_INDEX : T_CHILDREN;
        const size_t prefix = w->indexed ? INDEX_KEY - 8 : 4;
        const MDB_cursor_op op = w->started && w->generation == t->generation ? MDB_NEXT : MDB_SET_RANGE;
        uint8_t start[INDEX_KEY] = {0};
        struct bytes key, value;
        if (!w->cursor && !(w->cursor = store_cursor(t, table)))
                return NI_SYSTEMERR;
        if (w->indexed)
                store_index_key(t->s, w->row, w->parent, w->value, w->ordinal + 1, start);
        else
                order_key(start, w->parent, w->ordinal + 1);
        key = bytes_of(start, prefix + 8);
        const struct hash128 hash = {load64(start + 12), load64(start + 4)};
        if (w->indexed && op == MDB_SET_RANGE && store_backlog_has(&t->backlog, w->parent, hash) &&
            store_backlog_put(t) != NI_OK)
                return t->failed;
        const enum ni_status st = store_cursor_move(t, w->cursor, op, &key, &value);
        w->started = true;
        w->generation = t->generation;
        if (st != NI_OK)
                return st;
        if (key.len != prefix + 8 || value.len != 4)
                return NI_SYSTEMERR;
        if (memcmp(key.data, start, prefix) != 0)
                return NI_NODIR;
        const uint64_t ordinal = load64(key.data + prefix);
        if (ordinal <= w->ordinal) /* damaged pages may lead round in a ring */
                return NI_SYSTEMERR;
        w->ordinal = ordinal;
        w->child = xdr_load(value.data);
        w->visited++;
        return NI_OK;
}

/* Is the child at hand a hit? By index: unless the hash deceives, yes. */
static bool matches(struct store_walk *w)
{
        struct store_node n;
        struct prop_walk p;
        if (store_get(w->txn, w->child, &n) != NI_OK || n.parent != w->parent || n.ordinal != w->ordinal) {
                w->status = NI_SYSTEMERR; /* the tables contradict each other */
                return false;
        }
        return prop_find(n.props, w->key, &p) && namelist_has(p.values, w->value);
}

bool store_next(struct store_walk *w)
{
        const bool lookup = w->next_object != 0;
        while (w->status == NI_OK && !w->paused) {
                if (w->most && w->visited >= w->most) {
                        w->paused = true;
                        break;
                }
                const enum ni_status st = advance(w);
                if (st == NI_NODIR) /* the end; asked again, the walk says so again */
                        break;
                w->status = st;
                if (st == NI_OK && (!lookup || matches(w)))
                        return true;
        }
        return false;
}

void store_end(struct store_walk *w)
{
        if (!w->cursor)
                return;
        const MDB_dbi dbi = mdb_cursor_dbi(w->cursor);
        for (enum store_table i = 0; i < TABLES; i++)
                if (w->txn->s->dbi[i] == dbi)
                        store_cursor_back(w->txn, i, w->cursor);
        w->cursor = NULL;
}
