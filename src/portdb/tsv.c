/* Our own tab-separated files (doc/port-table.md 4): columns are named in the first line that is no comment,
 * read by name. */
#include "portdb/import.h"

#include "base/limits.h"
#include "base/text.h"

enum column {
        C_PORT,
        C_END,
        C_TRANSPORT,
        C_STATUS,
        C_NAME,
        C_SOURCE,
        C_KIND,
        C_CLAIM,
        C_FIRST,
        C_LAST,
        C_BASIS,
        C_REFERENCE,
        C_CONFIDENCE,
        C_BEFORE,
        C_AFTER,
        C_DESCRIPTION,
        C_ALIASES,
        C_FROM,
        C_UNTIL,
        C_REGISTERED,
        C_MODIFIED,
        C_MISUSE,
        C_NOTE,
        C_USE,
        C_PRODUCT,
        C_KEY,
        C_TITLE,
        C_LICENCE,
        C_DATE,
        C_ORIGIN,
        C_LOSES,
        COLUMNS
};

static const char *const column_names[COLUMNS] = {
        "port",           "end",
        "transport",      "status",
        "name",           "source",
        "kind",           "claim",
        "first_seen",     "last_seen",
        "basis_of_dates", "reference",
        "confidence",     "absent_before",
        "absent_after",   "description",
        "aliases",        "asserted_from",
        "asserted_until", "registered",
        "modified",       "unauthorized_use",
        "note",           "use",
        "product",        "key",
        "title",          "licence",
        "date",           "origin",
        "loses",
};

struct tsv {
        struct bytes all;
        size_t at, line;
        struct bytes comments; /* everything before the column names */
        int place[COLUMNS];    /* field number of a column, -1 when the file has it not */
        unsigned columns;
        struct bytes field[COLUMNS];
};

static struct bytes get(const struct tsv *t, enum column c)
{
        return t->place[c] >= 0 ? t->field[t->place[c]] : BYTES_NONE;
}

static struct bytes next_line(struct tsv *t)
{
        const struct bytes rest = bytes_sub(t->all, t->at, t->all.len);
        const struct bytes line = bytes_sub(rest, 0, bytes_find(rest, '\n'));
        t->at += line.len + 1;
        t->line++;
        return line;
}

static bool split(struct tsv *t, struct bytes line, unsigned *ret_n, struct port_problem *why)
{
        unsigned n = 0;
        for (size_t at = 0; at <= line.len;) {
                const struct bytes rest = bytes_sub(line, at, line.len);
                const struct bytes f = bytes_sub(rest, 0, bytes_find(rest, '\t'));
                if (n == COLUMNS)
                        return port_refuse(why, t->line, "more than %d fields", (int)COLUMNS);
                if (f.len > LIMIT_PORT_FIELD)
                        return port_refuse(why, t->line, "a field is longer than %u bytes", LIMIT_PORT_FIELD);
                t->field[n++] = f;
                at += f.len + 1;
        }
        *ret_n = n;
        return true;
}

static bool tsv_begin(struct tsv *t, struct bytes content, struct port_problem *why)
{
        *t = (struct tsv){.all = content};
        struct bytes line;
        if (!text_is_utf8(content))
                return port_refuse(why, 0, "not UTF-8 text");
        do {
                if (t->at >= content.len)
                        return port_refuse(why, 0, "no line names the columns");
                t->comments = bytes_sub(content, 0, t->at);
                line = next_line(t);
        } while (bytes_starts(line, "#") || line.len == 0);
        if (!split(t, line, &t->columns, why))
                return false;
        for (unsigned c = 0; c < COLUMNS; c++) {
                t->place[c] = -1;
                for (unsigned i = 0; i < t->columns; i++) {
                        if (bytes_eq_str(t->field[i], column_names[c]))
                                t->place[c] = (int)i;
                }
        }
        return true;
}

static bool tsv_needs(const struct tsv *t, const enum column *c, unsigned n, struct port_problem *why)
{
        for (unsigned i = 0; i < n; i++) {
                if (t->place[c[i]] < 0)
                        return port_refuse(why, t->line, "no column is called `%s'", column_names[c[i]]);
        }
        return true;
}

/* The next row. False with why->reason empty at the end. */
static bool tsv_next(struct tsv *t, struct port_problem *why)
{
        why->reason[0] = 0;
        while (t->at < t->all.len) {
                unsigned n;
                const struct bytes line = next_line(t);
                if (line.len == 0 || bytes_starts(line, "#"))
                        continue;
                if (!split(t, line, &n, why))
                        return false;
                if (n != t->columns)
                        return port_refuse(why, t->line, "%u fields where the first line names %u columns", n,
                                           t->columns);
                return true;
        }
        return false;
}

/* The fields that every kind of row has. */
static bool row_place(const struct tsv *t, struct port_claim *c, struct port_problem *why)
{
        uint16_t same;
        const struct bytes port = get(t, C_PORT), end = get(t, C_END);
        if (!port_span_parse(port, &c->port, &same) || same != c->port)
                return port_refuse(why, t->line, "`%.*s' is no port (0-65535)",
                                   BYTES_FMT(bytes_sub(port, 0, 40)));
        c->end = c->port;
        if (end.len && (!port_span_parse(end, &c->end, &same) || same != c->end || c->end < c->port))
                return port_refuse(why, t->line, "`%.*s' ends no range that begins at %u",
                                   BYTES_FMT(bytes_sub(end, 0, 40)), c->port);
        if (!port_transport_parse(get(t, C_TRANSPORT), &c->transport))
                return port_refuse(why, t->line, "`%.*s' is no transport",
                                   BYTES_FMT(bytes_sub(get(t, C_TRANSPORT), 0, 40)));
        return true;
}

static bool row_status(const struct tsv *t, struct port_claim *c, struct port_problem *why)
{
        const struct bytes s = get(t, C_STATUS);
        if (port_status_parse(s, &c->status))
                return true;
        if (bytes_eq_str(s, "unlisted")) {
                c->status = PORT_ABSENT;
                return true;
        }
        if (s.len == 0 && t->place[C_USE] >= 0) { /* a vendor's table */
                c->status = PORT_VENDOR_USE;
                return true;
        }
        return port_refuse(why, t->line, "`%.*s' is no status", BYTES_FMT(bytes_sub(s, 0, 40)));
}

bool port_read_edition(struct bytes content, struct port_rows *ret, struct port_problem *why)
{
        static const enum column need[] = {C_PORT, C_END, C_TRANSPORT, C_STATUS, C_NAME};
        struct tsv t;
        if (!tsv_begin(&t, content, why) || !tsv_needs(&t, need, 5, why))
                return false;
        while (tsv_next(&t, why)) {
                struct port_claim c = {0};
                if (!row_place(&t, &c, why) || !row_status(&t, &c, why))
                        return false;
                if (!port_status_is_registry(c.status))
                        return port_refuse(why, t.line, "`%s' is no status of a registry",
                                           port_status_word(c.status));
                struct port_iana_row f = {
                        .name = get(&t, C_NAME),
                        .port = get(&t, C_PORT),
                        .transport = get(&t, C_TRANSPORT),
                        .description = get(&t, C_DESCRIPTION),
                        .registered = get(&t, C_REGISTERED),
                        .reference = get(&t, C_REFERENCE),
                        .misuse = get(&t, C_MISUSE),
                        .note = get(&t, C_NOTE),
                };
                const size_t before = ret->n;
                if (!port_iana_add(ret, &f, t.line, why))
                        return false;
                for (size_t i = before; i < ret->n; i++) {
                        ret->at[i].end = c.end;
                        ret->at[i].status = c.status; /* the file says it; no need to read it out of words */
                        ret->at[i].alias = port_tidy(&ret->arena, get(&t, C_ALIASES));
                }
        }
        if (why->reason[0])
                return false;
        if (ret->n == 0)
                return port_refuse(why, 0, "no row has a port");
        if (ret->arena.failed)
                return port_refuse(why, 0, "the file is too large");
        if (port_date_find(t.comments, &ret->about.date))
                ret->dated_by = "its first lines";
        ret->about.origin = "tab-separated edition";
        port_rows_sort(ret);
        return true;
}

/* "high for the text, and ..." -> high, and the rest is a note. */
static void split_confidence(struct bytes text, uint8_t *ret, struct bytes *ret_rest)
{
        size_t n = 0;
        while (n < text.len && ((text.data[n] | 32) >= 'a' && (text.data[n] | 32) <= 'z'))
                n++;
        *ret_rest = text;
        if (port_confidence_parse(bytes_sub(text, 0, n), ret)) {
                while (n < text.len && strchr(" :,", text.data[n]))
                        n++;
                *ret_rest = bytes_sub(text, n, text.len);
        }
}

static bool row_dates(const struct tsv *t, struct port_claim *c, struct port_problem *why)
{
        const enum column column[] = {C_FIRST, C_LAST, C_FROM, C_UNTIL};
        port_date *const to[] = {&c->seen_first, &c->seen_last, &c->asserted_from, &c->asserted_until};
        for (unsigned i = 0; i < 4; i++) {
                const struct bytes s = get(t, column[i]);
                if (s.len && !port_date_parse(s, to[i]))
                        return port_refuse(why, t->line, "`%.*s' is no date (YYYY, YYYY-MM or YYYY-MM-DD)",
                                           BYTES_FMT(bytes_sub(s, 0, 40)));
        }
        if (c->seen_first && c->seen_last && port_date_first(c->seen_first) > port_date_last(c->seen_last))
                return port_refuse(why, t->line, "it is last seen before it is first seen");
        return true;
}

/* Texts of a row in the arena of the set; `rest` of the confidence and the basis of the dates become the
 * note. */
static void row_texts(const struct tsv *t, struct arena *a, struct port_claim *c)
{
        struct bytes rest = BYTES_NONE;
        const struct bytes basis = get(t, C_BASIS), product = get(t, C_PRODUCT);
        const bool vendor = t->place[C_USE] >= 0;
        if (get(t, C_CONFIDENCE).len)
                split_confidence(get(t, C_CONFIDENCE), &c->confidence, &rest);
        c->name = arena_str(a, get(t, vendor ? C_USE : C_NAME));
        c->alias = arena_str(a, get(t, C_ALIASES));
        c->description = arena_str(a, t->place[C_CLAIM] >= 0 ? get(t, C_CLAIM)
                                      : vendor               ? product
                                                             : get(t, C_DESCRIPTION));
        c->reference = arena_str(a, get(t, C_REFERENCE));
        const struct bytes part[] = {rest, basis, get(t, C_NOTE)};
        struct buf note;
        buf_init(&note, 4 * LIMIT_PORT_FIELD);
        for (unsigned i = 0; i < 3; i++) {
                if (part[i].len)
                        buf_printf(&note, "%s%s%.*s", note.len ? "; " : "", i == 1 ? "dates: " : "",
                                   BYTES_FMT(part[i]));
        }
        c->note = note.failed ? NULL : arena_str(a, buf_bytes(&note));
        a->failed = a->failed || note.failed;
        buf_done(&note);
}

static bool add_editions_of(struct port_set *set, int source, const struct tsv *t, struct port_problem *why)
{
        const enum column column[] = {C_FIRST, C_LAST, C_BEFORE, C_AFTER};
        for (unsigned i = 0; i < 4; i++) {
                struct port_edition e = {.origin = ""};
                const struct bytes s = get(t, column[i]);
                if (s.len == 0)
                        continue;
                if (!port_date_parse(s, &e.date) || e.date != port_date_first(e.date))
                        return port_refuse(why, t->line, "`%.*s' is no date of an edition (YYYY-MM-DD)",
                                           BYTES_FMT(bytes_sub(s, 0, 40)));
                if (!port_set_add_edition(set, source, &e))
                        return port_refuse(why, t->line, "out of memory");
        }
        return true;
}

static bool claim_row(struct tsv *t, struct port_set *set, const char *source, struct port_problem *why)
{
        const bool family = t->place[C_BEFORE] >= 0;
        struct port_claim c = {.confidence = family ? PORT_CERTAIN : PORT_HIGH};
        const struct bytes key = t->place[C_SOURCE] >= 0 ? get(t, C_SOURCE) : bytes_str(source);
        const int number = port_set_find(set, key);
        if (number < 0)
                return port_refuse(why, t->line, "`%.*s' is no source that is known here",
                                   BYTES_FMT(bytes_sub(key, 0, 40)));
        if (!row_place(t, &c, why) || !row_status(t, &c, why) || !row_dates(t, &c, why))
                return false;
        if (family && (!c.seen_first || !c.seen_last || (c.transport & (c.transport - 1))))
                return port_refuse(why, t->line, "a run of editions needs both dates and one transport");
        if (family && !add_editions_of(set, number, t, why))
                return false;
        row_texts(t, &set->arena, &c);
        if (set->arena.failed || !port_set_add(set, number, &c))
                return port_refuse(why, t->line, "out of memory");
        return true;
}

bool port_read_claims(struct bytes content, struct port_set *set, const char *source,
                      struct port_problem *why)
{
        static const enum column need[] = {C_PORT, C_END, C_TRANSPORT};
        struct tsv t;
        bool ok = tsv_begin(&t, content, why) && tsv_needs(&t, need, 3, why);
        if (ok && t.place[C_SOURCE] < 0 && !source)
                ok = port_refuse(why, 0, "neither a column nor the caller names the source");
        while (ok && tsv_next(&t, why))
                ok = claim_row(&t, set, source, why);
        ok = ok && !why->reason[0];
        set->failed = set->failed || !ok;
        return ok;
}

bool port_read_sources(struct bytes content, struct port_set *set, struct port_problem *why)
{
        static const enum column need[] = {C_KEY, C_TITLE, C_KIND, C_LICENCE, C_REFERENCE};
        struct tsv t;
        if (!tsv_begin(&t, content, why) || !tsv_needs(&t, need, 5, why))
                return false;
        while (tsv_next(&t, why)) {
                struct port_source s = {
                        .key = arena_str(&set->arena, get(&t, C_KEY)),
                        .title = arena_str(&set->arena, get(&t, C_TITLE)),
                        .licence = arena_str(&set->arena, get(&t, C_LICENCE)),
                        .reference = arena_str(&set->arena, get(&t, C_REFERENCE)),
                };
                if (!port_kind_parse(get(&t, C_KIND), &s.kind))
                        return port_refuse(why, t.line, "`%.*s' is no kind of source",
                                           BYTES_FMT(bytes_sub(get(&t, C_KIND), 0, 40)));
                if (set->arena.failed || port_set_source(set, &s) < 0)
                        return port_refuse(why, t.line, "too many sources, or out of memory");
        }
        return !why->reason[0];
}

static bool loses_of(struct bytes text, uint8_t *ret)
{
        static const char *const words[] = {"names", "any", "ranges"};
        *ret = 0;
        for (size_t at = 0; text.len && at <= text.len;) {
                const struct bytes rest = bytes_sub(text, at, text.len);
                const struct bytes w = bytes_sub(rest, 0, bytes_find(rest, ','));
                unsigned i = 0;
                while (i < 3 && !bytes_eq_str(w, words[i]))
                        i++;
                if (i == 3)
                        return false;
                *ret = (uint8_t)(*ret | 1u << i);
                at += w.len + 1;
        }
        return true;
}

bool port_read_editions(struct bytes content, struct port_set *set, const char *source,
                        struct port_problem *why)
{
        static const enum column need[] = {C_DATE, C_ORIGIN, C_LOSES};
        const int number = port_set_find(set, bytes_str(source));
        struct tsv t;
        if (number < 0)
                return port_refuse(why, 0, "`%s' is no source that is known here", source);
        if (!tsv_begin(&t, content, why) || !tsv_needs(&t, need, 3, why))
                return false;
        while (tsv_next(&t, why)) {
                struct port_edition e = {.origin = arena_str(&set->arena, get(&t, C_ORIGIN))};
                if (!port_date_parse(get(&t, C_DATE), &e.date) || e.date != port_date_first(e.date))
                        return port_refuse(why, t.line, "no date of an edition (YYYY-MM-DD)");
                if (!loses_of(get(&t, C_LOSES), &e.loses))
                        return port_refuse(why, t.line, "`loses' holds names, any, ranges");
                if (set->arena.failed || !port_set_add_edition(set, number, &e))
                        return port_refuse(why, t.line, "out of memory");
        }
        return !why->reason[0];
}
