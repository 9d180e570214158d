/* Files: read whole, build aside and swap. */
#ifndef NETINFO_SYS_FS_H
#define NETINFO_SYS_FS_H

#include "base/buf.h"

#include <sys/types.h>

/* Reads a whole regular file into *out (appended). 0, or an errno: EFBIG over max bytes, EINVAL when it is no
 * regular file. */
int fs_read(const char *path, size_t max, struct buf *out);
/* The same from an open descriptor, from where it stands. */
int fs_read_fd(int fd, size_t max, struct buf *out);
/* To be called first by a program that people start: where descriptor 0, 1 or 2 is closed, the next one that
 * is opened would get its number, and what is printed would go into a connection. Afterwards all three are
 * open; those that were closed fail, with EBADF, for reading (0) or for writing (1, 2). */
void fs_keep_standard(void);
/* At the end of a program: NULL when all that was printed on stdout was taken, else the reason why not. */
const char *fs_finish_stdout(void);
/* Writes all n bytes, through EINTR and short writes. 0 or errno. */
int fs_write_all(int fd, const void *data, size_t n);
/* The only place that knows how to replace a file: writes bytes to a temporary name in the same folder, sets
 * mode (and owner when uid or gid is not -1), fsyncs, asks `verify` (may be NULL) to open the temporary file
 * with the reader that will be used, renames over `path`, fsyncs the folder. 0, or an errno (EBADMSG when
 * verify said no); then `path` is as it was. */
int fs_replace(const char *path, struct bytes content, mode_t mode, uid_t uid, gid_t gid,
               bool (*verify)(const char *temporary, void *context), void *context);
/* Removes what an fs_replace of one of these n names in the folder left aside when the process was killed. */
void fs_tidy_replaced(const char *folder, const char *const *names, unsigned n);
/* A new file in the folder that has no name, for reading and writing: nobody else opens it, and it is gone
 * when its last descriptor and mapping are. 0 or errno. */
int fs_open_nameless(const char *folder, int *ret_fd);
/* fsync of a folder, so that renames in it last. 0 or errno. */
int fs_sync_folder(const char *path);
/* mkdir -p; existing folders are fine. 0 or errno. */
int fs_make_folders(const char *path, mode_t mode);
/* Removes a folder and all below it; does not follow links; at most 16 levels deep. 0 or errno; ENOENT counts
 * as done. */
int fs_remove_tree(const char *path);
/* A new folder, and the files in it, become those of the owner of the folder that it stands in, where this
 * process is root: what root makes among the files of another user's daemon, the daemon can open. 0 or errno.
 */
int fs_give_to_owner(const char *folder);
/* True when the path lies on a file system whose locks and mmap cannot be trusted (NFS, SMB, 9P, AFS, FUSE,
 * Ceph ...). */
bool fs_is_network(const char *path);

#endif
