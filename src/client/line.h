/* One stream to a server, in clear text or inside TLS: connect, send a record, wait for the reply with a
 * given xid; every wait has a deadline and can be interrupted. Private to this room. */
#ifndef NETINFO_CLIENT_LINE_H
#define NETINFO_CLIENT_LINE_H

#include "tls/session.h"
#include "wire/record.h"

#include <sys/socket.h>
#include <sys/types.h>

struct line {
        int fd;    /* -1: not connected */
        pid_t pid; /* of the process that connected: a forked child must not share the stream
                      (protocol.md 4.9) */
        int (*low_socket)(void *context, int family); /* client_options */
        void *low_context;
        bool reserved; /* connect from a port below 1024 where the system allows it (protocol.md 3.5) */
        dev_t dev;
        ino_t ino; /* of the socket: the descriptor may have been closed and reused behind our back */
        struct buf in;
        struct record_reader reader;
        size_t at;               /* bytes at the front of `in` that belong to replies already handed out */
        struct tls_session *tls; /* NULL: clear text */
        bool was_tls, certified; /* since the connect: TLS began; with a certificate of ours */
        char trouble[512];       /* why TLS did not begin, or ended; "" otherwise */
};

struct line_wait {
        uint64_t deadline; /* clock_mono_ms() */
        int interrupt_fd;  /* readable: stop waiting; -1 = none */
};

enum line_end {
        LINE_OK,
        LINE_CLOSED, /* the peer closed, or the stream broke: see `why` of the call, an errno or 0 */
        LINE_LOST,   /* TCP heard nothing of the peer for too long: the path is cut, or the machine gone */
        LINE_LATE,   /* deadline */
        LINE_INTERRUPTED, /* interrupt_fd */
        LINE_BAD,         /* what came is no record within the limits */
};

void line_init(struct line *l);
/* Closes the stream (or, in a forked child and when the descriptor is no longer ours, only forgets it) and
 * frees the memory. */
void line_done(struct line *l);
/* The same, but keeps the memory. */
void line_close(struct line *l);
/* LINE_OK, or why not: LINE_CLOSED with an errno in *ret_errno, LINE_LATE, LINE_INTERRUPTED. */
enum line_end line_connect(struct line *l, const struct sockaddr *to, socklen_t len,
                           const struct line_wait *w, int *ret_errno);
/* How TLS begins (doc/tls.md 2.1). */
struct line_secure {
        uint32_t program, version;     /* that are served there: the probe is NULL of them */
        uint32_t xid;                  /* of the probe */
        struct tls_identity *identity; /* of ours; held by the session as long as it needs it */
        const uint8_t *pin;            /* instead: TLS_PIN_SIZE bytes (tls_connect_pinned) */
        const char *name;              /* the host's, NULL: an address */
};
/* On a stream that was just connected: probe, answer, handshake. Not LINE_OK: the stream is closed, and
 * l->trouble has words unless the time was up, or somebody interrupted, or the peer closed; LINE_BAD: the
 * server has no TLS, or it cannot be believed. */
enum line_end line_secure(struct line *l, const struct line_secure *s, const struct line_wait *w);
/* Is this our own connection, in this process, and has the peer not closed it? Bytes that wait (a late reply)
 * are fine. Closes it when not. */
bool line_alive(struct line *l);
/* Sends a whole record. *ret_sent: bytes the kernel took; fewer than all mean that the peer cannot have read
 * a whole record. The stream is closed unless LINE_OK. */
enum line_end line_send(struct line *l, struct bytes record, const struct line_wait *w, size_t *ret_sent);
/* Waits for a record that begins with one of these n xids, dropping others: late replies to calls given up
 * before. The record is borrowed until the next call on the line. The stream stays open after LINE_LATE and
 * LINE_INTERRUPTED. */
enum line_end line_receive(struct line *l, const uint32_t *xids, uint32_t n, const struct line_wait *w,
                           struct bytes *ret);

#endif
