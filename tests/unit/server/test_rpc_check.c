/* The order of the RPC-level checks (doc/protocol.md 2.10): of every two things that are wrong at once, the
 * one that decides. */
#include "server/rpc_check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

enum fault { /* in the order in which they are found */
             BAD_TYPE,
             BAD_RPC,
             BAD_CRED,
             BAD_PROGRAM,
             BAD_VERSION,
             BAD_PROC,
             FAULTS
};

static void make(struct buf *out, unsigned faults, uint32_t proc)
{
        buf_clear(out);
        xdr_put_u32(out, 42);
        xdr_put_u32(out, faults >> BAD_TYPE & 1);
        xdr_put_u32(out, faults >> BAD_RPC & 1 ? 3 : 2);
        xdr_put_u32(out, faults >> BAD_PROGRAM & 1 ? 4711 : NI_PROGRAM);
        xdr_put_u32(out, faults >> BAD_VERSION & 1 ? 3 : NI_VERSION);
        xdr_put_u32(out, faults >> BAD_PROC & 1 ? 99 : proc);
        xdr_put_u32(out, faults >> BAD_CRED & 1 ? 6 : 0);
        xdr_put_u32(out, 0);
        xdr_put_u32(out, 0);
        xdr_put_u32(out, 0);
}

static void expect(unsigned faults, unsigned doors, uint32_t proc)
{
        struct buf call, out;
        struct rpc_call rpc = {0};
        struct rpc_reply r = {0};
        buf_init(&call, 0);
        buf_init(&out, 0);
        make(&call, faults, proc);
        struct xdr_in in = xdr_in(buf_bytes(&call));
        const enum rpc_verdict v = rpc_check(&in, doors, &rpc, &out);
        unsigned first = 0;
        while (first < FAULTS && !(faults >> first & 1))
                first++;
        const bool weak = (doors & RPC_UDP) && proc == NI_PROC_root;
        if (first == BAD_TYPE) {
                assert_int_equal(v, RPC_DROP);
                assert_int_equal(out.len, 0);
        } else if (first == FAULTS && !weak) {
                assert_int_equal(v, RPC_PROCEED);
                assert_int_equal(out.len, 0);
                assert_int_equal(xdr_left(&in), 0);
        } else {
                struct xdr_in reply = xdr_in(buf_bytes(&out));
                assert_int_equal(v, RPC_ANSWERED);
                assert_true(reply_decode(&reply, &r));
                assert_true(xdr_end(&reply));
                assert_int_equal(r.xid, 42);
                const bool denied =
                        first == BAD_RPC || first == BAD_CRED || (first >= BAD_PROC && (doors & RPC_UDP));
                assert_int_equal(r.denied, denied);
                if (first == BAD_RPC) {
                        assert_int_equal(r.stat, 0);
                        assert_int_equal(r.low, 2);
                        assert_int_equal(r.high, 2);
                } else if (first == BAD_CRED) {
                        assert_int_equal(r.auth_stat, AUTH_STAT_REJECTEDCRED);
                } else if (first == BAD_PROGRAM) {
                        assert_int_equal(r.stat, ACCEPT_PROG_UNAVAIL);
                } else if (first == BAD_VERSION) {
                        assert_int_equal(r.stat, ACCEPT_PROG_MISMATCH);
                        assert_int_equal(r.low, 2);
                        assert_int_equal(r.high, 2);
                } else if (doors & RPC_UDP) {
                        assert_int_equal(r.auth_stat, AUTH_STAT_TOOWEAK);
                } else {
                        assert_int_equal(r.stat, ACCEPT_PROC_UNAVAIL);
                }
        }
        buf_done(&call);
        buf_done(&out);
}

static void every_combination(void **state)
{
        (void)state;
        for (unsigned faults = 0; faults < 1u << FAULTS; faults++) {
                expect(faults, RPC_NI, NI_PROC_root);
                expect(faults, RPC_NI | RPC_UDP, NI_PROC_root); /* not answered on UDP */
                expect(faults, RPC_NI | RPC_UDP, NI_PROC_ping);
        }
}

static void truncated(void **state)
{
        (void)state;
        struct buf call, out;
        struct rpc_call rpc;
        buf_init(&call, 0);
        buf_init(&out, 0);
        make(&call, 0, NI_PROC_root);
        for (size_t n = 0; n < call.len; n++) {
                struct xdr_in in = xdr_in(bytes_of(call.data, n));
                assert_int_equal(rpc_check(&in, RPC_NI, &rpc, &out), RPC_DROP);
                assert_int_equal(out.len, 0);
        }
        buf_done(&call);
        buf_done(&out);
}

static void doors(void **state)
{
        (void)state;
        static const uint32_t programs[] = {NI_PROGRAM, NIBIND_PROGRAM, NIEXT_PROGRAM};
        static const uint32_t versions[] = {NI_VERSION, NIBIND_VERSION, NIEXT_VERSION};
        for (unsigned open = 0; open < 8; open++) {
                for (unsigned p = 0; p < 3; p++) {
                        struct buf call, out;
                        struct rpc_call rpc = {.xid = 1, .program = programs[p], .version = versions[p]}, got;
                        buf_init(&call, 0);
                        buf_init(&out, 0);
                        call_encode(&call, &rpc, NULL);
                        struct xdr_in in = xdr_in(buf_bytes(&call));
                        assert_int_equal(rpc_check(&in, open, &got, &out),
                                         open >> p & 1 ? RPC_PROCEED : RPC_ANSWERED);
                        buf_done(&call);
                        buf_done(&out);
                }
        }
}

/* AUTH_TLS (doc/tls.md 2.1): taken at the beginning of a TCP connection alone, and in the order of checks. */
static void probes(void **state)
{
        (void)state;
        static const struct {
                unsigned doors;
                uint32_t program, version, procedure, body, verifier;
                enum rpc_verdict want;
                bool denied;
                uint32_t stat; /* auth_stat, or accept_stat */
        } rows[] = {
                {RPC_TLS | RPC_FIRST, NI_PROGRAM, NI_VERSION, 0, 0, 0, RPC_PROBE, false, 0},
                {RPC_TLS | RPC_FIRST, NI_PROGRAM, NI_VERSION, 1, 0, 0, RPC_ANSWERED, true, AUTH_STAT_BADCRED},
                {RPC_TLS | RPC_FIRST, NI_PROGRAM, NI_VERSION, 0, 4, 0, RPC_ANSWERED, true, AUTH_STAT_BADCRED},
                {RPC_TLS | RPC_FIRST, NI_PROGRAM, NI_VERSION, 0, 0, 7, RPC_ANSWERED, true, AUTH_STAT_BADCRED},
                {RPC_TLS, NI_PROGRAM, NI_VERSION, 0, 0, 0, RPC_ANSWERED, true, AUTH_STAT_BADCRED},
                {RPC_TLS, 4711, NI_VERSION, 0, 0, 0, RPC_ANSWERED, true, AUTH_STAT_BADCRED},
                {0, NI_PROGRAM, NI_VERSION, 0, 0, 0, RPC_ANSWERED, true, AUTH_STAT_REJECTEDCRED},
                {RPC_UDP, NI_PROGRAM, NI_VERSION, 0, 0, 0, RPC_ANSWERED, true, AUTH_STAT_REJECTEDCRED},
                {RPC_TLS | RPC_FIRST, 4711, NI_VERSION, 0, 0, 0, RPC_ANSWERED, false, ACCEPT_PROG_UNAVAIL},
                {RPC_TLS | RPC_FIRST, NI_PROGRAM, 3, 0, 0, 0, RPC_ANSWERED, false, ACCEPT_PROG_MISMATCH},
                {RPC_TLS | RPC_FIRST, NIEXT_PROGRAM, NIEXT_VERSION, 0, 0, 0, RPC_ANSWERED, false,
                 ACCEPT_PROG_UNAVAIL},
        };
        for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                struct buf call, out;
                struct rpc_call rpc;
                struct rpc_reply r;
                buf_init(&call, 0);
                buf_init(&out, 0);
                const uint32_t head[] = {
                        42, 0, 2, rows[i].program, rows[i].version, rows[i].procedure, AUTH_FLAVOR_TLS};
                for (unsigned k = 0; k < 7; k++)
                        xdr_put_u32(&call, head[k]);
                xdr_put_opaque(&call, bytes_of("abcd", rows[i].body));
                xdr_put_u32(&call, rows[i].verifier);
                xdr_put_u32(&call, 0);
                struct xdr_in in = xdr_in(buf_bytes(&call));
                assert_int_equal(rpc_check(&in, RPC_NI | rows[i].doors, &rpc, &out), rows[i].want);
                struct xdr_in reply = xdr_in(buf_bytes(&out));
                if (rows[i].want == RPC_PROBE) {
                        assert_int_equal(out.len, 0);
                } else {
                        assert_true(reply_decode(&reply, &r));
                        assert_int_equal(r.denied, rows[i].denied);
                        assert_int_equal(r.denied ? r.auth_stat : r.stat, rows[i].stat);
                }
                buf_done(&call);
                buf_done(&out);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(every_combination), cmocka_unit_test(truncated),
                                           cmocka_unit_test(doors), cmocka_unit_test(probes)};
        return cmocka_run_group_tests(tests, NULL, NULL);
}
