/* IANA's XML form of the registry: a small strict reader. No entity declarations, no DTD, bounded depth; what
 * is well-formed in other ways but not used by the registry is refused, not guessed. */
#include "portdb/import.h"

#include "base/limits.h"
#include "base/text.h"

struct xml {
        struct bytes all;
        size_t at, line;
        struct bytes open[LIMIT_PORT_DEPTH]; /* names of the open elements */
        unsigned depth;
        struct port_problem *why;
        struct port_rows *rows;
        /* the record being read */
        struct port_iana_row row;
        struct buf text, reference, note;
        size_t row_line;
        unsigned record; /* depth of the open <record>, 0 when none is */
        bool seen_registry;
};

static bool is_name(uint8_t c)
{
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
               c == ':' || c == '-' || c == '.' || c >= 0x80;
}

static uint8_t peek(const struct xml *x, size_t ahead)
{
        return x->at + ahead < x->all.len ? x->all.data[x->at + ahead] : 0;
}

static void step(struct xml *x, size_t n)
{
        for (; n && x->at < x->all.len; n--) {
                if (x->all.data[x->at++] == '\n')
                        x->line++;
        }
}

static void blanks(struct xml *x)
{
        while (x->at < x->all.len && strchr(" \t\r\n", x->all.data[x->at]) && x->all.data[x->at])
                step(x, 1);
}

static struct bytes name_here(struct xml *x)
{
        const size_t from = x->at;
        while (x->at < x->all.len && is_name(x->all.data[x->at]))
                x->at++;
        return bytes_sub(x->all, from, x->at - from);
}

/* Skips past the next `end`. */
static bool skip_past(struct xml *x, const char *end, const char *what)
{
        const size_t n = strlen(end), line = x->line;
        while (x->at + n <= x->all.len) {
                if (memcmp(x->all.data + x->at, end, n) == 0) {
                        step(x, n);
                        return true;
                }
                step(x, 1);
        }
        return port_refuse(x->why, line, "%s does not end", what);
}

static void put_utf8(struct buf *b, uint32_t c)
{
        if (c < 0x80) {
                buf_putc(b, (char)c);
        } else if (c < 0x800) {
                buf_putc(b, (char)(0xc0 | c >> 6));
                buf_putc(b, (char)(0x80 | (c & 63)));
        } else if (c < 0x10000) {
                buf_putc(b, (char)(0xe0 | c >> 12));
                buf_putc(b, (char)(0x80 | (c >> 6 & 63)));
                buf_putc(b, (char)(0x80 | (c & 63)));
        } else {
                buf_putc(b, (char)(0xf0 | c >> 18));
                buf_putc(b, (char)(0x80 | (c >> 12 & 63)));
                buf_putc(b, (char)(0x80 | (c >> 6 & 63)));
                buf_putc(b, (char)(0x80 | (c & 63)));
        }
}

/* "#38" or "#x26". */
static bool numeric_entity(struct bytes e, uint32_t *ret)
{
        uint32_t v = 0;
        const bool hex = e.len > 1 && e.data[1] == 'x';
        const size_t from = hex ? 2 : 1;
        if (e.len <= from || e.len > from + 7)
                return false;
        for (size_t i = from; i < e.len; i++) {
                const uint8_t c = e.data[i];
                uint32_t d;
                if (c >= '0' && c <= '9')
                        d = c - '0';
                else if (hex && (c | 32) >= 'a' && (c | 32) <= 'f')
                        d = (uint32_t)((c | 32) - 'a' + 10);
                else
                        return false;
                v = v * (hex ? 16 : 10) + d;
        }
        if (v == 0 || v > 0x10ffff || (v >= 0xd800 && v <= 0xdfff))
                return false;
        *ret = v;
        return true;
}

/* At '&': appends what the entity stands for. */
static bool entity(struct xml *x, struct buf *out)
{
        static const struct {
                const char *name;
                char c;
        } known[] = {{"amp", '&'}, {"lt", '<'}, {"gt", '>'}, {"quot", '"'}, {"apos", '\''}};
        const struct bytes rest = bytes_sub(x->all, x->at + 1, 12);
        const struct bytes e = bytes_sub(rest, 0, bytes_find(rest, ';'));
        uint32_t c;
        if (e.len == rest.len)
                return port_refuse(x->why, x->line, "`&' begins no entity");
        x->at += e.len + 2;
        if (e.len && e.data[0] == '#' && numeric_entity(e, &c)) {
                put_utf8(out, c);
                return true;
        }
        for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
                if (bytes_eq_str(e, known[i].name)) {
                        buf_putc(out, known[i].c);
                        return true;
                }
        }
        return port_refuse(x->why, x->line, "an entity that is not built in: &%.*s;", BYTES_FMT(e));
}

/* name="value": the value with entities resolved goes to *value. */
static bool attribute(struct xml *x, struct bytes *ret_name, struct buf *value)
{
        *ret_name = name_here(x);
        buf_clear(value);
        blanks(x);
        if (ret_name->len == 0 || peek(x, 0) != '=')
                return port_refuse(x->why, x->line, "a damaged attribute");
        step(x, 1);
        blanks(x);
        const uint8_t quote = peek(x, 0);
        if (quote != '"' && quote != '\'')
                return port_refuse(x->why, x->line, "an attribute without quotes");
        step(x, 1);
        while (peek(x, 0) != quote) {
                if (x->at >= x->all.len || peek(x, 0) == '<')
                        return port_refuse(x->why, x->line, "an attribute does not end");
                if (peek(x, 0) == '&') {
                        if (!entity(x, value))
                                return false;
                        continue;
                }
                buf_putc(value, (char)peek(x, 0));
                step(x, 1);
        }
        step(x, 1);
        return true;
}

static struct bytes innermost(const struct xml *x)
{
        return x->depth ? x->open[x->depth - 1] : BYTES_NONE;
}

/* Is what comes now inside a field of a record, or the date of the edition? Other text (rules, people) is
 * skipped. */
static bool in_field(const struct xml *x)
{
        return x->record ? x->depth > x->record : x->depth == 2 && bytes_eq_str(innermost(x), "updated");
}

static struct bytes kept(struct xml *x, const struct buf *b)
{
        return arena_bytes(&x->rows->arena, buf_bytes(b));
}

/* Attributes of an element that has just been opened: dates of a record, target of a reference. */
static bool attributes(struct xml *x, struct bytes element)
{
        struct buf value, type, data;
        bool ok = true;
        buf_init(&value, LIMIT_PORT_FIELD);
        buf_init(&type, LIMIT_PORT_FIELD);
        buf_init(&data, LIMIT_PORT_FIELD);
        for (blanks(x); ok && is_name(peek(x, 0)); blanks(x)) {
                struct bytes name;
                ok = attribute(x, &name, &value);
                if (!ok)
                        break;
                if (bytes_eq_str(element, "record") && bytes_eq_str(name, "date"))
                        x->row.registered = kept(x, &value);
                else if (bytes_eq_str(element, "record") && bytes_eq_str(name, "updated"))
                        x->row.modified = kept(x, &value);
                else if (bytes_eq_str(name, "type"))
                        buf_put(&type, buf_bytes(&value));
                else if (bytes_eq_str(name, "data"))
                        buf_put(&data, buf_bytes(&value));
        }
        if (ok && bytes_eq_str(element, "xref") && x->record && x->depth == x->record + 1 && type.len &&
            !bytes_eq_str(buf_bytes(&type), "person"))
                buf_printf(&x->reference, "[%.*s]", BYTES_FMT(buf_bytes(&data)));
        if (ok && bytes_eq_str(element, "xref") && x->record && x->depth > x->record + 1 && data.len &&
            !bytes_eq_str(buf_bytes(&type), "person"))
                buf_printf(&x->text, "[%.*s]", BYTES_FMT(buf_bytes(&data)));
        buf_done(&value);
        buf_done(&type);
        buf_done(&data);
        return ok;
}

/* An element ends: its text becomes a field of the record, or the date of the edition. */
static bool element_ends(struct xml *x, struct bytes name)
{
        struct port_iana_row *r = &x->row;
        if (x->record && x->depth + 1 == x->record) {
                x->record = 0;
                r->reference = kept(x, &x->reference);
                r->note = kept(x, &x->note);
                const bool ok = port_iana_add(x->rows, r, x->row_line, x->why);
                *r = (struct port_iana_row){0};
                buf_clear(&x->reference);
                buf_clear(&x->note);
                return ok;
        }
        if (bytes_eq_str(name, "updated") && x->depth == 1) {
                if (!port_date_parse(buf_bytes(&x->text), &x->rows->about.date))
                        return port_refuse(x->why, x->line, "<updated> holds no date");
        } else if (x->record && x->depth == x->record) {
                const struct bytes t = kept(x, &x->text);
                if (bytes_eq_str(name, "name"))
                        r->name = t;
                else if (bytes_eq_str(name, "number"))
                        r->port = t;
                else if (bytes_eq_str(name, "protocol"))
                        r->transport = t;
                else if (bytes_eq_str(name, "description"))
                        r->description = t;
                else if (bytes_eq_str(name, "unauthorized"))
                        r->misuse = t;
                else if (bytes_eq_str(name, "note"))
                        buf_printf(&x->note, "%s%.*s", x->note.len ? " " : "", BYTES_FMT(t));
        }
        return true;
}

static bool start_tag(struct xml *x)
{
        step(x, 1);
        const struct bytes name = name_here(x);
        if (name.len == 0)
                return port_refuse(x->why, x->line, "`<' begins no element");
        if (x->depth == LIMIT_PORT_DEPTH)
                return port_refuse(x->why, x->line, "elements nested deeper than %u", LIMIT_PORT_DEPTH);
        if (x->depth == 0 && (x->seen_registry || !bytes_eq_str(name, "registry")))
                return port_refuse(x->why, x->line, "the outermost element must be one <registry>");
        x->seen_registry = true;
        x->open[x->depth++] = name;
        if (bytes_eq_str(name, "record")) {
                if (x->record)
                        return port_refuse(x->why, x->line, "a record inside a record");
                x->record = x->depth;
                x->row_line = x->line;
        }
        if (x->depth == x->record + 1 || !x->record)
                buf_clear(&x->text);
        if (!attributes(x, name))
                return false;
        const bool empty = peek(x, 0) == '/';
        if (empty)
                step(x, 1);
        if (peek(x, 0) != '>')
                return port_refuse(x->why, x->line, "<%.*s> does not end", BYTES_FMT(bytes_sub(name, 0, 40)));
        step(x, 1);
        if (!empty)
                return true;
        x->depth--;
        return element_ends(x, name);
}

static bool end_tag(struct xml *x)
{
        step(x, 2);
        const struct bytes name = name_here(x);
        blanks(x);
        if (peek(x, 0) != '>' || x->depth == 0 || !bytes_eq(name, x->open[x->depth - 1]))
                return port_refuse(x->why, x->line, "</%.*s> closes nothing that is open",
                                   BYTES_FMT(bytes_sub(name, 0, 40)));
        step(x, 1);
        x->depth--;
        return element_ends(x, name);
}

static bool starts(const struct xml *x, const char *with)
{
        return bytes_starts(bytes_sub(x->all, x->at, x->all.len), with);
}

static bool cdata(struct xml *x)
{
        const size_t from = x->at + 9;
        step(x, 9);
        if (!skip_past(x, "]]>", "a CDATA section"))
                return false;
        if (in_field(x))
                buf_put(&x->text, bytes_sub(x->all, from, x->at - 3 - from));
        return true;
}

static bool markup(struct xml *x)
{
        if (starts(x, "<!--"))
                return skip_past(x, "-->", "a comment");
        if (starts(x, "<?"))
                return skip_past(x, "?>", "a processing instruction");
        if (starts(x, "<![CDATA["))
                return cdata(x);
        if (starts(x, "<!"))
                return port_refuse(x->why, x->line, "a DOCTYPE; the registry has none");
        return starts(x, "</") ? end_tag(x) : start_tag(x);
}

static bool document(struct xml *x)
{
        while (x->at < x->all.len) {
                const uint8_t c = peek(x, 0);
                bool ok = true;
                if (c == '<') {
                        ok = markup(x);
                } else if (c == '&') {
                        const size_t before = x->text.len;
                        ok = entity(x, &x->text);
                        if (!in_field(x))
                                buf_truncate(&x->text, before);
                } else {
                        if (in_field(x))
                                buf_putc(&x->text, (char)c);
                        else if (!x->depth && !strchr(" \t\r\n", c))
                                ok = port_refuse(x->why, x->line, "text outside of <registry>");
                        step(x, 1);
                }
                if (!ok)
                        return false;
                if (x->text.failed || x->reference.failed || x->note.failed)
                        return port_refuse(x->why, x->line, "a field is longer than %u bytes",
                                           LIMIT_PORT_FIELD);
                if (x->rows->arena.failed)
                        return port_refuse(x->why, x->line, "the file is too large");
        }
        if (x->depth)
                return port_refuse(x->why, x->line, "the file ends inside <%.*s>",
                                   BYTES_FMT(bytes_sub(x->open[x->depth - 1], 0, 40)));
        return true;
}

bool port_read_xml(struct bytes content, struct port_rows *ret, struct port_problem *why)
{
        struct xml x = {.all = content, .line = 1, .why = why, .rows = ret};
        if (!text_is_utf8(content))
                return port_refuse(why, 0, "not UTF-8 text");
        buf_init(&x.text, LIMIT_PORT_FIELD);
        buf_init(&x.reference, LIMIT_PORT_FIELD);
        buf_init(&x.note, LIMIT_PORT_FIELD);
        bool ok = document(&x);
        buf_done(&x.text);
        buf_done(&x.reference);
        buf_done(&x.note);
        if (ok && ret->n == 0)
                ok = port_refuse(why, 0, "no record has a port");
        if (!ok)
                return false;
        ret->dated_by = "its <updated> element";
        ret->about.origin = "IANA XML";
        port_rows_sort(ret);
        return true;
}
