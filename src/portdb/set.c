#include "portdb/set.h"

#include "base/limits.h"

#include <stdio.h>
#include <stdlib.h>

enum { SOURCES_MAX = 250 }; /* a claim names its source in one byte */

void port_set_init(struct port_set *s)
{
        *s = (struct port_set){0};
        arena_init(&s->arena, 4ul * LIMIT_PORT_FILE);
}

void port_set_done(struct port_set *s)
{
        for (size_t i = 0; i < s->n; i++) {
                free(s->source[i].edition);
                free(s->source[i].claims.at);
        }
        free(s->source);
        arena_done(&s->arena);
        *s = (struct port_set){0};
}

void port_changes_done(struct port_changes *c)
{
        free(c->at);
        *c = (struct port_changes){0};
}

/* Room for one more of `size` bytes behind n of them. NULL on failure, the old memory stays valid then. */
static void *room_for_one(struct port_set *s, void *at, size_t n, size_t *cap, size_t size)
{
        if (n < *cap)
                return at;
        const size_t more = *cap ? *cap * 2 : 16;
        void *p = more <= SIZE_MAX / size ? realloc(at, more * size) : NULL;
        if (!p) {
                s->failed = true;
                return NULL;
        }
        *cap = more;
        return p;
}

static const char *keep(struct port_set *s, const char *text)
{
        if (!*text)
                return "";
        const char *p = arena_str(&s->arena, bytes_str(text));
        if (!p)
                s->failed = true;
        return p ? p : "";
}

static bool push(struct port_set *s, struct port_claims *l, const struct port_claim *c)
{
        struct port_claim *p = room_for_one(s, l->at, l->n, &l->cap, sizeof(*p));
        if (!p)
                return false;
        l->at = p;
        l->at[l->n++] = *c;
        return true;
}

static struct port_claim kept_claim(struct port_set *s, const struct port_claim *c)
{
        struct port_claim k = *c;
        k.name = keep(s, c->name);
        k.alias = keep(s, c->alias);
        k.description = keep(s, c->description);
        k.reference = keep(s, c->reference);
        k.note = keep(s, c->note);
        return k;
}

int port_set_find(const struct port_set *s, struct bytes key)
{
        for (size_t i = 0; i < s->n; i++) {
                if (bytes_eq_str(key, s->source[i].about.key))
                        return (int)i;
        }
        return -1;
}

int port_set_source(struct port_set *s, const struct port_source *about)
{
        const int known = port_set_find(s, bytes_str(about->key));
        if (known >= 0)
                return known;
        if (s->n >= SOURCES_MAX) {
                s->failed = true;
                return -1;
        }
        struct port_set_source *p = realloc(s->source, (s->n + 1) * sizeof(*p));
        if (!p) {
                s->failed = true;
                return -1;
        }
        s->source = p;
        p[s->n] = (struct port_set_source){
                .about = {.key = keep(s, about->key),
                          .title = keep(s, about->title),
                          .licence = keep(s, about->licence),
                          .reference = keep(s, about->reference),
                          .kind = about->kind},
        };
        return s->failed ? -1 : (int)s->n++;
}

bool port_set_add(struct port_set *s, int source, const struct port_claim *c)
{
        const struct port_claim k = kept_claim(s, c);
        return !s->failed && push(s, &s->source[source].claims, &k);
}

/* Position of the first edition with date >= d. */
static size_t edition_place(const struct port_set_source *o, port_date d)
{
        size_t i = 0;
        while (i < o->editions && o->edition[i].date < d)
                i++;
        return i;
}

bool port_set_add_edition(struct port_set *s, int source, const struct port_edition *e)
{
        struct port_set_source *o = &s->source[source];
        const size_t at = edition_place(o, e->date);
        if (at < o->editions && o->edition[at].date == e->date)
                return true;
        struct port_edition *p = room_for_one(s, o->edition, o->editions, &o->editions_cap, sizeof(*p));
        if (!p)
                return false;
        o->edition = p;
        memmove(p + at + 1, p + at, (o->editions - at) * sizeof(*p));
        p[at] = *e;
        p[at].origin = keep(s, e->origin);
        o->editions++;
        return !s->failed;
}

static int by_run(const void *a, const void *b)
{
        const struct port_claim *x = a, *y = b;
        const int order = port_claim_compare(x, y);
        if (order)
                return order;
        return x->seen_first == y->seen_first ? 0 : x->seen_first < y->seen_first ? -1 : 1;
}

static void sort_runs(struct port_claims *l)
{
        if (l->n)
                qsort(l->at, l->n, sizeof(*l->at), by_run);
}

/* -- folding
 * ------------------------------------------------------------------------------------------------------ */

struct fold {
        struct port_set *s;
        port_date before, day, after; /* neighbours of the new edition; 0 when there is none */
        port_date beside;
        struct port_claims out;
        struct port_changes *changes;
};

static bool note_change(struct fold *f, char sign, const struct port_claim *c)
{
        struct port_changes *l = f->changes;
        if (!l)
                return true;
        struct port_change *p = room_for_one(f->s, l->at, l->n, &l->cap, sizeof(*p));
        if (!p)
                return false;
        l->at = p;
        l->at[l->n++] = (struct port_change){.sign = sign, .claim = *c};
        return true;
}

/* The wording of a run is that of its last edition. */
static void take_wording(struct port_set *s, struct port_claim *run, const struct port_claim *row)
{
        const char *const from[] = {row->alias, row->description, row->reference, row->note};
        const char **const to[] = {&run->alias, &run->description, &run->reference, &run->note};
        for (unsigned i = 0; i < 4; i++) {
                if (strcmp(from[i], *to[i]) != 0)
                        *to[i] = keep(s, from[i]);
        }
        run->asserted_from = row->asserted_from;
        run->asserted_until = row->asserted_until;
}

/* All runs of one row (n >= 0 of them) when the new edition has the row. */
static bool fold_present(struct fold *f, const struct port_claim *run, size_t n, const struct port_claim *row)
{
        struct port_claim now = *row; /* as the set keeps it */
        bool stood = false, placed = false;
        for (size_t i = 0; i < n; i++) {
                struct port_claim c = run[i];
                stood = stood || (c.seen_first <= f->beside && f->beside <= c.seen_last);
                if (c.seen_first < f->day && f->day < c.seen_last) {
                        placed = true;
                } else if (f->before && c.seen_last == f->before) {
                        c.seen_last = f->day;
                        take_wording(f->s, &c, row);
                        placed = true;
                        if (i + 1 < n && f->after && run[i + 1].seen_first == f->after) {
                                const struct port_claim *later = &run[++i];
                                c.seen_last = later->seen_last;
                                take_wording(f->s, &c, later);
                        }
                } else if (f->after && c.seen_first == f->after) {
                        c.seen_first = f->day;
                        placed = true;
                }
                if (c.seen_first <= f->day && f->day <= c.seen_last)
                        now = c;
                if (!push(f->s, &f->out, &c))
                        return false;
        }
        if (!placed) {
                now = kept_claim(f->s, row);
                now.seen_first = now.seen_last = f->day;
                if (!push(f->s, &f->out, &now))
                        return false;
        }
        if (stood && f->changes)
                f->changes->same++;
        return stood || note_change(f, '+', &now);
}

/* All runs of one row when the new edition has it not. */
static bool fold_missing(struct fold *f, const struct port_claim *run, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                struct port_claim c = run[i];
                if (c.seen_first <= f->beside && f->beside <= c.seen_last && !note_change(f, '-', &c))
                        return false;
                if (c.seen_first < f->day && f->day < c.seen_last) {
                        struct port_claim first = c;
                        first.seen_last = f->before;
                        c.seen_first = f->after;
                        if (!push(f->s, &f->out, &first))
                                return false;
                }
                if (!push(f->s, &f->out, &c))
                        return false;
        }
        return true;
}

static bool fold_all(struct fold *f, const struct port_claims *runs, const struct port_rows *rows)
{
        size_t i = 0, r = 0;
        while (i < runs->n || r < rows->n) {
                const int order = i == runs->n   ? 1
                                  : r == rows->n ? -1
                                                 : port_claim_compare(&runs->at[i], &rows->at[r]);
                size_t n = 0;
                if (order <= 0) {
                        while (i + n < runs->n && port_claim_compare(&runs->at[i], &runs->at[i + n]) == 0)
                                n++;
                }
                const struct port_claim *run = n ? runs->at + i : NULL;
                const bool ok = order >= 0 ? fold_present(f, run, n, &rows->at[r]) : fold_missing(f, run, n);
                if (!ok || f->s->failed)
                        return false;
                i += n;
                r += order >= 0 ? 1 : 0;
        }
        return true;
}

/* Does the edition of that date hold exactly these rows? */
static bool same_rows(const struct port_claims *runs, port_date day, const struct port_rows *rows)
{
        size_t r = 0;
        for (size_t i = 0; i < runs->n; i++) {
                const struct port_claim *c = &runs->at[i];
                if (c->seen_first > day || day > c->seen_last)
                        continue;
                if (r == rows->n || port_claim_compare(c, &rows->at[r]) != 0)
                        return false;
                r++;
        }
        return r == rows->n;
}

enum port_fold port_set_fold(struct port_set *s, int source, const struct port_rows *rows,
                             struct port_changes *changes)
{
        struct port_set_source *o = &s->source[source];
        const port_date day = rows->about.date;
        const size_t at = edition_place(o, day);
        sort_runs(&o->claims);
        if (at < o->editions && o->edition[at].date == day)
                return same_rows(&o->claims, day, rows) ? PORT_FOLD_KNOWN : PORT_FOLD_CONFLICT;
        struct fold f = {
                .s = s,
                .day = day,
                .before = at ? o->edition[at - 1].date : 0,
                .after = at < o->editions ? o->edition[at].date : 0,
                .changes = changes,
        };
        f.beside = f.before ? f.before : f.after;
        if (changes)
                changes->beside = f.beside;
        if (!fold_all(&f, &o->claims, rows) || !port_set_add_edition(s, source, &rows->about)) {
                free(f.out.at);
                s->failed = true;
                return PORT_FOLD_FAILED;
        }
        o = &s->source[source];
        free(o->claims.at);
        o->claims = f.out;
        sort_runs(&o->claims);
        return PORT_FOLDED;
}

static bool load_claims(struct port_set *s, struct port_table *t)
{
        for (uint32_t i = 0, n = port_table_claims(t); i < n; i++) {
                struct port_claim c;
                if (!port_table_claim(t, i, &c) || t->damaged)
                        return false;
                if (s->source[c.source].editions == 0 || c.transport == PORT_ANY) {
                        if (!port_set_add(s, c.source, &c))
                                return false;
                        continue;
                }
                const uint8_t all = c.transport;
                for (unsigned bit = 1; bit <= all; bit <<= 1) {
                        c.transport = (uint8_t)(all & bit);
                        if (c.transport && !port_set_add(s, c.source, &c))
                                return false;
                }
        }
        return true;
}

bool port_set_load(struct port_set *s, struct port_table *t)
{
        for (uint32_t i = 0; i < port_table_sources(t); i++) {
                struct port_source about;
                if (!port_table_source(t, i, &about) || port_set_source(s, &about) != (int)i)
                        return false;
                for (uint32_t k = 0, n = port_table_editions(t, i); k < n; k++) {
                        struct port_edition e;
                        if (!port_table_edition(t, i, k, &e) || !port_set_add_edition(s, (int)i, &e))
                                return false;
                }
        }
        if (!load_claims(s, t))
                return false;
        for (size_t i = 0; i < s->n; i++)
                sort_runs(&s->source[i].claims);
        return true;
}

/* -- one edition again
 * -------------------------------------------------------------------------------------------- */

/* The digests of doc/ports.md 2 sort by number, number, then the words as text; "assigned-unnamed" has its
 * own word. */
static int by_words(const void *a, const void *b)
{
        const struct port_claim *x = *(const struct port_claim *const *)a;
        const struct port_claim *y = *(const struct port_claim *const *)b;
        if (x->port != y->port)
                return x->port < y->port ? -1 : 1;
        if (x->end != y->end)
                return x->end < y->end ? -1 : 1;
        int order = strcmp(port_transport_word(x->transport), port_transport_word(y->transport));
        if (!order)
                order = strcmp(port_status_word(x->status), port_status_word(y->status));
        return order ? order : strcmp(x->name, y->name);
}

bool port_set_rebuild(const struct port_set *s, int source, port_date date, struct buf *out)
{
        const struct port_claims *l = &s->source[source].claims;
        const struct port_claim **row = malloc((l->n + 1) * sizeof(*row));
        size_t n = 0;
        if (!row)
                return false;
        for (size_t i = 0; i < l->n; i++) {
                if (l->at[i].seen_first <= date && date <= l->at[i].seen_last)
                        row[n++] = &l->at[i];
        }
        qsort(row, n, sizeof(*row), by_words);
        for (size_t i = 0; i < n; i++)
                buf_printf(out, "%s%u\t%u\t%s\t%s\t%s", i ? "\n" : "", row[i]->port, row[i]->end,
                           port_transport_word(row[i]->transport), port_status_word(row[i]->status),
                           row[i]->name);
        free(row);
        return !out->failed;
}
