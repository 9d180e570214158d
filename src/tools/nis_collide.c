/* Two names for one number: found before anything is imported. */
#include "tools/import_nis.h"

#include "model/status.h"
#include "tools/walk.h"

#include <stdio.h>
#include <stdlib.h>

#define SHOWN 50u /* collisions that are said; the rest is counted */

/* What tells the records of a format apart beside their names. */
struct kind {
        const char *format, *key, *key2, *word;
        bool grave;  /* decides whose files somebody's are */
        bool single; /* one name has one of these */
};
static const struct kind kinds[] = {
        {"passwd", "uid", NULL, "uid", true, true},
        {"group", "gid", NULL, "gid", true, true},
        {"hosts", "ip_address", "ipv6_address", "address", false, false},
        {"ethers", "en_address", NULL, "address", false, false},
        {"networks", "address", NULL, "address", false, true},
        {"services", "port", NULL, "port", false, false},
        {"protocols", "number", NULL, "number", false, true},
        {"rpc", "number", NULL, "number", false, true},
};

struct claim {
        struct bytes value, name;
};

struct search {
        struct talk *t;
        const struct kind *kind;
        struct import_plan *plan;
        struct ni_id directory;
        bool has_directory;
        struct claim *claim; /* of the file, by value */
        uint32_t count, room;
};

struct collide {
        struct talk *t;
        struct search search[sizeof(kinds) / sizeof(kinds[0])];
        unsigned searches;
        struct arena arena;   /* what the claims hold */
        struct arena scratch; /* of one record */
        uint32_t said;
        const struct proplist *current; /* the record of the domain at hand */
        bool grave, failed;
};

static void say(struct collide *c, const struct search *s, struct bytes value, struct bytes a,
                const char *where_a, struct bytes b, const char *where_b)
{
        if (c->said++ < SHOWN)
                talk_say(c->t, "%s: %s %.*s belongs to %.*s %s and to %.*s %s", s->kind->format,
                         s->kind->word, BYTES_FMT(value), BYTES_FMT(a), where_a, BYTES_FMT(b), where_b);
        c->grave |= s->kind->grave;
}

static bool add(struct collide *c, struct search *s, struct bytes value, struct bytes name)
{
        if (s->count == s->room) {
                const uint32_t room = s->room ? s->room * 2 : 256;
                struct claim *v = realloc(s->claim, room * sizeof(*v));
                if (!v)
                        return false;
                s->claim = v;
                s->room = room;
        }
        const struct claim n = {arena_bytes(&c->arena, value), arena_bytes(&c->arena, name)};
        s->claim[s->count++] = n;
        return n.value.data && n.name.data;
}

/* Every value that a record claims: of a service each port with each protocol. */
static bool each_value(struct collide *c, const struct search *s, const struct proplist *l,
                       bool (*use)(struct collide *, struct search *, struct bytes value, struct bytes name),
                       struct search *to)
{
        const struct bytes name = proplist_first(l, "name");
        const struct property *p = proplist_get(l, bytes_str(s->kind->key));
        const struct property *q = s->kind->key2 ? proplist_get(l, bytes_str(s->kind->key2)) : NULL;
        const struct property *protocol = proplist_get(l, BYTES_LIT("protocol"));
        const bool service = strcmp(s->kind->key, "port") == 0;
        for (uint32_t i = 0; p && i < p->values.n; i++)
                for (uint32_t k = 0; k < (service ? protocol ? protocol->values.n : 0 : 1); k++) {
                        struct bytes v = p->values.v[i];
                        if (service)
                                v = bytes_str(arena_printf(&c->scratch, "%.*s/%.*s", BYTES_FMT(v),
                                                           BYTES_FMT(protocol->values.v[k])));
                        if (!use(c, to, v, name))
                                return false;
                }
        for (uint32_t i = 0; q && i < q->values.n; i++)
                if (!use(c, to, q->values.v[i], name))
                        return false;
        return true;
}

static int by_bytes(struct bytes a, struct bytes b)
{
        const size_t n = a.len < b.len ? a.len : b.len;
        const int d = n ? memcmp(a.data, b.data, n) : 0;
        return d ? d : a.len < b.len ? -1 : a.len > b.len;
}

static int by_value(const void *x, const void *y)
{
        const struct claim *a = x, *b = y;
        const int d = by_bytes(a->value, b->value);
        return d ? d : by_bytes(a->name, b->name);
}

/* The claims of one file, and those that meet among them. */
static bool collect(struct collide *c, struct search *s)
{
        for (uint32_t i = 0; i < s->plan->file.entry_count; i++) {
                struct flat_item item;
                arena_reset(&c->scratch);
                if (!flat_file_item(&s->plan->file, i, &c->scratch, &item) ||
                    !each_value(c, s, &item.props, add, s))
                        return false;
        }
        if (s->count)
                qsort(s->claim, s->count, sizeof(*s->claim), by_value);
        for (uint32_t i = 1; i < s->count; i++)
                if (bytes_eq(s->claim[i - 1].value, s->claim[i].value) &&
                    !bytes_eq(s->claim[i - 1].name, s->claim[i].name))
                        say(c, s, s->claim[i].value, s->claim[i - 1].name, "in the file", s->claim[i].name,
                            "in the file");
        return true;
}

/* A value of the domain: does the file give it to another name? Someone with several names bears each. */
static bool compare_value(struct collide *c, struct search *s, struct bytes value, struct bytes name)
{
        const struct property *names = proplist_get(c->current, BYTES_LIT("name"));
        uint32_t low = 0, high = s->count;
        while (low < high) {
                const uint32_t middle = low + (high - low) / 2;
                if (by_bytes(s->claim[middle].value, value) < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        for (; low < s->count && bytes_eq(s->claim[low].value, value); low++) {
                bool same = false;
                for (uint32_t i = 0; names && i < names->values.n; i++)
                        same |= bytes_eq(names->values.v[i], s->claim[low].name);
                if (!same)
                        say(c, s, value, name, "in the domain", s->claim[low].name, "in the file");
        }
        return true;
}

/* A record of the domain whose name the file gives another number. */
static bool compare_name(struct collide *c, struct search *s, const struct proplist *l)
{
        const struct flat_identity id = flat_identity_of(s->plan->format, l);
        const struct bytes here = proplist_first(l, s->kind->key);
        struct flat_item item;
        uint32_t entry;
        if (!s->kind->single || !here.len || !flat_file_find(&s->plan->file, id, &entry))
                return true;
        if (!flat_file_item(&s->plan->file, entry, &c->scratch, &item))
                return false;
        const struct bytes there = proplist_first(&item.props, s->kind->key);
        if (!there.len || bytes_eq(here, there))
                return true;
        if (c->said++ < SHOWN)
                talk_say(c->t, "%s: %.*s has %s %.*s in the domain and %.*s in the file", s->kind->format,
                         BYTES_FMT(id.name), s->kind->word, BYTES_FMT(here), BYTES_FMT(there));
        c->grave |= s->kind->grave;
        return true;
}

static void begin(void *context)
{
        (void)context; /* what was said before another epoch began stays true enough to be said */
}

static bool each(void *context, const struct ext_node *n)
{
        struct collide *c = context;
        for (unsigned i = 0; i < c->searches; i++) {
                struct search *s = &c->search[i];
                if (!s->has_directory || n->parent != s->directory.object || n->id.object == 0)
                        continue;
                arena_reset(&c->scratch);
                struct xdr_in in = xdr_in(n->props);
                const struct proplist l = xdr_proplist(&in, &c->scratch);
                c->current = &l;
                if (!xdr_ok(&in) || !each_value(c, s, &l, compare_value, s) || !compare_name(c, s, &l)) {
                        c->failed = true;
                        return false;
                }
        }
        return true;
}

static bool find_directory(struct collide *c, struct search *s)
{
        const char *path = flat_directory(s->plan->format);
        struct client_why why;
        const enum ni_status status = client_path(c->t->client, path, &s->directory, NULL, &why);
        s->has_directory = status == NI_OK;
        if (status == NI_OK || status == NI_NODIR)
                return true;
        talk_status(c->t, status, path, NULL);
        return false;
}

bool nis_collide(struct talk *t, struct import_plan *plans, unsigned n, bool *ret_ok)
{
        struct collide c = {.t = t};
        const struct walk_reader reader = {begin, each, &c};
        bool ok = true;
        arena_init(&c.arena, 0);
        arena_init(&c.scratch, 0);
        for (unsigned i = 0; i < n; i++)
                for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++)
                        if (strcmp(flat_name(plans[i].format), kinds[k].format) == 0)
                                c.search[c.searches++] =
                                        (struct search){.t = t, .kind = &kinds[k], .plan = &plans[i]};
        for (unsigned i = 0; ok && i < c.searches; i++) {
                c.failed = !collect(&c, &c.search[i]);
                ok = !c.failed && find_directory(&c, &c.search[i]);
        }
        ok = ok && c.searches ? walk_all(t, &reader) : ok;
        if (c.failed)
                talk_error(t, EXIT_FAILED, NULL, "out of memory", "import the files in parts");
        if (c.said > SHOWN)
                talk_say(t, "... and %u collisions more", c.said - SHOWN);
        for (unsigned i = 0; i < c.searches; i++)
                free(c.search[i].claim);
        arena_done(&c.arena);
        arena_done(&c.scratch);
        *ret_ok = ok;
        return c.grave;
}
