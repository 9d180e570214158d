/* Names and numbers of a machine's own files (doc/resolution.md 10.2). */
#include "records.h"

#include "agent/merge.h"
#include "sys/fs.h"

#include <sys/stat.h>
#include <unistd.h>

static char folder[64];

static void write_file(const char *name, const char *text)
{
        char path[128];
        snprintf(path, sizeof(path), "%s/%s", folder, name);
        assert_int_equal(fs_replace(path, bytes_str(text), 0644, (uid_t)-1, (gid_t)-1, NULL, NULL), 0);
}

static bool guards(const struct own *o, bool user, const char *name, uint32_t number, uint32_t min_id)
{
        return own_guards(o, user, bytes_str(name), number, min_id) != NULL;
}

static void test_names_and_numbers(void **state)
{
        (void)state;
        write_file("passwd",
                   "root:x:0:0:r:/:/bin/sh\nada:x:1000:1000::/:/bin/sh\ntoor:x:0:0::/:/bin/sh\n\n::\n+\n"
                   ":x:7:\nbad:x:-1:\nfar:x:4294967296:\nlast:x:1001:5");
        write_file("group", "sudo:x:27:ada\nstaff:x:50:\n");
        struct own *o = own_new(folder);
        assert_non_null(o);
        assert_false(guards(o, true, "root", 5000, 1000)); /* not read yet */
        assert_true(own_refresh(o));
        assert_false(own_refresh(o));
        assert_true(guards(o, true, "root", 5000, 1000));
        assert_true(guards(o, true, "ROOT", 5000, 1000));
        assert_true(guards(o, true, "last", 5000, 1000));
        assert_true(guards(o, true, "eve", 1000, 1000));
        assert_false(guards(o, true, "ada", 1000, 1000));
        assert_false(guards(o, true, "bad", 5000, 1000));
        assert_false(guards(o, true, "roo", 5000, 1000));
        assert_false(guards(o, true, "roots", 5000, 1000));
        assert_false(guards(o, true, "sudo", 5000, 1000)); /* it is a group */
        assert_true(guards(o, false, "sudo", 5000, 1000));
        assert_false(guards(o, true, "toor", 0, 1000)); /* two names of one number: both are it */
        assert_false(guards(o, true, "root", 0, 1000));
        /* A domain that is trusted with low numbers may use their names, but root's. */
        assert_false(guards(o, false, "staff", 20, 1));
        assert_false(guards(o, false, "dialout", 27, 1));
        assert_true(guards(o, true, "root", 20, 1));
        assert_true(guards(o, true, "ada", 20, 1));
        assert_false(guards(NULL, true, "root", 5000, 1000));
        own_free(o);
}

static void test_other_files(void **state)
{
        (void)state;
        char path[128];
        struct own *o = own_new(folder);
        assert_non_null(o);
        write_file("group", "sudo:x:27:\n");
        assert_true(own_refresh(o));
        write_file("group", "sudo:x:27:\ndocker:x:998:\n");
        assert_true(own_refresh(o));
        assert_true(guards(o, false, "docker", 5000, 1000));
        /* What cannot be read leaves what was known: a folder in its place, */
        snprintf(path, sizeof(path), "%s/group", folder);
        assert_int_equal(unlink(path), 0);
        assert_int_equal(mkdir(path, 0700), 0);
        assert_false(own_refresh(o));
        assert_true(guards(o, false, "docker", 5000, 1000));
        /* and what is there no more has no names. */
        assert_int_equal(rmdir(path), 0);
        assert_true(own_refresh(o));
        assert_false(own_refresh(o));
        assert_false(guards(o, false, "docker", 5000, 1000));
        own_free(o);
        o = own_new("");
        assert_non_null(o);
        assert_false(own_refresh(o));
        own_free(o);
}

static unsigned seen;

/* eve keeps the name that is nobody's here. */
static bool take(void *context, const struct merge_domain *d, const struct snap_user *u)
{
        (void)context;
        (void)d;
        assert_int_equal(u->name_count, 2);
        assert_true(bytes_eq_str(u->names[0], "eve") && bytes_eq_str(u->names[1], "evelyn"));
        seen++;
        return true;
}

static void test_further_names(void **state)
{
        (void)state;
        struct arena a;
        struct own *o = own_new(folder);
        const struct merge_sink sink = {.user = take};
        const struct merge_rules rules = {.min_id = 1000, .own = o};
        arena_init(&a, 0);
        write_file("passwd", "root:x:0:0::/:/bin/sh\n");
        assert_true(o && own_refresh(o));
        const struct bytes eve = encoded(&a, "name=eve root evelyn|uid=5000|gid=5000");
        const struct merge_domain d = {.name = "above", .users = &eve, .user_count = 1};
        assert_true(merge_users(&d, 1, &rules, &sink));
        assert_int_equal(seen, 1);
        arena_done(&a);
        own_free(o);
}

static int make_folder(void **state)
{
        (void)state;
        snprintf(folder, sizeof(folder), "/tmp/netinfo-own-XXXXXX");
        return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
        (void)state;
        return fs_remove_tree(folder);
}

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(test_names_and_numbers),
                                           cmocka_unit_test(test_other_files),
                                           cmocka_unit_test(test_further_names)};
        return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
