/* The parent with rights (decision 9, doc/server.md 2.2), root's, or that to open low ports alone: opens
 * sockets and reads the configuration for the server, its child, which runs as `user`, or as the parent's
 * user, without any right. It has no store, parses nothing that comes from the network, and starts the server
 * again when that crashes. */
#ifndef NETINFO_SERVER_MONITOR_H
#define NETINFO_SERVER_MONITOR_H

#include "server/opener.h"

struct monitor_options {
        const struct config_source *source;
        const char *domains;   /* the folder: made, and given to the user */
        struct opener *opener; /* the child's way to ask; its inherited sockets become the monitor's */
        /* The server, in the child: gives its exit status. again: one before it crashed. */
        int (*serve)(void *context, bool again);
        void *context;
        int first_fd; /* for the first server alone: closed here then; -1: none */
};

/* As root with `user` set, or as another user; without other threads; c is taken over. Returns the exit
 * status of the program, in the parent and in each child. */
int monitor_run(const struct monitor_options *o, struct config *c);

/* Makes the folder of the domains, mode 0700, the user's when it is root's. Also for --create. */
bool monitor_give_folder(const char *folder, uid_t uid, gid_t gid, struct config_why *why);

#endif
