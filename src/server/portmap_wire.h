/* The port mapper's protocol, version 2 (RFC 1833 section 3), as far as NetInfo needs it: asking one to keep
 * the binder's ports, and reading what is asked of one (doc/binding.md 8). Pure. */
#ifndef NETINFO_SERVER_PORTMAP_WIRE_H
#define NETINFO_SERVER_PORTMAP_WIRE_H

#include "wire/call.h"

#define PMAP_PROGRAM 100000u
#define PMAP_VERSION 2u
#define PMAP_PORT    111u
enum pmap_proc { PMAP_NULL, PMAP_SET, PMAP_UNSET, PMAP_GETPORT, PMAP_DUMP, PMAP_CALLIT, PMAP_PROC_COUNT };

struct pmap_entry {
        uint32_t program, version, protocol, port;
};

/* Appends a whole call of SET, UNSET or GETPORT. */
void pmap_call_encode(enum pmap_proc proc, uint32_t xid, const struct pmap_entry *e, struct buf *out);
/* The single word of a reply to it: a port, or whether it was done. False: no successful reply to this xid.
 */
bool pmap_reply_decode(struct bytes datagram, uint32_t xid, uint32_t *ret);

/* Arguments of a call that came: GETPORT, SET, UNSET fill `entry`; CALLIT program, version and procedure of
 * the inner call, and its arguments, borrowed. False: they do not decode. */
struct pmap_args {
        struct pmap_entry entry;
        uint32_t procedure;
        struct bytes args;
};
bool pmap_args_decode(enum pmap_proc proc, struct xdr_in *in, struct pmap_args *ret);

#endif
