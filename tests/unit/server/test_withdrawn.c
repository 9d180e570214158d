/* The set of withdrawn serials. */
#include "server/withdrawn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static struct withdrawn_serial serial(unsigned n)
{
        struct withdrawn_serial s = {{0}};
        s.b[0] = (uint8_t)(n * 7);
        s.b[TLS_SERIAL_SIZE - 1] = (uint8_t)n;
        s.b[TLS_SERIAL_SIZE - 2] = (uint8_t)(n >> 8);
        return s;
}

static void set_and_ask(void **state)
{
        (void)state;
        struct withdrawn_serial v[1000];
        struct withdrawn *w = withdrawn_new();
        assert_non_null(w);
        const uint64_t first = withdrawn_generation(w);
        assert_int_not_equal(first, 0);
        assert_false(withdrawn_has(w, serial(1).b));
        for (unsigned i = 0; i < 1000; i++)
                v[i] = serial(2 * (999 - i)); /* in no order */
        assert_true(withdrawn_set(w, v, 1000));
        assert_int_not_equal(withdrawn_generation(w), first);
        memset(v, 0, sizeof(v)); /* they were copied */
        for (unsigned i = 0; i < 2000; i++)
                assert_int_equal(withdrawn_has(w, serial(i).b), i % 2 == 0);
        v[0] = serial(1);
        assert_true(withdrawn_set(w, v, 1)); /* these, and no others */
        assert_true(withdrawn_has(w, serial(1).b));
        assert_false(withdrawn_has(w, serial(2).b));
        const uint64_t second = withdrawn_generation(w);
        assert_true(withdrawn_set(w, NULL, 0));
        assert_false(withdrawn_has(w, serial(1).b));
        assert_int_not_equal(withdrawn_generation(w), second);
        withdrawn_free(w);
        withdrawn_free(NULL);
}

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(set_and_ask)};
        return cmocka_run_group_tests(tests, NULL, NULL);
}
