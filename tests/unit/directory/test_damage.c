/* A child that is listed and has no record: shown as such, and DESTROY unlinks it (protocol.md 2.7). The
 * damage is done with LMDB itself, behind the store's back. */
#include "fixture.h"

#include <lmdb.h>

/* Removes the record of one object from the closed store's table of nodes (doc/store-format.md). */
static void lose_record(struct fixture *f, uint32_t object)
{
        MDB_env *env;
        MDB_txn *t;
        MDB_dbi nodes;
        uint8_t key[4];
        store_reader_free(f->reader);
        store_close(f->store);
        xdr_store(key, object);
        MDB_val k = {4, key};
        assert_int_equal(mdb_env_create(&env), 0);
        assert_int_equal(mdb_env_set_maxdbs(env, 16), 0);
        assert_int_equal(mdb_env_set_mapsize(env, (size_t)256 << 20), 0);
        assert_int_equal(mdb_env_open(env, f->folder, 0, 0600), 0);
        assert_int_equal(mdb_txn_begin(env, NULL, 0, &t), 0);
        assert_int_equal(mdb_dbi_open(t, "nodes", 0, &nodes), 0);
        assert_int_equal(mdb_del(t, nodes, &k, NULL), 0);
        assert_int_equal(mdb_txn_commit(t), 0);
        mdb_env_close(env);
        struct store_why why;
        assert_int_equal(store_open(f->folder, &f->options, &f->store, &why), NI_OK);
        assert_int_equal(store_reader_new(f->store, &f->reader), NI_OK);
}

static void test_listed_without_record(void **state)
{
        struct fixture *f = *state;
        struct ni_result r;
        fx_add(f, 1, fx_props(f, "name", "beta", NULL, NULL));
        const uint32_t lost = fx_add(f, 1, fx_props(f, "name", "gamma", NULL, NULL)).object;
        fx_add(f, 1, fx_props(f, "name", "delta", NULL, NULL));
        lose_record(f, lost);

        fx_expect(f, NI_OK, NI_PROC_children, &(struct ni_args){.id = {1, 0}}, &r);
        assert_int_equal(r.object_count, 4);
        assert_int_equal(r.objects[2], lost);
        fx_expect(f, NI_OK, NI_PROC_list, &(struct ni_args){.id = {1, 0}, .value = BYTES_LIT("name")}, &r);
        assert_int_equal(r.entry_count, 4);
        assert_int_equal(r.entries[2].object, 0); /* an unreadable child: id 0, names absent */
        assert_false(r.entries[2].has_names);
        assert_values(f, r.entries[3].names, "delta");
        fx_expect(f, NI_OK, NI_PROC_listall, &(struct ni_args){.id = {1, 0}}, &r);
        assert_int_equal(r.list_count, 4);
        assert_int_equal(r.lists[2].n, 0);
        fx_expect(f, NI_NODIR, NI_PROC_read, &(struct ni_args){.id = {lost, 0}}, NULL);

        /* READALL does not hand on a damaged domain */
        struct dir_readall w;
        struct dir_request rq = fx_ask(f);
        assert_int_equal(dir_readall_begin(&rq, 0, &w), NI_OK);
        assert_int_equal(dir_readall_next(&rq, &w, LIMIT_REPLY), NI_SYSTEMERR);
        dir_readall_end(&w);
        fx_ask_end(f);

        const struct ni_id parent = fx_id(f, 1);
        fx_expect(f, NI_NODIR, NI_PROC_destroy, &(struct ni_args){.id = fx_id(f, 0), .child = {lost, 0}},
                  NULL);
        fx_expect(f, NI_OK, NI_PROC_destroy, &(struct ni_args){.id = parent, .child = {lost, 7}}, &r);
        assert_int_equal(r.id.object, 1);
        assert_int_equal(r.id.instance, parent.instance + 1);
        fx_expect(f, NI_OK, NI_PROC_children, &(struct ni_args){.id = {1, 0}}, &r);
        assert_int_equal(r.object_count, 3);
        fx_expect(f, NI_NODIR, NI_PROC_destroy, &(struct ni_args){.id = fx_id(f, 1), .child = {lost, 7}},
                  NULL);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_listed_without_record, fixture_domain, fixture_done),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
