/* What this machine shows of itself inside TLS (doc/tls.md 1, 5): read at the start, before the system calls
 * are confined; looked at once a minute, and at SIGHUP. Files are read in a pool's thread, never on a loop.
 */
#ifndef NETINFO_SERVER_MACHINE_H
#define NETINFO_SERVER_MACHINE_H

#include "model/network.h"
#include "tls/identity.h"

struct machine;
struct server;

#define MACHINE_EVERY_S 60u

/* Reads at once. NULL: no memory. */
struct machine *machine_start(struct server *s);
void machine_free(struct machine *m); /* NULL is fine; no pool runs any more */
/* In the main loop: reads again if a file of it has changed; always: whether or not. */
void machine_look(struct server *s, bool always);

/* A hold on what TLS is begun with here; NULL: TLS is not spoken. Thread-safe, as the next ones. */
struct tls_identity *machine_identity(struct machine *m);
/* Is there one? */
bool machine_speaks_tls(struct machine *m);
/* May this source begin one more handshake now (LIMIT_HANDSHAKES)? */
bool machine_turnstile(struct machine *m, const struct address *source, uint64_t now_ms);

#endif
