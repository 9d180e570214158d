/* Reads (protocol.md 2.5, 2.7) on the scenario of section 10. */
#include "fixture.h"

/* Vectors 6 and 7's history: beta with two serves values, and a third machine without. */
static void add_machines(struct fixture *f)
{
        fx_add(f, 1,
               fx_props(f, "name", "beta", NULL, "ip_address", "10.0.0.2", NULL, "serves", "./network",
                        "beta/local", NULL, NULL));
        fx_add(f, 1, fx_props(f, "name", "gamma", NULL, NULL));
}

static void test_vectors(void **state)
{
        struct fixture *f = *state;
        fx_vector(f, NI_PROC_root, "", "00000000 00000000 00000003"); /* 3 */
        fx_vector(f, NI_PROC_lookup, "00000000 00000000 00000004 6e616d65 00000008 6d616368 696e6573",
                  "00000000 00000001 00000001 00000000 00000003"); /* 4 */
        fx_vector(f, NI_PROC_lookup, "00000000 00000000 00000004 6e616d65 00000008 6d616368 696e6574",
                  "00000005");
        fx_vector(f, NI_PROC_read, "00000002 00000000", /* 5 */
                  "00000000 00000002 00000000 00000003 00000004 6e616d65 00000001 00000005 616c7068"
                  "61000000 0000000a 69705f61 64647265 73730000 00000001 00000008 31302e30"
                  "2e302e31 00000006 73657276 65730000 00000001 00000009 2e2f6e65 74776f72 6b000000");
}

static void test_list_vector(void **state)
{
        struct fixture *f = *state;
        add_machines(f);
        fx_vector(f, NI_PROC_list, "00000001 00000000 00000006 73657276 65730000", /* 7 */
                  "00000000 00000003 00000002 00000001 00000001 00000009 2e2f6e65 74776f72 6b000000"
                  "00000003 00000001 00000002 00000009 2e2f6e65 74776f72 6b000000 0000000a"
                  "62657461 2f6c6f63 616c0000 00000004 00000000 00000001 00000003");
}

static void test_instance_is_ignored(void **state)
{
        struct fixture *f = *state;
        const struct ni_args args = {.id = {1, 77}, .key = BYTES_LIT("name"), .value = BYTES_LIT("alpha")};
        struct ni_result r;
        fx_expect(f, NI_OK, NI_PROC_self, &args, &r);
        assert_int_equal(r.id.instance, 1);
        fx_expect(f, NI_OK, NI_PROC_read, &args, &r);
        assert_int_equal(r.id.instance, 1);
        fx_expect(f, NI_OK, NI_PROC_lookup, &args, &r);
        assert_int_equal(r.id.instance, 1);
}

static void test_unknown_is_nodir(void **state)
{
        static const enum ni_proc procs[] = {NI_PROC_self,     NI_PROC_parent,    NI_PROC_read,
                                             NI_PROC_children, NI_PROC_lookup,    NI_PROC_list,
                                             NI_PROC_readprop, NI_PROC_listprops, NI_PROC_readname,
                                             NI_PROC_listall,  NI_PROC_lookupread};
        struct fixture *f = *state;
        for (size_t i = 0; i < sizeof(procs) / sizeof(procs[0]); i++)
                fx_expect(f, NI_NODIR, procs[i], &(struct ni_args){.id = {3, 0}}, NULL);
}

static void test_parent_and_children(void **state)
{
        struct fixture *f = *state;
        struct ni_result r;
        add_machines(f);
        fx_expect(f, NI_OK, NI_PROC_parent, &(struct ni_args){.id = {2, 0}}, &r);
        assert_int_equal(r.parent, 1);
        assert_int_equal(r.id.object, 2);
        fx_expect(f, NI_OK, NI_PROC_parent, &(struct ni_args){.id = {0, 0}}, &r);
        assert_int_equal(r.parent, 0);
        assert_int_equal(r.id.instance, 3);
        fx_expect(f, NI_OK, NI_PROC_children, &(struct ni_args){.id = {1, 0}}, &r);
        assert_int_equal(r.object_count, 3);
        assert_int_equal(r.objects[0], 2);
        assert_int_equal(r.objects[1], 3);
        assert_int_equal(r.objects[2], 4);
        assert_int_equal(r.id.object, 1);
        assert_int_equal(r.id.instance, 3);
        fx_expect(f, NI_OK, NI_PROC_children, &(struct ni_args){.id = {4, 0}}, &r);
        assert_int_equal(r.object_count, 0);
}

static void test_self_versions(void **state)
{
        struct fixture *f = *state;
        struct ni_result r;
        const uint32_t first = (uint32_t)fx_info(f).seq;
        const struct ni_id child = fx_add(f, 0, fx_props(f, "name", "users", NULL, NULL));
        const uint32_t second = (uint32_t)fx_info(f).seq;
        assert_int_equal(second, first + 1);
        /* the highest version: a record that carries it, the root and its new child being the two */
        fx_expect(f, NI_OK, NI_PROC_self, &(struct ni_args){.id = {UINT32_MAX, UINT32_MAX}}, &r);
        assert_true(r.id.object == 0 || r.id.object == child.object);
        assert_int_equal(r.id.instance, second);
        fx_expect(f, NI_OK, NI_PROC_self, &(struct ni_args){.id = {UINT32_MAX, first}}, &r);
        assert_true(r.id.object == 1 || r.id.object == 2);
        assert_int_equal(r.id.instance, first);
        fx_expect(f, NI_NODIR, NI_PROC_self, &(struct ni_args){.id = {UINT32_MAX, second + 1}}, NULL);
        /* the version of an object, and of none */
        fx_expect(f, NI_OK, NI_PROC_self, &(struct ni_args){.id = {UINT32_MAX - 1, child.object}}, &r);
        assert_int_equal(r.id.object, child.object);
        assert_int_equal(r.id.instance, second);
        fx_expect(f, NI_OK, NI_PROC_self, &(struct ni_args){.id = {UINT32_MAX - 1, 2}}, &r);
        assert_int_equal(r.id.instance, first);
        fx_expect(f, NI_OK, NI_PROC_self, &(struct ni_args){.id = {UINT32_MAX - 1, 99}}, &r);
        assert_int_equal(r.id.object, 99);
        assert_int_equal(r.id.instance, UINT32_MAX);
}

static void test_first_property_counts(void **state)
{
        struct fixture *f = *state;
        struct ni_result r;
        /* indexed or not, a look-up sees the first property of a name only, and all its values */
        for (int i = 0; i < 2; i++) {
                const char *key = i ? "uid" : "shade";
                const struct ni_id top = fx_add(f, 0, fx_props(f, "name", key, NULL, NULL));
                const struct ni_id one =
                        fx_add(f, top.object, fx_props(f, key, "a", "b", NULL, key, "c", NULL, NULL));
                const struct ni_id two =
                        fx_add(f, top.object, fx_props(f, "x", NULL, key, "b", "b", NULL, NULL));
                fx_add(f, top.object, fx_props(f, key, NULL, key, "c", NULL, NULL));
                struct ni_args args = {.id = top, .key = bytes_str(key), .value = BYTES_LIT("b")};
                fx_expect(f, NI_OK, NI_PROC_lookup, &args, &r);
                assert_int_equal(r.object_count, 2);
                assert_int_equal(r.objects[0], one.object);
                assert_int_equal(r.objects[1], two.object);
                assert_int_equal(r.id.object, top.object);
                fx_expect(f, NI_OK, NI_PROC_lookupread, &args, &r);
                assert_int_equal(r.id.object, top.object); /* the searched directory's id */
                assert_int_equal(r.id.instance, 3);
                assert_string_equal(fx_text(f, r.props), i ? "uid=a,b|uid=c" : "shade=a,b|shade=c");
                args.value = BYTES_LIT("c"); /* only in second properties */
                fx_expect(f, NI_NODIR, NI_PROC_lookup, &args, NULL);
                fx_expect(f, NI_NODIR, NI_PROC_lookupread, &args, NULL);
                args.value = BYTES_LIT("B"); /* case counts */
                fx_expect(f, NI_NODIR, NI_PROC_lookup, &args, NULL);
                args.key = BYTES_LIT("nobody has it");
                fx_expect(f, NI_NODIR, NI_PROC_lookup, &args, NULL);
        }
}

static void test_list(void **state)
{
        struct fixture *f = *state;
        struct ni_result r;
        const struct ni_id top = fx_add(f, 0, fx_props(f, NULL, NULL));
        fx_add(f, top.object, fx_props(f, "a", "1", "2", NULL, "a", "3", NULL, NULL));
        fx_add(f, top.object, fx_props(f, "a", NULL, "a", "3", NULL, NULL)); /* first one is empty */
        fx_add(f, top.object, fx_props(f, "b", "9", NULL, NULL));
        fx_add(f, top.object, fx_props(f, "b", "9", NULL, "a", "", NULL, NULL)); /* the empty value is one */
        fx_expect(f, NI_OK, NI_PROC_list, &(struct ni_args){.id = top, .value = BYTES_LIT("a")}, &r);
        assert_int_equal(r.entry_count, 4);
        assert_true(r.entries[0].has_names);
        assert_values(f, r.entries[0].names, "1,2");
        assert_false(r.entries[1].has_names);
        assert_false(r.entries[2].has_names);
        assert_true(r.entries[3].has_names);
        assert_int_equal(r.entries[3].names.n, 1);
        assert_int_equal(r.entries[3].names.v[0].len, 0);
        fx_expect(f, NI_OK, NI_PROC_listall, &(struct ni_args){.id = top}, &r);
        assert_int_equal(r.id.object, top.object);
        assert_int_equal(r.list_count, 4);
        assert_props(f, r.lists[0], "a=1,2|a=3");
        assert_props(f, r.lists[1], "a=|a=3");
        assert_props(f, r.lists[3], "b=9|a=");
}

static void test_by_index(void **state)
{
        struct fixture *f = *state;
        struct ni_result r;
        const struct ni_id d = fx_add(
                f, 0, fx_props(f, "name", "ada", "countess", NULL, "_x", NULL, "name", "x", NULL, NULL));
        fx_expect(f, NI_OK, NI_PROC_listprops, &(struct ni_args){.id = d}, &r);
        assert_values(f, r.values, "name,_x,name");
        assert_int_equal(r.id.object, d.object);
        fx_expect(f, NI_OK, NI_PROC_readprop, &(struct ni_args){.id = d, .prop_index = 0}, &r);
        assert_values(f, r.values, "ada,countess");
        fx_expect(f, NI_OK, NI_PROC_readprop, &(struct ni_args){.id = d, .prop_index = 1}, &r);
        assert_int_equal(r.values.n, 0);
        fx_expect(f, NI_OK, NI_PROC_readprop, &(struct ni_args){.id = d, .prop_index = 2}, &r);
        assert_values(f, r.values, "x");
        fx_expect(f, NI_NOPROP, NI_PROC_readprop, &(struct ni_args){.id = d, .prop_index = 3}, NULL);
        fx_expect(f, NI_OK, NI_PROC_readname, &(struct ni_args){.id = d, .name_index = 1}, &r);
        assert_true(bytes_eq_str(r.value, "countess"));
        assert_int_equal(r.id.object, d.object);
        fx_expect(f, NI_NONAME, NI_PROC_readname, &(struct ni_args){.id = d, .name_index = 2}, NULL);
        fx_expect(f, NI_NONAME, NI_PROC_readname, &(struct ni_args){.id = d, .prop_index = 1}, NULL);
        fx_expect(f, NI_NOPROP, NI_PROC_readname, &(struct ni_args){.id = d, .prop_index = UINT32_MAX}, NULL);
}

/* A reply that does not fit its buffer becomes one word, and what stood before it in the buffer stays. */
static void test_too_large_a_reply(void **state)
{
        struct fixture *f = *state;
        for (int i = 0; i < 20; i++)
                fx_add(f, 1, fx_props(f, "name", "somebody with a name", NULL, NULL));
        static const enum ni_proc procs[] = {NI_PROC_children, NI_PROC_list, NI_PROC_listall, NI_PROC_lookup};
        for (size_t i = 0; i < sizeof(procs) / sizeof(procs[0]); i++) {
                struct dir_request rq = fx_ask(f);
                const struct ni_args args = {
                        .id = {1, 0}, .key = BYTES_LIT("name"), .value = BYTES_LIT("somebody with a name")};
                struct ni_args list = args;
                list.value = BYTES_LIT("name");
                rq.out->limit = 64;
                xdr_put_u32(rq.out, 0x01020304);
                assert_int_equal(dir_read(&rq, procs[i], procs[i] == NI_PROC_list ? &list : &args),
                                 NI_SYSTEMERR);
                assert_false(rq.out->failed);
                assert_int_equal(rq.out->len, 8);
                assert_int_equal(xdr_load(rq.out->data), 0x01020304);
                assert_int_equal(xdr_load(rq.out->data + 4), NI_SYSTEMERR);
                rq.out->limit = LIMIT_REPLY;
                fx_ask_end(f);
        }
}

/* Each door takes its own kind only. */
static void test_kinds(void **state)
{
        struct fixture *f = *state;
        struct dir_request rq = fx_ask(f);
        for (unsigned p = 0; p <= NI_PROC_COUNT; p++) {
                const bool read = p == NI_PROC_root || p == NI_PROC_self || p == NI_PROC_parent ||
                                  p == NI_PROC_read || p == NI_PROC_children || p == NI_PROC_listprops ||
                                  p == NI_PROC_list || p == NI_PROC_listall || p == NI_PROC_readprop;
                const bool needs_more =
                        p == NI_PROC_lookup || p == NI_PROC_lookupread || p == NI_PROC_readname;
                if (!needs_more)
                        assert_int_equal(dir_read(&rq, (enum ni_proc)p, &(struct ni_args){.id = {0, 0}}),
                                         read ? NI_OK : NI_SYSTEMERR);
                if (read || needs_more)
                        assert_int_equal(dir_write(&rq, (enum ni_proc)p, &(struct ni_args){.id = {0, 0}}),
                                         NI_SYSTEMERR);
        }
        fx_ask_end(f);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_domain, fixture_done)
int main(void)
{
        const struct CMUnitTest tests[] = {
                T(test_vectors),
                T(test_list_vector),
                T(test_instance_is_ignored),
                T(test_unknown_is_nodir),
                T(test_parent_and_children),
                T(test_self_versions),
                T(test_first_property_counts),
                T(test_list),
                T(test_by_index),
                T(test_too_large_a_reply),
                T(test_kinds),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
