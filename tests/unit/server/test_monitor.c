/* The monitor and the server it takes for hostile (doc/server.md 2.2): requests without end, replies out of
 * turn. */
#include "server/monitor.h"
#include "server/monitor_message.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define FLOODERS 4
#define ENOUGH   100u /* requests that came before the signal */

static int told[2]; /* a pipe: one byte when so much was asked for */

/* A port that somebody holds: the monitor looks through all processes for him, so asking is quicker. */
static struct endpoint held;

static int hold_low_port(void)
{
        const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        for (uint16_t port = 1023; port >= 600; port--) {
                held.at.in = (struct sockaddr_in){.sin_family = AF_INET,
                                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                                  .sin_port = htons(port)};
                if (bind(fd, &held.at.sa, sizeof(held.at.in)) == 0 && listen(fd, 1) == 0)
                        return fd;
        }
        close(fd);
        return -1;
}

/* Asks until nobody listens any more. */
static void flood(const struct opener *o, bool tells)
{
        const struct monitor_request r = monitor_request_of(MONITOR_TAG, 0, &held, false);
        signal(SIGTERM, SIG_IGN);
        for (unsigned i = 0; send(o->monitor, &r, sizeof(r), MSG_NOSIGNAL) == (ssize_t)sizeof(r); i++)
                if (tells && i == ENOUGH && write(told[1], "x", 1) != 1)
                        break;
}

/* The server of this test: it floods, with helpers that outlive it, and ends by SIGTERM as it should. */
static int serve_flood(void *context, bool again)
{
        const struct opener *o = context;
        (void)again;
        opener_state(o, MONITOR_READY);
        for (int i = 0; i < FLOODERS; i++)
                if (fork() == 0) {
                        flood(o, i == 0);
                        _exit(0);
                }
        for (;;)
                pause();
}

static int run_monitor(const char *folder)
{
        char text[160];
        const struct config_overrides none = {0};
        struct config_why why = {{0}};
        struct opener o = {.monitor = -1};
        const struct config_source source = {.file = NULL, .default_socket = ""};
        snprintf(text, sizeof(text),
                 "user = nobody\nlisten = 127.0.0.1:0\nsocket = none\ntag_listen = 127.0.0.1\ntag_ports = "
                 "%u\n",
                 ntohs(held.at.in.sin_port));
        struct config *c = config_parse(bytes_str(text), "test", none, 987, "", &why);
        const struct monitor_options options = {.source = &source,
                                                .domains = folder,
                                                .opener = &o,
                                                .serve = serve_flood,
                                                .context = &o,
                                                .first_fd = -1};
        return c ? monitor_run(&options, c) : 99;
}

/* A server that never stops asking keeps no signal from the monitor. */
static void test_flood(void **state)
{
        char folder[] = "/tmp/netinfo-monitor-XXXXXX", byte;
        int status = 0;
        pid_t ended = 0;
        (void)state;
        if (geteuid() != 0)
                skip();
        const int port = hold_low_port();
        assert_true(port >= 0);
        assert_non_null(mkdtemp(folder));
        assert_int_equal(pipe2(told, O_CLOEXEC), 0);
        const pid_t monitor = fork();
        if (monitor == 0)
                _exit(run_monitor(folder));
        close(told[1]);
        struct pollfd p = {.fd = told[0], .events = POLLIN};
        assert_int_equal(poll(&p, 1, 60000), 1);
        assert_int_equal(read(told[0], &byte, 1), 1);
        assert_int_equal(kill(monitor, SIGTERM), 0);
        for (unsigned i = 0; i < 600 && ended == 0; i++) {
                ended = waitpid(monitor, &status, WNOHANG);
                poll(NULL, 0, ended ? 0 : 50);
        }
        if (ended == 0)
                kill(monitor, SIGKILL);
        rmdir(folder);
        close(port);
        close(told[0]);
        assert_int_equal(ended, monitor);
        assert_true(WIFEXITED(status));
}

/* The other side of the pair: takes one request, and answers it with `fd`. */
struct one {
        int channel, fd;
};

static void reply(int channel, uint16_t turn, int fd)
{
        struct monitor_reply r = {.turn = turn};
        union {
                struct cmsghdr header;
                char room[CMSG_SPACE(sizeof(int))];
        } control = {.room = {0}};
        struct iovec part = {.iov_base = &r, .iov_len = sizeof(r)};
        struct msghdr m = {.msg_iov = &part,
                           .msg_iovlen = 1,
                           .msg_control = &control,
                           .msg_controllen = sizeof(control)};
        struct cmsghdr *c = CMSG_FIRSTHDR(&m);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(c), &fd, sizeof(fd));
        assert_int_equal(sendmsg(channel, &m, MSG_NOSIGNAL), sizeof(r));
}

static void *answer_one(void *argument)
{
        const struct one *a = argument;
        struct monitor_request r;
        assert_int_equal(recv(a->channel, &r, sizeof(r), 0), sizeof(r));
        reply(a->channel, (uint16_t)(r.turn - 1), a->channel); /* of the request before: too late */
        reply(a->channel, r.turn, a->fd);
        return NULL;
}

/* A reply that comes when nobody waits for it any more is not taken for the next request's. */
static void test_late_reply(void **state)
{
        int pair[2], ends[2];
        struct config_why why;
        pthread_t thread;
        char byte = 0;
        (void)state;
        assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
        assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
        const struct opener o = {.monitor = pair[0]};
        struct one a = {.channel = pair[1], .fd = ends[1]};
        for (unsigned i = 0; i < 3; i++) {
                assert_int_equal(pthread_create(&thread, NULL, answer_one, &a), 0);
                const int fd = opener_caller(&o, AF_INET, &why);
                pthread_join(thread, NULL);
                assert_true(fd >= 0);
                assert_int_equal(write(fd, "y", 1), 1);
                assert_int_equal(read(ends[0], &byte, 1), 1);
                assert_int_equal(byte, 'y');
                close(fd);
        }
        close(pair[1]);
        assert_int_equal(opener_caller(&o, AF_INET, &why), -1); /* the monitor is gone */
        close(pair[0]);
        close(ends[0]);
        close(ends[1]);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_flood),
                cmocka_unit_test(test_late_reply),
        };
        signal(SIGPIPE, SIG_IGN);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
