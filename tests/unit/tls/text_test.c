/* What needs no OpenSSL: names of machines, join strings (doc/tls.md 2.3, 4). And digests. */
#include "lab.h"

#include "tls/join_string.h"

#include <stdlib.h>

static void names(void **state)
{
        static const char *const good[] = {"a", "rome", "a-b.c-d", "0", "x1.2"};
        static const char *const bad[] = {"",    "-a",     "a-",         ".a",  "a.",  "a b", "a_b", "a/b",
                                          "a;b", "*.rome", "r\xc3\xb6m", "a:b", "a,b", "a\n", "a=b"};
        char name[TLS_NAME_MAX + 1] = "kept", longest[TLS_NAME_MAX + 2];
        (void)state;
        for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
                assert_true(tls_name_valid(bytes_str(good[i])));
                assert_true(tls_name_make(bytes_str(good[i]), name));
                assert_string_equal(name, good[i]);
        }
        assert_true(tls_name_make(BYTES_LIT("Rome.EXAMPLE"), name));
        assert_string_equal(name, "rome.example");
        assert_false(tls_name_valid(BYTES_LIT("Rome")));
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                assert_false(tls_name_valid(bytes_str(bad[i])));
                assert_false(tls_name_make(bytes_str(bad[i]), name));
        }
        assert_false(tls_name_valid(BYTES_LIT("rome\0x")));
        assert_false(tls_name_make(BYTES_LIT("rome\0x"), name));
        assert_string_equal(name, "rome.example");
        memset(longest, 'a', sizeof(longest));
        assert_true(tls_name_make(bytes_of(longest, TLS_NAME_MAX), name));
        assert_false(tls_name_make(bytes_of(longest, TLS_NAME_MAX + 1), name));
}

#define SECRET "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
#define PIN    "_____________________________________________w"
#define PIN43  "__________________________________________8"
#define LINE   "ni1;rome,10.0.0.7:1987,[fe80::1%eth0]:987,[::1];network;0123456789abcdef;" SECRET ";" PIN43

static void a_join_string(void **state)
{
        struct tls_why why;
        struct join_string j;
        char text[JOIN_STRING_MAX + 1];
        (void)state;
        assert_true(join_string_parse(BYTES_LIT(" " LINE "\r\n"), &j, &why));
        assert_int_equal(j.n, 4);
        assert_string_equal(j.servers[0].host, "rome");
        assert_int_equal(j.servers[0].port, 0);
        assert_string_equal(j.servers[1].host, "10.0.0.7");
        assert_int_equal(j.servers[1].port, 1987);
        assert_string_equal(j.servers[2].host, "fe80::1%eth0");
        assert_int_equal(j.servers[2].port, 987);
        assert_string_equal(j.servers[3].host, "::1");
        assert_string_equal(j.tag, "network");
        for (unsigned i = 0; i < 8; i++)
                assert_int_equal(j.token[i], (2 * i) << 4 | (2 * i + 1));
        for (unsigned i = 0; i < 32; i++) {
                assert_int_equal(j.secret[i], i);
                assert_int_equal(j.pin[i], 0xff);
        }
        assert_true(join_string_format(&j, text));
        assert_string_equal(text, LINE);
}

static void bad_join_strings(void **state)
{
        static const struct {
                const char *text, *words;
        } cases[] = {
                {"", "it is empty"},
                {" \n", "it is empty"},
                {"ni2;rome;t;0123456789abcdef;" SECRET ";" PIN43, "does not begin with ni1;"},
                {"ni1;rome;t;0123456789abcdef;" SECRET, "six parts"},
                {LINE ";", "six parts"},
                {"ni1;;t;0123456789abcdef;" SECRET ";" PIN43, "server 1"},
                {"ni1;a,;t;0123456789abcdef;" SECRET ";" PIN43, "server 2"},
                {"ni1;a,b/t;t;0123456789abcdef;" SECRET ";" PIN43, "server 2"},
                {"ni1;a b;t;0123456789abcdef;" SECRET ";" PIN43, "server 1"},
                {"ni1;a:0;t;0123456789abcdef;" SECRET ";" PIN43, "server 1"},
                {"ni1;a:65536;t;0123456789abcdef;" SECRET ";" PIN43, "server 1"},
                {"ni1;::1;t;0123456789abcdef;" SECRET ";" PIN43, "server 1"},
                {"ni1;[a];t;0123456789abcdef;" SECRET ";" PIN43, "server 1: brackets"},
                {"ni1;[::1;t;0123456789abcdef;" SECRET ";" PIN43, "server 1"},
                {"ni1;1,2,3,4,5,6,7,8,9;t;0123456789abcdef;" SECRET ";" PIN43, "more than 8 servers"},
                {"ni1;a;;0123456789abcdef;" SECRET ";" PIN43, "tag"},
                {"ni1;a;.t;0123456789abcdef;" SECRET ";" PIN43, "tag"},
                {"ni1;a;t;0123456789abcde;" SECRET ";" PIN43, "token"},
                {"ni1;a;t;0123456789abcdeF;" SECRET ";" PIN43, "token"},
                {"ni1;a;t;0123456789abcdef0;" SECRET ";" PIN43, "token"},
                {"ni1;a;t;0123456789abcdef;" SECRET "A;" PIN43, "secret"},
                {"ni1;a;t;0123456789abcdef;" SECRET "=;" PIN43, "secret"},
                {"ni1;a;t;0123456789abcdef;AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9;" PIN43, "secret"},
                {"ni1;a;t;0123456789abcdef;AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh+;" PIN43, "secret"},
                {"ni1;a;t;0123456789abcdef;" SECRET ";" PIN, "pin"},
                {"ni1;a;t;0123456789abcdef;" SECRET ";", "pin"},
        };
        struct tls_why why;
        struct join_string j;
        (void)state;
        memset(&j, 0x5a, sizeof(j));
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                assert_false(join_string_parse(bytes_str(cases[i].text), &j, &why));
                if (!strstr(why.text, cases[i].words))
                        print_error("%s: %s\n", cases[i].text, why.text);
                assert_non_null(strstr(why.text, cases[i].words));
                assert_null(strstr(why.text, "AAECAwQF")); /* never the secret */
        }
        assert_false(
                join_string_parse(BYTES_LIT("ni1;a;t;0123456789abcdef;" SECRET ";" PIN43 "\0"), &j, &why));
        for (size_t i = 0; i < sizeof(j); i++)
                assert_int_equal(((const uint8_t *)&j)[i], 0x5a);
}

static void how_long_a_join_string_is(void **state)
{
        struct tls_why why;
        struct join_string j = {.n = 1, .tag = "network"};
        char text[JOIN_STRING_MAX + 1], longer[JOIN_STRING_MAX + 8];
        (void)state;
        for (j.n = 1; j.n < 4; j.n++) /* three names of 255 bytes fit */
                memset(j.servers[j.n - 1].host, 'a', JOIN_HOST_MAX);
        j.n = 3;
        assert_true(join_string_format(&j, text));
        assert_true(join_string_parse(bytes_str(text), &j, &why));
        j.n = 4;
        memset(j.servers[3].host, 'a', JOIN_HOST_MAX);
        assert_false(join_string_format(&j, text));
        memset(longer, 'a', sizeof(longer));
        memcpy(longer, "ni1;", 4);
        assert_false(join_string_parse(bytes_of(longer, JOIN_STRING_MAX + 1), &j, &why));
        assert_non_null(strstr(why.text, "more than 1024 bytes"));
}

static void what_cannot_be_written(void **state)
{
        const struct join_string good = {.n = 1, .servers = {{.host = "rome"}}, .tag = "network"};
        struct join_string j = good;
        char text[JOIN_STRING_MAX + 1];
        (void)state;
        assert_true(join_string_format(&j, text));
        j.n = 0;
        assert_false(join_string_format(&j, text));
        j.n = JOIN_SERVERS_MAX + 1;
        assert_false(join_string_format(&j, text));
        j = good;
        strcpy(j.tag, "a;b"); /* a tag may have it, a join string not */
        assert_false(join_string_format(&j, text));
        strcpy(j.tag, "");
        assert_false(join_string_format(&j, text));
        j = good;
        strcpy(j.servers[0].host, "a,b");
        assert_false(join_string_format(&j, text));
        memset(&j.servers[0].host, 'a', sizeof(j.servers[0].host)); /* without its end */
        assert_false(join_string_format(&j, text));
}

static void digests(void **state)
{
        static const uint8_t abc[] = {
                0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40,
                0xde, 0x5d, 0xae, 0x22, 0x23, 0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17,
                0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad}; /* FIPS 180-4 */
        static const uint8_t empty[] = {0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14};
        static const uint8_t hmac[] = {
                0x5b, 0xdc, 0xc1, 0x46, 0xbf, 0x60, 0x75, 0x4e, 0x6a, 0x04, 0x24,
                0x26, 0x08, 0x95, 0x75, 0xc7, 0x5a, 0x00, 0x3f, 0x08, 0x9d, 0x27,
                0x39, 0x83, 0x9d, 0xec, 0x58, 0xb9, 0x64, 0xec, 0x38, 0x43}; /* RFC 4231 4.3 */
        uint8_t d[TLS_DIGEST_SIZE];
        (void)state;
        assert_true(tls_sha256(BYTES_LIT("abc"), d));
        assert_memory_equal(d, abc, sizeof(d));
        assert_true(tls_sha256(BYTES_NONE, d));
        assert_memory_equal(d, empty, sizeof(empty));
        assert_true(tls_hmac_sha256(BYTES_LIT("Jefe"), BYTES_LIT("what do ya want for nothing?"), d));
        assert_memory_equal(d, hmac, sizeof(d));
        assert_true(tls_equal(d, hmac, sizeof(d)));
        for (unsigned bit = 0; bit < 8 * sizeof(d); bit++) {
                d[bit / 8] ^= (uint8_t)(1u << bit % 8);
                assert_false(tls_equal(d, hmac, sizeof(d)));
                d[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        assert_true(tls_equal(d, abc, 0));
}

/* The words of doc/tls.md 3, put together here once more. */
static void proof_of_a_join(void **state)
{
        uint8_t secret[32], exported[32], said[14 + 32 + 32 + 4], want[32], got[32], name[300] = {0};
        (void)state;
        for (unsigned i = 0; i < 32; i++) {
                secret[i] = (uint8_t)i;
                exported[i] = (uint8_t)(200 + i);
        }
        memcpy(said, "netinfo-join-1", 14);
        memcpy(said + 14, exported, 32);
        assert_true(tls_sha256(BYTES_LIT("request"), said + 46));
        memcpy(said + 78, "leaf", 4);
        assert_true(tls_hmac_sha256(bytes_of(secret, 32), bytes_of(said, sizeof(said)), want));
        assert_true(tls_join_proof(secret, exported, BYTES_LIT("request"), BYTES_LIT("leaf"), got));
        assert_memory_equal(got, want, 32);
        assert_true(tls_join_proof(secret, exported, BYTES_LIT("request"), BYTES_LIT("lead"), got));
        assert_memory_not_equal(got, want, 32);
        assert_true(tls_join_proof(secret, exported, BYTES_LIT("requesu"), BYTES_LIT("leaf"), got));
        assert_memory_not_equal(got, want, 32);
        assert_false(tls_join_proof(secret, exported, BYTES_LIT("request"), bytes_of(name, 256), got));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(names),
                cmocka_unit_test(a_join_string),
                cmocka_unit_test(bad_join_strings),
                cmocka_unit_test(how_long_a_join_string_is),
                cmocka_unit_test(what_cannot_be_written),
                cmocka_unit_test(digests),
                cmocka_unit_test(proof_of_a_join),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
