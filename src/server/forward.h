/* What our binder asks other servers of this machine that registered with it (doc/protocol.md 2.9, 4.4): are
 * you alive, may this child bind? By UDP on loopback, in the main loop; whoever called waits, and nobody
 * else. */
#ifndef NETINFO_SERVER_FORWARD_H
#define NETINFO_SERVER_FORWARD_H

#include "server/dispatch.h"

struct forwards;

/* 0 or an errno. */
int forwards_start(struct server *s, struct forwards **ret);
/* Whoever still waits is told "no"; NULL is fine, as below. */
void forwards_stop(struct forwards *all);
void forwards_free(struct forwards *all);

/* GETREGISTER or BIND of a tag that another server serves, at a UDP port? From any thread. */
bool forward_wanted(struct server *s, enum nibind_proc proc, struct bytes tag);
/* In the main loop: the answer goes to where the call came from, later. False: too many wait; not begun. */
bool forward_datagram(struct server *s, const struct rpc_call *rpc, const struct binder_args *args,
                      const struct datagram_origin *origin);
/* The note of a CALL_BINDER that was sent away: fills its reply and sends it home. */
void forward_call(struct note *note, void *server);

#endif
