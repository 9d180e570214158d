/* Addresses and networks: who a peer is by its address, and which networks an administrator named. IPv4 is
 * kept in its IPv6 form (::ffff:a.b.c.d), so that one comparison serves both. Pure. */
#ifndef NETINFO_MODEL_NETWORK_H
#define NETINFO_MODEL_NETWORK_H

#include "base/bytes.h"

#include <sys/socket.h>

struct address {
        uint8_t b[16];
};

struct network {
        struct address base;
        unsigned bits; /* of the 128 that must agree */
};

struct networks {
        struct network *v; /* owned by whoever made the list */
        unsigned n;
};

/* AF_INET or AF_INET6; *ret_port may be NULL. Anything else gives :: and port 0. */
struct address address_of(const struct sockaddr *sa, uint16_t *ret_port);
struct address address_from_ipv4(uint32_t ipv4);
/* The number of protocol.md 0.1, when it is an IPv4 address. */
bool address_ipv4(const struct address *a, uint32_t *ret);
bool address_is_loopback(const struct address *a);
bool address_equal(const struct address *a, const struct address *b);
/* A uid of this machine as a source of calls: an address of 100::/64, where nobody calls from (RFC 6666). */
struct address address_of_uid(uint32_t uid);
bool address_is_uid(const struct address *a);
/* "127.0.0.1", "::1"; cap >= 46 is always enough. */
void address_text(const struct address *a, char *to, size_t cap);

/* a.b.c.d, a.b.c.d/n, v6, v6/n; bits of the host must be zero ("10.0.0.1/8" is a mistake). */
bool network_parse(struct bytes text, struct network *ret);
bool network_has(const struct network *n, const struct address *a);
bool networks_have(const struct networks *l, const struct address *a);

/* One value of `trusted_networks` that is a number (protocol.md 3.9): "192.168.5" or "a.b.c.d/n". */
bool trusted_value_matches(struct bytes value, uint32_t ipv4);

/* Dotted decimal, all four parts, each of one to three digits. */
bool ipv4_parse(struct bytes text, uint32_t *ret);

#endif
