/* The n-th allocation, write, rename ... of a publication fails, for every n: the generation that was live
 * stays live and sound, nothing leaks, and the next publication succeeds. The linker puts our __wrap_
 * functions before the C library's. */
#include "../../lib/images.h"

#include "snapshot/inspect.h"
#include "snapshot/verify.h"
#include "sys/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static unsigned countdown; /* the call that makes it 0 fails; 0: none */
static unsigned failures;

static bool fails_now(int error)
{
        if (countdown == 0 || --countdown != 0)
                return false;
        failures++;
        errno = error;
        return true;
}

/* WRAP(type, name, (parameters), (arguments), errno, what a failure returns) */
#define WRAP(type, name, parameters, arguments, error, bad)                \
        type __real_##name parameters;                                     \
        type __wrap_##name parameters;                                     \
        type __wrap_##name parameters                                      \
        {                                                                  \
                return fails_now(error) ? (bad) : __real_##name arguments; \
        }
WRAP(void *, calloc, (size_t n, size_t size), (n, size), ENOMEM, NULL)
WRAP(void *, realloc, (void *p, size_t size), (p, size), ENOMEM, NULL)
WRAP(ssize_t, write, (int fd, const void *p, size_t n), (fd, p, n), ENOSPC, -1)
WRAP(int, fsync, (int fd), (fd), EIO, -1)
WRAP(int, fchmod, (int fd, mode_t mode), (fd, mode), EPERM, -1)
WRAP(int, rename, (const char *from, const char *to), (from, to), EIO, -1)
WRAP(int, mkostemp, (char *name, int flags), (name, flags), EMFILE, -1)
WRAP(int, link, (const char *from, const char *to), (from, to), EMLINK, -1)

/* calloc and realloc are what the builder calls itself; the sum of a whole scenario is a few hundred calls.
 */
static int scenario(const char *live, const char *durable, unsigned users, struct snap_report *r)
{
        struct snap_publication p = {.folder = live, .durable = durable, .shadow_group = (gid_t)-1};
        int err = snap_builder_new(SNAP_PASSWD, &p.map[SNAP_PASSWD]);
        *r = (struct snap_report){.kind = -1};
        for (unsigned i = 0; !err && i < users; i++) {
                char name[16];
                snprintf(name, sizeof(name), "u%u", i);
                err = images_user(p.map[SNAP_PASSWD], name, 1000 + i, 1, "gecos");
        }
        if (!err && users == 5) { /* only the first publication has groups: later ones keep them */
                err = snap_builder_new(SNAP_GROUP, &p.map[SNAP_GROUP]);
                if (!err)
                        err = images_group(p.map[SNAP_GROUP], "staff", 20, "u0,u1,u2");
        }
        if (!err)
                err = snap_publish(&p, r);
        for (unsigned k = 0; k < SNAP_KINDS; k++)
                snap_builder_free(p.map[k]);
        return err;
}

/* Every image of the current generation is there and whole. Returns the generation; *ret_users: how many it
 * has. */
static uint64_t check_folder(const char *folder, unsigned *ret_users)
{
        uint64_t generation;
        assert_int_equal(snap_folder_generation(folder, &generation), 0);
        for (unsigned k = SNAP_PASSWD; k <= SNAP_GROUP; k++) {
                char path[128];
                struct snap_findings f;
                void *base;
                size_t size;
                snprintf(path, sizeof(path), "%s/%s.%llu", folder, snap_map_name((enum snap_kind)k),
                         (unsigned long long)generation);
                assert_int_equal(snap_map_file(path, &base, &size), 0);
                if (snap_is_delta(base, size)) {
                        void *whole;
                        size_t whole_size;
                        snprintf(path + strlen(path), sizeof(path) - strlen(path), SNAP_BASE);
                        assert_int_equal(snap_map_file(path, &whole, &whole_size), 0);
                        if (snap_verify_delta(base, size, whole, whole_size, (enum snap_kind)k, &f))
                                fail_msg("%s: %s", path, f.what);
                        munmap(whole, whole_size);
                } else if (snap_verify(base, size, (enum snap_kind)k, &f)) {
                        fail_msg("%s: %s", path, f.what);
                }
                if (k == SNAP_PASSWD)
                        *ret_users = f.records;
                munmap(base, size);
        }
        return generation;
}

static void every_failing_call_leaves_the_live_generation(void **state)
{
        char live[64], durable[64];
        struct snap_report r;
        unsigned users, n, refused = 0, live_only = 0;
        (void)state;
        images_folder(live);
        images_folder(durable);
        assert_int_equal(scenario(live, durable, 5, &r), 0);
        uint64_t before = check_folder(live, &users);
        for (n = 1;; n++) {
                const unsigned failed = failures;
                countdown = n;
                const int err = scenario(live, durable, 6 + n % 2, &r);
                countdown = 0;
                const uint64_t after = check_folder(live, &users);
                if (err) {
                        refused++;
                        assert_int_equal(after, before);
                        assert_int_equal(r.generation, 0);
                } else {
                        assert_true(after > before && after == r.generation);
                        assert_int_equal(users, 6 + n % 2);
                        live_only += r.durable_error != 0;
                        assert_true(r.durable_error == 0 || r.what[0]);
                }
                before = after;
                check_folder(durable, &users);
                if (failures == failed)
                        break; /* n is beyond the last call */
        }
        assert_true(refused > 8 && live_only > 4 && n > 20);
        assert_int_equal(r.durable_error, 0);
        assert_int_equal(check_folder(durable, &users), before);
        assert_int_equal(fs_remove_tree(live), 0);
        assert_int_equal(fs_remove_tree(durable), 0);
}

/* A delta upon `base` in which u0 says n. */
static int delta_scenario(const char *live, const char *durable, const struct snap_header *base, unsigned n,
                          struct snap_report *r)
{
        struct snap_publication p = {.folder = live, .durable = durable, .shadow_group = (gid_t)-1};
        char text[16];
        *r = (struct snap_report){.kind = -1};
        int err = snap_builder_new(SNAP_PASSWD, &p.map[SNAP_PASSWD]);
        snprintf(text, sizeof(text), "%u", n);
        if (!err) {
                snap_builder_delta(p.map[SNAP_PASSWD], base->generation, base->sum);
                err = images_user(p.map[SNAP_PASSWD], "u0", 1000, 1, text);
        }
        if (!err)
                err = snap_publish(&p, r);
        snap_builder_free(p.map[SNAP_PASSWD]);
        return err;
}

static void every_failing_call_leaves_base_and_delta_together(void **state)
{
        char live[64], durable[64], path[128];
        struct snap_report r;
        struct snap_header base;
        unsigned unused, refused = 0, n;
        void *at;
        size_t size;
        (void)state;
        images_folder(live);
        images_folder(durable);
        assert_int_equal(scenario(live, durable, 5, &r), 0);
        snprintf(path, sizeof(path), "%s/passwd.%llu", live, (unsigned long long)r.generation);
        assert_int_equal(snap_map_file(path, &at, &size), 0);
        memcpy(&base, at, sizeof(base));
        munmap(at, size);
        uint64_t before = check_folder(live, &unused);
        for (n = 1;; n++) {
                const unsigned failed = failures;
                countdown = n;
                const int err = delta_scenario(live, durable, &base, n, &r);
                countdown = 0;
                const uint64_t after = check_folder(live, &unused);
                refused += err != 0;
                assert_true(err ? after == before && r.generation == 0
                                : after > before && after == r.generation);
                assert_true(err || r.durable_error == 0 || r.what[0]);
                before = after;
                check_folder(durable, &unused);
                if (failures == failed)
                        break;
        }
        assert_true(refused > 5 && n > 15);
        assert_int_equal(r.durable_error, 0);
        assert_int_equal(check_folder(durable, &unused), before);
        assert_int_equal(fs_remove_tree(live), 0);
        assert_int_equal(fs_remove_tree(durable), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_failing_call_leaves_the_live_generation),
                cmocka_unit_test(every_failing_call_leaves_base_and_delta_together),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
