/* Object numbers: the smallest free one, and what instance a reused one goes on from (doc/decisions.md 10).
 * `ceiling` is the number after the largest that was ever in use; below it a number is in use, or in the
 * table `freed`: alone with its last instance, or in a run of numbers that were never used (left by replicas,
 * which are told their numbers). So the smallest free number is freed's first key, else the ceiling. */
#include "store/store-internal.h"

static enum ni_status put_freed(struct store_txn *t, uint32_t object, const struct store_freed *f)
{
        uint8_t key[4], value[8];
        xdr_store(key, object);
        return store_table_put(t, T_FREED, bytes_of(key, 4), store_freed_encode(f, value), 0);
}

/* Takes `object` out of the entry that begins at `first`. */
static enum ni_status claim(struct store_txn *t, uint32_t first, const struct store_freed *f, uint32_t object,
                            uint32_t *ret_instance)
{
        uint8_t key[4];
        xdr_store(key, first);
        enum ni_status st = store_table_del(t, T_FREED, bytes_of(key, 4));
        if (st == NI_OK && f->never && object > first)
                st = put_freed(t, first, &(struct store_freed){.never = true, .last = object - 1});
        if (st == NI_OK && f->never && object < f->last)
                st = put_freed(t, object + 1, &(struct store_freed){.never = true, .last = f->last});
        if (st == NI_OK)
                *ret_instance = f->never || t->s->options.reuse_from_zero ? 0 : f->instance + 1;
        return st;
}

/* The entry of `freed` with the largest key <= object (or, with `lowest`, the first of all). */
static enum ni_status find_freed(struct store_txn *t, uint32_t object, bool lowest, uint32_t *ret_first,
                                 struct store_freed *ret)
{
        uint8_t start[4];
        struct bytes key = bytes_of(start, 4), value;
        MDB_cursor *c = store_cursor(t, T_FREED);
        if (!c)
                return NI_SYSTEMERR;
        xdr_store(start, object);
        enum ni_status st = store_cursor_move(t, c, lowest ? MDB_FIRST : MDB_SET_RANGE, &key, &value);
        if (!lowest && (st == NI_NODIR || (st == NI_OK && key.len == 4 && xdr_load(key.data) != object)))
                st = store_cursor_move(t, c, st == NI_NODIR ? MDB_LAST : MDB_PREV, &key, &value);
        if (st == NI_OK && (key.len != 4 || !store_freed_decode(value, xdr_load(key.data), ret)))
                st = store_damaged(t);
        if (st == NI_OK)
                *ret_first = xdr_load(key.data);
        store_cursor_back(t, T_FREED, c);
        return st;
}

static bool none_freed(struct store_txn *t)
{
        MDB_stat stat;
        return mdb_stat(t->txn, t->s->dbi[T_FREED], &stat) == 0 && stat.ms_entries == 0;
}

static enum ni_status take_new(struct store_txn *t, uint32_t object, uint32_t *ret_instance)
{
        const uint64_t ceiling = t->state.ceiling;
        enum ni_status st = NI_OK;
        if (object > STORE_OBJECT_MAX)
                return NI_NOSPACE;
        if (object > ceiling) /* numbers left out are free, and were never used */
                st = put_freed(t, (uint32_t)ceiling,
                               &(struct store_freed){.never = true, .last = object - 1});
        if (st != NI_OK)
                return st;
        t->state.ceiling = (uint64_t)object + 1;
        *ret_instance = 0;
        return NI_OK;
}

enum ni_status store_number_take(struct store_txn *t, uint32_t want, uint32_t *ret_object,
                                 uint32_t *ret_instance)
{
        struct store_freed f = {0};
        uint32_t first = 0;
        const bool any = want == NI_INDEX_NULL;
        enum ni_status st;
        if (!any && want >= t->state.ceiling) {
                st = take_new(t, want, ret_instance);
                if (st == NI_OK)
                        *ret_object = want;
                return st;
        }
        st = none_freed(t) ? NI_NODIR : find_freed(t, want, any, &first, &f);
        if (st == NI_NODIR && any) {
                const uint32_t object = (uint32_t)t->state.ceiling;
                st = take_new(t, object, ret_instance);
                if (st == NI_OK)
                        *ret_object = object;
                return st;
        }
        if (st == NI_NODIR || (st == NI_OK && !any && (first > want || f.last < want)))
                return NI_ALIVE;
        if (st == NI_OK)
                st = claim(t, first, &f, any ? first : want, ret_instance);
        if (st == NI_OK)
                *ret_object = any ? first : want;
        return st;
}

enum ni_status store_number_give(struct store_txn *t, uint32_t object, uint32_t instance)
{
        return put_freed(t, object, &(struct store_freed){.last = object, .instance = instance});
}
