#include "directory/internal.h"

#include "base/limits.h"

void dir_answer_id(struct dir_request *rq, struct ni_id id)
{
        xdr_put_u32(rq->out, NI_OK);
        xdr_put_id(rq->out, id);
}

void dir_put_props(struct dir_request *rq, struct bytes props)
{
        if (dir_hides(rq))
                access_redact(props, rq->out);
        else
                buf_put(rq->out, props);
}

void dir_put_values(struct dir_request *rq, const struct prop_walk *w)
{
        if (!dir_hides_prop(rq, w->name)) {
                buf_put(rq->out, w->values);
                return;
        }
        xdr_put_u32(rq->out, w->count);
        for (uint32_t i = 0; i < w->count; i++)
                xdr_put_opaque(rq->out, BYTES_LIT("*"));
}

size_t dir_count_open(struct buf *out)
{
        const size_t at = out->len;
        xdr_put_u32(out, 0);
        return at;
}

void dir_count_close(struct buf *out, size_t at, uint32_t n)
{
        if (!out->failed)
                xdr_store(out->data + at, n);
}

enum ni_status dir_current(struct dir_request *rq, struct ni_id id, struct store_node *ret)
{
        struct store_node node;
        const enum ni_status s = store_get(rq->txn, id.object, &node);
        if (s != NI_OK)
                return s;
        if (node.id.instance != id.instance)
                return NI_STALE;
        *ret = node;
        return NI_OK;
}

enum ni_status dir_may_change(const struct dir_request *rq, struct bytes props)
{
        if (access_locked(props)) /* doc/decisions/0003-locked.md: before NI_PERM, and for everybody */
                return NI_RDONLY;
        return access_dir(rq->caller, props) ? NI_OK : NI_PERM;
}

enum ni_status dir_may_set(const struct dir_request *rq, struct bytes props, struct bytes prop)
{
        if (access_locked(props))
                return NI_RDONLY;
        return access_value(rq->caller, props, prop) ? NI_OK : NI_PERM;
}

enum ni_status dir_may_rename(const struct dir_request *rq, struct bytes props, struct bytes from,
                              struct bytes to)
{
        const enum ni_status s = dir_may_change(rq, props);
        if (s == NI_OK && dir_hides_prop(rq, from) && !access_secret(to))
                return NI_PERM; /* under another name the caller could read it */
        return s;
}

enum ni_status dir_target_decode(struct arena *a, const struct store_node *node, struct dir_target *ret)
{
        struct xdr_in in = xdr_in(node->props);
        struct dir_target t = {.node = *node};
        t.props = xdr_proplist(&in, a);
        if (!xdr_end(&in)) /* damaged, or the arena is full */
                return NI_SYSTEMERR;
        *ret = t;
        return NI_OK;
}

enum ni_status dir_target_open(struct dir_request *rq, struct ni_id id, struct dir_target *ret)
{
        struct store_node node;
        const enum ni_status s = dir_current(rq, id, &node);
        return s == NI_OK ? dir_target_decode(rq->arena, &node, ret) : s;
}

enum ni_status dir_encode(struct proplist l, struct buf *out)
{
        buf_init(out, LIMIT_NODE);
        xdr_put_proplist(out, l);
        return out->failed ? NI_NOSPACE : NI_OK;
}

enum ni_status dir_target_store(struct dir_request *rq, const struct dir_target *t, struct ni_id *ret_id)
{
        struct buf b;
        enum ni_status s = dir_encode(t->props, &b);
        if (s == NI_OK)
                s = store_put_props(rq->txn, t->node.id.object, buf_bytes(&b), ret_id);
        buf_done(&b);
        return s;
}

enum ni_status dir_target_answer(struct dir_request *rq, const struct dir_target *t)
{
        struct ni_id id;
        const enum ni_status s = dir_target_store(rq, t, &id);
        if (s == NI_OK)
                dir_answer_id(rq, id);
        return s;
}

enum ni_status dir_child(struct store_txn *t, uint32_t parent, const char *key, struct bytes value,
                         struct store_node *ret)
{
        struct store_walk w;
        store_lookup(t, parent, bytes_str(key), value, STORE_FROM_START, &w);
        const bool found = store_next(&w);
        const uint32_t object = w.child;
        store_end(&w);
        if (w.status != NI_OK)
                return w.status;
        return found ? store_get(t, object, ret) : NI_NODIR;
}

enum ni_status dir_top(struct store_txn *t, const char *name, struct store_node *ret)
{
        return dir_child(t, 0, "name", bytes_str(name), ret);
}

bool dir_values(struct arena *a, struct bytes props, const char *name, struct namelist *ret)
{
        struct prop_walk w;
        struct namelist l = {0};
        if (prop_find(props, bytes_str(name), &w)) {
                const struct bytes copy = arena_bytes(a, w.values);
                struct xdr_in in = xdr_in(copy);
                l = xdr_namelist(&in, a);
                if (!xdr_ok(&in))
                        return false;
        }
        *ret = l;
        return true;
}
