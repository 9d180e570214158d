/* Directories as values of the table `nodes`, and the sums over all of them. */
#include "store/store-internal.h"

#include "model/edit.h"

#include <errno.h>

enum ni_status store_get_info(struct store_txn *t, struct store_info *ret)
{
        struct bytes key = BYTES_NONE, value;
        enum ni_status st = store_state_load(t);
        if (st == NI_OK)
                st = store_node_settle(t);
        if (st != NI_OK)
                return st;
        MDB_cursor *c = store_cursor(t, T_NODES);
        if (!c)
                return NI_SYSTEMERR;
        st = store_cursor_move(t, c, MDB_LAST, &key, &value);
        if (st != NI_OK || key.len != 4) {
                store_cursor_back(t, T_NODES, c);
                return store_damaged(t);
        }
        const struct store_state *s = &t->state;
        *ret = (struct store_info){.epoch = s->epoch,
                                   .seq = s->seq,
                                   .first_seq = s->first_seq,
                                   .role = s->role,
                                   .checksum = s->checksum,
                                   .directories = s->directories,
                                   .highest = xdr_load(key.data),
                                   .last_when = s->last_when};
        store_cursor_back(t, T_NODES, c);
        memcpy(ret->uuid, s->uuid, 16);
        put64(ret->digest, s->digest.hi);
        put64(ret->digest + 8, s->digest.lo);
        return NI_OK;
}

enum ni_status store_get(struct store_txn *t, uint32_t object, struct store_node *ret)
{
        uint8_t key[4];
        struct bytes raw;
        if (t->change.late && t->change.touched.id.object == object) {
                *ret = t->change.touched;
                return NI_OK;
        }
        if (t->cached && t->active && t->cache.id.object == object) {
                *ret = t->cache;
                return NI_OK;
        }
        const uint32_t place = object % KEPT_PARENTS;
        if (t->kept >> place & 1 && t->active && t->parents[place].id.object == object) {
                *ret = t->parents[place];
                return NI_OK;
        }
        xdr_store(key, object);
        const enum ni_status st = store_table_get(t, T_NODES, bytes_of(key, 4), &raw);
        if (st != NI_OK)
                return st;
        if (!store_node_decode(raw, object, &t->cache))
                return t->writer ? store_damaged(t) : NI_SYSTEMERR;
        t->cached = true;
        if (!t->writer && t->cache.child_count) {
                t->parents[place] = t->cache;
                t->kept |= 1u << place;
        }
        *ret = t->cache;
        return NI_OK;
}

/* Takes what a directory contributes out of the sums. */
static enum ni_status subtract(struct store_txn *t, struct bytes key, uint32_t object)
{
        struct bytes raw;
        struct store_node old;
        enum ni_status st = NI_OK;
        if (t->cached && t->cache.id.object == object) {
                old = t->cache; /* the value lies around its properties */
                raw = bytes_of(old.props.data - NODE_HEADER, NODE_HEADER + old.props.len);
        } else {
                st = store_table_get(t, T_NODES, key, &raw);
                if (st == NI_OK && !store_node_decode(raw, object, &old))
                        st = store_damaged(t);
        }
        if (st != NI_OK)
                return st;
        t->state.checksum -= checksum_term(old.id);
        t->state.digest = hash_sub(t->state.digest, store_node_sum(raw));
        return NI_OK;
}

enum ni_status store_node_put(struct store_txn *t, const struct store_node *n, bool existed)
{
        uint8_t key[4];
        enum ni_status st;
        xdr_store(key, n->id.object);
        buf_clear(&t->scratch);
        store_node_encode(n, &t->scratch);
        if (t->scratch.failed)
                return store_fail(t, ENOMEM);
        if (existed && (st = subtract(t, bytes_of(key, 4), n->id.object)) != NI_OK)
                return st == NI_NODIR ? store_damaged(t) : st;
        if (t->change.touched.id.object == n->id.object)
                t->change.late = false; /* n was made from it */
        const struct bytes value = buf_bytes(&t->scratch);
        uint8_t *page;
        st = store_table_reserve(t, T_NODES, bytes_of(key, 4), value.len, existed ? 0 : MDB_NOOVERWRITE,
                                 &page);
        if (st != NI_OK)
                return st == NI_ALIVE ? store_damaged(t) : st;
        memcpy(page, value.data, value.len);
        t->cached =
                store_node_decode(bytes_of(page, value.len), n->id.object, &t->cache); /* read next, often */
        t->state.checksum += checksum_term(n->id);
        t->state.digest = hash_add(t->state.digest, store_node_sum(value));
        t->state.directories += existed ? 0 : 1;
        return NI_OK;
}

enum ni_status store_node_settle(struct store_txn *t)
{
        if (!t->change.late)
                return NI_OK;
        t->change.late = false;
        return store_node_put(t, &t->change.touched, true);
}

enum ni_status store_node_del(struct store_txn *t, uint32_t object)
{
        uint8_t key[4];
        xdr_store(key, object);
        if (t->change.touched.id.object == object)
                t->change.late = false;
        enum ni_status st = subtract(t, bytes_of(key, 4), object);
        if (st == NI_OK)
                st = store_table_del(t, T_NODES, bytes_of(key, 4));
        if (st != NI_OK)
                return st == NI_NODIR ? store_damaged(t) : st;
        t->state.directories--;
        return NI_OK;
}

bool store_each_next(struct store_walk *w, struct store_node *ret)
{
        struct store_txn *t = w->txn;
        uint8_t start[4];
        struct bytes key = bytes_of(start, 4), value;
        if (w->status != NI_OK || (w->started && w->next_object == 0))
                return false;
        const bool seek = !w->started || w->generation != t->generation;
        if (!w->cursor)
                w->cursor = store_cursor(t, T_NODES);
        if (!w->cursor) {
                w->status = NI_SYSTEMERR;
                return false;
        }
        xdr_store(start, w->next_object);
        const enum ni_status st =
                store_cursor_move(t, w->cursor, seek ? MDB_SET_RANGE : MDB_NEXT, &key, &value);
        w->started = true;
        w->generation = t->generation;
        if (st == NI_NODIR) {
                w->next_object = 0;
                return false;
        }
        if (st != NI_OK || key.len != 4 || xdr_load(key.data) < w->next_object ||
            !store_node_decode(value, xdr_load(key.data), ret)) {
                w->status = NI_SYSTEMERR;
                return false;
        }
        w->visited++;
        w->child = ret->id.object;
        w->next_object = ret->id.object + 1;
        return true;
}

void store_each(struct store_txn *t, uint32_t from, struct store_walk *w)
{
        const enum ni_status settled = store_node_settle(t);
        *w = (struct store_walk){.txn = t, .next_object = from, .status = t->active ? settled : NI_SYSTEMERR};
        if (w->status == NI_OK)
                w->status = t->failed;
}
