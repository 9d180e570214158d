#include "server/conn_tls.h"

#include "server/server.h"
#include "sys/clock.h"
#include "sys/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Bytes of a file inside TLS at once: a record of TLS. */
#define PIECE 16384u

/* What strangers can make happen as often as they like. */
static struct log_limit refused_limit;

static void tell_refused(const struct conn *c, const char *reason)
{
        log_limited(&refused_limit, LOG_LEVEL_NOTICE, "tls-refused", "from=\"%s\" reason=\"%s\"",
                    c->peer.text, reason);
}

static struct conn_tls *begin(struct conn *c, enum conn_tls_phase phase)
{
        struct conn_tls *t = calloc(1, sizeof(*t));
        if (t) {
                t->phase = phase;
                t->since_ms = clock_mono_ms();
        }
        c->tls = t;
        return t;
}

bool conn_tls_stranger(struct conn *c)
{
        if (!begin(c, TLS_STRANGER))
                return false;
        c->visitor.stranger = true;
        record_reader_init(&c->reader, LIMIT_STRANGER_CALL);
        return true;
}

void conn_tls_end(struct conn *c)
{
        struct conn_tls *t = c->tls;
        c->tls = NULL;
        c->peer.tls = NULL;
        if (!t)
                return;
        login_end(&t->login);
        tls_session_free(t->session);
        tls_identity_release(t->identity);
        free(t);
}

/* -- calls -- */

enum conn_tls_gate conn_tls_probe(struct conn *c, const struct rpc_call *rpc, struct buf *out)
{
        struct tls_identity *i = machine_identity(c->worker->server->machine);
        if (!i) { /* an answer without a token: no TLS here */
                reply_accepted(out, rpc->xid, ACCEPT_SUCCESS);
                return GATE_SAID;
        }
        if (!c->tls && !begin(c, TLS_PROBED)) {
                tls_identity_release(i);
                return GATE_CLOSED;
        }
        c->tls->phase = TLS_PROBED;
        c->tls->identity = i;
        c->heavy = true; /* a handshake costs as much as a long slice: in its turn */
        reply_starttls(out, rpc->xid);
        return GATE_PROBE;
}

/* What somebody may call who has shown neither a good certificate nor a password. */
static bool nobody_may(const struct conn *c, const struct rpc_call *rpc)
{
        if (rpc->program != NIEXT_PROGRAM)
                return false;
        if (rpc->procedure == NIEXT_PROC_null)
                return true;
        return c->peer.tls->certified
                       ? rpc->procedure == NIEXT_PROC_renew
                       : rpc->procedure == NIEXT_PROC_login || rpc->procedure == NIEXT_PROC_join;
}

static bool is_machine(const struct conn *c)
{
        return c->peer.tls && c->peer.tls->certified && !c->peer.tls->expired;
}

bool conn_tls_withdrawn(struct conn *c)
{
        struct withdrawn *w = c->worker->server->withdrawn;
        struct conn_tls *t = c->tls;
        if (!c->peer.tls || !c->peer.tls->certified)
                return false;
        const uint64_t generation = withdrawn_generation(w);
        if (t->withdrawn_seen == generation)
                return false;
        if (withdrawn_has(w, c->peer.tls->serial)) {
                tell_refused(c, "the certificate was withdrawn (ni machine rm)");
                return true;
        }
        t->withdrawn_seen = generation;
        return false;
}

enum conn_tls_gate conn_tls_gate(struct conn *c, enum rpc_verdict verdict, const struct rpc_call *rpc,
                                 struct buf *out, size_t mark)
{
        const struct conn_tls *t = c->tls;
        if (t->login.away)
                return GATE_LATER;
        if (t->phase !=
            TLS_INSIDE) { /* from elsewhere: it learns nothing but that it has to come otherwise */
                if (verdict == RPC_DROP)
                        return GATE_CLOSED;
                buf_truncate(out, mark);
                reply_denied(out, rpc->xid, AUTH_STAT_TOOWEAK);
                return GATE_LAST;
        }
        if (conn_tls_withdrawn(c))
                return GATE_CLOSED;
        if (verdict != RPC_PROCEED || is_machine(c) || t->login.domain || nobody_may(c, rpc))
                return GATE_OPEN;
        reply_denied(out, rpc->xid, AUTH_STAT_TOOWEAK);
        return GATE_SAID;
}

bool conn_tls_admits(const struct conn *c, const struct domain *d)
{
        return is_machine(c) || (c->peer.tls && c->tls->login.domain == d);
}

/* -- the handshake -- */

bool conn_tls_shaking(const struct conn *c)
{
        return c->tls->phase == TLS_PROBED || c->tls->phase == TLS_SHAKING;
}

bool conn_tls_hurried(const struct conn *c)
{
        char some;
        return recv(c->fd, &some, 1, MSG_PEEK | MSG_DONTWAIT) >= 0;
}

void conn_tls_settle(struct conn *c)
{
        c->reader.limit = LIMIT_CALL;
        admission_settle(c->worker->server->admission, &c->visitor);
}

static void inside(struct conn *c)
{
        struct conn_tls *t = c->tls;
        char text[PEER_TEXT];
        const struct tls_peer *p = tls_session_peer(t->session);
        t->phase = TLS_INSIDE;
        t->since_ms = clock_mono_ms();
        t->more = true;
        c->peer.tls = p;
        c->trust_domain = NULL;
        snprintf(text, sizeof(text), "%s%s%.60s tls", p->certified ? p->machine : "", p->certified ? " " : "",
                 c->peer.text);
        memcpy(c->peer.text, text, sizeof(text));
        record_reader_init(&c->reader, LIMIT_NOBODY_CALL);
        if (conn_tls_withdrawn(c)) {
                conn_close(c, "withdrawn");
                return;
        }
        if (is_machine(c))
                conn_tls_settle(c);
        log_event(LOG_LEVEL_DEBUG, "tls", "peer=\"%s\" certificate=%s", c->peer.text,
                  !p->certified ? "none"
                  : p->expired  ? "run-out"
                                : "good");
        c->visitor.active_ms = t->since_ms;
        conn_want(c, true, false);
        c->read_due = true; /* what came with the end of the handshake */
        conn_soon(c);
}

static bool asked_withdrawn(void *withdrawn, const struct tls_peer *peer)
{
        return withdrawn_has(withdrawn, peer->serial);
}

/* The first byte of a ClientHello has come: may this source have a handshake now? */
static bool begin_session(struct conn *c)
{
        struct conn_tls *t = c->tls;
        const uint64_t now = clock_mono_ms();
        if (!machine_turnstile(c->worker->server->machine, &c->visitor.source, now)) {
                t->waiting = true; /* the worker's tick asks again */
                conn_want(c, false, false);
                return false;
        }
        t->waiting = false;
        t->session = tls_accept(t->identity, c->fd);
        tls_identity_release(t->identity);
        t->identity = NULL;
        if (!t->session) {
                conn_close(c, "memory");
                return false;
        }
        tls_session_ask(t->session, asked_withdrawn, c->worker->server->withdrawn);
        t->phase = TLS_SHAKING;
        return true;
}

void conn_tls_shake(struct conn *c)
{
        struct conn_tls *t = c->tls;
        if (c->worker->stopping) {
                conn_close(c, "stop");
                return;
        }
        if (t->phase == TLS_PROBED && !begin_session(c))
                return;
        switch (tls_handshake(t->session)) {
        case TLS_DONE:
                inside(c);
                return;
        case TLS_WANT_READ:
                conn_want(c, true, false);
                return;
        case TLS_WANT_WRITE:
                conn_want(c, false, true);
                return;
        case TLS_CLOSED:
                conn_close(c, "peer");
                return;
        case TLS_FAILED:
                tell_refused(c, tls_session_reason(t->session));
                conn_close(c, "tls");
        }
}

/* -- bytes inside -- */

ssize_t conn_tls_read(struct conn *c, void *to, size_t cap)
{
        struct conn_tls *t = c->tls;
        size_t n = 0;
        if (t->phase == TLS_STRANGER)
                return read(c->fd, to, cap);
        t->read_wants_write = t->write_wants_read = t->more = false;
        switch (tls_read(t->session, to, cap, &n)) {
        case TLS_DONE:
                t->more = n == cap || tls_pending(t->session) > 0;
                return (ssize_t)n;
        case TLS_CLOSED:
                return 0;
        case TLS_WANT_WRITE:
                t->read_wants_write = true;
                break;
        case TLS_WANT_READ:
                break;
        case TLS_FAILED:
                errno = EPROTO;
                return -1;
        }
        errno = EAGAIN;
        return -1;
}

ssize_t conn_tls_send(struct conn *c, const void *data, size_t n)
{
        struct conn_tls *t = c->tls;
        size_t sent = 0;
        if (t->phase != TLS_INSIDE)
                return send(c->fd, data, n, MSG_NOSIGNAL);
        t->write_wants_read = false;
        const enum tls_io io = tls_write(t->session, bytes_of(data, n), &sent);
        if (sent > 0 || io == TLS_DONE)
                return (ssize_t)sent;
        t->write_wants_read = io == TLS_WANT_READ;
        errno = io == TLS_WANT_READ || io == TLS_WANT_WRITE ? EAGAIN : EPIPE;
        return -1;
}

/* The bytes that the session did not take are read again the next time: the file does not change. */
ssize_t conn_tls_send_file(struct conn *c, size_t most)
{
        uint8_t piece[PIECE];
        const ssize_t have = pread(c->file, piece, most < PIECE ? most : PIECE, c->file_at);
        if (have <= 0)
                return have;
        const ssize_t n = conn_tls_send(c, piece, (size_t)have);
        if (n > 0)
                c->file_at += n;
        return n;
}

bool conn_tls_has_more(const struct conn *c)
{
        return c->tls->more;
}

bool conn_tls_readable(const struct conn *c, bool wanted)
{
        return c->tls->write_wants_read || (wanted && !c->tls->read_wants_write);
}

bool conn_tls_writable(const struct conn *c, bool wanted)
{
        return c->tls->read_wants_write || (wanted && !c->tls->write_wants_read);
}

bool conn_tls_waits(const struct conn *c)
{
        return conn_tls_shaking(c) || c->tls->read_wants_write;
}

/* -- time -- */

static bool has_run_out(const struct conn *c)
{
        return is_machine(c) && c->peer.tls->until * 1000000u < clock_wall_us();
}

const char *conn_tls_overdue(struct conn *c, uint64_t now_ms)
{
        struct conn_tls *t = c->tls;
        if (t->phase != TLS_INSIDE) {
                if (now_ms > t->since_ms + LIMIT_HANDSHAKE_TIME * 1000u)
                        return "handshake";
                if (t->waiting)
                        conn_soon(c);
                return NULL;
        }
        if (conn_tls_withdrawn(c)) /* also of one that only waits for changes */
                return "withdrawn";
        if (has_run_out(c)) {
                tell_refused(c, "the certificate has run out on a standing connection");
                return "certificate";
        }
        if (!is_machine(c) && !t->login.domain && !t->login.away &&
            now_ms > t->since_ms + LIMIT_NOBODY_TIME * 1000u)
                return "nobody";
        return NULL;
}
