/* JOIN, RENEW and AUTHORITY on a connection (doc/tls.md 3, 6): who may call them, and what only the
 * connection knows; the work is the authority's. Their replies may overtake. */
#include "server/authority.h"
#include "server/conn_tls.h"
#include "server/dispatch.h"
#include "server/server.h"

#include <stdio.h>

static bool decode(struct call *call, struct xdr_in *in)
{
        struct authority_call *c = &call->args.authority;
        switch (call->proc) {
        case NIEXT_PROC_join:
                return ext_join_args_decode(in, &c->join);
        case NIEXT_PROC_renew:
                return ext_renew_args_decode(in, &c->renew);
        default:
                return ext_authority_args_decode(in, &c->authority);
        }
}

/* What only this connection knows. NI_OK, or why the call is not done. */
static enum ni_status fill(struct conn *c, struct call *call)
{
        struct authority_call *a = &call->args.authority;
        a->address = c->peer.address;
        snprintf(call->from, sizeof(call->from), "%s", c->peer.text);
        if (call->proc == NIEXT_PROC_authority || (call->proc == NIEXT_PROC_renew && !c->peer.tls))
                return c->peer.socket && peer_is_superuser(&c->peer, c->worker->config) ? NI_OK : NI_PERM;
        if (call->proc == NIEXT_PROC_renew) {
                if (!c->peer.tls->certified)
                        return NI_AUTHERROR;
                a->peer = *c->peer.tls;
                return NI_OK;
        }
        return tls_session_export(c->tls->session, TLS_JOIN_LABEL, a->exported) ? NI_OK : NI_SYSTEMERR;
}

enum served authority_serve(struct conn *c, const struct rpc_call *rpc, struct xdr_in *in, struct buf *out)
{
        struct xdr_in copy;
        struct server *s = c->worker->server;
        const bool here = c->peer.socket && rpc->procedure == NIEXT_PROC_renew; /* this machine itself */
        if (rpc->procedure != NIEXT_PROC_authority && !c->peer.tls && !here) {
                reply_denied(out, rpc->xid, AUTH_STAT_TOOWEAK);
                return SERVED_REPLY;
        }
        struct call *call = call_new(CALL_AUTHORITY, rpc, bytes_of(in->at, xdr_left(in)), &copy);
        if (!call || !decode(call, &copy)) {
                reply_accepted(out, rpc->xid, call ? ACCEPT_GARBAGE_ARGS : ACCEPT_SYSTEM_ERR);
                call_free(call);
                return SERVED_REPLY;
        }
        const enum ni_status st = fill(c, call);
        if (st != NI_OK) {
                reply_accepted(out, rpc->xid, ACCEPT_SUCCESS);
                xdr_put_u32(out, st);
                call_free(call);
                return SERVED_REPLY;
        }
        call_set_source(call, &c->visitor.source);
        worker_txn_end(c->worker);
        conn_send_away(c, call, false);
        if (!authority_submit(s->authority, call)) {
                call_refuse(call, NI_SYSTEMERR);
                call_send_home(call);
        }
        return SERVED_AWAY;
}
