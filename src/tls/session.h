/* A TLS 1.3 session upon a connected stream socket (doc/tls.md 2): RPC-with-TLS as RFC 9289 has it, both
 * sides. No function here blocks where the descriptor does not; none of them raises SIGPIPE. */
#ifndef NETINFO_TLS_SESSION_H
#define NETINFO_TLS_SESSION_H

#include "tls/identity.h"

struct tls_session;

enum tls_io {
        TLS_DONE,       /* as asked */
        TLS_WANT_READ,  /* wait until the socket is readable, then the same again */
        TLS_WANT_WRITE, /* wait until it can be written */
        TLS_CLOSED,     /* the peer ended the session in order (close_notify) */
        TLS_FAILED,     /* the session is worthless; tls_session_reason() has words */
};

/* Who is at the other end, after the handshake. */
struct tls_peer {
        bool certified; /* it showed a certificate of our authority; else nothing below is set */
        bool expired;   /* which has run out, less than TLS_LATE_RENEWAL seconds ago (servers only) */
        bool may_serve; /* rpcTLSServer is among its uses */
        char machine[TLS_NAME_MAX + 1];  /* doc/tls.md 2.3 */
        uint8_t serial[TLS_SERIAL_SIZE]; /* big-endian */
        uint64_t until;                  /* seconds since 1970 */
};

/* The server's side of fd, whose probe was answered. `identity` must have a key; it is held as long as the
 * session lives. NULL: no memory. fd stays the caller's. */
struct tls_session *tls_accept(struct tls_identity *identity, int fd);
/* The client's side. name: the host name that was asked for, NULL for an address (doc/tls.md 2.3). An
 * identity without a key shows no certificate. */
struct tls_session *tls_connect(struct tls_identity *identity, int fd, const char *name);
/* The client's side of a join: nothing is known but the SHA-256 of the authority's SubjectPublicKeyInfo.
 * After TLS_DONE of the handshake *tls_session_authority() is the authority's certificate, which has that key
 * and has signed the server's. */
struct tls_session *tls_connect_pinned(const uint8_t pin[TLS_PIN_SIZE], int fd, const char *name);
/* Before the handshake of a server: a peer whose certificate is good in all else is asked about, too, and
 * when `withdrawn` says true it is told so by an alert (certificate_revoked, RFC 8446 6.2). `context` must
 * live as long as the handshake. */
void tls_session_ask(struct tls_session *s, bool (*withdrawn)(void *context, const struct tls_peer *peer),
                     void *context);
void tls_session_free(struct tls_session *s); /* sends close_notify where that does not wait; NULL is fine */
/* The same without a byte on fd: in a forked child, which must not end the parent's session, and where fd may
 * be somebody else's by now. */
void tls_session_forget(struct tls_session *s);

/* Goes on with the handshake. TLS_DONE: finished, checked (certificates, ALPN, version), tls_session_peer()
 * is valid. */
enum tls_io tls_handshake(struct tls_session *s);
/* Up to cap bytes; TLS_DONE: *ret_n > 0. Reads on until the socket has no more or cap is reached. */
enum tls_io tls_read(struct tls_session *s, void *to, size_t cap, size_t *ret_n);
/* As many of the bytes as the socket takes; TLS_DONE: all. In every case *ret_n bytes of `data` need not be
 * given again. (What is given the next time may be other memory, and longer, but must begin with the same
 * bytes.) */
enum tls_io tls_write(struct tls_session *s, struct bytes data, size_t *ret_n);
/* Bytes that were received and decrypted and that tls_read gives without the socket becoming readable. */
size_t tls_pending(const struct tls_session *s);

const struct tls_peer *tls_session_peer(const struct tls_session *s);
/* DER, borrowed. */
struct bytes tls_session_authority(const struct tls_session *s);
/* 32 bytes that both sides have, and nobody else (RFC 8446 7.5). False: no memory, or no handshake yet. */
bool tls_session_export(struct tls_session *s, const char *label, uint8_t ret[TLS_EXPORT_SIZE]);
/* Why TLS_FAILED, in words for a log: "the peer's certificate has run out (2026-11-01)". Borrowed. */
const char *tls_session_reason(const struct tls_session *s);

#endif
