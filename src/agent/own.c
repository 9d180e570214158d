#include "agent/own.h"

#include "base/buf.h"
#include "base/limits.h"
#include "base/text.h"
#include "sys/fs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

struct account {
        struct bytes name; /* in the file's text */
        uint32_t number;
};

struct file {
        char path[4200];  /* "": there is none */
        struct stat seen; /* all zeros: there is none */
        struct buf text;
        struct account *by_name, *by_number;
        size_t n;
};

struct own {
        struct file file[2]; /* groups, users */
};

struct own *own_new(const char *folder)
{
        struct own *o = calloc(1, sizeof(*o));
        for (unsigned i = 0; o && *folder && i < 2; i++)
                snprintf(o->file[i].path, sizeof(o->file[i].path), "%s/%s", folder, i ? "passwd" : "group");
        return o;
}

static void forget(struct file *f)
{
        buf_done(&f->text);
        free(f->by_name);
        free(f->by_number);
        f->by_name = f->by_number = NULL;
        f->n = 0;
}

void own_free(struct own *o)
{
        for (unsigned i = 0; o && i < 2; i++)
                forget(&o->file[i]);
        free(o);
}

static uint8_t folded(uint8_t c)
{
        return c >= 'A' && c <= 'Z' ? (uint8_t)(c - 'A' + 'a') : c;
}

/* Without regard to case: sudo compares so. */
static int compare_names(struct bytes a, struct bytes b)
{
        for (size_t i = 0; i < a.len && i < b.len; i++)
                if (folded(a.data[i]) != folded(b.data[i]))
                        return folded(a.data[i]) < folded(b.data[i]) ? -1 : 1;
        return (a.len > b.len) - (a.len < b.len);
}

static int by_name(const void *x, const void *y)
{
        const struct account *a = x, *b = y;
        return compare_names(a->name, b->name);
}

static int by_number(const void *x, const void *y)
{
        const struct account *a = x, *b = y;
        return (a->number > b->number) - (a->number < b->number);
}

/* name:passwd:number:... of one line. */
static bool read_line(struct bytes line, struct account *ret)
{
        const size_t end = bytes_find(line, ':');
        const struct bytes name = bytes_sub(line, 0, end);
        const struct bytes behind = bytes_sub(line, end + 1, line.len);
        const struct bytes rest = bytes_sub(behind, bytes_find(behind, ':') + 1, behind.len);
        if (!text_u32(bytes_sub(rest, 0, bytes_find(rest, ':')), &ret->number) || !name.len)
                return false;
        ret->name = name;
        return true;
}

static bool parse(struct file *f)
{
        size_t lines = 1;
        for (size_t i = 0; i < f->text.len; i++)
                lines += f->text.data[i] == '\n';
        f->by_name = calloc(lines, sizeof(*f->by_name));
        f->by_number = calloc(lines, sizeof(*f->by_number));
        if (!f->by_name || !f->by_number)
                return false;
        for (struct bytes rest = buf_bytes(&f->text); rest.len;) {
                const size_t end = bytes_find(rest, '\n');
                f->n += read_line(bytes_sub(rest, 0, end), &f->by_name[f->n]);
                rest = bytes_sub(rest, end + 1, rest.len);
        }
        memcpy(f->by_number, f->by_name, f->n * sizeof(*f->by_name));
        qsort(f->by_name, f->n, sizeof(*f->by_name), by_name);
        qsort(f->by_number, f->n, sizeof(*f->by_number), by_number);
        return true;
}

static bool is_same(const struct stat *a, const struct stat *b)
{
        return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
               a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
               a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

static bool refresh(struct file *f)
{
        struct file now = {.n = 0};
        if (*f->path && stat(f->path, &now.seen) < 0 && errno != ENOENT)
                return false;
        if (is_same(&f->seen, &now.seen))
                return false;
        memcpy(now.path, f->path, sizeof(now.path));
        f->seen = now.seen; /* not tried again until it is another one */
        buf_init(&now.text, 0);
        const int err = now.seen.st_ino ? fs_read(f->path, LIMIT_OWN_FILE, &now.text) : 0;
        if ((err && err != ENOENT) || !parse(&now)) {
                forget(&now);
                return false;
        }
        forget(f);
        *f = now;
        return true;
}

bool own_refresh(struct own *o)
{
        const bool groups = refresh(&o->file[0]), users = refresh(&o->file[1]);
        return groups || users;
}

/* The first one that is not before `wanted` in this order. */
static size_t first_of(const struct account *v, size_t n, const struct account *wanted,
                       int (*compare)(const void *, const void *))
{
        size_t from = 0;
        while (n) {
                const size_t half = n / 2;
                if (compare(&v[from + half], wanted) < 0) {
                        from += half + 1;
                        n -= half + 1;
                } else {
                        n = half;
                }
        }
        return from;
}

static bool is_open(uint32_t number, uint32_t from)
{
        return number >= from && number < OWN_PEOPLE;
}

const char *own_guards(const struct own *o, bool user, struct bytes name, uint32_t number, uint32_t min_id)
{
        const struct account wanted = {name, number};
        const struct file *f = o ? &o->file[user] : NULL;
        if (!f || !f->n)
                return NULL;
        for (size_t i = first_of(f->by_name, f->n, &wanted, by_name);
             i < f->n && by_name(&f->by_name[i], &wanted) == 0; i++)
                if (f->by_name[i].number != number && !is_open(f->by_name[i].number, min_id))
                        return user ? "this machine's passwd file has the name with another uid"
                                    : "this machine's group file has the name with another gid";
        bool taken = false;
        for (size_t i = first_of(f->by_number, f->n, &wanted, by_number);
             i < f->n && f->by_number[i].number == number; i++) {
                if (compare_names(f->by_number[i].name, name) == 0)
                        return NULL;
                taken = !is_open(number, min_id);
        }
        return !taken ? NULL
               : user ? "this machine's passwd file has the uid with another name"
                      : "this machine's group file has the gid with another name";
}
