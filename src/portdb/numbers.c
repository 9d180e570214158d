/* IANA's list as it was before 2011, the text "PORT NUMBERS" (doc/ports.md 1.4): rows of name, port/transport
 * and words; states stand in comments, without a name; persons stand in comments, too. */
#include "portdb/import.h"

#include "base/limits.h"
#include "base/text.h"

#include <stdio.h>
#include <strings.h>

static bool is_blank(uint8_t c)
{
        return c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v';
}

static struct bytes trim(struct bytes s)
{
        while (s.len && is_blank(s.data[0]))
                s = bytes_sub(s, 1, s.len);
        while (s.len && is_blank(s.data[s.len - 1]))
                s.len--;
        return s;
}

/* The next word of the line; empty at its end. */
static struct bytes word(struct bytes *line)
{
        const struct bytes all = trim(*line);
        size_t n = 0;
        while (n < all.len && !is_blank(all.data[n]))
                n++;
        *line = trim(bytes_sub(all, n, all.len));
        return bytes_sub(all, 0, n);
}

static bool begins(struct bytes s, const char *lower)
{
        const size_t n = strlen(lower);
        return s.len >= n && strncasecmp((const char *)s.data, lower, n) == 0;
}

bool port_numbers_begin(struct bytes content)
{
        for (size_t at = 0; at < content.len;) {
                const struct bytes rest = bytes_sub(content, at, content.len);
                const struct bytes line = bytes_sub(rest, 0, bytes_find(rest, '\n')), text = trim(line);
                if (text.len)
                        return text.len >= 12 && begins(bytes_sub(text, text.len - 12, 12), "port numbers");
                at += line.len + 1;
        }
        return false;
}

/* "(last updated 2008-02-29)", "(last updated 08 January 2004)". */
static port_date updated(struct bytes line)
{
        static const char *const months[] = {"jan", "feb", "mar", "apr", "may", "jun",
                                             "jul", "aug", "sep", "oct", "nov", "dec"};
        uint64_t year = 0, month = 0, day = 0;
        port_date d = 0;
        char text[32];
        if (port_date_find(line, &d))
                return d;
        for (struct bytes w = word(&line); w.len; w = word(&line)) {
                uint64_t n;
                while (w.len && (w.data[w.len - 1] == ',' || w.data[w.len - 1] == ')'))
                        w.len--;
                if (text_u64(w, 9999, &n) && n > 31)
                        year = n;
                else if (text_u64(w, 31, &n))
                        day = n;
                for (unsigned m = 0; m < 12 && w.len >= 3; m++) {
                        if (begins(w, months[m]))
                                month = m + 1;
                }
        }
        snprintf(text, sizeof(text), "%04u-%02u-%02u", (unsigned)year, (unsigned)month, (unsigned)day);
        return port_date_parse(bytes_str(text), &d) ? d : 0;
}

/* Digits, perhaps a range, perhaps with a transport behind a slash. */
static bool looks_like_port(struct bytes w, struct bytes *ret_span, struct bytes *ret_transport)
{
        const size_t slash = bytes_find(w, '/');
        *ret_span = bytes_sub(w, 0, slash);
        *ret_transport = bytes_sub(w, slash + 1, w.len);
        for (size_t i = 0; i < ret_span->len; i++) {
                if ((ret_span->data[i] < '0' || ret_span->data[i] > '9') &&
                    (i == 0 || ret_span->data[i] != '-'))
                        return false;
        }
        return ret_span->len > 0;
}

/* `[RFC768]` at the end of the words. */
static void take_reference(struct port_iana_row *row)
{
        const struct bytes d = row->description;
        size_t at = d.len;
        if (d.len == 0 || d.data[d.len - 1] != ']')
                return;
        while (at > 0 && d.data[at - 1] != '[')
                at--;
        if (at > 1) { /* not all of it */
                row->reference = bytes_sub(d, at - 1, d.len);
                row->description = trim(bytes_sub(d, 0, at - 1));
        }
}

/* `#  914-988  Unassigned`; other comments name persons. */
static bool state_line(struct bytes line, size_t number, struct port_rows *rows, struct port_problem *why)
{
        struct port_iana_row row = {0};
        struct bytes rest = line;
        const struct bytes where = word(&rest);
        struct bytes first = rest;
        if (!looks_like_port(where, &row.port, &row.transport) || rest.len == 0 ||
            port_status_of_words(word(&first)) == PORT_ASSIGNED_UNNAMED)
                return true;
        row.description = rest;
        return port_iana_add(rows, &row, number, why);
}

static bool entry_line(struct bytes line, size_t number, struct port_rows *rows, struct port_problem *why)
{
        struct port_iana_row row = {0};
        struct bytes rest = line;
        struct bytes where = word(&rest);
        if (!looks_like_port(where, &row.port, &row.transport) || bytes_find(where, '/') == where.len) {
                row.name = where;
                where = word(&rest);
                if (!looks_like_port(where, &row.port, &row.transport) || bytes_find(where, '/') == where.len)
                        return true; /* prose between the tables */
        }
        row.description = rest;
        take_reference(&row);
        return port_iana_add(rows, &row, number, why);
}

bool port_read_numbers(struct bytes content, struct port_rows *ret, struct port_problem *why)
{
        size_t number = 0;
        bool table = false;
        for (size_t at = 0; at < content.len;) {
                const struct bytes rest = bytes_sub(content, at, content.len);
                const struct bytes line = bytes_sub(rest, 0, bytes_find(rest, '\n')), text = trim(line);
                number++;
                if (bytes_find(line, 0) < line.len)
                        return port_refuse(why, number, "a NUL byte; this is no text");
                if (line.len > LIMIT_PORT_FIELD)
                        return port_refuse(why, number, "a line is longer than %u bytes", LIMIT_PORT_FIELD);
                at += line.len + 1;
                if (!table) {
                        table = begins(text, "keyword");
                        if (!ret->about.date && begins(text, "(last updated"))
                                ret->about.date = updated(text);
                        continue;
                }
                if (bytes_starts(text, "#") ? !state_line(bytes_sub(text, 1, text.len), number, ret, why)
                                            : !entry_line(text, number, ret, why))
                        return false;
        }
        if (ret->n == 0)
                return port_refuse(why, 0, table ? "no row has a port" : "no line begins with `Keyword'");
        if (ret->about.date)
                ret->dated_by = "its line `last updated'";
        ret->about.origin = "IANA text";
        port_rows_sort(ret);
        return true;
}
