/* The name of an open domain (doc/protocol.md 4.8). */
#include "api/api-internal.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <stdio.h>
#include <stdlib.h>

static ni_name escaped(const char *text, size_t n)
{
        ni_name out = api_alloc(2 * n + 1, 1);
        size_t k = 0;
        for (size_t i = 0; i < n; i++) {
                if (text[i] == '/' || text[i] == '\\')
                        out[k++] = '\\';
                out[k++] = text[i];
        }
        return out;
}

/* The component under which `parent` knows the server addr/tag, or NULL. */
static ni_name component_in(struct api_handle *parent, uint32_t addr, const char *tag)
{
        char text[INET_ADDRSTRLEN];
        const struct in_addr in = {htonl(addr)};
        ni_id machines;
        ni_proplist p;
        ni_name found = NULL;
        NI_INIT(&p);
        inet_ntop(AF_INET, &in, text, sizeof(text));
        if (ni_root(parent, &machines) != NI_OK || ni_pathsearch(parent, &machines, "/machines") != NI_OK ||
            ni_lookupread(parent, &machines, "ip_address", text, &p) != NI_OK)
                return NULL;
        const ni_index at = ni_proplist_match(p, "serves", NULL);
        for (unsigned i = 0;
             !found && at != NI_INDEX_NULL && i < p.ni_proplist_val[at].nip_val.ni_namelist_len; i++) {
                const char *v = p.ni_proplist_val[at].nip_val.ni_namelist_val[i], *slash = strrchr(v, '/');
                if (slash && strcmp(slash + 1, tag) == 0)
                        found = escaped(v, (size_t)(slash - v));
        }
        ni_proplist_free(&p);
        return found;
}

static ni_name own_component(struct api_handle *parent, const char *tag)
{
        struct ifaddrs *all;
        ni_name found = NULL;
        if (getifaddrs(&all) < 0)
                return NULL;
        for (const struct ifaddrs *i = all; i && !found; i = i->ifa_next) {
                if (!i->ifa_addr || i->ifa_addr->sa_family != AF_INET)
                        continue;
                const uint32_t addr =
                        ntohl(((const struct sockaddr_in *)(const void *)i->ifa_addr)->sin_addr.s_addr);
                if (addr >> 24 != 127)
                        found = component_in(parent, addr, tag);
        }
        freeifaddrs(all);
        return found;
}

ni_name name_below(struct api_handle *parent, const struct api_server *s)
{
        const uint32_t addr = s->addr ? s->addr : INADDR_LOOPBACK;
        char text[INET_ADDRSTRLEN];
        const struct in_addr in = {htonl(addr)};
        ni_name name = component_in(parent, addr, s->tag);
        if (!name && api_servers_own_address(addr))
                name = own_component(parent, s->tag);
        if (name)
                return name;
        inet_ntop(AF_INET, &in, text, sizeof(text));
        const size_t n = strlen(s->tag) + strlen(text) + 2;
        name = api_alloc(n, 1);
        snprintf(name, n, "%s@%s", s->tag, text);
        return name;
}

/* "/part" before what is there. */
static ni_name lengthen(ni_name full, ni_name part)
{
        const size_t n = strlen(part) + (full ? strlen(full) : 0) + 2;
        ni_name longer = api_alloc(n, 1);
        snprintf(longer, n, "/%s%s", part, full ? full : "");
        free(part);
        free(full);
        return longer;
}

NI_API ni_status ni_pwdomain(void *handle, ni_name *name)
{
        struct api_handle *h = handle, *up = NULL;
        ni_name full = NULL;
        ni_id root;
        ni_status s = ni_root(h, &root);
        if (s != NI_OK)
                return s;
        struct api_servers *seen = api_alloc(1, sizeof(*seen));
        api_servers_climbed(seen, h);
        for (unsigned depth = 0; depth < LIMIT_DEPTH && (s = open_parent(h, &up, NULL)) == NI_OK; depth++) {
                const bool loop = api_servers_climbed(seen, up);
                if (!loop)
                        full = lengthen(full, name_below(up, &h->servers[h->current]));
                if (h != handle)
                        handle_free(h);
                h = up;
                if (loop)
                        break;
        }
        free(seen);
        if (h != handle)
                handle_free(h);
        if (s == NI_NORESPONSE || s == NI_FAILED) { /* there are levels above, but nobody knows their names */
                ni_name_free(&full);
                return s;
        }
        *name = full ? full : ni_name_dup("/");
        return NI_OK;
}
