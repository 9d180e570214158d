/* Candidates for a parent as an administrator or a DHCP client writes them (doc/binding.md 1). Pure. */
#ifndef NETINFO_SERVER_PARENT_CONFIG_H
#define NETINFO_SERVER_PARENT_CONFIG_H

#include "server/config.h"

/* 192.0.2.1[:port][/tag], broadcast[/tag]; without a tag "network". False with a reason in static storage. */
bool parent_word_parse(struct bytes word, struct binding_candidate *ret, const char **ret_why);
/* The file of a DHCP client's hook: the lines dhcp_parent_addresses and dhcp_parent_tag, and comments. What
 * it says came over the network: anything else is refused. *ret->tag points into `tag`. */
bool parent_dhcp_parse(struct bytes text, struct dhcp_values *ret, char tag[LIMIT_TAG + 1],
                       const char **ret_why);

#endif
