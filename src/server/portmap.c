#include "server/portmap.h"

#include "server/dispatch.h"
#include "server/portmap_wire.h"
#include "server/server.h"
#include "sys/log.h"
#include "sys/random.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <unistd.h>

#define LOOK_EVERY_S 30u /* whether rpcbind still knows us */
#define TRY_S        1u
#define TRIES        3u

/* One question after the other; each may be the last of a round. */
enum step {
        STEP_REST,
        STEP_CLEAN, /* at the start: what was there before us goes */
        STEP_LOOK_UDP,
        STEP_LOOK_TCP,
        STEP_SET_UDP,
        STEP_SET_TCP,
};

enum told { TOLD_NOTHING, TOLD_REGISTERED, TOLD_SILENT, TOLD_REFUSED, TOLD_OTHER };

struct portmap {
        struct server *server;
        int fd; /* to 127.0.0.1:111, from a reserved port: rpcbind takes a registration from no other */
        struct event readable, timer;
        enum step step;
        uint32_t xid;
        unsigned tries;
        bool cleaned, registered;
        enum told told; /* so that the log says it once */
};

static struct pmap_entry entry_of(const struct portmap *p, bool udp)
{
        return (struct pmap_entry){.program = NIBIND_PROGRAM,
                                   .version = NIBIND_VERSION,
                                   .protocol = udp ? IPPROTO_UDP : IPPROTO_TCP,
                                   .port = listeners_main_port(p->server, udp)};
}

static void tell(struct portmap *p, enum told what, enum log_level level, const char *words)
{
        if (p->told != what)
                log_event(level, "portmap", "program=%u udp=%u tcp=%u result=\"%s\"", NIBIND_PROGRAM,
                          listeners_main_port(p->server, true), listeners_main_port(p->server, false), words);
        p->told = what;
}

static void wait_for(struct portmap *p, unsigned seconds)
{
        const struct timeval wait = {.tv_sec = (time_t)seconds};
        event_add(&p->timer, &wait);
}

static void send_step(struct portmap *p)
{
        static const enum pmap_proc procs[] = {
                [STEP_CLEAN] = PMAP_UNSET, [STEP_LOOK_UDP] = PMAP_GETPORT, [STEP_LOOK_TCP] = PMAP_GETPORT,
                [STEP_SET_UDP] = PMAP_SET, [STEP_SET_TCP] = PMAP_SET,
        };
        struct pmap_entry e = entry_of(p, p->step == STEP_LOOK_UDP || p->step == STEP_SET_UDP);
        struct buf out;
        if (p->step == STEP_CLEAN)
                e.protocol = e.port = 0; /* UNSET looks at neither */
        buf_init(&out, NI_UDP_MAX);
        pmap_call_encode(procs[p->step], p->xid, &e, &out);
        if (out.failed || send(p->fd, out.data, out.len, MSG_DONTWAIT) < 0) {
                /* nobody there: the timer says so */
        }
        buf_done(&out);
        wait_for(p, TRY_S);
}

static void go(struct portmap *p, enum step step)
{
        p->step = step;
        p->tries = 0;
        p->xid = random_u32();
        if (step == STEP_REST)
                wait_for(p, LOOK_EVERY_S);
        else
                send_step(p);
}

static void on_timer(evutil_socket_t fd, short what, void *context)
{
        struct portmap *p = context;
        (void)fd;
        (void)what;
        if (p->step == STEP_REST) {
                go(p, p->cleaned ? STEP_LOOK_UDP : STEP_CLEAN);
        } else if (++p->tries < TRIES) {
                send_step(p);
        } else {
                p->registered = false;
                tell(p, TOLD_SILENT, LOG_LEVEL_WARNING, "the port mapper does not answer");
                go(p, STEP_REST);
        }
}

/* GETPORT said who is registered; 0: nobody. */
static void looked(struct portmap *p, uint32_t port)
{
        const bool udp = p->step == STEP_LOOK_UDP;
        if (port == 0) { /* rpcbind was started anew */
                p->registered = false;
                go(p, STEP_SET_UDP);
        } else if (port != listeners_main_port(p->server, udp)) {
                tell(p, TOLD_OTHER, LOG_LEVEL_WARNING,
                     "another binder is registered; stop it, and start this one anew");
                go(p, STEP_REST);
        } else {
                go(p, udp ? STEP_LOOK_TCP : STEP_REST);
        }
}

static void set(struct portmap *p, bool done)
{
        if (!done) {
                tell(p, TOLD_REFUSED, LOG_LEVEL_WARNING,
                     "refused; rpcbind takes it from root's ports on this machine alone, and once");
                go(p, STEP_REST);
        } else if (p->step == STEP_SET_UDP) {
                go(p, STEP_SET_TCP);
        } else {
                p->registered = true;
                tell(p, TOLD_REGISTERED, LOG_LEVEL_INFO, "registered");
                go(p, STEP_REST);
        }
}

static void on_reply(evutil_socket_t fd, short what, void *context)
{
        struct portmap *p = context;
        uint8_t room[512];
        uint32_t word;
        (void)what;
        for (unsigned i = 0; i < LIMIT_DATAGRAMS; i++) {
                const ssize_t n = recv(fd, room, sizeof(room), MSG_DONTWAIT);
                if (n < 0 && errno != ECONNREFUSED)
                        return;
                if (n < 0 || p->step == STEP_REST ||
                    !pmap_reply_decode(bytes_of(room, (size_t)n), p->xid, &word))
                        continue;
                switch (p->step) {
                case STEP_CLEAN: /* "no" when there was nothing to take away */
                        p->cleaned = true;
                        go(p, STEP_SET_UDP);
                        break;
                case STEP_LOOK_UDP:
                case STEP_LOOK_TCP:
                        looked(p, word);
                        break;
                default:
                        set(p, word == 1);
                }
        }
}

/* -- life -- */

static bool open_client(struct portmap *p)
{
        const struct sockaddr_in to = {
                .sin_family = AF_INET, .sin_port = htons(PMAP_PORT), .sin_addr = {htonl(INADDR_LOOPBACK)}};
        struct config_why why = {{0}};
        p->fd = opener_reserved(p->server->options.opener, &why);
        if (p->fd < 0) {
                log_event(LOG_LEVEL_WARNING, "portmap", "result=\"not registered\" reason=\"%s\"", why.text);
                return false;
        }
        return connect(p->fd, (const struct sockaddr *)&to, sizeof(to)) == 0;
}

struct portmap *portmap_start(struct server *s)
{
        struct config_why why = {{0}};
        if (!s->config->historical)
                return NULL;
        if (s->config->answer_portmapper != CONFIG_NO && listeners_open_mapper(s, &why))
                return NULL; /* we are the port mapper */
        if (s->config->answer_portmapper == CONFIG_YES)
                log_event(LOG_LEVEL_WARNING, "portmap", "result=\"port 111 is not ours\" reason=\"%s\"",
                          why.text);
        struct portmap *p = calloc(1, sizeof(*p));
        if (!p)
                return NULL;
        p->server = s;
        if (!open_client(p) ||
            event_assign(&p->readable, s->loop.base, p->fd, EV_READ | EV_PERSIST, on_reply, p) < 0 ||
            event_add(&p->readable, NULL) < 0 ||
            event_assign(&p->timer, s->loop.base, -1, 0, on_timer, p) < 0) {
                portmap_free(p);
                return NULL;
        }
        go(p, STEP_CLEAN);
        return p;
}

void portmap_stop(struct portmap *p)
{
        if (!p || p->fd < 0)
                return;
        event_del(&p->readable);
        event_del(&p->timer);
        if (p->registered) { /* one datagram, on loopback; nobody waits for an answer */
                p->step = STEP_CLEAN;
                p->xid = random_u32();
                send_step(p);
                event_del(&p->timer);
        }
        close(p->fd);
        p->fd = -1;
}

void portmap_free(struct portmap *p)
{
        if (p && p->fd >= 0)
                close(p->fd);
        free(p);
}

/* -- being the port mapper: for our binder and for nothing else -- */

static void put_entry(struct buf *out, const struct pmap_entry *e)
{
        xdr_put_bool(out, true);
        xdr_put_u32(out, e->program);
        xdr_put_u32(out, e->version);
        xdr_put_u32(out, e->protocol);
        xdr_put_u32(out, e->port);
}

static void answer_dump(struct server *s, struct buf *out)
{
        const struct pmap_entry rows[] = {
                {PMAP_PROGRAM, PMAP_VERSION, IPPROTO_UDP, PMAP_PORT},
                {NIBIND_PROGRAM, NIBIND_VERSION, IPPROTO_UDP, listeners_main_port(s, true)},
                {NIBIND_PROGRAM, NIBIND_VERSION, IPPROTO_TCP, listeners_main_port(s, false)},
        };
        for (unsigned i = 0; i < 3; i++)
                put_entry(out, &rows[i]);
        xdr_put_bool(out, false);
}

static uint32_t port_of(struct server *s, const struct pmap_entry *e)
{
        const bool binder = e->program == NIBIND_PROGRAM && e->version == NIBIND_VERSION;
        const bool udp = e->protocol == IPPROTO_UDP;
        if (e->program == PMAP_PROGRAM && e->version == PMAP_VERSION && udp)
                return PMAP_PORT;
        return binder && (udp || e->protocol == IPPROTO_TCP) ? listeners_main_port(s, udp) : 0;
}

/* As if the inner call had come to our binder's own port; silence unless it succeeds (protocol.md 3.6). */
static void answer_callit(struct server *s, const struct peer *from, const struct rpc_call *rpc,
                          const struct pmap_args *args, const struct datagram_origin *origin, struct arena *a,
                          struct buf *out)
{
        const struct rpc_call inner = {.xid = rpc->xid,
                                       .program = args->entry.program,
                                       .version = args->entry.version,
                                       .procedure = args->procedure};
        struct buf call, reply;
        struct rpc_reply header;
        if (inner.program != NIBIND_PROGRAM || inner.version != NIBIND_VERSION)
                return;
        buf_init(&call, NI_UDP_MAX);
        buf_init(&reply, NI_UDP_MAX);
        call_encode(&call, &inner, NULL);
        buf_put(&call, args->args);
        if (!call.failed)
                dispatch_datagram(s, NULL, from, buf_bytes(&call), origin, a, &reply);
        struct xdr_in in = xdr_in(buf_bytes(&reply));
        if (reply_decode(&in, &header) && !header.denied && header.stat == ACCEPT_SUCCESS) {
                reply_accepted(out, rpc->xid, ACCEPT_SUCCESS);
                xdr_put_u32(out, listeners_main_port(s, true));
                xdr_put_opaque(out, bytes_of(in.at, xdr_left(&in)));
        }
        buf_done(&call);
        buf_done(&reply);
}

static void answer(struct server *s, const struct peer *from, const struct rpc_call *rpc, struct xdr_in *in,
                   const struct datagram_origin *origin, struct arena *a, struct buf *out)
{
        struct pmap_args args;
        const enum pmap_proc proc = (enum pmap_proc)rpc->procedure;
        const bool decoded = rpc->procedure < PMAP_PROC_COUNT && pmap_args_decode(proc, in, &args);
        if (proc == PMAP_CALLIT) { /* also what does not decode is passed over in silence */
                if (decoded)
                        answer_callit(s, from, rpc, &args, origin, a, out);
                return;
        }
        if (rpc->procedure >= PMAP_PROC_COUNT) {
                reply_accepted(out, rpc->xid, ACCEPT_PROC_UNAVAIL);
                return;
        }
        if (!decoded) {
                reply_accepted(out, rpc->xid, ACCEPT_GARBAGE_ARGS);
                return;
        }
        reply_accepted(out, rpc->xid, ACCEPT_SUCCESS);
        if (proc == PMAP_GETPORT)
                xdr_put_u32(out, port_of(s, &args.entry));
        else if (proc == PMAP_DUMP)
                answer_dump(s, out);
        else if (proc != PMAP_NULL) /* SET, UNSET: nobody else is registered here */
                xdr_put_bool(out, false);
}

void portmap_datagram(struct server *s, const struct peer *from, struct bytes datagram,
                      const struct datagram_origin *origin, struct arena *a, struct buf *out)
{
        struct rpc_call rpc = {0};
        struct xdr_in in = xdr_in(datagram);
        const enum call_verdict v = datagram_is_heard(s, from) ? call_decode(&in, &rpc) : CALL_NOT_A_CALL;
        if (v == CALL_NOT_A_CALL)
                s->datagrams_dropped++;
        else if (v == CALL_RPC_MISMATCH)
                reply_rpc_mismatch(out, rpc.xid);
        else if (rpc.program != PMAP_PROGRAM)
                reply_accepted(out, rpc.xid, ACCEPT_PROG_UNAVAIL);
        else if (rpc.version != PMAP_VERSION)
                reply_mismatch(out, rpc.xid, PMAP_VERSION, PMAP_VERSION);
        else /* credentials of any kind: a port mapper looks at none */
                answer(s, from, &rpc, &in, origin, a, out);
        if (out->failed || out->len > NI_UDP_MAX)
                buf_clear(out);
}
