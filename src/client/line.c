#include "client/line.h"

#include "base/limits.h"
#include "sys/clock.h"
#include "sys/reserved.h"
#include "wire/call.h"
#include "xdr/cursor.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define KNOCK_PAUSE_MS 5
#define READ_SLICE     ((size_t)64 << 10) /* bytes asked of the kernel at once */
#define KEEP_MEMORY    ((size_t)1 << 20)  /* a bigger input buffer is given back before the next call */

void line_init(struct line *l)
{
        *l = (struct line){.fd = -1};
        /* A record of LIMIT_REPLY with a mark per fragment, and the slice that is being read behind it. */
        buf_init(&l->in, (size_t)2 * LIMIT_REPLY);
        record_reader_init(&l->reader, LIMIT_REPLY);
}

static bool is_ours(const struct line *l)
{
        struct stat st;
        return l->fd >= 0 && fstat(l->fd, &st) == 0 && st.st_dev == l->dev && st.st_ino == l->ino;
}

void line_close(struct line *l)
{
        const bool ours = is_ours(l);
        if (l->tls && ours && l->pid == getpid())
                tls_session_free(l->tls);
        else if (l->tls) /* its goodbye would end the parent's session, or go into somebody else's stream */
                tls_session_forget(l->tls);
        if (ours)
                close(l->fd);
        l->tls = NULL;
        l->fd = -1;
        l->at = 0;
        buf_clear(&l->in);
        record_reader_init(&l->reader, LIMIT_REPLY);
}

void line_done(struct line *l)
{
        line_close(l);
        buf_done(&l->in);
}

/* Waits until fd is ready for `events`. */
static enum line_end wait_for(int fd, short events, const struct line_wait *w)
{
        for (;;) {
                const uint64_t now = clock_mono_ms();
                struct pollfd p[2] = {{fd, events, 0}, {w->interrupt_fd, POLLIN, 0}};
                if (now >= w->deadline)
                        return LINE_LATE;
                const uint64_t left = w->deadline - now;
                const int n = poll(p, 2, left > INT_MAX ? INT_MAX : (int)left);
                if (n < 0 && errno != EINTR && errno != EAGAIN)
                        return LINE_CLOSED;
                if (n > 0 && p[1].revents)
                        return LINE_INTERRUPTED;
                if (n > 0 && p[0].revents)
                        return LINE_OK;
        }
}

static enum line_end finish_connect(int fd, const struct line_wait *w, int *ret_errno)
{
        const enum line_end end = wait_for(fd, POLLOUT, w);
        int error = 0;
        socklen_t size = sizeof(error);
        if (end != LINE_OK)
                return end;
        if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
                error = errno;
        if (error) {
                *ret_errno = error;
                return LINE_CLOSED;
        }
        return LINE_OK;
}

static enum line_end knock(int fd, const struct sockaddr *to, socklen_t len, const struct line_wait *w,
                           int *ret_errno)
{
        for (;;) {
                if (connect(fd, to, len) == 0)
                        return LINE_OK;
                if (errno == EINPROGRESS || errno == EINTR)
                        return finish_connect(fd, w, ret_errno);
                if (errno != EAGAIN || to->sa_family != AF_UNIX) {
                        *ret_errno = errno;
                        return LINE_CLOSED;
                }
                /* A UNIX socket whose queue is full; the kernel has no event for "there is room again". */
                struct pollfd p = {w->interrupt_fd, POLLIN, 0};
                if (clock_mono_ms() >= w->deadline)
                        return LINE_LATE;
                if (poll(&p, 1, KNOCK_PAUSE_MS) > 0)
                        return LINE_INTERRUPTED;
        }
}

#define RESERVED_TRIES 40u

/* A new socket; *ret_low: it is bound to a port below 1024. */
static int new_socket(const struct line *l, int family, bool low, bool *ret_low)
{
        *ret_low = low && l->low_socket;
        int fd = *ret_low ? l->low_socket(l->low_context, family) : -1;
        if (fd >= 0)
                return fd;
        fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        *ret_low = fd >= 0 && low && reserved_bind(fd, family); /* without: as anybody */
        return fd;
}

/* A socket, connected; *ret_fd is -1 when not LINE_OK. */
static enum line_end open_socket(const struct line *l, const struct sockaddr *to, socklen_t len,
                                 const struct line_wait *w, int *ret_fd, int *ret_errno)
{
        for (unsigned tries = 0;; tries++) {
                bool low = l->reserved && to->sa_family != AF_UNIX && tries < RESERVED_TRIES;
                const int fd = new_socket(l, to->sa_family, low, &low);
                *ret_fd = -1;
                if (fd < 0) {
                        *ret_errno = errno;
                        return LINE_CLOSED;
                }
                const enum line_end end = knock(fd, to, len, w, ret_errno);
                if (end == LINE_OK) {
                        *ret_fd = fd;
                        return LINE_OK;
                }
                close(fd);
                /* This pair of ports was used a moment ago: another one. */
                if (!low || end != LINE_CLOSED || (*ret_errno != EADDRNOTAVAIL && *ret_errno != EADDRINUSE))
                        return end;
        }
}

/* Who waits for changes notices after 8 to 11 s that the path is cut, or the other machine is gone without a
 * word; nothing is sent on a connection that is in use. */
#define IDLE_S     5     /* then the other side is asked whether it is there, */
#define ASK_S      3     /* again after so long, */
#define ASK_TIMES  2     /* so often */
#define UNHEARD_MS 11000 /* what was sent and not acknowledged for so long: the same */

static void set_tcp_options(int fd)
{
        const struct {
                int level, name, value;
        } options[] = {{IPPROTO_TCP, TCP_NODELAY, 1},
                       {IPPROTO_TCP, TCP_KEEPIDLE, IDLE_S},
                       {IPPROTO_TCP, TCP_KEEPINTVL, ASK_S},
                       {IPPROTO_TCP, TCP_KEEPCNT, ASK_TIMES},
                       {IPPROTO_TCP, TCP_USER_TIMEOUT, UNHEARD_MS},
                       {SOL_SOCKET, SO_KEEPALIVE, 1}};
        for (unsigned i = 0; i < sizeof(options) / sizeof(options[0]); i++)
                setsockopt(fd, options[i].level, options[i].name, &options[i].value,
                           sizeof(options[i].value));
}

enum line_end line_connect(struct line *l, const struct sockaddr *to, socklen_t len,
                           const struct line_wait *w, int *ret_errno)
{
        struct stat st;
        enum line_end end;
        line_close(l);
        l->trouble[0] = '\0';
        l->was_tls = l->certified = false;
        *ret_errno = 0;
        int fd;
        end = open_socket(l, to, len, w, &fd, ret_errno);
        if (end != LINE_OK)
                return end;
        if (fstat(fd, &st) < 0) {
                close(fd);
                return LINE_CLOSED;
        }
        if (to->sa_family != AF_UNIX)
                set_tcp_options(fd);
        l->fd = fd;
        l->pid = getpid();
        l->dev = st.st_dev;
        l->ino = st.st_ino;
        return LINE_OK;
}

/* A stream that broke with this errno. The last two are what the network had said when the time was up. */
static enum line_end broken(int error)
{
        return error == ETIMEDOUT || error == EHOSTUNREACH || error == ENETUNREACH ? LINE_LOST : LINE_CLOSED;
}

/* -- one attempt at the stream: *ret_events is what to wait for when it would block, else 0 -- */

/* Until the stream is ready for what it wanted. Inside TLS an error of the socket would be hidden. */
static enum line_end wait_stream(const struct line *l, short events, const struct line_wait *w)
{
        char c;
        const enum line_end end = wait_for(l->fd, events, w);
        if (end != LINE_OK || !l->tls || recv(l->fd, &c, 1, MSG_PEEK | MSG_DONTWAIT) >= 0)
                return end;
        return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? LINE_OK : broken(errno);
}

static enum line_end judge_tls(struct line *l, enum tls_io io, short *ret_events)
{
        *ret_events = io == TLS_WANT_READ ? POLLIN : io == TLS_WANT_WRITE ? POLLOUT : 0;
        if (io == TLS_FAILED)
                snprintf(l->trouble, sizeof(l->trouble), "%s", tls_session_reason(l->tls));
        return io == TLS_CLOSED || io == TLS_FAILED ? LINE_CLOSED : LINE_OK;
}

static enum line_end put_some(struct line *l, struct bytes data, size_t *ret_n, short *ret_events)
{
        *ret_n = 0;
        *ret_events = 0;
        if (l->tls)
                return judge_tls(l, tls_write(l->tls, data, ret_n), ret_events);
        const ssize_t n = send(l->fd, data.data, data.len, MSG_NOSIGNAL);
        if (n >= 0)
                *ret_n = (size_t)n;
        else if (errno == EAGAIN || errno == EWOULDBLOCK)
                *ret_events = POLLOUT;
        else if (errno != EINTR)
                return broken(errno);
        return LINE_OK;
}

static enum line_end get_some(struct line *l, uint8_t *to, size_t cap, size_t *ret_n, short *ret_events)
{
        *ret_n = 0;
        *ret_events = 0;
        if (l->tls)
                return judge_tls(l, tls_read(l->tls, to, cap, ret_n), ret_events);
        const ssize_t n = recv(l->fd, to, cap, MSG_DONTWAIT);
        if (n == 0)
                return LINE_CLOSED;
        if (n > 0)
                *ret_n = (size_t)n;
        else if (errno == EAGAIN || errno == EWOULDBLOCK)
                *ret_events = POLLIN;
        else if (errno != EINTR)
                return broken(errno);
        return LINE_OK;
}

/* The same into l->in. LINE_BAD: no room for more. */
static enum line_end fill(struct line *l, size_t *ret_n, short *ret_events)
{
        const size_t before = l->in.len;
        uint8_t *to = buf_add(&l->in, READ_SLICE);
        if (!to)
                return LINE_BAD;
        const enum line_end end = get_some(l, to, READ_SLICE, ret_n, ret_events);
        buf_truncate(&l->in, before + *ret_n);
        return end;
}

/* Moves on behind the records handed out. */
static void forget_read(struct line *l)
{
        buf_consume(&l->in, l->at);
        l->at = 0;
        if (l->in.len == 0 && l->in.cap > KEEP_MEMORY)
                buf_done(&l->in);
}

/* Inside TLS only reading tells a late reply from the peer's goodbye. */
static bool is_open(struct line *l)
{
        char c;
        size_t got;
        short events;
        if (l->tls) {
                forget_read(l);
                return fill(l, &got, &events) == LINE_OK;
        }
        const ssize_t n = recv(l->fd, &c, 1, MSG_PEEK | MSG_DONTWAIT);
        return n > 0 || (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR));
}

bool line_alive(struct line *l)
{
        if (l->fd < 0)
                return false;
        if (l->pid == getpid() && is_ours(l) && is_open(l))
                return true;
        line_close(l);
        return false;
}

enum line_end line_send(struct line *l, struct bytes record, const struct line_wait *w, size_t *ret_sent)
{
        enum line_end end = LINE_OK;
        *ret_sent = 0;
        while (*ret_sent < record.len && end == LINE_OK) {
                size_t n;
                short events;
                end = put_some(l, bytes_sub(record, *ret_sent, record.len), &n, &events);
                *ret_sent += n;
                if (end == LINE_OK && events)
                        end = wait_stream(l, events, w);
        }
        if (end != LINE_OK)
                line_close(l); /* half a record is on its way: nothing can follow it */
        return end;
}

static enum line_end read_more(struct line *l, const struct line_wait *w)
{
        for (;;) {
                size_t got;
                short events;
                if (clock_mono_ms() >= w->deadline)
                        return LINE_LATE; /* also when a peer never stops sending */
                enum line_end end = fill(l, &got, &events);
                if (end != LINE_OK || got > 0)
                        return end;
                if (events)
                        end = wait_stream(l, events, w);
                if (end != LINE_OK)
                        return end;
        }
}

static bool is_among(uint32_t xid, const uint32_t *xids, uint32_t n)
{
        for (uint32_t i = 0; i < n; i++)
                if (xids[i] == xid)
                        return true;
        return false;
}

enum line_end line_receive(struct line *l, const uint32_t *xids, uint32_t n, const struct line_wait *w,
                           struct bytes *ret)
{
        forget_read(l);
        for (;;) {
                struct bytes record;
                size_t used;
                enum line_end end;
                switch (record_next(&l->reader, &l->in, l->at, &record, &used)) {
                case RECORD_WHOLE:
                        l->at += used;
                        if (record.len >= 4 && is_among(xdr_load(record.data), xids, n)) {
                                *ret = record;
                                return LINE_OK;
                        }
                        forget_read(l);
                        break;
                case RECORD_MORE:
                        end = read_more(l, w);
                        if (end == LINE_CLOSED || end == LINE_LOST || end == LINE_BAD)
                                line_close(l);
                        if (end != LINE_OK)
                                return end;
                        break;
                default:
                        line_close(l);
                        return LINE_BAD;
                }
        }
}

/* -- TLS (doc/tls.md 2.1, 2.2) -- */

static enum line_end trouble(struct line *l, const char *words)
{
        snprintf(l->trouble, sizeof(l->trouble), "%s", words);
        line_close(l);
        return LINE_BAD;
}

/* Asks for TLS; nothing may follow the answer in clear text, it would be taken for what was said inside. */
static enum line_end probe(struct line *l, const struct line_secure *s, const struct line_wait *w)
{
        struct buf record;
        struct bytes answer;
        size_t sent;
        buf_init(&record, LIMIT_CALL);
        const size_t mark = record_open(&record);
        probe_encode(&record, s->xid, s->program, s->version);
        record_close(&record, mark);
        enum line_end end = record.failed ? trouble(l, "out of memory") : LINE_OK;
        if (end == LINE_OK)
                end = line_send(l, buf_bytes(&record), w, &sent);
        buf_done(&record);
        if (end == LINE_OK)
                end = line_receive(l, &s->xid, 1, w, &answer);
        if (end != LINE_OK)
                return end;
        switch (probe_answer_decode(answer)) {
        case PROBE_STARTTLS:
                if (l->in.len > l->at)
                        return trouble(l, "says more in clear text than that it speaks TLS");
                forget_read(l);
                return LINE_OK;
        case PROBE_NO_TLS:
                return trouble(l,
                               "has no TLS, and an enrolled machine speaks clear text to nobody: enrol the "
                               "server (`ni join`), or, if it is a historical one, name its network in "
                               "plain_networks");
        default:
                return trouble(l, "answers, but not as NetInfo does");
        }
}

static enum line_end shake_hands(struct line *l, const struct line_wait *w)
{
        for (;;) {
                short events;
                const enum tls_io io = tls_handshake(l->tls);
                if (io == TLS_DONE)
                        return LINE_OK;
                enum line_end end = judge_tls(l, io, &events);
                if (end == LINE_OK)
                        end = wait_stream(l, events, w);
                if (end != LINE_OK)
                        return l->trouble[0] ? LINE_BAD : end;
        }
}

enum line_end line_secure(struct line *l, const struct line_secure *s, const struct line_wait *w)
{
        struct tls_why why;
        l->trouble[0] = '\0';
        if (!tls_usable(&why))
                return trouble(l, why.text);
        enum line_end end = probe(l, s, w);
        if (end != LINE_OK) {
                line_close(l);
                return end;
        }
        l->tls = s->pin ? tls_connect_pinned(s->pin, l->fd, s->name)
                        : tls_connect(s->identity, l->fd, s->name);
        if (!l->tls)
                return trouble(l, "out of memory");
        l->was_tls = true;
        l->certified = !s->pin && tls_identity_has_key(s->identity);
        end = shake_hands(l, w);
        if (end != LINE_OK)
                line_close(l);
        return end;
}
