/* What a clone does next to become equal to its master and to stay so (doc/replication.md 2). Something
 * happened, and the core says what to do. No socket, no clock, no disk: time arrives with every event, the
 * content stays with whoever carries the actions out. */
#ifndef NETINFO_REPLICA_FOLLOW_H
#define NETINFO_REPLICA_FOLLOW_H

#include <stdbool.h>
#include <stdint.h>

#define FOLLOW_AWAY_LEAST_MS   50u
#define FOLLOW_AWAY_MOST_MS    5000u
#define FOLLOW_LOCAL_MOST_MS   30000u /* our own disk refuses: it may be full for long */
#define FOLLOW_REFUSE_LEAST_MS 5000u  /* only an administrator changes that */
#define FOLLOW_REFUSE_MOST_MS  60000u
#define FOLLOW_POLL_MS         30000u /* longest wait in one CHANGES (doc/decisions.md 2) */
#define FOLLOW_CHECK_MS        60000u /* so often the digests are compared */

/* What identifies the content of a domain at one moment. */
struct follow_point {
        uint8_t uuid[16];
        uint64_t epoch, seq;
        uint32_t checksum;
        uint8_t digest[16];
};

enum follow_event_kind {
        FOLLOW_STARTED, /* point: what is here; filled: it is a whole copy of the master's content */
        FOLLOW_THERE,   /* point, first_seq, hidden: STATUS of the master */
        FOLLOW_PAGED,   /* again, epoch, seq, more, next: the page is in the new store */
        FOLLOW_APPLIED, /* again, epoch, head, fits, point (of the store that was written) */
        FOLLOW_SWAPPED, /* ok, point: the new store serves, or was found wrong and thrown away */
        FOLLOW_LOST,    /* the connection broke, or what came was no answer */
        FOLLOW_LOCAL,   /* our own store cannot be written */
        FOLLOW_WOKE,    /* a wait ended */
        FOLLOW_MOVED,   /* the origin was changed: forget the connection and all pauses */
};

struct follow_event {
        enum follow_event_kind kind;
        uint32_t turn; /* of the action that it answers; STARTED and MOVED: any */
        uint64_t now;  /* ms, never goes back */
        struct follow_point point;
        bool filled, hidden, more, fits, ok;
        bool again; /* the master says: take a snapshot */
        uint64_t first_seq, epoch, seq, head;
        uint32_t next;
};

enum follow_action_kind {
        FOLLOW_CONNECT, /* drop what there is, connect, ask STATUS -> THERE or LOST */
        FOLLOW_ASK,     /* STATUS -> THERE or LOST */
        FOLLOW_PAGE,    /* epoch, from, fresh -> PAGED, LOST or LOCAL */
        FOLLOW_CHANGES, /* epoch, seq, upto, wait_ms, aside -> APPLIED, LOST or LOCAL */
        FOLLOW_SWAP,    /* -> SWAPPED or LOCAL */
        FOLLOW_WAIT,    /* wait_ms -> WOKE */
        FOLLOW_NOTHING, /* that event was late: the action under way goes on */
};

struct follow_action {
        enum follow_action_kind kind;
        uint32_t turn;
        uint64_t epoch, seq;
        uint64_t upto; /* apply no entry beyond this seq */
        uint32_t from, wait_ms;
        bool fresh; /* PAGE: begin the new store anew */
        bool aside; /* CHANGES: to the new store, loosely */
};

enum follow_state { FOLLOW_AWAY, FOLLOW_COPYING, FOLLOW_COMPLETING, FOLLOW_SWAPPING, FOLLOW_FOLLOWING };
enum follow_refusal {
        FOLLOW_WELCOME,
        FOLLOW_HIDDEN, /* the master hides secrets from us */
        FOLLOW_OTHER,  /* it serves another domain (uuid) than the one whose content we hold */
};

struct follow {
        enum follow_state state;
        enum follow_refusal refusal; /* why it stays away; WELCOME: no such reason */
        uint32_t turn;
        struct follow_point here;
        bool filled;
        bool fresh;                /* a copy was put in place, and nothing has been followed since */
        bool must_copy;            /* what is here is not the master's, though its numbers may be */
        uint64_t head;             /* newest seq the master has told of; with `here.epoch` */
        struct follow_point check; /* at this seq ours must be the same; epoch 0: nothing to compare */
        uint64_t aside_epoch, aside_seq, target;
        uint32_t from;
        bool first_page;
        uint32_t away_ms, local_ms, refuse_ms;
        uint64_t connect_at, check_at;
        struct { /* since the start, for logs and tests */
                uint64_t snapshots, changes, gaps, damaged, rejected, late;
        } counts;
};

void follow_init(struct follow *f);
void follow_step(struct follow *f, const struct follow_event *e, struct follow_action *ret);

/* "away", "copying" ...; "refused" when the master's answer keeps it away. */
const char *follow_state_word(const struct follow *f);
/* Nothing more to take over, as far as the master has told. */
bool follow_is_current(const struct follow *f);

#endif
