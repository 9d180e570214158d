/* The datagrams of binding (doc/protocol.md 3.6, 4.2 - 4.4): what the core wants to ask, and what strangers
 * answer, as bytes. Pure. */
#ifndef NETINFO_SERVER_PARENT_WIRE_H
#define NETINFO_SERVER_PARENT_WIRE_H

#include "binding/binding.h"
#include "wire/binder.h"
#include "wire/call.h"

/* Appends the whole call. client_tag: of the domain that looks for a parent; sys: who we are, for call-it. */
void parent_query_encode(const struct binding_action *a, const char *client_tag, const struct auth_sys *sys,
                         struct buf *out);
/* The first word, by which the question is found. False: too short, or no reply. */
bool parent_reply_xid(struct bytes datagram, uint32_t *ret);
/* Fills all but from and from_port. False: no whole reply to such a question. */
bool parent_reply_decode(enum binding_query query, struct bytes datagram, struct binding_reply *ret);

#endif
