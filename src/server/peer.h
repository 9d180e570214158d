/* Who is at the other end: what the system says about a connection, and what the rules make of it
 * (doc/server.md "Identity"; decisions 4 and 5). */
#ifndef NETINFO_SERVER_PEER_H
#define NETINFO_SERVER_PEER_H

#include "server/config.h"
#include "tls/session.h"

#include <sys/types.h>

#define PEER_TEXT 144u /* "MACHINE [v6]:port tls" at its longest, with room */

struct peer {
        bool socket; /* over the UNIX socket: uid and pid are the kernel's word */
        bool local;  /* over TCP from this machine, and the kernel says whose it is; only for counting */
        uid_t uid;   /* of both */
        bool ours;   /* the uid is the one that netinfod runs as */
        pid_t pid;
        struct address address; /* else: where from */
        uint16_t port;
        bool own;                   /* the address is one of this machine's */
        bool reserved;              /* and only its root can have opened the port */
        const struct tls_peer *tls; /* what the handshake said, the session's own; NULL: clear text */
        char text[PEER_TEXT];       /* "unix uid 0 pid 812", "10.0.0.7:1022", "leaf 10.0.0.9:4711 tls": for
                                       the journal and the log */
};

/* Of an accepted connection. False: the system does not say. */
bool peer_of_socket(int fd, struct peer *ret);
/* own: of a datagram or connection whose far address equals the near one, or is one of the machine's. */
struct peer peer_of_address(const struct sockaddr *far, const struct sockaddr *near);

/* May it call at all in clear text? The socket, this machine itself, and the networks that were named. */
bool peer_may_call(const struct peer *p, const struct config *c);
/* Inside TLS an address is good for nothing of what follows: the certificate counts, and LOGIN. */
/* Superuser without a password: uid 0 and our own over the socket; a reserved port of this machine where
 * historical writes are on (protocol.md 3.8 rule 1). */
bool peer_is_superuser(const struct peer *p, const struct config *c);
/* Are passwords in credentials looked at? From legacy_write_networks only; the socket counts as 127.0.0.1. */
bool peer_may_send_password(const struct peer *p, const struct config *c);
/* May it write at all, be it as nobody where `_writers` lists "*"? The socket, this machine, and
 * legacy_write_networks. */
bool peer_may_write(const struct peer *p, const struct config *c);

/* Is this one of the machine's own addresses? Asks the system at most every five seconds. Thread-safe. */
bool address_is_own(const struct address *a);

#endif
