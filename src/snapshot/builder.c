#include "snapshot/builder-internal.h"

#include "snapshot/verify.h"
#include "sys/random.h"

#include <errno.h>
#include <stdlib.h>

int snap_builder_new(enum snap_kind kind, struct snap_builder **ret_builder)
{
        struct snap_builder *b = calloc(1, sizeof(*b));
        if (!b)
                return ENOMEM;
        b->kind = kind;
        buf_init(&b->image, SNAP_SIZE_MAX);
        buf_init(&b->gids, SNAP_SIZE_MAX);
        if (!buf_add(&b->image, sizeof(struct snap_header))) {
                free(b);
                return ENOMEM;
        }
        *ret_builder = b;
        return 0;
}

void snap_builder_free(struct snap_builder *b)
{
        if (!b)
                return;
        buf_done(&b->image);
        buf_done(&b->gids);
        free(b);
}

void snap_builder_delta(struct snap_builder *b, uint64_t base_generation, uint64_t base_sum)
{
        b->base_generation = base_generation;
        b->base_sum = base_sum;
}

const uint64_t *snap_builder_contested(const struct snap_builder *b, size_t *ret_count, bool *ret_all)
{
        *ret_count = b->contested_count;
        *ret_all = !b->contested_more;
        return b->contested;
}

struct snap_counts snap_builder_counts(const struct snap_builder *b)
{
        return b->counts;
}

/* -- adding
 * -------------------------------------------------------------------------------------------------------- */
static bool is_field(struct bytes s)
{
        return bytes_find(s, '\0') == s.len && bytes_find(s, ':') == s.len && bytes_find(s, '\n') == s.len;
}

static bool are_names(const struct bytes *names, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (names[i].len == 0 || !is_field(names[i]))
                        return false;
        return n > 0;
}

size_t snap_packed(const struct bytes *strings, size_t n, size_t max)
{
        size_t total = 0;
        for (size_t i = 0; i < n; i++) {
                if (strings[i].len >= max || total > max - strings[i].len - 1)
                        return SIZE_MAX;
                total += strings[i].len + 1;
        }
        return total;
}

uint8_t *snap_pack(uint8_t *to, struct bytes s)
{
        if (s.len)
                memcpy(to, s.data, s.len);
        to[s.len] = '\0';
        return to + s.len + 1;
}

/* Room for one more record of `size` bytes, cleared, and for its keys. NULL with *ret_error. */
static uint8_t *record_add(struct snap_builder *b, uint64_t size, size_t name_count, int *ret_error)
{
        const uint64_t whole = snap_round(size, SNAP_UNIT);
        if (b->image.len + whole > SNAP_SIZE_MAX || b->name_count + name_count > SNAP_KEYS_MAX) {
                *ret_error = E2BIG;
                return NULL;
        }
        uint8_t *p = buf_add(&b->image, whole);
        if (!p) {
                *ret_error = ENOMEM;
                return NULL;
        }
        memset(p, 0, whole);
        b->name_count += name_count;
        b->record_count++;
        return p;
}

static uint32_t flags_for(bool enumerate, bool gone)
{
        return gone ? SNAP_RECORD_GONE : enumerate ? SNAP_RECORD_LISTED : 0;
}

int snap_add_user(struct snap_builder *b, const struct snap_user *user)
{
        const struct bytes text[] = {user->name_count ? user->names[0] : BYTES_NONE,
                                     user->has_hash ? BYTES_LIT("x") : BYTES_LIT("*"), user->gecos, user->dir,
                                     user->shell};
        int err = 0;
        if (b->kind != SNAP_PASSWD || b->built || (user->gone && !b->base_generation) ||
            !are_names(user->names, user->name_count) || !is_field(user->gecos) || !is_field(user->dir) ||
            !is_field(user->shell))
                return EINVAL;
        const size_t text_len = snap_packed(text, 5, SNAP_TEXT_MAX);
        const size_t aliases_len = snap_packed(user->names + 1, user->name_count - 1, SNAP_TEXT_MAX);
        if (text_len == SIZE_MAX || aliases_len == SIZE_MAX)
                return E2BIG;
        struct snap_user_bytes r = {.uid = user->uid,
                                    .gid = user->gid,
                                    .text = (uint16_t)text_len,
                                    .flags = (uint16_t)flags_for(user->enumerate, user->gone),
                                    .aliases = (uint32_t)aliases_len};
        uint8_t *p = record_add(b, sizeof(r) + text_len + aliases_len, user->name_count, &err);
        if (!p)
                return err;
        uint16_t *const positions[] = {NULL, &r.password, &r.gecos, &r.dir, &r.shell};
        uint8_t *const begin = p + sizeof(r);
        uint8_t *to = begin;
        for (unsigned i = 0; i < 5; i++) {
                if (positions[i])
                        *positions[i] = (uint16_t)(to - begin);
                to = snap_pack(to, text[i]);
        }
        for (size_t i = 1; i < user->name_count; i++)
                to = snap_pack(to, user->names[i]);
        memcpy(p, &r, sizeof(r));
        return 0;
}

static bool are_members(const struct bytes *members, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (members[i].len == 0 || !is_field(members[i]) ||
                    bytes_find(members[i], ',') != members[i].len)
                        return false;
        return true;
}

int snap_add_group(struct snap_builder *b, const struct snap_group *group)
{
        const struct bytes head[] = {group->name_count ? group->names[0] : BYTES_NONE,
                                     group->has_hash ? BYTES_LIT("x") : BYTES_LIT("*")};
        int err = 0;
        if (b->kind != SNAP_GROUP || b->built || (group->gone && !b->base_generation) ||
            !are_names(group->names, group->name_count) || !are_members(group->members, group->member_count))
                return EINVAL;
        const size_t head_len = snap_packed(head, 2, SNAP_TEXT_MAX);
        const size_t members_len =
                snap_packed(group->members, group->member_count, SNAP_GROUP_MAX - SNAP_TEXT_MAX);
        const size_t aliases_len = snap_packed(group->names + 1, group->name_count - 1, SNAP_TEXT_MAX);
        if (head_len == SIZE_MAX || members_len == SIZE_MAX || aliases_len == SIZE_MAX)
                return E2BIG;
        const struct snap_group_bytes r = {.gid = group->gid,
                                           .text = (uint32_t)(head_len + members_len),
                                           .password = (uint32_t)head[0].len + 1,
                                           .members = (uint32_t)group->member_count,
                                           .flags = flags_for(group->enumerate, group->gone),
                                           .aliases = (uint32_t)aliases_len};
        const size_t words = group->member_count * sizeof(uint32_t);
        uint8_t *p = record_add(b, sizeof(r) + words + r.text + aliases_len, group->name_count, &err);
        if (!p)
                return err;
        b->member_count += group->member_count;
        memcpy(p, &r, sizeof(r));
        uint8_t *const begin = p + sizeof(r) + words;
        uint8_t *to = snap_pack(snap_pack(begin, head[0]), head[1]);
        for (size_t i = 0; i < group->member_count; i++) {
                const uint32_t position = (uint32_t)(to - begin);
                memcpy(p + sizeof(r) + i * sizeof(position), &position, sizeof(position));
                to = snap_pack(to, group->members[i]);
        }
        for (size_t i = 1; i < group->name_count; i++)
                to = snap_pack(to, group->names[i]);
        return 0;
}

int snap_add_shadow(struct snap_builder *b, const struct snap_shadow *shadow)
{
        const struct bytes text[] = {shadow->name_count ? shadow->names[0] : BYTES_NONE, shadow->hash};
        int err = 0;
        if (b->kind != SNAP_SHADOW || b->built || (shadow->gone && !b->base_generation) ||
            !are_names(shadow->names, shadow->name_count) || !is_field(shadow->hash))
                return EINVAL;
        const size_t text_len = snap_packed(text, 2, SNAP_TEXT_MAX);
        const size_t aliases_len = snap_packed(shadow->names + 1, shadow->name_count - 1, SNAP_TEXT_MAX);
        if (text_len == SIZE_MAX || aliases_len == SIZE_MAX)
                return E2BIG;
        const struct snap_shadow_bytes r = {.last_change = shadow->last_change,
                                            .min = shadow->min,
                                            .max = shadow->max,
                                            .warn = shadow->warn,
                                            .inactive = shadow->inactive,
                                            .expire = shadow->expire,
                                            .flag = shadow->flag,
                                            .text = (uint16_t)text_len,
                                            .hash = (uint16_t)(text[0].len + 1),
                                            .flags = (uint16_t)flags_for(shadow->enumerate, shadow->gone),
                                            .aliases = (uint32_t)aliases_len};
        uint8_t *p = record_add(b, sizeof(r) + text_len + aliases_len, shadow->name_count, &err);
        if (!p)
                return err;
        memcpy(p, &r, sizeof(r));
        uint8_t *to = snap_pack(snap_pack(p + sizeof(r), text[0]), text[1]);
        for (size_t i = 1; i < shadow->name_count; i++)
                to = snap_pack(to, shadow->names[i]);
        return 0;
}

int snap_add_gids(struct snap_builder *b, struct bytes name, const uint32_t *gids, size_t n)
{
        if (b->kind != SNAP_GROUP || b->built || !b->base_generation || !are_names(&name, 1) ||
            n > UINT32_MAX / sizeof(*gids))
                return EINVAL;
        if (!snap_put_member(&b->gids, name, gids, n))
                return ENOMEM;
        b->gids_count++;
        return 0;
}

/* -- walking what was added
 * ---------------------------------------------------------------------------------------- */
struct snap_raw snap_raw_at(enum snap_kind kind, uint8_t *at)
{
        struct snap_raw r = {.at = at};
        uint64_t text_len;
        if (kind == SNAP_PASSWD) {
                struct snap_user_bytes *u = (void *)at;
                r.number = u->uid;
                r.flags16 = &u->flags;
                r.first = (const char *)(u + 1);
                r.aliases_len = u->aliases;
                text_len = u->text;
        } else if (kind == SNAP_GROUP) {
                struct snap_group_bytes *g = (void *)at;
                r.number = g->gid;
                r.flags32 = &g->flags;
                r.first = (const char *)(g + 1) + (size_t)g->members * sizeof(uint32_t);
                r.aliases_len = g->aliases;
                text_len = g->text;
        } else {
                struct snap_shadow_bytes *s = (void *)at;
                r.flags16 = &s->flags;
                r.first = (const char *)(s + 1);
                r.aliases_len = s->aliases;
                text_len = s->text;
        }
        r.aliases = r.first + text_len;
        r.size = snap_round((uint64_t)(r.aliases - (const char *)at) + r.aliases_len, SNAP_UNIT);
        return r;
}

static bool raw_has_name(const struct snap_raw *r, const char *name)
{
        if (strcmp(r->first, name) == 0)
                return true;
        for (const char *p = r->aliases; p < r->aliases + r->aliases_len; p += strlen(p) + 1)
                if (strcmp(p, name) == 0)
                        return true;
        return false;
}

static bool raw_has_flag(const struct snap_raw *r, uint32_t flag)
{
        return ((r->flags16 ? *r->flags16 : *r->flags32) & flag) != 0;
}

static bool raw_listed(const struct snap_raw *r)
{
        return raw_has_flag(r, SNAP_RECORD_LISTED);
}

static void raw_unlist(const struct snap_raw *r)
{
        if (r->flags16)
                *r->flags16 = (uint16_t)(*r->flags16 & ~SNAP_RECORD_LISTED);
        else
                *r->flags32 &= ~SNAP_RECORD_LISTED;
}

/* -- tables
 * -------------------------------------------------------------------------------------------------------- */
struct tables {
        uint64_t key[2];
        struct snap_filling names, numbers, members;
};

int snap_filling_init(struct snap_filling *t, uint64_t n)
{
        t->bits = 3;
        while (((uint64_t)1 << t->bits) < 2 * n)
                t->bits++;
        t->buckets = calloc((size_t)1 << (t->bits - 2), sizeof(*t->buckets));
        return t->buckets ? 0 : ENOMEM;
}

void snap_filling_done(struct snap_filling *t)
{
        free(t->buckets);
        *t = (struct snap_filling){0};
}

uint64_t snap_longest_run(const struct snap_filling *t)
{
        const uint64_t n = t->buckets ? (uint64_t)1 << t->bits : 0;
        uint64_t run = 0, longest = 0;
        for (uint64_t i = 0; i < 2 * n; i++) {
                run = *snap_filling_at(t, (uint32_t)(i & (n - 1))) ? run + 1 : 0;
                longest = run > longest ? run : longest;
                if (i >= n && run == 0)
                        break;
        }
        return longest;
}

enum taken { TAKEN_NOW, TAKEN_BEFORE, TAKEN_BY_SELF };

static enum taken contest(struct snap_builder *b, uint64_t hash)
{
        if (b->contested_count < SNAP_CONTESTED_MAX)
                b->contested[b->contested_count++] = hash;
        else
                b->contested_more = true;
        return TAKEN_BEFORE;
}

/* Gives the name to the record at `at` unless an earlier one has it. */
static enum taken take_name(struct snap_builder *b, struct tables *t, const char *name, uint32_t at)
{
        const uint64_t hash = snap_hash_name(t->key, name, strlen(name));
        uint32_t i = snap_filling_home(&t->names, hash);
        for (uint32_t there; (there = *snap_filling_at(&t->names, i)); i = snap_filling_next(&t->names, i)) {
                if (*snap_filling_hash(&t->names, i) != (uint32_t)hash)
                        continue;
                const struct snap_raw r = snap_raw_at(b->kind, b->image.data + (uint64_t)there * SNAP_UNIT);
                if (raw_has_name(&r, name))
                        return there == at ? TAKEN_BY_SELF : contest(b, hash);
        }
        snap_filling_set(&t->names, i, (uint32_t)hash, at);
        return TAKEN_NOW;
}

static enum taken take_number(struct snap_builder *b, struct tables *t, uint32_t number, uint32_t at)
{
        const uint64_t hash = snap_hash_number(t->key, number);
        uint32_t i = snap_filling_home(&t->numbers, hash);
        for (; *snap_filling_at(&t->numbers, i); i = snap_filling_next(&t->numbers, i))
                if (*snap_filling_hash(&t->numbers, i) == number)
                        return contest(b, hash);
        snap_filling_set(&t->numbers, i, number, at);
        return TAKEN_NOW;
}

/* Gives the record its keys. Returns how many it won; *ret_lost: how many it did not. */
static unsigned take_keys(struct snap_builder *b, struct tables *t, const struct snap_raw *r, uint32_t at,
                          unsigned *ret_lost)
{
        unsigned won = 0, lost = 0;
        const enum taken first = take_name(b, t, r->first, at);
        if (first == TAKEN_BEFORE)
                raw_unlist(r);
        won += first == TAKEN_NOW;
        lost += first == TAKEN_BEFORE;
        for (const char *p = r->aliases; p < r->aliases + r->aliases_len; p += strlen(p) + 1) {
                const enum taken alias = take_name(b, t, p, at);
                won += alias == TAKEN_NOW;
                lost += alias == TAKEN_BEFORE;
        }
        if (b->kind != SNAP_SHADOW) {
                const bool number = take_number(b, t, r->number, at) == TAKEN_NOW;
                won += number;
                lost += !number;
        }
        *ret_lost = lost;
        return won;
}

/* Fills the tables of names and numbers in rank order and closes the gaps of records that won nothing.
 * *ret_end: end of the records. */
static void fill(struct snap_builder *b, struct tables *t, uint64_t from_end, uint64_t *ret_end)
{
        uint64_t to = sizeof(struct snap_header);
        b->counts = (struct snap_counts){.lost = b->counts.lost};
        b->contested_count = 0;
        b->contested_more = b->counts.lost != 0; /* with another key, and some are left out already */
        for (uint64_t from = to, size; from < from_end; from += size) {
                struct snap_raw r = snap_raw_at(b->kind, b->image.data + from);
                size = r.size;
                if (from != to) {
                        memmove(b->image.data + to, r.at, size);
                        r = snap_raw_at(b->kind, b->image.data + to);
                }
                const bool gone = raw_has_flag(&r, SNAP_RECORD_GONE);
                unsigned lost;
                if (take_keys(b, t, &r, (uint32_t)(to / SNAP_UNIT), &lost) == 0) {
                        b->counts.lost += !gone;
                        continue;
                }
                b->counts.records++;
                b->counts.gone += gone;
                b->counts.shadowed += !gone && lost != 0;
                b->counts.listed += raw_listed(&r);
                to += size;
        }
        *ret_end = to;
}

static void fill_members(const struct snap_filling *t, const uint64_t key[2], const struct buf *entries,
                         uint64_t entries_at)
{
        for (uint64_t p = 0; p < entries->len;) {
                struct snap_member_bytes m;
                memcpy(&m, entries->data + p, sizeof(m));
                const uint64_t name_at = p + sizeof(m) + (uint64_t)m.gids * sizeof(uint32_t);
                const uint64_t hash = snap_hash_name(key, (const char *)entries->data + name_at, m.name);
                uint32_t i = snap_filling_home(t, hash);
                while (*snap_filling_at(t, i))
                        i = snap_filling_next(t, i);
                snap_filling_set(t, i, (uint32_t)hash, (uint32_t)((entries_at + p) / SNAP_UNIT));
                p += snap_round(sizeof(m) + (uint64_t)m.gids * sizeof(uint32_t) + m.name + 1, SNAP_UNIT);
        }
}

static void tables_done(struct tables *t)
{
        snap_filling_done(&t->names);
        snap_filling_done(&t->numbers);
        snap_filling_done(&t->members);
}

/* One attempt with one key. 0; ENOMEM; EAGAIN when a run is too long. */
static int try_key(struct snap_builder *b, const struct buf *entries, uint32_t users, uint64_t *records_end,
                   struct tables *t)
{
        random_bytes(t->key, sizeof(t->key));
        if (snap_filling_init(&t->names, b->name_count) ||
            (b->kind != SNAP_SHADOW && snap_filling_init(&t->numbers, b->record_count)) ||
            (b->kind == SNAP_GROUP && snap_filling_init(&t->members, users)))
                return ENOMEM;
        fill(b, t, *records_end, records_end);
        if (b->kind == SNAP_GROUP)
                fill_members(&t->members, t->key, entries, *records_end);
        if (snap_longest_run(&t->names) > SNAP_RUN_MAX || snap_longest_run(&t->numbers) > SNAP_RUN_MAX ||
            snap_longest_run(&t->members) > SNAP_RUN_MAX)
                return EAGAIN;
        return 0;
}

/* -- putting it together
 * ------------------------------------------------------------------------------------------- */
bool snap_append_aligned(struct buf *image, uint64_t align)
{
        const uint64_t gap = snap_round(image->len, align) - image->len;
        uint8_t *p = buf_add(image, gap);
        if (p && gap)
                memset(p, 0, gap);
        return p != NULL;
}

bool snap_append_table(struct buf *image, const struct snap_filling *t, struct snap_table *ret_table)
{
        if (!t->buckets) {
                *ret_table = (struct snap_table){0, 0};
                return true;
        }
        if (!snap_append_aligned(image, 64))
                return false;
        *ret_table = (struct snap_table){(uint32_t)(image->len / SNAP_UNIT), t->bits};
        buf_put(image, bytes_of(t->buckets, sizeof(*t->buckets) << (t->bits - 2)));
        return !image->failed;
}

static bool append_list(struct snap_builder *b, uint64_t records_end)
{
        const uint64_t begin = b->image.len;
        uint8_t *p = buf_add(&b->image, (uint64_t)b->counts.listed * sizeof(uint32_t));
        if (!p)
                return false;
        uint64_t size;
        for (uint64_t at = sizeof(struct snap_header); at < records_end; at += size) {
                const struct snap_raw r = snap_raw_at(b->kind, b->image.data + at);
                const uint32_t offset = (uint32_t)(at / SNAP_UNIT);
                size = r.size;
                if (!raw_listed(&r))
                        continue;
                memcpy(p, &offset, sizeof(offset));
                p += sizeof(offset);
        }
        return p == b->image.data + begin + (uint64_t)b->counts.listed * sizeof(uint32_t);
}

static int assemble(struct snap_builder *b, const struct buf *entries, uint32_t users, uint64_t records_end,
                    const struct tables *t)
{
        struct snap_header h = {
                .magic = {'N', 'I', 'S', 'N', 'A', 'P', '\r', '\n'},
                .version = SNAP_VERSION,
                .byte_order = SNAP_BYTE_ORDER,
                .kind = (uint32_t)b->kind,
                .hash_key = {t->key[0], t->key[1]},
                .records = b->counts.records,
                .listed = b->counts.listed,
                .flags = b->base_generation ? SNAP_DELTA : 0,
                .base_generation = b->base_generation,
                .base_sum = b->base_sum,
                .users = users,
        };
        struct buf *image = &b->image;
        buf_truncate(image, records_end);
        buf_put(image, buf_bytes(entries));
        h.list = (uint32_t)(image->len / SNAP_UNIT);
        if (!append_list(b, records_end) || !snap_append_table(image, &t->names, &h.names) ||
            !snap_append_table(image, &t->numbers, &h.numbers) ||
            !snap_append_table(image, &t->members, &h.members) || !snap_append_aligned(image, SNAP_UNIT))
                return image->len > SNAP_SIZE_MAX / 2 ? E2BIG : ENOMEM;
        h.size = image->len;
        memcpy(image->data, &h, sizeof(h));
        b->built = true;
        return 0;
}

static int build(struct snap_builder *b)
{
        struct buf made;
        const struct buf *entries = b->base_generation ? &b->gids : &made;
        struct tables t = {0};
        uint32_t users = b->gids_count;
        uint64_t records_end = b->image.len;
        int err = 0;
        buf_init(&made, SNAP_SIZE_MAX);
        if (b->kind == SNAP_GROUP && !b->base_generation)
                err = snap_index_members(b, &made, &users);
        for (unsigned i = 0; !err && i < SNAP_KEY_TRIES; i++) {
                tables_done(&t);
                err = try_key(b, entries, users, &records_end, &t);
                if (err != EAGAIN)
                        break;
                err = i + 1 < SNAP_KEY_TRIES ? 0 : E2BIG;
        }
        if (!err)
                err = assemble(b, entries, users, records_end, &t);
        tables_done(&t);
        buf_done(&made);
        return err;
}

int snap_build(struct snap_builder *b, uint64_t generation, struct bytes *ret_image)
{
        const int err = b->built ? 0 : b->kind < SNAP_ACCOUNTS ? build(b) : snap_build_map(b);
        if (err)
                return err;
        struct snap_header h;
        memcpy(&h, b->image.data, sizeof(h));
        if (h.generation != generation || h.sum == 0) {
                h.generation = generation;
                memcpy(b->image.data, &h, sizeof(h));
                h.sum = snap_image_sum(b->image.data, b->image.len);
                memcpy(b->image.data, &h, sizeof(h));
        }
        *ret_image = buf_bytes(&b->image);
        return 0;
}
