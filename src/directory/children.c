/* CHILDREN, LIST, LISTALL: what stands below a directory, in child order. Lists end early when the reply does
 * not fit; dispatch.c then answers NI_SYSTEMERR. */
#include "directory/internal.h"

enum ni_status dir_do_children(struct dir_request *rq, const struct ni_args *args)
{
        struct store_node node;
        const enum ni_status s = store_get(rq->txn, args->id.object, &node);
        if (s != NI_OK)
                return s;
        xdr_put_u32(rq->out, NI_OK);
        const size_t count = dir_count_open(rq->out);
        struct store_walk w;
        uint32_t n = 0;
        store_children(rq->txn, node.id.object, STORE_FROM_START, &w);
        for (; !rq->out->failed && store_next(&w); n++)
                xdr_put_u32(rq->out, w.child);
        store_end(&w);
        dir_count_close(rq->out, count, n);
        xdr_put_id(rq->out, node.id);
        return w.status;
}

/* protocol.md 2.7, LIST: absent when the child lacks the property, or has it without values. */
static void put_entry(struct dir_request *rq, uint32_t object, struct bytes props, struct bytes name)
{
        struct prop_walk p;
        const bool has = prop_find(props, name, &p) && p.count > 0;
        xdr_put_u32(rq->out, object);
        xdr_put_bool(rq->out, has);
        if (has)
                dir_put_values(rq, &p);
}

enum ni_status dir_do_list(struct dir_request *rq, const struct ni_args *args)
{
        struct store_node node, child;
        const enum ni_status s = store_get(rq->txn, args->id.object, &node);
        if (s != NI_OK)
                return s;
        xdr_put_u32(rq->out, NI_OK);
        const size_t count = dir_count_open(rq->out);
        struct store_walk w;
        uint32_t n = 0;
        store_children(rq->txn, node.id.object, STORE_FROM_START, &w);
        for (; !rq->out->failed && store_next(&w); n++) {
                /* an unreadable child yields id 0, names absent */
                if (store_get(rq->txn, w.child, &child) == NI_OK)
                        put_entry(rq, w.child, child.props, args->value);
                else
                        put_entry(rq, 0, BYTES_NONE, args->value);
        }
        store_end(&w);
        dir_count_close(rq->out, count, n);
        xdr_put_id(rq->out, node.id);
        return w.status;
}

enum ni_status dir_do_listall(struct dir_request *rq, const struct ni_args *args)
{
        struct store_node node, child;
        const enum ni_status s = store_get(rq->txn, args->id.object, &node);
        if (s != NI_OK)
                return s;
        xdr_put_u32(rq->out, NI_OK);
        xdr_put_id(rq->out, node.id);
        const size_t count = dir_count_open(rq->out);
        struct store_walk w;
        uint32_t n = 0;
        store_children(rq->txn, node.id.object, STORE_FROM_START, &w);
        for (; !rq->out->failed && store_next(&w); n++) {
                /* an unreadable child keeps its place with an empty list, so that places agree with CHILDREN
                 */
                if (store_get(rq->txn, w.child, &child) == NI_OK)
                        dir_put_props(rq, child.props);
                else
                        xdr_put_u32(rq->out, 0);
        }
        store_end(&w);
        dir_count_close(rq->out, count, n);
        return w.status;
}
