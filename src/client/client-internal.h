/* What the files of this room share: a client's state, and how one call runs. */
#ifndef NETINFO_CLIENT_INTERNAL_H
#define NETINFO_CLIENT_INTERNAL_H

#include "client/client.h"
#include "client/find.h"
#include "client/line.h"
#include "client/secure.h"
#include "wire/call.h"

struct client {
        struct client_options o; /* strings are copies of ours */
        struct place place;      /* where the server was found: reconnecting goes there */
        struct line main;        /* binder, extension program and, after SELECT, version 2 */
        struct line own;         /* the tag's own port, when there is no SELECT */
        bool has_main, has_own;
        bool reached;              /* the place tried last took the connection, whatever came of it */
        bool advised;              /* the reason why it failed says what to do about it */
        uint8_t pin[TLS_PIN_SIZE]; /* o.pin */
        struct arena arena;        /* results of the last call */
        struct buf call;           /* the record of the current call */
        size_t mark;
        uint32_t xid;
        bool has_sys;
        struct auth_sys sys;
        uint8_t machine[LIMIT_MACHINE];
        uint32_t ahead[CLIENT_AHEAD], ahead_count; /* xids of the edits whose answers are to come */
        unsigned write_ms;                         /* for writes; 0: o.timeout_ms, or the default */
        char reason[512];
};

#define CLIENT_READ_MS  5000u /* protocol.md 3.7 */
#define CLIENT_WRITE_MS 60000u

struct errand {
        uint32_t program, version, procedure;
        bool write;       /* not repeated after it may have been executed; the longer default deadline */
        uint32_t wait_ms; /* the server may wait so long before it answers */
};

/* Empties the arena and begins the record: arguments are appended to c->call. */
void errand_begin(struct client *c, const struct errand *e);
/* Sends it and waits. NI_OK: *ret stands at the result. Else see client.h; c->reason is set. */
enum ni_status errand_run(struct client *c, const struct errand *e, struct xdr_in *ret);
/* The same in two halves, on the main line: the answers come in any order. Not NI_OK: c->reason is set. */
enum ni_status errand_ahead(struct client *c, const struct errand *e);
enum ni_status errand_answer(struct client *c, const struct errand *e, uint32_t *ret_xid, struct xdr_in *ret);

/* How a single exchange on a line ended. */
enum exchange_end {
        EXCHANGE_OK,
        EXCHANGE_UNKNOWN, /* program, version or procedure is not there */
        EXCHANGE_DENIED,  /* credentials */
        EXCHANGE_WEAK,    /* the same, because of who is connected, or how */
        EXCHANGE_ERROR,   /* GARBAGE_ARGS, SYSTEM_ERR */
        EXCHANGE_BROKEN,  /* connection closed; *ret_unseen: the server cannot have read the whole call */
        EXCHANGE_LOST,    /* the server's machine is not heard of any more */
        EXCHANGE_LATE,
        EXCHANGE_INTERRUPTED,
        EXCHANGE_BAD, /* no RPC reply */
};
enum exchange_end exchange(struct line *l, struct bytes record, uint32_t xid, const struct line_wait *w,
                           struct xdr_in *ret, bool *ret_unseen);

/* Why a server says that this line is too weak for a call, and the way out. */
const char *exchange_weak_words(const struct line *l);

/* open.c: connects to c->place and reaches its domain. Not NI_OK: words about this place in `reason`. */
enum ni_status open_place(struct client *c, struct place *p, const struct line_wait *w, char *reason,
                          size_t size);

#endif
