#include "api/locate.h"

#include "api/api-internal.h"
#include "model/status.h"

#include <arpa/inet.h>
#include <stdio.h>

_Static_assert(LOCATED_MOST == SERVERS_MOST, "a list of servers fits");

bool located_is_path(const char *text)
{
        return text[0] == '.' || strchr(text, '/') || strchr(text, '@');
}

static void put_server(const struct api_server *s, struct located_server *ret)
{
        const struct in_addr in = {htonl(s->addr)};
        snprintf(ret->tag, sizeof(ret->tag), "%s", s->tag);
        ret->server[0] = '\0';
        if (s->host[0])
                snprintf(ret->server, sizeof(ret->server), "%s", s->host);
        else if (s->addr)
                inet_ntop(AF_INET, &in, ret->server, sizeof(ret->server));
}

static void put_servers(const struct api_handle *h, struct located *ret)
{
        for (unsigned i = 0; i < h->count && ret->n < LOCATED_MOST; i++)
                put_server(&h->servers[(h->current + i) % h->count], &ret->v[ret->n++]);
}

/* What went wrong at `end`, in words. */
static void explain(const char *path, enum ni_status s, const struct open_end *end, struct located *ret)
{
        const char *reason = status_text(s), *at = end->component;
        const char *way_out = "`ni domain tree` shows the domains that can be reached from here";
        if (end->loop) {
                reason = "the domains above name each other as parents: there is no root";
                way_out = "take the wrong `../tag` out of serves in /machines of one of them";
        } else if (s == NI_NETROOT) {
                reason = "there is nothing above the root domain";
        } else if (end->absent) {
                reason = "no machine of the domain above serves a child domain of this name";
        } else if (s == NI_NORESPONSE) {
                reason = "parents are configured, but none of them answers";
                way_out = "`ni doctor` tells which";
        } else if (s == NI_FAILED) {
                reason = "no server answers";
                way_out = "is netinfod running there? `ni doctor` tells more";
        } else if (s == NI_INVALIDDOMAIN) {
                way_out = "give /, ., .., ../NAME, /NAME/NAME, TAG@HOST or HOST[:PORT]/TAG";
        }
        const bool part = at[0] && strcmp(at, path) != 0;
        snprintf(ret->why, sizeof(ret->why), "domain %.150s: %s%.100s%s%s; %s", path, part ? "at `" : "",
                 part ? at : "", part ? "`: " : "", reason, way_out);
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
        if (from) {
                s = open_typed(from->server[0] ? from->server : NULL, from->tag, &start);
                if (s == NI_OK) {
                        ni_setreadtimeout(start, (int)seconds);
                        ni_setabort(start, 1);
                }
        }
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
        ni_status s = open_typed(of->server[0] ? of->server : NULL, of->tag, &h);
        if (s != NI_OK)
                return s;
        ni_setreadtimeout(h, (int)seconds);
        ni_setabort(h, 1);
        s = ni_pwdomain(h, &name);
        if (s == NI_OK) {
                snprintf(ret_name, size, "%s", name);
                ni_name_free(&name);
        }
        handle_free(h);
        return s;
}
