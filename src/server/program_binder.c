/* The binder: program 200100001 version 1 (doc/protocol.md 2.9). Our domains all live in this process, so
 * nothing is asked over the network; what changes their set is done by the main loop. */
#include "model/path.h"
#include "server/alias.h"
#include "server/dispatch.h"
#include "server/forward.h"
#include "server/server.h"
#include "sys/log.h"

/* What strangers can make happen as often as they like. */
static struct log_limit binder_refused_limit;

/* IPv4 of the caller: the socket is this machine. */
static uint32_t address_of_peer(const struct peer *p)
{
        uint32_t v4 = INADDR_LOOPBACK;
        if (!p->socket && !address_ipv4(&p->address, &v4))
                v4 = 0; /* no alias is for IPv6 */
        return v4;
}

/* BIND: does this child of one of our domains exist? The tag may be an alias, by the child's address (6.6).
 */
static bool may_bind(struct server *s, unsigned slot, const struct binder_args *args, struct arena *a)
{
        struct domain *d = registry_find(&s->registry, args->tag);
        if (!d)
                d = alias_find(&s->registry, slot, args->tag, args->client_addr, a);
        const struct caller nobody = {0};
        const struct dir_policy policy = {0};
        bool may = false;
        struct store_txn *t = d ? domain_read_begin(d, slot) : NULL;
        if (t) {
                struct dir_request rq = {.txn = t, .caller = &nobody, .policy = &policy, .arena = a};
                may = dir_bind(&rq, args->client_tag, args->client_addr) == NI_OK;
                domain_read_end(d, slot);
        }
        domain_release(d);
        return may;
}

static enum ni_status find_ports(struct server *s, unsigned slot, struct bytes tag, const struct peer *from,
                                 struct arena *a, struct binder_result *r)
{
        const enum ni_status st = registry_ports(&s->registry, tag, &r->udp_port, &r->tcp_port);
        struct domain *d =
                st == NI_NOTAG ? alias_find(&s->registry, slot, tag, address_of_peer(from), a) : NULL;
        if (!d)
                return st;
        r->udp_port = d->udp_port;
        r->tcp_port = d->tcp_port;
        domain_release(d);
        return NI_OK;
}

void binder_answer(struct server *s, unsigned slot, const struct rpc_call *rpc,
                   const struct binder_args *args, const struct peer *from, struct arena *a, struct buf *out)
{
        struct binder_result r = {.status = NI_OK};
        const enum nibind_proc proc = (enum nibind_proc)rpc->procedure;
        if (proc == NIBIND_PROC_bind) {
                reply_accepted(out, rpc->xid,
                               may_bind(s, slot, args, a) ? ACCEPT_SUCCESS : ACCEPT_SYSTEM_ERR);
                return;
        }
        if (proc == NIBIND_PROC_getregister)
                r.status = find_ports(s, slot, args->tag, from, a, &r);
        else if (proc == NIBIND_PROC_listreg)
                r.reg_count = registry_list(&s->registry, a, r.regs);
        reply_accepted(out, rpc->xid, ACCEPT_SUCCESS);
        binder_result_encode(proc, &r, out);
}

/* -- changes, in the main loop -- */

static const char *procedure_name(uint32_t proc)
{
        static const char *const names[NIBIND_PROC_COUNT] = {
#define X(n, name, args, result, udp) [n] = #name,
                NIBIND_PROCS(X)
#undef X
        };
        return names[proc];
}

/* The caller names the master's host and address; whether it speaks the extension program is found out at the
 * first contact. */
static enum ni_status create_clone(struct server *s, const struct binder_args *a)
{
        struct store_origin o = {.kind = STORE_ORIGIN_ASK};
        char host[256], address[16];
        const uint32_t v4 = a->master_addr;
        if (!tag_is_valid(a->master_tag) || a->master_name.len == 0 || a->master_name.len >= sizeof(host))
                return NI_SYSTEMERR;
        snprintf(host, sizeof(host), "%.*s", BYTES_FMT(a->master_name));
        snprintf(address, sizeof(address), "%u.%u.%u.%u", v4 >> 24, v4 >> 16 & 255, v4 >> 8 & 255, v4 & 255);
        snprintf(o.where, sizeof(o.where), "%s/%.*s", address, BYTES_FMT(a->master_tag));
        return server_create_clone(s, a->tag, &o, host, address);
}

static enum ni_status change(struct server *s, const struct call *call)
{
        const struct binder_args *a = &call->args.binder;
        switch ((enum nibind_proc)call->proc) {
        case NIBIND_PROC_register:
                if (!tag_is_valid(a->tag) || a->udp_port > 65535 || a->tcp_port > 65535)
                        return NI_SYSTEMERR;
                return registry_enter(&s->registry, a->tag, a->udp_port, a->tcp_port);
        case NIBIND_PROC_unregister:
                return registry_strike(&s->registry, a->tag);
        case NIBIND_PROC_createmaster:
                return server_create_domain(s, a->tag);
        case NIBIND_PROC_destroydomain:
                return server_destroy_domain(s, a->tag);
        default:
                return create_clone(s, a);
        }
}

void binder_change(struct note *note, void *server)
{
        struct call *call = (struct call *)((char *)note - offsetof(struct call, note));
        const enum ni_status st = change(server, call);
        log_event(LOG_LEVEL_NOTICE, "binder", "call=%s tag=%.*s from=\"%s\" status=%d",
                  procedure_name(call->proc), BYTES_FMT(call->args.binder.tag), call->from, (int)st);
        call_refuse(call, st);
        call_send_home(call);
}

/* To the main loop, with a copy of the arguments. */
static enum served leave(struct conn *c, const struct rpc_call *rpc, struct bytes arguments,
                         void (*run)(struct note *note, void *server))
{
        struct xdr_in in;
        struct call *call = call_new(CALL_BINDER, rpc, arguments, &in);
        if (!call || !binder_args_decode((enum nibind_proc)rpc->procedure, &in, &call->args.binder)) {
                call_free(call);
                return SERVED_CLOSE;
        }
        call->ordered = true;
        snprintf(call->from, sizeof(call->from), "%s", c->peer.text);
        worker_txn_end(c->worker); /* a domain may be closed before this slice ends */
        conn_send_away(c, call, true);
        call->note.run = run;
        loop_post(&c->worker->server->loop, &call->note);
        return SERVED_AWAY;
}

static enum served serve_change(struct conn *c, const struct rpc_call *rpc, struct bytes arguments,
                                struct buf *out)
{
        if (!peer_is_superuser(&c->peer, c->worker->config)) {
                log_limited(&binder_refused_limit, LOG_LEVEL_NOTICE, "binder-refused", "call=%s from=\"%s\"",
                            procedure_name(rpc->procedure), c->peer.text);
                reply_accepted(out, rpc->xid, ACCEPT_SUCCESS);
                xdr_put_u32(out, NI_PERM);
                return SERVED_REPLY;
        }
        return leave(c, rpc, arguments, binder_change);
}

enum served program_binder(struct conn *c, const struct rpc_call *rpc, struct xdr_in *in, struct buf *out)
{
        struct worker *w = c->worker;
        struct binder_args args;
        const struct bytes arguments = bytes_of(in->at, xdr_left(in));
        if (c->first)
                return SERVED_LATER;
        if (!binder_args_decode((enum nibind_proc)rpc->procedure, in, &args)) {
                reply_accepted(out, rpc->xid, ACCEPT_GARBAGE_ARGS);
                return SERVED_REPLY;
        }
        switch ((enum nibind_proc)rpc->procedure) {
        case NIBIND_PROC_ping:
                reply_accepted(out, rpc->xid, ACCEPT_SUCCESS);
                return SERVED_REPLY;
        case NIBIND_PROC_getregister:
        case NIBIND_PROC_listreg:
        case NIBIND_PROC_bind:
                if (forward_wanted(w->server, (enum nibind_proc)rpc->procedure, args.tag))
                        return leave(c, rpc, arguments, forward_call);
                worker_txn_end(w); /* may_bind begins one of its own in the same slot */
                binder_answer(w->server, w->slot, rpc, &args, &c->peer, &w->arena, out);
                return SERVED_REPLY;
        default:
                return serve_change(c, rpc, arguments, out);
        }
}
