#include "xdr/cursor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static struct buf out;

static int setup(void **state)
{
        (void)state;
        buf_init(&out, 0);
        return 0;
}

static int teardown(void **state)
{
        (void)state;
        buf_done(&out);
        return 0;
}

static void words_are_big_endian(void **state)
{
        (void)state;
        xdr_put_u32(&out, 0x01020304);
        xdr_put_u64(&out, 0x05060708090a0b0cu);
        xdr_put_bool(&out, true);
        assert_int_equal(out.len, 16);
        assert_memory_equal(out.data, "\1\2\3\4\5\6\7\10\11\12\13\14\0\0\0\1", 16);
        struct xdr_in in = xdr_in(buf_bytes(&out));
        assert_int_equal(xdr_u32(&in), 0x01020304);
        assert_true(xdr_u64(&in) == 0x05060708090a0b0cu);
        assert_false(xdr_end(&in));
        assert_true(xdr_bool(&in));
        assert_true(xdr_end(&in));
}

static void failure_is_sticky(void **state)
{
        (void)state;
        struct xdr_in in = xdr_in(BYTES_LIT("\0\0\0\1\0\0\0"));
        assert_int_equal(xdr_u32(&in), 1);
        assert_int_equal(xdr_u32(&in), 0);
        assert_false(xdr_ok(&in));
        assert_false(xdr_end(&in));
        assert_int_equal(xdr_left(&in), 0);
        assert_int_equal(xdr_u32(&in), 0);
        assert_int_equal(xdr_opaque(&in, 10).len, 0);
        assert_int_equal(xdr_count(&in, 10, 4), 0);
        assert_false(xdr_ok(&in));
}

static void empty_input(void **state)
{
        (void)state;
        struct xdr_in in = xdr_in(BYTES_NONE);
        assert_true(xdr_ok(&in) && xdr_end(&in));
        assert_int_equal(xdr_fixed(&in, 0).len, 0);
        assert_true(xdr_end(&in));
        xdr_u32(&in);
        assert_false(xdr_ok(&in));
}

static void strict_and_loose_booleans(void **state)
{
        (void)state;
        static const uint32_t words[] = {0, 1, 2, UINT32_MAX};
        for (unsigned i = 0; i < 4; i++) {
                buf_clear(&out);
                xdr_put_u32(&out, words[i]);
                struct xdr_in in = xdr_in(buf_bytes(&out));
                assert_int_equal(xdr_bool(&in), i == 1);
                assert_int_equal(xdr_ok(&in), i < 2);
                in = xdr_in(buf_bytes(&out));
                assert_int_equal(xdr_loose_bool(&in), i != 0);
                assert_true(xdr_end(&in));
        }
}

static void counts_that_cannot_be(void **state)
{
        (void)state;
        xdr_put_u32(&out, 3);
        xdr_put_u64(&out, 0);
        xdr_put_u32(&out, 0); /* 12 bytes follow the count */
        struct xdr_in in = xdr_in(buf_bytes(&out));
        assert_int_equal(xdr_count(&in, 3, 4), 3);
        in = xdr_in(buf_bytes(&out));
        assert_int_equal(xdr_count(&in, 2, 4), 0);
        assert_false(xdr_ok(&in));
        in = xdr_in(buf_bytes(&out));
        assert_int_equal(xdr_count(&in, 3, 5), 0);
        assert_false(xdr_ok(&in));
        buf_clear(&out);
        xdr_put_u32(&out, 0x10000000); /* times 16 is 0 in 32 bits */
        in = xdr_in(buf_bytes(&out));
        xdr_count(&in, UINT32_MAX, 16);
        assert_false(xdr_ok(&in));
}

/* Counted bytes of every length up to 9: padded to 4 with zeros. */
static void padding(void **state)
{
        (void)state;
        for (size_t n = 0; n < 10; n++) {
                buf_clear(&out);
                xdr_put_opaque(&out, bytes_of("123456789", n));
                assert_int_equal(out.len, 4 + (n + 3) / 4 * 4);
                for (size_t i = 4 + n; i < out.len; i++)
                        assert_int_equal(out.data[i], 0);
                struct xdr_in in = xdr_in(buf_bytes(&out));
                const struct bytes b = xdr_opaque(&in, 9);
                assert_true(xdr_end(&in));
                assert_true(bytes_eq(b, bytes_of("123456789", n)));
                if (n % 4) { /* padding must be there, whatever it holds */
                        in = xdr_in(bytes_sub(buf_bytes(&out), 0, out.len - 1));
                        xdr_opaque(&in, 9);
                        assert_false(xdr_ok(&in));
                        out.data[out.len - 1] = 0xee;
                        in = xdr_in(buf_bytes(&out));
                        assert_true(bytes_eq(xdr_opaque(&in, 9), bytes_of("123456789", n)));
                        assert_true(xdr_end(&in));
                }
                if (n) {
                        in = xdr_in(buf_bytes(&out));
                        xdr_opaque(&in, (uint32_t)n - 1);
                        assert_false(xdr_ok(&in));
                }
        }
}

static void lengths_near_the_end_of_the_world(void **state)
{
        static const uint32_t lengths[] = {5, 0x7fffffff, 0xfffffffc, 0xfffffffd, 0xffffffff};
        (void)state;
        for (unsigned i = 0; i < 5; i++) {
                buf_clear(&out);
                xdr_put_u32(&out, lengths[i]);
                xdr_put_u32(&out, 0);
                struct xdr_in in = xdr_in(buf_bytes(&out));
                assert_int_equal(xdr_opaque(&in, UINT32_MAX).len, 0);
                assert_false(xdr_ok(&in));
                in = xdr_in(buf_bytes(&out));
                assert_int_equal(xdr_fixed(&in, SIZE_MAX - i).len, 0);
                assert_false(xdr_ok(&in));
        }
}

static void names(void **state)
{
        (void)state;
        xdr_put_opaque(&out, BYTES_LIT("ab\0cd"));
        xdr_put_opaque(&out, BYTES_LIT("\0"));
        xdr_put_opaque(&out, BYTES_LIT("whole"));
        struct xdr_in in = xdr_in(buf_bytes(&out));
        assert_true(bytes_eq_str(xdr_name(&in), "ab"));
        assert_int_equal(xdr_name(&in).len, 0);
        assert_true(bytes_eq_str(xdr_name(&in), "whole"));
        assert_true(xdr_end(&in));
}

static void borrowed(void **state)
{
        (void)state;
        xdr_put_opaque(&out, BYTES_LIT("text"));
        struct xdr_in in = xdr_in(buf_bytes(&out));
        assert_ptr_equal(xdr_opaque(&in, 4).data, out.data + 4);
}

static void full_buffer_fails(void **state)
{
        struct buf small;
        (void)state;
        buf_init(&small, 6);
        xdr_put_u32(&small, 1);
        xdr_put_u32(&small, 2);
        assert_true(small.failed);
        assert_int_equal(small.len, 4);
        buf_done(&small);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        const struct CMUnitTest tests[] = {
                T(words_are_big_endian),
                T(failure_is_sticky),
                T(empty_input),
                T(strict_and_loose_booleans),
                T(counts_that_cannot_be),
                T(padding),
                T(lengths_near_the_end_of_the_world),
                T(names),
                T(borrowed),
                T(full_buffer_fails),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
