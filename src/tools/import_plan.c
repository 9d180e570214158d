/* What must change so that a domain says what a file says. */
#include "tools/import.h"

#include "model/path.h"
#include "model/status.h"
#include "tools/walk.h"

#include <stdlib.h>

static void out_of_memory(struct import_plan *p)
{
        if (!p->failed)
                talk_error(p->talk, EXIT_FAILED, NULL, "out of memory", "import the file in parts");
        p->failed = true;
}

static bool add_step(struct import_plan *p, struct import_step s, const struct proplist *old,
                     const struct proplist *now)
{
        if (p->step_count == p->step_room) {
                const uint32_t room = p->step_room ? p->step_room * 2 : 64;
                struct import_step *v = realloc(p->step, room * sizeof(*v));
                if (!v)
                        return out_of_memory(p), false;
                p->step = v;
                p->step_room = room;
        }
        s.old = p->bytes.len;
        if (old)
                xdr_put_proplist(&p->bytes, *old);
        s.now = p->bytes.len;
        if (now)
                xdr_put_proplist(&p->bytes, *now);
        if (p->bytes.failed)
                return out_of_memory(p), false;
        p->step[p->step_count++] = s;
        return true;
}

/* A walk begins. Only the second of two walks knows from the first which child each entry means; a walk that
 * begins again because the domain was replaced knows nothing. */
static void forget_steps(void *context)
{
        struct import_plan *p = context;
        if (!p->second_walk)
                memset(p->match, 0, (size_t)p->file.entry_count * sizeof(*p->match));
        p->second_walk = false;
        p->step_count = 0;
        p->added = p->changed = p->removed = p->same = p->kept = p->missing = 0;
        p->stale_match = false;
        buf_clear(&p->bytes);
}

/* May entry i stand for this child? The child that bears its name as first name does, else one that bears it
 * as a further name; of several the first in order (doc/flat-files.md). A better one that comes later in the
 * walk asks for a second walk. */
static bool is_match(struct import_plan *p, uint32_t i, const struct ext_node *n, bool exact)
{
        struct import_match *m = &p->match[i];
        if (m->found && m->object == n->id.object)
                return true;
        if (m->found && (m->exact != exact ? m->exact : m->ordinal <= n->ordinal))
                return false;
        p->stale_match |= m->found;
        *m = (struct import_match){n->id.object, n->ordinal, true, exact};
        return true;
}

/* Removes nothing that another format put there. */
static bool only_ours(const struct flat_format *f, const struct proplist *l)
{
        for (uint32_t i = 0; flat_is_shared(f) && i < l->n; i++)
                if (!flat_owns(f, l->v[i].name))
                        return false;
        return true;
}

static bool plan_removal(struct import_plan *p, const struct ext_node *n, const struct proplist *old)
{
        if (!p->replace || flat_needs_record(p->format))
                return true;
        if (!only_ours(p->format, old)) {
                p->kept++;
                return true;
        }
        p->removed++;
        return add_step(p, (struct import_step){IMPORT_REMOVE, 0, n->id.object, n->id.instance, 0, 0}, old,
                        NULL);
}

/* One child of the directory: every entry of the file that means it is applied, in the order of its names. */
static bool plan_child(struct import_plan *p, const struct ext_node *n, struct arena *a)
{
        struct xdr_in in = xdr_in(n->props);
        const struct proplist old = xdr_proplist(&in, a);
        struct proplist now = old;
        struct flat_item item;
        uint32_t entry, first = 0, hits = 0;
        bool claimed = false;
        const struct property *names = proplist_get(&old, BYTES_LIT("name"));
        struct flat_identity id = flat_identity_of(p->format, &old);
        for (uint32_t i = 0; names && i < names->values.n; i++) {
                id.name = names->values.v[i];
                if (claimed || !flat_file_find(&p->file, id, &entry))
                        continue;
                claimed = i == 0; /* its further names are the file's business, not other entries' */
                if (!is_match(p, entry, n, i == 0))
                        continue;
                if (!flat_file_item(&p->file, entry, a, &item) ||
                    !flat_apply(p->format, p->replace ? FLAT_OWNED : FLAT_UPDATE, &now, &item, a, &now))
                        return out_of_memory(p), false;
                first = hits++ ? first : entry;
        }
        if (a->failed || !xdr_ok(&in))
                return out_of_memory(p), false;
        if (!hits)
                return plan_removal(p, n, &old);
        if (flat_same(&old, &now)) {
                p->same++;
                return true;
        }
        p->changed++;
        return add_step(p, (struct import_step){IMPORT_CHANGE, first, n->id.object, n->id.instance, 0, 0},
                        &old, &now);
}

static bool each_child(void *context, const struct ext_node *n)
{
        struct import_plan *p = context;
        struct arena a;
        arena_init(&a, LIMIT_ARENA);
        const bool ok = plan_child(p, n, &a);
        arena_done(&a);
        return ok;
}

static bool find_directory(struct talk *t, struct import_plan *p)
{
        struct client_why why;
        const enum ni_status status =
                client_path(t->client, flat_directory(p->format), &p->directory, NULL, &why);
        p->has_directory = status == NI_OK;
        if (status == NI_OK || status == NI_NODIR)
                return true;
        talk_status(t, status, flat_directory(p->format), NULL);
        return false;
}

static bool plan_new(struct import_plan *p)
{
        for (uint32_t i = 0; i < p->file.entry_count; i++) {
                if (p->match[i].found)
                        continue;
                if (flat_needs_record(p->format)) {
                        p->missing++;
                        continue;
                }
                p->added++;
                if (!add_step(p, (struct import_step){.kind = IMPORT_CREATE, .entry = i}, NULL, NULL))
                        return false;
        }
        return true;
}

bool import_make(struct talk *t, struct import_plan *p)
{
        const struct walk_reader reader = {forget_steps, each_child, p};
        p->talk = t;
        p->match = calloc((size_t)p->file.entry_count + 1, sizeof(*p->match));
        if (!p->match)
                return out_of_memory(p), false;
        forget_steps(p);
        if (!find_directory(t, p))
                return false;
        /* At most two walks: after the first every entry knows its child. */
        do {
                p->second_walk = p->stale_match;
                if (p->has_directory && !walk_children(t, p->directory.object, &reader))
                        return false;
        } while (p->stale_match);
        return plan_new(p);
}

void import_forget(struct import_plan *p)
{
        free(p->match);
        free(p->step);
        buf_done(&p->bytes);
        p->match = NULL;
        p->step = NULL;
        p->step_count = p->step_room = 0;
        p->failed = false;
}

bool import_lists(const struct import_plan *p, const struct import_step *s, struct arena *a,
                  struct proplist *ret_old, struct proplist *ret_now)
{
        const struct bytes all = buf_bytes(&p->bytes);
        struct xdr_in old = xdr_in(bytes_sub(all, s->old, s->now - s->old));
        struct xdr_in now = xdr_in(bytes_sub(all, s->now, all.len));
        struct flat_item item;
        *ret_old = *ret_now = (struct proplist){NULL, 0};
        if (s->kind != IMPORT_CREATE)
                *ret_old = xdr_proplist(&old, a);
        if (s->kind == IMPORT_CHANGE)
                *ret_now = xdr_proplist(&now, a);
        if (s->kind == IMPORT_CREATE)
                return flat_file_item(&p->file, s->entry, a, &item) &&
                       flat_apply(p->format, FLAT_OWNED, NULL, &item, a, ret_now);
        return xdr_ok(&old) && xdr_ok(&now);
}
