/* Results of the extension program. First byte: procedure. */
#include "stable.h"
#include "wire/ext_replica.h"
#include "wire/ext_search.h"
#include "wire/ext_trust.h"

static bool recode(unsigned proc, struct xdr_in *in, struct arena *a, struct buf *out)
{
        struct ext_status_result status;
        struct ext_changes_result changes;
        struct ext_snapshot_result snapshot;
        struct ext_edit_result edit;
        struct ext_search_result search;
        struct ext_history_result history;
        struct ext_replica_result replica;
        struct ext_join_result join;
        struct ext_renew_result renew;
        struct ext_authority_result authority;
        bool ok;
        switch (proc) {
        case NIEXT_PROC_changes:
                ok = ext_changes_decode(in, a, &changes);
                if (ok)
                        ext_changes_encode(&changes, out);
                return ok;
        case NIEXT_PROC_snapshot:
                ok = ext_snapshot_decode(in, a, &snapshot);
                if (ok)
                        ext_snapshot_encode(&snapshot, out);
                return ok;
        case NIEXT_PROC_edit:
                ok = ext_edit_decode(in, a, &edit);
                if (ok)
                        ext_edit_encode(&edit, out);
                return ok;
        case NIEXT_PROC_search:
                ok = ext_search_decode(in, a, &search);
                if (ok)
                        ext_search_encode(&search, out);
                return ok;
        case NIEXT_PROC_history:
                ok = ext_history_decode(in, a, &history);
                if (ok)
                        ext_history_encode(&history, out);
                return ok;
        case NIEXT_PROC_replica:
                ok = ext_replica_decode(in, a, &replica);
                if (ok)
                        ext_replica_encode(&replica, out);
                return ok;
        case NIEXT_PROC_join:
                ok = ext_join_decode(in, &join);
                if (ok)
                        ext_join_encode(&join, out);
                return ok;
        case NIEXT_PROC_renew:
                ok = ext_renew_decode(in, &renew);
                if (ok)
                        ext_renew_encode(&renew, out);
                return ok;
        case NIEXT_PROC_authority:
                ok = ext_authority_decode(in, a, &authority);
                if (ok)
                        ext_authority_encode(&authority, out);
                return ok;
        default:
                ok = ext_status_decode(in, &status);
                if (ok)
                        ext_status_encode(&status, out);
                return ok;
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        if (size)
                check_stable(recode, data[0] % NIEXT_PROC_COUNT, bytes_of(data + 1, size - 1), true);
        return 0;
}
