/* Opening a domain by its name (doc/protocol.md 4.6), and the name of an open one (4.8). */
#include "api/api-internal.h"

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
        s->addr = addr;
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

/* Replaces a one-server handle by its domain's full list; the server that answered stays current (4.6 ".").
 * NULL: it is a rogue, not in its own list. */
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
        struct ni_args args = {.number = 0};
        struct ni_result r;
        struct servers l = {.n = 0};
        pthread_mutex_lock(&h->lock);
        const enum ni_status s = handle_call(h, NI_PROC_rparent, &args, &r);
        if (s == NI_OK)
                add_server(&l, r.addr, r.value);
        pthread_mutex_unlock(&h->lock);
        if (s != NI_OK)
                return s;
        if (l.n == 0)
                return NI_FAILED;
        struct api_handle *up = handle_new(l.v, 1, false, h);
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
        *ret = handle_new(l.v, l.n, false, h);
        return NI_OK;
}

static struct api_handle *direct(const char *text, const struct api_handle *like)
{
        const char *at = strrchr(text, '@');
        struct servers l = {.n = 0};
        struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM}, *found;
        if (!at || at == text || !at[1] || getaddrinfo(at + 1, NULL, &hints, &found) != 0)
                return NULL;
        add_server(&l, ntohl(((const struct sockaddr_in *)(const void *)found->ai_addr)->sin_addr.s_addr),
                   bytes_of(text, (size_t)(at - text)));
        freeaddrinfo(found);
        return l.n ? handle_new(l.v, 1, true, like) : NULL;
}

static struct api_handle *local_domain(const struct api_handle *like)
{
        struct servers l = {.n = 0};
        add_server(&l, 0, BYTES_LIT("local"));
        return handle_new(l.v, 1, false, like);
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
                *ret = from ? handle_new(from->servers, from->count, from->direct, from) : local_domain(NULL);
                (*ret)->current = from ? from->current : 0;
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

/* Climbs to the top; any failure to go on means that it is reached. A server seen before, or more than
 * LIMIT_DEPTH levels, ends the climb (4.6 "Loops"). */
static struct api_handle *climb(struct api_handle *h)
{
        struct api_server seen[LIMIT_DEPTH];
        unsigned depth = 0;
        while (depth < LIMIT_DEPTH) {
                struct api_handle *up = NULL;
                const struct api_server now = h->servers[h->current];
                for (unsigned i = 0; i < depth; i++)
                        if (seen[i].addr == now.addr && strcmp(seen[i].tag, now.tag) == 0)
                                return h;
                seen[depth++] = now;
                if (parent_of(h, &up) != NI_OK)
                        return h;
                handle_free(h);
                h = up;
        }
        return h;
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
        char component[1024], last[1024] = "";
        struct api_handle *h = NULL;
        if (!*path)
                return NI_FAILED;
        for (const char *p = path; next_component(&p, component, sizeof(component));)
                memcpy(last, component, sizeof(last));
        if (strchr(last, '@')) { /* everything before it is ignored */
                h = direct(last, relative);
                if (!h)
                        return NI_FAILED;
        } else if (*path == '/') {
                h = local_domain(NULL);
        } else if (relative) {
                h = handle_new(relative->servers, relative->count, relative->direct, relative);
                h->current = relative->current;
        }
        if (h && args) {
                h->read_timeout = args->rtimeout;
                h->write_timeout = args->wtimeout;
                h->abort_on = args->abort != 0;
        }
        if (h && *path == '/' && !strchr(last, '@'))
                h = climb(h);
        ni_status s = NI_OK;
        for (const char *p = path;
             s == NI_OK && !strchr(last, '@') && next_component(&p, component, sizeof(component));) {
                struct api_handle *next = NULL;
                s = step(h, component, &next);
                handle_free(h);
                h = s == NI_OK ? next : NULL;
                if (h && args) {
                        h->read_timeout = args->rtimeout;
                        h->write_timeout = args->wtimeout;
                        h->abort_on = args->abort != 0;
                }
        }
        if (s == NI_OK && !h)
                s = NI_FAILED;
        if (s == NI_OK) {
                h->need_write = args && args->needwrite;
                *ret = h;
        }
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
        const ni_status s = open_path(relative, path, args, &h);
        if (s == NI_OK)
                *handle = h;
        return s == NI_OK ? NI_OK : NI_FAILED; /* any failure is NI_FAILED (8.2) */
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
        while (depth < LIMIT_DEPTH && !repeated && parent_of(h, &up) == NI_OK) {
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
        *name = full ? full : ni_name_dup("/");
        return NI_OK;
}
