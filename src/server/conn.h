/* One connection, from accept to close. It belongs to one worker's thread (doc/server.md "Life of a
 * connection"). */
#ifndef NETINFO_SERVER_CONN_H
#define NETINFO_SERVER_CONN_H

#include "server/admission.h"
#include "server/worker.h"
#include "wire/record.h"

enum conn_name { NAME_UNKNOWN, NAME_ASKED, NAME_NONE, NAME_KNOWN };

struct conn {
        struct note note; /* brings it to its worker */
        struct worker *worker;
        struct conn *next, *before; /* of the worker's */
        struct conn *next_touched, *next_runnable;
        bool is_touched, is_runnable;
        struct visitor visitor;
        int fd;
        struct event readable, writable;
        bool reading, writing; /* which of the two is added */
        bool heavy;            /* its last slice was a long one */
        bool read_due;         /* and bytes have come: they are read in its turn */
        struct peer peer;
        struct conn_tls *tls;  /* server/conn_tls.h; NULL: clear text, from where that is allowed */
        unsigned doors;        /* RPC_NI ... (server/rpc_check.h) */
        struct domain *domain; /* for version 2: a reference; NULL until the first call on the main port */
        /* what arrived */
        struct buf in;
        struct record_reader reader;
        size_t held_at, held_len, held_used; /* a whole record that has to wait; used 0: none */
        bool eof;
        /* what goes out: `out` first, then the file */
        struct buf out;
        size_t sent;
        int file, place; /* -1: none */
        off_t file_at;
        uint64_t file_left, file_since_ms;
        size_t counted; /* of buffered_bytes */
        /* calls elsewhere */
        struct call *first, *last;     /* historical calls in order; their replies leave in this order */
        struct call *late, **late_end; /* replies of the extension program that wait for the file's end */
        unsigned away, barrier;        /* all; ordered ones that are no plain writes */
        size_t away_bytes;
        struct call *parked;
        /* identity */
        enum conn_name name_state;
        char name[LIMIT_WHO + 1];    /* the machine's name of the socket's uid */
        struct domain *trust_domain; /* not a reference: only compared */
        uint64_t trust_seq;
        bool trusted;
        /* deadlines, milliseconds; 0: none */
        uint64_t half_since, half_progress, out_progress;
        bool dead;
};

/* In the main loop: admitted already. Takes over fd and the reference to domain (NULL on the main port). */
struct conn *conn_new(struct worker *w, int fd, const struct peer *p, unsigned doors, struct domain *d);
/* Refused before it reached its worker. */
void conn_discard(struct conn *c);

/* All that follows: in the worker's thread. */
/* False: it is closed already, and freed. */
bool conn_begin(struct conn *c);
/* The connection may be freed by it, when nothing is away. */
void conn_close(struct conn *c, const char *reason);
/* A call came back (its note ran): takes it over. */
void conn_call_home(struct conn *c, struct call *call);
/* Works on what waits and sends what can be sent. */
void conn_resume(struct conn *c);
/* No more is read; closes when nothing is left to answer. */
void conn_stop(struct conn *c);
/* Closes what was silent or stuck for too long. */
void conn_check_deadlines(struct conn *c, uint64_t now_ms);
bool conn_is_quiet(const struct conn *c);
/* A CHANGES without news waits here; false: it cannot. One a connection. */
bool conn_park(struct conn *c, struct call *call, uint32_t wait_ms);
/* There may be news for the call that waits; over: it is answered now, with or without. Never closes: who
 * calls it may be in the middle of a call. */
void conn_changed(struct conn *c, struct call *call, bool over);
/* To be resumed after this round of notes. */
void conn_touch(struct conn *c);

/* To be resumed soon, outside of such a round. */
void conn_soon(struct conn *c);
/* What is waited for on the socket. */
void conn_want(struct conn *c, bool readable, bool writable);

/* A call leaves: counted, and, when ordered, put into the order of replies. barrier: nothing historical may
 * be looked at before it is back. */
void conn_send_away(struct conn *c, struct call *call, bool barrier);

#endif
