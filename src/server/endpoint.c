#include "server/endpoint.h"

#include <stdio.h>

socklen_t endpoint_length(const struct endpoint *e)
{
        return e->at.sa.sa_family == AF_INET ? sizeof(e->at.in) : sizeof(e->at.in6);
}

uint16_t endpoint_port(const struct endpoint *e)
{
        return ntohs(e->at.sa.sa_family == AF_INET ? e->at.in.sin_port : e->at.in6.sin6_port);
}

struct endpoint endpoint_with_port(struct endpoint e, uint16_t port)
{
        if (e.at.sa.sa_family == AF_INET)
                e.at.in.sin_port = htons(port);
        else
                e.at.in6.sin6_port = htons(port);
        return e;
}

bool endpoint_same(const struct endpoint *a, const struct endpoint *b)
{
        uint16_t port_a, port_b;
        const struct address x = address_of(&a->at.sa, &port_a), y = address_of(&b->at.sa, &port_b);
        return port_a == port_b && a->at.sa.sa_family == b->at.sa.sa_family && address_equal(&x, &y);
}

void endpoint_text(const struct endpoint *e, char *to, size_t cap)
{
        char text[46];
        const struct address a = address_of(&e->at.sa, NULL);
        const bool v6 = e->at.sa.sa_family == AF_INET6;
        address_text(&a, text, sizeof(text));
        snprintf(to, cap, "%s%s%s:%u", v6 ? "[" : "", text, v6 ? "]" : "", endpoint_port(e));
}

bool endpoint_of_socket(int fd, struct endpoint *ret)
{
        union {
                struct sockaddr sa;
                struct sockaddr_in in;
                struct sockaddr_in6 in6;
                struct sockaddr_storage all;
        } at = {.all = {0}};
        socklen_t n = sizeof(at);
        if (getsockname(fd, &at.sa, &n) < 0 || (at.sa.sa_family != AF_INET && at.sa.sa_family != AF_INET6))
                return false;
        *ret = (struct endpoint){0};
        if (at.sa.sa_family == AF_INET)
                ret->at.in = at.in;
        else
                ret->at.in6 = at.in6;
        return true;
}

bool endpoint_want_target(int fd, int family)
{
        const int on = 1, v6 = family == AF_INET6;
        return setsockopt(fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_RECVPKTINFO : IP_PKTINFO, &on,
                          sizeof(on)) == 0;
}
