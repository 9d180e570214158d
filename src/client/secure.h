/* Where TLS is spoken, and as whom (doc/tls.md 2.5). Private to this room. */
#ifndef NETINFO_CLIENT_SECURE_H
#define NETINFO_CLIENT_SECURE_H

#include "client/client.h"
#include "tls/identity.h"

#include <sys/socket.h>

#define SECURE_FOLDER "/var/lib/netinfo/machine"

enum secure_verdict {
        SECURE_CLEAR,   /* clear text */
        SECURE_TLS,     /* TLS, and nothing else */
        SECURE_REFUSED, /* neither: the reason says why, and the way out */
};

/* How this address is spoken to. SECURE_TLS: *ret is the caller's to release. The identity is read once, and
 * again when one of its files is another one. From any thread, and in a forked child. */
enum secure_verdict secure_judge(const struct sockaddr *to, struct tls_identity **ret, char *reason,
                                 size_t size);

#endif
