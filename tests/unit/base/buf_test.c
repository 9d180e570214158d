#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static struct buf b;

static int teardown(void **state)
{
        (void)state;
        buf_done(&b);
        return 0;
}

static void assert_content(const char *text)
{
        assert_true(bytes_eq_str(buf_bytes(&b), text));
}

static void appends(void **state)
{
        (void)state;
        buf_init(&b, 0);
        buf_puts(&b, "one");
        buf_putc(&b, ' ');
        buf_put(&b, BYTES_LIT("two"));
        buf_put(&b, BYTES_NONE);
        buf_printf(&b, " %s %d", "three", 4);
        memcpy(buf_add(&b, 2), "!?", 2);
        assert_content("one two three 4!?");
        assert_false(b.failed);
}

static void nothing_is_fine(void **state)
{
        (void)state;
        buf_init(&b, 0);
        assert_non_null(buf_add(&b, 0));
        assert_int_equal(b.len, 0);
        assert_false(b.failed);
}

static void grows_far(void **state)
{
        (void)state;
        buf_init(&b, 0);
        for (unsigned i = 0; i < 100000; i++)
                buf_putc(&b, (char)('a' + i % 26));
        assert_int_equal(b.len, 100000);
        for (unsigned i = 0; i < 100000; i++)
                assert_int_equal(b.data[i], 'a' + i % 26);
}

static void limit_is_sticky(void **state)
{
        (void)state;
        buf_init(&b, 4);
        buf_puts(&b, "four");
        assert_false(b.failed);
        buf_putc(&b, '5');
        assert_true(b.failed);
        assert_content("four");
        buf_truncate(&b, 0);
        buf_putc(&b, 'x'); /* still failed */
        assert_true(b.failed);
        assert_int_equal(b.len, 0);
        buf_clear(&b);
        buf_puts(&b, "ok");
        assert_false(b.failed);
        assert_content("ok");
}

static void printf_up_to_the_limit(void **state)
{
        (void)state;
        buf_init(&b, 4);
        buf_printf(&b, "%s", "four");
        assert_false(b.failed);
        assert_content("four");
        buf_printf(&b, "%s", "");
        assert_false(b.failed);
        buf_printf(&b, "%d", 5);
        assert_true(b.failed);
        assert_content("four");
}

static void truncate_only_shortens(void **state)
{
        (void)state;
        buf_init(&b, 0);
        buf_puts(&b, "abcdef");
        buf_truncate(&b, 10);
        assert_content("abcdef");
        buf_truncate(&b, 2);
        assert_content("ab");
}

static void consume(void **state)
{
        (void)state;
        buf_init(&b, 0);
        buf_puts(&b, "abcdef");
        buf_consume(&b, 0);
        assert_content("abcdef");
        buf_consume(&b, 2);
        assert_content("cdef");
        buf_consume(&b, 4);
        assert_content("");
        buf_consume(&b, 0);
        assert_content("");
}

static void overflow_is_refused(void **state)
{
        (void)state;
        buf_init(&b, 0);
        buf_puts(&b, "x");
        assert_null(buf_add(&b, SIZE_MAX));
        assert_true(b.failed);
        assert_content("x");
}

static void usable_after_done(void **state)
{
        (void)state;
        buf_init(&b, 3);
        buf_puts(&b, "abcd");
        buf_done(&b);
        buf_puts(&b, "abc");
        assert_false(b.failed);
        buf_putc(&b, 'd');
        assert_true(b.failed); /* the limit is kept */
}

int main(void)
{
#define T(f) cmocka_unit_test_teardown(f, teardown)
        const struct CMUnitTest tests[] = {
                T(appends),         T(nothing_is_fine),        T(grows_far),
                T(limit_is_sticky), T(printf_up_to_the_limit), T(truncate_only_shortens),
                T(consume),         T(overflow_is_refused),    T(usable_after_done),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
