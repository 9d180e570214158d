/* Building map images: doc/snapshot-format.md 12. */
#include "snapshot/builder-internal.h"

#include "sys/random.h"

#include <errno.h>

#define LOST (1u << 31) /* in a key's len until the image is put together: another record has it */

/* -- adding */
static bool is_text(struct bytes s)
{
        return bytes_find(s, '\0') == s.len && bytes_find(s, '\n') == s.len;
}

static bool are_texts(const struct bytes *v, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (!is_text(v[i]))
                        return false;
        return true;
}

static uint64_t key_size(size_t len)
{
        return snap_round(sizeof(struct snap_key_bytes) + len, SNAP_UNIT);
}

/* Bytes that all keys of a record take; 0: one of them is too long or too short. */
static uint64_t keys_size(const struct snap_map_record *record)
{
        uint64_t total = 0;
        for (size_t i = 0; i < record->key_count; i++) {
                if (record->keys[i].len < 2 || record->keys[i].len > SNAP_KEY_MAX)
                        return 0;
                total += key_size(record->keys[i].len);
        }
        return total;
}

static void put_keys(uint8_t *to, const struct snap_map_record *record, uint32_t at)
{
        for (size_t i = 0; i < record->key_count; i++) {
                const struct snap_key_bytes k = {.record = at, .len = (uint32_t)record->keys[i].len};
                memset(to, 0, key_size(k.len));
                memcpy(to, &k, sizeof(k));
                memcpy(to + sizeof(k), record->keys[i].data, k.len);
                to += key_size(k.len);
        }
}

static void put_record(uint8_t *to, const struct snap_map_record *record, const struct snap_map_bytes *head)
{
        const size_t short_ones = record->addresses4_count * 4, long_ones = record->addresses16_count * 16;
        memcpy(to, head, sizeof(*head));
        to += sizeof(*head);
        if (short_ones)
                memcpy(to, record->addresses4, short_ones);
        if (long_ones)
                memcpy(to + short_ones, record->addresses16, long_ones);
        to = snap_pack(snap_pack(to + short_ones + long_ones, record->name), record->extra);
        for (size_t i = 0; i < record->first_count; i++)
                to = snap_pack(to, record->first[i]);
        for (size_t i = 0; i < record->second_count; i++)
                to = snap_pack(to, record->second[i]);
}

int snap_add_map(struct snap_builder *b, const struct snap_map_record *record)
{
        const struct bytes two[] = {record->name, record->extra};
        if (b->kind < SNAP_ACCOUNTS || b->built || record->name.len == 0 || record->key_count == 0 ||
            !are_texts(two, 2) || !are_texts(record->first, record->first_count) ||
            !are_texts(record->second, record->second_count))
                return EINVAL;
        const size_t most = SNAP_GROUP_MAX / 4;
        const size_t head_len = snap_packed(two, 2, most);
        const size_t first_len = snap_packed(record->first, record->first_count, most);
        const size_t second_len = snap_packed(record->second, record->second_count, most);
        const uint64_t keys = keys_size(record);
        if (head_len == SIZE_MAX || first_len == SIZE_MAX || second_len == SIZE_MAX || keys == 0 ||
            record->addresses4_count > UINT16_MAX || record->addresses16_count > UINT16_MAX ||
            b->name_count + record->key_count > SNAP_KEYS_MAX)
                return E2BIG;
        const struct snap_map_bytes head = {.number = record->number,
                                            .flags = SNAP_RECORD_LISTED,
                                            .text = (uint32_t)(head_len + first_len + second_len),
                                            .first = (uint32_t)record->first_count,
                                            .second = (uint32_t)record->second_count,
                                            .addresses4 = (uint16_t)record->addresses4_count,
                                            .addresses16 = (uint16_t)record->addresses16_count};
        const uint64_t size = sizeof(head) + head.addresses4 * 4ull + head.addresses16 * 16ull + head.text;
        const uint64_t whole = snap_round(size, SNAP_UNIT), at = b->image.len;
        if (at + whole + b->gids.len + keys > SNAP_SIZE_MAX)
                return E2BIG;
        uint8_t *to = buf_add(&b->gids, keys), *p = to ? buf_add(&b->image, whole) : NULL;
        if (!p)
                return ENOMEM;
        memset(p + size, 0, whole - size);
        put_record(p, record, &head);
        put_keys(to, record, (uint32_t)(at / SNAP_UNIT));
        b->name_count += record->key_count;
        b->record_count++;
        return 0;
}

/* -- who gets which key */
static struct snap_key_bytes key_at(const struct snap_builder *b, uint64_t at)
{
        struct snap_key_bytes k;
        memcpy(&k, b->gids.data + at, sizeof(k));
        return k;
}

static void key_store(struct snap_builder *b, uint64_t at, struct snap_key_bytes k)
{
        memcpy(b->gids.data + at, &k, sizeof(k));
}

static const char *key_text(const struct snap_builder *b, uint64_t at)
{
        return (const char *)b->gids.data + at + sizeof(struct snap_key_bytes);
}

/* The slot of this key, or the empty one where it belongs. What stands in a slot: (position of the key in
 * gids) / SNAP_UNIT + 1. */
static uint32_t slot_of(const struct snap_builder *b, const struct snap_filling *t, uint64_t hash,
                        uint64_t at, uint32_t len)
{
        uint32_t i = snap_filling_home(t, hash);
        for (uint32_t there; (there = *snap_filling_at(t, i)); i = snap_filling_next(t, i)) {
                const uint64_t other = (uint64_t)(there - 1) * SNAP_UNIT;
                if (*snap_filling_hash(t, i) == (uint32_t)hash && key_at(b, other).len == len &&
                    memcmp(key_text(b, other), key_text(b, at), len) == 0)
                        break;
        }
        return i;
}

static void mark_lost(struct snap_builder *b, const uint64_t key[2], const struct snap_filling *t)
{
        uint64_t size;
        for (uint64_t at = 0; at < b->gids.len; at += size) {
                struct snap_key_bytes k = key_at(b, at);
                const uint64_t hash = snap_hash_name(key, key_text(b, at), k.len);
                const uint32_t i = slot_of(b, t, hash, at, k.len);
                size = key_size(k.len);
                if (!*snap_filling_at(t, i)) {
                        snap_filling_set(t, i, (uint32_t)hash, (uint32_t)(at / SNAP_UNIT + 1));
                } else {
                        k.len |= LOST;
                        key_store(b, at, k);
                }
        }
}

static uint64_t record_size(const struct snap_builder *b, uint64_t at)
{
        struct snap_map_bytes r;
        memcpy(&r, b->image.data + at, sizeof(r));
        return snap_round(sizeof(r) + r.addresses4 * 4ull + r.addresses16 * 16ull + r.text, SNAP_UNIT);
}

struct closing {
        uint64_t keys_from, keys_to; /* what was read and kept of b->gids */
};

/* Closes the gaps that lost keys of the record at `from` leave; its others lead to `to` now. How many it won.
 */
static unsigned close_keys(struct snap_builder *b, struct closing *c, uint64_t from, uint64_t to,
                           bool *ret_listed, bool *ret_shadowed)
{
        unsigned won = 0, seen = 0;
        *ret_listed = true;
        *ret_shadowed = false;
        for (; c->keys_from < b->gids.len; seen++) {
                struct snap_key_bytes k = key_at(b, c->keys_from);
                const uint64_t size = key_size(k.len & ~LOST);
                if (k.record != from / SNAP_UNIT)
                        break;
                if (k.len & LOST) {
                        *ret_listed &= seen != 0;
                        *ret_shadowed = true;
                } else {
                        k.record = (uint32_t)(to / SNAP_UNIT);
                        memmove(b->gids.data + c->keys_to, b->gids.data + c->keys_from, size);
                        key_store(b, c->keys_to, k);
                        c->keys_to += size;
                        won++;
                }
                c->keys_from += size;
        }
        return won;
}

/* Takes out what lost. */
static void close_gaps(struct snap_builder *b)
{
        struct closing c = {0, 0};
        uint64_t to = sizeof(struct snap_header), size;
        uint32_t keys = 0;
        for (uint64_t from = to; from < b->image.len; from += size) {
                bool listed, shadowed;
                struct snap_map_bytes *r;
                size = record_size(b, from);
                const unsigned won = close_keys(b, &c, from, to, &listed, &shadowed);
                if (won == 0) {
                        b->counts.lost++;
                        continue;
                }
                memmove(b->image.data + to, b->image.data + from, size);
                r = (void *)(b->image.data + to);
                if (!listed)
                        r->flags &= ~SNAP_RECORD_LISTED;
                b->counts.records++;
                b->counts.listed += listed;
                b->counts.shadowed += shadowed;
                keys += won;
                to += size;
        }
        buf_truncate(&b->image, to);
        buf_truncate(&b->gids, c.keys_to);
        b->gids_count = keys;
}

/* First the keys are given away, then the table is filled with those that are left, with another hash key if
 * it becomes crowded. */
static int resolve(struct snap_builder *b)
{
        struct snap_filling t = {0};
        uint64_t key[2];
        random_bytes(key, sizeof(key));
        if (snap_filling_init(&t, b->name_count))
                return ENOMEM;
        mark_lost(b, key, &t);
        snap_filling_done(&t);
        close_gaps(b);
        return 0;
}

/* -- putting it together */
static int fill(struct snap_builder *b, uint64_t key[2], struct snap_filling *t)
{
        const uint64_t keys_at = b->image.len;
        uint64_t size;
        random_bytes(key, 2 * sizeof(*key));
        if (snap_filling_init(t, b->gids_count))
                return ENOMEM;
        for (uint64_t at = 0; at < b->gids.len; at += size) {
                const uint32_t len = key_at(b, at).len;
                const uint64_t hash = snap_hash_name(key, key_text(b, at), len);
                uint32_t i = snap_filling_home(t, hash);
                while (*snap_filling_at(t, i))
                        i = snap_filling_next(t, i);
                snap_filling_set(t, i, (uint32_t)hash, (uint32_t)((keys_at + at) / SNAP_UNIT));
                size = key_size(len);
        }
        return snap_longest_run(t) > SNAP_RUN_MAX ? EAGAIN : 0;
}

static bool append_list(struct snap_builder *b, uint64_t records_end)
{
        uint64_t size;
        for (uint64_t at = sizeof(struct snap_header); at < records_end; at += size) {
                const struct snap_map_bytes *r = (const void *)(b->image.data + at);
                const uint32_t offset = (uint32_t)(at / SNAP_UNIT), flags = r->flags;
                size = record_size(b, at);
                if (flags & SNAP_RECORD_LISTED)
                        buf_put(&b->image, bytes_of(&offset, sizeof(offset)));
        }
        return !b->image.failed;
}

static int assemble(struct snap_builder *b, const uint64_t key[2], const struct snap_filling *t)
{
        const uint64_t records_end = b->image.len;
        struct snap_header h = {
                .magic = {'N', 'I', 'S', 'N', 'A', 'P', '\r', '\n'},
                .version = SNAP_VERSION,
                .byte_order = SNAP_BYTE_ORDER,
                .kind = (uint32_t)b->kind,
                .hash_key = {key[0], key[1]},
                .records = b->counts.records,
                .listed = b->counts.listed,
                .users = b->gids_count,
        };
        buf_put(&b->image, buf_bytes(&b->gids));
        h.list = (uint32_t)(b->image.len / SNAP_UNIT);
        if (!append_list(b, records_end) || !snap_append_table(&b->image, t, &h.names) ||
            !snap_append_aligned(&b->image, SNAP_UNIT))
                return b->image.len > SNAP_SIZE_MAX / 2 ? E2BIG : ENOMEM;
        h.size = b->image.len;
        memcpy(b->image.data, &h, sizeof(h));
        b->built = true;
        return 0;
}

int snap_build_map(struct snap_builder *b)
{
        struct snap_filling t = {0};
        uint64_t key[2];
        int err = resolve(b);
        for (unsigned i = 0; !err && i < SNAP_KEY_TRIES; i++) {
                snap_filling_done(&t);
                err = fill(b, key, &t);
                if (err != EAGAIN)
                        break;
                err = i + 1 < SNAP_KEY_TRIES ? 0 : E2BIG;
        }
        if (!err)
                err = assemble(b, key, &t);
        snap_filling_done(&t);
        return err;
}
