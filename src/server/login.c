#include "server/login.h"

#include "server/conn_tls.h"
#include "server/server.h"
#include "sys/clock.h"
#include "sys/log.h"

#include <stdio.h>

/* What strangers can make happen as often as they like. */
static struct log_limit refused_limit, wrong_limit;

void login_end(struct login *l)
{
        domain_release(l->domain);
        *l = (struct login){0};
}

/* -- who it is -- */

/* Finds the user in a read transaction on d, and which state of d that is. */
static enum ni_status find_user(struct conn *c, struct domain *d, struct bytes name, struct arena *a,
                                struct dir_user *ret, int64_t *ret_uid, uint64_t *ret_seq)
{
        const struct caller nobody = {0};
        const struct dir_policy policy = {0};
        struct store_info info;
        struct dir_request rq = {
                .txn = worker_txn(c->worker, d), .caller = &nobody, .policy = &policy, .arena = a};
        if (!rq.txn)
                return NI_SYSTEMERR;
        const enum ni_status st = store_get_info(rq.txn, &info);
        if (st != NI_OK)
                return st;
        *ret_seq = info.seq;
        return dir_user_by_name(&rq, name, ret, ret_uid);
}

/* The domain has changed: has this user's record, and may he do the same? */
static void look_again(struct conn *c, struct login *l)
{
        struct dir_user u;
        int64_t uid;
        uint64_t seq;
        const enum ni_status st =
                find_user(c, l->domain, bytes_str(l->name), &c->worker->arena, &u, &uid, &seq);
        l->unsure = st != NI_OK;
        if (st != NI_OK) {
                l->over = st == NI_NOUSER;
                return;
        }
        const struct hash128 stamp = secrets_stamp(c->worker->server->secrets, l->domain->tag, &u);
        l->over = stamp.lo != l->stamp.lo || stamp.hi != l->stamp.hi;
        l->superuser = uid == 0 || u.admin;
        l->seq = seq;
}

enum login_state login_state(const struct conn *c, const struct domain *d, struct caller *ret)
{
        const struct login *l = c->tls ? &c->tls->login : NULL;
        if (!l || !d || l->domain != d)
                return LOGIN_NONE;
        if (l->over || l->unsure)
                return LOGIN_OVER;
        *ret = (struct caller){
                .superuser = l->superuser, .sees_secrets = l->superuser, .name = bytes_str(l->name)};
        return LOGIN_VALID;
}

enum login_state login_refresh(struct conn *c, struct domain *d)
{
        struct login *l = c->tls ? &c->tls->login : NULL;
        struct caller unused;
        if (l && l->domain == d && !l->over && l->seq != d->seq) {
                worker_txn_end(c->worker); /* it may be of an older state */
                look_again(c, l);
        }
        return login_state(c, d, &unused);
}

/* -- the call -- */

static void check(struct task *task, unsigned thread, void *context)
{
        struct call *call = (struct call *)((char *)task - offsetof(struct call, task));
        struct server *s = context;
        const struct dir_user *u = call->users;
        (void)thread;
        const bool right = secret_matches_evenly(u ? u->passwd : BYTES_NONE, call->password) && u;
        call->user_found = right ? 0 : call->user_count;
        secrets_result(s->secrets, &call->source, call->uid, right, clock_mono_ms());
        call_send_home(call);
}

/* Wrong passwords are counted for the name that was said, be there such a user or not. */
static uint32_t number_of_name(struct bytes tag, struct bytes user)
{
        static const struct siphash_key key = {0};
        return (uint32_t)(siphash13(key, tag.data, tag.len) ^ siphash13(key, user.data, user.len) * 31);
}

/* Sets the domain, and the user where there is one whose password may be looked at. */
static void find(struct conn *c, struct call *call)
{
        const struct ext_login_args *a = &call->args.login;
        struct domain *d = registry_find(&c->worker->server->registry, a->tag);
        if (d && (d->state == DOMAIN_BROKEN || d->state == DOMAIN_GONE || !conn_address_trusted(c, d))) {
                domain_release(d);
                return;
        }
        call->domain = d;
        struct dir_user *u = d ? arena_zalloc(&call->arena, 1, sizeof(*u)) : NULL;
        if (!u || a->user.len > LIMIT_WHO)
                return;
        if (find_user(c, d, a->user, &call->arena, u, &call->user_uid, &call->user_seq) != NI_OK ||
            !u->has_passwd || u->empty_passwd || u->authority_other)
                return;
        call->users = u;
        call->user_count = 1;
}

enum served login_serve(struct conn *c, const struct rpc_call *rpc, struct xdr_in *in, struct buf *out)
{
        struct server *s = c->worker->server;
        struct login *l = &c->tls->login;
        struct xdr_in copy;
        const struct bytes arguments = bytes_of(in->at, xdr_left(in));
        struct call *call = call_new(CALL_LOGIN, rpc, arguments, &copy);
        /* of this connection's own buffer, or of its worker's: the copy is wiped when it was looked at */
        explicit_bzero((void *)(uintptr_t)arguments.data, arguments.len);
        if (!call) {
                reply_accepted(out, rpc->xid, ACCEPT_SYSTEM_ERR);
                return SERVED_REPLY;
        }
        call->password = bytes_of(copy.at, xdr_left(&copy)); /* all of it, until it is known what is what */
        if (!ext_login_args_decode(&copy, &call->args.login)) {
                explicit_bzero((void *)(uintptr_t)call->password.data, call->password.len);
                call_free(call);
                reply_accepted(out, rpc->xid, ACCEPT_GARBAGE_ARGS);
                return SERVED_REPLY;
        }
        if (c->parked) /* it is answered to whom it belongs; of a machine withdrawn just now, it is dropped */
                conn_changed(c, c->parked, true);
        login_end(l);
        call->password = call->args.login.password;
        call->began_us = c->worker->clock_us;
        call_set_source(call, &c->visitor.source);
        call->uid = number_of_name(call->args.login.tag, call->args.login.user);
        find(c, call);
        worker_txn_end(c->worker);
        call->user_found = call->user_count;
        call->task.run = check;
        l->away = true;
        c->tls->since_ms = clock_mono_ms();
        conn_send_away(c, call, false);
        if (!secrets_allow(s->secrets, &call->source, call->uid, clock_mono_ms())) {
                log_limited(&refused_limit, LOG_LEVEL_NOTICE, "password-refused",
                            "from=\"%s\" tag=%s reason=throttled", c->peer.text,
                            call->domain ? call->domain->tag : "none");
                call_send_home(call);
        } else if (!pool_submit(s->passwords, &call->task)) {
                call_send_home(call);
        }
        return SERVED_AWAY;
}

/* -- home -- */

static void be_user(struct conn *c, struct call *call)
{
        struct login *l = &c->tls->login;
        const struct dir_user *u = call->users;
        *l = (struct login){.domain = domain_hold(call->domain),
                            .superuser = call->user_uid == 0 || u->admin,
                            .seq = call->user_seq,
                            .stamp = secrets_stamp(c->worker->server->secrets, call->domain->tag, u)};
        snprintf(l->name, sizeof(l->name), "%.*s", BYTES_FMT(u->name));
        call->domain->user_ok++;
        conn_tls_settle(c);
        c->trust_domain = NULL;
        log_event(LOG_LEVEL_INFO, "login", "from=\"%s\" tag=%s user=\"%s\"", c->peer.text, call->domain->tag,
                  l->name);
}

static void refused(struct conn *c, const struct call *call)
{
        c->tls->login = (struct login){0};
        if (call->domain)
                call->domain->user_failed++;
        const struct bytes user = call->user_count ? call->users->name : BYTES_LIT("none");
        log_limited(&wrong_limit, LOG_LEVEL_NOTICE, "password-wrong", "from=\"%s\" tag=%s user=\"%.*s\"",
                    c->peer.text, call->domain ? call->domain->tag : "none", BYTES_FMT(user));
}

static void on_late(evutil_socket_t fd, short what, void *context)
{
        struct call *call = context;
        struct worker *w = call->worker;
        (void)fd;
        (void)what;
        conn_call_home(call->conn, call);
        w->loop.after(w);
}

/* To the next multiple of LIMIT_LOGIN_MS since the call came. False: at once, without memory for a timer. */
static bool wait_for_its_time(struct call *call)
{
        const uint64_t took_ms = (clock_mono_us() - call->began_us) / 1000u;
        const uint64_t wait_ms = LIMIT_LOGIN_MS - took_ms % LIMIT_LOGIN_MS;
        const struct timeval wait = {.tv_usec = (suseconds_t)(wait_ms * 1000u)};
        call->late = true;
        return evtimer_assign(&call->timer, call->worker->loop.base, on_late, call) == 0 &&
               evtimer_add(&call->timer, &wait) == 0;
}

bool login_home(struct conn *c, struct call *call)
{
        const bool right = call->user_count > 0 && call->user_found < call->user_count;
        if (!call->late) {
                explicit_bzero((void *)(uintptr_t)call->password.data, call->password.len);
                call->password = BYTES_NONE;
                if (!right && wait_for_its_time(call))
                        return false;
        }
        if (right)
                be_user(c, call);
        else
                refused(c, call);
        call_refuse(call, right ? NI_OK : NI_AUTHERROR);
        return true;
}
