/* A socket beside what is known of its port: is it what one would expect there (doc/ports.md 5.4)? */
#ifndef NETINFO_PORTDB_VERDICT_H
#define NETINFO_PORTDB_VERDICT_H

#include "portdb/live.h"
#include "portdb/resolve.h"
#include "portdb/system.h"

enum port_verdict {
        PORT_V_AS_REGISTERED,         /* assigned to X, and the holder is what somebody named for X */
        PORT_V_OTHER_THAN_REGISTERED, /* assigned to X, and the holder is not what somebody named for X */
        PORT_V_REGISTERED, /* assigned to X; nobody named the programs of X, so the name is all there is to
                              compare */
        PORT_V_UNREGISTERED_USE,
        PORT_V_GHOST_IN_USE,
        PORT_V_RESERVED_IN_USE,
        PORT_V_EPHEMERAL, /* handed out by the system, or the near end of a connection */
        PORT_V_SITE_EXPECTED,
        PORT_V_SITE_EXPECTED_MISSING,
        PORT_V_BOUND_SILENT,
        PORT_V_KERNEL,
        PORT_V_HIDDEN,
        PORT_V_FREE,
        PORT_V_COUNT,
};

struct port_judged {
        uint8_t verdict;
        const char *expected; /* whom one would expect: a program, a unit, a service; "" when nobody says */
        const char *by;       /* who says so: "site", the socket unit; "" */
};

const char *port_verdict_word(uint8_t verdict);

/* Pure. `units` are socket units of this port (may be NULL). The holder itself is judged first: bound silent
 * sockets, the kernel's and hidden holders keep those words only where nothing better is known. */
struct port_judged port_judge(const struct port_socket *s, const struct port_answer *a,
                              const struct port_site *site, const struct port_socket_unit *units,
                              size_t units_n);

#endif
