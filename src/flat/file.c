/* A whole file: its logical lines, and which of them make one record (doc/tools.md 5.1, 6.2). */
#include "flat/flat-internal.h"

#include <stdio.h>
#include <stdlib.h>

#define NONE UINT32_MAX

static bool blank_only(struct bytes b)
{
        return flat_trim(b).len == 0;
}

/* -- logical lines */
struct scan {
        struct bytes text;
        size_t at;
        uint32_t number; /* of the line at `at` */
        enum flat_join join;
};

/* The physical line at `at`, without its end (LF or CR LF), and where the next one begins. */
static struct bytes physical(struct bytes text, size_t at, size_t *ret_next)
{
        const struct bytes rest = bytes_sub(text, at, text.len);
        const size_t end = bytes_find(rest, '\n');
        struct bytes line = bytes_sub(rest, 0, end);
        *ret_next = at + end + (end < rest.len);
        if (line.len && line.data[line.len - 1] == '\r')
                line.len--;
        return line;
}

static bool ends_with_backslash(struct bytes b)
{
        return b.len && b.data[b.len - 1] == '\\';
}

/* The next logical line, continuations still inside. */
static bool next_line(struct scan *s, struct flat_line *ret)
{
        size_t next;
        if (s->at >= s->text.len)
                return false;
        struct bytes line = physical(s->text, s->at, &next);
        const bool comment = line.len && line.data[0] == '#';
        const bool nothing = comment || blank_only(line);
        *ret = (struct flat_line){s->number++, (uint32_t)s->at, (uint32_t)line.len, NONE};
        while (!nothing && next < s->text.len) {
                size_t after;
                const struct bytes more = physical(s->text, next, &after);
                const bool backslash = s->join == JOIN_BACKSLASH && ends_with_backslash(line);
                const bool blank = s->join == JOIN_BLANK && more.len &&
                                   (more.data[0] == ' ' || more.data[0] == '\t') && !blank_only(more);
                if (!backslash && !blank)
                        break;
                line = more;
                ret->len = (uint32_t)(next - s->at + line.len);
                next = after;
                s->number++;
        }
        s->at = next;
        return true;
}

/* Joins what next_line left inside: the backslash, or the one blank, goes with the line's end. */
static bool join(enum flat_join how, struct bytes raw, struct arena *a, struct bytes *ret)
{
        if (how == JOIN_NOT || (bytes_find(raw, '\n') == raw.len && !ends_with_backslash(raw))) {
                *ret = raw;
                return true;
        }
        uint8_t *to = arena_alloc(a, raw.len);
        size_t n = 0, next;
        if (!to)
                return false;
        for (size_t at = 0; at < raw.len; at = next) {
                struct bytes part = physical(raw, at, &next);
                if (how == JOIN_BLANK && at)
                        part = bytes_sub(part, 1, part.len);
                if (how == JOIN_BACKSLASH && ends_with_backslash(part))
                        part.len--;
                if (part.len)
                        memcpy(to + n, part.data, part.len);
                n += part.len;
        }
        *ret = bytes_of(to, n);
        return true;
}

/* -- one line to one item */
static enum flat_outcome too_large(struct flat_in *in, enum flat_outcome bad)
{
        in->why->limit = true;
        return bad;
}

static bool fits(const struct proplist *l, struct flat_in *in)
{
        if (l->n > NI_PROPS_MAX)
                return too_large(in, flat_bad(in, "more than %u properties", NI_PROPS_MAX)), false;
        for (uint32_t i = 0; i < l->n; i++) {
                const struct property *p = &l->v[i];
                if (p->values.n > NI_VALUES_MAX)
                        return too_large(in, flat_bad(in, "more than %u values of '%.*s'", NI_VALUES_MAX,
                                                      BYTES_FMT(p->name))),
                               false;
                for (uint32_t k = 0; k < p->values.n; k++)
                        if (p->values.v[k].len > NI_NAME_MAX || p->name.len > NI_NAME_MAX)
                                return too_large(in, flat_bad(in, "a value is longer than %u bytes",
                                                              NI_NAME_MAX)),
                                       false;
        }
        return true;
}

static enum flat_outcome parse(const struct flat_file *file, const struct flat_line *line, struct arena *a,
                               struct flat_item *ret, struct flat_why *why)
{
        struct flat_in in = {.a = a, .strict = file->options.strict, .item = ret, .why = why};
        const struct bytes raw = bytes_sub(file->text, line->at, line->len);
        struct bytes text = raw;
        *ret = (struct flat_item){{NULL, 0}, {NULL, 0}};
        *why = (struct flat_why){.line = line->number};
        if (raw.len > FLAT_LINE_MAX)
                return too_large(&in, flat_bad(&in, "the line is longer than %u bytes", FLAT_LINE_MAX));
        if (bytes_find(raw, 0) != raw.len)
                return flat_bad(&in, "the line holds a NUL byte: this is no text");
        if ((raw.len && raw.data[0] == '#') || blank_only(raw))
                return FLAT_NOTHING;
        enum flat_outcome outcome = FLAT_BAD;
        if (join(file->format->join, raw, a, &text)) {
                if (in.strict && bytes_find(text, '\r') != text.len)
                        return flat_bad(&in, "the line holds a carriage return that does not end it");
                if (in.strict && file->format->join == JOIN_BACKSLASH && ends_with_backslash(flat_trim(text)))
                        return flat_bad(&in,
                                        "blanks stand behind the backslash that should continue the line");
                outcome = file->format->parse(&in, text);
        }
        if (a->failed)
                return too_large(&in, flat_bad(&in, "there is not enough memory for this line"));
        if (outcome != FLAT_ITEM)
                return outcome;
        if (!fits(&ret->props, &in) || !flat_sort(&ret->props, a) || !flat_sort(&ret->initial, a))
                return FLAT_BAD;
        const struct bytes name = flat_identity_of(file->format, &ret->props).name;
        if (name.len == 0)
                return flat_bad(&in, "the name is empty");
        if (in.strict && name.data[0] == '#')
                return flat_bad(&in, "the name begins with '#': a comment must begin in the first column");
        return FLAT_ITEM;
}

/* -- the table of identities */
static uint32_t hash_of(const struct flat_file *file, struct flat_identity id)
{
        const uint64_t h = siphash13(file->options.key, id.name.data, id.name.len);
        return (uint32_t)(id.port.len ? h ^ siphash24(file->options.key, id.port.data, id.port.len) : h);
}

/* Does entry i, whose hash is the same, bear this identity? Its first line is read again to see. */
static bool is_entry(const struct flat_file *file, uint32_t i, struct flat_identity id, struct arena *a)
{
        struct flat_item item;
        struct flat_why why;
        if (parse(file, &file->line[file->entry[i].first], a, &item, &why) != FLAT_ITEM)
                return false;
        const struct flat_identity other = flat_identity_of(file->format, &item.props);
        return bytes_eq(id.name, other.name) && bytes_eq(id.port, other.port);
}

/* The slot of an identity, or the free one where it belongs. */
static uint32_t *slot_of(const struct flat_file *file, struct flat_identity id, uint32_t hash,
                         struct arena *a)
{
        for (uint32_t at = hash & file->table_mask;; at = (at + 1) & file->table_mask) {
                const uint32_t slot = file->table[at];
                if (!slot || (file->entry[slot - 1].hash == hash && is_entry(file, slot - 1, id, a)))
                        return &file->table[at];
        }
}

static bool rehash(struct flat_file *file, uint32_t slots)
{
        uint32_t *table = calloc(slots, sizeof(*table));
        if (!table)
                return false;
        for (uint32_t i = 0; i < file->entry_count; i++) {
                uint32_t at = file->entry[i].hash & (slots - 1);
                while (table[at])
                        at = (at + 1) & (slots - 1);
                table[at] = i + 1;
        }
        free(file->table);
        file->table = table;
        file->table_mask = slots - 1;
        return true;
}

static bool room_for(void **v, uint32_t *room, uint32_t need, size_t size)
{
        if (need <= *room)
                return true;
        const uint32_t more = *room ? *room * 2 : 64;
        void *p = more > *room ? realloc(*v, more * size) : NULL;
        if (!p)
                return false;
        *v = p;
        *room = more;
        return true;
}

/* Strict files must not say two things of one record: lists may grow, single values must agree. */
static bool agree(const struct flat_file *file, uint32_t entry, const struct flat_item *item, struct arena *a,
                  struct flat_why *why)
{
        const struct flat_line *before = &file->line[file->entry[entry].first];
        struct flat_item first;
        struct flat_why ignored;
        if (parse(file, before, a, &first, &ignored) != FLAT_ITEM)
                return false;
        for (uint32_t i = 0; i < item->props.n; i++) {
                const struct property *p = &item->props.v[i], *q = proplist_get(&first.props, p->name);
                if (!q || flat_is_list(p->name) ||
                    flat_same(&(struct proplist){&(struct property){p->name, p->values}, 1},
                              &(struct proplist){&(struct property){q->name, q->values}, 1}))
                        continue;
                snprintf(why->text, sizeof(why->text),
                         "'%.*s' stands in line %u too, with another %.*s: keep one of the two",
                         BYTES_FMT(bytes_sub(proplist_first(&item->props, "name"), 0, 60)), before->number,
                         BYTES_FMT(bytes_sub(p->name, 0, 60)));
                return false;
        }
        return true;
}

static bool no_memory(struct flat_why *why)
{
        snprintf(why->text, sizeof(why->text), "there is not enough memory for this file");
        return false;
}

static bool add_line(struct flat_file *file, struct flat_line line, const struct flat_item *item,
                     struct arena *a, struct flat_why *why)
{
        if (!room_for((void **)&file->line, &file->line_room, file->line_count + 1, sizeof(*file->line)) ||
            !room_for((void **)&file->entry, &file->entry_room, file->entry_count + 1, sizeof(*file->entry)))
                return no_memory(why);
        const struct flat_identity id = flat_identity_of(file->format, &item->props);
        const uint32_t hash = hash_of(file, id);
        uint32_t *slot = slot_of(file, id, hash, a);
        if (a->failed)
                return no_memory(why);
        const uint32_t at = file->line_count;
        if (*slot) {
                struct flat_entry *e = &file->entry[*slot - 1];
                if (file->options.strict && !agree(file, *slot - 1, item, a, why))
                        return false;
                file->line[e->last].next = at;
                e->last = at;
        } else {
                file->entry[file->entry_count++] = (struct flat_entry){at, at, hash};
                *slot = file->entry_count;
        }
        file->line[file->line_count++] = line;
        if (file->entry_count * 2 <= file->table_mask)
                return true;
        return rehash(file, (file->table_mask + 1) * 2) || no_memory(why);
}

/* Is this the line after which a bootptab begins to count? */
static bool is_percent(const struct flat_file *file, const struct flat_line *line)
{
        return bytes_starts(bytes_sub(file->text, line->at, line->len), "%%");
}

static bool read_lines(struct flat_file *file, bool with_header, struct arena *a, struct flat_why *why)
{
        struct scan s = {file->text, 0, file->options.lines_before + 1, file->format->join};
        struct flat_line line;
        struct flat_item item;
        bool counts = !file->format->after_percent || !with_header || file->options.header_seen;
        while (next_line(&s, &line)) {
                arena_reset(a);
                if (!counts) {
                        counts = is_percent(file, &line);
                        continue;
                }
                const enum flat_outcome outcome = parse(file, &line, a, &item, why);
                if (outcome == FLAT_BAD) {
                        if (file->options.strict)
                                return false;
                        file->skipped++;
                        if (file->options.skipped)
                                file->options.skipped(file->options.context, why);
                }
                if (outcome == FLAT_ITEM && !add_line(file, line, &item, a, why))
                        return false;
        }
        file->lines = s.number - 1;
        file->header_seen = counts;
        if (!counts && file->options.strict && !blank_only(file->text)) {
                *why = (struct flat_why){
                        .text = "there is no line that begins with %%, so nothing would be read"};
                return false;
        }
        return true;
}

static bool read_file(struct flat_file *ret, const struct flat_format *f, struct bytes text, bool with_header,
                      const struct flat_options *o, struct flat_why *ret_why)
{
        struct flat_file file = {.format = f, .options = *o, .text = text};
        struct flat_why why = {.line = 0};
        struct arena a;
        arena_init(&a, LIMIT_ARENA);
        bool ok = false;
        if (text.len > FLAT_TEXT_MAX)
                snprintf(why.text, sizeof(why.text), "the file is larger than %zu MiB: split it",
                         FLAT_TEXT_MAX >> 20);
        else
                ok = rehash(&file, 64) ? read_lines(&file, with_header, &a, &why) : no_memory(&why);
        arena_done(&a);
        if (!ok) {
                flat_file_done(&file);
                file = (struct flat_file){.format = f};
                *ret_why = why;
        }
        *ret = file;
        return ok;
}

bool flat_file_read(struct flat_file *ret, const struct flat_format *f, struct bytes text,
                    const struct flat_options *o, struct flat_why *ret_why)
{
        return read_file(ret, f, text, true, o, ret_why);
}

bool flat_comes_back(const struct flat_format *f, struct bytes text, struct flat_why *ret_why)
{
        const struct flat_options strict = {.strict = true};
        struct flat_file file;
        if (!read_file(&file, f, text, false, &strict, ret_why))
                return false;
        const bool one = file.entry_count == 1;
        if (!one)
                *ret_why = (struct flat_why){.text = "its lines would read as more than one record"};
        flat_file_done(&file);
        return one;
}

void flat_file_done(struct flat_file *file)
{
        free(file->line);
        free(file->entry);
        free(file->table);
        *file = (struct flat_file){.format = file->format};
}

bool flat_file_find(const struct flat_file *file, struct flat_identity id, uint32_t *ret_entry)
{
        struct arena a;
        if (!file->table)
                return false;
        arena_init(&a, 0);
        const uint32_t slot = *slot_of(file, id, hash_of(file, id), &a);
        arena_done(&a);
        if (slot)
                *ret_entry = slot - 1;
        return slot != 0;
}

/* The values that all lines of an entry give one key. */
static struct namelist gather(const struct flat_item *items, uint32_t n, uint32_t from, struct bytes key,
                              struct arena *a)
{
        struct namelist all = {NULL, 0};
        size_t total = 0;
        for (uint32_t i = from; i < n; i++) {
                const struct property *p = proplist_get(&items[i].props, key);
                total += p ? p->values.n : 0;
        }
        all.v = arena_zalloc(a, total, sizeof(*all.v));
        for (uint32_t i = from; all.v && i < n; i++) {
                const struct property *p = proplist_get(&items[i].props, key);
                for (uint32_t k = 0; p && k < p->values.n; k++)
                        all.v[all.n++] = p->values.v[k];
        }
        return flat_union(all, (struct namelist){NULL, 0}, a);
}

/* Unites the items of several lines: every key of any line, its values in input order without repetition. */
static bool combine(const struct flat_item *items, uint32_t n, struct arena *a, struct flat_item *ret)
{
        struct flat_item all = {{NULL, 0}, items[0].initial};
        size_t keys = 0;
        for (uint32_t i = 0; i < n; i++)
                keys += items[i].props.n;
        all.props.v = arena_zalloc(a, keys, sizeof(*all.props.v));
        if (!all.props.v)
                return false;
        for (uint32_t i = 0; i < n; i++)
                for (uint32_t k = 0; k < items[i].props.n; k++)
                        if (!proplist_get(&all.props, items[i].props.v[k].name))
                                all.props.v[all.props.n++] =
                                        (struct property){items[i].props.v[k].name,
                                                          gather(items, n, i, items[i].props.v[k].name, a)};
        if (a->failed || !flat_sort(&all.props, a))
                return false;
        *ret = all;
        return true;
}

bool flat_file_item(const struct flat_file *file, uint32_t i, struct arena *a, struct flat_item *ret)
{
        struct flat_item *items;
        struct flat_why why;
        uint32_t n = 0;
        for (uint32_t at = file->entry[i].first; at != NONE; at = file->line[at].next)
                n++;
        items = arena_zalloc(a, n, sizeof(*items));
        if (!items)
                return false;
        n = 0;
        for (uint32_t at = file->entry[i].first; at != NONE; at = file->line[at].next)
                if (parse(file, &file->line[at], a, &items[n++], &why) != FLAT_ITEM)
                        return false;
        if (n > 1)
                return combine(items, n, a, ret);
        *ret = items[0];
        return true;
}
