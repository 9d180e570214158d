/* What a master does next for one historical clone (doc/replication.md 6, doc/protocol.md 5.3): tell it,
 * find out where it stands, push the calls it lacks. The calls themselves stay in a queue elsewhere; here a
 * call is its number. Pure, as follow.h. */
#ifndef NETINFO_REPLICA_PUSH_H
#define NETINFO_REPLICA_PUSH_H

#include <stdbool.h>
#include <stdint.h>

#define PUSH_AWAY_LEAST_MS 1000u
#define PUSH_AWAY_MOST_MS  60000u
#define PUSH_LATENCY_MS    2000u    /* doc/protocol.md 1.4, update_latency */
#define PUSH_CLEANUP_MS    1800000u /* cleanup_wait; 0: never */
#define PUSH_ASKS          4u       /* it was asked so often in vain: it is told once more */
#define PUSH_BATCH         256u     /* calls on one connection, then it is asked where it stands */

enum push_event_kind {
        PUSH_STARTED, /* tail, head */
        PUSH_QUEUED,  /* tail, head: calls came, or old ones were dropped */
        PUSH_TOLD,    /* ok: CRASHED or RESYNC was delivered */
        PUSH_ASKED,   /* ok: it answered; found: its checksum has one place in the queue, at */
        PUSH_SENT,    /* ok: all were accepted; at: up to this one they were; refused: it answered a status */
        PUSH_RESYNC,  /* somebody asked for it */
        PUSH_READING, /* ok: a READALL to its address begins; not ok: it ended */
        PUSH_WOKE,
};
struct push_event {
        enum push_event_kind kind;
        uint64_t now;
        uint64_t tail, head; /* calls tail + 1 .. head are in the queue */
        uint64_t at;
        bool ok, found, refused;
};

enum push_action_kind {
        PUSH_TELL,  /* CRASHED with our checksum -> TOLD */
        PUSH_RENEW, /* RESYNC -> TOLD */
        PUSH_ASK,   /* STATISTICS -> ASKED */
        PUSH_SEND,  /* calls from + 1 .. to -> SENT */
        PUSH_WAIT,  /* wait_ms -> WOKE, or an event */
};
struct push_action {
        enum push_action_kind kind;
        uint64_t from, to;
        uint32_t wait_ms;
};

enum push_state {
        PUSH_UNTOLD, /* it does not know that we are here, or that it is out of date */
        PUSH_UNASKED,
        PUSH_BEHIND, /* it reads everything; asked again later */
        PUSH_STEP,   /* it stands at `at` */
        PUSH_AWAY,
};

struct push {
        enum push_state state;
        uint64_t tail, head, at;
        uint64_t first_queued; /* when the first call that it lacks was queued */
        uint64_t not_before, cleanup_at;
        uint32_t pause_ms, latency_ms, cleanup_ms;
        unsigned vain;    /* asked without finding its place since it was told */
        unsigned reading; /* full transfers to it under way */
        bool resync;      /* RESYNC is to be sent */
        bool sure;        /* it was asked after the last batch */
        uint64_t pushed, refused, losses;
};

void push_init(struct push *p, uint32_t latency_ms, uint32_t cleanup_ms);
void push_set_options(struct push *p, uint32_t latency_ms, uint32_t cleanup_ms);
void push_step(struct push *p, const struct push_event *e, struct push_action *ret);
const char *push_state_word(const struct push *p);

#endif
