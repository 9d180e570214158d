/* From files to a database: which generation, the records of all files, what a crash left behind, links,
 * sums. */
#include "nidb/nidb-internal.h"

#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define OBJECT_MAX 0xFFFFFFFDu /* the two numbers above mean something in SELF (protocol.md 2.7) */

bool nidb_damage(struct decode *d, const char *file, uint64_t offset, const char *format, ...)
{
        va_list ap;
        va_start(ap, format);
        snprintf(d->why->file, sizeof(d->why->file), "%s", file);
        d->why->offset = offset;
        vsnprintf(d->why->text, sizeof(d->why->text), format, ap);
        va_end(ap);
        return false;
}

bool nidb_no_memory(struct decode *d)
{
        return nidb_damage(d, "", UINT64_MAX, "out of memory");
}

void nidb_report(struct decode *d, const char *format, ...)
{
        char text[256];
        va_list ap;
        va_start(ap, format);
        vsnprintf(text, sizeof(text), format, ap);
        va_end(ap);
        d->db->reports++;
        if (d->reporter.report)
                d->reporter.report(d->reporter.context, text);
}

const struct nidb_file *nidb_file_get(const struct decode *d, const char *name)
{
        for (uint32_t i = 0; i < d->file_count; i++)
                if (strcmp(d->files[i].name, name) == 0)
                        return &d->files[i];
        return NULL;
}

bool nidb_children(struct decode *d, struct xdr_in *in, struct nidb_dir *ret)
{
        const uint8_t *at = in->at;
        const uint32_t n = xdr_count(in, NI_CHILDREN_MAX, 4);
        if (!xdr_ok(in)) {
                in->at = at;
                return false;
        }
        ret->child = arena_zalloc(&d->db->arena, n, sizeof(*ret->child));
        if (!ret->child) {
                d->scratch.failed = true;
                return nidb_no_memory(d);
        }
        for (uint32_t i = 0; i < n; i++)
                ret->child[i] = xdr_u32(in);
        ret->child_count = n;
        return true;
}

bool nidb_take(struct decode *d, struct found f)
{
        if (f.d.id.object > OBJECT_MAX)
                return nidb_damage(d, f.file, f.offset, "%u is no number of a directory", f.d.id.object);
        if (d->count == d->room) {
                const uint32_t room = d->room ? d->room * 2 : 256;
                struct found *v = realloc(d->found, room * sizeof(*v));
                if (!v)
                        return nidb_no_memory(d);
                d->found = v;
                d->room = room;
        }
        f.d.props = arena_bytes(&d->db->arena, buf_bytes(&d->text));
        if (!f.d.props.data)
                return nidb_no_memory(d);
        f.order = d->count;
        d->found[d->count++] = f;
        return true;
}

static bool is_word(const struct nidb_file *f, uint32_t word)
{
        return f && f->content.len == 4 && xdr_load(f->content.data) == word;
}

/* "Store.<n>", written as a server writes it. */
static bool store_name(const char *name, uint32_t *ret)
{
        char again[32];
        if (strncmp(name, "Store.", 6) != 0 || !text_u32(bytes_str(name + 6), ret))
                return false;
        snprintf(again, sizeof(again), "Store.%u", *ret);
        return strcmp(again, name) == 0;
}

struct store_file {
        const struct nidb_file *file;
        uint32_t slot_size;
};

static int by_slot_size(const void *x, const void *y)
{
        const struct store_file *a = x, *b = y;
        return a->slot_size < b->slot_size ? -1 : a->slot_size > b->slot_size;
}

/* In ascending order of slot sizes, so that the same folder gives the same reports on every file system. */
static bool read_stores(struct decode *d)
{
        struct store_file *v = arena_zalloc(&d->db->arena, d->file_count, sizeof(*v));
        uint32_t n = 0;
        if (!v)
                return nidb_no_memory(d);
        for (uint32_t i = 0; i < d->file_count; i++)
                if (store_name(d->files[i].name, &v[n].slot_size))
                        v[n++].file = &d->files[i];
        if (n)
                qsort(v, n, sizeof(*v), by_slot_size);
        for (uint32_t i = 0; i < n; i++)
                if (!nidb_read_store(d, v[i].file, v[i].slot_size))
                        return false;
        return true;
}

static struct found *newest(struct decode *d, uint32_t object)
{
        struct found *best = NULL;
        for (uint32_t i = 0; i < d->count; i++)
                if (d->found[i].d.id.object == object && !d->found[i].dropped &&
                    (!best || d->found[i].d.version > best->d.version))
                        best = &d->found[i];
        return best;
}

/* The record that supersedes a stored one, and stands in its parent's list if nobody put it there yet. */
static bool apply_create(struct decode *d, uint32_t *ret_object)
{
        const struct nidb_file *f = nidb_file_get(d, "Create");
        const uint32_t before = d->count;
        struct found *parent;
        if (!f)
                return true;
        if (!nidb_read_create(d, f))
                return false;
        const struct nidb_dir made = d->found[before].d;
        *ret_object = made.id.object;
        for (uint32_t i = 0; i < before; i++)
                d->found[i].dropped |= d->found[i].d.id.object == made.id.object;
        nidb_report(d, "directory %u: the write that was interrupted (file Create) was completed",
                    made.id.object);
        parent = made.id.object ? newest(d, made.parent) : NULL;
        if (!parent || parent == &d->found[before])
                return true;
        for (uint32_t i = 0; i < parent->d.child_count; i++)
                if (parent->d.child[i] == made.id.object)
                        return true;
        uint32_t *v = arena_zalloc(&d->db->arena, (size_t)parent->d.child_count + 1, sizeof(*v));
        if (!v)
                return nidb_no_memory(d);
        if (parent->d.child_count)
                memcpy(v, parent->d.child, parent->d.child_count * sizeof(*v));
        v[parent->d.child_count++] = made.id.object;
        parent->d.child = v;
        return true;
}

/* Four bytes in the order of the machine that wrote them: the number that exists is meant. */
static bool apply_delete(struct decode *d, uint32_t created)
{
        const struct nidb_file *f = nidb_file_get(d, "Delete");
        if (!f)
                return true;
        if (f->content.len != 4)
                return nidb_damage(d, f->name, 0, "it has %zu bytes instead of the 4 of a number",
                                   f->content.len);
        const uint32_t big = xdr_load(f->content.data), little = __builtin_bswap32(big);
        if (big == created || little == created)
                return true; /* an interrupted update leaves both files */
        const bool is_big = newest(d, big) != NULL, is_little = newest(d, little) != NULL;
        if (big == 0 || (is_big && is_little && big != little)) {
                nidb_report(d, "file Delete names %s: ignored",
                            big ? "two directories, one in each order of bytes" : "the root");
                return true;
        }
        const uint32_t gone = is_big ? big : little;
        for (uint32_t i = 0; i < d->count; i++)
                d->found[i].dropped |= d->found[i].d.id.object == gone;
        if (is_big || is_little)
                nidb_report(d, "directory %u: the removal that was interrupted (file Delete) was completed",
                            gone);
        return true;
}

static int by_object(const void *x, const void *y)
{
        const struct found *a = x, *b = y;
        if (a->dropped != b->dropped)
                return a->dropped ? 1 : -1;
        if (a->d.id.object != b->d.id.object)
                return a->d.id.object < b->d.id.object ? -1 : 1;
        if (a->d.version != b->d.version)
                return a->d.version > b->d.version ? -1 : 1;
        return a->order < b->order ? -1 : 1;
}

/* Sorted, each number once: db->dir. */
static bool settle(struct decode *d)
{
        struct nidb *db = d->db;
        if (d->count)
                qsort(d->found, d->count, sizeof(*d->found), by_object);
        db->dir = calloc((size_t)d->count + 1, sizeof(*db->dir));
        if (!db->dir)
                return nidb_no_memory(d);
        for (uint32_t i = 0; i < d->count && !d->found[i].dropped; i++) {
                const struct found *f = &d->found[i];
                if (f->d.version > db->highest_version)
                        db->highest_version = f->d.version;
                if (db->count && db->dir[db->count - 1].id.object == f->d.id.object)
                        nidb_report(
                                d,
                                "directory %u: an older record (%s, byte %llu, version %u) was passed over",
                                f->d.id.object, f->file, (unsigned long long)f->offset, f->d.version);
                else
                        db->dir[db->count++] = f->d;
        }
        if (db->count == 0) { /* a server makes the root of an empty database (protocol.md 1.2) */
                struct buf *text = &d->text;
                buf_clear(text);
                xdr_put_u32(text, 0);
                db->dir[db->count++] =
                        (struct nidb_dir){.id = {0, 1}, .props = arena_bytes(&db->arena, buf_bytes(text))};
                return db->dir[0].props.data || nidb_no_memory(d);
        }
        if (db->dir[0].id.object != 0)
                return nidb_damage(d, "", UINT64_MAX,
                                   "there are %u directories but no root (directory 0): a file is missing",
                                   db->count);
        return true;
}

static void compare_clean(struct decode *d)
{
        const struct nidb_file *f = nidb_file_get(d, "Clean");
        for (uint32_t i = 0; i < d->db->count; i++)
                d->db->checksum += (d->db->dir[i].id.object + 1) * d->db->dir[i].id.instance;
        if (!f || d->db->generation != NIDB_CURRENT)
                return;
        if (!is_word(f, d->db->checksum) && !is_word(f, __builtin_bswap32(d->db->checksum)))
                nidb_report(
                        d, "the checksum %u is not the one of file Clean: the files are of different moments",
                        d->db->checksum);
}

static bool read_records(struct decode *d)
{
        const struct nidb_file *config = nidb_file_get(d, "Config"), *old = nidb_file_get(d, "Collection"),
                               *oldest = nidb_file_get(d, "collection");
        uint32_t created = UINT32_MAX;
        d->db->generation = config ? NIDB_CURRENT : old ? NIDB_OLD : NIDB_OLDEST;
        if (config && !is_word(config, 1))
                return nidb_damage(d, "Config", 0, "its format version is not 1");
        if (config)
                return read_stores(d) && apply_create(d, &created) && apply_delete(d, created);
        if (old)
                return nidb_read_collection(d, old, 512);
        if (oldest)
                return nidb_read_collection(d, oldest, 256);
        return nidb_damage(d, "", UINT64_MAX,
                           "no file Config, Collection or collection: this is no NetInfo database");
}

bool nidb_decode(const struct nidb_file *files, uint32_t n, const struct nidb_reporter *r, struct nidb *ret,
                 struct nidb_why *ret_why)
{
        struct decode d = {.files = files, .file_count = n, .db = ret, .why = ret_why};
        if (r)
                d.reporter = *r;
        *ret = (struct nidb){0};
        *ret_why = (struct nidb_why){.offset = UINT64_MAX};
        arena_init(&ret->arena, 0);
        arena_init(&d.scratch, 0);
        buf_init(&d.text, (size_t)LIMIT_NODE + 65536);
        bool ok = read_records(&d) && settle(&d);
        if (ok) {
                compare_clean(&d);
                ok = nidb_repair(&d);
        }
        free(d.found);
        arena_done(&d.scratch);
        buf_done(&d.text);
        if (!ok)
                nidb_done(ret);
        return ok;
}

void nidb_done(struct nidb *db)
{
        free(db->dir);
        arena_done(&db->arena);
        *db = (struct nidb){0};
}

const struct nidb_dir *nidb_find(const struct nidb *db, uint32_t object)
{
        uint32_t low = 0, high = db->count;
        while (low < high) {
                const uint32_t middle = low + (high - low) / 2;
                if (db->dir[middle].id.object < object)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low < db->count && db->dir[low].id.object == object ? &db->dir[low] : NULL;
}
