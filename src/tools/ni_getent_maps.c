/* `ni getent` of the small maps, printed as getent(1) does. */
#include "tools/ni_getent.h"

#include "base/text.h"

#include <aliases.h>
#include <arpa/inet.h>
#include <errno.h>
#include <gshadow.h>
#include <netdb.h>
#include <netinet/ether.h>
#include <rpc/netdb.h>
#include <stdio.h>
#include <string.h>

#define BUFFER (1u << 20) /* for the answers of *_r functions; no record is longer (doc/sizes.md) */

/* The rest of a line: names behind blanks. */
static void put_names(char *const *names)
{
        for (; *names; names++)
                printf(" %s", *names);
        putchar('\n');
}

/* -- hosts */
static bool host_fails(void)
{
        if (h_errno == HOST_NOT_FOUND || h_errno == NO_DATA)
                errno = 0;
        else if (errno == 0)
                errno = ENOENT;
        return false;
}

static void put_host(const struct hostent *h, json_t *all)
{
        json_t *addresses = all ? json_array() : NULL;
        char text[INET6_ADDRSTRLEN];
        for (char **p = h->h_addr_list; *p; p++) {
                inet_ntop(h->h_addrtype, *p, text, sizeof(text));
                if (addresses) {
                        json_array_append_new(addresses, json_string(text));
                        continue;
                }
                printf("%-15s %s", text, h->h_name);
                put_names(h->h_aliases);
        }
        if (all)
                json_array_append_new(all,
                                      json_pack("{s:o,s:o,s:o}", "name", getent_text(h->h_name), "aliases",
                                                getent_texts(h->h_aliases), "addresses", addresses));
}

bool getent_hosts(const char *key, json_t *all)
{
        uint8_t address[16];
        const struct hostent *h;
        errno = h_errno = 0;
        if (!key)
                h = gethostent();
        else if (inet_pton(AF_INET6, key, address) == 1)
                h = gethostbyaddr(address, 16, AF_INET6);
        else if (inet_pton(AF_INET, key, address) == 1)
                h = gethostbyaddr(address, 4, AF_INET);
        else if (!(h = gethostbyname2(key, AF_INET6)))
                h = gethostbyname2(key, AF_INET);
        if (!h)
                return host_fails();
        put_host(h, all);
        return true;
}

bool getent_ahosts(const char *key, json_t *all)
{
        const struct addrinfo hints = {
                .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_CANONNAME};
        struct addrinfo *list;
        json_t *addresses = all ? json_array() : NULL;
        errno = 0;
        const int error = getaddrinfo(key, NULL, &hints, &list);
        if (error) {
                if (error == EAI_NONAME || error == EAI_NODATA)
                        errno = 0;
                else if (error != EAI_SYSTEM || errno == 0)
                        errno = ENOENT;
                json_decref(addresses);
                return false;
        }
        for (const struct addrinfo *a = list; a; a = a->ai_next) {
                char text[NI_MAXHOST];
                if (getnameinfo(a->ai_addr, a->ai_addrlen, text, sizeof(text), NULL, 0, NI_NUMERICHOST) != 0)
                        continue;
                if (addresses)
                        json_array_append_new(addresses, json_string(text));
                else
                        printf("%-15s STREAM %s\n", text, a->ai_canonname ? a->ai_canonname : "");
        }
        if (all)
                json_array_append_new(all,
                                      json_pack("{s:o,s:o,s:o}", "asked", getent_text(key), "name",
                                                getent_text(list->ai_canonname), "addresses", addresses));
        freeaddrinfo(list);
        return true;
}

/* -- networks, services, protocols, rpc */
bool getent_networks(const char *key, json_t *all)
{
        struct in_addr address;
        const struct netent *n;
        char text[INET_ADDRSTRLEN];
        errno = h_errno = 0;
        if (!key)
                n = getnetent();
        else if (key[0] >= '0' && key[0] <= '9')
                n = getnetbyaddr(inet_network(key), AF_UNSPEC);
        else
                n = getnetbyname(key);
        if (!n)
                return host_fails();
        address.s_addr = htonl(n->n_net);
        inet_ntop(AF_INET, &address, text, sizeof(text));
        if (all) {
                json_array_append_new(all, json_pack("{s:o,s:o,s:s}", "name", getent_text(n->n_name),
                                                     "aliases", getent_texts(n->n_aliases), "net", text));
        } else {
                printf("%-21s %s", n->n_name, text);
                put_names(n->n_aliases);
        }
        return true;
}

/* "443", "https", either with "/tcp" behind it. */
static const struct servent *service_of(const char *key)
{
        char copy[1024];
        uint32_t port;
        if (strlen(key) >= sizeof(copy))
                return NULL;
        strcpy(copy, key);
        char *protocol = strchr(copy, '/');
        if (protocol)
                *protocol++ = '\0';
        if (text_u32(bytes_str(copy), &port))
                return port <= UINT16_MAX ? getservbyport(htons((uint16_t)port), protocol) : NULL;
        return getservbyname(copy, protocol);
}

bool getent_services(const char *key, json_t *all)
{
        errno = 0;
        const struct servent *s = key ? service_of(key) : getservent();
        if (s && all) {
                json_array_append_new(all, json_pack("{s:o,s:o,s:i,s:o}", "name", getent_text(s->s_name),
                                                     "aliases", getent_texts(s->s_aliases), "port",
                                                     (int)ntohs((uint16_t)s->s_port), "protocol",
                                                     getent_text(s->s_proto)));
        } else if (s) {
                printf("%-21s %d/%s", s->s_name, ntohs((uint16_t)s->s_port), s->s_proto);
                put_names(s->s_aliases);
        }
        return s;
}

static json_t *numbered(char *name, char *const *aliases, int number)
{
        return json_pack("{s:o,s:o,s:I}", "name", getent_text(name), "aliases", getent_texts(aliases),
                         "number", (json_int_t)(uint32_t)number);
}

bool getent_protocols(const char *key, json_t *all)
{
        uint32_t number;
        const struct protoent *p;
        errno = 0;
        if (!key)
                p = getprotoent();
        else
                p = text_u32(bytes_str(key), &number) ? getprotobynumber((int)number) : getprotobyname(key);
        if (p && all) {
                json_array_append_new(all, numbered(p->p_name, p->p_aliases, p->p_proto));
        } else if (p) {
                printf("%-21s %d", p->p_name, p->p_proto);
                put_names(p->p_aliases);
        }
        return p;
}

bool getent_rpc(const char *key, json_t *all)
{
        uint32_t number;
        const struct rpcent *r;
        errno = 0;
        if (!key)
                r = getrpcent();
        else
                r = text_u32(bytes_str(key), &number) ? getrpcbynumber((int)number) : getrpcbyname(key);
        if (r && all) {
                json_array_append_new(all, numbered(r->r_name, r->r_aliases, r->r_number));
        } else if (r) {
                printf("%-15s %d%s", r->r_name, r->r_number, r->r_aliases[0] ? " " : "");
                put_names(r->r_aliases);
        }
        return r;
}

/* -- ethers, netgroup, aliases, gshadow */
bool getent_ethers(const char *key, json_t *all)
{
        struct ether_addr address;
        char name[1024], text[18]; /* the C library answers from a buffer of 1,024 bytes */
        errno = 0;
        const bool by_address = ether_aton_r(key, &address) != NULL;
        if (by_address ? ether_ntohost(name, &address) != 0 : ether_hostton(key, &address) != 0) {
                if (errno == ENOENT) /* a miss, too */
                        errno = 0;
                return false;
        }
        const char *shown = by_address ? name : key;
        ether_ntoa_r(&address, text);
        if (all)
                json_array_append_new(all,
                                      json_pack("{s:o,s:s}", "name", getent_text(shown), "address", text));
        else
                printf("%s %s\n", text, shown);
        return true;
}

bool getent_netgroup(const char *key, json_t *all)
{
        static char buffer[BUFFER];
        char *host, *user, *domain;
        json_t *triples = all ? json_array() : NULL;
        errno = 0;
        if (setnetgrent(key) != 1) {
                json_decref(triples);
                endnetgrent();
                return false;
        }
        if (!all)
                printf("%-21s", key);
        while (getnetgrent_r(&host, &user, &domain, buffer, sizeof(buffer)) == 1) {
                if (triples)
                        json_array_append_new(triples,
                                              json_pack("{s:o,s:o,s:o}", "host", getent_text(host), "user",
                                                        getent_text(user), "domain", getent_text(domain)));
                else
                        printf(" (%s,%s,%s)", host ? host : " ", user ? user : "", domain ? domain : "");
        }
        endnetgrent();
        if (all)
                json_array_append_new(all,
                                      json_pack("{s:o,s:o}", "name", getent_text(key), "members", triples));
        else
                putchar('\n');
        return true;
}

bool getent_aliases(const char *key, json_t *all)
{
        errno = 0;
        const struct aliasent *a = key ? getaliasbyname(key) : getaliasent();
        json_t *members = a && all ? json_array() : NULL;
        if (a && !all)
                printf("%s: %*s", a->alias_name,
                       strlen(a->alias_name) < 14 ? 14 - (int)strlen(a->alias_name) : 0, "");
        for (size_t i = 0; a && i < a->alias_members_len; i++) {
                if (members)
                        json_array_append_new(members, getent_text(a->alias_members[i]));
                else
                        printf("%s%s", i ? ", " : "", a->alias_members[i]);
        }
        if (members)
                json_array_append_new(all, json_pack("{s:o,s:o,s:b}", "name", getent_text(a->alias_name),
                                                     "members", members, "local", a->alias_local));
        else if (a)
                putchar('\n');
        return a;
}

bool getent_gshadow(const char *key, json_t *all)
{
        errno = 0;
        const struct sgrp *s = key ? getsgnam(key) : getsgent();
        if (s && all)
                json_array_append_new(all,
                                      json_pack("{s:o,s:o,s:o,s:o}", "name", getent_text(s->sg_namp),
                                                "passwd", getent_text(s->sg_passwd), "admins",
                                                getent_texts(s->sg_adm), "members", getent_texts(s->sg_mem)));
        else if (s)
                putsgent(s, stdout);
        return s;
}
