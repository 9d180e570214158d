/* Who calls, and what he may (decisions 4 and 5; doc/server.md "Identity"). */
#include "server/conn_tls.h"
#include "server/dispatch.h"
#include "server/server.h"
#include "sys/clock.h"
#include "sys/log.h"

#include <netinet/in.h>
#include <pwd.h>
#include <stdlib.h>

/* What strangers can make happen as often as they like. */
static struct log_limit password_refused_limit, password_wrong_limit;

static bool is_agent(const struct conn *c)
{
        const char *agent = c->worker->config->agent_user;
        return c->peer.socket && agent[0] && c->name_state == NAME_KNOWN && strcmp(c->name, agent) == 0;
}

struct caller conn_reader(struct conn *c, struct domain *d)
{
        struct caller user;
        if (c->tls) { /* without the name: what leaves for a pool may outlive the connection */
                if (login_state(c, d, &user) != LOGIN_VALID)
                        return (struct caller){0};
                user.name = BYTES_NONE;
                return user;
        }
        const bool super = peer_is_superuser(&c->peer, c->worker->config);
        return (struct caller){.superuser = super, .sees_secrets = super || is_agent(c)};
}

bool conn_is_replica(const struct conn *c, struct dir_request *rq)
{
        const struct config *cfg = c->worker->config;
        uint32_t v4;
        if (c->peer.tls)
                /* its owner chose the name, where a token is for any; that it may serve, the superuser said
                 */
                return c->peer.tls->certified && !c->peer.tls->expired && c->peer.tls->may_serve &&
                       dir_is_replica_named(rq, bytes_str(c->peer.tls->machine));
        return !c->peer.socket && c->peer.port < IPPORT_RESERVED && address_ipv4(&c->peer.address, &v4) &&
               (networks_have(&cfg->read_networks, &c->peer.address) ||
                networks_have(&cfg->write_networks, &c->peer.address)) &&
               dir_is_replica(rq, v4);
}

/* -- trusted_networks (protocol.md 3.9) -- */

/* A value that is a name: the first address of the child of /networks called so. */
static bool named_network_matches(struct store_txn *t, struct bytes name, uint32_t v4)
{
        struct store_node networks, n;
        struct store_walk w;
        struct bytes address;
        bool matches = false;
        store_lookup(t, 0, BYTES_LIT("name"), BYTES_LIT("networks"), STORE_FROM_START, &w);
        bool found = store_next(&w) && store_get(t, w.child, &networks) == NI_OK;
        store_end(&w);
        if (!found)
                return false;
        store_lookup(t, networks.id.object, BYTES_LIT("name"), name, STORE_FROM_START, &w);
        if (store_next(&w) && store_get(t, w.child, &n) == NI_OK && prop_first(n.props, "address", &address))
                matches = trusted_value_matches(address, v4);
        store_end(&w);
        return matches;
}

static bool ask_trust(struct worker *w, struct domain *d, const struct peer *p)
{
        struct namelist values = {0};
        bool present = false;
        uint32_t v4;
        struct store_txn *t = worker_txn(w, d);
        const struct dir_policy policy = {0};
        const struct caller nobody = {0};
        struct dir_request rq = {.txn = t, .caller = &nobody, .policy = &policy, .arena = &w->arena};
        if (!t)
                return false;
        dir_root_option(&rq, "trusted_networks", &values, &present);
        if (!present)
                return !w->arena.failed;
        if (!address_ipv4(&p->address, &v4)) /* the historical form knows no other networks */
                return false;
        for (uint32_t i = 0; i < values.n; i++) {
                const struct bytes v = values.v[i];
                const bool digits = v.len && v.data[0] >= '0' && v.data[0] <= '9';
                if (digits ? trusted_value_matches(v, v4) : named_network_matches(t, v, v4))
                        return true;
        }
        return false;
}

bool conn_trusted(struct conn *c, struct domain *d)
{
        return (c->tls ? conn_tls_admits(c, d) : peer_may_call(&c->peer, c->worker->config)) &&
               conn_address_trusted(c, d);
}

bool conn_address_trusted(struct conn *c, struct domain *d)
{
        if (c->peer.own)
                return true;
        const uint64_t seq = d->seq; /* asked anew after every change of the domain */
        if (c->trust_domain != d || c->trust_seq != seq) {
                c->trusted = ask_trust(c->worker, d, &c->peer);
                c->trust_domain = d;
                c->trust_seq = seq;
        }
        return c->trusted;
}

/* -- the name of the socket's uid: asked of the system in a pool's thread -- */

static void ask_name(struct task *task, unsigned thread, void *context)
{
        struct call *call = (struct call *)((char *)task - offsetof(struct call, task));
        struct passwd entry, *found = NULL;
        const size_t cap = 64u << 10;
        char *room = malloc(cap);
        (void)thread;
        (void)context;
        if (room && getpwuid_r(call->uid, &entry, room, cap, &found) == 0 && found)
                call->caller.name = arena_bytes(&call->arena, bytes_str(found->pw_name));
        free(room);
        call_send_home(call);
}

bool conn_name_known(struct conn *c)
{
        if (!c->peer.socket || c->name_state == NAME_KNOWN || c->name_state == NAME_NONE)
                return true;
        struct call *call = call_new(CALL_NAME, NULL, BYTES_NONE, NULL);
        if (!call) {
                c->name_state = NAME_NONE;
                return true;
        }
        call->uid = c->peer.uid;
        call_set_source(call, &c->visitor.source);
        call->task.run = ask_name;
        conn_send_away(c, call, false);
        c->name_state = NAME_ASKED;
        if (!pool_submit(c->worker->server->passwords, &call->task))
                call_send_home(call); /* without a name: anonymous on this connection */
        return false;
}

/* -- a caller -- */

bool authorize_needs_password(const struct conn *c, const struct rpc_call *rpc)
{
        const struct config *cfg = c->worker->config;
        if (rpc->flavor != AUTH_FLAVOR_SYS || peer_is_superuser(&c->peer, cfg))
                return false;
        if (c->peer.socket && rpc->sys.machine.len == 0) /* the socket says who it is */
                return false;
        return peer_may_send_password(&c->peer, cfg);
}

static void be_user(struct call *call, const struct dir_user *u)
{
        const bool super = call->uid == 0 || u->admin; /* never by the user's name (protocol.md 9 #10) */
        call->caller = (struct caller){.superuser = super, .sees_secrets = super, .name = u->name};
}

/* The user of the domain that has the same name and the same uid as the peer on this machine. */
static void be_socket_user(struct conn *c, struct call *call, struct dir_request *rq)
{
        struct dir_user u;
        int64_t uid;
        if (c->name_state == NAME_KNOWN && dir_user_by_name(rq, bytes_str(c->name), &u, &uid) == NI_OK &&
            uid == (int64_t)c->peer.uid)
                call->caller.name = u.name;
        call->caller.sees_secrets = is_agent(c);
}

static void check_password(struct task *task, unsigned thread, void *context)
{
        struct call *call = (struct call *)((char *)task - offsetof(struct call, task));
        struct server *s = context;
        (void)thread;
        call->user_found = call->user_count;
        for (uint32_t i = 0; i < call->user_count && call->user_found == call->user_count; i++) {
                const struct dir_user *u = &call->users[i];
                if (u->has_passwd && !u->authority_other && secret_matches(u->passwd, call->password))
                        call->user_found = i;
        }
        const bool right = call->user_found < call->user_count;
        const uint64_t now = clock_mono_ms();
        secrets_result(s->secrets, &call->source, call->uid, right, now);
        if (right)
                secrets_remember(s->secrets, call->domain->tag, &call->users[call->user_found],
                                 call->password, now);
        call_send_home(call);
}

/* One that needs no check: without a password where that is allowed, or checked a moment ago. */
static const struct dir_user *known_user(struct conn *c, const struct call *call)
{
        const struct worker *w = c->worker;
        for (uint32_t i = 0; i < call->user_count; i++) {
                const struct dir_user *u = &call->users[i];
                if (u->authority_other || !u->has_passwd)
                        continue;
                if (u->empty_passwd ? w->config->allow_empty_passwords
                                    : secrets_known(w->server->secrets, call->domain->tag, u, call->password,
                                                    clock_mono_ms()))
                        return u;
        }
        return NULL;
}

static enum authorized by_password(struct conn *c, struct call *call, const struct rpc_call *rpc,
                                   struct dir_request *rq, enum ni_status *ret_status)
{
        struct server *s = c->worker->server;
        uint8_t plain[LIMIT_MACHINE];
        size_t n;
        call->uid = rpc->sys.uid;
        call_set_source(call, &c->visitor.source);
        *ret_status = dir_users_by_uid(rq, (int32_t)rpc->sys.uid, &call->users, &call->user_count);
        if (*ret_status != NI_OK) {
                call->domain->user_failed++;
                return AUTHORIZED_REFUSED;
        }
        auth_password(rpc->sys.machine, plain, &n);
        call->password = arena_bytes(&call->arena, bytes_of(plain, n));
        explicit_bzero(plain, sizeof(plain));
        const struct dir_user *known = known_user(c, call);
        if (known) {
                be_user(call, known);
                call->domain->user_ok++;
                return AUTHORIZED;
        }
        if (!secrets_allow(s->secrets, &call->source, call->uid, clock_mono_ms())) {
                log_limited(&password_refused_limit, LOG_LEVEL_NOTICE, "password-refused",
                            "from=\"%s\" uid=%u tag=%s reason=throttled", c->peer.text, call->uid,
                            call->domain->tag);
                call->domain->user_failed++;
                *ret_status = NI_AUTHERROR;
                return AUTHORIZED_REFUSED;
        }
        call->checking = true;
        call->task.run = check_password;
        conn_send_away(c, call, call->ordered);
        if (!pool_submit(s->passwords, &call->task)) {
                call->user_found = call->user_count;
                call->busy = true;
                call_send_home(call);
        }
        return AUTHORIZED_AWAY;
}

/* Reads of the extension program: a replica is shown secrets, because they are part of what it copies. */
static void see_as_replica(struct conn *c, struct call *call)
{
        struct dir_request rq = {.txn = worker_txn(c->worker, call->domain),
                                 .caller = &call->caller,
                                 .policy = &call->policy,
                                 .arena = &call->arena};
        if (rq.txn && conn_is_replica(c, &rq))
                call->caller.sees_secrets = true;
}

/* Inside TLS: the machine reads, the user who has said LOGIN does what he may. */
static enum authorized by_session(struct conn *c, struct call *call, enum ni_status *ret_status)
{
        switch (login_state(c, call->domain, &call->caller)) {
        case LOGIN_VALID:
                call->caller.name = arena_bytes(&call->arena, call->caller.name);
                call->by_login = true;
                break;
        case LOGIN_OVER:
                *ret_status = NI_AUTHERROR;
                return AUTHORIZED_REFUSED;
        case LOGIN_NONE:
                if (call->kind != CALL_EXT) {
                        *ret_status = NI_PERM;
                        return AUTHORIZED_REFUSED;
                }
        }
        if (call->kind == CALL_EXT && !call->caller.sees_secrets)
                see_as_replica(c, call);
        return AUTHORIZED;
}

enum authorized authorize(struct conn *c, struct call *call, const struct rpc_call *rpc,
                          enum ni_status *ret_status)
{
        const struct config *cfg = c->worker->config;
        call->caller = (struct caller){0};
        snprintf(call->from, sizeof(call->from), "%s", c->peer.text);
        if (c->tls)
                return by_session(c, call, ret_status);
        if (peer_is_superuser(&c->peer, cfg)) {
                call->caller.superuser = call->caller.sees_secrets = true;
                return AUTHORIZED;
        }
        if (call->kind != CALL_EXT && !peer_may_write(&c->peer, cfg)) {
                *ret_status = NI_PERM;
                return AUTHORIZED_REFUSED;
        }
        const bool password = authorize_needs_password(c, rpc);
        if (!password && !c->peer.socket) { /* anonymous: matches "*" */
                if (call->kind == CALL_EXT && c->peer.port < IPPORT_RESERVED)
                        see_as_replica(c, call);
                return AUTHORIZED;
        }
        if (!password && !conn_name_known(c))
                return AUTHORIZED_LATER;
        struct dir_request rq = {.txn = worker_txn(c->worker, call->domain),
                                 .caller = &call->caller,
                                 .policy = &call->policy,
                                 .arena = &call->arena};
        if (!rq.txn) {
                *ret_status = NI_SYSTEMERR;
                return AUTHORIZED_REFUSED;
        }
        if (password)
                return by_password(c, call, rpc, &rq, ret_status);
        be_socket_user(c, call, &rq);
        return AUTHORIZED;
}

enum ni_status authorize_finish(struct conn *c, struct call *call)
{
        if (call->password.len) /* of our own arena */
                explicit_bzero((void *)(uintptr_t)call->password.data, call->password.len);
        if (call->busy)
                return NI_MASTERBUSY;
        if (call->user_found == call->user_count) {
                log_limited(&password_wrong_limit, LOG_LEVEL_NOTICE, "password-wrong",
                            "from=\"%s\" uid=%u tag=%s", c->peer.text, call->uid, call->domain->tag);
                call->domain->user_failed++;
                return NI_AUTHERROR;
        }
        be_user(call, &call->users[call->user_found]);
        call->domain->user_ok++;
        return NI_OK;
}
