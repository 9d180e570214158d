/* The TLS room (doc/tls.md) is a front, which programs link, and an implementation over OpenSSL in a shared
 * object of its own, which the front opens at first use: who never speaks TLS does not load OpenSSL, which
 * takes longer than all that a short command does (doc/decisions/0014-tls.md). */
#ifndef NETINFO_TLS_LIBRARY_H
#define NETINFO_TLS_LIBRARY_H

#include <stdbool.h>

struct tls_why {
        char text[512]; /* names the thing, the reason and the way out */
};

/* Opens the implementation, once; also said by each function that needs it. False: why (may be NULL) has the
 * reason, the same one at every call. Thread-safe. May read files, so a program that confines itself calls it
 * before. */
bool tls_usable(struct tls_why *why);

#endif
