#include "server/withdrawn.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

struct withdrawn {
        pthread_mutex_t mutex;
        struct withdrawn_serial *v; /* in ascending order */
        unsigned n;
        _Atomic uint64_t generation;
};

struct withdrawn *withdrawn_new(void)
{
        struct withdrawn *w = calloc(1, sizeof(*w));
        if (!w)
                return NULL;
        pthread_mutex_init(&w->mutex, NULL);
        w->generation = 1;
        return w;
}

void withdrawn_free(struct withdrawn *w)
{
        if (!w)
                return;
        pthread_mutex_destroy(&w->mutex);
        free(w->v);
        free(w);
}

static int by_serial(const void *a, const void *b)
{
        return memcmp(a, b, sizeof(struct withdrawn_serial));
}

bool withdrawn_set(struct withdrawn *w, const struct withdrawn_serial *v, unsigned n)
{
        struct withdrawn_serial *copy = n ? malloc(n * sizeof(*copy)) : NULL;
        if (n && !copy)
                return false;
        if (n) {
                memcpy(copy, v, n * sizeof(*copy));
                qsort(copy, n, sizeof(*copy), by_serial);
        }
        pthread_mutex_lock(&w->mutex);
        struct withdrawn_serial *old = w->v;
        w->v = copy;
        w->n = n;
        w->generation++;
        pthread_mutex_unlock(&w->mutex);
        free(old);
        return true;
}

bool withdrawn_has(struct withdrawn *w, const uint8_t serial[TLS_SERIAL_SIZE])
{
        pthread_mutex_lock(&w->mutex);
        const bool has = w->n && bsearch(serial, w->v, w->n, sizeof(*w->v), by_serial);
        pthread_mutex_unlock(&w->mutex);
        return has;
}

uint64_t withdrawn_generation(const struct withdrawn *w)
{
        return w->generation;
}
