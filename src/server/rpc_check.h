/* The checks of a call before its procedure is looked at, in the order of protocol.md 2.10, alike for every
 * door. Pure: bytes in, verdict and perhaps a reply out. */
#ifndef NETINFO_SERVER_RPC_CHECK_H
#define NETINFO_SERVER_RPC_CHECK_H

#include "wire/call.h"
#include "wire/procs.h"

enum {
        RPC_NI = 1,     /* program 200100000 */
        RPC_BINDER = 2, /* program 200100001 */
        RPC_EXT = 4,    /* the extension program */
        RPC_UDP = 8,    /* the call came as a datagram */
        RPC_TLS = 16,   /* AUTH_TLS is known: a TCP connection (doc/tls.md 2.1) */
        RPC_FIRST = 32, /* a probe is taken: nothing has been said on it yet */
};

enum rpc_verdict {
        RPC_DROP,     /* no call, or too much of a credential: no answer, the connection stays */
        RPC_ANSWERED, /* a complete reply (without record mark) is in out */
        RPC_PROCEED,  /* *ret is complete, the procedure exists, `in` stands at its arguments */
        RPC_PROBE,    /* likewise, and the call asks whether TLS is spoken here */
};

/* doors: which programs are served here, and the other bits above. */
enum rpc_verdict rpc_check(struct xdr_in *in, unsigned doors, struct rpc_call *ret, struct buf *out);

#endif
