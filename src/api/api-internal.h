/* What the files of libnetinfo share: the handle, and moving values between the wire's borrowed views and the
 * caller's allocated lists. */
#ifndef NETINFO_API_INTERNAL_H
#define NETINFO_API_INTERNAL_H

#include "client/client.h"

#include <netinfo/ni_util.h>
#include <pthread.h>

#define NI_API __attribute__((visibility("default")))

/* count * size cleared bytes, at least one; never NULL: these calls have no way to report it, so the process
 * ends. */
void *api_alloc(size_t count, size_t size);

struct api_server {
        uint32_t addr; /* IPv4 as one big-endian number; 0: this host, found as decision 3 says */
        char tag[LIMIT_TAG + 1];
};

/* One domain: the servers that serve it, and the connection to one of them (protocol.md 4.6, 4.9). */
struct api_handle {
        pthread_mutex_t lock; /* a handle may be used by several threads, one call at a time */
        struct api_server *servers;
        unsigned count, current;
        bool direct;    /* one server given by name: no list, it is its own master */
        bool on_master; /* `current` is the master: writes may go out */
        struct client *client;
        int read_timeout, write_timeout; /* seconds, 0 = default */
        bool abort_on, need_write;
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

/* Out of the wire's views into allocated lists, and back (views borrow from the caller's lists; arrays in the
 * arena). */
ni_name api_name(struct bytes b);
ni_namelist api_namelist(struct namelist l);
ni_proplist api_proplist(struct proplist l);
struct namelist wire_namelist(struct arena *a, ni_namelist l);
struct proplist wire_proplist(struct arena *a, ni_proplist l);

#endif
