/* What the server asks its monitor, and what that answers (doc/server.md 2.2). The server parses what
 * strangers send, so the monitor takes it for hostile: a request has one size, every field is looked at, and
 * only what the configuration names is allowed. Pure. */
#ifndef NETINFO_SERVER_MONITOR_MESSAGE_H
#define NETINFO_SERVER_MONITOR_MESSAGE_H

#include "server/config.h"

enum monitor_kind {
        MONITOR_MAIN = 1,  /* a port of `listen`; number 1: asked again, nobody reads why not */
        MONITOR_TAG,       /* a domain's port: of `tag_ports`, at an address of `tag_listen` */
        MONITOR_LOCAL,     /* the UNIX socket of `socket` */
        MONITOR_INHERITED, /* the number-th socket of the service manager */
        MONITOR_CONFIG,    /* the configuration, read anew */
        MONITOR_MAPPER,    /* UDP port 111, where `historical` and `answer_portmapper` allow it */
        MONITOR_RESERVED,  /* a datagram socket on loopback below 1024, where `historical` is on */
        MONITOR_CALLER, /* number 4 or 6: a stream socket from below 1024 that calls, where `low_ports` is on
                         */
        MONITOR_STATE,  /* number: enum monitor_state; not answered */
};

enum monitor_state { MONITOR_READY, MONITOR_RELOADING, MONITOR_STOPPING, MONITOR_ALIVE, MONITOR_STATES };

/* As it lies in one SOCK_SEQPACKET message between two processes of one program. */
struct monitor_request {
        uint32_t kind, number;
        uint16_t udp, family,
                port;        /* port in the machine's order; family AF_INET, AF_INET6, or 0 for no address */
        uint16_t turn;       /* comes back in the reply: one that comes late is of another turn */
        uint8_t address[16]; /* as struct address */
};

/* error 0: one descriptor came with it; else an errno, text says it in words. at, udp and local are of
 * INHERITED. */
struct monitor_reply {
        int32_t error;
        uint16_t udp, local, turn;
        struct endpoint at;
        struct config_why why;
};

struct monitor_request monitor_request_of(enum monitor_kind kind, uint32_t number, const struct endpoint *e,
                                          bool udp);
/* The fields of a message that came; false when it is none. */
bool monitor_request_decode(const void *message, size_t size, struct monitor_request *ret);
struct endpoint monitor_request_endpoint(const struct monitor_request *r);
/* Does the configuration name it? A main port gives *ret_endpoint as it is written down there. */
bool monitor_allows(const struct config *c, const struct monitor_request *r, struct endpoint *ret_endpoint);

#endif
