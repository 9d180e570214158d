/* A historical database into the domain of a running server. First the plan: level by level, directories of
 * the database meet those of the domain. Then it is shown, or sent in edits. */
#include "tools/import_nidb.h"

#include "tools/import.h"

#include "model/access.h"
#include "model/path.h"
#include "tools/talk_edit.h"
#include "tools/walk.h"

#include <stdio.h>
#include <stdlib.h>

#define NONE       UINT32_MAX
#define EDIT_BYTES (LIMIT_CALL / 4) /* of properties in one edit: well below what a server takes */
#define SAID       20u              /* differences that are named; the rest is counted */

struct here { /* a directory of the domain */
        struct ni_id id;
        uint32_t parent;
        uint64_t ordinal;
        struct bytes props;
};

struct merge {
        struct talk *t;
        const struct nidb_merge *how;
        struct here *here; /* by parent, then in order */
        uint32_t here_count, here_room;
        struct arena arena; /* what `here` holds */
        /* For each directory of the database: which of `here` it is; NONE: a new one. */
        uint32_t *match;
        uint32_t *queue; /* the database's directories, parents first; siblings in order */
        uint32_t queued;
        uint32_t *made; /* object number of each, when it is known */
        uint32_t *op;   /* which operation of the edit at hand makes it; NONE */
        uint32_t added, changed, same, differ;
        /* -- the edit at hand */
        struct ext_op *ops;
        uint32_t *dir_of; /* each operation's directory */
        uint32_t op_count;
        size_t bytes;
        struct arena scratch;
        uint32_t done; /* operations that stand */
        bool failed;
};

static bool out_of_memory(struct merge *m)
{
        talk_error(m->t, EXIT_FAILED, NULL, "out of memory", "import it offline, with --dir");
        m->failed = true;
        return false;
}

/* -- the domain as it is */

static void forget(void *context)
{
        struct merge *m = context;
        m->here_count = 0;
        arena_reset(&m->arena);
}

static bool keep(void *context, const struct ext_node *n)
{
        struct merge *m = context;
        if (m->here_count == m->here_room) {
                const uint32_t room = m->here_room ? m->here_room * 2 : 256;
                struct here *v = realloc(m->here, room * sizeof(*v));
                if (!v)
                        return out_of_memory(m);
                m->here = v;
                m->here_room = room;
        }
        const struct bytes props = arena_bytes(&m->arena, n->props);
        if (!props.data)
                return out_of_memory(m);
        m->here[m->here_count++] = (struct here){n->id, n->parent, n->ordinal, props};
        return true;
}

/* The root first: it is its own parent, and no child. */
static int by_place(const void *x, const void *y)
{
        const struct here *a = x, *b = y;
        const bool root_a = a->id.object == 0, root_b = b->id.object == 0;
        if (root_a != root_b)
                return root_a ? -1 : 1;
        if (a->parent != b->parent)
                return a->parent < b->parent ? -1 : 1;
        return a->ordinal < b->ordinal ? -1 : a->ordinal > b->ordinal;
}

/* Index of the first child of an object; *ret_n of them. */
static uint32_t children_here(const struct merge *m, uint32_t object, uint32_t *ret_n)
{
        uint32_t low = 1, high = m->here_count, first;
        while (low < high) {
                const uint32_t middle = low + (high - low) / 2;
                if (m->here[middle].parent < object)
                        low = middle + 1;
                else
                        high = middle;
        }
        for (first = low; low < m->here_count && m->here[low].parent == object; low++)
                ;
        *ret_n = low - first;
        return first;
}

/* -- meeting */

struct named {
        struct bytes name;
        uint32_t index, place;
};

static int by_name(const void *x, const void *y)
{
        const struct named *a = x, *b = y;
        const size_t n = a->name.len < b->name.len ? a->name.len : b->name.len;
        const int c = n ? memcmp(a->name.data, b->name.data, n) : 0;
        if (c)
                return c;
        if (a->name.len != b->name.len)
                return a->name.len < b->name.len ? -1 : 1;
        return a->place < b->place ? -1 : a->place > b->place;
}

static struct named named(struct bytes props, uint32_t index, uint32_t place)
{
        struct named n = {BYTES_NONE, index, place};
        prop_first(props, "name", &n.name);
        return n;
}

/* Same names meet in order: the second `domain` of the one side is the second of the other. */
static void meet_sorted(struct merge *m, struct named *a, uint32_t an, struct named *b, uint32_t bn)
{
        if (an)
                qsort(a, an, sizeof(*a), by_name);
        if (bn)
                qsort(b, bn, sizeof(*b), by_name);
        for (uint32_t i = 0, k = 0; i < an && k < bn;) {
                struct named x = a[i], y = b[k];
                x.place = y.place = 0;
                const int c = by_name(&x, &y);
                if (c == 0)
                        m->match[a[i].index] = b[k].index;
                i += c <= 0;
                k += c >= 0;
        }
}

/* The children of one directory that is on both sides; all of them join the queue. */
static bool meet(struct merge *m, uint32_t i)
{
        const struct nidb *db = m->how->db;
        const struct nidb_dir *d = &db->dir[i];
        uint32_t first = 0, n = 0;
        if (m->match[i] != NONE)
                first = children_here(m, m->here[m->match[i]].id.object, &n);
        struct named *v = calloc((size_t)d->child_count + n + 1, sizeof(*v));
        if (!v)
                return out_of_memory(m);
        for (uint32_t k = 0; k < d->child_count; k++) {
                const uint32_t c = (uint32_t)(nidb_find(db, d->child[k]) - db->dir);
                m->match[c] = NONE;
                m->queue[m->queued++] = c;
                v[k] = named(db->dir[c].props, c, k);
        }
        for (uint32_t k = 0; k < n; k++)
                v[d->child_count + k] = named(m->here[first + k].props, first + k, k);
        meet_sorted(m, v, d->child_count, v + d->child_count, n);
        free(v);
        return true;
}

static bool plan(struct merge *m)
{
        const uint32_t n = m->how->db->count;
        const struct walk_reader reader = {forget, keep, m};
        if (!walk_all(m->t, &reader))
                return false;
        if (m->here_count)
                qsort(m->here, m->here_count, sizeof(*m->here), by_place);
        uint32_t *v = calloc((size_t)n * 4, sizeof(*v));
        if (!v || !m->here_count)
                return out_of_memory(m);
        m->match = v;
        m->queue = v + n;
        m->made = v + 2 * (size_t)n;
        m->op = v + 3 * (size_t)n;
        m->match[0] = 0;
        m->queue[m->queued++] = 0;
        for (uint32_t i = 0; i < m->queued; i++)
                if (!meet(m, m->queue[i]))
                        return false;
        for (uint32_t i = 0; i < n; i++) {
                m->op[i] = NONE;
                m->made[i] = m->match[i] == NONE ? NONE : m->here[m->match[i]].id.object;
        }
        return true;
}

/* -- words */

/* The path of a directory of the database, in the scratch arena. */
static const char *path_of(struct merge *m, uint32_t i)
{
        const struct nidb *db = m->how->db;
        uint32_t up[LIMIT_DEPTH * 4], n = 0;
        struct buf path;
        for (; i && n < sizeof(up) / sizeof(up[0]);
             i = (uint32_t)(nidb_find(db, db->dir[i].parent) - db->dir))
                up[n++] = i;
        buf_init(&path, 0);
        if (n == 0)
                buf_putc(&path, '/');
        while (n--)
                path_put_step(&path, BYTES_LIT("name"), named(db->dir[up[n]].props, 0, 0).name);
        const char *s = arena_str(&m->scratch, buf_bytes(&path));
        buf_done(&path);
        return s ? s : "?";
}

static void show_path(struct merge *m, char sign, uint32_t i)
{
        printf("%c ", sign);
        talk_value(m->t, bytes_str(path_of(m, i)));
        putchar('\n');
}

static void show_property(struct merge *m, char sign, const struct property *p)
{
        printf("%c   ", sign);
        talk_value(m->t, p->name);
        putchar(':');
        if (access_secret(p->name))
                fputs(" (changed)", stdout);
        for (uint32_t k = 0; !access_secret(p->name) && k < p->values.n; k++) {
                putchar(' ');
                talk_value(m->t, p->values.v[k]);
        }
        putchar('\n');
}

/* -- edits */

static void begin_edit(struct merge *m)
{
        for (uint32_t i = 0; i < m->op_count; i++)
                m->op[m->dir_of[i]] = NONE;
        m->op_count = 0;
        m->bytes = 0;
        arena_reset(&m->scratch);
}

static bool send_edit(struct merge *m)
{
        struct ext_edit_result r;
        if (!m->op_count)
                return true;
        const bool sent = edit_send(m->t, "import nidb", m->ops, m->op_count, &r);
        if (sent && r.status != NI_OK)
                edit_refused(m->t, r.status,
                             r.failed_op < m->op_count ? path_of(m, m->dir_of[r.failed_op]) : NULL, NULL);
        if (!sent || r.status != NI_OK) {
                talk_say(m->t, "%u of %u directories were brought; repeat the command to go on", m->done,
                         m->how->db->count);
                import_interrupted(m->t);
                return false;
        }
        for (uint32_t i = 0; i < m->op_count && i < r.id_count; i++) {
                m->done += m->made[m->dir_of[i]] == NONE;
                m->made[m->dir_of[i]] = r.ids[i].object;
        }
        begin_edit(m);
        return true;
}

static size_t size_of(const struct proplist *l)
{
        size_t n = 64;
        for (uint32_t i = 0; i < l->n; i++) {
                n += 16 + l->v[i].name.len;
                for (uint32_t k = 0; k < l->v[i].values.n; k++)
                        n += 8 + l->v[i].values.v[k].len;
        }
        return n;
}

/* Room for n more operations with so many bytes. */
static bool room(struct merge *m, uint32_t n, size_t bytes)
{
        return (m->op_count + n <= LIMIT_EDIT_OPS && m->bytes + bytes <= EDIT_BYTES) || send_edit(m);
}

static void add_op(struct merge *m, uint32_t i, struct ext_op op, size_t bytes)
{
        m->dir_of[m->op_count] = i;
        m->ops[m->op_count++] = op;
        m->bytes += bytes;
}

static bool create(struct merge *m, uint32_t i, const struct proplist *l)
{
        const struct nidb *db = m->how->db;
        const uint32_t parent = (uint32_t)(nidb_find(db, db->dir[i].parent) - db->dir);
        const size_t size = size_of(l);
        m->added++;
        if (m->how->dry_run) {
                show_path(m, '+', i);
                for (uint32_t k = 0; k < l->n; k++)
                        show_property(m, '+', &l->v[k]);
                return true;
        }
        struct ext_op op = {.kind = EXT_OP_CREATE, .where = NI_INDEX_NULL, .props = *l};
        op.ref.by_op = m->op[parent] != NONE;
        op.ref.value = op.ref.by_op ? m->op[parent] : m->made[parent];
        m->op[i] = m->op_count;
        add_op(m, i, op, size);
        return true;
}

static bool same_values(const struct property *p, const struct property *q)
{
        if (p->values.n != q->values.n)
                return false;
        for (uint32_t i = 0; i < p->values.n; i++)
                if (!bytes_eq(p->values.v[i], q->values.v[i]))
                        return false;
        return true;
}

/* Properties that the domain lacks, or has with other values when those are to be overwritten. Only the first
 * of a name is compared: it is the one that is looked up. */
static bool update(struct merge *m, uint32_t i, const struct proplist *l)
{
        const struct here *h = &m->here[m->match[i]];
        struct xdr_in in = xdr_in(h->props);
        const struct proplist have = xdr_proplist(&in, &m->scratch);
        uint32_t n = 0;
        if (!xdr_ok(&in))
                return out_of_memory(m);
        for (uint32_t k = 0; k < l->n; k++) {
                const struct property *p = &l->v[k], *q = proplist_get(&have, p->name);
                if (proplist_get(l, p->name) != p || (q && same_values(p, q)))
                        continue;
                if (q && !m->how->overwrite) {
                        if (m->differ++ < SAID)
                                talk_say(m->t, "%s: its %.*s says something else here: kept", path_of(m, i),
                                         BYTES_FMT(p->name));
                        continue;
                }
                if (m->how->dry_run) {
                        if (n == 0)
                                show_path(m, '~', i);
                        if (q && !access_secret(q->name))
                                show_property(m, '-', q);
                        show_property(m, '+', p);
                } else {
                        const struct ext_ref ref = {false, h->id.object, n == 0, h->id.instance};
                        const struct proplist one = {&l->v[k], 1};
                        add_op(m, i,
                               (struct ext_op){
                                       .kind = EXT_OP_SET, .ref = ref, .name = p->name, .values = p->values},
                               size_of(&one));
                }
                n++;
        }
        m->changed += n > 0;
        m->same += n == 0;
        return true;
}

/* One directory of the database. */
static bool bring(struct merge *m, uint32_t i)
{
        const struct bytes props = m->how->db->dir[i].props;
        struct xdr_in in = xdr_in(props);
        struct prop_walk w = prop_walk(props);
        uint32_t ops = m->match[i] == NONE ? 1 : w.left;
        const size_t bytes = 2 * props.len + 1024 + 64 * (size_t)w.left;
        if (ops > LIMIT_EDIT_OPS || props.len + LIMIT_CALL / 8 > LIMIT_CALL) {
                talk_error(m->t, EXIT_FAILED, path_of(m, i), "too large for one edit",
                           "import it offline, with --dir");
                return false;
        }
        if (!room(m, ops, bytes))
                return false;
        const struct proplist l = xdr_proplist(&in, &m->scratch);
        if (!xdr_ok(&in))
                return out_of_memory(m);
        if (i == 0) {
                for (uint32_t k = 0; k < l.n; k++)
                        talk_say(m->t, "/: its %.*s belongs to the old server: left out",
                                 BYTES_FMT(l.v[k].name));
                return true;
        }
        const bool ok = m->match[i] == NONE ? create(m, i, &l) : update(m, i, &l);
        if (m->how->dry_run)
                arena_reset(&m->scratch);
        return ok;
}

static void run(struct merge *m)
{
        begin_edit(m);
        for (uint32_t i = 0; i < m->queued; i++)
                if (!bring(m, m->queue[i]))
                        return;
        if (!m->how->dry_run && !send_edit(m))
                return;
        if (m->differ)
                talk_say(m->t,
                         "%u properties say something else here and were kept: --overwrite takes the "
                         "database's values",
                         m->differ);
        talk_say(m->t, "nidb: %u added, %u changed, %u as they were", m->added, m->changed, m->same);
}

void nidb_merge(struct talk *t, const struct nidb_merge *how)
{
        struct merge m = {.t = t, .how = how};
        arena_init(&m.arena, 0);
        arena_init(&m.scratch, 0);
        m.ops = arena_zalloc(&t->arena, LIMIT_EDIT_OPS, sizeof(*m.ops));
        m.dir_of = arena_zalloc(&t->arena, LIMIT_EDIT_OPS, sizeof(*m.dir_of));
        if (!m.ops || !m.dir_of)
                out_of_memory(&m);
        else if (plan(&m))
                run(&m);
        free(m.match);
        free(m.here);
        arena_done(&m.arena);
        arena_done(&m.scratch);
}
