#include "server/parent_wire.h"

#include "server/portmap_wire.h"

#include <netinet/in.h>

static void begin(struct buf *out, uint32_t xid, uint32_t program, uint32_t version, uint32_t procedure,
                  const struct auth_sys *sys)
{
        const struct rpc_call call = {
                .xid = xid, .program = program, .version = version, .procedure = procedure};
        call_encode(out, &call, sys);
}

static struct binder_args bind_args(const struct binding_action *a, const char *client_tag)
{
        return (struct binder_args){.tag = bytes_str(a->server.tag),
                                    .client_addr = a->client,
                                    .client_tag = bytes_str(client_tag)};
}

/* The true length of the arguments, not the historical one (protocol.md 3.6). */
static void put_callit(const struct binding_action *a, const char *client_tag, struct buf *out)
{
        const struct binder_args args = bind_args(a, client_tag);
        struct buf inner;
        buf_init(&inner, NI_UDP_MAX);
        binder_args_encode(NIBIND_PROC_bind, &args, &inner);
        xdr_put_u32(out, NIBIND_PROGRAM);
        xdr_put_u32(out, NIBIND_VERSION);
        xdr_put_u32(out, NIBIND_PROC_bind);
        xdr_put_opaque(out, buf_bytes(&inner));
        out->failed |= inner.failed;
        buf_done(&inner);
}

void parent_query_encode(const struct binding_action *a, const char *client_tag, const struct auth_sys *sys,
                         struct buf *out)
{
        const struct pmap_entry binder = {NIBIND_PROGRAM, NIBIND_VERSION, IPPROTO_UDP, 0};
        const struct binder_args args = bind_args(a, client_tag);
        switch (a->query) {
        case BINDING_GETPORT:
                pmap_call_encode(PMAP_GETPORT, a->xid, &binder, out);
                break;
        case BINDING_GETREGISTER:
                begin(out, a->xid, NIBIND_PROGRAM, NIBIND_VERSION, NIBIND_PROC_getregister, NULL);
                binder_args_encode(NIBIND_PROC_getregister, &args, out);
                break;
        case BINDING_PING:
                begin(out, a->xid, NI_PROGRAM, NI_VERSION, NI_PROC_ping, NULL);
                break;
        case BINDING_CALLIT:
                begin(out, a->xid, PMAP_PROGRAM, PMAP_VERSION, PMAP_CALLIT, sys);
                put_callit(a, client_tag, out);
                break;
        case BINDING_BIND:
                begin(out, a->xid, NIBIND_PROGRAM, NIBIND_VERSION, NIBIND_PROC_bind, NULL);
                binder_args_encode(NIBIND_PROC_bind, &args, out);
                break;
        }
}

bool parent_reply_xid(struct bytes datagram, uint32_t *ret)
{
        struct xdr_in in = xdr_in(datagram);
        const uint32_t xid = xdr_u32(&in), kind = xdr_u32(&in);
        if (!xdr_ok(&in) || kind != 1)
                return false;
        *ret = xid;
        return true;
}

bool parent_reply_decode(enum binding_query query, struct bytes datagram, struct binding_reply *ret)
{
        struct xdr_in in = xdr_in(datagram);
        struct rpc_reply header;
        struct binder_result result;
        struct binding_reply r = *ret;
        if (!reply_decode(&in, &header))
                return false;
        r.xid = header.xid;
        r.accepted = !header.denied && header.stat == ACCEPT_SUCCESS;
        r.status = r.udp_port = r.port = 0;
        if (r.accepted && query == BINDING_GETREGISTER) {
                if (!binder_result_decode(NIBIND_PROC_getregister, &in, &result))
                        return false;
                r.status = result.status;
                if (result.status == NI_OK)
                        r.udp_port = result.udp_port;
        } else if (r.accepted && query == BINDING_GETPORT) {
                r.port = xdr_u32(&in);
        } else if (r.accepted && query == BINDING_CALLIT) {
                r.port = xdr_u32(&in);
                xdr_opaque(&in, NI_UDP_MAX);
        }
        if (!xdr_ok(&in))
                return false;
        *ret = r;
        return true;
}
