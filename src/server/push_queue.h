/* The calls that historical clones have to execute, in order, each with the checksum after it
 * (doc/replication.md 6). Bounded; the oldest go when it is full. Thread-safe. */
#ifndef NETINFO_SERVER_PUSH_QUEUE_H
#define NETINFO_SERVER_PUSH_QUEUE_H

#include "wire/ni.h"

#include <pthread.h>

struct push_call {
        uint32_t proc;
        bool is_break; /* what no call of version 2 can say: a clone reads everything instead */
        bool has_sum;  /* `checksum` is that of the domain after it */
        uint32_t checksum;
        uint32_t len;
        uint8_t *args; /* encoded; malloc'ed */
};

struct push_queue {
        pthread_mutex_t mutex;
        struct push_call *v; /* a ring of `room`, a power of two */
        size_t room, bytes;
        uint64_t tail, head; /* calls tail + 1 .. head are here */
        uint32_t checksum;   /* after `head` */
        bool tail_known;     /* tail_checksum is that of the place `tail` */
        uint32_t tail_checksum;
};

void push_queue_init(struct push_queue *q);
void push_queue_done(struct push_queue *q);
/* The checksum of the domain now, with nothing queued. */
void push_queue_start(struct push_queue *q, uint32_t checksum);
/* Takes over c->args. False: no memory; then the queue is emptied, and every clone reads everything. */
bool push_queue_add(struct push_queue *q, struct push_call *c);
/* The place (number of the call before it) whose checksum this is, if exactly one has it. */
bool push_queue_find(struct push_queue *q, uint32_t checksum, uint64_t *ret_at);
/* A copy of one call (its args too). False: it is no longer there, or is a break. */
bool push_queue_get(struct push_queue *q, uint64_t number, struct push_call *ret);
/* tail, head, and the checksum after head. */
void push_queue_ends(struct push_queue *q, uint64_t *ret_tail, uint64_t *ret_head, uint32_t *ret_checksum);

#endif
