/* What changed since images were made whole, and what it was then: deltas are made of that. */
#include "agent/table-internal.h"

#include <stdlib.h>

static void forget(struct touched *s)
{
        for (size_t i = 0; i < s->n; i++)
                free((void *)(uintptr_t)s->v[i].props.data);
        free(s->v);
        *s = (struct touched){.known = false};
}

void table_touched_forget(struct table *t, unsigned top)
{
        for (unsigned i = 0; i < SINCE; i++)
                forget(&t->touched[top][i]);
}

/* Keeps what the entry is before it changes; NULL: `object` is not there yet. */
static void add(const struct table *t, struct touched *s, uint32_t object, const struct entry *e)
{
        struct table_touched n = {.object = object, .was = e != NULL, .ordinal = e ? e->ordinal : 0};
        for (size_t i = 0; i < s->n; i++)
                if (s->v[i].object == object)
                        return;
        if (s->n == TABLE_TOUCHED_MAX) {
                forget(s);
                return;
        }
        if (!s->v)
                s->v = malloc(TABLE_TOUCHED_MAX * sizeof(*s->v));
        if (s->v && e) {
                const struct bytes props = table_props(t, e);
                uint8_t *copy = malloc(props.len);
                if (copy)
                        memcpy(copy, props.data, props.len);
                n.props = bytes_of(copy, copy ? props.len : 0);
        }
        if (!s->v || (e && !n.props.data))
                forget(s);
        else
                s->v[s->n++] = n;
}

void table_touch(struct table *t, uint32_t object, const struct entry *e, uint32_t parent, uint64_t ordinal)
{
        for (unsigned top = 0; top < TABLE_ACCOUNTED; top++) {
                const bool was = table_is_below(t, top, e);
                const bool is = parent == t->top[top] && parent != TABLE_NONE && object != TABLE_ROOT;
                for (unsigned i = 0; i < SINCE; i++) {
                        struct touched *s = &t->touched[top][i];
                        if (!s->known || (!was && !is))
                                continue;
                        if (is && (was ? ordinal != e->ordinal : ordinal <= s->last))
                                forget(s);
                        else
                                add(t, s, object, was ? e : NULL);
                }
        }
}

static void begin(struct table *t, unsigned top, struct touched *s)
{
        forget(s);
        s->known = true;
        for (uint32_t i = 0; i < t->count; i++)
                if (table_is_below(t, top, &t->v[i]) && t->v[i].ordinal > s->last)
                        s->last = t->v[i].ordinal;
}

void table_begin(struct table *t, enum table_top top)
{
        begin(t, top, &t->touched[top][SINCE_MADE]);
}

void table_mark(struct table *t, enum table_top top)
{
        begin(t, top, &t->touched[top][SINCE_MARK]);
}

void table_begin_at_mark(struct table *t, enum table_top top)
{
        forget(&t->touched[top][SINCE_MADE]);
        t->touched[top][SINCE_MADE] = t->touched[top][SINCE_MARK];
        t->touched[top][SINCE_MARK] = (struct touched){.known = false};
}

bool table_touched(const struct table *t, enum table_top top, bool since_mark,
                   const struct table_touched **ret, size_t *ret_count)
{
        const struct touched *s = &t->touched[top][since_mark ? SINCE_MARK : SINCE_MADE];
        *ret = s->v;
        *ret_count = s->n;
        return s->known;
}
