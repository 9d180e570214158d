/* The one thread that writes to a domain. Requests that arrived during the last commit share the next one;
 * each is a nested transaction, so that a refusal undoes only itself; no reply leaves before the commit it
 * depends on (decisions 14, 15). */
#ifndef NETINFO_SERVER_WRITER_H
#define NETINFO_SERVER_WRITER_H

#include "server/call.h"

struct writer;

/* The domain outlives its writer. NULL without memory or threads. */
struct writer *writer_start(struct domain *d);
/* Takes nothing more, does what is queued, then ends. NULL is fine, as below. */
void writer_stop(struct writer *w);
void writer_free(struct writer *w);

/* A CALL_WRITE or CALL_EDIT whose arguments, caller and policy are set. It comes home with its reply. False:
 * too much is queued, or the domain ends; the call is the caller's. */
bool writer_submit(struct writer *w, struct call *c);

#endif
