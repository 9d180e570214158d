/* Paths (doc/tools.md 1.4), addresses (1.2), tags (doc/protocol.md 2.9). */
#include "model/path.h"

#include "base/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static struct arena arena;

static int setup(void **state)
{
        (void)state;
        arena_init(&arena, 0);
        return 0;
}

static int teardown(void **state)
{
        (void)state;
        arena_done(&arena);
        return 0;
}

/* The path has these steps: key, value, key, value ..., NULL. */
static void assert_steps(const char *text, const char *const *want)
{
        struct path p;
        const char *why = NULL;
        if (!path_parse(bytes_str(text), &arena, &p, &why))
                fail_msg("%s: %s", text, why);
        assert_false(p.numeric);
        for (uint32_t i = 0; i < p.n; i++, want += 2) {
                assert_non_null(*want);
                assert_true(bytes_eq_str(p.step[i].key, want[0]));
                assert_true(bytes_eq_str(p.step[i].value, want[1]));
        }
        assert_null(*want);
}
#define STEPS(text, ...) assert_steps(text, (const char *const[]){__VA_ARGS__, NULL})

static void steps(void **state)
{
        (void)state;
        assert_steps("/", (const char *const[]){NULL});
        assert_steps("///", (const char *const[]){NULL});
        STEPS("/users/amelia", "name", "users", "name", "amelia");
        STEPS("/name=users/name=amelia", "name", "users", "name", "amelia");
        STEPS("/users/uid=501", "name", "users", "uid", "501");
        STEPS("/machines/ip_address=10.1.1.7", "name", "machines", "ip_address", "10.1.1.7");
        STEPS("/exports/\\/srv\\/home", "name", "exports", "name", "/srv/home");
        STEPS("//users///ada//", "name", "users", "name", "ada");
        STEPS("users/ada", "name", "users", "name", "ada");
        STEPS("/42", "name", "42");
        STEPS("42/7", "name", "42", "name", "7");
        STEPS("/4 2", "name", "4 2");
}

static void escapes_and_keys(void **state)
{
        (void)state;
        STEPS("/a\\=b", "name", "a=b");
        STEPS("/a=b=c", "a", "b=c"); /* the first unescaped one */
        STEPS("/a\\=b=c", "a=b", "c");
        STEPS("/a\\\\", "name", "a\\");
        STEPS("/\\x", "name", "x");
        STEPS("/=", "", "");
        STEPS("/name=", "name", "");
        STEPS("/=x", "", "x");
        STEPS("/\\4", "name", "4");
}

static void numbers(void **state)
{
        struct path p;
        const char *why = NULL;
        (void)state;
        assert_true(path_parse(BYTES_LIT("0"), &arena, &p, &why));
        assert_true(p.numeric && p.object == 0 && p.n == 0);
        assert_true(path_parse(BYTES_LIT("4294967295"), &arena, &p, &why));
        assert_true(p.numeric && p.object == UINT32_MAX);
        assert_false(path_parse(BYTES_LIT("4294967296"), &arena, &p, &why));
        assert_string_equal(why, "the object number does not fit 32 bits");
}

static void refusals(void **state)
{
        static uint8_t long_path[LIMIT_PATH + 1];
        struct path p = {.object = 99};
        struct arena small;
        const char *why = NULL;
        (void)state;
        assert_false(path_parse(BYTES_NONE, &arena, &p, &why));
        assert_non_null(why);
        why = NULL;
        assert_false(path_parse(BYTES_LIT("/a\\"), &arena, &p, &why));
        assert_string_equal(why, "the path ends in a lone backslash");
        memset(long_path, 'x', sizeof(long_path));
        why = NULL;
        assert_false(path_parse(bytes_of(long_path, sizeof(long_path)), &arena, &p, &why));
        assert_non_null(why);
        arena_init(&small, 8);
        why = NULL;
        assert_false(path_parse(BYTES_LIT("/a/b"), &small, &p, &why));
        assert_non_null(why);
        arena_done(&small);
        assert_int_equal(p.object, 99);
        assert_true(path_parse(bytes_of(long_path, LIMIT_PATH), &arena, &p, &why));
        assert_true(p.n == 1 && p.step[0].value.len == LIMIT_PATH);
}

static void assert_written(const char *key, const char *value, const char *want)
{
        struct buf b;
        buf_init(&b, 0);
        path_put_step(&b, bytes_str(key), bytes_str(value));
        assert_true(bytes_eq_str(buf_bytes(&b), want));
        assert_steps(want, (const char *const[]){key, value, NULL}); /* and back */
        buf_done(&b);
}

static void written_steps(void **state)
{
        (void)state;
        assert_written("name", "ada", "/ada");
        assert_written("uid", "501", "/uid=501");
        assert_written("name", "a/b=c\\d", "/a\\/b\\=c\\\\d");
        assert_written("k=/", "v", "/k\\=\\/=v");
        assert_written("name", "", "/name=");
        assert_written("", "", "/=");
}

static void assert_address(const char *text, const char *host, unsigned port, const char *tag)
{
        struct server_address s;
        const char *why = NULL;
        if (!address_parse(bytes_str(text), *tag != '\0', &s, &why))
                fail_msg("%s: %s", text, why);
        assert_true(bytes_eq_str(s.host, host));
        assert_int_equal(s.port, port);
        assert_true(bytes_eq_str(s.tag, tag));
}

static void addresses(void **state)
{
        (void)state;
        assert_address("10.0.0.1/network", "10.0.0.1", 0, "network");
        assert_address("alpha:987/network", "alpha", 987, "network");
        assert_address("alpha/a/b", "alpha", 0, "a/b"); /* the rest after the first slash */
        assert_address("[2001:db8::1]/network", "2001:db8::1", 0, "network");
        assert_address("[::1]:65535/local", "::1", 65535, "local");
        assert_address("alpha", "alpha", 0, "");
        assert_address("alpha:1", "alpha", 1, "");
        assert_address("[::1]:987", "::1", 987, "");
        assert_address("alpha/", "alpha", 0, "");
}

static void bad_addresses(void **state)
{
        static const struct {
                const char *text, *why;
        } bad[] = {
                {"", "Bad format"},        {"alpha", "Bad format"},       {"/network", "No host"},
                {"alpha/", "No tag"},      {":987/x", "No host"},         {"alpha:/x", "Bad port"},
                {"alpha:0/x", "Bad port"}, {"alpha:65536/x", "Bad port"}, {"alpha:9x/x", "Bad port"},
                {"[::1/x", "Bad format"},  {"[::1]x/x", "Bad format"},    {"[]/x", "No host"},
                {"[", "Bad format"},       {"[::1]", "Bad format"},
        };
        (void)state;
        for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                struct server_address s = {.port = 99};
                const char *why = NULL;
                assert_false(address_parse(bytes_str(bad[i].text), true, &s, &why));
                assert_string_equal(why, bad[i].why);
                assert_int_equal(s.port, 99);
        }
}

static void tags(void **state)
{
        static uint8_t letters[LIMIT_TAG + 1];
        (void)state;
        assert_true(tag_is_valid(BYTES_LIT("network")));
        assert_true(tag_is_valid(BYTES_LIT("a.b-c_d e")));
        assert_true(tag_is_valid(BYTES_LIT("caf\xc3\xa9")));
        static const char *const bad[] = {"", ".", ".hidden", "-x", "a/b", "a\n", "\x7f", "a\tb"};
        for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
                assert_false(tag_is_valid(bytes_str(bad[i])));
        memset(letters, 'a', sizeof(letters));
        assert_true(tag_is_valid(bytes_of(letters, LIMIT_TAG)));
        assert_false(tag_is_valid(bytes_of(letters, LIMIT_TAG + 1)));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        const struct CMUnitTest tests[] = {
                T(steps),         T(escapes_and_keys), T(numbers),       T(refusals),
                T(written_steps), T(addresses),        T(bad_addresses), T(tags),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
