/* The join string (doc/tls.md 4): what one line tells a machine that is to enrol. Needs no implementation of
 * TLS. */
#ifndef NETINFO_TLS_JOIN_STRING_H
#define NETINFO_TLS_JOIN_STRING_H

#include "base/limits.h"
#include "tls/certificate.h"

#define JOIN_STRING_MAX  1024u /* bytes of the line */
#define JOIN_SERVERS_MAX 8u
#define JOIN_HOST_MAX    255u
#define JOIN_TOKEN_SIZE  8u

struct join_server {
        char host[JOIN_HOST_MAX + 1]; /* a name or an address, IPv6 without brackets */
        uint16_t port;                /* 0: none is given */
};

struct join_string {
        struct join_server servers[JOIN_SERVERS_MAX];
        unsigned n; /* 1 at least */
        char tag[LIMIT_TAG + 1];
        uint8_t token[JOIN_TOKEN_SIZE];
        uint8_t secret[TLS_SECRET_SIZE]; /* wipe it: explicit_bzero(j, sizeof(*j)) */
        uint8_t pin[TLS_PIN_SIZE];
};

/* The text without its newline; blanks around it do not count. False: why names the part that is wrong, never
 * showing the secret. */
bool join_string_parse(struct bytes text, struct join_string *ret, struct tls_why *why);
/* One line without newline, NUL behind it. False: a part is not as above, or the line would be too long. */
bool join_string_format(const struct join_string *j, char ret[JOIN_STRING_MAX + 1]);

#endif
