/* Sessions (doc/tls.md 2.2 to 2.4). */
#include "tls/openssl/session.h"

#include "base/limits.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#define ALPN      "sunrpc"
#define ALPN_SIZE 6u

static bool new_ssl(struct tls_session *s, SSL_CTX *context)
{
        BIO *b = openssl_socket() ? BIO_new(openssl_socket()) : NULL;
        s->ssl = b && context ? SSL_new(context) : NULL;
        if (!s->ssl) {
                BIO_free(b);
                return false;
        }
        BIO_set_data(b, s);
        BIO_set_init(b, 1);
        SSL_set_bio(s->ssl, b, b);
        SSL_set_app_data(s->ssl, s);
        if (s->server)
                SSL_set_accept_state(s->ssl);
        else
                SSL_set_connect_state(s->ssl);
        return true;
}

static struct tls_session *session_new(SSL_CTX *context, int fd, bool server, const char *name)
{
        struct tls_session *s = calloc(1, sizeof(*s));
        if (!s)
                return NULL;
        s->fd = fd;
        s->server = server;
        if ((name && !(s->name = strdup(name))) || !new_ssl(s, context)) {
                session_forget(s);
                s = NULL;
        }
        ERR_clear_error();
        return s;
}

static struct tls_session *session_of(struct tls_identity *identity, SSL_CTX *context, int fd, bool server,
                                      const char *name)
{
        struct tls_session *s = context ? session_new(context, fd, server, name) : NULL;
        if (s)
                s->identity = identity_hold(identity);
        return s;
}

struct tls_session *session_accept(struct tls_identity *identity, int fd)
{
        return session_of(identity, ((struct identity *)identity)->server, fd, true, NULL);
}

struct tls_session *session_connect(struct tls_identity *identity, int fd, const char *name)
{
        return session_of(identity, ((struct identity *)identity)->client, fd, false, name);
}

struct tls_session *session_connect_pinned(const uint8_t *pin, int fd, const char *name)
{
        SSL_CTX *context = identity_context(false);
        struct tls_session *s = context ? session_new(context, fd, false, name) : NULL;
        SSL_CTX_free(context); /* the session holds it */
        if (s) {
                s->pinned = true;
                memcpy(s->pin, pin, sizeof(s->pin));
        }
        return s;
}

void session_ask(struct tls_session *s, bool (*withdrawn)(void *context, const struct tls_peer *peer),
                 void *context)
{
        s->withdrawn = withdrawn;
        s->withdrawn_context = context;
}

void session_forget(struct tls_session *s)
{
        SSL_free(s->ssl);
        if (s->identity)
                identity_drop(s->identity);
        buf_done(&s->authority);
        free(s->in);
        free(s->name);
        free(s);
}

void session_free(struct tls_session *s)
{
        if (s->ssl && s->done && s->ended != TLS_FAILED) {
                s->closing = true;
                ERR_clear_error();
                SSL_shutdown(s->ssl);
                ERR_clear_error();
        }
        session_forget(s);
}

/* -- what went wrong */

static const char *socket_words(const struct tls_session *s)
{
        return s->error ? strerror(s->error) : "the connection ended in the middle";
}

/* The words for what the library says: of an alert, who refused. */
static void explain(struct tls_session *s, unsigned long code)
{
        const int reason = ERR_GET_REASON(code);
        const char *text = ERR_reason_error_string(code);
        if (s->error || !code || reason == SSL_R_UNEXPECTED_EOF_WHILE_READING)
                why_set(&s->why, "%s", socket_words(s));
        else if (ERR_GET_LIB(code) == ERR_LIB_SSL && reason == SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED)
                why_set(&s->why,
                        "this machine's certificate was withdrawn (`ni machine rm` on the authority's "
                        "server); `ni join --again` with a new token enrols it anew");
        else if (ERR_GET_LIB(code) == ERR_LIB_SSL && reason >= SSL_AD_REASON_OFFSET)
                why_set(&s->why, "the peer refused: %s",
                        SSL_alert_desc_string_long(reason - SSL_AD_REASON_OFFSET));
        else if (reason == SSL_R_UNSUPPORTED_PROTOCOL || reason == SSL_R_NO_PROTOCOLS_AVAILABLE)
                why_set(&s->why, "the peer does not speak TLS 1.3");
        else
                why_set(&s->why, "%s", text ? text : "no memory");
}

static enum tls_io end(struct tls_session *s, enum tls_io how)
{
        s->ended = how;
        s->told = true;
        ERR_clear_error();
        return how;
}

static enum tls_io fail(struct tls_session *s)
{
        if (!s->why.text[0])
                explain(s, ERR_peek_last_error());
        return end(s, TLS_FAILED);
}

static enum tls_io fail_because(struct tls_session *s, const char *words)
{
        if (!s->why.text[0])
                why_set(&s->why, "%s", words);
        return end(s, TLS_FAILED);
}

/* -- the handshake */

int session_hello(SSL *ssl, int *alert, void *unused)
{
        struct tls_session *s = SSL_get_app_data(ssl);
        const unsigned char *list;
        size_t n;
        (void)unused;
        if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_application_layer_protocol_negotiation, &list, &n))
                return SSL_CLIENT_HELLO_SUCCESS; /* session_alpn looks at it */
        why_set(&s->why, "the peer does not ask for RPC (ALPN " ALPN ")");
        *alert = SSL_AD_NO_APPLICATION_PROTOCOL;
        return SSL_CLIENT_HELLO_ERROR;
}

int session_alpn(SSL *ssl, const unsigned char **ret, unsigned char *ret_len, const unsigned char *in,
                 unsigned in_len, void *unused)
{
        struct tls_session *s = SSL_get_app_data(ssl);
        (void)unused;
        for (unsigned at = 0; at < in_len; at += in[at] + 1u) { /* the library has checked the lengths */
                if (in[at] == ALPN_SIZE && memcmp(in + at + 1, ALPN, ALPN_SIZE) == 0) {
                        *ret = in + at + 1;
                        *ret_len = ALPN_SIZE;
                        return SSL_TLSEXT_ERR_OK;
                }
        }
        why_set(&s->why, "the peer does not ask for RPC (ALPN " ALPN ")");
        return SSL_TLSEXT_ERR_ALERT_FATAL;
}

static void date_of(uint64_t seconds, char ret[32])
{
        const time_t t = (time_t)seconds;
        struct tm tm;
        if (!gmtime_r(&t, &tm) || !strftime(ret, 32, "%Y-%m-%d", &tm))
                strcpy(ret, "?");
}

/* Its time, its uses, its name: what is asked of a peer of this session. *ret_late: it has run out, and may
 * renew. */
static bool check_peer(const struct tls_session *s, const struct tls_certificate *c, uint64_t now,
                       bool *ret_late, int *ret_error, struct tls_why *why)
{
        char date[32];
        *ret_late = now > c->until;
        *ret_error = X509_V_ERR_CERT_NOT_YET_VALID;
        date_of(now < c->since ? c->since : c->until, date);
        if (now < c->since)
                return why_set(why, "is not valid yet (from %s): is a clock wrong?", date);
        *ret_error = X509_V_ERR_CERT_HAS_EXPIRED;
        if (*ret_late && (!s->server || now - c->until >= TLS_LATE_RENEWAL))
                return why_set(why, "has run out (%s)", date);
        *ret_error = X509_V_ERR_INVALID_PURPOSE;
        if (s->server ? !c->may_call : !c->may_serve)
                return why_set(why, s->server ? "is not for calling (rpcTLSClient)"
                                              : "is not for serving (rpcTLSServer)");
        *ret_error = X509_V_ERR_HOSTNAME_MISMATCH;
        if (s->name && !tls_name_matches(c->machine, s->name))
                return why_set(why, "is of %s, but %.200s was called", c->machine, s->name);
        *ret_error = X509_V_OK;
        return true;
}

/* Among what the server sent (LIMIT_TLS_CHAIN), the authority whose key is the pin. */
static X509 *pinned_authority(struct tls_session *s, X509_STORE_CTX *store, uint64_t now)
{
        STACK_OF(X509) *sent = X509_STORE_CTX_get0_untrusted(store);
        uint8_t pin[TLS_PIN_SIZE], uuid[TLS_UUID_SIZE];
        for (int i = 0; i < sk_X509_num(sent); i++) {
                X509 *x = sk_X509_value(sent, i);
                if (!certificate_pin_of(x, pin) || memcmp(pin, s->pin, sizeof(pin)) != 0)
                        continue;
                if (!certificate_of_authority(x, now, uuid, &s->why)) {
                        why_prefix(&s->why, "the certificate of the authority that the join string names ");
                        return NULL;
                }
                buf_clear(&s->authority);
                return certificate_der(x, &s->authority) ? x : NULL;
        }
        why_set(&s->why, "the server is of another authority than the join string says");
        return NULL;
}

static bool verify(struct tls_session *s, X509_STORE_CTX *store, int *ret_error)
{
        const uint64_t now = certificate_now();
        struct tls_certificate c;
        bool late;
        X509 *x = X509_STORE_CTX_get0_cert(store);
        X509 *authority =
                s->pinned ? pinned_authority(s, store, now) : ((struct identity *)s->identity)->authority;
        *ret_error = X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY;
        if (!x || !authority)
                return false;
        if (!certificate_verify(x, authority, now, &c, ret_error, &s->why) ||
            !check_peer(s, &c, now, &late, ret_error, &s->why)) {
                why_prefix(&s->why, "the peer's certificate ");
                return false;
        }
        s->peer = (struct tls_peer){
                .certified = true, .expired = late, .may_serve = c.may_serve, .until = c.until};
        memcpy(s->peer.machine, c.machine, sizeof(s->peer.machine));
        memcpy(s->peer.serial, c.serial, sizeof(s->peer.serial));
        if (!s->withdrawn || !s->withdrawn(s->withdrawn_context, &s->peer))
                return true;
        *ret_error = X509_V_ERR_CERT_REVOKED;
        return why_set(&s->why, "the peer's certificate was withdrawn (ni machine rm)");
}

/* In place of the library's: what was sent beside the certificate is no part of a chain. */
int session_verify(X509_STORE_CTX *store, void *unused)
{
        SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
        int error;
        (void)unused;
        const bool ok = verify(SSL_get_app_data(ssl), store, &error);
        X509_STORE_CTX_set_error(store, ok ? X509_V_OK : error);
        ERR_clear_error();
        return ok;
}

static bool is_rpc(const SSL *ssl)
{
        const unsigned char *chosen;
        unsigned n;
        SSL_get0_alpn_selected(ssl, &chosen, &n);
        return n == ALPN_SIZE && memcmp(chosen, ALPN, ALPN_SIZE) == 0;
}

static enum tls_io finish_handshake(struct tls_session *s)
{
        if (SSL_version(s->ssl) != TLS1_3_VERSION)
                return fail_because(s, "the peer does not speak TLS 1.3");
        if (!is_rpc(s->ssl))
                return fail_because(s, "the peer does not speak RPC inside TLS (ALPN " ALPN ")");
        if (!s->server && !s->peer.certified)
                return fail_because(s, "the peer showed no certificate");
        s->done = true;
        return TLS_DONE;
}

enum tls_io session_handshake(struct tls_session *s)
{
        if (s->ended)
                return s->ended;
        if (s->done)
                return TLS_DONE;
        for (;;) {
                ERR_clear_error();
                s->waits = false;
                const int n = SSL_do_handshake(s->ssl);
                if (n == 1)
                        return finish_handshake(s);
                switch (SSL_get_error(s->ssl, n)) {
                case SSL_ERROR_WANT_READ:
                        if (s->waits)
                                return TLS_WANT_READ;
                        break; /* what is there is not used up; LIMIT_TLS_HANDSHAKE ends it */
                case SSL_ERROR_WANT_WRITE:
                        return TLS_WANT_WRITE;
                default:
                        return fail(s);
                }
        }
}

/* -- data */

/* One step of reading: TLS_DONE and *ret_n bytes (with peek they stay), or what there is instead. */
static enum tls_io step(struct tls_session *s, void *to, size_t cap, size_t *ret_n, bool peek)
{
        for (;;) {
                ERR_clear_error();
                s->waits = false;
                const int ok =
                        peek ? SSL_peek_ex(s->ssl, to, cap, ret_n) : SSL_read_ex(s->ssl, to, cap, ret_n);
                if (ok == 1) {
                        s->control = 0;
                        return TLS_DONE;
                }
                switch (SSL_get_error(s->ssl, ok)) {
                case SSL_ERROR_WANT_READ:
                        if (s->waits)
                                return TLS_WANT_READ;
                        if (++s->control > LIMIT_TLS_CONTROL)
                                return fail_because(
                                        s, "the peer sends records without data, and no end of them");
                        break;
                case SSL_ERROR_WANT_WRITE:
                        return TLS_WANT_WRITE;
                case SSL_ERROR_ZERO_RETURN:
                        return end(s, TLS_CLOSED);
                default:
                        return fail(s);
                }
        }
}

static enum tls_io tell(struct tls_session *s)
{
        s->told = true;
        return s->ended;
}

/* The caller waits for the socket next, which may have nothing more: what is here already is looked at, so
 * that session_pending knows of it. */
static void look_ahead(struct tls_session *s)
{
        uint8_t byte;
        size_t n;
        if (SSL_pending(s->ssl) == 0 && (s->in || SSL_has_pending(s->ssl)))
                step(s, &byte, 1, &n, true);
}

enum tls_io session_read(struct tls_session *s, void *to, size_t cap, size_t *ret_n)
{
        enum tls_io io = TLS_DONE;
        size_t got = 0;
        *ret_n = 0;
        if (s->ended)
                return tell(s);
        if (!s->done)
                return fail_because(s, "there was no handshake");
        while (got < cap && io == TLS_DONE) {
                size_t n = 0;
                io = step(s, (uint8_t *)to + got, cap - got, &n, false);
                got += n;
        }
        if (got == 0)
                return io;
        if (io == TLS_DONE)
                look_ahead(s);
        s->told = s->told && !s->ended; /* first the bytes, then the end */
        *ret_n = got;
        return TLS_DONE;
}

/* The peer may have said why before it went: an alert that lies in the socket is better than "broken pipe".
 */
static enum tls_io fail_writing(struct tls_session *s)
{
        uint8_t byte;
        size_t n;
        const int err = s->error;
        if (err == EPIPE || err == ECONNRESET) {
                s->error = 0;
                ERR_clear_error();
                if (step(s, &byte, 1, &n, true) == TLS_FAILED)
                        return TLS_FAILED;
                s->error = err;
        }
        return fail(s);
}

enum tls_io session_write(struct tls_session *s, struct bytes data, size_t *ret_n)
{
        size_t sent = 0;
        *ret_n = 0;
        if (s->ended == TLS_FAILED)
                return tell(s);
        if (!s->done)
                return fail_because(s, "there was no handshake");
        while (sent < data.len) {
                size_t n = 0;
                ERR_clear_error();
                const int ok = SSL_write_ex(s->ssl, data.data + sent, data.len - sent, &n);
                sent += n;
                *ret_n = sent;
                if (ok == 1)
                        continue;
                switch (SSL_get_error(s->ssl, ok)) {
                case SSL_ERROR_WANT_WRITE:
                        return TLS_WANT_WRITE;
                case SSL_ERROR_WANT_READ:
                        return TLS_WANT_READ;
                default:
                        return fail_writing(s);
                }
        }
        return TLS_DONE;
}

size_t session_pending(const struct tls_session *s)
{
        if (s->ended)
                return s->told ? 0 : 1;
        return s->done ? (size_t)SSL_pending(s->ssl) : 0;
}

/* -- questions */

const struct tls_peer *session_peer(const struct tls_session *s)
{
        static const struct tls_peer nobody;
        return s->done ? &s->peer : &nobody;
}

struct bytes session_authority(const struct tls_session *s)
{
        return s->identity ? s->identity->authority : buf_bytes(&s->authority);
}

bool session_export(struct tls_session *s, const char *label, uint8_t *ret)
{
        uint8_t exported[TLS_EXPORT_SIZE];
        const bool ok = s->done && SSL_export_keying_material(s->ssl, exported, sizeof(exported), label,
                                                              strlen(label), NULL, 0, 0) == 1;
        if (ok)
                memcpy(ret, exported, sizeof(exported));
        explicit_bzero(exported, sizeof(exported));
        ERR_clear_error();
        return ok;
}

const char *session_reason(const struct tls_session *s)
{
        return s->why.text;
}
