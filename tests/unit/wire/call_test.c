/* Call and reply headers: each verdict of doc/protocol.md 2.10, limits, replies. */
#include "wire/call.h"
#include "wire/procs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static struct buf out;

static int setup(void **state)
{
        (void)state;
        buf_init(&out, 0);
        return 0;
}

static int teardown(void **state)
{
        (void)state;
        buf_done(&out);
        return 0;
}

static void words(const uint32_t *v, size_t n)
{
        for (size_t i = 0; i < n; i++)
                xdr_put_u32(&out, v[i]);
}
#define WORDS(...) words((const uint32_t[]){__VA_ARGS__}, sizeof((const uint32_t[]){__VA_ARGS__}) / 4)

/* xid, call, version 2, program, version, procedure */
static void put_head(void)
{
        WORDS(7, 0, 2, NI_PROGRAM, NI_VERSION, NI_PROC_root);
}

static enum call_verdict decode(struct rpc_call *ret)
{
        struct xdr_in in = xdr_in(buf_bytes(&out));
        return call_decode(&in, ret);
}

static void assert_head(const struct rpc_call *c)
{
        assert_int_equal(c->xid, 7);
        assert_int_equal(c->program, NI_PROGRAM);
        assert_int_equal(c->version, NI_VERSION);
        assert_int_equal(c->procedure, NI_PROC_root);
}

static void too_short_is_no_call(void **state)
{
        struct rpc_call c = {.xid = 99};
        (void)state;
        put_head();
        WORDS(AUTH_FLAVOR_NONE, 0, AUTH_FLAVOR_NONE, 0);
        const struct bytes all = buf_bytes(&out);
        for (size_t n = 0; n < all.len; n++) {
                struct xdr_in in = xdr_in(bytes_sub(all, 0, n));
                assert_int_equal(call_decode(&in, &c), CALL_NOT_A_CALL);
                assert_int_equal(c.xid, 99);
        }
        assert_int_equal(decode(&c), CALL_OK);
}

static void reply_is_no_call(void **state)
{
        struct rpc_call c;
        (void)state;
        WORDS(7, 1, 2, NI_PROGRAM, NI_VERSION, 0, 0, 0, 0, 0);
        assert_int_equal(decode(&c), CALL_NOT_A_CALL);
        buf_clear(&out);
        WORDS(7, 2, 2, NI_PROGRAM, NI_VERSION, 0, 0, 0, 0, 0);
        assert_int_equal(decode(&c), CALL_NOT_A_CALL);
}

static void other_rpc_version(void **state)
{
        struct rpc_call c;
        (void)state;
        WORDS(7, 0, 3);
        assert_int_equal(decode(&c), CALL_RPC_MISMATCH);
        assert_int_equal(c.xid, 7);
        buf_clear(&out);
        WORDS(7, 0, 1, 1, 2, 3);
        assert_int_equal(decode(&c), CALL_RPC_MISMATCH);
}

static void unknown_flavor(void **state)
{
        struct rpc_call c;
        (void)state;
        put_head();
        WORDS(6, 4, 0xdeadbeef, AUTH_FLAVOR_NONE, 0);
        assert_int_equal(decode(&c), CALL_UNKNOWN_CRED);
        assert_head(&c);
        assert_int_equal(c.flavor, 6);
}

/* The probe (doc/tls.md 2.1), and what resembles it. */
static void tls_probe(void **state)
{
        static const uint32_t rest[][5] = {{0, 0, 0}, {4, 1, 0, 0}, {0, 0, 4, 1}, {0, 7, 0}};
        static const unsigned length[] = {3, 4, 4, 3};
        struct rpc_call c;
        (void)state;
        for (unsigned i = 0; i < 4; i++) {
                buf_clear(&out);
                put_head();
                WORDS(AUTH_FLAVOR_TLS);
                words(rest[i], length[i]);
                assert_int_equal(decode(&c), CALL_TLS);
                assert_head(&c);
                assert_int_equal(c.flavor, AUTH_FLAVOR_TLS);
                assert_int_equal(c.bare, i == 0);
        }
}

static void starttls(void **state)
{
        static const uint8_t want[] = {0, 0, 0, 7, 0,   0,   0,   1,   0,   0,   0,   0,   0, 0, 0, 0,
                                       0, 0, 0, 8, 'S', 'T', 'A', 'R', 'T', 'T', 'L', 'S', 0, 0, 0, 0};
        struct rpc_reply r;
        (void)state;
        reply_starttls(&out, 7);
        assert_int_equal(out.len, sizeof(want));
        assert_memory_equal(out.data, want, sizeof(want));
        struct xdr_in in = xdr_in(buf_bytes(&out));
        assert_true(reply_decode(&in, &r) && xdr_end(&in));
        assert_int_equal(r.stat, ACCEPT_SUCCESS);
}

static void none_with_a_body_and_any_verifier(void **state)
{
        struct rpc_call c;
        (void)state;
        put_head();
        WORDS(AUTH_FLAVOR_NONE, 4, 1, 77, 4, 2, 0x12345678);
        struct xdr_in in = xdr_in(buf_bytes(&out));
        assert_int_equal(call_decode(&in, &c), CALL_OK);
        assert_head(&c);
        assert_int_equal(xdr_u32(&in), 0x12345678); /* stands at the arguments */
}

static void credential_limit(void **state)
{
        struct rpc_call c;
        static const uint8_t zeros[LIMIT_CRED + 4];
        (void)state;
        put_head();
        WORDS(AUTH_FLAVOR_NONE);
        xdr_put_opaque(&out, bytes_of(zeros, LIMIT_CRED));
        WORDS(0, 0);
        assert_int_equal(decode(&c), CALL_OK);
        buf_clear(&out);
        put_head();
        WORDS(AUTH_FLAVOR_NONE);
        xdr_put_opaque(&out, bytes_of(zeros, LIMIT_CRED + 1));
        WORDS(0, 0);
        assert_int_equal(decode(&c), CALL_NOT_A_CALL);
        buf_clear(&out);
        put_head();
        WORDS(AUTH_FLAVOR_NONE, 0, 0);
        xdr_put_opaque(&out, bytes_of(zeros, LIMIT_CRED + 1));
        assert_int_equal(decode(&c), CALL_NOT_A_CALL);
}

/* AUTH_SYS with this machine name, this many groups, and `less` bytes cut from the end of the body. */
static void put_sys_call(size_t machine, uint32_t gids, size_t less)
{
        static const uint8_t letters[LIMIT_MACHINE + 1] = {'m', 'a', 'c', 'h'};
        struct buf body;
        buf_init(&body, 0);
        xdr_put_u32(&body, 1);
        xdr_put_opaque(&body, bytes_of(letters, machine));
        xdr_put_u32(&body, 501);
        xdr_put_u32(&body, 20);
        xdr_put_u32(&body, gids);
        for (uint32_t i = 0; i < gids; i++)
                xdr_put_u32(&body, 100 + i);
        put_head();
        WORDS(AUTH_FLAVOR_SYS);
        xdr_put_opaque(&out, bytes_sub(buf_bytes(&body), 0, body.len - less));
        WORDS(0, 0);
        buf_done(&body);
}

static void sys_groups(void **state)
{
        struct rpc_call c;
        (void)state;
        for (uint32_t n = 0; n <= LIMIT_GROUPS; n++) { /* 17, as historical servers accept */
                put_sys_call(4, n, 0);
                assert_int_equal(decode(&c), CALL_OK);
                assert_true(c.sys.uid == 501 && c.sys.gid == 20 && c.sys.gid_count == n);
                assert_true(n == 0 || c.sys.gids[n - 1] == 100 + n - 1);
                assert_true(bytes_eq_str(c.sys.machine, "mach"));
                buf_clear(&out);
        }
        put_sys_call(4, LIMIT_GROUPS + 1, 0);
        assert_int_equal(decode(&c), CALL_BAD_CRED);
        assert_head(&c);
}

static void sys_body_malformed(void **state)
{
        struct rpc_call c;
        (void)state;
        for (size_t less = 4; less <= 28; less += 4) {
                put_sys_call(4, 2, less);
                assert_int_equal(decode(&c), CALL_BAD_CRED);
                assert_head(&c);
                buf_clear(&out);
        }
        put_sys_call(LIMIT_MACHINE, 0, 0);
        assert_int_equal(decode(&c), CALL_OK);
        assert_int_equal(c.sys.machine.len, 4); /* what follows a NUL is cut */
        buf_clear(&out);
        put_sys_call(LIMIT_MACHINE + 1, 0, 0);
        assert_int_equal(decode(&c), CALL_BAD_CRED);
}

static void passwords(void **state)
{
        uint8_t to[LIMIT_MACHINE];
        uint8_t longest[300];
        size_t n;
        (void)state;
        auth_password(BYTES_LIT("secret"), to, &n);
        assert_int_equal(n, 6);
        assert_memory_equal(to, "\x8c\x9a\x9c\x8d\x9a\x8b", 6);
        auth_password(BYTES_NONE, to, &n);
        assert_int_equal(n, 0);
        auth_password(BYTES_LIT("ab\xff"
                                "cd"),
                      to, &n); /* ff would become the NUL that ends it */
        assert_int_equal(n, 2);
        memset(longest, 'x', sizeof(longest));
        auth_password(bytes_of(longest, sizeof(longest)), to, &n);
        assert_int_equal(n, LIMIT_MACHINE);
}

static bool read_reply(struct rpc_reply *ret)
{
        struct xdr_in in = xdr_in(buf_bytes(&out));
        return reply_decode(&in, ret);
}

static void replies(void **state)
{
        struct rpc_reply r;
        (void)state;
        reply_rpc_mismatch(&out, 5);
        assert_true(read_reply(&r));
        assert_true(r.xid == 5 && r.denied && r.stat == 0 && r.low == 2 && r.high == 2);
        buf_clear(&out);
        reply_mismatch(&out, 6, 1, 3);
        assert_true(read_reply(&r));
        assert_true(r.xid == 6 && !r.denied && r.stat == ACCEPT_PROG_MISMATCH && r.low == 1 && r.high == 3);
        buf_clear(&out);
        reply_denied(&out, 7, AUTH_STAT_BADCRED);
        assert_true(read_reply(&r));
        assert_true(r.denied && r.stat == 1 && r.auth_stat == AUTH_STAT_BADCRED);
}

static void every_truncation_of_a_reply_is_refused(void **state)
{
        struct rpc_reply r = {.xid = 99};
        (void)state;
        for (unsigned kind = 0; kind < 4; kind++) {
                buf_clear(&out);
                if (kind == 0)
                        reply_rpc_mismatch(&out, 1);
                else if (kind == 1)
                        reply_mismatch(&out, 1, 2, 2);
                else if (kind == 2)
                        reply_denied(&out, 1, AUTH_STAT_TOOWEAK);
                else
                        reply_accepted(&out, 1, ACCEPT_SYSTEM_ERR);
                for (size_t n = 0; n < out.len; n++) {
                        struct xdr_in in = xdr_in(bytes_sub(buf_bytes(&out), 0, n));
                        assert_false(reply_decode(&in, &r));
                        assert_int_equal(r.xid, 99);
                }
                assert_true(read_reply(&(struct rpc_reply){0}));
        }
}

static void odd_replies_are_refused(void **state)
{
        struct rpc_reply r;
        (void)state;
        WORDS(1, 0, 0, 0, 0, 0); /* a call */
        assert_false(read_reply(&r));
        buf_clear(&out);
        WORDS(1, 1, 2, 0, 0, 0); /* neither accepted nor denied */
        assert_false(read_reply(&r));
        buf_clear(&out);
        WORDS(1, 1, 0, 0, 0, 6); /* no such accept_stat */
        assert_false(read_reply(&r));
        buf_clear(&out);
        WORDS(1, 1, 1, 2, 0, 0); /* no such reason to deny */
        assert_false(read_reply(&r));
        buf_clear(&out);
        WORDS(1, 1, 0, 9, 4, 0xabcdef, 0, 42); /* a verifier of any flavor is skipped */
        struct xdr_in in = xdr_in(buf_bytes(&out));
        assert_true(reply_decode(&in, &r));
        assert_int_equal(xdr_u32(&in), 42);
}

/* doc/tls.md 2.1. "STAR", "TTLS" as words. */
static void the_probe_and_its_answers(void **state)
{
        static const uint8_t probe[] = {0,    0,    0, 5, 0, 0, 0, 0, 0, 0, 0, 2, 0xb, 0xed,
                                        0x39, 0x81, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0,   7,
                                        0,    0,    0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
        (void)state;
        probe_encode(&out, 5, 200096129, 1);
        assert_true(bytes_eq(buf_bytes(&out), bytes_of(probe, sizeof(probe))));
        buf_clear(&out);
        WORDS(5, 1, 0, 0, 8, 0x53544152, 0x54544c53, 0);
        assert_int_equal(probe_answer_decode(buf_bytes(&out)), PROBE_STARTTLS);
        for (size_t n = 0; n < out.len; n++)
                assert_int_equal(probe_answer_decode(bytes_of(out.data, n)), PROBE_BAD);
        xdr_put_u32(&out, 0); /* a result, which NULL has not */
        assert_int_equal(probe_answer_decode(buf_bytes(&out)), PROBE_BAD);
        buf_clear(&out);
        WORDS(5, 1, 0, 0, 0, 0);
        assert_int_equal(probe_answer_decode(buf_bytes(&out)), PROBE_NO_TLS);
        buf_clear(&out);
        WORDS(5, 1, 1, 1, 2);
        assert_int_equal(probe_answer_decode(buf_bytes(&out)), PROBE_NO_TLS);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        const struct CMUnitTest tests[] = {
                T(too_short_is_no_call),
                T(reply_is_no_call),
                T(other_rpc_version),
                T(unknown_flavor),
                T(tls_probe),
                T(starttls),
                T(none_with_a_body_and_any_verifier),
                T(credential_limit),
                T(sys_groups),
                T(sys_body_malformed),
                T(passwords),
                T(replies),
                T(every_truncation_of_a_reply_is_refused),
                T(odd_replies_are_refused),
                T(the_probe_and_its_answers),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
