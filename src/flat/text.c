/* Cutting lines into fields, and printing fields so that they can be cut again. */
#include "flat/flat-internal.h"

#include <stdarg.h>
#include <stdio.h>

static bool blank(uint8_t c)
{
        return c == ' ' || c == '\t';
}

enum flat_outcome flat_bad(struct flat_in *in, const char *format, ...)
{
        va_list ap;
        va_start(ap, format);
        vsnprintf(in->why->text, sizeof(in->why->text), format, ap);
        va_end(ap);
        return FLAT_BAD;
}

struct bytes flat_trim(struct bytes b)
{
        while (b.len && blank(b.data[0]))
                b = bytes_sub(b, 1, b.len);
        while (b.len && blank(b.data[b.len - 1]))
                b.len--;
        return b;
}

struct namelist flat_split(struct flat_in *in, struct bytes line, uint8_t separator)
{
        struct namelist l = {NULL, 0};
        uint32_t n = 1;
        for (size_t i = 0; i < line.len; i++)
                n += line.data[i] == separator;
        l.v = arena_zalloc(in->a, n, sizeof(*l.v));
        if (!l.v)
                return l;
        for (struct bytes rest = line; l.n < n; l.n++) {
                const size_t end = bytes_find(rest, separator);
                l.v[l.n] = flat_trim(bytes_sub(rest, 0, end));
                rest = bytes_sub(rest, end + 1, rest.len);
        }
        return l;
}

struct namelist flat_members(struct flat_in *in, struct bytes field)
{
        const struct namelist all = flat_split(in, field, ',');
        struct namelist m = {all.v, 0};
        for (uint32_t i = 0; i < all.n; i++)
                if (all.v[i].len)
                        m.v[m.n++] = all.v[i];
        return m;
}

/* The next word of *rest, which is shortened; len 0: none. */
static struct bytes next_word(struct bytes *rest)
{
        size_t from = 0, to;
        while (from < rest->len && blank(rest->data[from]))
                from++;
        for (to = from; to < rest->len && !blank(rest->data[to]);)
                to++;
        const struct bytes word = bytes_sub(*rest, from, to - from);
        *rest = bytes_sub(*rest, to, rest->len);
        return word;
}

static bool ends_line(struct bytes word, bool comments)
{
        return word.len == 0 || (comments && word.data[0] == '#');
}

struct namelist flat_words(struct flat_in *in, struct bytes line, bool comments)
{
        struct namelist l = {NULL, 0};
        struct bytes rest = line;
        uint32_t n = 0;
        while (!ends_line(next_word(&rest), comments))
                n++;
        l.v = arena_zalloc(in->a, n, sizeof(*l.v));
        if (!l.v)
                return l;
        for (rest = line; l.n < n; l.n++)
                l.v[l.n] = next_word(&rest);
        return l;
}

bool flat_is_nis(struct bytes line)
{
        const struct bytes b = flat_trim(line);
        return b.len && (b.data[0] == '+' || b.data[0] == '-');
}

/* Grows by doubling, so that a printcap entry of many thousand capabilities costs no quadratic copying. */
static void append(struct flat_in *in, struct proplist *l, struct property p)
{
        if ((l->n & (l->n - 1)) == 0) { /* the room is the next power of two */
                struct property *v = arena_zalloc(in->a, l->n ? (size_t)l->n * 2 : 1, sizeof(*v));
                if (!v)
                        return;
                if (l->n)
                        memcpy(v, l->v, l->n * sizeof(*v));
                l->v = v;
        }
        l->v[l->n++] = p;
}

static struct bytes *one(struct flat_in *in, struct bytes value)
{
        struct bytes *v = arena_alloc(in->a, sizeof(*v));
        if (v)
                *v = value;
        return v;
}

void flat_add_list(struct flat_in *in, const char *key, const struct bytes *values, uint32_t n)
{
        struct bytes *v = arena_zalloc(in->a, n, sizeof(*v));
        if (v && n)
                memcpy(v, values, n * sizeof(*v));
        if (v)
                append(in, &in->item->props, (struct property){bytes_str(key), {v, n}});
}

void flat_add(struct flat_in *in, const char *key, struct bytes value)
{
        flat_add_list(in, key, &value, 1);
}

void flat_add_initial(struct flat_in *in, const char *key, struct bytes value)
{
        struct bytes *v = one(in, value);
        if (v)
                append(in, &in->item->initial, (struct property){bytes_str(key), {v, 1}});
}

/* -- printing */
void flat_refuse(struct flat_out *o, const char *format, ...)
{
        va_list ap;
        if (!o->faithful || o->bad)
                return;
        o->bad = true;
        va_start(ap, format);
        vsnprintf(o->why->text, sizeof(o->why->text), format, ap);
        va_end(ap);
}

struct namelist flat_values(const struct flat_out *o, const char *key)
{
        const struct property *p = proplist_get(o->props, bytes_str(key));
        return p ? p->values : (struct namelist){NULL, 0};
}

struct bytes flat_first(const struct flat_out *o, const char *key)
{
        const struct namelist l = flat_values(o, key);
        return l.n ? l.v[0] : BYTES_NONE;
}

void flat_putc(struct flat_out *o, char c)
{
        buf_putc(o->out, c);
}

void flat_put(struct flat_out *o, struct bytes value, const char *forbidden)
{
        for (size_t i = 0; o->faithful && i < value.len; i++) {
                const uint8_t c = value.data[i];
                if (c == '\n' || c == '\r' || c == 0)
                        flat_refuse(o, "a value holds a line break");
                else if (strchr(forbidden, c))
                        flat_refuse(o, "the value '%.*s' holds '%c', which separates fields here",
                                    (int)(value.len < 60 ? value.len : 60), (const char *)value.data, c);
        }
        if (value.len && (blank(value.data[0]) || blank(value.data[value.len - 1])))
                flat_refuse(o, "a value begins or ends with a blank");
        buf_put(o->out, value);
}

/* Would a # here make the rest a comment: at the beginning of a line, or of a word where words may be one? */
static bool begins_comment(const struct flat_out *o)
{
        const uint8_t before = o->out->len ? o->out->data[o->out->len - 1] : '\n';
        return before == '\n' || (o->comments && blank(before));
}

void flat_put_word(struct flat_out *o, struct bytes value, const char *forbidden)
{
        if (value.len == 0)
                flat_refuse(o, "a value is empty where a word is needed");
        else if (value.data[0] == '#' && begins_comment(o))
                flat_refuse(o, "a value begins with '#', which begins a comment here");
        for (size_t i = 0; i < value.len; i++)
                if (blank(value.data[i]))
                        flat_refuse(o, "the value '%.*s' holds a blank, which separates fields here",
                                    (int)(value.len < 60 ? value.len : 60), (const char *)value.data);
        flat_put(o, value, forbidden);
}

void flat_check_end(struct flat_out *o)
{
        if (o->out->len && o->out->data[o->out->len - 1] == '\\')
                flat_refuse(o, "the last value ends with a backslash, which would join the next line");
}

void flat_put_list(struct flat_out *o, struct namelist values, char separator, const char *forbidden)
{
        for (uint32_t i = 0; i < values.n; i++) {
                if (i)
                        flat_putc(o, separator);
                if (blank((uint8_t)separator))
                        flat_put_word(o, values.v[i], forbidden);
                else
                        flat_put(o, values.v[i], forbidden);
                if (values.v[i].len == 0)
                        flat_refuse(o, "a list holds an empty value");
        }
}
