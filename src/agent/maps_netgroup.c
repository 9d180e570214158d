/* netgroup: doc/resolution.md 5.4, 10.1 rule 6; doc/tools.md 6.17. */
#include "agent/maps-internal.h"

#include "agent/merge-internal.h"

#define LEAST_SLOTS 64u

/* One triple of the union: only one of its fields is set; the others match nothing. */
struct member {
        struct member *next;
        unsigned field; /* 0 host, 1 user, 2 domain */
        struct bytes name;
};

struct netgroup {
        struct bytes name;
        bool said; /* there is a /netgroups/NAME: the union does not count */
        struct member *first, *last;
        size_t count;
};

struct work {
        const struct maps_sink *sink;
        struct siphash_key key;
        struct arena arena;
        struct netgroup **v; /* in order of appearance */
        uint32_t *slot;      /* index + 1, open addressing */
        size_t n, mask, members;
};

static size_t slot_of(const struct work *w, struct bytes name)
{
        size_t at = (size_t)siphash13(w->key, name.data, name.len) & w->mask;
        while (w->slot[at] && !bytes_eq(w->v[w->slot[at] - 1]->name, name))
                at = (at + 1) & w->mask;
        return at;
}

/* What becomes too small stays in the arena: no more than what is in use. */
static bool grow(struct work *w)
{
        const size_t slots = w->mask ? (w->mask + 1) * 2 : LEAST_SLOTS;
        struct netgroup **v = arena_zalloc(&w->arena, slots / 2 + 1, sizeof(*v));
        uint32_t *slot = arena_zalloc(&w->arena, slots, sizeof(*slot));
        if (!v || !slot)
                return false;
        if (w->n)
                memcpy(v, w->v, w->n * sizeof(*v));
        w->v = v;
        w->slot = slot;
        w->mask = slots - 1;
        for (size_t i = 0; i < w->n; i++)
                slot[slot_of(w, v[i]->name)] = (uint32_t)(i + 1);
        return true;
}

/* The netgroup of this name, made when there is none; NULL: no memory. */
static struct netgroup *netgroup_named(struct work *w, struct bytes name)
{
        if (w->n * 2 >= w->mask && !grow(w))
                return NULL;
        const size_t at = slot_of(w, name);
        if (w->slot[at])
                return w->v[w->slot[at] - 1];
        struct netgroup *g = arena_zalloc(&w->arena, 1, sizeof(*g));
        if (!g)
                return NULL;
        g->name = name;
        w->v[w->n] = g;
        w->slot[at] = (uint32_t)++w->n;
        return g;
}

static bool is_netgroup_name(struct bytes b)
{
        return maps_is_word(b) && bytes_find(b, '(') == b.len && bytes_find(b, ')') == b.len &&
               bytes_find(b, ',') == b.len;
}

/* A field of a triple. "-" and the empty field have a meaning of their own there. */
static bool is_field(struct bytes b)
{
        return is_netgroup_name(b) && !bytes_eq_str(b, "-");
}

/* -- the union of those whose `netgroups` name it */
static bool add_member(struct work *w, struct bytes netgroup, unsigned field, const struct namelist *names)
{
        struct netgroup *g = netgroup_named(w, netgroup);
        if (g && g->said)
                return true;
        for (uint32_t i = 0; g && i < names->n && w->members < LIMIT_MAP_MEMBERS; i++) {
                struct member *m = is_field(names->v[i]) ? arena_zalloc(&w->arena, 1, sizeof(*m)) : NULL;
                if (!m)
                        continue;
                *m = (struct member){NULL, field, names->v[i]};
                if (g->last)
                        g->last->next = m;
                else
                        g->first = m;
                g->last = m;
                g->count++;
                w->members++;
        }
        return !w->arena.failed;
}

/* Every name of a member counts: whoever asks may know it by any of them. */
static bool add_union(struct work *w, const struct maps_domain *d, enum table_top top, unsigned field)
{
        for (size_t i = 0; i < d->top[top].n; i++) {
                const struct bytes props = d->top[top].v[i];
                struct maps_work r = {.sink = w->sink, .domain = d, .arena = &w->arena, .props = props};
                struct prop_walk p;
                if (!prop_find(props, BYTES_LIT("netgroups"), &p))
                        continue;
                const struct namelist in = maps_values(&r, "netgroups");
                struct namelist names = maps_values(&r, "name");
                if (names.n > LIMIT_MAP_NAMES) {
                        maps_left_out(&r, "a member of netgroups,",
                                      "it has more than 1000 names: those behind are left out");
                        names.n = LIMIT_MAP_NAMES;
                }
                if (w->members >= LIMIT_MAP_MEMBERS) {
                        maps_left_out(&r, "a member of netgroups,", "there are 2000000 of them already");
                        continue;
                }
                for (uint32_t k = 0; k < in.n; k++) {
                        if (!is_netgroup_name(in.v[k]))
                                maps_left_out(&r, "a netgroup of", "its name is not usable");
                        else if (!add_member(w, in.v[k], field, &names))
                                return false;
                }
        }
        return !w->arena.failed;
}

static bool emit(const struct maps_sink *sink, const struct maps_work *r, const struct bytes *triples,
                 size_t triple_strings, const struct bytes *groups, size_t group_count)
{
        return sink->record(sink->context, &(struct snap_map_record){.name = r->names[0],
                                                                     .first = triples,
                                                                     .first_count = triple_strings,
                                                                     .second = groups,
                                                                     .second_count = group_count,
                                                                     .keys = r->keys,
                                                                     .key_count = r->key_count});
}

static bool emit_union(struct work *w, struct netgroup *g, struct arena *a)
{
        struct maps_work r = {.arena = a, .names = &g->name};
        struct bytes *triples = arena_zalloc(a, g->count * 3 + 1, sizeof(*triples));
        size_t n = 0;
        if (!triples || !maps_keys(&r, 1))
                return false;
        for (const struct member *m = g->first; m; m = m->next, n += 3)
                for (unsigned i = 0; i < 3; i++)
                        triples[n + i] = i == m->field ? m->name : BYTES_LIT("-");
        maps_add_key(&r, SNAP_KEY_NAME, g->name);
        return !a->failed && emit(w->sink, &r, triples, n, NULL, 0);
}

/* -- what /netgroups says: "(host,user,domain)" or the name of another netgroup */
static struct bytes trimmed(struct bytes b)
{
        while (b.len && (b.data[0] == ' ' || b.data[0] == '\t'))
                b = bytes_sub(b, 1, b.len);
        while (b.len && (b.data[b.len - 1] == ' ' || b.data[b.len - 1] == '\t'))
                b.len--;
        return b;
}

static bool parse_triple(struct bytes text, struct bytes ret[3])
{
        struct bytes rest = bytes_sub(text, 1, text.len - 2);
        if (text.len < 2 || text.len > LIMIT_TRIPLE || text.data[0] != '(' || text.data[text.len - 1] != ')')
                return false;
        for (unsigned i = 0; i < 3; i++) {
                const size_t end = bytes_find(rest, ',');
                ret[i] = trimmed(bytes_sub(rest, 0, end));
                if ((end == rest.len) != (i == 2) || (ret[i].len && !is_netgroup_name(ret[i])))
                        return false;
                rest = bytes_sub(rest, end + 1, rest.len);
        }
        return true;
}

/* Its members, as often as it has names found by one of them. */
static bool emit_said(struct work *w, struct maps_work *r)
{
        const struct namelist members = maps_values(r, "members");
        struct bytes *triples = arena_zalloc(r->arena, members.n * 3ull + 1, sizeof(*triples));
        struct bytes *groups = arena_zalloc(r->arena, members.n + 1ull, sizeof(*groups));
        size_t n = 0, m = 0;
        if (!triples || !groups || !maps_keys(r, r->name_count))
                return false;
        for (uint32_t i = 0; i < members.n; i++) {
                const struct bytes text = trimmed(members.v[i]);
                if (parse_triple(text, triples + n))
                        n += 3;
                else if (is_netgroup_name(text))
                        groups[m++] = text;
                else
                        maps_left_out(r, "a member of netgroup", "neither (host,user,domain) nor a name");
        }
        for (size_t i = 0; i < r->name_count; i++)
                maps_add_key(r, SNAP_KEY_NAME, r->names[i]);
        return !r->arena->failed && emit(w->sink, r, triples, n, groups, m);
}

/* The nearest domain that has a name wins it, as in every map. */
static bool say(struct work *w, const struct maps_domain *d, struct arena *a)
{
        const struct maps_children *c = &d->top[TOP_NETGROUPS];
        for (size_t i = 0; i < c->n; i++) {
                struct maps_work r = {.sink = w->sink, .domain = d, .arena = a, .props = c->v[i]};
                arena_reset(a);
                if (!maps_read_names(&r, "netgroup", is_netgroup_name))
                        continue;
                for (size_t k = 0; k < r.name_count; k++) {
                        struct netgroup *g = netgroup_named(w, r.names[k]);
                        if (!g)
                                return false;
                        g->said = true;
                }
                if (!emit_said(w, &r))
                        return false;
        }
        return true;
}

bool maps_netgroups(const struct maps_domain *domains, size_t n, const struct merge_rules *rules,
                    const struct maps_sink *sink)
{
        struct work w = {.sink = sink, .key = rules->key};
        struct arena a;
        bool ok = true;
        arena_init(&w.arena, 0);
        arena_init(&a, 0);
        for (size_t d = 0; ok && d < n; d++)
                ok = say(&w, &domains[d], &a);
        for (size_t d = 0; ok && d < n; d++)
                ok = add_union(&w, &domains[d], TOP_MACHINES, 0) &&
                     add_union(&w, &domains[d], TOP_USERS, 1) &&
                     add_union(&w, &domains[d], TOP_NETDOMAINS, 2);
        for (size_t i = 0; ok && i < w.n; i++) {
                arena_reset(&a);
                ok = w.v[i]->said || emit_union(&w, w.v[i], &a);
        }
        arena_done(&a);
        arena_done(&w.arena);
        return ok;
}
