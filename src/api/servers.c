/* Who serves a domain (doc/protocol.md 4.6, 4.9): lists of servers from STATISTICS and /machines, near ones
 * first. */
#include "api/api-internal.h"

#include "sys/random.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <stdio.h>

void api_servers_add(struct api_servers *l, uint32_t addr, struct bytes tag)
{
        if (l->n == API_SERVERS_MOST || tag.len == 0 || tag.len > LIMIT_TAG)
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

void api_server_text(const struct api_server *s, uint16_t port, char *ret, size_t size)
{
        const struct in_addr in = {htonl(s->addr)};
        char address[INET_ADDRSTRLEN];
        inet_ntop(AF_INET, &in, address, sizeof(address));
        if (port)
                snprintf(ret, size, "%s:%u", address, port);
        else
                snprintf(ret, size, "%s", address);
}

bool api_servers_own_address(uint32_t addr)
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

static void add_machine(const ni_proplist *machine, const char *prefix, struct api_servers *ret)
{
        const size_t n = strlen(prefix);
        const ni_index serves = ni_proplist_match(*machine, "serves", NULL),
                       ip = ni_proplist_match(*machine, "ip_address", NULL);
        if (serves == NI_INDEX_NULL || ip == NI_INDEX_NULL)
                return;
        const ni_namelist *values = &machine->nipl_val[serves].nip_val, *ips = &machine->nipl_val[ip].nip_val;
        for (unsigned k = 0; k < values->ninl_len; k++) {
                const char *v = values->ninl_val[k], *slash = strchr(v, '/');
                if (!slash || (size_t)(slash - v) != n || memcmp(v, prefix, n) != 0)
                        continue;
                for (unsigned a = 0; a < ips->ninl_len; a++) {
                        uint32_t addr;
                        if (address_of(bytes_str(ips->ninl_val[a]), &addr))
                                api_servers_add(ret, addr, bytes_str(slash + 1));
                }
        }
}

enum ni_status api_servers_named(struct api_handle *h, const char *prefix, struct api_servers *ret)
{
        ni_id machines;
        ni_proplist_list all;
        NI_INIT(&all);
        ni_status s = ni_root(h, &machines);
        if (s == NI_OK)
                s = ni_pathsearch(h, &machines, "/machines");
        if (s == NI_OK)
                s = ni_listall(h, &machines, &all);
        for (unsigned i = 0; s == NI_OK && i < all.nipll_len; i++)
                add_machine(&all.nipll_val[i], prefix, ret);
        ni_proplist_list_free(&all);
        return s;
}

void api_servers_of(struct api_handle *h, struct api_servers *ret)
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
                                api_servers_add(ret, addr, bytes_sub(v, slash + 1, v.len));
                }
        }
        ni_proplist_free(&p);
        if (ret->n == 0)
                api_servers_named(h, ".", ret);
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

void api_servers_order(struct api_servers *l)
{
        struct ifaddrs *all = NULL;
        unsigned far[API_SERVERS_MOST];
        uint32_t chance[API_SERVERS_MOST];
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

/* This host's own server may be known by any of our addresses, or by none. */
static uint32_t plain(const struct api_server *s)
{
        return api_servers_own_address(s->addr) && !s->host[0] ? 0 : s->addr;
}

bool api_servers_climbed(struct api_servers *seen, const struct api_handle *h)
{
        const unsigned before = seen->n;
        bool known = false;
        for (unsigned i = 0; i < h->count; i++) {
                const struct api_server *s = &h->servers[i];
                const uint32_t addr = plain(s);
                for (unsigned k = 0; k < before; k++)
                        known |= seen->v[k].addr == addr && strcmp(seen->v[k].tag, s->tag) == 0;
                api_servers_add(seen, addr, bytes_str(s->tag));
        }
        return known;
}
