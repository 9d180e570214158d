/* The operations: what they answer, what they change, and that refusals and undone requests leave nothing. */
#include "fixture.h"

#include <stdlib.h>

static struct store_node get(struct store_txn *t, uint32_t object)
{
        struct store_node n;
        assert_int_equal(store_get(t, object, &n), NI_OK);
        return n;
}

static struct store_info info(struct store_txn *t)
{
        struct store_info i;
        assert_int_equal(store_get_info(t, &i), NI_OK);
        return i;
}

static void empty_domain(void **state)
{
        struct fixture *f = *state;
        const uint8_t none[16] = {0};
        reading(f);
        const struct store_node root = get(f->r, 0);
        const struct store_info i = info(f->r);
        assert_int_equal(root.id.instance, 1);
        assert_int_equal(root.parent, 0);
        assert_int_equal(root.child_count, 0);
        assert_int_equal(root.props.len, 4);
        assert_int_equal(i.checksum, 1);
        assert_int_equal(i.directories, 1);
        assert_int_equal(i.highest, 0);
        assert_int_equal(i.seq, 0);
        assert_int_equal(i.first_seq, 1);
        assert_int_equal(i.last_when, 0);
        assert_int_equal(i.role, STORE_MASTER);
        assert_true(i.epoch != 0);
        assert_memory_not_equal(i.uuid, none, 16);
        assert_string_equal(children_of(f->r, 0), "");
        read_done(f);
        check_clean(f);
}

/* protocol.md 6.5: the three directories of CREATEMASTER give checksum 5. */
static void createmaster_checksum(void **state)
{
        struct fixture *f = *state;
        begin(f);
        assert_int_equal(store_put_props(f->w, 0, props_of(f, "master=galley/network"), NULL), NI_OK);
        assert_int_equal(add(f, 0, "name=machines"), 1);
        assert_int_equal(add(f, 1, "name=galley ip_address=10.0.0.1 serves=./network"), 2);
        commit(f);
        reading(f);
        assert_int_equal(info(f->r).checksum, 5);
        assert_int_equal(get(f->r, 0).id.instance, 3);
        assert_int_equal(get(f->r, 1).id.instance, 1);
        assert_int_equal(get(f->r, 2).id.instance, 0);
        read_done(f);
        check_clean(f);
}

static void put_props(void **state)
{
        struct fixture *f = *state;
        struct ni_id id;
        begin(f);
        const uint32_t a = add(f, 0, "name=a");
        assert_int_equal(store_put_props(f->w, a, props_of(f, "name=b x=1,2 y="), &id), NI_OK);
        assert_int_equal(id.object, a);
        assert_int_equal(id.instance, 1);
        assert_int_equal(store_put_props(f->w, 77, props_of(f, "name=b"), &id), NI_NODIR);
        const uint64_t seq = commit(f);
        reading(f);
        struct store_node n = get(f->r, a);
        assert_true(bytes_eq(n.props, props_of(f, "name=b x=1,2 y=")));
        assert_int_equal(n.version, seq);
        assert_int_equal(n.born, seq);
        assert_string_equal(hits_of(f->r, 0, "name", "a"), "");
        assert_string_equal(hits_of(f->r, 0, "name", "b"), "1");
        read_done(f);
}

/* What is put may lie in the very page that is being rewritten. */
static void put_borrowed(void **state)
{
        struct fixture *f = *state;
        begin(f);
        const uint32_t a = add(f, 0, "name=a note=long,enough,to,be,moved");
        const struct store_node n = get(f->w, a);
        assert_int_equal(store_put_props(f->w, 0, n.props, NULL), NI_OK);
        const struct store_node root = get(f->w, 0);
        assert_int_equal(store_put_props(f->w, a, root.props, NULL), NI_OK);
        assert_int_equal(store_add_child(f->w, a, get(f->w, a).props, 0, NI_INDEX_NULL, NULL, NULL), NI_OK);
        commit(f);
        reading(f);
        for (uint32_t i = 0; i < 3; i++)
                assert_true(bytes_eq(get(f->r, i).props, props_of(f, "name=a note=long,enough,to,be,moved")));
        read_done(f);
        check_clean(f);
}

static void malformed_props(void **state)
{
        struct fixture *f = *state;
        const uint8_t nul[] = {0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0};       /* a name of one NUL */
        const uint8_t padding[] = {0, 0, 0, 1, 0, 0, 0, 1, 'a', 0, 0, 9, 0, 0, 0, 0}; /* padding not zero */
        const uint8_t more[] = {0, 0, 0, 0, 0, 0, 0, 0}; /* something behind it */
        begin(f);
        assert_int_equal(store_put_props(f->w, 0, bytes_of(nul, sizeof(nul)), NULL), NI_SYSTEMERR);
        assert_int_equal(store_put_props(f->w, 0, bytes_of(padding, sizeof(padding)), NULL), NI_SYSTEMERR);
        assert_int_equal(store_put_props(f->w, 0, bytes_of(more, sizeof(more)), NULL), NI_SYSTEMERR);
        assert_int_equal(store_put_props(f->w, 0, bytes_of(more, 3), NULL), NI_SYSTEMERR);
        assert_int_equal(store_put_props(f->w, 0, BYTES_NONE, NULL), NI_SYSTEMERR);
        assert_int_equal(commit(f), 0); /* refusals do not spoil the transaction, and nothing was written */
        check_clean(f);
}

static void too_large(void **state)
{
        struct fixture *f = *state;
        struct buf b;
        uint8_t *value = malloc(65535);
        assert_non_null(value);
        memset(value, 'x', 65535);
        buf_init(&b, 0);
        xdr_put_u32(&b, 1);
        xdr_put_opaque(&b, BYTES_LIT("big"));
        xdr_put_u32(&b, 255);
        for (int i = 0; i < 255; i++)
                xdr_put_opaque(&b, bytes_of(value, 65535));
        assert_true(b.len < LIMIT_NODE);
        begin(f);
        assert_int_equal(store_put_props(f->w, 0, buf_bytes(&b), NULL), NI_OK); /* nearly 16 MiB */
        xdr_store(b.data + 12, 257);
        xdr_put_opaque(&b, bytes_of(value, 65535));
        xdr_put_opaque(&b, bytes_of(value, 65535));
        assert_true(b.len > LIMIT_NODE);
        assert_int_equal(store_put_props(f->w, 0, buf_bytes(&b), NULL), NI_NOSPACE);
        commit(f);
        check_clean(f);
        /* A journal entry has its limit, too; the change is refused as a whole. */
        xdr_store(b.data + 12, 255);
        b.len -= 2 * (size_t)(4 + 65536);
        assert_int_equal(store_write_begin(f->s, &f->w), NI_OK);
        assert_int_equal(store_sub_begin(f->w), NI_OK);
        assert_int_equal(store_change_begin(f->w, &nobody), NI_OK);
        assert_int_equal(store_put_props(f->w, 0, buf_bytes(&b), NULL), NI_OK);
        assert_int_equal(store_add_child(f->w, 0, buf_bytes(&b), 0, NI_INDEX_NULL, NULL, NULL), NI_OK);
        assert_int_equal(store_add_child(f->w, 0, buf_bytes(&b), 0, NI_INDEX_NULL, NULL, NULL), NI_NOSPACE);
        assert_int_equal(store_put_props(f->w, 0, props_of(f, ""), NULL), NI_NOSPACE); /* sticky */
        store_sub_abort(f->w);
        assert_int_equal(store_change_begin(f->w, &nobody), NI_OK);
        assert_int_equal(store_put_props(f->w, 0, props_of(f, ""), NULL), NI_OK);
        commit(f);
        check_clean(f);
        buf_done(&b);
        free(value);
}

static void add_children(void **state)
{
        struct fixture *f = *state;
        struct ni_id id, up;
        begin(f);
        assert_int_equal(
                store_add_child(f->w, 0, props_of(f, "name=a"), NI_INDEX_NULL, NI_INDEX_NULL, &id, &up),
                NI_OK);
        assert_int_equal(id.object, 1);
        assert_int_equal(id.instance, 0);
        assert_int_equal(up.object, 0);
        assert_int_equal(up.instance, 2);
        assert_int_equal(store_add_child(f->w, 0, props_of(f, ""), 0, NI_INDEX_NULL, &id, &up), NI_OK);
        assert_int_equal(store_add_child(f->w, 0, props_of(f, ""), 1, NI_INDEX_NULL, &id, &up), NI_OK);
        assert_int_equal(store_add_child(f->w, 0, props_of(f, ""), 3, NI_INDEX_NULL, &id, &up), NI_OK);
        assert_int_equal(store_add_child(f->w, 0, props_of(f, ""), 99, NI_INDEX_NULL, &id, &up), NI_OK);
        assert_int_equal(store_add_child(f->w, 9, props_of(f, ""), 0, NI_INDEX_NULL, &id, &up), NI_NODIR);
        assert_string_equal(children_of(f->w, 0), "2 3 1 4 5");
        commit(f);
        reading(f);
        assert_string_equal(children_of(f->r, 0), "2 3 1 4 5");
        assert_int_equal(get(f->r, 0).child_count, 5);
        read_done(f);
        check_clean(f);
}

static void remove_children(void **state)
{
        struct fixture *f = *state;
        struct ni_id up;
        begin(f);
        add(f, 0, "name=a");
        add(f, 1, "name=b");
        add(f, 0, "name=c");
        assert_int_equal(store_remove_child(f->w, 9, 1, &up), NI_NODIR);
        assert_int_equal(store_remove_child(f->w, 0, 9, &up), NI_NODIR);
        assert_int_equal(store_remove_child(f->w, 3, 1, &up),
                         NI_NOTEMPTY); /* before UNRELATED: protocol.md 2.7 */
        assert_int_equal(store_remove_child(f->w, 0, 1, &up), NI_NOTEMPTY);
        assert_int_equal(store_remove_child(f->w, 0, 0, &up), NI_NOTEMPTY);
        assert_int_equal(store_remove_child(f->w, 0, 2, &up), NI_UNRELATED);
        assert_int_equal(store_remove_child(f->w, 1, 2, &up), NI_OK);
        assert_int_equal(up.object, 1);
        assert_int_equal(up.instance, 2);
        assert_int_equal(store_remove_child(f->w, 1, 2, &up), NI_NODIR);
        assert_int_equal(store_remove_child(f->w, 0, 1, &up), NI_OK);
        assert_int_equal(store_remove_child(f->w, 0, 3, &up), NI_OK);
        assert_int_equal(store_remove_child(f->w, 0, 0, &up), NI_UNRELATED);
        commit(f);
        reading(f);
        assert_string_equal(children_of(f->r, 0), "");
        assert_string_equal(hits_of(f->r, 0, "name", "a"), "");
        assert_int_equal(info(f->r).directories, 1);
        read_done(f);
        check_clean(f);
}

/* decisions.md 10: the smallest free number, and the instance goes on. */
static void numbers(void **state)
{
        struct fixture *f = *state;
        struct ni_id id;
        begin(f);
        for (uint32_t i = 1; i <= 5; i++)
                assert_int_equal(add(f, 0, ""), i);
        store_put_props(f->w, 2, props_of(f, "x=1"), NULL);
        store_put_props(f->w, 2, props_of(f, "x=2"), NULL);
        store_remove_child(f->w, 0, 2, NULL);
        store_remove_child(f->w, 0, 4, NULL);
        store_remove_child(f->w, 0, 5, NULL); /* the highest goes: its number is smaller than a new one */
        commit(f);
        reading(f);
        assert_int_equal(info(f->r).highest, 3);
        read_done(f);
        fixture_reopen(f);
        begin(f);
        assert_int_equal(store_add_child(f->w, 0, props_of(f, ""), 0, NI_INDEX_NULL, &id, NULL), NI_OK);
        assert_int_equal(id.object, 2);
        assert_int_equal(id.instance, 3);
        assert_int_equal(add(f, 0, ""), 4);
        assert_int_equal(add(f, 0, ""), 5);
        assert_int_equal(add(f, 0, ""), 6);
        commit(f);
        check_clean(f);
}

static void numbers_from_zero(void **state)
{
        struct fixture *f = *state;
        struct ni_id id;
        f->options.reuse_from_zero = true;
        fixture_reopen(f);
        begin(f);
        add(f, 0, "");
        store_put_props(f->w, 1, props_of(f, "x=1"), NULL);
        store_remove_child(f->w, 0, 1, NULL);
        assert_int_equal(store_add_child(f->w, 0, props_of(f, ""), 0, NI_INDEX_NULL, &id, NULL), NI_OK);
        assert_int_equal(id.object, 1);
        assert_int_equal(id.instance, 0);
        commit(f);
        check_clean(f);
}

static void numbers_wanted(void **state)
{
        struct fixture *f = *state;
        struct ni_id id;
        const struct bytes none = props_of(f, "");
        begin(f);
        assert_int_equal(store_add_child(f->w, 0, none, 0, 10, &id, NULL), NI_OK);
        assert_int_equal(id.object, 10);
        assert_int_equal(store_add_child(f->w, 0, none, 0, 10, &id, NULL), NI_ALIVE);
        assert_int_equal(store_add_child(f->w, 0, none, 0, 0, &id, NULL), NI_ALIVE);
        assert_int_equal(store_add_child(f->w, 0, none, 0, 5, &id, NULL), NI_OK);
        assert_int_equal(id.object, 5);
        assert_int_equal(store_add_child(f->w, 0, none, 0, STORE_OBJECT_MAX, &id, NULL), NI_OK);
        assert_int_equal(store_add_child(f->w, 0, none, 0, STORE_OBJECT_MAX + 1, &id, NULL), NI_NOSPACE);
        commit(f);
        check_clean(f);
        begin(f);
        for (uint32_t i = 1; i < 13; i++) /* the holes fill from below */
                if (i != 5 && i != 10)
                        assert_int_equal(add(f, 0, ""), i);
        assert_int_equal(store_remove_child(f->w, 0, STORE_OBJECT_MAX, NULL), NI_OK);
        assert_int_equal(store_add_child(f->w, 0, none, 0, STORE_OBJECT_MAX, &id, NULL), NI_OK);
        assert_int_equal(id.instance, 1);
        commit(f);
        check_clean(f);
        reading(f);
        assert_int_equal(info(f->r).highest, STORE_OBJECT_MAX);
        read_done(f);
}

static void moving(void **state)
{
        struct fixture *f = *state;
        begin(f);
        add(f, 0, "name=a");
        add(f, 0, "name=b");
        add(f, 0, "name=c");
        add(f, 1, "name=d");
        add(f, 4, "name=e");
        commit(f);
        begin(f);
        assert_int_equal(store_move(f->w, 9, 0, 0), NI_NODIR);
        assert_int_equal(store_move(f->w, 1, 9, 0), NI_NODIR);
        assert_int_equal(store_move(f->w, 0, 1, 0), NI_UNRELATED);
        assert_int_equal(store_move(f->w, 1, 1, 0), NI_UNRELATED);
        assert_int_equal(store_move(f->w, 1, 5, 0), NI_UNRELATED); /* below itself */
        assert_int_equal(commit(f), 1);                            /* nothing written: no change */
        begin(f);
        assert_int_equal(store_move(f->w, 4, 2, NI_INDEX_NULL), NI_OK);
        const uint64_t seq = commit(f);
        reading(f);
        assert_int_equal(get(f->r, 4).id.instance,
                         1); /* its own child list changed once; moving does not count */
        assert_int_equal(get(f->r, 4).parent, 2);
        assert_int_equal(get(f->r, 4).version, seq);
        assert_int_equal(get(f->r, 1).id.instance, 2);
        assert_int_equal(get(f->r, 1).child_count, 0);
        assert_int_equal(get(f->r, 2).id.instance, 1);
        assert_int_equal(get(f->r, 2).child_count, 1);
        assert_int_equal(get(f->r, 5).parent, 4);
        assert_string_equal(hits_of(f->r, 1, "name", "d"), "");
        assert_string_equal(hits_of(f->r, 2, "name", "d"), "4");
        read_done(f);
        begin(f); /* within one parent; positions are counted without the directory itself */
        assert_int_equal(store_move(f->w, 1, 0, 1), NI_OK);
        assert_string_equal(children_of(f->w, 0), "2 1 3");
        assert_int_equal(store_move(f->w, 1, 0, 2), NI_OK);
        assert_string_equal(children_of(f->w, 0), "2 3 1");
        assert_int_equal(store_move(f->w, 1, 0, 0), NI_OK);
        assert_string_equal(children_of(f->w, 0), "1 2 3");
        commit(f);
        reading(f);
        assert_int_equal(get(f->r, 0).id.instance, 1 + 3 + 3);
        assert_int_equal(get(f->r, 0).child_count, 3);
        read_done(f);
        check_clean(f);
}

/* A nested transaction that is given up takes its own with it and nothing else. */
static void nested(void **state)
{
        struct fixture *f = *state;
        uint64_t seq = 0;
        begin(f);
        add(f, 0, "name=a");
        assert_int_equal(store_sub_begin(f->w), NI_SYSTEMERR); /* not within a change */
        assert_int_equal(store_change_end(f->w, &seq), NI_OK);
        assert_int_equal(seq, 1);
        assert_int_equal(store_sub_begin(f->w), NI_OK);
        assert_int_equal(store_sub_begin(f->w), NI_SYSTEMERR); /* not deeper than one */
        assert_int_equal(store_change_begin(f->w, &nobody), NI_OK);
        add(f, 0, "name=lost");
        store_remove_child(f->w, 0, 1, NULL);
        assert_int_equal(store_sub_commit(f->w), NI_SYSTEMERR); /* the change is open: given up */
        assert_string_equal(children_of(f->w, 0), "1");
        assert_int_equal(store_sub_begin(f->w), NI_OK);
        assert_int_equal(store_change_begin(f->w, &nobody), NI_OK);
        assert_int_equal(add(f, 0, "name=b"), 2);
        assert_int_equal(store_change_end(f->w, &seq), NI_OK);
        assert_int_equal(seq, 2);
        assert_int_equal(store_sub_commit(f->w), NI_OK);
        assert_int_equal(store_commit(f->w, NULL), NI_OK);
        f->w = NULL;
        reading(f);
        assert_string_equal(children_of(f->r, 0), "1 2");
        assert_int_equal(info(f->r).seq, 2);
        read_done(f);
        check_clean(f);
}

static void refused_use(void **state)
{
        struct fixture *f = *state;
        struct store_txn *again;
        assert_int_equal(store_write_begin(f->s, &f->w), NI_OK);
        assert_int_equal(store_write_begin(f->s, &again), NI_SYSTEMERR);
        assert_int_equal(store_put_props(f->w, 0, props_of(f, ""), NULL),
                         NI_SYSTEMERR); /* outside a change */
        assert_int_equal(store_change_end(f->w, NULL), NI_SYSTEMERR);
        assert_int_equal(store_change_begin(f->w, &nobody), NI_OK);
        assert_int_equal(store_change_begin(f->w, &nobody), NI_SYSTEMERR);
        assert_int_equal(store_commit(f->w, NULL), NI_SYSTEMERR); /* with an open change: given up */
        f->w = NULL;
        reading(f);
        assert_int_equal(store_change_begin(f->r, &nobody), NI_RDONLY);
        assert_int_equal(store_read_begin(f->r), NI_SYSTEMERR);
        read_done(f);
        begin(f);
        store_abort(f->w);
        f->w = NULL;
        begin(f);
        assert_int_equal(commit(f), 0);
}

/* Readers see one moment, whatever is committed meanwhile. */
static void readers(void **state)
{
        struct fixture *f = *state;
        reading(f);
        begin(f);
        add(f, 0, "name=a");
        commit(f);
        assert_string_equal(children_of(f->r, 0), "");
        store_read_end(f->r);
        struct store_node n;
        assert_int_equal(store_get(f->r, 0, &n), NI_SYSTEMERR); /* not reading */
        assert_int_equal(store_read_begin(f->r), NI_OK);
        assert_string_equal(children_of(f->r, 0), "1");
        /* What a reader has read is not kept beyond a commit, and not given away after its end. */
        for (uint32_t i = 0; i < 20; i++) {
                const uint32_t object = i % 2;
                assert_int_equal(store_get(f->r, object, &n), NI_OK);
                const uint32_t instance = n.id.instance;
                store_read_end(f->r);
                assert_int_equal(store_get(f->r, object, &n), NI_SYSTEMERR);
                if (i % 3) {
                        begin(f);
                        assert_int_equal(store_put_props(f->w, object, props_of(f, "name=b"), NULL), NI_OK);
                        commit(f);
                }
                assert_int_equal(store_read_begin(f->r), NI_OK);
                assert_int_equal(store_get(f->r, object, &n), NI_OK);
                assert_int_equal(n.id.instance, instance + (i % 3 != 0));
        }
        read_done(f);
}

static void each(void **state)
{
        struct fixture *f = *state;
        struct store_walk w;
        struct store_node n;
        begin(f);
        for (int i = 0; i < 5; i++)
                add(f, 0, "");
        store_remove_child(f->w, 0, 3, NULL);
        commit(f);
        reading(f);
        const uint32_t expected[] = {2, 4, 5};
        uint32_t i = 0;
        store_each(f->r, 2, &w);
        while (store_each_next(&w, &n))
                assert_int_equal(n.id.object, expected[i++]);
        assert_int_equal(i, 3);
        assert_false(store_each_next(&w, &n));
        store_end(&w);
        store_each(f->r, 6, &w);
        assert_false(store_each_next(&w, &n));
        assert_int_equal(w.status, NI_OK);
        store_end(&w);
        read_done(f);
}

/* Walking and changing in one transaction: the walk finds its place again. */
static void walk_while_removing(void **state)
{
        struct fixture *f = *state;
        struct store_walk w;
        begin(f);
        for (int i = 0; i < 300; i++)
                add(f, 0, "name=same");
        commit(f);
        begin(f);
        store_children(f->w, 0, STORE_FROM_START, &w);
        uint32_t seen = 0;
        while (store_next(&w)) {
                seen++;
                if (seen % 2)
                        assert_int_equal(store_remove_child(f->w, 0, w.child, NULL), NI_OK);
        }
        store_end(&w);
        assert_int_equal(seen, 300);
        store_lookup(f->w, 0, BYTES_LIT("name"), BYTES_LIT("same"), STORE_FROM_START, &w);
        for (seen = 0; store_next(&w); seen++)
                assert_int_equal(store_remove_child(f->w, 0, w.child, NULL), NI_OK);
        store_end(&w);
        assert_int_equal(seen, 150);
        commit(f);
        check_clean(f);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
        const struct CMUnitTest tests[] = {
                T(empty_domain),
                T(createmaster_checksum),
                T(put_props),
                T(put_borrowed),
                T(malformed_props),
                T(too_large),
                T(add_children),
                T(remove_children),
                T(numbers),
                T(numbers_from_zero),
                T(numbers_wanted),
                T(moving),
                T(nested),
                T(refused_use),
                T(readers),
                T(each),
                T(walk_while_removing),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
