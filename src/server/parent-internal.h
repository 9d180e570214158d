/* What the files of parent*.c share. */
#ifndef NETINFO_SERVER_PARENT_INTERNAL_H
#define NETINFO_SERVER_PARENT_INTERNAL_H

#include "server/parent.h"
#include "server/pool.h"
#include "server/server.h"

#include <sys/stat.h>

/* What the domain's database says about its parent, read in a pool. While it is under way all but `wanted`
 * and `under_way` is the thread's. */
struct parent_look {
        struct task task;
        struct note note;
        bool wanted, under_way, known;
        uint64_t seq; /* the state it belongs to, when known */
        bool is_root; /* isRoot */
        struct binding_candidate candidate[LIMIT_PARENTS];
        struct binding_server own[LIMIT_PARENT_SERVERS];
        unsigned candidates, owns;
};

/* The chain above a server, asked for in a thread that may wait. */
struct parent_climb {
        struct task task;
        struct note note;
        bool wanted, under_way;
        unsigned next_number, number; /* next: while one is under way */
        struct binding_server next_from, from;
        uint16_t next_port, port, main_port; /* main_port: our own */
        struct binding_server chain[LIMIT_DEPTH];
        unsigned length;
};

/* A question inside TLS; while it is under way all of it is the thread's. */
struct parent_probe {
        struct task task;
        struct note note;
        struct parents *all;
        bool under_way, answered;
        enum binding_query query;
        uint32_t xid, addr, status, udp_port; /* the last two: answered */
        uint16_t port;                        /* where the datagram would have gone */
        char tag[LIMIT_TAG + 1];
        uint64_t deadline, used_ms;
        struct client *client; /* kept: the parent is asked again and again */
};

struct parent {
        struct parent *next;
        struct parents *all;
        struct domain *domain; /* a reference */
        struct binding *core;
        struct event timer;
        bool gone; /* freed when nothing is under way any more */
        uint64_t changed_ms;
        struct parent_look look;
        struct parent_climb climb;
};

struct parents {
        struct server *server;
        struct parent *first;
        int fd, news_fd, stop_fd; /* datagrams; netlink; readable when it is over */
        struct event readable, news, news_timer;
        struct pool *climbers, *probers;
        struct parent_probe probe[LIMIT_PARENT_PROBES];
        bool started, stopping;
        struct dhcp_values dhcp; /* of dhcp_file */
        struct stat dhcp_seen;   /* the file that they are of; all zero: there was none */
        char dhcp_tag[LIMIT_TAG + 1];
        bool has_dhcp;
        struct binding_actions actions; /* of the step at hand */
        struct buf out;
        uint64_t dropped; /* datagrams that answered no question */
};

/* One step of p's core, and what follows from it. */
void parent_step(struct parent *p, struct binding_event *e);

/* An answer, to whoever asked for it. False: nobody did. */
bool parent_deliver(struct parents *all, const struct binding_reply *r);

/* -- parent_secure.c -- */
/* True: this question must not be a datagram; it is asked inside TLS, if it is one that can be. */
bool parent_secure_ask(struct parents *all, const struct binding_action *a);
/* Closes connections that are needed no more, or all that nobody has in hand. */
void parent_secure_forget(struct parents *all, bool everything);

/* -- parent_look.c -- */
/* Begins to look; ends in parent_looked. */
void parent_look_begin(struct parent *p);
/* Reads dhcp_file. */
void parent_read_dhcp(struct parents *all);
/* Is it another one than that which was read? */
bool parent_dhcp_changed(const struct parents *all);
/* Active interfaces with IPv4. */
unsigned parent_interfaces(struct binding_interface to[LIMIT_PARENT_INTERFACES]);

/* -- parent_climb.c -- */
void parent_climb_begin(struct parent *p, const struct binding_action *a);

#endif
