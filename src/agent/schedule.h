/* When images are made (doc/agent.md "Publishing"). Pure: time comes with every call. */
#ifndef NETINFO_AGENT_SCHEDULE_H
#define NETINFO_AGENT_SCHEDULE_H

#include "agent/table.h"

#define SCHEDULE_LAG_MS         1000u /* a change waits so long at most for tables to catch up */
#define SCHEDULE_AGAIN_LEAST_MS 1000u /* after a failed publication */
#define SCHEDULE_AGAIN_MOST_MS  30000u
#define SCHEDULE_QUIET_MS       5000u /* without a change: then images whose deltas have grown are made whole */
#define SCHEDULE_IDLE_MS        30000u /* the longest time until somebody looks whether a day has begun */

struct schedule {
        unsigned dirty; /* images that must be made */
        uint64_t dirty_since;
        uint64_t publish_at; /* not before */
        unsigned grown;      /* images with large deltas */
        uint64_t quiet_at;   /* when they may be made whole */
        uint32_t again_ms, interval;
        int64_t today;
        uint64_t published;
};

struct schedule_action {
        unsigned images;  /* make these now; 0: wait */
        bool whole;       /* nothing changed, and there is time to make them without deltas */
        uint32_t wait_ms; /* at most */
};

void schedule_init(struct schedule *s, uint32_t interval_ms);
/* These images are to be made. */
void schedule_mark(struct schedule *s, unsigned images, uint64_t now);
/* today: days since 1970, UTC. A new day is news for shadow, when there is something to publish at all. */
void schedule_today(struct schedule *s, int64_t today, bool known, uint64_t now);
/* A publication ended; took_ms; grown: images with a delta that had better be none. */
void schedule_published(struct schedule *s, bool ok, uint64_t took_ms, unsigned grown, uint64_t now);
/* lags: a table is behind its server, which is worth a short wait. holds: nothing may be published now. */
struct schedule_action schedule_next(const struct schedule *s, bool lags, bool holds, uint64_t now);

#endif
