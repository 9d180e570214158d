#include "tools/log_diff.h"

#include "model/access.h"

#include <stdlib.h>

struct flat {
        struct diff_line *v;
        uint32_t n;
};

/* Number of lines of a list: its values, and one for each property without. */
static bool count(struct bytes encoded, uint64_t *ret)
{
        struct prop_walk w = prop_walk(encoded);
        *ret = 0;
        while (prop_walk_next(&w))
                *ret += w.count ? w.count : 1;
        return !w.in.bad && *ret < UINT32_MAX;
}

static bool flatten(struct bytes encoded, struct arena *a, struct flat *ret)
{
        uint64_t n;
        *ret = (struct flat){0};
        if (encoded.len == 0)
                return true;
        if (!count(encoded, &n) || !(ret->v = arena_zalloc(a, (size_t)n, sizeof(*ret->v))))
                return false;
        struct prop_walk w = prop_walk(encoded);
        while (prop_walk_next(&w)) {
                struct xdr_in values = xdr_in(w.values);
                const bool secret = access_secret(w.name);
                xdr_u32(&values);
                for (uint32_t i = 0; i < (w.count ? w.count : 1); i++) {
                        ret->v[ret->n] = (struct diff_line){
                                .name = w.name, .has_value = w.count > 0, .secret = secret, .place = ret->n};
                        if (w.count)
                                ret->v[ret->n].value = xdr_opaque(&values, NI_NAME_MAX);
                        ret->n++;
                }
        }
        return true;
}

static int order_bytes(struct bytes a, struct bytes b)
{
        const size_t least = a.len < b.len ? a.len : b.len;
        const int c = least ? memcmp(a.data, b.data, least) : 0;
        return c ? c : (a.len > b.len) - (a.len < b.len);
}

static int same_line(const void *x, const void *y)
{
        const struct diff_line *a = x, *b = y;
        int c = order_bytes(a->name, b->name);
        if (!c)
                c = (int)a->has_value - (int)b->has_value;
        return c ? c : order_bytes(a->value, b->value);
}

static int by_line(const void *x, const void *y)
{
        const struct diff_line *a = x, *b = y;
        const int c = same_line(x, y);
        return c ? c : (a->place > b->place) - (a->place < b->place);
}

static int by_place(const void *x, const void *y)
{
        const struct diff_line *a = x, *b = y;
        return (a->place > b->place) - (a->place < b->place);
}

/* A secret property is one line, however many values of it differ. */
static uint32_t fold_secrets(struct diff_line *v, uint32_t n)
{
        struct bytes seen[16]; /* more than there are secret names */
        uint32_t kept = 0, names = 0;
        for (uint32_t i = 0; i < n; i++) {
                uint32_t k = 0;
                while (v[i].secret && k < names && !bytes_eq(seen[k], v[i].name))
                        k++;
                if (v[i].secret && k < names)
                        continue;
                if (v[i].secret && names < sizeof(seen) / sizeof(seen[0]))
                        seen[names++] = v[i].name;
                v[kept++] = v[i];
        }
        return kept;
}

static void sort(struct flat f, int (*order)(const void *, const void *))
{
        if (f.n > 1)
                qsort(f.v, f.n, sizeof(*f.v), order);
}

bool diff_lists(struct bytes before, struct bytes after, struct arena *a, struct diff *ret)
{
        struct flat old, new;
        if (!flatten(before, a, &old) || !flatten(after, a, &new))
                return false;
        struct flat removed = {arena_zalloc(a, old.n, sizeof(*old.v)), 0};
        struct flat added = {arena_zalloc(a, new.n, sizeof(*new.v)), 0};
        if (!removed.v || !added.v)
                return false;
        bool secret = false;
        for (uint32_t i = 0; i < new.n; i++)
                secret |= new.v[i].secret;
        sort(old, by_line);
        sort(new, by_line);
        for (uint32_t i = 0, k = 0; i < old.n || k < new.n;) {
                const int c = i == old.n ? 1 : k == new.n ? -1 : same_line(&old.v[i], &new.v[k]);
                if (c < 0)
                        removed.v[removed.n++] = old.v[i++];
                else if (c > 0)
                        added.v[added.n++] = new.v[k++];
                else
                        i++, k++;
        }
        sort(removed, by_place);
        sort(added, by_place);
        *ret = (struct diff){.removed = removed.v,
                             .added = added.v,
                             .removed_count = fold_secrets(removed.v, removed.n),
                             .added_count = fold_secrets(added.v, added.n)};
        if (removed.n == 0 && added.n == 0) {
                ret->order = !bytes_eq(before, after);
                ret->hidden = !ret->order && secret;
        }
        return true;
}
