/* One self-contained page about a port: no scripts, no foreign files. The live part is not in it: a page is
 * shown to others. */
#include "tools/port/port_tool.h"

#include <stdio.h>

static void put_escaped_bytes(struct buf *b, struct bytes text)
{
        for (size_t i = 0; i < text.len;) {
                const uint8_t c = text.data[i];
                const size_t k = port_utf8_here(text.data + i, text.len - i);
                if (k == 0)
                        buf_puts(b, "\xef\xbf\xbd");
                else if (c == '&' || c == '<' || c == '>' || c == '"')
                        buf_puts(b, c == '&' ? "&amp;" : c == '<' ? "&lt;" : c == '>' ? "&gt;" : "&quot;");
                else if (c < 0x20 || c == 0x7f || (c == 0xc2 && text.data[i + 1] < 0xa0))
                        buf_putc(b, ' '); /* control characters have no place in a page */
                else
                        buf_put(b, bytes_of(text.data + i, k));
                i += k ? k : 1;
        }
}

static void put_escaped(struct buf *b, const char *text)
{
        put_escaped_bytes(b, bytes_str(text));
}

/* At most so many characters, with an ellipsis when some are missing. */
static void put_short(struct buf *b, const char *text, size_t most)
{
        const struct bytes all = bytes_str(text);
        size_t at = 0;
        for (size_t i = 0; i < most && at < all.len; i++) {
                const size_t k = port_utf8_here(all.data + at, all.len - at);
                at += k ? k : 1;
        }
        put_escaped_bytes(b, bytes_sub(all, 0, at));
        if (at < all.len)
                buf_puts(b, "\xe2\x80\xa6");
}

/* What a text function wrote behind `from`, escaped in place. */
static void escape_from(struct port_tool *t, size_t from)
{
        const char *plain = arena_str(&t->arena, bytes_sub(buf_bytes(&t->out), from, t->out.len));
        buf_truncate(&t->out, from);
        put_escaped(&t->out, plain ? plain : "");
}

/* Sentences of the text report, one list item each. */
static void put_list(struct port_tool *t, const struct port_answer *a,
                     void (*put)(struct buf *, const struct port_answer *, const char *, const char *))
{
        struct buf plain;
        buf_init(&plain, 1u << 20);
        put(&plain, a, "", "\n");
        const struct bytes all = buf_bytes(&plain);
        for (size_t at = 0; at < all.len;) {
                const struct bytes rest = bytes_sub(all, at, all.len);
                const struct bytes line = bytes_sub(rest, 0, bytes_find(rest, '\n'));
                const char *text = arena_str(&t->arena, line);
                buf_puts(&t->out, "<li>");
                put_escaped(&t->out, text ? text : "");
                buf_puts(&t->out, "</li>\n");
                at += line.len + 1;
        }
        buf_done(&plain);
}

static const char style[] =
        "<style>\n"
        ":root{color-scheme:light "
        "dark;--ink:#1c1c1e;--soft:#5d5d66;--line:#d8d8de;--bar:#3b6ea8;--weak:#a9b9cc;--bad:#b23b3b;--"
        "ground:#fff}\n"
        "@media(prefers-color-scheme:dark){:root{--ink:#ececf0;--soft:#a0a0aa;--line:#3a3a42;--bar:#7aa7dc;--"
        "weak:#4d5d70;--bad:#e08080;--ground:#161618}}\n"
        "body{font:16px/1.5 "
        "system-ui,sans-serif;color:var(--ink);background:var(--ground);max-width:62rem;margin:2rem "
        "auto;padding:0 1rem}\n"
        "h1{font-size:2rem;margin:0}h2{font-size:1.1rem;margin:2rem 0 .5rem}p{margin:.4rem "
        "0}.soft{color:var(--soft)}\n"
        "table{border-collapse:collapse;width:100%;font-size:.9rem}th,td{text-align:left;vertical-align:top;"
        "padding:.35rem .6rem .35rem 0;border-bottom:1px solid var(--line)}\n"
        "th{font-weight:600;color:var(--soft)}code{font-family:ui-monospace,monospace;font-size:.9em}.bad{"
        "color:var(--bad)}\n"
        ".day{white-space:nowrap}.scroll{overflow-x:auto}svg text{fill:var(--ink);font:12px "
        "system-ui,sans-serif}svg "
        ".soft{fill:var(--soft)}\n"
        "</style>\n";

enum { FIRST_YEAR = 1994, LABEL = 300, CHART = 600, ROW = 22 };

static double at_day(port_date d, unsigned years)
{
        const double year = d / 10000 + (d / 100 % 100 - 1) / 12.0 + (d % 100 - 1) / 365.0;
        const double x = (year - FIRST_YEAR) / years * CHART;
        return x < 0 ? 0 : x > CHART ? CHART : x;
}

static const char *claim_word(const struct port_claim *c)
{
        return *c->name ? c->name : c->status == PORT_ABSENT ? "not listed" : port_status_word(c->status);
}

static void put_bar(struct buf *b, const struct port_item *it, unsigned row, unsigned years, port_date today)
{
        const struct port_claim *c = &it->claim;
        const port_date first = c->seen_first ? port_date_first(c->seen_first) : port_date_last(c->seen_last);
        port_date last = c->asserted_until ? port_date_last(c->asserted_until) : port_date_last(c->seen_last);
        if (!last || last > today)
                last = today;
        const double x = at_day(first ? first : today, years);
        double width = at_day(last, years) - x;
        const bool bad = it->faults & (PORT_FAULT_FALSE | PORT_FAULT_RANGE_MADE_POINT);
        const char *color = bad ? "bad" : port_claim_is_range(c) ? "weak" : "bar";
        if (width < 4)
                width = 4;
        buf_printf(b, "<text x=\"0\" y=\"%u\">", row * ROW + 15);
        put_short(b, it->source.key, 18);
        buf_puts(b, ": ");
        put_short(b, claim_word(c), 27);
        buf_printf(b,
                   "</text><rect x=\"%.1f\" y=\"%u\" width=\"%.1f\" height=\"12\" rx=\"2\" "
                   "style=\"stroke:var(--%s);fill:",
                   LABEL + x, row * ROW + 5, width, color);
        if (c->status == PORT_ABSENT)
                buf_puts(b, "none");
        else
                buf_printf(b, "var(--%s)", color);
        buf_puts(b, "\"><title>");
        put_escaped(b, it->source.title);
        buf_puts(b, ": ");
        port_put_interval(b, c->seen_first, c->seen_last);
        buf_puts(b, "</title></rect>\n");
}

static void put_timeline(struct port_tool *t, const struct port_answer *a)
{
        struct buf *b = &t->out;
        const unsigned years = t->today / 10000 + 1 - FIRST_YEAR;
        unsigned rows = 0;
        for (size_t i = 0; i < a->n; i++)
                rows += a->item[i].claim.seen_first || a->item[i].claim.seen_last ? 1 : 0;
        buf_printf(b,
                   "<h2>When they said it</h2>\n<p class=\"soft\">Dark: about this port. Pale: about a "
                   "range. Red: false, or a range made "
                   "into a port. Outlined: not listed there.</p>\n<div class=\"scroll\"><svg width=\"%u\" "
                   "height=\"%u\" role=\"img\" "
                   "aria-label=\"Time line of the claims\">\n",
                   LABEL + CHART + 30, rows * ROW + 24);
        for (unsigned y = FIRST_YEAR; y < FIRST_YEAR + years; y += 4) {
                const double x = LABEL + at_day(y * 10000 + 101, years);
                buf_printf(b,
                           "<line x1=\"%.1f\" y1=\"0\" x2=\"%.1f\" y2=\"%u\" style=\"stroke:var(--line)\"/>"
                           "<text class=\"soft\" x=\"%.1f\" y=\"%u\">%u</text>\n",
                           x, x, rows * ROW + 4, x + 2, rows * ROW + 18, y);
        }
        unsigned row = 0;
        for (size_t i = 0; i < a->n; i++) {
                if (a->item[i].claim.seen_first || a->item[i].claim.seen_last)
                        put_bar(b, &a->item[i], row++, years, t->today);
        }
        buf_puts(b, "</svg></div>\n");
}

static void put_row(struct buf *b, const struct port_item *it)
{
        const struct port_claim *c = &it->claim;
        char text[PORT_TRANSPORT_BYTES];
        buf_puts(b, "<tr><td>");
        put_escaped(b, claim_word(c));
        if (*c->name)
                buf_printf(b, "<br><span class=\"soft\">%s</span>", port_status_word(c->status));
        buf_puts(b, "</td><td>");
        if (port_claim_is_range(c))
                buf_printf(b, "range %u-%u", c->port, c->end);
        else
                buf_puts(b, "this port");
        buf_printf(b, "<br>%s</td><td class=\"day\">", port_transport_text(c->transport, text));
        port_put_interval(b, c->seen_first, c->seen_last);
        if (c->asserted_until)
                buf_printf(b, "<br>until %s", port_date_text(c->asserted_until, text));
        buf_puts(b, "</td><td>");
        put_escaped(b, it->source.title);
        if (*c->reference) {
                buf_puts(b, "<br><span class=\"soft\">");
                put_escaped(b, c->reference);
                buf_puts(b, "</span>");
        }
        buf_printf(b, "</td><td%s>%s", it->faults & PORT_FAULT_FALSE ? " class=\"bad\"" : "",
                   port_confidence_word(c->confidence));
        if (it->faults & PORT_FAULT_RANGE_MADE_POINT)
                buf_puts(b, "<br><span class=\"bad\">a range made into a port</span>");
        buf_puts(b, "</td><td>");
        put_escaped(b, c->description);
        buf_puts(b, "</td></tr>\n");
}

static void put_claims(struct port_tool *t, const struct port_answer *a)
{
        struct buf *b = &t->out;
        buf_puts(b, "<h2>Who says what</h2>\n<div class=\"scroll\"><table>\n<tr><th "
                    "scope=\"col\">Claim</th><th scope=\"col\">About</th>"
                    "<th scope=\"col\">Seen</th><th scope=\"col\">Source</th><th scope=\"col\">Worth</th><th "
                    "scope=\"col\">In our words</th></tr>\n");
        for (size_t i = 0; i < a->n; i++)
                put_row(b, &a->item[i]);
        if (a->n == 0)
                buf_puts(b, "<tr><td colspan=\"6\">No source at hand names this port.</td></tr>\n");
        buf_puts(b, "</table></div>\n");
}

static void put_howto(struct buf *b, uint16_t port)
{
        struct port_howto h[PORT_HOWTOS];
        port_howto(port, h);
        buf_puts(b, "<h2>Look for yourself</h2>\n<table>\n<tr><th scope=\"col\">System</th><th "
                    "scope=\"col\">Command</th></tr>\n");
        for (unsigned i = 0; i < PORT_HOWTOS; i++) {
                buf_puts(b, "<tr><td>");
                put_escaped(b, h[i].system);
                buf_puts(b, "</td><td><code>");
                put_escaped(b, h[i].command);
                buf_puts(b, "</code></td></tr>\n");
        }
        buf_puts(b, "</table>\n<p class=\"soft\">As an ordinary user lsof says nothing about other users' "
                    "processes: its silence does not mean "
                    "that the port is free.</p>\n");
}

void port_report_html(struct port_tool *t, const struct port_report *r)
{
        const struct port_answer *a = r->answer;
        struct buf *b = &t->out;
        char day[PORT_DATE_BYTES];
        buf_printf(b,
                   "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                   "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>Port "
                   "%u</title>\n%s</head>\n<body>\n"
                   "<h1>Port %u</h1>\n<p class=\"soft\">%s: %s.</p>\n<p><strong>IANA, as of %s:</strong> ",
                   a->port, style, a->port, port_range_name(a->port), port_range_meaning(a->port),
                   port_date_text(a->as_of, day));
        size_t from = b->len;
        port_put_headline(b, a);
        escape_from(t, from);
        buf_puts(b, ".</p>\n<h2>What to make of it</h2>\n<ul>\n");
        put_list(t, a, port_put_conclusions);
        buf_puts(b, "</ul>\n");
        if (a->disagreements) {
                buf_puts(b, "<h2>Why the lists disagree</h2>\n<ul>\n");
                put_list(t, a, port_put_disagreements);
                buf_puts(b, "</ul>\n");
        }
        if (a->silenced)
                buf_printf(b, "<p class=\"soft\">This site does not show %zu of the claims.</p>\n",
                           a->silenced);
        put_timeline(t, a);
        put_claims(t, a);
        put_howto(b, a->port);
        buf_printf(b,
                   "<p class=\"soft\">Made by <code>ni port %u --html</code>. Claims, not truths: each row "
                   "says who says it.</p>\n</body>\n</html>\n",
                   a->port);
}
