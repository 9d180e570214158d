/* networks: doc/resolution.md 11.1. */
#include "nss/map.h"

#include <netdb.h>
#include <sys/socket.h>

NSS_DOOR nss_getnetbyname_r _nss_netinfo_getnetbyname_r;
NSS_DOOR nss_getnetbyaddr_r _nss_netinfo_getnetbyaddr_r;
NSS_DOOR nss_getnetent_r _nss_netinfo_getnetent_r;

struct question {
        struct netent *result;
        struct nss_room room;
};

static enum nss_status answer(const struct snap_map_view *v, void *question, int *errnop)
{
        const struct question *q = question;
        struct nss_room room = q->room;
        struct nss_strings s;
        const enum nss_status status = nss_copy(&room, v, &s, errnop);
        if (status == NSS_STATUS_SUCCESS)
                *q->result = (struct netent){
                        .n_name = s.name, .n_aliases = s.first, .n_addrtype = AF_INET, .n_net = v->number};
        return status;
}

static enum nss_status ended(enum nss_status status, const int *errnop, int *h_errnop)
{
        if (status == NSS_STATUS_TRYAGAIN)
                *h_errnop = *errnop == ERANGE ? NETDB_INTERNAL : TRY_AGAIN;
        else if (status == NSS_STATUS_UNAVAIL)
                *h_errnop = NO_RECOVERY;
        else if (status == NSS_STATUS_NOTFOUND)
                *h_errnop = HOST_NOT_FOUND;
        return status;
}

enum nss_status _nss_netinfo_getnetbyname_r(const char *name, struct netent *result, char *buffer,
                                            size_t buflen, int *errnop, int *h_errnop)
{
        struct question q = {result, {buffer, buflen}};
        const struct nss_key key = nss_key_folded(name, false);
        return ended(nss_ask(SNAP_NETWORKS, &key, answer, &q, errnop), errnop, h_errnop);
}

/* 10 asks for what 10.0.0.0 asks for. */
static uint32_t padded(uint32_t net)
{
        while (net && !(net & 0xff000000))
                net <<= 8;
        return net;
}

enum nss_status _nss_netinfo_getnetbyaddr_r(uint32_t net, int type, struct netent *result, char *buffer,
                                            size_t buflen, int *errnop, int *h_errnop)
{
        struct question q = {result, {buffer, buflen}};
        const struct nss_key key = nss_key_number(padded(net));
        if (type != AF_INET && type != AF_UNSPEC)
                return ended(nss_not_found(SNAP_ABSENT, errnop), errnop, h_errnop);
        return ended(nss_ask(SNAP_NETWORKS, &key, answer, &q, errnop), errnop, h_errnop);
}

NSS_WALK_DOORS(SNAP_NETWORKS, setnetent, endnetent)

enum nss_status _nss_netinfo_getnetent_r(struct netent *result, char *buffer, size_t buflen, int *errnop,
                                         int *h_errnop)
{
        struct question q = {result, {buffer, buflen}};
        return ended(nss_next(SNAP_NETWORKS, answer, &q, errnop), errnop, h_errnop);
}
