/* Words for statuses, and the exit status a program ends with (README "Manners"). */
#ifndef NETINFO_MODEL_STATUS_H
#define NETINFO_MODEL_STATUS_H

#include "netinfo/status.h"

/* The text of doc/tools.md 1.6; "(unknown error)" for other numbers. Static storage. */
const char *status_text(enum ni_status s);
/* The symbol, as in "NI_STALE"; "NI_?" for other numbers. Static storage. */
const char *status_symbol(enum ni_status s);
/* Exit status of `ni`: 0 ok, 1 failure, 3 not found, 4 conflict, 5 denied, 6 unreachable. */
int status_exit(enum ni_status s);

#endif
