/* Peers that are no NetInfo, by OpenSSL alone: other versions, other protocols, no end of new keys
 * (doc/tls.md 2.2). */
#include "forge.h"

#include "base/limits.h"

#include <unistd.h>

static struct forger forger;
static struct forged rome; /* a right certificate */

static int open_lab(void **state)
{
        const struct forgery right = {0};
        (void)state;
        lab_open(&lab);
        forger_open(&forger, &lab);
        forge(&forger, &right, &rome);
        return 0;
}

static int close_lab(void **state)
{
        (void)state;
        forged_done(&rome);
        forger_close(&forger);
        lab_close(&lab);
        return 0;
}

struct meeting {
        int fd[2], raw;
        enum tls_io io;
        SSL *ssl;
        struct tls_session *ours;
};

/* Takes c. */
static void meet(struct meeting *m, SSL_CTX *c, bool raw_serves)
{
        lab_sockets(m->fd);
        m->ssl = raw_session(c, raw_serves, m->fd[1]);
        m->ours = raw_serves ? tls_connect(lab.leaf, m->fd[0], "rome") : tls_accept(lab.rome, m->fd[0]);
        raw_handshake(m->ssl, m->ours, &m->raw, &m->io);
        SSL_CTX_free(c);
}

static void part(struct meeting *m)
{
        tls_session_free(m->ours);
        SSL_free(m->ssl);
        close(m->fd[0]);
        close(m->fd[1]);
}

static void refused(SSL_CTX *c, bool raw_serves, const char *words)
{
        struct meeting m;
        meet(&m, c, raw_serves);
        if (m.io != TLS_FAILED || !strstr(tls_session_reason(m.ours), words))
                print_error("want \"%s\": %d %s\n", words, (int)m.io, tls_session_reason(m.ours));
        assert_int_equal(m.io, TLS_FAILED);
        assert_non_null(strstr(tls_session_reason(m.ours), words));
        part(&m);
}

static void older_versions(void **state)
{
        (void)state;
        for (unsigned serves = 0; serves < 2; serves++) {
                SSL_CTX *c = raw_context(serves, &rome);
                assert_true(SSL_CTX_set_max_proto_version(c, TLS1_2_VERSION));
                refused(c, serves, serves ? "the peer refused: protocol version" : "does not speak TLS 1.3");
        }
}

static SSL_CTX *asking_for(const char *list, unsigned len)
{
        SSL_CTX *c = raw_context(false, NULL);
        assert_int_equal(SSL_CTX_set_alpn_protos(c, (const uint8_t *)list, len), 0);
        return c;
}

static void another_protocol(void **state)
{
        static const char *const words = "does not ask for RPC (ALPN sunrpc)";
        struct meeting m;
        SSL_CTX *c;
        (void)state;
        refused(asking_for("", 0), false, words);
        refused(asking_for("\2h2", 3), false, words);
        refused(asking_for("\7sunrpc2\5sunrp\6SUNRPC", 21), false, words);
        meet(&m, asking_for("\2h2\6sunrpc", 10), false);
        assert_int_equal(m.io, TLS_DONE);
        part(&m);
        c = raw_context(true, &rome); /* a server that does not know what ALPN is */
        SSL_CTX_set_alpn_select_cb(c, NULL, NULL);
        refused(c, true, "does not speak RPC inside TLS");
}

/* The peer hears which protocol is wanted: that is what this alert is for. */
static void the_alert_for_it(void **state)
{
        struct meeting m;
        uint8_t alert[7];
        (void)state;
        meet(&m, asking_for("\2h2", 3), false);
        assert_int_equal(m.raw, -1);
        part(&m);
        lab_sockets(m.fd);
        SSL_CTX *c = asking_for("", 0);
        m.ssl = raw_session(c, false, m.fd[1]);
        m.ours = tls_accept(lab.rome, m.fd[0]);
        assert_int_equal(SSL_do_handshake(m.ssl), -1);
        assert_int_equal(tls_handshake(m.ours), TLS_FAILED);
        assert_int_equal(read(m.fd[1], alert, sizeof(alert)), sizeof(alert));
        assert_int_equal(alert[0], 21);
        assert_int_equal(alert[5], SSL3_AL_FATAL);
        assert_int_equal(alert[6], 120); /* no_application_protocol (RFC 7301 3.2) */
        SSL_CTX_free(c);
        part(&m);
}

static void other_groups(void **state)
{
        (void)state;
        for (unsigned serves = 0; serves < 2; serves++) {
                char groups[] = "P-521:P-384:X448";
                SSL_CTX *c = raw_context(serves, &rome);
                assert_true(SSL_CTX_set1_groups_list(c, groups));
                refused(c, serves, "");
        }
}

static void groups_that_are_fine(void **state)
{
        char groups[][16] = {"X25519", "P-256", "P-384:P-256"};
        (void)state;
        for (unsigned i = 0; i < 3; i++) {
                struct meeting m;
                SSL_CTX *c = raw_context(false, &rome);
                assert_true(SSL_CTX_set1_groups_list(c, groups[i]));
                meet(&m, c, false);
                assert_int_equal(m.io, TLS_DONE);
                part(&m);
        }
}

/* No tickets, no resumption: what a client kept of a session is worth nothing. */
static void each_session_is_new(void **state)
{
        struct meeting m;
        uint8_t byte;
        size_t n;
        (void)state;
        SSL_CTX *c = raw_context(false, &rome);
        SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_CLIENT);
        assert_true(SSL_CTX_up_ref(c));
        meet(&m, c, false);
        assert_int_equal(m.io, TLS_DONE);
        assert_int_equal(tls_write(m.ours, BYTES_LIT("x"), &n), TLS_DONE);
        assert_int_equal(SSL_read(m.ssl, &byte, 1), 1); /* tickets would have come before it */
        SSL_SESSION *kept = SSL_get1_session(m.ssl);
        assert_false(SSL_SESSION_is_resumable(kept));
        part(&m);
        lab_sockets(m.fd);
        m.ssl = raw_session(c, false, m.fd[1]);
        SSL_set_session(m.ssl, kept);
        m.ours = tls_accept(lab.rome, m.fd[0]);
        raw_handshake(m.ssl, m.ours, &m.raw, &m.io);
        assert_int_equal(m.io, TLS_DONE);
        assert_false(SSL_session_reused(m.ssl));
        assert_true(tls_session_peer(m.ours)->certified);
        SSL_SESSION_free(kept);
        SSL_CTX_free(c);
        part(&m);
}

/* A server of OpenSSL sends tickets after its handshake: our client passes over them. */
static void tickets_are_passed_over(void **state)
{
        struct meeting m;
        char got[16];
        size_t n;
        (void)state;
        meet(&m, raw_context(true, &rome), true);
        assert_int_equal(m.io, TLS_DONE);
        assert_int_equal(m.raw, 1);
        assert_int_equal(SSL_write(m.ssl, "answer", 6), 6);
        assert_int_equal(tls_read(m.ours, got, sizeof(got), &n), TLS_DONE);
        assert_int_equal(n, 6);
        part(&m);
}

static void new_keys(struct meeting *m, unsigned times)
{
        for (unsigned i = 0; i < times; i++) {
                assert_int_equal(SSL_key_update(m->ssl, SSL_KEY_UPDATE_REQUESTED), 1);
                assert_int_equal(SSL_do_handshake(m->ssl), 1);
        }
}

static void no_end_of_new_keys(void **state)
{
        struct meeting m;
        char got[16];
        size_t n;
        (void)state;
        meet(&m, raw_context(false, &rome), false);
        for (unsigned i = 0; i < 3 * LIMIT_TLS_CONTROL; i++) { /* with something to say they are fine */
                new_keys(&m, 1);
                assert_int_equal(SSL_write(m.ssl, "x", 1), 1);
                assert_int_equal(tls_read(m.ours, got, sizeof(got), &n), TLS_DONE);
                assert_int_equal(tls_write(m.ours, BYTES_LIT("y"), &n), TLS_DONE);
                assert_int_equal(SSL_read(m.ssl, got, 1), 1);
        }
        new_keys(&m, LIMIT_TLS_CONTROL / 2);
        assert_int_equal(tls_read(m.ours, got, sizeof(got), &n), TLS_WANT_READ);
        new_keys(&m, LIMIT_TLS_CONTROL);
        assert_int_equal(tls_read(m.ours, got, sizeof(got), &n), TLS_FAILED);
        assert_non_null(strstr(tls_session_reason(m.ours), "no end of them"));
        part(&m);
}

/* A client that goes on in TLS after its certificate was refused: nothing is read. */
static void after_a_refusal(void **state)
{
        const struct forgery foreign = {.own_key = true};
        struct forged f;
        struct meeting m;
        char got[16];
        size_t n;
        (void)state;
        forge(&forger, &foreign, &f);
        meet(&m, raw_context(false, &f), false);
        assert_int_equal(m.raw, 1); /* it believes that it is in */
        assert_int_equal(m.io, TLS_FAILED);
        (void)!SSL_write(m.ssl, "question", 8);
        assert_int_equal(tls_read(m.ours, got, sizeof(got), &n), TLS_FAILED);
        assert_int_equal(n, 0);
        assert_int_equal(tls_pending(m.ours), 0);
        part(&m);
        forged_done(&f);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(older_versions),          cmocka_unit_test(another_protocol),
                cmocka_unit_test(the_alert_for_it),        cmocka_unit_test(other_groups),
                cmocka_unit_test(groups_that_are_fine),    cmocka_unit_test(each_session_is_new),
                cmocka_unit_test(tickets_are_passed_over), cmocka_unit_test(no_end_of_new_keys),
                cmocka_unit_test(after_a_refusal),
        };
        return cmocka_run_group_tests(tests, open_lab, close_lab);
}
