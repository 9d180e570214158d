/* The index: what is found, in which order, after which changes; when hashes collide; that it is what
 * store_check expects. */
#include "fixture.h"

#include "store/store-internal.h" /* the width of the hash */

#include <stdio.h>
#include <stdlib.h>

static void first_property_only(void **state)
{
        struct fixture *f = *state;
        begin(f);
        add(f, 0, "name=a,b name=c");
        add(f, 0, "name= name=a"); /* the first has no values */
        add(f, 0, "name=,a");      /* the empty value is a value */
        add(f, 0, "x=a");
        commit(f);
        reading(f);
        assert_string_equal(hits_of(f->r, 0, "name", "a"), "1 3");
        assert_string_equal(hits_of(f->r, 0, "name", "b"), "1");
        assert_string_equal(hits_of(f->r, 0, "name", "c"), "");
        assert_string_equal(hits_of(f->r, 0, "name", ""), "3");
        assert_string_equal(hits_of(f->r, 0, "x", "a"), "4"); /* not indexed */
        assert_string_equal(hits_of(f->r, 1, "name", "a"), "");
        assert_true(store_indexed(f->r, BYTES_LIT("name")));
        assert_false(store_indexed(f->r, BYTES_LIT("x")));
        assert_false(store_indexed(f->r, BYTES_LIT("passwd")));
        read_done(f);
        check_clean(f);
}

static void child_order(void **state)
{
        struct fixture *f = *state;
        begin(f);
        for (int i = 0; i < 5; i++)
                add(f, 0, "name=a gid=20 x=1");
        assert_int_equal(
                store_add_child(f->w, 0, props_of(f, "name=a gid=20 x=1"), 0, NI_INDEX_NULL, NULL, NULL),
                NI_OK);
        assert_int_equal(store_move(f->w, 2, 0, NI_INDEX_NULL), NI_OK);
        commit(f);
        reading(f);
        assert_string_equal(children_of(f->r, 0), "6 1 3 4 5 2");
        assert_string_equal(hits_of(f->r, 0, "gid", "20"), "6 1 3 4 5 2");
        assert_string_equal(hits_of(f->r, 0, "x", "1"), "6 1 3 4 5 2");
        struct store_walk w;
        store_lookup(f->r, 0, BYTES_LIT("gid"), BYTES_LIT("20"), STORE_FROM_START, &w);
        assert_true(store_next(&w));
        const uint64_t after = w.ordinal;
        store_end(&w);
        store_lookup(f->r, 0, BYTES_LIT("gid"), BYTES_LIT("20"), after, &w);
        assert_true(store_next(&w));
        assert_int_equal(w.child, 1);
        store_end(&w);
        read_done(f);
}

/* Every kind of difference between two value lists, short and long, with repeated values. */
static void value_lists(void **state)
{
        static const char *const lists[] = {
                "",
                "users=",
                "users=a",
                "users=a,b,c",
                "users=c,b,a",
                "users=a,a,b",
                "users=a,b,a",
                "users=b",
                "users=b,b",
                "users=a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q,r,s,t",
                "users=b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q,r,s,t,a,a",
                "users=t,s,r,q,p,o,n,m,l,k,j,i,h,g,f,e,d,c,b,z,y,x",
                "name=n users=z,y",
                "users=q users=a",
        };
        enum { N = sizeof(lists) / sizeof(lists[0]) };
        struct fixture *f = *state;
        begin(f);
        add(f, 0, "");
        for (int i = 0; i < N; i++)
                for (int k = 0; k < N; k++) {
                        assert_int_equal(store_put_props(f->w, 1, props_of(f, lists[i]), NULL), NI_OK);
                        assert_int_equal(store_put_props(f->w, 1, props_of(f, lists[k]), NULL), NI_OK);
                        struct prop_walk p;
                        for (char c = 'a'; c <= 'z'; c++) {
                                const char value[2] = {c, 0};
                                const struct bytes props = props_of(f, lists[k]);
                                const bool has = prop_find(props, BYTES_LIT("users"), &p) &&
                                                 namelist_has(p.values, bytes_str(value));
                                assert_string_equal(hits_of(f->w, 0, "users", value), has ? "1" : "");
                        }
                        commit(f);
                        check_clean(f); /* no strays */
                        begin(f);
                }
        commit(f);
}

/* A large group: one more member costs one entry. */
static void large_group(void **state)
{
        struct fixture *f = *state;
        struct buf b;
        struct store_usage u, v;
        buf_init(&b, 0);
        for (uint32_t n = 5000; n < 5002; n++) {
                buf_clear(&b);
                xdr_put_u32(&b, 1);
                xdr_put_opaque(&b, BYTES_LIT("users"));
                xdr_put_u32(&b, n);
                for (uint32_t i = 0; i < n; i++) {
                        char text[16];
                        snprintf(text, sizeof(text), "user%u", i);
                        xdr_put_opaque(&b, bytes_str(text));
                }
                begin(f);
                if (n == 5000)
                        add(f, 0, "name=staff");
                const uint64_t before = f->w->generation;
                assert_int_equal(store_put_props(f->w, 1, buf_bytes(&b), NULL), NI_OK);
                if (n > 5000)
                        assert_in_range(f->w->generation - before, 1, 3); /* writes: one entry, the node */
                commit(f);
                reading(f);
                assert_int_equal(store_get_usage(f->r, n == 5000 ? &u : &v), NI_OK);
                assert_string_equal(hits_of(f->r, 0, "users", "user4999"), "1");
                read_done(f);
        }
        assert_int_equal(v.index, u.index + 1);
        check_clean(f);
        buf_done(&b);
}

/* With a hash of one bit, everything collides: hits are verified, none is lost, none is wrong. */
static void collisions(void **state)
{
        struct fixture *f = *state;
        char text[32], expected[4096];
        f->s->hash_mask = 1;
        begin(f);
        for (int i = 0; i < 500; i++) {
                snprintf(text, sizeof(text), "name=v%d", i % 50);
                add(f, 0, text);
        }
        for (uint32_t i = 1; i <= 500; i += 3) {
                snprintf(text, sizeof(text), "name=v%d", (int)(i * 7 % 50));
                assert_int_equal(store_put_props(f->w, i, props_of(f, text), NULL), NI_OK);
        }
        for (uint32_t i = 2; i <= 500; i += 5)
                assert_int_equal(store_remove_child(f->w, 0, i, NULL), NI_OK);
        assert_int_equal(store_move(f->w, 500, 0, 0), NI_OK);
        commit(f);
        check_clean(f);
        reading(f);
        for (int v = 0; v < 50; v++) {
                struct store_walk w;
                size_t n = 0;
                expected[0] = '\0';
                snprintf(text, sizeof(text), "v%d", v);
                store_children(f->r, 0, STORE_FROM_START, &w);
                while (store_next(&w)) {
                        struct store_node node;
                        struct bytes first;
                        assert_int_equal(store_get(f->r, w.child, &node), NI_OK);
                        if (prop_first(node.props, "name", &first) && bytes_eq_str(first, text))
                                n += (size_t)snprintf(expected + n, sizeof(expected) - n, "%s%u",
                                                      n ? " " : "", w.child);
                }
                store_end(&w);
                assert_true(n > 0);
                assert_string_equal(hits_of(f->r, 0, "name", text), expected);
        }
        read_done(f);
        f->s->hash_mask = UINT64_MAX;
}

static void more_names(void **state)
{
        static const char *const more[] = {"shell", "name", "mail", NULL};
        struct fixture *f = *state;
        struct store_options o = {.no_sync = true, .indexed = more};
        struct store *s;
        struct store_why why;
        char path[100];
        snprintf(path, sizeof(path), "%s/more", f->folder);
        assert_int_equal(store_create(path, STORE_MASTER, &o, &s, &why), NI_OK);
        store_close(s);
        o.indexed = NULL;
        assert_int_equal(store_open(path, &o, &s, &why), NI_OK);
        struct store_txn *r;
        assert_int_equal(store_reader_new(s, &r), NI_OK);
        assert_true(store_indexed(r, BYTES_LIT("mail")));
        assert_true(store_indexed(r, BYTES_LIT("shell")));
        assert_true(store_indexed(r, BYTES_LIT("realname")));
        assert_false(store_indexed(r, BYTES_LIT("home")));
        store_reader_free(r);
        store_close(s);
}

/* -- entries that wait for the commit: what the writer itself finds meanwhile
 * ---------------------------------------------------------------------------------------------- */

static uint64_t dice;
static uint32_t roll(uint32_t below)
{
        dice = dice * 6364136223846793005u + 1442695040888963407u;
        return (uint32_t)(dice >> 33) % below;
}

/* A child of one of the first three directories; 0: it has none. */
static uint32_t any_child(struct fixture *f, uint32_t parent)
{
        struct store_walk w;
        uint32_t found = 0, seen = 0;
        store_children(f->w, parent, STORE_FROM_START, &w);
        while (store_next(&w))
                if (roll(++seen) == 0)
                        found = w.child;
        store_end(&w);
        return found;
}

static void request(struct fixture *f, uint32_t lookups)
{
        char value[16], text[64];
        for (uint32_t k = roll(12); k; k--) {
                const uint32_t parent = 1 + roll(3), kind = roll(20), child = any_child(f, parent);
                snprintf(value, sizeof(value), "v%u", roll(15));
                snprintf(text, sizeof(text), "name=%s", value);
                if (f->s->hash_mask == UINT64_MAX) /* else values of one directory share entries */
                        snprintf(text, sizeof(text), "name=%s,w%u uid=%u", value, roll(5), roll(9));
                if (kind < 12)
                        add(f, parent, text);
                else if (kind < 14 && child)
                        assert_int_equal(store_remove_child(f->w, parent, child, NULL), NI_OK);
                else if (kind < 16 && child)
                        assert_int_equal(store_put_props(f->w, child, props_of(f, text), NULL), NI_OK);
                else if (kind < 17 && child)
                        assert_int_equal(store_move(f->w, child, 1 + roll(3), roll(4)), NI_OK);
                else if (roll(10) < lookups)
                        expect_hits(f->w, parent, value);
        }
}

/* mask: of one bit, one word stands for many entries. */
static void random_requests(struct fixture *f, uint64_t mask, uint32_t batches)
{
        struct store_backlog *b = &f->s->writer.backlog;
        f->s->hash_mask = mask;
        begin(f);
        for (uint32_t i = 1; i <= 3; i++)
                assert_int_equal(add(f, 0, "name=top"), i);
        commit(f);
        for (uint32_t i = 0; i < batches; i++) {
                b->most = i % 5 ? 1000 : 3;
                assert_int_equal(store_write_begin(f->s, &f->w), NI_OK);
                for (uint32_t k = 1 + roll(6); k; k--) {
                        assert_int_equal(store_sub_begin(f->w), NI_OK);
                        assert_int_equal(store_change_begin(f->w, &nobody), NI_OK);
                        request(f, i % 3 * 5);
                        assert_int_equal(store_change_end(f->w, NULL), NI_OK);
                        assert_true(b->n - b->put <= b->most);
                        assert_true(b->n <= 2 * b->most); /* with those that an abort would need again */
                        if (roll(3))
                                assert_int_equal(store_sub_commit(f->w), NI_OK);
                        else
                                store_sub_abort(f->w);
                        if (i % 2)
                                expect_hits(f->w, 1 + roll(3), "v1");
                }
                if (roll(8))
                        assert_int_equal(store_commit(f->w, NULL), NI_OK);
                else
                        store_abort(f->w);
                f->w = NULL;
                assert_int_equal(b->n, 0);
                if (i % 10 == 9)
                        check_clean(f);
        }
        f->s->hash_mask = UINT64_MAX;
}

static void waiting_entries(void **state)
{
        dice = 7;
        random_requests(*state, UINT64_MAX, 300);
}
static void waiting_entries_collide(void **state)
{
        dice = 8;
        random_requests(*state, 1, 200);
}

/* New directories wait, look-ups of what nobody made leave them waiting, the commit puts them. */
static void waiting_until_asked(void **state)
{
        struct fixture *f = *state;
        struct store_usage u;
        char text[32];
        assert_int_equal(store_write_begin(f->s, &f->w), NI_OK);
        for (int i = 0; i < 20; i++) {
                assert_int_equal(store_sub_begin(f->w), NI_OK);
                assert_int_equal(store_change_begin(f->w, &nobody), NI_OK);
                assert_string_equal(hits_of(f->w, 0, "name", "nobody"), "");
                snprintf(text, sizeof(text), "name=v%d uid=%d", i, i);
                add(f, 0, text);
                assert_int_equal(store_change_end(f->w, NULL), NI_OK);
                assert_int_equal(store_sub_commit(f->w), NI_OK);
        }
        assert_int_equal(f->w->backlog.n, 40);
        assert_int_equal(store_sub_begin(f->w), NI_OK);
        assert_string_equal(hits_of(f->w, 0, "name", "v7"), "8");
        assert_int_equal(f->w->backlog.n, f->w->backlog.put);
        store_sub_abort(f->w); /* the entries were older than what is undone */
        assert_string_equal(hits_of(f->w, 0, "uid", "9"), "10");
        assert_int_equal(store_commit(f->w, NULL), NI_OK);
        f->w = NULL;
        reading(f);
        assert_int_equal(store_get_usage(f->r, &u), NI_OK);
        assert_int_equal(u.index, 40);
        read_done(f);
        check_clean(f);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
        const struct CMUnitTest tests[] = {
                T(first_property_only), T(child_order), T(value_lists),     T(large_group),
                T(collisions),          T(more_names),  T(waiting_entries), T(waiting_entries_collide),
                T(waiting_until_asked),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
