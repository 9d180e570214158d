/* The parents of our domains (doc/binding.md): one binding core a domain, their datagrams, and what
 * NI_RPARENT answers meanwhile. In the main loop; only what is said so is for other threads. */
#ifndef NETINFO_SERVER_PARENT_H
#define NETINFO_SERVER_PARENT_H

#include "server/domain.h"

struct server;
struct parents;

/* Opens the socket; before the user changes, for its port may be a reserved one. NULL: no memory, or no
 * socket; *ret_errno says. */
struct parents *parents_new(struct server *s, int *ret_errno);
/* Threads, network news; begins to look for the parents of those added already. 0 or an errno. */
int parents_start(struct parents *all);
/* A domain that is served; one that could not be opened is left out. */
void parents_add(struct parents *all, struct domain *d);
void parents_remove(struct parents *all, const struct domain *d);
/* SIGHUP: the configuration may be another one, what was bound is forgotten. */
void parents_reload(struct parents *all);
/* Once a second. */
void parents_tick(struct parents *all);
/* No new questions; ends the threads. NULL is fine, as below. */
void parents_stop(struct parents *all);
/* After the loop has ended. */
void parents_free(struct parents *all);

/* From any thread. asks: somebody called NI_RPARENT, which may have the parent checked, in the background. */
struct binding_answer parent_answer(struct domain *d, bool asks, struct server *s);
/* What NI_RPARENT says to this answer. */
enum ni_status parent_status(const struct binding_answer *a, const struct config *c);
/* Row `binding` of STATISTICS (protocol.md 2.8): to at least 96 bytes. */
void parent_text(const struct binding_answer *a, char *to, size_t cap);

#endif
