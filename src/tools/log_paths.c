#include "tools/log_paths.h"

#include "model/path.h"

#include <stdlib.h>

#define DEPTH_MOST 256u /* levels shown; also what ends a loop that a damaged server might tell */

enum what { UNKNOWN, THERE, GONE };
struct past {
        uint32_t object;
        enum what what;
        uint32_t parent;   /* THERE */
        struct bytes name; /* THERE; len 0: it has none */
};

struct log_paths {
        struct client *client;
        struct arena names;
        struct past *slot; /* open addressing, at most half full */
        uint32_t size, used;
};

struct log_paths *log_paths_new(struct client *c)
{
        struct log_paths *p = calloc(1, sizeof(*p));
        if (!p)
                return NULL;
        p->client = c;
        p->size = 1024;
        p->slot = calloc(p->size, sizeof(*p->slot));
        arena_init(&p->names, LIMIT_ARENA);
        if (!p->slot) {
                free(p);
                return NULL;
        }
        return p;
}

void log_paths_free(struct log_paths *p)
{
        if (!p)
                return;
        arena_done(&p->names);
        free(p->slot);
        free(p);
}

static struct past *probe(struct past *slot, uint32_t size, uint32_t object)
{
        uint32_t at =
                object * 2654435761u; /* Knuth's multiplicative hash; the numbers are the server's own */
        while (slot[at & (size - 1)].what != UNKNOWN && slot[at & (size - 1)].object != object)
                at++;
        return &slot[at & (size - 1)];
}

static bool grow(struct log_paths *p)
{
        struct past *bigger = calloc((size_t)p->size * 2, sizeof(*bigger));
        if (!bigger)
                return false;
        for (uint32_t i = 0; i < p->size; i++)
                if (p->slot[i].what != UNKNOWN)
                        *probe(bigger, p->size * 2, p->slot[i].object) = p->slot[i];
        free(p->slot);
        p->slot = bigger;
        p->size *= 2;
        return true;
}

static void put(struct log_paths *p, struct past now)
{
        struct past *at = probe(p->slot, p->size, now.object);
        if (at->what == UNKNOWN && ++p->used > p->size / 2) {
                if (p->size >= 1u << 30 || !grow(p)) {
                        p->used--;
                        return; /* it stays unknown: a number is shown */
                }
                at = probe(p->slot, p->size, now.object);
        }
        if (at->what == THERE && now.what == THERE && bytes_eq(at->name, now.name))
                now.name = at->name;
        else
                now.name = arena_bytes(&p->names, now.name);
        *at = now;
}

static struct bytes name_of(struct bytes encoded)
{
        struct bytes name = BYTES_NONE;
        prop_first(encoded, "name", &name);
        return name;
}

/* Asks the server about an object that no change has told us of: it is now what it was then. */
static struct past *ask(struct log_paths *p, uint32_t object)
{
        const struct ni_args args = {.id.object = object};
        struct ni_result r;
        struct past now = {.object = object, .what = GONE};
        if (client_ni(p->client, NI_PROC_parent, &args, &r) == NI_OK && r.status == NI_OK) {
                now.parent = r.parent;
                if (client_ni(p->client, NI_PROC_read, &args, &r) == NI_OK && r.status == NI_OK) {
                        now.what = THERE;
                        now.name = proplist_first(&r.props, "name");
                }
        }
        put(p, now);
        return probe(p->slot, p->size, object);
}

const char *log_path(struct log_paths *p, uint32_t object, struct arena *a)
{
        struct past *chain[DEPTH_MOST];
        uint32_t numbers[DEPTH_MOST], n = 0;
        struct buf text;
        while (object != 0 && n < DEPTH_MOST) {
                struct past *at = probe(p->slot, p->size, object);
                if (at->what == UNKNOWN)
                        at = ask(p, object); /* may move the table: chain holds numbers first */
                numbers[n++] = object;
                if (at->what != THERE)
                        break;
                object = at->parent;
        }
        for (uint32_t i = 0; i < n; i++)
                chain[i] = probe(p->slot, p->size, numbers[i]);
        buf_init(&text, 0);
        if (n == 0)
                buf_putc(&text, '/');
        while (n-- > 0) {
                if (chain[n]->what == THERE && chain[n]->name.len)
                        path_put_step(&text, BYTES_LIT("name"), chain[n]->name);
                else
                        buf_printf(&text, "%s#%u", chain[n]->what == THERE ? "/" : "", numbers[n]);
        }
        const char *path = text.failed ? NULL : arena_str(a, buf_bytes(&text));
        a->failed |= text.failed;
        buf_done(&text);
        return path;
}

void log_paths_note(struct log_paths *p, const struct ext_record *r)
{
        if (r->kind == EXT_DESTROYED || !r->has_after || probe(p->slot, p->size, r->object)->what != UNKNOWN)
                return;
        put(p, (struct past){
                       .object = r->object, .what = THERE, .parent = r->parent, .name = name_of(r->after)});
}

bool log_place_before(struct client *c, const struct ext_record *r, uint64_t seq, uint32_t *ret_parent,
                      uint64_t *ret_ordinal)
{
        struct ext_history_args args = {.kind = EXT_HISTORY_LIST,
                                        .object = r->object,
                                        .born = r->born,
                                        .at = seq - 1,
                                        .max_entries = 1};
        struct ext_history_result h;
        while (args.at > 0 && client_history(c, &args, &h) == NI_OK && h.status == NI_OK) {
                if (h.entry_count &&
                    h.entries[0].record_count) { /* records tell the place after the change */
                        *ret_parent = h.entries[0].records[0].parent;
                        *ret_ordinal = h.entries[0].records[0].ordinal;
                        return true;
                }
                if (!h.more || h.next >= args.at)
                        return false;
                args.at = h.next;
        }
        return false;
}

#define SPREAD_LEAST 16u /* siblings that get another place together (doc/store-format.md, children) */

/* Can it have come from another parent? That one has a record in the entry then, since its list of children
 * changed. Where many siblings are moved and no other directory has one, they were spread, and stay below
 * their parent; the server need not be asked about each of them. */
static bool changes_parent(const struct ext_entry *e, const struct ext_record *moved)
{
        uint32_t siblings = 0;
        for (uint32_t i = 0; i < e->record_count; i++) {
                const struct ext_record *r = &e->records[i];
                if (r->kind == EXT_MOVED && r->parent == moved->parent)
                        siblings++;
                else if (r->kind != EXT_CREATED && r->object != moved->parent && r->object != moved->object)
                        return true;
        }
        return siblings < SPREAD_LEAST;
}

static void undo(struct log_paths *p, const struct ext_entry *e, const struct ext_record *r)
{
        struct past *at;
        uint64_t ordinal;
        uint32_t parent;
        switch (r->kind) {
        case EXT_CREATED:
                put(p, (struct past){.object = r->object, .what = GONE});
                break;
        case EXT_CHANGED:
                at = probe(p->slot, p->size, r->object);
                if (r->has_before)
                        put(p, (struct past){.object = r->object,
                                             .what = at->what == UNKNOWN ? THERE : at->what,
                                             .parent = at->what == UNKNOWN ? r->parent : at->parent,
                                             .name = name_of(r->before)});
                break;
        case EXT_DESTROYED:
                if (r->has_before)
                        put(p, (struct past){.object = r->object,
                                             .what = THERE,
                                             .parent = r->parent,
                                             .name = name_of(r->before)});
                break;
        case EXT_MOVED:
                if (!changes_parent(e, r))
                        return;
                at = probe(p->slot, p->size, r->object);
                if (at->what == UNKNOWN)
                        at = ask(p, r->object);
                if (at->what == UNKNOWN)
                        return;
                if (log_place_before(p->client, r, e->seq, &parent,
                                     &ordinal)) { /* only calls: the table stays where it is */
                        at->parent = parent;
                        at->what = THERE;
                } else {
                        at->what = GONE; /* the journal does not reach back: a number is shown */
                }
                return;
        default: /* TOUCHED tells nothing */
                break;
        }
}

void log_paths_undo(struct log_paths *p, const struct ext_entry *e)
{
        for (uint32_t i = e->record_count; i-- > 0;)
                undo(p, e, &e->records[i]);
}

bool log_moves(const struct ext_entry *e, uint32_t object)
{
        for (uint32_t i = 0; i < e->record_count; i++)
                if (e->records[i].object == object && e->records[i].kind == EXT_MOVED)
                        return true;
        return false;
}

void log_paths_expect(struct log_paths *p, const struct ext_entry *e)
{
        for (uint32_t i = 0; i < e->record_count; i++) {
                const struct ext_record *r = &e->records[i];
                struct past was = {.object = r->object, .what = THERE, .parent = r->parent};
                uint64_t ordinal;
                if (r->kind == EXT_CREATED || probe(p->slot, p->size, r->object)->what != UNKNOWN)
                        continue;
                if (r->has_before)
                        was.name = arena_bytes(&p->names, name_of(r->before));
                else
                        was.name = ask(p, r->object)->name; /* as it is called now */
                if (log_moves(e, r->object) && changes_parent(e, r) &&
                    !log_place_before(p->client, r, e->seq, &was.parent, &ordinal))
                        was.what = GONE;
                put(p, was);
        }
}

void log_paths_apply(struct log_paths *p, const struct ext_entry *e)
{
        for (uint32_t i = 0; i < e->record_count; i++) {
                const struct ext_record *r = &e->records[i];
                struct past now = {.object = r->object,
                                   .what = r->kind == EXT_DESTROYED ? GONE : THERE,
                                   .parent = r->parent};
                if (r->has_after)
                        now.name = name_of(r->after);
                else
                        now.name = probe(p->slot, p->size, r->object)->name;
                put(p, now);
        }
}
