#include "server/pool.h"

#include "base/limits.h"
#include "base/siphash.h"
#include "sys/random.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#define LANES 64u
#define NICE  5

struct pool_thread {
        struct pool *pool;
        pthread_t id;
        unsigned number;
};

struct lane { /* tasks of the sources that share it, in their order */
        struct task *first, *last;
        unsigned waiting;
        size_t bytes;
};

struct pool {
        pthread_mutex_t mutex;
        pthread_cond_t some;
        struct siphash_key key;  /* nobody can choose whose lane he shares */
        struct lane lane[LANES]; /* under the mutex, as all below */
        unsigned turn;           /* of the lane that was served last */
        unsigned waiting, most;
        size_t bytes;
        bool stopping;
        void *context;
        unsigned threads;
        struct pool_thread thread[];
};

/* The first task of the next lane that has one; NULL: none waits. */
static struct task *take(struct pool *p)
{
        for (unsigned i = 1; p->waiting && i <= LANES; i++) {
                struct lane *l = &p->lane[(p->turn + i) % LANES];
                struct task *t = l->first;
                if (!t)
                        continue;
                p->turn = (p->turn + i) % LANES;
                l->first = t->next;
                l->waiting--;
                l->bytes -= t->bytes;
                p->waiting--;
                p->bytes -= t->bytes;
                return t;
        }
        return NULL;
}

static void *work(void *argument)
{
        const struct pool_thread *self = argument;
        struct pool *p = self->pool;
        static const struct sched_param ordinary = {.sched_priority = 0};
        sched_setscheduler(0, SCHED_OTHER, &ordinary); /* of this thread alone, both; they may fail */
        setpriority(PRIO_PROCESS, (id_t)gettid(), NICE);
        pthread_mutex_lock(&p->mutex);
        for (;;) {
                struct task *t = take(p);
                if (!t) {
                        if (p->stopping)
                                break;
                        pthread_cond_wait(&p->some, &p->mutex);
                        continue;
                }
                pthread_mutex_unlock(&p->mutex);
                t->run(t, self->number, p->context);
                pthread_mutex_lock(&p->mutex);
        }
        pthread_mutex_unlock(&p->mutex);
        return NULL;
}

struct pool *pool_start(unsigned threads, unsigned most_waiting, void *context)
{
        uint8_t key[16];
        struct pool *p = calloc(1, sizeof(*p) + threads * sizeof(p->thread[0]));
        if (!p)
                return NULL;
        random_bytes(key, sizeof(key));
        p->key = siphash_key_from(key);
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
        struct lane *l = &p->lane[siphash13(p->key, &t->source, sizeof(t->source)) % LANES];
        pthread_mutex_lock(&p->mutex);
        const bool room = p->waiting < p->most && l->waiting < (p->most + 1) / 2 && !p->stopping &&
                          p->bytes + t->bytes <= LIMIT_POOL_BYTES &&
                          l->bytes + t->bytes <= LIMIT_POOL_BYTES / 2;
        if (room) {
                t->next = NULL;
                if (l->first)
                        l->last->next = t;
                else
                        l->first = t;
                l->last = t;
                l->waiting++;
                l->bytes += t->bytes;
                p->waiting++;
                p->bytes += t->bytes;
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
