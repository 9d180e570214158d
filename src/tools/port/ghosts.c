/* `ni ports --ghosts`: ports that nobody owns any more, ports whose product has ended, ports that were never
 * assigned and are used all the same (doc/ports.md 5.2, doc/decisions.md 28). Computed over all 65,536 ports.
 */
#include "tools/port/port_tool.h"

#include <stdio.h>

struct group {
        uint8_t word;
        const char *key, *title;
        struct buf lines;
        size_t n;
};

/* The window in which an assignment was lost: an asserted day, else the two editions around it. */
static void put_loss(struct buf *b, const struct port_item *it)
{
        char x[PORT_DATE_BYTES], y[PORT_DATE_BYTES];
        if (it->claim.asserted_until)
                buf_printf(b, "until %s", port_date_text(it->claim.asserted_until, x));
        else if (it->absent_after)
                buf_printf(b, "lost after %s, by %s", port_date_text(it->claim.seen_last, x),
                           port_date_text(it->absent_after, y));
        else
                buf_printf(b, "last seen %s", port_date_text(it->claim.seen_last, x));
}

static const struct port_item *subject(const struct port_state *st, uint8_t word)
{
        return word == PORT_WORD_GHOST ? st->last : st->use;
}

static void put_port(struct group *g, const struct port_answer *a, bool json)
{
        struct buf *b = &g->lines;
        const bool tcp = a->state[0].words & g->word, udp = a->state[1].words & g->word;
        const struct port_state *st = tcp ? &a->state[0] : &a->state[1];
        const struct port_item *it = subject(st, g->word);
        const size_t from = b->len;
        struct port_json j = {.out = b, .more = g->n > 0};
        if (!it)
                return;
        g->n++;
        if (json) {
                json_open(&j, NULL, '{');
                json_number(&j, "port", a->port);
                json_bool(&j, "tcp", tcp);
                json_bool(&j, "udp", udp);
                json_text(&j, "status", port_state_word(st->status));
                port_json_item(&j, "because", it, NULL);
                json_close(&j, '}');
                return;
        }
        buf_printf(b, "%u", a->port);
        port_pad(b, from, 7);
        buf_printf(b, "%-8s ", tcp && udp ? "tcp,udp" : tcp ? "tcp" : "udp");
        port_put(b, it->claim.name);
        port_pad(b, from, 46);
        buf_puts(b, "  ");
        if (g->word == PORT_WORD_NEVER_ASSIGNED) {
                port_put(b, it->source.title);
                buf_puts(b, ", ");
                port_put_interval(b, it->claim.seen_first, it->claim.seen_last);
        } else {
                put_loss(b, it);
        }
        buf_printf(b, "; now %s\n", port_state_word(st->status));
}

static void look_at(struct port_tool *t, struct group *group, size_t groups, uint16_t port,
                    struct arena *arena)
{
        struct port_answer a;
        if (!port_resolve(&t->db, port, PORT_TCP | PORT_UDP, port_tool_day(t), arena, &a))
                return;
        for (size_t i = 0; i < groups; i++) {
                if (a.words & group[i].word)
                        put_port(&group[i], &a, t->o.json);
        }
}

int port_answer_ghosts(struct port_tool *t)
{
        struct group group[] = {
                {.word = PORT_WORD_GHOST, .key = "lost", .title = "Lost their assignment"},
                {.word = PORT_WORD_RETIRED, .key = "retired", .title = "Assigned, but the product has ended"},
                {.word = PORT_WORD_NEVER_ASSIGNED,
                 .key = "never_assigned",
                 .title = "Never assigned, but used or claimed"},
        };
        const size_t n = sizeof(group) / sizeof(group[0]);
        struct port_json j = {.out = &t->out};
        struct arena arena;
        arena_init(&arena, 1u << 26);
        for (size_t i = 0; i < n; i++)
                buf_init(&group[i].lines, 1u << 28);
        for (uint32_t p = 0; p <= 65535; p++) {
                look_at(t, group, n, (uint16_t)p, &arena);
                arena_reset(&arena);
        }
        if (t->o.json)
                json_open(&j, NULL, '{');
        for (size_t i = 0; i < n; i++) {
                if (t->o.json) {
                        json_open(&j, group[i].key, '[');
                        buf_put(&t->out, buf_bytes(&group[i].lines));
                        json_close(&j, ']');
                } else {
                        buf_printf(&t->out, "%s%s (%zu)\n", i ? "\n" : "", group[i].title, group[i].n);
                        buf_put(&t->out, buf_bytes(&group[i].lines));
                }
                t->out.failed = t->out.failed || group[i].lines.failed;
                buf_done(&group[i].lines);
        }
        if (t->o.json) {
                json_close(&j, '}');
                buf_putc(&t->out, '\n');
        }
        arena_done(&arena);
        return EXIT_ANSWERED;
}
