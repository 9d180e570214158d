/* nsswitch.conf, read as the C library does. */
#include "tools/nsswitch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct fixture {
        struct arena a;
        struct nsswitch s;
};

static int setup(void **state)
{
        static struct fixture f;
        arena_init(&f.a, 0);
        *state = &f;
        return 0;
}

static int teardown(void **state)
{
        arena_done(&((struct fixture *)*state)->a);
        return 0;
}

static const struct nsswitch_line *parse(void **state, const char *text, const char *database)
{
        struct fixture *f = *state;
        assert_true(nsswitch_parse(bytes_str(text), &f->a, &f->s));
        return nsswitch_find(&f->s, database);
}

static void sources_in_order(void **state)
{
        const struct nsswitch_line *l =
                parse(state, "# passwd: nis\n\n passwd:\tfiles  netinfo\tsystemd # tail\n", "passwd");
        assert_non_null(l);
        assert_int_equal(l->n, 3);
        assert_int_equal(l->number, 3);
        assert_string_equal(l->text, "files  netinfo\tsystemd");
        assert_int_equal(nsswitch_position(l, "files"), 0);
        assert_int_equal(nsswitch_position(l, "netinfo"), 1);
        assert_int_equal(nsswitch_position(l, "systemd"), 2);
        assert_int_equal(nsswitch_position(l, "net"), -1);
        assert_int_equal(nsswitch_position(NULL, "files"), -1);
}

static void actions_belong_to_the_source_before(void **state)
{
        const struct nsswitch_line *l = parse(state,
                                              "group: files [SUCCESS=merge notfound=Return] "
                                              "netinfo[UNAVAIL=return][TRYAGAIN=continue] systemd",
                                              "group");
        assert_int_equal(l->n, 3);
        assert_true(nsswitch_acts(&l->v[0], "SUCCESS", "merge"));
        assert_true(nsswitch_acts(&l->v[0], "NOTFOUND", "return"));
        assert_false(nsswitch_acts(&l->v[0], "SUCCESS", "return"));
        assert_false(nsswitch_acts(&l->v[0], "UNAVAIL", "return"));
        assert_true(nsswitch_acts(&l->v[1], "UNAVAIL", "return"));
        assert_true(nsswitch_acts(&l->v[1], "TRYAGAIN", "continue"));
        assert_false(nsswitch_acts(&l->v[2], "UNAVAIL", "return"));
        assert_string_equal(l->v[2].actions, "");
}

static void the_first_line_counts(void **state)
{
        const struct nsswitch_line *l = parse(state, "passwd: files\npasswd: netinfo\n", "passwd");
        assert_int_equal(l->number, 1);
        assert_int_equal(nsswitch_position(l, "netinfo"), -1);
}

static void what_is_no_line_is_left_out(void **state)
{
        assert_null(parse(state, "passwd files\n: files\n#shadow: files\n", "passwd"));
        assert_int_equal(((struct fixture *)*state)->s.n, 0);
        assert_int_equal(parse(state, "passwd:\n", "passwd")->n, 0);
        assert_int_equal(parse(state, "passwd: [NOTFOUND=return] files [broken", "passwd")->n, 1);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        const struct CMUnitTest tests[] = {
                T(sources_in_order),
                T(actions_belong_to_the_source_before),
                T(the_first_line_counts),
                T(what_is_no_line_is_left_out),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
