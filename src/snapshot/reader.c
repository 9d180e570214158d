#include "snapshot/reader.h"

#include "snapshot/hash.h"

#include <errno.h>

/* -- loading
 * ------------------------------------------------------------------------------------------------------- */
static inline uint32_t load16(const uint16_t *p)
{
        return __atomic_load_n(p, __ATOMIC_RELAXED);
}

static inline uint32_t load32(const uint32_t *p)
{
        return __atomic_load_n(p, __ATOMIC_RELAXED);
}

static inline int64_t load64(const int64_t *p)
{
        return __atomic_load_n(p, __ATOMIC_RELAXED);
}

static inline uint64_t load_u64(const uint64_t *p)
{
        return __atomic_load_n(p, __ATOMIC_RELAXED);
}

/* -- opening
 * ------------------------------------------------------------------------------------------------------- */
static bool table_fits(const struct snap_image *image, const struct snap_table *t, bool wanted)
{
        if (!wanted)
                return t->at == 0 && t->bits == 0;
        return t->at != 0 && t->bits >= 1 && t->bits <= 30 &&
               snap_bytes(image, (uint64_t)t->at * SNAP_UNIT, sizeof(struct snap_slot_bytes) << t->bits);
}

int snap_image_open(const void *base, uint64_t size, enum snap_kind kind, struct snap_image *ret_image)
{
        const struct snap_header *h = base;
        if (size < sizeof(*h) || memcmp(h->magic, SNAP_MAGIC, sizeof(h->magic)) != 0 ||
            h->version != SNAP_VERSION || h->byte_order != SNAP_BYTE_ORDER || h->kind != (uint32_t)kind ||
            h->flags != 0 || h->base_generation != 0 || h->size != size || size > SNAP_SIZE_MAX)
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
            !table_fits(&image, &image.numbers, kind != SNAP_SHADOW) ||
            !table_fits(&image, &image.members, kind == SNAP_GROUP) ||
            !snap_bytes(&image, (uint64_t)image.list * SNAP_UNIT, (uint64_t)image.listed * sizeof(uint32_t)))
                return EBADMSG;
        *ret_image = image;
        return 0;
}

/* -- searching
 * ----------------------------------------------------------------------------------------------------- */
/* One key's walk through a table. The table lies inside the image: snap_image_open saw to that. */
struct walk {
        const struct snap_slot_bytes *slots;
        uint32_t at, mask, want, left;
};

static inline struct walk walk_begin(const struct snap_image *image, const struct snap_table *t,
                                     uint64_t hash, uint32_t want)
{
        return (struct walk){
                .slots = (const struct snap_slot_bytes *)(const void *)(image->base +
                                                                        (uint64_t)t->at * SNAP_UNIT),
                .at = (uint32_t)(hash >> (64 - t->bits)),
                .mask = (1u << t->bits) - 1,
                .want = want,
                .left = SNAP_RUN_MAX,
        };
}

/* The next record that may have the key. */
static inline enum snap_result walk_next(struct walk *w, uint32_t *ret_at)
{
        for (; w->left; w->left--) {
                const struct snap_slot_bytes *slot = &w->slots[w->at];
                const uint32_t at = load32(&slot->at), hash = load32(&slot->hash);
                if (!at)
                        return SNAP_ABSENT;
                w->at = (w->at + 1) & w->mask;
                if (hash == w->want) {
                        w->left--;
                        *ret_at = at;
                        return SNAP_FOUND;
                }
        }
        return SNAP_DAMAGED; /* no writer leaves so long a run */
}

/* Is name (len bytes and a NUL) one of the strings packed in p? */
static bool among(const char *p, size_t n, const char *name, size_t len)
{
        while (n > len) {
                if (memcmp(p, name, len + 1) == 0)
                        return true;
                const char *nul = memchr(p, '\0', n);
                if (!nul)
                        return false;
                n -= (size_t)(nul + 1 - p);
                p = nul + 1;
        }
        return false;
}

static inline bool is_named(const char *text, uint32_t text_len, const char *aliases, uint32_t aliases_len,
                            const char *name, size_t len)
{
        if (len < text_len && memcmp(text, name, len + 1) == 0)
                return true;
        return aliases_len && among(aliases, aliases_len, name, len);
}

static enum snap_result listed(const struct snap_image *image, uint32_t position, uint32_t *ret_at)
{
        if (position >= image->listed)
                return SNAP_ABSENT;
        const uint8_t *p =
                snap_bytes(image, (uint64_t)image->list * SNAP_UNIT + (uint64_t)position * sizeof(uint32_t),
                           sizeof(uint32_t));
        if (!p)
                return SNAP_DAMAGED;
        *ret_at = snap_word(p);
        return SNAP_FOUND;
}

/* -- users
 * ---------------------------------------------------------------------------------------------------------
 */
static inline enum snap_result user_at(const struct snap_image *image, uint32_t at, struct snap_user_view *v)
{
        const uint64_t from = (uint64_t)at * SNAP_UNIT;
        const struct snap_user_bytes *r = (const void *)snap_bytes(image, from, sizeof(*r));
        if (!r)
                return SNAP_DAMAGED;
        v->uid = load32(&r->uid);
        v->gid = load32(&r->gid);
        v->text_len = load16(&r->text);
        v->password = load16(&r->password);
        v->gecos = load16(&r->gecos);
        v->dir = load16(&r->dir);
        v->shell = load16(&r->shell);
        v->aliases_len = load32(&r->aliases);
        v->text = (const char *)(r + 1);
        v->aliases = v->text + v->text_len;
        if (v->password >= v->text_len || v->gecos >= v->text_len || v->dir >= v->text_len ||
            v->shell >= v->text_len ||
            !snap_bytes(image, from + sizeof(*r), (uint64_t)v->text_len + v->aliases_len))
                return SNAP_DAMAGED;
        return SNAP_FOUND;
}

enum snap_result snap_user_at(const struct snap_image *image, uint32_t at, struct snap_user_view *ret_view)
{
        struct snap_user_view v;
        const enum snap_result r = user_at(image, at, &v);
        if (r == SNAP_FOUND)
                *ret_view = v;
        return r;
}

enum snap_result snap_user_by_name(const struct snap_image *image, const char *name, size_t len,
                                   struct snap_user_view *ret_view)
{
        const uint64_t hash = snap_hash_name(image->key, name, len);
        struct walk w = walk_begin(image, &image->names, hash, (uint32_t)hash);
        struct snap_user_view v;
        enum snap_result r;
        for (uint32_t at; (r = walk_next(&w, &at)) == SNAP_FOUND;) {
                r = user_at(image, at, &v);
                if (r != SNAP_FOUND)
                        break;
                if (is_named(v.text, v.text_len, v.aliases, v.aliases_len, name, len)) {
                        *ret_view = v;
                        break;
                }
        }
        return r;
}

enum snap_result snap_user_by_uid(const struct snap_image *image, uint32_t uid,
                                  struct snap_user_view *ret_view)
{
        struct walk w = walk_begin(image, &image->numbers, snap_hash_number(image->key, uid), uid);
        uint32_t at;
        enum snap_result r = walk_next(&w, &at);
        if (r == SNAP_FOUND)
                r = snap_user_at(image, at, ret_view);
        return r;
}

enum snap_result snap_user_listed(const struct snap_image *image, uint32_t position,
                                  struct snap_user_view *ret_view)
{
        uint32_t at;
        const enum snap_result r = listed(image, position, &at);
        return r == SNAP_FOUND ? snap_user_at(image, at, ret_view) : r;
}

/* -- groups
 * -------------------------------------------------------------------------------------------------------- */
static inline enum snap_result group_at(const struct snap_image *image, uint32_t at,
                                        struct snap_group_view *v)
{
        const uint64_t from = (uint64_t)at * SNAP_UNIT;
        const struct snap_group_bytes *r = (const void *)snap_bytes(image, from, sizeof(*r));
        if (!r)
                return SNAP_DAMAGED;
        v->gid = load32(&r->gid);
        v->text_len = load32(&r->text);
        v->password = load32(&r->password);
        v->member_count = load32(&r->members);
        v->aliases_len = load32(&r->aliases);
        const uint64_t words = (uint64_t)v->member_count * sizeof(uint32_t);
        if (v->password >= v->text_len ||
            !snap_bytes(image, from + sizeof(*r), words + v->text_len + v->aliases_len))
                return SNAP_DAMAGED;
        v->members = (const uint8_t *)(r + 1);
        v->text = (const char *)v->members + words;
        v->aliases = v->text + v->text_len;
        return SNAP_FOUND;
}

enum snap_result snap_group_at(const struct snap_image *image, uint32_t at, struct snap_group_view *ret_view)
{
        struct snap_group_view v;
        const enum snap_result r = group_at(image, at, &v);
        if (r == SNAP_FOUND)
                *ret_view = v;
        return r;
}

enum snap_result snap_group_by_name(const struct snap_image *image, const char *name, size_t len,
                                    struct snap_group_view *ret_view)
{
        const uint64_t hash = snap_hash_name(image->key, name, len);
        struct walk w = walk_begin(image, &image->names, hash, (uint32_t)hash);
        struct snap_group_view v;
        enum snap_result r;
        for (uint32_t at; (r = walk_next(&w, &at)) == SNAP_FOUND;) {
                r = group_at(image, at, &v);
                if (r != SNAP_FOUND)
                        break;
                if (is_named(v.text, v.text_len, v.aliases, v.aliases_len, name, len)) {
                        *ret_view = v;
                        break;
                }
        }
        return r;
}

enum snap_result snap_group_by_gid(const struct snap_image *image, uint32_t gid,
                                   struct snap_group_view *ret_view)
{
        struct walk w = walk_begin(image, &image->numbers, snap_hash_number(image->key, gid), gid);
        uint32_t at;
        enum snap_result r = walk_next(&w, &at);
        if (r == SNAP_FOUND)
                r = snap_group_at(image, at, ret_view);
        return r;
}

enum snap_result snap_group_listed(const struct snap_image *image, uint32_t position,
                                   struct snap_group_view *ret_view)
{
        uint32_t at;
        const enum snap_result r = listed(image, position, &at);
        return r == SNAP_FOUND ? snap_group_at(image, at, ret_view) : r;
}

enum snap_result snap_gids_by_name(const struct snap_image *image, const char *name, size_t len,
                                   struct snap_gids_view *ret_view)
{
        const uint64_t hash = snap_hash_name(image->key, name, len);
        struct walk w = walk_begin(image, &image->members, hash, (uint32_t)hash);
        enum snap_result r;
        for (uint32_t at; (r = walk_next(&w, &at)) == SNAP_FOUND;) {
                const uint64_t from = (uint64_t)at * SNAP_UNIT;
                const struct snap_member_bytes *m = (const void *)snap_bytes(image, from, sizeof(*m));
                if (!m)
                        return SNAP_DAMAGED;
                const uint32_t count = load32(&m->gids), name_len = load32(&m->name);
                const uint64_t words = (uint64_t)count * sizeof(uint32_t);
                const uint8_t *p = snap_bytes(image, from + sizeof(*m), words + name_len);
                if (!p)
                        return SNAP_DAMAGED;
                if (name_len == len && memcmp(p + words, name, len) == 0) {
                        *ret_view = (struct snap_gids_view){.count = count, .gids = p};
                        return SNAP_FOUND;
                }
        }
        return r;
}

/* -- shadow
 * -------------------------------------------------------------------------------------------------------- */
enum snap_result snap_shadow_at(const struct snap_image *image, uint32_t at,
                                struct snap_shadow_view *ret_view)
{
        const uint64_t from = (uint64_t)at * SNAP_UNIT;
        const struct snap_shadow_bytes *r = (const void *)snap_bytes(image, from, sizeof(*r));
        if (!r)
                return SNAP_DAMAGED;
        const struct snap_shadow_view v = {
                .last_change = load64(&r->last_change),
                .min = load64(&r->min),
                .max = load64(&r->max),
                .warn = load64(&r->warn),
                .inactive = load64(&r->inactive),
                .expire = load64(&r->expire),
                .flag = load_u64(&r->flag),
                .hash = load16(&r->hash),
                .text_len = load16(&r->text),
                .aliases_len = load32(&r->aliases),
                .text = (const char *)(r + 1),
        };
        if (v.hash >= v.text_len ||
            !snap_bytes(image, from + sizeof(*r), (uint64_t)v.text_len + v.aliases_len))
                return SNAP_DAMAGED;
        *ret_view = v;
        ret_view->aliases = v.text + v.text_len;
        return SNAP_FOUND;
}

enum snap_result snap_shadow_by_name(const struct snap_image *image, const char *name, size_t len,
                                     struct snap_shadow_view *ret_view)
{
        const uint64_t hash = snap_hash_name(image->key, name, len);
        struct walk w = walk_begin(image, &image->names, hash, (uint32_t)hash);
        struct snap_shadow_view v;
        enum snap_result r;
        for (uint32_t at; (r = walk_next(&w, &at)) == SNAP_FOUND;) {
                r = snap_shadow_at(image, at, &v);
                if (r != SNAP_FOUND)
                        break;
                if (is_named(v.text, v.text_len, v.aliases, v.aliases_len, name, len)) {
                        *ret_view = v;
                        break;
                }
        }
        return r;
}

enum snap_result snap_shadow_listed(const struct snap_image *image, uint32_t position,
                                    struct snap_shadow_view *ret_view)
{
        uint32_t at;
        const enum snap_result r = listed(image, position, &at);
        return r == SNAP_FOUND ? snap_shadow_at(image, at, ret_view) : r;
}
