/* Between the wire's borrowed views and the allocated lists of <netinfo/ni_prot.h>. */
#ifndef NETINFO_API_CONVERT_H
#define NETINFO_API_CONVERT_H

#include "base/arena.h"
#include "xdr/prop.h"

#include <netinfo/ni_prot.h>

/* Copies; free them with ni_name_free and so on. Out of memory ends the process (ni_util.h). */
ni_name api_name(struct bytes b);
ni_namelist api_namelist(struct namelist l);
ni_proplist api_proplist(struct proplist l);
/* Views: bytes borrow from the caller's list, arrays live in the arena. Arena full: an empty list and
 * a->failed. */
/* One longer than any server takes: a->failed, too. */
struct bytes wire_name(struct arena *a, ni_name_const name);
struct namelist wire_namelist(struct arena *a, ni_namelist l);
struct proplist wire_proplist(struct arena *a, ni_proplist l);

#endif
