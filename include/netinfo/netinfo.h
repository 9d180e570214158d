/* What the NetInfo client library has beside the historical calls (netinfo(3)). */
#ifndef NETINFO_NETINFO_H
#define NETINFO_NETINFO_H

#include <netinfo/ni_util.h>

#ifdef __cplusplus
extern "C" {
#endif

/* As ni_connect, for a server as people write it: "host", "host:port", "[2001:db8::1]:port" or the path of a
 * UNIX socket; NULL: this host. No connection is made yet. NI_CANTFINDADDRESS: the name does not resolve;
 * NI_INVALIDDOMAIN: no address, or no possible tag. */
ni_status netinfo_connect(const char *server, const char *tag, void **handle);
/* As ni_fancyopen, but says why it failed: NI_NORESPONSE when a parent is being searched for too long. */
ni_status netinfo_open(void *relative, const char *path, void **handle, ni_fancyopenargs *args);
/* As ni_url, with the timeouts and flags of ni_fancyopen; args may be NULL. */
ni_status netinfo_url(const char *url, void **handle, ni_id *id, ni_fancyopenargs *args);
/* The server of the parent domain that the current server is bound to; free tag with ni_name_free.
 * NI_NETROOT: it is the root. */
ni_status netinfo_rparent(void *handle, struct sockaddr_in *address, ni_name *tag);

/* One change of netinfo_edit. */
enum netinfo_kind {
        NETINFO_WRITE =
                0, /* the whole property list of the directory `id`, which must be current (NI_STALE) */
        NETINFO_CREATE = 1,  /* a new child at the end of the directory `id` */
        NETINFO_DESTROY = 2, /* the directory `id` and all below it, whatever its instance */
};
typedef struct netinfo_change {
        enum netinfo_kind kind;
        ni_id id; /* afterwards: the directory that was made or written */
        ni_proplist properties;
} netinfo_change;
#define NETINFO_CHANGES_MOST 1000 /* in one call; their lists may have 4 MiB in all */

/* Makes all n changes at once or none of them: one entry of the journal, called `what`. On failure *failed
 * (may be NULL) is the index of the change that was refused, or n. NI_BADOP: the server is a historical one
 * and has no such call; NI_NOSPACE: too many or too large. */
ni_status netinfo_edit(void *handle, const char *what, netinfo_change *changes, unsigned int n,
                       unsigned int *failed);

/* The children of a directory with their properties, in child order, some hundred in one call and never all
 * of them in memory. What changes meanwhile may be seen or not. netinfo_walk_begin makes *walk, which
 * netinfo_walk_end frees (NULL is fine); the handle must live as long, and may be used for other calls
 * meanwhile. netinfo_walk_next: *more == 0 at the end; else id and properties of the next child, freed by the
 * caller with ni_proplist_free. NI_NODIR: there is no such directory; NI_STALE: the domain was replaced
 * meanwhile. Historical servers are asked for each child. */
ni_status netinfo_walk_begin(void *handle, ni_index directory, void **walk);
ni_status netinfo_walk_next(void *walk, int *more, ni_id *id, ni_proplist *properties);
void netinfo_walk_end(void *walk);

#ifdef __cplusplus
}
#endif

#endif
