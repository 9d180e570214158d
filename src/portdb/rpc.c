#include "portdb/rpc.h"

#include "base/limits.h"
#include "sys/clock.h"
#include "sys/random.h"
#include "wire/procs.h"
#include "wire/record.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAPPER_PROGRAM 100000u /* RFC 1833 section 3 */
#define MAPPER_VERSION 2u
#define MAPPER_DUMP    4u

const char *port_rpc_name(uint32_t program)
{
        static const struct {
                uint32_t program;
                const char *name;
        } known[] = {
                {100000, "portmapper"},  {100001, "rstatd"},
                {100002, "rusersd"},     {100003, "nfs"},
                {100004, "ypserv"},      {100005, "mountd"},
                {100007, "ypbind"},      {100008, "walld"},
                {100009, "yppasswdd"},   {100011, "rquotad"},
                {100012, "sprayd"},      {100020, "llockmgr"},
                {100021, "nlockmgr"},    {100024, "status"},
                {100026, "bootparam"},   {100028, "ypupdated"},
                {100069, "ypxfrd"},      {100227, "nfs_acl"},
                {NI_PROGRAM, "netinfo"}, {NIBIND_PROGRAM, "netinfobind"},
        };
        for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
                if (known[i].program == program)
                        return known[i].name;
        }
        return NULL;
}

static int by_port(const void *x, const void *y)
{
        const struct port_rpc *a = x, *b = y;
        const uint32_t left[] = {a->transport, a->port, a->program, a->version};
        const uint32_t right[] = {b->transport, b->port, b->program, b->version};
        for (unsigned i = 0; i < 4; i++) {
                if (left[i] != right[i])
                        return left[i] < right[i] ? -1 : 1;
        }
        return 0;
}

bool port_rpc_decode(struct bytes reply, uint32_t xid, struct arena *a, const struct port_rpc **ret,
                     size_t *ret_n)
{
        struct xdr_in in = xdr_in(reply);
        struct rpc_reply header;
        size_t n = 0;
        struct port_rpc *list = arena_zalloc(a, LIMIT_PORT_RPC, sizeof(*list));
        if (!list || !reply_decode(&in, &header) || header.xid != xid || header.denied ||
            header.stat != ACCEPT_SUCCESS)
                return false;
        while (xdr_bool(&in)) {
                struct port_rpc r = {0};
                r.program = xdr_u32(&in);
                r.version = xdr_u32(&in);
                const uint32_t protocol = xdr_u32(&in);
                const uint32_t port = xdr_u32(&in);
                if (!xdr_ok(&in) || n == LIMIT_PORT_RPC)
                        return false;
                if ((protocol != IPPROTO_TCP && protocol != IPPROTO_UDP) || port == 0 || port > 65535)
                        continue;
                r.transport = protocol == IPPROTO_TCP ? PORT_TCP : PORT_UDP;
                r.port = (uint16_t)port;
                list[n++] = r;
        }
        if (!xdr_ok(&in))
                return false;
        if (n)
                qsort(list, n, sizeof(*list), by_port);
        *ret = list;
        *ret_n = n;
        return true;
}

/* Waits until the socket is ready; false after the deadline. */
static bool ready(int fd, short events, uint64_t deadline)
{
        for (;;) {
                const uint64_t now = clock_mono_ms();
                struct pollfd p = {.fd = fd, .events = events};
                const int n = poll(&p, 1, now < deadline ? (int)(deadline - now) : 0);
                if (n > 0)
                        return true;
                if (n == 0 || errno != EINTR)
                        return false;
        }
}

static bool send_all(int fd, struct bytes b, uint64_t deadline)
{
        while (b.len && ready(fd, POLLOUT, deadline)) {
                const ssize_t n = send(fd, b.data, b.len, MSG_NOSIGNAL | MSG_DONTWAIT);
                if (n > 0)
                        b = bytes_sub(b, (size_t)n, b.len);
                else if (n < 0 && errno != EINTR && errno != EAGAIN)
                        return false;
        }
        return b.len == 0;
}

/* One whole record into `in`. */
static bool receive(int fd, struct buf *in, uint64_t deadline, struct bytes *ret)
{
        struct record_reader reader;
        size_t used;
        record_reader_init(&reader, in->limit);
        while (ready(fd, POLLIN, deadline)) {
                uint8_t *to = buf_add(in, 4096);
                const ssize_t n = to ? recv(fd, to, 4096, MSG_DONTWAIT) : -1;
                if (!to || n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN))
                        return false;
                buf_truncate(in, in->len - 4096 + (size_t)(n > 0 ? n : 0));
                switch (record_next(&reader, in, 0, ret, &used)) {
                case RECORD_WHOLE:
                        return true;
                case RECORD_REFUSED:
                        return false;
                case RECORD_MORE:
                        break;
                }
        }
        return false;
}

static bool exchange(int fd, uint32_t xid, uint64_t deadline, struct buf *in, struct bytes *ret)
{
        const struct sockaddr_in to = {.sin_family = AF_INET,
                                       .sin_port = htons(PORT_RPC_MAPPER),
                                       .sin_addr = {htonl(INADDR_LOOPBACK)}};
        const struct rpc_call call = {
                .xid = xid, .program = MAPPER_PROGRAM, .version = MAPPER_VERSION, .procedure = MAPPER_DUMP};
        struct buf out;
        if (connect(fd, (const struct sockaddr *)&to, sizeof(to)) < 0 && errno != EINPROGRESS)
                return false;
        buf_init(&out, 0);
        const size_t mark = record_open(&out);
        call_encode(&out, &call, NULL);
        record_close(&out, mark);
        const bool ok =
                !out.failed && send_all(fd, buf_bytes(&out), deadline) && receive(fd, in, deadline, ret);
        buf_done(&out);
        return ok;
}

bool port_rpc_ask(unsigned timeout_ms, struct arena *a, const struct port_rpc **ret, size_t *ret_n)
{
        const uint64_t deadline = clock_mono_ms() + timeout_ms;
        const uint32_t xid = random_u32();
        const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        struct bytes reply;
        struct buf in;
        if (fd < 0)
                return false;
        buf_init(&in, 64 + 32 * LIMIT_PORT_RPC); /* 20 bytes an entry, and the marks of fragments */
        const bool ok =
                exchange(fd, xid, deadline, &in, &reply) && port_rpc_decode(reply, xid, a, ret, ret_n);
        buf_done(&in);
        close(fd);
        return ok;
}

void port_rpc_join(struct port_live *l, const struct port_rpc *rpc, size_t n)
{
        for (size_t i = 0; i < l->n; i++) {
                struct port_socket *s = &l->socket[i];
                size_t first = 0, high = n;
                if (s->netns || (s->state != PORT_SOCKET_LISTEN && s->state != PORT_SOCKET_OPEN))
                        continue;
                const struct port_rpc wanted = {.transport = s->transport, .port = s->port};
                while (first < high) {
                        const size_t mid = first + (high - first) / 2;
                        if (by_port(&rpc[mid], &wanted) < 0)
                                first = mid + 1;
                        else
                                high = mid;
                }
                size_t after = first;
                while (after < n && rpc[after].transport == s->transport && rpc[after].port == s->port)
                        after++;
                s->rpc = after > first ? rpc + first : NULL;
                s->rpcs = after - first;
        }
}
