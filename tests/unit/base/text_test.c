#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static void unsigned_numbers(void **state)
{
        uint64_t v = 99;
        uint32_t w = 99;
        (void)state;
        assert_true(text_u64(BYTES_LIT("0"), 10, &v) && v == 0);
        assert_true(text_u64(BYTES_LIT("0010"), 10, &v) && v == 10);
        assert_true(text_u64(BYTES_LIT("18446744073709551615"), UINT64_MAX, &v) && v == UINT64_MAX);
        v = 99;
        assert_false(text_u64(BYTES_LIT("18446744073709551616"), UINT64_MAX, &v));
        assert_false(text_u64(BYTES_LIT("99999999999999999999"), UINT64_MAX, &v));
        assert_false(text_u64(BYTES_LIT("11"), 10, &v));
        static const char *const bad[] = {"", " 1", "1 ", "+1", "-1", "0x1", "1.", "one"};
        for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
                assert_false(text_u64(bytes_str(bad[i]), UINT64_MAX, &v));
        assert_false(text_u64(BYTES_LIT("1\0"), 10, &v));
        assert_int_equal(v, 99); /* untouched */
        assert_true(text_u32(BYTES_LIT("4294967295"), &w) && w == UINT32_MAX);
        w = 99;
        assert_false(text_u32(BYTES_LIT("4294967296"), &w));
        assert_int_equal(w, 99);
}

static void signed_numbers(void **state)
{
        int64_t v = 99;
        (void)state;
        assert_true(text_i64(BYTES_LIT("-2"), &v) && v == -2);
        assert_true(text_i64(BYTES_LIT("-0"), &v) && v == 0);
        assert_true(text_i64(BYTES_LIT("9223372036854775807"), &v) && v == INT64_MAX);
        assert_true(text_i64(BYTES_LIT("-9223372036854775807"), &v) && v == -INT64_MAX);
        v = 99;
        assert_false(text_i64(BYTES_LIT("9223372036854775808"), &v));
        assert_false(text_i64(BYTES_LIT("-"), &v));
        assert_false(text_i64(BYTES_LIT("--1"), &v));
        assert_false(text_i64(BYTES_LIT("+1"), &v));
        assert_false(text_i64(BYTES_NONE, &v));
        assert_int_equal(v, 99);
}

static void booleans(void **state)
{
        static const char *const yes[] = {"YES", "Yes", "yes", "Y", "y", "1"};
        static const char *const no[] = {"NO", "No", "no", "N", "n", "0"};
        static const char *const other[] = {"", "yEs", "true", "01", "yes ", "nO"};
        (void)state;
        for (unsigned i = 0; i < 6; i++) {
                assert_true(text_bool(bytes_str(yes[i]), false));
                assert_false(text_bool(bytes_str(no[i]), true));
                assert_true(text_bool(bytes_str(other[i]), true));
                assert_false(text_bool(bytes_str(other[i]), false));
        }
}

static void utf8(void **state)
{
        static const char *const good[] = {"",
                                           "ascii",
                                           "\xc3\xa9",
                                           "\xe2\x82\xac",
                                           "\xf0\x9f\x90\xa7",
                                           "\xc2\x80",
                                           "\xdf\xbf",
                                           "\xe0\xa0\x80",
                                           "\xed\x9f\xbf",
                                           "\xee\x80\x80",
                                           "\xf0\x90\x80\x80",
                                           "\xf4\x8f\xbf\xbf"};
        static const char *const bad[] = {"\x80",
                                          "\xc3",
                                          "\xc0\x80",
                                          "\xc1\xbf",
                                          "\xe0\x9f\xbf",
                                          "\xed\xa0\x80",
                                          "\xed\xbf\xbf",
                                          "\xe2\x82",
                                          "\xe2\x28\xa1",
                                          "\xf0\x8f\xbf\xbf",
                                          "\xf4\x90\x80\x80",
                                          "\xf8\x88\x80\x80\x80",
                                          "\xff",
                                          "a\xfe"};
        (void)state;
        for (unsigned i = 0; i < sizeof(good) / sizeof(good[0]); i++)
                assert_true(text_is_utf8(bytes_str(good[i])));
        for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
                assert_false(text_is_utf8(bytes_str(bad[i])));
        assert_false(text_is_utf8(BYTES_LIT("a\0b")));
        assert_false(text_is_utf8(bytes_of("\xe2\x82\xac", 2))); /* cut in the middle */
}

static void distances(void **state)
{
        static const struct {
                const char *a, *b;
                unsigned d;
        } pairs[] = {{"", "", 0},
                     {"a", "", 1},
                     {"", "abc", 3},
                     {"same", "same", 0},
                     {"list", "lists", 1},
                     {"create", "craete", 1},
                     {"set", "get", 1},
                     {"kitten", "sitting", 3},
                     {"ab", "ba", 1},
                     {"abcd", "acbd", 1},
                     {"import", "export", 2}};
        char far[100];
        (void)state;
        for (unsigned i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
                assert_int_equal(text_distance(pairs[i].a, pairs[i].b), pairs[i].d);
                assert_int_equal(text_distance(pairs[i].b, pairs[i].a), pairs[i].d);
        }
        memset(far, 'x', sizeof(far) - 1);
        far[99] = '\0';
        assert_int_equal(text_distance(far, far), 63);
        far[63] = '\0';
        assert_int_equal(text_distance(far, far), 0);
        assert_int_equal(text_distance(far, ""), 63);
}

static void suggestions(void **state)
{
        static const char *const words[] = {"create", "destroy", "import", "export", "ls", NULL};
        (void)state;
        assert_string_equal(text_suggest("craete", words), "create");
        assert_string_equal(text_suggest("destory", words), "destroy");
        assert_string_equal(text_suggest("improt", words), "import");
        assert_null(text_suggest("zzzzzz", words));
        assert_null(text_suggest("x", words)); /* every short word is near everything */
        assert_null(text_suggest("anything", (const char *const[]){NULL}));
}

static void byte_strings(void **state)
{
        const struct bytes b = BYTES_LIT("abcdef");
        (void)state;
        assert_true(bytes_eq(BYTES_NONE, BYTES_LIT("")));
        assert_false(bytes_eq(b, BYTES_LIT("abcdeF")));
        assert_false(bytes_eq(b, BYTES_LIT("abcde")));
        assert_true(bytes_starts(b, "abc") && bytes_starts(b, "") && !bytes_starts(b, "abcdefg"));
        assert_int_equal(bytes_find(b, 'd'), 3);
        assert_int_equal(bytes_find(b, 'z'), 6);
        assert_int_equal(bytes_find(BYTES_NONE, 'z'), 0);
        assert_true(bytes_eq_str(bytes_sub(b, 2, 3), "cde"));
        assert_true(bytes_eq_str(bytes_sub(b, 4, 100), "ef"));
        assert_int_equal(bytes_sub(b, 100, 1).len, 0);
        assert_int_equal(bytes_str(NULL).len, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(unsigned_numbers), cmocka_unit_test(signed_numbers),
                cmocka_unit_test(booleans),         cmocka_unit_test(utf8),
                cmocka_unit_test(distances),        cmocka_unit_test(suggestions),
                cmocka_unit_test(byte_strings),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
