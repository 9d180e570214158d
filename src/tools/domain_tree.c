#include "tools/domain_tree.h"

#include "api/locate.h"
#include "model/status.h"
#include "tools/tree.h"

#include <stdio.h>

#define TIMEOUT_MS 2000u /* for each server: a tree with many dead ones shall not take minutes */

static const char *const roles[] = {"master", "clone"};

static const char *role_of(const struct tree_server *s)
{
        return s->role < 2 ? roles[s->role] : "unknown role";
}

/* -- text ------------------------------------------------------------------------------------------------ */

static void print_text(struct talk *t, const char *text)
{
        talk_value(t, bytes_str(text));
}

static void print_server(struct talk *t, const struct tree_domain *d, const struct tree_server *s)
{
        const char *trouble = tree_trouble(d, s, &t->arena);
        print_text(t, tree_address(s, &t->arena));
        if (s->machine[0]) {
                fputs(" (", stdout);
                print_text(t, s->machine);
                putchar(')');
        }
        fputs("  ", stdout);
        switch (s->state) {
        case TREE_ANSWERS:
                printf("%s, change #%llu, ", role_of(s), (unsigned long long)s->seq);
                print_text(t, s->version);
                break;
        case TREE_HISTORICAL:
                printf("historical server, checksum %u", s->checksum);
                break;
        case TREE_SKIPPED:
                fputs("not asked", stdout);
                break;
        default:
                talk_color(t, "31");
                fputs("not reached: ", stdout);
                print_text(t, s->why ? s->why : "?");
                talk_color(t, "");
        }
        if (trouble) {
                talk_color(t, "31");
                printf("  <-- %s", trouble);
                talk_color(t, "");
        }
        putchar('\n');
}

static void print_domain(struct talk *t, const struct tree *tree, uint32_t at, const char *lead, bool last)
{
        const struct tree_domain *d = &tree->v[at];
        const char *below = arena_printf(&t->arena, "%s%s", lead, at == 0 ? "" : last ? "    " : "|   ");
        if (!below)
                return;
        printf("%s%s", lead, at == 0 ? "" : last ? "`-- " : "|-- ");
        talk_color(t, "1");
        print_text(t, d->name);
        talk_color(t, "");
        if (d->here)
                fputs("  (this machine)", stdout);
        if (d->note) {
                fputs("  (", stdout);
                print_text(t, d->note);
                putchar(')');
        }
        if (d->server_count == 0)
                fputs("  no address is known", stdout);
        if (d->server_count == 1) {
                fputs("  ", stdout);
                print_server(t, d, &d->servers[0]);
        } else {
                putchar('\n');
        }
        for (uint32_t i = 0; d->server_count > 1 && i < d->server_count; i++) {
                printf("%s%s", below, d->child_count ? "|   " : "    ");
                print_server(t, d, &d->servers[i]);
        }
        for (uint32_t i = 0; i < d->child_count; i++)
                print_domain(t, tree, d->children[i], below, i + 1 == d->child_count);
}

/* -- JSON ------------------------------------------------------------------------------------------------ */

static json_t *text(const char *s)
{
        return s ? talk_json_bytes(bytes_str(s)) : json_null();
}

static json_t *json_server(struct talk *t, const struct tree_domain *d, const struct tree_server *s)
{
        static const char *const states[] = {"asking", "answers", "historical", "silent", "not asked"};
        json_t *j = json_pack("{s:o,s:o,s:s,s:s,s:o,s:o}", "machine", text(s->machine), "address",
                              text(s->at.server), "tag", s->at.tag, "state", states[s->state], "why",
                              text(s->why), "trouble", text(tree_trouble(d, s, &t->arena)));
        if (s->state == TREE_HISTORICAL)
                json_object_set_new(j, "checksum", json_integer(s->checksum));
        if (s->state != TREE_ANSWERS)
                return j;
        char uuid[33];
        for (unsigned i = 0; i < 16; i++)
                snprintf(uuid + 2 * i, 3, "%02x", s->uuid[i]);
        json_t *more = json_pack("{s:s,s:o,s:s,s:o,s:I,s:I,s:I,s:I}", "role", role_of(s), "version",
                                 text(s->version), "uuid", uuid, "epoch", talk_json_hex(s->epoch), "seq",
                                 (json_int_t)s->seq, "checksum", (json_int_t)s->checksum, "clock_us",
                                 (json_int_t)s->clock_us, "took_ms", (json_int_t)s->took_ms);
        json_object_update(j, more);
        json_decref(more);
        return j;
}

static json_t *json_domain(struct talk *t, const struct tree *tree, uint32_t at)
{
        const struct tree_domain *d = &tree->v[at];
        json_t *servers = json_array(), *children = json_array();
        for (uint32_t i = 0; i < d->server_count; i++)
                json_array_append_new(servers, json_server(t, d, &d->servers[i]));
        for (uint32_t i = 0; i < d->child_count; i++)
                json_array_append_new(children, json_domain(t, tree, d->children[i]));
        return json_pack("{s:o,s:b,s:o,s:o,s:o}", "name", text(d->name), "here", d->here, "note",
                         text(d->note), "servers", servers, "domains", children);
}

/* -- where it begins ---------------------------------------------------------------------------------------
 */

struct trunk {
        struct located top;
        char name[1024];
        struct located_server here;
        bool has_here;
        char why[1024]; /* what is above the top cannot be reached */
};

/* The local domain to begin at: --server's, or this machine's. */
static bool local_of(struct talk *t, struct located *l)
{
        return talk_locate(t, ".", l) && l->n > 0;
}

/* Does this server answer, and serve the domain? False: said why not. */
static bool answers(struct talk *t, const struct located_server *at)
{
        struct client_options o = t->server;
        struct client_why why = {""};
        struct client *c;
        o.server = at->server[0] ? at->server : NULL;
        o.tag = at->tag;
        o.no_domain = false;
        const enum ni_status s = client_open(&o, &c, &why);
        if (s == NI_OK)
                client_close(c);
        else
                talk_why(t, status_exit(s), why.text);
        return s == NI_OK;
}

/* Where a domain that is named by its tag or path is served. False: said why. */
static bool named_domain(struct talk *t, const char *which, struct located *ret)
{
        if (located_is_path(which))
                return talk_locate(t, which, ret);
        if (!talk_locate(t, ".", ret) || ret->n == 0)
                return false;
        ret->n = 1;
        snprintf(ret->v[0].tag, sizeof(ret->v[0].tag), "%s", which);
        return answers(t, &ret->v[0]);
}

static bool find_trunk(struct talk *t, struct trunk *ret)
{
        struct located_chain chain;
        const unsigned seconds = t->server.timeout_ms / 1000;
        if (t->server.tag) { /* just that domain and what is below */
                if (!named_domain(t, t->server.tag, &ret->top))
                        return false;
                snprintf(ret->name, sizeof(ret->name), "%s", t->server.tag);
                return true;
        }
        if (!local_of(t, &ret->top))
                return false;
        ret->here = ret->top.v[0];
        ret->has_here = true;
        const enum ni_status s = locate_chain(&ret->here, 0, seconds, &chain);
        if (chain.n == 0) {
                talk_why(t, status_exit(s), chain.why);
        } else {
                const struct located_level *top = &chain.v[chain.n - 1];
                ret->top = top->servers;
                snprintf(ret->name, sizeof(ret->name), "%s", top->name[0] ? top->name : top->path);
                snprintf(ret->why, sizeof(ret->why), "%s", chain.why);
        }
        const bool good = chain.n > 0;
        located_chain_done(&chain);
        return good;
}

void domain_tree(struct talk *t, unsigned depth)
{
        struct trunk *trunk = arena_zalloc(&t->arena, 1, sizeof(*trunk));
        struct tree tree;
        if (!trunk || !find_trunk(t, trunk))
                return;
        if (!tree_grow(&trunk->top, trunk->name, trunk->has_here ? &trunk->here : NULL, depth,
                       t->server.timeout_ms ? t->server.timeout_ms : TIMEOUT_MS, &tree)) {
                talk_error(t, EXIT_FAILED, NULL, "out of memory", NULL);
                tree_done(&tree);
                return;
        }
        if (t->json) {
                talk_json(t, json_pack("{s:o,s:o,s:b,s:b}", "tree", json_domain(t, &tree, 0), "above",
                                       trunk->why[0] ? text(trunk->why) : json_null(), "complete",
                                       !trunk->why[0] && !tree.cut, "cut", tree.cut));
        } else {
                print_domain(t, &tree, 0, "", true);
        }
        if (trunk->why[0])
                talk_why(t, EXIT_UNREACHABLE, trunk->why);
        if (tree.cut)
                talk_say(t, "ni domain: the tree is cut at %u domains and %u servers", TREE_DOMAINS_MOST,
                         TREE_SERVERS_MOST);
        tree_done(&tree);
}

void domain_name(struct talk *t, const char *path)
{
        struct located *l = arena_zalloc(&t->arena, 1, sizeof(*l));
        char name[1024];
        const char *which = path ? path : t->server.tag ? t->server.tag : ".";
        if (!l)
                return;
        if (!named_domain(t, which, l))
                return;
        const enum ni_status s = locate_name(&l->v[0], t->server.timeout_ms / 1000, name, sizeof(name));
        if (s != NI_OK) {
                if (!answers(t, &l->v[0]))
                        return;
                talk_error(t, status_exit(s), which,
                           s == NI_FAILED || s == NI_NORESPONSE
                                   ? "a domain between it and the root does not answer, so it has no name now"
                                   : status_text(s),
                           "`ni doctor` tells which");
                return;
        }
        if (t->json) {
                talk_json(t, json_pack("{s:o}", "name", text(name)));
                return;
        }
        print_text(t, name);
        putchar('\n');
}
