/* gshadow: doc/resolution.md 10.1 rules 4 and 5, 11.3, 17.2. The groups are those of the map group. */
#include "agent/maps-internal.h"

#include "agent/merge-internal.h"

#include <stdlib.h>

struct work {
        const struct maps_sink *sink;
        const struct maps_domain *nearest; /* for reports */
        const struct merge_rules *rules;
        struct arena arena; /* of one group */
};

/* What is no hash that may be shown is "*": nobody gets in with a password. */
static struct bytes shown(const struct work *w, const struct merge_gshadow *g)
{
        const bool may = g->hash.data && (g->hash_local || w->rules->publish_hashes);
        if (!may || g->hash.len == 0 || bytes_eq_str(g->hash, "x") || !merge_is_clean(g->hash))
                return BYTES_LIT("*");
        return g->hash;
}

static bool take(void *context, const struct merge_gshadow *g)
{
        struct work *w = context;
        struct maps_work r = {.arena = &w->arena};
        arena_reset(&w->arena);
        if (!g->hash.data && g->admin_count == 0)
                return true;
        if (!maps_keys(&r, g->name_count))
                return false;
        for (size_t i = 0; i < g->name_count; i++)
                if (g->names[i].len <= LIMIT_MAP_NAME)
                        maps_add_key(&r, SNAP_KEY_NAME, g->names[i]);
        if (w->arena.failed)
                return false;
        if (g->names[0].len > LIMIT_MAP_NAME) {
                if (w->sink->left_out)
                        w->sink->left_out(w->sink->context, w->nearest, "gshadow of group", g->names[0],
                                          "the name is too long");
                return true;
        }
        return w->sink->record(w->sink->context, &(struct snap_map_record){.name = g->names[0],
                                                                           .extra = shown(w, g),
                                                                           .first = g->admins,
                                                                           .first_count = g->admin_count,
                                                                           .second = g->members,
                                                                           .second_count = g->member_count,
                                                                           .keys = r.keys,
                                                                           .key_count = r.key_count});
}

bool maps_is_of_gshadow(struct bytes props)
{
        struct prop_walk unused;
        return prop_find(props, BYTES_LIT("passwd"), &unused) ||
               prop_find(props, BYTES_LIT("admins"), &unused);
}

static size_t keep_those_that_say_more(const struct maps_children *all, struct bytes *ret)
{
        size_t n = 0;
        for (size_t i = 0; i < all->n; i++)
                if (maps_is_of_gshadow(all->v[i]))
                        ret[n++] = all->v[i];
        return n;
}

bool maps_gshadow(const struct maps_domain *domains, size_t n, const struct merge_rules *r,
                  const struct maps_sink *sink)
{
        struct work w = {.sink = sink, .nearest = domains, .rules = r};
        const struct merge_sink groups = {.gshadow = take,
                                          .context = &w}; /* who is left out of group is told there */
        struct merge_domain *d = calloc(n + 1, sizeof(*d));
        size_t all = 0, kept = 0;
        for (size_t i = 0; i < n; i++)
                all += domains[i].top[TOP_GROUPS].n;
        struct bytes *v = calloc(all + 1, sizeof(*v));
        for (size_t i = 0; d && v && i < n; i++) {
                d[i] = (struct merge_domain){
                        .name = domains[i].name, .local = domains[i].local, .groups = v + kept};
                d[i].group_count = keep_those_that_say_more(&domains[i].top[TOP_GROUPS], v + kept);
                kept += d[i].group_count;
        }
        arena_init(&w.arena, 0);
        const bool ok = d && v && merge_groups(d, n, r, &groups);
        arena_done(&w.arena);
        free(v);
        free(d);
        return ok;
}
