/* WRITEPROP, CREATENAME, DESTROYNAME, WRITENAME: what needs value_ok of one property (protocol.md 3.8). */
#include "directory/internal.h"

/* Checks 3, 4 and 5 of protocol.md 2.6. value: a value index to check too, or NULL. */
static enum ni_status open_prop(struct dir_request *rq, const struct ni_args *args, const uint32_t *value,
                                struct dir_target *t)
{
        const enum ni_status s = dir_target_open(rq, args->id, t);
        if (s != NI_OK)
                return s;
        if (args->prop_index >= t->props.n)
                return NI_NOPROP;
        const struct property *p = &t->props.v[args->prop_index];
        if (value && *value >= p->values.n)
                return NI_NONAME;
        return dir_may_set(rq, t->node.props, p->name);
}

enum ni_status dir_do_writeprop(struct dir_request *rq, const struct ni_args *args)
{
        struct dir_target t;
        struct namelist values = args->values;
        enum ni_status s = open_prop(rq, args, NULL, &t);
        if (s != NI_OK)
                return s;
        const struct property *p = &t.props.v[args->prop_index];
        if (!dir_keep_values(rq, p->name, p->values, &values))
                return NI_SYSTEMERR;
        s = edit_write_prop(&t.props, rq->arena, args->prop_index, values);
        return s == NI_OK ? dir_target_answer(rq, &t) : s;
}

enum ni_status dir_do_createname(struct dir_request *rq, const struct ni_args *args)
{
        struct dir_target t;
        enum ni_status s = open_prop(rq, args, NULL, &t);
        if (s == NI_OK)
                s = edit_create_name(&t.props, rq->arena, args->prop_index, args->value, args->where);
        return s == NI_OK ? dir_target_answer(rq, &t) : s;
}

enum ni_status dir_do_destroyname(struct dir_request *rq, const struct ni_args *args)
{
        struct dir_target t;
        enum ni_status s = open_prop(rq, args, &args->name_index, &t);
        if (s == NI_OK)
                s = edit_destroy_name(&t.props, rq->arena, args->prop_index, args->name_index);
        return s == NI_OK ? dir_target_answer(rq, &t) : s;
}

enum ni_status dir_do_writename(struct dir_request *rq, const struct ni_args *args)
{
        struct dir_target t;
        enum ni_status s = open_prop(rq, args, &args->name_index, &t);
        if (s != NI_OK)
                return s;
        const struct property *p = &t.props.v[args->prop_index];
        const bool keep = dir_hides_prop(rq, p->name) && bytes_eq_str(args->value, "*");
        s = edit_write_name(&t.props, rq->arena, args->prop_index, args->name_index,
                            keep ? p->values.v[args->name_index] : args->value);
        return s == NI_OK ? dir_target_answer(rq, &t) : s;
}
