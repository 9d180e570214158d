#include "tools/backup_copy.h"

#include "base/arena.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define AT_ONCE ((size_t)4 << 20) /* bytes of properties handed on together */

struct item {
        uint32_t object, instance, parent;
        uint32_t len; /* of the properties */
        uint64_t ordinal, born, version;
        uint64_t at; /* of the properties, in the file */
        bool there;
};

struct backup_copy {
        FILE *props;
        uint64_t end; /* of the file */
        struct item *item;
        uint32_t *slot; /* by object: number of the item + 1; open addressing, at most half full */
        uint32_t used, room, slots;
};

static FILE *spool(const char *folder)
{
        char path[4200];
        int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
        if (fd < 0) {
                snprintf(path, sizeof(path), "%s/.spool.XXXXXX", folder); /* no O_TMPFILE there */
                fd = mkostemp(path, O_CLOEXEC);
                if (fd >= 0)
                        unlink(path);
        }
        FILE *f = fd < 0 ? NULL : fdopen(fd, "w+");
        if (!f && fd >= 0)
                close(fd);
        return f;
}

struct backup_copy *backup_copy_new(const char *folder)
{
        struct backup_copy *c = calloc(1, sizeof(*c));
        if (!c)
                return NULL;
        c->props = spool(folder);
        if (!c->props) {
                const int error = errno;
                free(c);
                errno = error;
                return NULL;
        }
        return c;
}

void backup_copy_free(struct backup_copy *c)
{
        if (!c)
                return;
        fclose(c->props);
        free(c->item);
        free(c->slot);
        free(c);
}

static uint32_t *probe(uint32_t *slot, uint32_t slots, const struct item *item, uint32_t object)
{
        uint32_t at =
                object * 2654435761u; /* Knuth's multiplicative hash; the numbers are the server's own */
        while (slot[at & (slots - 1)] && item[slot[at & (slots - 1)] - 1].object != object)
                at++;
        return &slot[at & (slots - 1)];
}

static bool grow(struct backup_copy *c)
{
        const uint32_t room = c->room ? c->room * 2 : 1024;
        if (room > 1u << 30)
                return false;
        struct item *item = realloc(c->item, (size_t)room * sizeof(*item));
        if (item)
                c->item = item;
        uint32_t *slot = item ? calloc((size_t)room * 2, sizeof(*slot)) : NULL;
        if (!slot)
                return false;
        for (uint32_t i = 0; i < c->used; i++)
                *probe(slot, room * 2, c->item, c->item[i].object) = i + 1;
        free(c->slot);
        c->slot = slot;
        c->slots = room * 2;
        c->room = room;
        return true;
}

/* The item of that number; a new one (not there) when it is unknown. NULL: no memory. */
static struct item *item_of(struct backup_copy *c, uint32_t object)
{
        if (c->used == c->room && !grow(c))
                return NULL;
        uint32_t *slot = probe(c->slot, c->slots, c->item, object);
        if (!*slot) {
                c->item[c->used] = (struct item){.object = object};
                *slot = ++c->used;
        }
        return &c->item[*slot - 1];
}

static bool keep_props(struct backup_copy *c, struct item *i, struct bytes props)
{
        i->at = c->end;
        i->len = (uint32_t)props.len;
        c->end += props.len;
        return props.len <= LIMIT_NODE && fwrite(props.data, 1, props.len, c->props) == props.len;
}

bool backup_copy_page(struct backup_copy *c, const struct ext_snapshot_result *page)
{
        for (uint32_t n = 0; n < page->node_count; n++) {
                const struct ext_node *from = &page->nodes[n];
                struct item *i = item_of(c, from->id.object);
                if (!i || !keep_props(c, i, from->props))
                        return false;
                i->instance = from->id.instance;
                i->parent = from->parent;
                i->ordinal = from->ordinal;
                i->born = from->born;
                i->version = from->version;
                i->there = true;
        }
        return true;
}

bool backup_copy_entry(struct backup_copy *c, const struct ext_entry *e)
{
        for (uint32_t n = 0; n < e->record_count; n++) {
                const struct ext_record *r = &e->records[n];
                struct item *i = item_of(c, r->object);
                if (!i)
                        return false;
                if (r->kind != EXT_CREATED && (!i->there || i->born != r->born))
                        continue; /* it was destroyed before its page was read */
                if (r->kind == EXT_DESTROYED) {
                        i->there = false;
                        continue;
                }
                i->there = true;
                i->born = r->born;
                i->instance = r->instance;
                i->parent = r->parent;
                i->ordinal = r->ordinal;
                i->version = e->seq;
                if (r->has_after && !keep_props(c, i, r->after))
                        return false;
        }
        return true;
}

static int by_object(const void *a, const void *b)
{
        const struct item *x = a, *y = b;
        return x->object < y->object ? -1 : x->object > y->object;
}

static bool load(struct backup_copy *c, const struct item *i, struct arena *a, struct ext_node *ret)
{
        uint8_t *props = arena_alloc(a, i->len);
        for (size_t have = 0; props && have < i->len;) {
                const ssize_t n = pread(fileno(c->props), props + have, i->len - have, (off_t)(i->at + have));
                if (n <= 0 && !(n < 0 && errno == EINTR))
                        return false;
                have += n > 0 ? (size_t)n : 0;
        }
        *ret = (struct ext_node){.id = {i->object, i->instance},
                                 .parent = i->parent,
                                 .ordinal = i->ordinal,
                                 .born = i->born,
                                 .version = i->version,
                                 .props = bytes_of(props, i->len)};
        return props;
}

bool backup_copy_each(struct backup_copy *c, bool (*each)(void *context, struct ext_node *nodes, uint32_t n),
                      void *context)
{
        struct arena a;
        bool ok = fflush(c->props) == 0;
        struct ext_node *nodes = calloc(4096, sizeof(*nodes));
        if (c->used)
                qsort(c->item, c->used, sizeof(*c->item), by_object);
        free(c->slot); /* it held the old order */
        c->slot = NULL;
        c->slots = 0;
        c->room = c->used; /* an entry after this builds it anew */
        arena_init(&a, 0);
        for (uint32_t i = 0; ok && nodes && i < c->used;) {
                uint32_t n = 0;
                arena_reset(&a);
                for (; ok && i < c->used && n < 4096 && a.used < AT_ONCE; i++)
                        if (c->item[i].there)
                                ok = load(c, &c->item[i], &a, &nodes[n++]);
                ok = ok && (n == 0 || each(context, nodes, n));
        }
        ok = ok && nodes;
        free(nodes);
        arena_done(&a);
        return ok;
}
