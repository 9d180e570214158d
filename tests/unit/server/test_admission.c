/* Limits of connections: all, of a source, places for the superuser; who goes for a new one. */
#include "server/admission.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#define MOST   20u
#define SOURCE 5u

static struct worker *worker = (struct worker *)(uintptr_t)0x1000; /* only compared */
static struct config config = {.connections = MOST, .connections_per_source = SOURCE};

struct guest {
        struct visitor v;
        bool in;
};

static struct peer from(uint32_t ipv4)
{
        return (struct peer){.address = address_from_ipv4(ipv4)};
}

static uint64_t enter(struct admission *a, struct guest *g, const struct peer *p, uint64_t now)
{
        struct worker *w = NULL;
        uint64_t id = 0;
        *g = (struct guest){.v.worker = worker};
        g->in = admission_enter(a, &g->v, p, &config, MOST, now, &w, &id) == ADMITTED;
        assert_int_equal(w == worker, id != 0);
        return id;
}

static void of_one_source(void **state)
{
        (void)state;
        struct admission *a = admission_new();
        struct guest g[SOURCE + 3];
        const struct peer p = from(0x0a000001), other = from(0x0a000002);
        struct guest o;
        for (unsigned i = 0; i < SOURCE; i++) {
                assert_int_equal(enter(a, &g[i], &p, 1000 + i), 0);
                assert_true(g[i].in);
        }
        assert_int_equal(enter(a, &g[SOURCE], &p, 1500), 0); /* nobody is idle yet */
        assert_false(g[SOURCE].in);
        assert_int_equal(enter(a, &o, &other, 1500), 0);
        assert_true(o.in);
        g[0].v.active_ms = 9000; /* it has just called; the next oldest one is busy */
        g[1].v.busy = true;
        assert_int_equal(enter(a, &g[SOURCE], &p, 9500), g[2].v.id);
        assert_true(g[SOURCE].in);
        assert_int_equal(enter(a, &g[SOURCE + 1], &p, 9500), g[3].v.id); /* the evicted one counts no more */
        g[2].v.active_ms = 9550;
        admission_stay(a, &g[2].v); /* it woke up: the source has one too many, and somebody else will go */
        assert_int_equal(enter(a, &g[SOURCE + 2], &p, 9600), g[4].v.id);
        const struct admission_counts n = admission_count(a);
        assert_int_equal(n.now, SOURCE + 4);
        assert_int_equal(n.refused, 1);
        for (unsigned i = 0; i < SOURCE + 3; i++)
                admission_leave(a, &g[i].v);
        admission_leave(a, &o.v);
        assert_int_equal(admission_count(a).now, 0);
        assert_int_equal(admission_count(a).peak, SOURCE + 4);
        admission_free(a);
}

static void of_all(void **state)
{
        (void)state;
        struct admission *a = admission_new();
        struct guest g[MOST + 2], super;
        for (unsigned i = 0; i < MOST; i++) {
                const struct peer p = from(0x0a000000 + i / SOURCE);
                enter(a, &g[i], &p, 1000);
                assert_true(g[i].in);
        }
        const struct peer late = from(0x0b000000);
        enter(a, &g[MOST], &late, 1500);
        assert_false(g[MOST].in);
        const struct peer root = {.socket = true, .uid = 4711, .ours = true}; /* some places are kept */
        enter(a, &super, &root, 1500);
        assert_true(super.in);
        admission_leave(a, &super.v);
        assert_int_equal(enter(a, &g[MOST], &late, 5000),
                         g[0].v.id); /* the oldest of those that called at once */
        assert_true(g[MOST].in);
        for (unsigned i = 0; i <= MOST; i++)
                admission_leave(a, &g[i].v);
        admission_free(a);
}

static uint64_t enter_stranger(struct admission *a, struct guest *g, uint32_t ipv4, unsigned most,
                               uint64_t now)
{
        struct worker *w = NULL;
        uint64_t id = 0;
        const struct peer p = from(ipv4);
        static const struct config roomy = {.connections = 4096, .connections_per_source = 4096};
        *g = (struct guest){.v = {.worker = worker, .stranger = true}};
        g->in = admission_enter(a, &g->v, &p, &roomy, most, now, &w, &id) == ADMITTED;
        return id;
}

/* Strangers have a share of their own, each source of it a smaller one; who has shown who he is counts no
 * more. */
static void strangers_have_a_share(void **state)
{
        (void)state;
        struct admission *a = admission_new();
        static struct guest g[LIMIT_STRANGERS + 3];
        unsigned n = 0;
        for (; n < LIMIT_STRANGERS_SOURCE; n++) {
                assert_int_equal(enter_stranger(a, &g[n], 1, 4096, 1000), 0);
                assert_true(g[n].in);
        }
        enter_stranger(a, &g[n], 1, 4096, 1500); /* nobody of them is idle yet */
        assert_false(g[n].in);
        assert_int_equal(enter_stranger(a, &g[n], 1, 4096, 3000), g[0].v.id);
        admission_leave(a, &g[0].v);
        for (n++; n < LIMIT_STRANGERS + 1; n++) { /* of other sources, until the share is full */
                assert_int_equal(enter_stranger(a, &g[n], 2 + n / LIMIT_STRANGERS_SOURCE, 4096, 3000), 0);
                assert_true(g[n].in);
        }
        assert_int_equal(admission_count(a).strangers, LIMIT_STRANGERS);
        enter_stranger(a, &g[n], 99, 4096, 3500);
        assert_true(g[n].in); /* one that came at 1000 goes */
        g[2].v.busy = true;
        struct guest member;
        const struct peer p = from(1);
        enter(a, &member, &p, 3500); /* who is none has nothing to do with it */
        assert_int_equal(admission_count(a).strangers, LIMIT_STRANGERS + 1);
        admission_settle(a, &g[3].v);
        admission_settle(a, &g[3].v);
        assert_int_equal(admission_count(a).strangers, LIMIT_STRANGERS);
        for (unsigned i = 1; i <= n; i++)
                admission_leave(a, &g[i].v);
        if (member.in)
                admission_leave(a, &member.v);
        assert_int_equal(admission_count(a).now, 0);
        assert_int_equal(admission_count(a).strangers, 0);
        admission_free(a);
}

/* Workers that are slow to close those that were asked to go do not make the share larger. */
static void strangers_that_do_not_go(void **state)
{
        (void)state;
        struct admission *a = admission_new();
        static struct guest g[4 * LIMIT_STRANGERS];
        unsigned in = 0;
        for (unsigned i = 0; i < 200; i++) { /* one source, each a while after the one before */
                enter_stranger(a, &g[i], 1, 4096, 10000 + i * 2000);
                in += g[i].in;
        }
        assert_in_range(in, LIMIT_STRANGERS_SOURCE + 1, LIMIT_STRANGERS_SOURCE + 32);
        for (unsigned i = 200; i < 4 * LIMIT_STRANGERS; i++) {
                enter_stranger(a, &g[i], i, 4096, 1000000 + i * 2000);
                in += g[i].in;
        }
        assert_in_range(in, LIMIT_STRANGERS + 1, LIMIT_STRANGERS + 32);
        for (unsigned i = 0; i < 4 * LIMIT_STRANGERS; i++)
                if (g[i].in)
                        admission_leave(a, &g[i].v);
        assert_int_equal(admission_count(a).now, 0);
        admission_free(a);
}

/* When all places are taken strangers go first, however new; and few places are few for them, too. */
static void strangers_go_first(void **state)
{
        (void)state;
        struct admission *a = admission_new();
        struct guest members[MOST - 1], stranger, other, late;
        for (unsigned i = 0; i < MOST - 1; i++) {
                const struct peer p = from(0x0a000000 + i);
                enter(a, &members[i], &p, 1000);
        }
        assert_int_equal(enter_stranger(a, &stranger, 1, MOST, 5000), 0);
        const struct peer p = from(0x0b000000);
        assert_int_equal(enter(a, &late, &p, 9000), stranger.v.id);
        admission_leave(a, &stranger.v);
        enter_stranger(a, &stranger, 1, MOST, 9000);
        assert_true(stranger.in); /* for the member that was silent for longest: they cannot be shut out */
        assert_int_equal(MOST / 4 / 4, 1);
        enter_stranger(a, &other, 1, MOST, 9000);
        assert_false(other.in);
        for (unsigned i = 0; i < MOST - 1; i++)
                admission_leave(a, &members[i].v);
        admission_leave(a, &stranger.v);
        admission_leave(a, &late.v);
        admission_free(a);
}

static void ipv6_counts_by_network(void **state)
{
        (void)state;
        struct admission *a = admission_new();
        struct guest g[SOURCE + 1];
        struct peer p = {.address = {{0x20, 0x01, 0x0d, 0xb8}}};
        for (unsigned i = 0; i < SOURCE; i++) {
                p.address.b[15] = (uint8_t)i;
                enter(a, &g[i], &p, 1000);
        }
        p.address.b[15] = 99;
        enter(a, &g[SOURCE], &p, 1000);
        assert_false(g[SOURCE].in);
        p.address.b[7] = 1;
        enter(a, &g[SOURCE], &p, 1000);
        assert_true(g[SOURCE].in);
        for (unsigned i = 0; i <= SOURCE; i++)
                admission_leave(a, &g[i].v);
        admission_free(a);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(of_one_source),          cmocka_unit_test(of_all),
                cmocka_unit_test(strangers_have_a_share), cmocka_unit_test(strangers_that_do_not_go),
                cmocka_unit_test(strangers_go_first),     cmocka_unit_test(ipv6_counts_by_network)};
        return cmocka_run_group_tests(tests, NULL, NULL);
}
