/* One change: what its operations have done to each directory so far, and its journal entry at the end. The
 * operations of one change are told as one step: a directory has one record (two when its properties and its
 * place changed), with its final state; one that was made and destroyed within the change has none. */
#include "store/store-internal.h"

#include "sys/clock.h"

#include <errno.h>
#include <stdlib.h>

static struct bytes cut(struct store_txn *t, struct bytes b)
{
        return arena_bytes(&t->change.arena, bytes_sub(b, 0, LIMIT_WHO));
}

enum ni_status store_change_begin(struct store_txn *t, const struct store_actor *actor)
{
        struct store_change *c = &t->change;
        const enum ni_status st = store_may_write(t);
        if (st != NI_OK)
                return st;
        if (c->open)
                return NI_SYSTEMERR;
        c->actor = (struct store_actor){cut(t, actor->who), cut(t, actor->from), cut(t, actor->what)};
        if (c->arena.failed)
                return store_fail(t, ENOMEM);
        c->open = true;
        c->seq = t->state.seq + 1;
        return NI_OK;
}

void store_change_drop(struct store_txn *t)
{
        struct store_change *c = &t->change;
        if (c->slots && c->n * 8 < c->slots) { /* few of many: empty just those */
                for (uint32_t i = 0; i < c->n; i++)
                        for (uint32_t h = c->v[i].object & (c->slots - 1); c->slot[h];
                             h = (h + 1) & (c->slots - 1))
                                c->slot[h] = 0;
        } else if (c->slots) {
                memset(c->slot, 0, c->slots * sizeof(*c->slot));
        }
        arena_reset(&c->arena);
        c->open = c->late = false;
        c->tail = 0;
        c->n = 0;
        c->weight = 0;
}

/* -- pending records
 * ------------------------------------------------------------------------------------------ */

static uint32_t *slot_of(struct store_change *c, uint32_t object)
{
        uint32_t h = object & (c->slots - 1);
        while (c->slot[h] && c->v[c->slot[h] - 1].object != object)
                h = (h + 1) & (c->slots - 1);
        return &c->slot[h];
}

static bool grow(struct store_change *c)
{
        const uint32_t slots = c->slots ? c->slots * 2 : 64;
        struct store_pending *v = reallocarray(c->v, slots / 2, sizeof(*v));
        if (!v)
                return false;
        c->v = v;
        uint32_t *slot = calloc(slots, sizeof(*slot));
        if (!slot)
                return false;
        free(c->slot);
        c->slot = slot;
        c->slots = slots;
        c->cap = slots / 2;
        for (uint32_t i = 0; i < c->n; i++) /* later ones of the same object win */
                *slot_of(c, c->v[i].object) = i + 1;
        return true;
}

/* The pending record of this directory (of this birth), made if there is none; NULL: failed (sticky). */
static struct store_pending *pending_of(struct store_txn *t, const struct store_node *n)
{
        struct store_change *c = &t->change;
        if (c->n == c->cap && !grow(c)) {
                store_fail(t, ENOMEM);
                return NULL;
        }
        uint32_t *slot = slot_of(c, n->id.object);
        if (*slot && c->v[*slot - 1].born == n->born && !c->v[*slot - 1].dropped)
                return &c->v[*slot - 1];
        c->weight += RECORD_MIN + 8;
        if (c->n >= LIMIT_ENTRY_RECORDS || c->weight > LIMIT_ENTRY) {
                store_fail(t, ENOSPC);
                return NULL;
        }
        c->v[c->n] = (struct store_pending){.object = n->id.object, .born = n->born};
        *slot = ++c->n;
        return &c->v[c->n - 1];
}

/* Notes the state of the directory after this step. */
static enum ni_status note(struct store_txn *t, struct store_pending *p, const struct store_node *n)
{
        p->instance = n->id.instance;
        p->parent = n->parent;
        p->ordinal = n->ordinal;
        return t->change.weight > LIMIT_ENTRY ? store_fail(t, ENOSPC) : NI_OK;
}

static void keep_after(struct store_txn *t, struct store_pending *p, struct bytes props)
{
        t->change.weight += props.len;
        t->change.weight -= p->after.len;
        p->after = props;
}

enum ni_status store_note_created(struct store_txn *t, const struct store_node *n)
{
        struct store_pending *p = pending_of(t, n);
        if (!p)
                return t->failed;
        p->created = true;
        keep_after(t, p, n->props);
        return note(t, p, n);
}

enum ni_status store_note_changed(struct store_txn *t, const struct store_node *n, struct bytes before)
{
        struct store_pending *p = pending_of(t, n);
        if (!p)
                return t->failed;
        if (!p->has_before && !p->created) {
                p->has_before = true;
                p->before = before;
                t->change.weight += before.len;
        }
        p->changed = true;
        keep_after(t, p, n->props);
        return note(t, p, n);
}

enum ni_status store_note_touched(struct store_txn *t, const struct store_node *n)
{
        struct store_pending *p = pending_of(t, n);
        if (!p)
                return t->failed;
        p->touched = true;
        return note(t, p, n);
}

enum ni_status store_note_moved(struct store_txn *t, const struct store_node *n)
{
        struct store_pending *p = pending_of(t, n);
        if (!p)
                return t->failed;
        p->moved = true;
        return note(t, p, n);
}

enum ni_status store_note_destroyed(struct store_txn *t, const struct store_node *n, struct bytes before)
{
        struct store_pending *p = pending_of(t, n);
        if (!p)
                return t->failed;
        t->change.weight -= p->after.len;
        p->after = BYTES_NONE;
        if (p->created) {
                p->dropped = true; /* nobody ever saw it */
                return NI_OK;
        }
        p->destroyed = true;
        if (!p->has_before) {
                p->has_before = true;
                p->before = before;
                t->change.weight += before.len;
        }
        return note(t, p, n);
}

/* -- the end
 * -------------------------------------------------------------------------------------------------- */

static struct store_record record_of(const struct store_pending *p, uint32_t kind)
{
        return (struct store_record){.kind = kind,
                                     .object = p->object,
                                     .born = p->born,
                                     .instance = p->instance,
                                     .parent = p->parent,
                                     .ordinal = p->ordinal};
}

/* One or two records; gives their number. */
static uint32_t emit(const struct store_pending *p, struct store_record to[2])
{
        const bool changed = p->changed && !p->created && !p->destroyed;
        uint32_t n = 0;
        if (p->dropped)
                return 0;
        if (p->destroyed || p->created || changed) {
                struct store_record *r = &to[n++];
                *r = record_of(p, p->destroyed ? STORE_DESTROYED
                                  : p->created ? STORE_CREATED
                                               : STORE_CHANGED);
                r->has_before = !p->created;
                r->before = p->before;
                r->has_after = !p->destroyed;
                r->after = p->after;
        }
        if (p->moved && !p->created && !p->destroyed)
                to[n++] = record_of(p, STORE_MOVED);
        if (n == 0)
                to[n++] = record_of(p, STORE_TOUCHED);
        return n;
}

static enum ni_status write_entry(struct store_txn *t)
{
        struct store_change *c = &t->change;
        struct store_record *r = calloc((size_t)c->n * 2, sizeof(*r));
        uint32_t n = 0;
        enum ni_status st = NI_OK;
        if (!r)
                return store_fail(t, ENOMEM);
        for (uint32_t i = 0; i < c->n; i++)
                n += emit(&c->v[i], r + n);
        if (n) {
                uint64_t when = clock_wall_us();
                when = when < t->state.last_when ? t->state.last_when
                                                 : when; /* a clock set back does not show */
                st = store_journal_append(t, c->seq,
                                          &(struct store_entry_head){.when = when,
                                                                     .record_count = n,
                                                                     .who = c->actor.who,
                                                                     .from = c->actor.from,
                                                                     .what = c->actor.what},
                                          r);
        }
        free(r);
        return st;
}

enum ni_status store_change_end(struct store_txn *t, uint64_t *ret_seq)
{
        enum ni_status st = store_may_write(t);
        if (st == NI_OK && !t->change.open)
                st = NI_SYSTEMERR;
        if (st == NI_OK)
                st = store_node_settle(t);
        if (st == NI_OK && t->change.n)
                st = write_entry(t);
        store_change_drop(t);
        if (st == NI_OK && ret_seq)
                *ret_seq = t->state.seq;
        return st;
}
