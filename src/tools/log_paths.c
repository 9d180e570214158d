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

void log_paths_undo(struct log_paths *p, const struct ext_record *r)
{
        switch (r->kind) {
        case EXT_CREATED:
                put(p, (struct past){.object = r->object, .what = GONE});
                break;
        case EXT_DESTROYED:
        case EXT_CHANGED:
                if (r->has_before)
                        put(p, (struct past){.object = r->object,
                                             .what = THERE,
                                             .parent = r->parent,
                                             .name = name_of(r->before)});
                break;
        default: /* TOUCHED tells nothing; where MOVED came from is not in the record */
                break;
        }
}
