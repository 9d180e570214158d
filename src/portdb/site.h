/* What a site says about its own ports: claims under /ports and /portranges, their sources under
 * /port_sources, and expected programs under /services/NAME (doc/ports.md 5.3, 8). This room does not know
 * how to reach a directory; whoever can hands the list in. */
#ifndef NETINFO_PORTDB_SITE_H
#define NETINFO_PORTDB_SITE_H

#include "base/arena.h"
#include "portdb/claim.h"

struct port_site_claim {
        struct port_claim claim;   /* PORT_SITE_USE: something is expected there; claim.source is ignored */
        struct port_source source; /* key NULL: the site itself; kind is never a registry's */
        const char *domain;        /* where it was found: "local"; never NULL */
        const char *owner;         /* whom to ask; "" when nobody is named */
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
        const struct port_source *source; /* all of /port_sources, when it was read */
        size_t sources;
        const char *const
                *hidden; /* ids (port_claim_id) of shipped claims that the site does not want told */
        size_t hiddens;
};

struct port_site_ask {
        uint16_t from, to;   /* claims that touch these ports */
        bool programs;       /* and all services with programs */
        const char *server;  /* as client.h has it; NULL: only what is near, and only for a moment */
        const char *tag;     /* domain; NULL: local */
        struct arena *arena; /* the result lives there */
};

enum port_site_end {
        PORT_SITE_ANSWERED,
        PORT_SITE_NOBODY, /* no directory here: the answer lacks nothing */
        PORT_SITE_FAILED, /* there is one, and it could not be read: the answer may lack something */
};

/* *ret_why: a sentence for the user, in the arena or static; after PORT_SITE_ANSWERED: what could not be
 * understood, or NULL. *ret_site: NULL when the site says nothing. */
typedef enum port_site_end port_site_load(const struct port_site_ask *ask, const struct port_site **ret_site,
                                          const char **ret_why);

#endif
