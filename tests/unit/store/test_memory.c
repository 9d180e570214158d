/* Memory fails, anywhere within random requests of a batch: what fails is undone, what stood before it
 * stands, and index, counts and order are those of what is left. */
#include "fixture.h"

#include "../../lib/sized.h"
#include "store/store-internal.h"

#include <stdio.h>
#include <stdlib.h>

void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);

static uint32_t fuse; /* allocations until one fails; 0: none does */
static uint32_t failures;

static bool refused(void)
{
        if (fuse == 0 || --fuse)
                return false;
        failures++;
        return true;
}

void *malloc(size_t n)
{
        return refused() ? NULL : __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
        return refused() ? NULL : __libc_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
        return refused() ? NULL : __libc_realloc(p, n);
}

void *reallocarray(void *p, size_t n, size_t size)
{
        size_t all;
        return __builtin_mul_overflow(n, size, &all) ? NULL : realloc(p, all);
}

static uint64_t dice;
static uint32_t roll(uint32_t below)
{
        dice = dice * 6364136223846793005u + 1442695040888963407u;
        return (uint32_t)(dice >> 33) % below;
}

static uint32_t any_child(struct store_txn *t, uint32_t parent)
{
        struct store_walk w;
        uint32_t found = 0, seen = 0;
        store_children(t, parent, STORE_FROM_START, &w);
        while (store_next(&w))
                if (roll(++seen) == 0)
                        found = w.child;
        store_end(&w);
        return found;
}

static enum ni_status look(struct store_txn *t, uint32_t parent)
{
        struct store_walk w;
        store_lookup(t, parent, BYTES_LIT("name"), BYTES_LIT("v3"), STORE_FROM_START, &w);
        while (store_next(&w))
                ;
        store_end(&w);
        return w.status;
}

/* Random operations until one fails. */
static enum ni_status request(struct fixture *f, struct store_txn *t)
{
        enum ni_status st = store_change_begin(t, &nobody);
        char text[64];
        for (uint32_t k = 1 + roll(30); st == NI_OK && k; k--) {
                const uint32_t parent = 1 + roll(2), kind = roll(16),
                               child = kind < 7 ? 0 : any_child(t, parent);
                struct ni_id id, up;
                snprintf(text, sizeof(text), "name=v%u,w%u uid=%u", roll(15), roll(5), roll(9));
                if (kind < 7)
                        st = store_add_child(t, parent, props_of(f, text), roll(2) ? roll(40) : NI_INDEX_NULL,
                                             NI_INDEX_NULL, &id, &up);
                else if (kind < 11 && child)
                        st = store_remove_child(t, parent, child, NULL);
                else if (kind < 13 && child)
                        st = store_put_props(t, child, props_of(f, text), NULL);
                else if (kind < 14 && child)
                        st = store_move(t, child, 1 + roll(2), roll(40));
                else
                        st = look(t, parent);
        }
        const enum ni_status end = store_change_end(t, NULL);
        return st == NI_OK ? end : st;
}

/* Name by name: what a look-up finds is what the list has. */
static void compare(struct store_txn *t)
{
        for (uint32_t i = 0; i < 30; i++) {
                struct store_node n;
                char value[16];
                snprintf(value, sizeof(value), "v%u", i / 2);
                const uint32_t count = expect_hits(t, 1 + i % 2, value);
                assert_int_equal(store_get(t, 1 + i % 2, &n), NI_OK);
                assert_int_equal(n.child_count, count);
        }
}

/* Totals of counted lists are what the directories say. */
static void compare_counts(struct fixture *f, struct store_txn *t)
{
        for (uint32_t i = 0; i < COUNTED_LISTS; i++) {
                const struct store_counted *l = &f->s->counts.list[i];
                struct store_node n;
                uint32_t sum = 0;
                if (!l->n)
                        continue;
                assert_int_equal(store_get(t, l->parent, &n), NI_OK);
                for (uint32_t k = 0; k < l->n; k++)
                        sum += l->v[k].n;
                assert_int_equal(sum, l->total);
                assert_int_equal(l->total, n.child_count);
        }
}

static uint32_t lost, stood;

/* Some requests, of which some fail or are undone. The status of the transaction around them. */
static enum ni_status requests(struct fixture *f, struct store_txn *t)
{
        enum ni_status st = NI_OK;
        for (uint32_t k = 1 + roll(6); st == NI_OK && k; k--) {
                fuse = roll(3) ? 1 + roll(roll(3) ? 6 : 60) : 0;
                st = store_sub_begin(t);
                const enum ni_status mine = st == NI_OK ? request(f, t) : st;
                if (mine == NI_OK && roll(4)) {
                        st = store_sub_commit(t);
                        stood += st == NI_OK;
                } else if (st == NI_OK) {
                        lost += mine != NI_OK;
                        fuse = roll(2) ? fuse : 0;
                        store_sub_abort(t);
                        st = t->failed;
                }
                fuse = 0;
                if (st == NI_OK && roll(2))
                        compare(t);
                if (st == NI_OK)
                        compare_counts(f, t);
        }
        return st;
}

static uint64_t head_of(struct store_txn *t)
{
        struct store_info info;
        assert_int_equal(store_get_info(t, &info), NI_OK);
        return info.seq;
}

/* True: it was committed. */
static bool batch(struct fixture *f)
{
        struct store_txn *t;
        reading(f);
        uint64_t head = head_of(f->r);
        read_done(f);
        fuse = roll(4) ? 0 : 1 + roll(10);
        enum ni_status st = store_write_begin(f->s, &t);
        fuse = 0;
        if (st != NI_OK)
                return false;
        st = requests(f, t);
        const uint64_t next = st == NI_OK ? head_of(t) : head;
        fuse = roll(3) ? 0 : 1 + roll(20);
        if (st == NI_OK)
                st = store_commit(t, NULL);
        else
                store_abort(t);
        fuse = 0;
        head = st == NI_OK ? next : head;
        assert_true(store_is_whole(f->s));
        check_clean(f);
        reading(f);
        assert_int_equal(head_of(f->r), head);
        compare(f->r);
        compare_counts(f, f->r);
        read_done(f);
        return st == NI_OK;
}

static void test_memory(void **state)
{
        struct fixture *f = *state;
        const char *seed = getenv("NI_TEST_SEED");
        const uint32_t most = sized("NI_TEST_STEPS", 60, 200, 2000);
        uint32_t committed = 0;
        dice = seed ? strtoull(seed, NULL, 10) : 9;
        begin(f);
        for (uint32_t i = 1; i <= 2; i++)
                assert_int_equal(add(f, 0, "name=top"), i);
        commit(f);
        for (uint32_t i = 0; i < most; i++) {
                if (i % 3 == 2)
                        fixture_reopen(f); /* with nothing in hand, it asks for memory more often */
                f->s->counts.length = 2 + roll(5);
                f->s->writer.backlog.most = roll(3) ? 1000 : 4;
                committed += batch(f);
        }
        print_message("%u allocations failed, %u requests for one, %u stood, %u batches of %u committed\n",
                      failures, lost, stood, committed, most);
        assert_true(lost > most / 20 && stood > most / 2 && committed > most / 2);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_memory, fixture_setup, fixture_teardown)};
        return cmocka_run_group_tests(tests, NULL, NULL);
}
