/* gshadow: doc/resolution.md 10.1 rules 4 and 5, 11.3, 17.2. The groups are those of the map group. */
#include "agent/maps-internal.h"

#include "agent/merge-internal.h"

#include <stdlib.h>

struct work {
        const struct maps_sink *sink;
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

/* A group without password and administrators has nothing that the map group does not say. */
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
        if (r.key_count == 0 || g->names[0].len > LIMIT_MAP_NAME)
                return true; /* merge has reported nothing, but the C library has no use for such a name
                                either */
        return w->sink->record(w->sink->context, &(struct snap_map_record){.name = g->names[0],
                                                                           .extra = shown(w, g),
                                                                           .first = g->admins,
                                                                           .first_count = g->admin_count,
                                                                           .second = g->members,
                                                                           .second_count = g->member_count,
                                                                           .keys = r.keys,
                                                                           .key_count = r.key_count});
}

/* The map group has reported them. */
static void nothing(void *context, const struct merge_domain *d, const char *what, struct bytes name,
                    const char *reason)
{
        (void)context;
        (void)d;
        (void)what;
        (void)name;
        (void)reason;
}

bool maps_gshadow(const struct maps_domain *domains, size_t n, const struct merge_rules *r,
                  const struct maps_sink *sink)
{
        struct work w = {.sink = sink, .rules = r};
        const struct merge_sink groups = {.gshadow = take, .left_out = nothing, .context = &w};
        struct merge_domain *d = calloc(n + 1, sizeof(*d));
        if (!d)
                return false;
        for (size_t i = 0; i < n; i++)
                d[i] = (struct merge_domain){.name = domains[i].name,
                                             .local = domains[i].local,
                                             .groups = domains[i].top[TOP_GROUPS].v,
                                             .group_count = domains[i].top[TOP_GROUPS].n};
        arena_init(&w.arena, 0);
        const bool ok = merge_groups(d, n, r, &groups);
        arena_done(&w.arena);
        free(d);
        return ok;
}
