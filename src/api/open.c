/* Opening a domain by its name (doc/protocol.md 4.6). */
#include "api/api-internal.h"

#include "model/path.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>

/* Replaces a one-server handle by its domain's full list; the server that answered stays current (4.6 ".").
 * A server that is not in its own domain's list is left for those that are; this host's own is not, because
 * the database may know it by another of our addresses. */
static struct api_handle *widen(struct api_handle *h)
{
        struct api_servers l = {.n = 0};
        const struct api_server now = h->servers[h->current];
        unsigned at = 0;
        api_servers_of(h, &l);
        if (l.n == 0 || now.addr == 0)
                return h; /* a domain that lists nobody: a list of one */
        api_servers_order(&l);
        while (at < l.n && (l.v[at].addr != now.addr || strcmp(l.v[at].tag, now.tag) != 0))
                at++;
        if (at == l.n && api_servers_own_address(now.addr))
                at = l.n < API_SERVERS_MOST ? l.n++ : 0;
        if (at < l.n)
                l.v[at] = now; /* with its port, if one was typed */
        struct api_handle *wide = handle_new(l.v, l.n, false, h);
        wide->current = at < l.n ? at : 0;
        handle_free(h);
        return wide;
}

ni_status open_parent(struct api_handle *h, struct api_handle **ret, struct api_server *ret_tried)
{
        struct api_server parent;
        const enum ni_status s = handle_rparent(h, &parent);
        if (ret_tried)
                *ret_tried = s == NI_OK ? parent : (struct api_server){.addr = 0};
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

static ni_status child_of(struct api_handle *h, const char *name, struct api_handle **ret, bool *ret_absent)
{
        struct api_servers l = {.n = 0};
        const ni_status s = api_servers_named(h, name, &l);
        *ret_absent = s == NI_NODIR || (s == NI_OK && l.n == 0);
        if (s != NI_OK || l.n == 0)
                return s == NI_OK ? NI_FAILED : s;
        api_servers_order(&l);
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
static ni_status direct(const char *text, const struct api_handle *like, struct api_handle **ret)
{
        const char *at = strrchr(text, '@');
        char tag[LIMIT_TAG + 1];
        struct api_server s;
        if (!at || at - text > (ptrdiff_t)LIMIT_TAG || !at[1] || at[1] == '/')
                return NI_INVALIDDOMAIN;
        snprintf(tag, sizeof(tag), "%.*s", (int)(at - text), text);
        const ni_status status = server_typed(at + 1, tag, &s);
        if (status == NI_OK)
                *ret = handle_new(&s, 1, true, like);
        return status;
}

static struct api_handle *local_domain(const struct api_handle *like)
{
        struct api_servers l = {.n = 0};
        api_servers_add(&l, 0, BYTES_LIT("local"));
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

/* "." of a handle: the same domain with its full list of servers. One that does not answer now keeps the list
 * it has, and this host's own local domain is one server. */
static struct api_handle *whole(const struct api_handle *from)
{
        const struct api_server *now = &from->servers[from->current];
        struct api_handle *h = same(from);
        ni_id root;
        if (!from->direct || (now->addr == 0 && !now->host[0]))
                return h;
        const bool abort_on = h->abort_on;
        h->abort_on = true;
        const bool alive = ni_root(h, &root) == NI_OK;
        h->abort_on = abort_on;
        return alive ? widen(h) : h;
}

/* One component, not "/" and without escapes left. */
static ni_status step(struct api_handle *from, const char *component, struct api_handle **ret,
                      struct open_end *end)
{
        struct api_handle *start = from, *found = NULL;
        ni_status s = NI_FAILED;
        if (strchr(component, '@'))
                return direct(component, from, ret);
        if (strcmp(component, ".") == 0) {
                *ret = from ? whole(from) : local_domain(NULL);
                return NI_OK;
        }
        if (!from && strcmp(component, "..") != 0)
                return NI_FAILED; /* a bare word without a handle is refused */
        if (!start)
                start = local_domain(NULL);
        if (strcmp(component, "..") == 0)
                s = open_parent(start, &found, &end->parent);
        else
                s = child_of(start, component, &found, &end->absent);
        if (start != from)
                handle_free(start);
        if (s == NI_OK)
                *ret = found;
        return s;
}

/* Climbs to the top. Historically any failure to go on meant that it is reached; here a parent that is still
 * being searched for (tools.md 1.8) or does not answer is a failure: who asks for the root shall not write to
 * a domain below it. A server seen before, or more than LIMIT_DEPTH levels, ends the climb (4.6 "Loops"). */
static ni_status climb(struct api_handle **h, struct open_end *end)
{
        struct api_servers *seen = api_alloc(1, sizeof(*seen));
        ni_status s = NI_OK;
        api_servers_climbed(seen, *h);
        for (unsigned depth = 0; s == NI_OK && !end->loop; depth++) {
                struct api_handle *up = NULL;
                s = open_parent(*h, &up, &end->parent);
                if (s != NI_OK)
                        break;
                end->loop = api_servers_climbed(seen, up) || depth == LIMIT_DEPTH;
                handle_free(end->loop ? up : *h);
                *h = end->loop ? *h : up;
        }
        free(seen);
        return s == NI_NORESPONSE || s == NI_FAILED ? s : NI_OK;
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

/* The domain where a path begins. */
static struct api_handle *beginning(struct api_handle *relative, const char *path, const char *first)
{
        if (relative && *path != '/')
                return same(relative);
        if (*path == '/' || strcmp(first, ".") == 0 || strcmp(first, "..") == 0)
                return local_domain(NULL); /* "." and ".." start here too, with the timeouts asked for */
        return NULL;
}

/* Goes from *h to what the path leads to. */
static ni_status walk(struct api_handle **h, const char *path, const ni_fancyopenargs *args,
                      struct open_end *end)
{
        char component[1024];
        ni_status s = *path == '/' ? climb(h, end) : NI_OK;
        while (s == NI_OK && next_component(&path, component, sizeof(component))) {
                struct api_handle *next = NULL;
                snprintf(end->component, sizeof(end->component), "%.*s", (int)sizeof(end->component) - 1,
                         component);
                s = step(*h, component, &next, end);
                if (s != NI_OK)
                        break;
                handle_free(*h);
                *h = next;
                settle(*h, args);
        }
        return s;
}

ni_status open_path(struct api_handle *relative, const char *path, const ni_fancyopenargs *args,
                    struct api_handle **ret, struct open_end *end)
{
        char component[1024], first[1024] = "", last[1024] = "";
        struct open_end mine;
        struct api_handle *h = NULL;
        ni_status s = NI_FAILED;
        if (!end)
                end = &mine;
        *end = (struct open_end){.loop = false};
        for (const char *p = path; next_component(&p, component, sizeof(component));) {
                if (!first[0])
                        memcpy(first, component, sizeof(first));
                memcpy(last, component, sizeof(last));
        }
        const bool by_tag = strchr(last, '@') != NULL; /* everything before it is ignored */
        if (by_tag)
                s = direct(last, relative, &h);
        else if (*path)
                h = beginning(relative, path, first);
        if (!h)
                return s;
        settle(h, args);
        s = by_tag ? NI_OK : walk(&h, path, args, end);
        if (s != NI_OK) {
                handle_free(h);
                return s;
        }
        h->need_write = args && args->needwrite;
        *ret = h;
        return NI_OK;
}

ni_status open_above(struct api_handle *start, const char *path, const ni_fancyopenargs *args,
                     struct api_handle **ret, struct open_end *end)
{
        struct api_handle *top = same(start);
        struct open_end mine, above = {.loop = false};
        if (!end)
                end = &mine;
        ni_status s = climb(&top, &above);
        *end = above;
        while (*path == '/')
                path++;
        if (s == NI_OK) {
                s = open_path(top, *path ? path : ".", args, ret, end);
                end->loop = above.loop;
        }
        handle_free(top);
        return s;
}

NI_API void *ni_connect(struct sockaddr_in *address, const char *tag)
{
        struct api_servers l = {.n = 0};
        api_servers_add(&l, ntohl(address->sin_addr.s_addr), bytes_str(tag));
        return l.n ? handle_new(l.v, 1, true, NULL) : NULL;
}

NI_API void *ni_new(void *relative, const char *domain)
{
        struct api_handle *h = NULL;
        struct open_end end;
        if (strcmp(domain, "/") == 0)
                return open_path(relative, domain, NULL, &h, NULL) == NI_OK ? h : NULL;
        return step(relative, domain, &h, &end) == NI_OK ? h : NULL;
}

NI_API ni_status ni_open(void *relative, const char *path, void **handle)
{
        return ni_fancyopen(relative, path, handle, NULL);
}

NI_API ni_status ni_fancyopen(void *relative, const char *path, void **handle, ni_fancyopenargs *args)
{
        struct api_handle *h;
        if (open_path(relative, path, args, &h, NULL) != NI_OK)
                return NI_FAILED; /* any failure is NI_FAILED (8.2) */
        *handle = h;
        return NI_OK;
}

/* "host/tag", "host:port/tag", "[v6]:port/tag" (doc/decisions.md 3): a path without a handle never begins
 * with a bare word, so there is no doubt. */
static ni_status open_address(const char *path, const ni_fancyopenargs *args, struct api_handle **ret)
{
        const char *slash = strchr(path, '/');
        if (!slash || slash == path || path[0] == '.' || strchr(path, '@'))
                return NI_FAILED;
        char *host = api_alloc((size_t)(slash - path) + 1, 1);
        memcpy(host, path, (size_t)(slash - path));
        const ni_status s = open_typed(host, slash + 1, ret);
        free(host);
        if (s == NI_OK) {
                settle(*ret, args);
                (*ret)->need_write = args && args->needwrite;
        }
        return s;
}

ni_status open_any(struct api_handle *relative, const char *path, const ni_fancyopenargs *args,
                   struct api_handle **ret, struct open_end *end)
{
        if (!relative && path[0] != '/' && path[0] != '.' && !strchr(path, '@')) {
                *end = (struct open_end){.loop = false};
                return open_address(path, args, ret);
        }
        return open_path(relative, path, args, ret, end);
}

NI_API ni_status netinfo_open(void *relative, const char *path, void **handle, ni_fancyopenargs *args)
{
        struct api_handle *h;
        struct open_end end;
        const ni_status s = open_any(relative, path, args, &h, &end);
        if (s == NI_OK)
                *handle = h;
        return s;
}

ni_status open_typed(const char *server, const char *tag, struct api_handle **ret)
{
        struct api_server s;
        const ni_status status = server_typed(server, tag, &s);
        if (status == NI_OK)
                *ret = handle_new(&s, 1, true, NULL);
        return status;
}

NI_API ni_status netinfo_connect(const char *server, const char *tag, void **handle)
{
        struct api_handle *h;
        const ni_status status = open_typed(server, tag, &h);
        if (status == NI_OK)
                *handle = h;
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
