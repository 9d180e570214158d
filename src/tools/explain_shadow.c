/* shadow and gshadow: the records of users and groups that getspnam and getsgnam show (doc/resolution.md 17).
 */
#include "agent/maps.h"
#include "tools/explain.h"

/* -- lines as getent prints them ----------------------------------------------------------------------------
 */

static void put_day(struct buf *out, int64_t day)
{
        if (day == -1)
                buf_putc(out, ':');
        else
                buf_printf(out, ":%lld", (long long)day);
}

static void put_names(struct buf *out, const struct bytes *names, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                buf_puts(out, i ? "," : "");
                buf_put(out, names[i]);
        }
}

struct line {
        struct arena *arena;
        const char *text; /* NULL: nothing is published */
};

static void keep(struct line *l, struct buf *out)
{
        if (!l->text)
                l->text = arena_str(l->arena, buf_bytes(out));
        buf_done(out);
}

static bool take_shadow(void *context, const struct merge_domain *d, const struct snap_shadow *s)
{
        struct buf out;
        (void)d;
        buf_init(&out, 0);
        buf_put(&out, s->names[0]);
        buf_putc(&out, ':');
        buf_put(&out, s->hash);
        put_day(&out, s->last_change);
        put_day(&out, s->min);
        put_day(&out, s->max);
        put_day(&out, s->warn);
        put_day(&out, s->inactive);
        put_day(&out, s->expire);
        put_day(&out, (int64_t)s->flag);
        keep(context, &out);
        return true;
}

static bool take_gshadow(void *context, const struct snap_map_record *r)
{
        struct buf out;
        buf_init(&out, 0);
        buf_put(&out, r->name);
        buf_putc(&out, ':');
        buf_put(&out, r->extra);
        buf_putc(&out, ':');
        put_names(&out, r->first, r->first_count);
        buf_putc(&out, ':');
        put_names(&out, r->second, r->second_count);
        keep(context, &out);
        return true;
}

/* -- shadow -------------------------------------------------------------------------------------------------
 */

static const char *shadow_line(struct explain *x, const struct explain_record *r)
{
        struct line l = {&x->t->arena, NULL};
        const struct merge_sink sink = {.shadow = take_shadow, .context = &l};
        const struct merge_domain d = {.name = x->level[r->level].name,
                                       .local = x->level[r->level].local,
                                       .users = &r->props,
                                       .user_count = 1};
        return merge_shadow(&d, 1, &x->merge, &sink) ? l.text : NULL;
}

json_t *explain_shadow(struct explain *x, const char *key)
{
        struct explain_records l = {NULL, 0};
        json_t *j = json_pack("{s:s,s:o}", "kind", "shadow", "asked", talk_json_bytes(bytes_str(key)));
        json_t *items = json_array();
        const struct explain_record *winner = NULL;
        explain_find(x, "/users", "name", bytes_str(key), &l);
        for (unsigned i = 0; i < l.n; i++) {
                struct explain_account a;
                explain_user_of(x, &l.v[i], &a);
                const bool published = !a.left_out && explain_has_name(&a, key);
                const char *verdict = !published ? "left out" : winner ? "hidden" : "answers";
                const char *reason = winner ? explain_hidden_by(x, winner) : NULL;
                if (!published)
                        reason = a.left_out ? a.left_out : "this name is not usable";
                else if (!winner)
                        winner = &l.v[i];
                json_array_append_new(items, explain_item(x, &l.v[i], verdict, reason));
        }
        json_object_set_new(j, "by_name", items);
        explain_libc(x, j, "shadow", key, winner ? shadow_line(x, winner) : NULL, EXPLAIN_SECRET);
        return j;
}

/* -- gshadow ------------------------------------------------------------------------------------------------
 */

static void keep_those_that_say_more(struct explain *x, struct explain_records *l, json_t *items)
{
        unsigned n = 0;
        for (unsigned i = 0; i < l->n; i++)
                if (maps_is_of_gshadow(l->v[i].props))
                        l->v[n++] = l->v[i];
                else
                        json_array_append_new(items, explain_item(x, &l->v[i], "left out",
                                                                  "it has neither passwd nor admins"));
        l->n = n;
}

/* United records, nearest first. */
static const char *gshadow_line(struct explain *x, const struct explain_record *v, unsigned n)
{
        struct line l = {&x->t->arena, NULL};
        const struct maps_sink sink = {.record = take_gshadow,
                                       .context = &l}; /* explain_judge_groups has said why */
        struct maps_domain d[LIMIT_DEPTH + 1] = {{.local = false}};
        struct bytes *props = arena_zalloc(&x->t->arena, n + 1, sizeof(*props));
        unsigned domains = 0;
        for (unsigned i = 0; props && i < n; i++) {
                const struct explain_level *level = &x->level[v[i].level];
                props[i] = v[i].props;
                if (i == 0 || v[i].level != v[i - 1].level) {
                        d[domains] = (struct maps_domain){.name = level->name, .local = level->local};
                        d[domains++].top[TOP_GROUPS].v = &props[i];
                }
                d[domains - 1].top[TOP_GROUPS].n++;
        }
        return domains && maps_make(SNAP_GSHADOW, d, domains, &x->merge, &sink) ? l.text : NULL;
}

json_t *explain_gshadow(struct explain *x, const char *key)
{
        struct explain_records l = {NULL, 0};
        json_t *j = json_pack("{s:s,s:o}", "kind", "gshadow", "asked", talk_json_bytes(bytes_str(key)));
        json_t *items = json_array();
        unsigned parts = 0;
        explain_find(x, "/groups", "name", bytes_str(key), &l);
        keep_those_that_say_more(x, &l, items);
        struct explain_record *one = arena_zalloc(&x->t->arena, l.n + 1, sizeof(*one));
        if (one)
                explain_judge_groups(x, &l, key, NULL, items, one, &parts);
        json_object_set_new(j, "by_name", items);
        explain_libc(x, j, "gshadow", key, parts ? gshadow_line(x, one, parts) : NULL, EXPLAIN_SECRET);
        return j;
}
