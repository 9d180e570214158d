#include "agent/schedule.h"

void schedule_init(struct schedule *s, uint32_t interval_ms)
{
        *s = (struct schedule){.again_ms = SCHEDULE_AGAIN_LEAST_MS, .interval = interval_ms, .today = -1};
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

void schedule_published(struct schedule *s, bool ok, uint64_t took_ms, unsigned grown, uint64_t now)
{
        const uint64_t pause = took_ms > s->interval ? took_ms : s->interval;
        if (ok) {
                s->published++;
                s->again_ms = SCHEDULE_AGAIN_LEAST_MS;
                s->publish_at = now + pause;
                s->dirty = 0;
                s->grown = grown;
                s->quiet_at = now + SCHEDULE_QUIET_MS;
                return;
        }
        s->publish_at = now + s->again_ms;
        s->again_ms = s->again_ms * 2 < SCHEDULE_AGAIN_MOST_MS ? s->again_ms * 2 : SCHEDULE_AGAIN_MOST_MS;
}

static struct schedule_action wait_until(uint64_t at, uint64_t now)
{
        const uint64_t left = at > now ? at - now : 1;
        return (struct schedule_action){.wait_ms =
                                                left < SCHEDULE_IDLE_MS ? (uint32_t)left : SCHEDULE_IDLE_MS};
}

struct schedule_action schedule_next(const struct schedule *s, bool lags, bool holds, uint64_t now)
{
        const uint64_t quiet_at = s->quiet_at > s->publish_at ? s->quiet_at : s->publish_at;
        if (holds || (!s->dirty && !s->grown))
                return (struct schedule_action){.wait_ms = SCHEDULE_IDLE_MS};
        if (!s->dirty) /* nothing has changed for a while: the time for work that grows with the domain */
                return now >= quiet_at ? (struct schedule_action){.images = s->grown, .whole = true}
                                       : wait_until(quiet_at, now);
        if (now < s->publish_at)
                return wait_until(s->publish_at, now);
        if (lags && now < s->dirty_since + SCHEDULE_LAG_MS)
                return wait_until(s->dirty_since + SCHEDULE_LAG_MS, now); /* catching up ends it sooner */
        return (struct schedule_action){.images = s->dirty};
}
