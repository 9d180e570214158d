/* EDIT's operations on the tree: CREATE, DESTROY, MOVE, and the two assertions. */
#include "directory/edit_internal.h"

#include "base/limits.h"
#include "directory/valueset.h"

enum ni_status edit_do_create(struct edit *e, const struct ext_op *op, struct ni_id *ret)
{
        struct store_node parent;
        struct ni_id child, self;
        struct buf props;
        enum ni_status s = edit_resolve(e, &op->ref, &parent);
        if (s == NI_OK)
                s = dir_may_change(e->rq, parent.props);
        if (s != NI_OK)
                return s;
        s = dir_encode(op->props, &props);
        if (s == NI_OK)
                s = store_add_child(e->rq->txn, parent.id.object, buf_bytes(&props), op->where, NI_INDEX_NULL,
                                    &child, &self);
        buf_done(&props);
        if (s == NI_OK)
                *ret = child;
        return s;
}

/* One step of a recursive removal: goes down to the first child of *object, or removes *object and comes back
 * to its parent. Version 2 would remove child by child, so every directory that loses a child must allow it.
 */
static enum ni_status remove_step(struct edit *e, uint32_t *object, struct ni_id *ret_parent)
{
        struct store_node node;
        struct store_walk w;
        enum ni_status s = edit_get(e, *object, &node);
        if (s != NI_OK)
                return s;
        if (node.child_count > 0) {
                s = dir_may_change(e->rq, node.props);
                if (s != NI_OK)
                        return s;
                store_children(e->rq->txn, *object, STORE_FROM_START, &w);
                const bool found = store_next(&w);
                const uint32_t child = w.child;
                store_end(&w);
                if (w.status == NI_OK && found)
                        *object = child;
                return w.status != NI_OK ? w.status : found ? NI_OK : NI_SYSTEMERR;
        }
        if (e->destroyed++ == LIMIT_EDIT_DESTROY)
                return NI_NOSPACE;
        s = store_remove_child(e->rq->txn, node.parent, *object, ret_parent);
        *object = node.parent;
        return s;
}

enum ni_status edit_do_destroy(struct edit *e, const struct ext_op *op, struct ni_id *ret)
{
        struct store_node node, parent;
        struct ni_id last = {0};
        enum ni_status s = edit_resolve(e, &op->ref, &node);
        if (s != NI_OK)
                return s;
        if (node.id.object == 0)
                return NI_UNRELATED; /* the root is nobody's child */
        s = edit_get(e, node.parent, &parent);
        if (s == NI_OK)
                s = dir_may_change(e->rq, parent.props);
        if (s == NI_OK && node.child_count > 0 && !(op->flags & EXT_OP_RECURSIVE))
                s = NI_NOTEMPTY;
        const uint32_t top = node.parent;
        for (uint32_t at = node.id.object; s == NI_OK && at != top;)
                s = remove_step(e, &at, &last);
        if (s == NI_OK)
                *ret = last;
        return s;
}

enum ni_status edit_do_move(struct edit *e, const struct ext_op *op, struct ni_id *ret)
{
        struct store_node node, from, to;
        enum ni_status s = edit_resolve(e, &op->ref, &node);
        if (s == NI_OK)
                s = edit_resolve(e, &op->target, &to);
        if (s == NI_OK && node.id.object == 0)
                s = NI_UNRELATED;
        if (s == NI_OK)
                s = edit_get(e, node.parent, &from);
        if (s == NI_OK)
                s = dir_may_change(e->rq, from.props);
        if (s == NI_OK)
                s = dir_may_change(e->rq, to.props);
        const struct ni_id id = s == NI_OK ? node.id : (struct ni_id){0};
        if (s == NI_OK)
                s = store_move(e->rq->txn, id.object, to.id.object, op->where);
        if (s == NI_OK)
                *ret = id;
        return s;
}

/* By index: one search per value. */
static enum ni_status none_by_index(struct edit *e, uint32_t parent, const struct ext_op *op)
{
        for (uint32_t i = 0; i < op->values.n; i++) {
                struct store_walk w;
                store_lookup(e->rq->txn, parent, op->name, op->values.v[i], STORE_FROM_START, &w);
                const bool found = store_next(&w);
                store_end(&w);
                if (w.status != NI_OK)
                        return w.status;
                if (found)
                        return (enum ni_status)EXT_ASSERTION;
        }
        return NI_OK;
}

static bool any_value(const struct valueset *set, struct bytes encoded)
{
        struct xdr_in in = xdr_in(encoded);
        for (uint32_t n = xdr_count(&in, NI_VALUES_MAX, 4); n && xdr_ok(&in); n--) {
                const struct bytes v = xdr_opaque(&in, NI_NAME_MAX);
                if (xdr_ok(&in) && valueset_has(set, v))
                        return true;
        }
        return false;
}

/* Without an index: one walk over the children for all values. */
static enum ni_status none_by_scan(struct edit *e, uint32_t parent, const struct ext_op *op)
{
        struct valueset set;
        struct store_walk w;
        struct store_node child;
        struct prop_walk p;
        enum ni_status s = NI_OK;
        if (!valueset_init(&set, e->rq->arena, op->values.n))
                return NI_SYSTEMERR;
        for (uint32_t i = 0; i < op->values.n; i++)
                valueset_add(&set, &op->values.v[i]);
        store_children(e->rq->txn, parent, STORE_FROM_START, &w);
        while (s == NI_OK && store_next(&w)) {
                if (e->scanned++ == LIMIT_EDIT_SCAN)
                        s = NI_NOSPACE;
                else if (store_get(e->rq->txn, w.child, &child) == NI_OK &&
                         prop_find(child.props, op->name, &p) && any_value(&set, p.values))
                        s = (enum ni_status)EXT_ASSERTION;
        }
        store_end(&w);
        return s == NI_OK ? w.status : s;
}

enum ni_status edit_do_assert_none(struct edit *e, const struct ext_op *op, struct ni_id *ret)
{
        struct store_node parent;
        enum ni_status s = edit_resolve(e, &op->ref, &parent);
        if (s == NI_OK && dir_hides_prop(e->rq, op->name))
                s = NI_PERM; /* it would tell who has which secret */
        if (s == NI_OK)
                s = store_indexed(e->rq->txn, op->name) ? none_by_index(e, parent.id.object, op)
                                                        : none_by_scan(e, parent.id.object, op);
        if (s == NI_OK)
                *ret = parent.id;
        return s;
}

enum ni_status edit_do_assert_same(struct edit *e, const struct ext_op *op, struct ni_id *ret)
{
        struct store_node node;
        const enum ni_status s = edit_resolve(e, &op->ref, &node); /* NI_STALE is its whole point */
        if (s == NI_OK)
                *ret = node.id;
        return s;
}
