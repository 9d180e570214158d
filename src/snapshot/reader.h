/* Reads one snapshot image that lies in memory. For guests in other people's processes: libc only, no
 * allocation, no lock, errno untouched. The image may be damaged, and may even change while it is read
 * (snapshot/live.h): whatever it holds, no function here reads outside of it. Answers read from a changing
 * image are nonsense, which live.h finds out. */
#ifndef NETINFO_SNAPSHOT_READER_H
#define NETINFO_SNAPSHOT_READER_H

#include "snapshot/format.h"

#include <stdbool.h>
#include <stddef.h>

/* What lookups need of a header, in bytes and checked. A value: copying it is fine. */
struct snap_image {
        const uint8_t *base; /* borrowed */
        uint64_t size;
        uint64_t key[2];
        struct snap_table names, numbers, members;
        uint32_t list, listed;
};

enum snap_result {
        SNAP_FOUND,
        SNAP_ABSENT,
        SNAP_DAMAGED,
};

/* Views: numbers copied out, texts borrowed from the image. `text` has text_len bytes, which hold whole
 * strings if the image is sound; every position below is < text_len, text_len is at least 1. `aliases` are
 * the further names. */
struct snap_user_view {
        uint32_t uid, gid;
        uint32_t password, gecos, dir, shell; /* positions in text; the name is at 0 */
        uint32_t text_len, aliases_len;
        const char *text, *aliases;
};

struct snap_group_view {
        uint32_t gid;
        uint32_t password; /* position in text */
        uint32_t member_count;
        uint32_t text_len, aliases_len;
        const char *text, *aliases;
        const uint8_t *members; /* member_count words of 4 bytes: positions in text, not checked yet
                                   (snap_member_position) */
};

struct snap_shadow_view {
        int64_t last_change, min, max, warn, inactive, expire;
        uint64_t flag;
        uint32_t hash; /* position in text */
        uint32_t text_len, aliases_len;
        const char *text, *aliases;
};

struct snap_gids_view {
        uint32_t count;
        const uint8_t *gids; /* count words of 4 bytes (snap_word) */
};

/* A record of a map image. `text` holds 2 + first + second strings if the image is sound, which whoever
 * copies it has to count; text_len is at least that many. */
struct snap_map_view {
        uint32_t number;
        uint32_t first, second; /* strings in the two lists */
        uint32_t addresses4, addresses16;
        const uint8_t *addresses;
        uint32_t text_len;
        const char *text; /* name, extra, first list, second list */
};

/* Header checks of doc/snapshot-format.md 7 (not owner and mode). 0; EBADMSG: not a sound image of this kind,
 * or a version, byte order or flag we do not know. base must be aligned to 8. */
int snap_image_open(const void *base, uint64_t size, enum snap_kind kind, struct snap_image *ret_image);

/* The same for a delta that lies upon the image at `whole`, which snap_image_open took.
 * Here all bytes are read once: a delta that does not have its sum, or does not name this image and its sum,
 * must not be taken for one that says less. */
int snap_delta_open(const void *delta, uint64_t size, enum snap_kind kind, const void *whole,
                    struct snap_image *ret_delta);
/* Does the file at base (size bytes) say of itself that it is a delta? Nothing else is checked. */
bool snap_is_delta(const void *base, uint64_t size);

/* The sum of doc/snapshot-format.md 4, whatever the header's own sum says. size >= 256. */
uint64_t snap_image_sum(const void *base, uint64_t size);

/* Lookups. A name is len bytes followed by a NUL. Only SNAP_FOUND fills *ret_view. */
enum snap_result snap_user_by_name(const struct snap_image *image, const char *name, size_t len,
                                   struct snap_user_view *ret_view);
enum snap_result snap_user_by_uid(const struct snap_image *image, uint32_t uid,
                                  struct snap_user_view *ret_view);
enum snap_result snap_group_by_name(const struct snap_image *image, const char *name, size_t len,
                                    struct snap_group_view *ret_view);
enum snap_result snap_group_by_gid(const struct snap_image *image, uint32_t gid,
                                   struct snap_group_view *ret_view);
enum snap_result snap_shadow_by_name(const struct snap_image *image, const char *name, size_t len,
                                     struct snap_shadow_view *ret_view);
/* The group list of a user name. */
enum snap_result snap_gids_by_name(const struct snap_image *image, const char *name, size_t len,
                                   struct snap_gids_view *ret_view);

/* The record that a key of a map image leads to. key: len bytes, the first one says the space
 * (doc/snapshot-format.md 12). */
enum snap_result snap_map_by_key(const struct snap_image *image, const void *key, size_t len,
                                 struct snap_map_view *ret_view);

/* The position-th record of the enumeration; SNAP_ABSENT behind its end. */
enum snap_result snap_user_listed(const struct snap_image *image, uint32_t position,
                                  struct snap_user_view *ret_view);
enum snap_result snap_group_listed(const struct snap_image *image, uint32_t position,
                                   struct snap_group_view *ret_view);
enum snap_result snap_shadow_listed(const struct snap_image *image, uint32_t position,
                                    struct snap_shadow_view *ret_view);
enum snap_result snap_map_listed(const struct snap_image *image, uint32_t position,
                                 struct snap_map_view *ret_view);

/* The record at an offset of the format; for verifying. */
enum snap_result snap_user_at(const struct snap_image *image, uint32_t at, struct snap_user_view *ret_view);
enum snap_result snap_group_at(const struct snap_image *image, uint32_t at, struct snap_group_view *ret_view);
enum snap_result snap_shadow_at(const struct snap_image *image, uint32_t at,
                                struct snap_shadow_view *ret_view);
enum snap_result snap_map_at(const struct snap_image *image, uint32_t at, struct snap_map_view *ret_view);

/* NULL unless all n bytes from `from` on lie inside the image. */
static inline const uint8_t *snap_bytes(const struct snap_image *image, uint64_t from, uint64_t n)
{
        return from <= image->size && n <= image->size - from ? image->base + from : NULL;
}

/* Each number is loaded exactly once, because the bytes under it may change between a check and a second
 * load. p is aligned. */
static inline uint32_t snap_word(const uint8_t *p)
{
        return __atomic_load_n((const uint32_t *)(const void *)p, __ATOMIC_RELAXED);
}

#endif
