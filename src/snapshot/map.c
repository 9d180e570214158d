/* Reading map images: doc/snapshot-format.md 12. */
#include "snapshot/search.h"

enum snap_result snap_map_at(const struct snap_image *image, uint32_t at, struct snap_map_view *ret_view)
{
        const uint64_t from = (uint64_t)at * SNAP_UNIT;
        const struct snap_map_bytes *r = (const void *)snap_bytes(image, from, sizeof(*r));
        if (!r)
                return SNAP_DAMAGED;
        struct snap_map_view v = {
                .number = load32(&r->number),
                .first = load32(&r->first),
                .second = load32(&r->second),
                .addresses4 = load16(&r->addresses4),
                .addresses16 = load16(&r->addresses16),
                .addresses = (const uint8_t *)(r + 1),
                .text_len = load32(&r->text),
        };
        const uint64_t addresses = v.addresses4 * 4ull + v.addresses16 * 16ull;
        /* Each string takes a byte at least: so no count makes a caller ask for more room than the image is
         * large.
         */
        if (v.first + 2ull + v.second > v.text_len ||
            !snap_bytes(image, from + sizeof(*r), addresses + v.text_len))
                return SNAP_DAMAGED;
        v.text = (const char *)v.addresses + addresses;
        *ret_view = v;
        return SNAP_FOUND;
}

enum snap_result snap_map_by_key(const struct snap_image *image, const void *key, size_t len,
                                 struct snap_map_view *ret_view)
{
        const uint64_t hash = snap_hash_name(image->key, key, len);
        struct walk w = walk_begin(image, &image->names, hash, (uint32_t)hash);
        enum snap_result r;
        for (uint32_t at; (r = walk_next(&w, &at)) == SNAP_FOUND;) {
                const uint64_t from = (uint64_t)at * SNAP_UNIT;
                const struct snap_key_bytes *k = (const void *)snap_bytes(image, from, sizeof(*k));
                if (!k)
                        return SNAP_DAMAGED;
                const uint32_t record = load32(&k->record), its_len = load32(&k->len);
                const uint8_t *p = snap_bytes(image, from + sizeof(*k), its_len);
                if (!p)
                        return SNAP_DAMAGED;
                if (its_len == len && memcmp(p, key, len) == 0)
                        return snap_map_at(image, record, ret_view);
        }
        return r;
}

enum snap_result snap_map_listed(const struct snap_image *image, uint32_t position,
                                 struct snap_map_view *ret_view)
{
        uint32_t at;
        const enum snap_result r = listed(image, position, &at);
        return r == SNAP_FOUND ? snap_map_at(image, at, ret_view) : r;
}
