#include "server/forward.h"

#include "server/endpoint.h"
#include "server/server.h"
#include "sys/clock.h"
#include "sys/random.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#define BIND_MS  2000u /* protocol.md 3.7: forwarding NI_BIND; the probe of a registered server */
#define PROBE_MS 1000u
#define TRY_MS   400u

struct forward {
        struct forward *next;
        enum nibind_proc proc;
        uint32_t xid, reply_xid; /* of our question; of the call that waits */
        uint16_t port;           /* whom we ask, on loopback */
        uint64_t deadline, retry;
        uint32_t udp_port, tcp_port; /* the answer to GETREGISTER, when it is alive */
        struct buf question;
        struct call *call; /* who waits: a call of a connection, or */
        int fd;            /* a datagram's sender; our own descriptor of the door */
        bool callit;
        struct sockaddr_storage name;
        socklen_t name_len;
        uint8_t control[LIMIT_CONTROL];
        size_t control_len;
};

struct forwards {
        struct server *server;
        struct forward *first;
        unsigned n;
        int fd;
        struct event readable, timer;
};

bool forward_wanted(struct server *s, enum nibind_proc proc, struct bytes tag)
{
        uint32_t udp, tcp;
        return (proc == NIBIND_PROC_getregister || proc == NIBIND_PROC_bind) &&
               registry_foreign(&s->registry, tag, &udp, &tcp) && udp != 0;
}

/* -- the answer -- */

static void put_result(const struct forward *f, bool yes, struct buf *out)
{
        const struct binder_result r = {
                .status = yes ? NI_OK : NI_NORESPONSE, .udp_port = f->udp_port, .tcp_port = f->tcp_port};
        binder_result_encode(f->proc, &r, out);
}

static void answer_call(struct forward *f, bool yes)
{
        struct call *call = f->call;
        if (f->proc == NIBIND_PROC_bind && !yes) {
                call_refuse_rpc(call, ACCEPT_SYSTEM_ERR);
        } else {
                call_reply_begin(call);
                put_result(f, yes, &call->reply);
                call_reply_end(call);
        }
        call_send_home(call);
}

static void answer_datagram(struct server *s, struct forward *f, bool yes)
{
        struct buf out, inner;
        buf_init(&out, NI_UDP_MAX);
        buf_init(&inner, NI_UDP_MAX);
        const bool success = yes || f->proc == NIBIND_PROC_getregister;
        put_result(f, yes, &inner);
        reply_accepted(&out, f->reply_xid, success ? ACCEPT_SUCCESS : ACCEPT_SYSTEM_ERR);
        if (f->callit) {
                xdr_put_u32(&out, listeners_main_port(s, true));
                xdr_put_opaque(&out, buf_bytes(&inner));
        } else if (success) {
                buf_put(&out, buf_bytes(&inner));
        }
        struct iovec part = {.iov_base = out.data, .iov_len = out.len};
        const struct msghdr m = {.msg_name = &f->name,
                                 .msg_namelen = f->name_len,
                                 .msg_iov = &part,
                                 .msg_iovlen = 1,
                                 .msg_control = f->control_len ? f->control : NULL,
                                 .msg_controllen = f->control_len};
        if ((success || !f->callit) && !out.failed && sendmsg(f->fd, &m, MSG_DONTWAIT) < 0)
                s->datagrams_dropped++;
        buf_done(&inner);
        buf_done(&out);
}

static void finish(struct forwards *all, struct forward *f, bool yes)
{
        for (struct forward **at = &all->first; *at; at = &(*at)->next) {
                if (*at == f) {
                        *at = f->next;
                        break;
                }
        }
        all->n--;
        if (f->call)
                answer_call(f, yes);
        else
                answer_datagram(all->server, f, yes);
        if (f->fd >= 0)
                close(f->fd);
        buf_done(&f->question);
        free(f);
}

/* -- the question -- */

static void send_question(struct forwards *all, struct forward *f, uint64_t now)
{
        const struct sockaddr_in to = {
                .sin_family = AF_INET, .sin_port = htons(f->port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
        f->retry = now + TRY_MS;
        if (sendto(all->fd, f->question.data, f->question.len, MSG_DONTWAIT, (const struct sockaddr *)&to,
                   sizeof(to)) < 0) {
                /* asked again soon */
        }
}

static void set_timer(struct forwards *all, uint64_t now)
{
        uint64_t due = UINT64_MAX;
        for (const struct forward *f = all->first; f; f = f->next) {
                const uint64_t mine = f->retry < f->deadline ? f->retry : f->deadline;
                due = mine < due ? mine : due;
        }
        const uint64_t ms = due > now ? due - now : 0;
        const struct timeval wait = {.tv_sec = (time_t)(ms / 1000),
                                     .tv_usec = (suseconds_t)(ms % 1000 * 1000)};
        if (due == UINT64_MAX)
                event_del(&all->timer);
        else
                event_add(&all->timer, &wait);
}

static void on_timer(evutil_socket_t fd, short what, void *context)
{
        struct forwards *all = context;
        const uint64_t now = clock_mono_ms();
        (void)fd;
        (void)what;
        for (struct forward *f = all->first, *next; f; f = next) {
                next = f->next;
                if (f->deadline <= now)
                        finish(all, f, false);
                else if (f->retry <= now)
                        send_question(all, f, now);
        }
        set_timer(all, now);
}

static void take(struct forwards *all, struct bytes datagram, uint16_t port)
{
        struct xdr_in in = xdr_in(datagram);
        struct rpc_reply header;
        if (!reply_decode(&in, &header))
                return;
        for (struct forward *f = all->first; f; f = f->next) {
                if (f->xid != header.xid || f->port != port)
                        continue;
                finish(all, f, !header.denied && header.stat == ACCEPT_SUCCESS);
                return;
        }
}

static void on_reply(evutil_socket_t fd, short what, void *context)
{
        struct forwards *all = context;
        uint8_t room[512];
        (void)what;
        for (unsigned i = 0; i < LIMIT_DATAGRAMS; i++) {
                struct sockaddr_in from;
                socklen_t len = sizeof(from);
                const ssize_t n =
                        recvfrom(fd, room, sizeof(room), MSG_DONTWAIT, (struct sockaddr *)&from, &len);
                if (n < 0 && errno != ECONNREFUSED)
                        break;
                if (n > 0 && len == sizeof(from) && from.sin_addr.s_addr == htonl(INADDR_LOOPBACK))
                        take(all, bytes_of(room, (size_t)n), ntohs(from.sin_port));
        }
        set_timer(all, clock_mono_ms());
}

/* NI_PING or NI_BIND {tag of the child, its address} to the tag's server. */
static void put_question(struct forward *f, const struct binder_args *args)
{
        const bool bind = f->proc == NIBIND_PROC_bind;
        const enum ni_proc proc = bind ? NI_PROC_bind : NI_PROC_ping;
        const struct rpc_call call = {
                .xid = f->xid, .program = NI_PROGRAM, .version = NI_VERSION, .procedure = (uint32_t)proc};
        const struct ni_args ask = {.value = args->client_tag, .number = args->client_addr};
        buf_init(&f->question, NI_UDP_MAX);
        call_encode(&f->question, &call, NULL);
        ni_args_encode(proc, &ask, &f->question);
}

/* NULL: nobody to ask, or too many wait. */
static struct forward *begin(struct server *s, enum nibind_proc proc, uint32_t xid,
                             const struct binder_args *args)
{
        struct forwards *all = s->forwards;
        const uint64_t now = clock_mono_ms();
        uint32_t udp, tcp;
        if (!all || s->stopping || all->n == LIMIT_FORWARDS ||
            !registry_foreign(&s->registry, args->tag, &udp, &tcp) || udp == 0)
                return NULL;
        struct forward *f = calloc(1, sizeof(*f));
        if (!f)
                return NULL;
        f->proc = proc;
        f->xid = random_u32();
        f->reply_xid = xid;
        f->port = (uint16_t)udp;
        f->udp_port = udp;
        f->tcp_port = tcp;
        f->deadline = now + (proc == NIBIND_PROC_bind ? BIND_MS : PROBE_MS);
        f->fd = -1;
        put_question(f, args);
        f->next = all->first;
        all->first = f;
        all->n++;
        return f;
}

bool forward_datagram(struct server *s, const struct rpc_call *rpc, const struct binder_args *args,
                      const struct datagram_origin *origin)
{
        const struct msghdr *h = origin->header;
        if (h->msg_namelen > sizeof(struct sockaddr_storage) || h->msg_controllen > LIMIT_CONTROL)
                return false;
        const int fd = fcntl(origin->fd, F_DUPFD_CLOEXEC, 0); /* the door may be closed meanwhile */
        struct forward *f = fd < 0 ? NULL : begin(s, (enum nibind_proc)rpc->procedure, rpc->xid, args);
        if (!f) {
                if (fd >= 0)
                        close(fd);
                return false;
        }
        f->fd = fd;
        f->callit = origin->callit;
        memcpy(&f->name, h->msg_name, h->msg_namelen);
        f->name_len = h->msg_namelen;
        memcpy(f->control, h->msg_control, h->msg_controllen);
        f->control_len = h->msg_controllen;
        send_question(s->forwards, f, clock_mono_ms());
        set_timer(s->forwards, clock_mono_ms());
        return true;
}

void forward_call(struct note *note, void *server)
{
        struct call *call = (struct call *)((char *)note - offsetof(struct call, note));
        struct server *s = server;
        struct forward *f = begin(s, (enum nibind_proc)call->proc, call->xid, &call->args.binder);
        if (f) {
                f->call = call;
                send_question(s->forwards, f, clock_mono_ms());
                set_timer(s->forwards, clock_mono_ms());
                return;
        }
        const struct forward no = {.proc = (enum nibind_proc)call->proc, .call = call};
        struct forward copy = no;
        answer_call(&copy, false);
}

/* -- life -- */

int forwards_start(struct server *s, struct forwards **ret)
{
        const struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
        struct forwards *all = calloc(1, sizeof(*all));
        if (!all)
                return ENOMEM;
        all->server = s;
        all->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (all->fd < 0 || bind(all->fd, (const struct sockaddr *)&at, sizeof(at)) < 0) {
                const int err = errno;
                forwards_free(all);
                return err;
        }
        if (event_assign(&all->readable, s->loop.base, all->fd, EV_READ | EV_PERSIST, on_reply, all) < 0 ||
            event_add(&all->readable, NULL) < 0 ||
            event_assign(&all->timer, s->loop.base, -1, 0, on_timer, all) < 0) {
                forwards_free(all);
                return ENOMEM;
        }
        *ret = all;
        return 0;
}

void forwards_stop(struct forwards *all)
{
        if (!all || all->fd < 0)
                return;
        while (all->first)
                finish(all, all->first, false);
        event_del(&all->readable);
        event_del(&all->timer);
        close(all->fd);
        all->fd = -1;
}

void forwards_free(struct forwards *all)
{
        if (all && all->fd >= 0)
                close(all->fd);
        free(all);
}
