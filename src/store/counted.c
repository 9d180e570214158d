/* Positions in long child lists. The table keeps children in order and does not count them, so the child at
 * position 100,000 costs a walk. The writer therefore remembers, in memory, a few lists as runs: where a run
 * begins and how many children it has. A position is found by adding up runs and walking within one. Runs
 * begin as one for the whole list, and are cut, by a walk, when somebody asks for a position within a long
 * one: who only appends and removes pays nothing. What a transaction did is undone when it is. */
#include "store/store-internal.h"

#include <stdlib.h>

#define UNDO_MOST 65536u /* steps remembered for an abort; more, and the lists are walked anew after one */
#define RUN_LEAST 4u /* neighbouring runs that together have less than 1 / RUN_LEAST of a run are joined */

/* A child came or went, in a list that is counted. */
struct store_counted_step {
        uint32_t parent;
        int by;
        uint64_t ordinal;
};

static struct store_counted *list_of(struct store_counts *c, uint32_t parent)
{
        for (unsigned i = 0; i < COUNTED_LISTS; i++)
                if (c->list[i].n && c->list[i].parent == parent)
                        return &c->list[i];
        return NULL;
}

static void forget(struct store_counted *l)
{
        free(l->v);
        *l = (struct store_counted){0};
}

void store_counted_forget(struct store_counts *c)
{
        for (unsigned i = 0; i < COUNTED_LISTS; i++)
                forget(&c->list[i]);
        c->undo_n = 0;
        c->lossy = false;
}

void store_counted_done(struct store_counts *c)
{
        store_counted_forget(c);
        free(c->undo);
        c->undo = NULL;
}

/* -- steps
 * ---------------------------------------------------------------------------------------------------- */

/* The run that an ordinal belongs to: the last one that does not begin behind it; the first begins at 0. */
static uint32_t run_of(const struct store_counted *l, uint64_t ordinal)
{
        uint32_t low = 0, high = l->n;
        while (high - low > 1) {
                const uint32_t middle = low + (high - low) / 2;
                if (l->v[middle].first <= ordinal)
                        low = middle;
                else
                        high = middle;
        }
        return low;
}

/* Joins run k and the one behind it when both are nearly empty, so that there are never many more runs than
 * the children need. */
static void join(struct store_counted *l, uint32_t k, uint32_t length)
{
        if (k + 1 >= l->n || (uint64_t)l->v[k].n + l->v[k + 1].n > length / RUN_LEAST)
                return;
        l->v[k].n += l->v[k + 1].n;
        l->n--;
        memmove(&l->v[k + 1], &l->v[k + 2], (l->n - k - 1) * sizeof(*l->v));
}

static void count(struct store_counts *c, struct store_counted *l, uint64_t ordinal, int by)
{
        const uint32_t k = run_of(l, ordinal);
        l->v[k].n += (uint32_t)by;
        l->total += (uint32_t)by;
        if (by > 0)
                return;
        join(l, k, c->length);
        if (k > 0)
                join(l, k - 1, c->length);
}

static void remember(struct store_counts *c, uint32_t parent, uint64_t ordinal, int by)
{
        if (c->undo_n == UNDO_MOST)
                c->lossy = true;
        if (!c->lossy && c->undo_n == c->undo_cap) {
                const uint32_t cap = c->undo_cap ? c->undo_cap * 2 : 64;
                struct store_counted_step *v = reallocarray(c->undo, cap, sizeof(*v));
                c->lossy = v == NULL;
                if (v) {
                        c->undo = v;
                        c->undo_cap = cap;
                }
        }
        if (!c->lossy)
                c->undo[c->undo_n++] = (struct store_counted_step){parent, by, ordinal};
}

void store_counted_step(struct store_counts *c, uint32_t parent, uint64_t ordinal, int by)
{
        struct store_counted *l = list_of(c, parent);
        if (!l)
                return;
        remember(c, parent, ordinal, by);
        count(c, l, ordinal, by);
}

/* -- transactions
 * --------------------------------------------------------------------------------------------- */

struct store_counted_mark store_counted_mark(const struct store_counts *c)
{
        return (struct store_counted_mark){c->undo_n, c->clock};
}

void store_counted_undo(struct store_counts *c, struct store_counted_mark to)
{
        if (c->lossy) {
                store_counted_forget(c);
                return;
        }
        /* One that was made after the mark counted what is gone now, and knows of no step before it. */
        for (unsigned i = 0; i < COUNTED_LISTS; i++)
                if (c->list[i].n && c->list[i].made > to.clock)
                        forget(&c->list[i]);
        while (c->undo_n > to.steps) {
                const struct store_counted_step *s = &c->undo[--c->undo_n];
                struct store_counted *l = list_of(c, s->parent);
                if (l)
                        count(c, l, s->ordinal, -s->by);
        }
}

void store_counted_keep(struct store_counts *c)
{
        c->undo_n = 0;
        c->lossy = false;
}

/* -- positions
 * ------------------------------------------------------------------------------------------------ */

/* A new list takes the place of the one that was not asked for the longest. */
static struct store_counted *begin_list(struct store_counts *c, uint32_t parent, uint32_t children)
{
        struct store_counted *l = &c->list[0];
        for (unsigned i = 1; i < COUNTED_LISTS && l->n; i++)
                if (!c->list[i].n || c->list[i].used < l->used)
                        l = &c->list[i];
        forget(l);
        l->v = calloc(1, sizeof(*l->v));
        if (!l->v)
                return NULL;
        l->v[0].n = children;
        l->n = l->cap = 1;
        l->parent = parent;
        l->total = children;
        l->made = ++c->clock;
        return l;
}

/* Room for `more` runs behind run k. */
static bool open_gap(struct store_counted *l, uint32_t k, uint32_t more)
{
        if (l->n + more > l->cap) {
                const uint32_t cap = l->n + more + l->cap / 2;
                struct store_run *v = reallocarray(l->v, cap, sizeof(*v));
                if (!v)
                        return false;
                l->v = v;
                l->cap = cap;
        }
        memmove(&l->v[k + 1 + more], &l->v[k + 1], (l->n - k - 1) * sizeof(*l->v));
        l->n += more;
        return true;
}

/* Cuts a run that has grown long. False: the list is not as it was counted, or there is no memory. */
static bool cut(struct store_txn *t, struct store_counted *l, uint32_t k)
{
        const uint32_t length = t->s->counts.length, n = l->v[k].n, pieces = n / length;
        const uint64_t end = k + 1 < l->n ? l->v[k + 1].first : UINT64_MAX, start = l->v[k].first;
        struct store_walk w;
        uint32_t seen = 0;
        if (!open_gap(l, k, pieces - 1))
                return false;
        store_children(t, l->parent, start ? start - 1 : STORE_FROM_START, &w);
        while (store_next(&w) && w.ordinal < end) {
                const uint32_t piece = seen / length < pieces ? seen / length : pieces - 1;
                if (seen++ == n)
                        break;
                if (piece && seen == piece * length + 1)
                        l->v[k + piece].first = w.ordinal;
        }
        store_end(&w);
        for (uint32_t i = 0; i < pieces; i++)
                l->v[k + i].n = i + 1 < pieces ? length : n - length * (pieces - 1);
        return w.status == NI_OK && seen == n;
}

/* The run with the child at position `where`, and how many of its children stand before it. */
static uint32_t find(const struct store_counted *l, uint32_t where, uint32_t *ret_skip)
{
        uint32_t k = 0, skip = where;
        while (k + 1 < l->n && skip >= l->v[k].n)
                skip -= l->v[k++].n;
        *ret_skip = skip;
        return k;
}

bool store_counted_find(struct store_txn *t, const struct store_node *parent, uint32_t where,
                        uint64_t *ret_from, uint32_t *ret_skip)
{
        struct store_counts *c = &t->s->counts;
        const uint32_t children = parent->child_count;
        const uint32_t walk = where < children / 2 ? where : children - where;
        uint32_t skip = 0;
        if (walk <= 2 * c->length) /* the nearer end is near enough */
                return false;
        struct store_counted *l = list_of(c, parent->id.object);
        if (l && l->total != children) {
                forget(l);
                l = NULL;
        }
        if (!l)
                l = begin_list(c, parent->id.object, children);
        if (!l)
                return false;
        l->used = ++c->clock;
        uint32_t k = find(l, where, &skip);
        if (l->v[k].n >= 2 * c->length) {
                if (!cut(t, l, k)) {
                        forget(l);
                        return false;
                }
                k = find(l, where, &skip);
        }
        *ret_from = l->v[k].first;
        *ret_skip = skip;
        return true;
}
