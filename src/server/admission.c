#include "server/admission.h"

#include "sys/clock.h"

#include <pthread.h>
#include <stdlib.h>

#define IDLE_MS     1000u /* so long without a call counts as idle */
#define KEPT_EXEMPT 16u   /* connections beyond the limit for the superuser on the socket */
#define OVERLAP     32u   /* evicted connections that have not gone yet may stand beside their successors */

struct admission {
        pthread_mutex_t mutex;
        struct visitor *first;
        uint64_t next_id;
        struct admission_counts counts;
};

struct admission *admission_new(void)
{
        struct admission *a = calloc(1, sizeof(*a));
        if (a)
                pthread_mutex_init(&a->mutex, NULL);
        return a;
}

void admission_free(struct admission *a)
{
        if (!a)
                return;
        pthread_mutex_destroy(&a->mutex);
        free(a);
}

static struct address source_of(const struct peer *p)
{
        struct address s = p->address;
        uint32_t v4;
        if (p->socket || p->local)
                return address_of_uid(p->uid);
        if (!address_ipv4(&s, &v4))
                memset(s.b + 8, 0, 8);
        return s;
}

/* Strangers go first; then who was silent for longer. The list begins with the newest. */
static bool goes_before(const struct visitor *v, const struct visitor *than)
{
        if (!than || v->stranger != than->stranger)
                return !than || v->stranger;
        return v->active_ms <= than->active_ms;
}

/* The longest idle one (of a source, or of all; strangers alone, or all); also counts them. */
static struct visitor *oldest(const struct admission *a, const struct address *source, bool strangers,
                              uint64_t now_ms, unsigned *ret_count)
{
        struct visitor *best = NULL;
        unsigned n = 0;
        for (struct visitor *v = a->first; v; v = v->next) {
                if ((source && !address_equal(&v->source, source)) || (strangers && !v->stranger))
                        continue;
                n += !v->leaving;
                if (v->leaving || v->exempt || v->busy || v->active_ms + IDLE_MS > now_ms)
                        continue;
                if (goes_before(v, best))
                        best = v;
        }
        *ret_count = n;
        return best;
}

/* With those that were asked to go, and have not gone yet because their worker has much to do. */
static unsigned strangers_of(const struct admission *a, const struct address *source)
{
        unsigned n = 0;
        if (a->counts.strangers < OVERLAP)
                return 0;
        for (const struct visitor *v = a->first; v; v = v->next)
                n += v->stranger && address_equal(&v->source, source);
        return n;
}

/* The share of strangers: of a source, then of all. *ret_evict: which of them goes, NULL for none. */
static bool make_room_for_stranger(struct admission *a, const struct address *source, unsigned most,
                                   uint64_t now_ms, struct visitor **ret_evict)
{
        unsigned n = 0;
        const unsigned share = most / 4 < LIMIT_STRANGERS ? most / 4 : LIMIT_STRANGERS;
        const unsigned each = share / 4 < LIMIT_STRANGERS_SOURCE ? share / 4 : LIMIT_STRANGERS_SOURCE;
        struct visitor *idle = NULL;
        if (a->counts.strangers >= share + OVERLAP || strangers_of(a, source) >= each + OVERLAP)
                return false;
        if (a->counts.strangers >= each)
                idle = oldest(a, source, true, now_ms, &n);
        if (n < each) {
                idle = NULL;
                n = 0;
                if (a->counts.strangers >= share)
                        idle = oldest(a, NULL, true, now_ms, &n);
                if (n < share) {
                        *ret_evict = NULL;
                        return true;
                }
        }
        *ret_evict = idle;
        return idle != NULL;
}

static bool make_room(struct admission *a, const struct visitor *v, const struct config *c, unsigned most,
                      uint64_t now_ms, struct visitor **ret_evict)
{
        unsigned n;
        struct visitor *idle = NULL;
        const struct address *source = &v->source;
        if (v->stranger && !make_room_for_stranger(a, source, most, now_ms, &idle))
                return false;
        if (idle) {
                *ret_evict = idle;
                return a->counts.now < most + OVERLAP;
        }
        if (a->counts.now >= c->connections_per_source) { /* else no source can have so many */
                idle = oldest(a, source, false, now_ms, &n);
                if (n < c->connections_per_source)
                        idle = NULL;
                else if (!idle)
                        return false;
        }
        if (!idle && a->counts.now >= most) {
                idle = oldest(a, NULL, false, now_ms, &n);
                if (n < most)
                        idle = NULL;
                else if (!idle)
                        return false;
        }
        *ret_evict = idle;
        return a->counts.now < most + OVERLAP;
}

enum admitted admission_enter(struct admission *a, struct visitor *v, const struct peer *p,
                              const struct config *c, unsigned most, uint64_t now_ms,
                              struct worker **ret_evict_worker, uint64_t *ret_evict_id)
{
        struct visitor *evict = NULL;
        v->source = source_of(p);
        v->exempt = p->socket && peer_is_superuser(p, c);
        v->active_ms = now_ms;
        pthread_mutex_lock(&a->mutex);
        const bool in = v->exempt ? a->counts.now < most + OVERLAP + KEPT_EXEMPT
                                  : make_room(a, v, c, most, now_ms, &evict);
        if (in) {
                v->id = ++a->next_id;
                v->before = NULL;
                v->next = a->first;
                if (a->first)
                        a->first->before = v;
                a->first = v;
                a->counts.now++;
                a->counts.accepted++;
                a->counts.strangers += v->stranger;
                if (a->counts.now > a->counts.peak)
                        a->counts.peak = a->counts.now;
                if (evict) {
                        evict->leaving = true;
                        a->counts.evicted++;
                }
        } else {
                a->counts.refused++;
        }
        *ret_evict_worker = in && evict ? evict->worker : NULL;
        *ret_evict_id = in && evict ? evict->id : 0;
        pthread_mutex_unlock(&a->mutex);
        return in ? ADMITTED : ADMITTED_FULL;
}

void admission_leave(struct admission *a, struct visitor *v)
{
        pthread_mutex_lock(&a->mutex);
        if (v->before)
                v->before->next = v->next;
        else
                a->first = v->next;
        if (v->next)
                v->next->before = v->before;
        a->counts.now--;
        a->counts.strangers -= v->stranger;
        pthread_mutex_unlock(&a->mutex);
}

void admission_settle(struct admission *a, struct visitor *v)
{
        pthread_mutex_lock(&a->mutex);
        a->counts.strangers -= v->stranger;
        v->stranger = false;
        pthread_mutex_unlock(&a->mutex);
}

void admission_stay(struct admission *a, struct visitor *v)
{
        pthread_mutex_lock(&a->mutex);
        v->leaving = false;
        a->counts.evicted--;
        pthread_mutex_unlock(&a->mutex);
}

struct admission_counts admission_count(struct admission *a)
{
        pthread_mutex_lock(&a->mutex);
        const struct admission_counts c = a->counts;
        pthread_mutex_unlock(&a->mutex);
        return c;
}
