#include "model/edit.h"

/* A copy of n elements with one gap opened (insert) or one left out (remove) at position `at`. NULL: arena
 * full. */
static void *resized(struct arena *a, const void *old, uint32_t n, size_t size, uint32_t at, bool insert)
{
        uint8_t *v = arena_zalloc(a, (size_t)n + insert, size);
        const uint8_t *from = old;
        if (!v)
                return NULL;
        if (at)
                memcpy(v, from, at * size);
        const uint32_t skip = insert ? 0 : 1;
        if (n - at > skip)
                memcpy(v + ((size_t)at + insert) * size, from + ((size_t)at + skip) * size,
                       (n - at - skip) * size);
        return v;
}

static enum ni_status set_values(struct proplist *l, struct arena *a, uint32_t prop, struct namelist values)
{
        struct property *v = arena_zalloc(a, l->n, sizeof(*v));
        if (!v)
                return NI_SYSTEMERR;
        memcpy(v, l->v, l->n * sizeof(*v));
        v[prop].values = values;
        l->v = v;
        return NI_OK;
}

enum ni_status edit_create_prop(struct proplist *l, struct arena *a, struct property p, uint32_t where)
{
        const uint32_t at = where < l->n ? where : l->n;
        if (l->n >= NI_PROPS_MAX)
                return NI_NOSPACE;
        struct property *v = resized(a, l->v, l->n, sizeof(*v), at, true);
        if (!v)
                return NI_SYSTEMERR;
        v[at] = p;
        *l = (struct proplist){v, l->n + 1};
        return NI_OK;
}

enum ni_status edit_destroy_prop(struct proplist *l, struct arena *a, uint32_t prop)
{
        if (prop >= l->n)
                return NI_NOPROP;
        struct property *v = resized(a, l->v, l->n, sizeof(*v), prop, false);
        if (!v)
                return NI_SYSTEMERR;
        *l = (struct proplist){v, l->n - 1};
        return NI_OK;
}

enum ni_status edit_rename_prop(struct proplist *l, struct arena *a, uint32_t prop, struct bytes name)
{
        if (prop >= l->n)
                return NI_NOPROP;
        enum ni_status s = set_values(l, a, prop, l->v[prop].values);
        if (s == NI_OK)
                l->v[prop].name = name;
        return s;
}

enum ni_status edit_write_prop(struct proplist *l, struct arena *a, uint32_t prop, struct namelist values)
{
        return prop >= l->n ? NI_NOPROP : set_values(l, a, prop, values);
}

enum ni_status edit_create_name(struct proplist *l, struct arena *a, uint32_t prop, struct bytes value,
                                uint32_t where)
{
        if (prop >= l->n)
                return NI_NOPROP;
        const struct namelist old = l->v[prop].values;
        const uint32_t at = where < old.n ? where : old.n;
        if (old.n >= NI_VALUES_MAX)
                return NI_NOSPACE;
        struct bytes *v = resized(a, old.v, old.n, sizeof(*v), at, true);
        if (!v)
                return NI_SYSTEMERR;
        v[at] = value;
        return set_values(l, a, prop, (struct namelist){v, old.n + 1});
}

enum ni_status edit_destroy_name(struct proplist *l, struct arena *a, uint32_t prop, uint32_t value)
{
        if (prop >= l->n)
                return NI_NOPROP;
        const struct namelist old = l->v[prop].values;
        if (value >= old.n)
                return NI_NONAME;
        struct bytes *v = resized(a, old.v, old.n, sizeof(*v), value, false);
        return v ? set_values(l, a, prop, (struct namelist){v, old.n - 1}) : NI_SYSTEMERR;
}

enum ni_status edit_write_name(struct proplist *l, struct arena *a, uint32_t prop, uint32_t index,
                               struct bytes value)
{
        if (prop >= l->n)
                return NI_NOPROP;
        const struct namelist old = l->v[prop].values;
        if (index >= old.n)
                return NI_NONAME;
        struct bytes *v = arena_zalloc(a, old.n, sizeof(*v));
        if (!v)
                return NI_SYSTEMERR;
        memcpy(v, old.v, old.n * sizeof(*v));
        v[index] = value;
        return set_values(l, a, prop, (struct namelist){v, old.n});
}

uint32_t checksum_term(struct ni_id id)
{
        return (id.object + 1) * id.instance;
}
