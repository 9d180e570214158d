/* Arguments and results of the three programs: every truncation of a valid message is refused, round trips of
 * random values, counts that lie, limits, and what the historical programs forgive. */
#include "differential/codec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

static const enum theirs_what kinds[] = {THEIRS_NI_ARGS,       THEIRS_NI_RESULT, THEIRS_BINDER_ARGS,
                                         THEIRS_BINDER_RESULT, THEIRS_EXT_ARGS,  THEIRS_EXT_RESULT};

static struct arena arena;
static struct buf out;

static int setup(void **state)
{
        (void)state;
        arena_init(&arena, 0);
        buf_init(&out, 0);
        return 0;
}

static int teardown(void **state)
{
        (void)state;
        arena_done(&arena);
        buf_done(&out);
        return 0;
}

/* Calls `check` with `rounds` random values of every message type; out holds their encoding. */
static void each_message(unsigned rounds, void (*check)(enum theirs_what what, unsigned proc))
{
        struct dice d = {20241111, &arena};
        for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++)
                for (unsigned proc = 0; proc < codec_procs(kinds[k]); proc++)
                        for (unsigned i = 0; i < rounds && codec_has(kinds[k], proc); i++) {
                                union value v;
                                memset(&v, 0, sizeof(v));
                                codec_random(&d, kinds[k], proc, &v);
                                codec_encode(kinds[k], proc, &v, &out);
                                assert_false(out.failed);
                                check(kinds[k], proc);
                                buf_clear(&out);
                                arena_reset(&arena);
                        }
}

/* The message in memory of its own, so that the sanitizers see a read beyond its end. */
static bool decodes(enum theirs_what what, unsigned proc, size_t n)
{
        union value v;
        uint8_t *copy = arena_alloc(&arena, n);
        assert_non_null(copy);
        if (n)
                memcpy(copy, out.data, n);
        struct xdr_in in = xdr_in(bytes_of(copy, n));
        return codec_decode(what, proc, &in, &arena, &v);
}

static void refuse_truncations(enum theirs_what what, unsigned proc)
{
        const size_t most = out.len < 2000 ? out.len : 2000; /* of long ones, the first and last bytes */
        for (size_t n = 0; n < most; n++)
                if (decodes(what, proc, n))
                        fail_msg("%s %u: %zu of %zu bytes decode", codec_name(what), proc, n, out.len);
        for (size_t less = 1; less <= 64 && less <= out.len; less++)
                assert_false(decodes(what, proc, out.len - less));
        assert_true(decodes(what, proc, out.len));
}

static void every_truncation_is_refused(void **state)
{
        (void)state;
        each_message(20, refuse_truncations);
}

static void ignore_trailing(enum theirs_what what, unsigned proc)
{
        union value v;
        const size_t n = out.len;
        xdr_put_u32(&out, 0x01020304);
        struct xdr_in in = xdr_in(buf_bytes(&out));
        assert_true(codec_decode(what, proc, &in, &arena, &v));
        assert_int_equal(xdr_left(&in), 4);
        buf_truncate(&out, n);
}

static void trailing_bytes_are_left(void **state)
{
        (void)state;
        each_message(20, ignore_trailing);
}

static void round_trip(enum theirs_what what, unsigned proc)
{
        union value v;
        struct buf again;
        struct xdr_in in = xdr_in(buf_bytes(&out));
        buf_init(&again, 0);
        assert_true(codec_decode(what, proc, &in, &arena, &v) && xdr_end(&in));
        codec_encode(what, proc, &v, &again);
        assert_true(bytes_eq(buf_bytes(&again), buf_bytes(&out)));
        buf_done(&again);
}

static void round_trips(void **state)
{
        (void)state;
        each_message(200, round_trip);
}

/* -- limits and forgiveness */

static bool args_decode(enum ni_proc proc, struct ni_args *ret)
{
        struct xdr_in in = xdr_in(buf_bytes(&out));
        return ni_args_decode(proc, &in, &arena, ret);
}

static bool result_decode(enum ni_proc proc, struct ni_result *ret)
{
        struct xdr_in in = xdr_in(buf_bytes(&out));
        return ni_result_decode(proc, &in, &arena, ret);
}

/* A name of n bytes; count of values; count of properties: the last that pass, and the first that do not. */
static void historical_limits(void **state)
{
        static const uint8_t letters[NI_NAME_MAX + 1];
        struct ni_args a;
        (void)state;
        for (uint32_t over = 0; over < 2; over++) {
                buf_clear(&out);
                xdr_put_opaque(&out, bytes_of(letters, NI_NAME_MAX + over));
                xdr_put_u32(&out, 0);
                assert_int_equal(args_decode(NI_PROC_bind, &a), !over);

                buf_clear(&out); /* WRITEPROP: id, index, values */
                for (unsigned i = 0; i < 3; i++)
                        xdr_put_u32(&out, 0);
                xdr_put_u32(&out, NI_VALUES_MAX + over);
                memset(buf_add(&out, 4 * (size_t)(NI_VALUES_MAX + over)), 0,
                       4 * (size_t)(NI_VALUES_MAX + over));
                assert_int_equal(args_decode(NI_PROC_writeprop, &a), !over);

                buf_clear(&out); /* WRITE: id, props */
                xdr_put_u64(&out, 0);
                xdr_put_u32(&out, NI_PROPS_MAX + over);
                memset(buf_add(&out, 8 * (size_t)(NI_PROPS_MAX + over)), 0,
                       8 * (size_t)(NI_PROPS_MAX + over));
                assert_int_equal(args_decode(NI_PROC_write, &a), !over);
        }
}

static void children_limit(void **state)
{
        struct ni_result r;
        (void)state;
        for (uint32_t over = 0; over < 2; over++) {
                const size_t n = (size_t)NI_CHILDREN_MAX + over;
                buf_clear(&out); /* CHILDREN: status, list, id */
                xdr_put_u32(&out, NI_OK);
                xdr_put_u32(&out, (uint32_t)n);
                memset(buf_add(&out, 4 * n + 8), 0, 4 * n + 8);
                assert_int_equal(result_decode(NI_PROC_children, &r), !over);
                buf_clear(&out); /* LIST: 8 bytes an entry */
                xdr_put_u32(&out, NI_OK);
                xdr_put_u32(&out, (uint32_t)n);
                memset(buf_add(&out, 8 * n + 8), 0, 8 * n + 8);
                assert_int_equal(result_decode(NI_PROC_list, &r), !over);
                arena_reset(&arena);
        }
}

/* A count that the message is too short for is refused before anything is allocated for it. */
static void lying_counts_cost_nothing(void **state)
{
        struct ni_args a;
        struct ni_result r;
        struct ext_edit_args edit;
        struct ext_changes_result changes;
        struct ext_snapshot_result snapshot;
        (void)state;
        xdr_put_u64(&out, 0);
        xdr_put_u32(&out, NI_PROPS_MAX);
        xdr_put_u64(&out, 0);
        assert_false(args_decode(NI_PROC_write, &a));
        buf_clear(&out);
        xdr_put_u32(&out, NI_OK);
        xdr_put_u32(&out, NI_CHILDREN_MAX);
        xdr_put_u64(&out, 0);
        assert_false(result_decode(NI_PROC_children, &r));
        assert_false(result_decode(NI_PROC_list, &r));
        buf_clear(&out);
        xdr_put_opaque(&out, BYTES_LIT("tag"));
        xdr_put_opaque(&out, BYTES_LIT("what"));
        xdr_put_u32(&out, LIMIT_EDIT_OPS);
        struct xdr_in in = xdr_in(buf_bytes(&out));
        assert_false(ext_edit_args_decode(&in, &arena, &edit));
        buf_clear(&out);
        xdr_put_u32(&out, NI_OK);
        xdr_put_u64(&out, 1);
        xdr_put_u64(&out, 1);
        xdr_put_u32(&out, UINT32_MAX);
        in = xdr_in(buf_bytes(&out));
        assert_false(ext_changes_decode(&in, &arena, &changes));
        in = xdr_in(buf_bytes(&out));
        assert_false(ext_snapshot_decode(&in, &arena, &snapshot));
        assert_int_equal(arena.used, 0);
}

/* An arena at its end refuses the message; it never gives half of one. */
static void full_arena_refuses(void **state)
{
        struct arena small;
        struct ni_result r;
        (void)state;
        xdr_put_u32(&out, NI_OK);
        xdr_put_u32(&out, 1000);
        memset(buf_add(&out, 4008), 0, 4008);
        for (size_t room = 1; room < 4000; room += 333) {
                arena_init(&small, room);
                struct xdr_in in = xdr_in(buf_bytes(&out));
                assert_false(ni_result_decode(NI_PROC_children, &in, &small, &r));
                arena_done(&small);
        }
        assert_true(result_decode(NI_PROC_children, &r));
}

/* 200,000 nested "next" pointers: no recursion, thus no stack to exhaust. */
static void long_readall_list(void **state)
{
        const uint32_t n = 200000;
        struct ni_result r;
        (void)state;
        xdr_put_u32(&out, NI_OK);
        xdr_put_u64(&out, 0);
        for (uint32_t i = 0; i < n; i++) {
                xdr_put_u32(&out, 1);
                xdr_put_u32(&out, i);
                memset(buf_add(&out, 16), 0, 16);
        }
        const size_t before_end = out.len;
        xdr_put_u32(&out, 0);
        assert_true(result_decode(NI_PROC_readall, &r));
        assert_int_equal(r.all_count, n);
        assert_int_equal(r.all[n - 1].id.object, n - 1);
        buf_truncate(&out, before_end);
        assert_false(result_decode(NI_PROC_readall, &r));
}

static void names_are_cut_at_nul_in_version_2(void **state)
{
        struct ni_args a;
        (void)state;
        xdr_put_opaque(&out, BYTES_LIT("ab\0cd"));
        xdr_put_u32(&out, 5);
        assert_true(args_decode(NI_PROC_bind, &a));
        assert_true(bytes_eq_str(a.value, "ab"));
        assert_int_equal(a.number, 5);
}

/* CREATE's target_id is there for every non-zero word (doc/protocol.md 2.10). */
static void loose_target(void **state)
{
        struct ni_args a;
        (void)state;
        xdr_put_u64(&out, 0);          /* id */
        xdr_put_u64(&out, UINT32_MAX); /* no properties, where */
        xdr_put_u32(&out, 0xdead);
        xdr_put_u64(&out, (uint64_t)9 << 32);
        assert_true(args_decode(NI_PROC_create, &a));
        assert_true(a.has_target && a.target.object == 9);
}

static void present_but_empty_names(void **state)
{
        struct ni_result r;
        (void)state;
        const uint32_t words[] = {NI_OK, 1, 7, 1, 0, 3, 4}; /* one entry: 7, present, no values; id {3,4} */
        for (unsigned i = 0; i < 7; i++)
                xdr_put_u32(&out, words[i]);
        assert_true(result_decode(NI_PROC_list, &r));
        assert_true(r.entry_count == 1 && r.entries[0].has_names && r.entries[0].names.n == 0);
        assert_true(r.id.object == 3 && r.id.instance == 4);
}

static void more_than_32_registrations(void **state)
{
        struct binder_result r;
        (void)state;
        for (uint32_t over = 0; over < 2; over++) {
                buf_clear(&out);
                xdr_put_u32(&out, NI_OK);
                xdr_put_u32(&out, NI_REGS_MAX + over);
                memset(buf_add(&out, 12 * 33), 0, 12 * 33);
                struct xdr_in in = xdr_in(buf_bytes(&out));
                assert_int_equal(binder_result_decode(NIBIND_PROC_listreg, &in, &r), !over);
        }
}

/* -- the extension program is strict */

static bool tag_decodes(struct bytes tag)
{
        struct bytes back;
        buf_clear(&out);
        xdr_put_opaque(&out, tag);
        struct xdr_in in = xdr_in(buf_bytes(&out));
        return ext_tag_decode(&in, &back) && bytes_eq(back, tag);
}

static void ext_tags(void **state)
{
        static uint8_t letters[LIMIT_TAG + 1];
        (void)state;
        memset(letters, 'a', sizeof(letters));
        assert_true(tag_decodes(BYTES_NONE));
        assert_true(tag_decodes(bytes_of(letters, LIMIT_TAG)));
        assert_false(tag_decodes(bytes_of(letters, LIMIT_TAG + 1)));
        assert_false(tag_decodes(BYTES_LIT("a\0b")));
}

static bool op_decodes(const struct ext_op *op)
{
        struct ext_op copy = *op;
        const struct ext_edit_args args = {.tag = BYTES_LIT("t"), .ops = &copy, .op_count = 1};
        struct ext_edit_args back;
        buf_clear(&out);
        ext_edit_args_encode(&args, &out);
        if (out.failed)
                return false;
        struct xdr_in in = xdr_in(buf_bytes(&out));
        return ext_edit_args_decode(&in, &arena, &back);
}

static void ext_operations(void **state)
{
        struct bytes bad[] = {BYTES_LIT("x\0y")}, good[] = {BYTES_LIT("x")};
        struct property p = {BYTES_LIT("name"), {bad, 1}};
        (void)state;
        assert_false(op_decodes(&(struct ext_op){.kind = 0}));
        assert_false(op_decodes(&(struct ext_op){.kind = 11}));
        assert_true(op_decodes(&(struct ext_op){.kind = EXT_OP_DESTROY, .flags = EXT_OP_RECURSIVE}));
        assert_false(op_decodes(&(struct ext_op){.kind = EXT_OP_DESTROY, .flags = 2}));
        assert_false(op_decodes(&(struct ext_op){.kind = EXT_OP_ASSERT_SAME}));
        assert_true(op_decodes(&(struct ext_op){.kind = EXT_OP_ASSERT_SAME, .ref = {.has_instance = true}}));
        assert_true(op_decodes(&(struct ext_op){.kind = EXT_OP_SET, .values = {good, 1}}));
        assert_false(op_decodes(&(struct ext_op){.kind = EXT_OP_SET, .values = {bad, 1}}));
        assert_false(op_decodes(&(struct ext_op){.kind = EXT_OP_SET, .name = bad[0]}));
        assert_false(op_decodes(&(struct ext_op){.kind = EXT_OP_RENAME, .values = {bad, 1}}));
        assert_false(op_decodes(&(struct ext_op){.kind = EXT_OP_WRITE, .props = {&p, 1}}));
        p.values.v = good;
        assert_true(op_decodes(&(struct ext_op){.kind = EXT_OP_WRITE, .props = {&p, 1}}));
        /* an unknown kind on the wire */
        assert_true(op_decodes(&(struct ext_op){.kind = EXT_OP_DESTROY}));
        xdr_store(out.data + 16, 11); /* tag 8 bytes, what 4, count 4 */
        struct xdr_in in = xdr_in(buf_bytes(&out));
        struct ext_edit_args back;
        assert_false(ext_edit_args_decode(&in, &arena, &back));
}

static void ext_too_many_operations(void **state)
{
        static struct ext_op ops[LIMIT_EDIT_OPS + 1];
        struct ext_edit_args back;
        (void)state;
        for (uint32_t i = 0; i <= LIMIT_EDIT_OPS; i++)
                ops[i].kind = EXT_OP_DESTROY;
        for (uint32_t over = 0; over < 2; over++) {
                const struct ext_edit_args args = {.ops = ops, .op_count = LIMIT_EDIT_OPS + over};
                buf_clear(&out);
                ext_edit_args_encode(&args, &out);
                struct xdr_in in = xdr_in(buf_bytes(&out));
                assert_int_equal(ext_edit_args_decode(&in, &arena, &back), !over);
        }
}

static void ext_flags_and_kinds(void **state)
{
        struct ext_changes_args a = {.flags = 8};
        struct ext_record record = {.kind = 6};
        struct ext_entry entry = {.records = &record, .record_count = 1};
        const struct ext_changes_result changes = {.entries = &entry, .entry_count = 1};
        struct ext_changes_result back;
        (void)state;
        ext_changes_args_encode(&a, &out);
        struct xdr_in in = xdr_in(buf_bytes(&out));
        assert_false(ext_changes_args_decode(&in, &a));
        for (record.kind = 0; record.kind <= 6; record.kind++) {
                buf_clear(&out);
                ext_changes_encode(&changes, &out);
                in = xdr_in(buf_bytes(&out));
                assert_int_equal(ext_changes_decode(&in, &arena, &back),
                                 record.kind >= 1 && record.kind <= 5);
        }
}

static bool search_decodes(const struct ext_search_args *args)
{
        struct ext_search_args back;
        buf_clear(&out);
        ext_search_args_encode(args, &out);
        struct xdr_in in = xdr_in(buf_bytes(&out));
        return ext_search_args_decode(&in, &arena, &back);
}

static void ext_search_limits(void **state)
{
        static struct ext_condition conditions[LIMIT_SEARCH_CONDITIONS + 1];
        static struct ext_place cursor[LIMIT_SEARCH_DEPTH + 1];
        struct ext_search_args a = {.conditions = conditions, .cursor = cursor};
        (void)state;
        for (uint32_t i = 0; i <= LIMIT_SEARCH_CONDITIONS; i++)
                conditions[i].kind = EXT_COND_PRESENT;
        for (uint32_t over = 0; over < 2; over++) {
                a.condition_count = LIMIT_SEARCH_CONDITIONS + over;
                assert_int_equal(search_decodes(&a), !over);
                a.condition_count = 1;
                a.cursor_count = LIMIT_SEARCH_DEPTH + over;
                assert_int_equal(search_decodes(&a), !over);
                a.cursor_count = 0;
        }
        for (uint32_t kind = 0; kind <= EXT_COND_SUBSTRING + 1; kind++) {
                conditions[0].kind = kind;
                assert_int_equal(search_decodes(&a), kind >= EXT_COND_PRESENT && kind <= EXT_COND_SUBSTRING);
        }
        conditions[0] = (struct ext_condition){.kind = EXT_COND_PRESENT, .flags = 2};
        assert_false(search_decodes(&a));
        conditions[0].flags = EXT_COND_NOT;
        a.flags = 2;
        assert_false(search_decodes(&a));
        a.flags = EXT_SEARCH_NO_PROPS;
        assert_true(search_decodes(&a));
}

static void ext_history_kinds(void **state)
{
        struct ext_history_args a = {0}, back;
        struct ext_history_result r = {0}, result;
        (void)state;
        for (uint32_t kind = 0; kind <= 3; kind++) {
                buf_clear(&out);
                a.kind = r.kind = kind;
                ext_history_args_encode(&a, &out);
                struct xdr_in in = xdr_in(buf_bytes(&out));
                assert_int_equal(ext_history_args_decode(&in, &back), kind == 1 || kind == 2);
                buf_clear(&out);
                ext_history_encode(&r, &out);
                in = xdr_in(buf_bytes(&out));
                assert_int_equal(ext_history_decode(&in, &arena, &result), kind == 1 || kind == 2);
        }
        a.kind = EXT_HISTORY_AT;
        a.flags = 4;
        buf_clear(&out);
        ext_history_args_encode(&a, &out);
        struct xdr_in in = xdr_in(buf_bytes(&out));
        assert_false(ext_history_args_decode(&in, &back));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        const struct CMUnitTest tests[] = {
                T(every_truncation_is_refused),
                T(trailing_bytes_are_left),
                T(round_trips),
                T(historical_limits),
                T(children_limit),
                T(lying_counts_cost_nothing),
                T(full_arena_refuses),
                T(long_readall_list),
                T(names_are_cut_at_nul_in_version_2),
                T(loose_target),
                T(present_but_empty_names),
                T(more_than_32_registrations),
                T(ext_tags),
                T(ext_operations),
                T(ext_too_many_operations),
                T(ext_flags_and_kinds),
                T(ext_search_limits),
                T(ext_history_kinds),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
