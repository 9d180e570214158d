/* ethers: doc/resolution.md 11.1. */
#include "nss/map.h"

#include <net/ethernet.h>
#include <string.h>

/* As the C library has it in a header of its own. */
struct etherent {
        const char *e_name;
        struct ether_addr e_addr;
};

NSS_DOOR nss_gethostton_r _nss_netinfo_gethostton_r;
NSS_DOOR nss_getntohost_r _nss_netinfo_getntohost_r;
NSS_DOOR nss_getetherent_r _nss_netinfo_getetherent_r;

struct question {
        struct etherent *result;
        struct nss_room room;
};

static enum nss_status answer(const struct snap_map_view *v, void *question, int *errnop)
{
        const struct question *q = question;
        struct nss_room room = q->room;
        struct nss_strings s;
        if (v->addresses4 != 2)
                return nss_not_found(SNAP_DAMAGED, errnop);
        const enum nss_status status = nss_copy(&room, v, &s, errnop);
        if (status == NSS_STATUS_SUCCESS) {
                q->result->e_name = s.name;
                memcpy(&q->result->e_addr, v->addresses, sizeof(q->result->e_addr));
        }
        return status;
}

enum nss_status _nss_netinfo_gethostton_r(const char *name, struct etherent *result, char *buffer,
                                          size_t buflen, int *errnop)
{
        struct question q = {result, {buffer, buflen}};
        const struct nss_key key = nss_key_folded(name, true);
        return nss_ask(SNAP_ETHERS, &key, answer, &q, errnop);
}

enum nss_status _nss_netinfo_getntohost_r(const struct ether_addr *address, struct etherent *result,
                                          char *buffer, size_t buflen, int *errnop)
{
        struct question q = {result, {buffer, buflen}};
        const struct nss_key key = nss_key_address(address, sizeof(*address));
        return nss_ask(SNAP_ETHERS, &key, answer, &q, errnop);
}

NSS_WALK_DOORS(SNAP_ETHERS, setetherent, endetherent)

enum nss_status _nss_netinfo_getetherent_r(struct etherent *result, char *buffer, size_t buflen, int *errnop)
{
        struct question q = {result, {buffer, buflen}};
        return nss_next(SNAP_ETHERS, answer, &q, errnop);
}
