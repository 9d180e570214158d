/* CREATE. */
#include "directory/internal.h"

enum ni_status dir_do_create(struct dir_request *rq, const struct ni_args *args)
{
        struct store_node parent;
        struct ni_id child, self;
        struct buf props;
        /* protocol.md 2.7: a clone obeys target_id, a master does not let clients choose */
        const bool wants = args->has_target && rq->policy->honour_target;
        enum ni_status s = dir_current(rq, args->id, &parent);
        if (s == NI_OK)
                s = dir_may_change(rq, parent.props);
        if (s != NI_OK)
                return s;
        s = dir_encode(args->props, &props);
        if (s == NI_OK)
                s = store_add_child(rq->txn, args->id.object, buf_bytes(&props), args->where,
                                    wants ? args->target.object : NI_INDEX_NULL, &child, &self);
        buf_done(&props);
        if (s != NI_OK)
                return s;
        xdr_put_u32(rq->out, NI_OK);
        xdr_put_id(rq->out, child); /* the new child, then the parent */
        xdr_put_id(rq->out, self);
        return NI_OK;
}
