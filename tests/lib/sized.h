/* How much of a test is done. */
#ifndef NETINFO_TESTS_SIZED_H
#define NETINFO_TESTS_SIZED_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* One of three numbers, by NETINFO_TEST_LENGTH (`quick`, `long`, anything else; `./dev test` sets it), in the
 * test's own unit: a million of one thing takes seconds, of another days. The variable `by_hand` says the
 * number itself, for one test. */
static inline uint32_t sized(const char *by_hand, uint32_t quick, uint32_t normal, uint32_t most)
{
        const char *number = getenv(by_hand), *length = getenv("NETINFO_TEST_LENGTH");
        if (number)
                return (uint32_t)strtoul(number, NULL, 10);
        if (length && strcmp(length, "quick") == 0)
                return quick;
        return length && strcmp(length, "long") == 0 ? most : normal;
}

#endif
