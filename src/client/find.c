#include "client/find.h"

#include "model/network.h"
#include "model/path.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/un.h>

#define PORT_MAPPER 111u

static enum ni_status refuse(struct client_why *why, enum ni_status status, const char *thing,
                             const char *reason, const char *way_out)
{
        snprintf(why->text, sizeof(why->text), "%.200s: %s; %s", thing, reason, way_out);
        return status;
}

static void set_label(struct place *p)
{
        char host[INET6_ADDRSTRLEN] = "?";
        if (p->to.ss_family == AF_INET6) {
                const struct sockaddr_in6 *a = (const struct sockaddr_in6 *)&p->to;
                inet_ntop(AF_INET6, &a->sin6_addr, host, sizeof(host));
                snprintf(p->label, sizeof(p->label), "[%s]:%u", host, ntohs(a->sin6_port));
        } else {
                const struct sockaddr_in *a = (const struct sockaddr_in *)&p->to;
                inet_ntop(AF_INET, &a->sin_addr, host, sizeof(host));
                snprintf(p->label, sizeof(p->label), "%s:%u", host, ntohs(a->sin_port));
        }
}

void find_set_port(struct place *p, uint16_t port)
{
        if (p->to.ss_family == AF_INET6)
                ((struct sockaddr_in6 *)&p->to)->sin6_port = htons(port);
        else
                ((struct sockaddr_in *)&p->to)->sin_port = htons(port);
        set_label(p);
}

static struct place *add(struct places *l, enum place_kind kind, const char *tag)
{
        if (l->n == PLACES_MOST)
                return NULL;
        struct place *p = &l->v[l->n++];
        *p = (struct place){.kind = kind};
        snprintf(p->tag, sizeof(p->tag), "%s", tag);
        return p;
}

static void add_address(struct places *l, enum place_kind kind, const struct sockaddr *sa, socklen_t len,
                        uint16_t port, const char *tag)
{
        struct place *p = add(l, kind, tag);
        if (!p)
                return;
        memcpy(&p->to, sa, len);
        p->len = len;
        find_set_port(p, port);
}

static enum ni_status add_socket(struct places *l, const char *path, const char *tag, struct client_why *why)
{
        struct sockaddr_un sun = {.sun_family = AF_UNIX};
        if (strlen(path) >= sizeof(sun.sun_path))
                return refuse(why, NI_FAILED, path, "longer than the 107 bytes a socket's path may have",
                              "use a shorter path");
        struct place *p = add(l, PLACE_SERVER, tag);
        if (!p)
                return NI_OK;
        memcpy(sun.sun_path, path, strlen(path) + 1);
        memcpy(&p->to, &sun, sizeof(sun));
        p->len = sizeof(sun);
        snprintf(p->label, sizeof(p->label), "unix:%s", path);
        return NI_OK;
}

static bool is_loopback(const struct sockaddr *sa)
{
        if (sa->sa_family == AF_INET)
                return ntohl(((const struct sockaddr_in *)sa)->sin_addr.s_addr) >> 24 == 127;
        return IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)sa)->sin6_addr);
}

static bool same_host(const struct sockaddr *a, const struct sockaddr *b)
{
        if (a->sa_family != b->sa_family)
                return false;
        if (a->sa_family == AF_INET)
                return ((const struct sockaddr_in *)a)->sin_addr.s_addr ==
                       ((const struct sockaddr_in *)b)->sin_addr.s_addr;
        return a->sa_family == AF_INET6 && IN6_ARE_ADDR_EQUAL(&((const struct sockaddr_in6 *)a)->sin6_addr,
                                                              &((const struct sockaddr_in6 *)b)->sin6_addr);
}

/* Is one of these addresses this machine's? */
static bool is_own(const struct addrinfo *list)
{
        struct ifaddrs *interfaces = NULL;
        bool own = false;
        for (const struct addrinfo *a = list; a; a = a->ai_next)
                own |= is_loopback(a->ai_addr);
        if (own || getifaddrs(&interfaces) < 0)
                return own;
        for (const struct addrinfo *a = list; a; a = a->ai_next)
                for (const struct ifaddrs *i = interfaces; i; i = i->ifa_next)
                        own |= i->ifa_addr && same_host(i->ifa_addr, a->ai_addr);
        freeifaddrs(interfaces);
        return own;
}

bool find_is_own(const struct sockaddr *sa)
{
        union {
                const struct sockaddr *in;
                struct sockaddr *out; /* as addrinfo has it; nobody writes there */
        } at = {sa};
        const struct addrinfo one = {.ai_addr = at.out};
        return is_own(&one);
}

/* The addresses of a host; free with freeaddrinfo. */
static enum ni_status resolve(struct bytes host, struct addrinfo **ret, struct client_why *why)
{
        const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
        char name[NI_MAXHOST];
        snprintf(name, sizeof(name), "%.*s", BYTES_FMT(host));
        const int error = getaddrinfo(name, NULL, &hints, ret);
        if (error)
                return refuse(why, NI_CANTFINDADDRESS, name,
                              error == EAI_SYSTEM ? strerror(errno) : gai_strerror(error),
                              "check the name, or give an address");
        return NI_OK;
}

/* These places, from the one at `from` on, are the host's that was asked for so: a server there must have
 * that name (doc/tls.md 2.3). An address is no name. */
static void name_places(struct places *l, unsigned from, struct bytes host)
{
        struct network n;
        if (network_parse(host, &n) || bytes_find(host, ':') < host.len || host.len >= sizeof(l->v[0].name))
                return;
        for (unsigned i = from; i < l->n; i++)
                snprintf(l->v[i].name, sizeof(l->v[i].name), "%.*s", BYTES_FMT(host));
}

static bool share_address(const struct addrinfo *a, const struct addrinfo *b)
{
        for (; a; a = a->ai_next)
                for (const struct addrinfo *i = b; i; i = i->ai_next)
                        if (same_host(a->ai_addr, i->ai_addr))
                                return true;
        return false;
}

static void add_all(struct places *l, enum place_kind kind, const struct addrinfo *list, uint16_t port,
                    const char *tag)
{
        for (; list; list = list->ai_next)
                if (list->ai_family == AF_INET || list->ai_family == AF_INET6)
                        add_address(l, kind, list->ai_addr, list->ai_addrlen, port, tag);
}

/* One element of NETINFO_SERVER; `only` (may be NULL): take it only if it is one of these addresses. */
static enum ni_status add_element(struct places *l, struct bytes element, const struct addrinfo *only,
                                  const char *tag, struct client_why *why)
{
        struct server_address a;
        const char *reason;
        struct addrinfo *list;
        char text[128], its_tag[LIMIT_TAG + 1];
        snprintf(text, sizeof(text), "NETINFO_SERVER: %.*s", BYTES_FMT(bytes_sub(element, 0, 90)));
        if (!address_parse(element, false, &a, &reason))
                return refuse(why, NI_FAILED, text, reason, "give host:port[,host:port...]");
        if (a.tag.len && !tag_is_valid(a.tag))
                return refuse(why, NI_FAILED, text, "this tag cannot exist", "give host:port[/tag]");
        const unsigned first = l->n;
        const enum ni_status status = resolve(a.host, &list, why);
        if (status != NI_OK)
                return only ? NI_OK : status; /* asked for a host: another element's trouble is not ours */
        snprintf(its_tag, sizeof(its_tag), "%.*s", BYTES_FMT(a.tag));
        if (!only || share_address(list, only))
                add_all(l, PLACE_SERVER, list, a.port ? a.port : NI_DEFAULT_PORT,
                        tag ? tag : (a.tag.len ? its_tag : "local"));
        name_places(l, first, a.host);
        freeaddrinfo(list);
        return NI_OK;
}

static enum ni_status add_variable(struct places *l, const char *value, const struct addrinfo *only,
                                   const char *tag, struct client_why *why)
{
        struct bytes rest = bytes_str(value);
        while (rest.len) {
                const size_t comma = bytes_find(rest, ',');
                const struct bytes element = bytes_sub(rest, 0, comma);
                rest = bytes_sub(rest, comma + 1, rest.len);
                if (element.len == 0)
                        continue;
                const enum ni_status status = add_element(l, element, only, tag, why);
                if (status != NI_OK)
                        return status;
        }
        return NI_OK;
}

/* Decision 3 for one host. `list`: its addresses; `asked`: somebody typed them (else this host is meant). A
 * variable that names a place replaces the standard places: when the service it names is gone, a write must
 * not go to another one. */
static enum ni_status add_host(struct places *l, const struct addrinfo *list, bool asked, const char *tag,
                               struct client_why *why)
{
        const char *env_socket = secure_getenv("NETINFO_SOCKET");
        const char *env_server = secure_getenv("NETINFO_SERVER");
        const char *wanted = tag ? tag : "local";
        const bool own = !asked || is_own(list);
        enum ni_status status = NI_OK;
        if (own && env_socket && *env_socket)
                status = add_socket(l, env_socket, wanted, why);
        if (status == NI_OK && env_server && *env_server)
                status = add_variable(l, env_server, asked ? list : NULL, tag, why);
        l->named = l->n > 0;
        if (status != NI_OK || l->named)
                return status;
        if (own)
                add_socket(l, FIND_SOCKET, wanted, why);
        add_all(l, PLACE_SERVER, list, NI_DEFAULT_PORT, wanted);
        add_all(l, PLACE_PORT_MAPPER, list, PORT_MAPPER, wanted);
        if (own && strcmp(wanted, "local") == 0)
                add_all(l, PLACE_DATABASE, list, NI_LOCAL_PORT, wanted);
        return NI_OK;
}

static enum ni_status add_this_host(struct places *l, const char *tag, struct client_why *why)
{
        struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
        struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
        struct addrinfo six = {
                .ai_family = AF_INET6, .ai_addr = (struct sockaddr *)&v6, .ai_addrlen = sizeof(v6)};
        struct addrinfo four = {.ai_family = AF_INET,
                                .ai_addr = (struct sockaddr *)&v4,
                                .ai_addrlen = sizeof(v4),
                                .ai_next = &six};
        return add_host(l, &four, false, tag, why);
}

static enum ni_status add_typed(struct places *l, const char *server, const char *tag, struct client_why *why)
{
        struct server_address a;
        const char *reason;
        char its_tag[LIMIT_TAG + 1];
        struct addrinfo *list;
        if (!address_parse(bytes_str(server), false, &a, &reason))
                return refuse(why, NI_FAILED, server, reason,
                              "give host[:port][/tag] or the path of a socket");
        if (!tag && a.tag.len) {
                if (!tag_is_valid(a.tag))
                        return refuse(why, NI_FAILED, server, "this tag cannot exist",
                                      "a tag has 1 to 64 bytes, no '/', no leading '.' or '-'");
                snprintf(its_tag, sizeof(its_tag), "%.*s", BYTES_FMT(a.tag));
                tag = its_tag;
        }
        enum ni_status status = resolve(a.host, &list, why);
        if (status != NI_OK)
                return status;
        if (a.port) {
                add_all(l, PLACE_SERVER, list, a.port, tag ? tag : "local");
                l->named = true;
        } else {
                status = add_host(l, list, true, tag, why);
        }
        name_places(l, 0, a.host);
        freeaddrinfo(list);
        return status;
}

enum ni_status find_places(const struct client_options *o, struct places *ret, struct client_why *why)
{
        enum ni_status status;
        *ret = (struct places){0};
        if (o->tag && !tag_is_valid(bytes_str(o->tag)))
                return refuse(why, NI_NOTAG, o->tag, "this tag cannot exist",
                              "a tag has 1 to 64 bytes, no '/', no leading '.' or '-'");
        if (o->server && o->server[0] == '/') {
                ret->named = true;
                return add_socket(ret, o->server, o->tag ? o->tag : "local", why);
        }
        status = o->server ? add_typed(ret, o->server, o->tag, why) : add_this_host(ret, o->tag, why);
        if (status == NI_OK && ret->n == 0)
                return refuse(why, NI_FAILED, o->server ? o->server : "NETINFO_SERVER", "names no address",
                              "give host:port");
        return status;
}
