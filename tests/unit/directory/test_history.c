/* HISTORY (doc/extension-program.md 14), through wire bytes. */
#include "fixture.h"

enum { STEPS = 11 };

/* The life of object 3, twice: what stood after each change, NULL where it was not there. Changes that do not
 * concern it lie in between. */
static const char *stood[STEPS + 1] = {
        /* 1 bootstrap */ [1] = NULL,
        /* 2 create */[2] = "name=ada",
        /* 3 uid added */[3] = "name=ada|uid=1",
        /* 4 elsewhere */[4] = "name=ada|uid=1",
        /* 5 child added */[5] = "name=ada|uid=1",
        /* 6 child removed */[6] = "name=ada|uid=1",
        /* 7 moved to the root */[7] = "name=ada|uid=1",
        /* 8 uid changed */[8] = "name=ada|uid=2",
        /* 9 destroyed */[9] = NULL,
        /* 10 the number is used again */[10] = "name=bob",
        /* 11 changed */[11] = "name=bob|passwd=hash",
};

static void live(struct fixture *f)
{
        struct ext_edit_result e;
        assert_int_equal(fx_add(f, 1, fx_props(f, "name", "ada", NULL, NULL)).object, 3);
        const struct ext_ref it = {.value = 3};
        const struct ext_op ops[] = {
                {.kind = EXT_OP_SET, .ref = it, .name = BYTES_LIT("uid"), .values = fx_values(f, "1", NULL)},
                {.kind = EXT_OP_SET, .ref = {.value = 2}, .name = BYTES_LIT("x")},
                {.kind = EXT_OP_CREATE, .ref = it, .where = 0},
                {.kind = EXT_OP_DESTROY, .ref = {.value = 4}},
                {.kind = EXT_OP_MOVE, .ref = it, .target = {.value = 0}, .where = NI_INDEX_NULL},
                {.kind = EXT_OP_SET, .ref = it, .name = BYTES_LIT("uid"), .values = fx_values(f, "2", NULL)},
                {.kind = EXT_OP_DESTROY, .ref = it},
                {.kind = EXT_OP_CREATE, .ref = {.value = 1}, .props = fx_props(f, "name", "bob", NULL, NULL)},
                {.kind = EXT_OP_SET,
                 .ref = it,
                 .name = BYTES_LIT("passwd"),
                 .values = fx_values(f, "hash", NULL)},
        };
        for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
                assert_int_equal(fx_edit(f, &ops[i], 1, &e), NI_OK);
        assert_int_equal(fx_info(f).seq, STEPS);
}

/* "seq:kind" of each entry. */
static const char *listed(struct fixture *f, const struct ext_history_args *args,
                          struct ext_history_result *r)
{
        struct buf b;
        fx_history(f, args, r);
        assert_int_equal(r->status, NI_OK);
        buf_init(&b, 0);
        for (uint32_t i = 0; i < r->entry_count; i++) {
                buf_printf(&b, i ? " %u:" : "%u:", (unsigned)r->entries[i].seq);
                for (uint32_t k = 0; k < r->entries[i].record_count; k++) {
                        assert_int_equal(r->entries[i].records[k].object, 3);
                        buf_printf(&b, "%u", r->entries[i].records[k].kind);
                }
        }
        const char *text = arena_str(&f->results, buf_bytes(&b));
        buf_done(&b);
        return text;
}

static void test_list(void **state)
{
        struct fixture *f = *state;
        struct ext_history_result r;
        live(f);
        struct ext_history_args args = {.kind = EXT_HISTORY_LIST, .object = 3};
        assert_string_equal(listed(f, &args, &r), "11:2 10:1 9:4 8:2 7:5 6:3 5:3 3:2 2:1");
        assert_false(r.more);
        assert_false(r.entries[0].records[0].has_before);
        assert_string_equal(fx_encoded_text(f, r.entries[0].records[0].after), "name=bob|passwd=hash");
        assert_true(bytes_eq_str(r.entries[0].who, "tester"));
        fx_add(f, 1, fx_props(f, "name", "elsewhere", NULL, NULL)); /* what is newer is not of it */
        assert_string_equal(listed(f, &args, &r), "11:2 10:1 9:4 8:2 7:5 6:3 5:3 3:2 2:1");
        args.born = 2; /* the first of that number only */
        assert_string_equal(listed(f, &args, &r), "9:4 8:2 7:5 6:3 5:3 3:2 2:1");
        args.born = 10;
        args.flags = EXT_HISTORY_BEFORE;
        assert_string_equal(listed(f, &args, &r), "11:2 10:1");
        assert_string_equal(fx_encoded_text(f, r.entries[0].records[0].before), "name=bob");
        args = (struct ext_history_args){.kind = EXT_HISTORY_LIST, .object = 3, .at = 8};
        assert_string_equal(listed(f, &args, &r), "8:2 7:5 6:3 5:3 3:2 2:1");
        args.at = 99;
        args.born = 7; /* nobody was */
        assert_string_equal(listed(f, &args, &r), "");
        args = (struct ext_history_args){.kind = EXT_HISTORY_LIST, .object = 77};
        fx_history(f, &args, &r);
        assert_int_equal(r.entry_count, 0);
        args.epoch = r.epoch + 1;
        fx_history(f, &args, &r);
        assert_int_equal(r.status, EXT_TAKE_SNAPSHOT);
}

static void test_list_by_pages(void **state)
{
        struct fixture *f = *state;
        live(f);
        for (uint32_t most = 1; most < 12; most++) {
                static const uint64_t want[] = {11, 10, 9, 8, 7, 6, 5, 3, 2};
                struct ext_history_args args = {.kind = EXT_HISTORY_LIST, .object = 3, .max_entries = most};
                struct ext_history_result r;
                uint32_t n = 0;
                do {
                        fx_history(f, &args, &r);
                        assert_int_equal(r.status, NI_OK);
                        assert_true(r.entry_count <= most);
                        for (uint32_t i = 0; i < r.entry_count; i++)
                                assert_int_equal(r.entries[i].seq, want[n++]);
                        args.at = r.next;
                } while (r.more);
                assert_int_equal(n, 9);
        }
}

/* As of every change there was, by number and by time. */
static void test_at(void **state)
{
        struct fixture *f = *state;
        struct ext_history_result r;
        struct ext_changes_result c;
        live(f);
        fx_changes(f, &(struct ext_changes_args){0}, &c);
        assert_int_equal(c.entry_count, STEPS);
        for (uint64_t at = 0; at <= STEPS + 1; at++) {
                const uint64_t seq = at > STEPS ? STEPS : at;
                struct ext_history_args args = {.kind = EXT_HISTORY_AT, .object = 3, .at = at};
                fx_history(f, &args, &r);
                if (!stood[seq]) {
                        assert_int_equal(r.status, NI_NODIR);
                        continue;
                }
                assert_int_equal(r.status, NI_OK);
                assert_int_equal(r.at, seq);
                assert_int_equal(r.id.object, 3);
                assert_int_equal(r.born, seq < 9 ? 2 : 10);
                assert_string_equal(fx_encoded_text(f, r.props), stood[seq]);
                const uint64_t until = seq < 3 ? 3 : seq < 8 ? 8 : seq < 9 ? 9 : seq < 11 ? 11 : 0;
                assert_int_equal(r.until, until);
                if (until == 0)
                        assert_int_equal(r.id.instance, fx_id(f, 3).instance);
                args.born = r.born;
                fx_history(f, &args, &r);
                assert_int_equal(r.status, NI_OK);
                assert_string_equal(fx_encoded_text(f, r.props), stood[seq]);
                args.born++; /* another one never had the number */
                fx_history(f, &args, &r);
                assert_int_equal(r.status, NI_NODIR);
        }
        for (uint32_t i = 0; i < STEPS; i++) {
                if (i + 1 < STEPS && c.entries[i + 1].when == c.entries[i].when)
                        continue; /* within one microsecond: the later one counts */
                fx_history(f,
                           &(struct ext_history_args){.kind = EXT_HISTORY_AT,
                                                      .flags = EXT_HISTORY_TIME,
                                                      .object = 3,
                                                      .at = c.entries[i].when},
                           &r);
                if (stood[i + 1]) {
                        assert_int_equal(r.status, NI_OK);
                        assert_int_equal(r.at, i + 1);
                        assert_string_equal(fx_encoded_text(f, r.props), stood[i + 1]);
                } else {
                        assert_int_equal(r.status, NI_NODIR);
                }
        }
        struct ext_history_args now = {
                .kind = EXT_HISTORY_AT, .flags = EXT_HISTORY_TIME, .object = 3, .at = UINT64_MAX};
        fx_history(f, &now, &r);
        assert_string_equal(fx_encoded_text(f, r.props), stood[STEPS]);
        now.at = 0; /* before the domain was made */
        fx_history(f, &now, &r);
        assert_int_equal(r.status, NI_NODIR);
        /* a directory that nobody has touched since */
        fx_history(f, &(struct ext_history_args){.kind = EXT_HISTORY_AT, .object = 2, .at = 4}, &r);
        assert_string_equal(fx_encoded_text(f, r.props),
                            "name=alpha|ip_address=10.0.0.1|serves=./network|x=");
        assert_int_equal(r.until, 0);
        fx_history(f, &(struct ext_history_args){.kind = EXT_HISTORY_AT, .object = 77, .at = 4}, &r);
        assert_int_equal(r.status, NI_NODIR);
        /* a `from` that no reply gave: it was not there yet, whatever is skipped */
        fx_history(f, &(struct ext_history_args){.kind = EXT_HISTORY_AT, .object = 3, .at = 9, .from = 99},
                   &r);
        assert_int_equal(r.status, NI_NODIR);
}

/* One change gives up a number and takes it again: before it, the first one stood. */
static void test_reused_within_a_change(void **state)
{
        struct fixture *f = *state;
        struct ext_history_result r;
        struct ext_edit_result e;
        fx_add(f, 1, fx_props(f, "name", "old", NULL, NULL));
        const uint64_t seq = fx_info(f).seq;
        const struct ext_op ops[] = {
                {.kind = EXT_OP_DESTROY, .ref = {.value = 3}},
                {.kind = EXT_OP_CREATE, .ref = {.value = 0}, .props = fx_props(f, "name", "new", NULL, NULL)},
        };
        assert_int_equal(fx_edit(f, ops, 2, &e), NI_OK);
        assert_int_equal(e.ids[1].object, 3);
        fx_history(f, &(struct ext_history_args){.kind = EXT_HISTORY_AT, .object = 3, .at = seq}, &r);
        assert_string_equal(fx_encoded_text(f, r.props), "name=old");
        fx_history(f, &(struct ext_history_args){.kind = EXT_HISTORY_AT, .object = 3, .at = seq + 1}, &r);
        assert_string_equal(fx_encoded_text(f, r.props), "name=new");
        assert_int_equal(r.born, seq + 1);
}

/* One change both changes and moves: two records, and one of them tells what was before. */
static void test_changed_and_moved(void **state)
{
        struct fixture *f = *state;
        struct ext_history_result r;
        struct ext_edit_result e;
        const uint64_t seq = fx_info(f).seq;
        const struct ext_op ops[] = {
                {.kind = EXT_OP_SET, .ref = {.value = 2}, .name = BYTES_LIT("x")},
                {.kind = EXT_OP_MOVE, .ref = {.value = 2}, .target = {.value = 0}, .where = NI_INDEX_NULL},
        };
        assert_int_equal(fx_edit(f, ops, 2, &e), NI_OK);
        const struct ext_op later = {.kind = EXT_OP_WRITE, .ref = {.value = 2}};
        assert_int_equal(fx_edit(f, &later, 1, &e), NI_OK);
        fx_history(f, &(struct ext_history_args){.kind = EXT_HISTORY_AT, .object = 2, .at = seq}, &r);
        assert_string_equal(fx_encoded_text(f, r.props), "name=alpha|ip_address=10.0.0.1|serves=./network");
        assert_int_equal(r.until, seq + 1);
}

static void test_secrets(void **state)
{
        struct fixture *f = *state;
        struct ext_history_result r;
        live(f);
        f->policy.redact = true;
        f->caller.sees_secrets = false;
        fx_history(f, &(struct ext_history_args){.kind = EXT_HISTORY_LIST, .object = 3, .max_entries = 1},
                   &r);
        assert_string_equal(fx_encoded_text(f, r.entries[0].records[0].after), "name=bob|passwd=*");
        fx_history(f, &(struct ext_history_args){.kind = EXT_HISTORY_AT, .object = 3, .at = STEPS}, &r);
        assert_string_equal(fx_encoded_text(f, r.props), "name=bob|passwd=*");
        fx_add(f, 1, fx_props(f, NULL));
        f->caller.superuser = true;
        fx_expect(f, NI_OK, NI_PROC_destroyprop, &(struct ni_args){.id = fx_id(f, 3), .prop_index = 1}, NULL);
        fx_history(f, &(struct ext_history_args){.kind = EXT_HISTORY_AT, .object = 3, .at = STEPS}, &r);
        assert_string_equal(fx_encoded_text(f, r.props), "name=bob|passwd=*");
}

static void test_forgotten(void **state)
{
        struct fixture *f = *state;
        struct ext_history_result r;
        struct ext_changes_result c;
        struct store_txn *t;
        live(f);
        fx_changes(f, &(struct ext_changes_args){0}, &c);
        assert_int_equal(store_write_begin(f->store, &t), NI_OK);
        assert_int_equal(store_journal_trim(t, UINT64_MAX / 2, 100, NULL), NI_OK);
        assert_int_equal(store_commit(t, NULL), NI_OK);
        assert_int_equal(fx_info(f).first_seq, 9);
        struct ext_history_args args = {.kind = EXT_HISTORY_LIST, .object = 3};
        assert_string_equal(listed(f, &args, &r), "11:2 10:1 9:4");
        args = (struct ext_history_args){.kind = EXT_HISTORY_AT, .object = 3, .at = 8};
        fx_history(f, &args, &r); /* everything after it is there */
        assert_string_equal(fx_encoded_text(f, r.props), stood[8]);
        args.at = 7;
        fx_history(f, &args, &r);
        assert_int_equal(r.status, EXT_TAKE_SNAPSHOT);
        args.flags = EXT_HISTORY_TIME;
        args.at = c.entries[8].when - 1; /* somewhere among what is forgotten */
        fx_history(f, &args, &r);
        assert_int_equal(r.status, EXT_TAKE_SNAPSHOT);
}

/* Longer journals than one call looks at. */
static void test_long_journal(void **state)
{
        struct fixture *f = *state;
        struct ext_history_result r;
        fx_add(f, 1, fx_props(f, "name", "ada", NULL, NULL)); /* object 3, seq 2 */
        fx_add(f, 1, fx_props(f, "name", "bob", NULL, NULL)); /* object 4, seq 3 */
        const uint64_t seq = fx_info(f).seq;
        for (uint32_t i = 0; i < LIMIT_HISTORY_VISIT; i++)
                fx_expect(f, NI_OK, NI_PROC_write, &(struct ni_args){.id = {4, i}}, NULL);
        fx_expect(f, NI_OK, NI_PROC_write, &(struct ni_args){.id = {3, 0}}, NULL);
        struct ext_history_args args = {.kind = EXT_HISTORY_LIST, .object = 3};
        assert_string_equal(listed(f, &args, &r),
                            arena_printf(&f->results, "%u:2", (unsigned)fx_info(f).seq));
        assert_true(r.more);
        args.at = r.next;
        assert_string_equal(listed(f, &args, &r), "2:1");
        assert_false(r.more);
        args = (struct ext_history_args){.kind = EXT_HISTORY_AT, .object = 3, .at = seq};
        fx_history(f, &args, &r);
        assert_int_equal(r.status, NI_OK);
        assert_true(r.more);
        args.from = r.next;
        fx_history(f, &args, &r);
        assert_false(r.more);
        assert_string_equal(fx_encoded_text(f, r.props), "name=ada");
        assert_int_equal(r.until, fx_info(f).seq);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_domain, fixture_done)
int main(void)
{
        const struct CMUnitTest tests[] = {
                T(test_list),
                T(test_list_by_pages),
                T(test_at),
                T(test_reused_within_a_change),
                T(test_changed_and_moved),
                T(test_secrets),
                T(test_forgotten),
                T(test_long_journal),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
