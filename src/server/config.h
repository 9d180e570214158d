/* The configuration of netinfod (doc/man/netinfod.conf.5): `key = value` lines, defaults, and what the
 * command line lays over them. Read whole, checked whole, then used: a configuration is never changed, a
 * reload makes a new one. */
#ifndef NETINFO_SERVER_CONFIG_H
#define NETINFO_SERVER_CONFIG_H

#include "base/arena.h"
#include "binding/binding.h"
#include "model/network.h"
#include "sys/log.h"

#include <netinet/in.h>
#include <stdatomic.h>

struct endpoint {
        union {
                struct sockaddr sa;
                struct sockaddr_in in;
                struct sockaddr_in6 in6;
        } at;          /* port 0: any free one */
        bool optional; /* of the defaults: a host without IPv6 is no error */
};

struct endpoints {
        struct endpoint *v;
        unsigned n;
};

struct ports {
        uint16_t *v;
        unsigned n;
};

struct tag_switch { /* KEY.TAG = yes|no */
        struct bytes tag;
        bool on;
};

struct per_tag {
        bool otherwise;
        struct tag_switch *v;
        unsigned n;
};

struct parent_list { /* parent_servers.TAG (doc/binding.md 1) */
        struct bytes tag;
        struct binding_candidate *v;
        unsigned n;
};

struct dhcp_values { /* options 112 and 113 */
        uint32_t address[LIMIT_PARENTS];
        unsigned n;
        const char *tag;
};
enum confinement { CONFINE_NO, CONFINE_YES, CONFINE_STRICT };

enum config_auto { CONFIG_AUTO, CONFIG_YES, CONFIG_NO };

struct config {
        _Atomic unsigned holders;
        struct arena arena; /* everything below points into it */
        struct endpoints listen, tag_listen;
        bool listen_given;               /* somebody wrote `listen` down */
        enum config_auto wait_for_ports; /* a held main door does not stop the start (server/held.h) */
        struct ports tag_ports;          /* below 1024: those that a monitor opens for domains */
        const char *socket;              /* path, or "" for none */
        const char *machine; /* folder of what this machine is (doc/tls.md 1); NULL: the default; "": none */
        const char *plain_networks; /* where clear text is spoken nevertheless; NULL: nowhere */
        const char *default_domain; /* "" : network, else local */
        struct networks read_networks, write_networks;
        struct per_tag redact, historical_clones;
        struct per_tag force_root;
        struct parent_list *parents;
        unsigned parent_lists;
        struct dhcp_values dhcp;
        const char *dhcp_file; /* NULL: beside the socket's default place; "": none */
        bool wait_for_parent;  /* NI_RPARENT says NI_NORESPONSE while no parent answers, as NeXTSTEP did */
        enum config_auto answer_portmapper; /* at UDP port 111; auto: when nobody else has it */
        bool historical;                    /* tag local at 1033, as old libraries expect it */
        bool low_ports;             /* the monitor gives ports below 1024 for calling masters and clones */
        bool allow_empty_passwords; /* protocol.md 9 #11 */
        const char *user;           /* to become, when started as root; "" : stay */
        const char
                *agent_user; /* whose agent may see secrets over the socket; "" : nobody but the superuser */
        const char *host;    /* name for new domains; "" : the machine's */
        const char **addresses; /* IPv4 in text, for new domains and STATISTICS; none: the machine's */
        unsigned address_count;
        uint32_t connections, connections_per_source;
        uint32_t idle_timeout, stall_timeout; /* seconds */
        uint32_t workers;                     /* 0: one a core, at most 8 */
        uint32_t map_size;                    /* MiB; 0: the store's default */
        uint32_t journal_days, journal_entries;
        enum log_level log_level;
        enum confinement sandbox; /* a filter on system calls (server/confine.h) */
};

struct config_why {
        char text[512]; /* "FILE:LINE: what is wrong; what to do" */
};

/* What the command line adds: each is one "key=value"; they win over the file, lists replace the file's. */
struct config_overrides {
        const char *const *v;
        unsigned n;
};

/* Where a configuration comes from: all that reading it needs. Borrowed. */
struct config_source {
        const char *file;
        bool must_exist;
        struct config_overrides overrides;
        uint16_t default_port;
        const char *default_socket;
};

/* file: NULL for none. must_exist: whether a missing file is an error. default_port: of `listen` without a
 * port. NULL with *why filled on any mistake. */
struct config *config_read(const char *file, bool must_exist, struct config_overrides o,
                           uint16_t default_port, const char *default_socket, struct config_why *why);
/* The same over text in memory; `name` stands in messages. */
struct config *config_parse(struct bytes text, const char *name, struct config_overrides o,
                            uint16_t default_port, const char *default_socket, struct config_why *why);
/* Both from a source; text: of its file. */
struct config *config_load(const struct config_source *source, struct config_why *why);
struct config *config_load_text(const struct config_source *source, struct bytes text,
                                struct config_why *why);
struct config *config_hold(struct config *c);
/* The last one to let go frees it; NULL is fine. */
void config_release(struct config *c);

bool config_switch(const struct per_tag *s, struct bytes tag);
/* The candidates written down for this domain; NULL: none are, not even "none". */
const struct parent_list *config_parents(const struct config *c, struct bytes tag);
/* UDP is on only where historical peers were named (decision 4). */
bool config_udp(const struct config *c);
/* The keys in the order of the manual page; NULL-terminated. */
extern const char *const config_keys[];

#endif
