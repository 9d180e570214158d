/* What becomes of a record when an item of a file meets it (doc/tools.md 5.1). */
#include "flat/flat-internal.h"

#include <stdlib.h>

struct numbered {
        struct bytes value;
        uint32_t at;
        bool repeated;
};

static int by_value(const void *x, const void *y)
{
        const struct numbered *a = x, *b = y;
        const size_t n = a->value.len < b->value.len ? a->value.len : b->value.len;
        const int d = n ? memcmp(a->value.data, b->value.data, n) : 0;
        if (d)
                return d;
        if (a->value.len != b->value.len)
                return a->value.len < b->value.len ? -1 : 1;
        return a->at < b->at ? -1 : 1;
}

static int by_place(const void *x, const void *y)
{
        const struct numbered *a = x, *b = y;
        return a->at < b->at ? -1 : 1;
}

/* By sorting: a group of 60,000 members costs no quadratic search. */
struct namelist flat_union(struct namelist x, struct namelist y, struct arena *a)
{
        const size_t total = (size_t)x.n + y.n;
        struct namelist l = {arena_zalloc(a, total, sizeof(*l.v)), 0};
        struct numbered *v = arena_zalloc(a, total, sizeof(*v));
        if (!l.v || !v)
                return (struct namelist){NULL, 0};
        for (uint32_t i = 0; i < total; i++)
                v[i] = (struct numbered){i < x.n ? x.v[i] : y.v[i - x.n], i, false};
        qsort(v, total, sizeof(*v), by_value);
        for (size_t i = 1; i < total; i++)
                v[i].repeated = bytes_eq(v[i].value, v[i - 1].value);
        qsort(v, total, sizeof(*v), by_place);
        for (size_t i = 0; i < total; i++)
                if (!v[i].repeated)
                        l.v[l.n++] = v[i].value;
        return l;
}

struct placed {
        struct property p;
        uint32_t at;
};

static int by_name(const void *x, const void *y)
{
        const struct placed *a = x, *b = y;
        const struct bytes p = a->p.name, q = b->p.name;
        const size_t n = p.len < q.len ? p.len : q.len;
        const int d = n ? memcmp(p.data, q.data, n) : 0;
        if (d)
                return d;
        if (p.len != q.len)
                return p.len < q.len ? -1 : 1;
        return a->at < b->at ? -1 : 1;
}

bool flat_sort(struct proplist *l, struct arena *a)
{
        struct placed *v = arena_zalloc(a, l->n, sizeof(*v));
        uint32_t n = 0;
        if (!v)
                return false;
        for (uint32_t i = 0; i < l->n; i++)
                v[i] = (struct placed){l->v[i], i};
        qsort(v, l->n, sizeof(*v), by_name);
        for (uint32_t i = 0; i < l->n; i++)
                if (i == 0 || !bytes_eq(v[i].p.name, v[i - 1].p.name))
                        l->v[n++] = v[i].p;
        l->n = n;
        return true;
}

static bool has(const struct proplist *l, struct bytes key)
{
        return proplist_get(l, key) != NULL;
}

/* All keys of a new record, ascending. */
static bool fresh(const struct flat_item *item, struct arena *a, struct proplist *ret)
{
        struct proplist l = {arena_zalloc(a, (size_t)item->props.n + item->initial.n, sizeof(*l.v)), 0};
        if (!l.v)
                return false;
        for (uint32_t i = 0; i < item->props.n; i++)
                l.v[l.n++] = item->props.v[i];
        for (uint32_t i = 0; i < item->initial.n; i++)
                l.v[l.n++] = item->initial.v[i];
        if (!flat_sort(&l, a))
                return false;
        *ret = l;
        return true;
}

/* niload -m: the item's keys first, each with the old values behind the new ones; then the other old keys. */
static bool merge_values(const struct proplist *old, const struct flat_item *item, struct arena *a,
                         struct proplist *ret)
{
        struct proplist all;
        if (!fresh(item, a, &all))
                return false;
        struct proplist l = {arena_zalloc(a, (size_t)old->n + all.n, sizeof(*l.v)), 0};
        if (!l.v)
                return false;
        for (uint32_t i = 0; i < all.n; i++) {
                const struct property *before = proplist_get(old, all.v[i].name);
                l.v[l.n] = all.v[i];
                if (before && has(&item->props, all.v[i].name))
                        l.v[l.n].values = flat_union(all.v[i].values, before->values, a);
                else if (before)
                        l.v[l.n].values = before->values;
                l.n++;
        }
        for (uint32_t i = 0; i < old->n; i++)
                if (!has(&all, old->v[i].name))
                        l.v[l.n++] = old->v[i];
        *ret = l;
        return !a->failed;
}

/* One old property under FLAT_OWNED or FLAT_UPDATE: what it becomes, or false: it goes. */
static bool keep(const struct flat_format *f, enum flat_mode mode, const struct flat_item *item,
                 struct arena *a, struct property *p)
{
        const struct property *now = proplist_get(&item->props, p->name);
        if (!now) {
                if (mode == FLAT_UNITE || !flat_owns(f, p->name) || has(&item->initial, p->name))
                        return true;
                return mode == FLAT_UPDATE && (!f->owned || flat_is_list(p->name));
        }
        if (mode == FLAT_UNITE || (mode == FLAT_UPDATE && flat_is_list(p->name)))
                p->values = flat_union(p->values, now->values, a);
        else
                p->values = now->values;
        return true;
}

static bool update(const struct flat_format *f, enum flat_mode mode, const struct proplist *old,
                   const struct flat_item *item, struct arena *a, struct proplist *ret)
{
        struct proplist all = item->props;
        if (mode == FLAT_OWNED && !fresh(item, a, &all))
                return false;
        struct proplist l = {arena_zalloc(a, (size_t)old->n + all.n, sizeof(*l.v)), 0};
        if (!l.v)
                return false;
        for (uint32_t i = 0; i < old->n; i++) {
                struct property p = old->v[i];
                /* A second property of the same name is not looked at by anybody: it stays as it is. */
                if (proplist_get(old, p.name) != &old->v[i] || keep(f, mode, item, a, &p))
                        l.v[l.n++] = p;
        }
        for (uint32_t i = 0; i < all.n; i++)
                if (!has(old, all.v[i].name))
                        l.v[l.n++] = all.v[i];
        *ret = l;
        return !a->failed;
}

bool flat_apply(const struct flat_format *f, enum flat_mode mode, const struct proplist *old,
                const struct flat_item *item, struct arena *a, struct proplist *ret)
{
        if (!old || mode == FLAT_REPLACE_ALL)
                return fresh(item, a, ret);
        if (mode == FLAT_MERGE_VALUES)
                return merge_values(old, item, a, ret);
        return update(f, mode, old, item, a, ret);
}

bool flat_same(const struct proplist *a, const struct proplist *b)
{
        if (a->n != b->n)
                return false;
        for (uint32_t i = 0; i < a->n; i++) {
                const struct property *p = &a->v[i], *q = &b->v[i];
                if (!bytes_eq(p->name, q->name) || p->values.n != q->values.n)
                        return false;
                for (uint32_t k = 0; k < p->values.n; k++)
                        if (!bytes_eq(p->values.v[k], q->values.v[k]))
                                return false;
        }
        return true;
}
