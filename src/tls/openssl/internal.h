/* The implementation over OpenSSL 3, in the shared object. Private to this folder. */
#ifndef NETINFO_TLS_OPENSSL_INTERNAL_H
#define NETINFO_TLS_OPENSSL_INTERNAL_H

#include "tls/table.h"
#include "tls/why.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

/* A library context of our own: what the process around us does with OpenSSL, and what its configuration says
 * about engines and providers, is not our business. NULL: no memory. */
OSSL_LIB_CTX *openssl_context(void);
/* The socket's BIO; NULL: no memory. */
BIO_METHOD *openssl_socket(void);

/* What the library says of the last failure, in words; it is said of this thread, and until ERR_clear_error.
 */
const char *openssl_words(void);

bool digest_sha256(struct bytes data, uint8_t *ret);
bool digest_hmac_sha256(struct bytes key, struct bytes data, uint8_t *ret);

/* -- keys (key.c) */
/* A public key as it stands in a certificate or request: P-256, named and not spelled out. */
bool key_is_p256(const X509_PUBKEY *key);
bool key_digest(const X509_PUBKEY *key, uint8_t ret[TLS_DIGEST_SIZE]); /* SHA-256 of SubjectPublicKeyInfo */
EVP_PKEY *key_make(void);
/* The first key of the text (PEM) that is the public one's (NULL: the first); NULL: why is a predicate. */
EVP_PKEY *key_read(struct bytes pem, EVP_PKEY *public_half, struct tls_why *why);
bool key_write(EVP_PKEY *key, struct buf *out); /* appended as PEM, PKCS #8 without a password */

/* -- certificates (certificate.c). Reasons are predicates: "has run out (2026-11-01)". */
X509 *certificate_parse(struct bytes der, struct tls_why *why);     /* the whole of it */
X509 *certificate_parse_pem(struct bytes pem, struct tls_why *why); /* the only one of the text */
bool certificate_pin_of(const X509 *x, uint8_t ret[TLS_PIN_SIZE]);
/* Appends to an empty buffer. */
bool certificate_der(const X509 *x, struct buf *out);
/* The form of a machine's (doc/tls.md 2.3). */
bool certificate_of_machine(X509 *x, struct tls_certificate *ret, struct tls_why *why);
/* The form of an authority's, which is valid now. */
bool certificate_of_authority(X509 *x, uint64_t now, uint8_t ret_uuid[TLS_UUID_SIZE], struct tls_why *why);
/* Has this authority (of that form) signed this machine's certificate? Its own time is not looked at. On
 * failure *ret_error is an X509_V_ERR_..., from which the alert is taken. */
bool certificate_verify(X509 *x, X509 *authority, uint64_t now, struct tls_certificate *ret, int *ret_error,
                        struct tls_why *why);
uint64_t certificate_now(void); /* seconds since 1970 */

bool certificate_read_der(struct bytes der, struct tls_certificate *ret, struct tls_why *why);
bool certificate_pin_der(struct bytes der, uint8_t *ret, struct tls_why *why);

/* -- the authority's (sign.c) and a machine's (request.c) part in signing */
X509_REQ *request_parse(struct bytes der, struct tls_why *why); /* checked; a predicate */
bool request_make(struct bytes key, struct tls_request *ret, struct tls_why *why);
bool request_check(struct bytes der, uint8_t *ret_key, struct tls_why *why);
bool authority_make(uint64_t now, struct buf *ret_key, struct buf *ret_certificate, struct tls_why *why);
struct tls_authority *authority_read(struct bytes key, struct bytes certificate, struct tls_why *why);
void authority_free(struct tls_authority *a);
bool authority_sign(const struct tls_authority *a, struct bytes request, const char *name, bool may_serve,
                    uint64_t now, struct tls_signed *ret, struct tls_why *why);

/* -- identities (identity.c) */
struct identity {
        struct tls_identity front; /* first: the front sees this */
        struct buf der;            /* of the authority */
        X509 *authority;
        SSL_CTX *client, *server; /* server: NULL without a key */
};
struct tls_identity *identity_read(const struct tls_identity_source *source, struct tls_why *why);
void identity_free(struct tls_identity *i);
struct tls_identity *identity_hold(struct tls_identity *i);
void identity_drop(struct tls_identity *i);
/* What all contexts have in common; NULL: no memory. */
SSL_CTX *identity_context(bool server);

/* -- sessions (session.c) */
struct tls_session *session_accept(struct tls_identity *identity, int fd);
struct tls_session *session_connect(struct tls_identity *identity, int fd, const char *name);
struct tls_session *session_connect_pinned(const uint8_t *pin, int fd, const char *name);
void session_ask(struct tls_session *s, bool (*withdrawn)(void *context, const struct tls_peer *peer),
                 void *context);
void session_free(struct tls_session *s);
void session_forget(struct tls_session *s);
enum tls_io session_handshake(struct tls_session *s);
enum tls_io session_read(struct tls_session *s, void *to, size_t cap, size_t *ret_n);
enum tls_io session_write(struct tls_session *s, struct bytes data, size_t *ret_n);
size_t session_pending(const struct tls_session *s);
const struct tls_peer *session_peer(const struct tls_session *s);
struct bytes session_authority(const struct tls_session *s);
bool session_export(struct tls_session *s, const char *label, uint8_t *ret);
const char *session_reason(const struct tls_session *s);
/* Callbacks of contexts. */
int session_verify(X509_STORE_CTX *store, void *unused);
int session_hello(SSL *ssl, int *alert, void *unused);
int session_alpn(SSL *ssl, const unsigned char **ret, unsigned char *ret_len, const unsigned char *in,
                 unsigned in_len, void *unused);

#endif
