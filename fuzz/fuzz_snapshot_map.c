/* Map images: whatever the bytes are, lookups stay inside them, and what passes verification gives for every
 * key of its table and every entry of its list a record whose strings are there. */
#include "check.h"

#include "snapshot/reader.h"
#include "snapshot/verify.h"

#include <string.h>

static unsigned sink;

static void touch(const struct snap_map_view *v)
{
        const uint64_t addresses = v->addresses4 * 4ull + v->addresses16 * 16ull;
        CHECK(v->first + 2ull + v->second <= v->text_len);
        CHECK(v->text == (const char *)v->addresses + addresses);
        for (uint64_t i = 0; i < addresses + v->text_len; i++)
                sink += v->addresses[i];
}

/* A verified record's text holds exactly its strings. */
static void check_strings(const struct snap_map_view *v)
{
        const char *at = v->text, *const end = v->text + v->text_len;
        uint64_t n = 0;
        for (; at < end; n++) {
                const char *nul = memchr(at, '\0', (size_t)(end - at));
                CHECK(nul != NULL);
                at = nul + 1;
        }
        CHECK(n == 2ull + v->first + v->second);
}

static void ask(const uint8_t *base, size_t size, enum snap_kind kind)
{
        static const char keys[] = "nrelay\0nnfs\0ndomain\0nlist\0#\0\0\0\x35\0a\x0a\x01\x01\x09\0n";
        struct snap_image image;
        struct snap_findings f;
        struct snap_map_view v;
        const int verdict = snap_verify(base, size, kind, &f);
        CHECK(verdict == 0 || f.what[0]);
        if (snap_image_open(base, size, kind, &image)) {
                CHECK(verdict != 0);
                return;
        }
        for (size_t from = 0; from < sizeof(keys); from++) /* parts of it, the known keys among them */
                for (size_t len = 1; len <= 9 && from + len <= sizeof(keys); len++)
                        if (snap_map_by_key(&image, keys + from, len, &v) == SNAP_FOUND)
                                touch(&v);
        for (uint32_t i = 0; snap_map_listed(&image, i, &v) == SNAP_FOUND; i++) {
                touch(&v);
                if (verdict == 0)
                        check_strings(&v);
        }
}

/* The input as it is, and again with a header that opens and a right sum, so that mutations reach the
 * structure behind it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct snap_header h;
        uint8_t *copy = malloc(size ? size : 1);
        CHECK(copy);
        memcpy(copy, data, size);
        for (unsigned k = SNAP_ACCOUNTS; k < SNAP_KINDS; k++)
                ask(copy, size, (enum snap_kind)k);
        if (size >= sizeof(h)) {
                memcpy(&h, copy, sizeof(h));
                memcpy(h.magic, SNAP_MAGIC, sizeof(h.magic));
                h.version = SNAP_VERSION;
                h.byte_order = SNAP_BYTE_ORDER;
                h.kind = SNAP_ACCOUNTS + h.kind % (SNAP_KINDS - SNAP_ACCOUNTS);
                h.flags = 0;
                h.base_generation = 0;
                h.numbers = h.members = (struct snap_table){0, 0};
                h.size = size;
                memcpy(copy, &h, sizeof(h));
                h.sum = snap_image_sum(copy, size);
                memcpy(copy, &h, sizeof(h));
                ask(copy, size, (enum snap_kind)h.kind);
        }
        free(copy);
        return 0;
}
