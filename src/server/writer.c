#include "server/writer.h"

#include "server/push.h"
#include "server/replica.h"
#include "server/worker.h"
#include "sys/clock.h"
#include "sys/log.h"

#include <stdlib.h>

#define TRIM_EVERY_MS   1000u  /* so often the journal is looked at for entries that are too old */
#define TRIM_MOST       1024u  /* entries dropped at once: a commit must not wait for thousands */
#define REPAIR_EVERY_MS 30000u /* a domain that could not be repaired is tried again so often */
#define FULL_EVERY_MS   10000u /* so often the log says that a disk is still full, not once a write */

struct writer {
        struct domain *domain;
        pthread_t thread;
        pthread_mutex_t mutex; /* of the queue */
        pthread_cond_t some;
        struct call *first, *last;
        bool stopping;
        uint64_t trimmed_ms, repaired_ms, full_ms;
        uint64_t full_batches; /* refused since the log said so */
};

static struct log_limit divided_limit;
static _Atomic size_t queued_bytes; /* waiting for the writers of all domains */

/* What to say when the commit, not the request, failed. */
struct verdict {
        enum ni_status status;
        bool unknown;
};

static struct call *take_batch(struct writer *w)
{
        unsigned n = 0;
        size_t bytes = 0;
        pthread_mutex_lock(&w->mutex);
        while (!w->first && !w->stopping)
                pthread_cond_wait(&w->some, &w->mutex);
        struct call *batch = w->first, **at = &batch;
        while (*at && n < LIMIT_BATCH && (n == 0 || bytes + (*at)->bytes <= LIMIT_BATCH_BYTES)) {
                bytes += (*at)->bytes;
                n++;
                at = &(*at)->next;
        }
        w->first = *at;
        *at = NULL;
        pthread_mutex_unlock(&w->mutex);
        queued_bytes -= bytes;
        return batch;
}

/* -- one request, inside the batch's transaction -- */

static enum ni_status run_write(struct call *c, struct dir_request *rq, uint64_t *ret_seq)
{
        const size_t body = call_reply_begin(c);
        enum ni_status st = dir_write(rq, (enum ni_proc)c->proc, &c->args.ni);
        if (st == NI_OK && !c->reply.failed)
                st = store_change_end(rq->txn, ret_seq);
        if (st == NI_OK && c->reply.failed)
                st = NI_SYSTEMERR;
        if (st != NI_OK && c->reply.len > body)
                buf_truncate(&c->reply, body);
        if (st != NI_OK)
                call_refuse(c, st);
        else
                call_reply_end(c);
        return st;
}

static enum ni_status run_edit(struct call *c, struct dir_request *rq, uint64_t *ret_seq)
{
        struct ext_edit_result r = {.status = NI_SYSTEMERR, .failed_op = c->args.edit.op_count};
        enum ni_status st = dir_edit(rq, &c->args.edit, &r);
        if (st == NI_OK && (st = store_change_end(rq->txn, ret_seq)) != NI_OK)
                r = (struct ext_edit_result){.status = st, .failed_op = c->args.edit.op_count};
        if (st == NI_OK)
                r.seq = *ret_seq;
        call_reply_begin(c);
        ext_edit_encode(&r, &c->reply);
        if (c->reply.failed) {
                call_refuse(c, NI_SYSTEMERR);
                return NI_SYSTEMERR;
        }
        call_reply_end(c);
        return st;
}

static struct bytes who_of(const struct caller *c)
{
        return c->superuser ? BYTES_LIT("superuser") : c->name;
}

static struct bytes what_of(const struct call *c)
{
        static const char *const names[NI_PROC_COUNT] = {
#define X(n, name, args, result, kind, udp) [n] = #name,
                NI_PROCS(X)
#undef X
        };
        if (c->kind == CALL_EDIT)
                return c->args.edit.what.len ? c->args.edit.what : BYTES_LIT("edit");
        return bytes_str(names[c->proc]);
}

/* NI_OK: it stands in the transaction. */
static enum ni_status run_call(struct store_txn *t, struct call *c, uint64_t *seq)
{
        struct dir_request rq = {
                .txn = t, .caller = &c->caller, .policy = &c->policy, .arena = &c->arena, .out = &c->reply};
        const struct store_actor actor = {who_of(&c->caller), bytes_str(c->from), what_of(c)};
        uint64_t mine = *seq;
        if (c->pushed ? c->domain->role != STORE_CLONE : domain_refuses_writes(c->domain)) {
                call_refuse(c, NI_RDONLY); /* the role has changed since it was queued */
                return NI_RDONLY;
        }
        enum ni_status st = store_sub_begin(t);
        if (st != NI_OK) {
                call_refuse(c, st);
                return st;
        }
        st = store_change_begin(t, &actor);
        if (st != NI_OK)
                call_refuse(c, st);
        else
                st = c->kind == CALL_EDIT ? run_edit(c, &rq, &mine) : run_write(c, &rq, &mine);
        if (st != NI_OK) {
                store_sub_abort(t);
                return st;
        }
        st = store_sub_commit(t);
        if (st != NI_OK) {
                call_refuse(c, st);
                return st;
        }
        *seq = mine;
        return NI_OK;
}

/* It may be run again, in another transaction: so nothing of this time stays but the reply and the outcome.
 */
static bool run_one(struct store_txn *t, struct push_batch *push, struct call *c, uint64_t *seq)
{
        const struct arena_mark before = arena_mark(&c->arena);
        push_batch_begin(push, t);
        c->outcome = run_call(t, c, seq);
        push_batch_end(push, t, c, c->outcome == NI_OK);
        arena_rewind(&c->arena, before);
        return c->outcome == NI_OK;
}

/* -- a batch -- */

static void refuse_all(struct call *batch, struct verdict v)
{
        for (struct call *c = batch; c; c = c->next) {
                c->outcome = v.status;
                call_refuse(c, v.unknown && c->kind == CALL_EDIT ? (uint32_t)EXT_UNKNOWN_OUTCOME
                                                                 : (uint32_t)v.status);
        }
}

static void trim_journal(struct writer *w, struct store_txn *t, uint64_t now_ms)
{
        if (now_ms - w->trimmed_ms < TRIM_EVERY_MS)
                return;
        uint32_t dropped = 0;
        if (store_sub_begin(t) != NI_OK)
                return;
        if (store_journal_trim(t, clock_wall_us(), TRIM_MOST, &dropped) != NI_OK)
                store_sub_abort(t);
        else
                store_sub_commit(t);
        if (dropped < TRIM_MOST) /* else look again with the next batch */
                w->trimmed_ms = now_ms;
}

/* NI_OK: durable, *seq is the newest change. Else nothing of it stands, or nobody knows. */
static struct verdict commit_batch(struct writer *w, struct call *batch, uint64_t *seq)
{
        struct store_txn *t;
        struct verdict v = {.status = store_write_begin(w->domain->store, &t)};
        bool any = false;
        if (v.status != NI_OK)
                return v;
        struct push_batch *push = push_batch_new(w->domain);
        for (struct call *c = batch; c; c = c->next)
                any |= run_one(t, push, c, seq);
        if (!any) { /* all were refused, by what is durable already */
                store_abort(t);
                push_batch_done(push, false);
                return v;
        }
        trim_journal(w, t, clock_mono_ms());
        v.status = store_commit(t, &v.unknown);
        push_batch_done(push, v.status == NI_OK);
        return v;
}

static bool may_write(struct writer *w)
{
        struct domain *d = w->domain;
        if (d->state == DOMAIN_READ_ONLY && clock_mono_ms() - w->repaired_ms >= REPAIR_EVERY_MS) {
                w->repaired_ms = clock_mono_ms();
                domain_repair(d);
        }
        return d->state == DOMAIN_SERVING;
}

static void count_batch(struct domain *d, const struct call *batch, uint64_t now_us)
{
        for (const struct call *c = batch; c; c = c->next) {
                if (c->kind == CALL_WRITE)
                        domain_count(d, SLOT_WRITER, (enum ni_proc)c->proc, now_us - c->began_us);
                d->granted += c->outcome == NI_OK;
                d->refused += c->outcome == NI_PERM;
                if (c->pushed)
                        replica_pushed(d, c->outcome == NI_OK);
        }
}

/* A full disk leaves the store as it was: whoever writes is refused, batch after batch, and that is all.
 * After anything else the store is opened anew and looked through. */
static void after_failure(struct writer *w, struct verdict v)
{
        struct domain *d = w->domain;
        const uint64_t now = clock_mono_ms();
        const bool whole = store_is_whole(d->store);
        w->full_batches++;
        if (!whole || w->full_ms == 0 || now - w->full_ms >= FULL_EVERY_MS) {
                log_event(LOG_LEVEL_ERROR, "commit-failed", "tag=%s status=%d unknown=%s batches=%llu",
                          d->tag, (int)v.status, v.unknown ? "yes" : "no",
                          (unsigned long long)w->full_batches);
                w->full_ms = now;
                w->full_batches = 0;
        }
        if (whole)
                return;
        w->repaired_ms = now;
        domain_repair(d);
}

static bool run_part(struct writer *w, struct call *part);

/* In their order: first half, second half. The list is one again afterwards. */
static bool run_halves(struct writer *w, struct call *part)
{
        struct call *last = part;
        for (const struct call *c = part->next; c && c->next; c = c->next->next)
                last = last->next;
        struct call *second = last->next;
        log_limited(&divided_limit, LOG_LEVEL_INFO, "commit-divided", "tag=%s", w->domain->tag);
        last->next = NULL;
        bool some = run_part(w, part);
        some |= run_part(w, second);
        last->next = second;
        return some;
}

/* True: some of it is durable. Where there was no room for all of them, half of them may have it: so only
 * those are refused that alone find none, with as many commits as it takes to find them. */
static bool run_part(struct writer *w, struct call *part)
{
        struct domain *d = w->domain;
        uint64_t seq = d->seq;
        struct verdict v = {.status = NI_SYSTEMERR};
        if (!may_write(w)) {
                refuse_all(part, v);
                return false;
        }
        v = commit_batch(w, part, &seq);
        if (v.status == NI_OK) {
                d->seq = seq;
                return true;
        }
        if (v.status == NI_NOSPACE && part->next && store_is_whole(d->store))
                return run_halves(w, part);
        refuse_all(part, v);
        after_failure(w, v);
        return false;
}

static void run_batch(struct writer *w, struct call *batch)
{
        struct domain *d = w->domain;
        pthread_mutex_lock(&d->batch);
        const bool some = run_part(w, batch);
        pthread_mutex_unlock(&d->batch);
        count_batch(d, batch, clock_mono_us());
        worker_send_home(batch);
        if (some)
                d->committed(d, d->context);
}

static void *write_loop(void *argument)
{
        struct writer *w = argument;
        for (struct call *batch; (batch = take_batch(w));)
                run_batch(w, batch);
        return NULL;
}

struct writer *writer_start(struct domain *d)
{
        struct writer *w = calloc(1, sizeof(*w));
        if (!w)
                return NULL;
        w->domain = d;
        pthread_mutex_init(&w->mutex, NULL);
        pthread_cond_init(&w->some, NULL);
        if (pthread_create(&w->thread, NULL, write_loop, w) != 0) {
                free(w);
                return NULL;
        }
        return w;
}

void writer_stop(struct writer *w)
{
        if (!w)
                return;
        pthread_mutex_lock(&w->mutex);
        w->stopping = true;
        pthread_cond_signal(&w->some);
        pthread_mutex_unlock(&w->mutex);
        pthread_join(w->thread, NULL);
}

void writer_free(struct writer *w)
{
        if (!w)
                return;
        pthread_cond_destroy(&w->some);
        pthread_mutex_destroy(&w->mutex);
        free(w);
}

bool writer_submit(struct writer *w, struct call *c)
{
        if (queued_bytes + c->bytes > LIMIT_QUEUED)
                return false;
        queued_bytes += c->bytes;
        c->next = NULL;
        pthread_mutex_lock(&w->mutex);
        const bool open = !w->stopping;
        if (open) {
                if (w->first)
                        w->last->next = c;
                else
                        w->first = c;
                w->last = c;
                pthread_cond_signal(&w->some);
        }
        pthread_mutex_unlock(&w->mutex);
        if (!open)
                queued_bytes -= c->bytes;
        return open;
}
