/* Arguments of the extension program. First byte: procedure. */
#include "stable.h"
#include "wire/ext_replica.h"
#include "wire/ext_search.h"
#include "wire/ext_trust.h"

static bool recode(unsigned proc, struct xdr_in *in, struct arena *a, struct buf *out)
{
        struct ext_changes_args changes;
        struct ext_snapshot_args snapshot;
        struct ext_edit_args edit;
        struct ext_search_args search;
        struct ext_history_args history;
        struct ext_replica_args replica;
        struct ext_login_args login;
        struct ext_join_args join;
        struct ext_renew_args renew;
        struct ext_authority_args authority;
        struct bytes tag;
        bool ok;
        switch (proc) {
        case NIEXT_PROC_changes:
                ok = ext_changes_args_decode(in, &changes);
                if (ok)
                        ext_changes_args_encode(&changes, out);
                return ok;
        case NIEXT_PROC_snapshot:
                ok = ext_snapshot_args_decode(in, &snapshot);
                if (ok)
                        ext_snapshot_args_encode(&snapshot, out);
                return ok;
        case NIEXT_PROC_edit:
                ok = ext_edit_args_decode(in, a, &edit);
                if (ok)
                        ext_edit_args_encode(&edit, out);
                return ok;
        case NIEXT_PROC_search:
                ok = ext_search_args_decode(in, a, &search);
                if (ok)
                        ext_search_args_encode(&search, out);
                return ok;
        case NIEXT_PROC_history:
                ok = ext_history_args_decode(in, &history);
                if (ok)
                        ext_history_args_encode(&history, out);
                return ok;
        case NIEXT_PROC_replica:
                ok = ext_replica_args_decode(in, &replica);
                if (ok)
                        ext_replica_args_encode(&replica, out);
                return ok;
        case NIEXT_PROC_login:
                ok = ext_login_args_decode(in, &login);
                if (ok)
                        ext_login_args_encode(&login, out);
                return ok;
        case NIEXT_PROC_join:
                ok = ext_join_args_decode(in, &join);
                if (ok)
                        ext_join_args_encode(&join, out);
                return ok;
        case NIEXT_PROC_renew:
                ok = ext_renew_args_decode(in, &renew);
                if (ok)
                        ext_renew_args_encode(&renew, out);
                return ok;
        case NIEXT_PROC_authority:
                ok = ext_authority_args_decode(in, &authority);
                if (ok)
                        ext_authority_args_encode(&authority, out);
                return ok;
        default:
                ok = ext_tag_decode(in, &tag);
                if (ok)
                        ext_tag_encode(tag, out);
                return ok;
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        if (size)
                check_stable(recode, data[0] % NIEXT_PROC_COUNT, bytes_of(data + 1, size - 1), true);
        return 0;
}
