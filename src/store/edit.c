/* The operations of a change. Each checks everything first and writes then, so that a refusal (NI_NODIR,
 * NI_NOTEMPTY ...) leaves nothing behind; what fails later is LMDB or memory, and sticks. */
#include "store/store-internal.h"

#include <errno.h>

#define LATE_MOST 256u /* bytes of properties; a longer list of them is not copied for this */

static enum ni_status may_change(const struct store_txn *t)
{
        const enum ni_status st = store_may_write(t);
        return st == NI_OK && !t->change.open ? NI_SYSTEMERR : st;
}

static enum ni_status check_props(struct bytes props)
{
        struct xdr_in in = xdr_in(props);
        if (props.len > LIMIT_NODE)
                return NI_NOSPACE;
        xdr_proplist_exact(&in);
        return xdr_end(&in) ? NI_OK : NI_SYSTEMERR;
}

/* A copy that outlives the pages; NULL data: failed (sticky). */
static struct bytes keep(struct store_txn *t, struct bytes props)
{
        const struct bytes b = arena_bytes(&t->change.arena, props);
        if (!b.data)
                store_fail(t, ENOMEM);
        return b;
}

/* Writes n now, or, when it is small, keeps it for the end of the change: an import touches one parent a
 * thousand times. */
static enum ni_status put_touched(struct store_txn *t, struct store_node *n)
{
        struct store_change *c = &t->change;
        if (n->props.len > LATE_MOST)
                return store_node_put(t, n, true);
        if (!c->late || c->touched.id.object != n->id.object) {
                n->props = keep(t, n->props); /* before the next write moves the page */
                if (!n->props.data)
                        return t->failed;
                const enum ni_status st = store_node_settle(t);
                if (st != NI_OK)
                        return st;
        }
        c->touched = *n;
        c->late = true;
        return NI_OK;
}

/* The child list of n has changed by so many: a new instance, the same properties. */
static enum ni_status touch(struct store_txn *t, uint32_t object, int by, struct ni_id *ret_id)
{
        struct store_node n;
        enum ni_status st = store_get(t, object, &n);
        if (st != NI_OK)
                return st == NI_NODIR ? store_damaged(t) : st;
        n.id.instance++;
        n.version = t->change.seq;
        n.child_count += (uint32_t)by;
        st = put_touched(t, &n);
        if (st == NI_OK)
                st = store_note_touched(t, &n);
        if (st == NI_OK && ret_id)
                *ret_id = n.id;
        return st;
}

void store_trace(struct store_txn *t, store_tracer *tracer, void *context)
{
        t->tracer = tracer;
        t->tracer_context = context;
}

static void tell(const struct store_txn *t, const struct store_step *step)
{
        if (t->tracer)
                t->tracer(t->tracer_context, step);
}

enum ni_status store_put_props(struct store_txn *t, uint32_t object, struct bytes props, struct ni_id *ret_id)
{
        struct store_node n;
        enum ni_status st = may_change(t);
        if (st == NI_OK)
                st = store_get(t, object, &n);
        if (st == NI_OK)
                st = check_props(props);
        if (st != NI_OK)
                return st;
        const struct bytes before = keep(t, n.props);
        n.props = keep(t, props); /* it may lie in a page, too */
        if (!before.data || !n.props.data)
                return t->failed;
        tell(t, &(struct store_step){.kind = STORE_STEP_WRITE, .id = n.id, .props = n.props});
        n.id.instance++;
        n.version = t->change.seq;
        if (object != 0) /* the root is nobody's child */
                st = store_index_change(t, n.parent, n.ordinal, object, before, n.props);
        if (st == NI_OK)
                st = store_node_put(t, &n, true);
        if (st == NI_OK)
                st = store_note_changed(t, &n, before);
        if (st == NI_OK && ret_id)
                *ret_id = n.id;
        return st;
}

enum ni_status store_add_child(struct store_txn *t, uint32_t parent, struct bytes props, uint32_t where,
                               uint32_t want, struct ni_id *ret_child, struct ni_id *ret_parent)
{
        struct store_node p, n = {.parent = parent};
        struct ni_id touched;
        enum ni_status st = may_change(t);
        if (st == NI_OK)
                st = store_get(t, parent, &p);
        if (st == NI_OK && p.child_count >= NI_CHILDREN_MAX)
                st = NI_NOSPACE;
        if (st == NI_OK)
                st = check_props(props);
        if (st != NI_OK)
                return st;
        n.props = keep(t, props);
        if (!n.props.data)
                return t->failed;
        st = store_number_take(t, want, &n.id.object, &n.id.instance);
        if (st == NI_OK)
                st = store_order_place(t, &p, where, &n.ordinal);
        if (st != NI_OK)
                return st;
        n.born = n.version = t->change.seq;
        st = store_node_put(t, &n, false);
        if (st == NI_OK)
                st = store_order_link(t, parent, n.ordinal, n.id.object);
        if (st == NI_OK)
                st = store_index_change(t, parent, n.ordinal, n.id.object, BYTES_NONE, n.props);
        if (st == NI_OK)
                st = store_note_created(t, &n);
        if (st == NI_OK)
                tell(t, &(struct store_step){.kind = STORE_STEP_CREATE,
                                             .id = p.id,
                                             .child = n.id,
                                             .where = where,
                                             .props = n.props});
        if (st == NI_OK)
                st = touch(t, parent, 1, &touched);
        if (st != NI_OK)
                return t->failed != NI_OK ? t->failed : store_damaged(t);
        if (ret_child)
                *ret_child = n.id;
        if (ret_parent)
                *ret_parent = touched;
        return NI_OK;
}

/* A child that is listed and has no record any more, in a damaged store (protocol.md 2.7): its link goes. Its
 * number stays out of use, as nobody knows its last instance; the sums are store_check's to complain about.
 */
static enum ni_status unlink_lost(struct store_txn *t, uint32_t parent, uint32_t child,
                                  struct ni_id *ret_parent)
{
        struct store_walk w;
        bool found = false;
        store_children(t, parent, STORE_FROM_START, &w);
        while (!found && store_next(&w))
                found = w.child == child;
        const uint64_t ordinal = w.ordinal;
        store_end(&w);
        if (w.status != NI_OK || !found)
                return w.status != NI_OK ? w.status : NI_NODIR;
        enum ni_status st = store_order_unlink(t, parent, ordinal);
        if (st == NI_OK)
                st = touch(t, parent, -1, ret_parent);
        return st;
}

enum ni_status store_remove_child(struct store_txn *t, uint32_t parent, uint32_t child,
                                  struct ni_id *ret_parent)
{
        struct store_node p, n;
        struct ni_id touched;
        enum ni_status st = may_change(t);
        if (st == NI_OK)
                st = store_get(t, parent, &p);
        if (st == NI_OK) {
                st = store_get(t, child, &n);
                if (st == NI_NODIR)
                        return unlink_lost(t, parent, child, ret_parent);
        }
        if (st == NI_OK && n.child_count)
                st = NI_NOTEMPTY;
        if (st == NI_OK && (child == 0 || n.parent != parent))
                st = NI_UNRELATED;
        if (st != NI_OK)
                return st;
        n.props = keep(t, n.props);
        if (!n.props.data)
                return t->failed;
        st = store_index_change(t, parent, n.ordinal, child, n.props, BYTES_NONE);
        if (st == NI_OK)
                st = store_order_unlink(t, parent, n.ordinal);
        if (st == NI_OK)
                st = store_node_del(t, child);
        if (st == NI_OK)
                st = store_number_give(t, child, n.id.instance);
        if (st == NI_OK)
                st = store_note_destroyed(t, &n, n.props);
        if (st == NI_OK)
                tell(t, &(struct store_step){.kind = STORE_STEP_DESTROY, .id = p.id, .child = n.id});
        if (st == NI_OK)
                st = touch(t, parent, -1, &touched);
        if (st != NI_OK)
                return t->failed != NI_OK ? t->failed : store_damaged(t);
        if (ret_parent)
                *ret_parent = touched;
        return NI_OK;
}

enum ni_status store_climb(struct store_txn *t, uint32_t from, uint32_t object)
{
        struct store_node n;
        for (uint32_t steps = 0; steps <= t->state.directories; steps++) {
                if (from == object)
                        return NI_UNRELATED;
                if (from == 0)
                        return NI_OK;
                const enum ni_status st = store_get(t, from, &n);
                if (st != NI_OK)
                        return st == NI_NODIR ? store_damaged(t) : st;
                from = n.parent;
        }
        return store_damaged(t);
}

/* Takes the directory out of its place and puts it into the new one: links, index, node. */
static enum ni_status rehang(struct store_txn *t, struct store_node *n, struct store_node *to, uint32_t where)
{
        enum ni_status st = store_index_change(t, n->parent, n->ordinal, n->id.object, n->props, BYTES_NONE);
        if (st == NI_OK)
                st = store_order_unlink(t, n->parent, n->ordinal);
        if (st == NI_OK && n->parent == to->id.object)
                to->child_count--;
        if (st == NI_OK)
                st = store_order_place(t, to, where, &n->ordinal);
        n->parent = to->id.object;
        n->version = t->change.seq;
        if (st == NI_OK)
                st = store_order_link(t, n->parent, n->ordinal, n->id.object);
        if (st == NI_OK)
                st = store_index_change(t, n->parent, n->ordinal, n->id.object, BYTES_NONE, n->props);
        if (st == NI_OK)
                st = store_node_put(t, n, true);
        return st == NI_OK ? store_note_moved(t, n) : st;
}

enum ni_status store_move(struct store_txn *t, uint32_t object, uint32_t to_parent, uint32_t where)
{
        struct store_node n, to;
        enum ni_status st = may_change(t);
        if (st == NI_OK)
                st = store_get(t, to_parent, &to);
        if (st == NI_OK)
                st = store_get(t, object, &n);
        if (st == NI_OK)
                st = object == 0 ? NI_UNRELATED : store_climb(t, to_parent, object);
        if (st == NI_OK && n.parent != to_parent && to.child_count >= NI_CHILDREN_MAX)
                st = NI_NOSPACE;
        if (st != NI_OK)
                return st;
        const uint32_t from = n.parent;
        n.props = keep(t, n.props);
        if (!n.props.data)
                return t->failed;
        tell(t, &(struct store_step){.kind = STORE_STEP_MOVE, .id = to.id, .child = n.id});
        st = rehang(t, &n, &to, where);
        if (st == NI_OK && from != to_parent)
                st = touch(t, from, -1, NULL);
        if (st == NI_OK)
                st = touch(t, to_parent, from != to_parent ? 1 : 0, NULL);
        if (st != NI_OK)
                return t->failed != NI_OK ? t->failed : store_damaged(t);
        return NI_OK;
}
