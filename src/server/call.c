#include "server/call.h"

#include "server/server.h"
#include "wire/record.h"

#include <stdlib.h>
#include <unistd.h>

struct call *call_new(enum call_kind kind, const struct rpc_call *rpc, struct bytes arguments,
                      struct xdr_in *ret_in)
{
        struct call *c = calloc(1, sizeof(*c));
        if (!c)
                return NULL;
        c->kind = kind;
        c->spool = c->place = -1;
        c->bytes = arguments.len;
        if (rpc) {
                c->xid = rpc->xid;
                c->proc = rpc->procedure;
        }
        arena_init(&c->arena, LIMIT_ARENA);
        buf_init(&c->reply, LIMIT_REPLY);
        const struct bytes copy = arena_bytes(&c->arena, arguments);
        if (c->arena.failed) {
                call_free(c);
                return NULL;
        }
        if (ret_in)
                *ret_in = xdr_in(copy);
        return c;
}

void call_free(struct call *c)
{
        if (!c)
                return;
        domain_release(c->domain);
        arena_done(&c->arena);
        buf_done(&c->reply);
        if (c->spool >= 0)
                close(c->spool);
        if (c->place >= 0)
                places_leave(&c->worker->server->places, c->place);
        free(c);
}

void call_set_source(struct call *c, const struct address *source)
{
        uint64_t halves[2];
        c->source = *source;
        memcpy(halves, source->b, sizeof(halves));
        c->task.source = halves[0] * 0x9e3779b97f4a7c15u + halves[1];
        c->task.bytes = c->bytes;
}

size_t call_reply_begin(struct call *c)
{
        buf_clear(&c->reply);
        record_open(&c->reply);
        reply_accepted(&c->reply, c->xid, ACCEPT_SUCCESS);
        return c->reply.len;
}

void call_reply_end(struct call *c)
{
        record_close(&c->reply, 0);
}

void call_refuse(struct call *c, uint32_t status)
{
        call_reply_begin(c);
        if (c->kind == CALL_EDIT) {
                struct ext_edit_result r = {.status = status, .failed_op = c->args.edit.op_count};
                ext_edit_encode(&r, &c->reply);
        } else {
                xdr_put_u32(&c->reply, status);
        }
        call_reply_end(c);
}

void call_refuse_rpc(struct call *c, enum accept_stat stat)
{
        buf_clear(&c->reply);
        record_open(&c->reply);
        reply_accepted(&c->reply, c->xid, stat);
        call_reply_end(c);
}
