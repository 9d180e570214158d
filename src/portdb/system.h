/* What this Linux does with port numbers whatever a registry says (doc/ports.md 1.7), and what its systemd
 * units expect. */
#ifndef NETINFO_PORTDB_SYSTEM_H
#define NETINFO_PORTDB_SYSTEM_H

#include "base/arena.h"
#include "portdb/claim.h"

struct port_system {
        uint16_t unprivileged_from;            /* ports below need CAP_NET_BIND_SERVICE */
        uint16_t ephemeral_from, ephemeral_to; /* handed out to connections */
        uint16_t rpc_from,
                rpc_to; /* source ports of the kernel's RPC client (NFS mounts); 0, 0: module not loaded */
        const char *reserved; /* ip_local_reserved_ports, "" when none */
};

/* Reads the sysctls below /proc/sys; what cannot be read has Linux' default. Texts live in the arena. */
void port_system_read(struct arena *a, struct port_system *ret);
/* Is the port in ip_local_reserved_ports ("8080,9000-9010")? */
bool port_system_reserved(const struct port_system *s, uint16_t port);

/* One listening address of a systemd socket unit. */
struct port_socket_unit {
        uint16_t port;
        uint8_t transport;
        const char *unit;    /* "sshd.socket" */
        const char *service; /* the unit that gets the socket: Service=, else the same name with .service */
};

/* Socket units found in systemd's folders (or below `root` instead of "/", for tests) that name `port`; 0 =
 * all ports. Number of entries written to *ret, which lives in the arena. A unit in an earlier folder hides
 * one of the same name in a later folder, as systemd has it. */
size_t port_socket_units(struct arena *a, const char *root, uint16_t port,
                         const struct port_socket_unit **ret);

#endif
