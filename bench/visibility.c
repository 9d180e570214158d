/* How long from a change of a user to the moment another process sees it through the NSS module? A busy
 * reader asks the module again and again; the writer is this process, so both ends are on one clock.
 *
 *      bench-visibility SOCKET SNAPSHOTS MODULE CHANGES [USERS]
 *
 * Two times for each change: from the call's begin (durable commit included), and from its answer. Prints
 * least, p50, p99 and most of both in microseconds, and beside them the floor: the commit alone. */
#include "result.h"

#include "client/client.h"
#include "sys/clock.h"

#include <dlfcn.h>
#include <errno.h>
#include <nss.h>
#include <pwd.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NAME       "visibility-probe"
#define PATIENCE_S 30u /* a change that is not seen by then never will be */

typedef enum nss_status getpwnam_fn(const char *, struct passwd *, char *, size_t, int *);

/* Shared with the reader: the number it saw last in the shell, and when. */
struct shared {
        _Atomic unsigned seen;
        _Atomic uint64_t when_us;
};

static void die(const char *what, const char *why)
{
        fprintf(stderr, "bench-visibility: %s: %s\n", what, why);
        exit(1);
}

/* The other process: nothing but lookups. */
static void read_for_ever(const char *module, struct shared *s)
{
        void *handle = dlopen(module, RTLD_NOW);
        if (!handle)
                die(module, dlerror());
        getpwnam_fn *getpwnam_of;
        *(void **)&getpwnam_of = dlsym(handle, "_nss_netinfo_getpwnam_r");
        if (!getpwnam_of)
                die(module, "no _nss_netinfo_getpwnam_r");
        for (unsigned last = 0;;) {
                struct passwd pw;
                char text[1024];
                int err;
                unsigned n;
                if (getpwnam_of(NAME, &pw, text, sizeof(text), &err) != NSS_STATUS_SUCCESS ||
                    sscanf(pw.pw_shell, "/%u", &n) != 1 || n == last)
                        continue;
                atomic_store(&s->when_us, clock_mono_us());
                atomic_store(&s->seen, n);
                last = n;
        }
}

static uint32_t find_or_make(struct client *c)
{
        struct client_why why;
        struct ni_id id;
        struct arena a;
        struct ext_edit_result r;
        struct proplist props = {NULL, 0};
        if (client_path(c, "/users/" NAME, &id, NULL, &why) == NI_OK)
                return id.object;
        if (client_path(c, "/users", &id, NULL, &why) != NI_OK)
                die("/users", "is not there: add a user first");
        arena_init(&a, 0);
        if (!proplist_add_str(&props, &a, "name", NAME) || !proplist_add_str(&props, &a, "uid", "4000000") ||
            !proplist_add_str(&props, &a, "gid", "100") || !proplist_add_str(&props, &a, "shell", "/0"))
                die(NAME, "out of memory");
        struct ext_op op = {
                .kind = EXT_OP_CREATE, .ref = {.value = id.object}, .where = NI_INDEX_NULL, .props = props};
        const struct ext_edit_args args = {.ops = &op, .op_count = 1};
        if (client_edit(c, &args, &r) != NI_OK || r.status != NI_OK || r.id_count != 1)
                die(NAME, "cannot be made");
        const uint32_t object = r.ids[0].object;
        arena_done(&a);
        return object;
}

static void change(struct client *c, uint32_t object, unsigned n)
{
        char shell[16];
        struct ext_edit_result r;
        snprintf(shell, sizeof(shell), "/%u", n);
        struct bytes value = bytes_str(shell);
        struct ext_op op = {.kind = EXT_OP_SET,
                            .ref = {.value = object},
                            .name = BYTES_LIT("shell"),
                            .values = {&value, 1}};
        const struct ext_edit_args args = {.ops = &op, .op_count = 1};
        if (client_edit(c, &args, &r) != NI_OK || r.status != NI_OK)
                die("edit", client_reason(c));
}

static int by_size(const void *x, const void *y)
{
        const uint64_t a = *(const uint64_t *)x, b = *(const uint64_t *)y;
        return a < b ? -1 : a > b;
}

static void print(const char *what, uint64_t *v, unsigned n)
{
        qsort(v, n, sizeof(*v), by_size);
        printf("%s\tleast %llu\tp50 %llu\tp99 %llu\tmost %llu us\n", what, (unsigned long long)v[0],
               (unsigned long long)v[n / 2], (unsigned long long)v[n * 99 / 100],
               (unsigned long long)v[n - 1]);
}

static void wait_for(const struct shared *s, unsigned n, pid_t reader)
{
        const uint64_t until = clock_mono_us() + PATIENCE_S * 1000000u;
        const struct timespec pause = {0, 20000}; /* the processor is the reader's and the agent's */
        while (atomic_load(&s->seen) != n) {
                if (clock_mono_us() > until || waitpid(reader, NULL, WNOHANG) != 0)
                        die("the change", "was not seen: is the agent running, and is the folder its own?");
                nanosleep(&pause, NULL);
        }
}

int main(int argc, char **argv)
{
        struct client_options o;
        struct client_why why;
        struct client *c;
        char *end = NULL;
        const unsigned long changes = argc >= 5 ? strtoul(argv[4], &end, 10) : 0;
        if (argc < 5 || argc > 6 || *end || changes < 1 || changes > 100000) {
                fputs("usage: bench-visibility SOCKET SNAPSHOTS MODULE CHANGES [USERS]\n", stderr);
                return 2;
        }
        struct shared *s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        uint64_t *all = calloc(changes, sizeof(*all)), *after = calloc(changes, sizeof(*after)),
                 *commit = calloc(changes, sizeof(*commit));
        if (s == MAP_FAILED || !all || !after || !commit)
                die("memory", strerror(errno));
        client_options_init(&o);
        o.server = argv[1];
        if (client_open(&o, &c, &why) != NI_OK)
                die("netinfod", why.text);
        const uint32_t object = find_or_make(c);
        setenv("NETINFO_SNAPSHOTS", argv[2], 1);
        const pid_t reader = fork();
        if (reader == 0)
                read_for_ever(argv[3], s);
        for (unsigned i = 0; i < changes; i++) {
                const unsigned n = 1 + i % 2000000;
                const uint64_t begin = clock_mono_us();
                change(c, object, n);
                const uint64_t answered = clock_mono_us();
                wait_for(s, n, reader);
                const uint64_t seen = atomic_load(&s->when_us);
                all[i] = seen - begin;
                after[i] = seen > answered ? seen - answered : 0;
                commit[i] = answered - begin;
                /* Single changes, not a burst: an agent rests after a publication as long as that took it. */
                const uint64_t rest_us = 10000 + 2 * all[i];
                const struct timespec rest = {(time_t)(rest_us / 1000000), (long)(rest_us % 1000000) * 1000};
                nanosleep(&rest, NULL);
        }
        kill(reader, SIGKILL);
        waitpid(reader, NULL, 0);
        print("floor: the durable commit alone", commit, (unsigned)changes);
        print("change sent to change seen", all, (unsigned)changes);
        print("change acknowledged to change seen", after, (unsigned)changes);
        if (argc == 6) { /* print has sorted them */
                const uint32_t users = (uint32_t)strtoul(argv[5], NULL, 10);
                result_row("visible.p50", users, "netinfo", (double)all[changes / 2] / 1e3, "ms");
                result_row("visible.p99", users, "netinfo", (double)all[changes * 99 / 100] / 1e3, "ms");
                result_row("visible.p50", users, "floor: the commit", (double)commit[changes / 2] / 1e3,
                           "ms");
        }
        client_close(c);
        return 0;
}
