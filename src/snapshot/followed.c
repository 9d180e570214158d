#include "snapshot/followed.h"

#include "sys/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* The file, in the machine's own byte order like the images. */
struct words {
        char magic[8];
        uint64_t sequence; /* odd while the two below are being written */
        uint64_t epoch, seq;
};

static const char magic[8] = "NIFLWD\r\n";

struct followed {
        int fd;
        struct words *words;
};

static struct words *map(int fd, int protection)
{
        struct stat st;
        if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size != (off_t)sizeof(struct words))
                return NULL;
        void *p = mmap(NULL, sizeof(struct words), protection, MAP_SHARED, fd, 0);
        return p == MAP_FAILED ? NULL : p;
}

static int open_in(const char *folder, int flags)
{
        char path[PATH_MAX];
        const int n = snprintf(path, sizeof(path), "%s/" SNAP_FOLLOWED, folder);
        if (n < 0 || (size_t)n >= sizeof(path)) {
                errno = ENAMETOOLONG;
                return -1;
        }
        return open(path, flags | O_CLOEXEC | O_NOFOLLOW, 0644);
}

struct followed *followed_open(const char *folder)
{
        struct followed *f = calloc(1, sizeof(*f));
        if (!f)
                return NULL;
        f->fd = open_in(folder, O_RDWR | O_CREAT);
        if (f->fd >= 0 && flock(f->fd, LOCK_EX | LOCK_NB) == 0 && ftruncate(f->fd, sizeof(struct words)) == 0)
                f->words = map(f->fd, PROT_READ | PROT_WRITE);
        if (!f->words) {
                followed_close(f);
                return NULL;
        }
        __atomic_store_n(&f->words->sequence, 0, __ATOMIC_RELEASE); /* a writer may have died at an odd one */
        followed_set(f, 0, 0);
        memcpy(f->words->magic, magic, sizeof(magic));
        return f;
}

void followed_set(struct followed *f, uint64_t epoch, uint64_t seq)
{
        struct words *w = f->words;
        const uint64_t sequence = w->sequence;
        /* Release: whoever sees the new words also sees that the sequence was odd. */
        __atomic_store_n(&w->sequence, sequence + 1, __ATOMIC_RELAXED);
        __atomic_store_n(&w->epoch, epoch, __ATOMIC_RELEASE);
        __atomic_store_n(&w->seq, seq, __ATOMIC_RELEASE);
        __atomic_store_n(&w->sequence, sequence + 2, __ATOMIC_RELEASE);
}

void followed_close(struct followed *f)
{
        if (!f)
                return;
        if (f->words)
                munmap(f->words, sizeof(*f->words));
        if (f->fd >= 0)
                close(f->fd);
        free(f);
}

static bool read_words(const struct words *w, uint64_t *ret_epoch, uint64_t *ret_seq)
{
        const uint64_t before = __atomic_load_n(&w->sequence, __ATOMIC_ACQUIRE);
        *ret_epoch = __atomic_load_n(&w->epoch, __ATOMIC_ACQUIRE);
        *ret_seq = __atomic_load_n(&w->seq, __ATOMIC_ACQUIRE);
        return !(before & 1) && before == __atomic_load_n(&w->sequence, __ATOMIC_RELAXED);
}

/* Does a living process hold the lock? */
static bool is_held(int fd)
{
        if (flock(fd, LOCK_SH | LOCK_NB) < 0)
                return errno == EWOULDBLOCK;
        flock(fd, LOCK_UN);
        return false;
}

bool followed_look(const char *folder, struct followed_state *ret)
{
        const int fd = open_in(folder, O_RDONLY);
        struct words *w = fd >= 0 ? map(fd, PROT_READ) : NULL;
        const bool ours = w && memcmp(w->magic, magic, sizeof(magic)) == 0;
        if (ours) {
                *ret = (struct followed_state){.held = is_held(fd)};
                for (int tries = 0; tries < 1000 && !read_words(w, &ret->epoch, &ret->seq); tries++)
                        ;
        }
        if (w)
                munmap(w, sizeof(*w));
        if (fd >= 0)
                close(fd);
        return ours;
}

bool followed_wait(const char *folder, uint64_t epoch, uint64_t seq, unsigned most_ms)
{
        const uint64_t until = clock_mono_ms() + most_ms;
        const int fd = open_in(folder, O_RDONLY);
        struct words *w = fd >= 0 ? map(fd, PROT_READ) : NULL;
        bool there = false, hopeless = !w || memcmp(w->magic, magic, sizeof(magic)) != 0 || !is_held(fd);
        while (!there && !hopeless) {
                uint64_t now_epoch, now_seq;
                const struct timespec pause = {0, 500000};
                if (read_words(w, &now_epoch, &now_seq)) {
                        there = now_epoch == epoch && now_seq >= seq;
                        hopeless = now_epoch != epoch && now_epoch != 0; /* 0: it has only begun */
                }
                if (there || clock_mono_ms() >= until)
                        break;
                nanosleep(&pause, NULL);
        }
        if (w)
                munmap(w, sizeof(*w));
        if (fd >= 0)
                close(fd);
        return there;
}
