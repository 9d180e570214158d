/* Where the sources disagree, and what an administrator should make of it, in sentences. */
#include "tools/port/port_tool.h"

#include <stdio.h>

struct telling {
        struct buf *b;
        const char *before, *after;
        bool begun;
};

static void begin(struct telling *s)
{
        const size_t n = strlen(s->before);
        if (!s->begun)
                buf_puts(s->b, s->before);
        else
                buf_printf(s->b, "%*s", (int)n, "");
        s->begun = true;
}

static void say(struct telling *s, const char *sentence)
{
        begin(s);
        buf_puts(s->b, sentence);
        buf_puts(s->b, s->after);
}

static void put_names(struct telling *s, const struct port_answer *a, bool (*pick)(const struct port_item *))
{
        const char *before = NULL;
        unsigned n = 0;
        for (size_t i = 0; i < a->n; i++) {
                if (!pick(&a->item[i]) || (before && strcmp(before, a->item[i].source.title) == 0))
                        continue;
                before = a->item[i].source.title;
                buf_puts(s->b, n++ ? ", " : "");
                port_put(s->b, before);
        }
}

static bool is_wide(const struct port_item *it)
{
        return port_claim_is_range(&it->claim) && !port_kind_is_registry(it->source.kind);
}

static bool is_point_of_range(const struct port_item *it)
{
        return it->faults & PORT_FAULT_RANGE_MADE_POINT;
}

static bool is_false(const struct port_item *it)
{
        return it->faults & PORT_FAULT_FALSE;
}

static bool is_lossy(const struct port_item *it)
{
        return it->standing == PORT_STALE ? it->faults & PORT_FAULT_LOSSY_END
                                          : it->faults & PORT_FAULT_ALIAS_CHOICE;
}

void port_put_disagreements(struct buf *b, const struct port_answer *a, const char *before, const char *after)
{
        struct telling s = {.b = b, .before = before, .after = after};
        if (a->disagreements & PORT_BY_TIME)
                say(&s, "time: the registry said different things at different times; the history has both.");
        if (a->disagreements & PORT_BY_SCOPE) {
                begin(&s);
                buf_puts(b, "scope: a range is not a port. ");
                put_names(&s, a, is_wide);
                buf_puts(b, " speak of whole ranges");
                bool point = false;
                for (size_t i = 0; i < a->n; i++)
                        point = point || is_point_of_range(&a->item[i]);
                if (point) {
                        buf_puts(b, "; ");
                        put_names(&s, a, is_point_of_range);
                        buf_puts(b, " made of it a statement about this one port");
                }
                buf_puts(b, ".");
                buf_puts(b, after);
        }
        if (a->disagreements & PORT_BY_TRANSPORT)
                say(&s, "transport: tcp and udp of this number are different things.");
        if (a->disagreements & PORT_BY_ARTEFACT) {
                begin(&s);
                buf_puts(b, "artefact: ");
                put_names(&s, a, is_lossy);
                buf_puts(b, " cannot show every row; what is missing or renamed there says nothing.");
                buf_puts(b, after);
        }
        if (a->disagreements & PORT_BY_FALSEHOOD) {
                begin(&s);
                buf_puts(b, "false: ");
                put_names(&s, a, is_false);
                buf_puts(b, ", quoting the registry for what no edition of it says.");
                buf_puts(b, after);
        }
}

static void say_name(struct telling *s, const char *first, const char *name, const char *rest)
{
        begin(s);
        buf_puts(s->b, first);
        port_put(s->b, name);
        buf_puts(s->b, rest);
        buf_puts(s->b, s->after);
}

/* The end of a lost assignment: a day when the registry names one, else the two editions around it. */
static void say_ghost(struct telling *s, const struct port_state *st)
{
        char x[PORT_DATE_BYTES], y[PORT_DATE_BYTES], text[96];
        const struct port_item *it = st->last;
        if (it->claim.asserted_until)
                snprintf(text, sizeof(text), " until %s; old software and firewall rules may still mean it.",
                         port_date_text(it->claim.asserted_until, x));
        else if (it->absent_after)
                snprintf(text, sizeof(text),
                         " until some day between %s and %s; old software may still mean it.",
                         port_date_text(it->claim.seen_last, x), port_date_text(it->absent_after, y));
        else
                snprintf(text, sizeof(text), " in %s; old software may still mean it.",
                         port_date_text(it->claim.seen_last, x));
        say_name(s, st->transport == PORT_UDP ? "A ghost: its udp belonged to " : "A ghost: it belonged to ",
                 it->claim.name, text);
}

static void say_uses(struct telling *s, const struct port_answer *a)
{
        unsigned n = 0;
        for (size_t i = 0; i < a->n; i++) {
                const struct port_item *it = &a->item[i];
                char text[PORT_TRANSPORT_BYTES];
                if (it->claim.status != PORT_VENDOR_USE || port_claim_is_range(&it->claim) || it->faults ||
                    it->standing != PORT_STANDS)
                        continue;
                if (n++ == 0) {
                        begin(s);
                        buf_puts(s->b, "Known to use it: ");
                } else {
                        buf_puts(s->b, "; ");
                }
                port_put(s->b, it->claim.name);
                buf_printf(s->b, " (%s)", port_transport_text(it->claim.transport, text));
        }
        if (n) {
                buf_putc(s->b, '.');
                buf_puts(s->b, s->after);
        }
}

static void say_state(struct telling *s, const struct port_state *st, uint16_t port)
{
        if (port >= 49152) {
                say(s, "Never assigned to anybody: for private and temporary use. No client can know it in "
                       "advance.");
                return;
        }
        if (port_status_is_assigned(st->status) && st->by) {
                if (st->words & PORT_WORD_RETIRED)
                        say_name(s, "Assigned, but what it was for has ended: ", st->use->claim.description,
                                 ".");
                else if (st->words & PORT_WORD_CONTESTED)
                        say_name(s, "Contested: assigned to one, also used by ", st->use->claim.name, ".");
                else
                        say(s, "Assigned; still, traffic on it need not be that service.");
        } else if (st->status == PORT_RESERVED || st->status == PORT_REMOVED) {
                say(s, "Not to be used: reserved ports are not handed out in the ordinary way.");
        } else if (st->status != PORT_UNKNOWN) {
                say(s, "Nobody owns it: whoever uses it squats, and IANA may give it to somebody else (RFC "
                       "7605).");
        }
        if (st->words & PORT_WORD_GHOST)
                say_ghost(s, st);
}

static bool ranged_dynamic(const struct port_answer *a)
{
        for (size_t i = 0; i < a->n; i++) {
                if (a->item[i].claim.status == PORT_DYNAMIC && a->item[i].source.kind == PORT_KIND_SYSTEM)
                        return true;
        }
        return false;
}

void port_put_conclusions(struct buf *b, const struct port_answer *a, const char *before, const char *after)
{
        struct telling s = {.b = b, .before = before, .after = after};
        const struct port_state *tcp = &a->state[0], *udp = &a->state[1];
        say_state(&s, tcp, a->port);
        if ((udp->words & PORT_WORD_GHOST) && !(tcp->words & PORT_WORD_GHOST))
                say_ghost(&s, udp);
        say_uses(&s, a);
        if (ranged_dynamic(a))
                say(&s, "NFS mounts and old RPC programs take source ports here: it may be busy without any "
                        "server.");
        if (a->words & PORT_WORD_DYNAMIC)
                say(&s, "This system hands it out to connections: a server may find it taken.");
}
