/* An IP address with a port, as doors have them (struct endpoint of server/config.h). Pure, but for the last
 * two. */
#ifndef NETINFO_SERVER_ENDPOINT_H
#define NETINFO_SERVER_ENDPOINT_H

#include "server/config.h"

#define ENDPOINT_TEXT 64u /* bytes that always take the text of one */

socklen_t endpoint_length(const struct endpoint *e); /* of its socket address */
uint16_t endpoint_port(const struct endpoint *e);
struct endpoint endpoint_with_port(struct endpoint e, uint16_t port);
/* The same family, address and port. */
bool endpoint_same(const struct endpoint *a, const struct endpoint *b);
/* "127.0.0.1:987", "[::1]:987". */
void endpoint_text(const struct endpoint *e, char *to, size_t cap);
/* Where a socket is bound to; false for one that is not of the Internet. */
bool endpoint_of_socket(int fd, struct endpoint *ret);

/* A datagram socket is to say of each datagram which of our addresses it was sent to, so that the answer
 * leaves from there. False: it cannot. */
bool endpoint_want_target(int fd, int family);

#endif
