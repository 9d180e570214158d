/* The accounts in this machine's own files. Programs decide by names what somebody may do (%sudo in sudoers,
 * AllowGroups of sshd, polkit) and find the name by the number, so no record of another domain may carry such
 * a name with another number, or such a number with another name (doc/resolution.md 10.2). */
#ifndef NETINFO_AGENT_OWN_H
#define NETINFO_AGENT_OWN_H

#include "base/bytes.h"

#include <stdbool.h>

#define OWN_PEOPLE 1000u /* from here on numbers are those of people */

struct own;
/* Knows no name yet. folder: where passwd and group are; "": nowhere. NULL: no memory. */
struct own *own_new(const char *folder);
void own_free(struct own *o);
/* Reads a file that is another one than last time (by its inode, size and times), or that is there no more.
 * One that cannot be read, or is over LIMIT_OWN_FILE, leaves what was known. True: the names may be others.
 */
bool own_refresh(struct own *o);
/* May no other domain's record of a user (else: a group) have this name and number? NULL: it may; else why
 * not. A domain that is trusted with numbers from min_id on may use names of those below OWN_PEOPLE. o may be
 * NULL: nothing is guarded. */
const char *own_guards(const struct own *o, bool user, struct bytes name, uint32_t number, uint32_t min_id);

#endif
