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

#define PASSED_STEP ((size_t)1 << 20) /* bytes between two calls of `passed` */

struct parser {
        struct bytes text;
        size_t at, token_at; /* behind the token at hand, and where it begins */
        uint32_t line, token_line;
        enum token token;
        struct bytes word; /* T_WORD */
        struct arena *a;
        struct flat_why *why;
        bool bad;
        bool skim; /* words are looked at and not kept: nothing is allocated */
        raw_passed *passed;
        void *context;
        size_t said; /* `passed` was told last */
};

static bool fail(struct parser *p, const char *what)
{
        if (!p->bad)
                *p->why = (struct flat_why){.line = p->line};
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

static size_t escapes(struct bytes raw)
{
        size_t n = 0;
        for (size_t i = 0; i + 1 < raw.len; i++)
                if (raw.data[i] == '\\') {
                        n++;
                        i++;
                }
        return n;
}

/* Without its escapes: a backslash makes the next byte literal. */
static struct bytes unescape(struct parser *p, struct bytes raw)
{
        if (p->skim || bytes_find(raw, '\\') == raw.len)
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
        if (raw.len - escapes(raw) > NI_NAME_MAX || bytes_find(raw, 0) != raw.len)
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
        p->token_at = p->at;
        p->token_line = p->line;
        if (p->passed && p->at >= p->said + PASSED_STEP) {
                p->passed(p->context, p->at);
                p->said = p->at;
        }
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

/* word "=" list ";"; the commas are optional, the parentheses too. ret == NULL: it is only read over. */
static bool property(struct parser *p, struct proplist *ret)
{
        struct property prop = {p->word, {NULL, 0}};
        advance(p);
        if (!take(p, T_EQUAL))
                return fail(p, "Expecting equal \"=\"");
        const bool parens = take(p, T_LEFT);
        while (p->token == T_WORD) {
                if (prop.values.n == NI_VALUES_MAX)
                        return fail(p, "A property has more than 65535 values");
                if (ret && !append(p, &prop.values.v, prop.values.n, sizeof(p->word), &p->word))
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
        return !ret || (append(p, &ret->v, ret->n, sizeof(prop), &prop) && (ret->n++, true));
}

static bool directory(struct parser *p, struct proplist *ret, unsigned depth, bool top);

/* Begins to read over text, or to keep words again: then the word at hand is read once more. */
static void set_skim(struct parser *p, bool on)
{
        p->skim = on;
        if (on || p->token != T_WORD)
                return;
        p->at = p->token_at;
        p->line = p->token_line;
        advance(p);
}

/* CHILDREN "=" [ "(" ] dir *( "," dir ) [ ")" ] [ ";" ], read over; *n of them so far. */
static bool children(struct parser *p, unsigned depth, uint32_t *n)
{
        advance(p);
        if (!take(p, T_EQUAL))
                return fail(p, "Expecting equal \"=\"");
        const bool parens = take(p, T_LEFT);
        while (!(parens && p->token == T_RIGHT)) {
                if ((*n)++ == NI_CHILDREN_MAX)
                        return fail(p, "A directory has more than 1048576 children");
                if (!directory(p, NULL, depth + 1, false))
                        return false;
                if (!take(p, T_COMMA))
                        break;
        }
        if (parens && !take(p, T_RIGHT))
                return fail(p, "Expecting right paren \")\"");
        take(p, T_SEMICOLON);
        return true;
}

/* A directory's properties; what is below it is read over. ret == NULL: all of it is. */
static bool directory(struct parser *p, struct proplist *ret, unsigned depth, bool top)
{
        uint32_t properties = 0, below = 0;
        if (depth >= RAW_DEPTH_MAX)
                return fail(p, "More than 256 levels of CHILDREN");
        const bool braces = take(p, T_OPEN);
        while (p->token == T_WORD || p->token == T_CHILDREN) {
                if (p->token == T_WORD && properties++ == NI_PROPS_MAX)
                        return fail(p, "A directory has more than 65535 properties");
                if (p->token == T_WORD) {
                        if (!property(p, ret))
                                return false;
                        continue;
                }
                const bool before = p->skim;
                set_skim(p, true);
                if (!children(p, depth, &below))
                        return false;
                set_skim(p, before);
        }
        if (braces)
                return take(p, T_CLOSE) || unexpected(p);
        /* Without braces the text ends, or the list that this one stands in. */
        if (top ? p->token != T_END : p->token != T_COMMA && p->token != T_RIGHT && p->token != T_END)
                return unexpected(p);
        return true;
}

bool raw_check(struct bytes text, raw_passed *passed, void *context, struct flat_why *ret_why)
{
        struct parser p = {
                .text = text, .line = 1, .why = ret_why, .skim = true, .passed = passed, .context = context};
        advance(&p);
        if (!p.bad && directory(&p, NULL, 0, true) && p.token != T_END)
                unexpected(&p);
        return !p.bad;
}

/* -- cursors */
static struct parser resume(const struct raw_cursor *c, struct arena *a, struct flat_why *why)
{
        struct parser p = {.text = c->text,
                           .at = c->at,
                           .line = c->line,
                           .a = a,
                           .why = why,
                           .skim = true,
                           .passed = c->passed,
                           .context = c->context,
                           .said = c->said};
        advance(&p);
        return p;
}

/* The place of the token at hand. */
static void stop_at(struct raw_cursor *c, const struct parser *p)
{
        c->at = p->token_at;
        c->line = p->token_line;
        c->said = p->said;
}

/* Reads a directory, and where its body begins. */
static bool read_directory(struct parser *p, struct raw_cursor *c, bool top, struct proplist *ret_props,
                           struct raw_cursor *ret_children)
{
        struct proplist props = {NULL, 0};
        struct raw_cursor below = *c;
        below.in_list = false;
        stop_at(&below, p);
        below.at += p->token == T_OPEN;
        set_skim(p, false);
        if (!directory(p, &props, 0, top) || p->bad || p->a->failed)
                return false;
        set_skim(p, true);
        *ret_props = props;
        *ret_children = below;
        return true;
}

bool raw_top(struct bytes text, raw_passed *passed, void *context, struct arena *a,
             struct proplist *ret_props, struct raw_cursor *ret_children)
{
        struct flat_why why;
        struct raw_cursor c = {.text = text, .passed = passed, .context = context, .line = 1};
        struct parser p = resume(&c, a, &why);
        return read_directory(&p, &c, true, ret_props, ret_children);
}

/* From a directory's body into its next list of children, or to its end. */
static bool find_list(struct parser *p, struct raw_cursor *c)
{
        while (!c->in_list && p->token == T_WORD)
                if (!property(p, NULL))
                        return false;
        if (c->in_list || p->token != T_CHILDREN)
                return true;
        advance(p);
        if (!take(p, T_EQUAL))
                return false;
        c->parens = take(p, T_LEFT);
        c->in_list = true;
        return true;
}

static void leave_list(struct parser *p, struct raw_cursor *c)
{
        if (c->parens)
                take(p, T_RIGHT);
        take(p, T_SEMICOLON);
        c->in_list = false;
}

bool raw_next(struct raw_cursor *c, struct arena *a, bool *ret_end, struct proplist *ret_props,
              struct raw_cursor *ret_children)
{
        struct flat_why why;
        struct parser p = resume(c, a, &why);
        *ret_end = false;
        while (!p.bad) {
                if (!find_list(&p, c))
                        return false;
                if (!c->in_list) {
                        stop_at(c, &p);
                        *ret_end = true;
                        return true;
                }
                if (c->parens && p.token == T_RIGHT) {
                        leave_list(&p, c);
                        continue;
                }
                if (!read_directory(&p, c, false, ret_props, ret_children))
                        return false;
                if (!take(&p, T_COMMA))
                        leave_list(&p, c);
                stop_at(c, &p);
                return true;
        }
        return false;
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
