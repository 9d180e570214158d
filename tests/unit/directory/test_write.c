/* What each write does (protocol.md 2.6, 2.7), on the scenario of section 10. */
#include "fixture.h"

static void test_vectors(void **state)
{
        struct fixture *f = *state;
        fx_vector(f, NI_PROC_create, /* 6 */
                  "00000001 00000001 00000003 00000004 6e616d65 00000001"
                  "00000004 62657461 0000000a 69705f61 64647265 73730000 00000001 00000008"
                  "31302e30 2e302e32 00000006 73657276 65730000 00000002 00000009 2e2f6e65"
                  "74776f72 6b000000 0000000a 62657461 2f6c6f63 616c0000 ffffffff 00000000",
                  "00000000 00000003 00000000 00000001 00000002");
        fx_expect(f, NI_OK, NI_PROC_writeprop,
                  &(struct ni_args){.id = {3, 0}, .prop_index = 1, .values = fx_values(f, "10.0.0.3", NULL)},
                  NULL);
        fx_vector(f, NI_PROC_writeprop, /* 8 */
                  "00000003 00000000 00000001 00000001 00000008 31302e30 2e302e33", "00000002");
}

/* Vector 13: a clone executes the pushed call of vector 6. */
static void test_push_vector(void **state)
{
        struct fixture *f = *state;
        f->policy = (struct dir_policy){.clone = true, .honour_target = true};
        fx_vector(f, NI_PROC_create,
                  "00000001 00000001 00000003 00000004 6e616d65 00000001 00000004 62657461 0000000a"
                  "69705f61 64647265 73730000 00000001 00000008 31302e30 2e302e32 00000006 73657276"
                  "65730000 00000002 00000009 2e2f6e65 74776f72 6b000000 0000000a 62657461 2f6c6f63"
                  "616c0000 ffffffff 00000001 00000003 00000000",
                  "00000000 00000003 00000000 00000001 00000002");
}

static const char *children_of(struct fixture *f, uint32_t object)
{
        struct ni_result r;
        struct buf b;
        buf_init(&b, 0);
        fx_expect(f, NI_OK, NI_PROC_children, &(struct ni_args){.id = {object, 0}}, &r);
        for (uint32_t i = 0; i < r.object_count; i++)
                buf_printf(&b, i ? " %u" : "%u", r.objects[i]);
        const char *text = arena_str(&f->results, buf_bytes(&b));
        buf_done(&b);
        return text;
}

static void test_places_and_numbers(void **state)
{
        static const struct {
                uint32_t where;
                const char *children;
        } rows[] = {{NI_INDEX_NULL, "3"}, {0, "4 3"}, {1, "4 5 3"}, {3, "4 5 3 6"}, {99, "4 5 3 6 7"}};
        struct fixture *f = *state;
        struct ni_result r;
        for (uint32_t i = 0; i < 5; i++) {
                fx_expect(f, NI_OK, NI_PROC_create,
                          &(struct ni_args){.id = fx_id(f, 2), .where = rows[i].where}, &r);
                assert_int_equal(r.id.object, 3 + i); /* the smallest free number */
                assert_int_equal(r.id.instance, 0);
                assert_int_equal(r.self.object, 2);
                assert_int_equal(r.self.instance, i + 1); /* the parent's instance */
                assert_string_equal(children_of(f, 2), rows[i].children);
        }
        assert_int_equal(fx_id(f, 1).instance, 1); /* never the grandparent's */
        fx_expect(f, NI_OK, NI_PROC_destroy, &(struct ni_args){.id = fx_id(f, 2), .child = {5, 0}}, &r);
        assert_int_equal(r.id.object, 2);
        assert_int_equal(r.id.instance, 6);
        assert_string_equal(children_of(f, 2), "4 3 6 7");
        const struct ni_id again = fx_add(f, 2, fx_props(f, NULL));
        assert_int_equal(again.object, 5);
        assert_int_equal(again.instance, f->options.reuse_from_zero ? 0 : 1); /* decision 10 */
        fx_check_store(f);
}

static void test_root_stays(void **state)
{
        struct fixture *f = *state;
        const struct ni_id root = fx_id(f, 0);
        fx_expect(f, NI_NOTEMPTY, NI_PROC_destroy, &(struct ni_args){.id = root, .child = root}, NULL);
}

static void test_empty_root_stays(void **state)
{
        struct fixture *f = *state;
        const struct ni_id root = fx_id(f, 0);
        assert_int_equal(root.instance, 1);
        fx_expect(f, NI_UNRELATED, NI_PROC_destroy, &(struct ni_args){.id = root, .child = root}, NULL);
}

/* Every property and value procedure on one directory, its instance growing by one each time. */
static void test_edits(void **state)
{
        struct fixture *f = *state;
        struct ni_result r;
        const struct ni_id d = fx_add(f, 0, fx_props(f, "a", "1", NULL, "b", "2", NULL, NULL));
        const struct {
                enum ni_proc proc;
                struct ni_args args;
                const char *after;
        } rows[] = {
                {NI_PROC_createprop,
                 {.prop = {BYTES_LIT("c"), {NULL, 0}}, .where = NI_INDEX_NULL},
                 "a=1|b=2|c="},
                {NI_PROC_createprop,
                 {.prop = {BYTES_LIT("a"), fx_values(f, "9", NULL)}, .where = 1},
                 "a=1|a=9|b=2|c="},
                {NI_PROC_destroyprop, {.prop_index = 0}, "a=9|b=2|c="},
                {NI_PROC_renameprop, {.prop_index = 1, .value = BYTES_LIT("a")}, "a=9|a=2|c="},
                {NI_PROC_writeprop,
                 {.prop_index = 2, .values = fx_values(f, "x", "x", NULL)},
                 "a=9|a=2|c=x,x"},
                {NI_PROC_createname,
                 {.prop_index = 2, .value = BYTES_LIT("y"), .where = 1},
                 "a=9|a=2|c=x,y,x"},
                {NI_PROC_createname,
                 {.prop_index = 2, .value = BYTES_LIT("z"), .where = 9},
                 "a=9|a=2|c=x,y,x,z"},
                {NI_PROC_writename,
                 {.prop_index = 2, .name_index = 2, .value = BYTES_LIT("")},
                 "a=9|a=2|c=x,y,,z"},
                {NI_PROC_destroyname, {.prop_index = 2, .name_index = 0}, "a=9|a=2|c=y,,z"},
                {NI_PROC_destroyname, {.prop_index = 0, .name_index = 0}, "a=|a=2|c=y,,z"},
                {NI_PROC_writeprop, {.prop_index = 2}, "a=|a=2|c="},
                {NI_PROC_write, {.props = fx_props(f, "n", "m", NULL, NULL)}, "n=m"},
                {NI_PROC_write, {.props = fx_props(f, "n", "m", NULL, NULL)}, "n=m"}, /* counts, too */
                {NI_PROC_write, {.props = {NULL, 0}}, ""},
        };
        for (uint32_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                struct ni_args args = rows[i].args;
                args.id = fx_id(f, d.object);
                fx_expect(f, NI_OK, rows[i].proc, &args, &r);
                assert_int_equal(r.id.object, d.object);
                assert_int_equal(r.id.instance, i + 1);
                fx_expect(f, NI_OK, NI_PROC_read, &(struct ni_args){.id = d}, &r);
                assert_props(f, r.props, rows[i].after);
                assert_int_equal(r.id.instance, i + 1);
        }
        fx_check_store(f);
}

/* Creating and destroying keeps children; WRITE leaves them. */
static void test_write_keeps_children(void **state)
{
        struct fixture *f = *state;
        fx_expect(f, NI_OK, NI_PROC_write,
                  &(struct ni_args){.id = fx_id(f, 1), .props = fx_props(f, "name", "m", NULL, NULL)}, NULL);
        assert_string_equal(children_of(f, 1), "2");
}

static void test_checksum(void **state)
{
        struct fixture *f = *state;
        assert_int_equal(fx_info(f).checksum, 5); /* protocol.md 5.4 */
        fx_add(f, 1, fx_props(f, NULL));          /* /machines {1,2} and {3,0} */
        assert_int_equal(fx_info(f).checksum, 7);
        fx_expect(f, NI_OK, NI_PROC_createprop, &(struct ni_args){.id = {3, 0}}, NULL);
        assert_int_equal(fx_info(f).checksum, 11);
}

/* A directory that would pass LIMIT_NODE: values are added until no more fits. */
static void test_node_limit(void **state)
{
        struct fixture *f = *state;
        const uint32_t d = fx_add(f, 0, fx_props(f, NULL)).object;
        struct bytes *v = arena_zalloc(&f->results, 60, sizeof(*v));
        uint8_t *big = arena_alloc(&f->results, NI_NAME_MAX);
        memset(big, 'x', NI_NAME_MAX);
        for (int i = 0; i < 60; i++)
                v[i] = bytes_of(big, NI_NAME_MAX);
        const struct ni_args add = {.prop = {BYTES_LIT("big"), {v, 60}}};
        enum ni_status s = NI_OK;
        int n = 0;
        for (; s == NI_OK && n < 10; n++) {
                struct ni_args args = add;
                args.id = fx_id(f, d);
                s = fx_call(f, NI_PROC_createprop, &args, NULL);
        }
        assert_int_equal(s, NI_NOSPACE);
        assert_int_equal(n, 5); /* 60 * 65,540 bytes four times are below 16 MiB */
        assert_int_equal(fx_id(f, d).instance, 4);
        fx_check_store(f);
}

#define T(name)     cmocka_unit_test_setup_teardown(name, fixture_domain, fixture_done)
#define ZERO(name)  cmocka_unit_test_setup_teardown(name, fixture_domain_from_zero, fixture_done)
#define EMPTY(name) cmocka_unit_test_setup_teardown(name, fixture_empty, fixture_done)
int main(void)
{
        const struct CMUnitTest tests[] = {
                T(test_vectors),
                T(test_push_vector),
                T(test_places_and_numbers),
                ZERO(test_places_and_numbers),
                T(test_root_stays),
                EMPTY(test_empty_root_stays),
                T(test_edits),
                T(test_write_keeps_children),
                T(test_checksum),
                T(test_node_limit),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
