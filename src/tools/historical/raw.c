#include "tools/historical/raw.h"

#include <stdio.h>

enum kind { END, PUNCTUATION, WORD };

struct token {
        enum kind kind;
        char c;            /* of punctuation */
        struct bytes word; /* without escapes */
        bool quoted;
};

struct parser {
        struct bytes text;
        size_t at;
        unsigned line;
        struct token now;
        struct arena *a;
        char *why;
        bool failed;
};

static bool is_blank(uint8_t c)
{
        return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_mark(uint8_t c)
{
        return c == '{' || c == '}' || c == '(' || c == ')' || c == ',' || c == ';';
}

static void fail(struct parser *p, const char *words)
{
        if (!p->failed)
                snprintf(p->why, 160, "%s at line %u", words, p->line);
        p->failed = true;
}

/* A word from the present position on; `\` makes the next byte literal. */
static void read_word(struct parser *p)
{
        const bool quoted = p->text.data[p->at] == '"';
        uint8_t *to;
        size_t n = 0;
        size_t end = p->at + (quoted ? 1 : 0);
        while (end < p->text.len) {
                const uint8_t c = p->text.data[end];
                if (quoted ? c == '"' : is_blank(c) || is_mark(c) || c == '"')
                        break;
                end += c == '\\' && end + 1 < p->text.len ? 2 : 1;
        }
        if (quoted && end >= p->text.len) {
                fail(p, "Expecting quote \"\"\"");
                return;
        }
        to = arena_alloc(p->a, end - p->at);
        if (!to) {
                fail(p, "Out of memory");
                return;
        }
        for (size_t i = p->at + (quoted ? 1 : 0); i < end; i++) {
                if (p->text.data[i] == '\\' && i + 1 < end)
                        i++;
                if (p->text.data[i] == '\n')
                        p->line++;
                to[n++] = p->text.data[i];
        }
        p->now = (struct token){.kind = WORD, .word = bytes_of(to, n), .quoted = quoted};
        p->at = end + (quoted ? 1 : 0);
}

static void next(struct parser *p)
{
        while (p->at < p->text.len && is_blank(p->text.data[p->at])) {
                if (p->text.data[p->at] == '\n')
                        p->line++;
                p->at++;
        }
        p->now = (struct token){.kind = END};
        if (p->failed || p->at >= p->text.len)
                return;
        if (is_mark(p->text.data[p->at]))
                p->now = (struct token){.kind = PUNCTUATION, .c = (char)p->text.data[p->at++]};
        else
                read_word(p);
}

static bool at_mark(const struct parser *p, char c)
{
        return p->now.kind == PUNCTUATION && p->now.c == c;
}

static bool at_equals(const struct parser *p)
{
        return p->now.kind == WORD && !p->now.quoted && bytes_eq_str(p->now.word, "=");
}

static void unexpected(struct parser *p)
{
        char words[100];
        if (at_mark(p, '}'))
                snprintf(words, sizeof(words), "Unexpected right brace \"}\"");
        else if (p->now.kind == PUNCTUATION)
                snprintf(words, sizeof(words), "Unexpected token \"%c\"", p->now.c);
        else if (p->now.kind == WORD)
                snprintf(words, sizeof(words), "Unexpected token \"%.*s\"",
                         BYTES_FMT(bytes_sub(p->now.word, 0, 60)));
        else
                snprintf(words, sizeof(words), "Unexpected end of input");
        fail(p, words);
}

/* Room for one more element behind n; arrays double, so a long list is not copied for each. */
static void *more(struct parser *p, void *v, uint32_t n, size_t size)
{
        if (n != 0 && (n & (n - 1)) != 0)
                return v;
        void *wider = arena_zalloc(p->a, n ? (size_t)n * 2 : 1, size);
        if (!wider)
                fail(p, "Out of memory");
        else if (n)
                memcpy(wider, v, n * size);
        return wider;
}

/* list = "(" *( word [","] ) ")" / *( word [","] ), and the semicolon behind it */
static struct namelist read_list(struct parser *p)
{
        struct namelist l = {NULL, 0};
        const bool parens = at_mark(p, '(');
        if (parens)
                next(p);
        while (!p->failed && p->now.kind == WORD) {
                struct bytes *v = more(p, l.v, l.n, sizeof(*v));
                if (!v)
                        break;
                l.v = v;
                l.v[l.n++] = p->now.word;
                next(p);
                if (at_mark(p, ','))
                        next(p);
        }
        if (parens && !at_mark(p, ')'))
                fail(p, "Expecting right paren \")\"");
        else if (parens)
                next(p);
        if (!at_mark(p, ';'))
                fail(p, "Expecting semicolon \";\"");
        else
                next(p);
        return l;
}

static void read_dir(struct parser *p, struct raw_dir *ret, unsigned depth, bool top);

/* children = CHILDREN "=" [ "(" ] dir *( "," dir ) [ ")" ] [ ";" ]; the word and "=" are behind us */
static void read_children(struct parser *p, struct raw_dir *d, unsigned depth)
{
        const bool parens = at_mark(p, '(');
        if (parens)
                next(p);
        if (depth == RAW_DEPTH)
                fail(p, "Too many levels");
        while (!p->failed && !(parens && at_mark(p, ')'))) {
                struct raw_dir *v = more(p, d->child, d->n, sizeof(*v));
                if (!v)
                        return;
                d->child = v;
                d->child[d->n] = (struct raw_dir){.n = 0};
                struct raw_dir child = {.n = 0};
                read_dir(p, &child, depth + 1, false);
                d->child[d->n++] = child;
                if (!at_mark(p, ','))
                        break;
                next(p);
        }
        if (parens && !at_mark(p, ')'))
                fail(p, "Expecting right paren \")\"");
        else if (parens)
                next(p);
        if (at_mark(p, ';'))
                next(p);
}

static void read_entry(struct parser *p, struct raw_dir *d, unsigned depth)
{
        const struct token key = p->now;
        next(p);
        if (!at_equals(p)) {
                fail(p, "Expecting equal \"=\"");
                return;
        }
        next(p);
        if (!key.quoted && bytes_eq_str(key.word, "CHILDREN")) {
                read_children(p, d, depth);
                return;
        }
        struct property *v = more(p, d->props.v, d->props.n, sizeof(*v));
        if (!v)
                return;
        d->props.v = v;
        v[d->props.n].name = key.word;
        v[d->props.n++].values = read_list(p);
}

static void read_dir(struct parser *p, struct raw_dir *d, unsigned depth, bool top)
{
        const bool braces = at_mark(p, '{');
        if (braces)
                next(p);
        while (!p->failed && p->now.kind == WORD)
                read_entry(p, d, depth);
        if (p->failed)
                return;
        if (braces && at_mark(p, '}'))
                next(p);
        else if (braces)
                unexpected(p);
        if (top && p->now.kind != END)
                unexpected(p);
}

bool raw_parse(struct bytes text, struct arena *a, struct raw_dir *ret, char why[160])
{
        struct parser p = {.text = text, .line = 1, .a = a, .why = why};
        struct raw_dir d = {.n = 0};
        next(&p);
        if (!p.failed)
                read_dir(&p, &d, 0, true);
        if (!p.failed)
                *ret = d;
        return !p.failed;
}

static void put_quoted(struct buf *out, struct bytes b)
{
        buf_putc(out, '"');
        for (size_t i = 0; i < b.len; i++) {
                if (b.data[i] == '"' || b.data[i] == '\\')
                        buf_putc(out, '\\');
                buf_putc(out, (char)b.data[i]);
        }
        buf_putc(out, '"');
}

void raw_put_property(struct buf *out, unsigned indent, struct bytes key, struct namelist values)
{
        buf_printf(out, "%*s", (int)indent + 2, "");
        put_quoted(out, key);
        buf_puts(out, " = ( ");
        for (uint32_t i = 0; i < values.n; i++) {
                put_quoted(out, values.v[i]);
                buf_puts(out, i + 1 < values.n ? ", " : " ");
        }
        buf_puts(out, ");\n");
}
