/* Loads etcd with puts, or asks how soon a watcher sees one: gRPC over HTTP/2 (libnghttp2), protobuf by hand.
 *
 *      bench-etcd-load load|put|watch PORT USERS CONNECTIONS IN-FLIGHT SECONDS QUESTION
 *
 * load: puts every user once, key u/NAME, value the passwd line; says the seconds. put: fresh values for
 * users at random; says the rate. watch: one put at a time, and when a watcher on another connection sees it.
 */
#include "../people.h"
#include "../result.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <nghttp2/nghttp2.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECTIONS_MOST 16u
#define IN_FLIGHT_MOST   64u
#define SAMPLES          100000u
#define WARM_UP_S        0.3

struct connection;

struct request {
        uint8_t body[512];
        size_t len, sent;
        struct connection *of;
        size_t got; /* bytes of the answer */
        bool watch; /* stays open */
};

struct connection {
        int fd;
        nghttp2_session *session;
        struct request request[IN_FLIGHT_MOST];
};

static enum { LOAD, PUT, WATCH } kind;
static uint32_t users, loaded;
static uint64_t asked, answered, failed;
static char authority[32];
static double put_at; /* watch: when the put under way was sent; 0: none is */
static bool is_watching;
static double seen[SAMPLES];
static size_t seen_count;

static _Noreturn void die(const char *what)
{
        fprintf(stderr, "bench-etcd-load: %s: %s\n", what, strerror(errno));
        exit(1);
}

/* -- protobuf: fields of bytes */
static uint8_t *put_bytes(uint8_t *to, unsigned field, const void *p, size_t n)
{
        *to++ = (uint8_t)(field << 3 | 2);
        for (size_t v = n; v > 127 || (*to++ = (uint8_t)v, false); v >>= 7)
                *to++ = (uint8_t)(v | 128);
        memcpy(to, p, n);
        return to + n;
}

/* The five bytes before a gRPC message. */
static void frame(struct request *r, const uint8_t *message, size_t n)
{
        const uint8_t head[] = {0, (uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n};
        memcpy(r->body, head, sizeof(head));
        memcpy(r->body + sizeof(head), message, n);
        r->len = n + sizeof(head);
}

/* -- HTTP/2 */
static ssize_t read_body(nghttp2_session *s, int32_t stream, uint8_t *to, size_t room, uint32_t *flags,
                         nghttp2_data_source *source, void *context)
{
        struct request *r = source->ptr;
        const size_t left = r->len - r->sent, n = left < room ? left : room;
        (void)s;
        (void)stream;
        (void)context;
        if (n == 0 && r->watch)
                return NGHTTP2_ERR_DEFERRED;
        memcpy(to, r->body + r->sent, n);
        r->sent += n;
        if (r->sent == r->len && !r->watch)
                *flags |= NGHTTP2_DATA_FLAG_EOF;
        return (ssize_t)n;
}

static void submit(struct connection *c, struct request *r, const char *path)
{
        static const char *const fixed[][2] = {{":method", "POST"}, {":scheme", "http"},
                                               {":path", ""},       {":authority", authority},
                                               {"te", "trailers"},  {"content-type", "application/grpc"}};
        nghttp2_nv headers[6];
        const nghttp2_data_provider body = {.source.ptr = r, .read_callback = read_body};
        for (unsigned i = 0; i < 6; i++) {
                const char *name = fixed[i][0], *value = i == 2 ? path : fixed[i][1];
                headers[i] = (nghttp2_nv){.name = (uint8_t *)(uintptr_t)name,
                                          .value = (uint8_t *)(uintptr_t)value,
                                          .namelen = strlen(name),
                                          .valuelen = strlen(value)};
        }
        r->sent = r->got = 0;
        r->of = c;
        if (nghttp2_submit_request(c->session, NULL, headers, 6, &body, r) < 0)
                die("submit");
}

static void put_user(struct connection *c, struct request *r)
{
        uint8_t message[400];
        char key[40] = "u/", value[280];
        uint32_t i = (uint32_t)(people_mix(++asked * 0x9e3779b97f4a7c15u) % users);
        if (kind == LOAD) {
                if (loaded == users)
                        return;
                i = loaded++;
        }
        people_user(key + 2, i);
        const size_t n = people_passwd_line(value, i);
        snprintf(value + n, sizeof(value) - n, "%u", (unsigned)(asked % 1000));
        uint8_t *end = put_bytes(message, 1, key, strlen(key));
        end = put_bytes(end, 2, value, strlen(value));
        frame(r, message, (size_t)(end - message));
        put_at = result_clock(CLOCK_MONOTONIC);
        submit(c, r, "/etcdserverpb.KV/Put");
}

/* Everything from "u/" to below "u0". */
static void watch(struct connection *c)
{
        struct request *r = &c->request[0];
        uint8_t range[32], message[64];
        uint8_t *end = put_bytes(range, 1, "u/", 2);
        end = put_bytes(end, 2, "u0", 2);
        end = put_bytes(message, 1, range, (size_t)(end - range));
        frame(r, message, (size_t)(end - message));
        r->watch = true;
        submit(c, r, "/etcdserverpb.Watch/Watch");
}

static int on_data(nghttp2_session *s, uint8_t flags, int32_t stream, const uint8_t *data, size_t n,
                   void *context)
{
        struct request *r = nghttp2_session_get_stream_user_data(s, stream);
        (void)flags;
        (void)data;
        (void)context;
        if (r)
                r->got += n;
        if (!r || !r->watch)
                return 0;
        if (is_watching && put_at > 0 && seen_count < SAMPLES) {
                seen[seen_count++] = (result_clock(CLOCK_MONOTONIC) - put_at) * 1e3;
                put_at = 0;
        }
        is_watching = true; /* its first answer says that the watch stands */
        return 0;
}

static int on_close(nghttp2_session *s, int32_t stream, uint32_t error, void *context)
{
        struct request *r = nghttp2_session_get_stream_user_data(s, stream);
        (void)context;
        if (!r)
                return 0;
        failed += error || r->got < 6 || r->watch;
        answered++;
        if (kind != WATCH)
                put_user(r->of, r);
        return 0;
}

static void flush(struct connection *c)
{
        const uint8_t *p;
        for (ssize_t n; (n = nghttp2_session_mem_send(c->session, &p)) > 0;)
                while (n) {
                        const ssize_t k = send(c->fd, p, (size_t)n, MSG_NOSIGNAL);
                        if (k < 0 && errno != EAGAIN)
                                die("send");
                        if (k > 0) {
                                p += k;
                                n -= k;
                        }
                }
}

static void open_connection(struct connection *c, unsigned port, const nghttp2_session_callbacks *callbacks)
{
        const struct sockaddr_in at = {.sin_family = AF_INET,
                                       .sin_port = htons((uint16_t)port),
                                       .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        const nghttp2_settings_entry settings[] = {{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 1 << 24},
                                                   {NGHTTP2_SETTINGS_ENABLE_PUSH, 0}};
        const int on = 1;
        c->fd = socket(AF_INET, SOCK_STREAM, 0);
        if (c->fd < 0 || connect(c->fd, (const struct sockaddr *)&at, sizeof(at)) < 0)
                die("connect");
        setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        fcntl(c->fd, F_SETFL, O_NONBLOCK);
        if (nghttp2_session_client_new(&c->session, callbacks, c) < 0)
                die("session");
        nghttp2_submit_settings(c->session, 0, settings, 2);
        nghttp2_session_set_local_window_size(c->session, 0, 0, 1 << 28);
}

static void take(struct connection *c)
{
        static uint8_t room[1 << 17];
        const ssize_t n = recv(c->fd, room, sizeof(room), 0);
        if (n == 0)
                die("the server closed a connection");
        if (n > 0 && nghttp2_session_mem_recv(c->session, room, (size_t)n) < 0)
                die("HTTP/2");
        flush(c);
}

static void drive(int set, struct connection *c, double end)
{
        struct epoll_event ready[CONNECTIONS_MOST];
        double next = 0;
        while (result_clock(CLOCK_MONOTONIC) < end && !(kind == LOAD && answered == users)) {
                const int n = epoll_wait(set, ready, CONNECTIONS_MOST, kind == WATCH ? 1 : 500);
                for (int i = 0; i < n; i++)
                        take(ready[i].data.ptr);
                const double now = result_clock(CLOCK_MONOTONIC);
                if (kind == WATCH && is_watching && put_at == 0 && now > next) {
                        next = now + 0.005; /* single changes, not a burst */
                        put_user(&c[1], &c[1].request[answered % IN_FLIGHT_MOST]);
                        flush(&c[1]);
                }
        }
}

static void say(const char *question, double took)
{
        char key[80];
        if (kind == LOAD)
                result(question, users, "etcd", took, "s");
        else if (kind == PUT)
                result(question, users, "etcd", (double)answered / took, "/s");
        if (kind != WATCH)
                return;
        snprintf(key, sizeof(key), "%s.p50", question);
        result(key, users, "etcd watch", result_quantile(seen, seen_count, 0.5), "ms");
        snprintf(key, sizeof(key), "%s.p99", question);
        result(key, users, "etcd watch", result_quantile(seen, seen_count, 0.99), "ms");
}

int main(int argc, char **argv)
{
        static struct connection c[CONNECTIONS_MOST];
        nghttp2_session_callbacks *callbacks;
        if (argc != 8) {
                fprintf(stderr,
                        "usage: bench-etcd-load load|put|watch PORT USERS CONNECTIONS IN-FLIGHT SECONDS "
                        "QUESTION\n");
                return 2;
        }
        kind = argv[1][0] == 'l' ? LOAD : argv[1][0] == 'p' ? PUT : WATCH;
        users = (uint32_t)strtoul(argv[3], NULL, 10);
        const unsigned port = (unsigned)strtoul(argv[2], NULL, 10),
                       connections = kind == WATCH ? 2 : (unsigned)strtoul(argv[4], NULL, 10),
                       in_flight = (unsigned)strtoul(argv[5], NULL, 10);
        const int set = epoll_create1(0);
        if (!users || connections < 1 || connections > CONNECTIONS_MOST || in_flight < 1 ||
            in_flight > IN_FLIGHT_MOST || set < 0 || nghttp2_session_callbacks_new(&callbacks) < 0)
                die("numbers");
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
        nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
        snprintf(authority, sizeof(authority), "127.0.0.1:%u", port);
        asked = (uint64_t)getpid() << 32;
        for (unsigned i = 0; i < connections; i++) {
                struct epoll_event e = {.events = EPOLLIN, .data.ptr = &c[i]};
                open_connection(&c[i], port, callbacks);
                epoll_ctl(set, EPOLL_CTL_ADD, c[i].fd, &e);
                for (unsigned k = 0; kind != WATCH && k < in_flight; k++)
                        put_user(&c[i], &c[i].request[k]);
                if (kind == WATCH && i == 0)
                        watch(&c[0]);
                flush(&c[i]);
        }
        put_at = 0;
        const double limit = strtod(argv[6], NULL);
        if (kind != LOAD)
                drive(set, c, result_clock(CLOCK_MONOTONIC) + WARM_UP_S);
        if (kind != LOAD)
                answered = seen_count = 0;
        const double begin = result_clock(CLOCK_MONOTONIC);
        drive(set, c, begin + limit);
        const double took = result_clock(CLOCK_MONOTONIC) - begin;
        if (failed || !answered || (kind == LOAD && answered != users)) {
                fprintf(stderr, "bench-etcd-load: %llu answers, %llu failed\n", (unsigned long long)answered,
                        (unsigned long long)failed);
                return 1;
        }
        say(argv[7], took);
        return 0;
}
