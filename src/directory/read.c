/* READ, LISTPROPS, READPROP, READNAME: what one directory holds. */
#include "directory/internal.h"

enum ni_status dir_do_read(struct dir_request *rq, const struct ni_args *args)
{
        struct store_node node;
        const enum ni_status s = store_get(rq->txn, args->id.object, &node);
        if (s != NI_OK)
                return s;
        xdr_put_u32(rq->out, NI_OK);
        xdr_put_id(rq->out, node.id);
        dir_put_props(rq, node.props);
        return NI_OK;
}

enum ni_status dir_do_listprops(struct dir_request *rq, const struct ni_args *args)
{
        struct store_node node;
        const enum ni_status s = store_get(rq->txn, args->id.object, &node);
        if (s != NI_OK)
                return s;
        struct prop_walk w = prop_walk(node.props);
        xdr_put_u32(rq->out, NI_OK);
        xdr_put_u32(rq->out, w.left);
        while (prop_walk_next(&w))
                xdr_put_opaque(rq->out, w.name);
        xdr_put_id(rq->out, node.id);
        return w.in.bad ? NI_SYSTEMERR : NI_OK;
}

/* The property at a position. NI_NODIR, NI_NOPROP. */
static enum ni_status property_at(struct dir_request *rq, const struct ni_args *args, struct store_node *node,
                                  struct prop_walk *ret)
{
        const enum ni_status s = store_get(rq->txn, args->id.object, node);
        if (s != NI_OK)
                return s;
        struct prop_walk w = prop_walk(node->props);
        while (prop_walk_next(&w))
                if (w.index == args->prop_index) {
                        *ret = w;
                        return NI_OK;
                }
        return w.in.bad ? NI_SYSTEMERR : NI_NOPROP;
}

enum ni_status dir_do_readprop(struct dir_request *rq, const struct ni_args *args)
{
        struct store_node node;
        struct prop_walk w;
        const enum ni_status s = property_at(rq, args, &node, &w);
        if (s != NI_OK)
                return s;
        xdr_put_u32(rq->out, NI_OK);
        dir_put_values(rq, &w);
        xdr_put_id(rq->out, node.id);
        return NI_OK;
}

enum ni_status dir_do_readname(struct dir_request *rq, const struct ni_args *args)
{
        struct store_node node;
        struct prop_walk w;
        struct bytes value;
        const enum ni_status s = property_at(rq, args, &node, &w);
        if (s != NI_OK)
                return s;
        if (!namelist_at(w.values, args->name_index, &value))
                return NI_NONAME;
        xdr_put_u32(rq->out, NI_OK);
        xdr_put_id(rq->out, node.id); /* id first here, protocol.md 2.1 */
        xdr_put_opaque(rq->out, dir_hides_prop(rq, w.name) ? BYTES_LIT("*") : value);
        return NI_OK;
}
