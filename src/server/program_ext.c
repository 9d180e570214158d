/* The extension program on a connection (doc/extension-program.md). Its replies may overtake. */
#include "server/conn_tls.h"
#include "server/dispatch.h"
#include "server/replica.h"
#include "server/server.h"
#include "sys/clock.h"

#include <stdio.h>

static enum served accepted(struct buf *out, uint32_t xid, enum accept_stat stat)
{
        reply_accepted(out, xid, stat);
        return SERVED_REPLY;
}

static enum served with_status(struct buf *out, uint32_t xid, uint32_t status)
{
        reply_accepted(out, xid, ACCEPT_SUCCESS);
        xdr_put_u32(out, status);
        return SERVED_REPLY;
}

/* Of what is served inside TLS only. */
static enum served too_weak(struct buf *out, uint32_t xid)
{
        reply_denied(out, xid, AUTH_STAT_TOOWEAK);
        return SERVED_REPLY;
}

/* NI_OK with a reference; NI_NOTAG; NI_PERM where `trusted_networks` says no. NI_AUTHERROR: who had said
 * LOGIN is nobody since. */
static enum ni_status find_domain(struct conn *c, struct bytes tag, struct domain **ret)
{
        struct domain *d = registry_find(&c->worker->server->registry, tag);
        if (!d)
                return NI_NOTAG;
        if (d->state == DOMAIN_BROKEN || d->state == DOMAIN_GONE || !conn_trusted(c, d)) {
                const enum ni_status st = d->state == DOMAIN_GONE     ? NI_NOTAG
                                          : d->state == DOMAIN_BROKEN ? NI_SYSTEMERR
                                                                      : NI_PERM;
                domain_release(d);
                return st;
        }
        if (c->tls && login_refresh(c, d) == LOGIN_OVER) {
                domain_release(d);
                return NI_AUTHERROR;
        }
        *ret = d;
        return NI_OK;
}

static enum served serve_select(struct conn *c, const struct rpc_call *rpc, struct xdr_in *in,
                                struct buf *out)
{
        struct bytes tag;
        struct domain *d;
        if (!ext_tag_decode(in, &tag))
                return accepted(out, rpc->xid, ACCEPT_GARBAGE_ARGS);
        const enum ni_status st = find_domain(c, tag, &d);
        if (st == NI_OK) {
                worker_txn_end(c->worker);
                domain_release(c->domain);
                c->domain = d;
        }
        return with_status(out, rpc->xid, st);
}

/* -- STATUS, CHANGES, SNAPSHOT; SEARCH and HISTORY leave -- */

static void put_status(struct dir_request *rq, struct buf *out)
{
        struct ext_status_result r = {0};
        dir_status(rq, &r);
        r.now = clock_wall_us();
        r.server_version = BYTES_LIT("netinfod " NETINFO_VERSION);
        r.you = rq->caller->superuser ? BYTES_LIT("superuser") : rq->caller->name;
        ext_status_encode(&r, out);
}

/* How long may this result be put off? 0: it is to be sent. NEWEST never waits. */
static uint32_t may_wait(const struct conn *c, const struct call *call, const struct ext_changes_result *r)
{
        const struct ext_changes_args *a = &call->args.changes;
        if (r->status != NI_OK || r->entry_count > 0 || (a->flags & EXT_CHANGES_NEWEST) ||
            c->worker->stopping || (c->parked && c->parked != call))
                return 0;
        return a->wait_ms < LIMIT_WAIT_MS ? a->wait_ms : LIMIT_WAIT_MS;
}

/* Puts the result together. False: there is nothing yet, and it may wait *ret_wait milliseconds. */
static bool put_result(struct conn *c, struct call *call, bool over, struct arena *a, uint32_t *ret_wait)
{
        struct buf *out = &call->reply;
        struct dir_request rq = {.txn = worker_txn(c->worker, call->domain),
                                 .caller = &call->caller,
                                 .policy = &call->policy,
                                 .arena = a,
                                 .out = out};
        if (!rq.txn) {
                call_refuse(call, call->domain->state == DOMAIN_GONE ? NI_NOTAG : NI_SYSTEMERR);
                return true;
        }
        call_reply_begin(call);
        if (call->proc == NIEXT_PROC_status) {
                put_status(&rq, out);
        } else if (call->proc == NIEXT_PROC_snapshot) {
                struct ext_snapshot_result r = {0};
                dir_snapshot(&rq, &call->args.snapshot, &r);
                ext_snapshot_encode(&r, out);
        } else {
                struct ext_changes_result r = {0};
                dir_changes(&rq, &call->args.changes, &r);
                *ret_wait = over ? 0 : may_wait(c, call, &r);
                if (*ret_wait)
                        return false;
                ext_changes_encode(&r, out);
        }
        call_reply_end(call);
        if (out->failed)
                call_refuse(call, NI_SYSTEMERR);
        return true;
}

/* SEARCH and HISTORY look at many directories: away from the loop. */
static void leave(struct conn *c, struct call *call)
{
        worker_txn_end(c->worker);
        conn_send_away(c, call, false);
        if (long_read_submit(c->worker->server, call))
                return;
        call_refuse(call, NI_SYSTEMERR);
        call_send_home(call);
}

bool ext_read(struct conn *c, struct call *call)
{
        uint32_t wait = 0;
        struct arena *a = &c->worker->arena;
        if (call->proc == NIEXT_PROC_search || call->proc == NIEXT_PROC_history) {
                leave(c, call);
                return false;
        }
        if (put_result(c, call, false, a, &wait))
                return true;
        if (!conn_park(c, call, wait))
                return put_result(c, call, true, a, &wait);
        if (call->domain->seq > call->args.changes.seq) { /* committed between the look and the parking */
                worker_txn_end(c->worker);
                conn_changed(c, call, false);
                conn_soon(c);
        }
        return false;
}

bool ext_changes_again(struct call *call, bool over)
{
        uint32_t wait;
        struct worker *w = call->worker;
        if (call->by_login && login_refresh(call->conn, call->domain) != LOGIN_VALID) {
                call_refuse(call, NI_AUTHERROR);
                arena_reset(&w->arena);
                return true;
        }
        const bool done = put_result(call->conn, call, over, &w->arena, &wait);
        arena_reset(&w->arena);
        return done;
}

static bool decode_read(struct call *call, struct xdr_in *in, struct bytes *ret_tag)
{
        switch (call->proc) {
        case NIEXT_PROC_status:
                return ext_tag_decode(in, ret_tag);
        case NIEXT_PROC_snapshot:
                if (!ext_snapshot_args_decode(in, &call->args.snapshot))
                        return false;
                *ret_tag = call->args.snapshot.tag;
                return true;
        case NIEXT_PROC_search:
                if (!ext_search_args_decode(in, &call->arena, &call->args.search))
                        return false;
                *ret_tag = call->args.search.tag;
                return true;
        case NIEXT_PROC_history:
                if (!ext_history_args_decode(in, &call->args.history))
                        return false;
                *ret_tag = call->args.history.tag;
                return true;
        default:
                if (!ext_changes_args_decode(in, &call->args.changes))
                        return false;
                *ret_tag = call->args.changes.tag;
                return true;
        }
}

/* -- REPLICA -- */

/* CLONE makes a domain: the main loop's work. Everything else is its domain's replica's. */
static enum served change_role(struct conn *c, struct call *call)
{
        const bool makes = call->args.replica.verb == EXT_REPLICA_CLONE;
        worker_txn_end(c->worker);
        conn_send_away(c, call, false);
        if (makes) {
                call->note.run = server_make_clone;
                loop_post(&c->worker->server->loop, &call->note);
        } else if (!replica_submit(call->domain, call)) {
                call_refuse(call, NI_BADOP); /* `local` is always a master */
                call_send_home(call);
        }
        return SERVED_AWAY;
}

static enum served show_role(struct conn *c, struct call *call, struct buf *out)
{
        struct ext_replica_result r;
        struct store_txn *t = worker_txn(c->worker, call->domain);
        replica_show(call->domain, t, peer_is_superuser(&c->peer, c->worker->config), &c->worker->arena, &r);
        reply_accepted(out, call->xid, ACCEPT_SUCCESS);
        ext_replica_encode(&r, out);
        call_free(call);
        return SERVED_REPLY;
}

static enum served serve_replica(struct conn *c, const struct rpc_call *rpc, struct xdr_in *in,
                                 struct buf *out)
{
        struct xdr_in copy;
        enum ni_status st = NI_OK;
        struct call *call = call_new(CALL_REPLICA, rpc, bytes_of(in->at, xdr_left(in)), &copy);
        if (!call)
                return accepted(out, rpc->xid, ACCEPT_SYSTEM_ERR);
        struct ext_replica_args *a = &call->args.replica;
        if (!ext_replica_args_decode(&copy, a)) {
                call_free(call);
                return accepted(out, rpc->xid, ACCEPT_GARBAGE_ARGS);
        }
        snprintf(call->from, sizeof(call->from), "%s", c->peer.text);
        if (a->verb != EXT_REPLICA_CLONE)
                st = find_domain(c, a->tag, &call->domain);
        if (st == NI_OK && a->verb != EXT_REPLICA_SHOW && !peer_is_superuser(&c->peer, c->worker->config))
                st = NI_PERM;
        if (st == NI_OK && (a->verb == EXT_REPLICA_CLONE || a->verb == EXT_REPLICA_DEMOTE) &&
            !replica_is_place(a->where))
                st = NI_FAILED;
        if (st != NI_OK) {
                call_free(call);
                return with_status(out, rpc->xid, st);
        }
        return a->verb == EXT_REPLICA_SHOW ? show_role(c, call, out) : change_role(c, call);
}

/* A call of its own for everything whose caller may have to be found out first, or that may wait. */
static enum served serve_call(struct conn *c, const struct rpc_call *rpc, struct xdr_in *in, struct buf *out)
{
        const bool is_edit = rpc->procedure == NIEXT_PROC_edit;
        struct xdr_in copy;
        struct bytes tag;
        enum ni_status st;
        struct call *call =
                call_new(is_edit ? CALL_EDIT : CALL_EXT, rpc, bytes_of(in->at, xdr_left(in)), &copy);
        if (!call)
                return accepted(out, rpc->xid, ACCEPT_SYSTEM_ERR);
        const bool decoded = is_edit ? ext_edit_args_decode(&copy, &call->arena, &call->args.edit)
                                     : decode_read(call, &copy, &tag);
        if (!decoded) {
                call_free(call);
                return accepted(out, rpc->xid, ACCEPT_GARBAGE_ARGS);
        }
        st = find_domain(c, is_edit ? call->args.edit.tag : tag, &call->domain);
        if (st == NI_OK)
                call->policy = (struct dir_policy){
                        .redact = config_switch(&c->worker->config->redact, bytes_str(call->domain->tag)),
                        .clone = domain_refuses_writes(call->domain),
                };
        call->began_us = c->worker->clock_us;
        switch (st == NI_OK ? authorize(c, call, rpc, &st) : AUTHORIZED_REFUSED) {
        case AUTHORIZED_LATER:
                call_free(call);
                return SERVED_LATER;
        case AUTHORIZED_AWAY:
                return SERVED_AWAY;
        case AUTHORIZED_REFUSED:
                if (!is_edit && call->domain &&
                    (st == NI_NOUSER || st == NI_AUTHERROR)) { /* reads: then as nobody */
                        call->caller = (struct caller){0};
                        break;
                }
                call_refuse(call, st);
                buf_put(out, bytes_sub(buf_bytes(&call->reply), 4, call->reply.len)); /* behind the mark */
                call_free(call);
                return SERVED_REPLY;
        case AUTHORIZED:
                break;
        }
        if (is_edit) {
                worker_txn_end(c->worker);
                conn_send_away(c, call, false);
                if (!domain_submit(call->domain, call)) {
                        call_refuse(call, NI_MASTERBUSY);
                        call_send_home(call);
                }
                return SERVED_AWAY;
        }
        if (!ext_read(c, call))
                return SERVED_AWAY;
        buf_put(out, bytes_sub(buf_bytes(&call->reply), 4, call->reply.len));
        call_free(call);
        return SERVED_REPLY;
}

enum served program_ext(struct conn *c, const struct rpc_call *rpc, struct xdr_in *in, struct buf *out)
{
        switch (rpc->procedure) {
        case NIEXT_PROC_null:
                return accepted(out, rpc->xid, ACCEPT_SUCCESS);
        case NIEXT_PROC_status:
        case NIEXT_PROC_changes:
        case NIEXT_PROC_snapshot:
        case NIEXT_PROC_edit:
        case NIEXT_PROC_search:
        case NIEXT_PROC_history:
                return serve_call(c, rpc, in, out);
        case NIEXT_PROC_select:
                return serve_select(c, rpc, in, out);
        case NIEXT_PROC_replica:
                return serve_replica(c, rpc, in, out);
        case NIEXT_PROC_login:
                return c->peer.tls ? login_serve(c, rpc, in, out) : too_weak(out, rpc->xid);
        case NIEXT_PROC_join:
        case NIEXT_PROC_renew:
        case NIEXT_PROC_authority:
                return authority_serve(c, rpc, in, out);
        default:
                return accepted(out, rpc->xid, ACCEPT_PROC_UNAVAIL);
        }
}
