/* `ni port` asked about one port, a range, a name, a text. */
#include "tools/port/port_tool.h"

#include <stdio.h>
#include <stdlib.h>

enum { SHOWN_MAX = 2000 }; /* ports a name or text may list */

static void ask_live(struct port_tool *t, uint16_t port, struct port_live *ret)
{
        const struct port_live_query q = {
                .from = port,
                .to = port,
                .transports = t->o.transports ? t->o.transports : PORT_TCP | PORT_UDP,
                .connections = t->o.connections,
                .silent = t->o.connections || t->o.all_holders,
                .processes = !t->o.no_processes,
                .all_holders = t->o.all_holders,
                .all_namespaces = t->o.all_namespaces,
        };
        port_live_ask(&q, &t->arena, ret);
}

static struct port_judged *judge_all(struct port_tool *t, const struct port_live *l,
                                     const struct port_answer *a)
{
        const struct port_socket_unit *units;
        struct port_judged *j = arena_zalloc(&t->arena, l->n + 1, sizeof(*j));
        const size_t n = l->n ? port_socket_units(&t->arena, "", a->port, &units) : 0;
        for (size_t i = 0; j && i < l->n; i++)
                j[i] = port_judge(&l->socket[i], a, t->db.site, n ? units : NULL, n);
        return j;
}

/* What may take the port later, or expects it (doc/ports.md 5.4): at most FREE_WARNINGS sentences. */
enum { FREE_WARNINGS = 5 };

static size_t free_warnings(struct port_tool *t, const struct port_answer *a, const char *to[FREE_WARNINGS])
{
        const struct port_system *s = &t->system;
        const uint16_t port = a->port;
        const uint16_t rpc_from = s->rpc_to ? s->rpc_from : 665, rpc_to = s->rpc_to ? s->rpc_to : 1023;
        size_t n = 0;
        if (port < s->unprivileged_from)
                to[n++] =
                        arena_printf(&t->arena, "only root and CAP_NET_BIND_SERVICE may bind ports below %u",
                                     s->unprivileged_from);
        if (port >= s->ephemeral_from && port <= s->ephemeral_to)
                to[n++] = arena_printf(
                        &t->arena, "this system hands out %u-%u to connections: it may be taken at any time",
                        s->ephemeral_from, s->ephemeral_to);
        if (port >= rpc_from && port <= rpc_to)
                to[n++] =
                        arena_printf(&t->arena, "NFS mounts take source ports from %u-%u", rpc_from, rpc_to);
        if (port_system_reserved(s, port))
                to[n++] = "ip_local_reserved_ports names it: somebody keeps it for a service";
        for (size_t i = 0; i < a->n; i++) {
                const struct port_item *it = &a->item[i];
                if (it->table != PORT_DB_TABLES || it->claim.status != PORT_SITE_USE ||
                    it->standing != PORT_STANDS)
                        continue;
                to[n++] = arena_printf(&t->arena, "domain %s keeps it for %s", it->domain, it->claim.name);
                break;
        }
        return n;
}

static void warn_free(struct port_tool *t, const struct port_report *r)
{
        for (size_t i = 0; i < r->warnings; i++) {
                buf_puts(&t->out, "but  ");
                port_put(&t->out, r->warning[i] ? r->warning[i] : "out of memory");
                buf_putc(&t->out, '\n');
        }
}

/* Exit statuses of doc/ports.md 5.4. A socket that only hides its process is still a socket: taken. */
static int verdict_exit(struct port_tool *t, const struct port_live *l)
{
        if (l->error || l->closed_namespaces)
                return t->o.free || t->o.listening ? 5 : EXIT_ANSWERED;
        bool listens = false;
        for (size_t i = 0; i < l->n; i++)
                listens = listens || l->socket[i].state == PORT_SOCKET_LISTEN ||
                          l->socket[i].state == PORT_SOCKET_OPEN;
        if (t->o.listening)
                return listens ? 0 : 3;
        if (t->o.free)
                return l->n ? 4 : l->bound_visible ? 0 : 5;
        return EXIT_ANSWERED;
}

int port_answer_one(struct port_tool *t, uint16_t port)
{
        struct port_answer a;
        struct port_live live = {.arena = &t->arena};
        const char *warning[FREE_WARNINGS];
        struct port_report r = {.answer = &a, .warning = warning};
        port_tool_ask_site(t, port, port, !t->o.no_live && !t->o.as_of && !t->o.history && !t->o.html);
        if (!port_resolve(&t->db, port, t->o.transports, port_tool_day(t), &t->arena, &a))
                return EXIT_FAILED;
        if (!t->o.no_live && !t->o.as_of && !t->o.history && !t->o.html) {
                ask_live(t, port, &live);
                port_tool_ask_mapper(t, &live);
                r.live = &live;
                r.judged = judge_all(t, &live, &a);
                if (!r.judged)
                        return EXIT_FAILED;
        }
        if (t->o.free)
                r.warnings = free_warnings(t, &a, warning);
        if (t->o.html)
                port_report_html(t, &r);
        else if (t->o.json)
                port_report_json(t, &r);
        else if (t->o.history)
                port_history_text(t, &a);
        else
                port_report_text(t, &r);
        if (!t->o.json)
                warn_free(t, &r);
        if (live.error) {
                port_tool_error(t, "%u: the kernel could not be asked who listens: %s", port,
                                strerror(live.error));
                return t->o.free || t->o.listening ? 5 : EXIT_FAILED;
        }
        return r.live ? verdict_exit(t, &live) : EXIT_ANSWERED;
}

static bool resolve_to_list(struct port_tool *t, uint16_t port, struct port_answer *a, struct port_json *j)
{
        if (!port_resolve(&t->db, port, t->o.transports, port_tool_day(t), &t->arena, a))
                return false;
        if (t->o.json) {
                json_open(j, NULL, '{');
                port_json_states(j, a);
                json_open(j, "claims", '[');
                for (size_t i = 0; i < a->n; i++)
                        port_json_item(j, NULL, &a->item[i],
                                       port_claim_id(&t->arena, &a->item[i].source, &a->item[i].claim));
                json_close(j, ']');
                json_close(j, '}');
        }
        return true;
}

/* Ports with the same headline in a row become one line. */
int port_answer_range(struct port_tool *t, uint16_t from, uint16_t to)
{
        struct port_json j = {.out = &t->out};
        struct buf line, before;
        uint32_t first = from;
        bool ok = true;
        buf_init(&line, 0);
        buf_init(&before, 0);
        port_tool_ask_site(t, from, to, false);
        if (t->o.json)
                json_open(&j, NULL, '[');
        for (uint32_t p = from; ok && p <= to; p++) {
                struct arena keep = t->arena;
                struct port_answer a;
                arena_init(&t->arena, 1u << 26); /* one port's memory is given back before the next */
                ok = resolve_to_list(t, (uint16_t)p, &a, &j);
                buf_clear(&line);
                if (ok && !t->o.json)
                        port_put_line(&line, &a);
                arena_done(&t->arena);
                t->arena = keep;
                if (t->o.json)
                        continue;
                const struct bytes x = bytes_sub(buf_bytes(&line), 7, line.len),
                                   y = bytes_sub(buf_bytes(&before), 7, before.len);
                if (p > from && !bytes_eq(x, y)) {
                        const size_t at = t->out.len;
                        buf_printf(&t->out, first + 1 == p ? "%u" : "%u-%u", first, p - 1);
                        port_pad(&t->out, at, 13);
                        buf_put(&t->out, y);
                        first = p;
                }
                buf_clear(&before);
                buf_put(&before, buf_bytes(&line));
        }
        if (t->o.json) {
                json_close(&j, ']');
                buf_putc(&t->out, '\n');
        } else if (ok) {
                const size_t at = t->out.len;
                buf_printf(&t->out, first == to ? "%u" : "%u-%u", first, to);
                port_pad(&t->out, at, 13);
                buf_put(&t->out, bytes_sub(buf_bytes(&before), 7, before.len));
        }
        buf_done(&line);
        buf_done(&before);
        return ok ? EXIT_ANSWERED : EXIT_FAILED;
}

static int by_number(const void *a, const void *b)
{
        return (int)*(const uint16_t *)a - (int)*(const uint16_t *)b;
}

/* Sorts, drops doubles, prints one line each. */
static int print_ports(struct port_tool *t, uint16_t *port, size_t n)
{
        struct port_json j = {.out = &t->out};
        size_t kept = 0;
        qsort(port, n, sizeof(*port), by_number);
        for (size_t i = 0; i < n; i++) {
                if (kept == 0 || port[kept - 1] != port[i])
                        port[kept++] = port[i];
        }
        if (t->o.json)
                json_open(&j, NULL, '[');
        for (size_t i = 0; i < kept && i < SHOWN_MAX; i++) {
                struct port_answer a;
                if (!resolve_to_list(t, port[i], &a, &j))
                        return EXIT_FAILED;
                if (!t->o.json)
                        port_put_line(&t->out, &a);
        }
        if (t->o.json) {
                json_close(&j, ']');
                buf_putc(&t->out, '\n');
        } else if (kept > SHOWN_MAX) {
                buf_printf(&t->out, "... and %zu ports more\n", kept - SHOWN_MAX);
        }
        return kept ? EXIT_ANSWERED : EXIT_NOT_FOUND;
}

static size_t count_claims(const struct port_tool *t)
{
        size_t n = t->db.site ? t->db.site->claims : 0;
        for (unsigned k = 0; k < PORT_DB_TABLES; k++)
                n += port_table_claims(&t->db.table[k]);
        return n;
}

int port_answer_name(struct port_tool *t, const char *name)
{
        port_tool_ask_site(t, 0, 65535, false);
        uint16_t *port = arena_zalloc(&t->arena, count_claims(t) + 1, sizeof(*port));
        size_t n = 0;
        for (unsigned k = 0; port && k < PORT_DB_TABLES; k++) {
                uint32_t at;
                const uint32_t after = port_table_find_name(&t->db.table[k], bytes_str(name), &at);
                for (; at < after; at++) {
                        struct port_claim c;
                        if (port_table_claim(&t->db.table[k], port_table_named(&t->db.table[k], at), &c))
                                port[n++] = c.port;
                }
        }
        if (!port)
                return EXIT_FAILED;
        for (size_t i = 0; t->db.site && i < t->db.site->claims; i++) {
                const struct port_claim *c = &t->db.site->claim[i].claim;
                if (port_name_compare(bytes_str(c->name), bytes_str(name)) == 0)
                        port[n++] = c->port;
        }
        if (n)
                return print_ports(t, port, n);
        port_tool_error(t, "%s: no source names a port so; try `ni port /%s' to search in all texts", name,
                        name);
        return EXIT_NOT_FOUND;
}

int port_answer_text(struct port_tool *t, const char *needle)
{
        const struct bytes wanted = bytes_str(needle);
        port_tool_ask_site(t, 0, 65535, false);
        uint16_t *port = arena_zalloc(&t->arena, count_claims(t) + 1, sizeof(*port));
        size_t n = 0;
        if (!port)
                return EXIT_FAILED;
        for (unsigned k = 0; k < PORT_DB_TABLES; k++) {
                for (uint32_t i = 0; i < port_table_claims(&t->db.table[k]); i++) {
                        struct port_claim c;
                        if (port_table_claim(&t->db.table[k], i, &c) && port_claim_mentions(&c, wanted))
                                port[n++] = c.port;
                }
        }
        for (size_t i = 0; t->db.site && i < t->db.site->claims; i++) {
                if (port_claim_mentions(&t->db.site->claim[i].claim, wanted))
                        port[n++] = t->db.site->claim[i].claim.port;
        }
        if (n)
                return print_ports(t, port, n);
        port_tool_error(t, "/%s: no claim's name, description or note holds it", needle);
        return EXIT_NOT_FOUND;
}

/* k: PORT_DB_TABLES for the site's. */
static void put_source(struct port_tool *t, struct port_json *j, unsigned k, uint32_t i,
                       const struct port_source *s, size_t claims)
{
        struct port_table *table = k < PORT_DB_TABLES ? &t->db.table[k] : NULL;
        struct port_edition first = {.origin = ""}, last = {.origin = ""};
        const uint32_t editions = table ? port_table_editions(table, i) : 0;
        char x[PORT_DATE_BYTES], y[PORT_DATE_BYTES];
        if (editions) {
                port_table_edition(table, i, 0, &first);
                port_table_edition(table, i, editions - 1, &last);
        }
        if (t->o.json) {
                json_open(j, NULL, '{');
                json_text(j, "key", s->key);
                json_text(j, "title", s->title);
                json_text(j, "kind", port_kind_word(s->kind));
                json_text(j, "licence", s->licence);
                json_text(j, "reference", s->reference);
                json_text(j, "table", !table ? "site" : k ? "own" : "shipped");
                json_number(j, "claims", claims);
                json_number(j, "editions", editions);
                json_date(j, "first", first.date);
                json_date(j, "last", last.date);
                json_bool(j, "lossy", last.loses != 0);
                json_close(j, '}');
                return;
        }
        struct buf *b = &t->out;
        size_t from = b->len;
        port_put(b, s->key);
        port_pad(b, from, 16);
        buf_printf(b, "%7zu  ", claims);
        from = b->len;
        port_put(b, s->title);
        port_pad(b, from, 40);
        buf_puts(b, port_kind_word(s->kind));
        if (editions)
                buf_printf(b, ", %u edition%s %s .. %s%s", editions, editions == 1 ? "" : "s",
                           port_date_text(first.date, x), port_date_text(last.date, y),
                           last.loses ? ", lossy" : "");
        buf_puts(b, !table ? ", of this site's directory\n" : k ? ", imported here\n" : "\n");
}

static void put_site_sources(struct port_tool *t, struct port_json *j)
{
        const struct port_site *site = t->db.site;
        const struct port_source self = {
                .key = "site", .title = "this site", .licence = "", .reference = "", .kind = PORT_KIND_SITE};
        for (size_t i = 0; site && i <= site->sources; i++) {
                const struct port_source *s = i ? &site->source[i - 1] : &self;
                size_t claims = 0;
                for (size_t k = 0; k < site->claims; k++) {
                        const char *key = site->claim[k].source.key;
                        claims += strcmp(key ? key : self.key, s->key) == 0;
                }
                put_source(t, j, PORT_DB_TABLES, 0, s, claims);
        }
}

int port_answer_sources(struct port_tool *t)
{
        struct port_json j = {.out = &t->out};
        port_tool_ask_site(t, 0, 65535, false);
        if (t->o.json)
                json_open(&j, NULL, '[');
        for (unsigned k = 0; k < PORT_DB_TABLES; k++) {
                size_t claims[256] = {0};
                for (uint32_t i = 0; i < port_table_claims(&t->db.table[k]); i++) {
                        struct port_claim c;
                        if (port_table_claim(&t->db.table[k], i, &c))
                                claims[c.source]++;
                }
                for (uint32_t i = 0; i < port_table_sources(&t->db.table[k]) && i < 256; i++) {
                        struct port_source s;
                        if (port_table_source(&t->db.table[k], i, &s))
                                put_source(t, &j, k, i, &s, claims[i]);
                }
        }
        put_site_sources(t, &j);
        if (t->o.json) {
                json_close(&j, ']');
                buf_putc(&t->out, '\n');
        }
        return EXIT_ANSWERED;
}

int port_answer_check(struct port_tool *t)
{
        int exit = EXIT_ANSWERED;
        for (unsigned k = 0; k < PORT_DB_TABLES; k++) {
                const char *why, *path = k ? t->own : t->shipped;
                if (!t->db.table[k].base)
                        continue;
                if (port_table_verify(&t->db.table[k], &why)) {
                        buf_printf(&t->out, "%s: %u claims of %u sources, %zu bytes: sound\n", path,
                                   port_table_claims(&t->db.table[k]), port_table_sources(&t->db.table[k]),
                                   t->db.table[k].size);
                } else {
                        port_tool_error(t, "%s: %s", path, why);
                        t->db.table[k].damaged = false; /* said */
                        exit = EXIT_FAILED;
                }
        }
        return exit;
}
