#include "server/dispatch.h"

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

enum served dispatch_record(struct conn *c, struct bytes record, struct buf *out)
{
        struct rpc_call rpc = {0};
        struct xdr_in in = xdr_in(record);
        const size_t mark = record_open(out);
        enum served served = SERVED_REPLY;
        switch (rpc_check(&in, c->doors, &rpc, out)) {
        case RPC_DROP:
                atomic_fetch_add_explicit(&c->worker->server->records_dropped, 1, memory_order_relaxed);
                served = SERVED_AWAY;
                break;
        case RPC_ANSWERED: /* in its turn, as everything that is not of the extension program */
                if (c->first)
                        served = SERVED_LATER;
                break;
        case RPC_PROCEED:
                served = run_program(c, &rpc, &in, out);
                arena_reset(&c->worker->arena);
                break;
        }
        if (served != SERVED_REPLY) {
                buf_truncate(out, mark);
                return out->failed ? SERVED_CLOSE : served;
        }
        record_close(out, mark);
        return out->failed ? too_large(out, mark, rpc.xid) : SERVED_REPLY;
}
