/* A library to preload (LD_PRELOAD): the n-th call of one kind is refused, in any thread and from any
 * library.
 *
 *   NI_REFUSE=KIND:N     KIND alloc (malloc calloc realloc and their aligned kin: ENOMEM; not the C library's
 * own, some of whose parts do not stand it), open (open openat: EMFILE), map (mmap: ENOMEM), sync (fsync
 * fdatasync msync: EIO), write (write pwrite writev sendmsg ... to regular files: ENOSPC); N from 1, 0
 * refuses none NI_REFUSE_BELOW=P    only files whose path contains P, and maps of those NI_REFUSE_COUNT=F at
 * its end the process writes into file F how many calls of that kind it made
 *
 * Not for builds with sanitizers, which have allocators of their own. */
#undef _FILE_OFFSET_BITS /* both names of each call are ours */

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))
#define FDS    4096

enum kind { NONE, ALLOC, OPEN, MAP, SYNC, WRITE };

static int look_for_libc(struct dl_phdr_info *object, size_t size, void *inside);
static enum kind kind;
static unsigned long turn;
static _Atomic unsigned long calls;
static const char *below;
static _Atomic bool ours[FDS]; /* descriptors of files that count */

/* glibc's own names of its allocator: dlsym would allocate. */
void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);
void *__libc_memalign(size_t alignment, size_t n);

#define REAL(name) ((__typeof__(&name))real(#name))
static void *real(const char *name)
{
        void *p = dlsym(RTLD_NEXT, name);
        if (!p)
                abort();
        return p;
}

__attribute__((constructor)) static void begin(void)
{
        static const char *const words[] = {"none", "alloc", "open", "map", "sync", "write"};
        const char *what = getenv("NI_REFUSE"), *colon = what ? strchr(what, ':') : NULL;
        below = getenv("NI_REFUSE_BELOW");
        dl_iterate_phdr(look_for_libc, dlsym(RTLD_NEXT, "getenv"));
        if (!colon)
                return;
        turn = strtoul(colon + 1, NULL, 10);
        for (unsigned i = 1; i < sizeof(words) / sizeof(words[0]); i++)
                if (strlen(words[i]) == (size_t)(colon - what) &&
                    strncmp(words[i], what, (size_t)(colon - what)) == 0)
                        kind = (enum kind)i;
}

__attribute__((destructor)) static void end(void)
{
        const char *path = getenv("NI_REFUSE_COUNT");
        char text[32];
        const int n = snprintf(text, sizeof(text), "%lu", (unsigned long)calls);
        kind = NONE;
        const int fd = path ? REAL(open)(path, O_WRONLY | O_CREAT | O_TRUNC, 0600) : -1;
        if (fd >= 0 && REAL(write)(fd, text, (size_t)n) != n)
                abort();
}

static bool refused(enum kind k, int error)
{
        if (kind != k || ++calls != turn)
                return false;
        errno = error;
        return true;
}

/* -- memory -- */

/* Where the C library's code lies. */
static uintptr_t libc_from, libc_to;

static int look_for_libc(struct dl_phdr_info *object, size_t size, void *inside)
{
        uintptr_t from = UINTPTR_MAX, to = 0;
        (void)size;
        for (unsigned i = 0; i < object->dlpi_phnum; i++) {
                const uintptr_t at = object->dlpi_addr + object->dlpi_phdr[i].p_vaddr;
                if (object->dlpi_phdr[i].p_type != PT_LOAD)
                        continue;
                from = at < from ? at : from;
                to = at + object->dlpi_phdr[i].p_memsz > to ? at + object->dlpi_phdr[i].p_memsz : to;
        }
        if ((uintptr_t)inside < from || (uintptr_t)inside >= to)
                return 0;
        libc_from = from;
        libc_to = to;
        return 1;
}

static bool refuses_memory(const void *caller)
{
        if (kind != ALLOC || ((uintptr_t)caller >= libc_from && (uintptr_t)caller < libc_to))
                return false;
        return refused(ALLOC, ENOMEM);
}

EXPORT void *malloc(size_t n)
{
        return refuses_memory(__builtin_return_address(0)) ? NULL : __libc_malloc(n);
}

EXPORT void *calloc(size_t n, size_t size)
{
        return refuses_memory(__builtin_return_address(0)) ? NULL : __libc_calloc(n, size);
}

EXPORT void *realloc(void *p, size_t n)
{
        return refuses_memory(__builtin_return_address(0)) ? NULL : __libc_realloc(p, n);
}

EXPORT void *aligned_alloc(size_t alignment, size_t n)
{
        return refuses_memory(__builtin_return_address(0)) ? NULL : __libc_memalign(alignment, n);
}

EXPORT int posix_memalign(void **ret, size_t alignment, size_t n)
{
        if (refuses_memory(__builtin_return_address(0)))
                return ENOMEM;
        *ret = __libc_memalign(alignment, n);
        return *ret ? 0 : ENOMEM;
}

/* -- files -- */

static int opened(const char *path, int fd)
{
        if (fd >= 0 && fd < FDS)
                ours[fd] = !below || strstr(path, below);
        return fd;
}

static bool counts(int fd)
{
        struct stat st;
        return fd >= 0 && fd < FDS && ours[fd] && fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

static bool refuses_path(const char *path)
{
        return (!below || strstr(path, below)) && refused(OPEN, EMFILE);
}

#define MODE_OF(flags)                                                              \
        va_list ap;                                                                 \
        va_start(ap, flags);                                                        \
        const mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(ap, mode_t) : 0; \
        va_end(ap)

EXPORT int open(const char *path, int flags, ...)
{
        MODE_OF(flags);
        return refuses_path(path) ? -1 : opened(path, REAL(open)(path, flags, mode));
}

EXPORT int open64(const char *path, int flags, ...)
{
        MODE_OF(flags);
        return refuses_path(path) ? -1 : opened(path, REAL(open64)(path, flags, mode));
}

EXPORT int openat(int folder, const char *path, int flags, ...)
{
        MODE_OF(flags);
        return refuses_path(path) ? -1 : opened(path, REAL(openat)(folder, path, flags, mode));
}

EXPORT int openat64(int folder, const char *path, int flags, ...)
{
        MODE_OF(flags);
        return refuses_path(path) ? -1 : opened(path, REAL(openat64)(folder, path, flags, mode));
}

EXPORT void *mmap(void *at, size_t n, int protection, int flags, int fd, off_t offset)
{
        if ((!below || (fd >= 0 && fd < FDS && ours[fd])) && refused(MAP, ENOMEM))
                return MAP_FAILED;
        return REAL(mmap)(at, n, protection, flags, fd, offset);
}

EXPORT void *mmap64(void *at, size_t n, int protection, int flags, int fd, off64_t offset)
{
        if ((!below || (fd >= 0 && fd < FDS && ours[fd])) && refused(MAP, ENOMEM))
                return MAP_FAILED;
        return REAL(mmap64)(at, n, protection, flags, fd, offset);
}

EXPORT int fsync(int fd)
{
        return refused(SYNC, EIO) ? -1 : REAL(fsync)(fd);
}

EXPORT int fdatasync(int fd)
{
        return refused(SYNC, EIO) ? -1 : REAL(fdatasync)(fd);
}

EXPORT int msync(void *at, size_t n, int flags)
{
        return refused(SYNC, EIO) ? -1 : REAL(msync)(at, n, flags);
}

EXPORT ssize_t write(int fd, const void *data, size_t n)
{
        return counts(fd) && refused(WRITE, ENOSPC) ? -1 : REAL(write)(fd, data, n);
}

EXPORT ssize_t pwrite(int fd, const void *data, size_t n, off_t at)
{
        return counts(fd) && refused(WRITE, ENOSPC) ? -1 : REAL(pwrite)(fd, data, n, at);
}

EXPORT ssize_t pwrite64(int fd, const void *data, size_t n, off64_t at)
{
        return counts(fd) && refused(WRITE, ENOSPC) ? -1 : REAL(pwrite64)(fd, data, n, at);
}

EXPORT ssize_t writev(int fd, const struct iovec *v, int count)
{
        return counts(fd) && refused(WRITE, ENOSPC) ? -1 : REAL(writev)(fd, v, count);
}
