/* Random operations against a naive model that keeps everything in plain arrays, and against a second store
 * that follows the journal: order, look-ups, instances, free numbers, checksum, refusals, undone requests. */
#include "fixture.h"

#include "../../lib/sized.h"
#include "store/store-internal.h" /* how long a run of counted children is */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define MOST \
        300u /* directories: enough to have depth and width, few enough to compare all of them each time */

struct dir {
        bool exists, was; /* was: the number has been in use */
        uint32_t instance, parent;
        uint32_t children[MOST], n;
        uint8_t *props;
        size_t len;
        uint64_t version, born;
};

struct world {
        struct dir d[MOST];
        uint32_t count;
        uint64_t seq;
};

static uint64_t random_state;

static uint32_t rnd(uint32_t below) /* xorshift: the same run for the same seed */
{
        random_state ^= random_state << 13;
        random_state ^= random_state >> 7;
        random_state ^= random_state << 17;
        return (uint32_t)(random_state >> 33) % below;
}

/* -- the model's own rules (doc/protocol.md 1.2, 2.6, 2.7)
 * ---------------------------------------------------- */

static uint32_t smallest_free(const struct world *w)
{
        uint32_t i = 0;
        while (i < MOST && w->d[i].exists)
                i++;
        return i;
}

static void set_props(struct dir *d, struct bytes props)
{
        free(d->props);
        d->props = malloc(props.len);
        assert_non_null(d->props);
        memcpy(d->props, props.data, props.len);
        d->len = props.len;
}

static void list_insert(struct dir *d, uint32_t child, uint32_t where)
{
        const uint32_t at = where < d->n ? where : d->n;
        memmove(d->children + at + 1, d->children + at, (d->n - at) * sizeof(d->children[0]));
        d->children[at] = child;
        d->n++;
}

static void list_remove(struct dir *d, uint32_t child)
{
        uint32_t at = 0;
        while (d->children[at] != child)
                at++;
        d->n--;
        memmove(d->children + at, d->children + at + 1, (d->n - at) * sizeof(d->children[0]));
}

static bool below(const struct world *w, uint32_t object, uint32_t what)
{
        while (object && object != what)
                object = w->d[object].parent;
        return object == what;
}

static bool there(const struct world *w, uint32_t object)
{
        return object < MOST && w->d[object].exists;
}

struct op {
        uint32_t kind; /* 0 add, 1 remove, 2 props, 3 move */
        uint32_t a, b, where;
        struct bytes props;
};

static enum ni_status model_says(const struct world *w, const struct op *o)
{
        switch (o->kind) {
        case 0:
        case 2:
                return there(w, o->a) ? NI_OK : NI_NODIR;
        case 1:
                if (!there(w, o->a) || !there(w, o->b))
                        return NI_NODIR;
                if (w->d[o->b].n)
                        return NI_NOTEMPTY;
                return o->b == 0 || w->d[o->b].parent != o->a ? NI_UNRELATED : NI_OK;
        default:
                if (!there(w, o->a) || !there(w, o->b))
                        return NI_NODIR;
                return o->a == 0 || below(w, o->b, o->a) ? NI_UNRELATED : NI_OK;
        }
}

static void touch(struct world *w, uint32_t object)
{
        w->d[object].instance++;
        w->d[object].version = w->seq;
}

static void model_does(struct world *w, const struct op *o)
{
        struct dir *d;
        uint32_t n;
        switch (o->kind) {
        case 0:
                n = smallest_free(w);
                d = &w->d[n];
                d->instance = d->was ? d->instance + 1 : 0;
                d->exists = d->was = true;
                d->parent = o->a;
                d->born = d->version = w->seq;
                set_props(d, o->props);
                list_insert(&w->d[o->a], n, o->where);
                touch(w, o->a);
                w->count++;
                break;
        case 1:
                w->d[o->b].exists = false;
                list_remove(&w->d[o->a], o->b);
                touch(w, o->a);
                w->count--;
                break;
        case 2:
                set_props(&w->d[o->a], o->props);
                touch(w, o->a);
                break;
        default:
                d = &w->d[o->a];
                n = d->parent;
                list_remove(&w->d[n], o->a);
                list_insert(&w->d[o->b], o->a, o->where);
                d->parent = o->b;
                d->version = w->seq;
                touch(w, o->b);
                if (n != o->b)
                        touch(w, n);
        }
}

/* -- random operations
 * ---------------------------------------------------------------------------------------- */

static void random_props(struct buf *b)
{
        static const char *const names[] = {"name", "uid", "users", "note", "name", "gid", ""};
        const uint32_t n = rnd(6);
        buf_clear(b);
        xdr_put_u32(b, n);
        for (uint32_t i = 0; i < n; i++) {
                xdr_put_opaque(b, bytes_str(names[rnd(7)]));
                const uint32_t values =
                        rnd(20) ? rnd(4) : rnd(40); /* long lists take another way in the index */
                xdr_put_u32(b, values);
                for (uint32_t k = 0; k < values; k++) {
                        char text[16];
                        snprintf(text, sizeof(text), "%.*s", (int)rnd(8), "vvvvvvv");
                        if (rnd(3))
                                snprintf(text, sizeof(text), "v%" PRIu32, rnd(30));
                        xdr_put_opaque(b, bytes_str(text));
                }
        }
}

static uint32_t random_object(const struct world *w)
{
        if (rnd(20) == 0)
                return rnd(MOST + 20);
        uint32_t o = rnd(MOST);
        for (uint32_t i = 0; i < MOST && !w->d[o].exists; i++)
                o = (o + 1) % MOST;
        return o;
}

static struct op random_op(const struct world *w, struct buf *b)
{
        struct op o = {.kind = rnd(10), .where = rnd(3) ? rnd(12) : NI_INDEX_NULL};
        if (w->seq / 500 % 2)
                o.where = 1;                             /* gaps close, neighbours move */
        const uint32_t adds = w->seq / 2000 % 2 ? 1 : 4; /* the tree grows, then shrinks, then grows ... */
        o.kind = o.kind < adds ? 0 : o.kind < 6 ? 1 : o.kind < 9 ? 2 : 3;
        if (o.kind == 0 && w->count >= MOST - 1)
                o.kind = 1;
        random_props(b);
        o.props = buf_bytes(b);
        o.a = random_object(w);
        o.b = random_object(w);
        if (o.kind == 0 && rnd(2))
                o.a = rnd(4); /* some directories are wide */
        if (o.kind == 1 && rnd(8)) {
                while (!there(w, o.b))
                        o.b = random_object(w);
                o.a = w->d[o.b].parent;
        }
        return o;
}

static enum ni_status store_does(struct store_txn *t, const struct op *o, struct ni_id *ret)
{
        struct ni_id up;
        switch (o->kind) {
        case 0:
                return store_add_child(t, o->a, o->props, o->where, NI_INDEX_NULL, ret, &up);
        case 1:
                return store_remove_child(t, o->a, o->b, ret);
        case 2:
                return store_put_props(t, o->a, o->props, ret);
        default:
                return store_move(t, o->a, o->b, o->where);
        }
}

/* -- comparing
 * ------------------------------------------------------------------------------------------------ */

static void compare_children(struct store_txn *r, const struct world *w, uint32_t i)
{
        struct store_walk walk;
        uint32_t n = 0;
        store_children(r, i, STORE_FROM_START, &walk);
        while (store_next(&walk)) {
                assert_true(n < w->d[i].n);
                assert_int_equal(walk.child, w->d[i].children[n]);
                n++;
        }
        store_end(&walk);
        assert_int_equal(walk.status, NI_OK);
        assert_int_equal(n, w->d[i].n);
}

static void compare(struct store_txn *r, const struct world *w)
{
        uint32_t sum = 0, count = 0, highest = 0;
        struct store_info info;
        for (uint32_t i = 0; i < MOST; i++) {
                const struct dir *d = &w->d[i];
                struct store_node n;
                assert_int_equal(store_get(r, i, &n), d->exists ? NI_OK : NI_NODIR);
                if (!d->exists)
                        continue;
                assert_int_equal(n.id.instance, d->instance);
                assert_int_equal(n.parent, d->parent);
                assert_int_equal(n.child_count, d->n);
                assert_int_equal(n.born, d->born);
                assert_true(n.version >= d->version); /* a rebalance is a change, too */
                assert_true(bytes_eq(n.props, bytes_of(d->props, d->len)));
                compare_children(r, w, i);
                sum += (i + 1) * d->instance;
                count++;
                highest = i;
        }
        assert_int_equal(store_get_info(r, &info), NI_OK);
        assert_int_equal(info.checksum, sum);
        assert_int_equal(info.directories, count);
        assert_int_equal(info.highest, highest);
        assert_int_equal(info.seq, w->seq);
}

static void compare_lookup(struct store_txn *r, const struct world *w)
{
        static const char *const names[] = {"name", "uid", "users", "note", "gid", "", "absent"};
        const uint32_t parent = rnd(3) ? rnd(4) : rnd(MOST);
        const struct bytes key = bytes_str(names[rnd(7)]);
        char text[16];
        snprintf(text, sizeof(text), "v%" PRIu32, rnd(30));
        if (rnd(5) == 0)
                text[0] = '\0';
        struct store_walk walk;
        store_lookup(r, parent, key, bytes_str(text), STORE_FROM_START, &walk);
        for (uint32_t i = 0; w->d[parent].exists && i < w->d[parent].n; i++) {
                const struct dir *d = &w->d[w->d[parent].children[i]];
                struct prop_walk p;
                if (!prop_find(bytes_of(d->props, d->len), key, &p) ||
                    !namelist_has(p.values, bytes_str(text)))
                        continue;
                assert_true(store_next(&walk));
                assert_int_equal(walk.child, w->d[parent].children[i]);
        }
        assert_false(store_next(&walk));
        assert_int_equal(walk.status, NI_OK);
        store_end(&walk);
}

/* -- the follower
 * --------------------------------------------------------------------------------------------- */

static void follow(struct store_txn *r, struct store *second, const struct world *w)
{
        struct store_info theirs, ours;
        struct store_txn *t;
        struct arena a;
        arena_init(&a, 0);
        assert_int_equal(store_get_info(r, &theirs), NI_OK);
        assert_int_equal(store_write_begin(second, &t), NI_OK);
        assert_int_equal(store_get_info(t, &ours), NI_OK);
        for (uint64_t seq = ours.seq + 1; seq <= theirs.seq; seq++) {
                struct store_entry e;
                arena_reset(&a);
                assert_int_equal(store_journal_get(r, seq, &a, &e), NI_OK);
                assert_int_equal(store_replay_entry(t, &e), NI_OK);
        }
        if (rnd(2))
                compare_lookup(t, w);
        assert_int_equal(store_commit(t, NULL), NI_OK);
        arena_done(&a);
}

static void compare_stores(struct store_txn *a, struct store_txn *b)
{
        struct store_info x, y;
        struct store_walk v, w;
        struct store_node m, n;
        assert_int_equal(store_get_info(a, &x), NI_OK);
        assert_int_equal(store_get_info(b, &y), NI_OK);
        assert_int_equal(x.seq, y.seq);
        assert_int_equal(x.checksum, y.checksum);
        assert_int_equal(x.directories, y.directories);
        assert_int_equal(x.highest, y.highest);
        assert_int_equal(x.last_when, y.last_when);
        assert_memory_equal(x.digest, y.digest, 16);
        store_each(a, 0, &v);
        store_each(b, 0, &w);
        while (store_each_next(&v, &m)) {
                assert_true(store_each_next(&w, &n));
                assert_int_equal(m.id.object, n.id.object);
                assert_int_equal(m.id.instance, n.id.instance);
                assert_int_equal(m.parent, n.parent);
                assert_int_equal(m.child_count, n.child_count);
                assert_int_equal(m.ordinal, n.ordinal);
                assert_int_equal(m.born, n.born);
                assert_int_equal(m.version, n.version);
                assert_true(bytes_eq(m.props, n.props));
        }
        assert_false(store_each_next(&w, &n));
        store_end(&v);
        store_end(&w);
}

/* -- the run
 * -------------------------------------------------------------------------------------------------- */

struct run {
        struct fixture *f, *second;
        struct store_txn *reader; /* one, as a worker has, for all that is read of f */
        struct world *w;
        struct buf b;
        uint32_t done, refused, undone;
};

/* One change of a few operations; a refusal leaves nothing. */
static void one_change(struct run *u, struct store_txn *t, bool nested)
{
        bool wrote = false;
        uint64_t seq = 0;
        if (nested)
                assert_int_equal(store_sub_begin(t), NI_OK);
        assert_int_equal(store_change_begin(t, &nobody), NI_OK);
        u->w->seq++;
        for (uint32_t k = 1 + rnd(4); k; k--) {
                const struct op o = random_op(u->w, &u->b);
                const enum ni_status expected = model_says(u->w, &o);
                struct ni_id id = {0, 0};
                if (rnd(3) == 0)
                        compare_lookup(t, u->w); /* of what this change, or another of the batch, has done */
                assert_int_equal(store_does(t, &o, &id), expected);
                u->done++;
                if (expected != NI_OK) {
                        u->refused++;
                        continue;
                }
                const uint32_t made = smallest_free(u->w);
                model_does(u->w, &o);
                wrote = true;
                if (o.kind == 0) {
                        assert_int_equal(id.object, made);
                        assert_int_equal(id.instance, u->w->d[made].instance);
                } else if (o.kind < 3) {
                        assert_int_equal(id.instance, u->w->d[o.a].instance);
                }
        }
        u->w->seq -= !wrote;
        assert_int_equal(store_change_end(t, &seq), NI_OK);
        assert_int_equal(seq, u->w->seq);
        if (nested)
                assert_int_equal(store_sub_commit(t), NI_OK);
}

/* Looks something up, whatever the answer. */
static void look(struct store_txn *t)
{
        struct store_walk walk;
        char text[16];
        snprintf(text, sizeof(text), "v%" PRIu32, rnd(30));
        store_lookup(t, rnd(4), BYTES_LIT("name"), bytes_str(text), STORE_FROM_START, &walk);
        while (store_next(&walk))
                ;
        assert_int_equal(walk.status, NI_OK);
        store_end(&walk);
}

/* Operations that are taken back: whatever they answered, nothing of them may stay. */
static void undone_change(struct run *u, struct store_txn *t)
{
        assert_int_equal(store_sub_begin(t), NI_OK);
        assert_int_equal(store_change_begin(t, &nobody), NI_OK);
        for (uint32_t k = 1 + rnd(5); k; k--) {
                const struct op o = random_op(u->w, &u->b);
                struct ni_id id;
                store_does(t, &o, &id);
                u->undone++;
                if (rnd(3) == 0)
                        look(t); /* what waits for the index is put, and goes again */
        }
        if (rnd(2))
                assert_int_equal(store_change_end(t, NULL), NI_OK);
        store_sub_abort(t);
}

static void one_batch(struct run *u)
{
        struct store_txn *t;
        u->f->s->writer.backlog.most = rnd(4) ? BACKLOG_MOST : 1 + rnd(6); /* or nearly nothing may wait */
        assert_int_equal(store_write_begin(u->f->s, &t), NI_OK);
        for (uint32_t n = 1 + rnd(20); n; n--)
                if (rnd(6) == 0)
                        undone_change(u, t);
                else
                        one_change(u, t, rnd(3) != 0);
        compare(t, u->w); /* the writer sees its own */
        if (rnd(2))
                compare_lookup(t, u->w);
        assert_int_equal(store_journal_trim(t, UINT64_MAX, 1000, NULL), NI_OK);
        assert_int_equal(store_commit(t, NULL), NI_OK);
        if (rnd(8) == 0) { /* a whole batch that fails */
                assert_int_equal(store_write_begin(u->f->s, &t), NI_OK);
                undone_change(u, t);
                assert_int_equal(store_change_begin(t, &nobody), NI_OK);
                const struct op o = random_op(u->w, &u->b);
                struct ni_id id;
                store_does(t, &o, &id);
                store_abort(t);
        }
}

static void verify(struct run *u)
{
        struct fixture *f = u->f, *second = u->second;
        if (!u->reader)
                assert_int_equal(store_reader_new(f->s, &u->reader), NI_OK);
        assert_int_equal(store_read_begin(u->reader), NI_OK);
        compare(u->reader, u->w);
        for (int i = 0; i < 20; i++)
                compare_lookup(u->reader, u->w);
        follow(u->reader, second->s, u->w);
        reading(second);
        compare_stores(u->reader, second->r);
        compare_lookup(second->r, u->w);
        read_done(second);
        store_read_end(u->reader);
}

/* Short runs, so that positions are found by counting in lists of a few dozen. */
static void reopen(struct fixture *f)
{
        fixture_reopen(f);
        f->s->counts.length = 2;
}

static void test_model(void **state)
{
        struct run u = {.f = *state, .w = calloc(1, sizeof(struct world))};
        const char *seed = getenv("NI_TEST_SEED");
        const uint32_t most = sized("NI_TEST_STEPS", 20000, 100000, 1000000);
        const uint8_t empty[4] = {0};
        void *second;
        assert_non_null(u.w);
        random_state = seed ? strtoull(seed, NULL, 10) * 2 + 1 : 0x9e3779b97f4a7c15u;
        fixture_setup(&second);
        u.second = second;
        u.f->options.journal_entries = 60;
        u.f->options.journal_seconds = 1;
        u.second->options.journal_entries = 60;
        reopen(u.f);
        u.w->d[0] = (struct dir){.exists = true, .was = true, .instance = 1};
        u.w->count = 1;
        set_props(&u.w->d[0], bytes_of(empty, 4));
        for (uint32_t batch = 1; u.done < most; batch++) {
                one_batch(&u);
                verify(&u);
                if (batch % 50 == 0) {
                        check_clean(u.f);
                        check_clean(u.second);
                        store_reader_free(u.reader);
                        u.reader = NULL;
                        reopen(u.f);
                        reopen(u.second);
                        verify(&u);
                }
        }
        check_clean(u.f);
        check_clean(u.second);
        print_message("%" PRIu32 " operations, %" PRIu32 " refused, %" PRIu32 " undone, %" PRIu32
                      " directories\n",
                      u.done, u.refused, u.undone, u.w->count);
        assert_true(u.refused > most / 100 && u.undone > most / 20);
        for (uint32_t i = 0; i < MOST; i++)
                free(u.w->d[i].props);
        free(u.w);
        buf_done(&u.b);
        store_reader_free(u.reader);
        fixture_teardown(&second);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_model, fixture_setup, fixture_teardown)};
        return cmocka_run_group_tests(tests, NULL, NULL);
}
