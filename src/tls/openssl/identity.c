/* What a machine is, ready for sessions. */
#include "tls/openssl/internal.h"

#include "base/limits.h"

#include <stdlib.h>

#define OPTIONS (SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION)
#define MODE                                                                                              \
        (SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS | \
         SSL_MODE_NO_AUTO_CHAIN)

static const unsigned char alpn[] = "\6sunrpc";

/* doc/tls.md 2.2. No sessions are remembered on either side; records without data are returned from, so that
 * they can be counted. */
static bool set_up(SSL_CTX *c, bool server)
{
        char groups[] = "X25519:P-256", signatures[] = "ECDSA+SHA256";
        SSL_CTX_set_options(c, OPTIONS);
        SSL_CTX_set_mode(c, MODE);
        SSL_CTX_clear_mode(c, SSL_MODE_AUTO_RETRY);
        SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
        SSL_CTX_set_max_cert_list(c, LIMIT_TLS_CHAIN);
        SSL_CTX_set_verify(c, SSL_VERIFY_PEER, NULL);
        SSL_CTX_set_cert_verify_callback(c, session_verify, NULL);
        if (server) {
                SSL_CTX_set_client_hello_cb(c, session_hello, NULL);
                SSL_CTX_set_alpn_select_cb(c, session_alpn, NULL);
        }
        return SSL_CTX_set_min_proto_version(c, TLS1_3_VERSION) &&
               SSL_CTX_set_max_proto_version(c, TLS1_3_VERSION) && SSL_CTX_set_num_tickets(c, 0) &&
               SSL_CTX_set1_groups_list(c, groups) && SSL_CTX_set1_sigalgs_list(c, signatures) &&
               SSL_CTX_set1_client_sigalgs_list(c, signatures) &&
               (server || SSL_CTX_set_alpn_protos(c, alpn, sizeof(alpn) - 1) == 0);
}

SSL_CTX *identity_context(bool server)
{
        SSL_CTX *c = openssl_context() ? SSL_CTX_new_ex(openssl_context(), NULL,
                                                        server ? TLS_server_method() : TLS_client_method())
                                       : NULL;
        if (c && !set_up(c, server)) {
                SSL_CTX_free(c);
                c = NULL;
        }
        return c;
}

static bool read_authority(struct identity *i, struct bytes pem, struct tls_why *why)
{
        i->authority = certificate_parse_pem(pem, why);
        if (!i->authority || !certificate_of_authority(i->authority, certificate_now(), i->front.uuid, why)) {
                why_prefix(why, "authority.crt ");
                return false;
        }
        if (!certificate_der(i->authority, &i->der))
                return why_set(why, "authority.crt cannot be read: no memory");
        i->front.authority = buf_bytes(&i->der);
        return true;
}

static X509 *read_machine(struct identity *i, struct bytes pem, struct tls_why *why)
{
        int error;
        X509 *x = certificate_parse_pem(pem, why);
        bool ok = x &&
                  certificate_verify(x, i->authority, certificate_now(), &i->front.certificate, &error, why);
        if (ok && !i->front.certificate.may_call)
                ok = why_set(why, "is not for calling (rpcTLSClient)");
        if (!ok) {
                why_prefix(why, "machine.crt ");
                X509_free(x);
                return NULL;
        }
        return x;
}

static bool show(SSL_CTX *c, X509 *x, EVP_PKEY *key)
{
        return c && SSL_CTX_use_certificate(c, x) == 1 && SSL_CTX_use_PrivateKey(c, key) == 1;
}

/* A server shows its authority's certificate beside its own: who joins knows no more of it than its digest.
 */
static bool read_key(struct identity *i, X509 *x, struct bytes pem, struct tls_why *why)
{
        EVP_PKEY *key = key_read(pem, X509_get0_pubkey(x), why);
        if (!key) {
                why_prefix(why, "machine.key ");
                return false;
        }
        i->server = identity_context(true);
        i->front.has_key = show(i->server, x, key) && SSL_CTX_add1_chain_cert(i->server, i->authority) == 1 &&
                           show(i->client, x, key);
        EVP_PKEY_free(key);
        return i->front.has_key || why_set(why, "machine.key cannot be used: %s", openssl_words());
}

static bool read_all(struct identity *i, const struct tls_identity_source *source, struct tls_why *why)
{
        if (!read_authority(i, source->authority, why))
                return false;
        i->client = identity_context(false);
        if (!i->client)
                return why_set(why, "authority.crt cannot be used: %s", openssl_words());
        if (source->certificate.len == 0)
                return true;
        X509 *x = read_machine(i, source->certificate, why);
        const bool ok = x && (source->key.len == 0 || read_key(i, x, source->key, why));
        X509_free(x);
        return ok;
}

struct tls_identity *identity_read(const struct tls_identity_source *source, struct tls_why *why)
{
        struct identity *i = calloc(1, sizeof(*i));
        if (!i) {
                why_set(why, "authority.crt: no memory");
                return NULL;
        }
        atomic_init(&i->front.holders, 1);
        const bool ok = read_all(i, source, why);
        ERR_clear_error();
        if (!ok) {
                identity_free(&i->front);
                return NULL;
        }
        return &i->front;
}

void identity_free(struct tls_identity *front)
{
        struct identity *i = (struct identity *)front;
        SSL_CTX_free(i->client);
        SSL_CTX_free(i->server);
        X509_free(i->authority);
        buf_done(&i->der);
        free(i);
}

struct tls_identity *identity_hold(struct tls_identity *i)
{
        atomic_fetch_add_explicit(&i->holders, 1, memory_order_relaxed);
        return i;
}

void identity_drop(struct tls_identity *i)
{
        if (atomic_fetch_sub_explicit(&i->holders, 1, memory_order_acq_rel) == 1)
                identity_free(i);
}
