#include "api/locate.h"

#include "api/api-internal.h"
#include "model/status.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

_Static_assert(LOCATED_MOST == API_SERVERS_MOST, "a list of servers fits");

bool located_is_path(const char *text)
{
        return text[0] == '.' || strchr(text, '/') || strchr(text, '@');
}

static void put_server(const struct api_server *s, uint16_t port, struct located_server *ret)
{
        snprintf(ret->tag, sizeof(ret->tag), "%s", s->tag);
        ret->server[0] = '\0';
        if (s->host[0])
                snprintf(ret->server, sizeof(ret->server), "%s", s->host);
        else if (s->addr)
                api_server_text(s, port, ret->server, sizeof(ret->server));
}

static void put_servers(const struct api_handle *h, struct located *ret)
{
        for (unsigned i = 0; i < h->count && ret->n < LOCATED_MOST; i++)
                put_server(&h->servers[(h->current + i) % h->count], h->port, &ret->v[ret->n++]);
}

/* What went wrong at `end`, in words. */
static void explain(const char *path, enum ni_status s, const struct open_end *end, struct located *ret)
{
        const char *reason = status_text(s), *at = end->component;
        char parent[LIMIT_TAG + 64];
        const char *way_out = "`ni domain tree` shows the domains that can be reached from here";
        if (end->loop) {
                reason = "the domains above name each other as parents, or are more than 32 levels: there is "
                         "no root";
                way_out = "take the wrong `../tag` out of serves in /machines of one of them";
        } else if (s == NI_NETROOT) {
                reason = "there is nothing above the root domain";
        } else if (end->absent) {
                reason = "no machine of the domain above serves a child domain of this name";
        } else if (s == NI_NORESPONSE) {
                reason = "parents are configured, but none of them answers";
                way_out = "`ni doctor` tells which";
        } else if (s == NI_FAILED && end->parent.tag[0]) {
                const struct in_addr in = {htonl(end->parent.addr)};
                char address[INET_ADDRSTRLEN];
                inet_ntop(AF_INET, &in, address, sizeof(address));
                snprintf(parent, sizeof(parent), "its server %s@%s does not answer", end->parent.tag,
                         address);
                reason = parent;
                way_out = "is netinfod running there, and the network between up?";
        } else if (s == NI_FAILED) {
                reason = "no server answers";
                way_out = "is netinfod running there, and does it listen to us?";
        } else if (s == NI_CANTFINDADDRESS) {
                way_out = "check the name, or give an address";
        } else if (s == NI_INVALIDDOMAIN) {
                way_out = "give /, ., .., ../NAME, /NAME/NAME, TAG@HOST or HOST[:PORT]/TAG";
        }
        const bool part = at[0] && strcmp(at, path) != 0;
        snprintf(ret->why, sizeof(ret->why), "domain %.150s: %s%.100s%s%s; %s", path, part ? "at `" : "",
                 part ? at : "", part ? "`: " : "", reason, way_out);
}

static enum ni_status open_server(const struct located_server *server, unsigned seconds,
                                  struct api_handle **ret)
{
        const enum ni_status s = open_typed(server->server[0] ? server->server : NULL, server->tag, ret);
        if (s != NI_OK)
                return s;
        ni_setreadtimeout(*ret, (int)seconds);
        ni_setabort(*ret, 1);
        return NI_OK;
}

enum ni_status locate(const struct located_server *from, const char *path, unsigned seconds,
                      struct located *ret)
{
        ni_fancyopenargs args = {.rtimeout = (int)seconds, .wtimeout = (int)seconds, .abort = 1};
        struct api_handle *h = NULL, *start = NULL;
        struct open_end end = {.loop = false};
        ni_status s = NI_OK;
        ret->n = 0;
        ret->why[0] = '\0';
        if (from)
                s = open_server(from, seconds, &start);
        if (s == NI_OK && start && path[0] == '/')
                s = open_above(start, path, &args, &h, &end);
        else if (s == NI_OK)
                s = open_any(start, path, &args, &h, &end);
        handle_free(start);
        if (s == NI_OK && !end.loop)
                put_servers(h, ret);
        else
                explain(path, s, &end, ret);
        handle_free(h);
        if (end.loop)
                return NI_UNRELATED;
        return end.absent ? NI_NODIR : s;
}

enum ni_status locate_name(const struct located_server *of, unsigned seconds, char *ret_name, unsigned size)
{
        struct api_handle *h;
        ni_name name;
        ni_status s = open_server(of, seconds, &h);
        if (s != NI_OK)
                return s;
        s = ni_pwdomain(h, &name);
        if (s == NI_OK) {
                snprintf(ret_name, size, "%s", name);
                ni_name_free(&name);
        }
        handle_free(h);
        return s;
}

bool located_is_here(const struct located_server *s)
{
        struct in_addr in;
        return !s->server[0] || s->server[0] == '/' ||
               (inet_pton(AF_INET, s->server, &in) == 1 && api_servers_own_address(ntohl(in.s_addr)));
}

/* -- the chain ------------------------------------------------------------------------------------------- */

struct climber {
        struct api_handle *level[LIMIT_DEPTH + 1];
        unsigned n;
        struct open_end end;
};

/* Handles of all levels; what ended it. */
static enum ni_status climb(struct climber *c)
{
        struct api_servers *seen = api_alloc(1, sizeof(*seen));
        enum ni_status s = NI_OK;
        api_servers_climbed(seen, c->level[0]);
        while (s == NI_OK && !c->end.loop) {
                struct api_handle *up = NULL;
                s = open_parent(c->level[c->n - 1], &up, &c->end.parent);
                if (s != NI_OK)
                        break;
                c->end.loop = api_servers_climbed(seen, up) || c->n > LIMIT_DEPTH;
                if (c->end.loop)
                        handle_free(up);
                else
                        c->level[c->n++] = up;
        }
        free(seen);
        if (c->end.loop)
                return NI_UNRELATED;
        return s == NI_NORESPONSE || s == NI_FAILED ? s : NI_OK;
}

/* From the root down: "/" and one component after the other. */
static void name_levels(const struct climber *c, struct located_chain *chain)
{
        snprintf(chain->v[c->n - 1].name, sizeof(chain->v[0].name), "/");
        for (unsigned i = c->n - 1; i > 0; i--) {
                const struct api_handle *h = c->level[i - 1];
                ni_name part = name_below(c->level[i], &h->servers[h->current]);
                const char *above = i == c->n - 1 ? "" : chain->v[i].name;
                snprintf(chain->v[i - 1].name, sizeof(chain->v[0].name), "%.500s/%.500s", above, part);
                ni_name_free(&part);
        }
}

static void put_levels(const struct climber *c, struct located_chain *chain)
{
        char path[sizeof(chain->v[0].path)] = ".";
        chain->v = api_alloc(c->n, sizeof(*chain->v));
        chain->n = c->n;
        for (unsigned i = 0; i < c->n; i++) {
                put_servers(c->level[i], &chain->v[i].servers);
                snprintf(chain->v[i].path, sizeof(path), "%s", path);
                snprintf(path + (i ? strlen(path) : 0), sizeof(path) - (i ? strlen(path) : 0), "%s",
                         i ? "/.." : "..");
        }
}

/* A handle only knows that nobody answered; the client knows why. */
static enum ni_status first_trouble(const struct located_server *s, unsigned seconds, char *ret_why,
                                    size_t size)
{
        struct client_options o;
        struct client_why why = {""};
        struct client *c;
        client_options_init(&o);
        o.server = s->server[0] ? s->server : NULL;
        o.tag = s->tag;
        o.timeout_ms = seconds * 1000;
        const enum ni_status status = client_open(&o, &c, &why);
        if (status == NI_OK)
                client_close(c);
        snprintf(ret_why, size, "%s",
                 status == NI_OK ? "the server did not answer; repeat the command" : why.text);
        return status == NI_OK ? NI_FAILED : status;
}

enum ni_status locate_chain(const struct located_server *from, uint16_t port, unsigned seconds,
                            struct located_chain *ret)
{
        static const struct located_server here = {.tag = "local"};
        struct climber c = {.n = 0};
        struct located words = {.n = 0};
        ni_id root;
        *ret = (struct located_chain){NULL, 0, ""};
        enum ni_status s = open_server(from ? from : &here, seconds, &c.level[0]);
        if (s == NI_OK) {
                c.level[0]->port = port;
                c.n = 1;
                s = ni_root(c.level[0], &root);
        }
        if (s == NI_OK) {
                s = climb(&c);
                put_levels(&c, ret);
        }
        if (s == NI_OK) {
                name_levels(&c, ret);
        } else if (ret->n == 0 && s == NI_FAILED) {
                s = first_trouble(from ? from : &here, seconds, ret->why, sizeof(ret->why));
        } else {
                char path[sizeof(ret->v[0].path) + 3] = ".";
                if (ret->n == 1)
                        snprintf(path, sizeof(path), "..");
                else if (ret->n)
                        snprintf(path, sizeof(path), "%s/..", ret->v[ret->n - 1].path);
                explain(path, s, &c.end, &words);
                snprintf(ret->why, sizeof(ret->why), "%s", words.why);
        }
        for (unsigned i = 0; i < c.n; i++)
                handle_free(c.level[i]);
        return s;
}

void located_chain_done(struct located_chain *c)
{
        free(c->v);
        c->v = NULL;
        c->n = 0;
}
