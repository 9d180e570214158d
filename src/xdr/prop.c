#include "xdr/prop.h"

struct ni_id xdr_id(struct xdr_in *in)
{
        struct ni_id id;
        id.object = xdr_u32(in);
        id.instance = xdr_u32(in);
        return id;
}

static void *list_of(struct xdr_in *in, struct arena *a, uint32_t n, size_t size)
{
        void *p = arena_zalloc(a, n, size);
        if (!p)
                xdr_fail(in);
        return p;
}

struct namelist xdr_namelist(struct xdr_in *in, struct arena *a)
{
        struct namelist l = {NULL, xdr_count(in, NI_VALUES_MAX, 4)};
        l.v = list_of(in, a, l.n, sizeof(*l.v));
        for (uint32_t i = 0; i < l.n && !in->bad; i++)
                l.v[i] = xdr_name(in);
        return in->bad ? (struct namelist){NULL, 0} : l;
}

struct property xdr_property(struct xdr_in *in, struct arena *a)
{
        struct property p;
        p.name = xdr_name(in);
        p.values = xdr_namelist(in, a);
        return p;
}

struct proplist xdr_proplist(struct xdr_in *in, struct arena *a)
{
        struct proplist l = {NULL, xdr_count(in, NI_PROPS_MAX, 8)};
        l.v = list_of(in, a, l.n, sizeof(*l.v));
        for (uint32_t i = 0; i < l.n && !in->bad; i++)
                l.v[i] = xdr_property(in, a);
        return in->bad ? (struct proplist){NULL, 0} : l;
}

/* A name as we store it: no NUL inside, zero padding. */
static struct bytes exact_name(struct xdr_in *in)
{
        const struct bytes b = xdr_opaque(in, NI_NAME_MAX);
        if (bytes_find(b, 0) != b.len)
                xdr_fail(in);
        for (size_t i = b.len; !in->bad && i < xdr_padded(b.len); i++)
                if (b.data[i] != 0)
                        xdr_fail(in);
        return b;
}

struct bytes xdr_proplist_exact(struct xdr_in *in)
{
        const uint8_t *from = in->at;
        for (uint32_t n = xdr_count(in, NI_PROPS_MAX, 8); n && !in->bad; n--) {
                exact_name(in);
                for (uint32_t v = xdr_count(in, NI_VALUES_MAX, 4); v && !in->bad; v--)
                        exact_name(in);
        }
        return in->bad ? BYTES_NONE : bytes_of(from, (size_t)(in->at - from));
}

void xdr_put_id(struct buf *out, struct ni_id id)
{
        xdr_put_u32(out, id.object);
        xdr_put_u32(out, id.instance);
}

void xdr_put_namelist(struct buf *out, struct namelist l)
{
        xdr_put_u32(out, l.n);
        for (uint32_t i = 0; i < l.n; i++)
                xdr_put_opaque(out, l.v[i]);
}

void xdr_put_property(struct buf *out, struct property p)
{
        xdr_put_opaque(out, p.name);
        xdr_put_namelist(out, p.values);
}

void xdr_put_proplist(struct buf *out, struct proplist l)
{
        xdr_put_u32(out, l.n);
        for (uint32_t i = 0; i < l.n; i++)
                xdr_put_property(out, l.v[i]);
}

struct prop_walk prop_walk(struct bytes encoded)
{
        struct prop_walk w = {.in = xdr_in(encoded)};
        w.left = xdr_count(&w.in, NI_PROPS_MAX, 8);
        w.index = UINT32_MAX;
        return w;
}

bool prop_walk_next(struct prop_walk *w)
{
        if (w->in.bad || w->left == 0)
                return false;
        w->left--;
        w->index++;
        w->name = xdr_opaque(&w->in, NI_NAME_MAX);
        const uint8_t *from = w->in.at;
        w->count = xdr_count(&w->in, NI_VALUES_MAX, 4);
        for (uint32_t i = w->count; i && !w->in.bad; i--)
                xdr_opaque(&w->in, NI_NAME_MAX);
        if (w->in.bad)
                return false;
        w->values = bytes_of(from, (size_t)(w->in.at - from));
        return true;
}

bool prop_find(struct bytes encoded, struct bytes name, struct prop_walk *ret)
{
        struct prop_walk w = prop_walk(encoded);
        while (prop_walk_next(&w))
                if (bytes_eq(w.name, name)) {
                        *ret = w;
                        return true;
                }
        return false;
}

bool namelist_at(struct bytes encoded, uint32_t i, struct bytes *ret)
{
        struct xdr_in in = xdr_in(encoded);
        const uint32_t n = xdr_count(&in, NI_VALUES_MAX, 4);
        if (i >= n)
                return false;
        struct bytes b = BYTES_NONE;
        for (uint32_t k = 0; k <= i; k++)
                b = xdr_opaque(&in, NI_NAME_MAX);
        if (in.bad)
                return false;
        *ret = b;
        return true;
}

bool namelist_has(struct bytes encoded, struct bytes value)
{
        struct xdr_in in = xdr_in(encoded);
        for (uint32_t n = xdr_count(&in, NI_VALUES_MAX, 4); n && !in.bad; n--) {
                const struct bytes b = xdr_opaque(&in, NI_NAME_MAX);
                if (!in.bad && bytes_eq(b, value))
                        return true;
        }
        return false;
}

bool prop_first(struct bytes encoded, const char *name, struct bytes *ret)
{
        struct prop_walk w;
        *ret = BYTES_NONE;
        return prop_find(encoded, bytes_str(name), &w) && namelist_at(w.values, 0, ret);
}

struct property *proplist_get(const struct proplist *l, struct bytes name)
{
        for (uint32_t i = 0; i < l->n; i++)
                if (bytes_eq(l->v[i].name, name))
                        return &l->v[i];
        return NULL;
}

struct bytes proplist_first(const struct proplist *l, const char *name)
{
        const struct property *p = proplist_get(l, bytes_str(name));
        return p && p->values.n ? p->values.v[0] : BYTES_NONE;
}

bool proplist_add(struct proplist *l, struct arena *a, struct bytes name, const struct bytes *values,
                  uint32_t n)
{
        struct property *v = arena_zalloc(a, (size_t)l->n + 1, sizeof(*v));
        struct bytes *vals = arena_zalloc(a, n, sizeof(*vals));
        if (!v || !vals)
                return false;
        if (l->n)
                memcpy(v, l->v, l->n * sizeof(*v));
        if (n)
                memcpy(vals, values, n * sizeof(*vals));
        v[l->n] = (struct property){name, {vals, n}};
        l->v = v;
        l->n++;
        return true;
}

bool proplist_add_str(struct proplist *l, struct arena *a, const char *name, const char *value)
{
        const struct bytes v = bytes_str(value);
        return proplist_add(l, a, bytes_str(name), &v, 1);
}
