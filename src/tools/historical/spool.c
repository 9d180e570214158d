#include "tools/historical/spool.h"

#include "sys/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static int unnamed_file(int *ret_fd)
{
        char path[PATH_MAX];
        const char *folder = secure_getenv("TMPDIR");
        if (!folder || folder[0] != '/')
                folder = "/var/tmp";
        *ret_fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
        if (*ret_fd >= 0)
                return 0;
        if (errno != EOPNOTSUPP && errno != EISDIR) /* the file system, or the kernel, has no such files */
                return errno;
        if (snprintf(path, sizeof(path), "%s/netinfo-XXXXXX", folder) >= (int)sizeof(path))
                return ENAMETOOLONG;
        *ret_fd = mkostemp(path, O_CLOEXEC);
        if (*ret_fd < 0)
                return errno;
        return unlink(path) < 0 ? errno : 0;
}

static int copy(int fd, FILE *f, size_t *ret_length)
{
        uint8_t piece[1 << 16];
        size_t n, length = 0;
        while ((n = fread(piece, 1, sizeof(piece), f)) > 0) {
                const int e = fs_write_all(fd, piece, n);
                if (e)
                        return e;
                length += n;
        }
        *ret_length = length;
        return ferror(f) ? errno : 0;
}

int spool_take(struct spool *s, FILE *f)
{
        int fd = -1;
        size_t length = 0;
        *s = (struct spool){BYTES_NONE};
        int e = unnamed_file(&fd);
        if (!e)
                e = copy(fd, f, &length);
        if (!e && length) {
                void *map = mmap(NULL, length, PROT_READ, MAP_SHARED, fd, 0);
                if (map == MAP_FAILED)
                        e = errno;
                else
                        s->text = bytes_of(map, length);
        }
        if (fd >= 0)
                close(fd);
        return e;
}

void spool_passed(void *spool, size_t at)
{
        const struct spool *s = spool;
        const size_t page = (size_t)sysconf(_SC_PAGESIZE);
        madvise((void *)(uintptr_t)s->text.data, at & ~(page - 1), MADV_DONTNEED);
}

void spool_done(struct spool *s)
{
        if (s->text.len)
                munmap((void *)(uintptr_t)s->text.data, s->text.len);
        *s = (struct spool){BYTES_NONE};
}
