#include "agent/track.h"

#include <stdlib.h>

enum state {
        AWAY,     /* no connection */
        SNAPSHOT, /* reading pages into `aside` */
        REPLAY,   /* completing `aside` up to `target` */
        CURRENT,  /* `table` is exact at `seq` */
        READING,  /* a historical server's domain is being read */
        POLLING,  /* `table` was exact when the checksum was `seq` */
};

struct track {
        enum state state;
        struct track_options o;
        struct servers servers; /* in the order in which they are tried */
        struct server told;     /* by the domain below; tag "": nobody has */
        bool told_known;        /* and it serves the domain that the table is of */
        unsigned at, tried;     /* the server of this connection; failures in a row */
        uint32_t turn;
        struct table *table, *aside;
        uint8_t uuid[16], aside_uuid[16];
        uint64_t epoch, seq;                     /* of the table */
        uint64_t head;                           /* newest change the server has told of */
        uint64_t aside_epoch, aside_seq, target; /* of the table aside; target: the last page's seq */
        uint32_t from;                           /* next page */
        bool first_page, torn, lost, too_large;
        uint32_t away_ms;                /* back-off */
        uint64_t connect_at;             /* not before */
        unsigned hasty;                  /* snapshots soon after another one */
        uint64_t snapshot_at;            /* likewise: when the last one began, or may begin */
        uint64_t hold_until, hold_again; /* torn: publishing waits, and may wait again */
        uint64_t ask_at;
        bool poll_now;
        uint32_t ask_ms; /* after an answer that names nobody */
        struct track_parent parent;
        unsigned dirty;
        uint64_t tables;
        bool no_memory;
        bool read_all; /* take a snapshot when connected, and publish all of it */
        struct track_counts counts;
};

struct track *track_new(const struct track_options *o, const struct servers *first)
{
        struct track *t = calloc(1, sizeof(*t));
        if (t)
                *t = (struct track){.o = *o, .servers = *first, .away_ms = TRACK_AWAY_LEAST_MS};
        return t;
}

void track_free(struct track *t)
{
        if (!t)
                return;
        table_free(t->table);
        table_free(t->aside);
        free(t);
}

const struct server *track_server(const struct track *t)
{
        return &t->servers.v[t->at];
}

uint64_t track_tables(const struct track *t)
{
        return t->tables;
}

void track_configure(struct track *t, const struct track_options *o, const struct servers *first)
{
        t->o = *o;
        if (!first)
                return;
        t->servers = *first;
        t->told.tag[0] = '\0';
        t->at = t->tried = 0;
}

struct table *track_table(const struct track *t)
{
        return t->table;
}

struct table *track_aside(const struct track *t)
{
        return t->aside;
}

uint64_t track_epoch(const struct track *t)
{
        return t->epoch;
}

uint64_t track_seq(const struct track *t)
{
        return t->seq;
}

const uint8_t *track_uuid(const struct track *t)
{
        return t->uuid;
}

unsigned track_take_dirty(struct track *t)
{
        const unsigned images = t->dirty;
        t->dirty = 0;
        return images;
}

bool track_lags(const struct track *t)
{
        return t->state == CURRENT && t->seq < t->head;
}

bool track_is_torn(const struct track *t)
{
        return t->torn;
}

uint32_t track_holds(const struct track *t, uint64_t now)
{
        const bool holds = t->torn && t->state != AWAY && now < t->hold_until;
        return holds ? (uint32_t)(t->hold_until - now) : 0;
}

static void tear(struct track *t, uint64_t now)
{
        t->dirty |= TABLE_ALL; /* part of the change may stand: nobody knows what differs now */
        t->torn = true;
        if (now < t->hold_again)
                return;
        t->hold_until = now + TRACK_TORN_MS;
        t->hold_again = now + TRACK_TORN_AGAIN_MS;
}

bool track_is_lost(const struct track *t)
{
        return t->lost;
}

bool track_is_current(const struct track *t)
{
        return t->state == CURRENT || t->state == POLLING;
}

bool track_is_too_large(const struct track *t)
{
        return t->too_large;
}

const struct track_parent *track_parent(const struct track *t)
{
        return &t->parent;
}

struct track_counts track_counts(const struct track *t)
{
        return t->counts;
}

static void pause_for(struct track *t, uint32_t ms, uint64_t now)
{
        t->state = AWAY;
        t->connect_at = now + ms;
        table_free(t->aside);
        t->aside = NULL;
}

/* -- servers */
bool track_knows_server(const struct track *t, const struct server *s)
{
        struct servers all = t->servers;
        if (t->o.listed && t->table)
                servers_of_table(t->table, t->o.port, &all);
        return servers_have(&all, s);
}

bool track_redirect(struct track *t, const struct server *to)
{
        if (strcmp(t->told.address, to->address) == 0 && strcmp(t->told.tag, to->tag) == 0)
                return false;
        t->told_known = track_knows_server(t, to);
        t->told = *to;
        if (t->told_known && !t->lost)
                return false;
        t->servers = (struct servers){{*to}, 1};
        t->at = t->tried = 0;
        t->turn++;
        pause_for(t, 0, 0);
        return true;
}

/* A round begins: the one that the domain below names, then whom the domain itself names. */
static void list_servers(struct track *t)
{
        struct servers l = {.n = 0};
        if (!t->o.listed || !t->table)
                return;
        if (t->told.tag[0])
                servers_add(&l, &t->told);
        if (!t->told.tag[0] || t->told_known)
                servers_of_table(t->table, t->o.port, &l); /* without memory: fewer to try */
        for (unsigned i = 0; i < t->servers.n; i++)
                if (l.n == 0)
                        servers_add(&l, &t->servers.v[i]);
        if (l.n)
                t->servers = l;
        t->at = 0;
}

void track_restore(struct track *t, struct table *table, const uint8_t uuid[16], uint64_t epoch, uint64_t seq,
                   const struct server *from)
{
        t->table = table;
        memcpy(t->uuid, uuid, sizeof(t->uuid));
        t->epoch = epoch;
        t->seq = seq;
        t->dirty = TABLE_ALL;
        if (t->o.listed) {
                t->told = *from;
                t->told_known = true;
                list_servers(t);
        }
}

/* -- state */
static void begin_snapshot(struct track *t, uint64_t now)
{
        const uint64_t since = now > t->snapshot_at ? now - t->snapshot_at : 0;
        if (since >= TRACK_CALM_MS)
                t->hasty = 0;
        else if (since < TRACK_SNAPSHOT_MS && t->hasty < TRACK_HASTY)
                t->hasty++;
        const uint64_t least = t->snapshot_at + (t->hasty < TRACK_HASTY ? 0 : TRACK_SNAPSHOT_MS);
        if (now >= t->snapshot_at) /* else it waits already */
                t->snapshot_at = now > least ? now : least;
        table_free(t->aside);
        t->aside = table_new(t->o.folder);
        t->no_memory |= !t->aside;
        t->state = SNAPSHOT;
        t->from = 0;
        t->aside_epoch = 0;
        t->first_page = true;
        t->counts.snapshots++;
}

/* The connection broke, or the server says what it should not: the next server, and after the last one a
 * while later. */
static void failed(struct track *t, uint64_t now)
{
        const unsigned n = t->servers.n ? t->servers.n : 1;
        uint32_t wait = 0;
        t->at = (t->at + 1) % n;
        if (++t->tried >= n) {
                wait = t->away_ms;
                t->away_ms = t->away_ms * 2 < TRACK_AWAY_MOST_MS ? t->away_ms * 2 : TRACK_AWAY_MOST_MS;
                t->tried = 0;
                t->lost = true;
                list_servers(t);
        }
        pause_for(t, wait, now);
}

static void succeeded(struct track *t)
{
        t->away_ms = TRACK_AWAY_LEAST_MS;
        t->tried = 0;
        t->lost = false;
}

/* What the connection's first answer means for what we know. */
static void connected(struct track *t, const struct ext_status_result *s, uint64_t now)
{
        const bool domain = t->table && memcmp(s->uuid, t->uuid, sizeof(t->uuid)) == 0;
        const bool same = domain && !t->read_all && !t->torn && s->epoch == t->epoch;
        if (same && s->seq < t->seq && t->servers.n > 1) {
                failed(t, now); /* a clone that is behind: what we know is newer */
                return;
        }
        t->head = s->seq;
        memcpy(t->aside_uuid, s->uuid, sizeof(t->aside_uuid));
        t->ask_at = 0;
        t->ask_ms = TRACK_ASK_LEAST_MS;
        if (!domain)
                t->parent = (struct track_parent){.answer = TRACK_UNASKED};
        t->told_known |= domain;
        if (same && s->seq >= t->seq && s->first_seq <= t->seq + 1)
                t->state = CURRENT;
        else
                begin_snapshot(t, now);
}

/* A historical server: no uuid, no epoch, no sequence. What was known is of this domain if it came from a
 * historical one, and nobody has named another one since. */
static void connected_old(struct track *t)
{
        const bool known = t->table && !t->read_all && t->epoch == 0 && (!t->told.tag[0] || t->told_known);
        t->ask_at = 0;
        t->ask_ms = TRACK_ASK_LEAST_MS;
        t->poll_now = true;
        t->state = known ? POLLING : READING;
        memset(t->aside_uuid, 0, sizeof(t->aside_uuid));
}

/* The table aside is exact: it takes the place of the old one. */
static void swap(struct track *t)
{
        table_settle(t->aside);
        t->dirty |= t->table && !t->read_all ? table_differences(t->table, t->aside) : TABLE_ALL;
        t->read_all = t->torn = false;
        table_free(t->table);
        t->table = t->aside;
        t->aside = NULL;
        t->tables++;
        t->epoch = t->aside_epoch;
        t->seq = t->aside_seq;
        memcpy(t->uuid, t->aside_uuid, sizeof(t->uuid));
        t->told_known = true;
        t->state = CURRENT;
}

static void read_old(struct track *t, const struct track_event *e)
{
        t->too_large = !e->table;
        if (t->state != READING) {
                table_free(e->table);
        } else if (t->too_large) {
                pause_for(t, TRACK_LARGE_MS, e->now);
        } else {
                succeeded(t);
                t->aside = e->table;
                t->aside_epoch = 0;
                t->aside_seq = e->checksum;
                swap(t);
                t->state = POLLING;
        }
}

static void summed(struct track *t, uint32_t checksum)
{
        succeeded(t);
        t->poll_now = false;
        if (t->state == POLLING && checksum != t->seq)
                t->state = READING;
}

/* A domain that is too large is left as it was known before; the others go on. */
static bool fits(struct track *t, const struct table *table, uint64_t now)
{
        t->too_large = table_count(table) > t->o.directories || table_bytes(table) > t->o.bytes;
        if (t->too_large)
                pause_for(t, TRACK_LARGE_MS, now);
        return !t->too_large;
}

static void page(struct track *t, const struct track_event *e)
{
        const struct ext_snapshot_result *p = e->page;
        if (p->status != NI_OK) {
                failed(t, e->now);
                return;
        }
        succeeded(t);
        if (t->first_page) {
                t->aside_epoch = p->epoch;
                t->aside_seq = t->head = p->seq;
        } else if (p->epoch != t->aside_epoch || (p->more && p->next <= t->from)) {
                failed(t, e->now);
                return;
        }
        const uint32_t before = table_count(t->aside);
        for (uint32_t i = 0; i < p->node_count; i++)
                t->no_memory |= table_put(t->aside, &p->nodes[i]) == TABLE_NO_MEMORY;
        if (p->more && table_count(t->aside) == before) {
                failed(t, e->now); /* every page brings something new; one that has no end does not */
                return;
        }
        if (!fits(t, t->aside, e->now))
                return;
        t->first_page = false;
        t->from = p->next;
        t->target = p->seq;
        t->head = p->seq > t->head ? p->seq : t->head;
        if (p->more)
                return;
        t->state = REPLAY;
        if (t->aside_seq == t->target)
                swap(t);
}

/* One entry on top of `table`. False: it does not follow. */
static bool entry(struct track *t, struct table *table, uint64_t *seq, const struct ext_entry *n,
                  bool lenient)
{
        unsigned dirty = 0;
        if (n->seq <= *seq) {
                t->counts.repeated++;
                return true;
        }
        if (n->seq != *seq + 1)
                return false;
        for (uint32_t i = 0; i < n->record_count; i++) {
                const enum table_result r = table_apply(table, &n->records[i], lenient, &dirty);
                t->no_memory |= r == TABLE_NO_MEMORY;
                if (r == TABLE_GAP)
                        return false;
        }
        *seq = n->seq;
        t->counts.entries++;
        if (!lenient)
                t->dirty |= dirty;
        return true;
}

/* CURRENT takes a snapshot; a snapshot that cannot be completed waits, so that a server that is
 * replaced again and again is not asked without end. */
static void begin_again(struct track *t, uint64_t now)
{
        if (t->state == CURRENT)
                begin_snapshot(t, now);
        else
                failed(t, now);
}

static void take_entries(struct track *t, const struct track_event *e)
{
        const struct ext_changes_result *r = e->changes;
        if (r->status != NI_OK && r->status != EXT_TAKE_SNAPSHOT) {
                failed(t, e->now);
                return;
        }
        if (r->status == EXT_TAKE_SNAPSHOT || r->epoch != (t->state == REPLAY ? t->aside_epoch : t->epoch)) {
                begin_again(t, e->now);
                return;
        }
        t->head = r->seq;
        for (uint32_t i = 0; i < r->entry_count; i++) {
                const bool replay = t->state == REPLAY;
                if (!entry(t, replay ? t->aside : t->table, replay ? &t->aside_seq : &t->seq, &r->entries[i],
                           replay)) {
                        t->counts.gaps++;
                        if (!replay)
                                tear(t, e->now);
                        begin_again(t, e->now);
                        return;
                }
                if (replay && t->aside_seq == t->target)
                        swap(t); /* the rest of the list comes on top of it */
        }
        if (t->state == REPLAY && r->entry_count == 0)
                failed(t, e->now); /* it has told of changes that it does not have */
        else if (r->entry_count == 0 || fits(t, t->state == REPLAY ? t->aside : t->table, e->now))
                succeeded(t);
}

static void entries(struct track *t, const struct track_event *e)
{
        take_entries(t, e);
        if (t->table)
                table_listed(t->table);
        if (t->aside)
                table_listed(t->aside);
}

/* Somebody who is being bound, or unbound, will know more soon. */
static void answered(struct track *t, const struct track_parent *p, uint64_t now)
{
        uint32_t wait = t->o.ask_ms;
        if (t->state == READING || t->state == POLLING)
                wait = t->o.ask_ms > TRACK_ASK_OLD_MS ? t->o.ask_ms : TRACK_ASK_OLD_MS;
        if (p->answer == TRACK_PARENT) {
                t->ask_ms = TRACK_ASK_LEAST_MS;
        } else if (t->ask_ms < wait) {
                wait = t->ask_ms;
                t->ask_ms *= 2;
        }
        t->parent = *p;
        t->ask_at = now + wait;
}

static struct track_action next(const struct track *t, uint64_t now)
{
        struct track_action a = {.epoch = t->aside_epoch, .seq = t->aside_seq, .from = t->from};
        if (t->no_memory)
                return (struct track_action){.kind = TRACK_GIVE_UP};
        if (t->state != AWAY && t->o.ask_ms && now >= t->ask_at)
                return (struct track_action){.kind = TRACK_ASK};
        switch (t->state) {
        case SNAPSHOT:
                if (now < t->snapshot_at)
                        return (struct track_action){.kind = TRACK_WAIT,
                                                     .wait_ms = (uint32_t)(t->snapshot_at - now)};
                a.kind = TRACK_SNAPSHOT;
                return a;
        case REPLAY:
                a.kind = TRACK_CHANGES;
                return a;
        case CURRENT:
                a = (struct track_action){
                        .kind = TRACK_CHANGES, .epoch = t->epoch, .seq = t->seq, .wait_ms = TRACK_CALL_MS};
                if (t->o.ask_ms && t->ask_at < now + a.wait_ms)
                        a.wait_ms = (uint32_t)(t->ask_at - now);
                return a;
        case READING:
                return (struct track_action){.kind = TRACK_READ_ALL};
        case POLLING:
                a = (struct track_action){.kind = TRACK_POLL, .wait_ms = t->poll_now ? 0 : t->o.poll_ms};
                if (t->o.ask_ms && t->ask_at < now + a.wait_ms)
                        a.wait_ms = (uint32_t)(t->ask_at - now);
                return a;
        default:
                if (now < t->connect_at)
                        return (struct track_action){.kind = TRACK_WAIT,
                                                     .wait_ms = (uint32_t)(t->connect_at - now)};
                return (struct track_action){.kind = TRACK_CONNECT, .server = t->servers.v[t->at]};
        }
}

static void happened(struct track *t, const struct track_event *e)
{
        switch (e->kind) {
        case TRACK_CONNECTED:
                connected(t, e->status, e->now);
                break;
        case TRACK_OLD:
                connected_old(t);
                break;
        case TRACK_SUM:
                summed(t, e->checksum);
                break;
        case TRACK_READ:
                read_old(t, e);
                break;
        case TRACK_PAGE:
                page(t, e);
                break;
        case TRACK_ENTRIES:
                entries(t, e);
                break;
        case TRACK_PARENTED:
                answered(t, e->parent, e->now);
                break;
        case TRACK_RELOAD: /* perhaps other rules */
                t->turn++;
                pause_for(t, 0, e->now);
                t->away_ms = TRACK_AWAY_LEAST_MS;
                t->read_all = true;
                break;
        case TRACK_FAILED:
                failed(t, e->now);
                break;
        default:
                break;
        }
}

void track_step(struct track *t, const struct track_event *e, struct track_action *ret)
{
        if (e->turn == t->turn || e->kind == TRACK_RELOAD)
                happened(t, e);
        else if (e->kind == TRACK_READ)
                table_free(e->table);
        *ret = next(t, e->now);
        ret->turn = t->turn;
}
