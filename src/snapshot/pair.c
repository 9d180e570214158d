#include "snapshot/pair.h"

#include <string.h>

/* A view's record begins right before its text (of a group: before its members); the view was checked, so the
 * header lies inside the image. */
uint32_t snap_user_flags(const struct snap_user_view *v)
{
        const struct snap_user_bytes *r = (const void *)(v->text - sizeof(*r));
        return __atomic_load_n(&r->flags, __ATOMIC_RELAXED);
}

uint32_t snap_group_flags(const struct snap_group_view *v)
{
        const struct snap_group_bytes *r = (const void *)(v->members - sizeof(*r));
        return __atomic_load_n(&r->flags, __ATOMIC_RELAXED);
}

uint32_t snap_shadow_flags(const struct snap_shadow_view *v)
{
        const struct snap_shadow_bytes *r = (const void *)(v->text - sizeof(*r));
        return __atomic_load_n(&r->flags, __ATOMIC_RELAXED);
}

/* Bytes of the first name; 0 when it has no end, which is damage. */
static size_t first_name(const char *text, uint32_t text_len)
{
        const size_t n = strnlen(text, text_len);
        return n < text_len ? n : 0;
}

static bool is_first_name(const char *text, uint32_t text_len, const char *name, size_t len)
{
        return len < text_len && memcmp(text, name, len + 1) == 0;
}

/* -- the same for each kind of record
 * ------------------------------------------------------------------------------- */
/* What the delta says of a key: ABSENT when it says nothing, else in *ret what the answer is. */
#define BY_KEY(kind, which, parameter, ...)                                                              \
        enum snap_result snap_pair_##kind##_by_##which parameter                                         \
        {                                                                                                \
                struct snap_##kind##_view v;                                                             \
                if (p->delta.base) {                                                                     \
                        const enum snap_result r = snap_##kind##_by_##which(&p->delta, __VA_ARGS__, &v); \
                        if (r == SNAP_FOUND && (snap_##kind##_flags(&v) & SNAP_RECORD_GONE))             \
                                return SNAP_ABSENT;                                                      \
                        if (r == SNAP_FOUND)                                                             \
                                *ret_view = v;                                                           \
                        if (r != SNAP_ABSENT)                                                            \
                                return r;                                                                \
                }                                                                                        \
                return snap_##kind##_by_##which(&p->base, __VA_ARGS__, ret_view);                        \
        }

BY_KEY(user, name, (const struct snap_pair *p, const char *name, size_t len, struct snap_user_view *ret_view),
       name, len)
BY_KEY(user, uid, (const struct snap_pair *p, uint32_t uid, struct snap_user_view *ret_view), uid)
BY_KEY(group, name,
       (const struct snap_pair *p, const char *name, size_t len, struct snap_group_view *ret_view), name, len)
BY_KEY(group, gid, (const struct snap_pair *p, uint32_t gid, struct snap_group_view *ret_view), gid)
BY_KEY(shadow, name,
       (const struct snap_pair *p, const char *name, size_t len, struct snap_shadow_view *ret_view), name,
       len)

/* Does the image list a record of this first name? v is room. */
#define LISTS(kind)                                                                                        \
        static enum snap_result lists_##kind(const struct snap_image *image, const char *name, size_t len, \
                                             struct snap_##kind##_view *v, bool *ret_listed)               \
        {                                                                                                  \
                const enum snap_result r = snap_##kind##_by_name(image, name, len, v);                     \
                *ret_listed = r == SNAP_FOUND && (snap_##kind##_flags(v) & SNAP_RECORD_LISTED) &&          \
                              is_first_name(v->text, v->text_len, name, len);                              \
                return r;                                                                                  \
        }

/* A record of the base stays when the delta does not know its first name, and gives its place to the one
 * that the delta lists by that name; those of the delta that found no such place come in the end. */
#define LISTED(kind)                                                                              \
        LISTS(kind)                                                                               \
        enum snap_result snap_pair_##kind##_listed(const struct snap_pair *p, uint64_t *position, \
                                                   struct snap_##kind##_view *ret_view)           \
        {                                                                                         \
                struct snap_##kind##_view v, other;                                               \
                for (;; ++*position) {                                                            \
                        const bool below = *position < p->base.listed;                            \
                        const struct snap_image *image = below ? &p->base : &p->delta;            \
                        const struct snap_image *against = below ? &p->delta : &p->base;          \
                        const uint64_t at = below ? *position : *position - p->base.listed;       \
                        bool listed;                                                              \
                        if (!image->base || at >= image->listed)                                  \
                                return SNAP_ABSENT;                                               \
                        enum snap_result r = snap_##kind##_listed(image, (uint32_t)at, &v);       \
                        if (r != SNAP_FOUND)                                                      \
                                return r;                                                         \
                        if (!against->base)                                                       \
                                return *ret_view = v, SNAP_FOUND;                                 \
                        const size_t len = first_name(v.text, v.text_len);                        \
                        if (!len)                                                                 \
                                return SNAP_DAMAGED;                                              \
                        r = lists_##kind(against, v.text, len, &other, &listed);                  \
                        if (r == SNAP_DAMAGED)                                                    \
                                return r;                                                         \
                        if (below ? r == SNAP_ABSENT : !listed)                                   \
                                return *ret_view = v, SNAP_FOUND;                                 \
                        if (below && listed)                                                      \
                                return *ret_view = other, SNAP_FOUND;                             \
                }                                                                                 \
        }

LISTED(user)
LISTED(group)
LISTED(shadow)

enum snap_result snap_pair_gids_by_name(const struct snap_pair *p, const char *name, size_t len,
                                        struct snap_gids_view *ret_view)
{
        struct snap_gids_view v;
        const enum snap_result r = p->delta.base ? snap_gids_by_name(&p->delta, name, len, &v) : SNAP_ABSENT;
        if (r == SNAP_ABSENT)
                return snap_gids_by_name(&p->base, name, len, ret_view);
        if (r == SNAP_FOUND && v.count == 0)
                return SNAP_ABSENT; /* in no group any more */
        if (r == SNAP_FOUND)
                *ret_view = v;
        return r;
}
