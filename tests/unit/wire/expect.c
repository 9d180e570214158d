#include "expect.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

void expect_bytes(struct buf *out, struct bytes want)
{
        assert_false(out->failed);
        assert_int_equal(out->len, want.len);
        if (want.len)
                assert_memory_equal(out->data, want.data, want.len);
        buf_clear(out);
}

static void same_sys(const struct auth_sys *a, const struct auth_sys *b)
{
        assert_int_equal(a->stamp, b->stamp);
        assert_int_equal(a->uid, b->uid);
        assert_int_equal(a->gid, b->gid);
        assert_true(bytes_eq(a->machine, b->machine));
        assert_int_equal(a->gid_count, b->gid_count);
        assert_memory_equal(a->gids, b->gids, sizeof(a->gids));
}

void expect_call(struct bytes want, uint32_t xid, uint32_t program, uint32_t version, uint32_t procedure,
                 const struct auth_sys *sys, struct bytes *ret_args)
{
        struct xdr_in in = xdr_in(want);
        struct rpc_call c;
        assert_int_equal(call_decode(&in, &c), CALL_OK);
        assert_int_equal(c.xid, xid);
        assert_int_equal(c.program, program);
        assert_int_equal(c.version, version);
        assert_int_equal(c.procedure, procedure);
        assert_int_equal(c.flavor, sys ? AUTH_FLAVOR_SYS : AUTH_FLAVOR_NONE);
        if (sys)
                same_sys(&c.sys, sys);
        const size_t header = (size_t)(in.at - want.data);
        *ret_args = bytes_sub(want, header, want.len);

        struct buf out;
        const struct rpc_call again = {
                .xid = xid, .program = program, .version = version, .procedure = procedure};
        buf_init(&out, 0);
        call_encode(&out, &again, sys);
        expect_bytes(&out, bytes_sub(want, 0, header));
        buf_done(&out);
}

void expect_success(struct bytes want, uint32_t xid, struct bytes *ret_result)
{
        struct xdr_in in = xdr_in(want);
        struct rpc_reply r;
        assert_true(reply_decode(&in, &r));
        assert_int_equal(r.xid, xid);
        assert_false(r.denied);
        assert_int_equal(r.stat, ACCEPT_SUCCESS);
        const size_t header = (size_t)(in.at - want.data);
        *ret_result = bytes_sub(want, header, want.len);

        struct buf out;
        buf_init(&out, 0);
        reply_accepted(&out, xid, ACCEPT_SUCCESS);
        expect_bytes(&out, bytes_sub(want, 0, header));
        buf_done(&out);
}

void expect_prop(const struct property *p, const char *name, const char *const *values)
{
        assert_true(bytes_eq_str(p->name, name));
        uint32_t n = 0;
        for (; values[n]; n++) {
                assert_true(n < p->values.n);
                assert_true(bytes_eq_str(p->values.v[n], values[n]));
        }
        assert_int_equal(n, p->values.n);
}
