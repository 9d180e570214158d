/* SEARCH of the extension program: a walk below a directory, depth first, in pages. A page's cursor is the
 * way to the directory visited last, from the top: it needs no memory in the server, and survives changes.
 * What gets another place between two pages may be missed or met twice. */
#include "directory/internal.h"

#include "base/limits.h"
#include "model/path.h"

#define HIT_OVERHEAD 64u /* XDR bytes of an ext_hit besides its path and properties */

struct level {
        uint32_t object;
        struct ext_place last; /* child visited last; its ordinal is STORE_FROM_START before the first */
};

struct search {
        struct dir_request *rq;
        const struct ext_search_args *args;
        struct level level[LIMIT_SEARCH_DEPTH];
        uint32_t depth;                      /* levels in use */
        const struct ext_condition *indexed; /* one that the index answers, for a search of children */
        uint32_t visited, room;
        uint64_t bytes; /* properties looked at */
        size_t size;    /* of the reply so far */
        struct ext_search_result r;
};

static bool value_meets(const struct ext_condition *c, struct bytes v)
{
        switch (c->kind) {
        case EXT_COND_EQUAL:
                return bytes_eq(v, c->value);
        case EXT_COND_PREFIX:
                return v.len >= c->value.len && bytes_eq(bytes_sub(v, 0, c->value.len), c->value);
        default: /* EXT_COND_SUBSTRING */
                return c->value.len == 0 ||
                       (v.len && memmem(v.data, v.len, c->value.data, c->value.len) != NULL);
        }
}

static bool condition_holds(const struct ext_condition *c, struct bytes props)
{
        struct prop_walk w;
        bool holds = prop_find(props, c->name, &w);
        if (holds && c->kind != EXT_COND_PRESENT) {
                struct xdr_in in = xdr_in(w.values);
                holds = false;
                for (uint32_t n = xdr_count(&in, NI_VALUES_MAX, 4); n && !holds && xdr_ok(&in); n--)
                        holds = value_meets(c, xdr_opaque(&in, NI_NAME_MAX)) && xdr_ok(&in);
        }
        return holds != !!(c->flags & EXT_COND_NOT);
}

static bool all_hold(const struct ext_search_args *args, struct bytes props)
{
        for (uint32_t i = 0; i < args->condition_count; i++)
                if (!condition_holds(&args->conditions[i], props))
                        return false;
        return true;
}

/* One element of a path: the first name, else the first value that anybody may see. False: there is none. */
static bool put_step(struct buf *out, struct bytes props)
{
        struct prop_walk w = prop_walk(props);
        struct bytes v;
        if (prop_first(props, "name", &v)) {
                path_put_step(out, BYTES_LIT("name"), v);
                return true;
        }
        while (prop_walk_next(&w))
                if (w.count && !access_secret(w.name) && namelist_at(w.values, 0, &v)) {
                        path_put_step(out, w.name, v);
                        return true;
                }
        return false;
}

/* The hit's path from the root, in the arena; its object number in digits when that is the only way to name
 * it. {NULL,0}: arena full. */
static struct bytes path_of(struct search *x, const struct store_node *hit)
{
        uint32_t way[2 * LIMIT_SEARCH_DEPTH];
        uint32_t n = 0;
        struct store_node node = *hit;
        struct buf b;
        bool named = true;
        buf_init(&b, LIMIT_PATH);
        while (named && node.id.object != 0) {
                named = n < sizeof(way) / sizeof(way[0]);
                if (named)
                        way[n++] = node.id.object;
                named = named && store_get(x->rq->txn, node.parent, &node) == NI_OK;
        }
        while (named && n)
                named = store_get(x->rq->txn, way[--n], &node) == NI_OK && put_step(&b, node.props);
        if (!named || b.failed) {
                buf_clear(&b);
                buf_printf(&b, "%u", hit->id.object);
        }
        const struct bytes path = arena_bytes(x->rq->arena, buf_bytes(&b));
        buf_done(&b);
        return path;
}

static bool wants(const struct namelist *wanted, struct bytes name)
{
        for (uint32_t i = 0; i < wanted->n; i++)
                if (bytes_eq(wanted->v[i], name))
                        return true;
        return false;
}

/* The properties that the caller asked for, as he may see them. {NULL,0}: no memory. */
static struct bytes chosen_props(struct search *x, struct bytes props)
{
        static const uint8_t none[4];
        const struct ext_search_args *args = x->args;
        if (args->flags & EXT_SEARCH_NO_PROPS)
                return bytes_of(none, sizeof(none));
        const struct bytes shown = dir_shown(x->rq, props);
        if (!shown.data || args->wanted.n == 0)
                return shown;
        struct buf b;
        struct prop_walk w = prop_walk(shown);
        uint32_t n = 0;
        buf_init(&b, 0);
        const size_t count = dir_count_open(&b);
        while (prop_walk_next(&w)) {
                if (!wants(&args->wanted, w.name))
                        continue;
                xdr_put_opaque(&b, w.name);
                buf_put(&b, w.values);
                n++;
        }
        dir_count_close(&b, count, n);
        const struct bytes chosen = b.failed ? BYTES_NONE : arena_bytes(x->rq->arena, buf_bytes(&b));
        buf_done(&b);
        return chosen;
}

static enum ni_status add_hit(struct search *x, const struct store_node *n)
{
        struct ext_search_result *r = &x->r;
        if (r->hit_count == x->room) {
                const uint32_t more = x->room ? x->room * 2 : 64;
                struct ext_hit *v = arena_zalloc(x->rq->arena, more, sizeof(*v));
                if (!v)
                        return NI_SYSTEMERR;
                if (r->hit_count)
                        memcpy(v, r->hits, r->hit_count * sizeof(*v));
                r->hits = v;
                x->room = more;
        }
        struct ext_hit h = {.id = n->id, .parent = n->parent, .born = n->born, .path = path_of(x, n)};
        h.props = chosen_props(x, n->props);
        if (!h.path.data || !h.props.data)
                return NI_SYSTEMERR;
        x->size += HIT_OVERHEAD + h.path.len + h.props.len;
        r->hits[r->hit_count++] = h;
        return NI_OK;
}

/* Is this page done, whatever there is still to visit? */
static bool page_full(const struct search *x)
{
        const uint32_t most = x->args->max_entries;
        return (most && x->r.hit_count >= most) || x->size >= LIMIT_CALL ||
               x->visited >= LIMIT_SEARCH_VISIT || x->bytes >= LIMIT_SEARCH_BYTES;
}

static enum ni_status push(struct search *x, uint32_t object)
{
        if (x->depth == LIMIT_SEARCH_DEPTH)
                return NI_NOSPACE;
        x->level[x->depth++] = (struct level){object, {.ordinal = STORE_FROM_START}};
        return NI_OK;
}

/* *ret_down: it has children that are to be searched, and is now the deepest level. */
static enum ni_status visit(struct search *x, uint32_t object, uint64_t ordinal, bool *ret_down)
{
        struct store_node n;
        enum ni_status s = store_get(x->rq->txn, object, &n);
        x->level[x->depth - 1].last = (struct ext_place){ordinal, s == NI_OK ? n.born : 0, object};
        if (s != NI_OK)
                return s == NI_NODIR ? NI_OK : s; /* listed without record: not to be found */
        x->visited++;
        x->bytes += n.props.len * ((uint64_t)x->args->condition_count + 1 + x->args->wanted.n);
        if (all_hold(x->args, n.props))
                s = add_hit(x, &n);
        *ret_down = s == NI_OK && n.child_count > 0 && (x->args->depth == 0 || x->depth < x->args->depth);
        return *ret_down ? push(x, object) : s;
}

static void begin_children(struct search *x, const struct level *l, struct store_walk *w)
{
        if (x->indexed)
                store_lookup(x->rq->txn, l->object, x->indexed->name, x->indexed->value, l->last.ordinal, w);
        else
                store_children(x->rq->txn, l->object, l->last.ordinal, w);
}

static enum ni_status walk(struct search *x)
{
        enum ni_status s = NI_OK;
        while (s == NI_OK && x->depth > 0 && !page_full(x)) {
                struct level *l = &x->level[x->depth - 1];
                struct store_walk w;
                bool down = false, more = true;
                begin_children(x, l, &w);
                while (s == NI_OK && !down && !page_full(x) && (more = store_next(&w)))
                        s = visit(x, w.child, w.ordinal, &down);
                store_end(&w);
                if (s == NI_OK)
                        s = w.status;
                if (!more)
                        x->depth--;
        }
        return s;
}

/* Is the child that the cursor means still in its place? Another one there is new, and to be visited. */
static enum ni_status still_there(struct search *x, uint32_t parent, const struct ext_place *p, bool *ret)
{
        struct store_node n;
        const enum ni_status s = store_get(x->rq->txn, p->object, &n);
        *ret = s == NI_OK && p->object != 0 && n.parent == parent && n.ordinal == p->ordinal &&
               n.born == p->born;
        return s == NI_NODIR ? NI_OK : s;
}

/* Goes down along the cursor as far as its directories are still there. Where one is gone, the walk goes on
 * with what stands at its place or behind. */
static enum ni_status resume(struct search *x)
{
        const struct ext_search_args *args = x->args;
        enum ni_status s = push(x, args->object);
        for (uint32_t i = 0; s == NI_OK && i < args->cursor_count; i++) {
                struct level *l = &x->level[x->depth - 1];
                bool there;
                s = still_there(x, l->object, &args->cursor[i], &there);
                l->last = args->cursor[i];
                if (!there)
                        l->last.ordinal--;
                if (s != NI_OK || !there || x->depth == args->depth)
                        break;
                s = push(x, l->last.object);
        }
        return s;
}

static enum ni_status save_cursor(struct search *x)
{
        struct ext_search_result *r = &x->r;
        r->more = x->depth > 0;
        if (!r->more)
                return NI_OK;
        /* a level that has only been opened says nothing that the one above does not */
        const uint32_t n = x->depth - (x->level[x->depth - 1].last.ordinal == STORE_FROM_START);
        r->cursor = arena_zalloc(x->rq->arena, n, sizeof(*r->cursor));
        if (!r->cursor)
                return NI_SYSTEMERR;
        for (uint32_t i = 0; i < n; i++)
                r->cursor[i] = x->level[i].last;
        r->cursor_count = n;
        return NI_OK;
}

static enum ni_status check_args(struct search *x, const struct store_info *info)
{
        const struct ext_search_args *args = x->args;
        struct store_node base;
        if (args->epoch && args->epoch != info->epoch)
                return (enum ni_status)EXT_TAKE_SNAPSHOT;
        for (uint32_t i = 0; i < args->condition_count; i++) {
                const struct ext_condition *c = &args->conditions[i];
                if (c->kind != EXT_COND_PRESENT && dir_hides_prop(x->rq, c->name))
                        return NI_PERM; /* it would tell who has which secret */
                if (args->depth == 1 && c->kind == EXT_COND_EQUAL && !(c->flags & EXT_COND_NOT) &&
                    store_indexed(x->rq->txn, c->name))
                        x->indexed = c;
        }
        return store_get(x->rq->txn, args->object, &base);
}

void dir_search(struct dir_request *rq, const struct ext_search_args *args, struct ext_search_result *ret)
{
        struct store_info info;
        struct search *x = arena_zalloc(rq->arena, 1, sizeof(*x));
        enum ni_status s = x ? store_get_info(rq->txn, &info) : NI_SYSTEMERR;
        if (s == NI_OK) {
                x->rq = rq;
                x->args = args;
                x->r.epoch = info.epoch;
                x->r.seq = info.seq;
                s = check_args(x, &info);
        }
        if (s == NI_OK)
                s = resume(x);
        if (s == NI_OK)
                s = walk(x);
        if (s == NI_OK)
                s = save_cursor(x);
        *ret = s == NI_OK ? x->r : (struct ext_search_result){.status = s};
}
