/* What this site's directory says about ports (doc/ports.md 5.3, 8): reading it for `ni port` and `ni ports`,
 * and writing a claim. */
#ifndef NETINFO_TOOLS_PORT_SITE_H
#define NETINFO_TOOLS_PORT_SITE_H

#include "portdb/site.h"
#include "tools/command.h"

/* Without a server named (there, in NETINFO_SERVER or NETINFO_SOCKET) only the UNIX socket of this machine's
 * own server is tried; unless `ask` names one, all of it takes 200 ms at most. */
port_site_load port_site_read;

/* `ni port` and `ni ports` with the directory; the first takes `ni port claim`, too. */
ni_command_run port_site_run, ports_site_run;
/* `ni port claim`. */
ni_command_run port_claim_run;

#endif
