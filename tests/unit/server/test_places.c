/* Places for full transfers: nobody gets them all. */
#include "server/places.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static void shares(void **state)
{
        (void)state;
        struct places p;
        int mine[LIMIT_SPOOLS], n = 0;
        const struct address replica = address_from_ipv4(0x0a000001);
        places_init(&p);
        for (uint32_t source = 0; source < 10; source++) { /* each asks until he is refused */
                const struct address a = address_of_uid(source);
                unsigned his = 0;
                for (int place; (place = places_enter(&p, &a, false)) >= 0; his++)
                        mine[n++] = place;
                assert_int_equal(his, source < 2 ? LIMIT_SPOOLS_SOURCE : 0);
        }
        assert_int_equal(n, LIMIT_SPOOLS - LIMIT_SPOOLS_KEPT);
        for (unsigned i = 0; i < LIMIT_SPOOLS_KEPT; i++) /* of one address, as many as there are */
                assert_true((mine[n++] = places_enter(&p, &replica, true)) >= 0);
        assert_int_equal(places_enter(&p, &replica, true), -1);
        assert_int_equal(places_taken(&p), LIMIT_SPOOLS);
        for (int i = 0; i < n; i++) /* all different */
                for (int j = 0; j < i; j++)
                        assert_int_not_equal(mine[i], mine[j]);
        /* a place that a replica leaves is no stranger's; one that a stranger leaves is another stranger's */
        const struct address third = address_of_uid(77);
        places_leave(&p, mine[n - 1]);
        assert_int_equal(places_enter(&p, &third, false), -1);
        places_leave(&p, mine[0]);
        assert_true(places_enter(&p, &third, false) >= 0);
        places_leave(&p, -1);
        places_done(&p);
}

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(shares)};
        return cmocka_run_group_tests(tests, NULL, NULL);
}
