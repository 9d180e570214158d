/* Random stories of finding a parent and keeping it: hosts go and come, datagrams are lost, late, double and
 * forged; in the end all is well within the longest wait (doc/binding.md). */
#include "world.h"

#include "../../lib/sized.h"

static struct world w;

static void stir(struct world *x)
{
        struct host *h = &x->host[world_below(x, x->hosts)];
        switch (world_below(x, 40)) {
        case 0:
        case 1:
                h->up = !h->up;
                break;
        case 2:
                h->udp_port = (uint16_t)(1 + world_below(x, 65535));
                break;
        case 3:
                h->no_network = !h->no_network;
                world_tell(x, h, BINDING_CHANGED);
                break;
        case 4:
                world_tell(x, h, BINDING_FORGET);
                break;
        case 5:
                x->lose_percent = world_below(x, 60);
                break;
        case 6:
                h->ours = !h->ours;
                break;
        case 7:
        case 8:
                world_tell(x, h, BINDING_ASKED);
                break;
        case 9:
                h->slow_climb = !h->slow_climb;
                break;
        default:
                break;
        }
}

/* Levels of three servers each: every one may bind to any of the level above. */
static void build(unsigned seed)
{
        static const char *const tags[] = {"local", "dept", "network"};
        world_begin(&w, seed);
        w.quiet = true;
        for (unsigned i = 0; i < 9; i++) {
                struct host *h = world_host(&w, tags[i / 3]);
                h->mapper = h->callit = i % 2;
                h->broadcast = h->knows = true;
        }
        for (unsigned i = 0; i < 6; i++) {
                for (unsigned k = 0; k < 3; k++)
                        world_candidate(&w.host[i], w.host[3 + i / 3 * 3 + k].addr, tags[i / 3 + 1]);
                if (i == 0) /* this one knows only that somebody is there */
                        w.host[i].candidate[0].addr = BINDING_BROADCAST, w.host[i].candidates = 1;
        }
        for (unsigned i = 0; i < 9; i++)
                world_start(&w, &w.host[i]);
}

static void calm(void)
{
        w.meanwhile = NULL;
        w.lose_percent = w.late_percent = w.double_percent = w.foreign_percent = 0;
        for (unsigned i = 0; i < w.hosts; i++) {
                struct host *h = &w.host[i];
                h->up = h->ours = true;
                h->slow_climb = false;
                if (h->no_network) {
                        h->no_network = false;
                        world_tell(&w, h, BINDING_CHANGED);
                }
        }
}

static unsigned hierarchies(void)
{
        return sized("NI_TEST_STEPS", 60, 60, 6000); /* some 300 events each */
}

static void test_random(void **state)
{
        const unsigned seeds = hierarchies();
        unsigned bounds = 0;
        (void)state;
        for (unsigned seed = 1; seed <= seeds; seed++) {
                build(seed);
                w.late_percent = seed % 3 * 10;
                w.double_percent = seed % 4 * 10;
                w.foreign_percent = seed % 5 * 20;
                w.meanwhile = stir;
                world_run(&w, 200000);
                calm();
                world_run(&w, w.now + 500000);
                for (unsigned i = 0; i < 9; i++) {
                        const enum binding_state want = i < 6 ? BINDING_IS_BOUND : BINDING_IS_ROOT;
                        if (world_answer(&w.host[i]).state != want)
                                fail_msg("seed %u: host %u is in state %d", seed, i,
                                         world_answer(&w.host[i]).state);
                        bounds += w.host[i].bounds;
                }
                world_end(&w);
        }
        print_message("bound %u times\n", bounds);
        assert_true(bounds > 6 * seeds); /* they were lost and found */
}

/* Every host names every other one as its parent: whatever happens, no loop lasts. */
static void test_random_loops(void **state)
{
        static const char *const tags[] = {"a", "b", "c", "d", "e"};
        (void)state;
        for (unsigned seed = 1; seed <= hierarchies(); seed++) {
                world_begin(&w, seed);
                w.quiet = true;
                for (unsigned i = 0; i < 5; i++)
                        world_host(&w, tags[i]);
                for (unsigned i = 0; i < 5; i++)
                        for (unsigned k = 0; k < 5; k++)
                                if (i != k)
                                        world_candidate(&w.host[i], w.host[k].addr, tags[k]);
                for (unsigned i = 0; i < 5; i++)
                        world_start(&w, &w.host[i]);
                world_run(&w, 900000); /* refused for 7.5 to 12.5 min, then tried once more */
                unsigned roots = 0;
                for (unsigned i = 0; i < 5; i++) {
                        struct binding_answer a = world_answer(&w.host[i]);
                        unsigned levels = 0;
                        roots += a.state != BINDING_IS_BOUND;
                        while (a.state == BINDING_IS_BOUND && levels++ < 10)
                                for (unsigned k = 0; k < 5; k++)
                                        if (w.host[k].addr == a.parent.addr) {
                                                a = world_answer(&w.host[k]);
                                                break;
                                        }
                        if (levels >= 10)
                                fail_msg("seed %u: host %u climbs for ever", seed, i);
                }
                assert_true(roots >= 1);
                world_end(&w);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_random),
                cmocka_unit_test(test_random_loops),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
