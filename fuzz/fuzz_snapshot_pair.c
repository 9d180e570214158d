/* A snapshot image and a delta upon it: whatever the bytes are, lookups stay inside them, a lookup finds what
 * the delta says first, and what passes verification lists each record once. The input: four bytes, the size
 * of the image; the image; the delta. */
#include "check.h"

#include "snapshot/pair.h"
#include "snapshot/verify.h"

#include <string.h>

static unsigned sink;

static void touch(const void *p, uint64_t n)
{
        const unsigned char *b = p;
        for (uint64_t i = 0; i < n; i++)
                sink += b[i];
}

static void ask_users(const struct snap_pair *p, const char *name, size_t len, uint32_t number)
{
        struct snap_user_view v;
        if (snap_pair_user_by_name(p, name, len, &v) == SNAP_FOUND)
                touch(v.text, v.text_len);
        if (snap_pair_user_by_uid(p, number, &v) == SNAP_FOUND)
                touch(v.text, v.text_len);
        for (uint64_t at = 0; snap_pair_user_listed(p, &at, &v) == SNAP_FOUND; at++)
                CHECK(v.password < v.text_len && v.shell < v.text_len);
}

static void ask_groups(const struct snap_pair *p, const char *name, size_t len, uint32_t number)
{
        struct snap_group_view v;
        struct snap_gids_view l;
        if (snap_pair_group_by_name(p, name, len, &v) == SNAP_FOUND)
                touch(v.text, v.text_len);
        if (snap_pair_group_by_gid(p, number, &v) == SNAP_FOUND)
                touch(v.members, 4ull * v.member_count);
        if (snap_pair_gids_by_name(p, name, len, &l) == SNAP_FOUND)
                touch(l.gids, 4ull * l.count);
        for (uint64_t at = 0; snap_pair_group_listed(p, &at, &v) == SNAP_FOUND; at++)
                CHECK(v.password < v.text_len);
}

static void ask_shadow(const struct snap_pair *p, const char *name, size_t len)
{
        struct snap_shadow_view v;
        if (snap_pair_shadow_by_name(p, name, len, &v) == SNAP_FOUND)
                touch(v.text, v.text_len);
        for (uint64_t at = 0; snap_pair_shadow_listed(p, &at, &v) == SNAP_FOUND; at++)
                touch(v.text, v.text_len);
}

/* Of a sound pair: who is listed is found by his name. */
static void check_listed(const struct snap_pair *p)
{
        struct snap_user_view v, again;
        for (uint64_t at = 0; snap_pair_user_listed(p, &at, &v) == SNAP_FOUND; at++)
                CHECK(snap_pair_user_by_name(p, v.text, strlen(v.text), &again) == SNAP_FOUND &&
                      again.text == v.text);
}

static void ask(const uint8_t *base, size_t size, const uint8_t *delta, size_t delta_size,
                enum snap_kind kind)
{
        static const char *const names[] = {"ada", "n0", "n1", "n3", "alias2", "came", ""};
        struct snap_pair p;
        struct snap_findings f, of_base;
        const int verdict = snap_verify_delta(delta, delta_size, base, size, kind, &f);
        CHECK(verdict == 0 || f.what[0]);
        if (snap_image_open(base, size, kind, &p.base) ||
            snap_delta_open(delta, delta_size, kind, base, &p.delta)) {
                CHECK(verdict != 0);
                return;
        }
        for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                if (kind == SNAP_PASSWD)
                        ask_users(&p, names[i], strlen(names[i]), 100 + i);
                else if (kind == SNAP_GROUP)
                        ask_groups(&p, names[i], strlen(names[i]), 100 + i);
                else
                        ask_shadow(&p, names[i], strlen(names[i]));
        }
        if (kind == SNAP_PASSWD && verdict == 0 && snap_verify(base, size, kind, &of_base) == 0)
                check_listed(&p);
}

/* A header that opens, with a right sum. */
static uint64_t repair(uint8_t *at, size_t size, uint32_t kind, bool delta, uint64_t base_sum)
{
        struct snap_header h;
        memcpy(&h, at, sizeof(h));
        memcpy(h.magic, SNAP_MAGIC, sizeof(h.magic));
        h.version = SNAP_VERSION;
        h.byte_order = SNAP_BYTE_ORDER;
        h.kind = kind;
        h.flags = delta ? SNAP_DELTA : 0;
        h.size = size;
        h.generation = 7;
        h.base_generation = delta ? 7 : 0;
        h.base_sum = base_sum;
        memcpy(at, &h, sizeof(h));
        h.sum = snap_image_sum(at, size);
        memcpy(at, &h, sizeof(h));
        return h.sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        uint32_t first;
        if (size < sizeof(first))
                return 0;
        memcpy(&first, data, sizeof(first));
        size -= sizeof(first);
        first = first > size ? (uint32_t)size : first;
        const size_t second = size - first;
        uint8_t *base = malloc(first + 1u), *delta = malloc(second + 1); /* aligned, each by itself */
        CHECK(base && delta);
        memcpy(base, data + sizeof(first), first);
        memcpy(delta, data + sizeof(first) + first, second);
        for (unsigned k = 0; k < SNAP_ACCOUNTS; k++)
                ask(base, first, delta, second, (enum snap_kind)k);
        if (first >= sizeof(struct snap_header) && second >= sizeof(struct snap_header)) {
                const uint32_t kind = ((const struct snap_header *)(const void *)base)->kind % SNAP_ACCOUNTS;
                const uint64_t sum = repair(base, first, kind, false, 0);
                repair(delta, second, kind, true, sum);
                ask(base, first, delta, second, (enum snap_kind)kind);
        }
        free(base);
        free(delta);
        return 0;
}
