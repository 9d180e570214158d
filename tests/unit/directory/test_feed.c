/* What followers get: STATUS, CHANGES, SNAPSHOT (doc/extension-program.md) and READALL (protocol.md 5.5). */
#include "fixture.h"

static void test_status(void **state)
{
        struct fixture *f = *state;
        struct ext_status_result r;
        struct dir_request rq = fx_ask(f);
        dir_status(&rq, &r);
        fx_ask_end(f);
        const struct store_info info = fx_info(f);
        assert_int_equal(r.status, NI_OK);
        assert_memory_equal(r.uuid, info.uuid, 16);
        assert_memory_equal(r.digest, info.digest, 16);
        assert_true(r.epoch != 0);
        assert_int_equal(r.epoch, info.epoch);
        assert_int_equal(r.role, 0);
        assert_int_equal(r.seq, 1);
        assert_int_equal(r.first_seq, 1);
        assert_int_equal(r.checksum, 5);
        assert_int_equal(r.directories, 3);
        assert_int_equal(r.highest, 2);
}

static void add_many(struct fixture *f, int n)
{
        for (int i = 0; i < n; i++)
                fx_add(f, 1, fx_props(f, "name", arena_printf(&f->results, "m%d", i), NULL, NULL));
}

static void expect_range(struct fixture *f, const struct ext_changes_args *args, uint64_t from, uint64_t to)
{
        struct ext_changes_result r;
        fx_changes(f, args, &r);
        assert_int_equal(r.status, NI_OK);
        assert_int_equal(r.epoch, fx_info(f).epoch);
        assert_int_equal(r.seq, fx_info(f).seq);
        assert_int_equal(r.entry_count, to + 1 - from);
        for (uint32_t i = 0; i < r.entry_count; i++)
                assert_int_equal(r.entries[i].seq, from + i);
}

static void expect_status(struct fixture *f, const struct ext_changes_args *args, uint32_t status)
{
        struct ext_changes_result r;
        fx_changes(f, args, &r);
        assert_int_equal(r.status, status);
}

/* Who takes entries for the content gets none whose secrets he is not shown. */
static void test_changes_whole(void **state)
{
        struct fixture *f = *state;
        const struct ext_changes_args whole = {.flags = EXT_CHANGES_WHOLE};
        add_many(f, 2);
        expect_range(f, &whole, 1, 3);
        struct dir_request rq = fx_ask(f);
        const struct caller nobody = {0};
        const struct dir_policy hides = {.redact = true};
        struct ext_changes_result r;
        rq.caller = &nobody;
        rq.policy = &hides;
        dir_changes(&rq, &whole, &r);
        assert_int_equal(r.status, NI_PERM);
        assert_int_equal(r.entry_count, 0);
        dir_changes(&rq, &(struct ext_changes_args){0}, &r);
        assert_int_equal(r.entry_count, 3);
        fx_ask_end(f);
}

static void test_changes_ranges(void **state)
{
        struct fixture *f = *state;
        add_many(f, 9); /* seq 2 .. 10 */
        const uint64_t epoch = fx_info(f).epoch;
        expect_range(f, &(struct ext_changes_args){.seq = 0}, 1, 10);
        expect_range(f, &(struct ext_changes_args){.seq = 0, .epoch = epoch}, 1, 10);
        expect_range(f, &(struct ext_changes_args){.seq = 7}, 8, 10);
        expect_range(f, &(struct ext_changes_args){.seq = 3, .max_entries = 2}, 4, 5);
        expect_range(f, &(struct ext_changes_args){.seq = 10}, 11, 10); /* empty: nothing new */
        expect_status(f, &(struct ext_changes_args){.seq = 11}, EXT_TAKE_SNAPSHOT);
        expect_status(f, &(struct ext_changes_args){.seq = UINT64_MAX}, EXT_TAKE_SNAPSHOT);
        expect_status(f, &(struct ext_changes_args){.epoch = epoch + 1}, EXT_TAKE_SNAPSHOT);
        const uint32_t newest = EXT_CHANGES_NEWEST;
        expect_range(f, &(struct ext_changes_args){.max_entries = 1, .flags = newest}, 10, 10);
        expect_range(f, &(struct ext_changes_args){.max_entries = 4, .flags = newest}, 7, 10);
        expect_range(f, &(struct ext_changes_args){.seq = 3, .max_entries = 2, .flags = newest}, 6, 7);
        expect_range(f, &(struct ext_changes_args){.flags = newest}, 1, 10);
        expect_range(f, &(struct ext_changes_args){.seq = 9, .max_entries = 5, .flags = newest}, 1, 1);
        expect_range(f, &(struct ext_changes_args){.seq = 10, .flags = newest}, 1, 0);
        expect_range(f, &(struct ext_changes_args){.seq = 99, .flags = newest}, 1, 0);
        expect_status(f, &(struct ext_changes_args){.epoch = epoch + 1, .flags = newest}, EXT_TAKE_SNAPSHOT);
}

/* The journal has forgotten what is older than its last three entries. */
static void test_changes_after_a_trim(void **state)
{
        struct fixture *f = *state;
        struct store_txn *t;
        uint32_t dropped;
        add_many(f, 9); /* seq 2 .. 10 */
        assert_int_equal(store_write_begin(f->store, &t), NI_OK);
        assert_int_equal(store_journal_trim(t, UINT64_MAX / 2, 100, &dropped), NI_OK);
        assert_int_equal(store_commit(t, NULL), NI_OK);
        assert_int_equal(dropped, 7);
        expect_range(f, &(struct ext_changes_args){.seq = 7}, 8, 10);
        expect_status(f, &(struct ext_changes_args){.seq = 6}, EXT_TAKE_SNAPSHOT);
        expect_status(f, &(struct ext_changes_args){.seq = 0}, EXT_TAKE_SNAPSHOT);
        expect_range(f, &(struct ext_changes_args){.max_entries = 2, .flags = EXT_CHANGES_NEWEST}, 9, 10);
        expect_range(f, &(struct ext_changes_args){.max_entries = 5, .flags = EXT_CHANGES_NEWEST}, 8, 10);
        expect_range(f, &(struct ext_changes_args){.seq = 2, .flags = EXT_CHANGES_NEWEST}, 8, 8);
        expect_range(f, &(struct ext_changes_args){.seq = 3, .flags = EXT_CHANGES_NEWEST}, 8, 7);
}

static void test_changes_contents(void **state)
{
        struct fixture *f = *state;
        struct ext_changes_result r;
        const uint64_t seq = fx_info(f).seq;
        fx_add(f, 1, fx_props(f, "name", "beta", NULL, NULL));
        fx_expect(f, NI_OK, NI_PROC_createprop,
                  &(struct ni_args){
                          .id = {3, 0}, .prop = {BYTES_LIT("x"), fx_values(f, "1", NULL)}, .where = 0},
                  NULL);
        fx_expect(f, NI_OK, NI_PROC_destroy, &(struct ni_args){.id = fx_id(f, 1), .child = {3, 1}}, NULL);
        fx_changes(f, &(struct ext_changes_args){.seq = seq, .flags = EXT_CHANGES_BEFORE}, &r);
        assert_int_equal(r.entry_count, 3);
        assert_true(bytes_eq_str(r.entries[0].who, "tester"));
        assert_true(bytes_eq_str(r.entries[0].from, "here"));
        assert_true(bytes_eq_str(r.entries[0].what, "test"));
        assert_true(r.entries[0].when <= r.entries[1].when && r.entries[1].when <= r.entries[2].when);
        const struct ext_record *made = NULL, *gone = NULL, *touched = NULL;
        for (uint32_t i = 0; i < r.entries[0].record_count; i++)
                if (r.entries[0].records[i].object == 3)
                        made = &r.entries[0].records[i];
                else
                        touched = &r.entries[0].records[i];
        assert_non_null(made);
        assert_non_null(touched);
        assert_int_equal(made->kind, EXT_CREATED);
        assert_int_equal(made->born, seq + 1);
        assert_int_equal(made->parent, 1);
        assert_false(made->has_before);
        assert_string_equal(fx_encoded_text(f, made->after), "name=beta");
        assert_int_equal(touched->kind, EXT_TOUCHED);
        assert_int_equal(touched->object, 1);
        assert_int_equal(touched->instance, 2);
        const struct ext_record *changed = &r.entries[1].records[0];
        assert_int_equal(r.entries[1].record_count, 1);
        assert_int_equal(changed->kind, EXT_CHANGED);
        assert_int_equal(changed->born, seq + 1);
        assert_string_equal(fx_encoded_text(f, changed->before), "name=beta");
        assert_string_equal(fx_encoded_text(f, changed->after), "x=1|name=beta");
        for (uint32_t i = 0; i < r.entries[2].record_count; i++)
                if (r.entries[2].records[i].object == 3)
                        gone = &r.entries[2].records[i];
        assert_non_null(gone);
        assert_int_equal(gone->kind, EXT_DESTROYED);
        assert_string_equal(fx_encoded_text(f, gone->before), "x=1|name=beta");
        /* without the flag nobody gets what was before */
        fx_changes(f, &(struct ext_changes_args){.seq = seq}, &r);
        for (uint32_t i = 0; i < 3; i++)
                for (uint32_t k = 0; k < r.entries[i].record_count; k++)
                        assert_false(r.entries[i].records[k].has_before);
        assert_string_equal(fx_encoded_text(f, r.entries[1].records[0].after), "x=1|name=beta");
}

/* Entries of about 1 MiB: a reply ends at LIMIT_CALL, forwards and backwards, and goes on where it ended. */
static void test_changes_size(void **state)
{
        struct fixture *f = *state;
        struct ext_changes_result r;
        struct bytes *v = arena_zalloc(&f->results, 16, sizeof(*v));
        uint8_t *x = arena_alloc(&f->results, NI_NAME_MAX);
        memset(x, 'x', NI_NAME_MAX);
        for (int i = 0; i < 16; i++)
                v[i] = bytes_of(x, NI_NAME_MAX);
        const uint64_t seq = fx_info(f).seq;
        for (uint32_t i = 0; i < 9; i++)
                fx_expect(f, NI_OK, NI_PROC_write,
                          &(struct ni_args){.id = {2, i},
                                            .props = {&(struct property){BYTES_LIT("a"), {v, 16}}, 1}},
                          NULL);
        fx_changes(f, &(struct ext_changes_args){.seq = seq}, &r);
        assert_int_equal(r.entry_count, 3); /* the fourth would pass 4 MiB */
        assert_int_equal(r.entries[0].seq, seq + 1);
        fx_changes(f, &(struct ext_changes_args){.seq = seq + 8}, &r);
        assert_int_equal(r.entry_count, 1);
        fx_changes(f, &(struct ext_changes_args){.flags = EXT_CHANGES_NEWEST}, &r);
        assert_int_equal(r.entry_count, 3);
        assert_int_equal(r.entries[2].seq, seq + 9);
        assert_int_equal(r.entries[0].seq, seq + 7);
}

static void test_snapshot(void **state)
{
        struct fixture *f = *state;
        struct ext_snapshot_result r;
        add_many(f, 5); /* objects 0 .. 7 */
        fx_expect(f, NI_OK, NI_PROC_destroy, &(struct ni_args){.id = fx_id(f, 1), .child = {5, 0}}, NULL);
        const struct store_info info = fx_info(f);
        for (uint32_t max = 0; max < 300; max += 60) {
                struct ext_snapshot_args args = {.max_bytes = max};
                uint32_t seen = 0, pages = 0;
                do {
                        fx_snapshot(f, &args, &r);
                        assert_int_equal(r.status, NI_OK);
                        assert_int_equal(r.epoch, info.epoch);
                        assert_int_equal(r.seq, info.seq);
                        assert_true(r.node_count > 0);
                        for (uint32_t i = 0; i < r.node_count; i++) {
                                struct ni_result one;
                                if (seen == 5)
                                        seen++; /* destroyed */
                                assert_int_equal(r.nodes[i].id.object, seen++);
                                fx_expect(f, NI_OK, NI_PROC_read, &(struct ni_args){.id = r.nodes[i].id},
                                          &one);
                                assert_int_equal(r.nodes[i].id.instance, one.id.instance);
                                assert_string_equal(fx_encoded_text(f, r.nodes[i].props),
                                                    fx_text(f, one.props));
                                fx_expect(f, NI_OK, NI_PROC_parent, &(struct ni_args){.id = r.nodes[i].id},
                                          &one);
                                assert_int_equal(r.nodes[i].parent, one.parent);
                        }
                        args.from = r.next;
                        args.epoch = r.epoch;
                        pages++;
                } while (r.more);
                assert_int_equal(seen, 8);
                assert_true(max == 0 ? pages == 1 : pages > 1);
        }
        fx_snapshot(f, &(struct ext_snapshot_args){.from = 8}, &r); /* past the end */
        assert_int_equal(r.status, NI_OK);
        assert_int_equal(r.node_count, 0);
        assert_false(r.more);
        fx_snapshot(f, &(struct ext_snapshot_args){.epoch = info.epoch + 1}, &r);
        assert_int_equal(r.status, EXT_TAKE_SNAPSHOT);
}

static enum ni_status readall(struct fixture *f, uint32_t checksum, size_t slice, uint32_t *ret_slices)
{
        struct dir_readall w;
        struct dir_request rq = fx_ask(f);
        enum ni_status s = dir_readall_begin(&rq, checksum, &w);
        fx_ask_end(f);
        *ret_slices = 0;
        while (s == NI_OK && !w.done) {
                assert_int_equal(store_read_begin(f->reader), NI_OK);
                s = dir_readall_next(&rq, &w, slice);
                store_read_end(f->reader);
                ++*ret_slices;
        }
        dir_readall_end(&w);
        return s;
}

static void expect_bytes(struct fixture *f, const char *want)
{
        const struct bytes b = fx_hex(f, want);
        assert_int_equal(f->out.len, b.len);
        assert_memory_equal(f->out.data, b.data, b.len);
}

static void test_readall_vector(void **state)
{
        static const char whole[] =
                "00000000 00000005 00000002 00000001 00000000 00000003 00000001 00000006 6d617374"
                "65720000 00000001 0000000d 616c7068 612f6e65 74776f72 6b000000 00000000"
                "00000001 00000001 00000001 00000001 00000001 00000001 00000004 6e616d65"
                "00000001 00000008 6d616368 696e6573 00000000 00000001 00000002 00000001"
                "00000002 00000000 00000003 00000004 6e616d65 00000001 00000005 616c7068"
                "61000000 0000000a 69705f61 64647265 73730000 00000001 00000008 31302e30"
                "2e302e31 00000006 73657276 65730000 00000001 00000009 2e2f6e65 74776f72"
                "6b000000 00000001 00000000 00000000";
        struct fixture *f = *state;
        uint32_t slices;
        for (size_t slice = 1; slice < 400; slice += 50) {
                assert_int_equal(readall(f, 0, slice, &slices), NI_OK);
                expect_bytes(f, whole);
                assert_true(slice == 1 ? slices >= 3 : slices >= 1);
        }
        assert_int_equal(readall(f, 5, LIMIT_REPLY, &slices), NI_OK);
        expect_bytes(f, "00000000 00000000 00000002 00000000");
        assert_int_equal(slices, 0);
}

static void test_readall_on_a_clone(void **state)
{
        struct fixture *f = *state;
        uint32_t slices;
        f->policy.clone = true;
        assert_int_equal(readall(f, 0, 100, &slices), NI_NOTMASTER);
        expect_bytes(f, "00000010");
        f->policy.clone = false;
        fx_expect(f, NI_OK, NI_PROC_createprop,
                  &(struct ni_args){.id = fx_id(f, 0),
                                    .prop = {BYTES_LIT("cloneReplyReadall"), fx_values(f, "YES", NULL)},
                                    .where = NI_INDEX_NULL},
                  NULL);
        f->policy.clone = true;
        assert_int_equal(readall(f, 0, 100, &slices), NI_OK);
}

/* Depth-first pre-order, children in child order, whatever the slices; a change in between ends the walk. */
static void test_readall_order(void **state)
{
        struct fixture *f = *state;
        struct ni_result r;
        uint32_t slices, below = 0;
        for (int depth = 0; depth < 40; depth++) {
                const uint32_t next = fx_add(f, below, fx_props(f, "name", "inner", NULL, NULL)).object;
                for (int i = 0; i < 5; i++)
                        fx_expect(
                                f, NI_OK, NI_PROC_create,
                                &(struct ni_args){.id = fx_id(f, below), .where = i % 2 ? 0 : NI_INDEX_NULL},
                                NULL);
                below = next;
        }
        for (size_t slice = 1; slice < 100000; slice *= 7) {
                assert_int_equal(readall(f, 0, slice, &slices), NI_OK);
                struct xdr_in in = xdr_in(arena_bytes(&f->results, buf_bytes(&f->out)));
                assert_true(ni_result_decode(NI_PROC_readall, &in, &f->results, &r));
                assert_true(xdr_end(&in));
                const struct store_info info = fx_info(f);
                assert_int_equal(r.checksum, info.checksum);
                assert_int_equal(r.highest, info.highest);
                assert_int_equal(r.all_count, info.directories);
                /* rebuild the order with a stack of what is expected next */
                uint32_t *expected = arena_zalloc(&f->results, info.directories + 1, sizeof(*expected)),
                         n = 1;
                uint32_t sum = 0;
                for (uint32_t i = 0; i < r.all_count; i++) {
                        assert_true(n > 0);
                        assert_int_equal(r.all[i].id.object, expected[--n]);
                        for (uint32_t k = r.all[i].child_count; k--;)
                                expected[n++] = r.all[i].children[k];
                        sum += (r.all[i].id.object + 1) * r.all[i].id.instance;
                }
                assert_int_equal(n, 0);
                assert_int_equal(sum, r.checksum);
        }
        struct dir_readall w;
        struct dir_request rq = fx_ask(f);
        assert_int_equal(dir_readall_begin(&rq, 0, &w), NI_OK);
        assert_int_equal(dir_readall_next(&rq, &w, 1), NI_OK);
        fx_ask_end(f);
        fx_add(f, 0, fx_props(f, NULL));
        rq = fx_ask(f);
        assert_int_equal(dir_readall_next(&rq, &w, 1), NI_STALE);
        fx_ask_end(f);
        dir_readall_end(&w);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_domain, fixture_done)
int main(void)
{
        const struct CMUnitTest tests[] = {
                T(test_status),
                T(test_changes_whole),
                T(test_changes_ranges),
                T(test_changes_after_a_trim),
                T(test_changes_contents),
                T(test_changes_size),
                T(test_snapshot),
                T(test_readall_vector),
                T(test_readall_on_a_clone),
                T(test_readall_order),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
