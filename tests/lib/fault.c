/* A library to preload (LD_PRELOAD) under a program that uses LMDB: makes the n-th write or sync of a
 * data.mdb fail, or records all of them, so that a power cut can be played back.
 *
 *   NI_FAULT_NTH=n      the n-th call (from 1) on a data.mdb fails: pwrite writev write fdatasync fsync
 * ftruncate NI_FAULT_LARGER=n each write of more bytes than n fails
 *   NI_FAULT_ERRNO=e    with this errno (default EIO) NI_FAULT_MODE=once  only this one (default);
 * `from`: this one and all later ones; `short`: this one writes half of its bytes and fails NI_FAULT_LOG=path
 * records calls into this file: struct fault_record, then its bytes
 *
 * A program finds `fault_hits` (failures so far) and `fault_note` (puts a number into the log) with dlsym. */
#undef _FILE_OFFSET_BITS /* LMDB calls pwrite, not pwrite64 */

#include "fault.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))
#define FDS    1024

EXPORT int fault_hits;
EXPORT void fault_note(uint64_t value);

static _Atomic char kind_of[FDS]; /* 0, or FAULT_WRITE, or FAULT_WRITE_SYNC for an O_DSYNC descriptor */
static uint64_t calls;
static int log_fd = -1;

static void *real(const char *name)
{
        void *p = dlsym(RTLD_NEXT, name);
        if (!p)
                abort();
        return p;
}
#define REAL(name) ((__typeof__(&name))real(#name))

static void log_put(char kind, uint64_t offset, const void *data, size_t len)
{
        const struct fault_record r = {.kind = kind, .offset = offset, .len = len};
        if (log_fd < 0)
                return;
        if (REAL(write)(log_fd, &r, sizeof(r)) != (ssize_t)sizeof(r) ||
            (len && REAL(write)(log_fd, data, len) != (ssize_t)len))
                abort();
}

void fault_note(uint64_t value)
{
        log_put(FAULT_NOTE, value, NULL, 0);
}

__attribute__((constructor)) static void begin(void)
{
        const char *path = getenv("NI_FAULT_LOG");
        if (path)
                log_fd = REAL(open)(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static bool too_large(size_t n)
{
        const char *most = getenv("NI_FAULT_LARGER"), *number = getenv("NI_FAULT_ERRNO");
        if (!most || n <= strtoull(most, NULL, 10))
                return false;
        fault_hits++;
        errno = number ? atoi(number) : EIO;
        return true;
}

/* Is it this call's turn to fail? */
static bool turn(bool *ret_short)
{
        const char *nth = getenv("NI_FAULT_NTH"), *mode = getenv("NI_FAULT_MODE"),
                   *number = getenv("NI_FAULT_ERRNO");
        const uint64_t n = nth ? strtoull(nth, NULL, 10) : 0;
        calls++;
        if (n == 0 || calls < n || (calls > n && (!mode || strcmp(mode, "from") != 0)))
                return false;
        fault_hits++;
        *ret_short = mode && strcmp(mode, "short") == 0;
        errno = number ? atoi(number) : EIO;
        return true;
}

static bool watched(int fd)
{
        return fd >= 0 && fd < FDS && kind_of[fd];
}

EXPORT int open(const char *path, int flags, ...)
{
        va_list ap;
        va_start(ap, flags);
        const mode_t mode = flags & (O_CREAT | O_TMPFILE) ? (mode_t)va_arg(ap, int) : 0;
        va_end(ap);
        const int fd = REAL(open)(path, flags, mode);
        const char *slash = strrchr(path, '/');
        if (fd >= 0 && fd < FDS)
                kind_of[fd] = 0;
        if (fd >= 0 && fd < FDS && slash && strcmp(slash, "/data.mdb") == 0 &&
            (flags & O_ACCMODE) != O_RDONLY)
                kind_of[fd] = flags & O_DSYNC ? FAULT_WRITE_SYNC : FAULT_WRITE;
        return fd;
}

EXPORT int close(int fd)
{
        if (fd >= 0 && fd < FDS)
                kind_of[fd] = 0;
        return REAL(close)(fd);
}

/* One write of any kind: the bytes lie together in `data`. */
static ssize_t write_at(int fd, const void *data, size_t n, off_t at)
{
        bool half = false;
        if (too_large(n))
                return -1;
        if (turn(&half)) {
                const int e = errno;
                if (half && n > 1) {
                        log_put(FAULT_WRITE, (uint64_t)at, data, n / 2);
                        return REAL(pwrite)(fd, data, n / 2, at);
                }
                errno = e;
                return -1;
        }
        const ssize_t done = REAL(pwrite)(fd, data, n, at);
        if (done > 0)
                log_put(kind_of[fd], (uint64_t)at, data, (size_t)done);
        return done;
}

EXPORT ssize_t pwrite(int fd, const void *data, size_t n, off_t at)
{
        return watched(fd) ? write_at(fd, data, n, at) : REAL(pwrite)(fd, data, n, at);
}

EXPORT ssize_t write(int fd, const void *data, size_t n)
{
        if (!watched(fd))
                return REAL(write)(fd, data, n);
        const off_t at = lseek(fd, 0, SEEK_CUR);
        const ssize_t done = write_at(fd, data, n, at);
        if (done > 0)
                lseek(fd, at + done, SEEK_SET);
        return done;
}

EXPORT ssize_t writev(int fd, const struct iovec *v, int count)
{
        if (!watched(fd))
                return REAL(writev)(fd, v, count);
        size_t n = 0, at = 0;
        for (int i = 0; i < count; i++)
                n += v[i].iov_len;
        char *all = malloc(n ? n : 1);
        if (!all)
                abort();
        for (int i = 0; i < count; i++) {
                memcpy(all + at, v[i].iov_base, v[i].iov_len);
                at += v[i].iov_len;
        }
        const ssize_t done = write(fd, all, n);
        free(all);
        return done;
}

EXPORT int fdatasync(int fd)
{
        bool half;
        if (watched(fd) && turn(&half))
                return -1;
        const int rc = REAL(fdatasync)(fd);
        if (rc == 0 && watched(fd))
                log_put(FAULT_SYNC, 0, NULL, 0);
        return rc;
}

EXPORT int fsync(int fd)
{
        bool half;
        if (watched(fd) && turn(&half))
                return -1;
        const int rc = REAL(fsync)(fd);
        if (rc == 0 && watched(fd))
                log_put(FAULT_SYNC, 0, NULL, 0);
        return rc;
}

EXPORT int ftruncate(int fd, off_t size)
{
        bool half;
        if (watched(fd) && turn(&half))
                return -1;
        const int rc = REAL(ftruncate)(fd, size);
        if (rc == 0 && watched(fd))
                log_put(FAULT_TRUNCATE, (uint64_t)size, NULL, 0);
        return rc;
}
