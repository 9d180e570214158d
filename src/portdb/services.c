/* /etc/services (doc/ports.md 1.5), and what kind of list a file is. */
#include "portdb/import.h"

#include "base/limits.h"

static bool is_blank(uint8_t c)
{
        return c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v';
}

/* The next word of the line; empty at its end. */
static struct bytes word(struct bytes *line)
{
        size_t from = 0, n = 0;
        while (from < line->len && is_blank(line->data[from]))
                from++;
        while (from + n < line->len && !is_blank(line->data[from + n]))
                n++;
        const struct bytes w = bytes_sub(*line, from, n);
        *line = bytes_sub(*line, from + n, line->len);
        return w;
}

static bool service_line(struct bytes line, size_t number, struct port_rows *rows, struct port_problem *why)
{
        const size_t hash = bytes_find(line, '#');
        struct bytes comment = bytes_sub(line, hash + 1, line.len), rest = bytes_sub(line, 0, hash);
        const struct bytes name = word(&rest), where = word(&rest);
        const size_t slash = bytes_find(where, '/');
        struct port_claim row = {
                .status = PORT_ASSIGNED, .confidence = PORT_CERTAIN, .reference = "", .note = ""};
        if (name.len == 0)
                return true;
        if (where.len == 0)
                return port_refuse(why, number, "`%.*s' has no port", BYTES_FMT(bytes_sub(name, 0, 60)));
        if (slash == where.len || !port_span_parse(bytes_sub(where, 0, slash), &row.port, &row.end) ||
            !port_transport_parse(bytes_sub(where, slash + 1, where.len), &row.transport) ||
            row.transport == PORT_ANY || (row.transport & (row.transport - 1)))
                return port_refuse(why, number, "`%.*s' is not port/transport",
                                   BYTES_FMT(bytes_sub(where, 0, 60)));
        row.name = arena_str(&rows->arena, name);
        row.alias = port_tidy(&rows->arena, rest);
        row.description = port_tidy(&rows->arena, comment);
        if (rows->arena.failed)
                return port_refuse(why, number, "the file is too large");
        if (!port_rows_add(rows, &row))
                return port_refuse(why, number, "more than %u rows", LIMIT_PORT_ROWS);
        return true;
}

bool port_read_services(struct bytes content, struct port_rows *ret, struct port_problem *why)
{
        size_t number = 0;
        for (size_t at = 0; at < content.len;) {
                const struct bytes rest = bytes_sub(content, at, content.len);
                const struct bytes line = bytes_sub(rest, 0, bytes_find(rest, '\n'));
                number++;
                if (bytes_find(line, 0) < line.len)
                        return port_refuse(why, number, "a NUL byte; this is no text");
                if (line.len > LIMIT_PORT_FIELD)
                        return port_refuse(why, number, "a line is longer than %u bytes", LIMIT_PORT_FIELD);
                if (!service_line(line, number, ret, why))
                        return false;
                at += line.len + 1;
        }
        if (ret->n == 0)
                return port_refuse(why, 0, "no line names a service");
        ret->about.origin = "/etc/services";
        port_rows_sort(ret);
        return true;
}

static struct bytes without_mark(struct bytes content)
{
        return bytes_starts(content, "\xef\xbb\xbf") ? bytes_sub(content, 3, content.len) : content;
}

enum port_list_kind port_list_guess(struct bytes content)
{
        content = without_mark(content);
        if (bytes_starts(content, "Service Name,"))
                return PORT_LIST_CSV;
        if (bytes_starts(content, "<?xml") || bytes_starts(content, "<registry"))
                return PORT_LIST_XML;
        if (port_numbers_begin(content))
                return PORT_LIST_NUMBERS;
        /* Our own files: comments, then a line of column names. */
        for (size_t at = 0; at < content.len;) {
                const struct bytes rest = bytes_sub(content, at, content.len);
                const struct bytes line = bytes_sub(rest, 0, bytes_find(rest, '\n'));
                if (bytes_starts(line, "port\tend\ttransport\t")) {
                        for (size_t i = 0; i + 10 <= line.len; i++) {
                                if (memcmp(line.data + i, "first_seen", 10) == 0)
                                        return PORT_LIST_CLAIMS;
                        }
                        return PORT_LIST_EDITION;
                }
                if (!bytes_starts(line, "#"))
                        break;
                at += line.len + 1;
        }
        return PORT_LIST_SERVICES;
}

bool port_read_list(struct bytes content, const char *file_name, port_date dated, port_date fallback,
                    struct port_rows *ret, struct port_problem *why)
{
        port_date by_name = 0;
        bool ok = false;
        content = without_mark(content);
        *why = (struct port_problem){0};
        switch (port_list_guess(content)) {
        case PORT_LIST_CSV:
                ok = port_read_csv(content, ret, why);
                break;
        case PORT_LIST_XML:
                ok = port_read_xml(content, ret, why);
                break;
        case PORT_LIST_NUMBERS:
                ok = port_read_numbers(content, ret, why);
                break;
        case PORT_LIST_EDITION:
                ok = port_read_edition(content, ret, why);
                break;
        case PORT_LIST_SERVICES:
                ok = port_read_services(content, ret, why);
                break;
        case PORT_LIST_CLAIMS:
                return port_refuse(why, 0, "a file of claims, not one edition of a list");
        }
        if (!ok)
                return false;
        port_date_find(bytes_str(file_name), &by_name);
        if (dated || (!ret->about.date && (by_name || fallback))) {
                ret->dated_by = dated ? "the date given" : by_name ? "its file name" : "its file time";
                ret->about.date = dated ? dated : by_name ? by_name : fallback;
        }
        if (!ret->about.date)
                return port_refuse(why, 0, "nothing in it or in its name dates it; give a date");
        return true;
}
