/* Program 200100000 version 2 on a connection (doc/protocol.md 2.4 - 2.8). */
#include "server/dispatch.h"
#include "server/login.h"
#include "server/push.h"
#include "server/replica.h"
#include "server/server.h"
#include "sys/clock.h"
#include "sys/log.h"

#include <netinet/in.h>
#include <stdio.h>

/* What strangers can make happen as often as they like. */
static struct log_limit readall_refused_limit;

enum kind { READ, WRITE, CONTROL };

static const uint8_t kinds[NI_PROC_COUNT] = {
#define X(n, name, args, result, kind, udp) [n] = kind,
        NI_PROCS(X)
#undef X
};

/* The domain that version 2 means on this connection; NULL: there is none. */
static struct domain *domain_of(struct conn *c)
{
        struct worker *w = c->worker;
        if (!c->domain)
                c->domain = registry_default(&w->server->registry, w->config->default_domain);
        return c->domain;
}

static struct dir_policy policy_of(const struct conn *c, const struct domain *d)
{
        return (struct dir_policy){
                .redact = config_switch(&c->worker->config->redact, bytes_str(d->tag)),
                .clone = domain_refuses_writes(d),
        };
}

static void count_call(struct conn *c, struct domain *d, uint32_t proc)
{
        struct worker *w = c->worker;
        const uint64_t now = clock_mono_us();
        domain_count(d, w->slot, (enum ni_proc)proc, now - w->clock_us);
        w->clock_us = now;
}

static enum served accepted(struct buf *out, uint32_t xid, enum accept_stat stat)
{
        reply_accepted(out, xid, stat);
        return SERVED_REPLY;
}

static enum served with_status(struct buf *out, uint32_t xid, enum ni_status status)
{
        reply_accepted(out, xid, ACCEPT_SUCCESS);
        xdr_put_u32(out, status);
        return SERVED_REPLY;
}

/* -- reads -- */

/* Keys whose values are nearly always unique: their look-ups are short however many children there are. */
static bool finds_few(struct bytes key)
{
        static const char *const words[] = {"name",       "uid",  "ip_address", "ipv6_address",
                                            "en_address", "port", "number"};
        for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++)
                if (bytes_eq_str(key, words[i]))
                        return true;
        return false;
}

/* Does it take long enough to be done away from the loop? */
static bool is_long(struct store_txn *t, uint32_t proc, const struct ni_args *a)
{
        struct store_node n;
        switch (proc) {
        case NI_PROC_children:
        case NI_PROC_list:
        case NI_PROC_listall:
                break;
        case NI_PROC_lookup:
                if (finds_few(a->key) && store_indexed(t, a->key))
                        return false;
                break;
        case NI_PROC_lookupread:
                if (store_indexed(t, a->key))
                        return false;
                break;
        default:
                return false;
        }
        return store_get(t, a->id.object, &n) == NI_OK && n.child_count > LIMIT_LONG_READ;
}

/* The call leaves the loop with a copy of its arguments. */
static enum served leave(struct conn *c, struct domain *d, const struct rpc_call *rpc, enum call_kind kind,
                         struct bytes arguments, const struct caller *caller)
{
        struct xdr_in in;
        struct call *call = call_new(kind, rpc, arguments, &in);
        if (!call || !ni_args_decode((enum ni_proc)rpc->procedure, &in, &call->arena, &call->args.ni)) {
                call_free(call);
                return SERVED_CLOSE;
        }
        call->ordered = true;
        call->domain = domain_hold(d);
        call->policy = policy_of(c, d);
        call->caller = *caller;
        snprintf(call->from, sizeof(call->from), "%s", c->peer.text);
        call->began_us = c->worker->clock_us;
        call->source = c->visitor.source;
        worker_txn_end(c->worker);
        conn_send_away(c, call, true);
        if (!long_read_submit(c->worker->server, call)) {
                call_refuse(call, NI_SYSTEMERR);
                call_send_home(call);
        }
        return SERVED_AWAY;
}

static enum served serve_read(struct conn *c, struct domain *d, const struct rpc_call *rpc, struct xdr_in *in,
                              struct buf *out)
{
        struct worker *w = c->worker;
        struct ni_args args;
        const struct bytes arguments = bytes_of(in->at, xdr_left(in));
        if (!ni_args_decode((enum ni_proc)rpc->procedure, in, &w->arena, &args))
                return accepted(out, rpc->xid, ACCEPT_GARBAGE_ARGS);
        struct store_txn *t = worker_txn(w, d);
        if (!t)
                return accepted(out, rpc->xid, ACCEPT_SYSTEM_ERR);
        const struct caller caller = conn_reader(c, d);
        if (is_long(t, rpc->procedure, &args))
                return leave(c, d, rpc, CALL_READ, arguments, &caller);
        const struct dir_policy policy = policy_of(c, d);
        struct dir_request rq = {
                .txn = t, .caller = &caller, .policy = &policy, .arena = &w->arena, .out = out};
        reply_accepted(out, rpc->xid, ACCEPT_SUCCESS);
        dir_read(&rq, (enum ni_proc)rpc->procedure, &args);
        count_call(c, d, rpc->procedure);
        return SERVED_REPLY;
}

/* -- writes -- */

/* protocol.md 5.7: the update channel of a historical master. */
static bool is_push(struct conn *c, struct domain *d, const struct rpc_call *rpc)
{
        return d->role == STORE_CLONE && !c->tls && rpc->flavor != AUTH_FLAVOR_SYS && !c->peer.socket &&
               c->peer.port < IPPORT_RESERVED && worker_txn(c->worker, d) &&
               replica_is_master(d, &c->peer.address);
}

static enum served take_push(struct conn *c, struct call *call)
{
        call->pushed = true;
        call->policy.clone = false;
        call->policy.honour_target = true;
        call->caller = (struct caller){.superuser = true, .sees_secrets = true};
        snprintf(call->from, sizeof(call->from), "%s", c->peer.text);
        worker_txn_end(c->worker);
        conn_send_away(c, call, false);
        if (!domain_submit(call->domain, call)) {
                call_refuse(call, NI_MASTERBUSY);
                call_send_home(call);
        }
        return SERVED_AWAY;
}

/* A status that is known at once still has to wait for its turn. */
static enum served refuse_write(struct conn *c, struct call *call, enum ni_status status, struct buf *out)
{
        if (!c->first) {
                with_status(out, call->xid, status);
                count_call(c, call->domain, call->proc);
                call_free(call);
                return SERVED_REPLY;
        }
        conn_send_away(c, call, false);
        call_refuse(call, status);
        call_send_home(call);
        return SERVED_AWAY;
}

static enum served serve_write(struct conn *c, struct domain *d, const struct rpc_call *rpc,
                               struct xdr_in *in, struct buf *out)
{
        struct worker *w = c->worker;
        struct xdr_in copy;
        enum ni_status status = NI_OK;
        /* Writes of one connection may share a batch, unless who writes has to be found out first: that may
         * depend on the writes before. */
        if (c->barrier || (c->first && authorize_needs_password(c, rpc)))
                return SERVED_LATER;
        struct call *call = call_new(CALL_WRITE, rpc, bytes_of(in->at, xdr_left(in)), &copy);
        if (!call)
                return c->first ? SERVED_LATER : accepted(out, rpc->xid, ACCEPT_SYSTEM_ERR);
        if (!ni_args_decode((enum ni_proc)rpc->procedure, &copy, &call->arena, &call->args.ni)) {
                call_free(call);
                return c->first ? SERVED_LATER : accepted(out, rpc->xid, ACCEPT_GARBAGE_ARGS);
        }
        call->ordered = true;
        call->domain = domain_hold(d);
        call->policy = policy_of(c, d);
        call->began_us = w->clock_us;
        if (is_push(c, d, rpc))
                return take_push(c, call);
        if (call->policy.clone) /* protocol.md 2.6 step 2: before anybody's password is looked at */
                return refuse_write(c, call, NI_RDONLY, out);
        switch (authorize(c, call, rpc, &status)) {
        case AUTHORIZED_LATER:
                call_free(call);
                return SERVED_LATER;
        case AUTHORIZED_AWAY:
                return SERVED_AWAY;
        case AUTHORIZED_REFUSED:
                return refuse_write(c, call, status, out);
        case AUTHORIZED:
                break;
        }
        worker_txn_end(w);
        conn_send_away(c, call, false);
        if (!domain_submit(d, call)) {
                call_refuse(call, NI_MASTERBUSY);
                call_send_home(call);
        }
        return SERVED_AWAY;
}

/* -- the others -- */

/* The pseudo password of the Mac OS X look-up daemon (protocol.md 2.8). */
static bool asks_checksum_only(const struct rpc_call *rpc)
{
        uint8_t plain[LIMIT_MACHINE];
        size_t n;
        if (rpc->flavor != AUTH_FLAVOR_SYS)
                return false;
        auth_password(rpc->sys.machine, plain, &n);
        return bytes_eq_str(bytes_of(plain, n), "checksum");
}

/* Listed replicas from a reserved port, the superuser, this machine, and legacy writers (decision 7). The
 * first two see secrets. */
static bool may_read_all(struct conn *c, struct dir_request *rq, struct caller *caller)
{
        const struct config *cfg = c->worker->config;
        if (caller->superuser)
                return true;
        if (conn_is_replica(c, rq)) {
                caller->sees_secrets = true;
                return true;
        }
        return !c->tls && (c->peer.own || networks_have(&cfg->write_networks, &c->peer.address));
}

/* From the last known state: nobody waits for a parent (doc/binding.md 2). */
static void answer_rparent(struct worker *w, struct domain *d, const struct rpc_call *rpc, struct buf *out)
{
        const struct binding_answer parent = parent_answer(d, true, w->server);
        const struct ni_result r = {.status = parent_status(&parent, w->config),
                                    .value = bytes_str(parent.parent.tag),
                                    .addr = parent.parent.addr};
        reply_accepted(out, rpc->xid, ACCEPT_SUCCESS);
        ni_result_encode(NI_PROC_rparent, &r, out);
}

static enum served serve_control(struct conn *c, struct domain *d, const struct rpc_call *rpc,
                                 struct xdr_in *in, struct buf *out)
{
        struct worker *w = c->worker;
        struct ni_args args;
        const struct bytes arguments = bytes_of(in->at, xdr_left(in));
        if (!ni_args_decode((enum ni_proc)rpc->procedure, in, &w->arena, &args))
                return accepted(out, rpc->xid, ACCEPT_GARBAGE_ARGS);
        struct store_txn *t = worker_txn(w, d);
        if (!t)
                return accepted(out, rpc->xid, ACCEPT_SYSTEM_ERR);
        struct caller caller = conn_reader(c, d);
        const struct dir_policy policy = policy_of(c, d);
        struct dir_request rq = {
                .txn = t, .caller = &caller, .policy = &policy, .arena = &w->arena, .out = out};
        switch ((enum ni_proc)rpc->procedure) {
        case NI_PROC_statistics:
                reply_accepted(out, rpc->xid, ACCEPT_SUCCESS);
                if (statistics_put(w, d, &rq, asks_checksum_only(rpc)) != NI_OK)
                        out->failed = true; /* it has no status: SYSTEM_ERR goes out */
                break;
        case NI_PROC_rparent:
                answer_rparent(w, d, rpc, out);
                break;
        case NI_PROC_bind:
                accepted(out, rpc->xid,
                         dir_bind(&rq, args.value, args.number) == NI_OK ? ACCEPT_SUCCESS
                                                                         : ACCEPT_SYSTEM_ERR);
                break;
        case NI_PROC_readall:
                if (may_read_all(c, &rq, &caller))
                        return leave(c, d, rpc, CALL_READALL, arguments, &caller);
                log_limited(&readall_refused_limit, LOG_LEVEL_NOTICE, "readall-refused", "from=\"%s\" tag=%s",
                            c->peer.text, d->tag);
                with_status(out, rpc->xid, NI_PERM);
                break;
        case NI_PROC_resync:
                replica_resync(d);
                pushing_resync(d);
                with_status(out, rpc->xid, NI_OK);
                break;
        case NI_PROC_crashed:
                replica_crashed(d, args.number);
                accepted(out, rpc->xid, ACCEPT_SUCCESS);
                break;
        default: /* PING */
                accepted(out, rpc->xid, ACCEPT_SUCCESS);
        }
        count_call(c, d, rpc->procedure);
        return SERVED_REPLY;
}

/* Who has said LOGIN, and is nobody since (doc/tls.md 3). */
static enum served refuse_forgotten(const struct conn *c, const struct rpc_call *rpc, enum kind kind,
                                    struct buf *out)
{
        if (c->first)
                return SERVED_LATER;
        if (kind != CONTROL)
                return with_status(out, rpc->xid, NI_AUTHERROR);
        reply_denied(out, rpc->xid, AUTH_STAT_TOOWEAK); /* not all of these results have a status */
        return SERVED_REPLY;
}

enum served program_ni(struct conn *c, const struct rpc_call *rpc, struct xdr_in *in, struct buf *out)
{
        const enum kind kind = (enum kind)kinds[rpc->procedure];
        if (c->first && kind != WRITE) /* replies keep the order of calls */
                return SERVED_LATER;
        struct domain *d = domain_of(c);
        if (!d)
                return c->first ? SERVED_LATER : accepted(out, rpc->xid, ACCEPT_PROG_UNAVAIL);
        if (d->state == DOMAIN_GONE)
                return SERVED_CLOSE;
        if (!conn_trusted(c, d)) {
                if (c->first)
                        return SERVED_LATER;
                reply_denied(out, rpc->xid, AUTH_STAT_TOOWEAK);
                return SERVED_REPLY;
        }
        if (c->tls && login_refresh(c, d) == LOGIN_OVER)
                return refuse_forgotten(c, rpc, kind, out);
        switch (kind) {
        case READ:
                return serve_read(c, d, rpc, in, out);
        case WRITE:
                return serve_write(c, d, rpc, in, out);
        default:
                return serve_control(c, d, rpc, in, out);
        }
}
