/* The log: how often a stranger can make it speak, and that he cannot forge a line. */
#include "sys/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include <string.h>
#include <unistd.h>

static void burst_then_one_a_second(void **state)
{
        static const uint64_t starts[] = {0, 5, 1234567890123u};
        (void)state;
        for (unsigned i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
                struct log_limit limit = {0};
                const uint64_t t = starts[i];
                uint64_t left_out = 99;
                for (unsigned n = 0; n < 10; n++) {
                        assert_true(log_limit_allows(&limit, t, &left_out));
                        assert_int_equal(left_out, 0);
                }
                for (unsigned n = 0; n < 7; n++)
                        assert_false(log_limit_allows(&limit, t + n, &left_out));
                assert_false(log_limit_allows(&limit, t + 999, &left_out));
                assert_true(log_limit_allows(&limit, t + 1000, &left_out));
                assert_int_equal(left_out, 8);
                assert_false(log_limit_allows(&limit, t + 1000, &left_out));
                unsigned in_a_minute = 0;
                for (unsigned ms = 1001; ms <= 61000; ms++)
                        in_a_minute += log_limit_allows(&limit, t + ms, &left_out);
                assert_int_equal(in_a_minute, 60);
                unsigned later = 0; /* a quiet hour saves no more than the burst */
                while (later < 100 && log_limit_allows(&limit, t + 3661000, &left_out))
                        later++;
                assert_int_equal(later, 10);
        }
}

static void one_line_whatever_the_words(void **state)
{
        static struct log_limit limit;
        char text[65536];
        int pair[2];
        (void)state;
        assert_int_equal(pipe(pair), 0);
        const int before = dup(STDERR_FILENO);
        dup2(pair[1], STDERR_FILENO);
        for (unsigned i = 0; i < 30; i++)
                log_limited(&limit, LOG_LEVEL_NOTICE, "test", "from=\"%s\"",
                            "x\nlevel=error event=forged\x1b[2J");
        log_event(LOG_LEVEL_DEBUG, "quiet", "not at this level"); /* the format is not looked at */
        dup2(before, STDERR_FILENO);
        close(before);
        close(pair[1]);
        const ssize_t n = read(pair[0], text, sizeof(text) - 1);
        close(pair[0]);
        assert_true(n > 0);
        text[n] = '\0';
        unsigned lines = 0;
        for (const char *p = text; (p = strchr(p, '\n')); p++)
                lines++;
        assert_in_range(lines, 10, 12); /* the burst; one or two more on a slow machine */
        assert_null(strchr(text, 0x1b));
        assert_non_null(strstr(text, "event=test from=\"x\\x0alevel=error event=forged\\x1b[2J\""));
}

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(burst_then_one_a_second),
                                           cmocka_unit_test(one_line_whatever_the_words)};
        return cmocka_run_group_tests(tests, NULL, NULL);
}
