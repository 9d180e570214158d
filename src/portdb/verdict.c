#include "portdb/verdict.h"

#include <strings.h>

const char *port_verdict_word(uint8_t verdict)
{
        static const char *const words[PORT_V_COUNT] = {
                "as-registered",
                "other-than-registered",
                "registered",
                "unregistered-use",
                "ghost-in-use",
                "reserved-in-use",
                "ephemeral",
                "site-expected",
                "site-expected-missing",
                "bound-silent",
                "kernel",
                "hidden",
                "free",
        };
        return verdict < PORT_V_COUNT ? words[verdict] : "?";
}

static const struct port_state *state_of(const struct port_answer *a, uint8_t transport)
{
        for (unsigned i = 0; i < PORT_TRANSPORT_COUNT - 1; i++) {
                if (a->state[i].transport == transport)
                        return &a->state[i];
        }
        return &a->state[0];
}

static bool runs(const struct port_socket *s, const char *program)
{
        for (size_t i = 0; i < s->processes; i++) {
                const struct port_process *p = s->process[i];
                if (strcmp(p->program, program) == 0 || (!*p->program && strcmp(p->command, program) == 0))
                        return true;
        }
        return false;
}

/* Is `name` the claim's name or one of its aliases? */
static bool called(const struct port_claim *c, const char *name)
{
        const struct bytes all = bytes_str(c->alias);
        if (strcasecmp(c->name, name) == 0)
                return true;
        for (size_t at = 0; at < all.len;) {
                const struct bytes rest = bytes_sub(all, at, all.len);
                const struct bytes w = bytes_sub(rest, 0, bytes_find(rest, ' '));
                if (w.len == strlen(name) && strncasecmp((const char *)w.data, name, w.len) == 0)
                        return true;
                at += w.len + 1;
        }
        return false;
}

/* What the site says about the programs of the service: 1 it is one of them, 0 it is another, -1 it says
 * nothing. */
static int site_programs(const struct port_socket *s, const struct port_claim *c,
                         const struct port_site *site, struct port_judged *j)
{
        for (size_t i = 0; site && i < site->services; i++) {
                const struct port_site_service *v = &site->service[i];
                if (!called(c, v->name))
                        continue;
                j->by = "site";
                j->expected = *v->unit ? v->unit : v->programs && v->programs[0] ? v->programs[0] : "";
                if (*v->unit && *s->unit && strcmp(v->unit, s->unit) == 0)
                        return 1;
                for (size_t k = 0; v->programs && v->programs[k]; k++) {
                        if (runs(s, v->programs[k]))
                                return 1;
                }
                if (*j->expected && (s->processes || *s->unit))
                        return 0;
        }
        return -1;
}

/* What this system's socket units say: the service that gets the socket, or systemd itself, which holds it
 * until then. */
static int unit_programs(const struct port_socket *s, const struct port_socket_unit *units, size_t n,
                         struct port_judged *j)
{
        for (size_t i = 0; i < n; i++) {
                if (units[i].port != s->port || units[i].transport != s->transport)
                        continue;
                j->by = units[i].unit;
                j->expected = units[i].service;
                if (!*s->unit && !s->processes)
                        return -1;
                return strcmp(s->unit, units[i].service) == 0 || strcmp(s->unit, units[i].unit) == 0 ||
                       strcmp(s->unit, "init.scope") == 0 || runs(s, "systemd");
        }
        return -1;
}

static bool site_claims(const struct port_answer *a, uint8_t transport)
{
        for (size_t i = 0; i < a->n; i++) {
                if (a->item[i].table == PORT_DB_TABLES && a->item[i].claim.status == PORT_SITE_USE &&
                    a->item[i].standing == PORT_STANDS &&
                    port_claim_covers(&a->item[i].claim, a->port, transport))
                        return true;
        }
        return false;
}

static uint8_t by_state(const struct port_socket *s, const struct port_state *st)
{
        if (st->words & PORT_WORD_GHOST)
                return PORT_V_GHOST_IN_USE;
        if (port_status_is_assigned(st->status))
                return PORT_V_REGISTERED;
        if ((st->words & PORT_WORD_DYNAMIC) && s->state != PORT_SOCKET_LISTEN)
                return PORT_V_EPHEMERAL;
        return st->status == PORT_RESERVED || st->status == PORT_REMOVED ? PORT_V_RESERVED_IN_USE
                                                                         : PORT_V_UNREGISTERED_USE;
}

struct port_judged port_judge(const struct port_socket *s, const struct port_answer *a,
                              const struct port_site *site, const struct port_socket_unit *units,
                              size_t units_n)
{
        struct port_judged j = {.expected = "", .by = ""};
        const struct port_state *st = state_of(a, s->transport);
        if (s->state == PORT_SOCKET_BOUND) {
                j.verdict = PORT_V_BOUND_SILENT;
                return j;
        }
        if (s->state == PORT_SOCKET_CONNECTED || s->state == PORT_SOCKET_CLOSING) {
                j.verdict = s->held == PORT_HELD_BY_KERNEL && s->inode ? PORT_V_KERNEL : PORT_V_EPHEMERAL;
                return j;
        }
        j.verdict = by_state(s, st);
        const bool assigned = port_status_is_assigned(st->status) && st->by;
        int fits = assigned ? site_programs(s, &st->by->claim, site, &j) : -1;
        /* Other names of the port: of the registry itself, or what a copy that keeps one of several once
         * chose; and the site's own. */
        for (size_t i = 0; fits < 0 && i < a->n; i++) {
                const struct port_item *it = &a->item[i];
                const bool alias = assigned && it->claim.status == PORT_ASSIGNED &&
                                   port_kind_is_registry(it->source.kind) &&
                                   (it->standing == PORT_STANDS || (it->faults & PORT_FAULT_ALIAS_CHOICE));
                if ((alias || it->table == PORT_DB_TABLES) &&
                    port_claim_covers(&it->claim, a->port, s->transport))
                        fits = site_programs(s, &it->claim, site, &j);
        }
        if (fits < 0)
                fits = unit_programs(s, units, units_n, &j);
        const bool claimed = site_claims(a, s->transport);
        if (fits == 0 && (claimed || assigned))
                j.verdict = PORT_V_OTHER_THAN_REGISTERED;
        else if (claimed)
                j.verdict = PORT_V_SITE_EXPECTED;
        else if (assigned && fits > 0)
                j.verdict = PORT_V_AS_REGISTERED;
        if (j.verdict == PORT_V_REGISTERED && s->held == PORT_HELD_BY_KERNEL)
                j.verdict = PORT_V_KERNEL;
        if (j.verdict == PORT_V_REGISTERED && s->held == PORT_HELD_HIDDEN && !*s->unit)
                j.verdict = PORT_V_HIDDEN;
        return j;
}
