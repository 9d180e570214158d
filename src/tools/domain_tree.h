/* `ni domain tree` and `ni domain name` (ni_domain.c has the command). */
#ifndef NETINFO_TOOLS_DOMAIN_TREE_H
#define NETINFO_TOOLS_DOMAIN_TREE_H

#include "tools/talk.h"

/* The hierarchy, `depth` levels below its top, from this machine's root or, with --server or --domain, from
 * what they name. */
void domain_tree(struct talk *t, unsigned depth);
/* The absolute name of a domain: of the path given, else of the one that --domain or --server names. */
void domain_name(struct talk *t, const char *path);

#endif
