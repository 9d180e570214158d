/* Stories of several domains (doc/agent.md "The chain"): found, followed through any of their servers, and
 * never forgotten because somebody is away. */
#include "world.h"

#include "../../lib/sized.h"

static struct world w;
static struct site *const own = &w.site[0], *const mid = &w.site[1], *const top = &w.site[2];

#define TRACE(want)                                                                  \
        do {                                                                         \
                assert_string_equal(arena_str(&w.arena, buf_bytes(&w.trace)), want); \
                buf_clear(&w.trace);                                                 \
        } while (0)

static void bind_three(void)
{
        world_bind(&w, 0, 1);
        world_bind(&w, 1, 2);
}

static void quiet_until(uint64_t now)
{
        world_run(&w, now);
        buf_clear(&w.trace);
}

static void test_found_one_after_the_other(void **state)
{
        (void)state;
        bind_three();
        world_run(&w, 100);
        TRACE("[    1] 0 connect: seq 6\n"
              "[    3] 0 page from 0: 7 directories at 6, the last\n"
              "[    3] 1 connect: seq 6\n"
              "[    3] publish passwd group shadow of 1 at 6\n"
              "[    6] 1 page from 0: 7 directories at 6, the last\n"
              "[    6] 2 connect: seq 6\n"
              "[    8] 2 page from 0: 7 directories at 6, the last\n"
              "[   10] publish passwd group shadow of 3 at 6\n");
        assert_int_equal(w.posts, 3);
        world_change(top, 3, "name=ada|uid=1|shell=/bin/zsh");
        world_run(&w, 200);
        TRACE("[  101] 2 changes after 6: 7 to 7 of 7\n"
              "[  101] publish passwd of 3 at 6\n");
}

static void test_parent_comes_later(void **state)
{
        (void)state;
        own->above = TRACK_SILENT;
        quiet_until(20000);
        assert_int_equal(w.posts, 1);
        world_bind(&w, 0, 1);
        world_run(&w, 26000); /* asked every 5 s at least */
        assert_int_equal(w.posts, 2);
        assert_int_equal(w.shown, 2);
}

static void test_dead_parent_hides_nobody(void **state)
{
        (void)state;
        bind_three();
        quiet_until(100);
        mid->up[0] = mid->up[1] = false;
        own->above = TRACK_SILENT; /* its own server has lost it, too */
        world_run(&w, 20000);
        assert_int_equal(w.posts, 3);
        buf_clear(&w.trace);
        world_change(top, 3, "name=ada|uid=1|shell=/bin/a"); /* the root is followed all the same */
        world_change(own, 3, "name=ada|uid=1|shell=/bin/b");
        world_run(&w, 20100);
        TRACE("[20001] 0 changes after 6: 7 to 7 of 7\n"
              "[20001] 2 changes after 6: 7 to 7 of 7\n"
              "[20001] publish passwd of 3 at 7\n");
        world_change(mid, 3, "name=ada|uid=2");
        mid->up[0] = true;
        world_run(&w, 26000);
        assert_int_equal(track_seq(w.post[1].track), mid->seq);
}

static void test_another_server_goes_on(void **state)
{
        (void)state;
        bind_three();
        quiet_until(100);
        mid->up[0] = false;
        world_change(mid, 3, "name=ada|uid=2");
        world_run(&w, 300);
        TRACE("[  101] 1 connection lost\n"
              "[  152] 1 connect: nobody\n" /* the one that was named comes first */
              "[  153] 1 connect the clone: seq 7\n"
              "[  155] 1 changes after 6: 7 to 7 of 7\n" /* from where it was */
              "[  155] publish passwd shadow of 3 at 6\n");
        assert_int_equal(track_counts(w.post[1].track).snapshots, 1);
}

static void test_clone_that_is_behind(void **state)
{
        (void)state;
        bind_three();
        quiet_until(100);
        world_change(mid, 3, "name=ada|uid=2");
        quiet_until(200);
        mid->up[0] = false;
        mid->late = 1;
        quiet_until(3000);
        assert_int_equal(track_seq(w.post[1].track), 7); /* what is known does not become older */
        assert_int_equal(track_counts(w.post[1].track).snapshots, 1);
        mid->late = 0;
        world_change(mid, 3, "name=ada|uid=3");
        world_run(&w, 9000);
        assert_int_equal(track_seq(w.post[1].track), 8);
        assert_int_equal(track_counts(w.post[1].track).snapshots, 1);
}

static void test_root_ends_the_chain(void **state)
{
        (void)state;
        bind_three();
        quiet_until(100);
        mid->above = TRACK_ROOT;
        world_run(&w, 6000);
        assert_int_equal(w.posts, 2);
        assert_int_equal(w.shown, 2);
        world_bind(&w, 1, 2);
        world_run(&w, 12000);
        assert_int_equal(w.posts, 3);
        assert_int_equal(w.shown, 3);
}

static void test_another_domain_above(void **state)
{
        (void)state;
        bind_three();
        quiet_until(100);
        world_bind(&w, 0, 3); /* instead of 1; and 3 is the root */
        w.site[3].up[0] = w.site[3].up[1] = false;
        world_run(&w, 10000);
        assert_int_equal(w.posts, 3); /* nobody has gone: 3 cannot be read */
        assert_int_equal(track_uuid(w.post[1].track)[0], 2);
        w.site[3].up[0] = true;
        world_run(&w, 20000);
        assert_int_equal(w.posts, 2);
        assert_int_equal(track_uuid(w.post[1].track)[0], 4);
}

static void test_circle(void **state)
{
        (void)state;
        bind_three();
        world_bind(&w, 2, 1);
        world_run(&w, 20000);
        assert_int_equal(w.posts, 3);
        assert_int_equal(w.shown, 3);
}

static void test_too_large(void **state)
{
        (void)state;
        world_end(&w);
        world_begin(&w, 5000);
        bind_three();
        quiet_until(100);
        w.post[1].next.wait_ms = 0;
        const struct track_options o = {.ask_ms = 5000, .directories = 8, .bytes = 1000000, .listed = true};
        track_configure(w.post[1].track, &o, NULL);
        world_create(mid, 8, 1, "name=bob|uid=2");
        world_create(mid, 9, 1, "name=eve|uid=3");
        world_run(&w, 1000);
        assert_true(track_is_too_large(w.post[1].track));
        assert_int_equal(w.shown, 3); /* what was known stays */
        world_destroy(mid, 8);
        world_destroy(mid, 9);
        world_run(&w, 70000); /* a minute later */
        assert_false(track_is_too_large(w.post[1].track));
        assert_int_equal(track_seq(w.post[1].track), mid->seq);
}

/* A parent without a journal: read when its checksum is another one, and kept while it is away. */
static void test_historical(void **state)
{
        (void)state;
        bind_three();
        mid->old = true;
        world_run(&w, 100);
        TRACE("[    1] 0 connect: seq 6\n"
              "[    3] 0 page from 0: 7 directories at 6, the last\n"
              "[    3] publish passwd group shadow of 1 at 6\n"
              "[    6] 1 read at 6\n"
              "[    6] 2 connect: seq 6\n"
              "[    8] 2 page from 0: 7 directories at 6, the last\n"
              "[   10] publish passwd group shadow of 3 at 6\n");
        world_change(mid, 3, "name=ada|uid=1|shell=/bin/a");
        world_change(mid, 3, "name=ada|uid=1|shell=/bin/b");
        world_run(&w, 16000);
        TRACE("[15010] 1 read at 8\n"
              "[15010] publish passwd of 3 at 6\n");
        mid->up[0] = mid->up[1] = false;
        quiet_until(100000);
        assert_int_equal(w.posts, 3);
        assert_int_equal(w.shown, 3);
        world_change(mid, 3, "name=ada|uid=1|shell=/bin/c");
        mid->up[0] = true;
        world_run(&w, 106000);
        assert_int_equal(track_seq(w.post[1].track), 9);
        assert_int_equal(track_tables(w.post[1].track), 3);
}

/* -- random stories */
static uint64_t random_state;

static uint32_t below(uint32_t n)
{
        random_state ^= random_state << 13;
        random_state ^= random_state >> 7;
        random_state ^= random_state << 17;
        return (uint32_t)(random_state >> 32) % n;
}

static void random_change(struct site *s)
{
        const uint32_t object = 4 + below(20);
        char props[64];
        snprintf(props, sizeof(props), "name=n%u|uid=%u|shell=/%u", below(9), below(9), below(3));
        if (s->seq + 2 >= WORLD_CHANGES)
                return;
        if (!s->node[object].used)
                world_create(s, object, 1 + below(2), props);
        else if (below(3) == 0)
                world_destroy(s, object);
        else
                world_change(s, object, props);
}

/* Cuts, clones that lag, servers restored to another epoch, journals that end, chains that change. */
static void random_meanwhile(struct world *x)
{
        struct site *s = &x->site[below(WORLD_SITES)];
        if (below(3) == 0)
                random_change(s);
        s->page_nodes = 1 + below(6);
        s->entries_most = 1 + below(5);
        if (below(50) == 0)
                s->up[below(WORLD_SERVERS)] = below(3) != 0;
        if (below(80) == 0)
                s->late = below(4);
        if (below(100) == 0)
                s->fail_next = 1 + below(3);
        if (below(200) == 0)
                s->lose_seq = (int)(s->seq - below(3));
        if (below(400) == 0)
                world_new_epoch(s, s->seq > 1000 ? below(50) : s->seq + below(3));
        if (below(150) == 0 && s->first_seq < s->seq)
                s->first_seq = s->seq;
        if (below(400) == 0)
                s->above = s->index + 1 < WORLD_SITES && below(2) ? TRACK_SILENT : TRACK_ROOT;
        else if (below(100) == 0 && s->index + 1 < WORLD_SITES)
                world_bind(x, s->index, s->index + 1 + below(WORLD_SITES - s->index - 1));
        x->publish_fails = below(30) == 0;
        x->publish_ms = below(20);
}

static unsigned settle(unsigned seed)
{
        unsigned levels = 1;
        for (unsigned i = 0; i < WORLD_SITES; i++) {
                struct site *s = &w.site[i];
                s->up[0] = s->up[1] = true;
                s->late = s->fail_next = 0;
                s->lose_seq = -1;
                s->page_nodes = s->entries_most = 50;
                if (s->above == TRACK_SILENT)
                        s->above = TRACK_ROOT;
        }
        w.meanwhile = NULL;
        w.publish_fails = false;
        w.publish_ms = 1;
        world_run(&w, w.now + 120000);
        struct site *s = own;
        for (unsigned i = 0; i < w.posts; i++) {
                const struct track *t = w.post[i].track;
                if (track_uuid(t)[0] != s->index + 1 || track_seq(t) != s->seq || track_epoch(t) != s->epoch)
                        fail_msg("seed %u: level %u is %u at %llu, not %u at %llu", seed, i,
                                 track_uuid(t)[0] - 1, (unsigned long long)track_seq(t), s->index,
                                 (unsigned long long)s->seq);
                if (s->above != TRACK_PARENT)
                        break;
                s = &w.site[s->above_site];
                levels++;
        }
        if (w.posts != levels || w.shown != levels || w.schedule.dirty)
                fail_msg("seed %u: %u levels, %u shown, of %u", seed, w.posts, w.shown, levels);
        return levels;
}

static void test_random(void **state)
{
        const unsigned seeds = sized("NI_TEST_STEPS", 20, 60, 600);
        unsigned publications = 0, levels = 0;
        (void)state;
        world_end(&w);
        for (unsigned seed = 1; seed <= seeds; seed++) {
                random_state = seed * 2654435761u;
                world_begin(&w, 500);
                w.quiet = true;
                w.meanwhile = random_meanwhile;
                world_run(&w, 3000);
                levels += settle(seed);
                publications += w.publications;
                world_end(&w);
        }
        world_begin(&w, 500);
        print_message("%u publications, %u levels of %u stories\n", publications, levels, seeds);
        assert_true(publications > 20 * seeds && levels > seeds * 3 / 2);
}

static int begin(void **state)
{
        (void)state;
        world_begin(&w, 5000);
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
                T(test_found_one_after_the_other),
                T(test_parent_comes_later),
                T(test_dead_parent_hides_nobody),
                T(test_another_server_goes_on),
                T(test_clone_that_is_behind),
                T(test_root_ends_the_chain),
                T(test_another_domain_above),
                T(test_circle),
                T(test_too_large),
                T(test_historical),
                T(test_random),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
