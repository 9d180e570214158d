#include "server/parent-internal.h"

#include "client/client.h"
#include "server/parent_wire.h"
#include "sys/clock.h"
#include "sys/log.h"
#include "sys/random.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define CHANGE_LEAST_MS 5000u   /* a domain that is written to all the time is looked at so often */
#define NEWS_REST_MS    200000u /* us: interfaces change in bursts */

/* A worker answered NI_RPARENT: its note, with its reference to the domain. */
static void parent_asked(struct note *note, void *server);

/* -- what others see -- */

struct binding_answer parent_answer(struct domain *d, bool asks, struct server *s)
{
        pthread_mutex_lock(&d->parent.mutex);
        const struct binding_answer a = d->parent.answer;
        pthread_mutex_unlock(&d->parent.mutex);
        if (asks && s->parents && !atomic_exchange(&d->parent.posted, true)) {
                domain_hold(d);
                d->parent.asked.run = parent_asked;
                loop_post(&s->loop, &d->parent.asked);
        }
        return a;
}

enum ni_status parent_status(const struct binding_answer *a, const struct config *c)
{
        if (a->state == BINDING_IS_BOUND)
                return NI_OK;
        const bool waiting = a->state == BINDING_IS_UNKNOWN || a->state == BINDING_IS_SILENT;
        return waiting && c->wait_for_parent ? NI_NORESPONSE : NI_NETROOT;
}

static void server_text(const struct binding_server *s, char *to, size_t cap)
{
        char text[46];
        const struct address a = address_from_ipv4(s->addr);
        address_text(&a, text, sizeof(text));
        snprintf(to, cap, "%s/%s", text, s->tag);
}

void parent_text(const struct binding_answer *a, char *to, size_t cap)
{
        static const char *const words[] = {"unknown", "root",          "forcedRoot",
                                            "",        "notResponding", "notResponding"};
        if (a->state == BINDING_IS_BOUND)
                server_text(&a->parent, to, cap);
        else
                snprintf(to, cap, "%s", words[a->state]);
}

/* -- actions -- */

static void send_query(struct parent *p, const struct binding_action *a)
{
        struct parents *all = p->all;
        char host[256] = "";
        if (parent_secure_ask(all, a))
                return;
        gethostname(host, sizeof(host) - 1);
        const struct auth_sys sys = {.stamp = (uint32_t)(clock_wall_us() / 1000000u),
                                     .uid = (uint32_t)geteuid(),
                                     .gid = (uint32_t)getegid(),
                                     .machine = bytes_str(host)};
        const struct sockaddr_in to = {
                .sin_family = AF_INET, .sin_port = htons(a->port), .sin_addr = {htonl(a->to)}};
        buf_clear(&all->out);
        parent_query_encode(a, p->domain->tag, &sys, &all->out);
        if (all->out.failed || sendto(all->fd, all->out.data, all->out.len, MSG_DONTWAIT,
                                      (const struct sockaddr *)&to, sizeof(to)) < 0) {
                /* no route, a full queue: as if it were lost on the way; the core asks again */
        }
}

static void tell(struct parent *p, const struct binding_action *a)
{
        char where[96];
        const char *tag = p->domain->tag;
        server_text(&a->server, where, sizeof(where));
        switch (a->news) {
        case BINDING_NOW_BOUND:
                log_event(LOG_LEVEL_NOTICE, "bound", "tag=%s parent=%s reason=\"%s\"", tag, where, a->reason);
                break;
        case BINDING_NOW_UNBOUND:
                log_event(LOG_LEVEL_NOTICE, "unbound", "tag=%s parent=%s reason=\"%s\"", tag, where,
                          a->reason);
                break;
        case BINDING_NOW_ROOT:
                log_event(LOG_LEVEL_INFO, "root", "tag=%s reason=\"%s\"", tag, a->reason);
                break;
        case BINDING_NOW_SILENT:
                log_event(LOG_LEVEL_WARNING, "no-parent", "tag=%s reason=\"%s\"", tag, a->reason);
                break;
        case BINDING_NOW_LOOP:
                log_event(LOG_LEVEL_ERROR, "parent-loop",
                          "tag=%s server=%s reason=\"%s\" way_out=\"look at serves in /machines, or at "
                          "parent_servers, of both\"",
                          tag, where, a->reason);
                break;
        }
}

static void set_timer(struct parent *p, uint64_t now, uint64_t wake)
{
        const uint64_t ms = wake > now ? wake - now : 0;
        const struct timeval wait = {.tv_sec = (time_t)(ms / 1000),
                                     .tv_usec = (suseconds_t)(ms % 1000 * 1000)};
        if (wake == UINT64_MAX)
                event_del(&p->timer);
        else
                event_add(&p->timer, &wait);
}

void parent_step(struct parent *p, struct binding_event *e)
{
        struct parents *all = p->all;
        struct binding_actions *out = &all->actions;
        if (p->gone || all->stopping)
                return;
        e->now = clock_mono_ms();
        binding_step(p->core, e, out);
        const struct binding_answer a = binding_answer(p->core);
        pthread_mutex_lock(&p->domain->parent.mutex);
        p->domain->parent.answer = a;
        pthread_mutex_unlock(&p->domain->parent.mutex);
        set_timer(p, e->now, out->wake);
        for (unsigned i = 0; i < out->n; i++) {
                const struct binding_action *act = &out->v[i];
                switch (act->kind) {
                case BINDING_LOOK:
                        parent_look_begin(p);
                        break;
                case BINDING_SEND:
                        send_query(p, act);
                        break;
                case BINDING_CLIMB:
                        parent_climb_begin(p, act);
                        break;
                case BINDING_TELL:
                        tell(p, act);
                        break;
                }
        }
}

static void step(struct parent *p, enum binding_event_kind kind)
{
        struct binding_event e = {.kind = kind};
        parent_step(p, &e);
}

/* -- events -- */

static void on_time(evutil_socket_t fd, short what, void *context)
{
        (void)fd;
        (void)what;
        step(context, BINDING_TIME);
}

static struct parent *who_wants(struct parents *all, const struct binding_reply *r, enum binding_query *ret)
{
        for (struct parent *p = all->first; p; p = p->next)
                if (!p->gone && binding_wants(p->core, r->xid, r->from, r->from_port, ret))
                        return p;
        return NULL;
}

bool parent_deliver(struct parents *all, const struct binding_reply *r)
{
        enum binding_query query;
        struct binding_event e = {.kind = BINDING_REPLIED, .reply = r};
        struct parent *p = who_wants(all, r, &query);
        if (p)
                parent_step(p, &e);
        return p != NULL;
}

static void take_datagram(struct parents *all, struct bytes datagram, const struct sockaddr_in *from)
{
        struct binding_reply r = {.from = ntohl(from->sin_addr.s_addr), .from_port = ntohs(from->sin_port)};
        enum binding_query query;
        struct parent *p = parent_reply_xid(datagram, &r.xid) ? who_wants(all, &r, &query) : NULL;
        struct binding_event e = {.kind = BINDING_REPLIED, .reply = &r};
        if (p && parent_reply_decode(query, datagram, &r))
                parent_step(p, &e);
        else
                all->dropped++;
}

static void on_datagram(evutil_socket_t fd, short what, void *context)
{
        struct parents *all = context;
        uint8_t room[NI_UDP_MAX];
        (void)what;
        for (unsigned i = 0; i < LIMIT_DATAGRAMS; i++) {
                struct sockaddr_in from;
                socklen_t len = sizeof(from);
                const ssize_t n = recvfrom(fd, room, sizeof(room), MSG_DONTWAIT | MSG_TRUNC,
                                           (struct sockaddr *)&from, &len);
                if (n < 0)
                        return;
                if ((size_t)n > sizeof(room) || len != sizeof(from) || from.sin_family != AF_INET)
                        all->dropped++;
                else
                        take_datagram(all, bytes_of(room, (size_t)n), &from);
        }
}

/* Links and addresses changed: what exactly is looked at later, by getifaddrs. */
static void on_news(evutil_socket_t fd, short what, void *context)
{
        struct parents *all = context;
        const struct timeval rest = {.tv_usec = NEWS_REST_MS};
        char room[8192];
        (void)what;
        for (unsigned i = 0; i < LIMIT_DATAGRAMS && recv(fd, room, sizeof(room), MSG_DONTWAIT) > 0; i++)
                ;
        if (!event_pending(&all->news_timer, EV_TIMEOUT, NULL))
                event_add(&all->news_timer, &rest);
}

static void on_network_changed(evutil_socket_t fd, short what, void *context)
{
        struct parents *all = context;
        (void)fd;
        (void)what;
        for (struct parent *p = all->first; p; p = p->next)
                step(p, BINDING_CHANGED);
}

static void parent_asked(struct note *note, void *server)
{
        struct domain *d = (struct domain *)((char *)note - offsetof(struct domain, parent.asked));
        struct server *s = server;
        atomic_store(&d->parent.posted, false);
        for (struct parent *p = s->parents ? s->parents->first : NULL; p; p = p->next)
                if (p->domain == d)
                        step(p, BINDING_ASKED);
        domain_release(d);
}

void parents_tick(struct parents *all)
{
        const uint64_t now = clock_mono_ms();
        if (!all || all->stopping)
                return;
        parent_secure_forget(all, false);
        if (parent_dhcp_changed(all)) {
                parent_read_dhcp(all);
                for (struct parent *p = all->first; p; p = p->next)
                        step(p, BINDING_CHANGED);
        }
        for (struct parent *p = all->first; p; p = p->next) {
                if (p->look.wanted)
                        parent_look_begin(p);
                if (p->gone || p->look.under_way || !p->look.known || p->look.seq == p->domain->seq ||
                    binding_answer(p->core).state == BINDING_IS_BOUND ||
                    now - p->changed_ms < CHANGE_LEAST_MS)
                        continue;
                p->changed_ms = now;
                step(p, BINDING_CHANGED);
        }
}

void parents_reload(struct parents *all)
{
        if (!all)
                return;
        parent_read_dhcp(all);
        parent_secure_forget(all, true);
        for (struct parent *p = all->first; p; p = p->next)
                step(p, BINDING_FORGET);
}

/* -- life -- */

static void close_all(struct parents *all)
{
        if (all->fd >= 0)
                close(all->fd);
        if (all->news_fd >= 0)
                close(all->news_fd);
        if (all->stop_fd >= 0)
                close(all->stop_fd);
        buf_done(&all->out);
        free(all);
}

struct parents *parents_new(struct server *s, int *ret_errno)
{
        struct parents *all = calloc(1, sizeof(*all));
        const int on = 1;
        *ret_errno = ENOMEM;
        if (!all)
                return NULL;
        all->server = s;
        all->news_fd = -1;
        buf_init(&all->out, NI_UDP_MAX);
        all->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        all->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (all->fd < 0 || all->stop_fd < 0 ||
            setsockopt(all->fd, SOL_SOCKET, SO_BROADCAST, &on, sizeof(on)) < 0) {
                *ret_errno = errno;
                close_all(all);
                return NULL;
        }
        return all;
}

/* News of the kernel's interfaces; without them the parent's next check finds out. */
static void open_news(struct parents *all)
{
        const struct sockaddr_nl at = {.nl_family = AF_NETLINK,
                                       .nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR};
        all->news_fd = socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE);
        if (all->news_fd < 0 || bind(all->news_fd, (const struct sockaddr *)&at, sizeof(at)) < 0 ||
            event_assign(&all->news, all->server->loop.base, all->news_fd, EV_READ | EV_PERSIST, on_news,
                         all) < 0 ||
            event_add(&all->news, NULL) < 0)
                log_event(LOG_LEVEL_NOTICE, "no-network-news", "reason=\"%s\"", strerror(errno));
}

int parents_start(struct parents *all)
{
        struct event_base *base = all->server->loop.base;
        all->climbers = pool_start(2, LIMIT_DOMAINS * 2, all->server);
        all->probers = pool_start(4, LIMIT_PARENT_PROBES * 2, all->server);
        if (!all->climbers || !all->probers ||
            event_assign(&all->readable, base, all->fd, EV_READ | EV_PERSIST, on_datagram, all) < 0 ||
            event_add(&all->readable, NULL) < 0 ||
            event_assign(&all->news_timer, base, -1, 0, on_network_changed, all) < 0)
                return ENOMEM;
        open_news(all);
        parent_read_dhcp(all);
        all->started = true;
        for (struct parent *p = all->first; p; p = p->next)
                step(p, BINDING_START);
        return 0;
}

void parents_add(struct parents *all, struct domain *d)
{
        uint64_t seed;
        if (d->state == DOMAIN_BROKEN)
                return;
        struct parent *p = calloc(1, sizeof(*p));
        random_bytes(&seed, sizeof(seed));
        if (p)
                p->core = binding_new(d->tag, seed);
        if (!p || !p->core || event_assign(&p->timer, all->server->loop.base, -1, 0, on_time, p) < 0) {
                log_event(LOG_LEVEL_ERROR, "no-parent", "tag=%s reason=\"out of memory\"", d->tag);
                if (p)
                        binding_free(p->core);
                free(p);
                return;
        }
        p->all = all;
        p->domain = domain_hold(d);
        p->next = all->first;
        all->first = p;
        if (all->started)
                step(p, BINDING_START);
}

static void free_parent(struct parent *p)
{
        binding_free(p->core);
        domain_release(p->domain);
        free(p);
}

/* Those that were removed, as soon as no thread has them in hand. */
static void sweep(struct parents *all)
{
        for (struct parent **at = &all->first; *at;) {
                struct parent *p = *at;
                if (!p->gone || p->look.under_way || p->climb.under_way) {
                        at = &p->next;
                        continue;
                }
                *at = p->next;
                free_parent(p);
        }
}

void parents_remove(struct parents *all, const struct domain *d)
{
        for (struct parent *p = all ? all->first : NULL; p; p = p->next)
                if (p->domain == d && !p->gone) {
                        p->gone = true;
                        event_del(&p->timer);
                }
        if (all)
                sweep(all);
}

void parents_stop(struct parents *all)
{
        const uint64_t one = 1;
        if (!all || all->stopping)
                return;
        all->stopping = true;
        if (write(all->stop_fd, &one, sizeof(one)) < 0) {
                /* full: it is readable already */
        }
        if (event_initialized(&all->readable))
                event_del(&all->readable);
        if (event_initialized(&all->news))
                event_del(&all->news);
        if (event_initialized(&all->news_timer))
                event_del(&all->news_timer);
        for (struct parent *p = all->first; p; p = p->next)
                event_del(&p->timer);
        pool_stop(all->climbers);
        pool_stop(all->probers);
}

void parents_free(struct parents *all)
{
        if (!all)
                return;
        for (unsigned i = 0; i < LIMIT_PARENT_PROBES; i++)
                client_close(all->probe[i].client);
        while (all->first) {
                struct parent *p = all->first;
                all->first = p->next;
                free_parent(p);
        }
        close_all(all);
}
