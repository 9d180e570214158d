/* Our codec against libtirpc running stubs that rpcgen made of doc/netinfo.x and doc/netinfo-ext.x: random
 * values of every argument and result, both ways. The seed is printed; NETINFO_SEED=N repeats a run. */
#include "codec.h"
#include "wire/call.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#define ROUNDS 10000u
#define ROOM   ((size_t)16 << 20) /* bytes of the largest message the dice make */

static uint64_t seed = 987;
static uint8_t *theirs, *again;
static unsigned long messages, octets; /* compared so far */

static void require(bool ok, enum theirs_what what, unsigned proc, unsigned round, const char *claim)
{
        if (!ok)
                fail_msg("%s, procedure %u, round %u, seed %llu: not so: %s", codec_name(what), proc, round,
                         (unsigned long long)seed, claim);
}

/* One random value: their encoding of it is ours; they decode ours to it; we decode theirs to it. */
static void one_round(struct dice *d, enum theirs_what what, unsigned proc, unsigned round)
{
        union value v, back;
        struct buf ours, ours_again;
        memset(&v, 0, sizeof(v));
        memset(&back, 0, sizeof(back));
        buf_init(&ours, 0);
        buf_init(&ours_again, 0);
        codec_random(d, what, proc, &v);
        codec_encode(what, proc, &v, &ours);
        require(!ours.failed && ours.len + 64 <= ROOM, what, proc, round, "we can encode it");

        const size_t room = ours.len + 64; /* enough to see that theirs is longer; ASan looks at all of it */
        size_t n = theirs_encode(what, proc, &v, theirs, room);
        require(n == ours.len && (n == 0 || memcmp(theirs, ours.data, n) == 0), what, proc, round,
                "they encode the same value to the same bytes");
        size_t m = theirs_recode(what, proc, ours.data ? ours.data : theirs, ours.len, again, room);
        require(m == n && memcmp(again, theirs, n) == 0, what, proc, round,
                "they decode our bytes to that value");

        struct xdr_in in = xdr_in(bytes_of(theirs, n));
        require(codec_decode(what, proc, &in, d->arena, &back) && xdr_end(&in), what, proc, round,
                "we decode their bytes, all of them");
        codec_encode(what, proc, &back, &ours_again);
        require(bytes_eq(buf_bytes(&ours_again), bytes_of(theirs, n)), what, proc, round,
                "we encode what we decoded to the same bytes");
        m = theirs_encode(what, proc, &back, again, room);
        require(m == n && memcmp(again, theirs, n) == 0, what, proc, round,
                "what we decoded is that value to them");
        messages++;
        octets += n;
        buf_done(&ours);
        buf_done(&ours_again);
}

static void compare(enum theirs_what what)
{
        struct arena a;
        struct dice d = {seed * 2654435761u + (uint64_t)what + 1, &a};
        arena_init(&a, 0);
        for (unsigned proc = 0; proc < codec_procs(what); proc++)
                for (unsigned round = 0; codec_has(what, proc) && round < ROUNDS; round++) {
                        one_round(&d, what, proc, round);
                        arena_reset(&a);
                }
        arena_done(&a);
}

static void ni_arguments(void **state)
{
        (void)state;
        compare(THEIRS_NI_ARGS);
}

static void ni_results(void **state)
{
        (void)state;
        compare(THEIRS_NI_RESULT);
}

static void binder(void **state)
{
        (void)state;
        compare(THEIRS_BINDER_ARGS);
        compare(THEIRS_BINDER_RESULT);
}

static void ext_arguments(void **state)
{
        (void)state;
        compare(THEIRS_EXT_ARGS);
}

static void ext_results(void **state)
{
        (void)state;
        compare(THEIRS_EXT_RESULT);
}

/* -- headers */

static struct theirs_call random_call(struct dice *d)
{
        struct theirs_call c = {
                .xid = dice_u32(d),
                .program = dice_u32(d),
                .version = dice_u32(d),
                .procedure = dice_u32(d),
                .sys = dice_below(d, 2),
        };
        if (!c.sys)
                return c;
        const struct bytes machine = dice_name(d, LIMIT_MACHINE);
        if (machine.len)
                memcpy(c.machine, machine.data, machine.len);
        c.stamp = dice_u32(d);
        c.uid = dice_u32(d);
        c.gid = dice_u32(d);
        c.gid_count = dice_below(d, 17);
        for (uint32_t i = 0; i < c.gid_count; i++)
                c.gids[i] = dice_u32(d);
        return c;
}

static void encode_call(const struct theirs_call *c, struct buf *out)
{
        const struct rpc_call call = {c->xid, c->program, c->version, c->procedure, 0, {0}, false};
        struct auth_sys sys = {.stamp = c->stamp, .uid = c->uid, .gid = c->gid, .gid_count = c->gid_count};
        sys.machine = bytes_str(c->machine);
        memcpy(sys.gids, c->gids, sizeof(c->gids));
        call_encode(out, &call, c->sys ? &sys : NULL);
}

/* What we decode, in the shape of theirs, so that the two can be compared as memory. */
static bool decode_call(struct bytes message, struct theirs_call *ret)
{
        struct xdr_in in = xdr_in(message);
        struct rpc_call c;
        memset(ret, 0, sizeof(*ret));
        if (call_decode(&in, &c) != CALL_OK || !xdr_end(&in) || c.sys.gid_count > 16)
                return false;
        ret->xid = c.xid;
        ret->program = c.program;
        ret->version = c.version;
        ret->procedure = c.procedure;
        ret->sys = c.flavor == AUTH_FLAVOR_SYS;
        ret->stamp = c.sys.stamp;
        ret->uid = c.sys.uid;
        ret->gid = c.sys.gid;
        ret->gid_count = c.sys.gid_count;
        memcpy(ret->gids, c.sys.gids, sizeof(ret->gids));
        if (c.sys.machine.len)
                memcpy(ret->machine, c.sys.machine.data, c.sys.machine.len);
        return true;
}

static void calls(void **state)
{
        struct arena a;
        struct dice d = {seed, &a};
        (void)state;
        arena_init(&a, 0);
        for (unsigned round = 0; round < ROUNDS; round++) {
                struct theirs_call c = random_call(&d), back;
                struct buf ours;
                buf_init(&ours, 0);
                encode_call(&c, &ours);
                const size_t n = theirs_call_encode(&c, theirs, ours.len + 64);
                assert_int_equal(n, ours.len);
                assert_memory_equal(theirs, ours.data, n);
                assert_true(theirs_call_decode(ours.data, ours.len, &back));
                assert_memory_equal(&back, &c, sizeof(c));
                assert_true(decode_call(bytes_of(theirs, n), &back));
                assert_memory_equal(&back, &c, sizeof(c));
                buf_done(&ours);
                arena_reset(&a);
        }
        arena_done(&a);
}

static struct theirs_reply random_reply(struct dice *d)
{
        struct theirs_reply r = {.xid = dice_u32(d), .denied = dice_below(d, 2)};
        r.stat = dice_below(d, r.denied ? 2 : ACCEPT_SYSTEM_ERR + 1);
        if (r.denied && r.stat == 1)
                r.auth_stat = AUTH_STAT_BADCRED + dice_below(d, AUTH_STAT_TOOWEAK);
        else if (r.denied)
                r.low = r.high = 2; /* the only version there is */
        else if (r.stat == ACCEPT_PROG_MISMATCH) {
                r.low = dice_u32(d);
                r.high = dice_u32(d);
        }
        return r;
}

static void encode_reply(const struct theirs_reply *r, struct buf *out)
{
        if (r->denied && r->stat == 0)
                reply_rpc_mismatch(out, r->xid);
        else if (r->denied)
                reply_denied(out, r->xid, (enum auth_stat)r->auth_stat);
        else if (r->stat == ACCEPT_PROG_MISMATCH)
                reply_mismatch(out, r->xid, r->low, r->high);
        else
                reply_accepted(out, r->xid, (enum accept_stat)r->stat);
}

static void replies(void **state)
{
        struct arena a;
        struct dice d = {seed, &a};
        (void)state;
        arena_init(&a, 0);
        for (unsigned round = 0; round < ROUNDS; round++) {
                const struct theirs_reply r = random_reply(&d);
                struct theirs_reply back;
                struct rpc_reply decoded;
                struct buf ours;
                buf_init(&ours, 0);
                encode_reply(&r, &ours);
                const size_t n = theirs_reply_encode(&r, theirs, ours.len + 64);
                assert_int_equal(n, ours.len);
                assert_memory_equal(theirs, ours.data, n);
                assert_true(theirs_reply_decode(ours.data, ours.len, &back));
                assert_memory_equal(&back, &r, sizeof(r));
                struct xdr_in in = xdr_in(bytes_of(theirs, n));
                assert_true(reply_decode(&in, &decoded) && xdr_end(&in));
                back = (struct theirs_reply){decoded.xid,       decoded.denied, decoded.stat,
                                             decoded.auth_stat, decoded.low,    decoded.high};
                assert_memory_equal(&back, &r, sizeof(r));
                buf_done(&ours);
        }
        arena_done(&a);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(ni_arguments),  cmocka_unit_test(ni_results),  cmocka_unit_test(binder),
                cmocka_unit_test(ext_arguments), cmocka_unit_test(ext_results), cmocka_unit_test(calls),
                cmocka_unit_test(replies),
        };
        const char *chosen = getenv("NETINFO_SEED");
        if (chosen && strtoull(chosen, NULL, 10))
                seed = strtoull(chosen, NULL, 10);
        printf("seed %llu, %u values of each type\n", (unsigned long long)seed, ROUNDS);
        theirs = malloc(ROOM);
        again = malloc(ROOM);
        if (!theirs || !again)
                return 1;
        const int failed = cmocka_run_group_tests(tests, NULL, NULL);
        printf("%lu messages, %lu bytes\n", messages, octets);
        free(theirs);
        free(again);
        return failed;
}
