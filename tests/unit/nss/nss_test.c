/* The module as a guest: loaded with dlopen into a child of its own for each test, because what it maps stays
 * as long as the process. NETINFO_NSS_MODULE names the built module. */
#include "accounts_module.h"

/* -- statuses
 * ------------------------------------------------------------------------------------------------------- */
static void child_of_lookups(void)
{
        struct passwd pw, untouched;
        struct spwd sp;
        struct group gr;
        char buffer[1024];
        int err = 77;
        publish_people();
        errno = 4711;
        CHECK(nss.getpwnam("countess", &pw, buffer, sizeof(buffer), &err) == NSS_STATUS_SUCCESS);
        CHECK(!strcmp(pw.pw_name, "ada") && !strcmp(pw.pw_passwd, "x") && !strcmp(pw.pw_gecos, "Ada King"));
        CHECK(!strcmp(pw.pw_dir, "/home/ada") && !strcmp(pw.pw_shell, "/bin/sh") && pw.pw_uid == 5001 &&
              pw.pw_gid == 100);
        CHECK(nss.getpwuid(5002, &pw, buffer, sizeof(buffer), &err) == NSS_STATUS_SUCCESS);
        CHECK(!strcmp(pw.pw_name, "bob") && !strcmp(pw.pw_passwd, "*"));
        CHECK(nss.getgrnam("crew", &gr, buffer, sizeof(buffer), &err) == NSS_STATUS_SUCCESS);
        CHECK(!strcmp(gr.gr_name, "staff") && gr.gr_gid == 20 && !strcmp(gr.gr_mem[0], "ada") &&
              !strcmp(gr.gr_mem[1], "bob") && !gr.gr_mem[2] && !strcmp(gr.gr_passwd, "*"));
        CHECK(nss.getgrgid(22, &gr, buffer, sizeof(buffer), &err) == NSS_STATUS_SUCCESS && !gr.gr_mem[0]);
        CHECK(nss.getspnam("ada", &sp, buffer, sizeof(buffer), &err) == NSS_STATUS_SUCCESS);
        CHECK(!strcmp(sp.sp_pwdp, "$6$x$y") && sp.sp_lstchg == 19000 && sp.sp_expire == -1 &&
              sp.sp_flag == 5);
        CHECK(errno == 4711 && err == 77);
        memset(&pw, 0x5a, sizeof(pw));
        untouched = pw;
        CHECK(nss.getpwnam("nobody", &pw, buffer, sizeof(buffer), &err) == NSS_STATUS_NOTFOUND &&
              err == ENOENT);
        CHECK(!memcmp(&pw, &untouched, sizeof(pw)));
        CHECK(nss.getpwuid(1, &pw, buffer, sizeof(buffer), &err) == NSS_STATUS_NOTFOUND);
        CHECK(nss.getgrnam("ada", &gr, buffer, sizeof(buffer), &err) == NSS_STATUS_NOTFOUND);
        CHECK(nss.getgrgid(9, &gr, buffer, sizeof(buffer), &err) == NSS_STATUS_NOTFOUND);
        CHECK(nss.getspnam("bob", &sp, buffer, sizeof(buffer), &err) == NSS_STATUS_NOTFOUND);
        CHECK(errno == 4711);
}

static void lookups_answer_and_leave_errno_alone(void **state)
{
        (void)state;
        assert_true(in_child(load, child_of_lookups));
}

static void child_of_small_buffers(void)
{
        static char buffer[512];
        struct passwd pw;
        struct group gr;
        struct spwd sp;
        int err = 0;
        publish_people();
        const size_t user = sizeof("ada\0x\0Ada King\0/home/ada\0/bin/sh"), shadow = sizeof("ada\0$6$x$y");
        const size_t group = sizeof("staff\0*\0ada\0bob") + 3 * sizeof(char *);
        for (size_t n = 0; n < 200; n++) {
                memset(buffer, '#', sizeof(buffer));
                err = 0;
                enum nss_status st = nss.getpwnam("ada", &pw, buffer, n, &err);
                CHECK(st == (n < user ? NSS_STATUS_TRYAGAIN : NSS_STATUS_SUCCESS) &&
                      (n >= user || err == ERANGE));
                st = nss.getpwuid(5001, &pw, buffer, n, &err);
                CHECK(st == (n < user ? NSS_STATUS_TRYAGAIN : NSS_STATUS_SUCCESS));
                st = nss.getspnam("ada", &sp, buffer, n, &err);
                CHECK(st == (n < shadow ? NSS_STATUS_TRYAGAIN : NSS_STATUS_SUCCESS) &&
                      (n >= shadow || err == ERANGE));
                for (size_t i = n; i < sizeof(buffer); i++)
                        CHECK(buffer[i] == '#');
                for (size_t shift = 0; shift < sizeof(char *); shift++) {
                        char *from = buffer + shift;
                        const size_t gap = (size_t)(-(uintptr_t)from % sizeof(char *));
                        memset(buffer, '#', sizeof(buffer));
                        st = nss.getgrnam("staff", &gr, from, n, &err);
                        CHECK(st == (n < group + gap ? NSS_STATUS_TRYAGAIN : NSS_STATUS_SUCCESS));
                        CHECK(st == NSS_STATUS_SUCCESS || err == ERANGE);
                        CHECK(st != NSS_STATUS_SUCCESS ||
                              ((uintptr_t)gr.gr_mem % sizeof(char *) == 0 && !strcmp(gr.gr_mem[1], "bob")));
                        for (size_t i = n + shift; i < sizeof(buffer); i++)
                                CHECK(buffer[i] == '#');
                }
        }
}

static void every_buffer_size_is_respected(void **state)
{
        (void)state;
        assert_true(in_child(load, child_of_small_buffers));
}

static void child_without_images(void)
{
        struct passwd pw;
        gid_t *gids = NULL;
        char buffer[256];
        long start = 0, size = 0;
        int err = 0;
        errno = 12;
        CHECK(nss.getpwnam("ada", &pw, buffer, sizeof(buffer), &err) == NSS_STATUS_UNAVAIL && err == ENOENT);
        CHECK(nss.setpwent(0) == NSS_STATUS_UNAVAIL);
        CHECK(nss.getpwent(&pw, buffer, sizeof(buffer), &err) == NSS_STATUS_UNAVAIL && err == ENOENT);
        CHECK(nss.initgroups("ada", 1, &start, &size, &gids, -1, &err) == NSS_STATUS_UNAVAIL && start == 0 &&
              !gids);
        CHECK(errno == 12);
        publish_people(); /* and as soon as there are some: */
        errno = 12;
        CHECK(nss.getpwnam("ada", &pw, buffer, sizeof(buffer), &err) == NSS_STATUS_SUCCESS);
        CHECK(errno == 12);
}

static void without_images_the_next_source_is_asked(void **state)
{
        (void)state;
        assert_true(in_child(load, child_without_images));
}

/* -- group lists
 * ----------------------------------------------------------------------------------------------------- */
static void child_of_initgroups(void)
{
        long start = 2, size = 3;
        gid_t *gids = malloc(3 * sizeof(*gids));
        int err = 0;
        publish_people();
        CHECK(gids != NULL);
        gids[0] = 7;
        gids[1] = 21; /* present: not added again */
        CHECK(nss.initgroups("ada", 7, &start, &size, &gids, -1, &err) == NSS_STATUS_SUCCESS);
        CHECK(start == 3 && size == 3 && gids[0] == 7 && gids[1] == 21 && gids[2] == 20);
        start = 0; /* the group to skip, growth by doubling, rank order */
        CHECK(nss.initgroups("bob", 20, &start, &size, &gids, 0, &err) == NSS_STATUS_SUCCESS);
        CHECK(start == 40 && size == 48 && gids[0] == 300 && gids[39] == 339);
        free(gids);
        gids = malloc(sizeof(*gids));
        CHECK(gids != NULL);
        start = 0;
        size = 1; /* a limit is no failure */
        CHECK(nss.initgroups("bob", 20, &start, &size, &gids, 5, &err) == NSS_STATUS_SUCCESS);
        CHECK(start == 5 && size == 5 && gids[4] == 304);
        start = 5; /* full before we begin */
        CHECK(nss.initgroups("ada", 1, &start, &size, &gids, 5, &err) == NSS_STATUS_SUCCESS && start == 5);
        start = 0;
        CHECK(nss.initgroups("loner", 1, &start, &size, &gids, -1, &err) == NSS_STATUS_SUCCESS && start == 0);
        CHECK(nss.initgroups("nobody", 1, &start, &size, &gids, -1, &err) == NSS_STATUS_NOTFOUND &&
              err == ENOENT);
        free(gids);
}

static void group_lists_append_skip_and_grow(void **state)
{
        (void)state;
        assert_true(in_child(load, child_of_initgroups));
}

/* -- enumeration
 * ------------------------------------------------------------------------------------------------------ */
static void child_of_enumeration(void)
{
        struct passwd pw;
        struct group gr;
        struct spwd sp;
        char buffer[256];
        int err = 0;
        publish_marked(30, 1);
        CHECK(nss.setpwent(0) == NSS_STATUS_SUCCESS);
        for (unsigned i = 0; i < 30; i++) {
                char name[16];
                snprintf(name, sizeof(name), "u%u", i);
                if (i == 10) {
                        publish_marked(5, 2); /* what began, goes on with what it began with */
                        CHECK(nss.getpwnam("u1", &pw, buffer, sizeof(buffer), &err) == NSS_STATUS_SUCCESS);
                        CHECK(!strcmp(pw.pw_gecos, "m2"));
                }
                CHECK(nss.getpwent(&pw, buffer, 4, &err) == NSS_STATUS_TRYAGAIN &&
                      err == ERANGE); /* does not advance */
                CHECK(nss.getpwent(&pw, buffer, sizeof(buffer), &err) == NSS_STATUS_SUCCESS);
                CHECK(!strcmp(pw.pw_name, name) && !strcmp(pw.pw_gecos, "m1"));
        }
        CHECK(nss.getpwent(&pw, buffer, sizeof(buffer), &err) == NSS_STATUS_NOTFOUND && err == ENOENT);
        CHECK(nss.getpwent(&pw, buffer, sizeof(buffer), &err) == NSS_STATUS_NOTFOUND);
        CHECK(nss.setpwent(0) == NSS_STATUS_SUCCESS); /* anew */
        CHECK(nss.getpwent(&pw, buffer, sizeof(buffer), &err) == NSS_STATUS_SUCCESS &&
              !strcmp(pw.pw_gecos, "m2"));
        CHECK(nss.endpwent() == NSS_STATUS_SUCCESS);
        unsigned groups = 0;
        while (nss.getgrent(&gr, buffer, sizeof(buffer), &err) ==
               NSS_STATUS_SUCCESS) /* without setgrent, too */
                groups++;
        CHECK(groups == 5 && nss.endgrent() == NSS_STATUS_SUCCESS);
        CHECK(nss.setspent(0) == NSS_STATUS_UNAVAIL); /* this folder has no shadow image */
        publish_people();
        CHECK(nss.getspent(&sp, buffer, sizeof(buffer), &err) == NSS_STATUS_SUCCESS &&
              !strcmp(sp.sp_namp, "ada"));
}

static void an_enumeration_keeps_its_generation(void **state)
{
        (void)state;
        assert_true(in_child(load, child_of_enumeration));
}

static pthread_barrier_t steps;

static void *enumerate_in_step(void *argument)
{
        const unsigned skip = *(const unsigned *)argument;
        struct passwd pw;
        char buffer[256], name[16];
        int err;
        for (unsigned i = 0; i < skip; i++)
                CHECK(nss.getpwent(&pw, buffer, sizeof(buffer), &err) == NSS_STATUS_SUCCESS);
        for (unsigned i = skip; i < 20; i++) {
                pthread_barrier_wait(&steps);
                snprintf(name, sizeof(name), "u%u", i);
                CHECK(nss.getpwent(&pw, buffer, sizeof(buffer), &err) == NSS_STATUS_SUCCESS &&
                      !strcmp(pw.pw_name, name));
                pthread_barrier_wait(&steps);
        }
        for (unsigned i = 0; i < skip; i++) { /* the other one has more steps to do */
                pthread_barrier_wait(&steps);
                pthread_barrier_wait(&steps);
        }
        return NULL; /* without endpwent: the thread's end gives the mapping back */
}

static unsigned mappings_of(const char *part)
{
        char line[512];
        unsigned n = 0;
        FILE *f = fopen("/proc/self/maps", "r");
        CHECK(f != NULL);
        while (fgets(line, sizeof(line), f))
                n += strstr(line, part) != NULL;
        fclose(f);
        return n;
}

static void child_of_two_enumerations(void)
{
        pthread_t t[2];
        unsigned skip[2] = {0, 7};
        publish_marked(20, 1);
        pthread_barrier_init(&steps, NULL, 2);
        for (unsigned i = 0; i < 2; i++)
                CHECK(pthread_create(&t[i], NULL, enumerate_in_step, &skip[i]) == 0);
        for (unsigned i = 0; i < 2; i++)
                pthread_join(t[i], NULL);
        CHECK(mappings_of(folder) == 0);
}

static void two_threads_enumerate_independently(void **state)
{
        (void)state;
        assert_true(in_child(load, child_of_two_enumerations));
}

/* -- generations
 * ------------------------------------------------------------------------------------------------------ */
static void child_of_generations(void)
{
        struct passwd pw;
        char buffer[256];
        int err = 0;
        static const unsigned sizes[] = {3,    5, 4000, 2,
                                         9000, 7, 9000, 1}; /* places grow, shrink and are reused */
        for (unsigned round = 0; round < 8; round++) {
                char mark[16];
                snprintf(mark, sizeof(mark), "m%u", round);
                publish_marked(sizes[round], round);
                CHECK(nss.getpwnam("alias0", &pw, buffer, sizeof(buffer), &err) == NSS_STATUS_SUCCESS);
                CHECK(!strcmp(pw.pw_gecos, mark));
                CHECK(nss.getpwuid(1000 + sizes[round] - 1, &pw, buffer, sizeof(buffer), &err) ==
                      NSS_STATUS_SUCCESS);
                CHECK(!strcmp(pw.pw_gecos, mark));
                CHECK(nss.getpwuid(1000 + sizes[round], &pw, buffer, sizeof(buffer), &err) ==
                      NSS_STATUS_NOTFOUND);
                CHECK(mappings_of("/passwd.") == 1); /* never more than one image of a map */
        }
}

static void a_published_generation_is_seen_by_the_next_lookup(void **state)
{
        (void)state;
        assert_true(in_child(load, child_of_generations));
}

static void child_of_deltas(void)
{
        struct passwd pw;
        struct group gr;
        char buffer[256], name[16];
        gid_t gids[8], *list = gids;
        long start, size = 8;
        int err = 0;
        publish_marked(2000, 1);
        for (unsigned round = 2; round < 40; round++) {
                char mark[16];
                if (round % 13 == 0)
                        publish_marked(round * 100, round);
                else
                        publish_upon(round);
                snprintf(mark, sizeof(mark), "m%u", round);
                CHECK(nss.getpwnam("alias1", &pw, buffer, sizeof(buffer), &err) == NSS_STATUS_SUCCESS &&
                      !strcmp(pw.pw_gecos, mark));
                CHECK(nss.getpwuid(1002, &pw, buffer, sizeof(buffer), &err) == NSS_STATUS_SUCCESS &&
                      !strcmp(pw.pw_gecos, mark));
                CHECK(nss.getpwuid(1007, &pw, buffer, sizeof(buffer), &err) == NSS_STATUS_SUCCESS &&
                      !strcmp(pw.pw_name, "u7"));
                CHECK(nss.getgrnam("g2", &gr, buffer, sizeof(buffer), &err) == NSS_STATUS_SUCCESS &&
                      !strcmp(gr.gr_mem[2], mark));
                CHECK(nss.getgrgid(5009, &gr, buffer, sizeof(buffer), &err) == NSS_STATUS_SUCCESS);
                start = 0;
                CHECK(nss.initgroups(mark, 1, &start, &size, &list, 8, &err) == NSS_STATUS_SUCCESS &&
                      start >= 3 && gids[0] == 5000 && gids[2] == 5002);
                CHECK(nss.getpwuid(1, &pw, buffer, sizeof(buffer), &err) == NSS_STATUS_NOTFOUND);
                /* One base, and a delta if there is one. */
                CHECK(mappings_of("/passwd.") == (round % 13 == 0 ? 1 : 2));
        }
        CHECK(nss.setpwent(0) == NSS_STATUS_SUCCESS);
        for (unsigned i = 0; i < whole_users; i++) {
                if (i == 1)
                        publish_marked(3, 99); /* what began, goes on with what it began with */
                snprintf(name, sizeof(name), "u%u", i);
                CHECK(nss.getpwent(&pw, buffer, sizeof(buffer), &err) == NSS_STATUS_SUCCESS &&
                      !strcmp(pw.pw_name, name));
        }
}

static void a_delta_is_seen_by_the_next_lookup(void **state)
{
        (void)state;
        assert_true(in_child(load, child_of_deltas));
}

/* The durable folder's control file is replaced at every publication: who has the old one mapped is sent to
 * the new one. */
static void child_sent_on(void)
{
        struct passwd pw;
        struct group gr;
        char buffer[256], other[64];
        int err;
        images_folder(other);
        for (unsigned i = 1; i < 5; i++) {
                struct snap_publication p = {.folder = other, .durable = folder, .shadow_group = (gid_t)-1};
                struct snap_report r;
                char mark[16];
                snprintf(mark, sizeof(mark), "m%u", i);
                p.map[SNAP_PASSWD] = images_new(SNAP_PASSWD);
                CHECK(images_user(p.map[SNAP_PASSWD], "u1", 1001, 1, mark) == 0);
                if (i == 1) {
                        p.map[SNAP_GROUP] = images_new(SNAP_GROUP);
                        CHECK(images_group(p.map[SNAP_GROUP], "g1", 5001, "u1") == 0);
                }
                CHECK(snap_publish(&p, &r) == 0 && r.durable_error == 0 && r.generation == i);
                snap_builder_free(p.map[SNAP_PASSWD]);
                snap_builder_free(p.map[SNAP_GROUP]);
                CHECK(nss.getpwnam("u1", &pw, buffer, sizeof(buffer), &err) == NSS_STATUS_SUCCESS &&
                      !strcmp(pw.pw_gecos, mark));
                CHECK(nss.getgrgid(5001, &gr, buffer, sizeof(buffer), &err) == NSS_STATUS_SUCCESS &&
                      !strcmp(gr.gr_name, "g1"));
        }
        CHECK(fs_remove_tree(other) == 0);
}

static void a_replaced_control_file_is_followed(void **state)
{
        (void)state;
        assert_true(in_child(load, child_sent_on));
}

static void child_without_descriptors(void)
{
        struct passwd pw;
        char buffer[256];
        int err;
        publish_people();
        const int before = open("/dev/null", O_RDONLY);
        close(before);
        CHECK(nss.getpwnam("ada", &pw, buffer, sizeof(buffer), &err) == NSS_STATUS_SUCCESS);
        CHECK(nss.getpwent(&pw, buffer, sizeof(buffer), &err) == NSS_STATUS_SUCCESS);
        const int after = open("/dev/null", O_RDONLY);
        CHECK(before == after); /* the lowest free number is the same */
        close(after);
        for (int fd = 3; fd < 1024; fd++) /* and who closes everything disturbs nothing */
                close(fd);
        CHECK(nss.getpwnam("bob", &pw, buffer, sizeof(buffer), &err) == NSS_STATUS_SUCCESS);
}

static void no_descriptor_is_kept(void **state)
{
        (void)state;
        assert_true(in_child(load, child_without_descriptors));
}

static void child_in_chroot(void)
{
        struct passwd pw;
        char buffer[256], empty[64];
        int err;
        publish_marked(5, 1);
        CHECK(nss.getpwnam("u1", &pw, buffer, sizeof(buffer), &err) == NSS_STATUS_SUCCESS);
        const int root = open("/", O_RDONLY | O_DIRECTORY);
        images_folder(empty);
        CHECK(chroot(empty) == 0 && chdir("/") == 0);
        CHECK(nss.getpwnam("u2", &pw, buffer, sizeof(buffer), &err) == NSS_STATUS_SUCCESS &&
              !strcmp(pw.pw_gecos, "m1"));
        CHECK(nss.getpwnam("none", &pw, buffer, sizeof(buffer), &err) == NSS_STATUS_NOTFOUND);
        CHECK(fchdir(root) == 0 && chroot(".") == 0);
        publish_marked(5, 2);
        CHECK(chroot(empty) == 0 &&
              chdir("/") == 0); /* the new image is out of reach: the old answers stay */
        CHECK(nss.getpwnam("u3", &pw, buffer, sizeof(buffer), &err) == NSS_STATUS_SUCCESS &&
              !strcmp(pw.pw_gecos, "m1"));
        CHECK(fchdir(root) == 0 && chroot(".") == 0);
        CHECK(nss.getpwnam("u3", &pw, buffer, sizeof(buffer), &err) == NSS_STATUS_SUCCESS &&
              !strcmp(pw.pw_gecos, "m2"));
        CHECK(rmdir(empty) == 0);
}

static void a_chroot_keeps_its_answers(void **state)
{
        (void)state;
        if (geteuid() != 0)
                skip();
        assert_true(in_child(load, child_in_chroot));
}

/* -- damage and distrust
 * ----------------------------------------------------------------------------------------------- */
static void damage(const char *name, void (*how)(const char *path))
{
        char path[128];
        snprintf(path, sizeof(path), "%s/%s", folder, name);
        how(path);
}

/* Images are replaced, never changed in place: so the damaged one is a new file, too. */
static void rewrite(const char *path, off_t size, const char *junk)
{
        struct buf b;
        buf_init(&b, 0);
        CHECK(fs_read(path, 1 << 20, &b) == 0);
        if (junk)
                memcpy(b.data, junk, strlen(junk));
        CHECK(unlink(path) == 0);
        const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0444);
        CHECK(fd >= 0 && fs_write_all(fd, b.data, size < 0 ? b.len : (size_t)size) == 0);
        close(fd);
        buf_done(&b);
}

static void cut(const char *path)
{
        rewrite(path, 300, NULL);
}

static void cut_to_nothing(const char *path)
{
        rewrite(path, 0, NULL);
}

static void scribble(const char *path)
{
        rewrite(path, -1, "NISNIP");
}

static void make_writable(const char *path)
{
        CHECK(chmod(path, 0664) == 0);
}

static void make_link(const char *path)
{
        char other[160];
        snprintf(other, sizeof(other), "%s.real", path);
        CHECK(rename(path, other) == 0 && symlink(other, path) == 0);
}

static void make_folder(const char *path)
{
        CHECK(unlink(path) == 0 && mkdir(path, 0555) == 0);
}

static void make_fifo(const char *path)
{
        CHECK(unlink(path) == 0 && mkfifo(path, 0444) == 0);
}

static void (*const ways[])(const char *) = {cut,       cut_to_nothing, scribble, make_writable,
                                             make_link, make_folder,    make_fifo};
static unsigned way;

static void child_with_damage(void)
{
        struct passwd pw;
        struct group gr;
        char buffer[256];
        int err = 0;
        publish_marked(5, 1);
        damage("passwd.1", ways[way]);
        CHECK(nss.getpwnam("u1", &pw, buffer, sizeof(buffer), &err) == NSS_STATUS_UNAVAIL && err != 0 &&
              err != ERANGE);
        CHECK(nss.getpwent(&pw, buffer, sizeof(buffer), &err) == NSS_STATUS_UNAVAIL);
        CHECK(nss.getgrnam("g1", &gr, buffer, sizeof(buffer), &err) ==
              NSS_STATUS_SUCCESS); /* the other map is whole */
        publish_marked(5, 2);      /* the next generation heals */
        CHECK(nss.getpwnam("u1", &pw, buffer, sizeof(buffer), &err) == NSS_STATUS_SUCCESS &&
              !strcmp(pw.pw_gecos, "m2"));
        publish_marked(5, 3);
        damage("passwd.3", ways[way]); /* who had a good one keeps it */
        CHECK(nss.getpwnam("u1", &pw, buffer, sizeof(buffer), &err) == NSS_STATUS_SUCCESS &&
              !strcmp(pw.pw_gecos, "m2"));
        CHECK(nss.getgrnam("g1", &gr, buffer, sizeof(buffer), &err) == NSS_STATUS_SUCCESS &&
              !strcmp(gr.gr_mem[2], "m3"));
}

static void damaged_or_untrusted_images_are_unavailable(void **state)
{
        for (way = 0; way < sizeof(ways) / sizeof(ways[0]); way++) {
                if (way)
                        folder_make(state);
                assert_true(in_child(load, child_with_damage));
                if (way + 1 < sizeof(ways) / sizeof(ways[0]))
                        folder_remove(state);
        }
}

static void flip(const char *path)
{
        struct buf b;
        buf_init(&b, 0);
        CHECK(fs_read(path, 1 << 20, &b) == 0);
        b.data[b.len / 2] ^= 1;
        CHECK(unlink(path) == 0);
        const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0444);
        CHECK(fd >= 0 && fs_write_all(fd, b.data, b.len) == 0);
        close(fd);
        buf_done(&b);
}

static void remove_it(const char *path)
{
        CHECK(unlink(path) == 0);
}

static const struct {
        const char *name;
        void (*how)(const char *);
} pair_ways[] = {{"passwd.2", flip},           {"passwd.2", cut},           {"passwd.2", make_writable},
                 {"passwd.2", remove_it},      {"passwd.2.base", scribble}, {"passwd.2.base", cut},
                 {"passwd.2.base", remove_it}, {"passwd.2.base", make_link}};

/* Whatever is wrong with one of the two: no answer, and not that of the base. */
static void child_with_damaged_pair(void)
{
        struct passwd pw;
        char buffer[256];
        int err = 0;
        publish_marked(5, 1);
        publish_upon(2);
        damage(pair_ways[way].name, pair_ways[way].how);
        CHECK(nss.getpwnam("u1", &pw, buffer, sizeof(buffer), &err) == NSS_STATUS_UNAVAIL && err != 0);
        CHECK(nss.getpwnam("u4", &pw, buffer, sizeof(buffer), &err) == NSS_STATUS_UNAVAIL);
        CHECK(nss.getpwuid(1004, &pw, buffer, sizeof(buffer), &err) == NSS_STATUS_UNAVAIL);
        CHECK(nss.getpwent(&pw, buffer, sizeof(buffer), &err) == NSS_STATUS_UNAVAIL);
        publish_marked(5, 3); /* the next generation heals */
        CHECK(nss.getpwnam("u1", &pw, buffer, sizeof(buffer), &err) == NSS_STATUS_SUCCESS &&
              !strcmp(pw.pw_gecos, "m3"));
        publish_upon(4);
        damage("passwd.4", flip); /* who had a good pair keeps it */
        CHECK(nss.getpwnam("u1", &pw, buffer, sizeof(buffer), &err) == NSS_STATUS_SUCCESS &&
              !strcmp(pw.pw_gecos, "m3"));
}

static void a_damaged_delta_is_never_taken_for_none(void **state)
{
        const unsigned n = sizeof(pair_ways) / sizeof(pair_ways[0]);
        for (way = 0; way < n; way++) {
                if (way)
                        folder_make(state);
                assert_true(in_child(load, child_with_damaged_pair));
                if (way + 1 < n)
                        folder_remove(state);
        }
}

static void child_not_root(void)
{
        struct spwd sp;
        struct passwd pw;
        char buffer[256];
        int err = 0;
        publish_people();
        CHECK(chmod(folder, 0755) == 0);
        CHECK(setgid(65534) == 0 && setuid(65534) == 0);
        CHECK(nss.getspnam("ada", &sp, buffer, sizeof(buffer), &err) == NSS_STATUS_UNAVAIL && err == EACCES);
        CHECK(nss.getpwnam("ada", &pw, buffer, sizeof(buffer), &err) == NSS_STATUS_SUCCESS);
}

static void shadow_is_not_for_everybody(void **state)
{
        (void)state;
        if (geteuid() != 0)
                skip();
        assert_true(in_child(load, child_not_root));
}

static void child_of_foreign_owner(void)
{
        struct passwd pw;
        char buffer[256], path[128];
        int err = 0;
        publish_people();
        snprintf(path, sizeof(path), "%s/passwd.1", folder);
        CHECK(chown(path, 4242, 4242) == 0);
        CHECK(nss.getpwnam("ada", &pw, buffer, sizeof(buffer), &err) == NSS_STATUS_UNAVAIL && err == EBADMSG);
}

static void images_of_other_users_are_not_believed(void **state)
{
        (void)state;
        if (geteuid() != 0)
                skip();
        assert_true(in_child(load, child_of_foreign_owner));
}

/* -- threads and forks
 * --------------------------------------------------------------------------------------------------- */
#define READERS 3
static bool stop; /* atomic */

/* Answers must be whole, and time must not run backwards. */
static void *read_until_stopped(void *unused)
{
        unsigned newest = 0, newest_group = 0, n = 0;
        char buffer[512];
        struct passwd pw;
        struct group gr;
        long size = 8;
        gid_t *gids = malloc(8 * sizeof(*gids));
        int err;
        (void)unused;
        CHECK(gids != NULL);
        while (!__atomic_load_n(&stop, __ATOMIC_RELAXED) || n < 100) {
                CHECK(nss.getpwnam(n % 2 ? "u1" : "alias1", &pw, buffer, sizeof(buffer), &err) ==
                      NSS_STATUS_SUCCESS);
                CHECK(pw.pw_uid == 1001 && !strcmp(pw.pw_name, "u1") && !strcmp(pw.pw_dir, "/home/u1") &&
                      pw.pw_gecos[0] == 'm');
                const unsigned mark = (unsigned)atoi(pw.pw_gecos + 1);
                CHECK(mark >= newest);
                newest = mark;
                CHECK(nss.getpwuid(1002, &pw, buffer, sizeof(buffer), &err) == NSS_STATUS_SUCCESS &&
                      !strcmp(pw.pw_name, "u2"));
                CHECK(nss.getpwnam("nobody", &pw, buffer, sizeof(buffer), &err) == NSS_STATUS_NOTFOUND);
                CHECK(nss.getgrgid(5002, &gr, buffer, sizeof(buffer), &err) == NSS_STATUS_SUCCESS);
                CHECK(!strcmp(gr.gr_name, "g2") && !strcmp(gr.gr_mem[0], "u2") && gr.gr_mem[2][0] == 'm' &&
                      !gr.gr_mem[3]);
                const unsigned group_mark = (unsigned)atoi(gr.gr_mem[2] + 1);
                CHECK(group_mark >= newest_group);
                newest_group = group_mark;
                long start = 0;
                CHECK(nss.initgroups("u2", 1, &start, &size, &gids, -1, &err) == NSS_STATUS_SUCCESS);
                CHECK(start == 2 && gids[0] == 5001 && gids[1] == 5002);
                n++;
        }
        free(gids);
        return NULL;
}

static void child_of_threads(void)
{
        pthread_t t[READERS];
        publish_marked(3, 1);
        for (unsigned i = 0; i < READERS; i++)
                CHECK(pthread_create(&t[i], NULL, read_until_stopped, NULL) == 0);
        for (unsigned i = 2; i < 200; i++)
                if (i % 3) /* images of very different sizes under the readers' feet */
                        publish_upon(i);
                else
                        publish_marked(i % 5 ? 3 : 1500, i);
        __atomic_store_n(&stop, true, __ATOMIC_RELAXED);
        for (unsigned i = 0; i < READERS; i++)
                pthread_join(t[i], NULL);
}

static void threads_read_while_generations_pass(void **state)
{
        (void)state;
        assert_true(in_child(load, child_of_threads));
}

static void child_of_forks(void)
{
        pthread_t t[READERS];
        publish_marked(3, 1);
        for (unsigned i = 0; i < READERS; i++)
                CHECK(pthread_create(&t[i], NULL, read_until_stopped, NULL) == 0);
        for (unsigned i = 2; i < 150; i++) {
                struct passwd pw;
                char buffer[256], mark[16];
                int err, status;
                snprintf(mark, sizeof(mark), "m%u", i);
                if (i % 4)
                        publish_upon(i);
                else
                        publish_marked(i % 3 ? 3 : 800, i);
                const pid_t pid = fork(); /* now the readers are renewing: the child must be able to do it
                                             without them */
                CHECK(pid >= 0);
                if (pid == 0) {
                        for (unsigned k = 0; k < 3; k++) {
                                CHECK(nss.getpwnam("u1", &pw, buffer, sizeof(buffer), &err) ==
                                      NSS_STATUS_SUCCESS);
                                CHECK(!strcmp(pw.pw_gecos, mark));
                        }
                        _exit(0);
                }
                CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0);
        }
        __atomic_store_n(&stop, true, __ATOMIC_RELAXED);
        for (unsigned i = 0; i < READERS; i++)
                pthread_join(t[i], NULL);
}

static void children_forked_while_renewing_go_on(void **state)
{
        (void)state;
        assert_true(in_child(load, child_of_forks));
}

static void *first_lookup(void *unused)
{
        struct passwd pw;
        char buffer[256];
        int err;
        (void)unused;
        pthread_barrier_wait(&steps);
        CHECK(nss.getpwnam("u1", &pw, buffer, sizeof(buffer), &err) == NSS_STATUS_SUCCESS);
        return NULL;
}

static void child_of_first_lookups(void)
{
        pthread_t t[4];
        pthread_barrier_init(&steps, NULL, 4);
        for (unsigned i = 0; i < 4; i++)
                CHECK(pthread_create(&t[i], NULL, first_lookup, NULL) == 0);
        for (unsigned i = 0; i < 4; i++)
                pthread_join(t[i], NULL);
}

static void the_very_first_lookups_may_come_together(void **state)
{
        (void)state;
        images_publish_marked(folder, 5, "m1");
        for (unsigned i = 0; i < 50; i++)
                assert_true(in_child(load, child_of_first_lookups));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                WITH_FOLDER(lookups_answer_and_leave_errno_alone),
                WITH_FOLDER(every_buffer_size_is_respected),
                WITH_FOLDER(without_images_the_next_source_is_asked),
                WITH_FOLDER(group_lists_append_skip_and_grow),
                WITH_FOLDER(an_enumeration_keeps_its_generation),
                WITH_FOLDER(two_threads_enumerate_independently),
                WITH_FOLDER(a_published_generation_is_seen_by_the_next_lookup),
                WITH_FOLDER(a_delta_is_seen_by_the_next_lookup),
                WITH_FOLDER(a_replaced_control_file_is_followed),
                WITH_FOLDER(no_descriptor_is_kept),
                WITH_FOLDER(a_chroot_keeps_its_answers),
                WITH_FOLDER(damaged_or_untrusted_images_are_unavailable),
                WITH_FOLDER(a_damaged_delta_is_never_taken_for_none),
                WITH_FOLDER(shadow_is_not_for_everybody),
                WITH_FOLDER(images_of_other_users_are_not_believed),
                WITH_FOLDER(threads_read_while_generations_pass),
                WITH_FOLDER(children_forked_while_renewing_go_on),
                WITH_FOLDER(the_very_first_lookups_may_come_together),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
