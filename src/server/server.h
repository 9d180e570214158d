/* netinfod as a whole: what all its threads share. doc/server.md draws it. */
#ifndef NETINFO_SERVER_SERVER_H
#define NETINFO_SERVER_SERVER_H

#include "server/admission.h"
#include "server/forward.h"
#include "server/listener.h"
#include "server/machine.h"
#include "server/opener.h"
#include "server/parent.h"
#include "server/places.h"
#include "server/pool.h"
#include "server/portmap.h"
#include "server/registry.h"
#include "server/secret.h"
#include "server/withdrawn.h"
#include "server/worker.h"

#define SERVER_WORKERS_MAX 8u

/* What the command line says once and for all. */
struct server_options {
        const char *domains;   /* folder of the domains */
        const char *spools;    /* folder for unlinked temporary files */
        const char *authority; /* folder of the authority, which may be none */
        const char *machine;   /* folder of what this machine is, where the configuration names none */
        struct config_source source;
        struct opener *opener; /* of the doors */
        int ready_fd;          /* -1: none */
};

struct server {
        struct server_options options;
        struct config *config; /* of the main loop; workers hold their own reference */
        struct loop loop;      /* main: listeners, datagrams, signals, the set of domains */
        struct registry registry;
        struct admission *admission;
        struct secrets *secrets;
        struct machine *machine;
        struct withdrawn *withdrawn; /* serials that this server refuses (doc/tls.md 7) */
        struct authority *authority;
        struct pool *passwords, *long_reads, *transfers;
        struct worker worker[SERVER_WORKERS_MAX];
        unsigned workers; /* started */
        unsigned ended;   /* of those */
        struct listeners listeners;
        struct parents *parents;
        struct portmap *portmap;
        struct forwards *forwards;
        int lock_fd;   /* keeps a second netinfod out of the folder */
        int signal_fd; /* SIGTERM, SIGINT, SIGHUP: blocked in all threads, and read here by main */
        struct event signals, tick, orphan; /* orphan: the monitor is gone */
        bool stopping, accept_paused;
        uint64_t watchdog_ms, watched_ms; /* the service manager's: how often; when it last heard from us */
        uint64_t started_us, ticks;
        _Atomic uint64_t datagrams_dropped, records_dropped;
        struct places places;          /* of full transfers under way */
        _Atomic size_t buffered_bytes; /* in all connections' buffers */
};

/* Opens the folder, the domains and the doors; NULL with *why on failure. */
struct server *server_start(const struct server_options *o, struct config_why *why);
/* Until SIGTERM or SIGINT; then finishes what is queued. */
void server_run(struct server *s);
void server_free(struct server *s);

void server_worker_ended(struct note *note, void *server);

/* In the main loop: what the binder changes. A NI_OK may have been logged as a warning too. */
enum ni_status server_create_domain(struct server *s, struct bytes tag);
/* first: of a clone; NULL: a master. */
enum ni_status server_create_with(struct server *s, struct bytes tag, const struct domain_first *first);
enum ni_status server_destroy_domain(struct server *s, struct bytes tag);
/* A clone of the domain at `where` ("server/tag"). host, address: of its master, for the first directories;
 * "": what `where` tells. */
enum ni_status server_create_clone(struct server *s, struct bytes tag, const struct store_origin *origin,
                                   const char *host, const char *address);
/* The note of a REPLICA call with verb CLONE. */
void server_make_clone(struct note *note, void *server);

/* Connections allowed, by configuration and descriptors. */
unsigned server_most_connections(const struct config *c);

#endif
