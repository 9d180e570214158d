#include "nss/guest.h"

#include <pthread.h>
#include <sys/mman.h>

/* Enumerations of one thread; on pages of its own, because a guest does not allocate from the host's heap,
 * and thread-local variables of a library that is loaded late do. */
struct walks {
        struct nss_walk of[SNAP_KINDS];
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static int key_error = EAGAIN;

static void end_of_thread(void *p)
{
        struct walks *w = p;
        for (unsigned k = 0; k < SNAP_KINDS; k++)
                snap_own_close(&w->of[k].own);
        munmap(w, sizeof(*w));
}

static void make_key(void)
{
        key_error = pthread_key_create(&key, end_of_thread);
}

/* NULL with an errno when there is none and `make` is false or making fails. */
static struct walks *walks_of_thread(bool make, int *ret_error)
{
        pthread_once(&once, make_key);
        *ret_error = key_error;
        if (key_error)
                return NULL;
        struct walks *w = pthread_getspecific(key);
        if (w || !make)
                return w;
        w = mmap(NULL, sizeof(*w), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (w == MAP_FAILED) {
                *ret_error = errno;
                return NULL;
        }
        *ret_error = pthread_setspecific(key, w);
        if (!*ret_error)
                return w;
        munmap(w, sizeof(*w));
        return NULL;
}

struct nss_walk *nss_walk(enum snap_kind kind, int *errnop)
{
        const int saved = errno;
        int err;
        struct walks *w = walks_of_thread(true, &err);
        if (w && !w->of[kind].own.pair.base.base) {
                err = snap_own_open(kind, &w->of[kind].own);
                w->of[kind].position = 0;
                if (err)
                        w = NULL;
        }
        errno = saved;
        if (w)
                return &w->of[kind];
        *errnop = err;
        return NULL;
}

void nss_walk_end(enum snap_kind kind)
{
        int err;
        struct walks *w = walks_of_thread(false, &err);
        if (w)
                snap_own_close(&w->of[kind].own);
}

enum nss_status nss_walk_begin(enum snap_kind kind)
{
        int err;
        nss_walk_end(kind);
        return nss_walk(kind, &err) ? NSS_STATUS_SUCCESS : NSS_STATUS_UNAVAIL;
}
