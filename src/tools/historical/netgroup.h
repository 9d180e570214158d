/* Netgroups, which stand at their members (doc/tools.md 6.17): the property `netgroups` of directories in
 * /users, /machines and /netdomains. */
#ifndef NETINFO_TOOLS_HISTORICAL_NETGROUP_H
#define NETINFO_TOOLS_HISTORICAL_NETGROUP_H

#include "tools/historical/tool.h"

#include "xdr/prop.h"

/* Prints the netgroups that stand at members, one line each: "NAME (h,,) (,u,) (,,d)". */
ni_status netgroup_dump(const struct tool *t, void *handle);
/* Enters group `name` at the members its triples "(h,u,d)" name. A domain that is missing is created; a host
 * or user that is missing is named on stderr and left out. */
ni_status netgroup_enter(const struct tool *t, void *handle, struct bytes name, struct namelist members);

#endif
