#include "tools/past.h"

#include "base/text.h"
#include "model/path.h"
#include "model/status.h"
#include "tools/log_show.h"
#include "tools/walk.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define MEMORY_MOST \
        ((size_t)512 << 20) /* properties of what changed since: beyond, a backup is the better tool */

struct then {
        uint32_t object;
        bool used, there, has_props;
        uint32_t parent;
        uint64_t ordinal;
        struct bytes props; /* valid when has_props; else what stands now stood then */
};

struct past {
        struct talk *t;
        uint64_t at, epoch;
        uint64_t seen;     /* changes up to this one are in `slot` */
        struct then *slot; /* what changed since; open addressing, at most half full */
        uint32_t size, used;
        struct arena kept; /* properties */
        struct arena page;
};

static bool out_of_memory(struct past *p)
{
        talk_error(p->t, EXIT_FAILED, NULL, "too much has changed since then for the memory at hand",
                   "restore a backup of that time aside, and look there");
        return false;
}

/* -- what changed since ---------------------------------------------------------------------------------- */

static struct then *probe(struct then *slot, uint32_t size, uint32_t object)
{
        uint32_t at =
                object * 2654435761u; /* Knuth's multiplicative hash; the numbers are the server's own */
        while (slot[at & (size - 1)].used && slot[at & (size - 1)].object != object)
                at++;
        return &slot[at & (size - 1)];
}

static bool grow(struct past *p)
{
        const uint32_t size = p->size ? p->size * 2 : 1024;
        struct then *slot = size <= 1u << 28 ? calloc(size, sizeof(*slot)) : NULL;
        if (!slot)
                return false;
        for (uint32_t i = 0; i < p->size; i++)
                if (p->slot[i].used)
                        *probe(slot, size, p->slot[i].object) = p->slot[i];
        free(p->slot);
        p->slot = slot;
        p->size = size;
        return true;
}

/* What is known of the object; NULL: it has not changed since. */
static struct then *known(const struct past *p, uint32_t object)
{
        struct then *at = probe(p->slot, p->size, object);
        return at->used ? at : NULL;
}

/* The first record after `at` tells where it was; the first one with `before`, what it held. */
static bool note(struct past *p, const struct ext_entry *e, const struct ext_record *r)
{
        if (p->used >= p->size / 2 && !grow(p))
                return out_of_memory(p);
        struct then *at = probe(p->slot, p->size, r->object);
        if (!at->used) {
                *at = (struct then){.object = r->object,
                                    .used = true,
                                    .there = r->kind != EXT_CREATED,
                                    .parent = r->parent,
                                    .ordinal = r->ordinal};
                p->used++;
                if (at->there && log_moves(e, r->object) &&
                    !log_place_before(p->t->client, r, e->seq, &at->parent, &at->ordinal)) {
                        talk_error(p->t, EXIT_FAILED, arena_printf(&p->t->arena, "object %u", r->object),
                                   "it was moved since, and the journal does not reach back to where it was",
                                   NULL);
                        return false;
                }
        }
        if (at->there && !at->has_props && r->has_before) {
                at->props = arena_bytes(&p->kept, r->before);
                at->has_props = true;
                if (!at->props.data)
                        return out_of_memory(p);
        }
        return true;
}

/* Two records of one directory in an entry: the one with `before` is of who was there (a number can be given
 * up and taken again within one change). */
static bool note_entry(struct past *p, const struct ext_entry *e)
{
        for (uint32_t i = 0; i < e->record_count; i++)
                if (e->records[i].has_before && !note(p, e, &e->records[i]))
                        return false;
        for (uint32_t i = 0; i < e->record_count; i++)
                if (!e->records[i].has_before && !note(p, e, &e->records[i]))
                        return false;
        return true;
}

static bool unreachable(struct past *p)
{
        talk_error(p->t, EXIT_NOT_FOUND, client_tag(p->t->client), "the journal does not reach back that far",
                   "`ni log --all` shows what it holds; older states are in backups");
        return false;
}

/* Up to the head as it is now. To be called behind every look at the present. */
static bool catch_up(struct past *p)
{
        struct ext_changes_result r;
        uint64_t head;
        do {
                const struct ext_changes_args args = {
                        .epoch = p->epoch, .seq = p->seen, .flags = EXT_CHANGES_BEFORE};
                const enum ni_status status = client_changes(p->t->client, &args, &r);
                if (status == NI_OK && r.status == EXT_TAKE_SNAPSHOT)
                        return unreachable(p);
                if (status != NI_OK || r.status != NI_OK) {
                        talk_status(p->t, status != NI_OK ? status : (enum ni_status)r.status, NULL, NULL);
                        return false;
                }
                arena_reset(&p->page);
                if (!log_copy(&p->page, &r))
                        return out_of_memory(p);
                head = r.entry_count ? r.seq : p->seen;
                for (uint32_t i = 0; i < r.entry_count; i++) {
                        if (!note_entry(p, &r.entries[i]))
                                return false;
                        p->seen = r.entries[i].seq;
                }
        } while (p->seen < head);
        return true;
}

/* -- when ------------------------------------------------------------------------------------------------ */

/* "90s", "15m", "2h", "3d": so long ago. */
static bool parse_ago(const char *text, uint64_t now, uint64_t *ret)
{
        static const char units[] = "smhd";
        static const uint64_t seconds[] = {1, 60, 3600, 86400};
        const size_t n = strlen(text);
        const char *unit = n > 1 ? strchr(units, text[n - 1]) : NULL;
        uint64_t count;
        if (!unit || !text_u64(bytes_of(text, n - 1), 1000000, &count))
                return false;
        const uint64_t us = count * seconds[unit - units] * 1000000u;
        *ret = us < now ? now - us : 0;
        return true;
}

/* "2026-11-24[ T]09:30[:15][Z]", or the day alone: its beginning. Local time without Z. The end of the second
 * that is named counts. */
static bool parse_date(const char *text, uint64_t *ret)
{
        static const char *const forms[] = {"%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M",
                                            "%Y-%m-%dT%H:%M", "%Y-%m-%d"};
        for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
                struct tm tm = {.tm_isdst = -1};
                const char *end = strptime(text, forms[i], &tm);
                const bool utc = end && strcmp(end, "Z") == 0;
                if (!end || (*end && !utc))
                        continue;
                const time_t seconds = utc ? timegm(&tm) : mktime(&tm);
                if (seconds < 0)
                        return false;
                *ret = (uint64_t)seconds * 1000000u + (i < 2 ? 999999u : 0);
                return true;
        }
        return false;
}

/* The newest change made at that time or before: what HISTORY of the root says of it. */
static bool find_time(struct past *p, uint64_t us)
{
        const struct ext_history_args args = {
                .epoch = p->epoch, .kind = EXT_HISTORY_AT, .flags = EXT_HISTORY_TIME, .at = us};
        struct ext_history_result r;
        const enum ni_status status = client_history(p->t->client, &args, &r);
        if (status == NI_OK && r.status == EXT_TAKE_SNAPSHOT)
                return unreachable(p);
        if (status != NI_OK || r.status != NI_OK) {
                talk_status(p->t, status != NI_OK ? status : (enum ni_status)r.status, NULL, NULL);
                return false;
        }
        p->at = r.at;
        return true;
}

static bool find_when(struct past *p, const char *when)
{
        struct ext_status_result s;
        uint64_t us;
        enum ni_status status = client_status(p->t->client, &s);
        if (status == NI_OK)
                status = (enum ni_status)s.status;
        if (status != NI_OK) {
                talk_status(p->t, status, NULL, status == NI_BADOP ? "it keeps no changes" : NULL);
                return false;
        }
        p->epoch = s.epoch;
        if (text_u64(bytes_str(when + (when[0] == '#')), UINT64_MAX / 2, &p->at)) {
                if (p->at + 1 < s.first_seq)
                        return unreachable(p);
                if (p->at <= s.seq)
                        return true;
                talk_error(p->t, EXIT_NOT_FOUND, when, "there was no such change yet",
                           "`ni log -1` shows the newest");
                return false;
        }
        if (parse_ago(when, s.now, &us) || parse_date(when, &us))
                return find_time(p, us);
        talk_usage(p->t,
                   "--at %.60s: give the number of a change, a time (2026-11-24, \"2026-11-24 09:30\", with "
                   "Z for "
                   "UTC), or how long ago (90s, 15m, 2h, 3d)",
                   when);
        return false;
}

struct past *past_open(struct talk *t, const char *when)
{
        struct past *p = calloc(1, sizeof(*p));
        if (!p || !grow(p)) {
                free(p);
                talk_error(t, EXIT_FAILED, NULL, "out of memory", NULL);
                return NULL;
        }
        p->t = t;
        arena_init(&p->kept, MEMORY_MOST);
        arena_init(&p->page, 2 * (size_t)LIMIT_ARENA);
        if (find_when(p, when)) {
                p->seen = p->at;
                return p;
        }
        past_close(p);
        return NULL;
}

void past_close(struct past *p)
{
        if (!p)
                return;
        arena_done(&p->kept);
        arena_done(&p->page);
        free(p->slot);
        free(p);
}

uint64_t past_seq(const struct past *p)
{
        return p->at;
}

/* -- one directory --------------------------------------------------------------------------------------- */

/* NI_NODIR: there was none of that number. Anything else but NI_OK is said. */
static enum ni_status props_then(struct past *p, uint32_t object, struct bytes *ret)
{
        const struct ni_args args = {.id.object = object};
        struct then *at = known(p, object);
        struct ni_result r;
        struct buf now;
        if (!at || (at->there && !at->has_props)) { /* as it is, unless it changes while we look */
                enum ni_status status = client_ni(p->t->client, NI_PROC_read, &args, &r);
                if (status == NI_OK)
                        status = r.status;
                if (status != NI_OK && status != NI_NODIR && status != NI_BADID) {
                        talk_status(p->t, status, NULL, NULL);
                        return status;
                }
                buf_init(&now, 0);
                if (status == NI_OK)
                        xdr_put_proplist(&now, r.props);
                *ret = arena_bytes(&p->kept, buf_bytes(&now));
                const bool failed = now.failed || !ret->data;
                buf_done(&now);
                if (failed || !catch_up(p)) {
                        if (failed)
                                out_of_memory(p);
                        return NI_FAILED;
                }
                at = known(p, object);
                if (!at)
                        return status == NI_OK ? NI_OK : NI_NODIR;
                if (at->there && !at->has_props) {
                        at->props = *ret;
                        return status == NI_OK ? NI_OK : NI_NODIR;
                }
        }
        *ret = at->props;
        return at->there ? NI_OK : NI_NODIR;
}

bool past_decode(struct past *p, struct bytes encoded, struct arena *a, struct proplist *ret)
{
        struct xdr_in in = xdr_in(encoded);
        *ret = xdr_proplist(&in, a);
        if (xdr_end(&in))
                return true;
        talk_error(p->t, EXIT_FAILED, client_peer(p->t->client), "a change in the journal cannot be read",
                   NULL);
        return false;
}

bool past_props(struct past *p, uint32_t object, struct proplist *ret)
{
        struct bytes encoded;
        const enum ni_status status = props_then(p, object, &encoded);
        if (status == NI_NODIR)
                talk_error(p->t, EXIT_NOT_FOUND, arena_printf(&p->t->arena, "object %u", object),
                           "there was none of that number then", NULL);
        return status == NI_OK && past_decode(p, encoded, &p->t->arena, ret);
}

/* -- children -------------------------------------------------------------------------------------------- */

struct children {
        struct past *p;
        struct past_child *v;
        uint32_t n, room;
        bool failed;
};

static void forget(void *context)
{
        struct children *c = context;
        c->n = 0;
}

static bool add_child(struct children *c, uint32_t object, uint64_t ordinal, struct bytes encoded)
{
        if (c->n == c->room) {
                const uint32_t room = c->room ? c->room * 2 : 256;
                struct past_child *v = realloc(c->v, room * sizeof(*v));
                if (!v)
                        return out_of_memory(c->p);
                c->v = v;
                c->room = room;
        }
        c->v[c->n++] = (struct past_child){object, ordinal, encoded};
        return true;
}

static bool take_node(void *context, const struct ext_node *n)
{
        struct children *c = context;
        const struct bytes props = arena_bytes(&c->p->kept, n->props);
        if (!props.data)
                return out_of_memory(c->p);
        return add_child(c, n->id.object, n->ordinal, props);
}

static int by_ordinal(const void *a, const void *b)
{
        const struct past_child *x = a, *y = b;
        return x->ordinal < y->ordinal ? -1 : x->ordinal > y->ordinal;
}

/* The numbers of those that hung below the parent then, and have changed since. Reading them may find more.
 */
static bool changed_below(struct past *p, uint32_t parent, struct children *c)
{
        for (uint32_t i = 0; i < p->size; i++) {
                const struct then *at = &p->slot[i];
                if (at->used && at->there && at->object != 0 && at->parent == parent &&
                    !add_child(c, at->object, at->ordinal, BYTES_NONE))
                        return false;
        }
        return true;
}

/* Those at hand are of the present: what has changed since goes, and comes back as it was. */
static bool as_then(struct past *p, uint32_t parent, struct children *c)
{
        for (;;) {
                uint32_t kept = 0;
                const uint64_t seen = p->seen;
                for (uint32_t i = 0; i < c->n; i++)
                        if (!known(p, c->v[i].object))
                                c->v[kept++] = c->v[i];
                c->n = kept;
                if (!changed_below(p, parent, c))
                        return false;
                for (uint32_t i = kept; i < c->n; i++) {
                        const enum ni_status status = props_then(p, c->v[i].object, &c->v[i].encoded);
                        if (status == NI_NODIR)
                                talk_error(p->t, EXIT_FAILED, client_peer(p->t->client),
                                           "the journal and the directories contradict each other",
                                           "`ni store check` looks for damage");
                        if (status != NI_OK)
                                return false;
                }
                if (p->seen == seen)
                        return true;
        }
}

bool past_children(struct past *p, uint32_t object, struct past_child **ret, uint32_t *ret_count)
{
        struct children c = {.p = p};
        const struct walk_reader reader = {forget, take_node, &c};
        bool ok = walk_children(p->t, object, &reader) && catch_up(p) && as_then(p, object, &c);
        if (ok && c.n)
                qsort(c.v, c.n, sizeof(*c.v), by_ordinal);
        if (ok) {
                *ret = arena_zalloc(&p->kept, c.n, sizeof(**ret));
                ok = *ret || out_of_memory(p);
        }
        if (ok && c.n)
                memcpy(*ret, c.v, c.n * sizeof(**ret));
        *ret_count = c.n;
        free(c.v);
        return ok;
}

/* -- paths ----------------------------------------------------------------------------------------------- */

static bool matches(struct bytes encoded, const struct path_step *s)
{
        struct prop_walk w;
        return prop_find(encoded, s->key, &w) && namelist_has(w.values, s->value);
}

/* Of those that the index finds now, the ones that have not changed since; then those that have. Which of the
 * two comes first only all children tell. */
static bool find_child(struct past *p, uint32_t parent, const struct path_step *s, bool *ret_found,
                       uint32_t *ret)
{
        const struct ni_args args = {.id.object = parent, .key = s->key, .value = s->value};
        struct children c = {.p = p};
        struct ni_result r;
        uint32_t hits = 0;
        enum ni_status status = client_ni(p->t->client, NI_PROC_lookup, &args, &r);
        if (status == NI_OK)
                status = r.status;
        if (status != NI_OK && status != NI_NODIR && status != NI_BADID) {
                talk_status(p->t, status, NULL, NULL);
                return false;
        }
        bool ok = true;
        for (uint32_t i = 0; ok && status == NI_OK && i < r.object_count; i++)
                ok = add_child(&c, r.objects[i], 0, BYTES_NONE);
        ok = ok && catch_up(p);
        ok = ok && as_then(p, parent, &c);
        uint32_t unchanged = 0;
        *ret_found = false;
        for (uint32_t i = 0; ok && i < c.n; i++) {
                const bool present = c.v[i].encoded.data == NULL;
                if (!present && !matches(c.v[i].encoded, s))
                        continue;
                if (present ? unchanged++ == 0 : !*ret_found || c.v[i].ordinal < c.v[hits].ordinal)
                        hits = i;
                *ret_found = true;
        }
        bool both = false;
        for (uint32_t i = 0; ok && unchanged && i < c.n; i++)
                both |= c.v[i].encoded.data && matches(c.v[i].encoded, s);
        if (ok && *ret_found)
                *ret = c.v[hits].object;
        free(c.v);
        if (!ok || !both)
                return ok;
        struct past_child *all;
        uint32_t n;
        if (!past_children(p, parent, &all, &n))
                return false;
        for (uint32_t i = n; i-- > 0;)
                if (matches(all[i].encoded, s))
                        *ret = all[i].object;
        return true;
}

static bool no_such(struct past *p, const char *path, const struct path_step *s)
{
        char words[300];
        snprintf(words, sizeof(words), "no such directory as of change #%llu%s%.*s%s",
                 (unsigned long long)p->at, s ? ": nothing there was called `" : "",
                 s ? (int)(s->value.len < 100 ? s->value.len : 100) : 0, s ? (const char *)s->value.data : "",
                 s ? "`" : "");
        talk_error(p->t, EXIT_NOT_FOUND, path, words, "`ni log` with the path shows what happened there");
        return false;
}

bool past_path(struct past *p, const char *text, uint32_t *ret_object)
{
        struct path path;
        const char *reason;
        struct bytes props;
        uint32_t object = 0;
        if (!path_parse(bytes_str(text), &p->t->arena, &path, &reason)) {
                talk_usage(p->t, "%.200s: %s", text, reason);
                return false;
        }
        if (path.numeric)
                object = path.object;
        for (uint32_t i = 0; i < path.n; i++) {
                bool found;
                if (!find_child(p, object, &path.step[i], &found, &object))
                        return false;
                if (!found)
                        return no_such(p, text, &path.step[i]);
        }
        const enum ni_status status = props_then(p, object, &props);
        if (status == NI_NODIR)
                return no_such(p, text, NULL);
        *ret_object = object;
        return status == NI_OK;
}
