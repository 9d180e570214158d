#include "snapshot/reader.h"

#include "base/siphash.h"
#include "snapshot/search.h"

#include <errno.h>
#include <string.h>

/* -- opening
 * ------------------------------------------------------------------------------------------------------- */
static bool table_fits(const struct snap_image *image, const struct snap_table *t, bool wanted)
{
        if (!wanted)
                return t->at == 0 && t->bits == 0;
        return t->at != 0 && t->bits >= 3 && t->bits <= 30 &&
               snap_bytes(image, (uint64_t)t->at * SNAP_UNIT, sizeof(struct snap_bucket) << (t->bits - 2));
}

/* A whole image or a delta, as `flags` wants it. */
static int open_as(const void *base, uint64_t size, enum snap_kind kind, uint32_t flags,
                   struct snap_image *ret_image)
{
        const struct snap_header *h = base;
        if (size < sizeof(*h) || memcmp(h->magic, SNAP_MAGIC, sizeof(h->magic)) != 0 ||
            h->version != SNAP_VERSION || h->byte_order != SNAP_BYTE_ORDER || h->kind != (uint32_t)kind ||
            h->flags != flags || (flags == 0) != (h->base_generation == 0) || h->size != size ||
            size > SNAP_SIZE_MAX)
                return EBADMSG;
        const struct snap_image image = {
                .base = base,
                .size = size,
                .key = {h->hash_key[0], h->hash_key[1]},
                .names = h->names,
                .numbers = h->numbers,
                .members = h->members,
                .list = h->list,
                .listed = h->listed,
        };
        if (!table_fits(&image, &image.names, true) ||
            !table_fits(&image, &image.numbers, kind == SNAP_PASSWD || kind == SNAP_GROUP) ||
            !table_fits(&image, &image.members, kind == SNAP_GROUP) ||
            !snap_bytes(&image, (uint64_t)image.list * SNAP_UNIT, (uint64_t)image.listed * sizeof(uint32_t)))
                return EBADMSG;
        *ret_image = image;
        return 0;
}

int snap_image_open(const void *base, uint64_t size, enum snap_kind kind, struct snap_image *ret_image)
{
        return open_as(base, size, kind, 0, ret_image);
}

bool snap_is_delta(const void *base, uint64_t size)
{
        const struct snap_header *h = base;
        return size >= sizeof(*h) && (h->flags & SNAP_DELTA);
}

int snap_delta_open(const void *delta, uint64_t size, enum snap_kind kind, const void *whole,
                    struct snap_image *ret_delta)
{
        const struct snap_header *d = delta, *w = whole;
        struct snap_image image;
        if (kind >= SNAP_ACCOUNTS || open_as(delta, size, kind, SNAP_DELTA, &image) ||
            d->base_generation != w->generation || d->base_sum != w->sum ||
            d->sum != snap_image_sum(delta, size))
                return EBADMSG;
        *ret_delta = image;
        return 0;
}

uint64_t snap_image_sum(const void *base, uint64_t size)
{
        struct snap_header h;
        memcpy(&h, base, sizeof(h));
        h.sum = 0;
        const uint64_t head = siphash13((struct siphash_key){0, 0}, &h, sizeof(h));
        return siphash13((struct siphash_key){head, size}, (const uint8_t *)base + sizeof(h),
                         size - sizeof(h));
}

/* -- lookups
 * ------------------------------------------------------------------------------------------------------- */
enum snap_result snap_user_at(const struct snap_image *image, uint32_t at, struct snap_user_view *ret_view)
{
        return search_user_at(image, at, ret_view);
}

enum snap_result snap_user_by_name(const struct snap_image *image, const char *name, size_t len,
                                   struct snap_user_view *ret_view)
{
        return search_user_by_name(image, name, len, ret_view);
}

enum snap_result snap_user_by_uid(const struct snap_image *image, uint32_t uid,
                                  struct snap_user_view *ret_view)
{
        return search_user_by_uid(image, uid, ret_view);
}

enum snap_result snap_user_listed(const struct snap_image *image, uint32_t position,
                                  struct snap_user_view *ret_view)
{
        return search_user_listed(image, position, ret_view);
}

enum snap_result snap_group_at(const struct snap_image *image, uint32_t at, struct snap_group_view *ret_view)
{
        return search_group_at(image, at, ret_view);
}

enum snap_result snap_group_by_name(const struct snap_image *image, const char *name, size_t len,
                                    struct snap_group_view *ret_view)
{
        return search_group_by_name(image, name, len, ret_view);
}

enum snap_result snap_group_by_gid(const struct snap_image *image, uint32_t gid,
                                   struct snap_group_view *ret_view)
{
        return search_group_by_gid(image, gid, ret_view);
}

enum snap_result snap_group_listed(const struct snap_image *image, uint32_t position,
                                   struct snap_group_view *ret_view)
{
        return search_group_listed(image, position, ret_view);
}

enum snap_result snap_gids_by_name(const struct snap_image *image, const char *name, size_t len,
                                   struct snap_gids_view *ret_view)
{
        return search_gids_by_name(image, name, len, ret_view);
}

enum snap_result snap_shadow_at(const struct snap_image *image, uint32_t at,
                                struct snap_shadow_view *ret_view)
{
        return search_shadow_at(image, at, ret_view);
}

enum snap_result snap_shadow_by_name(const struct snap_image *image, const char *name, size_t len,
                                     struct snap_shadow_view *ret_view)
{
        return search_shadow_by_name(image, name, len, ret_view);
}

enum snap_result snap_shadow_listed(const struct snap_image *image, uint32_t position,
                                    struct snap_shadow_view *ret_view)
{
        return search_shadow_listed(image, position, ret_view);
}
