#include "server/push_queue.h"

#include "base/limits.h"

#include <stdlib.h>
#include <string.h>

#define CALL_WEIGHT 64u /* bytes that a call costs beside its arguments */

void push_queue_init(struct push_queue *q)
{
        *q = (struct push_queue){.room = 0};
        pthread_mutex_init(&q->mutex, NULL);
}

static struct push_call *at(struct push_queue *q, uint64_t number)
{
        return &q->v[number & (q->room - 1)];
}

static void drop_oldest(struct push_queue *q)
{
        struct push_call *c = at(q, ++q->tail);
        q->bytes -= c->len + CALL_WEIGHT;
        q->tail_known = c->has_sum;
        q->tail_checksum = c->checksum;
        free(c->args);
        c->args = NULL;
}

static void empty(struct push_queue *q)
{
        while (q->tail < q->head)
                drop_oldest(q);
}

void push_queue_done(struct push_queue *q)
{
        empty(q);
        free(q->v);
        pthread_mutex_destroy(&q->mutex);
}

void push_queue_start(struct push_queue *q, uint32_t checksum)
{
        pthread_mutex_lock(&q->mutex);
        empty(q);
        q->checksum = q->tail_checksum = checksum;
        q->tail_known = true;
        pthread_mutex_unlock(&q->mutex);
}

static bool grow(struct push_queue *q)
{
        const size_t room = q->room ? q->room * 2 : 256;
        struct push_call *v = calloc(room, sizeof(*v));
        if (!v)
                return false;
        for (uint64_t n = q->tail + 1; n <= q->head; n++)
                v[n & (room - 1)] = *at(q, n);
        free(q->v);
        q->v = v;
        q->room = room;
        return true;
}

bool push_queue_add(struct push_queue *q, struct push_call *c)
{
        pthread_mutex_lock(&q->mutex);
        const bool fits = q->head - q->tail + 1 < q->room || grow(q);
        if (!fits) {
                free(c->args);
                empty(q);
                q->tail_known = c->has_sum;
                q->tail_checksum = c->checksum;
        } else {
                *at(q, ++q->head) = *c;
                q->bytes += c->len + CALL_WEIGHT;
                while (q->bytes > LIMIT_PUSH && q->tail < q->head)
                        drop_oldest(q);
        }
        if (c->has_sum)
                q->checksum = c->checksum;
        pthread_mutex_unlock(&q->mutex);
        return fits;
}

/* Two places may have the same checksum: then nobody knows which. */
bool push_queue_find(struct push_queue *q, uint32_t checksum, uint64_t *ret_at)
{
        unsigned found = 0;
        pthread_mutex_lock(&q->mutex);
        for (uint64_t n = q->head; n > q->tail && found < 2; n--)
                if (at(q, n)->has_sum && at(q, n)->checksum == checksum) {
                        *ret_at = n;
                        found++;
                }
        if (q->tail_known && q->tail_checksum == checksum) {
                *ret_at = q->tail;
                found++;
        }
        pthread_mutex_unlock(&q->mutex);
        return found == 1;
}

bool push_queue_get(struct push_queue *q, uint64_t number, struct push_call *ret)
{
        bool ok = false;
        pthread_mutex_lock(&q->mutex);
        if (number > q->tail && number <= q->head && !at(q, number)->is_break) {
                *ret = *at(q, number);
                ret->args = malloc(ret->len ? ret->len : 1);
                ok = ret->args != NULL;
                if (ok)
                        memcpy(ret->args, at(q, number)->args, ret->len);
        }
        pthread_mutex_unlock(&q->mutex);
        return ok;
}

void push_queue_ends(struct push_queue *q, uint64_t *ret_tail, uint64_t *ret_head, uint32_t *ret_checksum)
{
        pthread_mutex_lock(&q->mutex);
        *ret_tail = q->tail;
        *ret_head = q->head;
        *ret_checksum = q->checksum;
        pthread_mutex_unlock(&q->mutex);
}
