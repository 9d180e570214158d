/* Reasons, put together. Private to this room. */
#ifndef NETINFO_TLS_WHY_H
#define NETINFO_TLS_WHY_H

#include "tls/library.h"

/* Always false, so that it can be returned. */
bool why_set(struct tls_why *why, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Puts words in front; what does not fit any more is cut off at the end. */
void why_prefix(struct tls_why *why, const char *prefix);

#endif
