/* Copying a store that is being written to: pages of different moments, then the changes between, loosely;
 * and where a clone's master is. */
#include "fixture.h"

#include "../../lib/sized.h"

#include <stdlib.h>
#include <string.h>

static uint64_t dice;

static uint32_t roll(uint32_t below)
{
        dice = dice * 6364136223846793005u + 1442695040888963407u;
        return (uint32_t)(dice >> 33) % below;
}

/* Any directory but the root; 0: there is none. */
static uint32_t any(struct fixture *f)
{
        struct store_walk w;
        struct store_node n;
        uint32_t found = 0, seen = 0;
        store_each(f->w, 1, &w);
        while (store_each_next(&w, &n))
                if (roll(++seen) == 0)
                        found = n.id.object;
        store_end(&w);
        return found;
}

/* One change of a few operations, each of which may be refused. */
static void change(struct fixture *f)
{
        static const char *const texts[] = {"name=ada uid=1", "name=bob uid=2", "name=ada",
                                            "name=eve,ada uid=3"};
        struct ni_id id, parent;
        begin(f);
        for (uint32_t k = 1 + roll(4); k; k--) {
                const uint32_t object = any(f), other = roll(3) ? any(f) : 0;
                struct store_node n = {0};
                switch (roll(5)) {
                case 0:
                case 1: /* at the front, so that places are used again */
                        store_add_child(f->w, other, props_of(f, texts[roll(4)]), roll(3) ? 0 : NI_INDEX_NULL,
                                        NI_INDEX_NULL, &id, &parent);
                        break;
                case 2:
                        if (object)
                                store_put_props(f->w, object, props_of(f, texts[roll(4)]), &id);
                        break;
                case 3:
                        if (object && store_get(f->w, object, &n) == NI_OK)
                                store_remove_child(f->w, n.parent, object, &parent);
                        break;
                default:
                        if (object)
                                store_move(f->w, object, other, roll(4));
                }
        }
        commit(f);
}

/* A sixth of all. */
static void copy_page(struct fixture *from, struct fixture *to, uint32_t *next, uint64_t *ret_seq)
{
        struct store_walk w;
        struct store_node n;
        struct store_info info;
        uint32_t k = 0, at = UINT32_MAX;
        reading(from);
        assert_int_equal(store_get_info(from->r, &info), NI_OK);
        store_each(from->r, *next, &w);
        while (at == UINT32_MAX && store_each_next(&w, &n)) {
                if (k++ > info.directories / 6)
                        at = n.id.object;
                else
                        assert_int_equal(store_replay_page(to->w, &n), NI_OK);
        }
        store_end(&w);
        read_done(from);
        *next = at;
        *ret_seq = info.seq;
}

static void copy_changes(struct fixture *from, struct fixture *to, uint64_t after, uint64_t upto)
{
        struct arena a;
        struct store_entry e;
        arena_init(&a, 0);
        reading(from);
        for (uint64_t seq = after + 1; seq <= upto; seq++) {
                assert_int_equal(store_journal_get(from->r, seq, &a, &e), NI_OK);
                assert_int_equal(store_replay_loosely(to->w, &e), NI_OK);
        }
        read_done(from);
        arena_done(&a);
}

static void same(struct fixture *a, struct fixture *b)
{
        struct store_info x, y;
        reading(a);
        reading(b);
        assert_int_equal(store_get_info(a->r, &x), NI_OK);
        assert_int_equal(store_get_info(b->r, &y), NI_OK);
        assert_memory_equal(x.digest, y.digest, 16);
        assert_memory_equal(x.uuid, y.uuid, 16);
        assert_int_equal(x.checksum, y.checksum);
        assert_true(x.epoch == y.epoch && x.seq == y.seq && x.directories == y.directories);
        struct store_walk w;
        struct store_node n, m;
        store_each(a->r, 0, &w);
        while (store_each_next(&w, &n)) {
                assert_int_equal(store_get(b->r, n.id.object, &m), NI_OK);
                assert_true(n.ordinal == m.ordinal && n.born == m.born && n.child_count == m.child_count &&
                            n.version == m.version);
        }
        store_end(&w);
        read_done(a);
        read_done(b);
        check_clean(b);
}

static void copy_while_it_changes(struct fixture *f, uint64_t seed)
{
        struct fixture *c;
        struct store_info info;
        uint32_t next = 0;
        uint64_t first = 0, seq = 0;
        dice = seed;
        for (uint32_t k = roll(20); k; k--)
                change(f);
        assert_int_equal(fixture_setup((void **)&c), 0);
        assert_int_equal(store_write_begin(c->s, &c->w), NI_OK);
        reading(f);
        assert_int_equal(store_get_info(f->r, &info), NI_OK);
        read_done(f);
        assert_int_equal(store_replay_head(c->w, info.uuid, info.epoch, info.seq), NI_OK);
        first = info.seq;
        while (next != UINT32_MAX) {
                copy_page(f, c, &next, &seq);
                for (uint32_t k = roll(4); next != UINT32_MAX && k; k--)
                        change(f);
        }
        copy_changes(f, c, first, seq);
        assert_int_equal(store_commit(c->w, NULL), NI_OK);
        c->w = NULL;
        same(f, c);
        change(f); /* from now on strictly */
        reading(f);
        assert_int_equal(store_get_info(f->r, &info), NI_OK);
        if (info.seq > seq) {
                struct arena a;
                struct store_entry e;
                arena_init(&a, 0);
                assert_int_equal(store_write_begin(c->s, &c->w), NI_OK);
                assert_int_equal(store_journal_get(f->r, info.seq, &a, &e), NI_OK);
                assert_int_equal(store_replay_entry(c->w, &e), NI_OK);
                assert_int_equal(store_commit(c->w, NULL), NI_OK);
                c->w = NULL;
                arena_done(&a);
        }
        read_done(f);
        same(f, c);
        fixture_teardown((void **)&c);
}

static void random_copies(void **state)
{
        const uint64_t rounds = sized("NI_TEST_STEPS", 50, 150, 3000);
        struct fixture *f;
        (void)state;
        for (uint64_t seed = 1; seed <= rounds; seed++) {
                assert_int_equal(fixture_setup((void **)&f), 0);
                copy_while_it_changes(f, seed);
                fixture_teardown((void **)&f);
        }
}

static void refusals(void **state)
{
        struct fixture *f = *state;
        struct store_record r = {.kind = STORE_DESTROYED, .object = 0};
        struct store_entry e = {.seq = 5, .when = 1, .records = &r, .record_count = 1};
        assert_int_equal(store_write_begin(f->s, &f->w), NI_OK);
        assert_int_equal(store_replay_loosely(f->w, &e), NI_STALE); /* not the next */
        e.seq = 1;
        e.record_count = 0;
        assert_int_equal(store_replay_loosely(f->w, &e), NI_SYSTEMERR);
        struct store_node n = {.id = {7, 1}, .parent = 7, .ordinal = 5, .props = props_of(f, "name=x")};
        assert_int_equal(store_replay_page(f->w, &n), NI_SYSTEMERR); /* its own parent */
        n.parent = 0;
        n.ordinal = 0; /* only what is out of its place has that */
        assert_int_equal(store_replay_page(f->w, &n), NI_SYSTEMERR);
        e.record_count = 1;
        e.records = &r; /* the root cannot go: damage, and the transaction is spoilt */
        assert_int_equal(store_replay_loosely(f->w, &e), NI_SYSTEMERR);
        store_abort(f->w);
        f->w = NULL;
        check_clean(f);
}

static void origin(void **state)
{
        struct fixture *f = *state;
        struct store_origin o;
        reading(f);
        assert_int_equal(store_get_origin(f->r, &o), NI_OK);
        assert_true(o.term == 0 && !o.filled && o.where[0] == 0);
        read_done(f);
        o = (struct store_origin){
                .term = 3, .kind = STORE_ORIGIN_FOLLOW, .filled = true, .where = "10.0.0.1:987/network"};
        assert_int_equal(store_write_begin(f->s, &f->w), NI_OK);
        assert_int_equal(store_set_origin(f->w, &o), NI_OK);
        assert_int_equal(store_set_role(f->w, STORE_CLONE), NI_OK);
        assert_int_equal(store_commit(f->w, NULL), NI_OK);
        f->w = NULL;
        fixture_reopen(f);
        reading(f);
        struct store_origin back;
        struct store_info info;
        assert_int_equal(store_get_origin(f->r, &back), NI_OK);
        assert_int_equal(store_get_info(f->r, &info), NI_OK);
        assert_int_equal(info.role, STORE_CLONE);
        assert_true(back.term == 3 && back.kind == STORE_ORIGIN_FOLLOW && back.filled);
        assert_string_equal(back.where, "10.0.0.1:987/network");
        read_done(f);
        check_clean(f);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(random_copies, fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(refusals, fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(origin, fixture_setup, fixture_teardown),
        };
        return cmocka_run_group_tests_name("replica", tests, NULL, NULL);
}
