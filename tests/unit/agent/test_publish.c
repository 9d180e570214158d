/* Publishing what changed: after random changes of a domain, the images with their deltas answer every
 * question as images do that were made whole from the same records. */
#include "answers.h"

#include "agent/publish.h"
#include "sys/fs.h"

#define SEED   987u
#define USERS  1u
#define GROUPS 2u
#define FIRST  10u /* directories FIRST.. are users, from MIDDLE on groups */
#define MIDDLE 50u
#define LAST   ANSWERS_MOST
#define STEPS  400u
#define BESIDE 150u /* steps with a process beside */
#define MOST   3u   /* domains */

static uint64_t state_of = SEED;

static uint32_t below(uint32_t n)
{
        state_of ^= state_of << 13;
        state_of ^= state_of >> 7;
        state_of ^= state_of << 17;
        return (uint32_t)(state_of >> 32) % n;
}

struct side {
        char folder[64];
        struct table *table[MOST];
        struct publisher *publisher;
        struct agent_config config;
};
static struct side one, two; /* with deltas; always whole */
static unsigned domains;     /* object n is of domain n % domains */
static bool there[LAST];
static uint64_t ordinal_of[LAST], next_ordinal = 100, born;

static void side_begin(struct side *s)
{
        snprintf(s->folder, sizeof(s->folder), "/tmp/netinfo-publish.XXXXXX");
        assert_non_null(mkdtemp(s->folder));
        assert_true(agent_config_defaults(&s->config, s->folder));
        s->config.snapshots = s->folder;
        s->config.min_id = 1;
        s->publisher = publisher_new();
        for (unsigned d = 0; d < domains; d++)
                assert_non_null(s->table[d] = table_new(NULL));
        assert_non_null(s->publisher);
}

static void side_end(struct side *s)
{
        publisher_free(s->publisher);
        for (unsigned d = 0; d < domains; d++)
                table_free(s->table[d]);
        agent_config_done(&s->config);
        assert_int_equal(fs_remove_tree(s->folder), 0);
}

/* -- changes, the same to both */
static void apply(const struct ext_record *r)
{
        unsigned ignored = 0;
        const unsigned d = r->object % domains;
        assert_int_equal(table_apply(one.table[d], r, false, &ignored), TABLE_OK);
        assert_int_equal(table_apply(two.table[d], r, false, &ignored), TABLE_OK);
}

static void put(uint32_t object, uint32_t parent, const char *props)
{
        const struct ext_node n = {.id = {.object = object},
                                   .parent = parent,
                                   .ordinal = object,
                                   .born = 1,
                                   .props = encoded(&a, props)};
        for (unsigned d = 0; d < domains; d++) {
                assert_int_equal(table_put(one.table[d], &n), TABLE_OK);
                assert_int_equal(table_put(two.table[d], &n), TABLE_OK);
        }
}

/* Mostly a name and number of its own; now and then somebody else's, none at all, or one too many. Groups of
 * several domains are now and then the same. */
static struct bytes random_props(uint32_t object)
{
        const bool user = object < MIDDLE;
        const uint32_t like = below(60) ? object : FIRST + below(LAST - FIRST);
        const uint32_t id = like != object && below(2) ? like
                            : below(60)                ? object
                                                       : FIRST + below(LAST - FIRST);
        char names[64], members[256] = "";
        snprintf(names, sizeof(names), below(6) ? "n%u" : "n%u a%u", like + (below(10) ? 0 : 100), object);
        for (uint32_t i = 0, n = below(6); i < n; i++)
                snprintf(members + strlen(members), sizeof(members) - strlen(members), "%sn%u", i ? " " : "",
                         FIRST + below(12));
        if (user)
                return encoded(&a,
                               arena_printf(&a, "name=%s|uid=%s%u|gid=100|shell=/%u|passwd=%s|realname=%u",
                                            names, below(50) ? "" : "x", id, below(5),
                                            below(2) ? "$6$x" : "*", object));
        return encoded(&a, arena_printf(&a, "name=%s|gid=%s%u|users=%s", names, below(50) ? "" : "x", id,
                                        *members ? members : "n1"));
}

static void change(void)
{
        const uint32_t object = FIRST + below(LAST - FIRST);
        const uint32_t parent = object < MIDDLE ? USERS : GROUPS;
        struct ext_record r = {.object = object, .parent = parent, .ordinal = ordinal_of[object]};
        if (!there[object]) {
                r.kind = EXT_CREATED;
                r.born = ++born;
                r.ordinal = below(40) ? next_ordinal++ : 1000000 + next_ordinal; /* others follow before it */
                if (r.ordinal > 1000000)
                        next_ordinal++;
                r.has_after = true;
                r.after = random_props(object);
        } else if (below(5) == 0) {
                r.kind = EXT_DESTROYED;
        } else if (below(40) == 0) {
                r.kind = EXT_MOVED;
                r.ordinal = next_ordinal++;
        } else {
                r.kind = EXT_CHANGED;
                r.has_after = true;
                r.after = random_props(object);
        }
        static uint64_t born_of[LAST];
        if (r.kind == EXT_CREATED)
                born_of[object] = r.born;
        r.born = born_of[object];
        apply(&r);
        there[object] = r.kind != EXT_DESTROYED;
        ordinal_of[object] = r.ordinal;
}

static struct publish_report publish_with(struct side *s, unsigned images, bool whole,
                                          int (*how)(struct publisher *, const struct publish_what *,
                                                     struct publish_report *))
{
        struct publish_report r;
        static const char *const names[MOST] = {"local", "department", "root"};
        struct publish_domain d[MOST];
        const struct publish_what w = {.config = &s->config,
                                       .domains = d,
                                       .n = domains,
                                       .images = images,
                                       .whole = whole,
                                       .may_begin = !publisher_is_busy(s->publisher),
                                       .today = 20000};
        for (unsigned i = 0; i < domains; i++)
                d[i] = (struct publish_domain){names[i], i == 0, s->table[i]};
        const int err = how(s->publisher, &w, &r);
        if (err)
                fail_msg("%s", r.trouble);
        return r;
}

static struct publish_report publish(struct side *s, unsigned images)
{
        return publish_with(s, images, false, publish_images);
}

static void compare(unsigned step)
{
        struct buf x, y;
        buf_init(&x, 0);
        buf_init(&y, 0);
        answers_of(one.folder, &x);
        answers_of(two.folder, &y);
        same(&x, &y, step);
        buf_done(&x);
        buf_done(&y);
}

static void begin(unsigned how_many)
{
        domains = how_many;
        memset(there, 0, sizeof(there));
        side_begin(&one);
        side_begin(&two);
        put(0, 0, "name=/");
        put(USERS, 0, "name=users");
        put(GROUPS, 0, "name=groups");
        for (unsigned d = 0; d < domains; d++) {
                table_settle(one.table[d]);
                table_settle(two.table[d]);
        }
}

static void deltas_answer_like_whole_images(unsigned how_many)
{
        unsigned all = 0, some = 0, whole = 0;
        begin(how_many);
        for (unsigned step = 0; step < STEPS; step++) {
                for (uint32_t n = step ? 1 + below(3) : 60; n; n--)
                        change();
                const struct publish_report r = publish(&one, TABLE_ACCOUNTS);
                publisher_forget(two.publisher);
                const struct publish_report w = publish(&two, TABLE_ACCOUNTS);
                assert_int_equal(w.deltas, 0);
                assert_int_equal(r.users, w.users);
                assert_int_equal(r.groups, w.groups);
                assert_int_equal(r.left_out, w.left_out);
                all += r.deltas == TABLE_ACCOUNTS;
                some += r.deltas != TABLE_ACCOUNTS && r.deltas;
                whole += r.deltas == 0;
                compare(step);
                arena_reset(&a);
        }
        print_message("%u domains: deltas of all images %u times, of some %u, of none %u\n", domains, all,
                      some, whole);
        assert_true(all > STEPS / 4 && some > STEPS / 20 && whole > 3);
        side_end(&one);
        side_end(&two);
}

/* -- whole images made beside: at every moment the images are those of one moment of the domains, which never
 * goes back, and in the end of the last one */
struct walk {
        struct buf now, shown, begun; /* answers of: the domains; the images; the domains when it began */
        unsigned finished, with_rest, as_begun, dropped, overtaken;
};

static void made(struct walk *w, const struct publish_report *r, const struct buf *must_be, unsigned step)
{
        struct buf x;
        buf_init(&x, 0);
        answers_of(one.folder, &x);
        same(&x, r->generation ? (struct buf *)(uintptr_t)must_be : &w->shown, step);
        buf_clear(&w->shown);
        buf_put(&w->shown, buf_bytes(&x));
        buf_done(&x);
}

static void begin_or_publish(struct walk *w, unsigned step)
{
        const bool busy = publisher_is_busy(one.publisher);
        const struct publish_report r =
                publish_with(&one, TABLE_ACCOUNTS, !busy && below(8) == 0, publish_images);
        if (r.begun) {
                buf_clear(&w->begun);
                buf_put(&w->begun, buf_bytes(&w->now));
        }
        assert_true(r.generation ? !r.left : r.left == TABLE_ACCOUNTS);
        w->overtaken += busy && r.generation;
        made(w, &r, &w->now, step);
}

static void finish(struct walk *w, unsigned step)
{
        const struct publish_report r = publish_with(&one, TABLE_ACCOUNTS, false, publish_finish);
        assert_false(publisher_is_busy(one.publisher));
        w->finished++;
        w->with_rest += r.generation && !r.left;
        w->as_begun += r.generation && r.left;
        w->dropped += !r.generation;
        made(w, &r, r.left ? &w->begun : &w->now, step);
}

static void made_beside(unsigned how_many)
{
        struct walk w = {.finished = 0};
        buf_init(&w.now, 0);
        buf_init(&w.shown, 0);
        buf_init(&w.begun, 0);
        begin(how_many);
        for (uint32_t n = 60; n; n--)
                change();
        publish(&one, TABLE_ACCOUNTS);
        answers_of(one.folder, &w.shown);
        one.config.beside = 0;
        for (unsigned step = 0; step < BESIDE; step++) {
                for (uint32_t n = 1 + below(2); n; n--)
                        change();
                publisher_forget(two.publisher);
                publish(&two, TABLE_ACCOUNTS);
                answers_of(two.folder, &w.now);
                if (below(30) == 0)
                        publisher_forget(one.publisher); /* other rules, as far as it knows */
                if (below(40) == 0)
                        publisher_abort(one.publisher);
                if (publisher_is_busy(one.publisher) && below(4) == 0)
                        finish(&w, step);
                else
                        begin_or_publish(&w, step);
                arena_reset(&a);
        }
        for (unsigned i = 0; i < 2; i++) {
                if (publisher_is_busy(one.publisher))
                        finish(&w, BESIDE);
                begin_or_publish(&w, BESIDE);
        }
        if (publisher_is_busy(one.publisher))
                finish(&w, BESIDE);
        same(&w.shown, &w.now, BESIDE);
        print_message(
                "%u domains: %u made beside; with what came since %u, as they were begun %u, dropped %u; "
                "%u published meanwhile\n",
                domains, w.finished, w.with_rest, w.as_begun, w.dropped, w.overtaken);
        assert_true(w.with_rest > 2 && w.as_begun > 2 && w.overtaken + how_many > 1);
        side_end(&one);
        side_end(&two);
        buf_done(&w.now);
        buf_done(&w.shown);
        buf_done(&w.begun);
}

static void beside_one_domain(void **state)
{
        (void)state;
        made_beside(1);
}

static void beside_three_domains(void **state)
{
        (void)state;
        made_beside(3);
}

static void one_domain(void **state)
{
        (void)state;
        deltas_answer_like_whole_images(1);
}

static void three_domains(void **state)
{
        (void)state;
        deltas_answer_like_whole_images(3);
}

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(one_domain), cmocka_unit_test(three_domains),
                                           cmocka_unit_test(beside_one_domain),
                                           cmocka_unit_test(beside_three_domains)};
        arena_init(&a, 0);
        const int failed = cmocka_run_group_tests(tests, NULL, NULL);
        arena_done(&a);
        return failed;
}
