/* Stories of masters and clones that follow (doc/replication.md 2, 5), in virtual time. The content is a row
 * of cells; one change sets a few of them. What a clone serves is compared with what its master was at the
 * same (epoch, seq), after every step. */
#include "../../lib/sized.h"
#include "replica/follow.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define CELLS   24u
#define PAGE    5u
#define CHANGES 4096u /* of one epoch */
#define EPOCHS  64u
#define NODES   3u
#define MOST    8u /* entries in one answer */

static uint64_t dice;

static uint32_t roll(uint32_t below)
{
        dice = dice * 6364136223846793005u + 1442695040888963407u;
        return (uint32_t)(dice >> 33) % below;
}

struct content {
        uint64_t epoch, seq;
        uint32_t cell[CELLS];
};

struct change {
        uint32_t cell, value, before;
};

/* All that ever was: of every epoch, who began it where, its changes and the sum after each. */
struct history {
        uint64_t first; /* seq at which the epoch began */
        struct change change[CHANGES];
        uint64_t sum[CHANGES + 1];
};
static struct history *history[EPOCHS];
static uint64_t epochs;

struct node {
        bool up, master, cut;
        struct content store; /* on the disk */
        struct content aside; /* of a copy under way; gone with a crash */
        uint64_t first_seq;   /* of its journal */
        bool filled;
        struct follow core;
        struct follow_action doing;
        struct follow_event answer; /* comes at `at` */
        uint64_t at;
        struct follow_event stray; /* an old answer that comes again */
        uint64_t stray_at;
        unsigned of; /* whom it follows */
        uint64_t copies;
};
static struct node node[NODES];
static uint64_t now;
static char trace[8192];
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

static uint64_t sum_of(const struct content *c)
{
        uint64_t h = 1469598103934665603u;
        for (unsigned i = 0; i < CELLS; i++)
                h = (h ^ c->cell[i]) * 1099511628211u;
        return h;
}

/* Is this what the master was at that moment? */
static void is_true(const struct content *c)
{
        const struct history *h = history[c->epoch];
        assert_true(c->seq >= h->first);
        assert_true(h->sum[c->seq - h->first] == sum_of(c));
}

static struct follow_point point_of(const struct content *c)
{
        struct follow_point p = {.uuid = "one and only", .epoch = c->epoch, .seq = c->seq};
        const uint64_t sum = sum_of(c);
        memcpy(p.digest, &sum, sizeof(sum));
        p.checksum = (uint32_t)sum;
        return p;
}

static void begin_epoch(struct node *n)
{
        assert_true(++epochs < EPOCHS);
        if (!history[epochs])
                history[epochs] = malloc(sizeof(*history[0]));
        n->store.epoch = epochs;
        history[epochs]->first = n->store.seq;
        history[epochs]->sum[0] = sum_of(&n->store);
        n->first_seq = n->store.seq + 1;
        n->master = n->filled = true;
}

static void write_one(struct node *n)
{
        struct history *h = history[n->store.epoch];
        const uint64_t i = n->store.seq - h->first;
        const uint32_t cell = roll(CELLS);
        assert_true(i < CHANGES);
        h->change[i] = (struct change){cell, roll(1000000), n->store.cell[cell]};
        n->store.cell[cell] = h->change[i].value;
        n->store.seq++;
        h->sum[i + 1] = sum_of(&n->store);
        if (roll(40) == 0 && n->store.seq > 30) /* the journal forgets */
                n->first_seq = n->store.seq - roll(25);
}

/* -- carrying out what the core says -- */

static void begin(unsigned i);

static bool reachable(const struct node *n)
{
        const struct node *m = &node[n->of];
        return n->up && m->up && !n->cut && !m->cut && (m->master || m->filled);
}

static bool in_journal(const struct node *m, uint64_t seq)
{
        return seq <= m->store.seq && seq + 1 >= m->first_seq;
}

static void do_page(struct node *n, const struct node *m, struct follow_event *e)
{
        const struct follow_action *a = &n->doing;
        e->kind = FOLLOW_PAGED;
        if (a->epoch && a->epoch != m->store.epoch) {
                e->again = true;
                return;
        }
        if (a->fresh)
                n->aside = (struct content){.epoch = m->store.epoch, .seq = m->store.seq};
        for (unsigned c = a->from; c < a->from + PAGE && c < CELLS; c++)
                n->aside.cell[c] = m->store.cell[c];
        e->epoch = m->store.epoch;
        e->seq = m->store.seq;
        e->more = a->from + PAGE < CELLS;
        e->next = e->more ? a->from + PAGE : 0;
}

static void do_changes(struct node *n, const struct node *m, struct follow_event *e)
{
        const struct follow_action *a = &n->doing;
        struct content *to = a->aside ? &n->aside : &n->store;
        e->kind = FOLLOW_APPLIED;
        e->fits = true;
        e->epoch = m->store.epoch;
        e->head = m->store.seq;
        if (a->epoch != m->store.epoch || !in_journal(m, a->seq)) {
                e->again = true;
                return;
        }
        const struct history *h = history[a->epoch];
        uint64_t upto = m->store.seq < a->seq + MOST ? m->store.seq : a->seq + MOST;
        upto = upto < a->upto ? upto : a->upto;
        for (uint64_t s = a->seq; e->fits && s < upto; s++) {
                const struct change *c = &h->change[s - h->first];
                if (!a->aside && to->cell[c->cell] != c->before) {
                        e->fits = false;
                        break;
                }
                to->cell[c->cell] = c->value;
                to->seq = s + 1;
        }
        e->point = point_of(to);
}

static void perform(unsigned i)
{
        struct node *n = &node[i];
        const struct node *m = &node[n->of];
        struct follow_event e = {.turn = n->doing.turn};
        if (n->doing.kind == FOLLOW_WAIT) {
                e.kind = FOLLOW_WOKE;
        } else if (n->doing.kind == FOLLOW_SWAP) {
                e.kind = FOLLOW_SWAPPED;
                e.ok = roll(50) != 0;
                if (e.ok) {
                        n->store = n->aside;
                        n->first_seq = n->store.seq + 1;
                        n->filled = true;
                        n->copies++;
                        e.point = point_of(&n->store);
                        tell("[%5u] %u has a copy of seq %u\n", (unsigned)now, i, (unsigned)n->store.seq);
                }
        } else if (!reachable(n)) {
                e.kind = FOLLOW_LOST;
        } else if (n->doing.kind == FOLLOW_PAGE) {
                do_page(n, m, &e);
        } else if (n->doing.kind == FOLLOW_CHANGES) {
                do_changes(n, m, &e);
                if (e.point.seq != n->doing.seq && !n->doing.aside)
                        tell("[%5u] %u applies up to %u\n", (unsigned)now, i, (unsigned)e.point.seq);
        } else {
                e.kind = FOLLOW_THERE;
                e.point = point_of(&m->store);
                e.first_seq = m->first_seq;
                tell("[%5u] %u asks %u: seq %u\n", (unsigned)now, i, n->of, (unsigned)m->store.seq);
        }
        n->answer = e;
        if (n->filled && !n->master)
                is_true(&n->store);
}

/* An answer takes a while; CHANGES without news waits for them. */
static void begin(unsigned i)
{
        struct node *n = &node[i];
        const bool wait = n->doing.kind == FOLLOW_WAIT;
        if (n->doing.kind == FOLLOW_NOTHING)
                return;
        n->at = now + (wait ? n->doing.wait_ms : 1 + roll(telling ? 1 : 20));
}

static bool waits_for_news(const struct node *n)
{
        const struct node *m = &node[n->of];
        return n->doing.kind == FOLLOW_CHANGES && n->doing.wait_ms && reachable(n) &&
               m->store.epoch == n->doing.epoch && m->store.seq == n->doing.seq &&
               now < n->at + n->doing.wait_ms;
}

static void step(unsigned i, const struct follow_event *e)
{
        struct node *n = &node[i];
        struct follow_action next;
        struct follow_event copy = *e;
        copy.now = now;
        follow_step(&n->core, &copy, &next);
        if (next.kind == FOLLOW_NOTHING)
                return;
        n->doing = next;
        begin(i);
}

static void tick(void)
{
        now++;
        for (unsigned i = 0; i < NODES; i++) {
                struct node *n = &node[i];
                if (!n->up || n->master)
                        continue;
                if (n->stray_at && now >= n->stray_at) {
                        n->stray_at = 0;
                        step(i, &n->stray);
                }
                if (now < n->at || waits_for_news(n))
                        continue;
                perform(i);
                if (!telling && roll(10) == 0) {
                        n->stray = n->answer;
                        n->stray_at = now + 1 + roll(300);
                }
                step(i, &n->answer);
        }
}

static void start_clone(unsigned i, unsigned of)
{
        struct node *n = &node[i];
        struct follow_event e = {.kind = FOLLOW_STARTED, .filled = n->filled, .point = point_of(&n->store)};
        n->up = true;
        n->master = false;
        n->of = of;
        n->stray_at = 0;
        follow_init(&n->core);
        step(i, &e);
}

static void run(uint64_t until)
{
        while (now < until)
                tick();
}

static int setup(void **state)
{
        (void)state;
        memset(node, 0, sizeof(node));
        epochs = now = 0;
        dice = 1;
        trace[0] = 0;
        telling = true;
        node[0].up = true;
        begin_epoch(&node[0]);
        for (unsigned i = 0; i < 10; i++)
                write_one(&node[0]);
        node[0].first_seq = 1;
        return 0;
}

#define TRACE(want)                               \
        do {                                      \
                assert_string_equal(trace, want); \
                trace[0] = 0;                     \
        } while (0)

static void test_first_copy_and_changes(void **state)
{
        (void)state;
        start_clone(1, 0);
        run(50);
        TRACE("[    1] 1 asks 0: seq 10\n"
              "[    7] 1 has a copy of seq 10\n"
              "[    8] 1 asks 0: seq 10\n");
        write_one(&node[0]);
        write_one(&node[0]);
        run(60);
        TRACE("[   51] 1 applies up to 12\n");
        assert_string_equal(follow_state_word(&node[1].core), "following");
        assert_true(follow_is_current(&node[1].core));
}

static void test_restart_goes_on(void **state)
{
        (void)state;
        start_clone(1, 0);
        run(50);
        node[1].up = false;
        write_one(&node[0]);
        run(100);
        trace[0] = 0;
        start_clone(1, 0);
        run(120);
        TRACE("[  101] 1 asks 0: seq 11\n"
              "[  102] 1 applies up to 11\n");
        assert_int_equal(node[1].copies, 1);
}

static void test_back_off_and_heal(void **state)
{
        (void)state;
        start_clone(1, 0);
        run(50);
        trace[0] = 0;
        node[1].cut = true;
        write_one(&node[0]);
        run(60000);
        TRACE("");
        assert_string_equal(follow_state_word(&node[1].core), "away");
        node[1].cut = false;
        run(60000 + FOLLOW_AWAY_MOST_MS + 10);
        assert_true(node[1].store.seq == 11);
        assert_int_equal(node[1].copies, 1);
}

static void test_journal_too_short(void **state)
{
        (void)state;
        start_clone(1, 0);
        run(50);
        node[1].up = false;
        for (unsigned i = 0; i < 9; i++)
                write_one(&node[0]);
        node[0].first_seq = 15;
        start_clone(1, 0);
        run(100);
        assert_int_equal(node[1].copies, 2);
        assert_true(node[1].store.seq == 19);
}

/* A cell that nobody changed is wrong: nothing but the digest can tell. */
static void test_silent_damage_is_found(void **state)
{
        (void)state;
        start_clone(1, 0);
        run(50);
        trace[0] = 0;
        node[1].store.cell[3] ^= 1;
        node[1].core.here = point_of(&node[1].store);
        node[1].filled = false; /* the watch of this test, not the clone's, looks away */
        for (unsigned t = 0; t < FOLLOW_CHECK_MS + 100 && node[1].copies < 2; t++)
                tick();
        assert_int_equal(node[1].copies, 2);
        assert_int_equal(node[1].core.counts.damaged, 1);
        is_true(&node[1].store);
}

static void test_another_domain_is_refused(void **state)
{
        struct follow f;
        struct follow_action a;
        (void)state;
        follow_init(&f);
        struct follow_event e = {.kind = FOLLOW_STARTED, .filled = true, .point = point_of(&node[0].store)};
        follow_step(&f, &e, &a);
        assert_int_equal(a.kind, FOLLOW_CONNECT);
        e = (struct follow_event){.kind = FOLLOW_THERE, .turn = a.turn, .now = 5, .point = {.uuid = "else"}};
        follow_step(&f, &e, &a);
        assert_int_equal(a.kind, FOLLOW_WAIT);
        assert_int_equal(a.wait_ms, FOLLOW_REFUSE_LEAST_MS);
        assert_string_equal(follow_state_word(&f), "refused");
        assert_int_equal(f.refusal, FOLLOW_OTHER);
}

static void test_hidden_secrets_are_refused(void **state)
{
        struct follow f;
        struct follow_action a;
        (void)state;
        follow_init(&f);
        struct follow_event e = {.kind = FOLLOW_STARTED};
        follow_step(&f, &e, &a);
        e = (struct follow_event){
                .kind = FOLLOW_THERE, .turn = a.turn, .point = point_of(&node[0].store), .hidden = true};
        follow_step(&f, &e, &a);
        assert_int_equal(a.kind, FOLLOW_WAIT);
        assert_int_equal(f.refusal, FOLLOW_HIDDEN);
        e = (struct follow_event){.kind = FOLLOW_WOKE, .turn = a.turn, .now = a.wait_ms};
        follow_step(&f, &e, &a);
        assert_int_equal(a.kind, FOLLOW_CONNECT);
        e = (struct follow_event){
                .kind = FOLLOW_THERE, .turn = a.turn, .now = 6000, .point = point_of(&node[0].store)};
        follow_step(&f, &e, &a);
        assert_int_equal(a.kind, FOLLOW_PAGE);
}

static void answer(struct follow *f, struct follow_action *a, struct follow_event e)
{
        e.turn = a->turn;
        follow_step(f, &e, a);
}

/* A disk that is full after the first page, or a master that is gone by then: the pauses grow all the same.
 */
static void test_copies_that_fail_late(void **state)
{
        const enum follow_event_kind fails[] = {FOLLOW_LOCAL, FOLLOW_LOST};
        const uint32_t most[] = {FOLLOW_LOCAL_MOST_MS, FOLLOW_AWAY_MOST_MS};
        (void)state;
        for (unsigned k = 0; k < 2; k++) {
                struct follow f;
                struct follow_action a = {0};
                uint64_t t = 0;
                follow_init(&f);
                answer(&f, &a, (struct follow_event){.kind = FOLLOW_STARTED});
                for (unsigned i = 0; i < 16; i++) {
                        assert_int_equal(a.kind, FOLLOW_CONNECT);
                        answer(&f, &a,
                               (struct follow_event){
                                       .kind = FOLLOW_THERE, .now = t, .point = point_of(&node[0].store)});
                        assert_int_equal(a.kind, FOLLOW_PAGE);
                        answer(&f, &a,
                               (struct follow_event){.kind = FOLLOW_PAGED,
                                                     .now = t,
                                                     .epoch = node[0].store.epoch,
                                                     .seq = node[0].store.seq,
                                                     .more = true,
                                                     .next = PAGE});
                        assert_int_equal(a.kind, FOLLOW_PAGE);
                        answer(&f, &a, (struct follow_event){.kind = fails[k], .now = t});
                        assert_int_equal(a.kind, FOLLOW_WAIT);
                        t += a.wait_ms;
                        if (i == 15)
                                assert_int_equal(a.wait_ms, most[k]);
                        answer(&f, &a, (struct follow_event){.kind = FOLLOW_WOKE, .now = t});
                }
        }
}

/* A master whose digest is not that of what it sends, since it is damaged: it is copied again, with pauses.
 */
static void test_copies_that_are_no_better(void **state)
{
        struct follow f;
        struct follow_action a = {0};
        const struct follow_point told = point_of(&node[0].store);
        struct follow_point got = told;
        uint64_t t = 0;
        (void)state;
        got.digest[0] ^= 1;
        follow_init(&f);
        answer(&f, &a, (struct follow_event){.kind = FOLLOW_STARTED});
        for (unsigned i = 0; i < 16; i++) {
                assert_int_equal(a.kind, FOLLOW_CONNECT);
                answer(&f, &a, (struct follow_event){.kind = FOLLOW_THERE, .now = t, .point = told});
                assert_int_equal(a.kind, FOLLOW_PAGE);
                answer(&f, &a,
                       (struct follow_event){
                               .kind = FOLLOW_PAGED, .now = t, .epoch = told.epoch, .seq = told.seq});
                assert_int_equal(a.kind, FOLLOW_SWAP);
                answer(&f, &a,
                       (struct follow_event){.kind = FOLLOW_SWAPPED, .now = t, .ok = true, .point = got});
                assert_int_equal(a.kind, FOLLOW_ASK);
                answer(&f, &a, (struct follow_event){.kind = FOLLOW_THERE, .now = t, .point = told});
                assert_int_equal(a.kind, FOLLOW_WAIT);
                t += a.wait_ms;
                if (i == 15)
                        assert_int_equal(a.wait_ms, FOLLOW_LOCAL_MOST_MS);
                answer(&f, &a, (struct follow_event){.kind = FOLLOW_WOKE, .now = t});
        }
}

/* STATUS names a seq that CHANGES never comes to: it is not asked again and again without a pause. */
static void test_changes_that_never_come(void **state)
{
        struct follow f;
        struct follow_action a = {0};
        struct follow_point far = point_of(&node[0].store);
        (void)state;
        follow_init(&f);
        far.seq += 5;
        answer(&f, &a,
               (struct follow_event){
                       .kind = FOLLOW_STARTED, .filled = true, .point = point_of(&node[0].store)});
        answer(&f, &a, (struct follow_event){.kind = FOLLOW_THERE, .point = far, .first_seq = 1});
        assert_int_equal(a.kind, FOLLOW_CHANGES);
        answer(&f, &a,
               (struct follow_event){.kind = FOLLOW_APPLIED,
                                     .epoch = far.epoch,
                                     .head = far.seq,
                                     .fits = true,
                                     .point = point_of(&node[0].store)});
        assert_int_equal(a.kind, FOLLOW_WAIT);
        assert_int_equal(f.counts.gaps, 1);
}

/* The last page of an earlier copy, come late, is not the last page of this one. */
static void test_late_answers_are_dropped(void **state)
{
        struct follow f;
        struct follow_action a, b;
        (void)state;
        follow_init(&f);
        follow_step(&f, &(struct follow_event){.kind = FOLLOW_STARTED}, &a);
        const struct follow_event there = {
                .kind = FOLLOW_THERE, .turn = a.turn, .point = point_of(&node[0].store)};
        follow_step(&f, &there, &a);
        assert_int_equal(a.kind, FOLLOW_PAGE);
        struct follow_event last = {.kind = FOLLOW_PAGED, .turn = a.turn - 1, .epoch = 1, .seq = 10};
        follow_step(&f, &last, &b);
        assert_int_equal(b.kind, FOLLOW_NOTHING);
        assert_int_equal(f.counts.late, 1);
        assert_string_equal(follow_state_word(&f), "copying");
        last.turn = a.turn;
        follow_step(&f, &last, &b);
        assert_int_equal(b.kind, FOLLOW_SWAP);
}

/* The master dies, a clone takes over with what it has; the others follow it; the old one comes back as a
 * clone, with changes that nobody else ever saw. */
static void test_promotion(void **state)
{
        (void)state;
        start_clone(1, 0);
        start_clone(2, 0);
        run(50);
        node[1].cut = true;
        write_one(&node[0]); /* clone 1 never sees it */
        run(60);
        assert_true(node[2].store.seq == 11);
        node[0].up = false;
        begin_epoch(&node[1]);
        node[1].cut = false;
        write_one(&node[1]);
        start_clone(2, 1);
        start_clone(0, 1);
        run(200);
        for (unsigned i = 0; i < NODES; i++) {
                assert_true(node[i].store.epoch == 2 && node[i].store.seq == 11);
                assert_true(sum_of(&node[i].store) == sum_of(&node[1].store));
        }
}

/* -- many random lives -- */

static void random_trouble(void)
{
        struct node *n = &node[roll(NODES)];
        unsigned masters = 0, master = 0;
        for (unsigned i = 0; i < NODES; i++)
                if (node[i].master) {
                        masters++;
                        master = i;
                }
        assert_int_equal(masters, 1);
        switch (roll(8)) {
        case 0:
                n->cut = true;
                break;
        case 1:
        case 2:
                n->cut = false;
                break;
        case 3: /* kill -9 */
                n->up = false;
                break;
        case 4:
        case 5:
                if (n->up)
                        break;
                if (n->master)
                        n->up = true;
                else
                        start_clone((unsigned)(n - node), n->of);
                break;
        case 6:
                if (roll(4) || n->master || !n->up || !n->filled || epochs + 2 >= EPOCHS)
                        break;
                node[master].master = false; /* the administrator makes sure that it is one */
                begin_epoch(n);
                for (unsigned i = 0; i < NODES; i++)
                        if (&node[i] != n && node[i].up)
                                start_clone(i, (unsigned)(n - node));
                        else
                                node[i].of = (unsigned)(n - node);
                break;
        default:
                break;
        }
        if (node[master].master && node[master].up)
                for (unsigned k = roll(12); k; k--)
                        write_one(&node[master]);
}

static void live(uint64_t seed)
{
        setup(NULL);
        telling = false;
        dice = seed * 7919 + 1;
        start_clone(1, 0);
        start_clone(2, 0);
        for (unsigned k = 0; k < 60; k++) {
                run(now + roll(400));
                random_trouble();
        }
        unsigned master = 0;
        for (unsigned i = 0; i < NODES; i++) {
                node[i].cut = false;
                master = node[i].master ? i : master;
        }
        node[master].up = true;
        for (unsigned i = 0; i < NODES; i++)
                if (i != master && (!node[i].up || node[i].of != master))
                        start_clone(i, master);
        run(now + 70000); /* the partition heals without help */
        for (unsigned i = 0; i < NODES; i++) {
                assert_true(node[i].store.epoch == node[master].store.epoch);
                assert_true(node[i].store.seq == node[master].store.seq);
                assert_true(sum_of(&node[i].store) == sum_of(&node[master].store));
                is_true(&node[i].store);
        }
}

static void test_random_lives(void **state)
{
        const uint64_t lives = sized("NI_TEST_STEPS", 200, 200, 30000);
        (void)state;
        for (uint64_t seed = 1; seed <= lives; seed++) {
                live(seed);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup(test_first_copy_and_changes, setup),
                cmocka_unit_test_setup(test_restart_goes_on, setup),
                cmocka_unit_test_setup(test_back_off_and_heal, setup),
                cmocka_unit_test_setup(test_journal_too_short, setup),
                cmocka_unit_test_setup(test_silent_damage_is_found, setup),
                cmocka_unit_test_setup(test_another_domain_is_refused, setup),
                cmocka_unit_test_setup(test_hidden_secrets_are_refused, setup),
                cmocka_unit_test_setup(test_copies_that_fail_late, setup),
                cmocka_unit_test_setup(test_copies_that_are_no_better, setup),
                cmocka_unit_test_setup(test_changes_that_never_come, setup),
                cmocka_unit_test_setup(test_late_answers_are_dropped, setup),
                cmocka_unit_test_setup(test_promotion, setup),
                cmocka_unit_test_setup(test_random_lives, setup),
        };
        return cmocka_run_group_tests_name("follow", tests, NULL, NULL);
}
