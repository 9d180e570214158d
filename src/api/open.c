/* Opening a domain by its name (doc/protocol.md 4.6), and the name of an open one (4.8). */
#include "api/api-internal.h"

#include "model/path.h"
#include "sys/random.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>

#define SERVERS_MOST 256u /* servers of one domain that a client keeps */

struct servers {
        struct api_server v[SERVERS_MOST];
        unsigned n;
};

static void add_server(struct servers *l, uint32_t addr, struct bytes tag)
{
        if (l->n == SERVERS_MOST || tag.len == 0 || tag.len > LIMIT_TAG)
                return;
        for (unsigned i = 0; i < l->n; i++)
                if (l->v[i].addr == addr && bytes_eq_str(tag, l->v[i].tag))
                        return;
        struct api_server *s = &l->v[l->n++];
        *s = (struct api_server){.addr = addr};
        snprintf(s->tag, sizeof(s->tag), "%.*s", BYTES_FMT(tag));
}

static bool address_of(struct bytes text, uint32_t *ret)
{
        char copy[INET_ADDRSTRLEN];
        struct in_addr in;
        if (text.len >= sizeof(copy))
                return false;
        snprintf(copy, sizeof(copy), "%.*s", BYTES_FMT(text));
        if (inet_pton(AF_INET, copy, &in) != 1)
                return false;
        *ret = ntohl(in.s_addr);
        return true;
}

static bool is_own_address(uint32_t addr)
{
        struct ifaddrs *all;
        bool own = addr >> 24 == 127;
        if (getifaddrs(&all) < 0)
                return own;
        for (const struct ifaddrs *i = all; i && !own; i = i->ifa_next)
                own = i->ifa_addr && i->ifa_addr->sa_family == AF_INET &&
                      ntohl(((const struct sockaddr_in *)(const void *)i->ifa_addr)->sin_addr.s_addr) == addr;
        freeifaddrs(all);
        return own;
}

/* What /machines says of the servers of a domain as seen from this one: values `prefix/tag` of serves, with
 * every ip_address of the machine. */
static enum ni_status machines_serving(struct api_handle *h, const char *prefix, struct servers *ret)
{
        ni_id root, machines;
        ni_idlist children;
        ni_status s = ni_root(h, &root);
        if (s == NI_OK) {
                machines = root;
                s = ni_pathsearch(h, &machines, "/machines");
        }
        NI_INIT(&children);
        if (s == NI_OK)
                s = ni_children(h, &machines, &children);
        const size_t n = strlen(prefix);
        for (unsigned i = 0; s == NI_OK && i < children.ni_idlist_len; i++) {
                ni_id id = {children.ni_idlist_val[i], 0};
                ni_proplist p;
                NI_INIT(&p);
                if (ni_read(h, &id, &p) != NI_OK)
                        continue;
                const ni_index serves = ni_proplist_match(p, "serves", NULL),
                               ip = ni_proplist_match(p, "ip_address", NULL);
                if (serves != NI_INDEX_NULL && ip != NI_INDEX_NULL) {
                        const ni_namelist *values = &p.ni_proplist_val[serves].nip_val,
                                          *ips = &p.ni_proplist_val[ip].nip_val;
                        for (unsigned k = 0; k < values->ni_namelist_len; k++) {
                                const char *v = values->ni_namelist_val[k], *slash = strchr(v, '/');
                                if (!slash || (size_t)(slash - v) != n || memcmp(v, prefix, n) != 0)
                                        continue;
                                for (unsigned a = 0; a < ips->ni_namelist_len; a++) {
                                        uint32_t addr;
                                        if (address_of(bytes_str(ips->ni_namelist_val[a]), &addr))
                                                add_server(ret, addr, bytes_str(slash + 1));
                                }
                        }
                }
                ni_proplist_free(&p);
        }
        ni_idlist_free(&children);
        return s;
}

/* The servers of the handle's own domain: STATISTICS' domain_servers, else /machines (4.9). */
static void list_servers(struct api_handle *h, struct servers *ret)
{
        ni_proplist p;
        NI_INIT(&p);
        if (ni_statistics(h, &p) == NI_OK) {
                const ni_index at = ni_proplist_match(p, "domain_servers", NULL);
                for (unsigned i = 0; at != NI_INDEX_NULL && i < p.ni_proplist_val[at].nip_val.ni_namelist_len;
                     i++) {
                        const struct bytes v = bytes_str(p.ni_proplist_val[at].nip_val.ni_namelist_val[i]);
                        const size_t slash = bytes_find(v, '/');
                        uint32_t addr;
                        if (slash < v.len && address_of(bytes_sub(v, 0, slash), &addr))
                                add_server(ret, addr, bytes_sub(v, slash + 1, v.len));
                }
        }
        ni_proplist_free(&p);
        if (ret->n == 0)
                machines_serving(h, ".", ret);
}

/* 0: this host, 1: a host on an attached network, 2: farther away. */
static unsigned distance(const struct ifaddrs *all, uint32_t addr)
{
        unsigned best = addr >> 24 == 127 ? 0 : 2;
        for (const struct ifaddrs *i = all; i; i = i->ifa_next) {
                if (!i->ifa_addr || i->ifa_addr->sa_family != AF_INET)
                        continue;
                const struct sockaddr_in *own = (const void *)i->ifa_addr,
                                         *mask = (const void *)i->ifa_netmask;
                const uint32_t difference = addr ^ ntohl(own->sin_addr.s_addr);
                if (difference == 0)
                        return 0;
                if (mask && mask->sin_addr.s_addr && (difference & ntohl(mask->sin_addr.s_addr)) == 0 &&
                    best > 1)
                        best = 1;
        }
        return best;
}

/* Near servers first; among equals chance decides, so that the clients of a domain spread (4.9). */
static void order(struct servers *l)
{
        struct ifaddrs *all = NULL;
        unsigned far[SERVERS_MOST];
        uint32_t chance[SERVERS_MOST];
        random_bytes(chance, sizeof(chance));
        if (getifaddrs(&all) < 0)
                all = NULL;
        for (unsigned i = 0; i < l->n; i++) { /* insertion sort: short lists */
                const struct api_server s = l->v[i];
                const unsigned d = distance(all, s.addr);
                const uint32_t c = chance[i];
                unsigned k = i;
                for (; k > 0 && (far[k - 1] > d || (far[k - 1] == d && chance[k - 1] > c)); k--) {
                        l->v[k] = l->v[k - 1];
                        far[k] = far[k - 1];
                        chance[k] = chance[k - 1];
                }
                l->v[k] = s;
                far[k] = d;
                chance[k] = c;
        }
        if (all)
                freeifaddrs(all);
}

/* Replaces a one-server handle by its domain's full list; the server that answered stays current (4.6 ".").
 * A server that is not in its own domain's list is left for those that are. */
static struct api_handle *widen(struct api_handle *h)
{
        struct servers l = {.n = 0};
        const struct api_server now = h->servers[h->current];
        list_servers(h, &l);
        if (l.n == 0 || now.addr == 0 || is_own_address(now.addr)) {
                /* A list of one, or this host's own server, which its database may know by another of our
                 * addresses. */
                return h;
        }
        order(&l);
        for (unsigned i = 0; i < l.n; i++) {
                if (l.v[i].addr != now.addr || strcmp(l.v[i].tag, now.tag) != 0)
                        continue;
                struct api_handle *wide = handle_new(l.v, l.n, false, h);
                wide->current = i;
                handle_free(h);
                return wide;
        }
        struct api_handle *wide = handle_new(l.v, l.n, false, h);
        handle_free(h);
        return wide;
}

static ni_status parent_of(struct api_handle *h, struct api_handle **ret)
{
        struct api_server parent;
        const enum ni_status s = handle_rparent(h, &parent);
        if (s != NI_OK)
                return s;
        if (!parent.tag[0])
                return NI_FAILED;
        struct api_handle *up = handle_new(&parent, 1, false, h);
        ni_id root;
        const bool abort_on = up->abort_on;
        up->abort_on = true; /* a parent that is said to live but does not answer is no reason to hang */
        const ni_status alive = ni_root(up, &root);
        up->abort_on = abort_on;
        if (alive != NI_OK) {
                handle_free(up);
                return alive;
        }
        *ret = widen(up);
        return NI_OK;
}

static ni_status child_of(struct api_handle *h, const char *name, struct api_handle **ret)
{
        struct servers l = {.n = 0};
        const ni_status s = machines_serving(h, name, &l);
        if (s != NI_OK || l.n == 0)
                return s == NI_OK ? NI_FAILED : s;
        order(&l);
        *ret = handle_new(l.v, l.n, false, h);
        return NI_OK;
}

/* A server as people write it. The name is resolved here, so that a wrong one is noticed before any call, and
 * by the client again, which tries all addresses. */
static ni_status server_typed(const char *text, const char *tag, struct api_server *ret)
{
        struct server_address a;
        const char *why;
        char host[256];
        const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
        struct addrinfo *found;
        *ret = (struct api_server){.addr = 0};
        if (!tag_is_valid(bytes_str(tag)) || (text && strlen(text) >= sizeof(ret->host)))
                return NI_INVALIDDOMAIN;
        snprintf(ret->tag, sizeof(ret->tag), "%s", tag);
        if (!text)
                return NI_OK;
        snprintf(ret->host, sizeof(ret->host), "%s", text);
        if (text[0] == '/')
                return NI_OK;
        if (!address_parse(bytes_str(text), false, &a, &why) || a.tag.len)
                return NI_INVALIDDOMAIN;
        snprintf(host, sizeof(host), "%.*s", BYTES_FMT(a.host));
        if (getaddrinfo(host, NULL, &hints, &found) != 0)
                return NI_CANTFINDADDRESS;
        for (const struct addrinfo *i = found; i && !ret->addr; i = i->ai_next)
                if (i->ai_family == AF_INET)
                        ret->addr = ntohl(
                                ((const struct sockaddr_in *)(const void *)i->ai_addr)->sin_addr.s_addr);
        freeaddrinfo(found);
        return NI_OK;
}

/* "tag@host" */
static struct api_handle *direct(const char *text, const struct api_handle *like)
{
        const char *at = strrchr(text, '@');
        char tag[LIMIT_TAG + 1];
        struct api_server s;
        if (!at || at - text > (ptrdiff_t)LIMIT_TAG)
                return NULL;
        snprintf(tag, sizeof(tag), "%.*s", (int)(at - text), text);
        return at[1] && at[1] != '/' && server_typed(at + 1, tag, &s) == NI_OK ? handle_new(&s, 1, true, like)
                                                                               : NULL;
}

static struct api_handle *local_domain(const struct api_handle *like)
{
        struct servers l = {.n = 0};
        add_server(&l, 0, BYTES_LIT("local"));
        return handle_new(l.v, 1, false, like);
}

static void settle(struct api_handle *h, const ni_fancyopenargs *args)
{
        if (!h || !args)
                return;
        h->read_timeout = args->rtimeout;
        h->write_timeout = args->wtimeout;
        h->abort_on = args->abort != 0;
}

static struct api_handle *same(const struct api_handle *from)
{
        struct api_handle *h = handle_new(from->servers, from->count, from->direct, from);
        h->current = from->current;
        return h;
}

/* One component, not "/" and without escapes left. */
static ni_status step(struct api_handle *from, const char *component, struct api_handle **ret)
{
        struct api_handle *start = from, *found = NULL;
        ni_status s = NI_FAILED;
        if (strchr(component, '@')) {
                *ret = direct(component, from);
                return *ret ? NI_OK : NI_FAILED;
        }
        if (strcmp(component, ".") == 0) {
                *ret = from ? same(from) : local_domain(NULL);
                return NI_OK;
        }
        if (!from && strcmp(component, "..") != 0)
                return NI_FAILED; /* a bare word without a handle is refused */
        if (!start)
                start = local_domain(NULL);
        s = strcmp(component, "..") == 0 ? parent_of(start, &found) : child_of(start, component, &found);
        if (start != from)
                handle_free(start);
        if (s == NI_OK)
                *ret = found;
        return s;
}

/* Climbs to the top. Historically any failure to go on meant that it is reached; here a parent that is still
 * being searched for (tools.md 1.8) or does not answer is a failure: who asks for the root shall not write to
 * a domain below it. A server seen before, or more than LIMIT_DEPTH levels, ends the climb (4.6 "Loops"). */
static ni_status climb(struct api_handle **h)
{
        struct api_server seen[LIMIT_DEPTH];
        for (unsigned depth = 0; depth < LIMIT_DEPTH; depth++) {
                struct api_handle *up = NULL;
                const struct api_server now = (*h)->servers[(*h)->current];
                for (unsigned i = 0; i < depth; i++)
                        if (seen[i].addr == now.addr && strcmp(seen[i].tag, now.tag) == 0)
                                return NI_OK;
                seen[depth] = now;
                const ni_status s = parent_of(*h, &up);
                if (s == NI_NORESPONSE || s == NI_FAILED)
                        return s;
                if (s != NI_OK)
                        return NI_OK;
                handle_free(*h);
                *h = up;
        }
        return NI_OK;
}

/* Cuts the next component off *path and removes its escapes; false at the end. */
static bool next_component(const char **path, char *to, size_t room)
{
        size_t n = 0;
        while (**path == '/')
                (*path)++;
        for (; **path && **path != '/'; (*path)++) {
                if (**path == '\\' && (*path)[1])
                        (*path)++;
                if (n + 1 < room)
                        to[n++] = **path;
        }
        to[n] = '\0';
        return n > 0;
}

static ni_status open_path(struct api_handle *relative, const char *path, const ni_fancyopenargs *args,
                           struct api_handle **ret)
{
        char component[1024], first[1024] = "", last[1024] = "";
        struct api_handle *h = NULL;
        ni_status s = NI_OK;
        if (!*path)
                return NI_FAILED;
        for (const char *p = path; next_component(&p, component, sizeof(component));) {
                if (!first[0])
                        memcpy(first, component, sizeof(first));
                memcpy(last, component, sizeof(last));
        }
        const bool by_tag = strchr(last, '@') != NULL; /* everything before it is ignored */
        if (by_tag)
                h = direct(last, relative);
        else if (relative && *path != '/')
                h = same(relative);
        else if (*path == '/' || strcmp(first, ".") == 0 || strcmp(first, "..") == 0)
                h = local_domain(NULL); /* "." and ".." start here too, with the timeouts asked for */
        if (!h)
                return NI_FAILED;
        settle(h, args);
        if (*path == '/' && !by_tag)
                s = climb(&h);
        const char *p = path;
        while (s == NI_OK && !by_tag && next_component(&p, component, sizeof(component))) {
                struct api_handle *next = NULL;
                s = step(h, component, &next);
                if (s == NI_OK) {
                        handle_free(h);
                        h = next;
                        settle(h, args);
                }
        }
        if (s != NI_OK) {
                handle_free(h);
                return s;
        }
        h->need_write = args && args->needwrite;
        *ret = h;
        return NI_OK;
}

ni_status api_open_above(struct api_handle *start, const char *path, const ni_fancyopenargs *args, void **ret)
{
        struct api_handle *top = same(start), *h;
        ni_status s = climb(&top);
        while (*path == '/')
                path++;
        if (s == NI_OK)
                s = open_path(top, *path ? path : ".", args, &h);
        handle_free(top);
        if (s == NI_OK)
                *ret = h;
        return s;
}

NI_API void *ni_connect(struct sockaddr_in *address, const char *tag)
{
        struct servers l = {.n = 0};
        add_server(&l, ntohl(address->sin_addr.s_addr), bytes_str(tag));
        return l.n ? handle_new(l.v, 1, true, NULL) : NULL;
}

NI_API void *ni_new(void *relative, const char *domain)
{
        struct api_handle *h = NULL;
        if (strcmp(domain, "/") == 0)
                return open_path(relative, domain, NULL, &h) == NI_OK ? h : NULL;
        return step(relative, domain, &h) == NI_OK ? h : NULL;
}

NI_API ni_status ni_open(void *relative, const char *path, void **handle)
{
        return ni_fancyopen(relative, path, handle, NULL);
}

NI_API ni_status ni_fancyopen(void *relative, const char *path, void **handle, ni_fancyopenargs *args)
{
        struct api_handle *h;
        if (open_path(relative, path, args, &h) != NI_OK)
                return NI_FAILED; /* any failure is NI_FAILED (8.2) */
        *handle = h;
        return NI_OK;
}

NI_API ni_status netinfo_open(void *relative, const char *path, void **handle, ni_fancyopenargs *args)
{
        struct api_handle *h;
        const ni_status s = open_path(relative, path, args, &h);
        if (s == NI_OK)
                *handle = h;
        return s;
}

NI_API ni_status netinfo_connect(const char *server, const char *tag, void **handle)
{
        struct api_server s;
        const ni_status status = server_typed(server, tag, &s);
        if (status == NI_OK)
                *handle = handle_new(&s, 1, true, NULL);
        return status;
}

NI_API ni_status netinfo_rparent(void *handle, struct sockaddr_in *address, ni_name *tag)
{
        struct api_server parent;
        const ni_status s = handle_rparent(handle, &parent);
        if (s != NI_OK)
                return s;
        *address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(parent.addr)};
        *tag = ni_name_dup(parent.tag);
        return NI_OK;
}

/* -- names of domains (4.8)
 * ------------------------------------------------------------------------------------------------------------
 */

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

static ni_name name_below(struct api_handle *parent, const struct api_server *s)
{
        const uint32_t addr = s->addr ? s->addr : INADDR_LOOPBACK;
        char text[INET_ADDRSTRLEN];
        const struct in_addr in = {htonl(addr)};
        ni_name name = component_in(parent, addr, s->tag);
        if (!name && is_own_address(addr))
                name = own_component(parent, s->tag);
        if (name)
                return name;
        inet_ntop(AF_INET, &in, text, sizeof(text));
        const size_t n = strlen(s->tag) + strlen(text) + 2;
        name = api_alloc(n, 1);
        snprintf(name, n, "%s@%s", s->tag, text);
        return name;
}

NI_API ni_status ni_pwdomain(void *handle, ni_name *name)
{
        struct api_handle *h = handle, *up = NULL;
        ni_name full = NULL;
        struct api_server seen[LIMIT_DEPTH];
        unsigned depth = 0;
        ni_id root;
        const ni_status alive = ni_root(h, &root);
        if (alive != NI_OK)
                return alive;
        bool repeated = false;
        ni_status s = NI_OK;
        while (depth < LIMIT_DEPTH && !repeated && (s = parent_of(h, &up)) == NI_OK) {
                const struct api_server now = h->servers[h->current];
                for (unsigned i = 0; i < depth; i++)
                        repeated |= seen[i].addr == now.addr && strcmp(seen[i].tag, now.tag) == 0;
                seen[depth++] = now;
                ni_name part = name_below(up, &now);
                const size_t n = strlen(part) + (full ? strlen(full) : 0) + 2;
                ni_name longer = api_alloc(n, 1);
                snprintf(longer, n, "/%s%s", part, full ? full : "");
                free(part);
                free(full);
                full = longer;
                if (h != handle)
                        handle_free(h);
                h = up;
        }
        if (h != handle)
                handle_free(h);
        if (s == NI_NORESPONSE) { /* there are levels above, but nobody knows their names */
                ni_name_free(&full);
                return s;
        }
        *name = full ? full : ni_name_dup("/");
        return NI_OK;
}
