/* Stories of following and publishing (doc/agent.md), word for word, and random ones against the domain. */
#include "world.h"

static struct world w;
static struct site *const own = &w.site[0];

#define TRACE(want)                                                                  \
        do {                                                                         \
                assert_string_equal(arena_str(&w.arena, buf_bytes(&w.trace)), want); \
                buf_clear(&w.trace);                                                 \
        } while (0)

static void test_first_images(void **state)
{
        (void)state;
        world_run(&w, 100);
        TRACE("[    1] connect: seq 3\n"
              "[    2] page from 0: 4 directories at 3, the last\n"
              "[    2] publish passwd group shadow at 3\n");
        world_change(own, 3, "name=ada|uid=1|shell=/bin/zsh");
        world_run(&w, 200);
        TRACE("[  101] changes after 3: 4 to 4 of 4\n"
              "[  101] publish passwd at 4\n");
        world_change(own, 3, "name=ada|uid=1|shell=/bin/zsh|picture=x"); /* nobody's image shows pictures */
        world_create(own, 9, 0, "name=printers");
        world_run(&w, 300);
        TRACE("[  201] changes after 4: 5 to 6 of 6\n");
        assert_int_equal(track_seq(w.post[0].track), 6);
}

static void test_large_deltas_wait_for_quiet(void **state)
{
        (void)state;
        world_run(&w, 100);
        buf_clear(&w.trace);
        w.grown = TABLE_PASSWD;
        world_change(own, 3, "name=ada|uid=1|shell=/bin/zsh");
        world_run(&w, 3000);
        world_change(own, 3, "name=ada|uid=1|shell=/bin/sh"); /* begins the wait anew */
        world_run(&w, 7000);
        TRACE("[  101] changes after 3: 4 to 4 of 4\n"
              "[  101] publish passwd at 4\n"
              "[ 3001] changes after 4: 5 to 5 of 5\n"
              "[ 3001] publish passwd at 5\n");
        world_run(&w, 60000);
        TRACE("[ 8003] publish passwd whole at 5\n"); /* once */
}

static void change_in_between(struct world *x)
{
        /* Behind, within and before what the pages have told already. */
        if (x->now == 3) {
                world_create(&x->site[0], 20, 1, "name=eve|uid=9");
                world_change(&x->site[0], 3, "name=ada|uid=2");
                world_create(&x->site[0], 5, 2, "name=crew");
                world_destroy(&x->site[0], 5);
                world_create(&x->site[0], 5, 1, "name=bob|uid=3");
        }
        if (x->now == 4)
                world_destroy(&x->site[0], 20);
}

static void test_snapshot_among_changes(void **state)
{
        (void)state;
        own->page_nodes = 2;
        w.meanwhile = change_in_between;
        world_run(&w, 100);
        TRACE("[    1] connect: seq 3\n"
              "[    2] page from 0: 2 directories at 3\n"
              "[    3] page from 2: 2 directories at 8\n"
              "[    4] page from 5: 1 directories at 9, the last\n"
              "[    5] changes after 3: 4 to 9 of 9\n"
              "[    5] publish passwd group shadow at 9\n");
        assert_string_equal(world_said(&w, w.post[0].track)->users, "ada 2  \nbob 3  \n");
}

static void test_gap_and_repetition(void **state)
{
        (void)state;
        world_run(&w, 100);
        buf_clear(&w.trace);
        own->repeat = true;
        world_change(own, 3, "name=ada|uid=4");
        world_run(&w, 150);
        TRACE("[  101] changes after 3: 3 to 4 of 4\n"
              "[  101] publish passwd shadow at 4\n");
        assert_int_equal(track_counts(w.post[0].track).repeated, 1);
        own->repeat = false;
        own->lose_seq = 5;
        world_change(own, 3, "name=ada|uid=5");
        world_change(own, 3, "name=ada|uid=6");
        world_run(&w, 200);
        TRACE("[  151] changes after 4: 6 to 6 of 6\n"
              "[  152] page from 0: 4 directories at 6, the last\n"
              "[  152] publish passwd group shadow at 6\n");
        assert_int_equal(track_counts(w.post[0].track).gaps, 1);
}

static void test_new_epoch(void **state)
{
        (void)state;
        world_run(&w, 100);
        buf_clear(&w.trace);
        world_destroy(own, 3);
        world_new_epoch(own, 2); /* restored from a copy: the numbers begin anew */
        world_run(&w, 200);
        TRACE("[  101] changes after 3: take a snapshot\n"
              "[  102] page from 0: 3 directories at 2, the last\n"
              "[  102] publish passwd shadow at 2\n"); /* /groups is as it was */
        assert_string_equal(world_said(&w, w.post[0].track)->users, "");
}

/* A server that has another epoch each time it is asked. */
static void restore(struct world *world)
{
        world_new_epoch(&world->site[0], 50);
}

static void test_epochs_at_speed(void **state)
{
        (void)state;
        world_run(&w, 100);
        const uint64_t before = track_counts(w.post[0].track).snapshots, calls = w.calls;
        w.quiet = true;
        w.meanwhile = restore;
        world_run(&w, 10100);
        /* Some at once, then two in a second, and no more calls than these need. */
        assert_in_range(track_counts(w.post[0].track).snapshots - before, 20, 32);
        assert_in_range(w.calls - calls, 40, 400);
        w.meanwhile = NULL;
        world_run(&w, 20000);
        assert_true(track_is_current(w.post[0].track));
        assert_non_null(world_said(&w, w.post[0].track));
        w.quiet = false;
}

static void test_same_again(void **state)
{
        (void)state;
        world_run(&w, 100);
        buf_clear(&w.trace);
        world_new_epoch(own, 50); /* the same records under a new epoch: nothing to publish */
        world_run(&w, 200);
        TRACE("[  101] changes after 3: take a snapshot\n"
              "[  102] page from 0: 4 directories at 50, the last\n");
}

static void test_server_away(void **state)
{
        (void)state;
        world_run(&w, 100);
        buf_clear(&w.trace);
        own->up[0] = false;
        world_run(&w, 1000);
        TRACE("[  101] connection lost\n" /* 50 ms, doubling */
              "[  152] connect: nobody\n"
              "[  253] connect: nobody\n"
              "[  454] connect: nobody\n"
              "[  855] connect: nobody\n");
        world_run(&w, 20000);
        buf_clear(&w.trace);
        own->up[0] = true;
        world_change(own, 3, "name=ada|uid=4");
        world_run(&w, 26000);
        /* At most 5 s later, and without a snapshot: the journal reaches back far enough. */
        TRACE("[21461] connect: seq 4\n"
              "[21462] changes after 3: 4 to 4 of 4\n"
              "[21462] publish passwd shadow at 4\n");
        own->fail_next = 1;
        world_run(&w, 26100);
        TRACE("[26001] connection lost\n" /* the answers in between have put the wait back to 50 ms */
              "[26052] connect: seq 4\n");
}

static void test_journal_too_short(void **state)
{
        (void)state;
        world_run(&w, 100);
        buf_clear(&w.trace);
        own->fail_next = 1;
        for (unsigned i = 0; i < 5; i++)
                world_change(own, 3, i % 2 ? "name=ada|uid=4" : "name=ada|uid=5");
        own->first_seq = 7; /* trimmed */
        world_run(&w, 300);
        TRACE("[  101] connection lost\n"
              "[  152] connect: seq 8\n"
              "[  153] page from 0: 4 directories at 8, the last\n"
              "[  153] publish passwd shadow at 8\n");
}

static uint64_t burst_until;

static void burst(struct world *x)
{
        char props[64];
        for (unsigned i = 0; i < 4 && x->now < burst_until; i++) {
                snprintf(props, sizeof(props), "name=ada|uid=%llu", (unsigned long long)x->site[0].seq);
                world_change(&x->site[0], 3, props);
        }
}

/* A burst of 4 changes per ms: publications stay 5 ms apart, or as far as the last one took. */
static void test_burst(void **state)
{
        (void)state;
        w.quiet = true;
        world_run(&w, 100);
        const unsigned before = w.publications;
        w.meanwhile = burst;
        burst_until = 400;
        world_run(&w, 500);
        assert_int_equal(track_seq(w.post[0].track), own->seq);
        assert_true(own->seq > 1100);
        assert_in_range(w.publications - before, 30,
                        45); /* 300 ms, 2 ms of work and 5 ms of rest, and a call */
        w.publish_ms = 100;
        burst_until = 1100;
        const unsigned middle = w.publications;
        world_run(&w, 1500);
        assert_int_equal(track_seq(w.post[0].track), own->seq);
        assert_in_range(w.publications - middle, 3, 5); /* 100 ms of work, 100 ms of rest */
}

/* A table that is far behind is not published at each step, but not later than after one second either. */
static void test_lag(void **state)
{
        (void)state;
        world_run(&w, 100);
        buf_clear(&w.trace);
        for (unsigned i = 0; i < 9; i++)
                world_change(own, 3, i % 2 ? "name=ada|uid=4" : "name=ada|uid=5");
        own->entries_most = 3;
        world_run(&w, 200);
        TRACE("[  101] changes after 3: 4 to 6 of 12\n"
              "[  102] changes after 6: 7 to 9 of 12\n"
              "[  103] changes after 9: 10 to 12 of 12\n"
              "[  103] publish passwd shadow at 12\n");
        for (unsigned i = 0; i < 3000; i++)
                world_change(own, 3, i % 2 ? "name=ada|uid=4" : "name=ada|uid=5");
        own->entries_most = 1;
        w.quiet = true;
        const unsigned before = w.publications;
        world_run(&w, 2300);
        assert_in_range(w.publications - before, 1, 3);
}

static void test_publishing_fails(void **state)
{
        (void)state;
        world_run(&w, 100);
        buf_clear(&w.trace);
        w.publish_fails = true;
        world_change(own, 3, "name=ada|uid=4");
        world_run(&w, 4000);
        TRACE("[  101] changes after 3: 4 to 4 of 4\n"
              "[  101] publish passwd shadow at 4: failed\n"
              "[ 1103] publish passwd shadow at 4: failed\n"
              "[ 3105] publish passwd shadow at 4: failed\n");
        w.publish_fails = false;
        own->up[0] = false; /* what is known is published without a server, too */
        world_change(own, 2, "name=groups|x=y");
        w.quiet = true;
        world_run(&w, 8000);
        assert_int_equal(w.publications, 2);
}

static void test_day_and_reload(void **state)
{
        (void)state;
        world_run(&w, 100);
        buf_clear(&w.trace);
        w.today++;
        world_run(&w, 31000); /* `change` of somebody may have come */
        TRACE("[  100] publish shadow at 3\n");
        world_reload(&w);
        world_run(&w, 31100);
        TRACE("[31000] reload\n"
              "[31001] connect: seq 3\n"
              "[31002] page from 0: 4 directories at 3, the last\n"
              "[31002] publish passwd group shadow at 3\n");
}

static void test_moves_and_renames(void **state)
{
        (void)state;
        world_create(own, 4, 0, "name=archive");
        world_create(own, 5, 4, "name=old|uid=8");
        world_run(&w, 100);
        buf_clear(&w.trace);
        world_move(own, 5, 1); /* comes without its properties: they are known */
        world_run(&w, 200);
        assert_string_equal(world_said(&w, w.post[0].track)->users, "ada 1  \nold 8  \n");
        world_change(own, 1, "name=people");
        world_change(own, 4, "name=users");
        world_run(&w, 300);
        TRACE("[  101] changes after 5: 6 to 6 of 6\n"
              "[  101] publish passwd shadow at 6\n"
              "[  201] changes after 6: 7 to 8 of 8\n"
              "[  201] publish passwd shadow at 8\n");
        assert_string_equal(world_said(&w, w.post[0].track)->users, "");
}

/* -- random stories: whatever happens, what is published is the domain at that seq (world.c checks each one),
 * and in the end the newest state is out. */
static uint64_t random_state;

static uint32_t below(uint32_t n)
{
        random_state ^= random_state << 13;
        random_state ^= random_state >> 7;
        random_state ^= random_state << 17;
        return (uint32_t)(random_state >> 32) % n;
}

static bool is_childless(const struct world *x, uint32_t object)
{
        for (uint32_t i = 1; i < WORLD_OBJECTS; i++)
                if (x->site[0].node[i].used && x->site[0].node[i].parent == object)
                        return false;
        return true;
}

static void random_change(struct world *x)
{
        static const char *const names[] = {"users", "groups", "ada", "bob"};
        char props[64];
        const uint32_t object = 1 + below(WORLD_OBJECTS - 1), parent = below(4);
        snprintf(props, sizeof(props), "name=%s|uid=%u|shell=/%u", names[below(4)], below(5), below(3));
        if (x->site[0].seq + 2 >= WORLD_CHANGES)
                return;
        if (!x->site[0].node[object].used) {
                if (parent == 0 || (x->site[0].node[parent].used && x->site[0].node[parent].parent == 0))
                        world_create(&x->site[0], object, parent, props);
        } else if (below(3) == 0 && is_childless(x, object)) {
                world_destroy(&x->site[0], object);
        } else if (below(3) == 0 && is_childless(x, object) && object > 3) {
                world_move(&x->site[0], object,
                           x->site[0].node[parent].used && x->site[0].node[parent].parent == 0 ? parent : 0);
        } else {
                world_change(&x->site[0], object, props);
        }
}

static void random_meanwhile(struct world *x)
{
        for (unsigned n = below(3) ? 0 : below(4); n; n--)
                random_change(x);
        x->site[0].page_nodes = 1 + below(6);
        x->site[0].entries_most = 1 + below(5);
        x->site[0].repeat = below(4) == 0;
        x->publish_fails = below(30) == 0;
        x->publish_ms = below(20);
        if (below(150) == 0)
                x->site[0].fail_next = 1 + below(3);
        if (below(300) == 0)
                x->site[0].lose_seq = (int)(x->site[0].seq - below(3));
        if (below(600) == 0)
                world_new_epoch(&x->site[0], x->site[0].seq > 1000 ? below(50) : x->site[0].seq + below(3));
        if (below(200) == 0 && x->site[0].first_seq < x->site[0].seq)
                x->site[0].first_seq = x->site[0].seq;
}

static void test_random(void **state)
{
        (void)state;
        unsigned publications = 0;
        world_end(&w);
        for (unsigned seed = 1; seed <= 300; seed++) {
                random_state = seed * 2654435761u;
                world_begin(&w, 0);
                w.quiet = true;
                w.meanwhile = random_meanwhile;
                world_run(&w, 1500);
                w.meanwhile = NULL;
                own->fail_next = 0;
                own->lose_seq = -1;
                w.publish_fails = false;
                w.publish_ms = 1;
                own->entries_most = 100;
                own->page_nodes = 10;
                world_change(own, 0, "master=a/b"); /* something to hear of */
                world_run(&w, w.now + 120000);
                if (track_seq(w.post[0].track) != own->seq || !track_table(w.post[0].track))
                        fail_msg("seed %u: the agent stands at %llu, the server at %llu", seed,
                                 (unsigned long long)track_seq(w.post[0].track),
                                 (unsigned long long)own->seq);
                assert_int_equal(w.post[0].next.kind, TRACK_CHANGES);
                assert_int_equal(w.schedule.dirty, 0); /* nothing waits to be published */
                publications += w.publications;
                world_end(&w);
        }
        world_begin(&w, 0);
        print_message("%u publications\n", publications);
        assert_true(publications > 2000);
}

/* A server whose snapshot has no end, and tells nothing new, is left; one that does goes on. */
static void test_pages_without_end(void **state)
{
        (void)state;
        const struct servers first = {.v = {{"10.0.0.1", "network"}}, .n = 1};
        const struct track_options o = {.directories = 1000, .bytes = 1 << 20};
        const struct ext_status_result hello = {.epoch = 1, .seq = 5, .first_seq = 1};
        for (uint32_t fresh = 0; fresh < 2; fresh++) {
                struct track *t = track_new(&o, &first);
                struct track_action a;
                track_step(t, &(struct track_event){.kind = TRACK_STARTED}, &a);
                assert_int_equal(a.kind, TRACK_CONNECT);
                track_step(t,
                           &(struct track_event){.kind = TRACK_CONNECTED, .status = &hello, .turn = a.turn},
                           &a);
                for (uint32_t i = 0; i < 100; i++) {
                        struct ext_node node = {.id.object = fresh ? i : 0, .props = BYTES_LIT("\0\0\0\0")};
                        const struct ext_snapshot_result page = {.epoch = 1,
                                                                 .seq = 5,
                                                                 .nodes = &node,
                                                                 .node_count = i % 2 || fresh ? 1 : i == 0,
                                                                 .more = true,
                                                                 .next = i + 1};
                        assert_int_equal(a.kind, TRACK_SNAPSHOT);
                        assert_int_equal(a.from, i);
                        track_step(t,
                                   &(struct track_event){.kind = TRACK_PAGE, .page = &page, .turn = a.turn},
                                   &a);
                        if (!fresh && i == 1)
                                break;
                }
                assert_int_equal(a.kind, fresh ? TRACK_SNAPSHOT : TRACK_WAIT);
                track_free(t);
        }
}

/* A change that does not fit, and then pages that come so slowly, one directory each, that they never end:
 * publishing waits a moment, and not again for the next one. */
static void test_torn_on_purpose(void **state)
{
        (void)state;
        const struct servers first = {.v = {{"10.0.0.1", "network"}}, .n = 1};
        const struct track_options o = {.directories = 1000, .bytes = 1 << 20};
        const struct ext_status_result hello = {.epoch = 1, .seq = 5, .first_seq = 1};
        struct ext_entry lost = {.seq = 9};
        const struct ext_changes_result gap = {.epoch = 1, .seq = 9, .entries = &lost, .entry_count = 1};
        struct ext_node node = {.props = BYTES_LIT("\0\0\0\0")};
        struct ext_snapshot_result page = {.epoch = 1, .seq = 5, .nodes = &node, .node_count = 1};
        struct track *t = track_new(&o, &first);
        struct track_event e = {.kind = TRACK_STARTED, .status = &hello, .page = &page, .changes = &gap};
        struct track_action a;
        uint64_t held = 0;
        track_step(t, &e, &a);
        for (unsigned i = 0; i < 2000; i++, e.now += 100) { /* 200 s */
                const bool current = track_is_current(t);
                e.turn = a.turn;
                e.kind = a.kind == TRACK_CONNECT    ? TRACK_CONNECTED
                         : a.kind == TRACK_SNAPSHOT ? TRACK_PAGE
                         : a.kind == TRACK_CHANGES  ? TRACK_ENTRIES
                                                    : TRACK_WOKE;
                node.id.object = a.from;
                page.next = a.from + 1;
                page.more = a.from < 900 && track_is_torn(t); /* the first time at once */
                track_step(t, &e, &a);
                assert_true(!current || track_is_torn(t));
                held += track_holds(t, e.now) ? 100 : 0;
        }
        assert_in_range(held, 4 * 1000, 5 * TRACK_TORN_MS);
        track_free(t);
}

static int begin(void **state)
{
        (void)state;
        world_begin(&w, 0);
        return 0;
}

static int end(void **state)
{
        (void)state;
        world_end(&w);
        return 0;
}

#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
        const struct CMUnitTest tests[] = {
                T(test_first_images),
                T(test_large_deltas_wait_for_quiet),
                T(test_snapshot_among_changes),
                T(test_gap_and_repetition),
                T(test_new_epoch),
                T(test_epochs_at_speed),
                T(test_same_again),
                T(test_server_away),
                T(test_journal_too_short),
                T(test_burst),
                T(test_lag),
                T(test_publishing_fails),
                T(test_day_and_reload),
                T(test_moves_and_renames),
                T(test_pages_without_end),
                T(test_torn_on_purpose),
                T(test_random),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
