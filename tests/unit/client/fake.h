/* A scripted server on loopback: every connection runs the test's script in a thread of its own. Scripts must
 * not use cmocka's assertions (they would leave another thread's stack); they say what went wrong through
 * fake_wrong, and fake_stop fails the test. */
#ifndef NETINFO_TESTS_CLIENT_FAKE_H
#define NETINFO_TESTS_CLIENT_FAKE_H

#include "client/client.h"
#include "wire/call.h"

#include <pthread.h>
#include <stdatomic.h>

#define FAKE_MOST 16

struct fake;
/* nth: number of this connection, from 0. The descriptor is closed afterwards. */
typedef void fake_script(struct fake *f, int fd, unsigned nth);

struct fake {
        int listener;
        uint16_t port;
        char address[32]; /* "127.0.0.1:PORT" */
        fake_script *script;
        void *context; /* the test's own */
        pthread_t acceptor, threads[FAKE_MOST];
        int fds[FAKE_MOST];
        atomic_uint connections, calls; /* calls: those that fake_next gave to the script, SELECT left out */
        atomic_bool wrong, stopping;
        char why[200];
};

void fake_start(struct fake *f, fake_script *script, void *context);
/* On a UNIX socket at `path`. */
void fake_start_at(struct fake *f, const char *path, fake_script *script, void *context);
/* On a socket that listens already; it becomes the fake's. */
void fake_start_on(struct fake *f, int listener, fake_script *script, void *context);
/* On a port of our choice; false when it cannot be bound. */
bool fake_start_port(struct fake *f, uint16_t port, fake_script *script, void *context);
void fake_stop(struct fake *f);
void fake_wrong(struct fake *f, const char *why);

struct fake_call {
        struct rpc_call rpc; /* borrows from `record` */
        struct bytes args;
        struct buf record;
};
/* The next call on the connection; false at its end. Release with buf_done(&c->record). */
bool fake_read(struct fake *f, int fd, struct fake_call *c);
/* The same, but answers SELECT (with NI_OK) by itself. */
bool fake_next(struct fake *f, int fd, struct fake_call *c);

/* Sends a record in fragments of at most `piece` bytes (0: in one). */
void fake_send(int fd, struct bytes record, size_t piece);
/* Sends an accepted, successful reply with this result. */
void fake_answer(int fd, uint32_t xid, struct bytes result, size_t piece);
void fake_refuse(int fd, uint32_t xid, enum accept_stat stat);
/* {NI_OK, id}: what ROOT, SELF and most writes answer. */
void fake_answer_id(int fd, uint32_t xid, struct ni_id id, size_t piece);
void fake_answer_status(int fd, uint32_t xid, enum ni_status status);

#endif
