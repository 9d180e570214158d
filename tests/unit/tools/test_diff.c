/* Differences between property lists, as `ni log` shows them. */
#include "tools/log_diff.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* Writes a list such as "name=ada name=lovelace; uid=1; empty" : properties end with ";", words are
 * key=value (the key of the first counts), a lone key has no values. */
static struct bytes list(struct arena *a, const char *text)
{
        struct proplist l = {0};
        struct buf out;
        char *copy = arena_str(a, bytes_str(text)), *rest = copy;
        for (char *prop; (prop = strsep(&rest, ";"));) {
                struct bytes values[16], name = BYTES_NONE;
                uint32_t n = 0;
                for (char *word; (word = strsep(&prop, " "));) {
                        if (!*word)
                                continue;
                        char *equals = strchr(word, '=');
                        name = equals ? bytes_of(word, (size_t)(equals - word)) : bytes_str(word);
                        if (equals)
                                values[n++] = bytes_str(equals + 1);
                }
                assert_true(proplist_add(&l, a, name, values, n));
        }
        buf_init(&out, 0);
        xdr_put_proplist(&out, l);
        const struct bytes encoded = arena_bytes(a, buf_bytes(&out));
        buf_done(&out);
        return encoded;
}

static void put(struct buf *out, char sign, const struct diff_line *v, uint32_t n)
{
        for (uint32_t i = 0; i < n; i++)
                buf_printf(out, "%c%.*s%s%.*s%s ", sign, BYTES_FMT(v[i].name), v[i].has_value ? "=" : "",
                           BYTES_FMT(v[i].secret ? BYTES_LIT("?") : v[i].value), v[i].secret ? "!" : "");
}

/* The difference as text: "-uid=1 +uid=2 ", then "order" or "hidden". */
static void assert_diff(const char *before, const char *after, const char *want)
{
        struct arena a;
        struct diff d;
        struct buf got;
        arena_init(&a, 0);
        buf_init(&got, 0);
        assert_true(diff_lists(before ? list(&a, before) : BYTES_NONE, after ? list(&a, after) : BYTES_NONE,
                               &a, &d));
        put(&got, '-', d.removed, d.removed_count);
        put(&got, '+', d.added, d.added_count);
        buf_puts(&got, d.order ? "order" : d.hidden ? "hidden" : "");
        buf_putc(&got, '\0');
        assert_string_equal(want, (const char *)got.data);
        buf_done(&got);
        arena_done(&a);
}

static void differences(void **state)
{
        (void)state;
        assert_diff("name=ada; uid=1", "name=ada; uid=1", "");
        assert_diff("name=ada; uid=1", "name=ada; uid=2", "-uid=1 +uid=2 ");
        assert_diff("users=a users=b users=c", "users=a users=c users=d users=e",
                    "-users=b +users=d +users=e ");
        assert_diff("name=ada", "name=ada; users", "+users ");
        assert_diff("name=ada; users", "name=ada; users=", "-users +users= ");
        assert_diff("users=a users=a", "users=a", "-users=a ");
        assert_diff("a=1; b=2", "b=2; a=1", "order");
        assert_diff("a=1 a=2", "a=2 a=1", "order");
        assert_diff("a=1; a=2", "a=1 a=2", "order"); /* two properties or one: the same values */
        assert_diff(NULL, "z=1; y=2; x=3", "+z=1 +y=2 +x=3 ");
        assert_diff("z=1; y=2", NULL, "-z=1 -y=2 ");
        assert_diff("ab=c", "a=bc", "-ab=c +a=bc ");
}

static void secrets_are_not_shown(void **state)
{
        (void)state;
        assert_diff("name=ada; passwd=old", "name=ada; passwd=new", "-passwd=?! +passwd=?! ");
        assert_diff("passwd=a passwd=b", "passwd=c passwd=d passwd=e", "-passwd=?! +passwd=?! ");
        assert_diff(NULL, "name=ada; passwd=x; uid=1", "+name=ada +passwd=?! +uid=1 ");
        /* what a server shows to somebody who may not see: the same before and after */
        assert_diff("name=ada; passwd=*", "name=ada; passwd=*", "hidden");
        assert_diff("name=ada", "name=ada", "");
}

static void damage_is_refused(void **state)
{
        struct arena a;
        struct diff d;
        (void)state;
        arena_init(&a, 0);
        const struct bytes good = list(&a, "name=ada; uid=1");
        for (size_t n = 1; n < good.len; n++) {
                assert_false(diff_lists(bytes_sub(good, 0, n), good, &a, &d));
                assert_false(diff_lists(good, bytes_sub(good, 0, n), &a, &d));
        }
        arena_done(&a);
}

/* A group of 60,000 members in no order, one of them replaced. */
static void long_lists(void **state)
{
        enum { MANY = 60000 };
        struct arena a;
        struct diff d;
        (void)state;
        arena_init(&a, 0);
        struct bytes *v = arena_zalloc(&a, MANY, sizeof(*v)), encoded[2];
        for (int i = 0; i < MANY; i++)
                v[i] = bytes_str(arena_printf(&a, "user%d", i * 7919 % MANY));
        for (int round = 0; round < 2; round++) {
                struct property p = {BYTES_LIT("users"), {v, MANY}};
                struct buf out;
                buf_init(&out, 0);
                xdr_put_proplist(&out, (struct proplist){&p, 1});
                encoded[round] = arena_bytes(&a, buf_bytes(&out));
                buf_done(&out);
                v[MANY / 2] = BYTES_LIT("newcomer");
        }
        assert_true(diff_lists(encoded[0], encoded[1], &a, &d));
        assert_int_equal(1, d.removed_count);
        assert_int_equal(1, d.added_count);
        assert_true(bytes_eq_str(d.added[0].value, "newcomer"));
        arena_done(&a);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(differences),
                cmocka_unit_test(secrets_are_not_shown),
                cmocka_unit_test(damage_is_refused),
                cmocka_unit_test(long_lists),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
