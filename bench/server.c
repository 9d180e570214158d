/* What does a read over TCP cost the server, beside an echo of the same sizes? And a durable edit?
 *
 *     bench-server NETINFOD [USERS [reads|writes]]
 *
 * Starts that netinfod on a scratch folder, fills a domain, and drives 16 connections with 1 and with 8
 * LOOKUPREADs in flight on each; in turns with an echo server (epoll, one thread, every request answered with
 * as many bytes as the reply has, all that one read brought in one write). Figures are CPU of the server
 * process per call, medians of rounds, and the ratio. Then WRITEPROPs of 1 and of 16 writers, beside
 * fdatasync of one page on the same disk. The folder lies in $TMPDIR, else /tmp. */
#include "people.h"
#include "result.h"

#include "sys/clock.h"
#include "sys/fs.h"
#include "wire/call.h"
#include "wire/ext.h"
#include "wire/ni.h"
#include "wire/record.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS 16u
#define ROUNDS      5u
#define CALLS       100000u
#define WRITES_US   600000u /* a round of writes */

static char folder[4096];
static pid_t children[4];
static unsigned child_count;
static uint32_t domain_users;

static _Noreturn void leave(int status)
{
        for (unsigned i = 0; i < child_count; i++) {
                kill(children[i], SIGKILL);
                waitpid(children[i], NULL, 0);
        }
        if (folder[0])
                fs_remove_tree(folder);
        exit(status);
}

static _Noreturn void die(const char *what)
{
        perror(what);
        leave(1);
}

static void need(bool ok, const char *what)
{
        if (!ok)
                die(what);
}

/* The drive on the first CPU, the servers on the others: else the scheduler puts a quick server on the
 * drive's CPU, where the two take turns in batches and nobody is ever woken, and a slower one not. */
static cpu_set_t server_cpus;

static void share_cpus(void)
{
        cpu_set_t mine;
        unsigned first = 0;
        need(sched_getaffinity(0, sizeof(server_cpus), &server_cpus) == 0, "CPUs");
        if (CPU_COUNT(&server_cpus) < 2)
                return;
        while (!CPU_ISSET(first, &server_cpus))
                first++;
        CPU_ZERO(&mine);
        CPU_SET(first, &mine);
        CPU_CLR(first, &server_cpus);
        need(sched_setaffinity(0, sizeof(mine), &mine) == 0, "CPUs");
}

static double cpu_of(pid_t pid)
{
        clockid_t id;
        struct timespec t;
        need(clock_getcpuclockid(pid, &id) == 0 && clock_gettime(id, &t) == 0, "CPU clock");
        return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int by_value(const void *a, const void *b)
{
        const double *x = a, *y = b;
        return *x < *y ? -1 : *x > *y;
}

static double median(double *v, unsigned n)
{
        qsort(v, n, sizeof(*v), by_value);
        return v[n / 2];
}

static uint64_t random_state = 88172645463325252u;
static uint32_t rnd(uint32_t below)
{
        random_state ^= random_state << 13;
        random_state ^= random_state >> 7;
        random_state ^= random_state << 17;
        return (uint32_t)((random_state >> 32) * below >> 32);
}

/* -- connections and calls -- */

static int connect_tcp(unsigned port)
{
        const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
        struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
        at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        need(fd >= 0 && connect(fd, (struct sockaddr *)&at, sizeof(at)) == 0, "connect");
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        return fd;
}

static int connect_socket(const char *path)
{
        const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        struct sockaddr_un at = {.sun_family = AF_UNIX};
        snprintf(at.sun_path, sizeof(at.sun_path), "%s", path);
        need(fd >= 0 && connect(fd, (struct sockaddr *)&at, sizeof(at)) == 0, path);
        return fd;
}

static size_t begin_call(struct buf *b, uint32_t program, uint32_t version, uint32_t procedure)
{
        const struct rpc_call call = {
                .xid = 7, .program = program, .version = version, .procedure = procedure};
        const size_t mark = record_open(b);
        call_encode(b, &call, NULL);
        return mark;
}

/* One whole record into b (emptied first); its length without the mark. */
static void read_record(int fd, struct buf *b)
{
        uint8_t mark[4];
        need(recv(fd, mark, 4, MSG_WAITALL) == 4, "reply");
        const size_t n = xdr_load(mark) & 0x7fffffffu;
        buf_clear(b);
        uint8_t *p = buf_add(b, n);
        need(p && recv(fd, p, n, MSG_WAITALL) == (ssize_t)n, "reply");
}

static uint32_t status_of(const struct buf *reply)
{
        struct xdr_in in = xdr_in(buf_bytes(reply));
        struct rpc_reply r;
        need(reply_decode(&in, &r) && !r.denied && r.stat == ACCEPT_SUCCESS, "reply");
        return xdr_u32(&in);
}

static void put_property(struct proplist *l, struct arena *a, const char *name, const char *value)
{
        need(proplist_add_str(l, a, name, value), "memory");
}

#define FILL_EDIT  500u /* users in one EDIT */
#define FILL_AHEAD 8u   /* EDITs under way: the server makes several durable at once */

static void fill_encode(struct buf *out, struct arena *a, struct ext_op *ops, uint32_t *at, uint32_t users,
                        uint32_t top)
{
        struct ext_edit_args args = {.tag = BYTES_LIT("network"), .ops = ops};
        if (*at == 0) {
                ops[args.op_count] = (struct ext_op){.kind = EXT_OP_CREATE, .where = NI_INDEX_NULL};
                put_property(&ops[args.op_count++].props, a, "name", "users");
        }
        for (; *at < users && args.op_count < FILL_EDIT; ++*at) {
                struct ext_op *op = &ops[args.op_count++];
                char name[32], number[16], home[64];
                people_user(name, *at);
                *op = (struct ext_op){.kind = EXT_OP_CREATE, .where = NI_INDEX_NULL};
                op->ref = top ? (struct ext_ref){.value = top} : (struct ext_ref){.by_op = true};
                snprintf(number, sizeof(number), "%u", PEOPLE_UID + *at);
                snprintf(home, sizeof(home), "/home/%s", name);
                put_property(&op->props, a, "name", arena_str(a, bytes_str(name)));
                put_property(&op->props, a, "passwd", "*");
                put_property(&op->props, a, "uid", arena_str(a, bytes_str(number)));
                put_property(&op->props, a, "gid", "100");
                put_property(&op->props, a, "realname", "Some User");
                put_property(&op->props, a, "home", arena_str(a, bytes_str(home)));
                put_property(&op->props, a, "shell", "/bin/bash");
        }
        buf_clear(out);
        const size_t mark = begin_call(out, NIEXT_PROGRAM, NIEXT_VERSION, NIEXT_PROC_edit);
        ext_edit_args_encode(&args, out);
        record_close(out, mark);
}

/* Users below /users, some EDITs sent ahead once /users is there. */
static void fill(int fd, uint32_t users)
{
        struct ext_op *ops = calloc(FILL_EDIT + 1, sizeof(*ops));
        struct buf out, in;
        struct arena a;
        uint32_t top = 0;
        unsigned waiting = 0;
        need(ops != NULL, "memory");
        buf_init(&out, 0);
        buf_init(&in, 0);
        arena_init(&a, 0);
        for (uint32_t at = 0; at < users || waiting;) {
                struct ext_edit_result result;
                if (at < users && (top ? waiting < FILL_AHEAD : waiting == 0)) {
                        fill_encode(&out, &a, ops, &at, users, top);
                        need(!out.failed && fs_write_all(fd, out.data, out.len) == 0, "edit");
                        waiting++;
                        arena_reset(&a);
                        continue;
                }
                read_record(fd, &in);
                waiting--;
                struct xdr_in body = xdr_in(buf_bytes(&in));
                struct rpc_reply reply;
                need(reply_decode(&body, &reply) && ext_edit_decode(&body, &a, &result) &&
                             result.status == NI_OK,
                     "edit refused");
                if (!top)
                        top = result.ids[0].object;
                arena_reset(&a);
        }
        arena_done(&a);
        buf_done(&out);
        buf_done(&in);
        free(ops);
}

static uint32_t find_users(int fd)
{
        const struct ni_args args = {.key = BYTES_LIT("name"), .value = BYTES_LIT("users")};
        struct buf out, in;
        buf_init(&out, 0);
        buf_init(&in, 0);
        const size_t mark = begin_call(&out, NI_PROGRAM, NI_VERSION, NI_PROC_lookup);
        ni_args_encode(NI_PROC_lookup, &args, &out);
        record_close(&out, mark);
        need(fs_write_all(fd, out.data, out.len) == 0, "lookup");
        read_record(fd, &in);
        need(status_of(&in) == NI_OK && in.len >= 36, "lookup of /users");
        const uint32_t object = xdr_load(in.data + 32);
        buf_done(&out);
        buf_done(&in);
        return object;
}

/* -- the echo floor -- */

static void echo(int listener, size_t request, size_t reply)
{
        static uint8_t room[1 << 16], answer[1 << 18];
        size_t have[1024] = {0};
        struct epoll_event e = {.events = EPOLLIN, .data.fd = listener}, ready[64];
        const int set = epoll_create1(0), on = 1;
        need(set >= 0 && epoll_ctl(set, EPOLL_CTL_ADD, listener, &e) == 0, "epoll");
        for (;;) {
                const int n = epoll_wait(set, ready, 64, -1);
                for (int i = 0; i < n; i++) {
                        int fd = ready[i].data.fd;
                        if (fd == listener) {
                                fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
                                setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
                                e.data.fd = fd;
                                need(fd >= 0 && fd < 1024 && epoll_ctl(set, EPOLL_CTL_ADD, fd, &e) == 0,
                                     "accept");
                                have[fd] = 0;
                                continue;
                        }
                        const ssize_t got = read(fd, room, sizeof(room));
                        if (got <= 0) {
                                close(fd);
                                continue;
                        }
                        have[fd] += (size_t)got;
                        const size_t out = have[fd] / request * reply;
                        have[fd] %= request;
                        if (out && (out > sizeof(answer) || write(fd, answer, out) != (ssize_t)out))
                                _exit(1);
                }
        }
}

static pid_t start_echo(size_t request, size_t reply, unsigned *ret_port)
{
        struct sockaddr_in at = {.sin_family = AF_INET};
        socklen_t n = sizeof(at);
        const int fd = socket(AF_INET, SOCK_STREAM, 0);
        at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        need(fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0 && listen(fd, 64) == 0 &&
                     getsockname(fd, (struct sockaddr *)&at, &n) == 0,
             "echo");
        *ret_port = ntohs(at.sin_port);
        const pid_t pid = fork();
        if (pid == 0) {
                need(sched_setaffinity(0, sizeof(server_cpus), &server_cpus) == 0, "CPUs");
                echo(fd, request, reply);
        }
        close(fd);
        need(pid > 0, "fork");
        children[child_count++] = pid;
        return pid;
}

/* -- the drive: all requests have one size, and so have all replies -- */

struct load {
        const uint8_t *request; /* many of them, one behind the other */
        unsigned requests;
        size_t request_size, reply_size;
};

static double drive(unsigned port, const struct load *l, unsigned in_flight, unsigned calls, pid_t server,
                    double *ret_rate)
{
        static uint8_t room[1 << 18];
        int fd[CONNECTIONS];
        size_t have[1024] = {0};
        unsigned sent = 0, done = 0, next = 0;
        struct epoll_event e = {.events = EPOLLIN}, ready[CONNECTIONS];
        const int set = epoll_create1(0);
        for (unsigned i = 0; i < CONNECTIONS; i++) {
                fd[i] = connect_tcp(port);
                e.data.fd = fd[i];
                need(epoll_ctl(set, EPOLL_CTL_ADD, fd[i], &e) == 0 && fd[i] < 1024, "epoll");
        }
        const double cpu = cpu_of(server);
        const uint64_t begin = clock_mono_us();
        for (unsigned i = 0; i < CONNECTIONS; i++, sent += in_flight, next += in_flight) {
                next = next + in_flight > l->requests ? 0 : next;
                need(write(fd[i], l->request + next * l->request_size, in_flight * l->request_size) ==
                             (ssize_t)(in_flight * l->request_size),
                     "write");
        }
        while (done < calls) {
                const int n = epoll_wait(set, ready, CONNECTIONS, -1);
                for (int i = 0; i < n; i++) {
                        const int at = ready[i].data.fd;
                        const ssize_t got = read(at, room, sizeof(room));
                        need(got > 0, "the server closed a connection");
                        have[at] += (size_t)got;
                        const unsigned answered = (unsigned)(have[at] / l->reply_size);
                        have[at] %= l->reply_size;
                        done += answered;
                        if (!answered || sent >= calls)
                                continue;
                        next = next + answered > l->requests ? 0 : next;
                        need(write(at, l->request + next * l->request_size, answered * l->request_size) ==
                                     (ssize_t)(answered * l->request_size),
                             "write");
                        sent += answered;
                        next += answered;
                }
        }
        *ret_rate = done / ((double)(clock_mono_us() - begin) / 1e6);
        const double used = cpu_of(server) - cpu;
        for (unsigned i = 0; i < CONNECTIONS; i++)
                close(fd[i]);
        close(set);
        return used / done * 1e6;
}

static void compare(const struct load *l, unsigned netinfod_port, pid_t netinfod, unsigned in_flight)
{
        double floor_cpu[ROUNDS], our_cpu[ROUNDS], ratio[ROUNDS], floor_rate[ROUNDS], our_rate[ROUNDS];
        unsigned port;
        const pid_t floor_pid = start_echo(l->request_size, l->reply_size, &port);
        const unsigned calls = in_flight > 1 ? CALLS * 3 : CALLS;
        for (unsigned i = 0; i < ROUNDS; i++) {
                floor_cpu[i] = drive(port, l, in_flight, calls, floor_pid, &floor_rate[i]);
                our_cpu[i] = drive(netinfod_port, l, in_flight, calls, netinfod, &our_rate[i]);
                ratio[i] = our_cpu[i] / floor_cpu[i];
        }
        printf("LOOKUPREAD, %u connections, %u in flight: echo %.2f us CPU (%.0fk/s), netinfod %.2f us CPU "
               "(%.0fk/s), "
               "ratio %.2f\n",
               CONNECTIONS, in_flight, median(floor_cpu, ROUNDS), median(floor_rate, ROUNDS) / 1e3,
               median(our_cpu, ROUNDS), median(our_rate, ROUNDS) / 1e3, median(ratio, ROUNDS));
        fflush(stdout);
        const char *const question = in_flight > 1 ? "read.16x8.cpu" : "read.16x1.cpu";
        result_row(question, domain_users, "netinfod", median(our_cpu, ROUNDS), "us");
        result_row(question, domain_users, "floor: echo", median(floor_cpu, ROUNDS), "us");
        kill(floor_pid, SIGKILL);
        waitpid(floor_pid, NULL, 0);
        child_count--;
}

/* Requests for users whose names are equally long, so that all requests and replies have one size. */
static void reads(unsigned port, pid_t netinfod, uint32_t object, uint32_t users)
{
        struct buf all, in;
        struct load l = {0};
        const int fd = connect_tcp(port);
        buf_init(&all, 0);
        buf_init(&in, 0);
        for (unsigned tries = 0; l.requests < 4096 && tries < 1000000; tries++) {
                char name[32];
                const size_t mark = all.len;
                people_user(name, rnd(users));
                const struct ni_args args = {
                        .id = {object, 0}, .key = BYTES_LIT("name"), .value = bytes_str(name)};
                begin_call(&all, NI_PROGRAM, NI_VERSION, NI_PROC_lookupread);
                ni_args_encode(NI_PROC_lookupread, &args, &all);
                record_close(&all, mark);
                if (l.requests == 0 || all.len - mark == l.request_size) {
                        need(fs_write_all(fd, all.data + mark, all.len - mark) == 0, "read");
                        read_record(fd, &in);
                        need(status_of(&in) == NI_OK, "a user is missing");
                }
                if (l.requests == 0) {
                        l.request_size = all.len;
                        l.reply_size = in.len + 4;
                }
                if (all.len - mark != l.request_size || in.len + 4 != l.reply_size)
                        buf_truncate(&all, mark);
                else
                        l.requests++;
        }
        need(l.requests >= 256, "too few users");
        l.request = all.data;
        printf("request %zu bytes, reply %zu bytes, %u users\n", l.request_size, l.reply_size, users);
        compare(&l, port, netinfod, 1);
        compare(&l, port, netinfod, 8);
        close(fd);
        buf_done(&all);
        buf_done(&in);
}

/* -- durable writes -- */

static double syncs_per_second(void)
{
        char path[4200], page[4096] = {0};
        snprintf(path, sizeof(path), "%s/page", folder);
        const int fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
        need(fd >= 0, path);
        need(pwrite(fd, page, sizeof(page), 0) == (ssize_t)sizeof(page) && fsync(fd) == 0, "fsync");
        const uint64_t begin = clock_mono_us();
        unsigned n = 0;
        for (; clock_mono_us() - begin < 1000000; n++) {
                page[0] = (char)n;
                need(pwrite(fd, page, sizeof(page), 0) == (ssize_t)sizeof(page) && fdatasync(fd) == 0,
                     "fdatasync");
        }
        close(fd);
        return n / ((double)(clock_mono_us() - begin) / 1e6);
}

/* Every connection keeps one WRITEPROP under way, on a user of its own. */
static double writes_per_second(const char *path, uint32_t first, unsigned writers)
{
        int fd[CONNECTIONS];
        uint32_t instance[CONNECTIONS] = {0};
        struct buf out, in;
        struct epoll_event e = {.events = EPOLLIN}, ready[CONNECTIONS];
        const int set = epoll_create1(0);
        buf_init(&out, 0);
        buf_init(&in, 0);
        for (unsigned i = 0; i < writers; i++) {
                const struct ni_args args = {.id = {first + i, 0}};
                fd[i] = connect_socket(path);
                buf_clear(&out);
                const size_t mark = begin_call(&out, NI_PROGRAM, NI_VERSION, NI_PROC_self);
                ni_args_encode(NI_PROC_self, &args, &out);
                record_close(&out, mark);
                need(fs_write_all(fd[i], out.data, out.len) == 0, "self");
                read_record(fd[i], &in);
                need(status_of(&in) == NI_OK, "self");
                instance[i] = xdr_load(in.data + 32);
                e.data.u32 = i;
                need(epoll_ctl(set, EPOLL_CTL_ADD, fd[i], &e) == 0, "epoll");
        }
        const uint64_t begin = clock_mono_us();
        unsigned sent = 0, done = 0;
        for (unsigned i = 0; done < sent || !sent;) {
                if ((sent < writers || clock_mono_us() - begin < WRITES_US) && i < writers) {
                        struct bytes value = BYTES_LIT("/bin/zsh");
                        const struct ni_args args = {
                                .id = {first + i, instance[i]}, .prop_index = 6, .values = {&value, 1}};
                        buf_clear(&out);
                        const size_t mark = begin_call(&out, NI_PROGRAM, NI_VERSION, NI_PROC_writeprop);
                        ni_args_encode(NI_PROC_writeprop, &args, &out);
                        record_close(&out, mark);
                        need(fs_write_all(fd[i], out.data, out.len) == 0, "write");
                        sent++;
                        if (sent < writers) { /* the first round */
                                i++;
                                continue;
                        }
                }
                need(epoll_wait(set, ready, 1, -1) == 1, "epoll");
                i = ready[0].data.u32;
                read_record(fd[i], &in);
                need(status_of(&in) == NI_OK, "writeprop refused");
                instance[i]++;
                done++;
        }
        const double rate = done / ((double)(clock_mono_us() - begin) / 1e6);
        for (unsigned i = 0; i < writers; i++)
                close(fd[i]);
        close(set);
        buf_done(&out);
        buf_done(&in);
        return rate;
}

static void writes(const char *path, uint32_t first)
{
        static const unsigned writers[] = {1, 16};
        for (unsigned k = 0; k < 2; k++) {
                double floor_rate[ROUNDS], rate[ROUNDS], ratio[ROUNDS];
                for (unsigned i = 0; i < ROUNDS; i++) {
                        floor_rate[i] = syncs_per_second();
                        rate[i] = writes_per_second(path, first, writers[k]);
                        ratio[i] = rate[i] / floor_rate[i];
                }
                printf("durable WRITEPROP, %2u writer%s: %.0f/s; fdatasync of a page %.0f/s; ratio %.2f\n",
                       writers[k], writers[k] > 1 ? "s" : " ", median(rate, ROUNDS),
                       median(floor_rate, ROUNDS), median(ratio, ROUNDS));
                fflush(stdout);
                const char *const question = k ? "edit.16.rate" : "edit.1.rate";
                result_row(question, domain_users, "netinfod", median(rate, ROUNDS), "/s");
                result_row(question, domain_users, "floor: fdatasync", median(floor_rate, ROUNDS), "/s");
        }
}

/* -- netinfod -- */

static pid_t start_netinfod(const char *program, unsigned *ret_port)
{
        int ready[2];
        char dir[4200], number[16], line[4096];
        snprintf(dir, sizeof(dir), "%s/dir", folder);
        pid_t pid = fork();
        if (pid == 0) {
                execl(program, program, "--create", "network", "--dir", dir, (char *)NULL);
                _exit(127);
        }
        int status = 1;
        need(waitpid(pid, &status, 0) == pid && status == 0, "netinfod --create");
        need(pipe(ready) == 0, "pipe");
        pid = fork();
        if (pid == 0) {
                if (sched_setaffinity(0, sizeof(server_cpus), &server_cpus) < 0)
                        _exit(127);
                snprintf(number, sizeof(number), "%d", ready[1]);
                execl(program, program, "--dir", dir, "--listen", "127.0.0.1:0", "--ready-fd", number,
                      "--log-level", "error", (char *)NULL);
                _exit(127);
        }
        close(ready[1]);
        children[child_count++] = pid;
        const ssize_t n = read(ready[0], line, sizeof(line) - 1);
        close(ready[0]);
        need(n > 0, "netinfod did not start");
        line[n] = '\0';
        const char *port = strstr(line, "\"binder_tcp\":");
        need(port != NULL, line);
        *ret_port = (unsigned)strtoul(port + 13, NULL, 10);
        return pid;
}

int main(int argc, char **argv)
{
        char path[4300];
        unsigned port;
        const char *tmp = getenv("TMPDIR");
        const uint32_t users = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 10000;
        if (argc < 2 || users < 1000) {
                fprintf(stderr, "usage: bench-server NETINFOD [USERS [reads|writes]], at least 1000 users\n");
                return 2;
        }
        domain_users = users;
        signal(SIGPIPE, SIG_IGN);
        snprintf(folder, sizeof(folder), "%s/bench-server.XXXXXX", tmp ? tmp : "/tmp");
        need(mkdtemp(folder) != NULL, folder);
        share_cpus();
        const pid_t netinfod = start_netinfod(argv[1], &port);
        snprintf(path, sizeof(path), "%s/dir/netinfod.sock", folder);
        const int fd = connect_socket(path);
        fill(fd, users);
        const uint32_t object = find_users(fd);
        close(fd);
        const char *const only = argc > 3 ? argv[3] : "";
        if (strcmp(only, "writes") != 0)
                reads(port, netinfod, object, users);
        if (strcmp(only, "reads") != 0)
                writes(path, object + 1);
        leave(0);
}
