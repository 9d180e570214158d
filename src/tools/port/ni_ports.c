/* `ni ports`: the whole machine, or another machine's listing, beside the registry. */
#include "tools/port/port_tool.h"

#include "base/limits.h"
#include "portdb/listing.h"
#include "sys/fs.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <unistd.h>

static const char help[] =
        "usage: ni ports [options]\n"
        "       ni ports --from FILE\n"
        "       ni ports --ghosts\n"
        "\n"
        "Who listens on this machine, and whether the registry and this site would expect it there.\n"
        "\n"
        "  --from FILE        join another machine's output instead: netstat -ano (Windows), netstat -anv "
        "(macOS, Linux),\n"
        "                     lsof -nP -i (macOS, Linux); - reads standard input\n"
        "  --ghosts           ports that nobody owns any more, whose product has ended, or that were never "
        "assigned\n"
        "  --watch            print what changes, once a second, until stopped\n"
        "  --as-of DATE       with --from, --ghosts: what the registry said on that day\n"
        "  --connections      also connections, not only listeners\n"
        "  --all-holders      every process that has the socket, and command lines\n"
        "  --all-netns        every network namespace (root)\n"
        "  --no-processes     sockets and units only; faster\n"
        "  -t, --tcp          only tcp\n"
        "  -u, --udp          only udp\n"
        "  --json             as JSON\n"
        "  --no-directory     leave out what this site's directory says\n"
        "  --server HOST, --domain TAG\n"
        "                     ask that directory; without them only one that is near, and for a moment\n"
        "  -v, --verbose      also say that no directory was found\n"
        "\n"
        "examples:\n"
        "  ni ports\n"
        "  netstat -ano > windows.txt      (there)\n"
        "  ni ports --from windows.txt     (here)\n";

/* What the registry calls the port, after the verdict: "registered as ssh, the program is nginx". */
static void put_registered(struct buf *b, const struct port_answer *a, const struct port_socket *s)
{
        const struct port_state *st = s->transport == PORT_UDP ? &a->state[1] : &a->state[0];
        if (port_status_is_assigned(st->status) && st->by && *st->by->claim.name) {
                buf_puts(b, ": registered as ");
                port_put(b, st->by->claim.name);
                if (s->processes && strcmp(s->process[0]->command, st->by->claim.name) != 0) {
                        buf_puts(b, ", the program is ");
                        port_put(b, s->process[0]->command);
                }
        } else if (st->last) {
                buf_puts(b, ": was ");
                port_put(b, st->last->claim.name);
        } else if (st->use) {
                buf_puts(b, ": known use ");
                port_put(b, st->use->claim.name);
        }
}

/* Answers for neighbouring sockets of one port are the same answer. */
struct joined {
        struct arena arena;
        struct port_answer answer;
        bool there;
};

static const struct port_answer *answer_for(struct port_tool *t, struct joined *j, uint16_t port)
{
        if (j->there && j->answer.port == port)
                return &j->answer;
        arena_reset(&j->arena);
        j->there = port_resolve(&t->db, port, PORT_ANY, port_tool_day(t), &j->arena, &j->answer);
        return j->there ? &j->answer : NULL;
}

/* One port that the site says is in use today, and of a transport that was asked. */
static bool is_expected(const struct port_tool *t, const struct port_claim *c)
{
        const port_date until = port_date_first(c->asserted_until), from = port_date_first(c->asserted_from);
        return c->status == PORT_SITE_USE && !port_claim_is_range(c) && (!until || until > t->today) &&
               (!from || from <= t->today) && (!c->transport || (c->transport & (PORT_TCP | PORT_UDP))) &&
               (!c->transport || !t->o.transports || (c->transport & t->o.transports));
}

/* What the site expects to listen and does not. */
static void put_missing(struct port_tool *t, const struct port_live *l, struct port_json *json)
{
        for (size_t i = 0; t->db.site && i < t->db.site->claims; i++) {
                const struct port_site_claim *c = &t->db.site->claim[i];
                bool there = !is_expected(t, &c->claim);
                for (size_t k = 0; !there && k < l->n; k++)
                        there = port_claim_covers(&c->claim, l->socket[k].port, l->socket[k].transport) &&
                                l->socket[k].state != PORT_SOCKET_CONNECTED;
                if (there)
                        continue;
                char text[PORT_TRANSPORT_BYTES];
                if (t->o.json) {
                        json_open(json, NULL, '{');
                        json_number(json, "port", c->claim.port);
                        json_text(json, "transports", port_transport_text(c->claim.transport, text));
                        json_text(json, "name", c->claim.name);
                        json_text(json, "domain", c->domain);
                        json_text(json, "verdict", port_verdict_word(PORT_V_SITE_EXPECTED_MISSING));
                        json_close(json, '}');
                        continue;
                }
                buf_printf(&t->out, "%-4s %-12s %u  %s: domain ",
                           port_transport_text(c->claim.transport, text), "nobody", c->claim.port,
                           port_verdict_word(PORT_V_SITE_EXPECTED_MISSING));
                port_put(&t->out, c->domain);
                buf_puts(&t->out, " expects ");
                port_put(&t->out, c->claim.name);
                buf_putc(&t->out, '\n');
        }
}

static bool put_sockets(struct port_tool *t, const struct port_live *l, struct port_json *json)
{
        const struct port_socket_unit *units;
        const size_t units_n = t->o.from ? 0 : port_socket_units(&t->arena, "", 0, &units);
        struct joined j = {.there = false};
        arena_init(&j.arena, 1u << 26);
        for (size_t i = 0; i < l->n; i++) {
                const struct port_socket *s = &l->socket[i];
                const struct port_answer *a = answer_for(t, &j, s->port);
                if (!a || t->out.failed)
                        break;
                const struct port_judged v = port_judge(s, a, t->db.site, units_n ? units : NULL, units_n);
                if (t->o.json) {
                        port_json_socket(json, s, &v);
                        continue;
                }
                port_put_socket(t, s, &v);
                put_registered(&t->out, a, s);
                buf_putc(&t->out, '\n');
        }
        const bool ok = l->n == 0 || j.there;
        arena_done(&j.arena);
        return ok;
}

static int put_machine(struct port_tool *t, const struct port_live *l)
{
        struct port_json json = {.out = &t->out};
        if (t->o.json) {
                json_open(&json, NULL, '{');
                json_open(&json, "sockets", '[');
        }
        const bool ok = put_sockets(t, l, &json);
        if (t->o.json) {
                json_close(&json, ']');
                json_open(&json, "missing", '[');
        }
        if (!t->o.from) /* another machine is not this site's business */
                put_missing(t, l, &json);
        if (t->o.json) {
                json_close(&json, ']');
                if (!t->o.from)
                        port_json_visibility(&json, l);
                json_close(&json, '}');
                buf_putc(&t->out, '\n');
        } else if (l->n == 0) {
                buf_puts(&t->out, t->o.from ? "no socket in it\n" : "nothing listens here\n");
        }
        if (!t->o.json && !t->o.from)
                port_put_hidden(t, l);
        if (!t->o.json)
                port_put_site_silence(t);
        return ok ? EXIT_ANSWERED : EXIT_FAILED;
}

static int answer_machine(struct port_tool *t)
{
        const struct port_live_query q = {
                .from = 0,
                .to = 65535,
                .transports = t->o.transports ? t->o.transports : PORT_TCP | PORT_UDP,
                .connections = t->o.connections,
                .silent = true,
                .processes = !t->o.no_processes,
                .all_holders = t->o.all_holders,
                .all_namespaces = t->o.all_namespaces,
        };
        struct port_live l;
        if (!port_live_ask(&q, &t->arena, &l)) {
                port_tool_error(t, "the kernel could not be asked who listens: %s", strerror(l.error));
                return EXIT_FAILED;
        }
        size_t kept = 0;
        for (size_t i = 0; i < l.n; i++) { /* a connected udp socket is a connection, too */
                if (t->o.connections || l.socket[i].state != PORT_SOCKET_CONNECTED)
                        l.socket[kept++] = l.socket[i];
        }
        l.n = kept;
        port_tool_ask_mapper(t, &l);
        return put_machine(t, &l);
}

int port_answer_listing(struct port_tool *t)
{
        struct port_problem why = {.reason = ""};
        struct port_live l;
        struct buf content;
        buf_init(&content, LIMIT_PORT_FILE + (1u << 20));
        int err = 0;
        if (strcmp(t->o.from, "-") == 0) {
                for (ssize_t n = 1; n > 0 && !err;) {
                        uint8_t *p = buf_add(&content, 65536);
                        n = p ? read(STDIN_FILENO, p, 65536) : -1;
                        if (p)
                                content.len -= 65536 - (size_t)(n > 0 ? n : 0);
                        err = n < 0 ? EIO : 0;
                }
        } else {
                err = fs_read(t->o.from, LIMIT_PORT_FILE, &content);
        }
        int exit = EXIT_FAILED;
        if (err)
                port_tool_error(t, "%s: %s", t->o.from, strerror(err));
        else if (!port_listing_read(buf_bytes(&content), t->o.connections, &t->arena, &l, &why))
                port_tool_error(t, "%s:%zu: %s", t->o.from, why.line, why.reason);
        else
                exit = put_machine(t, &l);
        buf_done(&content);
        return exit;
}

int ni_ports_run(int argc, char **argv)
{
        struct port_tool t;
        port_tool_begin(&t, "ni ports");
        const int stop = port_tool_options(&t, argc, argv, true, help);
        if (stop)
                return port_tool_end(&t, stop - 1);
        if (optind != argc) {
                port_tool_error(&t, "%s: no operands are taken; one port is asked with ni port %s",
                                argv[optind], argv[optind]);
                return port_tool_end(&t, EXIT_USAGE);
        }
        if (t.o.watch && (t.o.from || t.o.ghosts || t.o.as_of)) {
                port_tool_error(&t, "--watch looks at this machine now: without --from, --ghosts, --as-of");
                return port_tool_end(&t, EXIT_USAGE);
        }
        if (!port_tool_open(&t))
                return port_tool_end(&t, EXIT_FAILED);
        if (t.o.watch)
                return port_tool_end(&t, port_answer_watch(&t, 0, 65535));
        port_tool_ask_site(&t, 0, 65535, !t.o.ghosts);
        const int exit = t.o.ghosts ? port_answer_ghosts(&t)
                         : t.o.from ? port_answer_listing(&t)
                                    : answer_machine(&t);
        return port_tool_end(&t, exit);
}
