/* Tests of the module run in a child of their own each, because what it maps stays as long as the process.
 * NETINFO_NSS_MODULE names the built module. */
#ifndef NETINFO_TESTS_NSS_CHILD_H
#define NETINFO_TESTS_NSS_CHILD_H

#include "../../lib/images.h"

#include "sys/fs.h"

#include <dlfcn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* In a child cmocka's assertions would go on with the other tests; this ends it. */
#define CHECK(condition)                                                                          \
        do {                                                                                      \
                if (!(condition)) {                                                               \
                        fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition); \
                        _exit(1);                                                                 \
                }                                                                                 \
        } while (0)

static char folder[64];

static inline void *child_module(void)
{
        const char *path = getenv("NETINFO_NSS_MODULE");
        CHECK(path != NULL);
        void *library = dlopen(path, RTLD_NOW);
        if (!library)
                fprintf(stderr, "%s\n", dlerror());
        CHECK(library != NULL);
        return library;
}

/* Runs load, which finds functions in the module, and f in a child with NETINFO_SNAPSHOTS set; true when it
 * ended well. */
static inline bool in_child(void (*load)(void), void (*f)(void))
{
        int status;
        fflush(NULL);
        const pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
                setenv(SNAP_VARIABLE, folder, 1);
                load();
                f();
                _exit(0);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static inline int folder_make(void **state)
{
        (void)state;
        images_folder(folder);
        return 0;
}

static inline int folder_remove(void **state)
{
        (void)state;
        return fs_remove_tree(folder);
}

#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, folder_make, folder_remove)

#endif
