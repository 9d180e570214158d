/* services: doc/resolution.md 11.1. Ports in network byte order; without protocol the first record counts. */
#include "nss/map.h"

#include <netdb.h>
#include <netinet/in.h>
#include <string.h>

NSS_DOOR nss_getservbyname_r _nss_netinfo_getservbyname_r;
NSS_DOOR nss_getservbyport_r _nss_netinfo_getservbyport_r;
NSS_DOOR nss_getservent_r _nss_netinfo_getservent_r;

struct question {
        struct servent *result;
        struct nss_room room;
};

static enum nss_status answer(const struct snap_map_view *v, void *question, int *errnop)
{
        const struct question *q = question;
        struct nss_room room = q->room;
        struct nss_strings s;
        const enum nss_status status = nss_copy(&room, v, &s, errnop);
        if (status == NSS_STATUS_SUCCESS)
                *q->result = (struct servent){.s_name = s.name,
                                              .s_aliases = s.first,
                                              .s_port = htons((uint16_t)v->number),
                                              .s_proto = s.extra};
        return status;
}

enum nss_status _nss_netinfo_getservbyname_r(const char *name, const char *protocol, struct servent *result,
                                             char *buffer, size_t buflen, int *errnop)
{
        struct question q = {result, {buffer, buflen}};
        struct nss_key key = nss_key_name(name);
        nss_key_add(&key, "", 1); /* the NUL between name and protocol */
        if (protocol)
                nss_key_add(&key, protocol, strlen(protocol));
        return nss_ask(SNAP_SERVICES, &key, answer, &q, errnop);
}

enum nss_status _nss_netinfo_getservbyport_r(int port, const char *protocol, struct servent *result,
                                             char *buffer, size_t buflen, int *errnop)
{
        struct question q = {result, {buffer, buflen}};
        struct nss_key key = nss_key_number(ntohs((uint16_t)port));
        if (protocol)
                nss_key_add(&key, protocol, strlen(protocol));
        return nss_ask(SNAP_SERVICES, &key, answer, &q, errnop);
}

NSS_WALK_DOORS(SNAP_SERVICES, setservent, endservent)

enum nss_status _nss_netinfo_getservent_r(struct servent *result, char *buffer, size_t buflen, int *errnop)
{
        struct question q = {result, {buffer, buflen}};
        return nss_next(SNAP_SERVICES, answer, &q, errnop);
}
