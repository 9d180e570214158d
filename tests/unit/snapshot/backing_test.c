/* Images that are built in a file without a name: as sound as those of memory, also when the file cannot
 * grow. */
#include "snapshot/verify.h"
#include "snapshot/writer.h"
#include "sys/fs.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>
#include <cmocka.h>

#define USERS 60000u /* some 5 MB */

static char folder[64];

static int begin(void **state)
{
        (void)state;
        snprintf(folder, sizeof(folder), "/tmp/netinfo-backing.XXXXXX");
        return mkdtemp(folder) ? 0 : -1;
}

static int end(void **state)
{
        (void)state;
        assert_int_equal(rmdir(folder), 0); /* nothing in it ever had a name */
        return 0;
}

static void add(struct snap_builder *b, uint32_t from, uint32_t to)
{
        for (uint32_t i = from; i < to; i++) {
                char name[32], home[64];
                const struct bytes names[] = {
                        bytes_of(name, (size_t)snprintf(name, sizeof(name), "user%u", i))};
                snprintf(home, sizeof(home), "/home/%u", i);
                const struct snap_user u = {.names = names,
                                            .name_count = 1,
                                            .uid = 1000 + i,
                                            .gid = 100,
                                            .enumerate = true,
                                            .gecos = BYTES_LIT("somebody"),
                                            .dir = bytes_str(home),
                                            .shell = BYTES_LIT("/bin/sh")};
                assert_int_equal(snap_add_user(b, &u), 0);
        }
}

static void check(struct snap_builder *b)
{
        struct bytes image;
        struct snap_findings findings;
        struct snap_image opened;
        struct snap_user_view v;
        assert_int_equal(snap_build(b, 1, &image), 0);
        assert_int_equal(snap_verify(image.data, image.len, SNAP_PASSWD, &findings), 0);
        assert_int_equal(findings.records, USERS);
        assert_int_equal(snap_image_open(image.data, image.len, SNAP_PASSWD, &opened), 0);
        for (uint32_t i = 0; i < USERS; i += 7) {
                assert_int_equal(snap_user_by_uid(&opened, 1000 + i, &v), SNAP_FOUND);
                assert_int_equal(strtoul(v.text + 4, NULL, 10), i); /* "user%u" */
        }
        snap_builder_free(b);
}

static void in_a_file(void **state)
{
        (void)state;
        struct snap_builder *b;
        assert_int_equal(snap_builder_new(SNAP_PASSWD, &b), 0);
        assert_int_equal(snap_builder_in_file(b, folder), 0);
        add(b, 0, USERS);
        check(b);
}

static void without_a_folder(void **state)
{
        (void)state;
        struct snap_builder *b;
        assert_int_equal(snap_builder_new(SNAP_PASSWD, &b), 0);
        assert_int_equal(snap_builder_in_file(b, "/no/such/folder"), ENOENT);
        add(b, 0, USERS);
        check(b);
}

/* The file may be so large and no larger: from there on it is memory. */
static void full_disk(void **state)
{
        (void)state;
        struct snap_builder *b;
        struct rlimit before;
        signal(SIGXFSZ, SIG_IGN);
        assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
        for (unsigned mib = 0; mib <= 4; mib++) {
                assert_int_equal(snap_builder_new(SNAP_PASSWD, &b), 0);
                assert_int_equal(
                        setrlimit(RLIMIT_FSIZE, &(struct rlimit){(rlim_t)mib << 20, before.rlim_max}), 0);
                assert_int_equal(snap_builder_in_file(b, folder) == 0, mib > 0);
                add(b, 0, USERS);
                check(b);
                assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(in_a_file, begin, end),
                                           cmocka_unit_test_setup_teardown(without_a_folder, begin, end),
                                           cmocka_unit_test_setup_teardown(full_disk, begin, end)};
        return cmocka_run_group_tests(tests, NULL, NULL);
}
