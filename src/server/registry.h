/* Which tags are served here: our own domains, and those that other servers of this machine registered with
 * our binder (protocol.md 2.9). Read by all threads, changed by the main loop only. */
#ifndef NETINFO_SERVER_REGISTRY_H
#define NETINFO_SERVER_REGISTRY_H

#include "server/domain.h"
#include "wire/binder.h"

struct registered {
        char tag[LIMIT_TAG + 1];
        uint32_t udp_port, tcp_port;
};

struct registry {
        pthread_rwlock_t lock;
        struct domain *domain[LIMIT_DOMAINS]; /* a reference each */
        unsigned domains;
        struct registered foreign[LIMIT_FOREIGN];
        unsigned foreigners;
};

void registry_init(struct registry *r);
void registry_done(struct registry *r); /* empty of domains by then */

/* A reference for the caller, or NULL. */
struct domain *registry_find(struct registry *r, struct bytes tag);
/* Version 2 on the main port names no domain: `wanted` when it is not empty, else network, else local
 * (decision 1). A reference, or NULL. */
struct domain *registry_default(struct registry *r, const char *wanted);
/* Takes over the reference. False: LIMIT_DOMAINS. */
bool registry_add(struct registry *r, struct domain *d);
/* Gives the reference back; NULL: no such tag of ours. */
struct domain *registry_remove(struct registry *r, struct bytes tag);

/* NI_OK, NI_NOTAG, or NI_NORESPONSE for a domain of ours that could not be opened. */
enum ni_status registry_ports(struct registry *r, struct bytes tag, uint32_t *ret_udp, uint32_t *ret_tcp);
/* Of another server of this machine; false: not registered, or the tag is ours. */
bool registry_foreign(struct registry *r, struct bytes tag, uint32_t *ret_udp, uint32_t *ret_tcp);
/* Our own domains first; at most NI_REGS_MAX. Tags are copied to the arena. */
uint32_t registry_list(struct registry *r, struct arena *a, struct binder_registration to[NI_REGS_MAX]);
/* REGISTER, UNREGISTER: NI_OK; NI_DUPTAG and NI_PERM for our own tags; NI_NOSPACE: LIMIT_FOREIGN. */
enum ni_status registry_enter(struct registry *r, struct bytes tag, uint32_t udp_port, uint32_t tcp_port);
enum ni_status registry_strike(struct registry *r, struct bytes tag);

#endif
