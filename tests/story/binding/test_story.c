/* Stories of finding a parent and keeping it (doc/binding.md), word for word: chance has no say here. */
#include "world.h"

static struct world w;

#define TRACE(want)                                                                  \
        do {                                                                         \
                assert_string_equal(arena_str(&w.arena, buf_bytes(&w.trace)), want); \
                buf_clear(&w.trace);                                                 \
        } while (0)

static bool is_bound(const struct host *h, const struct host *to)
{
        const struct binding_answer a = world_answer(h);
        return a.state == BINDING_IS_BOUND && a.parent.addr == to->addr && strcmp(a.parent.tag, to->tag) == 0;
}

static enum binding_state state_of(const struct host *h)
{
        return world_answer(h).state;
}

/* -- finding -- */

static void test_direct(void **state)
{
        (void)state;
        struct host *us = world_host(&w, "local"), *parent = world_host(&w, "network");
        world_candidate(us, parent->addr, "network");
        world_start(&w, us);
        assert_int_equal(state_of(us), BINDING_IS_UNKNOWN);
        world_run(&w, 20000);
        TRACE("[     1] GETREGISTER 10.0.0.2:987\n"
              "[     1] GETPORT 10.0.0.2:111\n"
              "[     6] bound to 10.0.0.2/network: answers\n"
              "[ 10440] GETREGISTER 10.0.0.2:987\n"); /* before the first climb after binding */
        assert_true(is_bound(us, parent));
}

static void test_through_port_mapper(void **state)
{
        (void)state;
        struct host *us = world_host(&w, "local"), *parent = world_host(&w, "network");
        parent->ours = false;
        parent->mapper = true;
        world_candidate(us, parent->addr, "network");
        world_start(&w, us);
        world_run(&w, 100);
        TRACE("[     1] GETREGISTER 10.0.0.2:987\n"
              "[     1] GETPORT 10.0.0.2:111\n"
              "[     3] GETREGISTER 10.0.0.2:660\n"
              "[     5] PING 10.0.0.2:702\n"
              "[    10] bound to 10.0.0.2/network: answers\n");
}

static void test_named_port(void **state)
{
        (void)state;
        struct host *us = world_host(&w, "local"), *parent = world_host(&w, "network");
        parent->mapper = true; /* its binder is at 660; the port mapper is not asked */
        parent->ours = false;
        world_candidate(us, parent->addr, "network");
        us->candidate[0].port = 660;
        world_start(&w, us);
        world_run(&w, 100);
        TRACE("[     1] GETREGISTER 10.0.0.2:660\n"
              "[     6] bound to 10.0.0.2/network: answers\n");
}

static void test_wrong_tag(void **state)
{
        (void)state;
        struct host *us = world_host(&w, "local"), *parent = world_host(&w, "network");
        world_candidate(us, parent->addr, "elsewhere");
        world_start(&w, us);
        world_run(&w, 5000);
        TRACE("[     1] GETREGISTER 10.0.0.2:987\n"
              "[     1] GETPORT 10.0.0.2:111\n" /* NI_NOTAG ends the probe; then it is asked */
              "[     3] CALLIT 10.0.0.2:111\n"
              "[     3] BIND 10.0.0.2:987\n"
              "[   503] CALLIT 10.0.0.2:111\n"
              "[   503] BIND 10.0.0.2:987\n"
              "[  1003] CALLIT 10.0.0.2:111\n"
              "[  1003] BIND 10.0.0.2:987\n"
              "[  2003] CALLIT 10.0.0.2:111\n"
              "[  2003] BIND 10.0.0.2:987\n"
              "[  4003] silent: nobody answers\n");
        assert_int_equal(state_of(us), BINDING_IS_SILENT);
}

static void test_served_here(void **state)
{
        (void)state;
        struct host *us = world_host(&w, "local"), *same = world_host(&w, "network");
        same->addr = us->addr;
        same->up = false; /* no door is open for datagrams */
        world_candidate(us, us->addr, "network");
        us->candidate[0].here = true;
        world_start(&w, us);
        world_run(&w, 100000);
        TRACE("[     4] bound to 10.0.0.1/network: this server\n");
        assert_int_equal(w.sent, 0);
        us->candidate[0].here = false; /* the domain was destroyed */
        world_run(&w, 200000);
        assert_int_equal(state_of(us), BINDING_IS_SILENT);
}

static void test_dead_one_costs_half_a_second(void **state)
{
        unsigned first = 0;
        (void)state;
        for (unsigned seed = 1; seed <= 40; seed++) {
                world_end(&w);
                world_begin(&w, seed);
                struct host *us = world_host(&w, "local"), *dead = world_host(&w, "network"),
                            *living = world_host(&w, "network");
                dead->up = false;
                world_candidate(us, dead->addr, "network");
                world_candidate(us, living->addr, "network");
                world_start(&w, us);
                world_run(&w, 499);
                first += is_bound(us, living);
                world_run(&w, 520);
                assert_true(is_bound(us, living));
        }
        assert_in_range(first, 8, 32); /* shuffled: each of the two comes first now and then */
}

static void test_nearest_first(void **state)
{
        (void)state;
        for (unsigned seed = 1; seed <= 40; seed++) {
                world_end(&w);
                world_begin(&w, seed);
                struct host *us = world_host(&w, "local"), *far = world_host(&w, "network"),
                            *near = world_host(&w, "network"), *own = world_host(&w, "network");
                far->addr = IP(10, 9, 0, 2);
                own->addr = us->addr;
                own->udp_port = 800;
                world_candidate(us, far->addr, "network");
                world_candidate(us, near->addr, "network");
                if (seed % 2)
                        world_candidate(us, own->addr, "network");
                us->ours = seed % 2 == 0; /* own answers there, or nobody */
                own->up = seed % 2 == 1;
                world_start(&w, us);
                world_run(&w, 400);
                assert_true(is_bound(us, seed % 2 ? own : near));
        }
}

static void test_broadcast(void **state)
{
        (void)state;
        struct host *us = world_host(&w, "local"), *silent = world_host(&w, "network"),
                    *other = world_host(&w, "other"), *parent = world_host(&w, "network");
        silent->broadcast = other->broadcast = parent->broadcast = true; /* it does not know us */
        parent->knows = other->knows = true;
        world_candidate(us, BINDING_BROADCAST, "network");
        world_start(&w, us);
        world_run(&w, 100);
        TRACE("[     1] CALLIT 10.0.0.255:111\n"
              "[     1] BIND 10.0.0.255:987\n"
              "[     6] bound to 10.0.0.4/network: answers\n");
        /* Checks are of the sender. */
        world_run(&w, 20000);
        TRACE("[  7772] GETREGISTER 10.0.0.4:987\n"
              "[  7772] GETPORT 10.0.0.4:111\n");
}

static void test_callit(void **state)
{
        (void)state;
        struct host *us = world_host(&w, "local"), *parent = world_host(&w, "network");
        parent->broadcast = parent->knows = parent->mapper = parent->callit = true;
        parent->ours = false;
        world_candidate(us, BINDING_BROADCAST, "network");
        world_start(&w, us);
        world_run(&w, 100);
        assert_true(is_bound(us, parent));
}

/* Nobody answers a probe; the rounds go from near to far. */
static void test_rounds(void **state)
{
        (void)state;
        struct host *us = world_host(&w, "local"), *far = world_host(&w, "network");
        far->addr = IP(10, 9, 0, 2);
        world_candidate(us, far->addr, "other");  /* NI_NOTAG at once */
        world_candidate(us, us->addr, "network"); /* and here, too */
        world_candidate(us, BINDING_BROADCAST, "network");
        world_start(&w, us);
        world_run(&w, 14000);
        const char *t = arena_str(&w.arena, buf_bytes(&w.trace));
        const char *own = strstr(t, "BIND 10.0.0.1:987"), *all = strstr(t, "BIND 10.0.0.255:987"),
                   *last = strstr(t, "BIND 10.9.0.2:987");
        assert_true(own && all && last && own < all && all < last);
        unsigned n[3] = {0};
        for (const char *at = t; (at = strstr(at, "BIND ")); at++)
                n[strncmp(at + 5, "10.0.0.1:", 9) == 0 ? 0 : strncmp(at + 5, "10.0.0.2", 8) == 0 ? 1 : 2]++;
        assert_int_equal(n[0], 12); /* in all three rounds */
        assert_int_equal(n[1], 8);
        assert_int_equal(n[2], 4);
}

/* -- nobody -- */

static void test_waits_grow(void **state)
{
        (void)state;
        uint64_t last = 0, wait = 5000;
        struct host *us = world_host(&w, "local"), *parent = world_host(&w, "network");
        parent->up = false;
        world_candidate(us, parent->addr, "network");
        world_start(&w, us);
        for (unsigned attempt = 0; attempt < 12; attempt++) {
                const uint64_t sent = w.sent;
                while (w.sent == sent) /* the next attempt begins */
                        world_run(&w, w.now + 1);
                if (attempt) { /* the last attempt took 6 s: 2 of probing, 4 of asking */
                        assert_in_range(w.now - last - 6000, wait * 3 / 4, wait * 5 / 4 + 5);
                        wait = wait * 2 < 300000 ? wait * 2 : 300000;
                }
                last = w.now;
                world_run(&w, w.now + 6001);
        }
        assert_true(wait == 300000);
        const uint64_t sent = w.sent;
        world_tell(&w, us, BINDING_ASKED); /* brings it forward to 30 s after the end of the last one */
        world_run(&w, last + 35900);
        assert_int_equal(w.sent, sent);
        parent->up = true;
        world_run(&w, last + 36100);
        assert_true(is_bound(us, parent));
}

static void test_root_and_forced(void **state)
{
        (void)state;
        struct host *us = world_host(&w, "local"), *parent = world_host(&w, "network");
        world_candidate(us, us->addr, "local"); /* ourselves */
        world_candidate(us, IP(127, 0, 1, 1), "local");
        world_candidate(us, 0, "network");
        us->own[us->owns++] = (struct binding_server){parent->addr, "copy"}; /* a clone of this domain */
        world_candidate(us, parent->addr, "copy");
        world_start(&w, us);
        world_run(&w, 3000);
        TRACE("[     1] silent: no candidate can be reached from here\n");
        us->candidates = 0;
        world_tell(&w, us, BINDING_CHANGED);
        world_run(&w, 4000);
        TRACE("[  3001] root: no candidates\n");
        assert_int_equal(state_of(us), BINDING_IS_ROOT);
        us->forced = true;
        world_candidate(us, parent->addr, "network");
        world_tell(&w, us, BINDING_CHANGED);
        world_run(&w, 5000);
        TRACE("[  4001] root: forced\n");
        assert_int_equal(state_of(us), BINDING_IS_FORCED);
        us->forced = false;
        world_tell(&w, us, BINDING_CHANGED); /* at once, not after ten minutes */
        world_run(&w, 5100);
        assert_true(is_bound(us, parent));
        us->forced = true;
        world_tell(&w, us, BINDING_FORGET);
        world_run(&w, 5200);
        assert_int_equal(state_of(us), BINDING_IS_FORCED);
        assert_int_equal(w.sent, 2);
}

/* -- keeping -- */

static void test_parent_dies(void **state)
{
        (void)state;
        struct host *us = world_host(&w, "local"), *a = world_host(&w, "network"),
                    *b = world_host(&w, "network");
        world_candidate(us, a->addr, "network");
        world_candidate(us, b->addr, "network");
        world_start(&w, us);
        world_run(&w, 40000);
        struct host *old = is_bound(us, a) ? a : b, *other = old == a ? b : a;
        assert_true(is_bound(us, old));
        old->up = false;
        const uint64_t since = w.now;
        while (is_bound(us, old)) { /* the old answer stands until there is another one */
                world_run(&w, w.now + 1);
                assert_true(w.now - since < 45000);
        }
        assert_true(is_bound(us, other)); /* never root, never silent in between */
        assert_in_range(w.now - since, 4000, 37500 + 4000 + 600);
        other->up = false; /* now nobody */
        world_run(&w, w.now + 120000);
        assert_int_equal(state_of(us), BINDING_IS_SILENT);
        old->up = true;
        world_tell(&w, us, BINDING_ASKED);
        world_run(&w, w.now + 36000);
        assert_true(is_bound(us, old));
}

static void test_asked(void **state)
{
        (void)state;
        struct host *us = world_host(&w, "local"), *parent = world_host(&w, "network");
        world_candidate(us, parent->addr, "network");
        world_start(&w, us);
        world_run(&w, 50000);
        while (w.now < 300000) { /* just checked */
                const uint64_t sent = w.sent;
                world_run(&w, w.now + 1);
                if (w.sent != sent)
                        break;
        }
        world_run(&w, w.now + 10);
        parent->up = false;
        const uint64_t sent = w.sent, since = w.now;
        world_run(&w, since + 4000);
        world_tell(&w, us, BINDING_ASKED); /* it answered 4 s ago: that is fresh enough */
        world_run(&w, since + 5500);
        assert_int_equal(w.sent, sent);
        world_tell(&w, us, BINDING_ASKED);
        world_run(&w, since + 5510);
        assert_int_equal(w.sent, sent + 1);
        assert_true(is_bound(us, parent)); /* the caller hears what is known, now */
        world_run(&w, since + 5500 + 4000 + 6000 + 100);
        assert_int_equal(state_of(us), BINDING_IS_SILENT);
}

static void test_another_port(void **state)
{
        (void)state;
        struct host *us = world_host(&w, "local"), *parent = world_host(&w, "network");
        parent->mapper = true;
        parent->ours = false;
        world_candidate(us, parent->addr, "network");
        world_start(&w, us);
        world_run(&w, 15000);
        assert_non_null(strstr(arena_str(&w.arena, buf_bytes(&w.trace)), "PING 10.0.0.2:702"));
        parent->udp_port = 999; /* started anew */
        buf_clear(&w.trace);
        world_run(&w, 60000);
        assert_true(is_bound(us, parent));
        assert_int_equal(us->bounds, 1);
        assert_non_null(strstr(arena_str(&w.arena, buf_bytes(&w.trace)), "PING 10.0.0.2:999"));
        parent->mapper = false; /* and now without a port mapper */
        parent->ours = true;
        world_run(&w, 110000);
        assert_true(is_bound(us, parent));
        assert_int_equal(us->bounds, 1);
        assert_null(strstr(arena_str(&w.arena, buf_bytes(&w.trace)), "lost"));
}

static void test_network_goes_and_comes(void **state)
{
        (void)state;
        struct host *us = world_host(&w, "local"), *parent = world_host(&w, "network");
        world_candidate(us, parent->addr, "network");
        world_start(&w, us);
        world_run(&w, 20000);
        buf_clear(&w.trace);
        us->no_network = true;
        world_tell(&w, us, BINDING_CHANGED);
        world_run(&w, 30000);
        TRACE("[ 20001] lost 10.0.0.2/network: no longer a candidate, or not to be reached from here\n"
              "[ 20001] silent: no candidate can be reached from here\n");
        us->no_network = false;
        world_tell(&w, us, BINDING_CHANGED);
        world_run(&w, 30100);
        assert_true(is_bound(us, parent));
}

static void test_cut_without_news(void **state)
{
        (void)state;
        struct host *us = world_host(&w, "local"), *parent = world_host(&w, "network");
        world_candidate(us, parent->addr, "network");
        world_start(&w, us);
        world_run(&w, 20000);
        w.lose_percent = 100; /* the cable is out, nobody is told */
        world_run(&w, 100000);
        assert_int_equal(state_of(us), BINDING_IS_SILENT);
        w.lose_percent = 0;
        world_run(&w, 800000); /* nobody asks: it heals by itself, at the latest after 5 min and a quarter */
        assert_true(is_bound(us, parent));
}

static void test_candidates_change(void **state)
{
        (void)state;
        struct host *us = world_host(&w, "local"), *a = world_host(&w, "network"),
                    *b = world_host(&w, "network");
        a->addr = IP(10, 9, 0, 2);
        world_candidate(us, a->addr, "network");
        world_start(&w, us);
        world_run(&w, 1000);
        assert_true(is_bound(us, a));
        world_candidate(us, b->addr, "network"); /* nearer: but what lives stays */
        world_tell(&w, us, BINDING_CHANGED);
        world_run(&w, 60000);
        assert_true(is_bound(us, a));
        us->candidate[0] = us->candidate[1];
        us->candidates = 1;
        world_tell(&w, us, BINDING_CHANGED);
        world_run(&w, 61000);
        assert_true(is_bound(us, b));
        world_candidate(us, a->addr, "network");
        b->up = false;
        world_tell(&w, us, BINDING_FORGET);
        world_run(&w, 63000);
        assert_true(is_bound(us, a));
}

/* Something changes while an attempt runs: it is looked at once more afterwards. */
static void test_change_during_attempt(void **state)
{
        (void)state;
        struct host *us = world_host(&w, "local"), *dead = world_host(&w, "network"),
                    *parent = world_host(&w, "network");
        dead->up = false;
        world_candidate(us, dead->addr, "network");
        world_start(&w, us);
        world_run(&w, 1000);
        world_candidate(us, parent->addr, "network");
        world_tell(&w, us, BINDING_CHANGED);
        world_run(&w, 7200); /* 6 s for the attempt; then at once */
        assert_true(is_bound(us, parent));
}

/* -- loops -- */

static void test_loop_is_refused(void **state)
{
        (void)state;
        struct host *us = world_host(&w, "one"), *two = world_host(&w, "two"),
                    *three = world_host(&w, "three");
        world_candidate(us, two->addr, "two");
        world_candidate(two, three->addr, "three");
        world_candidate(three, us->addr, "one");
        world_start(&w, two);
        world_run(&w, 1000);
        world_start(&w, three);
        world_run(&w, 2000);
        assert_true(is_bound(two, three) && is_bound(three, us));
        world_start(&w, us);
        world_run(&w, 10000);
        TRACE("[  2001] GETREGISTER 10.0.0.2:987\n"
              "[  2001] GETPORT 10.0.0.2:111\n"
              "[  2006] loop by 10.0.0.2/two: it has this domain above itself\n"
              "[  2006] silent: only servers that would make a loop\n");
        assert_int_equal(state_of(us), BINDING_IS_LOOPED);
        struct host *other = world_host(&w, "two"); /* another server of that domain, and no loop */
        world_candidate(us, other->addr, "two");
        world_tell(&w, us, BINDING_CHANGED);
        world_run(&w, 11000);
        assert_true(is_bound(us, other));
        world_run(&w, 2000000); /* the refused one is forgotten by then, but the other one lives */
        assert_true(is_bound(us, other));
}

static void test_loop_ends(void **state)
{
        (void)state;
        struct host *us = world_host(&w, "one"), *two = world_host(&w, "two");
        world_candidate(us, two->addr, "two");
        world_candidate(two, us->addr, "one");
        world_start(&w, two);
        world_run(&w, 1000);
        world_start(&w, us);
        world_run(&w, 5000);
        assert_int_equal(state_of(us), BINDING_IS_LOOPED);
        two->candidates = 0; /* the mistake is repaired over there */
        world_tell(&w, two, BINDING_FORGET);
        world_run(&w, 400000);
        assert_int_equal(state_of(us), BINDING_IS_LOOPED); /* refused, for it was a loop */
        world_run(&w, 5000 + 750000 + 380000);
        assert_true(is_bound(us, two));
        assert_int_equal(state_of(two), BINDING_IS_ROOT);
}

/* SIGHUP forgets who was refused. */
static void test_loop_forgotten(void **state)
{
        (void)state;
        struct host *us = world_host(&w, "one"), *two = world_host(&w, "two");
        world_candidate(us, two->addr, "two");
        world_candidate(two, us->addr, "one");
        world_start(&w, two);
        world_run(&w, 1000);
        world_start(&w, us);
        world_run(&w, 5000);
        two->candidates = 0;
        world_tell(&w, two, BINDING_FORGET);
        world_run(&w, 6000);
        world_tell(&w, us, BINDING_FORGET);
        world_run(&w, 7000);
        assert_true(is_bound(us, two));
}

/* n domains, each naming the next one as its parent, and the last one the first; all bind at the same moment,
 * and none sees the others. */
static void all_at_once(unsigned n)
{
        static const char *const tags[] = {"one", "two", "three", "four"};
        for (unsigned i = 0; i < n; i++)
                world_host(&w, tags[i])->slow_climb = true;
        for (unsigned i = 0; i < n; i++) {
                struct host *next = &w.host[(i + 1) % n];
                world_candidate(&w.host[i], next->addr, next->tag);
                world_start(&w, &w.host[i]);
        }
        world_run(&w, 1000);
        for (unsigned i = 0; i < n; i++) {
                assert_true(is_bound(&w.host[i], &w.host[(i + 1) % n]));
                w.host[i].slow_climb = false;
        }
}

/* The climb after binding sees the loop: one lets go, the others never do. */
static void test_loop_at_once(void **state)
{
        (void)state;
        for (unsigned n = 2; n <= 4; n++) {
                world_end(&w);
                world_begin(&w, n);
                all_at_once(n);
                for (unsigned t = 2000; t < 3000000; t += 500) {
                        world_run(&w, t);
                        for (unsigned i = 1; i < n; i++)
                                assert_true(is_bound(&w.host[i], &w.host[(i + 1) % n]));
                        if (t >= 30000) /* and it does not come back */
                                assert_false(is_bound(&w.host[0], &w.host[1]));
                }
                assert_int_equal(state_of(&w.host[0]), BINDING_IS_LOOPED);
        }
}

/* It is not the address alone: two domains of one machine. */
static void test_loop_at_once_in_one_machine(void **state)
{
        (void)state;
        struct host *one = world_host(&w, "one"), *two = world_host(&w, "two");
        two->addr = one->addr;
        one->slow_climb = two->slow_climb = true;
        world_candidate(one, two->addr, "two");
        world_candidate(two, one->addr, "one");
        one->candidate[0].here = two->candidate[0].here = true;
        world_start(&w, one);
        world_start(&w, two);
        world_run(&w, 1000);
        assert_true(is_bound(one, two) && is_bound(two, one));
        one->slow_climb = two->slow_climb = false;
        world_run(&w, 40000);
        assert_true(is_bound(two, one));
        assert_int_equal(state_of(one), BINDING_IS_LOOPED);
}

/* The one that should let go cannot see the loop: the other one does not wait for it for ever. */
static void test_loop_with_a_blind_one(void **state)
{
        (void)state;
        all_at_once(2);
        w.host[1].slow_climb = true; /* so 10.0.0.1 climbs nowhere */
        world_run(&w, 20000);
        assert_true(is_bound(&w.host[0], &w.host[1]) && is_bound(&w.host[1], &w.host[0]));
        world_run(&w, 100000);
        assert_true(is_bound(&w.host[0], &w.host[1]));
        assert_int_equal(state_of(&w.host[1]), BINDING_IS_LOOPED);
}

/* A server of the loop has a clone that is bound into it, too: both keep theirs, or both let go. */
static void test_loop_at_once_with_a_clone(void **state)
{
        (void)state;
        for (unsigned turn = 0; turn < 2; turn++) {
                world_end(&w);
                world_begin(&w, turn + 1);
                struct host *a = world_host(&w, "a"), *b = world_host(&w, "b"), *clone = world_host(&w, "a");
                if (turn) { /* b is the first of them */
                        a->addr = IP(10, 0, 0, 8);
                        clone->addr = IP(10, 0, 0, 9);
                }
                for (unsigned i = 0; i < 3; i++)
                        w.host[i].slow_climb = true;
                world_candidate(a, b->addr, "b");
                world_candidate(clone, b->addr, "b");
                world_candidate(b, a->addr, "a");
                a->own[a->owns++] = (struct binding_server){clone->addr, "a"};
                clone->own[clone->owns++] = (struct binding_server){a->addr, "a"};
                for (unsigned i = 0; i < 3; i++)
                        world_start(&w, &w.host[i]);
                world_run(&w, 1000);
                assert_true(is_bound(a, b) && is_bound(clone, b) && is_bound(b, a));
                for (unsigned i = 0; i < 3; i++)
                        w.host[i].slow_climb = false;
                world_run(&w, 100000);
                assert_int_equal(is_bound(a, b), turn == 1);
                assert_int_equal(is_bound(clone, b), turn == 1);
                assert_int_equal(is_bound(b, a), turn == 0);
        }
}

/* A clone of our own domain is above the parent: as bad as we ourselves. */
static void test_loop_by_clone(void **state)
{
        (void)state;
        struct host *us = world_host(&w, "one"), *two = world_host(&w, "two"),
                    *clone = world_host(&w, "copy");
        us->own[us->owns++] = (struct binding_server){clone->addr, "copy"};
        world_candidate(us, two->addr, "two");
        world_candidate(two, clone->addr, "copy");
        world_start(&w, two);
        world_run(&w, 1000);
        assert_true(is_bound(two, clone));
        world_start(&w, us);
        world_run(&w, 5000);
        assert_int_equal(state_of(us), BINDING_IS_LOOPED);
}

/* -- replies: only to an open question, from there, with its number -- */

static struct binding_actions said;

static void tell_core(struct binding *b, struct binding_event e)
{
        binding_step(b, &e, &said);
}

static const struct binding_action *sent(enum binding_query query)
{
        for (unsigned i = 0; i < said.n; i++)
                if (said.v[i].kind == BINDING_SEND && said.v[i].query == query)
                        return &said.v[i];
        fail_msg("question %d was not sent", query);
        return NULL;
}

/* Is a reply to this question wanted, and no other that differs in one thing? */
static void assert_wanted(const struct binding *b, const struct binding_action *a, uint32_t from,
                          bool any_port)
{
        enum binding_query q;
        assert_true(binding_wants(b, a->xid, from, a->port, &q));
        assert_int_equal(q, a->query);
        for (unsigned bit = 0; bit < 32; bit++)
                assert_false(binding_wants(b, a->xid ^ 1u << bit, from, a->port, &q));
        for (unsigned bit = 8; bit < 32; bit++)
                assert_false(binding_wants(b, a->xid, from ^ 1u << bit, a->port, &q));
        for (unsigned bit = 0; bit < 16; bit++)
                assert_int_equal(binding_wants(b, a->xid, from, a->port ^ (uint16_t)(1u << bit), &q),
                                 any_port);
}

static void test_wanted_replies(void **state)
{
        const uint32_t there = IP(10, 0, 0, 2);
        const struct binding_candidate c[] = {{.addr = there, .tag = "network"},
                                              {.addr = BINDING_BROADCAST, .tag = "network"}};
        const struct binding_interface i = {IP(10, 0, 0, 1), 0xFFFFFF00u, IP(10, 0, 0, 255), false};
        const struct binding_world world = {
                .candidate = c, .candidates = 2, .interface = &i, .interfaces = 1};
        struct binding *b = binding_new("local", 7);
        enum binding_query q;
        (void)state;
        tell_core(b, (struct binding_event){.kind = BINDING_START});
        tell_core(b, (struct binding_event){.kind = BINDING_LOOKED, .world = &world});
        const struct binding_action get = *sent(BINDING_GETREGISTER), port = *sent(BINDING_GETPORT);
        assert_wanted(b, &get, there, false);
        assert_wanted(b, &port, there, false);
        struct binding_reply r = {
                .xid = port.xid, .from = there, .from_port = 111, .accepted = true, .port = 660};
        tell_core(b, (struct binding_event){.kind = BINDING_REPLIED, .reply = &r});
        const struct binding_action at_660 = *sent(BINDING_GETREGISTER);
        assert_int_equal(at_660.port, 660);
        assert_wanted(b, &at_660, there, false);
        r = (struct binding_reply){
                .xid = at_660.xid, .from = there, .from_port = 660, .accepted = true, .udp_port = 800};
        tell_core(b, (struct binding_event){.kind = BINDING_REPLIED, .reply = &r});
        const struct binding_action ping = *sent(BINDING_PING);
        assert_wanted(b, &ping, there, false);
        assert_false(binding_wants(b, get.xid, there, 987, &q)); /* answered: no longer open */
        assert_false(binding_wants(b, at_660.xid, there, 660, &q));
        r = (struct binding_reply){.xid = ping.xid, .from = there, .from_port = 801, .accepted = true};
        tell_core(b, (struct binding_event){.kind = BINDING_REPLIED, .reply = &r}); /* not asked there */
        assert_int_equal(said.n, 0);
        for (uint64_t now = 500; now <= 2000; now += 500)
                tell_core(b, (struct binding_event){.kind = BINDING_TIME, .now = now});
        const struct binding_action callit = *sent(BINDING_CALLIT), bind = *sent(BINDING_BIND);
        assert_false(binding_wants(b, ping.xid, there, 800, &q)); /* too late */
        /* A port mapper may answer from another port (it forwards); a broadcast is answered by any neighbour.
         */
        assert_wanted(b, &callit, callit.to == there ? there : IP(10, 0, 0, 77), true);
        assert_wanted(b, &bind, bind.to == there ? there : IP(10, 0, 0, 77), true);
        r = (struct binding_reply){.xid = bind.xid, .from = IP(10, 0, 0, 77), .accepted = false}; /* a no */
        tell_core(b, (struct binding_event){.kind = BINDING_REPLIED, .now = 2000, .reply = &r});
        assert_int_equal(said.n, 0);
        binding_free(b);
}

static void test_climb_never_ends(void **state)
{
        static struct binding_actions out;
        const struct binding_candidate c = {.addr = IP(10, 0, 0, 2), .tag = "network", .here = true};
        const struct binding_interface i = {.addr = IP(10, 0, 0, 1), .mask = 0xFFFFFF00u};
        const struct binding_world world = {
                .candidate = &c, .candidates = 1, .interface = &i, .interfaces = 1};
        struct binding *b = binding_new("local", 1);
        struct binding_event e = {.kind = BINDING_START};
        (void)state;
        binding_step(b, &e, &out);
        e = (struct binding_event){.kind = BINDING_LOOKED, .world = &world};
        binding_step(b, &e, &out);
        assert_int_equal(out.n, 1);
        assert_int_equal(out.v[0].kind, BINDING_CLIMB);
        const unsigned number = out.v[0].climb;
        assert_true(out.wake == BINDING_CLIMB_GIVEUP);
        e = (struct binding_event){.kind = BINDING_CLIMBED, .climb = number + 1}; /* of another climb */
        binding_step(b, &e, &out);
        assert_int_equal(binding_answer(b).state, BINDING_IS_UNKNOWN);
        e = (struct binding_event){.kind = BINDING_TIME, .now = BINDING_CLIMB_GIVEUP};
        binding_step(b, &e, &out);
        assert_int_equal(binding_answer(b).state, BINDING_IS_BOUND);
        const struct binding_server ourselves = {IP(10, 0, 0, 1), "local"};
        e = (struct binding_event){.kind = BINDING_CLIMBED, /* too late: nobody waits for it */
                                   .now = BINDING_CLIMB_GIVEUP,
                                   .climb = number,
                                   .chain = &ourselves,
                                   .chain_length = 1};
        binding_step(b, &e, &out);
        assert_int_equal(binding_answer(b).state, BINDING_IS_BOUND);
        binding_free(b);
}

/* More of everything than is looked at. */
static void test_limits(void **state)
{
        static struct binding_actions out;
        static struct binding_candidate c[LIMIT_PARENTS + 20];
        static struct binding_interface f[LIMIT_PARENT_INTERFACES + 5];
        static struct binding_server own[LIMIT_PARENT_SERVERS + 5];
        const struct binding_world world = {.candidate = c,
                                            .interface = f,
                                            .own = own,
                                            .candidates = LIMIT_PARENTS + 20,
                                            .interfaces = LIMIT_PARENT_INTERFACES + 5,
                                            .owns = LIMIT_PARENT_SERVERS + 5};
        struct binding *b = binding_new("local", 1);
        struct binding_event e = {.kind = BINDING_START};
        uint64_t now = 0;
        unsigned most = 0;
        (void)state;
        for (unsigned i = 0; i < LIMIT_PARENTS + 20; i++)
                c[i] = (struct binding_candidate){.addr = i % 4 ? IP(10, 0, i, 1) : BINDING_BROADCAST,
                                                  .tag = "t"};
        for (unsigned i = 0; i < LIMIT_PARENT_INTERFACES + 5; i++)
                f[i] = (struct binding_interface){IP(10, 0, i, 9), 0xFFFFFF00u, IP(10, 0, i, 255), false};
        binding_step(b, &e, &out);
        for (unsigned i = 0; i < 200; i++) {
                e = (struct binding_event){.kind = BINDING_LOOKED, .now = now, .world = &world};
                binding_step(b, &e, &out);
                most = out.n > most ? out.n : most;
                assert_true(out.wake > now && out.wake != UINT64_MAX);
                now = out.wake;
                e = (struct binding_event){.kind = BINDING_TIME, .now = now};
                binding_step(b, &e, &out);
                most = out.n > most ? out.n : most;
                assert_true(out.n < BINDING_ACTIONS);
                now++;
        }
        assert_int_equal(most, 2 * LIMIT_PARENT_TARGETS); /* a whole round */
        assert_int_equal(binding_answer(b).state, BINDING_IS_SILENT);
        binding_free(b);
}

static int begin(void **state)
{
        (void)state;
        world_begin(&w, 1);
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
                T(test_direct),
                T(test_through_port_mapper),
                T(test_named_port),
                T(test_wrong_tag),
                T(test_served_here),
                T(test_dead_one_costs_half_a_second),
                T(test_nearest_first),
                T(test_broadcast),
                T(test_callit),
                T(test_rounds),
                T(test_waits_grow),
                T(test_root_and_forced),
                T(test_parent_dies),
                T(test_asked),
                T(test_another_port),
                T(test_network_goes_and_comes),
                T(test_cut_without_news),
                T(test_candidates_change),
                T(test_change_during_attempt),
                T(test_loop_is_refused),
                T(test_loop_ends),
                T(test_loop_at_once),
                T(test_loop_at_once_in_one_machine),
                T(test_loop_with_a_blind_one),
                T(test_loop_at_once_with_a_clone),
                T(test_loop_by_clone),
                T(test_loop_forgotten),
                T(test_wanted_replies),
                T(test_climb_never_ends),
                T(test_limits),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
