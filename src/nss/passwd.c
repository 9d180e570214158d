/* passwd: doc/resolution.md 11.1. */
#include "nss/guest.h"

#include <pwd.h>
#include <string.h>

NSS_DOOR enum nss_status _nss_netinfo_getpwnam_r(const char *name, struct passwd *result, char *buffer,
                                                 size_t buflen, int *errnop);
NSS_DOOR enum nss_status _nss_netinfo_getpwuid_r(uid_t uid, struct passwd *result, char *buffer,
                                                 size_t buflen, int *errnop);
NSS_DOOR enum nss_status _nss_netinfo_setpwent(int stayopen);
NSS_DOOR enum nss_status _nss_netinfo_endpwent(void);
NSS_DOOR enum nss_status _nss_netinfo_getpwent_r(struct passwd *result, char *buffer, size_t buflen,
                                                 int *errnop);

#define USUAL 64u /* bytes: nearly every user's text is shorter */

/* Copies a text of usual length in a fixed size: with the true length, which has to come from the record
 * first, the copy would wait for memory and its branches would be guessed wrong. What lies behind the text in
 * the image lands behind it in the caller's buffer, where nobody looks. image NULL: it may end there. */
static inline void copy(char *buffer, size_t buflen, const struct snap_image *image,
                        const struct snap_user_view *u)
{
        if (image && u->text_len <= USUAL && buflen >= USUAL &&
            snap_bytes(image, (uint64_t)((const uint8_t *)u->text - image->base), USUAL))
                memcpy(buffer, u->text, USUAL);
        else
                memcpy(buffer, u->text, u->text_len);
}

static inline enum nss_status give(const struct snap_image *image, enum snap_result found,
                                   const struct snap_user_view *u, struct passwd *result, char *buffer,
                                   size_t buflen, int *errnop)
{
        if (found != SNAP_FOUND)
                return nss_not_found(found, errnop);
        if (u->text_len > buflen)
                return nss_too_small(errnop);
        copy(buffer, buflen, image, u);
        if (buffer[u->text_len - 1] != '\0') /* asked of the copy: the image may have changed since */
                return nss_not_found(SNAP_DAMAGED, errnop);
        result->pw_name = buffer;
        result->pw_passwd = buffer + u->password;
        result->pw_uid = u->uid;
        result->pw_gid = u->gid;
        result->pw_gecos = buffer + u->gecos;
        result->pw_dir = buffer + u->dir;
        result->pw_shell = buffer + u->shell;
        return NSS_STATUS_SUCCESS;
}

/* The lookups of an image with a delta. What they answer when the pair is replaced is thrown away. */
NSS_APART static enum nss_status by_name(struct snap_source from, const char *name, size_t len,
                                         struct passwd *result, char *buffer, size_t buflen, int *errnop)
{
        struct snap_pair pair;
        struct snap_user_view u;
        const enum snap_result found =
                snap_pin_pair(&from, &pair) ? snap_pair_user_by_name(&pair, name, len, &u) : SNAP_DAMAGED;
        return give(NULL, found, &u, result, buffer, buflen, errnop);
}

NSS_APART static enum nss_status by_uid(struct snap_source from, uid_t uid, struct passwd *result,
                                        char *buffer, size_t buflen, int *errnop)
{
        struct snap_pair pair;
        struct snap_user_view u;
        const enum snap_result found =
                snap_pin_pair(&from, &pair) ? snap_pair_user_by_uid(&pair, uid, &u) : SNAP_DAMAGED;
        return give(NULL, found, &u, result, buffer, buflen, errnop);
}

enum nss_status _nss_netinfo_getpwnam_r(const char *name, struct passwd *result, char *buffer, size_t buflen,
                                        int *errnop)
{
        const size_t len = strlen(name);
        for (unsigned turn = 0; turn < SNAP_TURNS; turn++) {
                struct snap_pin pin;
                struct snap_user_view u;
                const int err = snap_pin(SNAP_PASSWD, SNAP_NEEDS_NAMES, &pin);
                if (err)
                        return nss_no_image(err, errnop);
                const enum nss_status status =
                        nss_silent_name(&pin, name, len)
                                ? give(&pin.image, search_user_by_name(&pin.image, name, len, &u), &u, result,
                                       buffer, buflen, errnop)
                                : by_name(snap_source(SNAP_PASSWD, &pin), name, len, result, buffer, buflen,
                                          errnop);
                if (snap_stands(&pin))
                        return status;
        }
        return nss_too_busy(errnop);
}

enum nss_status _nss_netinfo_getpwuid_r(uid_t uid, struct passwd *result, char *buffer, size_t buflen,
                                        int *errnop)
{
        for (unsigned turn = 0; turn < SNAP_TURNS; turn++) {
                struct snap_pin pin;
                struct snap_user_view u;
                const int err = snap_pin(SNAP_PASSWD, SNAP_NEEDS_NUMBERS, &pin);
                if (err)
                        return nss_no_image(err, errnop);
                const enum nss_status status =
                        nss_silent_number(&pin, uid)
                                ? give(&pin.image, search_user_by_uid(&pin.image, uid, &u), &u, result,
                                       buffer, buflen, errnop)
                                : by_uid(snap_source(SNAP_PASSWD, &pin), uid, result, buffer, buflen, errnop);
                if (snap_stands(&pin))
                        return status;
        }
        return nss_too_busy(errnop);
}

enum nss_status _nss_netinfo_setpwent(int stayopen)
{
        (void)stayopen;
        return nss_walk_begin(SNAP_PASSWD);
}

enum nss_status _nss_netinfo_endpwent(void)
{
        nss_walk_end(SNAP_PASSWD);
        return NSS_STATUS_SUCCESS;
}

enum nss_status _nss_netinfo_getpwent_r(struct passwd *result, char *buffer, size_t buflen, int *errnop)
{
        struct nss_walk *w = nss_walk(SNAP_PASSWD, errnop);
        struct snap_user_view u;
        if (!w)
                return NSS_STATUS_UNAVAIL;
        const enum snap_result found = snap_pair_user_listed(&w->own.pair, &w->position, &u);
        const enum nss_status status = give(NULL, found, &u, result, buffer, buflen, errnop);
        w->position += status == NSS_STATUS_SUCCESS;
        return status;
}
