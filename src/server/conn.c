#include "server/conn.h"

#include "server/conn_tls.h"
#include "server/dispatch.h"
#include "server/server.h"
#include "sys/clock.h"
#include "sys/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/sendfile.h>
#include <unistd.h>

/* What strangers can make happen as often as they like. */
static struct log_limit shed_limit;

static void on_readable(evutil_socket_t fd, short what, void *context);
static void on_writable(evutil_socket_t fd, short what, void *context);

struct conn *conn_new(struct worker *w, int fd, const struct peer *p, unsigned doors, struct domain *d)
{
        struct conn *c = calloc(1, sizeof(*c));
        if (!c)
                return NULL;
        c->worker = w;
        c->visitor.worker = w;
        c->fd = fd;
        c->peer = *p;
        c->doors = doors;
        c->domain = d;
        c->file = c->place = -1;
        c->late_end = &c->late;
        record_reader_init(&c->reader, LIMIT_CALL);
        buf_init(&c->in, 0);
        buf_init(&c->out, 0);
        return c;
}

void conn_discard(struct conn *c)
{
        conn_tls_end(c);
        close(c->fd);
        domain_release(c->domain);
        free(c);
}

bool conn_begin(struct conn *c)
{
        struct worker *w = c->worker;
        c->next = w->first;
        if (w->first)
                w->first->before = c;
        w->first = c;
        if (event_assign(&c->readable, w->loop.base, c->fd, EV_READ | EV_PERSIST, on_readable, c) < 0 ||
            event_assign(&c->writable, w->loop.base, c->fd, EV_WRITE | EV_PERSIST, on_writable, c) < 0 ||
            event_add(&c->readable, NULL) < 0) {
                conn_close(c, "memory");
                return false;
        }
        c->reading = true;
        const bool welcome = !c->domain || c->tls || conn_trusted(c, c->domain);
        worker_txn_end(w);
        arena_reset(&w->arena);
        if (!welcome) /* accepted and closed at once (protocol.md 3.4) */
                conn_close(c, "untrusted");
        return welcome;
}

bool conn_is_quiet(const struct conn *c)
{
        return c->away == 0 && !c->parked && c->out.len == 0 && c->file < 0 && c->held_used == 0;
}

void conn_touch(struct conn *c)
{
        if (c->is_touched)
                return;
        c->is_touched = true;
        c->next_touched = c->worker->touched;
        c->worker->touched = c;
}

/* -- the end -- */

static void unlink_from_worker(struct conn *c)
{
        struct worker *w = c->worker;
        if (c->before)
                c->before->next = c->next;
        else
                w->first = c->next;
        if (c->next)
                c->next->before = c->before;
        for (struct conn **at = &w->touched; c->is_touched && *at; at = &(*at)->next_touched)
                if (*at == c) {
                        *at = c->next_touched;
                        break;
                }
        worker_take_runnable(w, c);
        c->is_touched = false;
}

static void unpark(struct call *call)
{
        struct conn *c = call->conn;
        evtimer_del(&call->timer);
        *call->parked_at = call->parked_next;
        if (call->parked_next)
                call->parked_next->parked_at = call->parked_at;
        c->parked = NULL;
        atomic_fetch_sub(&c->worker->waiting, 1);
}

static void count_buffers(struct conn *c)
{
        const size_t now = c->in.cap + c->out.cap;
        if (now == c->counted)
                return;
        c->worker->server->buffered_bytes += now - c->counted; /* wraps both ways, and comes out right */
        c->counted = now;
}

static void close_file(struct conn *c)
{
        if (c->file < 0)
                return;
        close(c->file);
        c->file = -1;
        places_leave(&c->worker->server->places, c->place);
        c->place = -1;
}

void conn_close(struct conn *c, const char *reason)
{
        struct worker *w = c->worker;
        if (c->dead)
                return;
        log_event(LOG_LEVEL_DEBUG, "close", "peer=\"%s\" reason=%s", c->peer.text, reason);
        c->dead = true;
        if (c->reading)
                event_del(&c->readable);
        if (c->writing)
                event_del(&c->writable);
        unlink_from_worker(c);
        if (c->parked) {
                struct call *parked = c->parked;
                unpark(parked);
                call_free(parked);
        }
        while (c->late) {
                struct call *late = c->late;
                c->late = late->behind;
                call_free(late);
        }
        for (struct call *call = c->first, *behind; call; call = behind) {
                behind = call->behind;
                if (call->done) /* the others are freed when they come home */
                        call_free(call);
        }
        conn_tls_end(c);
        close(c->fd);
        close_file(c);
        buf_done(&c->in);
        buf_done(&c->out);
        count_buffers(c);
        domain_release(c->domain);
        c->domain = NULL;
        admission_leave(w->server->admission, &c->visitor);
        w->conns--;
        if (c->away == 0)
                free(c);
        else
                w->zombies++;
}

/* -- sending -- */

static void want(struct event *e, bool *is, bool should)
{
        if (*is != should && (should ? event_add(e, NULL) == 0 : event_del(e) == 0))
                *is = should;
}

void conn_want(struct conn *c, bool readable, bool writable)
{
        want(&c->readable, &c->reading, readable);
        want(&c->writable, &c->writing, writable);
}

void conn_soon(struct conn *c)
{
        static const struct timeval at_once = {0, 0};
        struct worker *w = c->worker;
        if (c->is_runnable)
                return;
        c->is_runnable = true;
        c->next_runnable = NULL;
        if (w->runnable)
                w->last_runnable->next_runnable = c;
        else
                w->runnable = c;
        w->last_runnable = c;
        evtimer_add(&w->resume, &at_once);
}

static bool add_reply(struct conn *c, struct call *call)
{
        const bool whole =
                !call->reply.failed && (call->reply.len > 0 || call->spool >= 0); /* else: no memory */
        buf_put(&c->out, buf_bytes(&call->reply));
        if (call->spool >= 0) {
                c->file = call->spool;
                c->place = call->place;
                call->spool = call->place = -1;
                c->file_at = 0;
                c->file_left = call->spool_bytes;
                c->file_since_ms = clock_mono_ms();
        }
        call_free(call);
        return whole && !c->out.failed; /* a peer that gets no reply must not wait for it: it is closed */
}

/* Replies whose turn has come go to `out`: historical ones in the order of their calls. */
static bool gather(struct conn *c)
{
        bool ok = true;
        while (ok && c->file < 0 && c->late) {
                struct call *call = c->late;
                c->late = call->behind;
                if (!c->late)
                        c->late_end = &c->late;
                ok = add_reply(c, call);
        }
        while (ok && c->file < 0 && c->first && c->first->done) {
                struct call *call = c->first;
                c->first = call->behind;
                if (!c->first)
                        c->last = NULL;
                ok = add_reply(c, call);
        }
        return ok;
}

static bool send_file(struct conn *c)
{
        size_t turn = 1u << 20; /* then the others of this worker */
        while (c->file >= 0 && c->file_left > 0 && turn > 0) {
                const size_t most = c->file_left < turn ? (size_t)c->file_left : turn;
                const ssize_t n =
                        c->tls ? conn_tls_send_file(c, most) : sendfile(c->fd, c->file, &c->file_at, most);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return errno == EAGAIN;
                if (n == 0) /* the spool is shorter than it was */
                        return false;
                c->file_left -= (uint64_t)n;
                c->out_progress = clock_mono_ms();
                turn -= (size_t)n;
        }
        if (c->file >= 0 && c->file_left == 0) {
                close_file(c);
                conn_soon(c); /* what waited for the file's end */
        }
        return true;
}

/* Sends what is in b from *sent on. False: the peer is gone. */
static bool send_some(struct conn *c, const struct buf *b, size_t *sent)
{
        while (*sent < b->len) {
                const ssize_t n = c->tls ? conn_tls_send(c, b->data + *sent, b->len - *sent)
                                         : send(c->fd, b->data + *sent, b->len - *sent, MSG_NOSIGNAL);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return errno == EAGAIN;
                *sent += (size_t)n;
                c->out_progress = 0;
        }
        return true;
}

/* out: the connection's own buffer, or the worker's scratch; what cannot be sent now is kept. */
static bool send_out(struct conn *c, struct buf *out)
{
        size_t sent = out == &c->out ? c->sent : 0;
        if (out->failed || !send_some(c, out, &sent))
                return false;
        if (sent == out->len) {
                if (out == &c->out)
                        buf_done(out);
                c->sent = 0;
        } else if (out == &c->out) {
                c->sent = sent;
        } else {
                c->sent = 0;
                buf_put(&c->out, bytes_of(out->data + sent, out->len - sent));
        }
        if (c->out.len == 0 && !send_file(c))
                return false;
        const bool left = c->out.len > 0 || c->file >= 0;
        if (!left)
                c->out_progress = 0;
        else if (c->out_progress == 0)
                c->out_progress = clock_mono_ms();
        want(&c->writable, &c->writing, c->tls ? conn_tls_writable(c, left) : left);
        return !c->out.failed;
}

/* -- working -- */

static size_t unsent(const struct conn *c, const struct buf *out)
{
        return out->len - (out == &c->out ? c->sent : 0);
}

/* May the next record be looked at? */
static bool may_work(const struct conn *c, const struct buf *out)
{
        return c->file < 0 && c->away < LIMIT_AWAY && c->away_bytes < LIMIT_AWAY_BYTES &&
               c->name_state != NAME_ASKED && unsent(c, out) < LIMIT_UNREAD;
}

enum work {
        WORK_DONE,    /* no whole record is left */
        WORK_WAITS,   /* for something that comes home, or for the peer to take its replies */
        WORK_SLICED,  /* the slice is over */
        WORK_REFUSED, /* the connection has to go */
        WORK_LAST,    /* when the replies are sent, the connection ends */
        WORK_PROBED,  /* behind the reply TLS begins */
};

static enum work work_on(struct conn *c, struct buf *in, size_t *at, struct buf *out)
{
        struct worker *w = c->worker;
        const uint64_t begin = w->clock_us;
        for (unsigned calls = 0; may_work(c, out); calls++) {
                struct bytes record;
                size_t used = c->held_used;
                if (calls == LIMIT_SLICE_CALLS || w->clock_us - begin > LIMIT_SLICE_US)
                        return WORK_SLICED;
                if (used)
                        record = bytes_of(in->data + *at + c->held_at, c->held_len);
                else {
                        const enum record_verdict v = record_next(&c->reader, in, *at, &record, &used);
                        if (v != RECORD_WHOLE)
                                return v == RECORD_MORE ? WORK_DONE : WORK_REFUSED;
                }
                const enum served served = dispatch_record(c, record, out);
                if (served == SERVED_CLOSE)
                        return WORK_REFUSED;
                if (served == SERVED_LATER) {
                        c->held_at = (size_t)(record.data - in->data) - *at;
                        c->held_len = record.len;
                        c->held_used = used;
                        return WORK_WAITS;
                }
                c->held_used = 0;
                *at += used;
                if (served == SERVED_LAST || served == SERVED_PROBED)
                        return served == SERVED_LAST ? WORK_LAST : WORK_PROBED;
        }
        return WORK_WAITS;
}

static bool keep_rest(struct conn *c, struct buf *in, size_t at)
{
        if (in == &c->in) {
                buf_consume(in, at);
                if (in->len == 0)
                        buf_done(in);
        } else if (at < in->len) {
                buf_put(&c->in, bytes_of(in->data + at, in->len - at));
        }
        return !c->in.failed;
}

/* Half a record: since when, and when its last byte came. */
static void watch_half(struct conn *c, bool half, bool progress)
{
        const uint64_t now = c->worker->clock_us / 1000u;
        if (!half)
                c->half_since = c->half_progress = 0;
        else {
                if (c->half_since == 0)
                        c->half_since = now;
                if (progress || c->half_progress == 0)
                        c->half_progress = now;
        }
}

/* Too much in all buffers: the connection of this worker that has most of it goes. */
static void shed(struct worker *w)
{
        struct conn *most = NULL;
        if (w->server->buffered_bytes <= LIMIT_BUFFERED)
                return;
        for (struct conn *c = w->first; c; c = c->next)
                if (!most || c->counted > most->counted)
                        most = c;
        if (!most || most->counted == 0)
                return;
        log_limited(&shed_limit, LOG_LEVEL_WARNING, "shed",
                    "peer=\"%s\" bytes=%zu reason=\"all buffers together are full\"", most->peer.text,
                    most->counted);
        conn_close(most, "memory");
}

/* Nothing behind the record at hand is looked at: it is refused, or, of a probe, must not be there. */
static enum work end_clear_text(struct conn *c, const struct buf *in, size_t *at, enum work work)
{
        if (work == WORK_PROBED)
                return *at < in->len || conn_tls_hurried(c) ? WORK_REFUSED : WORK_DONE;
        *at = in->len;
        c->eof = true;
        return WORK_DONE;
}

/* Serves what is in `in`, sends, and arranges for what comes next. fresh: bytes have just arrived. */
static void conn_work(struct conn *c, struct buf *in, bool fresh)
{
        struct worker *w = c->worker;
        size_t at = 0;
        const uint64_t begin = w->clock_us = clock_mono_us();
        if (!gather(c)) {
                conn_close(c, "memory");
                return;
        }
        struct buf *out = c->out.len ? &c->out : &w->out;
        if (out == &w->out)
                buf_clear(out);
        enum work work = work_on(c, in, &at, out);
        worker_txn_end(w);
        if (work == WORK_LAST || work == WORK_PROBED)
                work = end_clear_text(c, in, &at, work);
        if (work == WORK_REFUSED || !keep_rest(c, in, at) || !send_out(c, out)) {
                conn_close(c, work == WORK_REFUSED ? "refused" : "gone");
                return;
        }
        if (c->tls && conn_tls_shaking(c)) { /* the probe's answer has left: only the peer speaks now */
                conn_want(c, true, false);
                count_buffers(c);
                if (c->out.len)
                        conn_close(c, "refused");
                return;
        }
        c->heavy = work == WORK_SLICED || w->clock_us - begin > LIMIT_SLICE_US / 4;
        if (at > 0)
                c->visitor.active_ms = w->clock_us / 1000u;
        c->visitor.busy = !conn_is_quiet(c);
        count_buffers(c);
        watch_half(c, work == WORK_DONE && c->in.len > 0, fresh || at > 0);
        /* replies that could be sent at once made room for more calls */
        const bool again = work == WORK_SLICED ||
                           (work == WORK_WAITS && c->held_used == 0 && c->in.len > 0 && may_work(c, &c->out));
        if (again)
                conn_soon(c);
        const bool stop = c->eof || w->stopping;
        const bool read_on = !stop && !again && c->held_used == 0 && may_work(c, &c->out);
        want(&c->readable, &c->reading, c->tls ? conn_tls_readable(c, read_on) : read_on);
        if (c->tls && read_on && conn_tls_has_more(c)) {
                c->read_due = true;
                conn_soon(c);
        }
        if (stop && !again && conn_is_quiet(c)) {
                conn_close(c, c->eof ? "peer" : "stop");
                return;
        }
        shed(w);
}

/* Reads once and works on it. */
static void take_bytes(struct conn *c)
{
        if (c->tls && conn_tls_shaking(c)) {
                conn_tls_shake(c);
                return;
        }
        struct buf *in = c->in.len ? &c->in : &c->worker->in;
        if (in != &c->in)
                buf_clear(in);
        uint8_t *to = buf_add(in, LIMIT_READ);
        if (!to) {
                conn_close(c, "memory");
                return;
        }
        const ssize_t n = c->tls ? conn_tls_read(c, to, LIMIT_READ) : read(c->fd, to, LIMIT_READ);
        buf_truncate(in, in->len - LIMIT_READ + (n > 0 ? (size_t)n : 0));
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
                if (c->tls) /* the session may wait for the other direction, and what it waited for has come
                             */
                        conn_work(c, &c->in, false);
                else
                        want(&c->readable, &c->reading, true);
                return;
        }
        if (n < 0) {
                conn_close(c, "gone");
                return;
        }
        c->eof = n == 0;
        conn_work(c, in, n > 0);
}

void conn_resume(struct conn *c)
{
        if (c->dead)
                return;
        if (c->read_due || (c->tls && conn_tls_waits(c))) {
                c->read_due = false;
                take_bytes(c);
        } else {
                conn_work(c, &c->in, false);
        }
}

/* Who used up much last time comes behind those that use little: in its turn, one a round (doc/server.md 3).
 */
static void on_readable(evutil_socket_t fd, short what, void *context)
{
        struct conn *c = context;
        (void)fd;
        (void)what;
        if (!c->heavy) {
                take_bytes(c);
                return;
        }
        want(&c->readable, &c->reading, false);
        c->read_due = true;
        conn_soon(c);
}

static void on_writable(evutil_socket_t fd, short what, void *context)
{
        (void)fd;
        (void)what;
        conn_resume(context);
}

void conn_stop(struct conn *c)
{
        if (c->parked)
                conn_changed(c, c->parked, true); /* answered empty */
        conn_touch(c);
}

/* -- calls elsewhere -- */

void conn_send_away(struct conn *c, struct call *call, bool barrier)
{
        call->conn = c;
        call->worker = c->worker;
        c->away++;
        c->away_bytes += call->bytes;
        call->barrier = barrier;
        if (barrier)
                c->barrier++;
        if (!call->ordered)
                return;
        if (c->first)
                c->last->behind = call;
        else
                c->first = call;
        c->last = call;
}

/* Its connection was closed meanwhile. */
static void bury(struct conn *c, struct call *call)
{
        struct worker *w = c->worker;
        if (call->password.len) /* one that nobody came to look at; in the call's own arena */
                explicit_bzero((void *)(uintptr_t)call->password.data, call->password.len);
        call_free(call);
        if (c->away > 0)
                return;
        free(c);
        w->zombies--;
}

/* The reply is complete: into its place among the historical ones, or to those that may overtake. */
static void reply_ready(struct conn *c, struct call *call)
{
        call->done = true;
        if (!call->ordered) {
                call->behind = NULL;
                *c->late_end = call;
                c->late_end = &call->behind;
        }
        conn_touch(c);
}

/* Its password was checked. True: it is away again, or waits. */
static bool go_on(struct conn *c, struct call *call)
{
        call->checking = false;
        enum ni_status st = authorize_finish(c, call);
        if (call->kind == CALL_EXT) {
                if (st != NI_OK) /* reads: then as nobody */
                        call->caller = (struct caller){0};
                const bool waits = !ext_read(c, call);
                worker_txn_end(c->worker);
                arena_reset(&c->worker->arena);
                return waits;
        }
        if (st == NI_OK && domain_submit(call->domain, call))
                return true;
        call_refuse(call, st == NI_OK ? NI_MASTERBUSY : st);
        return false;
}

static void take_name(struct conn *c, struct call *call)
{
        const struct bytes name = call->caller.name;
        c->name_state = name.len && name.len < sizeof(c->name) ? NAME_KNOWN : NAME_NONE;
        if (c->name_state == NAME_KNOWN)
                snprintf(c->name, sizeof(c->name), "%.*s", BYTES_FMT(name));
        call_free(call);
        conn_touch(c);
}

static void come_back(struct conn *c, const struct call *call)
{
        c->away--;
        c->away_bytes -= call->bytes;
        if (call->barrier)
                c->barrier--;
}

void conn_call_home(struct conn *c, struct call *call)
{
        const bool read = call->kind == CALL_EXT;
        if (c->dead || read) /* a read comes back for good; it may wait here, but not elsewhere */
                come_back(c, call);
        if (c->dead) {
                bury(c, call);
                return;
        }
        if ((call->checking && go_on(c, call)) || (call->kind == CALL_LOGIN && !login_home(c, call)))
                return;
        if (!read)
                come_back(c, call);
        if (call->kind == CALL_NAME)
                take_name(c, call);
        else
                reply_ready(c, call);
}

static void on_wait_over(evutil_socket_t fd, short what, void *context)
{
        struct call *call = context;
        struct worker *w = call->worker;
        (void)fd;
        (void)what;
        conn_changed(call->conn, call, true);
        worker_txn_end(w);
        w->loop.after(w);
}

bool conn_park(struct conn *c, struct call *call, uint32_t wait_ms)
{
        struct worker *w = c->worker;
        const struct timeval wait = {.tv_sec = wait_ms / 1000u,
                                     .tv_usec = (suseconds_t)(wait_ms % 1000u) * 1000};
        call->conn = c;
        call->worker = w;
        if (evtimer_assign(&call->timer, w->loop.base, on_wait_over, call) < 0 ||
            evtimer_add(&call->timer, &wait) < 0)
                return false;
        call->parked_next = w->parked;
        call->parked_at = &w->parked;
        if (w->parked)
                w->parked->parked_at = &call->parked_next;
        w->parked = call;
        c->parked = call;
        atomic_fetch_add(&w->waiting, 1);
        return true;
}

void conn_changed(struct conn *c, struct call *call, bool over)
{
        if (c->tls &&
            conn_tls_withdrawn(c)) { /* no answer; what else is under way may end, or the tick closes */
                unpark(call);
                call_free(call);
                c->eof = true;
                conn_touch(c);
                return;
        }
        if (ext_changes_again(call, over)) {
                unpark(call);
                reply_ready(c, call);
        }
}

/* A transfer that is taken drop by drop, or for too long altogether. */
static bool is_slow(const struct conn *c, uint64_t now_ms)
{
        const uint64_t took = now_ms - c->file_since_ms;
        const uint64_t may = LIMIT_SPOOL_GRACE * 1000u + (uint64_t)c->file_at * 1000u / LIMIT_SPOOL_SPEED;
        return took > may || took > LIMIT_SPOOL_TIME * 1000u;
}

void conn_check_deadlines(struct conn *c, uint64_t now_ms)
{
        const struct config *cfg = c->worker->config;
        const char *overdue = c->tls ? conn_tls_overdue(c, now_ms) : NULL;
        const uint64_t stall = (uint64_t)cfg->stall_timeout * 1000u;
        const uint64_t idle = (uint64_t)cfg->idle_timeout * 1000u;
        if (overdue)
                conn_close(c, overdue);
        else if (c->half_since &&
                 (now_ms > c->half_progress + stall || now_ms > c->half_since + LIMIT_RECORD_TIME * 1000u))
                conn_close(c, "half-record");
        else if (c->out_progress && now_ms > c->out_progress + stall)
                conn_close(c, "unread-replies");
        else if (c->file >= 0 && is_slow(c, now_ms))
                conn_close(c, "slow-transfer");
        else if (conn_is_quiet(c) && now_ms > c->visitor.active_ms + idle)
                conn_close(c, "idle");
}
