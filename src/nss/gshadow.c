/* gshadow: doc/resolution.md 11.1, 17.2. Who may not read the image gets UNAVAIL and EACCES. */
#include "nss/map.h"

#include <gshadow.h>

NSS_DOOR nss_getsgnam_r _nss_netinfo_getsgnam_r;
NSS_DOOR nss_getsgent_r _nss_netinfo_getsgent_r;

struct question {
        struct sgrp *result;
        struct nss_room room;
};

static enum nss_status answer(const struct snap_map_view *v, void *question, int *errnop)
{
        const struct question *q = question;
        struct nss_room room = q->room;
        struct nss_strings s;
        const enum nss_status status = nss_copy(&room, v, &s, errnop);
        if (status == NSS_STATUS_SUCCESS)
                *q->result = (struct sgrp){
                        .sg_namp = s.name, .sg_passwd = s.extra, .sg_adm = s.first, .sg_mem = s.second};
        return status;
}

enum nss_status _nss_netinfo_getsgnam_r(const char *name, struct sgrp *result, char *buffer, size_t buflen,
                                        int *errnop)
{
        struct question q = {result, {buffer, buflen}};
        const struct nss_key key = nss_key_name(name);
        return nss_ask(SNAP_GSHADOW, &key, answer, &q, errnop);
}

NSS_WALK_DOORS(SNAP_GSHADOW, setsgent, endsgent)

enum nss_status _nss_netinfo_getsgent_r(struct sgrp *result, char *buffer, size_t buflen, int *errnop)
{
        struct question q = {result, {buffer, buflen}};
        return nss_next(SNAP_GSHADOW, answer, &q, errnop);
}
