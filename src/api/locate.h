/* A domain path (doc/protocol.md 4.6) as the servers behind it, for programs that speak with servers
 * themselves instead of through a handle of libnetinfo. */
#ifndef NETINFO_API_LOCATE_H
#define NETINFO_API_LOCATE_H

#include "base/limits.h"
#include "netinfo/status.h"

#include <stdbool.h>
#include <stdint.h>

struct located_server {
        char server[256]; /* for client_options.server; "": this host, found as any client finds it */
        char tag[LIMIT_TAG + 1];
};
#define LOCATED_MOST 256u
struct located {
        struct located_server v[LOCATED_MOST]; /* the one to try first is the first */
        unsigned n;
        char why[512]; /* on failure: what, and the way out */
};

/* Is this a path, and not just a tag? */
bool located_is_path(const char *text);
/* The servers of the domain `path`. "." , ".." and "/" begin at the local domain of this host, or, when
 * `from` is not NULL, at that one. Each call on the way waits `seconds` at most (0: the default of 5),
 * nothing is repeated for ever, and a parent that does not answer is a failure, as is a loop of parents.
 * NI_NETROOT: `..` of the root; NI_NODIR: no such child; NI_NORESPONSE, NI_FAILED: nobody answers;
 * NI_CANTFINDADDRESS, NI_INVALIDDOMAIN: the text. */
enum ni_status locate(const struct located_server *from, const char *path, unsigned seconds,
                      struct located *ret);
/* The absolute name of the domain that a server serves (4.8), at most size - 1 bytes. Statuses as above. */
enum ni_status locate_name(const struct located_server *of, unsigned seconds, char *ret_name, unsigned size);

/* The domains from a local one to the root, the local one first. */
struct located_level {
        struct located servers;
        char path[4 * LIMIT_DEPTH]; /* ".", "..", "../.." */
        char name[1024];            /* "/harbor/vellum"; "" when the root was not reached */
};
struct located_chain {
        struct located_level *v; /* n of them */
        unsigned n;
        char why[1024]; /* when the root was not reached: what is above the last level, and the way out */
};
/* Climbs from `from` (NULL: the local domain of this host). `port`: of the servers above; 0: found as every
 * client finds one. NI_OK: to the root; else the status of the step
 * that failed (NI_UNRELATED: a loop), and *ret holds what was reached, if anything. Free it in any case. */
enum ni_status locate_chain(const struct located_server *from, uint16_t port, unsigned seconds,
                            struct located_chain *ret);
void located_chain_done(struct located_chain *c);
/* Is this one of our own addresses, or this host as such? */
bool located_is_here(const struct located_server *s);

#endif
