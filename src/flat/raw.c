#include "flat/raw.h"

#include <stdio.h>

enum token {
        T_WORD,
        T_CHILDREN,
        T_END,
        T_OPEN,
        T_CLOSE,
        T_LEFT,
        T_RIGHT,
        T_COMMA,
        T_SEMICOLON,
        T_EQUAL,
        T_BROKEN
};

struct parser {
        struct bytes text;
        size_t at;
        uint32_t line; /* of the token at hand */
        enum token token;
        struct bytes word; /* T_WORD */
        struct arena *a;
        struct flat_why *why;
        bool bad;
};

static bool fail(struct parser *p, const char *what)
{
        if (!p->bad)
                *p->why = (struct flat_why){p->line, ""};
        if (!p->bad)
                snprintf(p->why->text, sizeof(p->why->text), "%s", what);
        p->bad = true;
        return false;
}

/* -- tokens: { } ( ) , ; = and words (doc/tools.md 7.2) */
static bool is_blank(uint8_t c)
{
        return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static enum token punctuation(uint8_t c)
{
        switch (c) {
        case '{':
                return T_OPEN;
        case '}':
                return T_CLOSE;
        case '(':
                return T_LEFT;
        case ')':
                return T_RIGHT;
        case ',':
                return T_COMMA;
        case ';':
                return T_SEMICOLON;
        default:
                return T_WORD;
        }
}

/* Does the word end before this byte? `=` does not end one: a=b is one word. */
static bool ends_word(uint8_t c, bool quoted)
{
        if (quoted)
                return c == '"';
        return is_blank(c) || c == '"' || punctuation(c) != T_WORD;
}

/* Without its escapes: a backslash makes the next byte literal. */
static struct bytes unescape(struct parser *p, struct bytes raw)
{
        if (bytes_find(raw, '\\') == raw.len)
                return raw;
        uint8_t *to = arena_alloc(p->a, raw.len);
        size_t n = 0;
        for (size_t i = 0; to && i < raw.len; i++) {
                if (raw.data[i] == '\\' && i + 1 < raw.len)
                        i++;
                to[n++] = raw.data[i];
        }
        return bytes_of(to, n);
}

static void read_word(struct parser *p, bool quoted)
{
        const size_t from = p->at;
        const uint8_t *d = p->text.data;
        while (p->at < p->text.len && !ends_word(d[p->at], quoted)) {
                if (d[p->at] == '\\')
                        p->at++;
                if (p->at < p->text.len)
                        p->line += d[p->at++] == '\n';
        }
        const struct bytes raw = bytes_sub(p->text, from, p->at - from);
        if (quoted && p->at >= p->text.len) {
                fail(p, "A quoted word does not end");
                p->token = T_BROKEN;
                return;
        }
        p->at += quoted;
        p->word = unescape(p, raw);
        if (p->word.len > NI_NAME_MAX || bytes_find(p->word, 0) != p->word.len)
                fail(p, "A word holds a NUL byte or is longer than 65535 bytes");
        p->token = T_WORD;
        if (!quoted && bytes_eq_str(raw, "="))
                p->token = T_EQUAL;
        if (!quoted && bytes_eq_str(raw, "CHILDREN"))
                p->token = T_CHILDREN;
}

static void advance(struct parser *p)
{
        while (p->at < p->text.len && is_blank(p->text.data[p->at]))
                p->line += p->text.data[p->at++] == '\n';
        if (p->at >= p->text.len) {
                p->token = T_END;
                return;
        }
        const uint8_t c = p->text.data[p->at];
        p->token = punctuation(c);
        if (p->token != T_WORD) {
                p->at++;
                return;
        }
        p->at += c == '"';
        read_word(p, c == '"');
}

static bool take(struct parser *p, enum token t)
{
        if (p->token != t)
                return false;
        advance(p);
        return true;
}

static bool unexpected(struct parser *p)
{
        char what[120];
        static const char marks[] = "{}(),;=";
        if (p->token == T_CLOSE)
                return fail(p, "Unexpected right brace \"}\"");
        if (p->token == T_WORD)
                snprintf(what, sizeof(what), "Unexpected token \"%.*s\"",
                         BYTES_FMT(bytes_sub(p->word, 0, 60)));
        else if (p->token == T_CHILDREN)
                snprintf(what, sizeof(what), "Unexpected token \"CHILDREN\"");
        else if (p->token >= T_OPEN && p->token <= T_EQUAL)
                snprintf(what, sizeof(what), "Unexpected token \"%c\"", marks[p->token - T_OPEN]);
        else
                snprintf(what, sizeof(what), "Unexpected end of the text");
        return fail(p, what);
}

/* -- the grammar */
/* Arrays that grow by doubling: the room is the next power of two. */
static bool append(struct parser *p, void *array, uint32_t n, size_t size, const void *element)
{
        uint8_t *v = *(uint8_t **)array;
        if ((n & (n - 1)) == 0) {
                uint8_t *more = arena_alloc(p->a, (n ? (size_t)n * 2 : 1) * size);
                if (!more)
                        return fail(p, "There is not enough memory");
                if (n)
                        memcpy(more, v, n * size);
                *(uint8_t **)array = v = more;
        }
        memcpy(v + n * size, element, size);
        return true;
}

/* word "=" list ";"; the commas are optional, the parentheses too. */
static bool property(struct parser *p, struct raw_dir *d)
{
        struct property prop = {p->word, {NULL, 0}};
        advance(p);
        if (!take(p, T_EQUAL))
                return fail(p, "Expecting equal \"=\"");
        const bool parens = take(p, T_LEFT);
        while (p->token == T_WORD) {
                if (prop.values.n == NI_VALUES_MAX)
                        return fail(p, "A property has more than 65535 values");
                if (!append(p, &prop.values.v, prop.values.n, sizeof(p->word), &p->word))
                        return false;
                prop.values.n++;
                advance(p);
                take(p, T_COMMA);
        }
        if (parens && !take(p, T_RIGHT))
                return fail(p, "Expecting right paren \")\"");
        if (p->token != T_SEMICOLON)
                return fail(p, "Expecting semicolon \";\"");
        advance(p);
        if (d->props.n == NI_PROPS_MAX)
                return fail(p, "A directory has more than 65535 properties");
        return append(p, &d->props.v, d->props.n, sizeof(prop), &prop) && (d->props.n++, true);
}

static bool directory(struct parser *p, struct raw_dir *d, unsigned depth, bool top);

/* CHILDREN "=" [ "(" ] dir *( "," dir ) [ ")" ] [ ";" ] */
static bool children(struct parser *p, struct raw_dir *d, unsigned depth)
{
        advance(p);
        if (!take(p, T_EQUAL))
                return fail(p, "Expecting equal \"=\"");
        const bool parens = take(p, T_LEFT);
        while (!(parens && p->token == T_RIGHT)) {
                struct raw_dir *child = arena_zalloc(p->a, 1, sizeof(*child));
                if (!child)
                        return fail(p, "There is not enough memory");
                if (d->n == NI_CHILDREN_MAX)
                        return fail(p, "A directory has more than 1048576 children");
                if (!directory(p, child, depth + 1, false) ||
                    !append(p, &d->child, d->n, sizeof(child), &child))
                        return false;
                d->n++;
                if (!take(p, T_COMMA))
                        break;
        }
        if (parens && !take(p, T_RIGHT))
                return fail(p, "Expecting right paren \")\"");
        take(p, T_SEMICOLON);
        return true;
}

static bool directory(struct parser *p, struct raw_dir *d, unsigned depth, bool top)
{
        if (depth >= RAW_DEPTH_MAX)
                return fail(p, "More than 256 levels of CHILDREN");
        const bool braces = take(p, T_OPEN);
        while (p->token == T_WORD || p->token == T_CHILDREN)
                if (!(p->token == T_WORD ? property(p, d) : children(p, d, depth)))
                        return false;
        if (braces)
                return take(p, T_CLOSE) || unexpected(p);
        /* Without braces the text ends, or the list that this one stands in. */
        if (top ? p->token != T_END : p->token != T_COMMA && p->token != T_RIGHT && p->token != T_END)
                return unexpected(p);
        return true;
}

bool raw_parse(struct bytes text, struct arena *a, struct raw_dir *ret, struct flat_why *ret_why)
{
        struct parser p = {.text = text, .line = 1, .a = a, .why = ret_why};
        struct raw_dir d = {{NULL, 0}, NULL, 0};
        advance(&p);
        if (!p.bad && directory(&p, &d, 0, true) && p.token != T_END)
                unexpected(&p);
        if (p.bad || a->failed)
                return p.bad ? false : fail(&p, "There is not enough memory");
        *ret = d;
        return true;
}

/* -- printing */
static void blanks(struct buf *out, unsigned n)
{
        while (n--)
                buf_putc(out, ' ');
}

static void quoted(struct buf *out, struct bytes b)
{
        buf_putc(out, '"');
        for (size_t i = 0; i < b.len; i++) {
                if (b.data[i] == '"' || b.data[i] == '\\')
                        buf_putc(out, '\\');
                buf_putc(out, (char)b.data[i]);
        }
        buf_putc(out, '"');
}

void raw_open(struct buf *out, unsigned indent)
{
        blanks(out, indent);
        buf_puts(out, "{\n");
}

void raw_props(struct buf *out, unsigned indent, const struct proplist *l)
{
        for (uint32_t i = 0; i < l->n; i++) {
                blanks(out, indent + 2);
                quoted(out, l->v[i].name);
                buf_puts(out, " = ( ");
                for (uint32_t k = 0; k < l->v[i].values.n; k++) {
                        quoted(out, l->v[i].values.v[k]);
                        buf_puts(out, k + 1 < l->v[i].values.n ? ", " : " ");
                }
                buf_puts(out, ");\n");
        }
}

void raw_children_open(struct buf *out, unsigned indent)
{
        blanks(out, indent + 2);
        buf_puts(out, "CHILDREN = (\n");
}

void raw_children_close(struct buf *out, unsigned indent)
{
        blanks(out, indent + 2);
        buf_puts(out, ")\n");
}

void raw_close(struct buf *out, unsigned indent, bool comma)
{
        blanks(out, indent);
        buf_puts(out, comma ? "},\n" : "}\n");
}

static void print(const struct raw_dir *d, unsigned indent, bool comma, struct buf *out)
{
        raw_open(out, indent);
        raw_props(out, indent, &d->props);
        if (d->n)
                raw_children_open(out, indent);
        for (uint32_t i = 0; i < d->n; i++)
                print(d->child[i], indent + 4, i + 1 < d->n, out);
        if (d->n)
                raw_children_close(out, indent);
        raw_close(out, indent, comma);
}

void raw_print(const struct raw_dir *d, struct buf *out)
{
        print(d, 0, false, out);
}
