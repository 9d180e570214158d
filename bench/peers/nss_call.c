/* What does a lookup cost with this NSS service? The same questions for every service, ours among them.
 *
 *      bench-nss-call SERVICE LABEL USERS SECONDS QUESTIONS [HOT [PIDS]]
 *
 * SERVICE: libnss_SERVICE.so.2 is called directly; `libc`: getpwnam_r and its like, as /etc/nsswitch.conf and
 * nscd will have it; `libc-empty`: so, too, but what is found is not looked at (nss_empty.c finds nothing
 * worth looking at). QUESTIONS: name_hit,name_miss,uid_hit,group_name,group_list; `warm`: every user by name,
 * and then some by uid, which nscd has learnt by then (and their group lists, when only some are hot);
 * `stat`: the question that the C library asks the kernel before each lookup since 2.33, has nsswitch.conf
 * changed, and nothing else. HOT: only the first so many users are asked for (0: all). PIDS: daemons whose
 * CPU counts. The figure is CPU per call of the caller and of those daemons together; the median of three
 * runs. Every answer is checked. */
#include "../people.h"
#include "../result.h"

#include <dlfcn.h>
#include <grp.h>
#include <nss.h>
#include <pwd.h>
#include <stdbool.h>
#include <sys/stat.h>

#define RUNS 3u

static struct {
        enum nss_status (*getpwnam)(const char *, struct passwd *, char *, size_t, int *);
        enum nss_status (*getpwuid)(uid_t, struct passwd *, char *, size_t, int *);
        enum nss_status (*getgrnam)(const char *, struct group *, char *, size_t, int *);
        enum nss_status (*initgroups)(const char *, gid_t, long *, long *, gid_t **, long, int *);
} service; /* all NULL: the C library */

static uint32_t users, hot;
static bool is_libc, is_empty;
static char buffer[2u << 20]; /* libnss-cache answers ERANGE for groups below 1 MiB */

static _Noreturn void die(const char *what)
{
        fprintf(stderr, "bench-nss-call: %s\n", what);
        exit(1);
}

static void open_service(const char *name)
{
        char text[128];
        snprintf(text, sizeof(text), "libnss_%s.so.2", name);
        void *library = dlopen(text, RTLD_NOW);
        if (!library)
                die(dlerror());
#define DOOR(to, what)                                       \
        snprintf(text, sizeof(text), "_nss_%s_" what, name); \
        *(void **)&service.to = dlsym(library, text)
        DOOR(getpwnam, "getpwnam_r");
        DOOR(getpwuid, "getpwuid_r");
        DOOR(getgrnam, "getgrnam_r");
        DOOR(initgroups, "initgroups_dyn");
#undef DOOR
}

/* True when what was asked is as people.h says; absent: it must not be there. */
static bool by_name(uint32_t i, bool absent)
{
        char name[32];
        struct passwd pw, *found = NULL;
        int err;
        people_user(name, i);
        if (is_libc)
                getpwnam_r(name, &pw, buffer, sizeof(buffer), &found);
        else if (service.getpwnam(name, &pw, buffer, sizeof(buffer), &err) == NSS_STATUS_SUCCESS)
                found = &pw;
        if (is_empty)
                return found != NULL;
        return absent ? !found : found && pw.pw_uid == PEOPLE_UID + i;
}

static bool by_uid(uint32_t i)
{
        struct passwd pw, *found = NULL;
        int err;
        if (is_libc)
                getpwuid_r(PEOPLE_UID + i, &pw, buffer, sizeof(buffer), &found);
        else if (service.getpwuid(PEOPLE_UID + i, &pw, buffer, sizeof(buffer), &err) == NSS_STATUS_SUCCESS)
                found = &pw;
        return found && (is_empty || pw.pw_gid == PEOPLE_GID + i / 10);
}

static bool by_group(uint32_t g)
{
        char name[32];
        struct group gr, *found = NULL;
        int err;
        people_group(name, g);
        if (is_libc)
                getgrnam_r(name, &gr, buffer, sizeof(buffer), &found);
        else if (service.getgrnam(name, &gr, buffer, sizeof(buffer), &err) == NSS_STATUS_SUCCESS)
                found = &gr;
        return found && gr.gr_gid == PEOPLE_GID + g && gr.gr_mem[0];
}

static bool groups_of(uint32_t i)
{
        static gid_t *gids;
        static long room = 64;
        char name[32];
        long start = 0;
        int err, n = (int)room;
        if (!gids && !(gids = calloc((size_t)room, sizeof(*gids))))
                die("no memory");
        people_user(name, i);
        if (is_libc)
                return getgrouplist(name, PEOPLE_GID + i / 10, gids, &n) >= 1;
        return service.initgroups(name, 1, &start, &room, &gids, -1, &err) == NSS_STATUS_SUCCESS &&
               start >= 1;
}

static bool ask(const char *question, uint32_t random)
{
        if (strcmp(question, "name_hit") == 0)
                return by_name(random % hot, false);
        if (strcmp(question, "name_miss") == 0)
                return by_name(users + random % users, true);
        if (strcmp(question, "uid_hit") == 0)
                return by_uid(random % hot);
        if (strcmp(question, "group_name") == 0)
                return by_group(random % (hot / 10));
        if (strcmp(question, "group_list") == 0)
                return groups_of(random % hot);
        if (strcmp(question, "stat") == 0) {
                struct stat st;
                return stat("/etc/nsswitch.conf", &st) == 0;
        }
        die("no such question");
}

static bool is_offered(const char *question)
{
        return is_libc || (strcmp(question, "group_list") == 0 ? service.initgroups != NULL
                                                               : service.getpwnam && service.getpwuid);
}

static void measure(const char *question, const char *label, double limit, const char *pids)
{
        static uint64_t x = 7;
        char key[64];
        double ns[RUNS];
        for (unsigned r = 0; r < RUNS; r++) {
                uint64_t calls = 0;
                unsigned batch = 1; /* the clock is not asked more often than it must be */
                for (unsigned i = 0; i < 3; i++)
                        ask(question, (uint32_t)(people_mix(x += 0x9e3779b97f4a7c15u) >> 8));
                const double daemons = result_cpu_of(pids), cpu = result_clock(CLOCK_THREAD_CPUTIME_ID),
                             begin = result_clock(CLOCK_MONOTONIC);
                do {
                        for (unsigned i = 0; i < batch; i++, calls++)
                                if (!ask(question, (uint32_t)(people_mix(x += 0x9e3779b97f4a7c15u) >> 8)))
                                        die("a wrong answer");
                        if (batch < 4096 && result_clock(CLOCK_MONOTONIC) - begin < limit / 20)
                                batch *= 2;
                } while (result_clock(CLOCK_MONOTONIC) - begin < limit);
                ns[r] = (result_clock(CLOCK_THREAD_CPUTIME_ID) - cpu + result_cpu_of(pids) - daemons) * 1e9 /
                        (double)calls;
        }
        snprintf(key, sizeof(key), "lookup.%s", question);
        result(key, users, label, result_quantile(ns, RUNS, 0.5), "ns");
}

static void warm(const char *label)
{
        const double begin = result_clock(CLOCK_MONOTONIC);
        for (uint32_t i = 0; i < hot; i++)
                if (!by_name(i, false) || (i % 64 == 0 && !by_uid(i)))
                        die("a user is missing");
        for (uint32_t i = 0; hot < users && service.initgroups && i < hot; i++)
                groups_of(i);
        result("lookup.warming", users, label, result_clock(CLOCK_MONOTONIC) - begin, "s");
}

int main(int argc, char **argv)
{
        if (argc < 6 || argc > 8) {
                fprintf(stderr, "usage: bench-nss-call SERVICE LABEL USERS SECONDS QUESTIONS [HOT [PIDS]]\n");
                return 2;
        }
        users = (uint32_t)strtoul(argv[3], NULL, 10);
        hot = argc > 6 ? (uint32_t)strtoul(argv[6], NULL, 10) : 0;
        hot = hot ? hot : users;
        if (users < 10 || hot < 10 || hot > users)
                die("at least 10 users");
        is_empty = strcmp(argv[1], "libc-empty") == 0;
        is_libc = is_empty || strcmp(argv[1], "libc") == 0;
        if (!is_libc)
                open_service(argv[1]);
        for (char *save, *q = strtok_r(argv[5], ",", &save); q; q = strtok_r(NULL, ",", &save)) {
                if (strcmp(q, "warm") == 0)
                        warm(argv[2]);
                else if (is_offered(q))
                        measure(q, argv[2], strtod(argv[4], NULL), argc > 7 ? argv[7] : NULL);
                else
                        printf("%-24s%9u  %-22sis not offered by this service\n", q, users, argv[2]);
        }
        return 0;
}
