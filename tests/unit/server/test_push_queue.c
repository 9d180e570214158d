/* The queue of calls for historical clones: places by checksum, bounds, copies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/limits.h"
#include "server/push_queue.h"

#include <stdlib.h>
#include <string.h>

static void add(struct push_queue *q, uint32_t sum, uint32_t len, bool has_sum)
{
        struct push_call c = {
                .proc = 8, .has_sum = has_sum, .checksum = sum, .len = len, .args = malloc(len)};
        assert_non_null(c.args);
        memset(c.args, (int)(sum & 0xff), len);
        assert_true(push_queue_add(q, &c));
}

static int setup(void **state)
{
        struct push_queue *q = malloc(sizeof(*q));
        push_queue_init(q);
        push_queue_start(q, 5);
        *state = q;
        return 0;
}

static int teardown(void **state)
{
        push_queue_done(*state);
        free(*state);
        return 0;
}

static void test_places(void **state)
{
        struct push_queue *q = *state;
        uint64_t at = 99, tail, head;
        uint32_t sum;
        assert_true(push_queue_find(q, 5, &at)); /* nothing queued: now is the only place */
        assert_int_equal(at, 0);
        assert_false(push_queue_find(q, 6, &at));
        add(q, 7, 10, true);
        add(q, 0, 10, false); /* in the middle of an EDIT: no place of its own */
        add(q, 12, 10, true);
        assert_true(push_queue_find(q, 5, &at)); /* before the first call */
        assert_int_equal(at, 0);
        assert_true(push_queue_find(q, 7, &at));
        assert_int_equal(at, 1);
        assert_false(push_queue_find(q, 0, &at));
        assert_true(push_queue_find(q, 12, &at));
        assert_int_equal(at, 3);
        add(q, 7, 10, true); /* a destroyed directory: the sum has been there before */
        at = 99;
        assert_false(push_queue_find(q, 7, &at));
        push_queue_ends(q, &tail, &head, &sum);
        assert_true(tail == 0 && head == 4 && sum == 7);
}

static void test_copies_and_breaks(void **state)
{
        struct push_queue *q = *state;
        struct push_call c, gap = {.is_break = true, .has_sum = true, .checksum = 9};
        add(q, 0x41, 3, true);
        assert_true(push_queue_add(q, &gap));
        assert_true(push_queue_get(q, 1, &c));
        assert_int_equal(c.len, 3);
        assert_memory_equal(c.args, "AAA", 3);
        free(c.args);
        assert_false(push_queue_get(q, 2, &c)); /* cannot be told in a call */
        assert_false(push_queue_get(q, 0, &c));
        assert_false(push_queue_get(q, 3, &c));
}

static void test_bound(void **state)
{
        struct push_queue *q = *state;
        struct push_call c;
        uint64_t at, tail, head;
        uint32_t sum;
        for (uint32_t i = 0; i < 80; i++)
                add(q, 100 + i, 1u << 20, true);
        push_queue_ends(q, &tail, &head, &sum);
        assert_int_equal(head, 80);
        assert_true(tail >= 80 - (LIMIT_PUSH >> 20) && tail < 80);
        assert_true(q->bytes <= LIMIT_PUSH);
        assert_false(push_queue_get(q, tail, &c));
        assert_true(push_queue_find(q, 100 + (uint32_t)tail - 1,
                                    &at)); /* the place before the first that is kept */
        assert_true(at == tail);
        assert_false(push_queue_find(q, 100 + (uint32_t)tail - 2, &at));
        assert_true(push_queue_get(q, tail + 1, &c));
        free(c.args);
        push_queue_start(q, 1); /* another role: nothing of it means anything */
        assert_false(push_queue_find(q, 179, &at));
        assert_true(push_queue_find(q, 1, &at));
        assert_true(at == 80); /* numbers go on */
        for (uint32_t i = 0; i < 1000; i++)
                add(q, 1000 + i, 4, true);
        assert_true(push_queue_find(q, 1500, &at));
        assert_true(at == 581);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_places, setup, teardown),
                cmocka_unit_test_setup_teardown(test_copies_and_breaks, setup, teardown),
                cmocka_unit_test_setup_teardown(test_bound, setup, teardown),
        };
        return cmocka_run_group_tests_name("push_queue", tests, NULL, NULL);
}
