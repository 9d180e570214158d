/* Clients that mean harm, and an honest one that must not notice.
 *
 *     attack TCP-PORT UDP-PORT PID USERS [MILLISECONDS [ROUNDS [ATTACK]]]
 *
 * The server at 127.0.0.1 with that PID serves, as what version 2 means on its main port, a domain with USERS
 * users u0, u1, ... below /users, whose `uid` is 10000 and up. The honest client looks a random one up
 * (LOOKUPREAD) every millisecond on one connection, whether or not the last answer has come, and compares
 * what it gets. It does so alone, then beside each attack, in turns, ROUNDS times for MILLISECONDS each. A
 * line an attack:
 *
 *     NAME alone_p50_us alone_p99_us p50_us p99_us ratio_of_p99 memory_before_kib memory_most_kib
 * memory_after_kib
 *
 * Exit status 1 when an honest answer was wrong or did not come within a minute, or the server died.
 * Attackers are another user when we are root, and nice: what they cost on their own machines is not the
 * server's matter. */
#include "sys/clock.h"
#include "sys/fs.h"
#include "wire/call.h"
#include "wire/ext_search.h"
#include "wire/ni.h"
#include "wire/record.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define EVERY_MS    4u /* between honest calls: far below what the server can do */
#define FIRST_UID   10000u
#define SAMPLES     (1u << 20)
#define ROUNDS_MOST 100u
#define ANSWER_MS   60000 /* an honest answer comes by then, on the busiest machine and with sanitizers */
#define ATTACKERS   4u    /* processes of one attack */
#define STRANGER    64001u
#define IDLE_COUNT  5000u

struct target {
        uint16_t tcp, udp;
        pid_t pid;
        uint32_t users, folder; /* object of /users */
};

static struct target target;
static pid_t attackers[ATTACKERS];

static _Noreturn void die(const char *what)
{
        fprintf(stderr, "attack: %s: %s\n", what, strerror(errno));
        for (unsigned i = 0; i < ATTACKERS; i++)
                if (attackers[i] > 0)
                        kill(attackers[i], SIGKILL);
        exit(1);
}

static uint32_t rnd(uint32_t below)
{
        static uint64_t state;
        if (!state)
                state = (uint64_t)getpid() * 0x9e3779b97f4a7c15u + 1;
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        return (uint32_t)((state >> 32) * below >> 32);
}

static void pause_ms(unsigned ms)
{
        const struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
        nanosleep(&t, NULL);
}

/* -- calls -- */

/* From 127.0.0.1, or, from != 0, another loopback address; -1 when the server does not take it. */
static int try_connect(unsigned from)
{
        const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
        struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK + from)};
        if (fd < 0)
                return -1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
        if (from && bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0)
                die("bind");
        at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        at.sin_port = htons(target.tcp);
        if (connect(fd, (struct sockaddr *)&at, sizeof(at)) == 0)
                return fd;
        close(fd);
        return -1;
}

static void put_call(struct buf *b, uint32_t xid, enum ni_proc proc, const struct ni_args *args,
                     const struct auth_sys *sys)
{
        const struct rpc_call call = {
                .xid = xid, .program = NI_PROGRAM, .version = NI_VERSION, .procedure = proc};
        const size_t mark = record_open(b);
        call_encode(b, &call, sys);
        ni_args_encode(proc, args, b);
        record_close(b, mark);
}

static void put_lookup(struct buf *b, uint32_t xid, uint32_t user)
{
        char name[16];
        snprintf(name, sizeof(name), "u%u", user);
        const struct ni_args args = {
                .id = {.object = target.folder}, .key = BYTES_LIT("name"), .value = bytes_str(name)};
        put_call(b, xid, NI_PROC_lookupread, &args, NULL);
}

static void need_bytes(int fd, void *to, size_t n)
{
        for (size_t got = 0; got < n;) {
                struct pollfd p = {.fd = fd, .events = POLLIN};
                errno = ETIMEDOUT;
                if (poll(&p, 1, ANSWER_MS) <= 0)
                        die("no answer");
                const ssize_t k = recv(fd, (uint8_t *)to + got, n - got, MSG_DONTWAIT);
                if (k == 0 || (k < 0 && errno != EAGAIN && errno != EINTR))
                        die("the honest connection was closed");
                got += k > 0 ? (size_t)k : 0;
        }
}

/* One whole reply in b; `in` at its result. */
static struct xdr_in read_reply(int fd, struct buf *b, uint32_t xid)
{
        uint8_t mark[4];
        struct rpc_reply r;
        need_bytes(fd, mark, sizeof(mark));
        const size_t n = xdr_load(mark) & 0x7fffffffu;
        buf_clear(b);
        uint8_t *p = buf_add(b, n);
        if (!p)
                die("memory");
        need_bytes(fd, p, n);
        struct xdr_in in = xdr_in(buf_bytes(b));
        errno = EBADMSG;
        if (!reply_decode(&in, &r) || r.denied || r.stat != ACCEPT_SUCCESS || r.xid != xid)
                die("an honest call was refused");
        return in;
}

static void find_folder(void)
{
        const struct ni_args args = {.key = BYTES_LIT("name"), .value = BYTES_LIT("users")};
        const int fd = try_connect(0);
        struct ni_result result = {0};
        struct arena a;
        struct buf b;
        arena_init(&a, 0);
        buf_init(&b, 0);
        if (fd < 0)
                die("connect");
        put_call(&b, 1, NI_PROC_lookup, &args, NULL);
        if (fs_write_all(fd, b.data, b.len) != 0)
                die("send");
        struct xdr_in in = read_reply(fd, &b, 1);
        if (!ni_result_decode(NI_PROC_lookup, &in, &a, &result) || result.status != NI_OK ||
            result.object_count == 0)
                die("there is no /users");
        target.folder = result.objects[0];
        arena_done(&a);
        buf_done(&b);
        close(fd);
}

/* -- the honest client -- */

static uint32_t samples[SAMPLES];

static void check_user(struct xdr_in *in, uint32_t user, struct arena *a)
{
        struct ni_result result = {0};
        struct bytes uid;
        uint64_t number;
        errno = EBADMSG;
        if (!ni_result_decode(NI_PROC_lookupread, in, a, &result) || result.status != NI_OK)
                die("an honest call failed");
        for (uint32_t i = 0; i < result.props.n; i++)
                if (bytes_eq_str(result.props.v[i].name, "uid") && result.props.v[i].values.n == 1) {
                        uid = result.props.v[i].values.v[0];
                        number = 0;
                        for (size_t k = 0; k < uid.len; k++)
                                number = number * 10 + (uint64_t)(uid.data[k] - '0');
                        if (number == FIRST_UID + user)
                                return;
                }
        die("an honest answer is wrong");
}

/* Latencies from the time at which the call was due. */
static unsigned measure(unsigned ms, uint32_t *to)
{
        const int fd = try_connect(0);
        unsigned n = 0;
        struct arena a;
        struct buf b;
        arena_init(&a, 0);
        buf_init(&b, 0);
        if (fd < 0)
                die("an honest client was not let in");
        const uint64_t begin = clock_mono_us();
        for (uint64_t at = 0; at < ms / EVERY_MS && n < SAMPLES; at++) {
                const uint64_t due = begin + at * EVERY_MS * 1000u;
                const uint32_t user = rnd(target.users);
                const uint64_t now = clock_mono_us();
                if (now < due) {
                        const struct timespec t = {.tv_nsec = (long)(due - now) * 1000};
                        nanosleep(&t, NULL);
                }
                buf_clear(&b);
                put_lookup(&b, (uint32_t)at, user);
                if (fs_write_all(fd, b.data, b.len) != 0)
                        die("an honest call could not be sent");
                struct xdr_in in = read_reply(fd, &b, (uint32_t)at);
                to[n++] = (uint32_t)(clock_mono_us() - due);
                check_user(&in, user, &a);
                arena_reset(&a);
        }
        arena_done(&a);
        buf_done(&b);
        close(fd);
        return n;
}

static int by_number(const void *a, const void *b)
{
        const uint32_t *x = a, *y = b;
        return *x < *y ? -1 : *x > *y;
}

static uint32_t percentile(uint32_t *v, unsigned n, unsigned percent)
{
        qsort(v, n, sizeof(*v), by_number);
        return n ? v[(uint64_t)(n - 1) * percent / 100] : 0;
}

/* -- the attacks: each runs in processes of its own until it is killed -- */

static struct buf bytes_to_send;

static void send_all(int fd, const void *data, size_t n)
{
        const uint8_t *p = data;
        for (ssize_t k; n && (k = send(fd, p, n, MSG_NOSIGNAL)) > 0; n -= (size_t)k)
                p += k;
}

static void drain(int fd)
{
        static uint8_t room[65536];
        while (recv(fd, room, sizeof(room), MSG_DONTWAIT) > 0)
                ;
}

/* Calls cut into records of many fragments with one byte each. */
static void fragments(unsigned which)
{
        (void)which;
        struct buf call;
        buf_init(&call, 0);
        put_lookup(&call, 1, rnd(target.users));
        for (size_t i = 4; i < call.len; i++) {
                uint8_t *p = buf_add(&bytes_to_send, 5);
                xdr_store(p, 1u | (i + 1 == call.len ? 0x80000000u : 0));
                p[4] = call.data[i];
        }
        for (int fd = -1;; drain(fd)) {
                if (fd < 0 && (fd = try_connect(0)) < 0)
                        continue;
                for (unsigned i = 0; i < bytes_to_send.len; i += 5)
                        send_all(fd, bytes_to_send.data + i, 5);
        }
}

/* Records that claim to be 2^31-1 bytes long, and some that claim the most that is taken and never end. */
static void long_marks(unsigned which)
{
        static const uint32_t marks[] = {0x7fffffff, 0xffffffff, 0x80400001, 0x80400000};
        static uint8_t some[65536];
        for (unsigned n = which;; n++) {
                const int fd = try_connect(0);
                if (fd < 0)
                        continue;
                xdr_store(some, marks[n % 4]);
                send_all(fd, some, sizeof(some));
                if (n % 4 != 3)
                        recv(fd, some + 4, 1, 0); /* it closes */
                close(fd);
        }
}

static void garbage(unsigned which)
{
        uint8_t some[2048];
        (void)which;
        for (;;) {
                const int fd = try_connect(0);
                for (unsigned n = 0; fd >= 0 && n < 20; n++) {
                        const uint32_t size = 40 + rnd(1000);
                        for (uint32_t i = 0; i < size; i++)
                                some[4 + i] = (uint8_t)rnd(256);
                        xdr_store(some, size | 0x80000000u);
                        if (n % 2) { /* a proper header before it */
                                xdr_store(some + 8, 0);
                                xdr_store(some + 12, 2);
                                xdr_store(some + 16, NI_PROGRAM + rnd(2));
                                xdr_store(some + 20, 2);
                                xdr_store(some + 24, rnd(30));
                                memset(some + 28, 0, 16);
                        }
                        send_all(fd, some, 4 + size);
                        drain(fd);
                }
                if (fd >= 0)
                        close(fd);
        }
}

/* Asks for the longest lists and takes nothing. */
static void never_reads(unsigned which)
{
        int fd[20];
        const struct ni_args args = {.id = {.object = target.folder}};
        (void)which;
        put_call(&bytes_to_send, 1, NI_PROC_listall, &args, NULL);
        for (unsigned i = 0; i < 20; i++)
                fd[i] = try_connect(0);
        for (;; pause_ms(1))
                for (unsigned i = 0; i < 20; i++) {
                        const ssize_t k = send(fd[i], bytes_to_send.data, bytes_to_send.len,
                                               MSG_NOSIGNAL | MSG_DONTWAIT);
                        if (k >= 0 || errno == EAGAIN)
                                continue;
                        close(fd[i]);
                        fd[i] = try_connect(0);
                }
}

static void idle(unsigned which)
{
        for (unsigned i = 0; i < IDLE_COUNT / ATTACKERS; i++) {
                const int fd = try_connect(1 + which + i % 2 * ATTACKERS); /* eight addresses */
                if (fd >= 0 && i % 2) {
                        buf_clear(&bytes_to_send);
                        put_lookup(&bytes_to_send, i, rnd(target.users));
                        send_all(fd, bytes_to_send.data, bytes_to_send.len);
                }
        }
        for (;;)
                pause();
}

/* One call a thousand times over. */
static void replay(unsigned which)
{
        static uint8_t room[1 << 18];
        (void)which;
        for (unsigned i = 0; i < 1000; i++)
                put_lookup(&bytes_to_send, 7, 0);
        for (int fd = try_connect(0);;) {
                send_all(fd, bytes_to_send.data, bytes_to_send.len);
                if (recv(fd, room, sizeof(room), 0) > 0) {
                        drain(fd);
                        continue;
                }
                close(fd);
                fd = try_connect(0);
        }
}

static void datagrams(unsigned which)
{
        uint8_t some[1024];
        const int fd = socket(AF_INET, SOCK_DGRAM, 0);
        struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(target.udp)};
        at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        put_call(&bytes_to_send, 1, NI_PROC_ping, &(struct ni_args){.number = 0}, NULL);
        (void)which;
        if (connect(fd, (struct sockaddr *)&at, sizeof(at)) < 0)
                die("datagrams");
        for (unsigned n = 0;; n++) {
                const uint32_t size = rnd(sizeof(some));
                if (n % 2)
                        send(fd, bytes_to_send.data + 4, bytes_to_send.len - 4, MSG_DONTWAIT);
                else
                        send(fd, some, size, MSG_DONTWAIT);
                if (n % 64 == 0)
                        drain(fd);
        }
}

/* A record that comes a byte at a time and never ends, on many connections. */
static void drip(unsigned which)
{
        int fd[200];
        (void)which;
        for (unsigned i = 0; i < 200; i++)
                fd[i] = try_connect(1 + which);
        for (unsigned n = 0;; n++, pause_ms(20))
                for (unsigned i = 0; i < 200; i++)
                        send(fd[i], n < 4 ? &"\x80\x10\0\0"[n] : "x", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* Full transfers, many of them, taken drop by drop. */
static void transfers(unsigned which)
{
        uint8_t room[1024];
        int fd[8];
        const struct ni_args args = {.number = 0};
        (void)which;
        put_call(&bytes_to_send, 1, NI_PROC_readall, &args, NULL);
        for (unsigned i = 0; i < 8; i++)
                fd[i] = -1;
        for (;; pause_ms(10))
                for (unsigned i = 0; i < 8; i++) {
                        const ssize_t k = fd[i] < 0 ? 0 : recv(fd[i], room, sizeof(room), MSG_DONTWAIT);
                        if (k < 0 && errno == EAGAIN)
                                continue;
                        if (k > 100) /* a transfer; else a refusal: again */
                                continue;
                        if (fd[i] >= 0)
                                close(fd[i]);
                        fd[i] = try_connect(0);
                        send_all(fd[i], bytes_to_send.data, bytes_to_send.len);
                }
}

/* Searches through everything that find nothing, as many as are taken. */
static void searches(unsigned which)
{
        const struct rpc_call call = {
                .xid = 1, .program = NIEXT_PROGRAM, .version = NIEXT_VERSION, .procedure = NIEXT_PROC_search};
        struct ext_condition nothing = {
                .kind = EXT_COND_EQUAL, .name = BYTES_LIT("shell"), .value = BYTES_LIT("/no/such/shell")};
        const struct ext_search_args args = {
                .tag = BYTES_LIT("network"), .conditions = &nothing, .condition_count = 1};
        int fd[16];
        (void)which;
        const size_t mark = record_open(&bytes_to_send);
        call_encode(&bytes_to_send, &call, NULL);
        ext_search_args_encode(&args, &bytes_to_send);
        record_close(&bytes_to_send, mark);
        for (unsigned i = 0; i < 16; i++)
                fd[i] = try_connect(0);
        for (;; pause_ms(1))
                for (unsigned i = 0; i < 16; i++) {
                        for (unsigned n = 0; n < 16; n++)
                                send(fd[i], bytes_to_send.data, bytes_to_send.len,
                                     MSG_NOSIGNAL | MSG_DONTWAIT);
                        drain(fd[i]);
                }
}

static void passwords(unsigned which)
{
        (void)which;
        for (int fd = try_connect(0);;) {
                uint8_t secret[LIMIT_MACHINE];
                char guess[32];
                size_t n;
                snprintf(guess, sizeof(guess), "guess%u", rnd(1u << 30));
                auth_password(bytes_str(guess), secret, &n);
                const struct auth_sys sys = {.uid = FIRST_UID + rnd(target.users),
                                             .machine = bytes_of(secret, n)};
                const struct ni_args args = {.id = {.object = target.folder},
                                             .prop = {.name = BYTES_LIT("x")}};
                buf_clear(&bytes_to_send);
                put_call(&bytes_to_send, 1, NI_PROC_createprop, &args, &sys);
                send_all(fd, bytes_to_send.data, bytes_to_send.len);
                if (recv(fd, secret, sizeof(secret), 0) > 0)
                        continue;
                close(fd);
                fd = try_connect(0);
        }
}

static void comes_and_goes(unsigned which)
{
        const struct linger at_once = {.l_onoff = 1};
        for (unsigned n = which;; n++) {
                const int fd = try_connect(n % 8);
                if (fd < 0)
                        continue;
                if (n % 2)
                        setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
                close(fd);
        }
}

static const struct attack {
        const char *name;
        void (*run)(unsigned which);
        unsigned settle_ms; /* until all of it is there */
} attacks[] = {
        {"fragments", fragments, 100}, {"long-marks", long_marks, 100},
        {"garbage", garbage, 100},     {"never-reads", never_reads, 200},
        {"idle", idle, 3000},          {"replay", replay, 100},
        {"datagrams", datagrams, 100}, {"drip", drip, 200},
        {"transfers", transfers, 200}, {"searches", searches, 200},
        {"passwords", passwords, 100}, {"comes-and-goes", comes_and_goes, 100},
};
#define ATTACK_COUNT (sizeof(attacks) / sizeof(attacks[0]))

static void start(const struct attack *a)
{
        static const struct sched_param ordinary = {.sched_priority = 0};
        const pid_t parent = getpid();
        const int niceness = getpriority(PRIO_PROCESS, 0);
        for (unsigned i = 0; i < ATTACKERS; i++) {
                attackers[i] = fork();
                if (attackers[i] < 0)
                        die("fork");
                if (attackers[i] > 0)
                        continue;
                sched_setscheduler(0, SCHED_OTHER, &ordinary); /* however the honest client runs */
                if (getuid() == 0 && (setgroups(0, NULL) < 0 || setgid(STRANGER) < 0 || setuid(STRANGER) < 0))
                        _exit(1);
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                if (getppid() != parent || setpriority(PRIO_PROCESS, 0, niceness + 10) < 0)
                        _exit(1);
                signal(SIGPIPE, SIG_IGN);
                buf_init(&bytes_to_send, 0);
                a->run(i);
        }
        pause_ms(a->settle_ms);
}

static void stop(const struct attack *a)
{
        for (unsigned i = 0; i < ATTACKERS; i++) {
                int status;
                kill(attackers[i], SIGKILL);
                waitpid(attackers[i], &status, 0);
                attackers[i] = 0;
                errno = ECHILD;
                if (WIFEXITED(status)) /* by itself: then it attacked nobody */
                        die(a->name);
        }
}

/* -- memory and life of the server -- */

/* KiB that are the server's alone. */
static unsigned long memory(void)
{
        char path[64], line[128];
        unsigned long total = 0, n;
        snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)target.pid);
        FILE *f = fopen(path, "re");
        if (!f)
                die("the server is gone");
        while (fgets(line, sizeof(line), f))
                if (sscanf(line, "Private_Dirty: %lu", &n) == 1)
                        total += n;
        fclose(f);
        return total;
}

/* Medians over the rounds: what else the machine does comes and goes. */
static void run(const struct attack *a, unsigned ms, unsigned rounds)
{
        enum { QUIET_50, QUIET_99, LOUD_50, LOUD_99, FIGURES };
        static uint32_t figure[FIGURES][ROUNDS_MOST];
        const unsigned long before = memory();
        unsigned long most = before;
        for (unsigned i = 0; i < rounds; i++) {
                unsigned n = measure(ms, samples);
                figure[QUIET_50][i] = percentile(samples, n, 50);
                figure[QUIET_99][i] = percentile(samples, n, 99);
                start(a);
                n = measure(ms, samples);
                figure[LOUD_50][i] = percentile(samples, n, 50);
                figure[LOUD_99][i] = percentile(samples, n, 99);
                const unsigned long now = memory();
                most = now > most ? now : most;
                stop(a);
                pause_ms(200); /* its connections are closed */
        }
        uint32_t median[FIGURES];
        for (unsigned i = 0; i < FIGURES; i++)
                median[i] = percentile(figure[i], rounds, 50);
        printf("%-15s %6u %6u %6u %6u %6.2f %8lu %8lu %8lu\n", a->name, median[QUIET_50], median[QUIET_99],
               median[LOUD_50], median[LOUD_99],
               (double)median[LOUD_99] / (median[QUIET_99] ? median[QUIET_99] : 1), before, most, memory());
        fflush(stdout);
}

static unsigned number(const char *text)
{
        char *end;
        const unsigned long n = strtoul(text, &end, 10);
        errno = EINVAL;
        if (end == text || *end || n > 100000000)
                die(text);
        return (unsigned)n;
}

int main(int argc, char **argv)
{
        if (argc < 5) {
                fprintf(stderr,
                        "usage: attack TCP-PORT UDP-PORT PID USERS [MILLISECONDS [ROUNDS [ATTACK]]]\n");
                return 2;
        }
        target = (struct target){.tcp = (uint16_t)number(argv[1]),
                                 .udp = (uint16_t)number(argv[2]),
                                 .pid = (pid_t)number(argv[3]),
                                 .users = number(argv[4])};
        const unsigned ms = argc > 5 ? number(argv[5]) : 1000, asked = argc > 6 ? number(argv[6]) : 9;
        const unsigned rounds = asked < 1 ? 1 : asked < ROUNDS_MOST ? asked : ROUNDS_MOST;
        struct rlimit files;
        if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
                files.rlim_cur = files.rlim_max;
                setrlimit(RLIMIT_NOFILE, &files);
        }
        find_folder();
        measure(500, samples); /* warm */
        for (unsigned i = 0; i < ATTACK_COUNT; i++)
                if (argc < 8 || strcmp(argv[7], attacks[i].name) == 0)
                        run(&attacks[i], ms, rounds);
        return 0;
}
