/* What the files of `ni getent` share. */
#ifndef NETINFO_TOOLS_NI_GETENT_H
#define NETINFO_TOOLS_NI_GETENT_H

#include "tools/talk.h"

/* One record, by key or the next of an enumeration (key NULL); printed, or appended to `all`. False: none,
 * errno says why, 0 for "not found". */
typedef bool getent_answer(const char *key, json_t *all);

getent_answer getent_hosts, getent_ahosts, getent_networks, getent_services, getent_protocols, getent_rpc,
        getent_ethers, getent_netgroup, getent_aliases, getent_gshadow;

/* A string, and a list of strings that ends with NULL. */
json_t *getent_text(const char *s);
json_t *getent_texts(char *const *list);

#endif
