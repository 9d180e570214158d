/* Reads that would keep a loop busy: lists of large directories, searches, full transfers
 * (doc/protocol.md 5.5, decisions 7 and 14). They run in a pool of two threads, transfers in one of
 * their own, each thread with its reader. */
#include "server/conn.h"
#include "server/dispatch.h"
#include "server/push.h"
#include "server/server.h"
#include "sys/clock.h"
#include "sys/fs.h"
#include "sys/log.h"
#include "wire/record.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* What strangers can make happen as often as they like. */
static struct log_limit readall_refused_limit, readall_failed_limit;

#define PIECE (1u << 20) /* bytes of a transfer made in one go; each is a fragment of the reply's record */

static void run_read(struct call *call, unsigned slot)
{
        struct dir_request rq = {.txn = domain_read_begin(call->domain, slot),
                                 .caller = &call->caller,
                                 .policy = &call->policy,
                                 .arena = &call->arena,
                                 .out = &call->reply};
        if (!rq.txn) {
                call_refuse_rpc(call, ACCEPT_SYSTEM_ERR);
                return;
        }
        call_reply_begin(call);
        dir_read(&rq, (enum ni_proc)call->proc, &call->args.ni);
        domain_read_end(call->domain, slot);
        call_reply_end(call);
        if (call->reply.failed)
                call_refuse(call, NI_SYSTEMERR);
}

/* SEARCH and HISTORY: one page, bounded in work. Encoded before the transaction ends: it borrows. */
static void run_ext(struct call *call, unsigned slot)
{
        struct dir_request rq = {.txn = domain_read_begin(call->domain, slot),
                                 .caller = &call->caller,
                                 .policy = &call->policy,
                                 .arena = &call->arena,
                                 .out = &call->reply};
        if (!rq.txn) {
                call_refuse(call, NI_SYSTEMERR);
                return;
        }
        call_reply_begin(call);
        if (call->proc == NIEXT_PROC_search) {
                struct ext_search_result r = {0};
                dir_search(&rq, &call->args.search, &r);
                ext_search_encode(&r, &call->reply);
        } else {
                struct ext_history_result r = {0};
                dir_history(&rq, &call->args.history, &r);
                ext_history_encode(&r, &call->reply);
        }
        domain_read_end(call->domain, slot);
        call_reply_end(call);
        if (call->reply.failed)
                call_refuse(call, NI_SYSTEMERR);
}

/* -- READALL: the walk fills one piece after the other; the first stays in memory when it is all -- */

struct transfer {
        struct server *server;
        struct call *call;
        unsigned slot;
        struct dir_readall walk;
        uint64_t since_ms; /* of the read transaction */
        int file;          /* -1: nothing was spooled yet */
        uint64_t bytes;
};

static int open_spool(const struct server *s)
{
        char path[4200];
        int fd = open(s->options.spools, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
        if (fd >= 0)
                return fd;
        snprintf(path, sizeof(path), "%s/.spool.XXXXXX", s->options.spools); /* no O_TMPFILE there */
        fd = mkostemp(path, O_CLOEXEC);
        if (fd >= 0)
                unlink(path);
        return fd;
}

/* The piece in the reply becomes a fragment in the file. */
static enum ni_status spool_piece(struct transfer *t)
{
        struct buf *b = &t->call->reply;
        if (t->file < 0)
                t->file = open_spool(t->server);
        if (b->failed || b->len < 4 || t->file < 0)
                return NI_SYSTEMERR;
        xdr_store(b->data, (uint32_t)(b->len - 4) | (t->walk.done ? 0x80000000u : 0));
        if (fs_write_all(t->file, b->data, b->len) != 0)
                return NI_SYSTEMERR;
        t->bytes += b->len;
        buf_clear(b);
        buf_add(b, 4);
        return NI_OK;
}

static bool must_pause(const struct transfer *t)
{
        return t->call->domain->swapping || clock_mono_ms() - t->since_ms > LIMIT_READ_MS;
}

/* One pass over the domain. NI_STALE: it changed while the transaction had to be given up. */
static enum ni_status walk(struct transfer *t)
{
        struct call *call = t->call;
        struct domain *d = call->domain;
        struct dir_request rq = {.txn = domain_read_begin(d, t->slot),
                                 .caller = &call->caller,
                                 .policy = &call->policy,
                                 .arena = &call->arena,
                                 .out = &call->reply};
        if (!rq.txn)
                return NI_SYSTEMERR;
        t->since_ms = clock_mono_ms();
        call_reply_begin(call);
        enum ni_status st = dir_readall_begin(&rq, call->args.ni.number, &t->walk);
        while (st == NI_OK && !t->walk.done) {
                st = dir_readall_next(&rq, &t->walk, PIECE);
                if (st == NI_OK && !(t->walk.done && t->file < 0)) /* a single piece needs no file */
                        st = spool_piece(t);
                if (st == NI_OK && !t->walk.done && must_pause(t)) {
                        domain_read_end(d, t->slot);
                        rq.txn = domain_read_begin(d, t->slot);
                        if (!rq.txn)
                                return NI_SYSTEMERR;
                        t->since_ms = clock_mono_ms();
                }
        }
        domain_read_end(d, t->slot);
        return st;
}

static void drop_spool(struct transfer *t)
{
        if (t->file >= 0)
                close(t->file);
        t->file = -1;
        t->bytes = 0;
        dir_readall_end(&t->walk);
}

/* Twice: as it comes; then, when the domain changed in a walk longer than a transaction may be, with the
 * writer held: its clients wait for those seconds, and are not refused. */
static enum ni_status transfer(struct transfer *t)
{
        enum ni_status st = walk(t);
        if (st != NI_STALE)
                return st;
        drop_spool(t);
        pthread_mutex_lock(&t->call->domain->batch);
        st = walk(t);
        pthread_mutex_unlock(&t->call->domain->batch);
        return st;
}

/* What is pushed to a clone while it reads everything would be lost with what it has now. */
static void note_reading(const struct call *call, bool begins)
{
        pthread_rwlock_rdlock(&call->domain->gate);
        pushing_reading(call->domain, &call->source, begins);
        pthread_rwlock_unlock(&call->domain->gate);
}

static void run_readall(struct server *s, struct call *call, unsigned slot)
{
        struct transfer t = {.server = s, .call = call, .slot = slot, .file = -1};
        call->place = places_enter(&s->places, &call->source, call->caller.sees_secrets);
        if (call->place < 0) {
                log_limited(&readall_refused_limit, LOG_LEVEL_WARNING, "readall-refused",
                            "from=\"%s\" tag=%s reason=\"%u are under way\"", call->from, call->domain->tag,
                            places_taken(&s->places));
                call_refuse(call, NI_SYSTEMERR);
                return;
        }
        note_reading(call, true);
        const enum ni_status st = transfer(&t);
        note_reading(call, false);
        if (st != NI_OK) {
                log_limited(&readall_failed_limit, LOG_LEVEL_WARNING, "readall-failed",
                            "from=\"%s\" tag=%s status=%d", call->from, call->domain->tag, (int)st);
                drop_spool(&t);
                call_refuse(call, st);
        } else if (t.file < 0) {
                call_reply_end(call);
        } else {
                buf_clear(&call->reply);
                call->spool = t.file;
                call->spool_bytes = t.bytes;
                t.file = -1;
        }
        drop_spool(&t);
        if (call->spool < 0) { /* else it counts until it has been sent */
                places_leave(&s->places, call->place);
                call->place = -1;
        }
}

static void run(struct task *task, unsigned thread, void *context)
{
        struct call *call = (struct call *)((char *)task - offsetof(struct call, task));
        const unsigned slot = (call->kind == CALL_READALL ? SLOT_TRANSFER : SLOT_LONG) + thread;
        if (call->kind == CALL_READALL)
                run_readall(context, call, slot);
        else if (call->kind == CALL_EXT)
                run_ext(call, slot);
        else
                run_read(call, slot);
        if (call->kind != CALL_EXT) /* STATISTICS has rows for version 2 only */
                domain_count(call->domain, slot, (enum ni_proc)call->proc, clock_mono_us() - call->began_us);
        call_send_home(call);
}

bool long_read_submit(struct server *s, struct call *c)
{
        c->task.run = run;
        call_set_source(c, &c->conn->visitor.source);
        return pool_submit(c->kind == CALL_READALL ? s->transfers : s->long_reads, &c->task);
}
