#include "snapshot/verify-internal.h"

#include "snapshot/hash.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define TRUSTED_LIST                                                                          \
        1024u /* longer group lists are not searched for each member: that would be quadratic \
               */

struct check {
        struct snap_image image;
        struct snap_pair pair; /* of a delta: with what it lies upon; else only the image */
        bool delta;
        enum snap_kind kind;
        const struct snap_header *header;
        struct snap_findings *f;
        uint32_t *reached; /* offsets of records, with repetitions until they are sorted */
        size_t reached_count;
};

bool snap_fault(struct snap_findings *f, const char *format, ...)
{
        va_list ap;
        va_start(ap, format);
        vsnprintf(f->what, sizeof(f->what), format, ap);
        va_end(ap);
        return false;
}

/* A record seen the same way whatever its kind. */
struct entry {
        uint32_t number;
        const char *text, *aliases;
        uint32_t text_len, aliases_len;
        struct snap_group_view group;
        uint32_t positions[5]; /* of the strings that the header names */
        unsigned position_count;
        bool listed, gone;
};

static uint32_t flags_of(const struct check *c, uint32_t at)
{
        const uint8_t *p = c->image.base + (uint64_t)at * SNAP_UNIT;
        if (c->kind == SNAP_PASSWD)
                return ((const struct snap_user_bytes *)(const void *)p)->flags;
        if (c->kind == SNAP_GROUP)
                return ((const struct snap_group_bytes *)(const void *)p)->flags;
        return ((const struct snap_shadow_bytes *)(const void *)p)->flags;
}

static bool entry_at(const struct check *c, uint32_t at, struct entry *ret)
{
        struct snap_user_view u;
        struct snap_shadow_view s;
        enum snap_result r;
        if (c->kind == SNAP_PASSWD) {
                r = snap_user_at(&c->image, at, &u);
                if (r == SNAP_FOUND)
                        *ret = (struct entry){.number = u.uid,
                                              .text = u.text,
                                              .aliases = u.aliases,
                                              .text_len = u.text_len,
                                              .aliases_len = u.aliases_len,
                                              .positions = {0, u.password, u.gecos, u.dir, u.shell},
                                              .position_count = 5};
        } else if (c->kind == SNAP_GROUP) {
                struct snap_group_view g;
                r = snap_group_at(&c->image, at, &g);
                if (r == SNAP_FOUND)
                        *ret = (struct entry){.number = g.gid,
                                              .text = g.text,
                                              .aliases = g.aliases,
                                              .text_len = g.text_len,
                                              .aliases_len = g.aliases_len,
                                              .group = g,
                                              .positions = {0, g.password},
                                              .position_count = 2};
        } else {
                r = snap_shadow_at(&c->image, at, &s);
                if (r == SNAP_FOUND)
                        *ret = (struct entry){.text = s.text,
                                              .aliases = s.aliases,
                                              .text_len = s.text_len,
                                              .aliases_len = s.aliases_len,
                                              .positions = {0, s.hash},
                                              .position_count = 2};
        }
        if (r == SNAP_FOUND) {
                ret->listed = (flags_of(c, at) & SNAP_RECORD_LISTED) != 0;
                ret->gone = (flags_of(c, at) & SNAP_RECORD_GONE) != 0;
        }
        return r == SNAP_FOUND;
}

/* The text must be exactly its strings, back to back. */
static bool text_is_exact(const struct entry *e)
{
        uint32_t at = 0;
        const uint32_t strings = e->position_count + e->group.member_count;
        for (uint32_t i = 0; i < strings; i++) {
                const uint32_t position =
                        i < e->position_count
                                ? e->positions[i]
                                : snap_word(e->group.members + (uint64_t)(i - e->position_count) * 4);
                if (position != at || at >= e->text_len)
                        return false;
                const char *nul = memchr(e->text + at, '\0', e->text_len - at);
                if (!nul)
                        return false;
                at = (uint32_t)(nul + 1 - e->text);
        }
        return at == e->text_len && (e->aliases_len == 0 || e->aliases[e->aliases_len - 1] == '\0') &&
               e->text[0] != '\0';
}

/* What a lookup by this name answers: the text of the record, or NULL. */
static const char *answer_to_name(const struct check *c, const char *name)
{
        struct snap_user_view u;
        struct snap_group_view g;
        struct snap_shadow_view s;
        const size_t len = strlen(name);
        if (c->kind == SNAP_PASSWD)
                return snap_user_by_name(&c->image, name, len, &u) == SNAP_FOUND ? u.text : NULL;
        if (c->kind == SNAP_GROUP)
                return snap_group_by_name(&c->image, name, len, &g) == SNAP_FOUND ? g.text : NULL;
        return snap_shadow_by_name(&c->image, name, len, &s) == SNAP_FOUND ? s.text : NULL;
}

static const char *answer_to_number(const struct check *c, uint32_t number)
{
        struct snap_user_view u;
        struct snap_group_view g;
        if (c->kind == SNAP_PASSWD)
                return snap_user_by_uid(&c->image, number, &u) == SNAP_FOUND ? u.text : NULL;
        return snap_group_by_gid(&c->image, number, &g) == SNAP_FOUND ? g.text : NULL;
}

/* Slot i of a table. */
static uint32_t slot_hash(const struct check *c, const struct snap_table *t, uint64_t i)
{
        const struct snap_bucket *b = (const void *)(c->image.base + (uint64_t)t->at * SNAP_UNIT);
        return b[i / SNAP_BUCKET].hash[i % SNAP_BUCKET];
}

static uint32_t slot_at(const struct check *c, const struct snap_table *t, uint64_t i)
{
        const struct snap_bucket *b = (const void *)(c->image.base + (uint64_t)t->at * SNAP_UNIT);
        return b[i / SNAP_BUCKET].at[i % SNAP_BUCKET];
}

/* The record's name whose hash stands in the slot; NULL when there is none. */
static const char *name_for_slot(const struct check *c, const struct entry *e, uint32_t hash,
                                 const char *answer)
{
        if ((uint32_t)snap_hash_name(c->image.key, e->text, strlen(e->text)) == hash &&
            answer_to_name(c, e->text) == answer)
                return e->text;
        for (const char *p = e->aliases; p < e->aliases + e->aliases_len; p += strlen(p) + 1)
                if ((uint32_t)snap_hash_name(c->image.key, p, strlen(p)) == hash &&
                    answer_to_name(c, p) == answer)
                        return p;
        return NULL;
}

static bool check_names(struct check *c)
{
        const struct snap_table *t = &c->image.names;
        const uint64_t n = (uint64_t)1 << c->image.names.bits;
        for (uint64_t i = 0; i < n; i++) {
                struct entry e;
                const uint32_t at = slot_at(c, t, i), hash = slot_hash(c, t, i);
                if (!at)
                        continue;
                if (!entry_at(c, at, &e) || !text_is_exact(&e))
                        return snap_fault(c->f, "the record at offset %u is damaged", at);
                if (!name_for_slot(c, &e, hash, e.text))
                        return snap_fault(
                                c->f, "slot %llu of the names does not lead to a name of its record '%.64s'",
                                (unsigned long long)i, e.text);
                c->reached[c->reached_count++] = at;
                c->f->keys++;
        }
        return true;
}

static bool check_numbers(struct check *c)
{
        if (!c->image.numbers.at)
                return true;
        const struct snap_table *t = &c->image.numbers;
        const uint64_t n = (uint64_t)1 << c->image.numbers.bits;
        for (uint64_t i = 0; i < n; i++) {
                struct entry e;
                const uint32_t at = slot_at(c, t, i), hash = slot_hash(c, t, i);
                if (!at)
                        continue;
                if (!entry_at(c, at, &e) || !text_is_exact(&e))
                        return snap_fault(c->f, "the record at offset %u is damaged", at);
                if (e.number != hash || answer_to_number(c, e.number) != e.text)
                        return snap_fault(c->f, "number %u does not lead to its record '%.64s'", hash,
                                          e.text);
                c->reached[c->reached_count++] = at;
                c->f->keys++;
        }
        return true;
}

static bool check_members(struct check *c)
{
        uint32_t users = 0;
        if (!c->image.members.at)
                return c->header->users == 0 ||
                       snap_fault(c->f,
                                  "the header counts %u members of groups, but there is no table of them",
                                  c->header->users);
        const struct snap_table *t = &c->image.members;
        const uint64_t n = (uint64_t)1 << c->image.members.bits;
        for (uint64_t i = 0; i < n; i++) {
                const uint32_t at = slot_at(c, t, i);
                if (!at)
                        continue;
                const uint64_t from = (uint64_t)at * SNAP_UNIT;
                const struct snap_member_bytes *m = (const void *)snap_bytes(&c->image, from, sizeof(*m));
                const uint8_t *p =
                        m ? snap_bytes(&c->image, from + sizeof(*m), (uint64_t)m->gids * 4 + m->name + 1ull)
                          : NULL;
                struct snap_gids_view v;
                if (!p)
                        return snap_fault(c->f, "the group list at offset %u is damaged", at);
                const char *name = (const char *)p + (uint64_t)m->gids * 4;
                if (m->name == 0 || strnlen(name, m->name + 1ull) != m->name ||
                    snap_gids_by_name(&c->image, name, m->name, &v) != SNAP_FOUND || v.gids != p)
                        return snap_fault(c->f, "the group list at offset %u does not belong to its name",
                                          at);
                if (m->gids == 0 && !c->delta)
                        return snap_fault(c->f, "the group list of '%.64s' is empty", name);
                users++;
                c->f->keys++;
        }
        return users == c->header->users ||
               snap_fault(c->f, "the header counts %u members of groups, the table %u", c->header->users,
                          users);
}

int snap_by_offset(const void *a, const void *b)
{
        const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
        return (x > y) - (x < y);
}

void snap_sort_distinct(uint32_t *v, size_t *n)
{
        size_t kept = 0;
        qsort(v, *n, sizeof(*v), snap_by_offset);
        for (size_t i = 0; i < *n; i++)
                if (i == 0 || v[i] != v[i - 1])
                        v[kept++] = v[i];
        *n = kept;
}

/* Does every member of this group have its gid? */
static bool check_group_members(struct check *c, const struct entry *e)
{
        for (uint32_t i = 0; i < e->group.member_count; i++) {
                const char *name = e->text + snap_word(e->group.members + (uint64_t)i * 4);
                struct snap_gids_view v;
                if (snap_pair_gids_by_name(&c->pair, name, strlen(name), &v) != SNAP_FOUND)
                        return snap_fault(c->f, "'%.64s' is a member of '%.64s' but has no group list", name,
                                          e->text);
                bool there = v.count > TRUSTED_LIST;
                for (uint32_t k = 0; k < v.count && !there; k++)
                        there = snap_word(v.gids + (uint64_t)k * 4) == e->number;
                if (!there)
                        return snap_fault(
                                c->f, "'%.64s' is a member of '%.64s', but its group list does not say so",
                                name, e->text);
        }
        return true;
}

static bool check_records(struct check *c)
{
        uint32_t flagged = 0;
        snap_sort_distinct(c->reached, &c->reached_count);
        if (c->reached_count != c->header->records)
                return snap_fault(c->f, "the header counts %u records, the tables lead to %zu",
                                  c->header->records, c->reached_count);
        for (size_t i = 0; i < c->reached_count; i++) {
                struct entry e;
                if (!entry_at(c, c->reached[i], &e))
                        return snap_fault(c->f, "the record at offset %u is damaged", c->reached[i]);
                flagged += e.listed;
                if (e.gone && (e.listed || !c->delta))
                        return snap_fault(c->f, "the record '%.64s' is said to be gone where none can be",
                                          e.text);
                if (c->kind == SNAP_GROUP && !e.gone && !check_group_members(c, &e))
                        return false;
        }
        return flagged == c->header->listed ||
               snap_fault(c->f, "%u records say that they are listed, the list has %u", flagged,
                          c->header->listed);
}

static bool check_list(struct check *c)
{
        const uint8_t *list = c->image.base + (uint64_t)c->image.list * SNAP_UNIT;
        size_t n = c->image.listed;
        for (uint32_t i = 0; i < c->image.listed; i++) {
                struct entry e;
                const uint32_t at = snap_word(list + (uint64_t)i * 4);
                if (!entry_at(c, at, &e) || !text_is_exact(&e))
                        return snap_fault(c->f, "entry %u of the list is damaged", i);
                if (!e.listed || answer_to_name(c, e.text) != e.text)
                        return snap_fault(c->f,
                                          "entry %u of the list, '%.64s', is not what its name leads to", i,
                                          e.text);
                c->reached[i] = at;
        }
        snap_sort_distinct(c->reached, &n);
        return n == c->image.listed || snap_fault(c->f, "the list repeats records");
}

static int verify(struct check *c, const void *base, uint64_t size)
{
        c->header = base;
        c->f->generation = c->header->generation;
        c->f->records = c->header->records;
        c->f->listed = c->header->listed;
        c->f->users = c->header->users;
        const uint64_t most = ((uint64_t)1 << c->image.names.bits) +
                              (c->image.numbers.at ? (uint64_t)1 << c->image.numbers.bits : 0);
        c->reached = calloc(most > c->image.listed ? most : c->image.listed, sizeof(*c->reached));
        if (!c->reached)
                return ENOMEM;
        const bool summed =
                snap_image_sum(base, size) == c->header->sum ||
                snap_fault(c->f, "the sum of the file is wrong: its bytes are not what was written");
        const bool good = summed && check_names(c) && check_numbers(c) && check_members(c) &&
                          check_records(c) && check_list(c);
        free(c->reached);
        return good ? 0 : EBADMSG;
}

int snap_verify(const void *base, uint64_t size, enum snap_kind kind, struct snap_findings *ret_findings)
{
        if (kind >= SNAP_ACCOUNTS)
                return snap_verify_map(base, size, kind, ret_findings);
        struct check c = {.kind = kind, .f = ret_findings};
        *ret_findings = (struct snap_findings){0};
        if (snap_image_open(base, size, kind, &c.image)) {
                snap_fault(c.f, "the header is not that of an image of this kind, version and size");
                return EBADMSG;
        }
        c.pair.base = c.image;
        return verify(&c, base, size);
}

int snap_verify_delta(const void *delta, uint64_t size, const void *whole, uint64_t whole_size,
                      enum snap_kind kind, struct snap_findings *ret_findings)
{
        struct check c = {.kind = kind, .f = ret_findings, .delta = true};
        *ret_findings = (struct snap_findings){0};
        if (kind >= SNAP_ACCOUNTS) {
                snap_fault(c.f, "a map image is never a delta");
                return EBADMSG;
        }
        if (snap_image_open(whole, whole_size, kind, &c.pair.base)) {
                snap_fault(c.f, "what the delta lies upon is not an image of this kind, version and size");
                return EBADMSG;
        }
        if (snap_delta_open(delta, size, kind, whole, &c.image)) {
                snap_fault(c.f, "the delta is damaged, or does not belong to the image below it");
                return EBADMSG;
        }
        c.pair.delta = c.image;
        return verify(&c, delta, size);
}
