#include "agent/pile.h"

#include "agent/mapped.h"
#include "sys/fs.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define UNIT       8u
#define PIECE_BITS 17u                                 /* units of a piece: 1 MiB */
#define PIECE      ((size_t)UNIT << PIECE_BITS)        /* a longer record has one of its own */
#define PIECES     ((uint32_t)1 << (32u - PIECE_BITS)) /* what a place can name */
#define PAGE       4096u                               /* a piece begins on such a multiple in the file */

struct piece {
        uint8_t *data;  /* from malloc, or mapped */
        uint8_t *twin;  /* mapped: the same, for pile_settle; NULL */
        size_t size;    /* multiple of PAGE */
        bool is_mapped; /* data is */
};

struct pile {
        const char *folder;
        int fd;      /* -1: there is no file yet; the adder's own, as what is not yet settled is */
        bool mapped; /* some of it is read from the file: since pile_settle */
        int error;
        unsigned losses; /* there were when it began */
        struct piece *v;
        uint32_t count, room;
        size_t used;      /* of the last piece */
        uint32_t written; /* pieces before this one need not be looked at */
        uint64_t size;
        off_t end; /* of the file */
};

struct pile *pile_new(const char *folder)
{
        struct pile *p = calloc(1, sizeof(*p));
        if (!p)
                return NULL;
        p->losses = mapped_losses();
        p->folder = folder && !p->losses ? folder : ""; /* a disk that could not be read is not asked again */
        p->fd = -1;
        return p;
}

static void unmap(uint8_t *map, size_t size)
{
        mapped_remove(map);
        munmap(map, size);
}

static void piece_free(const struct piece *e)
{
        if (e->twin)
                unmap(e->twin, e->size);
        if (e->is_mapped)
                unmap(e->data, e->size);
        else
                free(e->data);
}

void pile_free(struct pile *p)
{
        if (!p)
                return;
        for (uint32_t i = 0; i < p->count; i++)
                piece_free(&p->v[i]);
        free(p->v);
        if (p->fd >= 0)
                close(p->fd);
        free(p);
}

static bool add_piece(struct pile *p, size_t size)
{
        if (p->count == PIECES)
                return false;
        if (p->count == p->room) {
                const uint32_t room = p->room ? p->room * 2 : 4;
                struct piece *v = realloc(p->v, room * sizeof(*v));
                if (!v)
                        return false;
                p->v = v;
                p->room = room;
        }
        uint8_t *data = malloc(size);
        if (!data)
                return false;
        p->v[p->count++] = (struct piece){.data = data, .size = size};
        p->used = 0;
        return true;
}

static size_t rounded(size_t n, size_t to)
{
        return (n + to - 1) / to * to;
}

uint8_t *pile_add(struct pile *p, size_t n, uint32_t *ret_at)
{
        const size_t take = rounded(n, UNIT);
        if ((!p->count || take > p->v[p->count - 1].size - p->used) &&
            !add_piece(p, take > PIECE ? rounded(take, PAGE) : PIECE))
                return NULL;
        uint8_t *room = p->v[p->count - 1].data + p->used;
        *ret_at = (p->count - 1) << PIECE_BITS | (uint32_t)(p->used / UNIT);
        p->used += take;
        if (take > PIECE)
                p->used = p->v[p->count - 1].size; /* a place inside it could not be named */
        p->size += take;
        return room;
}

const uint8_t *pile_at(const struct pile *p, uint32_t at)
{
        return p->v[at >> PIECE_BITS].data + (size_t)(at & ((1u << PIECE_BITS) - 1)) * UNIT;
}

uint64_t pile_size(const struct pile *p)
{
        return p->size;
}

int pile_error(const struct pile *p)
{
        return p->error;
}

bool pile_is_lost(const struct pile *p)
{
        return p->mapped && p->losses != mapped_losses();
}

/* The file is never longer than what was written: a mapping that reads behind its end would be killed. */
static int write_piece(struct pile *p, struct piece *e)
{
        int err = p->fd < 0 ? fs_open_nameless(p->folder, &p->fd) : 0;
        if (!err && lseek(p->fd, p->end, SEEK_SET) < 0)
                err = errno;
        if (!err)
                err = fs_write_all(p->fd, e->data, e->size);
        void *map = err ? MAP_FAILED : mmap(NULL, e->size, PROT_READ, MAP_SHARED, p->fd, p->end);
        if (map == MAP_FAILED)
                return err ? err : errno;
        if (!mapped_add(map, e->size)) {
                munmap(map, e->size);
                return ENOMEM;
        }
        e->twin = map;
        p->end += (off_t)e->size;
        return 0;
}

bool pile_write(struct pile *p)
{
        bool some = false;
        if (!*p->folder)
                return false;
        /* The last piece is still being filled. */
        for (p->error = 0; !p->error && p->written + 1 < p->count; p->written += !p->error) {
                p->error = write_piece(p, &p->v[p->written]);
                some |= !p->error;
        }
        return some;
}

void pile_settle(struct pile *p)
{
        for (uint32_t i = p->written; i-- > 0 && p->v[i].twin;) {
                free(p->v[i].data);
                p->v[i].data = p->v[i].twin;
                p->v[i].twin = NULL;
                p->v[i].is_mapped = p->mapped = true;
        }
}
