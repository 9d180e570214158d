#include "client/client-internal.h"

#include "sys/clock.h"

#include <stdio.h>
#include <unistd.h>

void errand_begin(struct client *c, const struct errand *e)
{
        const struct rpc_call call = {
                .xid = ++c->xid, .program = e->program, .version = e->version, .procedure = e->procedure};
        arena_reset(&c->arena);
        buf_clear(&c->call);
        c->reason[0] = '\0';
        c->mark = record_open(&c->call);
        call_encode(&c->call, &call, c->has_sys ? &c->sys : NULL);
}

static enum exchange_end judge(struct bytes record, struct xdr_in *ret)
{
        struct rpc_reply reply;
        struct xdr_in in = xdr_in(record);
        if (!reply_decode(&in, &reply))
                return EXCHANGE_BAD;
        if (reply.denied && reply.stat == 1)
                return reply.auth_stat == AUTH_STAT_TOOWEAK ? EXCHANGE_WEAK : EXCHANGE_DENIED;
        if (reply.denied)
                return EXCHANGE_ERROR;
        switch (reply.stat) {
        case ACCEPT_SUCCESS:
                *ret = in;
                return EXCHANGE_OK;
        case ACCEPT_PROG_UNAVAIL:
        case ACCEPT_PROG_MISMATCH:
        case ACCEPT_PROC_UNAVAIL:
                return EXCHANGE_UNKNOWN;
        default:
                return EXCHANGE_ERROR;
        }
}

static enum exchange_end translate(enum line_end end)
{
        switch (end) {
        case LINE_LOST:
                return EXCHANGE_LOST;
        case LINE_LATE:
                return EXCHANGE_LATE;
        case LINE_INTERRUPTED:
                return EXCHANGE_INTERRUPTED;
        case LINE_BAD:
                return EXCHANGE_BAD;
        default:
                return EXCHANGE_BROKEN;
        }
}

enum exchange_end exchange(struct line *l, struct bytes record, uint32_t xid, const struct line_wait *w,
                           struct xdr_in *ret, bool *ret_unseen)
{
        size_t sent;
        struct bytes reply;
        enum line_end end = line_send(l, record, w, &sent);
        *ret_unseen = sent < record.len;
        if (end == LINE_OK)
                end = line_receive(l, &xid, 1, w, &reply);
        return end == LINE_OK ? judge(reply, ret) : translate(end);
}

/* The line an errand takes, or NULL when this server has none. */
static struct line *line_of(struct client *c, const struct errand *e)
{
        if (e->program == NI_PROGRAM && c->has_own)
                return &c->own;
        return c->has_main ? &c->main : NULL;
}

static unsigned timeout_of(const struct client *c, const struct errand *e)
{
        const unsigned own = e->write ? CLIENT_WRITE_MS : CLIENT_READ_MS;
        if (e->write && c->write_ms)
                return c->write_ms;
        return c->o.timeout_ms ? c->o.timeout_ms : own;
}

static enum ni_status fail(struct client *c, enum ni_status status, const char *reason)
{
        snprintf(c->reason, sizeof(c->reason), "%s: %s", c->place.label, reason);
        return status;
}

const char *exchange_weak_words(const struct line *l)
{
        if (!l->tls && !l->was_tls)
                return "this server speaks only to enrolled machines; enrol this one with `ni join`, or have "
                       "the "
                       "server name this network in legacy_read_networks";
        return l->certified ? "the server does not take this machine's certificate for that; it may have run "
                              "out or "
                              "been withdrawn: `ni doctor` says which, `ni renew` gets a new one"
                            : "the server wants to know who asks, and this user cannot read machine.key; "
                              "give a user "
                              "of the domain with -u USER, or be root";
}

static enum ni_status explain(struct client *c, const struct errand *e, enum exchange_end end, bool unseen)
{
        const bool unsure = e->write && !unseen;
        char words[320];
        switch (end) {
        case EXCHANGE_UNKNOWN:
                return fail(c, NI_BADOP,
                            e->program == NIEXT_PROGRAM
                                    ? "this server does not know the extension program (a historical server?)"
                                    : "this server does not know the procedure");
        case EXCHANGE_DENIED:
                return fail(c, NI_AUTHERROR, "the server does not accept these credentials");
        case EXCHANGE_WEAK:
                return fail(c, NI_AUTHERROR, exchange_weak_words(line_of(c, e)));
        case EXCHANGE_ERROR:
                return fail(c, NI_FAILED, "the server could not carry out the call (RPC error)");
        case EXCHANGE_LATE:
                snprintf(words, sizeof(words), "no answer within %.1f s%s",
                         (timeout_of(c, e) + e->wait_ms) / 1000.0,
                         unsure ? "; the change may or may not have been made: look before you repeat it"
                                : "");
                return fail(c, NI_FAILED, words);
        case EXCHANGE_INTERRUPTED:
                return fail(c, NI_FAILED,
                            unsure ? "interrupted; the change may or may not have been made" : "interrupted");
        case EXCHANGE_LOST:
                return fail(
                        c, NI_FAILED,
                        unsure ? "the server's machine does not answer any more; the change may or may not "
                                 "have been made: look before you repeat it"
                               : "the server's machine does not answer any more");
        case EXCHANGE_BROKEN:
                if (line_of(c, e) && line_of(c, e)->trouble[0]) { /* TLS has ended, and said why */
                        snprintf(words, sizeof(words), "%.240s%s", line_of(c, e)->trouble,
                                 unsure ? "; the change may or may not have been made" : "");
                        return fail(c, NI_FAILED, words);
                }
                return fail(c, NI_FAILED,
                            unsure ? "the connection broke before the answer came; the change may or may not "
                                     "have been made: look before you repeat it"
                                   : "the server closes the connection");
        default:
                return fail(c, NI_FAILED, "what came back is no NetInfo reply");
        }
}

static enum ni_status ready(struct client *c, struct line *l, const struct line_wait *w)
{
        char reason[300];
        if (line_alive(l))
                return NI_OK;
        const enum ni_status status = open_place(c, &c->place, w, reason, sizeof(reason));
        return status == NI_OK ? NI_OK : fail(c, status, reason);
}

/* Who waits 30 s for an answer does not wait that long for a connection. */
static enum ni_status ready_again(struct client *c, const struct errand *e, struct line *l,
                                  const struct line_wait *w)
{
        struct line_wait reach = *w;
        const uint64_t most = clock_mono_ms() + timeout_of(c, e);
        if (most < reach.deadline)
                reach.deadline = most;
        return ready(c, l, &reach);
}

enum ni_status errand_run(struct client *c, const struct errand *e, struct xdr_in *ret)
{
        const struct line_wait w = {clock_mono_ms() + timeout_of(c, e) + e->wait_ms, c->o.interrupt_fd};
        const uint32_t xid = c->xid; /* reconnecting makes calls of its own */
        struct line *l = line_of(c, e);
        bool unseen = true;
        enum exchange_end end = EXCHANGE_BROKEN;
        if (!c->has_main && !c->has_own) { /* the last try to connect again failed */
                const enum ni_status status = ready_again(c, e, &c->main, &w);
                if (status != NI_OK)
                        return status;
                l = line_of(c, e);
        }
        if (!l)
                return fail(c, NI_BADOP, "this port serves only version 2 of one tag");
        record_close(&c->call, c->mark);
        if (c->call.failed)
                return fail(c, NI_NOSPACE, "the call would be larger than 4 MiB; make it in smaller parts");
        for (int attempt = 0; attempt < 2; attempt++) { /* not after LOST: the way there is the same one */
                const enum ni_status status = ready_again(c, e, l, &w);
                if (status != NI_OK)
                        return status;
                l = line_of(c, e);
                end = exchange(l, buf_bytes(&c->call), xid, &w, ret, &unseen);
                if (end == EXCHANGE_OK)
                        return NI_OK;
                if (end != EXCHANGE_BROKEN || (e->write && !unseen))
                        break;
        }
        return explain(c, e, end, unseen);
}

enum ni_status errand_ahead(struct client *c, const struct errand *e)
{
        const struct line_wait w = {clock_mono_ms() + timeout_of(c, e), c->o.interrupt_fd};
        const uint32_t xid = c->xid;
        size_t sent;
        record_close(&c->call, c->mark);
        if (c->call.failed)
                return fail(c, NI_NOSPACE, "the call would be larger than 4 MiB; make it in smaller parts");
        if (!c->ahead_count) { /* with answers outstanding the stream must be the same one */
                const enum ni_status status = ready(c, &c->main, &w);
                if (status != NI_OK)
                        return status;
        }
        if (!c->has_main)
                return fail(c, NI_BADOP, "this port serves only version 2 of one tag");
        const enum line_end end =
                line_alive(&c->main) ? line_send(&c->main, buf_bytes(&c->call), &w, &sent) : LINE_CLOSED;
        if (end != LINE_OK)
                return explain(c, e, translate(end), false);
        c->ahead[c->ahead_count++] = xid;
        return NI_OK;
}

enum ni_status errand_answer(struct client *c, const struct errand *e, uint32_t *ret_xid, struct xdr_in *ret)
{
        const struct line_wait w = {clock_mono_ms() + timeout_of(c, e), c->o.interrupt_fd};
        struct bytes reply;
        const bool alive = c->main.fd >= 0 && c->main.pid == getpid();
        const enum line_end end =
                alive ? line_receive(&c->main, c->ahead, c->ahead_count, &w, &reply) : LINE_CLOSED;
        if (end != LINE_OK)
                return explain(c, e, translate(end), false);
        *ret_xid = xdr_load(reply.data);
        for (uint32_t i = 0; i < c->ahead_count; i++)
                if (c->ahead[i] == *ret_xid)
                        c->ahead[i] = c->ahead[--c->ahead_count];
        const enum exchange_end judged = judge(reply, ret);
        return judged == EXCHANGE_OK ? NI_OK : explain(c, e, judged, false);
}
