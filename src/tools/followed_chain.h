/* The domains that the agent on this machine follows, nearest first, as `ni explain` and `ni doctor` look at
 * them: by its configuration, or beginning at the domain that --server and --domain name. */
#ifndef NETINFO_TOOLS_FOLLOWED_CHAIN_H
#define NETINFO_TOOLS_FOLLOWED_CHAIN_H

#include "agent/config.h"
#include "api/locate.h"
#include "tools/talk.h"

/* NI_OK: up to the root, or to the end of the configured list; else the status of the step that failed, and
 * ret->why says it. A wrong --server or --domain is said at once: then *ret_said. Free the chain in any case.
 */
enum ni_status followed_chain(struct talk *t, const struct agent_config *config, struct located_chain *ret,
                              bool *ret_said);
/* "local" for the first, then the absolute name, "tag@address" of a configured one, or "..", "../..". */
const char *followed_name(struct talk *t, const struct located_chain *c, unsigned level);

#endif
