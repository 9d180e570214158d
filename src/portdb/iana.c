/* Rows of IANA's registry, whatever file they came in, and its CSV form (doc/ports.md 1.3, 1.4). */
#include "portdb/import.h"

#include "base/limits.h"
#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>

bool port_refuse(struct port_problem *why, size_t line, const char *format, ...)
{
        va_list ap;
        va_start(ap, format);
        vsnprintf(why->reason, sizeof(why->reason), format, ap);
        va_end(ap);
        why->line = line;
        return false;
}

const char *port_tidy(struct arena *a, struct bytes s)
{
        char *to = arena_alloc(a, s.len + 1);
        size_t n = 0;
        bool gap = false;
        if (!to)
                return NULL;
        for (size_t i = 0; i < s.len; i++) {
                if (s.data[i] <= ' ' || s.data[i] == 0x7f) {
                        gap = true;
                        continue;
                }
                if (gap && n)
                        to[n++] = ' ';
                gap = false;
                to[n++] = (char)s.data[i];
        }
        to[n] = 0;
        return to;
}

static port_date date_or_none(struct bytes text)
{
        port_date d = 0;
        port_date_parse(text, &d);
        return d;
}

/* A returned port is dated by its note ("De-assigned on 2025-02-13") or its description ("Unassigned (Removed
 * on 2007-09-06)"). */
static void date_row(const struct port_iana_row *f, struct port_claim *row)
{
        if (port_status_is_assigned(row->status))
                row->asserted_from = date_or_none(f->registered);
        else if (!port_date_find(f->note, &row->asserted_from))
                port_date_find(f->description, &row->asserted_from);
}

static bool span_of(const struct port_iana_row *f, size_t line, struct port_claim *row, bool *ret_backward,
                    struct port_problem *why)
{
        uint64_t from, to;
        const size_t dash = bytes_find(f->port, '-');
        *ret_backward = dash < f->port.len && text_u64(bytes_sub(f->port, 0, dash), 65535, &from) &&
                        text_u64(bytes_sub(f->port, dash + 1, f->port.len), 65535, &to) && from > to;
        if (*ret_backward || port_span_parse(f->port, &row->port, &row->end))
                return true;
        return port_refuse(why, line, "`%.*s' is no port and no range of ports (0-65535)",
                           f->port.len > 40 ? 40 : BYTES_FMT(f->port));
}

bool port_iana_add(struct port_rows *rows, const struct port_iana_row *f, size_t line,
                   struct port_problem *why)
{
        struct port_claim row = {.alias = "", .confidence = PORT_CERTAIN};
        uint8_t transports;
        bool backward;
        if (f->port.len == 0) {
                rows->names_only++;
                return true;
        }
        if (!span_of(f, line, &row, &backward, why))
                return false;
        if (backward) {
                rows->skipped++;
                return true;
        }
        if (!port_transport_parse(f->transport, &transports))
                return port_refuse(why, line, "`%.*s' is no transport (tcp, udp, sctp, dccp or none)",
                                   f->transport.len > 40 ? 40 : BYTES_FMT(f->transport));
        row.status = f->name.len ? PORT_ASSIGNED : port_status_of_words(f->description);
        row.name = port_tidy(&rows->arena, f->name);
        row.description = port_tidy(&rows->arena, f->description);
        row.reference = port_tidy(&rows->arena, f->reference);
        const char *note = port_tidy(&rows->arena, f->note);
        if (f->misuse.len)
                note = arena_printf(&rows->arena, PORT_NOTE_MISUSE "%s%s%s",
                                    port_tidy(&rows->arena, f->misuse), f->note.len ? " / " : "", note);
        row.note = note;
        if (rows->arena.failed)
                return port_refuse(why, line, "the file is too large");
        date_row(f, &row);
        for (unsigned bit = transports ? 1 : 0;; bit <<= 1) {
                row.transport = (uint8_t)(transports & bit);
                if ((!transports || row.transport) && !port_rows_add(rows, &row))
                        return port_refuse(why, line, "more than %u rows", LIMIT_PORT_ROWS);
                if (bit == 0 || bit >= transports)
                        return true;
        }
}

/* -- CSV (RFC 4180)
 * ----------------------------------------------------------------------------------------------- */

enum { COLUMNS = 12 };

struct csv {
        struct bytes all;
        size_t at, line;
        struct bytes field[COLUMNS];
        unsigned n; /* fields of the record; may be counted beyond COLUMNS */
};

/* A quoted field whose opening quote is at c->at. */
static bool quoted(struct csv *c, struct arena *a, struct bytes *ret, struct port_problem *why)
{
        const size_t from = c->at + 1, line = c->line;
        size_t i = from, quotes = 0;
        for (;; i++) {
                if (i >= c->all.len)
                        return port_refuse(why, line, "a quoted field does not end");
                if (c->all.data[i] == '\n')
                        c->line++;
                if (c->all.data[i] != '"')
                        continue;
                if (i + 1 >= c->all.len || c->all.data[i + 1] != '"')
                        break;
                quotes++;
                i++;
        }
        c->at = i + 1;
        *ret = bytes_sub(c->all, from, i - from);
        if (quotes) {
                uint8_t *to = arena_alloc(a, ret->len - quotes);
                size_t n = 0;
                if (!to)
                        return port_refuse(why, line, "the file is too large");
                for (size_t k = 0; k < ret->len; k++) {
                        to[n++] = ret->data[k];
                        if (ret->data[k] == '"')
                                k++;
                }
                *ret = bytes_of(to, n);
        }
        return true;
}

static bool plain(struct csv *c, struct bytes *ret, struct port_problem *why)
{
        const size_t from = c->at;
        while (c->at < c->all.len && !strchr(",\r\n", c->all.data[c->at])) {
                if (c->all.data[c->at] == '"')
                        return port_refuse(why, c->line, "a quote inside an unquoted field");
                c->at++;
        }
        *ret = bytes_sub(c->all, from, c->at - from);
        return true;
}

/* The next record. False with why->reason empty at the end of the file. */
static bool csv_next(struct csv *c, struct arena *a, struct port_problem *why)
{
        why->reason[0] = 0;
        if (c->at >= c->all.len)
                return false;
        for (c->n = 0;; c->at++) {
                struct bytes f;
                const bool q = c->at < c->all.len && c->all.data[c->at] == '"';
                if (q ? !quoted(c, a, &f, why) : !plain(c, &f, why))
                        return false;
                if (f.len > LIMIT_PORT_FIELD)
                        return port_refuse(why, c->line, "a field is longer than %u bytes", LIMIT_PORT_FIELD);
                if (c->n < COLUMNS)
                        c->field[c->n] = f;
                c->n++;
                if (c->at >= c->all.len || c->all.data[c->at] != ',')
                        break;
        }
        if (c->at < c->all.len && c->all.data[c->at] == '\r')
                c->at++;
        if (c->at < c->all.len) {
                if (c->all.data[c->at] != '\n')
                        return port_refuse(why, c->line, "a character after a closing quote");
                c->at++;
                c->line++;
        }
        return true;
}

static bool header_fits(const struct csv *c, struct port_problem *why)
{
        static const char *const names[COLUMNS] = {
                "Service Name", "Port Number",       "Transport Protocol", "Description", "Assignee",
                "Contact",      "Registration Date", "Modification Date",  "Reference",   "Service Code",
                NULL,           "Assignment Notes",
        };
        if (c->n != COLUMNS)
                return port_refuse(why, 1, "the header has %u columns instead of %d", c->n, COLUMNS);
        for (unsigned i = 0; i < COLUMNS; i++) {
                const bool ok = names[i] ? bytes_eq_str(c->field[i], names[i])
                                         : bytes_eq_str(c->field[i], "Unauthorized Use Reported") ||
                                                   bytes_eq_str(c->field[i], "Known Unauthorized Uses");
                if (!ok)
                        return port_refuse(why, 1, "column %u is called `%.*s' instead of `%s'", i + 1,
                                           c->field[i].len > 40 ? 40 : BYTES_FMT(c->field[i]),
                                           names[i] ? names[i] : "Unauthorized Use Reported");
        }
        return true;
}

/* A CSV names no date of its own: its newest row dates it (a month counts from its first day). */
static void newest_date(struct port_rows *rows, struct bytes text)
{
        port_date d;
        if (port_date_parse(text, &d) && port_date_first(d) > rows->about.date)
                rows->about.date = port_date_first(d);
}

bool port_read_csv(struct bytes content, struct port_rows *ret, struct port_problem *why)
{
        struct csv c = {.all = content, .line = 1};
        if (!text_is_utf8(content))
                return port_refuse(why, 0, "not UTF-8 text");
        if (!csv_next(&c, &ret->arena, why))
                return why->reason[0] ? false : port_refuse(why, 0, "the file is empty");
        if (!header_fits(&c, why))
                return false;
        for (;;) {
                const size_t line = c.line;
                if (!csv_next(&c, &ret->arena, why))
                        break;
                if (c.n != COLUMNS)
                        return port_refuse(why, line, "a row of %u fields instead of %d", c.n, COLUMNS);
                const struct port_iana_row row = {
                        .name = c.field[0],
                        .port = c.field[1],
                        .transport = c.field[2],
                        .description = c.field[3],
                        .registered = c.field[6],
                        .modified = c.field[7],
                        .reference = c.field[8],
                        .misuse = c.field[10],
                        .note = c.field[11],
                };
                if (!port_iana_add(ret, &row, line, why))
                        return false;
                newest_date(ret, row.registered);
                newest_date(ret, row.modified);
        }
        if (why->reason[0])
                return false;
        if (ret->n == 0)
                return port_refuse(why, 0, "no row has a port");
        ret->dated_by = "its newest row";
        ret->about.origin = "IANA CSV";
        port_rows_sort(ret);
        return true;
}
