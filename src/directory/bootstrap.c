/* The first contents of a domain (protocol.md 6.5). */
#include "directory/internal.h"

static enum ni_status put_root(struct store_txn *t, struct arena *a, const char *tag, const char *host)
{
        struct proplist l = {0};
        struct ni_id id;
        struct buf b;
        const char *master = arena_printf(a, "%s/%s", host, tag);
        if (!master || !proplist_add_str(&l, a, "master", master))
                return NI_SYSTEMERR;
        enum ni_status s = dir_encode(l, &b);
        if (s == NI_OK)
                s = store_put_props(t, 0, buf_bytes(&b), &id);
        buf_done(&b);
        return s;
}

static enum ni_status add(struct store_txn *t, uint32_t parent, struct proplist l, struct ni_id *ret_child)
{
        struct ni_id self;
        struct buf b;
        enum ni_status s = dir_encode(l, &b);
        if (s == NI_OK)
                s = store_add_child(t, parent, buf_bytes(&b), NI_INDEX_NULL, NI_INDEX_NULL, ret_child, &self);
        buf_done(&b);
        return s;
}

static enum ni_status add_host(struct store_txn *t, struct arena *a, uint32_t machines, const char *tag,
                               const char *host, const char *const *addresses, unsigned n)
{
        struct proplist l = {0};
        struct ni_id id;
        const char *serves = arena_printf(a, "./%s", tag);
        struct bytes *v = arena_zalloc(a, n ? n : 1, sizeof(*v));
        if (!serves || !v)
                return NI_SYSTEMERR;
        v[0] = BYTES_LIT("127.0.0.1"); /* decision 8, when there is no other */
        for (unsigned i = 0; i < n; i++)
                v[i] = bytes_str(addresses[i]);
        if (!proplist_add_str(&l, a, "name", host) ||
            !proplist_add(&l, a, BYTES_LIT("ip_address"), v, n ? n : 1) ||
            !proplist_add_str(&l, a, "serves", serves))
                return NI_SYSTEMERR;
        return add(t, machines, l, &id);
}

enum ni_status dir_bootstrap(struct store_txn *t, struct arena *a, const char *tag, const char *host,
                             const char *const *addresses, unsigned n)
{
        struct proplist l = {0};
        struct ni_id machines;
        enum ni_status s = put_root(t, a, tag, host);
        if (s == NI_OK && !proplist_add_str(&l, a, "name", "machines"))
                s = NI_SYSTEMERR;
        if (s == NI_OK)
                s = add(t, 0, l, &machines);
        if (s == NI_OK)
                s = add_host(t, a, machines.object, tag, host, addresses, n);
        return s;
}
