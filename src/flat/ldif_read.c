/* Reading LDIF (RFC 2849): folded lines, comments, base64. */
#include "flat/ldif.h"

#include "base/base64.h"

#include <stdarg.h>
#include <stdio.h>
#include <strings.h>

static enum ldif_outcome bad(struct flat_why *why, uint32_t line, const char *format, ...)
        __attribute__((format(printf, 3, 4)));
static enum ldif_outcome bad(struct flat_why *why, uint32_t line, const char *format, ...)
{
        va_list ap;
        va_start(ap, format);
        why->line = line;
        vsnprintf(why->text, sizeof(why->text), format, ap);
        va_end(ap);
        return LDIF_BAD;
}

/* One physical line without its end. */
static struct bytes physical(struct ldif_reader *r)
{
        struct bytes line = bytes_sub(r->text, 0, bytes_find(r->text, '\n'));
        r->text = bytes_sub(r->text, line.len + 1, r->text.len);
        r->line++;
        if (line.len && line.data[line.len - 1] == '\r')
                line.len--;
        return line;
}

/* One logical line: those that begin with a blank belong to the one before. */
static struct bytes logical(struct ldif_reader *r, struct arena *a)
{
        struct bytes line = physical(r);
        if (!r->text.len || r->text.data[0] != ' ')
                return line;
        struct buf b;
        buf_init(&b, FLAT_LINE_MAX);
        buf_put(&b, line);
        while (r->text.len && r->text.data[0] == ' ') {
                line = physical(r);
                buf_put(&b, bytes_sub(line, 1, line.len));
        }
        line = b.failed ? BYTES_NONE : arena_bytes(a, buf_bytes(&b));
        if (b.failed)
                a->failed = true;
        buf_done(&b);
        return line;
}

static bool base64(struct bytes in, struct arena *a, struct bytes *ret)
{
        const size_t cap = in.len / 4 * 3 + 1;
        uint8_t *out = arena_alloc(a, cap);
        size_t n;
        if (!out || !base64_read(in, BASE64, out, cap, &n))
                return false;
        *ret = bytes_of(out, n);
        return true;
}

static bool same(struct bytes b, const char *word)
{
        return b.len == strlen(word) && strncasecmp((const char *)b.data, word, b.len) == 0;
}

/* `name: value`, `name:: base64`. */
static enum ldif_outcome split(struct bytes line, uint32_t number, struct arena *a, struct bytes *ret_name,
                               struct bytes *ret_value, struct flat_why *why)
{
        const size_t colon = bytes_find(line, ':');
        uint8_t kind = 0;
        if (colon == 0 || colon == line.len)
                return bad(why, number, "expected `attribute: value`");
        const struct bytes name = arena_bytes(a, bytes_sub(line, 0, colon));
        struct bytes value = bytes_sub(line, colon + 1, line.len);
        if (!name.data)
                return bad(why, number, "the entry is too large");
        uint8_t *lower = arena_alloc(a, name.len + 1);
        for (size_t i = 0; lower && i < name.len; i++)
                lower[i] = (uint8_t)(name.data[i] >= 'A' && name.data[i] <= 'Z' ? name.data[i] + 32
                                                                                : name.data[i]);
        if (value.len && (value.data[0] == ':' || value.data[0] == '<')) {
                kind = value.data[0];
                value = bytes_sub(value, 1, value.len);
        }
        while (value.len && value.data[0] == ' ')
                value = bytes_sub(value, 1, value.len);
        if (kind == '<')
                return bad(why, number,
                           "a value that stands elsewhere (`:<`) is not fetched: put it into the file");
        if (kind == ':' && !base64(value, a, &value))
                return bad(why, number, "the value is no base64");
        if (!lower)
                return bad(why, number, "the entry is too large");
        if (name.len > NI_NAME_MAX || value.len > NI_NAME_MAX || bytes_find(value, 0) != value.len)
                return bad(why, number, "a value has more than 65535 bytes, or a NUL");
        *ret_name = bytes_of(lower, name.len);
        *ret_value = value;
        return LDIF_ENTRY;
}

/* Space for values grows by doubling: the array of n values has room for the next power of two. */
static bool append(struct proplist *l, struct arena *a, struct bytes name, struct bytes value)
{
        struct property *p = proplist_get(l, name);
        if (!p)
                return proplist_add(l, a, name, &value, 1);
        const uint32_t n = p->values.n;
        if (n == NI_VALUES_MAX)
                return false;
        if ((n & (n - 1)) == 0) {
                struct bytes *v = arena_zalloc(a, (size_t)n * 2, sizeof(*v));
                if (!v)
                        return false;
                memcpy(v, p->values.v, n * sizeof(*v));
                p->values.v = v;
        }
        p->values.v[n] = value;
        p->values.n = n + 1;
        return true;
}

enum ldif_outcome ldif_next(struct ldif_reader *r, struct arena *a, struct proplist *ret,
                            struct flat_why *ret_why)
{
        struct proplist l = {NULL, 0};
        while (r->text.len) {
                const uint32_t number = r->line;
                const struct bytes line = logical(r, a);
                struct bytes name, value;
                if (a->failed)
                        return bad(ret_why, number, "the entry is too large");
                if (!line.len && l.n)
                        break;
                if (!line.len || line.data[0] == '#')
                        continue;
                if (split(line, number, a, &name, &value, ret_why) != LDIF_ENTRY)
                        return LDIF_BAD;
                if (!l.n && same(name, "version")) {
                        if (!same(value, "1"))
                                return bad(ret_why, number, "only version 1 of LDIF is known");
                        continue;
                }
                if (!l.n != same(name, "dn"))
                        return bad(ret_why, number,
                                   l.n ? "a second `dn:` in one entry: an empty line is missing"
                                       : "an entry begins with `dn:`");
                if (same(name, "changetype") && !same(value, "add"))
                        return bad(ret_why, number,
                                   "changes other than `add` are not taken: export the whole tree");
                if (!same(name, "changetype") && (l.n == NI_PROPS_MAX || !append(&l, a, name, value)))
                        return bad(ret_why, number, "the entry is too large");
        }
        *ret = l;
        return l.n ? LDIF_ENTRY : LDIF_END;
}
