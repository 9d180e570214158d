/* LOOKUP, LOOKUPREAD: children whose first property `key` contains `value` (protocol.md 2.7). */
#include "directory/internal.h"

enum ni_status dir_do_lookup(struct dir_request *rq, const struct ni_args *args)
{
        struct store_node node;
        const enum ni_status s = store_get(rq->txn, args->id.object, &node);
        if (s != NI_OK)
                return s;
        if (dir_hides_prop(rq, args->key)) /* decision 6: what is hidden is not found either */
                return NI_NODIR;
        xdr_put_u32(rq->out, NI_OK);
        const size_t count = dir_count_open(rq->out);
        struct store_walk w;
        uint32_t n = 0;
        store_lookup(rq->txn, node.id.object, args->key, args->value, STORE_FROM_START, &w);
        for (; !rq->out->failed && store_next(&w); n++)
                xdr_put_u32(rq->out, w.child);
        store_end(&w);
        dir_count_close(rq->out, count, n);
        xdr_put_id(rq->out, node.id); /* the searched directory, never a hit */
        if (w.status == NI_OK && n == 0)
                return NI_NODIR; /* never an empty list */
        return w.status;
}

enum ni_status dir_do_lookupread(struct dir_request *rq, const struct ni_args *args)
{
        struct store_node node, hit;
        struct store_walk w;
        enum ni_status s = store_get(rq->txn, args->id.object, &node);
        if (s != NI_OK)
                return s;
        if (dir_hides_prop(rq, args->key))
                return NI_NODIR;
        store_lookup(rq->txn, node.id.object, args->key, args->value, STORE_FROM_START, &w);
        const bool found = store_next(&w);
        const uint32_t object = w.child;
        store_end(&w);
        s = w.status != NI_OK ? w.status : found ? store_get(rq->txn, object, &hit) : NI_NODIR;
        if (s != NI_OK)
                return s;
        xdr_put_u32(rq->out, NI_OK);
        xdr_put_id(rq->out, node.id); /* of the searched directory: the hit's is not disclosed */
        dir_put_props(rq, hit.props);
        return NI_OK;
}
