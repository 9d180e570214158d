/* Loads a server of another make, as bench-server loads netinfod: 1 to 16 connections, 1 to 16 requests in
 * flight on each, every answer checked.
 *
 *      bench-peer-load KIND PORT USERS CONNECTIONS IN-FLIGHT SECONDS PID QUESTION LABEL
 *
 * KIND: ldap-search (uid=NAME, seven attributes), ldap-modify (a fresh loginShell), yp-match (passwd.byname
 * over UDP). Says the rate, and the CPU that PID used for each. The load runs on the first CPU. */
#include "../people.h"
#include "../result.h"
#include "ldap.h"

#include "wire/call.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECTIONS_MOST 16u
#define IN_FLIGHT_MOST   16u
#define WARM_UP_S        0.3
#define YP_PROGRAM       100004u
#define YP_MATCH         3u
#define YP_DOMAIN        "lab.test"

static enum { LDAP_SEARCH, LDAP_MODIFY, YP } kind;
static uint32_t users;
static uint64_t asked, answered, wrong;

struct connection {
        int fd;
        uint8_t in[1 << 17];
        size_t len;
        uint32_t entries[IN_FLIGHT_MOST + 2]; /* of each search: it has to find one */
};

static _Noreturn void die(const char *what)
{
        perror(what);
        exit(1);
}

static uint32_t somebody(void)
{
        return (uint32_t)(people_mix(++asked * 0x9e3779b97f4a7c15u) % users);
}

static void send_all(int fd, const uint8_t *p, size_t n)
{
        while (n) {
                const ssize_t k = send(fd, p, n, MSG_NOSIGNAL);
                if (k < 0 && errno != EAGAIN)
                        die("send");
                if (k > 0) {
                        p += k;
                        n -= (size_t)k;
                }
        }
}

static void send_ldap(struct connection *c, uint32_t slot)
{
        struct ldap_message m;
        char name[32], dn[128], shell[32];
        people_user(name, somebody());
        if (kind == LDAP_SEARCH) {
                ldap_search_uid(&m, slot + 2, name);
        } else {
                snprintf(dn, sizeof(dn), "uid=%s," LDAP_PEOPLE, name);
                snprintf(shell, sizeof(shell), "/bin/sh%u", (unsigned)(asked % 100000));
                ldap_modify(&m, slot + 2, dn, "loginShell", shell);
        }
        send_all(c->fd, m.room + m.at, LDAP_ROOM - m.at);
}

static void send_yp(struct connection *c, uint32_t slot)
{
        static struct buf out;
        const struct rpc_call call = {
                .xid = slot, .program = YP_PROGRAM, .version = 2, .procedure = YP_MATCH};
        char name[32];
        people_user(name, somebody());
        buf_clear(&out);
        if (!out.cap)
                buf_init(&out, 4096);
        call_encode(&out, &call, NULL);
        xdr_put_opaque(&out, BYTES_LIT(YP_DOMAIN));
        xdr_put_opaque(&out, BYTES_LIT("passwd.byname"));
        xdr_put_opaque(&out, bytes_str(name));
        send_all(c->fd, out.data, out.len);
}

static void ask(struct connection *c, uint32_t slot)
{
        if (kind == YP)
                send_yp(c, slot);
        else
                send_ldap(c, slot);
}

static void count(bool good)
{
        answered++;
        wrong += !good;
}

/* A datagram is an answer: {1, value}. */
static void take_yp(struct connection *c)
{
        ssize_t n;
        while ((n = recv(c->fd, c->in, sizeof(c->in), MSG_DONTWAIT)) > 0) {
                struct xdr_in in = xdr_in(bytes_of(c->in, (size_t)n));
                struct rpc_reply r;
                const bool good = reply_decode(&in, &r) && !r.denied && r.stat == ACCEPT_SUCCESS &&
                                  xdr_u32(&in) == 1 && xdr_opaque(&in, 1024).len > 20;
                count(good);
                ask(c, r.xid);
        }
}

static void take_ldap(struct connection *c)
{
        const ssize_t n = recv(c->fd, c->in + c->len, sizeof(c->in) - c->len, MSG_DONTWAIT);
        size_t at = 0;
        if (n == 0)
                die("the server closed a connection");
        if (n < 0)
                return;
        c->len += (size_t)n;
        for (struct ldap_reply r; (r = ldap_reply(c->in + at, c->len - at)).size; at += r.size) {
                if (r.id < 2 || r.id > IN_FLIGHT_MOST + 1)
                        die("an answer to nothing");
                if (r.operation == 0x64) {
                        c->entries[r.id]++;
                        continue;
                }
                count(r.code == 0 && (kind != LDAP_SEARCH || c->entries[r.id] > 0));
                c->entries[r.id] = 0;
                ask(c, r.id - 2);
        }
        memmove(c->in, c->in + at, c->len - at);
        c->len -= at;
}

static void bind_to(struct connection *c)
{
        struct ldap_message m;
        ldap_bind(&m, 1);
        send_all(c->fd, m.room + m.at, LDAP_ROOM - m.at);
        const ssize_t n = recv(c->fd, c->in, sizeof(c->in), 0);
        if (n <= 0 || ldap_reply(c->in, (size_t)n).code != 0)
                die("bind");
}

static void open_connection(struct connection *c, unsigned port)
{
        const struct sockaddr_in at = {.sin_family = AF_INET,
                                       .sin_port = htons((uint16_t)port),
                                       .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        const int on = 1;
        c->fd = socket(AF_INET, kind == YP ? SOCK_DGRAM : SOCK_STREAM, 0);
        if (c->fd < 0 || connect(c->fd, (const struct sockaddr *)&at, sizeof(at)) < 0)
                die("connect");
        if (kind == YP)
                return;
        setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        bind_to(c);
}

static void use_first_cpu(void)
{
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET(0, &set);
        sched_setaffinity(0, sizeof(set), &set); /* elsewhere when it is not ours */
}

/* Until `end`; a request that is lost (UDP) leaves a gap, and too many of them end the run without answers.
 */
static void drive(int set, double end)
{
        struct epoll_event ready[CONNECTIONS_MOST];
        while (result_clock(CLOCK_MONOTONIC) < end) {
                const int n = epoll_wait(set, ready, CONNECTIONS_MOST, 500);
                for (int i = 0; i < n; i++)
                        if (kind == YP)
                                take_yp(ready[i].data.ptr);
                        else
                                take_ldap(ready[i].data.ptr);
        }
}

int main(int argc, char **argv)
{
        static struct connection c[CONNECTIONS_MOST];
        char key[80];
        if (argc != 10) {
                fprintf(stderr,
                        "usage: bench-peer-load ldap-search|ldap-modify|yp-match PORT USERS CONNECTIONS "
                        "IN-FLIGHT SECONDS PID QUESTION LABEL\n");
                return 2;
        }
        kind = argv[1][0] == 'y' ? YP : strcmp(argv[1], "ldap-modify") == 0 ? LDAP_MODIFY : LDAP_SEARCH;
        users = (uint32_t)strtoul(argv[3], NULL, 10);
        const unsigned connections = (unsigned)strtoul(argv[4], NULL, 10),
                       in_flight = (unsigned)strtoul(argv[5], NULL, 10);
        const int set = epoll_create1(0);
        if (connections < 1 || connections > CONNECTIONS_MOST || in_flight < 1 ||
            in_flight > IN_FLIGHT_MOST || users == 0 || set < 0)
                die("numbers");
        use_first_cpu();
        asked = (uint64_t)getpid() << 32;
        for (unsigned i = 0; i < connections; i++) {
                struct epoll_event e = {.events = EPOLLIN, .data.ptr = &c[i]};
                open_connection(&c[i], (unsigned)strtoul(argv[2], NULL, 10));
                epoll_ctl(set, EPOLL_CTL_ADD, c[i].fd, &e);
                for (unsigned k = 0; k < in_flight; k++)
                        ask(&c[i], k);
        }
        drive(set, result_clock(CLOCK_MONOTONIC) + WARM_UP_S);
        answered = wrong = 0;
        const double cpu = result_cpu_of(argv[7]), begin = result_clock(CLOCK_MONOTONIC);
        drive(set, begin + strtod(argv[6], NULL));
        const double took = result_clock(CLOCK_MONOTONIC) - begin, used = result_cpu_of(argv[7]) - cpu;
        if (!answered || wrong) {
                fprintf(stderr, "bench-peer-load: %llu answers, %llu of them wrong\n",
                        (unsigned long long)answered, (unsigned long long)wrong);
                return 1;
        }
        snprintf(key, sizeof(key), "%s.cpu", argv[8]);
        result(key, users, argv[9], used / (double)answered * 1e6, "us");
        snprintf(key, sizeof(key), "%s.rate", argv[8]);
        result(key, users, argv[9], (double)answered / took, "/s");
        return 0;
}
