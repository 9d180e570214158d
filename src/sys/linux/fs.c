#include "sys/fs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

int fs_read_fd(int fd, size_t max, struct buf *out)
{
        struct stat st;
        int err = 0;
        if (fstat(fd, &st) < 0)
                err = errno;
        else if (!S_ISREG(st.st_mode))
                err = EINVAL;
        for (size_t got = 0; !err;) {
                const size_t before = out->len;
                uint8_t *p = buf_add(out, 65536);
                if (!p) {
                        err = ENOMEM;
                        break;
                }
                const ssize_t n = read(fd, p, 65536);
                out->len = before + (n > 0 ? (size_t)n : 0);
                if (n < 0 && errno != EINTR)
                        err = errno;
                if (n == 0)
                        break;
                got += n > 0 ? (size_t)n : 0;
                if (got > max)
                        err = EFBIG;
        }
        return err;
}

int fs_read(const char *path, size_t max, struct buf *out)
{
        const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        if (fd < 0)
                return errno;
        const int err = fs_read_fd(fd, max, out);
        close(fd);
        return err;
}

void fs_keep_standard(void)
{
        for (int fd = 0; fd < 3; fd++)
                if (fcntl(fd, F_GETFD) < 0 && errno == EBADF &&
                    open("/dev/null", fd ? O_RDONLY : O_WRONLY) != fd)
                        abort(); /* no descriptor may be had at all: nothing will work */
}

const char *fs_finish_stdout(void)
{
        if (fflush(stdout) != 0)
                return strerror(errno);
        if (!ferror(stdout))
                return NULL;
        clearerr(stdout); /* of an earlier write, whose reason is gone: the next one will have it, too */
        return putchar('\n') == EOF || fflush(stdout) != 0 ? strerror(errno)
                                                           : "not all of it could be written";
}

int fs_write_all(int fd, const void *data, size_t n)
{
        const uint8_t *p = data;
        while (n) {
                const ssize_t k = write(fd, p, n);
                if (k < 0) {
                        if (errno == EINTR)
                                continue;
                        return errno;
                }
                p += k;
                n -= (size_t)k;
        }
        return 0;
}

int fs_sync_folder(const char *path)
{
        const int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        int err = 0;
        if (fd < 0)
                return errno;
        if (fsync(fd) < 0 && errno != EINVAL)
                err = errno;
        close(fd);
        return err;
}

static int write_temporary(int fd, struct bytes content, mode_t mode, uid_t uid, gid_t gid)
{
        int err = fs_write_all(fd, content.data, content.len);
        if (!err && (uid != (uid_t)-1 || gid != (gid_t)-1) && fchown(fd, uid, gid) < 0)
                err = errno;
        if (!err && fchmod(fd, mode) < 0)
                err = errno;
        if (!err && fsync(fd) < 0)
                err = errno;
        if (close(fd) < 0 && !err)
                err = errno;
        return err;
}

int fs_replace(const char *path, struct bytes content, mode_t mode, uid_t uid, gid_t gid,
               bool (*verify)(const char *temporary, void *context), void *context)
{
        char aside[PATH_MAX], folder[PATH_MAX];
        const char *slash = strrchr(path, '/');
        const int n = snprintf(aside, sizeof(aside), "%s.XXXXXX", path);
        if (n < 0 || (size_t)n >= sizeof(aside))
                return ENAMETOOLONG;
        snprintf(folder, sizeof(folder), "%.*s", slash ? (int)(slash - path) : 1, slash ? path : ".");
        if (slash == path)
                snprintf(folder, sizeof(folder), "/");
        const int fd = mkostemp(aside, O_CLOEXEC);
        if (fd < 0)
                return errno;
        int err = write_temporary(fd, content, mode, uid, gid);
        if (!err && verify && !verify(aside, context))
                err = EBADMSG;
        if (!err && rename(aside, path) < 0)
                err = errno;
        if (err) {
                unlink(aside);
                return err;
        }
        return fs_sync_folder(folder);
}

#define ASIDE_LEN 7u /* ".XXXXXX" of mkostemp */

void fs_tidy_replaced(const char *folder, const char *const *names, unsigned n)
{
        DIR *d = opendir(folder);
        for (struct dirent *e; d && (e = readdir(d));)
                for (unsigned i = 0; i < n; i++) {
                        const size_t len = strlen(names[i]);
                        if (strlen(e->d_name) == len + ASIDE_LEN && strncmp(e->d_name, names[i], len) == 0 &&
                            e->d_name[len] == '.')
                                unlinkat(dirfd(d), e->d_name, 0);
                }
        if (d)
                closedir(d);
}

int fs_open_nameless(const char *folder, int *ret_fd)
{
        char path[PATH_MAX];
        int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
        if (fd < 0) { /* file systems without O_TMPFILE */
                const int n = snprintf(path, sizeof(path), "%s/nameless.XXXXXX", folder);
                if (n < 0 || (size_t)n >= sizeof(path))
                        return ENAMETOOLONG;
                fd = mkostemp(path, O_CLOEXEC);
                if (fd < 0)
                        return errno;
                unlink(path);
        }
        *ret_fd = fd;
        return 0;
}

int fs_make_folders(const char *path, mode_t mode)
{
        char part[PATH_MAX];
        const size_t n = strlen(path);
        if (n == 0 || n >= sizeof(part))
                return n ? ENAMETOOLONG : ENOENT;
        for (size_t i = 1; i <= n; i++) {
                if (path[i] != '/' && path[i] != '\0')
                        continue;
                memcpy(part, path, i);
                part[i] = '\0';
                if (mkdir(part, mode) < 0 && errno != EEXIST)
                        return errno;
        }
        struct stat st;
        if (stat(path, &st) < 0)
                return errno;
        return S_ISDIR(st.st_mode) ? 0 : ENOTDIR;
}

static int remove_below(int folder, int depth)
{
        if (depth > 16) {
                close(folder);
                return ELOOP;
        }
        DIR *d = fdopendir(folder);
        int err = 0;
        if (!d) {
                err = errno;
                close(folder);
                return err;
        }
        for (struct dirent *e; !err && (e = readdir(d));) {
                if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
                        continue;
                if (unlinkat(folder, e->d_name, 0) == 0)
                        continue;
                if (errno != EISDIR && errno != EPERM) {
                        err = errno;
                        break;
                }
                const int sub = openat(folder, e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
                err = sub < 0 ? errno : remove_below(sub, depth + 1);
                if (!err && unlinkat(folder, e->d_name, AT_REMOVEDIR) < 0)
                        err = errno;
        }
        closedir(d);
        return err;
}

int fs_remove_tree(const char *path)
{
        if (unlink(path) == 0 || errno == ENOENT)
                return 0;
        const int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
                return errno;
        const int err = remove_below(fd, 0);
        if (err)
                return err;
        return rmdir(path) < 0 ? errno : 0;
}

static int give_files(int fd, uid_t uid, gid_t gid)
{
        DIR *d = fdopendir(dup(fd));
        int err = d ? 0 : errno;
        for (struct dirent *e; d && !err && (e = readdir(d));)
                if (strcmp(e->d_name, "..") != 0 &&
                    fchownat(fd, e->d_name, uid, gid, AT_SYMLINK_NOFOLLOW) < 0)
                        err = errno;
        if (d)
                closedir(d);
        return err;
}

int fs_give_to_owner(const char *folder)
{
        struct stat above;
        if (geteuid() != 0)
                return 0;
        const int fd = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
                return errno;
        int err = fstatat(fd, "..", &above, 0) < 0 ? errno : 0;
        if (!err && above.st_uid != 0)
                err = give_files(fd, above.st_uid, above.st_gid);
        close(fd);
        return err;
}

bool fs_is_network(const char *path)
{
        static const unsigned long kinds[] = {0x6969 /* NFS */,      0xff534d42 /* CIFS */,
                                              0xfe534d42 /* SMB2 */, 0x517b /* SMB */,
                                              0x01021997 /* 9P */,   0x5346414f /* AFS */,
                                              0x65735546 /* FUSE */, 0x00c36400 /* Ceph */,
                                              0x73757245 /* Coda */, 0x0bd00bd0 /* Lustre */};
        struct statfs s;
        if (statfs(path, &s) < 0)
                return false;
        for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
                if (((unsigned long)s.f_type & 0xffffffffUL) == kinds[i])
                        return true;
        return false;
}
