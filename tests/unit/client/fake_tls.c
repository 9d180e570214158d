#include "fake_tls.h"

#include "wire/record.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

static bool take(int fd, uint8_t *to, size_t n)
{
        for (size_t at = 0; at < n;) {
                const ssize_t got = recv(fd, to + at, n - at, 0);
                if (got <= 0)
                        return false;
                at += (size_t)got;
        }
        return true;
}

bool fake_probe(struct fake *f, int fd)
{
        /* mark, xid, CALL, RPC 2, program, version, NULL, AUTH_TLS without a body, AUTH_NONE */
        uint8_t call[44];
        struct buf reply;
        if (!take(fd, call, sizeof(call)))
                return false;
        static const uint32_t tail[] = {0, 7, 0, 0, 0};
        for (unsigned i = 0; i < 5; i++)
                if (xdr_load(call + 24 + 4 * i) != tail[i])
                        fake_wrong(f, "a connection that does not begin with the probe");
        buf_init(&reply, 0);
        xdr_put_u32(&reply, xdr_load(call + 4));
        xdr_put_u32(&reply, 1);
        xdr_put_u32(&reply, 0);
        xdr_put_u32(&reply, 0);
        xdr_put_opaque(&reply, BYTES_LIT("STARTTLS"));
        xdr_put_u32(&reply, ACCEPT_SUCCESS);
        fake_send(fd, buf_bytes(&reply), 0);
        buf_done(&reply);
        return true;
}

struct inside {
        struct fake *f; /* as the script sees it: the context is its own */
        struct fake_tls *t;
        int fd;
        unsigned nth;
};

static void *run_inside(void *arg)
{
        struct inside *i = arg;
        i->t->script(i->f, i->fd, i->nth);
        shutdown(i->fd, SHUT_RDWR);
        return NULL;
}

static bool wait_on(int fd, enum tls_io io)
{
        struct pollfd p = {fd, io == TLS_WANT_WRITE ? POLLOUT : POLLIN, 0};
        return (io == TLS_WANT_READ || io == TLS_WANT_WRITE) && poll(&p, 1, -1) >= 0;
}

/* From the script to the client; false at its end. */
static bool relay_out(struct tls_session *s, int fd, int clear)
{
        uint8_t room[65536];
        size_t n;
        const ssize_t got = recv(clear, room, sizeof(room), MSG_DONTWAIT);
        for (size_t at = 0; got > 0 && at < (size_t)got;) {
                const enum tls_io io = tls_write(s, bytes_of(room + at, (size_t)got - at), &n);
                at += n;
                if (io != TLS_DONE && !wait_on(fd, io))
                        return false;
        }
        return got != 0;
}

/* All that is there; the session may hold bytes for which the socket is not readable any more. */
static bool relay_in(struct tls_session *s, int clear)
{
        uint8_t room[65536];
        size_t n;
        enum tls_io io;
        while ((io = tls_read(s, room, sizeof(room), &n)) == TLS_DONE)
                if (send(clear, room, n, MSG_NOSIGNAL) != (ssize_t)n)
                        return false;
        return io == TLS_WANT_READ || io == TLS_WANT_WRITE;
}

static void relay(struct tls_session *s, int fd, int clear)
{
        while (relay_in(s, clear)) {
                struct pollfd p[2] = {{fd, POLLIN, 0}, {clear, POLLIN, 0}};
                if (poll(p, 2, -1) < 0 || (p[1].revents && !relay_out(s, fd, clear)))
                        return;
        }
}

void fake_tls_script(struct fake *f, int fd, unsigned nth)
{
        struct fake_tls *t = f->context;
        int pair[2];
        pthread_t thread;
        enum tls_io io;
        if (!fake_probe(f, fd))
                return;
        fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
        struct tls_session *s = tls_accept(t->identity, fd);
        while ((io = tls_handshake(s)) != TLS_DONE && wait_on(fd, io))
                ;
        if (io == TLS_DONE && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0) {
                struct inside i = {f, t, pair[1], nth};
                t->shaken++;
                t->certified += tls_session_peer(s)->certified;
                pthread_create(&thread, NULL, run_inside, &i);
                relay(s, fd, pair[0]);
                shutdown(pair[0], SHUT_RDWR);
                pthread_join(thread, NULL);
                close(pair[0]);
                close(pair[1]);
        }
        tls_session_free(s);
}
