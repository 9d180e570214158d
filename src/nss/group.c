/* group, and the group list of a user: doc/resolution.md 11.1. */
#include "nss/guest.h"

#include <grp.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

NSS_DOOR enum nss_status _nss_netinfo_getgrnam_r(const char *name, struct group *result, char *buffer,
                                                 size_t buflen, int *errnop);
NSS_DOOR enum nss_status _nss_netinfo_getgrgid_r(gid_t gid, struct group *result, char *buffer, size_t buflen,
                                                 int *errnop);
NSS_DOOR enum nss_status _nss_netinfo_setgrent(int stayopen);
NSS_DOOR enum nss_status _nss_netinfo_endgrent(void);
NSS_DOOR enum nss_status _nss_netinfo_getgrent_r(struct group *result, char *buffer, size_t buflen,
                                                 int *errnop);
NSS_DOOR enum nss_status _nss_netinfo_initgroups_dyn(const char *user, gid_t skipgroup, long int *start,
                                                     long int *size, gid_t **groupsp, long int limit,
                                                     int *errnop);

/* The buffer receives gr_mem, aligned, and behind it the text. */
static inline enum nss_status give(enum snap_result found, const struct snap_group_view *g,
                                   struct group *result, char *buffer, size_t buflen, int *errnop)
{
        if (found != SNAP_FOUND)
                return nss_not_found(found, errnop);
        const size_t gap = (size_t)(-(uintptr_t)buffer & (alignof(char *) - 1));
        const uint64_t pointers = ((uint64_t)g->member_count + 1) * sizeof(char *);
        if (gap + pointers + g->text_len > buflen)
                return nss_too_small(errnop);
        char **const members = (char **)(void *)(buffer + gap);
        char *const text = buffer + gap + pointers;
        memcpy(text, g->text, g->text_len);
        if (text[g->text_len - 1] != '\0')
                return nss_not_found(SNAP_DAMAGED, errnop);
        uint32_t highest = 0;
        for (uint32_t i = 0; i < g->member_count; i++) {
                const uint32_t position = snap_word(g->members + (size_t)i * sizeof(uint32_t));
                highest = position > highest ? position : highest;
                members[i] = text + position;
        }
        if (highest >= g->text_len)
                return nss_not_found(SNAP_DAMAGED, errnop);
        members[g->member_count] = NULL;
        result->gr_name = text;
        result->gr_passwd = text + g->password;
        result->gr_gid = g->gid;
        result->gr_mem = members;
        return NSS_STATUS_SUCCESS;
}

/* The lookups of an image with a delta. What they answer when the pair is replaced is thrown away. */
NSS_APART static enum nss_status by_name(struct snap_source from, const char *name, size_t len,
                                         struct group *result, char *buffer, size_t buflen, int *errnop)
{
        struct snap_pair pair;
        struct snap_group_view g;
        const enum snap_result found =
                snap_pin_pair(&from, &pair) ? snap_pair_group_by_name(&pair, name, len, &g) : SNAP_DAMAGED;
        return give(found, &g, result, buffer, buflen, errnop);
}

NSS_APART static enum nss_status by_gid(struct snap_source from, gid_t gid, struct group *result,
                                        char *buffer, size_t buflen, int *errnop)
{
        struct snap_pair pair;
        struct snap_group_view g;
        const enum snap_result found =
                snap_pin_pair(&from, &pair) ? snap_pair_group_by_gid(&pair, gid, &g) : SNAP_DAMAGED;
        return give(found, &g, result, buffer, buflen, errnop);
}

NSS_APART static enum snap_result gids_of(struct snap_source from, const char *user, size_t len,
                                          struct snap_gids_view *ret)
{
        struct snap_pair pair;
        return snap_pin_pair(&from, &pair) ? snap_pair_gids_by_name(&pair, user, len, ret) : SNAP_DAMAGED;
}

NSS_APART static enum snap_result find_user(struct snap_source from, const char *user, size_t len)
{
        struct snap_pair pair;
        struct snap_user_view u;
        return snap_pin_pair(&from, &pair) ? snap_pair_user_by_name(&pair, user, len, &u) : SNAP_DAMAGED;
}

enum nss_status _nss_netinfo_getgrnam_r(const char *name, struct group *result, char *buffer, size_t buflen,
                                        int *errnop)
{
        const size_t len = strlen(name);
        for (unsigned turn = 0; turn < SNAP_TURNS; turn++) {
                struct snap_pin pin;
                struct snap_group_view g;
                const int err = snap_pin(SNAP_GROUP, SNAP_NEEDS_NAMES, &pin);
                if (err)
                        return nss_no_image(err, errnop);
                const enum nss_status status = nss_silent_name(&pin, name, len)
                                                       ? give(search_group_by_name(&pin.image, name, len, &g),
                                                              &g, result, buffer, buflen, errnop)
                                                       : by_name(snap_source(SNAP_GROUP, &pin), name, len,
                                                                 result, buffer, buflen, errnop);
                if (snap_stands(&pin))
                        return status;
        }
        return nss_too_busy(errnop);
}

enum nss_status _nss_netinfo_getgrgid_r(gid_t gid, struct group *result, char *buffer, size_t buflen,
                                        int *errnop)
{
        for (unsigned turn = 0; turn < SNAP_TURNS; turn++) {
                struct snap_pin pin;
                struct snap_group_view g;
                const int err = snap_pin(SNAP_GROUP, SNAP_NEEDS_NUMBERS, &pin);
                if (err)
                        return nss_no_image(err, errnop);
                const enum nss_status status =
                        nss_silent_number(&pin, gid)
                                ? give(search_group_by_gid(&pin.image, gid, &g), &g, result, buffer, buflen,
                                       errnop)
                                : by_gid(snap_source(SNAP_GROUP, &pin), gid, result, buffer, buflen, errnop);
                if (snap_stands(&pin))
                        return status;
        }
        return nss_too_busy(errnop);
}

enum nss_status _nss_netinfo_setgrent(int stayopen)
{
        (void)stayopen;
        return nss_walk_begin(SNAP_GROUP);
}

enum nss_status _nss_netinfo_endgrent(void)
{
        nss_walk_end(SNAP_GROUP);
        return NSS_STATUS_SUCCESS;
}

enum nss_status _nss_netinfo_getgrent_r(struct group *result, char *buffer, size_t buflen, int *errnop)
{
        struct nss_walk *w = nss_walk(SNAP_GROUP, errnop);
        struct snap_group_view g;
        if (!w)
                return NSS_STATUS_UNAVAIL;
        const enum snap_result found = snap_pair_group_listed(&w->own.pair, &w->position, &g);
        const enum nss_status status = give(found, &g, result, buffer, buflen, errnop);
        w->position += status == NSS_STATUS_SUCCESS;
        return status;
}

/* -- initgroups
 * ---------------------------------------------------------------------------------------------------- */
struct list {
        gid_t *gids;
        long before, used, size, limit; /* before: entries that were there when we were called */
};

/* Room for one more; doubles, but not above the limit. 0; ERANGE: the limit is reached; ENOMEM. */
static int list_grow(struct list *l)
{
        if (l->limit > 0 && l->size >= l->limit)
                return ERANGE;
        long size = l->size > 0 ? l->size * 2 : 16;
        if (l->limit > 0 && size > l->limit)
                size = l->limit;
        gid_t *p = realloc(l->gids, (size_t)size * sizeof(*p));
        if (!p)
                return ENOMEM;
        l->gids = p;
        l->size = size;
        return 0;
}

static bool list_has(const struct list *l, gid_t gid)
{
        for (long i = 0; i < l->before; i++) /* ours are distinct already */
                if (l->gids[i] == gid)
                        return true;
        return false;
}

/* 0, or ENOMEM. A full list is no failure: the caller wants no more. */
static int list_add_all(struct list *l, const struct snap_gids_view *v, gid_t skip)
{
        for (uint32_t i = 0; i < v->count; i++) {
                const gid_t gid = snap_word(v->gids + (size_t)i * sizeof(uint32_t));
                if (gid == skip || list_has(l, gid))
                        continue;
                const int err = l->used < l->size ? 0 : list_grow(l);
                if (err)
                        return err == ERANGE ? 0 : err;
                l->gids[l->used++] = gid;
        }
        return 0;
}

/* In no group. Does the user exist at all? */
static enum nss_status user_without_groups(const char *user, size_t len, int *errnop)
{
        for (unsigned turn = 0; turn < SNAP_TURNS; turn++) {
                struct snap_pin pin;
                struct snap_user_view u;
                if (snap_pin(SNAP_PASSWD, SNAP_NEEDS_NAMES, &pin))
                        return nss_not_found(SNAP_ABSENT, errnop);
                const enum snap_result found = nss_silent_name(&pin, user, len)
                                                       ? search_user_by_name(&pin.image, user, len, &u)
                                                       : find_user(snap_source(SNAP_PASSWD, &pin), user, len);
                if (snap_stands(&pin))
                        return found == SNAP_FOUND ? NSS_STATUS_SUCCESS : nss_not_found(found, errnop);
        }
        return nss_too_busy(errnop);
}

enum nss_status _nss_netinfo_initgroups_dyn(const char *user, gid_t skipgroup, long int *start,
                                            long int *size, gid_t **groupsp, long int limit, int *errnop)
{
        const size_t len = strlen(user);
        for (unsigned turn = 0; turn < SNAP_TURNS; turn++) {
                struct list l = {
                        .gids = *groupsp, .before = *start, .used = *start, .size = *size, .limit = limit};
                struct snap_pin pin;
                struct snap_gids_view v;
                int err = snap_pin(SNAP_GROUP, SNAP_NEEDS_MEMBERS, &pin);
                if (err)
                        return nss_no_image(err, errnop);
                const enum snap_result found =
                        nss_silent_member(&pin, user, len)
                                ? search_gids_by_name(&pin.image, user, len, &v)
                                : gids_of(snap_source(SNAP_GROUP, &pin), user, len, &v);
                if (found == SNAP_FOUND)
                        err = list_add_all(&l, &v, skipgroup);
                *groupsp = l.gids; /* grown or not, it is the caller's to free */
                *size = l.size;
                if (!snap_stands(&pin))
                        continue;
                if (found == SNAP_ABSENT)
                        return user_without_groups(user, len, errnop);
                if (found != SNAP_FOUND)
                        return nss_not_found(found, errnop);
                if (err)
                        return nss_says(NSS_STATUS_TRYAGAIN, err, errnop);
                *start = l.used;
                return NSS_STATUS_SUCCESS;
        }
        return nss_too_busy(errnop);
}
