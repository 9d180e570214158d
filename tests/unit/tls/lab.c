#include "lab.h"

#include "sys/clock.h"
#include "sys/fs.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

void lab_assert_ok(bool ok, const struct tls_why *why, const char *what)
{
        if (!ok)
                print_error("%s: %s\n", what, why->text);
        assert_true(ok);
}

uint64_t lab_now(void)
{
        return clock_wall_us() / 1000000;
}

void lab_folder(struct lab *l, const char *name, char ret[96])
{
        snprintf(ret, 96, "%.50s/%.40s", l->top, name);
        assert_int_equal(mkdir(ret, 0700), 0);
}

void lab_enrol(const struct tls_authority *a, const char *folder, const char *name, bool may_serve,
               uint64_t now)
{
        struct tls_why why = {0};
        struct tls_request *r = calloc(1, sizeof(*r));
        struct tls_signed *s = calloc(1, sizeof(*s));
        assert_true(r && s);
        assert_why(tls_request_make(BYTES_NONE, r, &why));
        assert_why(tls_authority_sign(a, bytes_of(r->der, r->len), name, may_serve, now, s, &why));
        const struct tls_identity_files files = {.authority = tls_authority_certificate(a),
                                                 .certificate = bytes_of(s->der, s->len),
                                                 .key = bytes_str(r->key),
                                                 .group = (gid_t)-1};
        assert_why(tls_identity_write(folder, &files, &why));
        free(s);
        free(r);
}

struct tls_identity *lab_load(const char *folder)
{
        struct tls_why why = {0};
        struct tls_identity *i = NULL;
        assert_found(tls_identity_load(folder, &i, &why));
        return i;
}

void lab_open(struct lab *l)
{
        struct tls_why why = {0};
        strcpy(l->top, "/tmp/netinfo-tls.XXXXXX");
        assert_non_null(mkdtemp(l->top));
        lab_folder(l, "authority", l->authority);
        lab_folder(l, "rome", l->server);
        lab_folder(l, "leaf", l->client);
        assert_why(tls_authority_create(l->authority, lab_now(), &why));
        assert_found(tls_authority_load(l->authority, &l->signer, &why));
        lab_enrol(l->signer, l->server, "rome", true, lab_now());
        lab_enrol(l->signer, l->client, "leaf", false, lab_now());
        l->rome = lab_load(l->server);
        l->leaf = lab_load(l->client);
}

void lab_close(struct lab *l)
{
        tls_identity_release(l->rome);
        tls_identity_release(l->leaf);
        tls_authority_free(l->signer);
        assert_int_equal(fs_remove_tree(l->top), 0);
}

struct lab lab;

int lab_set_up(void **state)
{
        (void)state;
        lab_open(&lab);
        return 0;
}

int lab_tear_down(void **state)
{
        (void)state;
        lab_close(&lab);
        return 0;
}

void lab_sockets(int pair[2])
{
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
}

static bool goes_on(enum tls_io io)
{
        return io == TLS_WANT_READ || io == TLS_WANT_WRITE;
}

/* Each turn one side has something from the other, so a handshake of three flights takes a few. */
#define TURNS 100u

void lab_handshake(struct tls_session *server, struct tls_session *client, enum tls_io *ret_server,
                   enum tls_io *ret_client)
{
        enum tls_io s = TLS_WANT_READ, c = TLS_WANT_READ;
        assert_true(server && client);
        for (unsigned n = 0; n < TURNS && (goes_on(s) || goes_on(c)); n++) {
                if (goes_on(c))
                        c = tls_handshake(client);
                if (goes_on(s))
                        s = tls_handshake(server);
        }
        *ret_server = s;
        *ret_client = c;
}

void pair_open(struct pair *p, struct tls_identity *server, struct tls_identity *client)
{
        enum tls_io s, c;
        lab_sockets(p->fd);
        p->server = tls_accept(server, p->fd[0]);
        p->client = tls_connect(client, p->fd[1], NULL);
        lab_handshake(p->server, p->client, &s, &c);
        if (s != TLS_DONE || c != TLS_DONE)
                print_error("server: %s; client: %s\n", tls_session_reason(p->server),
                            tls_session_reason(p->client));
        assert_int_equal(s, TLS_DONE);
        assert_int_equal(c, TLS_DONE);
}

void pair_close(struct pair *p)
{
        tls_session_free(p->client);
        tls_session_free(p->server);
        close(p->fd[0]);
        close(p->fd[1]);
}
