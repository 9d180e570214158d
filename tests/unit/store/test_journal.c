/* The journal: what a change is told as, SELF's versions, trimming, long entries, and following. */
#include "fixture.h"

#include <inttypes.h>
#include <stdio.h>

/* One entry as text: "1 created 1.0<0 [2f..]" is too much; "created 1.1 in 0" is enough to see what matters:
 * kind, object.instance, parent, and -/b/a/ba for the properties that are there. */
static const char *told(struct fixture *f, uint64_t seq)
{
        static const char *const kinds[] = {"?", "created", "changed", "touched", "destroyed", "moved"};
        static char text[4096];
        struct arena a;
        struct store_entry e;
        size_t n = 0;
        arena_init(&a, 0);
        text[0] = '\0';
        reading(f);
        assert_int_equal(store_journal_get(f->r, seq, &a, &e), NI_OK);
        assert_int_equal(e.seq, seq);
        for (uint32_t i = 0; i < e.record_count; i++) {
                const struct store_record *r = &e.records[i];
                n += (size_t)snprintf(text + n, sizeof(text) - n,
                                      "%s%s %" PRIu32 ".%" PRIu32 " in %" PRIu32 "%s%s", n ? ", " : "",
                                      kinds[r->kind], r->object, r->instance, r->parent,
                                      r->has_before ? " before" : "", r->has_after ? " after" : "");
                assert_true(n < sizeof(text));
        }
        read_done(f);
        arena_done(&a);
        return text;
}

static void kinds(void **state)
{
        struct fixture *f = *state;
        begin(f);
        add(f, 0, "name=a");
        assert_string_equal(told(f, commit(f)), "created 1.0 in 0 after, touched 0.2 in 0");
        begin(f);
        store_put_props(f->w, 1, props_of(f, "name=b"), NULL);
        assert_string_equal(told(f, commit(f)), "changed 1.1 in 0 before after");
        begin(f);
        add(f, 1, "");
        add(f, 0, "");
        commit(f);
        begin(f);
        store_move(f->w, 2, 3, 0);
        assert_string_equal(told(f, commit(f)), "moved 2.0 in 3, touched 1.3 in 0, touched 3.1 in 0");
        begin(f);
        store_move(f->w, 3, 0, 0);
        assert_string_equal(told(f, commit(f)), "moved 3.1 in 0, touched 0.4 in 0");
        begin(f);
        store_remove_child(f->w, 3, 2, NULL);
        assert_string_equal(told(f, commit(f)), "destroyed 2.0 in 3 before, touched 3.2 in 0");
}

/* Several operations of one change are one step. */
static void one_step(void **state)
{
        struct fixture *f = *state;
        begin(f);
        add(f, 0, "name=a");
        store_put_props(f->w, 1, props_of(f, "name=b"), NULL);
        add(f, 1, "");
        store_move(f->w, 2, 0, 0);
        assert_string_equal(told(f, commit(f)),
                            "created 1.3 in 0 after, touched 0.3 in 0, created 2.0 in 0 after");
        begin(f); /* made and destroyed: nobody ever saw it */
        add(f, 0, "");
        store_put_props(f->w, 3, props_of(f, "x=1"), NULL);
        store_remove_child(f->w, 0, 3, NULL);
        assert_string_equal(told(f, commit(f)), "touched 0.5 in 0");
        begin(f); /* changed twice: before is what others last saw */
        store_put_props(f->w, 1, props_of(f, "name=c"), NULL);
        store_put_props(f->w, 1, props_of(f, "name=d"), NULL);
        store_move(f->w, 1, 2, 0);
        const uint64_t seq = commit(f);
        assert_string_equal(
                told(f, seq),
                "changed 1.5 in 2 before after, moved 1.5 in 2, touched 0.6 in 0, touched 2.1 in 0");
        struct arena a;
        struct store_entry e;
        arena_init(&a, 0);
        reading(f);
        assert_int_equal(store_journal_get(f->r, seq, &a, &e), NI_OK);
        assert_true(bytes_eq(e.records[0].before, props_of(f, "name=b")));
        assert_true(bytes_eq(e.records[0].after, props_of(f, "name=d")));
        read_done(f);
        arena_done(&a);
        begin(f); /* destroyed, and the number used again: two births */
        store_put_props(f->w, 1, props_of(f, "name=e"), NULL);
        store_remove_child(f->w, 2, 1, NULL);
        add(f, 0, "name=new");
        assert_string_equal(
                told(f, commit(f)),
                "destroyed 1.6 in 2 before, touched 2.2 in 0, created 1.7 in 0 after, touched 0.7 in 0");
        check_clean(f);
}

static void heads(void **state)
{
        struct fixture *f = *state;
        char longer[300];
        memset(longer, 'w', sizeof(longer));
        const struct store_actor actor = {bytes_of(longer, sizeof(longer)), BYTES_LIT("unix uid 0"),
                                          BYTES_LIT("writeprop")};
        struct store_info info;
        struct store_entry e, last = {0};
        struct arena a;
        for (int i = 0; i < 3; i++) {
                assert_int_equal(store_write_begin(f->s, &f->w), NI_OK);
                assert_int_equal(store_change_begin(f->w, &actor), NI_OK);
                assert_int_equal(store_put_props(f->w, 0, props_of(f, "a=b"), NULL), NI_OK);
                commit(f);
        }
        arena_init(&a, 0);
        reading(f);
        assert_int_equal(store_get_info(f->r, &info), NI_OK);
        for (uint64_t seq = 1; seq <= 3; seq++) {
                assert_int_equal(store_journal_get(f->r, seq, &a, &e), NI_OK);
                assert_int_equal(e.who.len, LIMIT_WHO);
                assert_true(bytes_eq_str(e.from, "unix uid 0"));
                assert_true(bytes_eq_str(e.what, "writeprop"));
                assert_true(e.when >= last.when && e.when > 1600000000000000u);
                last = e;
        }
        assert_int_equal(info.last_when, last.when);
        assert_int_equal(store_journal_get(f->r, 0, &a, &e), NI_NODIR);
        assert_int_equal(store_journal_get(f->r, 4, &a, &e), NI_NODIR);
        assert_int_equal(store_journal_get(f->r, UINT64_MAX, &a, &e), NI_NODIR);
        read_done(f);
        arena_done(&a);
}

/* A clock that was set back does not show: `when` stays. */
static void clock_back(void **state)
{
        struct fixture *f = *state;
        struct store_entry e = {.seq = 1, .when = UINT64_MAX / 4, .record_count = 1};
        const uint8_t none[4] = {0};
        struct store_record r = {
                .kind = STORE_CHANGED, .instance = 2, .has_after = true, .after = bytes_of(none, 4)};
        struct arena a;
        e.records = &r;
        assert_int_equal(store_write_begin(f->s, &f->w), NI_OK);
        assert_int_equal(store_replay_entry(f->w, &e), NI_OK); /* from a clock that was ahead */
        assert_int_equal(store_change_begin(f->w, &nobody), NI_OK);
        add(f, 0, "");
        assert_int_equal(commit(f), 2);
        arena_init(&a, 0);
        reading(f);
        assert_int_equal(store_journal_get(f->r, 2, &a, &e), NI_OK);
        assert_int_equal(e.when, UINT64_MAX / 4);
        read_done(f);
        arena_done(&a);
        check_clean(f);
}

static void versions(void **state)
{
        struct fixture *f = *state;
        uint32_t object = 99;
        begin(f);
        add(f, 0, ""); /* 1: directories 1 and 0 */
        commit(f);
        begin(f);
        store_put_props(f->w, 1, props_of(f, "x=1"), NULL); /* 2: directory 1 */
        commit(f);
        begin(f);
        store_put_props(f->w, 0, props_of(f, "x=1"),
                        NULL); /* 3: directory 0; nobody has version 1 any more */
        commit(f);
        reading(f);
        assert_int_equal(store_by_version(f->r, 1, &object), NI_NODIR);
        assert_int_equal(object, 99);
        assert_int_equal(store_by_version(f->r, 2, &object), NI_OK);
        assert_int_equal(object, 1);
        assert_int_equal(store_by_version(f->r, 3, &object), NI_OK);
        assert_int_equal(object, 0);
        assert_int_equal(store_by_version(f->r, 4, &object), NI_NODIR);
        assert_int_equal(store_by_version(f->r, 0, &object), NI_NODIR);
        read_done(f);
}

/* Entries of one record, of thousands, and with records larger than a part. */
static void long_entries(void **state)
{
        struct fixture *f = *state;
        struct arena a;
        struct store_entry e;
        static char big[20000];
        memset(big, 'x', sizeof(big) - 1);
        memcpy(big, "name=", 5);
        begin(f);
        for (int i = 0; i < 3000; i++)
                add(f, 0, i % 500 ? "name=someone uid=5000 gid=20 home=/home/someone" : big);
        const uint64_t seq = commit(f);
        arena_init(&a, 0);
        reading(f);
        assert_int_equal(store_journal_get(f->r, seq, &a, &e), NI_OK);
        assert_int_equal(e.record_count, 3001);
        for (uint32_t i = 0, object = 1; i < e.record_count; i++) {
                if (e.records[i].kind == STORE_TOUCHED) {
                        assert_int_equal(e.records[i].object, 0);
                        continue;
                }
                assert_int_equal(e.records[i].kind, STORE_CREATED);
                assert_int_equal(e.records[i].object, object);
                assert_int_equal(e.records[i].after.len,
                                 props_of(f, (object - 1) % 500
                                                     ? "name=someone uid=5000 gid=20 home=/home/someone"
                                                     : big)
                                         .len);
                object++;
        }
        arena_done(&a);
        arena_init(&a, 1000); /* too small for the list of records */
        assert_int_equal(store_journal_get(f->r, seq, &a, &e), NI_SYSTEMERR);
        arena_done(&a);
        read_done(f);
        check_clean(f);
}

static void trimming(void **state)
{
        struct fixture *f = *state;
        struct store_info info;
        struct arena a;
        struct store_entry e;
        uint32_t dropped = 0;
        f->options.journal_entries = 10;
        f->options.journal_seconds = 3600;
        fixture_reopen(f);
        for (int i = 0; i < 30; i++) {
                begin(f);
                add(f, 0, "name=x");
                commit(f);
        }
        reading(f);
        assert_int_equal(store_get_info(f->r, &info), NI_OK);
        read_done(f);
        assert_int_equal(store_write_begin(f->s, &f->w), NI_OK);
        assert_int_equal(store_journal_trim(f->w, info.last_when, 100, &dropped), NI_OK);
        assert_int_equal(dropped, 0); /* all are younger than an hour */
        assert_int_equal(store_journal_trim(f->w, info.last_when + 3601000000u, 7, &dropped), NI_OK);
        assert_int_equal(dropped, 7); /* a slice */
        assert_int_equal(store_journal_trim(f->w, info.last_when + 3601000000u, 100, &dropped), NI_OK);
        assert_int_equal(dropped, 13); /* ten are kept however old */
        assert_int_equal(store_commit(f->w, NULL), NI_OK);
        f->w = NULL;
        fixture_reopen(f);
        arena_init(&a, 0);
        reading(f);
        assert_int_equal(store_get_info(f->r, &info), NI_OK);
        assert_int_equal(info.first_seq, 21);
        assert_int_equal(info.seq, 30);
        assert_int_equal(store_journal_get(f->r, 20, &a, &e), NI_NODIR);
        assert_int_equal(store_journal_get(f->r, 21, &a, &e), NI_OK);
        read_done(f);
        arena_done(&a);
        check_clean(f);
}

/* A follower takes exactly the next entry, and only what fits. */
static void following(void **state)
{
        struct fixture *f = *state;
        const uint8_t none[4] = {0};
        struct store_record r[3] = {
                {.kind = STORE_CREATED,
                 .object = 7,
                 .born = 1,
                 .ordinal = 5,
                 .has_after = true,
                 .after = bytes_of(none, 4)},
                {.kind = STORE_TOUCHED, .object = 0, .instance = 2},
                {.kind = STORE_CREATED,
                 .object = 8,
                 .born = 1,
                 .parent = 7,
                 .ordinal = 5,
                 .has_after = true,
                 .after = bytes_of(none, 4)},
        };
        struct store_entry e = {.seq = 1, .when = 2, .records = r, .record_count = 3};
        assert_int_equal(store_write_begin(f->s, &f->w), NI_OK);
        e.seq = 2;
        assert_int_equal(store_replay_entry(f->w, &e), NI_STALE);
        e.seq = 1;
        assert_int_equal(store_replay_entry(f->w, &e), NI_OK);
        assert_int_equal(store_replay_entry(f->w, &e), NI_STALE);
        assert_string_equal(children_of(f->w, 0), "7");
        assert_string_equal(children_of(f->w, 7), "8");
        assert_int_equal(store_commit(f->w, NULL), NI_OK);
        check_clean(f);
        /* An entry of an earlier time than the one before it is refused, before anything is written: the
         * check of this store would complain of it for as long as the journal keeps it. */
        struct store_record touched = {.kind = STORE_TOUCHED, .instance = 3};
        e = (struct store_entry){.seq = 2, .when = 1, .records = &touched, .record_count = 1};
        assert_int_equal(store_write_begin(f->s, &f->w), NI_OK);
        assert_int_equal(store_replay_entry(f->w, &e), NI_SYSTEMERR);
        e.record_count = 0;
        e.when = 2;
        assert_int_equal(store_replay_entry(f->w, &e), NI_SYSTEMERR);
        assert_int_equal(store_commit(f->w, NULL), NI_OK);
        check_clean(f);
        /* What cannot be is refused, and the transaction is lost with it. */
        const struct store_record bad[] = {
                {.kind = STORE_CREATED,
                 .object = 7,
                 .born = 2,
                 .ordinal = 6,
                 .has_after = true,
                 .after = bytes_of(none, 4)},
                {.kind = STORE_CREATED, .object = 9, .born = 2, .ordinal = 6},
                {.kind = STORE_CREATED,
                 .object = 9,
                 .born = 2,
                 .ordinal = 5,
                 .has_after = true,
                 .after = bytes_of(none, 4)},
                {.kind = STORE_CREATED,
                 .object = 9,
                 .born = 2,
                 .ordinal = 0,
                 .has_after = true,
                 .after = bytes_of(none, 4)},
                {.kind = STORE_CREATED,
                 .object = 9,
                 .born = 2,
                 .ordinal = 9,
                 .has_after = true,
                 .after = bytes_of(none, 3)},
                {.kind = STORE_CHANGED,
                 .object = 7,
                 .born = 9,
                 .ordinal = 5,
                 .has_after = true,
                 .after = bytes_of(none, 4)},
                {.kind = STORE_CHANGED,
                 .object = 9,
                 .born = 1,
                 .ordinal = 5,
                 .has_after = true,
                 .after = bytes_of(none, 4)},
                {.kind = STORE_DESTROYED, .object = 9, .born = 1},
                {.kind = STORE_MOVED, .object = 7, .born = 1, .parent = 7, .ordinal = 5},
                {.kind = STORE_MOVED,
                 .object = 7,
                 .born = 1,
                 .parent = 8,
                 .ordinal = 5}, /* below its child */
                {.kind = STORE_MOVED, .object = 7, .born = 1, .parent = 99, .ordinal = 5},
                {.kind = STORE_DESTROYED, .object = 7, .born = 1}, /* it has a child */
                {.kind = STORE_DESTROYED, .object = 0, .born = 0},
        };
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                r[0] = bad[i];
                e = (struct store_entry){.seq = 2, .when = 2, .records = r, .record_count = 1};
                assert_int_equal(store_write_begin(f->s, &f->w), NI_OK);
                assert_int_equal(store_replay_entry(f->w, &e), NI_SYSTEMERR);
                assert_int_equal(store_commit(f->w, NULL), NI_SYSTEMERR);
        }
        f->w = NULL;
        check_clean(f);
        begin(f); /* the store is none the worse */
        add(f, 7, "");
        commit(f);
        check_clean(f);
}

/* A journal of the past comes before the directories that it led to: it is kept word for word, and numbers
 * that it gave up go on from their last instance. */
static void past(void **state)
{
        struct fixture *f = *state;
        const uint8_t none[4] = {0};
        struct store_info info;
        struct arena a;
        struct store_entry back;
        struct store_record gone = {.kind = STORE_DESTROYED,
                                    .object = 2,
                                    .born = 3,
                                    .instance = 6,
                                    .ordinal = 9,
                                    .has_before = true,
                                    .before = bytes_of(none, 4)};
        struct store_entry e = {
                .seq = 9, .when = 50, .who = BYTES_LIT("ada"), .records = &gone, .record_count = 1};
        assert_int_equal(store_write_begin(f->s, &f->w), NI_OK);
        assert_int_equal(store_replay_head(f->w, NULL, 0, 8), NI_OK);
        e.seq = 10;
        assert_int_equal(store_replay_past(f->w, &e), NI_STALE);
        e.seq = 9;
        assert_int_equal(store_replay_past(f->w, &e), NI_OK);
        assert_int_equal(store_replay_past(f->w, &e), NI_STALE);
        e.seq = 10;
        e.when = 49;
        assert_int_equal(store_replay_past(f->w, &e), NI_SYSTEMERR); /* time does not go back */
        e.when = 50;
        e.record_count = 0;
        assert_int_equal(store_replay_past(f->w, &e), NI_SYSTEMERR);
        const struct store_node child = {
                .id = {1, 4}, .ordinal = 7, .born = 2, .version = 5, .props = bytes_of(none, 4)};
        assert_int_equal(store_replay_node(f->w, &child), NI_OK);
        assert_int_equal(store_commit(f->w, NULL), NI_OK);
        check_clean(f);
        arena_init(&a, 0);
        reading(f);
        assert_int_equal(store_get_info(f->r, &info), NI_OK);
        assert_int_equal(info.first_seq, 9);
        assert_int_equal(info.seq, 9);
        assert_int_equal(info.last_when, 50);
        assert_int_equal(store_journal_get(f->r, 9, &a, &back), NI_OK);
        assert_true(bytes_eq_str(back.who, "ada"));
        assert_int_equal(back.records[0].instance, 6);
        read_done(f);
        arena_done(&a);
        begin(f);
        struct ni_id id, root;
        assert_int_equal(
                store_add_child(f->w, 0, bytes_of(none, 4), NI_INDEX_NULL, NI_INDEX_NULL, &id, &root), NI_OK);
        assert_int_equal(id.object, 2);
        assert_int_equal(id.instance, 7);
        commit(f);
        check_clean(f);
}

static void replay_nodes(void **state)
{
        struct fixture *f = *state;
        struct store_info info;
        const uint8_t uuid[16] = {1, 2, 3};
        struct store_node n = {.id = {5, 3}, .parent = 9, .ordinal = 77, .born = 2, .version = 40};
        begin(f);
        add(f, 0, "name=old");
        commit(f);
        assert_int_equal(store_write_begin(f->s, &f->w), NI_OK);
        n.props = props_of(f, "name=deep");
        assert_int_equal(store_replay_node(f->w, &n), NI_OK); /* before its parent */
        n = (struct store_node){
                .id = {9, 1}, .ordinal = 5, .born = 1, .version = 30, .props = props_of(f, "name=wide")};
        assert_int_equal(store_replay_node(f->w, &n), NI_OK);
        n.id.object = 10;
        assert_int_equal(store_replay_node(f->w, &n), NI_ALIVE); /* the same place */
        n.ordinal = 0;
        assert_int_equal(store_replay_node(f->w, &n), NI_SYSTEMERR);
        n = (struct store_node){.id = {1, 8},
                                .parent = 9,
                                .ordinal = 78,
                                .born = 1,
                                .version = 41,
                                .props = props_of(f, "name=new")};
        assert_int_equal(store_replay_node(f->w, &n), NI_OK); /* instead of what is there */
        n = (struct store_node){.id = {0, 12}, .version = 41, .props = props_of(f, "root=1")};
        assert_int_equal(store_replay_node(f->w, &n), NI_OK);
        assert_int_equal(store_replay_head(f->w, uuid, 4711, 41), NI_OK);
        assert_int_equal(store_set_role(f->w, STORE_CLONE), NI_OK);
        assert_int_equal(store_commit(f->w, NULL), NI_OK);
        f->w = NULL;
        fixture_reopen(f);
        reading(f);
        assert_int_equal(store_get_info(f->r, &info), NI_OK);
        assert_int_equal(info.epoch, 4711);
        assert_int_equal(info.seq, 41);
        assert_int_equal(info.first_seq, 42);
        assert_int_equal(info.role, STORE_CLONE);
        assert_memory_equal(info.uuid, uuid, 16);
        assert_int_equal(info.directories, 4);
        assert_int_equal(info.checksum, 12 + 2 * 8 + 6 * 3 + 10 * 1);
        assert_string_equal(children_of(f->r, 0), "9");
        assert_string_equal(children_of(f->r, 9), "5 1");
        assert_string_equal(hits_of(f->r, 9, "name", "new"), "1");
        assert_string_equal(hits_of(f->r, 0, "name", "old"), "");
        read_done(f);
        check_clean(f);
        begin(f);
        assert_int_equal(add(f, 0, ""), 2); /* numbers that were never used are free */
        assert_int_equal(commit(f), 42);
        check_clean(f);
}

/* Order of replay does not matter for the sums: that is what the digest is for. */
static void digest(void **state)
{
        struct fixture *f = *state;
        struct store_info a, b;
        begin(f);
        add(f, 0, "name=a");
        add(f, 0, "name=b");
        commit(f);
        reading(f);
        assert_int_equal(store_get_info(f->r, &a), NI_OK);
        read_done(f);
        void *second;
        fixture_setup(&second);
        struct fixture *g = second;
        begin(g);
        add(g, 0, "name=wrong");
        add(g, 0, "name=b");
        commit(g);
        assert_int_equal(store_write_begin(g->s, &g->w), NI_OK);
        assert_int_equal(store_get_info(g->w, &b), NI_OK);
        assert_memory_not_equal(a.digest, b.digest, 16);
        struct store_node n;
        assert_int_equal(store_get(g->w, 1, &n), NI_OK);
        n.props = props_of(g, "name=a");
        assert_int_equal(store_replay_node(g->w, &n), NI_OK);
        assert_int_equal(store_get_info(g->w, &b), NI_OK);
        assert_memory_equal(a.digest, b.digest, 16);
        store_abort(g->w);
        g->w = NULL;
        fixture_teardown(&second);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
        const struct CMUnitTest tests[] = {
                T(kinds),    T(one_step),  T(heads), T(clock_back),   T(versions), T(long_entries),
                T(trimming), T(following), T(past),  T(replay_nodes), T(digest),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
