/* Long child lists: no operation rewrites the list, positions are exact, rebalancing is local. Counts entries
 * and pages, not time. */
#include "fixture.h"

#include "../../lib/sized.h"
#include "store/store-internal.h" /* the number of children a rebalance moved; LMDB's page counts */

#include <stdlib.h>

/* Pages that one small change replaces: LMDB lists them under the transaction's number in its table 0. */
static uint64_t pages_replaced(struct fixture *f, enum ni_status (*change)(struct fixture *, uint32_t),
                               uint32_t arg)
{
        MDB_envinfo info;
        size_t count = 0;
        begin(f);
        assert_int_equal(change(f, arg), NI_OK);
        commit(f);
        reading(f);
        assert_int_equal(mdb_env_info(f->s->env, &info), 0);
        MDB_val k = {sizeof(info.me_last_txnid), &info.me_last_txnid}, v;
        MDB_cursor *c;
        assert_int_equal(mdb_cursor_open(f->r->txn, 0, &c), 0);
        assert_int_equal(mdb_cursor_get(c, &k, &v, MDB_SET), 0);
        mdb_cursor_close(c);
        memcpy(&count, v.mv_data, sizeof(count));
        read_done(f);
        return count;
}

static enum ni_status insert_at(struct fixture *f, uint32_t where)
{
        return store_add_child(f->w, 0, props_of(f, "name=new"), where, NI_INDEX_NULL, NULL, NULL);
}

static enum ni_status remove_it(struct fixture *f, uint32_t object)
{
        return store_remove_child(f->w, 0, object, NULL);
}

static void fill(struct fixture *f, uint32_t n)
{
        begin(f);
        for (uint32_t i = 0; i < n; i++) {
                const enum ni_status st = store_add_child(f->w, 0, props_of(f, "name=x"), NI_INDEX_NULL,
                                                          NI_INDEX_NULL, NULL, NULL);
                if (st != NI_OK)
                        fail_msg("child %u: %d", i, st);
                if (i % 1000 == 999) {
                        commit(f);
                        begin(f);
                }
        }
        commit(f);
}

/* 200,000 children: adding, inserting in the middle and removing write a handful of pages, as many as with
 * 1,000. */
static void long_list(void **state)
{
        struct fixture *f = *state;
        fill(f, 1000);
        const uint64_t small[] = {pages_replaced(f, insert_at, NI_INDEX_NULL),
                                  pages_replaced(f, insert_at, 500), pages_replaced(f, remove_it, 700)};
        fill(f, 199000);
        const uint64_t large[] = {pages_replaced(f, insert_at, NI_INDEX_NULL),
                                  pages_replaced(f, insert_at, 100000), pages_replaced(f, insert_at, 0),
                                  pages_replaced(f, remove_it, 150000), pages_replaced(f, remove_it, 1)};
        for (size_t i = 0; i < 5; i++)
                assert_in_range(large[i], 1, 40);
        for (size_t i = 0; i < 3; i++)
                assert_in_range(small[i], 1, 40);
        reading(f);
        struct store_node n;
        assert_int_equal(store_get(f->r, 0, &n), NI_OK);
        assert_int_equal(n.child_count, 200000 + 2 + 3 - 1 - 2);
        read_done(f);
        check_clean(f);
}

/* A walk in slices sees every child once, also when it is begun anew after each slice. */
static void slices(void **state)
{
        struct fixture *f = *state;
        struct store_walk w;
        uint64_t after = STORE_FROM_START, seen = 0, slices_used = 0;
        fill(f, 2500);
        reading(f);
        for (bool more = true; more; slices_used++) {
                store_lookup(f->r, 0, BYTES_LIT("note"), BYTES_LIT("nowhere"), after, &w);
                w.most = 100;
                assert_false(store_next(&w));
                assert_int_equal(w.status, NI_OK);
                seen += w.visited;
                after = w.ordinal;
                more = w.paused;
                store_end(&w);
        }
        assert_int_equal(seen, 2500);
        assert_int_equal(slices_used, 26);
        store_children(f->r, 0, STORE_FROM_START, &w);
        for (int i = 0; i < 10; i++)
                assert_true(store_next(&w));
        after = w.ordinal;
        store_end(&w);
        store_children(f->r, 0, after, &w);
        assert_true(store_next(&w));
        assert_int_equal(w.child, 11);
        store_end(&w);
        read_done(f);
}

/* Finding a child by an indexed property looks at the hits only. */
static void lookup_looks_at_hits(void **state)
{
        struct fixture *f = *state;
        struct store_walk w;
        fill(f, 3000);
        begin(f);
        const uint32_t one = add(f, 0, "name=needle");
        commit(f);
        reading(f);
        store_lookup(f->r, 0, BYTES_LIT("name"), BYTES_LIT("needle"), STORE_FROM_START, &w);
        assert_true(store_next(&w));
        assert_int_equal(w.child, one);
        assert_false(store_next(&w));
        assert_int_equal(w.visited, 1);
        store_end(&w);
        read_done(f);
}

static void expect_order(struct fixture *f, const uint32_t *v, uint32_t n)
{
        struct store_walk w;
        uint64_t last = 0;
        uint32_t i = 0;
        store_children(f->w, 0, STORE_FROM_START, &w);
        while (store_next(&w)) {
                assert_true(i < n);
                assert_int_equal(w.child, v[i++]);
                assert_true(w.ordinal > last && w.ordinal < UINT64_MAX);
                last = w.ordinal;
        }
        store_end(&w);
        assert_int_equal(w.status, NI_OK);
        assert_int_equal(i, n);
}

/* Inserts n children, always at `where(i)`, beside an array that tells the truth. */
static void insert_many(struct fixture *f, uint32_t n, uint32_t (*where)(uint32_t i, uint32_t count))
{
        uint32_t *v = calloc(n, sizeof(*v));
        assert_non_null(v);
        begin(f);
        for (uint32_t i = 0; i < n; i++) {
                struct ni_id id;
                const uint32_t at = where(i, i);
                assert_int_equal(
                        store_add_child(f->w, 0, props_of(f, "name=x uid=1"), at, NI_INDEX_NULL, &id, NULL),
                        NI_OK);
                const uint32_t k = at < i ? at : i;
                memmove(v + k + 1, v + k, (i - k) * sizeof(*v));
                v[k] = id.object;
        }
        expect_order(f, v, n);
        commit(f);
        check_clean(f);
        free(v);
}

static uint32_t at_one_place(uint32_t i, uint32_t count)
{
        (void)i;
        return count < 2 ? count : 1;
}
static uint32_t before_last(uint32_t i, uint32_t count)
{
        (void)i;
        return count ? count - 1 : 0;
}
static uint32_t in_the_middle(uint32_t i, uint32_t count)
{
        (void)i;
        return count / 2;
}
static uint32_t in_front(uint32_t i, uint32_t count)
{
        (void)i;
        (void)count;
        return 0;
}

/* 4,000 insertions at one place close gaps again and again; each pays for a constant number of moves. */
static void closing_gaps(void **state)
{
        struct fixture *f = *state;
        insert_many(f, 4000, at_one_place);
        assert_in_range(f->s->writer.moved, 16, 4000 * 8);
}
static void closing_gaps_at_end(void **state)
{
        struct fixture *f = *state;
        insert_many(f, 4000, before_last);
        assert_in_range(f->s->writer.moved, 16, 4000 * 8);
}
static void closing_gaps_in_middle(void **state)
{
        struct fixture *f = *state;
        insert_many(f, 4000, in_the_middle);
        assert_in_range(f->s->writer.moved, 16, 4000 * 8);
}
static void in_front_needs_no_moves(void **state)
{
        struct fixture *f = *state;
        insert_many(f, 4000, in_front);
        assert_int_equal(f->s->writer.moved, 0);
}

/* The ends of the number space: appending behind the last ordinal there is. */
static void end_of_space(void **state)
{
        struct fixture *f = *state;
        const uint8_t none[4] = {0};
        assert_int_equal(store_write_begin(f->s, &f->w), NI_OK);
        for (uint32_t i = 0; i < 2; i++) {
                const struct store_node n = {
                        .id = {i + 1, 0}, .ordinal = i ? UINT64_MAX - 1 : 1, .props = bytes_of(none, 4)};
                assert_int_equal(store_replay_node(f->w, &n), NI_OK);
        }
        assert_int_equal(store_change_begin(f->w, &nobody), NI_OK);
        assert_int_equal(add(f, 0, "name=last"), 3);
        assert_int_equal(store_add_child(f->w, 0, props_of(f, ""), 0, NI_INDEX_NULL, NULL, NULL), NI_OK);
        assert_string_equal(children_of(f->w, 0), "4 1 2 3");
        commit(f);
        check_clean(f);
}

/* -- counted lists: positions by number, against plain arrays
 * ---------------------------------------------------------------------------------------------- */

#define LISTS (COUNTED_LISTS + 4) /* more than are kept */
#define WIDE  400u                /* children of each at most */

struct wide {
        uint32_t v[LISTS][WIDE], n[LISTS];
};

static uint64_t dice;
static uint32_t roll(uint32_t below)
{
        dice = dice * 6364136223846793005u + 1442695040888963407u;
        return (uint32_t)(dice >> 33) % below;
}

static void array_insert(struct wide *w, uint32_t list, uint32_t at, uint32_t child)
{
        uint32_t *v = w->v[list];
        at = at < w->n[list] ? at : w->n[list];
        memmove(v + at + 1, v + at, (w->n[list]++ - at) * sizeof(*v));
        v[at] = child;
}

static uint32_t array_take(struct wide *w, uint32_t list, uint32_t at)
{
        uint32_t *v = w->v[list];
        const uint32_t child = v[at];
        memmove(v + at, v + at + 1, (--w->n[list] - at) * sizeof(*v));
        return child;
}

/* One operation on lists below the root's children 1 .. LISTS; places mostly in the middle, often the same
 * one, so that gaps close. */
static void shuffle(struct fixture *f, struct wide *w, uint32_t growing)
{
        const uint32_t a = roll(3) ? roll(3) : roll(LISTS), b = roll(LISTS);
        const uint32_t many = roll(40) ? 1 : 30, where = roll(3) ? w->n[a] / 2 : roll(WIDE);
        struct ni_id id;
        for (uint32_t k = 0; k < many; k++) {
                const uint32_t kind = roll(10), at = w->n[a] ? roll(w->n[a]) : 0;
                if (kind < 5 + growing && w->n[a] < WIDE) {
                        const uint32_t place = kind == 0 ? NI_INDEX_NULL : where;
                        assert_int_equal(store_add_child(f->w, a + 1, props_of(f, "name=x"), place,
                                                         NI_INDEX_NULL, &id, NULL),
                                         NI_OK);
                        array_insert(w, a, place, id.object);
                } else if (kind < 9 && w->n[a]) {
                        assert_int_equal(store_remove_child(f->w, a + 1, array_take(w, a, at), NULL), NI_OK);
                } else if (w->n[a] && (a == b || w->n[b] < WIDE)) {
                        const uint32_t child = array_take(w, a, at);
                        assert_int_equal(store_move(f->w, child, b + 1, where), NI_OK);
                        array_insert(w, b, where, child);
                }
        }
}

/* What is remembered of the lists, against the lists. */
static void expect_counts(struct fixture *f, const struct wide *w)
{
        for (uint32_t i = 0; i < COUNTED_LISTS; i++) {
                const struct store_counted *l = &f->s->counts.list[i];
                if (!l->n)
                        continue;
                struct store_walk walk;
                uint32_t k = 0, in_run = 0;
                assert_in_range(l->parent, 1, LISTS);
                assert_int_equal(l->total, w->n[l->parent - 1]);
                assert_int_equal(l->v[0].first, 0);
                assert_true(l->n <= 2 + 8 * WIDE / f->s->counts.length);
                store_children(f->w, l->parent, STORE_FROM_START, &walk);
                while (store_next(&walk)) {
                        for (; k + 1 < l->n && walk.ordinal >= l->v[k + 1].first; k++, in_run = 0)
                                assert_int_equal(in_run, l->v[k].n);
                        in_run++;
                }
                store_end(&walk);
                assert_int_equal(in_run, l->v[k].n);
        }
}

static void expect_lists(struct fixture *f, const struct wide *w)
{
        for (uint32_t i = 0; i < LISTS; i++) {
                struct store_walk walk;
                uint32_t n = 0;
                store_children(f->w, i + 1, STORE_FROM_START, &walk);
                for (; store_next(&walk); n++)
                        assert_true(n < w->n[i] && walk.child == w->v[i][n]);
                store_end(&walk);
                assert_int_equal(n, w->n[i]);
        }
}

/* Requests that stand and requests that are undone, alone and with the whole batch. */
static void batch(struct fixture *f, struct wide *w, struct wide *undone, uint32_t growing)
{
        struct wide *const before = undone + 1;
        *before = *w;
        assert_int_equal(store_write_begin(f->s, &f->w), NI_OK);
        for (uint32_t k = 1 + roll(4); k; k--) {
                const bool stays = roll(3) != 0;
                *undone = *w;
                assert_int_equal(store_sub_begin(f->w), NI_OK);
                assert_int_equal(store_change_begin(f->w, &nobody), NI_OK);
                for (uint32_t i = 1 + roll(8); i; i--)
                        shuffle(f, w, growing);
                assert_int_equal(store_change_end(f->w, NULL), NI_OK);
                if (stays) {
                        assert_int_equal(store_sub_commit(f->w), NI_OK);
                } else {
                        store_sub_abort(f->w);
                        *w = *undone;
                }
                expect_counts(f, w);
        }
        expect_lists(f, w);
        if (roll(6)) {
                assert_int_equal(store_commit(f->w, NULL), NI_OK);
        } else {
                store_abort(f->w);
                *w = *before;
        }
        f->w = NULL;
}

static void counted(void **state)
{
        struct fixture *f = *state;
        const uint32_t most = sized("NI_TEST_STEPS", 1500, 1500, 100000);
        struct wide *w = calloc(3, sizeof(*w)); /* and two that are undone */
        uint32_t kept = 0;
        assert_non_null(w);
        dice = 20261124;
        begin(f);
        for (uint32_t i = 0; i < LISTS; i++)
                assert_int_equal(add(f, 0, "name=list"), i + 1);
        commit(f);
        for (uint32_t i = 0; i < most; i++) {
                f->s->counts.length = 3 + i / 300 % 2 * 9; /* long and short runs */
                batch(f, w, w + 1, i / 200 % 3 ? 2 : 0);
                for (uint32_t k = 0; k < COUNTED_LISTS; k++)
                        kept += f->s->counts.list[k].n > 10;
        }
        assert_true(kept > most);
        assert_true(f->s->writer.moved > 0);
        check_clean(f);
        free(w);
}

/* Who appends and removes only pays for no counting; the middle is counted once, and found again. */
static void counted_when_asked(void **state)
{
        struct fixture *f = *state;
        fill(f, 5000);
        begin(f);
        assert_int_equal(insert_at(f, 100), NI_OK);
        assert_int_equal(insert_at(f, 4900), NI_OK);
        assert_int_equal(remove_it(f, 2500), NI_OK);
        assert_int_equal(f->s->counts.list[0].n, 0);
        assert_int_equal(insert_at(f, 2500), NI_OK);
        commit(f);
        const struct store_counted *l = &f->s->counts.list[0];
        const uint64_t made = l->made;
        assert_int_equal(l->total, 5002);
        assert_in_range(l->n, 15, 25);
        begin(f);
        for (uint32_t i = 0; i < 3000; i++)
                assert_int_equal(insert_at(f, 1000 + i), NI_OK);
        commit(f);
        assert_int_equal(l->made, made);
        assert_int_equal(l->total, 8002);
        check_clean(f);
}

/* More steps than are remembered, all undone: the list is counted anew. */
static void counted_without_memory(void **state)
{
        struct fixture *f = *state;
        fill(f, 2000);
        begin(f);
        assert_int_equal(insert_at(f, 1000), NI_OK);
        commit(f);
        begin(f);
        for (uint32_t i = 0; i < 34000; i++) {
                assert_int_equal(insert_at(f, NI_INDEX_NULL), NI_OK);
                assert_int_equal(remove_it(f, 2002), NI_OK);
        }
        for (uint32_t i = 1; i < 400; i++)
                assert_int_equal(remove_it(f, i), NI_OK);
        store_abort(f->w);
        f->w = NULL;
        assert_int_equal(f->s->counts.list[0].n, 0);
        begin(f);
        assert_int_equal(insert_at(f, 1000), NI_OK);
        struct store_walk w;
        uint32_t at = 0;
        store_children(f->w, 0, STORE_FROM_START, &w);
        while (store_next(&w) && w.child != 2002)
                at++;
        store_end(&w);
        assert_int_equal(at, 1000);
        commit(f);
        check_clean(f);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
        const struct CMUnitTest tests[] = {
                T(long_list),
                T(slices),
                T(lookup_looks_at_hits),
                T(closing_gaps),
                T(closing_gaps_at_end),
                T(end_of_space),
                T(closing_gaps_in_middle),
                T(in_front_needs_no_moves),
                T(counted),
                T(counted_when_asked),
                T(counted_without_memory),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
