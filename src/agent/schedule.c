#include "agent/schedule.h"

void schedule_init(struct schedule *s, uint32_t interval_ms)
{
        *s = (struct schedule){.again_ms = SCHEDULE_AGAIN_LEAST_MS,
                               .beside_again_ms = SCHEDULE_AGAIN_LEAST_MS,
                               .interval = interval_ms,
                               .today = -1};
}

void schedule_mark(struct schedule *s, unsigned images, uint64_t now)
{
        if (images && !s->dirty)
                s->dirty_since = now;
        s->dirty |= images;
}

void schedule_today(struct schedule *s, int64_t today, bool known, uint64_t now)
{
        if (s->today != today && known)
                schedule_mark(s, TABLE_SHADOW, now); /* `change` of somebody may have come */
        s->today = today;
}

static uint32_t longer(uint32_t ms)
{
        return ms * 2 < SCHEDULE_AGAIN_MOST_MS ? ms * 2 : SCHEDULE_AGAIN_MOST_MS;
}

void schedule_published(struct schedule *s, bool ok, uint64_t took_ms, unsigned grown, uint64_t now)
{
        const uint64_t pause = took_ms > s->interval ? took_ms : s->interval;
        if (ok) {
                s->published++;
                s->again_ms = SCHEDULE_AGAIN_LEAST_MS;
                s->publish_at = now + pause;
                s->dirty &= s->held;
                s->grown = grown;
                s->quiet_at = now + SCHEDULE_QUIET_MS;
                return;
        }
        s->publish_at = now + s->again_ms;
        s->again_ms = longer(s->again_ms);
}

void schedule_left(struct schedule *s, unsigned left, unsigned begun, uint64_t now)
{
        if (begun) {
                s->beside = true;
                s->beside_since = now;
                s->making = s->dirty & begun;
                s->dirty &= ~begun;
                left &= ~begun;
        }
        s->held = left;
}

void schedule_beside_ended(struct schedule *s, unsigned made, bool failed, uint64_t now)
{
        schedule_mark(s, s->making & ~made, now);
        if (made) {
                s->beside_again_ms = SCHEDULE_AGAIN_LEAST_MS;
        } else if (failed) {
                s->beside_at = now + s->beside_again_ms;
                s->beside_again_ms = longer(s->beside_again_ms);
        }
        s->beside = false;
        s->making = s->held = 0;
}

bool schedule_is_clean(const struct schedule *s)
{
        return !s->dirty && !s->making;
}

static struct schedule_action wait_until(uint64_t at, uint64_t now)
{
        const uint64_t left = at > now ? at - now : 1;
        return (struct schedule_action){.wait_ms =
                                                left < SCHEDULE_IDLE_MS ? (uint32_t)left : SCHEDULE_IDLE_MS};
}

/* When something is dirty that need not wait: now, or at publish_at. */
static struct schedule_action next_dirty(const struct schedule *s, bool lags, uint64_t now)
{
        if (now < s->publish_at)
                return wait_until(s->publish_at, now);
        if (lags && now < s->dirty_since + SCHEDULE_LAG_MS)
                return wait_until(s->dirty_since + SCHEDULE_LAG_MS, now); /* catching up ends it sooner */
        return (struct schedule_action){.images = s->dirty, .may_begin = now >= s->beside_at};
}

struct schedule_action schedule_next(const struct schedule *s, bool lags, bool holds, uint64_t now)
{
        const struct schedule_action idle = {.wait_ms = SCHEDULE_IDLE_MS};
        const unsigned held = s->beside || now < s->beside_at ? s->held : 0;
        uint64_t quiet_at = s->quiet_at > s->publish_at ? s->quiet_at : s->publish_at;
        quiet_at = quiet_at > s->beside_at ? quiet_at : s->beside_at;
        if (s->beside && now - s->beside_since >= SCHEDULE_BESIDE_MS)
                return (struct schedule_action){.give_up = true, .wait_ms = SCHEDULE_IDLE_MS};
        if (holds)
                return idle;
        if (s->dirty & ~held)
                return next_dirty(s, lags, now);
        if (s->beside)
                return idle;
        if (s->dirty)
                return wait_until(s->beside_at, now);
        if (!s->grown)
                return idle;
        /* Nothing has changed for a while: the time for work that grows with the domain. */
        return now >= quiet_at
                       ? (struct schedule_action){.images = s->grown, .whole = true, .may_begin = true}
                       : wait_until(quiet_at, now);
}
