/* Our codec behind one door: a message type is (what, procedure), as in theirs.h. */
#ifndef NETINFO_TESTS_CODEC_H
#define NETINFO_TESTS_CODEC_H

#include "random.h"
#include "theirs.h"

/* Room for any value of ours. */
union value {
        struct ni_args ni_args;
        struct ni_result ni_result;
        struct binder_args binder_args;
        struct binder_result binder_result;
        struct bytes tag;
        uint32_t word;
        struct ext_changes_args changes_args;
        struct ext_snapshot_args snapshot_args;
        struct ext_edit_args edit_args;
        struct ext_search_args search_args;
        struct ext_history_args history_args;
        struct ext_replica_args replica_args;
        struct ext_login_args login_args;
        struct ext_join_args join_args;
        struct ext_renew_args renew_args;
        struct ext_authority_args authority_args;
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
};

/* Number of procedures of a kind of message, and whether this one exists and carries anything. */
unsigned codec_procs(enum theirs_what what);
bool codec_has(enum theirs_what what, unsigned proc);
const char *codec_name(enum theirs_what what);

void codec_random(struct dice *d, enum theirs_what what, unsigned proc, union value *ret);
void codec_encode(enum theirs_what what, unsigned proc, const union value *v, struct buf *out);
bool codec_decode(enum theirs_what what, unsigned proc, struct xdr_in *in, struct arena *a, union value *ret);

#endif
