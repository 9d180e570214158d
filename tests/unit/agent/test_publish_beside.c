/* Publishing by schedule, with a process beside, through days, domains, snapshots, rules and deaths: what the
 * images answer is what a moment of the domains was, it never goes back, and when the schedule says that
 * nothing is to be done it is what images made whole of the domains answer. */
#include "answers.h"

#include "../../lib/sized.h"
#include "agent/publish-internal.h"
#include "agent/publish.h"
#include "agent/schedule.h"
#include "agent/table-internal.h"
#include "sys/fs.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define USERS    1u
#define GROUPS   2u
#define MACHINES 3u
#define FIRST    10u /* directories FIRST.. are users, from MIDDLE on groups, from HOSTS on machines */
#define MIDDLE   45u
#define HOSTS    70u
#define MOST     2u /* domains; object n is of domain n % MOST */
#define DAY      86400u
#define STEPS    300u
#define MOMENTS  64u /* that are remembered: more than pass between two publications */

/* Whatever is given back must be there: anything else may be somebody else's by now. */
static unsigned twice;
int munmap(void *p, size_t n)
{
        twice += msync(p, n, MS_ASYNC) != 0;
        return (int)syscall(SYS_munmap, p, n);
}

static uint64_t state_of;
static uint32_t below(uint32_t n)
{
        state_of ^= state_of << 13;
        state_of ^= state_of >> 7;
        state_of ^= state_of << 17;
        return (uint32_t)(state_of >> 32) % n;
}

/* -- the agent's main thread, in time that goes by steps */
struct moment {
        struct buf accounts;
};
static struct world {
        char folder[64], mirror[64]; /* the images; made whole of the same, always */
        struct agent_config config, whole;
        struct table *table[MOST];
        unsigned domains;
        struct publisher *publisher, *reference;
        struct schedule schedule;
        int64_t today;
        uint64_t now;
        bool there[ANSWERS_MOST];
        uint64_t ordinal[ANSWERS_MOST], born_of[ANSWERS_MOST], next, born;
        struct moment moment[MOMENTS]; /* since the one that is shown */
        unsigned moments;
        struct publish_report last;
} w;

static void folder_begin(char *folder, size_t size, struct agent_config *c)
{
        /* In memory, where the live images of a machine are, too: nothing here has to be forced to a disk. */
        snprintf(folder, size, "%s/netinfo-beside.XXXXXX",
                 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
        assert_non_null(mkdtemp(folder));
        assert_true(agent_config_defaults(c, folder));
        c->snapshots = folder;
        c->min_id = 1;
}

static struct table *new_table(void)
{
        static const char *const names[] = {"name=/", "name=users", "name=groups", "name=machines"};
        struct table *t = table_new(w.folder);
        assert_non_null(t);
        for (uint32_t i = 0; i < 4; i++) {
                const struct ext_node n = {
                        .id = {.object = i}, .ordinal = i, .born = 1, .props = encoded(&a, names[i])};
                assert_int_equal(table_put(t, &n), TABLE_OK);
        }
        table_settle(t);
        return t;
}

static int begin(void **state)
{
        (void)state;
        w = (struct world){.domains = MOST, .today = 20000, .now = 1000, .next = 100};
        state_of = 987;
        twice = 0;
        folder_begin(w.folder, sizeof(w.folder), &w.config);
        folder_begin(w.mirror, sizeof(w.mirror), &w.whole);
        for (unsigned d = 0; d < MOST; d++)
                w.table[d] = new_table();
        for (unsigned i = 0; i < MOMENTS; i++)
                buf_init(&w.moment[i].accounts, 0);
        assert_non_null(w.publisher = publisher_new());
        assert_non_null(w.reference = publisher_new());
        schedule_init(&w.schedule, 5);
        schedule_mark(&w.schedule, TABLE_ALL, w.now);
        return 0;
}

static int end(void **state)
{
        (void)state;
        publisher_free(w.publisher);
        publisher_free(w.reference);
        for (unsigned d = 0; d < MOST; d++)
                table_free(w.table[d]);
        for (unsigned i = 0; i < MOMENTS; i++)
                buf_done(&w.moment[i].accounts);
        agent_config_done(&w.config);
        agent_config_done(&w.whole);
        assert_int_equal(fs_remove_tree(w.folder), 0);
        assert_int_equal(fs_remove_tree(w.mirror), 0);
        arena_reset(&a);
        assert_int_equal(twice, 0);
        return 0;
}

static struct publish_what what_of(const struct agent_config *c, struct publish_domain d[MOST])
{
        static const char *const names[MOST] = {"local", "root"};
        for (unsigned i = 0; i < w.domains; i++)
                d[i] = (struct publish_domain){names[i], i == 0, w.table[i]};
        return (struct publish_what){
                .config = c, .domains = d, .n = w.domains, .images = w.schedule.dirty, .today = w.today};
}

static void publish_now(const struct schedule_action *do_it)
{
        struct publish_domain d[MOST];
        struct publish_what what = what_of(&w.config, d);
        what.images = do_it->images;
        what.whole = do_it->whole;
        what.may_begin = do_it->may_begin;
        const int err = publish_images(w.publisher, &what, &w.last);
        schedule_left(&w.schedule, w.last.left, w.last.begun, w.now);
        if (w.last.again || (!err && !w.last.generation))
                return;
        schedule_published(&w.schedule, err == 0, 0, w.last.grown, w.now);
        schedule_mark(&w.schedule, w.last.missing, w.now);
}

static int publish_rest(void)
{
        struct publish_domain d[MOST];
        const struct publish_what what = what_of(&w.config, d);
        const int err = publish_finish(w.publisher, &what, &w.last);
        schedule_left(&w.schedule, w.last.left, 0, w.now);
        if (w.last.generation)
                schedule_published(&w.schedule, true, 0, w.last.grown, w.now);
        schedule_beside_ended(&w.schedule, w.last.made, err != 0, w.now);
        schedule_mark(&w.schedule, w.last.missing, w.now);
        return err;
}

/* One look at everything. False: nothing is to be done before `ms` have gone by. */
static bool look(bool beside_ended, uint32_t *ms)
{
        schedule_today(&w.schedule, w.today, true, w.now);
        w.last = (struct publish_report){.generation = 0};
        if (beside_ended) {
                publish_rest();
                return true;
        }
        const struct schedule_action next = schedule_next(&w.schedule, false, false, w.now);
        if (next.images)
                publish_now(&next);
        *ms = next.wait_ms;
        return next.images != 0;
}

/* -- what is seen */
static void hosts_of(const char *folder, struct buf *out)
{
        struct snap_own own;
        struct snap_map_view v;
        setenv(SNAP_VARIABLE, folder, 1);
        assert_int_equal(snap_own_open(SNAP_HOSTS, &own), 0);
        for (uint32_t i = 0; snap_map_listed(&own.pair.base, i, &v) == SNAP_FOUND; i++) {
                buf_puts(out, v.text);
                for (uint32_t k = 0; k < v.addresses4 * 4; k++)
                        buf_printf(out, ".%u", v.addresses[k]);
                buf_putc(out, '\n');
        }
        buf_putc(out, '\0');
        snap_own_close(&own);
}

/* The domains as they are now, as images that were made whole answer. */
static void make_reference(unsigned images)
{
        struct publish_domain d[MOST];
        struct publish_report r;
        struct publish_what what = what_of(&w.whole, d);
        what.images = images;
        publisher_forget(w.reference);
        /* The tables of both are the same, and making all whole makes them count anew: a copy of what they
         * counted is put back. */
        struct touched kept[MOST][TABLE_ACCOUNTED][SINCE];
        for (unsigned i = 0; i < MOST; i++) {
                memcpy(kept[i], w.table[i]->touched, sizeof(kept[i]));
                memset(w.table[i]->touched, 0, sizeof(kept[i]));
        }
        assert_int_equal(publish_images(w.reference, &what, &r), 0);
        for (unsigned i = 0; i < MOST; i++) {
                for (unsigned top = 0; top < TABLE_ACCOUNTED; top++)
                        table_touched_forget(w.table[i], top);
                memcpy(w.table[i]->touched, kept[i], sizeof(kept[i]));
        }
}

static void note_moment(void)
{
        make_reference(TABLE_ACCOUNTS);
        assert_true(w.moments < MOMENTS);
        answers_say_days = false; /* until shadow of a new day is there, it is that of the day before */
        answers_of(w.mirror, &w.moment[w.moments++].accounts);
        answers_say_days = true;
}

/* Nothing is to be done any more: the images are as if they had been made whole now. */
static void check_all(void)
{
        struct buf x, y;
        buf_init(&x, 0);
        buf_init(&y, 0);
        make_reference(TABLE_ALL);
        answers_of(w.folder, &x);
        answers_of(w.mirror, &y);
        same(&x, &y, (unsigned)w.now);
        buf_clear(&x);
        buf_clear(&y);
        hosts_of(w.folder, &x);
        hosts_of(w.mirror, &y);
        same(&x, &y, (unsigned)w.now);
        buf_done(&x);
        buf_done(&y);
}

/* Until the images show everything. */
static void settle(void)
{
        schedule_today(&w.schedule, w.today, true, w.now);
        for (unsigned i = 0; i < 100 && !schedule_is_clean(&w.schedule); i++) {
                uint32_t ms = 0;
                if (!look(publisher_is_busy(w.publisher), &ms))
                        w.now += ms;
        }
        assert_true(schedule_is_clean(&w.schedule));
        check_all();
}

/* -- what happens */
static void apply(uint32_t object, struct ext_record *r)
{
        unsigned dirty = 0;
        if (r->kind == EXT_CREATED) {
                w.born_of[object] = ++w.born;
                r->ordinal = w.next++;
        }
        r->object = object;
        r->parent = object < MIDDLE ? USERS : object < HOSTS ? GROUPS : MACHINES;
        r->born = w.born_of[object];
        if (!r->ordinal)
                r->ordinal = w.ordinal[object];
        assert_int_equal(table_apply(w.table[object % MOST], r, false, &dirty), TABLE_OK);
        w.there[object] = r->kind != EXT_DESTROYED;
        w.ordinal[object] = r->ordinal;
        schedule_mark(&w.schedule, dirty, w.now);
}

static void set(uint32_t object, const char *props)
{
        struct ext_record r = {.kind = w.there[object] ? EXT_CHANGED : EXT_CREATED,
                               .has_after = true,
                               .after = encoded(&a, props)};
        apply(object, &r);
}

static void set_user(uint32_t object, uint32_t number, const char *shell)
{
        set(object,
            arena_printf(&a, "name=n%u|uid=%u|gid=100|shell=%s|passwd=x|change=%u|shadow_lastchange=7",
                         object, number, shell, (20000 + object % 4) * DAY));
}

static void random_set(void)
{
        const uint32_t object = FIRST + below(ANSWERS_MOST - FIRST);
        const uint32_t id = below(15) ? object : FIRST + below(ANSWERS_MOST - FIRST);
        struct ext_record gone = {.kind = EXT_DESTROYED};
        struct ext_record moved = {.kind = EXT_MOVED, .ordinal = w.next};
        if (w.there[object] && below(6) == 0)
                apply(object, &gone);
        else if (w.there[object] && below(30) == 0)
                w.next++, apply(object, &moved);
        else if (object < MIDDLE)
                set_user(object, id, below(2) ? "/a" : "/b");
        else if (object < HOSTS)
                set(object, arena_printf(&a, "name=n%u|gid=%u|users=n%u n%u", object, id, FIRST + below(12),
                                         FIRST + below(12)));
        else
                set(object, arena_printf(&a, "name=n%u|ip_address=10.0.0.%u", object, below(250)));
}

/* A snapshot of the domain, with a change in it: another table takes the place of this one. */
static void take_snapshot(unsigned d)
{
        struct table *t = table_new(w.folder), *old = w.table[d];
        struct ext_node n;
        for (uint32_t at = 0; table_next(old, &at, &n);)
                assert_int_equal(table_put(t, &n), TABLE_OK);
        table_settle(t);
        w.table[d] = t;
        unsigned dirty = table_differences(old, t);
        assert_int_equal(dirty, 0);
        table_free(old);
}

static void forget_all(void)
{
        publisher_forget(w.publisher);
        schedule_mark(&w.schedule, TABLE_ALL, w.now);
}

static void something(void)
{
        switch (below(70)) {
        case 0:
                w.today++;
                break;
        case 1:
                w.domains = w.domains == MOST ? 1 : MOST;
                forget_all();
                break;
        case 2:
                take_snapshot(below(MOST));
                break;
        case 3:
                forget_all(); /* own accounts */
                break;
        case 4:
                publisher_abort(w.publisher); /* SIGHUP */
                schedule_beside_ended(&w.schedule, 0, false, w.now);
                forget_all();
                break;
        case 5:
                if (w.publisher->beside.pid)
                        kill(w.publisher->beside.pid, SIGKILL);
                break;
        case 6:
                w.schedule.grown |= TABLE_PASSWD << below(3);
                break;
        case 7:
                w.config.beside = below(2) ? 0 : 45; /* maps are made here */
                break;
        default:
                random_set();
        }
}

/* The accounts are those of one of the moments since the one that was shown last, all three of it. */
static void check_moment(unsigned step)
{
        struct buf x;
        unsigned i = 0;
        buf_init(&x, 0);
        answers_say_days = false;
        answers_of(w.folder, &x);
        answers_say_days = true;
        while (i < w.moments && !bytes_eq(buf_bytes(&x), buf_bytes(&w.moment[i].accounts)))
                i++;
        if (i == w.moments)
                same(&x, &w.moment[w.moments - 1].accounts, step);
        for (unsigned k = i; k < w.moments; k++) {
                const struct buf b = w.moment[k - i].accounts;
                w.moment[k - i] = w.moment[k];
                w.moment[k].accounts = b;
        }
        w.moments -= i;
        buf_done(&x);
}

static unsigned beside, meanwhile, clean; /* steps with a process beside, publications then, nothing to do */

static void walk(uint32_t seed)
{
        state_of = seed;
        for (uint32_t n = 60; n; n--)
                random_set();
        note_moment();
        settle();
        w.config.beside = 0;
        for (unsigned step = 0; step < STEPS; step++) {
                uint32_t ms;
                something();
                note_moment();
                w.now += below(4) ? 10 : 3000;
                const bool busy = publisher_is_busy(w.publisher);
                beside += busy;
                while (look(busy && publisher_is_busy(w.publisher) && below(3) == 0, &ms)) {
                        meanwhile += busy && publisher_is_busy(w.publisher) && w.last.generation;
                        if (w.last.generation)
                                check_moment(step);
                }
                if (schedule_is_clean(&w.schedule))
                        clean++, check_all();
                if (w.moments > MOMENTS - 4) {
                        settle();
                        check_moment(step);
                }
        }
        settle();
}

static void random_lives(void **state)
{
        const unsigned lives = sized("NI_TEST_STEPS", 1, 2, 60);
        for (unsigned i = 0; i < lives; i++) {
                if (i) {
                        end(state);
                        begin(state);
                }
                walk(987 + i);
        }
        print_message("%u steps while a process was beside, %u publications meanwhile, clean %u times\n",
                      beside, meanwhile, clean);
        const unsigned enough = lives * STEPS / 10;
        assert_true(beside > enough && meanwhile > enough / 4 && clean > enough);
}

/* -- single moments */
static bool is_published(enum snap_kind kind)
{
        struct snap_own own;
        setenv(SNAP_VARIABLE, w.folder, 1);
        if (snap_own_open(kind, &own))
                return false;
        snap_own_close(&own);
        return true;
}

static void some_records(void)
{
        for (uint32_t i = FIRST; i < FIRST + 12; i++)
                set_user(i, i, "/a");
        for (uint32_t i = HOSTS; i < HOSTS + 3; i++)
                set(i, arena_printf(&a, "name=n%u|ip_address=10.0.0.%u", i, i));
}

/* While the first images are being made somebody changes something: small maps alone would take the accounts
 * away from everybody who has read the durable copy until now. */
static void the_first_generation_shows_everything(void **state)
{
        uint32_t ms;
        (void)state;
        w.config.beside = 10;
        some_records();
        assert_true(look(false, &ms));
        assert_true(publisher_is_busy(w.publisher));
        set_user(FIRST, FIRST, "/b");
        set(HOSTS, "name=n70|ip_address=10.0.0.9");
        while (look(false, &ms))
                assert_int_equal(w.last.generation, 0);
        siginfo_t unused;
        kill(w.publisher->beside.pid, SIGKILL);
        waitid(P_PID, (id_t)w.publisher->beside.pid, &unused, WEXITED | WNOWAIT);
        w.publisher->beside.told->done = false; /* it may have been faster */
        look(true, &ms);
        while (look(false, &ms)) /* before another process may be begun */
                assert_int_equal(w.last.generation, 0);
        assert_false(is_published(SNAP_HOSTS));
        settle();
        assert_true(is_published(SNAP_HOSTS) && is_published(SNAP_PASSWD));
}

/* A day begins while images are made, and no user changes. */
static void midnight(void **state)
{
        uint32_t ms;
        (void)state;
        some_records();
        settle();
        w.config.beside = 0;
        w.schedule.grown = TABLE_PASSWD;
        w.now += SCHEDULE_QUIET_MS + 1;
        assert_true(look(false, &ms));
        assert_true(publisher_is_busy(w.publisher));
        w.today++;
        settle();
        w.today++;
        settle();
}

/* While shadow of a new day and a large map are made, users change, and then a group in a way that no delta
 * can say: the map alone is published, and the day is not forgotten. */
static void midnight_is_overtaken(void **state)
{
        uint32_t ms;
        (void)state;
        some_records();
        set(MIDDLE, "name=n45|gid=45|users=n10");
        set(MIDDLE + 1, "name=n46|gid=46|users=n10");
        settle();
        w.config.beside = 0;
        w.today++;
        set(HOSTS, "name=n70|ip_address=10.0.0.9");
        w.now += 10;
        assert_true(look(false, &ms));
        assert_true(publisher_is_busy(w.publisher));
        set_user(FIRST, FIRST, "/b");
        w.now += 10;
        assert_true(look(false, &ms));
        assert_int_not_equal(w.last.generation, 0);
        set(MIDDLE + 1, "name=n46|gid=45|users=n10");
        w.now += 10;
        look(false, &ms);
        settle();
}

/* A domain comes, which is being made beside; meanwhile the shell of a user changes, which is of passwd
 * alone, and a map that is made here: shadow does not go before passwd. */
static void accounts_stay_together(void **state)
{
        uint32_t ms;
        (void)state;
        some_records();
        w.domains = 1;
        settle();
        note_moment();
        w.config.beside = 15;
        w.domains = MOST;
        w.now += 10;
        forget_all();
        assert_true(look(false, &ms));
        assert_true(publisher_is_busy(w.publisher));
        set_user(FIRST, FIRST, "/b");
        set(HOSTS, "name=n70|ip_address=10.0.0.9");
        note_moment();
        w.now += 10;
        assert_true(look(false, &ms));
        assert_int_not_equal(w.last.generation, 0);
        check_moment(0);
        settle();
}

/* All that is live is gone; then one user changes, with and without a process beside. */
static void somebody_removes_what_is_live(void **state)
{
        (void)state;
        some_records();
        set(MIDDLE, "name=n45|gid=45|users=n10");
        settle();
        for (unsigned i = 0; i < 2; i++) {
                w.config.beside = i ? 0 : 20000;
                assert_int_equal(fs_remove_tree(w.folder), 0);
                assert_int_equal(mkdir(w.folder, 0755), 0);
                set_user(FIRST, FIRST, i ? "/b" : "/c");
                settle();
        }
}

/* The image that was made aside is gone: a failure, after which everything is made again. */
static void somebody_removes_what_was_made(void **state)
{
        uint32_t ms;
        char path[128];
        (void)state;
        some_records();
        settle();
        w.config.beside = 0;
        w.schedule.grown = TABLE_GROUP;
        w.now += SCHEDULE_QUIET_MS + 1;
        assert_true(look(false, &ms));
        assert_int_equal(w.publisher->beside.images, TABLE_GROUP);
        while (!w.publisher->beside.told->done)
                usleep(1000);
        snprintf(path, sizeof(path), "%s/aside.group", w.folder);
        assert_int_equal(unlink(path), 0);
        look(true, &ms);
        assert_int_equal(twice, 0);
        set_user(FIRST, FIRST, "/b");
        settle();
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(the_first_generation_shows_everything, begin, end),
                cmocka_unit_test_setup_teardown(midnight, begin, end),
                cmocka_unit_test_setup_teardown(midnight_is_overtaken, begin, end),
                cmocka_unit_test_setup_teardown(accounts_stay_together, begin, end),
                cmocka_unit_test_setup_teardown(somebody_removes_what_is_live, begin, end),
                cmocka_unit_test_setup_teardown(somebody_removes_what_was_made, begin, end),
                cmocka_unit_test_setup_teardown(random_lives, begin, end)};
        arena_init(&a, 0);
        const int failed = cmocka_run_group_tests(tests, NULL, NULL);
        arena_done(&a);
        return failed;
}
