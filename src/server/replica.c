/* The thread of a domain's role: its life, commands, what it tells (doc/replication.md). */
#include "base/text.h"
#include "model/path.h"
#include "server/push.h"
#include "server/replica-internal.h"
#include "server/server.h"
#include "server/worker.h"
#include "sys/clock.h"
#include "sys/log.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* -- words -- */

bool replica_where(const char *where, char server[LIMIT_WHERE + 1], char tag[LIMIT_TAG + 1])
{
        const char *slash = strrchr(where, '/');
        if (!slash || slash == where || !slash[1] || strlen(slash + 1) > LIMIT_TAG ||
            strlen(where) > LIMIT_WHERE)
                return false;
        snprintf(server, LIMIT_WHERE + 1, "%.*s", (int)(slash - where), where);
        snprintf(tag, LIMIT_TAG + 1, "%s", slash + 1);
        return true;
}

bool replica_is_place(struct bytes where)
{
        char text[LIMIT_WHERE + 1], server[LIMIT_WHERE + 1], tag[LIMIT_TAG + 1];
        if (where.len == 0 || where.len > LIMIT_WHERE)
                return false;
        for (size_t i = 0; i < where.len; i++)
                if (where.data[i] <= ' ' || where.data[i] == 0x7f)
                        return false;
        snprintf(text, sizeof(text), "%.*s", BYTES_FMT(where));
        return replica_where(text, server, tag) && tag_is_valid(bytes_str(tag));
}

void replica_tell(struct replica *r, const char *state, const char *reason)
{
        pthread_mutex_lock(&r->mutex);
        snprintf(r->seen.state, sizeof(r->seen.state), "%s", state);
        snprintf(r->seen.reason, sizeof(r->seen.reason), "%s", reason);
        pthread_mutex_unlock(&r->mutex);
        if (reason[0] && strcmp(reason, r->said) != 0)
                log_event(LOG_LEVEL_WARNING, "replica-away", "tag=%s master=%s state=%s reason=\"%s\"",
                          r->d->tag, r->origin.where, state, reason);
        snprintf(r->said, sizeof(r->said), "%s", reason);
}

/* -- waking and waiting -- */

static void ring(int fd)
{
        const uint64_t one = 1;
        if (write(fd, &one, sizeof(one)) < 0)
                return; /* full: it rings already */
}

static void hush(int fd)
{
        uint64_t n;
        if (read(fd, &n, sizeof(n)) < 0)
                return;
}

void replica_wait(struct replica *r, uint32_t ms)
{
        struct pollfd p = {.fd = r->wake_fd, .events = POLLIN};
        poll(&p, 1, ms > INT_MAX ? INT_MAX : (int)ms);
}

bool replica_has_news(struct replica *r)
{
        pthread_mutex_lock(&r->mutex);
        const bool news = r->stopping || r->first;
        pthread_mutex_unlock(&r->mutex);
        return news;
}

int replica_low_socket(void *domain, int family)
{
        const struct domain *d = domain;
        const struct server *s = d->context;
        struct config_why why;
        return s && s->options.opener ? opener_caller(s->options.opener, family, &why) : -1;
}

enum ni_status replica_dial(struct replica *r, const char *where, unsigned timeout_ms, struct client **ret,
                            struct client_why *why)
{
        char server[LIMIT_WHERE + 1], tag[LIMIT_TAG + 1];
        struct client_options o;
        if (!replica_where(where, server, tag)) {
                snprintf(why->text, sizeof(why->text), "\"%.200s\" names no server and tag", where);
                return NI_FAILED;
        }
        client_options_init(&o);
        o.server = server;
        o.tag = tag;
        o.timeout_ms = timeout_ms;
        o.interrupt_fd = r->stop_fd;
        o.reserved_port = true;
        o.low_socket = replica_low_socket;
        o.low_context = r->d;
        return client_open(&o, ret, why);
}

/* -- what is stored -- */

bool replica_point(struct replica *r, struct follow_point *ret)
{
        struct store_info info;
        struct store_txn *t = domain_read_begin(r->d, SLOT_REPLICA);
        if (!t)
                return false;
        const bool ok = store_get_info(t, &info) == NI_OK;
        domain_read_end(r->d, SLOT_REPLICA);
        if (ok)
                *ret = point_of_info(&info);
        return ok;
}

static bool load(struct replica *r)
{
        struct store_info info;
        struct store_txn *t = domain_read_begin(r->d, SLOT_REPLICA);
        if (!t)
                return false;
        const bool ok = store_get_origin(t, &r->origin) == NI_OK && store_get_info(t, &info) == NI_OK;
        domain_read_end(r->d, SLOT_REPLICA);
        if (ok)
                r->role = info.role;
        return ok;
}

/* Under `mutex`: what others may know of the origin. */
static void publish(struct replica *r)
{
        char server[LIMIT_WHERE + 1], tag[LIMIT_TAG + 1];
        uint32_t v4;
        pthread_mutex_lock(&r->mutex);
        r->seen.kind = r->role == STORE_CLONE ? r->origin.kind : STORE_ORIGIN_ASK;
        r->seen.term = r->origin.term;
        snprintf(r->seen.where, sizeof(r->seen.where), "%s", r->origin.where);
        r->seen.has_master = false;
        if (r->role == STORE_CLONE && replica_where(r->origin.where, server, tag)) {
                server[strcspn(server, ":")] = '\0'; /* of an IPv4 address with a port */
                r->seen.has_master = ipv4_parse(bytes_str(server), &v4);
                if (r->seen.has_master)
                        r->seen.master = address_from_ipv4(v4);
        }
        pthread_mutex_unlock(&r->mutex);
}

bool replica_keep_origin(struct replica *r)
{
        struct domain *d = r->d;
        struct store_txn *t;
        pthread_mutex_lock(&d->batch);
        enum ni_status st = d->store ? store_write_begin(d->store, &t) : NI_SYSTEMERR;
        if (st == NI_OK && (st = store_set_origin(t, &r->origin)) != NI_OK)
                store_abort(t);
        else if (st == NI_OK && (st = store_commit(t, NULL)) != NI_OK)
                domain_repair(d);
        pthread_mutex_unlock(&d->batch);
        publish(r);
        if (st != NI_OK)
                log_event(LOG_LEVEL_ERROR, "replica-origin", "tag=%s status=%d", d->tag, (int)st);
        return st == NI_OK;
}

uint32_t replica_cleanup_ms(struct bytes value)
{
        int64_t s = 0;
        if (bytes_eq_str(value, "unlimited") || bytes_eq_str(value, "-1"))
                return PULL_CLEANUP_NEVER_MS;
        if (!text_i64(value, &s))
                return PULL_CLEANUP_MS;
        return (uint32_t)(s < 60 ? 60 : s > 36000 ? 36000 : s) * 1000u;
}

/* -- commands -- */

static enum ni_status become_master(struct replica *r, struct store_txn *t, const struct call *call)
{
        const struct store_actor actor = {BYTES_LIT("superuser"), bytes_str(call->from),
                                          BYTES_LIT("promote")};
        struct store_origin o = {.term = r->origin.term + 1};
        struct arena a;
        arena_init(&a, 0);
        enum ni_status st = store_change_begin(t, &actor);
        if (st == NI_OK)
                st = dir_set_master(t, &a, r->host, r->d->tag);
        if (st == NI_OK)
                st = store_change_end(t, NULL);
        if (st == NI_OK)
                st = store_begin_epoch(t);
        if (st == NI_OK)
                st = store_set_role(t, STORE_MASTER);
        if (st == NI_OK)
                st = store_set_origin(t, &o);
        if (st == NI_OK)
                r->origin = o;
        arena_done(&a);
        return st;
}

static enum ni_status become_clone(struct replica *r, struct store_txn *t, const struct call *call)
{
        const struct ext_replica_args *args = &call->args.replica;
        struct store_origin o = r->origin;
        o.kind = args->flags & EXT_REPLICA_HISTORICAL ? STORE_ORIGIN_COPY : STORE_ORIGIN_ASK;
        o.filled |= r->role == STORE_MASTER;
        snprintf(o.where, sizeof(o.where), "%.*s", BYTES_FMT(args->where));
        enum ni_status st = store_set_role(t, STORE_CLONE);
        if (st == NI_OK)
                st = store_set_origin(t, &o);
        if (st == NI_OK)
                r->origin = o;
        return st;
}

static enum ni_status change_role(struct replica *r, const struct call *call)
{
        const bool promote = call->args.replica.verb == EXT_REPLICA_PROMOTE;
        const enum store_role role = promote ? STORE_MASTER : STORE_CLONE;
        const struct store_origin before = r->origin;
        struct domain *d = r->d;
        struct store_info info = {0};
        struct store_txn *t;
        if (promote && r->role == STORE_MASTER)
                return NI_BADOP;
        pthread_mutex_lock(&d->batch);
        enum ni_status st = d->store ? store_write_begin(d->store, &t) : NI_SYSTEMERR;
        if (st == NI_OK) {
                st = promote ? become_master(r, t, call) : become_clone(r, t, call);
                if (st == NI_OK)
                        st = store_get_info(t, &info);
                if (st != NI_OK)
                        store_abort(t);
                else if ((st = store_commit(t, NULL)) != NI_OK)
                        domain_repair(d);
        }
        if (st == NI_OK) {
                d->seq = info.seq;
                d->role = (int)role; /* still with the batch held: no write slips in between */
                d->superseded = false;
                pushing_restart(d, info.checksum);
                r->role = role;
        } else {
                r->origin = before;
        }
        pthread_mutex_unlock(&d->batch);
        return st;
}

static void run_command(struct replica *r, struct call *call)
{
        const enum ni_status st = change_role(r, call);
        log_event(st == NI_OK ? LOG_LEVEL_NOTICE : LOG_LEVEL_WARNING, "replica-role",
                  "tag=%s role=%s master=\"%s\" term=%llu from=\"%s\" status=%d", r->d->tag,
                  r->role == STORE_MASTER ? "master" : "clone", r->origin.where,
                  (unsigned long long)r->origin.term, call->from, (int)st);
        if (st == NI_OK) {
                pthread_mutex_lock(&r->mutex);
                r->seen.conflict[0] = r->seen.reason[0] = '\0';
                r->seen.head = 0;
                snprintf(r->seen.state, sizeof(r->seen.state), "%s",
                         r->role == STORE_MASTER ? "master" : "away");
                pthread_mutex_unlock(&r->mutex);
                publish(r);
                client_close(r->client);
                r->client = NULL;
                replica_aside_drop(r);
                r->d->committed(r->d, r->d->context);
        }
        if (st == NI_OK) {
                struct ext_replica_result result;
                struct store_txn *t = domain_read_begin(r->d, SLOT_REPLICA);
                replica_show(r->d, t, true, &call->arena, &result);
                if (t)
                        domain_read_end(r->d, SLOT_REPLICA);
                call_reply_begin(call);
                ext_replica_encode(&result, &call->reply);
                call_reply_end(call);
        } else {
                call_refuse(call, st);
        }
        call_send_home(call);
}

/* Takes the first command; NULL: there is none. */
static struct call *take_command(struct replica *r)
{
        pthread_mutex_lock(&r->mutex);
        struct call *c = r->first;
        if (c) {
                r->first = c->next;
                if (!r->first)
                        r->last = &r->first;
                c->next = NULL;
        }
        pthread_mutex_unlock(&r->mutex);
        return c;
}

/* False: the domain ends. *ret_changed: another role, or another master. */
static bool run_commands(struct replica *r, bool *ret_changed)
{
        hush(r->wake_fd);
        hush(r->stop_fd);
        for (struct call *c; (c = take_command(r));) {
                run_command(r, c);
                *ret_changed = true;
        }
        pthread_mutex_lock(&r->mutex);
        const bool stopping = r->stopping;
        pthread_mutex_unlock(&r->mutex);
        return !stopping;
}

bool replica_submit(struct domain *d, struct call *c)
{
        bool open = false;
        c->next = NULL;
        pthread_rwlock_rdlock(&d->gate);
        struct replica *r = d->replica;
        if (r) {
                pthread_mutex_lock(&r->mutex);
                open = !r->stopping;
                if (open) {
                        *r->last = c;
                        r->last = &c->next;
                }
                pthread_mutex_unlock(&r->mutex);
                ring(r->stop_fd);
                ring(r->wake_fd);
        }
        pthread_rwlock_unlock(&d->gate);
        return open;
}

/* -- the roles -- */

static void tell_following(struct replica *r)
{
        static const char *const refusals[] = {
                "",
                "the master hides secrets from this server: list it there in /machines (ip_address, serves "
                "./TAG), call from a port below 1024, and name its network in legacy_read_networks",
                "the master serves another domain under this tag: `ni domain destroy` here and `ni domain "
                "clone` again, if that is meant"};
        const struct follow *f = &r->follow;
        pthread_mutex_lock(&r->mutex);
        r->seen.head = f->head;
        pthread_mutex_unlock(&r->mutex);
        if (f->refusal != FOLLOW_WELCOME)
                replica_tell(r, follow_state_word(f), refusals[f->refusal]);
        else if (f->state == FOLLOW_AWAY && f->must_copy)
                replica_tell(r, follow_state_word(f),
                             "a copy that was just made is not what the master says it holds: it is made "
                             "again; `ni store check` there, if that goes on");
        else if (f->state != FOLLOW_AWAY) /* away: the reason was told with the failure */
                replica_tell(r, follow_state_word(f), "");
}

/* Until the role, the master or its kind changes, or the domain ends (false). */
static bool follow_master(struct replica *r)
{
        struct follow_event e;
        struct follow_action a;
        bool changed = false;
        replica_follow_begin(r, &e);
        for (;;) {
                e.now = clock_mono_ms();
                follow_step(&r->follow, &e, &a);
                tell_following(r);
                if (!run_commands(r, &changed))
                        return false;
                if (changed || r->origin.kind == STORE_ORIGIN_COPY)
                        return true;
                replica_follow(r, &a, &e);
        }
}

static bool take_old_event(struct replica *r, struct pull_event *e)
{
        struct store_info info;
        bool any = true;
        pthread_mutex_lock(&r->mutex);
        if (r->crashed) {
                *e = (struct pull_event){.kind = PULL_CRASHED, .theirs = r->crashed_sum};
                r->crashed = false;
        } else if (r->resync) {
                *e = (struct pull_event){.kind = PULL_RESYNC};
                r->resync = false;
        } else if (r->pushed || r->pushed_badly) {
                *e = (struct pull_event){.kind = PULL_PUSHED, .ok = !r->pushed_badly};
                r->pushed = r->pushed_badly = false;
        } else {
                any = false;
        }
        pthread_mutex_unlock(&r->mutex);
        if (any && e->kind == PULL_CRASHED) {
                struct store_txn *t = domain_read_begin(r->d, SLOT_REPLICA);
                if (t && store_get_info(t, &info) == NI_OK)
                        e->ours = info.checksum;
                if (t)
                        domain_read_end(r->d, SLOT_REPLICA);
        }
        return any;
}

/* The root's `cleanup_wait` (doc/protocol.md 1.4). */
static uint32_t cleanup_ms(struct replica *r)
{
        const struct caller nobody = {0};
        const struct dir_policy policy = {0};
        struct arena a;
        uint32_t ms = PULL_CLEANUP_MS;
        bool present;
        struct store_txn *t = domain_read_begin(r->d, SLOT_REPLICA);
        if (!t)
                return ms;
        arena_init(&a, 0);
        struct dir_request rq = {.txn = t, .caller = &nobody, .policy = &policy, .arena = &a};
        ms = replica_cleanup_ms(dir_root_option(&rq, "cleanup_wait", NULL, &present));
        arena_done(&a);
        domain_read_end(r->d, SLOT_REPLICA);
        return ms;
}

/* Both sides start the instances of used numbers from zero (doc/protocol.md 5.3). */
static void reuse_from_zero(struct domain *d)
{
        pthread_mutex_lock(&d->batch);
        d->options.reuse_from_zero = true;
        if (d->store)
                store_set_reuse_from_zero(d->store, true);
        pthread_mutex_unlock(&d->batch);
}

static bool copy_master(struct replica *r)
{
        struct pull_event e = {.kind = PULL_STARTED};
        struct pull_action a;
        bool changed = false;
        reuse_from_zero(r->d);
        pull_init(&r->pull, cleanup_ms(r));
        for (;;) {
                e.now = clock_mono_ms();
                pull_step(&r->pull, &e, &a);
                if (!run_commands(r, &changed))
                        return false;
                if (changed)
                        return true;
                if (a.read) {
                        e = (struct pull_event){.kind = PULL_READ};
                        e.result = replica_read_all(r);
                        pull_set_cleanup(&r->pull, cleanup_ms(r));
                        continue;
                }
                if (!take_old_event(r, &e)) {
                        replica_wait(r, a.wait_ms);
                        e = (struct pull_event){.kind = PULL_WOKE};
                }
        }
}

static bool be_master(struct replica *r)
{
        bool changed = false;
        replica_tell(r, "master", "");
        for (;;) {
                replica_watch(r);
                if (!run_commands(r, &changed))
                        return false;
                if (changed)
                        return true;
                replica_wait(r, REPLICA_WATCH_MS);
        }
}

static void *run(void *argument)
{
        struct replica *r = argument;
        bool go = load(r), changed = false;
        replica_aside_drop(r); /* of a life that was cut off */
        if (!go) {
                log_event(LOG_LEVEL_ERROR, "replica-broken", "tag=%s reason=\"its origin cannot be read\"",
                          r->d->tag);
                while (run_commands(r, &changed))
                        replica_wait(r, REPLICA_WATCH_MS);
                return NULL;
        }
        publish(r);
        while (go) {
                if (r->role == STORE_MASTER)
                        go = be_master(r);
                else if (r->origin.kind == STORE_ORIGIN_COPY)
                        go = copy_master(r);
                else
                        go = follow_master(r);
        }
        client_close(r->client);
        replica_aside_drop(r);
        return NULL;
}

/* -- life -- */

static void learn_host(struct replica *r, const struct config *c)
{
        const char *const *list;
        struct arena a;
        arena_init(&a, 0);
        const char *host = domain_host(c, &a);
        snprintf(r->host, sizeof(r->host), "%s", host ? host : "localhost");
        const unsigned n = domain_addresses(c, &a, &list);
        for (unsigned i = 0; i < n && r->address_count < 16; i++)
                snprintf(r->addresses[r->address_count++], sizeof(r->addresses[0]), "%s", list[i]);
        arena_done(&a);
}

struct replica *replica_start(struct domain *d, const struct config *c)
{
        struct replica *r = calloc(1, sizeof(*r));
        if (!r)
                return NULL;
        r->d = d;
        r->last = &r->first;
        r->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        r->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        pthread_mutex_init(&r->mutex, NULL);
        learn_host(r, c);
        const char *slash = strrchr(d->folder, '/');
        snprintf(r->aside_folder, sizeof(r->aside_folder), "%.*s/.clone.%s", (int)(slash - d->folder),
                 d->folder, d->tag);
        snprintf(r->seen.state, sizeof(r->seen.state), "%s", d->role == STORE_CLONE ? "away" : "master");
        /* Who asks right after the domain was made learns where its master is. */
        if (load(r))
                publish(r);
        if (r->wake_fd >= 0 && r->stop_fd >= 0 && pthread_create(&r->thread, NULL, run, r) == 0)
                return r;
        replica_free(r);
        return NULL;
}

void replica_stop(struct replica *r)
{
        if (!r)
                return;
        pthread_mutex_lock(&r->mutex);
        r->stopping = true;
        pthread_mutex_unlock(&r->mutex);
        ring(r->stop_fd);
        ring(r->wake_fd);
        pthread_join(r->thread, NULL);
        for (struct call *c; (c = take_command(r));) {
                call_refuse(c, NI_NOTAG);
                call_send_home(c);
        }
}

void replica_free(struct replica *r)
{
        if (!r)
                return;
        if (r->wake_fd >= 0)
                close(r->wake_fd);
        if (r->stop_fd >= 0)
                close(r->stop_fd);
        pthread_mutex_destroy(&r->mutex);
        free(r);
}

/* -- from other threads -- */

void replica_show(struct domain *d, struct store_txn *t, bool all, struct arena *a,
                  struct ext_replica_result *ret)
{
        struct store_info info;
        struct replica *r = d->replica;
        *ret = (struct ext_replica_result){.status = t ? store_get_info(t, &info) : NI_SYSTEMERR};
        if (ret->status != NI_OK)
                return;
        memcpy(ret->uuid, info.uuid, sizeof(ret->uuid));
        ret->epoch = info.epoch;
        ret->seq = info.seq;
        ret->role = info.role;
        if (!r)
                return;
        pthread_mutex_lock(&r->mutex);
        ret->term = r->seen.term;
        ret->kind = (uint32_t)r->seen.kind;
        ret->head = r->seen.head;
        ret->state = arena_bytes(a, bytes_str(r->seen.state));
        if (all) {
                ret->where = arena_bytes(a, bytes_str(r->seen.where));
                ret->reason = arena_bytes(a, bytes_str(r->seen.reason));
                ret->conflict = arena_bytes(a, bytes_str(r->seen.conflict));
        }
        pthread_mutex_unlock(&r->mutex);
        if (all)
                pushing_show(d, a, ret);
        if (a->failed)
                *ret = (struct ext_replica_result){.status = NI_SYSTEMERR};
}

void replica_resync(struct domain *d)
{
        struct replica *r = d->replica;
        if (!r)
                return;
        pthread_mutex_lock(&r->mutex);
        const bool copies = r->seen.kind == STORE_ORIGIN_COPY; /* who follows is told by the journal */
        r->resync |= copies;
        pthread_mutex_unlock(&r->mutex);
        if (copies)
                ring(r->wake_fd);
}

void replica_crashed(struct domain *d, uint32_t checksum)
{
        struct replica *r = d->replica;
        if (!r)
                return;
        pthread_mutex_lock(&r->mutex);
        const bool copies = r->seen.kind == STORE_ORIGIN_COPY;
        r->crashed |= copies;
        r->crashed_sum = checksum;
        pthread_mutex_unlock(&r->mutex);
        if (copies)
                ring(r->wake_fd);
}

void replica_pushed(struct domain *d, bool ok)
{
        struct replica *r = d->replica;
        if (!r)
                return;
        pthread_mutex_lock(&r->mutex);
        r->pushed |= ok;
        r->pushed_badly |= !ok;
        pthread_mutex_unlock(&r->mutex);
        ring(r->wake_fd);
}

bool replica_is_master(struct domain *d, const struct address *a)
{
        struct replica *r = d->replica;
        if (!r)
                return false;
        pthread_mutex_lock(&r->mutex);
        const bool is =
                r->seen.kind == STORE_ORIGIN_COPY && r->seen.has_master && address_equal(&r->seen.master, a);
        pthread_mutex_unlock(&r->mutex);
        return is;
}
