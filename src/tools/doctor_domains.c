/* What `ni doctor` finds by asking the domains from here to the root. */
#include "model/status.h"
#include "tools/doctor.h"
#include "tools/followed_chain.h"
#include "tools/tree.h"

#include <inttypes.h>

#define TIMEOUT_MS     3000u
#define CLOCK_WARN_US  2000000  /* two machines further apart than this mislead who compares times */
#define CLOCK_ERROR_US 60000000 /* tickets and histories go wrong */

static const char *label(struct doctor *d, const char *domain, const struct tree_server *s)
{
        return doctor_text(d, "%s at %s", domain, tree_address(s, &d->t->arena));
}

static void clock_of(struct doctor *d, const char *domain, const struct tree_server *s)
{
        const int64_t off = s->clock_us < 0 ? -s->clock_us : s->clock_us;
        if (off - (int64_t)s->took_ms * 1000 < CLOCK_WARN_US)
                return;
        doctor_add(d, off >= CLOCK_ERROR_US ? DOCTOR_ERROR : DOCTOR_WARNING, "clock", label(d, domain, s),
                   doctor_text(d, "its clock is %" PRId64 " s %s ours", off / 1000000,
                               s->clock_us < 0 ? "behind" : "ahead of"),
                   "let both machines follow the same time servers (timedatectl)");
}

static void one_server(struct doctor *d, const char *domain, const struct tree_domain *td,
                       const struct tree_server *s)
{
        const char *trouble = tree_trouble(td, s, &d->t->arena);
        if (s->state == TREE_SILENT) {
                doctor_add(d, tree_reference(td) ? DOCTOR_WARNING : DOCTOR_ERROR, "server",
                           label(d, domain, s), s->why ? s->why : "no answer",
                           "is netinfod running there, and does it listen to us (`listen`, "
                           "legacy_read_networks)? else take it out of serves in /machines");
        } else if (s->state == TREE_HISTORICAL) {
                doctor_add(d, DOCTOR_NOTE, "server", label(d, domain, s),
                           "it is a historical server: changes are noticed by polling only", NULL);
        } else if (s->state == TREE_ANSWERS) {
                clock_of(d, domain, s);
        }
        if (!trouble)
                return;
        const bool behind = strstr(trouble, "behind") != NULL;
        doctor_add(d, behind ? DOCTOR_WARNING : DOCTOR_ERROR, "replication", label(d, domain, s), trouble,
                   behind ? "`ni domain tree` again in a moment: is it catching up? else see the clone's log"
                          : "see `ni status` of both; `ni domain demote` what shall not be master, or make "
                            "the clone anew");
}

/* One domain: its servers side by side, and values of serves in its /machines that lead nowhere. */
static void one_level(struct doctor *d, const struct located_level *l, const char *name)
{
        struct tree tree;
        const unsigned timeout = d->t->server.timeout_ms ? d->t->server.timeout_ms : TIMEOUT_MS;
        d->checks++;
        if (!tree_grow(&l->servers, name, NULL, 0, timeout, &tree)) {
                doctor_add(d, DOCTOR_ERROR, "server", name, "out of memory", NULL);
                tree_done(&tree);
                return;
        }
        const struct tree_domain *td = &tree.v[0];
        for (uint32_t i = 0; i < td->server_count; i++)
                one_server(d, name, td, &td->servers[i]);
        if (td->nowhere)
                doctor_add(d, DOCTOR_WARNING, "serves", doctor_text(d, "/machines of %s", name),
                           doctor_text(d, "%u values of serves belong to machines without ip_address (%s)",
                                       td->nowhere, td->a_nowhere ? td->a_nowhere : "?"),
                           "set ip_address, or take the value out: `ni rm -d DOMAIN /machines/NAME "
                           "serves=VALUE`");
        if (td->note && !td->listed)
                doctor_add(d, DOCTOR_WARNING, "serves", name, td->note, NULL);
        tree_done(&tree);
}

static struct client *open_level(struct doctor *d, const struct located_level *l)
{
        for (unsigned i = 0; i < l->servers.n; i++) {
                struct client_options o;
                struct client_why why;
                struct client *c;
                client_options_init(&o);
                o.server = l->servers.v[i].server[0] ? l->servers.v[i].server : NULL;
                o.tag = l->servers.v[i].tag;
                o.timeout_ms = d->t->server.timeout_ms ? d->t->server.timeout_ms : TIMEOUT_MS;
                if (client_open(&o, &c, &why) == NI_OK)
                        return c;
        }
        return NULL;
}

/* Where the images' local domain stands. */
static void note_local(struct doctor *d, struct client *c)
{
        struct ext_status_result s;
        if (client_status(c, &s) != NI_OK || s.status != NI_OK)
                return;
        d->has_local = true;
        d->epoch = s.epoch;
        d->seq = s.seq;
}

static void all_levels(struct doctor *d, const struct located_chain *chain)
{
        struct doctor_accounts *accounts = doctor_accounts_new(d);
        for (unsigned i = 0; i < chain->n; i++) {
                const struct located_level *l = &chain->v[i];
                const char *name = followed_name(d->t, chain, i);
                one_level(d, l, name);
                struct client *c = open_level(d, l);
                if (c && i == 0)
                        note_local(d, c);
                if (c && accounts)
                        doctor_accounts_take(accounts, name, i == 0, c);
                client_close(c);
        }
        doctor_accounts_end(accounts);
}

/* The chain ends below the root: reason and way out stand in one text. */
static void parent_lost(struct doctor *d, const struct located_chain *chain)
{
        const char *semicolon = strrchr(chain->why, ';');
        const size_t n = semicolon ? (size_t)(semicolon - chain->why) : strlen(chain->why);
        doctor_add(d, DOCTOR_ERROR, "parent",
                   doctor_text(d, "above %s", followed_name(d->t, chain, chain->n - 1)),
                   doctor_text(d, "%.*s", (int)n, chain->why),
                   semicolon && semicolon[1] ? semicolon + 2 : NULL);
}

void doctor_domains(struct doctor *d)
{
        struct located_chain chain;
        bool said;
        d->checks++;
        const enum ni_status s = followed_chain(d->t, &d->agent, &chain, &said);
        if (chain.n == 0 && s == NI_NOTAG)
                doctor_add(d, DOCTOR_ERROR, "server", "the domain to begin at", chain.why,
                           "see `domain` in agent.conf, or --domain");
        else if (chain.n == 0 && !said)
                doctor_add(d, DOCTOR_ERROR, "server", "the local domain",
                           "no server answers on this machine: nothing can be read or changed here",
                           "systemctl start netinfod; `ni status` says where was looked");
        else if (s != NI_OK && chain.n)
                parent_lost(d, &chain);
        all_levels(d, &chain);
        located_chain_done(&chain);
}
