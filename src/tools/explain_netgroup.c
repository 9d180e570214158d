/* A netgroup is a record of /netgroups, or, where no domain has one of that name, everybody whose `netgroups`
 * names it (doc/resolution.md 5.4, 10.1 rule 6). */
#include "agent/maps.h"
#include "tools/explain.h"

static const struct side {
        const char *top, *key;
        enum table_top children;
} sides[] = {{"/netgroups", "name", TOP_NETGROUPS},
             {"/machines", "netgroups", TOP_MACHINES},
             {"/users", "netgroups", TOP_USERS},
             {"/netdomains", "netgroups", TOP_NETDOMAINS}};
#define SIDES (sizeof(sides) / sizeof(sides[0]))

struct judge {
        struct arena *arena;
        const char *name;
        const char *reason; /* of the agent: static text */
        const char *line;   /* "(h,u,d) (h,u,d)"; NULL: nothing is published under the name */
        bool nested;        /* it names other netgroups */
};

static bool is_named(const struct snap_map_record *r, const char *name)
{
        for (size_t i = 0; i < r->key_count; i++)
                if (r->keys[i].data[0] == SNAP_KEY_NAME &&
                    bytes_eq_str(bytes_sub(r->keys[i], 1, r->keys[i].len), name))
                        return true;
        return false;
}

/* The first of the name is the one that lookups get. */
static bool take_record(void *context, const struct snap_map_record *r)
{
        struct judge *j = context;
        struct buf out;
        if (j->line || !is_named(r, j->name))
                return true;
        buf_init(&out, 0);
        for (size_t i = 0; i + 2 < r->first_count; i += 3)
                buf_printf(&out, "%s(%.*s,%.*s,%.*s)", i ? " " : "", BYTES_FMT(r->first[i]),
                           BYTES_FMT(r->first[i + 1]), BYTES_FMT(r->first[i + 2]));
        j->nested = r->second_count > 0;
        j->line = arena_str(j->arena, buf_bytes(&out));
        buf_done(&out);
        return true;
}

static void take_left_out(void *context, const struct maps_domain *d, const char *what, struct bytes name,
                          const char *reason)
{
        struct judge *j = context;
        (void)d;
        (void)what;
        (void)name;
        j->reason = reason;
}

/* What the agent makes of some records of one side, those of a domain behind each other. */
static struct judge make(struct explain *x, const char *name, const struct explain_records l[SIDES])
{
        struct judge j = {.arena = &x->t->arena, .name = name};
        const struct maps_sink sink = {.record = take_record, .left_out = take_left_out, .context = &j};
        struct maps_domain d[LIMIT_DEPTH + 1] = {{.local = false}};
        bool good = true;
        for (unsigned i = 0; i < x->n; i++)
                d[i] = (struct maps_domain){.name = x->level[i].name, .local = x->level[i].local};
        for (unsigned s = 0; s < SIDES; s++) {
                struct bytes *props = arena_zalloc(&x->t->arena, l[s].n + 1, sizeof(*props));
                for (unsigned i = 0; props && i < l[s].n; i++) {
                        struct maps_children *to = &d[l[s].v[i].level].top[sides[s].children];
                        props[i] = l[s].v[i].props;
                        if (to->n++ == 0)
                                to->v = &props[i];
                }
                good &= props != NULL;
        }
        if (!good || !maps_make(SNAP_NETGROUP, d, x->n, &x->merge, &sink))
                j.reason = "out of memory";
        return j;
}

static json_t *values_of(const struct explain_record *r)
{
        struct prop_walk w;
        struct bytes v;
        json_t *list = json_array();
        if (prop_find(r->props, BYTES_LIT("members"), &w))
                for (uint32_t i = 0; i < w.count && i < 100 && namelist_at(w.values, i, &v); i++)
                        json_array_append_new(list, talk_json_bytes(v));
        return json_pack("{s:o}", "members", list);
}

/* The verdicts on one side. *winner: who has said it already; NULL: nobody. */
static void judge_side(struct explain *x, const char *name, unsigned side, const struct explain_records *l,
                       const struct explain_record **winner, json_t *items)
{
        const struct explain_record *before = *winner;
        for (unsigned i = 0; i < l->n; i++) {
                const struct explain_record *r = &l->v[i];
                struct explain_records alone[SIDES] = {{NULL, 0}};
                alone[side] = (struct explain_records){&l->v[i], 1};
                const struct judge j = make(x, name, alone);
                const char *verdict = !j.line ? "left out" : *winner ? "hidden" : "answers";
                const char *reason = j.line     ? NULL
                                     : j.reason ? j.reason
                                                : "it gives nothing that a lookup could answer";
                if (side && j.line && !before) {
                        verdict = "united";
                        reason =
                                arena_printf(&x->t->arena, "its netgroups, in %s, names it", sides[side].top);
                } else if (j.line && *winner) {
                        reason = side ? "a record of /netgroups says who is in it"
                                      : explain_hidden_by(x, *winner);
                } else if (j.line) {
                        *winner = r;
                        reason = j.reason ? arena_printf(&x->t->arena, "without a part of it: %s", j.reason)
                                          : NULL;
                }
                json_t *item = explain_item(x, r, verdict, reason);
                if (side == 0)
                        json_object_set_new(item, "values", values_of(r));
                json_array_append_new(items, item);
        }
}

json_t *explain_netgroup(struct explain *x, const char *key)
{
        struct explain_records l[SIDES] = {{NULL, 0}};
        json_t *j = json_pack("{s:s,s:o}", "kind", "netgroup", "asked", talk_json_bytes(bytes_str(key)));
        json_t *items = json_array();
        const struct explain_record *winner = NULL;
        for (unsigned s = 0; s < SIDES; s++) {
                explain_find(x, sides[s].top, sides[s].key, bytes_str(key), &l[s]);
                judge_side(x, key, s, &l[s], &winner, items);
        }
        const struct judge all = make(x, key, l);
        json_object_set_new(j, "by_name", items);
        explain_libc(x, j, "netgroup", key, all.line,
                     x->cut       ? EXPLAIN_PRESENCE
                     : all.nested ? EXPLAIN_PART
                                  : EXPLAIN_WORDS);
        return j;
}
