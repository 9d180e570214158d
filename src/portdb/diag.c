/* Questions to NETLINK_SOCK_DIAG (doc/ports.md 4.1). */
#include "portdb/live.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/utsname.h>

enum {
        RECEIVE_BYTES = 1 << 18, /* the kernel fills at most 32 KiB a message; several fit */
        SOCKET_BUFFER = 4 << 20, /* a dump of 100,000 sockets must not overrun it */
        TRIES = 3,               /* for dumps that a change interrupted */
        GETSOCK_TCP = 18,        /* TCPDIAG_GETSOCK, the older request: one walk for both families */
        ALL_TCP = (1 << (TCP_CLOSING + 1)) - 2, /* states 1 to 11 */
        BOUND_INACTIVE = 13, /* TCP_BOUND_INACTIVE of Linux 6.8, newer than this system's header may be */
        CGROUP_ID = 21,      /* INET_DIAG_CGROUP_ID */
};

struct dump {
        const struct port_live_query *q;
        struct port_live *live;
        uint64_t netns;
        uint8_t family, transport;
        bool bound; /* this dump asked for bound silent sockets only */
        bool interrupted, full;
};

static uint8_t state_of(const struct dump *d, uint8_t kernel)
{
        if (d->bound || kernel == BOUND_INACTIVE)
                return PORT_SOCKET_BOUND;
        if (kernel == TCP_LISTEN)
                return PORT_SOCKET_LISTEN;
        if (kernel == TCP_ESTABLISHED)
                return PORT_SOCKET_CONNECTED;
        return d->transport == PORT_UDP && kernel == TCP_CLOSE ? PORT_SOCKET_OPEN : PORT_SOCKET_CLOSING;
}

struct attributes {
        struct port_socket *s;
};

static int on_attribute(const struct nlattr *attr, void *data)
{
        struct attributes *at = data;
        if (mnl_attr_get_type(attr) == CGROUP_ID && mnl_attr_validate(attr, MNL_TYPE_U64) == 0)
                at->s->cgroup = mnl_attr_get_u64(attr);
        if (mnl_attr_get_type(attr) == INET_DIAG_SKV6ONLY && mnl_attr_validate(attr, MNL_TYPE_U8) == 0)
                at->s->v6_only = mnl_attr_get_u8(attr) != 0;
        return MNL_CB_OK;
}

static int on_socket(const struct nlmsghdr *h, void *data)
{
        struct dump *d = data;
        const struct inet_diag_msg *m = mnl_nlmsg_get_payload(h);
        if (mnl_nlmsg_get_payload_len(h) < sizeof(*m))
                return MNL_CB_OK;
        if (h->nlmsg_flags & NLM_F_DUMP_INTR)
                d->interrupted = true;
        struct port_socket s = {
                .family = m->idiag_family == AF_INET6 ? 6 : 4,
                .transport = d->transport,
                .state = state_of(d, m->idiag_state),
                .port = ntohs(m->id.idiag_sport),
                .peer_port = ntohs(m->id.idiag_dport),
                .interface_index = m->id.idiag_if,
                .uid = m->idiag_uid,
                .inode = m->idiag_inode,
                .waiting = m->idiag_rqueue,
                .backlog = m->idiag_wqueue,
                .cookie = (uint64_t)m->id.idiag_cookie[1] << 32 | m->id.idiag_cookie[0],
                .netns = d->netns,
                .path = "",
                .unit = "",
                .container = "",
                .held = PORT_HELD_UNASKED,
        };
        const size_t bytes = s.family == 6 ? 16 : 4;
        if (s.port < d->q->from || s.port > d->q->to)
                return MNL_CB_OK;
        memcpy(s.address, m->id.idiag_src, bytes);
        memcpy(s.peer, m->id.idiag_dst, bytes);
        struct attributes at = {.s = &s};
        mnl_attr_parse(h, sizeof(*m), on_attribute, &at);
        if (!port_live_push(d->live, &s)) {
                d->full = true;
                return MNL_CB_ERROR;
        }
        return MNL_CB_OK;
}

/* The body of both requests. The kernel compares the port while it walks: no bytecode needed. */
static void fill(struct nlmsghdr *h, const struct dump *d, uint32_t states)
{
        const uint16_t port = d->q->from == d->q->to ? htons(d->q->from) : 0;
        if (d->transport == PORT_TCP) {
                struct inet_diag_req *r = mnl_nlmsg_put_extra_header(h, sizeof(*r));
                h->nlmsg_type = GETSOCK_TCP;
                r->idiag_states = states;
                r->id.idiag_sport = port;
        } else {
                struct inet_diag_req_v2 *r = mnl_nlmsg_put_extra_header(h, sizeof(*r));
                h->nlmsg_type = SOCK_DIAG_BY_FAMILY;
                r->sdiag_family = d->family == 6 ? AF_INET6 : AF_INET;
                r->sdiag_protocol = IPPROTO_UDP;
                r->idiag_states = states;
                r->id.idiag_sport = port;
        }
}

static int send_request(struct mnl_socket *nl, const struct dump *d, uint32_t states, uint32_t seq)
{
        char buffer[256] = {0}; /* header and request: 72 bytes */
        struct nlmsghdr *h = mnl_nlmsg_put_header(buffer);
        fill(h, d, states);
        h->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
        h->nlmsg_seq = seq;
        return mnl_socket_sendto(nl, h, h->nlmsg_len) < 0 ? errno : 0;
}

static int receive(struct mnl_socket *nl, struct dump *d, uint32_t seq, char *buffer)
{
        for (;;) {
                const ssize_t n = mnl_socket_recvfrom(nl, buffer, RECEIVE_BYTES);
                if (n < 0) {
                        if (errno == EINTR)
                                continue;
                        return errno;
                }
                errno = 0;
                const int more = mnl_cb_run(buffer, (size_t)n, seq, mnl_socket_get_portid(nl), on_socket, d);
                if (d->full)
                        return ENOMEM;
                if (more < 0)
                        return errno ? errno : EIO;
                if (more == MNL_CB_STOP)
                        return 0;
        }
}

/* One dump, repeated when the tables changed under it. A dump that stays interrupted is used as it is: it may
 * miss a socket that moved. */
static int dump(struct mnl_socket *nl, struct dump *d, uint32_t states, char *buffer)
{
        static uint32_t seq;
        for (unsigned i = 0; i < TRIES; i++) {
                const size_t before = d->live->n;
                d->interrupted = false;
                int err = send_request(nl, d, states, ++seq);
                if (!err)
                        err = receive(nl, d, seq, buffer);
                if (err == ENOENT || err == EOPNOTSUPP)
                        return 0; /* this kernel has no such protocol or family */
                if (err)
                        return err;
                if (!d->interrupted || i + 1 == TRIES)
                        return 0;
                d->live->n = before;
        }
        return 0;
}

/* TCP_BOUND_INACTIVE came with Linux 6.8; older kernels ignore the bit silently, so the version must tell. */
static bool shows_bound(void)
{
        struct utsname u;
        if (uname(&u) < 0)
                return false;
        char *dot;
        const unsigned long major = strtoul(u.release, &dot, 10);
        const unsigned long minor = *dot == '.' ? strtoul(dot + 1, NULL, 10) : 0;
        return major > 6 || (major == 6 && minor >= 8);
}

static int dump_tcp(struct mnl_socket *nl, struct dump *d, char *buffer)
{
        const size_t before = d->live->n;
        const struct port_live_query *q = d->q;
        d->transport = PORT_TCP;
        int err = dump(nl, d, q->connections ? ALL_TCP : 1u << TCP_LISTEN, buffer);
        const bool nobody = d->live->n == before && q->from == q->to;
        if (!err && nobody && !q->connections) {
                err = dump(nl, d, ALL_TCP & ~(1u << TCP_LISTEN), buffer);
                d->live->connections_asked = true;
        }
        if (!err && d->live->bound_visible && (nobody || q->silent)) {
                d->bound = true;
                err = dump(nl, d, 1u << BOUND_INACTIVE, buffer);
                d->bound = false;
                d->live->silent_asked = true;
        }
        return err;
}

int port_diag_dump(const struct port_live_query *q, uint64_t netns, struct port_live *l)
{
        static const uint8_t families[] = {4, 6};
        struct dump d = {.q = q, .live = l, .netns = netns};
        const int bytes = SOCKET_BUFFER;
        struct mnl_socket *nl = mnl_socket_open2(NETLINK_SOCK_DIAG, SOCK_CLOEXEC);
        if (!nl)
                return errno;
        char *buffer = malloc(RECEIVE_BYTES);
        int err = buffer ? 0 : ENOMEM;
        setsockopt(mnl_socket_get_fd(nl), SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
        if (!err && mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) < 0)
                err = errno;
        l->bound_visible = shows_bound();
        if (!err && (q->transports & PORT_TCP))
                err = dump_tcp(nl, &d, buffer);
        for (unsigned i = 0; !err && i < 2; i++) {
                d.family = families[i];
                d.transport = PORT_UDP;
                if (q->transports & PORT_UDP)
                        err = dump(nl, &d, 1u << TCP_CLOSE | 1u << TCP_ESTABLISHED, buffer);
        }
        free(buffer);
        mnl_socket_close(nl);
        return err;
}
