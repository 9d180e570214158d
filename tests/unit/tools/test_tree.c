/* What the servers of one domain say of each other: masters, clones, lag, differences. */
#include "tools/tree.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct tree_server server(const char *machine, uint32_t role, uint64_t seq)
{
        struct tree_server s = {.machine = machine,
                                .state = TREE_ANSWERS,
                                .role = role,
                                .seq = seq,
                                .epoch = 7,
                                .checksum = 1};
        memset(s.uuid, 3, sizeof(s.uuid));
        memset(s.digest, 9, sizeof(s.digest));
        return s;
}

/* What is said of the second of two servers. */
static const char *second(struct tree_server a, struct tree_server b)
{
        static struct arena arena;
        static char said[100];
        struct tree_server both[] = {a, b};
        const struct tree_domain d = {.name = "x", .servers = both, .server_count = 2};
        arena_init(&arena, 0);
        const char *trouble = tree_trouble(&d, &both[1], &arena);
        if (trouble) {
                strncpy(said, trouble, sizeof(said) - 1);
                trouble = said;
        }
        arena_done(&arena);
        return trouble;
}

static void equal_is_no_trouble(void **state)
{
        (void)state;
        assert_null(second(server("a", 0, 5), server("b", 1, 5)));
        struct tree_server dead = server("b", 1, 5);
        dead.state = TREE_SILENT;
        assert_null(second(server("a", 0, 5), dead));
        assert_null(second(dead, server("b", 1, 5))); /* nobody to compare with */
}

static void a_clone_lags(void **state)
{
        (void)state;
        assert_string_equal(second(server("a", 0, 12), server("b", 1, 5)), "7 changes behind");
        assert_string_equal(second(server("a", 0, 5), server("b", 1, 12)), "7 changes ahead");
}

static void the_same_change_must_be_the_same(void **state)
{
        struct tree_server clone = server("b", 1, 5);
        (void)state;
        clone.checksum = 2;
        assert_string_equal(second(server("a", 0, 5), clone), "differs from the master at the same change");
        clone = server("b", 1, 5);
        clone.digest[15] = 1;
        assert_string_equal(second(server("a", 0, 5), clone), "differs from the master at the same change");
        memset(clone.digest, 0, sizeof(clone.digest)); /* hidden from us: says nothing */
        assert_null(second(server("a", 0, 5), clone));
}

static void other_histories(void **state)
{
        struct tree_server s = server("b", 1, 5);
        (void)state;
        s.epoch = 8;
        assert_string_equal(second(server("a", 0, 5), s), "has another history (its epoch differs)");
        s.uuid[0] = 1;
        assert_string_equal(second(server("a", 0, 5), s), "is another domain (its uuid differs)");
}

static void one_master(void **state)
{
        (void)state;
        assert_string_equal(second(server("a", 0, 5), server("b", 0, 5)), "a second master");
        assert_null(second(server("a", 0, 5), server("a", 0, 5))); /* by another address */
}

/* The master is the measure, wherever it stands in the list, and the newest clone when there is none. */
static void the_reference(void **state)
{
        struct tree_server v[] = {server("a", 1, 9), server("b", 0, 5), server("c", 1, 10)};
        const struct tree_domain d = {.name = "x", .servers = v, .server_count = 3};
        (void)state;
        assert_ptr_equal(tree_reference(&d), &v[1]);
        v[1].state = TREE_SILENT;
        assert_ptr_equal(tree_reference(&d), &v[2]);
        v[0].state = v[2].state = TREE_HISTORICAL;
        assert_null(tree_reference(&d));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(equal_is_no_trouble),
                cmocka_unit_test(a_clone_lags),
                cmocka_unit_test(the_same_change_must_be_the_same),
                cmocka_unit_test(other_histories),
                cmocka_unit_test(one_master),
                cmocka_unit_test(the_reference),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
