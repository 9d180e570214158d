/* The examples of doc/extension-program.md, both ways. */
#include "expect.h"
#include "wire/ext_search.h"
#include "wire/ext_trust.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define EPOCH 0x0123456789abcdefu
#define NOW   1735689600000000u
#define PLACE ((uint64_t)1 << 32) /* between ordinals of the examples */

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

static struct xdr_in call_args(unsigned number, const char *label, uint32_t xid, enum niext_proc proc,
                               struct bytes *ret)
{
        expect_call(vector_tcp(number, label), xid, NIEXT_PROGRAM, NIEXT_VERSION, proc, NULL, ret);
        return xdr_in(*ret);
}

static struct xdr_in reply_result(unsigned number, const char *label, uint32_t xid, struct bytes *ret)
{
        expect_success(vector_tcp(number, label), xid, ret);
        return xdr_in(*ret);
}

/* An encoded property list of the arena: name, values... NULL, name, ... NULL, NULL. */
static struct proplist props(const char *const *words)
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
        return l;
}

static struct bytes encoded(struct proplist l)
{
        struct buf b;
        buf_init(&b, 0);
        xdr_put_proplist(&b, l);
        const struct bytes copy = arena_bytes(&arena, buf_bytes(&b));
        buf_done(&b);
        return copy;
}

#define PROPS(...) props((const char *const[]){__VA_ARGS__, NULL, NULL})
#define BETA       PROPS("name", "beta", NULL, "ip_address", "10.0.0.2", NULL, "serves", "./network", "beta/local")

static void e1_null(void **state)
{
        struct bytes body;
        (void)state;
        call_args(1, "call", 0x101, NIEXT_PROC_null, &body);
        assert_int_equal(body.len, 0);
        reply_result(1, "reply", 0x101, &body);
        assert_int_equal(body.len, 0);
}

static void check_tag_call(unsigned number, uint32_t xid, enum niext_proc proc)
{
        struct bytes body, tag;
        struct xdr_in in = call_args(number, "call", xid, proc, &body);
        assert_true(ext_tag_decode(&in, &tag) && xdr_end(&in));
        assert_true(bytes_eq_str(tag, "network"));
        ext_tag_encode(BYTES_LIT("network"), &out);
        expect_bytes(&out, body);
}

static void e2_status(void **state)
{
        struct bytes body;
        struct ext_status_result r, own = {
                                            .epoch = EPOCH,
                                            .seq = 4,
                                            .first_seq = 1,
                                            .checksum = 7,
                                            .directories = 4,
                                            .highest = 3,
                                            .now = NOW,
                                            .server_version = BYTES_LIT("netinfod 0.1.0"),
                                            .you = BYTES_LIT("superuser"),
                                    };
        (void)state;
        check_tag_call(2, 0x102, NIEXT_PROC_status);
        for (unsigned i = 0; i < 16; i++) {
                own.uuid[i] = (uint8_t)(i * 0x11);
                own.digest[i] = (uint8_t)(0xf0 - i * 0x10);
        }
        own.uuid[6] = 0x46; /* version 4, as RFC 9562 wants */
        struct xdr_in in = reply_result(2, "reply", 0x102, &body);
        ext_status_encode(&own, &out);
        expect_bytes(&out, body);
        assert_true(ext_status_decode(&in, &r) && xdr_end(&in));
        assert_memory_equal(r.uuid, own.uuid, 16);
        assert_memory_equal(r.digest, own.digest, 16);
        assert_true(r.epoch == EPOCH && r.seq == 4 && r.first_seq == 1 && r.now == NOW);
        assert_true(r.role == 0 && r.checksum == 7 && r.directories == 4 && r.highest == 3);
        assert_true(bytes_eq_str(r.server_version, "netinfod 0.1.0") && bytes_eq_str(r.you, "superuser"));

        in = reply_result(2, "or, no such domain", 0x102, &body);
        assert_true(ext_status_decode(&in, &r) && xdr_end(&in));
        assert_int_equal(r.status, NI_NOTAG);
        own.status = NI_NOTAG;
        ext_status_encode(&own, &out);
        expect_bytes(&out, body);
}

static void check_changes_call(unsigned number, uint32_t xid, const struct ext_changes_args *own)
{
        struct bytes body;
        struct ext_changes_args a;
        struct xdr_in in = call_args(number, "call", xid, NIEXT_PROC_changes, &body);
        assert_true(ext_changes_args_decode(&in, &a) && xdr_end(&in));
        assert_true(bytes_eq_str(a.tag, "network"));
        assert_true(a.epoch == own->epoch && a.seq == own->seq && a.max_entries == own->max_entries &&
                    a.wait_ms == own->wait_ms && a.flags == own->flags);
        ext_changes_args_encode(own, &out);
        expect_bytes(&out, body);
}

static void check_changes_reply(unsigned number, const char *label, uint32_t xid,
                                const struct ext_changes_result *own, struct ext_changes_result *ret)
{
        struct bytes body;
        struct xdr_in in = reply_result(number, label, xid, &body);
        assert_true(ext_changes_decode(&in, &arena, ret) && xdr_end(&in));
        ext_changes_encode(own, &out);
        expect_bytes(&out, body);
        ext_changes_encode(ret, &out);
        expect_bytes(&out, body);
        assert_true(ret->status == own->status && ret->epoch == own->epoch && ret->seq == own->seq &&
                    ret->entry_count == own->entry_count);
}

static void e3_changes(void **state)
{
        struct ext_changes_result r;
        (void)state;
        const struct ext_changes_args args = {
                .tag = BYTES_LIT("network"), .epoch = EPOCH, .seq = 3, .wait_ms = 30000};
        check_changes_call(3, 0x103, &args);
        struct ext_record records[] = {
                {.kind = EXT_CREATED,
                 .object = 3,
                 .born = 4,
                 .parent = 1,
                 .ordinal = 2 * PLACE,
                 .has_after = true},
                {.kind = EXT_TOUCHED, .object = 1, .born = 1, .instance = 2, .ordinal = PLACE},
        };
        records[0].after = encoded(BETA);
        struct ext_entry entry = {.seq = 4,
                                  .when = NOW,
                                  .who = BYTES_LIT("superuser"),
                                  .from = BYTES_LIT("10.0.0.1:1022"),
                                  .what = BYTES_LIT("create"),
                                  .records = records,
                                  .record_count = 2};
        const struct ext_changes_result own = {.epoch = EPOCH, .seq = 4, .entries = &entry, .entry_count = 1};
        check_changes_reply(3, "reply", 0x103, &own, &r);
        const struct ext_entry *e = &r.entries[0];
        assert_true(e->seq == 4 && e->when == NOW && e->record_count == 2);
        assert_true(bytes_eq_str(e->who, "superuser") && bytes_eq_str(e->from, "10.0.0.1:1022") &&
                    bytes_eq_str(e->what, "create"));
        assert_true(e->records[0].kind == EXT_CREATED && e->records[0].object == 3 &&
                    e->records[0].born == 4);
        assert_true(e->records[0].has_after && bytes_eq(e->records[0].after, records[0].after));
        assert_false(e->records[0].has_before);
        assert_true(e->records[1].kind == EXT_TOUCHED && e->records[1].instance == 2);
        assert_false(e->records[1].has_before || e->records[1].has_after);

        const struct ext_changes_result nothing = {.epoch = EPOCH, .seq = 3};
        check_changes_reply(3, "or, nothing happened", 0x103, &nothing, &r);
        const struct ext_changes_result snapshot = {.status = EXT_TAKE_SNAPSHOT};
        check_changes_reply(3, "or, another epoch", 0x103, &snapshot, &r);
}

static void e4_newest(void **state)
{
        struct ext_changes_result r;
        (void)state;
        const struct ext_changes_args args = {.tag = BYTES_LIT("network"),
                                              .max_entries = 1,
                                              .flags = EXT_CHANGES_BEFORE | EXT_CHANGES_NEWEST};
        check_changes_call(4, 0x104, &args);
        struct ext_record record = {.kind = EXT_CHANGED,
                                    .object = 3,
                                    .born = 4,
                                    .instance = 1,
                                    .parent = 1,
                                    .ordinal = 2 * PLACE,
                                    .has_before = true,
                                    .has_after = true};
        record.before = encoded(BETA);
        record.after = encoded(PROPS("name", "beta", NULL, "ip_address", "10.0.0.3", NULL, "serves",
                                     "./network", "beta/local"));
        struct ext_entry entry = {.seq = 5,
                                  .when = NOW + 1,
                                  .who = BYTES_LIT("ada"),
                                  .from = BYTES_LIT("unix uid 5001 pid 812"),
                                  .what = BYTES_LIT("writeprop"),
                                  .records = &record,
                                  .record_count = 1};
        const struct ext_changes_result own = {.epoch = EPOCH, .seq = 5, .entries = &entry, .entry_count = 1};
        check_changes_reply(4, "reply", 0x104, &own, &r);
        assert_true(bytes_eq(r.entries[0].records[0].before, record.before));
        assert_true(bytes_eq(r.entries[0].records[0].after, record.after));
}

static void check_page(const char *label, uint32_t xid, const struct ext_snapshot_result *own)
{
        struct bytes body;
        struct ext_snapshot_result r;
        struct xdr_in in = reply_result(5, label, xid, &body);
        assert_true(ext_snapshot_decode(&in, &arena, &r) && xdr_end(&in));
        ext_snapshot_encode(own, &out);
        expect_bytes(&out, body);
        assert_true(r.status == NI_OK && r.epoch == EPOCH && r.seq == 4 && r.node_count == own->node_count);
        assert_true(r.more == own->more && r.next == own->next);
        for (uint32_t i = 0; i < r.node_count; i++) {
                const struct ext_node *a = &r.nodes[i], *b = &own->nodes[i];
                assert_true(a->id.object == b->id.object && a->id.instance == b->id.instance &&
                            a->parent == b->parent && a->ordinal == b->ordinal && a->born == b->born &&
                            a->version == b->version && bytes_eq(a->props, b->props));
        }
}

static void check_snapshot_call(const char *label, uint32_t xid, uint64_t epoch, uint32_t from)
{
        struct bytes body;
        struct ext_snapshot_args a, own = {BYTES_LIT("network"), epoch, from, 300};
        struct xdr_in in = call_args(5, label, xid, NIEXT_PROC_snapshot, &body);
        assert_true(ext_snapshot_args_decode(&in, &a) && xdr_end(&in));
        assert_true(bytes_eq(a.tag, own.tag) && a.epoch == epoch && a.from == from && a.max_bytes == 300);
        ext_snapshot_args_encode(&own, &out);
        expect_bytes(&out, body);
}

static void e5_snapshot(void **state)
{
        (void)state;
        check_snapshot_call("call, first page", 0x105, 0, 0);
        check_snapshot_call("call, second page", 0x106, EPOCH, 2);
        struct ext_node first[] = {{.id = {0, 3}, .version = 1},
                                   {.id = {1, 2}, .ordinal = PLACE, .born = 1, .version = 4}};
        first[0].props = encoded(PROPS("master", "alpha/network"));
        first[1].props = encoded(PROPS("name", "machines"));
        const struct ext_snapshot_result page = {
                .epoch = EPOCH, .seq = 4, .nodes = first, .node_count = 2, .more = true, .next = 2};
        check_page("reply, first page", 0x105, &page);
        struct ext_node second[] = {
                {.id = {2, 0}, .parent = 1, .ordinal = PLACE, .born = 3, .version = 3},
                {.id = {3, 0}, .parent = 1, .ordinal = 2 * PLACE, .born = 4, .version = 4},
        };
        second[0].props =
                encoded(PROPS("name", "alpha", NULL, "ip_address", "10.0.0.1", NULL, "serves", "./network"));
        second[1].props = encoded(BETA);
        const struct ext_snapshot_result last = {.epoch = EPOCH, .seq = 4, .nodes = second, .node_count = 2};
        check_page("reply, second page", 0x106, &last);
}

static void check_edit(unsigned number, uint32_t xid, const struct ext_edit_args *own,
                       struct ext_edit_args *ret)
{
        struct bytes body;
        struct xdr_in in = call_args(number, "call", xid, NIEXT_PROC_edit, &body);
        assert_true(ext_edit_args_decode(&in, &arena, ret) && xdr_end(&in));
        assert_true(bytes_eq(ret->tag, own->tag) && bytes_eq(ret->what, own->what));
        assert_int_equal(ret->op_count, own->op_count);
        ext_edit_args_encode(own, &out);
        expect_bytes(&out, body);
        for (uint32_t i = 0; i < own->op_count; i++) {
                const struct ext_op *a = &ret->ops[i], *b = &own->ops[i];
                assert_true(a->kind == b->kind && a->flags == b->flags && a->where == b->where);
                assert_true(a->ref.by_op == b->ref.by_op && a->ref.value == b->ref.value &&
                            a->ref.has_instance == b->ref.has_instance && a->ref.instance == b->ref.instance);
                assert_true(a->target.value == b->target.value && bytes_eq(a->name, b->name));
                assert_int_equal(a->values.n, b->values.n);
                for (uint32_t v = 0; v < a->values.n; v++)
                        assert_true(bytes_eq(a->values.v[v], b->values.v[v]));
                assert_true(bytes_eq(encoded(a->props), encoded(b->props)));
        }
}

static void check_edit_reply(const char *label, const struct ext_edit_result *own)
{
        struct bytes body;
        struct ext_edit_result r;
        struct xdr_in in = reply_result(6, label, 0x107, &body);
        assert_true(ext_edit_decode(&in, &arena, &r) && xdr_end(&in));
        ext_edit_encode(own, &out);
        expect_bytes(&out, body);
        assert_true(r.status == own->status && r.failed_op == own->failed_op && r.seq == own->seq);
        assert_int_equal(r.id_count, own->id_count);
        for (uint32_t i = 0; i < r.id_count; i++)
                assert_memory_equal(&r.ids[i], &own->ids[i], sizeof(r.ids[i]));
}

static void e6_edit(void **state)
{
        struct ext_edit_args a;
        struct bytes gamma[] = {BYTES_LIT("gamma")},
                     serves[] = {BYTES_LIT("./network"), BYTES_LIT("gamma/local")};
        (void)state;
        struct ext_op ops[] = {
                {.kind = EXT_OP_ASSERT_NONE,
                 .ref = {.value = 1},
                 .name = BYTES_LIT("name"),
                 .values = {gamma, 1}},
                {.kind = EXT_OP_CREATE,
                 .ref = {.value = 1, .has_instance = true, .instance = 2},
                 .props = PROPS("name", "gamma"),
                 .where = NI_INDEX_NULL},
                {.kind = EXT_OP_SET,
                 .ref = {.by_op = true, .value = 1},
                 .name = BYTES_LIT("serves"),
                 .values = {serves, 2}},
                {.kind = EXT_OP_DESTROY,
                 .ref = {.value = 3, .has_instance = true},
                 .flags = EXT_OP_RECURSIVE},
        };
        const struct ext_edit_args own = {BYTES_LIT("network"), BYTES_LIT("add machine"), ops, 4};
        check_edit(6, 0x107, &own, &a);
        struct ni_id ids[] = {{1, 4}, {4, 1}, {4, 1}, {1, 4}};
        const struct ext_edit_result done = {.seq = 5, .ids = ids, .id_count = 4};
        check_edit_reply("reply", &done);
        const struct ext_edit_result there = {.status = EXT_ASSERTION};
        check_edit_reply("or, there is a gamma", &there);
        const struct ext_edit_result stale = {.status = NI_STALE, .failed_op = 1};
        check_edit_reply("or, /machines has changed", &stale);
        const struct ext_edit_result clone = {.status = NI_RDONLY, .failed_op = 4};
        check_edit_reply("or, not permitted", &clone);
}

static void e7_other_operations(void **state)
{
        struct ext_edit_args a;
        struct bytes network[] = {BYTES_LIT("./network")}, served[] = {BYTES_LIT("served")};
        (void)state;
        struct ext_op ops[] = {
                {.kind = EXT_OP_WRITE, .ref = {.value = 3}, .props = PROPS("name", "beta")},
                {.kind = EXT_OP_ADD,
                 .ref = {.value = 3},
                 .name = BYTES_LIT("serves"),
                 .values = {network, 1}},
                {.kind = EXT_OP_REMOVE, .ref = {.value = 3}, .name = BYTES_LIT("ip_address")},
                {.kind = EXT_OP_RENAME,
                 .ref = {.value = 3},
                 .name = BYTES_LIT("serves"),
                 .values = {served, 1}},
                {.kind = EXT_OP_MOVE, .ref = {.value = 3}, .target = {.value = 0}},
                {.kind = EXT_OP_ASSERT_SAME, .ref = {.has_instance = true, .instance = 3}},
        };
        const struct ext_edit_args own = {BYTES_LIT("network"), BYTES_LIT(""), ops, 6};
        check_edit(7, 0x108, &own, &a);
}

static void e8_select(void **state)
{
        struct bytes body;
        (void)state;
        check_tag_call(8, 0x109, NIEXT_PROC_select);
        struct xdr_in in = reply_result(8, "reply", 0x109, &body);
        assert_int_equal(xdr_u32(&in), NI_OK);
        assert_true(xdr_end(&in));
        in = reply_result(8, "or, no such domain", 0x109, &body);
        assert_int_equal(xdr_u32(&in), NI_NOTAG);
        assert_true(xdr_end(&in));
}

static void e9_reserved(void **state)
{
        struct bytes body;
        struct rpc_reply r;
        (void)state;
        call_args(9, "call", 0x10a, NIEXT_PROC_search, &body);
        struct xdr_in in = xdr_in(vector_tcp(9, "reply"));
        assert_true(reply_decode(&in, &r) && xdr_end(&in));
        assert_true(!r.denied && r.stat == ACCEPT_PROC_UNAVAIL);
        reply_accepted(&out, 0x10a, ACCEPT_PROC_UNAVAIL);
        expect_bytes(&out, vector_tcp(9, "reply"));
}

static void check_search_call(const char *label, uint32_t xid, const struct ext_search_args *own)
{
        struct bytes body;
        struct ext_search_args a;
        struct xdr_in in = call_args(10, label, xid, NIEXT_PROC_search, &body);
        assert_true(ext_search_args_decode(&in, &arena, &a) && xdr_end(&in));
        assert_true(bytes_eq(a.tag, own->tag) && a.epoch == own->epoch && a.object == 0 && a.depth == 0 &&
                    a.flags == 0 && a.max_entries == 1);
        assert_int_equal(a.condition_count, 2);
        for (uint32_t i = 0; i < 2; i++) {
                const struct ext_condition *x = &a.conditions[i], *y = &own->conditions[i];
                assert_true(x->kind == y->kind && x->flags == y->flags && bytes_eq(x->name, y->name) &&
                            bytes_eq(x->value, y->value));
        }
        assert_true(a.wanted.n == 1 && bytes_eq_str(a.wanted.v[0], "name"));
        assert_int_equal(a.cursor_count, own->cursor_count);
        for (uint32_t i = 0; i < a.cursor_count; i++)
                assert_true(a.cursor[i].ordinal == own->cursor[i].ordinal &&
                            a.cursor[i].object == own->cursor[i].object &&
                            a.cursor[i].born == own->cursor[i].born);
        ext_search_args_encode(own, &out);
        expect_bytes(&out, body);
}

static void check_search_reply(const char *label, uint32_t xid, const struct ext_search_result *own,
                               struct ext_search_result *ret)
{
        struct bytes body;
        struct xdr_in in = reply_result(10, label, xid, &body);
        assert_true(ext_search_decode(&in, &arena, ret) && xdr_end(&in));
        assert_true(ret->status == own->status && ret->epoch == own->epoch && ret->seq == own->seq &&
                    ret->more == own->more && ret->hit_count == own->hit_count &&
                    ret->cursor_count == own->cursor_count);
        ext_search_encode(own, &out);
        expect_bytes(&out, body);
}

static void e10_search(void **state)
{
        struct ext_search_result r;
        struct bytes name = BYTES_LIT("name");
        struct ext_place cursor[] = {{.ordinal = PLACE, .object = 1, .born = 1},
                                     {.ordinal = 2 * PLACE, .object = 3, .born = 4}};
        struct ext_condition conditions[] = {
                {.kind = EXT_COND_SUBSTRING, .name = BYTES_LIT("serves"), .value = BYTES_LIT("/local")},
                {.kind = EXT_COND_EQUAL,
                 .flags = EXT_COND_NOT,
                 .name = BYTES_LIT("name"),
                 .value = BYTES_LIT("alpha")},
        };
        struct ext_search_args args = {.tag = BYTES_LIT("network"),
                                       .conditions = conditions,
                                       .condition_count = 2,
                                       .wanted = {&name, 1},
                                       .max_entries = 1};
        (void)state;
        check_search_call("call, first page", 0x10b, &args);
        args.epoch = EPOCH;
        args.cursor = cursor;
        args.cursor_count = 2;
        check_search_call("call, second page", 0x10c, &args);

        struct ext_hit hit = {.id = {3, 0}, .parent = 1, .born = 4, .path = BYTES_LIT("/machines/beta")};
        hit.props = encoded(PROPS("name", "beta"));
        const struct ext_search_result first = {.epoch = EPOCH,
                                                .seq = 4,
                                                .hits = &hit,
                                                .hit_count = 1,
                                                .more = true,
                                                .cursor = cursor,
                                                .cursor_count = 2};
        check_search_reply("reply, first page", 0x10b, &first, &r);
        assert_true(r.hits[0].id.object == 3 && r.hits[0].id.instance == 0 && r.hits[0].parent == 1 &&
                    r.hits[0].born == 4);
        assert_true(bytes_eq_str(r.hits[0].path, "/machines/beta") && bytes_eq(r.hits[0].props, hit.props));
        assert_true(r.cursor[1].ordinal == 2 * PLACE && r.cursor[1].object == 3 && r.cursor[1].born == 4);
        const struct ext_search_result last = {.epoch = EPOCH, .seq = 4};
        check_search_reply("reply, second page", 0x10c, &last, &r);
        const struct ext_search_result secret = {.status = NI_PERM};
        check_search_reply("or, `name` is secret", 0x10c, &secret, &r);
}

static void check_history_call(const char *label, uint32_t xid, const struct ext_history_args *own)
{
        struct bytes body;
        struct ext_history_args a;
        struct xdr_in in = call_args(11, label, xid, NIEXT_PROC_history, &body);
        assert_true(ext_history_args_decode(&in, &a) && xdr_end(&in));
        assert_true(bytes_eq(a.tag, own->tag) && a.epoch == own->epoch && a.kind == own->kind &&
                    a.flags == own->flags && a.object == own->object && a.born == own->born &&
                    a.at == own->at && a.from == own->from && a.max_entries == own->max_entries);
        ext_history_args_encode(own, &out);
        expect_bytes(&out, body);
}

static void check_history_reply(const char *label, uint32_t xid, const struct ext_history_result *own,
                                struct ext_history_result *ret)
{
        struct bytes body;
        struct xdr_in in = reply_result(11, label, xid, &body);
        assert_true(ext_history_decode(&in, &arena, ret) && xdr_end(&in));
        assert_true(ret->status == own->status && ret->kind == own->kind && ret->epoch == own->epoch &&
                    ret->seq == own->seq && ret->more == own->more && ret->next == own->next &&
                    ret->entry_count == own->entry_count && ret->at == own->at && ret->born == own->born &&
                    ret->until == own->until && ret->id.object == own->id.object &&
                    ret->id.instance == own->id.instance && bytes_eq(ret->props, own->props));
        ext_history_encode(own, &out);
        expect_bytes(&out, body);
}

static void e11_history(void **state)
{
        struct ext_history_result r;
        (void)state;
        const struct ext_history_args list = {.tag = BYTES_LIT("network"),
                                              .epoch = EPOCH,
                                              .kind = EXT_HISTORY_LIST,
                                              .flags = EXT_HISTORY_BEFORE,
                                              .object = 3,
                                              .born = 4,
                                              .max_entries = 1};
        check_history_call("call, LIST", 0x10d, &list);
        struct ext_record record = {.kind = EXT_CHANGED,
                                    .object = 3,
                                    .born = 4,
                                    .instance = 1,
                                    .parent = 1,
                                    .ordinal = 2 * PLACE,
                                    .has_before = true,
                                    .has_after = true};
        record.before = encoded(PROPS("name", "beta"));
        record.after = encoded(PROPS("name", "delta"));
        struct ext_entry entry = {.seq = 5,
                                  .when = NOW + 1,
                                  .who = BYTES_LIT("ada"),
                                  .from = BYTES_LIT("unix uid 5001 pid 812"),
                                  .what = BYTES_LIT("writeprop"),
                                  .records = &record,
                                  .record_count = 1};
        const struct ext_history_result entries = {.kind = EXT_HISTORY_LIST,
                                                   .epoch = EPOCH,
                                                   .seq = 5,
                                                   .more = true,
                                                   .next = 4,
                                                   .entries = &entry,
                                                   .entry_count = 1};
        check_history_reply("reply, LIST", 0x10d, &entries, &r);
        assert_true(r.entries[0].seq == 5 && bytes_eq(r.entries[0].records[0].after, record.after));

        const struct ext_history_args at = {.tag = BYTES_LIT("network"),
                                            .kind = EXT_HISTORY_AT,
                                            .flags = EXT_HISTORY_TIME,
                                            .object = 3,
                                            .at = NOW};
        check_history_call("call, AT", 0x10e, &at);
        const struct ext_history_result was = {.kind = EXT_HISTORY_AT,
                                               .epoch = EPOCH,
                                               .seq = 5,
                                               .at = 4,
                                               .born = 4,
                                               .until = 5,
                                               .id = {3, 0},
                                               .props = record.before};
        check_history_reply("reply, AT", 0x10e, &was, &r);
        const struct ext_history_result none = {.status = NI_NODIR};
        check_history_reply("or, there was none", 0x10e, &none, &r);
}

/* -- who a user and a machine are -- */

static const uint8_t shortened[] = {0x30, 0x03, 0x02, 0x01, 0x07, 0x30};
static const uint8_t certificate[] = {0x30, 0x06, 0x02, 0x01, 0x01, 0x02, 0x01, 0x02};
static const uint8_t token[8] = {0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77};

static void count_up(uint8_t *to, unsigned from)
{
        for (unsigned i = 0; i < 32; i++)
                to[i] = (uint8_t)(from + i);
}

static void check_word(unsigned number, const char *label, uint32_t xid, uint32_t status)
{
        struct bytes body;
        struct xdr_in in = reply_result(number, label, xid, &body);
        assert_int_equal(xdr_u32(&in), status);
        assert_true(xdr_end(&in));
}

static void e12_login(void **state)
{
        struct bytes body;
        struct ext_login_args a;
        const struct ext_login_args own = {BYTES_LIT("network"), BYTES_LIT("ada"), BYTES_LIT("engine")};
        (void)state;
        struct xdr_in in = call_args(12, "call", 0x10f, NIEXT_PROC_login, &body);
        assert_true(ext_login_args_decode(&in, &a) && xdr_end(&in));
        assert_true(bytes_eq(a.tag, own.tag) && bytes_eq(a.user, own.user) &&
                    bytes_eq(a.password, own.password));
        ext_login_args_encode(&own, &out);
        expect_bytes(&out, body);
        check_word(12, "reply", 0x10f, NI_OK);
        check_word(12, "or, wrong", 0x10f, NI_AUTHERROR);
}

static void e13_join(void **state)
{
        struct bytes body;
        struct ext_join_args a,
                own = {.name = BYTES_LIT("leaf"), .request = bytes_of(shortened, sizeof(shortened))};
        struct ext_join_result r;
        const struct ext_join_result given = {.certificate = bytes_of(certificate, sizeof(certificate)),
                                              .domains = BYTES_LIT("10.9.0.1/network")};
        (void)state;
        memcpy(own.token, token, sizeof(token));
        count_up(own.proof, 0);
        struct xdr_in in = call_args(13, "call", 0x110, NIEXT_PROC_join, &body);
        assert_true(ext_join_args_decode(&in, &a) && xdr_end(&in));
        assert_true(bytes_eq(a.name, own.name) && bytes_eq(a.request, own.request));
        assert_memory_equal(a.token, own.token, sizeof(a.token));
        assert_memory_equal(a.proof, own.proof, sizeof(a.proof));
        ext_join_args_encode(&own, &out);
        expect_bytes(&out, body);
        in = reply_result(13, "reply", 0x110, &body);
        assert_true(ext_join_decode(&in, &r) && xdr_end(&in) && r.status == NI_OK);
        assert_true(bytes_eq(r.certificate, given.certificate) && bytes_eq(r.domains, given.domains));
        ext_join_encode(&given, &out);
        expect_bytes(&out, body);
        check_word(13, "or, no", 0x110, NI_AUTHERROR);
}

static void e14_renew(void **state)
{
        struct bytes body;
        struct ext_renew_args a;
        const struct ext_renew_args own = {bytes_of(shortened, sizeof(shortened))};
        struct ext_renew_result r;
        const struct ext_renew_result given = {.certificate = bytes_of(certificate, sizeof(certificate))};
        (void)state;
        struct xdr_in in = call_args(14, "call", 0x111, NIEXT_PROC_renew, &body);
        assert_true(ext_renew_args_decode(&in, &a) && xdr_end(&in) && bytes_eq(a.request, own.request));
        ext_renew_args_encode(&own, &out);
        expect_bytes(&out, body);
        in = reply_result(14, "reply", 0x111, &body);
        assert_true(ext_renew_decode(&in, &r) && xdr_end(&in) && r.status == NI_OK &&
                    bytes_eq(r.certificate, given.certificate));
        ext_renew_encode(&given, &out);
        expect_bytes(&out, body);
        check_word(14, "or, this server", 0x111, NI_RDONLY);
}

static void check_authority_call(const char *label, uint32_t xid, const struct ext_authority_args *own)
{
        struct bytes body;
        struct ext_authority_args a;
        struct xdr_in in = call_args(15, label, xid, NIEXT_PROC_authority, &body);
        assert_true(ext_authority_args_decode(&in, &a) && xdr_end(&in));
        assert_true(a.verb == own->verb && a.flags == own->flags && bytes_eq(a.subject, own->subject) &&
                    bytes_eq(a.from, own->from) && a.count == own->count && a.seconds == own->seconds &&
                    bytes_eq(a.domains, own->domains) && a.after == own->after);
        ext_authority_args_encode(own, &out);
        expect_bytes(&out, body);
}

static void check_authority_reply(const char *label, uint32_t xid, const struct ext_authority_result *own)
{
        struct bytes body;
        struct ext_authority_result r;
        struct xdr_in in = reply_result(15, label, xid, &body);
        assert_true(ext_authority_decode(&in, &arena, &r) && xdr_end(&in) && r.status == NI_OK);
        assert_memory_equal(r.uuid, own->uuid, sizeof(r.uuid));
        assert_memory_equal(r.pin, own->pin, sizeof(r.pin));
        assert_memory_equal(r.token, own->token, sizeof(r.token));
        assert_true(bytes_eq(r.authority, own->authority) && bytes_eq(r.secret, own->secret) &&
                    r.line_count == own->line_count && r.more == own->more && r.next == own->next);
        for (uint32_t i = 0; i < r.line_count; i++)
                assert_true(bytes_eq(r.lines[i], own->lines[i]));
        ext_authority_encode(own, &out);
        expect_bytes(&out, body);
}

static void e15_authority(void **state)
{
        uint8_t secret[32];
        struct bytes line = BYTES_LIT("token=0011223344556677 uses=1");
        struct ext_authority_result r = {.authority = bytes_of(certificate, sizeof(certificate)),
                                         .secret = bytes_of(secret, sizeof(secret))};
        (void)state;
        for (unsigned i = 0; i < 16; i++)
                r.uuid[i] = (uint8_t)(i * 0x11);
        r.uuid[6] = 0x46;
        count_up(r.pin, 0x80);
        count_up(secret, 0x40);
        memcpy(r.token, token, sizeof(token));
        const struct ext_authority_args ask = {.verb = EXT_AUTHORITY_TOKEN,
                                               .flags = EXT_AUTHORITY_SERVER,
                                               .subject = BYTES_LIT("leaf"),
                                               .from = BYTES_LIT("10.9.0.0/24"),
                                               .count = 1,
                                               .seconds = 3600,
                                               .domains = BYTES_LIT("10.9.0.1/network")};
        check_authority_call("call, TOKEN", 0x112, &ask);
        check_authority_reply("reply, TOKEN", 0x112, &r);
        const struct ext_authority_args show = {.verb = EXT_AUTHORITY_SHOW};
        check_authority_call("call, SHOW", 0x113, &show);
        memset(r.token, 0, sizeof(r.token));
        r.secret = BYTES_NONE;
        r.lines = &line;
        r.line_count = 1;
        r.next = 1;
        check_authority_reply("reply, SHOW", 0x113, &r);
        check_word(15, "or, not for this caller", 0x113, NI_PERM);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        const struct CMUnitTest tests[] = {
                T(e1_null),     T(e2_status),           T(e3_changes), T(e4_newest),   T(e5_snapshot),
                T(e6_edit),     T(e7_other_operations), T(e8_select),  T(e9_reserved), T(e10_search),
                T(e11_history), T(e12_login),           T(e13_join),   T(e14_renew),   T(e15_authority),
        };
        vectors_load("extension-program.md");
        const int failed = cmocka_run_group_tests(tests, NULL, NULL);
        vectors_free();
        return failed;
}
