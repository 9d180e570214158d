/* aliases: doc/resolution.md 11.1. */
#include "nss/map.h"

#include <aliases.h>

NSS_DOOR nss_setaliasent _nss_netinfo_setaliasent;
NSS_DOOR nss_endaliasent _nss_netinfo_endaliasent;
NSS_DOOR nss_getaliasbyname_r _nss_netinfo_getaliasbyname_r;
NSS_DOOR nss_getaliasent_r _nss_netinfo_getaliasent_r;

struct question {
        struct aliasent *result;
        struct nss_room room;
};

static enum nss_status answer(const struct snap_map_view *v, void *question, int *errnop)
{
        const struct question *q = question;
        struct nss_room room = q->room;
        struct nss_strings s;
        const enum nss_status status = nss_copy(&room, v, &s, errnop);
        if (status == NSS_STATUS_SUCCESS)
                *q->result = (struct aliasent){.alias_name = s.name,
                                               .alias_members_len = v->first,
                                               .alias_members = s.first,
                                               .alias_local = v->number != 0};
        return status;
}

enum nss_status _nss_netinfo_getaliasbyname_r(const char *name, struct aliasent *result, char *buffer,
                                              size_t buflen, int *errnop)
{
        struct question q = {result, {buffer, buflen}};
        const struct nss_key key = nss_key_folded(name, false);
        return nss_ask(SNAP_ALIASES, &key, answer, &q, errnop);
}

enum nss_status _nss_netinfo_setaliasent(void)
{
        return nss_walk_begin(SNAP_ALIASES);
}

enum nss_status _nss_netinfo_endaliasent(void)
{
        nss_walk_end(SNAP_ALIASES);
        return NSS_STATUS_SUCCESS;
}

enum nss_status _nss_netinfo_getaliasent_r(struct aliasent *result, char *buffer, size_t buflen, int *errnop)
{
        struct question q = {result, {buffer, buflen}};
        return nss_next(SNAP_ALIASES, answer, &q, errnop);
}
