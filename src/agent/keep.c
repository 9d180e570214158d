#include "agent/keep.h"

#include "snapshot/inspect.h"
#include "sys/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE_NODES   512u                /* directories in one frame */
#define PAGE_BYTES   ((size_t)1 << 20)   /* or so many bytes of properties: then it is written */
#define APPEND_LEAST ((uint64_t)1 << 20) /* bytes of changes that never make a new file due */

struct keep {
        char folder[4096];
        char path[4200];
        int fd;              /* for appending; -1: not possible */
        uint64_t sum;        /* of the last frame */
        uint64_t base, size; /* bytes of the whole table, and of the file */
};

struct keep *keep_open(const char *folder, unsigned level)
{
        struct keep *k = calloc(1, sizeof(*k));
        if (!k)
                return NULL;
        k->fd = -1;
        if (!folder || !*folder || strlen(folder) >= sizeof(k->folder))
                return k;
        snprintf(k->folder, sizeof(k->folder), "%s", folder);
        snprintf(k->path, sizeof(k->path), "%s/domain.%u", folder, level);
        return k;
}

static void stop_appending(struct keep *k)
{
        if (k->fd >= 0)
                close(k->fd);
        k->fd = -1;
}

void keep_close(struct keep *k)
{
        if (k)
                stop_appending(k);
        free(k);
}

void keep_remove(struct keep *k)
{
        stop_appending(k);
        if (*k->path)
                unlink(k->path);
}

/* What lies behind the sound frames is cut off. */
static int begin_appending(struct keep *k, uint64_t good, uint64_t base, uint64_t sum)
{
        stop_appending(k);
        k->fd = open(k->path, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW);
        if (k->fd < 0)
                return errno;
        if (ftruncate(k->fd, (off_t)good) < 0) {
                const int err = errno;
                stop_appending(k);
                return err;
        }
        k->size = good;
        k->base = base;
        k->sum = sum;
        return 0;
}

int keep_read(struct keep *k, const struct keep_limits *l, struct keep_head *ret_head,
              struct table **ret_table)
{
        void *map;
        size_t size, good;
        uint64_t sum;
        if (!*k->path)
                return ENOENT;
        const int err = snap_map_file(k->path, &map, &size);
        if (err)
                return err;
        const bool ok = keep_parse(bytes_of(map, size), l, ret_head, ret_table, &good, &sum);
        munmap(map, size);
        if (!ok)
                return EBADMSG;
        begin_appending(k, good, good, sum); /* without: the next change writes all of it */
        return 0;
}

/* -- writing */
struct writing {
        int fd;
        int error;
        uint64_t sum, size;
        struct buf out, payload;
};

static void put_frame(struct writing *w, enum keep_kind kind)
{
        w->sum = keep_frame(&w->out, w->sum, kind, buf_bytes(&w->payload));
        if (w->out.failed || w->payload.failed)
                w->error = ENOMEM;
        if (!w->error)
                w->error = fs_write_all(w->fd, w->out.data, w->out.len);
        w->size += w->out.len;
        buf_clear(&w->out);
        buf_clear(&w->payload);
}

static void put_head(struct writing *w, const struct keep_head *h)
{
        xdr_put_fixed(&w->payload, bytes_of(h->uuid, sizeof(h->uuid)));
        xdr_put_u64(&w->payload, h->epoch);
        xdr_put_u64(&w->payload, h->seq);
        xdr_put_opaque(&w->payload, bytes_str(h->server.address));
        xdr_put_opaque(&w->payload, bytes_str(h->server.tag));
        buf_puts(&w->out, KEEP_MAGIC);
        w->error = fs_write_all(w->fd, w->out.data, w->out.len);
        w->size += w->out.len;
        buf_clear(&w->out);
        put_frame(w, KEEP_HEAD);
}

static void put_table(struct writing *w, const struct keep_head *h, const struct table *t)
{
        struct ext_node nodes[PAGE_NODES];
        uint32_t at = 0;
        bool more = true;
        while (more && !w->error) {
                struct ext_snapshot_result r = {.epoch = h->epoch, .seq = h->seq, .nodes = nodes};
                size_t bytes = 0;
                while (r.node_count < PAGE_NODES && bytes < PAGE_BYTES &&
                       (more = table_next(t, &at, &nodes[r.node_count])))
                        bytes += nodes[r.node_count++].props.len;
                if (!r.node_count)
                        break;
                ext_snapshot_encode(&r, &w->payload);
                put_frame(w, KEEP_NODES);
        }
        if (w->error)
                return;
        xdr_put_u32(&w->payload, table_count(t));
        put_frame(w, KEEP_END);
}

static int write_aside(const struct keep *k, const struct keep_head *h, const struct table *t,
                       struct writing *w, const char *aside)
{
        w->fd = open(aside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (w->fd < 0)
                return errno;
        put_head(w, h);
        if (!w->error)
                put_table(w, h, t);
        if (!w->error && table_is_lost(t)) /* zeros may be among it */
                w->error = EIO;
        if (!w->error && fsync(w->fd) < 0)
                w->error = errno;
        close(w->fd);
        if (!w->error && rename(aside, k->path) < 0)
                w->error = errno;
        if (w->error)
                unlink(aside);
        else
                w->error = fs_sync_folder(k->folder);
        return w->error;
}

int keep_write(struct keep *k, const struct keep_head *head, const struct table *t)
{
        struct writing w = {.fd = -1, .sum = KEEP_FIRST};
        char aside[sizeof(k->path) + 8];
        if (!*k->path)
                return 0;
        stop_appending(k);
        snprintf(aside, sizeof(aside), "%s.new", k->path);
        buf_init(&w.out, 0);
        buf_init(&w.payload, 0);
        int err = write_aside(k, head, t, &w, aside);
        buf_done(&w.out);
        buf_done(&w.payload);
        return err ? err : begin_appending(k, w.size, w.size, w.sum);
}

int keep_append(struct keep *k, const struct ext_changes_result *r)
{
        struct buf out, payload;
        if (k->fd < 0)
                return 0;
        buf_init(&out, 0);
        buf_init(&payload, 0);
        ext_changes_encode(r, &payload);
        const uint64_t sum = keep_frame(&out, k->sum, KEEP_CHANGES, buf_bytes(&payload));
        int err = out.failed || payload.failed ? ENOMEM : fs_write_all(k->fd, out.data, out.len);
        if (!err) {
                k->size += out.len;
                k->sum = sum;
        } else {
                if (ftruncate(k->fd, (off_t)k->size) < 0)
                        err = errno; /* a reader finds the end of the sound part by itself */
                stop_appending(k);
        }
        buf_done(&out);
        buf_done(&payload);
        return err;
}

bool keep_is_due(const struct keep *k)
{
        const uint64_t appended = k->size - k->base;
        return *k->path && (k->fd < 0 || (appended > APPEND_LEAST && appended > k->base));
}
