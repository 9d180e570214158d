#include "server/pool.h"

#include <pthread.h>
#include <stdlib.h>

struct pool_thread {
        struct pool *pool;
        pthread_t id;
        unsigned number;
};

struct pool {
        pthread_mutex_t mutex;
        pthread_cond_t some;
        struct task *first, *last; /* under the mutex, as all below */
        unsigned waiting, most;
        bool stopping;
        void *context;
        unsigned threads;
        struct pool_thread thread[];
};

static void *work(void *argument)
{
        const struct pool_thread *self = argument;
        struct pool *p = self->pool;
        pthread_mutex_lock(&p->mutex);
        for (;;) {
                struct task *t = p->first;
                if (!t) {
                        if (p->stopping)
                                break;
                        pthread_cond_wait(&p->some, &p->mutex);
                        continue;
                }
                p->first = t->next;
                p->waiting--;
                pthread_mutex_unlock(&p->mutex);
                t->run(t, self->number, p->context);
                pthread_mutex_lock(&p->mutex);
        }
        pthread_mutex_unlock(&p->mutex);
        return NULL;
}

struct pool *pool_start(unsigned threads, unsigned most_waiting, void *context)
{
        struct pool *p = calloc(1, sizeof(*p) + threads * sizeof(p->thread[0]));
        if (!p)
                return NULL;
        pthread_mutex_init(&p->mutex, NULL);
        pthread_cond_init(&p->some, NULL);
        p->most = most_waiting;
        p->context = context;
        for (unsigned i = 0; i < threads; i++) {
                p->thread[i] = (struct pool_thread){.pool = p, .number = i};
                if (pthread_create(&p->thread[i].id, NULL, work, &p->thread[i]) != 0) {
                        pool_stop(p);
                        return NULL;
                }
                p->threads++;
        }
        return p;
}

bool pool_submit(struct pool *p, struct task *t)
{
        pthread_mutex_lock(&p->mutex);
        const bool room = p->waiting < p->most && !p->stopping;
        if (room) {
                t->next = NULL;
                if (p->first)
                        p->last->next = t;
                else
                        p->first = t;
                p->last = t;
                p->waiting++;
                pthread_cond_signal(&p->some);
        }
        pthread_mutex_unlock(&p->mutex);
        return room;
}

void pool_stop(struct pool *p)
{
        if (!p)
                return;
        pthread_mutex_lock(&p->mutex);
        p->stopping = true;
        pthread_cond_broadcast(&p->some);
        pthread_mutex_unlock(&p->mutex);
        for (unsigned i = 0; i < p->threads; i++)
                pthread_join(p->thread[i].id, NULL);
        pthread_cond_destroy(&p->some);
        pthread_mutex_destroy(&p->mutex);
        free(p);
}
