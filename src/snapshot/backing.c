/* An image that is being built may lie in a file without a name, so that the system, and not the process, has
 * to keep it in memory. Where the file cannot grow it goes on in memory. */
#include "snapshot/builder-internal.h"
#include "sys/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define FIRST ((size_t)1 << 20) /* bytes */

struct snap_backing {
        int fd;      /* -1: it went on in memory */
        size_t size; /* of the mapping */
};

/* The file has all its room before it is mapped: nothing that is written there can fail later. */
static uint8_t *map(struct snap_backing *b, size_t size)
{
        if (posix_fallocate(b->fd, 0, (off_t)size) != 0)
                return NULL;
        void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, b->fd, 0);
        return p == MAP_FAILED ? NULL : p;
}

static void leave_file(struct snap_backing *b, uint8_t *data)
{
        munmap(data, b->size);
        close(b->fd);
        b->fd = -1;
}

static uint8_t *resize(void *context, uint8_t *data, size_t cap)
{
        struct snap_backing *b = context;
        if (b->fd < 0 && cap)
                return realloc(data, cap);
        if (!cap) {
                if (b->fd >= 0)
                        leave_file(b, data);
                else
                        free(data);
                free(b);
                return NULL;
        }
        uint8_t *larger = map(b, cap);
        if (larger) {
                munmap(data, b->size);
                b->size = cap;
                return larger;
        }
        larger = malloc(cap);
        if (larger) {
                memcpy(larger, data, b->size < cap ? b->size : cap);
                leave_file(b, data);
        }
        return larger;
}

int snap_builder_in_file(struct snap_builder *b, const char *folder)
{
        struct snap_backing *backing = malloc(sizeof(*backing));
        int err = backing ? fs_open_nameless(folder, &backing->fd) : ENOMEM;
        uint8_t *data = err ? NULL : map(backing, FIRST);
        if (!data) {
                if (!err)
                        close(backing->fd);
                free(backing);
                return err ? err : ENOSPC;
        }
        backing->size = FIRST;
        const struct bytes so_far = buf_bytes(&b->image);
        struct buf image = b->image;
        image.data = data;
        image.cap = FIRST;
        image.len = 0;
        image.resize = resize;
        image.context = backing;
        buf_put(&image, so_far);
        buf_done(&b->image);
        b->image = image;
        return 0;
}
