/* The list of historical clones, and what the doors ask (doc/replication.md 6). */
#include "base/text.h"
#include "server/peer.h"
#include "server/push-internal.h"
#include "server/replica.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define LIST_MS 1000u /* /machines is looked at so often at most, while it may have changed */

/* -- the list of clones -- */

static bool is_self(const struct pushing *p, struct bytes server)
{
        const size_t slash = bytes_find(server, '/');
        const struct bytes ip = bytes_sub(server, 0, slash);
        uint32_t v4;
        if (!ipv4_parse(ip, &v4) || !bytes_eq_str(bytes_sub(server, slash + 1, server.len), p->d->tag))
                return false;
        const struct address a = address_from_ipv4(v4);
        bool own = address_is_own(&a);
        for (unsigned i = 0; i < p->address_count && !own; i++)
                own = bytes_eq_str(ip, p->addresses[i]);
        return own;
}

/* Under the mutex. */
static struct pusher *find(struct pushing *p, struct bytes server)
{
        for (unsigned i = 0; i < p->pushers; i++)
                if (bytes_eq_str(server, p->pusher[i]->where))
                        return p->pusher[i];
        return NULL;
}

static void keep_list(struct pushing *p, const struct namelist *l)
{
        struct pusher *gone[LIMIT_PUSHED];
        unsigned n = 0;
        uint32_t v4;
        pthread_mutex_lock(&p->mutex);
        for (unsigned i = 0; i < p->pushers; i++)
                p->pusher[i]->listed = false;
        for (uint32_t i = 0; i < l->n; i++) {
                const struct bytes s = l->v[i];
                struct pusher *c = find(p, s);
                if (!c && p->pushers < LIMIT_PUSHED && s.len < sizeof(c->where) &&
                    ipv4_parse(bytes_sub(s, 0, bytes_find(s, '/')), &v4) && !is_self(p, s)) {
                        c = pusher_begin(p, s, v4);
                        if (c)
                                p->pusher[p->pushers++] = c;
                }
                if (c)
                        c->listed = true;
        }
        for (unsigned i = p->pushers; i-- > 0;)
                if (!p->pusher[i]->listed) {
                        gone[n++] = p->pusher[i];
                        p->pusher[i] = p->pusher[--p->pushers];
                }
        pthread_mutex_unlock(&p->mutex);
        while (n > 0) /* outside: they take the mutex */
                pusher_end(gone[--n]);
}

static uint32_t latency_ms(struct bytes value)
{
        int64_t s = 0;
        if (!text_i64(value, &s))
                return PUSH_LATENCY_MS;
        return (uint32_t)(s < 1 ? 1 : s > 7200 ? 7200 : s) * 1000u;
}

/* Reads what the domain says about its clones, and the options. */
static void look(struct pushing *p)
{
        const struct caller nobody = {0};
        const struct dir_policy policy = {0};
        struct namelist l = {0};
        struct arena a;
        bool present;
        struct store_txn *t = domain_read_begin(p->d, SLOT_PUSH);
        if (!t)
                return;
        arena_init(&a, LIMIT_ARENA);
        struct dir_request rq = {.txn = t, .caller = &nobody, .policy = &policy, .arena = &a};
        const bool ok = p->d->role == STORE_MASTER ? dir_replicas(&rq, &l) == NI_OK : true;
        const uint32_t latency = latency_ms(dir_root_option(&rq, "update_latency", NULL, &present));
        const uint32_t cleanup = replica_cleanup_ms(dir_root_option(&rq, "cleanup_wait", NULL, &present));
        domain_read_end(p->d, SLOT_PUSH);
        pthread_mutex_lock(&p->mutex);
        p->latency_ms = latency;
        p->cleanup_ms = cleanup;
        pthread_mutex_unlock(&p->mutex);
        if (ok)
                keep_list(p, &l);
        arena_done(&a);
}

static void wake_all(struct pushing *p, bool resync)
{
        pthread_mutex_lock(&p->mutex);
        for (unsigned i = 0; i < p->pushers; i++) {
                p->pusher[i]->resync |= resync;
                pusher_wake(p->pusher[i]);
        }
        pthread_mutex_unlock(&p->mutex);
}

static void *list_loop(void *argument)
{
        struct pushing *p = argument;
        const struct timespec pause = {LIST_MS / 1000u, LIST_MS % 1000u * 1000000};
        bool stopping = false, resync = true;
        while (!stopping) {
                look(p);
                wake_all(p, resync && p->pushers > 0);
                pthread_mutex_lock(&p->mutex);
                while (!p->stopping && !p->look && !p->resync)
                        pthread_cond_wait(&p->changed, &p->mutex);
                const bool hurry = p->stopping || p->resync;
                pthread_mutex_unlock(&p->mutex);
                if (!hurry)
                        nanosleep(&pause, NULL); /* a burst of writes is looked at once */
                pthread_mutex_lock(&p->mutex);
                stopping = p->stopping;
                resync = p->resync;
                p->resync = p->look = false;
                pthread_mutex_unlock(&p->mutex);
        }
        while (p->pushers)
                pusher_end(p->pusher[--p->pushers]);
        return NULL;
}

/* -- life -- */

struct pushing *pushing_start(struct domain *d, const struct config *c)
{
        const char *const *list;
        struct store_info info;
        struct arena a;
        struct pushing *p = calloc(1, sizeof(*p));
        struct store_txn *t = p ? domain_read_begin(d, SLOT_MAIN) : NULL;
        if (!t) {
                free(p);
                return NULL;
        }
        const bool known = store_get_info(t, &info) == NI_OK;
        domain_read_end(d, SLOT_MAIN);
        p->d = d;
        push_queue_init(&p->queue);
        if (known)
                push_queue_start(&p->queue, info.checksum);
        pthread_mutex_init(&p->mutex, NULL);
        pthread_cond_init(&p->changed, NULL);
        arena_init(&a, 0);
        const unsigned n = domain_addresses(c, &a, &list);
        for (unsigned i = 0; i < n && p->address_count < 16; i++)
                snprintf(p->addresses[p->address_count++], sizeof(p->addresses[0]), "%.15s", list[i]);
        arena_done(&a);
        if (known && pthread_create(&p->thread, NULL, list_loop, p) == 0)
                return p;
        p->stopping = true;
        pushing_free(p);
        return NULL;
}

void pushing_stop(struct pushing *p)
{
        if (!p)
                return;
        pthread_mutex_lock(&p->mutex);
        p->stopping = true;
        pthread_cond_signal(&p->changed);
        pthread_mutex_unlock(&p->mutex);
        pthread_join(p->thread, NULL);
}

void pushing_free(struct pushing *p)
{
        if (!p)
                return;
        push_queue_done(&p->queue);
        pthread_cond_destroy(&p->changed);
        pthread_mutex_destroy(&p->mutex);
        free(p);
}

/* -- from the doors -- */

void pushing_resync(struct domain *d)
{
        struct pushing *p = d->pushing;
        if (!p)
                return;
        pthread_mutex_lock(&p->mutex);
        p->resync = true;
        pthread_cond_signal(&p->changed);
        pthread_mutex_unlock(&p->mutex);
}

void pushing_restart(struct domain *d, uint32_t checksum)
{
        if (d->pushing)
                push_queue_start(&d->pushing->queue, checksum);
        pushing_resync(d);
}

void pushing_reading(struct domain *d, const struct address *a, bool begins)
{
        struct pushing *p = d->pushing;
        if (!p)
                return;
        pthread_mutex_lock(&p->mutex);
        for (unsigned i = 0; i < p->pushers; i++) {
                struct pusher *c = p->pusher[i];
                if (!address_equal(&c->address, a))
                        continue;
                c->begun += begins;
                c->ended += !begins;
                pusher_wake(c);
        }
        pthread_mutex_unlock(&p->mutex);
}

void pushing_show(struct domain *d, struct arena *a, struct ext_replica_result *ret)
{
        struct pushing *p = d->pushing;
        uint64_t tail, head;
        uint32_t sum;
        if (!p || d->role != STORE_MASTER)
                return;
        ret->pushed = arena_zalloc(a, LIMIT_PUSHED, sizeof(*ret->pushed));
        if (!ret->pushed)
                return;
        push_queue_ends(&p->queue, &tail, &head, &sum);
        pthread_mutex_lock(&p->mutex);
        for (unsigned i = 0; i < p->pushers; i++) {
                const struct pusher *c = p->pusher[i];
                const char *word = c->follows ? "follows" : push_state_word(&c->core);
                ret->pushed[ret->pushed_count++] = (struct ext_pushed){
                        .name = arena_bytes(a, bytes_str(c->where)),
                        .state = bytes_str(word),
                        .behind = c->follows || head < c->core.at ? 0 : head - c->core.at};
        }
        pthread_mutex_unlock(&p->mutex);
}

struct pushing_figures pushing_figures(const struct domain *d)
{
        struct pushing *p = d->pushing;
        struct pushing_figures f = {0};
        uint64_t tail, head;
        uint32_t sum;
        if (!p || d->role != STORE_MASTER)
                return f;
        push_queue_ends(&p->queue, &tail, &head, &sum);
        pthread_mutex_lock(&p->mutex);
        f.latency_s = p->latency_ms / 1000u;
        f.cleanup_minutes = p->cleanup_ms / 60000u;
        for (unsigned i = 0; i < p->pushers; i++) {
                const struct pusher *c = p->pusher[i];
                const uint64_t behind = c->follows || head < c->core.at ? 0 : head - c->core.at;
                f.running += !c->follows;
                f.pending = behind > f.pending ? behind : f.pending;
        }
        pthread_mutex_unlock(&p->mutex);
        return f;
}
