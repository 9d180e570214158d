/* Snapshot images: whatever the bytes are, lookups stay inside them, and what passes verification answers for
 * every key it lists. */
#include "check.h"

#include "snapshot/reader.h"
#include "snapshot/verify.h"

#include <string.h>

static unsigned sink;

static void touch(const void *p, uint64_t n)
{
        const unsigned char *b = p;
        for (uint64_t i = 0; i < n; i++)
                sink += b[i];
}

static void ask_users(const struct snap_image *image, const char *name, size_t len, uint32_t number)
{
        struct snap_user_view v;
        if (snap_user_by_name(image, name, len, &v) == SNAP_FOUND)
                touch(v.text, v.text_len);
        if (snap_user_by_uid(image, number, &v) == SNAP_FOUND) {
                touch(v.text, v.text_len);
                touch(v.aliases, v.aliases_len);
        }
        for (uint32_t i = 0; snap_user_listed(image, i, &v) == SNAP_FOUND; i++)
                CHECK(v.password < v.text_len && v.gecos < v.text_len && v.dir < v.text_len &&
                      v.shell < v.text_len);
}

static void ask_groups(const struct snap_image *image, const char *name, size_t len, uint32_t number)
{
        struct snap_group_view v;
        struct snap_gids_view l;
        if (snap_group_by_name(image, name, len, &v) == SNAP_FOUND)
                touch(v.text, v.text_len);
        if (snap_group_by_gid(image, number, &v) == SNAP_FOUND)
                touch(v.members, 4ull * v.member_count);
        if (snap_gids_by_name(image, name, len, &l) == SNAP_FOUND)
                touch(l.gids, 4ull * l.count);
        for (uint32_t i = 0; snap_group_listed(image, i, &v) == SNAP_FOUND; i++)
                CHECK(v.password < v.text_len);
}

static void ask_shadow(const struct snap_image *image, const char *name, size_t len)
{
        struct snap_shadow_view v;
        if (snap_shadow_by_name(image, name, len, &v) == SNAP_FOUND)
                touch(v.text, v.text_len);
        for (uint32_t i = 0; snap_shadow_listed(image, i, &v) == SNAP_FOUND; i++)
                touch(v.text, v.text_len);
}

/* A verified image answers with the same record for a listed name. */
static void check_listed(const struct snap_image *image)
{
        struct snap_user_view v, again;
        for (uint32_t i = 0; snap_user_listed(image, i, &v) == SNAP_FOUND; i++)
                CHECK(snap_user_by_name(image, v.text, strlen(v.text), &again) == SNAP_FOUND &&
                      again.text == v.text);
}

static void ask(const uint8_t *base, size_t size, enum snap_kind kind)
{
        static const char *const names[] = {"ada", "lovelace", "grace", "staff", "crew", ""};
        struct snap_image image;
        struct snap_findings f;
        const int verdict = snap_verify(base, size, kind, &f);
        CHECK(verdict == 0 || f.what[0]);
        if (snap_image_open(base, size, kind, &image)) {
                CHECK(verdict != 0);
                return;
        }
        for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                if (kind == SNAP_PASSWD)
                        ask_users(&image, names[i], strlen(names[i]), 5001 + i);
                else if (kind == SNAP_GROUP)
                        ask_groups(&image, names[i], strlen(names[i]), 50 + 10 * i);
                else
                        ask_shadow(&image, names[i], strlen(names[i]));
        }
        if (verdict == 0 && kind == SNAP_PASSWD)
                check_listed(&image);
}

/* The input as it is, and again with a header that opens and a right sum, so that mutations reach the
 * structure behind it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct snap_header h;
        uint8_t *copy = malloc(size ? size : 1);
        CHECK(copy);
        memcpy(copy, data, size);
        for (unsigned k = 0; k < SNAP_ACCOUNTS; k++)
                ask(copy, size, (enum snap_kind)k);
        if (size >= sizeof(h)) {
                memcpy(&h, copy, sizeof(h));
                memcpy(h.magic, SNAP_MAGIC, sizeof(h.magic));
                h.version = SNAP_VERSION;
                h.byte_order = SNAP_BYTE_ORDER;
                h.kind %= SNAP_ACCOUNTS;
                h.flags = 0;
                h.base_generation = 0;
                h.size = size;
                memcpy(copy, &h, sizeof(h));
                h.sum = snap_image_sum(copy, size);
                memcpy(copy, &h, sizeof(h));
                ask(copy, size, (enum snap_kind)h.kind);
        }
        free(copy);
        return 0;
}
