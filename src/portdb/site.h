/* What a site says about its own ports: claims under /ports and expected programs under /services/NAME
 * (doc/ports.md 5.3). This room does not know how to reach a directory; whoever can hands the list in. */
#ifndef NETINFO_PORTDB_SITE_H
#define NETINFO_PORTDB_SITE_H

#include "portdb/claim.h"

struct port_site_claim {
        struct port_claim claim; /* status PORT_SITE_USE as a rule; source is ignored */
        const char *domain;      /* where it was found: "/", "local"; never NULL */
        const char *owner;       /* whom to ask; "" when nobody is named */
};

/* Property `program` and `unit` of /services/NAME. */
struct port_site_service {
        const char *name;            /* the service */
        const char *const *programs; /* NULL-terminated: base names of executables */
        const char *unit;            /* systemd unit, "" when none is named */
};

struct port_site {
        const struct port_site_claim *claim;
        size_t claims;
        const struct port_site_service *service;
        size_t services;
};

/* Asks for claims that touch from..to and for all services with programs. The result is borrowed until the
 * next call; NULL when no directory answers
 * (*ret_why: a sentence for the user, static or kept by the callee) or when the site says nothing (*ret_why
 * is NULL then). */
typedef const struct port_site *port_site_load(uint16_t from, uint16_t to, const char **ret_why);

#endif
