/* Renews this machine's certificate (doc/tls.md 5), in a thread of its own: its calls may wait. */
#ifndef NETINFO_AGENT_RENEWER_H
#define NETINFO_AGENT_RENEWER_H

#include "agent/servers.h"
#include "tls/identity.h"

struct renewer;

/* How the machine stands. */
struct renewer_standing {
        bool enrolled;
        char machine[TLS_NAME_MAX + 1]; /* "": its key is not to be had */
        uint64_t until;                 /* of the certificate, seconds since 1970; 0: none */
        char why[400];                  /* what is wrong, or why it was not renewed; "" : nothing */
};

struct renewer_options {
        /* Which servers there are to be asked, called by the thread: at most RENEWER_SERVERS of them. */
        unsigned (*servers)(void *context, struct server *ret);
        void *context;
        int wake_fd; /* an eventfd that gains 1 when the standing is another one */
        uint64_t seed;
};
#define RENEWER_SERVERS 64u

/* NULL: no memory, or no thread. */
struct renewer *renewer_start(const struct renewer_options *o);
/* Looks at the files at once (client_set_machine was called). */
void renewer_poke(struct renewer *r);
void renewer_look(struct renewer *r, struct renewer_standing *ret);
/* Ends the thread; a call under way is interrupted. *ret false: it resolves a name, and did not end within
 * ms. NULL is fine. */
bool renewer_stop(struct renewer *r, unsigned ms);

#endif
