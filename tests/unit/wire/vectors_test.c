/* The messages of doc/protocol.md section 10 (1 to 15; 16 to 18 are no messages), both ways. */
#include "expect.h"
#include "wire/binder.h"
#include "wire/ni.h"
#include "wire/record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

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

/* A version 2 call: its header is right, its arguments decode to *ret and encode to the same bytes. */
static void ni_call(struct bytes message, uint32_t xid, enum ni_proc proc, const struct auth_sys *sys,
                    struct ni_args *ret)
{
        struct bytes args;
        expect_call(message, xid, NI_PROGRAM, NI_VERSION, proc, sys, &args);
        struct xdr_in in = xdr_in(args);
        assert_true(ni_args_decode(proc, &in, &arena, ret));
        assert_true(xdr_end(&in));
        ni_args_encode(proc, ret, &out);
        expect_bytes(&out, args);
}

static void ni_reply(struct bytes message, uint32_t xid, enum ni_proc proc, struct ni_result *ret)
{
        struct bytes result;
        expect_success(message, xid, &result);
        struct xdr_in in = xdr_in(result);
        assert_true(ni_result_decode(proc, &in, &arena, ret));
        assert_true(xdr_end(&in));
        ni_result_encode(proc, ret, &out);
        expect_bytes(&out, result);
}

/* A value of ours gives the arguments of this message, written from nothing but C. */
static void ni_args_are(struct bytes message, enum ni_proc proc, const struct auth_sys *sys, uint32_t xid,
                        const struct ni_args *args)
{
        struct rpc_call c = {.xid = xid, .program = NI_PROGRAM, .version = NI_VERSION, .procedure = proc};
        call_encode(&out, &c, sys);
        ni_args_encode(proc, args, &out);
        expect_bytes(&out, message);
}

static void ni_result_is(struct bytes message, enum ni_proc proc, uint32_t xid,
                         const struct ni_result *result)
{
        reply_accepted(&out, xid, ACCEPT_SUCCESS);
        ni_result_encode(proc, result, &out);
        expect_bytes(&out, message);
}

static void assert_id(struct ni_id id, uint32_t object, uint32_t instance)
{
        assert_int_equal(id.object, object);
        assert_int_equal(id.instance, instance);
}

static void v01_ping(void **state)
{
        struct ni_args a;
        struct ni_result r;
        (void)state;
        ni_call(vector(1, "call"), 0x10, NI_PROC_ping, NULL, &a);
        ni_reply(vector(1, "reply"), 0x10, NI_PROC_ping, &r);
}

static void v02_denied(void **state)
{
        struct ni_args a;
        struct rpc_reply r;
        (void)state;
        ni_call(vector(2, "call"), 0x11, NI_PROC_root, NULL, &a);
        struct xdr_in in = xdr_in(vector(2, "reply"));
        assert_true(reply_decode(&in, &r));
        assert_true(xdr_end(&in));
        assert_int_equal(r.xid, 0x11);
        assert_true(r.denied);
        assert_int_equal(r.stat, 1);
        assert_int_equal(r.auth_stat, AUTH_STAT_TOOWEAK);
        reply_denied(&out, 0x11, AUTH_STAT_TOOWEAK);
        expect_bytes(&out, vector(2, "reply"));
}

static void v03_root(void **state)
{
        struct ni_args a;
        struct ni_result r;
        (void)state;
        ni_call(vector_tcp(3, "call"), 0x20, NI_PROC_root, NULL, &a);
        ni_reply(vector_tcp(3, "reply"), 0x20, NI_PROC_root, &r);
        assert_int_equal(r.status, NI_OK);
        assert_id(r.id, 0, 3);
        const struct ni_result own = {.status = NI_OK, .id = {0, 3}};
        ni_result_is(vector_tcp(3, "reply"), NI_PROC_root, 0x20, &own);
}

static void v04_lookup(void **state)
{
        struct ni_args a;
        struct ni_result r;
        (void)state;
        ni_call(vector_tcp(4, "call"), 0x21, NI_PROC_lookup, NULL, &a);
        assert_id(a.id, 0, 0);
        assert_true(bytes_eq_str(a.key, "name"));
        assert_true(bytes_eq_str(a.value, "machines"));
        const struct ni_args own = {.key = BYTES_LIT("name"), .value = BYTES_LIT("machines")};
        ni_args_are(vector_tcp(4, "call"), NI_PROC_lookup, NULL, 0x21, &own);

        ni_reply(vector_tcp(4, "reply"), 0x21, NI_PROC_lookup, &r);
        assert_int_equal(r.object_count, 1);
        assert_int_equal(r.objects[0], 1);
        assert_id(r.id, 0, 3);
        uint32_t hit = 1;
        const struct ni_result found = {.objects = &hit, .object_count = 1, .id = {0, 3}};
        ni_result_is(vector_tcp(4, "reply"), NI_PROC_lookup, 0x21, &found);

        ni_reply(vector_tcp(4, "or, without hit"), 0x21, NI_PROC_lookup, &r);
        assert_int_equal(r.status, NI_NODIR);
        const struct ni_result none = {.status = NI_NODIR, .objects = &hit, .object_count = 1};
        ni_result_is(vector_tcp(4, "or, without hit"), NI_PROC_lookup, 0x21, &none);
}

static struct namelist names(struct bytes *v, uint32_t n)
{
        return (struct namelist){v, n};
}

static void v05_read(void **state)
{
        struct ni_args a;
        struct ni_result r;
        (void)state;
        ni_call(vector_tcp(5, "call"), 0x22, NI_PROC_read, NULL, &a);
        assert_id(a.id, 2, 0);
        ni_reply(vector_tcp(5, "reply"), 0x22, NI_PROC_read, &r);
        assert_id(r.id, 2, 0);
        assert_int_equal(r.props.n, 3);
        expect_prop(&r.props.v[0], "name", VALUES("alpha"));
        expect_prop(&r.props.v[1], "ip_address", VALUES("10.0.0.1"));
        expect_prop(&r.props.v[2], "serves", VALUES("./network"));
}

/* name=beta ip_address=10.0.0.2 serves=./network,beta/local */
static struct proplist beta(void)
{
        static struct bytes name[] = {{(const uint8_t *)"beta", 4}};
        static struct bytes address[] = {{(const uint8_t *)"10.0.0.2", 8}};
        static struct bytes serves[] = {{(const uint8_t *)"./network", 9},
                                        {(const uint8_t *)"beta/local", 10}};
        static struct property v[3];
        v[0] = (struct property){BYTES_LIT("name"), names(name, 1)};
        v[1] = (struct property){BYTES_LIT("ip_address"), names(address, 1)};
        v[2] = (struct property){BYTES_LIT("serves"), names(serves, 2)};
        return (struct proplist){v, 3};
}

static struct auth_sys password(const char *word, uint32_t uid)
{
        static uint8_t machine[LIMIT_MACHINE];
        struct auth_sys s = {.stamp = 0x386d4380, .uid = uid};
        auth_password(bytes_str(word), machine, &s.machine.len);
        s.machine.data = machine;
        return s;
}

static void v06_create(void **state)
{
        struct ni_args a;
        struct ni_result r;
        (void)state;
        const struct auth_sys sys = password("secret", 0);
        ni_call(vector_tcp(6, "call"), 0x23, NI_PROC_create, &sys, &a);
        assert_id(a.id, 1, 1);
        assert_int_equal(a.props.n, 3);
        expect_prop(&a.props.v[0], "name", VALUES("beta"));
        expect_prop(&a.props.v[1], "ip_address", VALUES("10.0.0.2"));
        expect_prop(&a.props.v[2], "serves", VALUES("./network", "beta/local"));
        assert_int_equal(a.where, NI_INDEX_NULL);
        assert_false(a.has_target);
        const struct ni_args own = {.id = {1, 1}, .props = beta(), .where = NI_INDEX_NULL};
        ni_args_are(vector_tcp(6, "call"), NI_PROC_create, &sys, 0x23, &own);

        ni_reply(vector_tcp(6, "reply"), 0x23, NI_PROC_create, &r);
        assert_id(r.id, 3, 0);
        assert_id(r.self, 1, 2);
        const struct ni_result made = {.id = {3, 0}, .self = {1, 2}};
        ni_result_is(vector_tcp(6, "reply"), NI_PROC_create, 0x23, &made);
}

static void v07_list(void **state)
{
        struct ni_args a;
        struct ni_result r;
        (void)state;
        ni_call(vector_tcp(7, "call"), 0x24, NI_PROC_list, NULL, &a);
        assert_id(a.id, 1, 0);
        assert_true(bytes_eq_str(a.value, "serves"));
        ni_reply(vector_tcp(7, "reply"), 0x24, NI_PROC_list, &r);
        assert_id(r.id, 1, 3);
        assert_int_equal(r.entry_count, 3);
        assert_int_equal(r.entries[0].object, 2);
        assert_true(r.entries[0].has_names && r.entries[0].names.n == 1);
        assert_true(bytes_eq_str(r.entries[0].names.v[0], "./network"));
        assert_int_equal(r.entries[1].object, 3);
        assert_true(r.entries[1].has_names && r.entries[1].names.n == 2);
        assert_true(bytes_eq_str(r.entries[1].names.v[0], "./network"));
        assert_true(bytes_eq_str(r.entries[1].names.v[1], "beta/local"));
        assert_int_equal(r.entries[2].object, 4);
        assert_false(r.entries[2].has_names);
}

static void v08_stale(void **state)
{
        struct ni_args a;
        struct ni_result r;
        (void)state;
        ni_call(vector_tcp(8, "call"), 0x25, NI_PROC_writeprop, NULL, &a);
        assert_id(a.id, 3, 0);
        assert_int_equal(a.prop_index, 1);
        assert_int_equal(a.values.n, 1);
        assert_true(bytes_eq_str(a.values.v[0], "10.0.0.3"));
        ni_reply(vector_tcp(8, "reply"), 0x25, NI_PROC_writeprop, &r);
        assert_int_equal(r.status, NI_STALE);
}

static void v09_getregister(void **state)
{
        struct binder_args a;
        struct binder_result r;
        struct bytes body;
        (void)state;
        expect_call(vector(9, "call"), 0x30, NIBIND_PROGRAM, NIBIND_VERSION, NIBIND_PROC_getregister, NULL,
                    &body);
        struct xdr_in in = xdr_in(body);
        assert_true(binder_args_decode(NIBIND_PROC_getregister, &in, &a) && xdr_end(&in));
        assert_true(bytes_eq_str(a.tag, "network"));
        binder_args_encode(NIBIND_PROC_getregister, &a, &out);
        expect_bytes(&out, body);

        expect_success(vector(9, "reply"), 0x30, &body);
        in = xdr_in(body);
        assert_true(binder_result_decode(NIBIND_PROC_getregister, &in, &r) && xdr_end(&in));
        assert_int_equal(r.status, NI_OK);
        assert_int_equal(r.udp_port, 1011);
        assert_int_equal(r.tcp_port, 1012);
        binder_result_encode(NIBIND_PROC_getregister, &r, &out);
        expect_bytes(&out, body);

        expect_success(vector(9, "or, unknown tag"), 0x30, &body);
        in = xdr_in(body);
        assert_true(binder_result_decode(NIBIND_PROC_getregister, &in, &r) && xdr_end(&in));
        assert_int_equal(r.status, NI_NOTAG);
        binder_result_encode(NIBIND_PROC_getregister, &r, &out);
        expect_bytes(&out, body);
}

/* The inner arguments of a call-it: length and bytes of NIBIND_BIND's argument, perhaps four too many. */
static void check_callit(struct bytes message, uint32_t surplus)
{
        const struct auth_sys sys = {.stamp = 0x386d4380, .machine = BYTES_LIT("gamma")};
        struct bytes body;
        struct binder_args a;
        expect_call(message, 0x40, 100000, 2, 5, &sys, &body);
        struct xdr_in in = xdr_in(body);
        assert_int_equal(xdr_u32(&in), NIBIND_PROGRAM);
        assert_int_equal(xdr_u32(&in), NIBIND_VERSION);
        assert_int_equal(xdr_u32(&in), NIBIND_PROC_bind);
        const struct bytes args = xdr_opaque(&in, NI_UDP_MAX);
        assert_true(xdr_end(&in));
        assert_int_equal(args.len, 28 + surplus);
        struct xdr_in inner = xdr_in(args);
        assert_true(binder_args_decode(NIBIND_PROC_bind, &inner, &a));
        assert_int_equal(xdr_left(&inner), surplus); /* trailing bytes are no error */
        assert_int_equal(a.client_addr, 0x0a000007);
        assert_true(bytes_eq_str(a.client_tag, "local"));
        assert_true(bytes_eq_str(a.tag, "network"));
        binder_args_encode(NIBIND_PROC_bind, &a, &out);
        expect_bytes(&out, bytes_sub(args, 0, 28));
}

static void v10_bind(void **state)
{
        struct bytes body;
        struct binder_args a;
        struct ni_args n;
        (void)state;
        check_callit(vector(10, "call, correct sender"), 0);
        check_callit(vector(10, "call, historical sender"), 4);
        expect_success(vector(10, "reply"), 0x40, &body);
        struct xdr_in in = xdr_in(body);
        assert_int_equal(xdr_u32(&in), 1011);
        assert_int_equal(xdr_opaque(&in, 0).len, 0);
        assert_true(xdr_end(&in));

        expect_call(vector(10, "inner NIBIND_BIND call"), 0x41, NIBIND_PROGRAM, NIBIND_VERSION,
                    NIBIND_PROC_bind, NULL, &body);
        in = xdr_in(body);
        assert_true(binder_args_decode(NIBIND_PROC_bind, &in, &a) && xdr_end(&in));
        assert_int_equal(a.client_addr, 0x0a000007);
        binder_args_encode(NIBIND_PROC_bind, &a, &out);
        expect_bytes(&out, body);

        ni_call(vector(10, "NI_BIND call"), 0x42, NI_PROC_bind, NULL, &n);
        assert_true(bytes_eq_str(n.value, "local"));
        assert_int_equal(n.number, 0x0a000007);
}

static void v11_rparent(void **state)
{
        struct ni_args a;
        struct ni_result r;
        (void)state;
        ni_call(vector_tcp(11, "call"), 0x50, NI_PROC_rparent, NULL, &a);
        ni_reply(vector_tcp(11, "reply"), 0x50, NI_PROC_rparent, &r);
        assert_true(bytes_eq_str(r.value, "network"));
        assert_int_equal(r.addr, 0x0a000001);
        ni_reply(vector_tcp(11, "or, root"), 0x50, NI_PROC_rparent, &r);
        assert_int_equal(r.status, NI_NETROOT);
}

static void v12_readall(void **state)
{
        struct ni_args a;
        struct ni_result r;
        (void)state;
        ni_call(vector_tcp(12, "call with checksum 0"), 0x60, NI_PROC_readall, NULL, &a);
        assert_int_equal(a.number, 0);
        ni_call(vector_tcp(12, "call with checksum 5"), 0x61, NI_PROC_readall, NULL, &a);
        assert_int_equal(a.number, 5);
        ni_reply(vector_tcp(12, "complete reply"), 0x60, NI_PROC_readall, &r);
        assert_int_equal(r.checksum, 5);
        assert_int_equal(r.highest, 2);
        assert_int_equal(r.all_count, 3);
        assert_id(r.all[0].id, 0, 3);
        assert_int_equal(r.all[0].props.n, 1);
        expect_prop(&r.all[0].props.v[0], "master", VALUES("alpha/network"));
        assert_int_equal(r.all[0].parent, 0);
        assert_true(r.all[0].child_count == 1 && r.all[0].children[0] == 1);
        assert_id(r.all[1].id, 1, 1);
        expect_prop(&r.all[1].props.v[0], "name", VALUES("machines"));
        assert_int_equal(r.all[1].parent, 0);
        assert_true(r.all[1].child_count == 1 && r.all[1].children[0] == 2);
        assert_id(r.all[2].id, 2, 0);
        assert_int_equal(r.all[2].props.n, 3);
        expect_prop(&r.all[2].props.v[2], "serves", VALUES("./network"));
        assert_int_equal(r.all[2].parent, 1);
        assert_int_equal(r.all[2].child_count, 0);
        ni_reply(vector_tcp(12, "up-to-date reply"), 0x61, NI_PROC_readall, &r);
        assert_int_equal(r.status, NI_OK);
        assert_int_equal(r.all_count, 0);
        ni_reply(vector_tcp(12, "or NI_MASTERBUSY"), 0x61, NI_PROC_readall, &r);
        assert_int_equal(r.status, NI_MASTERBUSY);
}

static void v13_push(void **state)
{
        struct ni_args a;
        (void)state;
        ni_call(vector_tcp(13, "call"), 0x70, NI_PROC_create, NULL, &a);
        assert_id(a.id, 1, 1);
        assert_true(a.has_target);
        assert_id(a.target, 3, 0);
        const struct ni_args own = {
                .id = {1, 1}, .props = beta(), .where = NI_INDEX_NULL, .has_target = true, .target = {3, 0}};
        ni_args_are(vector_tcp(13, "call"), NI_PROC_create, NULL, 0x70, &own);
}

static void v14_statistics(void **state)
{
        struct ni_args a;
        struct ni_result r;
        (void)state;
        const struct auth_sys sys = password("checksum", 501);
        ni_call(vector_tcp(14, "call"), 0x26, NI_PROC_statistics, &sys, &a);
        ni_reply(vector_tcp(14, "reply"), 0x26, NI_PROC_statistics, &r);
        assert_int_equal(r.props.n, 1);
        expect_prop(&r.props.v[0], "checksum", VALUES("5"));
        uint8_t word[LIMIT_MACHINE];
        size_t n;
        auth_password(sys.machine, word, &n); /* the same way back */
        assert_true(bytes_eq_str(bytes_of(word, n), "checksum"));
}

static void v15_listreg(void **state)
{
        struct binder_result r;
        struct bytes body;
        (void)state;
        expect_success(vector(15, "reply"), 0x31, &body);
        struct xdr_in in = xdr_in(body);
        assert_true(binder_result_decode(NIBIND_PROC_listreg, &in, &r) && xdr_end(&in));
        assert_int_equal(r.reg_count, 2);
        assert_true(bytes_eq_str(r.regs[0].tag, "local"));
        assert_int_equal(r.regs[0].udp_port, 1033);
        assert_int_equal(r.regs[0].tcp_port, 1033);
        assert_true(bytes_eq_str(r.regs[1].tag, "network"));
        assert_int_equal(r.regs[1].udp_port, 1011);
        assert_int_equal(r.regs[1].tcp_port, 1012);
        binder_result_encode(NIBIND_PROC_listreg, &r, &out);
        expect_bytes(&out, body);
}

/* All TCP messages in one stream: the reader finds each where it is. */
static void one_stream(void **state)
{
        static const struct {
                unsigned number;
                const char *label;
        } some[] = {{3, "call"}, {4, "call"}, {6, "call"}, {12, "complete reply"}, {8, "reply"}};
        struct record_reader reader;
        struct bytes record;
        size_t at = 0, used;
        (void)state;
        for (unsigned i = 0; i < 5; i++)
                buf_put(&out, vector(some[i].number, some[i].label));
        record_reader_init(&reader, LIMIT_CALL);
        for (unsigned i = 0; i < 5; i++) {
                assert_int_equal(record_next(&reader, &out, at, &record, &used), RECORD_WHOLE);
                assert_true(bytes_eq(record, vector_tcp(some[i].number, some[i].label)));
                at += used;
        }
        assert_int_equal(at, out.len);
        assert_int_equal(record_next(&reader, &out, at, &record, &used), RECORD_MORE);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        const struct CMUnitTest tests[] = {
                T(v01_ping),        T(v02_denied),     T(v03_root),    T(v04_lookup),
                T(v05_read),        T(v06_create),     T(v07_list),    T(v08_stale),
                T(v09_getregister), T(v10_bind),       T(v11_rparent), T(v12_readall),
                T(v13_push),        T(v14_statistics), T(v15_listreg), T(one_stream),
        };
        vectors_load("protocol.md");
        const int failed = cmocka_run_group_tests(tests, NULL, NULL);
        vectors_free();
        return failed;
}
