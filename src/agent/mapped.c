#include "agent/mapped.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define CHUNK 1024u

struct range { /* start 0: free */
        _Atomic uintptr_t start;
        _Atomic size_t size;
};

/* Never given back: the handler walks over them without a lock. */
struct chunk {
        struct range v[CHUNK];
        struct chunk *_Atomic next;
};

static struct chunk first;
static pthread_mutex_t changing = PTHREAD_MUTEX_INITIALIZER;
static _Atomic unsigned *losses; /* in memory that copies of the process share */

/* Only system calls: it may have interrupted anything. Whole ranges, or a long file would take a mapping a
 * page. */
static bool replace(uintptr_t at)
{
        bool some = false;
        for (struct chunk *c = &first; c; c = atomic_load(&c->next))
                for (unsigned i = 0; i < CHUNK; i++) {
                        const uintptr_t start = atomic_load(&c->v[i].start);
                        const size_t size = atomic_load(&c->v[i].size);
                        if (start == 0 || at < start || at - start >= size)
                                continue;
                        atomic_fetch_add(losses, 1);                 /* before anybody reads zeros */
                        some |= mmap((void *)start, size, PROT_READ, /* NOLINT(performance-no-int-to-ptr) */
                                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1,
                                     0) != MAP_FAILED;
                }
        return some;
}

static void on_bus(int number, siginfo_t *info, void *context)
{
        const int before = errno;
        const bool touched = info->si_code > 0; /* not sent by somebody */
        (void)context;
        if (!touched || !replace((uintptr_t)info->si_addr)) {
                signal(number, SIG_DFL); /* touched again, it ends the process as ever */
                if (!touched)
                        raise(number);
        }
        errno = before;
}

bool mapped_guard(void)
{
        struct sigaction a = {.sa_sigaction = on_bus, .sa_flags = SA_SIGINFO};
        void *shared = mmap(NULL, sizeof(*losses), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (shared == MAP_FAILED)
                return false;
        losses = shared;
        sigemptyset(&a.sa_mask);
        return sigaction(SIGBUS, &a, NULL) == 0;
}

bool mapped_add(void *start, size_t size)
{
        struct chunk *c = &first;
        bool done = false;
        pthread_mutex_lock(&changing);
        while (!done) {
                for (unsigned i = 0; i < CHUNK && !done; i++) {
                        if (atomic_load(&c->v[i].start))
                                continue;
                        atomic_store(&c->v[i].size, size);
                        atomic_store(&c->v[i].start, (uintptr_t)start);
                        done = true;
                }
                struct chunk *next = atomic_load(&c->next);
                if (!done && !next) {
                        next = calloc(1, sizeof(*next));
                        if (!next)
                                break;
                        atomic_store(&c->next, next);
                }
                c = next;
        }
        pthread_mutex_unlock(&changing);
        return done;
}

void mapped_remove(void *start)
{
        pthread_mutex_lock(&changing);
        for (struct chunk *c = &first; c; c = atomic_load(&c->next))
                for (unsigned i = 0; i < CHUNK; i++)
                        if (atomic_load(&c->v[i].start) == (uintptr_t)start)
                                atomic_store(&c->v[i].start, 0);
        pthread_mutex_unlock(&changing);
}

unsigned mapped_losses(void)
{
        return losses ? atomic_load(losses) : 0;
}
