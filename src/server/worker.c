#include "server/worker.h"

#include "server/conn.h"
#include "server/server.h"
#include "sys/clock.h"
#include "sys/log.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#define TICK_MS     1000u      /* deadlines are looked at so often */
#define HURRY_MS    10000u     /* after being asked to stop, clients have so long to take their replies */
#define SCRATCH_MAX (1u << 20) /* scratch memory kept between slices */

/* -- the read transaction of a slice -- */

struct store_txn *worker_txn(struct worker *w, struct domain *d)
{
        if (w->open == d)
                return w->txn;
        worker_txn_end(w);
        w->txn = domain_read_begin(d, w->slot);
        w->open = w->txn ? d : NULL;
        return w->txn;
}

void worker_txn_end(struct worker *w)
{
        if (w->open)
                domain_read_end(w->open, w->slot);
        w->open = NULL;
        w->txn = NULL;
}

/* -- notes -- */

struct worker_note {
        struct note note;
        union {
                uint64_t visitor;
                struct config *config;
        } about;
};

static void post_note(struct worker *w, void (*run)(struct note *, void *), const struct worker_note *fill)
{
        struct worker_note *n = malloc(sizeof(*n));
        if (!n)
                return;
        *n = *fill;
        n->note.run = run;
        loop_post(&w->loop, &n->note);
}

static void run_evict(struct note *note, void *context)
{
        struct worker_note *n = (struct worker_note *)note;
        struct worker *w = context;
        for (struct conn *c = w->first; c; c = c->next) {
                if (c->visitor.id != n->about.visitor)
                        continue;
                if (conn_is_quiet(c))
                        conn_close(c, "room");
                else /* it woke up meanwhile */
                        admission_stay(w->server->admission, &c->visitor);
                break;
        }
        free(n);
}

void worker_evict(struct worker *w, uint64_t visitor_id)
{
        post_note(w, run_evict, &(struct worker_note){.about.visitor = visitor_id});
}

static void run_reconfigure(struct note *note, void *context)
{
        struct worker_note *n = (struct worker_note *)note;
        struct worker *w = context;
        config_release(w->config);
        w->config = n->about.config;
        for (struct conn *c = w->first; c; c = c->next)
                c->trust_domain = NULL;
        free(n);
}

void worker_reconfigure(struct worker *w, struct config *c)
{
        post_note(w, run_reconfigure, &(struct worker_note){.about.config = c});
}

static void run_adopt(struct note *note, void *context)
{
        struct worker *w = context;
        struct conn *c = (struct conn *)((char *)note - offsetof(struct conn, note));
        if (conn_begin(c) && w->stopping)
                conn_stop(c);
}

void worker_adopt(struct worker *w, struct conn *c)
{
        w->conns++;
        c->note.run = run_adopt;
        loop_post(&w->loop, &c->note);
}

static void run_home(struct note *note, void *context)
{
        struct call *call = (struct call *)((char *)note - offsetof(struct call, note));
        (void)context;
        conn_call_home(call->conn, call);
}

void call_send_home(struct call *c)
{
        c->note.run = run_home;
        loop_post(&c->worker->loop, &c->note);
}

void worker_send_home(struct call *chain)
{
        while (chain) {
                struct call *next = chain->next;
                call_send_home(chain);
                chain = next;
        }
}

/* -- waiting for changes -- */

static void run_wake(struct note *note, void *context)
{
        struct wake *wake = (struct wake *)note;
        struct worker *w = context;
        struct domain *d = wake->domain;
        atomic_store(&wake->posted, false);
        for (struct call *c = w->parked, *next; c; c = next) {
                next = c->parked_next;
                if (c->domain == d)
                        conn_changed(c->conn, c, false);
        }
        worker_txn_end(w);
        domain_release(d);
}

void workers_wake(struct domain *d, void *context)
{
        struct server *s = context;
        for (unsigned i = 0; i < s->workers; i++) {
                struct wake *wake = &d->wake[i];
                if (atomic_load(&s->worker[i].waiting) == 0 || atomic_exchange(&wake->posted, true))
                        continue;
                wake->domain = domain_hold(d);
                wake->note.run = run_wake;
                loop_post(&s->worker[i].loop, &wake->note);
        }
}

/* -- the loop -- */

static void maybe_end(struct worker *w)
{
        if (w->stopping && !w->first && w->zombies == 0)
                loop_stop(&w->loop);
}

/* After each round of notes, and after a slice that left work behind. */
static void after_notes(void *context)
{
        struct worker *w = context;
        while (w->touched) {
                struct conn *c = w->touched;
                w->touched = c->next_touched;
                c->is_touched = false;
                if (c->heavy &&
                    !c->dead) /* in its turn: what came home for a greedy one is no reason to hurry */
                        conn_soon(c);
                else
                        conn_resume(c);
        }
        maybe_end(w);
}

void worker_take_runnable(struct worker *w, struct conn *c)
{
        struct conn *before = NULL;
        for (struct conn *at = w->runnable; c->is_runnable && at != c; at = at->next_runnable)
                before = at;
        if (!c->is_runnable)
                return;
        if (before)
                before->next_runnable = c->next_runnable;
        else
                w->runnable = c->next_runnable;
        if (w->last_runnable == c)
                w->last_runnable = before;
        c->next_runnable = NULL;
        c->is_runnable = false;
}

static void on_resume(evutil_socket_t fd, short what, void *context)
{
        static const struct timeval at_once = {0, 0};
        struct worker *w = context;
        (void)fd;
        (void)what;
        struct conn *c = w->runnable;
        if (c) {
                worker_take_runnable(w, c);
                conn_resume(c);
        }
        if (w->runnable) /* after a look at what has come meanwhile: nobody new waits for more than one slice
                          */
                evtimer_add(&w->resume, &at_once);
        maybe_end(w);
}

static void on_tick(evutil_socket_t fd, short what, void *context)
{
        static const struct timeval at_once = {0, 0};
        struct worker *w = context;
        const uint64_t now = clock_mono_ms();
        (void)fd;
        (void)what;
        w->turned_ms = now;
        if (w->runnable) /* without memory the timer could not be set */
                evtimer_add(&w->resume, &at_once);
        if (w->stopping && !w->hurry && now - w->stop_ms > HURRY_MS) {
                w->hurry = true;
                log_event(LOG_LEVEL_WARNING, "stop-hurry", "worker=%u connections=%u", w->slot, w->conns);
        }
        for (struct conn *c = w->first, *next; c; c = next) {
                next = c->next;
                if (w->hurry)
                        conn_close(c, "stop");
                else
                        conn_check_deadlines(c, now);
        }
        if (w->in.cap > SCRATCH_MAX)
                buf_done(&w->in);
        if (w->out.cap > SCRATCH_MAX)
                buf_done(&w->out);
        maybe_end(w);
}

static void run_stop(struct note *note, void *context)
{
        struct worker *w = context;
        (void)note;
        w->stopping = true;
        w->stop_ms = clock_mono_ms();
        for (struct conn *c = w->first, *next; c; c = next) {
                next = c->next;
                conn_stop(c);
        }
}

void worker_ask_stop(struct worker *w)
{
        w->stop.run = run_stop;
        loop_post(&w->loop, &w->stop);
}

static void *serve(void *argument)
{
        struct worker *w = argument;
        loop_run(&w->loop);
        w->ended.run = server_worker_ended;
        loop_post(&w->server->loop, &w->ended);
        return NULL;
}

int worker_start(struct worker *w, struct server *s, unsigned number, struct config *c)
{
        const struct timeval tick = {.tv_sec = TICK_MS / 1000u};
        *w = (struct worker){.server = s, .slot = SLOT_WORKERS + number, .turned_ms = clock_mono_ms()};
        int err = loop_init(&w->loop, w, after_notes);
        if (err)
                return err;
        buf_init(&w->in, 0);
        buf_init(&w->out, LIMIT_REPLY + LIMIT_UNREAD);
        arena_init(&w->arena, LIMIT_ARENA);
        if (event_assign(&w->tick, w->loop.base, -1, EV_PERSIST, on_tick, w) < 0 ||
            event_add(&w->tick, &tick) < 0 || event_assign(&w->resume, w->loop.base, -1, 0, on_resume, w) < 0)
                return ENOMEM;
        w->config = config_hold(c);
        err = pthread_create(&w->thread, NULL, serve, w);
        if (err)
                config_release(w->config);
        return err;
}

void worker_join(struct worker *w)
{
        pthread_join(w->thread, NULL);
}

void worker_done(struct worker *w)
{
        event_del(&w->tick);
        event_del(&w->resume);
        loop_done(&w->loop);
        config_release(w->config);
        buf_done(&w->in);
        buf_done(&w->out);
        arena_done(&w->arena);
}
