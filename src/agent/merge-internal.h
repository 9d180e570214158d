/* The safety rules (doc/resolution.md 10.2), for the two files that merge. */
#ifndef NETINFO_AGENT_MERGE_INTERNAL_H
#define NETINFO_AGENT_MERGE_INTERNAL_H

#include "agent/merge.h"

/* An account as far as users and groups are alike. */
struct merge_account {
        struct bytes *names; /* usable ones, first one first; in the arena */
        size_t name_count;
        uint32_t uid, gid; /* of a group: gid only */
};

/* First values of n keys in one pass; {NULL, 0} for those that are absent or without values. */
void merge_fields(struct bytes props, const char *const *keys, unsigned n, struct bytes *ret);
/* The first name, for reports. */
struct bytes merge_name(struct bytes props);
bool merge_is_name(struct bytes b);
bool merge_is_clean(struct bytes b); /* no ':', no control character */
/* Names and numbers of one record (uid: {NULL, 0} for a group); NULL when it may be published, else why not.
 */
const char *merge_account_of(const struct merge_domain *d, struct bytes props, bool user,
                             const struct merge_rules *r, struct arena *a, struct merge_account *ret);
/* Is there a hash, or only a word that stands for none? */
bool merge_has_hash(struct bytes passwd);

#endif
