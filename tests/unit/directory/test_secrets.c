/* Redaction (protocol.md 3.9, decision 6) and what an "*" that comes back means
 * (doc/decisions/0002-secrets-written-back.md). */
#include "fixture.h"

static uint32_t users, ada;

static void setup_users(struct fixture *f)
{
        users = fx_add(f, 0, fx_props(f, "name", "users", NULL, NULL)).object;
        ada = fx_add(f, users,
                     fx_props(f, "name", "ada", NULL, "passwd", "hash1", "hash2", NULL, "uid", "5001", NULL,
                              "_writers", "ada", NULL, NULL))
                      .object;
        f->policy.redact = true;
        f->caller = fx_caller("ada");
}

/* The directory as the superuser sees it. */
static const char *truth(struct fixture *f)
{
        struct ni_result r;
        const struct caller who = f->caller;
        f->caller = (struct caller){.superuser = true, .sees_secrets = true};
        fx_expect(f, NI_OK, NI_PROC_read, &(struct ni_args){.id = {ada, 0}}, &r);
        f->caller = who;
        return fx_text(f, r.props);
}

static void test_reads(void **state)
{
        struct fixture *f = *state;
        struct ni_result r;
        setup_users(f);
        const struct ni_args args = {.id = {users, 0}, .key = BYTES_LIT("name"), .value = BYTES_LIT("ada")};
        const struct ni_args at = {.id = {ada, 0}, .prop_index = 1, .name_index = 1};
        for (int sees = 0; sees < 2; sees++) {
                f->caller.sees_secrets = sees;
                const char *all = sees ? "name=ada|passwd=hash1,hash2|uid=5001|_writers=ada"
                                       : "name=ada|passwd=*,*|uid=5001|_writers=ada";
                fx_expect(f, NI_OK, NI_PROC_read, &at, &r);
                assert_props(f, r.props, all);
                assert_int_equal(r.id.instance, 0);
                fx_expect(f, NI_OK, NI_PROC_lookupread, &args, &r);
                assert_props(f, r.props, all);
                fx_expect(f, NI_OK, NI_PROC_listall, &args, &r);
                assert_props(f, r.lists[0], all);
                fx_expect(f, NI_OK, NI_PROC_list,
                          &(struct ni_args){.id = {users, 0}, .value = BYTES_LIT("passwd")}, &r);
                assert_values(f, r.entries[0].names, sees ? "hash1,hash2" : "*,*");
                fx_expect(f, NI_OK, NI_PROC_readprop, &at, &r);
                assert_values(f, r.values, sees ? "hash1,hash2" : "*,*");
                fx_expect(f, NI_OK, NI_PROC_readname, &at, &r);
                assert_true(bytes_eq_str(r.value, sees ? "hash2" : "*"));
                fx_expect(f, NI_NONAME, NI_PROC_readname,
                          &(struct ni_args){.id = {ada, 0}, .prop_index = 1, .name_index = 2}, &r);
                fx_expect(f, NI_OK, NI_PROC_listprops, &at, &r);
                assert_values(f, r.values, "name,passwd,uid,_writers");
                /* who does not see it does not find by it, not even by what he sees */
                const struct ni_args by = {
                        .id = {users, 0}, .key = BYTES_LIT("passwd"), .value = BYTES_LIT("hash1")};
                const struct ni_args star = {
                        .id = {users, 0}, .key = BYTES_LIT("passwd"), .value = BYTES_LIT("*")};
                fx_expect(f, sees ? NI_OK : NI_NODIR, NI_PROC_lookup, &by, NULL);
                fx_expect(f, sees ? NI_OK : NI_NODIR, NI_PROC_lookupread, &by, NULL);
                fx_expect(f, NI_NODIR, NI_PROC_lookup, &star, NULL);
                fx_expect(f, NI_NODIR, NI_PROC_lookupread, &star, NULL);
        }
        f->caller.sees_secrets = false;
        f->policy.redact = false; /* per domain: nothing is hidden */
        fx_expect(f, NI_OK, NI_PROC_readname, &at, &r);
        assert_true(bytes_eq_str(r.value, "hash2"));
}

static void write_all(struct fixture *f, struct proplist l)
{
        fx_expect(f, NI_OK, NI_PROC_write, &(struct ni_args){.id = fx_id(f, ada), .props = l}, NULL);
}

static void test_write_back(void **state)
{
        struct fixture *f = *state;
        struct ni_result r;
        setup_users(f);
        /* read, change one thing, write all: the hashes stay */
        fx_expect(f, NI_OK, NI_PROC_read, &(struct ni_args){.id = {ada, 0}}, &r);
        r.props.v[2].values = fx_values(f, "5002", NULL);
        write_all(f, r.props);
        assert_string_equal(truth(f), "name=ada|passwd=hash1,hash2|uid=5002|_writers=ada");
        assert_int_equal(fx_id(f, ada).instance, 1);
        /* another order of properties, one value set anew, one more than there was */
        write_all(f, fx_props(f, "_writers", "ada", NULL, "passwd", "*", "new", "*", NULL, NULL));
        assert_string_equal(truth(f), "_writers=ada|passwd=hash1,new,*");
        /* two properties of that name: each keeps its own; a third has no past */
        write_all(f, fx_props(f, "passwd", "a", NULL, "_writers", "ada", NULL, "passwd", "b", NULL, NULL));
        write_all(f, fx_props(f, "passwd", "*", NULL, "passwd", "*", NULL, "passwd", "*", NULL, "_writers",
                              "ada", NULL, NULL));
        assert_string_equal(truth(f), "passwd=a|passwd=b|passwd=*|_writers=ada");
}

static void test_value_calls(void **state)
{
        struct fixture *f = *state;
        setup_users(f);
        struct ni_args args = {.id = {ada, 0}, .prop_index = 1, .values = fx_values(f, "*", "x", NULL)};
        fx_expect(f, NI_OK, NI_PROC_writeprop, &args, NULL);
        assert_string_equal(truth(f), "name=ada|passwd=hash1,x|uid=5001|_writers=ada");
        args = (struct ni_args){.id = {ada, 1}, .prop_index = 1, .value = BYTES_LIT("*")};
        fx_expect(f, NI_OK, NI_PROC_writename, &args, NULL);
        assert_string_equal(truth(f), "name=ada|passwd=hash1,x|uid=5001|_writers=ada");
        args.id.instance++;
        args.value = BYTES_LIT("**");
        fx_expect(f, NI_OK, NI_PROC_writename, &args, NULL);
        assert_string_equal(truth(f), "name=ada|passwd=**,x|uid=5001|_writers=ada");
        /* not a secret: an asterisk is an asterisk */
        args = (struct ni_args){.id = {ada, 3}, .prop_index = 2, .value = BYTES_LIT("*")};
        fx_expect(f, NI_OK, NI_PROC_writename, &args, NULL);
        assert_string_equal(truth(f), "name=ada|passwd=**,x|uid=*|_writers=ada");
        /* who sees the values means what he writes */
        f->caller.sees_secrets = true;
        args = (struct ni_args){.id = {ada, 4}, .prop_index = 1, .values = fx_values(f, "*", NULL)};
        fx_expect(f, NI_OK, NI_PROC_writeprop, &args, NULL);
        assert_string_equal(truth(f), "name=ada|passwd=*|uid=*|_writers=ada");
}

/* A secret must not get a name under which its writer could read it. */
static void test_rename(void **state)
{
        struct fixture *f = *state;
        setup_users(f);
        struct ni_args args = {.id = {ada, 0}, .prop_index = 1, .value = BYTES_LIT("note")};
        fx_expect(f, NI_PERM, NI_PROC_renameprop, &args, NULL);
        struct ext_edit_result r;
        struct ext_op op = {.kind = EXT_OP_RENAME,
                            .ref = {.value = ada},
                            .name = BYTES_LIT("passwd"),
                            .values = fx_values(f, "note", NULL)};
        assert_int_equal(fx_edit(f, &op, 1, &r), NI_PERM);
        args.value = BYTES_LIT("legacy_passwd"); /* another secret */
        fx_expect(f, NI_OK, NI_PROC_renameprop, &args, NULL);
        assert_string_equal(truth(f), "name=ada|legacy_passwd=hash1,hash2|uid=5001|_writers=ada");
        args = (struct ni_args){.id = {ada, 1}, .prop_index = 0, .value = BYTES_LIT("passwd")};
        fx_expect(f, NI_OK, NI_PROC_renameprop, &args, NULL); /* the other way round nothing is shown */
        f->caller.sees_secrets = true;
        args.value = BYTES_LIT("note");
        args.id.instance = 2;
        fx_expect(f, NI_OK, NI_PROC_renameprop, &args, NULL);
}

static void test_edit(void **state)
{
        struct fixture *f = *state;
        struct ext_edit_result r;
        setup_users(f);
        const struct ext_op set = {.kind = EXT_OP_SET,
                                   .ref = {.value = ada},
                                   .name = BYTES_LIT("passwd"),
                                   .values = fx_values(f, "*", "x", NULL)};
        assert_int_equal(fx_edit(f, &set, 1, &r), NI_OK);
        assert_string_equal(truth(f), "name=ada|passwd=hash1,x|uid=5001|_writers=ada");
        const uint64_t seq = fx_info(f).seq;
        const struct ext_op write = {.kind = EXT_OP_WRITE,
                                     .ref = {.value = ada},
                                     .props = fx_props(f, "name", "ada", NULL, "passwd", "*", "*", NULL,
                                                       "uid", "5001", NULL, "_writers", "ada", NULL, NULL)};
        assert_int_equal(fx_edit(f, &write, 1, &r), NI_OK); /* what he saw, unchanged: nothing to write */
        assert_string_equal(truth(f), "name=ada|passwd=hash1,x|uid=5001|_writers=ada");
        assert_int_equal(fx_info(f).seq, seq);
        /* an assertion would answer questions about other people's secrets */
        struct ext_op none = {.kind = EXT_OP_ASSERT_NONE,
                              .ref = {.value = users},
                              .name = BYTES_LIT("passwd"),
                              .values = fx_values(f, "hash1", NULL)};
        assert_int_equal(fx_edit(f, &none, 1, &r), NI_PERM);
        f->caller.sees_secrets = true;
        assert_int_equal(fx_edit(f, &none, 1, &r), EXT_ASSERTION);
}

static void test_feeds(void **state)
{
        struct fixture *f = *state;
        struct ext_changes_result c;
        struct ext_snapshot_result s;
        setup_users(f);
        const uint64_t seq = fx_info(f).seq;
        f->caller.superuser = true;
        fx_expect(f, NI_OK, NI_PROC_writeprop,
                  &(struct ni_args){.id = {ada, 0}, .prop_index = 1, .values = fx_values(f, "new", NULL)},
                  NULL);
        for (int sees = 0; sees < 2; sees++) {
                f->caller.sees_secrets = sees;
                fx_changes(f, &(struct ext_changes_args){.seq = seq, .flags = EXT_CHANGES_BEFORE}, &c);
                assert_int_equal(c.status, NI_OK);
                assert_int_equal(c.entry_count, 1);
                assert_int_equal(c.entries[0].record_count, 1);
                const struct ext_record *r = &c.entries[0].records[0];
                assert_int_equal(r->kind, EXT_CHANGED);
                assert_string_equal(fx_encoded_text(f, r->before),
                                    sees ? "name=ada|passwd=hash1,hash2|uid=5001|_writers=ada"
                                         : "name=ada|passwd=*,*|uid=5001|_writers=ada");
                assert_string_equal(fx_encoded_text(f, r->after),
                                    sees ? "name=ada|passwd=new|uid=5001|_writers=ada"
                                         : "name=ada|passwd=*|uid=5001|_writers=ada");
                fx_snapshot(f, &(struct ext_snapshot_args){.from = ada}, &s);
                assert_int_equal(s.status, NI_OK);
                assert_string_equal(fx_encoded_text(f, s.nodes[0].props),
                                    sees ? "name=ada|passwd=new|uid=5001|_writers=ada"
                                         : "name=ada|passwd=*|uid=5001|_writers=ada");
        }
}

static void test_readall(void **state)
{
        struct fixture *f = *state;
        setup_users(f);
        for (int sees = 0; sees < 2; sees++) {
                f->caller.sees_secrets = sees;
                struct dir_readall w;
                struct ni_result r;
                struct dir_request rq = fx_ask(f);
                assert_int_equal(dir_readall_begin(&rq, 0, &w), NI_OK);
                assert_int_equal(dir_readall_next(&rq, &w, LIMIT_REPLY), NI_OK);
                assert_true(w.done);
                dir_readall_end(&w);
                struct xdr_in in = xdr_in(buf_bytes(rq.out));
                assert_true(ni_result_decode(NI_PROC_readall, &in, &f->results, &r));
                fx_ask_end(f);
                assert_props(f, r.all[r.all_count - 1].props,
                             sees ? "name=ada|passwd=hash1,hash2|uid=5001|_writers=ada"
                                  : "name=ada|passwd=*,*|uid=5001|_writers=ada");
        }
}

/* What costs a walk each is looked after for the first 64 secret properties of a list only. */
static void test_many_secrets(void **state)
{
        struct fixture *f = *state;
        struct ni_result r;
        struct proplist l = {0};
        setup_users(f);
        f->caller.superuser = true;
        for (int i = 0; i < 70; i++)
                proplist_add_str(&l, &f->results, "passwd", "hash");
        f->caller.sees_secrets = true;
        write_all(f, l);
        f->caller.sees_secrets = false;
        for (uint32_t i = 0; i < l.n; i++)
                l.v[i].values = fx_values(f, "*", NULL);
        write_all(f, l);
        f->caller.sees_secrets = true;
        fx_expect(f, NI_OK, NI_PROC_read, &(struct ni_args){.id = {ada, 0}}, &r);
        for (uint32_t i = 0; i < r.props.n; i++)
                assert_values(f, r.props.v[i].values, i < 64 ? "hash" : "*");
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_domain, fixture_done)
int main(void)
{
        const struct CMUnitTest tests[] = {T(test_reads),   T(test_write_back),  T(test_value_calls),
                                           T(test_rename),  T(test_edit),        T(test_feeds),
                                           T(test_readall), T(test_many_secrets)};
        return cmocka_run_group_tests(tests, NULL, NULL);
}
