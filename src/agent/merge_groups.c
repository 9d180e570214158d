/* group: records that agree in first name and gid are one (doc/resolution.md 10.1, rule 4). */
#include "agent/merge-internal.h"

#include <stdlib.h>

/* One group to be: its records, in rank order. */
struct united {
        const struct merge_domain *domain; /* of the first record */
        struct merge_account account;      /* of the first record */
        uint32_t first, last;              /* indices of `part`; equal when there is one record */
        uint32_t hash;
};
struct part {
        const struct merge_domain *domain;
        struct bytes props;
        uint32_t next;
};
#define NO_PART UINT32_MAX

struct work {
        const struct merge_rules *rules;
        const struct merge_sink *sink;
        struct arena arena; /* names of all groups */
        struct united *group;
        struct part *part;
        uint32_t *slot; /* group + 1, open addressing */
        uint32_t groups, parts, mask;
};

static uint32_t hash_of(const struct work *w, const struct merge_account *account)
{
        return (uint32_t)siphash13(w->rules->key, account->names[0].data, account->names[0].len) ^
               account->gid * 2654435761u;
}

/* The slot of the group with this name and gid, or the free one for it. */
static uint32_t *slot_of(struct work *w, const struct merge_account *account, uint32_t hash)
{
        for (uint32_t at = hash & w->mask;; at = (at + 1) & w->mask) {
                const struct united *g = w->slot[at] ? &w->group[w->slot[at] - 1] : NULL;
                if (!g || (g->hash == hash && g->account.gid == account->gid &&
                           bytes_eq(g->account.names[0], account->names[0])))
                        return &w->slot[at];
        }
}

static void add_record(struct work *w, const struct merge_domain *d, struct bytes props)
{
        struct merge_account account;
        const char *why = merge_account_of(d, props, false, w->rules, &w->arena, &account);
        if (why) {
                if (w->sink->left_out)
                        w->sink->left_out(w->sink->context, d, "group", merge_name(props), why);
                return;
        }
        const uint32_t hash = hash_of(w, &account), at = w->parts++;
        uint32_t *slot = slot_of(w, &account, hash);
        w->part[at] = (struct part){d, props, NO_PART};
        if (*slot) {
                struct united *g = &w->group[*slot - 1];
                if (w->sink->united)
                        w->sink->united(w->sink->context, account.names[0], account.gid);
                w->part[g->last].next = at;
                g->last = at;
        } else {
                w->group[w->groups++] = (struct united){d, account, at, at, hash};
                *slot = w->groups;
        }
}

/* -- members: united without repetition, in rank order */
struct members {
        struct bytes *v;
        size_t n, mask;
        uint32_t *slot;
        struct siphash_key key;
};

static void add_member(struct members *m, struct bytes name)
{
        size_t at = (size_t)siphash13(m->key, name.data, name.len) & m->mask;
        for (; m->slot[at]; at = (at + 1) & m->mask)
                if (bytes_eq(m->v[m->slot[at] - 1], name))
                        return;
        m->v[m->n++] = name;
        m->slot[at] = (uint32_t)m->n;
}

static size_t count_members(const struct work *w, const struct united *g, const char *property)
{
        size_t n = 0;
        for (uint32_t at = g->first; at != NO_PART; at = w->part[at].next) {
                struct prop_walk walk;
                if (prop_find(w->part[at].props, bytes_str(property), &walk))
                        n += walk.count;
        }
        return n;
}

/* property: "users" or "admins" */
static bool unite_members(const struct work *w, const struct united *g, const char *property, struct arena *a,
                          struct members *ret)
{
        const size_t most = count_members(w, g, property);
        size_t slots = 4;
        while (slots < most * 2)
                slots *= 2;
        *ret = (struct members){arena_zalloc(a, most, sizeof(struct bytes)), 0, slots - 1,
                                arena_zalloc(a, slots, sizeof(uint32_t)), w->rules->key};
        if (!ret->v || !ret->slot)
                return false;
        for (uint32_t at = g->first; at != NO_PART; at = w->part[at].next) {
                struct prop_walk walk;
                if (!prop_find(w->part[at].props, bytes_str(property), &walk))
                        continue;
                struct xdr_in in = xdr_in(walk.values);
                for (uint32_t n = xdr_u32(&in); n && !in.bad; n--) {
                        const struct bytes name = xdr_opaque(&in, NI_NAME_MAX);
                        if (merge_is_name(name))
                                add_member(ret, name);
                        else if (w->sink->left_out)
                                w->sink->left_out(w->sink->context, g->domain, "member", g->account.names[0],
                                                  "the member's name is not usable");
                }
        }
        return true;
}

/* Names of the first record, then those that further records add. */
static bool unite_names(const struct work *w, const struct united *g, struct arena *a, struct snap_group *ret)
{
        size_t n = g->account.name_count, room = n;
        for (uint32_t at = w->part[g->first].next; at != NO_PART; at = w->part[at].next) {
                struct prop_walk walk;
                if (prop_find(w->part[at].props, BYTES_LIT("name"), &walk))
                        room += walk.count;
        }
        struct bytes *v = arena_zalloc(a, room, sizeof(*v));
        if (!v)
                return false;
        memcpy(v, g->account.names, n * sizeof(*v));
        for (uint32_t at = w->part[g->first].next; at != NO_PART; at = w->part[at].next) {
                struct prop_walk walk;
                if (!prop_find(w->part[at].props, BYTES_LIT("name"), &walk))
                        continue;
                struct xdr_in in = xdr_in(walk.values);
                for (uint32_t left = xdr_u32(&in); left && !in.bad; left--) {
                        const struct bytes name = xdr_opaque(&in, NI_NAME_MAX);
                        if (merge_is_name(name) && !bytes_eq(name, v[0]))
                                v[n++] = name; /* one that is there twice is looked up once: harmless */
                }
        }
        ret->names = v;
        ret->name_count = n;
        return true;
}

/* Rule 5: the password of the lowest-ranked record that has one. */
static bool has_hash(const struct work *w, const struct united *g)
{
        for (uint32_t at = g->first; at != NO_PART; at = w->part[at].next) {
                struct bytes v;
                if (prop_first(w->part[at].props, "passwd", &v))
                        return merge_has_hash(v);
        }
        return false;
}

static bool emit_gshadow(const struct work *w, const struct united *g, struct arena *a)
{
        struct snap_group named;
        struct members members, admins;
        struct merge_gshadow out = {.hash = BYTES_NONE};
        if (!unite_names(w, g, a, &named) || !unite_members(w, g, "users", a, &members) ||
            !unite_members(w, g, "admins", a, &admins))
                return false;
        out.names = named.names;
        out.name_count = named.name_count;
        out.members = members.v;
        out.member_count = members.n;
        out.admins = admins.v;
        out.admin_count = admins.n;
        for (uint32_t at = g->first; at != NO_PART && !out.hash.data; at = w->part[at].next)
                if (prop_first(w->part[at].props, "passwd", &out.hash))
                        out.hash_local = w->part[at].domain->local;
        return w->sink->gshadow(w->sink->context, &out);
}

static bool emit(const struct work *w, const struct united *g, struct arena *a)
{
        if (w->sink->gshadow)
                return emit_gshadow(w, g, a);
        struct snap_group out = {.gid = g->account.gid, .enumerate = true, .has_hash = has_hash(w, g)};
        struct members members;
        if (!unite_names(w, g, a, &out) || !unite_members(w, g, "users", a, &members))
                return false;
        out.members = members.v;
        out.member_count = members.n;
        return w->sink->group(w->sink->context, g->domain, &out);
}

bool merge_groups(const struct merge_domain *domains, size_t n, const struct merge_rules *r,
                  const struct merge_sink *sink)
{
        struct work w = {.rules = r, .sink = sink};
        struct arena a;
        size_t most = 0, slots = 16;
        bool ok = true;
        for (size_t d = 0; d < n; d++)
                most += domains[d].group_count;
        while (slots < most * 2)
                slots *= 2;
        w.mask = (uint32_t)(slots - 1);
        w.group = calloc(most + 1, sizeof(*w.group));
        w.part = calloc(most + 1, sizeof(*w.part));
        w.slot = calloc(slots, sizeof(*w.slot));
        arena_init(&w.arena, 0);
        arena_init(&a, 0);
        ok = w.group && w.part && w.slot && most < UINT32_MAX / 4;
        for (size_t d = 0; ok && d < n; d++)
                for (size_t i = 0; i < domains[d].group_count; i++)
                        add_record(&w, &domains[d], domains[d].groups[i]);
        ok = ok && !w.arena.failed; /* for want of memory nobody is left out */
        for (uint32_t i = 0; ok && i < w.groups; i++) {
                arena_reset(&a);
                ok = emit(&w, &w.group[i], &a);
        }
        arena_done(&a);
        arena_done(&w.arena);
        free(w.group);
        free(w.part);
        free(w.slot);
        return ok;
}
