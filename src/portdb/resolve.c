#include "portdb/resolve.h"

#include <stdlib.h>
#include <strings.h>

/* One source with editions, seen from one day. */
struct series {
        uint8_t table, source;
        port_date now, next; /* newest edition of or before the day; the one after it; 0 when there is none */
        uint8_t loses;       /* of `now` */
        bool registry;
};

struct work {
        struct port_db *db;
        struct port_answer *answer;
        struct arena *arena;
        struct series *series;
        size_t series_n;
        size_t cap;
};

/* Editions around a day by binary search: newest <= d and oldest > d. */
static void editions_around(struct port_table *t, uint32_t source, port_date d, struct port_edition *ret_now,
                            struct port_edition *ret_next)
{
        uint32_t low = 0, high = port_table_editions(t, source);
        const uint32_t n = high;
        struct port_edition e;
        *ret_now = *ret_next = (struct port_edition){.origin = ""};
        while (low < high) {
                const uint32_t mid = low + (high - low) / 2;
                if (!port_table_edition(t, source, mid, &e))
                        return;
                if (e.date <= d)
                        low = mid + 1;
                else
                        high = mid;
        }
        if (low > 0)
                port_table_edition(t, source, low - 1, ret_now);
        if (low < n)
                port_table_edition(t, source, low, ret_next);
}

static bool collect_series(struct work *w)
{
        size_t most = 0;
        for (unsigned k = 0; k < PORT_DB_TABLES; k++)
                most += port_table_sources(&w->db->table[k]);
        w->series = arena_zalloc(w->arena, most + 1, sizeof(*w->series));
        if (!w->series)
                return false;
        for (unsigned k = 0; k < PORT_DB_TABLES; k++) {
                struct port_table *t = &w->db->table[k];
                for (uint32_t i = 0; i < port_table_sources(t) && i < 256; i++) {
                        struct port_source about;
                        struct port_edition now, next, first;
                        if (port_table_editions(t, i) == 0 || !port_table_source(t, i, &about))
                                continue;
                        editions_around(t, i, w->answer->as_of, &now, &next);
                        const bool registry = port_kind_is_registry(about.kind);
                        w->series[w->series_n++] = (struct series){.table = (uint8_t)k,
                                                                   .source = (uint8_t)i,
                                                                   .now = now.date,
                                                                   .next = next.date,
                                                                   .loses = now.loses,
                                                                   .registry = registry};
                        if (registry && port_table_edition(t, i, 0, &first) &&
                            (!w->answer->oldest || first.date < w->answer->oldest))
                                w->answer->oldest = first.date;
                }
        }
        return true;
}

static const struct series *series_of(const struct work *w, const struct port_item *it)
{
        for (size_t i = 0; i < w->series_n; i++) {
                if (w->series[i].table == it->table && w->series[i].source == it->claim.source)
                        return &w->series[i];
        }
        return NULL;
}

/* Rows of this form are missing from an edition that loses so much. */
static bool cannot_show(uint8_t loses, const struct port_claim *c)
{
        return (port_claim_is_range(c) && (loses & PORT_LOSES_RANGES)) ||
               (c->transport == PORT_ANY && (loses & PORT_LOSES_ANY));
}

/* Where a claim of a series stands in the edition of day e (0: before all editions). */
static uint8_t standing_in(const struct port_item *it, port_date e, uint8_t loses)
{
        if (e == 0 || it->claim.seen_first > e)
                return PORT_NOT_YET;
        if (e <= it->claim.seen_last)
                return PORT_STANDS;
        return (it->faults & PORT_FAULT_LOSSY_END) && cannot_show(loses, &it->claim) ? PORT_STALE
                                                                                     : PORT_ENDED;
}

/* Where a claim by hand stands on a day: until its source dates the end itself. A registry's word that is
 * older than the day is stale; a maker's document or a program keeps standing, for nobody says that the use
 * ended. */
static uint8_t standing_by_hand(const struct port_item *it, port_date day)
{
        const struct port_claim *c = &it->claim;
        const bool ended = c->asserted_until && port_date_first(c->asserted_until) <= day;
        /* Seen once and not known since when: before that sight it is not proven. */
        const port_date first = c->seen_first ? c->seen_first : c->seen_last;
        if (port_date_first(first) > day && !(c->asserted_from && port_date_first(c->asserted_from) <= day))
                return PORT_NOT_YET;
        if (ended && c->status != PORT_RETIRED)
                return PORT_ENDED;
        if (port_kind_is_registry(it->source.kind) && c->seen_last && port_date_last(c->seen_last) < day &&
            !c->asserted_until)
                return PORT_STALE;
        return PORT_STANDS;
}

static void place_in_series(struct work *w, struct port_item *it, const struct series *s)
{
        struct port_table *t = &w->db->table[it->table];
        struct port_edition now, after, before, none;
        const port_date first = it->claim.seen_first;
        it->by_editions = true;
        editions_around(t, it->claim.source, it->claim.seen_last, &now, &after);
        editions_around(t, it->claim.source, first ? first - 1 : 0, &before, &none);
        it->absent_after = after.date;
        it->absent_before = before.date;
        if (after.date && cannot_show(after.loses, &it->claim))
                it->faults |= PORT_FAULT_LOSSY_END;
        it->standing = standing_in(it, s->now, s->loses);
}

static bool add_item(struct work *w, const struct port_item *it)
{
        struct port_answer *a = w->answer;
        if (a->n == w->cap) {
                const size_t cap = w->cap ? w->cap * 2 : 32;
                struct port_item *p = arena_zalloc(w->arena, cap, sizeof(*p));
                if (!p)
                        return false;
                if (a->n)
                        memcpy(p, a->item, a->n * sizeof(*p));
                a->item = p;
                w->cap = cap;
        }
        a->item[a->n++] = *it;
        return true;
}

/* Does the site hide it? */
static bool silenced(const struct work *w, const struct port_item *it)
{
        const struct port_site *site = w->db->site;
        const char *id = site && site->hiddens ? port_claim_id(w->arena, &it->source, &it->claim) : NULL;
        for (size_t i = 0; id && i < site->hiddens; i++) {
                if (strcmp(site->hidden[i], id) == 0)
                        return true;
        }
        return false;
}

static bool take(struct work *w, unsigned k, uint32_t number, uint8_t transports)
{
        struct port_item it = {.table = (uint8_t)k};
        struct port_table *t = &w->db->table[k];
        if (!port_table_claim(t, number, &it.claim) ||
            !port_claim_covers(&it.claim, w->answer->port, transports) ||
            !port_table_source(t, it.claim.source, &it.source))
                return true;
        if (silenced(w, &it)) {
                w->answer->silenced++;
                return true;
        }
        const struct series *s = series_of(w, &it);
        if (s)
                place_in_series(w, &it, s);
        else
                it.standing = standing_by_hand(&it, w->answer->as_of);
        return add_item(w, &it);
}

static bool collect_items(struct work *w, uint8_t transports)
{
        const uint16_t port = w->answer->port;
        for (unsigned k = 0; k < PORT_DB_TABLES; k++) {
                struct port_table *t = &w->db->table[k];
                uint32_t i;
                if (!t->base)
                        continue;
                const uint32_t after = port_table_exact(t, port, port, &i);
                for (; i < after; i++) {
                        if (!take(w, k, i, transports))
                                return false;
                }
                /* Ranges are few (1,787 of 15,124) and sorted by start: a scan up to the port. */
                for (uint32_t r = t->section[TABLE_EXACT].n; r < port_table_claims(t); r++) {
                        const uint8_t *p =
                                t->base + t->section[TABLE_RANGES].at +
                                (size_t)(r - t->section[TABLE_EXACT].n) * port_table_record[TABLE_RANGES];
                        const unsigned from = p[0] | (unsigned)p[1] << 8, to = p[2] | (unsigned)p[3] << 8;
                        if (from > port)
                                break;
                        if (to >= port && !take(w, k, r, transports))
                                return false;
                }
        }
        return true;
}

static bool collect_site(struct work *w, uint8_t transports)
{
        const struct port_site *site = w->db->site;
        for (size_t i = 0; site && i < site->claims; i++) {
                const struct port_site_claim *c = &site->claim[i];
                if (!port_claim_covers(&c->claim, w->answer->port, transports))
                        continue;
                struct port_item it = {
                        .claim = c->claim,
                        .source = {.key = "site",
                                   .title = "this site",
                                   .licence = "",
                                   .reference = c->domain,
                                   .kind = PORT_KIND_SITE},
                        .domain = c->domain,
                        .owner = c->owner,
                        .table = PORT_DB_TABLES,
                };
                if (c->source.key)
                        it.source = c->source;
                it.standing = standing_by_hand(&it, w->answer->as_of);
                if (!add_item(w, &it))
                        return false;
        }
        return true;
}

/* -- the registry's state
 * ----------------------------------------------------------------------------------------- */

static unsigned rank(const struct port_claim *c)
{
        static const unsigned char order[] = {[PORT_ASSIGNED] = 0,
                                              [PORT_ASSIGNED_UNNAMED] = 1,
                                              [PORT_RESERVED] = 3,
                                              [PORT_UNASSIGNED] = 4,
                                              [PORT_REMOVED] = 2};
        const unsigned status = c->status < sizeof(order) ? order[c->status] : 9;
        return status * 4 + (c->transport == PORT_ANY ? 2 : 0) + (port_claim_is_range(c) ? 1 : 0);
}

/* What a series says about a transport in its edition e: assigned beats the rest, a named transport any, one
 * port a range; rows that e cannot show count last. */
static const struct port_item *statement(const struct work *w, const struct series *s, uint8_t transport,
                                         port_date e, uint8_t loses)
{
        const struct port_item *best = NULL;
        unsigned least = UINT32_MAX;
        for (size_t i = 0; i < w->answer->n; i++) {
                const struct port_item *it = &w->answer->item[i];
                if (!it->by_editions || it->table != s->table || it->claim.source != s->source ||
                    !port_status_is_registry(it->claim.status) ||
                    !port_claim_covers(&it->claim, w->answer->port, transport))
                        continue;
                const uint8_t standing = standing_in(it, e, loses);
                if (standing != PORT_STANDS && standing != PORT_STALE)
                        continue;
                const unsigned mine = rank(&it->claim) + (standing == PORT_STALE ? 100 : 0);
                if (mine < least) {
                        least = mine;
                        best = it;
                }
        }
        return best;
}

struct candidate {
        const struct port_item *by;
        const struct series *series; /* NULL: by hand */
        port_date said;
        bool stale;
};

static bool better(const struct candidate *a, const struct candidate *b)
{
        if (!b->by)
                return true;
        if (a->stale != b->stale)
                return !a->stale;
        if (!a->stale && !a->series != !b->series)
                return a->series != NULL;
        /* A copy that loses names yields to the registry's own edition when both say the same. */
        if (a->series && b->series && a->by->claim.status == b->by->claim.status &&
            (a->series->loses ^ b->series->loses) & PORT_LOSES_NAMES)
                return !(a->series->loses & PORT_LOSES_NAMES);
        if (a->said != b->said)
                return a->said > b->said;
        return rank(&a->by->claim) < rank(&b->by->claim);
}

/* Does a newer edition that could show this row not have it? */
static bool refuted(const struct work *w, const struct candidate *c)
{
        for (size_t i = 0; i < w->series_n; i++) {
                const struct series *s = &w->series[i];
                if (s->registry && s->now > c->said && !cannot_show(s->loses, &c->by->claim))
                        return true;
        }
        return false;
}

static struct candidate best_candidate(const struct work *w, uint8_t transport)
{
        struct candidate best = {0};
        for (size_t i = 0; i < w->series_n; i++) {
                const struct series *s = &w->series[i];
                struct candidate c = {.series = s, .by = NULL};
                if (s->registry && s->now)
                        c.by = statement(w, s, transport, s->now, s->loses);
                if (!c.by)
                        continue;
                c.stale = s->now > c.by->claim.seen_last;
                c.said = c.stale ? c.by->claim.seen_last : s->now;
                if (better(&c, &best))
                        best = c;
        }
        for (size_t i = 0; i < w->answer->n; i++) {
                const struct port_item *it = &w->answer->item[i];
                struct candidate c = {.by = it, .stale = it->standing == PORT_STALE};
                if (it->by_editions || !port_kind_is_registry(it->source.kind) ||
                    !port_status_is_registry(it->claim.status) ||
                    !port_claim_covers(&it->claim, w->answer->port, transport) ||
                    (it->standing != PORT_STANDS && it->standing != PORT_STALE))
                        continue;
                c.said = c.stale || (it->claim.seen_last && it->claim.seen_last < w->answer->as_of)
                                 ? port_date_last(it->claim.seen_last)
                                 : w->answer->as_of;
                if (c.stale && port_status_is_assigned(it->claim.status) && refuted(w, &c))
                        continue;
                if (better(&c, &best))
                        best = c;
        }
        return best;
}

static bool same_word(const struct port_item *a, const struct port_item *b)
{
        if (!a || !b)
                return a == b;
        if (a->claim.status != b->claim.status)
                return false;
        return strcasecmp(a->claim.name, b->claim.name) == 0 ||
               ((a->faults | b->faults) & PORT_FAULT_ALIAS_CHOICE);
}

/* A day after `from` and not after `to` on which a registry's own words date a change of this port and
 * transport; 0 when there is none. */
static port_date asserted_change(const struct work *w, uint8_t transport, port_date from, port_date to)
{
        for (size_t i = 0; i < w->answer->n; i++) {
                const struct port_item *it = &w->answer->item[i];
                const port_date day[2] = {port_date_last(it->claim.asserted_until),
                                          port_date_last(it->claim.asserted_from)};
                if (!port_kind_is_registry(it->source.kind) || !port_status_is_registry(it->claim.status) ||
                    !port_claim_covers(&it->claim, w->answer->port, transport))
                        continue;
                for (unsigned k = 0; k < 2; k++) {
                        if (day[k] > from && day[k] <= to)
                                return day[k];
                }
        }
        return 0;
}

static void set_state(struct port_state *st, const struct port_item *by, port_date said)
{
        st->by = by;
        st->said = said;
        st->status = by ? by->claim.status : PORT_UNLISTED;
}

/* Between two editions that differ (doc/ports.md 5.2 step 2). */
static void look_ahead(const struct work *w, struct port_state *st, const struct series *s)
{
        struct port_edition now, next;
        st->edition = s->now;
        if (!s->next)
                return;
        editions_around(&w->db->table[s->table], s->source, w->answer->as_of, &now, &next);
        const struct port_item *then = statement(w, s, st->transport, s->next, next.loses);
        st->next = s->next;
        st->next_by = then;
        st->next_status = then ? then->claim.status : PORT_UNLISTED;
        if (same_word(st->by, then))
                return;
        st->decided = asserted_change(w, st->transport, s->now, s->next);
        st->between = st->decided == 0;
        if (st->decided && st->decided <= w->answer->as_of)
                set_state(st, then, s->next);
}

/* The registry series with the newest edition, for ports that nobody speaks of. */
static const struct series *newest_series(const struct work *w)
{
        const struct series *best = NULL;
        for (size_t i = 0; i < w->series_n; i++) {
                if (w->series[i].registry && (!best || w->series[i].now > best->now))
                        best = &w->series[i];
        }
        return best;
}

static void find_state(const struct work *w, struct port_state *st)
{
        const struct candidate c = best_candidate(w, st->transport);
        const struct series *s = newest_series(w);
        if (c.by) {
                set_state(st, c.by, c.said);
                if (c.series || (c.stale && s && s->now))
                        look_ahead(w, st, c.series ? c.series : s);
                return;
        }
        st->status = s && s->now ? PORT_UNLISTED : PORT_UNKNOWN;
        st->said = s ? s->now : 0;
        if (s)
                look_ahead(w, st, s);
        if (st->status == PORT_UNKNOWN)
                st->between = false;
}

/* -- the derived words
 * -------------------------------------------------------------------------------------------- */

static bool is_use(const struct port_item *it)
{
        const bool fault = it->faults & (PORT_FAULT_FALSE | PORT_FAULT_RANGE_MADE_POINT);
        return (it->claim.status == PORT_VENDOR_USE || it->claim.status == PORT_UNOFFICIAL) && !fault &&
               !port_claim_is_range(&it->claim) && it->standing == PORT_STANDS &&
               it->claim.confidence < PORT_LOW;
}

static bool reports_misuse(const struct port_item *it)
{
        return it->standing == PORT_STANDS && port_kind_is_registry(it->source.kind) &&
               strncmp(it->claim.note, PORT_NOTE_MISUSE, sizeof(PORT_NOTE_MISUSE) - 1) == 0;
}

static const struct port_item *find_use(const struct port_answer *a, uint8_t transport)
{
        const struct port_item *best = NULL;
        for (size_t i = 0; i < a->n; i++) {
                const struct port_item *it = &a->item[i];
                if (!port_claim_covers(&it->claim, a->port, transport) ||
                    (!is_use(it) && !reports_misuse(it)))
                        continue;
                if (!best || it->claim.confidence < best->claim.confidence)
                        best = it;
        }
        return best;
}

/* The newest assignment of the transport that ended by the day asked for. */
static const struct port_item *last_assignment(const struct port_answer *a, uint8_t transport)
{
        const struct port_item *best = NULL;
        for (size_t i = 0; i < a->n; i++) {
                const struct port_item *it = &a->item[i];
                if (!port_kind_is_registry(it->source.kind) || it->claim.status != PORT_ASSIGNED ||
                    it->standing == PORT_NOT_YET || !port_claim_covers(&it->claim, a->port, transport))
                        continue;
                if (!best || it->claim.asserted_until > best->claim.asserted_until ||
                    (it->claim.asserted_until == best->claim.asserted_until &&
                     it->claim.seen_last > best->claim.seen_last))
                        best = it;
        }
        return best;
}

static const struct port_item *find_retired(const struct port_answer *a, uint8_t transport)
{
        for (size_t i = 0; i < a->n; i++) {
                const struct port_item *it = &a->item[i];
                if (it->claim.status == PORT_RETIRED && it->claim.asserted_until &&
                    port_date_first(it->claim.asserted_until) <= a->as_of &&
                    port_claim_covers(&it->claim, a->port, transport))
                        return it;
        }
        return NULL;
}

static void derive(const struct port_db *db, const struct port_answer *a, struct port_state *st)
{
        const bool assigned = port_status_is_assigned(st->status);
        const struct port_item *use = find_use(a, st->transport), *retired = find_retired(a, st->transport);
        if (a->port >= 49152 ||
            (db->ephemeral_to && a->port >= db->ephemeral_from && a->port <= db->ephemeral_to))
                st->words |= PORT_WORD_DYNAMIC;
        if (assigned && retired) {
                st->words |= PORT_WORD_RETIRED;
                st->use = retired;
        } else if (use) {
                st->words |= assigned ? PORT_WORD_CONTESTED : PORT_WORD_SQUATTED;
                st->use = use;
        }
        if (assigned || st->status == PORT_UNKNOWN)
                return;
        st->last = last_assignment(a, st->transport);
        if (st->last)
                st->words |= PORT_WORD_GHOST;
        else if (use)
                st->words |= PORT_WORD_NEVER_ASSIGNED;
}

/* -- what is wrong with whom
 * -------------------------------------------------------------------------------------- */

/* The shorter text within the longer one, or the same word in both: "NetInfo" in "Mac OS X RPC services
 * (NetInfo named as an example)". */
static bool tells_of(const struct port_claim *wide, const struct port_claim *point)
{
        return strlen(point->name) >= 3 && port_claim_mentions(wide, bytes_str(point->name));
}

/* Any registry row, whenever, that gives this very port to that name. */
static bool registry_knew(const struct port_answer *a, const struct port_claim *c)
{
        for (size_t i = 0; i < a->n; i++) {
                const struct port_item *it = &a->item[i];
                if (port_kind_is_registry(it->source.kind) && it->claim.status == PORT_ASSIGNED &&
                    strcasecmp(it->claim.name, c->name) == 0)
                        return true;
        }
        return false;
}

static void find_faults(struct port_answer *a)
{
        for (size_t i = 0; i < a->n; i++) {
                struct port_item *it = &a->item[i];
                if (it->source.kind != PORT_KIND_ENCYCLOPAEDIA)
                        continue;
                if (it->claim.confidence == PORT_FALSE ||
                    (it->claim.status == PORT_ASSIGNED && !registry_knew(a, &it->claim)))
                        it->faults |= PORT_FAULT_FALSE;
                for (size_t k = 0; k < a->n && !port_claim_is_range(&it->claim); k++) {
                        const struct port_item *wide = &a->item[k];
                        if (port_claim_is_range(&wide->claim) && !port_kind_is_registry(wide->source.kind) &&
                            tells_of(&wide->claim, &it->claim))
                                it->faults |= PORT_FAULT_RANGE_MADE_POINT;
                }
        }
}

/* In a copy that keeps one name of several, a name that comes and goes is a choice, no renaming. */
static void find_alias_choices(struct port_answer *a)
{
        for (size_t i = 0; i < a->n; i++) {
                struct port_item *x = &a->item[i];
                for (size_t k = 0; x->by_editions && k < a->n; k++) {
                        struct port_item *y = &a->item[k];
                        if (k == i || !y->by_editions || y->table != x->table ||
                            y->claim.source != x->claim.source || x->source.kind != PORT_KIND_REPACKAGED ||
                            strcmp(x->claim.name, y->claim.name) != 0 || x->claim.status != PORT_ASSIGNED ||
                            y->claim.status != PORT_ASSIGNED || !(x->claim.transport & y->claim.transport))
                                continue;
                        x->faults |= PORT_FAULT_ALIAS_CHOICE;
                        for (size_t m = 0; m < a->n; m++) { /* and what stood between */
                                struct port_item *z = &a->item[m];
                                if (z->by_editions && z->claim.status == PORT_ASSIGNED &&
                                    z->claim.source == x->claim.source && z->table == x->table &&
                                    z->claim.seen_first > x->claim.seen_last &&
                                    z->claim.seen_last < y->claim.seen_first)
                                        z->faults |= PORT_FAULT_ALIAS_CHOICE;
                        }
                }
        }
}

static bool named_use(const struct port_item *it)
{
        return *it->claim.name && it->claim.status != PORT_DYNAMIC && it->claim.status != PORT_MEASURED &&
               it->claim.status != PORT_ABSENT && it->claim.status != PORT_RETIRED &&
               !port_claim_is_range(&it->claim) &&
               !(it->faults & (PORT_FAULT_FALSE | PORT_FAULT_ALIAS_CHOICE));
}

static bool differ_by_transport(const struct port_item *a, const struct port_item *b)
{
        return named_use(a) && named_use(b) && a->claim.transport && b->claim.transport &&
               !(a->claim.transport & b->claim.transport) && strcasecmp(a->claim.name, b->claim.name) != 0 &&
               a->standing == PORT_STANDS && b->standing == PORT_STANDS;
}

/* The registry's own words at two times. */
static bool differ_by_time(const struct port_item *a, const struct port_item *b)
{
        return port_kind_is_registry(a->source.kind) && port_kind_is_registry(b->source.kind) &&
               port_status_is_registry(a->claim.status) && port_status_is_registry(b->claim.status) &&
               !((a->faults | b->faults) & PORT_FAULT_ALIAS_CHOICE) && a->claim.seen_last &&
               b->claim.seen_last &&
               (a->claim.seen_last < b->claim.seen_first || b->claim.seen_last < a->claim.seen_first) &&
               (!a->claim.transport || !b->claim.transport || (a->claim.transport & b->claim.transport)) &&
               (port_status_is_assigned(a->claim.status) || port_status_is_assigned(b->claim.status)) &&
               (a->claim.status != b->claim.status || strcasecmp(a->claim.name, b->claim.name) != 0);
}

static void find_disagreements(struct port_answer *a)
{
        bool wide = false;
        for (size_t i = 0; i < a->n; i++) {
                const struct port_item *it = &a->item[i];
                if (it->faults & PORT_FAULT_FALSE)
                        a->disagreements |= PORT_BY_FALSEHOOD;
                if (it->standing == PORT_STALE ? it->faults & PORT_FAULT_LOSSY_END
                                               : it->faults & PORT_FAULT_ALIAS_CHOICE)
                        a->disagreements |= PORT_BY_ARTEFACT;
                wide = wide || (port_claim_is_range(&it->claim) && it->claim.status == PORT_VENDOR_USE);
                if (it->faults & PORT_FAULT_RANGE_MADE_POINT)
                        a->disagreements |= PORT_BY_SCOPE;
                for (size_t k = i + 1; k < a->n; k++) {
                        if (differ_by_transport(it, &a->item[k]))
                                a->disagreements |= PORT_BY_TRANSPORT;
                        if (differ_by_time(it, &a->item[k]))
                                a->disagreements |= PORT_BY_TIME;
                }
        }
        if (wide)
                a->disagreements |= PORT_BY_SCOPE;
}

/* Site first, then the registry, then the most specific and the most certain, then the oldest. */
static int by_weight(const void *x, const void *y)
{
        const struct port_item *a = x, *b = y;
        const unsigned left[] = {a->table != PORT_DB_TABLES, !port_kind_is_registry(a->source.kind),
                                 port_claim_is_range(&a->claim), a->claim.confidence, a->claim.seen_first};
        const unsigned right[] = {b->table != PORT_DB_TABLES, !port_kind_is_registry(b->source.kind),
                                  port_claim_is_range(&b->claim), b->claim.confidence, b->claim.seen_first};
        for (unsigned i = 0; i < 5; i++) {
                if (left[i] != right[i])
                        return left[i] < right[i] ? -1 : 1;
        }
        const int order = strcmp(a->source.key, b->source.key);
        return order ? order : port_claim_compare(&a->claim, &b->claim);
}

bool port_resolve(struct port_db *db, uint16_t port, uint8_t transports, port_date as_of, struct arena *a,
                  struct port_answer *ret)
{
        struct port_answer answer = {.port = port, .as_of = as_of};
        struct work w = {.db = db, .answer = &answer, .arena = a};
        if (!collect_series(&w) || !collect_items(&w, transports) || !collect_site(&w, transports))
                return false;
        if (answer.n)
                qsort(answer.item, answer.n, sizeof(*answer.item), by_weight);
        find_faults(&answer);
        find_alias_choices(&answer);
        for (unsigned i = 0; i < PORT_TRANSPORT_COUNT - 1; i++) {
                answer.state[i].transport = (uint8_t)(1u << i);
                find_state(&w, &answer.state[i]);
                derive(db, &answer, &answer.state[i]);
        }
        answer.words = answer.state[0].words | answer.state[1].words;
        find_disagreements(&answer);
        *ret = answer;
        return true;
}
