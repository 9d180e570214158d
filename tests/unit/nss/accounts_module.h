/* The module's functions of accounts, as the C library finds them, and some people to be found. */
#ifndef NETINFO_TEST_NSS_ACCOUNTS_MODULE_H
#define NETINFO_TEST_NSS_ACCOUNTS_MODULE_H

#include "child.h"

#include "sys/fs.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <nss.h>
#include <pthread.h>
#include <pwd.h>
#include <shadow.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct {
        enum nss_status (*getpwnam)(const char *, struct passwd *, char *, size_t, int *);
        enum nss_status (*getpwuid)(uid_t, struct passwd *, char *, size_t, int *);
        enum nss_status (*setpwent)(int);
        enum nss_status (*endpwent)(void);
        enum nss_status (*getpwent)(struct passwd *, char *, size_t, int *);
        enum nss_status (*getgrnam)(const char *, struct group *, char *, size_t, int *);
        enum nss_status (*getgrgid)(gid_t, struct group *, char *, size_t, int *);
        enum nss_status (*setgrent)(int);
        enum nss_status (*endgrent)(void);
        enum nss_status (*getgrent)(struct group *, char *, size_t, int *);
        enum nss_status (*initgroups)(const char *, gid_t, long *, long *, gid_t **, long, int *);
        enum nss_status (*getspnam)(const char *, struct spwd *, char *, size_t, int *);
        enum nss_status (*setspent)(int);
        enum nss_status (*getspent)(struct spwd *, char *, size_t, int *);
} nss;

static void load(void)
{
        void *library = child_module();
        const struct {
                void *to;
                const char *name;
        } wanted[] = {{&nss.getpwnam, "getpwnam_r"},       {&nss.getpwuid, "getpwuid_r"},
                      {&nss.setpwent, "setpwent"},         {&nss.endpwent, "endpwent"},
                      {&nss.getpwent, "getpwent_r"},       {&nss.getgrnam, "getgrnam_r"},
                      {&nss.getgrgid, "getgrgid_r"},       {&nss.setgrent, "setgrent"},
                      {&nss.endgrent, "endgrent"},         {&nss.getgrent, "getgrent_r"},
                      {&nss.initgroups, "initgroups_dyn"}, {&nss.getspnam, "getspnam_r"},
                      {&nss.setspent, "setspent"},         {&nss.getspent, "getspent_r"}};
        for (unsigned i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
                char name[64];
                snprintf(name, sizeof(name), "_nss_netinfo_%s", wanted[i].name);
                void *p = dlsym(library, name);
                CHECK(p != NULL);
                memcpy(wanted[i].to, &p, sizeof(p));
        }
}

/* -- data
 * ----------------------------------------------------------------------------------------------------------
 */
static void publish_people(void)
{
        struct snap_publication p = {.folder = folder, .shadow_group = (gid_t)-1};
        struct snap_report r;
        for (unsigned k = 0; k < SNAP_ACCOUNTS; k++)
                p.map[k] = images_new((enum snap_kind)k);
        CHECK(images_user(p.map[0], "ada,countess", 5001, 100, "Ada King") == 0);
        CHECK(images_user(p.map[0], "bob", 5002, 101, "") == 0);
        CHECK(images_user(p.map[0], "loner", 5003, 101, "in no group") == 0);
        CHECK(images_group(p.map[1], "staff,crew", 20, "ada,bob") == 0);
        CHECK(images_group(p.map[1], "wheel", 21, "ada") == 0);
        CHECK(images_group(p.map[1], "empty", 22, "") == 0);
        for (unsigned i = 0; i < 40; i++) {
                char name[16];
                snprintf(name, sizeof(name), "many%u", i);
                CHECK(images_group(p.map[1], name, 300 + i, "bob") == 0);
        }
        CHECK(images_shadow(p.map[2], "ada,countess", "$6$x$y", 19000) == 0);
        if (snap_publish(&p, &r)) {
                fprintf(stderr, "%s\n", r.what);
                _exit(1);
        }
        for (unsigned k = 0; k < SNAP_ACCOUNTS; k++)
                snap_builder_free(p.map[k]);
}

static uint64_t whole; /* generation of the last whole images, and their users */
static unsigned whole_users;

static void publish_marked(unsigned users, unsigned mark)
{
        char text[16];
        snprintf(text, sizeof(text), "m%u", mark);
        whole = images_publish_marked(folder, users, text);
        whole_users = users;
}

/* The same as a delta upon those. */
static void publish_upon(unsigned mark)
{
        char text[16];
        snprintf(text, sizeof(text), "m%u", mark);
        images_publish_delta(folder, whole, whole_users, text);
}

#endif
