#include "tls/folder.h"

#include "base/limits.h"
#include "sys/fs.h"
#include "tls/why.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum tls_found folder_open(const char *path, struct folder *ret, struct tls_why *why)
{
        const int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
                return TLS_NOT_THERE;
        if (fd < 0) {
                const int err = errno;
                why_set(why, "%s cannot be opened: %s%s", path, strerror(err),
                        err == EACCES ? "; root may, and everybody when its mode is 0755" : "");
                return TLS_UNUSABLE;
        }
        *ret = (struct folder){path, fd};
        return TLS_FOUND;
}

void folder_close(struct folder *f)
{
        close(f->fd);
        f->fd = -1;
}

static bool owner_trusted(const struct stat *st)
{
        return st->st_uid == 0 || st->st_uid == geteuid();
}

bool folder_trusted(const struct folder *f, struct tls_why *why)
{
        struct stat st;
        if (fstat(f->fd, &st) < 0)
                why_set(why, "%s: %s", f->path, strerror(errno));
        else if (!owner_trusted(&st))
                why_set(why, "%s belongs to uid %u, neither root nor the reader: chown it", f->path,
                        (unsigned)st.st_uid);
        else if (st.st_mode & 022)
                why_set(why,
                        "others may write in %s (mode %04o), so its files are not believed: chmod go-w %s",
                        f->path, (unsigned)(st.st_mode & 07777), f->path);
        else
                return true;
        return false;
}

static enum file_got file_bad(const struct folder *f, const char *name, struct tls_why *why,
                              const char *reason)
{
        why_set(why, "%s/%s %s", f->path, name, reason);
        return FILE_BAD;
}

static enum file_got file_trusted(const struct folder *f, const char *name, int fd, mode_t forbidden,
                                  struct tls_why *why)
{
        struct stat st;
        char text[128];
        if (fstat(fd, &st) < 0)
                return file_bad(f, name, why, strerror(errno));
        if (!S_ISREG(st.st_mode))
                return file_bad(f, name, why, "is no regular file");
        if (!owner_trusted(&st)) {
                snprintf(text, sizeof(text), "belongs to uid %u, neither root nor the reader: chown it",
                         (unsigned)st.st_uid);
                return file_bad(f, name, why, text);
        }
        if (st.st_mode & forbidden) {
                snprintf(text, sizeof(text), "is open to others (mode %04o): chmod %04o it",
                         (unsigned)(st.st_mode & 07777), (unsigned)(st.st_mode & 07777 & ~forbidden));
                return file_bad(f, name, why, text);
        }
        if (st.st_size > (off_t)LIMIT_TLS_FILE)
                return file_bad(f, name, why, "has more than 64 KiB, and is no key or certificate");
        return FILE_GOT;
}

enum file_got folder_read(const struct folder *f, const char *name, mode_t forbidden, struct buf *out,
                          struct tls_why *why)
{
        const int fd = openat(f->fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        if (fd < 0 && errno == ENOENT)
                return FILE_ABSENT;
        if (fd < 0 && errno == ELOOP)
                return file_bad(f, name, why, "is a link, which may lead anywhere: put the file there");
        if (fd < 0) {
                const int err = errno;
                file_bad(f, name, why, strerror(err));
                return err == EACCES ? FILE_DENIED : FILE_BAD;
        }
        enum file_got got = file_trusted(f, name, fd, forbidden, why);
        const int err = got == FILE_GOT ? fs_read_fd(fd, LIMIT_TLS_FILE, out) : 0;
        if (err)
                got = file_bad(f, name, why, strerror(err));
        close(fd);
        return got;
}

bool folder_buf_init(struct buf *b)
{
        buf_init(b, 0);
        buf_add(b, LIMIT_TLS_FILE + ((size_t)2 << 16)); /* fs_read_fd reads 64 KiB at once */
        buf_truncate(b, 0);
        return !b->failed;
}

void folder_buf_done(struct buf *b)
{
        if (b->data)
                explicit_bzero(b->data, b->cap);
        buf_done(b);
}

void folder_name_file(const char *path, struct tls_why *why)
{
        why_prefix(why, "/");
        why_prefix(why, path);
}

bool folder_write(const char *path, const char *name, struct bytes content, mode_t mode, gid_t group,
                  struct tls_why *why)
{
        char file[PATH_MAX];
        const int n = snprintf(file, sizeof(file), "%s/%s", path, name);
        const int err = n < 0 || (size_t)n >= sizeof(file)
                                ? ENAMETOOLONG
                                : fs_replace(file, content, mode, (uid_t)-1, group, NULL, NULL);
        if (err)
                why_set(why, "%s/%s cannot be written: %s", path, name, strerror(err));
        return err == 0;
}
