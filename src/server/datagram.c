/* Calls that come as datagrams: PING, BIND, and the binder's few (doc/protocol.md 3.3). In the main loop. */
#include "server/dispatch.h"
#include "server/forward.h"
#include "server/server.h"
#include "sys/clock.h"

bool datagram_is_heard(const struct server *s, const struct peer *p)
{
        return p->own || networks_have(&s->config->read_networks, &p->address) ||
               networks_have(&s->config->write_networks, &p->address);
}

static void answer_bind(struct domain *d, const struct rpc_call *rpc, const struct ni_args *args,
                        struct arena *a, struct buf *out)
{
        const struct caller nobody = {0};
        const struct dir_policy policy = {0};
        struct dir_request rq = {
                .txn = domain_read_begin(d, SLOT_MAIN), .caller = &nobody, .policy = &policy, .arena = a};
        bool may = false;
        if (rq.txn) {
                may = dir_bind(&rq, args->value, args->number) == NI_OK;
                domain_read_end(d, SLOT_MAIN);
        }
        reply_accepted(out, rpc->xid, may ? ACCEPT_SUCCESS : ACCEPT_SYSTEM_ERR);
}

static void answer_ni(struct server *s, struct domain *d, const struct rpc_call *rpc, struct xdr_in *in,
                      struct arena *a, struct buf *out)
{
        struct ni_args args;
        const uint64_t since = clock_mono_us();
        d = d ? domain_hold(d) : registry_default(&s->registry, s->config->default_domain);
        if (!d)
                reply_accepted(out, rpc->xid, ACCEPT_PROG_UNAVAIL);
        else if (!ni_args_decode((enum ni_proc)rpc->procedure, in, a, &args))
                reply_accepted(out, rpc->xid, ACCEPT_GARBAGE_ARGS);
        else if (rpc->procedure == NI_PROC_bind)
                answer_bind(d, rpc, &args, a, out);
        else
                reply_accepted(out, rpc->xid, ACCEPT_SUCCESS);
        if (d)
                domain_count(d, SLOT_MAIN, (enum ni_proc)rpc->procedure, clock_mono_us() - since);
        domain_release(d);
}

static void answer_binder(struct server *s, const struct rpc_call *rpc, struct xdr_in *in, struct arena *a,
                          const struct peer *from, const struct datagram_origin *origin, struct buf *out)
{
        struct binder_args args;
        if (!binder_args_decode((enum nibind_proc)rpc->procedure, in, &args))
                reply_accepted(out, rpc->xid, ACCEPT_GARBAGE_ARGS);
        else if (rpc->procedure == NIBIND_PROC_ping)
                reply_accepted(out, rpc->xid, ACCEPT_SUCCESS);
        else if (forward_wanted(s, (enum nibind_proc)rpc->procedure, args.tag) &&
                 forward_datagram(s, rpc, &args, origin))
                return; /* the answer comes later */
        else
                binder_answer(s, SLOT_MAIN, rpc, &args, from, a, out);
}

void dispatch_datagram(struct server *s, struct domain *d, const struct peer *p, struct bytes datagram,
                       const struct datagram_origin *origin, struct arena *a, struct buf *out)
{
        struct rpc_call rpc = {0};
        struct xdr_in in = xdr_in(datagram);
        const unsigned doors = RPC_UDP | RPC_NI | (d ? 0u : (unsigned)(RPC_BINDER | RPC_EXT));
        const enum rpc_verdict v = datagram_is_heard(s, p) ? rpc_check(&in, doors, &rpc, out) : RPC_DROP;
        if (v == RPC_DROP)
                s->datagrams_dropped++;
        else if (v == RPC_PROCEED && rpc.program == NI_PROGRAM)
                answer_ni(s, d, &rpc, &in, a, out);
        else if (v == RPC_PROCEED)
                answer_binder(s, &rpc, &in, a, p, origin, out);
        if (out->failed || out->len > NI_UDP_MAX)
                buf_clear(out);
}
