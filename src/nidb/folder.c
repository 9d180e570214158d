/* The files of a `TAG.nidb` folder. */
#include "nidb/nidb.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct loaded {
        struct nidb_file *file;
        uint32_t count, room;
        size_t bytes; /* of all files */
        struct arena arena;
};

static bool trouble(struct nidb_why *why, const char *file, const char *reason)
{
        snprintf(why->file, sizeof(why->file), "%s", file);
        why->offset = UINT64_MAX;
        snprintf(why->text, sizeof(why->text), "%s", reason);
        return false;
}

static bool is_ours(const char *name)
{
        static const char *const words[] = {"Config", "Clean",      "Create",
                                            "Delete", "Collection", "collection"};
        for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
                if (strcmp(name, words[i]) == 0)
                        return true;
        return strncmp(name, "Store.", 6) == 0 || strncmp(name, "extension_", 10) == 0;
}

/* Exactly as many bytes as the file had when it was opened: one that shrinks meanwhile is in use. */
static bool read_all(struct loaded *l, int fd, const char *name, struct nidb_why *why)
{
        struct stat st;
        if (fstat(fd, &st) < 0)
                return trouble(why, name, strerror(errno));
        if (!S_ISREG(st.st_mode))
                return trouble(why, name, "it is no regular file");
        const size_t size = (size_t)st.st_size;
        if (size > LIMIT_NIDB_BYTES - l->bytes)
                return trouble(why, name, "the database is larger than 1 GiB");
        uint8_t *data = arena_alloc(&l->arena, size);
        char *copy = arena_str(&l->arena, bytes_str(name));
        if (!data || !copy)
                return trouble(why, "", "out of memory");
        for (size_t have = 0; have < size;) {
                const ssize_t n = read(fd, data + have, size - have);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        return trouble(why, name,
                                       n < 0 ? strerror(errno)
                                             : "it is being written: copy the folder first");
                have += (size_t)n;
        }
        l->bytes += size;
        l->file[l->count++] = (struct nidb_file){copy, bytes_of(data, size)};
        return true;
}

static bool add(struct loaded *l, int folder, const char *name, struct nidb_why *why)
{
        if (l->count == LIMIT_NIDB_FILES)
                return trouble(why, name, "too many files");
        if (l->count == l->room) {
                const uint32_t room = l->room ? l->room * 2 : 32;
                struct nidb_file *v = realloc(l->file, room * sizeof(*v));
                if (!v)
                        return trouble(why, "", "out of memory");
                l->file = v;
                l->room = room;
        }
        const int fd = openat(folder, name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        if (fd < 0)
                return trouble(why, name, strerror(errno));
        const bool ok = read_all(l, fd, name, why);
        close(fd);
        return ok;
}

static bool read_folder(struct loaded *l, const char *folder, struct nidb_why *why)
{
        struct dirent *e;
        bool ok = true;
        DIR *dir = opendir(folder);
        if (!dir)
                return trouble(why, "", strerror(errno));
        while (ok && (errno = 0, e = readdir(dir)))
                if (is_ours(e->d_name))
                        ok = add(l, dirfd(dir), e->d_name, why);
        if (ok && errno)
                ok = trouble(why, "", strerror(errno));
        closedir(dir);
        return ok;
}

static int by_name(const void *x, const void *y)
{
        const struct nidb_file *a = x, *b = y;
        return strcmp(a->name, b->name);
}

bool nidb_read(const char *folder, const struct nidb_reporter *r, struct nidb *ret, struct nidb_why *ret_why)
{
        struct loaded l = {0};
        arena_init(&l.arena, 0);
        *ret = (struct nidb){0};
        bool ok = read_folder(&l, folder, ret_why);
        if (ok && l.count)
                qsort(l.file, l.count, sizeof(*l.file), by_name);
        ok = ok && nidb_decode(l.file, l.count, r, ret, ret_why);
        free(l.file);
        arena_done(&l.arena);
        return ok;
}
