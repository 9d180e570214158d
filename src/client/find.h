/* Where a server may be: decision 3 as a list of places to try, in order. Private to this room. */
#ifndef NETINFO_CLIENT_FIND_H
#define NETINFO_CLIENT_FIND_H

#include "base/limits.h"
#include "client/client.h"

#include <sys/socket.h>

enum place_kind {
        PLACE_SERVER,      /* a main port or socket: binder, extension program, default domain */
        PLACE_PORT_MAPPER, /* knows the binder's port */
        PLACE_DATABASE,    /* version 2 of one tag only: port 1033 */
};

struct place {
        enum place_kind kind;
        struct sockaddr_storage to;
        socklen_t len;
        char label[144];         /* "unix:/run/netinfo/netinfod.sock", "127.0.0.1:987" */
        char name[256];          /* of the host, as it was asked for; "": an address was */
        char tag[LIMIT_TAG + 1]; /* the domain wanted there */
};

#define PLACES_MOST 32u /* a host with more addresses, or a longer NETINFO_SERVER, is cut off here */
struct places {
        struct place v[PLACES_MOST];
        unsigned n;
        bool named; /* somebody named them (option or environment): the standard places were left out */
};

#define FIND_SOCKET "/run/netinfo/netinfod.sock" /* decision 17 */

/* NI_CANTFINDADDRESS: the name does not resolve; NI_FAILED: an address or variable is malformed. Resolving a
 * name may ask DNS and then takes as long as the C library does. */
enum ni_status find_places(const struct client_options *o, struct places *ret, struct client_why *why);
/* Is it one of this machine's own addresses? */
bool find_is_own(const struct sockaddr *sa);
/* The same address with another port; the label follows. */
void find_set_port(struct place *p, uint16_t port);

#endif
