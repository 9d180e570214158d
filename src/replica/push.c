#include "replica/push.h"

#define WAIT_MOST_MS 3600000u

void push_init(struct push *p, uint32_t latency_ms, uint32_t cleanup_ms)
{
        *p = (struct push){
                .pause_ms = PUSH_AWAY_LEAST_MS, .latency_ms = latency_ms, .cleanup_ms = cleanup_ms};
}

void push_set_options(struct push *p, uint32_t latency_ms, uint32_t cleanup_ms)
{
        p->latency_ms = latency_ms;
        p->cleanup_ms = cleanup_ms;
}

const char *push_state_word(const struct push *p)
{
        static const char *const words[] = {"telling", "asking", "behind", "in-step", "away"};
        return words[p->state];
}

static void pause_in(struct push *p, enum push_state state, uint64_t now)
{
        p->state = state;
        p->not_before = now + p->pause_ms;
        p->pause_ms = p->pause_ms > PUSH_AWAY_MOST_MS / 2 ? PUSH_AWAY_MOST_MS : p->pause_ms * 2;
}

static void queued(struct push *p, const struct push_event *e)
{
        if (e->head > p->head && p->at >= p->head)
                p->first_queued = e->now;
        p->tail = e->tail;
        p->head = e->head;
        if (p->state == PUSH_STEP && p->at < p->tail) { /* what it lacks is no longer kept */
                p->losses++;
                p->state = PUSH_UNTOLD;
                p->not_before = e->now;
        }
}

static void asked(struct push *p, const struct push_event *e)
{
        if (!e->ok) {
                pause_in(p, PUSH_AWAY, e->now);
        } else if (!e->found || e->at < p->tail) {
                /* After a batch: it accepted what we sent and stands elsewhere all the same. */
                p->losses += p->sure;
                pause_in(p, p->sure || ++p->vain >= PUSH_ASKS ? PUSH_UNTOLD : PUSH_BEHIND, e->now);
                p->sure = false;
        } else {
                p->state = PUSH_STEP;
                p->at = e->at;
                p->sure = true;
                p->pause_ms = PUSH_AWAY_LEAST_MS;
        }
}

static void sent(struct push *p, const struct push_event *e)
{
        if (e->at > p->at) {
                p->pushed += e->at - p->at;
                p->at = e->at;
                p->first_queued = e->now; /* those behind it wait anew: a burst is sent in few connections */
        }
        p->state = PUSH_UNASKED;
        p->not_before = e->now;
        if (e->ok)
                return;
        p->refused += e->refused;
        p->sure = false;
        pause_in(p, e->refused ? PUSH_UNTOLD : PUSH_AWAY, e->now);
}

static void take(struct push *p, const struct push_event *e)
{
        switch (e->kind) {
        case PUSH_STARTED:
                p->tail = e->tail;
                p->head = e->head;
                p->state = PUSH_UNTOLD;
                p->not_before = e->now;
                p->cleanup_at = e->now + p->cleanup_ms;
                break;
        case PUSH_QUEUED:
                queued(p, e);
                break;
        case PUSH_TOLD:
                if (e->ok) {
                        p->state = PUSH_UNASKED;
                        p->not_before = e->now;
                        p->sure = false;
                        p->vain = 0;
                } else {
                        pause_in(p, PUSH_AWAY, e->now);
                }
                break;
        case PUSH_ASKED:
                asked(p, e);
                break;
        case PUSH_SENT:
                sent(p, e);
                break;
        case PUSH_RESYNC:
                p->resync = true;
                p->cleanup_at = e->now + p->cleanup_ms;
                break;
        case PUSH_READING:
                if (e->ok)
                        p->reading++;
                else if (p->reading)
                        p->reading--;
                if (!e->ok) { /* it may stand where we are now */
                        p->state = PUSH_UNASKED;
                        p->not_before = e->now;
                        p->sure = false;
                        p->pause_ms = PUSH_AWAY_LEAST_MS;
                }
                break;
        default: /* WOKE */
                break;
        }
        if (p->cleanup_ms && e->now >= p->cleanup_at) {
                p->resync = true;
                p->cleanup_at = e->now + p->cleanup_ms;
        }
}

static struct push_action wait_until(const struct push *p, uint64_t at, uint64_t now)
{
        uint64_t left = at > now ? at - now : 0;
        if (p->cleanup_ms && p->cleanup_at - now < left)
                left = p->cleanup_at - now;
        return (struct push_action){.kind = PUSH_WAIT,
                                    .wait_ms = left < WAIT_MOST_MS ? (uint32_t)left : WAIT_MOST_MS};
}

static struct push_action next_of_step(const struct push *p, uint64_t now)
{
        const uint64_t due = p->first_queued + p->latency_ms;
        if (p->at >= p->head)
                return wait_until(p, UINT64_MAX, now);
        if (now < due)
                return wait_until(p, due, now);
        const uint64_t to = p->head - p->at > PUSH_BATCH ? p->at + PUSH_BATCH : p->head;
        return (struct push_action){.kind = PUSH_SEND, .from = p->at, .to = to};
}

static struct push_action next(struct push *p, uint64_t now)
{
        if (p->reading) /* until it has what it reads, nothing can be added to it */
                return wait_until(p, UINT64_MAX, now);
        if (p->state != PUSH_STEP && now < p->not_before)
                return wait_until(p, p->not_before, now);
        if (p->resync && p->state != PUSH_AWAY) {
                p->resync = false;
                return (struct push_action){.kind = PUSH_RENEW};
        }
        switch (p->state) {
        case PUSH_STEP:
                return next_of_step(p, now);
        case PUSH_UNASKED:
        case PUSH_BEHIND:
                return (struct push_action){.kind = PUSH_ASK};
        default: /* UNTOLD, AWAY */
                return (struct push_action){.kind = PUSH_TELL};
        }
}

void push_step(struct push *p, const struct push_event *e, struct push_action *ret)
{
        take(p, e);
        *ret = next(p, e->now);
}
