#include "agent/servers.h"

#include "model/path.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

bool servers_have(const struct servers *l, const struct server *s)
{
        for (unsigned i = 0; i < l->n; i++)
                if (strcmp(l->v[i].address, s->address) == 0 && strcmp(l->v[i].tag, s->tag) == 0)
                        return true;
        return false;
}

void servers_add(struct servers *l, const struct server *s)
{
        if (l->n < SERVERS_MOST && !servers_have(l, s))
                l->v[l->n++] = *s;
}

bool server_at(uint32_t address, uint16_t port, struct bytes tag, struct server *ret)
{
        const struct in_addr in = {htonl(address)};
        char text[INET_ADDRSTRLEN];
        struct server s;
        if (!tag_is_valid(tag) || !inet_ntop(AF_INET, &in, text, sizeof(text)))
                return false;
        if (port)
                snprintf(s.address, sizeof(s.address), "%s:%u", text, port);
        else
                snprintf(s.address, sizeof(s.address), "%s", text);
        snprintf(s.tag, sizeof(s.tag), "%.*s", BYTES_FMT(tag));
        *ret = s;
        return true;
}

static bool read_address(struct bytes text, uint32_t *ret)
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

static void add_addresses(struct bytes machine, struct bytes tag, uint16_t port, struct servers *l)
{
        struct prop_walk w;
        if (!prop_find(machine, BYTES_LIT("ip_address"), &w))
                return;
        struct xdr_in in = xdr_in(w.values);
        for (uint32_t n = xdr_u32(&in); n && !in.bad; n--) {
                uint32_t address;
                struct server s;
                if (read_address(xdr_opaque(&in, NI_NAME_MAX), &address) && server_at(address, port, tag, &s))
                        servers_add(l, &s);
        }
}

static void add_machine(struct bytes machine, uint16_t port, struct servers *l)
{
        struct prop_walk w;
        if (!prop_find(machine, BYTES_LIT("serves"), &w))
                return;
        struct xdr_in in = xdr_in(w.values);
        for (uint32_t n = xdr_u32(&in); n && !in.bad; n--) {
                const struct bytes value = xdr_opaque(&in, NI_NAME_MAX);
                if (bytes_starts(value, "./"))
                        add_addresses(machine, bytes_sub(value, 2, value.len), port, l);
        }
}

bool servers_of_table(const struct table *t, uint16_t port, struct servers *l)
{
        struct bytes *machines;
        size_t n;
        if (!table_children(t, TOP_MACHINES, &machines, &n))
                return false;
        for (size_t i = 0; i < n && l->n < SERVERS_MOST; i++)
                add_machine(machines[i], port, l);
        free(machines);
        return true;
}
