/* EDIT's operations on one directory's properties. What would change nothing writes nothing, so that
 * repeating an import leaves no trace in the journal. */
#include "directory/edit_internal.h"

#include "directory/valueset.h"

static enum ni_status open_target(struct edit *e, const struct ext_ref *ref, struct dir_target *ret)
{
        struct store_node node;
        const enum ni_status s = edit_resolve(e, ref, &node);
        return s == NI_OK ? dir_target_decode(e->rq->arena, &node, ret) : s;
}

static enum ni_status put_if_new(struct edit *e, const struct dir_target *t, struct ni_id *ret)
{
        struct buf b;
        enum ni_status s = dir_encode(t->props, &b);
        if (s == NI_OK && bytes_eq(buf_bytes(&b), t->node.props))
                *ret = t->node.id;
        else if (s == NI_OK)
                s = store_put_props(e->rq->txn, t->node.id.object, buf_bytes(&b), ret);
        buf_done(&b);
        return s;
}

enum ni_status edit_do_write(struct edit *e, const struct ext_op *op, struct ni_id *ret)
{
        struct dir_target t;
        struct proplist l = op->props;
        enum ni_status s = open_target(e, &op->ref, &t);
        if (s == NI_OK)
                s = dir_may_change(e->rq, t.node.props);
        if (s != NI_OK)
                return s;
        if (!dir_keep_secrets(e->rq, &t.props, &l))
                return NI_SYSTEMERR;
        t.props = l;
        return put_if_new(e, &t, ret);
}

/* What SET and ADD begin with: the first property `name` (value_ok), or a new empty one at the end (dir_ok).
 */
static enum ni_status open_prop(struct edit *e, const struct ext_op *op, struct dir_target *t, uint32_t *ret)
{
        enum ni_status s = open_target(e, &op->ref, t);
        if (s != NI_OK)
                return s;
        const struct property *p = proplist_get(&t->props, op->name);
        if (p) {
                *ret = (uint32_t)(p - t->props.v);
                return dir_may_set(e->rq, t->node.props, op->name);
        }
        s = dir_may_change(e->rq, t->node.props);
        *ret = t->props.n;
        if (s == NI_OK)
                s = edit_create_prop(&t->props, e->rq->arena, (struct property){.name = op->name},
                                     NI_INDEX_NULL);
        return s;
}

enum ni_status edit_do_set(struct edit *e, const struct ext_op *op, struct ni_id *ret)
{
        struct dir_target t;
        struct namelist values = op->values;
        uint32_t at;
        enum ni_status s = open_prop(e, op, &t, &at);
        if (s != NI_OK)
                return s;
        if (!dir_keep_values(e->rq, op->name, t.props.v[at].values, &values))
                return NI_SYSTEMERR;
        s = edit_write_prop(&t.props, e->rq->arena, at, values);
        return s == NI_OK ? put_if_new(e, &t, ret) : s;
}

/* old and then those of `more` that are not there yet. */
static enum ni_status joined(struct arena *a, struct namelist old, struct namelist more, struct namelist *ret)
{
        struct valueset set;
        const size_t most = (size_t)old.n + more.n;
        struct namelist l = {arena_zalloc(a, most, sizeof(*l.v)), old.n};
        if (!l.v || !valueset_init(&set, a, most))
                return NI_SYSTEMERR;
        for (uint32_t i = 0; i < old.n; i++) {
                l.v[i] = old.v[i];
                valueset_add(&set, &old.v[i]);
        }
        for (uint32_t i = 0; i < more.n; i++)
                if (valueset_add(&set, &more.v[i]))
                        l.v[l.n++] = more.v[i];
        if (l.n > NI_VALUES_MAX)
                return NI_NOSPACE;
        *ret = l;
        return NI_OK;
}

enum ni_status edit_do_add(struct edit *e, const struct ext_op *op, struct ni_id *ret)
{
        struct dir_target t;
        struct namelist values;
        uint32_t at;
        enum ni_status s = open_prop(e, op, &t, &at);
        if (s == NI_OK)
                s = joined(e->rq->arena, t.props.v[at].values, op->values, &values);
        if (s == NI_OK)
                s = edit_write_prop(&t.props, e->rq->arena, at, values);
        return s == NI_OK ? put_if_new(e, &t, ret) : s;
}

/* Removes every property `name`. Compacts the decoded list in place: it is this operation's own. */
static void remove_props(struct proplist *l, struct bytes name)
{
        uint32_t n = 0;
        for (uint32_t i = 0; i < l->n; i++)
                if (!bytes_eq(l->v[i].name, name))
                        l->v[n++] = l->v[i];
        l->n = n;
}

/* Removes every occurrence of the values from every property `name`. */
static enum ni_status remove_values(struct arena *a, struct proplist *l, const struct ext_op *op)
{
        struct valueset set;
        if (!valueset_init(&set, a, op->values.n))
                return NI_SYSTEMERR;
        for (uint32_t i = 0; i < op->values.n; i++)
                valueset_add(&set, &op->values.v[i]);
        for (uint32_t i = 0; i < l->n; i++) {
                struct namelist *v = &l->v[i].values;
                uint32_t n = 0;
                if (!bytes_eq(l->v[i].name, op->name))
                        continue;
                for (uint32_t k = 0; k < v->n; k++)
                        if (!valueset_has(&set, v->v[k]))
                                v->v[n++] = v->v[k];
                v->n = n;
        }
        return NI_OK;
}

enum ni_status edit_do_remove(struct edit *e, const struct ext_op *op, struct ni_id *ret)
{
        struct dir_target t;
        const bool whole = op->values.n == 0;
        enum ni_status s = open_target(e, &op->ref, &t);
        if (s == NI_OK)
                s = whole ? dir_may_change(e->rq, t.node.props) : dir_may_set(e->rq, t.node.props, op->name);
        if (s != NI_OK)
                return s;
        if (whole)
                remove_props(&t.props, op->name);
        else
                s = remove_values(e->rq->arena, &t.props, op);
        return s == NI_OK ? put_if_new(e, &t, ret) : s;
}

enum ni_status edit_do_rename(struct edit *e, const struct ext_op *op, struct ni_id *ret)
{
        struct dir_target t;
        if (op->values.n != 1)
                return NI_BADOP;
        enum ni_status s = open_target(e, &op->ref, &t);
        if (s != NI_OK)
                return s;
        const struct property *p = proplist_get(&t.props, op->name);
        if (!p)
                return NI_NOPROP;
        s = dir_may_rename(e->rq, t.node.props, op->name, op->values.v[0]);
        if (s == NI_OK)
                s = edit_rename_prop(&t.props, e->rq->arena, (uint32_t)(p - t.props.v), op->values.v[0]);
        return s == NI_OK ? put_if_new(e, &t, ret) : s;
}
