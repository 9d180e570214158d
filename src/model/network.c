#include "model/network.h"

#include "base/text.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>

static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

struct address address_of(const struct sockaddr *sa, uint16_t *ret_port)
{
        struct address a = {{0}};
        uint16_t port = 0;
        if (sa->sa_family == AF_INET) {
                struct sockaddr_in in;
                memcpy(&in, sa, sizeof(in));
                a = address_from_ipv4(ntohl(in.sin_addr.s_addr));
                port = ntohs(in.sin_port);
        } else if (sa->sa_family == AF_INET6) {
                struct sockaddr_in6 in6;
                memcpy(&in6, sa, sizeof(in6));
                memcpy(a.b, &in6.sin6_addr, 16);
                port = ntohs(in6.sin6_port);
        }
        if (ret_port)
                *ret_port = port;
        return a;
}

struct address address_from_ipv4(uint32_t ipv4)
{
        struct address a;
        memcpy(a.b, mapped, 12);
        for (unsigned i = 0; i < 4; i++)
                a.b[12 + i] = (uint8_t)(ipv4 >> (24 - 8 * i));
        return a;
}

bool address_ipv4(const struct address *a, uint32_t *ret)
{
        if (memcmp(a->b, mapped, 12) != 0)
                return false;
        *ret = (uint32_t)a->b[12] << 24 | (uint32_t)a->b[13] << 16 | (uint32_t)a->b[14] << 8 | a->b[15];
        return true;
}

struct address address_of_uid(uint32_t uid)
{
        struct address a = {{0x01}};
        for (unsigned i = 0; i < 4; i++)
                a.b[12 + i] = (uint8_t)(uid >> (24 - 8 * i));
        return a;
}

bool address_is_uid(const struct address *a)
{
        static const uint8_t prefix[8] = {0x01};
        return memcmp(a->b, prefix, sizeof(prefix)) == 0;
}

bool address_is_loopback(const struct address *a)
{
        uint32_t v4;
        if (address_ipv4(a, &v4))
                return v4 >> 24 == 127;
        return memcmp(a->b, &in6addr_loopback, 16) == 0;
}

bool address_equal(const struct address *a, const struct address *b)
{
        return memcmp(a->b, b->b, 16) == 0;
}

void address_text(const struct address *a, char *to, size_t cap)
{
        uint32_t v4;
        if (address_ipv4(a, &v4))
                snprintf(to, cap, "%u.%u.%u.%u", v4 >> 24, v4 >> 16 & 255, v4 >> 8 & 255, v4 & 255);
        else if (!inet_ntop(AF_INET6, a->b, to, (socklen_t)cap))
                snprintf(to, cap, "?");
}

/* One part of a dotted address: one to three digits, so that no address is longer than its buffers. */
static bool octet_parse(struct bytes text, uint64_t *ret)
{
        return text.len <= 3 && text_u64(text, 255, ret);
}

bool ipv4_parse(struct bytes text, uint32_t *ret)
{
        uint32_t v = 0;
        for (unsigned i = 0; i < 4; i++) {
                uint64_t part;
                const size_t dot = bytes_find(text, '.');
                if ((i < 3) != (dot < text.len) || !octet_parse(bytes_sub(text, 0, dot), &part))
                        return false;
                v = v << 8 | (uint32_t)part;
                text = bytes_sub(text, dot + 1, text.len);
        }
        *ret = v;
        return true;
}

static bool host_bits_are_zero(const struct network *n)
{
        for (unsigned bit = n->bits; bit < 128; bit++)
                if (n->base.b[bit / 8] >> (7 - bit % 8) & 1)
                        return false;
        return true;
}

bool network_parse(struct bytes text, struct network *ret)
{
        struct network n;
        char host[64];
        uint32_t v4;
        const size_t slash = bytes_find(text, '/');
        const struct bytes left = bytes_sub(text, 0, slash);
        uint64_t bits;
        if (left.len >= sizeof(host) || bytes_find(left, 0) < left.len)
                return false;
        snprintf(host, sizeof(host), "%.*s", BYTES_FMT(left));
        const bool is_v4 = ipv4_parse(left, &v4);
        if (is_v4)
                n.base = address_from_ipv4(v4);
        else if (inet_pton(AF_INET6, host, n.base.b) != 1)
                return false;
        bits = is_v4 ? 32 : 128;
        if (slash < text.len && !text_u64(bytes_sub(text, slash + 1, text.len), bits, &bits))
                return false;
        n.bits = (unsigned)bits + (is_v4 ? 96 : 0);
        if (!host_bits_are_zero(&n))
                return false;
        *ret = n;
        return true;
}

bool network_has(const struct network *n, const struct address *a)
{
        const unsigned whole = n->bits / 8, rest = n->bits % 8;
        if (memcmp(n->base.b, a->b, whole) != 0)
                return false;
        return rest == 0 || (n->base.b[whole] ^ a->b[whole]) >> (8 - rest) == 0;
}

bool networks_have(const struct networks *l, const struct address *a)
{
        for (unsigned i = 0; i < l->n; i++)
                if (network_has(&l->v[i], a))
                        return true;
        return false;
}

bool trusted_value_matches(struct bytes value, uint32_t ipv4)
{
        if (bytes_find(value, '/') < value.len) { /* our extension: compared exactly */
                const struct address a = address_from_ipv4(ipv4);
                struct network n;
                uint32_t base;
                return ipv4_parse(bytes_sub(value, 0, bytes_find(value, '/')), &base) &&
                       network_parse(value, &n) && network_has(&n, &a);
        }
        uint32_t net = 0;
        unsigned parts = 0;
        for (struct bytes left = value; parts < 4; parts++) {
                uint64_t part;
                const size_t dot = bytes_find(left, '.');
                if (!octet_parse(bytes_sub(left, 0, dot), &part))
                        return false;
                net |= (uint32_t)part << (24 - 8 * parts);
                if (dot == left.len)
                        break;
                left = bytes_sub(left, dot + 1, left.len);
        }
        if (parts == 4 || net >> 24 == 0) /* five parts, or network 0, which never matches */
                return false;
        for (unsigned shift = 24; shift > 0; shift -= 8) { /* octets 1 to 3; a zero octet ends it well */
                if ((net >> shift & 255) == 0)
                        return true;
                if ((net >> shift & 255) != (ipv4 >> shift & 255))
                        return false;
        }
        return true;
}
