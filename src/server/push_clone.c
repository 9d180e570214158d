/* One historical clone: the calls to it (what next is the core's to say, replica/push.h). */
#include "base/text.h"
#include "client/client.h"
#include "server/push-internal.h"
#include "server/replica.h"
#include "sys/clock.h"
#include "sys/log.h"

#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define CALL_MS    60000u /* doc/protocol.md 3.7 */
#define CONNECT_MS 10000u

static void ring(int fd)
{
        const uint64_t one = 1;
        if (write(fd, &one, sizeof(one)) < 0)
                return; /* full: it rings already */
}

void pusher_wake(struct pusher *c)
{
        ring(c->wake_fd);
}

static void say(struct pusher *c, const char *words)
{
        if (words[0] && strcmp(c->said, words) != 0)
                log_event(LOG_LEVEL_WARNING, "push-failed", "tag=%s clone=%s reason=\"%s\"", c->p->d->tag,
                          c->where, words);
        snprintf(c->said, sizeof(c->said), "%.199s", words);
}

static bool dial(struct pusher *c, struct client **ret)
{
        struct client_options o;
        struct client_why why = {""};
        char server[300], *slash;
        snprintf(server, sizeof(server), "%s", c->where);
        slash = strchr(server, '/');
        *slash = '\0';
        client_options_init(&o);
        o.server = server;
        o.tag = slash + 1;
        o.timeout_ms = CONNECT_MS;
        o.interrupt_fd = c->stop_fd;
        o.reserved_port = true;
        o.low_socket = replica_low_socket;
        o.low_context = c->p->d;
        if (client_open(&o, ret, &why) != NI_OK) {
                if (!c->stopping)
                        say(c, why.text);
                return false;
        }
        client_set_timeout(*ret, CALL_MS, CALL_MS);
        return true;
}

/* Our own kind of clone follows by itself. */
static bool is_follower(struct pusher *c, struct client *client)
{
        struct ext_status_result s;
        struct store_info info = {0};
        bool same = client_status(client, &s) == NI_OK && s.status == NI_OK;
        pthread_mutex_lock(&c->p->d->batch);
        struct store_txn *t = NULL;
        if (same && c->p->d->store && store_reader_new(c->p->d->store, &t) == NI_OK) {
                if (store_read_begin(t) == NI_OK && store_get_info(t, &info) == NI_OK)
                        same = memcmp(info.uuid, s.uuid, sizeof(s.uuid)) == 0;
                store_read_end(t);
                store_reader_free(t);
        }
        pthread_mutex_unlock(&c->p->d->batch);
        return same;
}

static void tell(struct pusher *c, bool renew, struct push_event *ret)
{
        struct client *client;
        struct ni_result r;
        struct ni_args args = {0};
        uint64_t tail, head;
        *ret = (struct push_event){.kind = PUSH_TOLD};
        if (!dial(c, &client))
                return;
        c->follows = is_follower(c, client);
        push_queue_ends(&c->p->queue, &tail, &head, &args.number);
        if (!c->follows)
                ret->ok = client_ni(client, renew ? NI_PROC_resync : NI_PROC_crashed, &args, &r) == NI_OK;
        if (!ret->ok && !c->follows && !c->stopping)
                say(c, client_reason(client));
        client_close(client);
}

static void ask(struct pusher *c, struct push_event *ret)
{
        const struct ni_args none = {0};
        struct client *client;
        struct ni_result r;
        uint32_t sum;
        *ret = (struct push_event){.kind = PUSH_ASKED};
        if (!dial(c, &client))
                return;
        client_set_credentials(client, 0, "checksum"); /* only that row (doc/protocol.md 2.8) */
        if (client_ni(client, NI_PROC_statistics, &none, &r) == NI_OK &&
            text_u32(proplist_first(&r.props, "checksum"), &sum)) {
                ret->ok = true;
                ret->found = push_queue_find(&c->p->queue, sum, &ret->at);
        }
        client_close(client);
}

/* One call. NI_OK: it was accepted. */
static enum ni_status push_one(struct client *client, const struct push_call *call, bool *ret_answered)
{
        struct arena a;
        struct ni_args args;
        struct ni_result r;
        struct xdr_in in = xdr_in(bytes_of(call->args, call->len));
        enum ni_status st = NI_SYSTEMERR;
        arena_init(&a, LIMIT_ARENA);
        if (ni_args_decode((enum ni_proc)call->proc, &in, &a, &args)) {
                st = client_ni(client, (enum ni_proc)call->proc, &args, &r);
                *ret_answered = st == NI_OK;
                if (st == NI_OK)
                        st = r.status;
                if (st == NI_OK && call->proc == NI_PROC_create && r.id.object != args.target.object)
                        st = NI_UNRELATED; /* it chose another number: nothing will fit from here on */
        }
        arena_done(&a);
        return st;
}

static void send_calls(struct pusher *c, const struct push_action *a, struct push_event *ret)
{
        struct client *client;
        *ret = (struct push_event){.kind = PUSH_SENT, .at = a->from};
        if (!dial(c, &client))
                return;
        enum ni_status st = NI_OK;
        bool answered = true;
        for (uint64_t n = a->from + 1; n <= a->to && st == NI_OK && !c->stopping; n++) {
                struct push_call call;
                answered = true;
                if (!push_queue_get(&c->p->queue, n, &call)) { /* a break, or too long ago */
                        st = NI_BADOP;
                        break;
                }
                st = push_one(client, &call, &answered);
                free(call.args);
                if (st == NI_OK)
                        ret->at = n;
        }
        ret->ok = st == NI_OK && ret->at == a->to;
        ret->refused = st != NI_OK && answered;
        if (ret->refused)
                log_event(LOG_LEVEL_NOTICE, "push-refused", "tag=%s clone=%s call=%llu status=%d",
                          c->p->d->tag, c->where, (unsigned long long)ret->at + 1, (int)st);
        else if (st != NI_OK && !c->stopping)
                say(c, client_reason(client));
        else
                say(c, "");
        client_close(client);
}

static void wait_ms(struct pusher *c, uint32_t ms)
{
        uint64_t n;
        struct pollfd p = {.fd = c->wake_fd, .events = POLLIN};
        if (poll(&p, 1, ms > INT_MAX ? INT_MAX : (int)ms) > 0 && read(c->wake_fd, &n, sizeof(n)) < 0)
                return;
}

/* What happened meanwhile, one after the other. */
static bool next_event(struct pusher *c, struct push_event *e)
{
        uint32_t sum;
        uint64_t tail, head;
        bool any = true;
        push_queue_ends(&c->p->queue, &tail, &head, &sum);
        pthread_mutex_lock(&c->p->mutex);
        if (c->begun) {
                *e = (struct push_event){.kind = PUSH_READING, .ok = true};
                c->begun--;
        } else if (c->ended) {
                *e = (struct push_event){.kind = PUSH_READING};
                c->ended--;
        } else if (c->resync) {
                *e = (struct push_event){.kind = PUSH_RESYNC};
                c->resync = false;
                push_set_options(&c->core, c->p->latency_ms, c->p->cleanup_ms);
        } else if (head != c->head || tail > c->core.tail) {
                *e = (struct push_event){.kind = PUSH_QUEUED, .tail = tail, .head = head};
                c->head = head;
        } else {
                any = false;
        }
        pthread_mutex_unlock(&c->p->mutex);
        return any;
}

static void step(struct pusher *c, struct push_event *e, struct push_action *ret)
{
        e->now = clock_mono_ms();
        pthread_mutex_lock(&c->p->mutex);
        push_step(&c->core, e, ret);
        pthread_mutex_unlock(&c->p->mutex);
}

static void perform(struct pusher *c, const struct push_action *a, struct push_event *e)
{
        if (a->kind == PUSH_TELL || a->kind == PUSH_RENEW)
                tell(c, a->kind == PUSH_RENEW, e);
        else if (a->kind == PUSH_ASK)
                ask(c, e);
        else
                send_calls(c, a, e);
}

static void *push_loop(void *argument)
{
        struct pusher *c = argument;
        struct push_event e = {.kind = PUSH_STARTED};
        struct push_action a;
        uint32_t sum;
        push_queue_ends(&c->p->queue, &e.tail, &e.head, &sum);
        c->head = e.head;
        step(c, &e, &a);
        while (!c->stopping) {
                if (a.kind != PUSH_WAIT && !c->follows) {
                        perform(c, &a, &e);
                } else if (!next_event(c, &e)) {
                        wait_ms(c, c->follows ? PUSH_AWAY_MOST_MS : a.wait_ms);
                        e = (struct push_event){.kind = PUSH_WOKE};
                }
                step(c, &e, &a);
        }
        return NULL;
}

/* -- life -- */

static void release(struct pusher *c)
{
        if (c->wake_fd >= 0)
                close(c->wake_fd);
        if (c->stop_fd >= 0)
                close(c->stop_fd);
        free(c);
}

void pusher_end(struct pusher *c)
{
        c->stopping = true;
        ring(c->stop_fd);
        ring(c->wake_fd);
        pthread_join(c->thread, NULL);
        log_event(LOG_LEVEL_INFO, "push-end", "tag=%s clone=%s", c->p->d->tag, c->where);
        release(c);
}

struct pusher *pusher_begin(struct pushing *p, struct bytes server, uint32_t v4)
{
        struct pusher *c = calloc(1, sizeof(*c));
        if (!c)
                return NULL;
        c->p = p;
        c->address = address_from_ipv4(v4);
        snprintf(c->where, sizeof(c->where), "%.*s", BYTES_FMT(server));
        push_init(&c->core, p->latency_ms, p->cleanup_ms);
        c->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        c->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (c->wake_fd < 0 || c->stop_fd < 0 || pthread_create(&c->thread, NULL, push_loop, c) != 0) {
                release(c);
                return NULL;
        }
        log_event(LOG_LEVEL_INFO, "push-begin", "tag=%s clone=%s", p->d->tag, c->where);
        return c;
}
