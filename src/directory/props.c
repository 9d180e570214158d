/* WRITE, CREATEPROP, DESTROYPROP, RENAMEPROP: what needs dir_ok of the directory (protocol.md 3.8). */
#include "directory/internal.h"

enum ni_status dir_do_write(struct dir_request *rq, const struct ni_args *args)
{
        struct dir_target t;
        struct proplist l = args->props;
        enum ni_status s = dir_target_open(rq, args->id, &t);
        if (s == NI_OK)
                s = dir_may_change(rq, t.node.props);
        if (s != NI_OK)
                return s;
        if (!dir_keep_secrets(rq, &t.props, &l))
                return NI_SYSTEMERR;
        t.props = l;
        return dir_target_answer(rq, &t);
}

enum ni_status dir_do_createprop(struct dir_request *rq, const struct ni_args *args)
{
        struct dir_target t;
        enum ni_status s = dir_target_open(rq, args->id, &t);
        if (s == NI_OK)
                s = dir_may_change(rq, t.node.props);
        if (s == NI_OK)
                s = edit_create_prop(&t.props, rq->arena, args->prop, args->where);
        return s == NI_OK ? dir_target_answer(rq, &t) : s;
}

enum ni_status dir_do_destroyprop(struct dir_request *rq, const struct ni_args *args)
{
        struct dir_target t;
        enum ni_status s = dir_target_open(rq, args->id, &t);
        if (s == NI_OK && args->prop_index >= t.props.n)
                s = NI_NOPROP; /* protocol.md 2.6: 4 before 5 */
        if (s == NI_OK)
                s = dir_may_change(rq, t.node.props);
        if (s == NI_OK)
                s = edit_destroy_prop(&t.props, rq->arena, args->prop_index);
        return s == NI_OK ? dir_target_answer(rq, &t) : s;
}

enum ni_status dir_do_renameprop(struct dir_request *rq, const struct ni_args *args)
{
        struct dir_target t;
        enum ni_status s = dir_target_open(rq, args->id, &t);
        if (s == NI_OK && args->prop_index >= t.props.n)
                s = NI_NOPROP;
        if (s == NI_OK)
                s = dir_may_rename(rq, t.node.props, t.props.v[args->prop_index].name, args->value);
        if (s == NI_OK)
                s = edit_rename_prop(&t.props, rq->arena, args->prop_index, args->value);
        return s == NI_OK ? dir_target_answer(rq, &t) : s;
}
