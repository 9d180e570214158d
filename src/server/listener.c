#include "server/listener.h"

#include "base/text.h"
#include "server/conn_tls.h"
#include "server/dispatch.h"
#include "server/endpoint.h"
#include "server/portmap.h"
#include "server/portmap_wire.h"
#include "server/server.h"
#include "sys/clock.h"
#include "sys/log.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* What strangers can make happen as often as they like. */
static struct log_limit accept_paused_limit;

#define ACCEPT_MOST 64u /* connections taken in one go */

struct door {
        struct door *next;
        struct server *server;
        int fd;
        struct event event;
        bool udp, local;       /* local: the UNIX socket */
        bool mapper;           /* port 111 */
        bool inherited;        /* the service manager's: stays whatever the configuration says */
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
        const bool known = peer_of_socket(fd, &peer);
        const bool stranger = known && !peer_may_call(&peer, s->config);
        if (!known || (stranger && !machine_speaks_tls(s->machine))) {
                close(fd); /* accepted and closed at once (protocol.md 3.4) */
                return;
        }
        if (!door->local)
                setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        struct domain *d = door->domain ? domain_hold(door->domain) : NULL;
        const unsigned doors = door->doors | (door->local ? 0u : RPC_TLS | RPC_FIRST);
        struct conn *c = conn_new(least_busy(s), fd, &peer, doors, d);
        if (!c) {
                close(fd);
                domain_release(d);
                return;
        }
        if (stranger && !conn_tls_stranger(c)) {
                conn_discard(c);
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
                        log_limited(&accept_paused_limit, LOG_LEVEL_WARNING, "accept-paused", "reason=\"%s\"",
                                    strerror(errno));
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
                const struct datagram_origin origin = {.fd = fd, .header = &m, .callit = door->mapper};
                buf_clear(&out);
                if (m.msg_flags & MSG_TRUNC)
                        s->datagrams_dropped++;
                else if (door->mapper)
                        portmap_datagram(s, &peer, bytes_of(room, (size_t)n), &origin, &a, &out);
                else
                        dispatch_datagram(s, door->domain, &peer, bytes_of(room, (size_t)n), &origin, &a,
                                          &out);
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

/* A door on a socket that is bound already; takes it over. */
static bool add_main(struct server *s, int fd, const struct endpoint *e, bool udp, bool inherited,
                     struct config_why *why)
{
        struct door fill = {
                .udp = udp, .inherited = inherited, .doors = RPC_NI | RPC_BINDER | RPC_EXT, .asked = *e};
        struct endpoint at = *e;
        if (endpoint_of_socket(fd, &at))
                fill.port = endpoint_port(&at);
        if (!new_door(s, fd, fill)) {
                close(fd);
                snprintf(why->text, sizeof(why->text), "out of memory");
                errno = ENOMEM;
                return false;
        }
        char where[ENDPOINT_TEXT];
        endpoint_text(&at, where, sizeof(where));
        log_event(LOG_LEVEL_INFO, "listen", "%s=%s", udp ? "udp" : "tcp", where);
        return true;
}

/* why may be NULL, as in opener_port. */
static bool open_main(struct server *s, const struct endpoint *e, bool udp, struct config_why *why)
{
        struct config_why unread;
        const int fd = opener_port(s->options.opener, e, udp, OPENER_MAIN, why);
        if (fd < 0)
                return e->optional && (errno == EADDRNOTAVAIL || errno == EAFNOSUPPORT);
        return add_main(s, fd, e, udp, false, why ? why : &unread);
}

static bool is_open(const struct server *s, const struct endpoint *e, bool udp)
{
        for (const struct door *door = s->listeners.first; door; door = door->next)
                if (!door->domain && !door->local && !door->mapper && door->udp == udp &&
                    endpoint_same(&door->asked, e))
                        return true;
        return false;
}

/* Somebody else has it: it is ours later. A monitor has said so at the start, and seen more. */
static bool wait_for_door(struct server *s, const struct endpoint *e, bool udp, bool told,
                          const struct config_why *why)
{
        if (!told)
                log_event(LOG_LEVEL_ERROR, "listen-held", "reason=\"%s\" note=\"" HELD_NOTE "\"", why->text);
        return held_add(&s->listeners.held, e, udp);
}

/* Each main door of c that is not open; a held one may be waited for. False: one cannot be had, and *why says
 * which. carry_on: the others are opened all the same, and the log says it. */
static bool open_mains(struct server *s, const struct config *c, bool may_wait, bool carry_on, bool told,
                       struct config_why *why)
{
        bool all = true;
        for (unsigned i = 0; i < c->listen.n; i++)
                for (unsigned udp = 0; udp < (config_udp(c) ? 2u : 1u); udp++) {
                        const struct endpoint *e = &c->listen.v[i];
                        if (is_open(s, e, udp))
                                continue;
                        if (open_main(s, e, udp, why)) {
                                held_remove(&s->listeners.held, e, udp);
                                continue;
                        }
                        if (may_wait && errno == EADDRINUSE && wait_for_door(s, e, udp, told, why))
                                continue;
                        if (!carry_on)
                                return false;
                        log_event(LOG_LEVEL_ERROR, "listen-failed", "reason=\"%s\"", why->text);
                        all = false;
                }
        return all;
}

bool listeners_open_mapper(struct server *s, struct config_why *why)
{
        const struct door fill = {.udp = true, .mapper = true};
        const int fd = opener_mapper(s->options.opener, why);
        if (fd < 0)
                return false;
        if (!new_door(s, fd, fill)) {
                close(fd);
                snprintf(why->text, sizeof(why->text), "out of memory");
                return false;
        }
        log_event(LOG_LEVEL_INFO, "listen", "udp=0.0.0.0:%u note=\"for our binder alone\"", PMAP_PORT);
        return true;
}

static bool add_local(struct server *s, int fd, bool inherited, struct config_why *why)
{
        const struct door fill = {
                .local = true, .inherited = inherited, .doors = RPC_NI | RPC_BINDER | RPC_EXT};
        if (new_door(s, fd, fill))
                return true;
        close(fd);
        snprintf(why->text, sizeof(why->text), "out of memory");
        return false;
}

static bool open_local(struct server *s, struct config_why *why)
{
        const char *path = s->config->socket;
        const int fd = opener_local(s->options.opener, path, why);
        if (fd < 0 || !add_local(s, fd, false, why))
                return false;
        log_event(LOG_LEVEL_INFO, "listen", "socket=%s", path);
        return true;
}

/* What a service manager handed over. *ret_port, *ret_local: there was a TCP door, a UNIX socket among it. */
static bool open_inherited(struct server *s, bool *ret_port, bool *ret_local, struct config_why *why)
{
        struct inherited_socket i;
        *ret_port = *ret_local = false;
        for (unsigned n = 0; opener_inherited(s->options.opener, n, &i); n++) {
                if (i.local ? !add_local(s, i.fd, true, why) : !add_main(s, i.fd, &i.at, i.udp, true, why))
                        return false;
                *ret_local |= i.local;
                *ret_port |= !i.local && !i.udp;
        }
        return true;
}

/* Doors of `listen`: all of them, or, when some were handed over, those that an administrator wrote down. */
bool listeners_open(struct server *s, struct config_why *why)
{
        const struct config *c = s->config;
        const struct opener *o = s->options.opener;
        bool port, local;
        if (!open_inherited(s, &port, &local, why))
                return false;
        if ((c->listen_given || !port) &&
            !open_mains(s, c, held_may_wait(c, o->managed), false, o->monitor >= 0, why))
                return false;
        if (!local && c->socket[0] && !open_local(s, why))
                return false;
        return s->listeners.first || !s->listeners.held.n; /* *why is the last held one's */
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
                struct endpoint e = endpoint_with_port(l->v[i], port);
                struct config_why why = {{0}};
                int fd = opener_port(s->options.opener, &e, udp, OPENER_TAG, &why);
                if (fd < 0) {
                        log_event(LOG_LEVEL_WARNING, "tag-port", "tag=%s reason=\"%s\"", d->tag, why.text);
                        e = endpoint_with_port(e, 0);
                        fd = i == 0 && port ? opener_port(s->options.opener, &e, udp, OPENER_TAG, &why) : -1;
                }
                if (fd < 0)
                        continue;
                if (endpoint_of_socket(fd, &e))
                        fill.port = endpoint_port(&e);
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
                const bool local = door->local && !door->inherited;
                close_door(door);
                if (local)
                        opener_local_done(s->options.opener, s->config->socket);
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

static bool names_door(const struct config *c, const struct endpoint *e, bool udp)
{
        if (udp && !config_udp(c))
                return false;
        for (unsigned i = 0; i < c->listen.n; i++)
                if (endpoint_same(&c->listen.v[i], e))
                        return true;
        return false;
}

static bool wanted_by(const struct config *c, const struct door *door)
{
        if (door->domain || door->local || door->inherited || door->mapper)
                return true;
        return names_door(c, &door->asked, door->udp);
}

static bool has_inherited(const struct server *s)
{
        for (const struct door *door = s->listeners.first; door; door = door->next)
                if (door->inherited && !door->local && !door->udp)
                        return true;
        return false;
}

bool listeners_reload(struct server *s, const struct config *c)
{
        struct config_why why = {{0}};
        struct held *h = &s->listeners.held;
        for (unsigned i = h->n; i-- > 0;)
                if (!names_door(c, &h->v[i].at, h->v[i].udp))
                        held_remove(h, &h->v[i].at, h->v[i].udp);
        const bool all = (!c->listen_given && has_inherited(s)) || open_mains(s, c, true, true, false, &why);
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

/* Downwards: what is removed gives its place to one that was tried. */
void listeners_tick(struct server *s)
{
        struct held *h = &s->listeners.held;
        for (unsigned i = h->n; i-- > 0;) {
                const struct held_door door = h->v[i];
                const bool open = open_main(s, &door.at, door.udp, NULL);
                if (!open && errno == EADDRINUSE)
                        continue;
                if (!open)
                        log_event(LOG_LEVEL_ERROR, "listen-failed", "reason=\"%s\"", strerror(errno));
                held_remove(h, &door.at, door.udp);
        }
}

uint16_t listeners_main_port(const struct server *s, bool udp)
{
        uint16_t port = 0;
        for (const struct door *door = s->listeners.first; door; door = door->next)
                if (!door->domain && !door->local && !door->mapper && door->udp == udp)
                        port = door->port; /* the list is in reverse order: the first one configured stays */
        return port;
}
