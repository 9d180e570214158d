#include "snapshot/live.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define RANGE_LEAST (256u << 10) /* bytes: the first range of a small map; it grows by doubling */
#define PLACES      96u  /* 3 maps x 2 x 16 doublings reach 8 GiB; after that each lookup maps for itself */
#define OPEN_TRIES  8u   /* generations that may pass between reading the word and opening the image */
#define FOLDER_ROOM 512u /* bytes of a folder's name: threads with small stacks ask, too */
#define PATH_ROOM   (FOLDER_ROOM + 32u) /* "/passwd." and 20 digits */

struct snap_live snap_live;

/* Touched only under the guard. */
static struct {
        int holder; /* atomic: pid of the process whose thread renews, 0: nobody */
        struct snap_place places[PLACES];
        unsigned used;
        struct snap_place *spare[SNAP_KINDS];
} renew;

/* The value of SNAP_VARIABLE, kept at its first reading so that later changes of the environment cannot race
 * with us. */
static struct {
        const char *folder; /* atomic; NULL: not read yet; "": not set */
        char text[FOLDER_ROOM];
} chosen;

/* -- files
 * ---------------------------------------------------------------------------------------------------------
 */
static const char *const map_names[SNAP_KINDS] = {"passwd", "group", "shadow"};

/* FOLDER/NAME[.GENERATION] without stdio. False when it is too long. */
static bool make_path(char out[PATH_ROOM], const char *folder, const char *name, uint64_t generation)
{
        char digits[21];
        size_t d = sizeof(digits), at = 0;
        digits[--d] = '\0';
        for (uint64_t g = generation; g; g /= 10)
                digits[--d] = (char)('0' + g % 10);
        const char *const parts[] = {folder, "/", name, generation ? "." : "", digits + d};
        for (unsigned i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
                const size_t n = strlen(parts[i]);
                if (n >= PATH_ROOM - at)
                        return false;
                memcpy(out + at, parts[i], n);
                at += n;
        }
        out[at] = '\0';
        return true;
}

/* Opens a file that we may trust: regular, of root or of us, not writable by others (doc/snapshot-format.md
 * 1). 0 or errno. */
static int open_trusted(const char *path, int *ret_fd, struct stat *ret_st)
{
        const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
        if (fd < 0)
                return errno;
        if (fstat(fd, ret_st) < 0 || !S_ISREG(ret_st->st_mode) || (ret_st->st_mode & (S_IWGRP | S_IWOTH)) ||
            (ret_st->st_uid != 0 && ret_st->st_uid != geteuid())) {
                close(fd);
                return EBADMSG;
        }
        *ret_fd = fd;
        return 0;
}

static const struct snap_control *open_control(const char *folder, int *ret_error)
{
        char path[PATH_ROOM];
        struct stat st;
        int fd;
        if (!make_path(path, folder, SNAP_CONTROL, 0)) {
                *ret_error = ENAMETOOLONG;
                return NULL;
        }
        const int err = open_trusted(path, &fd, &st);
        if (err) {
                *ret_error = err;
                return NULL;
        }
        const struct snap_control *c = MAP_FAILED;
        if (st.st_size == (off_t)sizeof(*c))
                c = mmap(NULL, sizeof(*c), PROT_READ, MAP_SHARED, fd, 0);
        close(fd);
        if (c == MAP_FAILED) {
                *ret_error = EBADMSG;
                return NULL;
        }
        if (memcmp(c->magic, SNAP_CONTROL_MAGIC, sizeof(c->magic)) != 0 || c->version != SNAP_VERSION ||
            c->byte_order != SNAP_BYTE_ORDER ||
            __atomic_load_n(&c->generation, __ATOMIC_ACQUIRE) == SNAP_GENERATION_MOVED) {
                munmap((void *)(uintptr_t)c, sizeof(*c));
                *ret_error = EBADMSG;
                return NULL;
        }
        return c;
}

static void read_variable(char out[FOLDER_ROOM])
{
        const char *set = secure_getenv(SNAP_VARIABLE);
        if (!set)
                set = "";
        if (strlen(set) >= FOLDER_ROOM)
                set = "/dev/null"; /* not a folder: who names one that we cannot use does not get another one
                                      instead */
        memcpy(out, set, strlen(set) + 1);
}

/* Folder i of the order in doc/snapshot-format.md 1; NULL behind the last. */
static const char *folder_choice(unsigned i, char kept[FOLDER_ROOM])
{
        const char *set = __atomic_load_n(&chosen.folder, __ATOMIC_ACQUIRE);
        if (!set) {
                read_variable(kept);
                set = kept;
        }
        if (set[0])
                return i == 0 ? set : NULL;
        return i == 0 ? SNAP_LIVE : i == 1 ? SNAP_DURABLE : NULL;
}

/* The first folder with a control file we can use. 0 or the errno of the first one. */
static int find_control(const struct snap_control **ret_control, const char **ret_folder,
                        char kept[FOLDER_ROOM])
{
        int first = 0;
        const char *folder;
        for (unsigned i = 0; (folder = folder_choice(i, kept)); i++) {
                int err = 0;
                const struct snap_control *c = open_control(folder, &err);
                if (c) {
                        *ret_control = c;
                        *ret_folder = folder;
                        return 0;
                }
                if (!first)
                        first = err;
        }
        return first;
}

/* Opens the image of the current generation. 0 or errno. */
static int open_image(const struct snap_control *control, const char *folder, enum snap_kind kind,
                      int *ret_fd, struct stat *ret_st, uint64_t *ret_generation)
{
        char path[PATH_ROOM];
        uint64_t g = __atomic_load_n(&control->generation, __ATOMIC_ACQUIRE);
        for (unsigned tries = 0;; tries++) {
                if (g == SNAP_GENERATION_NONE || g == SNAP_GENERATION_MOVED)
                        return ENOENT;
                if (!make_path(path, folder, map_names[kind], g))
                        return ENAMETOOLONG;
                const int err = open_trusted(path, ret_fd, ret_st);
                if (!err) {
                        *ret_generation = g;
                        return 0;
                }
                const uint64_t now = __atomic_load_n(&control->generation, __ATOMIC_ACQUIRE);
                if (err != ENOENT || now == g || tries == OPEN_TRIES)
                        return err;
                g = now;
        }
}

/* -- mappings of one's own
 * ----------------------------------------------------------------------------------------- */
static int own_open(enum snap_kind kind, struct snap_own *ret_own)
{
        const struct snap_control *c = NULL;
        const char *folder = NULL;
        char kept[FOLDER_ROOM];
        struct stat st;
        uint64_t g;
        int fd, err = find_control(&c, &folder, kept);
        if (err)
                return err;
        err = open_image(c, folder, kind, &fd, &st, &g);
        munmap((void *)(uintptr_t)c, sizeof(*c));
        if (err)
                return err;
        const size_t size = st.st_size < (off_t)sizeof(struct snap_header) ? 0 : (size_t)st.st_size;
        void *base = size ? mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0) : MAP_FAILED;
        err = size ? errno : EBADMSG;
        close(fd);
        if (base == MAP_FAILED)
                return err;
        err = snap_image_open(base, size, kind, &ret_own->image);
        if (err)
                munmap(base, size);
        return err;
}

/* Runs f with errno and cancellation kept as they are: open() is a cancellation point, and we hold things. */
static int politely(int (*f)(enum snap_kind, void *), enum snap_kind kind, void *ret)
{
        const int saved = errno;
        int state;
        pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
        const int err = f(kind, ret);
        pthread_setcancelstate(state, NULL);
        errno = saved;
        return err;
}

static int polite_own_open(enum snap_kind kind, void *ret)
{
        return own_open(kind, ret);
}

int snap_own_open(enum snap_kind kind, struct snap_own *ret_own)
{
        return politely(polite_own_open, kind, ret_own);
}

void snap_own_close(struct snap_own *own)
{
        const int saved = errno;
        if (own->image.base)
                munmap((void *)(uintptr_t)own->image.base, own->image.size);
        own->image.base = NULL;
        errno = saved;
}

/* -- places
 * -------------------------------------------------------------------------------------------------------- */
static uint64_t round_up(uint64_t n, uint64_t to)
{
        return (n + to - 1) / to * to;
}

/* mmap over what is there. ThreadSanitizer would take it for a write that races with readers; that they
 * notice is the whole point, so the call goes past its interceptor. */
static bool map_over(uint8_t *at, uint64_t size, int flags, int fd)
{
        return syscall(SYS_mmap, at, (size_t)size, PROT_READ, flags | MAP_FIXED, fd, (long)0) ==
               (long)(intptr_t)at;
}

static bool cover(uint8_t *from, uint64_t size)
{
        return size == 0 || map_over(from, size, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1);
}

/* From here to place_ready every reader of this place starts again. */
static void place_change(struct snap_place *p)
{
        const uint64_t s = __atomic_load_n(&p->sequence, __ATOMIC_RELAXED);
        __atomic_store_n(&p->sequence, s | 1, __ATOMIC_SEQ_CST);
#ifndef __SANITIZE_THREAD__
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
#endif
}

static void place_ready(struct snap_place *p, const struct snap_image *image, uint64_t generation)
{
        uint64_t words[8];
        memcpy(words, image, sizeof(words));
        for (unsigned i = 0; i < 8; i++)
                __atomic_store_n(&p->words[i], words[i], __ATOMIC_RELAXED);
        __atomic_store_n(&p->generation, generation, __ATOMIC_RELAXED);
        __atomic_store_n(&p->sequence, (p->sequence | 1) + 1, __ATOMIC_RELEASE);
}

/* An unused place that holds size bytes; the one we had if it is large enough. */
static int place_for(enum snap_kind kind, uint64_t size, struct snap_place **ret_place)
{
        struct snap_place *p = renew.spare[kind];
        if (p && p->range >= size) {
                *ret_place = p;
                return 0;
        }
        uint64_t range = RANGE_LEAST;
        while (range < size)
                range *= 2;
        if (renew.used == PLACES)
                return ENOMEM;
        /* PROT_NONE: costs no memory even under mlockall. The part that was ever mapped stays readable
         * (cover). */
        void *base = mmap(NULL, range, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (base == MAP_FAILED)
                return errno;
        p = &renew.places[renew.used++];
        p->base = base;
        p->range = range;
        p->sequence = 1;
        renew.spare[kind] = p;
        *ret_place = p;
        return 0;
}

/* Maps the file over the place and makes it readable. 0 or errno; then the place is empty pages. */
static int place_fill(struct snap_place *p, enum snap_kind kind, int fd, const struct stat *st,
                      uint64_t generation)
{
        const uint64_t size = (uint64_t)st->st_size;
        const long page = sysconf(_SC_PAGESIZE);
        const uint64_t pages = round_up(size, (uint64_t)page);
        struct snap_image image;
        int err = 0;
        place_change(p);
        if (!map_over(p->base, size, MAP_SHARED, fd))
                return errno;
        if (p->mapped > pages && !cover(p->base + pages, p->mapped - pages))
                err = errno;
        if (p->mapped < pages)
                p->mapped = pages;
        if (!err)
                err = snap_image_open(p->base, size, kind, &image);
        if (err) {
                cover(p->base, p->mapped);
                return err;
        }
        p->device = (uint64_t)st->st_dev;
        p->inode = (uint64_t)st->st_ino;
        place_ready(p, &image, generation);
        return 0;
}

/* Covers the place that was current. */
static void place_retire(struct snap_place *p)
{
        place_change(p);
        cover(p->base, p->mapped);
}

/* -- renewing, under the guard
 * ------------------------------------------------------------------------------------- */
static bool guard_take(void)
{
        const int self = getpid();
        int seen = __atomic_load_n(&renew.holder, __ATOMIC_RELAXED);
        /* Another pid is a leftover: we are a child that was forked while a thread of the parent was at it.
         */
        return seen != self && __atomic_compare_exchange_n(&renew.holder, &seen, self, false,
                                                           __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

static void guard_give(void)
{
        __atomic_store_n(&renew.holder, 0, __ATOMIC_RELEASE);
}

static const char *live_folder; /* where snap_live.control lies; under the guard */

/* The control file, mapped; again when the one we had was replaced (its old page stays mapped: a reader may
 * be at it). 0 or errno. */
static int renew_control(void)
{
        const struct snap_control *c = snap_live.control;
        char unused[FOLDER_ROOM];
        if (c && __atomic_load_n(&c->generation, __ATOMIC_ACQUIRE) != SNAP_GENERATION_MOVED)
                return 0;
        if (!chosen.folder) {
                read_variable(chosen.text);
                __atomic_store_n(&chosen.folder, chosen.text, __ATOMIC_RELEASE);
        }
        const int err = find_control(&c, &live_folder, unused);
        if (err)
                return err;
        for (unsigned k = 0; k < SNAP_KINDS; k++) /* the same number in another folder is another image */
                if (snap_live.current[k])
                        __atomic_store_n(&snap_live.current[k]->generation, SNAP_GENERATION_NONE,
                                         __ATOMIC_RELAXED);
        __atomic_store_n(&snap_live.control, c, __ATOMIC_RELEASE);
        return 0;
}

static int renew_map(enum snap_kind kind)
{
        struct snap_place *old = snap_live.current[kind], *p = NULL;
        struct stat st;
        uint64_t generation;
        int fd, err = renew_control();
        if (err)
                return err;
        if (old && old->generation == __atomic_load_n(&snap_live.control->generation, __ATOMIC_ACQUIRE))
                return 0; /* somebody was faster */
        err = open_image(snap_live.control, live_folder, kind, &fd, &st, &generation);
        if (err)
                return err;
        if (old && old->device == (uint64_t)st.st_dev && old->inode == (uint64_t)st.st_ino) {
                __atomic_store_n(&old->generation, generation,
                                 __ATOMIC_RELAXED); /* unchanged map: the same file */
                close(fd);
                return 0;
        }
        err = st.st_size < (off_t)sizeof(struct snap_header) || (uint64_t)st.st_size > SNAP_SIZE_MAX ? EBADMSG
                                                                                                     : 0;
        if (!err)
                err = place_for(kind, (uint64_t)st.st_size, &p);
        if (!err)
                err = place_fill(p, kind, fd, &st, generation);
        close(fd);
        if (err)
                return err;
        /* In this order, so that a child forked between two of these lines never takes its current place for
         * the spare one. */
        __atomic_store_n(&renew.spare[kind], NULL, __ATOMIC_RELEASE);
        __atomic_store_n(&snap_live.current[kind], p, __ATOMIC_RELEASE);
        __atomic_store_n(&renew.spare[kind], old, __ATOMIC_RELEASE);
        if (old)
                place_retire(old);
        return 0;
}

static int pin_slowly(enum snap_kind kind, void *ret)
{
        struct snap_pin *pin = ret;
        *pin = (struct snap_pin){0};
        struct snap_own own;
        int err = 0;
        if (guard_take()) {
                err = renew_map(kind);
                guard_give();
        }
        /* Current, or the newest we have: a new image that cannot be opened leaves the process its old
         * answers. */
        for (unsigned turn = 0;
             turn < SNAP_TURNS && __atomic_load_n(&snap_live.current[kind], __ATOMIC_ACQUIRE); turn++)
                if (snap_pin_current(kind, SNAP_NEEDS_NAMES | SNAP_NEEDS_NUMBERS | SNAP_NEEDS_MEMBERS, pin))
                        return 0;
        if (err)
                return err;
        err = own_open(kind, &own); /* somebody else is mapping the very first one */
        if (err)
                return err;
        pin->image = own.image;
        pin->place = NULL;
        return 0;
}

int snap_pin_slowly(enum snap_kind kind, struct snap_pin *ret_pin)
{
        return politely(pin_slowly, kind, ret_pin);
}
