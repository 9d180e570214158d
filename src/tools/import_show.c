/* The plan of an import as a diff: + what comes, - what goes; secrets only say that they change. */
#include "tools/import.h"

#include "model/access.h"
#include "model/path.h"

#include <stdio.h>

static void begin_line(struct talk *t, char sign)
{
        talk_color(t, sign == '+' ? "32" : sign == '-' ? "31" : "36");
        putchar(sign);
        putchar(' ');
}

static void end_line(struct talk *t)
{
        talk_color(t, "");
        putchar('\n');
}

static void show_path(struct talk *t, const struct import_plan *p, char sign, const struct proplist *l)
{
        struct buf path;
        buf_init(&path, 0);
        buf_puts(&path, flat_directory(p->format));
        path_put_step(&path, BYTES_LIT("name"), proplist_first(l, "name"));
        begin_line(t, sign);
        talk_value(t, buf_bytes(&path));
        if (flat_by_port(p->format)) {
                fputs(" port ", stdout);
                talk_value(t, proplist_first(l, "port"));
        }
        end_line(t);
        buf_done(&path);
}

static void show_property(struct talk *t, char sign, const struct property *p)
{
        begin_line(t, sign);
        fputs("  ", stdout);
        talk_value(t, p->name);
        putchar(':');
        if (access_secret(p->name))
                fputs(" (changed)", stdout);
        for (uint32_t i = 0; !access_secret(p->name) && i < p->values.n; i++) {
                putchar(' ');
                talk_value(t, p->values.v[i]);
        }
        end_line(t);
}

static bool same_values(const struct property *p, const struct property *q)
{
        struct property x = *p, y = *q;
        const struct proplist a = {&x, 1}, b = {&y, 1};
        return flat_same(&a, &b);
}

static void show_change(struct talk *t, const struct proplist *old, const struct proplist *now)
{
        for (uint32_t i = 0; i < old->n; i++) {
                const struct property *q = proplist_get(now, old->v[i].name);
                if (q && same_values(&old->v[i], q))
                        continue;
                if (!q || !access_secret(old->v[i].name))
                        show_property(t, '-', &old->v[i]);
                if (q)
                        show_property(t, '+', q);
        }
        for (uint32_t i = 0; i < now->n; i++)
                if (!proplist_get(old, now->v[i].name))
                        show_property(t, '+', &now->v[i]);
}

void import_show(struct talk *t, const struct import_plan *p)
{
        for (uint32_t i = 0; i < p->step_count; i++) {
                const struct import_step *s = &p->step[i];
                struct proplist old, now;
                struct arena a;
                arena_init(&a, LIMIT_ARENA);
                if (import_lists(p, s, &a, &old, &now)) {
                        const struct proplist *named = s->kind == IMPORT_CREATE ? &now : &old;
                        show_path(t, p,
                                  s->kind == IMPORT_CHANGE   ? '~'
                                  : s->kind == IMPORT_CREATE ? '+'
                                                             : '-',
                                  named);
                        if (s->kind == IMPORT_CHANGE)
                                show_change(t, &old, &now);
                        for (uint32_t k = 0; s->kind == IMPORT_CREATE && k < now.n; k++)
                                show_property(t, '+', &now.v[k]);
                } else {
                        talk_error(t, EXIT_FAILED, NULL, "out of memory", NULL);
                }
                arena_done(&a);
        }
}
