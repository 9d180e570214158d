/* From the cgroup id that the kernel gives with a socket to the systemd unit or container, without looking at
 * any process (doc/ports.md 4.2). */
#include "portdb/live.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/vfs.h>
#include <unistd.h>

enum {
        CGROUP2_MAGIC = 0x63677270,
        FILE_HANDLE_KERNFS = 0xfe, /* FILEID_KERNFS: 8 bytes, the id */
        DEPTH_MAX = 32,            /* levels of control groups we walk */
};

/* Where cgroup v2 is mounted: pure, or beside v1. */
static const char *mount_point(void)
{
        static const char *const places[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"};
        struct statfs st;
        for (unsigned i = 0; i < 2; i++) {
                if (statfs(places[i], &st) == 0 && (uint32_t)st.f_type == CGROUP2_MAGIC)
                        return places[i];
        }
        return NULL;
}

/* One open and one readlink, for those who may (CAP_DAC_READ_SEARCH). 0, or errno. */
static int path_by_handle(int mount_fd, const char *mount, uint64_t id, struct arena *a, const char **ret)
{
        struct {
                struct file_handle h;
                uint64_t id;
        } handle;
        char link[64], path[4096];
        memset(&handle, 0, sizeof(handle));
        handle.h.handle_bytes = sizeof(id);
        handle.h.handle_type = FILE_HANDLE_KERNFS;
        memcpy(handle.h.f_handle, &id, sizeof(id));
        const int fd = open_by_handle_at(mount_fd, &handle.h, O_PATH | O_CLOEXEC);
        if (fd < 0)
                return errno;
        snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
        const ssize_t n = readlink(link, path, sizeof(path) - 1);
        close(fd);
        if (n < 0)
                return errno;
        path[n] = 0;
        const size_t skip = strlen(mount);
        if (strncmp(path, mount, skip) != 0)
                return ENOENT;
        const char *rest = path[skip] ? path + skip : "/";
        const char *kept = arena_str(a, bytes_str(rest));
        if (!kept)
                return ENOMEM;
        *ret = kept;
        return 0;
}

struct walk {
        struct port_live *live;
        size_t missing; /* sockets with an id and no path yet */
        char path[4096];
        size_t len;
};

static void name_all(struct walk *w, uint64_t id, const char *path)
{
        const char *kept = NULL;
        for (size_t i = 0; i < w->live->n; i++) {
                struct port_socket *s = &w->live->socket[i];
                if (s->cgroup != id || *s->path)
                        continue;
                if (!kept && !(kept = arena_str(w->live->arena, bytes_str(path))))
                        return;
                s->path = kept;
                w->missing--;
        }
}

static bool wanted(const struct walk *w, uint64_t id)
{
        for (size_t i = 0; i < w->live->n; i++) {
                if (w->live->socket[i].cgroup == id && !*w->live->socket[i].path)
                        return true;
        }
        return false;
}

/* Anybody may list the tree; readdir already gives the inode numbers, so nothing is stat'ed. Consumes fd. */
static void walk_tree(struct walk *w, int fd, unsigned depth)
{
        DIR *dir = fdopendir(fd);
        struct dirent *e;
        if (!dir) {
                close(fd);
                return;
        }
        while (w->missing && (e = readdir(dir))) {
                const size_t before = w->len, n = strlen(e->d_name);
                if (e->d_type != DT_DIR || e->d_name[0] == '.' || w->len + n + 2 > sizeof(w->path))
                        continue;
                w->path[w->len++] = '/';
                memcpy(w->path + w->len, e->d_name, n + 1);
                w->len += n;
                if (wanted(w, e->d_ino))
                        name_all(w, e->d_ino, w->path);
                const int child = depth < DEPTH_MAX
                                          ? openat(dirfd(dir), e->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
                                          : -1;
                if (child >= 0)
                        walk_tree(w, child, depth + 1);
                w->len = before;
                w->path[w->len] = 0;
        }
        closedir(dir);
}

/* Ids one by one through file handles; false when that is not allowed here. */
static bool name_by_handles(struct walk *w, const char *mount, int mount_fd)
{
        uint64_t before = 0;
        for (size_t i = 0; w->missing && i < w->live->n; i++) {
                const struct port_socket *s = &w->live->socket[i];
                const char *path = "/";
                if (!s->cgroup || *s->path || s->cgroup == before)
                        continue;
                const int err = path_by_handle(mount_fd, mount, s->cgroup, w->live->arena, &path);
                if (err == EPERM)
                        return false;
                before = s->cgroup; /* a group that is gone stays without a name */
                if (!err)
                        name_all(w, s->cgroup, path);
        }
        return true;
}

static bool has_end(struct bytes s, const char *end)
{
        const size_t n = strlen(end);
        return s.len > n && memcmp(s.data + s.len - n, end, n) == 0;
}

/* docker-0123abcd....scope -> docker 0123abcd.... */
static const char *container_of(struct arena *a, struct bytes part)
{
        static const char *const kinds[] = {"docker",     "libpod", "crio",   "cri-containerd",
                                            "containerd", "lxc",    "machine"};
        for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
                const size_t n = strlen(kinds[i]);
                if (bytes_starts(part, kinds[i]) && has_end(part, ".scope") && part.len > n + 7 &&
                    part.data[n] == '-')
                        return arena_printf(a, "%s %.*s", kinds[i],
                                            BYTES_FMT(bytes_sub(part, n + 1, part.len - n - 7)));
        }
        return NULL;
}

void port_cgroup_split(struct arena *a, const char *path, const char **ret_unit, const char **ret_container)
{
        const struct bytes all = bytes_str(path);
        struct bytes unit = BYTES_NONE;
        const char *container = NULL;
        for (size_t at = 0; at <= all.len;) {
                const struct bytes rest = bytes_sub(all, at, all.len);
                const struct bytes part = bytes_sub(rest, 0, bytes_find(rest, '/'));
                const char *c = container_of(a, part);
                if (has_end(part, ".service") || has_end(part, ".scope") || has_end(part, ".socket"))
                        unit = part;
                if (c)
                        container = c;
                at += part.len + 1;
        }
        const char *kept = unit.len ? arena_str(a, unit) : "";
        *ret_unit = kept ? kept : "";
        *ret_container = container ? container : "";
}

void port_cgroups_name(struct port_live *l)
{
        struct walk w = {.live = l};
        const char *mount = mount_point();
        for (size_t i = 0; i < l->n; i++)
                w.missing += l->socket[i].cgroup ? 1 : 0;
        const int fd = mount && w.missing ? open(mount, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
        if (fd < 0)
                return;
        if (!name_by_handles(&w, mount, fd)) {
                const int root = dup(fd);
                name_all(&w, 1, "/"); /* the root's id is 1 on every mount of cgroup v2 */
                if (root >= 0)
                        walk_tree(&w, root, 0);
        }
        close(fd);
        for (size_t i = 0; i < l->n; i++) {
                struct port_socket *s = &l->socket[i];
                if (i && s->path == l->socket[i - 1].path) {
                        s->unit = l->socket[i - 1].unit;
                        s->container = l->socket[i - 1].container;
                } else {
                        port_cgroup_split(l->arena, s->path, &s->unit, &s->container);
                }
        }
}

void port_cgroup_pids(const char *path, void (*each)(uint32_t pid, void *context), void *context)
{
        const char *mount = mount_point();
        char name[4096 + 64];
        unsigned pid;
        if (!mount || (size_t)snprintf(name, sizeof(name), "%s%s/cgroup.procs", mount, path) >= sizeof(name))
                return;
        FILE *f = fopen(name, "re");
        while (f && fscanf(f, "%u", &pid) == 1)
                each(pid, context);
        if (f)
                fclose(f);
}
