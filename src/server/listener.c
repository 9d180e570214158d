#include "server/listener.h"

#include "base/text.h"
#include "server/dispatch.h"
#include "server/server.h"
#include "sys/clock.h"
#include "sys/fs.h"
#include "sys/log.h"

#include <errno.h>
#include <libgen.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG     511
#define ACCEPT_MOST 64u /* connections taken in one go */

struct door {
        struct door *next;
        struct server *server;
        int fd;
        struct event event;
        bool udp, local;       /* local: the UNIX socket */
        unsigned doors;        /* RPC_NI ... */
        struct domain *domain; /* of a tag's own port: a reference */
        struct endpoint asked; /* as configured */
        uint16_t port;
};

/* -- accepting -- */

static struct worker *least_busy(struct server *s)
{
        struct worker *best = &s->worker[0];
        for (unsigned i = 1; i < s->workers; i++)
                if (s->worker[i].conns < best->conns)
                        best = &s->worker[i];
        return best;
}

static void admit(struct door *door, int fd)
{
        struct server *s = door->server;
        struct worker *evict = NULL;
        struct peer peer;
        uint64_t evict_id = 0;
        const int on = 1;
        if (!peer_of_socket(fd, &peer) || !peer_may_call(&peer, s->config)) {
                close(fd); /* accepted and closed at once (protocol.md 3.4) */
                return;
        }
        if (!door->local)
                setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        struct domain *d = door->domain ? domain_hold(door->domain) : NULL;
        struct conn *c = conn_new(least_busy(s), fd, &peer, door->doors, d);
        if (!c) {
                close(fd);
                domain_release(d);
                return;
        }
        if (admission_enter(s->admission, &c->visitor, &peer, s->config, server_most_connections(s->config),
                            clock_mono_ms(), &evict, &evict_id) != ADMITTED) {
                log_event(LOG_LEVEL_DEBUG, "refuse", "peer=\"%s\" reason=\"too many connections\"",
                          peer.text);
                conn_discard(c);
                return;
        }
        if (evict)
                worker_evict(evict, evict_id);
        worker_adopt(c->worker, c);
}

static void on_accept(evutil_socket_t fd, short what, void *context)
{
        struct door *door = context;
        (void)what;
        for (unsigned i = 0; i < ACCEPT_MOST; i++) {
                const int got = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
                if (got >= 0) {
                        admit(door, got);
                        continue;
                }
                if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
                        log_event(LOG_LEVEL_WARNING, "accept-paused", "reason=\"%s\"", strerror(errno));
                        listeners_pause(door->server, true); /* the main loop's tick goes on */
                }
                if (errno != ECONNABORTED && errno != EINTR)
                        return;
        }
}

/* -- datagrams -- */

union control { /* room for where a datagram came to, so that the answer leaves from there */
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(struct in_pktinfo)) + CMSG_SPACE(sizeof(struct in6_pktinfo))];
};

static void on_datagram(evutil_socket_t fd, short what, void *context)
{
        struct door *door = context;
        struct server *s = door->server;
        uint8_t room[NI_UDP_MAX];
        union control control;
        struct endpoint from;
        struct arena a;
        struct buf out;
        (void)what;
        arena_init(&a, LIMIT_CALL);
        buf_init(&out, LIMIT_CALL);
        for (unsigned i = 0; i < LIMIT_DATAGRAMS; i++) {
                struct iovec part = {.iov_base = room, .iov_len = sizeof(room)};
                struct msghdr m = {.msg_name = &from.at,
                                   .msg_namelen = sizeof(from.at),
                                   .msg_iov = &part,
                                   .msg_iovlen = 1,
                                   .msg_control = &control,
                                   .msg_controllen = sizeof(control)};
                const ssize_t n = recvmsg(fd, &m, MSG_DONTWAIT);
                if (n < 0)
                        break;
                const struct peer peer = peer_of_address(&from.at.sa, NULL);
                buf_clear(&out);
                if (m.msg_flags & MSG_TRUNC)
                        s->datagrams_dropped++;
                else
                        dispatch_datagram(s, door->domain, &peer, bytes_of(room, (size_t)n), &a, &out);
                arena_reset(&a);
                if (!out.len)
                        continue;
                part = (struct iovec){.iov_base = out.data, .iov_len = out.len};
                m.msg_flags = 0;
                if (sendmsg(fd, &m, MSG_DONTWAIT) < 0)
                        s->datagrams_dropped++;
        }
        arena_done(&a);
        buf_done(&out);
}

/* -- opening -- */

static struct door *new_door(struct server *s, int fd, struct door fill)
{
        struct door *door = malloc(sizeof(*door));
        if (!door)
                return NULL;
        *door = fill;
        door->server = s;
        door->fd = fd;
        if (event_assign(&door->event, s->loop.base, fd, EV_READ | EV_PERSIST,
                         door->udp ? on_datagram : on_accept, door) < 0 ||
            event_add(&door->event, NULL) < 0) {
                free(door);
                return NULL;
        }
        if (door->domain)
                domain_hold(door->domain);
        door->next = s->listeners.first;
        s->listeners.first = door;
        return door;
}

static void close_door(struct door *door)
{
        event_del(&door->event);
        close(door->fd);
        domain_release(door->domain);
        free(door);
}

static socklen_t length_of(const struct endpoint *e)
{
        return e->at.sa.sa_family == AF_INET ? sizeof(e->at.in) : sizeof(e->at.in6);
}

static uint16_t port_of(const struct endpoint *e)
{
        return ntohs(e->at.sa.sa_family == AF_INET ? e->at.in.sin_port : e->at.in6.sin6_port);
}

static struct endpoint with_port(struct endpoint e, uint16_t port)
{
        if (e.at.sa.sa_family == AF_INET)
                e.at.in.sin_port = htons(port);
        else
                e.at.in6.sin6_port = htons(port);
        return e;
}

static void endpoint_text(const struct endpoint *e, char *to, size_t cap)
{
        char text[46];
        const struct address a = address_of(&e->at.sa, NULL);
        const bool v6 = e->at.sa.sa_family == AF_INET6;
        address_text(&a, text, sizeof(text));
        snprintf(to, cap, "%s%s%s:%u", v6 ? "[" : "", text, v6 ? "]" : "", port_of(e));
}

/* A bound (and listening) socket, or -1 with errno. */
static int bind_socket(const struct endpoint *e, bool udp, uint16_t *ret_port)
{
        const int on = 1, family = e->at.sa.sa_family;
        struct endpoint bound = {0};
        socklen_t n = sizeof(bound.at);
        const int fd = socket(family, (udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return -1;
        if (family == AF_INET6)
                setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
        if (udp)
                setsockopt(fd, family == AF_INET6 ? IPPROTO_IPV6 : IPPROTO_IP,
                           family == AF_INET6 ? IPV6_RECVPKTINFO : IP_PKTINFO, &on, sizeof(on));
        else
                setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
        if (bind(fd, &e->at.sa, length_of(e)) < 0 || (!udp && listen(fd, BACKLOG) < 0) ||
            getsockname(fd, &bound.at.sa, &n) < 0) {
                const int err = errno;
                close(fd);
                errno = err;
                return -1;
        }
        *ret_port = port_of(&bound);
        return fd;
}

static void explain(const struct endpoint *e, bool udp, int err, char *to, size_t cap)
{
        char where[64], holder[160] = "somebody this user may not see";
        endpoint_text(e, where, sizeof(where));
        const char *kind = udp ? "udp" : "tcp";
        if (err == EADDRINUSE) {
                holder_find(port_of(e), udp, holder, sizeof(holder));
                snprintf(to, cap,
                         "%s %s is held by %s; stop that, or choose another port: --listen ADDRESS:PORT, or "
                         "`listen` in netinfod.conf",
                         kind, where, holder);
        } else if (err == EACCES) {
                snprintf(to, cap,
                         "%s %s: this user may not open ports below 1024; start as root, or choose another "
                         "port "
                         "with --listen",
                         kind, where);
        } else {
                snprintf(to, cap, "%s %s: %s", kind, where, strerror(err));
        }
}

static bool open_main(struct server *s, const struct endpoint *e, bool udp, struct config_why *why)
{
        struct door fill = {.udp = udp, .doors = RPC_NI | RPC_BINDER | RPC_EXT, .asked = *e};
        const int fd = bind_socket(e, udp, &fill.port);
        if (fd < 0 && e->optional && (errno == EADDRNOTAVAIL || errno == EAFNOSUPPORT))
                return true;
        if (fd < 0) {
                explain(e, udp, errno, why->text, sizeof(why->text));
                return false;
        }
        if (!new_door(s, fd, fill)) {
                close(fd);
                snprintf(why->text, sizeof(why->text), "out of memory");
                return false;
        }
        char where[64];
        const struct endpoint at = with_port(*e, fill.port);
        endpoint_text(&at, where, sizeof(where));
        log_event(LOG_LEVEL_INFO, "listen", "%s=%s", udp ? "udp" : "tcp", where);
        return true;
}

/* A socket file that nobody listens on is left over from a crash. */
static bool socket_answers(const struct sockaddr_un *at)
{
        const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        const bool yes = fd >= 0 && connect(fd, (const struct sockaddr *)(const void *)at, sizeof(*at)) == 0;
        if (fd >= 0)
                close(fd);
        return yes;
}

static int bind_local(const char *path, struct config_why *why)
{
        struct sockaddr_un at = {.sun_family = AF_UNIX};
        char folder[sizeof(at.sun_path)];
        if (strlen(path) >= sizeof(at.sun_path)) {
                snprintf(why->text, sizeof(why->text),
                         "socket %.120s: the path is longer than %zu bytes; choose a shorter one with "
                         "--socket",
                         path, sizeof(at.sun_path) - 1);
                return -1;
        }
        memcpy(at.sun_path, path, strlen(path) + 1);
        memcpy(folder, path, strlen(path) + 1);
        fs_make_folders(dirname(folder), 0755);
        if (socket_answers(&at)) {
                snprintf(why->text, sizeof(why->text),
                         "socket %s: another server answers there; stop it, or choose another path with "
                         "--socket",
                         path);
                return -1;
        }
        unlink(path);
        const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (fd < 0 || bind(fd, (const struct sockaddr *)&at, sizeof(at)) < 0 || chmod(path, 0666) < 0 ||
            listen(fd, BACKLOG) < 0) {
                snprintf(why->text, sizeof(why->text), "socket %s: %s", path, strerror(errno));
                if (fd >= 0)
                        close(fd);
                return -1;
        }
        return fd;
}

static bool open_local(struct server *s, struct config_why *why)
{
        const char *path = s->config->socket;
        if (!path[0])
                return true;
        const int fd = bind_local(path, why);
        if (fd < 0)
                return false;
        if (!new_door(s, fd, (struct door){.local = true, .doors = RPC_NI | RPC_BINDER | RPC_EXT})) {
                close(fd);
                snprintf(why->text, sizeof(why->text), "out of memory");
                return false;
        }
        log_event(LOG_LEVEL_INFO, "listen", "socket=%s", path);
        return true;
}

bool listeners_open(struct server *s, struct config_why *why)
{
        const struct config *c = s->config;
        for (unsigned i = 0; i < c->listen.n; i++)
                if (!open_main(s, &c->listen.v[i], false, why) ||
                    (config_udp(c) && !open_main(s, &c->listen.v[i], true, why)))
                        return false;
        return open_local(s, why);
}

/* -- a tag's own ports -- */

static uint16_t port_option(struct dir_request *rq, const char *name)
{
        bool present = false;
        uint64_t port = 0;
        const struct bytes v = dir_root_option(rq, name, NULL, &present);
        return text_u64(v, 65535, &port) ? (uint16_t)port : 0;
}

/* tcp_port and udp_port before port (protocol.md 1.4); then 1033 for `local` where old libraries expect it.
 */
static void wanted_ports(const struct server *s, struct domain *d, uint16_t *ret_tcp, uint16_t *ret_udp)
{
        const struct caller nobody = {0};
        const struct dir_policy policy = {0};
        struct arena a;
        uint16_t tcp = 0, udp = 0, both = 0;
        arena_init(&a, LIMIT_ARENA);
        struct dir_request rq = {
                .txn = domain_read_begin(d, SLOT_MAIN), .caller = &nobody, .policy = &policy, .arena = &a};
        if (rq.txn) {
                tcp = port_option(&rq, "tcp_port");
                udp = port_option(&rq, "udp_port");
                both = port_option(&rq, "port");
                domain_read_end(d, SLOT_MAIN);
        }
        arena_done(&a);
        if (!both && s->config->historical && strcmp(d->tag, "local") == 0)
                both = NI_LOCAL_PORT;
        *ret_tcp = tcp ? tcp : both;
        *ret_udp = udp ? udp : both;
}

/* On every address of tag_listen, with one number: `wanted`, or any when that cannot be had. */
static uint16_t open_tag(struct server *s, struct domain *d, bool udp, uint16_t wanted)
{
        const struct endpoints *l = &s->config->tag_listen;
        uint16_t port = wanted;
        for (unsigned i = 0; i < l->n; i++) {
                struct door fill = {.udp = udp, .doors = RPC_NI, .domain = d};
                struct endpoint e = with_port(l->v[i], port);
                int fd = bind_socket(&e, udp, &fill.port);
                if (fd < 0) {
                        char text[384];
                        explain(&e, udp, errno, text, sizeof(text));
                        log_event(LOG_LEVEL_WARNING, "tag-port", "tag=%s reason=\"%s\"", d->tag, text);
                        e = with_port(e, 0);
                        fd = i == 0 && port ? bind_socket(&e, udp, &fill.port) : -1;
                }
                if (fd < 0)
                        continue;
                if (!new_door(s, fd, fill))
                        close(fd);
                else if (i == 0)
                        port = fill.port;
        }
        return l->n ? port : 0;
}

void listeners_open_tag(struct server *s, struct domain *d)
{
        uint16_t tcp, udp;
        wanted_ports(s, d, &tcp, &udp);
        d->tcp_port = open_tag(s, d, false, tcp);
        d->udp_port = config_udp(s->config) ? open_tag(s, d, true, udp) : 0;
}

/* -- closing, pausing, reloading -- */

void listeners_close_tag(struct server *s, const struct domain *d)
{
        for (struct door **at = &s->listeners.first; *at;) {
                struct door *door = *at;
                if (door->domain != d) {
                        at = &door->next;
                        continue;
                }
                *at = door->next;
                close_door(door);
        }
}

void listeners_close(struct server *s)
{
        while (s->listeners.first) {
                struct door *door = s->listeners.first;
                s->listeners.first = door->next;
                if (door->local && s->config->socket[0])
                        unlink(s->config->socket);
                close_door(door);
        }
}

void listeners_pause(struct server *s, bool pause)
{
        for (struct door *door = s->listeners.first; door; door = door->next) {
                if (door->udp)
                        continue;
                if (pause)
                        event_del(&door->event);
                else
                        event_add(&door->event, NULL);
        }
        s->accept_paused = pause;
}

static bool same_endpoint(const struct endpoint *a, const struct endpoint *b)
{
        uint16_t port_a, port_b;
        const struct address x = address_of(&a->at.sa, &port_a), y = address_of(&b->at.sa, &port_b);
        return port_a == port_b && a->at.sa.sa_family == b->at.sa.sa_family && address_equal(&x, &y);
}

static bool wanted_by(const struct config *c, const struct door *door)
{
        if (door->domain || door->local)
                return true;
        if (door->udp && !config_udp(c))
                return false;
        for (unsigned i = 0; i < c->listen.n; i++)
                if (same_endpoint(&c->listen.v[i], &door->asked))
                        return true;
        return false;
}

static bool is_open(const struct server *s, const struct endpoint *e, bool udp)
{
        for (const struct door *door = s->listeners.first; door; door = door->next)
                if (!door->domain && !door->local && door->udp == udp && same_endpoint(&door->asked, e))
                        return true;
        return false;
}

bool listeners_reload(struct server *s, const struct config *c)
{
        struct config_why why;
        bool all = true;
        for (unsigned i = 0; i < c->listen.n; i++) {
                for (unsigned udp = 0; udp < (config_udp(c) ? 2u : 1u); udp++) {
                        if (is_open(s, &c->listen.v[i], udp) || open_main(s, &c->listen.v[i], udp, &why))
                                continue;
                        log_event(LOG_LEVEL_ERROR, "listen-failed", "reason=\"%s\"", why.text);
                        all = false;
                }
        }
        for (struct door **at = &s->listeners.first; *at;) {
                struct door *door = *at;
                if (wanted_by(c, door)) {
                        at = &door->next;
                        continue;
                }
                *at = door->next;
                close_door(door);
        }
        return all;
}

uint16_t listeners_main_port(const struct server *s, bool udp)
{
        uint16_t port = 0;
        for (const struct door *door = s->listeners.first; door; door = door->next)
                if (!door->domain && !door->local && door->udp == udp)
                        port = door->port; /* the list is in reverse order: the first one configured stays */
        return port;
}
