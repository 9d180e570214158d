/* What changed since the base was made, as a delta upon it (doc/snapshot-format.md 11). It is right as long
 * as no key that a touched record has or had belongs to any other record: then taking the record away and
 * putting it back is all that the rules of doc/resolution.md 10.1 do. Whatever is not so is left to a whole
 * image. */
#include "agent/publish-internal.h"

#include "snapshot/hash.h"

#include <stdio.h>
#include <stdlib.h>

#define DELTA_MOST   (256u << 10) /* bytes: each process reads them all when it maps the delta */
#define MEMBERS_MOST 20000u       /* of touched groups: beyond that the delta would be no small one */
#define PAIRS_MOST   200000u      /* members looked for in touched groups: below a whole image's time */

/* A touched group as it was or is. */
struct side {
        bool there;
        uint32_t gid;
        uint64_t rank;         /* see rank_of_base, rank_behind */
        struct bytes *members; /* sorted */
        size_t count;
};

struct one {
        const struct table_touched *touched;
        unsigned domain;
        bool is;
        struct bytes props;
        uint64_t ordinal;
        struct side then, now;
};

enum pass { FIND, ADD, REMOVE };

struct work {
        const struct publish_base *base;
        enum snap_kind kind;
        struct snap_builder *builder;
        struct arena arena;
        enum pass pass;
        struct one *ones, *here;
        size_t count;
        const char **own; /* records of the base that are touched: their texts, sorted before ADD */
        size_t own_count;
        uint64_t found; /* offset of the last one */
        size_t members;
        uint32_t left_out[REMOVE + 1];
        char first_left_out[256];
};

/* -- keys */
static int by_address(const void *x, const void *y)
{
        const char *const a = *(const char *const *)x, *const b = *(const char *const *)y;
        return (a > b) - (a < b);
}

static int by_value(const void *x, const void *y)
{
        const uint64_t a = *(const uint64_t *)x, b = *(const uint64_t *)y;
        return (a > b) - (a < b);
}

static bool is_contested(const struct work *w, uint64_t hash)
{
        const struct publish_base *b = w->base;
        return bsearch(&hash, b->contested, b->contested_count, sizeof(hash), by_value) != NULL;
}

static bool is_united(const struct work *w, uint64_t hash)
{
        const struct publish_base *b = w->base;
        return bsearch(&hash, b->united, b->united_count, sizeof(hash), by_value) != NULL;
}

/* Where a group stands among all: by its place in the base, */
static uint64_t rank_of_base(uint64_t offset)
{
        return offset << 16; /* room for what may be touched in all domains between two of them */
}

/* or, when it is new, behind the last one that its domain has there. 0: that is not known. */
static uint64_t rank_behind(const struct work *w, const struct one *o)
{
        const uint64_t last = w->base->behind[o->domain];
        return last == PUBLISH_UNKNOWN ? 0 : rank_of_base(last) + 1 + (uint64_t)(o - w->ones);
}

/* The base's record with this name: its text. NULL: none. */
static const char *named(const struct work *w, const char *name, size_t len, uint32_t *ret_number)
{
        const struct snap_image *image = &w->base->image;
        struct snap_user_view u;
        struct snap_group_view g;
        struct snap_shadow_view s;
        if (w->kind == SNAP_PASSWD && snap_user_by_name(image, name, len, &u) == SNAP_FOUND)
                return *ret_number = u.uid, u.text;
        if (w->kind == SNAP_GROUP && snap_group_by_name(image, name, len, &g) == SNAP_FOUND)
                return *ret_number = g.gid, g.text;
        if (w->kind == SNAP_SHADOW && snap_shadow_by_name(image, name, len, &s) == SNAP_FOUND)
                return *ret_number = 0, s.text;
        return NULL;
}

static const char *numbered(const struct work *w, uint32_t number)
{
        struct snap_user_view u;
        struct snap_group_view g;
        if (w->kind == SNAP_PASSWD && snap_user_by_uid(&w->base->image, number, &u) == SNAP_FOUND)
                return u.text;
        if (w->kind == SNAP_GROUP && snap_group_by_gid(&w->base->image, number, &g) == SNAP_FOUND)
                return g.text;
        return NULL;
}

/* The key may be touched: nobody else has it. `there`: the base's record with it. */
static bool is_ours(const struct work *w, uint64_t hash, const char *there)
{
        if (is_contested(w, hash) || is_united(w, hash))
                return false;
        return w->pass != ADD || !there ||
               bsearch(&there, w->own, w->own_count, sizeof(*w->own), by_address) != NULL;
}

/* Looks at all keys of a record; in FIND notes the base's record, which must be this one. */
static bool check_keys(struct work *w, const struct bytes *names, size_t n, uint32_t number)
{
        const uint64_t *key = w->base->image.key;
        const char *first = NULL;
        uint32_t its_number = 0;
        if (w->kind != SNAP_SHADOW && !is_ours(w, snap_hash_number(key, number), numbered(w, number)))
                return false;
        for (size_t i = 0; i < n; i++) {
                const char *name = arena_str(&w->arena, names[i]);
                const char *text = name ? named(w, name, names[i].len, &its_number) : NULL;
                if (!name || !is_ours(w, snap_hash_name(key, name, names[i].len), text))
                        return false;
                if (i == 0)
                        first = text;
                if (w->pass == FIND &&
                    (!text || text != first || (w->kind != SNAP_SHADOW && its_number != number)))
                        return false;
        }
        if (w->pass == FIND) {
                w->own[w->own_count++] = first;
                w->found = (uint64_t)(first - (const char *)w->base->image.base);
        }
        return true;
}

/* -- what the merge says of one record */
static bool take_user(void *context, const struct merge_domain *d, const struct snap_user *u)
{
        (void)d;
        struct work *w = context;
        struct snap_user gone = {
                .names = u->names, .name_count = u->name_count, .uid = u->uid, .gid = u->gid, .gone = true};
        if (w->pass != REMOVE && !check_keys(w, u->names, u->name_count, u->uid))
                return false;
        return w->pass == FIND || snap_add_user(w->builder, w->pass == ADD ? u : &gone) == 0;
}

static bool take_shadow(void *context, const struct merge_domain *d, const struct snap_shadow *s)
{
        (void)d;
        struct work *w = context;
        struct snap_shadow gone = {.names = s->names, .name_count = s->name_count, .gone = true};
        if (w->pass != REMOVE && !check_keys(w, s->names, s->name_count, 0))
                return false;
        return w->pass == FIND || snap_add_shadow(w->builder, w->pass == ADD ? s : &gone) == 0;
}

static int by_bytes(const void *x, const void *y)
{
        const struct bytes *a = x, *b = y;
        const int c = memcmp(a->data, b->data, a->len < b->len ? a->len : b->len);
        return c ? c : (a->len > b->len) - (a->len < b->len);
}

static bool keep_side(struct work *w, const struct snap_group *g, struct side *ret)
{
        w->members += g->member_count;
        struct bytes *v =
                w->members > MEMBERS_MOST ? NULL : arena_zalloc(&w->arena, g->member_count + 1, sizeof(*v));
        if (!v)
                return false;
        for (size_t i = 0; i < g->member_count; i++)
                v[i] = arena_bytes(&w->arena, g->members[i]);
        if (w->arena.failed)
                return false;
        qsort(v, g->member_count, sizeof(*v), by_bytes);
        *ret = (struct side){.there = true, .gid = g->gid, .members = v, .count = g->member_count};
        return true;
}

static bool take_group(void *context, const struct merge_domain *d, const struct snap_group *g)
{
        (void)d;
        struct work *w = context;
        struct one *o = w->here;
        struct snap_group gone = {
                .names = g->names, .name_count = g->name_count, .gid = g->gid, .gone = true};
        if (w->pass != REMOVE && !check_keys(w, g->names, g->name_count, g->gid))
                return false;
        if (w->pass == FIND) {
                if (!keep_side(w, g, &o->then))
                        return false;
                o->then.rank = rank_of_base(w->found);
                return true;
        }
        if (w->pass == ADD) {
                /* Who was left out, and is no more, belongs somewhere in the middle of group lists. */
                if ((o->touched->was && !o->then.there) || !keep_side(w, g, &o->now))
                        return false;
                const bool stays = o->then.there && o->ordinal == o->touched->ordinal;
                o->now.rank = stays ? o->then.rank : rank_behind(w, o);
                if (!o->now.rank)
                        return false;
        }
        return snap_add_group(w->builder, w->pass == ADD ? g : &gone) == 0;
}

static void take_left_out(void *context, const struct merge_domain *d, const char *what, struct bytes name,
                          const char *reason)
{
        struct work *w = context;
        if (w->left_out[w->pass]++ == 0 && w->pass == ADD)
                snprintf(w->first_left_out, sizeof(w->first_left_out), "%s %.*s of %s: %s", what,
                         BYTES_FMT(bytes_sub(name, 0, 100)), d->name, reason);
}

/* Each touched record by itself, as it was or is. */
static bool pass(struct work *w, enum pass which, const struct merge_domain *like,
                 const struct merge_rules *r)
{
        const struct merge_sink sink = {take_user, take_group, take_shadow, take_left_out, NULL, w, NULL};
        w->pass = which;
        if (which == ADD && w->own_count)
                qsort(w->own, w->own_count, sizeof(*w->own), by_address);
        for (size_t i = 0; i < w->count; i++) {
                struct one *o = &w->ones[i];
                struct merge_domain d = like[o->domain];
                w->here = o;
                if (which == ADD ? !o->is : !o->touched->was)
                        continue;
                d.users = d.groups = which == ADD ? &o->props : &o->touched->props;
                d.user_count = d.group_count = 1;
                const bool ok = w->kind == SNAP_PASSWD  ? merge_users(&d, 1, r, &sink)
                                : w->kind == SNAP_GROUP ? merge_groups(&d, 1, r, &sink)
                                                        : merge_shadow(&d, 1, r, &sink);
                if (!ok)
                        return false;
        }
        return true;
}

/* -- group lists */
static bool has_member(const struct side *s, struct bytes name)
{
        return s->there && s->count && bsearch(&name, s->members, s->count, sizeof(name), by_bytes) != NULL;
}

/* Members whose list is another one now: those that `a` has, unless b is the same gid in the same place and
 * has them, too. */
static void changed_members(const struct side *a, const struct side *b, struct bytes *out, size_t *n)
{
        for (size_t i = 0; a->there && i < a->count; i++)
                if (!b->there || b->gid != a->gid || b->rank != a->rank || !has_member(b, a->members[i]))
                        out[(*n)++] = a->members[i];
}

struct ranked {
        uint64_t rank;
        uint32_t gid;
};

static int by_rank(const void *x, const void *y)
{
        const struct ranked *a = x, *b = y;
        return (a->rank > b->rank) - (a->rank < b->rank);
}

static bool was_touched(const struct work *w, uint32_t gid)
{
        for (size_t i = 0; i < w->count; i++)
                if (w->ones[i].then.there && w->ones[i].then.gid == gid)
                        return true;
        return false;
}

/* The list of the base without the touched groups, and with those that have the member now. */
static bool put_list(struct work *w, struct bytes name)
{
        struct snap_gids_view before = {.count = 0};
        const struct snap_image *image = &w->base->image;
        const char *text = arena_str(&w->arena, name);
        if (!text || snap_gids_by_name(image, text, name.len, &before) == SNAP_DAMAGED)
                return false;
        struct ranked *v = arena_zalloc(&w->arena, before.count + w->count + 1, sizeof(*v));
        uint32_t *gids = arena_zalloc(&w->arena, before.count + w->count + 1, sizeof(*gids));
        size_t n = 0;
        if (!v || !gids)
                return false;
        for (uint32_t i = 0; i < before.count; i++) {
                const uint32_t gid = snap_word(before.gids + (size_t)i * sizeof(uint32_t));
                const char *at = numbered(w, gid);
                if (was_touched(w, gid))
                        continue;
                /* The gid of several groups: nobody knows which of them the member is in. */
                if (!at || is_contested(w, snap_hash_number(image->key, gid)))
                        return false;
                v[n++] = (struct ranked){rank_of_base((uint64_t)(at - (const char *)image->base)), gid};
        }
        for (size_t i = 0; i < w->count; i++)
                if (has_member(&w->ones[i].now, name))
                        v[n++] = (struct ranked){w->ones[i].now.rank, w->ones[i].now.gid};
        qsort(v, n, sizeof(*v), by_rank);
        for (size_t i = 0; i < n; i++)
                gids[i] = v[i].gid;
        return snap_add_gids(w->builder, name, gids, n) == 0;
}

static bool put_lists(struct work *w)
{
        struct bytes *changed = arena_zalloc(&w->arena, w->members + 1, sizeof(*changed));
        size_t n = 0;
        if (!changed)
                return false;
        for (size_t i = 0; i < w->count; i++) {
                changed_members(&w->ones[i].then, &w->ones[i].now, changed, &n);
                changed_members(&w->ones[i].now, &w->ones[i].then, changed, &n);
        }
        if (n * w->count > PAIRS_MOST)
                return false;
        qsort(changed, n, sizeof(*changed), by_bytes);
        for (size_t i = 0; i < n; i++)
                if ((i == 0 || !bytes_eq(changed[i], changed[i - 1])) && !put_list(w, changed[i]))
                        return false;
        return true;
}

/* -- the door */
static int by_place(const void *x, const void *y)
{
        const struct one *a = x, *b = y;
        if (a->domain != b->domain)
                return a->domain < b->domain ? -1 : 1;
        return (a->ordinal > b->ordinal) - (a->ordinal < b->ordinal);
}

/* What is known to have changed in all domains; false: of one it is not known. */
static bool count_touched(struct work *w, const struct publish_domain *domains, size_t n, enum table_top top)
{
        for (size_t d = 0; d < n; d++) {
                const struct table_touched *v;
                size_t count;
                if (!table_touched(domains[d].table, top, w->base->marked, &v, &count))
                        return false;
                w->count += count;
        }
        w->ones = arena_zalloc(&w->arena, w->count + 1, sizeof(*w->ones));
        w->own = arena_zalloc(&w->arena, w->count + 1, sizeof(*w->own));
        return w->ones && w->own;
}

static bool collect(struct work *w, const struct publish_domain *domains, size_t n, uint32_t *count)
{
        const enum table_top top = w->kind == SNAP_GROUP ? TOP_GROUPS : TOP_USERS;
        struct one *o = NULL;
        if (!count_touched(w, domains, n, top))
                return false;
        o = w->ones;
        for (size_t d = 0; d < n; d++) {
                const struct table_touched *v;
                size_t touched;
                table_touched(domains[d].table, top, w->base->marked, &v, &touched);
                for (size_t i = 0; i < touched; i++, o++) {
                        o->touched = &v[i];
                        o->domain = (unsigned)d;
                        o->is = table_child(domains[d].table, top, v[i].object, &o->props, &o->ordinal);
                        *count += o->is;
                        *count -= v[i].was;
                }
        }
        qsort(w->ones, w->count, sizeof(*w->ones), by_place);
        return true;
}

static bool is_small_and_right(const struct work *w)
{
        struct bytes image;
        if (snap_build(w->builder, w->base->generation + 1, &image) || image.len > DELTA_MOST)
                return false;
        const struct snap_counts counts = snap_builder_counts(w->builder);
        return counts.lost == 0 && counts.shadowed == 0;
}

bool publish_delta(const struct publisher *p, const struct publish_domain *domains,
                   const struct merge_domain *like, size_t n, const struct merge_rules *r,
                   enum snap_kind kind, struct job *j, uint32_t *ret_count)
{
        struct work w = {.base = &p->base[kind], .kind = kind};
        uint32_t count = kind == SNAP_GROUP ? p->groups : p->users;
        if (!w.base->map || snap_builder_new(kind, &w.builder))
                return false;
        arena_init(&w.arena, 0);
        snap_builder_delta(w.builder, w.base->generation, w.base->sum);
        const bool ok = collect(&w, domains, n, &count) && pass(&w, FIND, like, r) &&
                        pass(&w, ADD, like, r) && pass(&w, REMOVE, like, r) &&
                        (kind != SNAP_GROUP || put_lists(&w)) && is_small_and_right(&w);
        arena_done(&w.arena);
        if (!ok) {
                snap_builder_free(w.builder);
                return false;
        }
        j->map[kind] = w.builder;
        j->left_out[kind] = w.base->left_out + w.left_out[ADD] - w.left_out[FIND];
        memcpy(j->first_left_out[kind], w.left_out[ADD] ? w.first_left_out : w.base->first_left_out,
               sizeof(j->first_left_out[kind]));
        *ret_count = count;
        return true;
}
