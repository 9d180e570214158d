#include "replica/follow.h"

#include <string.h>

void follow_init(struct follow *f)
{
        *f = (struct follow){.away_ms = FOLLOW_AWAY_LEAST_MS,
                             .local_ms = FOLLOW_AWAY_LEAST_MS,
                             .refuse_ms = FOLLOW_REFUSE_LEAST_MS};
}

const char *follow_state_word(const struct follow *f)
{
        static const char *const words[] = {"away", "copying", "completing", "swapping", "following"};
        return f->state == FOLLOW_AWAY && f->refusal != FOLLOW_WELCOME ? "refused" : words[f->state];
}

bool follow_is_current(const struct follow *f)
{
        return f->state == FOLLOW_FOLLOWING && f->here.seq >= f->head;
}

static bool same_uuid(const struct follow_point *a, const struct follow_point *b)
{
        return memcmp(a->uuid, b->uuid, sizeof(a->uuid)) == 0;
}

static bool same_content(const struct follow_point *a, const struct follow_point *b)
{
        return a->checksum == b->checksum && memcmp(a->digest, b->digest, sizeof(a->digest)) == 0;
}

static uint32_t twice(uint32_t ms, uint32_t most)
{
        return ms > most / 2 ? most : ms * 2;
}

/* -- what moves it from state to state -- */

static void go_away(struct follow *f, uint64_t now, uint32_t *pause, uint32_t most)
{
        f->state = FOLLOW_AWAY;
        f->connect_at = now + *pause;
        *pause = twice(*pause, most);
}

static void lost(struct follow *f, uint64_t now)
{
        f->refusal = FOLLOW_WELCOME;
        go_away(f, now, &f->away_ms, FOLLOW_AWAY_MOST_MS);
}

static void refuse(struct follow *f, uint64_t now, enum follow_refusal why)
{
        f->refusal = why;
        go_away(f, now, &f->refuse_ms, FOLLOW_REFUSE_MOST_MS);
}

static void begin_copy(struct follow *f)
{
        f->state = FOLLOW_COPYING;
        f->aside_epoch = 0;
        f->from = 0;
        f->first_page = true;
        f->must_copy = false;
        f->check.epoch = 0;
        f->counts.snapshots++;
}

/* The content is not the master's. When that was found of a copy that has just been made, the next one may be
 * no better (the master is damaged, or lies, or follows us): it has to wait. */
static void copy_anew(struct follow *f, uint64_t now)
{
        if (!f->fresh) {
                begin_copy(f);
                return;
        }
        f->fresh = false;
        f->must_copy = true;
        go_away(f, now, &f->local_ms, FOLLOW_LOCAL_MOST_MS);
}

/* The master's STATUS names a seq with its digest: now or when we reach it, ours is the same. False: it is
 * not. */
static bool compare(struct follow *f)
{
        if (f->check.epoch == 0 || f->check.seq > f->here.seq)
                return true;
        const bool equal = f->check.seq != f->here.seq || same_content(&f->check, &f->here);
        f->check.epoch = 0;
        f->counts.damaged += !equal;
        return equal;
}

static void there(struct follow *f, const struct follow_event *e)
{
        const struct follow_point *p = &e->point;
        if (e->hidden) {
                refuse(f, e->now, FOLLOW_HIDDEN);
                return;
        }
        if (f->filled && !same_uuid(p, &f->here)) {
                refuse(f, e->now, FOLLOW_OTHER);
                return;
        }
        f->refusal = FOLLOW_WELCOME;
        f->refuse_ms = FOLLOW_REFUSE_LEAST_MS;
        f->check_at = e->now + FOLLOW_CHECK_MS;
        f->head = p->seq;
        f->check = *p;
        if (f->must_copy)
                begin_copy(f);
        else if (f->filled && p->epoch == f->here.epoch && p->seq >= f->here.seq &&
                 e->first_seq <= f->here.seq + 1 && compare(f))
                f->state = FOLLOW_FOLLOWING;
        else
                copy_anew(f, e->now);
}

static void paged(struct follow *f, const struct follow_event *e)
{
        if (e->again) { /* it was restored or replaced meanwhile */
                lost(f, e->now);
                return;
        }
        if (f->first_page) {
                f->aside_epoch = e->epoch;
                f->aside_seq = e->seq;
        } else if (e->epoch != f->aside_epoch || e->seq < f->target) {
                lost(f, e->now);
                return;
        }
        if (e->more && e->next <= f->from && !f->first_page) {
                lost(f, e->now);
                return;
        }
        f->first_page = false; /* the pauses stay: what is read now is of use only when all of it has come */
        f->from = e->next;
        f->target = e->seq;
        if (!e->more)
                f->state = f->aside_seq == f->target ? FOLLOW_SWAPPING : FOLLOW_COMPLETING;
}

/* Entries onto the new store. */
static void completed(struct follow *f, const struct follow_event *e)
{
        if (e->again || e->epoch != f->aside_epoch || !e->fits || e->point.seq <= f->aside_seq) {
                f->counts.gaps++; /* it has told of changes that it does not have */
                lost(f, e->now);
                return;
        }
        f->counts.changes += e->point.seq - f->aside_seq;
        f->aside_seq = e->point.seq;
        if (f->aside_seq >= f->target)
                f->state = FOLLOW_SWAPPING;
}

/* Entries onto the store that serves. */
static void followed(struct follow *f, const struct follow_event *e)
{
        if (e->again || e->epoch != f->here.epoch || !e->fits) {
                f->counts.gaps += !e->again;
                copy_anew(f, e->now);
                return;
        }
        if (f->check.epoch && f->check.seq > f->here.seq && e->point.seq == f->here.seq) {
                f->counts.gaps++; /* it has told of changes that it does not send: not asked again at once */
                lost(f, e->now);
                return;
        }
        f->counts.changes += e->point.seq - f->here.seq;
        f->here = e->point;
        f->head = e->head;
        if (!compare(f)) {
                copy_anew(f, e->now);
                return;
        }
        f->fresh = false;
        f->away_ms = f->local_ms = FOLLOW_AWAY_LEAST_MS;
}

static void swapped(struct follow *f, const struct follow_event *e)
{
        if (!e->ok) {
                f->counts.rejected++;
                lost(f, e->now);
                return;
        }
        f->here = e->point;
        f->filled = f->fresh = true;
        f->head = f->here.seq > f->head ? f->here.seq : f->head;
        f->state = FOLLOW_FOLLOWING;
        f->check_at = e->now; /* compare the whole at once */
}

/* -- what to do next -- */

static struct follow_action next_of_following(const struct follow *f, uint64_t now)
{
        struct follow_action a = {.kind = FOLLOW_CHANGES, .epoch = f->here.epoch, .seq = f->here.seq};
        if (f->check.epoch) {
                a.upto = f->check.seq;
                return a; /* it is there: no wait */
        }
        if (now >= f->check_at)
                return (struct follow_action){.kind = FOLLOW_ASK};
        const uint64_t left = f->check_at - now;
        a.upto = UINT64_MAX;
        a.wait_ms = left < FOLLOW_POLL_MS ? (uint32_t)left : FOLLOW_POLL_MS;
        return a;
}

static struct follow_action next(const struct follow *f, uint64_t now)
{
        switch (f->state) {
        case FOLLOW_COPYING:
                return (struct follow_action){.kind = FOLLOW_PAGE,
                                              .epoch = f->aside_epoch,
                                              .from = f->from,
                                              .fresh = f->first_page};
        case FOLLOW_COMPLETING:
                return (struct follow_action){.kind = FOLLOW_CHANGES,
                                              .epoch = f->aside_epoch,
                                              .seq = f->aside_seq,
                                              .upto = UINT64_MAX,
                                              .aside = true};
        case FOLLOW_SWAPPING:
                return (struct follow_action){.kind = FOLLOW_SWAP};
        case FOLLOW_FOLLOWING:
                return next_of_following(f, now);
        default:
                if (now >= f->connect_at)
                        return (struct follow_action){.kind = FOLLOW_CONNECT};
                return (struct follow_action){.kind = FOLLOW_WAIT,
                                              .wait_ms = (uint32_t)(f->connect_at - now)};
        }
}

static void moved(struct follow *f, uint64_t now)
{
        f->state = FOLLOW_AWAY;
        f->refusal = FOLLOW_WELCOME;
        f->fresh = false;
        f->connect_at = now;
        f->away_ms = f->local_ms = FOLLOW_AWAY_LEAST_MS;
        f->refuse_ms = FOLLOW_REFUSE_LEAST_MS;
}

static void take(struct follow *f, const struct follow_event *e)
{
        switch (e->kind) {
        case FOLLOW_STARTED:
                f->here = e->point;
                f->filled = e->filled;
                f->connect_at = e->now;
                break;
        case FOLLOW_MOVED:
                moved(f, e->now);
                break;
        case FOLLOW_THERE:
                there(f, e);
                break;
        case FOLLOW_PAGED:
                paged(f, e);
                break;
        case FOLLOW_APPLIED:
                if (f->state == FOLLOW_COMPLETING)
                        completed(f, e);
                else
                        followed(f, e);
                break;
        case FOLLOW_SWAPPED:
                swapped(f, e);
                break;
        case FOLLOW_LOST:
                lost(f, e->now);
                break;
        case FOLLOW_LOCAL:
                go_away(f, e->now, &f->local_ms, FOLLOW_LOCAL_MOST_MS);
                break;
        default: /* WOKE */
                break;
        }
}

void follow_step(struct follow *f, const struct follow_event *e, struct follow_action *ret)
{
        const bool free = e->kind == FOLLOW_STARTED || e->kind == FOLLOW_MOVED;
        if (!free && e->turn != f->turn) {
                f->counts.late++;
                *ret = (struct follow_action){.kind = FOLLOW_NOTHING, .turn = e->turn};
                return;
        }
        take(f, e);
        *ret = next(f, e->now);
        ret->turn = ++f->turn;
}
