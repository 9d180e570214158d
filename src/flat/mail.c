/* printcap and aliases (doc/tools.md 6.12, 6.15): the two formats that break lines. */
#include "flat/flat-internal.h"

#include <stdlib.h>

#define LINE_WIDTH 72 /* both formats break before a line would pass it */

/* `\072` is a colon (doc/tools.md 6.12). */
static struct bytes unescape(struct flat_in *in, struct bytes b)
{
        size_t n = 0;
        uint8_t *to = arena_alloc(in->a, b.len);
        if (!to)
                return BYTES_NONE;
        for (size_t i = 0; i < b.len; i++) {
                const bool colon = b.len - i >= 4 && memcmp(b.data + i, "\\072", 4) == 0;
                to[n++] = colon ? ':' : b.data[i];
                i += colon ? 3 : 0;
        }
        return bytes_of(to, n);
}

static enum flat_outcome capability(struct flat_in *in, struct bytes cap)
{
        size_t cut = 0;
        while (cut < cap.len && cap.data[cut] != '=' && cap.data[cut] != '#')
                cut++;
        const char *key = arena_str(in->a, flat_trim(bytes_sub(cap, 0, cut)));
        if (!key)
                return FLAT_BAD;
        if (*key == 0)
                return in->strict ? flat_bad(in, "a capability without a name: '%.*s'",
                                             BYTES_FMT(bytes_sub(cap, 0, 60)))
                                  : FLAT_ITEM;
        if (strcmp(key, "name") == 0)
                return in->strict ? flat_bad(in, "a capability cannot be called 'name'") : FLAT_ITEM;
        if (in->strict && strpbrk(key, " \t\r\n"))
                return flat_bad(in, "the capability '%s' holds a blank", key);
        if (cut == cap.len)
                flat_add_list(in, key, NULL, 0);
        else /* the number sign is part of the value */
                flat_add(in, key,
                         unescape(in, bytes_sub(cap, cap.data[cut] == '=' ? cut + 1 : cut, cap.len)));
        return FLAT_ITEM;
}

enum flat_outcome parse_printcap(struct flat_in *in, struct bytes line)
{
        const struct namelist part = flat_split(in, line, ':');
        if (part.n == 0)
                return FLAT_BAD;
        const struct namelist names = flat_split(in, part.v[0], '|');
        uint32_t n = 0;
        for (uint32_t i = 0; i < names.n; i++)
                if (names.v[i].len)
                        names.v[n++] = names.v[i];
        if (n == 0)
                return flat_bad(in, "the printer's name is missing before the first colon");
        flat_add_list(in, "name", names.v, n);
        for (uint32_t i = 1; i < part.n; i++)
                if (part.v[i].len && capability(in, part.v[i]) == FLAT_BAD)
                        return FLAT_BAD;
        return FLAT_ITEM;
}

/* The item `key=value:` into a scratch buffer, colons escaped. */
static void put_capability(struct flat_out *o, const struct property *p, struct buf *item)
{
        const struct bytes v = p->values.n ? p->values.v[0] : BYTES_NONE;
        for (size_t i = 0; i < p->name.len; i++)
                if (strchr("=#:\n\r \t", p->name.data[i]))
                        flat_refuse(o, "the key '%.*s' cannot be written as a capability",
                                    BYTES_FMT(bytes_sub(p->name, 0, 60)));
        buf_put(item, p->name);
        if (p->values.n && (v.len == 0 || v.data[0] != '#'))
                buf_putc(item, '=');
        for (size_t i = 0; i < v.len; i++) {
                if (v.data[i] == '\n' || v.data[i] == '\r')
                        flat_refuse(o, "a value holds a line break");
                if (v.len - i >= 4 && memcmp(v.data + i, "\\072", 4) == 0)
                        flat_refuse(o, "a value holds \\072, which stands for a colon here");
                if (v.data[i] == ':')
                        buf_puts(item, "\\072");
                else
                        buf_putc(item, (char)v.data[i]);
        }
        if (v.len && strchr(" \t", v.data[v.len - 1]))
                flat_refuse(o, "a value ends with a blank");
        buf_putc(item, ':');
}

void print_printcap(struct flat_out *o)
{
        const struct namelist names = flat_values(o, "name");
        size_t column = 9;
        struct buf item;
        if (names.n == 0)
                return;
        buf_init(&item, 0);
        if (names.v[0].len && names.v[0].data[0] == '#')
                flat_refuse(o, "the name begins with '#', which begins a comment here");
        flat_put_list(o, names, '|', ":|");
        buf_puts(o->out, ": \\\n\t:");
        for (uint32_t i = 0; i < o->props->n; i++) {
                if (bytes_eq_str(o->props->v[i].name, "name"))
                        continue;
                buf_clear(&item);
                put_capability(o, &o->props->v[i], &item);
                if (column + item.len > LINE_WIDTH) {
                        buf_puts(o->out, " \\\n\t:");
                        column = 9;
                }
                column += item.len;
                buf_put(o->out, buf_bytes(&item));
        }
        flat_putc(o, '\n');
        o->out->failed |= item.failed;
        buf_done(&item);
}

/* Position of the first such byte outside double quotes, or b.len. */
static size_t find_unquoted(struct bytes b, uint8_t c)
{
        bool quoted = false;
        for (size_t i = 0; i < b.len; i++) {
                if (b.data[i] == '"')
                        quoted = !quoted;
                else if (b.data[i] == c && !quoted)
                        return i;
        }
        return b.len;
}

enum flat_outcome parse_aliases(struct flat_in *in, struct bytes line)
{
        const size_t colon = find_unquoted(line, ':');
        const struct bytes name = flat_trim(bytes_sub(line, 0, colon));
        struct bytes rest = bytes_sub(line, colon + 1, line.len);
        uint32_t n = 0;
        if (colon == line.len)
                return flat_bad(in, "there is no colon: a line of aliases is NAME: MEMBER, MEMBER ...");
        unsigned quotes = 0;
        for (size_t i = 0; i < line.len; i++)
                quotes += line.data[i] == '"';
        if (in->strict && quotes % 2)
                return flat_bad(in, "a double quote does not close");
        if (name.len == 0)
                return flat_bad(in, "the alias' name before the colon is missing");
        struct bytes *members = arena_zalloc(in->a, rest.len / 2 + 1, sizeof(*members));
        if (!members)
                return FLAT_BAD;
        while (rest.len) {
                const size_t comma = find_unquoted(rest, ',');
                const struct bytes m = flat_trim(bytes_sub(rest, 0, comma));
                if (m.len)
                        members[n++] = m;
                rest = bytes_sub(rest, comma + 1, rest.len);
        }
        flat_add(in, "name", name);
        flat_add_list(in, "members", members, n);
        return FLAT_ITEM;
}

/* Do the quotes of a value close, so that they do not swallow what follows? */
static void check_quotes(struct flat_out *o, struct bytes b, uint8_t separator)
{
        unsigned quotes = 0;
        for (size_t i = 0; i < b.len; i++)
                quotes += b.data[i] == '"';
        if (quotes % 2)
                flat_refuse(o, "a double quote does not close");
        if (find_unquoted(b, separator) != b.len)
                flat_refuse(o, "the value '%.*s' holds '%c', which separates here",
                            BYTES_FMT(bytes_sub(b, 0, 60)), separator);
}

void print_aliases(struct flat_out *o)
{
        const struct bytes name = flat_first(o, "name");
        const struct namelist l = flat_values(o, "members");
        size_t column = name.len + 2;
        if (name.len == 0 || l.n == 0)
                return;
        if (name.data[0] == '#')
                flat_refuse(o, "the name begins with '#', which begins a comment here");
        check_quotes(o, name, ':');
        flat_put(o, name, "");
        buf_puts(o->out, ": ");
        for (uint32_t i = 0; i < l.n; i++) {
                const bool last = i + 1 == l.n;
                const size_t length = l.v[i].len + !last;
                if (l.v[i].len == 0)
                        flat_refuse(o, "a list holds an empty value");
                check_quotes(o, l.v[i], ',');
                if (column + length > LINE_WIDTH) {
                        buf_puts(o->out, "\n\t");
                        column = 8;
                }
                column += length;
                flat_put(o, l.v[i], "");
                if (!last)
                        flat_putc(o, ',');
        }
        flat_putc(o, '\n');
}
