/* Sockets for measuring: listeners on 127.0.0.1 spread over processes, and established connections. Bounded:
 * ends by itself. port_load LISTENERS PROCESSES ESTABLISHED SECONDS LISTENERS sockets listen on ports 10000,
 * 10001, ...; 30 more, on ports 9000-9029, accept the ESTABLISHED / 2 connections. "ready" goes to stdout. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
        ACCEPTORS = 30,
        ACCEPT_PORT = 9000,
        LISTEN_PORT = 10000,
        MOST = 200000,
        SECONDS_MAX = 600,
        PROCESSES_MAX = 1000
};

static void fail(const char *what)
{
        perror(what);
        exit(EXIT_FAILURE);
}

static struct sockaddr_in at(unsigned host, unsigned port)
{
        struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
        a.sin_addr.s_addr = htonl(0x7f000000u + host);
        return a;
}

static int listener(unsigned host, unsigned port, int backlog)
{
        const struct sockaddr_in a = at(host, port);
        const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        const int one = 1;
        if (fd < 0)
                fail("socket");
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
        if (bind(fd, (const struct sockaddr *)&a, sizeof(a)) < 0 || listen(fd, backlog) < 0)
                fail("listen");
        return fd;
}

/* One process: connects to an acceptor of its own and accepts, `pairs` times. Source addresses change, so
 * that ports last. */
static void hold_connections(unsigned number, unsigned pairs)
{
        const int acceptor = listener(1, ACCEPT_PORT + number, 64);
        const struct sockaddr_in to = at(1, ACCEPT_PORT + number);
        for (unsigned i = 0; i < pairs; i++) {
                const struct sockaddr_in from = at(2 + number * 4 + i / 20000, 0);
                const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
                const int one = 1;
                if (fd < 0)
                        fail("socket");
                setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one));
                if (bind(fd, (const struct sockaddr *)&from, sizeof(from)) < 0 ||
                    connect(fd, (const struct sockaddr *)&to, sizeof(to)) < 0 ||
                    accept(acceptor, NULL, NULL) < 0)
                        fail("connect");
        }
}

static unsigned first = 10000;

static void child(unsigned number, unsigned processes, unsigned listeners, unsigned established, int ready,
                  unsigned seconds)
{
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        signal(SIGTERM, SIG_DFL);
        for (unsigned i = number; i < listeners; i += processes)
                listener(1, first + i, 16);
        if (number < ACCEPTORS && established) {
                const unsigned acceptors = processes < ACCEPTORS ? processes : ACCEPTORS;
                hold_connections(number, established / 2 / acceptors);
        }
        if (write(ready, "", 1) != 1)
                fail("ready");
        sleep(seconds);
        _exit(EXIT_SUCCESS);
}

static void on_term(int number)
{
        (void)number; /* only to end wait() */
}

/* Ends the children and waits until their sockets are closed: the next load wants the same ports. */
static void end_all(const pid_t *pid, unsigned n)
{
        for (unsigned i = 0; i < n; i++)
                kill(pid[i], SIGKILL);
        while (wait(NULL) > 0)
                continue;
}

int main(int argc, char **argv)
{
        static pid_t children[PROCESSES_MAX];
        unsigned v[4];
        int pipes[2];
        if (argc != 5 && argc != 6) {
                fputs("usage: port_load LISTENERS PROCESSES ESTABLISHED SECONDS [FIRST]\n", stderr);
                return EXIT_FAILURE;
        }
        for (unsigned i = 0; i < 4; i++)
                v[i] = (unsigned)strtoul(argv[i + 1], NULL, 10);
        if (argc == 6)
                first = (unsigned)strtoul(argv[5], NULL, 10);
        if (first > 65535 || v[0] > 65535 - first || v[0] > 50000 || v[1] == 0 || v[1] > PROCESSES_MAX ||
            v[2] > MOST || v[3] > SECONDS_MAX || pipe(pipes) < 0) {
                fputs("port_load: a number is out of bounds\n", stderr);
                return EXIT_FAILURE;
        }
        struct rlimit files;
        if (getrlimit(RLIMIT_NOFILE, &files) < 0)
                fail("getrlimit");
        files.rlim_cur = files.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &files) < 0)
                fail("setrlimit");
        const struct sigaction term = {.sa_handler = on_term};
        sigaction(SIGTERM, &term, NULL);
        for (unsigned i = 0; i < v[1]; i++) {
                const pid_t pid = fork();
                if (pid < 0)
                        fail("fork");
                children[i] = pid;
                if (pid == 0)
                        child(i, v[1], v[0], v[2], pipes[1], v[3]);
        }
        close(pipes[1]);
        char c;
        for (unsigned i = 0; i < v[1]; i++) {
                if (read(pipes[0], &c, 1) != 1) { /* a child failed and said why, or SIGTERM came */
                        end_all(children, v[1]);
                        return EXIT_FAILURE;
                }
        }
        puts("ready");
        fflush(stdout);
        while (wait(NULL) > 0)
                continue;
        end_all(children, v[1]);
        return EXIT_SUCCESS;
}
