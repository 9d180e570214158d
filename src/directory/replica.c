/* Who is the master of this domain, as its root says (protocol.md 1.4, 5.1). */
#include "directory/internal.h"

enum ni_status dir_set_master(struct store_txn *t, struct arena *a, const char *host, const char *tag)
{
        struct store_node root;
        struct ni_id id;
        struct buf b;
        struct bytes now;
        const char *master = arena_printf(a, "%s/%s", host, tag);
        enum ni_status s = master ? store_get(t, 0, &root) : NI_SYSTEMERR;
        if (s != NI_OK || (prop_first(root.props, "master", &now) && bytes_eq_str(now, master)))
                return s;
        struct xdr_in in = xdr_in(arena_bytes(a, root.props));
        struct proplist l = xdr_proplist(&in, a);
        struct property *p = proplist_get(&l, BYTES_LIT("master"));
        struct bytes *value = arena_zalloc(a, 1, sizeof(*value));
        if (!xdr_ok(&in) || !value)
                return NI_SYSTEMERR;
        *value = bytes_str(master);
        if (p)
                p->values = (struct namelist){.v = value, .n = 1};
        else if (!proplist_add(&l, a, BYTES_LIT("master"), value, 1))
                return NI_SYSTEMERR;
        s = dir_encode(l, &b);
        if (s == NI_OK)
                s = store_put_props(t, 0, buf_bytes(&b), &id);
        buf_done(&b);
        return s;
}

static struct bytes address_of_host(struct dir_request *rq, struct bytes host)
{
        struct store_node machines, m;
        struct bytes text;
        if (dir_top(rq->txn, "machines", &machines) != NI_OK ||
            dir_child(rq->txn, machines.id.object, "name", host, &m) != NI_OK ||
            !prop_first(m.props, "ip_address", &text))
                return BYTES_NONE;
        return arena_bytes(rq->arena, text);
}

enum ni_status dir_get_master(struct dir_request *rq, struct bytes *ret_host, struct bytes *ret_tag,
                              struct bytes *ret_address)
{
        bool present;
        const struct bytes v = dir_root_option(rq, "master", NULL, &present);
        const size_t slash = bytes_find(v, '/');
        if (slash >= v.len)
                return NI_NODIR;
        *ret_host = bytes_sub(v, 0, slash);
        *ret_tag = bytes_sub(v, slash + 1, v.len);
        *ret_address = address_of_host(rq, *ret_host);
        return NI_OK;
}

struct store_record dir_store_record(const struct ext_record *from)
{
        return (struct store_record){.kind = from->kind,
                                     .object = from->object,
                                     .born = from->born,
                                     .instance = from->instance,
                                     .parent = from->parent,
                                     .ordinal = from->ordinal,
                                     .has_before = from->has_before,
                                     .has_after = from->has_after,
                                     .before = from->before,
                                     .after = from->after};
}
