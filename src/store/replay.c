/* Writing what somebody else decided: whole directories (restore, a new replica) and journal entries (a
 * follower). Order, numbers, index and sums are kept right; only the decisions are taken over. */
#include "store/store-internal.h"

#include "sys/random.h"

#include <errno.h>
#include <stdlib.h>

static enum ni_status may_replay(const struct store_txn *t)
{
        const enum ni_status st = store_may_write(t);
        return st == NI_OK && t->change.open ? NI_SYSTEMERR : st;
}

/* The child at a place; NI_NODIR: free. */
static enum ni_status child_at(struct store_txn *t, uint32_t parent, uint64_t ordinal, uint32_t *ret)
{
        uint8_t key[12];
        struct bytes raw;
        xdr_store(key, parent);
        put64(key + 4, ordinal);
        const enum ni_status st = store_table_get(t, T_CHILDREN, bytes_of(key, sizeof(key)), &raw);
        if (st == NI_OK && raw.len != 4)
                return store_damaged(t);
        if (st == NI_OK)
                *ret = xdr_load(raw.data);
        return st;
}

/* A parent that is not there yet counts its children when it comes. */
static enum ni_status count_child(struct store_txn *t, uint32_t parent, int by)
{
        struct store_node n;
        const enum ni_status st = store_get(t, parent, &n);
        if (st != NI_OK)
                return st == NI_NODIR ? NI_OK : st;
        n.child_count += (uint32_t)by;
        return store_node_put(t, &n, true);
}

static enum ni_status count_children(struct store_txn *t, uint32_t parent, uint32_t *ret)
{
        struct store_walk w;
        uint32_t n = 0;
        store_children(t, parent, STORE_FROM_START, &w);
        while (store_next(&w))
                n++;
        store_end(&w);
        *ret = n;
        return w.status;
}

/* Takes a directory out of its place and out of the index; the node itself stays. */
static enum ni_status lift(struct store_txn *t, const struct store_node *n)
{
        uint32_t child = 0;
        if (n->id.object == 0 || n->ordinal == 0) /* the root, or put out of its place already */
                return NI_OK;
        enum ni_status st = store_index_change(t, n->parent, n->ordinal, n->id.object, n->props, BYTES_NONE);
        if (st != NI_OK)
                return st;
        st = child_at(t, n->parent, n->ordinal, &child);
        if (st != NI_OK || child != n->id.object) /* lifted before, and perhaps somebody else's by now */
                return st == NI_NODIR ? NI_OK : st;
        st = store_order_unlink(t, n->parent, n->ordinal);
        return st == NI_OK ? count_child(t, n->parent, -1) : st;
}

static enum ni_status hang(struct store_txn *t, const struct store_node *n)
{
        uint32_t child = 0;
        if (n->id.object == 0)
                return NI_OK;
        enum ni_status st = store_index_change(t, n->parent, n->ordinal, n->id.object, BYTES_NONE, n->props);
        if (st != NI_OK)
                return st;
        st = child_at(t, n->parent, n->ordinal, &child);
        if (st == NI_OK)
                return child == n->id.object ? NI_OK : store_damaged(t);
        if (st == NI_NODIR)
                st = store_order_link(t, n->parent, n->ordinal, n->id.object);
        return st == NI_OK ? count_child(t, n->parent, 1) : st;
}

static struct bytes keep(struct store_txn *t, struct bytes props)
{
        const struct bytes b = arena_bytes(&t->change.arena, props);
        if (!b.data)
                store_fail(t, ENOMEM);
        return b;
}

static bool acceptable(const struct store_node *n)
{
        struct xdr_in in = xdr_in(n->props);
        const bool root = n->id.object == 0;
        if (n->id.object > STORE_OBJECT_MAX || n->parent > STORE_OBJECT_MAX || n->props.len > LIMIT_NODE)
                return false;
        if (root ? n->parent != 0 || n->ordinal != 0
                 : n->parent == n->id.object || n->ordinal == 0 || n->ordinal == UINT64_MAX)
                return false;
        xdr_proplist_exact(&in);
        return xdr_end(&in);
}

/* Puts n, new or instead of what is there, and its links. n->props lives in the arena. */
static enum ni_status install(struct store_txn *t, struct store_node *n)
{
        struct store_node old;
        uint32_t object, instance;
        enum ni_status st = store_get(t, n->id.object, &old);
        const bool existed = st == NI_OK;
        if (existed) {
                n->child_count = old.child_count;
                old.props = keep(t, old.props);
                st = old.props.data ? lift(t, &old) : t->failed;
                if (st == NI_OK && store_get(t, n->id.object, &old) == NI_OK) /* its own parent, if damaged */
                        n->child_count = old.child_count;
        } else if (st == NI_NODIR) {
                st = store_number_take(t, n->id.object, &object, &instance);
                if (st == NI_ALIVE)
                        st = store_damaged(t);
                if (st == NI_OK)
                        st = count_children(t, n->id.object, &n->child_count);
        }
        if (st == NI_OK)
                st = store_node_put(t, n, existed);
        return st == NI_OK ? hang(t, n) : st;
}

enum ni_status store_replay_node(struct store_txn *t, const struct store_node *node)
{
        struct store_node n = *node;
        uint32_t child = 0;
        enum ni_status st = may_replay(t);
        if (st == NI_OK && !acceptable(node))
                st = NI_SYSTEMERR;
        if (st != NI_OK)
                return st;
        if (n.id.object && child_at(t, n.parent, n.ordinal, &child) == NI_OK && child != n.id.object)
                return NI_ALIVE;
        n.props = keep(t, node->props);
        st = n.props.data ? install(t, &n) : t->failed;
        arena_reset(&t->change.arena);
        if (st != NI_OK && t->failed == NI_OK)
                return store_damaged(t);
        return st;
}

enum ni_status store_replay_head(struct store_txn *t, const uint8_t uuid[16], uint64_t epoch, uint64_t seq)
{
        enum ni_status st = may_replay(t);
        if (st == NI_OK && seq > UINT64_MAX / 2)
                st = NI_SYSTEMERR;
        if (st != NI_OK)
                return st;
        const int rc = mdb_drop(t->txn, t->s->dbi[T_JOURNAL], 0);
        if (rc)
                return store_fail(t, rc);
        while (epoch == 0)
                random_bytes(&epoch, sizeof(epoch));
        if (uuid)
                memcpy(t->state.uuid, uuid, 16);
        t->state.epoch = epoch;
        t->state.seq = seq;
        t->state.first_seq = seq + 1;
        t->dirty = true;
        t->generation++;
        t->cached = false;
        return NI_OK;
}

enum ni_status store_set_role(struct store_txn *t, enum store_role role)
{
        const enum ni_status st = store_may_write(t);
        if (st != NI_OK)
                return st;
        t->state.role = role;
        t->dirty = true;
        return NI_OK;
}

/* -- journal entries
 * ------------------------------------------------------------------------------------------ */

/* First pass: what leaves its place does so before anything takes a new one, since neighbours may swap. */
static enum ni_status entry_lift(struct store_txn *t, const struct store_record *r, bool *ret_lifted)
{
        struct store_node n;
        if (r->kind == STORE_CREATED)
                return NI_OK;
        enum ni_status st = store_get(t, r->object, &n);
        if (st != NI_OK || n.born != r->born || (r->object == 0 && r->kind == STORE_DESTROYED))
                return st == NI_OK || st == NI_NODIR ? store_damaged(t) : st;
        *ret_lifted = r->kind == STORE_DESTROYED || n.parent != r->parent || n.ordinal != r->ordinal;
        if (!*ret_lifted)
                return NI_OK;
        n.props = keep(t, n.props);
        st = n.props.data ? lift(t, &n) : t->failed;
        if (st != NI_OK || r->kind != STORE_DESTROYED)
                return st;
        st = store_node_del(t, r->object);
        return st == NI_OK ? store_number_give(t, r->object, r->instance) : st;
}

static enum ni_status entry_created(struct store_txn *t, const struct store_record *r, uint64_t seq)
{
        struct store_node n = {.id = {r->object, r->instance},
                               .parent = r->parent,
                               .ordinal = r->ordinal,
                               .born = r->born,
                               .version = seq,
                               .props = r->after};
        struct store_node old;
        if (!r->has_after || !acceptable(&n) || store_get(t, r->object, &old) != NI_NODIR)
                return store_damaged(t);
        return install(t, &n);
}

static enum ni_status entry_changed(struct store_txn *t, const struct store_record *r, uint64_t seq,
                                    bool lifted)
{
        struct store_node n;
        enum ni_status st = store_get(t, r->object, &n);
        if (st != NI_OK)
                return st == NI_NODIR ? store_damaged(t) : st;
        const struct bytes old = keep(t, n.props);
        if (!old.data)
                return t->failed;
        if (n.parent != r->parent || n.ordinal != r->ordinal) {
                uint32_t child = 0;
                if (child_at(t, n.parent, n.ordinal, &child) == NI_OK && child == r->object)
                        return store_damaged(t); /* a record before this one put it elsewhere */
        }
        n.id.instance = r->instance;
        n.parent = r->parent;
        n.ordinal = r->ordinal;
        n.version = seq;
        n.props = r->has_after ? r->after : old;
        if (!acceptable(&n))
                return store_damaged(t);
        if (!lifted && r->object)
                st = store_index_change(t, n.parent, n.ordinal, r->object, old, n.props);
        if (st == NI_OK)
                st = store_node_put(t, &n, true);
        return st == NI_OK && lifted ? hang(t, &n) : st;
}

/* What a lying or damaged journal could leave: directories below one that is gone, or in a ring. */
static enum ni_status entry_childless(struct store_txn *t, const struct store_entry *e)
{
        enum ni_status st = NI_OK;
        uint32_t n = 0;
        for (uint32_t i = 0; st == NI_OK && i < e->record_count; i++)
                if (e->records[i].kind == STORE_DESTROYED) {
                        st = count_children(t, e->records[i].object, &n);
                        if (st == NI_OK && n)
                                st = store_damaged(t);
                }
        return st;
}

/* TOUCHED says that a directory stays where it is; one that lies is looked at like the others. */
static enum ni_status entry_reaches_root(struct store_txn *t, const struct store_entry *e, const bool *lifted)
{
        enum ni_status st = NI_OK;
        for (uint32_t i = 0; st == NI_OK && i < e->record_count; i++) {
                const struct store_record *r = &e->records[i];
                if (r->object && r->kind != STORE_DESTROYED && (r->kind != STORE_TOUCHED || lifted[i]))
                        st = store_climb(t, r->parent, r->object);
        }
        return st;
}

static enum ni_status entry_apply(struct store_txn *t, const struct store_entry *e, bool *lifted)
{
        enum ni_status st = NI_OK;
        for (uint32_t i = 0; st == NI_OK && i < e->record_count; i++)
                st = entry_lift(t, &e->records[i], &lifted[i]);
        if (st == NI_OK)
                st = entry_childless(t, e);
        for (uint32_t i = 0; st == NI_OK && i < e->record_count; i++) {
                const struct store_record *r = &e->records[i];
                if (r->kind == STORE_CREATED)
                        st = entry_created(t, r, e->seq);
                else if (r->kind != STORE_DESTROYED)
                        st = entry_changed(t, r, e->seq, lifted[i]);
        }
        return st == NI_OK ? entry_reaches_root(t, e, lifted) : st;
}

static enum ni_status append(struct store_txn *t, const struct store_entry *e)
{
        return store_journal_append(t, e->seq,
                                    &(struct store_entry_head){.when = e->when,
                                                               .record_count = e->record_count,
                                                               .who = bytes_sub(e->who, 0, LIMIT_WHO),
                                                               .from = bytes_sub(e->from, 0, LIMIT_WHO),
                                                               .what = bytes_sub(e->what, 0, LIMIT_WHO)},
                                    e->records);
}

/* The entry that comes next, of a size and a time that a journal takes. */
static enum ni_status may_append(const struct store_txn *t, const struct store_entry *e)
{
        const enum ni_status st = may_replay(t);
        if (st != NI_OK)
                return st;
        if (e->seq != t->state.seq + 1)
                return NI_STALE;
        const bool fits = e->record_count > 0 && e->record_count <= LIMIT_ENTRY_RECORDS &&
                          e->when >= t->state.last_when;
        return fits ? NI_OK : NI_SYSTEMERR;
}

enum ni_status store_replay_entry(struct store_txn *t, const struct store_entry *e)
{
        enum ni_status st = may_append(t, e);
        if (st != NI_OK)
                return st;
        bool *lifted = calloc(e->record_count, sizeof(*lifted));
        if (!lifted)
                return store_fail(t, ENOMEM);
        st = entry_apply(t, e, lifted);
        free(lifted);
        if (st == NI_OK)
                st = append(t, e);
        arena_reset(&t->change.arena);
        if (st != NI_OK && t->failed == NI_OK)
                return store_damaged(t);
        return st;
}

/* A number that was given up goes on from its last instance, unless it is in use already. */
static enum ni_status past_number(struct store_txn *t, const struct store_record *r)
{
        uint32_t object, instance;
        if (r->object > STORE_OBJECT_MAX)
                return store_damaged(t);
        const enum ni_status st = store_number_take(t, r->object, &object, &instance);
        if (st != NI_OK)
                return st == NI_ALIVE ? NI_OK : st;
        return store_number_give(t, r->object, r->instance);
}

enum ni_status store_replay_past(struct store_txn *t, const struct store_entry *e)
{
        enum ni_status st = may_append(t, e);
        if (st != NI_OK)
                return st;
        for (uint32_t i = 0; st == NI_OK && i < e->record_count; i++)
                if (e->records[i].kind == STORE_DESTROYED)
                        st = past_number(t, &e->records[i]);
        if (st == NI_OK)
                st = append(t, e);
        t->dirty = true;
        if (st != NI_OK && t->failed == NI_OK)
                return store_damaged(t);
        return st;
}

/* -- loosely: pages and changes of different moments, which agree only at the end
 * ---------------------------------------------------------------------------------------------- */

/* Somebody else stands at this place, by a page or record that is older or newer than n: he waits outside,
 * with ordinal 0, until a later record moves or removes him. */
static enum ni_status make_room(struct store_txn *t, const struct store_node *n)
{
        struct store_node other;
        uint32_t child = 0;
        if (n->id.object == 0)
                return NI_OK;
        enum ni_status st = child_at(t, n->parent, n->ordinal, &child);
        if (st != NI_OK || child == n->id.object)
                return st == NI_NODIR ? NI_OK : st;
        st = store_get(t, child, &other);
        if (st != NI_OK)
                return st == NI_NODIR ? store_damaged(t) : st;
        other.props = keep(t, other.props);
        if (!other.props.data)
                return t->failed;
        st = lift(t, &other);
        if (st == NI_OK)
                st = store_get(t, child, &other); /* its own parent, perhaps: counted anew */
        if (st != NI_OK)
                return st;
        other.props = keep(t, other.props);
        other.ordinal = 0;
        return other.props.data ? store_node_put(t, &other, true) : t->failed;
}

static enum ni_status put_loosely(struct store_txn *t, struct store_node *n)
{
        if (!acceptable(n))
                return store_damaged(t);
        n->props = keep(t, n->props);
        if (!n->props.data)
                return t->failed;
        const enum ni_status st = make_room(t, n);
        return st == NI_OK ? install(t, n) : st;
}

static enum ni_status record_loosely(struct store_txn *t, const struct store_record *r, uint64_t seq)
{
        struct store_node n = {.id = {r->object, r->instance},
                               .parent = r->parent,
                               .ordinal = r->ordinal,
                               .born = r->born,
                               .version = seq,
                               .props = r->after};
        if (r->kind == STORE_CREATED)
                return r->has_after ? put_loosely(t, &n) : store_damaged(t);
        struct store_node old;
        enum ni_status st = store_get(t, r->object, &old);
        if (st != NI_OK || old.born != r->born) /* destroyed before its page was read */
                return st == NI_OK || st == NI_NODIR ? NI_OK : st;
        if (r->kind != STORE_DESTROYED) {
                n.props = r->has_after ? r->after : old.props;
                return put_loosely(t, &n);
        }
        if (r->object == 0)
                return store_damaged(t);
        old.props = keep(t, old.props);
        st = old.props.data ? lift(t, &old) : t->failed;
        if (st == NI_OK)
                st = store_node_del(t, r->object);
        return st == NI_OK ? store_number_give(t, r->object, r->instance) : st;
}

enum ni_status store_replay_page(struct store_txn *t, const struct store_node *node)
{
        struct store_node n = *node;
        enum ni_status st = may_replay(t);
        if (st == NI_OK && !acceptable(node))
                st = NI_SYSTEMERR;
        if (st != NI_OK)
                return st;
        st = put_loosely(t, &n);
        arena_reset(&t->change.arena);
        if (st != NI_OK && t->failed == NI_OK)
                return store_damaged(t);
        return st;
}

enum ni_status store_replay_loosely(struct store_txn *t, const struct store_entry *e)
{
        enum ni_status st = may_append(t, e);
        if (st != NI_OK)
                return st;
        for (uint32_t i = 0; st == NI_OK && i < e->record_count; i++)
                st = record_loosely(t, &e->records[i], e->seq);
        if (st == NI_OK)
                st = append(t, e);
        t->dirty = true;
        arena_reset(&t->change.arena);
        if (st != NI_OK && t->failed == NI_OK)
                return store_damaged(t);
        return st;
}
