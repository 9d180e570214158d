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
#define PLACES                                                                                            \
        204u /* 3 x 2 x 16 doublings reach 8 GiB, 9 x 2 x 6 (map images) 8 MiB at least; the rest goes to \
                whoever needs it; after that each lookup maps for itself */
#define RANGES      42u  /* of deltas: 3 maps x 2 x 7 doublings reach SNAP_DELTA_MAX */
#define OPEN_TRIES  8u   /* generations that may pass between reading the word and opening the image */
#define FOLDER_ROOM 512u /* bytes of a folder's name: threads with small stacks ask, too */
#define PATH_ROOM   (FOLDER_ROOM + 40u) /* "/passwd.", 20 digits and ".base" */

struct snap_live snap_live;

/* Touched only under the guard. */
static struct {
        int holder; /* atomic: pid of the process whose thread renews, 0: nobody */
        struct snap_place places[PLACES];
        unsigned used;
        struct snap_place *spare[SNAP_KINDS];
        struct snap_range ranges[RANGES]; /* of deltas */
        unsigned ranges_used;
        struct snap_range
                *slots[SNAP_ACCOUNTS][2]; /* the current delta, if there is one, lies in one of them */
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
static const char *const map_names[SNAP_KINDS] = {"passwd",   "group",    "shadow",    "hosts",
                                                  "networks", "services", "protocols", "rpc",
                                                  "ethers",   "netgroup", "aliases",   "gshadow"};

/* FOLDER/NAME[.GENERATION][END] without stdio. False when it is too long. */
static bool make_path(char out[PATH_ROOM], const char *folder, const char *name, uint64_t generation,
                      const char *end)
{
        char digits[21];
        size_t d = sizeof(digits), at = 0;
        digits[--d] = '\0';
        for (uint64_t g = generation; g; g /= 10)
                digits[--d] = (char)('0' + g % 10);
        const char *const parts[] = {folder, "/", name, generation ? "." : "", digits + d, end};
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
        if (!make_path(path, folder, SNAP_CONTROL, 0, "")) {
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

/* The open files of one map and generation. */
struct files {
        uint64_t generation;
        int fd, delta_fd; /* delta_fd -1: a whole image */
        struct stat st, delta_st;
};

static void files_close(const struct files *f)
{
        close(f->fd);
        if (f->delta_fd >= 0)
                close(f->delta_fd);
}

static bool size_fits(const struct stat *st, uint64_t most)
{
        return st->st_size >= (off_t)sizeof(struct snap_header) && (uint64_t)st->st_size <= most;
}

/* The image of a generation, and its base when it says that it is a delta. 0 or errno. */
static int open_files(const char *folder, enum snap_kind kind, uint64_t generation, struct files *ret)
{
        char path[PATH_ROOM];
        struct snap_header h;
        *ret = (struct files){.generation = generation, .delta_fd = -1};
        if (!make_path(path, folder, map_names[kind], generation, ""))
                return ENAMETOOLONG;
        int err = open_trusted(path, &ret->fd, &ret->st);
        if (err)
                return err;
        if (kind < SNAP_ACCOUNTS && /* there is no delta of a map image: what says it is one is refused as
                                       damaged */
            pread(ret->fd, &h, sizeof(h), 0) == (ssize_t)sizeof(h) && snap_is_delta(&h, sizeof(h))) {
                ret->delta_fd = ret->fd;
                ret->delta_st = ret->st;
                if (!make_path(path, folder, map_names[kind], generation, SNAP_BASE))
                        err = ENAMETOOLONG;
                else
                        err = open_trusted(path, &ret->fd, &ret->st);
                if (err)
                        close(ret->delta_fd);
        }
        if (!err && (!size_fits(&ret->st, SNAP_SIZE_MAX) ||
                     (ret->delta_fd >= 0 && !size_fits(&ret->delta_st, SNAP_DELTA_MAX)))) {
                files_close(ret);
                err = EBADMSG;
        }
        return err;
}

/* Those of the current generation. 0 or errno. */
static int open_current(const struct snap_control *control, const char *folder, enum snap_kind kind,
                        struct files *ret)
{
        uint64_t g = __atomic_load_n(&control->generation, __ATOMIC_ACQUIRE);
        for (unsigned tries = 0;; tries++) {
                if (g == SNAP_GENERATION_NONE || g == SNAP_GENERATION_MOVED)
                        return ENOENT;
                const int err = open_files(folder, kind, g, ret);
                const uint64_t now = __atomic_load_n(&control->generation, __ATOMIC_ACQUIRE);
                if (err != ENOENT || now == g || tries == OPEN_TRIES)
                        return err;
                g = now;
        }
}

/* -- mappings of one's own
 * ----------------------------------------------------------------------------------------- */
static int own_map(int fd, const struct stat *st, void **ret)
{
        *ret = mmap(NULL, (size_t)st->st_size, PROT_READ, MAP_SHARED, fd, 0);
        return *ret == MAP_FAILED ? errno : 0;
}

static int own_open_files(enum snap_kind kind, const struct files *f, struct snap_own *ret_own)
{
        void *base, *delta = NULL;
        int err = own_map(f->fd, &f->st, &base);
        if (err)
                return err;
        if (f->delta_fd >= 0)
                err = own_map(f->delta_fd, &f->delta_st, &delta);
        if (err) {
                munmap(base, (size_t)f->st.st_size);
                return err;
        }
        ret_own->pair = (struct snap_pair){.base = {.base = NULL}};
        err = snap_image_open(base, (uint64_t)f->st.st_size, kind, &ret_own->pair.base);
        if (!err && delta)
                err = snap_delta_open(delta, (uint64_t)f->delta_st.st_size, kind, base, &ret_own->pair.delta);
        if (err) {
                ret_own->pair.base.base = NULL;
                munmap(base, (size_t)f->st.st_size);
                if (delta)
                        munmap(delta, (size_t)f->delta_st.st_size);
        }
        return err;
}

static int own_open(enum snap_kind kind, struct snap_own *ret_own)
{
        const struct snap_control *c = NULL;
        const char *folder = NULL;
        char kept[FOLDER_ROOM];
        struct files f;
        int err = find_control(&c, &folder, kept);
        if (err)
                return err;
        err = open_current(c, folder, kind, &f);
        munmap((void *)(uintptr_t)c, sizeof(*c));
        if (err)
                return err;
        err = own_open_files(kind, &f, ret_own);
        files_close(&f);
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
        const struct snap_image *const images[] = {&own->pair.base, &own->pair.delta};
        for (unsigned i = 0; i < 2; i++)
                if (images[i]->base)
                        munmap((void *)(uintptr_t)images[i]->base, images[i]->size);
        own->pair = (struct snap_pair){.base = {.base = NULL}};
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

static void store_image(uint64_t to[SNAP_IMAGE_WORDS], const struct snap_image *image)
{
        uint64_t words[SNAP_IMAGE_WORDS] = {0};
        if (image)
                memcpy(words, image, sizeof(words));
        for (unsigned i = 0; i < SNAP_IMAGE_WORDS; i++)
                __atomic_store_n(&to[i], words[i], __ATOMIC_RELAXED);
}

static void load_image(const uint64_t from[SNAP_IMAGE_WORDS], struct snap_image *ret)
{
        uint64_t words[SNAP_IMAGE_WORDS];
        for (unsigned i = 0; i < SNAP_IMAGE_WORDS; i++)
                words[i] = __atomic_load_n(&from[i], __ATOMIC_RELAXED);
        memcpy(ret, words, sizeof(words));
}

/* image NULL: the one it has. delta NULL: none. */
static void place_ready(struct snap_place *p, const struct snap_image *image, const struct snap_image *delta,
                        uint64_t generation)
{
        if (image)
                store_image(p->words, image);
        store_image(p->delta, delta);
        __atomic_store_n(&p->generation, generation, __ATOMIC_RELAXED);
        __atomic_store_n(&p->sequence, (p->sequence | 1) + 1, __ATOMIC_RELEASE);
}

/* Is the place one that readers can use? Not when a thread was at it that a fork left behind. */
static bool place_is_ready(const struct snap_place *p)
{
        return p && !(__atomic_load_n(&p->sequence, __ATOMIC_ACQUIRE) & 1);
}

/* Reserves addresses for size bytes. PROT_NONE: costs no memory even under mlockall. The part that was ever
 * mapped stays readable (cover). 0 or errno. */
static int range_reserve(struct snap_range *r, uint64_t size)
{
        uint64_t range = RANGE_LEAST;
        while (range < size)
                range *= 2;
        void *base = mmap(NULL, range, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (base == MAP_FAILED)
                return errno;
        *r = (struct snap_range){.base = base, .range = range};
        return 0;
}

/* Maps the file over the range. 0 or errno. */
static int range_fill(struct snap_range *r, int fd, const struct stat *st)
{
        const uint64_t size = (uint64_t)st->st_size;
        const long page = sysconf(_SC_PAGESIZE);
        const uint64_t pages = round_up(size, (uint64_t)page), before = r->mapped;
        if (!map_over(r->base, size, MAP_SHARED, fd))
                return errno;
        if (r->mapped < pages)
                r->mapped = pages;
        r->device = (uint64_t)st->st_dev;
        r->inode = (uint64_t)st->st_ino;
        return before > pages && !cover(r->base + pages, before - pages) ? errno : 0;
}

static void range_empty(struct snap_range *r)
{
        cover(r->base, r->mapped);
        r->device = r->inode = 0;
}

static bool range_holds(const struct snap_range *r, const struct stat *st)
{
        return r && r->device == (uint64_t)st->st_dev && r->inode == (uint64_t)st->st_ino;
}

/* An unused place that holds size bytes; the one we had if it is large enough. */
static int place_for(enum snap_kind kind, uint64_t size, struct snap_place **ret_place)
{
        struct snap_place *p = renew.spare[kind];
        if (!p || p->range.range < size) {
                if (renew.used == PLACES)
                        return ENOMEM;
                p = &renew.places[renew.used];
                const int err = range_reserve(&p->range, size);
                if (err)
                        return err;
                renew.used++;
                p->sequence = 1;
                renew.spare[kind] = p;
        }
        *ret_place = p;
        return 0;
}

/* The range of the current delta; NULL: there is none, or it is not known. What the place says counts, so
 * that a child that was forked while a thread was at it is not mistaken. */
static struct snap_range *delta_in_use(enum snap_kind kind)
{
        const struct snap_place *p = snap_live.current[kind];
        if (kind >= SNAP_ACCOUNTS || !place_is_ready(p))
                return NULL;
        for (unsigned i = 0; i < 2; i++) {
                struct snap_range *r = renew.slots[kind][i];
                if (r && (uint64_t)(uintptr_t)r->base == p->delta[0])
                        return r;
        }
        return NULL;
}

static int range_for(enum snap_kind kind, uint64_t size, struct snap_range **ret_range)
{
        const struct snap_range *const used = delta_in_use(kind);
        struct snap_range **slot = &renew.slots[kind][used && used == renew.slots[kind][0]];
        struct snap_range *r = *slot;
        if (!r || r->range < size) {
                if (renew.ranges_used == RANGES)
                        return ENOMEM;
                r = &renew.ranges[renew.ranges_used];
                const int err = range_reserve(r, size);
                if (err)
                        return err;
                renew.ranges_used++;
                __atomic_store_n(slot, r, __ATOMIC_RELEASE);
        }
        *ret_range = r;
        return 0;
}

/* Maps the base of the generation into the spare place. 0 or errno; then the place is empty pages. */
static int place_fill(enum snap_kind kind, const struct files *f, struct snap_place **ret_place,
                      struct snap_image *ret_image)
{
        struct snap_place *p;
        int err = place_for(kind, (uint64_t)f->st.st_size, &p);
        if (err)
                return err;
        place_change(p);
        err = range_fill(&p->range, f->fd, &f->st);
        if (!err)
                err = snap_image_open(p->range.base, (uint64_t)f->st.st_size, kind, ret_image);
        if (err)
                range_empty(&p->range);
        else
                *ret_place = p;
        return err;
}

/* The same for its delta, into the spare range. */
static int delta_fill(enum snap_kind kind, const struct files *f, const uint8_t *base,
                      struct snap_range **ret_range, struct snap_image *ret_image)
{
        struct snap_range *r;
        int err = range_for(kind, (uint64_t)f->delta_st.st_size, &r);
        if (err)
                return err;
        err = range_fill(r, f->delta_fd, &f->delta_st);
        if (!err)
                err = snap_delta_open(r->base, (uint64_t)f->delta_st.st_size, kind, base, ret_image);
        if (err)
                range_empty(r);
        else
                *ret_range = r;
        return err;
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

/* Puts the delta beside the base it has, or the new place in front of the old one. In this order, so that a
 * child forked between two of these lines never takes what is current for what is spare. */
static void renew_switch(enum snap_kind kind, struct snap_place *p, const struct snap_image *image,
                         struct snap_range *r, const struct snap_image *delta, uint64_t generation)
{
        struct snap_place *const old = snap_live.current[kind];
        struct snap_range *const old_delta = delta_in_use(kind);
        if (p != old)
                __atomic_store_n(&renew.spare[kind], NULL, __ATOMIC_RELEASE);
        else
                place_change(p);
        place_ready(p, p == old ? NULL : image, r ? delta : NULL, generation);
        if (p != old) {
                __atomic_store_n(&snap_live.current[kind], p, __ATOMIC_RELEASE);
                __atomic_store_n(&renew.spare[kind], old, __ATOMIC_RELEASE);
                if (old) {
                        place_change(old);
                        range_empty(&old->range);
                }
        }
        if (old_delta)
                range_empty(old_delta);
}

static int renew_from(enum snap_kind kind, const struct files *f)
{
        struct snap_place *const old = snap_live.current[kind], *p = old;
        struct snap_range *r = NULL;
        struct snap_image image, delta;
        const bool same_base = place_is_ready(old) && range_holds(&old->range, &f->st);
        const struct snap_range *const old_delta = delta_in_use(kind);
        const bool has_delta = f->delta_fd >= 0, had_delta = same_base && old->delta[0] != 0;
        int err = 0;
        if (same_base && has_delta == had_delta && (!has_delta || range_holds(old_delta, &f->delta_st))) {
                __atomic_store_n(&old->generation, f->generation, __ATOMIC_RELAXED); /* an unchanged map */
                return 0;
        }
        if (!same_base)
                err = place_fill(kind, f, &p, &image);
        if (!err && has_delta)
                err = delta_fill(kind, f, p->range.base, &r, &delta);
        if (!err)
                renew_switch(kind, p, &image, r, &delta, f->generation);
        else if (p && p != old)
                range_empty(&p->range);
        return err;
}

static int renew_map(enum snap_kind kind)
{
        const struct snap_place *old = snap_live.current[kind];
        struct files f;
        int err = renew_control();
        if (err)
                return err;
        if (place_is_ready(old) &&
            old->generation == __atomic_load_n(&snap_live.control->generation, __ATOMIC_ACQUIRE))
                return 0; /* somebody was faster */
        err = open_current(snap_live.control, live_folder, kind, &f);
        if (err)
                return err;
        err = renew_from(kind, &f);
        files_close(&f);
        return err;
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
        pin->image = own.pair.base;
        pin->delta = own.pair.delta.base;
        pin->delta_size = own.pair.delta.size;
        pin->place = NULL;
        return 0;
}

int snap_pin_slowly(enum snap_kind kind, struct snap_pin *ret_pin)
{
        return politely(pin_slowly, kind, ret_pin);
}

bool snap_pin_pair(const struct snap_source *source, struct snap_pair *ret_pair)
{
        const struct snap_place *place = source->place;
        if (!place)
                return snap_image_open(source->base, source->size, source->kind, &ret_pair->base) == 0 &&
                       snap_delta_open(source->delta, source->delta_size, source->kind, source->base,
                                       &ret_pair->delta) == 0;
        load_image(place->words, &ret_pair->base);
        load_image(place->delta, &ret_pair->delta);
#ifndef __SANITIZE_THREAD__
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
#endif
        return __atomic_load_n(&place->sequence, __ATOMIC_RELAXED) == source->sequence;
}
