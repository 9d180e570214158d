/* Permission (doc/protocol.md 3.8) and secrets. */
#include "model/access.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static struct arena arena;
static struct buf props;

static int setup(void **state)
{
        (void)state;
        arena_init(&arena, 0);
        buf_init(&props, 0);
        return 0;
}

static int teardown(void **state)
{
        (void)state;
        arena_done(&arena);
        buf_done(&props);
        return 0;
}

/* Words: name, values..., NULL, name, values..., NULL, NULL. */
static struct bytes make(const char *const *words)
{
        struct proplist l = {NULL, 0};
        while (*words) {
                const char *name = *words++;
                struct bytes values[8];
                uint32_t n = 0;
                while (*words)
                        values[n++] = bytes_str(*words++);
                words++;
                assert_true(proplist_add(&l, &arena, bytes_str(name), values, n));
        }
        buf_clear(&props);
        xdr_put_proplist(&props, l);
        return buf_bytes(&props);
}
#define PROPS(...) make((const char *const[]){__VA_ARGS__, NULL, NULL})

static const struct caller root = {.superuser = true};
static const struct caller nobody = {0};

static struct caller user(const char *name)
{
        return (struct caller){.name = bytes_str(name)};
}

static void directory_writers(void **state)
{
        const struct caller ada = user("ada"), bob = user("bob");
        (void)state;
        const struct bytes p = PROPS("name", "x", NULL, "_writers", "bob", "carol", NULL, "_writers", "ada");
        assert_true(access_dir(&root, p));
        assert_true(access_dir(&bob, p));
        assert_false(access_dir(&ada, p)); /* only the first property of the name counts */
        assert_false(access_dir(&nobody, p));
}

static void no_writers_means_superuser_only(void **state)
{
        const struct caller ada = user("ada");
        (void)state;
        const struct bytes p = PROPS("name", "x");
        assert_true(access_dir(&root, p));
        assert_false(access_dir(&ada, p));
        const struct bytes empty = PROPS("_writers", NULL);
        assert_false(access_dir(&ada, empty));
        assert_false(access_dir(&nobody, empty));
}

static void star_is_anyone(void **state)
{
        const struct caller ada = user("ada");
        (void)state;
        const struct bytes p = PROPS("_writers", "bob", "*");
        assert_true(access_dir(&ada, p));
        assert_true(access_dir(&nobody, p));
}

/* An anonymous caller matches nothing but "*", not even an empty name. */
static void anonymous_is_not_the_empty_name(void **state)
{
        (void)state;
        const struct bytes p = PROPS("_writers", "", NULL, "_writers_x", "");
        assert_false(access_dir(&nobody, p));
        assert_false(access_value(&nobody, p, BYTES_LIT("x")));
}

static void superuser_is_no_name(void **state)
{
        const struct caller fake = user("root");
        (void)state;
        assert_false(access_dir(&fake, PROPS("name", "x")));
}

static void value_writers(void **state)
{
        const struct caller ada = user("ada"), bob = user("bob");
        (void)state;
        const struct bytes p =
                PROPS("_writers", "bob", NULL, "_writers_passwd", "ada", NULL, "_writers_", "ada");
        assert_true(access_value(&ada, p, BYTES_LIT("passwd")));
        assert_false(access_value(&ada, p, BYTES_LIT("shell")));
        assert_false(access_value(&ada, p, BYTES_LIT("passw")));
        assert_true(access_value(&ada, p, BYTES_LIT(""))); /* the property without a name */
        assert_false(access_dir(&ada, p));
        assert_true(access_value(&bob, p, BYTES_LIT("shell"))); /* dir_ok is enough */
        assert_true(access_value(&root, p, BYTES_LIT("shell")));
        assert_false(access_value(&nobody, p, BYTES_LIT("passwd")));
        assert_true(access_value(&nobody, PROPS("_writers_passwd", "*"), BYTES_LIT("passwd")));
}

static void very_long_property_name(void **state)
{
        static uint8_t name[NI_NAME_MAX];
        const struct caller ada = user("ada");
        (void)state;
        memset(name, 'x', sizeof(name));
        assert_false(access_value(&ada, PROPS("name", "y"), bytes_of(name, sizeof(name))));
        assert_true(access_value(&root, PROPS("name", "y"), bytes_of(name, sizeof(name))));
}

static void locked(void **state)
{
        (void)state;
        assert_false(access_locked(PROPS("name", "x")));
        assert_true(access_locked(PROPS("name", "x", NULL, "_locked", NULL)));
        assert_false(access_locked(PROPS("name", "_locked")));
}

static void secrets(void **state)
{
        (void)state;
        assert_true(access_secret(BYTES_LIT("passwd")));
        assert_false(access_secret(BYTES_LIT("Passwd")));
        assert_false(access_secret(BYTES_LIT("name")));
        assert_false(access_secret(BYTES_NONE));
}

static void redaction_keeps_counts_and_order(void **state)
{
        struct buf out;
        (void)state;
        buf_init(&out, 0);
        const struct bytes p =
                PROPS("name", "ada", NULL, "passwd", "hash", "another", NULL, "passwd", NULL, "uid", "1");
        access_redact(p, &out);
        assert_false(out.failed);
        struct xdr_in in = xdr_in(buf_bytes(&out));
        const struct proplist l = xdr_proplist(&in, &arena);
        assert_true(xdr_end(&in));
        assert_int_equal(l.n, 4);
        assert_true(bytes_eq_str(l.v[0].values.v[0], "ada"));
        assert_true(bytes_eq_str(l.v[1].name, "passwd"));
        assert_int_equal(l.v[1].values.n, 2);
        assert_true(bytes_eq_str(l.v[1].values.v[0], "*") && bytes_eq_str(l.v[1].values.v[1], "*"));
        assert_int_equal(l.v[2].values.n, 0);
        assert_true(bytes_eq_str(l.v[3].values.v[0], "1"));
        buf_done(&out);
}

static void redaction_of_damage_fails(void **state)
{
        struct buf out;
        (void)state;
        const struct bytes p = PROPS("name", "ada", NULL, "passwd", "hash");
        for (size_t n = 0; n < p.len; n++) {
                buf_init(&out, 0);
                access_redact(bytes_sub(p, 0, n), &out);
                assert_true(out.failed);
                buf_done(&out);
        }
}

static void the_rule_that_lets_in(void **state)
{
        const struct caller ada = user("ada"), bob = user("bob");
        const struct bytes k = BYTES_LIT("k"), other = BYTES_LIT("other");
        (void)state;
        struct bytes p = PROPS("_writers", "bob", NULL, "_writers_k", "ada", NULL, "_writers_all", "*");
        assert_int_equal(access_why(&root, p, k), ACCESS_SUPERUSER);
        assert_int_equal(access_why(&bob, p, k), ACCESS_DIR_NAME);
        assert_int_equal(access_why(&ada, p, k), ACCESS_VALUE_NAME);
        assert_int_equal(access_why(&ada, p, other), ACCESS_NONE);
        assert_int_equal(access_why(&ada, p, BYTES_NONE), ACCESS_NONE);
        assert_int_equal(access_why(&nobody, p, BYTES_LIT("all")), ACCESS_VALUE_ALL);
        p = PROPS("_writers", "ada", "*");
        assert_int_equal(access_why(&ada, p, BYTES_NONE), ACCESS_DIR_ALL);
        assert_int_equal(access_why(&nobody, p, k), ACCESS_DIR_ALL);
}

static void administrators(void **state)
{
        uint8_t off[200];
        (void)state;
        struct bytes p = PROPS("promote_admins", "NO");
        memcpy(off, p.data, p.len);
        const struct bytes root_off = bytes_of(off, p.len);
        p = PROPS("name", "admin", NULL, "users", "boss", "ada");
        assert_true(access_is_admin(BYTES_NONE, p, BYTES_LIT("ada")));
        assert_false(access_is_admin(BYTES_NONE, p, BYTES_LIT("bob")));
        assert_false(access_is_admin(BYTES_NONE, p, BYTES_LIT("")));
        assert_false(access_is_admin(root_off, p, BYTES_LIT("ada")));
        assert_false(access_is_admin(BYTES_NONE, BYTES_NONE, BYTES_LIT("ada")));
}

static void other_authorities(void **state)
{
        static const char *const other[] = {"1.0;ShadowHash;", ";ApplePasswordServer;0x1,10.0.0.1",
                                            "rubbish"};
        (void)state;
        assert_false(access_other_authority(PROPS("name", "ada")));
        assert_false(access_other_authority(PROPS("authentication_authority", "1.0;basic;")));
        assert_false(access_other_authority(PROPS("authentication_authority", "")));
        for (unsigned i = 0; i < 3; i++)
                assert_true(access_other_authority(PROPS("authentication_authority", other[i])));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        const struct CMUnitTest tests[] = {
                T(directory_writers),
                T(no_writers_means_superuser_only),
                T(star_is_anyone),
                T(anonymous_is_not_the_empty_name),
                T(superuser_is_no_name),
                T(value_writers),
                T(very_long_property_name),
                T(locked),
                T(secrets),
                T(redaction_keeps_counts_and_order),
                T(redaction_of_damage_fails),
                T(the_rule_that_lets_in),
                T(administrators),
                T(other_authorities),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
