/* protocols and rpc, which have the same shape: doc/resolution.md 11.1. */
#include "nss/map.h"

#include <netdb.h>
#include <rpc/netdb.h>

NSS_DOOR nss_getprotobyname_r _nss_netinfo_getprotobyname_r;
NSS_DOOR nss_getprotobynumber_r _nss_netinfo_getprotobynumber_r;
NSS_DOOR nss_getprotoent_r _nss_netinfo_getprotoent_r;
NSS_DOOR nss_getrpcbyname_r _nss_netinfo_getrpcbyname_r;
NSS_DOOR nss_getrpcbynumber_r _nss_netinfo_getrpcbynumber_r;
NSS_DOOR nss_getrpcent_r _nss_netinfo_getrpcent_r;

struct question {
        struct protoent *protocol; /* one of the two */
        struct rpcent *rpc;
        struct nss_room room;
};

static enum nss_status answer(const struct snap_map_view *v, void *question, int *errnop)
{
        const struct question *q = question;
        struct nss_room room = q->room;
        struct nss_strings s;
        const enum nss_status status = nss_copy(&room, v, &s, errnop);
        if (status == NSS_STATUS_SUCCESS && q->protocol)
                *q->protocol =
                        (struct protoent){.p_name = s.name, .p_aliases = s.first, .p_proto = (int)v->number};
        else if (status == NSS_STATUS_SUCCESS)
                *q->rpc = (struct rpcent){.r_name = s.name, .r_aliases = s.first, .r_number = (int)v->number};
        return status;
}

enum nss_status _nss_netinfo_getprotobyname_r(const char *name, struct protoent *result, char *buffer,
                                              size_t buflen, int *errnop)
{
        struct question q = {result, NULL, {buffer, buflen}};
        const struct nss_key key = nss_key_name(name);
        return nss_ask(SNAP_PROTOCOLS, &key, answer, &q, errnop);
}

enum nss_status _nss_netinfo_getprotobynumber_r(int number, struct protoent *result, char *buffer,
                                                size_t buflen, int *errnop)
{
        struct question q = {result, NULL, {buffer, buflen}};
        const struct nss_key key = nss_key_number((uint32_t)number);
        return nss_ask(SNAP_PROTOCOLS, &key, answer, &q, errnop);
}

NSS_WALK_DOORS(SNAP_PROTOCOLS, setprotoent, endprotoent)

enum nss_status _nss_netinfo_getprotoent_r(struct protoent *result, char *buffer, size_t buflen, int *errnop)
{
        struct question q = {result, NULL, {buffer, buflen}};
        return nss_next(SNAP_PROTOCOLS, answer, &q, errnop);
}

enum nss_status _nss_netinfo_getrpcbyname_r(const char *name, struct rpcent *result, char *buffer,
                                            size_t buflen, int *errnop)
{
        struct question q = {NULL, result, {buffer, buflen}};
        const struct nss_key key = nss_key_name(name);
        return nss_ask(SNAP_RPC, &key, answer, &q, errnop);
}

enum nss_status _nss_netinfo_getrpcbynumber_r(int number, struct rpcent *result, char *buffer, size_t buflen,
                                              int *errnop)
{
        struct question q = {NULL, result, {buffer, buflen}};
        const struct nss_key key = nss_key_number((uint32_t)number);
        return nss_ask(SNAP_RPC, &key, answer, &q, errnop);
}

NSS_WALK_DOORS(SNAP_RPC, setrpcent, endrpcent)

enum nss_status _nss_netinfo_getrpcent_r(struct rpcent *result, char *buffer, size_t buflen, int *errnop)
{
        struct question q = {NULL, result, {buffer, buflen}};
        return nss_next(SNAP_RPC, answer, &q, errnop);
}
