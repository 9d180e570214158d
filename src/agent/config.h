/* agent.conf (doc/agent.md "Configuration"): `key = value`, checked whole before it is used. */
#ifndef NETINFO_AGENT_CONFIG_H
#define NETINFO_AGENT_CONFIG_H

#include "agent/servers.h"
#include "base/arena.h"

#define AGENT_CONFIG_DOMAINS_MOST LIMIT_DEPTH

struct agent_config {
        struct arena arena; /* everything below points into it, or is static */
        const char *server; /* NULL: found as every client finds it */
        const char *domain;
        bool climb; /* every domain above `domain` is found by asking; else: */
        struct servers *above[AGENT_CONFIG_DOMAINS_MOST]; /* these, nearest first; max_domains of all */
        uint32_t above_count;
        uint32_t max_domains, max_directories, max_megabytes; /* of one domain above */
        uint32_t poll_interval;                               /* s */
        uint32_t parent_port;                                 /* 0: found as every client finds one */
        uint32_t min_id, publish_interval, quarantine;
        struct bytes *allow;
        size_t allow_count;
        uint32_t beside; /* whole images of so many directories are made by a process of their own */
        bool publish_hashes, allow_empty_passwords;
        const char *snapshots, *durable; /* durable "": none */
        const char *state;               /* "": none */
        const char *shadow_group;        /* "": none */
        const char *own_files;           /* folder of passwd and group; "": none */
        const char *machine;             /* folder of who this machine is (doc/tls.md 1); "": nobody */
        const char *plain_networks;      /* where clear text is spoken nevertheless (client_plain_has) */
};

struct agent_config_why {
        char text[256]; /* "FILE:LINE: reason; way out" */
};

/* The defaults; `below` (may be NULL) is the folder that --dir puts everything under. False: no memory. */
bool agent_config_defaults(struct agent_config *c, const char *below);
/* Lays a file's text over it; name stands in messages. On failure c is half changed: throw it away. */
bool agent_config_parse(struct agent_config *c, const char *name, struct bytes text,
                        struct agent_config_why *ret_why);
/* Reads the file. A missing one is an error only with must_exist. */
bool agent_config_read(struct agent_config *c, const char *file, bool must_exist,
                       struct agent_config_why *ret_why);
void agent_config_done(struct agent_config *c);

#endif
