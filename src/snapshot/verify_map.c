/* Verifying map images: doc/snapshot-format.md 12. */
#include "snapshot/verify-internal.h"

#include <errno.h>
#include <stdlib.h>

struct check {
        struct snap_image image;
        const struct snap_header *header;
        struct snap_findings *f;
        uint32_t *reached; /* offsets of records, with repetitions until they are sorted */
        size_t reached_count;
};

static uint32_t flags_at(const struct check *c, uint32_t at)
{
        const struct snap_map_bytes *r = (const void *)(c->image.base + (uint64_t)at * SNAP_UNIT);
        return r->flags;
}

/* The text must be exactly its strings, back to back. */
static bool text_is_exact(const struct snap_map_view *v)
{
        uint64_t strings = 0;
        for (uint32_t i = 0; i < v->text_len; i++)
                strings += v->text[i] == '\0';
        return strings == 2ull + v->first + v->second && v->text[v->text_len - 1] == '\0' &&
               v->text[0] != '\0';
}

static bool check_key(struct check *c, uint32_t at)
{
        const uint64_t from = (uint64_t)at * SNAP_UNIT;
        const struct snap_key_bytes *k = (const void *)snap_bytes(&c->image, from, sizeof(*k));
        const uint8_t *p = k ? snap_bytes(&c->image, from + sizeof(*k), k->len) : NULL;
        struct snap_map_view v, found;
        if (!p || k->len < 2 || k->len > SNAP_KEY_MAX ||
            snap_map_at(&c->image, k->record, &v) != SNAP_FOUND || !text_is_exact(&v))
                return snap_fault(c->f, "the key at offset %u or its record is damaged", at);
        if (snap_map_by_key(&c->image, p, k->len, &found) != SNAP_FOUND || found.text != v.text)
                return snap_fault(c->f, "a key of '%.64s' does not lead to it", v.text);
        c->reached[c->reached_count++] = k->record;
        return true;
}

static bool check_keys(struct check *c)
{
        const uint64_t slots = (uint64_t)1 << c->image.names.bits;
        const struct snap_bucket *buckets =
                (const void *)(c->image.base + (uint64_t)c->image.names.at * SNAP_UNIT);
        for (uint64_t i = 0; i < slots; i++) {
                const uint32_t at = buckets[i / SNAP_BUCKET].at[i % SNAP_BUCKET];
                if (at && !check_key(c, at))
                        return false;
                c->f->keys += at != 0;
        }
        return c->f->keys == c->header->users || snap_fault(c->f, "the header counts %u keys, the table %llu",
                                                            c->header->users, (unsigned long long)c->f->keys);
}

static bool check_records(struct check *c)
{
        uint32_t flagged = 0;
        snap_sort_distinct(c->reached, &c->reached_count);
        for (size_t i = 0; i < c->reached_count; i++)
                flagged += (flags_at(c, c->reached[i]) & SNAP_RECORD_LISTED) != 0;
        if (c->reached_count != c->header->records)
                return snap_fault(c->f, "the header counts %u records, the keys lead to %zu",
                                  c->header->records, c->reached_count);
        return flagged == c->header->listed ||
               snap_fault(c->f, "%u records say that they are listed, the list has %u", flagged,
                          c->header->listed);
}

/* Records that a key leads to, in their order, so that none is there twice. */
static bool check_list(struct check *c)
{
        const uint8_t *list = c->image.base + (uint64_t)c->image.list * SNAP_UNIT;
        uint32_t before = 0;
        for (uint32_t i = 0; i < c->image.listed; i++) {
                const uint32_t at = snap_word(list + (uint64_t)i * sizeof(uint32_t));
                struct snap_map_view v;
                if (at <= before || !bsearch(&at, c->reached, c->reached_count, sizeof(at), snap_by_offset) ||
                    snap_map_listed(&c->image, i, &v) != SNAP_FOUND ||
                    !(flags_at(c, at) & SNAP_RECORD_LISTED))
                        return snap_fault(c->f, "entry %u of the list is damaged", i);
                before = at;
        }
        return true;
}

int snap_verify_map(const void *base, uint64_t size, enum snap_kind kind, struct snap_findings *ret_findings)
{
        struct check c = {.header = base, .f = ret_findings};
        *ret_findings = (struct snap_findings){0};
        if (snap_image_open(base, size, kind, &c.image)) {
                snap_fault(c.f, "the header is not that of an image of this kind, version and size");
                return EBADMSG;
        }
        c.f->generation = c.header->generation;
        c.f->records = c.header->records;
        c.f->listed = c.header->listed;
        c.reached = calloc((size_t)1 << c.image.names.bits, sizeof(*c.reached));
        if (!c.reached)
                return ENOMEM;
        const bool summed =
                snap_image_sum(base, size) == c.header->sum ||
                snap_fault(c.f, "the sum of the file is wrong: its bytes are not what was written");
        const bool good = summed && check_keys(&c) && check_records(&c) && check_list(&c);
        free(c.reached);
        return good ? 0 : EBADMSG;
}
