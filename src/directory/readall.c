/* READALL (protocol.md 5.5) in slices: every object, depth first, parents before children, children in order.
 */
#include "directory/internal.h"

#include "base/text.h"

#include <stdlib.h>

enum ni_status dir_readall_begin(struct dir_request *rq, uint32_t checksum, struct dir_readall *w)
{
        struct store_info info = {0};
        enum ni_status s = store_get_info(rq->txn, &info);
        *w = (struct dir_readall){.seq = info.seq, .done = true};
        if (s == NI_OK && rq->policy->clone) {
                bool present;
                const struct bytes v = dir_root_option(rq, "cloneReplyReadall", NULL, &present);
                if (!text_bool(v, false))
                        s = NI_NOTMASTER;
        }
        xdr_put_u32(rq->out, s);
        if (s != NI_OK)
                return s;
        const bool same = checksum == info.checksum;
        xdr_put_u32(rq->out, same ? 0 : info.checksum);
        xdr_put_u32(rq->out, info.highest);
        if (same)
                xdr_put_bool(rq->out, false); /* nothing to send: the empty list says so (decision 16) */
        w->done = same;
        w->directories = info.directories;
        return rq->out->failed ? NI_SYSTEMERR : NI_OK;
}

/* word 1, then the object with its properties and the numbers of its children. */
static enum ni_status put_object(struct dir_request *rq, const struct store_node *n)
{
        struct store_walk w;
        uint32_t count = 0;
        xdr_put_bool(rq->out, true);
        xdr_put_id(rq->out, n->id);
        dir_put_props(rq, n->props);
        xdr_put_u32(rq->out, n->parent);
        const size_t at = dir_count_open(rq->out);
        store_children(rq->txn, n->id.object, STORE_FROM_START, &w);
        for (; !rq->out->failed && store_next(&w); count++)
                xdr_put_u32(rq->out, w.child);
        store_end(&w);
        dir_count_close(rq->out, at, count);
        return rq->out->failed ? NI_SYSTEMERR : w.status;
}

static bool push(struct dir_readall *w, uint32_t object)
{
        if (w->depth == w->room) {
                const uint32_t room = w->room ? w->room * 2 : 16;
                uint32_t *stack = realloc(w->stack, room * sizeof(*stack));
                if (!stack)
                        return false;
                w->stack = stack;
                uint64_t *after = realloc(w->after, room * sizeof(*after));
                if (!after)
                        return false;
                w->after = after;
                w->room = room;
        }
        w->stack[w->depth] = object;
        w->after[w->depth++] = STORE_FROM_START;
        return true;
}

/* Sends one object and goes down into it when it has children. A child without record ends the walk: a
 * damaged domain is not handed on. More objects than there are would be a circle. */
static enum ni_status visit(struct dir_request *rq, struct dir_readall *w, uint32_t object, bool *ret_down)
{
        struct store_node n;
        enum ni_status s = store_get(rq->txn, object, &n);
        if (s != NI_OK || w->sent++ == w->directories)
                return NI_SYSTEMERR;
        *ret_down = n.child_count > 0;
        s = put_object(rq, &n);
        if (s == NI_OK && *ret_down && !push(w, object))
                s = NI_SYSTEMERR;
        return s;
}

/* The children of the directory on top of the stack, until one has children of its own, the slice is full, or
 * all are sent. */
static enum ni_status walk_top(struct dir_request *rq, struct dir_readall *w, size_t end)
{
        const uint32_t top = w->depth - 1;
        struct store_walk c;
        enum ni_status s = NI_OK;
        bool down = false, more = true;
        store_children(rq->txn, w->stack[top], w->after[top], &c);
        while (s == NI_OK && !down && rq->out->len < end && (more = store_next(&c))) {
                w->after[top] = c.ordinal;
                s = visit(rq, w, c.child, &down);
        }
        store_end(&c);
        if (!more)
                w->depth--;
        return s == NI_OK ? c.status : s;
}

enum ni_status dir_readall_next(struct dir_request *rq, struct dir_readall *w, size_t max_bytes)
{
        struct store_info info;
        enum ni_status s = store_get_info(rq->txn, &info);
        const size_t end = rq->out->len + max_bytes;
        bool down = true;
        if (s != NI_OK || w->done)
                return s;
        if (info.seq != w->seq)
                return NI_STALE;
        if (w->sent == 0) {
                s = visit(rq, w, 0, &down);
                w->done = s == NI_OK && !down;
        }
        while (s == NI_OK && !w->done && rq->out->len < end) {
                s = walk_top(rq, w, end);
                w->done = s == NI_OK && w->depth == 0;
        }
        if (w->done)
                xdr_put_bool(rq->out, false);
        return s == NI_OK && rq->out->failed ? NI_SYSTEMERR : s;
}

void dir_readall_end(struct dir_readall *w)
{
        free(w->stack);
        free(w->after);
        *w = (struct dir_readall){.done = true};
}
