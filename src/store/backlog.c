/* Entries of the index that wait. A new directory has some four, and their keys are scattered over the whole
 * table: put one by one, each costs a search from the root, and in a nested transaction a copy of its page.
 * So they wait until the transaction commits, or until somebody asks for one of them, and are put in the
 * order of their keys. Whoever writes to the index otherwise has them put first. */
#include "store/store-internal.h"

#include <errno.h>
#include <stdlib.h>

#define SLOTS_KEPT 1024u /* words of the set, and entries, kept between transactions */

/* -- the set of searches that the waiting entries answer: an open table of words, one entry or several each
 * ---------------------------------------------------------------------------------------------------- */

static uint64_t word_of(uint32_t parent, struct hash128 h)
{
        const uint64_t w = h.lo ^ (h.hi << 17 | h.hi >> 47) ^ (uint64_t)parent * 0x9e3779b97f4a7c15u;
        return w ? w : 1;
}

static uint64_t *slot_of(const struct store_backlog *b, uint64_t word)
{
        uint32_t at = (uint32_t)(word >> 20) & (b->slots - 1);
        while (b->slot[at] && b->slot[at] != word)
                at = (at + 1) & (b->slots - 1);
        return &b->slot[at];
}

/* Room for one entry more, in the list and (at most half full) in the set. */
static bool grow(struct store_backlog *b)
{
        if (b->n == b->cap) {
                const uint32_t cap = b->cap ? b->cap * 2 : 64;
                struct store_index_entry *v = reallocarray(b->v, cap, sizeof(*v));
                if (!v)
                        return false;
                b->v = v;
                b->cap = cap;
        }
        if (b->words < b->slots / 2)
                return true;
        const uint32_t slots = b->slots ? b->slots * 2 : 128;
        uint64_t *slot = calloc(slots, sizeof(*slot)), *old = b->slot;
        const uint32_t old_slots = b->slots;
        if (!slot)
                return false;
        b->slot = slot;
        b->slots = slots;
        for (uint32_t i = 0; i < old_slots; i++)
                if (old[i])
                        *slot_of(b, old[i]) = old[i];
        free(old);
        return true;
}

/* A table that has become large is not emptied for small changes afterwards. */
static void forget_words(struct store_backlog *b)
{
        if (b->slots > SLOTS_KEPT) {
                free(b->slot);
                b->slot = NULL;
                b->slots = 0;
        } else if (b->words) {
                memset(b->slot, 0, b->slots * sizeof(*b->slot));
        }
        b->words = 0;
}

/* -- waiting
 * ------------------------------------------------------------------------------------------------ */

enum ni_status store_backlog_add(struct store_txn *t, const struct store_index_entry *e)
{
        struct store_backlog *b = &t->backlog;
        if (b->n - b->put >= b->most) {
                const enum ni_status st = store_backlog_put(t);
                if (st != NI_OK)
                        return st;
        }
        if (!grow(b))
                return store_fail(t, ENOMEM);
        const uint64_t word = word_of(e->parent, e->hash);
        uint64_t *slot = slot_of(b, word);
        b->words += *slot == 0;
        *slot = word;
        b->v[b->n++] = *e;
        t->dirty = true;
        return NI_OK;
}

bool store_backlog_has(const struct store_backlog *b, uint32_t parent, struct hash128 h)
{
        return b->n != b->put && b->words && *slot_of(b, word_of(parent, h)) != 0;
}

static int by_key(const void *a, const void *b)
{
        const struct store_index_entry *x = a, *y = b;
        if (x->parent != y->parent)
                return x->parent < y->parent ? -1 : 1;
        if (x->hash.hi != y->hash.hi)
                return x->hash.hi < y->hash.hi ? -1 : 1;
        if (x->hash.lo != y->hash.lo)
                return x->hash.lo < y->hash.lo ? -1 : 1;
        return x->ordinal < y->ordinal ? -1 : x->ordinal > y->ordinal;
}

/* Entries from .. to, sorted; those of before a nested transaction stay apart from its own, for an abort. */
static int put_range(struct store_txn *t, MDB_cursor *c, uint32_t from, uint32_t to)
{
        struct store_index_entry *v = t->backlog.v;
        int rc = 0;
        if (to - from > 1)
                qsort(v + from, to - from, sizeof(*v), by_key);
        for (uint32_t i = from; rc == 0 && i < to; i++) {
                uint8_t key[INDEX_KEY], child[4];
                MDB_val k = {sizeof(key), key}, value = {sizeof(child), child};
                store_index_entry_key(&v[i], key);
                xdr_store(child, v[i].child);
                rc = mdb_cursor_put(c, &k, &value, 0);
        }
        return rc;
}

enum ni_status store_backlog_put(struct store_txn *t)
{
        struct store_backlog *b = &t->backlog;
        MDB_cursor *c;
        if (t->failed != NI_OK)
                return t->failed;
        if (b->put == b->n)
                return NI_OK;
        int rc = mdb_cursor_open(t->txn, t->s->dbi[T_INDEX], &c);
        if (rc)
                return store_fail(t, rc);
        t->generation++;
        t->cached = false;
        const uint32_t inner = t->sub && b->before > b->put ? b->before : b->put;
        rc = put_range(t, c, b->put, inner);
        if (rc == 0)
                rc = put_range(t, c, inner, b->n);
        mdb_cursor_close(c);
        if (rc)
                return store_fail(t, rc);
        b->n = b->put = t->sub ? b->before : 0; /* older ones are needed again when it is aborted */
        forget_words(b);
        return NI_OK;
}

/* -- transactions
 * ------------------------------------------------------------------------------------------------ */

void store_backlog_begin_sub(struct store_backlog *b)
{
        if (b->put) /* those of nested transactions that stand are not needed again */
                memmove(b->v, b->v + b->put, (b->n - b->put) * sizeof(*b->v));
        b->n -= b->put;
        b->put = 0;
        b->before = b->n;
}

/* Words of entries that are gone stay in the set for a while: they cost a needless put at worst. */
void store_backlog_abort_sub(struct store_txn *t)
{
        struct store_backlog *b = &t->backlog;
        const bool undone = b->put != 0; /* what it put is not in the table any more */
        b->n = b->before;
        b->put = 0;
        if (b->put == b->n)
                store_backlog_clear(b);
        else if (undone || b->words > 2 * b->most)
                store_backlog_put(t); /* else the next request would do it again, and the one after it */
}

void store_backlog_clear(struct store_backlog *b)
{
        b->n = b->put = 0;
        forget_words(b);
        if (b->cap > SLOTS_KEPT) {
                free(b->v);
                b->v = NULL;
                b->cap = 0;
        }
}

void store_backlog_done(struct store_backlog *b)
{
        free(b->v);
        free(b->slot);
        *b = (struct store_backlog){.most = b->most};
}
