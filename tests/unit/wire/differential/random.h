/* Random values of every message type of ours. Values live in the arena. */
#ifndef NETINFO_TESTS_RANDOM_H
#define NETINFO_TESTS_RANDOM_H

#include "wire/binder.h"
#include "wire/ext_replica.h"
#include "wire/ext_search.h"
#include "wire/ext_trust.h"
#include "wire/ni.h"

struct dice {
        uint64_t state; /* any but 0; the same state gives the same values */
        struct arena *arena;
};

uint32_t dice_u32(struct dice *d); /* small and extreme numbers more often than others */
uint32_t dice_below(struct dice *d, uint32_t n);
struct bytes dice_name(struct dice *d, uint32_t max); /* no NUL inside */
struct proplist dice_props(struct dice *d);

/* Every field is filled, also those the procedure does not carry: an encoder that sends too much is noticed.
 */
void dice_ni_args(struct dice *d, struct ni_args *ret);
void dice_ni_result(struct dice *d, enum ni_proc proc, struct ni_result *ret);
void dice_binder_args(struct dice *d, struct binder_args *ret);
void dice_binder_result(struct dice *d, enum nibind_proc proc, struct binder_result *ret);
void dice_ext_changes_args(struct dice *d, struct ext_changes_args *ret);
void dice_ext_snapshot_args(struct dice *d, struct ext_snapshot_args *ret);
void dice_ext_edit_args(struct dice *d, struct ext_edit_args *ret);
void dice_ext_status(struct dice *d, struct ext_status_result *ret);
void dice_ext_changes(struct dice *d, struct ext_changes_result *ret);
void dice_ext_snapshot(struct dice *d, struct ext_snapshot_result *ret);
void dice_ext_edit(struct dice *d, struct ext_edit_result *ret);
void dice_ext_search_args(struct dice *d, struct ext_search_args *ret);
void dice_ext_search(struct dice *d, struct ext_search_result *ret);
void dice_ext_history_args(struct dice *d, struct ext_history_args *ret);
void dice_ext_history(struct dice *d, struct ext_history_result *ret);
void dice_ext_replica_args(struct dice *d, struct ext_replica_args *ret);
void dice_ext_replica(struct dice *d, struct ext_replica_result *ret);
void dice_ext_login_args(struct dice *d, struct ext_login_args *ret);
void dice_ext_join_args(struct dice *d, struct ext_join_args *ret);
void dice_ext_join(struct dice *d, struct ext_join_result *ret);
void dice_ext_renew_args(struct dice *d, struct ext_renew_args *ret);
void dice_ext_renew(struct dice *d, struct ext_renew_result *ret);
void dice_ext_authority_args(struct dice *d, struct ext_authority_args *ret);
void dice_ext_authority(struct dice *d, struct ext_authority_result *ret);

#endif
