/* What the port mapper of this machine (rpcbind, RFC 1833) says: which RPC program registered which port. It
 * joins the sockets, for such programs take any free port. */
#ifndef NETINFO_PORTDB_RPC_H
#define NETINFO_PORTDB_RPC_H

#include "portdb/live.h"
#include "wire/call.h"

struct port_rpc {
        uint32_t program, version;
        uint16_t port;
        uint8_t transport; /* PORT_TCP or PORT_UDP */
};

/* DUMP from 127.0.0.1:111 (PORT_RPC_MAPPER) by version 2 over TCP. False: nobody answers, not in time, or not
 * as a port mapper does. Sorted by transport, port, program, version; in the arena. A registration is what
 * some program once said: that it still runs is for the sockets to show. */
#define PORT_RPC_MAPPER 111u
bool port_rpc_ask(unsigned timeout_ms, struct arena *a, const struct port_rpc **ret, size_t *ret_n);
/* The same from the bytes of a reply, behind its record mark. */
bool port_rpc_decode(struct bytes reply, uint32_t xid, struct arena *a, const struct port_rpc **ret,
                     size_t *ret_n);
/* Points the sockets of this network namespace that wait for others at their registrations. */
void port_rpc_join(struct port_live *l, const struct port_rpc *rpc, size_t n);
/* "nfs"; NULL when the program is not known here. Static storage. */
const char *port_rpc_name(uint32_t program);

#endif
