/* What the agent does next (doc/agent.md): something happened, and the core says what to do. No socket, no
 * clock, no file; time arrives with every event. */
#ifndef NETINFO_AGENT_CORE_H
#define NETINFO_AGENT_CORE_H

#include "agent/table.h"

#define CORE_AWAY_LEAST_MS    50u
#define CORE_AWAY_MOST_MS     5000u
#define CORE_POLL_MS          30000u /* longest wait in one CHANGES (decision 2) */
#define CORE_LAG_MS           1000u  /* a change waits so long at most for the table to catch up */
#define CORE_PUBLISH_LEAST_MS 1000u  /* after a failed publication */
#define CORE_PUBLISH_MOST_MS  30000u
#define CORE_QUIET_MS         5000u /* without a change: then images whose deltas have grown are made whole */

enum core_event_kind {
        CORE_STARTED,
        CORE_CONNECTED, /* status */
        CORE_FAILED,    /* connecting or a call */
        CORE_PAGE,      /* page */
        CORE_ENTRIES,   /* changes */
        CORE_PUBLISHED, /* ok, took_ms, grown */
        CORE_WOKE,      /* a WAIT ended */
        CORE_RELOAD,    /* the configuration changed, or SIGHUP: read everything again */
};
struct core_event {
        enum core_event_kind kind;
        uint64_t now;  /* ms, never goes back */
        int64_t today; /* days since 1970, UTC */
        const struct ext_status_result *status;
        const struct ext_snapshot_result *page;
        const struct ext_changes_result *changes;
        bool ok;
        uint64_t took_ms;
        unsigned grown; /* images with a delta that had better be none */
};

enum core_action_kind {
        CORE_CONNECT,  /* drop what there is, connect, ask STATUS -> CONNECTED or FAILED */
        CORE_SNAPSHOT, /* epoch, from -> PAGE or FAILED */
        CORE_CHANGES,  /* epoch, seq, wait_ms -> ENTRIES or FAILED */
        CORE_PUBLISH,  /* images, whole -> PUBLISHED */
        CORE_WAIT,     /* wait_ms -> WOKE */
        CORE_GIVE_UP,  /* memory is out */
};
struct core_action {
        enum core_action_kind kind;
        uint64_t epoch, seq;
        uint32_t from, wait_ms;
        unsigned images;
        bool whole; /* nothing changed, and there is time to make them without deltas */
};

struct core;

/* interval_ms: publish_interval. NULL: no memory. */
struct core *core_new(uint32_t interval_ms);
void core_free(struct core *c);
void core_set_interval(struct core *c, uint32_t interval_ms);
void core_step(struct core *c, const struct core_event *e, struct core_action *ret);

/* The exact table, or NULL before the first. Borrowed until the next step. */
struct table *core_table(const struct core *c);
uint64_t core_epoch(const struct core *c); /* it is exact at this seq of this epoch */
uint64_t core_seq(const struct core *c);
/* The images that were published show everything up to core_seq: nothing waits for the next ones. */
bool core_settled(const struct core *c);
/* For logs: counted since the start. */
struct core_counts {
        uint64_t snapshots, entries, repeated, gaps, published;
};
struct core_counts core_counts(const struct core *c);

#endif
