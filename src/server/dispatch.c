#include "server/dispatch.h"

#include "server/conn_tls.h"
#include "server/server.h"

/* What goes back when the reply itself could not be put together (too large, or no memory). */
static enum served too_large(struct buf *out, size_t mark, uint32_t xid)
{
        buf_truncate(out, mark);
        out->failed = false;
        record_open(out);
        reply_accepted(out, xid, ACCEPT_SYSTEM_ERR);
        record_close(out, mark);
        return out->failed ? SERVED_CLOSE : SERVED_REPLY;
}

static enum served run_program(struct conn *c, const struct rpc_call *rpc, struct xdr_in *in, struct buf *out)
{
        switch (rpc->program) {
        case NI_PROGRAM:
                return program_ni(c, rpc, in, out);
        case NIBIND_PROGRAM:
                return program_binder(c, rpc, in, out);
        default:
                return program_ext(c, rpc, in, out);
        }
}

static enum served run(struct conn *c, enum rpc_verdict verdict, const struct rpc_call *rpc,
                       struct xdr_in *in, struct buf *out)
{
        enum served served = SERVED_REPLY;
        switch (verdict) {
        case RPC_DROP:
                atomic_fetch_add_explicit(&c->worker->server->records_dropped, 1, memory_order_relaxed);
                return SERVED_AWAY;
        case RPC_ANSWERED: /* in its turn, as everything that is not of the extension program */
                return c->first ? SERVED_LATER : SERVED_REPLY;
        case RPC_PROCEED:
        case RPC_PROBE:
                served = run_program(c, rpc, in, out);
                arena_reset(&c->worker->arena);
        }
        return served;
}

/* What is not for everybody, on connections that have to do with TLS. */
static enum served run_guarded(struct conn *c, enum rpc_verdict verdict, const struct rpc_call *rpc,
                               struct xdr_in *in, struct buf *out, size_t mark)
{
        const enum conn_tls_gate gate = verdict == RPC_PROBE ? conn_tls_probe(c, rpc, out)
                                                             : conn_tls_gate(c, verdict, rpc, out, mark);
        switch (gate) {
        case GATE_OPEN:
                return run(c, verdict, rpc, in, out);
        case GATE_SAID:
                return c->first ? SERVED_LATER : SERVED_REPLY;
        case GATE_PROBE:
                return SERVED_PROBED;
        case GATE_LAST:
                return SERVED_LAST;
        case GATE_LATER:
                return SERVED_LATER;
        default:
                return SERVED_CLOSE;
        }
}

enum served dispatch_record(struct conn *c, struct bytes record, struct buf *out)
{
        struct rpc_call rpc = {0};
        struct xdr_in in = xdr_in(record);
        const size_t mark = record_open(out);
        const enum rpc_verdict verdict = rpc_check(&in, c->doors, &rpc, out);
        c->doors &= ~(unsigned)RPC_FIRST;
        const enum served served = c->tls || verdict == RPC_PROBE
                                           ? run_guarded(c, verdict, &rpc, &in, out, mark + 4)
                                           : run(c, verdict, &rpc, &in, out);
        if (served != SERVED_REPLY && served != SERVED_LAST && served != SERVED_PROBED) {
                buf_truncate(out, mark);
                return out->failed ? SERVED_CLOSE : served;
        }
        record_close(out, mark);
        return out->failed ? too_large(out, mark, rpc.xid) : served;
}
