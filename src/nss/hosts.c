/* hosts: doc/resolution.md 11.1. */
#include "nss/map.h"

#include <netdb.h>
#include <netinet/in.h>
#include <stdalign.h>
#include <string.h>

NSS_DOOR nss_gethostbyname_r _nss_netinfo_gethostbyname_r;
NSS_DOOR nss_gethostbyname2_r _nss_netinfo_gethostbyname2_r;
NSS_DOOR nss_gethostbyname3_r _nss_netinfo_gethostbyname3_r;
NSS_DOOR nss_gethostbyname4_r _nss_netinfo_gethostbyname4_r;
NSS_DOOR nss_gethostbyaddr_r _nss_netinfo_gethostbyaddr_r;
NSS_DOOR nss_gethostbyaddr2_r _nss_netinfo_gethostbyaddr2_r;
NSS_DOOR nss_getcanonname_r _nss_netinfo_getcanonname_r;
NSS_DOOR nss_gethostent_r _nss_netinfo_gethostent_r;

/* h_errno of a failure; on success it is left alone. */
static enum nss_status says(enum nss_status status, int error, int *h_errnop)
{
        if (status == NSS_STATUS_TRYAGAIN)
                *h_errnop = error == ERANGE ? NETDB_INTERNAL : TRY_AGAIN;
        else if (status == NSS_STATUS_UNAVAIL)
                *h_errnop = NO_RECOVERY;
        else if (status == NSS_STATUS_NOTFOUND)
                *h_errnop = error == EADDRNOTAVAIL ? NO_DATA : HOST_NOT_FOUND;
        return status;
}

/* The record exists, but not in that family: told apart by this errno until `ended` hides it. */
static enum nss_status no_data(int *errnop)
{
        return nss_says(NSS_STATUS_NOTFOUND, EADDRNOTAVAIL, errnop);
}

static enum nss_status ended(enum nss_status status, int *errnop, int *h_errnop)
{
        says(status, *errnop, h_errnop);
        if (status == NSS_STATUS_NOTFOUND)
                *errnop = ENOENT;
        return status;
}

struct question {
        int family;
        struct hostent *result;
        struct nss_room room;
};

static enum nss_status answer(const struct snap_map_view *v, void *question, int *errnop)
{
        const struct question *q = question;
        struct nss_room room = q->room; /* a copy: the question may be asked again */
        struct nss_strings s;
        const bool six = q->family == AF_INET6;
        const size_t size = six ? 16 : 4;
        const uint32_t n = six ? v->addresses16 : v->addresses4;
        if (n == 0)
                return no_data(errnop);
        char **const list = nss_take(&room, (n + 1ull) * sizeof(char *), alignof(char *));
        char *const bytes = list ? nss_take(&room, n * size, alignof(uint32_t)) : NULL;
        if (!bytes)
                return nss_too_small(errnop);
        memcpy(bytes, v->addresses + (six ? v->addresses4 * 4ull : 0), n * size);
        for (uint32_t i = 0; i < n; i++)
                list[i] = bytes + i * size;
        list[n] = NULL;
        const enum nss_status status = nss_copy(&room, v, &s, errnop);
        if (status == NSS_STATUS_SUCCESS)
                *q->result = (struct hostent){.h_name = s.name,
                                              .h_aliases = s.first,
                                              .h_addrtype = q->family,
                                              .h_length = (int)size,
                                              .h_addr_list = list};
        return status;
}

/* -- by name */
static enum nss_status by_name(const char *name, int family, struct hostent *result, char *buffer,
                               size_t buflen, int *errnop, int *h_errnop)
{
        struct question q = {family, result, {buffer, buflen}};
        const struct nss_key key = nss_key_folded(name, true);
        if (family != AF_INET && family != AF_INET6)
                return ended(nss_says(NSS_STATUS_UNAVAIL, EAFNOSUPPORT, errnop), errnop, h_errnop);
        return ended(nss_ask(SNAP_HOSTS, &key, answer, &q, errnop), errnop, h_errnop);
}

enum nss_status _nss_netinfo_gethostbyname_r(const char *name, struct hostent *result, char *buffer,
                                             size_t buflen, int *errnop, int *h_errnop)
{
        return by_name(name, AF_INET, result, buffer, buflen, errnop, h_errnop);
}

enum nss_status _nss_netinfo_gethostbyname2_r(const char *name, int family, struct hostent *result,
                                              char *buffer, size_t buflen, int *errnop, int *h_errnop)
{
        return by_name(name, family, result, buffer, buflen, errnop, h_errnop);
}

enum nss_status _nss_netinfo_gethostbyname3_r(const char *name, int family, struct hostent *result,
                                              char *buffer, size_t buflen, int *errnop, int *h_errnop,
                                              int32_t *ttlp, char **canonp)
{
        const enum nss_status status = by_name(name, family, result, buffer, buflen, errnop, h_errnop);
        if (status == NSS_STATUS_SUCCESS && ttlp)
                *ttlp = 0; /* as good as the image: a cache should not keep it */
        if (status == NSS_STATUS_SUCCESS && canonp)
                *canonp = result->h_name;
        return status;
}

struct question4 {
        struct gaih_addrtuple **result;
        struct nss_room room;
};

static void put_tuple(struct gaih_addrtuple *to, char *name, const struct snap_map_view *v, uint32_t i)
{
        const bool six = i >= v->addresses4;
        *to = (struct gaih_addrtuple){.next = to + 1, .name = name, .family = six ? AF_INET6 : AF_INET};
        if (six)
                memcpy(to->addr, v->addresses + v->addresses4 * 4ull + (i - v->addresses4) * 16ull, 16);
        else
                memcpy(to->addr, v->addresses + i * 4ull, 4);
}

/* The caller may bring a first tuple of his own. */
static enum nss_status answer4(const struct snap_map_view *v, void *question, int *errnop)
{
        const struct question4 *q = question;
        struct nss_room room = q->room;
        const uint32_t n = v->addresses4 + v->addresses16;
        struct nss_strings s;
        if (n == 0)
                return no_data(errnop);
        struct gaih_addrtuple *const tuples =
                nss_take(&room, n * sizeof(*tuples), alignof(struct gaih_addrtuple));
        if (!tuples)
                return nss_too_small(errnop);
        const enum nss_status status = nss_copy(&room, v, &s, errnop);
        if (status != NSS_STATUS_SUCCESS)
                return status;
        for (uint32_t i = 0; i < n; i++)
                put_tuple(&tuples[i], s.name, v, i);
        tuples[n - 1].next = NULL;
        if (*q->result)
                **q->result = tuples[0];
        else
                *q->result = tuples;
        return NSS_STATUS_SUCCESS;
}

enum nss_status _nss_netinfo_gethostbyname4_r(const char *name, struct gaih_addrtuple **result, char *buffer,
                                              size_t buflen, int *errnop, int *h_errnop, int32_t *ttlp)
{
        struct gaih_addrtuple *const before = *result;
        struct gaih_addrtuple *found = before;
        struct question4 q = {&found, {buffer, buflen}};
        const struct nss_key key = nss_key_folded(name, true);
        const enum nss_status status =
                ended(nss_ask(SNAP_HOSTS, &key, answer4, &q, errnop), errnop, h_errnop);
        if (status == NSS_STATUS_SUCCESS) {
                *result = found;
                if (ttlp)
                        *ttlp = 0;
        }
        return status;
}

struct name_question {
        struct nss_room room;
        char **result;
};

static enum nss_status answer_name(const struct snap_map_view *v, void *question, int *errnop)
{
        const struct name_question *q = question;
        struct nss_room room = q->room;
        struct nss_strings s;
        const enum nss_status status = nss_copy(&room, v, &s, errnop);
        if (status == NSS_STATUS_SUCCESS)
                *q->result = s.name;
        return status;
}

enum nss_status _nss_netinfo_getcanonname_r(const char *name, char *buffer, size_t buflen, char **result,
                                            int *errnop, int *h_errnop)
{
        struct name_question q = {{buffer, buflen}, result};
        const struct nss_key key = nss_key_folded(name, true);
        return ended(nss_ask(SNAP_HOSTS, &key, answer_name, &q, errnop), errnop, h_errnop);
}

/* -- by address */
static enum nss_status by_address(const void *address, socklen_t len, int family, struct hostent *result,
                                  char *buffer, size_t buflen, int *errnop, int *h_errnop)
{
        struct question q = {family, result, {buffer, buflen}};
        if (!(family == AF_INET && len == 4) && !(family == AF_INET6 && len == 16))
                return ended(nss_says(NSS_STATUS_UNAVAIL, EAFNOSUPPORT, errnop), errnop, h_errnop);
        const struct nss_key key = nss_key_address(address, len);
        return ended(nss_ask(SNAP_HOSTS, &key, answer, &q, errnop), errnop, h_errnop);
}

enum nss_status _nss_netinfo_gethostbyaddr_r(const void *address, socklen_t len, int family,
                                             struct hostent *result, char *buffer, size_t buflen, int *errnop,
                                             int *h_errnop)
{
        return by_address(address, len, family, result, buffer, buflen, errnop, h_errnop);
}

enum nss_status _nss_netinfo_gethostbyaddr2_r(const void *address, socklen_t len, int family,
                                              struct hostent *result, char *buffer, size_t buflen,
                                              int *errnop, int *h_errnop, int32_t *ttlp)
{
        const enum nss_status status =
                by_address(address, len, family, result, buffer, buflen, errnop, h_errnop);
        if (status == NSS_STATUS_SUCCESS && ttlp)
                *ttlp = 0;
        return status;
}

/* -- enumeration: IPv4 addresses only, as callers of gethostent expect; hosts without one are left out */
NSS_WALK_DOORS(SNAP_HOSTS, sethostent, endhostent)

enum nss_status _nss_netinfo_gethostent_r(struct hostent *result, char *buffer, size_t buflen, int *errnop,
                                          int *h_errnop)
{
        struct question q = {AF_INET, result, {buffer, buflen}};
        return ended(nss_next(SNAP_HOSTS, answer, &q, errnop), errnop, h_errnop);
}
