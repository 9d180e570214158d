#include "agent/table-internal.h"

#include "sys/random.h"

#include <stdlib.h>

#define WASTE_LEAST ((uint64_t)16 << 20) /* bytes of records that nobody names which are no trouble */
#define SCAN_MOST   (4u << 20) /* entries looked at for the tops in one list of changes; some 20 ms */

/* -- what is kept of a directory, and which images each property belongs to, in each of the tops */
#define HOSTS     (1u << SNAP_HOSTS)
#define NETWORKS  (1u << SNAP_NETWORKS)
#define SERVICES  (1u << SNAP_SERVICES)
#define PROTOCOLS (1u << SNAP_PROTOCOLS)
#define RPC       (1u << SNAP_RPC)
#define ETHERS    (1u << SNAP_ETHERS)
#define ALIASES   (1u << SNAP_ALIASES)
#define USER      (TABLE_PASSWD | TABLE_SHADOW) /* whoever is left out of passwd is left out of shadow */
#define GROUP     (TABLE_GROUP | TABLE_GSHADOW)
#define MACHINE   (HOSTS | ETHERS | TABLE_NETGROUP)

static const char *const top_names[TABLE_TOPS] = {"users",     "groups",    "machines", "networks",
                                                  "services",  "protocols", "rpcs",     "aliases",
                                                  "netgroups", "netdomains"};
/* Every image that a child can stand in. */
static const unsigned top_images[TABLE_TOPS] = {
        [TOP_USERS] = USER | TABLE_NETGROUP,
        [TOP_GROUPS] = GROUP,
        [TOP_MACHINES] = MACHINE,
        [TOP_NETWORKS] = NETWORKS,
        [TOP_SERVICES] = SERVICES,
        [TOP_PROTOCOLS] = PROTOCOLS,
        [TOP_RPCS] = RPC,
        [TOP_ALIASES] = ALIASES,
        [TOP_NETGROUPS] = TABLE_NETGROUP,
        [TOP_NETDOMAINS] = TABLE_NETGROUP,
};

static const struct {
        const char *name;
        unsigned images[TABLE_TOPS];
} needed[] = {
        {"name",
         {[TOP_USERS] = USER | TABLE_NETGROUP,
          [TOP_GROUPS] = GROUP,
          [TOP_MACHINES] = MACHINE,
          [TOP_NETWORKS] = NETWORKS,
          [TOP_SERVICES] = SERVICES,
          [TOP_PROTOCOLS] = PROTOCOLS,
          [TOP_RPCS] = RPC,
          [TOP_ALIASES] = ALIASES,
          [TOP_NETGROUPS] = TABLE_NETGROUP,
          [TOP_NETDOMAINS] = TABLE_NETGROUP}},
        {"uid", {[TOP_USERS] = USER}},
        {"gid", {[TOP_USERS] = USER, [TOP_GROUPS] = GROUP}},
        {"passwd", {[TOP_USERS] = USER, [TOP_GROUPS] = GROUP}},
        {"realname", {[TOP_USERS] = TABLE_PASSWD}},
        {"home", {[TOP_USERS] = TABLE_PASSWD}},
        {"shell", {[TOP_USERS] = TABLE_PASSWD}},
        {"change", {[TOP_USERS] = TABLE_SHADOW}},
        {"expire", {[TOP_USERS] = TABLE_SHADOW}},
        {"shadow_lastchange", {[TOP_USERS] = TABLE_SHADOW}},
        {"shadow_min", {[TOP_USERS] = TABLE_SHADOW}},
        {"shadow_max", {[TOP_USERS] = TABLE_SHADOW}},
        {"shadow_warning", {[TOP_USERS] = TABLE_SHADOW}},
        {"shadow_inactive", {[TOP_USERS] = TABLE_SHADOW}},
        {"shadow_flag", {[TOP_USERS] = TABLE_SHADOW}},
        {"users", {[TOP_GROUPS] = GROUP}},
        {"admins", {[TOP_GROUPS] = TABLE_GSHADOW}},
        {"netgroups",
         {[TOP_USERS] = TABLE_NETGROUP, [TOP_MACHINES] = TABLE_NETGROUP, [TOP_NETDOMAINS] = TABLE_NETGROUP}},
        {"serves", {0}}, /* who serves the domain (servers.h) */
        {"ip_address", {[TOP_MACHINES] = HOSTS}},
        {"ipv6_address", {[TOP_MACHINES] = HOSTS}},
        {"en_address", {[TOP_MACHINES] = ETHERS}},
        {"address", {[TOP_NETWORKS] = NETWORKS}},
        {"port", {[TOP_SERVICES] = SERVICES}},
        {"protocol", {[TOP_SERVICES] = SERVICES}},
        {"number", {[TOP_PROTOCOLS] = PROTOCOLS, [TOP_RPCS] = RPC}},
        {"members", {[TOP_ALIASES] = ALIASES, [TOP_NETGROUPS] = TABLE_NETGROUP}},
        {"alias_local", {[TOP_ALIASES] = ALIASES}},
};
#define NEEDED (sizeof(needed) / sizeof(needed[0]))

static bool is_needed(struct bytes name)
{
        for (unsigned i = 0; i < NEEDED; i++)
                if (bytes_eq_str(name, needed[i].name))
                        return true;
        return false;
}

/* The encoded list without what images do not need. */
static bool filter(struct bytes props, struct buf *out)
{
        struct prop_walk w = prop_walk(props);
        uint32_t n = 0;
        xdr_put_u32(out, 0);
        while (prop_walk_next(&w)) {
                if (!is_needed(w.name))
                        continue;
                xdr_put_opaque(out, w.name);
                buf_put(out, w.values);
                n++;
        }
        if (out->failed)
                return false;
        xdr_store(out->data, n);
        return true;
}

static bool same_property(struct bytes a, struct bytes b, const char *name)
{
        struct prop_walk p, q;
        const bool in_a = prop_find(a, bytes_str(name), &p), in_b = prop_find(b, bytes_str(name), &q);
        return in_a == in_b && (!in_a || bytes_eq(p.values, q.values));
}

static bool has_property(struct bytes props, const char *name)
{
        struct prop_walk w;
        return prop_find(props, bytes_str(name), &w);
}

/* The images in which a child of this top stands when it has these properties: most users are in no netgroup,
 * and what happens to them does not touch that image. */
static unsigned images_of(unsigned top, struct bytes props)
{
        unsigned images = top_images[top];
        if (top != TOP_NETGROUPS && (images & TABLE_NETGROUP) && !has_property(props, "netgroups"))
                images &= ~TABLE_NETGROUP;
        if ((images & ETHERS) && !has_property(props, "en_address"))
                images &= ~ETHERS;
        if ((images & TABLE_GSHADOW) && !has_property(props, "passwd") && !has_property(props, "admins"))
                images &= ~TABLE_GSHADOW;
        return images;
}

/* Which images two states of one child of this top differ in. */
static unsigned compare_children(unsigned top, struct bytes a, struct bytes b)
{
        unsigned images = 0;
        if (bytes_eq(a, b))
                return 0;
        for (unsigned i = 0; i < NEEDED; i++)
                if (needed[i].images[top] && !same_property(a, b, needed[i].name))
                        images |= needed[i].images[top];
        return images & (images_of(top, a) | images_of(top, b));
}

/* -- the table */
static uint32_t home_of(const struct table *t, uint32_t object)
{
        uint64_t x = (object + t->key[0]) * t->key[1];
        x = (x ^ x >> 32) * t->key[1];
        return (uint32_t)(x >> 32) & t->mask;
}

/* The slot of this object, or the empty one where it would be. */
static uint32_t slot_of(const struct table *t, uint32_t object)
{
        uint32_t at = home_of(t, object);
        while (t->slot[at] && t->v[t->slot[at] - 1].object != object)
                at = (at + 1) & t->mask;
        return at;
}

static struct entry *find(const struct table *t, uint32_t object)
{
        const uint32_t index = t->slot[slot_of(t, object)];
        return index ? &t->v[index - 1] : NULL;
}

static bool grow_slots(struct table *t)
{
        const uint32_t slots = (t->mask + 1) * 2;
        uint32_t *v = slots ? calloc(slots, sizeof(*v)) : NULL;
        if (!v)
                return false;
        free(t->slot);
        t->slot = v;
        t->mask = slots - 1;
        for (uint32_t i = 0; i < t->count; i++)
                t->slot[slot_of(t, t->v[i].object)] = i + 1;
        return true;
}

static bool grow_entries(struct table *t)
{
        const uint64_t room = (uint64_t)t->room + t->room / 4 + 16;
        struct entry *v = room < UINT32_MAX ? realloc(t->v, (size_t)room * sizeof(*v)) : NULL;
        if (!v)
                return false;
        t->v = v;
        t->room = (uint32_t)room;
        return true;
}

/* Pointers to entries are worth nothing after this, and after delete. */
static struct entry *insert(struct table *t, uint32_t object)
{
        if (((t->count + 1) * 2 > t->mask && !grow_slots(t)) || (t->count == t->room && !grow_entries(t)))
                return NULL;
        t->slot[slot_of(t, object)] = ++t->count;
        t->v[t->count - 1] = (struct entry){.object = object};
        return &t->v[t->count - 1];
}

static void forget_record(struct table *t, uint32_t at)
{
        const uint32_t len = table_record(t, at).len;
        t->bytes -= len;
        t->live -= RECORD_HEAD + len;
}

static void delete (struct table *t, struct entry *e)
{
        uint32_t hole = slot_of(t, e->object);
        forget_record(t, e->at);
        for (uint32_t at = (hole + 1) & t->mask; t->slot[at]; at = (at + 1) & t->mask) {
                const uint32_t distance = (at - home_of(t, t->v[t->slot[at] - 1].object)) & t->mask;
                if (distance >= ((at - hole) & t->mask)) {
                        t->slot[hole] = t->slot[at];
                        hole = at;
                }
        }
        t->slot[hole] = 0;
        const struct entry *last = &t->v[t->count - 1];
        if (e != last) {
                t->slot[slot_of(t, last->object)] = (uint32_t)(e - t->v) + 1;
                *e = *last;
        }
        t->count--;
}

bool table_is_top(struct bytes name)
{
        for (unsigned top = 0; top < TABLE_TOPS; top++)
                if (bytes_eq_str(name, top_names[top]))
                        return true;
        return false;
}

struct table *table_new(const char *folder)
{
        struct table *t = calloc(1, sizeof(*t));
        if (!t)
                return NULL;
        random_bytes(t->key, sizeof(t->key));
        t->key[1] |= 1;
        t->mask = 63;
        for (unsigned top = 0; top < TABLE_TOPS; top++)
                t->top[top] = TABLE_NONE;
        t->slot = calloc(64, sizeof(*t->slot));
        t->pile = pile_new(folder);
        if (!t->slot || !t->pile) {
                table_free(t);
                return NULL;
        }
        return t;
}

void table_free(struct table *t)
{
        if (!t)
                return;
        for (unsigned top = 0; top < TABLE_ACCOUNTED; top++)
                table_touched_forget(t, top);
        pile_free(t->pile);
        free(t->slot);
        free(t->v);
        free(t);
}

uint32_t table_count(const struct table *t)
{
        return t->count;
}

uint64_t table_bytes(const struct table *t)
{
        return t->bytes;
}

/* -- the tops: the root's first child of each name */
/* Places among siblings; a server may give two of them the same one, and all who follow it must read the same
 * order in that. */
static bool stands_before(const struct entry *a, const struct entry *b)
{
        return a->ordinal != b->ordinal ? a->ordinal < b->ordinal : a->object < b->object;
}

static void find_tops_in(const struct table *t, uint32_t ret[TABLE_TOPS])
{ /* scans all; changes of the root's children are rare */
        const struct entry *best[TABLE_TOPS] = {NULL};
        for (uint32_t i = 0; i < t->count; i++) {
                const struct entry *e = &t->v[i];
                struct prop_walk w;
                if (e->parent != TABLE_ROOT || e->object == TABLE_ROOT ||
                    !prop_find(table_props(t, e), BYTES_LIT("name"), &w))
                        continue;
                for (unsigned top = 0; top < TABLE_TOPS; top++)
                        if (!(best[top] && stands_before(best[top], e)) &&
                            namelist_has(w.values, bytes_str(top_names[top])))
                                best[top] = e;
        }
        for (unsigned top = 0; top < TABLE_TOPS; top++)
                ret[top] = best[top] ? best[top]->object : TABLE_NONE;
}

static void find_tops(struct table *t, unsigned *dirty)
{
        uint32_t now[TABLE_TOPS];
        find_tops_in(t, now);
        for (unsigned top = 0; top < TABLE_TOPS; top++) {
                if (now[top] == t->top[top])
                        continue;
                *dirty |= top_images[top];
                if (top < TABLE_ACCOUNTED)
                        table_touched_forget(t, top);
                t->top[top] = now[top];
        }
}

/* Can this entry be a top, or hide one? */
static bool is_candidate(const struct table *t, const struct entry *e)
{
        struct prop_walk w;
        if (e->parent != TABLE_ROOT || e->object == TABLE_ROOT ||
            !prop_find(table_props(t, e), BYTES_LIT("name"), &w))
                return false;
        for (unsigned top = 0; top < TABLE_TOPS; top++)
                if (namelist_has(w.values, bytes_str(top_names[top])))
                        return true;
        return false;
}

/* The tops may be others. A server that has them change again and again gets all images made anew instead. */
static void tops_changed(struct table *t, unsigned *dirty)
{
        if (t->scanned < SCAN_MOST) {
                t->scanned += t->count;
                find_tops(t, dirty);
                return;
        }
        t->stale = true;
        *dirty |= TABLE_ALL;
        for (unsigned top = 0; top < TABLE_ACCOUNTED; top++)
                table_touched_forget(t, top);
}

void table_listed(struct table *t)
{
        if (t->stale)
                table_settle(t);
        t->scanned = 0;
        t->stale = false;
}

/* Images in which a child of this directory stands. One directory may have the names of several tops. */
static unsigned images_below(const struct table *t, uint32_t parent, struct bytes props)
{
        unsigned images = 0;
        for (unsigned top = 0; parent != TABLE_NONE && top < TABLE_TOPS; top++)
                if (parent == t->top[top])
                        images |= images_of(top, props);
        return images;
}

/* A record of what images need of these properties. */
static bool add_record(struct table *t, uint64_t born, struct bytes props, uint32_t *ret_at)
{
        struct buf b;
        buf_init(&b, 0);
        uint8_t *room = filter(props, &b) ? pile_add(t->pile, RECORD_HEAD + b.len, ret_at) : NULL;
        if (room) {
                const struct record r = {.born = born, .len = (uint32_t)b.len};
                memcpy(room, &r, RECORD_HEAD);
                memcpy(room + RECORD_HEAD, b.data, b.len);
                t->bytes += b.len;
                t->live += RECORD_HEAD + b.len;
        }
        buf_done(&b);
        return room != NULL;
}

/* The directory is this from now on. */
static enum table_result put(struct table *t, uint32_t object, uint32_t parent, uint64_t ordinal,
                             uint64_t born, struct bytes props, struct entry **ret)
{
        uint32_t at;
        if (!add_record(t, born, props, &at))
                return TABLE_NO_MEMORY;
        struct entry *e = find(t, object);
        if (e)
                forget_record(t, e->at);
        else
                e = insert(t, object);
        if (!e) {
                forget_record(t, at);
                return TABLE_NO_MEMORY;
        }
        *e = (struct entry){.ordinal = ordinal, .object = object, .parent = parent, .at = at};
        *ret = e;
        return TABLE_OK;
}

enum table_result table_put(struct table *t, const struct ext_node *n)
{
        struct entry *unused;
        return put(t, n->id.object, n->parent, n->ordinal, n->born, n->props, &unused);
}

/* New properties: which images they alter. */
static enum table_result change_props(struct table *t, struct entry *e, struct bytes props, unsigned *dirty)
{
        uint32_t at;
        if (!add_record(t, table_record(t, e->at).born, props, &at))
                return TABLE_NO_MEMORY;
        const struct bytes before = table_props(t, e), now = table_props_at(t, at);
        if (!bytes_eq(before, now))
                table_touch(t, e->object, e, e->parent, e->ordinal);
        for (unsigned top = 0; top < TABLE_TOPS; top++)
                if (table_is_below(t, top, e))
                        *dirty |= compare_children(top, before, now);
        forget_record(t, e->at);
        e->at = at;
        return TABLE_OK;
}

static enum table_result create(struct table *t, const struct ext_record *r, bool lenient, unsigned *dirty)
{
        struct entry *e = find(t, r->object);
        if (!r->has_after || (e && !lenient))
                return TABLE_GAP;
        const bool was = e && is_candidate(t, e);
        table_touch(t, r->object, e, r->parent, r->ordinal);
        if (put(t, r->object, r->parent, r->ordinal, r->born, r->after, &e) != TABLE_OK)
                return TABLE_NO_MEMORY;
        *dirty |= images_below(t, e->parent, table_props(t, e));
        if (was || is_candidate(t, e))
                tops_changed(t, dirty);
        return TABLE_OK;
}

/* Another parent or place, which every record tells, whatever its kind. */
static void place(struct table *t, struct entry *e, const struct ext_record *r, unsigned *dirty)
{
        if (e->parent == r->parent && e->ordinal == r->ordinal)
                return;
        *dirty |=
                images_below(t, e->parent, table_props(t, e)) | images_below(t, r->parent, table_props(t, e));
        table_touch(t, e->object, e, r->parent, r->ordinal);
        e->parent = r->parent;
        e->ordinal = r->ordinal;
}

enum table_result table_apply(struct table *t, const struct ext_record *r, bool lenient, unsigned *dirty)
{
        struct entry *e = find(t, r->object);
        enum table_result result = TABLE_OK;
        if (r->kind == EXT_CREATED)
                return create(t, r, lenient, dirty);
        if (!e || table_record(t, e->at).born != r->born)
                return lenient ? TABLE_OK : TABLE_GAP;
        bool candidate = is_candidate(t, e);
        if (r->kind == EXT_DESTROYED) {
                table_touch(t, e->object, e, TABLE_NONE, 0);
                *dirty |= images_below(t, e->parent, table_props(t, e));
                delete (t, e);
        } else {
                place(t, e, r, dirty);
                if (r->has_after)
                        result = change_props(t, e, r->after, dirty);
                candidate |= is_candidate(t, e);
        }
        if (candidate)
                tops_changed(t, dirty);
        return result;
}

bool table_next(const struct table *t, uint32_t *at, struct ext_node *ret)
{
        if (*at >= t->count)
                return false;
        const struct entry *e = &t->v[(*at)++];
        *ret = (struct ext_node){.id.object = e->object,
                                 .parent = e->parent,
                                 .ordinal = e->ordinal,
                                 .born = table_record(t, e->at).born,
                                 .props = table_props(t, e)};
        return true;
}

static int by_place(const void *x, const void *y)
{
        const struct entry *a = *(const struct entry *const *)x, *b = *(const struct entry *const *)y;
        return stands_before(a, b) ? -1 : stands_before(b, a);
}

/* The children of a directory in order; *ret from malloc. */
static bool collect(const struct table *t, uint32_t parent, const struct entry ***ret, size_t *ret_count)
{
        size_t n = 0;
        *ret = NULL;
        *ret_count = 0;
        if (parent == TABLE_NONE)
                return true;
        const struct entry **v = malloc(((size_t)t->count + 1) * sizeof(const struct entry *));
        if (!v)
                return false;
        for (uint32_t i = 0; i < t->count; i++)
                if (t->v[i].parent == parent && t->v[i].object != TABLE_ROOT)
                        v[n++] = &t->v[i];
        qsort(v, n, sizeof(const struct entry *), by_place);
        *ret = v;
        *ret_count = n;
        return true;
}

void table_sizes(const struct table *t, uint32_t ret[TABLE_TOPS])
{
        memset(ret, 0, TABLE_TOPS * sizeof(*ret));
        for (uint32_t i = 0; i < t->count; i++)
                for (unsigned top = 0; top < TABLE_TOPS; top++)
                        ret[top] += table_is_below(t, top, &t->v[i]);
}

bool table_child(const struct table *t, enum table_top top, uint32_t object, struct bytes *ret_props,
                 uint64_t *ret_ordinal)
{
        const struct entry *e = find(t, object);
        if (!table_is_below(t, top, e))
                return false;
        *ret_props = table_props(t, e);
        *ret_ordinal = e->ordinal;
        return true;
}

bool table_children(const struct table *t, enum table_top top, struct bytes **ret, size_t *ret_count)
{
        const struct entry **v;
        size_t n;
        struct bytes *out = NULL;
        if (!collect(t, t->top[top], &v, &n))
                return false;
        if (n)
                out = malloc(n * sizeof(*out));
        for (size_t i = 0; out && i < n; i++)
                out[i] = table_props(t, v[i]);
        free(v);
        if (n && !out)
                return false;
        *ret = out;
        *ret_count = n;
        return true;
}

static unsigned compare(const struct table *a, uint32_t in_a, const struct table *b, uint32_t in_b,
                        unsigned top)
{
        const struct entry **v = NULL, **w = NULL;
        size_t n = 0, m = 0;
        unsigned images = 0;
        if (!collect(a, in_a, &v, &n) || !collect(b, in_b, &w, &m) || n != m)
                images = top_images[top]; /* without memory to compare, say that all may differ */
        for (size_t i = 0; images != top_images[top] && i < n; i++)
                images |= compare_children(top, table_props(a, v[i]), table_props(b, w[i]));
        free(v);
        free(w);
        return images;
}

void table_settle(struct table *t)
{
        unsigned ignored = 0;
        find_tops(t, &ignored);
}

unsigned table_differences(const struct table *a, const struct table *b)
{
        uint32_t in_a[TABLE_TOPS], in_b[TABLE_TOPS];
        unsigned images = 0;
        find_tops_in(a, in_a);
        find_tops_in(b, in_b);
        for (unsigned top = 0; top < TABLE_TOPS; top++)
                images |= compare(a, in_a[top], b, in_b[top], top);
        return images;
}

/* -- where the records are */
bool table_write_out(struct table *t)
{
        return pile_write(t->pile);
}

void table_written_out(struct table *t)
{
        pile_settle(t->pile);
}

int table_write_error(const struct table *t)
{
        return pile_error(t->pile);
}

bool table_is_lost(const struct table *t)
{
        return pile_is_lost(t->pile);
}

bool table_is_wasteful(const struct table *t)
{
        return pile_size(t->pile) > 2 * t->live + WASTE_LEAST;
}

struct table_packed {
        struct pile *pile;
        uint32_t at[];
};

void table_packed_free(struct table_packed *p)
{
        if (p)
                pile_free(p->pile);
        free(p);
}

struct table_packed *table_pack(const struct table *t, const char *folder)
{
        struct table_packed *p = malloc(sizeof(*p) + (size_t)t->count * sizeof(p->at[0]));
        if (!p)
                return NULL;
        p->pile = pile_new(folder);
        for (uint32_t i = 0; p->pile && i < t->count; i++) {
                const size_t n = RECORD_HEAD + table_record(t, t->v[i].at).len;
                uint8_t *room = pile_add(p->pile, n, &p->at[i]);
                if (!room) {
                        pile_free(p->pile);
                        p->pile = NULL;
                        break;
                }
                memcpy(room, pile_at(t->pile, t->v[i].at), n);
                if (pile_write(p->pile))
                        pile_settle(p->pile);
        }
        if (!p->pile || table_is_lost(t)) {
                table_packed_free(p);
                return NULL;
        }
        return p;
}

void table_take_packed(struct table *t, struct table_packed *p)
{
        for (uint32_t i = 0; i < t->count; i++)
                t->v[i].at = p->at[i];
        pile_free(t->pile);
        t->pile = p->pile;
        free(p);
}
