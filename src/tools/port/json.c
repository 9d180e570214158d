/* The answer as JSON (stable; ni-port(1) "JSON"). */
#include "portdb/rpc.h"
#include "tools/port/port_tool.h"

#include <stdio.h>

static void put_code(struct buf *b, unsigned c)
{
        buf_printf(b, "\\u%04x", c);
}

static void put_string(struct buf *b, const char *text)
{
        const uint8_t *s = (const uint8_t *)text;
        const size_t n = strlen(text);
        buf_putc(b, '"');
        for (size_t i = 0; i < n;) {
                const size_t k = port_utf8_here(s + i, n - i);
                if (k == 0)
                        buf_puts(b, "\xef\xbf\xbd");
                else if (s[i] == '"' || s[i] == '\\')
                        buf_printf(b, "\\%c", s[i]);
                else if (s[i] < 0x20 || s[i] == 0x7f || (k == 2 && s[i] == 0xc2 && s[i + 1] < 0xa0))
                        put_code(b, k == 2 ? s[i + 1] : s[i]);
                else
                        buf_put(b, bytes_of(s + i, k));
                i += k ? k : 1;
        }
        buf_putc(b, '"');
}

static void put_key(struct port_json *j, const char *key)
{
        if (j->more)
                buf_putc(j->out, ',');
        j->more = true;
        if (key) {
                put_string(j->out, key);
                buf_putc(j->out, ':');
        }
}

void json_open(struct port_json *j, const char *key, char bracket)
{
        put_key(j, key);
        buf_putc(j->out, bracket);
        j->more = false;
}

void json_close(struct port_json *j, char bracket)
{
        buf_putc(j->out, bracket);
        j->more = true;
}

void json_text(struct port_json *j, const char *key, const char *value)
{
        put_key(j, key);
        put_string(j->out, value);
}

void json_number(struct port_json *j, const char *key, uint64_t value)
{
        put_key(j, key);
        buf_printf(j->out, "%llu", (unsigned long long)value);
}

void json_bool(struct port_json *j, const char *key, bool value)
{
        put_key(j, key);
        buf_puts(j->out, value ? "true" : "false");
}

void json_date(struct port_json *j, const char *key, port_date d)
{
        char text[PORT_DATE_BYTES];
        if (d)
                json_text(j, key, port_date_text(d, text));
}

static void json_transports(struct port_json *j, uint8_t set)
{
        json_open(j, "transports", '[');
        for (unsigned bit = 1; bit <= set; bit <<= 1) {
                if (set & bit)
                        json_text(j, NULL, port_transport_word((uint8_t)bit));
        }
        json_close(j, ']');
}

static void json_some(struct port_json *j, const char *key, const char *value)
{
        if (*value)
                json_text(j, key, value);
}

void port_json_item(struct port_json *j, const char *key, const struct port_item *it, const char *id)
{
        static const char *const standings[] = {"not-yet", "stands", "stale", "ended"};
        static const char *const faults[] = {"range-made-point", "false", "lossy-end", "alias-choice"};
        const struct port_claim *c = &it->claim;
        json_open(j, key, '{');
        if (id && it->table != PORT_DB_TABLES)
                json_text(j, "id", id);
        json_number(j, "port", c->port);
        json_number(j, "end", c->end);
        json_text(j, "scope", port_claim_is_range(c) ? "range" : "exact");
        json_transports(j, c->transport);
        json_text(j, "status", port_status_word(c->status));
        json_some(j, "name", c->name);
        json_some(j, "alias", c->alias);
        json_some(j, "description", c->description);
        json_text(j, "source", it->source.key);
        json_text(j, "source_title", it->source.title);
        json_text(j, "source_kind", port_kind_word(it->source.kind));
        if (it->domain)
                json_text(j, "domain", it->domain);
        if (it->owner)
                json_some(j, "owner", it->owner);
        json_text(j, "confidence", port_confidence_word(c->confidence));
        json_text(j, "standing", standings[it->standing]);
        json_bool(j, "by_editions", it->by_editions);
        json_date(j, "seen_first", c->seen_first);
        json_date(j, "seen_last", c->seen_last);
        json_date(j, "absent_before", it->absent_before);
        json_date(j, "absent_after", it->absent_after);
        json_date(j, "asserted_from", c->asserted_from);
        json_date(j, "asserted_until", c->asserted_until);
        json_some(j, "reference", c->reference);
        json_some(j, "note", c->note);
        json_open(j, "faults", '[');
        for (unsigned i = 0; i < 4; i++) {
                if (it->faults & 1u << i)
                        json_text(j, NULL, faults[i]);
        }
        json_close(j, ']');
        json_close(j, '}');
}

static void json_state(struct port_json *j, const struct port_state *st)
{
        json_open(j, port_transport_word(st->transport), '{');
        json_text(j, "status", port_state_word(st->status));
        if (st->by) {
                json_some(j, "name", st->by->claim.name);
                json_text(j, "by", st->by->source.key);
        }
        json_date(j, "said", st->said);
        json_date(j, "edition", st->edition);
        json_bool(j, "changed_in_between", st->between);
        json_date(j, "decided_by_date", st->decided);
        if (st->next) {
                json_open(j, "next_edition", '{');
                json_date(j, "date", st->next);
                json_text(j, "status", port_state_word(st->next_status));
                if (st->next_by)
                        json_some(j, "name", st->next_by->claim.name);
                json_close(j, '}');
        }
        if (st->last)
                json_text(j, "last_assignment", st->last->claim.name);
        json_open(j, "words", '[');
        for (unsigned i = 0; i < PORT_WORDS; i++) {
                if (st->words & 1u << i)
                        json_text(j, NULL, port_word_text(i));
        }
        json_close(j, ']');
        json_close(j, '}');
}

void port_json_states(struct port_json *j, const struct port_answer *a)
{
        json_number(j, "port", a->port);
        json_text(j, "range", port_range_name(a->port));
        json_date(j, "as_of", a->as_of);
        json_open(j, "registry", '{');
        for (unsigned i = 0; i < PORT_TRANSPORT_COUNT - 1; i++)
                json_state(j, &a->state[i]);
        json_close(j, '}');
}

static void json_process(struct port_json *j, const struct port_process *p)
{
        char user[64];
        json_open(j, NULL, '{');
        json_number(j, "pid", p->pid);
        json_number(j, "uid", p->uid);
        json_text(j, "user", port_user_name(p->uid, user));
        json_text(j, "command", p->command);
        json_some(j, "program", p->program);
        json_some(j, "line", p->line);
        if (p->started)
                json_number(j, "started_ticks", p->started);
        json_close(j, '}');
}

static void json_rpc(struct port_json *j, const struct port_socket *s)
{
        json_open(j, "rpc", '[');
        for (size_t i = 0; i < s->rpcs; i++) {
                const char *name = port_rpc_name(s->rpc[i].program);
                json_open(j, NULL, '{');
                json_number(j, "program", s->rpc[i].program);
                json_some(j, "name", name ? name : "");
                json_number(j, "version", s->rpc[i].version);
                json_close(j, '}');
        }
        json_close(j, ']');
}

void port_json_socket(struct port_json *j, const struct port_socket *s, const struct port_judged *v)
{
        static const char *const held[] = {"process", "kernel", "hidden", "unasked"};
        char text[PORT_ADDRESS_BYTES], user[64];
        json_open(j, NULL, '{');
        json_text(j, "transport", port_transport_word(s->transport));
        json_text(j, "state", port_socket_state_word(s->transport, s->state));
        if (s->family)
                json_number(j, "family", s->family);
        json_text(j, "address", port_address_text(s->family, s->address, text));
        json_number(j, "port", s->port);
        if (s->peer_port) {
                json_text(j, "peer", port_address_text(s->family, s->peer, text));
                json_number(j, "peer_port", s->peer_port);
        }
        if (s->family == 6 && s->state != PORT_SOCKET_CONNECTED)
                json_bool(j, "v6_only", s->v6_only);
        json_number(j, "uid", s->uid);
        json_text(j, "user", port_user_name(s->uid, user));
        json_number(j, "inode", s->inode);
        if (s->state == PORT_SOCKET_LISTEN) {
                json_number(j, "waiting", s->waiting);
                json_number(j, "backlog", s->backlog);
        }
        json_some(j, "cgroup", s->path);
        json_some(j, "unit", s->unit);
        json_some(j, "container", s->container);
        if (s->netns)
                json_number(j, "netns", s->netns);
        json_text(j, "held_by", held[s->held]);
        json_open(j, "processes", '[');
        for (size_t i = 0; i < s->processes; i++)
                json_process(j, s->process[i]);
        json_close(j, ']');
        if (s->rpcs)
                json_rpc(j, s);
        json_text(j, "verdict", port_verdict_word(v->verdict));
        if (*v->expected) {
                json_text(j, "expected", v->expected);
                json_text(j, "expected_by", v->by);
        }
        json_close(j, '}');
}

void port_json_visibility(struct port_json *j, const struct port_live *l)
{
        json_open(j, "visibility", '{');
        json_bool(j, "complete",
                  !l->error && !l->unreadable && !l->own_pid_namespace && !l->closed_namespaces);
        json_number(j, "unreadable_processes", l->unreadable);
        json_number(j, "closed_namespaces", l->closed_namespaces);
        json_bool(j, "container", l->own_pid_namespace);
        json_bool(j, "connections_asked", l->connections_asked);
        json_bool(j, "bound_silent_visible", l->bound_visible);
        json_bool(j, "bound_silent_asked", l->silent_asked);
        if (l->error)
                json_text(j, "error", strerror(l->error));
        json_close(j, '}');
}

void port_report_json(struct port_tool *t, const struct port_report *r)
{
        const struct port_answer *a = r->answer;
        struct port_json j = {.out = &t->out};
        json_open(&j, NULL, '{');
        port_json_states(&j, a);
        json_text(&j, "range_meaning", port_range_meaning(a->port));
        if (a->silenced)
                json_number(&j, "silenced", a->silenced);
        if (t->site_silence)
                json_text(&j, "site_silence", t->site_silence);
        json_open(&j, "disagreements", '[');
        for (unsigned i = 0; i < 5; i++) {
                if (a->disagreements & 1u << i)
                        json_text(&j, NULL, port_disagreement_text(i));
        }
        json_close(&j, ']');
        json_open(&j, "claims", '[');
        for (size_t i = 0; i < a->n && !t->o.no_registry; i++) {
                if (!t->o.source || strcmp(t->o.source, a->item[i].source.key) == 0)
                        port_json_item(&j, NULL, &a->item[i],
                                       port_claim_id(&t->arena, &a->item[i].source, &a->item[i].claim));
        }
        json_close(&j, ']');
        if (r->live) {
                json_open(&j, "sockets", '[');
                for (size_t i = 0; i < r->live->n; i++)
                        port_json_socket(&j, &r->live->socket[i], &r->judged[i]);
                json_close(&j, ']');
                port_json_visibility(&j, r->live);
        }
        if (r->warnings) {
                json_open(&j, "warnings", '[');
                for (size_t i = 0; i < r->warnings; i++)
                        json_text(&j, NULL, r->warning[i] ? r->warning[i] : "out of memory");
                json_close(&j, ']');
        }
        json_close(&j, '}');
        buf_putc(&t->out, '\n');
}
