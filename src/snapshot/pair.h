/* Reads an image and the delta that lies upon it as one (doc/snapshot-format.md 11): what the delta says of a
 * key counts, and else what its base says. For guests, as snapshot/reader.h. */
#ifndef NETINFO_SNAPSHOT_PAIR_H
#define NETINFO_SNAPSHOT_PAIR_H

#include "snapshot/reader.h"

struct snap_pair {
        struct snap_image base;
        struct snap_image delta; /* its base is NULL when there is none */
};

/* Like those of snapshot/reader.h. Views borrow from one of the two images. */
enum snap_result snap_pair_user_by_name(const struct snap_pair *p, const char *name, size_t len,
                                        struct snap_user_view *ret_view);
enum snap_result snap_pair_user_by_uid(const struct snap_pair *p, uint32_t uid,
                                       struct snap_user_view *ret_view);
enum snap_result snap_pair_group_by_name(const struct snap_pair *p, const char *name, size_t len,
                                         struct snap_group_view *ret_view);
enum snap_result snap_pair_group_by_gid(const struct snap_pair *p, uint32_t gid,
                                        struct snap_group_view *ret_view);
enum snap_result snap_pair_shadow_by_name(const struct snap_pair *p, const char *name, size_t len,
                                          struct snap_shadow_view *ret_view);
enum snap_result snap_pair_gids_by_name(const struct snap_pair *p, const char *name, size_t len,
                                        struct snap_gids_view *ret_view);

/* The first record of the enumeration at *position or behind it; then *position is its own, and one more is
 * that of the next. A record that was changed and kept its first name stands where it stood in the base;
 * those that came or were renamed stand behind all of the base. SNAP_ABSENT behind the end. */
enum snap_result snap_pair_user_listed(const struct snap_pair *p, uint64_t *position,
                                       struct snap_user_view *ret_view);
enum snap_result snap_pair_group_listed(const struct snap_pair *p, uint64_t *position,
                                        struct snap_group_view *ret_view);
enum snap_result snap_pair_shadow_listed(const struct snap_pair *p, uint64_t *position,
                                         struct snap_shadow_view *ret_view);

/* The flags of a record that a lookup gave. */
uint32_t snap_user_flags(const struct snap_user_view *v);
uint32_t snap_group_flags(const struct snap_group_view *v);
uint32_t snap_shadow_flags(const struct snap_shadow_view *v);

#endif
