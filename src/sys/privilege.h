/* Rights of a process: giving them up, for good. Linux; every call says what failed. */
#ifndef NETINFO_SYS_PRIVILEGE_H
#define NETINFO_SYS_PRIVILEGE_H

#include <stdbool.h>
#include <sys/types.h>

/* The user's numbers; 0, or an errno (ENOENT: there is none of this name). */
int privilege_find_user(const char *name, uid_t *ret_uid, gid_t *ret_gid);
/* Root becomes this user, with the user's groups, for good: no way back is left, no capability, and nothing
 * that is executed later gives any (no_new_privs). Who is this user already loses capabilities only. 0 or an
 * errno; the process has to end when it is not 0, as it may be neither one nor the other. */
int privilege_become(const char *name, uid_t uid, gid_t gid);
/* Whether this process may open ports below 1024. */
bool privilege_low_ports(void);
/* The process keeps only these capabilities (CAP_... of <linux/capability.h>; those it has of them), in all
 * sets, for good. 0 or an errno. */
int privilege_keep(const unsigned *capabilities, unsigned n);

#endif
