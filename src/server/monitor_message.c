#include "server/monitor_message.h"

#include "server/endpoint.h"

struct monitor_request monitor_request_of(enum monitor_kind kind, uint32_t number, const struct endpoint *e,
                                          bool udp)
{
        struct monitor_request r = {.kind = kind, .number = number, .udp = udp};
        if (!e)
                return r;
        const struct address a = address_of(&e->at.sa, &r.port);
        r.family = e->at.sa.sa_family;
        memcpy(r.address, a.b, sizeof(r.address));
        return r;
}

static bool has_address(const struct monitor_request *r)
{
        const struct address a = {.b = {0}};
        struct address given;
        uint32_t v4;
        memcpy(given.b, r->address, sizeof(given.b));
        if (r->kind != MONITOR_MAIN && r->kind != MONITOR_TAG)
                return r->family == 0 && r->port == 0 && r->udp == 0 && address_equal(&given, &a);
        return r->family == AF_INET6 || (r->family == AF_INET && address_ipv4(&given, &v4));
}

bool monitor_request_decode(const void *message, size_t size, struct monitor_request *ret)
{
        struct monitor_request r;
        if (size != sizeof(r))
                return false;
        memcpy(&r, message, sizeof(r));
        const bool numbered =
                r.kind == MONITOR_INHERITED || r.kind == MONITOR_CALLER || r.kind == MONITOR_STATE;
        if (r.kind < MONITOR_MAIN || r.kind > MONITOR_STATE || r.udp > 1 || !has_address(&r) ||
            (!numbered && r.number > (r.kind == MONITOR_MAIN)) ||
            (r.kind == MONITOR_CALLER && r.number != 4 && r.number != 6) ||
            (r.kind == MONITOR_STATE && r.number >= MONITOR_STATES))
                return false;
        *ret = r;
        return true;
}

struct endpoint monitor_request_endpoint(const struct monitor_request *r)
{
        struct endpoint e = {0};
        struct address a;
        uint32_t v4 = 0;
        memcpy(a.b, r->address, sizeof(a.b));
        if (r->family == AF_INET) {
                address_ipv4(&a, &v4);
                e.at.in = (struct sockaddr_in){
                        .sin_family = AF_INET, .sin_addr.s_addr = htonl(v4), .sin_port = htons(r->port)};
        } else {
                e.at.in6.sin6_family = AF_INET6;
                e.at.in6.sin6_port = htons(r->port);
                memcpy(&e.at.in6.sin6_addr, a.b, sizeof(a.b));
        }
        return e;
}

static const struct endpoint *find(const struct endpoints *l, const struct endpoint *e)
{
        for (unsigned i = 0; i < l->n; i++)
                if (endpoint_same(&l->v[i], e))
                        return &l->v[i];
        return NULL;
}

static bool is_tag_port(const struct config *c, uint16_t port)
{
        for (unsigned i = 0; i < c->tag_ports.n; i++)
                if (c->tag_ports.v[i] == port)
                        return true;
        return false;
}

bool monitor_allows(const struct config *c, const struct monitor_request *r, struct endpoint *ret_endpoint)
{
        struct endpoint e = monitor_request_endpoint(r);
        const struct endpoint anywhere = endpoint_with_port(e, 0);
        const struct endpoint *named;
        switch ((enum monitor_kind)r->kind) {
        case MONITOR_MAIN:
                named = find(&c->listen, &e);
                if (!named || (r->udp && !config_udp(c)))
                        return false;
                *ret_endpoint = *named;
                return true;
        case MONITOR_TAG:
                if (!find(&c->tag_listen, &anywhere) || !is_tag_port(c, r->port) ||
                    (r->udp && !config_udp(c)))
                        return false;
                *ret_endpoint = e;
                return true;
        case MONITOR_MAPPER:
                return c->historical && c->answer_portmapper != CONFIG_NO;
        case MONITOR_RESERVED:
                return c->historical;
        case MONITOR_CALLER:
                return c->low_ports;
        case MONITOR_LOCAL:
                return c->socket[0] != '\0';
        case MONITOR_INHERITED:
        case MONITOR_CONFIG:
        case MONITOR_STATE:
                return true;
        }
        return false;
}
