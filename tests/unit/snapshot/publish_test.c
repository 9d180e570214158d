/* Publishing: generations, links, refusals, leftovers, the durable copy. */
#include "../../lib/images.h"

#include "snapshot/live.h"
#include "sys/fs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

struct place_of_test {
        char live[64], durable[64];
};

static int folders_make(void **state)
{
        static struct place_of_test t;
        images_folder(t.live);
        images_folder(t.durable);
        *state = &t;
        return 0;
}

static int folders_remove(void **state)
{
        const struct place_of_test *t = *state;
        return fs_remove_tree(t->live) || fs_remove_tree(t->durable);
}

static struct snap_builder *users(unsigned n)
{
        struct snap_builder *b = images_new(SNAP_PASSWD);
        for (unsigned i = 0; i < n; i++) {
                char name[16];
                snprintf(name, sizeof(name), "u%u", i);
                assert_int_equal(images_user(b, name, i, 1, ""), 0);
        }
        return b;
}

static struct snap_builder *one_group(void)
{
        struct snap_builder *b = images_new(SNAP_GROUP);
        assert_int_equal(images_group(b, "staff", 20, "u0,u1"), 0);
        return b;
}

static int publish(const struct place_of_test *t, struct snap_builder *passwd, struct snap_builder *group,
                   bool durable, unsigned may_shrink, struct snap_report *r)
{
        const struct snap_publication p = {.folder = t->live,
                                           .durable = durable ? t->durable : NULL,
                                           .map = {passwd, group, NULL},
                                           .may_shrink = may_shrink,
                                           .shadow_group = (gid_t)-1};
        const int err = snap_publish(&p, r);
        snap_builder_free(passwd);
        snap_builder_free(group);
        return err;
}

static bool stat_of(const char *folder, const char *name, struct stat *st)
{
        char path[128];
        snprintf(path, sizeof(path), "%s/%s", folder, name);
        return lstat(path, st) == 0;
}

static bool exists(const char *folder, const char *name)
{
        struct stat st;
        return stat_of(folder, name, &st);
}

static unsigned count_files(const char *folder)
{
        unsigned n = 0;
        DIR *d = opendir(folder);
        assert_non_null(d);
        for (struct dirent *e; (e = readdir(d));)
                n += e->d_name[0] != '.';
        closedir(d);
        return n;
}

static uint64_t word_of(const char *folder)
{
        char path[128];
        struct snap_control c;
        snprintf(path, sizeof(path), "%s/control", folder);
        const int fd = open(path, O_RDONLY);
        assert_true(fd >= 0);
        assert_int_equal(read(fd, &c, sizeof(c)), sizeof(c));
        close(fd);
        return c.generation;
}

static void generations_count_up_and_unchanged_maps_are_links(void **state)
{
        const struct place_of_test *t = *state;
        struct snap_report r;
        struct stat one, two;
        assert_int_equal(publish(t, users(3), one_group(), false, 0, &r), 0);
        assert_int_equal(r.generation, 1);
        assert_string_equal(r.what, "");
        assert_int_equal(word_of(t->live), 1);
        assert_true(stat_of(t->live, "passwd.1", &one));
        assert_int_equal(one.st_mode & 07777, 0444);
        assert_true(stat_of(t->live, "control", &one));
        assert_int_equal(one.st_mode & 07777, 0644);
        assert_int_equal(one.st_size, sizeof(struct snap_control));
        assert_false(exists(t->live, "shadow.1"));
        assert_true(stat_of(t->live, "group.1", &one));
        assert_int_equal(publish(t, users(4), NULL, false, 0, &r), 0);
        assert_int_equal(word_of(t->live), 2);
        assert_true(stat_of(t->live, "group.2", &two));
        assert_int_equal(one.st_ino, two.st_ino);
        assert_false(exists(t->live, "group.1")); /* the same file lives on as group.2 */
        assert_true(exists(t->live, "passwd.1")); /* in quarantine */
}

static void shadow_is_for_its_group_only(void **state)
{
        const struct place_of_test *t = *state;
        struct snap_publication p = {.folder = t->live, .shadow_group = getegid()};
        struct snap_report r;
        struct stat st;
        p.map[SNAP_SHADOW] = images_new(SNAP_SHADOW);
        assert_int_equal(images_shadow(p.map[SNAP_SHADOW], "ada", "*", 1), 0);
        assert_int_equal(snap_publish(&p, &r), 0);
        assert_true(stat_of(t->live, "shadow.1", &st));
        assert_int_equal(st.st_mode & 07777, 0640);
        assert_int_equal(st.st_gid, getegid());
        p.shadow_group = (gid_t)-1;
        assert_int_equal(snap_publish(&p, &r), 0);
        assert_true(stat_of(t->live, "shadow.2", &st));
        assert_int_equal(st.st_mode & 07777, 0600);
        snap_builder_free(p.map[SNAP_SHADOW]);
}

static void a_map_does_not_shrink_to_nothing_unless_meant(void **state)
{
        const struct place_of_test *t = *state;
        struct snap_report r;
        assert_int_equal(publish(t, users(0), one_group(), false, 0, &r), ENODATA);
        assert_int_equal(r.generation, 0);
        assert_int_equal(count_files(t->live), 0);
        assert_int_equal(publish(t, users(100), one_group(), false, 0, &r), 0);
        assert_int_equal(publish(t, users(9), NULL, false, 0, &r), ENODATA);
        assert_int_equal(r.kind, SNAP_PASSWD);
        assert_int_equal(r.before, 100);
        assert_int_equal(r.after, 9);
        assert_non_null(strstr(r.what, "from 100 records to 9"));
        assert_int_equal(word_of(t->live), 1);
        assert_int_equal(publish(t, users(10), NULL, false, 0, &r), 0);
        assert_int_equal(publish(t, users(0), NULL, false, 1u << SNAP_PASSWD, &r), 0);
        assert_int_equal(word_of(t->live), 3);
}

static void make_old(const char *folder, const char *name)
{
        const struct timespec old[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
        char path[128];
        snprintf(path, sizeof(path), "%s/%s", folder, name);
        assert_int_equal(utimensat(AT_FDCWD, path, old, 0), 0);
}

static void superseded_images_leave_after_the_quarantine(void **state)
{
        const struct place_of_test *t = *state;
        struct snap_report r;
        for (unsigned i = 0; i < 6; i++)
                assert_int_equal(publish(t, users(3 + i), NULL, false, 0, &r), 0);
        assert_false(exists(t->live, "passwd.3")); /* a burst keeps two */
        assert_true(exists(t->live, "passwd.4"));
        assert_true(exists(t->live, "passwd.5"));
        assert_true(exists(t->live, "passwd.6"));
        make_old(t->live, "passwd.5");
        assert_int_equal(publish(t, users(3), NULL, false, 0, &r), 0);
        assert_false(exists(t->live, "passwd.5"));
        assert_true(exists(t->live, "passwd.6"));
        assert_true(exists(t->live, "passwd.7"));
}

/* Superseded images may be what fills the folder: who fails, or is about to write much, removes old ones. */
static void old_images_do_not_keep_new_ones_out(void **state)
{
        const struct place_of_test *t = *state;
        struct snap_report r;
        for (unsigned i = 0; i < 3; i++)
                assert_int_equal(publish(t, users(30), NULL, false, 0, &r), 0);
        make_old(t->live, "passwd.1");
        make_old(t->live, "passwd.3"); /* live */
        assert_int_equal(publish(t, users(1), NULL, false, 0, &r), ENODATA);
        assert_false(exists(t->live, "passwd.1"));
        assert_true(exists(t->live, "passwd.2"));
        snap_sweep(t->live, 0);
        assert_true(exists(t->live, "passwd.2"));
        make_old(t->live, "passwd.2");
        snap_sweep(t->live, 0);
        assert_false(exists(t->live, "passwd.2"));
        assert_true(exists(t->live, "passwd.3"));
        assert_int_equal(word_of(t->live), 3);
}

static void leftovers_of_a_dead_publisher_are_removed(void **state)
{
        const struct place_of_test *t = *state;
        struct snap_report r;
        const char *const names[] = {"passwd.1.abcdef", "control.abcdef", "passwd.9", "passwd.x", "notes"};
        for (unsigned i = 0; i < 5; i++) {
                char path[128];
                snprintf(path, sizeof(path), "%s/%s", t->live, names[i]);
                const int fd = open(path, O_WRONLY | O_CREAT, 0600);
                assert_true(fd >= 0);
                close(fd);
        }
        assert_int_equal(publish(t, users(3), one_group(), false, 0, &r), 0);
        assert_int_equal(r.generation, 10); /* above every name that a reader may have heard of */
        assert_false(exists(t->live, "passwd.1.abcdef"));
        assert_false(exists(t->live, "control.abcdef"));
        assert_true(exists(t->live, "passwd.x")); /* not ours */
        assert_true(exists(t->live, "notes"));
}

static void a_broken_control_file_is_replaced(void **state)
{
        const struct place_of_test *t = *state;
        struct snap_report r;
        char path[128];
        assert_int_equal(publish(t, users(3), NULL, false, 0, &r), 0);
        snprintf(path, sizeof(path), "%s/control", t->live);
        assert_int_equal(truncate(path, 5), 0);
        assert_int_equal(publish(t, users(4), NULL, false, 0, &r), 0);
        assert_int_equal(r.generation, 2);
        assert_int_equal(word_of(t->live), 2);
}

static void one_publisher_at_a_time(void **state)
{
        const struct place_of_test *t = *state;
        struct snap_report r;
        const int fd = open(t->live, O_RDONLY | O_DIRECTORY);
        assert_int_equal(flock(fd, LOCK_EX), 0);
        assert_int_equal(publish(t, users(3), NULL, false, 0, &r), EBUSY);
        close(fd);
        assert_int_equal(publish(t, users(3), NULL, false, 0, &r), 0);
}

static void the_durable_copy_has_the_same_generation(void **state)
{
        const struct place_of_test *t = *state;
        struct snap_report r;
        struct snap_own own;
        assert_int_equal(publish(t, users(3), one_group(), true, 0, &r), 0);
        assert_int_equal(r.durable_error, 0);
        assert_int_equal(word_of(t->durable), 1);
        assert_int_equal(publish(t, users(4), NULL, true, 0, &r), 0);
        assert_int_equal(word_of(t->durable), 2);
        assert_true(exists(t->durable, "group.2"));
        assert_int_equal(setenv(SNAP_VARIABLE, t->durable, 1), 0);
        assert_int_equal(snap_own_open(SNAP_GROUP, &own), 0);
        snap_own_close(&own);
        /* The live folder is lost, as at a reboot: numbers go on from the durable one. */
        assert_int_equal(fs_remove_tree(t->live), 0);
        assert_int_equal(mkdir(t->live, 0755), 0);
        assert_int_equal(publish(t, users(4), one_group(), true, 0, &r), 0);
        assert_int_equal(r.generation, 3);
        assert_int_equal(word_of(t->live), 3);
        assert_int_equal(word_of(t->durable), 3);
}

static void a_failing_durable_copy_leaves_the_live_one_standing(void **state)
{
        const struct place_of_test *t = *state;
        struct snap_report r;
        assert_int_equal(fs_remove_tree(t->durable), 0);
        assert_int_equal(publish(t, users(3), one_group(), true, 0, &r), 0);
        assert_int_equal(r.durable_error, ENOENT);
        assert_non_null(strstr(r.what, t->durable));
        assert_int_equal(word_of(t->live), 1);
        assert_int_equal(mkdir(t->durable, 0755), 0);
}

static void readers_of_the_durable_control_are_sent_on(void **state)
{
        const struct place_of_test *t = *state;
        struct snap_report r;
        char path[128];
        struct snap_control c;
        assert_int_equal(publish(t, users(3), one_group(), true, 0, &r), 0);
        snprintf(path, sizeof(path), "%s/control", t->durable);
        const int early = open(path, O_RDONLY); /* what a process of early boot has mapped */
        assert_int_equal(publish(t, users(4), NULL, true, 0, &r), 0);
        assert_int_equal(pread(early, &c, sizeof(c), 0), sizeof(c));
        assert_true(c.generation == SNAP_GENERATION_MOVED);
        close(early);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(generations_count_up_and_unchanged_maps_are_links,
                                                folders_make, folders_remove),
                cmocka_unit_test_setup_teardown(shadow_is_for_its_group_only, folders_make, folders_remove),
                cmocka_unit_test_setup_teardown(a_map_does_not_shrink_to_nothing_unless_meant, folders_make,
                                                folders_remove),
                cmocka_unit_test_setup_teardown(old_images_do_not_keep_new_ones_out, folders_make,
                                                folders_remove),
                cmocka_unit_test_setup_teardown(superseded_images_leave_after_the_quarantine, folders_make,
                                                folders_remove),
                cmocka_unit_test_setup_teardown(leftovers_of_a_dead_publisher_are_removed, folders_make,
                                                folders_remove),
                cmocka_unit_test_setup_teardown(a_broken_control_file_is_replaced, folders_make,
                                                folders_remove),
                cmocka_unit_test_setup_teardown(one_publisher_at_a_time, folders_make, folders_remove),
                cmocka_unit_test_setup_teardown(the_durable_copy_has_the_same_generation, folders_make,
                                                folders_remove),
                cmocka_unit_test_setup_teardown(a_failing_durable_copy_leaves_the_live_one_standing,
                                                folders_make, folders_remove),
                cmocka_unit_test_setup_teardown(readers_of_the_durable_control_are_sent_on, folders_make,
                                                folders_remove),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
