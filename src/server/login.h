/* LOGIN: who the user at the other end of a TLS connection is (doc/tls.md 3). All in the worker's thread, but
 * for the look at the password. */
#ifndef NETINFO_SERVER_LOGIN_H
#define NETINFO_SERVER_LOGIN_H

#include "base/siphash.h"
#include "server/dispatch.h"

struct login {
        struct domain *domain; /* a reference; NULL: nobody */
        bool away;             /* a password is being looked at */
        bool over;             /* the record is another one now, or gone */
        bool unsure;           /* or it could not be looked at just now */
        bool superuser;        /* in that domain */
        uint64_t seq;          /* of the domain, when the record was looked at last */
        struct hash128 stamp;  /* of the record */
        char name[LIMIT_WHO + 1];
};

/* The call. What came before it, another LOGIN too, counts no more. */
enum served login_serve(struct conn *c, const struct rpc_call *rpc, struct xdr_in *in, struct buf *out);
/* It comes home. False: its refusal has to wait, and it comes again. */
bool login_home(struct conn *c, struct call *call);
void login_end(struct login *l);

enum login_state {
        LOGIN_NONE, /* not in this domain */
        LOGIN_VALID,
        LOGIN_OVER, /* it was, and calls say NI_AUTHERROR now */
};
/* At the beginning of a call to d: looks at the record again when the domain has changed, in a transaction of
 * its own; the worker's ends for it. */
enum login_state login_refresh(struct conn *c, struct domain *d);
/* What that said. *ret gets what the user may; its name is borrowed until the connection ends or another
 * LOGIN comes. */
enum login_state login_state(const struct conn *c, const struct domain *d, struct caller *ret);

#endif
