/* EDIT: all operations or none. An operation sees what those before it did. */
#include "directory/edit_internal.h"

#include "base/limits.h"

enum ni_status edit_get(struct edit *e, uint32_t object, struct store_node *ret)
{
        struct store_node node;
        const enum ni_status s = store_get(e->rq->txn, object, &node);
        if (s != NI_OK)
                return s;
        e->bytes += node.props.len;
        if (e->bytes > LIMIT_EDIT_BYTES)
                return NI_NOSPACE;
        *ret = node;
        return NI_OK;
}

enum ni_status edit_resolve(struct edit *e, const struct ext_ref *ref, struct store_node *ret)
{
        uint32_t object = ref->value;
        if (ref->by_op) { /* only what an earlier CREATE of this edit made */
                if (ref->value >= e->at || e->args->ops[ref->value].kind != EXT_OP_CREATE)
                        return NI_NODIR;
                object = e->ids[ref->value].object;
        }
        const enum ni_status s = edit_get(e, object, ret);
        if (s == NI_OK && ref->has_instance && ref->instance != ret->id.instance)
                return NI_STALE;
        return s;
}

static edit_operation *const operations[] = {
        [EXT_OP_CREATE] = edit_do_create,
        [EXT_OP_DESTROY] = edit_do_destroy,
        [EXT_OP_WRITE] = edit_do_write,
        [EXT_OP_SET] = edit_do_set,
        [EXT_OP_ADD] = edit_do_add,
        [EXT_OP_REMOVE] = edit_do_remove,
        [EXT_OP_RENAME] = edit_do_rename,
        [EXT_OP_MOVE] = edit_do_move,
        [EXT_OP_ASSERT_NONE] = edit_do_assert_none,
        [EXT_OP_ASSERT_SAME] = edit_do_assert_same,
};

static enum ni_status run_all(struct edit *e)
{
        for (; e->at < e->args->op_count; e->at++) {
                const struct ext_op *op = &e->args->ops[e->at];
                if (op->kind >= sizeof(operations) / sizeof(operations[0]) || !operations[op->kind])
                        return NI_BADOP;
                const enum ni_status s = operations[op->kind](e, op, &e->ids[e->at]);
                arena_reset(e->rq->arena);
                if (s != NI_OK)
                        return s;
        }
        return NI_OK;
}

/* The ids as they stand at the end: a later operation may have changed the same directory again. One that is
 * gone keeps the id it had. */
static void refresh_ids(struct edit *e)
{
        struct store_node node;
        for (uint32_t i = 0; i < e->args->op_count; i++)
                if (store_get(e->rq->txn, e->ids[i].object, &node) == NI_OK)
                        e->ids[i] = node.id;
}

enum ni_status dir_edit(struct dir_request *rq, const struct ext_edit_args *args, struct ext_edit_result *ret)
{
        struct arena scratch;
        struct dir_request each = *rq;
        struct edit e = {.rq = &each, .args = args};
        enum ni_status s = NI_OK;
        each.arena = &scratch;
        arena_init(&scratch, LIMIT_ARENA);
        e.ids = arena_zalloc(rq->arena, args->op_count, sizeof(*e.ids));
        *ret = (struct ext_edit_result){.failed_op = args->op_count};
        if (rq->policy->clone)
                s = NI_RDONLY;
        else if (args->op_count > LIMIT_EDIT_OPS)
                s = NI_NOSPACE;
        else if (!e.ids)
                s = NI_SYSTEMERR;
        else {
                s = run_all(&e);
                ret->failed_op = e.at;
        }
        if (s == NI_OK) {
                refresh_ids(&e);
                ret->ids = e.ids;
                ret->id_count = args->op_count;
        }
        arena_done(&scratch);
        ret->status = s;
        return s;
}
