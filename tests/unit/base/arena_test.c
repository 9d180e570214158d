#include "base/arena.h"

#include <setjmp.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static struct arena a;

static int teardown(void **state)
{
        (void)state;
        arena_done(&a);
        return 0;
}

static void aligned_and_apart(void **state)
{
        uint8_t *p[200];
        (void)state;
        arena_init(&a, 0);
        for (unsigned i = 0; i < 200; i++) {
                p[i] = arena_alloc(&a, i * 37 % 1000);
                assert_non_null(p[i]);
                assert_int_equal((uintptr_t)p[i] % alignof(max_align_t), 0);
                memset(p[i], (int)i, i * 37 % 1000);
        }
        for (unsigned i = 0; i < 200; i++)
                for (unsigned k = 0; k < i * 37 % 1000; k++)
                        assert_int_equal(p[i][k], i);
}

static void zalloc_clears_what_was_used_before(void **state)
{
        (void)state;
        arena_init(&a, 0);
        memset(arena_alloc(&a, 500), 0xff, 500);
        arena_reset(&a);
        const uint8_t *p = arena_zalloc(&a, 100, 5);
        for (unsigned i = 0; i < 500; i++)
                assert_int_equal(p[i], 0);
}

static void nothing_is_a_valid_pointer(void **state)
{
        (void)state;
        arena_init(&a, 16);
        assert_non_null(arena_alloc(&a, 0));
        assert_non_null(arena_zalloc(&a, 0, 8));
        assert_int_equal(a.used, 0);
        assert_false(a.failed);
}

static void limit_is_sticky_until_reset(void **state)
{
        (void)state;
        arena_init(&a, 1024);
        assert_non_null(arena_alloc(&a, 1024));
        assert_false(a.failed);
        assert_null(arena_alloc(&a, 1));
        assert_true(a.failed);
        arena_reset(&a);
        assert_false(a.failed);
        assert_null(arena_alloc(&a, 1025));
        assert_true(a.failed);
        arena_reset(&a);
        assert_non_null(arena_alloc(&a, 1000));
}

/* However the requests are cut, at most the limit is handed out (in units of the alignment). */
static void limit_holds_for_small_pieces(void **state)
{
        size_t n = 0;
        (void)state;
        arena_init(&a, 10000);
        while (arena_alloc(&a, 3))
                n++;
        assert_true(n * 3 <= 10000 && n <= 10000 / alignof(max_align_t) + 1);
        assert_true(n >= 10000 / alignof(max_align_t) - 1);
}

static void overflowing_product(void **state)
{
        (void)state;
        arena_init(&a, 0);
        assert_null(arena_zalloc(&a, SIZE_MAX / 2, 4));
        assert_true(a.failed);
        arena_reset(&a);
        assert_null(arena_alloc(&a, SIZE_MAX - 3));
        assert_true(a.failed);
}

static void large_and_small_mixed(void **state)
{
        (void)state;
        arena_init(&a, 0);
        char *small = arena_str(&a, BYTES_LIT("small"));
        uint8_t *large = arena_alloc(&a, (size_t)9 << 20);
        assert_non_null(large);
        memset(large, 1, (size_t)9 << 20);
        char *after = arena_str(&a, BYTES_LIT("after"));
        assert_string_equal(small, "small");
        assert_string_equal(after, "after");
        arena_reset(&a); /* gives the large block back, works on */
        assert_int_equal(a.used, 0);
        assert_string_equal(arena_str(&a, BYTES_LIT("again")), "again");
}

static void copies(void **state)
{
        (void)state;
        arena_init(&a, 0);
        const struct bytes b = arena_bytes(&a, BYTES_LIT("a\0b"));
        assert_int_equal(b.len, 3);
        assert_memory_equal(b.data, "a\0b\0", 4); /* one NUL more than it counts */
        assert_string_equal(arena_str(&a, BYTES_NONE), "");
        assert_string_equal(arena_printf(&a, "%s-%d", "x", 42), "x-42");
}

/* Again and again from one mark: what was before stays, and the limit is not used up. */
static void rewinding(void **state)
{
        (void)state;
        for (unsigned before = 0; before < 2; before++) {
                arena_init(&a, 1 << 20);
                const char *kept = before ? arena_str(&a, BYTES_LIT("kept")) : NULL;
                const struct arena_mark outer = arena_mark(&a);
                for (unsigned i = 0; i < 100; i++) {
                        assert_non_null(arena_zalloc(&a, 1, 5000));
                        const struct arena_mark inner = arena_mark(&a);
                        assert_non_null(arena_zalloc(&a, 1, 700000));
                        assert_null(arena_alloc(&a, 700000));
                        assert_true(a.failed);
                        arena_rewind(&a, inner);
                        assert_false(a.failed);
                        assert_int_equal(a.used, inner.used);
                        assert_string_equal(arena_str(&a, BYTES_LIT("inner")), "inner");
                        arena_rewind(&a, outer);
                        assert_int_equal(a.used, outer.used);
                }
                if (kept)
                        assert_string_equal(kept, "kept");
                arena_done(&a);
        }
}

static void failed_copies(void **state)
{
        (void)state;
        arena_init(&a, 4);
        assert_null(arena_bytes(&a, BYTES_LIT("too long")).data);
        assert_null(arena_printf(&a, "%s", "too long"));
        assert_true(a.failed);
}

int main(void)
{
#define T(f) cmocka_unit_test_teardown(f, teardown)
        const struct CMUnitTest tests[] = {
                T(aligned_and_apart),
                T(zalloc_clears_what_was_used_before),
                T(nothing_is_a_valid_pointer),
                T(limit_is_sticky_until_reset),
                T(limit_holds_for_small_pieces),
                T(overflowing_product),
                T(large_and_small_mixed),
                T(copies),
                T(rewinding),
                T(failed_copies),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
