/* The answer as text for people. */
#include "portdb/rpc.h"
#include "tools/port/port_tool.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

static void put_span(struct buf *b, const struct port_claim *c)
{
        if (port_claim_is_range(c))
                buf_printf(b, "RANGE %u-%u", c->port, c->end);
}

static const struct port_state *other(const struct port_answer *a, unsigned i)
{
        return &a->state[i];
}

/* tcp and udp are told together when the registry says the same of both. */
static bool same_state(const struct port_state *a, const struct port_state *b)
{
        if (a->status != b->status || a->between != b->between || a->said != b->said)
                return false;
        return !a->by || !b->by || strcasecmp(a->by->claim.name, b->by->claim.name) == 0;
}

/* First and last time that registry editions at hand say this of this port. */
static void said_interval(const struct port_answer *a, const struct port_state *st, port_date *first,
                          port_date *last)
{
        *first = *last = 0;
        for (size_t i = 0; i < a->n; i++) {
                const struct port_claim *c = &a->item[i].claim;
                if (!port_kind_is_registry(a->item[i].source.kind) || c->status != st->status ||
                    strcasecmp(c->name, st->by->claim.name) != 0 ||
                    !port_claim_covers(c, a->port, st->transport) || a->item[i].standing == PORT_NOT_YET)
                        continue;
                if (c->seen_first && (!*first || c->seen_first < *first))
                        *first = c->seen_first;
                if (c->seen_last > *last)
                        *last = c->seen_last;
        }
        if (!*last) { /* an edition after the day, that a date in it moved here */
                *first = st->by->claim.seen_first;
                *last = st->by->claim.seen_last;
        }
}

static void put_state(struct buf *b, const struct port_answer *a, const struct port_state *st)
{
        char x[PORT_DATE_BYTES], y[PORT_DATE_BYTES];
        port_date first, last;
        switch (st->status) {
        case PORT_ASSIGNED:
                buf_puts(b, "assigned to ");
                port_put(b, st->by->claim.name);
                break;
        case PORT_ASSIGNED_UNNAMED:
                buf_puts(b, "in use without a name: ");
                port_put(b, st->by->claim.description);
                break;
        case PORT_UNLISTED:
                buf_printf(b, "not listed (edition %s)", port_date_text(st->said, x));
                break;
        case PORT_UNKNOWN:
                buf_printf(b, "unknown before %s", port_date_text(a->oldest, x));
                break;
        default:
                buf_puts(b, port_state_word(st->status));
        }
        if (st->by) {
                said_interval(a, st, &first, &last);
                buf_puts(b, " (listed so ");
                port_put_interval(b, first, last);
                if (port_claim_is_range(&st->by->claim))
                        buf_printf(b, ", range %u-%u", st->by->claim.port, st->by->claim.end);
                if (st->by->standing == PORT_STALE)
                        buf_puts(b, st->by->faults & PORT_FAULT_LOSSY_END
                                            ? "; later editions at hand cannot show it"
                                            : "; nothing newer at hand");
                buf_putc(b, ')');
        }
        if (st->between) {
                buf_printf(b, " by %s, %s", port_date_text(st->edition, x), port_state_word(st->next_status));
                if (st->next_by && *st->next_by->claim.name) {
                        buf_puts(b, " to ");
                        port_put(b, st->next_by->claim.name);
                }
                buf_printf(b, " by %s; changed in between", port_date_text(st->next, y));
        } else if (st->decided) {
                buf_printf(b, ", %s %s by the registry's own date",
                           st->decided <= a->as_of ? "since" : "until", port_date_text(st->decided, x));
        }
}

void port_put_headline(struct buf *b, const struct port_answer *a)
{
        bool told[PORT_TRANSPORT_COUNT - 1] = {false};
        unsigned groups = 0;
        for (unsigned i = 0; i < PORT_TRANSPORT_COUNT - 1; i++) {
                const struct port_state *st = other(a, i);
                uint8_t set = st->transport;
                /* sctp and dccp are told only when a row names them. */
                if (told[i] || (i > 1 && !(st->by && st->by->claim.transport & st->transport)))
                        continue;
                for (unsigned k = i + 1; k < PORT_TRANSPORT_COUNT - 1; k++) {
                        const struct port_state *o = other(a, k);
                        if (!told[k] && same_state(st, o) &&
                            (k < 2 || (o->by && o->by->claim.transport & o->transport))) {
                                told[k] = true;
                                set |= o->transport;
                        }
                }
                char text[PORT_TRANSPORT_BYTES];
                buf_printf(b, "%s%s ", groups++ ? "; " : "", port_transport_text(set, text));
                put_state(b, a, st);
        }
}

static void put_words(struct buf *b, uint8_t words)
{
        bool more = false;
        for (unsigned i = 0; i < PORT_WORDS; i++) {
                if (words & 1u << i) {
                        buf_printf(b, "%s%s", more ? ", " : "", port_word_text(i));
                        more = true;
                }
        }
}

void port_put_line(struct buf *b, const struct port_answer *a)
{
        const size_t from = b->len;
        buf_printf(b, "%u", a->port);
        port_pad(b, from, 7);
        port_put_headline(b, a);
        if (a->words & (uint8_t)~PORT_WORD_DYNAMIC) {
                buf_puts(b, "  [");
                put_words(b, a->words & (uint8_t)~PORT_WORD_DYNAMIC);
                buf_putc(b, ']');
        }
        buf_putc(b, '\n');
}

/* -- who says what
 * ------------------------------------------------------------------------------------------------- */

/* Statements about the port's owner that say nothing new to a reader: the registry's own rows stand in the
 * headline and the history. */
static const char *said_name(const struct port_item *it)
{
        const struct port_claim *c = &it->claim;
        if (*c->name)
                return c->name;
        return c->status == PORT_ABSENT ? "(not listed)" : port_status_word(c->status);
}

static void put_faults(struct buf *b, const struct port_item *it)
{
        if (it->faults & PORT_FAULT_FALSE)
                buf_puts(b, "  FALSE against every edition of the registry");
        if (it->faults & PORT_FAULT_RANGE_MADE_POINT)
                buf_puts(b, "  a range claim made into a claim about one port");
        if (it->faults & PORT_FAULT_LOSSY_END)
                buf_puts(b, "  later editions cannot show such rows");
        else if (it->faults & PORT_FAULT_ALIAS_CHOICE)
                buf_puts(b, "  the copy keeps one name of several");
        if (it->standing == PORT_NOT_YET)
                buf_puts(b, "  first seen later");
        if (it->standing == PORT_ENDED)
                buf_puts(b, "  ended");
}

static void put_item(struct buf *b, const struct port_item *it, const char *lead)
{
        const struct port_claim *c = &it->claim;
        char text[PORT_TRANSPORT_BYTES];
        const size_t from = b->len;
        buf_printf(b, "%s ", lead);
        port_put(b, said_name(it));
        if (*c->name && c->status != PORT_ASSIGNED)
                buf_printf(b, " (%s)", port_status_word(c->status));
        port_pad(b, from, 46);
        buf_puts(b, "  ");
        port_put(b, it->source.title);
        if (it->domain) {
                buf_puts(b, ", domain ");
                port_put(b, it->domain);
        }
        buf_puts(b, ", ");
        if (port_claim_is_range(c)) {
                put_span(b, c);
                buf_puts(b, ", ");
        }
        if (c->transport)
                buf_printf(b, "%s, ", port_transport_text(c->transport, text));
        if (c->seen_first || c->seen_last) {
                port_put_interval(b, c->seen_first, c->seen_last);
                buf_puts(b, ", ");
        }
        buf_puts(b, port_confidence_word(c->confidence));
        put_faults(b, it);
        if (it->domain && *c->note) {
                buf_puts(b, "  ");
                port_put(b, c->note);
        }
        if (it->owner && *it->owner) {
                buf_puts(b, "  ask ");
                port_put(b, it->owner);
        }
        buf_putc(b, '\n');
}

static void put_claims(struct port_tool *t, const struct port_answer *a)
{
        const char *lead = "said";
        size_t later = 0;
        for (size_t i = 0; i < a->n; i++) {
                const struct port_item *it = &a->item[i];
                /* That a registry gives it to nobody stands in the headline, and with its dates in the
                 * history. */
                const bool nobody = port_kind_is_registry(it->source.kind) &&
                                    port_status_is_registry(it->claim.status) &&
                                    !port_status_is_assigned(it->claim.status);
                if (t->o.source ? strcmp(t->o.source, it->source.key) != 0 : nobody)
                        continue;
                if (t->o.as_of && it->standing == PORT_NOT_YET) {
                        later++;
                        continue;
                }
                put_item(&t->out, it, lead);
                lead = "    ";
        }
        if (*lead == 's')
                buf_puts(&t->out, "said nothing else at hand\n");
        if (later)
                buf_printf(&t->out, "     (%zu more first seen later: --history)\n", later);
}

/* -- now
 * -----------------------------------------------------------------------------------------------------------
 */

static void put_holder(struct port_tool *t, const struct port_socket *s)
{
        struct buf *b = &t->out;
        char user[64];
        for (size_t i = 0; i < s->processes; i++) {
                const struct port_process *p = s->process[i];
                buf_puts(b, i ? ", " : " ");
                port_put(b, p->command);
                buf_printf(b, " (pid %u, user ", p->pid);
                port_put(b, port_user_name(p->uid, user));
                if (*s->container) {
                        buf_puts(b, ", container ");
                        port_put(b, s->container);
                } else if (*s->unit) {
                        buf_puts(b, ", ");
                        port_put(b, s->unit);
                }
                buf_putc(b, ')');
        }
        if (s->processes)
                return;
        if (s->held == PORT_HELD_BY_KERNEL)
                buf_puts(b, s->inode ? " the kernel itself, no process"
                                     : " closed by its process, the kernel finishes it");
        else if (s->held == PORT_HELD_HIDDEN)
                buf_puts(b, " process hidden from you");
        buf_puts(b, " (user ");
        port_put(b, port_user_name(s->uid, user));
        if (*s->unit) {
                buf_puts(b, ", ");
                port_put(b, s->unit);
        }
        buf_putc(b, ')');
}

/* "  rpc mountd 1 2 3, program 300019 1" */
static void put_rpc(struct buf *b, const struct port_socket *s)
{
        for (size_t i = 0; i < s->rpcs; i++) {
                const char *name = port_rpc_name(s->rpc[i].program);
                if (i == 0 || s->rpc[i].program != s->rpc[i - 1].program) {
                        buf_puts(b, i ? ", " : "  rpc ");
                        if (name)
                                buf_puts(b, name);
                        else
                                buf_printf(b, "program %u", s->rpc[i].program);
                }
                buf_printf(b, " %u", s->rpc[i].version);
        }
}

void port_put_socket(struct port_tool *t, const struct port_socket *s, const struct port_judged *j)
{
        struct buf *b = &t->out;
        char address[PORT_ADDRESS_BYTES];
        const size_t from = b->len;
        buf_printf(b, "%-4s %-12s %s:%u", port_transport_word(s->transport),
                   port_socket_state_word(s->transport, s->state),
                   port_address_text(s->family, s->address, address), s->port);
        if (s->state == PORT_SOCKET_CONNECTED || s->state == PORT_SOCKET_CLOSING)
                buf_printf(b, " -> %s:%u", port_address_text(s->family, s->peer, address), s->peer_port);
        port_pad(b, from, 36);
        put_holder(t, s);
        if (s->processes && *s->process[0]->line && t->o.all_holders) {
                buf_puts(b, "  `");
                port_put(b, s->process[0]->line);
                buf_putc(b, '\'');
        }
        put_rpc(b, s);
        buf_printf(b, "  %s", port_verdict_word(j->verdict));
        if (*j->expected &&
            (j->verdict == PORT_V_OTHER_THAN_REGISTERED || j->verdict == PORT_V_AS_REGISTERED)) {
                buf_puts(b, j->verdict == PORT_V_AS_REGISTERED ? ", as " : ", expected ");
                port_put(b, j->expected);
                buf_puts(b, " by ");
                port_put(b, j->by);
        }
        if (s->netns)
                buf_printf(b, "  in network namespace %llu", (unsigned long long)s->netns);
}

void port_put_hidden(struct port_tool *t, const struct port_live *l)
{
        struct buf *b = &t->out;
        if (l->unreadable)
                buf_printf(b, "hid  %u process%s of others could not be read: ask as root for their names\n",
                           l->unreadable, l->unreadable == 1 ? "" : "es");
        if (l->own_pid_namespace)
                buf_puts(b, "hid  this is a container: processes outside of it cannot be seen\n");
        if (!t->o.all_namespaces)
                return;
        if (l->closed_namespaces)
                buf_printf(b, "hid  %u network namespaces could not be entered: ask as root\n",
                           l->closed_namespaces);
}

void port_put_site_silence(struct port_tool *t)
{
        if (!t->site_silence)
                return;
        buf_puts(&t->out, "hid  the site's own claims: ");
        port_put(&t->out, t->site_silence);
        buf_putc(&t->out, '\n');
}

static void put_live(struct port_tool *t, const struct port_report *r)
{
        struct buf *b = &t->out;
        const struct port_live *l = r->live;
        if (l->error) {
                buf_printf(b, "now  the kernel could not be asked: %s\n", strerror(l->error));
                return;
        }
        for (size_t i = 0; i < l->n; i++) {
                buf_puts(b, i ? "     " : "now  ");
                port_put_socket(t, &l->socket[i], &r->judged[i]);
                buf_putc(b, '\n');
        }
        if (l->n == 0)
                buf_printf(b, "now  nothing holds it here (tcp and udp, IPv4 and IPv6, connections%s)\n",
                           l->bound_visible ? ", bound silent sockets"
                                            : "; silent sockets this kernel cannot show");
        port_put_hidden(t, l);
}

/* -- the whole
 * ----------------------------------------------------------------------------------------------------- */

enum { NEAR = 10 }; /* ports to either side that are looked at for a neighbour with a name */

/* The next port in one direction that has a name: by its owner, or by a known use of it. */
static bool put_neighbour(struct port_tool *t, const struct port_answer *a, int step, bool more)
{
        for (int k = 1; k <= NEAR; k++) {
                const int port = a->port + step * k;
                struct port_answer n;
                if (port < 0 || port > 65535 ||
                    !port_resolve(&t->db, (uint16_t)port, PORT_TCP | PORT_UDP, a->as_of, &t->arena, &n))
                        return false;
                for (unsigned i = 0; i < 2; i++) {
                        const struct port_state *st = &n.state[i];
                        const struct port_item *it = port_status_is_assigned(st->status) ? st->by : st->use;
                        if (!it || !*it->claim.name || port_claim_is_range(&it->claim))
                                continue;
                        buf_printf(&t->out, "%s%d ", more ? ", " : "near ", port);
                        port_put(&t->out, it->claim.name);
                        return true;
                }
        }
        return false;
}

static void put_near(struct port_tool *t, const struct port_answer *a)
{
        const bool below = put_neighbour(t, a, -1, false), above = put_neighbour(t, a, 1, below);
        if (below || above)
                buf_putc(&t->out, '\n');
}

void port_report_text(struct port_tool *t, const struct port_report *r)
{
        const struct port_answer *a = r->answer;
        struct buf *b = &t->out;
        char day[PORT_DATE_BYTES];
        buf_printf(b, "%u  %s.", a->port, port_range_name(a->port));
        if (!t->o.no_registry) {
                buf_puts(b, " IANA");
                if (t->o.as_of)
                        buf_printf(b, ", as of %s", port_date_text(t->o.as_of, day));
                buf_puts(b, ": ");
                port_put_headline(b, a);
                buf_putc(b, '.');
        }
        buf_putc(b, '\n');
        buf_printf(b, "     %s\n", port_range_meaning(a->port));
        if (a->words && !t->o.no_registry) {
                buf_puts(b, "     ");
                put_words(b, a->words);
                buf_putc(b, '\n');
        }
        if (r->live)
                put_live(t, r);
        if (!t->o.no_registry) {
                put_claims(t, a);
                port_put_disagreements(b, a, "why  ", "\n");
                port_put_conclusions(b, a, "so   ", "\n");
                put_near(t, a);
        }
        if (a->silenced)
                buf_printf(b, "hid  %zu claim%s that this site silences: --no-directory tells them\n",
                           a->silenced, a->silenced == 1 ? "" : "s");
        port_put_site_silence(t);
        if (t->o.howto)
                port_howto_text(b, a->port);
}

static int by_time(const void *x, const void *y)
{
        const struct port_item *const *a = x, *const *b = y;
        const port_date p = (*a)->claim.seen_first ? (*a)->claim.seen_first : (*a)->claim.asserted_from;
        const port_date q = (*b)->claim.seen_first ? (*b)->claim.seen_first : (*b)->claim.asserted_from;
        return p == q ? (*a < *b ? -1 : 1) : p < q ? -1 : 1;
}

static void put_event(struct port_tool *t, const struct port_item *it)
{
        struct buf *b = &t->out;
        const struct port_claim *c = &it->claim;
        char x[PORT_DATE_BYTES], y[PORT_DATE_BYTES], z[PORT_DATE_BYTES], text[PORT_TRANSPORT_BYTES];
        const size_t from = b->len;
        buf_printf(b, "%s .. %s", *port_date_text(c->seen_first, x) ? x : "?",
                   *port_date_text(c->seen_last, y) ? y : "now");
        port_pad(b, from, 26);
        buf_printf(b, "%-9s %-16s ", port_transport_text(c->transport, text), port_status_word(c->status));
        port_put(b, *c->name ? c->name : "-");
        put_span(b, c);
        buf_puts(b, "  [");
        port_put(b, it->source.key);
        buf_putc(b, ']');
        if (it->by_editions && it->absent_before)
                buf_printf(b, "  began after %s", port_date_text(it->absent_before, z));
        if (it->by_editions && it->absent_after)
                buf_printf(b, "  gone by %s%s", port_date_text(it->absent_after, z),
                           it->faults & PORT_FAULT_LOSSY_END ? " (that edition cannot show it)" : "");
        if (c->asserted_from)
                buf_printf(b, "  dated %s", port_date_text(c->asserted_from, z));
        if (c->asserted_until)
                buf_printf(b, "  ended %s", port_date_text(c->asserted_until, z));
        buf_putc(b, '\n');
        const char *id = t->o.verbose && it->table != PORT_DB_TABLES
                                 ? port_claim_id(&t->arena, &it->source, &it->claim)
                                 : NULL;
        if (id) {
                buf_puts(b, "  id ");
                port_put(b, id);
                buf_putc(b, '\n');
        }
}

void port_history_text(struct port_tool *t, const struct port_answer *a)
{
        const struct port_item **order = arena_zalloc(&t->arena, a->n + 1, sizeof(*order));
        if (!order)
                return;
        for (size_t i = 0; i < a->n; i++)
                order[i] = &a->item[i];
        if (a->n)
                qsort(order, a->n, sizeof(*order), by_time);
        buf_printf(&t->out, "%u  %s\n", a->port, port_range_name(a->port));
        for (size_t i = 0; i < a->n; i++) {
                if (!t->o.source || strcmp(t->o.source, order[i]->source.key) == 0)
                        put_event(t, order[i]);
        }
        if (a->n == 0)
                buf_puts(&t->out, "no source at hand names this port\n");
}
