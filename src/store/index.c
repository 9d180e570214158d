/* The index: (parent, value, ordinal) -> child, for the first property of each indexed name. Of the value the
 * key holds its first bytes and a keyed hash (doc/decisions/0005-index-keys.md); hits are verified against
 * the node, so a collision costs a look and no more. */
#include "store/store-internal.h"

#include <errno.h>
#include <stdlib.h>

#define FEW 16u /* so many values are compared with each other; more are hashed and sorted */

const struct store_row *store_row_of(const struct store *s, struct bytes name)
{
        for (uint32_t i = 0; i < s->row_count; i++)
                if (bytes_eq(s->rows[i].name, name))
                        return &s->rows[i];
        return NULL;
}

bool store_indexed(struct store_txn *t, struct bytes key)
{
        return store_row_of(t->s, key) != NULL;
}

/* What stands for a value in a key: property tag and first six bytes, then the hash. The bytes keep values
 * that arrive in order (uids, sorted names) in neighbouring pages; the hash tells apart what begins alike. */
static struct hash128 hash_of(const struct store *s, const struct store_row *row, struct bytes value)
{
        uint64_t head = row->tag;
        for (size_t i = 0; i < 6; i++)
                head = head << 8 | (i < value.len ? value.data[i] : 0);
        return (struct hash128){siphash24(row->key, value.data, value.len) & s->hash_mask,
                                head & s->hash_mask};
}

static void key_put(uint32_t parent, struct hash128 h, uint64_t ordinal, uint8_t to[INDEX_KEY])
{
        xdr_store(to, parent);
        put64(to + 4, h.hi);
        put64(to + 12, h.lo);
        put64(to + 20, ordinal);
}

void store_index_key(const struct store *s, const struct store_row *row, uint32_t parent, struct bytes value,
                     uint64_t ordinal, uint8_t to[INDEX_KEY])
{
        key_put(parent, hash_of(s, row, value), ordinal, to);
}

void store_index_entry_key(const struct store_index_entry *e, uint8_t to[INDEX_KEY])
{
        key_put(e->parent, e->hash, e->ordinal, to);
}

/* Whose entries are written, and under which place. */
struct spot {
        struct store_txn *t;
        uint32_t parent, child;
        uint64_t ordinal;
        bool is_new; /* it has no entries yet */
};

static enum ni_status add(const struct spot *at, struct hash128 h)
{
        uint8_t key[INDEX_KEY], value[4];
        if (at->is_new)
                return store_backlog_add(at->t,
                                         &(struct store_index_entry){h, at->ordinal, at->parent, at->child});
        key_put(at->parent, h, at->ordinal, key);
        xdr_store(value, at->child);
        return store_table_put(at->t, T_INDEX, bytes_of(key, sizeof(key)), bytes_of(value, 4), 0);
}

static enum ni_status drop(const struct spot *at, struct hash128 h)
{
        uint8_t key[INDEX_KEY];
        enum ni_status st = store_backlog_put(at->t); /* it may be among them */
        if (st != NI_OK)
                return st;
        key_put(at->parent, h, at->ordinal, key);
        st = store_table_del(at->t, T_INDEX, bytes_of(key, sizeof(key)));
        return st == NI_NODIR ? NI_OK : st; /* under a narrow hash two values may share an entry */
}

static bool hashes_add(struct store_hashes *l, struct hash128 h)
{
        if (l->n == l->cap) {
                const size_t cap = l->cap ? l->cap * 2 : 64;
                struct hash128 *v = reallocarray(l->v, cap, sizeof(*v));
                if (!v)
                        return false;
                l->v = v;
                l->cap = cap;
        }
        l->v[l->n++] = h;
        return true;
}

static int hash_order(const void *a, const void *b)
{
        const struct hash128 *x = a, *y = b;
        if (x->hi != y->hi)
                return x->hi < y->hi ? -1 : 1;
        return x->lo < y->lo ? -1 : x->lo > y->lo;
}

static void sort_unique(struct store_hashes *l)
{
        if (l->n < 2)
                return;
        qsort(l->v, l->n, sizeof(*l->v), hash_order);
        size_t n = 1;
        for (size_t i = 1; i < l->n; i++)
                if (hash_order(&l->v[n - 1], &l->v[i]) != 0)
                        l->v[n++] = l->v[i];
        l->n = n;
}

static bool hash_list(const struct store *s, const struct store_row *row, struct bytes values,
                      struct store_hashes *out)
{
        struct xdr_in in = xdr_in(values);
        for (uint32_t n = values.len ? xdr_count(&in, NI_VALUES_MAX, 4) : 0; n; n--) {
                const struct bytes v = xdr_opaque(&in, NI_NAME_MAX);
                if (in.bad || !hashes_add(out, hash_of(s, row, v)))
                        return false;
        }
        return !in.bad;
}

/* Long lists: hashes of both, sorted, and only the difference written, in key order. */
static enum ni_status change_many(const struct spot *at, const struct store_row *row, struct bytes old,
                                  struct bytes now)
{
        struct store_hashes *a = &at->t->old_hashes, *b = &at->t->new_hashes;
        enum ni_status st = NI_OK;
        a->n = b->n = 0;
        if (!hash_list(at->t->s, row, old, a) || !hash_list(at->t->s, row, now, b))
                return store_fail(at->t, ENOMEM);
        sort_unique(a);
        sort_unique(b);
        for (size_t i = 0, j = 0; st == NI_OK && (i < a->n || j < b->n);) {
                const int side = i == a->n ? 1 : j == b->n ? -1 : hash_order(&a->v[i], &b->v[j]);
                if (side < 0)
                        st = drop(at, a->v[i]);
                else if (side > 0)
                        st = add(at, b->v[j]);
                i += side <= 0;
                j += side >= 0;
        }
        return st;
}

/* Short lists: an entry is dropped when no value of the new list has it, hash for hash. */
static enum ni_status change_few(const struct spot *at, const struct hash128 *old, uint32_t old_n,
                                 const struct hash128 *now, uint32_t now_n)
{
        enum ni_status st = NI_OK;
        for (uint32_t i = 0; st == NI_OK && i < old_n; i++) {
                bool stays = false;
                for (uint32_t k = 0; k < now_n && !stays; k++)
                        stays = hash_order(&old[i], &now[k]) == 0;
                if (!stays)
                        st = drop(at, old[i]);
        }
        for (uint32_t k = 0; st == NI_OK && k < now_n; k++) {
                bool there = false;
                for (uint32_t i = 0; i < old_n && !there; i++)
                        there = hash_order(&old[i], &now[k]) == 0;
                if (!there)
                        st = add(at, now[k]);
        }
        return st;
}

/* What two encoded value lists share at their beginning is left alone, so that appending a member to a group
 * of a million costs one walk and one hash. Lists may repeat a value: a dropped one is looked for in the
 * whole new list. */
static enum ni_status change_row(const struct spot *at, const struct store_row *row, struct bytes old,
                                 struct bytes now)
{
        struct xdr_in a = xdr_in(old), b = xdr_in(now);
        uint32_t an = old.len ? xdr_count(&a, NI_VALUES_MAX, 4) : 0,
                 bn = now.len ? xdr_count(&b, NI_VALUES_MAX, 4) : 0;
        struct hash128 ha[FEW], hb[FEW];
        uint32_t i = 0, k = 0;
        for (; an && bn; an--, bn--) {
                struct xdr_in x = a, y = b;
                if (!bytes_eq(xdr_opaque(&x, NI_NAME_MAX), xdr_opaque(&y, NI_NAME_MAX)))
                        break;
                a = x;
                b = y;
        }
        if (an > FEW || bn > FEW)
                return change_many(at, row, old, now);
        for (; an; an--) {
                const struct bytes v = xdr_opaque(&a, NI_NAME_MAX);
                if (!namelist_has(now, v))
                        ha[i++] = hash_of(at->t->s, row, v);
        }
        for (; bn; bn--)
                hb[k++] = hash_of(at->t->s, row, xdr_opaque(&b, NI_NAME_MAX));
        return a.bad || b.bad ? store_damaged(at->t) : change_few(at, ha, i, hb, k);
}

/* The values of the first property of each indexed name; {NULL,0} where there is none. */
static void first_values(const struct store *s, struct bytes props, struct bytes values[INDEX_ROWS])
{
        for (uint32_t i = 0; i < s->row_count; i++)
                values[i] = BYTES_NONE;
        if (!props.len)
                return;
        struct prop_walk w = prop_walk(props);
        while (prop_walk_next(&w)) {
                const struct store_row *row = store_row_of(s, w.name);
                if (row && !values[row - s->rows].len)
                        values[row - s->rows] = w.values;
        }
}

enum ni_status store_index_change(struct store_txn *t, uint32_t parent, uint64_t ordinal, uint32_t child,
                                  struct bytes old_props, struct bytes new_props)
{
        const struct spot at = {t, parent, child, ordinal, old_props.len == 0};
        struct bytes old[INDEX_ROWS], now[INDEX_ROWS];
        enum ni_status st = NI_OK;
        first_values(t->s, old_props, old);
        first_values(t->s, new_props, now);
        for (uint32_t i = 0; st == NI_OK && i < t->s->row_count; i++)
                if (!bytes_eq(old[i], now[i]))
                        st = change_row(&at, &t->s->rows[i], old[i], now[i]);
        return st;
}

bool store_index_expected(struct store_txn *t, struct bytes props)
{
        struct bytes values[INDEX_ROWS];
        first_values(t->s, props, values);
        t->new_hashes.n = 0;
        for (uint32_t i = 0; i < t->s->row_count; i++)
                if (!hash_list(t->s, &t->s->rows[i], values[i], &t->new_hashes))
                        return false;
        sort_unique(&t->new_hashes);
        return true;
}
