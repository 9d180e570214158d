/* What the entry points of libnss_netinfo share. Statuses: doc/resolution.md 11.1. */
#ifndef NETINFO_NSS_GUEST_H
#define NETINFO_NSS_GUEST_H

#include "snapshot/live.h"
#include "snapshot/search.h"

#include <errno.h>
#include <nss.h>

/* Entry points are looked up by name in the finished library; nothing includes a prototype of ours. */
#define NSS_DOOR __attribute__((visibility("default")))
/* Kept out of the lookups, which are made for the usual case: no delta, or one that does not know the key. */
#define NSS_APART __attribute__((noinline))

static inline enum nss_status nss_says(enum nss_status status, int error, int *errnop)
{
        *errnop = error;
        return status;
}

/* No image: ENOENT, EACCES for a shadow image that is not for us, else what stood in the way. The next source
 * may know. */
static inline enum nss_status nss_no_image(int error, int *errnop)
{
        return nss_says(NSS_STATUS_UNAVAIL, error, errnop);
}

static inline enum nss_status nss_not_found(enum snap_result result, int *errnop)
{
        if (result == SNAP_DAMAGED)
                return nss_says(NSS_STATUS_UNAVAIL, EBADMSG, errnop);
        return nss_says(NSS_STATUS_NOTFOUND, ENOENT, errnop);
}

/* The image was replaced under us SNAP_TURNS times in a row. */
static inline enum nss_status nss_too_busy(int *errnop)
{
        return nss_says(NSS_STATUS_TRYAGAIN, EAGAIN, errnop);
}

static inline enum nss_status nss_too_small(int *errnop)
{
        return nss_says(NSS_STATUS_TRYAGAIN, ERANGE, errnop);
}

/* Is the base to be asked, without a further word on the delta? Yes, when there is none or no slot of it has
 * the key's hash. Else nss_silent_* says no, and the caller asks the pair. */
static inline __attribute__((always_inline)) bool nss_silent_name(const struct snap_pin *pin,
                                                                  const char *name, size_t len)
{
        struct snap_image delta;
        return !pin->delta || (snap_pin_delta(pin, SNAP_NEEDS_NAMES, &delta) &&
                               search_no_name(&delta, &delta.names, name, len));
}

static inline __attribute__((always_inline)) bool nss_silent_member(const struct snap_pin *pin,
                                                                    const char *name, size_t len)
{
        struct snap_image delta;
        return !pin->delta || (snap_pin_delta(pin, SNAP_NEEDS_MEMBERS, &delta) &&
                               search_no_name(&delta, &delta.members, name, len));
}

static inline __attribute__((always_inline)) bool nss_silent_number(const struct snap_pin *pin,
                                                                    uint32_t number)
{
        struct snap_image delta;
        return !pin->delta ||
               (snap_pin_delta(pin, SNAP_NEEDS_NUMBERS, &delta) && search_no_number(&delta, number));
}

/* An enumeration of one thread: an image of its own and how far it came. */
struct nss_walk {
        struct snap_own own;
        uint64_t position;
};

/* The calling thread's walk through a map, opened when it is not; NULL with *errnop. Kept until nss_walk_end
 * or the thread's end. */
struct nss_walk *nss_walk(enum snap_kind kind, int *errnop);
void nss_walk_end(enum snap_kind kind);
/* Ends the walk and begins a new one; for set*ent. */
enum nss_status nss_walk_begin(enum snap_kind kind);

#endif
