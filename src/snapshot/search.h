/* The lookups of snapshot/reader.h as inline functions. For the two files that need them so: reader.c, which
 * makes the ordinary ones, and the NSS module, where a call and the copy of an image's description would be a
 * third of a lookup (bench/nss.c). */
#ifndef NETINFO_SNAPSHOT_SEARCH_H
#define NETINFO_SNAPSHOT_SEARCH_H

#include "snapshot/hash.h"
#include "snapshot/reader.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define SEARCH_INLINE static inline __attribute__((always_inline))

/* -- loading
 * ------------------------------------------------------------------------------------------------------- */
SEARCH_INLINE uint32_t load16(const uint16_t *p)
{
        return __atomic_load_n(p, __ATOMIC_RELAXED);
}

SEARCH_INLINE uint32_t load32(const uint32_t *p)
{
        return __atomic_load_n(p, __ATOMIC_RELAXED);
}

SEARCH_INLINE int64_t load64(const int64_t *p)
{
        return __atomic_load_n(p, __ATOMIC_RELAXED);
}

SEARCH_INLINE uint64_t load_u64(const uint64_t *p)
{
        return __atomic_load_n(p, __ATOMIC_RELAXED);
}

/* -- searching
 * ----------------------------------------------------------------------------------------------------- */
/* Which lanes of the four words at p equal `want`, as bits. How far a key lies from its home is
 * unpredictable, and a mispredicted branch costs more than four slots: so there is no branch on each. And few
 * instructions wait for the slots to arrive from memory, so that a processor has room to begin the caller's
 * next steps: four comparisons one by one made a lookup among a million users half as slow again. */
SEARCH_INLINE unsigned lanes_equal(const uint32_t p[SNAP_BUCKET], uint32_t want)
{
#ifdef __SSE2__
        const __m128i same =
                _mm_cmpeq_epi32(_mm_loadu_si128((const __m128i *)(const void *)p), _mm_set1_epi32((int)want));
        return (unsigned)_mm_movemask_ps(_mm_castsi128_ps(same));
#else
        return (unsigned)(load32(&p[0]) == want) | (unsigned)(load32(&p[1]) == want) << 1 |
               (unsigned)(load32(&p[2]) == want) << 2 | (unsigned)(load32(&p[3]) == want) << 3;
#endif
}

/* One key's walk through a table, bucket by bucket. The table lies inside the image: snap_image_open saw to
 * that. */
struct walk {
        const struct snap_bucket *buckets, *here;
        uint32_t next, mask, want, left;
        unsigned candidates; /* slots of `here` that have the hash and lie before an empty one */
        bool ends;           /* one of them was empty */
};

SEARCH_INLINE struct walk walk_begin(const struct snap_image *image, const struct snap_table *t,
                                     uint64_t hash, uint32_t want)
{
        return (struct walk){
                .buckets =
                        (const struct snap_bucket *)(const void *)(image->base + (uint64_t)t->at * SNAP_UNIT),
                .next = snap_home(hash, t->bits),
                .mask = (1u << (t->bits - 2)) - 1,
                .want = want,
                .left = SNAP_RUN_MAX / SNAP_BUCKET + 1,
        };
}

SEARCH_INLINE void walk_look(struct walk *w)
{
        w->here = &w->buckets[w->next];
        w->next = (w->next + 1) & w->mask;
        const unsigned empty = lanes_equal(w->here->at, 0);
        /* Those below the lowest empty one; all when there is none. */
        w->candidates = lanes_equal(w->here->hash, w->want) & (empty - 1) & ~empty;
        w->ends = empty != 0;
}

/* The next record that may have the key. */
SEARCH_INLINE enum snap_result walk_next(struct walk *w, uint32_t *ret_at)
{
        for (;;) {
                if (w->candidates) {
                        const unsigned k = (unsigned)__builtin_ctz(w->candidates);
                        w->candidates &= w->candidates - 1;
                        *ret_at = load32(&w->here->at[k]);
                        return SNAP_FOUND;
                }
                if (w->ends)
                        return SNAP_ABSENT;
                if (w->left-- == 0)
                        return SNAP_DAMAGED; /* no writer leaves so long a run */
                walk_look(w);
        }
}

/* No slot of the table has the key's hash, so that no record has the key. For the delta under a lookup: what
 * it does not know at a glance is asked of the base right there, without a call. */
SEARCH_INLINE bool search_no_name(const struct snap_image *image, const struct snap_table *t,
                                  const char *name, size_t len)
{
        const uint64_t hash = snap_hash_name(image->key, name, len);
        struct walk w = walk_begin(image, t, hash, (uint32_t)hash);
        uint32_t at;
        return walk_next(&w, &at) == SNAP_ABSENT;
}

SEARCH_INLINE bool search_no_number(const struct snap_image *image, uint32_t number)
{
        struct walk w = walk_begin(image, &image->numbers, snap_hash_number(image->key, number), number);
        uint32_t at;
        return walk_next(&w, &at) == SNAP_ABSENT;
}

/* Is name (len bytes and a NUL) one of the strings packed in p? */
SEARCH_INLINE bool among(const char *p, size_t n, const char *name, size_t len)
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

SEARCH_INLINE bool is_named(const char *text, uint32_t text_len, const char *aliases, uint32_t aliases_len,
                            const char *name, size_t len)
{
        if (len < text_len && memcmp(text, name, len + 1) == 0)
                return true;
        return aliases_len && among(aliases, aliases_len, name, len);
}

SEARCH_INLINE enum snap_result listed(const struct snap_image *image, uint32_t position, uint32_t *ret_at)
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
SEARCH_INLINE enum snap_result search_user_at(const struct snap_image *image, uint32_t at,
                                              struct snap_user_view *v)
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

SEARCH_INLINE enum snap_result search_user_by_name(const struct snap_image *image, const char *name,
                                                   size_t len, struct snap_user_view *ret_view)
{
        const uint64_t hash = snap_hash_name(image->key, name, len);
        struct walk w = walk_begin(image, &image->names, hash, (uint32_t)hash);
        struct snap_user_view v;
        enum snap_result r;
        for (uint32_t at; (r = walk_next(&w, &at)) == SNAP_FOUND;) {
                r = search_user_at(image, at, &v);
                if (r != SNAP_FOUND)
                        break;
                if (is_named(v.text, v.text_len, v.aliases, v.aliases_len, name, len)) {
                        *ret_view = v;
                        break;
                }
        }
        return r;
}

SEARCH_INLINE enum snap_result search_user_by_uid(const struct snap_image *image, uint32_t uid,
                                                  struct snap_user_view *ret_view)
{
        struct walk w = walk_begin(image, &image->numbers, snap_hash_number(image->key, uid), uid);
        uint32_t at;
        enum snap_result r = walk_next(&w, &at);
        if (r == SNAP_FOUND)
                r = search_user_at(image, at, ret_view);
        return r;
}

SEARCH_INLINE enum snap_result search_user_listed(const struct snap_image *image, uint32_t position,
                                                  struct snap_user_view *ret_view)
{
        uint32_t at;
        const enum snap_result r = listed(image, position, &at);
        return r == SNAP_FOUND ? search_user_at(image, at, ret_view) : r;
}

/* -- groups
 * -------------------------------------------------------------------------------------------------------- */
SEARCH_INLINE enum snap_result search_group_at(const struct snap_image *image, uint32_t at,
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

SEARCH_INLINE enum snap_result search_group_by_name(const struct snap_image *image, const char *name,
                                                    size_t len, struct snap_group_view *ret_view)
{
        const uint64_t hash = snap_hash_name(image->key, name, len);
        struct walk w = walk_begin(image, &image->names, hash, (uint32_t)hash);
        struct snap_group_view v;
        enum snap_result r;
        for (uint32_t at; (r = walk_next(&w, &at)) == SNAP_FOUND;) {
                r = search_group_at(image, at, &v);
                if (r != SNAP_FOUND)
                        break;
                if (is_named(v.text, v.text_len, v.aliases, v.aliases_len, name, len)) {
                        *ret_view = v;
                        break;
                }
        }
        return r;
}

SEARCH_INLINE enum snap_result search_group_by_gid(const struct snap_image *image, uint32_t gid,
                                                   struct snap_group_view *ret_view)
{
        struct walk w = walk_begin(image, &image->numbers, snap_hash_number(image->key, gid), gid);
        uint32_t at;
        enum snap_result r = walk_next(&w, &at);
        if (r == SNAP_FOUND)
                r = search_group_at(image, at, ret_view);
        return r;
}

SEARCH_INLINE enum snap_result search_group_listed(const struct snap_image *image, uint32_t position,
                                                   struct snap_group_view *ret_view)
{
        uint32_t at;
        const enum snap_result r = listed(image, position, &at);
        return r == SNAP_FOUND ? search_group_at(image, at, ret_view) : r;
}

SEARCH_INLINE enum snap_result search_gids_by_name(const struct snap_image *image, const char *name,
                                                   size_t len, struct snap_gids_view *ret_view)
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
SEARCH_INLINE enum snap_result search_shadow_at(const struct snap_image *image, uint32_t at,
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

SEARCH_INLINE enum snap_result search_shadow_by_name(const struct snap_image *image, const char *name,
                                                     size_t len, struct snap_shadow_view *ret_view)
{
        const uint64_t hash = snap_hash_name(image->key, name, len);
        struct walk w = walk_begin(image, &image->names, hash, (uint32_t)hash);
        struct snap_shadow_view v;
        enum snap_result r;
        for (uint32_t at; (r = walk_next(&w, &at)) == SNAP_FOUND;) {
                r = search_shadow_at(image, at, &v);
                if (r != SNAP_FOUND)
                        break;
                if (is_named(v.text, v.text_len, v.aliases, v.aliases_len, name, len)) {
                        *ret_view = v;
                        break;
                }
        }
        return r;
}

SEARCH_INLINE enum snap_result search_shadow_listed(const struct snap_image *image, uint32_t position,
                                                    struct snap_shadow_view *ret_view)
{
        uint32_t at;
        const enum snap_result r = listed(image, position, &at);
        return r == SNAP_FOUND ? search_shadow_at(image, at, ret_view) : r;
}

#endif
