#include "server/portmap_wire.h"

void pmap_call_encode(enum pmap_proc proc, uint32_t xid, const struct pmap_entry *e, struct buf *out)
{
        const struct rpc_call call = {
                .xid = xid, .program = PMAP_PROGRAM, .version = PMAP_VERSION, .procedure = (uint32_t)proc};
        call_encode(out, &call, NULL);
        xdr_put_u32(out, e->program);
        xdr_put_u32(out, e->version);
        xdr_put_u32(out, e->protocol);
        xdr_put_u32(out, e->port);
}

bool pmap_reply_decode(struct bytes datagram, uint32_t xid, uint32_t *ret)
{
        struct xdr_in in = xdr_in(datagram);
        struct rpc_reply header;
        if (!reply_decode(&in, &header) || header.xid != xid || header.denied ||
            header.stat != ACCEPT_SUCCESS)
                return false;
        const uint32_t word = xdr_u32(&in);
        if (!xdr_ok(&in))
                return false;
        *ret = word;
        return true;
}

bool pmap_args_decode(enum pmap_proc proc, struct xdr_in *in, struct pmap_args *ret)
{
        struct pmap_args a = {.args = BYTES_NONE};
        if (proc == PMAP_SET || proc == PMAP_UNSET || proc == PMAP_GETPORT || proc == PMAP_CALLIT) {
                a.entry.program = xdr_u32(in);
                a.entry.version = xdr_u32(in);
        }
        if (proc == PMAP_CALLIT) {
                a.procedure = xdr_u32(in);
                a.args = xdr_opaque(in, NI_UDP_MAX); /* historical senders count four bytes too many: 3.6 */
        } else if (proc == PMAP_SET || proc == PMAP_UNSET || proc == PMAP_GETPORT) {
                a.entry.protocol = xdr_u32(in);
                a.entry.port = xdr_u32(in);
        }
        if (!xdr_ok(in))
                return false;
        *ret = a;
        return true;
}
