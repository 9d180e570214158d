/* Bootstrap (protocol.md 6.5), users who authenticate (3.8), and the hierarchy's questions (4.1, 4.4). */
#include "fixture.h"

static void test_bootstrap(void **state)
{
        struct fixture *f = *state;
        struct ni_result r;
        fx_expect(f, NI_OK, NI_PROC_read, &(struct ni_args){.id = {0, 0}}, &r);
        assert_props(f, r.props, "master=alpha/network");
        assert_int_equal(r.id.instance, 3);
        fx_expect(f, NI_OK, NI_PROC_read, &(struct ni_args){.id = {1, 0}}, &r);
        assert_props(f, r.props, "name=machines");
        assert_int_equal(r.id.instance, 1);
        fx_expect(f, NI_OK, NI_PROC_read, &(struct ni_args){.id = {2, 0}}, &r);
        assert_props(f, r.props, "name=alpha|ip_address=10.0.0.1|serves=./network");
        assert_int_equal(r.id.instance, 0);
        const struct store_info info = fx_info(f);
        assert_int_equal(info.checksum, 5);
        assert_int_equal(info.directories, 3);
        assert_int_equal(info.seq, 1);
        fx_check_store(f);
}

static void test_bootstrap_addresses(void **state)
{
        static const char *const two[] = {"10.0.0.1", "192.168.5.1"};
        struct fixture *f = *state;
        struct ni_result r;
        struct store_txn *t;
        assert_int_equal(store_write_begin(f->store, &t), NI_OK);
        assert_int_equal(store_change_begin(t, &(struct store_actor){0}), NI_OK);
        assert_int_equal(dir_bootstrap(t, &f->arena, "local", "localhost", two, 2), NI_OK);
        assert_int_equal(store_change_end(t, &(uint64_t){0}), NI_OK);
        assert_int_equal(store_commit(t, NULL), NI_OK);
        fx_expect(f, NI_OK, NI_PROC_read, &(struct ni_args){.id = {2, 0}}, &r);
        assert_props(f, r.props, "name=localhost|ip_address=10.0.0.1,192.168.5.1|serves=./local");
}

static void test_bootstrap_without_address(void **state)
{
        struct fixture *f = *state;
        struct ni_result r;
        struct store_txn *t;
        assert_int_equal(store_write_begin(f->store, &t), NI_OK);
        assert_int_equal(store_change_begin(t, &(struct store_actor){0}), NI_OK);
        assert_int_equal(dir_bootstrap(t, &f->arena, "local", "h", NULL, 0), NI_OK);
        assert_int_equal(store_change_end(t, &(uint64_t){0}), NI_OK);
        assert_int_equal(store_commit(t, NULL), NI_OK);
        fx_expect(f, NI_OK, NI_PROC_read, &(struct ni_args){.id = {2, 0}}, &r);
        assert_props(f, r.props, "name=h|ip_address=127.0.0.1|serves=./local");
}

static enum ni_status by_uid(struct fixture *f, int32_t uid, struct dir_user **users, uint32_t *n)
{
        struct dir_request rq = fx_ask(f);
        const enum ni_status s = dir_users_by_uid(&rq, uid, users, n);
        fx_ask_end(f); /* what was found outlives the transaction */
        return s;
}

static void test_users_by_uid(void **state)
{
        struct fixture *f = *state;
        struct dir_user *u;
        uint32_t n;
        assert_int_equal(by_uid(f, 0, &u, &n), NI_NOUSER); /* no /users */
        const uint32_t users = fx_add(f, 0, fx_props(f, "name", "users", NULL, NULL)).object;
        assert_int_equal(by_uid(f, 0, &u, &n), NI_NOUSER);
        fx_add(f, users,
               fx_props(f, "name", "root", NULL, "uid", "0", NULL, "passwd", "x1", "x2", NULL, NULL));
        fx_add(f, users, fx_props(f, "name", "toor", NULL, "uid", "0", NULL, NULL));
        fx_add(f, users,
               fx_props(f, "name", "nobody", "none", NULL, "uid", "-2", NULL, "passwd", NULL, NULL));
        fx_add(f, users, fx_props(f, "name", "open", NULL, "uid", "7", NULL, "passwd", "", NULL, NULL));
        fx_add(f, users, fx_props(f, "name", "odd", NULL, "uid", "08", "9", NULL, NULL));
        assert_int_equal(by_uid(f, 0, &u, &n), NI_OK);
        assert_int_equal(n, 2);
        assert_true(bytes_eq_str(u[0].name, "root"));
        assert_true(bytes_eq_str(u[0].passwd, "x1"));
        assert_true(u[0].has_passwd && !u[0].empty_passwd);
        assert_true(bytes_eq_str(u[1].name, "toor"));
        assert_true(!u[1].has_passwd && !u[1].empty_passwd && u[1].passwd.len == 0);
        assert_int_equal(by_uid(f, -2, &u, &n), NI_OK);
        assert_int_equal(n, 1);
        assert_true(u[0].has_passwd && u[0].empty_passwd);
        assert_int_equal(by_uid(f, 7, &u, &n), NI_OK);
        assert_true(u[0].has_passwd && u[0].empty_passwd);
        assert_int_equal(by_uid(f, 8, &u, &n), NI_NOUSER); /* "08" is another text */
        assert_int_equal(by_uid(f, 9, &u, &n), NI_OK);     /* any value of uid */
        assert_int_equal(u[0].object, users + 5);
        assert_int_equal(u[0].instance, 0);
        /* not more than 16 of one uid are asked */
        for (int i = 0; i < 20; i++)
                fx_add(f, users, fx_props(f, "name", "many", NULL, "uid", "50", NULL, NULL));
        assert_int_equal(by_uid(f, 50, &u, &n), NI_OK);
        assert_int_equal(n, 16);
}

static void test_authority(void **state)
{
        static const struct {
                const char *value;
                bool other;
        } rows[] = {{NULL, false},
                    {"", false},
                    {";basic;", false},
                    {"1.0;basic;x", false},
                    {";ShadowHash;", true},
                    {"basic", true},
                    {";Basic;", true},
                    {";basicc;", true},
                    {";", true},
                    {"1.0;other;x", true},
                    {";ApplePassword;", true}};
        struct fixture *f = *state;
        const uint32_t users = fx_add(f, 0, fx_props(f, "name", "users", NULL, NULL)).object;
        for (int i = 0; i < (int)(sizeof(rows) / sizeof(rows[0])); i++) {
                struct dir_user *u;
                uint32_t n;
                fx_add(f, users,
                       fx_props(f, "name", "x", NULL, "uid", arena_printf(&f->results, "%d", i), NULL,
                                "authentication_authority", rows[i].value, NULL, NULL));
                assert_int_equal(by_uid(f, i, &u, &n), NI_OK);
                if (u[0].authority_other != rows[i].other)
                        fail_msg("row %d", i);
        }
}

static void set_root(struct fixture *f, const char *name, const char *value)
{
        struct ext_edit_result r;
        const struct ext_op op = {
                .kind = EXT_OP_SET, .name = bytes_str(name), .values = fx_values(f, value, NULL)};
        assert_int_equal(fx_edit(f, &op, 1, &r), NI_OK);
}

static bool admin(struct fixture *f, int32_t uid)
{
        struct dir_user *u;
        uint32_t n;
        assert_int_equal(by_uid(f, uid, &u, &n), NI_OK);
        return u[0].admin;
}

static void test_admins(void **state)
{
        struct fixture *f = *state;
        const uint32_t users = fx_add(f, 0, fx_props(f, "name", "users", NULL, NULL)).object;
        fx_add(f, users, fx_props(f, "name", "ada", "countess", NULL, "uid", "1", NULL, NULL));
        fx_add(f, users, fx_props(f, "name", "bob", "ada", NULL, "uid", "2", NULL, NULL));
        fx_add(f, users, fx_props(f, "name", "", NULL, "uid", "3", NULL, NULL));
        assert_false(admin(f, 1)); /* no /groups */
        const uint32_t groups = fx_add(f, 0, fx_props(f, "name", "groups", NULL, NULL)).object;
        assert_false(admin(f, 1));
        fx_add(f, groups, fx_props(f, "name", "admin", NULL, "users", "ada", "", "countess", NULL, NULL));
        assert_true(admin(f, 1));
        assert_false(admin(f, 2)); /* an alias is not the first name */
        assert_false(admin(f, 3)); /* nor is no name */
        set_root(f, "promote_admins", "maybe");
        assert_true(admin(f, 1)); /* neither yes nor no: the default */
        set_root(f, "promote_admins", "NO");
        assert_false(admin(f, 1));
        set_root(f, "promote_admins", "1");
        assert_true(admin(f, 1));
}

static void test_user_by_name(void **state)
{
        struct fixture *f = *state;
        struct dir_user u;
        int64_t uid = 77;
        struct dir_request rq = fx_ask(f);
        assert_int_equal(dir_user_by_name(&rq, BYTES_LIT("ada"), &u, &uid), NI_NOUSER);
        fx_ask_end(f);
        const uint32_t users = fx_add(f, 0, fx_props(f, "name", "users", NULL, NULL)).object;
        fx_add(f, users, fx_props(f, "name", "bob", "ada", NULL, "uid", "1", NULL, NULL));
        fx_add(f, users, fx_props(f, "name", "ada", NULL, "uid", "-2", NULL, NULL));
        fx_add(f, users, fx_props(f, "name", "odd", NULL, "uid", "x", NULL, NULL));
        fx_add(f, users, fx_props(f, "name", "none", NULL, NULL));
        rq = fx_ask(f);
        assert_int_equal(dir_user_by_name(&rq, BYTES_LIT("odd"), &u, &uid), NI_NOUSER);
        assert_int_equal(dir_user_by_name(&rq, BYTES_LIT("none"), &u, &uid), NI_NOUSER);
        assert_int_equal(dir_user_by_name(&rq, BYTES_LIT(""), &u, &uid), NI_NOUSER);
        assert_int_equal(uid, 77);
        assert_int_equal(dir_user_by_name(&rq, BYTES_LIT("ada"), &u, &uid), NI_OK);
        assert_int_equal(uid, -2);
        assert_int_equal(u.object, users + 2);
        fx_ask_end(f);
}

#define IP(a, b, c, d) ((uint32_t)(a) << 24 | (b) << 16 | (c) << 8 | (d))

static void add_machines(struct fixture *f)
{
        fx_add(f, 1,
               fx_props(f, "name", "gamma", NULL, "ip_address", "10.0.0.7", "10.1.0.7", NULL, "serves",
                        "gamma/local", "a/b/c", NULL, NULL));
        fx_add(f, 1,
               fx_props(f, "name", "again", NULL, "ip_address", "10.0.0.7", NULL, "serves", "x/other", NULL,
                        NULL));
        fx_add(f, 1,
               fx_props(f, "name", "up", NULL, "ip_address", "10.0.0.8", NULL, "serves", "../network",
                        "./replica", "no slash", NULL, NULL));
        fx_add(f, 1, fx_props(f, "name", "plain", NULL, "ip_address", "10.0.0.9", NULL, NULL));
}

static void test_bind(void **state)
{
        static const struct {
                uint32_t addr;
                const char *tag;
                enum ni_status want;
        } rows[] = {
                {IP(10, 0, 0, 7), "local", NI_OK},       {IP(10, 1, 0, 7), "local", NI_OK},
                {IP(10, 0, 0, 7), "b/c", NI_OK},      /* after the first slash */
                {IP(10, 0, 0, 7), "other", NI_NODIR}, /* the first machine of that address decides */
                {IP(10, 0, 0, 7), "", NI_NODIR},         {IP(7, 0, 0, 10), "local", NI_NODIR},
                {IP(10, 0, 0, 8), "network", NI_NODIR},  {IP(10, 0, 0, 8), "replica", NI_NODIR},
                {IP(10, 0, 0, 8), "no slash", NI_NODIR}, {IP(10, 0, 0, 9), "local", NI_NODIR},
                {IP(10, 0, 0, 1), "network", NI_NODIR},
        };
        struct fixture *f = *state;
        add_machines(f);
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                struct dir_request rq = fx_ask(f);
                const enum ni_status got = dir_bind(&rq, bytes_str(rows[i].tag), rows[i].addr);
                fx_ask_end(f);
                if (got != rows[i].want)
                        fail_msg("row %zu: %d", i, (int)got);
        }
}

static void test_replicas(void **state)
{
        struct fixture *f = *state;
        struct namelist l;
        add_machines(f);
        fx_add(f, 1,
               fx_props(f, "name", "two", NULL, "ip_address", "10.0.0.3", "10.0.0.4", NULL, "serves", "./a",
                        "x/y", "./b", NULL, NULL));
        struct dir_request rq = fx_ask(f);
        assert_true(dir_is_replica(&rq, IP(10, 0, 0, 1)));
        assert_true(dir_is_replica(&rq, IP(10, 0, 0, 8)));
        assert_true(dir_is_replica(&rq, IP(10, 0, 0, 4)));
        assert_false(dir_is_replica(&rq, IP(10, 0, 0, 7)));
        assert_false(dir_is_replica(&rq, IP(10, 0, 0, 9)));
        assert_false(dir_is_replica(&rq, 0));
        assert_true(dir_is_replica_named(&rq, BYTES_LIT("two")));
        assert_false(dir_is_replica_named(&rq, BYTES_LIT("tw")));
        assert_false(dir_is_replica_named(&rq, BYTES_LIT("child"))); /* it serves another domain only */
        assert_false(dir_is_replica_named(&rq, BYTES_NONE));
        assert_int_equal(dir_servers(&rq, &l), NI_OK);
        assert_values(f, l, "10.0.0.1/network,10.0.0.8/replica,10.0.0.3/a,10.0.0.3/b,10.0.0.4/a,10.0.0.4/b");
        fx_ask_end(f);
}

static void test_no_machines(void **state)
{
        struct fixture *f = *state;
        struct namelist l = {NULL, 7};
        struct dir_request rq = fx_ask(f);
        assert_false(dir_is_replica(&rq, IP(10, 0, 0, 1)));
        assert_false(dir_is_replica_named(&rq, BYTES_LIT("two")));
        assert_int_equal(dir_servers(&rq, &l), NI_OK);
        assert_int_equal(l.n, 0);
        assert_int_equal(dir_bind(&rq, BYTES_LIT("local"), IP(10, 0, 0, 1)), NI_NODIR);
        fx_ask_end(f);
}

static void test_root_option(void **state)
{
        struct fixture *f = *state;
        struct namelist l;
        bool present;
        fx_expect(f, NI_OK, NI_PROC_write,
                  &(struct ni_args){.id = fx_id(f, 0),
                                    .props = fx_props(f, "trusted_networks", "10", "192.168", NULL, "empty",
                                                      NULL, "trusted_networks", "11", NULL, NULL)},
                  NULL);
        struct dir_request rq = fx_ask(f);
        assert_true(bytes_eq_str(dir_root_option(&rq, "trusted_networks", &l, &present), "10"));
        assert_true(present);
        assert_values(f, l, "10,192.168");
        assert_int_equal(dir_root_option(&rq, "empty", &l, &present).len, 0);
        assert_true(present);
        assert_int_equal(l.n, 0);
        assert_null(dir_root_option(&rq, "port", NULL, &present).data);
        assert_false(present);
        fx_ask_end(f);
}

#define T(name)     cmocka_unit_test_setup_teardown(name, fixture_domain, fixture_done)
#define EMPTY(name) cmocka_unit_test_setup_teardown(name, fixture_empty, fixture_done)
int main(void)
{
        const struct CMUnitTest tests[] = {
                T(test_bootstrap),
                EMPTY(test_bootstrap_addresses),
                EMPTY(test_bootstrap_without_address),
                T(test_users_by_uid),
                T(test_authority),
                T(test_admins),
                T(test_user_by_name),
                T(test_bind),
                T(test_replicas),
                EMPTY(test_no_machines),
                T(test_root_option),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
