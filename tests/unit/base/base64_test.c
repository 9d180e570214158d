/* Base64, both alphabets (RFC 4648). */
#include "base/base64.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static void there_and_back(void **state)
{
        static const char *const vectors[][3] = {/* RFC 4648 10 */
                                                 {"", "", ""},
                                                 {"f", "Zg==", "Zg"},
                                                 {"fo", "Zm8=", "Zm8"},
                                                 {"foo", "Zm9v", "Zm9v"},
                                                 {"foob", "Zm9vYg==", "Zm9vYg"},
                                                 {"fooba", "Zm9vYmE=", "Zm9vYmE"},
                                                 {"foobar", "Zm9vYmFy", "Zm9vYmFy"},
                                                 {"\xfb\xff\xfe", "+//+", "-__-"}};
        (void)state;
        for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
                for (unsigned kind = 0; kind < 2; kind++) {
                        uint8_t back[8];
                        size_t n = 99;
                        struct buf b;
                        buf_init(&b, 0);
                        base64_put(&b, kind ? BASE64_URL : BASE64, bytes_str(vectors[i][0]));
                        assert_true(bytes_eq_str(buf_bytes(&b), vectors[i][1 + kind]));
                        assert_true(base64_read(buf_bytes(&b), kind ? BASE64_URL : BASE64, back, sizeof(back),
                                                &n));
                        assert_true(bytes_eq_str(bytes_of(back, n), vectors[i][0]));
                        buf_done(&b);
                }
        }
}

static void what_is_none(void **state)
{
        static const char *const padded[] = {"Z",    "Zg",    "Zg=",    "=",    "==",       "===",
                                             "====", "Zh==",  "Zm9=",   "Z===", "Zg==Zg==", "Zm-v",
                                             "Zm_v", "Zm9 v", "Zm9v\n", "A=AA"};
        static const char *const bare[] = {"Z", "Zg==", "Zh", "Zm9", "Zm+v", "Zm9vY", "Zm8=", " Zm8"};
        uint8_t to[16];
        size_t n = 77;
        (void)state;
        for (size_t i = 0; i < sizeof(padded) / sizeof(padded[0]); i++)
                assert_false(base64_read(bytes_str(padded[i]), BASE64, to, sizeof(to), &n));
        for (size_t i = 0; i < sizeof(bare) / sizeof(bare[0]); i++)
                assert_false(base64_read(bytes_str(bare[i]), BASE64_URL, to, sizeof(to), &n));
        assert_false(base64_read(BYTES_LIT("Zm9v"), BASE64, to, 2, &n)); /* no room */
        assert_false(base64_read(BYTES_LIT("Zm9v\0AAA"), BASE64, to, sizeof(to), &n));
        assert_int_equal(n, 77);
        assert_true(base64_read(BYTES_LIT("Zm9v"), BASE64, to, 3, &n));
}

static void every_length(void **state)
{
        uint8_t data[256], back[256];
        (void)state;
        for (unsigned i = 0; i < sizeof(data); i++)
                data[i] = (uint8_t)(i * 197);
        for (size_t len = 0; len <= sizeof(data); len++) {
                struct buf b;
                size_t n;
                buf_init(&b, 0);
                base64_put(&b, BASE64, bytes_of(data, len));
                assert_int_equal(b.len, (len + 2) / 3 * 4);
                assert_true(base64_read(buf_bytes(&b), BASE64, back, sizeof(back), &n));
                assert_int_equal(n, len);
                assert_memory_equal(back, data, len);
                buf_done(&b);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(there_and_back), cmocka_unit_test(what_is_none),
                                           cmocka_unit_test(every_length)};
        return cmocka_run_group_tests(tests, NULL, NULL);
}
