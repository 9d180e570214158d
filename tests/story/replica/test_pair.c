/* Stories of the historical pair (doc/replication.md 6, 7; doc/protocol.md 5) in virtual time: a master that
 * pushes calls, a clone that executes them or reads everything. Directories are counters: a call raises the
 * instance of one and must name the one before. */
#include "../../lib/sized.h"
#include "replica/pull.h"
#include "replica/push.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define DIRS  16u
#define CALLS 8192u

static uint64_t dice, now;

static uint32_t roll(uint32_t below)
{
        dice = dice * 6364136223846793005u + 1442695040888963407u;
        return (uint32_t)(dice >> 33) % below;
}

struct content {
        uint32_t instance[DIRS];
        uint32_t value[DIRS];
};
struct call {
        uint32_t dir, instance, value, sum;
};

static struct {
        struct content content;
        struct call call[CALLS]; /* number i + 1 */
        uint64_t tail, head;
        bool up;
        struct push core;
        struct push_action doing;
        struct push_event answer;
        uint64_t at;
        unsigned busy; /* transfers being sent */
} master;

static struct {
        struct content content, reading;
        bool up, cut, is_reading;
        struct pull core;
        uint64_t read_done, wake_at;
        uint64_t swaps;
        unsigned refuse; /* so many more pushed calls fail */
} copy;

static char trace[4096];
static bool telling;

__attribute__((format(printf, 1, 2))) static void tell(const char *format, ...)
{
        va_list ap;
        const size_t n = strlen(trace);
        if (!telling)
                return;
        va_start(ap, format);
        vsnprintf(trace + n, sizeof(trace) - n, format, ap);
        va_end(ap);
}

static uint32_t sum_of(const struct content *c)
{
        uint32_t sum = 0;
        for (uint32_t i = 0; i < DIRS; i++)
                sum += (i + 1) * c->instance[i];
        return sum;
}

static void push_event(struct push_event e);

/* -- the clone -- */

static void pull_event(struct pull_event e)
{
        struct pull_action a;
        e.now = now;
        pull_step(&copy.core, &e, &a);
        copy.wake_at = now + a.wait_ms;
        if (!a.read)
                return;
        copy.is_reading = true;
        copy.read_done = now + 1 + roll(telling ? 1 : 2000);
        if (copy.cut || !master.up) { /* nobody there */
                copy.reading.instance[0] = UINT32_MAX;
                return;
        }
        copy.reading = master.content; /* one moment of the master */
        master.busy++;
        push_event((struct push_event){.kind = PUSH_READING, .ok = true});
}

static void end_read(void)
{
        enum pull_result r = PULL_SWAPPED;
        const bool began = copy.reading.instance[0] != UINT32_MAX;
        copy.is_reading = false;
        if (!began || copy.cut || !master.up)
                r = PULL_FAILED;
        else if (sum_of(&copy.reading) == sum_of(&copy.content))
                r = PULL_SAME;
        else
                copy.content = copy.reading;
        copy.swaps += r == PULL_SWAPPED;
        if (r == PULL_SWAPPED)
                tell("[%5u] clone has read all: %u\n", (unsigned)now, sum_of(&copy.content));
        if (began && master.busy) {
                master.busy--;
                push_event((struct push_event){.kind = PUSH_READING});
        }
        pull_event((struct pull_event){.kind = PULL_READ, .result = r});
}

static bool execute(const struct call *c)
{
        bool ok = copy.content.instance[c->dir] == c->instance;
        if (copy.refuse) {
                copy.refuse--;
                ok = false;
        }
        if (ok) {
                copy.content.instance[c->dir]++;
                copy.content.value[c->dir] = c->value;
        }
        pull_event((struct pull_event){.kind = PULL_PUSHED, .ok = ok});
        return ok;
}

/* -- the master -- */

static bool reachable(void)
{
        return copy.up && !copy.cut;
}

static void perform(struct push_event *e)
{
        const struct push_action *a = &master.doing;
        uint32_t sum;
        switch (a->kind) {
        case PUSH_TELL:
        case PUSH_RENEW:
                *e = (struct push_event){.kind = PUSH_TOLD, .ok = reachable()};
                if (!e->ok)
                        return;
                tell("[%5u] master says %s\n", (unsigned)now, a->kind == PUSH_TELL ? "CRASHED" : "RESYNC");
                pull_event((struct pull_event){.kind = a->kind == PUSH_TELL ? PULL_CRASHED : PULL_RESYNC,
                                               .theirs = sum_of(&master.content),
                                               .ours = sum_of(&copy.content)});
                return;
        case PUSH_ASK:
                *e = (struct push_event){.kind = PUSH_ASKED, .ok = reachable()};
                sum = sum_of(&copy.content);
                for (uint64_t i = master.head; e->ok && i > master.tail && !e->found; i--)
                        if (master.call[i - 1].sum == sum) {
                                e->found = true;
                                e->at = i;
                        }
                if (e->ok && !e->found &&
                    master.head == master.tail) { /* nothing queued yet: now is all there is */
                        e->found = sum == sum_of(&master.content);
                        e->at = master.head;
                }
                return;
        case PUSH_SEND:
                *e = (struct push_event){.kind = PUSH_SENT, .ok = true, .at = a->from};
                for (uint64_t i = a->from; e->ok && i < a->to; i++) {
                        e->ok = reachable();
                        if (e->ok && !execute(&master.call[i])) {
                                e->ok = false;
                                e->refused = true;
                        }
                        if (e->ok)
                                e->at = i + 1;
                }
                tell("[%5u] master pushes %u to %u: %s\n", (unsigned)now, (unsigned)a->from + 1,
                     (unsigned)a->to,
                     e->ok        ? "ok"
                     : e->refused ? "refused"
                                  : "lost");
                return;
        default:
                *e = (struct push_event){.kind = PUSH_WOKE};
        }
}

static void begin(void)
{
        const bool wait = master.doing.kind == PUSH_WAIT;
        master.at = now + (wait ? master.doing.wait_ms : 1 + roll(telling ? 1 : 50));
}

/* Something that happens while an action is under way waits for its end, as in the server's thread. */
static struct push_event later[64];
static unsigned later_count;

static void push_event(struct push_event e)
{
        if (master.doing.kind != PUSH_WAIT) {
                assert_true(later_count < 64);
                later[later_count++] = e;
                return;
        }
        e.now = now;
        push_step(&master.core, &e, &master.doing);
        begin();
}

static void write_one(void)
{
        const uint32_t dir = roll(DIRS);
        struct call *c = &master.call[master.head];
        assert_true(master.head < CALLS);
        c->dir = dir;
        c->instance = master.content.instance[dir]++;
        c->value = master.content.value[dir] = roll(1000000);
        c->sum = sum_of(&master.content);
        master.head++;
        push_event((struct push_event){.kind = PUSH_QUEUED, .head = master.head, .tail = master.tail});
}

static void tick(void)
{
        now++;
        if (copy.up && copy.is_reading && now >= copy.read_done)
                end_read();
        if (copy.up && !copy.is_reading && now >= copy.wake_at)
                pull_event((struct pull_event){.kind = PULL_WOKE});
        if (!master.up || now < master.at)
                return;
        struct push_event e;
        perform(&e);
        e.now = now;
        push_step(&master.core, &e, &master.doing);
        begin();
        while (later_count && master.doing.kind == PUSH_WAIT) {
                const struct push_event first = later[0];
                memmove(later, later + 1, --later_count * sizeof(*later));
                push_event(first);
        }
}

static void run(uint64_t until)
{
        while (now < until)
                tick();
}

static void start_master(void)
{
        struct push_event e = {.kind = PUSH_STARTED};
        master.up = true;
        master.tail = master.head; /* the queue was in memory */
        master.busy = 0;
        later_count = 0;
        e.now = now;
        e.tail = e.head = master.head;
        push_init(&master.core, PUSH_LATENCY_MS, PUSH_CLEANUP_MS);
        push_step(&master.core, &e, &master.doing);
        begin();
}

static void start_clone(void)
{
        copy.up = true;
        copy.is_reading = false;
        pull_init(&copy.core, PULL_CLEANUP_MS);
        pull_event((struct pull_event){.kind = PULL_STARTED});
}

static int setup(void **state)
{
        (void)state;
        memset(&master, 0, sizeof(master));
        memset(&copy, 0, sizeof(copy));
        later_count = 0;
        now = 0;
        dice = 3;
        trace[0] = 0;
        telling = true;
        for (uint32_t i = 0; i < DIRS; i++)
                master.content.instance[i] = 1;
        start_master();
        return 0;
}

static void equal(void)
{
        assert_memory_equal(&master.content, &copy.content, sizeof(copy.content));
}

#define TRACE(want)                               \
        do {                                      \
                assert_string_equal(trace, want); \
                trace[0] = 0;                     \
        } while (0)

static void test_from_nothing(void **state)
{
        (void)state;
        start_clone();
        run(5000);
        TRACE("[    1] clone has read all: 136\n"
              "[    1] master says CRASHED\n");
        equal();
        write_one();
        run(6000);
        write_one(); /* within the latency of the first: one connection */
        run(6500);
        TRACE("");
        run(9000);
        TRACE("[ 7001] master pushes 1 to 2: ok\n"); /* without waiting for another write */
        equal();
        assert_int_equal(copy.swaps, 1);
}

static void test_a_refused_call(void **state)
{
        (void)state;
        start_clone();
        run(5000);
        trace[0] = 0;
        write_one();
        copy.refuse = 1;
        run(30000);
        equal();
        assert_int_equal(copy.swaps, 2);
        write_one();
        trace[0] = 0;
        run(35000);
        TRACE("[32001] master pushes 2 to 2: ok\n"); /* it is in step again by itself */
        equal();
}

static void test_a_dead_clone_comes_back(void **state)
{
        (void)state;
        start_clone();
        run(5000);
        copy.up = false;
        write_one();
        write_one();
        run(200000);
        start_clone();
        run(200000 + PUSH_AWAY_MOST_MS + 5000);
        equal();
        write_one();
        run(now + 5000);
        equal();
}

static void test_master_restarts(void **state)
{
        (void)state;
        start_clone();
        run(5000);
        write_one(); /* never pushed */
        master.up = false;
        run(6000);
        trace[0] = 0;
        start_master();
        run(9000);
        TRACE("[ 6001] master says CRASHED\n"
              "[ 6002] clone has read all: 141\n");
        run(20000);
        equal();
}

/* A call that goes well on content that is about to be replaced. */
static void test_push_during_a_check(void **state)
{
        struct pull p;
        struct pull_action a;
        (void)state;
        pull_init(&p, PULL_CLEANUP_MS);
        pull_step(&p, &(struct pull_event){.kind = PULL_STARTED, .now = 1}, &a);
        assert_true(a.read);
        pull_step(&p, &(struct pull_event){.kind = PULL_PUSHED, .now = 2, .ok = true}, &a);
        assert_false(a.read);
        pull_step(&p, &(struct pull_event){.kind = PULL_READ, .now = 3, .result = PULL_SWAPPED}, &a);
        assert_true(a.read); /* once more */
        pull_step(&p, &(struct pull_event){.kind = PULL_READ, .now = 4, .result = PULL_SAME}, &a);
        assert_false(a.read);
        assert_int_equal(a.wait_ms, PULL_CLEANUP_MS);
}

static void test_busy_master_and_no_cleanup(void **state)
{
        struct pull p;
        struct pull_action a;
        (void)state;
        pull_init(&p, PULL_CLEANUP_NEVER_MS);
        pull_step(&p, &(struct pull_event){.kind = PULL_STARTED, .now = 1}, &a);
        pull_step(&p, &(struct pull_event){.kind = PULL_READ, .now = 10, .result = PULL_BUSY}, &a);
        assert_false(a.read);
        assert_int_equal(a.wait_ms, PULL_RETRY_LEAST_MS);
        pull_step(&p, &(struct pull_event){.kind = PULL_WOKE, .now = 10 + PULL_RETRY_LEAST_MS}, &a);
        assert_true(a.read);
        pull_step(&p, &(struct pull_event){.kind = PULL_READ, .now = 2000, .result = PULL_SAME}, &a);
        assert_false(a.read);
        pull_step(&p, &(struct pull_event){.kind = PULL_CRASHED, .now = 90000000, .theirs = 5, .ours = 5},
                  &a);
        assert_false(a.read); /* equal; and nothing periodical */
        pull_step(&p, &(struct pull_event){.kind = PULL_CRASHED, .now = 90000001, .theirs = 6, .ours = 5},
                  &a);
        assert_true(a.read);
}

static void test_resync_reaches_the_clone(void **state)
{
        (void)state;
        start_clone();
        run(5000);
        trace[0] = 0;
        push_event((struct push_event){.kind = PUSH_RESYNC});
        run(5010);
        TRACE("[ 5001] master says RESYNC\n");
        run(5010 + PUSH_CLEANUP_MS + 10); /* and by itself, when cleanup_wait is over */
        assert_non_null(strstr(trace, "master says RESYNC"));
}

static void live(uint64_t seed)
{
        setup(NULL);
        telling = false;
        dice = seed * 104729 + 7;
        start_clone();
        for (unsigned k = 0; k < 80; k++) {
                run(now + roll(4000));
                switch (roll(9)) {
                case 0:
                        copy.cut = true;
                        break;
                case 1:
                case 2:
                        copy.cut = false;
                        break;
                case 3:
                        copy.up = false;
                        if (copy.is_reading && master.busy && copy.reading.instance[0] != UINT32_MAX) {
                                master.busy--; /* its connection breaks */
                                push_event((struct push_event){.kind = PUSH_READING});
                        }
                        copy.is_reading = false;
                        break;
                case 4:
                        if (!copy.up)
                                start_clone();
                        break;
                case 5:
                        if (roll(3) == 0)
                                master.up = false;
                        break;
                case 6:
                        if (!master.up)
                                start_master();
                        break;
                case 7:
                        copy.refuse = roll(2);
                        break;
                default:
                        break;
                }
                for (unsigned n = roll(10); master.up && n; n--)
                        write_one();
                if (roll(20) == 0 && master.head > master.tail + 5) { /* the queue is full */
                        master.tail = master.head - 2;
                        if (master.up)
                                push_event((struct push_event){
                                        .kind = PUSH_QUEUED, .head = master.head, .tail = master.tail});
                }
        }
        copy.cut = false;
        copy.refuse = 0;
        if (!copy.up)
                start_clone();
        if (!master.up)
                start_master();
        run(now + 3 * PUSH_AWAY_MOST_MS);
        equal();
        for (unsigned i = 0; i < 5; i++)
                write_one();
        const uint64_t swaps = copy.swaps;
        run(now + 10000);
        equal();
        assert_true(copy.swaps == swaps); /* in step: nothing had to be read again */
}

static void test_random_lives(void **state)
{
        const uint64_t lives = sized("NI_TEST_STEPS", 100, 100, 30000);
        (void)state;
        for (uint64_t seed = 1; seed <= lives; seed++)
                live(seed);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup(test_from_nothing, setup),
                cmocka_unit_test_setup(test_a_refused_call, setup),
                cmocka_unit_test_setup(test_a_dead_clone_comes_back, setup),
                cmocka_unit_test_setup(test_master_restarts, setup),
                cmocka_unit_test_setup(test_push_during_a_check, setup),
                cmocka_unit_test_setup(test_busy_master_and_no_cleanup, setup),
                cmocka_unit_test_setup(test_resync_reaches_the_clone, setup),
                cmocka_unit_test_setup(test_random_lives, setup),
        };
        return cmocka_run_group_tests_name("pair", tests, NULL, NULL);
}
