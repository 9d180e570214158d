/* DESTROY. */
#include "directory/internal.h"

/* Checks after the parent's, in the order of protocol.md 2.7. A child without record is for the store to find
 * in the parent's list. */
static enum ni_status check_child(struct dir_request *rq, struct ni_id id, uint32_t parent)
{
        struct store_node child;
        const enum ni_status s = store_get(rq->txn, id.object, &child);
        if (s == NI_NODIR)
                return NI_OK;
        if (s != NI_OK)
                return s;
        if (child.id.instance != id.instance)
                return NI_STALE;
        if (child.child_count > 0)
                return NI_NOTEMPTY;
        if (child.id.object == 0 || child.parent != parent) /* the root is nobody's child */
                return NI_UNRELATED;
        return NI_OK;
}

enum ni_status dir_do_destroy(struct dir_request *rq, const struct ni_args *args)
{
        struct store_node parent;
        struct ni_id self;
        enum ni_status s = dir_current(rq, args->id, &parent);
        if (s == NI_OK)
                s = dir_may_change(rq, parent.props); /* on the parent only */
        if (s == NI_OK)
                s = check_child(rq, args->child, args->id.object);
        if (s == NI_OK)
                s = store_remove_child(rq->txn, args->id.object, args->child.object, &self);
        if (s == NI_OK)
                dir_answer_id(rq, self);
        return s;
}
