/* Who holds ports on this machine now: asked from the kernel (NETLINK_SOCK_DIAG), joined with control groups
 * and processes, as far as the asker's rights go, and saying what stayed hidden (doc/ports.md 4). */
#ifndef NETINFO_PORTDB_LIVE_H
#define NETINFO_PORTDB_LIVE_H

#include "base/arena.h"
#include "portdb/claim.h"

enum port_socket_state {
        PORT_SOCKET_LISTEN,
        PORT_SOCKET_OPEN,      /* udp, not connected: receives from anybody */
        PORT_SOCKET_CONNECTED, /* either side of a connection; the port is its local one */
        PORT_SOCKET_CLOSING,   /* any other state on the way to closed */
        PORT_SOCKET_BOUND,     /* bound and silent: holds the port, and old tools do not show it */
};

/* Why there is no process in the answer. */
enum port_holder_kind {
        PORT_HELD_BY_PROCESS,
        PORT_HELD_BY_KERNEL, /* everything was readable and nobody has it: NFS client, WireGuard, a connection
                                after close */
        PORT_HELD_HIDDEN,    /* something was not readable */
        PORT_HELD_UNASKED,   /* processes were not looked for */
};

struct port_rpc;

struct port_process {
        uint32_t pid, uid;
        const char *command; /* /proc/PID/comm */
        const char *program; /* base name of the executable, "" when not readable */
        const char *line;    /* command line, arguments separated by blanks; "" when not readable */
        uint64_t started;    /* clock ticks after boot; 0 when not known */
};

struct port_socket {
        uint8_t family; /* 4, 6; 0 in lists that do not say */
        uint8_t transport, state;
        bool v6_only; /* family 6: takes no IPv4 connections */
        uint16_t port, peer_port;
        uint8_t address[16], peer[16]; /* as many bytes as the family has */
        uint32_t interface_index;
        uint32_t uid, inode;
        uint32_t waiting, backlog; /* listeners: connections not yet accepted, and how many may wait */
        uint64_t cgroup, cookie;
        uint64_t netns;                            /* inode of the namespace; 0: the asker's own */
        const char *path;                          /* control group below its mount, "" when not known */
        const char *unit, *container;              /* parts of that path; "" when there is none */
        const struct port_process *const *process; /* n of them */
        size_t processes;
        uint8_t held;               /* enum port_holder_kind */
        const struct port_rpc *rpc; /* what the port mapper says of it (portdb/rpc.h): rpcs of them */
        size_t rpcs;
};

struct port_live_query {
        uint16_t from, to;   /* 0..65535: all */
        uint8_t transports;  /* PORT_TCP | PORT_UDP; others are not asked */
        bool connections;    /* also connected and closing sockets: walks all of them in the kernel */
        bool silent;         /* bound silent sockets even where something listens: walks all of them, too */
        bool processes;      /* find the holders */
        bool all_holders;    /* every process that has the socket, not only the first */
        bool all_namespaces; /* every network namespace that a visible process is in (needs CAP_SYS_ADMIN) */
};

struct port_live {
        struct arena *arena;
        struct port_socket *socket;
        size_t n, cap;
        bool connections_asked, silent_asked;
        bool bound_visible;         /* the kernel can show bound silent sockets (Linux 6.8) */
        unsigned unreadable;        /* processes whose descriptors this asker may not read */
        unsigned closed_namespaces; /* namespaces that could not be entered */
        bool own_pid_namespace;     /* processes outside of this container cannot be seen */
        int error;                  /* errno when the kernel did not answer; 0 */
};

/* Fills *ret; memory from the arena. Listeners cost little however many connections there are, so they are
 * asked first; where no tcp socket listens on a single port, connections and silent sockets are asked in any
 * case, because nothing less proves it free. False when the kernel could not be asked at all (ret->error). */
bool port_live_ask(const struct port_live_query *q, struct arena *a, struct port_live *ret);

/* Who has this port of this machine, in words: "pid 812 (rpc.statd)". False, and `to` stays, when nobody is
 * seen to have it. Walks the processes: not for often. */
bool port_holder_text(uint16_t port, bool udp, char *to, size_t cap);

/* Text of an address ("0.0.0.0", "[::]", "*" for family 0). */
#define PORT_ADDRESS_BYTES 64
const char *port_address_text(uint8_t family, const uint8_t address[16], char to[static PORT_ADDRESS_BYTES]);
const char *port_socket_state_word(uint8_t transport, uint8_t state);

/* -- parts, for port_live_ask
 * -------------------------------------------------------------------------------------- */
bool port_live_push(struct port_live *l, const struct port_socket *s);
/* Dumps of this thread's network namespace. 0 or errno. */
int port_diag_dump(const struct port_live_query *q, uint64_t netns, struct port_live *l);
/* Fills path, unit and container of every socket that has a cgroup id. */
void port_cgroups_name(struct port_live *l);
/* Splits a control group's path. `unit` and `container` are borrowed from the arena, "" when there is none.
 */
void port_cgroup_split(struct arena *a, const char *path, const char **ret_unit, const char **ret_container);
/* Pids of the control group at `path`; calls back for each. */
void port_cgroup_pids(const char *path, void (*each)(uint32_t pid, void *context), void *context);
/* Fills process and held of every socket. */
void port_holders_find(struct port_live *l, bool all);

#endif
