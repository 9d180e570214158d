#include "model/status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static void words(void **state)
{
        (void)state;
        assert_string_equal(status_text(NI_OK), "Operation succeeded");
        assert_string_equal(status_text(NI_FAILED), "Communication failure");
        assert_string_equal(status_symbol(NI_STALE), "NI_STALE");
        assert_string_equal(status_text((ni_status)25), "(unknown error)");
        assert_string_equal(status_symbol((ni_status)1001), "NI_?");
}

static void exits(void **state)
{
        (void)state;
        assert_int_equal(status_exit(NI_OK), 0);
        assert_int_equal(status_exit(NI_NODIR), 3);
        assert_int_equal(status_exit(NI_STALE), 4);
        assert_int_equal(status_exit(NI_PERM), 5);
        assert_int_equal(status_exit(NI_FAILED), 6);
        assert_int_equal(status_exit(NI_SYSTEMERR), 1);
        assert_int_equal(status_exit((ni_status)1001), 1);
}

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(words), cmocka_unit_test(exits)};
        return cmocka_run_group_tests(tests, NULL, NULL);
}
