/* When a clone of a historical master reads everything again (doc/replication.md 7, doc/protocol.md 5.6). One
 * question: is a READALL check due? Pure, as follow.h. */
#ifndef NETINFO_REPLICA_PULL_H
#define NETINFO_REPLICA_PULL_H

#include <stdbool.h>
#include <stdint.h>

#define PULL_RETRY_LEAST_MS   1000u
#define PULL_RETRY_MOST_MS    60000u
#define PULL_CLEANUP_MS       1800000u /* doc/protocol.md 1.4, cleanup_wait */
#define PULL_CLEANUP_NEVER_MS 0u

enum pull_event_kind {
        PULL_STARTED,
        PULL_RESYNC,  /* asked for, by anyone */
        PULL_CRASHED, /* theirs, ours: checksums */
        PULL_PUSHED,  /* ok: a pushed call was executed, or went wrong */
        PULL_READ,    /* result: a check ended */
        PULL_WOKE,    /* time went by */
        PULL_MOVED,   /* another master */
};
enum pull_result {
        PULL_SAME,    /* nothing to send: equal */
        PULL_SWAPPED, /* the new content serves */
        PULL_BUSY,    /* NI_MASTERBUSY */
        PULL_FAILED,  /* no master, or what came was wrong */
};
struct pull_event {
        enum pull_event_kind kind;
        uint64_t now;
        uint32_t theirs, ours;
        bool ok;
        enum pull_result result;
};

struct pull_action {
        bool read;        /* do a READALL check now -> PULL_READ */
        uint32_t wait_ms; /* else: nothing before that, but events */
};

struct pull {
        bool started, reading, due;
        bool again;          /* something happened during a check that it may not have seen */
        uint64_t not_before; /* after a failure */
        uint64_t cleanup_at; /* next periodical check */
        uint32_t cleanup_ms; /* PULL_CLEANUP_NEVER_MS: none */
        uint32_t retry_ms;
        uint64_t checks, swaps, failures;
};

void pull_init(struct pull *p, uint32_t cleanup_ms);
/* Takes effect with the next check (doc/protocol.md 1.4: at RESYNC). */
void pull_set_cleanup(struct pull *p, uint32_t cleanup_ms);
void pull_step(struct pull *p, const struct pull_event *e, struct pull_action *ret);

#endif
