/* When images are made (doc/agent.md "Publishing"). Pure: time comes with every call. */
#ifndef NETINFO_AGENT_SCHEDULE_H
#define NETINFO_AGENT_SCHEDULE_H

#include "agent/table.h"

#define SCHEDULE_LAG_MS         1000u /* a change waits so long at most for tables to catch up */
#define SCHEDULE_AGAIN_LEAST_MS 1000u /* after a failed publication */
#define SCHEDULE_AGAIN_MOST_MS  30000u
#define SCHEDULE_QUIET_MS       5000u /* without a change: then images whose deltas have grown are made whole */
#define SCHEDULE_BESIDE_MS      600000u /* a process beside that takes longer is stuck, and ended */
#define SCHEDULE_IDLE_MS        30000u  /* the longest time until somebody looks whether a day has begun */

struct schedule {
        unsigned dirty; /* images that must be made */
        uint64_t dirty_since;
        uint64_t publish_at; /* not before */
        unsigned grown;      /* images with large deltas */
        uint64_t quiet_at;   /* when they may be made whole */
        uint32_t again_ms, interval;
        int64_t today;
        uint64_t published;
        bool beside; /* a process makes whole images */
        uint64_t beside_since;
        unsigned making;    /* images that were dirty and that it makes */
        unsigned held;      /* dirty images that wait for its end, or until one may begin again */
        uint64_t beside_at; /* not before, after one failed */
        uint32_t beside_again_ms;
};

struct schedule_action {
        unsigned images;  /* make these now; 0: wait */
        bool whole;       /* nothing changed, and there is time to make them without deltas */
        bool may_begin;   /* a process beside */
        bool give_up;     /* end the process beside: it takes too long */
        uint32_t wait_ms; /* at most */
};

void schedule_init(struct schedule *s, uint32_t interval_ms);
/* These images are to be made. */
void schedule_mark(struct schedule *s, unsigned images, uint64_t now);
/* today: days since 1970, UTC. A new day is news for shadow, when there is something to publish at all. */
void schedule_today(struct schedule *s, int64_t today, bool known, uint64_t now);
/* A publication ended; took_ms; grown: images with a delta that had better be none. */
void schedule_published(struct schedule *s, bool ok, uint64_t took_ms, unsigned grown, uint64_t now);
/* Of the images that were asked for, `left` were not made: they wait; those of `begun` are being made beside.
 * Call before schedule_published, or alone when nothing was published. */
void schedule_left(struct schedule *s, unsigned left, unsigned begun, uint64_t now);
/* The process beside is at its end. made: images of it that are live (call schedule_left and
 * schedule_published before); what else it was to make must be made again, and `failed`: not at once. */
void schedule_beside_ended(struct schedule *s, unsigned made, bool failed, uint64_t now);
/* The images show everything that was marked. */
bool schedule_is_clean(const struct schedule *s);
/* lags: a table is behind its server, which is worth a short wait. holds: nothing may be published now. */
struct schedule_action schedule_next(const struct schedule *s, bool lags, bool holds, uint64_t now);

#endif
