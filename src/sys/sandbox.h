/* A filter on system calls, for good: what a program does not use, somebody who took it over cannot use
 * either. */
#ifndef NETINFO_SYS_SANDBOX_H
#define NETINFO_SYS_SANDBOX_H

#include <stdbool.h>
#include <stdint.h>

/* A call that is allowed; with mask != 0 only when (argument & mask) == value (the lower 32 bits of it).
 * Several rules for one call stand for "or". */
struct sandbox_rule {
        uint32_t call; /* SYS_... */
        uint8_t argument;
        uint32_t mask, value;
        bool refused; /* fails with ENOSYS, also where everything else kills: libraries are known to try it */
};

enum sandbox_else {
        SANDBOX_REFUSE, /* everything else fails with ENOSYS: libraries go another way, as on an older kernel
                         */
        SANDBOX_KILL,   /* ends the process (SIGSYS): for tests, which are to find what is missing */
};

/* For this thread, which has to be the only one, and all that it starts. The first rules are the fastest.
 * Sets no_new_privs. 0; or an errno: ENOTSUP where there is no filter (another processor; a build with
 * sanitizers, which trace themselves), EINVAL when the kernel has none. */
int sandbox_enter(const struct sandbox_rule *rules, unsigned n, enum sandbox_else otherwise);

#endif
