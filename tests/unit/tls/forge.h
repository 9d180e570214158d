/* Certificates that no authority of ours would write, and peers that are no NetInfo: straight from OpenSSL.
 */
#ifndef NETINFO_TESTS_TLS_FORGE_H
#define NETINFO_TESTS_TLS_FORGE_H

#include "lab.h"

#include <openssl/ssl.h>

/* What a certificate differs in from a right one of machine "rome". NULL and 0: as it should be. */
struct forgery {
        const char *cn;                              /* subject */
        const char *more;                            /* an O in the subject beside it */
        const char *uri, *uri2, *dns, *dns2, *email; /* "": none of it; #: stands for the UUID */
        size_t dns_len;                              /* of dns, which may hold NUL */
        const char *uses;                            /* OIDs; "": no extension */
        const char *constraints, *key_usage;         /* "": no extension */
        const char *curve;                           /* "RSA": no curve at all */
        const EVP_MD *digest;
        int version;          /* 1: version 1 (no extensions) */
        int64_t since, until; /* seconds from now; both 0: an hour ago and in a day */
        long serial;          /* 0: 4711 */
        bool unknown;         /* has a critical extension that nobody knows */
        bool own_key;         /* signed by itself, not by the authority (whose name it gives as issuer) */
        bool self;            /* issuer is its own subject */
        bool issuer_name_as_subject; /* the subject is the authority's */
        bool other_key;              /* signed by another key, in the authority's name */
};

struct forger {
        X509 *authority;
        EVP_PKEY *key; /* its key */
        char uuid[33];
};

void forger_open(struct forger *f, const struct lab *l); /* reads the key of the lab's authority */
void forger_close(struct forger *f);

struct forged {
        X509 *certificate;
        EVP_PKEY *key;
};
void forge(const struct forger *f, const struct forgery *how, struct forged *ret);
void forged_done(struct forged *f);
/* DER of it, at most TLS_CERTIFICATE_MAX bytes. */
size_t forged_der(const struct forged *f, uint8_t *ret);

/* A peer by OpenSSL alone: believes everybody, speaks TLS 1.3 and ALPN sunrpc until told otherwise. */
SSL_CTX *raw_context(bool server, const struct forged *show); /* show may be NULL */
SSL *raw_session(SSL_CTX *c, bool server, int fd);
/* Both go on until each has ended: raw 1 done, 0 goes on, -1 failed. */
void raw_handshake(SSL *raw, struct tls_session *ours, int *ret_raw, enum tls_io *ret_ours);

#endif
