/* Publishing what changed: after random changes of a domain, the images with their deltas answer every
 * question as images do that were made whole from the same records. */
#include "records.h"

#include "agent/publish.h"
#include "snapshot/live.h"
#include "sys/fs.h"

#define SEED   987u
#define USERS  1u
#define GROUPS 2u
#define FIRST  10u /* directories FIRST.. are users, from MIDDLE on groups */
#define MIDDLE 50u
#define LAST   90u
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

static struct arena a;

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

/* -- questions */
static struct snap_pair open_map(const struct side *s, enum snap_kind kind, struct snap_own *own)
{
        assert_int_equal(setenv(SNAP_VARIABLE, s->folder, 1), 0);
        assert_int_equal(snap_own_open(kind, own), 0);
        return own->pair;
}

static void user_line(struct buf *out, enum snap_result r, const struct snap_user_view *v)
{
        assert_true(r != SNAP_DAMAGED);
        if (r == SNAP_FOUND)
                buf_printf(out, "%s:%s:%u:%u:%s:%s:%s %u\n", v->text, v->text + v->password, v->uid, v->gid,
                           v->text + v->gecos, v->text + v->dir, v->text + v->shell, v->aliases_len);
        else
                buf_puts(out, "-\n");
}

static void group_line(struct buf *out, enum snap_result r, const struct snap_group_view *v)
{
        assert_true(r != SNAP_DAMAGED);
        buf_printf(out, "%s:%u", r == SNAP_FOUND ? v->text : "-", r == SNAP_FOUND ? v->gid : 0);
        for (uint32_t i = 0; r == SNAP_FOUND && i < v->member_count; i++)
                buf_printf(out, ",%s", v->text + snap_word(v->members + (size_t)i * 4));
        buf_putc(out, '\n');
}

static void shadow_line(struct buf *out, enum snap_result r, const struct snap_shadow_view *v)
{
        assert_true(r != SNAP_DAMAGED);
        buf_printf(out, "%s:%s\n", r == SNAP_FOUND ? v->text : "-", r == SNAP_FOUND ? v->text + v->hash : "");
}

static void by_name(struct buf *out, const struct snap_pair p[SNAP_ACCOUNTS], const char *name)
{
        struct snap_user_view u;
        struct snap_group_view g;
        struct snap_shadow_view s;
        struct snap_gids_view l;
        const size_t n = strlen(name);
        user_line(out, snap_pair_user_by_name(&p[SNAP_PASSWD], name, n, &u), &u);
        group_line(out, snap_pair_group_by_name(&p[SNAP_GROUP], name, n, &g), &g);
        shadow_line(out, snap_pair_shadow_by_name(&p[SNAP_SHADOW], name, n, &s), &s);
        const enum snap_result r = snap_pair_gids_by_name(&p[SNAP_GROUP], name, n, &l);
        assert_true(r != SNAP_DAMAGED);
        for (uint32_t i = 0; r == SNAP_FOUND && i < l.count; i++)
                buf_printf(out, " %u", snap_word(l.gids + (size_t)i * 4));
        buf_putc(out, '\n');
}

static int by_text(const void *x, const void *y)
{
        return strcmp(*(const char *const *)x, *(const char *const *)y);
}

/* The lines of `list` in alphabetical order: a renamed record stands elsewhere in a delta. */
static void put_sorted(struct buf *out, struct buf *list)
{
        const char *line[LAST * 2];
        size_t n = 0;
        buf_putc(list, '\0');
        for (char *rest = (char *)list->data, *l; (l = strsep(&rest, "\n"));)
                line[n++] = l;
        qsort(line, n, sizeof(*line), by_text);
        for (size_t i = 0; i < n; i++)
                buf_printf(out, "%s\n", line[i]);
        buf_clear(list);
}

static void answers(const struct side *s, struct buf *out)
{
        struct snap_own own[SNAP_ACCOUNTS];
        struct snap_pair p[SNAP_ACCOUNTS];
        struct snap_user_view u;
        struct snap_group_view g;
        struct snap_shadow_view w;
        struct buf list;
        buf_init(&list, 0);
        for (unsigned k = 0; k < SNAP_ACCOUNTS; k++)
                p[k] = open_map(s, (enum snap_kind)k, &own[k]);
        for (uint32_t i = 0; i < LAST + 110; i++) {
                by_name(out, p, arena_printf(&a, "n%u", i));
                by_name(out, p, arena_printf(&a, "a%u", i));
                user_line(out, snap_pair_user_by_uid(&p[SNAP_PASSWD], i, &u), &u);
                group_line(out, snap_pair_group_by_gid(&p[SNAP_GROUP], i, &g), &g);
        }
        for (uint64_t at = 0; snap_pair_user_listed(&p[SNAP_PASSWD], &at, &u) == SNAP_FOUND; at++)
                user_line(&list, SNAP_FOUND, &u);
        put_sorted(out, &list);
        for (uint64_t at = 0; snap_pair_group_listed(&p[SNAP_GROUP], &at, &g) == SNAP_FOUND; at++)
                group_line(&list, SNAP_FOUND, &g);
        put_sorted(out, &list);
        for (uint64_t at = 0; snap_pair_shadow_listed(&p[SNAP_SHADOW], &at, &w) == SNAP_FOUND; at++)
                shadow_line(&list, SNAP_FOUND, &w);
        put_sorted(out, &list);
        for (unsigned k = 0; k < SNAP_ACCOUNTS; k++)
                snap_own_close(&own[k]);
        buf_done(&list);
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

static void same(struct buf *x, struct buf *y, unsigned step)
{
        const char *p = (const char *)x->data, *q = (const char *)y->data;
        size_t n = 0;
        while (p[n] && p[n] == q[n])
                n++;
        if (p[n] != q[n])
                fail_msg("step %u: '%.200s' but whole '%.200s'", step, p + (n > 60 ? n - 60 : 0),
                         q + (n > 60 ? n - 60 : 0));
}

static void answers_of(const struct side *s, struct buf *out)
{
        buf_clear(out);
        answers(s, out);
        buf_putc(out, '\0');
}

static void compare(unsigned step)
{
        struct buf x, y;
        buf_init(&x, 0);
        buf_init(&y, 0);
        answers_of(&one, &x);
        answers_of(&two, &y);
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
        answers_of(&one, &x);
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
        answers_of(&one, &w.shown);
        one.config.beside = 0;
        for (unsigned step = 0; step < BESIDE; step++) {
                for (uint32_t n = 1 + below(2); n; n--)
                        change();
                publisher_forget(two.publisher);
                publish(&two, TABLE_ACCOUNTS);
                answers_of(&two, &w.now);
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
