/* What does one lookup cost? Sub-commands (bench/nss.sh calls them):
 *
 *      publish FOLDER USERS              images of that many users
 *      direct MODULE FOLDER USERS SEC    the module called directly beside its floor: an open-addressing
 *                                        table in a mapped file with the passwd line copied out, the least
 *                                        that a lookup can do. CPU per call, medians, ratios
 *      groups MODULE FOLDER GROUPS SEC   a user's group list among so many groups: 10,000 users whose own
 *                                        groups stay the same
 *      wide MODULE FOLDER                a group of 10,000 members
 *      libc USERS CALLS                  getpwnam_r through the C library, for strace and for the clock
 *      first MODULE NAME                 the first lookup of a fresh process, in microseconds
 *
 * Every answer is checked. Times are thread CPU times. */
#include "people.h"
#include "result.h"

#include "snapshot/inspect.h"
#include "snapshot/writer.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <nss.h>
#include <pthread.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS 5u

static _Noreturn void die(const char *what)
{
        fprintf(stderr, "bench-nss: %s\n", what);
        exit(1);
}

static double seconds(clockid_t clock)
{
        struct timespec t;
        clock_gettime(clock, &t);
        return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* -- publish
 * ------------------------------------------------------------------------------------------------------- */
static void add_user(struct snap_builder *b, uint32_t i)
{
        char name[32], gecos[64], dir[48];
        const struct bytes names = bytes_of(name, people_user(name, i));
        const size_t gecos_len = people_gecos(gecos, i);
        const int dir_len = snprintf(dir, sizeof(dir), "/home/%s", name);
        const struct snap_user u = {.names = &names,
                                    .name_count = 1,
                                    .uid = PEOPLE_UID + i,
                                    .gid = PEOPLE_GID + i / 10,
                                    .has_hash = true,
                                    .enumerate = true,
                                    .gecos = bytes_of(gecos, gecos_len),
                                    .dir = bytes_of(dir, (size_t)dir_len),
                                    .shell = BYTES_LIT("/bin/bash")};
        if (snap_add_user(b, &u))
                die("cannot add a user");
}

static void add_group(struct snap_builder *b, uint32_t users, uint32_t g)
{
        char name[32], text[PEOPLE_MEMBERS][32];
        struct bytes members[PEOPLE_MEMBERS];
        const struct bytes names = bytes_of(name, people_group(name, g));
        for (uint32_t k = 0; k < PEOPLE_MEMBERS; k++)
                members[k] = bytes_of(text[k], people_user(text[k], people_member(users, g, k)));
        const struct snap_group s = {.names = &names,
                                     .name_count = 1,
                                     .gid = PEOPLE_GID + g,
                                     .enumerate = true,
                                     .members = members,
                                     .member_count = PEOPLE_MEMBERS};
        if (snap_add_group(b, &s))
                die("cannot add a group");
}

/* A group without any of the users: it only makes the tables larger. */
static void add_other_group(struct snap_builder *b, uint32_t users, uint32_t g)
{
        char name[32], text[32];
        const struct bytes names = bytes_of(name, people_group(name, g));
        const struct bytes member = bytes_of(text, people_user(text, users + g));
        if (snap_add_group(b, &(struct snap_group){.names = &names,
                                                   .name_count = 1,
                                                   .gid = PEOPLE_GID + g,
                                                   .enumerate = true,
                                                   .members = &member,
                                                   .member_count = 1}))
                die("cannot add a group");
}

static int publish(const char *folder, uint32_t users, uint32_t groups)
{
        struct snap_publication p = {.folder = folder, .shadow_group = (gid_t)-1, .may_shrink = 7};
        struct snap_report r;
        const double begin = seconds(CLOCK_MONOTONIC);
        if (snap_builder_new(SNAP_PASSWD, &p.map[SNAP_PASSWD]) ||
            snap_builder_new(SNAP_GROUP, &p.map[SNAP_GROUP]))
                die("no memory");
        for (uint32_t i = 0; i < users; i++)
                add_user(p.map[SNAP_PASSWD], i);
        for (uint32_t g = 0; g < users / 10; g++)
                add_group(p.map[SNAP_GROUP], users, g);
        for (uint32_t g = users / 10; g < groups; g++)
                add_other_group(p.map[SNAP_GROUP], users, g);
        const double added = seconds(CLOCK_MONOTONIC);
        if (snap_publish(&p, &r)) {
                fprintf(stderr, "bench-nss: %s\n", r.what);
                return 1;
        }
        printf("publish\t%u users\tadd %.3f s\tbuild, write, verify, publish %.3f s\n", users, added - begin,
               seconds(CLOCK_MONOTONIC) - added);
        snap_builder_free(p.map[SNAP_PASSWD]);
        snap_builder_free(p.map[SNAP_GROUP]);
        return 0;
}

/* A delta upon what was just published: one user, and nothing else. */
static int publish_delta(const char *folder)
{
        struct snap_publication p = {.folder = folder, .shadow_group = (gid_t)-1};
        struct snap_report r;
        for (unsigned k = 0; k < 2; k++) {
                char path[512];
                void *at;
                size_t size;
                snprintf(path, sizeof(path), "%s/%s.1", folder, snap_map_name((enum snap_kind)k));
                if (snap_map_file(path, &at, &size) || snap_builder_new((enum snap_kind)k, &p.map[k]))
                        die("no image to put a delta upon");
                const struct snap_header *h = at;
                snap_builder_delta(p.map[k], h->generation, h->sum);
                munmap(at, size);
        }
        const struct bytes name = BYTES_LIT("another");
        if (snap_add_user(p.map[SNAP_PASSWD],
                          &(struct snap_user){.names = &name, .name_count = 1, .uid = 3999999999u}) ||
            snap_publish(&p, &r))
                die("cannot publish the delta");
        snap_builder_free(p.map[SNAP_PASSWD]);
        snap_builder_free(p.map[SNAP_GROUP]);
        return 0;
}

/* -- the floor
 * ----------------------------------------------------------------------------------------------------- */
struct floor_slot {
        uint32_t hash, at;
};

static struct {
        const struct floor_slot *names, *numbers;
        const char *records;
        uint32_t mask;
} least;

static uint64_t floor_hash(const char *s, size_t n)
{
        uint64_t h = 0x9e3779b97f4a7c15u ^ n, w;
        for (; n >= 8; s += 8, n -= 8) {
                memcpy(&w, s, 8);
                h = (h ^ w) * 0xff51afd7ed558ccdu;
                h ^= h >> 32;
        }
        w = 0;
        memcpy(&w, s, n);
        h = (h ^ w) * 0xff51afd7ed558ccdu;
        return h ^ h >> 32;
}

static void floor_put(struct floor_slot *slots, uint32_t mask, uint32_t from, uint32_t hash, uint32_t at)
{
        uint32_t j = from & mask;
        while (slots[j].at)
                j = (j + 1) & mask;
        slots[j] = (struct floor_slot){hash, at};
}

/* Record: uid (4), length of the name (1), passwd line, NUL. */
static void floor_build(const char *folder, uint32_t users)
{
        char path[512];
        uint32_t slots = 1, at = 1;
        while (slots < users * 2)
                slots *= 2;
        const size_t tables = (size_t)slots * sizeof(struct floor_slot) * 2,
                     size = tables + (size_t)users * 160 + 1;
        snprintf(path, sizeof(path), "%s/floor.XXXXXX", folder);
        const int fd = mkstemp(path);
        if (fd < 0 || ftruncate(fd, (off_t)size))
                die("cannot make the floor's file");
        unlink(path);
        uint8_t *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (p == MAP_FAILED)
                die("cannot map the floor's file");
        struct floor_slot *names = (void *)p, *numbers = names + slots;
        for (uint32_t i = 0; i < users; i++) {
                char name[32];
                const size_t n = people_user(name, i);
                const uint32_t uid = PEOPLE_UID + i;
                char *record = (char *)p + tables + at;
                memcpy(record, &uid, 4);
                record[4] = (char)n;
                const uint64_t h = floor_hash(name, n);
                floor_put(names, slots - 1, (uint32_t)h, (uint32_t)(h >> 32), at);
                floor_put(numbers, slots - 1, (uint32_t)people_mix(uid), uid, at);
                at += 5 + (uint32_t)people_passwd_line(record + 5, i) + 1;
        }
        munmap(p, size);
        p = mmap(NULL, size, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0);
        close(fd);
        if (p == MAP_FAILED)
                die("cannot map the floor's file");
        least.names = (const void *)p;
        least.numbers = least.names + slots;
        least.records = (const char *)p + tables;
        least.mask = slots - 1;
}

static uint32_t floor_by_name(const char *name, size_t n)
{
        const uint64_t h = floor_hash(name, n);
        for (uint32_t j = (uint32_t)h & least.mask; least.names[j].at; j = (j + 1) & least.mask) {
                const char *r = least.records + least.names[j].at;
                if (least.names[j].hash == (uint32_t)(h >> 32) && (size_t)r[4] == n &&
                    memcmp(r + 5, name, n) == 0)
                        return least.names[j].at;
        }
        return 0;
}

static uint32_t floor_by_number(uint32_t uid)
{
        for (uint32_t j = (uint32_t)people_mix(uid) & least.mask; least.numbers[j].at;
             j = (j + 1) & least.mask)
                if (least.numbers[j].hash == uid)
                        return least.numbers[j].at;
        return 0;
}

/* -- what is measured
 * ---------------------------------------------------------------------------------------------- */
static struct {
        enum nss_status (*getpwnam)(const char *, struct passwd *, char *, size_t, int *);
        enum nss_status (*getpwuid)(uid_t, struct passwd *, char *, size_t, int *);
        enum nss_status (*getgrnam)(const char *, struct group *, char *, size_t, int *);
        enum nss_status (*getgrgid)(gid_t, struct group *, char *, size_t, int *);
        enum nss_status (*initgroups)(const char *, gid_t, long *, long *, gid_t **, long, int *);
} module;

static void *symbol(void *library, const char *name)
{
        void *p = dlsym(library, name);
        if (!p)
                die(dlerror());
        return p;
}

static void module_open(const char *path)
{
        void *library = dlopen(path, RTLD_NOW);
        if (!library)
                die(dlerror());
        *(void **)&module.getpwnam = symbol(library, "_nss_netinfo_getpwnam_r");
        *(void **)&module.getpwuid = symbol(library, "_nss_netinfo_getpwuid_r");
        *(void **)&module.getgrnam = symbol(library, "_nss_netinfo_getgrnam_r");
        *(void **)&module.getgrgid = symbol(library, "_nss_netinfo_getgrgid_r");
        *(void **)&module.initgroups = symbol(library, "_nss_netinfo_initgroups_dyn");
}

struct work {
        uint32_t users;
        char *buffer;
        size_t buffer_len;
        gid_t *gids;
        long gids_len;
};

typedef bool operation(struct work *w, uint32_t random);

static bool floor_name(struct work *w, uint32_t i)
{
        char name[32];
        const uint32_t at = floor_by_name(name, people_user(name, i));
        if (at)
                strcpy(w->buffer, least.records + at + 5);
        return at != 0;
}

static bool floor_name_hit(struct work *w, uint32_t random)
{
        return floor_name(w, random % w->users);
}

static bool floor_name_miss(struct work *w, uint32_t random)
{
        return !floor_name(w, w->users + random % w->users);
}

static bool floor_uid(struct work *w, uint32_t i)
{
        const uint32_t at = floor_by_number(PEOPLE_UID + i);
        if (at)
                strcpy(w->buffer, least.records + at + 5);
        return at != 0;
}

static bool floor_uid_hit(struct work *w, uint32_t random)
{
        return floor_uid(w, random % w->users);
}

static bool floor_uid_miss(struct work *w, uint32_t random)
{
        return !floor_uid(w, w->users + random % w->users);
}

static bool name_hit(struct work *w, uint32_t random)
{
        char name[32];
        struct passwd pw;
        int err;
        const uint32_t i = random % w->users;
        people_user(name, i);
        return module.getpwnam(name, &pw, w->buffer, w->buffer_len, &err) == NSS_STATUS_SUCCESS &&
               pw.pw_uid == PEOPLE_UID + i;
}

static bool name_miss(struct work *w, uint32_t random)
{
        char name[32];
        struct passwd pw;
        int err;
        people_user(name, w->users + random % w->users);
        return module.getpwnam(name, &pw, w->buffer, w->buffer_len, &err) == NSS_STATUS_NOTFOUND;
}

static bool uid_hit(struct work *w, uint32_t random)
{
        struct passwd pw;
        int err;
        const uint32_t i = random % w->users;
        return module.getpwuid(PEOPLE_UID + i, &pw, w->buffer, w->buffer_len, &err) == NSS_STATUS_SUCCESS &&
               pw.pw_gid == PEOPLE_GID + i / 10;
}

static bool uid_miss(struct work *w, uint32_t random)
{
        struct passwd pw;
        int err;
        return module.getpwuid(PEOPLE_UID + w->users + random % w->users, &pw, w->buffer, w->buffer_len,
                               &err) == NSS_STATUS_NOTFOUND;
}

static bool group_name(struct work *w, uint32_t random)
{
        char name[32];
        struct group gr;
        int err;
        const uint32_t g = random % (w->users / 10);
        people_group(name, g);
        return module.getgrnam(name, &gr, w->buffer, w->buffer_len, &err) == NSS_STATUS_SUCCESS &&
               gr.gr_gid == PEOPLE_GID + g;
}

static bool group_gid(struct work *w, uint32_t random)
{
        struct group gr;
        int err;
        const uint32_t g = random % (w->users / 10);
        return module.getgrgid(PEOPLE_GID + g, &gr, w->buffer, w->buffer_len, &err) == NSS_STATUS_SUCCESS &&
               gr.gr_mem[0];
}

static bool group_list(struct work *w, uint32_t random)
{
        char name[32];
        long start = 0;
        int err;
        people_user(name, random % w->users);
        return module.initgroups(name, 1, &start, &w->gids_len, &w->gids, -1, &err) == NSS_STATUS_SUCCESS &&
               start >= 1;
}

static bool key_only(struct work *w, uint32_t random)
{
        people_user(w->buffer, random % w->users);
        return true;
}

static const struct {
        const char *name;
        operation *ours, *least; /* least: NULL when the floor has no such question */
} rows[] = {
        {"name hit", name_hit, floor_name_hit}, {"name miss", name_miss, floor_name_miss},
        {"uid hit", uid_hit, floor_uid_hit},    {"uid miss", uid_miss, floor_uid_miss},
        {"group by name", group_name, NULL},    {"group by gid", group_gid, NULL},
        {"group list", group_list, NULL},       {"(making a name)", key_only, NULL},
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

/* -- measuring
 * ----------------------------------------------------------------------------------------------------- */
struct run {
        _Alignas(128) pthread_t thread; /* a line of its own, and the one that comes with it: what one thread
                                           counts is not in the way of what the other reads */
        pthread_barrier_t *barrier;
        operation *operation;
        uint32_t users;
        uint64_t seed, calls, wrong;
        double limit, cpu, wall;
};

static void *run(void *argument)
{
        struct run *r = argument;
        struct work w = {.users = r->users,
                         .buffer = malloc(1 << 20),
                         .buffer_len = 1 << 20,
                         .gids = malloc(64 * sizeof(gid_t)),
                         .gids_len = 64};
        if (!w.buffer || !w.gids)
                die("no memory");
        uint64_t x = r->seed, wrong = 0;
        for (unsigned i = 0; i < 2000; i++)
                wrong += !r->operation(&w, (uint32_t)(people_mix(x += 0x9e3779b97f4a7c15u) >> 8));
        pthread_barrier_wait(r->barrier);
        const double cpu = seconds(CLOCK_THREAD_CPUTIME_ID), begin = seconds(CLOCK_MONOTONIC);
        double now;
        do {
                for (unsigned i = 0; i < 1024; i++)
                        wrong += !r->operation(&w, (uint32_t)(people_mix(x += 0x9e3779b97f4a7c15u) >> 8));
                r->calls += 1024;
                now = seconds(CLOCK_MONOTONIC);
        } while (now - begin < r->limit);
        r->cpu = seconds(CLOCK_THREAD_CPUTIME_ID) - cpu;
        r->wall = now - begin;
        r->wrong = wrong;
        free(w.buffer);
        free(w.gids);
        return NULL;
}

/* CPU nanoseconds per call; *ret_rate: calls per second of all threads. */
static double measure(operation *o, uint32_t users, unsigned threads, double limit, double *ret_rate)
{
        static uint64_t seed = 1;
        struct run r[2];
        pthread_barrier_t barrier;
        double cpu = 0, rate = 0;
        uint64_t calls = 0;
        pthread_barrier_init(&barrier, NULL, threads);
        for (unsigned i = 0; i < threads; i++) {
                r[i] = (struct run){.barrier = &barrier,
                                    .operation = o,
                                    .users = users,
                                    .seed = people_mix(seed++),
                                    .limit = limit};
                if (pthread_create(&r[i].thread, NULL, run, &r[i]))
                        die("no thread");
        }
        for (unsigned i = 0; i < threads; i++) {
                pthread_join(r[i].thread, NULL);
                if (r[i].wrong)
                        die("a wrong answer");
                cpu += r[i].cpu;
                calls += r[i].calls;
                rate += (double)r[i].calls / r[i].wall;
        }
        pthread_barrier_destroy(&barrier);
        *ret_rate = rate;
        return cpu * 1e9 / (double)calls;
}

static int by_value(const void *a, const void *b)
{
        const double x = *(const double *)a, y = *(const double *)b;
        return (x > y) - (x < y);
}

static double median(double *v)
{
        qsort(v, ROUNDS, sizeof(*v), by_value);
        return v[ROUNDS / 2];
}

/* Rows for bench/table.py: "name hit" is the question lookup.name_hit. With a delta they have a name of their
 * own. */
static void say_row(const char *name, uint32_t users, double ours, double least_ns)
{
        char key[64], who[32];
        size_t n = (size_t)snprintf(key, sizeof(key), "lookup.%s", name);
        if (name[0] == '(')
                return;
        while (n--)
                key[n] = key[n] == ' ' ? '_' : key[n];
        const char *with = getenv("NSS_LABEL");
        snprintf(who, sizeof(who), "module%s%s", with ? ", " : "", with ? with : "");
        result_row(key, users, who, ours, "ns");
        snprintf(who, sizeof(who), "floor%s%s", with ? ", " : "", with ? with : "");
        if (least_ns > 0)
                result_row(key, users, who, least_ns, "ns");
}

/* What two threads do beside one: by the clock, and by the CPU time of a call, which another program on the
 * second processor spoils less. */
struct scale {
        double by_clock[ROUNDS], by_cpu[ROUNDS];
};

static double measure_scaled(operation *o, uint32_t users, double limit, struct scale *s, unsigned round)
{
        double one, two;
        const double cpu = measure(o, users, 1, limit, &one), cpu_of_two = measure(o, users, 2, limit, &two);
        s->by_clock[round] = two / one;
        s->by_cpu[round] = 2 * cpu / cpu_of_two;
        return cpu;
}

static void say_scale(const char *whose, const char *name, uint32_t users, struct scale *s)
{
        char who[48];
        snprintf(who, sizeof(who), "%s%s", whose, name);
        result_row("threads", users, who, median(s->by_clock), "x");
        result_row("threads.cpu", users, who, median(s->by_cpu), "x");
}

static int direct(const char *path, const char *folder, uint32_t users, double limit)
{
        setenv(SNAP_VARIABLE, folder, 1);
        module_open(path);
        floor_build(folder, users);
        printf("question\tusers\tmodule ns\tfloor ns\tratio\t2 threads: rate x; floor\n");
        for (size_t i = 0; i < ROWS; i++) {
                double ours[ROUNDS], least_ns[ROUNDS] = {0};
                struct scale scale, least_scale = {{0}, {0}};
                for (unsigned r = 0; r < ROUNDS; r++) { /* side by side, so that both see the same machine */
                        if (rows[i].least)
                                least_ns[r] = measure_scaled(rows[i].least, users, limit, &least_scale, r);
                        ours[r] = measure_scaled(rows[i].ours, users, limit, &scale, r);
                }
                const double a = median(ours), b = median(least_ns);
                printf("%s\t%u\t%.1f\t", rows[i].name, users, a);
                if (rows[i].least)
                        printf("%.1f\t%.2f\t%.2f\t%.2f\n", b, a / b, median(scale.by_clock),
                               median(least_scale.by_clock));
                else
                        printf("-\t-\t%.2f\n", median(scale.by_clock));
                fflush(stdout);
                say_row(rows[i].name, users, a, b);
                if (rows[i].least && !getenv("NSS_LABEL")) {
                        say_scale("", rows[i].name, users, &scale);
                        say_scale("floor: ", rows[i].name, users, &least_scale);
                }
        }
        return 0;
}

/* Is a group list as cheap among many groups as among few? */
static int groups(const char *path, const char *folder, uint32_t count, double limit)
{
        enum { USERS = 10000, FEW = USERS / 10 };
        double ns[ROUNDS], unused;
        publish(folder, USERS, count);
        setenv(SNAP_VARIABLE, folder, 1);
        module_open(path);
        for (unsigned round = 0; round < ROUNDS; round++)
                ns[round] = measure(group_list, USERS, 1, limit, &unused);
        result("groups.flat", USERS, count > FEW ? "among many" : "among few", median(ns), "ns");
        return 0;
}

/* -- through the C library
 * ----------------------------------------------------------------------------------------- */
static int libc(uint32_t users, uint64_t calls)
{
        char name[32], buffer[4096];
        struct passwd pw, *found;
        uint64_t x = 7;
        const double cpu = seconds(CLOCK_THREAD_CPUTIME_ID), begin = seconds(CLOCK_MONOTONIC);
        for (uint64_t n = 0; n < calls; n++) {
                const uint32_t i = (uint32_t)(people_mix(x += 0x9e3779b97f4a7c15u) >> 8) % users;
                people_user(name, i);
                if (getpwnam_r(name, &pw, buffer, sizeof(buffer), &found) || !found ||
                    pw.pw_uid != PEOPLE_UID + i)
                        die("a wrong answer from the C library");
        }
        printf("libc getpwnam_r\t%u\t%.1f ns CPU\t%.1f ns\n", users,
               (seconds(CLOCK_THREAD_CPUTIME_ID) - cpu) * 1e9 / (double)calls,
               (seconds(CLOCK_MONOTONIC) - begin) * 1e9 / (double)calls);
        return 0;
}

/* A mark that strace shows and that does nothing. */
static void mark(void)
{
        if (write(-1, "", 0) >= 0)
                die("descriptor -1 can be written");
}

static int first(const char *path, const char *name)
{
        char buffer[4096];
        struct passwd pw;
        int err = 0;
        module_open(path);
        mark();
        const double begin = seconds(CLOCK_MONOTONIC);
        const enum nss_status status = module.getpwnam(name, &pw, buffer, sizeof(buffer), &err);
        const double end = seconds(CLOCK_MONOTONIC);
        mark();
        if (status != NSS_STATUS_SUCCESS)
                die("the first lookup found nothing");
        printf("%.1f\n", (end - begin) * 1e6);
        return 0;
}

/* A group of 10,000 members: what the module writes into the caller's buffer, and how long it takes. */
static int wide(const char *path, const char *folder)
{
        enum { MEMBERS = 10000, ROOM = 1 << 20 };
        static char text[MEMBERS][32], buffer[ROOM];
        static struct bytes members[MEMBERS];
        const struct bytes name = BYTES_LIT("everybody");
        struct snap_publication p = {.folder = folder, .shadow_group = (gid_t)-1};
        struct snap_report r;
        struct group gr;
        size_t least_bytes = sizeof("everybody") + sizeof("*") + sizeof(char *);
        int err;
        for (uint32_t i = 0; i < MEMBERS; i++) {
                members[i] = bytes_of(text[i], people_user(text[i], i));
                least_bytes += members[i].len + 1 + sizeof(char *);
        }
        if (snap_builder_new(SNAP_GROUP, &p.map[SNAP_GROUP]) ||
            snap_add_group(p.map[SNAP_GROUP], &(struct snap_group){.names = &name,
                                                                   .name_count = 1,
                                                                   .gid = 7,
                                                                   .enumerate = true,
                                                                   .members = members,
                                                                   .member_count = MEMBERS}) ||
            snap_publish(&p, &r))
                die("cannot publish the wide group");
        snap_builder_free(p.map[SNAP_GROUP]);
        setenv(SNAP_VARIABLE, folder, 1);
        module_open(path);
        memset(buffer, '#', sizeof(buffer));
        if (module.getgrgid(7, &gr, buffer, sizeof(buffer), &err) != NSS_STATUS_SUCCESS ||
            strcmp(gr.gr_mem[MEMBERS - 1], text[MEMBERS - 1]) != 0)
                die("a wrong answer");
        size_t written = sizeof(buffer);
        while (written && buffer[written - 1] == '#')
                written--;
        const double begin = seconds(CLOCK_THREAD_CPUTIME_ID);
        for (unsigned i = 0; i < 1000; i++)
                if (module.getgrgid(7, &gr, buffer, sizeof(buffer), &err) != NSS_STATUS_SUCCESS)
                        die("a wrong answer");
        printf("%zu bytes written, %zu needed\t%.1f us CPU\n", written, least_bytes,
               (seconds(CLOCK_THREAD_CPUTIME_ID) - begin) * 1e3);
        result_row("group.bytes", MEMBERS, "module", (double)written, "bytes");
        result_row("group.bytes", MEMBERS, "floor: its text and pointers", (double)least_bytes, "bytes");
        return 0;
}

static uint32_t number(const char *s)
{
        return (uint32_t)strtoul(s, NULL, 10);
}

int main(int argc, char **argv)
{
        if (argc == 4 && !strcmp(argv[1], "publish"))
                return publish(argv[2], number(argv[3]), 0);
        if (argc == 3 && !strcmp(argv[1], "delta"))
                return publish_delta(argv[2]);
        if (argc == 6 && !strcmp(argv[1], "direct"))
                return direct(argv[2], argv[3], number(argv[4]), strtod(argv[5], NULL));
        if (argc == 6 && !strcmp(argv[1], "groups"))
                return groups(argv[2], argv[3], number(argv[4]), strtod(argv[5], NULL));
        if (argc == 4 && !strcmp(argv[1], "libc"))
                return libc(number(argv[2]), number(argv[3]));
        if (argc == 4 && !strcmp(argv[1], "wide"))
                return wide(argv[2], argv[3]);
        if (argc == 3 && !strcmp(argv[1], "name")) {
                char name[32];
                people_user(name, number(argv[2]));
                puts(name);
                return 0;
        }
        if (argc == 4 && !strcmp(argv[1], "first"))
                return first(argv[2], argv[3]);
        fprintf(stderr, "usage: bench-nss publish FOLDER USERS | delta FOLDER | direct MODULE FOLDER USERS "
                        "SECONDS | groups MODULE FOLDER GROUPS SECONDS | libc USERS CALLS | first MODULE "
                        "NAME | wide MODULE FOLDER | name I\n");
        return 2;
}
