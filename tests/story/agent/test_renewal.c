/* A machine's certificate through months of virtual time (doc/tls.md 5). */
#include "agent/renewal.h"

#include "tls/authority.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#define DAY   86400u
#define BEGIN 1800000000u /* any time */

struct machine {
        struct renewal core;
        uint64_t now, since, until;
        unsigned asked, renewed;
};

static void sign(struct machine *m)
{
        m->since = m->now - 3600;
        m->until = m->now + TLS_CERTIFICATE_LIFE;
}

static struct machine enrolled(uint64_t seed)
{
        struct machine m = {.now = BEGIN};
        renewal_init(&m.core, seed);
        sign(&m);
        return m;
}

/* Looks once a minute, as the agent does at least, until `end`; the authority is there or not. */
static void live(struct machine *m, uint64_t end, bool authority)
{
        while (m->now < end) {
                uint64_t wait = 0;
                switch (renewal_judge(&m->core, m->now, m->since, m->until, &wait)) {
                case RENEWAL_NOW:
                        m->asked++;
                        if (authority) {
                                m->renewed++;
                                sign(m);
                        } else {
                                renewal_failed(&m->core, m->now);
                        }
                        break;
                case RENEWAL_WAIT:
                        assert_true(wait > 0);
                        m->now += wait < 60 ? wait : 60;
                        break;
                case RENEWAL_TOO_LATE:
                        m->now = end;
                }
        }
}

static void it_is_renewed_with_a_third_left_and_never_runs_out(void **state)
{
        struct machine m = enrolled(7);
        (void)state;
        live(&m, m.since + (TLS_CERTIFICATE_LIFE + 3600) * 2 / 3 - 1, true);
        assert_int_equal(m.asked, 0);
        for (unsigned day = 0; day < 365; day++) {
                live(&m, m.now + DAY, true);
                assert_true(m.until > m.now + TLS_CERTIFICATE_LIFE / 3 - RENEWAL_SPREAD);
        }
        assert_int_equal(m.asked, m.renewed);
        assert_in_range(m.renewed, 365 / 10, 365 / 9); /* every nine days and a third, and a little more */
}

static void a_fleet_that_was_enrolled_at_once_does_not_come_back_at_once(void **state)
{
        unsigned first[6] = {0};
        (void)state;
        for (unsigned i = 0; i < 600; i++) {
                struct machine m = enrolled(i * 0x9e3779b97f4a7c15u + 1);
                const uint64_t third = m.until - (m.until - m.since) / 3;
                while (!m.asked)
                        live(&m, m.now + 60, false);
                assert_in_range(m.now, third, third + RENEWAL_SPREAD + 60);
                first[(m.now - third) * 6 / (RENEWAL_SPREAD + 61)]++;
        }
        for (unsigned i = 0; i < 6; i++) /* 100 on average */
                assert_in_range(first[i], 50, 150);
}

static void while_nobody_renews_it_is_asked_for_every_hour(void **state)
{
        struct machine m = enrolled(3);
        (void)state;
        live(&m, m.until, false);
        const unsigned before = m.asked;
        live(&m, m.now + 100 * RENEWAL_AGAIN, false); /* run out by now */
        assert_in_range(m.asked - before, 80, 134);
        live(&m, m.now + 2 * RENEWAL_AGAIN, true);
        assert_int_equal(m.renewed, 1);
}

static void one_that_slept_for_months_renews_at_once_and_after_a_year_gives_up(void **state)
{
        struct machine m = enrolled(3);
        (void)state;
        m.now = m.until + 300 * DAY;
        live(&m, m.now + 61, true);
        assert_int_equal(m.renewed, 1);
        m.now = m.until + TLS_LATE_RENEWAL;
        live(&m, m.now + 10 * DAY, true);
        assert_int_equal(m.asked, 1);
}

static void a_clock_that_jumps_does_not_hold_it_up(void **state)
{
        struct machine m = enrolled(5);
        (void)state;
        m.now = m.until - DAY;
        live(&m, m.now + 60, false);
        assert_int_equal(m.asked, 1);
        m.now -= 3 * DAY; /* set back; still within the last third */
        live(&m, m.now + 2 * RENEWAL_AGAIN, true);
        assert_int_equal(m.renewed, 1);
        m.now = 1000; /* 1970: a machine without a battery */
        live(&m, 1000 + DAY, true);
        assert_int_equal(m.renewed, 1);
}

static void a_new_certificate_forgets_the_failures_of_the_old_one(void **state)
{
        struct machine m = enrolled(5);
        uint64_t wait = 0;
        (void)state;
        m.now = m.until - DAY;
        assert_int_equal(renewal_judge(&m.core, m.now, m.since, m.until, &wait), RENEWAL_NOW);
        renewal_failed(&m.core, m.now);
        sign(&m); /* `ni renew` */
        assert_int_equal(renewal_judge(&m.core, m.now, m.since, m.until, &wait), RENEWAL_WAIT);
        m.now = m.until - TLS_CERTIFICATE_LIFE / 4;
        assert_int_equal(renewal_judge(&m.core, m.now, m.since, m.until, &wait), RENEWAL_NOW);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(it_is_renewed_with_a_third_left_and_never_runs_out),
                cmocka_unit_test(a_fleet_that_was_enrolled_at_once_does_not_come_back_at_once),
                cmocka_unit_test(while_nobody_renews_it_is_asked_for_every_hour),
                cmocka_unit_test(one_that_slept_for_months_renews_at_once_and_after_a_year_gives_up),
                cmocka_unit_test(a_clock_that_jumps_does_not_hold_it_up),
                cmocka_unit_test(a_new_certificate_forgets_the_failures_of_the_old_one),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
