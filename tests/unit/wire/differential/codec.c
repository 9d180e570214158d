#include "codec.h"

#include <stdlib.h>

unsigned codec_procs(enum theirs_what what)
{
        switch (what) {
        case THEIRS_NI_ARGS:
        case THEIRS_NI_RESULT:
                return NI_PROC_COUNT;
        case THEIRS_BINDER_ARGS:
        case THEIRS_BINDER_RESULT:
                return NIBIND_PROC_COUNT;
        case THEIRS_EXT_ARGS:
        case THEIRS_EXT_RESULT:
                return NIEXT_PROC_COUNT;
        }
        abort();
}

bool codec_has(enum theirs_what what, unsigned proc)
{
        if (what == THEIRS_EXT_ARGS || what == THEIRS_EXT_RESULT)
                return proc != NIEXT_PROC_null && (proc <= NIEXT_PROC_replica || proc >= NIEXT_PROC_login);
        return true;
}

const char *codec_name(enum theirs_what what)
{
        static const char *const names[] = {"ni arguments",  "ni result",     "binder arguments",
                                            "binder result", "ext arguments", "ext result"};
        return names[what];
}

static void random_ext_args(struct dice *d, unsigned proc, union value *v)
{
        if (proc == NIEXT_PROC_changes)
                dice_ext_changes_args(d, &v->changes_args);
        else if (proc == NIEXT_PROC_snapshot)
                dice_ext_snapshot_args(d, &v->snapshot_args);
        else if (proc == NIEXT_PROC_edit)
                dice_ext_edit_args(d, &v->edit_args);
        else if (proc == NIEXT_PROC_search)
                dice_ext_search_args(d, &v->search_args);
        else if (proc == NIEXT_PROC_history)
                dice_ext_history_args(d, &v->history_args);
        else if (proc == NIEXT_PROC_replica)
                dice_ext_replica_args(d, &v->replica_args);
        else if (proc == NIEXT_PROC_login)
                dice_ext_login_args(d, &v->login_args);
        else if (proc == NIEXT_PROC_join)
                dice_ext_join_args(d, &v->join_args);
        else if (proc == NIEXT_PROC_renew)
                dice_ext_renew_args(d, &v->renew_args);
        else if (proc == NIEXT_PROC_authority)
                dice_ext_authority_args(d, &v->authority_args);
        else
                v->tag = dice_name(d, LIMIT_TAG);
}

static void random_ext_result(struct dice *d, unsigned proc, union value *v)
{
        if (proc == NIEXT_PROC_status)
                dice_ext_status(d, &v->status);
        else if (proc == NIEXT_PROC_changes)
                dice_ext_changes(d, &v->changes);
        else if (proc == NIEXT_PROC_snapshot)
                dice_ext_snapshot(d, &v->snapshot);
        else if (proc == NIEXT_PROC_edit)
                dice_ext_edit(d, &v->edit);
        else if (proc == NIEXT_PROC_search)
                dice_ext_search(d, &v->search);
        else if (proc == NIEXT_PROC_history)
                dice_ext_history(d, &v->history);
        else if (proc == NIEXT_PROC_replica)
                dice_ext_replica(d, &v->replica);
        else if (proc == NIEXT_PROC_join)
                dice_ext_join(d, &v->join);
        else if (proc == NIEXT_PROC_renew)
                dice_ext_renew(d, &v->renew);
        else if (proc == NIEXT_PROC_authority)
                dice_ext_authority(d, &v->authority);
        else
                v->word = dice_u32(d);
}

void codec_random(struct dice *d, enum theirs_what what, unsigned proc, union value *ret)
{
        switch (what) {
        case THEIRS_NI_ARGS:
                dice_ni_args(d, &ret->ni_args);
                break;
        case THEIRS_NI_RESULT:
                dice_ni_result(d, (enum ni_proc)proc, &ret->ni_result);
                break;
        case THEIRS_BINDER_ARGS:
                dice_binder_args(d, &ret->binder_args);
                break;
        case THEIRS_BINDER_RESULT:
                dice_binder_result(d, (enum nibind_proc)proc, &ret->binder_result);
                break;
        case THEIRS_EXT_ARGS:
                random_ext_args(d, proc, ret);
                break;
        case THEIRS_EXT_RESULT:
                random_ext_result(d, proc, ret);
                break;
        }
}

static void encode_ext_args(unsigned proc, const union value *v, struct buf *out)
{
        if (proc == NIEXT_PROC_changes)
                ext_changes_args_encode(&v->changes_args, out);
        else if (proc == NIEXT_PROC_snapshot)
                ext_snapshot_args_encode(&v->snapshot_args, out);
        else if (proc == NIEXT_PROC_edit)
                ext_edit_args_encode(&v->edit_args, out);
        else if (proc == NIEXT_PROC_search)
                ext_search_args_encode(&v->search_args, out);
        else if (proc == NIEXT_PROC_history)
                ext_history_args_encode(&v->history_args, out);
        else if (proc == NIEXT_PROC_replica)
                ext_replica_args_encode(&v->replica_args, out);
        else if (proc == NIEXT_PROC_login)
                ext_login_args_encode(&v->login_args, out);
        else if (proc == NIEXT_PROC_join)
                ext_join_args_encode(&v->join_args, out);
        else if (proc == NIEXT_PROC_renew)
                ext_renew_args_encode(&v->renew_args, out);
        else if (proc == NIEXT_PROC_authority)
                ext_authority_args_encode(&v->authority_args, out);
        else
                ext_tag_encode(v->tag, out);
}

static void encode_ext_result(unsigned proc, const union value *v, struct buf *out)
{
        if (proc == NIEXT_PROC_status)
                ext_status_encode(&v->status, out);
        else if (proc == NIEXT_PROC_changes)
                ext_changes_encode(&v->changes, out);
        else if (proc == NIEXT_PROC_snapshot)
                ext_snapshot_encode(&v->snapshot, out);
        else if (proc == NIEXT_PROC_edit)
                ext_edit_encode(&v->edit, out);
        else if (proc == NIEXT_PROC_search)
                ext_search_encode(&v->search, out);
        else if (proc == NIEXT_PROC_history)
                ext_history_encode(&v->history, out);
        else if (proc == NIEXT_PROC_replica)
                ext_replica_encode(&v->replica, out);
        else if (proc == NIEXT_PROC_join)
                ext_join_encode(&v->join, out);
        else if (proc == NIEXT_PROC_renew)
                ext_renew_encode(&v->renew, out);
        else if (proc == NIEXT_PROC_authority)
                ext_authority_encode(&v->authority, out);
        else
                xdr_put_u32(out, v->word);
}

void codec_encode(enum theirs_what what, unsigned proc, const union value *v, struct buf *out)
{
        switch (what) {
        case THEIRS_NI_ARGS:
                ni_args_encode((enum ni_proc)proc, &v->ni_args, out);
                break;
        case THEIRS_NI_RESULT:
                ni_result_encode((enum ni_proc)proc, &v->ni_result, out);
                break;
        case THEIRS_BINDER_ARGS:
                binder_args_encode((enum nibind_proc)proc, &v->binder_args, out);
                break;
        case THEIRS_BINDER_RESULT:
                binder_result_encode((enum nibind_proc)proc, &v->binder_result, out);
                break;
        case THEIRS_EXT_ARGS:
                encode_ext_args(proc, v, out);
                break;
        case THEIRS_EXT_RESULT:
                encode_ext_result(proc, v, out);
                break;
        }
}

static bool decode_ext_args(unsigned proc, struct xdr_in *in, struct arena *a, union value *v)
{
        if (proc == NIEXT_PROC_changes)
                return ext_changes_args_decode(in, &v->changes_args);
        if (proc == NIEXT_PROC_snapshot)
                return ext_snapshot_args_decode(in, &v->snapshot_args);
        if (proc == NIEXT_PROC_edit)
                return ext_edit_args_decode(in, a, &v->edit_args);
        if (proc == NIEXT_PROC_search)
                return ext_search_args_decode(in, a, &v->search_args);
        if (proc == NIEXT_PROC_history)
                return ext_history_args_decode(in, &v->history_args);
        if (proc == NIEXT_PROC_replica)
                return ext_replica_args_decode(in, &v->replica_args);
        if (proc == NIEXT_PROC_login)
                return ext_login_args_decode(in, &v->login_args);
        if (proc == NIEXT_PROC_join)
                return ext_join_args_decode(in, &v->join_args);
        if (proc == NIEXT_PROC_renew)
                return ext_renew_args_decode(in, &v->renew_args);
        if (proc == NIEXT_PROC_authority)
                return ext_authority_args_decode(in, &v->authority_args);
        return ext_tag_decode(in, &v->tag);
}

static bool decode_ext_result(unsigned proc, struct xdr_in *in, struct arena *a, union value *v)
{
        if (proc == NIEXT_PROC_status)
                return ext_status_decode(in, &v->status);
        if (proc == NIEXT_PROC_changes)
                return ext_changes_decode(in, a, &v->changes);
        if (proc == NIEXT_PROC_snapshot)
                return ext_snapshot_decode(in, a, &v->snapshot);
        if (proc == NIEXT_PROC_edit)
                return ext_edit_decode(in, a, &v->edit);
        if (proc == NIEXT_PROC_search)
                return ext_search_decode(in, a, &v->search);
        if (proc == NIEXT_PROC_history)
                return ext_history_decode(in, a, &v->history);
        if (proc == NIEXT_PROC_replica)
                return ext_replica_decode(in, a, &v->replica);
        if (proc == NIEXT_PROC_join)
                return ext_join_decode(in, &v->join);
        if (proc == NIEXT_PROC_renew)
                return ext_renew_decode(in, &v->renew);
        if (proc == NIEXT_PROC_authority)
                return ext_authority_decode(in, a, &v->authority);
        v->word = xdr_u32(in);
        return xdr_ok(in);
}

bool codec_decode(enum theirs_what what, unsigned proc, struct xdr_in *in, struct arena *a, union value *ret)
{
        switch (what) {
        case THEIRS_NI_ARGS:
                return ni_args_decode((enum ni_proc)proc, in, a, &ret->ni_args);
        case THEIRS_NI_RESULT:
                return ni_result_decode((enum ni_proc)proc, in, a, &ret->ni_result);
        case THEIRS_BINDER_ARGS:
                return binder_args_decode((enum nibind_proc)proc, in, &ret->binder_args);
        case THEIRS_BINDER_RESULT:
                return binder_result_decode((enum nibind_proc)proc, in, &ret->binder_result);
        case THEIRS_EXT_ARGS:
                return decode_ext_args(proc, in, a, ret);
        case THEIRS_EXT_RESULT:
                return decode_ext_result(proc, in, a, ret);
        }
        abort();
}
