/* What the files of libnetinfo share: the handle. */
#ifndef NETINFO_API_INTERNAL_H
#define NETINFO_API_INTERNAL_H

#include "api/convert.h"
#include "client/client.h"

#include <netinfo/netinfo.h>
#include <pthread.h>
#include <stdatomic.h>

#define NI_API __attribute__((visibility("default")))

/* count * size cleared bytes, at least one; never NULL: these calls have no way to report it, so the process
 * ends. */
void *api_alloc(size_t count, size_t size);

struct api_server {
        uint32_t addr; /* IPv4 as a number; 0: this host, found as decision 3 says, or unknown (`host`) */
        char tag[LIMIT_TAG + 1];
        char host[256]; /* as typed, "quill:1987" or "[2001:db8::1]"; "": addr says it */
};

/* Who answers the calls of a handle that has no server: a database on disk (nicl -raw). */
struct api_local {
        /* As client_ni and client_edit; what ret points to lives until the next call. */
        enum ni_status (*call)(void *context, enum ni_proc proc, const struct ni_args *args,
                               struct ni_result *ret);
        enum ni_status (*edit)(void *context, const struct ext_edit_args *args, struct ext_edit_result *ret);
        void *context; /* borrowed until ni_free */
};

/* One domain: the servers that serve it, and the connection to one of them (protocol.md 4.6, 4.9). */
struct api_handle {
        pthread_mutex_t lock; /* a handle may be used by several threads, one call at a time */
        struct api_server *servers;
        unsigned count, current;
        bool direct;    /* one server given by name: no list, it is its own master */
        bool on_master; /* `current` is the master: writes may go out */
        uint16_t port;  /* of servers that are known by address only, and of handles made from this one; 0:
                           found */
        struct client *client;
        int read_timeout, write_timeout;  /* seconds, 0 = default */
        atomic_bool abort_on, need_write; /* may be set while another thread's call waits */
        bool has_user, has_password;
        char user[256];
        uint32_t uid;
        char *password;
        const struct api_local *local; /* borrowed; NULL: calls go to servers */
};

struct api_handle *handle_new(const struct api_server *servers, unsigned count, bool direct,
                              const struct api_handle *like);
/* A handle for all ni_* calls, answered by `local`. */
void *handle_local(const struct api_local *local);
void handle_free(struct api_handle *h);
/* One call of program version 2, with failover for reads and the master for writes; *ret borrows from the
 * client until the next call on the handle. The handle is locked by the caller. Gives the call's own status,
 * or NI_FAILED. */
enum ni_status handle_call(struct api_handle *h, enum ni_proc proc, const struct ni_args *args,
                           struct ni_result *ret);

/* -- servers.c: who serves a domain */
#define API_SERVERS_MOST 256u /* servers of one domain that a client keeps */
struct api_servers {
        struct api_server v[API_SERVERS_MOST];
        unsigned n;
};
/* Appends one that is not there yet and whose tag is possible, as long as there is room. */
void api_servers_add(struct api_servers *l, uint32_t addr, struct bytes tag);
bool api_servers_own_address(uint32_t addr);
/* "10.9.0.1", or with a port that is not 0 "10.9.0.1:1987". */
void api_server_text(const struct api_server *s, uint16_t port, char *ret, size_t size);
/* What /machines says of the servers of a domain as seen from the handle's: values `prefix/tag` of serves,
 * with every ip_address of the machine. */
enum ni_status api_servers_named(struct api_handle *h, const char *prefix, struct api_servers *ret);
/* The servers of the handle's own domain: STATISTICS' domain_servers, else /machines (4.9). */
void api_servers_of(struct api_handle *h, struct api_servers *ret);
/* Near servers first; among equals chance decides, so that the clients of a domain spread (4.9). */
void api_servers_order(struct api_servers *l);
/* For climbing (4.6 "Loops"): remembers the servers of a level. True when one of them was there before. */
bool api_servers_climbed(struct api_servers *seen, const struct api_handle *h);

/* -- open.c */
/* Where opening a path ended, for a message. */
struct open_end {
        char component[256];      /* "" : it was the first one */
        bool loop;                /* "/": the parents name each other */
        bool absent;              /* no machine of the domain serves a child of this name */
        struct api_server parent; /* the one that was named and does not answer; tag "": none */
};
/* netinfo_open with more to say: `end` may be NULL. A loop ends "/" at the last domain that is new, as the
 * library's functions have it; who would write there looks at end->loop. */
ni_status open_path(struct api_handle *relative, const char *path, const ni_fancyopenargs *args,
                    struct api_handle **ret, struct open_end *end);
/* The same, which takes "host:port/tag" too. */
ni_status open_any(struct api_handle *relative, const char *path, const ni_fancyopenargs *args,
                   struct api_handle **ret, struct open_end *end);
/* The domain above. NI_NETROOT: there is none. *ret_tried (may be NULL): the parent that was named, also when
 * it does not answer; its tag is "" when none was. */
ni_status open_parent(struct api_handle *h, struct api_handle **ret, struct api_server *ret_tried);
/* "host:port/tag" without a connection. */
ni_status open_typed(const char *server, const char *tag, struct api_handle **ret);

/* -- name.c: the component under which a domain knows the server of a child (4.8). The caller frees it. */
ni_name name_below(struct api_handle *parent, const struct api_server *s);

/* The parent's address and tag as the current server has it (RPARENT). NI_NORESPONSE is waited for: as long
 * as the read timeout when the handle aborts, else as long as any call is repeated. */
enum ni_status handle_rparent(struct api_handle *h, struct api_server *ret);
/* An absolute domain path whose root is the top above `start` instead of above this host. */
ni_status open_above(struct api_handle *start, const char *path, const ni_fancyopenargs *args,
                     struct api_handle **ret, struct open_end *end);
/* One atomic EDIT at the master; never repeated. Gives the call's own status, or NI_FAILED. The handle is
 * locked by the caller. */
enum ni_status handle_edit(struct api_handle *h, const struct ext_edit_args *args,
                           struct ext_edit_result *ret);

/* The same without waiting (client_edit_ahead); no handle with `local`. */
enum ni_status handle_edit_ahead(struct api_handle *h, const struct ext_edit_args *args,
                                 uint32_t *ret_ticket);
/* Changes as operations, in the arena. False: too many, or no memory. */
bool edit_args_of(struct arena *arena, const char *what, const netinfo_change *changes, unsigned n,
                  struct ext_edit_args *ret);
/* EDIT has reasons of its own beside the statuses; none of them fits these changes: NI_SYSTEMERR. */
enum ni_status edit_status(uint32_t status);

/* One page of SEARCH, from any server of the domain; NI_STALE: the domain is not the one that the page before
 * came from. *ret as with handle_call. The handle is locked by the caller. */
enum ni_status handle_search(struct api_handle *h, const struct ext_search_args *args,
                             struct ext_search_result *ret);

#endif
