/* /machines and its `serves` values (protocol.md 4.1): who may bind, who serves this domain; and options of
 * the root directory (1.4). */
#include "directory/internal.h"

#include <stdio.h>

static const char *dotted(uint32_t addr, char to[16])
{
        snprintf(to, 16, "%u.%u.%u.%u", addr >> 24, addr >> 16 & 255, addr >> 8 & 255, addr & 255);
        return to;
}

/* Splits `domain/tag` at the first slash. False: no slash, to be ignored. */
static bool split_serves(struct bytes v, struct bytes *ret_domain, struct bytes *ret_tag)
{
        const size_t slash = bytes_find(v, '/');
        *ret_domain = bytes_sub(v, 0, slash);
        *ret_tag = bytes_sub(v, slash + 1, v.len);
        return slash < v.len;
}

/* Does `serves` of this machine say that it is a child domain's server with this tag? */
static bool serves_child(struct bytes props, struct bytes tag)
{
        struct prop_walk w;
        struct bytes v, domain, t;
        if (!prop_find(props, BYTES_LIT("serves"), &w))
                return false;
        struct xdr_in in = xdr_in(w.values);
        for (uint32_t n = xdr_count(&in, NI_VALUES_MAX, 4); n && xdr_ok(&in); n--) {
                v = xdr_opaque(&in, NI_NAME_MAX);
                if (split_serves(v, &domain, &t) && bytes_eq(t, tag) && !bytes_eq_str(domain, ".") &&
                    !bytes_eq_str(domain, ".."))
                        return true;
        }
        return false;
}

enum ni_status dir_bind(struct dir_request *rq, struct bytes tag, uint32_t addr)
{
        struct store_node machines, m;
        char text[16];
        enum ni_status s = dir_top(rq->txn, "machines", &machines);
        if (s == NI_OK) /* 4.4: the first child with that address, and no other */
                s = dir_child(rq->txn, machines.id.object, "ip_address", bytes_str(dotted(addr, text)), &m);
        if (s == NI_OK && !serves_child(m.props, tag))
                s = NI_NODIR;
        return s;
}

/* Is there a `./tag` among the values of `serves`? */
static bool serves_here(struct bytes props)
{
        struct prop_walk w;
        struct bytes v;
        if (!prop_find(props, BYTES_LIT("serves"), &w))
                return false;
        struct xdr_in in = xdr_in(w.values);
        for (uint32_t n = xdr_count(&in, NI_VALUES_MAX, 4); n && xdr_ok(&in); n--) {
                v = xdr_opaque(&in, NI_NAME_MAX);
                if (bytes_starts(v, "./"))
                        return true;
        }
        return false;
}

/* Does one of the children of /machines with this value of this property serve this domain? */
static bool any_serves_here(struct dir_request *rq, struct bytes key, struct bytes value)
{
        struct store_node machines, m;
        struct store_walk w;
        bool found = false;
        if (dir_top(rq->txn, "machines", &machines) != NI_OK)
                return false;
        store_lookup(rq->txn, machines.id.object, key, value, STORE_FROM_START, &w);
        while (!found && store_next(&w))
                found = store_get(rq->txn, w.child, &m) == NI_OK && serves_here(m.props);
        store_end(&w);
        return found;
}

bool dir_is_replica(struct dir_request *rq, uint32_t addr)
{
        char text[16];
        return any_serves_here(rq, BYTES_LIT("ip_address"), bytes_str(dotted(addr, text)));
}

bool dir_is_replica_named(struct dir_request *rq, struct bytes name)
{
        return any_serves_here(rq, BYTES_LIT("name"), name);
}

/* Every combination of this machine's addresses (`most` of them) and its `./tag` values, appended as
 * `ip/tag`. */
static enum ni_status add_servers(struct arena *a, struct bytes props, uint32_t most, struct namelist *l,
                                  uint32_t *room)
{
        struct namelist addresses, serves;
        if (!serves_here(props))
                return NI_OK;
        if (!dir_values(a, props, "ip_address", &addresses) || !dir_values(a, props, "serves", &serves))
                return NI_SYSTEMERR;
        for (uint32_t i = 0; i < addresses.n && i < most; i++)
                for (uint32_t k = 0; k < serves.n && l->n < NI_VALUES_MAX; k++) {
                        if (!bytes_starts(serves.v[k], "./"))
                                continue;
                        if (l->n == *room) {
                                const uint32_t more = *room ? *room * 2 : 16;
                                struct bytes *v = arena_zalloc(a, more, sizeof(*v));
                                if (!v)
                                        return NI_SYSTEMERR;
                                if (l->n)
                                        memcpy(v, l->v, l->n * sizeof(*v));
                                l->v = v;
                                *room = more;
                        }
                        const struct bytes tag = bytes_sub(serves.v[k], 2, NI_NAME_MAX);
                        const char *text =
                                arena_printf(a, "%.*s/%.*s", BYTES_FMT(addresses.v[i]), BYTES_FMT(tag));
                        if (!text)
                                return NI_SYSTEMERR;
                        l->v[l->n++] = bytes_str(text);
                }
        return NI_OK;
}

static enum ni_status servers(struct dir_request *rq, uint32_t most, struct namelist *ret)
{
        struct store_node machines, m;
        struct store_walk w;
        struct namelist l = {0};
        uint32_t room = 0;
        enum ni_status s = dir_top(rq->txn, "machines", &machines);
        if (s == NI_OK) {
                store_children(rq->txn, machines.id.object, STORE_FROM_START, &w);
                while (s == NI_OK && store_next(&w))
                        if (store_get(rq->txn, w.child, &m) == NI_OK)
                                s = add_servers(rq->arena, m.props, most, &l, &room);
                store_end(&w);
                if (s == NI_OK)
                        s = w.status;
        }
        if (s == NI_NODIR)
                s = NI_OK;
        if (s == NI_OK)
                *ret = l;
        return s;
}

/* The first value of `serves` that begins with "../", and the first address. */
static bool read_parent(struct arena *a, struct bytes props, struct dir_parent *ret)
{
        struct prop_walk w;
        struct bytes v, address;
        if (!prop_find(props, BYTES_LIT("serves"), &w) || !prop_first(props, "ip_address", &address))
                return false;
        struct xdr_in in = xdr_in(w.values);
        for (uint32_t n = xdr_count(&in, NI_VALUES_MAX, 4); n && xdr_ok(&in); n--) {
                v = xdr_opaque(&in, NI_NAME_MAX);
                if (!bytes_starts(v, "../"))
                        continue;
                *ret = (struct dir_parent){arena_bytes(a, address), arena_bytes(a, bytes_sub(v, 3, v.len))};
                return true;
        }
        return false;
}

enum ni_status dir_parents(struct dir_request *rq, uint32_t most, struct dir_parent **ret,
                           uint32_t *ret_count)
{
        struct store_node machines, m;
        struct store_walk w;
        uint32_t n = 0;
        struct dir_parent *list = arena_zalloc(rq->arena, most, sizeof(*list));
        enum ni_status s = list ? dir_top(rq->txn, "machines", &machines) : NI_SYSTEMERR;
        if (s == NI_OK) {
                store_children(rq->txn, machines.id.object, STORE_FROM_START, &w);
                while (n < most && store_next(&w))
                        if (store_get(rq->txn, w.child, &m) == NI_OK &&
                            read_parent(rq->arena, m.props, &list[n]))
                                n++;
                store_end(&w);
                s = w.status;
        } else if (s == NI_NODIR) {
                s = NI_OK;
        }
        if (s == NI_OK && rq->arena->failed)
                s = NI_SYSTEMERR;
        if (s == NI_OK) {
                *ret = list;
                *ret_count = n;
        }
        return s;
}

enum ni_status dir_servers(struct dir_request *rq, struct namelist *ret)
{
        return servers(rq, UINT32_MAX, ret);
}

enum ni_status dir_replicas(struct dir_request *rq, struct namelist *ret)
{
        return servers(rq, 1, ret);
}

struct bytes dir_root_option(struct dir_request *rq, const char *name, struct namelist *all,
                             bool *ret_present)
{
        struct store_node root;
        struct prop_walk w;
        struct namelist l = {0};
        const bool have = store_get(rq->txn, 0, &root) == NI_OK && prop_find(root.props, bytes_str(name), &w);
        if (have && !dir_values(rq->arena, root.props, name, &l))
                l = (struct namelist){0};
        *ret_present = have;
        if (all)
                *all = l;
        return l.n ? l.v[0] : BYTES_NONE;
}
