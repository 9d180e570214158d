#include "snapshot/inspect.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

const char *snap_map_name(enum snap_kind kind)
{
        static const char *const names[SNAP_KINDS] = {"passwd",   "group",    "shadow",    "hosts",
                                                      "networks", "services", "protocols", "rpc",
                                                      "ethers",   "netgroup", "aliases",   "gshadow"};
        return names[kind];
}

const char *snap_folder_choice(unsigned i)
{
        const char *set = secure_getenv(SNAP_VARIABLE);
        if (set && *set)
                return i == 0 ? set : NULL;
        return i == 0 ? SNAP_LIVE : i == 1 ? SNAP_DURABLE : NULL;
}

int snap_map_file(const char *path, void **ret_base, size_t *ret_size)
{
        const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        struct stat st;
        if (fd < 0)
                return errno;
        int err = fstat(fd, &st) < 0 ? errno : !S_ISREG(st.st_mode) || st.st_size <= 0 ? EBADMSG : 0;
        if (!err) {
                void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
                if (p == MAP_FAILED) {
                        err = errno;
                } else {
                        *ret_base = p;
                        *ret_size = (size_t)st.st_size;
                }
        }
        close(fd);
        return err;
}

int snap_folder_generation(const char *folder, uint64_t *ret_generation)
{
        char path[4096];
        void *base;
        size_t size;
        const int n = snprintf(path, sizeof(path), "%s/%s", folder, SNAP_CONTROL);
        if (n < 0 || (size_t)n >= sizeof(path))
                return ENAMETOOLONG;
        int err = snap_map_file(path, &base, &size);
        if (err)
                return err;
        const struct snap_control *c = base;
        if (size != sizeof(*c) || memcmp(c->magic, SNAP_CONTROL_MAGIC, sizeof(c->magic)) != 0 ||
            c->version != SNAP_VERSION || c->byte_order != SNAP_BYTE_ORDER)
                err = EBADMSG;
        else
                *ret_generation = __atomic_load_n(&c->generation, __ATOMIC_ACQUIRE);
        munmap(base, size);
        return err;
}

const struct snap_header *snap_header_of(const void *base, size_t size)
{
        const struct snap_header *h = base;
        if (size < sizeof(*h) || memcmp(h->magic, SNAP_MAGIC, sizeof(h->magic)) != 0 ||
            h->version != SNAP_VERSION || h->byte_order != SNAP_BYTE_ORDER || h->kind >= SNAP_KINDS)
                return NULL;
        return h;
}
