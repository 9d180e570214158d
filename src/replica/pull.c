#include "replica/pull.h"

#define WAIT_MOST_MS 3600000u

void pull_init(struct pull *p, uint32_t cleanup_ms)
{
        *p = (struct pull){.cleanup_ms = cleanup_ms, .retry_ms = PULL_RETRY_LEAST_MS};
}

void pull_set_cleanup(struct pull *p, uint32_t cleanup_ms)
{
        p->cleanup_ms = cleanup_ms;
}

/* A check is due; one that is under way began before this, and may not know of it. */
static void want(struct pull *p)
{
        if (p->reading)
                p->again = true;
        else
                p->due = true;
}

static void ended(struct pull *p, const struct pull_event *e)
{
        p->reading = false;
        p->due = p->again;
        p->again = false;
        p->cleanup_at = e->now + p->cleanup_ms;
        if (e->result == PULL_SAME || e->result == PULL_SWAPPED) {
                p->swaps += e->result == PULL_SWAPPED;
                p->retry_ms = PULL_RETRY_LEAST_MS;
                p->not_before = e->now;
                return;
        }
        p->failures++;
        p->due = true;
        p->not_before = e->now + p->retry_ms;
        p->retry_ms = p->retry_ms > PULL_RETRY_MOST_MS / 2 ? PULL_RETRY_MOST_MS : p->retry_ms * 2;
}

static void take(struct pull *p, const struct pull_event *e)
{
        switch (e->kind) {
        case PULL_STARTED:
        case PULL_MOVED:
                p->started = true;
                p->not_before = e->now;
                p->retry_ms = PULL_RETRY_LEAST_MS;
                p->cleanup_at = e->now + p->cleanup_ms;
                want(p);
                break;
        case PULL_RESYNC:
                want(p);
                break;
        case PULL_CRASHED:
                if (e->theirs != e->ours)
                        want(p);
                break;
        case PULL_PUSHED: /* one that went well is lost when a check under way replaces the content */
                if (!e->ok || p->reading)
                        want(p);
                break;
        case PULL_READ:
                ended(p, e);
                break;
        default: /* WOKE */
                break;
        }
        if (p->cleanup_ms && e->now >= p->cleanup_at && !p->reading)
                p->due = true;
}

void pull_step(struct pull *p, const struct pull_event *e, struct pull_action *ret)
{
        uint64_t at = UINT64_MAX;
        take(p, e);
        *ret = (struct pull_action){.wait_ms = WAIT_MOST_MS};
        if (!p->started || p->reading)
                return;
        if (p->due)
                at = p->not_before;
        else if (p->cleanup_ms)
                at = p->cleanup_at;
        if (p->due && e->now >= at) {
                p->due = false;
                p->reading = true;
                p->checks++;
                ret->read = true;
        } else if (at != UINT64_MAX) {
                const uint64_t left = at > e->now ? at - e->now : 0;
                ret->wait_ms = left < WAIT_MOST_MS ? (uint32_t)left : WAIT_MOST_MS;
        }
}
