/* When images are made while a process beside makes whole ones (doc/agent.md "Publishing"). */
#include "records.h"

#include "agent/schedule.h"

static struct schedule s;

static struct schedule_action next(uint64_t now)
{
        return schedule_next(&s, false, false, now);
}

static int begin(void **state)
{
        (void)state;
        schedule_init(&s, 5);
        return 0;
}

static void changes_go_on_meanwhile(void **state)
{
        (void)state;
        schedule_mark(&s, TABLE_PASSWD, 1000);
        const struct schedule_action a = next(1000);
        assert_int_equal(a.images, TABLE_PASSWD);
        assert_true(a.may_begin);
        schedule_left(&s, TABLE_PASSWD, TABLE_PASSWD | TABLE_SHADOW, 1000); /* begun, and nothing published */
        assert_false(schedule_is_clean(&s));
        assert_int_equal(next(1000).images, 0);
        schedule_mark(&s, TABLE_GROUP, 1500);
        assert_int_equal(next(1500).images, TABLE_GROUP);
        schedule_left(&s, 0, 0, 1000);
        schedule_published(&s, true, 1, 0, 1501);
        assert_int_equal(next(1600).images, 0);
        assert_false(schedule_is_clean(&s)); /* passwd is not out yet */
        schedule_left(&s, 0, 0, 1000);
        schedule_published(&s, true, 1, 0, 2000);
        schedule_beside_ended(&s, TABLE_ACCOUNTS, false, 2000);
        assert_true(schedule_is_clean(&s));
        assert_int_equal(next(2100).images, 0);
}

static void what_may_not_overtake_waits(void **state)
{
        (void)state;
        schedule_mark(&s, TABLE_PASSWD, 1000);
        schedule_left(&s, TABLE_PASSWD, TABLE_PASSWD, 1000);
        schedule_mark(&s, TABLE_GROUP, 1100);
        assert_int_equal(next(1100).images, TABLE_GROUP);
        schedule_left(&s, TABLE_GROUP, 0, 1000); /* it was asked for, and waits */
        assert_int_equal(next(1100).images, 0);
        assert_int_equal(next(500000).images, 0); /* however long the process takes */
        schedule_beside_ended(&s, TABLE_ACCOUNTS, false, 500000);
        assert_int_equal(next(500000).images, TABLE_GROUP);
}

static void a_process_that_dies_is_followed_by_another(void **state)
{
        (void)state;
        uint64_t now = 1000;
        schedule_mark(&s, TABLE_PASSWD, now);
        for (uint32_t wait = SCHEDULE_AGAIN_LEAST_MS, i = 0; i < 8; i++) {
                assert_true(next(now).may_begin);
                schedule_left(&s, TABLE_PASSWD, TABLE_PASSWD, now);
                schedule_beside_ended(&s, 0, true, now);
                assert_int_equal(next(now).images, TABLE_PASSWD); /* perhaps as a delta */
                assert_false(next(now).may_begin);
                schedule_left(&s, TABLE_PASSWD, 0, now);
                assert_int_equal(next(now).images, 0);
                assert_int_equal(next(now).wait_ms, wait);
                now += wait;
                assert_int_equal(next(now).images, TABLE_PASSWD);
                wait = wait * 2 < SCHEDULE_AGAIN_MOST_MS ? wait * 2 : SCHEDULE_AGAIN_MOST_MS;
        }
        schedule_left(&s, TABLE_PASSWD, TABLE_PASSWD, now);
        schedule_left(&s, 0, 0, now);
        schedule_published(&s, true, 1, 0, now);
        schedule_beside_ended(&s, TABLE_ACCOUNTS, false, now);
        assert_true(schedule_is_clean(&s));
        schedule_mark(&s, TABLE_PASSWD, now + 100);
        assert_true(next(now + 100).may_begin); /* success puts the wait back */
}

static void a_process_that_is_stuck_is_ended(void **state)
{
        (void)state;
        schedule_mark(&s, TABLE_PASSWD, 1000);
        schedule_left(&s, TABLE_PASSWD, TABLE_PASSWD, 1000);
        assert_false(next(1000 + SCHEDULE_BESIDE_MS - 1).give_up);
        assert_true(schedule_next(&s, false, true, 1000 + SCHEDULE_BESIDE_MS).give_up);
        schedule_beside_ended(&s, 0, true, 1000 + SCHEDULE_BESIDE_MS);
        assert_false(next(1000 + SCHEDULE_BESIDE_MS).give_up);
        assert_true(next(2000 + SCHEDULE_BESIDE_MS).may_begin);
}

/* Large deltas are made whole in a quiet moment, and what comes then does not wait. */
static void a_quiet_moment(void **state)
{
        (void)state;
        schedule_mark(&s, TABLE_PASSWD, 1000);
        schedule_left(&s, 0, 0, 6000);
        schedule_published(&s, true, 1, TABLE_PASSWD, 1000);
        assert_int_equal(next(1000 + SCHEDULE_QUIET_MS - 1).images, 0);
        const struct schedule_action a = next(1000 + SCHEDULE_QUIET_MS);
        assert_true(a.whole && a.may_begin && a.images == TABLE_PASSWD);
        schedule_left(&s, TABLE_PASSWD, TABLE_PASSWD | TABLE_SHADOW, 6000);
        assert_true(schedule_is_clean(&s)); /* the images show all there is */
        assert_int_equal(next(7000).images, 0);
        schedule_mark(&s, TABLE_PASSWD, 7000);
        assert_int_equal(next(7000).images, TABLE_PASSWD);
        schedule_left(&s, 0, 0, 6000);
        schedule_published(&s, true, 1, TABLE_PASSWD, 7000);
        assert_int_equal(next(20000).images, 0); /* not a second one */
        schedule_beside_ended(&s, 0, true, 20000);
        assert_int_equal(next(20000).images, 0);
        assert_true(next(20000 + SCHEDULE_AGAIN_LEAST_MS).whole);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup(changes_go_on_meanwhile, begin),
                cmocka_unit_test_setup(what_may_not_overtake_waits, begin),
                cmocka_unit_test_setup(a_process_that_dies_is_followed_by_another, begin),
                cmocka_unit_test_setup(a_process_that_is_stuck_is_ended, begin),
                cmocka_unit_test_setup(a_quiet_moment, begin)};
        return cmocka_run_group_tests(tests, NULL, NULL);
}
