/* Names of machines (doc/tls.md 2.3). */
#ifndef NETINFO_TLS_NAME_H
#define NETINFO_TLS_NAME_H

#include "base/bytes.h"

#define TLS_NAME_MAX 63u /* bytes: one label of a host name, or a short name with dots */

/* Letters, digits, `-`, `.`; 1 to TLS_NAME_MAX bytes, none of `-` and `.` at its ends. Capitals become small
 * letters. False: ret is untouched. */
bool tls_name_make(struct bytes text, char ret[TLS_NAME_MAX + 1]);
/* Such a name already, in small letters? */
bool tls_name_valid(struct bytes text);
/* Is a machine of this (valid) name the one that was asked for as `host`? The same name; or the first label
 * of it where the machine's name has no dot. Capitals and a dot at the end of `host` do not count. */
bool tls_name_matches(const char *name, const char *host);

#endif
