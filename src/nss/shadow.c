/* shadow: doc/resolution.md 11.1, 11.3. Who may not read the image gets UNAVAIL and EACCES. */
#include "nss/guest.h"

#include <shadow.h>
#include <string.h>

NSS_DOOR enum nss_status _nss_netinfo_getspnam_r(const char *name, struct spwd *result, char *buffer,
                                                 size_t buflen, int *errnop);
NSS_DOOR enum nss_status _nss_netinfo_setspent(int stayopen);
NSS_DOOR enum nss_status _nss_netinfo_endspent(void);
NSS_DOOR enum nss_status _nss_netinfo_getspent_r(struct spwd *result, char *buffer, size_t buflen,
                                                 int *errnop);

static inline enum nss_status give(enum snap_result found, const struct snap_shadow_view *s,
                                   struct spwd *result, char *buffer, size_t buflen, int *errnop)
{
        if (found != SNAP_FOUND)
                return nss_not_found(found, errnop);
        if (s->text_len > buflen)
                return nss_too_small(errnop);
        memcpy(buffer, s->text, s->text_len);
        if (buffer[s->text_len - 1] != '\0')
                return nss_not_found(SNAP_DAMAGED, errnop);
        result->sp_namp = buffer;
        result->sp_pwdp = buffer + s->hash;
        result->sp_lstchg = (long)s->last_change;
        result->sp_min = (long)s->min;
        result->sp_max = (long)s->max;
        result->sp_warn = (long)s->warn;
        result->sp_inact = (long)s->inactive;
        result->sp_expire = (long)s->expire;
        result->sp_flag = (unsigned long)s->flag;
        return NSS_STATUS_SUCCESS;
}

/* The lookup of an image with a delta. What it answers when the pair is replaced is thrown away. */
NSS_APART static enum nss_status by_name(struct snap_source from, const char *name, size_t len,
                                         struct spwd *result, char *buffer, size_t buflen, int *errnop)
{
        struct snap_pair pair;
        struct snap_shadow_view s;
        const enum snap_result found =
                snap_pin_pair(&from, &pair) ? snap_pair_shadow_by_name(&pair, name, len, &s) : SNAP_DAMAGED;
        return give(found, &s, result, buffer, buflen, errnop);
}

enum nss_status _nss_netinfo_getspnam_r(const char *name, struct spwd *result, char *buffer, size_t buflen,
                                        int *errnop)
{
        const size_t len = strlen(name);
        for (unsigned turn = 0; turn < SNAP_TURNS; turn++) {
                struct snap_pin pin;
                struct snap_shadow_view s;
                const int err = snap_pin(SNAP_SHADOW, SNAP_NEEDS_NAMES, &pin);
                if (err)
                        return nss_no_image(err, errnop);
                const enum nss_status status =
                        nss_silent_name(&pin, name, len)
                                ? give(search_shadow_by_name(&pin.image, name, len, &s), &s, result, buffer,
                                       buflen, errnop)
                                : by_name(snap_source(SNAP_SHADOW, &pin), name, len, result, buffer, buflen,
                                          errnop);
                if (snap_stands(&pin))
                        return status;
        }
        return nss_too_busy(errnop);
}

enum nss_status _nss_netinfo_setspent(int stayopen)
{
        (void)stayopen;
        return nss_walk_begin(SNAP_SHADOW);
}

enum nss_status _nss_netinfo_endspent(void)
{
        nss_walk_end(SNAP_SHADOW);
        return NSS_STATUS_SUCCESS;
}

enum nss_status _nss_netinfo_getspent_r(struct spwd *result, char *buffer, size_t buflen, int *errnop)
{
        struct nss_walk *w = nss_walk(SNAP_SHADOW, errnop);
        struct snap_shadow_view s;
        if (!w)
                return NSS_STATUS_UNAVAIL;
        const enum snap_result found = snap_pair_shadow_listed(&w->own.pair, &w->position, &s);
        const enum nss_status status = give(found, &s, result, buffer, buflen, errnop);
        w->position += status == NSS_STATUS_SUCCESS;
        return status;
}
