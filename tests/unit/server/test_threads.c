/* Loops and pools: every note and task is run once, in order where order is promised, from many threads. */
#include "server/loop.h"
#include "base/limits.h"
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
        struct item *items = calloc(200, sizeof(*items));
        assert_non_null(items);
        struct pool *p = pool_start(2, 10, &ran);
        assert_non_null(p);
        pthread_mutex_lock(
                &gate); /* nothing gets done: at most two are in hand and ten wait, five of one source */
        unsigned taken = 0, of_one = 0;
        for (unsigned i = 0; i < 100; i++) {
                items[i].task.run = count;
                of_one += pool_submit(p, &items[i].task);
        }
        assert_true(of_one >= 5 && of_one <= 7);
        for (unsigned i = 100; i < 200; i++) {
                items[i].task.run = count;
                items[i].task.source = i;
                taken += pool_submit(p, &items[i].task);
        }
        assert_true(of_one + taken >= 10 && of_one + taken <= 12);
        pthread_mutex_unlock(&gate);
        pool_stop(p); /* what was taken is done before it ends */
        assert_int_equal(ran, of_one + taken);
        pool_stop(NULL);
        free(items);
}

static unsigned order[64], done;

static void note_order(struct task *task, unsigned thread, void *context)
{
        (void)thread;
        (void)context;
        pthread_mutex_lock(&gate);
        order[done++] = (unsigned)task->source;
        pthread_mutex_unlock(&gate);
}

/* One thread; many tasks of one source came first: those of others do not wait behind all of them. */
static void sources_take_turns(void **state)
{
        (void)state;
        struct task tasks[40] = {{.run = note_order}};
        struct pool *p = pool_start(1, 100, NULL);
        assert_non_null(p);
        pthread_mutex_lock(&gate);
        for (unsigned i = 0; i < 40; i++) {
                tasks[i] = (struct task){.run = note_order, .source = i < 30 ? 7 : i};
                assert_true(pool_submit(p, &tasks[i]));
        }
        pthread_mutex_unlock(&gate);
        pool_stop(p);
        assert_int_equal(done, 40);
        /* One of them may share a lane with the thirty, and waits behind them then; hardly six of ten. */
        unsigned early = 0;
        for (unsigned i = 0; i < 25; i++)
                early += order[i] != 7;
        assert_true(early >= 5);
}

static void a_pool_counts_bytes(void **state)
{
        (void)state;
        struct task tasks[64];
        struct pool *p = pool_start(1, 1000, &ran);
        unsigned taken = 0;
        assert_non_null(p);
        const unsigned before = ran;
        pthread_mutex_lock(&gate);
        for (unsigned i = 0; i < 64; i++) {
                tasks[i] = (struct task){.run = count, .source = i * 1000, .bytes = 4u << 20};
                taken += pool_submit(p, &tasks[i]);
        }
        assert_in_range(taken, LIMIT_POOL_BYTES / (4u << 20),
                        LIMIT_POOL_BYTES / (4u << 20) + 1); /* one is in hand */
        pthread_mutex_unlock(&gate);
        pool_stop(p);
        assert_int_equal(ran, before + taken);
}

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(notes_keep_each_threads_order),
                                           cmocka_unit_test(what_was_posted_is_run_at_the_end),
                                           cmocka_unit_test(a_pool_is_bounded_and_ends_clean),
                                           cmocka_unit_test(sources_take_turns),
                                           cmocka_unit_test(a_pool_counts_bytes)};
        return cmocka_run_group_tests(tests, NULL, NULL);
}
