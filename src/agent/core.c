#include "agent/core.h"

#include <stdlib.h>

enum state {
        AWAY,     /* no connection */
        SNAPSHOT, /* reading pages into `aside` */
        REPLAY,   /* completing `aside` up to `target` */
        CURRENT,  /* `table` is exact at `seq` */
};

struct core {
        enum state state;
        struct table *table, *aside;
        uint64_t epoch, seq;                     /* of the table */
        uint64_t head;                           /* newest change the server has told of */
        uint64_t aside_epoch, aside_seq, target; /* of the table aside; target: the last page's seq */
        uint32_t from;                           /* next page */
        bool first_page;
        uint32_t away_ms, publish_ms; /* back-off */
        uint64_t connect_at;          /* not before */
        unsigned dirty;               /* images that must be made */
        uint64_t dirty_since;
        uint64_t publish_at; /* not before */
        unsigned grown;      /* images with large deltas */
        uint64_t quiet_at;   /* when they may be made whole */
        uint32_t interval;
        int64_t today;
        bool no_memory;
        bool read_all; /* take a snapshot when connected, and publish all of it */
        struct core_counts counts;
};

struct core *core_new(uint32_t interval_ms)
{
        struct core *c = calloc(1, sizeof(*c));
        if (c)
                *c = (struct core){.away_ms = CORE_AWAY_LEAST_MS,
                                   .publish_ms = CORE_PUBLISH_LEAST_MS,
                                   .interval = interval_ms,
                                   .today = -1};
        return c;
}

void core_free(struct core *c)
{
        if (!c)
                return;
        table_free(c->table);
        table_free(c->aside);
        free(c);
}

void core_set_interval(struct core *c, uint32_t interval_ms)
{
        c->interval = interval_ms;
}

struct table *core_table(const struct core *c)
{
        return c->table;
}

uint64_t core_epoch(const struct core *c)
{
        return c->epoch;
}

uint64_t core_seq(const struct core *c)
{
        return c->seq;
}

bool core_settled(const struct core *c)
{
        return c->table && !c->dirty;
}

struct core_counts core_counts(const struct core *c)
{
        return c->counts;
}

static void mark(struct core *c, unsigned images, uint64_t now)
{
        if (images && !c->dirty)
                c->dirty_since = now;
        c->dirty |= images;
}

static void begin_snapshot(struct core *c)
{
        table_free(c->aside);
        c->aside = table_new();
        c->no_memory |= !c->aside;
        c->state = SNAPSHOT;
        c->from = 0;
        c->aside_epoch = 0;
        c->first_page = true;
        c->counts.snapshots++;
}

/* What the connection's first answer means for what we know. */
static void connected(struct core *c, const struct ext_status_result *s)
{
        c->head = s->seq;
        if (c->table && !c->read_all && s->epoch == c->epoch && s->seq >= c->seq &&
            s->first_seq <= c->seq + 1)
                c->state = CURRENT;
        else
                begin_snapshot(c);
}

/* The connection broke, or the server says what it should not: begin again, after a while. */
static void failed(struct core *c, uint64_t now)
{
        c->state = AWAY;
        c->connect_at = now + c->away_ms;
        c->away_ms = c->away_ms * 2 < CORE_AWAY_MOST_MS ? c->away_ms * 2 : CORE_AWAY_MOST_MS;
        table_free(c->aside);
        c->aside = NULL;
}

/* The table aside is exact: it takes the place of the old one. */
static void swap(struct core *c, uint64_t now)
{
        table_settle(c->aside);
        const unsigned images = c->table && !c->read_all ? table_differences(c->table, c->aside) : TABLE_ALL;
        c->read_all = false;
        mark(c, images, now);
        table_free(c->table);
        c->table = c->aside;
        c->aside = NULL;
        c->epoch = c->aside_epoch;
        c->seq = c->aside_seq;
        c->state = CURRENT;
}

static void page(struct core *c, const struct core_event *e)
{
        const struct ext_snapshot_result *p = e->page;
        if (p->status != NI_OK) {
                failed(c, e->now);
                return;
        }
        c->away_ms = CORE_AWAY_LEAST_MS;
        if (c->first_page) {
                c->aside_epoch = p->epoch;
                c->aside_seq = c->head = p->seq;
        } else if (p->epoch != c->aside_epoch || (p->more && p->next <= c->from)) {
                failed(c, e->now);
                return;
        }
        for (uint32_t i = 0; i < p->node_count; i++)
                c->no_memory |= table_put(c->aside, &p->nodes[i]) == TABLE_NO_MEMORY;
        c->first_page = false;
        c->from = p->next;
        c->target = p->seq;
        c->head = p->seq > c->head ? p->seq : c->head;
        if (p->more)
                return;
        c->state = REPLAY;
        if (c->aside_seq == c->target)
                swap(c, e->now);
}

/* One entry on top of `t`. False: it does not follow. */
static bool entry(struct core *c, struct table *t, uint64_t *seq, const struct ext_entry *n, bool lenient,
                  uint64_t now)
{
        unsigned dirty = 0;
        if (n->seq <= *seq) {
                c->counts.repeated++;
                return true;
        }
        if (n->seq != *seq + 1)
                return false;
        for (uint32_t i = 0; i < n->record_count; i++) {
                const enum table_result r = table_apply(t, &n->records[i], lenient, &dirty);
                c->no_memory |= r == TABLE_NO_MEMORY;
                if (r == TABLE_GAP)
                        return false;
        }
        *seq = n->seq;
        c->counts.entries++;
        if (!lenient)
                mark(c, dirty, now);
        return true;
}

/* CURRENT takes a snapshot at once; a snapshot that cannot be completed waits, so that a server that is
 * replaced again and again is not asked without end. */
static void begin_again(struct core *c, uint64_t now)
{
        if (c->state == CURRENT)
                begin_snapshot(c);
        else
                failed(c, now);
}

static void entries(struct core *c, const struct core_event *e)
{
        const struct ext_changes_result *r = e->changes;
        if (r->status != NI_OK && r->status != EXT_TAKE_SNAPSHOT) {
                failed(c, e->now);
                return;
        }
        if (r->status == EXT_TAKE_SNAPSHOT || r->epoch != (c->state == REPLAY ? c->aside_epoch : c->epoch)) {
                begin_again(c, e->now);
                return;
        }
        c->head = r->seq;
        for (uint32_t i = 0; i < r->entry_count; i++) {
                const bool replay = c->state == REPLAY;
                if (!entry(c, replay ? c->aside : c->table, replay ? &c->aside_seq : &c->seq, &r->entries[i],
                           replay, e->now)) {
                        c->counts.gaps++;
                        if (!replay) /* part of the entry may stand: nobody knows what differs now */
                                mark(c, TABLE_ALL, e->now);
                        begin_again(c, e->now);
                        return;
                }
                if (replay && c->aside_seq == c->target)
                        swap(c, e->now); /* the rest of the list comes on top of it */
        }
        if (c->state == REPLAY && r->entry_count == 0)
                failed(c, e->now); /* it has told of changes that it does not have */
        else
                c->away_ms = CORE_AWAY_LEAST_MS;
}

static void published(struct core *c, const struct core_event *e)
{
        const uint64_t pause = e->took_ms > c->interval ? e->took_ms : c->interval;
        if (e->ok) {
                c->counts.published++;
                c->publish_ms = CORE_PUBLISH_LEAST_MS;
                c->publish_at = e->now + pause;
                c->dirty = 0;
                c->grown = e->grown;
                c->quiet_at = e->now + CORE_QUIET_MS;
                return;
        }
        c->publish_at = e->now + c->publish_ms;
        c->publish_ms = c->publish_ms * 2 < CORE_PUBLISH_MOST_MS ? c->publish_ms * 2 : CORE_PUBLISH_MOST_MS;
}

/* How long until the images are due; 0: now. */
static uint32_t until_due(const struct core *c, uint64_t now)
{
        const bool lags = c->seq < c->head && now < c->dirty_since + CORE_LAG_MS;
        if (now < c->publish_at)
                return (uint32_t)(c->publish_at - now);
        return lags ? 1 : 0;
}

/* Nothing has changed for a while: the time for work that grows with the domain. */
static uint64_t quiet_at(const struct core *c)
{
        return c->quiet_at > c->publish_at ? c->quiet_at : c->publish_at;
}

static struct core_action next_of_current(const struct core *c, uint64_t now)
{
        struct core_action a = {
                .kind = CORE_CHANGES, .epoch = c->epoch, .seq = c->seq, .wait_ms = CORE_POLL_MS};
        if (c->dirty) {
                const uint32_t due = until_due(c, now);
                if (due == 0)
                        return (struct core_action){.kind = CORE_PUBLISH, .images = c->dirty};
                a.wait_ms = due < CORE_POLL_MS ? due : CORE_POLL_MS;
        } else if (c->grown) {
                if (now >= quiet_at(c))
                        return (struct core_action){.kind = CORE_PUBLISH, .images = c->grown, .whole = true};
                const uint64_t left = quiet_at(c) - now;
                a.wait_ms = left < CORE_POLL_MS ? (uint32_t)left : CORE_POLL_MS;
        }
        return a;
}

/* What is known already is published without a server, too. */
static struct core_action next_of_away(const struct core *c, uint64_t now)
{
        uint64_t until = c->connect_at;
        if (c->dirty && c->table && now >= c->publish_at)
                return (struct core_action){.kind = CORE_PUBLISH, .images = c->dirty};
        if (now >= until)
                return (struct core_action){.kind = CORE_CONNECT};
        if (c->dirty && c->table && c->publish_at < until)
                until = c->publish_at;
        return (struct core_action){.kind = CORE_WAIT, .wait_ms = (uint32_t)(until - now)};
}

static struct core_action next(const struct core *c, uint64_t now)
{
        if (c->no_memory)
                return (struct core_action){.kind = CORE_GIVE_UP};
        switch (c->state) {
        case SNAPSHOT:
                return (struct core_action){.kind = CORE_SNAPSHOT, .epoch = c->aside_epoch, .from = c->from};
        case REPLAY:
                return (struct core_action){
                        .kind = CORE_CHANGES, .epoch = c->aside_epoch, .seq = c->aside_seq};
        case CURRENT:
                return next_of_current(c, now);
        default:
                return next_of_away(c, now);
        }
}

void core_step(struct core *c, const struct core_event *e, struct core_action *ret)
{
        if (e->today != c->today && c->table)
                mark(c, TABLE_SHADOW, e->now); /* `change` may have come */
        c->today = e->today;
        switch (e->kind) {
        case CORE_CONNECTED:
                connected(c, e->status);
                break;
        case CORE_PAGE:
                page(c, e);
                break;
        case CORE_ENTRIES:
                entries(c, e);
                break;
        case CORE_PUBLISHED:
                published(c, e);
                break;
        case CORE_RELOAD: /* perhaps another server, another domain, other rules */
                failed(c, e->now);
                c->connect_at = e->now;
                c->away_ms = CORE_AWAY_LEAST_MS;
                c->read_all = true;
                break;
        case CORE_FAILED:
                failed(c, e->now);
                break;
        default:
                break;
        }
        *ret = next(c, e->now);
}
