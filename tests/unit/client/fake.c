#include "fake.h"

#include "sys/fs.h"
#include "wire/record.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

struct visit {
        struct fake *f;
        unsigned nth;
};

static void *converse(void *arg)
{
        struct visit v = *(struct visit *)arg;
        free(arg);
        v.f->script(v.f, v.f->fds[v.nth], v.nth);
        shutdown(v.f->fds[v.nth], SHUT_RDWR);
        return NULL;
}

static void *receive_visitors(void *arg)
{
        struct fake *f = arg;
        while (!f->stopping) {
                const int fd = accept4(f->listener, NULL, NULL, SOCK_CLOEXEC);
                const unsigned nth = f->connections;
                if (fd < 0)
                        break;
                struct visit *v = malloc(sizeof(*v));
                if (nth == FAKE_MOST || !v) {
                        fake_wrong(f, "more connections than a test may make");
                        close(fd);
                        free(v);
                        break;
                }
                *v = (struct visit){f, nth};
                f->fds[nth] = fd;
                f->connections = nth + 1;
                pthread_create(&f->threads[nth], NULL, converse, v);
        }
        return NULL;
}

static bool listen_on(struct fake *f, const struct sockaddr *sa, socklen_t len, fake_script *script,
                      void *context)
{
        const int one = 1;
        memset(f, 0, sizeof(*f));
        f->script = script;
        f->context = context;
        f->listener = socket(sa->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        setsockopt(f->listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
        if (bind(f->listener, sa, len) < 0 || listen(f->listener, 16) < 0) {
                close(f->listener);
                return false;
        }
        return true;
}

bool fake_start_port(struct fake *f, uint16_t port, fake_script *script, void *context)
{
        struct sockaddr_in in = {
                .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
        socklen_t len = sizeof(in);
        if (!listen_on(f, (struct sockaddr *)&in, sizeof(in), script, context))
                return false;
        assert_int_equal(0, getsockname(f->listener, (struct sockaddr *)&in, &len));
        f->port = ntohs(in.sin_port);
        snprintf(f->address, sizeof(f->address), "127.0.0.1:%u", f->port);
        assert_int_equal(0, pthread_create(&f->acceptor, NULL, receive_visitors, f));
        return true;
}

void fake_start(struct fake *f, fake_script *script, void *context)
{
        assert_true(fake_start_port(f, 0, script, context));
}

void fake_start_on(struct fake *f, int listener, fake_script *script, void *context)
{
        memset(f, 0, sizeof(*f));
        f->script = script;
        f->context = context;
        f->listener = listener;
        assert_int_equal(0, pthread_create(&f->acceptor, NULL, receive_visitors, f));
}

void fake_start_at(struct fake *f, const char *path, fake_script *script, void *context)
{
        struct sockaddr_un un = {.sun_family = AF_UNIX};
        snprintf(un.sun_path, sizeof(un.sun_path), "%s", path);
        assert_true(listen_on(f, (struct sockaddr *)&un, sizeof(un), script, context));
        assert_int_equal(0, pthread_create(&f->acceptor, NULL, receive_visitors, f));
}

void fake_stop(struct fake *f)
{
        f->stopping = true;
        shutdown(f->listener, SHUT_RDWR);
        pthread_join(f->acceptor, NULL);
        close(f->listener);
        for (unsigned i = 0; i < f->connections; i++) {
                shutdown(f->fds[i], SHUT_RDWR);
                pthread_join(f->threads[i], NULL);
                close(f->fds[i]);
        }
        if (f->wrong)
                fail_msg("the fake server saw: %s", f->why);
}

void fake_wrong(struct fake *f, const char *why)
{
        if (!f->wrong)
                snprintf(f->why, sizeof(f->why), "%s", why);
        f->wrong = true;
}

bool fake_read(struct fake *f, int fd, struct fake_call *c)
{
        struct record_reader reader;
        struct bytes record;
        size_t used;
        record_reader_init(&reader, LIMIT_CALL);
        buf_init(&c->record, 0);
        for (;;) {
                const enum record_verdict verdict = record_next(&reader, &c->record, 0, &record, &used);
                if (verdict == RECORD_WHOLE)
                        break;
                uint8_t *to = buf_add(&c->record, 1); /* a byte at a time: never into the next record */
                const ssize_t n = recv(fd, to, 1, 0);
                if (verdict == RECORD_REFUSED || n <= 0) {
                        buf_done(&c->record);
                        return false;
                }
        }
        struct xdr_in in = xdr_in(record);
        if (call_decode(&in, &c->rpc) != CALL_OK)
                fake_wrong(f, "a call header that does not decode");
        c->args = bytes_of(in.at, xdr_left(&in));
        return true;
}

bool fake_next(struct fake *f, int fd, struct fake_call *c)
{
        while (fake_read(f, fd, c)) {
                if (c->rpc.program != NIEXT_PROGRAM || c->rpc.procedure != NIEXT_PROC_select) {
                        f->calls++;
                        return true;
                }
                fake_answer_status(fd, c->rpc.xid, NI_OK);
                buf_done(&c->record);
        }
        return false;
}

void fake_send(int fd, struct bytes record, size_t piece)
{
        struct buf out;
        buf_init(&out, 0);
        size_t at = 0;
        do {
                const struct bytes part = bytes_sub(record, at, piece ? piece : record.len);
                at += part.len;
                xdr_put_u32(&out, (uint32_t)part.len | (at == record.len ? 0x80000000u : 0));
                buf_put(&out, part);
        } while (at < record.len);
        for (size_t sent = 0; sent < out.len;) {
                const ssize_t n = send(fd, out.data + sent, out.len - sent, MSG_NOSIGNAL);
                if (n <= 0)
                        break;
                sent += (size_t)n;
        }
        buf_done(&out);
}

void fake_answer(int fd, uint32_t xid, struct bytes result, size_t piece)
{
        struct buf record;
        buf_init(&record, 0);
        reply_accepted(&record, xid, ACCEPT_SUCCESS);
        buf_put(&record, result);
        fake_send(fd, buf_bytes(&record), piece);
        buf_done(&record);
}

void fake_refuse(int fd, uint32_t xid, enum accept_stat stat)
{
        struct buf record;
        buf_init(&record, 0);
        reply_accepted(&record, xid, stat);
        fake_send(fd, buf_bytes(&record), 0);
        buf_done(&record);
}

void fake_answer_id(int fd, uint32_t xid, struct ni_id id, size_t piece)
{
        struct buf result;
        buf_init(&result, 0);
        xdr_put_u32(&result, NI_OK);
        xdr_put_id(&result, id);
        fake_answer(fd, xid, buf_bytes(&result), piece);
        buf_done(&result);
}

void fake_answer_status(int fd, uint32_t xid, enum ni_status status)
{
        struct buf result;
        buf_init(&result, 0);
        xdr_put_u32(&result, status);
        fake_answer(fd, xid, buf_bytes(&result), 0);
        buf_done(&result);
}
