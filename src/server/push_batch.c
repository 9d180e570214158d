/* What a batch of writes is for historical clones: the calls as they came, and what EDIT did as calls. In the
 * writer's thread. */
#include "server/push-internal.h"

#include <stdlib.h>

struct push_batch {
        struct pushing *p;
        struct push_call *v; /* those that stand, then those of the call under way */
        size_t n, room, stand;
        bool failed;
        uint32_t checksum;
};

struct push_batch *push_batch_new(struct domain *d)
{
        if (!d->pushing || d->role != STORE_MASTER)
                return NULL;
        struct push_batch *b = calloc(1, sizeof(*b));
        if (b)
                b->p = d->pushing;
        return b;
}

static void undo(struct push_batch *b)
{
        while (b->n > b->stand)
                free(b->v[--b->n].args);
}

static void keep(struct push_batch *b, const struct push_call *c)
{
        if (b->n == b->room) {
                const size_t room = b->room ? b->room * 2 : 16;
                struct push_call *v = reallocarray(b->v, room, sizeof(*v));
                if (!v) {
                        b->failed = true;
                        free(c->args);
                        return;
                }
                b->v = v;
                b->room = room;
        }
        b->v[b->n++] = *c;
}

static void keep_call(struct push_batch *b, enum ni_proc proc, const struct ni_args *args)
{
        struct buf out;
        buf_init(&out, LIMIT_NODE + LIMIT_CALL);
        ni_args_encode(proc, args, &out);
        struct push_call c = {.proc = proc, .len = (uint32_t)out.len};
        c.args = out.failed ? NULL : malloc(out.len ? out.len : 1);
        if (c.args) {
                memcpy(c.args, out.data, out.len);
                keep(b, &c);
        } else {
                b->failed = true;
        }
        buf_done(&out);
}

/* An operation of EDIT as a call of version 2. */
static void on_step(void *context, const struct store_step *s)
{
        struct push_batch *b = context;
        struct ni_args args = {.id = s->id};
        struct arena a;
        arena_init(&a, LIMIT_ARENA);
        struct xdr_in in = xdr_in(s->props);
        if (s->kind == STORE_STEP_MOVE) {
                keep(b, &(struct push_call){.is_break = true});
        } else if (s->kind == STORE_STEP_DESTROY) {
                args.child = s->child;
                keep_call(b, NI_PROC_destroy, &args);
        } else {
                args.props = xdr_proplist(&in, &a);
                args.where = s->where;
                args.has_target = s->kind == STORE_STEP_CREATE;
                args.target = s->child;
                if (in.bad)
                        b->failed = true;
                else
                        keep_call(b, args.has_target ? NI_PROC_create : NI_PROC_write, &args);
        }
        arena_done(&a);
}

void push_batch_begin(struct push_batch *b, struct store_txn *t)
{
        if (b)
                store_trace(t, on_step, b);
}

void push_batch_end(struct push_batch *b, struct store_txn *t, const struct call *c, bool stands)
{
        struct store_info info;
        if (!b)
                return;
        store_trace(t, NULL, NULL);
        if (!stands || b->n == b->stand) {
                undo(b);
                return;
        }
        if (c->kind == CALL_WRITE) { /* the call as it came; the number that CREATE was given was traced */
                struct ni_args args = c->args.ni;
                if (c->proc == NI_PROC_create && b->n == b->stand + 1) {
                        struct ni_args made;
                        struct arena a;
                        arena_init(&a, LIMIT_ARENA);
                        struct xdr_in in = xdr_in(bytes_of(b->v[b->stand].args, b->v[b->stand].len));
                        args.has_target = ni_args_decode(NI_PROC_create, &in, &a, &made);
                        args.target = made.target;
                        arena_done(&a);
                }
                undo(b);
                keep_call(b, (enum ni_proc)c->proc, &args);
        }
        if (store_get_info(t, &info) == NI_OK && b->n > b->stand) {
                b->v[b->n - 1].has_sum = true;
                b->v[b->n - 1].checksum = b->checksum = info.checksum;
        }
        b->stand = b->n;
}

void push_batch_done(struct push_batch *b, bool durable)
{
        if (!b)
                return;
        struct pushing *p = b->p;
        undo(b);
        if (durable && b->failed) /* no memory: nobody can be told what happened; all read everything */
                push_queue_start(&p->queue, b->checksum);
        for (size_t i = 0; i < b->n; i++)
                if (!durable || b->failed)
                        free(b->v[i].args);
                else
                        push_queue_add(&p->queue, &b->v[i]);
        const bool news = durable && b->n > 0;
        free(b->v);
        free(b);
        if (!news)
                return;
        pthread_mutex_lock(&p->mutex);
        p->look = true;
        pthread_cond_signal(&p->changed);
        for (unsigned i = 0; i < p->pushers; i++)
                if (p->pusher[i]->core.state == PUSH_STEP)
                        pusher_wake(p->pusher[i]);
        pthread_mutex_unlock(&p->mutex);
}
