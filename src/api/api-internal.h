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

/* One domain: the servers that serve it, and the connection to one of them (protocol.md 4.6, 4.9). */
struct api_handle {
        pthread_mutex_t lock; /* a handle may be used by several threads, one call at a time */
        struct api_server *servers;
        unsigned count, current;
        bool direct;    /* one server given by name: no list, it is its own master */
        bool on_master; /* `current` is the master: writes may go out */
        struct client *client;
        int read_timeout, write_timeout;  /* seconds, 0 = default */
        atomic_bool abort_on, need_write; /* may be set while another thread's call waits */
        bool has_user, has_password;
        char user[256];
        uint32_t uid;
        char *password;
};

struct api_handle *handle_new(const struct api_server *servers, unsigned count, bool direct,
                              const struct api_handle *like);
void handle_free(struct api_handle *h);
/* One call of program version 2, with failover for reads and the master for writes; *ret borrows from the
 * client until the next call on the handle. The handle is locked by the caller. Gives the call's own status,
 * or NI_FAILED. */
enum ni_status handle_call(struct api_handle *h, enum ni_proc proc, const struct ni_args *args,
                           struct ni_result *ret);

/* The parent's address and tag as the current server has it (RPARENT). NI_NORESPONSE is waited for: as long
 * as the read timeout when the handle aborts, else as long as any call is repeated. */
enum ni_status handle_rparent(struct api_handle *h, struct api_server *ret);
/* An absolute domain path whose root is the top above `start` instead of above this host. */
ni_status api_open_above(struct api_handle *start, const char *path, const ni_fancyopenargs *args,
                         void **ret);
/* One atomic EDIT at the master; never repeated. Gives the call's own status, or NI_FAILED. The handle is
 * locked by the caller. */
enum ni_status handle_edit(struct api_handle *h, const struct ext_edit_args *args,
                           struct ext_edit_result *ret);

#endif
