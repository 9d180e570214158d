/* What the property and value procedures do to a list (doc/protocol.md 2.6, 2.7), and the statuses. */
#include "model/edit.h"

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

/* a=1,2 b= c=3 */
static struct proplist abc(void)
{
        const struct bytes two[] = {BYTES_LIT("1"), BYTES_LIT("2")};
        struct proplist l = {NULL, 0};
        assert_true(proplist_add(&l, &arena, BYTES_LIT("a"), two, 2));
        assert_true(proplist_add(&l, &arena, BYTES_LIT("b"), NULL, 0));
        assert_true(proplist_add_str(&l, &arena, "c", "3"));
        return l;
}

/* The list, written as "a=1,2 b= c=3". */
static void assert_list(struct proplist l, const char *want)
{
        struct buf b;
        buf_init(&b, 0);
        for (uint32_t i = 0; i < l.n; i++) {
                buf_printf(&b, "%s%.*s=", i ? " " : "", BYTES_FMT(l.v[i].name));
                for (uint32_t v = 0; v < l.v[i].values.n; v++)
                        buf_printf(&b, "%s%.*s", v ? "," : "", BYTES_FMT(l.v[i].values.v[v]));
        }
        buf_putc(&b, '\0');
        assert_string_equal((const char *)b.data, want);
        buf_done(&b);
}

static struct property prop(const char *name)
{
        return (struct property){bytes_str(name), {NULL, 0}};
}

static void create_prop(void **state)
{
        (void)state;
        struct proplist l = abc();
        assert_int_equal(edit_create_prop(&l, &arena, prop("x"), NI_INDEX_NULL), NI_OK);
        assert_list(l, "a=1,2 b= c=3 x=");
        assert_int_equal(edit_create_prop(&l, &arena, prop("y"), 0), NI_OK);
        assert_list(l, "y= a=1,2 b= c=3 x=");
        assert_int_equal(edit_create_prop(&l, &arena, prop("z"), 2), NI_OK);
        assert_list(l, "y= a=1,2 z= b= c=3 x=");
        assert_int_equal(edit_create_prop(&l, &arena, prop("end"), 6), NI_OK);
        assert_int_equal(edit_create_prop(&l, &arena, prop("a"), 99), NI_OK); /* beyond; a name may repeat */
        assert_list(l, "y= a=1,2 z= b= c=3 x= end= a=");
        l = (struct proplist){NULL, 0};
        assert_int_equal(edit_create_prop(&l, &arena, prop("first"), 0), NI_OK);
        assert_list(l, "first=");
}

static void destroy_prop(void **state)
{
        (void)state;
        struct proplist l = abc();
        assert_int_equal(edit_destroy_prop(&l, &arena, 3), NI_NOPROP);
        assert_int_equal(edit_destroy_prop(&l, &arena, NI_INDEX_NULL), NI_NOPROP);
        assert_list(l, "a=1,2 b= c=3");
        assert_int_equal(edit_destroy_prop(&l, &arena, 1), NI_OK);
        assert_list(l, "a=1,2 c=3");
        assert_int_equal(edit_destroy_prop(&l, &arena, 1), NI_OK);
        assert_int_equal(edit_destroy_prop(&l, &arena, 0), NI_OK);
        assert_list(l, "");
        assert_int_equal(edit_destroy_prop(&l, &arena, 0), NI_NOPROP);
}

static void rename_prop(void **state)
{
        (void)state;
        struct proplist l = abc();
        assert_int_equal(edit_rename_prop(&l, &arena, 3, BYTES_LIT("x")), NI_NOPROP);
        assert_int_equal(edit_rename_prop(&l, &arena, 0, BYTES_LIT("c")), NI_OK);
        assert_list(l, "c=1,2 b= c=3");
}

static void write_prop(void **state)
{
        struct bytes values[] = {BYTES_LIT("7"), BYTES_LIT("8"), BYTES_LIT("7")};
        (void)state;
        struct proplist l = abc();
        assert_int_equal(edit_write_prop(&l, &arena, 3, (struct namelist){values, 3}), NI_NOPROP);
        assert_int_equal(edit_write_prop(&l, &arena, 1, (struct namelist){values, 3}), NI_OK);
        assert_int_equal(edit_write_prop(&l, &arena, 0, (struct namelist){NULL, 0}), NI_OK);
        assert_list(l, "a= b=7,8,7 c=3");
}

static void create_name(void **state)
{
        (void)state;
        struct proplist l = abc();
        assert_int_equal(edit_create_name(&l, &arena, 3, BYTES_LIT("x"), 0), NI_NOPROP);
        assert_int_equal(edit_create_name(&l, &arena, 0, BYTES_LIT("0"), 0), NI_OK);
        assert_int_equal(edit_create_name(&l, &arena, 0, BYTES_LIT("1.5"), 2), NI_OK);
        assert_int_equal(edit_create_name(&l, &arena, 0, BYTES_LIT("9"), NI_INDEX_NULL), NI_OK);
        assert_int_equal(edit_create_name(&l, &arena, 1, BYTES_LIT("only"), 0), NI_OK);
        assert_list(l, "a=0,1,1.5,2,9 b=only c=3");
}

static void destroy_name(void **state)
{
        (void)state;
        struct proplist l = abc();
        assert_int_equal(edit_destroy_name(&l, &arena, 3, 0), NI_NOPROP); /* the property is tested first */
        assert_int_equal(edit_destroy_name(&l, &arena, 0, 2), NI_NONAME);
        assert_int_equal(edit_destroy_name(&l, &arena, 1, 0), NI_NONAME);
        assert_list(l, "a=1,2 b= c=3");
        assert_int_equal(edit_destroy_name(&l, &arena, 0, 0), NI_OK);
        assert_int_equal(edit_destroy_name(&l, &arena, 2, 0), NI_OK);
        assert_list(l, "a=2 b= c="); /* a property may end up without values */
}

static void write_name(void **state)
{
        (void)state;
        struct proplist l = abc();
        assert_int_equal(edit_write_name(&l, &arena, 3, 0, BYTES_LIT("x")), NI_NOPROP);
        assert_int_equal(edit_write_name(&l, &arena, 0, 2, BYTES_LIT("x")), NI_NONAME);
        assert_int_equal(edit_write_name(&l, &arena, 0, 1, BYTES_LIT("x")), NI_OK);
        assert_list(l, "a=1,x b= c=3");
}

/* The list that was given is not changed where others may hold it: a new one comes out. */
static void old_list_stays(void **state)
{
        (void)state;
        const struct proplist old = abc();
        struct proplist l = old;
        edit_rename_prop(&l, &arena, 0, BYTES_LIT("x"));
        edit_write_name(&l, &arena, 2, 0, BYTES_LIT("x"));
        edit_destroy_name(&l, &arena, 0, 0);
        edit_create_prop(&l, &arena, prop("new"), 0);
        assert_list(old, "a=1,2 b= c=3");
        assert_list(l, "new= x=2 b= c=x");
}

static void protocol_limits(void **state)
{
        (void)state;
        struct proplist l = {arena_zalloc(&arena, NI_PROPS_MAX, sizeof(struct property)), NI_PROPS_MAX};
        assert_int_equal(edit_create_prop(&l, &arena, prop("x"), 0), NI_NOSPACE);
        assert_int_equal(l.n, NI_PROPS_MAX);
        assert_int_equal(edit_destroy_prop(&l, &arena, 0), NI_OK);
        assert_int_equal(edit_create_prop(&l, &arena, prop("x"), 0), NI_OK);
        l.v[0].values =
                (struct namelist){arena_zalloc(&arena, NI_VALUES_MAX, sizeof(struct bytes)), NI_VALUES_MAX};
        assert_int_equal(edit_create_name(&l, &arena, 0, BYTES_LIT("x"), 0), NI_NOSPACE);
        assert_int_equal(edit_destroy_name(&l, &arena, 0, 5), NI_OK);
        assert_int_equal(edit_create_name(&l, &arena, 0, BYTES_LIT("x"), 0), NI_OK);
}

static void full_arena_leaves_the_list(void **state)
{
        struct arena none;
        (void)state;
        struct proplist l = abc();
        arena_init(&none, 1);
        assert_int_equal(edit_create_prop(&l, &none, prop("x"), 0), NI_SYSTEMERR);
        assert_int_equal(edit_destroy_prop(&l, &none, 0), NI_SYSTEMERR);
        assert_int_equal(edit_rename_prop(&l, &none, 0, BYTES_LIT("x")), NI_SYSTEMERR);
        assert_int_equal(edit_write_prop(&l, &none, 0, (struct namelist){NULL, 0}), NI_SYSTEMERR);
        assert_int_equal(edit_create_name(&l, &none, 0, BYTES_LIT("x"), 0), NI_SYSTEMERR);
        assert_int_equal(edit_destroy_name(&l, &none, 0, 0), NI_SYSTEMERR);
        assert_int_equal(edit_write_name(&l, &none, 0, 0, BYTES_LIT("x")), NI_SYSTEMERR);
        assert_list(l, "a=1,2 b= c=3");
        arena_done(&none);
}

/* Vector 12 of doc/protocol.md: {0,3} {1,1} {2,0} give 5. */
static void checksum(void **state)
{
        (void)state;
        assert_int_equal(checksum_term((struct ni_id){0, 3}) + checksum_term((struct ni_id){1, 1}) +
                                 checksum_term((struct ni_id){2, 0}),
                         5);
        assert_int_equal(checksum_term((struct ni_id){UINT32_MAX, 7}), 0);
        assert_int_equal(checksum_term((struct ni_id){1, 0x80000001u}), 2);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        const struct CMUnitTest tests[] = {
                T(create_prop),     T(destroy_prop),
                T(rename_prop),     T(write_prop),
                T(create_name),     T(destroy_name),
                T(write_name),      T(old_list_stays),
                T(protocol_limits), T(full_arena_leaves_the_list),
                T(checksum),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
