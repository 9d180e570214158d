/* The socket as OpenSSL sees it: never raises SIGPIPE, and counts what a stranger sends before we know him.
 */
#include "tls/openssl/session.h"

#include "base/limits.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>

#define ROOM (17u << 10) /* one record as long as they get: 16,645 bytes (RFC 8446 5.2) */

static bool would_wait(int err)
{
        return err == EAGAIN || err == EWOULDBLOCK;
}

static int socket_write(BIO *b, const char *data, int n)
{
        struct tls_session *s = BIO_get_data(b);
        ssize_t k;
        BIO_clear_retry_flags(b);
        do
                k = send(s->fd, data, (size_t)n, MSG_NOSIGNAL | (s->closing ? MSG_DONTWAIT : 0));
        while (k < 0 && errno == EINTR);
        if (k < 0 && would_wait(errno))
                BIO_set_retry_write(b);
        else if (k < 0)
                s->error = errno;
        return (int)k;
}

static ssize_t receive(struct tls_session *s, void *to, size_t cap)
{
        ssize_t k;
        do
                k = recv(s->fd, to, cap, 0);
        while (k < 0 && errno == EINTR);
        if (k < 0 && would_wait(errno))
                s->waits = true;
        else if (k < 0)
                s->error = errno;
        if (k > 0 && !s->done) {
                s->received += (size_t)k;
                if (s->received > LIMIT_TLS_HANDSHAKE) {
                        why_set(&s->why, "the peer sent more than %u bytes before the handshake was done",
                                LIMIT_TLS_HANDSHAKE);
                        s->error = EMSGSIZE;
                        return -1;
                }
        }
        return k;
}

static int take(struct tls_session *s, char *to, size_t n)
{
        const size_t k = n < s->in_len - s->in_at ? n : s->in_len - s->in_at;
        memcpy(to, s->in + s->in_at, k);
        s->in_at += k;
        if (s->in_at == s->in_len) {
                free(s->in);
                s->in = NULL;
                s->in_at = s->in_len = 0;
        }
        return (int)k;
}

/* 1: there is something in s->in; 0: the end; -1. */
static int fill(struct tls_session *s)
{
        if (!s->in && !(s->in = malloc(ROOM))) {
                s->error = ENOMEM;
                return -1;
        }
        const ssize_t k = receive(s, s->in, ROOM);
        s->in_len = k > 0 ? (size_t)k : 0;
        if (k <= 0) {
                free(s->in);
                s->in = NULL;
        }
        return k > 0 ? 1 : (int)k;
}

static int socket_read(BIO *b, char *to, int n)
{
        struct tls_session *s = BIO_get_data(b);
        BIO_clear_retry_flags(b);
        s->waits = false;
        if (n <= 0)
                return 0;
        const int got = s->in ? 1 : fill(s);
        if (got > 0)
                return take(s, to, (size_t)n);
        if (got == 0)
                BIO_set_flags(b, BIO_FLAGS_IN_EOF);
        else if (s->waits)
                BIO_set_retry_read(b);
        return got;
}

static long socket_control(BIO *b, int command, long number, void *pointer)
{
        (void)number, (void)pointer;
        switch (command) {
        case BIO_CTRL_EOF:
                return BIO_test_flags(b, BIO_FLAGS_IN_EOF) != 0;
        case BIO_CTRL_FLUSH:
                return 1;
        default:
                return 0;
        }
}

static pthread_once_t once = PTHREAD_ONCE_INIT;
static BIO_METHOD *method;

static void make_method(void)
{
        BIO_METHOD *m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "netinfo socket");
        if (m && BIO_meth_set_write(m, socket_write) && BIO_meth_set_read(m, socket_read) &&
            BIO_meth_set_ctrl(m, socket_control))
                method = m;
        else
                BIO_meth_free(m);
}

BIO_METHOD *openssl_socket(void)
{
        pthread_once(&once, make_method);
        return method;
}
