/* SEARCH (doc/extension-program.md 13), through wire bytes. */
#include "fixture.h"

static uint32_t users, groups;

/* /machines/alpha, /users/{ada,bob,carl}, /groups/{staff/{deep}} and two directories that have no name. */
static void build(struct fixture *f)
{
        users = fx_add(f, 0, fx_props(f, "name", "users", NULL, NULL)).object;
        groups = fx_add(f, 0, fx_props(f, "name", "groups", NULL, NULL)).object;
        fx_add(f, users,
               fx_props(f, "name", "ada", "countess", NULL, "uid", "1", NULL, "x", "1", NULL, NULL));
        fx_add(f, users, fx_props(f, "name", "bob", NULL, "uid", "2", NULL, "passwd", "hash", NULL, NULL));
        fx_add(f, users,
               fx_props(f, "name", "carl", NULL, "uid", "1", NULL, "x", "1", NULL, "uid", "7", NULL, NULL));
        const uint32_t staff =
                fx_add(f, groups, fx_props(f, "name", "staff", NULL, "gid", "1", NULL, NULL)).object;
        fx_add(f, staff, fx_props(f, "name", "a/b=c", NULL, "gid", NULL, NULL));
        fx_add(f, groups, fx_props(f, "passwd", "secret", NULL, "gid", "9", NULL, NULL));
        fx_add(f, groups, fx_props(f, NULL));
}

static const char *paths(struct fixture *f, const struct ext_search_result *r)
{
        struct buf b;
        buf_init(&b, 0);
        for (uint32_t i = 0; i < r->hit_count; i++) {
                buf_puts(&b, i ? " " : "");
                buf_put(&b, r->hits[i].path);
        }
        const char *text = arena_str(&f->results, buf_bytes(&b));
        buf_done(&b);
        return text;
}

/* All pages of at most `most` hits, joined. */
static const char *search_by(struct fixture *f, struct ext_search_args args, uint32_t most)
{
        struct ext_search_result r;
        struct buf b;
        buf_init(&b, 0);
        args.max_entries = most;
        do {
                fx_search(f, &args, &r);
                assert_int_equal(r.status, NI_OK);
                assert_true(most == 0 || r.hit_count <= most);
                assert_int_equal(r.seq, fx_info(f).seq);
                const char *page = paths(f, &r);
                if (*page)
                        buf_printf(&b, b.len ? " %s" : "%s", page);
                args.cursor = r.cursor;
                args.cursor_count = r.cursor_count;
                args.epoch = r.epoch;
        } while (r.more);
        const char *text = arena_str(&f->results, buf_bytes(&b));
        buf_done(&b);
        return text;
}

static void expect(struct fixture *f, const struct ext_search_args *args, const char *want)
{
        for (uint32_t most = 0; most < 5; most++)
                assert_string_equal(search_by(f, *args, most), want);
}

#define COND(k, n, v)                                       \
        {                                                   \
                EXT_COND_##k, 0, BYTES_LIT(n), BYTES_LIT(v) \
        }
#define NOT_COND(k, n, v)                                              \
        {                                                              \
                EXT_COND_##k, EXT_COND_NOT, BYTES_LIT(n), BYTES_LIT(v) \
        }

static void test_conditions(void **state)
{
        struct fixture *f = *state;
        build(f);
        const struct {
                struct ext_condition c[2];
                uint32_t n;
                const char *want;
        } rows[] = {
                {{COND(EQUAL, "name", "ada")}, 1, "/users/ada"},
                {{COND(EQUAL, "name", "countess")}, 1, "/users/ada"},
                {{COND(EQUAL, "name", "nobody")}, 1, ""},
                {{COND(EQUAL, "uid", "1")}, 1, "/users/ada /users/carl"},
                {{COND(EQUAL, "uid", "7")}, 1, ""}, /* in a second property */
                {{COND(PRESENT, "gid", "")}, 1, "/groups/staff /groups/staff/a\\/b\\=c /groups/gid=9"},
                {{COND(EQUAL, "gid", "")}, 1, ""},
                {{COND(PREFIX, "name", "a")}, 1, "/machines/alpha /users/ada /groups/staff/a\\/b\\=c"},
                {{COND(PREFIX, "name", "countess and more")}, 1, ""},
                {{COND(SUBSTRING, "name", "a")},
                 1,
                 "/machines /machines/alpha /users/ada /users/carl /groups/staff /groups/staff/a\\/b\\=c"},
                {{COND(SUBSTRING, "gid", "")}, 1, "/groups/staff /groups/gid=9"}, /* there must be a value */
                {{COND(EQUAL, "uid", "1"), COND(SUBSTRING, "name", "r")}, 2, "/users/carl"},
                {{COND(PRESENT, "uid", ""), NOT_COND(EQUAL, "uid", "1")}, 2, "/users/bob"},
                {{NOT_COND(PRESENT, "name", "")}, 1, "/groups/gid=9 11"},
        };
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                struct ext_condition c[2] = {rows[i].c[0], rows[i].c[1]};
                expect(f, &(struct ext_search_args){.conditions = c, .condition_count = rows[i].n},
                       rows[i].want);
        }
}

static void test_scope(void **state)
{
        struct fixture *f = *state;
        struct ext_search_result r;
        build(f);
        expect(f, &(struct ext_search_args){.depth = 1}, "/machines /users /groups");
        expect(f, &(struct ext_search_args){.depth = 2},
               "/machines /machines/alpha /users /users/ada /users/bob /users/carl /groups /groups/staff "
               "/groups/gid=9 11");
        expect(f, &(struct ext_search_args){.object = groups},
               "/groups/staff /groups/staff/a\\/b\\=c /groups/gid=9 11");
        expect(f, &(struct ext_search_args){.object = 11}, "");
        /* children by an indexed property, and by one that is not */
        struct ext_condition uid = COND(EQUAL, "uid", "1"), x = COND(EQUAL, "x", "1");
        expect(f,
               &(struct ext_search_args){
                       .object = users, .depth = 1, .conditions = &uid, .condition_count = 1},
               "/users/ada /users/carl");
        expect(f,
               &(struct ext_search_args){.object = users, .depth = 1, .conditions = &x, .condition_count = 1},
               "/users/ada /users/carl");
        struct ext_condition both[2] = {COND(EQUAL, "uid", "1"), NOT_COND(EQUAL, "name", "ada")};
        expect(f,
               &(struct ext_search_args){
                       .object = users, .depth = 1, .conditions = both, .condition_count = 2},
               "/users/carl");
        uid.flags = EXT_COND_NOT;
        expect(f,
               &(struct ext_search_args){
                       .object = users, .depth = 1, .conditions = &uid, .condition_count = 1},
               "/users/bob");
        fx_search(f, &(struct ext_search_args){.object = 99}, &r);
        assert_int_equal(r.status, NI_NODIR);
        fx_search(f, &(struct ext_search_args){.epoch = fx_info(f).epoch + 1}, &r);
        assert_int_equal(r.status, EXT_TAKE_SNAPSHOT);
}

static void test_hits(void **state)
{
        struct fixture *f = *state;
        struct ext_search_result r;
        build(f);
        struct ext_search_args args = {.object = users};
        fx_search(f, &args, &r);
        assert_int_equal(r.hit_count, 3);
        for (uint32_t i = 0; i < 3; i++) {
                struct ni_result one;
                fx_expect(f, NI_OK, NI_PROC_read, &(struct ni_args){.id = r.hits[i].id}, &one);
                assert_int_equal(r.hits[i].id.instance, one.id.instance);
                assert_int_equal(r.hits[i].parent, users);
                assert_true(r.hits[i].born > 1);
                assert_string_equal(fx_encoded_text(f, r.hits[i].props), fx_text(f, one.props));
        }
        args.wanted = fx_values(f, "uid", "nothing", "name", NULL);
        fx_search(f, &args, &r);
        assert_string_equal(fx_encoded_text(f, r.hits[2].props), "name=carl|uid=1|uid=7");
        args.flags = EXT_SEARCH_NO_PROPS;
        fx_search(f, &args, &r);
        assert_string_equal(fx_encoded_text(f, r.hits[2].props), "");
}

static void test_secrets(void **state)
{
        struct fixture *f = *state;
        struct ext_search_result r;
        build(f);
        f->policy.redact = true;
        struct ext_condition c[] = {COND(EQUAL, "passwd", "hash")};
        const struct ext_search_args args = {.conditions = c, .condition_count = 1};
        expect(f, &args, "/users/bob"); /* who sees it may ask */
        f->caller.sees_secrets = false;
        for (uint32_t kind = EXT_COND_EQUAL; kind <= EXT_COND_SUBSTRING; kind++)
                for (uint32_t flags = 0; flags < 2; flags++) {
                        c[0].kind = kind;
                        c[0].flags = flags;
                        fx_search(f, &args, &r);
                        assert_int_equal(r.status, NI_PERM);
                }
        c[0] = (struct ext_condition){EXT_COND_PRESENT, 0, BYTES_LIT("passwd"), BYTES_NONE};
        expect(f, &args, "/users/bob /groups/gid=9"); /* and no path shows one */
        fx_search(f, &args, &r);
        assert_string_equal(fx_encoded_text(f, r.hits[0].props), "name=bob|uid=2|passwd=*");
}

/* The domain changes between two pages: what was not touched is found once. */
static void test_changes_between_pages(void **state)
{
        struct fixture *f = *state;
        struct ext_search_result r;
        struct ext_edit_result e;
        build(f);
        struct ext_search_args args = {.object = users, .max_entries = 1};
        fx_search(f, &args, &r);
        assert_string_equal(paths(f, &r), "/users/ada");
        const struct ext_op op = {.kind = EXT_OP_DESTROY, .ref = {.value = r.hits[0].id.object}};
        assert_int_equal(fx_edit(f, &op, 1, &e), NI_OK);
        args.cursor = r.cursor;
        args.cursor_count = r.cursor_count;
        args.max_entries = 0;
        fx_search(f, &args, &r);
        assert_string_equal(paths(f, &r), "/users/bob /users/carl");
        assert_false(r.more);
        /* a whole branch goes while the search stands in it */
        args = (struct ext_search_args){.max_entries = 7};
        fx_search(f, &args, &r);
        assert_string_equal(paths(f, &r),
                            "/machines /machines/alpha /users /users/bob /users/carl /groups /groups/staff");
        assert_true(r.more);
        const struct ext_op all = {
                .kind = EXT_OP_DESTROY, .flags = EXT_OP_RECURSIVE, .ref = {.value = groups}};
        args.cursor = r.cursor;
        args.cursor_count = r.cursor_count;
        assert_int_equal(fx_edit(f, &all, 1, &e), NI_OK);
        fx_add(f, 0, fx_props(f, "name", "last", NULL, NULL));
        fx_search(f, &args, &r);
        assert_string_equal(paths(f, &r), "/last");
        assert_false(r.more);
}

/* Cursors that nobody gave: any answer, no harm. */
static void test_strange_cursors(void **state)
{
        struct fixture *f = *state;
        struct ext_search_result r;
        build(f);
        struct ext_place cursor[LIMIT_SEARCH_DEPTH];
        static const uint64_t strange[] = {0, 1, UINT64_MAX, UINT64_MAX - 1, (uint64_t)1 << 63};
        for (size_t i = 0; i < 5; i++)
                for (uint32_t n = 1; n <= LIMIT_SEARCH_DEPTH; n *= 4) {
                        for (uint32_t k = 0; k < n; k++)
                                cursor[k] = (struct ext_place){strange[(i + k) % 5], strange[k % 5],
                                                               k ? 3 : users};
                        fx_search(f, &(struct ext_search_args){.cursor = cursor, .cursor_count = n}, &r);
                        assert_int_equal(r.status, NI_OK);
                        assert_true(r.hit_count <= 11);
                }
}

static void test_depth_limit(void **state)
{
        struct fixture *f = *state;
        struct ext_search_result r;
        uint32_t at = 0;
        for (int i = 0; i < 300; i++)
                at = fx_add(f, at, fx_props(f, "name", "d", NULL, NULL)).object;
        fx_search(f, &(struct ext_search_args){.flags = EXT_SEARCH_NO_PROPS}, &r);
        assert_int_equal(r.status, NI_NOSPACE);
        fx_search(f, &(struct ext_search_args){.depth = LIMIT_SEARCH_DEPTH}, &r);
        assert_int_equal(r.status, NI_OK);
        assert_int_equal(r.hit_count, 256);
        expect(f, &(struct ext_search_args){.object = at, .depth = 0}, "");
}

/* A page ends after so many directories, hits or none. */
static void test_visit_limit(void **state)
{
        struct fixture *f = *state;
        struct ext_search_result r;
        struct ext_edit_result e;
        struct ext_op *ops = arena_zalloc(&f->results, 1000, sizeof(*ops));
        for (int i = 0; i < 1000; i++)
                ops[i] = (struct ext_op){.kind = EXT_OP_CREATE, .ref = {.value = 1}, .where = NI_INDEX_NULL};
        for (int i = 0; i < 66; i++) {
                if (i == 65)
                        ops[999].props = fx_props(f, "name", "needle", NULL, NULL);
                assert_int_equal(fx_edit(f, ops, 1000, &e), NI_OK);
        }
        struct ext_condition c = COND(SUBSTRING, "name", "needle");
        struct ext_search_args args = {.object = 1, .conditions = &c, .condition_count = 1};
        fx_search(f, &args, &r);
        assert_int_equal(r.status, NI_OK);
        assert_int_equal(r.hit_count, 0);
        assert_true(r.more);
        args.cursor = r.cursor;
        args.cursor_count = r.cursor_count;
        fx_search(f, &args, &r);
        assert_string_equal(paths(f, &r), "/machines/needle");
        assert_false(r.more);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_domain, fixture_done)
int main(void)
{
        const struct CMUnitTest tests[] = {
                T(test_conditions),
                T(test_scope),
                T(test_hits),
                T(test_secrets),
                T(test_changes_between_pages),
                T(test_strange_cursors),
                cmocka_unit_test_setup_teardown(test_depth_limit, fixture_empty, fixture_done),
                T(test_visit_limit),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
