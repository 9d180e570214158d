/* Loops and pools: every note and task is run once, in order where order is promised, from many threads. */
#include "server/loop.h"
#include "server/pool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#define THREADS 4u
#define EACH    2000u

struct item {
        struct note note;
        struct task task;
        unsigned thread, number;
};

static struct loop loop;
static unsigned next_of[THREADS], seen, rounds;

static void take(struct note *note, void *context)
{
        struct item *i = (struct item *)((char *)note - offsetof(struct item, note));
        assert_ptr_equal(context, &seen);
        assert_int_equal(i->number, next_of[i->thread]);
        next_of[i->thread]++;
        free(i);
        if (++seen == THREADS * EACH)
                loop_stop(&loop);
}

static void after(void *context)
{
        assert_ptr_equal(context, &seen);
        rounds++;
}

static void *post(void *argument)
{
        const unsigned thread = (unsigned)(uintptr_t)argument;
        for (unsigned n = 0; n < EACH; n++) {
                struct item *i = calloc(1, sizeof(*i));
                if (!i)
                        abort();
                i->thread = thread;
                i->number = n;
                i->note.run = take;
                loop_post(&loop, &i->note);
        }
        return NULL;
}

static void notes_keep_each_threads_order(void **state)
{
        (void)state;
        pthread_t id[THREADS];
        assert_int_equal(loop_init(&loop, &seen, after), 0);
        for (unsigned t = 0; t < THREADS; t++)
                assert_int_equal(pthread_create(&id[t], NULL, post, (void *)(uintptr_t)t), 0);
        loop_run(&loop);
        for (unsigned t = 0; t < THREADS; t++) {
                pthread_join(id[t], NULL);
                assert_int_equal(next_of[t], EACH);
        }
        assert_true(rounds >= 1 && rounds <= THREADS * EACH);
        loop_done(&loop);
}

static void what_was_posted_is_run_at_the_end(void **state)
{
        (void)state;
        seen = 0;
        next_of[0] = 0;
        assert_int_equal(loop_init(&loop, &seen, NULL), 0);
        for (unsigned n = 0; n < 3; n++) {
                struct item *i = calloc(1, sizeof(*i));
                assert_non_null(i);
                i->number = n;
                i->note.run = take;
                loop_post(&loop, &i->note);
        }
        loop_done(&loop);
        assert_int_equal(seen, 3);
}

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static _Atomic unsigned ran;

static void count(struct task *task, unsigned thread, void *context)
{
        (void)task;
        if (thread >= 2 || context != &ran)
                abort();
        pthread_mutex_lock(&gate);
        pthread_mutex_unlock(&gate);
        ran++;
}

static void a_pool_is_bounded_and_ends_clean(void **state)
{
        (void)state;
        struct item *items = calloc(100, sizeof(*items));
        assert_non_null(items);
        struct pool *p = pool_start(2, 10, &ran);
        assert_non_null(p);
        pthread_mutex_lock(&gate); /* nothing gets done: at most two are in hand and ten wait */
        unsigned taken = 0;
        for (unsigned i = 0; i < 100; i++) {
                items[i].task.run = count;
                taken += pool_submit(p, &items[i].task);
        }
        assert_true(taken >= 10 && taken <= 12);
        pthread_mutex_unlock(&gate);
        pool_stop(p); /* what was taken is done before it ends */
        assert_int_equal(ran, taken);
        pool_stop(NULL);
        free(items);
}

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(notes_keep_each_threads_order),
                                           cmocka_unit_test(what_was_posted_is_run_at_the_end),
                                           cmocka_unit_test(a_pool_is_bounded_and_ends_clean)};
        return cmocka_run_group_tests(tests, NULL, NULL);
}
