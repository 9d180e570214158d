/* TLS on a connection, and connections from elsewhere (doc/tls.md 2; doc/server.md 5.1). One in clear text
 * from this machine or a legacy network has nothing of this: its conn->tls is NULL. All in the worker's
 * thread, but for conn_tls_stranger. */
#ifndef NETINFO_SERVER_CONN_TLS_H
#define NETINFO_SERVER_CONN_TLS_H

#include "server/conn.h"
#include "server/login.h"
#include "server/rpc_check.h"

enum conn_tls_phase {
        TLS_STRANGER, /* clear text from elsewhere: the probe is all that it may send */
        TLS_PROBED,   /* the probe was answered; the next byte begins a ClientHello */
        TLS_SHAKING,
        TLS_INSIDE,
};

struct conn_tls {
        enum conn_tls_phase phase;
        struct tls_identity *identity; /* from the probe to the handshake */
        struct tls_session *session;   /* from the handshake on */
        uint64_t since_ms;             /* of the phase; of STRANGER to SHAKING: of the first of them */
        bool waiting;                  /* for the turnstile */
        bool read_wants_write, write_wants_read; /* the session waits for the other direction */
        bool more;                               /* bytes may be left in the session */
        uint64_t withdrawn_seen;                 /* generation of the set in which its serial was not */
        struct login login;
};

/* A new connection from elsewhere, in the main loop. False: no memory. */
bool conn_tls_stranger(struct conn *c);
/* Ends the session in order, where it can. */
void conn_tls_end(struct conn *c);

/* -- calls -- */
enum conn_tls_gate {
        GATE_OPEN,   /* a call like any other */
        GATE_SAID,   /* the answer is in out */
        GATE_PROBE,  /* likewise, and TLS begins behind it */
        GATE_LAST,   /* likewise, and nothing else is looked at */
        GATE_LATER,  /* a LOGIN is being looked at: SERVED_LATER */
        GATE_CLOSED, /* without an answer */
};
/* The probe, from anywhere; appends the answer. */
enum conn_tls_gate conn_tls_probe(struct conn *c, const struct rpc_call *rpc, struct buf *out);
/* May this record be looked at? What rpc_check said of it, with its answer in out behind `mark`. */
enum conn_tls_gate conn_tls_gate(struct conn *c, enum rpc_verdict verdict, const struct rpc_call *rpc,
                                 struct buf *out, size_t mark);
/* Of a standing connection: is its certificate withdrawn, or has it run out? */
bool conn_tls_withdrawn(struct conn *c);
/* May it use this domain, as far as TLS says? */
bool conn_tls_admits(const struct conn *c, const struct domain *d);

/* -- bytes -- */
/* Between the probe and the end of the handshake? Then bytes are for conn_tls_shake. */
bool conn_tls_shaking(const struct conn *c);
/* Goes on with it; may close the connection. */
void conn_tls_shake(struct conn *c);
/* The probe's answer is about to leave: has the peer sent something before it? (RFC 9289 5.1.1) */
bool conn_tls_hurried(const struct conn *c);
/* As read(2) and send(2): -1 with errno EAGAIN when it has to wait; 0 of a read: the peer has ended it. */
ssize_t conn_tls_read(struct conn *c, void *to, size_t cap);
ssize_t conn_tls_send(struct conn *c, const void *data, size_t n);
/* As sendfile(2) from c->file at c->file_at. */
ssize_t conn_tls_send_file(struct conn *c, size_t most);
/* May there be bytes that the socket does not tell of? */
bool conn_tls_has_more(const struct conn *c);
/* What to wait for on the socket, when without TLS it would be `wanted`: a session may need the other
 * direction. */
bool conn_tls_readable(const struct conn *c, bool wanted);
bool conn_tls_writable(const struct conn *c, bool wanted);
/* Is it the session that waited, for a handshake or to read on? */
bool conn_tls_waits(const struct conn *c);

/* Who it is is known: no stranger any more. */
void conn_tls_settle(struct conn *c);
/* Why it has to go now; NULL: it has not. Also lets those through the turnstile that wait. */
const char *conn_tls_overdue(struct conn *c, uint64_t now_ms);

#endif
